"""Chat, by a real server: Prosody, where the desk is an account as the user's is."""

from __future__ import annotations

import dataclasses
import re
import secrets
import ssl
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.servers.fault_proxy import Fault, TcpProxy
from tests.servers.prosody import PASSWORD, SIZE_BYTES, ChatServer, start_prosody
from tests.uploader.desk_suite import FallibleJournal, Killed, attachment
from tests.uploader.line_suite import LineDeskSuite, LineInboxSuite
from tests.uploader.remote_suite import TalkSuite, fresh
from uploader.desks.xmpp import XmppDesk
from uploader.errors import FileRefused, Gone, InvalidField, MaybeSent, OutcomeUnknown, Refused, Temporary, Untrusted
from uploader.journal import MemoryJournal
from uploader.names import clean_name
from uploader.plain_text import plain_text
from uploader.remote import it_arrived, send_again
from uploader.setting import Secret
from uploader.ticket import Desk, Ticket, quiet
from uploader.wire import Wire
from uploader.xmpp import Chat, Line


def at(ports: dict[str, int], **changes: Any) -> XmppDesk:
    values: dict[str, Any] = {"desk": "soporte@desk.test", "jid": "ana@desk.test", "password": Secret(PASSWORD),
                              "server": f"127.0.0.1:{ports['c2s']}", "stall_s": 30.0}  # fmt: skip
    return XmppDesk(**(values | changes))


class TestXmpp(LineDeskSuite, TalkSuite, LineInboxSuite):
    submits_on = "c2s"
    points, slack_bytes = 4, 300  # it is slow, and what TLS adds differs
    server: ChatServer
    name: str

    @pytest.fixture(autouse=True)
    def trusted(self, prosody: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server, self.name = prosody, f"mesa{secrets.token_hex(4)}"
        prosody.register(self.name)  # a desk of this test's own, with nothing in its archive
        trust = ssl.create_default_context(cafile=str(prosody.certificate))
        monkeypatch.setattr("uploader.connections.trust", lambda: trust)

    @pytest.fixture
    def ports(self) -> dict[str, int]:
        return {"c2s": self.server.ports["c2s"]}

    def reach(self, ports: dict[str, int]) -> XmppDesk:
        return at(ports, desk=f"{self.name}@desk.test")

    def impatient(self, desk: Desk) -> Desk:
        assert isinstance(desk, XmppDesk)
        return dataclasses.replace(desk, stall_s=2.0)

    def agent(self) -> Chat:
        return Chat(f"{self.name}@desk.test", PASSWORD, "127.0.0.1", self.server.ports["c2s"], direct=False, stall_s=30)

    def said(self) -> list[Line]:
        """All that the desk has in its archive, oldest first."""
        with self.agent() as agent:
            found = page = agent.archive("ana@desk.test", most=100)
            while page:  # the server gives fewer at a time than it is asked for
                page = agent.archive("ana@desk.test", before=page[0].key, most=100)
                found = page + found
        return [line for line in found if line.text or line.url]

    def every(self, desk: Desk) -> list[dict[str, Any]]:
        found = dict[str, dict[str, Any]]()
        known = getattr(self, "_before", set())
        for line in self.said():
            if line.id == f"testigo-{line.thread}":
                assert line.thread not in found, "the report came twice"
                report = re.search(r"Testigo (\S+)\Z", line.text.strip())
                found[line.thread] = {"id": line.thread, "report_id": report and report[1], "text": line.text,
                                      "subject": line.text.partition("\n")[0], "files": []}  # fmt: skip
            elif line.thread in found and line.thread not in known and line.id.startswith(f"testigo-{line.thread}-"):
                assert line.url == line.text
                name = unquote(line.url.rpartition("/")[2])
                found[line.thread]["files"].append((name, urllib.request.urlopen(line.url).read()))
        return list(found.values())

    def agent_replies(self, key: str, html: str, files: list[tuple[str, bytes]]) -> None:
        with self.agent() as agent:
            agent.send("ana@desk.test", plain_text(html), f"agent-{key}", key)
            for name, content in files:
                service = agent.upload_service()
                assert service is not None
                slot = agent.slot(service[0], clean_name(name), len(content), "application/octet-stream")
                with Wire() as wire:
                    head = {"Content-Type": "application/octet-stream", **slot.headers}
                    wire.call("PUT", slot.put, headers=head, body=content)
                agent.send("ana@desk.test", slot.get, f"agent-{name}", "", slot.get)

    def agent_solves(self, key: str) -> None:
        with self.agent() as agent:
            agent.send("ana@desk.test", "Resuelto. ¡Gracias!", "agent-solves", key)

    def count_replies(self, key: str) -> int:
        told = [line for line in self.said() if line.thread == key and line.author == "ana@desk.test"]
        return sum(not line.url and line.id != f"testigo-{key}" for line in told)

    def test_the_limit_is_the_servers(self, desk: XmppDesk, tmp_path: Path) -> None:
        assert desk.limits.file_bytes == SIZE_BYTES
        large = attachment(tmp_path, "large.bin", bytes(SIZE_BYTES + 1))
        with pytest.raises(FileRefused, match=r"large\.bin"):
            desk.submit(fresh(tmp_path, attachments=(large,)), MemoryJournal(), quiet)
        assert self.tickets(desk) == []

    def _lost(self, desk: XmppDesk, folder: Path) -> tuple[Ticket, FallibleJournal]:
        """One that was said, in a program that died before it noted so; since then the agent said much."""
        ticket = fresh(folder, attachments=())
        for die_at in range(1, 6):
            journal = FallibleJournal({}, die_at, after=False)
            with pytest.raises(Killed):
                desk.submit(ticket, journal, quiet)
            if self.said():
                break
        with self.agent() as agent:
            for number in range(120):
                agent.send("ana@desk.test", f"aviso {number}", f"agent-{number}", "")
        return ticket, FallibleJournal(journal.kept, 0, after=False)

    def test_a_lost_one_is_found_behind_all_that_was_said_since(self, desk: XmppDesk, tmp_path: Path) -> None:
        ticket, journal = self._lost(desk, tmp_path)
        desk.submit(ticket, journal, quiet)
        assert [line.id for line in self.said() if line.thread == ticket.report_id] == [f"testigo-{ticket.report_id}"]

    def test_of_more_than_can_be_looked_through_the_person_is_asked(
        self, desk: XmppDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("uploader.desks.xmpp.MOST_LINES", 100)
        ticket, journal = self._lost(desk, tmp_path)
        with pytest.raises(MaybeSent) as caught:
            desk.submit(ticket, journal, quiet)
        it_arrived(journal, caught.value.values)
        desk.submit(ticket, journal, quiet)
        assert [line.id for line in self.said() if line.thread == ticket.report_id] == [f"testigo-{ticket.report_id}"]

    def test_pages_of_receipts_alone_end_no_walk_through_the_archive(
        self, desk: XmppDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = desk.submit(fresh(tmp_path, attachments=(), links=()), MemoryJournal(), quiet).id
        with self.agent() as agent:
            agent.send("ana@desk.test", "Lo vemos", "agent-1", key)
            for number in range(4):
                agent.send("ana@desk.test", "", f"receipt-{number}", "")
            assert len(agent.archive("ana@desk.test")) == 6, "the server keeps them all"
        monkeypatch.setattr("uploader.desks.xmpp.PAGE", 2)
        assert [reply.text for reply in desk.conversation(key).replies][-1] == "Lo vemos"
        assert [own.key for own in desk.news("").tickets] == [key]

    def test_after_a_lost_answer_the_archive_tells_that_it_arrived(
        self, desk: XmppDesk, lines: dict[str, TcpProxy], tmp_path: Path
    ) -> None:
        line, through = lines["c2s"], self.through(lines)
        for _ in range(2):
            before = line.received_bytes
            through.submit(fresh(tmp_path, attachments=()), MemoryJournal(), quiet)
        whole, outcomes = line.received_bytes - before, list[bool]()
        for cut in range(whole - 500, whole, 50):
            ticket, journal = fresh(tmp_path, attachments=()), MemoryJournal()
            line.next(Fault(cut_reply_after_bytes=cut))
            try:
                through.submit(ticket, journal, quiet)
            except OutcomeUnknown:
                outcomes.append(any(held["report_id"] == ticket.report_id for held in self.tickets(desk)))
            except Temporary:
                pass
            line.heal()
            through.submit(ticket, journal, quiet)
        assert True in outcomes
        self.tickets(desk)  # none came twice

    def test_what_an_agent_says_without_a_thread_belongs_to_the_last_report(
        self, desk: XmppDesk, tmp_path: Path
    ) -> None:
        first, second = (desk.submit(fresh(tmp_path), MemoryJournal(), quiet) for _ in range(2))
        with self.agent() as agent:
            agent.send("ana@desk.test", "¿Cuál versión?", "a-1", "")
            agent.send("ana@desk.test", "Y del primero, ¿sigue?", "a-2", first.id)
            agent.send("ana@desk.test", "¿Desde cuándo?", "a-3", "")
        assert [r.text for r in desk.conversation(second.id).replies[1:]] == ["¿Cuál versión?"]
        assert [r.text for r in desk.conversation(first.id).replies[1:]] == ["Y del primero, ¿sigue?", "¿Desde cuándo?"]

    def test_a_file_without_words_is_a_message_of_whoever_sent_it(self, desk: XmppDesk, tmp_path: Path) -> None:
        ref, address = desk.submit(fresh(tmp_path, links=()), MemoryJournal(), quiet), "https://files.example.org/a.txt"
        with self.agent() as agent:
            agent.send("ana@desk.test", address, "a-4", ref.id, address)
        last = desk.conversation(ref.id).replies[-1]
        assert (last.mine, [file.name for file in last.files]) == (False, ["a.txt"])

    def test_messages_for_the_users_own_program_stay_for_it(self, desk: XmppDesk, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        self.agent_replies(ref.id, "<p>hola</p>", [])
        desk.news("")
        assert "hola" in self.server.waiting_for("ana")

    def test_news_come_while_it_waits(self, desk: XmppDesk, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        timer = threading.Timer(1, lambda: self.agent_replies(ref.id, "<p>hola</p>", []))
        timer.start()
        assert desk.wait(30, lambda: False)
        timer.join()
        assert not desk.wait(2, lambda: False)

    def test_who_speaks_tls_from_the_beginning_is_reached_too(self, desk: XmppDesk) -> None:
        dataclasses.replace(desk, server=f"127.0.0.1:{self.server.ports['tls']}", security="TLS").check()

    @pytest.mark.parametrize(("port", "security"), [("c2s", "STARTTLS"), ("tls", "TLS")])
    def test_a_certificate_that_is_not_trusted_gets_no_password(
        self, desk: XmppDesk, monkeypatch: pytest.MonkeyPatch, port: str, security: str
    ) -> None:
        monkeypatch.setattr("uploader.connections.trust", ssl.create_default_context)
        with pytest.raises(Untrusted):
            dataclasses.replace(desk, server=f"127.0.0.1:{self.server.ports[port]}", security=security).check()

    def test_a_desk_that_is_not_there_is_told(self, desk: XmppDesk, tmp_path: Path) -> None:
        with pytest.raises(Refused, match="service-unavailable"):
            dataclasses.replace(desk, desk="nobody@desk.test").submit(fresh(tmp_path), MemoryJournal(), quiet)
        with pytest.raises(Gone):
            desk.conversation("20260101-000000-0000000000")

    def test_what_xml_cannot_hold_is_left_out(self, desk: XmppDesk, tmp_path: Path) -> None:
        desk.submit(fresh(tmp_path, description="a\x00b\x0bc\ufffed \ud800 ]]> &amp; <x/>"), MemoryJournal(), quiet)
        (found,) = self.tickets(desk)
        assert "abcd" in found["text"]
        assert "]]> &amp; <x/>" in found["text"]


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    server = start_prosody(tmp_path_factory.mktemp("forgetful"), archive=False)
    yield server
    server.stop()


class TestWithoutAnArchive:
    """A server that forgets what was said: reports go out, and what cannot be known is asked, never doubled."""

    @pytest.fixture
    def mesa(self, forgetful: ChatServer, monkeypatch: pytest.MonkeyPatch) -> str:
        trust = ssl.create_default_context(cafile=str(forgetful.certificate))
        monkeypatch.setattr("uploader.connections.trust", lambda: trust)
        forgetful.register(name := f"mesa{secrets.token_hex(4)}")
        return name

    def said(self, server: ChatServer, mesa: str, ticket: Ticket) -> int:
        return server.waiting_for(mesa).count(f'"testigo-{ticket.report_id}"')

    def test_a_report_arrives_and_that_answers_are_read_elsewhere_is_told(
        self, forgetful: ChatServer, mesa: str, tmp_path: Path
    ) -> None:
        desk, ticket, journal = at(forgetful.ports, desk=f"{mesa}@desk.test"), fresh(tmp_path), MemoryJournal()
        desk.check()
        desk.submit(ticket, journal, quiet)
        desk.submit(ticket, journal, quiet)
        assert self.said(forgetful, mesa, ticket) == 1
        for ask in (lambda: desk.news(""), lambda: desk.conversation(ticket.report_id)):
            with pytest.raises(Refused, match="keeps no archive"):
                ask()

    def test_after_a_lost_answer_the_person_is_asked_and_nothing_goes_by_itself(
        self, forgetful: ChatServer, mesa: str, tmp_path: Path, tcp_proxy: Callable[[int], TcpProxy]
    ) -> None:
        line, unknown = tcp_proxy(forgetful.ports["c2s"]), 0
        desk = at({"c2s": line.port}, desk=f"{mesa}@desk.test")
        desk.submit(fresh(tmp_path, attachments=()), MemoryJournal(), quiet)
        whole = line.carried[-1][1]
        for cut in range(whole - 600, whole, 100):
            ticket, journal = fresh(tmp_path, attachments=()), MemoryJournal()
            line.next(Fault(cut_reply_after_bytes=cut))
            try:
                desk.submit(ticket, journal, quiet)
            except OutcomeUnknown:
                unknown += 1
                arrived = self.said(forgetful, mesa, ticket)
                with pytest.raises(MaybeSent) as question:
                    desk.submit(ticket, journal, quiet)
                assert self.said(forgetful, mesa, ticket) == arrived, "it went again without a word of the person's"
                send_again(journal, question.value.values)
                desk.submit(ticket, journal, quiet)
                assert self.said(forgetful, mesa, ticket) == arrived + 1
            except Temporary:
                line.heal()
                desk.submit(ticket, journal, quiet)
                assert self.said(forgetful, mesa, ticket) == 1
            line.heal()
        assert unknown, "no cut was between the message and its answer"


@pytest.mark.parametrize(
    ("changes", "name"), [({"jid": "ana"}, "jid"), ({"desk": "a b@c"}, "desk"), ({"solved": "("}, "solved")]
)
def test_a_wrong_setting_is_named(changes: dict[str, str], name: str) -> None:
    with pytest.raises(InvalidField) as caught:
        at({"c2s": 9}, **changes).check()
    assert caught.value.name == name
