"""GitHub, a strict one of ours; its files go behind links before, as the outbox lets them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from tests.servers.cloud import Told
from tests.servers.github import GitHubServer, Issue
from tests.servers.openapi import judge
from tests.servers.process import PLACE
from tests.uploader.every_call import calls_among, make_every_call
from tests.uploader.many_suite import LongTalkSuite, ManySuite
from tests.uploader.remote_suite import InboxSuite, RemoteDeskSuite, fresh
from uploader.cargo import Cargo
from uploader.desks.github import GitHub
from uploader.errors import FileRefused, Gone, InvalidField, Refused, Temporary
from uploader.inbox import Conversation, RemoteFile
from uploader.journal import Journal, MemoryJournal
from uploader.plain_text import plain_text
from uploader.seen import Seen
from uploader.setting import Secret
from uploader.ticket import Desk, Link, Progress, SharedFile, Ticket, TicketRef, quiet
from uploader.wire import Wire

DESCRIPTION = PLACE / "node/node_modules/@octokit/openapi/generated/api.github.com.json"
SHARED: dict[str, bytes] = {}
"""What lies behind the links."""


@dataclass(frozen=True, kw_only=True)
class ByLinks(GitHub):
    """GitHub behind what delivery does for a desk that takes no files."""

    def submit(self, ticket: Ticket, journal: Journal, progress: Progress) -> TicketRef:
        total = sum(file.size_bytes for file in ticket.attachments)
        answer = super().submit(linked(ticket, progress), journal, quiet)
        progress(total, total)
        return answer

    def reply(self, ticket: Ticket, journal: Journal, progress: Progress) -> str:
        return super().reply(linked(ticket, progress), journal, progress)

    def conversation(self, key: str) -> Conversation:
        talk = super().conversation(key)
        named = re.compile(r"^- (.+): https://files\.example\.org/([0-9a-f]{64})$", re.MULTILINE)
        replies = []
        for reply in talk.replies:
            behind = (RemoteFile(found[2], found[1]) for found in named.finditer(reply.text))
            replies.append(replace(reply, files=(*reply.files, *behind)))
        return replace(talk, replies=tuple(replies))


def linked(ticket: Ticket, progress: Progress) -> Ticket:
    links = list(ticket.links)
    for file in Cargo(ticket.attachments, progress).files:
        SHARED[file.sha256] = file.path.read_bytes()
        link = Link(f"https://files.example.org/{file.sha256}")
        links.append(SharedFile(file.name, file.size_bytes, file.media_type, file.sha256, link))
    return replace(ticket, attachments=(), links=tuple(links))


class TestGitHub(RemoteDeskSuite, InboxSuite, ManySuite, LongTalkSuite):
    reopens_solved = False  # the author may not reopen what a collaborator has closed

    @pytest.fixture
    def server_url(self) -> Iterator[str]:
        self.server = GitHubServer()
        yield self.server.url
        self.server.stop()

    def at(self, url: str) -> GitHub:
        return ByLinks(url=url, token=Secret("ghp-1"), repository="mesa/soporte")

    def every(self, desk: Desk) -> list[dict[str, Any]]:
        return [self._whole(issue) for issue in self.server.issues.values()]

    def _whole(self, issue: Any) -> dict[str, Any]:
        html = MarkdownIt("commonmark").render(issue.given["body"])
        text = plain_text(html)
        shown = re.findall(r'<li>(.*): <a href="https://files\.example\.org/([0-9a-f]{64})"', html)
        report = re.search(r"Testigo (\S+)", text)
        return {"id": str(issue.number), "report_id": report and report[1], "subject": issue.given["title"],
                "text": text, "files": [(unescape(name), SHARED[key]) for name, key in shown]}  # fmt: skip

    def agent_replies(self, key: str, html: str, files: list[tuple[str, bytes]]) -> None:
        self.server.agent_replies(int(key), html, files)

    def agent_solves(self, key: str) -> None:
        self.server.agent_solves(int(key))

    def count_replies(self, key: str) -> int:
        return len(self.server.issues[int(key)].comments)

    def filed(self, *, mine: bool = True) -> str:
        made = Issue(1 + len(self.server.issues), {"title": "Caso", "body": "x"})
        self.server.issues[made.number] = made
        return str(made.number)

    def test_every_request_keeps_to_githubs_own_description(self, desk: GitHub, tmp_path: Path) -> None:
        if not DESCRIPTION.is_file():
            pytest.skip("@octokit/openapi is not installed: make servers installs it")
        own = replace(desk, labels="testigo", kinds="claim=reclamo")
        make_every_call(own, self, "repository", tmp_path)
        calls = calls_among(self.server.asked, "/api/v3", least=9)
        assert judge(DESCRIPTION, calls) == ""

    def test_it_takes_no_file(self, server_url: str, tmp_path: Path) -> None:
        bare = GitHub(url=server_url, token=Secret("ghp-1"), repository="mesa/soporte")
        assert bare.limits.file_bytes == 0
        with pytest.raises(FileRefused):
            bare.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert self.server.issues == {}

    def test_a_public_repository_is_refused_unless_it_was_allowed(self, desk: GitHub, tmp_path: Path) -> None:
        self.server.private = False
        with pytest.raises(Refused, match="is public"):
            desk.check()
        with pytest.raises(Refused, match="is public"):
            desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert replace(desk, public=True).submit(fresh(tmp_path), MemoryJournal(), quiet).id

    def test_nobody_is_called_by_what_users_write(self, desk: GitHub, tmp_path: Path) -> None:
        words = "lo dijo @ana en #12; correo a@example.org"
        ref = desk.submit(fresh(tmp_path, description=words), MemoryJournal(), quiet)
        assert not re.search(r"@\w|#\d", self.server.issues[int(ref.key)].given["body"])
        assert words in desk.conversation(ref.key).replies[0].text

    def test_the_same_list_again_is_free(self, desk: GitHub, tmp_path: Path) -> None:
        desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        first = desk.news("")
        assert len(first.tickets) == 1
        again = desk.news(first.mark)
        assert (again.mark, again.tickets, self.server.free) == (first.mark, (), 1)

    @pytest.mark.parametrize(
        ("told", "wait_s"),
        [
            (Told(403, {"message": "slow"}, {"Retry-After": "90"}), 90),
            (Told(429, {"message": "slow"}), 60),
            (Told(403, {"message": "You have exceeded a secondary rate limit."}), 60),
            (Told(403, {"message": "x"}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "99999999999"}), 86400),
        ],
    )
    def test_a_limit_is_waited_for_whichever_way_it_is_told(
        self, desk: GitHub, tmp_path: Path, told: Told, wait_s: int
    ) -> None:
        self.server.limited = told
        with pytest.raises(Temporary) as caught:
            desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert caught.value.retry_after_s == wait_s

    def test_a_token_that_may_not_write_is_told_in_its_words(self, desk: GitHub, tmp_path: Path) -> None:
        self.server.may_write = False
        with pytest.raises(Refused, match="not accessible by personal access token"):
            desk.submit(fresh(tmp_path), MemoryJournal(), quiet)

    def test_too_long_a_text_is_told_by_its_field(self, desk: GitHub, tmp_path: Path) -> None:
        with pytest.raises(Refused, match="body is too long"):
            desk.submit(fresh(tmp_path, description="x" * 70_000), MemoryJournal(), quiet)

    def test_one_opens_again_only_what_one_closed(self, desk: GitHub, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        desk.solve(ref.key)
        assert desk.conversation(ref.key).ticket.may == ("reply", "reopen")
        desk.reopen(ref.key)
        assert desk.conversation(ref.key).ticket.state == "open"
        self.server.agent_solves(int(ref.key))
        assert desk.conversation(ref.key).ticket.may == ("reply",)

    def test_labels_carry_kind_and_priority(self, desk: GitHub, tmp_path: Path) -> None:
        own = replace(desk, labels="testigo", kinds="claim=reclamo", priorities="high=urgente")
        ref = own.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert self.server.issues[int(ref.key)].given["labels"] == ["testigo", "reclamo", "urgente"]

    @pytest.mark.parametrize("name", ["mesa/nada", "../../user", "mesa"])
    def test_a_repository_that_is_not_there_is_named(self, desk: GitHub, name: str) -> None:
        with pytest.raises(InvalidField, match="no repository"):
            replace(desk, repository=name).check()

    def test_issues_that_are_switched_off_are_told(self, desk: GitHub) -> None:
        self.server.has_issues = False
        with pytest.raises(Refused, match="switched off"):
            desk.check()

    def test_an_issue_that_was_taken_away_is_gone(self, desk: GitHub) -> None:
        with pytest.raises(Gone):
            desk.conversation("77")

    def test_repositories_can_be_chosen_from(self, desk: GitHub) -> None:
        assert [choice.value for choice in desk.choices("repository")] == ["mesa/soporte"]

    def test_its_address_gives_it_away(self, server_url: str) -> None:
        with Wire() as wire:
            known = GitHub.recognise(Seen(wire, f"{server_url}/mesa/soporte/issues"))
        assert known == {"url": server_url, "repository": "mesa/soporte"}
