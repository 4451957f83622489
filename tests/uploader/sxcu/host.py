"""A loopback host as custom uploaders know them: takes files as forms and as they are, and answers in every way.

It is strict: a body must be as long as it says, a form must be one (RFC 7578), the file the last of its parts.
"""

from __future__ import annotations

import email.policy
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass
class Part:
    """One part of a form; ``disposition`` is the header's very text."""

    name: str
    content: bytes
    filename: str | None
    disposition: str
    media_type: str


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes

    @property
    def parts(self) -> list[Part]:
        head = b"Content-Type: " + self.headers["content-type"].encode() + b"\r\n\r\n"
        form = BytesParser(policy=email.policy.HTTP).parsebytes(head + self.body)
        assert form.get_content_type() == "multipart/form-data"
        assert not form.defects
        found = []
        for part in form.iter_parts():
            disposition = part["content-disposition"]
            assert part.get_content_disposition() == "form-data"
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            name = part.get_param("name", header="content-disposition")
            media_type = part.get_content_type() if part["content-type"] else ""
            found.append(Part(unquote(str(name)), content, part.get_filename(), str(disposition), media_type))
        return found


@dataclass
class Told:
    """What the host answers."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Host:
    """``answer`` gets each request that is no reading of a file, and the address of what it stored."""

    url: str
    answer: Callable[[Asked, str], Told]
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)


def as_json(asked: Asked, url: str) -> Told:
    answer = {"data": {"link": url}, "delete": url.replace("/f/", "/delete/")}
    return Told(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})


@contextmanager
def open_host(answer: Callable[[Asked, str], Told] = as_json) -> Iterator[Host]:
    host = Host("", answer)

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 20

        def log_message(self, *_: Any) -> None:
            pass

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (ConnectionError, TimeoutError):
                self.close_connection = True

        def reply(self, told: Told) -> None:
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        def take(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if len(body) != length:
                self.close_connection = True
                return
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, parts.path, parse_qsl(parts.query, True), headers, body)
            host.asked.append(asked)
            if self.command == "GET" and parts.path in host.files:
                content = host.files[parts.path]
                told = Told(200, content, {"Content-Type": host.types.get(parts.path, "application/octet-stream")})
                if self.headers.get("Range") == "bytes=0-0" and content:
                    told.status, told.body = 206, content[:1]
                    told.headers["Content-Range"] = f"bytes 0-0/{len(content)}"
                self.reply(told)
            elif self.command == "GET" and parts.path.startswith("/delete/"):
                gone = host.files.pop(parts.path.replace("/delete/", "/f/"), None)
                self.reply(Told(200 if gone is not None else 404, b"deleted"))
            elif self.command == "GET" and parts.path.startswith("/f/"):
                self.reply(Told(404))
            else:
                self.reply(host.answer(asked, self.store(asked)))

        def store(self, asked: Asked) -> str:
            if asked.method == "PUT":
                path = "/f" + asked.path
                host.files[path] = asked.body
                return host.url + path
            if asked.method == "POST" and "multipart" in asked.headers.get("content-type", ""):
                *_, last = asked.parts
                assert last.filename is not None
                path = f"/f/{len(host.asked)}"
                host.files[path] = last.content
                return host.url + path
            return host.url + "/none"

        do_GET = do_POST = do_PUT = do_PATCH = take

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    host.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
