"""A strict GitLab on loopback: issues, notes and uploads of one project, as a guest of it sees them.

Each rule with its sentence: [V] GitLab's documentation (17 and 18), [S] a second source, [K] known from practice.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.servers.cloud import Asked, Cloud, Told, of_file
from tests.servers.forms import parts_of

PROJECT, RAW = "mesa/soporte técnico", "mesa%2Fsoporte%20t%C3%A9cnico"
ME, AGENT = {"id": 11, "name": "Lucía", "username": "lucia"}, {"id": 22, "name": "Ana", "username": "ana"}
ISSUE_KEYS = {"title", "description", "confidential", "labels"}


@dataclass
class Issue:
    iid: int
    title: str
    description: str
    given: dict[str, Any]
    author: dict[str, Any] = field(default_factory=lambda: ME)
    state: str = "opened"
    notes: list[dict[str, Any]] = field(default_factory=list)
    made: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))

    def touch(self) -> datetime:
        self.updated = max(datetime.now(UTC), self.updated + timedelta(milliseconds=5))
        return self.updated


class GitLabServer(Cloud):
    def __init__(self) -> None:
        self.tokens = {"glpat-1": ["api"], "glpat-read": ["read_api"]}
        self.issues: dict[int, Issue] = {}
        self.uploads: dict[str, bytes] = {}
        self.most_bytes = 100 * 1024 * 1024
        super().__init__()

    def answer(self, asked: Asked) -> Told:
        told = self._route(asked)
        told.headers.setdefault("X-Gitlab-Meta", '{"correlation_id":"1","version":"1"}')  # [K]
        return told

    def _route(self, asked: Asked) -> Told:
        scopes = self.tokens.get(asked.headers.get("private-token", ""))
        if scopes is None:
            return Told(401, {"message": "401 Unauthorized"})  # [V] "REST API", status codes
        if asked.method != "GET" and "api" not in scopes:
            # [K] the scope read_api reads only
            return Told(403, {"error": "insufficient_scope", "error_description": "The request requires higher",
                              "scope": "api"})  # fmt: skip
        assert asked.path.startswith("/api/v4/"), asked.path
        path = asked.path.removeprefix("/api/v4/")
        if path == "user":
            return Told(200, ME)
        if path == "personal_access_tokens/self":
            return Told(200, {"id": 1, "scopes": scopes, "active": True})  # [V] "Personal access tokens API"
        if path == "projects":
            assert asked.query["membership"] == "true"
            return Told(200, [{"id": 5, "path_with_namespace": PROJECT, "name_with_namespace": "Mesa / Soporte"}])
        # [V] "Namespaced paths": "/ is represented by %2F"
        if not asked.raw.startswith(f"/api/v4/projects/{RAW}"):
            return Told(404, {"message": "404 Project Not Found"})
        rest = path.removeprefix(f"projects/{PROJECT}").strip("/")
        return self._project(asked, rest.split("/") if rest else [])

    def _project(self, asked: Asked, rest: list[str]) -> Told:
        match asked.method, rest:
            case "GET", []:
                return Told(200, {"id": 5, "path_with_namespace": PROJECT, "issues_access_level": "enabled"})
            case "POST", ["uploads"]:
                return self._upload(asked)
            case "GET", ["uploads", secret, name]:
                # [V] "Download an uploaded file by secret and filename": "At least the Guest role"
                return of_file(asked, self.uploads[f"/uploads/{secret}/{name}"])
            case "POST", ["issues"]:
                return self._create(asked)
            case "GET", ["issues"]:
                return self._list(asked)
            case method, ["issues", number, *more]:
                found = self.issues.get(int(number))
                if found is None or (found.author != ME and found.given["confidential"]):
                    return Told(404, {"message": "404 Not found"})
                return self._issue(asked, method, found, more)
        raise AssertionError(f"there is no {asked.method} {asked.path}")

    def _upload(self, asked: Asked) -> Told:
        # [V] "Content-Type: multipart/form-data […] The file= parameter"
        (part,) = parts_of(asked)
        assert part.name == "file" and part.filename
        if len(part.content) > self.most_bytes:
            return Told(413, {"error": "Request Entity Too Large"})  # [V] "Max attachment size"
        # [K] what is no letter, digit, dot, hyphen, plus or underscore becomes an underscore
        name = re.sub(r"[^\w.+-]", "_", part.filename, flags=re.ASCII)
        url = f"/uploads/{secrets.token_hex(16)}/{name}"
        self.uploads[url] = part.content
        return Told(201, {"id": len(self.uploads), "alt": name, "url": url, "full_path": f"/-/project/5{url}",
                          "markdown": f"[{name}]({url})"})  # fmt: skip

    def _create(self, asked: Asked) -> Told:
        given = asked.json()
        assert set(given) <= ISSUE_KEYS, set(given) - ISSUE_KEYS
        assert isinstance(given["confidential"], bool) and isinstance(given["description"], str)
        if not given["title"]:
            return Told(400, {"message": {"title": ["can't be blank"]}})  # [V] "REST API", Data validation
        assert len(given["title"]) <= 255  # [K] TITLE_LENGTH_MAX
        assert len(given["description"]) <= 1_048_576  # [V] "Limited to 1,048,576 characters."
        # [V] its OpenAPI description (v3): a list; the pages say "Comma-separated label names", which is taken too
        assert isinstance(given.get("labels", []), list)
        self._no_order_in(given["description"])
        made = Issue(1 + len(self.issues), given["title"], given["description"], given)
        self.issues[made.iid] = made
        return Told(201, self._shown(made, asked))

    def _no_order_in(self, text: str) -> None:
        """[V] "GitLab quick actions": "/" at the beginning of a line orders something: no user of ours means that."""
        assert not re.search(r"^\s*/\w", text, re.MULTILINE), "the text holds a quick action"

    def _shown(self, found: Issue, asked: Asked) -> dict[str, Any]:
        return {"id": 9000 + found.iid, "iid": found.iid, "title": found.title, "description": found.description,
                "state": found.state, "author": found.author, "created_at": stamp(found.made), "due_date": None,
                "updated_at": stamp(found.updated), "confidential": found.given["confidential"],
                "web_url": f"{asked.base}/mesa/soporte/-/issues/{found.iid}"}  # fmt: skip

    def _list(self, asked: Asked) -> Told:
        # [V] scope: "Return issues for the given scope: created_by_me, assigned_to_me or all. Defaults to all."
        assert asked.query["scope"] == "created_by_me" and asked.query["state"] == "all"
        assert asked.query["sort"] == "desc"
        newest = asked.query["order_by"] == "created_at"
        found = [issue for issue in self.issues.values() if issue.author == ME]
        if after := asked.query.get("updated_after"):
            # [V] "Return issues updated on or after the given time. Expected in ISO 8601 format"
            found = [issue for issue in found if stamp(issue.updated) >= after]
        found.sort(key=lambda i: (i.made if newest else i.updated, i.iid), reverse=True)
        return Told(200, [self._shown(issue, asked) for issue in paged(asked, found)])

    def _issue(self, asked: Asked, method: str, found: Issue, more: list[str]) -> Told:
        match method, more:
            case "GET", []:
                return Told(200, self._shown(found, asked))
            case "PUT", []:
                # [V] "The state event of an issue. To close the issue, use close, and to reopen it, use reopen."
                event = asked.json()["state_event"]
                state = {"close": "closed", "reopen": "opened"}[event]
                if state != found.state:
                    found.state = state
                    self.note(found, ME, event, system=True)
                return Told(200, self._shown(found, asked))
            case "GET", ["notes"]:
                assert asked.query["sort"] == "asc"  # [V] "Default is desc"
                return Told(200, paged(asked, found.notes))
            case "POST", ["notes"]:
                given = asked.json()
                assert set(given) == {"body"} and 0 < len(given["body"]) <= 1_000_000  # [V] "Limited to 1,000,000"
                self._no_order_in(given["body"])
                return Told(201, self.note(found, ME, given["body"]))
        raise AssertionError(f"there is no {asked.method} {asked.path}")

    def note(self, found: Issue, author: dict[str, Any], text: str, *, system: bool = False) -> dict[str, Any]:
        made = {"id": 300 + sum(len(i.notes) for i in self.issues.values()), "body": text, "author": author,
                "created_at": stamp(found.touch()), "system": system, "internal": False}  # fmt: skip
        found.notes.append(made)
        return made

    def agent_replies(self, iid: int, text: str, files: list[tuple[str, bytes]]) -> None:
        for name, content in files:
            url = f"/uploads/{secrets.token_hex(16)}/{re.sub(r'[^a-zA-Z0-9.+-]', '_', name)}"
            self.uploads[url] = content
            text += f"\n\n[{name}]({url})"
        self.note(self.issues[iid], AGENT, text)

    def agent_solves(self, iid: int) -> None:
        self.issues[iid].state = "closed"
        self.note(self.issues[iid], AGENT, "closed", system=True)


def paged(asked: Asked, found: list[Any]) -> list[Any]:
    """[V] "page: Page number (default: 1). per_page: Number of items to list per page (default: 20, max: 100)." """
    size, page = int(asked.query.get("per_page", "20")), int(asked.query.get("page", "1"))
    assert 1 <= size <= 100 and page >= 1
    return found[size * (page - 1) : size * page]


def stamp(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03}Z"
