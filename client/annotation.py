"""Marks on a picture and their undo history, as values. No drawing, no Qt.

All lengths are image pixels of the untouched base picture, which is never changed. JSON of a mark is its
fields plus ``{"type": "arrow"}``; the form that the command line reads is ``{"marks": [...]}`` or a bare list.
"""

from __future__ import annotations

from typing import Any

import msgspec

Point = tuple[float, float]

RED = "#E5322D"


class _Mark(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower, forbid_unknown_fields=True):
    pass


class Pen(_Mark):
    points: tuple[Point, ...]
    color: str = RED
    width_px: float = 4


class Line(_Mark):
    start: Point
    end: Point
    color: str = RED
    width_px: float = 4


class Arrow(_Mark):
    start: Point
    end: Point
    color: str = RED
    width_px: float = 4


class Box(_Mark):
    x: float
    y: float
    width: float
    height: float
    color: str = RED
    width_px: float = 4


class Ellipse(_Mark):
    x: float
    y: float
    width: float
    height: float
    color: str = RED
    width_px: float = 4


class Text(_Mark):
    x: float
    y: float
    text: str
    color: str = RED
    size_px: float = 20


class Step(_Mark):
    """A numbered disc around ``x y``. Its number is its place among the steps, so deleting one renumbers."""

    x: float
    y: float
    color: str = RED
    size_px: float = 28


class Highlight(_Mark):
    x: float
    y: float
    width: float
    height: float
    color: str = "#FFE34D"


class Hide(_Mark):
    """Opaque, whatever lies over or under it: these pixels of the base never leave."""

    x: float
    y: float
    width: float
    height: float


class Crop(_Mark):
    """What leaves is only this part. The last one counts; the base keeps all."""

    x: float
    y: float
    width: float
    height: float


class Pointer(_Mark):
    """The mouse pointer as a layer: ``png`` is a small base64 PNG with alpha."""

    x: float
    y: float
    png: str


Mark = Pen | Line | Arrow | Box | Ellipse | Text | Step | Highlight | Hide | Crop | Pointer


class Edit(msgspec.Struct, frozen=True):
    """One undoable step: the marks before and after it."""

    before: tuple[Mark, ...]
    after: tuple[Mark, ...]
