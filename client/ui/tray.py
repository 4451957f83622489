"""The resident program: application, tray icon, menu, keys; opens the windows and answers handed-over verbs."""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSocketNotifier, QTimer, QUrl
from PySide6.QtGui import QAction, QDesktopServices, QKeySequence
from PySide6.QtWidgets import QApplication, QSystemTrayIcon

from capture import CaptureError, Desktop, NoSuchKey, open_desktop
from capture.keys import parse
from client import words
from client.paths import Paths
from client.report import Delivery, DeliveryChanged, Event, ReportDamaged, TicketNews
from client.session import Session
from client.terms import number_word
from client.ui import icons, look
from client.ui.bridge import Bridge
from client.ui.calls import Calls
from client.ui.instance import AlreadyRunning, Instance, call
from client.ui.journey import Journey
from client.ui.network import NetworkWatch
from client.ui.notice import Notices
from client.ui.pieces import Menu
from client.ui.placing import bring_up
from client.ui.report_words import news_words
from client.ui.settings_watch import SettingsWatch
from client.words import explain, hint, say, sentence
from uploader.ticket import TicketRef

if TYPE_CHECKING:
    from client.ui.home_window import HomeWindow

log = logging.getLogger(__name__)

MENU = (
    ("report", "message-square-warning"),
    (),
    ("region", "scan"),
    ("window", "app-window"),
    ("screen", "monitor"),
    ("last", "history"),
    ("delayed", "timer"),
    (),
    ("record", "video"),
    (),
    ("tickets", "inbox"),
    ("outbox", "send"),
    ("history", "history"),
    ("settings", "settings-2"),
    (),
    ("quit", "log-out"),
)
HOST_WAIT_MS = 3000
"""A tray host may start after us at login; only then do we open a window instead."""


def run(paths: Paths) -> int:
    """Runs the tray until the user quits. A second start hands over and ends at once."""
    app = QApplication(["testigo"])
    app.setApplicationName("testigo")
    app.setApplicationDisplayName("Testigo")
    app.setDesktopFileName("testigo")
    app.setQuitOnLastWindowClosed(False)
    app.setWindowIcon(icons.app_icon())
    session = Session(paths)
    look.apply(app, session.settings.general.theme)  # type: ignore[arg-type]
    leave: list[Callable[[], None]] = []
    with _Signals(app, lambda: leave[0]() if leave else None):
        try:
            tray = Tray(app, session)
        except AlreadyRunning:
            call(paths, "tray", "show")
            return 0
        leave.append(tray.quit)
        _watch_crashes(session)
        code = app.exec()
        ended = tray.close()
    if ended:
        app.shutdown()  # hands to the desktop what was copied
    _leave(code)
    return code


def _leave(code: int) -> None:
    """Ends the process as it stands: threads that still wait (for a dead mount, a silent server) would crash in the
    middle of C++ when Python ended under them. Whatever is worth keeping is on disk by now."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed, or none at all without a console
            stream.flush()
    os._exit(code)


class Tray(QObject):
    """The one icon. Lives on Qt's thread for the whole run."""

    def __init__(self, app: QApplication, session: Session) -> None:
        """Raises: AlreadyRunning."""
        super().__init__()
        self._app, self._session = app, session
        self.bridge = Bridge(session, self)
        self.desktop, self._no_desktop = _open_desktop()
        self.journey = Journey(session, self.bridge, self.desktop, self._tell)
        self._taken: dict[str, str] = {}
        self._calls = Calls(session, self.bridge, self.journey, self.show, lambda: self._taken)
        self._instance = Instance(session.paths, "tray", self._calls.handle)
        self._stop_keys: Callable[[], None] = lambda: None
        self._actions = {name: self._make_action(name, icon) for name, icon in (e for e in MENU if e)}
        self._menu = Menu()
        for entry in MENU:
            if entry:
                self._menu.addAction(self._actions[entry[0]])
            else:
                self._menu.addSeparator()
        self._icon = QSystemTrayIcon(icons.tray_icon("idle"), self)
        self._icon.setContextMenu(self._menu)
        self._icon.activated.connect(self._activated)
        self._icon.show()
        self.tell = Notices(self._icon).tell
        self._fault = ""
        self._busy: set[str] = set()
        self._stuck: set[str] = set()
        self._home: HomeWindow | None = None
        self.bridge.happened.connect(self._on_event)
        self.journey.recording_changed.connect(self._show_state)
        self.journey.settings_changed.connect(self.apply_settings)
        SettingsWatch(session.paths.settings_file, self).changed.connect(self._settings_written)
        NetworkWatch(session, self)
        self.apply_settings()
        QTimer.singleShot(0, self._after_start)

    def show(self) -> None:
        """A second start: whatever is open comes to the front, else a new report."""
        if not self.journey.raise_windows():
            if QSystemTrayIcon.isSystemTrayAvailable():
                self.journey.new_report()
            else:
                self._open_home()

    def quit(self) -> None:
        self.journey.finish(lambda: self._app.exit(0))  # quit() would ask every window first

    def close(self) -> bool:
        """Ends all parts; False when some work in the background did not end."""
        self._stop_keys()
        self._instance.close()
        self.journey.close()
        ended = self.bridge.close()
        self._session.close()
        if self.desktop is not None:
            self.desktop.close()
        self._icon.hide()
        return ended

    def apply_settings(self) -> None:
        """Takes over language, look and keys as the settings say now."""
        chosen = self._applied = self._session.settings
        if words.language() != words.PSEUDO:
            words.speak(chosen.general.language)
        look.apply(self._app, chosen.general.theme)  # type: ignore[arg-type]
        look.retranslate()
        self._retitle()
        self._listen()
        if chosen.fault and chosen.fault != self._fault:
            self.tell(explain("settings_invalid")[0], chosen.fault, self.journey.windows.settings)
        self._fault = chosen.fault

    # -- within -----------------------------------------------------------------------------------------------

    def _tell(self, title: str, body: str, opens: Callable[[], None] | None = None) -> None:
        self.tell(title, body, opens)

    def _make_action(self, name: str, icon: str) -> QAction:
        calls: dict[str, Callable[[], object]] = {
            "report": self.journey.new_report,
            "region": lambda: self.journey.start_capture("region"),
            "window": lambda: self.journey.start_capture("window"),
            "screen": lambda: self.journey.start_capture("screen"),
            "last": lambda: self.journey.start_capture("last"),
            "delayed": self.journey.start_delayed,
            "record": self.journey.toggle_recording,
            "tickets": self.journey.windows.tickets,
            "outbox": self.journey.windows.outbox,
            "history": self.journey.windows.history,
            "settings": self.journey.windows.settings,
            "quit": self.quit,
        }
        action = QAction(icons.icon(icon), "", self)
        action.setObjectName(name)
        action.triggered.connect(lambda *_: calls[name]())
        return action

    def _retitle(self) -> None:
        delay_s = self._session.settings.capture.delay_s
        retitle(self._actions, recording=self.journey.is_recording, delay_s=delay_s)
        self._icon.setToolTip("Testigo")

    def _listen(self) -> None:
        """Watches the global keys anew; a key that is taken is named, not swallowed."""
        self._stop_keys()
        self._stop_keys = lambda: None
        chosen = self._session.settings.hotkeys
        keys = {name: key for name in ("region", "window", "record", "report") if (key := getattr(chosen, name))}
        for name in ("region", "window", "record", "report"):
            self._actions[name].setShortcut(QKeySequence(keys.get(name, "")))
        if self.desktop is None or not self.desktop.abilities.hotkeys:
            return
        for name in list(keys):
            try:
                parse(keys[name])
            except NoSuchKey as error:  # the others work all the same
                del keys[name]
                self._actions[name].setShortcut(QKeySequence())
                self.tell(say("The keys do not work"), sentence(error), self.journey.windows.settings)
        try:
            self._stop_keys, taken = self.desktop.listen(
                keys, lambda name: self.bridge.later(self._actions[name].trigger)
            )
        except CaptureError as error:
            self.tell(say("The keys do not work"), sentence(error), self.journey.windows.settings)
            return
        for name in taken:
            self._actions[name].setShortcut(QKeySequence())
        if taken and taken != self._taken:
            self.tell(
                say("Another program already uses {keys}", keys=", ".join(taken.values())),
                say("Choose other keys in the settings. The menu works all the same."),
                self.journey.windows.settings,
            )
        self._taken = dict(taken)

    def _settings_written(self) -> None:
        """The file was changed by hand, or by the command line."""
        if self._session.reload() != self._applied:
            self.apply_settings()

    def _after_start(self) -> None:
        """What can wait until the icon is there."""
        self._session.start()
        self.bridge.background(self._session.waiting_for_somebody, self._know_stuck)
        self.journey.offer_unfinished()
        if self._no_desktop:
            self.tell(say("Testigo cannot see the screen"), self._no_desktop)
        QTimer.singleShot(HOST_WAIT_MS, self._check_host)

    def _check_host(self) -> None:
        if not QSystemTrayIcon.isSystemTrayAvailable():
            self._open_home()

    def _open_home(self) -> None:
        from client.ui.home_window import HomeWindow

        if self._home is None:
            self._home = HomeWindow(tuple(self._actions[entry[0]] for entry in MENU if entry))
            home = self._home
            home.capture_wanted.connect(lambda action: self.journey.step_aside(home, action.trigger))
        bring_up(self._home)

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason == QSystemTrayIcon.ActivationReason.Trigger:
            self._actions["report"].trigger()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, ReportDamaged):
            words = say("It was moved to {place}. The others are fine.", place=event.place)
            self.tell(say("A report was damaged"), words)
        if isinstance(event, TicketNews):
            self._tell_news(event)
        if not isinstance(event, DeliveryChanged):
            return
        delivery = event.delivery
        if delivery.state == "sending":
            self._busy.add(delivery.report_id)
        else:
            self._busy.discard(delivery.report_id)
        if delivery.state == "needs_you" and not event.gone:
            self._stuck.add(delivery.report_id)
        else:
            self._stuck.discard(delivery.report_id)
        self._show_state()
        if event.gone:
            return
        if delivery.state == "sent" and delivery.ticket is not None:
            self._tell_sent(delivery, delivery.ticket)
        elif delivery.last_error is not None and (
            delivery.state == "needs_you" or (delivery.state == "queued" and delivery.attempts == 1)
        ):
            self.tell(*explain(delivery.last_error.code), self.journey.windows.outbox)

    def _tell_sent(self, delivery: Delivery, ticket: TicketRef) -> None:
        if delivery.reply_to is not None:
            opens = partial(self.journey.windows.tickets, delivery.desk, ticket.key or ticket.id)
            self.tell(say("Answer sent"), delivery.summary, opens)
            return
        title = (
            say("Handed to the help desk")
            if ticket.unconfirmed
            else say("Sent as {ticket}", ticket=number_word(ticket.id) or ticket.id)
        )
        words = say("{summary}. Click to open the ticket.", summary=delivery.summary.rstrip("."))
        if not ticket.url:
            words = say("{summary}. Its number comes by mail.", summary=delivery.summary.rstrip("."))
        self.tell(title, words, partial(_open, ticket.url) if ticket.url else self.journey.windows.tickets)

    def _tell_news(self, news: TicketNews) -> None:
        ticket = news.ticket
        opens = partial(self.journey.windows.tickets, news.desk, ticket.key)
        self.tell(*news_words(news), opens)

    def _know_stuck(self, report_ids: frozenset[str]) -> None:
        self._stuck |= report_ids
        self._show_state()

    def _show_state(self) -> None:
        state = "recording" if self.journey.is_recording else "sending" if self._busy else "idle"
        self._icon.setIcon(icons.tray_icon("needs_you" if state == "idle" and self._stuck else state))  # type: ignore[arg-type]
        self._retitle()


def retitle(actions: Mapping[str, QAction], *, recording: bool, delay_s: float) -> None:
    """Says the words of the menu, by name of the action, in the language of this moment."""
    texts = {
        "report": say("Report a problem"),
        "region": say("Region"),
        "window": say("Window"),
        "screen": say("Screen"),
        "last": say("Last region"),
        "delayed": say("In {n} seconds…", n=words.number(delay_s)),
        "record": say("Stop recording") if recording else say("Record"),
        "tickets": say("My tickets"),
        "outbox": say("On their way"),
        "history": say("History"),
        "settings": say("Settings"),
        "quit": say("Quit"),
    }
    for name, action in actions.items():
        action.setText(texts[name])


def _open(url: str) -> None:
    QDesktopServices.openUrl(QUrl(url))


def _open_desktop() -> tuple[Desktop | None, str]:
    try:
        return open_desktop(), ""
    except CaptureError as error:
        return None, f"{sentence(error)} {hint(error)}"


def _watch_crashes(session: Session) -> None:
    """Keeps what the last crash left, and writes the next one's stack there, up to the very end of the process."""
    file = session.paths.crash_file
    if file.exists() and file.stat().st_size:
        file.replace(file.with_name("crash-last.log"))
    faulthandler.enable(file.open("w", encoding="utf-8"))  # held by the module, never closed


class _Signals:
    """Ctrl-C and SIGTERM quit cleanly: Python's handler runs because a socket wakes Qt's loop, not a timer."""

    def __init__(self, app: QApplication, quit_: Callable[[], None]) -> None:
        import socket

        self._read, self._write = socket.socketpair()
        self._write.setblocking(False)
        self._notifier = QSocketNotifier(self._read.fileno(), QSocketNotifier.Type.Read, app)
        self._notifier.activated.connect(self._woken)
        self._quit = quit_
        self._before: dict[int, object] = {}

    def __enter__(self) -> None:
        self._fd = signal.set_wakeup_fd(self._write.fileno())
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, lambda *_: None)

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._fd)
        self._notifier.setEnabled(False)
        self._read.close()
        self._write.close()

    def _woken(self) -> None:
        self._read.recv(64)
        self._quit()
