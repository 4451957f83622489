"""Handing one mail in to a mail server: the size is asked before, and what its answers mean is sorted once.

Source: RFC 5321 (SMTP, 2008), RFC 1870 (SIZE, 1995), RFC 3463 (status codes, 2003), RFC 4954 (AUTH, 2007).
"""

from __future__ import annotations

import re
import smtplib
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

from uploader.dialling import demand_safety, dial, encrypt, no_encryption, sorted_out
from uploader.errors import (
    AuthFailed,
    InvalidField,
    NoSpace,
    OutcomeUnknown,
    Refused,
    Temporary,
    TooLarge,
    UploaderError,
)
from uploader.plain_text import tidy

BLOCK_BYTES = 64 * 1024
MOST_LINES = 1000
"""Of one answer."""
LAST_STALLS = 10
"""How often the usual patience the last answer may take: whoever leaves before may get a mail delivered twice. Source:
RFC 5321, 4.5.3.2.6: 10 minutes."""
Told = tuple[int, bytes]


class _Lines:
    """What the server says, with an end to one answer."""

    def __init__(self, file: BinaryIO, host: str) -> None:
        self._file, self._host, self.left, self.close = file, host, MOST_LINES, file.close

    def readline(self, most: int) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise Refused("{host} answers with more than it should; check the address", host=self._host)
        return self._file.readline(most)


class _Smtp(smtplib.SMTP):
    def __init__(self, host: str, stall_s: float) -> None:
        # The name of this machine is nobody's business. Source: RFC 5321, 4.1.3, address literals.
        super().__init__(local_hostname="[127.0.0.1]", timeout=stall_s)
        self._told_by = host

    def getreply(self) -> Told:
        if self.file is None and self.sock is not None:
            self.file = _Lines(self.sock.makefile("rb"), self._told_by)
        if self.file is not None:
            self.file.left = MOST_LINES
        return super().getreply()


class Submission:
    """One connection, open and greeted. ``size_bytes``: the largest mail it takes; None: it does not say."""

    def __init__(self, host: str, port: int, security: str, stall_s: float) -> None:
        demand_safety(host, security)
        self.host, self._stall_s = host, stall_s
        self._smtp = _Smtp(host, stall_s)
        line = dial("smtp", host, port, stall_s)
        self._smtp.sock = encrypt(line, host) if security == "TLS" else line
        try:
            self._demand(self._answer(), 220)
            self._greet()
            if security == "STARTTLS":
                self._secure()
        except BaseException:
            self.close()
            raise

    def _secure(self) -> None:
        if not self._smtp.has_extn("starttls"):
            raise no_encryption(self.host)
        self._demand(self._ask("STARTTLS"), 220)
        assert self._smtp.sock is not None
        self._smtp.sock, self._smtp.file = encrypt(self._smtp.sock, self.host), None
        self._smtp.ehlo_resp = self._smtp.helo_resp = None
        self._smtp.esmtp_features = {}
        self._greet()

    def _greet(self) -> None:
        with sorted_out(self.host):
            told = self._smtp.ehlo()
        self._demand(told, 250)

    def close(self) -> None:
        with suppress(OSError, smtplib.SMTPException):
            self._smtp.close()

    def __enter__(self) -> Submission:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def size_bytes(self) -> int | None:
        """Source: RFC 1870, 3: zero or no number: no fixed maximum."""
        told = self._smtp.esmtp_features.get("size", "").strip()
        return int(told) if told.isdecimal() and int(told) else None

    def login(self, user: str, password: str) -> None:
        """Raises: AuthFailed; Temporary."""
        with sorted_out(self.host):
            try:
                self._smtp.login(user, password)
            except smtplib.SMTPAuthenticationError as error:
                raise self._not_let_in(error.smtp_code) from error
            except smtplib.SMTPServerDisconnected:
                raise
            except smtplib.SMTPException as error:
                raise Refused("{host} takes no password on this port; check port and encryption",
                              host=self.host) from error  # fmt: skip

    def login_by_token(self, words: str) -> None:
        """Source: Google, "OAuth 2.0 Mechanism", Gmail, 2026; Microsoft names the same mechanism."""
        with sorted_out(self.host):
            try:
                self._smtp.auth("XOAUTH2", lambda challenge=None: words if challenge is None else "")
            except smtplib.SMTPAuthenticationError as error:
                raise self._not_let_in(error.smtp_code) from error

    def _not_let_in(self, code: int) -> UploaderError:
        if 400 <= code < 500:
            return Temporary("{host} is busy or out of order ({status})", host=self.host, status=str(code))
        return AuthFailed("{host} does not accept the password or token", host=self.host)

    def offer(self, sender: str, to: str, size_bytes: int) -> None:
        """Says from whom to whom and how large, which most servers judge at once. Raises: UploaderError."""
        options = [f"SIZE={size_bytes}"] if self._smtp.has_extn("size") else []
        with sorted_out(self.host):
            self._demand(self._smtp.mail(sender, options), 250)
            told = self._smtp.rcpt(to)
        if 500 <= told[0] < 600 and _status(told) in ("", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"):
            raise InvalidField("address", "{host} knows no “{address}”: {why}", host=self.host, address=to,
                               why=_words(told))  # fmt: skip
        self._demand(told, 250, 251)

    def send(self, content: bytes, progress: Callable[[int, int], None]) -> None:
        """The mail itself, after ``offer``. What is cut off before its last dot was never sent.

        Raises: OutcomeUnknown when the last answer got lost; UploaderError; what ``progress`` raises.
        """
        if not content.endswith(b"\r\n"):
            content += b"\r\n"
        if b"\n." in content or content.startswith(b"."):
            content = re.sub(rb"(?m)^\.", b"..", content)
        self._demand(self._ask("DATA"), 354)
        assert self._smtp.sock is not None
        with sorted_out(self.host):
            view = memoryview(content)
            for at in range(0, len(view), BLOCK_BYTES):
                progress(at, len(view))
                self._smtp.sock.sendall(view[at : at + BLOCK_BYTES])
        self._smtp.sock.settimeout(LAST_STALLS * self._stall_s)
        try:
            self._smtp.sock.sendall(b".\r\n")
            told = self._smtp.getreply()
        except (OSError, Refused) as error:
            raise OutcomeUnknown("the answer of {host} got lost", host=self.host) from error
        if not 200 <= told[0] < 600:  # a piece of an answer
            raise OutcomeUnknown("the answer of {host} got lost", host=self.host)
        self._demand(told, 250)

    def take_back(self) -> None:
        """Forgets what was offered."""
        with sorted_out(self.host):
            self._smtp.rset()

    def _answer(self) -> Told:
        with sorted_out(self.host):
            return self._smtp.getreply()

    def _ask(self, words: str) -> Told:
        with sorted_out(self.host):
            return self._smtp.docmd(words)

    def _demand(self, told: Told, *wanted: int) -> None:
        code, status = told[0], _status(told)
        if code in wanted:
            return
        if code == 552 and status == "5.2.2":
            raise NoSpace("there is no space left at {host}", host=self.host)
        if code == 552 or status in ("5.3.4", "5.2.3"):
            raise TooLarge("{host} does not take a mail of this size", limit_bytes=self.size_bytes, host=self.host)
        if code in (530, 535, 538):
            raise AuthFailed("{host} does not accept the password or token", host=self.host)
        if 500 <= code < 600:
            raise Refused("{host} refused it: {why}", host=self.host, why=_words(told))
        raise Temporary("{host} is busy or out of order ({status})", host=self.host, status=str(code))


def _status(told: Told) -> str:
    """The enhanced code; empty: the server gives none."""
    found = re.match(rb"([245]\.\d{1,3}\.\d{1,3})\b", told[1].strip())
    return found[1].decode() if found else ""


def _words(told: Told) -> str:
    return " ".join(tidy(told[1].decode("utf-8", "replace")).split())[:200] or str(told[0])
