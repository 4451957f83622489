"""A file as it is sent: identified, read through small windows by several threads, hashed beside the sending."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from uploader.connections import BLOCK_BYTES
from uploader.errors import FileChanged
from uploader.ticket import Attachment

HASH_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells a file from a later one of the same name. A hash of its beginning would not: two recordings
    share size and header."""

    size_bytes: int
    mtime_ns: int
    file_id: int
    ctime_ns: int = 0
    """When the file last changed; nobody can set it back, as one can the mtime. 0: the system does not know it."""
    sha256: str = ""
    """Where only the content tells."""


class Reader(Protocol):
    """One open source, used by one thread."""

    def block(self, offset: int, most_bytes: int) -> memoryview:
        """At least one byte from ``offset`` on and at most so many; the next call may overwrite them."""

    def close(self) -> None: ...


class Source(Protocol):
    """What is sent: the file itself, or its sealed form. ``open`` is called from several threads."""

    @property
    def size_bytes(self) -> int: ...
    def open(self) -> Reader: ...


class PlainSource:
    """The file as it is."""

    def __init__(self, file: Attachment) -> None:
        self._file = file
        self.size_bytes = file.size_bytes

    def open(self) -> PlainReader:
        return PlainReader(self._file)


class PlainReader:
    """Reads, and does not map: a mapped file that somebody shortens would kill the process."""

    def __init__(self, file: Attachment) -> None:
        self._name = file.name
        self._buffer = memoryview(b"")
        try:
            self._lines = file.path.open("rb", buffering=0)
        except OSError as error:
            raise FileChanged("“{name}” cannot be read any more; attach it again", name=file.name) from error

    def block(self, offset: int, most_bytes: int) -> memoryview:
        size_bytes = min(most_bytes, BLOCK_BYTES)
        if len(self._buffer) < size_bytes:
            self._buffer = memoryview(bytearray(size_bytes))
        self.read_into(self._buffer[:size_bytes], offset)
        return self._buffer[:size_bytes]

    def read_into(self, buffer: memoryview, offset: int) -> None:
        """Fills all of it. Raises: FileChanged."""
        try:
            self._lines.seek(offset)
            at = 0
            while at < len(buffer):
                got = self._lines.readinto(buffer[at:])
                if not got:
                    raise FileChanged("“{name}” has changed since it was attached", name=self._name)
                at += got
        except OSError as error:
            raise FileChanged("“{name}” cannot be read any more; attach it again", name=self._name) from error

    def close(self) -> None:
        self._lines.close()


class Window:
    """A part of a source as one request's body; ``on_block`` hears of every block before it goes, and may raise."""

    def __init__(self, source: Source, offset: int, size_bytes: int, on_block: Callable[[int], None]) -> None:
        self._source, self.offset, self.size_bytes, self._on_block = source, offset, size_bytes, on_block

    def blocks(self) -> Iterator[memoryview]:
        """The bytes, in blocks that are overwritten by the next one."""
        reader = self._source.open()
        try:
            at = 0
            while at < self.size_bytes:
                block = reader.block(self.offset + at, self.size_bytes - at)
                self._on_block(len(block))
                yield block
                at += len(block)
        finally:
            reader.close()

    def before(self, offset: int) -> Window:
        """What lies between ``offset`` and this window; reading it counts as a sign of life, not as sent."""
        return Window(self._source, offset, self.offset - offset, lambda _: self._on_block(0))

    def digests(self, *kinds: Callable[[bytes | memoryview], object]) -> None:
        """Feeds the window to each of ``kinds`` (``hashlib.md5().update``) without counting it as sent."""
        silent = Window(self._source, self.offset, self.size_bytes, lambda n: None)
        for block in silent.blocks():
            for update in kinds:
                update(block)


def identify(path: Path, name: str) -> Identity:
    """Raises: FileChanged when it is gone."""
    try:
        about = os.stat(path)  # noqa: PTH116  # the same call for open files and paths
    except OSError as error:
        raise FileChanged("“{name}” is no longer there; attach it again", name=name) from error
    # What only Windows has stands for what only it lacks: its ctime is when the file was made.
    # Source: Python, os.stat_result.st_file_attributes and st_ctime, 3.14.
    changed_ns = 0 if hasattr(about, "st_file_attributes") else about.st_ctime_ns
    return Identity(about.st_size, about.st_mtime_ns, about.st_ino, changed_ns)


def hash_of(file: Attachment, stopped: Callable[[], bool] = lambda: False) -> str:
    """SHA-256 of the plain file, in hex; empty when ``stopped``. Raises: FileChanged."""
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(HASH_BLOCK_BYTES))
    reader = PlainSource(file).open()
    try:
        for offset in range(0, file.size_bytes, HASH_BLOCK_BYTES):
            if stopped():
                return ""
            block = buffer[: min(HASH_BLOCK_BYTES, file.size_bytes - offset)]
            reader.read_into(block, offset)
            digest.update(block)
    finally:
        reader.close()
    return digest.hexdigest()


class BytesSource:
    """A few bytes in memory as a source."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size_bytes = len(content)

    def open(self) -> Reader:
        return _BytesReader(self._content)


class _BytesReader:
    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)

    def block(self, offset: int, most_bytes: int) -> memoryview:
        return self._content[offset : offset + min(most_bytes, BLOCK_BYTES)]

    def close(self) -> None:
        pass
