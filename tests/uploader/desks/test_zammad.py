"""Zammad, a strict one of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.servers.zammad import OTHER, Case, ZammadServer
from tests.uploader.many_suite import ManySuite
from tests.uploader.remote_suite import InboxSuite, InOnePieceSuite, RemoteDeskSuite, fresh
from uploader.desks.zammad import Zammad
from uploader.errors import FieldWanted, FileRefused, Gone, InvalidField
from uploader.journal import MemoryJournal
from uploader.plain_text import plain_text
from uploader.seen import Seen
from uploader.setting import Secret
from uploader.ticket import Desk, quiet
from uploader.wire import Wire


class TestZammad(RemoteDeskSuite, InOnePieceSuite, InboxSuite, ManySuite):
    @pytest.fixture
    def server_url(self) -> Iterator[str]:
        self.server = ZammadServer()
        yield self.server.url
        self.server.stop()

    def at(self, url: str) -> Zammad:
        return Zammad(url=url, token=Secret("t-1"))

    def every(self, desk: Desk) -> list[dict[str, Any]]:
        return [self._whole(case) for case in self.server.cases.values()]

    def _whole(self, case: Any) -> dict[str, Any]:
        text = plain_text(case.articles[0]["body"]) if case.articles else ""
        report = re.search(r"Testigo (\S+)", text)
        files = [self.server.files[item["id"]] for entry in case.articles for item in entry["attachments"]]
        return {"id": str(case.id), "report_id": report and report[1], "subject": case.title, "text": text,
                "files": files}  # fmt: skip

    def agent_replies(self, key: str, html: str, files: list[tuple[str, bytes]]) -> None:
        self.server.agent_replies(int(key), html, files)

    def agent_solves(self, key: str) -> None:
        self.server.agent_solves(int(key))

    def count_replies(self, key: str) -> int:
        return len(self.server.cases[int(key)].articles) - 1

    def filed(self, *, mine: bool = True) -> str:
        number = 1 + len(self.server.cases)
        at = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=number)
        self.server.cases[number] = Case(number, "Caso", {}, updated=at)
        self.server.agent_replies(number, "<p>x</p>", [])
        self.server.cases[number].updated = at
        return str(number)

    def test_a_reply_opens_a_closed_ticket_again(self, desk: Zammad, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        desk.solve(ref.key)
        answer = fresh(tmp_path, description="Sigue igual", links=(), reply_to=ref.key, attachments=())
        desk.reply(answer, MemoryJournal(), quiet)
        assert desk.conversation(ref.key).ticket.state == "open"

    def test_what_the_agents_say_among_themselves_is_not_shown(self, desk: Zammad, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        self.agent_replies(ref.key, "<p>el cliente exagera</p>", [])
        self.server.cases[int(ref.key)].articles[-1]["internal"] = True
        self.agent_replies(ref.key, "<p>hola</p>", [])
        assert [reply.text for reply in desk.conversation(ref.key).replies[1:]] == ["hola"]

    def test_tickets_of_colleagues_are_not_mine(self, desk: Zammad, tmp_path: Path) -> None:
        self.server.cases[1] = Case(1, "De otra persona", {}, customer=OTHER)
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert [ticket.key for ticket in desk.news("").tickets] == [ref.key]

    def test_more_tickets_than_a_page_holds_are_all_looked_at(self, desk: Zammad, tmp_path: Path) -> None:
        self.server.cases |= {number: Case(number, f"Caso {number}", {}) for number in range(1, 251)}
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        tickets = desk.news("").tickets
        assert (len(tickets), tickets[0].key) == (200, ref.key)

    def test_what_the_desk_promises_is_told(self, desk: Zammad, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        ticket = desk.conversation(ref.key).ticket
        assert ticket.first_answer_due_at and ticket.due_at is None

    def test_priority_kind_and_fields_are_its_own(self, desk: Zammad, tmp_path: Path) -> None:
        own = replace(desk, kinds="claim=reclamo", fields="centro=42")
        ref = own.submit(fresh(tmp_path, priority="low"), MemoryJournal(), quiet)
        given = self.server.cases[int(ref.key)].given
        assert (given["priority"], given["tags"], given["centro"]) == ("1 low", "reclamo", "42")

    def test_a_required_field_and_a_wrong_group_are_named(self, desk: Zammad, tmp_path: Path) -> None:
        self.server.required = "centro"
        with pytest.raises(FieldWanted) as caught:
            desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert caught.value.name == "centro"
        with pytest.raises(InvalidField, match="no “Nada”"):
            replace(desk, group="Nada").submit(fresh(tmp_path), MemoryJournal(), quiet)

    def test_what_the_server_in_front_finds_too_large_goes_as_a_link(self, desk: Zammad, tmp_path: Path) -> None:
        self.server.most_bytes = 100
        with pytest.raises(FileRefused) as caught:
            desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert caught.value.attachment == "captura-1.png"

    def test_a_ticket_that_is_not_there_is_gone(self, desk: Zammad) -> None:
        with pytest.raises(Gone):
            desk.conversation("99")

    @pytest.mark.parametrize("page", ["/#ticket/zoom/7", "/#login", "/help/es"])
    def test_a_page_of_it_that_is_pasted_gives_it_away(self, server_url: str, page: str) -> None:
        with Wire() as wire:
            found = Zammad.recognise(Seen(wire, server_url + page))
        assert found is not None
        assert found["url"] == server_url

    def test_tickets_of_another_group_are_told_apart(self, desk: Desk, tmp_path: Path) -> None:
        here, moved = self.sent(desk, tmp_path), self.sent(desk, tmp_path)
        self.server.cases[int(moved.key or moved.id)].given["group"] = "Redes"
        assert isinstance(desk, Zammad)
        told = {ticket.key: ticket.elsewhere for ticket in desk.news("").tickets}
        assert told == {here.key or here.id: False, moved.key or moved.id: True}

    def test_its_address_gives_it_away(self, server_url: str) -> None:
        with Wire() as wire:
            assert Zammad.recognise(Seen(wire, server_url + "/#login")) == {"url": server_url}
