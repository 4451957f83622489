"""The engine of every upload: begun once, resumed from what the server has, checked, and linked.

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
from typing import TYPE_CHECKING, ClassVar

import msgspec

from uploader.errors import Refused, Temporary, TooLarge
from uploader.setting import setting
from uploader.source import Identity, Window
from uploader.ticket import AS_SET, Attachment, Link, Progress, Share, Wishes
from uploader.wire import Wire

if TYPE_CHECKING:
    from uploader.journal import Journal

PIECE_BYTES = 20 * 1024 * 1024
"""Satisfies all piece rules at once: multiples of 320 KiB (Graph), 256 KiB (Google), 4 MiB (Dropbox), at least 5 MiB
(S3, Nextcloud), and stays below the 100 MB at which proxies in front of servers cut one request off."""
WIDTH = 4
"""Parts at a time."""
MOST_BEGINNINGS = 3
"""How often a session that the server has forgotten is begun anew in one run."""
SOON_S = 10.0
"""When the next try shall come after a run that brought some bytes there."""


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


class Plan(msgspec.Struct, frozen=True):
    """What is decided once per upload and kept in the journal."""

    file: Identity
    upload: Upload
    seal_key: str = ""


@dataclass(frozen=True, kw_only=True)
class UploadShare(Share):
    """A share that sends through this engine."""

    expires_days: float = setting(
        "The link ends after, in days", help="0: it does not end by itself.", kind="number", default=30.0, least=0,
        most=3650,
    )  # fmt: skip
    seal: str = setting(
        "Sealed",
        help="The file is encrypted here; the service cannot read it, nor can its virus scanner. "
        "“link”: the key is part of the link. “apart”: the key stands in the ticket beside it.",
        choices=("no", "link", "apart"),
        default="no",
    )

    def open_wire(self) -> Wire:
        """Connections as this share may have them; every call of its uploads goes through one of these."""
        return Wire()

    @abstractmethod
    def way(self, wire: Wire) -> Parts | Stream | Whole: ...

    @abstractmethod
    def link(self, wire: Wire, upload: Upload, stored: str, days: float, password: str) -> Link:
        """The link to a stored object. Harmless to repeat. ``days`` 0: for ever; ``password`` empty: none."""

    def receipt(self, upload: Upload, stored: str) -> str:
        """What ``erase`` needs for an object that has no link yet."""
        return stored

    def erase(self, wire: Wire, receipt: str) -> None:
        """Ends the link and deletes the object; harmless when it is gone."""
        raise Refused("{service} cannot take a link back; ask whoever looks after it", service=self.title)

    def look(self, wire: Wire, upload: Upload, link: Link) -> None:
        """Opens the link as anybody would. Raises: UploaderError when it does not lead to the whole file."""
        found = wire.length(link.url)
        if found is not None and found != upload.size_bytes:
            raise Temporary("the link leads to something else than the file that was sent; it is checked again")

    def put(self, file: Attachment, journal: Journal, progress: Progress, wishes: Wishes = AS_SET) -> Link:
        from uploader.sending import Sending

        with self.open_wire() as wire:
            return Sending(self, wire, file, journal, wishes).run(progress)

    def abandon(self, file: Attachment, journal: Journal) -> None:
        from uploader.sending import Sending

        with self.open_wire() as wire:
            Sending(self, wire, file, journal, AS_SET).abandon()

    def revoke(self, receipt: str) -> None:
        with self.open_wire() as wire:
            self.erase(wire, receipt)
