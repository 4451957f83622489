"""OneDrive and SharePoint through Microsoft Graph: a folder of one's own drive, or of a site's library.

Every file lies in a folder named by the upload's key, so a lost answer is found again by its path. What a link is, and
when it ends, is read back: the tenant's policies have the last word.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from uploader.errors import Gone, NoSpace, Refused, Temporary, UploaderError
from uploader.oauth import Account, Client, error_in, read_object
from uploader.sent import QuickXor, SentSum
from uploader.setting import setting
from uploader.signed_in import SignedInShare, SignedInStream
from uploader.source import Window
from uploader.ticket import Link, ShareAbilities
from uploader.ways import PieceRule, Upload
from uploader.wire import NO_DATA, Reply, Wire, sort_out, wanted_wait_s

LARGEST_BYTES = 250 * 1024**3
"""Source: Microsoft, "Restrictions and limitations in OneDrive and SharePoint", 2026."""
MOST_PIECE_BYTES = 60 * 1024**2 - 1
"""Source: Microsoft Graph, driveItem: createUploadSession, 2026: "less than 60 MiB", multiples of 320 KiB."""
SLACK = timedelta(hours=1)
"""By which a link may end later than it was asked to, before we end it ourselves."""
OFFICE = (
    ".doc",
    ".docm",
    ".docx",
    ".ppt",
    ".pptm",
    ".pptx",
    ".xls",
    ".xlsb",
    ".xlsm",
    ".xlsx",
    ".vsdx",
    ".pub",
    ".one",
)
"""SharePoint writes its own properties into these files, so they neither keep their length nor their hash."""
HTTP_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, kw_only=True)
class OneDrive(SignedInShare):
    title: ClassVar[str] = "OneDrive / SharePoint"
    abilities: ClassVar[ShareAbilities] = ShareAbilities(
        resumes=True, ends_links="service", password=True, revokes=True, largest_bytes=LARGEST_BYTES,
        checks="quickXorHash of the whole file", signs_in=True,
    )  # fmt: skip

    client_id: str = setting("Client ID", help="Of the app that your company has registered at the service.")
    readers: str = setting(
        "Who may open the link",
        help="“My organisation”: only people of your company, after a login.",
        choices=("anyone", "organization"),
        default="anyone",
    )
    tenant: str = setting(
        "Tenant",
        help="“common”: any account; “organizations”: those of companies; or your company's domain.",
        default="common",
    )
    site: str = setting(
        "SharePoint site", help="example.sharepoint.com/sites/Help. Empty: your own OneDrive.", default=""
    )
    drive: str = setting("Drive ID", help="Of one library, where the site has several.", default="", rare=True)
    folder: str = setting("Folder in the drive", default="Testigo", rare=True)
    api: str = field(default="https://graph.microsoft.com/v1.0")
    login_url: str = field(default="https://login.microsoftonline.com")

    def client(self) -> Client:
        """Source: Microsoft, "Redirect URI best practices", 2026: of ``localhost`` the port is not compared."""
        rights = "Files.ReadWrite.All Sites.Read.All" if self.site or self.drive else "Files.ReadWrite"
        place = f"{self.login_url}/{quote(self.tenant, safe='')}/oauth2/v2.0"
        return Client(self.title, f"{place}/authorize", f"{place}/token", self.client_id, f"offline_access {rights}",
                      host="localhost")  # fmt: skip

    def way(self, wire: Wire) -> GraphWay:
        return GraphWay(self, Account(wire, self.login))

    def link(self, wire: Wire, upload: Upload, stored: str, days: float, password: str) -> Link:
        way, ends = self.way(wire), datetime.now(UTC) + timedelta(days=days) if days else None
        if password and way.kind != "personal":
            raise Refused(
                "{service} knows passwords for links of personal accounts only; leave the password out",
                service=self.title,
            )
        scope = "anonymous" if self.readers == "anyone" else self.readers
        wanted = {"type": "view", "scope": scope} | ({"password": password} if password else {})
        made = None
        if ends:
            with suppress(Closed):  # some plans and kinds of link know no end
                made = way.link_to(stored, wanted | {"expirationDateTime": ends.strftime(HTTP_TIME)}, ends)
        made = made or way.link_to(stored, wanted, None)
        if made["link"].get("scope", scope) != scope:
            raise _closed(self.title)
        told = _moment(made.get("expirationDateTime"))
        if told and (ends is None or told <= ends + SLACK):
            return Link(made["link"]["webUrl"], told, "service", stored, password=password)
        return Link(made["link"]["webUrl"], ends, "us" if ends else "", stored, password=password)

    def look(self, wire: Wire, upload: Upload, link: Link) -> None:
        """A stranger gets the whole file, where its length is told; nothing of it without the login it shall need."""
        seen = wire.call(
            "GET", self.download(link), headers={"Range": "bytes=0-0"}, ok=range(200, 600), follow=5, most_bytes=0
        )
        if seen.status in (404, 410):
            raise Temporary("{host} does not show the file yet", host=seen.host)
        total = seen.headers.get("content-range", "").rpartition("/")[2]
        is_file = seen.status == 206 or "attachment" in seen.headers.get("content-disposition", "")
        if is_file and (link.password or self.readers != "anyone"):
            raise Refused("{host} gives the file to anyone, with and without the link", host=seen.host)
        if total.isdecimal() and int(total) != upload.size_bytes and not _is_rewritten(upload):
            raise Temporary("the link leads to something else than the file that was sent; it is checked again")

    def download(self, link: Link) -> str:
        return f"{link.url}{'&' if '?' in link.url else '?'}download=1"

    def erase(self, wire: Wire, receipt: str) -> None:
        """Links, file and its folder by their ids, for the user may have moved the file; the files go to the bin."""
        way, parts = self.way(wire), receipt.split(" ")
        if len(parts) != 3:
            raise Refused("{service} cannot take a link back; ask whoever looks after it", service=self.title)
        drive, item, folder = (quote(part, safe="!") for part in parts)
        with suppress(Gone):
            for permission in way.links(f"/drives/{drive}/items/{item}"):
                way.delete(f"/drives/{drive}/items/{item}/permissions/{quote(permission, safe='')}")
        way.delete(f"/drives/{drive}/items/{item}")
        way.delete(f"/drives/{drive}/items/{folder}")


class Closed(Refused):
    """The tenant's rules, or the plan, do not know such a link."""


@dataclass
class GraphWay(SignedInStream):
    """An upload session. What the journal keeps is its secret address, which needs and takes no token."""

    share: OneDrive
    account: Account
    sums: SentSum[QuickXor] = field(default_factory=lambda: SentSum(QuickXor))
    complete: bool = False
    """The service has said so."""

    pieces: ClassVar[PieceRule] = PieceRule(most_count=2**31, most_bytes=MOST_PIECE_BYTES)

    @cached_property
    def about(self) -> dict[str, Any]:
        """The drive. Raises: UploaderError that names the setting which is wrong."""
        share, host, path = self.share, *self.share.site.removeprefix("https://").strip("/").partition("/")[::2]
        if share.drive:
            wrong = Refused("there is no drive {drive} that you may see; correct it in the settings", drive=share.drive)
            place = f"/drives/{quote(share.drive, safe='!')}"
        elif host:
            wrong = Refused("there is no site {site} that you may see; correct it in the settings", site=share.site)
            place = f"/sites/{quote(host, safe='')}" + (f":/{quote(path)}:/drive" if path else "/drive")
        else:
            wrong = Refused("this account has no OneDrive yet; open it once in the browser")
            place = "/me/drive"
        reply = self._ask("GET", f"{place}?$select=id,driveType")
        if reply.status in (400, 404):
            raise wrong
        found = _meant(reply, self.share.title)
        if not found.get("id"):
            raise Temporary(NO_DATA, host=reply.host)
        return found

    @property
    def kind(self) -> str:
        """``personal``, ``business`` or ``documentLibrary``."""
        return str(self.about.get("driveType", ""))

    def begin(self, upload: Upload) -> str:
        """An empty file has no session: it goes in one request."""
        self._make_folder([*self._folders(), upload.key])
        if not upload.size_bytes:
            return json.dumps({"url": ""})
        wanted = {"item": {"@microsoft.graph.conflictBehavior": "replace", "name": _fit(upload.name)}}
        found = self._call("POST", f"{self._place(upload)}:/createUploadSession", wanted)
        if not str(found.get("uploadUrl", "")).startswith(("https://", "http://")):
            raise Temporary(NO_DATA, host=urlsplit(self.share.api).netloc)
        return json.dumps({"url": found["uploadUrl"]})

    def offset(self, upload: Upload, session: str) -> int:
        url = json.loads(session)["url"]
        if not url:
            return 0
        reply = self.account.wire.call("GET", url, ok=range(200, 600))
        return self._reached(upload, reply)

    def send(self, upload: Upload, session: str, body: Window) -> int:
        url, summed = json.loads(session)["url"], self.sums.body(body)
        if not url:
            self._call("PUT", f"{self._place(upload)}:/content")
            self.complete = True
        if not body.size_bytes:
            return self.sums.take(summed, body.offset)
        self.complete = False
        span = f"bytes {body.offset}-{body.offset + body.size_bytes - 1}/{upload.size_bytes}"
        reply = self.account.wire.call("PUT", url, headers={"Content-Range": span}, body=summed, ok=range(200, 600))
        if reply.status == 416:  # it has the piece already, or not yet what comes before
            reached = self.offset(upload, session)
        else:
            reached = self._reached(upload, reply)
        if reached == body.offset:
            raise Temporary("{host} did not keep the file; it is sent again", host=reply.host)
        return self.sums.take(summed, reached)

    def finish(self, upload: Upload, session: str, receipts: Mapping[int, str]) -> str:
        """Compares with Microsoft's hash where it is told; when no sum could be made, the length alone."""
        try:
            found = self.find(upload)
        except Gone:
            if self.complete:
                raise Temporary("{host} does not show the file yet", host=urlsplit(self.share.api).netloc) from None
            raise
        ours, theirs = self.sums.whole(upload.size_bytes), found["file"].get("hashes", {}).get("quickXorHash")
        wrong = found.get("size") != upload.size_bytes or (ours and theirs and theirs != ours.base64())
        if wrong and not (_is_rewritten(upload) and self.kind != "personal"):
            self.delete(f"{self._place(upload, whole=False)}")
            raise Gone(
                "{host} put something else together than was sent; it is sent anew",
                host=urlsplit(self.share.api).netloc,
            )
        return f"{self.about['id']} {found['id']} {found['parentReference']['id']}"

    def abort(self, upload: Upload, session: str) -> None:
        if url := json.loads(session)["url"]:
            reply = self.account.wire.call("DELETE", url, ok=range(200, 600))
            if reply.status == 200 or reply.status >= 500:
                raise Temporary(NO_DATA, host=reply.host)
        self.delete(self._place(upload, whole=False))

    def find(self, upload: Upload) -> dict[str, Any]:
        """Raises: Gone when the file is not there."""
        found = self._call("GET", f"{self._place(upload)}?$select=id,size,file,parentReference")
        if not found.get("id") or "file" not in found or not found.get("parentReference", {}).get("id"):
            raise Temporary(NO_DATA, host=urlsplit(self.share.api).netloc)
        return found

    def link_to(self, stored: str, wanted: Mapping[str, str], ends: datetime | None) -> dict[str, Any]:
        """A link as the service keeps it. One of an earlier call is handed out again with its old end and password.

        Raises: Closed.
        """
        drive, item, _ = stored.split(" ")
        place = f"/drives/{quote(drive, safe='!')}/items/{quote(item, safe='!')}"
        for again in (True, False):
            reply = self._ask("POST", f"{place}/createLink", wanted)
            if reply.status in (400, 403):
                raise _closed(self.share.title)
            made = _meant(reply, self.share.title)
            if not str(made.get("link", {}).get("webUrl", "")).startswith(("https://", "http://")):
                raise Temporary(NO_DATA, host=reply.host)
            permission = f"{place}/permissions/{quote(str(made['id']), safe='')}"
            kept = self._call("GET", permission)
            told = _moment(kept.get("expirationDateTime"))
            stale = "password" in wanted or (ends is not None and (told is None or told > ends + SLACK))
            if reply.status == 201 or not stale or not again:
                return {**made, **kept, "link": {**made["link"], **kept.get("link", {})}}
            self.delete(permission)
        raise AssertionError("unreachable")

    def links(self, place: str) -> list[str]:
        """The ids of all links to an item. Raises: Gone when it is not there."""
        return [str(one["id"]) for one in self._call("GET", f"{place}/permissions").get("value", ()) if "link" in one]

    def delete(self, path: str) -> None:
        """Harmless when it is gone."""
        reply = self._ask("DELETE", path)
        if reply.status not in (204, 404, 410):
            raise _sort(reply, self.share.title)

    def _folders(self) -> list[str]:
        return [part for part in self.share.folder.split("/") if part]

    def _place(self, upload: Upload, *, whole: bool = True) -> str:
        """The file by its path from the drive's root, or the folder it lies in alone."""
        return self._path([*self._folders(), upload.key, *([_fit(upload.name)] if whole else [])])

    def _path(self, parts: list[str]) -> str:
        root = f"/drives/{quote(self.about['id'], safe='!')}/root"
        return f"{root}:/{'/'.join(quote(part, safe='') for part in parts)}" if parts else root

    def _make_folder(self, parts: list[str]) -> None:
        """The folder and those above it; harmless when it is there."""
        above = self._path(parts[:-1])
        wanted = {"name": parts[-1], "folder": {}, "@microsoft.graph.conflictBehavior": "fail"}
        for again in (True, False):
            reply = self._ask("POST", f"{above}{':' if len(parts) > 1 else ''}/children", wanted)
            if reply.status == 404 and again and len(parts) > 1:
                self._make_folder(parts[:-1])
            elif reply.status == 409:
                return
            else:
                _meant(reply, self.share.title)
                return

    def _call(self, method: str, path: str, content: object = None) -> dict[str, Any]:
        """Raises: UploaderError by Microsoft's own words."""
        return _meant(self._ask(method, path, content), self.share.title)

    def _ask(self, method: str, path: str, content: object = None) -> Reply:
        return self.account.ask(method, self.share.api + path, content=content)

    def _reached(self, upload: Upload, reply: Reply) -> int:
        """How far the session is; one that is over has made the file, or has died after its 24 hours."""
        if reply.status in (401, 404, 410):
            if self.find(upload).get("size") != upload.size_bytes and not _is_rewritten(upload):
                raise Gone(
                    "{host} does not know it, or no longer ({status})", host=reply.host, status=str(reply.status)
                )
            return upload.size_bytes
        found = _meant(reply, self.share.title)
        if reply.status in (200, 201) and "file" in found:
            self.complete = True
            return upload.size_bytes
        missing = found.get("nextExpectedRanges")
        if not isinstance(missing, list):
            raise Temporary(NO_DATA, host=reply.host)
        first = str(missing[0]).partition("-")[0] if missing else str(upload.size_bytes)
        return int(first) if first.isdecimal() else 0


def _closed(service: str) -> Closed:
    text = "{service} does not allow such links here; choose other readers, or ask its administrator"
    return Closed(text, service=service)


def _meant(reply: Reply, service: str) -> dict[str, Any]:
    if reply.status >= 300:
        raise _sort(reply, service)
    return read_object(reply)


def _sort(reply: Reply, service: str) -> UploaderError:
    """Microsoft's codes say more than its statuses. Source: Microsoft Graph, "Error responses", 2026."""
    error = error_in(reply)
    code = str(error.get("code", "")) if isinstance(error, dict) else ""
    code = "".join(c for c in code if c.isalnum() or c == "_")[:60]
    if reply.status < 300:
        return Temporary(NO_DATA, host=reply.host)
    if code in ("activityLimitReached", "serviceNotAvailable", "generalException", "resourceLocked", "timeout"):
        return Temporary("{host} is busy or out of order ({status})", host=reply.host, status=code,
                         retry_after_s=wanted_wait_s(reply))  # fmt: skip
    if code == "quotaLimitReached":
        return NoSpace("there is no space left at {host}", host=reply.host)
    if reply.status == 403 and code:
        return Refused(
            "{host} does not allow it ({status}); the account may lack a right", host=reply.host, status=code
        )
    if reply.status in (400, 409) and code:
        return Refused("{host} refused it ({status})", host=reply.host, status=code)
    return sort_out(reply)


def _moment(text: object) -> datetime | None:
    with suppress(ValueError, TypeError):
        found = datetime.fromisoformat(str(text))
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def _is_rewritten(upload: Upload) -> bool:
    return upload.name.lower().endswith(OFFICE)


def _fit(name: str) -> str:
    """Names that SharePoint keeps for itself. Source: Microsoft, "Restrictions and limitations", 2026."""
    own = name.startswith("~$") or name.lower() in (".lock", "desktop.ini")
    return ("_" + name if own else name).replace("_vti_", "_vti-")
