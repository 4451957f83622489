"""What a desk receives and answers, and the two contracts every adapter keeps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from uploader.journal import Journal

LINK_ABOVE_BYTES = 25_000_000
"""Files strictly larger than this travel as a link, whatever the desk would take (the product's promise)."""

Progress = Callable[[int, int], None]
"""``progress(done_bytes, total_bytes)``; may raise ``Cancelled``. That is the whole cancel mechanism."""


def quiet(done_bytes: int, total_bytes: int) -> None:
    """A ``Progress`` that nobody watches."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file on disk, never bytes. ``sha256`` was taken when it was attached; ``name`` is what people read."""

    name: str
    path: Path
    size_bytes: int
    media_type: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Link:
    url: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SharedFile:
    """A file that stayed outside the ticket, and where it is."""

    name: str
    size_bytes: int
    media_type: str
    sha256: str
    link: Link


@dataclass(frozen=True, slots=True)
class TextSection:
    """One diagnostic as the user reviewed it. ``note`` is one short line (a status, a count)."""

    id: str
    title: str
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a desk receives. ``kind`` and ``priority`` are our own words; an adapter maps them to its service's."""

    report_id: str
    subject: str
    description: str
    kind: str
    priority: str
    requester: str
    created_at: datetime
    attachments: tuple[Attachment, ...] = ()
    links: tuple[SharedFile, ...] = ()
    sections: tuple[TextSection, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    language: str = "en"


@dataclass(frozen=True, slots=True)
class TicketRef:
    """What a desk answers: the number people say, and the address they open."""

    id: str
    url: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Raw bytes; what base64 costs is already subtracted. None: the service names no limit."""

    file_bytes: int | None = None
    total_bytes: int | None = None
    blocked_suffixes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of a remote list: a project, a queue, a request type."""

    value: str
    title: str


class Desk(ABC):
    """A help desk. An adapter is a frozen dataclass; its fields are its settings. Called from worker threads."""

    title: ClassVar[str]

    @property
    def limits(self) -> Limits:
        return Limits()

    def choices(self, field: str) -> tuple[Choice, ...]:
        """The remote list for one of the adapter's own fields; most have none."""
        return ()

    @abstractmethod
    def check(self) -> None:
        """Returns when address and credentials work. Raises: UploaderError."""

    @abstractmethod
    def submit(self, ticket: Ticket, journal: Journal, progress: Progress) -> TicketRef:
        """Creates the ticket exactly once, however often it is called with the same journal.

        Raises: UploaderError. Neither sleeps nor retries: the outbox does.
        """


class Share(ABC):
    """A place for files too large for a ticket."""

    title: ClassVar[str]

    @abstractmethod
    def check(self) -> None: ...

    @abstractmethod
    def put(self, file: Attachment, journal: Journal, progress: Progress) -> Link:
        """Stores the file once and gives the link that a reader opens. Raises: UploaderError."""
