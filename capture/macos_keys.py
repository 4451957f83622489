"""Global keys on macOS by Carbon, which needs no permission; its calls come on the main thread's event loop."""

from __future__ import annotations

import ctypes
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

from capture.keys import Key

log = logging.getLogger(__name__)

_FRAMEWORKS = "/System/Library/Frameworks/{0}.framework/{0}"
_COMMAND, _SHIFT, _OPTION, _CONTROL = 0x100, 0x200, 0x800, 0x1000
_MODIFIERS = {"Ctrl": _COMMAND, "Shift": _SHIFT, "Alt": _OPTION, "Meta": _CONTROL}
"""As Qt has it on a Mac: ``Ctrl`` is the Command key and ``Meta`` the Control key. Source: Carbon Events.h."""

_KEY_CODES = {
    **dict(zip("ASDFHGZXCV", range(10))),
    **dict(zip("BQWERYT", range(11, 18))),
    **dict(zip("123465=97-80]OU[IP", range(18, 36))),
    **dict(zip("LJ'K;\\,/NM.", (37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47))),
    "`": 50,
    "Return": 36,
    "Tab": 48,
    "Space": 49,
    "Backspace": 51,
    "Esc": 53,
    "Enter": 76,
    "Ins": 114,
    "Home": 115,
    "PgUp": 116,
    "Del": 117,
    "End": 119,
    "PgDown": 121,
    "Left": 123,
    "Right": 124,
    "Down": 125,
    "Up": 126,
    "Menu": 110,
    # An extended keyboard of a PC: PrtSc, Scroll Lock and Pause lie where a Mac has F13 to F15.
    "Print": 105,
    "ScrollLock": 107,
    "Pause": 113,
    **dict(zip((f"F{n}" for n in range(1, 21)),
               (122, 120, 99, 118, 96, 97, 98, 100, 101, 109, 103, 111, 105, 107, 113, 106, 64, 79, 80, 90))),
}  # fmt: skip
"""Source: Events.h of Carbon's HIToolbox, kVK_…; places on the keyboard, named as on a US one."""


def key_code(key: Key) -> tuple[int, int] | None:
    """Modifier bits and key code for ``RegisterEventHotKey``; None when a Mac has no such key."""
    code = _KEY_CODES.get(key.name)
    return None if code is None else (sum(_MODIFIERS[word] for word in key.modifiers), code)


class _HotKeyId(ctypes.Structure):
    _fields_ = (("signature", ctypes.c_uint32), ("id", ctypes.c_uint32))


class _EventKind(ctypes.Structure):
    _fields_ = (("group", ctypes.c_uint32), ("kind", ctypes.c_uint32))


def framework(name: str, functions: Mapping[str, tuple[Any, list[Any]]]) -> Any:
    """One of the system's libraries, with the types of the functions that are used."""
    library = ctypes.CDLL(_FRAMEWORKS.format(name))
    for function, (result, arguments) in functions.items():
        found = getattr(library, function)
        found.restype, found.argtypes = result, arguments
    return library


class KeyListener:
    """Carbon calls on the main thread; a thread of our own takes it from there."""

    _KEYBOARD, _PRESSED = 0x6B657962, 5  # 'keyb', kEventHotKeyPressed
    _DIRECT_OBJECT, _TYPE_HOT_KEY = 0x2D2D2D2D, 0x686B6964  # '----', 'hkid'
    _SIGNATURE = 0x54535447  # 'TSTG'

    def __init__(self, wanted: Mapping[str, Key], on_press: Callable[[str], None]) -> None:
        pointer, number = ctypes.c_void_p, ctypes.c_uint32
        called = ctypes.CFUNCTYPE(ctypes.c_int32, pointer, pointer, pointer)
        self._carbon = framework(
            "Carbon",
            {
                "GetApplicationEventTarget": (pointer, []),
                "InstallEventHandler": (
                    ctypes.c_int32,
                    [pointer, called, ctypes.c_ulong, ctypes.POINTER(_EventKind), pointer, ctypes.POINTER(pointer)],
                ),
                "RegisterEventHotKey": (
                    ctypes.c_int32,
                    [number, number, _HotKeyId, pointer, number, ctypes.POINTER(pointer)],
                ),
                "UnregisterEventHotKey": (ctypes.c_int32, [pointer]),
                "RemoveEventHandler": (ctypes.c_int32, [pointer]),
                "GetEventParameter": (
                    ctypes.c_int32,
                    [pointer, number, number, pointer, ctypes.c_ulong, pointer, ctypes.POINTER(_HotKeyId)],
                ),
            },
        )
        self._presses: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._on_press = on_press
        self._held: dict[int, tuple[str, Any]] = {}
        self._callback = called(self._pressed)
        self._installed = pointer()
        target = self._carbon.GetApplicationEventTarget()
        kind = _EventKind(self._KEYBOARD, self._PRESSED)
        self._carbon.InstallEventHandler(
            target, self._callback, 1, ctypes.byref(kind), None, ctypes.byref(self._installed)
        )
        self.taken: list[str] = []
        for id_, (action, key) in enumerate(wanted.items(), 1):
            found, reference = key_code(key), pointer()
            hot_key = _HotKeyId(self._SIGNATURE, id_)
            if found and not self._carbon.RegisterEventHotKey(
                found[1], found[0], hot_key, target, 0, ctypes.byref(reference)
            ):
                self._held[id_] = action, reference
            else:
                self.taken.append(action)
        self._thread = threading.Thread(target=self._run, name="hotkeys", daemon=True)
        self._thread.start()

    def _pressed(self, _call: Any, event: Any, _user: Any) -> int:
        hot_key = _HotKeyId()
        size = ctypes.sizeof(hot_key)
        self._carbon.GetEventParameter(
            event, self._DIRECT_OBJECT, self._TYPE_HOT_KEY, None, size, None, ctypes.byref(hot_key)
        )
        if hot_key.signature == self._SIGNATURE and hot_key.id in self._held:
            self._presses.put(self._held[hot_key.id][0])
        return 0

    def _run(self) -> None:
        while (action := self._presses.get()) is not None:
            try:
                self._on_press(action)
            except Exception:
                log.exception("the action of a global key failed")

    def stop(self) -> None:
        for _, reference in self._held.values():
            self._carbon.UnregisterEventHotKey(reference)
        self._held.clear()
        if self._installed:
            self._carbon.RemoveEventHandler(self._installed)
            self._installed = ctypes.c_void_p()
        self._presses.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join()
