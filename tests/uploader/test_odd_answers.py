"""What no service should answer, and some machine between does: told as an error of ours, whatever the call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.cloud import Asked, Cloud, Told
from tests.uploader.remote_suite import fresh
from uploader.desks.freshdesk import Freshdesk
from uploader.desks.github import GitHub
from uploader.desks.gitlab import GitLab
from uploader.desks.jira import JiraServiceManagement
from uploader.desks.redmine import Redmine
from uploader.desks.roundup import Roundup
from uploader.desks.rt import RequestTracker
from uploader.desks.zendesk import Zendesk
from uploader.errors import Intercepted, OutcomeUnknown, UploaderError
from uploader.inbox import Inbox
from uploader.journal import MemoryJournal
from uploader.rest import Rest, moment, time_in
from uploader.setting import Secret
from uploader.ticket import Desk, quiet
from uploader.wire import Wire

X = Secret("1-2-3")
DESKS: dict[str, Callable[[str], Desk]] = {
    "rt": lambda url: RequestTracker(url=url, token=X),
    "redmine": lambda url: Redmine(url=url, key=X, project="p"),
    "roundup": lambda url: Roundup(url=url, user="a", password=X),
    "jira": lambda url: JiraServiceManagement(url=url, user="a", token=X, desk="1", request_type="2"),
    "freshdesk": lambda url: Freshdesk(url=url, mail="a@b.co", key=X),
    "zendesk": lambda url: Zendesk(url=url, mode="relay"),
    "github": lambda url: GitHub(url=url, token=X, repository="a/b"),
    "gitlab": lambda url: GitLab(url=url, token=X, project="a/b"),
}
ANSWERS = {
    "an error with 200": Told(200, {"error": "something", "status": "failure"}),
    "nothing in it": Told(200, {"tickets": None, "items": None, "issues": None, "requests": None, "data": None,
                                "project": None, "issue": None, "request": None, "values": [1]}),
    "words in its lists": Told(200, {"items": ["x"], "issues": ["x"], "requests": ["x"], "data": ["x"], "issue": {}}),
    "a list": Told(200, ["x", None, 1]),
    "deep": Told(200, b"[" * 200_000, {"Content-Type": "application/json"}),
    "led to no address": Told(302, b"", {"Location": "http://[x"}),
}  # fmt: skip


class Odd(Cloud):
    told = Told()

    def answer(self, asked: Asked) -> Told:
        return Told(self.told.status, self.told.content, dict(self.told.headers))


@pytest.fixture
def odd() -> Iterator[Odd]:
    server = Odd()
    yield server
    server.stop()


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("kind", DESKS)
def test_an_odd_answer_is_an_error_of_ours_or_none(odd: Odd, kind: str, answer: str, tmp_path: Path) -> None:
    odd.told, desk = ANSWERS[answer], DESKS[kind](odd.url)
    assert isinstance(desk, Inbox)
    ticket = fresh(tmp_path, attachments=(), links=(), fields={"Centro": "42"})
    calls: list[Callable[[], object]] = [
        desk.check,
        lambda: desk.submit(ticket, MemoryJournal(), quiet),
        lambda: desk.news(""),
        lambda: desk.conversation("1"),
        lambda: desk.choices("project"),
    ]
    for call in calls:
        try:
            call()
        except UploaderError:
            pass


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "²", None, ""])
def test_a_moment_that_cannot_be_is_none(text: str | None) -> None:
    assert time_in(text) is None
    assert moment(text).year == 1970


@pytest.mark.parametrize("size", ["lots", -5, None, 10**30, 1.5, True, [1], "²", "0x10"])
def test_a_size_that_cannot_be_breaks_no_conversation(odd: Odd, size: object) -> None:
    file = {"id": 1, "filename": "a.txt", "filesize": size, "created_on": "2026-11-30T10:00:00Z"}
    detail = {"property": "attachment", "name": "1"}
    written = {"id": 2, "created_on": "2026-11-30T10:00:00Z", "notes": "Mira", "details": [detail]}
    issue = {"id": 1, "subject": "x", "journals": [written], "attachments": [file]}
    odd.told = Told(200, {"issue": issue, "user": {"id": 1, "login": "a"}})
    files = [
        held for reply in Redmine(url=odd.url, key=X, project="p").conversation("1").replies for held in reply.files
    ]
    assert [(held.name, held.size_bytes) for held in files] == [("a.txt", None)]


def test_a_request_that_changes_something_and_is_led_elsewhere_may_have_been_done(odd: Odd) -> None:
    odd.told = Told(302, b"", {"Location": "http://hotel.example/login"})
    with Wire() as wire:
        rest = Rest(wire, odd.url)
        for act in (lambda: rest.call("POST", "x", content={}), lambda: rest.change("PUT", "x"),
                    lambda: rest.create("x", content={})):  # fmt: skip
            with pytest.raises(OutcomeUnknown):
                act()
        for act in (lambda: rest.call("GET", "x"), lambda: rest.call("POST", "x", content={}, harmless=True)):
            with pytest.raises(Intercepted):
                act()
