"""Azurite, Microsoft's own stand-in for Azure Blob Storage: SAS, MD5 of blocks and block lists as the real one."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from urllib.parse import quote, urlencode

from tests.servers.asking import ask
from tests.servers.process import Process, find_node, free_port

ACCOUNT, KEY = "testaccount", base64.b64encode(hashlib.sha256(b"azurite").digest()).decode()
VERSION = "2021-12-02"
CONTENT_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class AzuriteServer:
    """``url`` ends with the account's name, as such servers want it; ``key`` is in base64. A restart keeps all."""

    url: str
    account: str
    key: str
    process: Process

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Status and body of a request signed with the account's key; ``path`` is ``/container/blob``."""
        fields = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": VERSION, **(headers or {})}
        path, query = quote(path), query or {}
        # Content-Length and Content-Type stand third and fifth of eleven header fields.
        text = f"{method}\n\n\n{len(body) or ''}\n\n{CONTENT_TYPE}\n\n\n\n\n\n\n"
        text += "".join(f"{name}:{value}\n" for name, value in sorted(fields.items()))
        text += f"/{self.account}/{self.account}{path}"
        text += "".join(f"\n{name}:{value}" for name, value in sorted(query.items()))
        signature = base64.b64encode(hmac.digest(base64.b64decode(self.key), text.encode(), "sha256")).decode()
        fields |= {"Authorization": f"SharedKey {self.account}:{signature}", "Content-Type": CONTENT_TYPE}
        return ask(method, f"{self.url}{path}?{urlencode(query)}", body, fields)[:2]

    def make_container(self, name: str) -> str:
        """A private container of this name, which is returned; one that is there already is kept."""
        status, said = self.ask("PUT", f"/{name}", {"restype": "container"})
        assert status in (201, 409), said
        return name

    def restart(self) -> None:
        self.process.restart()

    def stop(self) -> None:
        self.process.stop()


def start_azurite(folder: Path) -> AzuriteServer:
    """Raises: NotInstalled."""
    node, package = find_node("azurite")
    port = free_port()
    # Without the first option it calls a telemetry host.
    command = [
        node, package / "dist/src/blob/main.js", "--disableTelemetry", "--blobHost", "127.0.0.1",
        "--blobPort", str(port), "--location", folder,
    ]  # fmt: skip
    process = Process(command, folder, port, environment={"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"})
    return AzuriteServer(f"http://127.0.0.1:{port}/{ACCOUNT}", ACCOUNT, KEY, process)
