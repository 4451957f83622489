from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QMenu, QMessageBox

from client.report import Delivery, DeliveryChanged, DeliveryProgress, Trouble
from client.session import Session
from client.ui.bridge import Bridge
from client.ui.outbox_window import OutboxWindow, shortened
from client.ui.rows import ROW, Row
from client.words import moment
from tests.ui.every_window import NOW, hold_deliveries, running_session, until
from uploader.ticket import TicketRef


@pytest.fixture
def world(app: QApplication) -> Iterator[tuple[Session, Bridge]]:
    with running_session() as both:
        yield both


def opened(world: tuple[Session, Bridge]) -> OutboxWindow:
    window = OutboxWindow(*world)
    window.show()
    window.activateWindow()
    assert QTest.qWaitForWindowActive(window)
    window.list.setFocus()
    return window


def rows(window: OutboxWindow) -> list[Row]:
    return [window.list.item(number).data(ROW) for number in range(window.list.count())]


def submitted(session: Session, summary: str) -> str:
    return session.submit(session.new_draft(summary=summary))


def actions(window: OutboxWindow) -> list[str]:
    there = [b for b in window.findChildren(QAbstractButton) if b.isVisibleTo(window) and b is not window.links]
    return [button.accessibleName() for button in there]


def answer(app: QApplication, words: str) -> None:
    """Presses this button of the question that is open."""
    until(app.activeModalWidget)
    box = app.activeModalWidget()
    assert isinstance(box, QMessageBox)
    next(button for button in box.buttons() if button.text() == words).click()


def test_drafts_waiting_and_sent_reports_are_shown_with_what_they_need(world: tuple[Session, Bridge]) -> None:
    session, _ = world
    session.new_draft(summary="A draft")
    submitted(session, "One that waits")
    session.send_now(submitted(session, "One that was sent"))
    window = opened(world)
    until(lambda: len(rows(window)) == 3)
    assert [(row.title, row.state) for row in rows(window)] == [
        ("A draft", "Draft"),
        ("One that waits", "Waiting"),
        ("One that was sent", "Sent"),
    ]
    assert rows(window)[2].detail.endswith(" · T-000001")


def test_what_needs_the_person_stands_first(world: tuple[Session, Bridge]) -> None:
    session, _ = world
    session.new_draft(summary="Begun")
    paused = Delivery("p", "Stopped", "needs_you", NOW, last_error=Trouble("cancelled", "x"))
    refused = Delivery("n", "Refused", "needs_you", NOW - timedelta(days=9), last_error=Trouble("refused", "x"))
    waits, sent = Delivery("w", "Waits", "queued", NOW), Delivery("s", "There", "sent", NOW)
    hold_deliveries(session, sent, waits, paused, refused, Delivery("g", "Goes", "sending", NOW))
    window = opened(world)
    until(lambda: len(rows(window)) == 6)
    assert [row.title for row in rows(window)] == ["Refused", "Goes", "Begun", "Stopped", "Waits", "There"]


def test_whatsapp_is_handed_what_the_chosen_report_is_about_once_it_was_shown(
    world: tuple[Session, Bridge], monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _ = world
    addresses: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: addresses.append(url.toString()))
    session.change({"contact.whatsapp": "+57 300 123 4567"})
    away = Trouble("unreachable", "x")
    answer_ = TicketRef("T-93", "https://desk.example.org/93")
    hold_deliveries(
        session,
        Delivery("a", "The lift stands", "queued", NOW, last_error=away),
        Delivery("b", "T-93: It smells", "queued", NOW - timedelta(hours=1), last_error=away, reply_to=answer_),
    )
    window = opened(world)
    until(window.support.fold.isVisible)
    window.list.setCurrentRow(1)
    window.support.fold.click()
    way = next(b for b in window.support._card.findChildren(QAbstractButton) if "WhatsApp" in b.text())
    way.click()
    (box,) = window.findChildren(QMessageBox)
    assert "“T-93: It smells · https://desk.example.org/93”" in box.informativeText()
    assert addresses == []
    next(button for button in box.buttons() if button.text() == "Hand over").click()
    until(lambda: addresses)
    assert addresses[0].startswith("https://wa.me/573001234567?text=T-93")


def test_answers_to_one_ticket_are_told_apart_by_their_first_words(world: tuple[Session, Bridge]) -> None:
    session, _ = world
    values: dict[str, Any] = {"summary": "T-93: It smells", "reply_to": TicketRef("T-93", "")}
    session.submit(session.new_draft(description="In the kitchen.\nNot in the hall.", **values))
    session.new_draft(description="Only since yesterday, and only in the mornings before nine", **values)
    session.new_draft(description="", **values)
    window = opened(world)
    until(lambda: len(rows(window)) == 3)
    told = [row.detail.partition(" · ")[0] for row in rows(window)]
    assert sorted(told) == [
        "Answer",
        "Answer: In the kitchen. Not in the hall.",
        "Answer: Only since yesterday, and only in…",
    ]


def test_a_next_try_that_was_due_is_told_as_soon_and_never_as_a_past_time(world: tuple[Session, Bridge]) -> None:
    session, _ = world
    late, later = NOW - timedelta(hours=30), NOW + timedelta(days=400)
    queued = Delivery("a", "x", "queued", NOW, attempts=3, not_before=late, last_error=Trouble("unreachable", "x"))
    hold_deliveries(session, queued, replace(queued, report_id="b", not_before=later))
    window = opened(world)
    until(lambda: len(rows(window)) == 2)
    details = {row.key: row.detail for row in rows(window)}
    assert details["a"].endswith("Next try when its turn comes.")
    assert details["b"].endswith(f"Next try {moment(later)}.")


def test_an_empty_outbox_says_what_will_appear(world: tuple[Session, Bridge]) -> None:
    window = opened(world)
    assert "Nothing is on its way" in [label.text() for label in window.findChildren(type(window.empty.title))]
    assert window.empty.isVisible()


def test_enter_continues_a_draft_and_opens_a_ticket(
    world: tuple[Session, Bridge], monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _ = world
    draft = session.new_draft(summary="A draft")
    session.send_now(submitted(session, "One that was sent"))
    window = opened(world)
    until(lambda: len(rows(window)) == 2)
    heard: list[str] = []
    addresses: list[QUrl] = []
    window.draft_wanted.connect(heard.append)
    monkeypatch.setattr(QDesktopServices, "openUrl", addresses.append)
    QTest.keyClick(window.list, Qt.Key.Key_Return)
    assert heard == [draft.id]
    QTest.keyClick(window.list, Qt.Key.Key_Down)
    QTest.keyClick(window.list, Qt.Key.Key_Return)
    assert Path(addresses[0].toLocalFile()).name == "ticket.html"


def test_a_report_is_taken_back_to_be_changed(world: tuple[Session, Bridge]) -> None:
    session, _ = world
    report_id = submitted(session, "One that waits")
    window, heard = opened(world), []
    window.draft_wanted.connect(heard.append)
    until(lambda: rows(window))
    QTest.keyClick(window.list, Qt.Key.Key_F2)
    until(lambda: heard)
    assert heard == [report_id] == [draft.id for draft in session.drafts()]


def test_discarding_asks_once_and_keeps_on_enter(app: QApplication, world: tuple[Session, Bridge]) -> None:
    session, _ = world
    submitted(session, "One that waits")
    session.new_draft(summary="A draft")
    window = opened(world)
    until(lambda: len(rows(window)) == 2)
    QTest.keyClick(window.list, Qt.Key.Key_Delete)
    until(app.activeModalWidget)
    QTest.keyClick(app.activeModalWidget(), Qt.Key.Key_Return)
    assert len(session.drafts()) == 1
    QTest.keyClick(window.list, Qt.Key.Key_Delete)
    answer(app, "Discard")
    until(lambda: len(rows(window)) == 1)
    assert session.drafts() == ()
    QTest.keyClick(window.list, Qt.Key.Key_Delete)
    answer(app, "Discard")
    until(lambda: not rows(window))
    assert session.deliveries() == ()


def test_what_the_desk_refused_says_why_and_offers_ways_on(world: tuple[Session, Bridge]) -> None:
    field = Trouble("invalid_field", "the setting “path” is missing", "", "the setting “{field}” is missing", {"field": "path"})  # noqa: E501  # fmt: skip
    shared = Trouble("share_refused", "no", "a very long name of a recording of a whole day.mp4")
    first = Delivery("a", "A", "needs_you", NOW, last_error=field)
    hold_deliveries(world[0], first, Delivery("b", "B", "needs_you", NOW, last_error=shared))
    window = opened(world)
    until(lambda: len(rows(window)) == 2)
    assert rows(window)[0].detail.endswith(": the setting “path” is missing")
    assert rows(window)[1].detail.endswith("whole day.mp4")
    assert actions(window) == ["Send now", "Change", "Discard"]
    window.list.setCurrentRow(1)
    assert actions(window)[:2] == ["Send now", "Send without “a very long nam… day.mp4”"]
    assert actions(window)[-1] == "More"
    QTest.mouseClick(
        next(b for b in window.findChildren(QAbstractButton) if b.accessibleName() == "More"),
        Qt.MouseButton.LeftButton,
    )
    menu = window.findChild(QMenu)
    assert [action.text() for action in menu.actions()][2:] == [
        "Share by “the folder on this computer”",
        "Change",
        "Discard",
    ]
    menu.close()


@pytest.mark.parametrize(("said", "noted"), [("It arrived", "arrived"), ("Send again", "again")])
def test_what_may_have_arrived_asks_and_takes_both_answers(
    world: tuple[Session, Bridge], said: str, noted: str
) -> None:
    session, _ = world
    report_id = submitted(session, "Lost answer")
    folder = session.shelf.find(report_id)
    assert folder is not None
    with session.outbox.held(report_id) as state:
        asked = {"step": "create", "service": "desk"}
        state.steps, state.needs_you = {"create": None}, True
        state.last_error = Trouble("maybe_sent", "it got lost", "", "it got lost", asked)
        folder.write_log(state)
    window = opened(world)
    until(lambda: rows(window) and rows(window)[0].state == "Needs you")
    assert rows(window)[0].detail == "It may have arrived"
    assert actions(window) == ["Send again", "It arrived", "Discard"], "changed, it would say here what is not there"
    QTest.keyClick(window.list, Qt.Key.Key_Return)
    QTest.keyClick(window.list, Qt.Key.Key_Space)
    QTest.qWait(100)
    assert folder.read_log().needs_you, "a hasty key is no answer"
    button = next(b for b in window.findChildren(QAbstractButton) if b.accessibleName() == said)
    button.click()
    until(lambda: folder.read_log().steps.get("create/answer") == noted)
    until(lambda: not folder.read_log().needs_you)
    assert window.list.hasFocus()


def test_a_large_file_is_left_out_at_the_users_wish(world: tuple[Session, Bridge]) -> None:
    session, _ = world
    draft = session.new_draft(summary="x")
    draft.add_content("big.bin", b"x")
    report_id = session.submit(draft)
    refused = Trouble("share_refused", "no", "big.bin")
    hold_deliveries(session, Delivery(report_id, "x", "needs_you", NOW, last_error=refused))
    window = opened(world)
    until(lambda: rows(window))
    button = next(b for b in window.findChildren(QAbstractButton) if "without" in b.accessibleName())
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    until(lambda: session.report(report_id).leave_out == ("big.bin",))


def test_an_answer_is_told_from_a_report_and_a_number_from_a_count(world: tuple[Session, Bridge]) -> None:
    ref = TicketRef("7", "https://desk.example.org/7")
    answer = Delivery("a", "#7: Impresora", "queued", NOW, reply_to=ref)
    hold_deliveries(world[0], answer, Delivery("b", "VPN", "sent", NOW, ticket=ref, sent_at=NOW))
    window = opened(world)
    until(lambda: len(rows(window)) == 2)
    assert rows(window)[0].detail.startswith("Answer · ")
    assert rows(window)[1].detail.endswith(" · #7")


def test_progress_is_shown_as_it_comes(world: tuple[Session, Bridge]) -> None:
    hold_deliveries(world[0], Delivery("a", "A", "sending", NOW))
    window = opened(world)
    until(lambda: rows(window))
    world[1].tell(DeliveryProgress("a", "film.mp4", 27_000_000, 41_000_000))
    until(lambda: rows(window)[0].progress)
    assert rows(window)[0].detail == "film.mp4 · 27 of 41\u00a0MB"
    assert rows(window)[0].progress == pytest.approx(27 / 41)
    world[1].tell(DeliveryProgress("a", "film.mp4", 900_000, 41_000_000))
    until(lambda: rows(window)[0].detail == "film.mp4 · 900\u00a0kB of 41\u00a0MB")


def test_an_event_changes_one_row_and_keeps_the_chosen_one(world: tuple[Session, Bridge]) -> None:
    made = [Delivery(f"{n}", f"Report {n}", "sent", NOW, ticket=TicketRef(f"T-{n}", "")) for n in range(1000)]
    hold_deliveries(world[0], *made)
    window = opened(world)
    until(lambda: len(rows(window)) == 1000)
    window.list.setCurrentRow(700)
    world[1].tell(DeliveryChanged(replace(made[900], state="sending", ticket=None)))
    until(lambda: rows(window)[0].state == "Sending")
    assert window.list.current_key() == "700"
    assert len(rows(window)) == 1000


def test_long_names_keep_their_beginning_and_their_suffix() -> None:
    assert shortened("grabación de la pantalla del martes.mp4") == "grabación de la…rtes.mp4"
    assert shortened("short.png") == "short.png"


def test_what_is_paused_says_so_and_goes_on_by_one_key(world: tuple[Session, Bridge]) -> None:
    session, _ = world
    report_id = submitted(session, "Slow line")
    session.pause(report_id)
    window = opened(world)
    until(lambda: rows(window))
    assert rows(window)[0].state == "Paused"
    window.list.setCurrentRow(0)
    assert actions(window)[0] == "Continue"
    QTest.keyClick(window.list, Qt.Key.Key_Return)
    until(lambda: session.delivery(report_id).state == "queued")


def test_a_large_file_on_its_way_tells_speed_time_left_and_what_comes_next(world: tuple[Session, Bridge]) -> None:
    session, bridge = world
    hold_deliveries(session, Delivery("r", "Slow line", "sending", NOW, 1))
    window = opened(world)
    until(lambda: rows(window))
    window.list.setCurrentRow(0)
    for number in range(14):
        bridge.happened.emit(DeliveryProgress("r", "film.mp4", number * 10**6, 10**9))
        QTest.qWait(220)
    until(lambda: "MB/s" in rows(window)[0].detail)
    assert "left" in rows(window)[0].detail
    assert any("put into the ticket" in label.text() for label in window.findChildren(type(window.empty.title)))
    assert actions(window)[0] == "Pause"
