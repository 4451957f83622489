"""What every desk must survive that is reached by something else than HTTP: the line breaks, stalls, or is slow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.servers.fault_proxy import Fault, TcpProxy
from tests.uploader.desk_suite import attachment, contents
from tests.uploader.remote_suite import FarDeskSuite, fresh, with_patience
from uploader.errors import Temporary, Unreachable
from uploader.inbox import Inbox
from uploader.journal import MemoryJournal
from uploader.ticket import Desk, Ticket, TicketRef, quiet

POINTS = 7
"""Places on the way of one delivery where the line is cut, in each direction."""


class LineDeskSuite(FarDeskSuite):
    """Subclasses give ``ports`` (a fixture): the service's ports by name; ``reach(ports)``: the desk reached by these,
    whose patience for a stalled line is a second or two."""

    submits_on: ClassVar[str]
    """The name of the port that the ticket itself goes to."""

    def reach(self, ports: dict[str, int]) -> Desk:
        raise NotImplementedError

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

    def test_wherever_a_line_breaks_there_is_one_ticket_with_every_file(
        self, desk: Desk, lines: dict[str, TcpProxy], tmp_path: Path, subtests: Any
    ) -> None:
        self.through(lines).submit(fresh(tmp_path), MemoryJournal(), quiet)
        sent = list[tuple[str, Ticket, TicketRef]]()
        for name, line in lines.items():
            for what, fault in faults_for(line):
                ticket, journal = fresh(tmp_path), MemoryJournal()
                line.next(fault)
                answer = with_patience(lambda t=ticket, j=journal: self.through(lines).submit(t, j, quiet))
                sent.append((f"{name}: {what}", ticket, answer))
                line.heal()
        held = self.tickets(desk)
        assert len(held) == len(sent) + 1
        for where, ticket, answer in sent:
            with subtests.test(where):
                (found,) = [each for each in held if each["report_id"] == ticket.report_id]
                assert found["id"] == (answer.key or answer.id)
                assert sorted(content for _, content in found["files"]) == contents(ticket)

    def test_a_line_that_stalls_is_given_up_and_tried_again(
        self, desk: Desk, lines: dict[str, TcpProxy], tmp_path: Path
    ) -> None:
        ticket, journal, line = fresh(tmp_path), MemoryJournal(), lines[self.submits_on]
        line.next(Fault(stall_after_bytes=300))
        with pytest.raises(Temporary):
            self.through(lines).submit(ticket, journal, quiet)
        assert self.tickets(desk) == []
        self.through(lines).submit(ticket, journal, quiet)
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
            files = (attachment(tmp_path, "otra.png", b"\x89PNG other", "image/png"),)
            answer = fresh(tmp_path, description=text, links=(), reply_to=key, attachments=files)
            journal = MemoryJournal()
            with_patience(lambda: suite.through(lines).reply(answer, journal, quiet))

        send("Sigue igual")
        for name, line in lines.items():
            for what, fault in faults_for(line):
                before = suite.count_replies(key)
                line.next(fault)
                send(f"Sigue igual ({name}, {what})")
                line.heal()
                with subtests.test(f"{name}: {what}"):
                    assert suite.count_replies(key) == before + 1
        assert isinstance(desk, Inbox)
        talk = desk.conversation(key)
        assert "Sigue igual" in talk.replies[-1].text
        assert [file.name for file in talk.replies[-1].files] == ["otra.png"]


def faults_for(line: TcpProxy) -> Iterator[tuple[str, Fault]]:
    """What one delivery over this line may meet, by what went over it so far."""
    sent, received = line.sent_bytes, line.received_bytes
    for point in range(1, POINTS + 1):
        yield f"cut at {point}/{POINTS} of what is sent", Fault(cut_request_after_bytes=sent * point // POINTS - 1)
        yield f"cut at {point}/{POINTS} of what comes", Fault(cut_reply_after_bytes=received * point // POINTS - 1)
    yield "slow", Fault(bytes_per_s=40_000, delay_s=0.05)
