"""A strict GLPI on loopback, as a self-service user sees it.

Each rule with its sentence: [V] "GLPI REST API: Documentation" (apirest.md), [S] a second source, [K] known from
practice or GLPI's source.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.servers.cloud import Asked, Cloud, Told, of_file
from tests.servers.forms import parts_of

ME, AGENT = 11, 22
TICKET_KEYS = {"name", "content", "type", "urgency", "itilcategories_id", "locations_id"}


@dataclass
class Document:
    name: str
    kind: str
    content: bytes
    itemtype: str
    item: int


@dataclass
class Case:
    id: int
    given: dict[str, Any]
    status: int = 1
    recipient: int = ME
    followups: list[dict[str, Any]] = field(default_factory=list)
    made: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))

    def touch(self) -> datetime:
        self.updated = max(datetime.now(UTC), self.updated + timedelta(seconds=1))
        return self.updated


class GlpiServer(Cloud):
    def __init__(self) -> None:
        self.cases: dict[int, Case] = {}
        self.documents: dict[int, Document] = {}
        self.sessions: set[str] = set()
        self.app_token = ""
        self.refused_types: tuple[str, ...] = ()
        self.escapes = True
        self.followups = 0
        super().__init__()

    def answer(self, asked: Asked) -> Told:
        if asked.method == "GET" and not asked.path.startswith("/apirest.php"):
            return Told(200, b"<title>GLPI</title>")  # its pages, for people
        assert asked.path.startswith("/apirest.php/"), asked.path
        # [V] "GET requests must have an empty body. […] Failing to do so will trigger an HTTP 400 response."
        assert asked.method != "GET" or not asked.body
        path = asked.path.removeprefix("/apirest.php/").split("/")
        if self.app_token and asked.headers.get("app-token") != self.app_token:
            return Told(400, ["ERROR_APP_TOKEN_PARAMETERS_MISSING", "Falta App-Token"])
        if path == ["initSession"]:
            if "authorization" not in asked.headers:
                return Told(400, ["ERROR_LOGIN_PARAMETERS_MISSING", "Faltan parámetros"])
            if asked.headers["authorization"] != "user_token u-1":
                return Told(401, ["ERROR_GLPI_LOGIN_USER_TOKEN", "El user_token no es válido"])
            session = secrets.token_hex(8)
            self.sessions.add(session)
            return Told(200, {"session_token": session})
        # [V] "Except initSession endpoint who provide this token, all others require this string to be used."
        session = asked.headers.get("session-token", "")
        if session not in self.sessions:
            return Told(401, ["ERROR_SESSION_TOKEN_INVALID", "session_token no válido"])
        if path == ["killSession"]:
            self.sessions.discard(session)
            return Told(200)
        return self._of_a_user(asked, path)

    def _of_a_user(self, asked: Asked, path: list[str]) -> Told:
        match asked.method, path:
            case "GET", ["getFullSession"]:
                return Told(200, {"session": {"glpiID": ME, "glpiname": "lucia"}})
            case "POST", ["Ticket"]:
                return self._create(asked)
            case "GET", ["Ticket"]:
                return self._ranged(asked, [self._shown(case) for case in self._sorted(asked)])
            case "GET", ["Ticket", number]:
                found = self.cases.get(int(number))
                return Told(200, self._shown(found)) if found else Told(404, ["ERROR_ITEM_NOT_FOUND", "No existe"])
            case "GET", ["Ticket", number, "ITILFollowup"]:
                return self._ranged(asked, [self._escaped(f) for f in self.cases[int(number)].followups])
            case "POST", ["ITILFollowup"]:
                given = asked.json()["input"]
                assert set(given) == {"itemtype", "items_id", "content", "add_reopen"} and given["itemtype"] == "Ticket"
                found = self.cases[given["items_id"]]
                if given["add_reopen"] == 1 and found.status == 5:  # [K]
                    found.status = 1
                return Told(201, {"id": self.follow_up(found, ME, given["content"]), "message": ""})
            case "POST", ["Document"]:
                return self._attach(asked)
            case "GET", [kind, number, "Document_Item"]:
                found = [n for n, d in self.documents.items() if (d.itemtype, d.item) == (kind, int(number))]
                return self._ranged(asked, [{"id": n, "documents_id": n, "items_id": int(number)} for n in found])
            case "GET", ["Document", number]:
                held = self.documents[int(number)]
                if asked.headers["accept"] == "application/octet-stream":  # [V] "Download a document file"
                    return of_file(asked, held.content)
                known = hashlib.sha1(held.content, usedforsecurity=False).hexdigest()
                return Told(200, {"id": int(number), "filename": held.name, "mime": held.kind, "sha1sum": known})
        raise AssertionError(f"there is no {asked.method} {asked.path}")

    def _create(self, asked: Asked) -> Told:
        given = asked.json()["input"]
        assert set(given) <= TICKET_KEYS, set(given) - TICKET_KEYS
        assert given["name"] and given["content"]
        assert given["type"] in (1, 2) and given["urgency"] in (1, 2, 3, 4, 5)
        made = Case(1 + len(self.cases), given)
        self.cases[made.id] = made
        return Told(201, {"id": made.id, "message": ""})

    def _sorted(self, asked: Asked) -> list[Case]:
        assert asked.query.get("order", "ASC") in ("ASC", "DESC")
        by = {"id": lambda c: c.id, "date_mod": lambda c: (c.updated, c.id)}[asked.query.get("sort", "id")]
        found = self.cases.values()
        # [V] "searchText: array of filters to pass on the query (with key = field and value the text to search)";
        # [S] GLPI 10, Search::makeTextSearch: ^ and $ stand for both ends
        if text := asked.query.get("searchText[users_id_recipient]"):
            found = [case for case in found if re.search(text, str(case.recipient))]
        return sorted(found, key=by, reverse=asked.query.get("order") == "DESC")

    def _ranged(self, asked: Asked, found: list[dict[str, Any]]) -> Told:
        """[V] "range (default: 0-50): a string with a couple of number for start and end of pagination"."""
        begin, end = (int(number) for number in asked.query["range"].split("-"))
        if begin and begin >= len(found):
            return Told(400, ["ERROR_RANGE_EXCEED_TOTAL", "Rango"])
        return Told(200 if end >= len(found) - 1 else 206, found[begin : end + 1])

    def _attach(self, asked: Asked) -> Told:
        """[V] "In case of 'multipart/data' content_type (aka file upload), you should insert your parameters into a
        'uploadManifest' parameter. Theses serialized data should be a json string."; [S] the file is filename[0]."""
        manifest, part = parts_of(asked)
        assert (manifest.name, part.name) == ("uploadManifest", "filename[0]")
        given = json.loads(manifest.content)["input"]
        assert set(given) == {"name", "_filename", "tickets_id", "itemtype", "items_id"}
        assert given["_filename"] == [part.filename]
        assert given["itemtype"] in ("Ticket", "ITILFollowup") and given["tickets_id"] in self.cases
        if part.filename.endswith(self.refused_types or "\0"):
            error = {"name": part.filename, "error": "Tipo de archivo no permitido"}  # [K]
            return Told(201, {"id": 0, "message": "", "upload_result": {"filename": [error]}})
        number = 1 + len(self.documents)
        item = given["items_id"]
        self.documents[number] = Document(part.filename, part.kind, part.content, given["itemtype"], item)
        self.cases[given["tickets_id"]].touch()
        told = {"filename": [{"name": part.filename, "size": len(part.content)}]}
        return Told(201, {"id": number, "message": "", "upload_result": told})

    def _shown(self, case: Case) -> dict[str, Any]:
        return self._escaped({
            "id": case.id, "name": case.given["name"], "content": case.given["content"], "status": case.status,
            "urgency": case.given["urgency"], "users_id_recipient": case.recipient, "date_mod": stamp(case.updated),
            "date_creation": stamp(case.made), "date": stamp(case.made), "time_to_own": None,
            "time_to_resolve": stamp(case.made + timedelta(days=2)),
        })  # fmt: skip

    def _escaped(self, row: dict[str, Any]) -> dict[str, Any]:
        """[K] before GLPI 11 texts are kept with & < > as references."""
        if not self.escapes:
            return row
        escaped = {}
        for name in {"name", "content"} & set(row):
            escaped[name] = row[name].replace("&", "&#38;").replace("<", "&#60;").replace(">", "&#62;")
        return {**row, **escaped}

    def follow_up(self, case: Case, author: int, html: str) -> int:
        self.followups += 1
        when = stamp(case.touch())
        case.followups.append({"id": self.followups, "users_id": author, "content": html, "is_private": 0,
                               "date": when, "date_creation": when})  # fmt: skip
        return self.followups

    def agent_replies(self, key: int, html: str, files: list[tuple[str, bytes]]) -> None:
        number = self.follow_up(self.cases[key], AGENT, html)
        for name, content in files:
            self.documents[1 + len(self.documents)] = Document(name, "", content, "ITILFollowup", number)

    def agent_solves(self, key: int) -> None:
        self.cases[key].status = 5
        self.cases[key].touch()


def stamp(when: datetime) -> str:
    """[V] "2015-09-25 09:33:41"."""
    return f"{when:%Y-%m-%d %H:%M:%S}"
