"""JSON calls to a desk: its address and login kept in one place, what it refuses sorted once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from uploader.errors import Intercepted, OutcomeUnknown, UploaderError
from uploader.plain_text import tidy
from uploader.wire import DONE, NO_DATA, Body, Reply, Wire, sort_out

MOST_TALK = 5000
"""Messages of one ticket that are read; no people write more."""
MOST_ANSWER_BYTES = 16 * 1024 * 1024
"""Of one answer: a list of tickets, or a reply of 5 MB as JSON."""


@dataclass(frozen=True, slots=True)
class Rest:
    """``url`` is what all paths stand below; ``login`` are headers; ``wrong`` corrects the service's oddities."""

    wire: Wire
    url: str
    login: Mapping[str, str] = field(default_factory=dict, repr=False)
    wrong: Callable[[Reply], UploaderError] = sort_out

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        content: object = None,
        body: bytes | Body = b"",
        headers: Mapping[str, str] | None = None,
        ok: Collection[int] = DONE,
        most_bytes: int = MOST_ANSWER_BYTES,
        harmless: bool = False,
    ) -> Reply:
        """The answer, when its status is in ``ok``. ``content`` goes as JSON, ``query`` is escaped; ``harmless`` is
        what changes nothing that a person sees, whatever its method.

        Raises: UploaderError.
        """
        sent = {"Accept": "application/json", **self.login, **(headers or {})}
        if content is not None:
            sent["Content-Type"], body = "application/json", json.dumps(content, ensure_ascii=False).encode()
        address = f"{self.url.rstrip('/')}/{path.lstrip('/')}" if path else self.url
        if query:
            address += ("&" if "?" in address else "?") + urlencode(query, quote_via=quote)
        reply = self.wire.call(method, address, headers=sent, body=body, ok=range(200, 600), most_bytes=most_bytes)
        if reply.status not in ok:
            error = self.wrong(reply)
            if isinstance(error, Intercepted) and not (harmless or method in ("GET", "HEAD")):
                raise OutcomeUnknown(NO_DATA, host=reply.host)  # it may have been done before it led elsewhere
            raise error
        return reply

    def read(self, method: str, path: str, *, inside: str = "", **more: Any) -> dict[str, Any]:
        """The JSON object that a harmless request is answered, or the one under ``inside`` of it. Raises: as ``call``;
        Intercepted when it is something else."""
        reply = self.call(method, path, harmless=True, **more)
        found = reply.json()
        if inside and isinstance(found, dict):
            found = found.get(inside)
        if not isinstance(found, dict):
            raise Intercepted(NO_DATA, host=reply.host)
        return found

    def list(self, method: str, path: str, **more: Any) -> list[Any]:
        """The JSON list that a harmless request is answered. Raises: as ``read``."""
        reply = self.call(method, path, harmless=True, **more)
        found = reply.json()
        if not isinstance(found, list):
            raise Intercepted(NO_DATA, host=reply.host)
        return found

    def change(self, method: str, path: str, **more: Any) -> None:
        """A request whose answer says nothing of use. Raises: as ``call``; OutcomeUnknown when somebody else answered:
        a login page instead of nothing or JSON."""
        reply = self.call(method, path, **more)
        if reply.body.strip():
            try:
                json.loads(reply.body)
            except (ValueError, RecursionError):
                raise OutcomeUnknown(NO_DATA, host=reply.host) from None

    def create(self, path: str, **more: Any) -> dict[str, Any]:
        """What a request that makes something is answered. Raises: as ``read``, but OutcomeUnknown for what is no
        data: the service may have done it all the same."""
        method = more.pop("method", "POST")
        reply = self.call(method, path, **more)
        try:
            found = json.loads(reply.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise OutcomeUnknown(NO_DATA, host=reply.host)
        return found


def paged(read: Callable[[int], Sequence[Any]], size: int, most: int) -> Iterator[dict[str, Any]]:
    """The objects of a list in pages of ``size``, from page 1 on, read as they are wanted; ``most`` at most. One that
    is the page before once more ends it: who answers does not turn pages."""
    found: Sequence[Any] = ()
    for page in range(1, most // size + 1):
        before, found = found, read(page)
        if found == before:
            return
        yield from (item for item in found if isinstance(item, dict))
        if len(found) < size:
            return


def said(reply: Reply, *keys: str) -> str:
    """The service's own words under one of ``keys`` in a refusal, in one short line; empty when it has none."""
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        return ""
    if isinstance(found, list) and found:
        found = found[0] if isinstance(found[0], dict) else {"": " ".join(map(str, found))}
    if not isinstance(found, dict):
        return ""
    for key in (*keys, ""):
        value = found.get(key)
        if isinstance(value, list):
            value = " ".join(str(each) for each in value)
        if isinstance(value, str) and value.strip():
            return " ".join(tidy(value).split())[:200]
    return ""


def text_in(found: Mapping[str, Any], *keys: str) -> str:
    """The value under a path of keys as text; empty when there is none."""
    value: Any = found
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return "" if value is None or isinstance(value, dict | list) else str(value)


def size_in(found: Mapping[str, Any], *keys: str) -> int | None:
    """The number of bytes under a path of keys; None for what is none: nobody breaks off for a size."""
    told = text_in(found, *keys)
    return int(told) if re.fullmatch("[0-9]{1,15}", told) else None


def objects_in(found: Mapping[str, Any], *keys: str) -> list[dict[str, Any]]:
    """The objects of the list under a path of keys; none when there is no list."""
    value: Any = found
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def time_in(text: str | None) -> datetime | None:
    """A moment as services write it (RFC 3339 and its cousins), in UTC; None for what is none, or "never"."""
    try:
        found = datetime.fromisoformat(str(text).strip().replace(" ", "T", 1))
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):  # the second for an hour outside the years that there are
        return None
    return found if found.year > 1971 else None


def moment(text: str | None) -> datetime:
    """The same for what must have one: unknown is the beginning of time."""
    return time_in(text) or datetime(1970, 1, 1, tzinfo=UTC)
