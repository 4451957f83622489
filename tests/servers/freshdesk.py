"""A strict Freshdesk on loopback, its API v2 as an agent's key sees it; a relay before it adds that key.

Each rule with its sentence: [S] Freshdesk's API v2 as second sources repeat it (2026), [K] known from practice. The
vendor's own page was not read.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.servers.cloud import Asked, Cloud, Told, of_file
from tests.servers.forms import parts_of

KEY, MAIL, USER, AGENT = "agent-key-1", "lucia@example.org", 501, 900
KEYS = {"subject", "description", "email", "name", "priority", "status", "source", "type", "custom_fields"}
TOTAL_BYTES = 20_000_000


@dataclass
class Ticket:
    id: int
    values: dict[str, Any]
    status: int = 2
    made: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    files: list[int] = field(default_factory=list)
    talk: list[dict[str, Any]] = field(default_factory=list)
    ratings: list[dict[str, Any]] = field(default_factory=list)

    def touch(self) -> datetime:
        self.updated = max(datetime.now(UTC), self.updated + timedelta(seconds=1))
        return self.updated


class FreshdeskServer(Cloud):
    def __init__(self) -> None:
        self.held: dict[int, Ticket] = {}
        self.files: dict[int, tuple[str, str, bytes]] = {}
        self.contacts: dict[str, int] = {}
        self.required: dict[str, str] = {}
        self.relayed = False
        super().__init__()

    def answer(self, asked: Asked) -> Told:
        if asked.path.startswith("/signed/"):
            # [K] a signed address at another host, which refuses a second way of signing in
            assert "authorization" not in asked.headers
            return of_file(asked, self.files[int(asked.path.rpartition("/")[2])][2])
        expected = "Basic " + base64.b64encode(f"{KEY}:X".encode()).decode()
        given = asked.headers.get("authorization")
        if given != expected and not (self.relayed and given is None):
            # [S] invalid_credentials
            return Told(401, {"code": "invalid_credentials", "message": "Tienes que iniciar sesión"})
        assert asked.path.startswith("/api/v2/"), asked.path
        path = asked.path.removeprefix("/api/v2/").split("/")
        match asked.method, path:
            case "GET", ["tickets"]:
                return self._list(asked)
            case "POST", ["tickets"]:
                return self._create(asked)
            case "GET", ["ticket_fields"]:
                listed = {"cf_centro": "Centro", **self.required}
                return Told(200, [{"name": name, "label": label} for name, label in listed.items()])
            case "GET", ["search", "solutions"]:
                found = [{"id": 9, "title": "La impresora no imprime", "description_text": "Reinicia la cola"}]
                return Told(200, found if "impresora" in asked.query["term"] else [])
            case _, ["tickets", number, *rest]:
                found = self.held.get(int(number))
                return self._one(asked, found, rest) if found else Told(404)
        raise AssertionError(f"there is no {asked.method} {asked.path}")

    def _list(self, asked: Asked) -> Told:
        query = asked.query
        # [S] per_page 100 at most, order_by, order_type, include, email, updated_since
        size, page = int(query.get("per_page", "30")), int(query.get("page", "1"))
        assert 1 <= size <= 100 and 1 <= page <= 300
        assert set(query) <= {"per_page", "page", "email", "order_by", "order_type", "include", "updated_since"}
        if "email" in query and query["email"] not in self.contacts:
            # [K] an address that is no contact is a wrong value
            wrong = [{"field": "email", "message": "No hay contacto", "code": "invalid_value"}]
            return Told(400, {"description": "Validation failed", "errors": wrong})
        found = [t for t in self.held.values() if query.get("email") in (None, t.values["email"])]
        if since := query.get("updated_since"):
            assert since.endswith("Z")
            found = [t for t in found if stamp(t.updated) >= since]
        name = {"updated_at": "updated"}.get(query.get("order_by", ""), "made")
        found.sort(key=lambda t: (getattr(t, name), t.id), reverse=query.get("order_type", "desc") == "desc")
        # [S] the description is not included by default
        whole = query.get("include") == "description"
        return Told(200, [self._shown(t, asked, whole=whole) for t in found[size * (page - 1) : size * page]])

    def _create(self, asked: Asked) -> Told:
        given, files = self._given(asked)
        assert set(given) <= KEYS, set(given) - KEYS
        assert given["subject"] and given["description"] and "@" in given["email"]  # [S] "one of … is mandatory"
        assert given["priority"] in (1, 2, 3, 4) and given["status"] in (2, 3, 4, 5) and given["source"] in (1, 2, 3, 7)
        missing = [name for name in self.required if name not in given.get("custom_fields", {})]
        if missing:
            wrong = [{"field": missing[0], "message": "Debe ser texto", "code": "missing_field"}]
            return Told(400, {"description": "Validation failed", "errors": wrong})
        assert set(given.get("custom_fields", {})) <= {"cf_centro", *self.required}
        self.contacts.setdefault(given["email"], USER)
        made = Ticket(len(self.held) + 1, given, files=files)
        self.held[made.id] = made
        return Told(201, self._shown(made, asked, whole=True))

    def _given(self, asked: Asked) -> tuple[dict[str, Any], list[int]]:
        """[S] JSON, or with files a form: ``attachments[]`` repeated, nested names in brackets; 20 MB in all."""
        if asked.headers["content-type"].startswith("application/json"):
            return asked.json(), []
        given: dict[str, Any] = {}
        kept: list[int] = []
        for part in parts_of(asked):
            if part.name == "attachments[]":
                assert part.filename
                self.files[number := len(self.files) + 1] = (part.filename, part.kind, part.content)
                kept.append(number)
                continue
            value: Any = part.content.decode()
            value = {"true": True, "false": False}.get(value, int(value) if value.isdecimal() else value)
            outer, bracket, inner = part.name.partition("[")
            if bracket:
                given.setdefault(outer, {})[inner.rstrip("]")] = part.content.decode()
            else:
                given[outer] = part.content.decode() if outer in ("subject", "name") else value
        assert kept and sum(len(self.files[n][2]) for n in kept) <= TOTAL_BYTES
        return given, kept

    def _one(self, asked: Asked, found: Ticket, rest: list[str]) -> Told:
        match asked.method, rest:
            case "GET", []:
                shown = self._shown(found, asked, whole=True)
                if asked.query.get("include") == "requester":
                    shown["requester"] = {"id": USER, "name": "Lucía", "email": found.values["email"]}
                return Told(200, shown)
            case "PUT", []:
                given = asked.json()
                assert set(given) == {"status"} and given["status"] in (2, 3, 4, 5)
                found.status = given["status"]
                found.touch()
                return Told(200, self._shown(found, asked, whole=True))
            case "GET", ["conversations"]:
                size, page = int(asked.query["per_page"]), int(asked.query["page"])
                return Told(200, [self._entry(e, asked) for e in found.talk[size * (page - 1) : size * page]])
            case "POST", ["notes"]:
                given, files = self._given(asked)
                # [S] notes are private by default; "incoming": as being created from outside; user_id of the contact
                assert given["private"] is False and given["incoming"] is True and given["user_id"] == USER
                return Told(201, self._entry(self.add(found, USER, given["body"], files), asked))
            case "GET", ["satisfaction_ratings"]:
                return Told(200, found.ratings)
            case "POST", ["satisfaction_ratings"]:
                given = asked.json()
                # [K] 103 … 100 … -103
                assert given["ratings"]["default_question"] in (103, 102, 101, 100, -101, -102, -103)
                found.ratings.append(given)
                return Told(201, given)
        raise AssertionError(f"there is no {asked.method} {asked.path}")

    def _shown(self, found: Ticket, asked: Asked, *, whole: bool) -> dict[str, Any]:
        shown = {"id": found.id, "subject": found.values["subject"], "status": found.status, "requester_id": USER,
                 "priority": found.values["priority"], "created_at": stamp(found.made),
                 "updated_at": stamp(found.updated), "due_by": stamp(found.made + timedelta(days=3)),
                 "fr_due_by": stamp(found.made + timedelta(hours=4))}  # fmt: skip
        if whole:
            shown |= {"description": found.values["description"], "attachments": self._attached(found.files, asked)}
        return shown

    def _attached(self, numbers: list[int], asked: Asked) -> list[dict[str, Any]]:
        return [{"id": n, "name": self.files[n][0], "content_type": self.files[n][1], "size": len(self.files[n][2]),
                 "attachment_url": f"{asked.base}/signed/{n}"} for n in numbers]  # fmt: skip

    def _entry(self, entry: dict[str, Any], asked: Asked) -> dict[str, Any]:
        return {**entry, "attachments": self._attached(entry["attachments"], asked)}

    def add(self, found: Ticket, author: int, body: str, files: list[int], *, private: bool = False) -> dict[str, Any]:
        made = {"id": 7000 + sum(len(t.talk) for t in self.held.values()), "body": body, "user_id": author,
                "incoming": author == USER, "private": private, "created_at": stamp(found.touch()),
                "attachments": files}  # fmt: skip
        found.talk.append(made)
        return made

    def agent_replies(self, number: int, html: str, files: list[tuple[str, bytes]]) -> None:
        kept = []
        for name, content in files:
            self.files[n := len(self.files) + 1] = (name, "application/octet-stream", content)
            kept.append(n)
        self.add(self.held[number], AGENT, html, kept)

    def agent_solves(self, number: int) -> None:
        self.held[number].status = 4
        self.held[number].touch()


def stamp(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"
