"""``rclone serve s3``: checks signatures; forgets every multipart upload when it restarts; has no smallest part."""

from __future__ import annotations

from pathlib import Path

from tests.servers.process import Process, find_program, free_port
from tests.servers.s3 import S3Server

ACCESS_KEY, SECRET_KEY = "test-access-key", "test-secret-key"


def start_rclone(folder: Path) -> S3Server:
    """Buckets are the folders in ``folder/files``. Raises: NotInstalled."""
    port = free_port()
    (folder / "files").mkdir()
    command = [
        find_program("rclone"), "serve", "s3", folder / "files", "--addr", f"127.0.0.1:{port}",
        "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--config", folder / "rclone.conf", "--vfs-cache-mode", "off",
    ]  # fmt: skip
    return S3Server(f"http://127.0.0.1:{port}", ACCESS_KEY, SECRET_KEY, Process(command, folder, port))
