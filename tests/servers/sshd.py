"""OpenSSH's server, for SFTP alone: a user key, a host key that can be exchanged, a start folder of its own."""

from __future__ import annotations

import getpass
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.servers.process import Process, find_program, free_port

CONFIGURATION = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
Subsystem sftp internal-sftp -d {folder}/files
"""


@dataclass(frozen=True, slots=True)
class SftpServer:
    """Relative paths are in ``files``; ``known_hosts`` holds the present host key's line."""

    port: int
    user: str
    user_key: Path
    known_hosts: Path
    files: Path
    process: Process
    host: str = "127.0.0.1"

    def change_host_key(self) -> None:
        """Restarts as another machine would answer; ``known_hosts`` follows, so keep the old text to be deceived."""
        self.process.stop()
        _make_host_key(self.known_hosts.parent, self.port)
        self.process.start()

    def restart(self, *, kill: bool = False) -> None:
        self.process.restart(kill=kill)

    def stop(self) -> None:
        self.process.stop()


def _make_host_key(folder: Path, port: int) -> None:
    for old in folder.glob("host_key*"):
        old.unlink()
    _make_key(folder / "host_key")
    kind, key, *_ = (folder / "host_key.pub").read_text("ascii").split()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {kind} {key}\n", "ascii")


def _make_key(path: Path) -> None:
    subprocess.run([find_program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True)


def start_sshd(folder: Path) -> SftpServer:
    """Raises: NotInstalled."""
    program, port = find_program("sshd"), free_port()
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # as its service would: sshd asks for it when run by root
    (folder / "files").mkdir()
    _make_host_key(folder, port)
    _make_key(folder / "user_key")
    (folder / "user_key.pub").rename(folder / "authorized_keys")
    configuration = folder / "sshd_config"
    configuration.write_text(CONFIGURATION.format(port=port, folder=folder), "utf-8")
    process = Process([program, "-D", "-e", "-f", configuration], folder, port)
    return SftpServer(port, getpass.getuser(), folder / "user_key", folder / "known_hosts", folder / "files", process)
