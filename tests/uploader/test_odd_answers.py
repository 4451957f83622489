"""What no service should answer, and some machine between does: told as an error of ours, whatever the call."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from tests.servers.cloud import Asked, Cloud, Told
from tests.uploader.remote_suite import fresh
from uploader import inbox
from uploader.desks.django_helpdesk import DjangoHelpdesk
from uploader.desks.freescout import FreeScout
from uploader.desks.freshdesk import Freshdesk
from uploader.desks.github import GitHub
from uploader.desks.gitlab import GitLab
from uploader.desks.glpi import Glpi
from uploader.desks.jira import JiraServiceManagement
from uploader.desks.osticket import OsTicket
from uploader.desks.redmine import Redmine
from uploader.desks.roundup import Roundup
from uploader.desks.rt import RequestTracker
from uploader.desks.salesforce import Salesforce
from uploader.desks.servicenow import ServiceNow
from uploader.desks.webform import WebFormDesk
from uploader.desks.zammad import Zammad
from uploader.desks.zendesk import Zendesk
from uploader.desks.znuny import Znuny
from uploader.errors import Intercepted, OutcomeUnknown, Refused, UploaderError
from uploader.inbox import Inbox, RemoteFile
from uploader.journal import MemoryJournal
from uploader.remote import subject_of
from uploader.rest import Rest, moment, paged, time_in
from uploader.setting import Secret, settings_of
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
    "django-helpdesk": lambda url: DjangoHelpdesk(url=url, token=X),
    "freescout": lambda url: FreeScout(url=url, mailbox="1", mail="a@b.co", key=X),
    "glpi": lambda url: Glpi(url=url, token=X),
    "osticket": lambda url: OsTicket(url=url, key=X),
    "salesforce": lambda url: Salesforce(url=url, client_id="c", refresh_token=X),
    "salesforce by the form": lambda url: Salesforce(url=url, mode="web", org_id="00D000000000001", form=url),
    "servicenow": lambda url: ServiceNow(url=url, client_id="c", refresh_token=X),
    "webform": lambda url: WebFormDesk(url=url),
    "zammad": lambda url: Zammad(url=url, token=X),
    "zendesk by an account": lambda url: Zendesk(url=url, client_id="c", refresh_token=X),
    "znuny": lambda url: Znuny(url=url, user="a", password=X),
}
OPENING = {"token": {"access_token": "t", "token_type": "Bearer", "expires_in": 3600}, "initSession":
           {"session_token": "s"}, "Session": {"SessionID": "1", "AccessToken": "t"}}  # fmt: skip
"""What a sign-in is answered with, so that what follows is seen too."""
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
    opens = False

    def answer(self, asked: Asked) -> Told:
        for end, told in OPENING.items():
            if self.opens and (end in asked.path or asked.path.endswith(end)):
                return Told(200, told)
        return Told(self.told.status, self.told.content, dict(self.told.headers))


@pytest.fixture
def odd() -> Iterator[Odd]:
    server = Odd()
    yield server
    server.stop()


@pytest.mark.parametrize("opens", [False, True])
@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("kind", DESKS)
def test_an_odd_answer_is_an_error_of_ours_or_none(
    odd: Odd, kind: str, answer: str, *, opens: bool, tmp_path: Path
) -> None:
    odd.opens, odd.told, desk = opens, ANSWERS[answer], DESKS[kind](odd.url)
    ticket = fresh(tmp_path, attachments=(), links=(), fields={"Centro": "42"})
    calls: list[Callable[[], object]] = [
        desk.check,
        lambda: desk.submit(ticket, MemoryJournal(), quiet),
        lambda: desk.limits,
        *(partial(desk.choices, part.name) for part in settings_of(type(desk))),
    ]
    if isinstance(desk, Inbox):
        answer_to = fresh(tmp_path, attachments=(), links=(), reply_to="1")
        calls += [partial(desk.news, ""), partial(desk.news, "2026-01-01T00:00:00Z"), partial(desk.conversation, "1"),
                  partial(desk.reply, answer_to, MemoryJournal(), quiet), partial(desk.solve, "1"),
                  partial(desk.reopen, "1"), partial(desk.rate, "1", 5, "")]  # fmt: skip
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


def test_a_login_page_after_what_changes_something_leaves_open_whether_it_was_done() -> None:
    server = Odd()
    server.told = Told(302, b"", {"Location": "https://login.example.org/"})
    try:
        with Wire() as wire:
            rest = Rest(wire, server.url)
            with pytest.raises(OutcomeUnknown):
                rest.call("POST", "tickets", content={})
            with pytest.raises(Intercepted):
                rest.call("POST", "search", content={}, harmless=True)
    finally:
        server.stop()


def test_a_time_without_a_zone_is_that_of_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(time, "tzset"):
        pytest.skip("this system's zone cannot be set for one process")
    monkeypatch.setenv("TZ", "America/Bogota")
    time.tzset()
    try:
        assert moment("2026-01-02 03:04:05") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(("subject", "sent"), [("x" * 10, "x" * 10), ("x" * 11, "x" * 9 + "…"), ("a\nb ", "a b")])
def test_a_subject_is_one_line_no_longer_than_the_desk_takes(tmp_path: Path, subject: str, sent: str) -> None:
    assert subject_of(fresh(tmp_path, subject=subject), 10) == sent


def test_a_list_whose_pages_are_never_turned_is_read_once() -> None:
    asked = list[int]()

    def read(page: int) -> list[dict[str, int]]:
        asked.append(page)
        return [{"id": 1}] * 100

    assert len(list(paged(read, 100, 5000))) == 100
    assert asked == [1, 2]


@pytest.mark.parametrize("told", [1, 0])
def test_a_file_that_does_not_end_where_the_desk_said_is_not_kept(
    told: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "SLACK_BYTES", 1000)
    monkeypatch.setattr(inbox, "MOST_FILE_BYTES", 1000)
    server, target = LargeFile(), tmp_path / "a.bin"
    try:
        desk = Freshdesk(url=server.url, mail="a@b.co")
        with pytest.raises(Refused, match=r"more of “a\.bin”"):
            desk.fetch(RemoteFile(f"{server.url}/f", "a.bin", told), target, quiet)
        assert not target.exists()
        desk.fetch(RemoteFile(f"{server.url}/f", "a.bin", 100_000), target, quiet)
        assert target.stat().st_size == 100_000
    finally:
        server.stop()


class LargeFile(Cloud):
    def answer(self, asked: Asked) -> Told:
        return Told(200, b"x" * 100_000)
