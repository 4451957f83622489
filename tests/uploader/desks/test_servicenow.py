"""ServiceNow, a strict instance of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.servers.oauth import Browser
from tests.servers.servicenow import Record, ServiceNowServer
from tests.uploader.desk_suite import FallibleJournal, Killed, attachment
from tests.uploader.many_suite import ManySuite
from tests.uploader.remote_suite import AfterwardsSuite, InboxSuite, RemoteDeskSuite, fresh
from uploader.desks.servicenow import ServiceNow
from uploader.errors import FieldWanted, FileRefused, Gone, InvalidField, MaybeSent
from uploader.journal import MemoryJournal
from uploader.remote import it_arrived, send_again
from uploader.seen import Seen
from uploader.setting import Secret
from uploader.ticket import Desk, Link, SharedFile, quiet
from uploader.wire import Wire


class TestServiceNow(RemoteDeskSuite, AfterwardsSuite, InboxSuite, ManySuite):
    follows = "attachment/file"
    producer = ""

    @pytest.fixture
    def server_url(self) -> Iterator[str]:
        self.server = ServiceNowServer()
        self.token = self.server.provider.sign_in()
        yield self.server.url
        self.server.stop()

    def at(self, url: str, **changes: Any) -> ServiceNow:
        values = {
            "client_id": "client-1",
            "port": 0,
            "refresh_token": Secret(self.token),
            "producer": self.producer,
            **changes,
        }
        return ServiceNow(url=url, **values)

    def every(self, desk: Desk) -> list[dict[str, Any]]:
        return [self._whole(record) for record in self.server.records.values()]

    def _whole(self, record: Any) -> dict[str, Any]:
        text = record.values["description"]
        report = re.search(r"Testigo (\S+)", text)
        return {"id": record.id, "report_id": report and report[1], "subject": record.values["short_description"],
                "text": text, "files": [(file.name, file.content) for file in record.files]}  # fmt: skip

    def agent_replies(self, key: str, html: str, files: list[tuple[str, bytes]]) -> None:
        self.server.agent_replies(key, html, files)

    def agent_solves(self, key: str) -> None:
        self.server.agent_solves(key)

    def count_replies(self, key: str) -> int:
        return len(self.server.records[key].comments)

    def filed(self, *, mine: bool = True) -> str:
        values = {"short_description": "Caso", "description": "x", "table": "incident", "sys_created_by": "lucia"}
        made = Record(f"{len(self.server.records):032x}", f"INC{len(self.server.records):07}", values)
        self.server.records[made.id] = made
        return made.id

    def test_signing_in_gives_what_a_report_needs(self, server_url: str, tmp_path: Path) -> None:
        given = self.at(server_url, refresh_token=Secret("")).sign_in(Browser().open)
        desk = self.at(server_url, refresh_token=Secret(given["refresh_token"]))
        assert desk.submit(fresh(tmp_path), MemoryJournal(), quiet).id.startswith("INC")

    def test_who_may_create_and_not_attach_sends_links_in_a_comment(self, desk: ServiceNow, tmp_path: Path) -> None:
        self.server.may_attach = False
        ticket, journal = fresh(tmp_path), MemoryJournal()
        for _ in ticket.attachments:
            with pytest.raises(FileRefused) as caught:
                desk.submit(ticket, journal, quiet)
            file = next(file for file in ticket.attachments if file.name == caught.value.attachment)
            link = Link(f"https://files.example.org/{file.sha256[:8]}")
            shared = SharedFile(file.name, file.size_bytes, file.media_type, file.sha256, link)
            rest = tuple(other for other in ticket.attachments if other != file)
            ticket = replace(ticket, attachments=rest, links=(*ticket.links, shared))
        for _ in range(2):
            ref = desk.submit(ticket, journal, quiet)
        assert len(self.server.records) == 1
        told = [comment["text"] for comment in self.server.records[ref.key].comments]
        assert len(told) == 2
        assert all(file.link.url in "".join(told) for file in ticket.links[1:])
        assert ticket.links[0].link.url not in "".join(told)

    def test_a_journal_that_is_not_shown_is_read_where_the_user_sees_it(self, desk: ServiceNow, tmp_path: Path) -> None:
        self.server.shows_journal = False
        self.test_a_file_of_an_agent_comes_byte_for_byte(desk, tmp_path, "captura ñ.png")
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        answer = fresh(tmp_path, description="Sigue\nigual", links=(), reply_to=ref.key, attachments=())
        desk.reply(answer, MemoryJournal(), quiet)
        self.server.agent_replies(ref.key, "<p>¿Y ahora?</p>", [])
        talk = desk.conversation(ref.key).replies[1:]
        assert [(reply.author, reply.mine) for reply in talk] == [("Lucía", True), ("Ana", False)]
        assert "Sigue\nigual" in talk[0].text
        assert talk[1].text == "¿Y ahora?"

    def test_what_is_missing_is_named(self, server_url: str) -> None:
        with pytest.raises(InvalidField, match="no table “nada”"):
            self.at(server_url, table="nada").check()
        with pytest.raises(InvalidField, match="no record producer “nada”"):
            self.at(server_url, producer="nada").check()

    def test_urgency_kind_and_fields_are_its_own(self, desk: ServiceNow, tmp_path: Path) -> None:
        own = replace(desk, producer="", kinds="claim=hardware", fields="u_centro=42")
        ref = own.submit(fresh(tmp_path, priority="low"), MemoryJournal(), quiet)
        values = self.server.records[ref.key].values
        assert (values["urgency"], values["category"], values["u_centro"]) == ("3", "hardware", "42")
        assert (values["caller_id"], values["correlation_id"]) == ("u1", self.every(desk)[-1]["report_id"])

    def test_somebody_elses_record_is_not_there(self, desk: ServiceNow, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        self.server.records[ref.key].caller = "u2"
        assert desk.news("").tickets == ()
        with pytest.raises(Gone):
            desk.conversation(ref.key)

    def test_who_the_user_is_is_known_in_a_record_that_an_agent_opened(self, desk: ServiceNow, tmp_path: Path) -> None:
        self.server.creator = "ana"
        key = (ref := desk.submit(fresh(tmp_path, attachments=()), MemoryJournal(), quiet)).key or ref.id
        desk.reply(self.answer(tmp_path, key, "Sigue igual"), MemoryJournal(), quiet)
        self.server.agent_replies(key, "<p>¿Y ahora?</p>", [("a.txt", b"a")])
        talk = desk.conversation(key).replies
        assert [(each.author, each.mine) for each in talk] == [("ana", False), ("lucia", True), ("ana", False)]
        assert [[file.name for file in each.files] for each in talk] == [[], ["otra.png"], ["a.txt"]]

    def test_record_producers_can_be_chosen_from(self, desk: ServiceNow) -> None:
        assert [(choice.value, choice.title) for choice in desk.choices("producer")] == [("p1", "Informar de un fallo")]

    def test_articles_are_found_by_their_words(self, desk: ServiceNow) -> None:
        (found,) = desk.articles("la impresora falla", "es")
        assert (found.title, found.excerpt) == ("La impresora no imprime", "Reinicia la cola")
        assert found.url == f"{desk.url}/sp?sys_kb_id=99&id=kb_article_view"
        assert desk.articles("xyzzy", "es") == ()

    def test_its_address_gives_it_away(self, server_url: str) -> None:
        with Wire() as wire:
            assert ServiceNow.recognise(Seen(wire, server_url + "/sp")) == {"url": server_url}


class TestByRecordProducer(TestServiceNow):
    """The same through the form that the portal itself uses."""

    producer = "p1"
    priorities_told = ("low",)
    """It does not ask for the urgency: the table's default stands."""

    def test_what_it_asks_for_is_filled_in(self, desk: ServiceNow, tmp_path: Path) -> None:
        self.server.declared.append("urgency")
        ref = desk.submit(fresh(tmp_path, priority="high"), MemoryJournal(), quiet)
        assert self.server.records[ref.key].values["urgency"] == "1"

    def test_one_that_takes_no_text_is_told_before_anything_is_sent(self, desk: ServiceNow, tmp_path: Path) -> None:
        self.server.declared.remove("description")
        for act in (desk.check, lambda: desk.submit(fresh(tmp_path), MemoryJournal(), quiet)):
            with pytest.raises(InvalidField, match="description"):
                act()
        assert self.tickets(desk) == []

    @pytest.mark.parametrize("arrived", [True, False])
    @pytest.mark.parametrize("tells", [True, False])
    def test_one_that_makes_records_elsewhere_makes_each_once(
        self, desk: ServiceNow, tmp_path: Path, tells: bool, arrived: bool
    ) -> None:
        self.server.table, self.server.tells_table = "sn_hr_core_case", tells
        ticket, journal = fresh(tmp_path, attachments=()), FallibleJournal({}, 0, after=False)
        for die_at in range(1, 9):
            ticket, journal = fresh(tmp_path, attachments=()), FallibleJournal({}, die_at, after=False)
            with pytest.raises(Killed):
                desk.submit(ticket, journal, quiet)
            if self.server.records:
                break
        if not arrived:
            self.server.records.clear()
        journal = FallibleJournal(journal.kept, 0, after=False)
        if not tells:
            with pytest.raises(MaybeSent) as caught:
                desk.submit(ticket, journal, quiet)
            (it_arrived if arrived else send_again)(journal, caught.value.values)
        ref = desk.submit(ticket, journal, quiet)
        assert ref.unconfirmed is (arrived and not tells)
        assert len(self.server.records) == 1

    def test_its_table_is_to_be_the_one_that_answers_are_read_from(self, desk: ServiceNow) -> None:
        self.server.table = "sn_hr_core_case"
        with pytest.raises(InvalidField, match="sn_hr_core_case"):
            desk.check()
        replace(desk, table="sn_hr_core_case").check()

    def test_a_variable_that_must_be_filled_in_is_named_before_anything_is_sent(
        self, desk: ServiceNow, tmp_path: Path
    ) -> None:
        self.server.mandatory["u_centro"] = "Edificio"
        with pytest.raises(FieldWanted) as caught:
            desk.submit(fresh(tmp_path, fields={}), MemoryJournal(), quiet)
        assert caught.value.name == "Edificio"
        assert self.tickets(desk) == []
        ref = replace(desk, fields="Edificio=B").submit(fresh(tmp_path, fields={}), MemoryJournal(), quiet)
        assert self.server.records[ref.key].values["u_centro"] == "B"

    def test_a_file_that_the_portal_would_take_travels_too(self, desk: ServiceNow, tmp_path: Path) -> None:
        file = attachment(tmp_path, "a.txt", b"a", "text/plain")
        ref = desk.submit(fresh(tmp_path, attachments=(file,)), MemoryJournal(), quiet)
        assert [stored.kind for stored in self.server.records[ref.key].files] == ["text/plain"]
