"""osTicket, a strict one of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.servers.fault_proxy import LOGIN_PAGE, Answer, Fault, FaultProxy
from tests.servers.osticket import OsTicketServer
from tests.uploader.desk_suite import FallibleJournal, Killed
from tests.uploader.remote_suite import fresh
from uploader.desks.osticket import OsTicket
from uploader.errors import AuthFailed, FileRefused, InvalidField, MaybeSent, OutcomeUnknown, Refused, Temporary
from uploader.journal import MemoryJournal
from uploader.plain_text import plain_text
from uploader.seen import Seen
from uploader.setting import Secret
from uploader.ticket import quiet
from uploader.wire import Wire


class TestOsTicket:
    @pytest.fixture
    def server(self) -> Iterator[OsTicketServer]:
        server = OsTicketServer()
        yield server
        server.stop()

    @pytest.fixture
    def desk(self, server: OsTicketServer) -> OsTicket:
        return OsTicket(url=server.url, key=Secret("K1"))

    def test_a_ticket_arrives_whole(self, server: OsTicketServer, desk: OsTicket, tmp_path: Path) -> None:
        ticket, journal = fresh(tmp_path), MemoryJournal()
        seen: list[tuple[int, int]] = []
        ref = desk.submit(ticket, journal, lambda done, total: seen.append((done, total)))
        assert desk.submit(ticket, journal, quiet) == ref
        (held,) = server.tickets
        assert (ref.id, held["subject"], held["name"]) == (held["number"], "Ñandú 🐦 no carga", "Lucía")
        text = plain_text(held["text"])
        for words in (*ticket.description.splitlines(), "https://files.example.org/x", f"Testigo {ticket.report_id}"):
            assert words in text
        assert held["files"] == [(file.name, file.path.read_bytes()) for file in ticket.attachments]
        assert (held["priorityId"], held["email"]) == (3, "lucia@example.org")
        assert seen[-1][0] == seen[-1][1] > 0

    def test_through_a_relay_no_key_is_needed(self, server: OsTicketServer, tmp_path: Path) -> None:
        server.key = ""
        relayed = OsTicket(url=server.url)
        relayed.check()
        relayed.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert len(server.tickets) == 1
        assert all("x-api-key" not in asked.headers for asked in server.asked)

    def test_a_wrong_key_is_named_and_checking_leaves_nothing(
        self, server: OsTicketServer, desk: OsTicket, tmp_path: Path
    ) -> None:
        desk.check()
        wrong = replace(desk, key=Secret("wrong"))
        with pytest.raises(AuthFailed):
            wrong.check()
        with pytest.raises(AuthFailed):
            wrong.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert server.tickets == []

    @pytest.mark.parametrize("after", [False, True])
    def test_killed_at_every_journal_write_there_is_one_ticket_or_the_person_is_asked(
        self, server: OsTicketServer, desk: OsTicket, tmp_path: Path, after: bool
    ) -> None:
        """Asked exactly where nobody can know: between the beginning of the request and the note of its answer."""
        ends = list[tuple[int, bool]]()
        for die_at in range(1, 20):
            ticket, journal = fresh(tmp_path), FallibleJournal({}, die_at, after=after)
            try:
                desk.submit(ticket, journal, quiet)
                break
            except Killed:
                held, again = self.held(server, ticket.report_id), FallibleJournal(journal.kept, 0, after=after)
                try:
                    desk.submit(ticket, again, quiet)
                except MaybeSent:
                    ends.append((held, True))
                    assert self.held(server, ticket.report_id) == held, "sent before the person has answered"
                    if held == 0:  # nothing came, so the person sends it again
                        desk.submit(ticket, again, quiet)
                else:
                    ends.append((held, False))
            assert self.held(server, ticket.report_id) == 1
        else:
            pytest.fail("it never ended")
        # Before a write: nothing begun; begun and answered, not noted. After it: begun, not sent; noted.
        assert ends == ([(0, True), (1, False)] if after else [(0, False), (1, True)])

    @staticmethod
    def held(server: OsTicketServer, report_id: str) -> int:
        return sum(f"Testigo {report_id}" in plain_text(held["text"]) for held in server.tickets)

    def test_a_lost_answer_is_the_persons_to_decide(
        self, server: OsTicketServer, desk: OsTicket, tmp_path: Path, fault_proxy: Callable[[str], FaultProxy]
    ) -> None:
        proxy = fault_proxy(server.url)
        through, ticket, journal = replace(desk, url=proxy.url), fresh(tmp_path), MemoryJournal()
        proxy.next(Fault(drop_reply=True), lambda method, path: True)
        with pytest.raises(OutcomeUnknown):
            through.submit(ticket, journal, quiet)
        with pytest.raises(MaybeSent):
            through.submit(ticket, journal, quiet)
        assert len(server.tickets) == 1
        through.submit(ticket, journal, quiet)
        assert len(server.tickets) == 2

    def test_what_surely_did_not_arrive_is_sent_again(
        self, server: OsTicketServer, desk: OsTicket, tmp_path: Path, fault_proxy: Callable[[str], FaultProxy]
    ) -> None:
        fault = Fault(answer=Answer(429, {"Retry-After": "0"}, b"slow down"))
        proxy = fault_proxy(server.url)
        through, ticket, journal = replace(desk, url=proxy.url), fresh(tmp_path), MemoryJournal()
        proxy.next(fault, lambda method, path: True)
        with pytest.raises(Temporary):
            through.submit(ticket, journal, quiet)
        through.submit(ticket, journal, quiet)
        assert len(server.tickets) == 1

    def test_a_captive_portal_is_no_ticket(
        self, server: OsTicketServer, desk: OsTicket, tmp_path: Path, fault_proxy: Callable[[str], FaultProxy]
    ) -> None:
        proxy = fault_proxy(server.url)
        through, ticket, journal = replace(desk, url=proxy.url), fresh(tmp_path), MemoryJournal()
        proxy.next(Fault(answer=LOGIN_PAGE), lambda method, path: True)
        with pytest.raises(OutcomeUnknown):
            through.submit(ticket, journal, quiet)
        with pytest.raises(MaybeSent):
            through.submit(ticket, journal, quiet)
        assert server.tickets == []
        through.submit(ticket, journal, quiet)
        assert len(server.tickets) == 1

    def test_topic_and_fields_are_its_own_and_an_unknown_one_is_refused(
        self, server: OsTicketServer, desk: OsTicket, tmp_path: Path
    ) -> None:
        own = replace(desk, topic="2", kinds="claim=5", fields="centro=42")
        own.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert (server.tickets[0]["topicId"], server.tickets[0]["centro"]) == (5, "42")
        with pytest.raises(Refused, match="Unexpected or invalid data"):
            replace(desk, fields="nada=1").submit(fresh(tmp_path), MemoryJournal(), quiet)

    def test_what_is_too_large_goes_as_a_link_and_so_does_all_where_files_are_off(
        self, server: OsTicketServer, desk: OsTicket, tmp_path: Path
    ) -> None:
        server.most_bytes = 100
        with pytest.raises(FileRefused) as caught:
            desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert caught.value.attachment == "captura-1.png"
        assert replace(desk, inside=False).limits.file_bytes == 0

    def test_without_a_mail_address_it_asks_for_one(self, desk: OsTicket, tmp_path: Path) -> None:
        with pytest.raises(InvalidField):
            desk.submit(fresh(tmp_path, requester="Lucía"), MemoryJournal(), quiet)

    @pytest.mark.parametrize(
        "page", ["/open.php", "/view.php?e=ana@example.org&t=7", "/tickets.php?id=7", "/scp/login.php", "/kb/index.php"]
    )
    def test_a_page_of_it_that_is_pasted_gives_it_away(self, server: OsTicketServer, page: str) -> None:
        with Wire() as wire:
            found = OsTicket.recognise(Seen(wire, f"{server.url}/soporte" + page))
        assert found is not None
        assert found["url"] == f"{server.url}/soporte"

    def test_its_address_gives_it_away(self, server: OsTicketServer) -> None:
        with Wire() as wire:
            assert OsTicket.recognise(Seen(wire, f"{server.url}/soporte")) == {"url": f"{server.url}/soporte"}
