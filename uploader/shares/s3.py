"""Amazon S3 and everything that speaks it: Ceph, MinIO, R2, Wasabi, Backblaze, a NAS.

Objects lie under a random key; the link is a signed address that ends by itself after seven days at most. The object
is deleted when the link has ended, by us or by a lifecycle rule of the bucket.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from urllib.parse import quote, urlsplit
from xml.sax.saxutils import escape

from uploader.clock import ServerClock
from uploader.errors import AuthFailed, Gone, NoSpace, Refused, Temporary, TooLarge, UploaderError
from uploader.names import disposition
from uploader.setting import Secret, setting
from uploader.sigv4 import LONGEST_S, Credentials, sign
from uploader.source import Window
from uploader.ticket import Link, ShareAbilities
from uploader.transfer import UploadShare
from uploader.ways import Part, Parts, PieceRule, Upload, is_key
from uploader.wire import NO_DATA, Body, Reply, Wire, sort_out
from uploader.xml_reply import all_of, plain, text_of, tree_of

SENT_ANEW = "{host} put something else together than was sent; it is sent anew"
CALL_S = 15 * 60
"""How long the signature of one call holds: a slow piece must not outlive it."""
MOST_COMPLETE_S = 600.0
"""Putting thousands of parts together may take minutes. Source: S3 API reference, CompleteMultipartUpload, 2026."""
LARGEST_BYTES = 5 * 1024**4
"""What every make takes; Amazon itself takes more. Source: S3 user guide, "multipart upload limits", 2025."""


@dataclass(frozen=True, kw_only=True)
class S3(UploadShare):
    title: ClassVar[str] = "S3"
    abilities: ClassVar[ShareAbilities] = ShareAbilities(
        resumes=True, ends_links="service", revokes=True, largest_bytes=LARGEST_BYTES, checks="CRC-32 or MD5 per part",
        serves_pages=True,
    )  # fmt: skip

    bucket: str = setting("Bucket")
    access_key: str = setting("Access key")
    secret_key: Secret = setting("Secret key", kind="secret")
    token: Secret = setting("Session token", help="Only with temporary credentials.", kind="secret", default=Secret(""),
                             rare=True)  # fmt: skip
    region: str = setting("Region", default="us-east-1")
    url: str = setting("Server", help="Empty: Amazon. Else https://s3.example.org", kind="url", default="")
    style: str = setting("Address style", help="How the bucket stands in addresses.",
                         choices=("detect", "path", "virtual"), default="detect", rare=True)  # fmt: skip
    prefix: str = setting("Folder in the bucket", default="testigo/", rare=True)
    expires_days: float = setting(
        "The link ends after, in days", help="A signed link ends after 7 days at the latest.", kind="number",
        default=7.0, least=0, most=3650,
    )  # fmt: skip
    public_url: str = setting(
        "Public address of the bucket",
        help="Only if everybody may read by address what lies there, and nobody may list it.",
        kind="url",
        default="",
        rare=True,
    )

    def way(self, wire: Wire) -> S3Way:
        return S3Way(self, wire)

    @property
    def link_days(self) -> float:
        most = LONGEST_S / 86400
        return self.expires_days if self.public_url else min(self.expires_days or most, most)

    def check(self) -> None:
        """Begins an upload and aborts it: that is what sending needs. Raises: UploaderError."""
        with Wire() as wire:
            way = self.way(wire)
            probe = Upload("check-" + "0" * 26, "check", 0, "text/plain", 1)
            way.abort(probe, way.begin(probe))
            if wire.call("GET", self.address(""), ok=range(200, 600), most_bytes=0).status == 200:
                raise Refused("anyone can list the bucket “{bucket}”; make it private", bucket=self.bucket)

    def link(self, wire: Wire, upload: Upload, stored: str, days: float, password: str) -> Link:
        if self.public_url:
            ends = datetime.now(UTC) + timedelta(days=days) if days else None
            url = f"{self.public_url.rstrip('/')}/{quote(stored, safe='/-_.~')}"
            return Link(url, ends, "us" if ends else "", stored)
        valid_s = min(int(days * 86400) or LONGEST_S, LONGEST_S)
        at = datetime.now(UTC)
        shown = "text/html; charset=utf-8" if upload.media_type.startswith("text/html") else ""
        query = (
            {"response-content-type": shown} if shown else {"response-content-disposition": disposition(upload.name)}
        )
        url = sign("GET", self.address(stored), query, {}, who=self.who(), region=self.region, at=at, valid_s=valid_s)
        return Link(url, at + timedelta(seconds=valid_s), "service", stored)

    def look(self, wire: Wire, upload: Upload, link: Link) -> None:
        super().look(wire, upload, link)
        bare = wire.call("GET", link.url.partition("?")[0], ok=range(200, 600), most_bytes=0)
        if bare.status in (200, 206) and not self.public_url:
            raise Refused("anyone can read the bucket “{bucket}” without the link; make it private", bucket=self.bucket)

    def erase(self, wire: Wire, receipt: str) -> None:
        if not receipt.startswith(self.prefix) or not is_key(receipt.removeprefix(self.prefix).partition("/")[0]):
            raise Refused("{service} cannot take a link back; ask whoever looks after it", service=self.title)
        way = self.way(wire)
        with suppress(Gone):
            way.ask("DELETE", receipt)
        with suppress(Gone):  # the page that opens a sealed file lies beside it
            if not receipt.endswith("/open.html"):
                way.ask("DELETE", receipt.rpartition("/")[0] + "/open.html")

    def sweep(self, known: frozenset[str], older_than: datetime) -> int:
        """All unfinished uploads below our folder that are old and not known here, those of other computers too."""
        with Wire() as wire:
            way, swept = self.way(wire), 0
            for key, session, begun in way.unfinished():
                ours = key.removeprefix(self.prefix).partition("/")[0]
                if begun < older_than and ours not in known:
                    with suppress(Gone):
                        way.ask("DELETE", key, {"uploadId": session})
                    swept += 1
            return swept

    def who(self) -> Credentials:
        return Credentials(self.access_key, self.secret_key.reveal(), self.token.reveal())

    def address(self, key: str) -> str:
        """Where an object lies, percent-encoded, without a query."""
        server = self.url.rstrip("/") or f"https://s3.{self.region}.amazonaws.com"
        path = quote(key, safe="/-_.~")
        if self.style == "virtual" or (self.style == "detect" and not self.url):
            parts = urlsplit(server)
            return f"{parts.scheme}://{self.bucket}.{parts.netloc}{parts.path}/{path}"
        return f"{server}/{self.bucket}/{path}"

    def key(self, upload: Upload) -> str:
        return f"{self.prefix}{upload.key}/{upload.name}"


@dataclass
class S3Way(Parts):
    """Multipart upload. The session is JSON: the upload's id, and whether the server checks CRC-32."""

    share: S3
    wire: Wire
    clock: ServerClock = field(default_factory=ServerClock)

    pieces: ClassVar[PieceRule] = PieceRule(10_000, 5 * 1024**3)

    def begin(self, upload: Upload) -> str:
        headers = {"Content-Type": upload.media_type, "x-amz-checksum-algorithm": "CRC32"}
        reply = self.ask("POST", self.share.key(upload), {"uploads": ""}, headers)
        checks = reply.headers.get("x-amz-checksum-algorithm", "").upper() == "CRC32"
        return json.dumps({"id": text_of(_meant(reply, "InitiateMultipartUpload"), "UploadId"), "crc": checks})

    def have(self, upload: Upload, session: str) -> Mapping[int, Part]:
        found: dict[int, Part] = {}
        query = {"uploadId": json.loads(session)["id"]}
        while True:
            reply = self.ask("GET", self.share.key(upload), query, most_bytes=8 * 1024**2)
            for part in all_of(_meant(reply, "ListParts"), "Part"):
                about = {plain(child.tag): (child.text or "").strip() for child in part}
                receipt = f"{about['ETag'].strip(chr(34))} {about.get('ChecksumCRC32', '')}"
                found[int(about["PartNumber"])] = Part(int(about["Size"]), receipt)
            if text_of(reply, "IsTruncated") != "true":
                return found
            query["part-number-marker"] = text_of(reply, "NextPartNumberMarker")

    def send(self, upload: Upload, session: str, number: int, body: Window) -> str:
        known, md5 = json.loads(session), hashlib.md5(usedforsecurity=False)
        query = {"partNumber": str(number), "uploadId": known["id"]}
        crc = _crc32(body) if known["crc"] else ""
        if not crc:
            body.digests(md5.update)
        check = {"x-amz-checksum-crc32": crc} if crc else {"Content-MD5": base64.b64encode(md5.digest()).decode()}
        reply = self.ask("PUT", self.share.key(upload), query, check, body)
        etag = _etag(reply)
        if crc and reply.headers.get("x-amz-checksum-crc32") != crc:  # it only said so: then its ETag must tell
            body.digests(md5.update)
            if etag != md5.hexdigest():
                raise Temporary("a piece arrived damaged at {host}; it is sent again", host=reply.host)
        return f"{etag} {crc}"

    def finish(self, upload: Upload, session: str, receipts: Mapping[int, str]) -> str:
        known, key = json.loads(session), self.share.key(upload)
        parts = "".join(_part(number, receipts[number]) for number in sorted(receipts))
        xml = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        try:
            headers = {"Content-Type": "application/xml"}
            self.ask("POST", key, {"uploadId": known["id"]}, headers, xml, answer_s=MOST_COMPLETE_S)
        except _PartsDiffer:  # half of a piece that a broken line had held back came after the whole one
            self.abort(upload, session)
            raise Gone(SENT_ANEW, host=urlsplit(self.share.address("")).hostname or "") from None
        except Gone:  # perhaps an earlier one was carried out and its answer got lost: the object tells
            self._compare(upload, key, receipts)
            return key
        try:
            self._compare(upload, key, receipts)
        except Gone as error:
            raise Temporary(
                "{host} does not show the file yet", host=urlsplit(self.share.address("")).netloc
            ) from error
        return key

    def abort(self, upload: Upload, session: str) -> None:
        with suppress(Gone):
            self.ask("DELETE", self.share.key(upload), {"uploadId": json.loads(session)["id"]})

    def unfinished(self) -> Iterator[tuple[str, str, datetime]]:
        """Key, upload id and beginning of every open upload below our folder."""
        query = {"uploads": "", "prefix": self.share.prefix}
        while True:
            reply = self.ask("GET", "", query, most_bytes=8 * 1024**2)
            for open_one in all_of(_meant(reply, "ListMultipartUploads"), "Upload"):
                about = {plain(child.tag): (child.text or "") for child in open_one}
                yield about["Key"], about["UploadId"], datetime.fromisoformat(about["Initiated"])
            if text_of(reply, "IsTruncated") != "true":
                return
            query["key-marker"], query["upload-id-marker"] = (
                text_of(reply, "NextKeyMarker"), text_of(reply, "NextUploadIdMarker"),
            )  # fmt: skip

    def ask(
        self, method: str, key: str, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None,
        body: bytes | Body = b"", *, answer_s: float | None = None, most_bytes: int = 1024**2,
    ) -> Reply:  # fmt: skip
        """One signed call. Raises: UploaderError by the code in the answer's XML, also when its status says 200."""
        for again in (True, False):
            signed = {k: v for k, v in (headers or {}).items() if k.lower().startswith("x-amz-")}
            url = sign(method, self.share.address(key), query or {}, signed, who=self.share.who(),
                       region=self.share.region, at=self.clock.now(), valid_s=CALL_S)  # fmt: skip
            reply = self.wire.call(method, url, headers=headers, body=body, ok=range(200, 600), most_bytes=most_bytes,
                                   answer_s=answer_s)  # fmt: skip
            code = text_of(reply, "Code") if _is_error(reply) else ""
            if reply.status < 300 and not code:
                return reply
            if code in ("RequestTimeTooSkewed", "AccessDenied") and again and self.clock.heed(reply):
                continue
            raise _sort(reply, code, self.share.bucket)
        raise AssertionError("unreachable")

    def _compare(self, upload: Upload, key: str, receipts: Mapping[int, str]) -> None:
        """The object has our length, and where the server tells, the sum of our parts. Raises: Gone; Temporary."""
        reply = self.ask("HEAD", key, headers={"x-amz-checksum-mode": "ENABLED"})
        _etag(reply)
        told = reply.headers.get("x-amz-checksum-crc32", "")
        sums = b"".join(base64.b64decode(receipts[n].partition(" ")[2]) for n in sorted(receipts))
        wrong = reply.headers.get("content-length") != str(upload.size_bytes)
        if told.endswith(f"-{len(receipts)}") and len(sums) == 4 * len(receipts):
            wrong |= told.partition("-")[0] != base64.b64encode(zlib.crc32(sums).to_bytes(4, "big")).decode()
        if wrong:
            raise Gone(SENT_ANEW, host=reply.host)


class _PartsDiffer(Temporary):
    """The server's parts are not those that it was told of."""


def _crc32(body: Window) -> str:
    try:
        from isal.isal_zlib import crc32  # four times as fast, where it is built for the processor
    except ImportError:
        from zlib import crc32
    value = 0

    def add(block: bytes | memoryview) -> None:
        nonlocal value
        value = crc32(block, value)

    body.digests(add)
    return base64.b64encode(value.to_bytes(4, "big")).decode()


def _part(number: int, receipt: str) -> str:
    etag, _, crc = receipt.partition(" ")
    check = f"<ChecksumCRC32>{escape(crc)}</ChecksumCRC32>" if crc else ""
    return f'<Part><PartNumber>{number}</PartNumber><ETag>"{escape(etag)}"</ETag>{check}</Part>'


def _meant(reply: Reply, root: str) -> Reply:
    """The answer, if it is the one that was asked for and no page of somebody in between. Raises: Temporary."""
    tree = tree_of(reply)
    if tree is None or not plain(tree.tag).startswith(root):
        raise Temporary(NO_DATA, host=reply.host)
    return reply


def _etag(reply: Reply) -> str:
    if not (found := reply.headers.get("etag", "").strip('"')):
        raise Temporary(NO_DATA, host=reply.host)
    return found


def _is_error(reply: Reply) -> bool:
    tree = tree_of(reply)
    return tree is not None and plain(tree.tag) == "Error"


def _sort(reply: Reply, code: str, bucket: str) -> UploaderError:
    host = reply.host
    if code in ("NoSuchUpload", "NoSuchKey"):
        return Gone("{host} does not know it, or no longer ({status})", host=host, status=code)
    if code in ("InvalidPart", "InvalidPartOrder", "EntityTooSmall"):
        return _PartsDiffer(SENT_ANEW, host=host)
    if code == "NoSuchBucket":
        return Refused("there is no bucket “{bucket}” at {host}; correct it in the settings", bucket=bucket, host=host)
    if code in ("SignatureDoesNotMatch", "InvalidAccessKeyId", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"):
        return AuthFailed("{host} does not accept the password or token", host=host)
    if code == "AccessDenied":
        return Refused("{host} does not allow it ({status}); the account may lack a right", host=host, status=code)
    if code == "EntityTooLarge":
        return TooLarge("{host} does not take a file of this size", host=host)
    if code in ("QuotaExceeded", "StorageFull", "XMinioStorageFull"):
        return NoSpace("there is no space left at {host}", host=host)
    if code in ("BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"):
        return Temporary("a piece arrived damaged at {host}; it is sent again", host=host)
    if code in ("RequestTimeout", "SlowDown", "ServiceUnavailable", "InternalError", "OperationAborted"):
        return Temporary("{host} is busy or out of order ({status})", host=host, status=code)
    if code and reply.status < 300:
        return Temporary("{host} is busy or out of order ({status})", host=host, status=code)
    return sort_out(reply)
