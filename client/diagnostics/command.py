"""Other programs, asked with care: no shell, no input, no localised answers, no pipes, no survivors."""

from __future__ import annotations

import codecs
import locale
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from client.diagnostics.collector import Absent, Context
from client.words import say

_POLL_S = 0.02
# A frozen program brings libraries of its own; system tools must not load them.
_NOT_PASSED_ON = ("LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONHOME", "PYTHONPATH", "QT_PLUGIN_PATH")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program said. ``cut``: there was more than the limit."""

    code: int
    text: str
    errors: str
    cut: bool = False


class TooSlow(TimeoutError):
    """The program did not end in time; it and its children were killed."""


def ask(
    words: Sequence[str],
    context: Context,
    *,
    limit_s: float = 3.0,
    most_bytes: int = 4_000_000,
    environment: Mapping[str, str] | None = None,
) -> Answer:
    """Runs a program to its end and gives what it wrote, decoded.

    Raises: Absent when it is not installed; TooSlow when it does not end within ``limit_s`` or nobody waits any more.
    """
    program = shutil.which(words[0])
    if program is None:
        raise Absent(say("{program} is not installed", program=words[0]))
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [program, *words[1:]],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=_environment(environment),
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        end = time.monotonic() + limit_s
        slow = False
        try:
            while process.poll() is None:
                slow = time.monotonic() > end or context.cancelled.is_set()
                flood = os.fstat(output.fileno()).st_size + os.fstat(errors.fileno()).st_size > most_bytes
                if slow or flood:
                    break
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_POLL_S)
        finally:
            _kill_tree(process)
        if slow:
            raise TooSlow(say("{program} gave no answer within {seconds} s", program=words[0], seconds=f"{limit_s:g}"))
        cut = os.fstat(output.fileno()).st_size > most_bytes
        output.seek(0)
        errors.seek(0)
        return Answer(process.returncode, decode(output.read(most_bytes)), decode(errors.read(20_000)), cut)


def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON and not name.startswith("DYLD_")
    }
    if "LD_LIBRARY_PATH_ORIG" in os.environ:
        kept["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH_ORIG"]
    return {**kept, "LC_ALL": "C.UTF-8", "LANGUAGE": "C", **(more or {})}


def _kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Ends what is left of a program: its children, those of its process group, itself. Always reaps it."""
    import psutil

    children: list[psutil.Process] = []
    with suppress(psutil.Error):
        children = psutil.Process(process.pid).children(recursive=True) if process.returncode is None else []
    kill_group = getattr(os, "killpg", None)
    if kill_group is not None:
        with suppress(ProcessLookupError, PermissionError):
            kill_group(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    for child in children:
        with suppress(psutil.Error):
            child.kill()
    if process.returncode is None:
        process.kill()
        # Something that cannot be killed (a dead network disk) must not hold the caller: it is left to the system.
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.5)


def decode(raw: bytes) -> str:
    """Text by its byte order mark, else UTF-8, else the system's own encoding; marks for what does not fit."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    encoding = locale.getpreferredencoding(False)
    # A cut in the middle of a sign makes otherwise good UTF-8 fail.
    return raw.decode("utf-8" if encoding.lower().replace("-", "") == "utf8" else encoding, "replace")
