"""Search in what was sent. Enter opens the ticket."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QListWidgetItem, QStackedLayout, QVBoxLayout, QWidget

from client.history import Item
from client.session import Session
from client.terms import number_word
from client.ui import look
from client.ui.alive import while_alive
from client.ui.bridge import Bridge
from client.ui.icons import icon
from client.ui.outbox_window import files_word, state_words
from client.ui.pieces import Divider, EmptyState, OneLine
from client.ui.report_words import joined, trouble_words
from client.ui.rows import ROW, Row, RowList
from client.words import moment, say, say_n

SEARCH_MS = 150


class HistoryWindow(QWidget):
    opened = Signal(str)
    """The address of a ticket that was opened."""

    def __init__(self, session: Session, bridge: Bridge) -> None:
        super().__init__(None)
        self._session, self._bridge = session, bridge
        self._items: tuple[Item, ...] = ()
        self._phrases = look.Phrases(self)
        self.search, self.list, self.empty = QLineEdit(), RowList(), EmptyState("history")
        self._count = OneLine("faint", "small")
        self._timer = QTimer(self, singleShot=True, interval=SEARCH_MS)
        self._build()
        tell = self._phrases.tell
        tell(self.setWindowTitle, lambda: say("History"))
        tell(self.search.setPlaceholderText, lambda: say("Search in what you sent"))
        tell(self.search.setAccessibleName, lambda: say("Search"))
        tell(self.list.setAccessibleName, lambda: say("Reports"))
        tell(self.empty.title.setText, self._empty_title)
        tell(self.empty.detail.setText, self._empty_detail)
        tell(lambda _: self._show_rows(), lambda: "")
        self.search.textChanged.connect(self._timer.start)
        self._timer.timeout.connect(self.refresh)
        self.list.itemActivated.connect(self._open)
        self.resize(look.sized(620), look.sized(480))
        self.setMinimumSize(look.sized(380), look.sized(260))

    def refresh(self) -> None:
        """Searches in the background; an answer to words that are no longer there is not shown."""
        asked = self.search.text()
        take = while_alive(self, lambda items: self._take(items) if asked == self.search.text() else None)
        self._bridge.background(partial(self._session.history, asked), take, while_alive(self, self._not_read))

    def _build(self) -> None:
        top = QHBoxLayout()
        top.setContentsMargins(look.L, look.M, look.L, look.M)
        self.search.addAction(icon("search"), QLineEdit.ActionPosition.LeadingPosition)
        top.addWidget(self.search)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.list)
        self._stack.addWidget(self.empty)
        foot = QHBoxLayout()
        foot.setContentsMargins(look.L, look.S, look.L, look.S)
        foot.addWidget(self._count)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(top)
        whole.addWidget(Divider())
        whole.addLayout(self._stack, 1)
        whole.addWidget(Divider())
        whole.addLayout(foot)

    def _take(self, items: tuple[Item, ...]) -> None:
        self._items = items
        self._show_rows()

    def _not_read(self, error: Exception) -> None:
        self._count.setText(trouble_words(error))

    def _show_rows(self) -> None:
        rows = []
        for item in self._items:
            words, tone = state_words(item.state)
            detail = joined(moment(item.created_at), files_word(len(item.attachments)), number_word(item.ticket_id))
            rows.append(Row(item.report_id, item.summary, detail, words, tone))
        self.list.show_rows(rows)
        self._stack.setCurrentWidget(self.list if rows else self.empty)
        self.empty.title.setText(self._empty_title())
        self.empty.detail.setText(self._empty_detail())
        self._count.setText(say_n("{n} report", "{n} reports", len(rows)) if rows else "")

    def _empty_title(self) -> str:
        return say("Nothing found") if self.search.text().strip() else say("Nothing was sent yet")

    def _empty_detail(self) -> str:
        if self.search.text().strip():
            return say("Try fewer or other words.")
        return say("What you send can be found here by its words.")

    def _open(self, entry: QListWidgetItem | None) -> None:
        for item in self._items:
            if entry is not None and item.report_id == entry.data(ROW).key and item.ticket_url:
                self.opened.emit(item.ticket_url)
                QDesktopServices.openUrl(QUrl(item.ticket_url))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.search.setFocus()
        self.refresh()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        elif event.key() == Qt.Key.Key_Down and self.search.hasFocus():
            self.list.setFocus(Qt.FocusReason.TabFocusReason)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.search.hasFocus():
            self._open(self.list.currentItem())
        else:
            super().keyPressEvent(event)
