"""Request Tracker, the real one."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from tests.servers.fault_proxy import Answer, Fault, FaultProxy
from tests.servers.rt import RtServer, start_rt
from tests.uploader.desk_suite import attachment, make_ticket
from tests.uploader.remote_suite import AfterwardsSuite, InboxSuite, InOnePieceSuite, RemoteDeskSuite, fresh
from uploader.desks.rt import RequestTracker
from uploader.errors import FileRefused, Gone, InvalidField, OutcomeUnknown, Refused
from uploader.journal import MemoryJournal
from uploader.seen import Seen
from uploader.setting import Secret
from uploader.ticket import Desk, Link, SharedFile, TicketRef, quiet
from uploader.wire import Wire


class TestRequestTracker(RemoteDeskSuite, AfterwardsSuite, InOnePieceSuite, InboxSuite):
    follows = "/history"
    told_names: ClassVar[dict[str, str]] = {"captura ñ.png": "captura \ufffd.png"}
    """RT 5.0.3 spoils the names of files that come inside JSON, as this agent's do."""

    @pytest.fixture(autouse=True)
    def server(self, rt: RtServer) -> None:
        self.rt = rt

    @pytest.fixture
    def server_url(self, rt: RtServer) -> str:
        return rt.url

    def at(self, url: str) -> RequestTracker:
        return RequestTracker(url=url, token=Secret(self.rt.tokens["ana"]))

    def begin(self, desk: Desk) -> Desk:
        newest = self.rt.ask("GET", "tickets?query=id%3E0&per_page=1&orderby=id&order=DESC")["items"]
        self._newest, self._before = (newest[0]["id"] if newest else "0"), set()
        return desk

    def every(self, desk: Desk) -> list[dict[str, Any]]:
        """Those of this test: a hundred cost the server more than the test itself."""
        query = f"tickets?query=id%3E{self._newest}&fields=Subject&per_page=100&orderby=id&order=DESC"
        return [self._whole(item) for item in self.rt.ask("GET", query)["items"]]

    def _whole(self, item: dict[str, Any]) -> dict[str, Any]:
        parts = self._parts(item["id"])
        text = "\n".join(content.decode() for part, content in parts if not part.get("Filename"))
        report = re.search(r"Testigo (\S+)", text)
        files = [(part["Filename"], content) for part, content in parts if part.get("Filename")]
        return {"id": item["id"], "report_id": report and report[1], "subject": item["Subject"], "text": text,
                "files": files}  # fmt: skip

    def _parts(self, number: str) -> list[tuple[dict[str, Any], bytes]]:
        listed = self.rt.ask("GET", f"ticket/{number}/attachments?fields=ContentType,Filename&per_page=100")["items"]
        found = [
            self.rt.ask("GET", f"attachment/{part['id']}") for part in listed if "multi" not in part["ContentType"]
        ]
        return [(part, base64.b64decode(part.get("Content", ""))) for part in found]

    def agent_replies(self, key: str, html: str, files: list[tuple[str, bytes]]) -> None:
        packed = [{"FileName": name, "FileType": "application/octet-stream",
                   "FileContent": base64.b64encode(content).decode()} for name, content in files]  # fmt: skip
        self.rt.ask("POST", f"ticket/{key}/correspond",
                    {"Content": html, "ContentType": "text/html", "Attachments": packed})  # fmt: skip

    def agent_solves(self, key: str) -> None:
        self.rt.ask("PUT", f"ticket/{key}", {"Status": "resolved"})

    def count_replies(self, key: str) -> int:
        events = self.rt.ask("GET", f"ticket/{key}/history?fields=Type&per_page=100&page=1")["items"]
        events += self.rt.ask("GET", f"ticket/{key}/history?fields=Type&per_page=100&page=2")["items"]
        return sum(event["Type"] == "Correspond" for event in events)

    def test_somebody_else_does_not_read_it(self, desk: RequestTracker, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        other = RequestTracker(url=self.rt.url, token=Secret(self.rt.tokens["berta"]), user="berta")
        assert ref.id not in [ticket.id for ticket in other.news("").tickets]
        with pytest.raises(Refused):
            other.conversation(ref.id)

    def test_a_file_that_it_does_not_keep_whole_is_told_as_a_link_once(
        self, request: pytest.FixtureRequest, tmp_path: Path
    ) -> None:
        """RT answers 201 and goes on telling the whole length."""
        small = start_rt(tmp_path, "Set($MaxAttachmentSize, 2000); Set($DropLongAttachments, 1);")
        request.addfinalizer(small.stop)
        desk = RequestTracker(url=small.url, token=Secret(small.tokens["ana"]))
        large = attachment(tmp_path, "año (1).txt", "ñandú\n".encode() * 500, "text/plain")
        kept = attachment(tmp_path, "corto.txt", b"abc", "text/plain")
        link = SharedFile(large.name, large.size_bytes, "", large.sha256, Link("https://files.example.org/L"))
        first, key = fresh(tmp_path, attachments=(kept, large), links=()), ""
        for told in (1, 2):
            journal = MemoryJournal()
            ticket = replace(self.answer(tmp_path, key, "Va el archivo"), attachments=(kept, large)) if key else first
            send = desk.reply if key else desk.submit
            with pytest.raises(FileRefused) as caught:
                send(ticket, journal, quiet)
            assert caught.value.attachment == large.name
            for _ in range(2):
                done = send(replace(ticket, attachments=(kept,), links=(link,)), journal, quiet)
            key = key or cast(TicketRef, done).id
            replies = desk.conversation(key).replies
            assert [link.link.url in each.text for each in replies] == [False, True] * told

    def test_a_file_that_it_cut_is_noticed(self, proxy: FaultProxy, tmp_path: Path) -> None:
        """As a server of 5.0.3 that is set to TruncateLongAttachments notes it."""
        cut = {"items": [{"Type": "AttachmentTruncate", "Data": "captura-1.png", "OldValue": "12"}]}
        proxy.next(Fault(answer=Answer(200, {"Content-Type": "application/json"}, json.dumps(cut).encode())),
                   lambda method, path: path.partition("?")[0].endswith("/history"))  # fmt: skip
        with pytest.raises(FileRefused, match="captura-1"):
            self.at(proxy.url).submit(fresh(tmp_path), MemoryJournal(), quiet)

    def test_a_queue_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        desk = RequestTracker(url=self.rt.url, token=Secret(self.rt.tokens["ana"]), user="ana", queue="Nope")
        with pytest.raises(InvalidField, match="Nope"):
            desk.check()
        with pytest.raises(InvalidField, match="Nope"):
            desk.submit(make_ticket(tmp_path), MemoryJournal(), quiet)

    def test_its_queues_can_be_chosen_from(self, desk: RequestTracker) -> None:
        assert [choice.value for choice in desk.choices("queue")] == ["General"]

    def test_custom_fields_that_the_queue_knows_are_filled_in(self, desk: RequestTracker, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path, fields={"Centro": "42", "Unknown": "x"}), MemoryJournal(), quiet)
        fields = self.rt.ask("GET", f"ticket/{ref.id}")["CustomFields"]
        assert {field["name"]: field["values"] for field in fields} == {"Centro": ["42"]}

    def test_the_priority_is_a_number(self, desk: RequestTracker, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path, priority="high"), MemoryJournal(), quiet)
        assert self.rt.ask("GET", f"ticket/{ref.id}")["Priority"] == "100"

    def test_a_priority_that_is_no_number_is_named(self, desk: RequestTracker, tmp_path: Path) -> None:
        other = replace(desk, priorities="high=Urgent; medium=50")
        for act in (other.check, lambda: other.submit(fresh(tmp_path, priority="high"), MemoryJournal(), quiet)):
            with pytest.raises(InvalidField) as caught:
                act()
            assert caught.value.name == "priorities"

    def test_articles_are_found_by_their_words(self, desk: RequestTracker) -> None:
        (found,) = desk.articles("la impresora falla", "es")
        assert found.title == "La impresora no imprime"
        assert found.excerpt == "Reinicia la cola"
        assert desk.articles("xyzzy", "es") == ()

    @pytest.mark.parametrize(
        "page",
        ["/Ticket/Display.html?id=7", "/SelfService/Display.html?id=7", "/NoAuth/Login.html?next=abc", "/index.html"],
    )
    def test_a_page_of_it_that_is_pasted_gives_it_away(self, page: str) -> None:
        with Wire() as wire:
            found = RequestTracker.recognise(Seen(wire, self.rt.url + page))
        assert found is not None
        assert found["url"] == self.rt.url

    def test_tickets_of_another_queue_are_told_apart(self, desk: RequestTracker, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        for queue, elsewhere in (("General", False), ("general", False), ("1", False), ("Redes", True)):
            tickets = replace(desk, queue=queue).news("").tickets
            assert next(ticket for ticket in tickets if ticket.key == ref.id).elsewhere is elsewhere

    def test_its_address_gives_it_away(self) -> None:
        with Wire() as wire:
            assert RequestTracker.recognise(Seen(wire, self.rt.url + "/")) == {"url": self.rt.url}

    def test_who_the_user_is_is_known_in_a_ticket_that_an_agent_opened(
        self, desk: RequestTracker, tmp_path: Path
    ) -> None:
        told = {"Queue": "General", "Subject": "Por teléfono", "Content": "Ana llamó", "ContentType": "text/plain"}
        key = str(self.rt.ask("POST", "ticket", told | {"Requestor": "ana@example.test"})["id"])
        desk.reply(self.answer(tmp_path, key, "Sigue igual"), MemoryJournal(), quiet)
        self.agent_replies(key, "<p>¿Y ahora?</p>", [])
        assert [(each.author, each.mine) for each in desk.conversation(key).replies] == [
            ("root", False), ("ana", True), ("root", False)]  # fmt: skip

    @pytest.mark.parametrize("name", ["Mesa #1", "IT/Redes", "¿Qué?", "R&D 100%", "Soporte TI"])
    def test_a_queue_may_have_any_name(self, tmp_path: Path, name: str) -> None:
        number = self.rt.ask("POST", "queue", {"Name": name})["id"]
        desk = RequestTracker(url=self.rt.url, token=Secret(self.rt.tokens["root"]), queue=name, fields="Piso=3")
        desk.check()
        ref = desk.submit(fresh(tmp_path, attachments=()), MemoryJournal(), quiet)
        assert self.rt.ask("GET", f"ticket/{ref.id}")["Queue"]["id"] == str(number)
        with pytest.raises(InvalidField):
            replace(desk, queue=name + "?").check()

    def _touch(self, number: str, when: str) -> None:
        with closing(sqlite3.connect(self.rt.process.log.parent / "rt.db", timeout=20)) as held:
            held.execute("UPDATE Tickets SET LastUpdated = ? WHERE id = ?", (when, number))
            held.commit()

    @pytest.mark.parametrize("zone", ["America/Bogota", "Pacific/Auckland", "UTC", ""])
    def test_what_changed_is_news_and_nothing_else_wherever_the_user_lives(
        self, desk: RequestTracker, tmp_path: Path, zone: str
    ) -> None:
        known, answered = (desk.submit(fresh(tmp_path, attachments=()), MemoryJournal(), quiet).id for _ in range(2))
        self.rt.ask("PUT", "user/ana", {"Timezone": zone})
        try:
            for hour in range(0, 24, 3):
                self._touch(known, f"2031-06-15 {hour:02}:30:00")
                self._touch(answered, f"2031-06-15 {hour:02}:29:59")
                look = desk.news("")
                assert [each.key for each in look.tickets[:2]] == [known, answered]
                assert [each.key for each in desk.news(look.mark).tickets] == [known], "the older is no news again"
                self._touch(answered, f"2031-06-15 {hour:02}:31:00")
                assert [each.key for each in desk.news(look.mark).tickets] == [answered, known], f"at {hour}"
        finally:
            self.rt.ask("PUT", "user/ana", {"Timezone": ""})
            for number in (known, answered):
                self._touch(number, "2026-01-01 00:00:00")

    def test_a_ticket_that_is_gone_is_told(self, desk: RequestTracker) -> None:
        with pytest.raises(Gone):
            desk.conversation("99999")

    def test_the_ticket_is_the_tokens_own_users_whoever_the_settings_name(
        self, desk: RequestTracker, tmp_path: Path
    ) -> None:
        ref = desk.submit(fresh(tmp_path, requester="Lucía <lucia@elsewhere.org>"), MemoryJournal(), quiet)
        assert ref.id in [ticket.id for ticket in desk.news("").tickets]
        assert [user["id"] for user in self.rt.ask("GET", f"ticket/{ref.id}")["Requestor"]] == ["ana"]

    def test_many_tickets_are_read_page_by_page_and_a_lost_one_is_found_among_them(
        self, desk: RequestTracker, proxy: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("uploader.desks.rt.PAGE", 3)
        mark, (ticket, journal) = desk.news("").mark, (fresh(tmp_path, attachments=()), MemoryJournal())
        proxy.next(Fault(drop_reply=True), lambda method, path: method == "POST")
        others = [desk.submit(fresh(tmp_path, attachments=()), MemoryJournal(), quiet).id for _ in range(4)]
        with pytest.raises(OutcomeUnknown):
            self.at(proxy.url).submit(ticket, journal, quiet)
        others += [desk.submit(fresh(tmp_path, attachments=()), MemoryJournal(), quiet).id for _ in range(4)]
        ref = desk.submit(ticket, journal, quiet)
        assert ref.id == str(int(others[3]) + 1), "the one that was made"
        assert {each.key for each in desk.news(mark).tickets} >= {ref.id, *others}
        monkeypatch.setattr("uploader.inbox.MOST_TICKETS", 6)
        first = desk.news("")
        assert {each.key for each in first.tickets} <= {ref.id, *others}
        assert (len(first.tickets), first.more) == (6, True)

    def test_a_long_conversation_is_read_to_its_end(
        self, desk: RequestTracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("uploader.desks.rt.PAGE", 3)
        ref = desk.submit(fresh(tmp_path, attachments=()), MemoryJournal(), quiet)
        for number in range(3):  # each leaves events and parts that only agents see
            self.rt.ask("POST", f"ticket/{ref.id}/comment", {"Content": "entre nosotros", "ContentType": "text/plain"})
            self.agent_replies(ref.id, f"<p>respuesta {number}</p>", [])
        told = [reply.text for reply in desk.conversation(ref.id).replies]
        assert [f"respuesta {number}" in text for number, text in enumerate(told[1:])] == [True] * 3
        assert "entre nosotros" not in "".join(told)

    @pytest.mark.parametrize("content", ["ñandú €".encode("utf-16"), "ñandú".encode("latin-1"), b"a\r\nb\r\n", b""])
    def test_a_text_arrives_byte_for_byte_in_whatever_encoding(
        self, desk: RequestTracker, tmp_path: Path, content: bytes
    ) -> None:
        file = attachment(tmp_path, "nota.txt", content, "text/plain")
        desk.submit(fresh(tmp_path, attachments=(file,)), MemoryJournal(), quiet)
        (found,) = self.tickets(desk)
        assert [held for _, held in found["files"]] == ([content] if content else [])
        assert "nota.txt: 0 B" in found["text"] or content
