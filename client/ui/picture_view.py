"""A picture in a widget: zoom, pan, and the quickest way to paint a part of it again."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QPointF, QRect, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QRegion, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from capture.image import Screenshot
from client.ui import look
from client.ui.geometry import Rect
from client.ui.qimage import to_qimage
from client.ui.view import View

MARGIN = look.XL
SHARPEN_MS = 60


class PictureView(QWidget):
    """Shows a screenshot, whole until someone zooms. ``touched``: zoom or place changed."""

    touched = Signal()

    def __init__(self, shot: Screenshot, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shot = shot
        self.view = View(Rect(0, 0, shot.width, shot.height))
        self._image = to_qimage(shot)
        self._small: QImage | None = None
        self._fits = True
        self._grip: QPointF | None = None
        self._sharpen = QTimer(self, singleShot=True, interval=SHARPEN_MS)
        self._sharpen.timeout.connect(self._make_small)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(240, 160)

    def fit(self) -> None:
        """All of the picture, and again whenever the window changes; never larger than it is."""
        self._fits = True
        self.look_from(self.view.fitted(self.width(), self.height(), MARGIN))

    def zoom_to(self, zoom: float, at: QPointF | None = None) -> None:
        """``zoom`` 1.0: one image pixel on one of the screen. The image stays where it is under ``at``."""
        self._fits = False
        at = at or QPointF(self.width() / 2, self.height() / 2)
        self.look_from(self.view.zoomed(zoom, at.x(), at.y()))

    def zoom_step(self, direction: int) -> None:
        self.zoom_to(self.view.stepped(direction))

    def pan(self, dx: float, dy: float) -> None:
        self._fits = False
        self.look_from(self.view.panned(dx, dy))

    def show_part(self, part: Rect) -> None:
        """Only this part of the image is to be seen from now on."""
        if part != self.view.shown:
            self.view = replace(self.view, shown=part)
            self._small = None
            self.fit()
            self._make_small()

    def seen_part(self) -> Rect:
        """The part of the image that lies inside the widget."""
        left, top = self.view.to_image(0, 0)
        right, bottom = self.view.to_image(self.width(), self.height())
        shown = self.view.shown
        left, top = max(left, shown.x), max(top, shown.y)
        return Rect(left, top, max(min(right, shown.right) - left, 1), max(min(bottom, shown.bottom) - top, 1))

    def look_from(self, view: View) -> None:
        """Shows the picture this way, as far as it keeps the picture in reach."""
        view = view.settled(self.width(), self.height(), MARGIN)
        if (view.zoom, view.ratio) != (self.view.zoom, self.view.ratio):
            self._small = None
            self._sharpen.start()
        self.view = view
        self.update()
        self.touched.emit()

    def draw_picture(self, painter: QPainter, dirty: QRectF) -> None:
        """Paints the ground and the picture, as much of them as lies in ``dirty`` (widget points)."""
        painter.fillRect(dirty, look.color("sunken"))
        place = QRectF(*self.view.to_widget(self.view.shown))
        target = place & dirty
        if target.isEmpty():
            return
        shown, factor = self.view.shown, self.view.factor
        if self._small is not None:  # pixel for pixel: Qt copies only what is dirty
            painter.drawImage(place.topLeft(), self._small)
        elif self.view.zoom == 1.0:
            self._image.setDevicePixelRatio(self.view.ratio)
            painter.drawImage(place.topLeft(), self._image, QRectF(*shown))
        else:
            left, top = (target.x() - place.x()) / factor, (target.y() - place.y()) / factor
            self._image.setDevicePixelRatio(1.0)
            part = QRectF(left + shown.x, top + shown.y, target.width() / factor, target.height() / factor)
            painter.drawImage(target, self._image, part)

    def is_dragging(self) -> bool:
        """Whether the picture itself is being dragged about."""
        return self._grip is not None

    def start_drag(self, event: QMouseEvent) -> None:
        self._grip = event.position()
        self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def drag(self, event: QMouseEvent) -> None:
        if self._grip is not None:
            step = event.position() - self._grip
            self._grip = event.position()
            self.pan(step.x(), step.y())

    def end_drag(self) -> None:
        self._grip = None
        self.unsetCursor()

    def wheelEvent(self, event: QWheelEvent) -> None:
        turn = event.angleDelta()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom_to(self.view.zoom * 1.2 ** (turn.y() / 120), event.position())
        else:
            step = turn / 2 if event.pixelDelta().isNull() else event.pixelDelta()
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and not step.x():
                step = step.transposed()
            self.pan(step.x(), step.y())
        event.accept()

    def resizeEvent(self, _event: QResizeEvent) -> None:
        self.view = replace(self.view, ratio=self.devicePixelRatioF())
        if self._fits:
            self.fit()
        else:
            self.look_from(self.view)
        if not self.isVisible():
            self._make_small()

    def _make_small(self) -> None:
        """A smooth copy in the size it is shown in, so that a repaint is a plain copy of pixels."""
        shown, zoom = self.view.shown, self.view.zoom
        if zoom >= 1.0:
            return
        self._image.setDevicePixelRatio(1.0)
        part = self._image.copy(QRect(round(shown.x), round(shown.y), round(shown.width), round(shown.height)))
        width, height = max(1, round(shown.width * zoom)), max(1, round(shown.height * zoom))
        smooth = Qt.TransformationMode.SmoothTransformation
        self._small = part.scaled(width, height, Qt.AspectRatioMode.IgnoreAspectRatio, smooth)
        self._small.setDevicePixelRatio(self.view.ratio)
        self.update()


def border_of_change(was: QRect, now: QRect, margin: int) -> QRegion:
    """All that must be painted again when a rectangle becomes another: not what lies well inside of both."""
    changed = QRegion(was.adjusted(-margin, -margin, margin, margin)) if not was.isEmpty() else QRegion()
    if not now.isEmpty():
        changed = changed.united(QRegion(now.adjusted(-margin, -margin, margin, margin)))
    inside = (was & now).adjusted(margin, margin, -margin, -margin)
    return changed if inside.isEmpty() else changed.subtracted(QRegion(inside))
