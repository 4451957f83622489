"""What the WebDAV servers of the tests have in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.servers.process import Process

USER, PASSWORD = "desk user", "pässword:1"


@dataclass(frozen=True, slots=True)
class WebdavServer:
    """``url`` wants ``user`` and ``password``; ``link_url`` gives the same files to everybody and takes none."""

    url: str
    link_url: str
    files: Path
    process: Process
    user: str = USER
    password: str = PASSWORD

    def restart(self, *, kill: bool = False) -> None:
        self.process.restart(kill=kill)

    def stop(self) -> None:
        self.process.stop()
