from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QColor, QDropEvent, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel

from client.diagnostics import Diagnosis
from client.diagnostics.collection import Collected
from client.report import Section
from client.session import Session
from client.ui import look, report_fields
from client.ui.attachment_tile import Tile
from client.ui.bridge import Bridge
from client.ui.consent import Consent
from client.ui.pieces import OneLine
from client.ui.report_form import ReportForm
from client.words import day, speak
from tests.ui.every_window import NOW, running_session, until
from tests.ui.pictures import noise
from uploader.inbox import OwnTicket

CONTROL = Qt.KeyboardModifier.ControlModifier
NETWORK = Section("network", "Network", "host-1 through proxy host-2", note="27 B")


@pytest.fixture
def world(app: QApplication) -> Iterator[tuple[Session, Bridge]]:
    with running_session() as (session, bridge):
        session.change({"report.diagnostics": "none"})
        yield session, bridge


Opens = Callable[..., ReportForm]


@pytest.fixture
def opens(world: tuple[Session, Bridge]) -> Opens:
    session, bridge = world

    def open_form(**values: object) -> ReportForm:
        form = ReportForm(session, bridge, session.new_draft(**values), tuple)
        form.show()
        form.activateWindow()
        assert QTest.qWaitForWindowActive(form)
        return form

    return open_form


def tiles(form: ReportForm) -> list[str]:
    return [tile.accessibleName().partition(",")[0] for tile in form.findChildren(Tile) if tile.isVisibleTo(form)]


def on_disk(session: Session, form: ReportForm) -> object:
    return next(draft.report for draft in session.drafts() if draft.id == form.draft.id)


def test_what_is_typed_is_on_disk_without_any_saving(world: tuple[Session, Bridge], opens: Opens) -> None:
    form = opens()
    QTest.keyClicks(form.fields.subject, "Printer")
    form.fields.priority.choose("high")
    until(lambda: on_disk(world[0], form).summary == "Printer")
    assert on_disk(world[0], form).priority == "high"


def test_words_typed_while_a_long_copy_runs_are_not_overwritten_by_older_ones(
    world: tuple[Session, Bridge], opens: Opens
) -> None:
    session, bridge = world
    form, hold = opens(), threading.Event()
    bridge.background(lambda: hold.wait(5), in_order=True)  # as a copy of many gigabytes would
    form.fields.subject.setText("first")
    form.fields.kind.choose("claim")  # saves behind the copy
    form.fields.subject.setText("second")
    form.close()
    hold.set()
    written: list[object] = []
    bridge.background(lambda: None, written.append, in_order=True)
    until(lambda: written)
    assert on_disk(session, form).summary == "second"


def test_closing_keeps_what_was_written_and_drops_what_is_empty(world: tuple[Session, Bridge], opens: Opens) -> None:
    written, empty, heard = opens(), opens(), []
    written.closed.connect(lambda: heard.append("closed"))
    written.fields.description.setPlainText("only a description")
    QTest.keyClick(written, Qt.Key.Key_Escape)
    QTest.keyClick(empty, Qt.Key.Key_Escape)
    assert heard == ["closed"]
    assert [draft.report.description for draft in world[0].drafts()] == ["only a description"]


def test_a_report_without_a_subject_is_not_sent_and_says_so_only_then(
    world: tuple[Session, Bridge], opens: Opens
) -> None:
    form = opens(description="x")
    assert not form.warning.isVisible()
    form.send.setFocus()
    QTest.keyClick(form.send, Qt.Key.Key_Return)
    assert form.warning.words == "Say in one line what happens."
    assert QApplication.focusWidget() is form.fields.subject
    QTest.keyClicks(form.fields.subject, "Printer")
    until(lambda: not form.warning.isVisible())
    assert world[0].deliveries() == ()


@pytest.mark.parametrize("field", ["subject", "description"])
def test_control_enter_sends_from_any_field(world: tuple[Session, Bridge], opens: Opens, field: str) -> None:
    form, sent, closed = opens(summary="Printer"), [], []
    form.sent.connect(sent.append)
    form.closed.connect(lambda: closed.append(1))
    QTest.keyClick(getattr(form.fields, field), Qt.Key.Key_Return, CONTROL)
    until(lambda: closed)
    assert sent == [form.draft.id]
    assert [delivery.summary for delivery in world[0].deliveries()] == ["Printer"]
    assert world[0].drafts() == ()


def test_files_are_attached_by_dropping_pasting_and_asking(opens: Opens, tmp_path: Path) -> None:
    form, offered = opens(), QMimeData()
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text(name)
    offered.setUrls([QUrl.fromLocalFile(str(tmp_path / "one.txt"))])
    offered.setText("file:///one.txt")  # file managers offer both
    drop = QDropEvent(
        QPointF(20, 20), Qt.DropAction.CopyAction, offered, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    form.dropEvent(drop)
    pasted = QMimeData()
    pasted.setUrls([QUrl.fromLocalFile(str(tmp_path / "two.txt"))])
    QGuiApplication.clipboard().setMimeData(pasted)
    QTest.keyClick(form.fields.subject, Qt.Key.Key_V, CONTROL)
    until(lambda: tiles(form) == ["one.txt", "two.txt"])
    image = QImage(40, 30, QImage.Format.Format_RGB32)
    image.fill(QColor("red"))
    QGuiApplication.clipboard().setImage(image)
    QTest.keyClick(form.fields.description, Qt.Key.Key_V, CONTROL)
    until(lambda: len(tiles(form)) == 3)
    assert form.draft.picture("capture-1.png")
    assert form.fields.subject.text() == form.fields.description.toPlainText() == ""


def test_words_in_the_clipboard_are_pasted_as_words(opens: Opens) -> None:
    form = opens()
    QGuiApplication.clipboard().setText("E-502")
    QTest.keyClick(form.fields.subject, Qt.Key.Key_V, CONTROL)
    assert form.fields.subject.text() == "E-502"


def test_what_could_not_be_attached_is_told_and_the_rest_is_attached(opens: Opens, tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("x")
    form = opens()
    form.attach([tmp_path / "missing.txt", tmp_path, tmp_path / "good.txt"])
    until(lambda: tiles(form) == ["good.txt"])
    assert "missing.txt" in form.warning.words
    assert "is not a file" in form.warning.words


def test_send_waits_for_copies_and_stops_when_one_fails(
    world: tuple[Session, Bridge], opens: Opens, tmp_path: Path
) -> None:
    session, bridge = world
    form, hold = opens(summary="Printer"), threading.Event()
    bridge.background(lambda: hold.wait(5), in_order=True)
    form.attach([tmp_path / "missing.txt"])
    form.submit()
    assert not form.send.isEnabled()
    hold.set()
    until(form.send.isEnabled)
    assert "missing.txt" in form.warning.words
    assert session.deliveries() == ()
    form.submit()
    until(session.deliveries)


def test_enter_on_a_picture_asks_for_the_editor_and_delete_removes_it(opens: Opens) -> None:
    form, heard = opens(), []
    form.edit_wanted.connect(heard.append)
    form.draft.add_picture(noise(30, 20))
    form.refresh()
    tile = form.findChild(Tile)
    QTest.keyClick(tile, Qt.Key.Key_Return)
    assert heard == ["capture-1.png"]
    QTest.keyClick(tile, Qt.Key.Key_Delete)
    assert form.draft.report.attachments == ()
    assert tiles(form) == []


def test_thirty_attachments_are_one_stop_for_tab_and_adding_stays_in_sight(opens: Opens) -> None:
    form = opens()
    for number in range(30):
        form.draft.add_content(f"{number:02}.txt", b"x")
    form.refresh()
    QTest.qWait(1)
    assert form.rect().contains(form.strip.add.mapTo(form, form.strip.add.rect().bottomRight()))
    form.fields.priority.segments["medium"].setFocus()
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
    for name in ("00.txt", "01.txt"):
        assert QApplication.focusWidget().accessibleName().startswith(name)
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Right)
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
    assert QApplication.focusWidget() is form.strip.add


def test_a_large_file_says_that_it_goes_as_a_link_and_until_when(
    world: tuple[Session, Bridge], opens: Opens, tmp_path: Path
) -> None:
    link = {"kind": "folder", "path": str(tmp_path / "share"), "expires_days": 7.0}
    world[0].change({"report.share": "files", **{f"shares.files.{name}": value for name, value in link.items()}})
    with (tmp_path / "video.bin").open("wb") as file:
        file.truncate(26_000_000)
    form = opens()
    form.attach([tmp_path / "video.bin"])
    until(lambda: form.findChildren(Tile))
    assert form.findChild(Tile).accessibleName() == "video.bin, 26\u00a0MB · as a link"
    ends = day(datetime.now().astimezone() + timedelta(days=7))
    told = [label.text() for label in form.strip.findChildren(OneLine) if label.isVisible()]
    assert f"The link works until {ends}." in told
    assert not form.warning.isVisible()


def test_a_large_file_that_no_share_takes_is_not_said_to_go_as_a_link(
    world: tuple[Session, Bridge], opens: Opens, tmp_path: Path
) -> None:
    world[0].change({"desks.it.kind": "rt", "desks.it.url": "http://127.0.0.1:9"})
    with (tmp_path / "video.bin").open("wb") as file:
        file.truncate(26_000_000)
    form = opens()
    form.attach([tmp_path / "video.bin"])
    until(lambda: form.findChildren(Tile))
    assert form.findChild(Tile).accessibleName() == "video.bin, 26\u00a0MB · cannot be sent"
    assert "“video.bin” is too large for the ticket" in form.warning.words


# --- diagnostics: nothing leaves unseen


@pytest.fixture
def diagnosing(world: tuple[Session, Bridge], monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Collecting takes until the event is set, and gives one section."""
    session, go = world[0], threading.Event()
    session.change({"report.diagnostics": "quick"})

    def diagnose(*_: object, **__: object) -> Diagnosis:
        assert go.wait(5)
        one = Collected(NETWORK.id, NETWORK.title, "", "ok", 1, NETWORK.text)
        return Diagnosis("quick", (one,), (), {}, NOW)

    monkeypatch.setattr(session, "diagnose", diagnose)
    return go


def review(app: QApplication) -> Consent | None:
    return next((w for w in app.topLevelWidgets() if isinstance(w, Consent) and w.isVisible()), None)


def test_what_was_not_reviewed_is_shown_before_it_is_sent(
    app: QApplication, world: tuple[Session, Bridge], opens: Opens, diagnosing: threading.Event
) -> None:
    form = opens(summary="Printer")
    form.submit()
    assert review(app) is None
    diagnosing.set()
    until(lambda: review(app))
    consent = review(app)
    assert world[0].deliveries() == ()
    consent.hide_everywhere("proxy")
    shown = consent.text.toPlainText()
    QTest.keyClick(consent.primary, Qt.Key.Key_Return)
    until(world[0].deliveries)
    (section,) = world[0].report(form.draft.id).sections
    assert section.text == shown == "host-1 through [hidden] host-2"


def test_declining_the_review_sends_nothing(
    app: QApplication, world: tuple[Session, Bridge], opens: Opens, diagnosing: threading.Event
) -> None:
    diagnosing.set()
    form = opens(summary="Printer")
    until(lambda: form.diagnostics.is_ready)
    form.submit()
    QTest.keyClick(review(app), Qt.Key.Key_Escape)
    assert form.isVisible()
    assert form.send.isEnabled()
    assert world[0].deliveries() == ()


def test_what_was_reviewed_goes_without_another_question(
    app: QApplication, world: tuple[Session, Bridge], opens: Opens, diagnosing: threading.Event
) -> None:
    diagnosing.set()
    form = opens(summary="Printer")
    until(form.diagnostics.review.isEnabled)
    QTest.keyClick(form.diagnostics.review, Qt.Key.Key_Return)
    QTest.keyClick(review(app).primary, Qt.Key.Key_Return)
    form.submit()
    until(world[0].deliveries)


def test_diagnostics_that_are_switched_off_do_not_leave(
    world: tuple[Session, Bridge], opens: Opens, diagnosing: threading.Event
) -> None:
    diagnosing.set()
    form = opens(summary="Printer")
    until(form.diagnostics.review.isEnabled)
    QTest.mouseClick(form.diagnostics, Qt.MouseButton.LeftButton, pos=form.diagnostics.rect().center())
    assert not form.diagnostics.tick.isChecked()
    form.submit()
    until(world[0].deliveries)
    assert world[0].report(form.draft.id).sections == ()


def test_when_the_review_cannot_be_written_nothing_is_sent(
    app: QApplication,
    world: tuple[Session, Bridge],
    opens: Opens,
    diagnosing: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    diagnosing.set()
    form = opens(summary="Printer")
    until(form.diagnostics.review.isEnabled)

    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(form.draft, "set_sections", full)
    form.submit()
    consent = review(app)
    consent.hide_everywhere("proxy")
    QTest.keyClick(consent.primary, Qt.Key.Key_Return)
    until(lambda: "The disk is full" in form.warning.words)
    assert form.send.isEnabled()
    assert world[0].deliveries() == ()


def test_answers_that_come_after_the_form_is_gone_harm_nobody(
    world: tuple[Session, Bridge], opens: Opens, diagnosing: threading.Event, tmp_path: Path
) -> None:
    session = world[0]
    form = opens(summary="Printer")
    (tmp_path / "a.txt").write_text("x")
    form.attach([tmp_path / "a.txt", tmp_path / "missing.txt"])
    form.close()
    form.deleteLater()
    diagnosing.set()
    until(lambda: session.drafts()[0].report.attachments)
    QTest.qWait(20)
    assert [a.name for a in session.drafts()[0].report.attachments] == ["a.txt"]


def test_the_form_grows_with_the_ways_to_reach_the_desk_that_it_learns_of_late(
    world: tuple[Session, Bridge], opens: Opens, tmp_path: Path
) -> None:
    plan = f"plan,covers,excludes,claim,host,until\nPlan Plus,{'Pantalla ' * 9},Líquidos,Llama,*,2099-01-01\n"
    (tmp_path / "covers.csv").write_text(plan, "utf-8")
    world[0].change({"coverage.file": str(tmp_path / "covers.csv"), "report.diagnostics": "none"})
    numbers = {"phone": "+57 601 234 5678", "whatsapp": "+57 300 123 4567", "chat": "https://chat.example.org"}
    world[0].change({f"contact.{name}": value for name, value in numbers.items()})
    form = opens()
    until(form.support.isVisible)
    until(lambda: form._scroll.verticalScrollBar().maximum() == 0, "something is below the edge")


def test_by_keys_the_form_is_gone_through_as_the_eye_meets_it(world: tuple[Session, Bridge]) -> None:
    session, bridge = world
    session.change({"contact.phone": "+57 601 234 5678"})
    now = OwnTicket("T-93", "93", "", "La impresora no imprime", "open", "", "high", NOW, NOW)
    session.tickets._keep("folder", now, ())
    form = ReportForm(session, bridge, session.new_draft(), tuple)
    form.show()
    form.activateWindow()
    assert QTest.qWaitForWindowActive(form)
    QTest.keyClicks(form.fields.subject, "la impresora no imprime")
    until(lambda: form.help.isVisible() and form.support.isVisible())
    QTest.qWait(50)
    form.fields.subject.setFocus()
    met = [form.focusWidget()]
    while met[-1] is not form.send:
        QTest.keyClick(form.focusWidget(), Qt.Key.Key_Tab)
        met.append(form.focusWidget())
        assert len(met) < 20
    heights = [part.mapTo(form, part.rect().center()).y() for part in met[:-3]]
    assert heights == sorted(heights)
    assert any(form.help.isAncestorOf(part) for part in met)
    order = [met.index(part) for part in (form.fields.description, form.strip.add, form.diagnostics.tick, form.keep)]
    assert order == sorted(order)


def test_files_are_chosen_from_the_users_own_folders_in_the_language_of_the_program(
    app: QApplication, opens: Opens
) -> None:
    speak("es")
    look.retranslate()
    form = opens()
    form.strip.wanted.emit("file")
    (dialog,) = form.findChildren(QFileDialog)
    assert dialog.directory().absolutePath() != str(Path.cwd())
    said = " ".join(label.text() for label in dialog.findChildren(QLabel))
    assert "&Ver en:" in said
    assert "of" not in said.split()
    dialog.close()


def test_who_reviews_sees_where_it_goes_and_what_goes_with_it(world: tuple[Session, Bridge], opens: Opens) -> None:
    session, _ = world
    session.change({"desks.mesa.kind": "webform", "desks.mesa.url": "http://127.0.0.1:9/f", "report.desk": "mesa"})
    form = opens(summary="Falla", sections=(NETWORK,))
    form.draft.add_content("registro.txt", b"x")
    form.diagnostics.review.click()
    (consent,) = form.findChildren(Consent)
    assert consent.goes.text() == "To mesa (http://127.0.0.1:9/f) · With it: registro.txt"
    consent.close()


@pytest.mark.parametrize(("before", "rows"), [("", 1), ("Warranty ", 1), ("Warranty and refund ", 2)])
def test_a_choice_whose_words_need_two_rows_is_whole(
    opens: Opens, monkeypatch: pytest.MonkeyPatch, before: str, rows: int
) -> None:
    """Where one row just fits, the scroll area once asked for its height without an end, and the program crashed."""
    real = report_fields.kind_word
    monkeypatch.setattr(report_fields, "kind_word", lambda kind: before * (kind == "claim") + real(kind))
    choice = opens().fields.kind
    places = [segment.geometry() for segment in choice.segments.values()]
    assert len({place.top() for place in places}) == rows
    assert all(choice.rect().contains(place) for place in places)
