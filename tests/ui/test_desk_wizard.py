"""A person without documentation connects a real desk, reports, is answered, answers and rates, all in the windows."""

from __future__ import annotations

import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import keyring
import pytest
from keyring.backends import null
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QLineEdit, QMessageBox

from client import words
from client.session import Session
from client.setup import Recognised
from client.ui import look
from client.ui.attachment_tile import Tile
from client.ui.bridge import Bridge
from client.ui.desk_wizard import DeskWizard
from client.ui.pieces import StateLabel
from client.ui.prose import Prose
from client.ui.report_form import ReportForm
from client.ui.tickets_window import TicketsWindow
from tests.client.keychain import FileKeychain
from tests.servers.mail import PASSWORD, MailServer
from tests.servers.redmine import RedmineServer
from tests.servers.rt import RtServer
from tests.servers.web_form import WebForm
from tests.ui.every_window import running_session, until
from tests.uploader.desks.test_email import answer
from tests.uploader.desks.test_email import read as read_mail
from uploader.probe import Step
from uploader.ticket import TicketRef


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pantalla.txt"
    path.write_text("Señal: ninguna\n", "utf-8")
    return path


@pytest.fixture
def world(app: QApplication, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[Session, Bridge]]:
    monkeypatch.setenv("TESTIGO_TEST_KEYCHAIN", str(tmp_path / "keychain.json"))
    before = keyring.get_keyring()
    keyring.set_keyring(FileKeychain())
    with running_session() as (session, bridge):
        yield session, bridge
    keyring.set_keyring(before)


WORDS = "Es el de la izquierda"


def answer_and_rate(
    session: Session,
    bridge: Bridge,
    desk: str,
    ref: TicketRef,
    asks: Callable[[], object],
    solves: Callable[[], object],
) -> None:
    """In “My tickets”: the agent's question is read there and answered, the solution gets four stars."""
    window, key = TicketsWindow(session, bridge), ref.key or ref.id
    window.show()
    until(lambda: window.list.count() >= 1)
    asks()
    session.tickets.look(desk)  # what asks desks by itself does at a time of its own
    window.choose(desk, key)
    until(lambda: "La pantalla parpadea" in window.talk.subject.text())
    until(lambda: "¿Qué monitor es?" in " ".join(said.toPlainText() for said in window.talk.findChildren(Prose)))
    window.talk.text.setPlainText(WORDS)
    window.talk.send.click()
    until(lambda: any(d.state == "queued" for d in session.deliveries()))
    session.outbox.send_all()
    for delivery in session.deliveries(sent=0):
        session.send_now(delivery.report_id)
    solves()
    session.tickets.look(desk)
    until(window.talk.rating.isVisible)
    window.talk.rating.stars[3].click()
    window.talk.rating.send.click()
    until(lambda: session.tickets.find(key).score == 4)
    window.close()


def type_into(window: DeskWizard, key: str, words: str) -> None:
    control = control_of(window, key)
    control.setFocus()
    control.clear()
    QTest.keyClicks(control, words)
    QTest.keyClick(control, Qt.Key.Key_Tab)


def control_of(window: DeskWizard, key: str) -> QLineEdit:
    control = next(field.control for field in window.fields if field.key == key)
    assert isinstance(control, QLineEdit)
    return control


def focus_of(window: DeskWizard) -> str:
    return next((field.key for field in window.fields if field.control is window.focusWidget()), "")


def report(session: Session, bridge: Bridge, file: Path) -> TicketRef:
    form = ReportForm(session, bridge, session.new_draft(), tuple)
    form.show()
    form.attach([file])
    until(lambda: form.findChildren(Tile))
    form.fields.subject.setText("La pantalla parpadea")
    form.fields.description.setPlainText("Desde hoy, cada minuto.")
    sent: list[str] = []
    form.sent.connect(sent.append)
    form.submit()
    until(lambda: sent)
    assert session.send_now(sent[0]).state == "sent"
    ref = session.delivery(sent[0]).ticket
    assert ref is not None
    return ref


@pytest.fixture
def sluggish() -> Iterator[tuple[str, list[str], threading.Event]]:
    """An address that answers nothing before it may, and what it was asked."""
    asked, may = list[str](), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            may.wait(60)
            with suppress(OSError):
                self.send_error(404)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked, may
    may.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("how", ["the button", "another address", "closing"])
def test_a_search_that_is_stopped_asks_nothing_more(
    world: tuple[Session, Bridge], sluggish: tuple[str, list[str], threading.Event], how: str
) -> None:
    url, asked, may = sluggish
    wizard = DeskWizard(*world)
    wizard.show()
    QTest.keyClicks(wizard.address, url)
    QTest.keyClick(wizard.address, Qt.Key.Key_Return)
    assert wizard.look_up.text() == "Stop"
    until(lambda: asked, "nothing was asked")
    if how == "the button":
        wizard.look_up.click()
    elif how == "another address":
        QTest.keyClicks(wizard.address, "x")
    else:
        wizard.close()
    before = len(asked)
    may.set()
    QTest.qWait(700)  # unstopped, it would have asked some twenty times by now
    assert len(asked) == before == 1
    assert wizard.look_up.text() == "Find"
    assert wizard.found.text() == wizard.note.text() == ""


def walked(wizard: DeskWizard) -> list[str]:
    """What the Tab key reaches, round once from the address."""
    names = {id(field.control): field.key for field in wizard.fields}
    names |= {id(wizard.look_up): "find", id(wizard.cancel): "cancel", id(wizard.go): "check", id(wizard.more): "more"}
    wizard.address.setFocus()
    found = list[str]()
    for _ in range(40):
        QTest.keyClick(wizard.focusWidget(), Qt.Key.Key_Tab)
        if wizard.address.hasFocus():
            return found
        found.append(names.get(id(wizard.focusWidget()), "?"))
    return found


def choose_kind(wizard: DeskWizard, kind: str) -> None:
    """By keys alone: the list is opened, walked down and left by Enter."""
    wizard.kind.setFocus()
    QTest.keyClick(wizard.kind, Qt.Key.Key_Down)
    for _ in range(wizard.kind.findData(kind) - wizard.kind.currentIndex()):
        assert wizard.kind.view().isVisible()
        QTest.keyClick(wizard.kind.view(), Qt.Key.Key_Down)
    QTest.keyClick(wizard.kind.view(), Qt.Key.Key_Return)


def unknown_place(wizard: DeskWizard, address: str) -> None:
    wizard.show()
    QTest.keyClicks(wizard.address, address)
    QTest.keyClick(wizard.address, Qt.Key.Key_Return)
    until(wizard.kind.isVisible)


def test_the_kind_is_chosen_and_the_fields_are_walked_by_keys(world: tuple[Session, Bridge]) -> None:
    wizard = DeskWizard(*world)
    unknown_place(wizard, "127.0.0.1:9")
    assert wizard.found.property("tone") == "bad", "no answer is as bad as no such name"
    choose_kind(wizard, "redmine")
    assert wizard.found.property("tone") == "text"
    assert focus_of(wizard) == "key", "a key that is pasted at once does not show in clear"
    expected = ["find", "?", "url", "key", "project", "largest_mb", "general.name", "general.mail", "more"]
    assert walked(wizard) == [*expected, "cancel", "check"]
    wizard.more.setFocus()
    QTest.keyClick(wizard.more, Qt.Key.Key_Space)
    assert focus_of(wizard) == "tracker"
    order = walked(wizard)
    assert order[order.index("general.mail") + 1 :][:2] == ["tracker", "markup"]
    assert order[-2:] == ["cancel", "check"]


def test_what_was_recognised_can_be_changed(world: tuple[Session, Bridge]) -> None:
    wizard = DeskWizard(*world)
    wizard.show()
    QTest.keyClicks(wizard.address, "help.example.org/tickets/")
    wizard._show_found(Recognised("django-helpdesk", {"url": "https://help.example.org"}, "django-helpdesk"))
    assert not wizard.kind.isVisible()
    wizard.other.click()
    assert wizard.focusWidget() is wizard.kind
    assert wizard.kind.currentData() == "django-helpdesk"
    choose_kind(wizard, "webform")
    assert control_of(wizard, "url").text() == "https://help.example.org/tickets/"
    assert wizard.kind.isVisible(), "and once more"


def test_an_address_that_is_not_there_offers_no_kinds(world: tuple[Session, Bridge]) -> None:
    wizard = DeskWizard(*world)
    wizard.show()
    QTest.keyClicks(wizard.address, "mesa.no-existe.invalid")
    QTest.keyClick(wizard.address, Qt.Key.Key_Return)
    until(lambda: "cannot be found" in wizard.found.text())
    assert not wizard.kind.isVisible()
    assert wizard.focusWidget() is wizard.address
    assert wizard.address.selectedText() == "mesa.no-existe.invalid"


MAIL = {"address": "soporte@desk.test", "server": "smtp.desk.test:587", "imap": "imap.desk.test:993"}
WAY = (Step("dns", True, door="smtp"), Step("connection", True, door="smtp"), Step("dns", True, door="imap"))


def test_mail_asks_for_ones_own_first_and_shows_a_server_that_was_found_only_when_it_is_wrong(
    world: tuple[Session, Bridge],
) -> None:
    wizard = DeskWizard(*world)
    wizard.show()
    until(wizard.isActiveWindow)
    wizard._show_found(Recognised("email", MAIL, "E-mail"))
    assert focus_of(wizard) == "general.name"
    usual = ["address", "general.name", "general.mail", "mode", "password"]
    assert [key for key in walked(wizard) if key not in ("find", "?", "more", "cancel", "check")] == usual
    why = Step("connection", False, "{host} does not answer", (("host", "imap.desk.test:993"),), door="imap")
    wizard._show_steps((*WAY, why))
    assert focus_of(wizard) == "imap"
    assert [key for key in walked(wizard) if key not in ("find", "?", "more", "cancel", "check")] == [*usual, "imap"]
    lines = [line.text() for line in wizard.findChildren(StateLabel)]
    assert lines[1:] == ["Outgoing mail: it answers", "Incoming mail: address found",
                         "Incoming mail: no answer (imap.desk.test:993 does not answer)"]  # fmt: skip
    wizard._show_steps((*WAY, Step("certificate", False, "{host} does not answer", (("host", "x"),), door="smtp")))
    assert [key for key in walked(wizard) if key not in ("find", "?", "more", "cancel", "check")][5:] == [
        "imap", "security"]  # fmt: skip
    until(lambda: not wizard.note.visibleRegion().isEmpty(), "what failed lies below the fold")


def test_escape_asks_before_what_was_typed_is_lost(world: tuple[Session, Bridge]) -> None:
    wizard = DeskWizard(*world)
    unknown_place(wizard, "127.0.0.1:9")
    choose_kind(wizard, "redmine")
    QTest.keyClicks(control_of(wizard, "key"), "secret")
    QTest.keyClick(wizard, Qt.Key.Key_Escape)
    (box,) = wizard.findChildren(QMessageBox)
    QTest.keyClick(box, Qt.Key.Key_Escape)
    assert wizard.isVisible()
    assert control_of(wizard, "key").text() == "secret"
    QTest.keyClick(wizard, Qt.Key.Key_Escape)
    (box,) = [each for each in wizard.findChildren(QMessageBox) if each.isVisible()]
    next(button for button in box.buttons() if button.text() == "Discard").click()
    assert not wizard.isVisible()


def test_names_are_the_fields_own_and_a_server_that_is_down_is_not_to_be_corrected(
    world: tuple[Session, Bridge],
) -> None:
    wizard = DeskWizard(*world)
    words.speak("es")
    look.retranslate()
    unknown_place(wizard, "127.0.0.1:9")
    choose_kind(wizard, "redmine")
    wizard.go.click()
    until(lambda: any(label.text() == "Falta «Proyecto»." for label in wizard.findChildren(QLabel)))
    assert focus_of(wizard) == "project"
    type_into(wizard, "project", "x")
    type_into(wizard, "key", "k")
    wizard.go.click()
    until(lambda: "más tarde" in wizard.note.text())
    assert "Corrígelo" not in wizard.note.text()


def test_a_password_that_cannot_be_kept_is_told_before_it_is_typed(
    world: tuple[Session, Bridge],
) -> None:
    keyring.set_keyring(null.Keyring())
    wizard = DeskWizard(*world)
    unknown_place(wizard, "127.0.0.1:9")
    choose_kind(wizard, "znuny")
    until(wizard.unkept.isVisible)
    assert "keychain" in wizard.unkept.words
    choose_kind(wizard, "webform")
    QTest.qWait(50)
    assert not wizard.unkept.isVisible(), "it wants no password"


def test_where_no_password_is_kept_a_desk_that_works_cannot_be_used_and_it_says_so_as_a_fault(
    world: tuple[Session, Bridge],
) -> None:
    keyring.set_keyring(null.Keyring())
    wizard = DeskWizard(*world)
    wizard.show()
    wizard._show_found(Recognised("rt", {"url": "https://rt.example.org"}, "Request Tracker"))
    until(wizard.unkept.isVisible)
    type_into(wizard, "token", "1-99-right")
    wizard._show_steps((Step("login", True),))
    assert wizard.note.property("tone") == "bad"
    assert wizard.note.text().startswith("Nothing was saved: no keychain is open")
    assert wizard.note.text().endswith("(they can also set TESTIGO_SECRET_REQUEST_TRACKER).")
    assert not wizard.go.isEnabled()


def test_a_web_form_that_wants_an_address_says_so_and_the_next_desk_does_not_take_over(
    world: tuple[Session, Bridge],
) -> None:
    session, bridge = world
    server = WebForm()
    words.speak("es")
    session.change({"desks.first.kind": "folder", "desks.first.path": "/x"})
    wizard = DeskWizard(session, bridge)
    wizard.show()
    QTest.keyClicks(wizard.address, f"{server.url}/soporte/nuevo")
    QTest.keyClick(wizard.address, Qt.Key.Key_Return)
    until(lambda: wizard.fields, "it was not recognised")
    assert "Formulario web" in wizard.found.text()
    assert [field.key for field in wizard.fields if field.isVisible()] == ["url", "general.name", "general.mail"]
    wizard.go.click()
    until(lambda: any(label.text() == "Falta «Tu correo»." for label in wizard.findChildren(QLabel)))
    assert focus_of(wizard) == "general.mail"
    type_into(wizard, "general.mail", "ana@example.test")
    wizard.go.click()
    until(lambda: wizard.note.text() == "Funciona.")
    assert wizard.usual.isVisible()
    assert not wizard.usual.isChecked()
    kept: list[str] = []
    wizard.connected.connect(kept.append)
    wizard.go.click()
    assert kept == ["Formulario web"]
    assert session.places.desk_name() == "first"
    server.stop()


def test_the_projects_are_offered_by_name(world: tuple[Session, Bridge], redmine: RedmineServer) -> None:
    wizard = DeskWizard(*world)
    wizard.show()
    QTest.keyClicks(wizard.address, redmine.url)
    QTest.keyClick(wizard.address, Qt.Key.Key_Return)
    until(lambda: wizard.fields, "it was not recognised")
    type_into(wizard, "key", redmine.keys["ana"])
    project = control_of(wizard, "project")
    until(lambda: project.completer() is not None, "no list came")
    assert project.placeholderText()
    project.setFocus()
    next(mark for mark in project.actions() if mark.text() == "Show the list").trigger()
    popup = project.completer().popup()
    assert popup.isVisible()
    shown = [popup.model().index(row, 0).data() for row in range(popup.model().rowCount())]
    assert any("(" in name for name in shown), shown
    QTest.keyClick(popup, Qt.Key.Key_Down)
    QTest.keyClick(popup, Qt.Key.Key_Return)
    assert f"({project.text()})" in shown[0]
    value = project.text()
    for _ in range(2):  # each check asks for the lists anew, and what is typed after it still finds them
        wizard.go.click()
        until(lambda: wizard.note.text() == "It works.")
        project.selectAll()
        QTest.keyClicks(project, value[:-1])
        until(lambda: project.completer().popup().isVisible(), "what is typed is not completed")
        QTest.keyClicks(project, value[-1])
        until(lambda: not project.completer().popup().isVisible(), "the list would take the Enter key")


def test_request_tracker_from_its_address_to_the_rating(
    world: tuple[Session, Bridge], rt: RtServer, file: Path
) -> None:
    session, bridge = world
    session.change({"report.diagnostics": "none"})
    wizard = DeskWizard(session, bridge)
    wizard.show()
    QTest.keyClicks(wizard.address, rt.url)
    QTest.keyClick(wizard.address, Qt.Key.Key_Return)
    until(lambda: wizard.fields, "it was not recognised")
    assert "Request Tracker" in wizard.found.text()
    assert focus_of(wizard) == "token"
    wizard.go.click()
    until(lambda: any(label.text() == "“Your token” is missing." for label in wizard.findChildren(QLabel)))
    assert focus_of(wizard) == "token", "what is missing is said below its own field"
    type_into(wizard, "token", "1-99-wrong")
    type_into(wizard, "general.mail", "ana@example.test")
    wizard.go.click()
    until(lambda: "again" in wizard.note.text())
    assert focus_of(wizard) == "token", "a login that was refused leads to the token"
    type_into(wizard, "token", rt.tokens["ana"])
    type_into(wizard, "queue", "Nope")
    QTest.keyClick(control_of(wizard, "queue"), Qt.Key.Key_Return)
    until(lambda: any("Nope" in label.text() for label in wizard.findChildren(QLabel)))
    assert focus_of(wizard) == "queue"
    type_into(wizard, "queue", "General")
    wizard.go.click()
    until(lambda: wizard.note.text() == "It works.")
    assert not any(line.text() == "127.0.0.1 is 127.0.0.1" for line in wizard.findChildren(QLabel))
    assert wizard.usual.isVisible()
    assert wizard.usual.isChecked(), "the first one gets the new reports"
    kept: list[str] = []
    wizard.connected.connect(kept.append)
    wizard.go.click()
    assert kept == ["Request Tracker"]
    assert session.settings.report.desk == kept[0]

    ref = report(session, bridge, file)
    (held,) = (part for part in rt.ask("GET", f"ticket/{ref.id}/attachments?fields=Filename")["items"]
               if part.get("Filename") == file.name)  # fmt: skip
    assert b64decode(rt.ask("GET", f"attachment/{held['id']}")["Content"]) == file.read_bytes()
    question = {"Content": "¿Qué monitor es?", "ContentType": "text/plain"}
    answer_and_rate(
        session, bridge, kept[0], ref,
        lambda: rt.ask("POST", f"ticket/{ref.id}/correspond", question),
        lambda: rt.ask("PUT", f"ticket/{ref.id}", {"Status": "resolved"}),
    )  # fmt: skip
    said = rt.ask("GET", f"ticket/{ref.id}/history?fields=Type&per_page=50")["items"]
    assert sum(event["Type"] == "Correspond" for event in said) == 2


def test_an_e_mail_desk_from_its_address_to_the_rating(
    world: tuple[Session, Bridge], mail: MailServer, file: Path
) -> None:
    mail.empty()
    session, bridge = world
    session.change({"report.diagnostics": "none", "general.mail": "ana@desk.test"})
    wizard = DeskWizard(session, bridge)
    wizard.show()
    QTest.keyClicks(wizard.address, "soporte@desk.test")
    QTest.keyClick(wizard.address, Qt.Key.Key_Return)
    until(lambda: wizard.fields, "it was not recognised")
    assert not wizard.sign_in.isVisible(), "with a password nobody signs in by browser"
    assert focus_of(wizard) != "departments"
    type_into(wizard, "server", f"127.0.0.1:{mail.ports['bare']}")
    type_into(wizard, "imap", f"127.0.0.1:{mail.ports['imap']}")
    assert control_of(wizard, "sender").text() == "ana@desk.test"
    type_into(wizard, "password", PASSWORD)
    for key in ("security", "imap_security"):
        choice = next(field for field in wizard.fields if field.key == key).control
        assert isinstance(choice, QComboBox)
        choice.setCurrentIndex(choice.findData("none"))
        choice.activated.emit(choice.currentIndex())
    wizard.go.click()
    until(lambda: wizard.note.text() == "It works.", "it does not work")
    wizard.go.click()
    ref = report(session, bridge, file)
    assert any(read_mail(content)["Message-ID"] == ref.key for content in mail.box("soporte"))
    asked = answer(ref.key, "Re: [#77] La pantalla parpadea", "<p>¿Qué monitor es?</p>")
    done = answer(ref.key, "[#77] Resuelto: La pantalla parpadea", "<p>Listo</p>")
    answer_and_rate(
        session, bridge, session.places.desk_name(), ref,
        lambda: mail.deliver("ana@desk.test", asked), lambda: mail.deliver("ana@desk.test", done),
    )  # fmt: skip
    answers = [content for name in ("soporte", "berta") for content in mail.box(name) if WORDS.encode() in content]
    assert len(answers) == 1
