"""Reading a mailbox by IMAP4rev1: just what a help desk needs, with an end to everything a server may send.

Source: RFC 3501 (2003); RFC 2177, IDLE (1997); RFC 6154, folders by their use (2011). The library's own module waits
for news only from Python 3.14 on, and cannot be stopped while it waits.
"""

from __future__ import annotations

import base64
import re
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from uploader.dialling import demand_safety, dial, encrypt, no_encryption, sorted_out
from uploader.errors import AuthFailed, Gone, NoSpace, Refused, Temporary, UploaderError
from uploader.plain_text import tidy

MOST_BYTES = 64 * 1024 * 1024
"""Of all answers to one command."""
MOST_ANSWERS = 200_000
"""To one command: the folders of a mailbox, or what is asked of two hundred mails."""
DEEPEST = 60
"""Lists within lists: the parts of a mail that a stranger made. What lies deeper is read as if it lay here."""
LOOK_S = 5.0
"""How often a waiting line looks whether it is to be ended: rarely, so that a laptop sleeps."""
IDLE_S = 28 * 60.0
"""Source: RFC 2177: "advised to terminate the IDLE and re-issue it at least every 29 minutes"."""
BUSY = ("UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "CONTACTADMIN")
_TOKEN = re.compile(rb'\s*(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|([^\s()"\[\]]*\[[^\]]*\](?:<\d+>)?|[^\s()"]+))')


class Mailbox:
    """One connection, signed in by ``login`` or ``login_by_token``."""

    def __init__(self, host: str, port: int, security: str, stall_s: float) -> None:
        demand_safety(host, security)
        self.host, self._count, self._rest = host, 0, b""
        self._left, self._more = MOST_BYTES, MOST_ANSWERS  # that may still come before the next command
        self._line: socket.socket = dial("imap", host, port, stall_s)
        try:
            if security == "TLS":
                self._line = encrypt(self._line, host)
            tag, words = self._read()
            if tag != "*" or not words or str(words[0]).upper() not in ("OK", "PREAUTH"):
                raise Temporary("{host} is busy or out of order ({status})", host=host, status="IMAP")
            if security == "STARTTLS":
                self._secure()
        except BaseException:
            self.close()
            raise

    def _secure(self) -> None:
        if "STARTTLS" not in self.abilities():
            raise no_encryption(self.host)
        self.ask("STARTTLS")
        self._line, self._rest = encrypt(self._line, self.host), b""

    def __enter__(self) -> Mailbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with suppress(OSError):
            self._line.close()

    def login(self, user: str, password: str) -> None:
        """Raises: AuthFailed; without a password before the server is asked: too many failures lock accounts."""
        if not password:
            raise AuthFailed("{host} does not accept the password or token", host=self.host)
        if "AUTH=PLAIN" in self.abilities():
            secret = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
            self._sign_in("AUTHENTICATE PLAIN", secret)
        else:
            self._sign_in("LOGIN", "", user, password)

    def login_by_token(self, words: str) -> None:
        """Source: Google, "OAuth 2.0 Mechanism", Gmail, 2026; Microsoft names the same mechanism."""
        self._sign_in("AUTHENTICATE XOAUTH2", base64.b64encode(words.encode()).decode())

    def _sign_in(self, command: str, secret: str, *values: str) -> None:
        try:
            self._run(command, values, [secret, ""] if secret else [])
        except Refused as error:
            raise AuthFailed("{host} does not accept the password or token", host=self.host) from error

    def abilities(self) -> set[str]:
        found = set[str]()
        for words in self.ask("CAPABILITY"):
            if words[:1] == ["CAPABILITY"]:
                found |= {str(word).upper() for word in words[1:]}
        return found

    def select(self, folder: str) -> int:
        """Opens a folder for reading; its UIDVALIDITY. Raises: Gone when there is none."""
        validity = 0
        for words in self.ask("EXAMINE", folder):
            if found := re.search(r"\[UIDVALIDITY (\d+)\]", str(words[-1])):
                validity = int(found[1])
        return validity

    def folder_for(self, use: str, names: tuple[str, ...]) -> str | None:
        """The folder that serves ``use`` (``\\Sent``), else one of these names; None: there is none."""
        listed = [words for words in self.ask("LIST", "", "*") if words[:1] == ["LIST"] and len(words) == 4]
        for words in listed:
            if isinstance(words[1], list) and use.lower() in [str(flag).lower() for flag in words[1]]:
                return _text(words[3])
        found = {_text(words[3]).lower().replace(f"inbox{_text(words[2])}", ""): _text(words[3]) for words in listed}
        return next((found[name.lower()] for name in names if name.lower() in found), None)

    def search(self, *criteria: str) -> list[int]:
        """UIDs in ascending order. A criterion that is no keyword or number is quoted."""
        uids = set[int]()
        for words in self._run("UID SEARCH", criteria, bare=True):
            if words[:1] == ["SEARCH"]:
                uids |= {int(word) for word in words[1:] if str(word).isdecimal()}
        return sorted(uids)

    def fetch(self, uids: list[int], wanted: str) -> Iterator[dict[str, Any]]:
        """What was ``wanted`` of each mail, by name; names of parts come without their offset."""
        for begin in range(0, len(uids), 200):
            span = ",".join(map(str, uids[begin : begin + 200]))
            for words in self.ask(f"UID FETCH {span} ({wanted})"):
                if len(words) == 3 and words[1] == "FETCH" and isinstance(words[2], list):
                    names, values = words[2][::2], words[2][1::2]
                    yield {re.sub(r"<\d+>$", "", str(name).upper()): value for name, value in zip(names, values)}

    def append(self, folder: str, content: bytes) -> None:
        """Puts a mail into a folder, as read."""
        self._run("APPEND", (folder,), tail=" (\\Seen)", literal=content)

    def create(self, folder: str) -> None:
        self.ask("CREATE", folder)

    def wait(self, seconds: float, stopped: Callable[[], bool]) -> bool:
        """Blocks until a mail comes into the open folder (True), or it is over. Only where "IDLE" is an ability."""
        self._begin()
        tag, end = f"T{self._count}", time.monotonic() + min(seconds, IDLE_S)
        self._send(f"{tag} IDLE\r\n".encode())
        came = False
        while not came and not stopped() and (left := end - time.monotonic()) > 0:
            if self._rest or self._pending() or select.select([self._line], [], [], min(left, LOOK_S))[0]:
                _, words = self._read()
                came = len(words) > 1 and words[1] in ("EXISTS", "RECENT")
        self._send(b"DONE\r\n")
        while self._read()[0] != tag:
            pass
        return came

    def _pending(self) -> int:
        return self._line.pending() if isinstance(self._line, ssl.SSLSocket) else 0

    # -- the protocol -------------------------------------------------------------------------------------------

    def ask(self, command: str, *values: str) -> list[list[Any]]:
        """The answers of one command. Raises: UploaderError."""
        return self._run(command, values)

    def _run(
        self, command: str, values: tuple[str, ...] = (), replies: list[str] | None = None, *, tail: str = "",
        literal: bytes | None = None, bare: bool = False,
    ) -> list[list[Any]]:  # fmt: skip
        self._begin()
        tag, answers = f"T{self._count}", list[list[Any]]()
        line = f"{tag} {command}".encode()
        for value in values:
            raw = value.encode()
            if bare and re.fullmatch(rb"[A-Z0-9:*,]+", raw):
                line += b" " + raw
            elif raw.isascii() and not re.search(rb"[\x00-\x1f]", raw):
                line += b' "' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
            else:
                self._send(line + b" {%d}\r\n" % len(raw))
                self._until_asked(tag, answers)
                line = raw
        line += tail.encode()
        if literal is not None:
            self._send(line + b" {%d}\r\n" % len(literal))
            self._until_asked(tag, answers)
            line = literal
        self._send(line + b"\r\n")
        waiting = list(replies or [])
        while True:
            came, words = self._read()
            if came == "+":
                self._send((waiting.pop(0) if waiting else "").encode() + b"\r\n")
            elif came == "*":
                if str(words[0]).upper() == "BYE":
                    raise Temporary("the connection to {host} broke off", host=self.host)
                answers.append(words)
            elif came == tag:
                self._judge(words)
                return [*answers, words]

    def _begin(self) -> None:
        self._count += 1
        self._left, self._more = MOST_BYTES, MOST_ANSWERS

    def _until_asked(self, tag: str, answers: list[list[Any]]) -> None:
        while True:
            came, words = self._read()
            if came == "+":
                return
            if came == tag:
                self._judge(words)
                raise Temporary("{host} answered with something else than data", host=self.host)
            answers.append(words)

    def _judge(self, words: list[Any]) -> None:
        said, why = str(words[0]).upper(), str(words[-1])
        if said == "OK":
            return
        code = found[1].upper() if (found := re.match(r"\[([\w-]+)", why)) else ""
        raise _refusal(self.host, code, " ".join(tidy(re.sub(r"^\[[^\]]*\]\s*", "", why)).split())[:200])

    def _send(self, content: bytes) -> None:
        with sorted_out(self.host):
            self._line.sendall(content)

    def _read(self) -> tuple[str, list[Any]]:
        """One answer: its tag, and its words; a status keeps its text as one word."""
        pieces = list[tuple[bytes, bytes | None]]()
        self._more -= 1
        while True:
            line = self._until_line_end()
            found = re.search(rb"\{(\d{1,12})\}$", line)
            self._left -= len(line) + 2 + (int(found[1]) if found else 0)
            if self._left < 0 or self._more <= 0:
                raise Refused("{host} answers with more than it should; check the address", host=self.host)
            if not found:
                pieces.append((line, None))
                break
            pieces.append((line[: found.start()], self._exactly(int(found[1]))))
        first = pieces[0][0]
        tag, _, rest = first.partition(b" ")
        kind = rest.partition(b" ")[0].upper()
        if tag == b"+" or kind in (b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"):
            return tag.decode("ascii", "replace"), [kind.decode(), rest[len(kind) :].strip().decode("utf-8", "replace")]
        pieces[0] = (rest, pieces[0][1])
        return tag.decode("ascii", "replace"), self._words(pieces)

    def _words(self, pieces: list[tuple[bytes, bytes | None]]) -> list[Any]:
        stack, deeper = list[list[Any]]([[]]), 0
        for text, literal in pieces:
            for opens, closes, quoted, atom in (m.groups() for m in _TOKEN.finditer(text)):
                if opens and len(stack) > DEEPEST:
                    deeper += 1
                elif opens:
                    stack.append([])
                elif closes:
                    if deeper:
                        deeper -= 1
                    elif len(stack) > 1:
                        done = stack.pop()
                        stack[-1].append(done)
                elif atom is not None:
                    stack[-1].append(None if atom.upper() == b"NIL" else atom.decode("utf-8", "replace"))
                elif quoted is not None:
                    stack[-1].append(re.sub(rb"\\(.)", rb"\1", quoted).decode("utf-8", "replace"))
            if literal is not None:
                stack[-1].append(literal)
        return stack[0]

    def _until_line_end(self) -> bytes:
        while (end := self._rest.find(b"\r\n")) < 0:
            if len(self._rest) > MOST_BYTES:
                raise Refused("{host} answers with more than it should; check the address", host=self.host)
            self._rest += self._receive()
        line, self._rest = self._rest[:end], self._rest[end + 2 :]
        return line

    def _exactly(self, size_bytes: int) -> bytes:
        if size_bytes > MOST_BYTES:
            raise Refused("{host} answers with more than it should; check the address", host=self.host)
        blocks, have = [self._rest], len(self._rest)
        while have < size_bytes:
            blocks.append(self._receive())
            have += len(blocks[-1])
        content = b"".join(blocks)
        self._rest = content[size_bytes:]
        return content[:size_bytes]

    def _receive(self) -> bytes:
        with sorted_out(self.host):
            came = self._line.recv(256 * 1024)
        if not came:
            raise Temporary("the connection to {host} broke off", host=self.host)
        return came


def _refusal(host: str, code: str, why: str) -> UploaderError:
    """Source: RFC 5530, response codes (2009)."""
    if code in BUSY:
        return Temporary("{host} is busy or out of order ({status})", host=host, status=code)
    if code == "OVERQUOTA":
        return NoSpace("there is no space left at {host}", host=host)
    if code in ("NONEXISTENT", "TRYCREATE"):
        return Gone("{host} does not know it, or no longer ({status})", host=host, status=code)
    if code in ("AUTHENTICATIONFAILED", "EXPIRED"):
        return AuthFailed("{host} does not accept the password or token", host=host)
    return Refused("{host} refused it: {why}", host=host, why=why)


def _text(word: object) -> str:
    return word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word or "")
