"""A strict Znuny web service on loopback, with the routes of its own example, as a customer user sees it.

Each rule with its sentence: [V] the documentation in Znuny's operations (6.5, 7), [K] known from practice.
"""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.servers.cloud import Asked, Cloud, Told

BASE = "/znuny/nph-genericinterface.pl/Webservice/Mesa"
TYPES = {"new": "new", "open": "open", "cerrado": "closed"}


@dataclass
class Case:
    id: int
    given: dict[str, Any]
    fields: list[dict[str, Any]]
    customer: str = "lucia"
    queue: str = "Raw"
    state: str = "new"
    articles: list[dict[str, Any]] = field(default_factory=list)
    made: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))

    def touch(self) -> datetime:
        self.updated = max(datetime.now(UTC), self.updated + timedelta(seconds=1))
        return self.updated


class ZnunyServer(Cloud):
    def __init__(self) -> None:
        self.cases: dict[int, Case] = {}
        self.sessions: set[str] = set()
        self.articles = 0
        self.login = "lucia"
        self.most_bytes = 20_000_000
        super().__init__()

    def answer(self, asked: Asked) -> Told:
        assert asked.path.startswith(BASE), asked.path
        path = asked.path.removeprefix(BASE).strip("/").split("/")
        if asked.length > self.most_bytes:
            return Told(413)
        if (asked.method, path) == ("POST", ["Session"]):
            given = asked.json()
            assert set(given) == {"CustomerUserLogin", "Password"}
            if (given["CustomerUserLogin"], given["Password"]) != (self.login, "p-1"):
                return failed("SessionCreate.AuthFail", "SessionCreate: Authorization failing!")
            session = secrets.token_hex(8)
            self.sessions.add(session)
            return Told(200, {"SessionID": session})
        given = asked.query if asked.method == "GET" else asked.json()
        assert "Password" not in asked.query
        if given.pop("SessionID") not in self.sessions:
            return failed("Ticket.AuthFail", "Authorization failing!")
        match asked.method, path:
            case "POST", ["Ticket"]:
                return self._create(given)
            case "GET", ["Ticket"]:
                assert given["OrderBy"] == "Down"  # [V] "Down, Up"
                by = {"Created": lambda c: c.id, "Changed": lambda c: (c.updated, c.id)}[given["SortBy"]]
                # [V] CustomerUserLogin; without it colleagues' tickets are shown too [K]
                shown = [
                    case
                    for case in self.cases.values()
                    if given.get("CustomerUserLogin", case.customer) == case.customer
                ]
                # [V] "tickets with changed time after ..."; the same second counts
                since = given.get("TicketLastChangeTimeNewerDate", "")
                assert re.fullmatch(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)?", since)
                shown = [case for case in shown if stamp(case.updated) >= since]
                found = sorted(shown, key=by, reverse=True)[: int(given.get("Limit", 500))]  # [V] 500
                return Told(200, {"TicketID": [str(case.id) for case in found]} if found else {})
            case "GET", ["Ticket", keys]:
                assert len(asked.raw) < 4000, "longer addresses are refused by web servers"
                return self._get([int(key) for key in keys.split(",")], given)
            case "PATCH", ["Ticket", key]:
                found = self.cases[int(key)]
                assert set(given) <= {"Article", "Attachment", "Ticket"}
                found.state = given.get("Ticket", {}).get("State", found.state)
                number = self.add(found, "customer", given["Article"], given.get("Attachment", []))
                return Told(200, {"TicketID": key, "ArticleID": str(number)})
        raise AssertionError(f"there is no {asked.method} {asked.path}")

    def _create(self, given: dict[str, Any]) -> Told:
        assert {"Ticket", "Article"} <= set(given) <= {"Ticket", "Article", "DynamicField", "Attachment"}
        assert given.get("DynamicField") != [] and given.get("Attachment") != []  # [K] a list must hold something
        case = given["Ticket"]
        assert set(case) <= {"Title", "Queue", "State", "CustomerUser", "Priority", "Type"}
        assert case["Title"] and case["CustomerUser"] == self.login and case["State"] == "new"
        assert case["Priority"] in ("2 low", "3 normal", "4 high")
        assert all(set(item) == {"Name", "Value"} for item in given.get("DynamicField", []))
        if case["Queue"] != "Raw":
            # [V] a failure is an Error inside a successful answer
            return failed("TicketCreate.InvalidParameter", "TicketCreate: Ticket->Queue parameter is invalid!")
        made = Case(1 + len(self.cases), case, given.get("DynamicField", []), self.login)
        self.cases[made.id] = made
        number = self.add(made, "customer", given["Article"], given.get("Attachment", []))
        return Told(200, {"TicketID": str(made.id), "TicketNumber": named(made), "ArticleID": str(number)})

    def _get(self, keys: list[int], given: dict[str, Any]) -> Told:
        if any(key not in self.cases or self.cases[key].customer == "nadie" for key in keys):
            return failed("TicketGet.AccessDenied", "TicketGet: User does not have access to the ticket!")  # [V]
        shown = []
        for case in (self.cases[key] for key in keys):
            row = {"TicketID": case.id, "TicketNumber": named(case), "Title": case.given["Title"], "State": case.state,
                   "StateType": TYPES[case.state], "Priority": case.given["Priority"], "Created": stamp(case.made),
                   "Changed": stamp(case.updated), "CustomerUserID": case.customer, "Queue": case.queue}  # fmt: skip
            if given.get("AllArticles") == "1":
                row["Article"] = [self._shown(entry, given) for entry in case.articles]
            shown.append(row)
        return Told(200, {"Ticket": shown})

    def _shown(self, entry: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        row = {name: value for name, value in entry.items() if name != "files"}
        if given.get("Attachments") == "1":
            bare = given.get("GetAttachmentContents") == "0"  # [V] "Optional, 1 as default. 0|1"
            row["Attachment"] = [
                {"FileID": number, "Filename": name, "FilesizeRaw": len(content), "ContentType": "application/x",
                 "Content": "" if bare else base64.b64encode(content).decode()}
                for number, (name, content) in enumerate(entry["files"], 1)
            ]  # fmt: skip
        return row

    def add(self, case: Case, sender: str, article: dict[str, Any], files: list[dict[str, str]]) -> int:
        assert article["Subject"] and article["Body"] and article["ContentType"] == "text/plain; charset=utf8"
        assert article["IsVisibleForCustomer"] == 1
        held = []
        for item in files:
            assert set(item) == {"Content", "ContentType", "Filename"} and item["ContentType"]  # [V]
            held.append((item["Filename"], base64.b64decode(item["Content"], validate=True)))
        self.articles += 1
        case.articles.append({"ArticleID": self.articles, "From": sender, "SenderType": sender, "files": held,
                              "Body": article["Body"], "CreateTime": stamp(case.touch())})  # fmt: skip
        return self.articles

    def agent_replies(self, key: int, text: str, files: list[tuple[str, bytes]]) -> None:
        article = {"Subject": "Re", "Body": text, "ContentType": "text/plain; charset=utf8", "IsVisibleForCustomer": 1}
        listed = [{"Content": base64.b64encode(content).decode(), "ContentType": "application/x", "Filename": name}
                  for name, content in files]  # fmt: skip
        self.add(self.cases[key], "agent", article, listed)

    def agent_solves(self, key: int) -> None:
        self.cases[key].state = "cerrado"
        self.cases[key].touch()


def failed(code: str, words: str) -> Told:
    return Told(200, {"Error": {"ErrorCode": code, "ErrorMessage": words}})


def named(case: Case) -> str:
    return f"20261129{case.id:08}"


def stamp(when: datetime) -> str:
    """[V] "2010-10-27 20:15:00"."""
    return f"{when:%Y-%m-%d %H:%M:%S}"
