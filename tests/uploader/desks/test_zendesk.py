"""Zendesk, a strict one of ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.servers.fault_proxy import LOGIN_REDIRECT, Answer, Fault, FaultProxy
from tests.servers.oauth import Browser
from tests.servers.zendesk import USER, Request, ZendeskServer
from tests.uploader.desk_suite import FallibleJournal, Killed, attachment, contents, make_ticket, with_patience
from tests.uploader.many_suite import LongTalkSuite, ManySuite
from tests.uploader.remote_suite import (
    FAULTS,
    InboxSuite,
    RemoteDeskSuite,
    fresh,
    goes_as_a_link_once,
    striking,
    the_person_decides,
    trials,
)
from uploader.desks.zendesk import Zendesk
from uploader.errors import (
    AuthFailed,
    FieldWanted,
    FileRefused,
    Gone,
    Intercepted,
    InvalidField,
    Refused,
    Temporary,
)
from uploader.journal import MemoryJournal
from uploader.plain_text import plain_text
from uploader.seen import Seen
from uploader.setting import Secret
from uploader.ticket import Desk, quiet
from uploader.wire import Wire


class TestZendesk(RemoteDeskSuite, InboxSuite, ManySuite, LongTalkSuite):
    @pytest.fixture
    def server_url(self) -> Iterator[str]:
        self.server = ZendeskServer()
        self.token = self.server.provider.sign_in()
        yield self.server.url
        self.server.stop()

    def at(self, url: str, **changes: Any) -> Zendesk:
        values = {"client_id": "client-1", "port": 0, "refresh_token": Secret(self.token), **changes}
        return Zendesk(url=url, **values)

    def every(self, desk: Desk) -> list[dict[str, Any]]:
        return [self._whole(request) for request in self.server.requests.values()]

    def _whole(self, request: Any) -> dict[str, Any]:
        text = plain_text(request.comments[0]["html_body"])  # as an agent sees it
        files = [(file.name, file.content) for comment in request.comments for _, file in comment["files"]]
        report = re.search(r"Testigo (\S+)", text)
        return {"id": str(request.id), "report_id": report and report[1], "subject": request.subject, "text": text,
                "files": files}  # fmt: skip

    def agent_replies(self, key: str, html: str, files: list[tuple[str, bytes]]) -> None:
        self.server.agent_replies(int(key), html, files)

    def agent_solves(self, key: str) -> None:
        self.server.agent_solves(int(key))

    best_rating = "good"

    def ratings(self, key: str) -> list[tuple[object, str]]:
        return [(told["score"], told["comment"]) for told in self.server.requests[int(key)].ratings]

    def count_replies(self, key: str) -> int:
        return len(self.server.requests[int(key)].comments) - 1

    def filed(self, *, mine: bool = True) -> str:
        number = 1000 + len(self.server.requests)
        self.server.requests[number] = made = Request(number, "Caso", USER, {"priority": "low"})
        self.server.agent_replies(number, "x", [])
        made.created = made.updated
        return str(number)

    @pytest.mark.parametrize(("ours", "theirs"), [("high", "high"), ("medium", "normal"), ("low", "low")])
    def test_priorities_are_its_own(self, desk: Zendesk, tmp_path: Path, ours: str, theirs: str) -> None:
        ref = desk.submit(fresh(tmp_path, attachments=(), priority=ours), MemoryJournal(), quiet)
        assert self.server.requests[int(ref.id)].given["priority"] == theirs

    def test_what_changed_in_the_second_of_the_last_look_is_news(self, desk: Zendesk) -> None:
        first, second = self.filed(), self.filed()
        self.server.requests[int(second)].updated = self.server.requests[int(first)].updated - timedelta(minutes=1)
        mark = desk.news("").mark
        self.server.requests[int(second)].updated = self.server.requests[int(first)].updated
        assert {ticket.key for ticket in desk.news(mark).tickets} == {first, second}

    def test_signing_in_gives_what_a_report_needs(self, server_url: str, tmp_path: Path) -> None:
        given = self.at(server_url, refresh_token=Secret("")).sign_in(Browser().open)
        desk = self.at(server_url, refresh_token=Secret(given["refresh_token"]))
        assert desk.submit(fresh(tmp_path), MemoryJournal(), quiet).id

    def test_a_sign_in_that_is_renewed_is_kept(self, server_url: str, tmp_path: Path) -> None:
        self.server.provider.rotates, kept = True, list[str]()
        secret = Secret(self.token, lambda new: kept.append(new.reveal()))
        self.at(server_url, refresh_token=secret).submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert {*kept} == self.server.provider.refresh

    def test_a_token_revoked_in_mid_air_is_renewed_and_a_sign_in_that_ended_is_named(
        self, desk: Zendesk, tmp_path: Path
    ) -> None:
        desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        self.server.provider.access.clear()
        desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        self.server.provider.revoke_all()
        with pytest.raises(AuthFailed, match="sign in again"):
            desk.submit(fresh(tmp_path), MemoryJournal(), quiet)

    def test_a_required_field_is_named_and_once_given_it_goes(self, desk: Zendesk, tmp_path: Path) -> None:
        self.server.required[360009] = "Activo"
        ticket = fresh(tmp_path)
        with pytest.raises(FieldWanted) as caught:
            desk.submit(ticket, MemoryJournal(), quiet)
        assert caught.value.name == "Activo"
        ref = replace(desk, fields="Activo=PC-42").submit(ticket, MemoryJournal(), quiet)
        given = self.server.requests[int(ref.id)].given["custom_fields"]
        assert {pair["id"]: pair["value"] for pair in given} == {360001: "42", 360009: "PC-42"}

    def test_tokens_that_have_ended_are_sent_anew(self, desk: Zendesk, tmp_path: Path, proxy: FaultProxy) -> None:
        through, ticket, journal = self.at(proxy.url), fresh(tmp_path), MemoryJournal()
        proxy.next(Fault(answer=Answer(503)), lambda method, path: path.endswith("/requests"))
        with pytest.raises(Temporary, match="busy"):
            through.submit(ticket, journal, quiet)
        for upload in self.server.uploads.values():
            upload.ends = datetime.now(UTC) - timedelta(minutes=1)
        through.submit(ticket, journal, quiet)
        (found,) = self.tickets(desk)
        assert sorted(content for _, content in found["files"]) == contents(ticket)

    def test_a_file_that_is_refused_once_the_request_is_there_is_told_as_a_link_once(
        self, desk: Zendesk, tmp_path: Path, proxy: FaultProxy
    ) -> None:
        through, ticket, journal = self.at(proxy.url), fresh(tmp_path), MemoryJournal()
        proxy.next(Fault(answer=Answer(503)), lambda method, path: path.endswith("/requests"))
        with pytest.raises(Temporary, match="busy"):
            through.submit(ticket, journal, quiet)
        for upload in self.server.uploads.values():
            upload.ends = datetime.now(UTC) - timedelta(minutes=1)
        proxy.next(Fault(answer=Answer(413)), lambda method, path: "/uploads" in path)
        goes_as_a_link_once(through, ticket, journal)
        (found,) = self.tickets(desk)
        assert len(found["files"]) == len(ticket.attachments) - 1

    def test_tokens_that_end_soon_are_not_handed_in(self, desk: Zendesk, tmp_path: Path, proxy: FaultProxy) -> None:
        through, ticket, journal = self.at(proxy.url), fresh(tmp_path), FallibleJournal({}, 0, after=True)
        proxy.next(Fault(answer=Answer(503)), lambda method, path: path.endswith("/requests"))
        with pytest.raises(Temporary, match="busy"):
            through.submit(ticket, journal, quiet)
        old = {step: told and re.sub(r'"at": [\d.]+', '"at": 1.0', told) for step, told in journal.kept.items()}
        assert old != journal.kept
        begun = len(self.server.asked)
        through.submit(ticket, FallibleJournal(old, 0, after=True), quiet)
        sent = [asked.path for asked in self.server.asked[begun:] if "/uploads" in asked.path]
        assert len(sent) == len(ticket.attachments)

    @pytest.mark.parametrize("ended", [0, 1])
    def test_a_token_that_has_ended_is_noticed_beside_a_file_of_the_same_size(
        self, tmp_path: Path, proxy: FaultProxy, desk: Zendesk, ended: int
    ) -> None:
        files = (attachment(tmp_path, "uno.txt", b"AAAA", "text/plain"), attachment(tmp_path, "dos.txt", b"BBBB"))
        through, ticket, journal = self.at(proxy.url), fresh(tmp_path, attachments=files), MemoryJournal()
        proxy.next(Fault(answer=Answer(503)), lambda method, path: path.endswith("/requests"))
        with pytest.raises(Temporary, match="busy"):
            through.submit(ticket, journal, quiet)
        [*self.server.uploads.values()][ended].ends = datetime.now(UTC) - timedelta(minutes=1)
        through.submit(ticket, journal, quiet)
        (found,) = self.tickets(desk)
        assert sorted(content for _, content in found["files"]) == [b"AAAA", b"BBBB"]

    def test_a_type_that_the_account_refuses_goes_as_a_link(self, desk: Zendesk, tmp_path: Path) -> None:
        self.server.refused_types = (".png",)
        with pytest.raises(FileRefused) as caught:
            desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert caught.value.attachment == "captura-1.png"

    def test_an_address_that_nobody_confirmed_is_told(self, desk: Zendesk) -> None:
        self.server.unverified = True
        with pytest.raises(Refused, match="confirmed first"):
            desk.check()

    def test_a_ticket_that_no_agent_has_taken_is_not_closed(self, desk: Zendesk, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        self.server.requests[int(ref.id)].solvable = False
        with pytest.raises(Refused, match="once an agent"):
            desk.solve(ref.id)
        assert desk.conversation(ref.id).ticket.may == ("reply",)

    def test_thumbs_are_good_or_bad(self, desk: Zendesk, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        self.server.agent_solves(int(ref.id))
        desk.rate(ref.id, 1, "no")
        assert self.server.requests[int(ref.id)].ratings == [{"score": "bad", "comment": "no"}]

    def test_somebody_elses_request_is_not_there(self, desk: Zendesk, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        self.server.requests[int(ref.id)].requester = 99
        assert desk.news("").tickets == ()
        with pytest.raises(Gone):
            desk.conversation(ref.id)

    def test_priority_and_kind_are_its_own(self, desk: Zendesk, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path, priority="medium", kind="incident"), MemoryJournal(), quiet)
        given = self.server.requests[int(ref.id)].given
        assert (given["priority"], given["type"]) == ("normal", "incident")

    def test_articles_are_found_signed_in_or_not(self, desk: Zendesk) -> None:
        for one in (desk, replace(desk, mode="anonymous")):
            (found,) = one.articles("la impresora falla", "es")
            assert (found.title, found.excerpt) == ("La impresora no imprime", "Reinicia la impresora")
            assert one.articles("xyzzy", "es") == ()

    def test_forms_can_be_chosen_from(self, desk: Zendesk) -> None:
        assert [(choice.value, choice.title) for choice in desk.choices("form")] == [("77", "Averías")]

    @pytest.mark.parametrize("page", ["/hc/es/requests/7", "/agent/tickets/7", "/access/unauthenticated?x=1"])
    def test_a_page_of_it_that_is_pasted_gives_it_away(self, server_url: str, page: str) -> None:
        with Wire() as wire:
            found = Zendesk.recognise(Seen(wire, server_url + page))
        assert found is not None
        assert found["url"] == server_url

    def test_its_address_gives_it_away(self, server_url: str) -> None:
        with Wire() as wire:
            assert Zendesk.recognise(Seen(wire, server_url + "/hc/es")) == {"url": server_url}

    def test_a_file_elsewhere_is_fetched_without_the_login(self, desk: Zendesk, tmp_path: Path) -> None:
        other = ZendeskServer()
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        (file, *_) = desk.conversation(ref.id).replies[0].files
        moved = replace(file, key=file.key.replace(desk.url, other.url))
        with pytest.raises(AuthFailed):
            desk.fetch(moved, tmp_path / "fetched", quiet)
        assert "authorization" not in other.asked[-1].headers
        other.stop()


class TestWithoutAnAccount:
    @pytest.fixture
    def server(self) -> Iterator[ZendeskServer]:
        server = ZendeskServer()
        yield server
        server.stop()

    def desk(self, url: str) -> Zendesk:
        return Zendesk(url=url, mode="anonymous")

    def test_a_report_gets_in_by_its_mail_address_and_answers_come_by_mail(
        self, server: ZendeskServer, tmp_path: Path
    ) -> None:
        desk = self.desk(server.url)
        desk.check()
        ref = desk.submit(fresh(tmp_path, attachments=()), MemoryJournal(), quiet)
        given = server.requests[int(ref.id)].given
        assert given["requester"] == {"name": "Lucía", "email": "lucia@example.org"}
        assert desk.news("").tickets == ()
        with pytest.raises(Refused, match="by e-mail"):
            desk.conversation(ref.id)

    def test_files_go_as_links(self, server: ZendeskServer, tmp_path: Path) -> None:
        with pytest.raises(FileRefused):
            self.desk(server.url).submit(fresh(tmp_path), MemoryJournal(), quiet)

    def test_without_a_mail_address_it_asks_for_one(self, server: ZendeskServer, tmp_path: Path) -> None:
        with pytest.raises(InvalidField, match="e-mail"):
            self.desk(server.url).submit(fresh(tmp_path, attachments=(), requester="Ana"), MemoryJournal(), quiet)

    def test_an_account_that_wants_people_to_sign_in_says_so(self, server: ZendeskServer, tmp_path: Path) -> None:
        server.anonymous = False
        with pytest.raises(Refused, match="not signed in"):
            self.desk(server.url).submit(fresh(tmp_path, attachments=()), MemoryJournal(), quiet)

    def test_a_lost_answer_is_the_persons_to_decide_and_what_was_surely_not_done_is_repeated(
        self, server: ZendeskServer, tmp_path: Path, fault_proxy: Callable[[str], FaultProxy]
    ) -> None:
        proxy = fault_proxy(server.url)
        desk, ticket, journal = self.desk(proxy.url), fresh(tmp_path, attachments=()), MemoryJournal()
        proxy.next(Fault(answer=Answer(429)), lambda method, path: method == "POST")
        with pytest.raises(Temporary, match="busy"):
            desk.submit(ticket, journal, quiet)
        proxy.next(Fault(answer=LOGIN_REDIRECT), lambda method, path: method == "GET")  # nothing was sent yet
        with pytest.raises(Intercepted):
            replace(desk, fields="Centro=42").submit(ticket, journal, quiet)
        the_person_decides(desk, proxy, tmp_path, lambda: len(server.requests), attachments=())


class TestByRelay:
    """The relay adds the agent's key; nothing else changes on the way."""

    @pytest.fixture
    def server(self) -> Iterator[ZendeskServer]:
        server = ZendeskServer()
        server.relayed = True
        yield server
        server.stop()

    def test_whatever_happens_to_any_one_request_there_is_one_ticket(
        self, server: ZendeskServer, tmp_path: Path, fault_proxy: Callable[[str], FaultProxy], subtests: Any
    ) -> None:
        proxy = fault_proxy(server.url)
        desk = Zendesk(url=proxy.url, mode="relay")
        desk.check()
        begun = len(proxy.requests)
        desk.submit(make_ticket(tmp_path), MemoryJournal(), quiet)
        for where, fault, number in trials(proxy.requests[begun:], FAULTS):
            ticket, journal = fresh(tmp_path), MemoryJournal()
            with striking(proxy, fault, number, where):
                ref = with_patience(lambda t=ticket, j=journal: desk.submit(t, j, quiet), journal)
            made = [r for r in server.requests.values() if r.given["external_id"] == ticket.report_id]
            with subtests.test(where):
                assert [str(r.id) for r in made] == [ref.id]
                assert sorted(f.content for c in made[0].comments for _, f in c["files"]) == contents(ticket)

    def test_one_whose_answer_got_lost_is_found_when_its_key_is_kept_no_longer(
        self, server: ZendeskServer, tmp_path: Path
    ) -> None:
        desk, ticket = Zendesk(url=server.url, mode="relay"), fresh(tmp_path, attachments=())
        for die_at in range(1, 6):
            journal = FallibleJournal({}, die_at, after=False)
            with pytest.raises(Killed):
                desk.submit(ticket, journal, quiet)
            if server.requests:
                break
        server.keys.clear()  # two hours later
        ref = desk.submit(ticket, FallibleJournal(journal.kept, 0, after=False), quiet)
        assert [str(number) for number in server.requests] == [ref.id]

    def test_replies_stay_in_the_mail(self, server: ZendeskServer, tmp_path: Path) -> None:
        desk = Zendesk(url=server.url, mode="relay")
        file = attachment(tmp_path, "a.txt", b"a")
        with pytest.raises(Refused, match="by e-mail"):
            desk.reply(fresh(tmp_path, reply_to="1", attachments=(file,)), MemoryJournal(), quiet)
