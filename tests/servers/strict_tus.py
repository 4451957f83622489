"""A strict tus 1.0 on loopback that compares checksums and wants a login, which the project's own server does not.

Source: tus.io/protocols/resumable-upload, version 1.0.0 (2016).
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from tests.servers.cloud import Asked, Cloud, Told, of_file

LOGIN = "Bearer let:me-in"


@dataclass
class Held:
    size_bytes: int
    content: bytes = b""


class StrictTus(Cloud):
    """``held`` is its truth; the other attributes are what a test may turn."""

    def __init__(self) -> None:
        self.held: dict[str, Held] = {}
        self.checks = True
        self.terminates = True
        self.damages = 0
        super().__init__()

    def answer(self, asked: Asked) -> Told:
        if asked.method == "OPTIONS":
            # "The Client SHOULD NOT include the Tus-Resumable header in the request"
            assert "tus-resumable" not in asked.headers
            offers = ["creation"] + ["checksum"] * self.checks + ["termination"] * self.terminates
            return Told(204, headers={"Tus-Version": "1.0.0", "Tus-Extension": ",".join(offers),
                                      **({"Tus-Checksum-Algorithm": "sha1,md5"} if self.checks else {})})  # fmt: skip
        if asked.method == "GET":
            held = self.held.get(asked.path)
            return of_file(asked, held.content) if held else Told(404)
        # "The Tus-Resumable header MUST be included in every request and response except for OPTIONS requests."
        assert asked.headers["tus-resumable"] == "1.0.0"
        if asked.method != "HEAD" and asked.headers.get("authorization") != LOGIN:
            return Told(401)
        if asked.method == "POST":
            return self._begin(asked)
        held = self.held.get(asked.path)
        if held is None:
            return Told(410)
        if asked.method == "DELETE":
            if not self.terminates:
                return Told(405)
            del self.held[asked.path]
            return Told(204)
        if asked.method == "PATCH":
            return self._take(asked, held)
        assert asked.method == "HEAD"
        return Told(200, headers={"Upload-Offset": str(len(held.content)), "Upload-Length": str(held.size_bytes)})

    def _begin(self, asked: Asked) -> Told:
        about = dict(pair.split(" ") for pair in asked.headers["upload-metadata"].split(","))
        assert base64.b64decode(about["filename"], validate=True).isascii()
        path = f"/files/{len(self.asked)}-{hashlib.sha256(about['name'].encode()).hexdigest()}"
        self.held[path] = Held(int(asked.headers["upload-length"]))
        return Told(201, headers={"Location": path})

    def _take(self, asked: Asked, held: Held) -> Told:
        # "All PATCH requests MUST use Content-Type: application/offset+octet-stream"
        assert asked.headers["content-type"] == "application/offset+octet-stream"
        if int(asked.headers["upload-offset"]) != len(held.content):
            return Told(409)
        came = asked.body
        if self.damages and came:
            self.damages -= 1
            came = bytes([came[0] ^ 0xFF]) + came[1:]
        assert ("upload-checksum" in asked.headers) == self.checks, "a checksum that nobody offered to compare"
        if self.checks:
            kind, told = asked.headers["upload-checksum"].split(" ")
            assert kind == "sha1"
            # "460 Checksum Mismatch … the uploaded chunk MUST be discarded"
            if base64.b64decode(told, validate=True) != hashlib.sha1(came).digest():
                return Told(460)
        held.content += came
        return Told(204, headers={"Upload-Offset": str(len(held.content))})
