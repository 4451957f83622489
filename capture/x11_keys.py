"""Global keys on X11: grabbed by name on a connection and a thread of their own, which sleeps until one is pressed."""

from __future__ import annotations

import logging
import os
import select
import struct
import threading
from collections.abc import Callable, Mapping
from itertools import combinations

from capture.keys import Key, parse
from capture.x11_wire import BAD_ACCESS, ServerGone, Wire, XError

log = logging.getLogger(__name__)

_KEY_PRESS, _KEY_RELEASE, _MAPPING_NOTIFY = 2, 3, 34
_GRAB, _UNGRAB, _KEYBOARD_MAPPING, _MODIFIER_MAPPING = 33, 34, 101, 119
_SHIFT, _LOCK, _CONTROL = 1, 2, 4
_NUM_LOCK, _SCROLL_LOCK, _ALT, _SUPER, _META = 0xFF7F, 0xFF14, 0xFFE9, 0xFFEB, 0xFFE7
_KEYSYMS = {
    "Print": 0xFF61,
    "Esc": 0xFF1B,
    "Tab": 0xFF09,
    "Space": 0x20,
    "Backspace": 0xFF08,
    "Return": 0xFF0D,
    "Enter": 0xFF8D,
    "Ins": 0xFF63,
    "Del": 0xFFFF,
    "Home": 0xFF50,
    "End": 0xFF57,
    "PgUp": 0xFF55,
    "PgDown": 0xFF56,
    "Left": 0xFF51,
    "Up": 0xFF52,
    "Right": 0xFF53,
    "Down": 0xFF54,
    "Pause": 0xFF13,
    "ScrollLock": _SCROLL_LOCK,
    "Menu": 0xFF67,
}
"""Source: keysymdef.h of the X Window System."""


def keysym(name: str) -> int:
    """The X number of a key as ``capture.keys`` names it."""
    if name in _KEYSYMS:
        return _KEYSYMS[name]
    if name[0] == "F" and len(name) > 1:
        return 0xFFBE + int(name[1:]) - 1
    code = ord(name.lower())
    return code if code < 0x100 else 0x1000000 + code


class KeyListener:
    """Holds the keys from the moment it is made; ``taken`` are those that another program holds.

    Raises: NoDisplay; ValueError for a name that is not a key's.
    """

    def __init__(self, display: str, keys: Mapping[str, str], on_press: Callable[[str], None]) -> None:
        self._wanted = {action: parse(text) for action, text in keys.items()}
        self._on_press = on_press
        self._wire = Wire(display)
        self._grabbed: dict[tuple[int, int], str] = {}
        self._lock_bits: list[int] = []
        self._released: dict[int, int] = {}
        self.taken: dict[str, str] = {action: keys[action] for action in self._grab_all()}
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._run, name="hotkeys", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Lets go of the keys; may be called twice, and from ``on_press`` too."""
        write, self._wake_write = self._wake_write, -1
        if write < 0:
            return
        os.close(write)  # the reading end becomes readable: that wakes the thread
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        try:
            while self._read_events():
                ready, _, _ = select.select([self._wire.descriptor, self._wake_read], [], [])
                if self._wake_read in ready:
                    break
        except ServerGone:
            log.warning("the X server ended: global keys are off")
        finally:
            self._wire.close()
            os.close(self._wake_read)

    def _read_events(self) -> bool:
        """Handles all that has arrived; False when ``stop`` was called meanwhile."""
        while (event := self._wire.event()) is not None:
            kind = event[0] & 0x7F
            if kind == _MAPPING_NOTIFY and event[4] in (0, 1):
                self._grab_all()
            elif kind == _KEY_RELEASE:
                self._released[event[1]] = struct.unpack_from("<I", event, 4)[0]
            elif kind == _KEY_PRESS:
                self._press(event)
            if self._wake_write < 0:
                return False
        return True

    def _press(self, event: bytes) -> None:
        keycode, at_ms, state = event[1], *struct.unpack_from("<I20xH", event, 4)
        # A key held down repeats as release and press at the very same time; a finger cannot do that.
        repeats = self._released.get(keycode) == at_ms
        action = self._grabbed.get((keycode, state & self._meant_bits))
        if action is None or repeats:
            return
        try:
            self._on_press(action)
        except Exception:
            log.exception("the action of a global key failed: %s", action)

    def _grab_all(self) -> list[str]:
        """Grabs every wanted key as the keyboard is mapped now; gives the actions whose keys are taken.

        The new grabs are there before the old ones go: a press while the map changes is not lost.
        """
        before, locks_before = self._grabbed, self._lock_bits
        self._grabbed = {}
        columns = self._keyboard()
        bits = self._modifier_bits(columns)
        self._meant_bits = _SHIFT | _CONTROL | bits["Alt"] | bits["Meta"]
        self._lock_bits = _every_sum({_LOCK, bits["NumLock"], bits["ScrollLock"]} - {0})
        taken = [action for action, key in self._wanted.items() if not self._grab(action, key, columns, bits)]
        for keycode, modifiers in before:
            if (keycode, modifiers) not in self._grabbed:
                self._ungrab(keycode, modifiers, locks_before)
        return taken

    def _grab(self, action: str, key: Key, columns: list[dict[int, int]], bits: dict[str, int]) -> bool:
        modifiers = sum(bits[word] for word in key.modifiers)
        symbol = keysym(key.name)
        keycode = next((column[symbol] for column in columns if symbol in column), None)
        if keycode is None:  # this keyboard has no such key: nobody will press it
            return False
        for locks in self._lock_bits:
            content = struct.pack("<IHBBB3x", self._wire.root, modifiers | locks, keycode, 1, 1)
            try:
                self._wire.tell(_GRAB, content, detail=1)
            except XError as error:
                if error.code != BAD_ACCESS:
                    raise
                self._ungrab(keycode, modifiers, self._lock_bits)
                return False
        self._grabbed[keycode, modifiers] = action
        return True

    def _ungrab(self, keycode: int, modifiers: int, lock_bits: list[int]) -> None:
        for locks in lock_bits:
            self._wire.tell(_UNGRAB, struct.pack("<IHxx", self._wire.root, modifiers | locks), detail=keycode)

    def _keyboard(self) -> list[dict[int, int]]:
        """Keysym → keycode for each column of the map; the first columns are what the keys say unshifted."""
        first, count = self._wire.keycodes.start, len(self._wire.keycodes)
        reply = self._wire.ask(_KEYBOARD_MAPPING, struct.pack("<BBxx", first, count))
        per_key = reply[1]
        symbols = struct.unpack_from(f"<{per_key * count}I", reply, 32)
        columns: list[dict[int, int]] = [{} for _ in range(per_key)]
        for index, symbol in enumerate(symbols):
            if symbol:
                columns[index % per_key].setdefault(symbol, first + index // per_key)
        return columns

    def _modifier_bits(self, columns: list[dict[int, int]]) -> dict[str, int]:
        """Which of the eight modifier bits this keyboard uses for what; 0 for a lock that it does not have."""
        reply = self._wire.ask(_MODIFIER_MAPPING)
        per_modifier = reply[1]
        bit_of = {code: 1 << (i // per_modifier) for i, code in enumerate(reply[32 : 32 + 8 * per_modifier]) if code}

        def bit(*symbols: int) -> int:
            codes = (column.get(symbol, 0) for symbol in symbols for column in columns)
            return next((bit_of[code] for code in codes if code in bit_of), 0)

        return {
            "Shift": _SHIFT,
            "Ctrl": _CONTROL,
            "Alt": bit(_ALT) or 8,
            "Meta": bit(_SUPER, _META) or 64,
            "NumLock": bit(_NUM_LOCK),
            "ScrollLock": bit(_SCROLL_LOCK),
        }


def _every_sum(bits: set[int]) -> list[int]:
    return [sum(chosen) for count in range(len(bits) + 1) for chosen in combinations(sorted(bits), count)]
