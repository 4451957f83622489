"""WebDAV calls as the shares that speak it need them: folders, sizes, moves.

Every answer is checked for being WebDAV's: what a login page or a proxy in between says counts for nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from uploader.errors import Gone, Refused, Temporary, UploaderError
from uploader.setting import Secret
from uploader.wire import NO_DATA, Body, Reply, Wire, sort_out
from uploader.xml_reply import tree_of

MOST_LIST_BYTES = 16 * 1024 * 1024
"""Of a folder's listing: 10,000 entries of 1 kB and some to spare."""
MOST_MOVE_S = 600.0
"""A server may copy a large file to rename it."""

_KEPT = ":/@!$&'()*+,;=%-_.~[]"
"""Of an address that a person typed: a space in it becomes ``%20``, and ``%20`` stays."""
_WANTED = (
    b'<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:" xmlns:oc="http://owncloud.org/ns"><prop>'
    b"<getcontentlength/><resourcetype/><oc:checksums/></prop></propfind>"
)


def basic_login(user: str, password: Secret) -> dict[str, str]:
    """The header of a login by name and password; none without a name. Source: RFC 7617."""
    if not user:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password.reveal()}".encode()).decode()}


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a folder; ``checksums`` is what ownCloud's servers have computed, ``SHA1:… MD5:… ADLER32:…``."""

    name: str
    size_bytes: int
    checksums: str


@dataclass(frozen=True)
class Dav:
    """A tree of files below ``url``. Paths are relative to it, with ``/``, not percent-encoded."""

    wire: Wire
    url: str
    login: Mapping[str, str] = field(repr=False)

    def address(self, path: str) -> str:
        return f"{quote(self.url.rstrip('/'), safe=_KEPT)}/{quote(path, safe='/-_.~')}"

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | Body = b"",
        *, answer_s: float | None = None,
    ) -> Reply:  # fmt: skip
        """One call, whatever its status. Raises: as ``Wire.call``."""
        return self._call(method, self.address(path), headers, body, answer_s)

    def make_folder(self, path: str) -> None:
        """The folder and those above it; harmless when it is there. Raises: UploaderError."""
        self._make(self.address(path.strip("/")) + "/")

    def find(self, path: str) -> Entry | None:
        """The file; None when there is none. Raises: UploaderError."""
        try:
            return next(self._list(path, "0"), None)
        except Gone:
            return None

    def entries(self, path: str) -> tuple[Entry, ...]:
        """The files in a folder. Raises: Gone when it is not there."""
        return tuple(self._list(path.strip("/") + "/", "1"))

    def put(self, path: str, body: bytes | Body, headers: Mapping[str, str] | None = None) -> Reply:
        """Raises: UploaderError."""
        reply = self.ask("PUT", path, headers, body)
        if reply.status not in (200, 201, 204) or _is_page(reply):
            raise wrong(reply)
        return reply

    def move(self, path: str, target: str, headers: Mapping[str, str] | None = None) -> Reply:
        """The answer, whatever its status; nothing is overwritten.

        A server behind another that speaks https takes its own address for a foreign one: then the path alone is
        named, which RFC 4918, 10.3 (2007) allows as well.
        """
        address = self.address(target)
        sent = {"Destination": address, "Overwrite": "F", **(headers or {})}
        reply = self.ask("MOVE", path, sent, answer_s=MOST_MOVE_S)
        if reply.status in (400, 502):
            sent["Destination"] = urlsplit(address).path
            reply = self.ask("MOVE", path, sent, answer_s=MOST_MOVE_S)
        return reply

    def delete(self, path: str) -> None:
        """A file, or a folder (``path`` ends with ``/``) and all in it; harmless when it is gone."""
        reply = self.ask("DELETE", path)
        if reply.status not in (200, 204, 404, 410) or _is_page(reply):
            raise wrong(reply)

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    def _make(self, address: str) -> None:
        """Source: RFC 4918, 9.3.1 (2007): 405 where something is already, 409 while the folder above is missing."""
        reply = self._call("MKCOL", address)
        above = address.rstrip("/").rpartition("/")[0] + "/"
        if reply.status in (404, 409) and urlsplit(above).path.strip("/"):
            self._make(above)
            reply = self._call("MKCOL", address)
        if reply.status in (404, 409):
            raise Refused("the folder {folder} is not there, and cannot be made", folder=unquote(urlsplit(above).path))
        if reply.status not in (201, 405):
            raise wrong(reply)

    def _call(
        self, method: str, address: str, headers: Mapping[str, str] | None = None, body: bytes | Body = b"",
        answer_s: float | None = None,
    ) -> Reply:  # fmt: skip
        return self.wire.call(method, address, headers={**self.login, **(headers or {})}, body=body,
                              ok=range(200, 600), most_bytes=MOST_LIST_BYTES, answer_s=answer_s)  # fmt: skip

    def _list(self, path: str, depth: str) -> Iterator[Entry]:
        reply = self.ask("PROPFIND", path, {"Depth": depth, "Content-Type": "application/xml; charset=utf-8"}, _WANTED)
        if reply.status != 207:
            raise wrong(reply)
        return _files(reply)


def wrong(reply: Reply) -> UploaderError:
    """What an unwanted answer means; one that looks like success comes from somebody in between."""
    return Temporary(NO_DATA, host=reply.host) if reply.status < 300 else sort_out(reply)


def _is_page(reply: Reply) -> bool:
    """A success with a web page in it: perhaps the login of a hotel."""
    return reply.status == 200 and reply.headers.get("content-type", "").startswith("text/html") and bool(reply.body)


def _files(reply: Reply) -> Iterator[Entry]:
    tree = tree_of(reply)
    if tree is None or tree.tag != "{DAV:}multistatus":
        raise Temporary(NO_DATA, host=reply.host)
    for response in tree.iter("{DAV:}response"):
        length = next((e.text or "" for e in response.iter("{DAV:}getcontentlength")), "")
        if next(response.iter("{DAV:}collection"), None) is not None or not length.strip().isdecimal():
            continue
        href = urlsplit((response.findtext("{DAV:}href") or "").strip()).path
        sums = " ".join(e.text or "" for e in response.iter("{http://owncloud.org/ns}checksum"))
        yield Entry(unquote(href.rstrip("/").rpartition("/")[2]), int(length), sums)
