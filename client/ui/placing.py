"""Where a window stands when it first shows, and that no window is larger than its screen."""

from __future__ import annotations

from PySide6.QtCore import QMargins, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QCursor, QGuiApplication
from PySide6.QtWidgets import QWidget

from client.ui import look

FRAME = QMargins(4, 32, 4, 4)
"""Room for the frame that the system puts around a window; how large it is, is only known once it shows."""


def bring_up(window: QWidget) -> None:
    """To the front; the first time in the middle of the screen the user looks at."""
    if not window.property("placed"):
        screen = QGuiApplication.screenAt(QCursor.pos()) or QGuiApplication.primaryScreen()
        place(window, screen.availableGeometry())
    window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
    window.show()
    window.raise_()
    window.activateWindow()


def place(window: QWidget, room: QRect, center: QPoint | None = None) -> None:
    """Puts a window that was not shown yet around ``center``, else in the middle, all of it inside ``room``."""
    window.setProperty("placed", True)
    most = room.marginsRemoved(FRAME).size()
    _shrink(window, most)
    whole = QRect(QPoint(0, 0), window.size()).marginsAdded(FRAME)
    whole.moveCenter(center or room.center())
    window.move(_inside(whole, room))


def grow(window: QWidget, height_px: int) -> None:
    """Makes a window this high, where its screen allows, and lifts it when it would pass the lower edge."""
    room = window.screen().availableGeometry()
    most = room.marginsRemoved(FRAME).height() - 2 * look.L
    if min(height_px, most) <= window.height():
        return
    whole = window.frameGeometry()
    if whole.size() == window.size():  # the frame is not there yet
        whole.setSize(whole.marginsAdded(FRAME).size())
    whole.setHeight(whole.height() - window.height() + min(height_px, most))
    window.resize(window.width(), min(height_px, most))
    if whole.bottom() > room.bottom():
        window.move(_inside(whole, room))


def _inside(whole: QRect, room: QRect) -> QPoint:
    return QPoint(
        max(min(whole.left(), room.right() - whole.width() + 1), room.left()),
        max(min(whole.top(), room.bottom() - whole.height() + 1), room.top()),
    )


def _shrink(window: QWidget, most: QSize) -> None:
    """At most this large; what a window would like to have at least gives way too."""
    window.ensurePolished()
    least = window.minimumSize().expandedTo(window.minimumSizeHint())
    if least.width() > most.width() or least.height() > most.height():
        window.setMinimumSize(least.boundedTo(most))
    window.resize(window.size().boundedTo(most))
