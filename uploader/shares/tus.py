"""A server that speaks tus 1.0, the open protocol for resumable uploads: tusd, @tus/server, and what is built on them.

tus knows no links for readers: a template makes them, or the address of the upload itself is one.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from urllib.parse import quote, urljoin, urlsplit

from uploader.errors import Gone, InvalidField, Refused, Temporary, UploaderError
from uploader.names import ascii_name
from uploader.setting import Secret, setting
from uploader.source import BytesSource, Window
from uploader.ticket import Link, ShareAbilities
from uploader.transfer import UploadShare
from uploader.ways import Stream, Upload
from uploader.wire import NO_DATA, Body, Reply, Wire, sort_out

VERSION = "1.0.0"


@dataclass(frozen=True, kw_only=True)
class Tus(UploadShare):
    title: ClassVar[str] = "tus"
    abilities: ClassVar[ShareAbilities] = ShareAbilities(
        resumes=True, ends_links="us", revokes=True, checks="size, and SHA-1 per piece where the server offers it"
    )

    url: str = setting("Address that takes uploads", help="https://tus.example.org/files", kind="url")
    headers: Secret = setting(
        "Headers",
        help="What the server wants with every request, such as “Authorization: Bearer …”. Several: “ | ” between.",
        kind="secret",
        default=Secret(""),
    )
    link_url: str = setting(
        "Address of a file for readers",
        help="With {id} or {name} in it, as https://files.example.org/{id}. Empty: the address of the upload; "
        "whoever has it may delete the file too.",
        default="",
    )
    upload_host: str = setting(
        "Another host that takes the bytes",
        help="If the server sends uploads on to one. It gets the headers too.",
        default="",
    )

    def way(self, wire: Wire) -> TusWay:
        return TusWay(self, wire, self.parsed_headers())

    def check(self) -> None:
        """Stores five bytes, reads them as a reader would, and deletes them. Raises: UploaderError.

        Where nothing can be deleted an upload is only begun: the server forgets it by itself.
        """
        if self.link_url and "{id}" not in self.link_url and "{name}" not in self.link_url:
            raise InvalidField("link_url", "“{setting}” is wrong: {why}", setting="link_url", why="no {id}")
        with self.open_wire() as wire:
            way = self.way(wire)
            probe = Upload("", "check.txt", 5, "text/plain", 5)
            deletes = "termination" in _words(way.ask("OPTIONS", self.url).headers, "extension")
            session = way.begin(probe)
            try:
                if deletes:
                    way.send(probe, session, Window(BytesSource(b"check"), 0, 5, lambda size_bytes: None))
                    self._read(wire, self.link(wire, probe, way.finish(probe, session, {}), 0, "").url)
            finally:
                way.abort(probe, session)

    def _read(self, wire: Wire, url: str) -> None:
        reply = wire.call("GET", url, ok=range(200, 600), follow=5)
        if reply.status != 200 or reply.body != b"check":
            raise self._closed(url)

    def link(self, wire: Wire, upload: Upload, stored: str, days: float, password: str) -> Link:
        ends = datetime.now(UTC) + timedelta(days=days) if days else None
        url = stored
        if self.link_url:
            name = urlsplit(stored).path.rstrip("/").rpartition("/")[2]
            url = self.link_url.replace("{id}", name).replace("{name}", quote(upload.name, safe="-_.~"))
        return Link(url, ends, "us" if ends else "", stored)

    def look(self, wire: Wire, upload: Upload, link: Link) -> None:
        """An upload's own address is asked for its length only: breaking a download off costs more than it tells."""
        if self.link_url:
            super().look(wire, upload, link)
            return
        try:
            reached = TusWay(self, wire, {}).offset(upload, json.dumps({"url": link.url}))
        except Refused as error:
            raise self._closed(link.url) from error
        if reached != upload.size_bytes:
            raise Temporary("the link leads to something else than the file that was sent; it is checked again")

    def _closed(self, url: str) -> Refused:
        host = urlsplit(url).hostname or ""
        return Refused("readers cannot open files at {host}; check the address of a file for readers", host=host)

    def erase(self, wire: Wire, receipt: str) -> None:
        way = self.way(wire)
        reply = way.ask("DELETE", self.own(receipt))
        if reply.status in (400, 403, 405, 501):
            raise Refused("{service} cannot take a link back; ask whoever looks after it", service=self.title)
        if reply.status not in (204, 404, 410):
            raise _sort(reply)

    def own(self, location: str) -> str:
        """The absolute address of an upload. Raises: Refused when it lies on a host that nobody allowed."""
        url = urljoin(self.url, location)
        mine, theirs = urlsplit(self.url), urlsplit(url)
        if theirs.hostname == mine.hostname and (mine.scheme, theirs.scheme) == ("https", "http"):
            # behind one that speaks https for it, a server does not know its own address
            theirs = theirs._replace(scheme=mine.scheme, netloc=mine.netloc)
        allowed = {mine.netloc} | ({self.upload_host} if self.upload_host else set())
        if theirs.scheme != mine.scheme or theirs.netloc not in allowed:
            raise Refused(
                "{host} sends the upload on to {other}; allow it in the settings if that is right",
                host=mine.netloc, other=theirs.netloc.rpartition("@")[2],
            )  # fmt: skip
        return theirs.geturl()

    def parsed_headers(self) -> dict[str, str]:
        """Raises: InvalidField."""
        found = {}
        for line in self.headers.reveal().replace(" | ", "\n").splitlines():
            name, colon, value = line.partition(":")
            if not colon or not name.strip():
                raise InvalidField("headers", "a header is written “Name: value”; correct it in the settings")
            found[name.strip()] = value.strip()
        return found


@dataclass
class TusWay(Stream):
    """The session is JSON: the upload's address, a secret, and whether the server compares checksums.

    Source of all status codes: tus.io/protocols/resumable-upload, version 1.0.0 (2016).
    """

    share: Tus
    wire: Wire
    headers: Mapping[str, str]

    def begin(self, upload: Upload) -> str:
        offers = self.ask("OPTIONS", self.share.url).headers
        checks = "checksum" in _words(offers, "extension") and "sha1" in _words(offers, "checksum-algorithm")
        # @tus/server 2.4 cannot hand out a file whose "filename" goes beyond Latin-1 (measured)
        about = {"filename": ascii_name(upload.name), "name": upload.name, "filetype": upload.media_type}
        encoded = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in about.items())
        sent = {"Upload-Length": str(upload.size_bytes), "Upload-Metadata": encoded}
        reply = self.ask("POST", self.share.url, sent)
        location = reply.headers.get("location", "")
        if reply.status != 201 or not location:
            raise _sort(reply)
        return json.dumps({"url": self.share.own(location), "sha1": checks})

    def offset(self, upload: Upload, session: str) -> int:
        reply = self.ask("HEAD", self._url(session))
        if reply.status == 403:  # "404 Not Found, 410 Gone or 403 Forbidden": all three may mean expired
            raise Gone("{host} does not know it, or no longer ({status})", host=reply.host, status="403")
        reached = _offset(reply, upload)
        if reply.headers.get("upload-length", str(upload.size_bytes)) != str(upload.size_bytes):
            raise Gone("{host} put something else together than was sent; it is sent anew", host=reply.host)
        return reached

    def send(self, upload: Upload, session: str, body: Window) -> int:
        if body.size_bytes == 0:
            return body.offset
        sent = {"Upload-Offset": str(body.offset), "Content-Type": "application/offset+octet-stream"}
        if json.loads(session)["sha1"]:
            digest = hashlib.sha1(usedforsecurity=False)
            body.digests(digest.update)
            sent["Upload-Checksum"] = "sha1 " + base64.b64encode(digest.digest()).decode()
        return _offset(self.ask("PATCH", self._url(session), sent, body), upload)

    def finish(self, upload: Upload, session: str, receipts: Mapping[int, str]) -> str:
        if self.offset(upload, session) != upload.size_bytes:
            raise Temporary(
                "{host} has not stored all of the file; it is sent again", host=urlsplit(self.share.url).hostname or ""
            )
        return self._url(session)

    def abort(self, upload: Upload, session: str) -> None:
        """A server without termination forgets it by itself."""
        reply = self.ask("DELETE", self._url(session))
        if reply.status not in (204, 400, 403, 404, 405, 410, 501):
            raise _sort(reply)

    def ask(self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | Body = b"") -> Reply:
        """One call, whatever its status."""
        version = {} if method == "OPTIONS" else {"Tus-Resumable": VERSION}
        sent = {**version, **self.headers, **(headers or {})}
        return self.wire.call(method, url, headers=sent, body=body, ok=range(200, 600))

    def _url(self, session: str) -> str:
        return self.share.own(json.loads(session)["url"])


def _words(headers: Mapping[str, str], name: str) -> set[str]:
    return {word.strip().lower() for word in headers.get(f"tus-{name}", "").split(",")}


def _offset(reply: Reply, upload: Upload) -> int:
    """How far the server is, by its answer. Raises: UploaderError."""
    text = reply.headers.get("upload-offset", "")
    if reply.status not in (200, 204) or not text.isdecimal() or int(text) > upload.size_bytes:
        raise _sort(reply)
    return int(text)


def _sort(reply: Reply) -> UploaderError:
    host, status = reply.host, str(reply.status)
    if reply.status < 300:
        return Temporary(NO_DATA, host=host)
    if reply.status == 409:  # another offset than it expects: the engine asks for it
        return Temporary("{host} is busy or out of order ({status})", retry_after_s=0, host=host, status=status)
    if reply.status == 412:
        return Refused("{host} does not speak tus 1.0; check the address", host=host)
    if reply.status == 460:
        return Temporary("a piece arrived damaged at {host}; it is sent again", retry_after_s=0, host=host)
    return sort_out(reply)
