"""A strict Zendesk on loopback: requests of end users, tickets of agents, uploads, help centre, as far as we need them.

Each rule with its sentence and how sure it is: [V] Zendesk's developer documentation (2026), [S] a second source,
[K] known from practice.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

from tests.servers.cloud import Asked, Told, of_file
from tests.servers.oauth import OAuthServer, Provider

USER, AGENT = 11, 22
REQUEST_KEYS = {"subject", "comment", "priority", "type", "custom_fields", "ticket_form_id", "requester"}
TICKET_KEYS = REQUEST_KEYS | {"external_id"}


@dataclass
class Upload:
    name: str
    content: bytes
    kind: str
    ends: datetime


@dataclass
class Request:
    id: int
    subject: str
    requester: int
    given: dict[str, Any]
    comments: list[dict[str, Any]] = field(default_factory=list)
    status: str = "new"
    solvable: bool = True
    ratings: list[dict[str, Any]] = field(default_factory=list)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))


class ZendeskServer(OAuthServer):
    authorize_path, token_path = "/oauth/authorizations/new", "/oauth/tokens"

    def __init__(self) -> None:
        self.requests: dict[int, Request] = {}
        self.uploads: dict[str, Upload] = {}
        self.files: dict[int, Upload] = {}
        self.keys: dict[str, tuple[bytes, Told]] = {}
        self.required: dict[int, str] = {}
        """Custom fields that users must fill in."""
        self.known: dict[int, str] = {360001: "Centro"}
        self.anonymous = True
        self.unverified = False
        self.refused_types: tuple[str, ...] = ()
        self.relayed = False
        """A relay stands before it, which adds an agent's key to everything."""
        # "response_type=code" alone gives a refresh token. [V] "Working with OAuth refresh tokens": "your app receives
        # both an access token […] and a refresh token"
        super().__init__(Provider("read write", offline=("response_type", "code")))

    def serve(self, asked: Asked) -> Told:
        told = self._route(asked)
        told.headers.setdefault("X-Zendesk-API-Version", "v2")
        return told

    def _route(self, asked: Asked) -> Told:
        user = USER if self.provider.admits(asked) else None
        if asked.headers.get("authorization", "").startswith("Bearer") and user is None:
            # [S] {"error": "invalid_token", "error_description": "The access token provided is expired, revoked, …"}
            return Told(401, {"error": "invalid_token", "error_description": "The access token provided is expired"})
        path = asked.path.removeprefix("/api/v2/").removesuffix(".json").split("/")
        match asked.method, path:
            case "GET", ["users", "me"]:
                # [K] Asked without a login it names nobody, with 200.
                return Told(200, {"user": {"id": user, "name": "Lucía" if user else "Anonymous user"}})
            case "GET", ["help_center", "articles", "search"]:
                return self._articles(asked)
            case "POST", ["uploads"]:
                return self._upload(asked, user)
            case "POST", ["requests"]:
                return self._create(asked, user)
            case "POST", ["tickets"] if self.relayed:
                return self._agents_create(asked)
            case "GET", ["tickets"] if self.relayed:
                found = [r for r in self.requests.values() if r.given.get("external_id") == asked.query["external_id"]]
                return Told(200, {"tickets": [{"id": r.id} for r in found]})
            case "GET", ["files", number]:
                return of_file(asked, self.files[int(number)].content) if user else Told(401)
        if user is None:
            return Told(401, {"error": "Couldn't authenticate you"})
        return self._of_a_user(asked, path)

    def _of_a_user(self, asked: Asked, path: list[str]) -> Told:
        if self.unverified and path[0] == "requests":
            # [V] "An end user won't be able to view their requests if the end user added an email identity […] and
            # didn't verify the email address. The problem is flagged by the API with a 403 response."
            return Told(403, {"error": {"title": "Forbidden", "message": "You do not have access to this page."}})
        match asked.method, path:
            case "GET", ["ticket_fields"]:
                listed = {**self.known, **self.required}
                return Told(200, {"ticket_fields": [
                    {"id": 1, "type": "subject", "title": "Subject", "required_in_portal": True, "active": True},
                    *({"id": id_, "type": "text", "title": title, "title_in_portal": title, "active": True,
                       "required_in_portal": id_ in self.required} for id_, title in listed.items())]})  # fmt: skip
            case "GET", ["ticket_forms"]:
                return Told(200, {"ticket_forms": [{"id": 77, "name": "default", "display_name": "Averías"}]})
            case "GET", ["requests"]:
                return self._list(asked)
            case "GET", ["requests", number]:
                found = self._mine(number)
                return Told(200, {"request": self._shown(found, asked)}) if found else Told(404, RECORD_NOT_FOUND)
            case "PUT", ["requests", number]:
                found = self._mine(number)
                return self._change(asked, found) if found else Told(404, RECORD_NOT_FOUND)
            case "GET", ["requests", number, "comments"]:
                found = self._mine(number)
                if not found:
                    return Told(404, RECORD_NOT_FOUND)
                page = paged(asked, found.comments)
                return Told(200, {"comments": [_comment(c, asked) for c in page],
                                  "users": [{"id": USER, "name": "Lucía"}, {"id": AGENT, "name": "Ana"}]})  # fmt: skip
            case "POST", ["tickets", number, "satisfaction_rating"]:
                return self._rate(asked, self.requests[int(number)])
        raise AssertionError(f"there is no {asked.method} {asked.path}")

    def _mine(self, number: str) -> Request | None:
        found = self.requests.get(int(number))
        return found if found and found.requester == USER else None

    def _upload(self, asked: Asked, user: int | None) -> Told:
        # [V] "The endpoint has a required `filename` query parameter." "The `Content-Type` header must contain a
        # recognized MIME type"; [V] "Allowed For: End users" (anonymous ones are not named).
        assert asked.query["filename"] and "/" in asked.headers["content-type"]
        assert asked.headers["content-type"] != "application/json"
        if user is None and not self.relayed:
            return Told(401, {"error": "Couldn't authenticate you"})
        if asked.query["filename"].endswith(self.refused_types or "\0"):
            return Told(422, {"error": "AttachmentTypeNotAllowed", "description": "Tipo de archivo no permitido"})
        token = secrets.token_hex(8)
        ends = datetime.now(UTC) + timedelta(minutes=60)  # [V] "The token is valid for 60 minutes."
        self.uploads[token] = Upload(asked.query["filename"], asked.body, asked.headers["content-type"], ends)
        return Told(201, {"upload": {"token": token, "attachment": {"size": len(asked.body)}}})

    def _create(self, asked: Asked, user: int | None) -> Told:
        given = asked.json()
        assert set(given) == {"request"}
        given = given["request"]
        if user is None:
            if not self.anonymous:
                return Told(401, {"error": "Couldn't authenticate you"})
            # [V] "requester: Required for anonymous requests."
            assert given["requester"]["name"] and "@" in given["requester"]["email"]
        else:
            assert "requester" not in given
        return self._make(asked, given, REQUEST_KEYS, "request", user or USER)

    def _agents_create(self, asked: Asked) -> Told:
        """[V] Idempotency: a key of 255 characters at most, kept for two hours; the same key with another body is
        refused [S]."""
        key = asked.headers["idempotency-key"]
        assert 0 < len(key) <= 255
        if key in self.keys:
            body, told = self.keys[key]
            if body != asked.body:
                return Told(400, {"error": "IdempotentRequestError", "description": "other parameters"})
            return Told(told.status, told.content, {"x-idempotency-lookup": "hit"})
        given = asked.json()["ticket"]
        assert given["requester"]["email"] and given["external_id"]
        told = self._make(asked, given, TICKET_KEYS, "ticket", USER)
        self.keys[key] = (asked.body, told)
        return told

    def _make(self, asked: Asked, given: dict[str, Any], keys: set[str], name: str, user: int) -> Told:
        assert set(given) <= keys, set(given) - keys
        assert isinstance(given["subject"], str) and given["subject"]
        assert given["priority"] in ("low", "normal", "high", "urgent")
        assert given.get("type", "question") in ("question", "incident", "problem", "task")
        values = {}
        for pair in given["custom_fields"]:
            assert isinstance(pair["id"], int) and isinstance(pair["value"], str)
            values[pair["id"]] = pair["value"]
        missing = [title for id_, title in self.required.items() if id_ not in values]
        if missing:
            # [S] RecordInvalid names the fields, in the account's language.
            base = [{"description": f"{title}: es necesario", "error": "BlankValue"} for title in missing]
            return Told(422, {"error": "RecordInvalid", "description": "Record validation errors",
                              "details": {"base": base}})  # fmt: skip
        made = Request(1000 + len(self.requests), given["subject"], user, given)
        made.solvable = given.get("type") != "problem"
        self.requests[made.id] = made
        self._add(made, user, given["comment"])
        shown = self._shown(made, asked) if name == "request" else {"id": made.id}
        return Told(201, {name: shown})

    def _add(self, found: Request, author: int, given: dict[str, Any]) -> None:
        assert set(given) <= {"body", "uploads", "html_body"} and (given.get("body") or given.get("html_body"))
        files = []
        for token in given.get("uploads", []):
            upload = self.uploads.get(token)
            # [K] A token that has ended attaches nothing, and nobody says so.
            if upload and upload.ends > datetime.now(UTC):
                self.files[number := len(self.files) + 1] = upload
                files.append(number)
                del self.uploads[token]
        now = max(datetime.now(UTC), found.updated + timedelta(seconds=1))
        found.updated = now
        # [S] End users' words are plain text: shown as they were typed.
        html = given.get("html_body") or "<div>" + escape(given["body"]).replace("\n", "<br>") + "</div>"
        found.comments.append({"id": 5000 + sum(len(r.comments) for r in self.requests.values()), "author_id": author,
                               "body": given.get("body", html), "html_body": html, "created_at": stamp(now),
                               "files": [(n, self.files[n]) for n in files]})  # fmt: skip

    def _change(self, asked: Asked, found: Request) -> Told:
        given = asked.json()["request"]
        # [V] "This endpoint can only update the following properties in the request": comment, solved, …
        assert given and set(given) <= {"comment", "solved"}
        if found.status == "closed":
            return Told(422, {"error": "RecordInvalid", "description": "Record validation errors",
                              "details": {"base": [{"description": "Estado: cerrado"}]}})  # fmt: skip
        if "comment" in given:
            self._add(found, USER, given["comment"])
            found.status = "open" if found.status in ("solved", "pending") else found.status
        if given.get("solved"):
            # [V] "End users can mark requests as solved only if the request's `can_be_solved_by_me` property is true."
            assert found.solvable
            found.status = "solved"
        return Told(200, {"request": self._shown(found, asked)})

    def _list(self, asked: Asked) -> Told:
        # [V] sort_by "updated_at", "created_at"; sort_order "asc" (default), "desc"
        mine = [r for r in self.requests.values() if r.requester == USER]
        name = asked.query.get("sort_by", "created_at").removesuffix("_at")
        assert name in ("updated", "created")
        mine.sort(key=lambda r: (getattr(r, name), r.id), reverse=asked.query.get("sort_order") == "desc")
        return Told(200, {"requests": [self._shown(r, asked) for r in paged(asked, mine)]})

    def _rate(self, asked: Asked, found: Request) -> Told:
        given = asked.json()["satisfaction_rating"]
        assert given["score"] in ("good", "bad")
        if found.status != "solved":
            # [V] Only the requester of a solved ticket, else 422
            return Told(422, {"error": "RecordInvalid", "description": "ticket is not solved"})
        found.ratings = [given]
        return Told(200, {"satisfaction_rating": given})

    def _articles(self, asked: Asked) -> Told:
        # [V] "At least one of this, Category, Section, or Label Names must be provided"; unauthenticated is allowed.
        words = asked.query["query"].lower()
        found = [{"id": 9, "title": "La impresora no imprime", "html_url": f"{asked.base}/hc/es/articles/9",
                  "snippet": "Reinicia la <em>impresora</em>", "body": "<p>Reinicia la impresora</p>"}]  # fmt: skip
        return Told(200, {"results": found if "impresora" in words else []})

    def _shown(self, found: Request, asked: Asked) -> dict[str, Any]:
        first = found.comments[0]["body"] if found.comments else ""
        return {"id": found.id, "subject": found.subject, "description": first, "status": found.status,
                "priority": found.given["priority"], "requester_id": found.requester, "due_at": None,
                "can_be_solved_by_me": found.solvable and found.status not in ("solved", "closed"),
                "created_at": stamp(found.created), "updated_at": stamp(found.updated),
                "url": f"{asked.base}/api/v2/requests/{found.id}.json"}  # fmt: skip

    # -- what an agent does -------------------------------------------------------------------------------------

    def agent_replies(self, number: int, html: str, files: list[tuple[str, bytes]]) -> None:
        tokens = []
        for name, content in files:
            tokens.append(token := secrets.token_hex(8))
            ends = datetime.now(UTC) + timedelta(hours=1)
            self.uploads[token] = Upload(name, content, "application/octet-stream", ends)
        self._add(self.requests[number], AGENT, {"html_body": html, "uploads": tokens})
        self.requests[number].status = "pending"

    def agent_solves(self, number: int) -> None:
        found = self.requests[number]
        found.status, found.updated = "solved", max(datetime.now(UTC), found.updated + timedelta(seconds=1))


RECORD_NOT_FOUND = {"error": "RecordNotFound", "description": "Not found"}


def stamp(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"


def paged(asked: Asked, found: list[Any]) -> list[Any]:
    """[V] Offset pagination: 100 a page at most."""
    size, page = int(asked.query.get("per_page", "100")), int(asked.query.get("page", "1"))
    assert 1 <= size <= 100 and page >= 1
    return found[size * (page - 1) : size * page]


def _comment(entry: dict[str, Any], asked: Asked) -> dict[str, Any]:
    shown = {name: value for name, value in entry.items() if name != "files"}
    shown["attachments"] = [{"id": n, "file_name": u.name, "size": len(u.content), "content_type": u.kind,
                             "content_url": f"{asked.base}/api/v2/files/{n}"} for n, u in entry["files"]]  # fmt: skip
    return shown
