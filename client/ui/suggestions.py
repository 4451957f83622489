"""What a desk lets choose from, offered below a line that may also be typed into."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, Qt, QTimer
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QCompleter, QLineEdit

from client.ui import look
from client.ui.alive import while_alive
from client.ui.icons import icon
from client.words import say
from uploader.ticket import Choice as Entry


class Suggestions(QCompleter):
    """Shows names, writes values. A mark in the line and the arrow key open the whole list.

    ``activated[str]`` when one was chosen: the line then counts as not modified, so it does not tell by itself.
    """

    def __init__(self, line: QLineEdit, entries: Iterable[Entry], phrases: look.Phrases) -> None:
        super().__init__(line)
        self._line, self._entries = line, QStandardItemModel(self)
        self.offer(entries)
        self.setModel(self._entries)
        self.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.setFilterMode(Qt.MatchFlag.MatchContains)
        if (popup := self.popup()) is not None:
            popup.setProperty("popup", True)
        line.setCompleter(self)
        self.activated.connect(line.setText)  # Qt does so only if the line had the keyboard before
        line.textEdited.connect(lambda _: QTimer.singleShot(0, while_alive(self, self._typed)))
        mark = line.addAction(icon("chevron-down"), QLineEdit.ActionPosition.TrailingPosition)
        mark.setShortcut(Qt.Key.Key_Down)
        mark.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        mark.triggered.connect(self.show_all)
        phrases.tell(mark.setText, lambda: say("Show the list"))
        phrases.tell(line.setPlaceholderText, lambda: say("Choose from the list, or type"))

    def offer(self, entries: Iterable[Entry]) -> None:
        """These now, in place of those before."""
        self._entries.clear()
        for entry in entries:
            named = entry.title and entry.title != entry.value
            row = QStandardItem(f"{entry.title} ({entry.value})" if named else entry.value)
            row.setData(entry.value, Qt.ItemDataRole.UserRole)
            self._entries.appendRow(row)

    def show_all(self) -> None:
        popup = self.popup()
        if popup is not None and popup.isVisible():  # the arrow key once more
            popup.setCurrentIndex(popup.model().index(popup.currentIndex().row() + 1, 0))
            return
        self._line.setFocus(Qt.FocusReason.OtherFocusReason)
        self.setCompletionPrefix("")
        self.complete()
        self._clear_the_edge()

    def pathFromIndex(self, index: QModelIndex | QPersistentModelIndex) -> str:
        return str(index.data(Qt.ItemDataRole.UserRole))

    def _typed(self) -> None:
        """Who wrote out a value has chosen: Enter is not spent on closing the list."""
        popup, whole, start = self.popup(), Qt.MatchFlag.MatchExactly, self._entries.index(0, 0)
        if popup is not None and self._entries.match(start, Qt.ItemDataRole.UserRole, self._line.text(), 1, whole):
            popup.hide()
        self._clear_the_edge()

    def _clear_the_edge(self) -> None:
        """Qt lays the list over the lower edge of the line."""
        popup, below = self.popup(), self._line.mapToGlobal(QPoint(0, self._line.height() + look.XS)).y()
        if popup is not None and popup.isVisible() and abs(popup.y() - below) < look.M:
            popup.move(popup.x(), below)
