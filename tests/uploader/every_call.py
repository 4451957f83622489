"""One of every call that a desk with a way back makes, for a referee who reads what went over the wire."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.servers.cloud import Asked
from tests.servers.openapi import call_of
from tests.uploader.remote_suite import fresh
from uploader.inbox import Inbox
from uploader.journal import MemoryJournal
from uploader.ticket import Desk, quiet


class Readable(Protocol):
    """What the tests of such a desk have."""

    def agent_replies(self, key: str, html: str, files: list[tuple[str, bytes]]) -> None: ...


def make_every_call(desk: Desk, test: Readable, chosen: str, folder: Path) -> None:
    """Also those after a lost answer. ``chosen`` is a setting that the desk has a list for."""
    assert isinstance(desk, Inbox)
    desk.check()
    desk.choices(chosen)
    key = desk.submit(fresh(folder), MemoryJournal(), quiet).key
    forgetful = MemoryJournal()
    for lost in ("create", "reply"):
        with pytest.raises(RuntimeError):
            forgetful.once(lost, _dies, lambda: None)
    desk.submit(fresh(folder), forgetful, quiet)
    desk.reply(fresh(folder, reply_to=key), forgetful, quiet)
    test.agent_replies(key, "mira", [("nota.txt", b"hola")])
    desk.news(desk.news("").mark)
    file = desk.conversation(key).replies[-1].files[-1]
    desk.fetch(file, folder / "fetched", quiet)
    desk.solve(key)
    desk.reopen(key)


def calls_among(asked: list[Asked], below: str = "", *, least: int) -> list[dict[str, Any]]:
    """Those below an address, as ``judge`` wants them; so many or more differ in more than numbers and keys."""
    calls = [call_of(one, below) for one in asked if one.raw.startswith(below)]
    alike: Callable[[str], str] = lambda path: re.sub(r"\d+|[0-9a-f]{32}", "1", path)  # noqa: E731
    assert len({(call["method"], alike(call["path"])) for call in calls}) >= least
    return calls


def _dies() -> str:
    raise RuntimeError
