"""A strict Nextcloud (or ownCloud 10) on loopback: chunks, links, the sign-in by browser. It refuses what they refuse.

Sources: Nextcloud developer manual 2026, "Chunked file upload", "OCS Share API", "Login flow v2"; where it is silent,
what the server's code does (apps/dav/lib/Upload, apps/files_sharing).
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from urllib.parse import quote, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.servers.cloud import Asked, Cloud, Told, of_file

USER, LOGIN, PASSWORD = "u-4711", "lucía@example.org", "abcde-fghij:klmno"
DAV, OCS = "/remote.php/dav/", "/ocs/v2.php/"
SHARES = OCS + "apps/files_sharing/api/v1/shares"
SMALLEST_BYTES = 5_000_000


@dataclass
class Chunks:
    destination: str
    pieces: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Shared:
    id: int
    path: str
    token: str
    password: str
    expires: date | None
    permissions: int


class NextcloudServer(Cloud):
    """``files``, ``uploads`` and ``shares`` are its truth; the other attributes are what a test may turn."""

    def __init__(self) -> None:
        self.password = PASSWORD
        self.files: dict[str, bytes] = {}
        self.folders: set[str] = set()
        self.uploads: dict[str, Chunks] = {}
        self.shares: dict[int, Shared] = {}
        self.flows: dict[str, str] = {}
        """Token of a sign-in → its page; the page is taken away when the user has agreed."""
        self.owncloud = False
        self.links_enabled = True
        self.wants_password = False
        self.most_days: int | None = None
        self.permissions = 17
        self.forgets_metadata = False
        self.damages = 0
        """So many pieces are stored with a wrong byte."""
        self.slow_moves = 0
        """So many moves are answered 504 by the proxy in front, and carried out only when they are asked again."""
        self.hidden_moves = 0
        """So many moves are answered 504 and carried out all the same."""
        super().__init__()

    def answer(self, asked: Asked) -> Told:
        path = asked.path
        if path.startswith("/index.php/s/"):
            return self._show(asked)
        if path.startswith("/public.php/webdav"):
            return self._public(asked)
        if "/login/v2" in path:
            return self._sign_in(asked)
        if asked.headers.get("authorization") not in (_basic(LOGIN, self.password), _basic(USER, self.password)):
            return ocs(997, "Current user is not logged in", 401) if path.startswith(OCS) else Told(401)
        if path.startswith(OCS):
            # "All calls to OCS endpoints require the OCS-APIRequest header to be set to true."
            assert asked.headers["ocs-apirequest"] == "true"
            assert asked.query["format"] == "json"
            return self._ocs(asked)
        kind, user, *rest = path.removeprefix(DAV).rstrip("/").split("/", 2)
        assert path.startswith(DAV)
        if user != USER:
            return Told(403 if kind == "files" else 404)
        inner = rest[0] if rest else ""
        return self._files(asked, inner) if kind == "files" else self._uploads(asked, inner)

    # files

    def _files(self, asked: Asked, path: str) -> Told:
        above = path.rpartition("/")[0]
        if asked.method == "MKCOL":
            if path in self.folders or path in self.files:
                return Told(405)
            if above and above not in self.folders:
                return Told(409)
            self.folders.add(path)
            return Told(201)
        if asked.method == "DELETE":
            gone = {p for p in {*self.files, *self.folders} if p == path or p.startswith(path + "/")}
            self.files = {p: c for p, c in self.files.items() if p not in gone}
            self.folders -= gone
            self.shares = {n: s for n, s in self.shares.items() if s.path.lstrip("/") in self.files}
            return Told(204 if gone else 404)
        assert asked.method == "PROPFIND", asked.method
        if path not in self.files:
            return Told(404)
        return multistatus({asked.path: self.files[path]}, sums=self.owncloud)

    # chunks

    def _uploads(self, asked: Asked, inner: str) -> Told:
        name, _, piece = inner.partition("/")
        upload = self.uploads.get(name)
        if asked.method == "DELETE":
            held = upload.pieces if upload is not None and piece else self.uploads
            return Told(204 if held.pop(piece or name, None) else 404)  # type: ignore[attr-defined]
        if asked.method == "PROPFIND":
            if upload is None:
                return Told(404)
            assert asked.headers["depth"] == "1"
            listed = {f"{asked.path.rstrip('/')}/{n}": c for n, c in upload.pieces.items()}
            return multistatus({**listed, f"{asked.path.rstrip('/')}/.file": b""}, folder=asked.path)
        # "Every request needs to have a Destination header present which specifies the target path of the file"
        destination = unquote(urlsplit(asked.headers["destination"]).path)
        assert destination.startswith(f"{DAV}files/{USER}/")
        if asked.method == "MKCOL":
            if upload is not None:
                return Told(405)
            self.uploads[name] = Chunks(destination)
            return Told(201)
        if upload is None:
            return Told(404)
        if self.forgets_metadata:  # "Missing metadata for chunked upload."
            return Told(412)
        assert upload.destination == destination
        total = int(asked.headers["oc-total-length"])
        return self._take(asked, upload, piece) if asked.method == "PUT" else self._put_together(name, upload, total)

    def _take(self, asked: Asked, upload: Chunks, piece: str) -> Told:
        # "The naming of the individual chunks is limited to be a number between 1 and 10000"
        assert re.fullmatch(r"\d{5}", piece)
        assert 1 <= int(piece) <= 10_000
        upload.pieces[piece] = self._damaged(asked.body)
        hashed = {}
        if asked.headers.get("x-hash") == "sha1" and not self.owncloud:
            hashed = {"X-Hash-SHA1": hashlib.sha1(upload.pieces[piece]).hexdigest()}
        return Told(201, headers=hashed)

    def _damaged(self, content: bytes) -> bytes:
        if self.damages and content:
            self.damages -= 1
            return bytes([content[0] ^ 0xFF]) + content[1:]
        return content

    def _put_together(self, name: str, upload: Chunks, total: int) -> Told:
        # "The size of chunks must be between 5MB and 5GB (except for the last chunk, which can be smaller)"
        pieces = [upload.pieces[number] for number in sorted(upload.pieces)]
        assert all(len(piece) >= SMALLEST_BYTES for piece in pieces[:-1])
        content = b"".join(pieces)
        if len(content) != total:  # "Chunks on server do not sum up to … but to … bytes"
            return Told(400)
        if self.slow_moves:
            self.slow_moves -= 1
            return Told(504)
        path = upload.destination.removeprefix(f"{DAV}files/{USER}/")
        assert path.rpartition("/")[0] in self.folders
        existed = path in self.files
        self.files[path] = content
        del self.uploads[name]
        if self.hidden_moves:
            self.hidden_moves -= 1
            return Told(504)
        return Told(204 if existed else 201)

    # links

    def _ocs(self, asked: Asked) -> Told:
        path = asked.path
        if path == OCS + "cloud/user":
            return ocs(200, data={"id": USER, "display-name": "Lucía"})
        if path == OCS + "cloud/capabilities":
            ends = {"enabled": self.most_days is not None, "enforced": True, "days": str(self.most_days)}
            rules = {"enabled": self.links_enabled, "password": {"enforced": self.wants_password}, "expire_date": ends}
            return ocs(200, data={"version": {}, "capabilities": {"files_sharing": {"public": rules}}})
        if path.startswith(SHARES + "/") and asked.method == "DELETE":
            gone = self.shares.pop(int(path.rpartition("/")[2]), None)
            return ocs(200) if gone else ocs(404, "Wrong share ID, share does not exist")
        assert path == SHARES
        if asked.method == "GET":
            found = [self._told(share) for share in self.shares.values() if share.path == asked.query["path"]]
            return ocs(200, data=found) if asked.query["path"].lstrip("/") in self.files else ocs(404, "Wrong path")
        return self._make(asked)

    def _make(self, asked: Asked) -> Told:
        form = asked.form
        assert form["shareType"] == "3"
        assert form["permissions"] == "1"
        if not self.links_enabled:
            return ocs(403, "Public link sharing is disabled by the administrator")
        if form["path"].lstrip("/") not in self.files:
            return ocs(404, "Wrong path, file/folder does not exist")
        if self.wants_password and not form.get("password"):
            return ocs(403, "Passwords are enforced for link and mail shares")
        today = datetime.now().astimezone().date()
        expires = date.fromisoformat(form["expireDate"]) if "expireDate" in form else None
        if expires and expires <= today:
            return ocs(404, "Expiration date is in the past")
        if self.most_days is not None:
            expires = expires or today + timedelta(days=self.most_days)
            if expires > today + timedelta(days=self.most_days):
                return ocs(404, f"Cannot set expiration date more than {self.most_days} days in the future")
        number = len(self.asked)
        self.shares[number] = Shared(number, form["path"], secrets.token_urlsafe(11), form.get("password", ""),
                                     expires, self.permissions)  # fmt: skip
        return ocs(200, data=self._told(self.shares[number]))

    def _told(self, share: Shared) -> dict[str, object]:
        return {
            "id": str(share.id), "share_type": 3, "path": share.path, "token": share.token,
            "permissions": share.permissions, "url": f"https://internal.example/s/{share.token}",
            "expiration": f"{share.expires} 00:00:00" if share.expires else None,
            "password": "redacted" if share.password else None,
        }  # fmt: skip

    def _by_token(self, token: str) -> Shared | None:
        found = next((share for share in self.shares.values() if share.token == token), None)
        today = datetime.now().astimezone().date()
        return found if found and self.links_enabled and not (found.expires and found.expires <= today) else None

    def _show(self, asked: Asked) -> Told:
        token, _, rest = asked.path.removeprefix("/index.php/s/").partition("/")
        share = self._by_token(token)
        if share is None:
            return Told(404)
        if rest != "download":
            return Told(200, b"<!doctype html><title>Shared</title>", {"Content-Type": "text/html"})
        if share.password:
            return Told(303, headers={"Location": f"{asked.base}/index.php/s/{token}/authenticate/downloadShare"})
        return of_file(asked, self.files[share.path.lstrip("/")])

    def _public(self, asked: Asked) -> Told:
        for share in self.shares.values():
            if asked.headers.get("authorization") == _basic(share.token, share.password):
                assert asked.headers["x-requested-with"] == "XMLHttpRequest"
                return multistatus({asked.path: self.files[share.path.lstrip("/")]})
        return Told(401)

    # sign-in

    def _sign_in(self, asked: Asked) -> Told:
        if self.owncloud:
            return Told(404)
        if asked.path == "/index.php/login/v2":
            token, page = secrets.token_urlsafe(96), f"{asked.base}/login/v2/flow/{secrets.token_urlsafe(96)}"
            self.flows[token] = page
            # The server does not know the address under which it is reached.
            return Told(200, {"poll": {"token": token, "endpoint": "https://internal.example/login/v2/poll"},
                              "login": page})  # fmt: skip
        token = asked.form["token"]
        if self.flows.get(token) != "":  # "This will return a 404 until authentication is done"
            return Told(404)
        del self.flows[token]  # "the 200 will only be returned once"
        return Told(200, {"server": "https://internal.example", "loginName": LOGIN, "appPassword": self.password})

    def agree(self, page: str) -> None:
        """What the user does in the browser."""
        (token,) = (token for token, known in self.flows.items() if known == page)
        self.flows[token] = ""


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def ocs(code: int, message: str = "OK", status: int = 0, data: object = ()) -> Told:
    """Version 2 of the interface: the code is the status, but for 401."""
    meta = {"status": "ok" if code == 200 else "failure", "statuscode": code, "message": message}
    return Told(status or code, {"ocs": {"meta": meta, "data": data}})


def multistatus(files: dict[str, bytes], *, folder: str = "", sums: bool = False) -> Told:
    """The answer to PROPFIND; ownCloud tells what it computed."""
    xml = ""
    if folder:
        xml += f"<d:response><d:href>{quote(folder)}</d:href><d:propstat><d:prop><d:resourcetype><d:collection/>"
        xml += "</d:resourcetype></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
    for path, content in files.items():
        told = f"SHA1:{hashlib.sha1(content).hexdigest()} MD5:x ADLER32:{zlib.adler32(content):08x}"
        extra = f"<oc:checksums><oc:checksum>{escape(told)}</oc:checksum></oc:checksums>" if sums else ""
        xml += f"<d:response><d:href>{quote(path)}</d:href><d:propstat><d:prop><d:resourcetype/><d:getcontentlength>"
        xml += f"{len(content)}</d:getcontentlength>{extra}</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>"
        xml += "</d:response>"
    head = '<?xml version="1.0"?><d:multistatus xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns">'
    return Told(207, (head + xml + "</d:multistatus>").encode(), {"Content-Type": "application/xml; charset=utf-8"})
