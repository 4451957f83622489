"""One instance: a second start, or the command line, hands its verb over a local socket. No Qt in here.

The socket lies in a folder only the user can enter (0700) and is itself 0600; on Windows it is a named pipe. What
crosses is one JSON document each way, at most 1 MB, never a pickle.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Client, Connection
from multiprocessing.connection import Listener as Socket
from pathlib import Path
from typing import Any

from client.lock import Busy, ProcessLock
from client.paths import Paths

MOST_BYTES = 1_000_000
HELLO_S = 5
"""Whoever connects and says nothing for so long is hung up on."""

log = logging.getLogger(__name__)

Answer = dict[str, Any]
Handle = Callable[[str, dict[str, Any], Callable[[Answer], None]], None]
"""``handle(verb, arguments, reply)``: called on a thread of its own; calls ``reply`` once, now or later."""


class AlreadyRunning(Exception):
    """Another process of this user listens there already."""


class Instance:
    """The listening end. While it lives, no other process can have this name."""

    def __init__(self, paths: Paths, name: str, handle: Handle) -> None:
        """Raises: AlreadyRunning."""
        self._handle = handle
        self._lock = ProcessLock(paths.data / f".{name}.lock")
        try:
            self._lock.take()
        except Busy as error:
            raise AlreadyRunning from error
        self._address = paths.address(name)
        if self._address.endswith(".sock"):  # what a killed instance left: the lock says nobody listens
            Path(self._address).unlink(missing_ok=True)
        self._socket = Socket(self._address)
        self._closing = False
        self._thread = threading.Thread(target=self._accept, name=f"instance-{name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing = True
        with suppress(OSError, EOFError):
            Client(self._address).close()  # wakes accept
        self._thread.join(2)
        self._socket.close()
        self._lock.release()

    def _accept(self) -> None:
        while not self._closing:
            try:
                connection = self._socket.accept()
            except (OSError, EOFError):
                if self._closing:
                    return
                continue
            threading.Thread(target=self._serve, args=(connection,), name="instance-call", daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        answered = threading.Event()

        def reply(answer: Answer) -> None:
            if not answered.is_set():
                answered.set()
                with suppress(OSError):
                    connection.send_bytes(json.dumps(answer).encode())
                    connection.close()

        try:
            if not connection.poll(HELLO_S):
                connection.close()
                return
            asked = json.loads(connection.recv_bytes(MOST_BYTES))
            verb, arguments = asked["verb"], asked["arguments"]
            if not isinstance(verb, str) or not isinstance(arguments, dict):
                raise TypeError("verb and arguments")
        except (OSError, EOFError, ValueError, TypeError, KeyError):
            connection.close()
            return
        try:
            self._handle(verb, arguments, reply)
        except Exception:  # one bad call must not take the program
            log.exception("the handed-over verb %r failed", verb)
            reply({"error": {"code": "failed", "title": "", "advice": "", "detail": "see the log"}, "exit": 1})


def call(paths: Paths, name: str, verb: str, wait_s: float = 5) -> bool:
    """Hands a verb over to a process that holds the name but may not listen yet; False when it never did."""
    pause, end = threading.Event(), time.monotonic() + wait_s
    while time.monotonic() < end:
        with suppress(TimeoutError):
            if ask(paths, name, verb, {}, wait_s) is not None:
                return True
        pause.wait(0.05)
    return False


def ask(paths: Paths, name: str, verb: str, arguments: dict[str, Any], wait_s: float | None = None) -> Answer | None:
    """Hands a verb over and waits for its answer. None when nobody listens, or it died meanwhile.

    Raises: TimeoutError after ``wait_s``.
    """
    try:
        connection = Client(paths.address(name))
    except (OSError, EOFError):
        return None
    with connection:
        try:
            connection.send_bytes(json.dumps({"verb": verb, "arguments": arguments}).encode())
            if not connection.poll(wait_s):
                raise TimeoutError(f"{verb}: no answer within {wait_s} s")
            answer: Answer = json.loads(connection.recv_bytes(MOST_BYTES))
        except (OSError, EOFError, ValueError) as error:
            if isinstance(error, TimeoutError):
                raise
            return None
        return answer
