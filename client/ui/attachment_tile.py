"""One attachment as a tile: its picture or an icon, name, size and way; and the tile that adds another."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QEnterEvent,
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
from PySide6.QtWidgets import QVBoxLayout, QWidget

from client.ui import look
from client.ui.buttons import BY_KEYBOARD, COMING_BACK, ToolButton, draw_ring
from client.ui.icons import draw_icon, icon
from client.ui.pieces import Menu, OneLine
from client.words import say, size
from uploader.ticket import Attachment

WIDTH_PX, HEIGHT_PX = 144, 88
ADD_WIDTH_PX = 96
SHOWN_MEDIA = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp")
MOST_PIXELS = 100_000_000
"""A picture that claims more is not opened for its thumbnail: a small file can unfold to gigabytes."""
FILM, FILM_INK = "#1D2027", "#A6ACB6"
"""A film is dark in both themes."""


class _Pressable(QWidget):
    """Something to press by mouse, Enter or Space, with a ring for those who came by keyboard."""

    pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._ringed = False
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def _draw_focus(self, painter: QPainter, box: QRectF) -> None:
        if self._ringed and self.hasFocus():
            draw_ring(painter, box, QColor(look.tokens().accent))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and not held:
            self.pressed.emit()
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.pressed.emit()

    def focusInEvent(self, event: QFocusEvent) -> None:
        if event.reason() not in COMING_BACK:
            self._ringed = event.reason() in (*BY_KEYBOARD, Qt.FocusReason.OtherFocusReason)
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()


class Tile(_Pressable):
    """Emits ``pressed`` to be opened and ``removed`` to be taken out; ``stepped`` by the arrow keys (-1, 1)."""

    removed = Signal()
    stepped = Signal(int)
    focused = Signal()

    def __init__(self, phrases: look.Phrases) -> None:
        super().__init__()
        self._image: QImage | None = None
        self._icon = "file"
        self._editable = False
        self._name, self._detail = OneLine(), OneLine("faint", "small")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, look.sized(HEIGHT_PX) + look.XS, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._name)
        column.addWidget(self._detail)
        self.setFixedWidth(look.sized(WIDTH_PX))
        self._cross = _Cross("x", self)
        phrases.name(self._cross, lambda: say("Remove"), "Delete")
        self._cross.clicked.connect(self.removed)
        self._cross.move(self.width() - self._cross.width() - look.XS, look.XS)
        self._cross.hide()

    def show_file(self, attachment: Attachment, way: str, *, editable: bool) -> None:
        """``way``: ticket, link or none. ``editable``: it opens in the editor."""
        self._editable = editable
        words = {"ticket": say("in the ticket"), "link": say("as a link")}.get(way) or say("cannot be sent")
        self._detail.set_tone("warn" if way == "none" else "faint")
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
        return QSize(look.sized(WIDTH_PX), look.sized(HEIGHT_PX) + look.XS + lines)

    def paintEvent(self, _event: QPaintEvent) -> None:
        now, painter = look.tokens(), QPainter(self)
        film = self._icon == "play" and not now.native
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        box = QRectF(0.5, 0.5, self.width() - 1, look.sized(HEIGHT_PX) - 1)
        outline = QPainterPath()
        outline.addRoundedRect(box, look.CORNER, look.CORNER)
        painter.fillPath(outline, QColor(FILM if film else now.raised))
        if self._image is not None:
            painter.save()
            painter.setClipPath(outline)
            painter.drawImage(_placed(self._image, box), self._image)
            painter.restore()
        else:
            side = look.sized(24)
            place = QRectF(box.center().x() - side / 2, box.center().y() - side / 2, side, side)
            draw_icon(painter, self._icon, place, QColor(FILM_INK if film else now.faint))
        painter.setPen(QPen(QColor(now.edge if self.underMouse() else now.line), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(outline)
        self._draw_focus(painter, box)
        painter.end()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.removed.emit()
        elif event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.stepped.emit(-1 if event.key() == Qt.Key.Key_Left else 1)
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = Menu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        words = say("Open in the editor") if self._editable else say("Open")
        menu.addAction(icon("pen-line" if self._editable else "external-link"), words, self.pressed.emit)
        menu.addAction(icon("x"), say("Remove"), self.removed.emit)
        menu.popup(event.globalPos())

    def enterEvent(self, event: QEnterEvent) -> None:
        self._cross.show()
        super().enterEvent(event)

    def leaveEvent(self, event: object) -> None:
        self._cross.hide()
        super().leaveEvent(event)  # type: ignore[arg-type]

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focused.emit()


class _Cross(ToolButton):
    """Stands on pictures of any colour, so it brings its own ground. The mouse's way only: keys have Delete."""

    padding_px = 3
    height_px = 24

    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(name, parent)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.resize(look.sized(24), look.sized(24))

    def paintEvent(self, event: QPaintEvent) -> None:
        now, painter = look.tokens(), QPainter(self)
        self._draw_ground(painter, QColor(now.sunken if self.underMouse() else now.raised), QColor(now.line))
        self._draw_content(painter, QColor(now.text))
        painter.end()


class AddTile(_Pressable):
    def __init__(self, phrases: look.Phrases) -> None:
        super().__init__()
        self._words = ""
        phrases.tell(self._say, lambda: say("Add"))
        phrases.tell(self.setToolTip, lambda: say("Add a file, a capture or a recording"))

    def _say(self, words: str) -> None:
        self._words = words
        self.setAccessibleName(words)
        needed = self.fontMetrics().horizontalAdvance(words) + 2 * look.S
        self.setFixedSize(max(look.sized(ADD_WIDTH_PX), needed), look.sized(HEIGHT_PX))
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        now, painter = look.tokens(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(QColor(now.quiet if self.underMouse() else now.edge), 1, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(box, look.CORNER, look.CORNER)
        side = look.sized(18)
        center = box.center()
        top = center.y() - (side + look.XS + self.fontMetrics().height()) / 2
        draw_icon(painter, "plus", QRectF(center.x() - side / 2, top, side, side), QColor(now.quiet))
        painter.setPen(QColor(now.quiet))
        words = QRectF(0, top + side + look.XS, self.width(), self.fontMetrics().height())
        painter.drawText(words, int(Qt.AlignmentFlag.AlignCenter), self._words)
        self._draw_focus(painter, box)
        painter.end()


def _placed(image: QImage, box: QRectF) -> QRectF:
    """Whole and in the middle of ``box``, never scaled up."""
    ratio = image.devicePixelRatio()
    width, height = max(image.width() / ratio, 1), max(image.height() / ratio, 1)
    factor = min(box.width() / width, box.height() / height, 1.0)
    left, top = box.center().x() - width * factor / 2, box.center().y() - height * factor / 2
    return QRectF(left, top, width * factor, height * factor)


def read_thumbnail(path: Path, ratio: float, width_px: int, height_px: int) -> QImage:
    """A picture file small enough to cover so many logical pixels at this device pixel ratio. On a worker thread.

    A null one when it cannot be or should not be read.
    """
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    full = reader.size()
    if not full.isValid() or full.width() * full.height() > MOST_PIXELS:
        return QImage()
    width, height = width_px * ratio, height_px * ratio
    factor = min(max(width / full.width(), height / full.height()), 1.0)
    reader.setScaledSize(QSize(max(round(full.width() * factor), 1), max(round(full.height() * factor), 1)))
    image = reader.read()
    image.setDevicePixelRatio(ratio)
    return image
