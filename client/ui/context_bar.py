"""What can be changed about the mark at hand. It floats over the picture, only while there is something to say."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QHBoxLayout, QSizePolicy, QWidget

from client.annotation import Crop, Hide, Mark
from client.ui import look, tools
from client.ui.buttons import LinkButton, ToolButton, draw_ring
from client.ui.look import Phrases
from client.ui.pieces import Divider, Label, Panel
from client.ui.sketch import Sketch
from client.ui.tools import HIGHLIGHTS, Tool
from client.words import say, say_n

_COLORLESS: tuple[Tool, ...] = ("hide", "crop", "select")
_WEIGHTLESS: tuple[Tool, ...] = (*_COLORLESS, "highlight")


class _Swatch(QAbstractButton):
    """One colour or one weight to choose: a dot."""

    def __init__(self, parent: QWidget, color: str = "", dot_px: float = 16) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._color, self._dot_px = color, dot_px

    def sizeHint(self) -> QSize:
        side = look.sized(look.TOOL_HEIGHT)
        return QSize(side, side)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, box = QPainter(self), QRectF(self.rect())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        center, radius = QPointF(box.center()), look.sized(1) * self._dot_px / 2
        painter.setPen(Qt.PenStyle.NoPen)
        if not self._color and (self.isChecked() or self.underMouse()):
            painter.setBrush(look.color("soft") if self.isChecked() else look.color("text", 0.06))
            painter.drawRoundedRect(box, look.CORNER, look.CORNER)
        painter.setBrush(QColor(self._color) if self._color else look.color("accent" if self.isChecked() else "quiet"))
        if self._color:
            painter.setPen(QPen(look.color("edge" if self._is_pale() else "text", 0.6 if self._is_pale() else 0.12), 1))
        painter.drawEllipse(center, radius, radius)
        if self._color and self.isChecked():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(look.color("accent"), 2))
            painter.drawEllipse(center, radius + 3, radius + 3)
        if self.hasFocus():
            draw_ring(painter, box, look.color("text"))
        painter.end()

    def _is_pale(self) -> bool:
        return look.contrast(self._color, look.tokens().raised) < 1.5


class ContextBar(Panel):
    """Shows and changes colour, weight and order of what ``sketch`` has at hand.

    ``edited``: it did something to the sketch. ``crop_done``: the user is done with cropping.
    """

    edited = Signal()
    crop_done = Signal()

    def __init__(self, sketch: Sketch, parent: QWidget) -> None:
        super().__init__(parent=parent)
        self._sketch = sketch
        self._phrases = Phrases(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(look.S, look.XS + 2, look.S, look.XS + 2)
        row.setSpacing(2)
        self._words = Label("quiet", parent=self)
        row.addWidget(self._words)
        self._colors = self._swatches(row, look.MARK_COLORS)
        self._lights = self._swatches(row, HIGHLIGHTS)
        row.addSpacing(2)
        self._first = Divider(upright=True, parent=self)
        row.addWidget(self._first)
        row.addSpacing(2)
        self._weights: list[_Swatch] = []
        weights = QButtonGroup(self)
        for weight, dot_px in enumerate((4, 8, 13)):
            dot = _Swatch(self, dot_px=dot_px)
            dot.clicked.connect(lambda _=False, weight=weight: self._reweigh(weight))
            weights.addButton(dot)
            self._weights.append(dot)
            row.addWidget(dot)
        row.addSpacing(2)
        self._second = Divider(upright=True, parent=self)
        row.addWidget(self._second)
        row.addSpacing(2)
        self._order = self._order_buttons(row)
        self._whole, self._done = LinkButton(parent=self), LinkButton(parent=self)
        self._whole.clicked.connect(self._delete)
        self._done.clicked.connect(self.crop_done)
        row.addWidget(self._whole)
        row.addWidget(self._done)
        self._tell()

    def show_state(self) -> None:
        """Shows what fits the tool and the selected mark; hides when that is nothing."""
        sketch, mark = self._sketch, self._sketch.selected_mark()
        tool = tools.tool_of(mark) if mark is not None else sketch.tool
        is_crop = sketch.tool == "crop"
        colored, lit = tool not in _COLORLESS and tool != "highlight", tool == "highlight"
        for swatch in self._colors.values():
            swatch.setVisible(colored)
        for swatch in self._lights.values():
            swatch.setVisible(lit)
        weighted = tool not in _WEIGHTLESS
        for dot in self._weights:
            dot.setVisible(weighted)
        self._first.setVisible(weighted)
        words = self._state_words(tool, mark)
        self._words.setVisible(bool(words))
        self._words.setText(words)
        selected = mark is not None and not is_crop
        for button in self._order:
            button.setVisible(selected)
        self._second.setVisible(selected and (colored or lit or bool(words)))
        self._whole.setVisible(is_crop and mark is not None)
        self._done.setVisible(is_crop)
        self._check(tool, mark)
        self.setVisible(tool != "select" or selected or is_crop)
        self.adjustSize()
        self.place()

    def place(self) -> None:
        """To the bottom of the picture, in the middle."""
        over = self.parentWidget()
        room = over.rect() if over is not None else self.rect()
        self.move((room.width() - self.width()) // 2, room.height() - self.height() - look.L)

    def _state_words(self, tool: Tool, mark: Mark | None) -> str:
        if self._sketch.tool == "crop":
            if not isinstance(mark, Crop):
                return say("Drag over what you want to keep")
            return f"{round(mark.width)} × {round(mark.height)} px"
        if tool == "hide":
            count = sum(isinstance(each, Hide) for each in self._sketch.marks())
            return say_n("{n} place hidden for good", "{n} places hidden for good", count)
        return ""

    def _check(self, tool: Tool, mark: Mark | None) -> None:
        style = self._sketch.style
        color = tools.color_of(mark) if mark is not None else None
        if color is None:
            color = style.highlight if tool == "highlight" else style.color
        weight = tools.weight_of(mark, self._sketch.scale) if mark is not None else style.weight
        for group in self.findChildren(QButtonGroup):
            group.setExclusive(False)
        for name, swatch in (*self._colors.items(), *self._lights.items()):
            swatch.setChecked(name.lower() == color.lower())
        for place, dot in enumerate(self._weights):
            dot.setChecked(place == weight)
        for group in self.findChildren(QButtonGroup):
            group.setExclusive(True)

    def _swatches(self, row: QHBoxLayout, colors: tuple[str, ...]) -> dict[str, _Swatch]:
        found, group = {}, QButtonGroup(self)
        for color in colors:
            swatch = _Swatch(self, color)
            swatch.clicked.connect(lambda _=False, color=color: self._recolor(color))
            group.addButton(swatch)
            row.addWidget(swatch)
            found[color] = swatch
        return found

    def _order_buttons(self, row: QHBoxLayout) -> list[ToolButton]:
        found = []
        acts = (
            ("bring-to-front", lambda: self._sketch.lift(1)),
            ("send-to-back", lambda: self._sketch.lift(-1)),
            ("copy-plus", self._sketch.duplicate),
            ("trash-2", self._sketch.delete),
        )
        for icon, act in acts:
            button = ToolButton(icon, self)
            button.height_px = look.TOOL_HEIGHT
            button.clicked.connect(lambda _=False, act=act: self._do(act))
            row.addWidget(button)
            found.append(button)
        return found

    def _recolor(self, color: str) -> None:
        self._do(lambda: self._sketch.recolor(color))

    def _reweigh(self, weight: int) -> None:
        self._do(lambda: self._sketch.reweigh(weight))

    def _delete(self) -> None:
        self._do(self._sketch.delete)

    def _do(self, act: Callable[[], None]) -> None:
        act()
        self.edited.emit()

    def _tell(self) -> None:
        name = self._phrases.name
        colors = (
            lambda: say("Red"),
            lambda: say("Amber"),
            lambda: say("Green"),
            lambda: say("Blue"),
            lambda: say("Black"),
            lambda: say("White"),
        )
        lights = (lambda: say("Yellow"), lambda: say("Green"), lambda: say("Blue"), lambda: say("Pink"))
        weights = (lambda: say("Thin"), lambda: say("Usual"), lambda: say("Thick"))
        for row, texts in (
            (self._colors.values(), colors),
            (self._lights.values(), lights),
            (self._weights, weights),
        ):
            for swatch, text in zip(row, texts, strict=True):
                name(swatch, text)
        front, back, copy, bin_ = self._order
        name(front, lambda: say("Bring forward"), "Ctrl+]")
        name(back, lambda: say("Send backward"), "Ctrl+[")
        name(copy, lambda: say("Duplicate"), "Ctrl+D")
        name(bin_, lambda: say("Delete"), "Del")
        self._phrases.tell(self._whole.setText, lambda: say("Whole picture"))
        self._phrases.tell(self._done.setText, lambda: say("Done"))
