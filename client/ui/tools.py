"""The drawing tools: what each makes of a press, a drag, or the keyboard alone. Pure: marks in, marks out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import msgspec

from client.annotation import (
    MOST_POINTS,
    Arrow,
    Box,
    Crop,
    Ellipse,
    Hide,
    Highlight,
    Line,
    Mark,
    Pen,
    Point,
    Step,
    Text,
)
from client.ui.geometry import Rect, framed, rect_between, snapped_line, snapped_square
from client.words import say

Tool = Literal["select", "pen", "line", "arrow", "box", "ellipse", "highlight", "text", "step", "hide", "crop"]
TOOLS: tuple[Tool, ...] = get_args(Tool)
GROUPS: tuple[tuple[Tool, ...], ...] = (
    ("select",),
    ("pen", "line", "arrow"),
    ("box", "ellipse", "highlight"),
    ("text", "step"),
    ("hide",),
    ("crop",),
)
ICONS: dict[Tool, str] = {
    "select": "mouse-pointer-2",
    "pen": "pen-line",
    "line": "slash",
    "arrow": "move-up-right",
    "box": "square",
    "ellipse": "circle",
    "highlight": "highlighter",
    "text": "type",
    "step": "list-ordered",
    "hide": "eye-off",
    "crop": "crop",
}
KEYS: dict[Tool, tuple[str, ...]] = {
    "select": ("V", "1"),
    "pen": ("P", "2"),
    "line": ("L", "3"),
    "arrow": ("A", "4"),
    "box": ("R", "5"),
    "ellipse": ("O", "6"),
    "highlight": ("M", "7"),
    "text": ("T", "8"),
    "step": ("S", "9"),
    "hide": ("H", "0"),
    "crop": ("C",),
}
NAMES: dict[Tool, Callable[[], str]] = {
    "select": lambda: say("Select"),
    "pen": lambda: say("Pen"),
    "line": lambda: say("Line"),
    "arrow": lambda: say("Arrow"),
    "box": lambda: say("Box"),
    "ellipse": lambda: say("Ellipse"),
    "highlight": lambda: say("Highlight"),
    "text": lambda: say("Text"),
    "step": lambda: say("Step"),
    "hide": lambda: say("Hide"),
    "crop": lambda: say("Crop"),
}

HIGHLIGHTS = ("#FFE34D", "#9DF2A0", "#9FD8FF", "#FFB3D1")
_STROKES_PX, _TEXTS_PX, _STEPS_PX = (2, 4, 8), (15, 20, 32), (22, 28, 40)
_KINDS: dict[Tool, type[Mark]] = {
    "pen": Pen,
    "line": Line,
    "arrow": Arrow,
    "box": Box,
    "ellipse": Ellipse,
    "highlight": Highlight,
    "text": Text,
    "step": Step,
    "hide": Hide,
    "crop": Crop,
}


@dataclass(frozen=True, slots=True)
class Style:
    """What the next mark looks like. ``weight`` is 0, 1 or 2: thin, usual, thick."""

    color: str = "#E5322D"
    highlight: str = HIGHLIGHTS[0]
    weight: int = 1


def tool_of(mark: Mark) -> Tool:
    """The tool that makes such marks; the pointer is only ever selected."""
    return next((tool for tool, kind in _KINDS.items() if isinstance(mark, kind)), "select")


def begun(tool: Tool, at: Point, style: Style, scale: float) -> Mark:
    """The mark that a press begins, with no size yet. Strokes grow with the screenshot's scale."""
    stroke = _STROKES_PX[style.weight] * scale
    if tool == "pen":
        return Pen((at,), style.color, stroke)
    if tool == "line":
        return Line(at, at, style.color, stroke)
    if tool == "arrow":
        return Arrow(at, at, style.color, stroke)
    if tool == "text":
        return Text(*at, "", style.color, round(_TEXTS_PX[style.weight] * scale))
    if tool == "step":
        return Step(*at, style.color, round(_STEPS_PX[style.weight] * scale))
    if tool == "highlight":
        return Highlight(*at, 0, 0, style.highlight)
    if tool == "hide":
        return Hide(*at, 1, 1)
    if tool == "crop":
        return Crop(*at, 1, 1)
    kind = Box if tool == "box" else Ellipse
    return kind(*at, 0, 0, style.color, stroke)


def drawn(mark: Mark, start: Point, to: Point, *, snap: bool) -> Mark:
    """The mark begun at ``start``, dragged to a point. ``snap``: 45 degrees, squares, circles."""
    if isinstance(mark, Pen):
        if snap:
            return msgspec.structs.replace(mark, points=(mark.points[0], snapped_line(mark.points[0], to)))
        return mark if len(mark.points) >= MOST_POINTS else msgspec.structs.replace(mark, points=(*mark.points, to))
    if isinstance(mark, Line | Arrow):
        return msgspec.structs.replace(mark, end=snapped_line(start, to) if snap else to)
    if isinstance(mark, Box | Ellipse | Highlight | Hide | Crop):
        corner = snapped_square(start, to) if snap else to
        around = rect_between(start, corner)
        if is_about_pixels(mark):
            left, top = round(around.x), round(around.y)
            around = Rect(left, top, round(around.right) - left, round(around.bottom) - top)
        return framed(mark, around)
    return msgspec.structs.replace(mark, x=to[0], y=to[1])


def is_about_pixels(mark: Mark) -> bool:
    """Whether the mark covers pixels, and so keeps to whole ones."""
    return isinstance(mark, Highlight | Hide | Crop)


def is_slip(start: Point, to: Point, least_px: float) -> bool:
    """Whether a drag was so short that it was a click."""
    return abs(start[0] - to[0]) < least_px and abs(start[1] - to[1]) < least_px


def centered(tool: Tool, around: Rect, style: Style, scale: float) -> Mark:
    """A mark of a usual size in the middle of what is seen: the start for those who draw by keyboard."""
    x, y = (round(place) for place in around.center)
    half_width = round(min(120 * scale, around.width / 3))
    half_height = round(min(60 * scale, around.height / 3))
    mark = begun(tool, (x - half_width, y - half_height), style, scale)
    if isinstance(mark, Step | Text):
        return msgspec.structs.replace(mark, x=x, y=y)
    if isinstance(mark, Pen):
        return msgspec.structs.replace(mark, points=((x - half_width, y), (x + half_width, y)))
    if isinstance(mark, Line | Arrow):
        return msgspec.structs.replace(mark, start=(x - half_width, y + half_height), end=(x, y))
    return drawn(mark, (x - half_width, y - half_height), (x + half_width, y + half_height), snap=False)


def recolored(mark: Mark, color: str) -> Mark:
    """The mark in another colour, where it has one."""
    return mark if color_of(mark) is None else msgspec.structs.replace(mark, color=color)


def color_of(mark: Mark) -> str | None:
    return getattr(mark, "color", None)


def reweighted(mark: Mark, weight: int, scale: float) -> Mark:
    """The mark thinner or thicker, its words or number smaller or larger."""
    if isinstance(mark, Text):
        return msgspec.structs.replace(mark, size_px=round(_TEXTS_PX[weight] * scale))
    if isinstance(mark, Step):
        return msgspec.structs.replace(mark, size_px=round(_STEPS_PX[weight] * scale))
    if isinstance(mark, Pen | Line | Arrow | Box | Ellipse):
        return msgspec.structs.replace(mark, width_px=_STROKES_PX[weight] * scale)
    return mark


def weight_of(mark: Mark, scale: float) -> int | None:
    """Which of the three weights the mark is nearest to; None where it has none."""
    if isinstance(mark, Text | Step):
        sizes, size = (_TEXTS_PX if isinstance(mark, Text) else _STEPS_PX), mark.size_px
    elif isinstance(mark, Pen | Line | Arrow | Box | Ellipse):
        sizes, size = _STROKES_PX, mark.width_px
    else:
        return None
    return min(range(3), key=lambda weight: abs(sizes[weight] * scale - size))
