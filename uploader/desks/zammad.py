"""Zammad, as one of its customers, by a token of the user's own.

Files travel inside the call, as base64. There is no idempotency, and the search may lag: a ticket whose answer got
lost is looked for among the user's newest by our mark. Lists begin with the oldest ticket and cannot be turned round.
Source: Zammad's documentation, "Introduction", "Tickets", "Articles" (2021 to 2026), and what
``docs/desks/zammad.md`` marks as unsure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from uploader.body import mark, render
from uploader.cargo import Cargo
from uploader.errors import (
    FieldWanted,
    InvalidField,
    OutcomeUnknown,
    Refused,
    TooLarge,
    UploaderError,
)
from uploader.inbox import Conversation, Inbox, InboxAbilities, News, OwnTicket, RemoteFile, Reply, State, most_of
from uploader.journal import Journal
from uploader.plain_text import plain_text, tidy
from uploader.remote import RemoteDesk, http_address, subject_of
from uploader.rest import Rest, moment, said, size_in, text_in, time_in
from uploader.seen import Seen
from uploader.setting import Secret, setting
from uploader.ticket import DeskAbilities, Limits, Progress, Ticket, TicketRef
from uploader.wire import Reply as Answer
from uploader.wire import Wire, sort_out

PRIORITIES = {"high": "3 high", "medium": "2 normal", "low": "1 low"}
STATES: dict[str, State] = {"new": "open", "open": "open", "pending reminder": "open", "pending close": "open",
                            "closed": "solved", "merged": "closed", "removed": "closed"}  # fmt: skip
SUBJECT_CHARACTERS = 250
"""Source: Zammad's schema, tickets.title, limit 250."""
LARGEST_BYTES = 36_000_000
"""Of all files of one call: what the web server in front takes (50 MB in Zammad's own example), less what base64 adds.
Known from practice, not from a document."""
LOOKED_AT, MOST_ALIKE = 20, 200
"""Each costs a request: the list does not show what was written."""
PAGE = 100
MOST_PAGES = 100
"""10,000 tickets: a list longer than that is not walked through."""


@dataclass(frozen=True, kw_only=True)
class Zammad(RemoteDesk, Inbox):
    title: ClassVar[str] = "Zammad"
    abilities: ClassVar[DeskAbilities] = DeskAbilities(order="inside", markup="html", entry=("token",))
    inbox: ClassVar[InboxAbilities] = InboxAbilities(solves=True, reopens=True)

    url: str = setting("Address of Zammad", help="https://zammad.example.org", kind="url")
    token: Secret = setting(
        "Your access token", help="In Zammad: Profile → Token Access, with the right “ticket.customer”.",
        kind="secret", default=Secret(""),
    )  # fmt: skip
    group: str = setting("Group", help="Who gets the reports, as Zammad calls it.", default="Users")

    @classmethod
    def recognise(cls, seen: Seen) -> Mapping[str, str] | None:
        found = seen.json("/api/v1/getting_started")
        return {"url": seen.root} if isinstance(found, dict) and "setup_done" in found else None

    @property
    def limits(self) -> Limits:
        return Limits(file_bytes=LARGEST_BYTES, total_bytes=LARGEST_BYTES)

    def check(self) -> None:
        with self.open_wire() as wire:
            rest = self._rest(wire)
            self._me(rest)
            rest.list("GET", "tickets", query={"page": "1", "per_page": "1"})

    def submit(self, ticket: Ticket, journal: Journal, progress: Progress) -> TicketRef:
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)
            create, find = partial(self._create, rest, ticket, cargo), partial(self._find, rest, ticket)
            key, number = journal.once("create", create, find).split(" ", 1)
            cargo.arrived()
        return TicketRef(number, self._page(key), key)

    def _create(self, rest: Rest, ticket: Ticket, cargo: Cargo) -> str:
        own = {
            name: value for name, value in self.field_values(ticket).items() if re.fullmatch("[a-z][a-z0-9_]*", name)
        }
        asked = {
            **own,
            "title": self._subject(ticket),
            "group": self.group,
            "priority": self.priority_of(ticket, PRIORITIES),
            "article": self._article(ticket, cargo),
        }
        if kind := self.kind_of(ticket, {}):
            asked["tags"] = kind
        try:
            found = rest.create("tickets", content=asked)
        except Refused as error:
            words = error.values.get("why", "")
            if wanted := re.search(r"field '(\w+)'", words):
                name = wanted[1]
                raise FieldWanted(name, "the help desk wants “{field}” to be filled in", field=name) from error
            if "'group'" in words:
                raise InvalidField("group", "there is no “{value}” at {host}", value=self.group,
                                   host=self.url) from error  # fmt: skip
            raise self._too_large(error, cargo) from error
        return self._named(found)

    def _named(self, found: Mapping[str, Any]) -> str:
        key = text_in(found, "id")
        if not key.isdecimal():
            raise OutcomeUnknown("{host} did not say which ticket it made", host=self.url)
        return f"{key} {text_in(found, 'number') or key}"

    def _subject(self, ticket: Ticket) -> str:
        return subject_of(ticket, SUBJECT_CHARACTERS) or mark(ticket.report_id)

    def _article(self, ticket: Ticket, cargo: Cargo) -> dict[str, object]:
        files = [{"filename": cargo.name(file), "data": cargo.base64(file),
                  "mime-type": file.media_type or "application/octet-stream"} for file in cargo.files]  # fmt: skip
        return {"subject": self._subject(ticket), "body": render(ticket, "html"), "content_type": "text/html",
                "type": "web", "internal": False, "attachments": files}  # fmt: skip

    def _too_large(self, error: UploaderError, cargo: Cargo) -> UploaderError:
        """The web server in front refuses the whole: then the largest file goes as a link."""
        return cargo.too_large(error, self.title) if isinstance(error, TooLarge) else error

    def _find(self, rest: Rest, ticket: Ticket) -> str | None:
        """All of the same title, then the newest: an agent may have changed it, but hardly so soon."""
        newest = sorted(self._mine(rest), key=lambda item: int(item["id"]), reverse=True)
        title = self._subject(ticket)
        alike = [item for item in newest if text_in(item, "title") == title]
        others = [item for item in newest if text_in(item, "title") != title]
        for item in (*alike[:MOST_ALIKE], *others[:LOOKED_AT]):
            if self._find_article(rest, text_in(item, "id"), ticket.report_id):
                return self._named(item)
        return None

    def _find_article(self, rest: Rest, key: str, report_id: str) -> str | None:
        told = ((text_in(entry, "id"), text_in(entry, "body")) for entry in self._articles(rest, key))
        return next((number for number, text in told if mark(report_id) in text), None)

    def _articles(self, rest: Rest, key: str) -> list[dict[str, Any]]:
        found = rest.list("GET", f"ticket_articles/by_ticket/{key}", query={"expand": "true"})
        return [item for item in found if isinstance(item, dict) and item.get("internal") is not True]

    def _me(self, rest: Rest) -> str:
        return text_in(rest.read("GET", "users/me"), "id")

    def _mine(self, rest: Rest) -> list[dict[str, Any]]:
        """All of the user's tickets; those of the same organization are shown too, and are not meant."""
        me, found = self._me(rest), list[dict[str, Any]]()
        for page in range(1, MOST_PAGES + 1):
            query = {"expand": "true", "page": str(page), "per_page": str(PAGE)}
            listed = rest.list("GET", "tickets", query=query)
            found += [item for item in listed if isinstance(item, dict) and text_in(item, "customer_id") == me]
            if len(listed) < PAGE:
                break
        return found

    # -- the way back -------------------------------------------------------------------------------------------

    def news(self, mark: str) -> News:
        with self.open_wire() as wire:
            found = self._mine(self._rest(wire))
        changed = [item for item in found if not mark or moment(text_in(item, "updated_at")) >= moment(mark)]
        changed.sort(key=lambda item: moment(text_in(item, "updated_at")), reverse=True)
        newest = text_in(changed[0], "updated_at") if changed else mark
        most = most_of(mark)
        return News(newest, tuple(map(self._listed, changed[:most])), len(changed) > most)

    def conversation(self, key: str) -> Conversation:
        with self.open_wire() as wire:
            rest = self._rest(wire)
            found = self._ticket(rest, key)
            articles = self._articles(rest, key)
        me = text_in(found, "customer_id")
        return Conversation(self._own(found), tuple(_reply(entry, key, me) for entry in articles))

    def _ticket(self, rest: Rest, key: str) -> dict[str, Any]:
        return rest.read("GET", f"tickets/{key}", query={"expand": "true"})

    def _listed(self, item: Mapping[str, Any]) -> OwnTicket:
        return replace(self._own(item), elsewhere=text_in(item, "group").casefold() != self.group.casefold())

    def _own(self, item: Mapping[str, Any]) -> OwnTicket:
        key, status = text_in(item, "id"), text_in(item, "state")
        state = STATES.get(status, "open")
        may = {"closed": (), "solved": ("reply", "reopen")}.get(state, ("reply", "solve"))
        return OwnTicket(
            text_in(item, "number"), key, self._page(key), text_in(item, "title"), state, status,
            self.our_priority(text_in(item, "priority"), PRIORITIES), moment(text_in(item, "created_at")),
            moment(text_in(item, "updated_at")),
            time_in(text_in(item, "first_response_escalation_at")), time_in(text_in(item, "close_escalation_at")),
            may=may,
        )  # fmt: skip

    def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        with self.open_wire() as wire:
            rest = self._rest(wire)
            address = f"{rest.url}/ticket_attachment/{file.key}"
            self._save(wire, file, address, target, progress, rest.login)

    def reply(self, ticket: Ticket, journal: Journal, progress: Progress) -> str:
        key = ticket.reply_to
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)

            def send() -> str:
                content = {"ticket_id": int(key), **self._article(ticket, cargo)}
                try:
                    return text_in(rest.create("ticket_articles", content=content), "id") or "sent"
                except Refused as error:
                    raise self._too_large(error, cargo) from error

            done = journal.once("reply", send, partial(self._find_article, rest, key, ticket.report_id))
            journal.once("reply/open", partial(self._move, rest, key, "solved", "open"))
            cargo.arrived()
        return done

    def solve(self, key: str) -> None:
        with self.open_wire() as wire:
            self._move(self._rest(wire), key, "open", "closed")

    def reopen(self, key: str) -> None:
        with self.open_wire() as wire:
            self._move(self._rest(wire), key, "solved", "open")

    def _move(self, rest: Rest, key: str, old: State, new: str) -> str:
        """Into another state, where it is in one like ``old``. An answer alone does not open a ticket here."""
        if STATES.get(text_in(self._ticket(rest, key), "state"), "open") == old:
            rest.change("PUT", f"tickets/{key}", content={"state": new})
        return "yes"

    def _page(self, key: str) -> str:
        return f"{http_address(self.url)}/#ticket/zoom/{key}"

    def _rest(self, wire: Wire) -> Rest:
        login = {"Authorization": f"Token token={self.token.reveal()}"}
        return Rest(wire, f"{http_address(self.url)}/api/v1", login, _wrong)


def _wrong(answer: Answer) -> UploaderError:
    words = said(answer, "error", "error_human")
    if answer.status in (400, 422) and words:
        return Refused("{host} refused it: {why}", host=answer.host, why=words)
    return sort_out(answer)


def _reply(entry: Mapping[str, Any], key: str, me: str) -> Reply:
    number, body = text_in(entry, "id"), text_in(entry, "body")
    files = tuple(
        RemoteFile(f"{key}/{number}/{text_in(item, 'id')}", text_in(item, "filename"),
                   size_in(item, "size"),
                   text_in(item, "preferences", "Mime-Type"))
        for item in entry.get("attachments") or [] if isinstance(item, dict)
    )  # fmt: skip
    return Reply(number, text_in(entry, "from"), text_in(entry, "created_by_id") == me,
                 moment(text_in(entry, "created_at")),
                 plain_text(body) if text_in(entry, "content_type") == "text/html" else tidy(body), files,
                 text_in(entry, "sender") == "System")  # fmt: skip
