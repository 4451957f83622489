"""My tickets: what the desks last said of them, kept on disk so that it can be read offline, and the verbs on them.

DATA/tickets.sqlite holds one row per ticket; the desks are asked by ``look``, which nobody calls on Qt's thread. What
only this machine knows (unread, rated, when the first answer came) is in the same row, so the file is no mere index.
"""

from __future__ import annotations

import re
import sqlite3
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from client.places import Places
from client.report import Event, Report, TicketNews
from uploader.errors import Gone, Refused, UploaderError
from uploader.inbox import Inbox, OwnTicket, RemoteFile, Reply
from uploader.names import clean_name
from uploader.ticket import Progress, TicketRef, quiet

SCHEMA = """
CREATE TABLE IF NOT EXISTS ticket(
    desk TEXT, key TEXT, data BLOB NOT NULL, replies BLOB, unread INTEGER DEFAULT 0, first_answer_at TEXT,
    solved_at TEXT, score INTEGER, comment TEXT DEFAULT '', asked INTEGER DEFAULT 0, report_id TEXT DEFAULT '',
    updated_at TEXT NOT NULL, PRIMARY KEY(desk, key));
CREATE INDEX IF NOT EXISTS newest ON ticket(updated_at DESC);
CREATE TABLE IF NOT EXISTS desk(name TEXT PRIMARY KEY, mark TEXT, looked_at TEXT);
CREATE TABLE IF NOT EXISTS cut_off(desk TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS written(desk TEXT, key TEXT, kind TEXT, priority TEXT, PRIMARY KEY(desk, key));
"""
OVER = ("solved", "closed")
LISTED = 500
"""Of those that are over; what is open is always in the list."""
LOOKED_AFTER = 5
"""Open tickets that are asked about one by one at each look which did not bring all."""


class Mine(msgspec.Struct, frozen=True):
    """One ticket as it was last seen. ``desk`` is the name in the settings. ``score``: how the user rated it.

    ``kind`` and ``priority`` are what was written here; empty for a ticket that was not. ``replies`` are all messages
    that are here; ``answers`` those that people on either side wrote after the first one, which is the ticket's own
    text: None while nobody here has opened it. ``asked``: not to be asked for a rating now.
    """

    desk: str
    ticket: OwnTicket
    unread: int = 0
    replies: int = 0
    first_answer_at: datetime | None = None
    solved_at: datetime | None = None
    score: int | None = None
    comment: str = ""
    asked: bool = False
    report_id: str = ""
    kind: str = ""
    priority: str = ""
    answers: int | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look at a desk found: tickets with something new in them."""

    fresh: tuple[Mine, ...] = ()
    changed: bool = False


class Tickets:
    """Any thread; calls that ask a desk block for as long as it takes. ``tell`` is called on the caller's thread."""

    def __init__(self, file: Path, places: Places, tell: Callable[[Event], None]) -> None:
        self._file, self._places, self._tell = file, places, tell
        self._made = False
        self._looked_after: dict[tuple[str, str], float] = {}
        self._moments: dict[tuple[str, str], tuple[datetime, float, bool]] = {}

    # -- what is known ------------------------------------------------------------------------------------------

    def list(self, query: str = "", *, limit: int = LISTED) -> tuple[Mine, ...]:
        """All that are open and the ``limit`` newest, the unread first; with ``query`` the ``limit`` newest of all
        whose number or subject holds its words."""
        words = query.casefold().split()
        if words:
            found = (m for m in self._each() if all(w in f"{m.ticket.id} {m.ticket.subject}".casefold() for w in words))
            return tuple(islice(found, limit))
        return tuple(self._each(_LISTED, limit))

    def _each(self, where: str = "", *values: object) -> Iterator[Mine]:
        """One after the other, the unread and newest first: ten thousand are never in memory together."""
        with self._open() as database:
            for row in database.execute(f"{_SELECT} {where} {_ORDER}", values):
                yield _mine(row)

    def are_cut_off(self, desk: str = "") -> bool:
        """Whether this desk (any of them) holds older tickets of the user's which were never brought here."""
        with self._open() as database:
            return bool(database.execute("SELECT 1 FROM cut_off WHERE ? IN ('', desk)", (desk,)).fetchone())

    def similar(self, words: str, most: int) -> tuple[Mine, ...]:
        """One's own tickets that are still open and share the most telling words with these, best first."""
        wanted = _telling(words)
        found = [(len(wanted & _telling(m.ticket.subject)), m) for m in self._each("WHERE solved_at IS NULL")]
        least = max(1, (len(wanted) + 1) // 2)
        found = sorted((pair for pair in found if pair[0] >= least), key=lambda pair: -pair[0])
        return tuple(mine for _, mine in found[:most])

    def find(self, wanted: str, desk: str = "") -> Mine:
        """By its number or key; of several desks the first. Raises: KeyError when there is none."""
        if found := self.all_of(wanted, desk):
            return found[0]
        raise KeyError(wanted)

    def all_of(self, wanted: str, desk: str = "") -> tuple[Mine, ...]:
        """Those of this number or else key, one per desk: every desk counts for itself, so that they share numbers."""
        found = dict[str, Mine]()
        for mine in self._each():
            if desk in ("", mine.desk) and wanted in (mine.ticket.id, mine.ticket.key):
                first = found.setdefault(mine.desk, mine)
                if wanted == mine.ticket.id != first.ticket.id:
                    found[mine.desk] = mine
        return tuple(found.values())

    def replies(self, mine: Mine) -> tuple[Reply, ...]:
        """The conversation as it was last seen; empty when it was never opened."""
        with self._open() as database:
            row = database.execute(
                "SELECT replies FROM ticket WHERE desk = ? AND key = ?", (mine.desk, mine.ticket.key)
            ).fetchone()
        return msgspec.json.decode(row[0], type=tuple[Reply, ...]) if row and row[0] else ()

    def unread(self) -> int:
        with self._open() as database:
            return int(database.execute("SELECT count(*) FROM ticket WHERE unread > 0").fetchone()[0])

    def mark_read(self, mine: Mine) -> None:
        with self._open() as database:
            database.execute("UPDATE ticket SET unread = 0 WHERE desk = ? AND key = ?", (mine.desk, mine.ticket.key))

    def looked_at(self, desk: str) -> datetime | None:
        """When this desk was last asked with success."""
        with self._open() as database:
            row = database.execute("SELECT looked_at FROM desk WHERE name = ?", (desk,)).fetchone()
        return datetime.fromisoformat(row[0]) if row and row[0] else None

    # -- asking the desk ----------------------------------------------------------------------------------------

    def reads_back(self, desk: str) -> bool:
        """Whether this desk can be asked at all. Raises: UploaderError when it is not set up."""
        return isinstance(self._places.desk(desk), Inbox)

    def rating_of(self, desk: str) -> str | None:
        """How this desk wants to be rated ("stars", "thumbs", or ""); None when it tells nothing back."""
        with suppress(UploaderError):
            found = self._places.desk(desk)
            return found.inbox.rating if isinstance(found, Inbox) else None
        return None

    def look(self, desk: str) -> Looked:
        """Asks one desk for news, keeps it and tells of agents' replies. Raises: UploaderError."""
        with self._open(), self._inbox(desk) as inbox:  # as long as one is open, closing the others costs nothing
            return self._look(desk, inbox)

    def _look(self, desk: str, inbox: Inbox) -> Looked:
        with self._open() as database:
            row = database.execute("SELECT mark FROM desk WHERE name = ?", (desk,)).fetchone()
        mark = row[0] if row else ""
        news = inbox.news(mark)
        fresh, changed = list[Mine](), False
        for ticket in reversed(news.tickets):
            known = self.known(desk, ticket.key)
            if ticket.elsewhere and known is None:
                continue
            # Unlike, not later: what was noted here when it was sent has this computer's clock.
            alike = known and (known.ticket.updated_at, known.ticket.state) == (ticket.updated_at, ticket.state)
            if self._is_settled(desk, ticket) and alike:
                continue
            changed = changed or not alike
            if known is None and not mark:  # the first look ever: nothing of it is news
                self._keep(desk, ticket)
                continue
            added = self._read_in(desk, inbox, ticket)
            if added is not None:
                fresh.append(added)
        with self._open() as database:
            database.execute("INSERT OR REPLACE INTO desk VALUES(?, ?, ?)", (desk, news.mark, _now()))
            if news.more:
                database.execute("INSERT OR IGNORE INTO cut_off VALUES(?)", (desk,))
        if news.more:
            fresh += self._look_after(desk, inbox, {ticket.key for ticket in news.tickets})
        return Looked(tuple(fresh), changed)

    def _is_settled(self, desk: str, ticket: OwnTicket) -> bool:
        """Whether it was read since the second of its last change was over: many desks tell no more than seconds, and
        somebody may have answered in the rest of that one. Otherwise it is to be read now."""
        key, now_s = (desk, ticket.key), time.monotonic()
        moment, seen_s, settled = self._moments.get(key, (None, now_s, False))
        if moment != ticket.updated_at:
            seen_s, settled = now_s, False
        self._moments[key] = (ticket.updated_at, seen_s, settled or now_s - seen_s > 1)
        return settled

    def _look_after(self, desk: str, inbox: Inbox, seen: set[str]) -> tuple[Mine, ...]:
        """Asks about open tickets that a look did not bring, a few each time, in turn: they may have been answered."""
        asked = self._looked_after
        left = [m for m in self._each("WHERE solved_at IS NULL AND desk = ?", desk) if m.ticket.key not in seen]
        left.sort(key=lambda mine: asked.get((desk, mine.ticket.key), 0.0))
        fresh = list[Mine]()
        for mine in left[:LOOKED_AFTER]:
            asked[(desk, mine.ticket.key)] = time.monotonic()
            added = self._read_in(desk, inbox, mine.ticket)
            fresh += [added] if added is not None else []
        return tuple(fresh)

    def wait(self, desk: str, seconds: float, stopped: Callable[[], bool]) -> bool:
        """Blocks until the desk tells of news (True); at once False where it does not tell. Raises: UploaderError."""
        with self._inbox(desk) as inbox:
            return inbox.inbox.waits and inbox.wait(seconds, stopped)

    def _read_in(self, desk: str, inbox: Inbox, ticket: OwnTicket) -> Mine | None:
        """Keeps the conversation; the ticket when agents have written in it since, or it was solved."""
        try:
            talk = inbox.conversation(ticket.key)
        except Gone:
            self._keep(desk, ticket)
            return None
        before = self.known(desk, ticket.key)
        old = {reply.key for reply in self.replies(before)} if before else set[str]()
        # Of a ticket that was not written here and never opened, what came before the first look is not news.
        seen_at = before.ticket.updated_at if before and not old and not before.report_id else None
        theirs = [r for r in talk.replies if not r.mine and not r.automatic and r.key not in old]
        new = [r for r in theirs if not seen_at or r.written_at > seen_at]
        solved = talk.ticket.state in OVER and (before is None or before.ticket.state not in OVER)
        mine = self._keep(desk, talk.ticket, talk.replies, len(new))
        if new or solved:
            self._tell(TicketNews(desk, talk.ticket, tuple(new), solved))
            return mine
        return None

    def open(self, mine: Mine) -> tuple[Reply, ...]:
        """The conversation as the desk has it now. Raises: UploaderError."""
        with self._inbox(mine.desk) as inbox:
            talk = inbox.conversation(mine.ticket.key)
        self._keep(mine.desk, talk.ticket, talk.replies)
        return talk.replies

    def fetch(self, mine: Mine, file: RemoteFile, folder: Path, progress: Progress = quiet) -> Path:
        """Brings a file of a reply into ``folder`` under a harmless name; never replaces one. Raises: UploaderError."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = file_name(file)
        target = next(p for n in range(1, 10_000) if not (p := folder / (f"{n}-{name}" if n > 1 else name)).exists())
        with self._inbox(mine.desk) as inbox:
            inbox.fetch(file, target, progress)
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
        """Keeps the rating, and gives it to the desk where it takes one; whether it did. Raises: UploaderError."""
        desk = self._places.desk(mine.desk)
        takes = isinstance(desk, Inbox) and bool(desk.inbox.rating)
        if takes:
            desk.rate(mine.ticket.key, score, comment)  # type: ignore[attr-defined]
        with self._open() as database:
            database.execute("UPDATE ticket SET score = ?, comment = ?, asked = 1 WHERE desk = ? AND key = ?",
                             (score, comment, mine.desk, mine.ticket.key))  # fmt: skip
        return takes

    def to_rate(self) -> Mine | None:
        """The last solved ticket that the user may be asked about now."""
        return next((m for m in self._each("WHERE solved_at IS NOT NULL AND score IS NULL") if not m.asked), None)

    def do_not_ask(self, mine: Mine, at_s: float | None = None) -> None:
        """Not now: asked once more after a day, and after a second time never again. ``at_s``: when, as ``time()``."""
        values = (int(at_s or time.time()), mine.desk, mine.ticket.key)
        with self._open() as database:  # 0: never asked; 1: no more; else since when
            database.execute("UPDATE ticket SET asked = iif(asked = 0, ?, 1) WHERE desk = ? AND key = ?", values)

    def note_sent(self, desk: str, report: Report, ref: TicketRef) -> None:
        """A report has become a ticket: it stands in the list at once, also where the desk tells nothing back."""
        at = report.created_at
        may = ("reply",) if self.rating_of(desk) is not None else ()
        ticket = OwnTicket(ref.id, ref.key or ref.id, ref.url, report.summary, "open", "", report.priority, at, at,
                           may=may)  # fmt: skip
        if report.reply_to is not None:
            return
        if self.known(desk, ticket.key) is None:
            self._keep(desk, ticket)
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

    def known(self, desk: str, key: str) -> Mine | None:
        with self._open() as database:
            row = database.execute(f"{_SELECT} WHERE desk = ? AND key = ?", (desk, key)).fetchone()
        return _mine(row) if row else None

    def _keep(
        self, desk: str, ticket: OwnTicket, replies: tuple[Reply, ...] | None = None, unread: int = 0
    ) -> Mine:  # fmt: skip
        packed = msgspec.json.encode(replies) if replies is not None else None
        answers = [reply.written_at for reply in replies or () if not reply.mine and not reply.automatic]
        first = min(answers).isoformat() if answers else None
        solved = ticket.updated_at.isoformat() if ticket.state in OVER else None
        with self._open() as database:
            database.execute(
                """INSERT INTO ticket(desk, key, data, replies, unread, first_answer_at, solved_at, updated_at)
                VALUES(?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(desk, key) DO UPDATE SET
                data = excluded.data, replies = coalesce(excluded.replies, replies), unread = unread + excluded.unread,
                first_answer_at = coalesce(first_answer_at, excluded.first_answer_at),
                solved_at = CASE WHEN excluded.solved_at IS NULL THEN NULL ELSE coalesce(solved_at, excluded.solved_at)
                END, updated_at = excluded.updated_at""",
                (desk, ticket.key, msgspec.json.encode(ticket), packed, unread, first, solved,
                 ticket.updated_at.isoformat()),
            )  # fmt: skip
        found = self.known(desk, ticket.key)
        assert found is not None
        return found

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own for every call: cheap, and no thread keeps another one waiting."""
        with closing(sqlite3.connect(self._file, timeout=10)) as database, database:
            if not self._made:
                database.executescript("PRAGMA journal_mode = WAL;" + SCHEMA)
                self._file.chmod(0o600)
                self._made = True
            database.execute("PRAGMA synchronous = NORMAL")  # what a power cut takes is asked for again
            yield database


_SELECT = """SELECT desk, data, unread, coalesce(json_array_length(replies), 0), first_answer_at, solved_at, score,
    comment, asked = 1 OR asked > unixepoch() - 86400, report_id,
    coalesce((SELECT kind FROM written w WHERE (w.desk, w.key) = (ticket.desk, ticket.key)), ''),
    coalesce((SELECT priority FROM written w WHERE (w.desk, w.key) = (ticket.desk, ticket.key)), ''),
    iif(replies IS NULL, NULL, (SELECT count(*) FROM json_each(CAST(replies AS TEXT)) r
        WHERE NOT coalesce(r.value ->> 'automatic', 0) AND NOT (r.key = 0 AND julianday(r.value ->> 'written_at')
        < julianday(CAST(data AS TEXT) ->> 'created_at') + 1 / 1440.0))) FROM ticket"""


_ORDER = "ORDER BY unread > 0 DESC, updated_at DESC"
_LISTED = """WHERE solved_at IS NULL
    OR rowid IN (SELECT rowid FROM ticket ORDER BY unread > 0 DESC, updated_at DESC LIMIT ?)"""


def _mine(row: tuple[Any, ...]) -> Mine:
    desk, data, unread, replies, first, solved, score, comment, asked, *written = row
    ticket = msgspec.json.decode(data, type=OwnTicket)
    return Mine(desk, ticket, unread, replies, _moment(first), _moment(solved), score, comment, bool(asked), *written)


def file_name(file: RemoteFile) -> str:
    """What a file of a desk's is called here: the last part of whatever path its name holds, made harmless."""
    return clean_name(re.split(r"[\\/]", file.name.rstrip("\\/"))[-1])


def _telling(text: str) -> set[str]:
    """The words of five letters and more, by their beginnings, without accents."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return {word[:7] for word in re.findall(r"\w+", plain) if len(word) >= 5}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _now() -> str:
    return datetime.now(UTC).isoformat()
