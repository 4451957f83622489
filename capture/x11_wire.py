"""One connection to an X server, spoken through libxcb: requests and replies as bytes.

Xlib is not used: it ends the whole process when the server dies, and its error hook is one for the process,
which Qt owns. Here an error is an exception of the call that caused it. Extensions need no library of their own.
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Any

from capture.errors import CaptureError, NoDisplay

BAD_WINDOW, BAD_ACCESS = 3, 10
_CHECKED = 1


class XError(CaptureError):
    """The server refused a request. ``code`` is the protocol's error number (X11 protocol, appendix B)."""

    def __init__(self, code: int, opcode: int) -> None:
        super().__init__(f"the X server refused request {opcode} with error {code}")
        self.code = code


class ServerGone(NoDisplay):
    """The X server ended, or threw us out. Nothing on this connection works any more."""

    def __init__(self) -> None:
        super().__init__("the connection to the X server is lost", "log in again and start Testigo anew")


class _Vector(ctypes.Structure):
    _fields_ = (("start", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Request(ctypes.Structure):
    _fields_ = (
        ("count", ctypes.c_size_t),
        ("extension", ctypes.c_void_p),
        ("opcode", ctypes.c_uint8),
        ("is_void", ctypes.c_uint8),
    )


class _Extension(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("global_id", ctypes.c_int))


class _Cookie(ctypes.Structure):
    _fields_ = (("sequence", ctypes.c_uint),)


_EXTENSIONS = {name: _Extension(name.encode(), 0) for name in ("RANDR", "XFIXES", "DAMAGE")}
"""libxcb writes its own number of an extension into these, so they live as long as the process."""

_library: Any = None


def _xcb() -> Any:
    global _library  # noqa: PLW0603  # one library per process
    if _library is None:
        try:
            xcb = ctypes.CDLL("libxcb.so.1")
        except OSError as problem:
            raise NoDisplay(
                "the X library libxcb is missing", "install libxcb1, which every X desktop has"
            ) from problem
        pointer, number = ctypes.c_void_p, ctypes.c_int
        for name, result, arguments in (
            ("connect", pointer, [ctypes.c_char_p, ctypes.POINTER(number)]),
            ("connection_has_error", number, [pointer]),
            ("get_file_descriptor", number, [pointer]),
            ("get_setup", pointer, [pointer]),
            ("get_extension_data", pointer, [pointer, pointer]),
            ("generate_id", ctypes.c_uint32, [pointer]),
            ("send_request", ctypes.c_uint, [pointer, number, pointer, pointer]),
            ("wait_for_reply", pointer, [pointer, ctypes.c_uint, ctypes.POINTER(pointer)]),
            ("request_check", pointer, [pointer, _Cookie]),
            ("poll_for_event", pointer, [pointer]),
            ("disconnect", None, [pointer]),
        ):
            function = getattr(xcb, f"xcb_{name}")
            function.restype, function.argtypes = result, arguments
        _library = xcb
    return _library


def _take(address: int, length: int) -> bytes:
    """The memory at ``address``, which libxcb gave us to free."""
    content = ctypes.string_at(address, length)
    libc = ctypes.CDLL(None)
    libc.free.argtypes = [ctypes.c_void_p]
    libc.free(address)
    return content


class Wire:
    """A connection. Calls may come from any thread, except that ``close`` must be the last one.

    Raises: NoDisplay when there is no server, or it refuses us.
    """

    def __init__(self, display: str | None = None) -> None:
        self.display = display or os.environ.get("DISPLAY", "")
        if not self.display:
            raise NoDisplay(
                "there is no X screen: DISPLAY is not set", "run Testigo inside a graphical session, or set DISPLAY"
            )
        self._xcb = _xcb()
        screen = ctypes.c_int(0)
        self._connection: int | None = self._xcb.xcb_connect(self.display.encode(), ctypes.byref(screen))
        if self._xcb.xcb_connection_has_error(self._connection):
            self.close()
            raise NoDisplay(
                "the X screen {display} does not answer, or refuses this program",
                "run Testigo as the user who is logged in at that screen (see DISPLAY and XAUTHORITY)",
                display=self.display,
            )
        self.descriptor: int = self._xcb.xcb_get_file_descriptor(self._connection)
        self._read_setup(screen.value)
        self._atoms: dict[str, int] = {}

    def _read_setup(self, screen: int) -> None:
        start = self._xcb.xcb_get_setup(self._connection)
        length = 8 + 4 * struct.unpack("<H", ctypes.string_at(start + 6, 2))[0]
        setup = ctypes.string_at(start, length)
        vendor_length, roots, formats = struct.unpack_from("<H2xBB", setup, 24)
        self.keycodes = range(setup[34], setup[35] + 1)
        at = 40 + (vendor_length + 3) // 4 * 4 + 8 * formats
        for _ in range(min(screen, roots - 1)):
            depths = setup[at + 39]
            at += 40
            for _ in range(depths):
                at += 8 + 24 * struct.unpack_from("<H", setup, at + 2)[0]
        self.root: int = struct.unpack_from("<I", setup, at)[0]

    def begin(self, opcode: int, content: bytes = b"", detail: int = 0, extension: str = "") -> int:
        """Sends a request that has a reply, and gives the number with which ``finish`` fetches it.

        Many may be begun before the first is finished: one round trip then serves all.
        """
        return self._send(opcode, content, detail, extension, void=False)

    def finish(self, request: int, opcode: int = 0) -> bytes:
        """The reply, its header of 8 bytes included. Raises: XError, ServerGone."""
        if self._connection is None:
            raise ServerGone
        error = ctypes.c_void_p(None)
        reply = self._xcb.xcb_wait_for_reply(self._connection, request, ctypes.byref(error))
        if reply:
            return _take(reply, 32 + 4 * struct.unpack("<I", ctypes.string_at(reply + 4, 4))[0])
        if error.value:
            raise XError(_take(error.value, 32)[1], opcode)
        raise ServerGone

    def ask(self, opcode: int, content: bytes = b"", detail: int = 0, extension: str = "") -> bytes:
        """One request and its reply. Raises: XError, ServerGone."""
        return self.finish(self.begin(opcode, content, detail, extension), opcode)

    def tell(self, opcode: int, content: bytes = b"", detail: int = 0, extension: str = "") -> None:
        """A request without a reply; waits until the server took it. Raises: XError, ServerGone."""
        request = self._send(opcode, content, detail, extension, void=True)
        error = self._xcb.xcb_request_check(self._connection, _Cookie(request))
        if error:
            raise XError(_take(error, 32)[1], opcode)
        self._check()

    def _send(self, opcode: int, content: bytes, detail: int, extension: str, *, void: bool) -> int:
        if self._connection is None:
            raise ServerGone
        # Four bytes of header, filled in by libxcb but for the detail byte of core requests.
        packet = bytes((0, detail, 0, 0)) + content + bytes(-len(content) % 4)
        memory = ctypes.create_string_buffer(packet, len(packet))
        vectors = (_Vector * 3)()  # libxcb writes into the two before the one it is given
        vectors[2] = _Vector(ctypes.addressof(memory), len(packet))
        asked = ctypes.addressof(_EXTENSIONS[extension]) if extension else None
        request = _Request(1, asked, opcode, void)
        where = ctypes.addressof(vectors) + 2 * ctypes.sizeof(_Vector)
        number: int = self._xcb.xcb_send_request(self._connection, _CHECKED, where, ctypes.byref(request))
        if not number:
            raise ServerGone
        return number

    def _check(self) -> None:
        if self._connection is None or self._xcb.xcb_connection_has_error(self._connection):
            raise ServerGone

    def event(self) -> bytes | None:
        """The next event that has arrived (32 bytes), or None; never waits. Raises: ServerGone."""
        if self._connection is None:
            raise ServerGone
        found = self._xcb.xcb_poll_for_event(self._connection)
        if found:
            return _take(found, 32)
        self._check()
        return None

    def extension(self, name: str) -> int | None:
        """The number of the extension's first event, or None when the server does not have it."""
        self._check()
        start = self._xcb.xcb_get_extension_data(self._connection, ctypes.addressof(_EXTENSIONS[name]))
        if not start:
            raise ServerGone
        present, _, first_event = struct.unpack("<xxxxxxxxBBB", ctypes.string_at(start, 11))
        return first_event if present else None

    def new_id(self) -> int:
        self._check()
        return int(self._xcb.xcb_generate_id(self._connection))

    def atom(self, name: str) -> int:
        """The number of a name on this server."""
        if name not in self._atoms:
            text = name.encode("latin-1")
            reply = self.ask(16, struct.pack("<Hxx", len(text)) + text)
            self._atoms[name] = struct.unpack_from("<I", reply, 8)[0]
        return self._atoms[name]

    def begin_property(self, window: int, name: str) -> int:
        """Like ``begin``, for a property; to be finished by ``finish_property``. At most 1 MB is read."""
        return self.begin(20, struct.pack("<IIIII", window, self.atom(name), 0, 0, 1 << 18))

    def finish_property(self, request: int) -> bytes:
        """Its value; empty when it is not set or the window is gone."""
        try:
            reply = self.finish(request, 20)
        except XError:
            return b""
        units: int = struct.unpack_from("<I", reply, 16)[0]
        return reply[32 : 32 + units * reply[1] // 8]

    def property(self, window: int, name: str) -> bytes:
        return self.finish_property(self.begin_property(window, name))

    def close(self) -> None:
        """Ends the connection; may be called twice."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._xcb.xcb_disconnect(connection)
