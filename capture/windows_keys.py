"""Global keys on Windows: a thread of its own holds them, for Windows tells them to the thread that asked."""

from __future__ import annotations

import ctypes
import logging
import threading
from collections.abc import Callable, Mapping
from ctypes import wintypes
from typing import Any

from capture.keys import Key

log = logging.getLogger(__name__)

_WM_QUIT, _WM_HOTKEY, _NO_REPEAT = 0x0012, 0x0312, 0x4000
_MODIFIERS = {"Alt": 1, "Ctrl": 2, "Shift": 4, "Meta": 8}
_VIRTUAL_KEYS = {
    "Backspace": 0x08,
    "Tab": 0x09,
    "Return": 0x0D,
    "Enter": 0x0D,
    "Pause": 0x13,
    "Esc": 0x1B,
    "Space": 0x20,
    "PgUp": 0x21,
    "PgDown": 0x22,
    "End": 0x23,
    "Home": 0x24,
    "Left": 0x25,
    "Up": 0x26,
    "Right": 0x27,
    "Down": 0x28,
    "Print": 0x2C,
    "Ins": 0x2D,
    "Del": 0x2E,
    "Menu": 0x5D,
    "ScrollLock": 0x91,
}
"""Source: winuser.h, Virtual-Key Codes."""


def virtual_key(key: Key, of_sign: Callable[[str], int] = lambda sign: -1) -> tuple[int, int] | None:
    """Modifier bits and virtual key for ``RegisterHotKey``; None when this keyboard has no such key.

    ``of_sign`` is ``VkKeyScanW``: for what is neither letter nor digit, the keyboard's layout decides.
    """
    bits = sum(_MODIFIERS[word] for word in key.modifiers)
    if key.name in _VIRTUAL_KEYS:
        return bits, _VIRTUAL_KEYS[key.name]
    if key.name[0] == "F" and len(key.name) > 1:
        return bits, 0x70 + int(key.name[1:]) - 1
    if key.name.isascii() and key.name.isalnum():
        return bits, ord(key.name)
    code = of_sign(key.name.lower())
    return None if code in (-1, 0xFFFF) else (bits, code & 0xFF)


class KeyListener:
    """A thread that owns the keys: Windows tells them to the thread that asked. It sleeps between presses."""

    def __init__(self, user: Any, kernel: Any, wanted: Mapping[str, Key], on_press: Callable[[str], None]) -> None:
        self._user, self._kernel, self._wanted, self._on_press = user, kernel, dict(wanted), on_press
        self.taken: list[str] = []
        self._thread_id = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hotkeys", daemon=True)
        self._thread.start()
        self._ready.wait()

    def _run(self) -> None:
        held: dict[int, str] = {}
        for number, (action, key) in enumerate(self._wanted.items(), 1):
            found = virtual_key(key, self._user.VkKeyScanW)
            if found and self._user.RegisterHotKey(None, number, found[0] | _NO_REPEAT, found[1]):
                held[number] = action
            else:
                self.taken.append(action)
        message = wintypes.MSG()
        self._user.PeekMessageW(ctypes.byref(message), None, 0, 0, 0)  # makes the queue that ``stop`` posts to
        self._thread_id = self._kernel.GetCurrentThreadId()
        self._ready.set()
        while self._user.GetMessageW(ctypes.byref(message), None, 0, 0) > 0:
            if message.message == _WM_HOTKEY and message.wParam in held:
                try:
                    self._on_press(held[message.wParam])
                except Exception:
                    log.exception("the action of a global key failed")
        for number in held:
            self._user.UnregisterHotKey(None, number)

    def stop(self) -> None:
        self._user.PostThreadMessageW(self._thread_id, _WM_QUIT, 0, 0)
        if threading.current_thread() is not self._thread:
            self._thread.join()
