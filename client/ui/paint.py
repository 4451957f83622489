"""Draws marks: the same call for the screen and for the file. And makes the picture that leaves."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QGuiApplication,
    QImage,
    QImageReader,
    QPainter,
    QPainterPath,
    QPen,
)

from capture.image import Region, Screenshot
from client.annotation import (
    HIDDEN,
    Arrow,
    Box,
    Crop,
    Ellipse,
    Hide,
    Highlight,
    Line,
    Mark,
    Marks,
    Pen,
    Pointer,
    Step,
    Text,
    crop_region,
    hidden_regions,
    step_number,
)
from client.ui.geometry import head_px
from client.ui.look import bundled_family
from client.ui.qimage import over_pixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HALO_PX = 1.5
_HIDDEN = 0xFF000000 | int(HIDDEN[1:], 16)
LINE_HEIGHT = 1.25

_LARGEST_POINTER_PX = 512
_application: QGuiApplication | None = None


def ensure_gui() -> None:
    """Makes drawing possible where there is no application yet, as on the command line; needs no display."""
    global _application  # noqa: PLW0603  # Qt wants it alive as long as the process
    if QGuiApplication.instance() is None:
        _application = QGuiApplication(["testigo", "-platform", "offscreen"])


def flatten(shot: Screenshot, marks: Marks) -> Screenshot:
    """The picture that leaves: marks drawn, cropped, opaque. What is hidden is not in it, nor behind it.

    The pointer is in it only as a mark (``pointer_mark``): the layer of the screenshot is left out.

    Raises: ValueError when the crop lies outside the picture.
    """
    ensure_gui()
    pixels = shot.pixels.copy()
    hidden = [region.clipped(shot.width, shot.height) for region in hidden_regions(marks)]
    _black_out(pixels, hidden)
    image = over_pixels(pixels)
    painter = QPainter(image)
    paint(marks, painter, shot.scale)
    painter.end()
    _black_out(pixels, hidden)
    whole = replace(shot, pixels=pixels, cursor=None)
    crop = crop_region(marks)
    return whole if crop is None else replace(whole, pixels=whole.crop(crop).pixels.copy())


def _black_out(pixels: NDArray[np.uint8], regions: list[Region]) -> None:
    """Destroys what lies in the regions, and makes all opaque: Qt would blend with a screen's senseless fourth byte.

    Four bytes at a time, which is several times quicker than one by one.
    """
    words = pixels.view("<u4")[..., 0]
    words |= 0xFF000000
    for part in regions:
        words[part.y : part.y + part.height, part.x : part.x + part.width] = _HIDDEN


def paint(marks: Marks, painter: QPainter, scale: float, *, leave_out: frozenset[int] = frozenset()) -> None:
    """Draws the marks in image pixels; ``scale`` is the screenshot's and widens the halos.

    What ``Hide`` covers is drawn last and opaque. ``Crop`` is not drawn. ``leave_out`` holds places not to draw.
    """
    painter.save()
    painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
    for index, mark in enumerate(marks):
        if index not in leave_out and not isinstance(mark, Hide | Crop):
            number = step_number(marks, index) if isinstance(mark, Step) else 0
            _draw(mark, painter, HALO_PX * scale, number)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    kept = tuple(mark for index, mark in enumerate(marks) if index not in leave_out)
    for region in hidden_regions(kept):
        painter.fillRect(region.x, region.y, region.width, region.height, QColor(HIDDEN))
    painter.restore()


def measure(mark: Text | Pointer) -> tuple[float, float]:
    """The size of words or of the pointer in image pixels."""
    if isinstance(mark, Pointer):
        image = _pointer_image(mark.png)
        return (image.width(), image.height())
    metrics = QFontMetricsF(mark_font(mark.size_px))
    lines = mark.text.split("\n")
    width = max(metrics.horizontalAdvance(line) for line in lines)
    return (max(width, mark.size_px / 3), len(lines) * mark.size_px * LINE_HEIGHT)


def mark_font(size_px: float) -> QFont:
    """The font of texts and steps: always ours, so that a picture is the same wherever it is made."""
    font = QFont(bundled_family())
    font.setPixelSize(max(1, round(size_px)))
    font.setWeight(QFont.Weight.DemiBold)
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    return font


def pointer_mark(shot: Screenshot) -> Pointer | None:
    """The mouse pointer of a screenshot as a mark that can be moved or deleted; None if there is none."""
    layer = shot.cursor
    if layer is None or not layer.pixels.size:
        return None
    height, width = layer.pixels.shape[:2]
    image = QImage(layer.pixels.tobytes(), width, height, width * 4, QImage.Format.Format_ARGB32)
    content, buffer = QByteArray(), QBuffer()
    buffer.setBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]  # the stub wants bytes where Qt wants str
    buffer.close()
    return Pointer(layer.x, layer.y, base64.b64encode(content.data()).decode())


def _draw(mark: Mark, painter: QPainter, halo: float, number: int) -> None:
    if isinstance(mark, Highlight):
        painter.save()
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Multiply)
        painter.fillRect(QRectF(mark.x, mark.y, mark.width, mark.height), QColor(mark.color))
        painter.restore()
    elif isinstance(mark, Text):
        _draw_text(mark, painter, halo)
    elif isinstance(mark, Step):
        _draw_step(mark, painter, halo, number)
    elif isinstance(mark, Pointer):
        painter.drawImage(QPointF(mark.x, mark.y), _pointer_image(mark.png))
    elif isinstance(mark, Pen | Line | Arrow | Box | Ellipse):
        path = _OUTLINES[type(mark)](mark)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for ink, width in ((halo_color(mark.color), mark.width_px + 2 * halo), (QColor(mark.color), mark.width_px)):
            painter.setPen(_round_pen(ink, width))
            painter.drawPath(path)


def halo_color(name: str) -> QColor:
    """White around what is dark or strong, dark around what is light."""
    ink = QColor(name)
    light = (0.299 * ink.red() + 0.587 * ink.green() + 0.114 * ink.blue()) / 255
    return QColor(16, 17, 20, 190) if light > 0.7 else QColor(255, 255, 255, 235)


def _round_pen(ink: QColor, width: float) -> QPen:
    return QPen(ink, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)


def _pen_outline(mark: Pen) -> QPainterPath:
    """A curve through the middles of the strokes, so that a hand's stroke is not an edge."""
    points = [QPointF(*point) for point in mark.points]
    path = QPainterPath(points[0])
    if len(points) == 1:
        path.lineTo(points[0] + QPointF(0.01, 0))
    for here, following in pairwise(points[1:]):
        path.quadTo(here, (here + following) / 2)
    if len(points) > 1:
        path.lineTo(points[-1])
    return path


def _line_outline(mark: Line) -> QPainterPath:
    path = QPainterPath(QPointF(*mark.start))
    path.lineTo(QPointF(*mark.end))
    return path


def _arrow_outline(mark: Arrow) -> QPainterPath:
    """A shaft and an open head of two strokes, 30 degrees off it, never longer than most of the shaft."""
    start, end = QPointF(*mark.start), QPointF(*mark.end)
    shaft = end - start
    length = (shaft.x() ** 2 + shaft.y() ** 2) ** 0.5
    path = QPainterPath(start)
    path.lineTo(end + QPointF(0.01, 0))
    if length > 0:
        along = shaft / length * min(head_px(mark.width_px), max(length * 0.6, mark.width_px))
        cos, sin = 0.866, 0.5
        for side in (sin, -sin):
            path.moveTo(end)
            path.lineTo(end - QPointF(along.x() * cos - along.y() * side, along.x() * side + along.y() * cos))
    return path


def _box_outline(mark: Box) -> QPainterPath:
    path = QPainterPath()
    corner = min(mark.width_px * 1.5, mark.width / 2, mark.height / 2)
    path.addRoundedRect(QRectF(mark.x, mark.y, mark.width, mark.height), corner, corner)
    return path


def _ellipse_outline(mark: Ellipse) -> QPainterPath:
    path = QPainterPath()
    path.addEllipse(QRectF(mark.x, mark.y, mark.width, mark.height))
    return path


_OUTLINES: dict[type[Mark], Callable[..., QPainterPath]] = {
    Pen: _pen_outline,
    Line: _line_outline,
    Arrow: _arrow_outline,
    Box: _box_outline,
    Ellipse: _ellipse_outline,
}


def _draw_text(mark: Text, painter: QPainter, halo: float) -> None:
    font = mark_font(mark.size_px)
    metrics = QFontMetricsF(font)
    step = mark.size_px * LINE_HEIGHT
    base = mark.y + (step - metrics.height()) / 2 + metrics.ascent()
    lines = [(QPointF(mark.x, base + row * step), line) for row, line in enumerate(mark.text.split("\n"))]
    width = halo + mark.size_px * 0.04
    outline = QPainterPath()
    painter.setFont(font)
    for place, line in lines:
        if any(letter > "\u2600" for letter in line):
            _draw_in_colors(place, line, painter, mark.color, width)
        else:
            outline.addText(place, font, line)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(_round_pen(halo_color(mark.color), 2 * width))
    painter.drawPath(outline)
    painter.fillPath(outline, QColor(mark.color))


def _draw_in_colors(place: QPointF, line: str, painter: QPainter, color: str, halo: float) -> None:
    """A line with emoji: they have colours and another font, so there is no outline to follow."""
    painter.setPen(halo_color(color))
    for x in (-halo, 0, halo):
        for y in (-halo, 0, halo):
            painter.drawText(place + QPointF(x, y), line)
    painter.setPen(QColor(color))
    painter.drawText(place, line)


def _draw_step(mark: Step, painter: QPainter, halo: float, number: int) -> None:
    center, radius = QPointF(mark.x, mark.y), mark.size_px / 2
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(halo_color(mark.color))
    painter.drawEllipse(center, radius + halo, radius + halo)
    painter.setBrush(QColor(mark.color))
    painter.drawEllipse(center, radius, radius)
    ink = QColor("#101114") if halo_color(mark.color).red() < 128 else QColor("#FFFFFF")
    painter.setPen(ink)
    painter.setFont(mark_font(mark.size_px * (0.54 if number < 100 else 0.4)))
    box = QRectF(mark.x - radius, mark.y - radius, mark.size_px, mark.size_px)
    painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), str(number))


@lru_cache(16)
def _pointer_image(png: str) -> QImage:
    """The pointer's picture; empty when it is none, or far larger than a pointer."""
    try:
        content = QByteArray(base64.b64decode(png, validate=True))
    except (binascii.Error, ValueError):
        return QImage()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer, QByteArray(b"png"))
    most = QSize(_LARGEST_POINTER_PX, _LARGEST_POINTER_PX)
    if not reader.size().isValid() or reader.size().boundedTo(most) != reader.size():
        return QImage()
    return reader.read()
