"""A strict Google Cloud Storage on loopback: the XML API as far as signed uploads and links need it.

It checks V4 signatures with code of its own, so that ours is not its own judge. The sentences are Google's, from
"Canonical requests", "Signatures", "Signed URLs", "Resumable uploads" and "Perform resumable uploads", 2026.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from tests.servers.cloud import Asked, Cloud, Told

ACCESS_KEY, SECRET_KEY, EMAIL = "GOOG1ETESTACCESSKEY", "test/secret+key", "testigo@project.iam.gserviceaccount.com"
PIECE_BYTES = 256 * 1024
XML = {"Content-Type": "application/xml; charset=UTF-8"}
WRONG = {
    "SignatureDoesNotMatch": 403, "AccessDenied": 403, "ExpiredToken": 400, "NoSuchKey": 404, "NoSuchBucket": 404,
    "InvalidSecurity": 403, "InvalidArgument": 400, "MalformedSecurityHeader": 400,
}  # fmt: skip


@dataclass
class Stored:
    content: bytes
    headers: dict[str, str]


@dataclass
class Session:
    name: str
    headers: dict[str, str]
    content: bytearray = field(default_factory=bytearray)
    size_bytes: int | None = None
    done: bool = False


class GcsServer(Cloud):
    """``files`` (by ``bucket/name``) and ``sessions`` are its truth; the other attributes are what a test may turn."""

    def __init__(self, public_key: bytes = b"", bucket: str = "shares") -> None:
        self.bucket, self._public_key = bucket, public_key
        self.files: dict[str, Stored] = {}
        self.sessions: dict[str, Session] = {}
        self.public = False
        self.takes_most = 2**40
        """So much of a piece it keeps."""
        self.damages = False
        super().__init__()

    def answer(self, asked: Asked) -> Told:
        if asked.query.get("upload_id"):
            return self._take(asked)
        unsigned = self.public and asked.method in ("GET", "HEAD") and "X-Goog-Signature" not in asked.query
        if not unsigned and (code := self._fault_of_signature(asked)):
            return _wrong(code)
        bucket, _, name = asked.path.strip("/").partition("/")
        if bucket != self.bucket:
            return _wrong("NoSuchBucket")
        if not name:
            return Told(200, b"<?xml version='1.0'?><ListBucketResult></ListBucketResult>", XML)
        if asked.method == "POST":
            return self._begin(asked, name)
        assert asked.method in ("GET", "HEAD", "DELETE"), asked.method
        if name not in self.files:
            return _wrong("NoSuchKey")
        if asked.method == "DELETE":
            del self.files[name]
            return Told(204)
        return self._show(asked, self.files[name])

    def _fault_of_signature(self, asked: Asked) -> str:
        """The code of what is wrong with it; empty when nothing is."""
        query = dict(asked.query)
        if "X-Goog-Signature" not in query:
            return "AccessDenied"
        signature, algorithm = query.pop("X-Goog-Signature"), query["X-Goog-Algorithm"]
        who, day, _, *ending = query["X-Goog-Credential"].split("/")
        at = datetime.strptime(query["X-Goog-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        # "X-Goog-Expires: […] The longest expiration value is 604800 seconds (7 days)."
        assert 0 < int(query["X-Goog-Expires"]) <= 604_800
        assert ending == ["storage", "goog4_request"]
        assert day == f"{at:%Y%m%d}"
        if datetime.now(UTC) > at + timedelta(seconds=int(query["X-Goog-Expires"])):
            return "ExpiredToken"
        names = query["X-Goog-SignedHeaders"].split(";")
        # "host: […] must be included"; "any x-goog-* header that the request has must be signed"
        assert "host" in names
        assert {name for name in asked.headers if name.startswith("x-goog-")} <= set(names)
        text = self._text_to_sign(asked, query, names)
        if algorithm == "GOOG4-RSA-SHA256":
            return "" if who == EMAIL and self._is_signed(bytes.fromhex(signature), text) else "SignatureDoesNotMatch"
        assert algorithm == "GOOG4-HMAC-SHA256", algorithm
        if who != ACCESS_KEY:
            return "InvalidSecurity"
        key = ("GOOG4" + SECRET_KEY).encode()
        for part in query["X-Goog-Credential"].split("/")[1:]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        right = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        return "" if hmac.compare_digest(right, signature) else "SignatureDoesNotMatch"

    def _text_to_sign(self, asked: Asked, query: dict[str, str], names: list[str]) -> str:
        """HTTP_VERB, PATH_TO_RESOURCE, CANONICAL_QUERY_STRING, CANONICAL_HEADERS, SIGNED_HEADERS, PAYLOAD."""
        assert names == sorted(names)
        listed = [f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(query.items())]
        headers = [f"{name}:{asked.headers[name]}" for name in names]
        request = [asked.method, quote(asked.path, safe="/~"), "&".join(listed), *headers, "", ";".join(names),
                   "UNSIGNED-PAYLOAD"]  # fmt: skip
        scope = query["X-Goog-Credential"].partition("/")[2]
        digest = hashlib.sha256("\n".join(request).encode()).hexdigest()
        return "\n".join([query["X-Goog-Algorithm"], query["X-Goog-Date"], scope, digest])

    def _is_signed(self, signature: bytes, text: str) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        key = load_pem_public_key(self._public_key)
        assert isinstance(key, RSAPublicKey)
        try:
            key.verify(signature, text.encode(), PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True

    def _begin(self, asked: Asked, name: str) -> Told:
        # "Signed URLs can only be used for POST requests that initiate a resumable upload."
        assert asked.headers["x-goog-resumable"] == "start"
        assert asked.length == 0
        known = secrets.token_urlsafe(24)
        # "Object metadata set by the user is specified in the initial request."
        kept = {part: asked.headers[part] for part in ("content-type", "content-disposition") if part in asked.headers}
        self.sessions[known] = Session(name, kept)
        return Told(201, b"", {"Location": f"{asked.base}/{self.bucket}/{quote(name)}?upload_id={known}"})

    def _take(self, asked: Asked) -> Told:
        session = self.sessions.get(asked.query["upload_id"])
        # "the session URI acts as an authentication token, so the requests […] don't need to be signed"
        assert "X-Goog-Signature" not in asked.query
        # "A resumable upload must be completed within a week of being initiated"; then 404 Not Found or 410 Gone
        if session is None:
            return Told(410, b"")
        if asked.method == "DELETE":
            # "If successful, the response contains a 499 status code."
            del self.sessions[asked.query["upload_id"]]
            return Told(499)
        assert asked.method == "PUT"
        span = re.fullmatch(r"bytes (?:\*|(\d+)-(\d+))/(\d+)", asked.headers["content-range"])
        assert span and session.size_bytes in (None, int(span[3]))
        session.size_bytes = int(span[3])
        if session.done:
            return Told(200)
        if span[1] is not None:
            first, last = int(span[1]), int(span[2])
            assert last - first + 1 == asked.length
            if first != len(session.content):
                return _wrong("InvalidArgument")
            # "The chunk size should be a multiple of 256 KiB […], unless it's the last chunk"
            if last + 1 != session.size_bytes and asked.length % PIECE_BYTES:
                return _wrong("InvalidArgument")
            session.content += asked.body[: self.takes_most]
        if len(session.content) == session.size_bytes:
            return self._complete(session)
        # "308 Resume Incomplete […] If Cloud Storage has not yet persisted any bytes, there is no Range header"
        have = {"Range": f"bytes=0-{len(session.content) - 1}"} if session.content else {}
        return Told(308, b"", have)

    def keep(self, asked: Asked) -> None:
        """What arrived before the line broke may count, in whole units."""
        session = self.sessions.get(asked.query.get("upload_id", ""))
        if session and asked.method == "PUT" and not session.done:
            session.content += asked.body[: len(asked.body) // PIECE_BYTES * PIECE_BYTES]

    def _complete(self, session: Session) -> Told:
        # "Only a completed resumable upload appears in your bucket"
        session.done, content = True, bytes(session.content)
        if self.damages and content:
            self.damages, content = False, content[:-1] + b"?"
        self.files[session.name] = Stored(content, session.headers)
        return Told(200)

    def _show(self, asked: Asked, stored: Stored) -> Told:
        md5 = base64.b64encode(hashlib.md5(stored.content).digest()).decode()
        headers = {
            **stored.headers, "x-goog-generation": "1", "x-goog-hash": f"crc32c=AAAAAA==, md5={md5}",
            "x-goog-stored-content-length": str(len(stored.content)),
        }  # fmt: skip
        if asked.headers.get("range") == "bytes=0-0" and stored.content:
            return Told(206, stored.content[:1], {**headers, "Content-Range": f"bytes 0-0/{len(stored.content)}"})
        return Told(200, stored.content, headers)


def _wrong(code: str) -> Told:
    text = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
    return Told(WRONG[code], text.encode(), XML)
