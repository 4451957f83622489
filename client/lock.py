"""One process at a time. SQLite's file lock: the same on every system, and freed by the system when a process dies."""

from __future__ import annotations

import errno
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Busy(Exception):
    """Another process holds the lock."""


class ProcessLock:
    """Held by one process, shared by its threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        self._holders = 0
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def held(self, wait_s: float) -> Iterator[None]:
        """Raises: Busy when another process does not let go within ``wait_s``."""
        self.take(wait_s)
        try:
            yield
        finally:
            self.release()

    def take(self, wait_s: float = 0) -> None:
        """Raises: Busy."""
        with self._guard:
            if self._holders == 0:
                connection = sqlite3.connect(self._path, timeout=wait_s, isolation_level=None, check_same_thread=False)
                try:
                    connection.execute("BEGIN EXCLUSIVE")
                except sqlite3.OperationalError as error:
                    connection.close()
                    if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                        raise Busy from error
                    full = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
                    raise OSError(errno.ENOSPC if full else errno.EIO, str(error), str(self._path)) from error
                self._connection = connection
            self._holders += 1

    def release(self) -> None:
        with self._guard:
            self._holders -= 1
            if self._holders == 0 and self._connection is not None:
                self._connection.close()
                self._connection = None
