"""The screen of Windows 10 and 11: mss (GDI) for the pixels, user32 and its neighbours for everything else.

What GDI cannot see stays unseen: protected windows are black, and HDR monitors look washed out.
On 64 bit Windows there is one calling convention, so plain ``CDLL`` and ``CFUNCTYPE`` serve.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterable, Mapping
from ctypes import wintypes
from dataclasses import dataclass
from datetime import datetime
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Any

from capture.errors import CaptureError
from capture.image import Abilities, Cursor, Monitor, Region, Screenshot, Window
from capture.keys import parse
from capture.windows_keys import KeyListener

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PER_MONITOR_AWARE_V2 = -4
_PRIMARY = 1
_EXTENDED_FRAME_BOUNDS, _CLOAKED = 9, 14
_EXTENDED_STYLE, _TOOL_WINDOW = -20, 0x80
_QUERY_LIMITED_INFORMATION = 0x1000
_CURSOR_SHOWING, _DRAW_NORMAL, _ICON_WIDTH, _ICON_HEIGHT = 1, 3, 13, 14
_FURNITURE = frozenset({"Progman", "WorkerW", "Shell_TrayWnd", "Shell_SecondaryTrayWnd", "Windows.UI.Core.CoreWindow"})
"""Window classes of the desktop, the task bars, and the invisible hosts of system panels."""


@dataclass(frozen=True, slots=True)
class RawMonitor:
    """A monitor as ``GetMonitorInfoW`` and ``GetDpiForMonitor`` tell it; the rectangle is in physical pixels."""

    device: str
    left: int
    top: int
    right: int
    bottom: int
    primary: bool
    dpi: int


@dataclass(frozen=True, slots=True)
class RawWindow:
    """A top-level window as the system tells it; the rectangle is the frame that is seen, without its shadow."""

    id: int
    title: str
    class_name: str
    program_path: str
    visible: bool
    minimised: bool
    cloaked: bool
    tool: bool
    left: int
    top: int
    right: int
    bottom: int


def monitors_of(raw: Iterable[RawMonitor]) -> tuple[Monitor, ...]:
    """Primary first, the others from left to right. ``\\\\.\\DISPLAY1`` is the id and Qt's name of it."""
    found = [
        Monitor(one.device, one.device.removeprefix("\\\\.\\"), one.left, one.top, one.right - one.left,
                one.bottom - one.top, round(one.dpi / 96, 4), one.primary)
        for one in raw
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda monitor: (not monitor.primary, monitor.x_px, monitor.y_px)))


def windows_of(raw: Iterable[RawWindow]) -> tuple[Window, ...]:
    """The windows that a person sees and would call so, in the order given (topmost first)."""
    return tuple(
        Window(
            one.id,
            one.title,
            PureWindowsPath(one.program_path).stem,
            one.left,
            one.top,
            one.right - one.left,
            one.bottom - one.top,
        )
        for one in raw
        if one.visible and one.title and one.right > one.left and one.bottom > one.top
        if not (one.minimised or one.cloaked or one.tool or one.class_name in _FURNITURE)
    )


def layer_of(on_black: NDArray[np.uint8], on_white: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The pointer with straight alpha, from what it looks like on black and on white ([h, w, 4] BGRA each).

    Pixels that invert what is under them (the text pointer) become black.
    """
    import numpy as np

    black, white = on_black[..., :3].astype(np.int16), on_white[..., :3].astype(np.int16)
    inverts = (black - white > 127).all(axis=2)
    alpha = np.clip(255 - (white - black).max(axis=2), 0, 255)
    colours = np.minimum(black * 255 // np.maximum(alpha, 1)[..., None], 255)
    colours[inverts] = 0
    alpha[inverts] = 255
    return np.dstack([colours, alpha]).astype(np.uint8)


class _Rect(ctypes.Structure):
    _fields_ = tuple((side, wintypes.LONG) for side in ("left", "top", "right", "bottom"))


class _MonitorInfo(ctypes.Structure):
    _fields_ = (
        ("size", wintypes.DWORD),
        ("all", _Rect),
        ("work", _Rect),
        ("flags", wintypes.DWORD),
        ("device", wintypes.WCHAR * 32),
    )


class _CursorInfo(ctypes.Structure):
    _fields_ = (
        ("size", wintypes.DWORD),
        ("flags", wintypes.DWORD),
        ("cursor", wintypes.HANDLE),
        ("x", wintypes.LONG),
        ("y", wintypes.LONG),
    )


class _IconInfo(ctypes.Structure):
    _fields_ = (
        ("is_icon", wintypes.BOOL),
        ("x_hot", wintypes.DWORD),
        ("y_hot", wintypes.DWORD),
        ("mask", wintypes.HANDLE),
        ("colour", wintypes.HANDLE),
    )


class _BitmapHeader(ctypes.Structure):
    _fields_ = (
        ("size", wintypes.DWORD),
        ("width", wintypes.LONG),
        ("height", wintypes.LONG),
        ("planes", wintypes.WORD),
        ("bits", wintypes.WORD),
        ("rest", wintypes.DWORD * 7),
    )


def _library(name: str, returns: Mapping[str, tuple[Any, list[Any]]]) -> Any:
    library = ctypes.CDLL(name)
    for function, (result, arguments) in returns.items():
        found = getattr(library, function)
        found.restype, found.argtypes = result, arguments
    return library


class WindowsDesktop:
    """The desktop of the logged-in user. Every call may come from any thread."""

    name = "windows"
    abilities = Abilities(window=True, cursor=True, hotkeys=True, silent=True, record=True)

    def __init__(self) -> None:
        handle, number, text = wintypes.HANDLE, wintypes.INT, wintypes.LPWSTR
        self._user = _library(
            "user32",
            {
                "GetForegroundWindow": (handle, []),
                "GetWindowTextW": (number, [handle, text, number]),
                "GetClassNameW": (number, [handle, text, number]),
                "IsWindowVisible": (number, [handle]),
                "IsIconic": (number, [handle]),
                "GetWindowLongW": (wintypes.LONG, [handle, number]),
                "GetWindowThreadProcessId": (wintypes.DWORD, [handle, ctypes.POINTER(wintypes.DWORD)]),
                "GetIconInfo": (number, [handle, ctypes.POINTER(_IconInfo)]),
                "DrawIconEx": (number, [handle, number, number, handle, number, number, number, handle, number]),
                "GetMonitorInfoW": (number, [handle, ctypes.POINTER(_MonitorInfo)]),
                "VkKeyScanW": (ctypes.c_short, [wintypes.WCHAR]),
                "SetProcessDpiAwarenessContext": (number, [handle]),
            },
        )
        self._gdi = _library(
            "gdi32",
            {
                "CreateCompatibleDC": (handle, [handle]),
                "CreateDIBSection": (
                    handle,
                    [handle, ctypes.c_void_p, number, ctypes.POINTER(ctypes.c_void_p), handle, wintypes.DWORD],
                ),
                "SelectObject": (handle, [handle, handle]),
                "DeleteObject": (number, [handle]),
                "DeleteDC": (number, [handle]),
            },
        )
        self._dwm = _library(
            "dwmapi", {"DwmGetWindowAttribute": (number, [handle, wintypes.DWORD, ctypes.c_void_p, wintypes.DWORD])}
        )
        self._kernel = _library(
            "kernel32",
            {
                "OpenProcess": (handle, [wintypes.DWORD, number, wintypes.DWORD]),
                "QueryFullProcessImageNameW": (
                    number,
                    [handle, wintypes.DWORD, text, ctypes.POINTER(wintypes.DWORD)],
                ),
                "CloseHandle": (number, [handle]),
            },
        )
        # Without it Windows tells and shows this process a shrunken screen. Qt may have done it before: then it fails.
        self._user.SetProcessDpiAwarenessContext(handle(_PER_MONITOR_AWARE_V2))
        self._lock = threading.RLock()
        self._screen: Any = None
        self._monitors: tuple[Monitor, ...] = ()
        self._pointer_seen: tuple[int, int, int, NDArray[np.uint8]] | None = None
        self._stops: list[Callable[[], None]] = []

    def monitors(self) -> tuple[Monitor, ...]:
        raw: list[RawMonitor] = []
        scaling = ctypes.CDLL("shcore")

        def note(monitor: int, _dc: int, _rect: int, _data: int) -> int:
            told = _MonitorInfo(size=ctypes.sizeof(_MonitorInfo))
            across, down = wintypes.UINT(96), wintypes.UINT(96)
            if self._user.GetMonitorInfoW(monitor, ctypes.byref(told)):
                scaling.GetDpiForMonitor(wintypes.HANDLE(monitor), 0, ctypes.byref(across), ctypes.byref(down))
                box = told.all
                primary = bool(told.flags & _PRIMARY)
                raw.append(RawMonitor(told.device, box.left, box.top, box.right, box.bottom, primary, across.value))
            return 1

        callback = ctypes.CFUNCTYPE(ctypes.c_int, wintypes.HANDLE, wintypes.HANDLE, wintypes.HANDLE, wintypes.LPARAM)
        self._user.EnumDisplayMonitors(None, None, callback(note), 0)
        found = monitors_of(raw)
        with self._lock:
            if found != self._monitors and self._screen is not None:
                self._screen.close()
                self._screen = None
            self._monitors = found
        return found

    def screenshots(self) -> tuple[Screenshot, ...]:
        with self._lock:
            return tuple(self._shot(monitor, None) for monitor in self.monitors())

    def frame(self, monitor: Monitor, region: Region | None = None) -> Screenshot:
        with self._lock:
            if monitor not in self.monitors():
                raise CaptureError("the monitor is no longer there, or has changed its size")
            return self._shot(monitor, region)

    def changes(self) -> Callable[[], bool] | None:
        return None

    def _shot(self, monitor: Monitor, region: Region | None) -> Screenshot:
        import numpy as np
        from mss import MSS, ScreenShotError

        part = (region or Region(0, 0, monitor.width_px, monitor.height_px)).clipped(
            monitor.width_px, monitor.height_px
        )
        left, top = monitor.x_px + part.x, monitor.y_px + part.y
        try:
            self._screen = self._screen or MSS()
            raw = self._screen.grab({"left": left, "top": top, "width": part.width, "height": part.height}).raw
        except ScreenShotError as problem:
            self._screen = None
            raise CaptureError(
                "the screen cannot be read: {why}", "unlock the screen and try again", why=str(problem)
            ) from problem
        pixels = np.frombuffer(raw, np.uint8).reshape(part.height, part.width, 4)
        return Screenshot(
            pixels,
            monitor.scale,
            monitor,
            datetime.now().astimezone(),
            self._cursor(left, top, part.width, part.height),
        )

    def _cursor(self, left: int, top: int, width: int, height: int) -> Cursor | None:
        told = _CursorInfo(size=ctypes.sizeof(_CursorInfo))
        if not self._user.GetCursorInfo(ctypes.byref(told)) or told.flags != _CURSOR_SHOWING or not told.cursor:
            return None
        if self._pointer_seen is None or self._pointer_seen[0] != told.cursor:
            drawn = self._draw_pointer(told.cursor)
            if drawn is None:
                return None
            self._pointer_seen = (told.cursor, *drawn)
        _, hot_x, hot_y, pixels = self._pointer_seen
        layer = Cursor(pixels, told.x - hot_x - left, told.y - hot_y - top)
        tall, wide = pixels.shape[:2]
        return layer if -wide < layer.x < width and -tall < layer.y < height else None

    def _draw_pointer(self, cursor: int) -> tuple[int, int, NDArray[np.uint8]] | None:
        """Its hot spot and its pixels, drawn once on black and once on white, which tells its transparency."""
        told = _IconInfo()
        if not self._user.GetIconInfo(cursor, ctypes.byref(told)):
            return None
        for bitmap in (told.mask, told.colour):
            if bitmap:
                self._gdi.DeleteObject(bitmap)
        width = self._user.GetSystemMetrics(_ICON_WIDTH)
        height = self._user.GetSystemMetrics(_ICON_HEIGHT)
        on_black, on_white = (self._painted(cursor, width, height, ground) for ground in (0, 255))
        return int(told.x_hot), int(told.y_hot), layer_of(on_black, on_white)

    def _painted(self, cursor: int, width: int, height: int, ground: int) -> NDArray[np.uint8]:
        import numpy as np

        header = _BitmapHeader(size=ctypes.sizeof(_BitmapHeader), width=width, height=-height, planes=1, bits=32)
        memory = ctypes.c_void_p()
        canvas = self._gdi.CreateCompatibleDC(None)
        bitmap = self._gdi.CreateDIBSection(canvas, ctypes.byref(header), 0, ctypes.byref(memory), None, 0)
        before = self._gdi.SelectObject(canvas, bitmap)
        try:
            ctypes.memset(memory, ground, width * height * 4)
            self._user.DrawIconEx(canvas, 0, 0, cursor, 0, 0, 0, None, _DRAW_NORMAL)
            self._gdi.GdiFlush()
            raw = ctypes.string_at(memory.value or 0, width * height * 4)
        finally:
            self._gdi.SelectObject(canvas, before)
            self._gdi.DeleteObject(bitmap)
            self._gdi.DeleteDC(canvas)
        return np.frombuffer(raw, np.uint8).reshape(height, width, 4)

    def windows(self) -> tuple[Window, ...]:
        found: list[RawWindow] = []

        def note(window: int, _data: int) -> int:
            found.append(self._raw(window))
            return 1

        callback = ctypes.CFUNCTYPE(ctypes.c_int, wintypes.HANDLE, wintypes.LPARAM)
        self._user.EnumWindows(callback(note), 0)
        return windows_of(found)

    def active_window(self) -> Window | None:
        window = self._user.GetForegroundWindow()
        return next(iter(windows_of([self._raw(window)] if window else [])), None)

    def _raw(self, window: int) -> RawWindow:
        title, kind = ctypes.create_unicode_buffer(1024), ctypes.create_unicode_buffer(256)
        self._user.GetWindowTextW(window, title, len(title))
        self._user.GetClassNameW(window, kind, len(kind))
        box, cloaked = _Rect(), wintypes.DWORD()
        self._dwm.DwmGetWindowAttribute(window, _EXTENDED_FRAME_BOUNDS, ctypes.byref(box), ctypes.sizeof(box))
        self._dwm.DwmGetWindowAttribute(window, _CLOAKED, ctypes.byref(cloaked), ctypes.sizeof(cloaked))
        return RawWindow(
            window,
            title.value,
            kind.value,
            self._program(window),
            bool(self._user.IsWindowVisible(window)),
            bool(self._user.IsIconic(window)),
            bool(cloaked.value),
            bool(self._user.GetWindowLongW(window, _EXTENDED_STYLE) & _TOOL_WINDOW),
            box.left,
            box.top,
            box.right,
            box.bottom,
        )

    def _program(self, window: int) -> str:
        process_id = wintypes.DWORD()
        self._user.GetWindowThreadProcessId(window, ctypes.byref(process_id))
        process = self._kernel.OpenProcess(_QUERY_LIMITED_INFORMATION, 0, process_id.value)
        if not process:
            return ""
        path, length = ctypes.create_unicode_buffer(1024), wintypes.DWORD(1024)
        try:
            known = self._kernel.QueryFullProcessImageNameW(process, 0, path, ctypes.byref(length))
        finally:
            self._kernel.CloseHandle(process)
        return path.value if known else ""

    def listen(
        self, keys: Mapping[str, str], on_press: Callable[[str], None]
    ) -> tuple[Callable[[], None], Mapping[str, str]]:
        wanted = {action: parse(text) for action, text in keys.items()}
        listener = KeyListener(self._user, self._kernel, wanted, on_press)
        self._stops.append(listener.stop)
        return listener.stop, {action: keys[action] for action in listener.taken}

    def close(self) -> None:
        for stop in self._stops:
            stop()
        with self._lock:
            if self._screen is not None:
                self._screen.close()
                self._screen = None
