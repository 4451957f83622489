"""Marks on a picture and their undo history, as values. No drawing, no Qt.

All lengths are image pixels of the untouched base picture, which is never changed. JSON of a mark is its
fields plus ``{"type": "arrow"}``; the form that the command line reads is ``{"marks": [...]}`` or a bare list.
Moving, resizing and hitting them is in ``client.ui.geometry``, which knows how large words are.
"""

from __future__ import annotations

import math
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from capture.image import Region

# A screen has at most some ten thousand pixels across; beyond this, drawing libraries start to overflow.
Place = Annotated[float, Meta(ge=-200_000, le=200_000)]
Length = Annotated[float, Meta(ge=0, le=200_000)]
Extent = Annotated[float, Meta(gt=0, le=200_000)]
Stroke = Annotated[float, Meta(gt=0, le=500)]
Size = Annotated[float, Meta(ge=1, le=2_000)]
Color = Annotated[str, Meta(pattern="^#[0-9A-Fa-f]{6}$")]
Point = tuple[Place, Place]

RED = "#E5322D"
HIDDEN = "#101114"
"""What ``Hide`` leaves, the colour that ``Screenshot.hide`` uses."""

_Kind = TypeVar("_Kind")

MOST_MARKS = 5_000
MOST_POINTS = 50_000
MOST_BYTES = 32_000_000


class _Mark(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower, forbid_unknown_fields=True):
    pass


class Pen(_Mark, frozen=True):
    points: Annotated[tuple[Point, ...], Meta(min_length=1, max_length=MOST_POINTS)]
    color: Color = RED
    width_px: Stroke = 4


class Line(_Mark, frozen=True):
    start: Point
    end: Point
    color: Color = RED
    width_px: Stroke = 4


class Arrow(_Mark, frozen=True):
    start: Point
    end: Point
    color: Color = RED
    width_px: Stroke = 4


class Box(_Mark, frozen=True):
    x: Place
    y: Place
    width: Length
    height: Length
    color: Color = RED
    width_px: Stroke = 4


class Ellipse(_Mark, frozen=True):
    x: Place
    y: Place
    width: Length
    height: Length
    color: Color = RED
    width_px: Stroke = 4


class Text(_Mark, frozen=True):
    """Lines of words; ``x y`` is the top-left corner of the first."""

    x: Place
    y: Place
    text: Annotated[str, Meta(max_length=5_000)]
    color: Color = RED
    size_px: Size = 20


class Step(_Mark, frozen=True):
    """A numbered disc around ``x y``. Its number is its place among the steps, so deleting one renumbers."""

    x: Place
    y: Place
    color: Color = RED
    size_px: Size = 28


class Highlight(_Mark, frozen=True):
    x: Place
    y: Place
    width: Length
    height: Length
    color: Color = "#FFE34D"


class Hide(_Mark, frozen=True):
    """Opaque, whatever lies over or under it: these pixels of the base never leave."""

    x: Place
    y: Place
    width: Extent
    height: Extent


class Crop(_Mark, frozen=True):
    """What leaves is only this part. The last one counts; the base keeps all."""

    x: Place
    y: Place
    width: Extent
    height: Extent


class Pointer(_Mark, frozen=True):
    """The mouse pointer as a layer: ``png`` is a small base64 PNG with alpha."""

    x: Place
    y: Place
    png: Annotated[str, Meta(max_length=1_000_000)]


Mark = Pen | Line | Arrow | Box | Ellipse | Text | Step | Highlight | Hide | Crop | Pointer
Marks = tuple[Mark, ...]


class Edit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One undoable step: from place ``at`` on, these marks gave way to those. Small, however many marks there are."""

    at: Annotated[int, Meta(ge=0, le=MOST_MARKS)]
    removed: Marks
    added: Marks


class History(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The marks as they are, and the way there and back. Every change gives a new history; nothing is ever lost."""

    marks: Marks = ()
    past: tuple[Edit, ...] = ()
    future: tuple[Edit, ...] = ()

    @property
    def can_undo(self) -> bool:
        return bool(self.past)

    @property
    def can_redo(self) -> bool:
        return bool(self.future)

    def done(self, marks: Marks) -> History:
        """The history after an edit that led to ``marks``; the same one when nothing changed."""
        if marks == self.marks:
            return self
        return History(marks, (*self.past, _edit(self.marks, marks)))

    def undo(self) -> History:
        """One step back; the same one at the beginning."""
        if not self.past:
            return self
        last = self.past[-1]
        marks = _replaced(self.marks, last.at, last.added, last.removed)
        return History(marks, self.past[:-1], (*self.future, last))

    def redo(self) -> History:
        """One step forth again; the same one at the end."""
        if not self.future:
            return self
        following = self.future[-1]
        marks = _replaced(self.marks, following.at, following.removed, following.added)
        return History(marks, (*self.past, following), self.future[:-1])

    def to_json(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, content: bytes) -> History:
        """Reads what ``to_json`` wrote.

        Raises: ValueError, with the place of the fault, for anything else, such as steps that do not fit the marks.
        """
        found = _decode(content, cls)
        _check(found.marks)
        back = found
        while back.past:
            back = back.undo()
        forth = found
        while forth.future:
            forth = forth.redo()
        return found


def _edit(before: Marks, after: Marks) -> Edit:
    """The smallest single replacement between the two: what they share at both ends stays out of it."""
    shortest = min(len(before), len(after))
    head = 0
    while head < shortest and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < shortest - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    return Edit(head, before[head : len(before) - tail], after[head : len(after) - tail])


def _replaced(marks: Marks, at: int, old: Marks, new: Marks) -> Marks:
    if marks[at : at + len(old)] != old:
        raise ValueError("the history does not fit its marks")
    return (*marks[:at], *new, *marks[at + len(old) :])


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    marks: Marks


def read_marks(content: bytes) -> Marks:
    """The marks in a JSON document: ``{"marks": [...]}`` or a bare list.

    Raises: ValueError, with the place of the fault (``$.marks[2].x``), for anything else, and for pictures of
    more than 5 000 marks, 50 000 points a stroke, or places no screen has.
    """
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"[":
        marks = _decode(content, tuple[Mark, ...])
    else:
        marks = _decode(content, _File).marks
    _check(marks)
    return marks


def write_marks(marks: Marks) -> bytes:
    """``{"marks": [...]}``, as ``read_marks`` reads it."""
    return msgspec.json.encode(_File(marks))


def _decode(content: bytes, kind: type[_Kind]) -> _Kind:
    if len(content) > MOST_BYTES:
        raise ValueError(f"marks are at most {MOST_BYTES // 1_000_000} MB")
    try:
        return msgspec.json.decode(content.removeprefix(b"\xef\xbb\xbf"), type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from None


def _check(marks: Marks) -> None:
    if len(marks) > MOST_MARKS:
        raise ValueError(f"$.marks: at most {MOST_MARKS} marks, not {len(marks)}")


# --- what marks mean for the picture


def hidden_regions(marks: Marks) -> tuple[Region, ...]:
    """The pixels that ``Hide`` marks destroy: every one they touch, however little."""
    return tuple(_touched(mark) for mark in marks if isinstance(mark, Hide))


def crop_region(marks: Marks) -> Region | None:
    """The part that leaves, by the last ``Crop``; None: all of the picture."""
    last = next((mark for mark in reversed(marks) if isinstance(mark, Crop)), None)
    if last is None:
        return None
    left, top = round(last.x), round(last.y)
    return Region(left, top, max(1, round(last.x + last.width) - left), max(1, round(last.y + last.height) - top))


def _touched(mark: Hide) -> Region:
    left, top = math.floor(mark.x), math.floor(mark.y)
    return Region(left, top, math.ceil(mark.x + mark.width) - left, math.ceil(mark.y + mark.height) - top)


def step_number(marks: Marks, index: int) -> int:
    """The number shown by the step at ``index``: its place among the steps, from 1."""
    return sum(isinstance(mark, Step) for mark in marks[: index + 1])
