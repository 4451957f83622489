"""What every desk must survive that is reached by something else than HTTP: the line breaks, stalls, or is slow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.servers.fault_proxy import Fault, TcpProxy
from tests.uploader.desk_suite import contents
from tests.uploader.remote_suite import FarDeskSuite, fresh, striking
from uploader.errors import Temporary, Unreachable
from uploader.inbox import Inbox
from uploader.journal import MemoryJournal
from uploader.ticket import Desk, Ticket, TicketRef, quiet


class LineDeskSuite(FarDeskSuite):
    """Subclasses give ``ports`` (a fixture): the service's ports by name; ``reach(ports)``: the desk reached by these,
    as patient as a busy machine needs; ``impatient``: where a stall must be met."""

    submits_on: ClassVar[str]
    """The name of the port that the ticket itself goes to."""
    points: ClassVar[int] = 7
    """Places on the way of one delivery where each of its connections is cut, in each direction."""
    slack_bytes: ClassVar[int] = 1
    """By how much two deliveries of one size may differ."""

    def reach(self, ports: dict[str, int]) -> Desk:
        raise NotImplementedError

    def impatient(self, desk: Desk) -> Desk:
        """The same, that gives a stalled line up sooner: where its last answer has more time."""
        return desk

    @pytest.fixture
    def desk(self, ports: dict[str, int]) -> Desk:
        return self.begin(self.reach(ports))

    @pytest.fixture
    def lines(
        self, ports: dict[str, int], tcp_proxy: Callable[[int], TcpProxy]
    ) -> Iterator[dict[str, TcpProxy]]:  # fmt: skip
        yield {name: tcp_proxy(port) for name, port in ports.items()}

    def through(self, lines: dict[str, TcpProxy]) -> Desk:
        return self.reach({name: line.port for name, line in lines.items()})

    def trials(self, lines: dict[str, TcpProxy]) -> dict[str, list[tuple[str, Fault, int]]]:
        """What one delivery may meet on each line, by what went over it so far; with the connection's number."""
        return {name: list(faults_for(line, self.points, self.slack_bytes)) for name, line in lines.items()}

    def test_wherever_a_line_breaks_there_is_one_ticket_with_every_file(
        self, desk: Desk, lines: dict[str, TcpProxy], tmp_path: Path, subtests: Any
    ) -> None:
        self.through(lines).submit(fresh(tmp_path), MemoryJournal(), quiet)
        carried, sent = self.trials(lines), list[tuple[str, Ticket, TicketRef]]()
        for name, line in lines.items():
            for what, fault, number in carried[name]:
                ticket, journal = fresh(tmp_path), MemoryJournal()
                with striking(line, fault, number, f"{name}: {what}"):
                    answer = self.persist(self.through(lines), ticket, journal)
                sent.append((f"{name}: {what}", ticket, answer))
        held = self.tickets(desk)
        assert len(held) == len(sent) + 1
        for where, ticket, answer in sent:
            with subtests.test(where):
                (found,) = [each for each in held if each["report_id"] == ticket.report_id]
                assert self.leads_to(answer, found)
                assert sorted(content for _, content in found["files"]) == contents(ticket)

    def test_a_line_that_stalls_is_given_up_and_tried_again(
        self, desk: Desk, lines: dict[str, TcpProxy], tmp_path: Path
    ) -> None:
        ticket, journal, line = fresh(tmp_path), MemoryJournal(), lines[self.submits_on]
        line.next(Fault(stall_after_bytes=300))
        with pytest.raises(Temporary):
            self.impatient(self.through(lines)).submit(ticket, journal, quiet)
        assert self.tickets(desk) == []
        self.persist(self.through(lines), ticket, journal)
        assert len(self.tickets(desk)) == 1

    def test_nobody_there_is_told_as_such(self, lines: dict[str, TcpProxy], tmp_path: Path) -> None:
        for line in lines.values():
            line.down()
        with pytest.raises(Unreachable):
            self.through(lines).submit(fresh(tmp_path), MemoryJournal(), quiet)
        with pytest.raises(Unreachable):
            self.through(lines).check()


class LineInboxSuite:
    """Subclasses of a ``LineDeskSuite`` and the ``TalkSuite`` also inherit this one."""

    def test_a_reply_arrives_once_wherever_a_line_breaks(
        self, desk: Desk, lines: dict[str, TcpProxy], tmp_path: Path, subtests: Any
    ) -> None:
        suite: Any = self
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        key = ref.key or ref.id

        def send(text: str) -> None:
            answer, count = suite.answer(tmp_path, key, text), suite.count_replies(key) + 1
            suite.persist_reply(suite.through(lines), answer, MemoryJournal(), count)

        send("Sigue igual")
        carried = suite.trials(lines)
        for name, line in lines.items():
            for what, fault, number in carried[name]:
                before = suite.count_replies(key)
                with striking(line, fault, number, f"{name}: {what}"):
                    send(f"Sigue igual ({name}, {what})")
                with subtests.test(f"{name}: {what}"):
                    assert suite.count_replies(key) == before + 1
        assert isinstance(desk, Inbox)
        talk = desk.conversation(key)
        assert "Sigue igual" in talk.replies[-1].text
        assert [file.name for file in talk.replies[-1].files] == ["otra.png"]


def faults_for(line: TcpProxy, points: int, slack_bytes: int) -> Iterator[tuple[str, Fault, int]]:
    for number, (sent, received) in enumerate(line.carried):
        for point in range(1, points + 1):
            where = f"at {point}/{points} of what connection {number + 1}"
            cut = sent * point // points - slack_bytes
            yield f"cut {where} sends", Fault(cut_request_after_bytes=cut), number
            yield f"cut {where} gets", Fault(cut_reply_after_bytes=received * point // points - slack_bytes), number
        yield f"connection {number + 1} is slow", Fault(bytes_per_s=40_000, delay_s=0.05), number
