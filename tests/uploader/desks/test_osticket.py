"""osTicket, a strict one of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.servers.fault_proxy import FaultProxy
from tests.servers.osticket import OsTicketServer
from tests.uploader.remote_suite import InOnePieceSuite, RemoteDeskSuite, fresh, the_person_decides
from uploader.desks.osticket import OsTicket
from uploader.errors import FileRefused, InvalidField, OutcomeUnknown, Refused
from uploader.journal import MemoryJournal
from uploader.plain_text import plain_text
from uploader.seen import Seen
from uploader.setting import Secret
from uploader.ticket import Desk, quiet
from uploader.wire import Wire


class TestOsTicket(RemoteDeskSuite, InOnePieceSuite):
    asks = True
    server: OsTicketServer

    @pytest.fixture
    def server_url(self) -> Iterator[str]:
        self.server = OsTicketServer()
        yield self.server.url
        self.server.stop()

    def at(self, url: str) -> OsTicket:
        return OsTicket(url=url, key=Secret("K1"))

    def every(self, desk: Desk) -> list[dict[str, Any]]:
        return [self._whole(held) for held in self.server.tickets]

    @staticmethod
    def _whole(held: dict[str, Any]) -> dict[str, Any]:
        text = plain_text(held["text"])  # as an agent sees it
        report = re.search(r"Testigo (\S+)", text)
        return {"id": held["number"], "report_id": report and report[1], "subject": held["subject"], "text": text,
                "files": held["files"]}  # fmt: skip

    def test_what_is_not_said_to_be_made_may_have_been(self, desk: OsTicket, tmp_path: Path) -> None:
        self.server.made = 200
        with pytest.raises(OutcomeUnknown):
            desk.submit(fresh(tmp_path), MemoryJournal(), quiet)

    def test_it_knows_who_asks_and_how_urgent_it_is(self, desk: OsTicket, tmp_path: Path) -> None:
        desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        (held,) = self.server.tickets
        assert (held["name"], held["email"], held["priorityId"]) == ("Lucía", "lucia@example.org", 3)

    def test_a_lost_answer_is_the_persons_to_decide(self, desk: OsTicket, proxy: FaultProxy, tmp_path: Path) -> None:
        the_person_decides(self.at(proxy.url), proxy, tmp_path, lambda: len(self.server.tickets))

    def test_through_a_relay_no_key_is_needed(self, server_url: str, tmp_path: Path) -> None:
        self.server.key = ""
        relayed = OsTicket(url=server_url)
        relayed.check()
        relayed.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert len(self.server.tickets) == 1
        assert all("x-api-key" not in asked.headers for asked in self.server.asked)

    def test_topic_and_fields_are_its_own_and_an_unknown_one_is_refused(self, desk: OsTicket, tmp_path: Path) -> None:
        own = replace(desk, topic="2", kinds="claim=5", fields="centro=42")
        own.submit(fresh(tmp_path), MemoryJournal(), quiet)
        replace(own, kinds="").submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert [(each["topicId"], each["centro"]) for each in self.server.tickets] == [(5, "42"), (2, "42")]
        with pytest.raises(Refused, match="Unexpected or invalid data"):
            replace(desk, fields="nada=1").submit(fresh(tmp_path), MemoryJournal(), quiet)

    def test_what_is_too_large_goes_as_a_link_and_so_does_all_where_files_are_off(
        self, desk: OsTicket, tmp_path: Path
    ) -> None:
        self.server.most_bytes = 100
        with pytest.raises(FileRefused) as caught:
            desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert caught.value.attachment == "captura-1.png"
        assert replace(desk, inside=False).limits.file_bytes == 0

    def test_without_a_mail_address_it_asks_for_one(self, desk: OsTicket, tmp_path: Path) -> None:
        with pytest.raises(InvalidField):
            desk.submit(fresh(tmp_path, requester="Lucía"), MemoryJournal(), quiet)

    @pytest.mark.parametrize(
        "page", ["/open.php", "/view.php?e=ana@example.org&t=7", "/tickets.php?id=7", "/scp/login.php", "/kb/index.php"]
    )
    def test_a_page_of_it_that_is_pasted_gives_it_away(self, server_url: str, page: str) -> None:
        with Wire() as wire:
            found = OsTicket.recognise(Seen(wire, f"{server_url}/soporte" + page))
        assert found is not None
        assert found["url"] == f"{server_url}/soporte"

    def test_its_address_gives_it_away(self, server_url: str) -> None:
        with Wire() as wire:
            assert OsTicket.recognise(Seen(wire, f"{server_url}/soporte")) == {"url": f"{server_url}/soporte"}
