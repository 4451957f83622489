"""GitLab, a strict one of ours."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from tests.servers.gitlab import PROJECT, GitLabServer, Issue
from tests.servers.openapi import judge
from tests.uploader.every_call import calls_among, make_every_call
from tests.uploader.many_suite import LongTalkSuite, ManySuite
from tests.uploader.remote_suite import InboxSuite, RemoteDeskSuite, fresh
from uploader.desks.gitlab import GitLab
from uploader.errors import FileRefused, Gone, InvalidField, Refused
from uploader.inbox import RemoteFile
from uploader.journal import MemoryJournal
from uploader.plain_text import plain_text
from uploader.seen import Seen
from uploader.setting import Secret
from uploader.ticket import Desk, quiet
from uploader.wire import Wire

DESCRIPTION = Path(os.environ.get("TESTIGO_GITLAB_OPENAPI", ""))


class TestGitLab(RemoteDeskSuite, InboxSuite, ManySuite, LongTalkSuite):
    @pytest.fixture
    def server_url(self) -> Iterator[str]:
        self.server = GitLabServer()
        yield self.server.url
        self.server.stop()

    def at(self, url: str, **changes: Any) -> GitLab:
        return GitLab(**{"url": url, "token": Secret("glpat-1"), "project": PROJECT, **changes})

    def every(self, desk: Desk) -> list[dict[str, Any]]:
        return [self._whole(issue) for issue in self.server.issues.values()]

    def _whole(self, issue: Any) -> dict[str, Any]:
        html = MarkdownIt("commonmark").render(issue.description)
        text = plain_text(html)
        shown = re.findall(r'<a href="(/uploads/[^"]+)">([^<]*)</a>|<img src="(/uploads/[^"]+)" alt="([^"]*)"', html)
        files = [(a or b, plain_text(name or alt)) for a, name, b, alt in shown]
        report = re.search(r"Testigo (\S+)", text)
        return {"id": str(issue.iid), "report_id": report and report[1], "subject": issue.title, "text": text,
                "files": [(name, self.server.uploads[url]) for url, name in files]}  # fmt: skip

    def agent_replies(self, key: str, html: str, files: list[tuple[str, bytes]]) -> None:
        self.server.agent_replies(int(key), html, files)

    def agent_solves(self, key: str) -> None:
        self.server.agent_solves(int(key))

    def count_replies(self, key: str) -> int:
        return len([note for note in self.server.issues[int(key)].notes if not note["system"]])

    def filed(self, *, mine: bool = True) -> str:
        made = Issue(1 + len(self.server.issues), "Caso", "x", {"labels": "", "confidential": True})
        made.touch()
        self.server.issues[made.iid] = made
        return str(made.iid)

    def test_every_request_keeps_to_gitlabs_own_description(self, desk: GitLab, tmp_path: Path) -> None:
        """GitLab's text is no part of this project: it lies outside (see docs/desks/gitlab.md)."""
        if not DESCRIPTION.is_file():
            pytest.skip(
                "GitLab's description is its own text and may not lie here: TESTIGO_GITLAB_OPENAPI names a copy"
            )
        own = replace(desk, labels="testigo", kinds="claim=tipo::reclamo")
        make_every_call(own, self, "project", tmp_path)
        calls = calls_among(self.server.asked, least=12)
        assert judge(DESCRIPTION, calls) == ""

    def test_what_gitlab_notes_by_itself_is_no_answer(self, desk: GitLab, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path, attachments=()), MemoryJournal(), quiet)
        self.agent_replies(ref.key, "cambió la etiqueta", [])
        self.server.issues[int(ref.key)].notes[-1]["system"] = True
        self.agent_replies(ref.key, "hola", [])
        assert [reply.text for reply in desk.conversation(ref.key).replies[1:]] == ["hola"]

    @pytest.mark.parametrize(
        "place", ["{32}/../../../../user", "{32}/..", "{32}/a/b.txt", "{32}/..%2f..%2fuser", "{32}/x?y=z", "{31}/a.txt"]
    )
    def test_an_address_that_leads_elsewhere_is_no_file(self, desk: GitLab, tmp_path: Path, place: str) -> None:
        ref = desk.submit(fresh(tmp_path, attachments=()), MemoryJournal(), quiet)
        address = "/uploads/" + place.replace("{32}", "a" * 32).replace("{31}", "a" * 31)
        self.server.agent_replies(int(ref.key), f"mira ![x]({address})", [])
        assert desk.conversation(ref.key).replies[-1].files == ()
        with pytest.raises(Refused, match="not safe"):  # as it was told before
            desk.fetch(RemoteFile(address, "x"), tmp_path / "x", quiet)

    def test_a_report_is_confidential_unless_it_may_be_seen(self, desk: GitLab, tmp_path: Path) -> None:
        closed = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        public = replace(desk, confidential=False).submit(fresh(tmp_path), MemoryJournal(), quiet)
        held = [self.server.issues[int(ref.key)].given["confidential"] for ref in (closed, public)]
        assert held == [True, False]

    def test_labels_carry_kind_and_priority(self, desk: GitLab, tmp_path: Path) -> None:
        own = replace(desk, labels="escritorio, testigo", kinds="claim=tipo::reclamo", priorities="high=urgente")
        ref = own.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert self.server.issues[int(ref.key)].given["labels"] == [
            "escritorio", "testigo", "tipo::reclamo", "urgente",
        ]  # fmt: skip

    def test_what_the_user_writes_orders_nothing(self, desk: GitLab, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path, description="/close\n/tmp está lleno"), MemoryJournal(), quiet)
        assert "/close\n/tmp está lleno" in desk.conversation(ref.key).replies[0].text

    def test_a_file_that_is_too_large_there_goes_as_a_link(self, desk: GitLab, tmp_path: Path) -> None:
        self.server.most_bytes = 10
        with pytest.raises(FileRefused) as caught:
            desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert caught.value.attachment == "captura-1.png"
        assert self.tickets(desk) == []

    def test_a_token_that_only_reads_is_told(self, desk: GitLab, tmp_path: Path) -> None:
        reading = replace(desk, token=Secret("glpat-read"))
        with pytest.raises(Refused, match="scope “api”"):
            reading.check()
        with pytest.raises(Refused, match="scope “api”"):
            reading.submit(fresh(tmp_path), MemoryJournal(), quiet)

    def test_a_project_that_is_not_there_is_named(self, desk: GitLab, tmp_path: Path) -> None:
        gone = replace(desk, project="mesa/nada")
        with pytest.raises(InvalidField, match="no project “mesa/nada”"):
            gone.check()
        with pytest.raises(InvalidField, match="no project “mesa/nada”"):
            gone.submit(fresh(tmp_path), MemoryJournal(), quiet)

    def test_an_issue_that_was_taken_away_is_gone(self, desk: GitLab, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        del self.server.issues[int(ref.key)]
        with pytest.raises(Gone):
            desk.conversation(ref.key)

    def test_projects_can_be_chosen_from(self, desk: GitLab) -> None:
        assert [(choice.value, choice.title) for choice in desk.choices("project")] == [(PROJECT, "Mesa / Soporte")]

    @pytest.mark.parametrize("page", ["/mesa/soporte/-/issues/12", "/mesa/soporte/issues/12", "/users/sign_in?x=1"])
    def test_a_page_of_it_that_is_pasted_gives_it_away(self, server_url: str, page: str) -> None:
        with Wire() as wire:
            found = GitLab.recognise(Seen(wire, server_url + page))
        assert found is not None
        assert found["url"] == server_url
        assert found.get("project", "mesa/soporte") == "mesa/soporte"

    def test_its_address_gives_it_away(self, server_url: str) -> None:
        with Wire() as wire:
            assert GitLab.recognise(Seen(wire, f"{server_url}/users/sign_in")) is not None
            known = GitLab.recognise(Seen(wire, f"{server_url}/mesa/soporte/-/issues"))
            assert known == {"url": server_url, "project": "mesa/soporte"}
