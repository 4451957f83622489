"""A folder as a share for large files: on this computer, or on a network drive the help desk can open.

What protects a file is the folder's own permissions and a random name of 128 bits; it does not expire.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from uploader.errors import Unreachable
from uploader.folder_access import copy_verified, open_like, reach, sorted_faults
from uploader.journal import Journal
from uploader.setting import setting
from uploader.ticket import AS_SET, Attachment, Link, Progress, Share, Wishes


@dataclass(frozen=True)
class FolderShare(Share):
    title: ClassVar[str] = "Folder"

    path: Path = setting("Folder", help="A network drive that the help desk can open too.", kind="folder")
    url: str = setting(
        "Web address of the folder",
        help="If a web server shows it; empty: a file address.",
        kind="url",
        default="",
    )

    def check(self) -> None:
        reach(self.path)
        with sorted_faults(self.path):
            probe = self.path / f".testigo-{secrets.token_hex(8)}"
            probe.mkdir()
            probe.rmdir()

    def put(self, file: Attachment, journal: Journal, progress: Progress, wishes: Wishes = AS_SET) -> Link:
        """The key is drawn once and remembered, so that a repeated upload replaces itself."""
        reach(self.path)
        key = journal.once(f"share/{file.sha256}/{file.name}/key", lambda: secrets.token_hex(16))
        place = self.path / key
        with sorted_faults(self.path):
            target = place / file.name
            if not (target.is_file() and target.stat().st_size == file.size_bytes):
                place.mkdir(exist_ok=True)
                part = place / ".part"
                try:
                    copy_verified(file, part, progress)
                except OSError:
                    part.unlink(missing_ok=True)
                    raise
                part.replace(target)
                open_like(place, self.path)
            if not target.is_file():
                raise Unreachable("the file is not to be found in {folder} after it was written", folder=str(self.path))
        if self.url:
            return Link(f"{self.url.rstrip('/')}/{key}/{quote(file.name)}")
        return Link(target.absolute().as_uri())
