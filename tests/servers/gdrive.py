"""A strict Google Drive on loopback: API v3 as far as uploading and sharing need it, and the page a reader opens."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from tests.servers.cloud import Asked, Told, of_file
from tests.servers.oauth import OAuthServer, Provider

PIECE_BYTES = 256 * 1024
SCOPE = "https://www.googleapis.com/auth/drive.file"


@dataclass
class Stored:
    about: dict[str, Any]
    content: bytes = b""
    permissions: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Session:
    about: dict[str, Any]
    size_bytes: int
    content: bytearray = field(default_factory=bytearray)
    done: bool = False


class DriveServer(OAuthServer):
    """``files`` and ``sessions`` are its truth; the other attributes are what a test may turn."""

    def __init__(self) -> None:
        self.files: dict[str, Stored] = {}
        self.sessions: dict[str, Session] = {}
        self.drawn: set[str] = set()
        self.closed = False
        """The organisation does not let anyone in by link."""
        self.takes_most = 2**40
        """So much of a piece it keeps."""
        self.forgets = False
        """A session is gone as soon as its file is there."""
        super().__init__(Provider(SCOPE, client_secret="not-secret"))

    def serve(self, asked: Asked) -> Told:
        if asked.path.startswith(("/file/", "/uc", "/download")):
            return self._show(asked)
        if asked.query.get("upload_id"):
            return self._take(asked)
        if not self.provider.admits(asked):
            return _wrong(401, "authError")
        if self.refusals:
            return _wrong(*self.refusals.pop(0))
        # "Set supportsAllDrives=true to work with shared drives": without it files there are not found.
        if asked.path != "/drive/v3/files/generateIds" or asked.method != "GET":
            assert asked.query.get("supportsAllDrives") == "true"
        if asked.path == "/upload/drive/v3/files":
            return self._begin(asked)
        return self._files(asked)

    def _files(self, asked: Asked) -> Told:
        found = re.fullmatch(r"/drive/v3/files/([^/]+)(/permissions(?:/([^/]+))?)?", asked.path)
        assert found, asked.path
        name, sharing, permission = found.groups()
        if name == "generateIds":
            assert asked.query["count"] == "1" and asked.query["space"] == "drive"
            self.drawn.add(drawn := secrets.token_hex(16))
            return Told(200, {"ids": [drawn], "space": "drive", "kind": "drive#generatedIds"})
        file = self.files.get(name)
        if file is None:
            return _wrong(404, "notFound")
        if sharing:
            return self._share(asked, file, permission)
        if asked.method == "DELETE":
            del self.files[name]
            return Told(204)
        fields = asked.query["fields"].split(",")
        about = {
            "id": name, "name": file.about["name"], "size": str(len(file.content)),
            "sha256Checksum": hashlib.sha256(file.content).hexdigest(),
            "webViewLink": f"{asked.base}/file/d/{name}/view?usp=drivesdk",
        }  # fmt: skip
        return Told(200, {key: about[key] for key in fields})

    def _share(self, asked: Asked, file: Stored, permission: str | None) -> Told:
        if asked.method == "GET":
            return Told(200, {"permissions": list(file.permissions.values())})
        if asked.method == "DELETE":
            return Told(204) if file.permissions.pop(permission or "", None) else _wrong(404, "notFound")
        wanted = asked.json()
        # "expirationTime: […] They can only be set on user and group permissions"
        assert "expirationTime" not in wanted or wanted["type"] in ("user", "group")
        assert wanted["role"] == "reader" and not wanted["allowFileDiscovery"]
        if self.closed and wanted["type"] == "anyone":
            return _wrong(403, "publishOutNotPermitted")
        if wanted["type"] == "domain":
            assert wanted["domain"]
        made = "anyoneWithLink" if wanted["type"] == "anyone" else "1" + wanted["domain"]
        file.permissions[made] = {"id": made, "type": wanted["type"], "role": "reader"}
        return Told(200, file.permissions[made])

    def _begin(self, asked: Asked) -> Told:
        about = asked.json()
        assert asked.query["uploadType"] == "resumable"
        # "When providing IDs, they must come from generateIds"; with one that is used: 409.
        if about["id"] not in self.drawn:
            return _wrong(400, "invalid")
        if about["id"] in self.files:
            return _wrong(409, "fileIdInUse")
        if about.get("parents", ["root"]) != ["root"]:
            return _wrong(404, "notFound")  # drive.file: only what the app has made
        # "appProperties: maximum of 124 bytes per property (including both key and value) in UTF-8"
        assert all(len((k + v).encode()) <= 124 for k, v in about["appProperties"].items())
        known = secrets.token_urlsafe(24)
        self.sessions[known] = Session(about, int(asked.headers["x-upload-content-length"]))
        assert asked.headers["x-upload-content-type"] == about["mimeType"]
        return Told(
            200, b"", {"Location": f"{asked.base}/upload/drive/v3/files?uploadType=resumable&upload_id={known}"}
        )

    def _take(self, asked: Asked) -> Told:
        known = asked.query["upload_id"]
        session = self.sessions.get(known)
        assert "authorization" not in asked.headers
        # "404 Not Found: […] the upload session has expired and the upload must be restarted from the beginning"
        if session is None:
            return _wrong(404, "notFound")
        if asked.method == "DELETE":
            del self.sessions[known]
            return Told(499)
        if session.done:
            return Told(200, {"id": session.about["id"], "name": session.about["name"]})
        span = re.fullmatch(r"bytes (?:\*|(\d+)-(\d+))/(\d+)", asked.headers["content-range"])
        assert span and int(span[3]) == session.size_bytes
        if span[1] is not None:
            first, last = int(span[1]), int(span[2])
            assert last - first + 1 == asked.length
            if first != len(session.content):
                return _wrong(400, "invalidRange")
            # "Create chunks in multiples of 256 KB […] in size, except for the final chunk that completes the upload."
            if last + 1 != session.size_bytes and asked.length % PIECE_BYTES:
                return _wrong(400, "badRequest")
            session.content += asked.body[: self.takes_most]
        if len(session.content) == session.size_bytes:
            return self.complete(session)
        # "308 Resume Incomplete […] If the response doesn't have a Range header, no bytes have been received."
        have = {"Range": f"bytes=0-{len(session.content) - 1}"} if session.content else {}
        return Told(308, b"", have)

    def keep(self, asked: Asked) -> None:
        """What arrived before the line broke may count, in whole units."""
        session = self.sessions.get(asked.query.get("upload_id", ""))
        if session and asked.method == "PUT":
            session.content += asked.body[: len(asked.body) // PIECE_BYTES * PIECE_BYTES]

    def complete(self, session: Session) -> Told:
        session.done = True
        if self.forgets:
            self.sessions = {known: other for known, other in self.sessions.items() if other is not session}
        self.files[session.about["id"]] = Stored(session.about, self.damaged(bytes(session.content)))
        return Told(200, {"id": session.about["id"], "name": session.about["name"]})

    def _show(self, asked: Asked) -> Told:
        name = asked.query.get("id") or asked.path.split("/")[3]
        file = self.files.get(name)
        if file is None:
            return Told(404)
        if "anyoneWithLink" not in file.permissions:
            return Told(302, b"", {"Location": f"{asked.base}/ServiceLogin"})
        if asked.path == "/uc":
            return Told(303, b"", {"Location": f"{asked.base}/download?id={name}&export=download"})
        if asked.path == "/download":
            return of_file(asked, file.content)
        return Told(200, b"<!doctype html><title>Google Drive</title>", {"Content-Type": "text/html"})


def _wrong(status: int, reason: str) -> Told:
    error = {"errors": [{"domain": "global", "reason": reason, "message": reason}], "code": status, "message": reason}
    return Told(status, {"error": error})
