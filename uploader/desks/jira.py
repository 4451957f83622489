"""Jira Service Management (Cloud): requests of a customer with an Atlassian account and an API token of their own.

A request is made first, then its files in one step: each as a temporary file, all attached by one call that either
happened or did not. A lost request is found among the user's own by our mark. Source: Atlassian, "The Jira Service
Management Cloud REST API" and its OpenAPI description (November 2024), against which the tests hold every request.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from uploader.body import mark, read, render
from uploader.cargo import Cargo
from uploader.errors import FieldWanted, FileRefused, InvalidField, OutcomeUnknown, Refused, UploaderError
from uploader.form import Form, Part
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
)
from uploader.jira_words import FREELY, api, field_in, file_in, pages_of, reply_in, value_in
from uploader.journal import Journal
from uploader.plain_text import plain_text, tidy
from uploader.remote import MOST_OWN, RemoteDesk, http_address, late_links, subject_of, telling
from uploader.rest import Rest, moment, said, size_in, text_in
from uploader.seen import Seen
from uploader.setting import Secret, setting
from uploader.ticket import Attachment, Choice, DeskAbilities, Limits, Progress, SharedFile, Ticket, TicketRef
from uploader.wire import Reply as Answer
from uploader.wire import Wire, sort_out

STATES: dict[str, State] = {"DONE": "solved"}
"""Every other category is open. Source: OpenAPI description, CustomerRequestStatusDTO.statusCategory."""
SUBJECT_CHARACTERS = 255
OUR_FIELDS = ("summary", "description", "priority", "attachment")
UPLOADS = {"X-Atlassian-Token": "no-check", **FREELY}
"""Without it an upload is blocked. Source: OpenAPI description, attachTemporaryFile."""


@dataclass(frozen=True, kw_only=True)
class JiraServiceManagement(RemoteDesk, Inbox, Library):
    title: ClassVar[str] = "Jira Service Management"
    abilities: ClassVar[DeskAbilities] = DeskAbilities(order="after", markup="jira", entry=("token",))
    inbox: ClassVar[InboxAbilities] = InboxAbilities(rating="stars", solves=True, reopens=True)

    url: str = setting("Address of Jira", help="https://company.atlassian.net", kind="url")
    user: str = setting("Your e-mail address in Jira")
    token: Secret = setting(
        "Your API token", help="In your Atlassian account: Security → API tokens.", kind="secret", default=Secret("")
    )
    desk: str = setting("Service desk", help="Its number.")
    request_type: str = setting("Request type", help="Its number, as “Kinds of the desk” may give for each kind too.")
    closing: str = setting(
        "Step that closes a request", help="As Jira calls it for customers, such as: Close request.", default="",
        rare=True,
    )  # fmt: skip
    reopening: str = setting(
        "Step that opens a request again",
        help="As Jira calls it for customers, such as: Reopen.",
        default="",
        rare=True,
    )

    @classmethod
    def recognise(cls, seen: Seen) -> Mapping[str, str] | None:
        """At the host's root, or below it where a company runs it itself."""
        there = seen.cut(
            "/browse", "/servicedesk", "/projects", "/secure", "/issues", "/plugins", "/login.jsp", "/rest"
        )
        for address, path in ((seen.root, "/rest/servicedeskapi/info"), (there.url, "rest/servicedeskapi/info")):
            found = there.json(path)
            if isinstance(found, dict) and "platformVersion" in found and "version" in found:
                return {"url": address}
        return None

    @property
    def limits(self) -> Limits:
        """Open to everybody. Source: Jira platform OpenAPI description, /rest/api/3/attachment/meta."""
        with self.open_wire() as wire:
            try:
                found = self._rest(wire).read("GET", "rest/api/3/attachment/meta")
            except Refused:
                return Limits()
        limit = found.get("uploadLimit")
        if found.get("enabled") is False:
            return Limits(file_bytes=0)
        return Limits(file_bytes=limit if isinstance(limit, int) else None)

    def choices(self, field: str) -> tuple[Choice, ...]:
        path, name = {
            "desk": ("servicedesk", "projectName"),
            "request_type": (f"servicedesk/{self.desk}/requesttype", "name"),
        }.get(field, ("", ""))
        if not path:
            return ()
        with self.open_wire() as wire:
            found = list(pages_of(self._rest(wire), path, most=200))
        return tuple(Choice(text_in(item, "id"), text_in(item, name)) for item in found)

    def check(self) -> None:
        with self.open_wire() as wire:
            rest = self._rest(wire)
            next(pages_of(rest, "servicedesk", most=1), None)
            try:
                rest.read("GET", api(f"servicedesk/{self.desk}"))
            except Refused as error:
                raise _unless_login(error, InvalidField(
                    "desk", "there is no service desk “{value}”, or you may not see it", value=self.desk,
                )) from error  # fmt: skip
            self._fields(rest, self.request_type)

    def submit(self, ticket: Ticket, journal: Journal, progress: Progress) -> TicketRef:
        late = late_links(ticket, journal)
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)
            key = journal.once(
                "create", partial(self._create, rest, ticket), partial(self._find, rest, ticket.report_id)
            )
            if cargo.files:
                self._attach(rest, key, cargo, journal)
            for file in late:
                self._tell(rest, key, ticket, file, journal)
            cargo.arrived()
        return TicketRef(key, f"{self._base}/servicedesk/customer/portal/{self.desk}/{key}")

    def _create(self, rest: Rest, ticket: Ticket) -> str:
        kind = self.kind_of(ticket, {}) or self.request_type
        values = self._values(self._fields(rest, kind), ticket)
        asked = {"serviceDeskId": self.desk, "requestTypeId": kind, "requestFieldValues": values}
        key = text_in(rest.create(api("request"), content=asked), "issueKey")
        if not key:
            raise OutcomeUnknown("{host} did not say which ticket it made", host=self.url)
        return key

    def _fields(self, rest: Rest, kind: str) -> list[dict[str, Any]]:
        """What a request type wants. Raises: InvalidField when it is not there, or shows no description."""
        try:
            found = rest.read("GET", api(f"servicedesk/{self.desk}/requesttype/{kind}/field"))
        except Refused as error:
            raise _unless_login(error, InvalidField(
                "request_type", "there is no request type “{value}”, or you may not see it", value=kind,
            )) from error  # fmt: skip
        fields = [item for item in found.get("requestTypeFields", []) if isinstance(item, dict)]
        if "description" not in [text_in(item, "fieldId") for item in fields]:
            raise InvalidField("request_type", "the request type “{value}” shows no description; choose another",
                               value=kind)  # fmt: skip
        return fields

    def _values(self, fields: list[dict[str, Any]], ticket: Ticket) -> dict[str, object]:
        """Raises: FieldWanted for what the request type wants and nobody has given."""
        values: dict[str, object] = {
            "summary": subject_of(ticket, SUBJECT_CHARACTERS), "description": render(ticket, "jira"),
        }  # fmt: skip
        wanted = self.field_values(ticket)
        for item in fields:
            name, label = text_in(item, "fieldId"), text_in(item, "name")
            if name == "priority" and (rank := self._priority(item, ticket)):
                values[name] = {"id": rank}
            if name in OUR_FIELDS:
                continue
            given = wanted.get(name) or wanted.get(label)
            if given:
                values[name] = value_in(item, given)
            elif item.get("required") and item.get("visible", True) and not item.get("defaultValues"):
                raise FieldWanted(label, "the help desk wants “{field}” to be filled in", field=label)
        return values

    def _priority(self, field: Mapping[str, Any], ticket: Ticket) -> str:
        """By name or number where the settings map one; else the middle of Jira's list, which begins with the most
        urgent, or its neighbours."""
        ranks = [item for item in field.get("validValues") or [] if isinstance(item, dict)]
        if wanted := self.priority_of(ticket, {}):
            return next((text_in(r, "value") for r in ranks if wanted in (r.get("label"), r.get("value"))), "")
        place = len(ranks) // 2 + {"high": -1, "low": 1}.get(ticket.priority, 0)
        return text_in(ranks[min(max(place, 0), len(ranks) - 1)], "value") if ranks else ""

    def _find(self, rest: Rest, report_id: str) -> str | None:
        for item in pages_of(rest, "request", self._own_requests, most=MOST_OWN):
            if mark(report_id) in field_in(item, "description"):
                return text_in(item, "issueKey")
        return None

    @property
    def _own_requests(self) -> dict[str, str]:
        return {"requestOwnership": "OWNED_REQUESTS", "requestStatus": "ALL_REQUESTS", "serviceDeskId": self.desk}

    def _attach(self, rest: Rest, key: str, cargo: Cargo, journal: Journal) -> None:
        """All files by one call; nothing is attached before Jira has taken every one."""
        missing = cargo

        def find() -> str | None:
            nonlocal missing
            have = {(text_in(item, "filename"), size_in(item, "size"))
                    for item in pages_of(rest, f"request/{key}/attachment")}  # fmt: skip
            left = [file for file in cargo.files if (cargo.name(file), file.size_bytes) not in have]
            missing = cargo.only(left)
            return None if left else "found"

        def attach() -> str:
            return self._send_files(rest, key, missing, {})

        journal.once("attach", attach, find)

    def _send_files(self, rest: Rest, key: str, cargo: Cargo, more: Mapping[str, object]) -> str:
        numbers = [self._upload(rest, cargo, file) for file in cargo.files]
        asked = {"temporaryAttachmentIds": numbers, "public": True, **more}
        return text_in(rest.create(api(f"request/{key}/attachment"), content=asked), "comment", "id") or "sent"

    def _upload(self, rest: Rest, cargo: Cargo, file: Attachment) -> str:
        """A temporary file's number. Nobody sees it, so it may be sent again."""
        form = Form((), (Part("file", cargo.name(file), file.media_type, cargo.body(file)),), cargo.step(file))
        try:
            told = rest.read("POST", api(f"servicedesk/{self.desk}/attachTemporaryFile"), body=form,
                             headers={**UPLOADS, "Content-Type": form.content_type})  # fmt: skip
        except Refused as error:
            raise _unless_login(error, FileRefused(
                file.name, "{service} does not take “{name}”; it goes as a link", service=self.title, name=file.name,
            )) from error  # fmt: skip
        return text_in(next(iter(told.get("temporaryAttachments") or [{}])), "temporaryAttachmentId")

    def _tell(self, rest: Rest, key: str, ticket: Ticket, file: SharedFile, journal: Journal) -> None:
        def send() -> str:
            return self._comment(rest, key, render(telling(ticket, file, key), "jira"))

        journal.once(f"told/{file.link.url}", send, partial(self._find_comment, rest, key, file.link.url))

    def _comment(self, rest: Rest, key: str, text: str) -> str:
        found = rest.create(api(f"request/{key}/comment"), content={"body": text, "public": True})
        return text_in(found, "id") or "sent"

    def _find_comment(self, rest: Rest, key: str, words: str) -> str | None:
        told = pages_of(rest, f"request/{key}/comment", {"public": "true"})
        return next((text_in(item, "id") for item in told if words in unescape(text_in(item, "body"))), None)

    # -- the way back -------------------------------------------------------------------------------------------

    def news(self, mark: str) -> News:
        """Jira lists by the latest activity, but tells only its traces: a change of state, the comments."""
        with self.open_wire() as wire:
            rest, tickets = self._rest(wire), list[OwnTicket]()
            for item in pages_of(rest, "request", {**self._own_requests, "expand": "comment"}, most=most_of(mark)):
                ticket = self._own(item, self._comments_in(rest, item))
                if mark and ticket.updated_at < moment(mark):
                    break
                tickets.append(ticket)
        newest = max((ticket.updated_at for ticket in tickets), default=None)
        return News(newest.isoformat() if newest else mark, tuple(tickets), len(tickets) >= most_of(mark))

    def _comments_in(self, rest: Rest, item: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Those that came with a request; all of them when it has more."""
        told = item.get("comments")
        if isinstance(told, dict) and told.get("isLastPage", True):
            return [entry for entry in told.get("values", []) if isinstance(entry, dict)]
        return list(pages_of(rest, f"request/{text_in(item, 'issueKey')}/comment", {"public": "true"}))

    def conversation(self, key: str) -> Conversation:
        with self.open_wire() as wire:
            rest = self._rest(wire)
            item = rest.read("GET", api(f"request/{key}"))
            query = {"public": "true", "expand": "attachment,renderedBody"}
            comments = list(pages_of(rest, f"request/{key}/comment", query))
            files = [file_in(each) for each in pages_of(rest, f"request/{key}/attachment")]
            ways = {text_in(way, "name") for way in pages_of(rest, f"request/{key}/transition")}
        me = text_in(item, "reporter", "accountId")
        replies = [reply_in(entry, me) for entry in comments]
        later = {file.key for reply in replies for file in reply.files}
        first = tuple(file for file in files if file.key not in later)
        text = read(field_in(item, "description"), "jira")
        name = text_in(item, "reporter", "displayName")
        opening = Reply(f"request-{key}", name, True, moment(text_in(item, "createdDate", "iso8601")), text, first)
        return Conversation(self._own(item, comments, ways), (opening, *replies))

    def _own(self, item: Mapping[str, Any], comments: list[dict[str, Any]], ways: set[str] | None = None) -> OwnTicket:
        key, status = text_in(item, "issueKey"), item.get("currentStatus") or {}
        state = STATES.get(text_in(status, "statusCategory"), "open")
        times = [text_in(item, "createdDate", "iso8601"), text_in(status, "statusDate", "iso8601")]
        times += [text_in(entry, "created", "iso8601") for entry in comments]
        may = ["reply"]
        if state == "open" and self.closing and (ways is None or self.closing in ways):
            may.append("solve")
        if state == "solved":
            may += ["rate"] + ["reopen"] * (bool(self.reopening) and (ways is None or self.reopening in ways))
        web = text_in(item, "_links", "web") or f"{self._base}/servicedesk/customer/portal/{self.desk}/{key}"
        return OwnTicket(
            key, key, web, field_in(item, "summary"), state, text_in(status, "status"), "", moment(times[0]),
            max(moment(time) for time in times), may=tuple(may),
        )  # fmt: skip

    def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        with self.open_wire() as wire:
            here = urlsplit(file.key)[:2] == urlsplit(self._base)[:2]
            login = self._rest(wire).login if here else {}
            self._save(wire, file, file.key, target, progress, login, follow=5)

    def reply(self, ticket: Ticket, journal: Journal, progress: Progress) -> str:
        key, text = ticket.reply_to, render(ticket, "jira")
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)
            send: Callable[[], str] = partial(self._comment, rest, key, text)
            if cargo.files:
                send = partial(self._send_files, rest, key, cargo, {"additionalComment": {"body": text}})
            done = journal.once("reply", send, partial(self._find_comment, rest, key, mark(ticket.report_id)))
            cargo.arrived()
        return done

    def solve(self, key: str) -> None:
        self._move(key, "solved", self.closing)

    def reopen(self, key: str) -> None:
        self._move(key, "open", self.reopening)

    def _move(self, key: str, state: State, step: str) -> None:
        with self.open_wire() as wire:
            rest = self._rest(wire)
            if self._own(rest.read("GET", api(f"request/{key}")), []).state == state:
                return
            ways = [way for way in pages_of(rest, f"request/{key}/transition") if text_in(way, "name") == step]
            if not (step and ways):
                raise Refused("{service} lets you take no such step with this request", service=self.title)
            path = api(f"request/{key}/transition")
            rest.change("POST", path, content={"id": text_in(ways[0], "id")})

    def rate(self, key: str, score: int, comment: str) -> None:
        asked = {"type": "csat", "rating": score, "comment": {"body": comment}}
        with self.open_wire() as wire:
            rest, path = self._rest(wire), api(f"request/{key}/feedback")
            try:
                rest.change("POST", path, content=asked)
            except Refused:
                if rest.read("GET", path).get("rating") != score:  # an earlier one of the same
                    raise

    def articles(self, query: str, language: str) -> tuple[Article, ...]:
        path = f"servicedesk/{self.desk}/knowledgebase/article"
        with self.open_wire() as wire:
            wanted = {"query": query, "highlight": "false"}
            found = list(pages_of(self._rest(wire), path, wanted, most=5))
        return tuple(
            Article(tidy(text_in(item, "title")), self._article(item), plain_text(text_in(item, "excerpt")),
                    text_in(item, "source", "pageId"))
            for item in found
        )  # fmt: skip

    def _article(self, item: Mapping[str, Any]) -> str:
        number = text_in(item, "source", "pageId")
        page = f"{self._base}/servicedesk/customer/portal/{self.desk}/article/{number}"
        return page if number else text_in(item, "content", "iframeSrc")

    @property
    def _base(self) -> str:
        return http_address(self.url)

    def _rest(self, wire: Wire) -> Rest:
        given = base64.b64encode(f"{self.user}:{self.token.reveal()}".encode()).decode()
        return Rest(wire, self._base, {"Authorization": f"Basic {given}"}, _wrong)


def _wrong(answer: Answer) -> UploaderError:
    words = said(answer, "i18nErrorMessage", "errorMessage", "errorMessages")
    if answer.status in (400, 409) and words:
        return Refused("{host} refused it: {why}", host=answer.host, why=words)
    return sort_out(answer)


def _unless_login(error: UploaderError, better: UploaderError) -> UploaderError:
    """What a refusal means where it was asked for one thing; a login that does not hold stays what it is."""
    return error if error.code == "auth_failed" else better
