"""Mail servers that do not end what they say."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from uploader import imap, smtp
from uploader.errors import Refused


class Talker:
    """Greets with ``greeting`` (after which it waits for a command), and then says ``line`` again and again."""

    def __init__(self) -> None:
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self.greeting, self.line = b"", b""
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._thread.start()

    def _talk(self) -> None:
        with suppress(OSError):
            client, _ = self._door.accept()
            with closing(client):
                if self.greeting:
                    client.sendall(self.greeting)
                    client.recv(1000)
                while True:
                    client.sendall(self.line)

    def stop(self) -> None:
        self._door.close()
        self._thread.join(30)


@pytest.fixture
def talker() -> Iterator[Talker]:
    server = Talker()
    yield server
    server.stop()


@pytest.mark.parametrize(
    "line", [b"* 1 EXISTS\r\n" * 100, b"* 1 FETCH {50000}\r\n" + b"x" * 50_000 + b"\r\n"], ids=["answers", "literals"]
)
def test_a_mailbox_that_does_not_end_its_answer_is_left(
    talker: Talker, line: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "MOST_ANSWERS", 5000)
    monkeypatch.setattr(imap, "MOST_BYTES", 500_000)
    talker.greeting, talker.line = b"* OK\r\n", line
    with imap.Mailbox("127.0.0.1", talker.port, "none", 30) as mailbox, pytest.raises(Refused, match="more than"):
        mailbox.abilities()


def test_a_mail_server_that_does_not_end_its_answer_is_left(talker: Talker) -> None:
    talker.line = b"220-hello\r\n" * 100
    with pytest.raises(Refused, match="more than"):
        smtp.Submission("127.0.0.1", talker.port, "none", 30)
