"""What every desk must do. A desk's own test subclasses ``DeskSuite`` and says how to make one and read it back."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest

from uploader.errors import Cancelled, FileChanged, MaybeSent, UploaderError
from uploader.journal import Journal, MemoryJournal, Steps
from uploader.remote import it_arrived, send_again
from uploader.ticket import Attachment, Desk, Link, SharedFile, TextSection, Ticket, TicketRef, quiet

TRIES = 5
"""The outbox tries much longer."""


class Killed(BaseException):
    """The process died here: nothing catches it, nothing cleans up."""


class FallibleJournal(Journal):
    """Dies before or after its n-th write, as ``kill -9`` would, and remembers what was on disk."""

    def __init__(self, steps: Steps, die_at: int, *, after: bool) -> None:
        self.kept, self._left, self._after = dict(steps), die_at, after
        super().__init__(steps, self._store)

    def _store(self, steps: Steps) -> None:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Killed
        self.kept = dict(steps)
        if self._left == 0:
            raise Killed


def attachment(folder: Path, name: str, content: bytes, media_type: str = "application/octet-stream") -> Attachment:
    path = folder / hashlib.sha256(name.encode()).hexdigest()[:12]
    path.write_bytes(content)
    return Attachment(name, path, len(content), media_type, hashlib.sha256(content).hexdigest())


def make_ticket(folder: Path, **changes: Any) -> Ticket:
    files = (
        attachment(folder, "captura-1.png", b"\x89PNG picture", "image/png"),
        attachment(folder, "informe final 🐦.txt", "ñandú\n".encode(), "text/plain"),
    )
    values: dict[str, Any] = {
        "report_id": "20261121-101500-abcdef0123",
        "subject": "Ñandú 🐦 no carga",
        "description": "Línea uno\nLínea <dos> & tres",
        "kind": "claim",
        "priority": "high",
        "requester": "Lucía <lucia@example.org>",
        "created_at": datetime(2026, 11, 21, 10, 15, tzinfo=UTC),
        "attachments": files,
        "links": (SharedFile("video.mp4", 41_000_000, "video/mp4", "ab" * 32, Link("https://files.example.org/x")),),
        "sections": (TextSection("os", "Sistema", "Debian 12"), TextSection("gpu", "GPU", "", "absent")),
        "fields": {"Centro": "42"},
        "language": "es",
    }
    return Ticket(**(values | changes))


def contents(ticket: Ticket) -> list[bytes]:
    return sorted(a.path.read_bytes() for a in ticket.attachments)


R = TypeVar("R")


def with_patience(act: Callable[[], R], journal: Journal, arrived: Callable[[], bool] | None = None) -> R:
    """What the outbox does, and the person who is asked: later tries. Whoever is asked looks with ``arrived`` at what
    the desk has, and says so; without it nobody may be asked."""
    for _ in range(TRIES - 1):
        try:
            return act()
        except MaybeSent as question:
            assert arrived is not None, f"a needless question: {question}"
            (it_arrived if arrived() else send_again)(journal, question.values)
        except UploaderError:
            pass
    return act()


class DeskSuite:
    """Subclasses give ``desk`` (a fixture) and ``tickets()``: every ticket the desk holds, as plain values.

    A desk whose service keeps its tickets over the run subclasses ``RemoteDeskSuite``, which counts from a beginning.
    """

    dying: ClassVar[tuple[bool, ...]] = (False, True)
    """Before a journal write, after it. Before is the hard one, and enough for slow servers: what was done is lost."""

    asks: ClassVar[bool] = False
    """Whether somebody may be asked if a report arrived, where nothing on the other side tells."""

    def tickets(self, desk: Desk) -> list[dict[str, Any]]:
        """Each with id, report_id, subject, text (all that an agent reads), files: a list of (name, bytes)."""
        raise NotImplementedError

    def persist(self, desk: Desk, ticket: Ticket, journal: Journal) -> TicketRef:
        def arrived() -> bool:
            return any(held["report_id"] == ticket.report_id for held in self.tickets(desk))

        return with_patience(lambda: desk.submit(ticket, journal, quiet), journal, arrived if self.asks else None)

    @staticmethod
    def leads_to(answer: TicketRef, found: dict[str, Any]) -> bool:
        """Whether the desk's answer names that ticket; or says that nobody told its number."""
        return (answer.key or ("" if answer.unconfirmed else answer.id)) in ("", found["id"])

    def test_a_ticket_arrives_whole(self, desk: Desk, tmp_path: Path) -> None:
        ticket = make_ticket(tmp_path)
        seen: list[tuple[int, int]] = []
        answer = desk.submit(ticket, MemoryJournal(), lambda done, total: seen.append((done, total)))
        (found,) = self.tickets(desk)
        assert self.leads_to(answer, found)
        assert found["report_id"] == ticket.report_id
        assert found["subject"] == ticket.subject
        for line in (*ticket.description.splitlines(), "https://files.example.org/x", "42"):
            assert line in found["text"]
        assert sorted(found["files"]) == sorted((a.name, a.path.read_bytes()) for a in ticket.attachments)
        total = sum(a.size_bytes for a in ticket.attachments)
        assert seen[-1] == (total, total)
        assert answer.url or answer.unconfirmed

    def test_the_same_journal_never_makes_a_second_ticket(self, desk: Desk, tmp_path: Path) -> None:
        journal = MemoryJournal()
        first = desk.submit(make_ticket(tmp_path), journal, quiet)
        assert desk.submit(make_ticket(tmp_path), journal, quiet) == first
        assert len(self.tickets(desk)) == 1

    def test_killed_at_every_journal_write_and_resumed_there_is_one_ticket(self, desk: Desk, tmp_path: Path) -> None:
        sent = dict[str, Ticket]()
        for after in self.dying:
            begun, own = len(sent), secrets.token_hex(4)
            for die_at in range(1, 40):
                ticket = make_ticket(tmp_path, report_id=f"20261121-101500-{own}{die_at:02x}")
                journal = FallibleJournal({}, die_at, after=after)
                sent[f"killed {'after' if after else 'before'} write {die_at}"] = ticket
                try:
                    desk.submit(ticket, journal, quiet)
                    break
                except Killed:
                    self.persist(desk, ticket, FallibleJournal(journal.kept, 0, after=after))
            assert len(sent) > begun + 2, "the desk writes no journal"
        held = self.tickets(desk)
        assert len(held) == len(sent)
        for where, ticket in sent.items():
            mine = [each for each in held if each["report_id"] == ticket.report_id]
            assert len(mine) == 1, where
            assert sorted(content for _, content in mine[0]["files"]) == contents(ticket), where

    def test_the_user_can_stop_it_and_send_it_later(self, desk: Desk, tmp_path: Path) -> None:
        journal = MemoryJournal()

        def stop(done: int, total: int) -> None:
            raise Cancelled("stopped")

        with pytest.raises(Cancelled):
            desk.submit(make_ticket(tmp_path), journal, stop)
        assert self.tickets(desk) == []
        desk.submit(make_ticket(tmp_path), journal, quiet)
        assert len(self.tickets(desk)) == 1

    def test_a_file_that_is_not_the_one_attached_is_refused(self, desk: Desk, tmp_path: Path) -> None:
        ticket = make_ticket(tmp_path)
        ticket.attachments[1].path.write_bytes(b"other")
        with pytest.raises(FileChanged, match="informe final"):
            desk.submit(ticket, MemoryJournal(), quiet)
        assert self.tickets(desk) == []

    @pytest.mark.parametrize(
        "name", ["ticket.json", "TICKET.HTML", "../../escape", "a\\b", "x" * 190, "uno <dos>.html"]
    )
    def test_a_hostile_file_name_harms_nothing(self, desk: Desk, tmp_path: Path, name: str) -> None:
        files = (attachment(tmp_path, name, b"content"),)
        desk.submit(make_ticket(tmp_path, attachments=files), MemoryJournal(), quiet)
        (found,) = self.tickets(desk)
        assert [content for _, content in found["files"]] == [b"content"]
        assert found["subject"] == "Ñandú 🐦 no carga"

    def test_names_that_would_meet_in_one_folder_are_kept_apart(self, desk: Desk, tmp_path: Path) -> None:
        names = ("ticket.json", "ticket (2).json", "TICKET.json", "a/x.txt", "b/x.txt", "X.TXT")
        files = tuple(attachment(tmp_path, name, name.encode()) for name in names)
        desk.submit(make_ticket(tmp_path, attachments=files), MemoryJournal(), quiet)
        (found,) = self.tickets(desk)
        assert sorted(content for _, content in found["files"]) == sorted(name.encode() for name in names)

    def test_a_ticket_without_words_or_files_is_a_ticket(self, desk: Desk, tmp_path: Path) -> None:
        bare = make_ticket(tmp_path, subject="🐦", description="", attachments=(), links=(), sections=(), fields={})
        desk.submit(bare, MemoryJournal(), quiet)
        assert self.tickets(desk)[0]["subject"] == "🐦"

    def test_checking_leaves_nothing_behind(self, desk: Desk) -> None:
        desk.check()
        assert self.tickets(desk) == []
