"""wsgidav: honours If-None-Match; answers 400 to a PUT of a range."""

from __future__ import annotations

import json
from pathlib import Path

from tests.servers.process import Process, find_program, free_port
from tests.servers.webdav import PASSWORD, USER, WebdavServer


def start_wsgidav(folder: Path) -> WebdavServer:
    """Raises: NotInstalled."""
    port, files = free_port(), folder / "files"
    files.mkdir()
    configuration = folder / "wsgidav.json"
    configuration.write_text(
        json.dumps(
            {
                "host": "127.0.0.1",
                "port": port,
                "provider_mapping": {"/dav": str(files), "/get": {"root": str(files), "readonly": True}},
                "simple_dc": {"user_mapping": {"/dav": {USER: {"password": PASSWORD}}, "/get": True}},
                "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
                "dir_browser": {"enable": False},
                "logging": {"enable": True},
            }
        ),
        "utf-8",
    )
    process = Process([find_program("wsgidav"), "-c", configuration], folder, port)
    return WebdavServer(f"http://127.0.0.1:{port}/dav", f"http://127.0.0.1:{port}/get", files, process)
