"""What a desk receives and answers, and the two contracts every adapter keeps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from uploader.errors import Refused

if TYPE_CHECKING:
    from uploader.journal import Journal
    from uploader.seen import Seen

LINK_LEAST = timedelta(hours=1)
"""A link that was made earlier and ends sooner is made anew before it goes into a ticket."""
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
    """Where a reader finds a file.

    ``ended_by``: who ends it at ``expires_at``: "service", or "us" (this program must revoke it then); empty: nobody.
    ``receipt`` is what the share needs to revoke it. ``password`` and ``key`` (of a sealed file) do not ride in ``url``
    and are to be told apart. ``page``: the link is a page that opens the sealed file in a browser. ``sha256`` is the
    plain file's, taken while it was sent.
    """

    url: str
    expires_at: datetime | None = None
    ended_by: str = ""
    receipt: str = field(default="", repr=False)
    sha256: str = ""
    password: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    sealed: bool = False
    page: bool = False
    end_known: bool = True
    """False: somebody else made or keeps it, and may end it when they like."""
    resumed_from_bytes: int = 0

    def holds(self) -> bool:
        """Whether a reader still has some time for it."""
        return self.expires_at is None or self.expires_at - datetime.now(UTC) > LINK_LEAST


@dataclass(frozen=True, slots=True)
class Wishes:
    """How one file shall travel and be read; None: as the share's settings say.

    ``bytes_per_s`` is asked again and again while it runs; 0: as fast as it goes.
    """

    expires_days: float | None = None
    password: bool = False
    sealed: bool | None = None
    bytes_per_s: Callable[[], int] = lambda: 0


@dataclass(frozen=True, slots=True)
class ShareAbilities:
    """What a kind of share can do. ``ends_links``: "service", "us" (this program revokes them), or "" (never).

    ``checks`` names what the service compares, for the docs. ``serves_pages``: a browser shows a page stored there.
    ``signs_in``: ``sign_in`` gets the secrets from the service itself, in a browser.
    """

    resumes: bool = False
    ends_links: str = ""
    password: bool = False
    revokes: bool = False
    largest_bytes: int | None = None
    checks: str = ""
    serves_pages: bool = False
    signs_in: bool = False


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
    reply_to: str = ""
    """The ``key`` of the ticket that this is a reply to; empty: a new ticket."""


@dataclass(frozen=True, slots=True)
class TicketRef:
    """What a desk answers: the number people say, and the address they open (empty: there is none).

    ``key`` is what the service's own calls want; empty: the number. ``unconfirmed``: the service took it and gives no
    number; it comes by mail.
    """

    id: str
    url: str
    key: str = ""
    unconfirmed: bool = False


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


Order = Literal["before", "inside", "after"]
"""When files travel: uploaded before the ticket is created, inside that call, or attached to it afterwards."""
Markup = Literal["plain", "html", "markdown", "textile", "jira"]
"""What the text of a ticket may be written in; see ``uploader/body.py``."""


@dataclass(frozen=True, slots=True)
class DeskAbilities:
    """What a kind of desk can do.

    ``entry`` is how a user gets in without an agent's secret: "token" (one's own), "oauth", "anonymous", "mail" or
    "relay" (the company's own server holds the agent's key). ``shows_sections``: diagnostics are shown by the desk and
    need no file. ``signs_in``: ``sign_in`` gets the secrets in a browser. ``mail_modes``: the values of a desk's
    ``mode`` in which every ticket needs the user's mail address.
    """

    order: Order = "inside"
    markup: Markup = "plain"
    entry: tuple[str, ...] = ("token",)
    shows_sections: bool = False
    signs_in: bool = False
    mail_modes: tuple[str, ...] = ()


class Desk(ABC):
    """A help desk. An adapter is a frozen dataclass; its fields are its settings. Called from worker threads."""

    title: ClassVar[str]
    abilities: ClassVar[DeskAbilities] = DeskAbilities()

    @classmethod
    def recognise(cls, seen: Seen) -> Mapping[str, str] | None:
        """The settings that an address gives away, when this kind of desk lives there; None: it does not.

        Asks ``seen`` for pages, which other kinds ask for too. Raises: nothing for what it does not understand.
        """
        return None

    @property
    def doors(self) -> tuple[str, ...]:
        """Where it is reached, for ``probe.walk``: its web address, or ``smtp+starttls://host:587``, ``imap+tls://…``."""
        url = str(getattr(self, "url", "")).strip()
        return () if not url or "@" in url else (url if "://" in url else f"https://{url}",)

    @property
    def limits(self) -> Limits:
        """What a ticket may hold; asked of the service where it tells. Raises: UploaderError."""
        return Limits()

    def sign_in(self, show: Callable[[str], None]) -> Mapping[str, str]:
        """Secrets by the name of their setting, after the user has agreed in a browser (as ``Share.sign_in``)."""
        raise Refused("{service} knows no sign-in by browser; type the password", service=self.title)

    def asks(self) -> tuple[str, ...]:
        """What of the user every ticket needs: ``mail``, ``name``. Asked of the service where only that tells.

        Raises: UploaderError.
        """
        return ("mail",) if getattr(self, "mode", "") in self.abilities.mail_modes else ()

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


AS_SET = Wishes()


class Share(ABC):
    """A place for files too large for a ticket. A frozen dataclass as a desk is. Called from worker threads."""

    title: ClassVar[str]
    abilities: ClassVar[ShareAbilities] = ShareAbilities()
    expires_days: float = 0
    """After how many days a link shall end; 0: never."""

    @property
    def link_days(self) -> float | None:
        """After how many days a link that is made now ends; 0: it does not; None: nobody here knows."""
        return self.expires_days

    @abstractmethod
    def check(self) -> None: ...

    def sign_in(self, show: Callable[[str], None]) -> Mapping[str, str]:
        """Secrets by the name of their setting, after the user has agreed in a browser.

        ``show`` opens an address. Blocks until the user is done, five minutes at most. Raises: UploaderError.
        """
        raise Refused("{service} knows no sign-in by browser; type the password", service=self.title)

    @abstractmethod
    def put(self, file: Attachment, journal: Journal, progress: Progress, wishes: Wishes = AS_SET) -> Link:
        """Stores the file once and gives the link that a reader opens, however often it is called with one journal.

        ``file.sha256`` may be empty: then it is taken while sending. Raises: UploaderError.
        """

    def abandon(self, file: Attachment, journal: Journal) -> None:  # noqa: B027  # most leave nothing
        """Removes what ``put`` left outside, finished or not. Raises: UploaderError."""

    def revoke(self, receipt: str) -> None:
        """Ends a link and deletes its file; harmless when it is gone already. Raises: UploaderError."""
        raise Refused("{service} cannot take a link back; ask whoever looks after it", service=self.title)

    def sweep(self, known: frozenset[str], older_than: datetime) -> int:
        """Aborts unfinished uploads of ours begun before ``older_than`` whose key is not ``known``; how many."""
        return 0
