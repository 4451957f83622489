"""The way back from a desk: the second contract, which a desk may offer too. Values in the field's words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from uploader.errors import Refused
from uploader.ticket import Progress, Ticket

if TYPE_CHECKING:
    from uploader.journal import Journal
    from uploader.wire import Wire

State = Literal["open", "waiting", "solved", "closed"]
"""``waiting``: for the user. ``solved`` may be reopened, ``closed`` is over."""
MOST_TICKETS = 200
"""Of the newest that a first look brings; those with 10,000 tickets see the older ones at the desk itself."""
MOST_CHANGED = 2000
"""That a later look brings: more than the desk says to anybody in a holiday."""

MOST_FILE_BYTES = 4_000_000_000
"""That is read of a file whose size the desk does not tell."""
SLACK_BYTES = 1_000_000
"""Some tell the size of another packing."""


@dataclass(frozen=True, slots=True)
class OwnTicket:
    """One ticket of the user's, as the desk shows it. ``id`` is what people say, ``key`` what its calls want.

    ``state_title`` is the desk's own word; ``priority`` too, but ours ("high", "medium", "low") where it is what we
    would write for it. ``first_answer_due_at`` and ``due_at`` are the desk's
    promises, None where it tells none. ``may`` holds "reply", "solve", "reopen", "rate" as far as the desk allows it.
    """

    id: str
    key: str
    url: str
    subject: str
    state: State
    state_title: str
    priority: str
    created_at: datetime
    updated_at: datetime
    first_answer_due_at: datetime | None = None
    due_at: datetime | None = None
    may: tuple[str, ...] = ("reply",)
    rating: int | None = None
    """1 to 5, as it was given; None: not yet."""
    elsewhere: bool = False
    """In another queue or project than the desk is set to: another desk's, unless it was sent by this one and moved."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at the desk. ``name`` is whatever the desk says: clean it before it touches a disk."""

    key: str
    name: str
    size_bytes: int | None = None
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """One message of a ticket. ``text`` is plain text, made from whatever the desk holds. ``mine``: the user's own.

    ``automatic``: a machine wrote it (an acknowledgement, an absence): it is shown, and is nobody's answer.
    """

    key: str
    author: str
    mine: bool
    written_at: datetime
    text: str
    files: tuple[RemoteFile, ...] = ()
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """A ticket with its messages, oldest first; the first may be the ticket's own description."""

    ticket: OwnTicket
    replies: tuple[Reply, ...]


@dataclass(frozen=True, slots=True)
class News:
    """What one look at the desk brought. ``mark`` is handed back at the next look; same mark, nothing new.

    ``more``: not all of what it was asked for; what is known to be open is then to be looked at by itself.
    """

    mark: str
    tickets: tuple[OwnTicket, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True)
class Article:
    """One page of the knowledge base. ``excerpt`` is plain text; ``text`` all of it where it is at hand."""

    title: str
    url: str
    excerpt: str
    key: str = ""
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class InboxAbilities:
    """``rating``: "stars" (1 to 5), "thumbs" (1 or 5), or "" where the desk keeps none.

    ``waits``: ``wait`` is told of news by the desk; otherwise it is asked now and then.
    ``tells_if``: a setting that must be filled in, or ``setting=value``, for anything to come back.
    """

    rating: str = ""
    solves: bool = False
    reopens: bool = False
    waits: bool = False
    sends_files: bool = True
    tells_if: str = ""
    begins: bool = False
    """A conversation always holds the ticket's own text: one without any is a fault of the service's."""


class Inbox(ABC):
    """Reading and answering one's own tickets. Called from worker threads; every call may raise UploaderError."""

    title: ClassVar[str]
    inbox: ClassVar[InboxAbilities] = InboxAbilities()

    @property
    def tells(self) -> bool:
        """Whether anything comes back with these settings; else its answers come by mail alone."""
        name, _, wanted = self.inbox.tells_if.partition("=")
        value = getattr(self, name) if name else True
        return bool(value == wanted if wanted else value)

    @abstractmethod
    def news(self, mark: str) -> News:
        """The user's tickets that changed since ``mark`` (empty: all), newest first, ``most_of(mark)`` at most."""

    @abstractmethod
    def conversation(self, key: str) -> Conversation:
        """Raises: Gone when the ticket is not there, or not for this user."""

    @abstractmethod
    def reply(self, ticket: Ticket, journal: Journal, progress: Progress) -> str:
        """Adds ``ticket.description`` and its files to the ticket ``ticket.reply_to``, exactly once; the reply's key.

        A solved ticket is open again afterwards where the desk does that.
        """

    def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        """Writes a file of a reply to ``target``, which does not exist yet. Harmless to repeat."""
        raise Refused("{service} hands out no files; open the ticket in the browser", service=self.title)

    def _save(
        self, wire: Wire, file: RemoteFile, url: str, target: Path, progress: Progress,
        headers: Mapping[str, str] | None = None, *, follow: int = 0,
    ) -> None:  # fmt: skip
        """``Wire.save`` of what is not much longer than the desk has told; what breaks off leaves nothing behind."""
        most = 2 * file.size_bytes + SLACK_BYTES if file.size_bytes else MOST_FILE_BYTES

        def passing(done: int, total: int) -> None:
            if done > most:
                raise Refused("{service} sends more of “{name}” than it has; it was not kept", service=self.title,
                              name=file.name)  # fmt: skip
            progress(done, total)

        try:
            wire.save(url, target, passing, headers, follow=follow)
        except FileExistsError:
            raise
        except BaseException:
            target.unlink(missing_ok=True)
            raise

    def solve(self, key: str) -> None:
        """The user says that it is solved. Harmless to repeat."""
        raise Refused("{service} lets only the agents close a ticket", service=self.title)

    def reopen(self, key: str) -> None:
        """The user says that it is not solved. Harmless to repeat."""
        raise Refused("{service} opens a ticket again when you reply", service=self.title)

    def rate(self, key: str, score: int, comment: str) -> None:
        """1 to 5. Harmless to repeat."""
        raise Refused("{service} keeps no ratings", service=self.title)

    def wait(self, seconds: float, stopped: Callable[[], bool]) -> bool:
        """Blocks until there may be news (True), or ``seconds`` are over, or ``stopped``. Only where ``waits``."""
        return False


class Library(ABC):
    """A knowledge base that can be searched."""

    @abstractmethod
    def articles(self, query: str, language: str) -> tuple[Article, ...]:
        """Five at most, best first."""


def most_of(mark: str) -> int:
    """How many tickets a look since ``mark`` brings at most; what lies between two looks is not to be cut off."""
    return MOST_CHANGED if mark else MOST_TICKETS


def with_files(talk: list[Reply], attached: Iterable[tuple[RemoteFile, bool, datetime]]) -> tuple[Reply, ...]:
    """The messages with the files of a service that keeps those at the ticket: each, with whether it is the user's own
    and its time, goes to the message of the same side nearest in time, the earlier one of two."""
    files: list[list[RemoteFile]] = [[] for _ in talk]
    for file, mine, when in attached:
        sides = [place for place, reply in enumerate(talk) if reply.mine is mine] or [0]
        nearest = min(sides, key=lambda place: abs((talk[place].written_at - when).total_seconds()))
        files[nearest].append(file)
    return tuple(replace(reply, files=(*reply.files, *new)) for reply, new in zip(talk, files))
