"""Where one HTTP/1.1 message ends, found while its bytes pass by; nothing is held but a line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_HEAD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Head:
    """Start line and header fields as they came; ``raw`` ends with the empty line."""

    raw: bytes

    @property
    def words(self) -> list[str]:
        return self.raw.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)

    def field(self, name: str) -> str | None:
        """The value of the first such header field."""
        for line in self.raw.split(b"\r\n")[1:]:
            key, colon, value = line.decode("latin-1").partition(":")
            if colon and key.lower() == name:
                return value.strip()
        return None

    def with_length(self, length_bytes: int) -> Head:
        """The same head with another Content-Length."""
        lines = [line for line in self.raw[:-4].split(b"\r\n") if not line.lower().startswith(b"content-length:")]
        return Head(b"\r\n".join([*lines, b"Content-Length: %d" % length_bytes, b"", b""]))

    @property
    def stays_open(self) -> bool:
        asked = (self.field("connection") or "").lower()
        return "keep-alive" in asked if "HTTP/1.0" in self.words else "close" not in asked


class Body:
    """The rest of a message after its head. ``split`` cuts what came into this body's parts and what follows it."""

    def __init__(self, head: Head, *, of_reply_to: str | None = None, status: int = 0) -> None:
        length = head.field("content-length")
        self._chunked = "chunked" in (head.field("transfer-encoding") or "").lower()
        self._left: int | None = int(length) if length and not self._chunked else 0
        self._line: bytearray | None = bytearray() if self._chunked else None
        self._trailer = False
        self.never = of_reply_to is not None and (of_reply_to == "HEAD" or status in (204, 304) or status < 200)
        """There is none, whatever its length is said to be."""
        if of_reply_to is not None:
            if self.never:
                self._chunked, self._left = False, 0
            elif not self._chunked and length is None:
                self._left = None  # until the server hangs up
        self.ended = not self._chunked and self._left == 0
        self.until_closed = self._left is None

    def split(self, came: bytes) -> Iterator[tuple[bytes, bool]]:
        """Yields (bytes, whether they are content); what is left when ``ended`` belongs to the next message."""
        while came and not self.ended:
            if self._line is not None:
                came = yield from self._take_line(came)
            elif self._left is None:
                yield came, True
                came = b""
            else:
                part, came = came[: self._left], came[self._left :]
                self._left -= len(part)
                yield part, True
                if self._left == 0:
                    self._line = bytearray() if self._chunked else None
                    self.ended = not self._chunked
        self.rest = came

    def _take_line(self, came: bytes) -> Iterator[tuple[bytes, bool]]:
        assert self._line is not None
        end = came.find(b"\n") + 1 or len(came)
        line, came = came[:end], came[end:]
        self._line += line
        if self._line.endswith(b"\n"):
            text, self._line = bytes(self._line).strip(), bytearray()
            if self._trailer:
                self.ended = not text
            elif text:  # an empty one ends the chunk before
                self._left = int(text.split(b";")[0], 16)
                self._trailer = self._left == 0
                if self._left:
                    self._line = None
        yield line, False
        return came

    rest = b""
