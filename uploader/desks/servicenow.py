"""ServiceNow: records of a table, or of a record producer, in the name of whoever signed in; their roles decide.

The record is made first and its files follow, one a request. Many users may create an incident and not attach to it:
such a file goes as a link in a comment. Source: ServiceNow's documentation, "Table API", "Attachment API", "Service
Catalog API", "Knowledge Management REST API", "Authorization code grant workflow" (Xanadu to Australia, 2024 to 2026).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from uploader.body import mark, render
from uploader.cargo import Cargo
from uploader.errors import FieldWanted, FileRefused, InvalidField, OutcomeUnknown, Refused, UploaderError
from uploader.inbox import (
    Article,
    Conversation,
    Inbox,
    InboxAbilities,
    Library,
    News,
    OwnTicket,
    RemoteFile,
    Reply,
    State,
    most_of,
    with_files,
)
from uploader.journal import Journal
from uploader.oauth import Client, error_in
from uploader.plain_text import plain_text, tidy
from uploader.remote import MOST_OWN, PRIORITIES, ask_the_person, http_address, subject_of
from uploader.rest import MOST_TALK, Rest, moment, objects_in, paged, size_in, text_in, time_in
from uploader.seen import Seen
from uploader.setting import setting
from uploader.signed_in_desk import SignedInDesk, SignedInRest
from uploader.ticket import Attachment, Choice, DeskAbilities, Progress, Ticket, TicketRef
from uploader.wire import Reply as Answer
from uploader.wire import Wire, sort_out

URGENCIES = {"high": "1", "medium": "2", "low": "3"}
"""The priority is computed from urgency and impact, and never sent."""
STATES: dict[str, State] = {"3": "waiting", "6": "solved", "7": "closed", "8": "closed"}
"""Of incidents: 1 new, 2 in progress, 3 on hold, 6 resolved, 7 closed, 8 cancelled."""
SUBJECT_CHARACTERS = 160
MINE = "caller_id=javascript:gs.getUserID()^ORopened_by=javascript:gs.getUserID()"
BY_ME = "sys_created_by=javascript:gs.getUserName()"
"""In any table; ``caller_id`` is one of incidents."""
SHOWN = "sys_id,number,short_description,description,state,active,urgency,due_date,sys_created_on,sys_updated_on," \
        "correlation_id,sys_created_by"  # fmt: skip
_HEAD = re.compile(r"^(\d\S+ \S+(?: [AP]M)?) - (.*) \([^()\n]*\)$", re.MULTILINE)
"""Before each entry of a journal as a user sees it: when, who, and which journal."""


@dataclass(frozen=True, kw_only=True)
class ServiceNow(SignedInDesk, Inbox, Library):
    title: ClassVar[str] = "ServiceNow"
    abilities: ClassVar[DeskAbilities] = DeskAbilities(order="after", markup="plain", entry=("oauth",), signs_in=True)
    inbox: ClassVar[InboxAbilities] = InboxAbilities()

    url: str = setting("Address of ServiceNow", help="https://company.service-now.com", kind="url")
    table: str = setting("Table", help="Where reports become records.", default="incident")
    producer: str = setting(
        "Record producer", help="Its sys_id. Empty: records are made in the table itself.", default="", rare=True
    )

    @classmethod
    def recognise(cls, seen: Seen) -> Mapping[str, str] | None:
        found = seen.json("/api/now/table/incident")
        known = isinstance(found, dict) and found.get("status") == "failure" and "detail" in (found.get("error") or {})
        return {"url": seen.root} if known else None

    def client(self) -> Client:
        base = http_address(self.url)
        return Client(self.title, f"{base}/oauth_auth.do", f"{base}/oauth_token.do", self.client_id, "useraccount",
                      port=self.port)  # fmt: skip

    def choices(self, field: str) -> tuple[Choice, ...]:
        if field != "producer":
            return ()
        with self.open_wire() as wire:
            found = self._rest(wire).read("GET", "sn_sc/servicecatalog/items", query={"sysparm_limit": "200"})
        return tuple(Choice(text_in(item, "sys_id"), text_in(item, "name")) for item in _rows(found)
                     if "producer" in text_in(item, "type"))  # fmt: skip

    def check(self) -> None:
        with self.open_wire() as wire:
            rest = self._rest(wire)
            if not self._me(rest):
                raise Refused("{service} does not show you who you are; the account may lack a right",
                              service=self.title)  # fmt: skip
            try:
                rest.read("GET", f"now/table/{self.table}", query={"sysparm_limit": "1"})
            except Refused as error:
                if error.code == "auth_failed":
                    raise
                raise InvalidField("table", "there is no table “{value}”, or you may not see it",
                                   value=self.table) from error  # fmt: skip
            if self.producer:
                self._variables(rest)
                if (told := self._producers_table(rest)) not in ("", self.table):
                    raise InvalidField("table", "the record producer makes its records in “{value}”: set that as the "
                                       "table", value=told)  # fmt: skip

    def submit(self, ticket: Ticket, journal: Journal, progress: Progress) -> TicketRef:
        tell = self.teller(ticket, journal)
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)
            made = journal.once(
                "create", partial(self._create, rest, ticket), partial(self._find, rest, ticket.report_id, journal)
            )
            table, key, number = made.split(" ", 2)
            if key == "-":  # it arrived, says the person, and nobody else
                return TicketRef(number, "", unconfirmed=True)
            self._attach(rest, table, key, cargo, journal, "")
            tell(key, partial(self._comment, rest, table, key), partial(self._find_comment, rest, table, key))
            cargo.arrived()
        return TicketRef(number, self._page(table, key), key)

    def _create(self, rest: Rest, ticket: Ticket) -> str:
        values = {
            "short_description": subject_of(ticket, SUBJECT_CHARACTERS),
            "description": render(ticket, "plain"),
            "urgency": self.priority_of(ticket, URGENCIES),
            "correlation_id": ticket.report_id,
        }
        if kind := self.kind_of(ticket, {}):
            values["category"] = kind
        given = self.field_values(ticket)
        if self.producer:
            found = self._produce(rest, values, given)
        else:
            own = {name: value for name, value in given.items() if re.fullmatch(r"[a-z][a-z0-9_]*", name)}
            if me := self._me(rest):
                own["caller_id"] = text_in(me, "sys_id")
            found = rest.create(
                f"now/table/{self.table}", query={"sysparm_fields": "sys_id,number"},
                content={**values, "contact_type": "self-service", **own},
            )  # fmt: skip
        made = found.get("result") or {}
        key, number = text_in(made, "sys_id"), text_in(made, "number")
        if not key:
            raise OutcomeUnknown("{host} did not say which ticket it made", host=self.url)
        return f"{text_in(made, 'table') or self.table} {key} {number or key}"

    def _produce(self, rest: Rest, values: Mapping[str, str], given: Mapping[str, str]) -> dict[str, Any]:
        """A variable that has a field's name fills that field; what the producer does not ask for is no variable of it.

        Source: "Populate record producer data". Raises: FieldWanted; InvalidField when it takes no text.
        """
        sent = dict[str, str]()
        for item in self._variables(rest):
            name, label = text_in(item, "name"), text_in(item, "label")
            if value := given.get(name) or given.get(label) or values.get(name):
                sent[name] = value
            elif item.get("mandatory") is True:
                raise FieldWanted(label or name, "the help desk wants “{field}” to be filled in", field=label or name)
        path = f"sn_sc/servicecatalog/items/{self.producer}/submit_producer"
        return rest.create(path, content={"variables": sent})

    def _variables(self, rest: Rest) -> list[dict[str, Any]]:
        """Raises: InvalidField when the record producer is not there."""
        try:
            found = rest.read("GET", f"sn_sc/servicecatalog/items/{self.producer}").get("result") or {}
        except Refused as error:
            if error.code == "auth_failed":
                raise
            raise InvalidField("producer", "there is no record producer “{value}”, or you may not see it",
                               value=self.producer) from error  # fmt: skip
        variables = objects_in(found, "variables")
        if "description" not in [text_in(item, "name") for item in variables]:
            raise InvalidField("producer", "the record producer “{value}” has no variable “description”, which takes "
                               "the report", value=self.producer)  # fmt: skip
        return variables

    def _me(self, rest: Rest) -> dict[str, Any]:
        query = {"sysparm_query": "sys_id=javascript:gs.getUserID()", "sysparm_fields": "sys_id,user_name,name",
                 "sysparm_limit": "1"}  # fmt: skip
        return next(iter(_rows(rest.read("GET", "now/table/sys_user", query=query))), {})

    def _find(self, rest: Rest, report_id: str, journal: Journal) -> str | None:
        """Where the producer makes its records; if nobody tells that and ``table`` has none, the person is asked."""
        told = self._producers_table(rest) if self.producer else self.table
        table, whose = told or self.table, BY_ME if self.producer else MINE
        query = {"sysparm_query": f"{whose}^ORDERBYDESCsys_created_on", "sysparm_limit": "100",
                 "sysparm_fields": "sys_id,number,correlation_id,description"}  # fmt: skip

        def read(page: int) -> list[dict[str, Any]]:
            asked = {**query, "sysparm_offset": str(100 * page - 100)}
            return _rows(rest.read("GET", f"now/table/{table}", query=asked))

        for item in paged(read, 100, MOST_OWN):
            if text_in(item, "correlation_id") == report_id or mark(report_id) in text_in(item, "description"):
                return f"{table} {text_in(item, 'sys_id')} {text_in(item, 'number')}"
        if not told and ask_the_person(journal, "create", self.title) is not None:
            return f"{table} - {report_id}"
        return None

    def _producers_table(self, rest: Rest) -> str:
        """Empty where users are not shown it, which an instance may decide."""
        query = {"sysparm_fields": "table_name"}
        try:
            found = rest.read("GET", f"now/table/sc_cat_item_producer/{self.producer}", query=query)
        except Refused as error:
            if error.code == "auth_failed":
                raise
            return ""
        return text_in(found, "result", "table_name")

    def _attach(self, rest: Rest, table: str, key: str, cargo: Cargo, journal: Journal, step: str) -> None:
        def attach(file: Attachment) -> str:
            query = {"table_name": table, "table_sys_id": key, "file_name": cargo.name(file)}
            head = {"Content-Type": file.media_type or "application/octet-stream"}
            try:
                told = rest.create("now/attachment/file", query=query, body=cargo.body(file), headers=head)
            except Refused as error:
                if error.code == "auth_failed":
                    raise
                raise FileRefused(file.name, "{service} does not take “{name}”; it goes as a link",
                                  service=self.title, name=file.name) from error  # fmt: skip
            return text_in(told, "result", "sys_id") or "sent"

        def find(file: Attachment) -> str | None:
            new = [f for f, _, _ in self._attached(rest, key) if f.key not in old]
            return next((f.key for f in new if (f.name, f.size_bytes) == (cargo.name(file), file.size_bytes)), None)

        old: list[str] = []
        if step and cargo.files:  # a reply: files of the same name may be there already
            told = journal.once(f"{step}there", lambda: " ".join(f.key for f, _, _ in self._attached(rest, key)))
            old = told.split()
        for file in cargo.files:
            journal.once(step + cargo.step(file), partial(attach, file), partial(find, file))

    def _attached(self, rest: Rest, key: str) -> list[tuple[RemoteFile, str, str]]:
        """The files of a record, each with who attached it and when."""
        rows = self._listed(rest, "now/attachment", {"sysparm_query": f"table_sys_id={key}^ORDERBYsys_created_on"})
        return [
            (RemoteFile(text_in(row, "sys_id"), text_in(row, "file_name"), size_in(row, "size_bytes"),
                        text_in(row, "content_type")), text_in(row, "sys_created_by"), text_in(row, "sys_created_on"))
            for row in rows
        ]  # fmt: skip

    @staticmethod
    def _listed(rest: Rest, path: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """All rows of a long list."""

        def read(page: int) -> list[dict[str, Any]]:
            more = {"sysparm_limit": "500", "sysparm_offset": str(500 * (page - 1))}
            return _rows(rest.read("GET", path, query={**query, **more}))

        return list(paged(read, 500, MOST_TALK))

    def _comment(self, rest: Rest, table: str, key: str, ticket: Ticket) -> str:
        text = render(ticket, "plain")
        rest.change("PATCH", f"now/table/{table}/{key}", query={"sysparm_fields": "sys_id"}, content={"comments": text})
        return "sent"

    def _find_comment(self, rest: Rest, table: str, key: str, words: str) -> str | None:
        return next((entry.key for entry in self._comments(rest, table, key, "") if words in entry.text), None)

    def _comments(self, rest: Rest, table: str, key: str, me: str) -> list[Reply]:
        """The journal's entries; where they are not shown, as they stand in the record for its reader."""
        query = {"sysparm_query": f"element_id={key}^element=comments^ORDERBYsys_created_on",
                 "sysparm_fields": "sys_id,value,sys_created_by,sys_created_on"}  # fmt: skip
        try:
            rows = self._listed(rest, "now/table/sys_journal_field", query)
        except Refused as error:
            if error.code == "auth_failed":
                raise
            rows = []
        if rows:
            return [Reply(text_in(row, "sys_id"), by := text_in(row, "sys_created_by"), by == me,
                          moment(text_in(row, "sys_created_on")), _plain(text_in(row, "value")))
                    for row in rows]  # fmt: skip
        query = {"sysparm_fields": "comments", "sysparm_display_value": "true"}
        told = text_in(rest.read("GET", f"now/table/{table}/{key}", query=query), "result", "comments")
        return _entries(told, text_in(self._me(rest), "name"))

    # -- the way back -------------------------------------------------------------------------------------------

    def news(self, mark: str) -> News:
        """Not filtered by the mark at the service: times in its queries are those of the user's time zone."""
        query = {"sysparm_query": f"{MINE}^ORDERBYDESCsys_updated_on", "sysparm_limit": "100",
                 "sysparm_fields": SHOWN, "sysparm_display_value": "all"}  # fmt: skip
        with self.open_wire() as wire:
            rest, tickets = self._rest(wire), list[OwnTicket]()
            for begin in range(0, most_of(mark), 100):
                asked = {**query, "sysparm_offset": str(begin)}
                rows = _rows(rest.read("GET", f"now/table/{self.table}", query=asked))
                found = [self._own(row) for row in rows]
                tickets += [ticket for ticket in found if not mark or ticket.updated_at >= moment(mark)]
                if len(rows) < 100 or len(tickets) < begin + 100:
                    break
        newest = max((ticket.updated_at for ticket in tickets), default=None)
        return News(newest.isoformat() if newest else mark, tuple(tickets), len(tickets) >= most_of(mark))

    def conversation(self, key: str) -> Conversation:
        with self.open_wire() as wire:
            rest = self._rest(wire)
            query = {"sysparm_fields": SHOWN, "sysparm_display_value": "all"}
            found = rest.read("GET", f"now/table/{self.table}/{key}", query=query).get("result") or {}
            author = text_in(found, "sys_created_by", "value")
            me = text_in(self._me(rest), "user_name") or author
            comments = self._comments(rest, self.table, key, me)
            attached = self._attached(rest, key)
        own, text = self._own(found), tidy(text_in(found, "description", "value"))
        talk = [Reply(f"record-{key}", author, author == me, own.created_at, text), *comments]
        files = ((file, by == me, moment(when)) for file, by, when in attached)
        return Conversation(own, with_files(talk, files))

    def _own(self, row: Mapping[str, Any]) -> OwnTicket:
        key, state = text_in(row, "sys_id", "value"), STATES.get(text_in(row, "state", "value"), "open")
        if text_in(row, "active", "value") == "false" and state != "solved":
            state = "closed"
        rank = self.our_priority(text_in(row, "urgency", "value"), URGENCIES)
        return OwnTicket(
            text_in(row, "number", "value"), key, self._page(self.table, key),
            text_in(row, "short_description", "value"), state, text_in(row, "state", "display_value"),
            rank if rank in PRIORITIES else text_in(row, "urgency", "display_value"), moment(text_in(row,
            "sys_created_on", "value")),
            moment(text_in(row, "sys_updated_on", "value")), due_at=time_in(text_in(row, "due_date", "value")),
            may=() if state == "closed" else ("reply",),
        )  # fmt: skip

    def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        with self.open_wire() as wire:
            login = {"Authorization": f"Bearer {self.login.token(wire)}"}
            address = f"{self._base}/api/now/attachment/{file.key}/file"
            self._save(wire, file, address, target, progress, login)

    def reply(self, ticket: Ticket, journal: Journal, progress: Progress) -> str:
        key, tell = ticket.reply_to, self.teller(ticket, journal)
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)
            say = partial(self._comment, rest, self.table, key)
            find = partial(self._find_comment, rest, self.table, key)
            done = journal.once("reply", partial(say, ticket), partial(find, mark(ticket.report_id)))
            self._attach(rest, self.table, key, cargo, journal, "reply/")
            tell(key, say, find)
            cargo.arrived()
        return done

    def articles(self, query: str, language: str) -> tuple[Article, ...]:
        wanted = {"query": query, "language": language, "limit": "5"}
        with self.open_wire() as wire:
            found = self._rest(wire).read("GET", "sn_km_api/knowledge/articles", query=wanted).get("result") or {}
        listed = [item for item in found.get("articles") or [] if isinstance(item, dict)]
        return tuple(
            Article(tidy(text_in(item, "title")), self._article(text_in(item, "link")),
                    plain_text(text_in(item, "snippet")), text_in(item, "number"))
            for item in listed[:5]
        )  # fmt: skip

    def _article(self, link: str) -> str:
        return f"{self._base}/sp{link}" if link.startswith("?") else f"{self._base}/{link.lstrip('/')}"

    @property
    def _base(self) -> str:
        return http_address(self.url)

    def _page(self, table: str, key: str) -> str:
        return f"{self._base}/sp?id=ticket&table={table}&sys_id={key}"

    def _rest(self, wire: Wire) -> Rest:
        return SignedInRest(wire, f"{self._base}/api", wrong=_wrong, account=self.login)


def _wrong(answer: Answer) -> UploaderError:
    error = error_in(answer)
    words = (
        " ".join(filter(None, (text_in(error, "message"), text_in(error, "detail")))) if isinstance(error, dict) else ""
    )
    if answer.status in (400, 403) and words.strip():
        return Refused("{host} refused it: {why}", host=answer.host, why=" ".join(tidy(words).split())[:200])
    return sort_out(answer)


def _rows(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    listed = found.get("result")
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _plain(text: str) -> str:
    """A comment may hold HTML between marks of its own. Source: ServiceNow's journal fields, "[code]" tags."""
    return plain_text(re.sub(r"\[/?code\]", "", text)) if "[code]" in text else tidy(text)


def _entries(shown: str, me: str) -> list[Reply]:
    """The entries of a journal as its reader sees it, oldest first."""
    heads = list(_HEAD.finditer(shown))
    ends = [head.start() for head in heads[1:]] + [len(shown)]
    found = [Reply(f"{head[1]} {head[2]}", head[2], head[2] == me, moment(head[1]), _plain(shown[head.end():end]))
             for head, end in zip(heads, ends)]  # fmt: skip
    return found[::-1]
