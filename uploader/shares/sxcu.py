"""A ShareX custom uploader as a share: one request per file, never resumed, and no more trust than a stranger's file
deserves. Only https, only public networks, unless the settings say otherwise; secrets go to the host of the file alone.

The link does not end by itself. An address that deletes the file is kept as the link's receipt, and opened only when
the user takes the link back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urljoin, urlsplit

from uploader.errors import AuthFailed, Gone, InvalidField, NoSpace, Refused, Temporary, TooLarge, UploaderError
from uploader.form import Form, Part
from uploader.setting import Secret, setting
from uploader.sxcu.fault import SxcuFault
from uploader.ticket import Link, ShareAbilities
from uploader.transfer import UploadShare
from uploader.ways import Upload, Whole
from uploader.wire import NO_DATA, Body, Reply, Wire, sort_out

if TYPE_CHECKING:
    from uploader.source import Window
    from uploader.sxcu.definition import Definition
    from uploader.sxcu.request import Request

MOST_REDIRECTS = 10
LATER_S = 300.0
"""A whole file is not sent again at once because the answer made no sense."""
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, kw_only=True)
class Sxcu(UploadShare):
    title: ClassVar[str] = "ShareX custom uploader (.sxcu)"
    abilities: ClassVar[ShareAbilities] = ShareAbilities(
        revokes=True, checks="length behind the link, where it is told"
    )

    file: Path = setting("File of the uploader", help="“testigo sxcu import” puts it there and takes its secrets out.")
    secrets: Secret = setting("Secrets of the uploader", kind="secret", default=Secret(""))
    allow_http: bool = setting(
        "Allow http", help="Anybody on the way can read file and secrets.", kind="flag", default=False
    )
    allow_private: bool = setting(
        "Allow private networks", help="Only if the server is your own.", kind="flag", default=False
    )
    expires_days: float = field(default=0.0)  # nothing here can end a link

    @property
    def link_days(self) -> None:
        """The service knows."""

    def open_wire(self) -> Wire:
        return Wire(private=self.allow_private)

    def definition(self) -> Definition:
        """What the file asks for, with its secrets. Raises: InvalidField, SxcuFault, AuthFailed."""
        from uploader.sxcu.credentials import with_secrets
        from uploader.sxcu.definition import MOST_BYTES, read_definition
        from uploader.sxcu.describe import describe
        from uploader.sxcu.notices import fault_of

        try:
            with self.file.open("rb") as lines:
                raw = lines.read(MOST_BYTES + 1)
        except OSError as error:
            raise InvalidField(
                "file", "the uploader's file {file} cannot be read; import it again", file=str(self.file)
            ) from error
        definition = with_secrets(read_definition(raw), self.secrets.reveal())
        for refusal in describe(definition, allow_http=self.allow_http, allow_private=self.allow_private).refusals:
            raise fault_of(refusal)
        return definition

    def weigh(self, url: str) -> None:
        """Raises: SxcuFault when this address may not be reached."""
        from uploader.sxcu.address import host_of, risks
        from uploader.sxcu.definition import Notice
        from uploader.sxcu.notices import fault_of

        allowed = {"plain_http": self.allow_http, "private_address": self.allow_private, "metadata_address": False}
        for risk in risks(url):
            if not allowed.get(risk, True):
                raise fault_of(Notice(risk, (("host", host_of(url)),)))

    def check(self) -> None:
        """Whether the file can be used and its host answers; nothing is sent. Raises: UploaderError."""
        from uploader.sxcu.request import Chance, make_request

        url = make_request(self.definition(), "check.txt", Chance("check"), datetime.now().astimezone()).url
        self.weigh(url)
        with self.open_wire() as wire:
            wire.call("GET", urljoin(url, "/"), ok=range(200, 600), most_bytes=0)

    def way(self, wire: Wire) -> SxcuWay:
        return SxcuWay(self, wire)

    def link(self, wire: Wire, upload: Upload, stored: str, days: float, password: str) -> Link:
        found = json.loads(stored)
        return Link(found["url"], receipt=found["deletion_url"], end_known=False)

    def receipt(self, upload: Upload, stored: str) -> str:
        return str(json.loads(stored)["deletion_url"])

    def erase(self, wire: Wire, receipt: str) -> None:
        if not receipt:
            super().erase(wire, receipt)
        self.weigh(receipt)
        wire.call("GET", receipt, ok={*range(200, 300), *_REDIRECTS, 404, 410}, most_bytes=0)

    def look(self, wire: Wire, upload: Upload, link: Link) -> None:
        """A reader's view; says nothing where the service shows a page, tells no length, or makes pictures smaller."""
        found = _length(wire, link.url)
        if found is not None and found != upload.size_bytes:
            raise Temporary("the link leads to something else than the file that was sent; it is checked again")


class SxcuWay(Whole):
    """One request. The result is JSON: the link, and the address that deletes."""

    def __init__(self, share: Sxcu, wire: Wire) -> None:
        self._share, self._wire, self._stored = share, wire, ""

    def send(self, upload: Upload, body: Window) -> str:
        from uploader.sxcu.request import Chance, make_request, read_error, read_result

        definition, chance = self._share.definition(), Chance(upload.key)
        request = make_request(definition, upload.name, chance, datetime.now().astimezone())
        headers, content = dict(request.headers), _one(body)
        if definition.body == "MultipartFormData":
            part = Part(definition.file_form_name, upload.name, upload.media_type, body)
            form = Form(request.arguments, (part,), upload.key)
            # What the file says itself would lack the boundary.
            headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
            headers["Content-Type"], content = form.content_type, form
        elif "content-type" not in {name.lower() for name in headers}:
            headers["Content-Type"] = upload.media_type
        needs = _needs(definition)
        reply = self._ask(request, headers, content, reads_answer="text" in needs)
        if not 200 <= reply.status < 300:
            said = read_error(definition, reply, upload.name, chance)
            raise _failure(reply, self._without_secrets(said, request))
        try:
            result = read_result(definition, reply, upload.name, chance)
        except SxcuFault as fault:
            if _is_page(reply):
                raise Temporary(NO_DATA, retry_after_s=LATER_S, host=reply.host) from fault
            raise
        if not needs and _length(self._wire, result.url, gone=-1) not in (None, upload.size_bytes):
            raise Temporary("{host} did not keep the file; it is sent again", host=reply.host)
        self._stored = json.dumps({"url": result.url, "deletion_url": result.deletion_url})
        return self._stored

    def abort(self, upload: Upload, session: str) -> None:
        """Takes back what this run has sent, where the service told how."""
        if self._stored:
            self._share.erase(self._wire, self._share.receipt(upload, self._stored))

    def _ask(self, request: Request, headers: Mapping[str, str], content: Body | bytes, *, reads_answer: bool) -> Reply:
        """The answer, whatever its status, after redirects: neither file nor headers go to another host."""
        method, url, sent, led_to = request.method, request.url, dict(headers), ""
        for _ in range(MOST_REDIRECTS):
            self._share.weigh(url)
            most = {} if reads_answer or content else {"most_bytes": 0}
            reply = self._wire.call(method, url, headers=sent, body=content, ok=range(200, 600), **most)
            target = reply.headers.get("location", "")
            if reply.status not in _REDIRECTS or not target:
                return replace(reply, headers={"location": led_to, **reply.headers}) if led_to else reply
            old, url = urlsplit(url), urljoin(url, target)
            new, led_to = urlsplit(url), url
            if old.scheme == "https" and new.scheme != "https":
                raise Refused("{host} leads on to an address that is not safe; it was not followed", host=reply.host)
            stays = old.hostname == new.hostname and (old.port == new.port or new.scheme != old.scheme)
            if reply.status == 303 or (method == "POST" and reply.status in (301, 302)) or not content:
                method, content = "GET", b""
                sent = {name: value for name, value in sent.items() if not name.lower().startswith("content-")}
            elif not stays:
                raise Refused("{host} wants the file sent to another host; it was not done", host=reply.host)
            if not stays:
                sent = {}
        raise Refused("{host} leads from page to page without end", host=urlsplit(request.url).hostname or "")

    def _without_secrets(self, said: str, request: Request) -> str:
        """What a host says, should it repeat what it was told."""
        from uploader.sxcu.credentials import MARK

        try:
            kept = json.loads(self._share.secrets.reveal() or "{}")
        except ValueError:
            kept = {}
        if not isinstance(kept, dict):
            return said
        sent = {f"Headers.{name}": value for name, value in request.headers.items()}
        sent |= {f"Arguments.{name}": value for name, value in request.arguments}
        for text in (*kept.values(), *(value for place, value in sent.items() if place in kept)):
            for word in str(text).split():
                said = said.replace(word, MARK) if len(word) >= 6 else said
        return said


def _one(body: Window) -> Body | bytes:
    """An empty file has no blocks to stream."""
    return body if body.size_bytes else b""


def _needs(definition: Definition) -> set[str]:
    """What the link is made of: "text" of the answer, or its "head"; empty when it is known beforehand."""
    from uploader.sxcu.template import OF_ANSWER, calls, parse

    if not definition.url:
        return {"text"}
    found = set()
    for words in (definition.url, definition.deletion_url):
        for call in calls(parse(words)):
            if call.name in OF_ANSWER:
                given = len(call.parameters) == {"json": 2, "xml": 2, "regex": 3}.get(call.name, -1)
                found.add("head" if given or call.name in ("header", "responseurl") else "text")
    return found


def _failure(reply: Reply, said: str) -> UploaderError:
    error, status = sort_out(reply), str(reply.status)
    if isinstance(error, Temporary | AuthFailed | TooLarge | NoSpace):
        return error
    if said:
        return Refused("{host} refused it ({status}): {why}", host=reply.host, status=status, why=said)
    if isinstance(error, Gone):
        return Refused("{host} does not know the uploader's address ({status})", host=reply.host, status=status)
    return error


def _is_page(reply: Reply) -> bool:
    start = reply.body[:200].lstrip().lower()
    return "html" in reply.headers.get("content-type", "") or start.startswith((b"<!doctype html", b"<html"))


def _length(wire: Wire, url: str, gone: int | None = None) -> int | None:
    """How long what a reader gets is; None where it is not told, a page or a picture; ``gone`` where there is none."""
    try:
        reply = wire.call("GET", url, headers={"Range": "bytes=0-0"}, ok=(200, 206, 416), follow=5, most_bytes=0)
    except Gone:
        return gone
    except UploaderError:
        return None
    kind = reply.headers.get("content-type", "")
    if not kind or "html" in kind or kind.startswith("image/"):
        return None
    span = reply.headers.get("content-range", "").rpartition("/")[2]
    total = reply.headers.get("content-length", "") if reply.status == 200 else span
    return int(total) if total.isdecimal() else None
