"""Search over what was sent and is waiting: an index in SQLite FTS5, derived, rebuilt when it is lost or broken."""

from __future__ import annotations

import logging
import re
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from client.folder import Damaged, Place, ReportFolder, Shelf

log = logging.getLogger(__name__)
VERSION = 2
SETTLED_S = 2
"""A folder changed more recently may change again within one tick of its clock, unseen."""


@dataclass(frozen=True, slots=True)
class Item:
    """One report found. ``ticket_id`` and ``ticket_url`` are empty while it has not been sent."""

    report_id: str
    state: str
    created_at: datetime
    summary: str
    kind: str
    priority: str
    ticket_id: str
    ticket_url: str
    attachments: tuple[str, ...]


def search(
    index: Path, shelf: Shelf, query: str = "", since: datetime | None = None, limit: int = 200
) -> tuple[Item, ...]:
    """The reports whose words begin with those of ``query``, newest first; all of them when it is empty."""
    try:
        return _search(index, shelf, query, since, limit)
    except sqlite3.DatabaseError as error:
        log.warning("the history index is broken (%s) and is built anew", error)
        index.unlink(missing_ok=True)
        return _search(index, shelf, query, since, limit)


def _search(index: Path, shelf: Shelf, query: str, since: datetime | None, limit: int) -> tuple[Item, ...]:
    with closing(sqlite3.connect(index, timeout=5)) as database, database:
        _refresh(database, shelf)
        words = re.findall(r"\w+", query)
        sql, values = "SELECT * FROM report WHERE created_at >= ?", [since.isoformat() if since else ""]
        if words:
            sql += " AND rowid IN (SELECT rowid FROM words WHERE words MATCH ?)"
            values.append(" ".join(f'"{word}"*' for word in words))
        elif query.strip():
            return ()
        rows = database.execute(f"{sql} ORDER BY created_at DESC LIMIT {int(limit)}", values)
        return tuple(_item(row) for row in rows)


def _refresh(database: sqlite3.Connection, shelf: Shelf) -> None:
    """Adds what is new on disk and takes out what is gone: two looks at a clock when nothing has changed."""
    if database.execute("PRAGMA user_version").fetchone()[0] != VERSION:
        database.executescript(
            "DROP TABLE IF EXISTS report; DROP TABLE IF EXISTS words;"
            "CREATE TABLE report(id PRIMARY KEY, state, created_at, summary, kind, priority, ticket_id, ticket_url,"
            " files);"
            "CREATE VIRTUAL TABLE words USING fts5(text, tokenize='unicode61 remove_diacritics 2');"
            "DROP TABLE IF EXISTS seen; CREATE TABLE seen(place PRIMARY KEY, changed_ns);"
            f"PRAGMA user_version = {VERSION};"
        )
    places: tuple[Place, ...] = ("outbox", "sent")
    changed = {place: (shelf.root / place).stat().st_mtime_ns for place in places}
    if changed == dict(database.execute("SELECT place, changed_ns FROM seen")):
        return
    for place in places:
        state = "queued" if place == "outbox" else "sent"
        there = shelf.ids(place)
        known = {row[0] for row in database.execute("SELECT id FROM report WHERE state = ?", (state,))}
        for report_id in known - there:
            _remove(database, report_id)
        for report_id in there - known:
            _remove(database, report_id)
            _add(database, state, ReportFolder(shelf.root / place / report_id))
    settled = all(time.time_ns() - at > SETTLED_S * 1_000_000_000 for at in changed.values())
    database.execute("DELETE FROM seen")
    if settled:
        database.executemany("INSERT INTO seen VALUES (?,?)", changed.items())


def _add(database: sqlite3.Connection, state: str, folder: ReportFolder) -> None:
    try:
        report, journal = folder.read(), folder.read_log()
    except Damaged:
        return
    ticket = journal.ticket
    names = "\n".join(a.name for a in report.attachments)
    row = database.execute(
        "INSERT INTO report VALUES (?,?,?,?,?,?,?,?,?)",
        (report.id, state, report.created_at.isoformat(), report.summary, report.kind, report.priority,
         ticket.id if ticket else "", ticket.url if ticket else "", names),
    )  # fmt: skip
    text = [report.summary, report.description, names, ticket.id if ticket else ""]
    database.execute("INSERT INTO words(rowid, text) VALUES (?,?)", (row.lastrowid, "\n".join(text)))


def _remove(database: sqlite3.Connection, report_id: str) -> None:
    database.execute("DELETE FROM words WHERE rowid = (SELECT rowid FROM report WHERE id = ?)", (report_id,))
    database.execute("DELETE FROM report WHERE id = ?", (report_id,))


def _item(row: Iterable[str]) -> Item:
    report_id, state, created_at, summary, kind, priority, ticket_id, ticket_url, files = row
    return Item(
        report_id, state, datetime.fromisoformat(created_at), summary, kind, priority, ticket_id, ticket_url,
        tuple(files.split("\n")) if files else (),
    )  # fmt: skip
