"""A strict Zammad on loopback, as a customer of it sees it.

Each rule with its sentence: [V] Zammad's documentation, [S] a second source, [K] known from practice.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.servers.cloud import Asked, Cloud, Told, of_file

ME, AGENT, OTHER = 11, 22, 33
NAMES = {ME: "Lucía", AGENT: "Ana"}
TICKET_KEYS = {"title", "group", "priority", "article", "tags", "centro"}
ARTICLE_KEYS = {"subject", "body", "content_type", "type", "internal", "attachments"}


@dataclass
class Case:
    id: int
    title: str
    given: dict[str, Any]
    customer: int = ME
    state: str = "new"
    articles: list[dict[str, Any]] = field(default_factory=list)
    made: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))

    def touch(self) -> datetime:
        self.updated = max(datetime.now(UTC), self.updated + timedelta(milliseconds=5))
        return self.updated


class ZammadServer(Cloud):
    def __init__(self) -> None:
        self.cases: dict[int, Case] = {}
        self.files: dict[int, tuple[str, bytes]] = {}
        self.articles = 0
        self.required = ""
        self.most_bytes = 50_000_000
        super().__init__()

    def answer(self, asked: Asked) -> Told:
        path = asked.path.removeprefix("/api/v1/").split("/")
        if path == ["getting_started"]:
            return Told(200, {"setup_done": True, "import_mode": False})  # [K] open to everybody
        # [V] "Authorization: Token token={your_token}"
        if asked.headers.get("authorization") != "Token token=t-1":
            return Told(401, {"error": "Authentication required"})
        assert asked.method == "GET" or asked.headers["content-type"] == "application/json"  # [V] "Content Type"
        if asked.length > self.most_bytes:
            return Told(413, b"<html>413 Request Entity Too Large</html>", {"Content-Type": "text/html"})  # nginx's
        match asked.method, path:
            case "GET", ["users", "me"]:
                return Told(200, {"id": ME, "firstname": "Lucía"})
            case "POST", ["tickets"]:
                return self._create(asked.json())
            case "GET", ["tickets"]:
                # [K] the oldest first, 100 a page at most
                size, page = int(asked.query["per_page"]), int(asked.query["page"])
                assert 1 <= size <= 100
                seen = [case for case in self.cases.values() if case.customer in (ME, OTHER)]
                return Told(200, [self._shown(case) for case in seen[size * (page - 1) : size * page]])
            case "POST", ["ticket_articles"]:
                given = asked.json()
                found = self.cases[given.pop("ticket_id")]
                return Told(201, self.add(found, ME, given))
            case method, ["tickets", number]:
                return self._one(asked, method, int(number))
            case "GET", ["ticket_articles", "by_ticket", number]:
                return Told(200, self.cases[int(number)].articles)
            case "GET", ["ticket_attachment", number, article, file]:
                entry = next(a for a in self.cases[int(number)].articles if a["id"] == int(article))
                assert int(file) in [item["id"] for item in entry["attachments"]]
                return of_file(asked, self.files[int(file)][1])
        raise AssertionError(f"there is no {asked.method} {asked.path}")

    def _create(self, given: dict[str, Any]) -> Told:
        assert set(given) <= TICKET_KEYS, set(given) - TICKET_KEYS
        assert given["title"] and len(given["title"]) <= 250
        assert given["priority"] in ("1 low", "2 normal", "3 high")
        if given["group"] != "Users":
            # [K] a name that is not there
            return Told(422, {"error": f"No lookup value found for 'group': \"{given['group']}\""})
        if self.required and self.required not in given:
            return Told(422, {"error": f"Missing required value for field '{self.required}'!"})  # [K]
        made = Case(1 + len(self.cases), given["title"], given)
        self.cases[made.id] = made
        self.add(made, ME, given["article"])
        return Told(201, self._shown(made))

    def _one(self, asked: Asked, method: str, number: int) -> Told:
        found = self.cases.get(number)
        if found is None or found.customer == AGENT:
            return Told(404, {"error": "No such object"})
        if method == "PUT":
            given = asked.json()
            assert set(given) == {"state"} and given["state"] in ("open", "closed")
            found.state = given["state"]
            found.touch()
        return Told(200, self._shown(found))

    def _shown(self, case: Case) -> dict[str, Any]:
        """[V] "Response Payloads (expand)": names beside the numbers."""
        return {"id": case.id, "number": str(20000 + case.id), "title": case.title, "customer_id": case.customer,
                "state": case.state, "state_id": 1, "priority": case.given.get("priority", ""),
                "group": case.given.get("group", "Users"),
                "created_at": stamp(case.made), "updated_at": stamp(case.updated),
                "first_response_escalation_at": stamp(case.made + timedelta(hours=4)),
                "close_escalation_at": None}  # fmt: skip

    def add(self, case: Case, author: int, given: dict[str, Any]) -> dict[str, Any]:
        assert set(given) == ARTICLE_KEYS, set(given) ^ ARTICLE_KEYS
        assert given["content_type"] in ("text/html", "text/plain") and given["body"]
        assert given["internal"] is False and given["type"] in ("web", "note")  # [K] customers: web or note
        files = []
        for item in given["attachments"]:
            # [V] "filename", "data": "content in base64", "mime-type"
            assert set(item) == {"filename", "data", "mime-type"} and item["filename"]
            self.files[1 + len(self.files)] = (item["filename"], base64.b64decode(item["data"], validate=True))
            files.append({"id": len(self.files), "filename": item["filename"],
                          "size": str(len(self.files[len(self.files)][1])),
                          "preferences": {"Mime-Type": item["mime-type"]}})  # fmt: skip
        self.articles += 1
        made = {**given, "id": self.articles, "ticket_id": case.id, "from": NAMES[author], "created_by_id": author,
                "sender": "Customer" if author == ME else "Agent", "attachments": files,
                "created_at": stamp(case.touch())}  # fmt: skip
        case.articles.append(made)
        return made

    def agent_replies(self, number: int, html: str, files: list[tuple[str, bytes]]) -> None:
        listed = [{"filename": name, "data": base64.b64encode(content).decode(), "mime-type": "application/x"}
                  for name, content in files]  # fmt: skip
        self.add(self.cases[number], AGENT, {"subject": "", "body": html, "content_type": "text/html", "type": "note",
                                             "internal": False, "attachments": listed})  # fmt: skip

    def agent_solves(self, number: int) -> None:
        self.cases[number].state = "closed"
        self.cases[number].touch()


def stamp(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03}Z"
