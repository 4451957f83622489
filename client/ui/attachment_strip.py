"""The attachments of a report side by side: picture, name, size and way; the last tile adds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QColor,
    QContextMenuEvent,
    QFocusEvent,
    QImage,
    QImageReader,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QScrollArea, QVBoxLayout, QWidget

from client.ui import look
from client.ui.bridge import Bridge
from client.ui.buttons import ToolButton, draw_ring
from client.ui.icons import draw_icon
from client.ui.pieces import OneLine
from client.words import say, size
from uploader.ticket import Attachment

TILE_PX = (144, 88)
SHOWN_MEDIA = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp")
MOST_PIXELS = 100_000_000
"""A picture that claims more is not opened for its thumbnail: a small file can unfold to gigabytes."""
ADD = ("file", "region", "window", "screen", "recording")


class AttachmentStrip(QScrollArea):
    """Emits what the user wants; the form does it."""

    opened = Signal(str)
    removed = Signal(str)
    wanted = Signal(str)
    """One of ``ADD``."""

    def __init__(self, bridge: Bridge, phrases: look.Phrases) -> None:
        super().__init__()
        self._bridge, self._phrases = bridge, phrases
        self._tiles: dict[str, _Tile] = {}
        self._thumbnails: dict[str, QImage] = {}
        inner = QWidget()
        inner.setAutoFillBackground(False)
        self._row = QHBoxLayout(inner)
        self._row.setContentsMargins(0, 0, 0, look.S)
        self._row.setSpacing(look.M)
        self._row.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.add = _AddTile(phrases)
        self.add.pressed.connect(self._offer)
        self._row.addWidget(self.add, 0, Qt.AlignmentFlag.AlignTop)
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.viewport().setAutoFillBackground(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._fit()

    def show_attachments(self, attachments: tuple[Attachment, ...], ways: dict[str, str], own: frozenset[str]) -> None:
        """``ways``: name → ticket or link. ``own`` are pictures that open in the editor."""
        names = [a.name for a in attachments]
        for name in [name for name in self._tiles if name not in names]:
            tile = self._tiles.pop(name)
            self._row.removeWidget(tile)
            tile.hide()
            tile.deleteLater()
        for place, attachment in enumerate(attachments):
            tile = self._tiles.get(attachment.name) or self._make(attachment.name)
            self._row.insertWidget(place, tile, 0, Qt.AlignmentFlag.AlignTop)
            tile.show_file(attachment, ways.get(attachment.name, "ticket"), editable=attachment.name in own)
            self._load(attachment, tile)
        self._fit()

    def _make(self, name: str) -> _Tile:
        tile = _Tile(self._phrases, partial(self.opened.emit, name), partial(self.removed.emit, name))
        tile.focused.connect(lambda: self.ensureWidgetVisible(tile, look.L, 0))
        self._tiles[name] = tile
        return tile

    def _load(self, attachment: Attachment, tile: _Tile) -> None:
        if attachment.media_type not in SHOWN_MEDIA:
            return
        if attachment.sha256 in self._thumbnails:
            tile.set_picture(self._thumbnails[attachment.sha256])
            return
        ratio = self.devicePixelRatioF()

        def keep(image: QImage) -> None:
            self._thumbnails[attachment.sha256] = image
            if self._tiles.get(attachment.name) is tile:
                tile.set_picture(image)

        self._bridge.background(partial(read_thumbnail, attachment.path, ratio), keep, lambda _: None)

    def _offer(self) -> None:
        menu = QMenu(self)
        texts = {
            "file": (say("File…"), "paperclip"),
            "region": (say("Region"), "scan"),
            "window": (say("Window"), "app-window"),
            "screen": (say("Screen"), "monitor"),
            "recording": (say("Recording"), "video"),
        }
        from client.ui.icons import icon

        for key, (text, picture) in texts.items():
            action = QAction(icon(picture), text, menu)
            action.triggered.connect(partial(self.wanted.emit, key))
            menu.addAction(action)
        menu.setActiveAction(menu.actions()[0])
        menu.popup(self.add.mapToGlobal(self.add.rect().bottomLeft()))

    def _fit(self) -> None:
        tallest = max((tile.sizeHint().height() for tile in self._tiles.values()), default=self.add.height())
        self.setFixedHeight(tallest + look.S + look.M)


class _Tile(QWidget):
    focused = Signal()

    def __init__(self, phrases: look.Phrases, on_open: Callable[[], object], on_remove: Callable[[], object]) -> None:
        super().__init__()
        self._open, self._remove = on_open, on_remove
        self._image: QImage | None = None
        self._icon = "file"
        self._editable = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._name, self._detail = OneLine(), OneLine("faint", "small")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, look.sized(TILE_PX[1]) + look.XS, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._name)
        column.addWidget(self._detail)
        self.setFixedWidth(look.sized(TILE_PX[0]))
        self._cross = ToolButton("x", self)
        self._cross.height_px = 24
        self._cross.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._cross.setAutoFillBackground(True)
        phrases.name(self._cross, lambda: say("Remove"), "Delete")
        self._cross.clicked.connect(self._cross_pressed)
        self._cross.resize(24, 24)
        self._cross.move(self.width() - 28, 4)
        self._cross.hide()

    def _cross_pressed(self) -> None:
        self._remove()

    def show_file(self, attachment: Attachment, way: str, *, editable: bool) -> None:
        self._editable = editable
        words = say("in the ticket") if way == "ticket" else say("as a link")
        self._name.setText(attachment.name)
        self._detail.setText(f"{size(attachment.size_bytes)} · {words}")
        self.setAccessibleName(f"{attachment.name}, {self._detail.text()}")
        verb = say("Enter opens it in the editor, Delete removes it.") if editable else say("Delete removes it.")
        self.setAccessibleDescription(verb)
        self.setToolTip(attachment.name)
        kind = attachment.media_type.partition("/")[0]
        self._icon = {"image": "image", "video": "play", "text": "file-text"}.get(kind, "file")
        self.update()

    def set_picture(self, image: QImage) -> None:
        self._image = None if image.isNull() else image
        self.update()

    def sizeHint(self) -> QSize:
        lines = self._name.sizeHint().height() + self._detail.sizeHint().height()
        return QSize(look.sized(TILE_PX[0]), look.sized(TILE_PX[1]) + look.XS + lines)

    def paintEvent(self, _event: QPaintEvent) -> None:
        now, painter = look.tokens(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        box = QRectF(0.5, 0.5, self.width() - 1, look.sized(TILE_PX[1]) - 1)
        outline = QPainterPath()
        outline.addRoundedRect(box, look.CORNER, look.CORNER)
        painter.fillPath(outline, QColor("#1D2027" if self._icon == "play" and not now.native else now.raised))
        if self._image is not None:
            painter.save()
            painter.setClipPath(outline)
            ratio = self._image.devicePixelRatio()
            width, height = self._image.width() / ratio, self._image.height() / ratio
            factor = min(box.width() / width, box.height() / height, 1.0) if width * height else 1  # never scaled up
            left, top = box.center().x() - width * factor / 2, box.center().y() - height * factor / 2
            painter.drawImage(QRectF(left, top, width * factor, height * factor), self._image)
            painter.restore()
        else:
            side = look.sized(24)
            place = QRectF(box.center().x() - side / 2, box.center().y() - side / 2, side, side)
            draw_icon(painter, self._icon, place, QColor("#A6ACB6" if self._icon == "play" else now.faint))
        painter.setPen(QPen(QColor(now.line), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(outline)
        if self.hasFocus():
            draw_ring(painter, box, QColor(now.accent))
        painter.end()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            if not event.modifiers():
                self._open()
            else:
                event.ignore()
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._remove()
        else:
            super().keyPressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self._open()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        menu.addAction(say("Open in the editor") if self._editable else say("Open"), self._open)
        menu.addAction(say("Remove"), self._remove)
        menu.popup(event.globalPos())

    def enterEvent(self, event: object) -> None:
        self._cross.show()

    def leaveEvent(self, event: object) -> None:
        self._cross.hide()

    def focusInEvent(self, event: QFocusEvent) -> None:
        self.focused.emit()
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.update()


class _AddTile(QWidget):
    pressed = Signal()

    def __init__(self, phrases: look.Phrases) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._words = ""
        self.setFixedSize(look.sized(96), look.sized(TILE_PX[1]))
        phrases.tell(self._say, lambda: say("Add"))
        phrases.tell(self.setToolTip, lambda: say("Add a file, a capture or a recording"))

    def _say(self, words: str) -> None:
        self._words = words
        self.setAccessibleName(words)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        now, painter = look.tokens(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(QColor(now.edge if self.underMouse() else now.line), 1.5, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(box, look.CORNER, look.CORNER)
        side = look.sized(18)
        center = box.center()
        top = center.y() - (side + look.XS + self.fontMetrics().height()) / 2
        draw_icon(painter, "plus", QRectF(center.x() - side / 2, top, side, side), QColor(now.quiet))
        painter.setPen(QColor(now.quiet))
        words = QRectF(0, top + side + look.XS, self.width(), self.fontMetrics().height())
        painter.drawText(words, int(Qt.AlignmentFlag.AlignCenter), self._words)
        if self.hasFocus():
            draw_ring(painter, box, QColor(now.accent))
        painter.end()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and not event.modifiers():
            self.pressed.emit()
        else:
            super().keyPressEvent(event)

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        self.pressed.emit()

    def focusInEvent(self, _event: QFocusEvent) -> None:
        self.update()

    def focusOutEvent(self, _event: QFocusEvent) -> None:
        self.update()


def read_thumbnail(path: Path, ratio: float) -> QImage:
    """A small picture of a picture file; a null one when it cannot be or should not be read. On a worker thread."""
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    full = reader.size()
    if not full.isValid() or full.width() * full.height() > MOST_PIXELS:
        return QImage()
    width, height = (side * ratio for side in TILE_PX)
    factor = min(max(width / full.width(), height / full.height()), 1.0)
    reader.setScaledSize(QSize(max(round(full.width() * factor), 1), max(round(full.height() * factor), 1)))
    image = reader.read()
    image.setDevicePixelRatio(ratio)
    return image
