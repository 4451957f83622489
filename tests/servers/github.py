"""A strict GitHub on loopback, as an enterprise server: issues of one repository for somebody without push access.

Each rule with its sentence: [V] GitHub's documentation (REST API 2022-11-28), [S] a second source, [K] known from
practice.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from tests.servers.cloud import Asked, Cloud, Told, of_file

ME, AGENT = "lucia", "ana"


@dataclass
class Issue:
    number: int
    given: dict[str, Any]
    state: str = "open"
    closed_by: str = ""
    locked: bool = False
    comments: list[dict[str, Any]] = field(default_factory=list)
    made: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))

    def touch(self) -> datetime:
        self.updated = max(datetime.now(UTC), self.updated + timedelta(seconds=1))
        return self.updated


class GitHubServer(Cloud):
    def __init__(self) -> None:
        self.issues: dict[int, Issue] = {}
        self.files: dict[str, bytes] = {}
        self.private, self.has_issues, self.may_write = True, True, True
        self.limited: Told | None = None
        self.free = 0
        """Answers that cost nothing of the limit."""
        super().__init__()

    def answer(self, asked: Asked) -> Told:
        told = self._route(asked)
        told.headers.setdefault("X-GitHub-Request-Id", "1")  # [K]
        return told

    def _route(self, asked: Asked) -> Told:
        if not asked.path.startswith("/api/v3/"):
            if asked.path.startswith("/user-attachments/"):
                return of_file(asked, self.files[asked.path])
            return Told(200, b"<html></html>", {"Content-Type": "text/html"})
        assert asked.headers["user-agent"]  # [V] "All API requests must include a valid User-Agent header."
        if asked.headers.get("authorization") != "Bearer ghp-1":
            return Told(401, {"message": "Bad credentials"})
        if self.limited:
            return self.limited
        assert asked.headers["accept"] == "application/vnd.github+json"
        match asked.method, asked.path.removeprefix("/api/v3/").split("/"):
            case "GET", ["user"]:
                return Told(200, {"login": ME, "type": "User"})
            case "GET", ["user", "repos"]:
                return Told(200, [{"full_name": "mesa/soporte", "has_issues": True},
                                  {"full_name": "mesa/web", "has_issues": False}])  # fmt: skip
            case method, ["repos", "mesa", "soporte", *rest]:
                return self._repository(asked, method, rest)
            case _, ["repos", *_]:
                return Told(404, {"message": "Not Found"})
        raise AssertionError(f"there is no {asked.method} {asked.path}")

    def _repository(self, asked: Asked, method: str, rest: list[str]) -> Told:
        if method != "GET" and not self.may_write:
            return Told(403, {"message": "Resource not accessible by personal access token"})  # [K]
        match method, rest:
            case "GET", []:
                return Told(200, {"full_name": "mesa/soporte", "private": self.private, "has_issues": self.has_issues})
            case "POST", ["issues"]:
                return self._create(asked)
            case "GET", ["issues"]:
                return self._list(asked)
            case "GET", ["issues", number]:
                found = self.issues.get(int(number))
                return (
                    Told(200, self._shown(found, asked, whole=True)) if found else Told(404, {"message": "Not Found"})
                )
            case "PATCH", ["issues", number]:
                return self._move(asked, self.issues[int(number)])
            case "GET", ["issues", number, "comments"]:
                # [V] "Issue comments are ordered by ascending ID."
                return Told(200, paged(asked, self.issues[int(number)].comments))
            case "POST", ["issues", number, "comments"]:
                given = asked.json()
                assert set(given) == {"body"} and given["body"]
                return Told(201, self.comment(self.issues[int(number)], ME, given["body"]))
        raise AssertionError(f"there is no {asked.method} {asked.path}")

    def _create(self, asked: Asked) -> Told:
        given = asked.json()
        assert set(given) <= {"title", "body", "labels"}, set(given)
        assert given["title"] and len(given["title"]) <= 256  # [K]
        assert isinstance(given.get("labels", []), list)
        if len(given["body"]) > 65536:
            # [K] "body is too long (maximum is 65536 characters)"
            error = {"resource": "Issue", "field": "body", "code": "custom", "message": "is too long"}
            return Told(422, {"message": "Validation Failed", "errors": [error]})
        # [V] "Only users with push access can set labels for new issues. Labels are silently dropped otherwise."
        made = Issue(1 + len(self.issues), given)
        self.issues[made.number] = made
        return Told(201, self._shown(made, asked, whole=True))

    def _shown(self, found: Issue, asked: Asked, *, whole: bool = False) -> dict[str, Any]:
        shown = {"number": found.number, "title": found.given["title"], "body": found.given["body"],
                 "state": found.state, "locked": found.locked, "user": {"login": ME, "type": "User"},
                 "html_url": f"{asked.base}/mesa/soporte/issues/{found.number}",
                 "created_at": stamp(found.made), "updated_at": stamp(found.updated)}  # fmt: skip
        if whole:
            shown["closed_by"] = {"login": found.closed_by} if found.closed_by else None
        return shown

    def _list(self, asked: Asked) -> Told:
        assert asked.query["creator"] == ME and asked.query["state"] == "all"  # [V] "Default: open"
        assert asked.query["direction"] == "desc"
        newest = {"created": lambda i: (i.made, i.number), "updated": lambda i: (i.updated, i.number)}
        found = sorted(self.issues.values(), key=newest[asked.query["sort"]], reverse=True)
        shown: list[dict[str, Any]] = [self._shown(issue, asked) for issue in found]
        # [V] "GitHub's REST API considers every pull request an issue", known by the key pull_request
        pull, old = Issue(999, {"title": "x", "body": ""}), "2020-01-01T00:00:00Z"
        shown.append({**self._shown(pull, asked), "pull_request": {}, "created_at": old, "updated_at": old})
        listed = paged(asked, shown)
        tag = f'W/"{hashlib.sha256(json.dumps(listed).encode()).hexdigest()}"'
        if asked.headers.get("if-none-match") == tag:
            self.free += 1  # [V] "does not count against your primary rate limit if a 304 response is returned"
            return Told(304, b"", {"ETag": tag})
        return Told(200, listed, {"ETag": tag})

    def _move(self, asked: Asked, found: Issue) -> Told:
        given = asked.json()
        assert set(given) <= {"state", "state_reason"} and given["state"] in ("open", "closed")
        if given["state"] == "open" and found.closed_by != ME:
            return Told(403, {"message": "Must have admin rights to Repository."})  # [K]
        found.state, found.closed_by = given["state"], ME if given["state"] == "closed" else ""
        found.touch()
        return Told(200, self._shown(found, asked, whole=True))

    def comment(self, found: Issue, author: str, text: str) -> dict[str, Any]:
        made = {"id": 700 + sum(len(i.comments) for i in self.issues.values()), "body": text,
                "user": {"login": author, "type": "User"}, "created_at": stamp(found.touch())}  # fmt: skip
        found.comments.append(made)
        return made

    def agent_replies(self, number: int, text: str, files: list[tuple[str, bytes]]) -> None:
        for name, content in files:
            path = f"/user-attachments/files/{1 + len(self.files)}/{name.rpartition('/')[2]}"
            self.files[path] = content
            text += f"\n\n[{name}]({self.url}{quote(path)})"
        self.comment(self.issues[number], AGENT, text)

    def agent_solves(self, number: int) -> None:
        found = self.issues[number]
        found.state, found.closed_by = "closed", AGENT
        found.touch()


def paged(asked: Asked, found: list[Any]) -> list[Any]:
    """[V] "per_page: The number of results per page (max 100). Default: 30"."""
    size, page = int(asked.query.get("per_page", "30")), int(asked.query.get("page", "1"))
    assert 1 <= size <= 100
    return found[size * (page - 1) : size * page]


def stamp(when: datetime) -> str:
    """[V] "YYYY-MM-DDTHH:MM:SSZ"."""
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"
