"""One upload of a definition: what is sent, and what the answer means. Draws of chance depend on a seed alone, so a
repeated request is the same one."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from uploader.sxcu import address
from uploader.sxcu.codes import Moment, expand
from uploader.sxcu.definition import Definition, Pairs
from uploader.sxcu.fault import SxcuFault
from uploader.sxcu.template import Scene

if TYPE_CHECKING:
    from uploader.wire import Reply

_OURS = frozenset({
    "content-length", "transfer-encoding", "connection", "host", "expect", "te", "upgrade", "trailer",
    "accept-encoding", "proxy-authorization", "keep-alive",
})  # fmt: skip
"""Headers that the wire alone sets: a file that could would confuse a proxy, or reach another server behind it."""
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BARE = re.compile(r"[\w-]+(\.[\w-]+)+(:\d+)?/\S+")


@dataclass(frozen=True, slots=True)
class Chance:
    """Draws that look random to everybody without the seed, and come out the same each time with it."""

    seed: str

    def stream(self, place: str) -> Callable[[int], int]:
        """A function that draws one of n; another one for each place."""
        drawn = 0

        def pick(n: int) -> int:
            nonlocal drawn
            drawn += 1
            words = f"{self.seed}\0{place}\0{drawn}".encode()
            return int.from_bytes(hashlib.sha256(words).digest(), "big") % n

        return pick


@dataclass(frozen=True, slots=True)
class Request:
    """What goes over the wire, but for the file itself."""

    method: str
    url: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    arguments: Pairs = field(default=(), repr=False)


def make_request(definition: Definition, filename: str, chance: Chance, at: datetime) -> Request:
    """Raises: SxcuFault."""

    def words(place: str, text: str) -> str:
        text = expand(text, Moment(at, chance.stream("codes " + place)))
        return Scene(filename, chance.stream(place)).evaluate(text)

    raw = Scene(filename, chance.stream("RequestURL"), encoded=True).evaluate(definition.request_url)
    url, headers = address.normal(raw), dict[str, str]()
    query = [quote(name, safe="") + "=" + quote(value, safe="") if value else quote(name, safe="")
             for name, value in ((k, words(f"Parameters.{k}", v)) for k, v in definition.parameters)]  # fmt: skip
    if query:
        url += ("&" if "?" in url else "?") + "&".join(query)
    for name, text in definition.headers:
        if not _HEADER.fullmatch(name):
            raise SxcuFault("“{name}” cannot be the name of a header", name=name[:40])
        if name.lower() not in _OURS:
            value = words(f"Headers.{name}", text).strip()
            if any(ord(c) < 32 or ord(c) == 127 for c in value):
                raise SxcuFault("the header “{name}” of the uploader holds a line break", name=name[:40])
            headers[name] = value.encode().decode("latin-1")
    credentials = _credentials(raw)
    if credentials and "authorization" not in {name.lower() for name in headers}:
        headers["Authorization"] = credentials
    arguments = tuple((name, words(f"Arguments.{name}", text)) for name, text in definition.arguments)
    return Request(definition.method, url, headers, arguments)


def _credentials(url: str) -> str:
    """What a user's name and password within an address become; empty without them."""
    parts = urlsplit(url if "://" in url else "https://" + url)
    if not parts.username:
        return ""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + b64encode(pair.encode()).decode()


class Answered:
    """An answer as the functions of a template ask for it."""

    def __init__(self, reply: Reply) -> None:
        self._headers = reply.headers
        self.url = reply.url
        self.text = reply.text().removeprefix("\ufeff")

    def header(self, name: str) -> str:
        return self._headers.get(name.strip().lower(), "")

    def json(self, text: str, path: str) -> str:
        from uploader.sxcu.jsonpath import select

        return select(self._own_json if text is self.text else _read(text), path)

    def xml(self, text: str, path: str) -> str:
        from uploader.sxcu.xpath import select

        return select(text, path)

    def regex(self, text: str, pattern: str, group: str) -> str:
        from uploader.sxcu.regexes import find

        return find(text, pattern, group)

    @cached_property
    def _own_json(self) -> Any:
        return _read(self.text)


def _read(text: str) -> Any:
    from uploader.sxcu.lenient import NotJson, read_lenient

    try:
        return read_lenient(text)
    except NotJson as error:
        raise SxcuFault("the answer is not the JSON that the uploader expects") from error


@dataclass(frozen=True, slots=True)
class Result:
    """Where the file is, and the address that deletes it (empty: none that is safe to keep)."""

    url: str = field(repr=False)
    deletion_url: str = field(default="", repr=False)


def read_result(definition: Definition, reply: Reply, filename: str, chance: Chance) -> Result:
    """What a good answer says. Raises: SxcuFault when it holds no web address."""
    answer = Answered(reply)

    def words(place: str, text: str) -> str:
        return Scene(filename, chance.stream(place), answer=answer, encoded=True).evaluate(text).strip()

    url = words("URL", definition.url) if definition.url else answer.text.strip()
    link = _link(url, reply)
    deletion = ""
    if definition.deletion_url:
        try:
            deletion = _link(words("DeletionURL", definition.deletion_url), reply)
            if address.host_of(deletion) not in (reply.host, address.host_of(link)):
                deletion = ""
        except SxcuFault:
            pass  # the file is there all the same
    return Result(link, deletion)


def _link(text: str, reply: Reply) -> str:
    """The web address in ``text``; one without a scheme gets one. Raises: SxcuFault."""
    text = text.replace("\\/", "/")
    if text.startswith("//"):
        text = urlsplit(reply.url).scheme + ":" + text
    elif "://" not in text[:10] and _BARE.fullmatch(text):
        text = "https://" + text
    if len(text) > 8192 or len(text.split()) != 1:
        raise SxcuFault("the answer of {host} holds no web address where the uploader looks for one", host=reply.host)
    try:
        if urlsplit(text).username:
            raise ValueError
        address.split(text)
        return address.normal(text) + ("#" + fragment if (fragment := urlsplit(text).fragment) else "")
    except (SxcuFault, ValueError) as error:
        raise SxcuFault(
            "the answer of {host} holds no web address where the uploader looks for one", host=reply.host
        ) from error


def read_error(definition: Definition, reply: Reply, filename: str, chance: Chance) -> str:
    """What a bad answer says, for people, in one short line; empty when it says nothing."""
    if not definition.error_message:
        return ""
    try:
        scene = Scene(filename, chance.stream("ErrorMessage"), answer=Answered(reply), encoded=True)
        said = scene.evaluate(definition.error_message)
    except SxcuFault:
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in said).split())[:200]
