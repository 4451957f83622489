"""A notification of our own for desktops without a tray host: bottom right, calm, gone by itself."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication, QMouseEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from client.ui import look
from client.ui.pieces import Label

SHOWN_MS = 8000


class Notice(QWidget):
    def __init__(self, title: str, body: str, opens: Callable[[], None]) -> None:
        flags = Qt.WindowType.Tool | Qt.WindowType.FramelessWindowHint | Qt.WindowType.WindowStaysOnTopHint
        super().__init__(None, flags | Qt.WindowType.WindowDoesNotAcceptFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
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
        QTimer.singleShot(SHOWN_MS, self.close)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.close()
        self._opens()
