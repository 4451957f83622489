"""GLPI, a strict one of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.servers.fault_proxy import FaultProxy
from tests.servers.glpi import AGENT, ME, Case, GlpiServer
from tests.uploader.many_suite import CrowdSuite
from tests.uploader.remote_suite import AfterwardsSuite, InboxSuite, RemoteDeskSuite, fresh
from uploader.desks.glpi import Glpi
from uploader.errors import FileRefused, Gone, InvalidField
from uploader.journal import MemoryJournal
from uploader.plain_text import plain_text
from uploader.seen import Seen
from uploader.setting import Secret
from uploader.ticket import Desk, Link, SharedFile, quiet
from uploader.wire import Wire


class TestGlpi(RemoteDeskSuite, AfterwardsSuite, InboxSuite, CrowdSuite):
    follows = "/Document"
    needless = 1  # the session is ended

    escapes = True

    @pytest.fixture
    def server_url(self) -> Iterator[str]:
        self.server = GlpiServer()
        self.server.escapes = self.escapes
        yield self.server.url
        self.server.stop()

    def at(self, url: str, **changes: Any) -> Glpi:
        return Glpi(**{"url": url, "token": Secret("u-1"), **changes})

    def every(self, desk: Desk) -> list[dict[str, Any]]:
        return [self._whole(case) for case in self.server.cases.values()]

    def _whole(self, case: Any) -> dict[str, Any]:
        text = plain_text(case.given["content"])
        report = re.search(r"Testigo (\S+)", text)
        held = [d for d in self.server.documents.values() if (d.itemtype, d.item) == ("Ticket", case.id)]
        return {"id": str(case.id), "report_id": report and report[1], "subject": case.given["name"], "text": text,
                "files": [(document.name, document.content) for document in held]}  # fmt: skip

    def agent_replies(self, key: str, html: str, files: list[tuple[str, bytes]]) -> None:
        self.server.agent_replies(int(key), html, files)

    def agent_solves(self, key: str) -> None:
        self.server.agent_solves(int(key))

    def count_replies(self, key: str) -> int:
        return len(self.server.cases[int(key)].followups)

    def filed(self, *, mine: bool = True) -> str:
        number = 1 + len(self.server.cases)
        given = {"name": "Caso", "content": "<p>x</p>", "type": 1, "urgency": 3}
        self.server.cases[number] = Case(number, given, recipient=ME if mine else AGENT)
        return str(number)

    def test_a_link_that_ended_before_the_ticket_was_made_is_in_its_text_alone(
        self, desk: Glpi, proxy: FaultProxy, tmp_path: Path
    ) -> None:
        self.link_ends(desk, proxy, tmp_path, made=False)

    def test_every_session_is_ended(self, desk: Glpi, tmp_path: Path) -> None:
        desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        with pytest.raises(Gone):
            desk.conversation("77")
        assert self.server.sessions == set()

    def test_a_type_that_is_refused_goes_as_a_link_told_in_a_followup(self, desk: Glpi, tmp_path: Path) -> None:
        self.server.refused_types = (".png",)
        ticket, journal = fresh(tmp_path), MemoryJournal()
        with pytest.raises(FileRefused) as caught:
            desk.submit(ticket, journal, quiet)
        refused = next(file for file in ticket.attachments if file.name == caught.value.attachment)
        link = SharedFile(refused.name, 1, "image/png", refused.sha256, Link("https://files.example.org/png"))
        rest = tuple(file for file in ticket.attachments if file != refused)
        for _ in range(2):
            ref = desk.submit(replace(ticket, attachments=rest, links=(*ticket.links, link)), journal, quiet)
        (told,) = self.server.cases[int(ref.id)].followups
        assert "https://files.example.org/png" in told["content"]

    def test_the_application_token_is_named_when_it_is_wanted(self, desk: Glpi, tmp_path: Path) -> None:
        self.server.app_token = "app-1"
        with pytest.raises(InvalidField) as caught:
            desk.check()
        assert caught.value.name == "app_token"
        replace(desk, app_token="app-1").submit(fresh(tmp_path), MemoryJournal(), quiet)

    def test_kind_urgency_and_category_are_its_own(self, desk: Glpi, tmp_path: Path) -> None:
        own = replace(desk, category="7", fields="locations_id=3")
        ref = own.submit(fresh(tmp_path, kind="petition", priority="low"), MemoryJournal(), quiet)
        given = self.server.cases[int(ref.id)].given
        assert (given["type"], given["urgency"], given["itilcategories_id"], given["locations_id"]) == (2, 2, 7, "3")

    def test_a_reply_opens_a_solved_ticket_again(self, desk: Glpi, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        self.server.agent_solves(int(ref.id))
        answer = fresh(tmp_path, description="Sigue igual", links=(), reply_to=ref.id, attachments=())
        desk.reply(answer, MemoryJournal(), quiet)
        assert desk.conversation(ref.id).ticket.state == "open"

    def test_tickets_of_others_are_not_mine(self, desk: Glpi, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        self.server.cases[int(ref.id)].recipient = 99
        assert desk.news("").tickets == ()

    @pytest.mark.parametrize(
        "page", ["/front/ticket.form.php?id=7", "/index.php?noAUTO=1", "/front/helpdesk.public.php"]
    )
    def test_a_page_of_it_that_is_pasted_gives_it_away(self, server_url: str, page: str) -> None:
        with Wire() as wire:
            found = Glpi.recognise(Seen(wire, server_url + page))
        assert found is not None
        assert found["url"] == server_url

    def test_its_address_gives_it_away(self, server_url: str) -> None:
        with Wire() as wire:
            assert Glpi.recognise(Seen(wire, server_url)) == {"url": server_url}


class TestGlpi11(TestGlpi):
    """Texts come as they were written."""

    escapes = False
