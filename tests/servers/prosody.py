"""Prosody, a chat server: accounts (``ana`` reports), an archive for each, and room for files."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.servers.certificate import self_signed
from tests.servers.process import NotInstalled, Process, find_program, free_port

PASSWORD = "secret-1234"
SIZE_BYTES = 5 * 1024 * 1024
CONFIGURATION = """
data_path = "{folder}/data"; pidfile = "{folder}/prosody.pid"; log = {{ info = "{folder}/prosody.log" }}
interfaces = {{ "127.0.0.1" }}; c2s_ports = {{ {c2s} }}; c2s_direct_tls_ports = {{ {tls} }}
http_ports = {{ {http} }}; https_ports = {{ }}; http_interfaces = {{ "127.0.0.1" }}
modules_disabled = {{ "s2s" }}
modules_enabled = {{ "roster", "saslauth", "tls", "disco", "ping", "carbons", "smacks", "offline" {archive} }}
authentication = "internal_hashed"; storage = "internal"; c2s_require_encryption = true
ssl = {{ key = "{certificate}"; certificate = "{certificate}" }}
VirtualHost "desk.test"
Component "upload.desk.test" "http_file_share"
  http_host = "127.0.0.1"; http_external_url = "http://127.0.0.1:{http}/"
  http_file_share_size_limit = {size}; http_file_share_access = {{ "desk.test" }}
  http_file_share_daily_quota = 1024 * 1024 * 1024; http_file_share_global_quota = 4 * 1024 * 1024 * 1024
"""


@dataclass(frozen=True)
class ChatServer:
    """``ports``: c2s (STARTTLS), tls, http (files)."""

    ports: dict[str, int]
    certificate: Path
    folder: Path
    process: Process

    def register(self, name: str) -> None:
        """A new account, as Prosody's own command would write it down."""
        accounts = self.folder / "data/desk%2etest/accounts"
        accounts.mkdir(parents=True, exist_ok=True)
        file = accounts / f"{name}.dat"
        file.write_text(f'return {{ ["password"] = "{PASSWORD}"; }};\n', "utf-8")
        for path in (accounts.parent, accounts, file):
            shutil.chown(path, "prosody", "prosody")

    def waiting_for(self, name: str) -> str:
        """What lies there for an account that is not signed in, as the server wrote it down."""
        file = self.folder / f"data/desk%2etest/offline/{name}.list"
        return file.read_text("utf-8") if file.exists() else ""

    def stop(self) -> None:
        self.process.stop()
        shutil.rmtree(self.folder)


def start_prosody(folder: Path, *, archive: bool = True) -> ChatServer:
    """Raises: NotInstalled."""
    program = find_program("prosody")
    if os.geteuid():
        raise NotInstalled("Prosody as root (only root may give its files to its user); it")
    place = Path(tempfile.mkdtemp(prefix="testigo-chat-"))
    place.chmod(0o755)
    (place / "data").mkdir()
    certificate = self_signed(place, "desk.test", "upload.desk.test")
    ports = {name: free_port() for name in ("c2s", "tls", "http")}
    configuration = place / "prosody.cfg.lua"
    configuration.write_text(
        CONFIGURATION.format(
            folder=place, certificate=certificate, size=SIZE_BYTES, archive=', "mam"' * archive, **ports
        ),
        "utf-8",
    )
    for path in (place, place / "data", certificate, configuration):
        shutil.chown(path, "prosody", "prosody")
    as_prosody = ["setpriv", "--reuid", "prosody", "--regid", "prosody", "--clear-groups", "--"]
    process = Process(
        [*as_prosody, program, "-F", "--config", configuration], folder, ports["http"], working_folder=place
    )
    server = ChatServer(ports, certificate, place, process)
    server.register("ana")
    return server
