"""The one row of the report about diagnostics: collected in the background, reviewed before anything leaves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from capture import Monitor
from client.draft import Draft
from client.report import Section
from client.session import Session
from client.ui import look
from client.ui.alive import while_alive
from client.ui.bridge import Bridge
from client.ui.buttons import LinkButton
from client.ui.pieces import OneLine, Panel, Tick
from client.ui.reviewed import tally
from client.words import reason, say, say_n

if TYPE_CHECKING:
    from client.diagnostics import Diagnosis


class DiagnosticsRow(Panel):
    """States: off, collecting, collected. Collecting starts by itself unless the settings say none."""

    review_wanted = Signal()
    ready = Signal()

    def __init__(
        self,
        session: Session,
        bridge: Bridge,
        draft: Draft,
        monitors: Callable[[], tuple[Monitor, ...]],
        phrases: look.Phrases,
    ) -> None:
        super().__init__()
        self._session, self._bridge, self._draft, self._monitors = session, bridge, draft, monitors
        self._sections = draft.report.sections
        self._reviewed = False
        self._collecting: threading.Event | None = None
        self._failed = ""
        self.tick, self._title, self._detail = Tick(), OneLine(), OneLine("faint", "small")
        self.review = LinkButton()
        row = QHBoxLayout(self)
        row.setContentsMargins(look.M, look.S, look.S, look.S)
        row.setSpacing(look.XS)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self._title)
        words.addWidget(self._detail)
        row.addWidget(self.tick)
        row.addLayout(words, 1)
        row.addWidget(self.review)
        phrases.tell(self._title.setText, lambda: say("Diagnostics of this computer"))
        phrases.tell(self.tick.setAccessibleName, lambda: say("Send diagnostics of this computer"))
        phrases.tell(self.review.setText, lambda: say("Review"))
        phrases.tell(self._detail.setText, self._words)
        wanted = session.settings.report.diagnostics != "none" and draft.report.reply_to is None
        self.tick.setChecked(wanted or bool(self._sections))
        self.tick.toggled.connect(self._toggled)
        self.review.clicked.connect(self.review_wanted)
        if self.tick.isChecked() and not self._sections:
            self._collect()
        self._show()

    @property
    def is_ready(self) -> bool:
        """Nothing is being collected that should go along."""
        return self._collecting is None or not self.tick.isChecked()

    @property
    def needs_review(self) -> bool:
        """Something would leave that was not shown yet."""
        return self.tick.isChecked() and not self._reviewed and any(s.text for s in self._sections)

    def sections(self) -> tuple[Section, ...]:
        return self._sections

    def reviewed(self, sections: tuple[Section, ...]) -> None:
        """The user saw these and let them go."""
        self._sections, self._reviewed = sections, True
        self._show()
        self._store()

    def leaving(self) -> tuple[Section, ...]:
        """What goes along: nothing, when it is switched off."""
        return self._sections if self.tick.isChecked() else ()

    def stop(self) -> None:
        """The form closes: what is being collected is not needed."""
        if self._collecting is not None:
            self._collecting.set()

    def _toggled(self, on: bool) -> None:
        if on and not self._sections and self._collecting is None:
            self._collect()
        self._show()
        self._store()
        if self.is_ready:
            self.ready.emit()

    def _collect(self) -> None:
        profile = self._session.settings.report.diagnostics
        stop = self._collecting = threading.Event()
        monitors = self._monitors()
        self._bridge.background(
            partial(
                self._session.diagnose,
                "standard" if profile == "none" else profile,
                monitors=monitors,
                cancelled=stop,
            ),
            while_alive(self, partial(self._collected, stop)),
            while_alive(self, partial(self._not_collected, stop)),
        )

    def _collected(self, stop: threading.Event, diagnosis: Diagnosis) -> None:
        if stop.is_set() or stop is not self._collecting:
            return
        self._collecting, self._failed = None, ""
        self._sections = diagnosis.sections()
        self._store()
        self._show()
        self.ready.emit()

    def _not_collected(self, stop: threading.Event, error: Exception) -> None:
        if stop is self._collecting:
            self._collecting, self._failed = None, reason(error)
            self._show()
            self.ready.emit()

    def _store(self) -> None:
        """Keeps the draft up to date; whatever fails here is told when it is sent, which writes them once more."""
        work = partial(self._draft.set_sections, self.leaving())
        self._bridge.background(work, None, lambda _: None, in_order=True)

    def _words(self) -> str:
        if not self.tick.isChecked():
            return say("Not sent")
        if self._collecting is not None:
            return say("Collecting…")
        if self._failed:
            return say("Could not be collected: {why}", why=self._failed)
        there = [section for section in self._sections if section.text]
        if not there:
            return say("Nothing is sent")
        parts = [tally(self._sections)]
        hidden = sum(section.hidden for section in there)
        if hidden:
            parts.append(say_n("{n} thing hidden", "{n} things hidden", hidden))
        return " · ".join(parts)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """The words belong to the tick: a click on them turns it over."""
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.tick.toggle()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def _show(self) -> None:
        self._detail.setText(self._words())
        self.review.setEnabled(self.tick.isChecked() and self._collecting is None and bool(self._sections))
