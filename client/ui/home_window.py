"""The tray's menu as a window, for desktops that have no tray."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAction, QCloseEvent, QColor, QFontMetrics, QKeyEvent, QKeySequence, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from client.ui import look
from client.ui.buttons import PlainButton, QuietButton
from client.ui.icons import draw_icon
from client.ui.pieces import Divider, Label
from client.ui.placing import FRAME
from client.words import say

ICONS = {
    "report": "message-square-warning",
    "region": "scan",
    "window": "app-window",
    "screen": "monitor",
    "last": "history",
    "delayed": "timer",
    "record": "video",
    "tickets": "inbox",
    "outbox": "send",
    "history": "history",
    "settings": "settings-2",
}
GROUPS = ("report", "delayed", "record", "settings")
"""After each of these comes a line, as in the menu."""
CAPTURES = ("region", "window", "screen", "last", "delayed", "record")


class HomeWindow(QWidget):
    """Closing it asks what is meant: without a tray there would be no other way back but the keys.

    ``capture_wanted(action)``: one of ``CAPTURES`` was clicked; this window would be in its picture.
    """

    capture_wanted = Signal(QAction)

    def __init__(self, actions: tuple[QAction, ...]) -> None:
        super().__init__(None)
        self._phrases = look.Phrases(self)
        self._actions = {action.objectName(): action for action in actions}
        self.entries: dict[str, _Entry] = {}
        self._body, self._scroll = QWidget(), QScrollArea()
        column = QVBoxLayout(self._body)
        column.setContentsMargins(look.S, look.S, look.S, look.L)
        column.setSpacing(2)
        for name, action in self._actions.items():
            if name == "quit":
                continue
            self.entries[name] = entry = _Entry(ICONS[name], strong=name == "report")
            action.changed.connect(partial(_follow, entry, action))
            entry.clicked.connect(partial(self._choose, action))
            _follow(entry, action)
            column.addWidget(entry)
            if name in GROUPS:
                column.addSpacing(look.XS)
                column.addWidget(Divider())
                column.addSpacing(look.XS)
        foot = QVBoxLayout()
        foot.setContentsMargins(look.M, look.XS, look.M, 0)
        self._why = Label("faint", "small", wrap=True)
        foot.addWidget(self._why)
        self._question = self._build_question()
        foot.addWidget(self._question)
        column.addLayout(foot)
        column.addStrut(look.sized(320))
        column.setSizeConstraint(QVBoxLayout.SizeConstraint.SetFixedSize)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(self._body)
        self._scroll.viewport().setAutoFillBackground(False)
        self._body.setAutoFillBackground(False)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._scroll)
        self._body.installEventFilter(self)
        column.activate()
        self._fit()
        tell = self._phrases.tell
        tell(self._why.setText, lambda: say("This desktop has no tray, so Testigo shows a window instead."))
        tell(self.setWindowTitle, lambda: "Testigo")

    def _build_question(self) -> QWidget:
        question, words = QWidget(), Label(wrap=True)
        self.stay, self.leave = PlainButton(), QuietButton()
        self._phrases.tell(words.setText, lambda: say("Keep Testigo running without this window?"))
        self._phrases.tell(self.stay.setText, lambda: say("Keep running"))
        self._phrases.tell(self.leave.setText, lambda: say("Quit"))
        answers = QHBoxLayout()
        answers.addWidget(self.stay)
        answers.addWidget(self.leave)
        answers.addStretch()
        box = QVBoxLayout(question)
        box.setContentsMargins(0, look.S, 0, 0)
        box.addWidget(words)
        box.addLayout(answers)
        question.hide()
        self.stay.clicked.connect(self._stay)
        self.leave.clicked.connect(self._actions["quit"].trigger)
        return question

    def ask(self) -> None:
        """Shows the question: go on without this window, or quit."""
        self._question.show()
        self.stay.setFocus(Qt.FocusReason.TabFocusReason)
        self._scroll.ensureWidgetVisible(self.stay)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._body and event.type() == QEvent.Type.Resize:
            self._fit()
            self._scroll.ensureWidgetVisible(self.focusWidget() or self._body)
        return super().eventFilter(watched, event)

    def _fit(self) -> None:
        """As large as what it holds; where the screen is lower than that, it scrolls."""
        size, most = self._body.size(), self.screen().availableGeometry().marginsRemoved(FRAME).size()
        if size.height() > most.height():
            size.setWidth(size.width() + self._scroll.verticalScrollBar().sizeHint().width())
        self.setFixedSize(size.boundedTo(most))

    def _choose(self, action: QAction) -> None:
        if action.objectName() in CAPTURES:
            self.capture_wanted.emit(action)
        else:
            action.trigger()

    def _stay(self) -> None:
        self._question.hide()
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        """The user's wish is asked about; the program's own, when it ends, is obeyed, or it could not end."""
        if event.spontaneous():
            event.ignore()
            self.ask()
        else:
            super().closeEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Down: True, Qt.Key.Key_Up: False}
        if event.key() == Qt.Key.Key_Escape:
            self._question.hide() if self._question.isVisible() else self.ask()
        elif event.key() in steps:
            self.focusNextPrevChild(steps[Qt.Key(event.key())])
        else:
            super().keyPressEvent(event)


class _Entry(QuietButton):
    """A line of the menu: icon, words, and its keys at the right."""

    def __init__(self, icon: str, *, strong: bool) -> None:
        super().__init__(icon)
        self.keys = ""
        self.setFont(look.font(strong=strong))
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        words = QFontMetrics(self.font()).horizontalAdvance(self.text())
        keys = QFontMetrics(look.font("small")).horizontalAdvance(self.keys)
        sides = look.sized(look.ICON) + 3 * look.M + (look.XL if keys else 0)
        return QSize(words + keys + sides, look.sized(look.CONTROL_HEIGHT))

    def paintEvent(self, _event: QPaintEvent) -> None:
        now, painter, side = look.tokens(), QPainter(self), look.sized(look.ICON)
        if self.isEnabled() and (self.underMouse() or self.isDown()):
            self._draw_ground(painter, look.color("text", 0.12 if self.isDown() else 0.06))
        ink = QColor(now.text if self.isEnabled() else now.disabled)
        quiet = QColor(now.quiet if self.isEnabled() else now.disabled)
        draw_icon(painter, self._icon, QRectF(look.M, (self.height() - side) / 2, side, side), quiet)
        painter.setPen(ink)
        inner = self.rect().adjusted(side + 2 * look.M, 0, -look.M, 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(inner, int(middle | Qt.AlignmentFlag.AlignLeft), self.text())
        painter.setPen(QColor(now.faint))
        painter.setFont(look.font("small"))
        painter.drawText(inner, int(middle | Qt.AlignmentFlag.AlignRight), self.keys)
        self._draw_ring(painter, QColor(now.accent))
        painter.end()


def _follow(entry: _Entry, action: QAction) -> None:
    """Shows the action as it is now."""
    entry.keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    entry.setText(action.text())
    entry.setAccessibleName(f"{action.text()}, {entry.keys}" if entry.keys else action.text())
    entry.setEnabled(action.isEnabled())
    entry.updateGeometry()
