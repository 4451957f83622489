"""Freshdesk, a strict one of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.servers.freshdesk import KEY, MAIL, USER, FreshdeskServer, Ticket
from tests.uploader.many_suite import LongTalkSuite, ManySuite
from tests.uploader.remote_suite import ByAddressSuite, InboxSuite, InOnePieceSuite, RemoteDeskSuite, fresh
from uploader.desks.freshdesk import Freshdesk
from uploader.errors import FieldWanted, Gone, Refused
from uploader.journal import MemoryJournal
from uploader.plain_text import plain_text
from uploader.seen import Seen
from uploader.setting import Secret
from uploader.ticket import Desk, quiet
from uploader.wire import Wire


class TestFreshdesk(RemoteDeskSuite, InOnePieceSuite, InboxSuite, ByAddressSuite, ManySuite, LongTalkSuite):
    @pytest.fixture
    def server_url(self) -> Iterator[str]:
        self.server = FreshdeskServer()
        yield self.server.url
        self.server.stop()

    def at(self, url: str, **changes: Any) -> Freshdesk:
        return Freshdesk(url=url, **{"key": Secret(KEY), "mail": MAIL, **changes})

    def every(self, desk: Desk) -> list[dict[str, Any]]:
        return [self._whole(ticket) for ticket in self.server.held.values()]

    def _whole(self, ticket: Any) -> dict[str, Any]:
        text = plain_text(ticket.values["description"])  # as an agent sees it
        report = re.search(r"Testigo (\S+)", text)
        files = [(self.server.files[n][0], self.server.files[n][2]) for n in ticket.files]
        return {"id": str(ticket.id), "report_id": report and report[1], "subject": ticket.values["subject"],
                "text": text, "files": files}  # fmt: skip

    def agent_replies(self, key: str, html: str, files: list[tuple[str, bytes]]) -> None:
        self.server.agent_replies(int(key), html, files)

    def agent_solves(self, key: str) -> None:
        self.server.agent_solves(int(key))

    best_rating = 103

    def ratings(self, key: str) -> list[tuple[object, str]]:
        return [(r["ratings"]["default_question"], r["feedback"]) for r in self.server.held[int(key)].ratings]

    def count_replies(self, key: str) -> int:
        return len(self.server.held[int(key)].talk)

    def filed(self, *, mine: bool = True) -> str:
        self.server.contacts.setdefault(MAIL, USER)
        values = {"subject": "Caso", "description": "x", "email": MAIL, "priority": 2}
        number = 1 + len(self.server.held)
        self.server.held[number] = Ticket(number, values)
        return str(number)

    def test_through_a_relay_no_key_leaves_this_computer(self, desk: Freshdesk, tmp_path: Path) -> None:
        self.server.relayed = True
        relayed = replace(desk, key=Secret(""))
        relayed.check()
        ref = relayed.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert relayed.conversation(ref.id).ticket.id == ref.id
        assert "authorization" not in self.server.asked[-1].headers

    def test_a_required_field_is_named_and_once_given_it_goes(self, desk: Freshdesk, tmp_path: Path) -> None:
        self.server.required["cf_activo"] = "Activo"
        with pytest.raises(FieldWanted) as caught:
            desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert caught.value.name == "Activo"
        ref = replace(desk, fields="Activo=PC-42").submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert self.server.held[int(ref.id)].values["custom_fields"] == {"cf_activo": "PC-42", "cf_centro": "42"}

    @pytest.mark.parametrize(("ours", "theirs"), [("high", 3), ("medium", 2), ("low", 1)])
    def test_priorities_are_its_own(self, desk: Freshdesk, tmp_path: Path, ours: str, theirs: int) -> None:
        ref = desk.submit(fresh(tmp_path, attachments=(), priority=ours), MemoryJournal(), quiet)
        assert self.server.held[int(ref.id)].values["priority"] == theirs

    def test_a_private_note_of_the_agents_is_never_shown(self, desk: Freshdesk, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        self.server.add(self.server.held[int(ref.id)], 900, "<p>el cliente exagera</p>", [], private=True)
        self.agent_replies(ref.id, "<p>hola</p>", [])
        assert [reply.text for reply in desk.conversation(ref.id).replies[1:]] == ["hola"]

    @pytest.mark.parametrize("act", ["conversation", "solve", "reopen", "rate", "reply"])
    def test_an_agents_key_reads_everything_and_shows_only_ones_own(
        self, desk: Freshdesk, tmp_path: Path, act: str
    ) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        other = replace(desk, mail="otra@example.org")
        assert other.news("").tickets == ()
        acts = {
            "rate": lambda: other.rate(ref.id, 5, ""),
            "reply": lambda: other.reply(fresh(tmp_path, reply_to=ref.id), MemoryJournal(), quiet),
        }
        with pytest.raises(Gone):
            acts.get(act, lambda: getattr(other, act)(ref.id))()

    def test_without_an_address_answers_come_by_mail(self, desk: Freshdesk, tmp_path: Path) -> None:
        bare = replace(desk, mail="")
        ref = bare.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert self.server.held[int(ref.id)].values["email"] == "lucia@example.org"
        assert bare.news("").tickets == ()
        with pytest.raises(Refused, match="by e-mail"):
            bare.conversation(ref.id)

    def test_what_the_desk_promises_is_shown(self, desk: Freshdesk, tmp_path: Path) -> None:
        desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        (mine,) = desk.news("").tickets
        assert mine.first_answer_due_at is not None
        assert mine.due_at is not None
        assert mine.first_answer_due_at < mine.due_at

    def test_stars_become_its_own_scale_once(self, desk: Freshdesk, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        desk.rate(ref.id, 1, "no")
        desk.rate(ref.id, 1, "no")
        assert self.server.held[int(ref.id)].ratings == [{"feedback": "no", "ratings": {"default_question": -103}}]

    def test_articles_are_found_by_their_words(self, desk: Freshdesk) -> None:
        (found,) = desk.articles("la impresora falla", "es")
        assert (found.title, found.excerpt) == ("La impresora no imprime", "Reinicia la cola")
        assert desk.articles("xyzzy", "es") == ()

    def test_its_address_gives_it_away(self, server_url: str) -> None:
        with Wire() as wire:
            assert Freshdesk.recognise(Seen(wire, server_url + "/support")) == {"url": server_url}
