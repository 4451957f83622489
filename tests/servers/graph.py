"""A strict Microsoft Graph on loopback: drives, upload sessions and links, and what a reader of a link gets."""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from tests.servers.cloud import Asked, Told, of_file
from tests.servers.oauth import OAuthServer, Provider

UNIT_BYTES = 320 * 1024
MOST_PIECE_BYTES = 60 * 1024 * 1024
DRIVE = "b!drive-1"


@dataclass
class Item:
    """``content`` None: a folder."""

    id: str
    name: str
    parent: str
    content: bytes | None = None
    permissions: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Session:
    parent: str
    name: str
    size_bytes: int | None = None
    content: bytearray = field(default_factory=bytearray)


class GraphServer(OAuthServer):
    """``items``, ``sessions`` are its truth; the other attributes are what a test may turn."""

    authorize_path, token_path = "/oauth2/v2.0/authorize", "/oauth2/v2.0/token"

    def __init__(self) -> None:
        self.items = {"root": Item("root", "root", "")}
        self.sessions: dict[str, Session] = {}
        self.kind = "business"
        self.closed = False
        """The tenant lets nobody in without a login."""
        self.most_days: float | None = None
        """The tenant's limit for links."""
        self.ends_links = True
        self.hidden = 0
        """So often a file that was just made is not found."""
        rights = "offline_access Files.ReadWrite"
        super().__init__(Provider(rights, hosts=("localhost",), offline=("", "offline_access")))
        self.make("root", "Testigo", None)

    @property
    def files(self) -> list[Item]:
        return [item for item in self.items.values() if item.content is not None]

    def serve(self, asked: Asked) -> Told:
        if asked.path.startswith("/up/"):
            return self._take(asked)
        if asked.path.startswith("/:u:/"):
            return self._show(asked)
        if not self.provider.admits(asked):
            return _wrong(401, "InvalidAuthenticationToken")
        if self.refusals:
            return _wrong(*self.refusals.pop(0))
        if asked.path in ("/me/drive", f"/drives/{DRIVE}", "/sites/example.sharepoint.com:/sites/Help:/drive",
                          "/sites/example.sharepoint.com/drive"):  # fmt: skip
            return Told(200, {"id": DRIVE, "driveType": self.kind})
        place, _, rest = asked.path.removeprefix(f"/drives/{DRIVE}/").partition("/")
        if not asked.path.startswith(f"/drives/{DRIVE}/"):
            return _wrong(404, "itemNotFound")
        if place == "items":
            known, _, action = rest.partition("/")
            item = self.items.get(known)
            return self._on(asked, item, action) if item else _wrong(404, "itemNotFound")
        if place == "root":
            return self._on(asked, self.items["root"], rest)
        found = re.fullmatch(r"root:/(.+?)(?::(?:/(\w+))?)?", f"{place}/{rest}")
        assert found, asked.path
        path, action = found.groups()
        return self._at(asked, path.split("/"), action or "")

    def _at(self, asked: Asked, path: list[str], action: str) -> Told:
        # "Invalid file names": " * : < > ? / \ | , and names that the service keeps for itself.
        assert not any(set(part) & set('"*:<>?\\|') or part.startswith("~$") or "_vti_" in part for part in path)
        parent = self._walk(path[:-1])
        item = self._walk(path)
        if action in ("createUploadSession", "content"):
            if parent is None:
                return _wrong(404, "itemNotFound")
            if action == "content":
                assert asked.method == "PUT"
                return Told(201, self._about(self.store(parent.id, path[-1], asked.body)))
            wanted = asked.json()["item"]
            assert asked.method == "POST" and wanted["name"] == path[-1]
            assert wanted["@microsoft.graph.conflictBehavior"] in ("replace", "rename", "fail")
            self.sessions[known := secrets.token_urlsafe(24)] = Session(parent.id, path[-1])
            ends = (datetime.now(UTC) + timedelta(days=1)).isoformat()
            return Told(200, {"uploadUrl": f"{asked.base}/up/{known}", "expirationDateTime": ends})
        if item is None or (item.content is not None and self.hidden > 0):
            self.hidden -= item is not None
            return _wrong(404, "itemNotFound")
        return self._on(asked, item, action)

    def _walk(self, path: list[str]) -> Item | None:
        here: Item | None = self.items["root"]
        for name in path:
            here = next((i for i in self.items.values() if here and i.parent == here.id and i.name == name), None)
        return here

    def _on(self, asked: Asked, item: Item, action: str) -> Told:
        if action.startswith("permissions"):
            return self._permissions(asked, item, action.partition("/")[2])
        if action == "createLink":
            return self._link(asked, item)
        if action == "children":
            wanted = asked.json()
            assert asked.method == "POST" and wanted["folder"] == {}
            if any(i.parent == item.id and i.name == wanted["name"] for i in self.items.values()):
                return _wrong(409, "nameAlreadyExists")
            made = self.make(item.id, wanted["name"], None)
            return Told(201, self._about(made))
        assert not action, action
        if asked.method == "DELETE":
            self._drop(item)
            return Told(204)
        assert asked.method == "GET"
        return Told(200, self._about(item))

    def _drop(self, item: Item) -> None:
        for child in [i for i in self.items.values() if i.parent == item.id]:
            self._drop(child)
        del self.items[item.id]

    def make(self, parent: str, name: str, content: bytes | None) -> Item:
        made = Item("01" + secrets.token_hex(8).upper(), name, parent, content)
        self.items[made.id] = made
        return made

    def store(self, parent: str, name: str, content: bytes) -> Item:
        for old in [i for i in self.items.values() if i.parent == parent and i.name == name]:
            del self.items[old.id]
        content = self.damaged(content)
        if name.endswith(".docx") and self.kind != "personal":
            content += b"<properties/>"  # "SharePoint […] property promotion"
        return self.make(parent, name, content)

    def _about(self, item: Item) -> dict[str, Any]:
        about: dict[str, Any] = {"id": item.id, "name": item.name, "parentReference": {"id": item.parent}}
        if item.content is None:
            return {**about, "folder": {}}
        return {**about, "size": len(item.content), "file": {"hashes": {"quickXorHash": quick_xor(item.content)}}}

    def _take(self, asked: Asked) -> Told:
        # "If you include the Authorization header when issuing the PUT call, it may result in an HTTP 401 Unauthorized"
        assert "authorization" not in asked.headers
        known = asked.path.removeprefix("/up/")
        session = self.sessions.get(known)
        if session is None:
            return _wrong(404, "itemNotFound")
        if asked.method == "DELETE":
            del self.sessions[known]
            return Told(204)
        if asked.method == "PUT":
            span = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", asked.headers["content-range"])
            assert span
            first, last, total = map(int, span.groups())
            # "the total file size specified in the Content-Range header [must be] the same for all requests"
            assert last - first + 1 == asked.length and session.size_bytes in (None, total)
            session.size_bytes = total
            # "the maximum bytes in any given request is less than 60 MiB"
            assert asked.length < MOST_PIECE_BYTES
            # "the size of each byte range MUST be a multiple of 320 KiB (327,680 bytes)"
            assert last + 1 == total or asked.length % UNIT_BYTES == 0
            # "On failures when the client sent a fragment the server had already received, the server responds with
            # HTTP 416 Requested Range Not Satisfiable"; "Uploading fragments out of order results in an error."
            if first != len(session.content):
                return _wrong(416, "invalidRange")
            session.content += asked.body
            if len(session.content) == total:
                del self.sessions[known]
                return Told(201, self._about(self.store(session.parent, session.name, bytes(session.content))))
        ends = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        status = 202 if asked.method == "PUT" else 200
        return Told(status, {"expirationDateTime": ends, "nextExpectedRanges": [f"{len(session.content)}-"]})

    def _link(self, asked: Asked, item: Item) -> Told:
        wanted = asked.json()
        assert wanted["type"] == "view"
        # "Anonymous link support may be disabled by an administrator."
        if self.closed and wanted["scope"] == "anonymous":
            return _wrong(403, "accessDenied")
        # "password: […] Optional and OneDrive Personal only."; "organization: Only available in OneDrive for Business"
        if ("password" in wanted) > (self.kind == "personal") or (
            wanted["scope"] == "organization" and self.kind == "personal"
        ):
            return _wrong(400, "invalidRequest")
        if "expirationDateTime" in wanted:
            # "A String with format of yyyy-MM-ddTHH:mm:ssZ"
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", wanted["expirationDateTime"])
            if not self.ends_links:
                return _wrong(400, "notSupported")
        # "If a sharing link of the specified type already exists for the app, the existing sharing link is returned."
        for old in item.permissions.values():
            if old["link"]["scope"] == wanted["scope"]:
                return Told(200, _shown(old))
        ends = wanted.get("expirationDateTime")
        if self.most_days is not None:
            most = datetime.now(UTC) + timedelta(days=self.most_days)
            ends = most.isoformat() if not ends or datetime.fromisoformat(ends) > most else ends
        made: dict[str, Any] = {
            "id": secrets.token_hex(8), "roles": ["read"], "password": wanted.get("password", ""),
            "link": {"type": "view", "scope": wanted["scope"],
                     "webUrl": f"{asked.base}/:u:/g/{secrets.token_urlsafe(24)}"},
            **({"expirationDateTime": ends} if ends else {}),
        }  # fmt: skip
        item.permissions[made["id"]] = made
        return Told(201, {key: value for key, value in _shown(made).items() if key != "expirationDateTime"})

    def _permissions(self, asked: Asked, item: Item, known: str) -> Told:
        if not known:
            owner = {"id": "owner", "roles": ["owner"]}
            return Told(200, {"value": [owner, *map(_shown, item.permissions.values())]})
        if known not in item.permissions:
            return _wrong(404, "itemNotFound")
        if asked.method == "DELETE":
            del item.permissions[known]
            return Told(204)
        return Told(200, _shown(item.permissions[known]))

    def _show(self, asked: Asked) -> Told:
        url = asked.base + asked.path
        for item in self.files:
            for permission in item.permissions.values():
                link = permission["link"]
                if link["webUrl"].rpartition("/")[2] != url.rpartition("/")[2]:
                    continue
                ends = permission.get("expirationDateTime")
                if ends and datetime.fromisoformat(ends) <= datetime.now(UTC):
                    return Told(404)
                login = link["scope"] == "organization" or permission["password"]
                if login or asked.query.get("download") != "1":
                    return Told(200, b"<!doctype html><title>OneDrive</title>", {"Content-Type": "text/html"})
                return of_file(asked, item.content or b"")
        return Told(404)


def _shown(permission: dict[str, Any]) -> dict[str, Any]:
    return {**{k: v for k, v in permission.items() if k != "password"}, "hasPassword": bool(permission["password"])}


def quick_xor(content: bytes) -> str:
    """Byte by byte, as Microsoft describes it: each is xored in 11 bits further on, at last the length."""
    found, mask = 0, (1 << 160) - 1
    rows = len(content) // 160
    whole = np.frombuffer(content, np.uint8, rows * 160).reshape(-1, 160)
    folded = np.bitwise_xor.reduce(whole, axis=0).tolist()  # what lies 160 bytes apart falls on the same bits
    for index, byte in [*enumerate(folded), *enumerate(content[rows * 160 :])]:
        turn = index * 11 % 160
        found ^= (byte << turn & mask) | (byte << turn >> 160)
    parts = bytearray(found.to_bytes(20, "little"))
    for index, byte in enumerate(len(content).to_bytes(8, "little")):
        parts[12 + index] ^= byte
    return base64.b64encode(parts).decode()


def _wrong(status: int, code: str) -> Told:
    return Told(status, {"error": {"code": code, "message": code, "innerError": {}}})
