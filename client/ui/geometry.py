"""Where marks are, and what moving, resizing and pointing does to them. Pure: no widgets, no drawing."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Literal, NamedTuple

import msgspec

from client.annotation import (
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
    Point,
    Pointer,
    Step,
    Text,
)

Handle = Literal["start", "end", "nw", "n", "ne", "e", "se", "s", "sw", "w"]
Framed = Box | Ellipse | Highlight | Hide | Crop
"""Marks that are a rectangle of their own."""

FARTHEST = 200_000.0
_OPPOSITE: dict[Handle, Handle] = {"nw": "se", "ne": "sw", "se": "nw", "sw": "ne"}


class Rect(NamedTuple):
    """A rectangle in image pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def center(self) -> Point:
        return (self.x + self.width / 2, self.y + self.height / 2)

    def grown(self, by: float) -> Rect:
        return Rect(self.x - by, self.y - by, self.width + 2 * by, self.height + 2 * by)

    def holds(self, point: Point) -> bool:
        return self.x <= point[0] <= self.right and self.y <= point[1] <= self.bottom


Measure = Callable[[Text | Pointer], tuple[float, float]]
"""Gives the size of words or of the pointer, which only drawing knows."""


def guess_size(mark: Text | Pointer) -> tuple[float, float]:
    """The size where no font is at hand."""
    if isinstance(mark, Pointer):
        return (24.0, 24.0)
    lines = mark.text.split("\n")
    return (max(map(len, lines)) * mark.size_px * 0.6, len(lines) * mark.size_px * 1.25)


def rect_between(one: Point, other: Point) -> Rect:
    left, top = min(one[0], other[0]), min(one[1], other[1])
    return Rect(left, top, abs(one[0] - other[0]), abs(one[1] - other[1]))


def bounds(mark: Mark, measure: Measure = guess_size) -> Rect:
    """The rectangle of a mark's shape, without the width of its stroke."""
    if isinstance(mark, Framed):
        return Rect(mark.x, mark.y, mark.width, mark.height)
    if isinstance(mark, Line | Arrow):
        return rect_between(mark.start, mark.end)
    if isinstance(mark, Step):
        radius = mark.size_px / 2
        return Rect(mark.x - radius, mark.y - radius, mark.size_px, mark.size_px)
    if isinstance(mark, Text | Pointer):
        return Rect(mark.x, mark.y, *measure(mark))
    xs, ys = [point[0] for point in mark.points], [point[1] for point in mark.points]
    return Rect(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def inked(mark: Mark, scale: float, measure: Measure = guess_size) -> Rect:
    """All that drawing the mark may touch: shape, stroke, arrow head and halo."""
    margin = 3 * scale + 2
    if isinstance(mark, Line | Box | Ellipse | Pen):
        margin += mark.width_px
    elif isinstance(mark, Arrow):
        margin += head_px(mark.width_px) + mark.width_px
    elif isinstance(mark, Text):
        margin += mark.size_px / 2
    return bounds(mark, measure).grown(margin)


def inked_parts(mark: Mark, scale: float, measure: Measure = guess_size) -> list[Rect]:
    """The same in several rectangles that leave out what is empty: the inside of a box, the corners of a line."""
    whole = inked(mark, scale, measure)
    if isinstance(mark, Line | Arrow):
        margin = (whole.width - bounds(mark).width) / 2
        (x, y), (to_x, to_y) = mark.start, mark.end
        places = [(x + (to_x - x) * i / 8, y + (to_y - y) * i / 8) for i in range(9)]
        return [rect_between(one, other).grown(margin) for one, other in pairwise(places)]
    if isinstance(mark, Box | Ellipse):
        shape = bounds(mark)
        margin = (whole.width - shape.width) / 2
        share = 0.0 if isinstance(mark, Box) else 0.15  # of an ellipse, the largest rectangle inside is empty
        empty_x, empty_y = margin + shape.width * share, margin + shape.height * share
        if shape.width > 2 * empty_x and shape.height > 2 * empty_y:
            across, down = margin + empty_x, margin + empty_y
            return [
                Rect(whole.x, whole.y, whole.width, down),
                Rect(whole.x, whole.bottom - down, whole.width, down),
                Rect(whole.x, whole.y, across, whole.height),
                Rect(whole.right - across, whole.y, across, whole.height),
            ]
    return [whole]


def head_px(width_px: float) -> float:
    """How long an arrow's head is."""
    return max(12.0, width_px * 4.5)


def moved(mark: Mark, dx: float, dy: float) -> Mark:
    """The mark somewhere else, never so far that it could not be stored."""
    around = bounds(mark)
    dx = min(max(dx, -FARTHEST - around.x), FARTHEST - around.right)
    dy = min(max(dy, -FARTHEST - around.y), FARTHEST - around.bottom)
    if isinstance(mark, Line | Arrow):
        return msgspec.structs.replace(
            mark, start=(mark.start[0] + dx, mark.start[1] + dy), end=(mark.end[0] + dx, mark.end[1] + dy)
        )
    if isinstance(mark, Pen):
        return msgspec.structs.replace(mark, points=tuple((x + dx, y + dy) for x, y in mark.points))
    return msgspec.structs.replace(mark, x=mark.x + dx, y=mark.y + dy)


def handles(mark: Mark, measure: Measure = guess_size) -> dict[Handle, Point]:
    """Where the mark can be taken to resize it."""
    if isinstance(mark, Line | Arrow):
        return {"start": mark.start, "end": mark.end}
    if isinstance(mark, Pointer):
        return {}
    around = bounds(mark, measure)
    left, top, right, bottom = around.x, around.y, around.right, around.bottom
    middle_x, middle_y = around.center
    corners: dict[Handle, Point] = {
        "nw": (left, top),
        "ne": (right, top),
        "se": (right, bottom),
        "sw": (left, bottom),
    }
    if isinstance(mark, Step | Text):
        return {"se": (right, bottom)}
    sides: dict[Handle, Point] = {
        "n": (middle_x, top),
        "e": (right, middle_y),
        "s": (middle_x, bottom),
        "w": (left, middle_y),
    }
    return corners | sides


def resized(mark: Mark, handle: Handle, to: Point, *, keep: bool = False, measure: Measure = guess_size) -> Mark:
    """The mark with this handle dragged to a point. ``keep``: straight lines, squares, the same proportions."""
    if isinstance(mark, Line | Arrow):
        anchor = mark.end if handle == "start" else mark.start
        place = snapped_line(anchor, to) if keep else to
        return msgspec.structs.replace(mark, **{"start" if handle == "start" else "end": place})
    around = bounds(mark, measure)
    if isinstance(mark, Step):
        reach = max(abs(to[0] - mark.x), abs(to[1] - mark.y))
        return msgspec.structs.replace(mark, size_px=min(max(reach * 2, 12.0), 400.0))
    if isinstance(mark, Text):
        factor = max((to[0] - around.x) / max(around.width, 1), (to[1] - around.y) / max(around.height, 1))
        return msgspec.structs.replace(mark, size_px=min(max(round(mark.size_px * factor), 8), 400))
    if isinstance(mark, Pointer):
        return mark
    target = _pulled(around, handle, to, keep=keep)
    if isinstance(mark, Pen):
        return _stretched(mark, around, target)
    return framed(mark, target)


def framed(mark: Framed, to: Rect) -> Framed:
    """The mark in another rectangle; one that hides or crops keeps at least one pixel."""
    least = 1.0 if isinstance(mark, Hide | Crop) else 0.0
    width, height = max(to.width, least), max(to.height, least)
    return msgspec.structs.replace(mark, x=to.x, y=to.y, width=width, height=height)


def _pulled(around: Rect, handle: Handle, to: Point, *, keep: bool) -> Rect:
    if keep and handle in _OPPOSITE:
        anchor = _corner(around, _OPPOSITE[handle])
        return rect_between(anchor, snapped_square(anchor, to, around.width, around.height))
    left, top, right, bottom = around.x, around.y, around.right, around.bottom
    if "w" in handle:
        left = to[0]
    if "e" in handle:
        right = to[0]
    if "n" in handle:
        top = to[1]
    if "s" in handle:
        bottom = to[1]
    return rect_between((left, top), (right, bottom))


def _corner(around: Rect, handle: Handle) -> Point:
    return (
        around.x if "w" in handle else around.right,
        around.y if "n" in handle else around.bottom,
    )


def _stretched(mark: Pen, around: Rect, target: Rect) -> Pen:
    across = target.width / around.width if around.width else 1.0
    down = target.height / around.height if around.height else 1.0
    points = tuple((target.x + (x - around.x) * across, target.y + (y - around.y) * down) for x, y in mark.points)
    return msgspec.structs.replace(mark, points=points)


def snapped_line(anchor: Point, to: Point) -> Point:
    """The point turned around the anchor to the next multiple of 45 degrees."""
    dx, dy = to[0] - anchor[0], to[1] - anchor[1]
    step = math.pi / 4
    angle = round(math.atan2(dy, dx) / step) * step
    length = math.hypot(dx, dy)
    return (anchor[0] + length * math.cos(angle), anchor[1] + length * math.sin(angle))


def snapped_square(anchor: Point, to: Point, width: float = 1.0, height: float = 1.0) -> Point:
    """The corner opposite of the anchor that keeps these proportions; a square by default."""
    ratio = width / height if width >= 1 and height >= 1 else 1.0
    dx, dy = to[0] - anchor[0], to[1] - anchor[1]
    tall = max(abs(dx) / ratio, abs(dy))
    return (anchor[0] + math.copysign(tall * ratio, dx), anchor[1] + math.copysign(tall, dy))


def mark_at(marks: Marks, point: Point, slack_px: float, measure: Measure = guess_size) -> int | None:
    """The place of the mark under a point: the topmost whose ink it touches, else the smallest that encloses it."""
    for index in range(len(marks) - 1, -1, -1):
        if _touches(marks[index], point, slack_px, measure):
            return index
    around = [
        (bounds(mark).width * bounds(mark).height, -index)
        for index, mark in enumerate(marks)
        if isinstance(mark, Box | Ellipse) and bounds(mark).holds(point)
    ]
    return -min(around)[1] if around else None


def _touches(mark: Mark, point: Point, slack_px: float, measure: Measure) -> bool:
    if isinstance(mark, Crop):
        return False
    around = bounds(mark, measure)
    if isinstance(mark, Hide | Highlight | Text | Pointer | Step):
        return around.grown(slack_px / 2).holds(point)
    reach = slack_px + mark.width_px / 2
    if not around.grown(reach).holds(point):
        return False
    if isinstance(mark, Line | Arrow):
        return _distance(point, mark.start, mark.end) <= reach
    if isinstance(mark, Pen):
        pairs = zip(mark.points, mark.points[1:] or mark.points)
        return any(_distance(point, one, other) <= reach for one, other in pairs)
    if isinstance(mark, Box):
        inner = around.grown(-reach)
        return not (inner.width > 0 and inner.height > 0 and inner.holds(point))
    return _near_ellipse(around, point, reach)


def _near_ellipse(around: Rect, point: Point, reach: float) -> bool:
    x, y = point[0] - around.center[0], point[1] - around.center[1]
    outer_x, outer_y = around.width / 2 + reach, around.height / 2 + reach
    inner_x, inner_y = around.width / 2 - reach, around.height / 2 - reach
    if (x / outer_x) ** 2 + (y / outer_y) ** 2 > 1:
        return False
    return inner_x <= 0 or inner_y <= 0 or (x / inner_x) ** 2 + (y / inner_y) ** 2 >= 1


def _distance(point: Point, start: Point, end: Point) -> float:
    dx, dy = end[0] - start[0], end[1] - start[1]
    length_squared = dx * dx + dy * dy
    if not length_squared:
        return math.dist(point, start)
    along = ((point[0] - start[0]) * dx + (point[1] - start[1]) * dy) / length_squared
    along = min(max(along, 0.0), 1.0)
    return math.dist(point, (start[0] + along * dx, start[1] + along * dy))
