"""A file as it lies on the disk, over a bare connection and over one with TLS."""

from __future__ import annotations

import hashlib
import os
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.servers.certificate import self_signed
from uploader.errors import FileChanged
from uploader.source import PlainSource, Window
from uploader.ticket import Attachment
from uploader.wire import Wire

CONTENT = b"".join(hashlib.sha256(bytes([n % 251, n // 251])).digest() * 1000 for n in range(60)) + b"end"
FIRST, LENGTH = 12_345, len(CONTENT) - 12_345 - 100


@pytest.fixture(params=["bare", "TLS"])
def address(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of a server that answers with the SHA-256 of what it got."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            with suppress(OSError):  # one that is broken off
                self.answer()

        def answer(self) -> None:
            digest = hashlib.sha256(self.rfile.read(int(self.headers["Content-Length"]))).hexdigest().encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(digest)))
            self.end_headers()
            self.wfile.write(digest)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if request.param == "TLS":
        certificate = self_signed(tmp_path)
        ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ours.load_cert_chain(certificate)
        server.socket = ours.wrap_socket(server.socket, server_side=True)
        trusted = ssl.create_default_context(cafile=str(certificate))
        monkeypatch.setattr("uploader.connections.trust", lambda: trusted)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"{'https' if request.param == 'TLS' else 'http'}://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def window(folder: Path, on_block: Callable[[int], None]) -> Window:
    path = folder / "video.mp4"
    path.write_bytes(CONTENT)
    return Window(PlainSource(Attachment("video.mp4", path, len(CONTENT), "", "")), FIRST, LENGTH, on_block)


def test_a_part_of_a_file_arrives_as_it_is_and_is_counted(address: str, tmp_path: Path) -> None:
    counted: list[int] = []
    with Wire() as wire:
        reply = wire.call("PUT", f"{address}/x", body=window(tmp_path, counted.append))
    assert reply.text() == hashlib.sha256(CONTENT[FIRST : FIRST + LENGTH]).hexdigest()
    assert sum(counted) == LENGTH


def test_a_file_that_is_cut_while_it_goes_is_told_as_changed(address: str, tmp_path: Path) -> None:
    gone: list[int] = []

    def cut(size_bytes: int) -> None:
        gone.append(size_bytes)
        if len(gone) == 3:
            os.truncate(tmp_path / "video.mp4", FIRST + sum(gone) - 1000)

    with Wire() as wire, pytest.raises(FileChanged):
        wire.call("PUT", f"{address}/x", body=window(tmp_path, cut))
