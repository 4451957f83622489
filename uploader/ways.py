"""How bytes get to a service: what an adapter describes and the engine (``transfer``) calls.

Three shapes of service cover all: ``Parts`` (numbered pieces in any order: S3, Azure, Nextcloud, a broker), ``Stream``
(one offset that the server tells: tus, SFTP, Dropbox, and the range sessions of Google and Microsoft), ``Whole`` (one
request: WebDAV, ``.sxcu``; never called resumable). The journal remembers what was begun, the server is asked what it
has. An adapter describes its service; it neither retries nor sleeps nor knows of threads.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from uploader.errors import TooLarge
from uploader.flow import Flow, persist
from uploader.source import Source, Window

PIECE_BYTES = 20 * 1024 * 1024
"""Satisfies all piece rules at once: multiples of 320 KiB (Graph), 256 KiB (Google), 4 MiB (Dropbox), at least 5 MiB
(S3, Nextcloud), and stays below the 100 MB at which proxies in front of servers cut one request off."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One object on its way. ``key`` has 128 random bits and was drawn once; ``size_bytes`` is what the server gets."""

    key: str
    name: str
    size_bytes: int
    media_type: str
    piece_bytes: int

    @property
    def piece_count(self) -> int:
        """An empty file has one empty piece."""
        return max(1, math.ceil(self.size_bytes / self.piece_bytes))

    def piece(self, number: int) -> tuple[int, int]:
        """Offset and length in bytes of the piece with this number; the first is 1."""
        offset = (number - 1) * self.piece_bytes
        return offset, min(self.piece_bytes, self.size_bytes - offset)


def is_key(text: str) -> bool:
    """Whether this is an upload's key, and not something whose deletion would take more with it."""
    return len(text) == 32 and not text.strip("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class PieceRule:
    """What a service takes as one piece: at most ``most_count``, each at most ``most_bytes``."""

    most_count: int = 10_000
    most_bytes: int | None = None

    def piece_bytes(self, size_bytes: int) -> int:
        """A multiple of 20 MiB, chosen once per upload. Raises: TooLarge."""
        piece = PIECE_BYTES * max(1, math.ceil(size_bytes / PIECE_BYTES / (self.most_count - 1)))
        if self.most_bytes is not None and piece > self.most_bytes:
            raise TooLarge("the file is larger than the service takes", limit_bytes=self.most_bytes * self.most_count)
        return piece


@dataclass(frozen=True, slots=True)
class Part:
    """One piece that the server has; ``receipt`` is what the service wants to hear of it at the end."""

    size_bytes: int
    receipt: str


class Way(ABC):
    """How bytes get to one service. Made for one sending; called from several threads.

    ``begin`` gives the session, which goes into the journal before the first byte. Every method raises UploaderError,
    Gone when the server has forgotten the session.
    """

    pieces: ClassVar[PieceRule] = PieceRule()

    def begin(self, upload: Upload) -> str:
        return ""

    @abstractmethod
    def finish(self, upload: Upload, session: str, receipts: Mapping[int, str]) -> str:
        """Makes the object whole, compares it with what was sent, and says how the service calls it.

        Harmless to repeat: a second time it finds what the first has done.
        """

    def abort(self, upload: Upload, session: str) -> None:  # noqa: B027  # many sessions die by themselves
        """Throws the unfinished session away; harmless when it is gone."""

    def renew(self) -> bool:
        """Gets a new access token; False when there is no way to."""
        return False


class Parts(Way):
    """Numbered pieces, from 1, in any order."""

    @abstractmethod
    def have(self, upload: Upload, session: str) -> Mapping[int, Part]: ...

    @abstractmethod
    def send(self, upload: Upload, session: str, number: int, body: Window) -> str:
        """The receipt of a piece that the server has checked."""


class Stream(Way):
    """Pieces one after the other; the server says how far it is."""

    @abstractmethod
    def offset(self, upload: Upload, session: str) -> int: ...

    @abstractmethod
    def send(self, upload: Upload, session: str, body: Window) -> int:
        """The server's offset after it took the piece that begins at ``body.offset``."""


class Whole(Way):
    """All in one request. ``send`` says how the service calls what it stored."""

    @abstractmethod
    def send(self, upload: Upload, body: Window) -> str: ...

    def finish(self, upload: Upload, session: str, receipts: Mapping[int, str]) -> str:
        return receipts[1]


def send_part(
    way: Parts, upload: Upload, session: str, source: Source, flow: Flow, receipts: dict[int, str], number: int
) -> None:
    offset, length = upload.piece(number)

    def act() -> str:
        with flow.counted() as passing:
            return way.send(upload, session, number, Window(source, offset, length, passing))

    receipts[number] = persist(flow, way, act)
    flow.acknowledge(length)


def send_whole(way: Whole, upload: Upload, source: Source, flow: Flow, receipts: dict[int, str]) -> None:
    def act() -> str:
        with flow.counted() as passing:
            return way.send(upload, Window(source, 0, upload.size_bytes, passing))

    receipts[1] = persist(flow, way, act)
    flow.acknowledge(upload.size_bytes)


def send_stream(way: Stream, upload: Upload, session: str, source: Source, flow: Flow) -> None:
    """From where the server is to the end; after every trouble the server is asked again where it is."""
    sure = True

    def act() -> int:
        nonlocal sure
        if not sure:
            at = way.offset(upload, session)
            flow.acknowledge(at - flow.done_bytes)
            if at >= upload.size_bytes:
                return at
        sure = False
        offset = flow.done_bytes
        length = min(upload.piece_bytes, upload.size_bytes - offset)
        with flow.counted() as passing:
            return way.send(upload, session, Window(source, offset, length, passing))

    while True:
        reached = persist(flow, way, act)
        sure = True
        flow.acknowledge(reached - flow.done_bytes)
        if flow.done_bytes >= upload.size_bytes:
            return
