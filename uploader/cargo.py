"""The small files of one ticket on their way: compared before the first byte goes and again before the last one of each
does, counted over all of them.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from uploader.errors import FileChanged, FileRefused, TooLarge, UploaderError
from uploader.names import clean_name
from uploader.source import PlainSource, Window, hash_of
from uploader.ticket import Attachment, Progress

if TYPE_CHECKING:
    from uploader.wire import Body


class Cargo:
    """Made at the beginning of ``submit`` or ``reply``, before anything is created: it may refuse, or be cancelled.

    Raises: FileChanged when a file is not the one that was attached; what ``progress`` raises.
    """

    def __init__(self, files: Iterable[Attachment], progress: Progress) -> None:
        self.files = tuple(files)
        self._progress, self._total = progress, sum(file.size_bytes for file in self.files)
        for file in self.files:
            if hash_of(file) != file.sha256:
                raise _changed(file)
        self._names = dict(zip(self.files, distinct_names([file.name for file in self.files])))
        progress(0, self._total)

    def name(self, file: Attachment) -> str:
        """How the desk shall call it: harmless, and unlike all others of this ticket."""
        return self._names[file]

    def step(self, file: Attachment) -> str:
        """What a journal calls it: the same in every run, and told apart from its equals."""
        return f"file/{file.sha256}/{self.name(file)}"

    def body(self, file: Attachment) -> Body:
        """Its bytes as a request's body, counted as they go; a second try counts anew. Reading it raises FileChanged
        before its end when it has changed meanwhile: such a request is never whole."""
        before, sent = self._before(file), 0

        def passing(size_bytes: int) -> None:
            nonlocal sent
            sent += size_bytes
            self._progress(min(before + sent, self._total), self._total)

        return _Attached(file, passing)

    def base64(self, file: Attachment) -> str:
        """Its bytes for a service that wants them within JSON. In memory: only for what fits into a ticket."""
        return base64.b64encode(b"".join(bytes(block) for block in self.body(file).blocks())).decode()

    def only(self, files: Iterable[Attachment]) -> Cargo:
        """Some of them, under the same names, to be sent once more and not counted."""
        other = Cargo((), lambda done, total: None)
        other.files = tuple(files)
        other._names = self._names
        return other

    def missing(self, there: Iterable[tuple[str, int]]) -> list[Attachment]:
        """Those that are not among the names and sizes that the desk tells. Each of these counts once: by its name
        and size, else by its size alone, as services write some names otherwise."""
        held, absent = list(there), list[Attachment]()
        for file in self.files:
            if (pair := (self.name(file), file.size_bytes)) in held:
                held.remove(pair)
            else:
                absent.append(file)
        sizes = [size_bytes for _, size_bytes in held]
        for file in absent[:]:
            if file.size_bytes in sizes:
                sizes.remove(file.size_bytes)
                absent.remove(file)
        return absent

    def too_large(self, error: TooLarge, service: str) -> UploaderError:
        """What it means that all of them together are too much: the largest goes as a link."""
        if not self.files:
            return error
        name = max(self.files, key=lambda file: file.size_bytes).name
        return FileRefused(name, "{service} does not take “{name}”; it goes as a link", service=service, name=name)

    def arrived(self) -> None:
        """All is there."""
        self._progress(self._total, self._total)

    def _before(self, file: Attachment) -> int:
        return sum(other.size_bytes for other in self.files[: self.files.index(file)])


class _Attached:
    """A file whose last bytes are only given when all of them are those that were attached."""

    def __init__(self, file: Attachment, on_block: Callable[[int], None]) -> None:
        self._file, self.size_bytes = file, file.size_bytes
        self._window = Window(PlainSource(file), 0, file.size_bytes, on_block)

    def blocks(self) -> Iterator[memoryview]:
        digest, left = hashlib.sha256(), self.size_bytes
        for block in self._window.blocks():
            digest.update(block)
            left -= len(block)
            if not left and digest.hexdigest() != self._file.sha256:
                raise _changed(self._file)
            yield block


def _changed(file: Attachment) -> FileChanged:
    return FileChanged("“{name}” has changed since it was attached", name=file.name)


def distinct_names(names: Iterable[str]) -> tuple[str, ...]:
    """Clean names of which no two are the same, not even to a system that does not tell letter cases apart."""
    taken, found = set[str](), []
    for name in names:
        plain = clean_name(name)
        stem, dot, suffix = plain.rpartition(".")
        stem, suffix = (stem, dot + suffix) if stem else (plain, "")
        tried, number = plain, 1
        while tried.casefold() in taken:
            number += 1
            tried = f"{stem} ({number}){suffix}"
        taken.add(tried.casefold())
        found.append(tried)
    return tuple(found)
