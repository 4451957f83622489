"""The screen of macOS: mss for the pixels, CoreGraphics for windows, Carbon for global keys.

Without the Screen Recording permission macOS shows the wallpaper and no error: so it is asked before each capture.
"""

from __future__ import annotations

import ctypes
import logging
import plistlib
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from capture.errors import CaptureError, NoDisplay
from capture.image import Abilities, Monitor, Region, Screenshot, Window
from capture.keys import parse
from capture.macos_keys import KeyListener, framework

log = logging.getLogger(__name__)

_ON_SCREEN_ONLY, _WITHOUT_DESKTOP = 1, 16
_BINARY_PLIST = 200


@dataclass(frozen=True, slots=True)
class RawDisplay:
    """A display as CoreGraphics tells it: its place in points, its true size in pixels."""

    id: int
    x: float
    y: float
    width: float
    height: float
    width_px: int
    height_px: int
    main: bool


def monitors_of(raw: Iterable[RawDisplay]) -> tuple[Monitor, ...]:
    """Main display first, each with its own scale; mirrors are one. Places are points times that scale."""
    found: list[Monitor] = []
    for one in sorted(raw, key=lambda display: (not display.main, display.x, display.y)):
        scale = one.width_px / one.width if one.width else 1.0
        monitor = Monitor(
            str(one.id),
            f"Display {one.id}",
            round(one.x * scale),
            round(one.y * scale),
            one.width_px,
            one.height_px,
            round(scale, 4),
            one.main,
        )
        if not any((m.x_px, m.y_px, m.width_px) == (monitor.x_px, monitor.y_px, monitor.width_px) for m in found):
            found.append(monitor)
    return tuple(found)


def windows_of(told: Iterable[Mapping[str, Any]], monitors: tuple[Monitor, ...]) -> tuple[Window, ...]:
    """The windows of a person, topmost first, from what ``CGWindowListCopyWindowInfo`` tells (in points).

    Titles are empty without the Screen Recording permission.
    """
    found = []
    for one in told:
        bounds = one.get("kCGWindowBounds", {})
        width, height = float(bounds.get("Width", 0)), float(bounds.get("Height", 0))
        ordinary = one.get("kCGWindowLayer") == 0 and float(one.get("kCGWindowAlpha", 1)) > 0
        if not ordinary or not one.get("kCGWindowIsOnscreen", True) or width < 2 or height < 2:
            continue
        x, y = float(bounds["X"]), float(bounds["Y"])
        home = _monitor_at(x + width / 2, y + height / 2, monitors)
        scale = home.scale if home else 1.0
        found.append(
            Window(
                int(one["kCGWindowNumber"]),
                str(one.get("kCGWindowName", "")),
                str(one.get("kCGWindowOwnerName", "")),
                round(x * scale),
                round(y * scale),
                round(width * scale),
                round(height * scale),
            )
        )
    return tuple(found)


def _monitor_at(x: float, y: float, monitors: tuple[Monitor, ...]) -> Monitor | None:
    for monitor in monitors:
        left, top = monitor.x_px / monitor.scale, monitor.y_px / monitor.scale
        inside = left <= x < left + monitor.width_px / monitor.scale
        if inside and top <= y < top + monitor.height_px / monitor.scale:
            return monitor
    return monitors[0] if monitors else None


class _Rect(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_double) for name in ("x", "y", "width", "height"))


class MacDesktop:
    """The desktop of the logged-in user. Every call may come from any thread.

    Global keys are heard while the main thread runs an event loop (Qt's does).
    """

    name = "macos"
    abilities = Abilities(window=True, cursor=False, hotkeys=True, silent=True, record=True)

    def __init__(self) -> None:
        pointer, number = ctypes.c_void_p, ctypes.c_uint32
        self._graphics = framework(
            "CoreGraphics",
            {
                "CGGetActiveDisplayList": (ctypes.c_int32, [number, ctypes.POINTER(number), ctypes.POINTER(number)]),
                "CGDisplayBounds": (_Rect, [number]),
                "CGMainDisplayID": (number, []),
                "CGDisplayCopyDisplayMode": (pointer, [number]),
                "CGDisplayModeGetPixelWidth": (ctypes.c_size_t, [pointer]),
                "CGDisplayModeGetPixelHeight": (ctypes.c_size_t, [pointer]),
                "CGDisplayModeRelease": (None, [pointer]),
                "CGWindowListCopyWindowInfo": (pointer, [number, number]),
                "CGPreflightScreenCaptureAccess": (ctypes.c_bool, []),
                "CGRequestScreenCaptureAccess": (ctypes.c_bool, []),
            },
        )
        self._foundation = framework(
            "CoreFoundation",
            {
                "CFPropertyListCreateData": (pointer, [pointer, pointer, ctypes.c_long, ctypes.c_ulong, pointer]),
                "CFDataGetBytePtr": (pointer, [pointer]),
                "CFDataGetLength": (ctypes.c_long, [pointer]),
                "CFRelease": (None, [pointer]),
            },
        )
        self._lock = threading.RLock()
        self._screen: Any = None
        self._asked = False
        self._stops: list[Callable[[], None]] = []

    def monitors(self) -> tuple[Monitor, ...]:
        return monitors_of(self._displays())

    def _displays(self) -> list[RawDisplay]:
        ids, count = (ctypes.c_uint32 * 32)(), ctypes.c_uint32()
        self._graphics.CGGetActiveDisplayList(32, ids, ctypes.byref(count))
        main = self._graphics.CGMainDisplayID()
        found = []
        for id_ in ids[: count.value]:
            box = self._graphics.CGDisplayBounds(id_)
            width_px, height_px = round(box.width), round(box.height)
            mode = self._graphics.CGDisplayCopyDisplayMode(id_)
            if mode:
                wide = int(self._graphics.CGDisplayModeGetPixelWidth(mode))
                tall = int(self._graphics.CGDisplayModeGetPixelHeight(mode))
                # The mode does not know that a display is turned.
                turned = (wide > tall) != (width_px > height_px)
                width_px, height_px = (tall, wide) if turned else (wide, tall)
                self._graphics.CGDisplayModeRelease(mode)
            found.append(RawDisplay(id_, box.x, box.y, box.width, box.height, width_px, height_px, id_ == main))
        return found

    def _check_permission(self) -> None:
        if self._graphics.CGPreflightScreenCaptureAccess():
            return
        if not self._asked:
            self._asked = True
            self._graphics.CGRequestScreenCaptureAccess()
        raise NoDisplay(
            "macOS does not let Testigo see the screen",
            "open System Settings, Privacy & Security, Screen Recording, allow Testigo, and start Testigo anew",
        )

    def screenshots(self) -> tuple[Screenshot, ...]:
        with self._lock:
            self._check_permission()
            return tuple(self._shot(monitor) for monitor in self.monitors())

    def frame(self, monitor: Monitor, region: Region | None = None) -> Screenshot:
        with self._lock:
            self._check_permission()
            if monitor not in self.monitors():
                raise CaptureError("the monitor is no longer there, or has changed its size")
            shot = self._shot(monitor)
        return shot.crop(region) if region else shot

    def changes(self) -> Callable[[], bool] | None:
        return None

    def _shot(self, monitor: Monitor) -> Screenshot:
        import mss.darwin
        import numpy as np

        mss.darwin.IMAGE_OPTIONS = 0  # else a Retina display comes at half its resolution
        display = next(one for one in self._displays() if str(one.id) == monitor.id)
        where = {"left": round(display.x), "top": round(display.y)}
        where |= {"width": round(display.width), "height": round(display.height)}
        try:
            self._screen = self._screen or mss.MSS()
            grabbed = self._screen.grab(where)
        except (mss.ScreenShotError, AttributeError) as problem:
            log.info("CGWindowListCreateImage is not there any more: %s", problem)
            return self._shot_by_program(monitor)
        pixels = np.frombuffer(grabbed.raw, np.uint8).reshape(grabbed.height, grabbed.width, 4)
        scale = grabbed.width / display.width
        return Screenshot(pixels, round(scale, 4), monitor, datetime.now().astimezone())

    def _shot_by_program(self, monitor: Monitor) -> Screenshot:
        """By ``screencapture``, which every macOS has: slow, for the systems whose old interface is gone."""
        from capture.png import read

        number = [one.id for one in self.monitors()].index(monitor.id) + 1
        with tempfile.TemporaryDirectory(prefix="testigo-") as folder:
            file = Path(folder) / "screen.png"
            command = ["/usr/sbin/screencapture", "-x", "-t", "png", "-D", str(number), str(file)]
            with suppress(OSError, subprocess.TimeoutExpired):
                subprocess.run(command, check=False, timeout=15, capture_output=True)
            if not file.exists():
                raise CaptureError(
                    "macOS gave no picture of the screen",
                    "open System Settings, Privacy & Security, Screen Recording, allow Testigo, and start Testigo anew",
                )
            return replace(read(file), monitor=monitor, scale=monitor.scale, taken_at=datetime.now().astimezone())

    def windows(self) -> tuple[Window, ...]:
        return windows_of(self._told(), self.monitors())

    def active_window(self) -> Window | None:
        return next(iter(self.windows()), None)

    def _told(self) -> list[dict[str, Any]]:
        """The window list as a property list, which spares reading CoreFoundation's types one by one."""
        array = self._graphics.CGWindowListCopyWindowInfo(_ON_SCREEN_ONLY | _WITHOUT_DESKTOP, 0)
        if not array:
            return []
        written = self._foundation.CFPropertyListCreateData(None, array, _BINARY_PLIST, 0, None)
        self._foundation.CFRelease(array)
        if not written:
            return []
        start, length = self._foundation.CFDataGetBytePtr(written), self._foundation.CFDataGetLength(written)
        content = ctypes.string_at(start, length)
        self._foundation.CFRelease(written)
        found: list[dict[str, Any]] = plistlib.loads(content)
        return found

    def listen(
        self, keys: Mapping[str, str], on_press: Callable[[str], None]
    ) -> tuple[Callable[[], None], Mapping[str, str]]:
        listener = KeyListener({action: parse(text) for action, text in keys.items()}, on_press)
        self._stops.append(listener.stop)
        return listener.stop, {action: keys[action] for action in listener.taken}

    def close(self) -> None:
        for stop in self._stops:
            stop()
        with self._lock:
            if self._screen is not None:
                self._screen.close()
                self._screen = None
