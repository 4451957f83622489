"""How each desk stands while My tickets is open: whether it is being asked, and why it could not be."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from PySide6.QtCore import QObject, Signal

from client.report import DeskAsked, Event
from client.session import Session
from client.ui.alive import while_alive
from client.ui.bridge import Bridge
from client.ui.report_words import desk_word, trouble_words
from client.words import explain, moment, say


class DeskStanding(QObject):
    """Lives on Qt's thread. ``changed(desk)``: its words are other ones now, or it is asked or was."""

    changed = Signal(str)

    def __init__(self, session: Session, bridge: Bridge, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._bridge = session, bridge
        self._away = dict[str, str]()
        self._asking = dict[str, int]()
        bridge.happened.connect(self._on_event)

    def read(self) -> None:
        """What was so before anybody looked."""
        polling = self._session.polling
        self._asking = dict.fromkeys(polling.asking, 1)
        for desk, fault in dict(polling.faults).items():
            self.reached(desk, fault)

    @property
    def asking(self) -> bool:
        return any(count > 0 for count in self._asking.values())

    def words(self, desk: str) -> str:
        """Why it could not be asked, by the name that the user knows it by; empty: it could."""
        return self._away.get(desk, "")

    def begin(self, desk: str) -> None:
        """It is asked now, until ``end``."""
        self._asking[desk] = self._asking.get(desk, 0) + 1
        self.changed.emit(desk)

    def end(self, desk: str, fault: Exception | None = None) -> None:
        self._asking[desk] = max(0, self._asking.get(desk, 0) - 1)
        self.reached(desk, fault)

    def reached(self, desk: str, fault: Exception | None = None) -> None:
        """It answered, or did not; said at each of its tickets while it is so."""
        if fault is None:
            self._away.pop(desk, None)
            self.changed.emit(desk)
            return
        self._away[desk] = self._words(desk, fault, None)
        self.changed.emit(desk)

        def tell(seen: datetime | None) -> None:
            if seen is not None and desk in self._away:
                self._away[desk] = self._words(desk, fault, seen)
                self.changed.emit(desk)

        self._bridge.background(partial(self._session.tickets.looked_at, desk), while_alive(self, tell))

    @staticmethod
    def _words(desk: str, fault: Exception, seen: datetime | None) -> str:
        away = getattr(fault, "code", "") == "unreachable"  # its address says no more
        name, why = desk_word(desk), explain("unreachable")[0] if away else trouble_words(fault).rstrip(".")
        if seen is None:
            return say("“{desk}” could not be asked: {why}. Shown is what was last seen.", desk=name, why=why)
        when = moment(seen)
        return say("“{desk}” could not be asked: {why}. Shown is what it said {when}.", desk=name, why=why, when=when)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, DeskAsked):
            self.begin(event.desk) if event.begun else self.end(event.desk, event.fault)
