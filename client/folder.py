"""The only code that knows how a report lies on disk.

    DATA/drafts/ID    DATA/outbox/ID    DATA/sent/ID      where the folder lies is the report's state
      report.json       what the user means
      files/            what will leave, byte for byte
      pictures/NAME/    base.png and marks.json of an editable picture: these never leave the machine
      journal.json      what the delivery has done (from outbox on)
    DATA/damaged/ID   what could not be read, moved aside untouched

JSON changes by write-temp, fsync, replace, fsync folder. A folder changes its state by one rename.
"""

from __future__ import annotations

import dataclasses
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from client.report import Report, Sent, Trouble
from uploader.journal import Journal, Steps
from uploader.ticket import Attachment, TicketRef

Place = Literal["drafts", "outbox", "sent"]
PLACES: tuple[Place, ...] = ("drafts", "outbox", "sent")


MAKING = ("create", "send", "message", "reply")
"""The steps by which adapters make a ticket or an answer."""


class Log(msgspec.Struct):
    """``journal.json``: the steps done, the attempts made, and how it ended.

    ``unsure``: what a try had begun may have been done.
    """

    steps: Steps = {}
    attempts: int = 0
    unsure: bool = False
    tried_at: datetime | None = None
    not_before: datetime | None = None
    last_error: Trouble | None = None
    needs_you: bool = False
    ticket: TicketRef | None = None
    sent: tuple[Sent, ...] = ()
    sent_at: datetime | None = None
    version: int = 1

    @property
    def asks(self) -> bool:
        """Whether somebody is to say if it arrived."""
        return self.last_error is not None and self.last_error.asks

    @property
    def may_be_there(self) -> bool:
        """Whether the desk has the ticket, or may have it."""
        made = [self.steps[step] for step in MAKING if step in self.steps]
        died = self.attempts > 0 and self.last_error is None
        return any(made) or (bool(made) and (self.unsure or died))

    def seconds_left(self, now: datetime) -> float:
        """Until the next try. A clock that was set back never makes a report wait longer than planned."""
        if self.not_before is None or (self.tried_at is not None and now < self.tried_at):
            return 0
        return (self.not_before - now).total_seconds()


class Damaged(Exception):
    """A report folder that cannot be read. ``str()`` names the file and the fault."""


def write_bytes(path: Path, content: bytes) -> None:
    """Replaces ``path`` atomically and durably: old or new, never half, also after a power cut."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.new")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)  # a full disk gets its space back
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes renames in ``folder`` durable, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows does not open folders
        return
    try:
        os.fsync(handle)
    except OSError:  # some network file systems refuse
        pass
    finally:
        os.close(handle)


class ReportFolder:
    """One report on disk. Its methods may be called from one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def files(self) -> Path:
        return self.path / "files"

    @property
    def pictures(self) -> Path:
        return self.path / "pictures"

    def read(self) -> Report:
        """Raises: Damaged when ``report.json`` is missing, cut or not what it should be."""
        file = self.path / "report.json"
        try:
            stored = msgspec.json.decode(file.read_bytes())
            for attachment in stored["attachments"]:
                attachment["path"] = None
            report = msgspec.convert(stored, Report, dec_hook=lambda kind, value: Path())
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise Damaged(f"{file}: {error}") from error
        if report.id != self.id:
            raise Damaged(f"{file}: it is the report {report.id!r}")
        # The folder moves through its life, so the place of a file is derived and never stored; and a
        # stored name is never followed out of the folder.
        for attachment in report.attachments:
            if attachment.name in ("", ".", "..") or Path(attachment.name).name != attachment.name:
                raise Damaged(f"{file}: {attachment.name!r} is not a file's name")
        attachments = tuple(
            Attachment(a.name, self.files / a.name, a.size_bytes, a.media_type, a.sha256) for a in report.attachments
        )
        return dataclasses.replace(report, attachments=attachments)

    def write(self, report: Report) -> None:
        content = msgspec.json.encode(report, enc_hook=lambda path: None)
        write_bytes(self.path / "report.json", msgspec.json.format(content, indent=1))

    def read_log(self) -> Log:
        """The journal; an empty one when there is none. Raises: Damaged."""
        file = self.path / "journal.json"
        try:
            return msgspec.json.decode(file.read_bytes(), type=Log)
        except FileNotFoundError:
            return Log()
        except (OSError, ValueError, RecursionError) as error:
            raise Damaged(f"{file}: {error}") from error

    def write_log(self, log: Log) -> None:
        write_bytes(self.path / "journal.json", msgspec.json.format(msgspec.json.encode(log), indent=1))

    def journal(self, log: Log) -> Journal:
        """A journal that keeps its steps in ``log`` and on disk."""

        def write(steps: Steps) -> None:
            log.steps = dict(steps)
            self.write_log(log)

        return Journal(log.steps, write)


class Shelf:
    """All reports of one user: three places and the moves between them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for place in (*PLACES, "damaged"):
            (root / place).mkdir(parents=True, exist_ok=True, mode=0o700)

    def create(self, **values: Any) -> ReportFolder:
        """A new draft, complete on disk before it can be seen."""
        now = datetime.now(UTC)
        moment = f"{now.microsecond * 4096 // 1_000_000:03x}"  # so that names sort as reports were begun
        report = Report(f"{now:%Y%m%d-%H%M%S}-{moment}{secrets.token_hex(4)[1:]}", now, **values)
        making = ReportFolder(self.root / "drafts" / f".{report.id}")
        making.files.mkdir(parents=True)
        made = ReportFolder(self.root / "drafts" / report.id)
        making.write(report)
        making.path.rename(made.path)
        sync_folder(made.path.parent)
        return made

    def find(self, report_id: str, *places: Place) -> ReportFolder | None:
        for place in places or PLACES:
            path = self.root / place / report_id
            if report_id and path.name == report_id and not report_id.startswith(".") and path.is_dir():
                return ReportFolder(path)
        return None

    def list(self, place: Place) -> Iterator[ReportFolder]:
        """Every report that lies there, oldest first."""
        for report_id in sorted(self.ids(place)):
            yield ReportFolder(self.root / place / report_id)

    def ids(self, place: Place) -> set[str]:
        """The ids of all that lie there; cheap for tens of thousands."""
        with os.scandir(self.root / place) as entries:  # knows what is a folder without asking for each
            return {entry.name for entry in entries if entry.name[0] != "." and entry.is_dir()}

    def move(self, folder: ReportFolder, place: Place) -> ReportFolder:
        """One rename: before it the report is wholly here, after it wholly there."""
        target = self.root / place / folder.id
        folder.path.rename(target)
        sync_folder(target.parent)
        sync_folder(folder.path.parent)
        return ReportFolder(target)

    def set_aside(self, folder: ReportFolder) -> Path:
        """Moves a damaged report out of the way, untouched, and gives its new place."""
        target = self.root / "damaged" / folder.id
        if target.exists():
            target = target.with_name(f"{folder.id}-{secrets.token_hex(3)}")
        folder.path.rename(target)
        return target

    def delete(self, folder: ReportFolder) -> None:
        """Removes a report for good: hidden by a rename first, so that half a report is never seen."""
        hidden = folder.path.with_name(f".{folder.id}.gone")
        folder.path.rename(hidden)
        shutil.rmtree(hidden, ignore_errors=True)

    def sweep(self, older_than_s: float = 3600) -> None:
        """Removes what a crash left half made or half deleted; what is younger may be at work elsewhere."""
        for place in PLACES:
            for path in (self.root / place).iterdir():
                if path.name.startswith(".") and path.is_dir() and time.time() - path.stat().st_mtime > older_than_s:
                    shutil.rmtree(path, ignore_errors=True)
