"""One frozen screen to choose on: paints the frame, what is chosen, the magnifier. Decides nothing."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, QSizeF, Qt
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QRegion,
    QScreen,
    QTextDocument,
)
from PySide6.QtWidgets import QWidget

from capture.image import Region
from client.ui import look
from client.ui.aim import Aim
from client.ui.picture_view import border_of_change
from client.ui.qimage import to_qimage
from client.words import number, say

DIM = 0.45
LENS, TIMES = 120, 8
GAP = 24
HANDLE = 8
_INK, _GROUND = QColor("#FFFFFF"), QColor(22, 23, 26, 242)
_FAINT = QColor(255, 255, 255, 165)


class Overlay(QWidget):
    """A window over one screen, made in advance and hidden; ``show_frame`` gives it what to show."""

    def __init__(self, screen: QScreen) -> None:
        flags = (
            Qt.WindowType.FramelessWindowHint
            | Qt.WindowType.WindowStaysOnTopHint
            | Qt.WindowType.BypassWindowManagerHint
            | Qt.WindowType.Tool
        )
        super().__init__(None, flags)
        self.of_screen = screen
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setGeometry(screen.geometry())
        self.winId()  # makes the native window now, so that showing it later costs nothing
        self.aim: Aim | None = None
        self.index = 0
        self.ratio = 1.0
        self.with_hint = False
        self._seen: tuple[QRect, ...] = ()
        self._was_dim = False

    def show_frame(self, aim: Aim, index: int, *, with_hint: bool) -> None:
        """Shows this screenshot of the aim, one image pixel on one of the screen's."""
        self.setAccessibleName(say("Choose a region: drag, or arrows and Enter; Escape leaves"))
        shot = aim.shots[index]
        self.aim, self.index, self.with_hint = aim, index, with_hint
        self.ratio = points_ratio(shot.width, self.of_screen)
        self._image = to_qimage(shot, ratio=self.ratio)
        self._seen, self._was_dim = (), False
        self.setGeometry(self.of_screen.geometry())
        self.setAccessibleName(say("Choose what to capture"))
        self.setAccessibleDescription(_hint_text().replace("<b>", "").replace("</b>", ""))
        self.show()
        self.raise_()

    def to_pixels(self, point: QPointF) -> tuple[float, float]:
        """Where a point of this widget lies on the whole desktop, in pixels: the one place that knows both."""
        assert self.aim is not None
        monitor = self.aim.shots[self.index].monitor
        return monitor.x_px + point.x() * self.ratio + 1e-6, monitor.y_px + point.y() * self.ratio + 1e-6

    def refresh(self) -> None:
        """Paints again what changed since the last time."""
        if self.aim is None:
            return
        dim = self._is_dim()
        areas = self._areas()
        if dim != self._was_dim:
            self.update()
        else:
            edges = border_of_change(self._seen[0] if self._seen else QRect(), areas[0], HANDLE + 1)
            for area in (*self._seen[1:], *areas[1:]):
                edges = edges.united(QRegion(area))
            self.update(edges)
        self._seen, self._was_dim = areas, dim

    # --- where things are, in points of this widget

    def _is_here(self) -> bool:
        return self.aim is not None and self.aim.screen == self.index

    def _is_dim(self) -> bool:
        return self.aim is not None and self.aim.selection is not None

    def _to_points(self, region: Region) -> QRectF:
        return QRectF(
            region.x / self.ratio, region.y / self.ratio, region.width / self.ratio, region.height / self.ratio
        )

    def _areas(self) -> tuple[QRect, ...]:
        """The selection or the window pointed at, its label, the magnifier."""
        if self.aim is None or not self._is_here():
            return (QRect(), QRect(), QRect())
        region = self.aim.selection or self.aim.hovered_region()
        box = self._to_points(region).toAlignedRect() if region is not None else QRect()
        return (box, self._label_box().toAlignedRect(), self._lens_box().toAlignedRect().adjusted(-3, -3, 3, 3))

    def _label_text(self) -> tuple[str, str]:
        chosen = self.aim.selection if self.aim is not None else None
        if chosen is None or self.aim is None:
            return "", ""
        scale = self.aim.shots[self.index].scale
        return (
            f"{chosen.width} × {chosen.height}",
            " px" + (f" · {number(scale, 0 if scale == int(scale) else 2).rstrip('0')}×" if scale != 1 else ""),
        )

    def _label_box(self) -> QRectF:
        """8 px below the selection, or inside it where the screen ends."""
        if self.aim is None or self.aim.selection is None or not self._is_here():
            return QRectF()
        metrics = QFontMetricsF(look.font("small"))
        width = metrics.horizontalAdvance("".join(self._label_text())) + 2 * look.S
        height = metrics.height() + look.S
        box = self._to_points(self.aim.selection)
        top = box.bottom() + look.S
        if top + height > self.height():
            top = box.bottom() - height - look.S
        left = min(max(box.left(), look.XS), self.width() - width - look.XS)
        return QRectF(left, max(top, look.XS), width, height)

    def _lens_box(self) -> QRectF:
        """Beside the pointer, on the side where there is room."""
        if self.aim is None or not self._is_here() or self.aim.mode == "adjust":
            return QRectF()
        x, y = self.aim.x / self.ratio, self.aim.y / self.ratio
        height = LENS + 2 * QFontMetricsF(look.font("small")).height() + look.S
        left = x + GAP if x + GAP + LENS < self.width() else x - GAP - LENS
        top = y + GAP if y + GAP + height < self.height() else y - GAP - height
        return QRectF(round(left), round(top), LENS, height)

    # --- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self.aim is None:
            painter.fillRect(event.rect(), Qt.GlobalColor.black)
            painter.end()
            return
        part = QRectF(event.rect())
        source = QRectF(part.topLeft() * self.ratio, QSizeF(part.size() * self.ratio))
        painter.drawImage(part, self._image, source)
        if self._is_here():
            self._draw_choice(painter)
        elif self._is_dim():
            draw_shade(painter, QRectF(self.rect()), QRectF())
        if self.with_hint and self._is_here() and not self._is_dim():
            self._draw_hint(painter)
        painter.end()

    def _draw_choice(self, painter: QPainter) -> None:
        assert self.aim is not None
        chosen, window = self.aim.selection, self.aim.hovered_region()
        if chosen is not None:
            box = self._to_points(chosen)
            draw_shade(painter, QRectF(self.rect()), box)
            self._draw_border(painter, box, _INK, QColor(0, 0, 0, 200))
            if self.aim.mode in ("adjust", "pull"):
                self._draw_handles(painter, box)
            self._draw_label(painter)
        elif window is not None:
            box = self._to_points(window)
            painter.fillRect(box, look.color("accent", 0.10))
            self._draw_border(painter, box.adjusted(2, 2, -2, -2), look.color("accent"), _INK)
        if not self._lens_box().isEmpty():
            self._draw_lens(painter)

    def _draw_border(self, painter: QPainter, box: QRectF, inner: QColor, outer: QColor) -> None:
        """Two lines, light and dark, outside of the pixels that are chosen: one of them shows on any picture."""
        line = 1 / self.ratio if self.ratio > 1 else 1.0
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for ink, off in ((inner, 0.5), (outer, 1.5)):
            painter.setPen(QPen(ink, line, Qt.PenStyle.SolidLine, Qt.PenCapStyle.SquareCap, Qt.PenJoinStyle.MiterJoin))
            by = off * line
            painter.drawRect(box.adjusted(-by, -by, by, by))

    def _draw_handles(self, painter: QPainter, box: QRectF) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(0, 0, 0, 200), 1))
        painter.setBrush(_INK)
        center = box.center()
        for x in (box.left(), center.x(), box.right()):
            for y in (box.top(), center.y(), box.bottom()):
                if (x, y) != (center.x(), center.y()):
                    painter.drawEllipse(QPointF(x, y), HANDLE / 2, HANDLE / 2)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _draw_plate(self, painter: QPainter, box: QRectF, corner: float, ground: QColor = _GROUND) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(box, corner, corner)

    def _draw_label(self, painter: QPainter) -> None:
        box = self._label_box()
        self._draw_plate(painter, box, look.CORNER)
        size, unit = self._label_text()
        painter.setFont(look.font("small"))
        painter.setPen(_INK)
        words = box.adjusted(look.S, 0, look.S, 0)
        left = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(words, left, size)
        painter.setPen(_FAINT)
        painter.drawText(words.adjusted(QFontMetricsF(painter.font()).horizontalAdvance(size), 0, 0, 0), left, unit)

    def _draw_lens(self, painter: QPainter) -> None:
        assert self.aim is not None
        x, y, box = self.aim.x, self.aim.y, self._lens_box()
        side = LENS // TIMES
        self._draw_plate(painter, box.adjusted(-2, -2, 2, 2), look.PANEL_CORNER + 1, QColor(255, 255, 255, 90))
        self._draw_plate(painter, box.adjusted(-1, -1, 1, 1), look.PANEL_CORNER)
        painter.save()
        glass, shape = QRectF(box.x(), box.y(), LENS, LENS), QPainterPath()
        shape.addRoundedRect(box, look.PANEL_CORNER - 1, look.PANEL_CORNER - 1)
        painter.setClipPath(shape)
        corner = (x - side // 2, y - side // 2)
        seen = Region(*corner, side, side).clipped(*self._pixel_size())
        target = QRectF(
            glass.x() + (seen.x - corner[0]) * TIMES,
            glass.y() + (seen.y - corner[1]) * TIMES,
            seen.width * TIMES,
            seen.height * TIMES,
        )
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(target, self._image, QRectF(seen.x, seen.y, seen.width, seen.height))
        painter.restore()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        middle = QRectF(glass.x() + side // 2 * TIMES, glass.y() + side // 2 * TIMES, TIMES, TIMES)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for ink, grow in ((_INK, 1.5), (QColor("#000000"), 0.5)):
            painter.setPen(QPen(ink, 1))
            painter.drawRect(middle.adjusted(-grow, -grow, grow, grow))
        painter.setFont(look.font("small"))
        painter.setPen(_INK)
        words = QRectF(box.x(), glass.bottom(), LENS, box.bottom() - glass.bottom())
        color = self._image.pixelColor(x, y).name().upper()
        painter.drawText(words, int(Qt.AlignmentFlag.AlignCenter), f"{x}, {y}\n{color}")

    def _pixel_size(self) -> tuple[int, int]:
        return self._image.width(), self._image.height()

    def _draw_hint(self, painter: QPainter) -> None:
        document = QTextDocument()
        document.setDefaultFont(look.font())
        document.setDocumentMargin(0)
        document.setDefaultStyleSheet("b { font-weight: 600; }")
        document.setHtml(f'<span style="color:#FFFFFF">{_hint_text()}</span>')
        size = document.size()
        box = QRectF(0, 0, size.width() + 2 * look.L, size.height() + 2 * look.S)
        box.moveCenter(QPointF(self.width() / 2, self.height() - look.XXL - box.height() / 2))
        self._draw_plate(painter, box, look.PANEL_CORNER)
        painter.translate(box.x() + look.L, box.y() + look.S)
        document.drawContents(painter)
        painter.resetTransform()


def draw_shade(painter: QPainter, whole: QRectF, kept: QRectF) -> None:
    """Dims all but ``kept``."""
    kept, dark = kept & whole, QColor.fromRgbF(0, 0, 0, DIM)
    painter.fillRect(QRectF(whole.topLeft(), QPointF(whole.right(), kept.top())), dark)
    painter.fillRect(QRectF(QPointF(whole.left(), kept.bottom()), whole.bottomRight()), dark)
    painter.fillRect(QRectF(whole.left(), kept.top(), kept.left() - whole.left(), kept.height()), dark)
    painter.fillRect(QRectF(kept.right(), kept.top(), whole.right() - kept.right(), kept.height()), dark)


def points_ratio(width_px: int, screen: QScreen) -> float:
    """Image pixels per point. Trusts the captured size where it is not what the screen claims."""
    points = screen.geometry().width()
    if abs(points * screen.devicePixelRatio() - width_px) <= max(2.0, screen.devicePixelRatio()):
        return screen.devicePixelRatio()
    return width_px / points


def _hint_text() -> str:
    return say(
        "Drag · <b>click</b> window · <b>Enter</b> screen · <b>arrows</b> 1 px · <b>Space</b> corner · <b>Esc</b> leave"
    )
