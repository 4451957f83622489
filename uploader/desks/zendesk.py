"""Zendesk: requests as an end user (signed in, or anonymous), or tickets through the company's own relay.

Files go first, each for a token that holds an hour. Requests know no idempotency key: one whose answer got lost is
found among the user's newest by our mark. Tickets know both a key and an external id. Source: Zendesk's developer
documentation, "Requests", "Uploads", "Ticket Fields" (2026), and what ``docs/desks/zendesk.md`` marks as unsure.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from uploader.body import mark, render
from uploader.cargo import Cargo
from uploader.errors import (
    AuthFailed,
    FieldWanted,
    FileRefused,
    InvalidField,
    OutcomeUnknown,
    Refused,
    TooLarge,
    UploaderError,
)
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
from uploader.oauth import Client
from uploader.plain_text import plain_text, tidy
from uploader.remote import MOST_OWN, demand_mail, http_address, name_of, number_in, once_unseen, subject_of
from uploader.rest import MOST_TALK, Rest, moment, objects_in, paged, said, size_in, text_in, time_in
from uploader.seen import Seen
from uploader.setting import setting
from uploader.signed_in_desk import SignedInDesk, SignedInRest
from uploader.ticket import Attachment, Choice, DeskAbilities, Limits, Progress, Ticket, TicketRef
from uploader.wire import Reply as Answer
from uploader.wire import Wire, sort_out

PRIORITIES = {"high": "high", "medium": "normal", "low": "low"}
KINDS = {"incident": "incident", "petition": "question", "suggestion": "question"}
"""Never "problem": such a ticket cannot be solved by its requester. Source: "Requests", Update Request."""
STATES: dict[str, State] = {"new": "open", "open": "open", "hold": "open", "pending": "waiting", "solved": "solved",
                            "closed": "closed"}  # fmt: skip
SUBJECT_CHARACTERS = 150
LARGEST_BYTES = 50_000_000
"""Known from practice, not from a document; larger ones are answered with 413."""
TOKEN_HOLDS_S = 50 * 60.0
"""Source: "Uploads": "The token is valid for 60 minutes"; some of them are left for the ticket's own way."""
OF_THE_TICKET = frozenset({"subject", "description", "status", "tickettype", "priority", "basic_priority", "group",
                           "assignee", "custom_status"})  # fmt: skip
"""Fields that are no custom fields."""


@dataclass(frozen=True, kw_only=True)
class Zendesk(SignedInDesk, Inbox, Library):
    title: ClassVar[str] = "Zendesk"
    abilities: ClassVar[DeskAbilities] = DeskAbilities(
        order="before", markup="plain", entry=("oauth", "anonymous", "relay"), signs_in=True,
        mail_modes=("anonymous", "relay"),
    )  # fmt: skip
    inbox: ClassVar[InboxAbilities] = InboxAbilities(rating="thumbs", solves=True, tells_if="mode=account", begins=True)

    url: str = setting("Address of Zendesk", help="https://company.zendesk.com, or that of your relay.", kind="url")
    mode: str = setting(
        "How reports get in",
        help="account: signed in by browser. anonymous: with your e-mail. relay: your company's own server.",
        choices=("account", "anonymous", "relay"),
        default="account",
    )
    form: str = setting("Ticket form", help="Its number. Empty: the usual one.", default="", rare=True)

    @classmethod
    def recognise(cls, seen: Seen) -> Mapping[str, str] | None:
        answer = seen.get("/api/v2/users/me.json")
        told = answer is not None and any(name.startswith("x-zendesk") for name in answer.headers)
        return {"url": seen.root} if told else None

    def client(self) -> Client:
        base = http_address(self.url)
        return Client(self.title, f"{base}/oauth/authorizations/new", f"{base}/oauth/tokens", self.client_id,
                      "read write", port=self.port)  # fmt: skip

    @property
    def limits(self) -> Limits:
        return Limits(file_bytes=LARGEST_BYTES)

    def choices(self, field: str) -> tuple[Choice, ...]:
        if field != "form":
            return ()
        with self.open_wire() as wire:
            query = {"active": "true", "end_user_visible": "true"}
            found = objects_in(self._rest(wire).read("GET", "ticket_forms", query=query), "ticket_forms")
        return tuple(Choice(text_in(one, "id"), text_in(one, "display_name") or text_in(one, "name")) for one in found)

    def check(self) -> None:
        """Raises: UploaderError; InvalidField when it is no Zendesk."""
        self.demand_numbers(form=self.form)
        with self.open_wire() as wire:
            rest = self._rest(wire)
            if self.mode == "relay":
                rest.read("GET", "tickets", query={"external_id": "check"})
                return
            if "user" not in rest.read("GET", "users/me"):
                raise InvalidField("url", "{host} is no {service}", host=self.url, service=self.title)
            if self.mode == "account":
                rest.read("GET", "requests", query={"per_page": "1"})

    def submit(self, ticket: Ticket, journal: Journal, progress: Progress) -> TicketRef:
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)
            tokens = [] if journal.result("create") else self._upload(rest, cargo, journal, "")
            create, tell = partial(self._create, rest, ticket, tokens), self.teller(ticket, journal)
            if self.mode == "anonymous":
                number = once_unseen(journal, "create", self.title, create)
            else:
                number = journal.once("create", create, partial(self._find, rest, ticket.report_id))
            if self.mode == "account":
                journal.once("whole", partial(self._make_whole, rest, number, cargo))
                tell(number, partial(self._say, rest, number, []), partial(self._said, rest, number))
            cargo.arrived()
        if not number:
            return TicketRef(ticket.report_id, "", unconfirmed=True)
        return TicketRef(number, self._page(number))

    def _upload(self, rest: Rest, cargo: Cargo, journal: Journal, step: str) -> list[str]:
        """Each file for a token; those of an earlier run count as long as Zendesk keeps them."""
        found = []
        for file in cargo.files:
            name = step + cargo.step(file)
            given = json.loads(journal.result(name) or "{}")
            if given and not 0 <= time.time() - given["at"] < TOKEN_HOLDS_S:
                journal.forget(name)
            given = json.loads(journal.once(name, partial(self._send, rest, cargo, file)))
            found.append(str(given["token"]))
        return found

    def _send(self, rest: Rest, cargo: Cargo, file: Attachment) -> str:
        head = {"Content-Type": file.media_type or "application/octet-stream"}
        try:
            query = {"filename": cargo.name(file)}
            told = rest.read("POST", "uploads", query=query, body=cargo.body(file), headers=head)
        except (Refused, TooLarge) as error:
            anonymous = self.mode == "anonymous" and isinstance(error, Refused)
            if anonymous or isinstance(error, TooLarge) or "why" in error.values:
                raise FileRefused(file.name, "{service} does not take “{name}”; it goes as a link",
                                  service=self.title, name=file.name) from error  # fmt: skip
            raise
        return json.dumps({"token": text_in(told, "upload", "token"), "at": time.time()})

    def _create(self, rest: Rest, ticket: Ticket, tokens: list[str]) -> str:
        given = self._custom_fields(rest, ticket)
        asked: dict[str, object] = {
            "subject": subject_of(ticket, SUBJECT_CHARACTERS),
            "comment": {"body": render(ticket, "plain"), "uploads": tokens},
            "priority": self.priority_of(ticket, PRIORITIES),
            "custom_fields": [{"id": number, "value": value} for number, value in given.items()],
        }
        if kind := self.kind_of(ticket, KINDS):
            asked["type"] = kind
        if self.form:
            asked["ticket_form_id"] = number_in(self.form, "form")
        if self.mode != "account":
            mail = demand_mail(ticket)
            asked["requester"] = {"name": name_of(ticket.requester) or mail, "email": mail}
        try:
            if self.mode == "relay":
                asked["external_id"] = ticket.report_id
                key = {"Idempotency-Key": ticket.report_id}
                found = rest.create("tickets", content={"ticket": asked}, headers=key).get("ticket") or {}
            else:
                found = rest.create("requests", content={"request": asked}).get("request") or {}
        except Refused as error:
            if error.values.get("code") == "IdempotentRequestError":  # an earlier one of ours, with other tokens
                raise OutcomeUnknown("the answer of {host} got lost", host=self.url) from error
            if "why" in error.values:
                self._demand_fields(rest, given)
            raise
        number = text_in(found, "id")
        if not number.isdecimal():
            raise OutcomeUnknown("{host} did not say which ticket it made", host=self.url)
        return number

    def _fields(self, rest: Rest) -> list[dict[str, Any]]:
        """The custom fields that this user may see; none where nobody is signed in."""
        try:
            found = objects_in(rest.read("GET", "ticket_fields"), "ticket_fields")
        except (AuthFailed, Refused):
            return []
        return [item for item in found if isinstance(item, dict) and text_in(item, "type") not in OF_THE_TICKET]

    def _custom_fields(self, rest: Rest, ticket: Ticket) -> dict[int, str]:
        """Numbers as they are; names by the titles that users see."""
        wanted = self.field_values(ticket)
        found = {int(name): value for name, value in wanted.items() if name.isdecimal()}
        if len(found) < len(wanted):
            for item in self._fields(rest):
                for name in {text_in(item, "title_in_portal"), text_in(item, "title")} & set(wanted):
                    found[int(item["id"])] = wanted[name]
        return found

    def _demand_fields(self, rest: Rest, given: Mapping[int, str]) -> None:
        """Raises: FieldWanted for the first field that users must fill in and that was not."""
        for item in self._fields(rest):
            if item.get("required_in_portal") and item.get("active", True) and int(item["id"]) not in given:
                name = text_in(item, "title_in_portal") or text_in(item, "title")
                raise FieldWanted(name, "the help desk wants “{field}” to be filled in", field=name)

    def _find(self, rest: Rest, report_id: str) -> str | None:
        if self.mode == "relay":
            found = objects_in(rest.read("GET", "tickets", query={"external_id": report_id}), "tickets")
            return next((text_in(item, "id") for item in found if isinstance(item, dict)), None)
        for item in _requests(rest, "created_at", MOST_OWN):
            if mark(report_id) in text_in(item, "description"):
                return text_in(item, "id")
        return None

    def _make_whole(self, rest: Rest, number: str, cargo: Cargo) -> str:
        """Adds the files whose tokens had ended before the request was made. Raises: FileRefused."""
        held = [item for entry in self._comments(rest, number) for item in objects_in(entry, "attachments")]
        missing = cargo.missing((text_in(item, "file_name"), item.get("size", 0)) for item in held)
        if missing:
            again = cargo.only(missing)
            tokens = [json.loads(self._send(rest, again, file))["token"] for file in missing]
            comment = {"body": ", ".join(cargo.name(file) for file in missing), "uploads": tokens}
            rest.change("PUT", f"requests/{number}", content={"request": {"comment": comment}})
        return "yes"

    # -- the way back -------------------------------------------------------------------------------------------

    def news(self, mark: str) -> News:
        """Those who are not signed in get their answers by e-mail: no news here."""
        if self.mode != "account":
            return News(mark)
        with self.open_wire() as wire:
            found = map(self._own, _requests(self._rest(wire), "updated_at", most_of(mark)))
            tickets = list(takewhile(lambda ticket: not mark or ticket.updated_at >= moment(mark), found))
        newest = max((ticket.updated_at for ticket in tickets), default=None)
        return News(f"{newest:%Y-%m-%dT%H:%M:%SZ}" if newest else mark, tuple(tickets), len(tickets) >= most_of(mark))

    def conversation(self, key: str) -> Conversation:
        with self.open_wire() as wire:
            rest = self._signed_in(wire)
            found = rest.read("GET", f"requests/{key}", inside="request")
            comments, me = self._comments(rest, key), text_in(found, "requester_id")
        return Conversation(self._own(found), tuple(_reply(entry, me) for entry in comments))

    def _comments(self, rest: Rest, key: str) -> list[dict[str, Any]]:
        def read(page: int) -> list[dict[str, Any]]:
            query = {"per_page": "100", "page": str(page), "sort_by": "created_at", "sort_order": "asc"}
            told = rest.read("GET", f"requests/{key}/comments", query=query)
            names = {text_in(user, "id"): text_in(user, "name") for user in objects_in(told, "users")}
            listed = objects_in(told, "comments")
            return [{**entry, "author": names.get(text_in(entry, "author_id"), "")} for entry in listed]

        return list(paged(read, 100, MOST_TALK))

    def _own(self, item: Mapping[str, Any]) -> OwnTicket:
        number, status = text_in(item, "id"), text_in(item, "status")
        state = STATES.get(status, "open")
        may = {"closed": [], "solved": ["reply", "rate"]}.get(state, ["reply"])
        if state in ("open", "waiting") and item.get("can_be_solved_by_me") is True:
            may = ["reply", "solve"]
        return OwnTicket(
            number, number, self._page(number), text_in(item, "subject"), state, status,
            self.our_priority(text_in(item, "priority"), PRIORITIES),
            moment(text_in(item, "created_at")), moment(text_in(item, "updated_at")),
            due_at=time_in(text_in(item, "due_at")), may=tuple(may),
        )  # fmt: skip

    def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        """Its address is Zendesk's own word; only at Zendesk itself it is shown who asks."""
        with self.open_wire() as wire:
            rest = self._signed_in(wire)
            here = urlsplit(file.key)[:2] == urlsplit(self._base)[:2]
            login = {"Authorization": f"Bearer {self.login.token(rest.wire)}"} if here else {}
            self._save(wire, file, file.key, target, progress, login, follow=5)

    def reply(self, ticket: Ticket, journal: Journal, progress: Progress) -> str:
        key = ticket.reply_to
        with self.open_wire() as wire:
            rest, cargo = self._signed_in(wire), Cargo(ticket.attachments, progress)
            tokens = [] if journal.result("reply") else self._upload(rest, cargo, journal, "reply/")
            done = journal.once("reply", partial(self._say, rest, key, tokens, ticket),
                                partial(self._said, rest, key, mark(ticket.report_id)))  # fmt: skip
            cargo.arrived()
        return done

    @staticmethod
    def _say(rest: Rest, key: str, tokens: list[str], ticket: Ticket) -> str:
        comment = {"body": render(ticket, "plain"), "uploads": tokens}
        rest.change("PUT", f"requests/{key}", content={"request": {"comment": comment}})
        return "sent"

    def _said(self, rest: Rest, key: str, words: str) -> str | None:
        return next((text_in(e, "id") for e in self._comments(rest, key) if words in text_in(e, "body")), None)

    def solve(self, key: str) -> None:
        with self.open_wire() as wire:
            rest = self._signed_in(wire)
            found = rest.read("GET", f"requests/{key}", inside="request")
            if text_in(found, "status") in ("solved", "closed"):
                return
            if found.get("can_be_solved_by_me") is not True:
                raise Refused("{service} lets you close it once an agent has taken it", service=self.title)
            rest.change("PUT", f"requests/{key}", content={"request": {"solved": True}})

    def rate(self, key: str, score: int, comment: str) -> None:
        rating = {"score": "good" if score >= 3 else "bad", "comment": comment}
        with self.open_wire() as wire:
            path = f"tickets/{key}/satisfaction_rating"
            self._signed_in(wire).change("POST", path, content={"satisfaction_rating": rating})

    def articles(self, query: str, language: str) -> tuple[Article, ...]:
        wanted = {"query": query, "locale": language, "per_page": "5"}
        with self.open_wire() as wire:
            rest = Rest(wire, f"{self._base}/api/v2", wrong=self._wrong)  # open to everybody
            rest = self._rest(wire) if self.mode == "account" and self.refresh_token else rest
            found = rest.read("GET", "help_center/articles/search", query=wanted).get("results", [])
        return tuple(
            Article(tidy(text_in(item, "title")), text_in(item, "html_url"), plain_text(text_in(item, "snippet")),
                    text_in(item, "id"), plain_text(text_in(item, "body")))
            for item in found[:5] if isinstance(item, dict)
        )  # fmt: skip

    @property
    def _base(self) -> str:
        return http_address(self.url)

    def _page(self, number: str) -> str:
        return f"{self._base}/hc/requests/{number}"

    def _rest(self, wire: Wire) -> Rest:
        account = self.login if self.mode == "account" else None
        return SignedInRest(wire, f"{self._base}/api/v2", wrong=self._wrong, account=account)

    def _signed_in(self, wire: Wire) -> Rest:
        """Raises: Refused where answers come by e-mail."""
        if self.mode != "account":
            raise Refused("{service} answers by e-mail; read and answer it there", service=self.title)
        return self._rest(wire)

    def _wrong(self, answer: Answer) -> UploaderError:
        words = _words(answer)
        if answer.status == 403 and self.mode == "account" and urlsplit(answer.url).path.endswith("/requests"):
            return Refused("{service} wants the account's e-mail address confirmed first; look into its mail",
                           service=self.title)  # fmt: skip
        if answer.status == 401 and self.mode == "anonymous":
            return Refused("{service} takes nothing from people who are not signed in; choose another way in",
                           service=self.title)  # fmt: skip
        if answer.status in (400, 422):
            return Refused("{host} refused it: {why}", host=answer.host, why=words or str(answer.status),
                           code=said(answer, "error"))  # fmt: skip
        return sort_out(answer)


def _requests(rest: Rest, order: str, most: int) -> Iterator[dict[str, Any]]:
    query = {"sort_by": order, "sort_order": "desc", "per_page": "100"}
    read = partial(rest.read, "GET", "requests")
    return paged(lambda page: objects_in(read(query={**query, "page": str(page)}), "requests"), 100, most)


def _words(answer: Answer) -> str:
    """What is wrong with a record, in Zendesk's words; else its short description."""
    try:
        found = json.loads(answer.body)
        parts = [text_in(each, "description") for each in found["details"]["base"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return said(answer, "description", "message", "error")
    return " ".join(" ".join(tidy(part).split()) for part in parts)[:200]


def _reply(entry: Mapping[str, Any], me: str) -> Reply:
    author, html = text_in(entry, "author_id"), text_in(entry, "html_body")
    files = tuple(
        RemoteFile(text_in(item, "content_url"), text_in(item, "file_name"), size_in(item, "size"),
                   text_in(item, "content_type"))
        for item in objects_in(entry, "attachments")
    )  # fmt: skip
    text = plain_text(html) if html else tidy(text_in(entry, "body"))
    return Reply(text_in(entry, "id"), text_in(entry, "author"), author == me, moment(text_in(entry, "created_at")),
                 text, files)  # fmt: skip
