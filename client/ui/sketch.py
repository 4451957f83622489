"""What is being done to the marks: a press, a drag, a key, as values. Knows tools and selection, no widgets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from client.annotation import Crop, History, Mark, Marks, Point, Step
from client.ui import tools
from client.ui.geometry import Handle, Measure, Rect, bounds, guess_size, handles, mark_at, moved, resized
from client.ui.tools import Style, Tool

Doing = Literal["", "draw", "move", "resize"]


class Sketch:
    """The marks with one edit in progress. ``on_edit`` is called after every finished edit.

    ``selected`` is a place among the marks. Until ``release`` an edit is only seen; ``cancel`` drops it.
    """

    def __init__(
        self,
        history: History,
        scale: float,
        on_edit: Callable[[], None],
        measure: Measure = guess_size,
    ) -> None:
        self.history = history
        self.scale = scale
        self.tool: Tool = "select"
        self.style = Style()
        self.selected: int | None = None
        self.doing: Doing = ""
        self._on_edit = on_edit
        self._measure = measure
        self._draft: Mark | None = None
        self._origin: Mark | None = None
        self._start: Point = (0, 0)
        self._handle: Handle = "se"
        self._nudging = False

    # --- what is seen

    def marks(self) -> Marks:
        """The marks as they are seen now, the edit in progress among them."""
        if self._draft is None:
            return self.history.marks
        if self.doing == "draw":
            return _added(self.history.marks, self._draft)
        return _put(self.history.marks, self.selected, self._draft)

    def selected_mark(self) -> Mark | None:
        """The mark that is selected, as it is seen now."""
        if self.selected is None:
            return None
        return self._draft if self.doing in ("move", "resize") and self._draft else self._at(self.selected)

    def handle_at(self, point: Point, reach_px: float) -> Handle | None:
        """The handle of the selected mark under a point."""
        mark = self.selected_mark()
        if mark is None:
            return None
        near = (
            (max(abs(place[0] - point[0]), abs(place[1] - point[1])), name)
            for name, place in handles(mark, self._measure).items()
        )
        best = min(near, default=None)
        return best[1] if best and best[0] <= reach_px else None

    def mark_at(self, point: Point, slack_px: float) -> int | None:
        return mark_at(self.history.marks, point, slack_px, self._measure)

    # --- pointing

    def press(self, point: Point, slack_px: float) -> None:
        """The pointer went down: on a handle, on a mark to move, or to draw."""
        self._start = point
        handle = self.handle_at(point, slack_px * 2)
        mark = self.selected_mark()
        if handle is not None and mark is not None and self.tool != "pen":
            self.doing, self._handle, self._origin = "resize", handle, mark
        elif self.tool == "select" or self._is_inside_crop(point, mark):
            if self.tool == "select":
                self.select(self.mark_at(point, slack_px))
            mark = self.selected_mark()
            if mark is not None:
                self.doing, self._origin = "move", mark
        else:
            self.doing = "draw"
            self._draft = tools.begun(self.tool, point, self.style, self.scale)

    def drag(self, point: Point, *, snap: bool) -> None:
        """The pointer moved while it was down."""
        if self.doing == "draw" and self._draft is not None:
            self._draft = tools.drawn(self._draft, self._start, point, snap=snap)
        elif self.doing == "resize" and self._origin is not None:
            place = _whole(self._origin, point)
            self._draft = resized(self._origin, self._handle, place, keep=snap, measure=self._measure)
        elif self.doing == "move" and self._origin is not None:
            dx, dy = _whole(self._origin, (point[0] - self._start[0], point[1] - self._start[1]))
            if snap:
                dx, dy = (dx, 0.0) if abs(dx) > abs(dy) else (0.0, dy)
            self._draft = moved(self._origin, dx, dy)

    def release(self, point: Point, slack_px: float) -> None:
        """The pointer went up: what was done is an edit now. A click with a drawing tool selects."""
        doing, draft = self.doing, self._draft
        slip = tools.is_slip(self._start, point, slack_px)
        marks = self.marks()
        self._clear()
        if doing == "draw" and draft is not None:
            if slip and not isinstance(draft, Step) and self.tool != "pen":
                self.select(self.mark_at(point, slack_px))
            else:
                self._done(marks, marks.index(draft) if self.tool != "pen" else None)
        elif doing in ("move", "resize") and draft is not None and not (slip and doing == "move"):
            self._done(marks, self.selected)

    def cancel(self) -> bool:
        """Drops the edit in progress, else the selection, else the tool. False: there was nothing to leave."""
        if self.doing:
            self._clear()
        elif self.selected is not None and self.tool != "crop":
            self.select(None)
        elif self.tool != "select":
            self.choose_tool("select")
        else:
            return False
        return True

    # --- by key and button

    def choose_tool(self, tool: Tool) -> None:
        self._clear()
        self.tool = tool
        self.select(None)
        if tool == "crop":
            self.select(next((i for i, mark in enumerate(self.history.marks) if isinstance(mark, Crop)), None))

    def select(self, index: int | None) -> None:
        self.selected = index if index is None or 0 <= index < len(self.history.marks) else None
        self._nudging = False

    def select_next(self, direction: int) -> None:
        """The next or the previous mark, around the end; a crop is only selected by its tool."""
        places = [i for i, mark in enumerate(self.history.marks) if not isinstance(mark, Crop)]
        if not places:
            return
        if self.selected not in places:
            self.select(places[0] if direction > 0 else places[-1])
        else:
            self.select(places[(places.index(self.selected) + direction) % len(places)])

    def place(self, around: Rect) -> None:
        """A mark of the usual size in the middle of ``around``, selected."""
        mark = tools.centered(self.tool, around, self.style, self.scale)
        marks = _added(self.history.marks, mark)
        self._done(marks, marks.index(mark))

    def add(self, mark: Mark) -> None:
        """A finished mark on top of the others, selected."""
        self._done((*self.history.marks, mark), len(self.history.marks))

    def put(self, index: int, mark: Mark | None) -> None:
        """Another mark in this place; None takes it away."""
        marks = self.history.marks
        if mark is None:
            self._done((*marks[:index], *marks[index + 1 :]), None)
        else:
            self._done(_put(marks, index, mark), index)

    def nudge(self, dx: float, dy: float) -> None:
        """Moves the selected mark; many nudges in a row are one edit to undo."""
        mark = self.selected_mark()
        if mark is not None and not self.doing:
            self._nudged(moved(mark, dx, dy))

    def stretch(self, dx: float, dy: float) -> None:
        """Makes the selected mark larger or smaller by its last handle."""
        mark = self.selected_mark()
        if mark is None or self.doing:
            return
        places = handles(mark, self._measure)
        name: Handle = "end" if "end" in places else "se"
        if name in places:
            x, y = places[name]
            around = bounds(mark, self._measure)
            if name == "se":
                x, y = max(x + dx, around.x + 1), max(y + dy, around.y + 1)
            else:
                x, y = x + dx, y + dy
            self._nudged(resized(mark, name, (x, y), measure=self._measure))

    def delete(self) -> None:
        if self.selected is not None and not self.doing:
            self.put(self.selected, None)

    def duplicate(self) -> None:
        mark = self.selected_mark()
        if mark is not None and not self.doing and not isinstance(mark, Crop):
            self.add(moved(mark, 16 * self.scale, 16 * self.scale))

    def lift(self, steps: int) -> None:
        """Brings the selected mark this many places to the front, or with a negative number to the back."""
        mark, marks = self.selected_mark(), self.history.marks
        if mark is None or self.selected is None or self.doing:
            return
        rest = (*marks[: self.selected], *marks[self.selected + 1 :])
        to = min(max(self.selected + steps, 0), len(rest))
        self._done((*rest[:to], mark, *rest[to:]), to)

    def recolor(self, color: str) -> None:
        """This colour for the selected mark and for the next ones."""
        mark = self.selected_mark()
        lit = color in tools.HIGHLIGHTS
        self.style = replace(self.style, highlight=color) if lit else replace(self.style, color=color)
        if mark is not None and self.selected is not None:
            self.put(self.selected, tools.recolored(mark, color))

    def reweigh(self, weight: int) -> None:
        """This weight for the selected mark and for the next ones."""
        mark = self.selected_mark()
        self.style = replace(self.style, weight=weight)
        if mark is not None and self.selected is not None:
            self.put(self.selected, tools.reweighted(mark, weight, self.scale))

    def step_back(self) -> None:
        self._travel(self.history.undo())

    def step_forth(self) -> None:
        self._travel(self.history.redo())

    # --- within

    def _travel(self, history: History) -> None:
        self._clear()
        if history is self.history:
            return
        self.history = history
        self.select(None)
        if self.tool == "crop":
            self.choose_tool("crop")
        self._on_edit()

    def _nudged(self, mark: Mark) -> None:
        selected = self.selected
        if self._nudging:
            self.history = self.history.undo()
        self._done(_put(self.history.marks, selected, mark), selected)
        self._nudging = True

    def _done(self, marks: Marks, selected: int | None) -> None:
        history = self.history.done(marks)
        changed, self.history = history is not self.history, history
        self.select(selected)
        if changed:
            self._on_edit()

    def _clear(self) -> None:
        self.doing, self._draft, self._origin = "", None, None

    def _at(self, index: int) -> Mark | None:
        return self.history.marks[index] if index < len(self.history.marks) else None

    def _is_inside_crop(self, point: Point, mark: Mark | None) -> bool:
        return self.tool == "crop" and isinstance(mark, Crop) and bounds(mark).holds(point)


def _put(marks: Marks, index: int | None, mark: Mark) -> Marks:
    return marks if index is None else (*marks[:index], mark, *marks[index + 1 :])


def _added(marks: Marks, mark: Mark) -> Marks:
    """With this mark on top; a picture has one crop at most."""
    kept = tuple(each for each in marks if not isinstance(each, Crop)) if isinstance(mark, Crop) else marks
    return (*kept, mark)


def _whole(mark: Mark, point: Point) -> Point:
    """Marks that are about pixels keep to whole ones."""
    if tools.is_about_pixels(mark):
        return (round(point[0]), round(point[1]))
    return point
