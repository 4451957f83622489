"""A web server that shows a folder to everybody, and lists it unless told otherwise: Python's own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any


class _Shown(SimpleHTTPRequestHandler):
    lists = True

    def log_message(self, *_: Any) -> None:
        pass

    def list_directory(self, path: Any) -> BytesIO | None:
        if self.lists:
            return super().list_directory(path)
        self.send_error(403)
        return None


@contextmanager
def shown(folder: Path, *, lists: bool) -> Iterator[str]:
    """Its address."""
    kind = type("Shown", (_Shown,), {"lists": lists})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(kind, directory=str(folder)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
