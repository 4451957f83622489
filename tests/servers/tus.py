"""The tus project's own server with its file store: creation, termination, expiration; checks no checksum.

A restart keeps the uploads.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.servers.process import PLACE, Process, find_node, free_port


@dataclass(frozen=True, slots=True)
class TusServer:
    """``url`` is where uploads are created; each file lies under its id in ``files``, beside ``<id>.json``."""

    url: str
    files: Path
    process: Process

    def restart(self, *, kill: bool = False) -> None:
        self.process.restart(kill=kill)

    def stop(self) -> None:
        self.process.stop()


def start_tus(folder: Path) -> TusServer:
    """Raises: NotInstalled."""
    node, _ = find_node("@tus/server")
    port, files = free_port(), folder / "files"
    files.mkdir()
    script = Path(__file__).with_suffix(".mjs").read_text("utf-8")
    # As text and from the folder of the packages, because that is where node looks for them.
    command = [node, "--input-type=module", "--eval", script, "--", str(port), files]
    process = Process(command, folder, port, working_folder=PLACE / "node")
    return TusServer(f"http://127.0.0.1:{port}/files", files, process)
