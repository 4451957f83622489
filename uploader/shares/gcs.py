"""Google Cloud Storage, without a browser: signed by the HMAC keys or the key file of a service account.

One range session per file; Google's MD5 of the whole is compared with ours. The link is a signed address that ends by
itself after seven days at most; the object stays until it is revoked or the bucket's lifecycle deletes it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote, urljoin, urlsplit

from uploader.clock import ServerClock
from uploader.errors import AuthFailed, Gone, InvalidField, Refused, Temporary, TooLarge, UploaderError
from uploader.names import disposition
from uploader.sent import SentSum
from uploader.setting import Secret, setting
from uploader.sigv4 import GOOGLE, LONGEST_S, Credentials, sign
from uploader.source import Window
from uploader.ticket import Link, ShareAbilities
from uploader.transfer import UploadShare
from uploader.trial import try_out
from uploader.ways import PieceRule, Stream, Upload, is_key
from uploader.wire import NO_DATA, Reply, Wire, sort_out
from uploader.xml_reply import text_of

if TYPE_CHECKING:
    from hashlib import _Hash

CALL_S = 15 * 60
"""How long the signature of one call holds."""
LARGEST_BYTES = 5 * 1024**4
"""Source: Cloud Storage, "Quotas & limits", 2026."""
RESUME = 308
"""Google's own meaning of this status: go on. Source: Cloud Storage, "Perform resumable uploads", 2026."""


@dataclass(frozen=True, kw_only=True)
class GoogleCloud(UploadShare):
    title: ClassVar[str] = "Google Cloud Storage"
    abilities: ClassVar[ShareAbilities] = ShareAbilities(
        resumes=True, ends_links="service", revokes=True, largest_bytes=LARGEST_BYTES, checks="MD5 of the whole",
        serves_pages=True,
    )  # fmt: skip

    bucket: str = setting("Bucket")
    access_key: str = setting("Access key", help="Of an HMAC key; it begins with GOOG.", default="")
    secret_key: Secret = setting("Secret key", kind="secret", default=Secret(""))
    key_file: Secret = setting(
        "Key file of a service account",
        help="Its content (JSON), in the place of access key and secret key.",
        kind="secret",
        default=Secret(""),
    )
    prefix: str = setting("Folder in the bucket", default="testigo/", rare=True)
    expires_days: float = setting(
        "The link ends after, in days", help="A signed link ends after 7 days at the latest.", kind="number",
        default=7.0, least=0, most=3650,
    )  # fmt: skip
    server: str = field(default="https://storage.googleapis.com")

    def way(self, wire: Wire) -> GoogleWay:
        return GoogleWay(self, wire)

    @property
    def link_days(self) -> float:
        most = LONGEST_S / 86400
        return min(self.expires_days or most, most)

    def check(self) -> None:
        """Stores, reads and deletes a small file; looks whether strangers can list. Raises: UploaderError."""
        try_out(self)
        with self.open_wire() as wire:
            shown = wire.call("GET", f"{self.server}/{self.bucket}", ok=range(200, 600))
            if shown.status == 200 and b"<ListBucketResult" in shown.body:
                raise Refused("anyone can list the bucket “{bucket}”; make it private", bucket=self.bucket)

    def link(self, wire: Wire, upload: Upload, stored: str, days: float, password: str) -> Link:
        valid_s = min(int(days * 86400) or LONGEST_S, LONGEST_S)
        at = datetime.now(UTC)
        return Link(self.sign("GET", stored, {}, at, valid_s), at + timedelta(seconds=valid_s), "service", stored)

    def look(self, wire: Wire, upload: Upload, link: Link) -> None:
        super().look(wire, upload, link)
        bare = wire.call("GET", link.url.partition("?")[0], ok=range(200, 600), most_bytes=0)
        if bare.status in (200, 206) and "x-goog-generation" in bare.headers:
            raise Refused("anyone can read the bucket “{bucket}” without the link; make it private", bucket=self.bucket)

    def erase(self, wire: Wire, receipt: str) -> None:
        key, _, name = receipt.removeprefix(self.prefix).partition("/")
        if not is_key(key) or not receipt.startswith(self.prefix):
            raise Refused("{service} cannot take a link back; ask whoever looks after it", service=self.title)
        way = self.way(wire)
        way.delete(receipt)
        if name != "open.html":  # the page that opens a sealed file lies beside it
            way.delete(f"{self.prefix}{key}/open.html")

    def who(self) -> Credentials:
        """Raises: InvalidField when there is neither a key file nor an HMAC key."""
        if not self.key_file:
            if not self.access_key or not self.secret_key:
                raise InvalidField("secret_key", "it takes an access key and its secret, or a key file")
            return Credentials(self.access_key, self.secret_key.reveal())
        try:
            about = json.loads(self.key_file.reveal())
            return Credentials(about["client_email"], "", private_key=about["private_key"])
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidField("key_file", "this is no key file of a service account; make a new one") from error

    def sign(self, method: str, name: str, headers: Mapping[str, str], at: datetime, valid_s: int) -> str:
        url = f"{self.server}/{self.bucket}/{quote(name, safe='/-_.~')}"
        try:
            return sign(method, url, {}, headers, who=self.who(), region="auto", at=at, valid_s=valid_s, dialect=GOOGLE)
        except ValueError as error:
            raise InvalidField("key_file", "this is no key file of a service account; make a new one") from error

    def name(self, upload: Upload) -> str:
        return f"{self.prefix}{upload.key}/{upload.name}"


@dataclass
class GoogleWay(Stream):
    """The session is its address, a secret that needs no signature; it lives a week."""

    share: GoogleCloud
    wire: Wire
    clock: ServerClock = field(default_factory=ServerClock)
    sums: SentSum[_Hash] = field(default_factory=lambda: SentSum(_md5))

    pieces: ClassVar[PieceRule] = PieceRule(most_count=2**31)

    def begin(self, upload: Upload) -> str:
        about = {"Content-Type": upload.media_type}
        if not upload.media_type.startswith("text/html"):
            about["Content-Disposition"] = disposition(upload.name)
        reply = self.ask("POST", self.share.name(upload), {"x-goog-resumable": "start"}, about)
        location = reply.headers.get("location", "")
        session = urljoin(reply.url, location)
        if reply.status != 201 or not location or not self._is_theirs(session):
            raise Temporary(NO_DATA, host=reply.host)
        return session

    def offset(self, upload: Upload, session: str) -> int:
        reply = self.wire.call(
            "PUT", session, headers={"Content-Range": f"bytes */{upload.size_bytes}"}, ok=range(200, 600)
        )
        return self._reached(upload, reply)

    def send(self, upload: Upload, session: str, body: Window) -> int:
        span = f"{body.offset}-{body.offset + body.size_bytes - 1}" if body.size_bytes else "*"
        summed = self.sums.body(body)
        headers = {"Content-Range": f"bytes {span}/{upload.size_bytes}"}
        reply = self.wire.call("PUT", session, headers=headers, body=summed, ok=range(200, 600))
        if reply.status in (400, 416):  # perhaps bytes of a connection that broke have arrived meanwhile
            reached = self.offset(upload, session)
            if reached == body.offset:
                raise _sort(reply, self.share.bucket)
            return reached
        reached = self._reached(upload, reply)
        if reached <= body.offset and body.size_bytes:
            raise Temporary("{host} did not keep the file; it is sent again", host=reply.host)
        return self.sums.take(summed, reached)

    def finish(self, upload: Upload, session: str, receipts: Mapping[int, str]) -> str:
        """Compares with Google's MD5; when an earlier run sent the end, with the length alone."""
        name = self.share.name(upload)
        try:
            found = self.find(upload)
        except Gone:
            self.offset(upload, session)  # tells whether the session is gone too
            raise Temporary("{host} does not show the file yet", host=self._host) from None
        ours, theirs = self.sums.whole(upload.size_bytes), _hashes(found).get("md5")
        wrong = found.get("x-goog-stored-content-length", "") != str(upload.size_bytes)
        if wrong or (ours and theirs and base64.b64encode(ours.digest()).decode() != theirs):
            self.delete(name)
            raise Gone("{host} put something else together than was sent; it is sent anew", host=self._host)
        return name

    def abort(self, upload: Upload, session: str) -> None:
        reply = self.wire.call("DELETE", session, ok=range(200, 600))
        if reply.status == 200 or reply.status >= 500:
            raise Temporary(NO_DATA, host=reply.host)
        self.delete(self.share.name(upload))

    def find(self, upload: Upload) -> Mapping[str, str]:
        """What Google says about the object. Raises: Gone when there is none."""
        headers = self.ask("HEAD", self.share.name(upload)).headers
        if "x-goog-generation" not in headers:
            raise Temporary(NO_DATA, host=self._host)
        return headers

    def delete(self, name: str) -> None:
        """Harmless when it is gone."""
        with suppress(Gone):
            reply = self.ask("DELETE", name)
            if reply.status != 204:
                raise Temporary(NO_DATA, host=reply.host)

    def ask(
        self, method: str, name: str, signed: Mapping[str, str] | None = None, more: Mapping[str, str] | None = None
    ) -> Reply:
        """One signed call. Raises: UploaderError by the code in the answer's XML."""
        for again in (True, False):
            url = self.share.sign(method, name, signed or {}, self.clock.now(), CALL_S)
            reply = self.wire.call(method, url, headers={**(signed or {}), **(more or {})}, ok=range(200, 600))
            if reply.status < 300:
                return reply
            if reply.status in (400, 403) and again and self.clock.heed(reply):
                continue
            raise _sort(reply, self.share.bucket)
        raise AssertionError("unreachable")

    def _reached(self, upload: Upload, reply: Reply) -> int:
        """How far the server says it is; that all is there, only the object itself can tell."""
        if reply.status == RESUME:
            last = reply.headers.get("range", "").rpartition("-")[2]
            return int(last) + 1 if last.isdecimal() else 0
        if reply.status in (200, 201, 404, 410):
            try:
                self.find(upload)
            except Gone:
                if reply.status < 300:
                    raise Temporary(NO_DATA, host=reply.host) from None
                raise
            return upload.size_bytes
        raise _sort(reply, self.share.bucket)

    def _is_theirs(self, session: str) -> bool:
        """A session on another host would get the file: only Google's own may be one."""
        mine, theirs = urlsplit(self.share.server), urlsplit(session)
        google = theirs.scheme == "https" and (theirs.hostname or "").endswith(".googleapis.com")
        return bool(theirs.query) and (google or (mine.scheme, mine.netloc) == (theirs.scheme, theirs.netloc))

    @property
    def _host(self) -> str:
        return urlsplit(self.share.server).hostname or ""


def _md5() -> _Hash:
    return hashlib.md5(usedforsecurity=False)


def _hashes(headers: Mapping[str, str]) -> dict[str, str]:
    """``crc32c`` and ``md5`` in base64, as far as they are told."""
    found = (part.strip().partition("=") for part in headers.get("x-goog-hash", "").split(","))
    return {kind: value for kind, _, value in found if value}


def _sort(reply: Reply, bucket: str) -> UploaderError:
    host, code = reply.host, text_of(reply, "Code")
    if code == "NoSuchBucket":
        return Refused("there is no bucket “{bucket}” at {host}; correct it in the settings", bucket=bucket, host=host)
    if code in (
        "SignatureDoesNotMatch",
        "InvalidSecurity",
        "ExpiredToken",
        "AuthenticationRequired",
        "MissingSecurityHeader",
    ):
        return AuthFailed("{host} does not accept the password or token", host=host)
    if code in ("AccessDenied", "UserProjectAccountProblem", "AccountProblem"):
        return Refused("{host} does not allow it ({status}); the account may lack a right", host=host, status=code)
    if code == "EntityTooLarge":
        return TooLarge("{host} does not take a file of this size", host=host)
    return sort_out(reply)
