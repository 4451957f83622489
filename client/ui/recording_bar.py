"""While a recording runs: a small bar with time, size, pause and stop, and a border around what is recorded."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QGuiApplication,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QRegion,
    QResizeEvent,
    QScreen,
)
from PySide6.QtWidgets import QHBoxLayout, QWidget

from capture.image import Monitor, Region
from client.ui import look
from client.ui.buttons import ToolButton
from client.ui.look import Phrases
from client.ui.overlay import points_ratio
from client.ui.pieces import Label
from client.ui.selector import match_screens
from client.words import number, say

WIDTH, HEIGHT = 300, 36
AWAY = look.M
LIMIT_BYTES = 25_000_000
"""What fits into most tickets without becoming a link."""
RED = "#E5322D"
_ON_TOP = (
    Qt.WindowType.FramelessWindowHint
    | Qt.WindowType.WindowStaysOnTopHint
    | Qt.WindowType.Tool
    | Qt.WindowType.WindowDoesNotAcceptFocus
)


class RecordingBar(QWidget):
    """A pill that stays on top, outside of what is recorded where there is room. Drag it by its ground.

    It asks; the recorder decides, and ``show_state`` shows what it did.
    """

    stop_wanted = Signal()
    pause_wanted = Signal()
    resume_wanted = Signal()

    def __init__(self, monitor: Monitor, region: Region | None = None, limit_bytes: int = LIMIT_BYTES) -> None:
        super().__init__(None, _ON_TOP & ~Qt.WindowType.WindowDoesNotAcceptFocus)
        # X11 may run without a compositor, where what is translucent would be black: there a mask cuts the corners.
        self._is_cut = QGuiApplication.platformName() == "xcb"
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground, not self._is_cut)
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self._limit_bytes = limit_bytes
        self._paused = False
        self._state = (0.0, 0)
        self._grip: QPoint | None = None
        self._phrases = Phrases(self)
        self._dot = _Dot(self)
        self._time = Label(size="large", strong=True, parent=self)
        self._size = Label("quiet", parent=self)
        self._pause = ToolButton("pause", self)
        self._stop = _StopButton(self)
        self._pause.height_px, self._stop.height_px = look.TOOL_HEIGHT, look.XL
        row = QHBoxLayout(self)
        row.setContentsMargins(look.L, look.XS, look.S, look.XS)
        row.setSpacing(look.S)
        for widget in (self._dot, self._time, self._size):
            row.addWidget(widget)
        row.addStretch()
        row.addWidget(self._pause)
        row.addWidget(self._stop)
        self._pause.clicked.connect(self._ask_pause)
        self._stop.clicked.connect(self.stop_wanted)
        self._phrases.tell(self.setWindowTitle, lambda: say("Recording"))
        self._phrases.tell(self.setAccessibleName, lambda: say("Recording"))
        self._phrases.name(self._stop, lambda: say("Stop"), "Esc")
        self._phrases.tell(lambda _: self._tell(), lambda: "")
        self.resize(max(look.sized(WIDTH), self.sizeHint().width()), look.sized(HEIGHT))
        screen, area = _place(monitor, region)
        self.move(bar_place(self.size(), area, screen.availableGeometry()))

    def show_state(self, seconds: float, size_bytes: int, paused: bool) -> None:
        """Shows how long and how large the recording is by now."""
        self._state, self._paused = (seconds, size_bytes), paused
        self._tell()

    def _tell(self) -> None:
        seconds, size_bytes = self._state
        minutes, rest = divmod(int(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        self._time.setText(f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}")
        text = say("{size} of {limit} MB", size=number(size_bytes / 1e6, 1), limit=number(self._limit_bytes / 1e6))
        self._size.setText(say("Paused") if self._paused else text)
        self._size.set_tone("warn" if size_bytes > self._limit_bytes * 0.9 and not self._paused else "quiet")
        self._pause.set_icon_name("play" if self._paused else "pause")
        paused = self._paused
        self._phrases.name(self._pause, lambda: say("Resume") if paused else say("Pause"), "Space")
        self._dot.set_lit(not paused)

    def _ask_pause(self) -> None:
        (self.resume_wanted if self._paused else self.pause_wanted).emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.stop_wanted.emit()
        elif event.key() == Qt.Key.Key_Space:
            self._ask_pause()
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._grip = event.globalPosition().toPoint() - self.pos()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grip is not None:
            self.move(event.globalPosition().toPoint() - self._grip)

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        self._grip = None

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._is_cut:
            shape = QPainterPath()
            shape.addRoundedRect(QRectF(self.rect()), self.height() / 2, self.height() / 2)
            self.setMask(QRegion(shape.toFillPolygon().toPolygon()))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._is_cut:
            painter.fillRect(self.rect(), look.color("edge"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(look.color("edge"), 1))
        painter.setBrush(look.color("raised"))
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(box, box.height() / 2, box.height() / 2)
        painter.end()


class _Dot(QWidget):
    """Red while frames are taken, hollow while paused."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._lit = True
        self.setFixedSize(look.sized(10), look.sized(10))

    def set_lit(self, lit: bool) -> None:
        self._lit = lit
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(RED), 1.5))
        painter.setBrush(QColor(RED) if self._lit else Qt.BrushStyle.NoBrush)
        painter.drawEllipse(QRectF(self.rect()).adjusted(1, 1, -1, -1))
        painter.end()


class _StopButton(ToolButton):
    """A red disc with a square."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__("square", parent)

    def sizeHint(self) -> QSize:
        side = look.sized(look.XL)
        return QSize(side, side)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, box = QPainter(self), QRectF(self.rect())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(RED).darker(112 if self.underMouse() or self.isDown() else 100))
        painter.drawEllipse(box)
        side = box.width() * 0.32
        inner = QRectF(0, 0, side, side)
        inner.moveCenter(box.center())
        painter.setBrush(QColor("#FFFFFF"))
        painter.drawRoundedRect(inner, 2, 2)
        if self._ringed and self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(look.color("text"), 2))
            painter.drawEllipse(box.adjusted(1, 1, -1, -1))
        painter.end()


class RegionBorder(QWidget):
    """A thin dashed line just outside of the recorded pixels. Clicks go through it: it has no inside."""

    line = 2

    def __init__(self, monitor: Monitor, region: Region) -> None:
        super().__init__(
            None, _ON_TOP | Qt.WindowType.WindowTransparentForInput | Qt.WindowType.BypassWindowManagerHint
        )
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        _, area = _place(monitor, region)
        outer = area.adjusted(-self.line, -self.line, self.line, self.line)
        self.setGeometry(outer)
        frame = QRect(QPoint(0, 0), outer.size())
        self.setMask(QRegion(frame) - QRegion(frame.adjusted(self.line, self.line, -self.line, -self.line)))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("#FFFFFF"))
        painter.setPen(QPen(QColor(RED), 2 * self.line, Qt.PenStyle.CustomDashLine))
        pen = painter.pen()
        pen.setDashPattern([1.5, 1.0])
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        painter.setPen(pen)
        painter.drawRect(self.rect())
        painter.end()


def bar_place(size: QSize, recorded: QRect, room: QRect) -> QPoint:
    """Below what is recorded, else above, beside, and only where nothing is left inside at the bottom."""
    center = recorded.center()
    x = min(max(center.x() - size.width() // 2, room.left() + AWAY), room.right() - size.width() - AWAY)
    y = min(max(center.y() - size.height() // 2, room.top() + AWAY), room.bottom() - size.height() - AWAY)
    spots = (
        QPoint(x, recorded.bottom() + AWAY),
        QPoint(x, recorded.top() - AWAY - size.height()),
        QPoint(recorded.right() + AWAY, y),
        QPoint(recorded.left() - AWAY - size.width(), y),
    )
    for spot in spots:
        if room.contains(QRect(spot, size)):
            return spot
    return QPoint(x, room.bottom() - size.height() - AWAY)


def _place(monitor: Monitor, region: Region | None) -> tuple[QScreen, QRect]:
    """The screen of Qt's that shows this monitor, and the region in its points, no pixel of it left out."""
    screens = QGuiApplication.screens()
    screen = screens[match_screens((monitor,), screens)[0]]
    if region is None:
        return screen, screen.geometry()
    ratio = points_ratio(monitor.width_px, screen)
    box = QRectF(region.x / ratio, region.y / ratio, region.width / ratio, region.height / ratio)
    return screen, box.toAlignedRect().translated(screen.geometry().topLeft())
