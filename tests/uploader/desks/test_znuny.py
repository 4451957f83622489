"""Znuny, a strict one of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.servers.fault_proxy import Answer, Fault
from tests.servers.znuny import BASE, Case, ZnunyServer
from tests.uploader.many_suite import CrowdSuite
from tests.uploader.remote_suite import InboxSuite, RemoteDeskSuite, fresh
from uploader.desks.znuny import Znuny
from uploader.errors import FileRefused, Gone, InvalidField
from uploader.journal import MemoryJournal
from uploader.plain_text import plain_text
from uploader.setting import Secret
from uploader.ticket import Desk, quiet

ERROR_200 = Answer(200, {"Content-Type": "application/json"}, b'{"Error": {"ErrorCode": "X", "ErrorMessage": "no"}}')


class TestZnuny(RemoteDeskSuite, InboxSuite, CrowdSuite):
    own_faults: ClassVar[dict[str, Fault]] = {"200 with an error inside": Fault(answer=ERROR_200)}

    @pytest.fixture
    def server_url(self) -> Iterator[str]:
        self.server = ZnunyServer()
        yield self.server.url
        self.server.stop()

    def at(self, url: str) -> Znuny:
        return Znuny(url=url + BASE, user="lucia", password=Secret("p-1"))

    def every(self, desk: Desk) -> list[dict[str, Any]]:
        return [self._whole(case) for case in self.server.cases.values()]

    def _whole(self, case: Any) -> dict[str, Any]:
        text = case.articles[0]["Body"]
        report = re.search(r"Testigo (\S+)", text)
        files = [file for entry in case.articles for file in entry["files"]]
        return {"id": str(case.id), "report_id": report and report[1], "subject": case.given["Title"], "text": text,
                "files": files}  # fmt: skip

    def agent_replies(self, key: str, html: str, files: list[tuple[str, bytes]]) -> None:
        self.server.agent_replies(int(key), plain_text(html), files)  # Znuny keeps the plain text of each article

    def agent_solves(self, key: str) -> None:
        self.server.agent_solves(int(key))

    def count_replies(self, key: str) -> int:
        return len(self.server.cases[int(key)].articles) - 1

    def filed(self, *, mine: bool = True) -> str:
        number = 1 + len(self.server.cases)
        made = Case(number, {"Title": "Caso", "Priority": "3 normal"}, [], "lucia" if mine else "colega")
        self.server.cases[number] = made
        self.server.agent_replies(number, "x", [])
        return str(number)

    def test_tickets_of_another_queue_are_told_apart(self, desk: Znuny, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        moved = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        self.server.cases[int(moved.key)].queue = "Redes"
        for queue, elsewhere in (
            ("Raw", {ref.key: False, moved.key: True}),
            ("Redes", {ref.key: True, moved.key: False}),
        ):
            tickets = replace(desk, queue=queue).news("").tickets
            assert {ticket.key: ticket.elsewhere for ticket in tickets} == elsewhere

    def test_a_reply_opens_a_closed_ticket_again(self, desk: Znuny, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        self.server.agent_solves(int(ref.key))
        answer = fresh(tmp_path, description="Sigue igual", links=(), reply_to=ref.key, attachments=())
        desk.reply(answer, MemoryJournal(), quiet)
        assert desk.conversation(ref.key).ticket.state == "open"

    def test_priority_kind_and_dynamic_fields_are_its_own(self, desk: Znuny, tmp_path: Path) -> None:
        own = replace(desk, kinds="claim=Reclamo", fields="Edificio=B")
        ref = own.submit(fresh(tmp_path, priority="low"), MemoryJournal(), quiet)
        case = self.server.cases[int(ref.key)]
        assert (case.given["Priority"], case.given["Type"]) == ("2 low", "Reclamo")
        assert case.fields == [{"Name": "Edificio", "Value": "B"}]

    def test_a_queue_that_is_not_there_is_named(self, desk: Znuny, tmp_path: Path) -> None:
        with pytest.raises(InvalidField) as caught:
            replace(desk, queue="Nada").submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert caught.value.name == "queue"

    def test_what_is_too_large_goes_as_a_link(self, desk: Znuny, tmp_path: Path) -> None:
        self.server.most_bytes = 200
        with pytest.raises(FileRefused):
            desk.submit(fresh(tmp_path), MemoryJournal(), quiet)

    def test_a_name_that_the_search_would_misread_is_told_apart_here(self, desk: Znuny, tmp_path: Path) -> None:
        self.server.login = "lucia && ana"
        other = replace(desk, user=self.server.login)
        ref = other.submit(fresh(tmp_path), MemoryJournal(), quiet)
        self.filed(mine=False)
        assert [ticket.key for ticket in other.news("").tickets] == [ref.key]

    def test_tickets_of_others_are_not_mine(self, desk: Znuny, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        self.server.cases[int(ref.key)].customer = "colega"
        assert desk.news("").tickets == ()
        self.server.cases[int(ref.key)].customer = "nadie"
        with pytest.raises(Gone):
            desk.conversation(ref.key)
