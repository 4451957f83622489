"""The windows of which there is one each: made when first wanted, brought to the front afterwards."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from client.session import Session
from client.ui.bridge import Bridge
from client.ui.placing import bring_up


class Windows(QObject):
    """``draft_wanted(id)`` and ``form_wanted(draft or None)``: the form of a report shall open."""

    draft_wanted = Signal(str)
    form_wanted = Signal(object)
    settings_changed = Signal()

    def __init__(self, session: Session, bridge: Bridge, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._bridge = session, bridge
        self._made: dict[str, QWidget] = {}

    @property
    def open(self) -> tuple[QWidget, ...]:
        """All that were made so far."""
        return tuple(self._made.values())

    def outbox(self) -> None:
        from client.ui.outbox_window import OutboxWindow

        def make() -> QWidget:
            window = OutboxWindow(self._session, self._bridge)
            window.draft_wanted.connect(self.draft_wanted)
            window.links_wanted.connect(self.links)
            return window

        self._show("outbox", make)

    def links(self) -> None:
        from client.ui.links_window import LinksWindow

        self._show("links", lambda: LinksWindow(self._session, self._bridge))

    def tickets(self, desk: str = "", key: str = "") -> None:
        """With this ticket chosen, if one is named."""
        from client.ui.tickets_window import TicketsWindow

        def make() -> QWidget:
            window = TicketsWindow(self._session, self._bridge)
            window.form_wanted.connect(self.form_wanted)
            window.draft_wanted.connect(self.draft_wanted)
            window.outbox_wanted.connect(self.outbox)
            window.connect_wanted.connect(self.connect_desk)
            window.report_wanted.connect(partial(self.form_wanted.emit, None))
            return window

        window = self._show("tickets", make)
        if key and isinstance(window, TicketsWindow):
            window.choose(desk, key)

    def connect_desk(self) -> None:
        """A new wizard each time it is wanted."""
        from client.ui.desk_wizard import DeskWizard

        def make() -> QWidget:
            window = DeskWizard(self._session, self._bridge)
            window.connected.connect(lambda _: self.settings_changed.emit())
            return window

        if (old := self._made.get("wizard")) is not None and not old.isVisible():
            del self._made["wizard"]
            old.deleteLater()
        self._show("wizard", make)

    def history(self) -> None:
        from client.ui.history_window import HistoryWindow

        self._show("history", lambda: HistoryWindow(self._session, self._bridge))

    def settings(self) -> None:
        from client.ui.settings_window import SettingsWindow

        def make() -> QWidget:
            window = SettingsWindow(self._session, self._bridge)
            window.changed.connect(self.settings_changed)
            window.connect_wanted.connect(self.connect_desk)
            return window

        self._show("settings", make)

    def _show(self, name: str, make: Callable[[], QWidget]) -> QWidget:
        if name not in self._made:
            self._made[name] = make()
        bring_up(self._made[name])
        return self._made[name]
