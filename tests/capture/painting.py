"""A client that paints on a real X server, so that tests know which pixels must be there."""

from __future__ import annotations

import struct

from capture.x11_wire import Wire


class Painter:
    """Windows of one colour each. ``bare`` ones have no frame and lie exactly where they are put."""

    def __init__(self, display: str) -> None:
        self.wire = Wire(display)
        self.gc = self.wire.new_id()
        self.wire.tell(55, struct.pack("<III", self.gc, self.wire.root, 0))

    def window(
        self, x: int, y: int, width: int, height: int, colour: int, *, title: str = "", bare: bool = False
    ) -> int:
        window = self.wire.new_id()
        pixel_redirect_events = 2 | 512 | 2048
        self.wire.tell(
            1,
            struct.pack("<IIhhHHHHII", window, self.wire.root, x, y, width, height, 0, 1, 0, pixel_redirect_events)
            + struct.pack("<III", colour, bare, 1 << 15),
        )
        self.write(window, "_NET_WM_NAME", "UTF8_STRING", 8, title.encode())
        self.write(window, "WM_CLASS", "STRING", 8, b"painter\0Painter\0")
        position_by_user = struct.pack("<18I", 1, *([0] * 17))
        self.write(window, "WM_NORMAL_HINTS", "WM_SIZE_HINTS", 32, position_by_user)
        return window

    def write(self, window: int, name: str, kind: str, bits: int, value: bytes) -> None:
        head = struct.pack("<IIIB3xI", window, self.wire.atom(name), self.wire.atom(kind), bits, len(value) * 8 // bits)
        self.wire.tell(18, head + value)

    def show(self, window: int) -> None:
        """Maps it and waits until it has been exposed."""
        self.wire.tell(8, struct.pack("<I", window))
        while (event := self.wire.event()) is None or event[0] & 0x7F != 12:
            self.wire.ask(43)  # a round trip: what the server has for us comes with it

    def fill(self, window: int, x: int, y: int, width: int, height: int, colour: int) -> None:
        self.wire.tell(56, struct.pack("<III", self.gc, 4, colour))
        self.wire.tell(70, struct.pack("<IIhhHH", window, self.gc, x, y, width, height))

    def move_pointer(self, x: int, y: int) -> None:
        self.wire.tell(41, struct.pack("<IIhhHHhh", 0, self.wire.root, 0, 0, 0, 0, x, y))

    def close(self) -> None:
        self.wire.close()
