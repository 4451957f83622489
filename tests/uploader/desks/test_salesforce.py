"""Salesforce, a strict one of ours: cases by REST, and the public form."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.servers.fault_proxy import LOGIN_REDIRECT, Fault, FaultProxy
from tests.servers.oauth import Browser
from tests.servers.salesforce import ORG, Case, SalesforceServer
from tests.uploader.many_suite import ManySuite
from tests.uploader.remote_suite import AfterwardsSuite, InboxSuite, RemoteDeskSuite, fresh, the_person_decides
from uploader.desks.salesforce import Salesforce
from uploader.errors import (
    FieldWanted,
    FileRefused,
    Gone,
    InvalidField,
    OutcomeUnknown,
    Refused,
    Temporary,
)
from uploader.journal import MemoryJournal
from uploader.plain_text import plain_text
from uploader.seen import Seen
from uploader.setting import Secret
from uploader.ticket import Desk, Link, SharedFile, quiet
from uploader.wire import Wire


class TestSalesforce(RemoteDeskSuite, AfterwardsSuite, InboxSuite, ManySuite):
    follows = "ContentVersion"

    @pytest.fixture
    def server_url(self) -> Iterator[str]:
        self.server = SalesforceServer()
        self.token = self.server.provider.sign_in()
        yield self.server.url
        self.server.stop()

    def at(self, url: str, **changes: Any) -> Salesforce:
        values = {"client_id": "client-1", "port": 0, "refresh_token": Secret(self.token), **changes}
        return Salesforce(url=url, **values)

    def every(self, desk: Desk) -> list[dict[str, Any]]:
        return [self._whole(case) for case in self.server.cases.values()]

    def _whole(self, case: Any) -> dict[str, Any]:
        text = case.values["Description"]
        report = re.search(r"Testigo (\S+)", text)
        return {"id": case.id, "report_id": report and report[1], "subject": case.values["Subject"], "text": text,
                "files": [(file.name, file.content) for file in case.files]}  # fmt: skip

    def agent_replies(self, key: str, html: str, files: list[tuple[str, bytes]]) -> None:
        self.server.agent_replies(key, plain_text(html), files)  # comments are plain text

    def agent_solves(self, key: str) -> None:
        self.server.agent_solves(key)

    def count_replies(self, key: str) -> int:
        return len(self.server.cases[key].comments)

    def filed(self, *, mine: bool = True) -> str:
        number = f"500{len(self.server.cases):012}AAA"
        given = {"Subject": "Caso", "Description": "x", "Priority": "Medium"}
        self.server.cases[number] = Case(number, number[:15], number, given)
        return number

    def test_signing_in_gives_what_a_report_needs(self, server_url: str, tmp_path: Path) -> None:
        given = self.at(server_url, refresh_token=Secret("")).sign_in(Browser().open)
        desk = self.at(server_url, refresh_token=Secret(given["refresh_token"]))
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert ref.id == "00001001"

    def test_the_field_for_our_number_must_be_there(self, desk: Salesforce, tmp_path: Path) -> None:
        self.server.has_key = False
        with pytest.raises(InvalidField, match="Testigo_Id__c"):
            desk.check()
        with pytest.raises(InvalidField, match="Testigo_Id__c"):
            desk.submit(fresh(tmp_path), MemoryJournal(), quiet)

    def test_a_required_field_is_named_and_once_given_it_goes(self, desk: Salesforce, tmp_path: Path) -> None:
        self.server.required["Activo__c"] = "Activo"
        with pytest.raises(FieldWanted) as caught:
            desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert caught.value.name == "Activo"
        ref = replace(desk, fields="Activo=PC-42").submit(fresh(tmp_path), MemoryJournal(), quiet)
        values = self.server.cases[ref.key].values
        assert (values["Activo__c"], values["Centro__c"]) == ("PC-42", "42")

    def test_what_an_agent_changed_is_not_written_over_when_an_answer_got_lost(
        self, desk: Salesforce, tmp_path: Path, proxy: FaultProxy
    ) -> None:
        through, ticket, journal = self.at(proxy.url), fresh(tmp_path), MemoryJournal()
        proxy.next(Fault(drop_reply=True), lambda method, path: method == "PATCH")
        with pytest.raises(OutcomeUnknown):
            through.submit(ticket, journal, quiet)
        (case,) = self.server.cases.values()
        case.values["Priority"] = "Low"
        through.submit(ticket, journal, quiet)
        assert case.values["Priority"] == "Low"
        assert len(self.server.cases) == 1

    def test_a_spent_day_is_waited_for(self, desk: Salesforce, tmp_path: Path) -> None:
        self.server.spent = True
        with pytest.raises(Temporary) as caught:
            desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert caught.value.retry_after_s == 3600

    def test_files_that_may_not_be_attached_go_as_links_in_a_comment(self, desk: Salesforce, tmp_path: Path) -> None:
        self.server.may_attach = False
        ticket, journal = fresh(tmp_path), MemoryJournal()
        with pytest.raises(FileRefused):
            desk.submit(ticket, journal, quiet)
        links = tuple(SharedFile(file.name, file.size_bytes, "", file.sha256, Link(f"https://files.example.org/{n}"))
                      for n, file in enumerate(ticket.attachments))  # fmt: skip
        again = replace(ticket, attachments=(), links=(*ticket.links, *links))
        for _ in range(2):
            ref = desk.submit(again, journal, quiet)
        told = [comment["CommentBody"] for comment in self.server.cases[ref.key].comments]
        assert len(told) == 2
        assert all(file.link.url in text for file, text in zip(links, told))

    def test_a_reply_longer_than_a_comment_goes_in_several_each_once(
        self, desk: Salesforce, tmp_path: Path, proxy: FaultProxy
    ) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        words = "ñandú 🐦 " * 1200
        answer = fresh(tmp_path, description=words, links=(), reply_to=ref.key, attachments=())
        through, journal, counted = self.at(proxy.url), MemoryJournal(), iter(range(100))
        lost = Fault(drop_reply=True)
        proxy.next(lost, lambda method, path: path.endswith("CaseComment") and next(counted) == 1)
        with pytest.raises(OutcomeUnknown):
            through.reply(answer, journal, quiet)
        through.reply(answer, journal, quiet)
        bodies = [
            comment["CommentBody"].rpartition("\n\nTestigo ")[0] for comment in self.server.cases[ref.key].comments
        ]
        assert len(bodies) == 5
        assert "".join(bodies).startswith(words.strip())

    def test_an_answer_that_does_not_touch_the_case_itself_is_news(self, desk: Salesforce, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        mark = desk.news("").mark
        self.server.agent_replies(ref.key, "hola", [])
        assert [ticket.key for ticket in desk.news(mark).tickets] == [ref.key]

    @pytest.mark.parametrize("key", ["500000000000000AAA", "x' OR Id != '"])
    def test_a_case_that_is_not_there_is_told(self, desk: Salesforce, key: str) -> None:
        with pytest.raises(Gone):
            desk.conversation(key)

    def test_its_address_gives_it_away(self, server_url: str) -> None:
        with Wire() as wire:
            assert Salesforce.recognise(Seen(wire, server_url + "/lightning")) == {"url": server_url}


class TestByThePublicForm:
    @pytest.fixture
    def server(self) -> Iterator[SalesforceServer]:
        server = SalesforceServer()
        yield server
        server.stop()

    def desk(self, url: str, **changes: Any) -> Salesforce:
        place = f"{url}/servlet/servlet.WebToCase"
        return Salesforce(**{"url": url, "mode": "web", "org_id": ORG, "form": place, **changes})

    def test_it_is_handed_in_and_nobody_claims_more(self, server: SalesforceServer, tmp_path: Path) -> None:
        desk = self.desk(server.url, fields="00N000000000001=42")
        desk.check()
        assert desk.limits.file_bytes == 0
        ref = desk.submit(fresh(tmp_path, attachments=()), MemoryJournal(), quiet)
        assert ref.unconfirmed
        (given,) = server.handed_in
        assert (given["name"], given["email"], given["priority"]) == ("Lucía", "lucia@example.org", "High")
        assert given["00N000000000001"] == "42"
        assert f"Testigo {ref.id}" in given["description"]
        assert desk.news("").tickets == ()
        with pytest.raises(Refused, match="by e-mail"):
            desk.conversation("500000000000000AAA")

    def test_a_lost_answer_is_the_persons_to_decide(
        self, server: SalesforceServer, tmp_path: Path, fault_proxy: Callable[[str], FaultProxy]
    ) -> None:
        proxy = fault_proxy(server.url)
        the_person_decides(self.desk(proxy.url), proxy, tmp_path, lambda: len(server.handed_in), attachments=())

    def test_another_page_than_the_one_we_named_is_no_success(
        self, server: SalesforceServer, tmp_path: Path, fault_proxy: Callable[[str], FaultProxy]
    ) -> None:
        proxy = fault_proxy(server.url)
        proxy.next(Fault(answer=LOGIN_REDIRECT), lambda method, path: True)
        with pytest.raises(OutcomeUnknown, match="sign in"):
            self.desk(proxy.url).submit(fresh(tmp_path, attachments=()), MemoryJournal(), quiet)

    @pytest.mark.parametrize("org_id", ["", "00D", "005000000000001"])
    def test_a_wrong_organisation_is_named_because_salesforce_does_not(
        self, server: SalesforceServer, tmp_path: Path, org_id: str
    ) -> None:
        desk = self.desk(server.url, org_id=org_id)
        with pytest.raises(InvalidField):
            desk.check()
        with pytest.raises(InvalidField):
            desk.submit(fresh(tmp_path, attachments=()), MemoryJournal(), quiet)
