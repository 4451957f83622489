"""The picture with its marks, drawn on: turns pointer and keys into a sketch, and paints what it becomes."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QRegion
from PySide6.QtWidgets import QWidget

from capture.image import Screenshot
from client.annotation import Crop, Hide, Highlight, History, Mark, Marks, Pen, Point, Step, Text, crop_region
from client.ui import look, tools
from client.ui.geometry import Handle, Rect, bounds, handles, inked_parts
from client.ui.overlay import draw_shade
from client.ui.paint import measure, paint
from client.ui.picture_view import PictureView, border_of_change
from client.ui.sketch import Sketch
from client.ui.text_box import TextBox
from client.ui.tools import Tool

HANDLE = 9
SLACK = 6
PAN_STEP = 64
_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
_DIAGONAL, _COUNTER = Qt.CursorShape.SizeFDiagCursor, Qt.CursorShape.SizeBDiagCursor
_UPRIGHT, _LEVEL = Qt.CursorShape.SizeVerCursor, Qt.CursorShape.SizeHorCursor
_CURSORS: dict[Handle, Qt.CursorShape] = {
    "nw": _DIAGONAL,
    "se": _DIAGONAL,
    "ne": _COUNTER,
    "sw": _COUNTER,
    "n": _UPRIGHT,
    "s": _UPRIGHT,
    "e": _LEVEL,
    "w": _LEVEL,
    "start": Qt.CursorShape.SizeAllCursor,
    "end": Qt.CursorShape.SizeAllCursor,
}


class Canvas(PictureView):
    """``edited``: an edit is finished. ``touched``: tool, selection, zoom or the edit in progress changed."""

    edited = Signal()

    def __init__(self, shot: Screenshot, history: History, parent: QWidget | None = None) -> None:
        super().__init__(shot, parent)
        self.sketch = Sketch(history, shot.scale, self.edited.emit, measure)
        self._seen: Marks = history.marks
        self._framed: Rect | None = None
        self._text_box: TextBox | None = None
        self._typed: int | None = None
        self._space = False
        self._show_crop()

    # --- doing

    def choose_tool(self, tool: Tool) -> None:
        self.end_text()
        self.sketch.choose_tool(tool)
        self.refresh()
        self.setCursor(Qt.CursorShape.ArrowCursor if tool == "select" else Qt.CursorShape.CrossCursor)

    def start_by_key(self) -> None:
        """Enter: a mark of the usual size in the middle, words to be typed, or the end of cropping."""
        mark = self.sketch.selected_mark()
        if isinstance(mark, Text):
            self.edit_text(mark, self.sketch.selected)
        elif self.sketch.tool == "crop" and mark is not None:
            self.choose_tool("select")
        elif self.sketch.tool == "text":
            new = tools.centered("text", self.seen_part(), self.sketch.style, self.shot.scale)
            assert isinstance(new, Text)
            self.edit_text(new, None)
        elif self.sketch.tool != "select":
            self.sketch.place(self.seen_part())
            self.refresh()

    def refresh(self) -> None:
        """Shows what the sketch became: only what changed is painted again."""
        self._show_crop()
        self.update(self._changed_region(self._seen, self.sketch.marks()))
        self._seen = self.sketch.marks()
        mark = self.sketch.selected_mark()
        framed = bounds(mark, measure) if mark is not None else None
        if framed != self._framed:
            was, now = (self._around(frame, 0) if frame else QRect() for frame in (self._framed, framed))
            self.update(border_of_change(was, now, HANDLE))
        self._framed = framed
        self.touched.emit()

    def _changed_region(self, before: Marks, after: Marks) -> QRegion:
        """Where the picture looks different once the marks changed."""
        shortest = min(len(before), len(after))
        head = next((i for i in range(shortest) if before[i] is not after[i]), shortest)
        rest = shortest - head
        tail = next((i for i in range(rest) if before[-1 - i] is not after[-1 - i]), rest)
        changed = [*before[head : len(before) - tail], *after[head : len(after) - tail]]
        if any(isinstance(mark, Crop) for mark in changed):
            return QRegion(self.rect())
        if any(isinstance(mark, Step) for mark in changed):  # the others may bear another number now
            changed += [mark for mark in (*before, *after) if isinstance(mark, Step)]
        match changed:
            case [Pen() as short, Pen() as long] if short.points == long.points[: len(short.points)]:
                fresh = long.points[max(len(short.points) - 3, 0) :]
                changed = [msgspec.structs.replace(long, points=fresh)]
            case [(Hide() | Highlight()) as was, (Hide() | Highlight()) as now] if _looks_alike(was, now):
                return border_of_change(self._around(bounds(was), 2), self._around(bounds(now), 2), 4)
        region = QRegion()
        for mark in changed:
            for part in self._parts(mark):
                region = region.united(QRegion(self._around(part, 2)))
        return region

    def _parts(self, mark: Mark) -> list[Rect]:
        return inked_parts(mark, self.shot.scale, measure)

    def _show_crop(self) -> None:
        """Shows what is left by the crop; all of the picture while the crop tool is at work."""
        width, height = self.shot.width, self.shot.height
        part = crop_region(self.sketch.history.marks) if self.sketch.tool != "crop" else None
        if part is not None:
            part = part.clipped(width, height)
        if part is not None and part.width and part.height:
            self.show_part(Rect(part.x, part.y, part.width, part.height))
        else:
            self.show_part(Rect(0, 0, width, height))

    def _around(self, area: Rect, margin: float) -> QRect:
        return QRectF(*self.view.to_widget(area)).adjusted(-margin, -margin, margin, margin).toAlignedRect()

    # --- words

    def edit_text(self, mark: Text, index: int | None) -> None:
        """Opens the words of a mark for typing; a new one has no place among the marks yet."""
        self.end_text()
        place = self.view.to_widget(Rect(mark.x, mark.y, 0, 0))
        box = TextBox(mark, QPointF(place.x, place.y), self.view.factor, self)
        self._text_box, self._typed = box, index

        def take(text: str) -> None:
            self._close_text()
            changed = msgspec.structs.replace(mark, text=text.rstrip()[:5_000])
            if not text.strip() and index is not None:
                self.sketch.put(index, None)
            elif text.strip():
                self.sketch.add(changed) if index is None else self.sketch.put(index, changed)
            self.refresh()

        box.taken.connect(take)
        box.left.connect(self._close_text)
        box.show()
        box.setFocus()
        self.update()

    def end_text(self) -> None:
        """Takes the words that are being typed, if any."""
        if self._text_box is not None:
            self._text_box.take()

    def _close_text(self) -> None:
        if self._text_box is not None:
            self._text_box.deleteLater()
        self._text_box = self._typed = None
        self.setFocus()
        self.update()

    # --- pointer

    def _point(self, event: QMouseEvent) -> Point:
        return self.view.to_image(event.position().x(), event.position().y())

    @property
    def _slack_px(self) -> float:
        return SLACK / self.view.factor

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.MiddleButton or self._space:
            self.start_drag(event)
        elif event.button() == Qt.MouseButton.LeftButton:
            self.end_text()
            point = self._point(event)
            if self.sketch.tool == "text" and self.sketch.handle_at(point, 2 * self._slack_px) is None:
                self._press_text(point)
            else:
                self.sketch.press(point, self._slack_px)
                self.refresh()

    def _press_text(self, point: Point) -> None:
        index = self.sketch.mark_at(point, self._slack_px)
        mark = self.sketch.history.marks[index] if index is not None else None
        if not isinstance(mark, Text):
            mark, index = tools.begun("text", point, self.sketch.style, self.shot.scale), None
            assert isinstance(mark, Text)
            mark = msgspec.structs.replace(mark, y=mark.y - mark.size_px * 0.6)
        self.edit_text(mark, index)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.is_dragging():
            self.drag(event)
        elif self.sketch.doing:
            snap = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self.sketch.drag(self._point(event), snap=snap)
            self.refresh()
        else:
            self._show_cursor(self._point(event))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.is_dragging():
            self.end_drag()
        elif self.sketch.doing and event.button() == Qt.MouseButton.LeftButton:
            self.sketch.release(self._point(event), self._slack_px / 2)
            self.refresh()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        mark = self.sketch.selected_mark()
        if self.sketch.tool == "select" and isinstance(mark, Text):
            self.edit_text(mark, self.sketch.selected)
        else:
            self.mousePressEvent(event)

    def _show_cursor(self, point: Point) -> None:
        handle = self.sketch.handle_at(point, 2 * self._slack_px) if self.sketch.tool != "pen" else None
        shape = Qt.CursorShape.CrossCursor
        if self._space:
            shape = Qt.CursorShape.OpenHandCursor
        elif handle is not None:
            shape = _CURSORS[handle]
        elif self.sketch.tool == "text":
            shape = Qt.CursorShape.IBeamCursor
        elif self.sketch.tool == "select":
            over = self.sketch.mark_at(point, self._slack_px) is not None
            shape = Qt.CursorShape.SizeAllCursor if over else Qt.CursorShape.ArrowCursor
        self.setCursor(shape)

    # --- keys

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _is_own(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, held = Qt.Key(event.key()), event.modifiers()
        if key in _ARROWS:
            self._press_arrow(key, held)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.start_by_key()
        elif key == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = True
            self.setCursor(Qt.CursorShape.OpenHandCursor)
        elif key in (Qt.Key.Key_PageDown, Qt.Key.Key_PageUp):
            self.sketch.select_next(1 if key == Qt.Key.Key_PageDown else -1)
        else:
            super().keyPressEvent(event)
            return
        self.refresh()

    def _press_arrow(self, key: Qt.Key, held: Qt.KeyboardModifier) -> None:
        far = 10 if held & Qt.KeyboardModifier.ShiftModifier else 1
        dx, dy = (step * far for step in _ARROWS[key])
        if self.sketch.selected is None:
            self.pan(-_ARROWS[key][0] * PAN_STEP, -_ARROWS[key][1] * PAN_STEP)
        elif held & Qt.KeyboardModifier.AltModifier:
            self.sketch.stretch(dx, dy)
        else:
            self.sketch.nudge(dx, dy)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = False
            self.unsetCursor()
        super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._space = False
        super().focusOutEvent(event)

    # --- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        dirty = QRectF(event.rect())
        self.draw_picture(painter, dirty)
        marks = self.sketch.marks()
        self._draw_marks(painter, marks, event.region())
        if self.sketch.tool == "crop":
            self._draw_shade(painter, marks)
        mark = self.sketch.selected_mark()
        if mark is not None and self._text_box is None:
            self._draw_frame(painter, mark)
        painter.end()

    def _draw_marks(self, painter: QPainter, marks: Marks, dirty: QRegion) -> None:
        away = {
            index
            for index, mark in enumerate(marks)
            if not any(dirty.intersects(self._around(part, 1)) for part in self._parts(mark))
        }
        if self._typed is not None:
            away.add(self._typed)
        shown = self.view.shown
        painter.save()
        painter.setClipRect(QRectF(*self.view.to_widget(shown)))
        painter.translate(self.view.x, self.view.y)
        painter.scale(self.view.factor, self.view.factor)
        painter.translate(-shown.x, -shown.y)
        paint(marks, painter, self.shot.scale, leave_out=frozenset(away))
        painter.restore()

    def _draw_shade(self, painter: QPainter, marks: Marks) -> None:
        part = next((mark for mark in reversed(marks) if isinstance(mark, Crop)), None)
        if part is None:
            return
        draw_shade(
            painter,
            QRectF(*self.view.to_widget(self.view.shown)),
            QRectF(*self.view.to_widget(bounds(part))),
        )

    def _draw_frame(self, painter: QPainter, mark: Mark) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        places = handles(mark, measure)
        accent = look.color("accent")
        if "start" not in places:
            frame = QRectF(*self.view.to_widget(bounds(mark, measure))).adjusted(-3, -3, 3, 3)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            for ink, width in ((QColor(255, 255, 255, 220), 3.5), (accent, 1.5)):
                painter.setPen(QPen(ink, width))
                painter.drawRect(frame)
        painter.setPen(QPen(accent, 1.5))
        painter.setBrush(QColor("#FFFFFF"))
        for x, y in places.values():
            spot = self.view.to_widget(Rect(x, y, 0, 0))
            painter.drawEllipse(QPointF(spot.x, spot.y), HANDLE / 2, HANDLE / 2)


def _is_own(event: QKeyEvent) -> bool:
    """Whether a key belongs to the picture while it has the focus, whatever shortcuts the window has."""
    keys = (*_ARROWS, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)
    with_others = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.MetaModifier
    return event.key() in keys and not event.modifiers() & with_others


def _looks_alike(one: Hide | Highlight, other: Hide | Highlight) -> bool:
    return tools.color_of(one) == tools.color_of(other) and type(one) is type(other)
