"""One plain HTTP request to a server of the tests: no proxy of the environment, no library of ours."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import Message
from typing import NamedTuple

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Reply(NamedTuple):
    status: int
    body: bytes
    headers: Message


def ask(method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Reply:
    """The reply, whatever its status."""
    fields = {"Content-Type": "application/octet-stream", **(headers or {})}
    try:
        with _OPENER.open(urllib.request.Request(url, body, fields, method=method), timeout=60) as reply:
            return Reply(reply.status, reply.read(), reply.headers)
    except urllib.error.HTTPError as refused:
        with refused:
            return Reply(refused.code, refused.read(), refused.headers)
