"""FreeScout: conversations by its module "API & Webhooks", whose one key opens all of it: so reports come through the
company's own relay, which adds the key.

A conversation and its files are one call. There is no idempotency key: a lost one is found among the newest of the
user's address by our mark. Notes and drafts of the agents are never shown. Source: FreeScout's API documentation
(api-docs.freescout.net, 2023 to 2026); ``docs/desks/freescout.md`` says how sure each rule is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from uploader.body import mark, render
from uploader.cargo import Cargo
from uploader.errors import (
    AuthFailed,
    Gone,
    InvalidField,
    OutcomeUnknown,
    Refused,
    TooLarge,
    UploaderError,
)
from uploader.inbox import (
    MOST_TICKETS,
    Conversation,
    Inbox,
    InboxAbilities,
    News,
    OwnTicket,
    RemoteFile,
    Reply,
    State,
    most_of,
)
from uploader.journal import Journal
from uploader.plain_text import plain_text, tidy
from uploader.remote import (
    MOST_OWN,
    RemoteDesk,
    ask_the_person,
    demand_mail,
    http_address,
    mail_of,
    name_of,
    pairs,
    subject_of,
)
from uploader.rest import Rest, moment, paged, said, size_in, text_in
from uploader.seen import Seen
from uploader.setting import Secret, setting
from uploader.ticket import Choice, DeskAbilities, Limits, Progress, Ticket, TicketRef
from uploader.wire import Reply as Answer
from uploader.wire import Wire, sort_out

PRIORITIES = {"high": "High", "medium": "Medium", "low": "Low"}
"""Choices of a custom field, in the words of the documentation's example: FreeScout itself has no priority."""
STATES: dict[str, tuple[State, str]] = {
    "active": ("open", "Active"), "pending": ("waiting", "Pending"), "closed": ("solved", "Closed"),
}  # fmt: skip
"""A customer's reply opens a closed one again. Source: "Create Thread", status."""
EVERY_STATUS = ("active", "pending", "closed", "spam")
SHOWN = ("customer", "message")
"""Of the kinds of threads; a note is the agents' own, a lineitem is what the system notes."""
SUBJECT_CHARACTERS = 250
PAGE = 50
"""Source: "List Conversations", pageSize: "defaults to 50"."""


@dataclass(frozen=True, kw_only=True)
class FreeScout(RemoteDesk, Inbox):
    title: ClassVar[str] = "FreeScout"
    abilities: ClassVar[DeskAbilities] = DeskAbilities(order="inside", markup="html", entry=("relay",))
    inbox: ClassVar[InboxAbilities] = InboxAbilities(tells_if="mail")

    url: str = setting("Address of the relay", help="https://desk-relay.example.org", kind="url")
    mailbox: str = setting("Mailbox", help="Its number, as in the address of its page.")
    mail: str = setting("Your e-mail address at the help desk", help="Empty: answers come by e-mail only.", default="")
    key: Secret = setting(
        "API key", help="Leave it empty: the relay adds it. It opens all of FreeScout.", kind="secret",
        default=Secret(""), rare=True,
    )  # fmt: skip
    priority_field: str = setting(
        "Field for the priority", help="A custom field of the mailbox, by its name.", default="", rare=True
    )
    largest_mb: float = setting(
        "Largest file, in MB", help="Of all files of a report together; more goes as a link.", kind="number",
        default=5.0, least=0.1, most=25,
    )  # fmt: skip

    @classmethod
    def recognise(cls, seen: Seen) -> Mapping[str, str] | None:
        seen = seen.cut("/conversation", "/mailbox", "/login", "/help", "/users", "/password", "/customers")
        page = seen.text()
        return {"url": seen.url} if "user-is-guest" in page and "freescout" in page.lower() else None

    @property
    def limits(self) -> Limits:
        most = int(self.largest_mb * 1_000_000)
        return Limits(file_bytes=most, total_bytes=most)

    def choices(self, field: str) -> tuple[Choice, ...]:
        if field != "mailbox":
            return ()
        with self.open_wire() as wire:
            found = _all(self._rest(wire), "mailboxes", "mailboxes", {})
        return tuple(Choice(text_in(item, "id"), text_in(item, "name")) for item in found)

    def check(self) -> None:
        with self.open_wire() as wire:
            known = [text_in(item, "id") for item in _all(self._rest(wire), "mailboxes", "mailboxes", {})]
        if self.mailbox not in known:
            raise _no_mailbox(self.mailbox, self.url)

    def asks(self) -> tuple[str, ...]:
        return () if self.mail else ("mail",)

    def submit(self, ticket: Ticket, journal: Journal, progress: Progress) -> TicketRef:
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)
            find = partial(self._find, rest, ticket, journal)
            key = journal.once("create", partial(self._create, rest, ticket, cargo, journal), find)
            number = journal.once("number", partial(_number, rest, key)) if key else ""
            cargo.arrived()
        if not key:
            return TicketRef(ticket.report_id, "", unconfirmed=True)
        return TicketRef(number, self._page(key), key)

    def _create(self, rest: Rest, ticket: Ticket, cargo: Cargo, journal: Journal) -> str:
        mail = journal.note("mail", self.mail or demand_mail(ticket))
        customer = {"email": mail, **({"firstName": name} if (name := name_of(ticket.requester)[:40]) else {})}
        mailbox = self.kind_of(ticket, {}) or self.mailbox
        if not mailbox.isdecimal():
            raise _no_mailbox(mailbox, self.url)
        asked: dict[str, object] = {
            "type": "email",
            "mailboxId": int(mailbox),
            "subject": subject_of(ticket, SUBJECT_CHARACTERS) or mark(ticket.report_id),
            "customer": customer,
            "threads": [_thread(ticket, cargo, customer)],
            "imported": False,
            "status": "active",
        }
        if fields := self._custom_fields(rest, ticket, mailbox):
            asked["customFields"] = fields
        return _made(rest, "conversations", asked, cargo)

    def _custom_fields(self, rest: Rest, ticket: Ticket, mailbox: str) -> list[dict[str, object]]:
        """By number, or by name where the module "Custom Fields" knows it; what it does not know stands in the text."""
        wanted = self.field_values(ticket)
        if self.priority_field:
            wanted[self.priority_field] = self.priority_of(ticket, PRIORITIES)
        known: dict[str, dict[str, Any]] = {}
        if any(not name.isdecimal() for name in wanted):
            try:
                listed = _all(rest, f"mailboxes/{mailbox}/custom_fields", "custom_fields", {})
                known = {text_in(item, "name"): item for item in listed}
            except AuthFailed:
                raise
            except Refused:  # no such module, or the relay lets nobody look
                pass
        found = list[dict[str, object]]()
        for name, value in wanted.items():
            number = name if name.isdecimal() else text_in(known.get(name, {}), "id")
            options = known.get(name, {}).get("options")
            numbers = {label: key for key, label in options.items()} if isinstance(options, dict) else {}
            if number and value:  # a dropdown takes the number of its choice
                found.append({"id": int(number), "value": numbers.get(value, value)})
        return found

    def _find(self, rest: Rest, ticket: Ticket, journal: Journal) -> str | None:
        """Lists hold one status at a time: "Filter conversation by status (defaults to active)". Under the address
        that it went with: it may have been put right since.

        Empty: it arrived, says the person. Raises: MaybeSent when the relay lets nobody look.
        """
        mail = journal.result("mail") or self.mail or mail_of(ticket.requester)
        query = {"customerEmail": mail, "sortField": "createdAt", "sortOrder": "desc",
                 "embed": "threads", "pageSize": str(PAGE)}  # fmt: skip
        try:
            for status in EVERY_STATUS:
                for item in paged(partial(_page, rest, {**query, "status": status}), PAGE, MOST_OWN):
                    if any(mark(ticket.report_id) in text_in(entry, "body") for entry in _embedded(item, "threads")):
                        return text_in(item, "id")
        except AuthFailed:
            raise
        except Refused:
            return ask_the_person(journal, "create", self.title)
        return None

    # -- the way back -------------------------------------------------------------------------------------------

    def news(self, mark: str) -> News:
        """Those who have given no address get their answers by e-mail: no news here. Moments are whole seconds and
        count when they are after the one asked for: the second of the mark is asked for once more."""
        if not self.mail:
            return News(mark)
        query = {"customerEmail": self.mail, "state": "published", "sortField": "updatedAt", "sortOrder": "desc",
                 "pageSize": str(PAGE)}  # fmt: skip
        if mark:
            query["updatedSince"] = f"{moment(mark) - timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"
        with self.open_wire() as wire:
            rest, most = self._rest(wire), most_of(mark)
            pages = (_all(rest, "conversations", "conversations", {**query, "status": each}, most) for each in STATES)
            found = [item for listed in pages for item in listed]
        tickets = {text_in(item, "id"): self._own(item) for item in found if self._is_mine(item)}
        newest = sorted(tickets.values(), key=lambda ticket: ticket.updated_at, reverse=True)
        del newest[most:]
        now = f"{newest[0].updated_at:%Y-%m-%dT%H:%M:%SZ}" if newest else mark
        return News(now, tuple(newest), len(found) >= most)

    def conversation(self, key: str) -> Conversation:
        with self.open_wire() as wire:
            item = self._mine(self._rest(wire), key)
        talk = [
            entry for entry in _embedded(item, "threads")
            if entry.get("type") in SHOWN and entry.get("state") in ("published", None)
        ]  # fmt: skip
        talk.sort(key=lambda entry: (moment(text_in(entry, "createdAt")), int(text_in(entry, "id") or 0)))
        return Conversation(self._own(item), tuple(map(_reply, talk)))

    def _is_mine(self, item: Mapping[str, Any]) -> bool:
        return text_in(item, "customer", "email").lower() == self.mail.lower() and item.get("state") != "deleted"

    def _mine(self, rest: Rest, key: str) -> dict[str, Any]:
        """The key reads every conversation: only the user's own is shown. Raises: Gone; Refused."""
        if not self.mail:
            raise Refused("{service} answers by e-mail; read and answer it there", service=self.title)
        item = rest.read("GET", f"conversations/{key}", query={"embed": "threads"})
        if not self._is_mine(item):
            raise Gone("{host} does not know it, or no longer ({status})", host=self.url, status="404")
        return item

    def _own(self, item: Mapping[str, Any]) -> OwnTicket:
        state, words = STATES.get(text_in(item, "status"), ("closed", text_in(item, "status")))
        key, fields = text_in(item, "id"), item.get("customFields") or []
        ranks = [text_in(each, "text") or text_in(each, "value") for each in fields
                 if self.priority_field and each.get("name") == self.priority_field]  # fmt: skip
        return OwnTicket(
            text_in(item, "number") or key, key, self._page(key), text_in(item, "subject"), state, words,
            self.our_priority("".join(ranks), PRIORITIES),
            moment(text_in(item, "createdAt")), moment(text_in(item, "updatedAt")),
            elsewhere=text_in(item, "mailboxId") not in {self.mailbox, *pairs(self.kinds, "kinds").values()},
        )  # fmt: skip

    def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        """Its address holds a token of its own, and may be at another host: nobody's key goes there."""
        with self.open_wire() as wire:
            self._save(wire, file, file.key, target, progress, follow=5)

    def reply(self, ticket: Ticket, journal: Journal, progress: Progress) -> str:
        key = ticket.reply_to
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)

            def send() -> str:
                self._mine(rest, key)
                asked = _thread(ticket, cargo, {"email": self.mail})
                return _made(rest, f"conversations/{key}/threads", asked, cargo)

            def find() -> str | None:
                told = _embedded(self._mine(rest, key), "threads")
                return next((text_in(e, "id") for e in told if mark(ticket.report_id) in text_in(e, "body")), None)

            done = journal.once("reply", send, find)
            cargo.arrived()
        return done

    @property
    def _base(self) -> str:
        return http_address(self.url)

    def _page(self, key: str) -> str:
        return f"{self._base}/conversation/{key}"

    def _rest(self, wire: Wire) -> Rest:
        login = {"X-FreeScout-API-Key": self.key.reveal()} if self.key else {}
        return Rest(wire, f"{self._base}/api", login, _wrong)


def _thread(ticket: Ticket, cargo: Cargo, customer: Mapping[str, str]) -> dict[str, object]:
    files = [
        {"fileName": cargo.name(f), "mimeType": f.media_type or "application/octet-stream", "data": cargo.base64(f)}
        for f in cargo.files
    ]
    return {"type": "customer", "text": render(ticket, "html"), "customer": dict(customer),
            **({"attachments": files} if files else {})}  # fmt: skip


def _made(rest: Rest, path: str, asked: Mapping[str, object], cargo: Cargo) -> str:
    """The number of what was made, which stands in a header. Source: "Status Codes", 201."""
    try:
        answer = rest.call("POST", path, content=asked)
    except TooLarge as error:
        raise cargo.too_large(error, FreeScout.title) from error
    number = answer.headers.get("resource-id", "").strip()
    if answer.status != 201 or not number.isdecimal():
        raise OutcomeUnknown("{host} did not say which ticket it made", host=answer.host)
    return number


def _number(rest: Rest, key: str) -> str:
    """What people say; the key where a relay lets nobody read."""
    try:
        return text_in(rest.read("GET", f"conversations/{key}", query={"embed": "tags"}), "number") or key
    except AuthFailed:
        raise
    except Refused:
        return key


def _all(rest: Rest, path: str, name: str, query: Mapping[str, str], most: int = MOST_TICKETS) -> list[dict[str, Any]]:
    """Every page of a list, ``most`` at most."""
    found, page = list[dict[str, Any]](), 1
    while True:
        answer = rest.read("GET", path, query={**query, "page": str(page)})
        listed = _embedded(answer, name)
        found += listed
        pages = text_in(answer, "page", "totalPages")
        if not listed or len(found) >= most or page >= int(pages if pages.isdecimal() else 1):
            return found
        page += 1


def _page(rest: Rest, query: Mapping[str, str], page: int) -> list[dict[str, Any]]:
    return _embedded(rest.read("GET", "conversations", query={**query, "page": str(page)}), "conversations")


def _embedded(found: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    inner = found.get("_embedded")
    listed = inner.get(name) if isinstance(inner, dict) else None
    return [item for item in listed or [] if isinstance(item, dict)]


def _reply(entry: Mapping[str, Any]) -> Reply:
    person = ("createdBy",) if isinstance(entry.get("createdBy"), dict) else ("customer",)
    author = " ".join(filter(None, (text_in(entry, *person, "firstName"), text_in(entry, *person, "lastName"))))
    files = tuple(
        RemoteFile(
            text_in(file, "fileUrl"), text_in(file, "fileName"), size_in(file, "size"), text_in(file, "mimeType")
        )
        for file in _embedded(entry, "attachments")
    )
    return Reply(text_in(entry, "id"), author or text_in(entry, *person, "email"), entry.get("type") == "customer",
                 moment(text_in(entry, "createdAt")), plain_text(text_in(entry, "body")), files)  # fmt: skip


def _no_mailbox(mailbox: str, host: str) -> InvalidField:
    return InvalidField("mailbox", "there is no “{value}” at {host}", value=mailbox, host=host)


def _wrong(answer: Answer) -> UploaderError:
    """By status and by the path of what is wrong, never by words."""
    if answer.status not in (400, 409, 412):
        return sort_out(answer)
    try:
        wrong = _embedded(json.loads(answer.body), "errors")
    except (ValueError, AttributeError, RecursionError):
        wrong = []
    why = "; ".join(f"{text_in(item, 'path')}: {text_in(item, 'message')}" for item in wrong)
    why = " ".join(tidy(why or said(answer, "message")).split())[:200] or str(answer.status)
    if any(text_in(item, "path") == "mailboxId" for item in wrong):
        return InvalidField("mailbox", "{host} refused it: {why}", host=answer.host, why=why)
    return Refused("{host} refused it: {why}", host=answer.host, why=why)
