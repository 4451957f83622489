"""What the organisation offers beside the ticket: what is covered, and, behind one line, who else can be asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from PySide6.QtCore import Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from client.contact import Way, hours_words
from client.session import Session
from client.ui import look
from client.ui.alive import while_alive
from client.ui.bridge import Bridge
from client.ui.buttons import FlushLink
from client.ui.pieces import Label, flush_px
from client.words import say

ICONS = {"phone": "phone", "whatsapp": "message-circle", "chat": "message-circle", "mail": "mail",
         "link": "external-link"}  # fmt: skip


TOP_LEFT = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft
MOST_SIGNS = 26
"""Of one way: two of them stand side by side in the narrowest form."""


class SupportRow(QWidget):
    """Hidden while there is nothing to say. ``words`` is what is handed over to WhatsApp, after it asked."""

    changed = Signal()

    def __init__(
        self,
        session: Session,
        bridge: Bridge,
        phrases: look.Phrases,
        words: Callable[[], str],
        *,
        cover: bool = True,
        columns: int = 2,
    ) -> None:
        """``cover``: what is covered is told too. ``columns``: how many ways stand side by side."""
        super().__init__()
        self._session, self._bridge, self._words = session, bridge, words
        self._tells_cover, self._columns = cover, columns
        self._cover, self.fold = Label("faint", "small", wrap=True), FlushLink("chevron-right")
        self.fold.setCheckable(True)
        self._card = QWidget()
        self._ways = QGridLayout(self._card)
        self._ways.setContentsMargins(look.L, 0, 0, 0)
        self._allowed, self._has = True, False
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(look.XS)
        self._ways.setHorizontalSpacing(look.L)
        self._ways.setVerticalSpacing(0)
        column.addWidget(self._cover)
        column.addWidget(self.fold, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._card)
        self._card.hide()
        self.fold.toggled.connect(self._unfold)
        phrases.tell(self.fold.setText, lambda: say("Other ways to get help"))
        phrases.tell(lambda _: self.refresh(), lambda: "")

    def allow(self, allowed: bool) -> None:
        """Shows it only while there is a reason to (where a desk cannot be reached)."""
        if allowed != self._allowed:
            self._allowed = allowed
            self.setVisible(allowed and self._has)

    def refresh(self) -> None:
        """Reads it in the background."""
        support = self._session.support

        def work() -> tuple[str, tuple[Way, ...]]:
            cover = [support.cover_words(), support.cover_details()] if self._tells_cover else []
            return "\n".join(line for line in cover if line), support.ways()

        self._bridge.background(work, while_alive(self, lambda found: self._show(*found)))

    def _show(self, cover: str, ways: tuple[Way, ...]) -> None:
        while (item := self._ways.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for number, way in enumerate(ways):
            button = FlushLink(ICONS[way.kind])
            hours = hours_words(way, datetime.now(UTC))
            words = f"{way_word(way)} {way.text}" if way.kind == "whatsapp" else way.text
            button.setText(words if len(words) <= MOST_SIGNS else words[: MOST_SIGNS - 1] + "…")
            button.setAccessibleName(", ".join(filter(None, (f"{way_word(way)}: {way.text}", hours))))
            button.setToolTip(way_word(way))
            act = partial(self._to_whatsapp, way) if way.kind == "whatsapp" else partial(_open, way)
            button.clicked.connect(act)
            self._ways.addWidget(_with(button, hours), number // self._columns, number % self._columns, TOP_LEFT)
        self._ways.setColumnStretch(1, 1)
        self._cover.setText(cover)
        self._cover.setVisible(bool(cover))
        self.fold.setVisible(bool(ways))
        self._card.setVisible(bool(ways) and self.fold.isChecked())
        self._has = bool(cover or ways)
        self.setVisible(self._allowed and self._has)
        QTimer.singleShot(0, while_alive(self, self.changed.emit))  # once the layout knows what it holds

    def _unfold(self, open_: bool) -> None:  # Qt's signal
        self.fold.set_icon_name("chevron-down" if open_ else "chevron-right")
        self._card.setVisible(open_)
        QTimer.singleShot(0, while_alive(self, self.changed.emit))

    def _to_whatsapp(self, way: Way) -> None:
        from client.ui.hand_over import ask_and_open

        ask_and_open(self.window(), way.text, self._words().strip())


def _with(button: FlushLink, hours: str) -> QWidget:
    """The way, and below it when it is open."""
    if not hours:
        return button
    both, told = QWidget(), Label("faint", "small", wrap=True)
    column = QVBoxLayout(both)
    column.setContentsMargins(0, 0, 0, look.XS)
    column.setSpacing(0)
    told.setText(hours)
    told.setContentsMargins(look.sized(look.ICON) + look.S + flush_px(), 0, 0, 0)
    column.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
    column.addWidget(told)
    return both


def way_word(way: Way) -> str:
    return {
        "phone": say("Telephone"),
        "whatsapp": say("WhatsApp"),
        "chat": say("Chat"),
        "mail": say("E-mail"),
        "link": say("Web page"),
    }[way.kind]


def _open(way: Way) -> None:
    QDesktopServices.openUrl(QUrl(way.url))
