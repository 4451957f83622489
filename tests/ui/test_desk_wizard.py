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
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QLineEdit

from client.session import Session
from client.ui.attachment_tile import Tile
from client.ui.bridge import Bridge
from client.ui.desk_wizard import DeskWizard
from client.ui.prose import Prose
from client.ui.report_form import ReportForm
from client.ui.tickets_window import TicketsWindow
from tests.client.keychain import FileKeychain
from tests.servers.mail import PASSWORD, MailServer
from tests.servers.rt import RtServer
from tests.ui.every_window import running_session, until
from tests.uploader.desks.test_email import answer
from tests.uploader.desks.test_email import read as read_mail
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
    kept: list[str] = []
    wizard.connected.connect(kept.append)
    wizard.go.click()
    assert kept == ["Request Tracker"]

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
