"""What our strict loopback servers of online services have in common: HTTP in threads, JSON, one lock.

A service subclasses ``Cloud`` and answers each request. Addresses in answers follow the request's Host, so that they
stay behind the fault proxy. A request whose body was cut off gets no answer.
"""

from __future__ import annotations

import json
import ssl
import threading
import traceback
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass
class Asked:
    """One request. ``body`` may be shorter than ``length``: then the line broke."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    length: int
    raw: str = ""
    """The path as it was sent, before its escapes are undone."""
    scheme: str = "http"

    @property
    def base(self) -> str:
        return f"{self.scheme}://{self.headers['host']}"

    @property
    def whole(self) -> bool:
        return len(self.body) == self.length

    @property
    def form(self) -> dict[str, str]:
        assert self.headers.get("content-type") == "application/x-www-form-urlencoded"
        return dict(parse_qsl(self.body.decode(), strict_parsing=True))

    def json(self) -> Any:
        assert self.headers.get("content-type", "").partition(";")[0] == "application/json"
        return json.loads(self.body)


@dataclass
class Told:
    """One answer; ``content`` that is no bytes goes as JSON."""

    status: int = 200
    content: object = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()


class Cloud:
    """One server on a free port. ``stop`` ends it."""

    scheme = "http"

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.asked: list[Asked] = []
        self.broken: list[str] = []
        """Rules that a request broke, which no client of ours may."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _answers_of(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def seal(self, certificate: Path) -> None:
        """From now on it speaks TLS."""
        trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trusted.load_cert_chain(certificate)
        self._server.socket = trusted.wrap_socket(self._server.socket, server_side=True)
        self.scheme, self.url = "https", self.url.replace("http:", "https:")

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        assert not self.broken, "\n".join(self.broken)

    def answer(self, asked: Asked) -> Told:
        raise NotImplementedError

    def keep(self, asked: Asked) -> None:
        """What arrived of a request that was cut off; most services throw it away."""


def _answers_of(cloud: Cloud) -> type[BaseHTTPRequestHandler]:
    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 20
        wbufsize = 1 << 16
        disable_nagle_algorithm = True  # else an answer in two writes waits 40 ms for the first to be acknowledged

        def log_message(self, *_: Any) -> None:
            pass

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (ConnectionError, TimeoutError):
                self.close_connection = True

        def take(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(length)
            query = dict(parse_qsl(parts.query, True))
            asked = Asked(self.command, unquote(parts.path), query, headers, body, length, parts.path, cloud.scheme)
            with cloud.lock:
                if not asked.whole:
                    cloud.keep(asked)
                    self.close_connection = True
                    return
                cloud.asked.append(asked)
                try:
                    told = cloud.answer(asked)
                except (AssertionError, KeyError):
                    cloud.broken.append(traceback.format_exc())
                    told = Told(400)
            self.send_response(told.status)
            if not isinstance(told.content, bytes):
                self.send_header("Content-Type", "application/json")
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(told.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = take
        do_MKCOL = do_MOVE = do_PROPFIND = take

    return Answers


def of_file(asked: Asked, content: bytes) -> Told:
    """A file for a reader, whole or the first byte of it."""
    headers = {"Content-Type": "application/octet-stream", "Content-Disposition": "attachment"}
    if asked.headers.get("range") == "bytes=0-0" and content:
        return Told(206, content[:1], {**headers, "Content-Range": f"bytes 0-0/{len(content)}"})
    return Told(200, content, headers)
