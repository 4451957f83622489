"""A ``multipart/form-data`` body whose files are streamed from disk."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uploader.wire import Body

_TYPE = re.compile(r"[\w.+/-]+(; ?[\w.=+-]+)*")


@dataclass(frozen=True, slots=True)
class Part:
    """One part with a type of its own. ``filename`` empty: it is no file (a piece of JSON)."""

    name: str
    filename: str
    media_type: str
    body: Body | bytes

    @property
    def size_bytes(self) -> int:
        return len(self.body) if isinstance(self.body, bytes) else self.body.size_bytes

    def blocks(self) -> Iterator[bytes | memoryview]:
        if isinstance(self.body, bytes):
            yield self.body
        else:
            yield from self.body.blocks()


class Form:
    """The arguments first, then the parts. The boundary comes from ``seed`` alone, so a repeated request is the same.

    Source: RFC 7578, with the escapes of names that browsers use (WHATWG HTML, multipart/form-data, 2025).
    """

    def __init__(self, arguments: Iterable[tuple[str, str]], parts: Iterable[Part], seed: str) -> None:
        self._mark = "testigo-" + hashlib.sha256(b"boundary" + seed.encode()).hexdigest()[:32]
        head = "".join(f'--{self._mark}\r\nContent-Disposition: form-data; name="{_named(key)}"\r\n\r\n{value}\r\n'
                       for key, value in arguments)  # fmt: skip
        self._head, self._tail = head.encode("utf-8", "replace"), f"--{self._mark}--\r\n".encode()
        self._parts = [(self._begin(part), part) for part in parts]

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={self._mark}"

    @property
    def size_bytes(self) -> int:
        inner = sum(len(begin) + part.size_bytes + 2 for begin, part in self._parts)
        return len(self._head) + inner + len(self._tail)

    def blocks(self) -> Iterator[bytes | memoryview]:
        yield self._head
        for begin, part in self._parts:
            yield begin
            yield from part.blocks()
            yield b"\r\n"
        yield self._tail

    def _begin(self, part: Part) -> bytes:
        kind = part.media_type if _TYPE.fullmatch(part.media_type) else "application/octet-stream"
        named = f'; filename="{_named(part.filename)}"' if part.filename else ""
        head = f'--{self._mark}\r\nContent-Disposition: form-data; name="{_named(part.name)}"{named}'
        return f"{head}\r\nContent-Type: {kind}\r\n\r\n".encode("utf-8", "replace")


def _named(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
