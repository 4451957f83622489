"""Every window of the program with something in it, for tests that look at all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PySide6.QtCore import QPoint
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from capture.image import Monitor, Region
from client.annotation import Hide, History, Step
from client.history import Item
from client.paths import open_paths
from client.report import Delivery, DeliveryProgress, Section, Trouble
from client.session import Session
from client.shared import Entry
from client.tickets import Mine
from client.ui.bridge import Bridge
from client.ui.consent import Consent
from client.ui.desk_wizard import DeskWizard
from client.ui.editor import Editor
from client.ui.history_window import HistoryWindow
from client.ui.home_window import HomeWindow
from client.ui.links_window import LinksWindow
from client.ui.notice import Notice
from client.ui.outbox_window import OutboxWindow
from client.ui.overlay import Overlay
from client.ui.recording_bar import RecordingBar
from client.ui.report_form import ReportForm
from client.ui.settings_window import PAGES, SettingsWindow
from client.ui.tickets_window import TicketsWindow
from client.ui.tray import MENU, retitle
from client.words import say
from tests.ui.pictures import noise
from uploader.inbox import OwnTicket, RemoteFile, Reply
from uploader.probe import Step as WayStep
from uploader.ticket import TicketRef

NOW = datetime.now(UTC)
SECTIONS = (
    Section("network", "Red y proxy", "proxy host-2, ip-a7.12\nsecond line\nthird", hidden=2),
    Section("disks", "Discos", "not collected (denied): nothing", "denied"),
    Section("os", "Sistema", "", "absent"),
)
WHY = "Para ver si el proxy estorba."
SUBJECT = "No puedo pagar el pedido 48217"


@contextmanager
def running_session() -> Iterator[tuple[Session, Bridge]]:
    """A session on this test's home, without workers that send."""
    session = Session(open_paths())
    bridge = Bridge(session)
    try:
        yield session, bridge
    finally:
        bridge.close()
        session.close()


def until(true: Callable[[], object], why: str = "it never happened") -> None:
    """Lets Qt work until this holds."""
    for _ in range(1500):  # a busy machine
        if true():
            return
        QTest.qWait(10)
    raise AssertionError(why)


def hold_deliveries(session: Session, *deliveries: Delivery) -> None:
    """From now on these are all deliveries there are."""
    session.__dict__["deliveries"] = lambda *, sent=0: deliveries


def report_form(session: Session, bridge: Bridge) -> ReportForm:
    session.change({"report.diagnostics": "none"})
    draft = session.new_draft(summary=SUBJECT, sections=SECTIONS)
    draft.add_content("registro.txt", b"x" * 2000)
    draft.add_picture(noise(300, 200))
    form = ReportForm(session, bridge, draft, tuple)
    form.attach([Path("/missing/archivo.txt")])
    form.show()
    until(lambda: "archivo.txt" in form.warning.words)
    return form


def outbox(session: Session, bridge: Bridge) -> OutboxWindow:
    refused = Trouble("share_refused", "x", "registro.txt")
    later = NOW + timedelta(minutes=5)
    deliveries = (
        Delivery("a", SUBJECT, "sending", NOW),
        Delivery("b", SUBJECT, "needs_you", NOW, last_error=refused),
        Delivery("c", SUBJECT, "queued", NOW, attempts=1, not_before=later, last_error=Trouble("unreachable", "x")),
        Delivery("d", SUBJECT, "sent", NOW, ticket=TicketRef("T-000093", "file:///x"), sent_at=NOW),
    )
    hold_deliveries(session, *deliveries)
    session.new_draft()
    window = OutboxWindow(session, bridge)
    bridge.tell(DeliveryProgress("a", "registro.txt", 27_000_000, 41_000_000))
    window.show()
    until(lambda: window.list.count() == 5)
    window.list.setCurrentRow(0)
    return window


def links(session: Session, _bridge: Bridge) -> LinksWindow:
    made = (
        Entry("nube", "registro.txt", 41_000_000, NOW, NOW + timedelta(days=30), "us", "x", "", "a", "https://x.org/a"),
        Entry("folder", "a-very-long-name-of-a-film-of-the-whole-screen.mp4", 920_000_000, NOW, None, "", "x", "", "b"),
    )
    session.shared.__dict__["links"] = lambda: made
    window = LinksWindow(session, _bridge)
    window.show()
    until(lambda: window.list.count() == len(made))
    window.list.setCurrentRow(1)
    return window


def tickets(session: Session, bridge: Bridge) -> TicketsWindow:
    ticket = OwnTicket("T-93", "93", "https://x.org/93", SUBJECT, "solved", "Resuelta", "Alta", NOW, NOW,
                       may=("reply", "reopen"))  # fmt: skip
    files = (RemoteFile("1", "a-very-long-name-of-a-film-of-the-whole-screen.mp4", 91_000_000),)
    replies = (Reply("1", "ana", True, NOW, SUBJECT), Reply("2", "Marta López", False, NOW, SUBJECT * 5, files))
    mine = Mine("folder", ticket, 0, 2)
    session.tickets.__dict__.update(list=lambda: (mine,), replies=lambda _mine: replies)
    session.answers.__dict__["figures"] = lambda: None
    window = TicketsWindow(session, bridge)
    window.show()
    until(lambda: window.list.count() == 1)
    window.list.setCurrentRow(0)
    until(window.talk.subject.text)
    return window


def wizard(session: Session, bridge: Bridge) -> DeskWizard:
    window = DeskWizard(session, bridge)
    window.show()
    window._fill("rt", {"url": "/x"})
    until(window.unkept.isVisible)  # no keychain takes what is typed in a test
    window._show_steps(
        (WayStep("connection", True), WayStep("dns", False, "{host} does not answer", (("host", "T-000093"),)))
    )
    return window


def history(session: Session, bridge: Bridge) -> HistoryWindow:
    items = (
        Item("a", "sent", NOW, SUBJECT, "incident", "high", "T-000093", "file:///x", ("registro.txt", "b.png")),
        Item("b", "queued", NOW, SUBJECT, "incident", "low", "", "", ()),
    )
    session.__dict__["history"] = lambda _words: items
    window = HistoryWindow(session, bridge)
    window.show()
    until(lambda: window.list.count() == len(items))
    return window


def settings(page: str) -> Callable[[Session, Bridge], SettingsWindow]:
    def make(session: Session, bridge: Bridge) -> SettingsWindow:
        session.paths.settings_file.write_text("[general]\nlanguage = 3\n", "utf-8")
        session.reload()
        window = SettingsWindow(session, bridge)
        window.list.setCurrentRow(PAGES.index(page))
        return window

    return make


def home(_session: Session, _bridge: Bridge) -> HomeWindow:
    keys = {"report": "Ctrl+Shift+R", "region": "Print"}
    actions = {entry[0]: QAction() for entry in MENU if entry}
    for name, action in actions.items():
        action.setObjectName(name)
        action.setShortcut(QKeySequence(keys.get(name, "")))
    retitle(actions, recording=False, delay_s=3)
    window = HomeWindow(tuple(actions.values()))
    for action in actions.values():
        action.setParent(window)
    window.show()
    window.ask()
    return window


def editor(_session: Session, _bridge: Bridge) -> Editor:
    window = Editor(noise(640, 400), History((Hide(10, 10, 30, 30), Step(100, 100))))
    window.choose_tool("hide")
    return window


def recording_bar(_session: Session, _bridge: Bridge) -> RecordingBar:
    place = QGuiApplication.primaryScreen().geometry()
    screen = Monitor("a", QGuiApplication.primaryScreen().name(), 0, 0, place.width(), place.height())
    bar = RecordingBar(screen, Region(10, 10, 300, 200))
    bar.show_state(65, 6_100_000, True)
    return bar


WINDOWS: dict[str, Callable[[Session, Bridge], QWidget]] = {
    "report": report_form,
    "consent": lambda _s, _b: Consent(SECTIONS, {"network": WHY}, send_words=True),
    "outbox": outbox,
    "history": history,
    "links": links,
    "tickets": tickets,
    "tickets-none": TicketsWindow,
    "wizard": wizard,
    "links-none": LinksWindow,
    **{f"settings-{page}": settings(page) for page in PAGES},
    "home": home,
    "notice": lambda _s, _b: Notice(say("Copied"), say("Click to continue."), lambda: None),
    "editor": editor,
    "recording-bar": recording_bar,
    "overlay": lambda _s, _b: Overlay(QGuiApplication.primaryScreen()),
}


@contextmanager
def opened(name: str) -> Iterator[QWidget]:
    """One of ``WINDOWS``, shown."""
    with running_session() as (session, bridge):
        window = WINDOWS[name](session, bridge)
        window.show()
        window.move(QPoint(0, 0))
        QTest.qWait(1)
        yield window
        window.close()
