"""A strict FreeScout on loopback: its module "API & Webhooks" as the key sees it; a relay before it adds that key.

Each rule with its sentence: [V] the vendor's API documentation (api-docs.freescout.net, read in a stored copy of its
source of 2023), [S] its clients and issues, [K] known from practice.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.servers.cloud import Asked, Cloud, Told, of_file

KEY, MAIL, CUSTOMER = "78dc4eb09528f9572bed10b5491000fe", "lucia@example.org", 91
AGENT = {"id": 7, "type": "user", "firstName": "Ana", "lastName": "Ruiz", "email": "ana@example.org"}
BODY = {"type", "mailboxId", "subject", "customer", "threads", "imported", "assignTo", "status", "customFields"}
THREAD = {"type", "text", "customer", "user", "imported", "status", "cc", "bcc", "attachments"}
STATUSES = ("active", "pending", "closed", "spam")
FILTERS = {"embed", "mailboxId", "status", "state", "customerEmail", "updatedSince", "sortField", "sortOrder", "page",
           "pageSize"}  # fmt: skip
OPTIONS = {"1": "Low", "2": "Medium", "3": "High"}
FIELDS = [
    {"id": 18, "name": "Prioridad", "type": "dropdown", "options": OPTIONS, "required": False, "sortOrder": 1},
    {"id": 37, "name": "Centro", "type": "singleline", "options": "", "required": False, "sortOrder": 2},
]
"""[V] options: an object for a dropdown, else an empty text."""


@dataclass
class Thread:
    id: int
    type: str
    body: str
    files: list[int] = field(default_factory=list)
    made: datetime = field(default_factory=lambda: datetime.now(UTC))
    state: str = "published"


@dataclass
class Talk:
    id: int
    given: dict[str, Any]
    threads: list[Thread] = field(default_factory=list)
    status: str = "active"
    state: str = "published"
    made: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def mail(self) -> str:
        return str(self.given["customer"]["email"])

    def touch(self) -> None:
        self.updated = max(datetime.now(UTC), self.updated + timedelta(seconds=1))


class FreeScoutServer(Cloud):
    def __init__(self) -> None:
        self.held: dict[int, Talk] = {}
        self.files: dict[int, tuple[str, str, bytes]] = {}
        self.relayed = False
        self.may_read = True
        self.custom_fields = True
        self.most_bytes = 8_000_000
        super().__init__()

    def answer(self, asked: Asked) -> Told:
        if asked.path.startswith("/storage/attachment/"):
            # [V] a fileUrl holds its own token: no key goes there
            assert "x-freescout-api-key" not in asked.headers
            assert asked.query["token"] == token(int(asked.query["id"]))
            return of_file(asked, self.files[int(asked.query["id"])][2])
        if asked.path == "/":
            return Told(200, b'<body class=" user-is-guest "><a href="https://freescout.net">FreeScout</a>',
                        {"Content-Type": "text/html"})  # fmt: skip
        given = asked.headers.get("x-freescout-api-key")
        if given != KEY and not (self.relayed and given is None):
            # [V] 401: "API Key is either not provided or not valid"
            return Told(401, {"message": "No autorizado", "errorCode": "NOT AUTHORIZED"})
        if len(asked.body) > self.most_bytes:
            # [V] 413: "larger than limit of the web server or PHP", in that server's own words
            return Told(413, b"<html><h1>413 Request Entity Too Large</h1>", {"Content-Type": "text/html"})
        return self._route(asked)

    def _route(self, asked: Asked) -> Told:
        assert asked.path.startswith("/api/"), asked.path
        if not self.may_read and asked.method == "GET":
            return Told(403, b"not through this relay", {"Content-Type": "text/plain"})
        match asked.method, asked.path.removeprefix("/api/").split("/"):
            case "GET", ["mailboxes"]:
                return paged("mailboxes", [{"id": 1, "name": "Soporte"}, {"id": 2, "name": "Quejas"}], asked)
            case "GET", ["mailboxes", number, "custom_fields"]:
                there = self.custom_fields and number in ("1", "2")
                return paged("custom_fields", FIELDS, asked) if there else Told(404, {"message": "No existe"})
            case "GET", ["conversations"]:
                return self._list(asked)
            case "POST", ["conversations"]:
                return self._create(asked)
            case method, ["conversations", number, *rest]:
                found = self.held.get(int(number))
                if not found:
                    return Told(404, {"message": "No existe"})
                if (method, rest) == ("GET", []):
                    # [V] embed: threads, timelogs, tags. "Default: threads"
                    assert set(asked.query) <= {"embed"} and asked.query.get("embed") in ("threads", "tags", None)
                    return Told(200, self._shown(found, asked, whole=asked.query.get("embed") != "tags"))
                if (method, rest) == ("POST", ["threads"]):
                    return self._reply(found, asked)
        raise AssertionError(f"there is no {asked.method} {asked.path}")

    def _list(self, asked: Asked) -> Told:
        query = asked.query
        assert set(query) <= FILTERS, set(query) - FILTERS
        # [V] sortField, sortOrder (desc), and one status at a time, "defaults to active"; [S] issue 3784
        assert query.get("sortField", "createdAt") in ("createdAt", "mailboxId", "number", "subject", "updatedAt")
        assert query.get("sortOrder", "desc") in ("desc", "asc")
        status = query.get("status", "active")
        assert status in STATUSES
        found = [t for t in self.held.values() if t.status == status and query.get("customerEmail") in (None, t.mail)]
        if state := query.get("state"):
            assert state in ("draft", "published", "deleted")
            found = [t for t in found if t.state == state]
        if since := query.get("updatedSince"):
            # [V] ISO 8601 in UTC, "modified after the specified date"
            assert since.endswith("Z")
            found = [t for t in found if stamp(t.updated) > since]
        name = "updated" if query.get("sortField") == "updatedAt" else "made"
        found.sort(key=lambda t: (getattr(t, name), t.id), reverse=query.get("sortOrder", "desc") == "desc")
        shown = [self._shown(t, asked, whole=query.get("embed") == "threads") for t in found]
        return paged("conversations", shown, asked)

    def _create(self, asked: Asked) -> Told:
        given = asked.json()
        assert set(given) <= BODY, set(given) - BODY
        if given["mailboxId"] not in (1, 2):
            return refused("mailboxId", "El buzón no existe")
        # [V] type, mailboxId, subject, customer and at least one thread are required
        assert given["type"] in ("email", "phone", "chat") and given["status"] in ("active", "pending", "closed")
        assert given["subject"] and isinstance(given["subject"], str) and "@" in given["customer"]["email"]
        # [V] imported: "no outgoing emails or notifications will be generated", "boolean value without quotes"
        assert given["imported"] is False
        for one in given.get("customFields", []):
            # [S] issue 3979: a dropdown wants the number of the choice
            assert set(one) == {"id", "value"} and one["id"] in (18, 37)
            assert one["id"] != 18 or one["value"] in OPTIONS
        made = Talk(1000 + len(self.held), given)
        (thread,) = given["threads"]
        self._add(made, thread)
        self.held[made.id] = made
        return created(made.id)

    def _reply(self, found: Talk, asked: Asked) -> Told:
        made = self._add(found, asked.json())
        # [V] "If not explicitly set, a customer reply will reactivate the conversation"
        found.status = "active"
        return created(made.id)

    def _add(self, found: Talk, given: dict[str, Any]) -> Thread:
        assert set(given) <= THREAD, set(given) - THREAD
        # [V] text is required, and the customer where it is the customer's
        assert given["type"] == "customer" and given["text"] and "@" in given["customer"]["email"]
        kept = []
        for file in given.get("attachments", []):
            # [V] content as base64 in "data", or an address in "fileUrl"
            assert set(file) == {"fileName", "mimeType", "data"} and file["fileName"] and "/" in file["mimeType"]
            kept.append(
                self.keep_file(file["fileName"], file["mimeType"], base64.b64decode(file["data"], validate=True))
            )
        return self.add(found, "customer", given["text"], kept)

    def keep_file(self, name: str, kind: str, content: bytes) -> int:
        self.files[number := len(self.files) + 1] = (name, kind, content)
        return number

    def add(self, found: Talk, kind: str, body: str, files: list[int], *, state: str = "published") -> Thread:
        number = 7000 + sum(len(each.threads) for each in (*self.held.values(), found))
        made = Thread(number, kind, body, files, state=state)
        found.threads.insert(0, made)  # [V] "Newest threads go first"
        found.touch()
        return made

    def agent_replies(self, number: int, html: str, files: list[tuple[str, bytes]]) -> None:
        kept = [self.keep_file(name, "application/octet-stream", content) for name, content in files]
        self.add(self.held[number], "message", html, kept)

    def agent_solves(self, number: int) -> None:
        self.held[number].status = "closed"
        self.held[number].touch()

    def _shown(self, found: Talk, asked: Asked, *, whole: bool) -> dict[str, Any]:
        person = {"id": CUSTOMER, "type": "customer", "firstName": "Lucía", "lastName": "", "email": found.mail}
        threads = [
            {"id": t.id, "type": t.type, "state": t.state, "body": t.body, "customer": person,
             "createdBy": person if t.type == "customer" else AGENT, "createdAt": stamp(t.made),
             "_embedded": {"attachments": [self._file(n, asked) for n in t.files]}}
            for t in found.threads
        ]  # fmt: skip
        # [V] a choice with its number as value, and its name as text
        fields = [{"id": one["id"], "name": {18: "Prioridad"}.get(one["id"], "Centro"), "value": one["value"],
                   "text": OPTIONS[one["value"]] if one["id"] == 18 else ""}
                  for one in found.given.get("customFields", [])]  # fmt: skip
        return {"id": found.id, "customFields": fields, "number": found.id - 900,
                "type": "email", "status": found.status, "state": found.state,
                "subject": found.given["subject"], "mailboxId": found.given["mailboxId"], "customer": person,
                "createdAt": stamp(found.made), "updatedAt": stamp(found.updated),
                "_embedded": {"threads": threads} if whole else []}  # fmt: skip

    def _file(self, number: int, asked: Asked) -> dict[str, Any]:
        name, kind, content = self.files[number]
        url = f"{asked.base}/storage/attachment/1/2/{number}?id={number}&token={token(number)}"
        return {"id": number, "fileName": name, "fileUrl": url, "mimeType": kind, "size": len(content)}


def paged(name: str, found: list[dict[str, Any]], asked: Asked) -> Told:
    size, page = int(asked.query.get("pageSize", "50")), int(asked.query.get("page", "1"))
    assert 1 <= size <= 100 and page >= 1
    told = {"size": size, "totalElements": len(found), "totalPages": max(1, -(-len(found) // size)), "number": page}
    return Told(200, {"_embedded": {name: found[size * (page - 1) : size * page]}, "page": told})


def created(number: int) -> Told:
    """[V] 201, the number in the header Resource-ID, no body."""
    return Told(201, b"", {"Resource-ID": str(number)})


def refused(path: str, message: str) -> Told:
    wrong = [{"path": path, "message": message, "source": "JSON"}]
    return Told(400, {"message": "Error", "errorCode": "BAD REQUEST", "_embedded": {"errors": wrong}})


def token(number: int) -> str:
    return hashlib.sha256(b"file %d" % number).hexdigest()[:32]


def stamp(when: datetime) -> str:
    """[V] "ISO 8601 format in the UTC timezone", whole seconds."""
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"
