"""Where image pixels lie in a widget: zoom and place. Pure values; one image pixel never straddles by accident."""

from __future__ import annotations

from dataclasses import dataclass, replace

from client.annotation import Point
from client.ui.geometry import Rect

LEAST, MOST = 0.05, 16.0
STEPS = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 8.0, 16.0)


@dataclass(frozen=True, slots=True)
class View:
    """``zoom`` 1.0 is one image pixel on one pixel of the screen; ``x y`` is where the shown part begins.

    ``shown`` is the part of the image that is to be seen, ``ratio`` the screen's device pixel ratio.
    ``x y`` are widget points, whole pixels of the screen.
    """

    shown: Rect
    ratio: float = 1.0
    zoom: float = 1.0
    x: float = 0.0
    y: float = 0.0

    @property
    def factor(self) -> float:
        """Widget points per image pixel."""
        return self.zoom / self.ratio

    def to_image(self, x: float, y: float) -> Point:
        return ((x - self.x) / self.factor + self.shown.x, (y - self.y) / self.factor + self.shown.y)

    def to_widget(self, rect: Rect) -> Rect:
        return Rect(
            (rect.x - self.shown.x) * self.factor + self.x,
            (rect.y - self.shown.y) * self.factor + self.y,
            rect.width * self.factor,
            rect.height * self.factor,
        )

    def fitted(self, width: float, height: float, margin: float) -> View:
        """All of the shown part in the middle of a widget; smaller where it must, never larger than it is."""
        room_x, room_y = max(width - 2 * margin, 1), max(height - 2 * margin, 1)
        fit = min(room_x / self.shown.width, room_y / self.shown.height) * self.ratio
        return replace(self, zoom=max(min(1.0, fit), 0.001)).settled(width, height, margin)

    def zoomed(self, zoom: float, at_x: float, at_y: float) -> View:
        """Another zoom; the image stays where it is under this point of the widget."""
        zoom = min(max(zoom, LEAST), MOST)
        here = self.to_image(at_x, at_y)
        factor = zoom / self.ratio
        x = at_x - (here[0] - self.shown.x) * factor
        y = at_y - (here[1] - self.shown.y) * factor
        return replace(self, zoom=zoom, x=x, y=y)

    def stepped(self, direction: int) -> float:
        """The next usual zoom, larger or smaller."""
        if direction > 0:
            return next((step for step in STEPS if step > self.zoom * 1.01), MOST)
        return next((step for step in reversed(STEPS) if step < self.zoom * 0.99), LEAST)

    def panned(self, dx: float, dy: float) -> View:
        return replace(self, x=self.x + dx, y=self.y + dy)

    def settled(self, width: float, height: float, margin: float) -> View:
        """The view moved so that nothing is out of reach: small pictures in the middle, large ones at an edge."""
        return replace(
            self,
            x=self._settle(self.x, self.shown.width * self.factor, width, margin),
            y=self._settle(self.y, self.shown.height * self.factor, height, margin),
        )

    def _settle(self, start: float, length: float, room: float, margin: float) -> float:
        if length <= room - 2 * margin:
            start = (room - length) / 2
        else:
            start = min(max(start, room - margin - length), margin)
        return round(start * self.ratio) / self.ratio
