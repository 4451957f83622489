"""Freshdesk: tickets by its REST interface, which is for agents: end users come through the company's own relay.

A ticket and its files travel in one call. There is no idempotency key: a lost one is found among the newest tickets of
the user's address by our mark. Agents' private notes are never shown. Source: Freshdesk's API v2 through second sources
(2026); ``docs/desks/freshdesk.md`` says how sure each rule is.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from uploader.body import mark, render
from uploader.cargo import Cargo
from uploader.errors import FieldWanted, Gone, OutcomeUnknown, Refused, TooLarge, UploaderError
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
from uploader.journal import Journal
from uploader.plain_text import plain_text, tidy
from uploader.remote import MOST_OWN, RemoteDesk, demand_mail, http_address, mail_of, name_of, number_in, subject_of
from uploader.rest import MOST_TALK, Rest, moment, paged, said, size_in, text_in, time_in
from uploader.seen import Seen
from uploader.setting import Secret, setting
from uploader.ticket import DeskAbilities, Limits, Progress, Ticket, TicketRef
from uploader.wire import Reply as Answer
from uploader.wire import Wire, sort_out

PRIORITIES = {"high": "3", "medium": "2", "low": "1"}
OPEN, RESOLVED, PORTAL = 2, 4, 2
STATES: dict[int, tuple[State, str]] = {
    2: ("open", "Open"), 3: ("waiting", "Pending"), 4: ("solved", "Resolved"), 5: ("closed", "Closed"),
    6: ("waiting", "Waiting on Customer"), 7: ("open", "Waiting on Third Party"),
}  # fmt: skip
RANKS = {"4": "Urgent"}
"""What we never write."""
RATINGS = {1: -103, 2: -103, 3: 100, 4: 103, 5: 103}
"""The ends and the middle of every scale that a survey may have."""
LARGEST_BYTES = 20_000_000
"""Of all files of one ticket. Source: API v2, "Create a Ticket": "the total attachment size cannot exceed 20MB"."""
SUBJECT_CHARACTERS = 255
PAGE = 100


@dataclass(frozen=True, kw_only=True)
class Freshdesk(RemoteDesk, Inbox, Library):
    title: ClassVar[str] = "Freshdesk"
    abilities: ClassVar[DeskAbilities] = DeskAbilities(order="inside", markup="html", entry=("relay", "token"))
    inbox: ClassVar[InboxAbilities] = InboxAbilities(rating="stars", solves=True, reopens=True, tells_if="mail")

    url: str = setting("Address of the relay, or of Freshdesk", help="https://desk-relay.example.org", kind="url")
    mail: str = setting("Your e-mail address at the help desk", help="Empty: answers come by e-mail only.", default="")
    key: Secret = setting(
        "Your own API key", help="Only for agents. Through a relay leave it empty.", kind="secret", default=Secret(""),
        rare=True,
    )  # fmt: skip

    @classmethod
    def recognise(cls, seen: Seen) -> Mapping[str, str] | None:
        found = seen.json("/api/v2/tickets")
        return {"url": seen.root} if isinstance(found, dict) and found.get("code") == "invalid_credentials" else None

    @property
    def limits(self) -> Limits:
        return Limits(file_bytes=LARGEST_BYTES, total_bytes=LARGEST_BYTES)

    def check(self) -> None:
        self.demand_numbers(priorities=self.priorities)
        with self.open_wire() as wire:
            self._rest(wire).list("GET", "tickets", query={"per_page": "1"})

    def asks(self) -> tuple[str, ...]:
        return () if self.mail else ("mail",)

    def submit(self, ticket: Ticket, journal: Journal, progress: Progress) -> TicketRef:
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)
            number = journal.once(
                "create",
                partial(self._create, rest, ticket, cargo, journal),
                partial(self._find, rest, ticket, journal),
            )
            cargo.arrived()
        return TicketRef(number, self._page(number))

    def _create(self, rest: Rest, ticket: Ticket, cargo: Cargo, journal: Journal) -> str:
        mail = journal.note("mail", self.mail or demand_mail(ticket))
        asked: dict[str, object] = {
            "subject": subject_of(ticket, SUBJECT_CHARACTERS),
            "description": render(ticket, "html"),
            "email": mail,
            "name": name_of(ticket.requester) or mail,
            "priority": number_in(self.priority_of(ticket, PRIORITIES), "priorities", "1"),
            "status": OPEN,
            "source": PORTAL,
        }
        if kind := self.kind_of(ticket, {}):
            asked["type"] = kind
        if fields := self._custom_fields(rest, ticket):
            asked["custom_fields"] = fields
        found = self._send(rest, "tickets", asked, cargo, ticket.report_id)
        number = text_in(found, "id")
        if not number.isdecimal():
            raise OutcomeUnknown("{host} did not say which ticket it made", host=self.url)
        return number

    def _send(self, rest: Rest, path: str, asked: Mapping[str, object], cargo: Cargo, seed: str) -> dict[str, Any]:
        """As JSON, or with files as a form, in which nested names stand in brackets."""
        try:
            if not cargo.files:
                return rest.create(path, content=asked)
            files = [Part("attachments[]", cargo.name(f), f.media_type, cargo.body(f)) for f in cargo.files]
            form = Form(_flat(asked), files, seed + path)
            return rest.create(path, body=form, headers={"Content-Type": form.content_type})
        except TooLarge as error:
            raise cargo.too_large(error, self.title) from error
        except Refused as error:
            if name := error.values.get("missing"):
                label = next((text_in(item, "label") for item in self._fields(rest) if item.get("name") == name), name)
                raise FieldWanted(label, "the help desk wants “{field}” to be filled in", field=label) from error
            raise

    def _fields(self, rest: Rest) -> list[dict[str, Any]]:
        try:
            return [item for item in rest.list("GET", "ticket_fields") if isinstance(item, dict)]
        except Refused as error:
            if error.code == "auth_failed":
                raise
            return []

    def _custom_fields(self, rest: Rest, ticket: Ticket) -> dict[str, str]:
        """Names that begin as Freshdesk's own do, and labels of fields that it has."""
        wanted = self.field_values(ticket)
        found = {name: value for name, value in wanted.items() if name.startswith("cf_")}
        if len(found) < len(wanted):
            known = {text_in(item, "label"): text_in(item, "name") for item in self._fields(rest)}
            found |= {known[label]: value for label, value in wanted.items() if known.get(label, "")[:3] == "cf_"}
        return found

    def _find(self, rest: Rest, ticket: Ticket, journal: Journal) -> str | None:
        """Under the address that it went with: it may have been put right since."""
        mail = journal.result("mail") or self.mail or mail_of(ticket.requester)
        query = {"email": mail, "include": "description", "order_by": "created_at",
                 "order_type": "desc"}  # fmt: skip
        for item in self._pages(rest, query, MOST_OWN):
            if mark(ticket.report_id) in text_in(item, "description"):
                return text_in(item, "id")
        return None

    def _pages(self, rest: Rest, query: Mapping[str, str], most: int) -> Iterator[dict[str, Any]]:
        size = {"per_page": str(PAGE)}
        return paged(lambda page: self._tickets(rest, {**query, **size, "page": str(page)}), PAGE, most)

    def _tickets(self, rest: Rest, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """Those of an address; none when Freshdesk does not know the address yet."""
        try:
            return [item for item in rest.list("GET", "tickets", query=query) if isinstance(item, dict)]
        except Refused as error:
            if error.values.get("field") == "email":
                return []
            raise

    # -- the way back -------------------------------------------------------------------------------------------

    def news(self, mark: str) -> News:
        """Those who have given no address get their answers by e-mail: no news here. Freshdesk lists the tickets of
        the last 30 days unless it is told since when."""
        if not self.mail:
            return News(mark)
        query = {"email": self.mail, "order_by": "updated_at", "order_type": "desc",
                 "updated_since": mark or "2015-01-01T00:00:00Z"}  # fmt: skip
        with self.open_wire() as wire:
            tickets = [self._own(item) for item in self._pages(self._rest(wire), query, most_of(mark))]
        newest = max((ticket.updated_at for ticket in tickets), default=None)
        return News(f"{newest:%Y-%m-%dT%H:%M:%SZ}" if newest else mark, tuple(tickets), len(tickets) >= most_of(mark))

    def conversation(self, key: str) -> Conversation:
        with self.open_wire() as wire:
            rest = self._rest(wire)
            item = self._mine(rest, key)
            talk = [entry for entry in self._talk(rest, key) if entry.get("private") is not True]
        me, name = text_in(item, "requester_id"), text_in(item, "requester", "name")
        opening = Reply(f"ticket-{key}", name, True, moment(text_in(item, "created_at")),
                        plain_text(text_in(item, "description")), _files(item))  # fmt: skip
        return Conversation(self._own(item), (opening, *(_reply(entry, me, name) for entry in talk)))

    def _mine(self, rest: Rest, key: str) -> dict[str, Any]:
        """An agent's key reads every ticket: only the user's own is shown. Raises: Gone; Refused."""
        if not self.mail:
            raise Refused("{service} answers by e-mail; read and answer it there", service=self.title)
        item = rest.read("GET", f"tickets/{key}", query={"include": "requester"})
        if text_in(item, "requester", "email").lower() != self.mail.lower():
            raise Gone("{host} does not know it, or no longer ({status})", host=self.url, status="404")
        return item

    def _talk(self, rest: Rest, key: str) -> list[dict[str, Any]]:
        def read(page: int) -> list[Any]:
            query = {"per_page": str(PAGE), "page": str(page)}
            return rest.list("GET", f"tickets/{key}/conversations", query=query)

        return list(paged(read, PAGE, MOST_TALK))

    def _own(self, item: Mapping[str, Any]) -> OwnTicket:
        number, status, rank = text_in(item, "id"), item.get("status"), text_in(item, "priority")
        state, words = STATES.get(status if isinstance(status, int) else OPEN, ("open", str(status)))
        may = {"closed": ("reopen",), "solved": ("reply", "reopen", "rate")}.get(state, ("reply", "solve"))
        return OwnTicket(
            number, number, self._page(number), text_in(item, "subject"), state, words,
            RANKS.get(rank, self.our_priority(rank, PRIORITIES)), moment(text_in(item, "created_at")),
            moment(text_in(item, "updated_at")), time_in(text_in(item, "fr_due_by")),
            time_in(text_in(item, "due_by")), may,
        )  # fmt: skip

    def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        """Its address is signed and open to whoever has it, at another host: nobody's key goes there."""
        with self.open_wire() as wire:
            self._save(wire, file, file.key, target, progress, follow=5)

    def reply(self, ticket: Ticket, journal: Journal, progress: Progress) -> str:
        """As a public note that came in from the requester: a note is private unless it is told otherwise."""
        key = ticket.reply_to
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)

            def send() -> str:
                asked = {"body": render(ticket, "html"), "private": False, "incoming": True,
                         "user_id": self._mine(rest, key)["requester_id"]}  # fmt: skip
                found = self._send(rest, f"tickets/{key}/notes", asked, cargo, ticket.report_id)
                return text_in(found, "id") or "sent"

            def find() -> str | None:
                told = ((text_in(entry, "id"), text_in(entry, "body")) for entry in self._talk(rest, key))
                return next((number for number, text in told if mark(ticket.report_id) in text), None)

            done = journal.once("reply", send, find)
            cargo.arrived()
        return done

    def solve(self, key: str) -> None:
        self._move(key, RESOLVED)

    def reopen(self, key: str) -> None:
        self._move(key, OPEN)

    def _move(self, key: str, status: int) -> None:
        with self.open_wire() as wire:
            rest = self._rest(wire)
            now = STATES.get(self._mine(rest, key).get("status", 0), ("open", ""))[0]
            if (now in ("solved", "closed")) is not (status == RESOLVED):
                rest.change("PUT", f"tickets/{key}", content={"status": status})

    def rate(self, key: str, score: int, comment: str) -> None:
        asked = {"feedback": comment, "ratings": {"default_question": RATINGS[score]}}
        with self.open_wire() as wire:
            rest, path = self._rest(wire), f"tickets/{key}/satisfaction_ratings"
            self._mine(rest, key)
            if not rest.list("GET", path):
                rest.change("POST", path, content=asked)

    def articles(self, query: str, language: str) -> tuple[Article, ...]:
        with self.open_wire() as wire:
            found = self._rest(wire).list("GET", "search/solutions", query={"term": query})
        return tuple(
            Article(tidy(text_in(item, "title")), f"{self._base}/support/solutions/articles/{text_in(item, 'id')}",
                    tidy(text_in(item, "description_text"))[:300], text_in(item, "id"),
                    tidy(text_in(item, "description_text")))
            for item in found[:5] if isinstance(item, dict)
        )  # fmt: skip

    @property
    def _base(self) -> str:
        return http_address(self.url)

    def _page(self, number: str) -> str:
        return f"{self._base}/support/tickets/{number}"

    def _rest(self, wire: Wire) -> Rest:
        """The key is the name, the password any letter. Source: API v2, "Authentication"."""
        given = base64.b64encode(f"{self.key.reveal()}:X".encode()).decode()
        return Rest(wire, f"{self._base}/api/v2", {"Authorization": f"Basic {given}"} if self.key else {}, _wrong)


def _wrong(answer: Answer) -> UploaderError:
    """By codes, never by words."""
    if answer.status == 413:
        return TooLarge("{host} does not take a file of this size", host=answer.host, limit_bytes=LARGEST_BYTES)
    if answer.status not in (400, 409):
        return sort_out(answer)
    try:
        wrong = [item for item in json.loads(answer.body)["errors"] if isinstance(item, dict)]
    except (ValueError, KeyError, TypeError, RecursionError):
        wrong = []
    why = "; ".join(f"{text_in(item, 'field')}: {text_in(item, 'message')}" for item in wrong)
    why = " ".join(tidy(why or said(answer, "message", "description")).split())[:200] or str(answer.status)
    missing = next((text_in(item, "field") for item in wrong if item.get("code") == "missing_field"), "")
    return Refused("{host} refused it: {why}", host=answer.host, why=why, missing=missing,
                   field=text_in(wrong[0], "field") if wrong else "")  # fmt: skip


def _flat(asked: Mapping[str, object]) -> Iterable[tuple[str, str]]:
    for name, value in asked.items():
        if isinstance(value, dict):
            yield from ((f"{name}[{inner}]", str(each)) for inner, each in value.items())
        else:
            yield name, str(value).lower() if isinstance(value, bool) else str(value)


def _files(item: Mapping[str, Any]) -> tuple[RemoteFile, ...]:
    return tuple(
        RemoteFile(text_in(file, "attachment_url"), text_in(file, "name"), size_in(file, "size"),
                   text_in(file, "content_type"))
        for file in item.get("attachments") or [] if isinstance(file, dict)
    )  # fmt: skip


def _reply(entry: Mapping[str, Any], me: str, name: str) -> Reply:
    mine = text_in(entry, "user_id") == me
    author = name if mine else text_in(entry, "from_email")
    return Reply(text_in(entry, "id"), author, mine, moment(text_in(entry, "created_at")),
                 plain_text(text_in(entry, "body")), _files(entry))  # fmt: skip
