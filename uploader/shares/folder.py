"""A folder as a share for large files: on this computer, or on a network drive the help desk can open.

What protects a file is the folder's own permissions and a random name of 128 bits.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from uploader.errors import AuthFailed, Gone, Refused, Temporary, Unreachable
from uploader.folder_access import open_like, reach, sorted_faults
from uploader.setting import setting
from uploader.source import Window
from uploader.ticket import Link, ShareAbilities
from uploader.transfer import UploadShare
from uploader.ways import Stream, Upload
from uploader.wire import Wire

KEY_CHARACTERS = 32


@dataclass(frozen=True, kw_only=True)
class FolderShare(UploadShare):
    title: ClassVar[str] = "Folder"
    abilities: ClassVar[ShareAbilities] = ShareAbilities(resumes=True, ends_links="us", revokes=True, checks="size")

    path: Path = setting("Folder", help="A network drive that the help desk can open too.", kind="folder")
    url: str = setting(
        "Web address of the folder",
        help="If a web server shows it; empty: a file address.",
        kind="url",
        default="",
    )
    expires_days: float = setting(
        "The file is deleted after, in days", help="0: it stays.", kind="number", default=0.0, least=0, most=3650
    )

    def check(self) -> None:
        reach(self.path)
        with sorted_faults(self.path):
            probe = self.path / f".testigo-{secrets.token_hex(8)}"
            probe.mkdir()
            probe.rmdir()

    def way(self, wire: Wire) -> FolderWay:
        return FolderWay(self.path)

    def link(self, wire: Wire, upload: Upload, stored: str, days: float, password: str) -> Link:
        ends = datetime.now(UTC) + timedelta(days=days) if days else None
        if self.url:
            address = f"{self.url.rstrip('/')}/{upload.key}/{quote(upload.name)}"
        else:
            address = (self.path / upload.key / upload.name).absolute().as_uri()
        return Link(address, ends, "us" if ends else "", upload.key)

    def look(self, wire: Wire, upload: Upload, link: Link) -> None:
        """The file is in the folder. A web server that wants a login is asked no further."""
        reach(self.path)
        with sorted_faults(self.path):
            target = self.path / upload.key / upload.name
            if not target.is_file() or target.stat().st_size != upload.size_bytes:
                raise Gone("the file is not to be found in {folder} after it was written", folder=str(self.path))
        if self.url:
            with suppress(AuthFailed, Unreachable):
                super().look(wire, upload, link)

    def receipt(self, upload: Upload, stored: str) -> str:
        return upload.key

    def erase(self, wire: Wire, receipt: str) -> None:
        reach(self.path)
        if receipt.strip("0123456789abcdef") or len(receipt) != KEY_CHARACTERS:
            raise Refused("{service} cannot take a link back; ask whoever looks after it", service=self.title)
        with sorted_faults(self.path), suppress(FileNotFoundError):
            shutil.rmtree(self.path / receipt)


@dataclass
class FolderWay(Stream):
    """Appends to a hidden file beside the final one, which takes its name when it is whole."""

    path: Path

    def begin(self, upload: Upload) -> str:
        reach(self.path)
        with sorted_faults(self.path):
            (self.path / upload.key).mkdir(exist_ok=True)
        return upload.key

    def offset(self, upload: Upload, session: str) -> int:
        reach(self.path)
        with sorted_faults(self.path):
            place = self.path / upload.key
            if not place.is_dir():
                raise Gone("{host} does not know it, or no longer ({status})", host=str(self.path), status="")
            for file in (place / upload.name, self._part(upload)):
                if file.is_file():
                    return min(file.stat().st_size, upload.size_bytes)
            return 0

    def send(self, upload: Upload, session: str, body: Window) -> int:
        with sorted_faults(self.path), self._part(upload).open("r+b" if body.offset else "wb", buffering=0) as file:
            file.seek(body.offset)
            for block in body.blocks():
                while block:
                    block = block[file.write(block) :]  # noqa: PLW2901  # a raw file may take less
            os.fsync(file.fileno())
        return body.offset + body.size_bytes

    def finish(self, upload: Upload, session: str, receipts: Mapping[int, str]) -> str:
        with sorted_faults(self.path):
            target, part = self.path / upload.key / upload.name, self._part(upload)
            if part.is_file():
                if part.stat().st_size != upload.size_bytes:
                    raise Temporary("the folder {folder} failed: {why}", folder=str(self.path), why="size")
                part.replace(target)
                open_like(target.parent, self.path)
            if not target.is_file():
                raise Gone("{host} does not know it, or no longer ({status})", host=str(self.path), status="")
        return upload.key

    def abort(self, upload: Upload, session: str) -> None:
        reach(self.path)
        with sorted_faults(self.path), suppress(FileNotFoundError):
            shutil.rmtree(self.path / upload.key)

    def _part(self, upload: Upload) -> Path:
        return self.path / upload.key / ".part"
