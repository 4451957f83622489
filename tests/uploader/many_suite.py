"""What a way back must do where there are more tickets than one look brings, whosever they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.uploader.desk_suite import FallibleJournal, Killed
from tests.uploader.remote_suite import fresh
from uploader import remote
from uploader.errors import MaybeSent
from uploader.inbox import MOST_TICKETS, Inbox
from uploader.journal import MemoryJournal
from uploader.remote import it_arrived, send_again
from uploader.ticket import Desk, Ticket, quiet


class ManySuite:
    """Subclasses of an ``InboxSuite`` also inherit this one. They say how the service itself gets a ticket."""

    def filed(self, *, mine: bool = True) -> str:
        """A ticket that came by another way; its key."""
        raise NotImplementedError

    def test_of_many_the_newest_come_and_it_is_told_that_there_are_more(self, desk: Desk) -> None:
        assert isinstance(desk, Inbox)
        assert not desk.news("").more
        keys = [self.filed() for _ in range(MOST_TICKETS + 20)]
        first = desk.news("")
        assert [ticket.key for ticket in first.tickets] == keys[:19:-1]
        assert first.more

    def test_all_that_changed_since_the_last_look_comes_however_many(self, desk: Desk) -> None:
        assert isinstance(desk, Inbox)
        keys = [self.filed() for _ in range(MOST_TICKETS + 70)]
        mark = desk.news("").mark
        for key in keys:
            self.agent_replies(key, "<p>¿Sigue?</p>", [])  # type: ignore[attr-defined]
        later = desk.news(mark)
        assert {ticket.key for ticket in later.tickets} >= set(keys)
        assert not later.more
        self.agent_replies(keys[0], "<p>¿Sigue?</p>", [])  # type: ignore[attr-defined]
        assert keys[0] in {ticket.key for ticket in desk.news(later.mark).tickets}

    def lost(self, desk: Desk, folder: Path) -> tuple[Ticket, FallibleJournal, int]:
        """A ticket that was made, in a program that died before it noted its number."""
        for die_at in range(1, 9):
            ticket, journal = fresh(folder, attachments=()), FallibleJournal({}, die_at, after=False)
            before = len(self.tickets(desk))  # type: ignore[attr-defined]
            with pytest.raises(Killed):
                desk.submit(ticket, journal, quiet)
            if len(self.tickets(desk)) > before:  # type: ignore[attr-defined]
                return ticket, FallibleJournal(journal.kept, 0, after=False), before + 1
        raise AssertionError("it is noted before it is there")

    def test_one_whose_answer_got_lost_is_found_among_all_that_came_since(self, desk: Desk, tmp_path: Path) -> None:
        ticket, journal, held = self.lost(desk, tmp_path)
        for _ in range(130):
            self.filed()
        ref = desk.submit(ticket, journal, quiet)
        found = self.tickets(desk)  # type: ignore[attr-defined]
        assert len(found) == held + 130
        assert [each["id"] for each in found if each["report_id"] == ticket.report_id] == [ref.key or ref.id]


class LongTalkSuite:
    """Where a service hands out the messages of a ticket page by page. Beside an ``InboxSuite``."""

    def test_a_long_conversation_is_read_to_its_end(self, desk: Desk, tmp_path: Path) -> None:
        assert isinstance(desk, Inbox)
        key = (ref := desk.submit(fresh(tmp_path, attachments=()), MemoryJournal(), quiet)).key or ref.id
        for number in range(205):
            self.agent_replies(key, f"<p>respuesta {number}.</p>", [])  # type: ignore[attr-defined]
        told = [reply.text for reply in desk.conversation(key).replies[1:]]
        assert [f"respuesta {number}." in text for number, text in enumerate(told)] == [True] * 205


class CrowdSuite(ManySuite):
    """Where the user is shown the tickets of others too, and one whose answer got lost is looked for among them."""

    def test_ones_own_are_found_behind_those_of_many_others(self, desk: Desk) -> None:
        assert isinstance(desk, Inbox)
        own = [self.filed() for _ in range(3)]
        for _ in range(MOST_TICKETS + 50):
            self.filed(mine=False)
        assert [ticket.key for ticket in desk.news("").tickets] == own[::-1]

    def test_of_more_than_can_be_looked_through_the_person_is_asked(
        self, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(remote, "MOST_NEWER", 5)
        for arrived in (False, True):
            ticket, journal, held = self.lost(desk, tmp_path)
            for _ in range(7):
                self.filed()
            with pytest.raises(MaybeSent) as caught:
                desk.submit(ticket, journal, quiet)
            (it_arrived if arrived else send_again)(journal, caught.value.values)
            desk.submit(ticket, journal, quiet)
            found = [each for each in self.tickets(desk) if each["report_id"] == ticket.report_id]  # type: ignore[attr-defined]
            assert len(found) == (1 if arrived else 2)
            assert len(self.tickets(desk)) == held + 7 + (not arrived)  # type: ignore[attr-defined]
