"""A broker: a small service of the company that hands out signed addresses, so that no cloud secret lies on a desktop.

The broker is told what comes and gives one address per piece; the pieces go straight to the storage behind it. Its
protocol, with five calls, is ``docs/shares/broker.md``; who may upload what, and where it lies, is the broker's own.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from uploader.errors import Gone, Refused, Temporary, UploaderError
from uploader.setting import Secret, setting
from uploader.source import Window
from uploader.ticket import Link, ShareAbilities
from uploader.transfer import UploadShare
from uploader.trial import try_out
from uploader.ways import Part, Parts, Upload
from uploader.wire import NO_DATA, Reply, Wire, sort_out
from uploader.xml_reply import text_of

BATCH = 16
"""Addresses asked for at a time."""
MOST_COMPLETE_S = 600.0
MOST_WHY = 200
"""Characters of the broker's own reason that a person is shown."""

S = TypeVar("S", bound=msgspec.Struct)


class _Made(msgspec.Struct):
    id: str


class _Piece(msgspec.Struct):
    number: int
    size_bytes: int
    receipt: str


class _State(msgspec.Struct):
    complete: bool
    pieces: list[_Piece]


class _Place(msgspec.Struct):
    number: int
    url: str
    headers: dict[str, str] = {}


class _Places(msgspec.Struct):
    urls: list[_Place]


class _Whole(msgspec.Struct):
    size_bytes: int


class _Opened(msgspec.Struct):
    url: str
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class _No(msgspec.Struct):
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Broker(UploadShare):
    title: ClassVar[str] = "Broker"
    abilities: ClassVar[ShareAbilities] = ShareAbilities(
        resumes=True, ends_links="service", revokes=True, checks="MD5 per part"
    )

    url: str = setting("Address of the broker", help="https://uploads.example.org/v1", kind="url")
    token: Secret = setting("Token", help="What the broker knows you by.", kind="secret")

    def way(self, wire: Wire) -> BrokerWay:
        return BrokerWay(self, wire)

    def check(self) -> None:
        """Stores, reads and deletes a small file. Raises: UploaderError."""
        try_out(self)

    def link(self, wire: Wire, upload: Upload, stored: str, days: float, password: str) -> Link:
        opened = self.way(wire).ask("POST", f"/{_safe(stored)}/link", {"expires_days": days}, shape=_Opened)
        if urlsplit(opened.url).scheme not in ("http", "https"):
            raise Temporary(NO_DATA, host=self.host)
        if opened.expires_at is None and days:
            return Link(opened.url, datetime.now(UTC) + timedelta(days=days), "us", stored)
        return Link(opened.url, opened.expires_at, "service" if opened.expires_at else "", stored)

    def look(self, wire: Wire, upload: Upload, link: Link) -> None:
        """What makes a link secret is its query, if it has one: without it nothing may be there."""
        super().look(wire, upload, link)
        address, _, token = link.url.partition("?")
        try:
            is_open = bool(token) and wire.length(address) == (upload.size_bytes or None)
        except UploaderError:
            return
        if is_open:
            raise Refused(
                "anyone can open files at {host} without the link's signature; ask whoever looks after the broker",
                host=urlsplit(address).hostname or "",
            )

    def erase(self, wire: Wire, receipt: str) -> None:
        self.way(wire).delete(receipt)

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""


@dataclass
class BrokerWay(Parts):
    """The session is the broker's id of the upload. An address is used once; a new try asks for a new one."""

    share: Broker
    wire: Wire
    places: dict[int, _Place] = field(default_factory=dict)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, upload: Upload) -> str:
        self.places.clear()  # those of a session that was forgotten lead nowhere
        about = {
            "name": upload.name, "size_bytes": upload.size_bytes, "media_type": upload.media_type,
            "piece_bytes": upload.piece_bytes,
        }  # fmt: skip
        try:
            return self.ask("POST", "", about, shape=_Made, headers={"Idempotency-Key": upload.key}).id
        except Gone as error:
            raise Refused("there is no broker at {host}; correct the address", host=self.share.host) from error

    def have(self, upload: Upload, session: str) -> Mapping[int, Part]:
        """When the broker has completed it, an earlier run was ended just then: nothing is left to send."""
        state = self.ask("GET", f"/{_safe(session)}", shape=_State)
        if state.complete:
            return {n: Part(upload.piece(n)[1], "") for n in range(1, upload.piece_count + 1)}
        return {piece.number: Part(piece.size_bytes, piece.receipt) for piece in state.pieces}

    def send(self, upload: Upload, session: str, number: int, body: Window) -> str:
        digest = hashlib.md5(usedforsecurity=False)
        body.digests(digest.update)
        check = base64.b64encode(digest.digest()).decode()
        reply = self._put(self._fetch(upload, session, number), check, body)
        if reply.status == 403:  # its time is over, and that of those that came with it
            with self.guard:
                self.places.clear()
            reply = self._put(self._fetch(upload, session, number), check, body)
        with self._forgetting(session):
            return _receipt(reply)

    def finish(self, upload: Upload, session: str, receipts: Mapping[int, str]) -> str:
        pieces = [{"number": number, "receipt": receipts[number]} for number in sorted(receipts)]
        path = f"/{_safe(session)}/complete"
        with self._forgetting(session):
            whole = self.ask("POST", path, {"pieces": pieces}, shape=_Whole, answer_s=MOST_COMPLETE_S)
            if whole.size_bytes != upload.size_bytes:
                raise Gone("{host} put something else together than was sent; it is sent anew", host=self.share.host)
        return session

    def abort(self, upload: Upload, session: str) -> None:
        self.delete(session)

    def delete(self, upload_id: str) -> None:
        """An upload, whole or not, with its links; harmless when it is gone."""
        with suppress(Gone):
            self._call("DELETE", f"/{_safe(upload_id)}", wanted=(204,))

    def ask(
        self, method: str, path: str, content: object = None, *, shape: type[S],
        headers: Mapping[str, str] | None = None, answer_s: float | None = None,
    ) -> S:  # fmt: skip
        """One call and what it answers. Raises: UploaderError."""
        reply = self._call(method, path, content, headers, answer_s=answer_s)
        try:
            return msgspec.json.decode(reply.body, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Temporary(NO_DATA, host=reply.host) from error

    def _put(self, place: _Place, md5: str, body: Window) -> Reply:
        """To the storage, which gets nothing of the broker's token."""
        return self.wire.call(
            "PUT", place.url, headers={**place.headers, "Content-MD5": md5}, body=body, ok=range(200, 600)
        )

    def _fetch(self, upload: Upload, session: str, number: int) -> _Place:
        """An address for this piece; those of the next ones come with it and are kept."""
        with self.guard:
            if number not in self.places:
                last = min(number + BATCH, upload.piece_count + 1)
                numbers = [n for n in range(number, last) if n not in self.places]
                found = self.ask("POST", f"/{_safe(session)}/urls", {"numbers": numbers}, shape=_Places)
                self.places.update({place.number: place for place in found.urls if self._is_safe(place)})
            if number not in self.places:
                raise Temporary(NO_DATA, host=self.share.host)
            return self.places.pop(number)

    @contextmanager
    def _forgetting(self, session: str) -> Iterator[None]:
        """What the storage has lost the broker must forget too, or it would name it again."""
        try:
            yield
        except Gone:
            self.delete(session)
            raise

    def _is_safe(self, place: _Place) -> bool:
        """A file does not go out in the clear because the broker says so."""
        return urlsplit(place.url).scheme in ("https", urlsplit(self.share.url).scheme)

    def _call(
        self, method: str, path: str, content: object = None, headers: Mapping[str, str] | None = None, *,
        wanted: tuple[int, ...] = (200, 201), answer_s: float | None = None,
    ) -> Reply:  # fmt: skip
        sent = {"Authorization": f"Bearer {self.share.token.reveal()}", "Accept": "application/json", **(headers or {})}
        body = b""
        if content is not None:
            body, sent["Content-Type"] = msgspec.json.encode(content), "application/json"
        url = f"{self.share.url.rstrip('/')}/uploads{path}"
        reply = self.wire.call(method, url, headers=sent, body=body, ok=range(200, 600), most_bytes=8 * 1024**2,
                               answer_s=answer_s)  # fmt: skip
        if reply.status not in wanted:
            raise _sort(reply)
        return reply


def _safe(upload_id: str) -> str:
    return quote(upload_id, safe="")


def _receipt(reply: Reply) -> str:
    """The storage's ETag, which the broker wants to hear in the end. Raises: UploaderError."""
    host, code = reply.host, text_of(reply, "Code")
    if reply.status < 300:
        if etag := reply.headers.get("etag", ""):
            return etag
        raise Temporary(NO_DATA, host=host)
    if code in ("BadDigest", "InvalidDigest"):
        raise Temporary("a piece arrived damaged at {host}; it is sent again", host=host)
    if code in ("RequestTimeout", "SlowDown", "InternalError"):
        raise Temporary("{host} is busy or out of order ({status})", host=host, status=code)
    raise sort_out(reply)


def _sort(reply: Reply) -> UploaderError:
    """The broker's own reason, where it gives one and a person must act; else what the status means."""
    if reply.status < 300:
        return Temporary(NO_DATA, host=reply.host)
    if reply.status == 409:
        return Gone("{host} put something else together than was sent; it is sent anew", host=reply.host)
    try:
        why = msgspec.json.decode(reply.body, type=_No).why
    except (msgspec.DecodeError, UnicodeDecodeError):
        why = ""
    if why and reply.status in (400, 403, 422):
        shown = "".join(c for c in why if c.isprintable())[:MOST_WHY]
        return Refused("{host} does not take the file: {why}", host=reply.host, why=shown)
    return sort_out(reply)
