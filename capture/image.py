"""The nouns of the screen: monitors, regions, screenshots. No file formats, no Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # numpy is heavy; a crop is a slice and needs no import
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Abilities:
    """What this desktop can do, so that nobody offers what will fail."""

    window: bool = False
    cursor: bool = False
    hotkeys: bool = False
    silent: bool = False
    record: bool = False


@dataclass(frozen=True, slots=True)
class Monitor:
    """One monitor in physical pixels of the virtual desktop.

    ``id`` is stable while the monitor is plugged in; ``name`` is the output's name (``DP-1``).
    """

    id: str
    name: str
    x_px: int
    y_px: int
    width_px: int
    height_px: int
    scale: float = 1.0
    primary: bool = False


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle in pixels inside one screenshot; never virtual-desktop coordinates."""

    x: int
    y: int
    width: int
    height: int

    def clipped(self, width: int, height: int) -> Region:
        """The part that lies inside a picture of this size; its sides may become 0."""
        left, top = min(max(self.x, 0), width), min(max(self.y, 0), height)
        right = min(max(self.x + self.width, left), width)
        bottom = min(max(self.y + self.height, top), height)
        return Region(left, top, right - left, bottom - top)


@dataclass(frozen=True, slots=True)
class Window:
    """A top-level window. ``x y width height`` are physical pixels of the virtual desktop, frame included."""

    id: int
    title: str
    program: str
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, eq=False)
class Cursor:
    """The mouse pointer as a layer of its own.

    ``pixels`` is uint8[h, w, 4] BGRA with straight alpha; ``x y`` is its top-left corner inside the
    screenshot (may be negative at an edge).
    """

    pixels: Pixels
    x: int
    y: int


@dataclass(frozen=True, slots=True, eq=False)
class Screenshot:
    """One monitor or a part of it, so one scale.

    ``pixels`` is uint8[h, w, 4] BGRA, row-major, possibly a view with strides; the fourth byte is not
    to be trusted. Never written to: ``hide`` gives a new one. ``window_title`` is set when the picture is
    of a window.
    """

    pixels: Pixels
    scale: float
    monitor: Monitor
    taken_at: datetime
    cursor: Cursor | None = None
    window_title: str = ""

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    def crop(self, region: Region) -> Screenshot:
        """The part inside ``region``, clipped to the picture: a view, no copy.

        Raises: ValueError when nothing is left.
        """
        part = region.clipped(self.width, self.height)
        if not part.width or not part.height:
            raise ValueError("the region lies outside the picture")
        cursor = self.cursor and replace(self.cursor, x=self.cursor.x - part.x, y=self.cursor.y - part.y)
        return replace(
            self, pixels=self.pixels[part.y : part.y + part.height, part.x : part.x + part.width], cursor=cursor
        )

    def hide(self, regions: tuple[Region, ...], bgr: tuple[int, int, int] = (0x14, 0x11, 0x10)) -> Screenshot:
        """A copy in which these regions are one opaque colour; what was there is gone for good."""
        pixels = self.pixels.copy()
        for region in regions:
            part = region.clipped(self.width, self.height)
            pixels[part.y : part.y + part.height, part.x : part.x + part.width] = (*bgr, 255)
        return replace(self, pixels=pixels)

    def with_cursor(self) -> Screenshot:
        """A copy with the pointer drawn into the pixels, and no layer left."""
        if self.cursor is None:
            return self
        pixels = self.pixels.copy()
        draw_cursor(pixels, self.cursor)
        return replace(self, pixels=pixels, cursor=None)


def draw_cursor(pixels: Pixels, layer: Cursor) -> Pixels | None:
    """Draws the pointer into ``pixels`` in place; gives a copy of what it covered, None when it lies outside.

    Undone by writing that back to the same place: ``layer``'s rectangle clipped to the picture.
    """
    import numpy as np

    height, width = layer.pixels.shape[:2]
    at = Region(layer.x, layer.y, width, height).clipped(pixels.shape[1], pixels.shape[0])
    if not at.width or not at.height:
        return None
    top, left = at.y - layer.y, at.x - layer.x
    over = layer.pixels[top : top + at.height, left : left + at.width].astype(np.uint16)
    under = pixels[at.y : at.y + at.height, at.x : at.x + at.width]
    covered = under.copy()
    alpha = over[..., 3:4]
    under[..., :3] = ((over[..., :3] * alpha + under[..., :3] * (255 - alpha) + 127) // 255).astype(np.uint8)
    return covered


@dataclass(frozen=True, slots=True)
class Recording:
    """A finished video on disk. ``dropped`` counts frames that came too late to be encoded."""

    path: Path
    seconds: float
    frames: int
    dropped: int
    size_bytes: int
    codec: str
    width: int
    height: int
