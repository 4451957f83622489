"""Salesforce: cases in the name of whoever signed in, or by the public form "Web-to-Case", which confirms nothing.

A case is made under an external id, our report's, so it cannot be made twice; its files follow. Cases by e-mail
("Email-to-Case") are the e-mail desk. Source: Salesforce's documentation, "Insert or Update (Upsert) a Record Using an
External ID", "Insert or Update Blob Data", "CaseComment" (Object Reference), "Web-to-Case Guidelines and Limits", 2026.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode

from uploader.body import mark, render
from uploader.cargo import Cargo
from uploader.errors import AuthFailed, FieldWanted, FileRefused, Gone, InvalidField, OutcomeUnknown, Refused, Temporary
from uploader.errors import UploaderError as Trouble
from uploader.form import Form, Part
from uploader.inbox import (
    Conversation,
    Inbox,
    InboxAbilities,
    News,
    OwnTicket,
    RemoteFile,
    Reply,
    most_of,
    with_files,
)
from uploader.journal import Journal
from uploader.oauth import Client
from uploader.plain_text import tidy
from uploader.remote import demand_mail, http_address, late_links, mail_of, name_of, once_unseen, subject_of, telling
from uploader.rest import MOST_TALK, Rest, moment, objects_in, said, size_in, text_in
from uploader.seen import Seen
from uploader.setting import setting
from uploader.signed_in_desk import SignedInDesk, SignedInRest
from uploader.ticket import Attachment, DeskAbilities, Limits, Progress, SharedFile, Ticket, TicketRef
from uploader.wire import NO_DATA, Wire, sort_out
from uploader.wire import Reply as Answer

API = "services/data/v60.0"
PRIORITIES = {"high": "High", "medium": "Medium", "low": "Low"}
SUBJECT_CHARACTERS = 255
COMMENT_BYTES = 4000
"""Source: Object Reference, CaseComment: "The maximum size of the comment body is 4,000 bytes"."""
ROOM_BYTES = 100
"""Of a part of a longer comment, for our mark and the part's number."""
WAIT_S = 3600.0
"""After REQUEST_LIMIT_EXCEEDED: the limit is that of 24 hours, and rolls on."""


@dataclass(frozen=True, kw_only=True)
class Salesforce(SignedInDesk, Inbox):
    title: ClassVar[str] = "Salesforce"
    abilities: ClassVar[DeskAbilities] = DeskAbilities(
        order="after", markup="plain", entry=("oauth", "anonymous"), signs_in=True, mail_modes=("web",)
    )
    inbox: ClassVar[InboxAbilities] = InboxAbilities(tells_if="mode=account")

    url: str = setting("Address of Salesforce", help="https://company.my.salesforce.com", kind="url")
    mode: str = setting(
        "How reports get in",
        help="account: signed in by browser. web: the form Web-to-Case, without files and without a number.",
        choices=("account", "web"),
        default="account",
    )
    key_field: str = setting(
        "Field for our number", help="Of the case: a text field, external ID, unique.", default="Testigo_Id__c",
        rare=True,
    )  # fmt: skip
    org_id: str = setting("Organisation", help="For “web”: its ID, 00D…", default="", rare=True)
    form: str = field(default="https://webto.salesforce.com/servlet/servlet.WebToCase")

    @classmethod
    def recognise(cls, seen: Seen) -> Mapping[str, str] | None:
        found = seen.json("/services/data")
        first = found[0] if isinstance(found, list) and found else None
        known = isinstance(first, dict) and "/services/data/v" in text_in(first, "url")
        return {"url": seen.root} if known else None

    def client(self) -> Client:
        base = f"{http_address(self.url)}/services/oauth2"
        return Client(self.title, f"{base}/authorize", f"{base}/token", self.client_id, "api refresh_token",
                      host="localhost", port=self.port)  # fmt: skip

    @property
    def limits(self) -> Limits:
        """The public form takes no files."""
        return Limits(file_bytes=0 if self.mode == "web" else None)

    def check(self) -> None:
        with self.open_wire() as wire:
            if self.mode == "web":
                self._demand_organisation()
                wire.call("GET", self.form, ok=range(200, 500))
                return
            rest = self._rest(wire)
            if not self._me(rest):
                raise Refused("{service} does not show you who you are; the account may lack a right",
                              service=self.title)  # fmt: skip
            found = next((item for item in self._fields(rest) if item.get("name") == self.key_field), {})
            if found.get("externalId") is not True:
                raise self._no_key()

    def submit(self, ticket: Ticket, journal: Journal, progress: Progress) -> TicketRef:
        late = late_links(ticket, journal)
        with self.open_wire() as wire:
            cargo = Cargo(ticket.attachments, progress)
            if self.mode == "web":
                once_unseen(journal, "create", self.title, partial(self._hand_in, wire, ticket))
                cargo.arrived()
                return TicketRef(ticket.report_id, "", unconfirmed=True)
            rest = self._rest(wire)
            create, find = partial(self._create, rest, ticket), partial(self._find, rest, ticket.report_id)
            key = journal.once("create", create, find)
            number = journal.once("number", partial(self._number, rest, key))
            self._attach(rest, key, cargo, journal, "")
            self._tell(rest, key, ticket, late, journal)
            cargo.arrived()
        return TicketRef(number, self._page(key), key)

    def _hand_in(self, wire: Wire, ticket: Ticket) -> str:
        """Salesforce answers alike whether it made a case or not: what is wrong is told to its administrator."""
        self._demand_organisation()
        back = f"{http_address(self.url)}/"
        asked = {
            "orgid": self.org_id, "retURL": back, "name": name_of(ticket.requester) or demand_mail(ticket),
            "email": demand_mail(ticket), "subject": subject_of(ticket, SUBJECT_CHARACTERS),
            "description": render(ticket, "plain"), "priority": self.priority_of(ticket, PRIORITIES), "external": "1",
            **({"type": kind} if (kind := self.kind_of(ticket, {})) else {}),
            **{name: value for name, value in self.field_values(ticket).items() if re.fullmatch(r"00N\w{12,15}", name)},
        }  # fmt: skip
        query = urlencode({"encoding": "UTF-8", "orgId": self.org_id})
        head = {"Content-Type": "application/x-www-form-urlencoded"}
        reply = wire.call(
            "POST", f"{self.form}?{query}", headers=head, body=urlencode(asked).encode(), ok=range(200, 400)
        )
        if reply.status >= 300 and not reply.headers.get("location", "").startswith(back):
            raise OutcomeUnknown(NO_DATA, host=reply.host)  # somebody's login, or a page that IT has chosen
        return "handed in"

    def _demand_organisation(self) -> None:
        if not re.fullmatch(r"00D[A-Za-z0-9]{12}([A-Za-z0-9]{3})?", self.org_id):
            raise InvalidField("org_id", "“{value}” is no organisation of Salesforce; it begins with 00D",
                               value=self.org_id)  # fmt: skip

    def _create(self, rest: Rest, ticket: Ticket) -> str:
        asked: dict[str, object] = {
            "Subject": subject_of(ticket, SUBJECT_CHARACTERS),
            "Description": render(ticket, "plain"),
            "Priority": self.priority_of(ticket, PRIORITIES),
            "SuppliedName": name_of(ticket.requester) or None,
            "SuppliedEmail": mail_of(ticket.requester) or None,
        }
        if kind := self.kind_of(ticket, {}):
            asked["Type"] = kind
        wanted = self.field_values(ticket)
        own = {name: value for name, value in wanted.items() if re.fullmatch(r"[A-Za-z]\w*__c", name)}
        if len(own) < len(wanted):
            known = {text_in(item, "label"): text_in(item, "name") for item in self._fields(rest)}
            own |= {known[label]: value for label, value in wanted.items() if known.get(label, "").endswith("__c")}
        try:
            path = f"{API}/sobjects/Case/{self.key_field}/{ticket.report_id}"
            found = rest.create(path, method="PATCH", content={**asked, **own})
        except Gone as error:
            raise self._no_key() from error
        except Refused as error:
            if name := error.values.get("missing"):
                label = next((text_in(item, "label") for item in self._fields(rest) if item.get("name") == name), name)
                raise FieldWanted(label, "the help desk wants “{field}” to be filled in", field=label) from error
            raise
        if not (key := text_in(found, "id")):
            raise OutcomeUnknown("{host} did not say which ticket it made", host=self.url)
        return key

    def _fields(self, rest: Rest) -> list[dict[str, Any]]:
        found = rest.read("GET", f"{API}/sobjects/Case/describe").get("fields") or []
        return [item for item in found if isinstance(item, dict)]

    def _no_key(self) -> Trouble:
        return InvalidField("key_field", "cases have no field “{value}” that is an external ID, or you may not see it",
                            value=self.key_field)  # fmt: skip

    def _find(self, rest: Rest, report_id: str) -> str | None:
        try:
            path = f"{API}/sobjects/Case/{self.key_field}/{report_id}"
            return text_in(rest.read("GET", path, query={"fields": "Id"}), "Id") or None
        except Gone:
            return None

    def _number(self, rest: Rest, key: str) -> str:
        found = rest.read("GET", f"{API}/sobjects/Case/{key}", query={"fields": "CaseNumber"})
        return text_in(found, "CaseNumber") or key

    def _attach(self, rest: Rest, key: str, cargo: Cargo, journal: Journal, step: str) -> None:
        def attach(file: Attachment) -> str:
            about = {"Title": cargo.name(file), "PathOnClient": cargo.name(file), "FirstPublishLocationId": key}
            head = Part("entity_content", "", "application/json", json.dumps(about, ensure_ascii=False).encode())
            form = Form((), (head, Part("VersionData", cargo.name(file), file.media_type, cargo.body(file))),
                        step + cargo.step(file))  # fmt: skip
            try:
                told = rest.create(f"{API}/sobjects/ContentVersion", body=form,
                                   headers={"Content-Type": form.content_type})  # fmt: skip
            except AuthFailed:
                raise
            except Refused as error:
                raise FileRefused(file.name, "{service} does not take “{name}”; it goes as a link",
                                  service=self.title, name=file.name) from error  # fmt: skip
            return text_in(told, "id") or "sent"

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
        """The files of a case, each with who attached it and when."""
        version = "ContentDocument.LatestPublishedVersion"
        names = f"{version}Id, ContentDocument.Title, ContentDocument.ContentSize, ContentDocument.CreatedById, " \
                f"ContentDocument.CreatedDate"  # fmt: skip
        rows = self._query(rest, names, "ContentDocumentLink", f"LinkedEntityId = '{_id(key)}'")
        files = [row.get("ContentDocument") or {} for row in rows]
        return [(RemoteFile(text_in(file, "LatestPublishedVersionId"), text_in(file, "Title"),
                            size_in(file, "ContentSize")), text_in(file, "CreatedById"), text_in(file, "CreatedDate"))
                for file in files]  # fmt: skip

    def _query(self, rest: Rest, names: str, table: str, where: str) -> list[dict[str, Any]]:
        """Source: "Query" (REST API): what does not fit comes by ``nextRecordsUrl``. ``MOST_TALK`` rows or so."""
        words = " ".join(("SELECT", names, "FROM", table, "WHERE", where))
        found = rest.read("GET", f"{API}/query", query={"q": words})
        rows = page = objects_in(found, "records")
        while page and len(rows) < MOST_TALK and (more := text_in(found, "nextRecordsUrl")) and not found.get("done"):
            found = rest.read("GET", more)
            page = objects_in(found, "records")
            rows = [*rows, *page]
        return rows

    def _tell(self, rest: Rest, key: str, ticket: Ticket, late: tuple[SharedFile, ...], journal: Journal) -> None:
        """Of each file that goes as a link since the case was made."""
        for file in late:
            self._comment(rest, key, telling(ticket, file, key), journal, f"told/{file.link.url}", file.link.url)

    def _comment(self, rest: Rest, key: str, ticket: Ticket, journal: Journal, step: str, words: str) -> str:
        """In as many comments as it takes, each told apart by ``words`` or its number; the last one's id."""
        parts, done = _parts(render(ticket, "plain"), mark(ticket.report_id)), ""
        for number, part in enumerate(parts, 1):
            sought = words if len(parts) == 1 else f"{mark(ticket.report_id)} ({number}/{len(parts)})"

            def send(text: str = part) -> str:
                asked = {"ParentId": key, "CommentBody": text, "IsPublished": True}
                return text_in(rest.create(f"{API}/sobjects/CaseComment", content=asked), "id") or "sent"

            def find(sought: str = sought) -> str | None:
                told = ((text_in(row, "Id"), text_in(row, "CommentBody")) for row in self._comments(rest, key))
                return next((id_ for id_, text in told if sought in text), None)

            done = journal.once(step if number == 1 else f"{step}/{number}", send, find)
        return done

    def _comments(self, rest: Rest, key: str) -> list[dict[str, Any]]:
        names = "Id, CommentBody, CreatedDate, CreatedById, CreatedBy.Name"
        where = f"ParentId = '{_id(key)}' AND IsPublished = true ORDER BY CreatedDate, Id"
        return self._query(rest, names, "CaseComment", where)

    # -- the way back -------------------------------------------------------------------------------------------

    def news(self, mark: str) -> News:
        """Those who are not signed in get their answers by e-mail: no news here. An answer alone does not change its
        case [K]: so the cases that were answered are asked for too."""
        if self.mode == "web":
            return News(mark)
        most, since = most_of(mark), f"{moment(mark):%Y-%m-%dT%H:%M:%SZ}"
        answered = " AND Id IN (SELECT ParentId FROM CaseComment WHERE IsPublished = true AND CreatedDate >= "
        wanted = (f" AND LastModifiedDate >= {since}", f"{answered}{since})") if mark else ("",)
        with self.open_wire() as wire:
            rest = self._rest(wire)
            mine, last = f"CreatedById = '{_id(self._me(rest))}'", f" ORDER BY LastModifiedDate DESC LIMIT {most}"
            lists = [self._cases(rest, mine + each + last) for each in wanted]
        found = {ticket.key: ticket for listed in lists for ticket in map(self._own, listed)}
        tickets = sorted(found.values(), key=lambda ticket: ticket.updated_at, reverse=True)[:most]
        newest = tickets[0].updated_at.isoformat() if tickets else mark
        return News(newest, tuple(tickets), max(map(len, lists)) >= most)

    def _cases(self, rest: Rest, where: str) -> list[dict[str, Any]]:
        names = "Id, CaseNumber, Subject, Description, Status, IsClosed, Priority, CreatedDate, LastModifiedDate, " \
                "CreatedById, CreatedBy.Name"  # fmt: skip
        last = "(SELECT CreatedDate FROM CaseComments ORDER BY CreatedDate DESC LIMIT 1)"
        return self._query(rest, f"{names}, {last}", "Case", where)

    def _me(self, rest: Rest) -> str:
        """The user's id: the end of what the list of resources calls identity."""
        return text_in(rest.read("GET", API), "identity").rpartition("/")[2]

    def conversation(self, key: str) -> Conversation:
        with self.open_wire() as wire:
            rest = self._signed_in(wire)
            found = next(iter(self._cases(rest, f"Id = '{_id(key)}'")), None)
            if found is None:
                raise Gone("{host} does not know it, or no longer ({status})", host=self.url, status="404")
            comments, attached = self._comments(rest, key), self._attached(rest, key)
        me = text_in(found, "CreatedById")
        talk = [Reply(f"case-{key}", text_in(found, "CreatedBy", "Name"), True, moment(text_in(found, "CreatedDate")),
                      tidy(text_in(found, "Description")))]  # fmt: skip
        talk += [
            Reply(text_in(row, "Id"), text_in(row, "CreatedBy", "Name"), text_in(row, "CreatedById") == me,
                  moment(text_in(row, "CreatedDate")), tidy(text_in(row, "CommentBody")))
            for row in comments
        ]  # fmt: skip
        files = ((file, author == me, moment(when)) for file, author, when in attached)
        return Conversation(self._own(found), with_files(talk, files))

    def _own(self, row: Mapping[str, Any]) -> OwnTicket:
        key, closed = text_in(row, "Id"), row.get("IsClosed") is True
        newest = (row.get("CaseComments") or {}).get("records") or [{}]
        times = (text_in(row, "LastModifiedDate"), text_in(newest[0], "CreatedDate"))
        return OwnTicket(
            text_in(row, "CaseNumber"), key, self._page(key), text_in(row, "Subject"), "solved" if closed else "open",
            text_in(row, "Status"), self.our_priority(text_in(row, "Priority"), PRIORITIES), moment(text_in(row,
            "CreatedDate")),
            max(moment(time) for time in times),
        )  # fmt: skip

    def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        with self.open_wire() as wire:
            login = {"Authorization": f"Bearer {self.login.token(wire)}"}
            address = f"{self._base}/{API}/sobjects/ContentVersion/{_id(file.key)}/VersionData"
            self._save(wire, file, address, target, progress, login)

    def reply(self, ticket: Ticket, journal: Journal, progress: Progress) -> str:
        key, late = ticket.reply_to, late_links(ticket, journal)
        with self.open_wire() as wire:
            rest, cargo = self._signed_in(wire), Cargo(ticket.attachments, progress)
            done = self._comment(rest, key, ticket, journal, "reply", mark(ticket.report_id))
            self._attach(rest, key, cargo, journal, "reply/")
            self._tell(rest, key, ticket, late, journal)
            cargo.arrived()
        return done

    @property
    def _base(self) -> str:
        return http_address(self.url)

    def _page(self, key: str) -> str:
        return f"{self._base}/lightning/r/Case/{key}/view"

    def _rest(self, wire: Wire) -> Rest:
        return SignedInRest(wire, self._base, wrong=_wrong, account=self.login)

    def _signed_in(self, wire: Wire) -> Rest:
        """Raises: Refused where answers come by e-mail."""
        if self.mode == "web":
            raise Refused("{service} answers by e-mail; read and answer it there", service=self.title)
        return self._rest(wire)


def _wrong(answer: Answer) -> Trouble:
    """By codes, never by words: those are in the user's language."""
    code, words = said(answer, "errorCode"), said(answer, "message")
    if code in ("REQUEST_LIMIT_EXCEEDED", "UNABLE_TO_LOCK_ROW"):
        wait_s = WAIT_S if code == "REQUEST_LIMIT_EXCEEDED" else None
        return Temporary(
            "{host} is busy or out of order ({status})", retry_after_s=wait_s, host=answer.host, status=code
        )
    if answer.status in (400, 403) and words:
        missing = ""
        if code == "REQUIRED_FIELD_MISSING":
            found = json.loads(answer.body)
            missing = next(iter(found[0].get("fields") or [""])) if isinstance(found, list) else ""
        return Refused("{host} refused it: {why}", host=answer.host, why=words, missing=missing)
    return sort_out(answer)


def _id(text: str) -> str:
    """An id as it may stand in a query. Raises: Gone for anything else."""
    if not re.fullmatch(r"[A-Za-z0-9]{1,18}", text):
        raise Gone("{host} does not know it, or no longer ({status})", host="Salesforce", status="404")
    return text


def _parts(text: str, ours: str) -> list[str]:
    """A text in pieces that a comment holds, each numbered and with our mark."""
    if len(text.encode()) <= COMMENT_BYTES:
        return [text]
    pieces, left = list[str](), text
    while left:
        piece = left.encode()[: COMMENT_BYTES - ROOM_BYTES].decode("utf-8", "ignore")
        pieces, left = [*pieces, piece], left[len(piece) :]
    return [f"{piece}\n\n{ours} ({number}/{len(pieces)})" for number, piece in enumerate(pieces, 1)]
