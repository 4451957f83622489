"""The only HTTP. Streams bodies, trusts what the system trusts, goes by the system's proxy, sorts answers into errors.

It refuses to follow a redirect by itself, to hand credentials to another host, to read an answer without end, and to
name more of an address than its host: paths and queries of upload sessions and presigned links are secrets.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import socket
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from uploader.connections import BLOCK_BYTES, Forbidden, joined, open_pools, why_lost
from uploader.errors import (
    AuthFailed,
    Barred,
    Gone,
    Intercepted,
    NoSpace,
    OutcomeUnknown,
    Refused,
    Temporary,
    TooLarge,
    UploaderError,
)
from uploader.proxy import pass_over, proxy_for

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

CONNECT_S = 15.0
STALL_S = 60.0
"""No byte either way for so long is a stall."""
MOST_BYTES = 1024 * 1024  # of an answer, unless the caller wants more
MOST_WAIT_S = 24 * 3600.0  # a service that asks to wait longer is asked again after a day
AGENT = "Testigo"
DONE = range(200, 300)
TOO_MUCH = "{host} answers with more than it should; check the address"
NO_DATA = "{host} answered with something else than data: perhaps this network wants you to sign in first"
_CREDENTIALS = {"authorization", "cookie", "proxy-authorization", "x-api-key", "x-auth-token"}


class Body(Protocol):
    """What a request carries: read from its beginning on every try."""

    @property
    def size_bytes(self) -> int: ...
    def blocks(self) -> Iterator[bytes | memoryview]: ...


@dataclass(frozen=True, slots=True)
class Reply:
    """What a service answered. ``headers`` are asked in lower case. ``url`` is where it came from, after redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    url: str = field(repr=False)

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Raises: Intercepted when it is no JSON (a login page, a captive portal, a proxy's own words)."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Intercepted(NO_DATA, host=self.host) from error


class Wire:
    """Connections to services, kept open between calls. Every method may be called from any thread.

    ``private`` False refuses loopback, private and link-local addresses (cloud metadata), also behind redirects
    and names that resolve to them: for addresses that came from a stranger's file.
    """

    def __init__(self, *, private: bool = True, stall_s: float = STALL_S) -> None:
        self._private, self._stall_s = private, stall_s
        self._pools: dict[str, PoolManager] = {}
        self._sockets: set[socket.socket] = set()
        self._guard = threading.Lock()
        self.is_cut = False

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Body = b"",
        ok: Collection[int] = DONE,
        follow: int = 0,
        most_bytes: int = MOST_BYTES,
        answer_s: float | None = None,
    ) -> Reply:
        """The answer, when its status is in ``ok``.

        ``follow`` redirects are followed: with GET and without body, except 307 and 308; without credentials to
        another host; never from https to http. ``answer_s`` is the patience for the answer once all is sent.
        Raises: UploaderError by status (see ``sort_out``); Unreachable; OutcomeUnknown when the request went out
        and the answer got lost; whatever ``body`` raises.
        """
        sent = {"User-Agent": AGENT, "Accept-Encoding": "identity", **(headers or {})}
        for value in (url, *sent.values()):
            if any(ord(c) < 32 or ord(c) == 127 for c in value):
                raise Refused("an address or header holds a line break; correct it in the settings")
        while True:
            reply = self._once(method, url, sent, body, most_bytes, answer_s)
            if not (follow and _leads_on(reply)):
                break
            follow -= 1
            url, sent = _next_hop(reply, url, sent)
            if reply.status not in (307, 308) and method != "HEAD":
                method, body = "GET", b""
                sent = {k: v for k, v in sent.items() if not k.lower().startswith("content-")}
        if reply.status not in ok:
            raise sort_out(reply)
        return reply

    def length(self, url: str, headers: Mapping[str, str] | None = None) -> int | None:
        """How many bytes a reader of ``url`` would get, asking for one of them; None when the server does not say.

        Raises: as ``call``. Redirects are followed.
        """
        asked = {"Range": "bytes=0-0", **(headers or {})}
        reply = self.call("GET", url, headers=asked, ok=(200, 206, 416), follow=5, most_bytes=0)
        span = reply.headers.get("content-range", "")
        total = span.rpartition("/")[2] or (reply.headers.get("content-length", "") if reply.status == 200 else "")
        return int(total) if total.isdecimal() else None

    @contextlib.contextmanager
    def stream(
        self, url: str, headers: Mapping[str, str] | None = None, *, follow: int = 0
    ) -> Iterator[tuple[Reply, Iterator[bytes]]]:
        """Opens ``url`` for reading: the answer's head, and its body block by block. Otherwise as ``call``."""
        sent = {"User-Agent": AGENT, **(headers or {})}
        reply, answer = self._open("GET", url, sent, b"", None)
        try:
            while follow and _leads_on(reply):
                follow -= 1
                url, sent = _next_hop(reply, url, sent)
                answer.close()
                reply, answer = self._open("GET", url, sent, b"", None)
            if reply.status not in (200, 206):
                raise sort_out(reply)
            yield reply, _sorted_blocks(answer, reply.host)
        finally:
            answer.close()

    def save(
        self,
        url: str,
        target: Path,
        progress: Callable[[int, int], None],
        headers: Mapping[str, str] | None = None,
        *,
        follow: int = 0,
    ) -> None:
        """Reads ``url`` into a new file. ``progress`` is told the bytes so far, and all of them as far as known."""
        with self.stream(url, headers, follow=follow) as (head, blocks), target.open("xb") as out:
            told = head.headers.get("content-length", "")
            total = int(told) if told.isdecimal() else 0
            for block in blocks:
                out.write(block)
                progress(out.tell(), max(total, out.tell()))

    def adopt(self, line: socket.socket, *, direct: bool = True) -> None:
        """Takes in a connection that speaks something else: it must be admitted, and ``cut`` and ``close`` end it.

        Raises: Forbidden.
        """
        self._admit(line, direct=direct)

    def cut(self) -> None:
        """Ends everything that runs, from another thread, at once; calls that follow are refused."""
        with self._guard:
            self.is_cut = True
            self._shut_down()

    def close(self) -> None:
        with self._guard:
            for pool in self._pools.values():
                pool.clear()
            self._shut_down()
            self._sockets.clear()

    def _shut_down(self) -> None:
        for line in self._sockets:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(line, socket.SHUT_RDWR)

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | Body, most: int, answer_s: float | None
    ) -> Reply:
        reply, answer = self._open(method, url, headers, body, answer_s)
        try:
            if most == 0 and method != "HEAD":
                answer.close()
                return reply
            content = bytearray()
            for block in _sorted_blocks(answer, reply.host):
                content += block
                if len(content) > most:
                    answer.close()
                    if reply.status < 400:  # of a refusal the beginning is enough
                        unsure = OutcomeUnknown if method not in ("GET", "HEAD") else Refused
                        raise unsure(TOO_MUCH, host=reply.host)
                    break
        except BaseException:
            answer.close()
            raise
        answer.release_conn()
        return Reply(reply.status, reply.headers, bytes(content[:most]), reply.url)

    def _open(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | Body, answer_s: float | None
    ) -> tuple[Reply, BaseHTTPResponse]:
        import urllib3
        from urllib3.exceptions import HTTPError

        host = urlsplit(url).hostname or ""
        if urlsplit(url).scheme not in ("http", "https") or not host:
            raise Refused("“{host}” is no web address; it begins with https://", host=host or url[:20])
        sent, answer = dict(headers), None
        while answer is None:
            flow, proxy = _Flow(body), proxy_for(url)
            if method in ("POST", "PUT", "PATCH") or flow.size_bytes:
                sent["Content-Length"] = str(flow.size_bytes)
            patience = urllib3.Timeout(connect=CONNECT_S, read=answer_s or self._stall_s)
            try:
                answer = self._pool(proxy).request(
                    method, url, headers=sent, body=flow.blocks() if flow.size_bytes else None,  # type: ignore[arg-type]  # any buffer goes
                    preload_content=False, redirect=False, retries=False, timeout=patience, chunked=False,
                )  # fmt: skip
            except (HTTPError, OSError) as error:
                lost = why_lost(error, host, all_out=flow.ended, some=flow.size_bytes > 0)
                if not isinstance(lost, Barred) or flow.begun or not pass_over(url, proxy):
                    raise lost from error
        found = {name.lower(): value for name, value in answer.headers.items()}
        if "set-cookie" in found:
            found["set-cookie"] = "\n".join(answer.headers.getlist("set-cookie"))  # the one that may not be joined
        return Reply(answer.status, found, b"", url), answer

    def _pool(self, proxy: str) -> PoolManager:
        with self._guard:
            if self.is_cut:
                raise Temporary("stopped")
            if proxy not in self._pools:
                self._pools[proxy] = open_pools(proxy, partial(self._admit, direct=not proxy), self._stall_s)
            return self._pools[proxy]

    def _admit(self, line: socket.socket, *, direct: bool) -> None:
        """Called with every new connection before a byte is sent; a proxy may be a private one. Raises: Forbidden."""
        if direct and not self._private and not ipaddress.ip_address(line.getpeername()[0].partition("%")[0]).is_global:
            line.close()
            raise Forbidden("a private address")
        line.settimeout(self._stall_s)
        with self._guard:
            self._sockets = {s for s in self._sockets if s.fileno() >= 0}
            self._sockets.add(line)
            if self.is_cut:
                socket.socket.shutdown(line, socket.SHUT_RDWR)


class _Flow:
    """A body on its way; ``begun`` once its first byte was asked for, ``ended`` once its last one was handed over."""

    def __init__(self, body: bytes | Body) -> None:
        self._body = body
        self.size_bytes = len(body) if isinstance(body, bytes) else body.size_bytes
        self.ended, self.begun = self.size_bytes == 0, False

    def blocks(self) -> Iterator[bytes | memoryview]:
        self.begun = True
        if isinstance(self._body, bytes):
            view = memoryview(self._body)
            for at in range(0, len(view), BLOCK_BYTES):
                yield view[at : at + BLOCK_BYTES]
        else:
            yield from self._body.blocks()
        self.ended = True


def _leads_on(reply: Reply) -> bool:
    return reply.status in (301, 302, 303, 307, 308) and bool(reply.headers.get("location"))


def _next_hop(reply: Reply, url: str, sent: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Where the answer of ``url`` leads, and what of the headers may go there. Raises: Refused."""
    target, old = joined(url, reply.headers["location"]), urlsplit(url)
    new = urlsplit(target)
    if new.scheme != "https" and (old.scheme == "https" or new.scheme != "http"):
        raise Refused("{host} leads on to an address that is not safe; it was not followed", host=reply.host)
    same = (old.scheme, old.hostname, old.port) == (new.scheme, new.hostname, new.port)
    return target, {k: v for k, v in sent.items() if same or k.lower() not in _CREDENTIALS}


def sort_out(reply: Reply) -> UploaderError:
    """What an unwanted status means for the person; adapters correct their service's oddities before."""
    host, status = reply.host, str(reply.status)
    if reply.status in (408, 423, 425, 429) or (reply.status >= 500 and reply.status not in (501, 505, 507)):
        return Temporary("{host} is busy or out of order ({status})", retry_after_s=wanted_wait_s(reply),
                         host=host, status=status)  # fmt: skip
    if reply.status == 401:
        return AuthFailed("{host} does not accept the password or token", host=host)
    if reply.status == 407:
        return Barred("the proxy on the way to {host} does not let us through", host=host)
    if reply.status == 403:
        return Refused("{host} does not allow it ({status}); the account may lack a right", host=host, status=status)
    if reply.status in (404, 410):
        return Gone("{host} does not know it, or no longer ({status})", host=host, status=status)
    if reply.status == 413:
        return TooLarge("{host} does not take a file of this size", host=host)
    if reply.status == 507:
        return NoSpace("there is no space left at {host}", host=host)
    if 300 <= reply.status < 400 and _leads_elsewhere(reply):
        return Intercepted(NO_DATA, host=host)
    if 300 <= reply.status < 400:
        return Refused("{host} leads to another page, perhaps a login; check the address", host=host)
    return Refused("{host} refused it ({status})", host=host, status=status)


def _leads_elsewhere(reply: Reply) -> bool:
    """To another server, as networks do whose users have not signed in; to https of the same one is a wrong address."""
    here, there = urlsplit(reply.url), urlsplit(joined(reply.url, reply.headers.get("location", "")))
    return here.hostname != there.hostname or (here.scheme == there.scheme and here.netloc != there.netloc)


def wanted_wait_s(reply: Reply) -> float | None:
    """What ``Retry-After`` asks for, in seconds or as a date, at most a day. Who says "at once" wishes nothing: asked
    again without a pause, it would say so for ever. Source: RFC 9110, 10.2.3."""
    value = reply.headers.get("retry-after", "").strip()
    wanted_s = 0.0
    if value.isdecimal():
        wanted_s = float(value[:9])
    else:
        with contextlib.suppress(ValueError, TypeError, OverflowError):
            asked = parsedate_to_datetime(value)
            wanted_s = (asked - parsedate_to_datetime(reply.headers.get("date", ""))).total_seconds()
    return min(wanted_s, MOST_WAIT_S) if wanted_s > 0 else None


def _sorted_blocks(answer: BaseHTTPResponse, host: str) -> Iterator[bytes]:
    from urllib3.exceptions import HTTPError

    try:
        yield from answer.stream(BLOCK_BYTES, decode_content=True)
    except (HTTPError, OSError) as error:
        raise OutcomeUnknown("the answer of {host} got lost", host=host) from error
