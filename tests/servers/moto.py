"""moto: the whole S3 API, lifecycle and smallest part included; checks no signature, no expiry and no checksum.

It holds everything in memory: a restart forgets all.
"""

from __future__ import annotations

from pathlib import Path

from tests.servers.process import Process, find_program, free_port
from tests.servers.s3 import S3Server


def start_moto(folder: Path) -> S3Server:
    """Raises: NotInstalled."""
    port = free_port()
    command = [find_program("moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    return S3Server(f"http://127.0.0.1:{port}", "test-access-key", "test-secret-key", Process(command, folder, port))
