"""Roundup, the real one."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.servers.roundup import PASSWORDS, RoundupServer
from tests.uploader.remote_suite import InboxSuite, RemoteDeskSuite, fresh
from uploader.desks.roundup import Roundup
from uploader.errors import Refused
from uploader.journal import MemoryJournal
from uploader.plain_text import plain_text
from uploader.seen import Seen
from uploader.setting import Secret
from uploader.ticket import Desk, Link, quiet
from uploader.wire import Wire


class TestRoundup(RemoteDeskSuite, InboxSuite):
    @pytest.fixture(autouse=True)
    def server(self, roundup: RoundupServer) -> None:
        self.roundup = roundup

    @pytest.fixture
    def server_url(self, roundup: RoundupServer) -> str:
        return roundup.url

    def at(self, url: str, **changes: Any) -> Roundup:
        return Roundup(**{"url": url, "user": "ana", "password": Secret(PASSWORDS["ana"]), **changes})

    def every(self, desk: Desk) -> list[dict[str, Any]]:
        listed = self.roundup.ask("GET", "issue?@fields=title,messages,files&@verbose=2&@sort=id")["collection"]
        known = getattr(self, "_before", {item["id"] for item in listed})
        return [self._whole(item) if item["id"] not in known else {"id": item["id"]} for item in listed]

    def _whole(self, item: dict[str, Any]) -> dict[str, Any]:
        first = min(item["messages"], key=lambda message: int(message["id"]))["id"]
        text = self.roundup.held("msg", first).decode()
        report = re.search(r"Testigo (\S+)", text)
        files = [(file["name"], self.roundup.held("file", file["id"])) for file in item["files"]]
        return {"id": item["id"], "report_id": report and report[1], "subject": item["title"], "text": text,
                "files": files}  # fmt: skip

    def agent_replies(self, key: str, html: str, files: list[tuple[str, bytes]]) -> None:
        me = self.roundup.ask("GET", "user?username=mesa")["collection"][0]["id"]
        kept = [self.roundup.keep(name, content) for name, content in files]
        asked = {"content": plain_text(html), "author": me, "files": kept}
        message = self.roundup.ask("POST", "msg", asked)["id"]
        self.roundup.change(key, {"@op": "add", "messages": [message], "files": kept})

    def agent_solves(self, key: str) -> None:
        self.roundup.change(key, {"status": "resolved"})

    def count_replies(self, key: str) -> int:
        return len(self.roundup.ask("GET", f"issue/{key}?@fields=messages")["attributes"]["messages"]) - 1

    def test_a_link_that_ended_before_the_issue_was_made_is_not_in_its_message(
        self, desk: Roundup, tmp_path: Path
    ) -> None:
        ticket, journal = fresh(tmp_path), MemoryJournal()
        with pytest.raises(Refused):
            replace(desk, priorities="high=nope").submit(ticket, journal, quiet)
        new = replace(ticket, links=(replace(ticket.links[0], link=Link("https://files.example.org/new")),))
        ref = desk.submit(new, journal, quiet)
        text = desk.conversation(ref.id).replies[0].text
        assert [each.links[0].link.url in text for each in (ticket, new)] == [False, True]

    def test_priority_keyword_and_fields_are_the_trackers_own(self, desk: Roundup, tmp_path: Path) -> None:
        if not self.roundup.ask("GET", "keyword")["collection"]:
            self.roundup.ask("POST", "keyword", {"name": "reclamo"})
        own = replace(desk, kinds="claim=reclamo", fields="assignedto=mesa")
        ref = own.submit(fresh(tmp_path), MemoryJournal(), quiet)
        held = self.roundup.ask("GET", f"issue/{ref.id}?@verbose=2")["attributes"]
        assert (held["priority"]["name"], held["keyword"][0]["name"]) == ("urgent", "reclamo")
        assert held["assignedto"]["username"] == "mesa"
        assert own.conversation(ref.id).ticket.priority == "high"

    def test_what_the_tracker_does_not_have_is_told_in_its_words(self, desk: Roundup, tmp_path: Path) -> None:
        with pytest.raises(Refused, match="'nada' is not a priority"):
            replace(desk, priorities="high=nada").submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert self.tickets(desk) == []

    def test_a_user_whose_name_holds_another_is_told_apart(self, desk: Roundup, tmp_path: Path) -> None:
        other = replace(desk, user="mariana", password=Secret(PASSWORDS["mariana"]))
        ref = other.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert ref.id not in [ticket.key for ticket in desk.news("").tickets]
        assert [ticket.key for ticket in other.news("").tickets] == [ref.id]

    @pytest.mark.parametrize("page", ["/issue7", "/user3", "/issue?@template=index", "/@@file/style.css"])
    def test_a_page_of_it_that_is_pasted_gives_it_away(self, server_url: str, page: str) -> None:
        with Wire() as wire:
            found = Roundup.recognise(Seen(wire, server_url + page))
        assert found is not None
        assert found["url"] == server_url

    def test_its_address_gives_it_away(self, server_url: str) -> None:
        with Wire() as wire:
            assert Roundup.recognise(Seen(wire, server_url)) == {"url": server_url}
