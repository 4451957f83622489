"""Settings that a desk knows by number alone: a word there is told by the setting's name, and nothing is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.cloud import Cloud
from tests.servers.freshdesk import FreshdeskServer
from tests.servers.glpi import GlpiServer
from tests.servers.osticket import OsTicketServer
from tests.servers.zendesk import ZendeskServer
from tests.uploader.desks.test_freshdesk import KEY
from tests.uploader.remote_suite import fresh
from uploader.desks.freshdesk import Freshdesk
from uploader.desks.glpi import Glpi
from uploader.desks.osticket import OsTicket
from uploader.desks.zendesk import Zendesk
from uploader.errors import InvalidField
from uploader.journal import MemoryJournal
from uploader.setting import Secret
from uploader.ticket import Desk, quiet

PRIORITIES = "high=Urgent; medium=Normal; low=Minor"
SETTINGS: list[tuple[type[Cloud], Callable[..., Desk], str, str]] = [
    (FreshdeskServer, lambda **has: Freshdesk(key=Secret(KEY), **has), "priorities", PRIORITIES),
    (GlpiServer, lambda **has: Glpi(token=Secret("u-1"), **has), "priorities", PRIORITIES),
    (GlpiServer, lambda **has: Glpi(token=Secret("u-1"), **has), "kinds", "claim=Fault"),
    (GlpiServer, lambda **has: Glpi(token=Secret("u-1"), **has), "category", "Redes"),
    (OsTicketServer, lambda **has: OsTicket(key=Secret("K1"), **has), "priorities", PRIORITIES),
    (OsTicketServer, lambda **has: OsTicket(key=Secret("K1"), **has), "kinds", "claim=Fault"),
    (OsTicketServer, lambda **has: OsTicket(key=Secret("K1"), **has), "topic", "²"),
    (ZendeskServer, lambda **has: Zendesk(mode="anonymous", **has), "form", "Averías"),
]


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Any]:
    started = request.param()
    yield started
    started.stop()


@pytest.mark.parametrize(
    ("server", "make", "name", "value"),
    SETTINGS,
    indirect=["server"],
    ids=[f"{kind.__name__}-{name}" for kind, _, name, _ in SETTINGS],
)
def test_a_word_where_the_desk_wants_a_number_is_named(
    server: Any, make: Callable[..., Desk], name: str, value: str, tmp_path: Path
) -> None:
    desk = make(url=server.url, **{name: value})
    for act in (desk.check, lambda: desk.submit(fresh(tmp_path, attachments=()), MemoryJournal(), quiet)):
        with pytest.raises(InvalidField) as caught:
            act()
        assert caught.value.name == name
    assert not any(asked.method == "POST" and "icket" in asked.path for asked in server.asked)
