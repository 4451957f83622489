"""What can be done about the chosen entry of a list: as buttons, as its context menu, and by keys."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QEvent, QPoint, QSize, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from client.ui import look
from client.ui.buttons import LinkButton, ToolButton
from client.ui.pieces import Menu
from client.ui.rows import RowList
from client.words import say

SHOWN_ACTIONS = 4
ACTION_KEYS = {Qt.Key.Key_Delete: "Delete", Qt.Key.Key_F2: "F2", Qt.Key.Key_Space: "Space"}
Action = tuple[str, str, Callable[[], object]]
"""Words, key, what it does."""


class ActionBar(QWidget):
    """Stands below ``rows``. ``actions`` gives what can be done about an entry, the most likely first.

    ``end`` stands at its other end, whatever is chosen.
    """

    def __init__(
        self,
        rows: RowList,
        actions: Callable[[str], list[Action]],
        phrases: look.Phrases,
        end: QWidget | None = None,
    ) -> None:
        super().__init__()
        self._rows, self._actions, self._end = rows, actions, end
        self._buttons, self._more = [LinkButton() for _ in range(SHOWN_ACTIONS)], ToolButton("ellipsis")
        bar = QHBoxLayout(self)
        bar.setContentsMargins(look.M, look.XS, look.M, look.XS)
        bar.setSpacing(look.XS)
        for button in (*self._buttons, self._more):
            bar.addWidget(button)
        for number, button in enumerate(self._buttons):
            button.clicked.connect(partial(self.act, number))
        bar.addStretch()
        if end is not None:
            bar.addWidget(end)
        phrases.name(self._more, lambda: say("More"))
        self._more.clicked.connect(lambda: self._pop_menu(self._more.mapToGlobal(self._more.rect().topLeft())))
        rows.itemActivated.connect(lambda _: self._enter())
        rows.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        rows.customContextMenuRequested.connect(lambda at: self._pop_menu(rows.viewport().mapToGlobal(at)))

    def refresh(self) -> None:
        """Shows the actions of the chosen entry; what does not fit is behind "More"."""
        actions = self._actions(self._rows.current_key())
        self.setVisible(bool(actions or self._end))
        aside = [self._more, self._end] if self._end else [self._more]
        room = self.window().width() - 2 * look.M - sum(each.sizeHint().width() + look.XS for each in aside)
        hidden = False
        for number, button in enumerate(self._buttons):
            if number >= len(actions):
                button.hide()
                continue
            words, key, _ = actions[number]
            button.setText(words.replace("&", "&&"))
            button.setAccessibleName(words)
            button.setToolTip(look.key_name(key) if key else "")
            room -= button.sizeHint().width() + look.XS
            hidden = hidden or (room < 0 and number > 0)
            button.setVisible(not hidden)
        self._more.setVisible(hidden or len(actions) > len(self._buttons))

    def act(self, number: int, *_: object) -> None:
        actions = self._actions(self._rows.current_key())
        self._rows.setFocus()  # the button may be gone afterwards, and the keyboard with it
        if number < len(actions):
            actions[number][2]()

    def _enter(self) -> None:
        """The first action, unless none of them is to be taken in haste."""
        found = self._actions(self._rows.current_key())
        if found and found[0][1]:
            found[0][2]()

    def _press(self, wanted: str) -> None:
        """Acts, if the chosen entry has an action by this key."""
        for _, key, act in self._actions(self._rows.current_key()):
            if key == wanted:
                act()
                break

    def pop_at_row(self) -> None:
        """The menu of the chosen entry, for those who ask by keyboard."""
        item = self._rows.currentItem()
        if item is not None:
            self._pop_menu(self._rows.viewport().mapToGlobal(self._rows.visualItemRect(item).center()))

    def takes(self, event: QKeyEvent) -> bool:
        """Whether a key pressed in the window is one of these; then it acts, if the entry has such an action."""
        wanted = ACTION_KEYS.get(Qt.Key(event.key()))
        if event.matches(QKeySequence.StandardKey.Copy):
            wanted = "Ctrl+C"
        if wanted is None:
            return False
        self._press(wanted)
        return True

    def minimumSizeHint(self) -> QSize:
        """What does not fit goes behind "More": the window may be made as narrow as the rest of it allows."""
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.refresh()

    def _pop_menu(self, at: QPoint) -> None:
        menu = Menu(self.window())
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for words, key, act in self._actions(self._rows.current_key()):
            action = menu.addAction(words.replace("&", "&&"))
            action.setShortcut(QKeySequence(key))
            action.triggered.connect(lambda _=False, act=act: act())
        if menu.actions():
            menu.setActiveAction(menu.actions()[0])
            menu.popup(at)


class ListWindow(QWidget):
    """A window of one list: whoever comes to it or back to it sees what has happened meanwhile."""

    def refresh(self) -> None:
        """Reads the list anew, in the background."""
        raise NotImplementedError

    def pop_at_row(self) -> None:
        """Opens the menu of the chosen entry, for those who ask by keyboard."""
        raise NotImplementedError

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and self.isActiveWindow():
            self.refresh()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        elif event.key() == Qt.Key.Key_F10 and event.modifiers() == Qt.KeyboardModifier.ShiftModifier:
            self.pop_at_row()
        else:
            super().keyPressEvent(event)


class ActionWindow(ListWindow):
    """The same with its ``_bar``."""

    _bar: ActionBar

    def pop_at_row(self) -> None:
        self._bar.pop_at_row()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._bar.takes(event):
            super().keyPressEvent(event)
