"""Nextcloud, and ownCloud 10: uploaded in chunks, shared by a public link that can only read.

The server ends the link at a date; the file stays in the account until the link is taken back.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as day_time
from typing import Any, ClassVar
from urllib.parse import urlencode, urljoin, urlsplit

from uploader.dav import Dav, basic_login, wrong
from uploader.errors import AuthFailed, Gone, OutcomeUnknown, Refused, Temporary
from uploader.setting import Secret, setting
from uploader.source import Window
from uploader.ticket import Link, ShareAbilities
from uploader.transfer import UploadShare
from uploader.trial import try_out
from uploader.ways import Part, Parts, PieceRule, Upload, is_key
from uploader.wire import NO_DATA, Reply, Wire, sort_out

PUBLIC_LINK = "3"
READ, CHANGES = 1, 2 | 4 | 8
"""Permissions. Source: Nextcloud developer manual, "OCS Share API", 2026; ownCloud 10 the same."""
ASSEMBLING_S = 15.0
"""How soon it is looked again whether a server has put a large file together."""
SIGN_IN_S, LOOK_S = 300.0, 1.0
MOST_PIECE_BYTES = 5 * 10**9
"""Source: Nextcloud developer manual, "Chunked file upload", 2026: chunks of 5 MB to 5 GB, numbered 1 to 10000."""
_STILL = (201, 202, 204, 423, 500, 502, 503, 504)
"""Of a move: it may be at it, or has just done it."""
SHARES = "apps/files_sharing/api/v1/shares"


@dataclass(frozen=True, kw_only=True)
class Nextcloud(UploadShare):
    title: ClassVar[str] = "Nextcloud"
    abilities: ClassVar[ShareAbilities] = ShareAbilities(
        resumes=True, ends_links="service", password=True, revokes=True, signs_in=True,
        checks="size; SHA-1 per piece (Nextcloud), Adler-32 of the whole (ownCloud)",
    )  # fmt: skip

    url: str = setting("Address of the server", help="https://cloud.example.org", kind="url")
    user: str = setting("User", help="Empty if you sign in with the browser.", default="")
    password: Secret = setting(
        "App password", help="From the security page of your account, not your own.", kind="secret", default=Secret("")
    )
    folder: str = setting("Folder", help="In the account; it is made when it is missing.", default="Testigo")

    def account(self, wire: Wire) -> Account:
        name, tab, password = self.password.reveal().partition("\t")  # as ``sign_in`` gives it
        login = basic_login(name, Secret(password)) if tab else basic_login(self.user, self.password)
        return Account(wire, self.url.rstrip("/"), login)

    def way(self, wire: Wire) -> NextcloudWay:
        return NextcloudWay(self, self.account(wire))

    def check(self) -> None:
        """The login, the right to make links, and then a small file all the way. Raises: UploaderError."""
        with self.open_wire() as wire:
            account = self.account(wire)
            account.user()
            account.link_policy()
        try_out(self)

    def sign_in(self, show: Callable[[str], None]) -> Mapping[str, str]:
        """An app password of its own. Source: Nextcloud developer manual, "Login flow v2", 2026."""
        with self.open_wire() as wire:
            reply = wire.call("POST", f"{self.url.rstrip('/')}/index.php/login/v2", ok=range(200, 600))
            if reply.status in (404, 405):
                raise Refused("{service} knows no sign-in by browser; type the password", service=self.title)
            about = _json(reply, "login", "poll")
            page, ask, token = about["login"], about["poll"]["endpoint"], about["poll"]["token"]
            if not page.startswith(("https://", self.url.partition("//")[0])):
                raise Refused("{host} leads on to an address that is not safe; it was not followed", host=reply.host)
            ask = urljoin(self.url, urlsplit(ask).path)  # a server behind another may not know its own address
            show(page)
            end = time.monotonic() + SIGN_IN_S
            while time.monotonic() < end:
                with suppress(Temporary, Gone):  # 404 until the user is done
                    given = _json(
                        wire.call("POST", ask, headers=_FORM, body=urlencode({"token": token}).encode()),
                        "loginName", "appPassword",
                    )  # fmt: skip
                    return {"password": f"{given['loginName']}\t{given['appPassword']}"}
                threading.Event().wait(LOOK_S)
        raise Refused("nobody signed in within {minutes} minutes; try again", minutes=f"{SIGN_IN_S / 60:.0f}")

    def link(self, wire: Wire, upload: Upload, stored: str, days: float, password: str) -> Link:
        account, path = self.account(wire), f"/{stored}/{upload.name}"
        policy = account.link_policy()
        password = password or (secrets.token_urlsafe(12) if policy.wants_password else "")
        wanted = policy.last_day(days)
        made = self._find(account, path, wanted, password) or self._make(account, path, wanted, password)
        if int(made["permissions"]) & CHANGES:
            account.ocs("DELETE", f"{SHARES}/{made['id']}")
            raise Refused("{host} makes links that allow more than reading; ask its administrator", host=account.host)
        ends, by = _day(made.get("expiration")), "service"
        if ends is None and days:
            ends, by = datetime.now(UTC) + timedelta(days=days), "us"
        url = f"{account.url}/index.php/s/{made['token']}" + ("" if password else "/download")
        return Link(url, ends, by if ends else "", f"{made['id']} {stored}", password=password)

    def _find(self, account: Account, path: str, wanted: date | None, password: str) -> Any:
        """The link that an earlier call has made; one that is not as wanted is deleted, for nobody knows it."""
        for share in account.ocs("GET", SHARES, {"path": path}):
            if str(share["share_type"]) == PUBLIC_LINK:
                ends = _day(share.get("expiration"))
                if not password and not share.get("password") and (ends and ends.date()) == wanted:
                    return share
                account.ocs("DELETE", f"{SHARES}/{share['id']}")
        return None

    def _make(self, account: Account, path: str, wanted: date | None, password: str) -> Any:
        about = {"path": path, "shareType": PUBLIC_LINK, "permissions": str(READ)}
        about |= {"expireDate": wanted.isoformat()} if wanted else {}
        about |= {"password": password} if password else {}
        return account.ocs("POST", SHARES, form=about)

    def look(self, wire: Wire, upload: Upload, link: Link) -> None:
        if not link.password:
            super().look(wire, upload, link)
            return
        if wire.call("GET", f"{link.url}/download", ok=range(200, 600), most_bytes=0).headers.get(
            "content-length"
        ) == str(upload.size_bytes):
            raise Refused("{host} gives the file away without the password", host=urlsplit(link.url).hostname or "")
        token = link.url.rpartition("/")[2]
        login = {**basic_login(token, Secret(link.password)), "X-Requested-With": "XMLHttpRequest"}
        public = Dav(wire, self.url.rstrip("/") + "/public.php", login)
        try:
            found = public.find("webdav")
        except AuthFailed:
            raise
        except Refused:  # its administrator has switched this way off; the browser's stays
            return
        if found is not None and found.size_bytes != upload.size_bytes:
            raise Temporary("the link leads to something else than the file that was sent; it is checked again")

    def erase(self, wire: Wire, receipt: str) -> None:
        number, blank, stored = receipt.partition(" ")
        stored = stored if blank and number.isdecimal() else receipt
        if not is_key(stored.rpartition("/")[2]):
            raise Refused("{service} cannot take a link back; ask whoever looks after it", service=self.title)
        account = self.account(wire)
        if stored != receipt:
            with suppress(Gone):
                account.ocs("DELETE", f"{SHARES}/{number}")
        account.dav.delete(f"files/{account.user()}/{stored}/")

    def stored(self, upload: Upload) -> str:
        return f"{self.folder.strip('/')}/{upload.key}".lstrip("/")


@dataclass(frozen=True, slots=True)
class LinkPolicy:
    """What the server's administrator decided about public links."""

    wants_password: bool
    most_days: int | None

    def last_day(self, days: float) -> date | None:
        """The day at whose beginning a link ends, not before ``days`` are over if the server allows so many.

        In local time, which is most often the server's: it takes no day that has begun.
        """
        if self.most_days is not None:
            days = min(days or self.most_days, self.most_days - 1)
        if not days:
            return None
        return (datetime.now().astimezone() + timedelta(days=days)).date() + timedelta(days=1)


_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Account:
    """Calls in the name of one user."""

    wire: Wire
    url: str
    login: Mapping[str, str] = field(repr=False)
    _user: str = ""

    @property
    def dav(self) -> Dav:
        return Dav(self.wire, f"{self.url}/remote.php/dav", self.login)

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    def user(self) -> str:
        """The name that paths take; a person may log in by another, such as an e-mail address."""
        if not self._user:
            self._user = str(self.ocs("GET", "cloud/user")["id"])
        return self._user

    def link_policy(self) -> LinkPolicy:
        """Raises: Refused when nobody may make links."""
        rules = self.ocs("GET", "cloud/capabilities")["capabilities"].get("files_sharing", {}).get("public", {})
        if not rules.get("enabled"):
            raise Refused("{host} allows no public links; ask its administrator", host=self.host)
        ends = rules.get("expire_date") or {}
        forced = bool(ends.get("enabled") and ends.get("enforced"))
        return LinkPolicy(bool(rules["password"]["enforced"]), max(1, int(ends["days"])) if forced else None)

    def ocs(
        self, method: str, path: str, query: Mapping[str, str] | None = None, form: Mapping[str, str] | None = None
    ) -> Any:
        """The data of an answer. Raises: UploaderError by the code in it, which counts, not the status."""
        url = f"{self.url}/ocs/v2.php/{path}?{urlencode({'format': 'json', **(query or {})})}"
        headers = {**self.login, "OCS-APIRequest": "true", "Accept": "application/json", **(_FORM if form else {})}
        body = urlencode(form).encode() if form else b""
        reply = self.wire.call(method, url, headers=headers, body=body, ok=range(200, 600))
        try:
            answer = json.loads(reply.body)["ocs"]
            code, said = int(answer["meta"]["statuscode"]), str(answer["meta"].get("message") or "")
        except (ValueError, KeyError, TypeError) as error:
            raise (sort_out(reply) if reply.status >= 300 else Temporary(NO_DATA, host=reply.host)) from error
        if code in (100, 200):
            return answer["data"]
        if code == 997 or reply.status == 401:
            raise AuthFailed("{host} does not accept the password or token", host=reply.host)
        if code in (998, 404) and method != "POST":
            raise Gone("{host} does not know it, or no longer ({status})", host=reply.host, status=str(code))
        if 400 <= code < 500 and reply.status != 429:
            why = "".join(c for c in said if c.isprintable())[:200] or str(code)
            raise Refused("{host} refuses to share the file: {why}", host=reply.host, why=why)
        raise sort_out(reply)


@dataclass
class NextcloudWay(Parts):
    """Chunks in a folder of their own, put together by moving it. The session is JSON: whose folder, and its name.

    The folder dies after 24 hours, by the manual "of inactivity", by reports from its beginning on.
    """

    share: Nextcloud
    account: Account
    _hashes: bool = field(default=True, init=False)
    """The server says what it computed of a piece, as far as we know."""

    pieces: ClassVar[PieceRule] = PieceRule(10_000, MOST_PIECE_BYTES)

    def begin(self, upload: Upload) -> str:
        user, name = self.account.user(), f"testigo-{upload.key}"
        self.account.dav.make_folder(f"files/{user}/{self.share.stored(upload)}")
        session = json.dumps({"user": user, "name": name})
        for _ in range(2):
            reply = self._ask("MKCOL", upload, session, "")
            if reply.status == 201:
                return session
            if reply.status != 405:
                break
            self.account.dav.delete(f"uploads/{user}/{name}/")  # of a beginning that nobody noted
        raise wrong(reply)

    def have(self, upload: Upload, session: str) -> Mapping[int, Part]:
        try:
            entries = self.account.dav.entries(self._folder(session))
        except Gone:
            if not self._stands(upload, session, {}):
                raise
            return {n: Part(upload.piece(n)[1], "") for n in range(1, upload.piece_count + 1)}  # it is whole already
        return {int(entry.name): Part(entry.size_bytes, "") for entry in entries if entry.name.isdecimal()}

    def send(self, upload: Upload, session: str, number: int, body: Window) -> str:
        summed = Summed(body, sha1=self._hashes)
        reply = self._ask("PUT", upload, session, f"{number:05}", {"X-Hash": "sha1"} if self._hashes else {}, summed)
        if reply.status in (404, 409, 412):  # 412: "Missing metadata for chunked upload"
            raise Gone("{host} does not know it, or no longer ({status})", host=reply.host, status=str(reply.status))
        if reply.status not in (201, 204):
            raise wrong(reply)
        told = reply.headers.get("x-hash-sha1", "").lower()
        self._hashes = self._hashes and bool(told)
        if told and told != summed.sha1.hexdigest():
            self.account.dav.delete(f"{self._folder(session)}/{number:05}")  # a later run would go by its length
            raise Temporary("a piece arrived damaged at {host}; it is sent again", host=reply.host)
        return str(summed.adler)

    def finish(self, upload: Upload, session: str, receipts: Mapping[int, str]) -> str:
        """A large file may take minutes, longer than a proxy in front waits: what stands there afterwards counts."""
        reply = None
        with suppress(OutcomeUnknown):
            reply = self._move(upload, session)
        if self._stands(upload, session, receipts):
            return self.share.stored(upload)
        if reply is None or reply.status in _STILL:
            raise Temporary(
                "{host} is still putting the file together", retry_after_s=ASSEMBLING_S, host=self.account.host
            )
        if reply.status in (400, 404, 409, 412):
            raise Gone("{host} does not know it, or no longer ({status})", host=reply.host, status=str(reply.status))
        raise wrong(reply)

    def abort(self, upload: Upload, session: str) -> None:
        self.account.dav.delete(self._folder(session) + "/")
        self.account.dav.delete(f"files/{json.loads(session)['user']}/{self.share.stored(upload)}/")

    def _folder(self, session: str) -> str:
        known = json.loads(session)
        return f"uploads/{known['user']}/{known['name']}"

    def _target(self, upload: Upload, session: str) -> str:
        return f"files/{json.loads(session)['user']}/{self.share.stored(upload)}/{upload.name}"

    def _ask(
        self, method: str, upload: Upload, session: str, name: str, headers: Mapping[str, str] | None = None,
        body: bytes | Summed = b"",
    ) -> Reply:  # fmt: skip
        """Version 2 wants to know with every request where the file is to go, and how long it will be."""
        dav = self.account.dav
        sent = {"Destination": dav.address(self._target(upload, session)), "OC-Total-Length": str(upload.size_bytes)}
        return dav.ask(method, f"{self._folder(session)}/{name}", {**sent, **(headers or {})}, body)

    def _move(self, upload: Upload, session: str) -> Reply:
        sent = {"OC-Total-Length": str(upload.size_bytes), "Overwrite": "T"}
        return self.account.dav.move(self._folder(session) + "/.file", self._target(upload, session), sent)

    def _stands(self, upload: Upload, session: str, receipts: Mapping[int, str]) -> bool:
        """Whether the file is there, whole. ownCloud computes sums of what it stores. Raises: Gone when one differs."""
        found = self.account.dav.find(self._target(upload, session))
        if found is None or found.size_bytes != upload.size_bytes:
            return False
        told = dict(word.split(":", 1) for word in found.checksums.upper().split() if ":" in word)
        if "ADLER32" in told and len(receipts) == upload.piece_count and all(receipts.values()):
            parts = ((int(receipts[n]), upload.piece(n)[1]) for n in sorted(receipts))
            if int(told["ADLER32"], 16) != join_adlers(parts):
                self.account.dav.delete(self._target(upload, session))
                raise Gone("{host} put something else together than was sent; it is sent anew", host=self.account.host)
        return True


class Summed:
    """A piece that is summed while it goes."""

    def __init__(self, window: Window, *, sha1: bool) -> None:
        self._window, self.size_bytes, self._wanted = window, window.size_bytes, sha1
        self.sha1, self.adler = hashlib.sha1(usedforsecurity=False), 1

    def blocks(self) -> Iterator[memoryview]:
        self.sha1, self.adler = hashlib.sha1(usedforsecurity=False), 1
        for block in self._window.blocks():
            self.adler = zlib.adler32(block, self.adler)
            if self._wanted:
                self.sha1.update(block)
            yield block


def join_adlers(parts: Iterator[tuple[int, int]]) -> int:
    """Adler-32 of a whole from that of its parts and their lengths in bytes. Source: RFC 1950, 8.2 (1996)."""
    prime, low, high = 65521, 1, 0
    for adler, length in parts:
        part_low, part_high = adler & 0xFFFF, adler >> 16
        high = (high + part_high + (low - 1) * length) % prime
        low = (low + part_low - 1) % prime
    return high << 16 | low


def _day(text: object) -> datetime | None:
    """The beginning of the day that the server names; None when the link does not end."""
    if not text:
        return None
    return datetime.combine(date.fromisoformat(str(text)[:10]), day_time()).astimezone()


def _json(reply: Reply, *names: str) -> Any:
    if reply.status != 200:
        raise wrong(reply)
    found = reply.json()
    if not isinstance(found, dict) or not all(found.get(name) for name in names):
        raise Temporary(NO_DATA, host=reply.host)
    return found
