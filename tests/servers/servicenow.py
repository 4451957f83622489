"""A strict ServiceNow instance on loopback, as a user without the role itil sees it.

Each rule with its sentence: [V] ServiceNow's documentation (2024 to 2026), [S] a second source, [K] known from
practice.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.servers.cloud import Asked, Told, of_file
from tests.servers.oauth import OAuthServer, Provider

ME = {"sys_id": "u1", "user_name": "lucia", "name": "Lucía"}
FIELDS = {"short_description", "description", "urgency", "correlation_id", "category", "contact_type", "caller_id",
          "u_centro"}  # fmt: skip
STATES = {"1": "Nuevo", "2": "En curso", "3": "En espera", "6": "Resuelto", "7": "Cerrado"}
NOT_IN = {"error": {"message": "User Not Authenticated", "detail": "Required to provide Auth information"},
          "status": "failure"}  # fmt: skip
NO_RIGHT = {"error": {"message": "Operación fallida", "detail": "Error de ACL"}, "status": "failure"}
NO_RECORD = {"error": {"message": "No Record found", "detail": "Record doesn't exist or ACL restricts the record "
                       "retrieval"}, "status": "failure"}  # fmt: skip


@dataclass
class Stored:
    id: str
    name: str
    kind: str
    content: bytes
    author: str
    made: datetime


@dataclass
class Record:
    id: str
    number: str
    values: dict[str, str]
    caller: str = "u1"
    state: str = "1"
    made: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    comments: list[dict[str, Any]] = field(default_factory=list)
    files: list[Stored] = field(default_factory=list)

    def touch(self) -> datetime:
        self.updated = max(datetime.now(UTC), self.updated + timedelta(seconds=1))
        return self.updated


class ServiceNowServer(OAuthServer):
    authorize_path, token_path = "/oauth_auth.do", "/oauth_token.do"

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.may_attach = True
        self.shows_journal = True
        self.creator = "lucia"
        self.table = "incident"
        """Where the record producer makes its records."""
        self.tells_table = True
        self.declared = ["short_description", "description"]
        """The record producer's variables that have a field's name."""
        self.mandatory: dict[str, str] = {}
        """Variables that the record producer wants, by their label."""
        # [V] "Authorization code grant workflow": public clients must use PKCE; [K] the scope is "useraccount".
        super().__init__(Provider("useraccount", offline=("response_type", "code")))

    def serve(self, asked: Asked) -> Told:
        if not self.provider.admits(asked):
            return Told(401, NOT_IN)  # [K]
        assert asked.path.startswith("/api/"), asked.path
        match asked.method, asked.path.removeprefix("/api/").split("/"):
            case "GET", ["now", "table", "sys_user"]:
                # [K] queries may hold javascript: with the functions for the user's own id
                assert asked.query["sysparm_query"] == "sys_id=javascript:gs.getUserID()"
                return Told(200, {"result": [ME]})
            case "GET", ["now", "table", "sys_journal_field"]:
                return self._journal(asked)
            case "GET", ["now", "table", "sc_cat_item_producer", "p1"]:
                # [K] a record like others, with an ACL of its own
                return Told(200, {"result": {"table_name": self.table}}) if self.tells_table else Told(403, NO_RIGHT)
            case _, ["now", "table", "incident" | "sn_hr_core_case" as name, *rest]:
                return self._table(asked, name, rest)
            case "GET", ["now", "table", name]:
                # [K] 400 for a table that is not there
                return Told(400, {"error": {"message": f"Invalid table {name}", "detail": None}, "status": "failure"})
            case "POST", ["now", "attachment", "file"]:
                return self._attach(asked)
            case "GET", ["now", "attachment"]:
                return self._attached(asked)
            case "GET", ["now", "attachment", number, "file"]:
                return of_file(asked, next(f.content for r in self.records.values() for f in r.files if f.id == number))
            case _, ["sn_sc", "servicecatalog", "items", *rest]:
                return self._catalog(asked, rest)
            case "GET", ["sn_km_api", "knowledge", "articles"]:
                return self._articles(asked)
        raise AssertionError(f"there is no {asked.method} {asked.path}")

    def _table(self, asked: Asked, name: str, rest: list[str]) -> Told:
        if not rest and asked.method == "POST":
            given = asked.json()
            # [V] field values are text; [K] priority is computed
            assert set(given) <= FIELDS, set(given) - FIELDS
            assert all(isinstance(value, str) for value in given.values())
            return Told(201, {"result": self._only(asked, self._raw(self._make(given)))})
        if not rest:
            return self._list(asked, name)
        found = self.records.get(rest[0])
        if found is None or found.caller != "u1":
            return Told(404, NO_RECORD)
        if asked.method == "PATCH":
            given = asked.json()
            assert set(given) == {"comments"} and given["comments"]
            self.add(found, "lucia", given["comments"])
            return Told(200, {"result": self._only(asked, self._raw(found))})
        if asked.query.get("sysparm_fields") == "comments":
            assert asked.query["sysparm_display_value"] == "true"
            shown = [f"{c['made']:%Y-%m-%d %H:%M:%S} - {'Lucía' if c['author'] == 'lucia' else 'Ana'} "
                     f"(Comentarios adicionales)\n{c['text']}\n\n" for c in reversed(found.comments)]  # fmt: skip
            return Told(200, {"result": {"comments": "".join(shown)}})
        return Told(200, {"result": self._shown(asked, found)})

    def _make(self, given: dict[str, str], table: str = "incident") -> Record:
        assert given["short_description"] and len(given["short_description"]) <= 160
        assert given["urgency"] in ("1", "2", "3")
        given = {**given, "sys_created_by": self.creator, "table": table}
        made = Record(secrets.token_hex(16), f"INC{10001 + len(self.records):07}", given)
        self.records[made.id] = made
        return made

    def _list(self, asked: Asked, table: str) -> Told:
        # [V] sysparm_limit, sysparm_offset, encoded query with ORDERBYDESC
        limit, offset = int(asked.query["sysparm_limit"]), int(asked.query.get("sysparm_offset", "0"))
        query = asked.query.get("sysparm_query", "")
        mine = [r for r in self.records.values() if r.caller == "u1" and r.values["table"] == table]
        if query:
            # [K] javascript: knows the functions for the user's own id and name; every table has sys_created_by
            own = "caller_id=javascript:gs.getUserID()^ORopened_by=javascript:gs.getUserID()^ORDERBYDESCsys_"
            made = "sys_created_by=javascript:gs.getUserName()^ORDERBYDESCsys_"
            assert query.startswith((own, made))
            if query.startswith(made):
                mine = [r for r in mine if r.values["sys_created_by"] == "lucia"]
            order = query.removeprefix(own).removeprefix(made)
            assert order in ("created_on", "updated_on")
            mine.sort(key=lambda r: (r.made if order == "created_on" else r.updated, r.number), reverse=True)
        return Told(200, {"result": [self._shown(asked, r) for r in mine[offset : offset + limit]]})

    def _raw(self, found: Record) -> dict[str, str]:
        active = "false" if found.state == "7" else "true"
        return {"sys_id": found.id, "number": found.number, "state": found.state, "active": active,
                "short_description": "", "description": "", "urgency": "", "due_date": "", "correlation_id": "",
                **found.values, "sys_created_on": stamp(found.made), "sys_updated_on": stamp(found.updated),
                }  # fmt: skip

    def _only(self, asked: Asked, row: dict[str, Any]) -> dict[str, Any]:
        wanted = asked.query.get("sysparm_fields", "").split(",")
        return {name: value for name, value in row.items() if name in wanted or wanted == [""]}

    def _shown(self, asked: Asked, found: Record) -> dict[str, Any]:
        row = self._only(asked, self._raw(found))
        if asked.query.get("sysparm_display_value") != "all":
            return row
        titles = {"state": STATES[found.state]}
        return {name: {"value": value, "display_value": titles.get(name, value)} for name, value in row.items()}

    def _journal(self, asked: Asked) -> Told:
        (key,) = re.findall(
            r"^element_id=(\w+)\^element=comments\^ORDERBYsys_created_on$", asked.query["sysparm_query"]
        )
        # [S] often not shown to end users: an empty list, not a refusal
        begin, most = int(asked.query.get("sysparm_offset", "0")), int(asked.query["sysparm_limit"])
        found = self.records[key].comments[begin : begin + most] if self.shows_journal else []
        return Told(200, {"result": [{"sys_id": c["id"], "value": c["text"], "sys_created_by": c["author"],
                                      "sys_created_on": stamp(c["made"])} for c in found]})  # fmt: skip

    def _attach(self, asked: Asked) -> Told:
        # [V] "You can upload or retrieve a single file with each request."; table_name, table_sys_id, file_name
        assert asked.query["table_name"] == self.records[asked.query["table_sys_id"]].values["table"]
        assert asked.query["file_name"]
        assert "/" in asked.headers["content-type"] and "multipart" not in asked.headers["content-type"]
        if not self.may_attach:
            # [V] "It must also have any roles required to read and write records on the target table, such as the
            # itil role to add attachments to incident records."
            return Told(403, NO_RIGHT)
        found = self.records[asked.query["table_sys_id"]]
        made = Stored(secrets.token_hex(16), asked.query["file_name"], asked.headers["content-type"], asked.body,
                      "lucia", found.touch())  # fmt: skip
        found.files.append(made)
        return Told(201, {"result": {"sys_id": made.id, "file_name": made.name, "size_bytes": str(len(made.content))}})

    def _attached(self, asked: Asked) -> Told:
        (key,) = re.findall(r"^table_sys_id=(\w+)\^ORDERBYsys_created_on$", asked.query["sysparm_query"])
        return Told(200, {"result": [
            {"sys_id": f.id, "file_name": f.name, "size_bytes": str(len(f.content)), "content_type": f.kind,
             "sys_created_by": f.author, "sys_created_on": stamp(f.made)} for f in self.records[key].files
        ]})  # fmt: skip

    def _catalog(self, asked: Asked, rest: list[str]) -> Told:
        if not rest:
            return Told(200, {"result": [{"sys_id": "p1", "name": "Informar de un fallo", "type": "record_producer"},
                                         {"sys_id": "c1", "name": "Portátil", "type": "catalog_item"}]})  # fmt: skip
        if rest[0] != "p1":
            return Told(404, NO_RECORD)
        if rest[1:] == ["submit_producer"]:
            # [V] body: variables; answer: sys_id, number, record, table
            given = asked.json()
            assert set(given) == {"variables"}
            # [V] "Populate record producer data": "the variable name matches a field name on the target table"; what is
            # no variable of this producer is dropped [K], and the table's own default stands
            values = {name: value for name, value in given["variables"].items() if name in self.variables}
            assert set(self.mandatory) <= set(given["variables"])
            made = self._make({"urgency": "3", **values}, self.table)
            told = {"sys_id": made.id, "number": made.number, "table": self.table, "redirect_to": ""}
            return Told(200, {"result": {**told, "record": f"api/now/table/{self.table}/{made.id}"}})
        labels = {"short_description": "Resumen", "description": "Qué pasa", "urgency": "Urgencia"}
        listed = [{"name": name, "label": labels[name], "mandatory": name != "urgency"} for name in self.declared]
        listed += [{"name": name, "label": label, "mandatory": True} for name, label in self.mandatory.items()]
        return Told(200, {"result": {"sys_id": "p1", "variables": listed}})

    @property
    def variables(self) -> set[str]:
        return {*self.declared, *self.mandatory}

    def _articles(self, asked: Asked) -> Told:
        # [V] query, language (two letters), limit; link begins with "?"
        assert re.fullmatch("[a-z]{2}", asked.query["language"])
        found = [{"link": "?sys_kb_id=99&id=kb_article_view", "title": "La impresora no imprime", "number": "KB01",
                  "snippet": "Reinicia la <B>cola</B>"}]  # fmt: skip
        return Told(200, {"result": {"meta": {}, "articles": found if "impresora" in asked.query["query"] else []}})

    def add(self, found: Record, author: str, text: str) -> None:
        made = {"id": secrets.token_hex(16), "author": author, "text": text, "made": found.touch()}
        found.comments.append(made)

    def agent_replies(self, key: str, html: str, files: list[tuple[str, bytes]]) -> None:
        found = self.records[key]
        self.add(found, "ana", f"[code]{html}[/code]")
        for name, content in files:
            kind = "application/octet-stream"
            found.files.append(Stored(secrets.token_hex(16), name, kind, content, "ana", found.touch()))

    def agent_solves(self, key: str) -> None:
        self.records[key].state = "6"
        self.records[key].touch()


def stamp(when: datetime) -> str:
    """[V] "2009-05-21 04:12:21", in UTC."""
    return f"{when:%Y-%m-%d %H:%M:%S}"
