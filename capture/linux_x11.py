"""The screen of an X11 session: mss for the pixels, the server's own words for everything else."""

from __future__ import annotations

import logging
import re
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from capture.errors import CaptureError
from capture.image import Abilities, Cursor, Monitor, Region, Screenshot, Window
from capture.x11_damage import Damage
from capture.x11_keys import KeyListener
from capture.x11_windows import active_window, visible_windows
from capture.x11_wire import ServerGone, Wire, XError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

_RANDR_VERSION, _RANDR_MONITORS = 0, 42
_XFIXES_VERSION, _XFIXES_CURSOR_IMAGE = 0, 4
_GET_GEOMETRY, _GET_ATOM_NAME = 14, 17


class X11Desktop:
    """One X server. Every call may come from any thread.

    Raises: NoDisplay when there is no server, or it refuses us.
    """

    name = "x11"

    def __init__(self, display: str | None = None) -> None:
        self._wire = Wire(display)
        self._lock = threading.RLock()
        self._screen: Any = None
        self._monitors: tuple[Monitor, ...] = ()
        self._pointer_seen: tuple[int, Cursor] | None = None
        self._listeners: list[KeyListener] = []
        self._has_randr = self._open_randr()
        self._layout = b""
        self.abilities = Abilities(window=True, cursor=self._open_xfixes(), hotkeys=True, silent=True, record=True)

    def _open_randr(self) -> bool:
        """Whether the server can name its monitors (RANDR 1.5 of 2015)."""
        if self._wire.extension("RANDR") is None:
            return False
        version = self._wire.ask(_RANDR_VERSION, struct.pack("<II", 1, 5), extension="RANDR")
        return struct.unpack_from("<II", version, 8) >= (1, 5)

    def _open_xfixes(self) -> bool:
        if self._wire.extension("XFIXES") is None:
            return False
        self._wire.ask(_XFIXES_VERSION, struct.pack("<II", 4, 0), extension="XFIXES")
        return True

    def monitors(self) -> tuple[Monitor, ...]:
        """All monitors, primary first, asked anew at each call (0.2 ms)."""
        with self._lock:
            resources = self._wire.property(self._wire.root, "RESOURCE_MANAGER").decode("latin-1")
            self._monitors = ()
            self._follow_layout(scale_of(resources))
            return self._monitors

    def _follow_layout(self, scale: float | None = None) -> None:
        """Sees monitors that came, went or changed, by one question of 0.05 ms.

        Events are not enough: monitors that were set by a program (xrandr --setmonitor) are told by none.
        """
        if self._has_randr:
            layout = self._wire.ask(_RANDR_MONITORS, struct.pack("<IB3x", self._wire.root, 1), extension="RANDR")[12:]
        else:
            layout = self._wire.ask(_GET_GEOMETRY, struct.pack("<I", self._wire.root))[16:20]
        changed = layout != self._layout
        if not changed and self._monitors:
            return
        if changed and self._screen is not None:
            # mss sizes its shared memory once, by the screen as it was.
            self._screen.close()
            self._screen = None
        if scale is None:
            scale = self._monitors[0].scale if self._monitors else 1.0
        self._layout, self._monitors = layout, self._read_layout(layout, scale)

    def _read_layout(self, layout: bytes, scale: float) -> tuple[Monitor, ...]:
        geometry = self._wire.ask(_GET_GEOMETRY, struct.pack("<I", self._wire.root))
        width, height = struct.unpack_from("<HH", geometry, 16)
        found: list[Monitor] = []
        parts: list[Region] = []
        at = 20
        for _ in range(struct.unpack_from("<I", layout)[0] if self._has_randr else 0):
            atom, primary, outputs, x, y, w, h = struct.unpack_from("<IBxHhhHH", layout, at)
            at += 24 + 4 * outputs
            part = Region(x, y, w, h).clipped(width, height)
            mirrors = part in parts
            parts.append(part)
            if part.width and part.height and not mirrors:
                name = self._atom_name(atom)
                found.append(Monitor(name, name, part.x, part.y, part.width, part.height, scale, bool(primary)))
        return in_order(found or [Monitor("screen", "screen", 0, 0, width, height, scale, primary=True)])

    def _atom_name(self, atom: int) -> str:
        reply = self._wire.ask(_GET_ATOM_NAME, struct.pack("<I", atom))
        return reply[32 : 32 + struct.unpack_from("<H", reply, 8)[0]].decode("latin-1")

    def screenshots(self) -> tuple[Screenshot, ...]:
        with self._lock:
            return tuple(self._shot(monitor, None) for monitor in self.monitors())

    def frame(self, monitor: Monitor, region: Region | None = None) -> Screenshot:
        """The monitor, or a region of it, as it looks now. Raises: CaptureError when the monitor is gone."""
        with self._lock:
            if self._monitors:
                self._follow_layout()
            else:
                self.monitors()
            if monitor not in self._monitors:
                raise CaptureError("the monitor is no longer there, or has changed its size")
            return self._shot(monitor, region)

    def _shot(self, monitor: Monitor, region: Region | None) -> Screenshot:
        import numpy as np

        whole = Region(0, 0, monitor.width_px, monitor.height_px)
        part = region.clipped(whole.width, whole.height) if region else whole
        x, y = monitor.x_px + part.x, monitor.y_px + part.y
        raw = self._grab({"left": x, "top": y, "width": part.width, "height": part.height})
        pixels = np.frombuffer(raw, np.uint8).reshape(part.height, part.width, 4)
        cursor = self._cursor(x, y, part.width, part.height)
        return Screenshot(pixels, monitor.scale, monitor, datetime.now().astimezone(), cursor)

    def _grab(self, where: dict[str, int]) -> bytearray:
        from mss import MSS, ScreenShotError

        try:
            if self._screen is None:
                self._screen = MSS(display=self._wire.display)
            raw: bytearray = self._screen.grab(where).raw
        except ScreenShotError as problem:
            with suppress(ScreenShotError):
                if self._screen is not None:
                    self._screen.close()
            self._screen = None
            self._wire.ask(_GET_GEOMETRY, struct.pack("<I", self._wire.root))  # raises when the server is gone
            raise CaptureError("the screen cannot be read: {why}", why=str(problem)) from problem
        return raw

    def _cursor(self, left: int, top: int, width: int, height: int) -> Cursor | None:
        """The pointer, when it touches this part of the screen."""
        pointer = self._pointer()
        if pointer is None:
            return None
        layer = Cursor(pointer[1].pixels, pointer[1].x - left, pointer[1].y - top)
        tall, wide = layer.pixels.shape[:2]
        return layer if -wide < layer.x < width and -tall < layer.y < height else None

    def _pointer(self) -> tuple[int, Cursor] | None:
        """The serial number of the pointer's shape, and the pointer on the virtual desktop."""
        if not self.abilities.cursor:
            return None
        try:
            reply = self._wire.ask(_XFIXES_CURSOR_IMAGE, extension="XFIXES")
        except XError:  # there is no pointer, or it has no picture
            return None
        x, y, width, height, hot_x, hot_y, serial = struct.unpack_from("<hhHHHHI", reply, 8)
        if self._pointer_seen is None or self._pointer_seen[0] != serial:
            pixels = straight(reply[32 : 32 + 4 * width * height], width, height)
        else:
            pixels = self._pointer_seen[1].pixels
        self._pointer_seen = serial, Cursor(pixels, x - hot_x, y - hot_y)
        return self._pointer_seen

    def changes(self) -> Callable[[], bool] | None:
        """A cheap question, to be asked before each frame: may anything look different than at the last time?

        Answers True once too often rather than once too seldom, pointer included. None when the server cannot
        tell. What it says under a compositor that draws past the X server is not to be believed: the
        recorder looks for itself now and then.
        """
        try:
            damage = Damage(self._wire.display)
        except (LookupError, XError) as problem:
            log.info("still screens will be compared: %s", problem)
            return None
        last: list[tuple[int, int, int] | None] = [None]

        def changed() -> bool:
            with self._lock:
                found = self._pointer()
            pointer = found and (found[0], found[1].x, found[1].y)
            moved, last[0] = pointer != last[0], pointer
            return damage.seen() or moved

        return changed

    def windows(self) -> tuple[Window, ...]:
        with self._lock:
            return visible_windows(self._wire)

    def active_window(self) -> Window | None:
        with self._lock:
            return active_window(self._wire)

    def listen(
        self, keys: Mapping[str, str], on_press: Callable[[str], None]
    ) -> tuple[Callable[[], None], Mapping[str, str]]:
        listener = KeyListener(self._wire.display, keys, on_press)
        self._listeners.append(listener)
        return listener.stop, listener.taken

    def close(self) -> None:
        for listener in self._listeners:
            listener.stop()
        with self._lock:
            if self._screen is not None:
                self._screen.close()
                self._screen = None
            self._wire.close()


def in_order(monitors: list[Monitor]) -> tuple[Monitor, ...]:
    """Primary first, the others as the system lists them; without a primary the first one is it."""
    from dataclasses import replace

    if not any(monitor.primary for monitor in monitors):
        monitors = [replace(monitors[0], primary=True), *monitors[1:]]
    return tuple(sorted(monitors, key=lambda monitor: not monitor.primary))


def scale_of(resources: str) -> float:
    """The scale that the desktop tells all programs: ``Xft.dpi`` over 96, and 1 when it does not."""
    found = re.search(r"^Xft\.dpi:\s*([0-9.]+)\s*$", resources, re.MULTILINE)
    try:
        scale = float(found[1]) / 96 if found else 1.0
    except ValueError:
        return 1.0
    return round(scale, 4) if 0.5 <= scale <= 8 else 1.0


def straight(premultiplied: bytes, width: int, height: int) -> NDArray[np.uint8]:
    """Pointer pixels with straight alpha; X delivers colours already multiplied by it."""
    import numpy as np

    pixels = np.frombuffer(premultiplied, np.uint8).reshape(height, width, 4).astype(np.uint16)
    alpha = np.maximum(pixels[..., 3:4], 1)
    pixels[..., :3] = np.minimum((pixels[..., :3] * 255 + alpha // 2) // alpha, 255)
    return pixels.astype(np.uint8)


__all__ = ["ServerGone", "X11Desktop", "in_order", "scale_of", "straight"]
