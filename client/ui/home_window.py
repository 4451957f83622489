"""The tray's menu as a window, for desktops that have no tray."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QCloseEvent, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from client.ui import look
from client.ui.buttons import PlainButton, PrimaryButton, QuietButton
from client.ui.pieces import Divider, Label
from client.words import say

ICONS = {
    "region": "scan",
    "window": "app-window",
    "screen": "monitor",
    "last": "history",
    "delayed": "timer",
    "record": "video",
    "outbox": "send",
    "history": "inbox",
    "settings": "settings-2",
}


class HomeWindow(QWidget):
    """Closing it asks what is meant: without a tray there would be no other way back but the keys."""

    def __init__(self, actions: tuple[QAction, ...]) -> None:
        super().__init__(None)
        self._phrases = look.Phrases(self)
        self._leaving = False
        self._actions = {action.objectName(): action for action in actions}
        column = QVBoxLayout(self)
        column.setContentsMargins(look.XL, look.XL, look.XL, look.L)
        column.setSpacing(look.XS)
        for name, action in self._actions.items():
            if name == "quit":
                continue
            button = PrimaryButton("send") if name == "report" else QuietButton(ICONS.get(name, ""))
            button.setMinimumWidth(look.sized(280))
            action.changed.connect(lambda button=button, action=action: _follow(button, action))
            button.clicked.connect(action.trigger)
            _follow(button, action)
            column.addWidget(button)
            if name == "report":
                column.addSpacing(look.S)
        column.addSpacing(look.S)
        column.addWidget(Divider())
        why = Label("faint", "small", wrap=True)
        self._phrases.tell(why.setText, lambda: say("This desktop has no tray, so Testigo shows a window instead."))
        column.addWidget(why)
        self._question, self._ask = QWidget(), Label(wrap=True)
        answers = QHBoxLayout()
        stay, leave = PlainButton(), QuietButton()
        self._phrases.tell(self._ask.setText, lambda: say("Keep Testigo running without this window?"))
        self._phrases.tell(stay.setText, lambda: say("Keep running"))
        self._phrases.tell(leave.setText, lambda: say("Quit"))
        answers.addWidget(stay)
        answers.addWidget(leave)
        answers.addStretch()
        box = QVBoxLayout(self._question)
        box.setContentsMargins(0, look.S, 0, 0)
        box.addWidget(self._ask)
        box.addLayout(answers)
        self._question.hide()
        column.addWidget(self._question)
        column.addStretch()
        stay.clicked.connect(self._stay)
        leave.clicked.connect(self._actions["quit"].trigger)
        self._stay_button = stay
        self._phrases.tell(self.setWindowTitle, lambda: "Testigo")

    def _stay(self) -> None:
        self._leaving = True
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._leaving or not self.isVisible():
            self._leaving = False
            self._question.hide()
            event.accept()
            return
        event.ignore()
        self._question.show()
        self._stay_button.setFocus(Qt.FocusReason.TabFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)


def _follow(button: PrimaryButton | QuietButton, action: QAction) -> None:
    keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    button.setText(action.text())
    button.setToolTip(keys)
    button.setAccessibleName(f"{action.text()}, {keys}" if keys else action.text())
