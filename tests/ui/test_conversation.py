"""A ticket as a conversation: one's own words first, and what the desk carries for us only for whoever looks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from client.tickets import Mine
from client.ui import look
from client.ui.buttons import FlushLink
from client.ui.conversation import Conversation, Folded
from client.ui.prose import Prose
from client.ui.tickets_window import TicketsWindow
from tests.ui.every_window import running_session, until
from uploader.inbox import OwnTicket, RemoteFile, Reply

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


def test_by_keys_its_links_come_before_the_answer_and_words_that_open_nothing_are_passed(talk: Conversation) -> None:
    assert talk._shown is not None
    mine, (first, second), due, rating = talk._shown
    linked = replace(second, key="4", text="Mira https://help.example.org/cache y prueba otra vez.")
    talk.show_ticket(
        msgspec.structs.replace(mine, ticket=replace(mine.ticket, may=("reply",))), (first, second, linked), due, rating
    )
    until(lambda: len(shown(talk)) == 3)
    talk._scroll.setFocus(Qt.FocusReason.TabFocusReason)
    met = []
    while not talk.text.hasFocus():
        QTest.keyClick(talk.focusWidget(), Qt.Key.Key_Tab)
        met.append(talk.focusWidget())
        assert len(met) < 9
    assert met[0] is talk.findChildren(Folded)[0].button
    assert met[-2] is talk.findChildren(Prose)[-1]
    assert len(met) == 3


def test_what_is_shown_once_more_unchanged_keeps_what_was_marked_in_it(talk: Conversation) -> None:
    assert talk._shown is not None
    answer = talk.findChildren(Prose)[-1]
    answer.selectAll()
    talk.show_ticket(*talk._shown)
    assert talk.findChildren(Prose)[-1] is answer
    assert answer.textCursor().selectedText() == ANSWER


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


def test_an_answer_of_ones_own_is_its_words_alone(talk: Conversation) -> None:
    assert talk._shown is not None
    mine, replies, due, rating = talk._shown
    own = Reply("3", "ana", True, NOW, "Versión 4.2.\n\nTestigo 20261129-190955-abcdef0124")
    talk.show_ticket(mine, (*replies, own), due, rating)
    until(lambda: len(shown(talk)) == 3)
    assert shown(talk)[-1] == "Versión 4.2."
    assert len([folded for folded in talk.findChildren(Folded) if folded.isVisible()]) == 1


def test_under_high_contrast_words_lie_on_the_ground_and_in_no_white_field(
    app: QApplication, talk: Conversation
) -> None:
    look.apply(app, "light", high_contrast=True)
    QTest.qWait(50)
    words = next(prose for prose in talk.findChildren(Prose) if prose.isVisible())
    picture, corner = talk.grab().toImage(), words.mapTo(talk, words.rect().bottomRight())
    assert picture.pixel(corner.x() - 1, corner.y() - 1) == picture.pixel(corner.x() + 3, corner.y() - 1)


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


def test_the_focus_stays_in_the_field_after_sending(talk: Conversation) -> None:
    talk.text.setPlainText("Es la del pasillo")
    talk.send.setFocus()
    talk.send.click()
    assert talk.focusWidget() is talk.text


def test_a_file_of_the_desk_shows_the_last_part_of_its_name_without_direction_marks(talk: Conversation) -> None:
    assert talk._shown is not None
    mine, replies, due, rating = talk._shown
    evil = RemoteFile("1", "..\\..\\etc/factura\u202efdp.exe")
    talk.show_ticket(mine, (replace(replies[1], files=(evil,)),), due, rating)
    (link,) = [b for b in talk.findChildren(FlushLink) if b.text().startswith("factura")]
    assert link.text() == "facturafdp.exe"
    assert "etc" not in link.toolTip()


def test_the_question_how_it_was_hides_no_last_words(talk: Conversation) -> None:
    assert talk._shown is not None
    mine, replies, due, _ = talk._shown
    long = tuple(replace(replies[1], key=f"{n}", text="Palabras. " * 30) for n in range(6))
    talk.show_ticket(mine, long, due, "")
    bar = talk._scroll.verticalScrollBar()
    until(lambda: bar.maximum() > 0 and bar.value() == bar.maximum())
    QTest.qWait(700)
    talk.show_ticket(msgspec.structs.replace(mine, ticket=replace(mine.ticket, state="solved")), long, due, "stars")
    until(talk.rating.isVisible)
    QTest.qWait(100)
    assert bar.value() == bar.maximum()


def test_the_words_at_the_end_stay_seen_while_one_writes_and_rates_and_the_own_answer_is_gone_to(
    talk: Conversation,
) -> None:
    assert talk._shown is not None
    mine, replies, due, _ = talk._shown
    long = tuple(replace(replies[1], key=f"{n}", text="Palabras. " * 30) for n in range(6))
    solved = replace(mine.ticket, state="solved", may=("reply",))
    talk.show_ticket(mine := msgspec.structs.replace(mine, ticket=solved), long, due, "stars")
    bar = talk._scroll.verticalScrollBar()
    until(lambda: bar.maximum() > 0 and bar.value() == bar.maximum())
    until(lambda: not talk._to_end.isActive())
    before = bar.maximum()
    talk.rating.stars[3].click()
    until(lambda: bar.maximum() > before, "the comment takes no room")
    assert bar.value() == bar.maximum()
    before = bar.maximum()
    talk.text.setPlainText("Una línea\n" * 6)
    until(lambda: bar.maximum() > before, "the field does not grow")
    assert bar.value() == bar.maximum()
    bar.setValue(0)
    talk.send.click()
    talk.show_ticket(mine, (*long, replace(replies[1], key="own", mine=True)), due, "stars")
    until(lambda: len(shown(talk)) == 7)
    until(lambda: not talk._to_end.isActive())
    assert bar.value() == bar.maximum() > 0


def test_the_question_how_it_was_is_gone_where_the_ticket_is_open_again(talk: Conversation) -> None:
    assert talk._shown is not None
    mine, replies, due, _ = talk._shown
    for state, seen in (("solved", True), ("open", False), ("closed", True), ("waiting", False)):
        rated = msgspec.structs.replace(mine, ticket=replace(mine.ticket, state=state), score=4)
        talk.show_ticket(rated, replies, due, "stars")
        assert talk.rating.isVisible() is seen, state


@pytest.mark.parametrize(("kept", "word"), [("", "Save"), ("stars", "Send"), ("thumbs", "Send")])
def test_a_rating_that_no_desk_keeps_is_saved_and_not_sent(talk: Conversation, kept: str, word: str) -> None:
    assert talk._shown is not None
    mine, replies, due, _ = talk._shown
    solved = msgspec.structs.replace(mine, ticket=replace(mine.ticket, state="solved"))
    talk.show_ticket(solved, replies, due, kept)
    assert talk.rating.send.text() == word


def test_what_another_process_read_is_shown_at_f5_and_when_the_window_is_come_back_to(app: QApplication) -> None:
    with running_session() as (session, bridge):
        keep = session.tickets._keep
        keep("folder", OwnTicket("T-1", "1", "", "Pedido", "open", "", "", NOW, NOW, may=()), ())
        window = TicketsWindow(session, bridge)
        window.show()
        until(lambda: window.list.count() == 1)
        keep("folder", OwnTicket("T-2", "2", "", "Impresora", "open", "", "", NOW, NOW, may=()), ())
        QTest.keyClick(window.list, Qt.Key.Key_F5)
        until(lambda: window.list.count() == 2)
        keep("folder", OwnTicket("T-3", "3", "", "Ratón", "open", "", "", NOW, NOW, may=()), ())
        other = QWidget()
        other.show()
        other.activateWindow()
        until(lambda: not window.isActiveWindow())
        window.activateWindow()
        until(lambda: window.list.count() == 3)
        other.close()
        window.close()


def test_a_ticket_without_replies_is_asked_for_once_and_its_subject_stands_there_at_once(app: QApplication) -> None:
    with running_session() as (session, bridge):
        keep = session.tickets._keep
        keep("folder", OwnTicket("T-1", "1", "", "Pedido", "open", "", "", NOW, NOW, may=()), ())
        keep("folder", OwnTicket("T-2", "2", "", "Impresora", "solved", "", "", NOW, NOW, may=()), ())
        asked: list[str] = []
        session.tickets.__dict__["mark_read"] = lambda mine: asked.append(mine.ticket.id)
        window = TicketsWindow(session, bridge)
        window.show()
        until(lambda: window.list.count() == 2)
        window.list.setCurrentRow(1)
        assert window.talk.subject.text() in ("Pedido", "Impresora")
        until(lambda: asked)
        QTest.qWait(400)  # it went round without end: asked, shown, asked
        assert len(asked) == len(set(asked))
        window.close()
