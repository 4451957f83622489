"""The reference broker: the protocol of ``docs/shares/broker.md`` in front of an S3 bucket, in about a hundred lines.

``storage`` is asked by the broker itself; ``shown`` is the same server as the addresses name it, perhaps a bad line.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from tests.servers.asking import ask
from tests.servers.cloud import Asked, Cloud, Told
from tests.servers.s3 import S3Server

LINK_S = 604_800


@dataclass
class Upload:
    owner: str
    key: str
    """Where it lies in the storage; nothing in it can be guessed."""
    storage_id: str
    about: dict[str, Any]
    complete: bool = False


class BrokerServer(Cloud):
    """``tokens``: who may upload. The other attributes are what a test may turn."""

    def __init__(self, storage: S3Server, bucket: str) -> None:
        self.storage = self.shown = storage
        self.bucket = bucket
        self.tokens = {"token-of-ana": "ana", "token-of-eva": "eva"}
        self.uploads: dict[str, Upload] = {}
        self.by_idempotency_key: dict[tuple[str, str], str] = {}
        self.urls_live_s = 900
        self.most_bytes = 2**40
        self.traffic: list[tuple[str, str, Any, int, Any]] = []
        """Method, path, what was asked, status, what was told: for the check against the OpenAPI file."""
        super().__init__()

    def answer(self, asked: Asked) -> Told:
        told = self._answer(asked)
        content = json.loads(asked.body) if asked.body else None
        self.traffic.append((asked.method, asked.path, content, told.status, told.content or None))
        return told

    def _answer(self, asked: Asked) -> Told:
        owner = self.tokens.get(asked.headers.get("authorization", "").removeprefix("Bearer "))
        if owner is None:
            return Told(401)
        found = re.fullmatch(r"/v1/uploads(?:/([\w-]+)(?:/(urls|complete|link))?)?", asked.path)
        if found is None:
            return Told(404)
        upload_id, verb = found.groups()
        if upload_id is None:
            return self._create(asked, owner)
        upload = self.uploads.get(upload_id)
        if upload is None or upload.owner != owner:
            return Told(404)
        match asked.method, verb:
            case "GET", None:
                return Told(200, {"complete": upload.complete, "pieces": self._pieces(upload)})
            case "DELETE", None:
                return self._delete(upload_id, upload)
            case "POST", "urls":
                return self._hand_out(upload, asked.json()["numbers"])
            case "POST", "complete":
                return self._complete(upload, asked.json()["pieces"])
            case "POST", "link":
                return self._link(upload, asked.json()["expires_days"])
        return Told(405)

    def _create(self, asked: Asked, owner: str) -> Told:
        about, same = asked.json(), (owner, asked.headers["idempotency-key"])
        if same in self.by_idempotency_key:
            return Told(200, {"id": self.by_idempotency_key[same]})
        if about["size_bytes"] > self.most_bytes:
            return Told(413)
        if about["name"].endswith(".bat"):
            return Told(422, {"why": "programs are not taken"})
        upload_id, key = secrets.token_urlsafe(16), f"broker/{secrets.token_hex(16)}/{about['name']}"
        _, said = self.storage.ask("POST", f"/{self.bucket}/{key}", {"uploads": ""}, b"")
        storage_id = re.findall(rb"<UploadId>([^<]+)<", said)[0].decode()
        self.uploads[upload_id] = Upload(owner, key, storage_id, about)
        self.by_idempotency_key[same] = upload_id
        return Told(201, {"id": upload_id})

    def _hand_out(self, upload: Upload, numbers: list[int]) -> Told:
        assert 0 < len(numbers) <= 16 and not upload.complete
        urls = []
        for number in numbers:
            query = {"partNumber": str(number), "uploadId": upload.storage_id}
            path = f"/{self.bucket}/{upload.key}"
            urls.append({"number": number, "headers": {},
                         "url": self.shown.presign("PUT", path, query, expires_s=self.urls_live_s)})  # fmt: skip
        return Told(200, {"urls": urls})

    def _pieces(self, upload: Upload) -> list[dict[str, Any]]:
        _, listed = self.storage.ask("GET", f"/{self.bucket}/{upload.key}", {"uploadId": upload.storage_id})
        parts = re.findall(r"<Part>.*?</Part>", listed.decode(), re.DOTALL)
        wanted = {"number": r"<PartNumber>(\d+)<", "size_bytes": r"<Size>(\d+)<"}
        return [
            {name: int(re.findall(pattern, part)[0]) for name, pattern in wanted.items()}
            | {"receipt": re.findall(r"<ETag>([^<]+)<", part)[0].replace("&#34;", '"').replace("&quot;", '"')}
            for part in parts
        ]

    def _complete(self, upload: Upload, pieces: list[dict[str, Any]]) -> Told:
        path = f"/{self.bucket}/{upload.key}"
        if not upload.complete:
            listed = "".join(f"<Part><PartNumber>{piece['number']}</PartNumber><ETag>{escape(piece['receipt'])}</ETag>"
                             "</Part>" for piece in pieces)  # fmt: skip
            xml = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
            status, said = self.storage.ask("POST", path, {"uploadId": upload.storage_id}, xml)
            if status != 200 or b"<Error>" in said:
                return Told(409)
            upload.complete = True
        size = ask("HEAD", self.storage.presign("HEAD", path)).headers["Content-Length"]
        return Told(200, {"size_bytes": int(size)})

    def _link(self, upload: Upload, days: float) -> Told:
        assert upload.complete
        lives_s = min(int(days * 86400) or LINK_S, LINK_S)
        query = {"response-content-disposition": f"attachment; filename*=UTF-8''{quote(upload.about['name'])}"}
        url = self.shown.presign("GET", f"/{self.bucket}/{upload.key}", query, expires_s=lives_s)
        ends = datetime.now(UTC) + timedelta(seconds=lives_s)
        return Told(200, {"url": url, "expires_at": ends.isoformat()})

    def _delete(self, upload_id: str, upload: Upload) -> Told:
        path = f"/{self.bucket}/{upload.key}"
        self.storage.ask("DELETE", path, {"uploadId": upload.storage_id})
        self.storage.ask("DELETE", path)
        del self.uploads[upload_id]
        self.by_idempotency_key = {k: v for k, v in self.by_idempotency_key.items() if v != upload_id}
        return Told(204)
