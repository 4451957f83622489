"""FreeScout, a strict one of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.servers.fault_proxy import Answer, Fault, FaultProxy
from tests.servers.freescout import KEY, MAIL, FreeScoutServer, Talk
from tests.uploader.many_suite import ManySuite
from tests.uploader.remote_suite import (
    ByAddressSuite,
    InboxSuite,
    InOnePieceSuite,
    RemoteDeskSuite,
    fresh,
    the_person_decides,
)
from uploader.desks.freescout import FreeScout
from uploader.errors import FileRefused, Gone, InvalidField, Refused
from uploader.journal import MemoryJournal
from uploader.plain_text import plain_text
from uploader.seen import Seen
from uploader.setting import Secret
from uploader.ticket import Choice, Desk, quiet
from uploader.wire import Wire


class TestFreeScout(RemoteDeskSuite, InOnePieceSuite, InboxSuite, ByAddressSuite, ManySuite):
    own_faults: ClassVar[dict[str, Fault]] = {
        "a refusal after it was done": Fault(instead=Answer(400, {}, b'{"message": "Error occurred"}')),
        "no number": Fault(instead=Answer(201, {}, b"")),
    }

    @pytest.fixture
    def server_url(self) -> Iterator[str]:
        self.server = FreeScoutServer()
        yield self.server.url
        self.server.stop()

    def at(self, url: str, **changes: Any) -> FreeScout:
        return FreeScout(url=url, **{"key": Secret(KEY), "mail": MAIL, "mailbox": "1", **changes})

    def every(self, desk: Desk) -> list[dict[str, Any]]:
        return [self._whole(talk) for talk in self.server.held.values()]

    def _whole(self, talk: Any) -> dict[str, Any]:
        first = talk.threads[-1]
        text = plain_text(first.body)  # as an agent sees it
        report = re.search(r"Testigo (\S+)", text)
        files = [(self.server.files[n][0], self.server.files[n][2]) for n in first.files]
        return {"id": str(talk.id), "report_id": report and report[1], "subject": talk.given["subject"],
                "text": text, "files": files}  # fmt: skip

    def agent_replies(self, key: str, html: str, files: list[tuple[str, bytes]]) -> None:
        self.server.agent_replies(int(key), html, files)

    def agent_solves(self, key: str) -> None:
        self.server.agent_solves(int(key))

    def count_replies(self, key: str) -> int:
        return len(self.server.held[int(key)].threads) - 1

    def filed(self, *, mine: bool = True) -> str:
        number = 1000 + len(self.server.held)
        self.server.held[number] = Talk(number, {"subject": "Caso", "mailboxId": 1, "customer": {"email": MAIL}})
        self.server.add(self.server.held[number], "customer", "<p>x</p>", [])
        return str(number)

    def test_through_a_relay_no_key_leaves_this_computer(self, desk: FreeScout, tmp_path: Path) -> None:
        self.server.relayed = True
        relayed = replace(desk, key=Secret(""))
        relayed.check()
        ref = relayed.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert relayed.conversation(ref.key).ticket.id == ref.id != ref.key
        assert all("x-freescout-api-key" not in asked.headers for asked in self.server.asked)

    def test_a_lost_one_is_found_whatever_the_agents_made_of_it(self, desk: FreeScout, tmp_path: Path) -> None:
        for status in ("pending", "closed", "spam"):
            ticket, journal = fresh(tmp_path), MemoryJournal()
            ref = desk.submit(ticket, journal, quiet)
            self.server.held[int(ref.key)].status = status
            journal.forget("create", "number")
            with pytest.raises(RuntimeError):
                journal.once("create", _dies, lambda: None)
            assert desk.submit(ticket, journal, quiet) == ref
        assert len(self.tickets(desk)) == 3

    def test_where_the_relay_lets_nobody_read_the_person_decides_about_a_lost_answer(
        self, desk: FreeScout, proxy: FaultProxy, tmp_path: Path
    ) -> None:
        self.server.may_read = False
        bare = self.at(proxy.url, mail="")
        assert bare.submit(fresh(tmp_path), MemoryJournal(), quiet).id == "1000"
        the_person_decides(bare, proxy, tmp_path, lambda: len(self.server.held))

    def test_fields_go_by_name_and_choices_by_their_number(self, desk: FreeScout, tmp_path: Path) -> None:
        own = replace(desk, priority_field="Prioridad", kinds="claim=2")
        ref = own.submit(fresh(tmp_path), MemoryJournal(), quiet)
        given = self.server.held[int(ref.key)].given
        assert given["mailboxId"] == 2
        assert given["customFields"] == [{"id": 37, "value": "42"}, {"id": 18, "value": "3"}]
        assert own.conversation(ref.key).ticket.priority == "high"
        assert desk.conversation(ref.key).ticket.priority == ""
        self.server.custom_fields = False
        ref = replace(own, fields="18=1").submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert self.server.held[int(ref.key)].given["customFields"] == [{"id": 18, "value": "1"}]

    @pytest.mark.parametrize("mailbox", ["99", "soporte"])
    def test_a_mailbox_that_is_not_there_is_named(self, desk: FreeScout, tmp_path: Path, mailbox: str) -> None:
        wrong = replace(desk, mailbox=mailbox)
        for act in (wrong.check, lambda: wrong.submit(fresh(tmp_path), MemoryJournal(), quiet)):
            with pytest.raises(InvalidField) as caught:
                act()
            assert caught.value.name == "mailbox"
        assert desk.choices("mailbox") == (Choice("1", "Soporte"), Choice("2", "Quejas"))
        assert self.tickets(desk) == []

    def test_notes_and_drafts_of_the_agents_are_never_shown(self, desk: FreeScout, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        held = self.server.held[int(ref.key)]
        self.server.add(held, "note", "<p>el cliente exagera</p>", [])
        self.server.add(held, "message", "<p>aún no</p>", [], state="draft")
        self.server.add(held, "lineitem", "", [])
        self.agent_replies(ref.key, "<p>hola</p>", [])
        (new,) = desk.conversation(ref.key).replies[1:]
        assert (new.text, new.author) == ("hola", "Ana Ruiz")

    @pytest.mark.parametrize("act", ["conversation", "reply"])
    def test_the_key_reads_everything_and_shows_only_ones_own(self, desk: FreeScout, tmp_path: Path, act: str) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        other = replace(desk, mail="otra@example.org")
        assert other.news("").tickets == ()
        with pytest.raises(Gone):
            if act == "reply":
                other.reply(fresh(tmp_path, reply_to=ref.key), MemoryJournal(), quiet)
            else:
                other.conversation(ref.key)

    def test_what_was_deleted_is_gone(self, desk: FreeScout, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        self.server.held[int(ref.key)].state = "deleted"
        assert desk.news("").tickets == ()
        with pytest.raises(Gone):
            desk.conversation(ref.key)

    def test_without_an_address_answers_come_by_mail(self, desk: FreeScout, tmp_path: Path) -> None:
        bare = replace(desk, mail="")
        ref = bare.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert self.server.held[int(ref.key)].mail == "lucia@example.org"
        assert bare.news("").tickets == ()
        with pytest.raises(Refused, match="by e-mail"):
            bare.conversation(ref.key)

    def test_tickets_of_another_mailbox_are_told_apart(self, desk: FreeScout, tmp_path: Path) -> None:
        first = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        second = replace(desk, mailbox="2").submit(fresh(tmp_path), MemoryJournal(), quiet)
        for mailbox, own, foreign in (("1", first, second), ("2", second, first)):
            told = {ticket.key: ticket.elsewhere for ticket in replace(desk, mailbox=mailbox).news("").tickets}
            assert told == {own.key: False, foreign.key: True}
        kinds = replace(desk, kinds="claim=2")
        assert not any(ticket.elsewhere for ticket in kinds.news("").tickets), "its own mailbox for a kind is its own"

    def test_more_than_a_page_of_tickets_is_news(self, desk: FreeScout, tmp_path: Path) -> None:
        for _ in range(53):
            desk.submit(fresh(tmp_path, attachments=()), MemoryJournal(), quiet)
        self.agent_solves("1000")
        assert len(desk.news("").tickets) == 53

    def test_what_is_too_large_for_the_server_goes_as_a_link(self, desk: FreeScout, tmp_path: Path) -> None:
        self.server.most_bytes = 100
        with pytest.raises(FileRefused) as caught:
            desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert caught.value.attachment == "captura-1.png"

    @pytest.mark.parametrize("page", ["/conversation/7", "/login", "/mailbox/1/2"])
    def test_a_page_of_it_that_is_pasted_gives_it_away(self, server_url: str, page: str) -> None:
        with Wire() as wire:
            found = FreeScout.recognise(Seen(wire, server_url + page))
        assert found is not None
        assert found["url"] == server_url

    def test_its_address_gives_it_away(self, server_url: str) -> None:
        with Wire() as wire:
            assert FreeScout.recognise(Seen(wire, server_url)) == {"url": server_url}


def _dies() -> str:
    raise RuntimeError
