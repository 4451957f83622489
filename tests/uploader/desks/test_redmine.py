"""Redmine, the real one, in Spanish."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.servers.fault_proxy import Answer, Fault, FaultProxy
from tests.servers.redmine import LIMIT_BYTES, RedmineServer
from tests.uploader.desk_suite import FallibleJournal, Killed, attachment, contents, make_ticket
from tests.uploader.remote_suite import InboxSuite, RemoteDeskSuite, fresh, goes_as_a_link_once
from uploader.desks.redmine import Redmine
from uploader.errors import FieldWanted, FileRefused, InvalidField, OutcomeUnknown, Temporary
from uploader.inbox import MOST_TICKETS
from uploader.journal import MemoryJournal
from uploader.plain_text import plain_text
from uploader.seen import Seen
from uploader.setting import Secret
from uploader.ticket import Desk, quiet
from uploader.wire import Wire


class TestRedmine(RemoteDeskSuite, InboxSuite):
    reopens_solved = False  # its workflow gives reporters no way out of a closed state

    @pytest.fixture(autouse=True)
    def server(self, redmine: RedmineServer) -> None:
        self.redmine = redmine

    @pytest.fixture
    def server_url(self, redmine: RedmineServer) -> str:
        return redmine.url

    def begin(self, desk: Desk) -> Desk:
        self.redmine.empty()
        return super().begin(desk)

    def at(self, url: str) -> Redmine:
        return Redmine(url=url, key=Secret(self.redmine.keys["ana"]), project="soporte", largest_mb=25)

    def every(self, desk: Desk) -> list[dict[str, Any]]:
        listed = self.redmine.ask("GET", "issues.json?status_id=*&limit=100&sort=id:desc")["issues"]
        known = getattr(self, "_before", None)
        if known is None:  # only their numbers are wanted
            return [{"id": str(each["id"])} for each in listed]
        return [self._whole(each["id"], as_shown=len(listed) < 5) for each in listed if str(each["id"]) not in known]

    def _whole(self, number: int, *, as_shown: bool) -> dict[str, Any]:
        issue = self.redmine.ask("GET", f"issues/{number}.json?include=attachments")["issue"]
        text = issue["description"]
        if as_shown:  # by Redmine: its pages are dear
            page = self.redmine.read(f"{self.redmine.url}/issues/{number}").decode()
            shown = re.search(r'<div class="wiki">(.*?)</div>', page, re.DOTALL)
            text = plain_text(shown[1]) if shown else ""
        report = re.search(r"Testigo ([\w-]+)", text)
        files = [(file["filename"], self.redmine.read(file["content_url"])) for file in issue["attachments"]]
        return {"id": str(number), "report_id": report and report[1], "subject": issue["subject"], "text": text,
                "files": files}  # fmt: skip

    def agent_replies(self, key: str, html: str, files: list[tuple[str, bytes]]) -> None:
        import urllib.request

        uploads = []
        for name, content in files:
            asked = urllib.request.Request(
                f"{self.redmine.url}/uploads.json?filename={urllib.request.quote(name)}", content,
                {"X-Redmine-API-Key": self.redmine.keys["admin"], "Content-Type": "application/octet-stream"},
                method="POST",
            )  # fmt: skip
            with urllib.request.urlopen(asked) as reply:
                import json

                uploads.append({"token": json.load(reply)["upload"]["token"], "filename": name})
        notes = plain_text(html)
        self.redmine.ask("PUT", f"issues/{key}.json", {"issue": {"notes": notes, "uploads": uploads}})

    def agent_solves(self, key: str) -> None:
        self.redmine.ask("PUT", f"issues/{key}.json", {"issue": {"status_id": 5}})

    def count_replies(self, key: str) -> int:
        entries = self.redmine.ask("GET", f"issues/{key}.json?include=journals")["issue"]["journals"]
        return sum(bool(entry["notes"]) for entry in entries)

    def test_of_many_the_newest_come_and_all_that_changed_comes_however_many(
        self, desk: Redmine, tmp_path: Path
    ) -> None:
        mine = desk.submit(fresh(tmp_path, attachments=()), MemoryJournal(), quiet).id
        keys = self.redmine.file(MOST_TICKETS + 70)
        first = desk.news("")
        assert [ticket.key for ticket in first.tickets] == [mine, *keys[:-MOST_TICKETS:-1]]
        assert first.more
        later = desk.news("2020-01-01T00:00:00Z")
        assert {ticket.key for ticket in later.tickets} == {mine, *keys}
        assert not later.more

    def test_one_whose_answer_got_lost_is_found_among_all_that_came_since(
        self, desk: Redmine, proxy: FaultProxy, tmp_path: Path
    ) -> None:
        ticket, journal = fresh(tmp_path, attachments=()), MemoryJournal()
        proxy.next(Fault(drop_reply=True), lambda method, path: method == "POST")
        with pytest.raises(OutcomeUnknown):
            self.at(proxy.url).submit(ticket, journal, quiet)
        (made,) = self.tickets(desk)
        self.redmine.file(330)
        assert desk.submit(ticket, journal, quiet).id == made["id"]

    def test_a_required_field_is_named_and_once_given_it_goes(self, tmp_path: Path) -> None:
        desk = Redmine(url=self.redmine.url, key=Secret(self.redmine.keys["ana"]), project="estricto")
        ticket = fresh(tmp_path, fields={})
        with pytest.raises(FieldWanted) as caught:
            desk.submit(ticket, MemoryJournal(), quiet)
        assert caught.value.name == "Activo"
        given = Redmine(url=desk.url, key=desk.key, project="estricto", fields="Activo=PC-42")
        ref = given.submit(ticket, MemoryJournal(), quiet)
        fields = self.redmine.ask("GET", f"issues/{ref.id}.json")["issue"]["custom_fields"]
        assert {field["name"]: field["value"] for field in fields}["Activo"] == "PC-42"

    def test_a_file_above_the_servers_own_limit_is_named(self, desk: Redmine, tmp_path: Path) -> None:
        file = attachment(tmp_path, "grande.bin", bytes(LIMIT_BYTES + 1))
        with pytest.raises(FileRefused) as caught:
            desk.submit(fresh(tmp_path, attachments=(file,)), MemoryJournal(), quiet)
        assert caught.value.attachment == "grande.bin"
        assert self.tickets(desk) == []

    def test_a_file_whose_token_was_cleared_away_is_sent_anew(
        self, desk: Redmine, proxy: FaultProxy, tmp_path: Path
    ) -> None:
        through, ticket, journal = self.at(proxy.url), fresh(tmp_path), FallibleJournal({}, 0, after=True)
        proxy.next(Fault(answer=Answer(503)), lambda method, path: method == "POST" and "issues" in path)
        with pytest.raises(Temporary):
            through.submit(ticket, journal, quiet)
        token = next(str(told) for step, told in journal.kept.items() if step.startswith("file/"))
        self.redmine.ask("DELETE", f"attachments/{token.partition('.')[0]}.json", user="ana")
        through.submit(ticket, FallibleJournal(journal.kept, 0, after=True), quiet)
        (found,) = self.tickets(desk)
        assert sorted(content for _, content in found["files"]) == contents(ticket)

    def test_a_file_that_is_refused_once_the_issue_is_there_is_told_as_a_link_once(
        self, desk: Redmine, proxy: FaultProxy, tmp_path: Path
    ) -> None:
        through, ticket, journal = self.at(proxy.url), fresh(tmp_path), MemoryJournal()
        bare = Answer(200, {"Content-Type": "application/json"}, b'{"issue": {"attachments": []}}')
        proxy.next(Fault(answer=bare), lambda method, path: "include=attachments" in path)

        made = list[str]()

        def again(method: str, path: str) -> bool:
            if method == "POST" and path.endswith("/issues.json"):
                made.append(path)
            return "/uploads" in path and bool(made)

        proxy.next(Fault(answer=Answer(413)), again)
        goes_as_a_link_once(through, ticket, journal)

    def test_a_file_that_the_issue_lacks_is_added(self, desk: Redmine, tmp_path: Path) -> None:
        for die_at in range(1, 9):
            ticket, journal = fresh(tmp_path), FallibleJournal({}, die_at, after=True)
            with pytest.raises(Killed):
                desk.submit(ticket, journal, quiet)
            if number := journal.kept.get("create"):
                break
        issue = self.redmine.ask("GET", f"issues/{number}.json?include=attachments")["issue"]
        self.redmine.ask("DELETE", f"attachments/{issue['attachments'][0]['id']}.json")
        desk.submit(ticket, FallibleJournal(journal.kept, 0, after=True), quiet)
        (found,) = self.tickets(desk)
        assert sorted(content for _, content in found["files"]) == contents(ticket)

    def test_a_project_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        desk = Redmine(url=self.redmine.url, key=Secret(self.redmine.keys["ana"]), project="nada")
        with pytest.raises(InvalidField, match="nada"):
            desk.check()

    @pytest.mark.parametrize(("ours", "theirs"), [("high", "Alta"), ("medium", "Normal"), ("low", "Baja")])
    def test_priorities_are_those_of_the_server_in_its_language(
        self, desk: Redmine, tmp_path: Path, ours: str, theirs: str
    ) -> None:
        ref = desk.submit(make_ticket(tmp_path, priority=ours), MemoryJournal(), quiet)
        assert self.redmine.ask("GET", f"issues/{ref.id}.json")["issue"]["priority"]["name"] == theirs
        assert desk.conversation(ref.id).ticket.priority == ours, "its name is what we write for ours"
        assert next(t for t in desk.news("").tickets if t.id == ref.id).priority == ours

    @pytest.mark.parametrize("markup", ["Textile", "none"])
    def test_what_the_user_wrote_is_read_as_it_was_typed_and_nothing_of_it_runs(
        self, desk: Redmine, tmp_path: Path, markup: str
    ) -> None:
        self.redmine.ask("PUT", "projects/soporte/wiki/Wiki.json", {"wiki_page": {"text": "x"}})
        words = ("{{macro_list}} {{hello_world(x)}} {{{toc}}} [[Wiki]] [[soporte:Wiki|otra]] @ana user:admin (@admin) "
                 "attachment:captura-1.png project:soporte ana@example.test\n{{collapse(Ver)\nhola\n}}")  # fmt: skip
        other = replace(desk, markup=markup)
        ref = other.submit(fresh(tmp_path, description=words), MemoryJournal(), quiet)
        assert words in other.conversation(ref.id).replies[0].text
        if markup == "Textile":  # the server's own formatting, which shows it
            (found,) = [held for held in self.tickets(desk) if held["id"] == ref.id]
            assert found["text"].startswith(words)

    @pytest.mark.parametrize(
        ("name", "value"),
        [("priorities", "high=Urgentísima"), ("kinds", "claim=Reclamo"), ("tracker", "Nada"), ("kinds", "claim=77")],
    )
    def test_a_setting_that_names_what_is_not_there_is_told(
        self, desk: Redmine, tmp_path: Path, name: str, value: str
    ) -> None:
        other = replace(desk, **{name: value})  # type: ignore[arg-type]
        ticket = fresh(tmp_path, attachments=(), kind="claim" if name == "kinds" else "incident")
        for act in (other.check, lambda: other.submit(ticket, MemoryJournal(), quiet)):
            with pytest.raises(InvalidField) as caught:
                act()
            assert caught.value.name == name
        assert self.tickets(desk) == []

    def test_a_setting_names_priorities_and_kinds_by_name_or_number(self, desk: Redmine, tmp_path: Path) -> None:
        tracker = self.redmine.ask("GET", "trackers.json")["trackers"][1]
        for kind in (tracker["name"], str(tracker["id"])):
            other = replace(desk, priorities="high=Urgente", kinds=f"claim={kind}")
            other.check()
            ref = other.submit(fresh(tmp_path), MemoryJournal(), quiet)
            issue = self.redmine.ask("GET", f"issues/{ref.id}.json")["issue"]
            assert (issue["tracker"]["name"], issue["priority"]["name"]) == (tracker["name"], "Urgente")

    def test_projects_and_trackers_can_be_chosen_from(self, desk: Redmine) -> None:
        assert [choice.value for choice in desk.choices("project")] == ["estricto", "soporte"]
        assert "Soporte" in [choice.title for choice in desk.choices("tracker")]

    @pytest.mark.parametrize("page", ["/issues/7", "/projects/soporte/issues", "/login?back_url=x", "/issues/7#note-2"])
    def test_a_page_of_it_that_is_pasted_gives_it_away(self, page: str) -> None:
        with Wire() as wire:
            found = Redmine.recognise(Seen(wire, self.redmine.url + page))
        assert found is not None
        assert found["url"] == self.redmine.url
        assert found.get("project", "soporte") == "soporte"
        assert ("project" in found) is ("/projects/" in page)

    def test_tickets_of_another_project_or_tracker_are_told_apart(self, desk: Redmine, tmp_path: Path) -> None:
        first = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        second = replace(desk, project="estricto", fields="Activo=PC-7")
        other = second.submit(fresh(tmp_path), MemoryJournal(), quiet)
        for one, own, foreign in ((desk, first, other), (second, other, first)):
            told = {ticket.key: ticket.elsewhere for ticket in one.news("").tickets}
            assert (told[own.id], told[foreign.id]) == (False, True)
        tracked = replace(desk, tracker=self.redmine.ask("GET", "trackers.json")["trackers"][-1]["name"])
        third = tracked.submit(fresh(tmp_path), MemoryJournal(), quiet)
        told = {ticket.key: ticket.elsewhere for ticket in tracked.news("").tickets}
        assert (told[third.id], told[first.id]) == (False, True)

    def test_its_address_gives_it_away(self) -> None:
        with Wire() as wire:
            assert Redmine.recognise(Seen(wire, self.redmine.url)) == {"url": self.redmine.url}
