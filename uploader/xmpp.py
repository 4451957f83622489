"""A chat account for as long as one call needs it: a session in a thread and loop of its own, asked from outside.

Nobody is told that we are there (no presence), so that messages for the user's own chat program do not end here; what
was said is read from the account's archive. Source: RFC 6120 and 6121 (2011); XEP-0313, archive; XEP-0363, HTTP upload;
XEP-0066, address of a file; XEP-0184, receipts; XEP-0199, ping.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import socket
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from typing import Any, TypeVar
from xml.etree import ElementTree as ET

from uploader import connections
from uploader.dialling import no_encryption
from uploader.errors import (
    AuthFailed,
    NameUnknown,
    OutcomeUnknown,
    Refused,
    Temporary,
    Unreachable,
    Untrusted,
    UploaderError,
)
from uploader.rest import moment
from uploader.tunnel import reach, way_by

CLIENT, MAM, RSM, UPLOAD = (
    "{jabber:client}",
    "{urn:xmpp:mam:2}",
    "{http://jabber.org/protocol/rsm}",
    "urn:xmpp:http:upload:0",
)
DISCO = "http://jabber.org/protocol/disco"
DATA = "{jabber:x:data}"
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
MOST_CHARACTERS = 200_000
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Line:
    """One message of an archive. ``id`` is its sender's, ``key`` the archive's. ``url``: it says where a file is.

    What says nothing to a person, as a receipt, has neither text nor ``url``, and what came back as an error no ``id``.
    """

    key: str
    id: str
    at: datetime
    mine: bool
    author: str
    text: str
    thread: str
    url: str


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a file goes, with what heads, and where it is then."""

    put: str
    headers: Mapping[str, str]
    get: str


class Chat:
    """Signed in when it is made. Every method blocks, and may raise UploaderError."""

    def __init__(self, jid: str, password: str, host: str, port: int, *, direct: bool, stall_s: float) -> None:
        if find_spec("slixmpp") is None:
            raise Refused("this installation has no chat; another way to the help desk must be chosen")
        logging.getLogger("slixmpp").setLevel(logging.CRITICAL)  # what it says holds stanzas, and those are private
        self.jid, self._stall_s = jid, stall_s
        self.host = host or jid.partition("@")[2]
        self._loop = asyncio.new_event_loop()
        straight = self._loop.create_connection
        self._loop.create_connection = partial(_connect, straight)  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._loop.run_forever, name="chat", daemon=True)
        self._thread.start()
        self._client: Any = None
        self._lost: asyncio.Future[Exception] | None = None
        self._errors = dict[str, str]()
        self._archived = dict[str, list[ET.Element]]()
        try:
            self._do(self._open(password, host, port, direct), wait_s=4 * stall_s + 15)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Chat:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with suppress(UploaderError, Late):
            self._do(self._leave(), wait_s=5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        if not self._thread.is_alive():
            self._loop.close()

    def send(self, to: str, text: str, id_: str, thread: str, url: str = "") -> None:
        """Sends a message and waits until our server has it. Raises: OutcomeUnknown when that cannot be told."""
        self._do(self._say(to, text, id_, thread, url))

    def archive(self, other: str, *, before: str = "", after: str = "", most: int = 100) -> list[Line]:
        """What was said with ``other``, oldest first: the last ``most``, those before a key, or those after one.

        Raises: Refused when the server keeps no archive.
        """
        return self._do(self._query(other, before, after, most))

    def upload_service(self) -> tuple[str, int | None] | None:
        """Who takes files here, and how large ones; None: nobody."""
        return self._do(self._find_service())

    def slot(self, service: str, name: str, size_bytes: int, media_type: str) -> Slot:
        return self._do(self._ask_slot(service, name, size_bytes, media_type))

    # -- within the loop ----------------------------------------------------------------------------------------

    def _do(self, work: Coroutine[Any, Any, R], wait_s: float = 0) -> R:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(wait_s or 4 * self._stall_s + 5)
        except Late:
            future.cancel()
            raise Unreachable("{host} does not answer", host=self.host) from None

    async def _open(self, password: str, host: str, port: int, direct: bool) -> None:
        from slixmpp import ClientXMPP
        from slixmpp.xmlstream.handler import Callback
        from slixmpp.xmlstream.matcher import MatchXPath

        client: Any = ClientXMPP(f"{self.jid}/testigo-{secrets.token_hex(4)}", password)
        self._client = client
        client.get_dns_records = partial(_by_name, client.get_dns_records)
        client.ssl_context = connections.trust()
        client.enable_direct_tls, client.enable_starttls, client.enable_plaintext = direct, not direct, False
        opened: asyncio.Future[None] = self._loop.create_future()
        self._lost = self._loop.create_future()

        def fail(error: Exception) -> None:
            if not opened.done():
                opened.set_exception(error)
            elif self._lost is not None and not self._lost.done():
                self._lost.set_result(error)

        def started(_: object) -> None:
            if client.transport is None or client.transport.get_extra_info("ssl_object") is None:
                fail(no_encryption(self.host))
            elif not opened.done():
                opened.set_result(None)

        client.add_event_handler("session_start", started)
        client.add_event_handler("failed_all_auth", lambda _: fail(AuthFailed(
            "{host} does not accept the password or token", host=self.host)))  # fmt: skip
        client.add_event_handler("connection_failed", lambda why: fail(_unreached(why, self.host)))
        client.add_event_handler("ssl_invalid_chain", lambda _: fail(_untrusted(self.host)))
        broken = Temporary("the connection to {host} broke off", host=self.host)
        # Why it ended may be told only after it did.
        client.add_event_handler("disconnected", lambda _: self._loop.call_later(0.1, fail, broken))
        encrypt = client.start_tls

        async def encrypted() -> bool:
            if await encrypt():
                return True
            self._loop.call_later(0.1, fail, broken)  # of a line that breaks meanwhile slixmpp tells nobody
            return False

        client.start_tls = encrypted
        client.register_handler(Callback("archive", MatchXPath(f"{CLIENT}message/{MAM}result"), self._keep))
        client.register_handler(Callback("errors", MatchXPath(f"{CLIENT}message/{CLIENT}error"), self._note_error))
        client.connect(host or None, port if host else None)
        try:
            await asyncio.wait_for(opened, 2 * self._stall_s + 10)
        except TimeoutError:
            raise Unreachable("{host} does not answer", host=self.host) from None

    async def _leave(self) -> None:
        if self._client is not None:
            self._client.cancel_connection_attempt()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._client.disconnect(1), 3)
            self._client.abort()
        mine = asyncio.current_task()
        rest = [task for task in asyncio.all_tasks() if task is not mine]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def _keep(self, stanza: Any) -> None:
        result = stanza.xml.find(f"{MAM}result")
        self._archived.setdefault(result.get("queryid", ""), []).append(result)

    def _note_error(self, stanza: Any) -> None:
        self._errors[stanza.xml.get("id", "")] = _condition(stanza.xml)

    async def _ask(self, kind: str, to: str, payload: ET.Element) -> ET.Element:
        """One question and its answer, whatever becomes of the line."""
        from slixmpp.exceptions import IqError, IqTimeout

        assert self._lost is not None
        if self._lost.done():
            raise self._lost.result()
        iq = self._client.make_iq_get(ito=to) if kind == "get" else self._client.make_iq_set(ito=to)
        iq.xml.append(payload)
        answer = asyncio.ensure_future(iq.send(timeout=self._stall_s))
        await asyncio.wait({answer, self._lost}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            raise self._lost.result()
        try:
            found: ET.Element = answer.result().xml
        except IqError as error:
            why = _condition(error.iq.xml)
            busy = why.startswith(("resource-constraint", "internal-server-error", "remote-server-timeout"))
            if busy:
                raise Temporary("{host} is busy or out of order ({status})", host=self.host, status=why) from error
            raise Refused("{host} refused it: {why}", host=self.host, why=why) from error
        except IqTimeout as error:
            raise Unreachable("{host} does not answer", host=self.host) from error
        return found

    async def _say(self, to: str, text: str, id_: str, thread: str, url: str) -> None:
        message = self._client.make_message(mto=to, mbody=_clean(text), mtype="chat")
        message["id"] = id_
        ET.SubElement(message.xml, f"{CLIENT}thread").text = thread
        ET.SubElement(message.xml, "{urn:xmpp:receipts}request")
        if url:
            ET.SubElement(ET.SubElement(message.xml, "{jabber:x:oob}x"), "{jabber:x:oob}url").text = url
        assert self._lost is not None
        if self._lost.done():
            raise self._lost.result()
        message.send()
        try:  # the server works in order: who answers this has the message
            await self._ask("get", self.jid.partition("@")[2], ET.Element("{urn:xmpp:ping}ping"))
        except Refused:
            pass  # it knows no ping, and has read it all the same
        except UploaderError as error:
            raise OutcomeUnknown("the answer of {host} got lost", host=self.host) from error
        if why := self._errors.get(id_):
            raise Refused("{host} refused it: {why}", host=self.host, why=why)

    async def _query(self, other: str, before: str, after: str, most: int) -> list[Line]:
        mark = secrets.token_hex(8)
        query = ET.Element(f"{MAM}query", {"queryid": mark})
        form = ET.SubElement(query, f"{DATA}x", {"type": "submit"})
        for name, value in (("FORM_TYPE", "urn:xmpp:mam:2"), ("with", other)):
            ET.SubElement(ET.SubElement(form, f"{DATA}field", {"var": name}), f"{DATA}value").text = value
        page = ET.SubElement(query, f"{RSM}set")
        ET.SubElement(page, f"{RSM}max").text = str(most)
        if after:
            ET.SubElement(page, f"{RSM}after").text = after
        else:
            ET.SubElement(page, f"{RSM}before").text = before
        await self._ask("set", self.jid, query)
        return [self._line(result) for result in self._archived.pop(mark, [])]

    def _line(self, result: ET.Element) -> Line:
        forwarded = result.find("{urn:xmpp:forward:0}forwarded")
        message = forwarded.find(f"{CLIENT}message") if forwarded is not None else None
        if forwarded is None or message is None or message.get("type") == "error":
            return Line(result.get("id", ""), "", moment(""), False, "", "", "", "")
        delay = forwarded.find("{urn:xmpp:delay}delay")
        author = message.get("from", "").partition("/")[0]
        text, url = message.findtext(f"{CLIENT}body") or "", message.findtext("{jabber:x:oob}x/{jabber:x:oob}url") or ""
        at, mine = moment(delay.get("stamp") if delay is not None else ""), author.lower() == self.jid.lower()
        return Line(result.get("id", ""), message.get("id", ""), at, mine, author, text[:MOST_CHARACTERS],
                    message.findtext(f"{CLIENT}thread") or "", url)  # fmt: skip

    async def _find_service(self) -> tuple[str, int | None] | None:
        domain = self.jid.partition("@")[2]
        listed = await self._ask("get", domain, ET.Element(f"{{{DISCO}#items}}query"))
        places = [item.get("jid", "") for item in listed.iter(f"{{{DISCO}#items}}item")]
        for place in [*places[:20], domain]:
            try:
                about = await self._ask("get", place, ET.Element(f"{{{DISCO}#info}}query"))
            except Refused:
                continue
            if UPLOAD in [feature.get("var") for feature in about.iter(f"{{{DISCO}#info}}feature")]:
                fields = (f for f in about.iter(f"{DATA}field") if f.get("var") == "max-file-size")
                told = next((f.findtext(f"{DATA}value") or "" for f in fields), "")
                return place, int(told) if told.isdecimal() else None
        return None

    async def _ask_slot(self, service: str, name: str, size_bytes: int, media_type: str) -> Slot:
        asked = ET.Element(
            f"{{{UPLOAD}}}request", {"filename": name, "size": str(size_bytes), "content-type": media_type}
        )
        slot = (await self._ask("get", service, asked)).find(f"{{{UPLOAD}}}slot")
        put = slot.find(f"{{{UPLOAD}}}put") if slot is not None else None
        got = slot.find(f"{{{UPLOAD}}}get") if slot is not None else None
        if put is None or got is None or not put.get("url") or not got.get("url"):
            raise Temporary("{host} answered with something else than data", host=self.host)
        # Source: XEP-0363, 5: other heads than these are dropped, and no line break may be in one.
        allowed = {"authorization", "cookie", "expires"}
        heads = {h.get("name", ""): "".join((h.text or "").split("\n")) for h in put.iter(f"{{{UPLOAD}}}header")}
        return Slot(put.get("url", ""), {k: v for k, v in heads.items() if k.lower() in allowed}, got.get("url", ""))


def _condition(stanza: ET.Element) -> str:
    error = stanza.find(f"{CLIENT}error")
    names = [each.tag.partition("}")[2] for each in error if each.tag.startswith(STANZAS)] if error is not None else []
    more = (
        [each.tag.partition("}")[2] for each in error if not each.tag.startswith(STANZAS)] if error is not None else []
    )
    return " ".join([*(name for name in names if name != "text"), *more]) or "error"


def _clean(text: str) -> str:
    """Without what no XML may hold. Source: XML 1.0, 2.2."""
    return re.sub("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)


Place = tuple[str, str, str, int]
"""A service, the name of its server, the address of that, and a port: as slixmpp has it."""


async def _by_name(look_up: Callable[..., Any], domain: str, port: int | None = None) -> list[Place]:
    """The servers of a domain; a proxy is asked for them by their names."""
    found: list[Place] = await look_up(domain, port)
    if not (await asyncio.to_thread(way_by, "xmpp", domain, 5222)).proxy:
        return found
    return list(dict.fromkeys((service, host, host, port) for service, host, _, port in found))


async def _connect(straight: Callable[..., Any], made: Callable[[], Any], host: str, port: int, **tls: Any) -> Any:
    """As the event loop does it, by the proxy where one is to be used; TLS and its names stay the library's.

    Raises: OSError, which is what the library expects of it.
    """
    pool = ThreadPoolExecutor(1, "chat-proxy")
    try:
        if not (await asyncio.wrap_future(pool.submit(way_by, "xmpp", host, port))).proxy:
            return await straight(made, host, port, **tls)
        asked = pool.submit(reach, "xmpp", host, port)
        try:
            line, _ = await asyncio.wrap_future(asked)
        except asyncio.CancelledError:
            asked.add_done_callback(_close_late)
            raise
    except UploaderError as error:
        raise OSError(str(error)) from error
    finally:
        pool.shutdown(wait=False)
    line.setblocking(False)
    return await straight(made, sock=line, **tls)


def _close_late(asked: Future[tuple[socket.socket, str]]) -> None:
    if not asked.cancelled() and asked.exception() is None:
        asked.result()[0].close()


def _unreached(why: object, host: str) -> UploaderError:
    import ssl

    if isinstance(why, OSError) and isinstance(why.__cause__, UploaderError):
        return why.__cause__
    if isinstance(why, ssl.SSLCertVerificationError):
        return _untrusted(host)
    if isinstance(why, str):
        return NameUnknown("{host} cannot be found; check the address and the network", host=host)
    return Unreachable("{host} does not answer", host=host)


def _untrusted(host: str) -> UploaderError:
    return Untrusted(
        "the certificate of {host} is not trusted; another computer may be answering in its name", host=host
    )
