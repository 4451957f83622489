"""Azurite, Microsoft's own stand-in for Azure Blob Storage: SAS, MD5 of blocks and block lists as the real one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import urllib.request
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

from tests.servers.process import Process, find_node, free_port

ACCOUNT, KEY = "testaccount", base64.b64encode(hashlib.sha256(b"azurite").digest()).decode()
VERSION = "2021-12-02"


@dataclass(frozen=True, slots=True)
class AzuriteServer:
    """``url`` ends with the account's name, as such servers want it; ``key`` is in base64. A restart keeps all."""

    url: str
    account: str
    key: str
    process: Process

    def make_container(self, name: str) -> str:
        """A private container of this name, which is returned."""
        headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": VERSION}
        fields = "".join(f"{key}:{value}\n" for key, value in sorted(headers.items()))
        text = f"PUT{chr(10) * 12}{fields}/{self.account}/{self.account}/{name}\nrestype:container"
        signature = base64.b64encode(hmac.digest(base64.b64decode(self.key), text.encode(), "sha256")).decode()
        headers["Authorization"] = f"SharedKey {self.account}:{signature}"
        asked = urllib.request.Request(f"{self.url}/{name}?restype=container", headers=headers, method="PUT")
        with urllib.request.urlopen(asked, timeout=30) as reply:
            assert reply.status == 201
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
