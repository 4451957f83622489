"""Asks the X server whether anything was drawn, so that a still screen need not be copied to find out."""

from __future__ import annotations

import struct

from capture.x11_wire import Wire

_QUERY_VERSION, _CREATE, _SUBTRACT = 0, 1, 3
_NON_EMPTY = 3


class Damage:
    """Reports of drawing anywhere on the root window, on a connection of its own.

    Raises: CaptureError when the server has no DAMAGE extension.
    """

    def __init__(self, display: str) -> None:
        self._wire = Wire(display)
        try:
            first_event = self._wire.extension("DAMAGE")
            if first_event is None:
                raise LookupError("this X server has no DAMAGE extension")
            self._event = first_event
            self._wire.ask(_QUERY_VERSION, struct.pack("<II", 1, 1), extension="DAMAGE")
            self._id = self._wire.new_id()
            self._wire.tell(_CREATE, struct.pack("<IIB3x", self._id, self._wire.root, _NON_EMPTY), extension="DAMAGE")
        except BaseException:
            self._wire.close()
            raise

    def seen(self) -> bool:
        """True when something was drawn since the last call. Costs no round trip while nothing is."""
        damaged = False
        while (event := self._wire.event()) is not None:
            damaged = damaged or event[0] & 0x7F == self._event
        if damaged:  # repaired before the picture is taken: what is drawn meanwhile is reported anew
            self._wire.tell(_SUBTRACT, struct.pack("<III", self._id, 0, 0), extension="DAMAGE")
        return damaged

    def close(self) -> None:
        self._wire.close()
