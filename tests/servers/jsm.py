"""A strict Jira Service Management (Cloud) on loopback, as a customer sees it.

Each rule with its sentence: [V] from Atlassian's OpenAPI description of the service (November 2024), [K] known from
practice. The shapes of requests and answers are those of the description; the referee test holds ours against it.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

from tests.servers.cloud import Asked, Cloud, Told, of_file
from tests.servers.forms import parts_of

MAIL, TOKEN = "lucia@example.org", "api-token-1"
ME, AGENT = "acc-1", "acc-2"
CLOSES, OPENS = ("761", "Close request"), ("762", "Reopen request")
FIELDS: list[dict[str, Any]] = [
    {"fieldId": "summary", "name": "Resumen", "required": True, "validValues": [], "jiraSchema": {"type": "string"}},
    {"fieldId": "description", "name": "Qué pasa", "required": True, "validValues": [],
     "jiraSchema": {"type": "string"}},
    {"fieldId": "priority", "name": "Prioridad", "required": False, "jiraSchema": {"type": "priority"},
     "validValues": [{"value": str(n), "label": label, "children": []} for n, label in
                     enumerate(("Máxima", "Alta", "Media", "Baja", "Mínima"), 1)]},
    {"fieldId": "customfield_10050", "name": "Centro", "required": False, "validValues": [],
     "jiraSchema": {"type": "string"}},
]  # fmt: skip


@dataclass
class Stored:
    id: int
    name: str
    kind: str
    content: bytes
    made: datetime


@dataclass
class Request:
    key: str
    values: dict[str, Any]
    type: str
    reporter: str = ME
    state: str = "NEW"
    made: datetime = field(default_factory=lambda: datetime.now(UTC))
    moved: datetime = field(default_factory=lambda: datetime.now(UTC))
    active: datetime = field(default_factory=lambda: datetime.now(UTC))
    comments: list[dict[str, Any]] = field(default_factory=list)
    files: list[Stored] = field(default_factory=list)
    feedback: dict[str, Any] | None = None

    def touch(self) -> datetime:
        self.active = max(datetime.now(UTC), self.active + timedelta(seconds=1))
        return self.active


class JsmServer(Cloud):
    def __init__(self) -> None:
        self.requests: dict[str, Request] = {}
        self.temporary: dict[str, tuple[str, str, bytes]] = {}
        self.limit_bytes = 10_000_000
        self.attachments_on = True
        self.fields = [dict(item) for item in FIELDS]
        self.offered = [CLOSES, OPENS]
        super().__init__()

    def answer(self, asked: Asked) -> Told:
        if asked.path == "/rest/api/3/attachment/meta":
            # [V, platform description] "This operation can be accessed anonymously."
            return Told(200, {"enabled": self.attachments_on, "uploadLimit": self.limit_bytes})
        if asked.path == "/rest/servicedeskapi/info":
            # [V] "Permissions required: None, the user does not need to be logged in."
            return Told(200, {"version": "5.13", "platformVersion": "1001.0.0", "buildDate": {}})
        expected = base64.b64encode(f"{MAIL}:{TOKEN}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {expected}":
            return Told(401, {"errorMessage": "Client must be authenticated to access this resource."})
        assert asked.path.startswith("/rest/servicedeskapi/"), asked.path
        path = asked.path.removeprefix("/rest/servicedeskapi/").split("/")
        return self._of_a_desk(asked, path[1:]) if path[0] == "servicedesk" else self._of_requests(asked, path)

    def _of_a_desk(self, asked: Asked, path: list[str]) -> Told:
        shown = {"id": "10", "projectId": "11", "projectName": "Mesa", "projectKey": "HELP"}
        if not path:
            return page(asked, [shown])
        if path[0] != "10":
            return Told(404, {"errorMessage": "El servicio no existe", "i18nErrorMessage": {"i18nKey": "sd.none"}})
        match asked.method, path[1:]:
            case "GET", []:
                return Told(200, shown)
            case "GET", ["requesttype"]:
                return page(asked, [{"id": "25", "name": "Algo falla"}, {"id": "26", "name": "Sugerencia"}])
            case "GET", ["requesttype", kind, "field"]:
                if kind not in ("25", "26"):
                    return Told(404, {"errorMessage": "No existe"})
                return Told(200, {"requestTypeFields": self.fields, "canRaiseOnBehalfOf": False})
            case "POST", ["attachTemporaryFile"]:
                return self._upload(asked)
            case "GET", ["knowledgebase", "article"]:
                assert asked.query["query"]
                found = [{"title": "La impresora no imprime", "excerpt": "Reinicia la cola",
                          "source": {"type": "confluence", "pageId": "99", "spaceKey": "IT"},
                          "content": {"iframeSrc": f"{asked.base}/rest/x/99"}}]  # fmt: skip
                return page(asked, found if "impresora" in asked.query["query"].lower() else [])
        raise AssertionError(f"there is no {asked.method} {asked.path}")

    def _upload(self, asked: Asked) -> Told:
        # [V] "you must submit a header of X-Atlassian-Token: no-check with the request or it will be blocked";
        # "The name of the multipart/form-data parameter that contains the attachments must be `file`."
        assert asked.headers["x-atlassian-token"] == "no-check"
        parts = parts_of(asked)
        assert parts and all(part.name == "file" and part.filename for part in parts)
        if not self.attachments_on:
            # [V] "It is possible for a service desk administrator to turn off the ability to add attachments"
            return Told(403, {"errorMessage": "No tiene permiso para adjuntar"})
        if any(len(part.content) > self.limit_bytes for part in parts):
            return Told(413)
        given = []
        for part in parts:
            number = f"temp{len(self.temporary) + 1}"
            self.temporary[number] = (part.filename, part.kind, part.content)
            given.append({"temporaryAttachmentId": number, "fileName": part.filename})
        return Told(201, {"temporaryAttachments": given})

    def _of_requests(self, asked: Asked, path: list[str]) -> Told:
        assert path[0] == "request"
        if path == ["request"]:
            return self._create(asked) if asked.method == "POST" else self._list(asked)
        found = self.requests.get(path[1])
        if not found or found.reporter != ME:
            if path[2:] == ["comment"] and asked.method == "GET":
                return page(asked, [])  # [V] "No permissions error is provided […], the method simply returns an
                # empty response."
            return Told(404, {"errorMessage": "La solicitud no existe"})
        if path[2:] in (["transition"], ["feedback"]):
            return self._step(asked, found, path[2])
        match asked.method, path[2:]:
            case "GET", []:
                return Told(200, self._shown(asked, found))
            case "GET", ["comment"]:
                wanted = asked.query.get("expand", "").split(",")
                return page(asked, [_comment(asked, found, c, wanted) for c in found.comments])
            case "POST", ["comment"]:
                given = asked.json()
                assert set(given) == {"body", "public"} and isinstance(given["body"], str) and given["body"]
                # [V] "Customers can set comments to public visibility only."
                assert given["public"] is True
                return Told(201, _comment(asked, found, self._add(found, ME, given["body"], []), []))
            case "GET", ["attachment"]:
                return page(asked, [_file(asked, found, f) for f in found.files])
            case "POST", ["attachment"]:
                return self._attach(asked, found)
            case "GET", ["attachment", number]:
                # [V] 200 with the contents, or 303
                return of_file(asked, next(f.content for f in found.files if f.id == int(number)))
        raise AssertionError(f"there is no {asked.method} {asked.path}")

    def _step(self, asked: Asked, found: Request, what: str) -> Told:
        if what == "feedback":
            if asked.method == "POST":
                return self._rate(asked, found)
            return Told(200, found.feedback) if found.feedback else Told(404, {"errorMessage": "none"})
        if asked.method == "GET":
            done = found.state == "DONE"
            ways = [way for way in self.offered if (way == OPENS) is done]
            return page(asked, [{"id": id_, "name": name} for id_, name in ways])
        given = asked.json()
        assert set(given) == {"id"} and given["id"] in {id_ for id_, _ in self.offered}
        found.state, found.moved = ("DONE" if given["id"] == CLOSES[0] else "INDETERMINATE"), found.touch()
        return Told(204)

    def _create(self, asked: Asked) -> Told:
        given = asked.json()
        # [V] additionalProperties: false; `raiseOnBehalfOf` and `requestParticipants` are not for
        # customers; ids are text
        assert set(given) == {"serviceDeskId", "requestTypeId", "requestFieldValues"}
        assert given["serviceDeskId"] == "10" and given["requestTypeId"] in ("25", "26")
        values, known = given["requestFieldValues"], {item["fieldId"]: item for item in self.fields}
        assert set(values) <= set(known), "only what the request type shows"
        assert isinstance(values["summary"], str) and "\n" not in values["summary"] and len(values["summary"]) <= 255
        if "priority" in values:
            assert values["priority"]["id"] in [item["value"] for item in known["priority"]["validValues"]]
        missing = [item["name"] for item in self.fields if item["required"] and item["fieldId"] not in values]
        if missing:
            return Told(400, {"errorMessage": f"Falta {missing[0]}", "i18nErrorMessage": {"i18nKey": "field.required"}})
        made = Request(f"HELP-{len(self.requests) + 1}", values, given["requestTypeId"])
        self.requests[made.key] = made
        return Told(201, self._shown(asked, made))

    def _list(self, asked: Asked) -> Told:
        # [V] the query's words and values
        assert asked.query["requestOwnership"] == "OWNED_REQUESTS"
        assert asked.query["requestStatus"] in ("CLOSED_REQUESTS", "OPEN_REQUESTS", "ALL_REQUESTS")
        int(asked.query["serviceDeskId"])
        mine = [r for r in self.requests.values() if r.reporter == ME]
        # [V] "ordered chronologically by the latest activity on each request"
        mine.sort(key=lambda r: r.active, reverse=True)
        return page(asked, [self._shown(asked, r) for r in mine])

    def _attach(self, asked: Asked, found: Request) -> Told:
        given = asked.json()
        assert set(given) <= {"temporaryAttachmentIds", "public", "additionalComment"}
        assert given["public"] is True  # [V] "Customers can set attachments to public visibility only."
        assert given["temporaryAttachmentIds"] and set(given["temporaryAttachmentIds"]) <= set(self.temporary)
        files = []
        for number in given["temporaryAttachmentIds"]:
            name, kind, content = self.temporary.pop(number)
            files.append(Stored(sum(len(r.files) for r in self.requests.values()) + len(files) + 1, name, kind, content,
                                datetime.now(UTC)))  # fmt: skip
        text = given.get("additionalComment", {}).get("body", "")
        comment = self._add(found, ME, text, files)
        return Told(201, {"comment": _comment(asked, found, comment, []),
                          "attachments": page(asked, [_file(asked, found, f) for f in files]).content})  # fmt: skip

    def _add(self, found: Request, author: str, body: str, files: list[Stored], html: str = "") -> dict[str, Any]:
        found.files += files
        number = 100 + sum(len(r.comments) for r in self.requests.values())
        made = {"id": str(number), "body": body, "html": html or shown(body), "author": author, "made": found.touch(),
                "files": [f.id for f in files]}  # fmt: skip
        found.comments.append(made)
        return made

    def _rate(self, asked: Asked, found: Request) -> Told:
        given = asked.json()
        # [V] "User must be the reporter"; type csat, rating, comment
        assert given["type"] == "csat" and 1 <= given["rating"] <= 5 and set(given) == {"type", "rating", "comment"}
        if found.feedback:
            return Told(400, {"errorMessage": "Ya hay una opinión"})  # [K]
        found.feedback = given
        return Told(201, given)

    def _shown(self, asked: Asked, found: Request) -> dict[str, Any]:
        item: dict[str, Any] = {
            "issueId": found.key[5:], "issueKey": found.key, "requestTypeId": found.type, "serviceDeskId": "10",
            "createdDate": when(found.made), "reporter": person(found.reporter),
            "requestFieldValues": [{"fieldId": name, "label": name, "value": value} for name, value in
                                   found.values.items()],
            "currentStatus": {"status": {"NEW": "Abierta", "DONE": "Resuelta"}.get(found.state, "En curso"),
                              "statusCategory": found.state, "statusDate": when(found.moved)},
            "_links": {"web": f"{asked.base}/servicedesk/customer/portal/10/{found.key}"},
        }  # fmt: skip
        if "comment" in asked.query.get("expand", "").split(","):
            told = [_comment(asked, found, c, []) for c in found.comments[:5]]
            item["comments"] = {"size": len(told), "start": 0, "limit": 5, "values": told,
                                "isLastPage": len(found.comments) <= 5}  # fmt: skip
        return item

    # -- what an agent does -------------------------------------------------------------------------------------

    def agent_replies(self, key: str, html: str, files: list[tuple[str, bytes]]) -> None:
        found = self.requests[key]
        begun = sum(len(r.files) for r in self.requests.values())
        stored = [Stored(begun + n, name, "application/octet-stream", content, datetime.now(UTC))
                  for n, (name, content) in enumerate(files, 1)]  # fmt: skip
        self._add(found, AGENT, "", stored, html)

    def agent_solves(self, key: str) -> None:
        found = self.requests[key]
        found.state, found.moved = "DONE", found.touch()


def page(asked: Asked, found: list[Any]) -> Told:
    """[V] start (from 0), limit (default 50), isLastPage."""
    start, limit = int(asked.query.get("start", "0")), int(asked.query.get("limit", "50"))
    assert start >= 0 and 1 <= limit <= 100
    part = found[start : start + limit]
    return Told(200, {"size": len(part), "start": start, "limit": limit, "values": part,
                      "isLastPage": start + limit >= len(found)})  # fmt: skip


def when(moment: datetime) -> dict[str, Any]:
    """[V] iso8601 "2015-10-08T14:42:00+0700": the offset has no colon."""
    return {"iso8601": f"{moment:%Y-%m-%dT%H:%M:%S}+0000", "epochMillis": int(moment.timestamp() * 1000)}


def person(account: str) -> dict[str, Any]:
    return {"accountId": account, "displayName": {ME: "Lucía", AGENT: "Ana"}[account], "active": True}


def shown(wiki: str) -> str:
    """What Jira makes of its markup, as far as we use it. [S] "Text formatting notation help": a backslash escapes a
    special character; ``[address]`` is a link, ``* `` a list, ``*word*`` strong."""
    html = escape(wiki)
    html = re.sub(r"(?<!\\)\[(https?://[^\]]+)\]", r'<a href="\1">\1</a>', html)
    html = re.sub(r"^\* ", "&bull; ", html, flags=re.MULTILINE)
    html = re.sub(r"(?<!\\)\*([^*\n]+)(?<!\\)\*", r"<b>\1</b>", html)
    assert not re.search(r"(?<![\\\w&])(?:\*|\{|\||!|\[)(?=\w)", re.sub("<[^>]*>", "", html)), "unescaped markup"
    return "<p>" + re.sub(r"\\([^\w\s])", r"\1", html).replace("\n", "<br>") + "</p>"


def _file(asked: Asked, found: Request, file: Stored) -> dict[str, Any]:
    address = f"{asked.base}/rest/servicedeskapi/request/{found.key}/attachment/{file.id}"
    return {"filename": file.name, "size": len(file.content), "mimeType": file.kind, "created": when(file.made),
            "_links": {"content": address}}  # fmt: skip


def _comment(asked: Asked, found: Request, entry: dict[str, Any], wanted: list[str]) -> dict[str, Any]:
    item: dict[str, Any] = {"id": entry["id"], "body": entry["body"], "public": True, "created": when(entry["made"]),
                            "author": person(entry["author"])}  # fmt: skip
    if "renderedBody" in wanted:
        item["renderedBody"] = {"html": entry["html"]}
    if "attachment" in wanted:
        own = [_file(asked, found, f) for f in found.files if f.id in entry["files"]]
        item["attachments"] = {"size": len(own), "start": 0, "limit": 50, "isLastPage": True, "values": own}
    return item
