"""A ticket as a conversation: one's own words first, and what the desk carries for us only for whoever looks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from client.tickets import Mine
from client.ui import look
from client.ui.conversation import Conversation, Folded
from client.ui.prose import Prose
from tests.ui.every_window import until
from uploader.inbox import OwnTicket, Reply

NOW = datetime.now(UTC)
SUM = "3f" * 32
FIRST = f"""No puedo pagar el pedido.

Tipo: incidente
Prioridad: alta
De: Ana <ana@example.org>

Archivos como enlace:
video.mp4: https://files.example.org/{"a" * 90}
41.0 MB, hasta el 2026-12-06
SHA-256: {SUM}

Testigo 20261129-190955-abcdef0123"""
ANSWER = "Gracias, Ana. ¿Qué versión tienes?"


@pytest.fixture
def talk(app: QApplication) -> Iterator[Conversation]:
    found = Conversation(look.Phrases(app))
    ticket = OwnTicket("T-1", "1", "", "Pedido", "open", "", "", NOW, NOW)
    replies = (Reply("1", "ana", True, NOW, FIRST), Reply("2", "Marta", False, NOW, ANSWER))
    found.resize(look.sized(380), look.sized(500))
    found.show_ticket(Mine("helpdesk", ticket, 0, 2), replies, "", "")
    found.show()
    until(lambda: len(shown(found)) == 2)
    yield found
    found.close()


def shown(talk: Conversation) -> list[str]:
    return [prose.toPlainText() for prose in talk.findChildren(Prose) if prose.isVisible()]


def test_of_the_first_message_only_the_own_words_are_seen(talk: Conversation) -> None:
    assert shown(talk) == ["No puedo pagar el pedido.", ANSWER]


def test_what_was_sent_with_it_is_a_key_away_and_stays_open_when_news_come(talk: Conversation) -> None:
    (folded,) = talk.findChildren(Folded)
    folded.button.setFocus()
    QTest.keyClick(folded.button, Qt.Key.Key_Return)
    assert SUM in folded.words.toPlainText()
    assert "20261129-190955-abcdef0123" in folded.words.toPlainText()
    assert talk._shown is not None
    mine, replies, due, rating = talk._shown
    talk.show_ticket(mine, (*replies, replace(replies[1], key="3")), due, rating)
    until(lambda: len(shown(talk)) == 4)
    QTest.keyClick(talk.findChildren(Folded)[-1].button, Qt.Key.Key_Return)
    until(lambda: len(shown(talk)) == 3)


def test_a_sum_and_a_long_address_stay_inside_the_window(talk: Conversation) -> None:
    (folded,) = talk.findChildren(Folded)
    folded.button.click()
    QTest.qWait(50)
    prose = folded.words
    assert prose.document().idealWidth() <= prose.width()
    assert prose.mapTo(talk, prose.rect().topRight()).x() <= talk.width() - look.L
    assert prose.height() >= prose.document().size().height(), "all of its lines are seen"


def test_the_conversation_is_as_high_as_its_words(talk: Conversation) -> None:
    for prose in talk.findChildren(Prose):
        if prose.isVisible():
            assert prose.height() <= prose.document().size().height() + look.sized(4)
