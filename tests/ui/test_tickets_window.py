"""My tickets, the window, over a desk that holds more than is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from client.draft import Draft
from client.report import DeskAsked, TicketNews
from client.session import Session
from client.ui.buttons import FlushLink
from client.ui.pieces import Label, Menu, StateLabel
from client.ui.prose import Prose
from client.ui.report_form import ReportForm
from client.ui.report_words import news_words
from client.ui.rows import ROW
from client.ui.tickets_window import TicketsWindow
from tests.client.story_desk import StoryDesk, tickets_of
from tests.ui.every_window import running_session, until
from uploader.errors import Temporary
from uploader.inbox import MOST_TICKETS, OwnTicket, RemoteFile, Reply


def test_the_window_says_that_there_are_older_ones(app: QApplication) -> None:
    with running_session() as (session, bridge):
        desk = StoryDesk()
        for number in range(MOST_TICKETS + 1):
            desk.write(f"T{number}", number)
        tickets_of(desk, session.paths.data).look("folder")
        window = TicketsWindow(session, bridge)
        window.show()
        until(lambda: window.list.count() == MOST_TICKETS)
        assert "older ones at the help desk only" in window._foot.text()
        window.close()


@pytest.fixture
def away(app: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Session, TicketsWindow]]:
    """My tickets, with one ticket of a desk that cannot be reached."""
    monkeypatch.setenv("TESTIGO_SECRET_MESA", "x")
    with running_session() as (session, bridge):
        session.paths.settings_file.write_text('[desks.mesa]\nkind = "rt"\nurl = "http://127.0.0.1:9"\nuser = "ana"\n')
        session.change({"report.desk": "mesa"})
        now = datetime.now(UTC)
        ticket = OwnTicket("4711", "4711", "", "Pedido", "open", "", "", now, now, may=("reply",))
        session.tickets._keep("mesa", ticket, (Reply("1", "ana", True, now, "No va"),))
        window = TicketsWindow(session, bridge)
        window.show()
        until(lambda: shown(window) == ["No va"])
        yield session, window
        window.close()


def test_what_lies_in_the_folder_on_this_computer_is_not_said_to_be_with_a_help_desk(app: QApplication) -> None:
    with running_session() as (session, bridge):
        session.change({"sla.answer": "*=1h"})
        session.send_now(session.submit(session.new_draft(summary="No imprime")))
        window = TicketsWindow(session, bridge)
        wanted: list[bool] = []
        window.connect_wanted.connect(lambda: wanted.append(True))
        window.show()
        until(lambda: window.talk.state.text() == "On this computer")
        until(lambda: "Connect a help desk…" in links(window))
        assert "Open its folder" in links(window)
        said = " ".join(label.text() for label in window.talk._scroll.findChildren(Label))
        assert "nobody has received it" in said
        assert "mail" not in said + window.talk.note.text()
        row = window.list.item(0).data(ROW)
        assert row.detail.startswith("On this computer · T-000001"), "and nobody owes an answer"
        link(window, "Connect a help desk…").click()
        assert wanted
        window.close()


def test_why_a_desk_could_not_be_asked_stands_there_whatever_it_was(away: tuple[Session, TicketsWindow]) -> None:
    _, window = away
    tell = window._bridge.tell
    tell(DeskAsked("mesa", begun=True))
    until(lambda: "Asking the help desk…" in window._foot.text())
    tell(DeskAsked("mesa", fault=Temporary("the help desk answered “503”", status="503")))
    until(lambda: window.talk.note.text().startswith("“mesa” could not be asked: The help desk answered “503”."))
    assert "Asking" not in window._foot.text()
    tell(DeskAsked("mesa", begun=True))
    tell(DeskAsked("mesa"))
    until(lambda: window.talk.note.text() == "")


def shown(window: TicketsWindow) -> list[str]:
    return [prose.toPlainText() for prose in window.talk.findChildren(Prose) if prose.isVisible()]


def states(window: TicketsWindow) -> str:
    labels = window.talk._scroll.findChildren(StateLabel)
    return " ".join(label.text() for label in labels if label.isVisible())


def links(window: TicketsWindow) -> list[str]:
    return [one.text() for one in window.talk.findChildren(FlushLink) if one.isVisible()]


def link(window: TicketsWindow, words: str) -> FlushLink:
    return next(one for one in window.talk.findChildren(FlushLink) if one.text() == words and one.isVisible())


def test_an_answer_that_waits_for_the_desk_stands_in_its_conversation(away: tuple[Session, TicketsWindow]) -> None:
    session, window = away
    QTest.keyClicks(window.talk.text, "Sigue igual")
    window.talk.send.click()
    until(lambda: shown(window) == ["No va", "Sigue igual"])
    assert "Waiting to be sent" in states(window)
    (waits,) = session.deliveries()
    session.send_now(waits.report_id)
    until(lambda: "The help desk does not answer" in states(window))
    assert window.talk.note.text() == "", "it is said at its words, once"
    QTest.keyClick(window.list, Qt.Key.Key_F5)
    QTest.qWait(200)
    assert shown(window) == ["No va", "Sigue igual"]
    asked: list[bool] = []
    window.outbox_wanted.connect(lambda: asked.append(True))
    link(window, "Show in “On their way”").click()
    assert asked


def test_an_answer_begun_in_the_form_is_gone_on_with_and_an_empty_one_leaves_nothing(
    away: tuple[Session, TicketsWindow],
) -> None:
    session, window = away
    forms: list[ReportForm] = []

    def open_form(draft: Draft) -> None:
        forms.append(ReportForm(session, window._bridge, draft, tuple))
        forms[-1].show()

    window.form_wanted.connect(open_form)
    window.talk.attach.click()
    until(lambda: len(forms) == 1)
    assert not forms[0].diagnostics.tick.isChecked()
    assert forms[0].fields.description.placeholderText() == "Your answer"
    QTest.keyClick(forms[0], Qt.Key.Key_Escape)
    assert not session.drafts()

    QTest.keyClicks(window.talk.text, "Mira esto")
    window.talk.attach.click()
    until(lambda: len(forms) == 2)
    assert window.talk.text.toPlainText() == ""
    QTest.keyClick(forms[1], Qt.Key.Key_Escape)
    window.refresh()
    until(lambda: shown(window) == ["No va", "Mira esto"])
    assert "Draft" in states(window)
    QTest.keyClicks(window.talk.text, "y esto")
    window.talk.attach.click()
    until(lambda: len(forms) == 3)
    assert forms[2].fields.description.toPlainText() == "Mira esto"
    assert window.talk.text.toPlainText() == "y esto"
    assert "is open again" in window.talk.note.text()
    assert len(session.drafts()) == 1
    forms[2].close()


def test_ctrl_f_goes_to_the_search_and_the_menu_of_a_row_is_had_by_keys(away: tuple[Session, TicketsWindow]) -> None:
    _, window = away
    window.activateWindow()
    assert QTest.qWaitForWindowActive(window)
    window.talk.text.setFocus()
    QTest.keyClick(window.talk.text, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert window.search.hasFocus()
    assert window.talk.text.toPlainText() == ""
    window.list.setFocus()
    QTest.keyClick(window.list, Qt.Key.Key_F10, Qt.KeyboardModifier.ShiftModifier)
    (menu,) = window.findChildren(Menu)
    assert [action.text() for action in menu.actions()] == ["Reply"]
    menu.actions()[0].trigger()
    assert window.talk.text.hasFocus()
    menu.close()


def test_news_say_what_they_are_about_and_a_mark_of_ours_is_no_number() -> None:
    now = datetime.now(UTC)
    ticket = OwnTicket("77", "77", "", "La pantalla parpadea", "open", "", "", now, now)
    reply = Reply("1", "Marta", False, now, "¿Desde\ncuándo?")
    assert news_words(TicketNews("mesa", ticket, (reply,))) == (
        "“La pantalla parpadea”: there is an answer", "#77 · ¿Desde cuándo?",
    )  # fmt: skip
    long = news_words(TicketNews("mesa", ticket, (replace(reply, text="palabra " * 40),)))[1]
    assert long.endswith(" palabra…"), "cut behind a whole word, and that it was cut is seen"
    pictures = replace(reply, text="", files=(RemoteFile("1", "a.png"), RemoteFile("2", "b.png")))
    assert news_words(TicketNews("mesa", ticket, (pictures,)))[1] == "#77 · 2 files came with it. Click to see them."
    marked = replace(ticket, id="20261129-230608-113e7b2fa", state="solved")
    assert news_words(TicketNews("mesa", marked, (), solved=True)) == (
        "“La pantalla parpadea”: it is solved", "Click to read it, or to say that it is not.",
    )  # fmt: skip


def test_a_row_without_a_number_of_the_desks_shows_the_day_and_no_mark_of_ours(app: QApplication) -> None:
    with running_session() as (session, bridge):
        now = datetime.now(UTC)
        ticket = OwnTicket("20261129-230608-113e7b2fa", "k", "", "Pedido", "open", "", "", now, now)
        session.tickets._keep("folder", ticket, ())
        window = TicketsWindow(session, bridge)
        window.show()
        until(lambda: window.list.count() == 1)
        detail = window.list.item(0).data(Qt.ItemDataRole.AccessibleTextRole)
        assert "2026" not in detail
        assert "today" in detail
        window.close()


def test_that_a_desk_is_away_is_said_by_its_name_at_each_of_its_tickets(away: tuple[Session, TicketsWindow]) -> None:
    session, window = away
    now = datetime.now(UTC)
    session.tickets._keep("mesa", OwnTicket("4712", "4712", "", "Ratón", "open", "", "", now, now), ())
    QTest.keyClick(window.list, Qt.Key.Key_F5)
    assert "Asking" in window._foot.text()
    until(
        lambda: (
            window.list.count() == 2
            and "“mesa” could not be asked: The help desk does not answer." in window.talk.note.text()
        )
    )
    until(lambda: "Asking" not in window._foot.text())
    for row in (1, 0):
        window.list.setCurrentRow(row)
        until(lambda: "“mesa” could not be asked: The help desk does not answer." in window.talk.note.text())
        assert "127.0.0.1" not in window.talk.note.text()
