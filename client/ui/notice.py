"""Notifications: by the tray's host where there is one, else by a small window of our own, bottom right."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QVBoxLayout, QWidget

from client.ui import icons, look

SHOWN_MS = 8000
LEAST_MS = 2500
"""Each notification has at least this long before the next one takes its place."""


class Notices(QObject):
    """Shows one at a time, so that none is swallowed by the next."""

    def __init__(self, icon: QSystemTrayIcon) -> None:
        super().__init__(icon)
        self._icon = icon
        self._waiting: deque[tuple[str, str, Callable[[], None]]] = deque()
        self._opens: Callable[[], None] = lambda: None
        self._own: Notice | None = None
        self._pause = QTimer(self, singleShot=True, interval=LEAST_MS)
        self._pause.timeout.connect(self._next)
        icon.messageClicked.connect(self._clicked)

    def tell(self, title: str, body: str, opens: Callable[[], None] | None = None) -> None:
        """The result, the next step, and what a click opens."""
        self._waiting.append((title, body, opens or (lambda: None)))
        if not self._pause.isActive():
            self._next()

    def _clicked(self) -> None:
        self._opens()

    def _next(self) -> None:
        if not self._waiting:
            return
        title, body, self._opens = self._waiting.popleft()
        self._pause.start()
        if QSystemTrayIcon.isSystemTrayAvailable() and QSystemTrayIcon.supportsMessages():
            self._icon.showMessage(title, body, icons.app_icon(), SHOWN_MS)
            _name_balloon(title, body)
        else:
            self._own = Notice(title, body, self._opens)
            self._own.show()


def _name_balloon(title: str, body: str) -> None:
    """Where Qt draws the balloon itself, it has no name: a screen reader would be silent."""
    for window in QApplication.topLevelWidgets():
        if window.inherits("QBalloonTip"):
            window.setWindowTitle(title)
            window.setAccessibleName(f"{title}. {body}")


class Notice(QWidget):
    """A click opens what it is about."""

    """A notification of our own, calm, and gone by itself."""

    def __init__(self, title: str, body: str, opens: Callable[[], None]) -> None:
        from client.ui.pieces import Label

        flags = Qt.WindowType.Tool | Qt.WindowType.FramelessWindowHint | Qt.WindowType.WindowStaysOnTopHint
        super().__init__(None, flags | Qt.WindowType.WindowDoesNotAcceptFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.setWindowTitle(title)
        self.setAccessibleName(f"{title}. {body}")
        self._opens = opens
        box = QVBoxLayout(self)
        box.setContentsMargins(look.L, look.M, look.L, look.M)
        box.setSpacing(look.XS)
        head, words = Label(strong=True), Label("quiet")
        head.setText(title)
        words.setText(body)
        words.setWordWrap(True)
        box.addWidget(head)
        box.addWidget(words)
        self.setFixedWidth(look.sized(340))
        self.adjustSize()
        corner = QGuiApplication.primaryScreen().availableGeometry().bottomRight()
        self.move(corner.x() - self.width() - look.L, corner.y() - self.height() - look.L)
        QTimer.singleShot(SHOWN_MS, self, self.close)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(look.color("edge"))
        painter.setBrush(look.color("raised"))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.close()
        self._opens()
