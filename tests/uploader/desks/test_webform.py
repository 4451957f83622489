"""A web form: a strict one of ours through every fault, and django-helpdesk's public one."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from client.setup import Search
from tests.servers.certificate import self_signed
from tests.servers.django_helpdesk import HelpdeskServer
from tests.servers.fault_proxy import LOGIN_PAGE, FaultProxy
from tests.servers.web_form import WebForm
from tests.uploader.desk_suite import attachment
from tests.uploader.remote_suite import InOnePieceSuite, RemoteDeskSuite, fresh, the_person_decides
from uploader.catalog import DESKS
from uploader.desks.webform import WebFormDesk
from uploader.errors import (
    FieldWanted,
    FileRefused,
    InvalidField,
    MaybeSent,
    OutcomeUnknown,
    Refused,
    UploaderError,
)
from uploader.html_form import read_forms
from uploader.journal import MemoryJournal
from uploader.option_words import kinds_in, priorities_in
from uploader.seen import Seen
from uploader.ticket import Desk, quiet
from uploader.wire import Wire

SUCCESS = r"caso nº\s*(?:<b>)?([\d-]+)"


class TestWebForm(RemoteDeskSuite, InOnePieceSuite):
    asks = True
    needless = 1  # the page that follows is read
    hotels = (LOGIN_PAGE,)  # where one redirects to, the form is looked for as well
    checked_in_a_hotel = InvalidField  # a page without a form for a report may be anything

    server: WebForm

    @pytest.fixture
    def server_url(self) -> Iterator[str]:
        self.server = WebForm()
        yield f"{self.server.url}/soporte/nuevo"
        self.server.stop()

    def at(self, url: str, **changes: str) -> WebFormDesk:
        values = {"success": SUCCESS, "priorities": "high=1; medium=2; low=3"} | changes
        return WebFormDesk(url=url, **values)

    def every(self, desk: Desk) -> list[dict[str, Any]]:
        found = []
        for held in self.server.tickets:
            text = held["detalle"].replace("\r\n", "\n")
            report = re.search(r"Testigo (\S+)", text)
            found.append({"id": held["number"], "report_id": report and report[1], "subject": held["asunto"],
                          "text": text, "files": held["files"]})  # fmt: skip
        return found

    def test_a_lost_answer_is_a_question_and_nothing_is_sent_again_by_itself(
        self, desk: WebFormDesk, proxy: FaultProxy, tmp_path: Path
    ) -> None:
        the_person_decides(self.at(proxy.url), proxy, tmp_path, lambda: len(self.tickets(desk)))

    @pytest.mark.parametrize("success", ["", SUCCESS])
    @pytest.mark.parametrize(
        ("answers", "error", "held"),
        [
            ("back with a complaint", Refused, 0),
            ("a login", OutcomeUnknown, 0),
            ("thanks above an empty form", None, 1),  # the words that mean success must be told
            ("an empty form", OutcomeUnknown, 1),
            ("more than anybody reads", OutcomeUnknown, 1),
            ("thanks below a standing notice", None, 1),
            ("an empty form below a standing notice", OutcomeUnknown, 1),
            ("a complaint below a standing notice", Refused, 0),
            ("leads to an error", OutcomeUnknown, 0),
            ("leads to words of an error", OutcomeUnknown, 0),
            ("leads to a broken page", OutcomeUnknown, 0),
        ],
    )
    def test_what_a_form_answers_is_taken_for_what_it_is(
        self,
        desk: WebFormDesk,
        tmp_path: Path,
        answers: str,
        error: type[UploaderError] | None,
        held: int,
        success: str,
    ) -> None:
        self.server.answers = answers
        desk, ticket, journal = self.at(desk.url, success=success), fresh(tmp_path), MemoryJournal()
        if error is None and success:
            assert desk.submit(ticket, journal, quiet).id == self.server.tickets[0]["number"]
        else:
            for again in (Refused, Refused) if error is Refused else (OutcomeUnknown, MaybeSent):
                with pytest.raises(again):
                    desk.submit(ticket, journal, quiet)
        assert len(self.server.tickets) == held

    def test_what_one_host_has_given_to_remember_another_does_not_get(self, desk: WebFormDesk, tmp_path: Path) -> None:
        other = WebForm()
        self.server.action = f"{other.url}/soporte/enviar"
        with pytest.raises(UploaderError):
            desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        (asked,) = other.asked
        assert (asked.method, asked.headers.get("cookie")) == ("POST", None)
        other.stop()

    @pytest.fixture
    def sealed(self, server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        """The same form by TLS, whose authority is trusted."""
        certificate = self_signed(tmp_path)
        self.server.seal(certificate)
        trust = ssl.create_default_context(cafile=str(certificate))
        monkeypatch.setattr("uploader.connections.trust", lambda: trust)
        return server_url.replace("http:", "https:")

    @pytest.mark.parametrize("way", ["action", "page"])
    def test_what_a_sealed_page_leads_to_in_the_clear_is_not_sent(self, sealed: str, tmp_path: Path, way: str) -> None:
        clear = WebForm()
        if way == "action":
            self.server.action = f"{clear.url}/soporte/enviar"
        else:
            self.server.leads_to = f"{clear.url}/soporte/nuevo"
        desk = self.at(sealed)
        for act in (desk.check, lambda: desk.submit(fresh(tmp_path), MemoryJournal(), quiet)):
            with pytest.raises(Refused, match="not safe"):
                act()
        assert clear.asked == []
        assert self.server.tickets == []
        clear.stop()

    def test_an_open_page_that_leads_to_a_sealed_one_is_followed_and_what_that_leads_to_in_the_clear_is_not(
        self, sealed: str, tmp_path: Path
    ) -> None:
        gate = WebForm()
        gate.leads_to, desk = sealed, self.at(f"{gate.url}/soporte/nuevo")
        assert desk.submit(fresh(tmp_path), MemoryJournal(), quiet).id
        self.server.action = f"{gate.url}/soporte/enviar"
        with pytest.raises(Refused, match="not safe"):
            desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert {asked.method for asked in gate.asked} == {"GET"}
        assert len(self.server.tickets) == 1
        gate.stop()

    @pytest.mark.parametrize("success", ["", SUCCESS])
    def test_thanks_in_the_clear_are_not_read(self, sealed: str, tmp_path: Path, success: str) -> None:
        clear = WebForm()
        self.server.thanks = f"{clear.url}/soporte/gracias"
        desk, ticket, journal = self.at(sealed, success=success), fresh(tmp_path), MemoryJournal()
        for again in (OutcomeUnknown, MaybeSent):
            with pytest.raises(again):
                desk.submit(ticket, journal, quiet)
        assert clear.asked == []
        assert len(self.server.tickets) == 1
        clear.stop()

    def test_what_it_looks_like_is_guessed_and_may_be_told(self, desk: WebFormDesk, tmp_path: Path) -> None:
        desk.submit(fresh(tmp_path, priority="high", fields={"Sede": "Cali"}), MemoryJournal(), quiet)
        told = self.at(desk.url, names="subject=sede; description=detalle; file=archivos", fields="asunto=fijo")
        told.submit(fresh(tmp_path, priority="low"), MemoryJournal(), quiet)
        first, second = self.server.tickets[-2:]
        assert (first["asunto"], first["correo"]) == ("Ñandú 🐦 no carga", "lucia@example.org")
        assert (first["prioridad"], first["sede"]) == ("1", "Cali")
        assert (second["asunto"], second["sede"], second["prioridad"]) == ("fijo", "Ñandú 🐦 no carga", "3")

    def test_priority_and_kind_are_found_by_the_words_of_the_lists(self, desk: WebFormDesk, tmp_path: Path) -> None:
        plain = self.at(desk.url, priorities="")
        for priority, kind in (("high", "petition"), ("low", "suggestion"), ("medium", "claim")):
            plain.submit(fresh(tmp_path, priority=priority, kind=kind), MemoryJournal(), quiet)
        told = [(held["prioridad"], held["tipo"]) for held in self.server.tickets[-3:]]
        assert told == [("1", "Solicitud de servicio"), ("3", "7"), ("2", "Incidencia")]

    @pytest.mark.parametrize(
        "list_of",
        [
            "Urgente=9, Alta=h, Media=m, Baja=l", "1. Critical=9, 2. High=h, 3. Normal=m, 4. Low=l, 5. Very Low=0",
            "Sehr hoch=9, Hoch=h, Mittel=m, Niedrig=l", "Très haute=9, Élevée=h, Moyenne=m, Faible=l",
            "Urgente=h, Normal=m, No urgente=l", "Alta / urgente=h, Média=m, Baixa=l", "Bassa=l, Media=m, Elevata=h",
            "Muy baja=l, Media-alta=9, Normal (media)=m, Crítico=h",
        ],
    )  # fmt: skip
    def test_a_list_of_priorities_is_understood_in_six_languages(self, list_of: str) -> None:
        options = [(value, words) for words, _, value in (each.strip().partition("=") for each in list_of.split(","))]
        assert priorities_in(options) == {"high": "h", "medium": "m", "low": "l"}

    def test_radio_buttons_are_a_list_whose_labels_lie_around_or_beside_them(self) -> None:
        page = """<form method="post"><label>Asunto <input name="a" required></label>
        <label>Detalle<textarea name="d">x</textarea></label><label>Correo <input type="email" name="m"></label>
        <fieldset><legend>Prioridad <b>*</b></legend>
        <label><input type="radio" name="p" value="3" required> Baja</label>
        <label><input type="radio" name="p" value="2" checked>Media</label><label>Alta <input type="radio" name="p"
        value="1"></label></fieldset><input type="radio" name="tipo" value="i" id="i"><label for="i">Incidencia</label>
        <input type="radio" name="tipo" value="q" id="q"><label for="q">Queja</label>
        <label>Sede <select name="s"><option value="7">Cali</option></select></label></form>"""
        (form,) = read_forms(page, "https://desk.example.org/")
        told = {each.name: (each.kind, each.words, each.value, each.required) for each in form.fields}
        assert told == {
            "a": ("text", "Asunto", "", True), "d": ("textarea", "Detalle", "x", False),
            "m": ("email", "Correo", "", False), "p": ("radio", "Prioridad *", "2", True),
            "tipo": ("radio", "", "", False), "s": ("select", "Sede", "7", False),
        }  # fmt: skip
        guessed = {"subject": "a", "description": "d", "mail": "m", "priority": "p", "kind": "tipo"}
        assert form.guess() == guessed
        rank, kind = form.find("p"), form.find("tipo")
        assert rank and kind
        assert priorities_in(rank.options) == {"high": "1", "medium": "2", "low": "3"}
        assert kinds_in(kind.options) == {"incident": "i", "complaint": "q"}

    def test_a_list_that_says_nothing_stays_as_the_form_has_it(self) -> None:
        assert priorities_in([("1", "Cali"), ("2", "Sin prioridad"), ("3", "")]) == {}
        assert kinds_in([("1", "Hardware"), ("2", "Problema o solicitud")]) == {}

    def test_a_long_subject_is_cut_to_what_the_form_takes(self, desk: WebFormDesk, tmp_path: Path) -> None:
        desk.submit(fresh(tmp_path, subject="x" * 150), MemoryJournal(), quiet)
        assert self.server.tickets[-1]["asunto"] == "x" * 119 + "…"

    def test_what_the_form_wants_is_named_before_anything_is_sent(self, desk: WebFormDesk, tmp_path: Path) -> None:
        self.server.needs_sede = True
        journal = MemoryJournal()
        with pytest.raises(FieldWanted, match="Sede") as caught:
            desk.submit(fresh(tmp_path), journal, quiet)
        desk.submit(fresh(tmp_path, fields={caught.value.name: "Cali"}), journal, quiet)
        assert self.server.tickets[-1]["sede"] == "Cali"

    def test_what_the_form_complains_of_is_told_in_its_words(self, desk: WebFormDesk, tmp_path: Path) -> None:
        self.server.complains, journal = True, MemoryJournal()
        with pytest.raises(Refused, match="El asunto no vale"):
            desk.submit(fresh(tmp_path), journal, quiet)
        self.server.complains = False
        desk.submit(fresh(tmp_path), journal, quiet)
        assert len(self.tickets(desk)) == 1

    def test_a_type_that_the_form_does_not_accept_goes_as_a_link(self, desk: WebFormDesk, tmp_path: Path) -> None:
        self.server.accept = ".png, image/*"
        film = attachment(tmp_path, "film.mp4", b"mp4", "video/mp4")
        with pytest.raises(FileRefused, match=r"film\.mp4"):
            desk.submit(fresh(tmp_path, attachments=(film,)), MemoryJournal(), quiet)
        desk.submit(fresh(tmp_path, attachments=fresh(tmp_path).attachments[:1]), MemoryJournal(), quiet)

    def test_a_form_that_wants_to_see_a_person_says_so(self, desk: WebFormDesk, tmp_path: Path) -> None:
        self.server.has_captcha = True
        for act in (desk.check, lambda: desk.submit(fresh(tmp_path), MemoryJournal(), quiet)):
            with pytest.raises(Refused, match="captcha"):
                act()

    def test_without_a_number_it_is_sent_and_unconfirmed(self, desk: WebFormDesk, tmp_path: Path) -> None:
        self.server.tells_number = False
        ticket = fresh(tmp_path)
        answer = self.at(desk.url, success="").submit(ticket, MemoryJournal(), quiet)
        assert (answer.id, answer.unconfirmed) == (ticket.report_id, True)
        with pytest.raises(OutcomeUnknown):
            self.at(desk.url, success="caso creado").submit(fresh(tmp_path), MemoryJournal(), quiet)

    def test_a_page_without_a_form_is_named(self, desk: WebFormDesk) -> None:
        with pytest.raises(InvalidField, match="no form"):
            self.at(f"{self.server.url}/soporte").check()

    def test_its_address_gives_it_away(self, desk: WebFormDesk) -> None:
        with Wire() as wire:
            assert WebFormDesk.recognise(Seen(wire, desk.url)) == {"url": desk.url}
        assert list(DESKS)[-1] == "webform"  # every other kind is asked first: many have a page with a form


class TestPublicForm:
    """django-helpdesk's own, with its usual list of file types."""

    @pytest.fixture
    def desk(self, django_helpdesk: HelpdeskServer) -> WebFormDesk:
        self.helpdesk = django_helpdesk
        return WebFormDesk(url=f"{django_helpdesk.url}/tickets/submit/")

    def test_its_address_is_recognised_as_a_form_that_wants_no_token(self, desk: WebFormDesk) -> None:
        found = Search(desk.url).run()
        assert (found.kind, found.values) == ("webform", {"url": desk.url.rstrip("/")})

    def test_a_ticket_arrives_with_its_number_and_address(self, desk: WebFormDesk, tmp_path: Path) -> None:
        desk.check()
        ticket = fresh(tmp_path, attachments=fresh(tmp_path).attachments[:1])
        answer = desk.submit(ticket, MemoryJournal(), quiet)
        found = self.helpdesk.tickets()[0]
        assert answer.id == f"soporte-{found['id']}"
        assert not answer.unconfirmed
        assert (found["title"], found["priority"]) == (ticket.subject, 2), (
            "its words tell which priority is the high one"
        )
        assert ticket.report_id in found["description"]
        (held,) = found["followup_set"][0]["followupattachment_set"]
        assert held["filename"] == "captura-1.png"
        with Wire() as wire:
            assert ticket.subject in wire.call("GET", answer.url).text()

    @pytest.mark.parametrize(
        ("names", "refused"), [(("film.mp4",), "film.mp4"), (("one.png", "two.png"), "two.png")]
    )  # fmt: skip
    def test_what_it_does_not_take_goes_as_a_link(
        self, desk: WebFormDesk, tmp_path: Path, names: tuple[str, ...], refused: str
    ) -> None:
        files, before = tuple(attachment(tmp_path, name, name.encode()) for name in names), len(self.helpdesk.tickets())
        journal = MemoryJournal()
        with pytest.raises(FileRefused) as caught:
            desk.submit(fresh(tmp_path, attachments=files), journal, quiet)
        assert caught.value.attachment == refused
        rest = tuple(file for file in files if file.name != refused)
        desk.submit(fresh(tmp_path, attachments=rest), journal, quiet)
        assert len(self.helpdesk.tickets()) == before + 1

    def test_an_address_that_it_does_not_take_is_told(self, desk: WebFormDesk, tmp_path: Path) -> None:
        with pytest.raises(Refused, match="refused it"):
            desk.submit(fresh(tmp_path, requester="x <a@b>", attachments=()), MemoryJournal(), quiet)
