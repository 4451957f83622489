"""Icons: one stroke weight, tinted when they are painted, so dark mode needs no second file."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import Literal

from PySide6.QtCore import QByteArray, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from client.ui import look

TrayState = Literal["idle", "recording", "sending", "needs_you"]

TRAY_BLUE = "#4C7DF0"
"""Reads on light and on dark panels alike: contrast 3.7 to white, 4.4 to #1B1C1F."""

_SIZES_PX = (16, 20, 22, 24, 32, 40, 48, 64, 128, 256)


def icon(name: str, size: int = 18) -> QIcon:
    """The icon ``resources/icons/<name>.svg`` in the palette of the moment it is painted.

    ``size`` is what it gives when nobody asks for one, in logical pixels.

    Raises: FileNotFoundError for an unknown name.
    """
    _source(name)
    return QIcon(_Tinted(name, size))


def draw_icon(painter: QPainter, name: str, rect: QRectF, color: QColor) -> None:
    """The icon in one colour, filling ``rect``."""
    _renderer(name, color.name(QColor.NameFormat.HexArgb)).render(painter, rect)


def icon_pixmap(name: str, size_px: int, color: QColor, ratio: float = 1.0) -> QPixmap:
    """The icon as a picture of ``size_px`` logical pixels at this device pixel ratio."""
    side = round(size_px * ratio)
    pixmap = QPixmap(side, side)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    draw_icon(painter, name, QRectF(0, 0, side, side), color)
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def app_icon() -> QIcon:
    """The program's own icon, for windows and task bars."""
    return _fixed("testigo", QColor(TRAY_BLUE))


def tray_icon(state: TrayState = "idle", *, template: bool = False) -> QIcon:
    """The icon in the tray. ``template``: macOS tints it itself and wants black with alpha."""
    found = _fixed(f"tray-{state}", QColor("black" if template else TRAY_BLUE))
    found.setIsMask(template and state in ("idle", "sending"))
    return found


def _fixed(name: str, color: QColor) -> QIcon:
    found = QIcon()
    for size_px in _SIZES_PX:
        found.addPixmap(icon_pixmap(name, size_px, color))
    return found


@lru_cache
def _source(name: str) -> str:
    return resources.files("resources").joinpath("icons", f"{name}.svg").read_text("utf-8")


@lru_cache(512)
def _renderer(name: str, argb: str) -> QSvgRenderer:
    color = QColor(argb)
    text = _source(name).replace("currentColor", color.name())
    if color.alpha() < 255:
        text = text.replace("<svg", f'<svg opacity="{color.alphaF():.3f}"', 1)
    renderer = QSvgRenderer(QByteArray(text.encode()))
    renderer.setAspectRatioMode(Qt.AspectRatioMode.KeepAspectRatio)
    return renderer


class _Tinted(QIconEngine):
    """Asks the look for its colour at every paint."""

    def __init__(self, name: str, size: int) -> None:
        super().__init__()
        self._name = name
        self._size = size

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        tokens = look.tokens()
        if mode == QIcon.Mode.Disabled:
            color = tokens.disabled
        elif mode == QIcon.Mode.Selected:
            color = tokens.on_accent
        elif state == QIcon.State.On:
            color = tokens.accent
        else:
            color = tokens.text if mode == QIcon.Mode.Active else tokens.quiet
        draw_icon(painter, self._name, QRectF(rect), QColor(color))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return pixmap

    def actualSize(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QSize:
        side = min(size.width(), size.height())
        return QSize(side, side) if side > 0 else QSize(self._size, self._size)

    def clone(self) -> QIconEngine:
        return _Tinted(self._name, self._size)
