"""What the S3 servers of the tests have in common, with a signer of its own, so that ours is not its own judge."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from tests.servers.asking import ask
from tests.servers.process import Process


@dataclass(frozen=True, slots=True)
class S3Server:
    """``url`` has no bucket; paths are ``/bucket/key``."""

    url: str
    access_key: str
    secret_key: str
    process: Process
    region: str = "us-east-1"

    @property
    def port(self) -> int:
        return self.process.port

    def presign(self, method: str, path: str, query: Mapping[str, str] | None = None, *, expires_s: int = 3600) -> str:
        """An address that carries its signature (SigV4 in the query, payload unsigned)."""
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{now[:8]}/{self.region}/s3/aws4_request"
        fields = {
            **(query or {}),
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{self.access_key}/{scope}",
            "X-Amz-Date": now,
            "X-Amz-Expires": str(expires_s),
            "X-Amz-SignedHeaders": "host",
        }
        path = quote(path, safe="/~")
        asked = "&".join(f"{quote(key, safe='~')}={quote(fields[key], safe='~')}" for key in sorted(fields))
        host = urlsplit(self.url).netloc
        request = "\n".join([method, path, asked, f"host:{host}", "", "host", "UNSIGNED-PAYLOAD"])
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(request.encode()).hexdigest()])
        key = f"AWS4{self.secret_key}".encode()
        for word in scope.split("/"):
            key = hmac.digest(key, word.encode(), "sha256")
        return f"{self.url}{path}?{asked}&X-Amz-Signature={hmac.digest(key, text.encode(), 'sha256').hex()}"

    def ask(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> tuple[int, bytes]:
        """Status and body of a signed request."""
        return ask(method, self.presign(method, path, query), body)[:2]

    def make_bucket(self, name: str) -> str:
        """A private bucket of this name, which is returned; one that is there already is kept."""
        status, said = self.ask("PUT", f"/{name}")
        assert status in (200, 409), said
        return name

    def restart(self, *, kill: bool = False) -> None:
        """Ends the server and starts it on the same port, with what it has kept."""
        self.process.restart(kill=kill)

    def stop(self) -> None:
        self.process.stop()
