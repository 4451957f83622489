"""A bad line to a server on loopback: passes everything through unchanged until a fault is queued.

``FaultProxy`` understands HTTP/1.1 (the Host stays as the client sent it, bodies stream, keep-alive, 100-continue);
``TcpProxy`` knows bytes only. ``proxy.next(Fault(...), match, times=…)`` queues what shall go wrong.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.servers.faults import LOGIN_PAGE, LOGIN_REDIRECT, Answer, Fault
from tests.servers.framing import Body, Head
from tests.servers.line import PIECE_BYTES, Cut, End, Line, Proxy, Side, readable

__all__ = ["LOGIN_PAGE", "LOGIN_REDIRECT", "Answer", "Fault", "FaultProxy", "Request", "TcpProxy"]


class Request(NamedTuple):
    """One request as it went by; ``status`` is the server's (or the answer's), None when there was none."""

    method: str
    path: str
    status: int | None
    body_bytes: int
    """How much of its body reached the server."""
    reply_bytes: int = 0
    """How much of the reply's body the server sent, where the client was to see it."""


class TcpProxy(Proxy):
    """In front of a server that does not speak HTTP (SFTP, mail, chat): each fault is for one connection.

    The request is what the client sends, the reply what the server sends; ``match`` is asked with empty words.
    """

    def __init__(self, target_port: int) -> None:
        super().__init__(target_port)
        self.sent_bytes = 0
        """From clients to the server, over all connections."""
        self.received_bytes = 0
        """The other way."""
        self.carried: list[list[int]] = []
        """The same of each connection, in the order in which they began."""

    def _serve(self, client: Side, server: Side) -> None:
        fault = self.take("", "")
        if fault.slows:
            self.strike()
        mine = [0, 0]
        with self._lock:
            self.carried.append(mine)
        self.wait(fault.delay_s)
        up = Line(server, self, bytes_per_s=fault.bytes_per_s, corrupt_at=fault.corrupt_request_at)
        down = Line(client, self, bytes_per_s=fault.bytes_per_s, corrupt_at=fault.corrupt_reply_at)
        if fault.stall_after_bytes == 0:
            self.strike()
            self.stall(client)
        while True:
            for side in readable(client, server):
                came = side.read()
                if not came:
                    return
                if side is server:
                    before = down.passed_bytes
                    goes_on = down.pass_on(came, fault.cut_reply_after_bytes)
                    with self._lock:
                        self.received_bytes += down.passed_bytes - before
                        mine[1] = down.passed_bytes
                    if not goes_on:
                        self.strike()
                        return
                    continue
                before = up.passed_bytes
                goes_on = up.pass_on(came, fault.limit_bytes)
                with self._lock:
                    self.sent_bytes += up.passed_bytes - before
                    mine[0] = up.passed_bytes
                if not goes_on:
                    self.strike()
                    if fault.stall_after_bytes is not None:
                        self.stall(client)
                    raise Cut


class FaultProxy(Proxy):
    """In front of an HTTP server. ``url`` stands for ``target_url``."""

    def __init__(self, target_url: str, host: str = "127.0.0.1") -> None:
        target = urlsplit(target_url)
        assert target.scheme == "http" and target.port, "http://127.0.0.1:PORT/…"
        self._seen: list[Request] = []
        super().__init__(target.port, host)
        self.url = f"http://{host}:{self.port}{target.path}"

    @property
    def requests(self) -> list[Request]:
        """What went by so far, in the order in which it began."""
        with self._lock:
            return list(self._seen)

    def _serve(self, client: Side, server: Side) -> None:
        while True:
            ready = readable(client, server)
            head = client.read_head() if client in ready else None
            if head is None:
                return  # one of them hung up between two requests
            method, path, *_ = head.words
            fault = self.take(method, path)
            with self._lock:
                number = len(self._seen)
                self._seen.append(Request(method, path, None, 0))
            passage = _Passage(self, client, server, head, fault, partial(self._note, number))
            if not passage.run():
                return

    def _note(self, number: int, change: Mapping[str, int]) -> None:
        with self._lock:
            self._seen[number] = self._seen[number]._replace(**change)  # type: ignore[arg-type]


class _Passage:
    """One request and its reply."""

    def __init__(
        self,
        proxy: FaultProxy,
        client: Side,
        server: Side,
        head: Head,
        fault: Fault,
        note: Callable[[Mapping[str, int]], None],
    ) -> None:
        self._proxy, self._client, self._server, self._head = proxy, client, server, head
        self._fault, self._note = fault, note
        self._body = Body(head)
        self._up = Line(server, proxy, bytes_per_s=fault.bytes_per_s, corrupt_at=fault.corrupt_request_at)

    def run(self) -> bool:
        """Whether the connection may carry another request."""
        fault = self._fault
        if fault.slows or fault.answer:
            self._proxy.strike()
        self._proxy.wait(fault.delay_s)
        if fault.answer:
            return self._answer(fault.answer)
        if fault.stall_after_bytes == 0:
            self._proxy.strike()
            self._proxy.stall(self._client)
        self._server.sock.sendall(self._head.raw)
        self._check_ends()
        while True:
            sides = (self._server,) if self._body.ended else (self._server, self._client)
            ready = readable(*sides)
            if self._server in ready:
                reply = self._server.read_head()
                if reply is None:
                    return False
                status = int(reply.words[1])
                if status >= 200:
                    stays = self._reply(reply, status)
                    if not self._body.ended:
                        self._let_read()
                    return stays and self._body.ended and self._head.stays_open
                self._client.sock.sendall(reply.raw)
            elif self._client in ready:
                self._send_on()

    def _let_read(self) -> None:
        """The server answered before it had the whole body: lets the client read that before its sending fails."""
        self._client.sock.shutdown(socket.SHUT_WR)
        self._client.sock.settimeout(1)
        while self._client.sock.recv(PIECE_BYTES):
            pass

    def _send_on(self) -> None:
        """Passes on what the client sent of its body; a cut is orderly for the server, which keeps what it has."""
        came = self._client.read()
        if not came:
            raise End
        for part, content in self._body.split(came):
            if content:
                self._up.pass_on(part, self._fault.limit_bytes)
                self._note({"body_bytes": self._up.passed_bytes})
                self._check_ends()
            else:
                self._server.sock.sendall(part)
        self._client.pending = self._body.rest

    def _check_ends(self) -> None:
        limit_bytes = self._fault.limit_bytes
        if limit_bytes is not None and self._up.passed_bytes >= limit_bytes:
            self._proxy.strike()
            if self._fault.stall_after_bytes is not None:
                self._proxy.stall(self._client)
            raise Cut

    def _reply(self, head: Head, status: int) -> bool:
        fault = self._fault
        self._note({"status": status})
        body = Body(head, of_reply_to=self._head.words[0], status=status)
        length = head.field("content-length")
        if fault.lie_about_length_bytes and length is not None:
            stays = body.never  # else the client would wait for more on a line that stays open
            head = head.with_length(max(0, int(length) + fault.lie_about_length_bytes))
        else:
            stays = head.stays_open and not body.until_closed
        down = Line(self._client, self._proxy, bytes_per_s=fault.bytes_per_s, corrupt_at=fault.corrupt_reply_at)
        hides = fault.drop_reply or fault.instead is not None
        if not hides:
            self._client.sock.sendall(head.raw)
        while not body.ended:
            came = self._server.read()
            if not came:
                break
            for part, content in body.split(came):
                if not hides:
                    self._give(down, part, content)
        self._server.pending = body.rest
        if hides:
            self._proxy.strike()
        if fault.instead is not None:
            self._tell(fault.instead)
            return False
        if fault.drop_reply:
            raise Cut
        return stays

    def _give(self, down: Line, part: bytes, content: bool) -> None:
        """Passes a part of the reply on; ``content``: it counts as a byte of the body."""
        if not content:
            self._client.sock.sendall(part)
            return
        self._note({"reply_bytes": down.passed_bytes + len(part)})  # before the client may look
        if not down.pass_on(part, self._fault.cut_reply_after_bytes):
            self._proxy.strike()
            raise End

    def _tell(self, answer: Answer) -> None:
        lines = [f"HTTP/1.1 {answer.status} Answered by the fault proxy"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        lines += [f"Content-Length: {len(answer.body)}", "Connection: close"]
        self._client.sock.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + answer.body)

    def _answer(self, answer: Answer) -> bool:
        """Answers in the server's place; a client that waits for 100-continue is answered at once."""
        waits = (self._head.field("expect") or "").lower() == "100-continue"
        while not self._body.ended and not waits:
            came = self._client.read()
            if not came:
                raise Cut
            for _ in self._body.split(came):
                pass
            self._client.pending = self._body.rest
        self._note({"status": answer.status})
        lines = [f"HTTP/1.1 {answer.status} Answered by the fault proxy"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        lines += [f"Content-Length: {len(answer.body)}"] + ["Connection: close"] * waits
        body = b"" if self._head.words[0] == "HEAD" else answer.body
        self._client.sock.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        return not waits and self._head.stays_open
