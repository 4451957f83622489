"""A folder as a help desk: on this computer, or on a network share that several machines write to at once.

    FOLDER/index.html              all tickets, newest first
    FOLDER/T-000123-no-puedo/      ticket.json, ticket.html and the files of one ticket
    FOLDER/.testigo/numbers/       one file per number ever given, its content the report it was given to
    FOLDER/.testigo/incoming/      tickets being written
    FOLDER/.testigo/index.json     the rows of the index, so that it is not read together anew each time

A ticket is written aside and appears by one rename: a reader never sees half of it. A number is claimed by a
hard link (or an exclusive create), which only one machine can win.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import shutil
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from uploader.desks import folder_pages
from uploader.errors import Temporary, UploaderError
from uploader.folder_access import copy_verified, open_like, reach, sorted_faults, write_durably
from uploader.journal import Journal
from uploader.setting import setting
from uploader.ticket import Desk, DeskAbilities, Progress, Ticket, TicketRef

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FolderDesk(Desk):
    title: ClassVar[str] = "Folder"
    abilities: ClassVar[DeskAbilities] = DeskAbilities(entry=("anonymous",), shows_sections=True)

    path: Path = setting("Folder", help="On this computer or a network share; agents open index.html.", kind="folder")

    def check(self) -> None:
        reach(self.path)
        with sorted_faults(self.path):
            self._make_own()
            probe = self._own / f"check-{secrets.token_hex(8)}"
            probe.mkdir()
            probe.rmdir()

    def submit(self, ticket: Ticket, journal: Journal, progress: Progress) -> TicketRef:
        reach(self.path)
        with sorted_faults(self.path):
            self._make_own()
            report_id = ticket.report_id
            number = journal.once("number", lambda: self._claim(report_id), lambda: self._claimed(report_id))
            name = journal.once(
                "create",
                lambda: self._publish(number, ticket, progress),
                lambda: self._published(number, ticket),
            )
            try:
                self._index(ticket.report_id, ticket.language)
            except (OSError, UploaderError) as error:
                # The ticket is there; a page that somebody else owns must not make it be sent again.
                log.warning("the index of %s was not renewed: %s", self.path, error)
        return TicketRef(number, (self.path / name / "ticket.html").absolute().as_uri())

    @property
    def _own(self) -> Path:
        return self.path / ".testigo"

    @property
    def _numbers(self) -> Path:
        return self._own / "numbers"

    def _make_own(self) -> None:
        for folder in (self._own, self._numbers, self._own / "incoming"):
            if not folder.is_dir():
                folder.mkdir(exist_ok=True)
                open_like(folder, self.path)

    def _claim(self, report_id: str) -> str:
        """The next free number, ours alone, however many machines ask at once."""
        taken = [int(entry.name) for entry in self._numbers.iterdir() if entry.name.isdigit()]
        taken += [int(found[1]) for entry in self.path.iterdir() if (found := re.match(r"T-(\d+)", entry.name))]
        number = max(taken, default=0) + 1
        note = self._numbers / f".{report_id}.{secrets.token_hex(4)}"
        note.write_text(report_id, "utf-8")
        open_like(note, self.path)
        try:
            while True:
                try:
                    _link_new(note, self._numbers / f"{number:06d}", report_id)
                    return f"T-{number:06d}"
                except FileExistsError:
                    number += 1
        finally:
            note.unlink(missing_ok=True)

    def _claimed(self, report_id: str) -> str | None:
        for entry in sorted(self._numbers.iterdir(), reverse=True):
            if entry.name.isdigit() and entry.read_text("utf-8") == report_id:
                return f"T-{entry.name}"
        return None

    def _publish(self, number: str, ticket: Ticket, progress: Progress) -> str:
        name = f"{number}-{slug(ticket.subject)}".rstrip("-")
        staging = self._own / "incoming" / f"{ticket.report_id}"
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        total, before = sum(a.size_bytes for a in ticket.attachments), 0
        try:
            for file, stored in zip(
                ticket.attachments, stored_names([a.name for a in ticket.attachments]), strict=True
            ):
                copy_verified(file, staging / stored, _shifted(progress, before, total))
                before += file.size_bytes
            content = ticket_json(number, ticket)
            write_durably(staging / "ticket.json", json.dumps(content, ensure_ascii=False, indent=1), "new")
            write_durably(staging / "ticket.html", folder_pages.ticket_page(content, ticket.language), "new")
            open_like(staging, self.path)
            staging.rename(self.path / name)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)  # gives the space back; it is written anew
            raise
        return name

    def _published(self, number: str, ticket: Ticket) -> str | None:
        for entry in self.path.glob(f"{number}*"):
            with suppress(OSError, ValueError):
                if json.loads((entry / "ticket.json").read_text("utf-8"))["report_id"] == ticket.report_id:
                    return entry.name
        return None

    def _index(self, mark: str, language: str) -> None:
        """Writes the index, and again until nothing came in between: the last of several writers sees all."""
        for _ in range(20):
            rows = self._rows()
            write_durably(self._own / "index.json", json.dumps(rows, ensure_ascii=False), mark)
            write_durably(self.path / "index.html", folder_pages.index_page(list(rows.values()), language), mark)
            open_like(self._own / "index.json", self.path)
            open_like(self.path / "index.html", self.path)
            if set(rows) == set(self._ticket_folders()):
                return
        raise Temporary("the ticket is there, but its index changes faster than it can be written")

    def _ticket_folders(self) -> list[str]:
        with os.scandir(self.path) as entries:
            return [entry.name for entry in entries if re.match(r"T-\d+", entry.name)]

    def _rows(self) -> dict[str, dict[str, Any]]:
        """One row per ticket, newest first; what the stored rows lack is read from the tickets themselves."""
        known: dict[str, dict[str, Any]] = {}
        with suppress(OSError, ValueError):
            known = json.loads((self._own / "index.json").read_text("utf-8"))
        rows = {}
        for folder in sorted(self._ticket_folders(), reverse=True):
            row = known.get(folder)
            if not isinstance(row, dict):
                try:
                    row = folder_pages.index_row(
                        folder, json.loads((self.path / folder / "ticket.json").read_text("utf-8"))
                    )
                except (OSError, ValueError, KeyError, TypeError):
                    row = folder_pages.unreadable_row(folder)
            rows[folder] = row
        return rows


def ticket_json(number: str, ticket: Ticket) -> dict[str, Any]:
    """The content of ``ticket.json``: plain values, times in RFC 3339 UTC, sizes in bytes."""
    inside = [
        {"name": a.name, "size_bytes": a.size_bytes, "media_type": a.media_type, "sha256": a.sha256,
         "via": "ticket", "path": stored, "url": None, "expires_at": None}
        for a, stored in zip(ticket.attachments, stored_names([a.name for a in ticket.attachments]), strict=True)
    ]  # fmt: skip
    linked = [
        {"name": s.name, "size_bytes": s.size_bytes, "media_type": s.media_type, "sha256": s.sha256, "via": "link",
         "path": None, "url": s.link.url, "expires_at": s.link.expires_at and s.link.expires_at.isoformat(),
         "sealed": s.link.sealed, "key": s.link.key or None, "password": s.link.password or None}
        for s in ticket.links
    ]  # fmt: skip
    return {
        "id": number,
        "report_id": ticket.report_id,
        "subject": ticket.subject,
        "description": ticket.description,
        "kind": ticket.kind,
        "priority": ticket.priority,
        "requester": ticket.requester,
        "created_at": ticket.created_at.isoformat().replace("+00:00", "Z"),
        "attachments": inside + linked,
        "sections": [{"id": s.id, "title": s.title, "note": s.note, "text": s.text} for s in ticket.sections],
        "fields": dict(ticket.fields),
    }


def stored_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names the files get in the ticket's folder: never paths, never that of our own two files, never twice.

    Compared without case, as the file systems of some agents do.
    """
    taken, found = {"ticket.json", "ticket.html"}, []
    for name in names:
        plain = Path(name.replace("\\", "/")).name or "file"
        stem, suffix = Path(plain).stem, Path(plain).suffix
        stored, number = plain, 1
        while stored.casefold() in taken:
            number += 1
            stored = f"{stem} ({number}){suffix}"
        taken.add(stored.casefold())
        found.append(stored)
    return tuple(found)


def _shifted(progress: Progress, before: int, total: int) -> Progress:
    return lambda done, _: progress(before + done, total)


def slug(subject: str) -> str:
    """``No puedo pagar el nº 5`` → ``no-puedo-pagar-el-no-5``: at most 40 plain characters, maybe none."""
    plain = unicodedata.normalize("NFKD", subject).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-")


def _link_new(note: Path, target: Path, content: str) -> None:
    """Makes ``target`` appear whole, or raises FileExistsError: by hard link, else by exclusive create."""
    try:
        os.link(note, target)
    except FileExistsError:
        raise
    except OSError:  # FAT and some shares know no hard links
        with target.open("x", encoding="utf-8") as file:
            file.write(content)
