"""What may go wrong on the way to a server; values that ``FaultProxy`` and ``TcpProxy`` are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client gets instead of the server's reply; the server never sees the request."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


LOGIN_PAGE = Answer(
    200, {"Content-Type": "text/html"}, b"<!doctype html><title>Hotel Wi-Fi</title><h1>Please log in</h1>"
)
LOGIN_REDIRECT = Answer(302, {"Location": "http://127.0.0.1:9/login"})


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one request (or one connection of ``TcpProxy``); parts may be combined.

    ``cut_request_after_bytes``  so much of the request's body reaches the server, then both sides lose the connection
    ``cut_reply_after_bytes``    so much of the reply's body reaches the client, then the stream ends
    ``drop_reply``               the server has had it all and has answered; the client sees a reset
    ``delay_s``                  before the request is passed on
    ``bytes_per_s``              both ways
    ``answer``                   instead of the server's; the request's body is read and thrown away
    ``instead``                  the server has had it all and has answered; the client sees this in place of that
    ``lie_about_length_bytes``   added to the reply's Content-Length
    ``corrupt_request_at``       this byte of the request's body arrives changed
    ``corrupt_reply_at``         this byte of the reply's body arrives changed
    ``stall_after_bytes``        so much of the request's body passes, then nothing moves, nor is anything closed;
                                 0: not even the request's head reaches the server
    """

    cut_request_after_bytes: int | None = None
    cut_reply_after_bytes: int | None = None
    drop_reply: bool = False
    delay_s: float = 0
    bytes_per_s: float | None = None
    answer: Answer | None = None
    instead: Answer | None = None
    lie_about_length_bytes: int = 0
    corrupt_request_at: int | None = None
    corrupt_reply_at: int | None = None
    stall_after_bytes: int | None = None

    @property
    def limit_bytes(self) -> int | None:
        """How much of the request's body passes at most."""
        return self.cut_request_after_bytes if self.stall_after_bytes is None else self.stall_after_bytes

    @property
    def slows(self) -> bool:
        return bool(self.delay_s or self.bytes_per_s)

    def can_strike(self, body_bytes: int, reply_bytes: int) -> bool:
        """Whether it does anything to a request and a reply with bodies of these sizes."""
        if self.limit_bytes is not None:
            return body_bytes >= self.limit_bytes
        return self.cut_reply_after_bytes is None or reply_bytes > self.cut_reply_after_bytes
