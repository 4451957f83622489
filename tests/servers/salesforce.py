"""A strict Salesforce on loopback: cases, their comments and files by REST, and the public form.

Each rule with its sentence: [V] Salesforce's documentation (2026), [S] a second source, [K] known from practice.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.servers.cloud import Asked, Told, of_file
from tests.servers.forms import parts_of
from tests.servers.oauth import OAuthServer, Provider

API = "/services/data/v60.0"
ME, AGENT, ORG = "005000000000001AAA", "005000000000002AAA", "00D000000000001"
KEY_FIELD = "Testigo_Id__c"
FIELDS = {"Subject", "Description", "Priority", "SuppliedName", "SuppliedEmail", "Type", "Centro__c"}
PAGE = 50
NAMES = {ME: "Lucía", AGENT: "Ana"}


@dataclass
class Stored:
    id: str
    name: str
    content: bytes
    author: str
    made: datetime


@dataclass
class Case:
    id: str
    number: str
    external: str
    values: dict[str, Any]
    owner: str = ME
    closed: bool = False
    made: datetime = field(default_factory=lambda: datetime.now(UTC))
    changed: datetime = field(default_factory=lambda: datetime.now(UTC))
    active: datetime = field(default_factory=lambda: datetime.now(UTC))
    comments: list[dict[str, Any]] = field(default_factory=list)
    files: list[Stored] = field(default_factory=list)

    def touch(self) -> datetime:
        self.active = max(datetime.now(UTC), self.active + timedelta(seconds=1))
        return self.active


class SalesforceServer(OAuthServer):
    authorize_path, token_path = "/services/oauth2/authorize", "/services/oauth2/token"

    def __init__(self) -> None:
        self.cases: dict[str, Case] = {}
        self.handed_in: list[dict[str, str]] = []
        self.required: dict[str, str] = {}
        self.rests: dict[str, list[Any]] = {}
        self.has_key = True
        self.may_attach = True
        self.spent = False
        """The calls of 24 hours are used up."""
        # [S] PKCE and the rotation of refresh tokens are enforced for new apps; http is for localhost alone [K]
        super().__init__(Provider("api refresh_token", hosts=("localhost",), offline=("response_type", "code")))

    def serve(self, asked: Asked) -> Told:
        if asked.path == "/servlet/servlet.WebToCase":
            return self._hand_in(asked)
        if asked.path == "/services/data":
            # [V] "Versions" needs no login
            return Told(200, [{"label": "Winter '24", "url": API, "version": "60.0"}])
        if not self.provider.admits(asked):
            return wrong(401, "INVALID_SESSION_ID", "La sesión no es válida")
        if self.spent:
            # [K] 403 with this code
            return wrong(403, "REQUEST_LIMIT_EXCEEDED", "Se superó el límite de solicitudes")
        assert asked.path.startswith(API), asked.path
        match asked.method, asked.path.removeprefix(API).strip("/").split("/"):
            case "GET", [""]:
                return Told(
                    200, {"identity": f"https://login.salesforce.com/id/{ORG}AAA/{ME}", "query": f"{API}/query"}
                )
            case "GET", ["sobjects", "Case", "describe"]:
                return self._describe()
            case _, ["sobjects", "Case", name, external] if name == KEY_FIELD:
                return self._by_key(asked, external)
            case "GET", ["sobjects", "Case", number]:
                found = self.cases[number]
                return Told(200, {"Id": found.id, "CaseNumber": found.number})
            case "POST", ["sobjects", "ContentVersion"]:
                return self._attach(asked)
            case "GET", ["sobjects", "ContentVersion", number, "VersionData"]:
                return of_file(asked, next(f.content for c in self.cases.values() for f in c.files if f.id == number))
            case "POST", ["sobjects", "CaseComment"]:
                return self._comment(asked)
            case "GET", ["query", *rest]:
                return self._paged(self.rests[rest[0]]) if rest else self._query(asked)
        raise AssertionError(f"there is no {asked.method} {asked.path}")

    def _describe(self) -> Told:
        listed = [{"name": "Subject", "label": "Asunto"}, {"name": "Centro__c", "label": "Centro"}]
        listed += [{"name": name, "label": label} for name, label in self.required.items()]
        key = [{"name": KEY_FIELD, "label": "Testigo", "externalId": True}] if self.has_key else []
        return Told(200, {"name": "Case", "fields": [*listed, *key]})

    def _by_key(self, asked: Asked, external: str) -> Told:
        if not self.has_key:
            return wrong(404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible")
        found = next((case for case in self.cases.values() if case.external == external), None)
        if asked.method == "GET":
            return Told(200, {"Id": found.id}) if found else wrong(404, "NOT_FOUND", "The requested resource …")
        assert asked.method == "PATCH"
        given = asked.json()
        # [V] "Do not specify Id or an external ID field in the request body or an error is generated."
        assert set(given) <= FIELDS | set(self.required), set(given)
        assert given["Subject"] and len(given["Subject"]) <= 255 and given["Priority"] in ("High", "Medium", "Low")
        missing = [name for name in self.required if not given.get(name)]
        if missing:
            told = {"message": "Faltan campos", "errorCode": "REQUIRED_FIELD_MISSING", "fields": missing}
            return Told(400, [told])
        if found:
            # [V] "If the external ID is matched one time, then the record is updated"
            found.values |= given
            return Told(200, {"id": found.id, "success": True, "errors": [], "created": False})
        made = Case(f"500{secrets.token_hex(6)}AAA", f"{len(self.cases) + 1001:08}", external, given)
        self.cases[made.id] = made
        return Told(201, {"id": made.id, "success": True, "errors": [], "created": True})

    def _attach(self, asked: Asked) -> Told:
        # [V] "The first part of the request message body contains the non-binary field data […]. The second part
        # contains the binary data of the file"; its name is VersionData, the first's entity_content.
        about, data = parts_of(asked)
        assert about.name == "entity_content" and about.kind == "application/json" and not about.filename
        assert data.name == "VersionData" and data.filename
        given = json.loads(about.content)
        assert set(given) == {"Title", "PathOnClient", "FirstPublishLocationId"}
        if not self.may_attach:
            return wrong(403, "INSUFFICIENT_ACCESS_OR_READONLY", "Sin permiso")
        found = self.cases[given["FirstPublishLocationId"]]
        made = Stored(f"068{secrets.token_hex(6)}AAA", given["Title"], data.content, ME, found.touch())
        found.files.append(made)
        return Told(201, {"id": made.id, "success": True, "errors": []})

    def _comment(self, asked: Asked) -> Told:
        given = asked.json()
        assert set(given) == {"ParentId", "CommentBody", "IsPublished"} and given["IsPublished"] is True
        # [V] "The maximum size of the comment body is 4,000 bytes."
        assert 0 < len(given["CommentBody"].encode()) <= 4000
        made = self.add(self.cases[given["ParentId"]], ME, given["CommentBody"])
        return Told(201, {"id": made["Id"], "success": True, "errors": []})

    def add(self, found: Case, author: str, text: str) -> dict[str, Any]:
        made = {"Id": f"00a{secrets.token_hex(6)}AAA", "CommentBody": text, "CreatedDate": stamp(found.touch()),
                "CreatedById": author, "CreatedBy": {"Name": NAMES[author]}}  # fmt: skip
        found.comments.append(made)
        return made

    def _query(self, asked: Asked) -> Told:
        """The questions that we ask, and no other; in pages of 50 [V: nextRecordsUrl]."""
        words = asked.query["q"]
        if match := re.fullmatch(r"SELECT .+ FROM CaseComment WHERE ParentId = '(\w+)' AND IsPublished = true "
                                 r"ORDER BY CreatedDate, Id", words):  # fmt: skip
            return self._paged(self.cases[match[1]].comments)
        if match := re.fullmatch(r"SELECT .+ FROM ContentDocumentLink WHERE LinkedEntityId = '(\w+)'", words):
            return self._paged([{"ContentDocument": _document(file)} for file in self.cases[match[1]].files])
        if one := re.fullmatch(r"SELECT .+ FROM Case WHERE Id = '(\w+)'", words):
            return self._paged([self._shown(c) for c in self.cases.values() if c.id == one[1] and c.owner == ME])
        # [V] "Semi-Joins with IN": a subquery on another object; a moment stands without quotes
        own = re.fullmatch(
            r"SELECT .+ FROM Case WHERE CreatedById = '(\w+)'(?: AND LastModifiedDate >= (\S+Z)| AND Id IN \(SELECT "
            r"ParentId FROM CaseComment WHERE IsPublished = true AND CreatedDate >= (\S+Z)\))? "
            r"ORDER BY LastModifiedDate DESC LIMIT (\d+)", words)  # fmt: skip
        assert own, words
        found = [c for c in self.cases.values() if c.owner == own[1]]
        if own[2]:
            found = [c for c in found if stamp(c.changed) >= own[2].replace("Z", ".000+0000")]
        if own[3]:
            since = own[3].replace("Z", ".000+0000")
            found = [c for c in found if any(said["CreatedDate"] >= since for said in c.comments)]
        found.sort(key=lambda c: c.changed, reverse=True)
        return self._paged([self._shown(c) for c in found[: int(own[4])]])

    def _paged(self, found: list[Any]) -> Told:
        """[V] "Query": the first part, and where the next one is."""
        rest, told = found[PAGE:], {"totalSize": len(found), "done": len(found) <= PAGE, "records": found[:PAGE]}
        if rest:
            self.rests[key := f"01g{secrets.token_hex(6)}"] = rest
            told["nextRecordsUrl"] = f"{API}/query/{key}"
        return Told(200, told)

    def _shown(self, found: Case) -> dict[str, Any]:
        newest = {"records": [{"CreatedDate": found.comments[-1]["CreatedDate"]}]} if found.comments else None
        return {"Id": found.id, "CaseNumber": found.number, "Subject": found.values["Subject"],
                "Description": found.values["Description"], "Priority": found.values["Priority"],
                "Status": "Cerrado" if found.closed else "Nuevo", "IsClosed": found.closed,
                "CreatedDate": stamp(found.made), "LastModifiedDate": stamp(found.changed), "CreatedById": ME,
                "CreatedBy": {"Name": "Lucía"}, "CaseComments": newest}  # fmt: skip

    def _hand_in(self, asked: Asked) -> Told:
        """[S] 200 whatever becomes of it; validation rules decide later [V]."""
        page = Told(200, b"<html><head></head></html>", {"Content-Type": "text/html"})
        if asked.method == "GET":
            return page
        given = asked.form
        assert asked.query["encoding"] == "UTF-8" and asked.query["orgId"] == given["orgid"]
        assert {"orgid", "retURL", "name", "email", "subject", "description", "priority", "external"} <= set(given)
        if given["orgid"] == ORG:
            self.handed_in.append(given)
        return page

    def agent_replies(self, key: str, html: str, files: list[tuple[str, bytes]]) -> None:
        found = self.cases[key]
        self.add(found, AGENT, html)
        for name, content in files:
            found.files.append(Stored(f"068{secrets.token_hex(6)}AAA", name, content, AGENT, found.touch()))

    def agent_solves(self, key: str) -> None:
        found = self.cases[key]
        found.closed, found.changed = True, found.touch()


def stamp(when: datetime) -> str:
    """[V] "2026-11-21T10:15:00.000+0000"."""
    return f"{when:%Y-%m-%dT%H:%M:%S}.000+0000"


def _document(file: Stored) -> dict[str, Any]:
    return {"LatestPublishedVersionId": file.id, "Title": file.name, "ContentSize": len(file.content),
            "CreatedById": file.author, "CreatedDate": stamp(file.made)}  # fmt: skip


def wrong(status: int, code: str, words: str) -> Told:
    """[K] errors are a list."""
    return Told(status, [{"message": words, "errorCode": code}])
