"""A report being written. Every change is on disk before the call returns, so nothing the user made is lost."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import mimetypes
import os
import shutil
import stat
import threading
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from client.folder import Damaged, ReportFolder, sync_folder, write_bytes
from client.report import Problem, Report, Section
from client.words import say, size
from uploader.folder_access import copy_durably
from uploader.ticket import Attachment, Progress, quiet

if TYPE_CHECKING:
    from capture import Screenshot

CHUNK_BYTES = 4 * 1024 * 1024
NAME_BYTES = 200
"""File systems take 255 bytes; the rest is left for what a desk or a counter adds."""


class CannotAttach(Exception):
    """This file was not attached; the report is as it was. ``str()`` is for the user, in their language."""

    disk_full = False


@dataclass(frozen=True, slots=True)
class Picture:
    """An editable picture of a draft: its attachment's name, the untouched base and its marks (JSON or empty)."""

    name: str
    base: Path
    marks: bytes


class Draft:
    """One report on disk, with the verbs that change it. From any thread; the values it gives are frozen."""

    def __init__(self, folder: ReportFolder) -> None:
        self._guard = threading.RLock()
        self._folder = folder
        self._report = folder.read()

    @property
    def report(self) -> Report:
        return self._report

    @property
    def id(self) -> str:
        return self._report.id

    @property
    def folder(self) -> ReportFolder:
        return self._folder

    def set(self, **values: Any) -> None:
        """Changes fields of the report: ``set(summary="…", priority="high")``."""
        with self._guard:
            report = dataclasses.replace(self._report, **values)
            if report != self._report:
                self._folder.write(report)
                self._report = report

    @property
    def is_empty(self) -> bool:
        """Nothing was written, and no file lies in it, not even one that a crash left unattached.

        The subject of an answer is the ticket's, and nobody wrote it.
        """
        report = self._report
        if (report.summary.strip() and report.reply_to is None) or report.description.strip() or report.attachments:
            return False
        return not any(place.is_dir() and any(place.iterdir()) for place in (self._folder.files, self._folder.pictures))

    def mend(self) -> None:
        """After a crash: a picture that was drawn anew, but not yet measured, is measured now."""
        written_at = (self._folder.path / "report.json").stat().st_mtime_ns
        for attachment in self._report.attachments:
            if (self._folder.pictures / attachment.name).is_dir() and attachment.path.is_file():
                about = attachment.path.stat()
                if about.st_mtime_ns > written_at or about.st_size != attachment.size_bytes:
                    self._attached(attachment.path, *_measure(attachment.path))

    def set_sections(self, sections: tuple[Section, ...]) -> None:
        self.set(sections=sections)

    def add_file(self, path: Path, *, name: str = "", move: bool = False, progress: Progress = quiet) -> Attachment:
        """Copies a file into the report and hashes it in the same pass; ``move``: it is gone from its old place then.

        A moved file is in both places until the report has it, so that a crash never leaves it in neither.
        A file that grows meanwhile is taken as long as it was at the start. May run on a worker thread.
        Raises: CannotAttach; Cancelled from ``progress``. Either way nothing is left behind.
        """
        name = self._free_name(clean_name(name or path.name))
        target = self._folder.files / name
        part = self._folder.path / f".{name[:60]}.part"
        try:
            if move and _is_linked(path, part):
                total, digest = part.stat().st_size, hash_file(part, progress)
            else:
                total, digest = _copy(path, part, progress)
            part.replace(target)
            sync_folder(target.parent)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise self._refusal(path, error) from error
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        made = self._attached(target, total, digest)
        if move:
            path.unlink(missing_ok=True)
        return made

    def add_content(self, name: str, content: bytes) -> Attachment:
        """Attaches a file made of these bytes."""
        target = self._folder.files / self._free_name(clean_name(name))
        try:
            write_bytes(target, content)
        except OSError as error:
            raise self._refusal(target, error) from error
        return self._attached(target, len(content), hashlib.sha256(content).hexdigest())

    def add_picture(self, shot: Screenshot, marks: bytes = b"", flat: Screenshot | None = None) -> Attachment:
        """Attaches a screenshot so that it stays editable: the base lies beside, and never leaves.

        ``flat`` is what leaves (marks burnt in); without it, ``shot`` itself. Raises: CannotAttach.
        """
        from capture import png

        name = self._free_name(say("capture-{n}", n=1) + ".png", counted=True)
        place = self._folder.pictures / name
        try:
            place.mkdir(parents=True)
            png.write(place / "base.png", shot)
            if marks:
                write_bytes(place / "marks.json", marks)
            target = self._folder.files / name
            png.write(target, flat or shot)
            return self._attached(target, *_measure(target))
        except OSError as error:
            shutil.rmtree(place, ignore_errors=True)
            (self._folder.files / name).unlink(missing_ok=True)
            raise self._refusal(place, error) from error

    def set_marks(self, name: str, marks: bytes, flat: Screenshot) -> Attachment:
        """Replaces the marks of an editable picture and the flattened file that leaves. Raises: CannotAttach."""
        from capture import png

        place, target = self._folder.pictures / name, self._folder.files / name
        # What is hidden is gone from the file that leaves before the marks say so: a crash never shows it.
        try:
            png.write(target, flat)
            made = self._attached(target, *_measure(target))
            write_bytes(place / "marks.json", marks)
        except OSError as error:
            raise self._refusal(target, error) from error
        return made

    def picture(self, name: str) -> Picture | None:
        """The editable picture behind an attachment; None when it is an ordinary file."""
        place = self._folder.pictures / name
        if not (place / "base.png").is_file():
            return None
        marks = place / "marks.json"
        return Picture(name, place / "base.png", marks.read_bytes() if marks.exists() else b"")

    def remove(self, name: str) -> None:
        """Takes an attachment out; first out of the report, then off the disk."""
        with self._guard:
            self.set(attachments=tuple(a for a in self._report.attachments if a.name != name))
        (self._folder.files / name).unlink(missing_ok=True)
        shutil.rmtree(self._folder.pictures / name, ignore_errors=True)

    def _attached(self, target: Path, size_bytes: int, digest: str) -> Attachment:
        media_type = mimetypes.guess_type(target.name)[0] or "application/octet-stream"
        made = Attachment(target.name, target, size_bytes, media_type, digest)
        with self._guard:
            others = [a for a in self._report.attachments if a.name != made.name]
            at = next((i for i, a in enumerate(self._report.attachments) if a.name == made.name), len(others))
            self.set(attachments=(*others[:at], made, *others[at:]))
        return made

    def _refusal(self, path: Path, error: OSError) -> CannotAttach:
        refusal = CannotAttach(_why_not(path.name, error, self._folder.path))
        refusal.disk_full = error.errno == errno.ENOSPC
        return refusal

    def _free_name(self, name: str, *, counted: bool = False) -> str:
        """``name``, or the next one that is free: ``log (2).txt``; counted: ``capture-2.png``."""
        taken = {a.name.casefold() for a in self._report.attachments}
        stem, suffix = split_name(name)
        number = 1
        while name.casefold() in taken or (self._folder.files / name).exists():
            number += 1
            name = f"{stem[:-1]}{number}{suffix}" if counted else f"{stem} ({number}){suffix}"
        return name


def clean_name(name: str) -> str:
    """A file name that is safe on every system and in every header: no paths, control or direction characters.

    Keeps letters, emoji and spaces; at most 200 bytes of UTF-8, suffix kept.
    """
    name = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode("utf-8", "replace"))
    name = name.replace("\\", "/").rsplit("/", 1)[-1] if not name.endswith(("/", "\\")) else name
    kept = "".join("_" if c in '<>:"/\\|?*' or (unicodedata.category(c) in ("Cc", "Cf", "Cs") and c != "\u200d") else c
                   for c in name)  # fmt: skip  # U+200D joins emoji
    kept = " ".join(kept.split()).strip(". ")
    if not kept.strip("_") or kept.split(".")[0].upper() in _RESERVED:
        kept = f"file-{kept.strip('_')}".rstrip("-")
    stem, suffix = split_name(kept)
    while len((stem + suffix).encode()) > NAME_BYTES:
        stem = stem[:-1]
    return stem.rstrip() + suffix


_RESERVED = {
    "CON",
    "PRN",
    "AUX",
    "NUL",
    *(f"COM{n}" for n in range(1, 10)),
    *(f"LPT{n}" for n in range(1, 10)),
}


def split_name(name: str) -> tuple[str, str]:
    """``("report.final", ".pdf")``; a suffix is at most 16 characters."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix) if stem and len(suffix) <= 16 else (name, "")


def hash_file(path: Path, progress: Progress = quiet) -> str:
    """SHA-256 in hex, read in pieces. Raises: OSError; Cancelled from ``progress``."""
    total, done, digest = path.stat().st_size, 0, hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            digest.update(piece)
            done += len(piece)
            progress(done, total)
    return digest.hexdigest()


def open_drafts(folders: list[ReportFolder], aside: Callable[[ReportFolder, Damaged], None]) -> tuple[Draft, ...]:
    """The drafts that can be read; each damaged one is given to ``aside`` and harms no other."""
    drafts = []
    for folder in folders:
        try:
            drafts.append(Draft(folder))
        except Damaged as fault:
            aside(folder, fault)
    return tuple(drafts)


def _measure(path: Path) -> tuple[int, str]:
    return path.stat().st_size, hash_file(path)


def _is_linked(source: Path, target: Path) -> bool:
    """A second name for the same file, where the file system can."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        return False
    return True


def _copy(source: Path, target: Path, progress: Progress) -> tuple[int, str]:
    """Copies at most as many bytes as ``source`` has now, keeping holes, and gives size and SHA-256."""
    about = source.stat()
    if not stat.S_ISREG(about.st_mode):
        raise IsADirectoryError(0, "not an ordinary file", str(source))
    needed, free = (
        getattr(about, "st_blocks", about.st_size // 512 + 1) * 512,
        shutil.disk_usage(target.parent).free,
    )
    if needed > free:
        raise OSError(errno.ENOSPC, f"needs {needed}, has {free}")
    return copy_durably(source, target, about.st_size, progress)


def _why_not(name: str, error: OSError, place: Path) -> str:
    """``place`` is where it was to be copied: that disk's room counts."""
    if error.errno == errno.ENOSPC:
        free = size(shutil.disk_usage(place).free)
        return say("“{name}” was not attached: the disk is full ({free} free). Free some space and try again.",
                   name=name, free=free)  # fmt: skip
    if isinstance(error, FileNotFoundError):
        return say("“{name}” was not attached: it is no longer there.", name=name)
    if isinstance(error, PermissionError):
        return say("“{name}” was not attached: you have no permission to read it.", name=name)
    if isinstance(error, IsADirectoryError):
        return say("“{name}” is not a file. Attach files one by one, or a .zip of the folder.", name=name)
    return say("“{name}” was not attached: {why}.", name=name, why=error.strerror or str(error))


def file_problems(attachment: Attachment) -> list[Problem]:
    """What is wrong with a file that was attached, seen from its folder alone."""
    try:
        size_bytes = attachment.path.stat().st_size
    except OSError:
        return [Problem("file_missing", blocking=True, attachment=attachment.name)]
    if size_bytes != attachment.size_bytes:
        return [Problem("file_changed", blocking=True, attachment=attachment.name)]
    return [] if size_bytes else [Problem("empty_file", blocking=False, attachment=attachment.name)]
