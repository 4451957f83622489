from __future__ import annotations

import hashlib
import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.servers.fault_proxy import LOGIN_PAGE, Answer, Fault, FaultProxy, Request, TcpProxy

CONTENT = bytes(range(256)) * 1000


class Origin(BaseHTTPRequestHandler):
    """Keeps what is PUT (also when it breaks off), gives it back by GET, in chunks when asked."""

    protocol_version = "HTTP/1.1"
    kept: dict[str, bytes]
    seen: list[tuple[str, str, str]]

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_PUT(self) -> None:
        self.seen.append((self.command, self.path, self.headers["Host"]))
        if self.path == "/too-large":
            self.close_connection = True
            self._answer(413, b"too large")
            return
        self.kept[self.path] = b""
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                self.kept[self.path] += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            left = int(self.headers["Content-Length"])
            while left and (part := self.rfile.read1(left)):
                self.kept[self.path] += part
                left -= len(part)
            if left:
                self.close_connection = True
                return
        self._answer(201)

    def do_GET(self) -> None:
        self.seen.append((self.command, self.path, self.headers["Host"]))
        body = self.kept.get(self.path.removesuffix("?chunked"))
        if body is None:
            self._answer(308, Range="bytes=0-9")
        elif self.path.endswith("?chunked"):
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in (body[:1000], body[1000:]):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\nX-End: yes\r\n\r\n")
        else:
            self._answer(200, body)

    do_HEAD = do_GET


class Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients that break off are the point


@pytest.fixture
def origin() -> Iterator[type[Origin]]:
    handler = type("Kept", (Origin,), {"kept": {}, "seen": []})
    with Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        handler.port = server.server_port
        yield handler
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(origin: type[Origin], fault_proxy: Callable[[str], FaultProxy]) -> FaultProxy:
    return fault_proxy(f"http://127.0.0.1:{origin.port}")


Connect = Callable[[], http.client.HTTPConnection]


@pytest.fixture
def connect(proxy: FaultProxy) -> Iterator[Connect]:
    made: list[http.client.HTTPConnection] = []

    def make() -> http.client.HTTPConnection:
        made.append(http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10))
        return made[-1]

    yield make
    for line in made:
        line.close()


def ask(line: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    line.request(method, path, body)
    reply = line.getresponse()
    return reply.status, reply.read()


def test_it_passes_everything_unchanged_over_one_connection(
    proxy: FaultProxy, connect: Connect, origin: type[Origin]
) -> None:
    line = connect()
    assert ask(line, "PUT", "/a", CONTENT) == (201, b"")
    assert ask(line, "HEAD", "/a") == (200, b"")
    assert ask(line, "GET", "/a") == (200, CONTENT)
    assert ask(line, "GET", "/a?chunked") == (200, CONTENT)
    line.request("PUT", "/b", iter([CONTENT, b"end"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    assert line.getresponse().read() == b""
    assert ask(line, "GET", "/b") == (200, CONTENT + b"end")
    line.request("GET", "/not-there")
    reply = line.getresponse()
    assert (reply.status, reply.headers["Range"], reply.read()) == (308, "bytes=0-9", b"")
    line.close()
    assert proxy.connections == 1
    assert {host for _, _, host in origin.seen} == {f"127.0.0.1:{proxy.port}"}
    assert proxy.requests[0] == Request("PUT", "/a", 201, len(CONTENT))
    assert proxy.requests[4] == Request("PUT", "/b", 201, len(CONTENT) + 3)
    assert [request.status for request in proxy.requests] == [201, 200, 200, 200, 201, 200, 308]


@pytest.mark.parametrize(
    ("fault", "strikes"),
    [
        (Fault(cut_request_after_bytes=3), True), (Fault(cut_request_after_bytes=99), False),
        (Fault(cut_reply_after_bytes=3), True), (Fault(cut_reply_after_bytes=99), False),
        (Fault(drop_reply=True), True), (Fault(answer=LOGIN_PAGE), True), (Fault(instead=LOGIN_PAGE), True),
        (Fault(delay_s=0.01), True),
    ],
)  # fmt: skip
def test_it_counts_the_faults_that_did_something_and_foretells_which_can(
    proxy: FaultProxy, connect: Connect, origin: type[Origin], fault: Fault, strikes: bool
) -> None:
    origin.kept["/a"] = b"kept!"
    ask(connect(), "PUT", "/b", b"sent!")
    ask(connect(), "GET", "/a")
    sent, got = proxy.requests
    assert (sent.body_bytes, got.reply_bytes) == (5, 5)
    assert fault.can_strike(sent.body_bytes, got.reply_bytes) == strikes
    proxy.next(fault, skip=0)
    method, path, body = ("PUT", "/b", b"sent!") if fault.cut_request_after_bytes else ("GET", "/a", None)
    with suppress(OSError, http.client.HTTPException):
        ask(connect(), method, path, body)
    assert proxy.waiting == 0
    assert proxy.struck == strikes


def test_a_client_that_waits_for_100_continue_gets_it_from_the_server(proxy: FaultProxy) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as line, line.makefile("rb") as lines:
        line.sendall(b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert lines.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert lines.readline() == b"\r\n"
        line.sendall(b"abc")
        assert lines.readline() == b"HTTP/1.1 201 Created\r\n"


def test_an_answer_before_the_body_has_gone_is_seen_by_the_client(proxy: FaultProxy) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as line:
        line.sendall(b"PUT /too-large HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 413 ")


def test_cut_after_so_many_bytes_of_the_request_the_server_has_them(
    proxy: FaultProxy, connect: Connect, origin: type[Origin]
) -> None:
    proxy.next(Fault(cut_request_after_bytes=100_000), lambda method, path: method == "PUT")
    with pytest.raises(ConnectionError):
        ask(connect(), "PUT", "/a", CONTENT * 20)
    assert proxy.requests == [Request("PUT", "/a", None, 100_000)]
    assert ask(connect(), "GET", "/other")[0] == 308
    proxy.close()
    assert origin.kept["/a"] == (CONTENT * 20)[:100_000]


def test_cut_within_the_reply_the_client_has_the_beginning(proxy: FaultProxy, connect: Connect) -> None:
    ask(connect(), "PUT", "/a", CONTENT)
    proxy.next(Fault(cut_reply_after_bytes=1234))
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(connect(), "GET", "/a")
    assert caught.value.partial == CONTENT[:1234]


def test_a_dropped_reply_is_lost_but_the_server_has_it_all(
    proxy: FaultProxy, connect: Connect, origin: type[Origin]
) -> None:
    proxy.next(Fault(drop_reply=True))
    with pytest.raises(ConnectionError):
        ask(connect(), "PUT", "/a", CONTENT)
    assert origin.kept["/a"] == CONTENT
    assert proxy.requests == [Request("PUT", "/a", 201, len(CONTENT))]


def test_an_answer_in_the_servers_place_keeps_the_connection(
    proxy: FaultProxy, connect: Connect, origin: type[Origin]
) -> None:
    proxy.next(Fault(answer=Answer(429, {"Retry-After": "7"}, b"slow down")), times=2)
    line = connect()
    line.request("PUT", "/a", CONTENT)
    reply = line.getresponse()
    assert (reply.status, reply.headers["Retry-After"], reply.read()) == (429, "7", b"slow down")
    assert ask(line, "HEAD", "/a") == (429, b"")
    assert not origin.seen
    assert ask(line, "PUT", "/a", CONTENT) == (201, b"")
    assert proxy.connections == 1
    assert proxy.requests[0] == Request("PUT", "/a", 429, 0)


def test_a_login_page_stands_before_everything_until_it_is_healed(proxy: FaultProxy, connect: Connect) -> None:
    proxy.next(Fault(answer=LOGIN_PAGE), times=None)
    for _ in range(3):
        assert b"Please log in" in ask(connect(), "GET", "/a")[1]
    assert proxy.waiting == 1
    proxy.heal()
    assert ask(connect(), "GET", "/a")[0] == 308


def test_faults_are_for_the_requests_that_match_after_those_skipped(proxy: FaultProxy, connect: Connect) -> None:
    proxy.next(Fault(answer=Answer(503)), lambda method, path: path.startswith("/part"), skip=2)
    line = connect()
    paths = ["/part1", "/x", "/part2", "/part3", "/part4"]
    assert [ask(line, "GET", path)[0] for path in paths] == [308, 308, 308, 503, 308]
    assert proxy.waiting == 0


@pytest.mark.parametrize("lie", [-10, 10])
def test_it_lies_about_the_length(proxy: FaultProxy, connect: Connect, lie: int) -> None:
    ask(connect(), "PUT", "/a", CONTENT)
    proxy.next(Fault(lie_about_length_bytes=lie))
    proxy.next(Fault(lie_about_length_bytes=lie), lambda method, path: method == "HEAD")
    line = connect()
    line.request("GET", "/a")
    reply = line.getresponse()
    assert reply.headers["Content-Length"] == str(len(CONTENT) + lie)
    if lie > 0:
        with pytest.raises(http.client.IncompleteRead):
            reply.read()
    else:
        assert reply.read() == CONTENT[:lie]
    line = connect()
    line.request("HEAD", "/a")
    assert line.getresponse().headers["Content-Length"] == str(len(CONTENT) + lie)


def test_more_than_nothing_is_promised_and_the_client_waits_for_it_no_longer_than_the_line_lives(
    proxy: FaultProxy, connect: Connect
) -> None:
    proxy.next(Fault(lie_about_length_bytes=7))
    with pytest.raises(http.client.IncompleteRead):
        ask(connect(), "PUT", "/a", CONTENT)
    assert ask(connect(), "GET", "/a") == (200, CONTENT)


def test_one_byte_is_changed_on_the_way_there_or_back(
    proxy: FaultProxy, connect: Connect, origin: type[Origin]
) -> None:
    proxy.next(Fault(corrupt_request_at=70_000))
    line = connect()
    ask(line, "PUT", "/a", CONTENT)
    changed = [at for at, (one, other) in enumerate(zip(origin.kept["/a"], CONTENT)) if one != other]
    assert (changed, len(origin.kept["/a"])) == ([70_000], len(CONTENT))
    ask(line, "PUT", "/a", CONTENT)
    proxy.next(Fault(corrupt_reply_at=5))
    assert ask(line, "GET", "/a")[1] == CONTENT[:5] + bytes([CONTENT[5] ^ 255]) + CONTENT[6:]


def test_a_stalled_request_ends_only_when_the_client_gives_up(proxy: FaultProxy, origin: type[Origin]) -> None:
    proxy.next(Fault(stall_after_bytes=0))
    with socket.create_connection(("127.0.0.1", proxy.port)) as line:
        line.sendall(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        line.settimeout(0.1)
        with pytest.raises(TimeoutError):
            line.recv(1)
    assert not origin.seen


def test_a_throttled_and_delayed_body_arrives_whole(proxy: FaultProxy, connect: Connect, origin: type[Origin]) -> None:
    proxy.next(Fault(bytes_per_s=5_000_000, delay_s=0.01))
    assert ask(connect(), "PUT", "/a", CONTENT)[0] == 201
    assert origin.kept["/a"] == CONTENT


def test_what_is_down_refuses_until_it_is_up_on_the_same_port(proxy: FaultProxy, connect: Connect) -> None:
    for _ in range(2):
        line = connect()
        assert ask(line, "GET", "/a")[0] == 308
        proxy.down()
        with pytest.raises(ConnectionRefusedError):
            ask(connect(), "GET", "/a")
        with pytest.raises(ConnectionError):
            ask(line, "GET", "/a")
        proxy.up()
        assert ask(connect(), "GET", "/a")[0] == 308


def test_large_bodies_pass_without_being_held(proxy: FaultProxy, connect: Connect, origin: type[Origin]) -> None:
    origin.do_POST = lambda self: self._answer(200, digest(self).encode())  # type: ignore[attr-defined]

    def digest(self: Origin) -> str:
        sum_ = hashlib.sha256()
        left = int(self.headers["Content-Length"])
        while left:
            left -= len(part := self.rfile.read1(min(left, 1 << 20)))
            sum_.update(part)
        return sum_.hexdigest()

    block = CONTENT * 16
    line = connect()
    line.request("POST", "/", (block for _ in range(16)), {"Content-Length": str(len(block) * 16)})
    assert line.getresponse().read().decode() == hashlib.sha256(block * 16).hexdigest()


def test_a_tcp_proxy_cuts_corrupts_counts_and_refuses(
    origin: type[Origin], tcp_proxy: Callable[[int], TcpProxy]
) -> None:
    proxy = tcp_proxy(origin.port)
    request = b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    proxy.next(Fault(cut_request_after_bytes=len(request) + 1000))
    with socket.create_connection(("127.0.0.1", proxy.port)) as line, pytest.raises(ConnectionError):
        for _ in range(1000):
            line.sendall(request + CONTENT[:100_000])
    assert proxy.sent_bytes == len(request) + 1000
    proxy.next(Fault(cut_reply_after_bytes=8))
    with socket.create_connection(("127.0.0.1", proxy.port)) as line, line.makefile("rb") as reply:
        line.sendall(request + CONTENT[:100_000])
        assert reply.read() == b"HTTP/1.1"
    assert origin.kept["/a"] == CONTENT[:100_000]
    proxy.down()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", proxy.port))
    proxy.up()
    with socket.create_connection(("127.0.0.1", proxy.port)) as line, line.makefile("rb") as reply:
        line.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        assert reply.readline() == b"HTTP/1.1 308 Permanent Redirect\r\n"
