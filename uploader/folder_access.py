"""Folders that may lie on a network share: reached with a time limit, their faults sorted by what to do now."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from uploader.errors import FileChanged, NoSpace, Temporary, Unreachable, UploaderError
from uploader.ticket import Attachment, Progress

REACH_S = 10
CHUNK_BYTES = 4 * 1024 * 1024

_stuck: dict[str, threading.Thread] = {}


def reach(folder: Path, limit_s: float = REACH_S) -> None:
    """Returns when ``folder`` is there and answers. Raises: Unreachable.

    A dead mount blocks whoever asks it, for ever; so a thread asks, and one that is stuck is asked again
    only when it came back.
    """
    key, answer = str(folder), [False]
    asking = _stuck.get(key)
    if asking is None or not asking.is_alive():

        def ask() -> None:
            with suppress(OSError):  # a server that comes back may say anything
                answer[0] = folder.is_dir()

        asking = threading.Thread(target=ask, name="reach-folder", daemon=True)
        _stuck[key] = asking
        asking.start()
    asking.join(limit_s)
    if asking.is_alive():
        raise Unreachable("the folder {folder} does not answer; its server may be off or the network down", folder=key)
    _stuck.pop(key, None)
    if not answer[0]:
        raise Unreachable("the folder {folder} is not there; connect the drive or create the folder", folder=key)


@contextmanager
def sorted_faults(folder: Path) -> Iterator[None]:
    """Turns what the system says about ``folder`` into our errors."""
    try:
        yield
    except UploaderError:
        raise
    except OSError as error:
        raise _sort(folder, error) from error


def _sort(folder: Path, error: OSError) -> UploaderError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace("there is no space left in {folder}", folder=str(folder))
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Temporary(
            "the folder {folder} cannot be written to; ask for permission to write there", folder=str(folder)
        )
    if error.errno in (
        errno.ENOENT,
        errno.ENOTDIR,
        errno.ESTALE,
        errno.EHOSTDOWN,
        errno.ENOTCONN,
        errno.ETIMEDOUT,
    ):
        return Unreachable(
            "the folder {folder} is not there; connect the drive or create the folder", folder=str(folder)
        )
    return Temporary("the folder {folder} failed: {why}", folder=str(folder), why=error.strerror or str(error))


def copy_durably(source: Path, target: Path, most_bytes: int, progress: Progress) -> tuple[int, str]:
    """Copies at most so many bytes, keeping holes, and gives size and SHA-256 (hex) of what was copied.

    Raises: OSError; whatever ``progress`` raises.
    """
    done, digest, empty = 0, hashlib.sha256(), bytes(CHUNK_BYTES)
    with source.open("rb") as old, target.open("wb") as new:
        while done < most_bytes and (piece := old.read(min(CHUNK_BYTES, most_bytes - done))):
            digest.update(piece)
            if piece == empty:
                new.seek(len(piece), os.SEEK_CUR)
            else:
                new.write(piece)
            done += len(piece)
            progress(done, most_bytes)
        new.truncate(done)
        new.flush()
        os.fsync(new.fileno())
    return done, digest.hexdigest()


def copy_verified(file: Attachment, target: Path, progress: Progress) -> None:
    """Copies only what was attached. Raises: FileChanged; OSError; whatever ``progress`` raises."""
    try:
        whole = file.path.stat().st_size == file.size_bytes
    except OSError as error:
        raise FileChanged("“{name}” is no longer in the report's folder", name=file.name) from error
    if not whole or copy_durably(file.path, target, file.size_bytes, progress) != (file.size_bytes, file.sha256):
        target.unlink(missing_ok=True)
        raise FileChanged("“{name}” has changed since it was attached", name=file.name)


def write_durably(path: Path, text: str, mark: str) -> None:
    """Replaces a text file at once; ``mark`` keeps the temporary names of several writers apart."""
    temporary = path.with_name(f".{path.name}.{mark}")
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def open_like(path: Path, root: Path) -> None:
    """Gives everything at and below ``path`` the access that ``root`` grants: agents read what our umask hid.

    File systems without modes, and what belongs to others, stay as they are.
    """
    mode = root.stat().st_mode & 0o777
    with suppress(OSError):
        path.chmod(mode if path.is_dir() else mode & 0o666)
    if path.is_dir():
        for inner in path.iterdir():
            open_like(inner, root)
