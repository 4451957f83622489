"""django-helpdesk, the real one, by its interface."""

from __future__ import annotations

import dataclasses
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.servers.django_helpdesk import HelpdeskServer
from tests.servers.fault_proxy import Fault, FaultProxy
from tests.uploader.desk_suite import attachment, make_ticket
from tests.uploader.remote_suite import AfterwardsSuite, InboxSuite, RemoteDeskSuite, fresh
from uploader import remote
from uploader.desks.django_helpdesk import DjangoHelpdesk
from uploader.errors import FileRefused, Gone, InvalidField, MaybeSent, OutcomeUnknown, Refused, Temporary
from uploader.form import Form, Part
from uploader.journal import MemoryJournal
from uploader.plain_text import plain_text
from uploader.seen import Seen
from uploader.setting import Secret
from uploader.ticket import Desk, Link, SharedFile, quiet
from uploader.wire import Wire


class TestDjangoHelpdesk(RemoteDeskSuite, AfterwardsSuite, InboxSuite):
    follows = "followups/"

    @pytest.fixture(autouse=True)
    def server(self, django_helpdesk: HelpdeskServer) -> None:
        self.helpdesk = django_helpdesk

    @pytest.fixture
    def server_url(self, django_helpdesk: HelpdeskServer) -> str:
        return django_helpdesk.url

    def begin(self, desk: Desk) -> Desk:
        self.helpdesk.empty()
        asked = {"queue": 1, "title": "Otro", "description": "x", "submitter_email": "eva@example.test", "priority": 3}
        self.helpdesk.ask("POST", "tickets/", asked)  # with none it takes fewer calls than it always does
        return super().begin(desk)

    def at(self, url: str) -> DjangoHelpdesk:
        types = ".txt .png .json .html ._escape"
        return DjangoHelpdesk(url=url, token=Secret(self.helpdesk.tokens["ana"]), mail="ana@example.test", types=types)

    def every(self, desk: Desk) -> list[dict[str, Any]]:
        known = getattr(self, "_before", set())
        return [self._whole(item) if str(item["id"]) not in known else {"id": str(item["id"])}
                for item in self.helpdesk.tickets()]  # fmt: skip

    def _whole(self, item: dict[str, Any]) -> dict[str, Any]:
        comments = [item["description"], *(entry["comment"] for entry in item["followup_set"][1:])]
        text = "\n".join(as_shown(comment) for comment in comments)
        report = re.search(r"Testigo (\S+)", text)
        held = [file for entry in item["followup_set"] for file in entry["followupattachment_set"]]
        files = [(file["filename"], urllib.request.urlopen(file["file"]).read()) for file in held]
        return {"id": str(item["id"]), "report_id": report and report[1], "subject": item["title"], "text": text,
                "files": files}  # fmt: skip

    def agent_replies(self, key: str, html: str, files: list[tuple[str, bytes]]) -> None:
        parts = [Part("attachments", name, "application/octet-stream", content) for name, content in files]
        form = Form([("ticket", key), ("comment", plain_text(html)), ("public", "true")], parts, html)
        head = {"Authorization": f"Token {self.helpdesk.tokens['admin']}", "Content-Type": form.content_type}
        with Wire() as wire:
            wire.call("POST", f"{self.helpdesk.url}/api/followups/", headers=head, body=form)

    def agent_solves(self, key: str) -> None:
        self.helpdesk.ask("PATCH", f"tickets/{key}/", {"status": 3})

    def count_replies(self, key: str) -> int:
        return len(self.helpdesk.ask("GET", f"tickets/{key}/")["followup_set"]) - 1

    def test_what_the_staff_says_among_themselves_is_not_shown(self, desk: DjangoHelpdesk, tmp_path: Path) -> None:
        ref = self.sent(desk, tmp_path)
        self.helpdesk.ask("POST", "followups/", {"ticket": ref.id, "title": "x", "comment": "intern", "public": False})
        assert "intern" not in str(desk.conversation(ref.id))

    def test_no_brace_of_a_reply_is_lost(self, desk: DjangoHelpdesk, tmp_path: Path) -> None:
        text = 'a {{ ticket.secret }} {% if %} {# x #} %} }} {{{ "{"'
        ref = self.sent(desk, tmp_path)
        desk.reply(fresh(tmp_path, description=text, reply_to=ref.id, links=()), MemoryJournal(), quiet)
        assert text in desk.conversation(ref.id).replies[-1].text

    def test_a_type_that_is_not_allowed_goes_as_a_link(self, desk: DjangoHelpdesk, tmp_path: Path) -> None:
        film = attachment(tmp_path, "film.mp4", b"mp4", "video/mp4")
        picture = attachment(tmp_path, "one.png", b"png", "image/png")
        with pytest.raises(FileRefused, match=r"film\.mp4"):
            desk.submit(fresh(tmp_path, attachments=(film,)), MemoryJournal(), quiet)
        lax = DjangoHelpdesk(url=desk.url, token=desk.token, types=".mp4 .png")
        with pytest.raises(FileRefused, match=r"film\.mp4"):
            lax.submit(fresh(tmp_path, attachments=(film,)), MemoryJournal(), quiet)
        assert self.tickets(desk) == []
        ticket, journal = fresh(tmp_path, attachments=(picture, film), links=()), MemoryJournal()
        with pytest.raises(FileRefused, match=r"film\.mp4"):
            lax.submit(ticket, journal, quiet)
        link = SharedFile("film.mp4", 3, "video/mp4", film.sha256, Link("https://files.example.org/film"))
        changed = make_ticket(tmp_path, report_id=ticket.report_id, attachments=(picture,), links=(link,))
        ref = lax.submit(changed, journal, quiet)
        (found,) = self.tickets(desk)
        assert found["id"] == ref.id
        assert found["text"].count("https://files.example.org/film") == 1
        assert found["files"] == [("one.png", b"png")]

    def test_a_file_of_a_reply_that_it_takes_and_does_not_keep_goes_as_a_link(
        self, desk: DjangoHelpdesk, tmp_path: Path
    ) -> None:
        """It makes the follow-up, answers 500 and keeps no file of it."""
        key, journal = self.sent(desk, tmp_path).id, MemoryJournal()
        desk = dataclasses.replace(desk, types=".txt .png .mp4")
        film, text = attachment(tmp_path, "film.mp4", b"film"), attachment(tmp_path, "otra.txt", b"text")
        answer = dataclasses.replace(self.answer(tmp_path, key, "Va"), attachments=(film, text))
        with pytest.raises(Temporary):
            desk.reply(answer, journal, quiet)
        with pytest.raises(FileRefused) as caught:
            desk.reply(answer, journal, quiet)
        assert caught.value.attachment == "film.mp4"
        link = SharedFile("film.mp4", 4, "video/mp4", film.sha256, Link("https://files.example.org/F"))
        for _ in range(2):
            desk.reply(dataclasses.replace(answer, attachments=(text,), links=(link,)), journal, quiet)
        told = [each for each in desk.conversation(key).replies if answer.report_id in each.text]
        assert sum(link.link.url in each.text for each in told) == 1
        assert [file.name for each in told for file in each.files] == ["otra.txt"]

    def test_an_empty_file_of_a_reply_goes_as_a_link(self, desk: DjangoHelpdesk, tmp_path: Path) -> None:
        files = (attachment(tmp_path, "a.txt", b"a"), attachment(tmp_path, "leer.txt", b""))
        answer = dataclasses.replace(self.answer(tmp_path, self.sent(desk, tmp_path).id, "Va"), attachments=files)
        with pytest.raises(FileRefused) as caught:
            desk.reply(answer, MemoryJournal(), quiet)
        assert caught.value.attachment == "leer.txt"

    def test_a_queue_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        desk = DjangoHelpdesk(url=self.helpdesk.url, token=Secret(self.helpdesk.tokens["ana"]), queue="99")
        with pytest.raises(InvalidField, match="99"):
            desk.check()
        with pytest.raises(InvalidField, match="99"):
            desk.submit(make_ticket(tmp_path, attachments=()), MemoryJournal(), quiet)

    def test_who_is_no_staff_is_told_that_a_right_is_missing(self, tmp_path: Path) -> None:
        desk = DjangoHelpdesk(url=self.helpdesk.url, token=Secret(self.helpdesk.tokens["berta"]))
        with pytest.raises(Refused, match="403"):
            desk.check()

    def test_its_own_fields_and_the_priority_are_filled_in(self, desk: DjangoHelpdesk, tmp_path: Path) -> None:
        ref = self.sent(desk, tmp_path, fields={"Centro": "42"}, priority="high")
        found = self.helpdesk.ask("GET", f"tickets/{ref.id}/")
        assert (found["custom_Centro"], found["priority"]) == ("42", 2)

    @pytest.mark.parametrize("page", ["/tickets/7/", "/view/?ticket=soporte-7&email=ana@example.org", "/login/?next=/"])
    def test_a_page_of_it_that_is_pasted_gives_it_away(self, page: str) -> None:
        with Wire() as wire:
            found = DjangoHelpdesk.recognise(Seen(wire, self.helpdesk.url + page))
        assert found is not None
        assert found["url"] == self.helpdesk.url

    def test_tickets_of_another_queue_are_told_apart(self, desk: DjangoHelpdesk, tmp_path: Path) -> None:
        ref = self.sent(desk, tmp_path)
        for queue, elsewhere in (("1", False), ("2", True)):
            tickets = dataclasses.replace(desk, queue=queue).news("").tickets
            assert next(ticket for ticket in tickets if ticket.key == ref.id).elsewhere is elsewhere

    def many_of_others(self) -> None:
        """More than a page of them, and more than our small numbers of a test."""
        for number in range(8):
            asked = {"queue": 1, "title": f"otro {number}", "description": "x", "submitter_email": "b@example.test"}
            self.helpdesk.ask("POST", "tickets/", {**asked, "priority": 3})

    def test_ones_own_are_found_behind_those_of_many_others(
        self, desk: DjangoHelpdesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("uploader.desks.django_helpdesk.PAGE", 3)
        monkeypatch.setattr("uploader.desks.django_helpdesk.MOST_TICKETS", 2)
        refs = [self.sent(desk, tmp_path, attachments=()) for _ in range(3)]
        self.many_of_others()
        first = desk.news("")
        assert {ticket.key for ticket in first.tickets} == {refs[2].id, refs[1].id}
        assert first.more
        monkeypatch.setattr("uploader.desks.django_helpdesk.MOST_SEEN", 9)
        few = desk.news("")
        assert [ticket.key for ticket in few.tickets] == [refs[2].id]
        assert few.more, "so that what is known to be open is looked at by itself"

    def test_one_whose_answer_got_lost_is_found_among_all_that_came_since(
        self, desk: DjangoHelpdesk, proxy: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("uploader.desks.django_helpdesk.PAGE", 3)
        ticket, journal = fresh(tmp_path, attachments=()), MemoryJournal()
        proxy.next(Fault(drop_reply=True), lambda method, path: method == "POST")
        with pytest.raises(OutcomeUnknown):
            self.at(proxy.url).submit(ticket, journal, quiet)
        self.many_of_others()
        ref = desk.submit(ticket, journal, quiet)
        assert [found["id"] for found in self.tickets(desk) if found["report_id"] == ticket.report_id] == [ref.id]
        again, journal = fresh(tmp_path, attachments=()), MemoryJournal()
        proxy.next(Fault(drop_reply=True), lambda method, path: method == "POST")
        with pytest.raises(OutcomeUnknown):
            self.at(proxy.url).submit(again, journal, quiet)
        self.many_of_others()
        monkeypatch.setattr(remote, "MOST_NEWER", 7)
        with pytest.raises(MaybeSent):
            desk.submit(again, journal, quiet)

    def test_its_address_gives_it_away(self) -> None:
        with Wire() as wire:
            assert DjangoHelpdesk.recognise(Seen(wire, self.helpdesk.url + "/")) == {"url": self.helpdesk.url}

    def test_a_ticket_that_is_gone_is_told(self, desk: DjangoHelpdesk) -> None:
        with pytest.raises(Gone):
            desk.conversation("99999")


def as_shown(text: str) -> str:
    """As Python-Markdown shows it: the characters that it lets be escaped. Source: its ESCAPED_CHARS (3.11)."""
    return re.sub(r"\\([\\`*_{}\[\]()>#+.!-])", r"\1", text)
