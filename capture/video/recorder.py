"""The recorder as the program sees it. The work is done by a process of its own, whose lines are read here."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from capture.errors import CaptureError
from capture.image import Monitor, Recording, Region
from capture.video.camera import Order, RecordingCut, RecordingState, recording_of, written
from capture.video.encoder import lock

log = logging.getLogger(__name__)

CHILD_FLAG = "--capture-child"
"""In a frozen bundle, ``testigo --capture-child`` must run ``capture.video.child.main``: there is no ``-m`` there."""

_PART = ".part.mp4"
_FINISHING_S = 300


def child_command() -> tuple[list[str], dict[str, str]]:
    """The command that runs the recorder's process, and its environment: from source, from a wheel, from a bundle."""
    # numpy's linear algebra, which nobody here uses, would start threads of its own.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    if getattr(sys, "frozen", False):
        return [sys.executable, CHILD_FLAG], environment
    root = str(Path(__file__).parents[2])
    before = os.environ.get("PYTHONPATH")
    environment["PYTHONPATH"] = root + (os.pathsep + before if before else "")
    # -P: the folder we happen to be in is nowhere to load modules from.
    return [sys.executable, "-P", "-m", "capture.video.child"], environment


def part_of(path: Path) -> Path:
    """A free name for a recording until it is finished: ``x.part.mp4``, beside what it becomes.

    Raises: ValueError when that would not be an MP4.
    """
    if path.suffix.lower() != ".mp4":
        raise ValueError("a recording is an .mp4 file")
    return _free(path.parent, path.stem, _PART)


def _free(folder: Path, stem: str, suffix: str) -> Path:
    path, number = folder / f"{stem}{suffix}", 2
    while path.exists():
        path = folder / f"{stem}-{number}{suffix}"
        number += 1
    return path


class Recorder:
    """One recording of a monitor or a region of it. Thread-safe; callbacks come on a thread of its own.

    ``max_seconds`` and ``max_bytes`` end it by themselves. Exactly one ``on_end`` follows ``start``.
    """

    def __init__(
        self,
        path: Path,
        monitor: Monitor,
        region: Region | None = None,
        *,
        fps: int = 15,
        max_seconds: float | None = None,
        max_bytes: int | None = None,
        cursor: bool = True,
        on_state: Callable[[RecordingState], None] | None = None,
        on_end: Callable[[Recording | CaptureError], None] | None = None,
    ) -> None:
        path = path.absolute()
        self._order = Order(path, part_of(path), monitor, region, fps, max_seconds, max_bytes, cursor)
        self._on_state, self._on_end = on_state, on_end
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._result: Recording | CaptureError | None = None

    def start(self) -> None:
        """Returns at once; the first state tells that it runs. Raises: CaptureError when it cannot be started."""
        if self._child is not None:
            raise RuntimeError("a recorder records once")
        self._child = _spawn()
        self._send({"do": "record", **written(self._order)})
        threading.Thread(target=self._follow, args=(self._child,), name="recorder", daemon=True).start()

    def pause(self) -> None:
        self._send({"do": "pause"})

    def resume(self) -> None:
        self._send({"do": "resume"})

    def stop(self) -> Recording:
        """Ends it and waits for the file; may be called twice. Raises: CaptureError with what was saved where."""
        if self._child is None:
            raise CaptureError("the recording has not begun")
        self._send({"do": "stop"})
        if not self._ended.wait(_FINISHING_S):
            self._child.kill()
            self._ended.wait()
        return self._outcome()

    def wait(self, timeout_s: float | None = None) -> Recording | None:
        """The recording when it has ended by itself; None when it goes on. Raises: CaptureError like ``stop``."""
        return self._outcome() if self._ended.wait(timeout_s) else None

    def _outcome(self) -> Recording:
        if isinstance(self._result, Recording):
            return self._result
        raise self._result or CaptureError("the recording has not begun")

    def _send(self, message: dict[str, Any]) -> None:
        with self._lock, suppress(OSError, ValueError):  # it has ended already
            if self._child is not None and self._child.stdin is not None:
                self._child.stdin.write(json.dumps(message).encode() + b"\n")
                self._child.stdin.flush()

    def _follow(self, child: subprocess.Popen[bytes]) -> None:
        result: Recording | CaptureError | None = None
        for message in _messages(child):
            if "state" in message and self._on_state is not None:
                self._call(self._on_state, RecordingState(**message["state"]))
            result = _result_in(message) or result
        self._close(child)
        self._result = result or self._after_a_crash(child.returncode)
        self._ended.set()
        if self._on_end is not None:
            self._call(self._on_end, self._result)

    def _close(self, child: subprocess.Popen[bytes]) -> None:
        with self._lock, suppress(OSError):
            if child.stdin is not None:
                child.stdin.close()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()

    def _after_a_crash(self, code: int) -> CaptureError:
        try:
            saved = salvage(self._order.part)
        except (CaptureError, OSError):
            return RecordingCut(
                "the recorder ended unexpectedly (code {code})",
                "nothing was recorded, or it cannot be shown",
                None,
                code=str(code),
            )
        return RecordingCut(
            "the recorder ended unexpectedly (code {code})",
            "what was recorded until then is in {file}",
            saved,
            code=str(code),
            file=str(saved.path),
        )

    @staticmethod
    def _call(listener: Callable[[Any], None], value: object) -> None:
        try:
            listener(value)
        except Exception:
            log.exception("a listener of the recorder failed")


def _spawn() -> subprocess.Popen[bytes]:
    command, environment = child_command()
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as problem:
        raise CaptureError("the recorder cannot be started: {why}", why=problem.strerror or str(problem)) from problem


def _messages(child: subprocess.Popen[bytes]) -> Any:
    if child.stdout is not None:
        for line in child.stdout:
            with suppress(ValueError):
                yield json.loads(line)


def _result_in(message: dict[str, Any]) -> Recording | CaptureError | None:
    if "done" in message:
        return recording_of(message["done"])
    if "failed" in message:
        failed = message["failed"]
        saved = recording_of(failed["recording"]) if failed["recording"] else None
        return RecordingCut(failed["text"], failed["hint"], saved, **failed["values"])
    return None


def orphans(folder: Path) -> tuple[Path, ...]:
    """The parts that dead recorders left in ``folder``, oldest first; no living ones, no empty ones."""
    dead = [part for part in folder.glob(f"*{_PART}") if part.stat().st_size and not _is_alive(part)]
    return tuple(sorted(dead, key=lambda part: part.stat().st_mtime))


def _is_alive(part: Path) -> bool:
    try:
        descriptor = os.open(part, os.O_RDWR | getattr(os, "O_BINARY", 0))
    except OSError:
        return True
    try:
        return not lock(descriptor)
    finally:
        os.close(descriptor)


def salvage(part: Path) -> Recording:
    """Makes an ordinary recording of a broken-off one, all but its last second; the part is gone then.

    Done by a process of its own: a torn file may crash a reader. Raises: CaptureError; the part is kept then.
    """
    if not part.name.endswith(_PART):
        raise ValueError(f"{part.name} is no unfinished recording")
    if part.is_file() and _is_alive(part):
        raise CaptureError("this recording is still being made", "stop it first")
    path = _free(part.parent, part.name.removesuffix(_PART), ".mp4")
    child = _spawn()
    answer, _ = child.communicate(json.dumps({"do": "salvage", "part": str(part), "path": str(path)}).encode() + b"\n")
    for line in answer.splitlines():
        result = _result_in(json.loads(line))
        if isinstance(result, Recording):
            return result
        if result is not None:
            raise result
    raise CaptureError(
        "this recording is damaged and nothing of it can be shown", "the file is kept: {file}", file=str(part)
    )
