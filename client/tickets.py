"""My tickets: what the desks last said of them, and the verbs on them.

The desks are asked by ``look``, which nobody calls on Qt's thread: first for the list, which is complete at once, then
for the conversations of what has changed, the newest first and as many as there is time for.
"""

from __future__ import annotations

import logging
import math
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from client.known_tickets import LISTED, OVER, KnownTickets, Mine, Note
from client.places import Places
from client.report import Event, Report, TicketNews, TicketsChanged
from client.terms import WayBack
from uploader.errors import AuthFailed, Gone, Refused, Temporary, UploaderError
from uploader.inbox import Conversation, Inbox, OwnTicket, RemoteFile, Reply
from uploader.names import clean_name
from uploader.ticket import Progress, TicketRef, quiet

__all__ = ["LISTED", "LOOKED_AFTER", "OVER", "Looked", "Mine", "Tickets", "file_name"]

log = logging.getLogger(__name__)

READING_S = 5.0
"""How long one look goes on to read conversations, once the list is whole."""
LOOKED_AFTER = 5
"""Open tickets that are asked about one by one at each look which did not bring all."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look at a desk found: tickets with something new in them. ``left``: conversations still to be read."""

    fresh: tuple[Mine, ...] = ()
    changed: bool = False
    left: int = 0


class Tickets(KnownTickets):
    """Any thread; calls that ask a desk block for as long as it takes. ``tell`` is called on the caller's thread."""

    def __init__(self, file: Path, places: Places, tell: Callable[[Event], None]) -> None:
        super().__init__(file)
        self._places, self._tell = places, tell
        self._looked_after: dict[tuple[str, str], float] = {}
        self._moments: dict[tuple[str, str], tuple[datetime, float, bool]] = {}

    # -- asking the desk ----------------------------------------------------------------------------------------

    def reads_back(self, desk: str) -> bool:
        """Whether this desk can be asked at all. Raises: UploaderError when it is not set up."""
        found = self._places.desk(desk)
        return isinstance(found, Inbox) and found.tells

    def way_back(self, desk: str) -> WayBack:
        """How a desk's answers come. Asks no desk, but perhaps the keychain: not to be called on Qt's thread."""
        if self._places.is_embedded(desk):
            return "own"
        if not (kind := self._places.kind_of(desk)):
            return "gone"
        with suppress(UploaderError):  # why it cannot be asked is told where it is asked
            if not self.reads_back(desk):
                return "folder" if kind == "folder" else "elsewhere"
        return "here"

    def ways_back(self, tickets: Iterable[Mine]) -> dict[str, WayBack]:
        """The same of all desks of these."""
        return {desk: self.way_back(desk) for desk in {mine.desk for mine in tickets}}

    def rating_of(self, desk: str) -> str | None:
        """How this desk wants to be rated ("stars", "thumbs", or ""); None when it tells nothing back."""
        with suppress(UploaderError):
            found = self._places.desk(desk)
            return found.inbox.rating if isinstance(found, Inbox) else None
        return None

    def look(self, desk: str, reading_s: float = READING_S) -> Looked:
        """Asks one desk for news: the list is whole at once. Then reads the conversations of what has changed, the
        newest first and for about so long, keeps them and tells of agents' replies. Raises: UploaderError."""
        with self._open(), self._inbox(desk) as inbox:  # as long as one is open, closing the others costs nothing
            end_s = time.monotonic() + reading_s
            changed, unseen = self._look(desk, inbox)
            if changed:
                self._tell(TicketsChanged(desk))
            fresh, failed = self._read_all(desk, inbox, self._to_read(desk), end_s)
            left = max(len(self._to_read(desk)) - failed, 0)
            return Looked((*fresh, *self._look_after(desk, inbox, unseen)), changed, left)

    def _read_all(self, desk: str, inbox: Inbox, notes: tuple[Note, ...], end_s: float) -> tuple[list[Mine], int]:
        """Those with something new, and how many could not be read now. One that cannot be keeps nobody else's back."""
        fresh, failed = list[Mine](), 0
        for key, seen_at, was_over in notes:
            if time.monotonic() >= end_s:
                break
            try:
                added = self._read_in(desk, inbox, key, seen_at, was_over)
            except AuthFailed:
                raise
            except UploaderError as error:
                log.info("a ticket of %s could not be read: %s", desk, error)
                if isinstance(error, Refused):  # it will be tomorrow, too; who opens it is told why
                    self._forget_to_read(desk, key)
                else:
                    failed += 1
            else:
                fresh += [added] if added is not None else []
        return fresh, failed

    def _look(self, desk: str, inbox: Inbox) -> tuple[bool, list[Mine]]:
        """Whether the list has changed, and the open tickets which a look that did not bring all has left out."""
        with self._open() as database:
            row = database.execute("SELECT mark FROM desk WHERE name = ?", (desk,)).fetchone()
        mark = row[0] if row else ""
        turn = self._turn()
        news = inbox.news(mark)
        changed = False
        for ticket in news.tickets:
            known = self.known(desk, ticket.key)
            if ticket.elsewhere and known is None:
                continue
            # Unlike, not later: what was noted here when it was sent has this computer's clock.
            alike = known and (known.ticket.updated_at, known.ticket.state) == (ticket.updated_at, ticket.state)
            if self._is_settled(desk, ticket) and alike:
                continue
            changed = changed or not alike
            if known is not None or mark:  # else it is the first look ever: nothing of it is news
                self._note_to_read(desk, ticket.key, known)
            if not alike:
                self._keep(desk, ticket, turn=turn)
        with self._open() as database:
            database.execute("INSERT OR REPLACE INTO desk VALUES(?, ?, ?)", (desk, news.mark, _now()))
            if news.more:
                database.execute("INSERT OR IGNORE INTO cut_off VALUES(?)", (desk,))
        if not news.more:
            return changed, []
        seen = {ticket.key for ticket in news.tickets}
        return changed, [
            m for m in self._each("WHERE solved_at IS NULL AND desk = ?", desk) if m.ticket.key not in seen
        ]

    def _is_settled(self, desk: str, ticket: OwnTicket) -> bool:
        """Whether it was read since the second of its last change was over: many desks tell no more than seconds, and
        somebody may have answered in the rest of that one. Otherwise it is to be read now."""
        key, now_s = (desk, ticket.key), time.monotonic()
        moment, seen_s, settled = self._moments.get(key, (None, now_s, False))
        if moment != ticket.updated_at:
            seen_s, settled = now_s, False
        self._moments[key] = (ticket.updated_at, seen_s, settled or now_s - seen_s > 1)
        return settled

    def _look_after(self, desk: str, inbox: Inbox, unseen: list[Mine]) -> tuple[Mine, ...]:
        """Asks about a few of these each time, in turn: they may have been answered."""
        asked = self._looked_after
        unseen.sort(key=lambda mine: asked.get((desk, mine.ticket.key), 0.0))
        fresh = list[Mine]()
        for mine in unseen[:LOOKED_AFTER]:
            asked[(desk, mine.ticket.key)] = time.monotonic()
            self._note_to_read(desk, mine.ticket.key, mine)
            notes = tuple(note for note in self._to_read(desk) if note[0] == mine.ticket.key)
            fresh += self._read_all(desk, inbox, notes, math.inf)[0]
        return tuple(fresh)

    def wait(self, desk: str, seconds: float, stopped: Callable[[], bool]) -> bool:
        """Blocks until the desk tells of news (True); at once False where it does not tell. Raises: UploaderError."""
        with self._inbox(desk) as inbox:
            return inbox.inbox.waits and inbox.wait(seconds, stopped)

    def _read_in(self, desk: str, inbox: Inbox, key: str, seen_at: datetime | None, was_over: bool) -> Mine | None:
        """Keeps the conversation; the ticket when agents have written in it since, or it was solved."""
        asked_s, turn = time.monotonic(), self._turn()
        try:
            talk = _talk(inbox, key)
        except Gone:
            self._forget_to_read(desk, key)
            return None
        self._settle(desk, talk.ticket, asked_s)
        before = self.known(desk, key)
        old = {reply.key for reply in self.replies(before)} if before else set[str]()
        theirs = [r for r in talk.replies if not r.mine and not r.automatic and r.key not in old]
        new = [r for r in theirs if not seen_at or r.written_at > seen_at]
        solved = talk.ticket.state in OVER and not was_over
        if not self._keep_read(desk, talk.ticket, talk.replies, len(new), turn) or not (new or solved):
            return None
        self._tell(TicketNews(desk, talk.ticket, tuple(new), solved))
        return self.known(desk, key)

    def _settle(self, desk: str, ticket: OwnTicket, asked_s: float) -> None:
        """It was asked for at that moment; when the second of its last change was over by then, that is all of it."""
        moment, seen_s, settled = self._moments.get((desk, ticket.key), (None, asked_s, False))
        if moment == ticket.updated_at:
            self._moments[(desk, ticket.key)] = (moment, seen_s, settled or asked_s - seen_s > 1)

    def open(self, mine: Mine) -> tuple[Reply, ...]:
        """The conversation as the desk has it now. Raises: UploaderError."""
        turn = self._turn()
        with self._inbox(mine.desk) as inbox:
            talk = _talk(inbox, mine.ticket.key)
        self._keep_read(mine.desk, talk.ticket, talk.replies, 0, turn)
        return talk.replies

    def fetch(self, mine: Mine, file: RemoteFile, folder: Path, progress: Progress = quiet) -> Path:
        """Brings a file of a reply into ``folder`` under a harmless name; never replaces one. Raises: UploaderError."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = file_name(file)
        target = next(p for n in range(1, 10_000) if not (p := folder / (f"{n}-{name}" if n > 1 else name)).exists())
        coming = folder / f".{secrets.token_hex(6)}"  # half a file never stands under the name of a whole one
        try:
            with self._inbox(mine.desk) as inbox:
                inbox.fetch(file, coming, progress)
            coming.rename(target)
        finally:
            coming.unlink(missing_ok=True)
        return target

    def solve(self, mine: Mine) -> None:
        with self._inbox(mine.desk) as inbox:
            inbox.solve(mine.ticket.key)
        self._open_again(mine)

    def reopen(self, mine: Mine) -> None:
        with self._inbox(mine.desk) as inbox:
            inbox.reopen(mine.ticket.key)
        self._open_again(mine)

    def _open_again(self, mine: Mine) -> None:
        """It is done; a desk that goes away at this moment must not make it look undone. The next look tells."""
        with suppress(UploaderError):
            self.open(mine)

    def rate(self, mine: Mine, score: int, comment: str = "") -> bool:
        """Keeps the rating, and gives it to the desk where it takes one; whether it did. Without a comment the one that
        was given before stays. Raises: UploaderError."""
        desk, comment = self._places.desk(mine.desk), comment or mine.comment
        takes = isinstance(desk, Inbox) and bool(desk.inbox.rating)
        if takes:
            desk.rate(mine.ticket.key, score, comment)  # type: ignore[attr-defined]
        with self._open() as database:
            database.execute("UPDATE ticket SET score = ?, comment = ?, asked = 1 WHERE desk = ? AND key = ?",
                             (score, comment, mine.desk, mine.ticket.key))  # fmt: skip
        return takes

    def note_sent(self, desk: str, report: Report, ref: TicketRef) -> None:
        """A report has become a ticket: it stands in the list at once, also where the desk tells nothing back."""
        at = report.created_at
        may = ("reply",) if self.rating_of(desk) is not None else ()
        ticket = OwnTicket(ref.id, ref.key or ref.id, ref.url, report.summary, "open", "", report.priority, at, at,
                           may=may)  # fmt: skip
        if report.reply_to is not None:
            return
        if self.known(desk, ticket.key) is None:
            self._keep(desk, ticket, turn=0)
        with self._open() as database:
            own = (report.id, desk, ticket.key)
            database.execute("UPDATE ticket SET report_id = ? WHERE desk = ? AND key = ?", own)
            what = (desk, ticket.key, report.kind, report.priority)
            database.execute("INSERT OR REPLACE INTO written VALUES(?, ?, ?, ?)", what)

    @contextmanager
    def _inbox(self, name: str) -> Iterator[Inbox]:
        desk = self._places.desk(name)
        if not isinstance(desk, Inbox):
            raise Refused("{service} tells nothing back; open the ticket in the browser", service=desk.title)
        with self._places.keychain_told(name):
            yield desk


def _talk(inbox: Inbox, key: str) -> Conversation:
    """Raises: UploaderError, also where a ticket would have nothing at all in it."""
    found = inbox.conversation(key)
    if inbox.inbox.begins and not found.replies:
        raise Temporary("{service} told nothing of what stands in the ticket", service=inbox.title)
    return found


def file_name(file: RemoteFile) -> str:
    """What a file of a desk's is called here: the last part of whatever path its name holds, made harmless."""
    return clean_name(re.split(r"[\\/]", file.name.rstrip("\\/"))[-1])


def _now() -> str:
    return datetime.now(UTC).isoformat()
