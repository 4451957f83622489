"""Google Drive: files that this program made, and no others (scope ``drive.file``).

The file's id is drawn before its upload begins, so whatever answer gets lost, the file is found again or made once.
A link that anyone may open has no end at Google: this program deletes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlencode, urlsplit

from uploader.errors import AuthFailed, Gone, InvalidField, NoSpace, Refused, Temporary, UploaderError
from uploader.oauth import Account, Client, error_in, read_object
from uploader.sent import SentSum
from uploader.setting import Secret, setting
from uploader.signed_in import SignedInShare, SignedInStream
from uploader.source import Window
from uploader.ticket import Link, ShareAbilities
from uploader.ways import PieceRule, Upload
from uploader.wire import NO_DATA, Reply, Wire, sort_out

if TYPE_CHECKING:
    from hashlib import _Hash

SCOPE = "https://www.googleapis.com/auth/drive.file"
LARGEST_BYTES = 5 * 1024**4
"""Source: Google, "Files you can store in Google Drive", 2026."""
BUSY = {"userRateLimitExceeded", "rateLimitExceeded", "sharingRateLimitExceeded", "backendError", "internalError"}
"""Reasons that pass, also under 403. Source: Google, "Resolve errors", Drive API v3, 2026."""
CLOSED = {"publishOutNotPermitted", "shareOutNotPermitted", "shareInNotPermitted", "cannotShareTeamDriveTopFolder",
          "domainPolicy", "invalidSharingRequest", "sharingNotSupported"}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class GoogleDrive(SignedInShare):
    title: ClassVar[str] = "Google Drive"
    abilities: ClassVar[ShareAbilities] = ShareAbilities(
        resumes=True, ends_links="us", revokes=True, largest_bytes=LARGEST_BYTES, checks="SHA-256 of the whole file",
        signs_in=True,
    )  # fmt: skip

    client_id: str = setting("Client ID", help="Of the app that your company has registered at the service.")
    client_secret: Secret = setting(
        "Client secret", help="Of the same app; Google wants one.", kind="secret", default=Secret("")
    )
    readers: str = setting(
        "Who may open the link",
        help="“Nobody yet”: the file stays yours, and you let people in by hand.",
        choices=("anyone", "domain", "nobody"),
        default="anyone",
    )
    domain: str = setting(
        "Domain of the readers", help="If it is for your organisation's domain: example.org", default=""
    )
    folder: str = setting(
        "Folder ID", help="Of a folder that Testigo may see. Empty: the top of your drive.", default=""
    )
    api: str = field(default="https://www.googleapis.com")
    authorize_url: str = field(default="https://accounts.google.com/o/oauth2/v2/auth")
    token_url: str = field(default="https://oauth2.googleapis.com/token")

    def client(self) -> Client:
        """Source: Google, "OAuth 2.0 for desktop apps", 2026: any port of 127.0.0.1; ``consent`` gives a new token."""
        return Client(
            self.title, self.authorize_url, self.token_url, self.client_id, SCOPE, self.client_secret,
            extra={"access_type": "offline", "prompt": "consent"},
        )  # fmt: skip

    def way(self, wire: Wire) -> DriveWay:
        return DriveWay(self, Account(wire, self.login))

    def check(self) -> None:
        """Sends, links and deletes five bytes. Raises: UploaderError."""
        if self.readers == "domain" and not self.domain:
            raise InvalidField("domain", "say the domain whose people may open links")
        super().check()

    def link(self, wire: Wire, upload: Upload, stored: str, days: float, password: str) -> Link:
        """One permission of a kind is all that a file has: asking twice makes none the second time."""
        way = self.way(wire)
        if self.readers != "nobody":
            wanted = {"type": self.readers, "role": "reader", "allowFileDiscovery": False}
            if self.readers == "domain":
                wanted["domain"] = self.domain
            read_object(way.ask("POST", f"/{quote(stored, safe='')}/permissions", content=wanted))
        url = str(way.find(stored).get("webViewLink") or "")
        if not url.startswith(("https://", "http://")):
            raise Temporary(NO_DATA, host=urlsplit(self.api).netloc)
        ends = datetime.now(UTC) + timedelta(days=days) if days else None
        return Link(url, ends, "us" if ends else "", stored)

    def look(self, wire: Wire, upload: Upload, link: Link) -> None:
        """The page that shows the file opens without a login, if it shall. It tells no length; ``finish`` knows it."""
        seen = wire.call("GET", link.url, ok=range(200, 600), most_bytes=0)
        if self.readers == "anyone" and seen.status != 200:
            raise Temporary("{host} does not show the file yet", host=seen.host)

    def download(self, link: Link) -> str:
        """As the page's own button does it; ``confirm``: yes, although it is too large for Google's virus scanner."""
        return f"{link.url.partition('/file/')[0]}/uc?export=download&confirm=t&id={quote(link.receipt, safe='')}"

    def erase(self, wire: Wire, receipt: str) -> None:
        way = self.way(wire)
        with suppress(Gone):
            listed = read_object(way.ask("GET", f"/{quote(receipt, safe='')}/permissions", {"fields": "permissions"}))
            for permission in listed.get("permissions", ()):
                if permission.get("type") in ("anyone", "domain"):
                    with suppress(Gone):
                        way.ask("DELETE", f"/{quote(receipt, safe='')}/permissions/{permission['id']}")
            way.delete(receipt)


@dataclass
class DriveWay(SignedInStream):
    """A range session. What the journal keeps is JSON: the file's id, and the session's secret address.

    Source: Google, "Upload file data", Drive API v3, 2026: pieces are multiples of 256 KiB; a session lives a week.
    """

    share: GoogleDrive
    account: Account
    sums: SentSum[_Hash] = field(default_factory=lambda: SentSum(hashlib.sha256))

    pieces: ClassVar[PieceRule] = PieceRule(most_count=2**31)

    def begin(self, upload: Upload) -> str:
        drawn = read_object(self.ask("GET", "/generateIds", {"count": "1", "space": "drive"})).get("ids") or [""]
        about: dict[str, Any] = {
            "id": str(drawn[0]), "name": upload.name, "mimeType": upload.media_type,
            "appProperties": {"testigo": upload.key},
        }  # fmt: skip
        if self.share.folder:
            about["parents"] = [self.share.folder]
        url = f"{self.share.api}/upload/drive/v3/files?uploadType=resumable&supportsAllDrives=true"
        headers = {"X-Upload-Content-Type": upload.media_type, "X-Upload-Content-Length": str(upload.size_bytes)}
        reply = self.account.ask("POST", url, content=about, headers=headers)
        if reply.status == 404 and self.share.folder:
            raise Refused(
                "{service} shows no folder {folder} to this app, which sees only what it made itself; leave it empty",
                service=self.share.title, folder=self.share.folder,
            )  # fmt: skip
        if reply.status != 200:
            raise _sort(reply)
        if not drawn[0] or not reply.headers.get("location"):
            raise Temporary(NO_DATA, host=reply.host)
        return json.dumps({"id": drawn[0], "url": reply.headers["location"]})

    def offset(self, upload: Upload, session: str) -> int:
        headers = {"Content-Range": f"bytes */{upload.size_bytes}"}
        reply = self.account.wire.call("PUT", json.loads(session)["url"], headers=headers, ok=range(200, 600))
        return self._reached(upload, session, reply)

    def send(self, upload: Upload, session: str, body: Window) -> int:
        """The session's address is secret enough: it gets no token. Raises: UploaderError."""
        span = f"{body.offset}-{body.offset + body.size_bytes - 1}" if body.size_bytes else "*"
        headers = {"Content-Range": f"bytes {span}/{upload.size_bytes}", "Content-Type": upload.media_type}
        summed = self.sums.body(body)
        url = json.loads(session)["url"]
        reply = self.account.wire.call("PUT", url, headers=headers, body=summed, ok=range(200, 600))
        if reply.status in (400, 416):  # perhaps bytes of a connection that broke have arrived meanwhile
            reached = self.offset(upload, session)
            if reached == body.offset:
                raise _sort(reply)
            return reached
        reached = self._reached(upload, session, reply)
        if reached <= body.offset and body.size_bytes:
            raise Temporary("{host} did not keep the file; it is sent again", host=reply.host)
        return self.sums.take(summed, reached)

    def finish(self, upload: Upload, session: str, receipts: Mapping[int, str]) -> str:
        """Compares with Google's own hash; without one the length alone."""
        known = json.loads(session)["id"]
        try:
            found = self.find(known)
        except Gone:
            self.offset(upload, session)  # tells whether the session is gone too
            raise Temporary("{host} does not show the file yet", host=urlsplit(self.share.api).netloc) from None
        ours, theirs = self.sums.whole(upload.size_bytes), found.get("sha256Checksum")
        if found.get("size") != str(upload.size_bytes) or (ours and theirs and theirs != ours.hexdigest()):
            self.delete(known)
            host = urlsplit(self.share.api).netloc
            raise Gone("{host} put something else together than was sent; it is sent anew", host=host)
        return str(known)

    def abort(self, upload: Upload, session: str) -> None:
        known = json.loads(session)
        reply = self.account.wire.call("DELETE", known["url"], ok=range(200, 600))
        if reply.status == 200 or reply.status >= 500:
            raise Temporary(NO_DATA, host=reply.host)
        self.delete(known["id"])

    def find(self, file_id: str) -> dict[str, Any]:
        """Raises: Gone when there is no such file."""
        fields = {"fields": "id,size,sha256Checksum,webViewLink"}
        return read_object(self.ask("GET", f"/{quote(file_id, safe='')}", fields))

    def delete(self, file_id: str) -> None:
        """For good, not into the bin; harmless when it is gone. In a shared drive only the bin may be allowed."""
        path = f"/{quote(file_id, safe='')}"
        try:
            self.ask("DELETE", path)
        except Gone:
            return
        except (AuthFailed, NoSpace):
            raise
        except Refused:
            self.ask("PATCH", path, content={"trashed": True})

    def ask(
        self, method: str, path: str, query: Mapping[str, str] | None = None, *, content: object = None
    ) -> Reply:  # fmt: skip
        """One call about files. Raises: UploaderError by Google's reason."""
        url = f"{self.share.api}/drive/v3/files{path}?{urlencode({'supportsAllDrives': 'true', **(query or {})})}"
        reply = self.account.ask(method, url, content=content)
        if reply.status >= 300:
            raise _sort(reply)
        if method == "DELETE" and reply.status != 204:
            raise Temporary(NO_DATA, host=reply.host)
        return reply

    def _reached(self, upload: Upload, session: str, reply: Reply) -> int:
        """How far the server says it is."""
        if reply.status == 308:
            span = reply.headers.get("range", "")
            last = span.rpartition("-")[2]
            return int(last) + 1 if last.isdecimal() else 0
        if reply.status in (200, 201):
            if read_object(reply).get("id") != json.loads(session)["id"]:
                raise Temporary(NO_DATA, host=reply.host)
            return upload.size_bytes
        if reply.status in (404, 410):  # used up, if the file is there
            self.find(json.loads(session)["id"])
            return upload.size_bytes
        raise _sort(reply)


def _sort(reply: Reply) -> UploaderError:
    """Google's reasons say more than its statuses."""
    error = error_in(reply)
    listed = error.get("errors") if isinstance(error, dict) else None
    reasons = {str(one.get("reason")) for one in listed or () if isinstance(one, dict)}
    reason = next(iter(sorted(reasons)), "")
    if reasons & BUSY:
        return Temporary("{host} is busy or out of order ({status})", host=reply.host, status=reason)
    if reasons & {"storageQuotaExceeded", "teamDriveFileLimitExceeded"}:
        return NoSpace("there is no space left at {host}", host=reply.host)
    if reasons & CLOSED:
        return Refused(
            "{service} does not allow such links here; choose other readers, or ask its administrator",
            service=GoogleDrive.title,
        )
    if reasons & {"accessNotConfigured"}:
        return Refused("the app's project must switch on the API of {service} first", service=GoogleDrive.title)
    if reply.status == 403 and reason:
        return Refused("{host} does not allow it ({status}); the account may lack a right", host=reply.host,
                       status=reason)  # fmt: skip
    return sort_out(reply)
