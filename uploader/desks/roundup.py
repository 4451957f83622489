"""Roundup: issues by its REST interface, with one's own login.

Files and the message come first and hang on nothing until the issue names them: only that step must not happen twice,
and an issue is found again by its message. Changes name the state that they were made for (ETag). Source: Roundup's
documentation, "REST API for Roundup" (2.6); tried on Roundup 2.6.0 with its template "classic".
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from uploader.body import render
from uploader.cargo import Cargo
from uploader.errors import (
    AuthFailed,
    FileRefused,
    Intercepted,
    InvalidField,
    OutcomeUnknown,
    Refused,
    Temporary,
    TooLarge,
    UploaderError,
)
from uploader.form import Form, Part
from uploader.inbox import Conversation, Inbox, InboxAbilities, News, OwnTicket, RemoteFile, Reply, State, most_of
from uploader.journal import Journal
from uploader.plain_text import tidy
from uploader.remote import RemoteDesk, http_address, pairs, subject_of
from uploader.rest import Rest, moment, text_in
from uploader.seen import Seen
from uploader.setting import Secret, setting
from uploader.ticket import Attachment, DeskAbilities, Progress, Ticket, TicketRef
from uploader.wire import NO_DATA, Wire, sort_out
from uploader.wire import Reply as Answer

PRIORITIES = {"high": "urgent", "medium": "bug", "low": "feature"}
"""Of the template "classic": critical, urgent, bug, feature, wish."""
STATES: dict[str, State] = {"need-eg": "waiting", "done-cbb": "solved", "resolved": "solved", "closed": "solved"}
"""Of "classic": unread, deferred, chatting, need-eg, in-progress, testing, done-cbb, resolved."""
SUBJECT_CHARACTERS = 250
CHANGED = 412
"""Somebody else was quicker: what is changed is read once more."""
TRIES = 4
Change = Callable[[Mapping[str, Any]], dict[str, object] | None]
"""What is to be done about an issue as it stands now; None: nothing any more."""
MESSAGES = 50
"""Of one look: each adds its number to the address."""


@dataclass(frozen=True, kw_only=True)
class Roundup(RemoteDesk, Inbox):
    title: ClassVar[str] = "Roundup"
    abilities: ClassVar[DeskAbilities] = DeskAbilities(order="before", markup="plain", entry=("token",))
    inbox: ClassVar[InboxAbilities] = InboxAbilities(solves=True, reopens=True)

    url: str = setting("Address of Roundup", help="https://desk.example.org/tracker", kind="url")
    user: str = setting("Your user name", help="As on its login page.")
    password: Secret = setting("Your password", kind="secret", default=Secret(""))
    solved: str = setting("Status of what is solved", default="resolved", rare=True)
    reopened: str = setting("Status of what is opened again", default="chatting", rare=True)

    @classmethod
    def recognise(cls, seen: Seen) -> Mapping[str, str] | None:
        seen = seen.cut("/issue", "/user", "/@@file", "/file", "/msg", "/index", "/home", "/rest")
        found = seen.json("rest")
        inner = found.get("error", found.get("data")) if isinstance(found, dict) else None
        known = isinstance(inner, dict) and (set(inner) == {"status", "msg"} or "supported_versions" in inner)
        return {"url": seen.url} if known else None

    def check(self) -> None:
        with self.open_wire() as wire:
            rest = self._rest(wire)
            self._me(rest)
            _all(rest.read("GET", "issue", query={"@page_size": "1"}))

    def submit(self, ticket: Ticket, journal: Journal, progress: Progress) -> TicketRef:
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)
            self._drop_old_message(rest, ticket, journal)
            files, message = self._hand_over(rest, ticket, cargo, journal, "")
            create = partial(self._create, rest, ticket, files, message)
            number = journal.once("create", create, partial(_with_message, rest, message))
            cargo.arrived()
        return TicketRef(number, self._page(number))

    @staticmethod
    def _drop_old_message(rest: Rest, ticket: Ticket, journal: Journal) -> None:
        """One that an earlier run wrote and no issue has: its links may have ended since."""
        text = hashlib.sha256(render(ticket, "plain").encode()).hexdigest()
        old = journal.result("message")
        if journal.result("create") is None and journal.result("text") != text:
            if old is not None and _with_message(rest, old) is not None:
                return
            journal.forget("message", "create")
            journal.note("text", text)

    def _hand_over(
        self, rest: Rest, ticket: Ticket, cargo: Cargo, journal: Journal, step: str
    ) -> tuple[list[str], str]:
        """The numbers of the files and of the message. What is sent twice hangs on nothing, and nobody sees it."""
        files = [journal.once(step + cargo.step(file), partial(self._send, rest, cargo, file)) for file in cargo.files]

        def write() -> str:
            asked = {"content": render(ticket, "plain"), "author": self._me(rest), "date": ".", "files": files}
            return _made(rest, "msg", content=asked)

        return files, journal.once(step + "message", write)

    def _send(self, rest: Rest, cargo: Cargo, file: Attachment) -> str:
        """The name is a value of its own: what the form says of the part is ignored."""
        kind = file.media_type or "application/octet-stream"
        form = Form(
            [("name", cargo.name(file)), ("type", kind)], [Part("content", "file", kind, cargo.body(file))], file.sha256
        )
        try:
            return _made(rest, "file", body=form, headers={"Content-Type": form.content_type})
        except TooLarge as error:
            raise FileRefused(file.name, "{service} does not take “{name}”; it goes as a link", service=self.title,
                              name=file.name) from error  # fmt: skip

    def _create(self, rest: Rest, ticket: Ticket, files: list[str], message: str) -> str:
        asked: dict[str, object] = {
            **{
                name: value for name, value in self.field_values(ticket).items() if name in pairs(self.fields, "fields")
            },
            "title": subject_of(ticket, SUBJECT_CHARACTERS) or ticket.report_id,
            "messages": [message],
            "files": files,
        }
        if priority := self.priority_of(ticket, PRIORITIES):
            asked["priority"] = priority
        if kind := self.kind_of(ticket, {}):
            asked["keyword"] = [kind]
        return _made(rest, "issue", content=asked)

    # -- the way back -------------------------------------------------------------------------------------------

    def news(self, mark: str) -> News:
        query = {"@fields": "title,status,priority,creation,activity", "@verbose": "2", "@sort": "-activity",
                 "@page_size": str(most_of(mark))}  # fmt: skip
        with self.open_wire() as wire:
            rest = self._rest(wire)
            query |= {"creator": self._me(rest), **({"activity": f"{mark};"} if mark else {})}
            found = _all(rest.read("GET", "issue", query=query))
        tickets = tuple(map(self._own, found))
        return News(text_in(found[0], "activity") if found else mark, tickets, len(found) >= most_of(mark))

    def conversation(self, key: str) -> Conversation:
        with self.open_wire() as wire:
            rest = self._rest(wire)
            me = self._me(rest)
            fields = "title,status,priority,creation,activity,messages"
            found = rest.read("GET", f"issue/{key}", query={"@fields": fields, "@verbose": "2"}, inside="data")
            issue = {"id": key, **found["attributes"]}
            numbers = _numbers(issue.get("messages"))
            talk = [entry for at in range(0, len(numbers), MESSAGES)
                    for entry in _messages(rest, numbers[at : at + MESSAGES])]  # fmt: skip
        talk.sort(key=lambda entry: int(text_in(entry, "id")))
        return Conversation(self._own(issue), tuple(_reply(entry, me) for entry in talk))

    def _own(self, issue: Mapping[str, Any]) -> OwnTicket:
        number, status = text_in(issue, "id"), text_in(issue, "status", "name")
        state: State = "solved" if status == self.solved else STATES.get(status, "open")
        return OwnTicket(
            number, number, self._page(number), text_in(issue, "title"), state, status,
            self.our_priority(text_in(issue, "priority", "name"), PRIORITIES), _time(issue, "creation"),
            _time(issue, "activity"), may=("reply", "reopen" if state == "solved" else "solve"),
        )  # fmt: skip

    def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        with self.open_wire() as wire:
            login = {**self._rest(wire).login, "Accept": "*/*"}
            self._save(wire, file, f"{self._base}/rest/data/file/{file.key}/binary_content", target, progress, login)

    def reply(self, ticket: Ticket, journal: Journal, progress: Progress) -> str:
        key = ticket.reply_to
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)
            files, message = self._hand_over(rest, ticket, cargo, journal, "reply/")
            journal.once("reply", partial(self._attach, rest, key, files, message))
            cargo.arrived()
        return message

    def _attach(self, rest: Rest, key: str, files: list[str], message: str) -> str:
        def change(issue: Mapping[str, Any]) -> dict[str, object] | None:
            there = message in _numbers(issue.get("messages"))
            return None if there else {"@op": "add", "messages": [message], "files": files}

        self._change(rest, key, change)
        return message

    def solve(self, key: str) -> None:
        self._move(key, self.solved)

    def reopen(self, key: str) -> None:
        self._move(key, self.reopened)

    def _move(self, key: str, status: str) -> None:
        def change(issue: Mapping[str, Any]) -> dict[str, object] | None:
            now = self._own({"id": key, **issue}).state
            return None if (now == "solved") is (status == self.solved) else {"status": status}

        with self.open_wire() as wire:
            self._change(self._rest(wire), key, change)

    def _change(self, rest: Rest, key: str, change: Change) -> None:
        """Reads, asks ``change`` what is to be done about it, and does it unless somebody was quicker."""
        for _ in range(TRIES):
            query = {"@fields": "title,status,priority,creation,activity,messages", "@verbose": "2"}
            found = rest.read("GET", f"issue/{key}", query=query, inside="data")
            asked = change(found["attributes"])
            if asked is None:
                return
            head = {"If-Match": text_in(found, "@etag")}
            answer = rest.call("PATCH", f"issue/{key}", content=asked, headers=head, ok=(200, CHANGED))
            if answer.status != CHANGED:
                if not isinstance(_json(answer), dict):
                    raise Intercepted(NO_DATA, host=answer.host)
                return
        raise Temporary("{host} is busy or out of order ({status})", host=self.url, status=str(CHANGED))

    def _me(self, rest: Rest) -> str:
        """The user's number. Names are looked for in part: only the same one counts."""
        query = {"username": self.user, "@fields": "username"}
        for item in _all(rest.read("GET", "user", query=query)):
            if text_in(item, "username") == self.user:
                return text_in(item, "id")
        raise InvalidField("user", "there is no “{value}” at {host}", value=self.user, host=self.url)

    @property
    def _base(self) -> str:
        return http_address(self.url)

    def _page(self, number: str) -> str:
        return f"{self._base}/issue{number}"

    def _rest(self, wire: Wire) -> Rest:
        """Against forged requests of other pages it wants two headers, the origin being its own."""
        if not self.password:
            raise AuthFailed("no password is stored for this help desk; sign in first")
        given = base64.b64encode(f"{self.user}:{self.password.reveal()}".encode()).decode()
        parts = urlsplit(self._base)
        login = {"Authorization": f"Basic {given}", "X-Requested-With": "rest",
                 "Origin": f"{parts.scheme}://{parts.netloc}"}  # fmt: skip
        return Rest(wire, f"{self._base}/rest/data", login, _wrong)


def _made(rest: Rest, path: str, **more: Any) -> str:
    number = text_in(rest.create(path, **more), "data", "id")
    if not number.isdecimal():
        raise OutcomeUnknown("{host} did not say which ticket it made", host=rest.url)
    return number


def _with_message(rest: Rest, message: str) -> str | None:
    return next((text_in(item, "id") for item in _all(rest.read("GET", "issue", query={"messages": message}))), None)


def _messages(rest: Rest, numbers: list[str]) -> list[dict[str, Any]]:
    """Several are asked for by naming the parameter several times."""
    path = "msg?" + "&".join(f"id={number}" for number in numbers)
    fields = {"@fields": "content,author,creation,date,files", "@verbose": "3"}
    return _all(rest.read("GET", path, query=fields))


def _all(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    data = found.get("data")
    listed = data.get("collection") if isinstance(data, dict) else None
    return [item for item in listed or [] if isinstance(item, dict)]


def _numbers(linked: object) -> list[str]:
    return [text_in(item, "id") for item in linked or [] if isinstance(item, dict)] if isinstance(linked, list) else []


def _time(item: Mapping[str, Any], name: str) -> datetime:
    """Written as 2026-11-29.19:32:44, in UTC."""
    return moment(text_in(item, name).replace(".", "T", 1))


def _reply(entry: Mapping[str, Any], me: str) -> Reply:
    files = tuple(RemoteFile(text_in(file, "id"), text_in(file, "name")) for file in entry.get("files") or [])
    written = _time(entry, "date" if entry.get("date") else "creation")
    return Reply(text_in(entry, "id"), text_in(entry, "author", "username"), text_in(entry, "author", "id") == me,
                 written, tidy(text_in(entry, "content")), files)  # fmt: skip


def _json(answer: Answer) -> object:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def _wrong(answer: Answer) -> UploaderError:
    found = _json(answer)
    why = " ".join(tidy(text_in(found, "error", "msg")).split())[:200] if isinstance(found, dict) else ""
    if answer.status in (400, 409) and why:
        return Refused("{host} refused it: {why}", host=answer.host, why=why)
    return sort_out(answer)
