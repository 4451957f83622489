"""A folder on a WebDAV server: Apache, nginx, IIS, a NAS, any cloud drive that speaks it.

WebDAV knows neither resuming nor links: a file goes in one request, its address is the link, and we delete it when its
time is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from uploader.dav import Dav, basic_login, wrong
from uploader.errors import AuthFailed, Gone, OutcomeUnknown, Refused, Temporary
from uploader.setting import Secret, setting
from uploader.source import Window
from uploader.ticket import Link, ShareAbilities
from uploader.transfer import UploadShare
from uploader.trial import refuse_listing, try_out
from uploader.ways import Upload, Whole, is_key
from uploader.wire import Wire


@dataclass(frozen=True, kw_only=True)
class WebDav(UploadShare):
    title: ClassVar[str] = "WebDAV"
    abilities: ClassVar[ShareAbilities] = ShareAbilities(
        ends_links="us", revokes=True, checks="size", serves_pages=True
    )

    url: str = setting("WebDAV address of the folder", help="https://files.example.org/dav/reports", kind="url")
    user: str = setting("User", default="")
    password: Secret = setting("Password", kind="secret", default=Secret(""))
    link_url: str = setting(
        "Address where readers find the folder",
        help="Without a login, and so that nobody can list it. Empty: the WebDAV address; then readers need a login.",
        kind="url",
        default="",
    )

    def dav(self, wire: Wire) -> Dav:
        return Dav(wire, self.url, basic_login(self.user, self.password))

    def way(self, wire: Wire) -> WebDavWay:
        return WebDavWay(self.dav(wire))

    def check(self) -> None:
        try_out(self)

    def link(self, wire: Wire, upload: Upload, stored: str, days: float, password: str) -> Link:
        ends = datetime.now(UTC) + timedelta(days=days) if days else None
        address = Dav(wire, self.link_url or self.url, {}).address(f"{stored}/{upload.name}")
        return Link(address, ends, "us" if ends else "", stored)

    def look(self, wire: Wire, upload: Upload, link: Link) -> None:
        if self.link_url:
            super().look(wire, upload, link)
            refuse_listing(wire, self.link_url, upload)
            return
        with suppress(AuthFailed):
            super().look(wire, upload, link)

    def erase(self, wire: Wire, receipt: str) -> None:
        if not is_key(receipt):
            raise Refused("{service} cannot take a link back; ask whoever looks after it", service=self.title)
        self.dav(wire).delete(receipt + "/")


@dataclass
class WebDavWay(Whole):
    """``KEY/NAME.part``, which takes its name when it is whole: nobody opens half a file."""

    dav: Dav

    def begin(self, upload: Upload) -> str:
        self.dav.make_folder(upload.key)
        return upload.key

    def send(self, upload: Upload, body: Window) -> str:
        if self._has(upload, ""):  # an earlier run was ended between the renaming and its noting
            return upload.key
        with suppress(OutcomeUnknown):  # it is all there if its length says so
            try:
                self.dav.put(f"{upload.key}/{upload.name}.part", body, {"Content-Type": upload.media_type})
            except Gone:
                self.dav.make_folder(upload.key)
                raise
        if not self._has(upload, ".part"):
            raise Temporary("{host} has not stored all of the file; it is sent again", host=self.dav.host)
        return upload.key

    def finish(self, upload: Upload, session: str, receipts: Mapping[int, str]) -> str:
        """The answer to the renaming counts for less than what is there afterwards."""
        reply = self.dav.move(f"{upload.key}/{upload.name}.part", f"{upload.key}/{upload.name}")
        if self._has(upload, ""):
            return upload.key
        if reply.status in (404, 409):
            raise Gone("{host} does not know it, or no longer ({status})", host=reply.host, status=str(reply.status))
        raise wrong(reply)

    def abort(self, upload: Upload, session: str) -> None:
        self.dav.delete(upload.key + "/")

    def _has(self, upload: Upload, suffix: str) -> bool:
        found = self.dav.find(f"{upload.key}/{upload.name}{suffix}")
        return found is not None and found.size_bytes == upload.size_bytes
