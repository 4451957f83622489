"""Choosing a part of frozen screens, in image pixels: press, drag, keys. Pure: no widgets, no logical points."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from capture.image import Monitor, Region, Screenshot, Window

Mode = Literal["hover", "drag", "grow", "adjust", "pull"]
"""``hover``: nothing chosen. ``drag``: by pointer. ``grow``: by keys from an anchor. ``adjust``: chosen, may be
pulled at edges. ``pull``: an edge, a corner or all of it is being dragged."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen: a part of one screenshot."""

    shot: Screenshot
    region: Region


class Aim:
    """Where the pointer is and what it has chosen. Places are pixels of the whole desktop until ``spot`` splits them.

    ``screen`` is the place among the shots that pointer and selection are on; ``x y`` the pixel in it.
    """

    def __init__(self, shots: tuple[Screenshot, ...], windows: tuple[Window, ...]) -> None:
        self.shots, self.windows = shots, windows
        self.screen = 0
        self.x = shots[0].width // 2
        self.y = shots[0].height // 2
        self.mode: Mode = "hover"
        self.selection: Region | None = None
        self.hovered: Window | None = None
        self._anchor = (0, 0)
        self._edges = ""
        self._pulled = Region(0, 0, 0, 0)
        self._by_keys = False
        self._visited = -1

    # --- pointer

    def move(self, px: float, py: float) -> None:
        """The pointer is here now."""
        self.screen, self.x, self.y = self.spot(px, py)
        if self.mode == "hover":
            self.hovered = self._window_at(self.x, self.y)
        elif self.mode in ("drag", "grow"):
            self._span()
        elif self.mode == "pull":
            self._pull()

    def press(self, px: float, py: float, reach_px: float) -> None:
        """The button went down. ``reach_px`` is how near an edge counts as the edge."""
        if self.mode == "adjust" and self.selection is not None:
            was = self.screen
            edges = self.edges_at(px, py, reach_px)
            if edges:
                self.screen = was
                self.mode, self._edges, self._pulled = "pull", edges, self.selection
                self._anchor = self._local(px, py)
                return
        self.mode, self.selection = "hover", None
        self.move(px, py)
        self.mode, self._anchor = "drag", (self.x, self.y)

    def release(self, px: float, py: float, least_px: float, *, keep: bool) -> Choice | None:
        """The button went up: the choice, or None when it is to be adjusted first (``keep``, or keys were used)."""
        if self.mode == "pull":
            self.move(px, py)
            self.mode = "adjust"
            return None
        if self.mode != "drag":
            return None
        self.move(px, py)
        if abs(self.x - self._anchor[0]) < least_px and abs(self.y - self._anchor[1]) < least_px:
            self.mode, self.selection = "hover", None
            self.hovered = self._window_at(self.x, self.y)
            return self.confirm()
        if keep or self._by_keys:
            self.mode = "adjust"
            return None
        return self.confirm()

    def edges_at(self, px: float, py: float, reach_px: float) -> str:
        """The edges of the selection under a point: ``"nw"``, ``"e"``, ``"all"`` inside, ``""`` outside."""
        if self.selection is None or self.mode not in ("adjust", "pull"):
            return ""
        x, y = self._local(px, py)
        chosen = self.selection
        right, bottom = chosen.x + chosen.width, chosen.y + chosen.height
        if not (chosen.x - reach_px <= x <= right + reach_px and chosen.y - reach_px <= y <= bottom + reach_px):
            return ""
        found = "n" if abs(y - chosen.y) <= reach_px else "s" if abs(y - bottom) <= reach_px else ""
        found += "w" if abs(x - chosen.x) <= reach_px else "e" if abs(x - right) <= reach_px else ""
        return found or "all"

    # --- keys

    def confirm(self) -> Choice:
        """The selection, else the window under the pointer after a click, else the whole screen."""
        shot = self.shots[self.screen]
        if self.selection is not None:
            return Choice(self._titled(shot), self.selection)
        if self.hovered is not None:
            region = self._on_screen(self.hovered)
            return Choice(replace(shot, window_title=self.hovered.title), region)
        return self.whole_screen()

    def whole_screen(self) -> Choice:
        shot = self.shots[self.screen]
        return Choice(shot, Region(0, 0, shot.width, shot.height))

    def step(self, dx: int, dy: int) -> None:
        """Arrows: the pointer, or while something is chosen its last corner."""
        if self.mode == "adjust" and self.selection is not None:
            chosen, shot = self.selection, self.shots[self.screen]
            width = min(max(chosen.width + dx, 1), shot.width - chosen.x)
            height = min(max(chosen.height + dy, 1), shot.height - chosen.y)
            self._choose(replace(chosen, width=width, height=height))
            return
        self._by_keys = self._by_keys or self.mode == "drag"
        shot = self.shots[self.screen]
        self.x = min(max(self.x + dx, 0), shot.width - 1)
        self.y = min(max(self.y + dy, 0), shot.height - 1)
        if self.mode == "hover":
            self.hovered = self._window_at(self.x, self.y)
        elif self.mode in ("drag", "grow"):
            self._span()

    def shift(self, dx: int, dy: int) -> None:
        """Moves the selection as it is."""
        if self.selection is not None and self.mode == "adjust":
            self._choose(_shifted(self.selection, dx, dy, self.shots[self.screen]))

    def mark(self) -> None:
        """Space: the first corner is here; once more: that was the last corner."""
        if self.mode == "hover":
            self.mode, self._anchor, self._by_keys = "grow", (self.x, self.y), True
            self._span()
        elif self.mode == "grow":
            self.mode = "adjust"

    def next_window(self, direction: int) -> None:
        """Chooses one window after the other, topmost first."""
        visible = [window for window in self.windows if self._home(window) is not None]
        if not visible or self.mode not in ("hover", "adjust"):
            return
        self._visited = (self._visited + direction) % len(visible) if self._visited >= 0 else 0
        window = visible[self._visited]
        self.screen = self._home(window) or 0
        self.hovered, self.mode = window, "adjust"
        self._choose(self._on_screen(window))

    # --- places

    def spot(self, px: float, py: float) -> tuple[int, int, int]:
        """The screen and the pixel in it; while something is being chosen, only its own screen."""
        index = self.screen
        if self.mode == "hover" or (self.mode == "adjust" and self.selection is None):
            index = min(range(len(self.shots)), key=lambda i: _distance(self.shots[i].monitor, px, py))
        shot = self.shots[index]
        x = min(max(int(px - shot.monitor.x_px), 0), shot.width - 1)
        y = min(max(int(py - shot.monitor.y_px), 0), shot.height - 1)
        return index, x, y

    def hovered_region(self) -> Region | None:
        """Where the window under the pointer lies in its screen, while nothing is chosen."""
        return self._on_screen(self.hovered) if self.mode == "hover" and self.hovered is not None else None

    # --- within

    def _local(self, px: float, py: float) -> tuple[int, int]:
        monitor = self.shots[self.screen].monitor
        return int(px - monitor.x_px), int(py - monitor.y_px)

    def _choose(self, region: Region) -> None:
        self.selection = region
        self.x, self.y = region.x + region.width - 1, region.y + region.height - 1

    def _span(self) -> None:
        """From the anchor's pixel to the pointer's, both included: the last row and column can be reached."""
        x, y = min(self._anchor[0], self.x), min(self._anchor[1], self.y)
        self.selection = Region(x, y, abs(self._anchor[0] - self.x) + 1, abs(self._anchor[1] - self.y) + 1)

    def _pull(self) -> None:
        dx, dy = self.x - self._anchor[0], self.y - self._anchor[1]
        was, shot = self._pulled, self.shots[self.screen]
        if self._edges == "all":
            self.selection = _shifted(was, dx, dy, shot)
            return
        left = was.x + (dx if "w" in self._edges else 0)
        right = was.x + was.width + (dx if "e" in self._edges else 0)
        top = was.y + (dy if "n" in self._edges else 0)
        bottom = was.y + was.height + (dy if "s" in self._edges else 0)
        x, y = min(left, right), min(top, bottom)
        pulled = Region(x, y, max(abs(right - left), 1), max(abs(bottom - top), 1))
        self.selection = pulled.clipped(shot.width, shot.height)

    def _window_at(self, x: int, y: int) -> Window | None:
        monitor = self.shots[self.screen].monitor
        px, py = x + monitor.x_px, y + monitor.y_px
        for window in self.windows:
            if window.x <= px < window.x + window.width and window.y <= py < window.y + window.height:
                return window
        return None

    def _on_screen(self, window: Window) -> Region:
        shot = self.shots[self.screen]
        place = Region(window.x - shot.monitor.x_px, window.y - shot.monitor.y_px, window.width, window.height)
        return place.clipped(shot.width, shot.height)

    def _home(self, window: Window) -> int | None:
        """The screen that shows most of a window."""
        shares = []
        for index, shot in enumerate(self.shots):
            monitor = shot.monitor
            place = Region(window.x - monitor.x_px, window.y - monitor.y_px, window.width, window.height)
            seen = place.clipped(shot.width, shot.height)
            shares.append((seen.width * seen.height, -index))
        best = max(shares)
        return -best[1] if best[0] else None

    def _titled(self, shot: Screenshot) -> Screenshot:
        is_window = self.hovered is not None and self.selection == self._on_screen(self.hovered)
        return replace(shot, window_title=self.hovered.title) if is_window and self.hovered else shot


def _shifted(region: Region, dx: int, dy: int, shot: Screenshot) -> Region:
    x = min(max(region.x + dx, 0), shot.width - region.width)
    y = min(max(region.y + dy, 0), shot.height - region.height)
    return replace(region, x=x, y=y)


def _distance(monitor: Monitor, px: float, py: float) -> float:
    """0 inside of the monitor, else how far away the point is."""
    dx = max(monitor.x_px - px, 0, px - (monitor.x_px + monitor.width_px - 1))
    dy = max(monitor.y_px - py, 0, py - (monitor.y_px + monitor.height_px - 1))
    return dx * dx + dy * dy
