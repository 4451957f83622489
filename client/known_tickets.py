"""What is known of one's tickets, kept on disk so that it can be read offline: one row per ticket in
DATA/tickets.sqlite. What only this machine knows (unread, rated, when the first answer came) is in the same row, so the
file is no mere index.
"""

from __future__ import annotations

import logging
import re
import sqlite3
import time
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from uploader.inbox import OwnTicket, Reply

SCHEMA = """
CREATE TABLE IF NOT EXISTS ticket(
    desk TEXT, key TEXT, data BLOB NOT NULL, replies BLOB, unread INTEGER DEFAULT 0, first_answer_at TEXT,
    solved_at TEXT, score INTEGER, comment TEXT DEFAULT '', asked INTEGER DEFAULT 0, report_id TEXT DEFAULT '',
    updated_at TEXT NOT NULL, PRIMARY KEY(desk, key));
CREATE INDEX IF NOT EXISTS newest ON ticket(updated_at DESC);
CREATE TABLE IF NOT EXISTS desk(name TEXT PRIMARY KEY, mark TEXT, looked_at TEXT);
CREATE TABLE IF NOT EXISTS cut_off(desk TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS written(desk TEXT, key TEXT, kind TEXT, priority TEXT, PRIMARY KEY(desk, key));
CREATE TABLE IF NOT EXISTS to_read(
    desk TEXT, key TEXT, seen_at TEXT, was_over INTEGER NOT NULL, PRIMARY KEY(desk, key));
CREATE TABLE IF NOT EXISTS turn(one INTEGER PRIMARY KEY CHECK(one = 1), number INTEGER NOT NULL);
"""
log = logging.getLogger(__name__)

OVER = ("solved", "closed")
Note = tuple[str, datetime | None, bool]
"""A conversation to read: its key, since when, and whether it was over."""
LISTED = 500
"""Of those that are over; what is open is always in the list."""


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

    def holds(self, words: Iterable[str]) -> bool:
        """Whether number or subject holds all of these words; a number also as it is shown, behind a "#"."""
        text = f"#{self.ticket.id} {self.ticket.subject}".casefold()
        return all(word in text for word in words)


class KnownTickets:
    """Any thread; asks no desk.

    Several may ask a desk at the same time: the polling, a window, the command line. Each takes a turn before it asks,
    and what was asked for earlier never replaces what was asked for later, however late its answer comes.
    """

    def __init__(self, file: Path) -> None:
        self._file, self._made = file, False

    def list(self, query: str = "", *, limit: int = LISTED) -> tuple[Mine, ...]:
        """All that are open and the ``limit`` newest, the unread first; with ``query`` the ``limit`` newest of all
        whose number or subject holds its words."""
        words = query.casefold().split()
        if words:
            found = (m for m in self._each() if m.holds(words))
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

    def knows(self, desk: str) -> bool:
        """Whether there are tickets of it."""
        with self._open() as database:
            return bool(database.execute("SELECT 1 FROM ticket WHERE desk = ? LIMIT 1", (desk,)).fetchone())

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
        found, wanted = dict[str, Mine](), wanted.strip()
        if wanted.startswith("#") and wanted[1:].isdecimal():  # as it is shown
            wanted = wanted[1:]
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

    def to_rate(self) -> Mine | None:
        """The last solved ticket that the user may be asked about now."""
        return next((m for m in self._each("WHERE solved_at IS NOT NULL AND score IS NULL") if not m.asked), None)

    def do_not_ask(self, mine: Mine, at_s: float | None = None) -> None:
        """Not now: asked once more after a day, and after a second time never again. ``at_s``: when, as ``time()``."""
        values = (int(at_s or time.time()), mine.desk, mine.ticket.key)
        with self._open() as database:  # 0: never asked; 1: no more; else since when
            database.execute("UPDATE ticket SET asked = iif(asked = 0, ?, 1) WHERE desk = ? AND key = ?", values)

    def known(self, desk: str, key: str) -> Mine | None:
        with self._open() as database:
            row = database.execute(f"{_SELECT} WHERE desk = ? AND key = ?", (desk, key)).fetchone()
        return _mine(row) if row else None

    def _turn(self) -> int:
        """To be taken before a desk is asked."""
        with self._open() as database:
            return _next_turn(database)

    def _keep(
        self, desk: str, ticket: OwnTicket, replies: tuple[Reply, ...] | None = None, turn: int | None = None
    ) -> None:  # fmt: skip
        """``turn``: None for what is known at this moment; 0 for what any answer of the desk replaces."""
        with self._open() as database:
            _write(database, desk, ticket, replies, 0, _next_turn(database) if turn is None else turn)

    def _note_to_read(self, desk: str, key: str, before: Mine | None) -> None:
        """Its conversation is to be read, by somebody who asks for it from now on: it has changed since it stood here
        as ``before``. Outlives this process, so that what is new in it is told once, whoever reads it."""
        # Of a ticket that was not written here and never opened, what came before the first look is not news.
        seen_at = (
            before.ticket.updated_at.isoformat() if before and not before.replies and not before.report_id else None
        )
        was_over = before is not None and before.ticket.state in OVER
        with self._open() as database:
            database.execute(
                """INSERT INTO to_read(desk, key, seen_at, was_over, turn) VALUES(?, ?, ?, ?, ?)
                ON CONFLICT(desk, key) DO UPDATE SET turn = max(turn, excluded.turn)""",
                (desk, key, seen_at, was_over, _next_turn(database)),
            )

    def _to_read(self, desk: str) -> tuple[Note, ...]:
        """Key, what of it was seen, and whether it was over then: the last changed first."""
        with self._open() as database:
            rows = database.execute(
                """SELECT key, seen_at, was_over FROM to_read LEFT JOIN ticket USING(desk, key) WHERE desk = ?
                ORDER BY updated_at DESC""", (desk,)
            ).fetchall()  # fmt: skip
        return tuple((key, _moment(seen_at), bool(was_over)) for key, seen_at, was_over in rows)

    def _keep_read(
        self, desk: str, ticket: OwnTicket, replies: tuple[Reply, ...], unread: int, turn: int
    ) -> bool:  # fmt: skip
        """Keeps a conversation that was read; whether it was this call that read what was to be read. Only then the
        unread count: two may have read the same at the same time. One that was asked for before its change was seen is
        not kept, and is still to be read."""
        with self._open() as database:
            which = (desk, ticket.key)
            row = database.execute("SELECT turn FROM to_read WHERE (desk, key) = (?, ?)", which).fetchone()
            if row is not None and row[0] > turn:
                return False
            if not _write(database, desk, ticket, replies, unread if row is not None else 0, turn):
                return False
            database.execute("DELETE FROM to_read WHERE (desk, key) = (?, ?)", which)
        return row is not None

    def _forget_to_read(self, desk: str, key: str) -> None:
        with self._open() as database:
            database.execute("DELETE FROM to_read WHERE (desk, key) = (?, ?)", (desk, key))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own for every call: cheap, and no thread keeps another one waiting."""
        try:
            self._make()
        except sqlite3.DatabaseError as error:
            self._set_aside(error)
            self._make()
        try:
            with closing(sqlite3.connect(self._file, timeout=10)) as database, database:
                database.execute("PRAGMA synchronous = NORMAL")  # what a power cut takes is asked for again
                yield database
        except sqlite3.DatabaseError as error:
            self._set_aside(error)
            raise

    def _make(self) -> None:
        if self._made:
            return
        with closing(sqlite3.connect(self._file, timeout=10)) as database, database:
            database.executescript("PRAGMA journal_mode = WAL;" + SCHEMA)
            for table in ("ticket", "to_read"):
                with suppress(sqlite3.OperationalError):  # it has one already
                    database.execute(f"ALTER TABLE {table} ADD COLUMN turn INTEGER NOT NULL DEFAULT 0")
            self._file.chmod(0o600)
            self._made = True

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        """A damaged file is kept beside, and the desks are asked again. Raises ``error`` when it is no damage."""
        if type(error) is not sqlite3.DatabaseError:
            raise error
        self._made = False
        for name in (self._file.name, f"{self._file.name}-wal", f"{self._file.name}-shm"):
            with suppress(OSError):
                self._file.with_name(name).replace(self._file.with_name(f"damaged-{name}"))
        log.warning("what was known of tickets is damaged; it was moved to damaged-%s", self._file.name)


def _next_turn(database: sqlite3.Connection) -> int:
    return int(database.execute(
        "INSERT INTO turn VALUES(1, 1) ON CONFLICT(one) DO UPDATE SET number = number + 1 RETURNING number"
    ).fetchone()[0])  # fmt: skip


def _write(
    database: sqlite3.Connection, desk: str, ticket: OwnTicket, replies: tuple[Reply, ...] | None, unread: int,
    turn: int,
) -> bool:  # fmt: skip
    """False when what stands there was asked for later."""
    packed = msgspec.json.encode(replies) if replies is not None else None
    answers = [reply.written_at for reply in replies or () if not reply.mine and not reply.automatic]
    first = min(answers).isoformat() if answers else None
    solved = ticket.updated_at.isoformat() if ticket.state in OVER else None
    return database.execute(
        """INSERT INTO ticket(desk, key, data, replies, unread, first_answer_at, solved_at, updated_at, turn)
        VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(desk, key) DO UPDATE SET
        data = excluded.data, replies = coalesce(excluded.replies, replies), unread = unread + excluded.unread,
        first_answer_at = coalesce(first_answer_at, excluded.first_answer_at),
        solved_at = CASE WHEN excluded.solved_at IS NULL THEN NULL ELSE coalesce(solved_at, excluded.solved_at)
        END, updated_at = excluded.updated_at, turn = excluded.turn WHERE turn <= excluded.turn""",
        (desk, ticket.key, msgspec.json.encode(ticket), packed, unread, first, solved,
         ticket.updated_at.isoformat(), turn),
    ).rowcount > 0  # fmt: skip


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


def _telling(text: str) -> set[str]:
    """The words of five letters and more, by their beginnings, without accents."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return {word[:7] for word in re.findall(r"\w+", plain) if len(word) >= 5}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
