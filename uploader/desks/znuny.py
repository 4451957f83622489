"""Znuny, OTRS Community and their kin, by the web service that IT imports, as a customer user.

Files travel inside the call. Failures come with status 200 and an error inside, told apart by its code. There is no
idempotency: what was created is found again among the newest tickets by our mark. Source: the documentation in Znuny's
TicketCreate.pm, TicketGet.pm, TicketSearch.pm, TicketUpdate.pm, SessionCreate.pm (6.5 and 7).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
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
    Temporary,
    TooLarge,
)
from uploader.inbox import Conversation, Inbox, InboxAbilities, News, OwnTicket, RemoteFile, Reply, State, most_of
from uploader.journal import Journal
from uploader.plain_text import tidy
from uploader.remote import RemoteDesk, http_address, newer_than, subject_of
from uploader.rest import Rest, moment, size_in, text_in
from uploader.setting import Secret, setting
from uploader.ticket import DeskAbilities, Limits, Progress, Ticket, TicketRef
from uploader.wire import Wire

PRIORITIES = {"high": "4 high", "medium": "3 normal", "low": "2 low"}
STATES: dict[str, State] = {"pending reminder": "waiting", "pending auto": "waiting", "closed": "solved",
                            "removed": "closed", "merged": "closed"}  # fmt: skip
"""By the type of a state, which is the same in every language."""
SUBJECT_CHARACTERS = 250
PAGE, WHOLE_PAGE = 100, 20
"""Tickets at a time: as they stand in a list, and with what was written in them."""
MOST_KEYS = 10_000
"""Numbers of a search, as Znuny itself has it. Source: TicketSearch.pm, Limit."""
MOST_FILE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Znuny(RemoteDesk, Inbox):
    title: ClassVar[str] = "Znuny / OTRS"
    abilities: ClassVar[DeskAbilities] = DeskAbilities(order="inside", markup="plain", entry=("token",))
    inbox: ClassVar[InboxAbilities] = InboxAbilities()

    url: str = setting(
        "Address of the web service", help="…/nph-genericinterface.pl/Webservice/Name, as IT has imported it.",
        kind="url",
    )  # fmt: skip
    user: str = setting("Your user name", help="As in the customer portal.")
    password: Secret = setting("Your password", kind="secret", default=Secret(""))
    queue: str = setting("Queue", default="Raw")
    largest_mb: float = setting(
        "Largest file, in MB", help="Of all files of a report together; more goes as a link.", kind="number",
        default=10.0, least=0.1, most=25,
    )  # fmt: skip

    @property
    def limits(self) -> Limits:
        most = int(self.largest_mb * 1_000_000)
        return Limits(file_bytes=most, total_bytes=most)

    def check(self) -> None:
        with self.open_wire() as wire:
            self._search(*self._session(wire), "Created", 1)

    def submit(self, ticket: Ticket, journal: Journal, progress: Progress) -> TicketRef:
        with self.open_wire() as wire:
            cargo = Cargo(ticket.attachments, progress)
            rest, session = self._session(wire)
            newest = journal.once("newest", lambda: next(iter(self._search(rest, session, "Created", 1)), "0"))
            find = partial(self._find, rest, session, ticket.report_id, newest, journal)
            create = partial(self._create, rest, session, ticket, cargo)
            key, number = journal.once("create", create, find).split()
            cargo.arrived()
        return TicketRef(number, self._page(number), key)

    def _session(self, wire: Wire) -> tuple[Rest, str]:
        """Signed in: the password travels in a body, never in an address."""
        rest = Rest(wire, http_address(self.url))
        asked = {"CustomerUserLogin": self.user, "Password": self.password.reveal()}
        session = text_in(_checked(rest.read("POST", "Session", content=asked), rest), "SessionID")
        if not session:
            raise InvalidField("url", "{host} is no {service}", host=self.url, service=self.title)
        return rest, session

    def _create(self, rest: Rest, session: str, ticket: Ticket, cargo: Cargo) -> str:
        subject = subject_of(ticket, SUBJECT_CHARACTERS) or mark(ticket.report_id)
        case = {"Title": subject, "Queue": self.queue, "State": "new", "CustomerUser": self.user,
                "Priority": self.priority_of(ticket, PRIORITIES)}  # fmt: skip
        if kind := self.kind_of(ticket, {}):
            case["Type"] = kind
        given = {name: value for name, value in self.field_values(ticket).items() if name in self._own_fields}
        asked = {"SessionID": session, "Ticket": case, "Article": _article(ticket, subject), **_attachments(cargo)}
        if given:  # an empty list is refused
            asked["DynamicField"] = [{"Name": name, "Value": value} for name, value in given.items()]
        try:
            found = _checked(rest.create("Ticket", content=asked), rest)
        except TooLarge as error:
            raise cargo.too_large(error, self.title) from error
        except Refused as error:
            if "Ticket->Queue" in error.values.get("why", ""):
                raise InvalidField("queue", "there is no “{value}” at {host}", value=self.queue,
                                   host=self.url) from error  # fmt: skip
            raise
        return self._named(found)

    @property
    def _own_fields(self) -> set[str]:
        """What the settings name is a dynamic field; what else a report holds stands in its text."""
        return {pair.partition("=")[0].strip() for pair in self.fields.replace("\n", ";").split(";")}

    def _named(self, found: Mapping[str, Any]) -> str:
        key, number = text_in(found, "TicketID"), text_in(found, "TicketNumber")
        if not key.isdecimal():
            raise OutcomeUnknown("{host} did not say which ticket it made", host=self.url)
        return f"{key} {number or key}"

    def _find(self, rest: Rest, session: str, report_id: str, newest: str, journal: Journal) -> str | None:
        keys = sorted(self._search(rest, session, "Created", MOST_KEYS), key=int, reverse=True)
        pages = (keys[begin : begin + WHOLE_PAGE] for begin in range(0, len(keys), WHOLE_PAGE))
        read = (item for page in pages for item in self._tickets(rest, session, page, AllArticles="1"))
        listed = ((int(text_in(item, "TicketID")), item) for item in read)
        for item in newer_than(newest, listed, journal, "create", self.title):
            if any(mark(report_id) in text_in(entry, "Body") for entry in _articles(item)[:1]):
                return self._named(item)
        return None

    def _search(self, rest: Rest, session: str, order: str, most: int, **more: str) -> list[str]:
        """One's own: a customer user is shown the colleagues' too. A name that the search would take for an expression
        is not asked for. Source: TicketSearch.pm, CustomerUserLogin and ConditionInline."""
        query = {"SessionID": session, "SortBy": order, "OrderBy": "Down", "Limit": str(most), **more}
        if re.fullmatch(r"[\w.@-]+", self.user):
            query["CustomerUserLogin"] = self.user
        found = _checked(rest.read("GET", "Ticket", query=query), rest).get("TicketID") or []
        return [str(key) for key in (found if isinstance(found, list) else [found])]

    def _tickets(self, rest: Rest, session: str, keys: list[str], **more: str) -> list[dict[str, Any]]:
        """In the order of their keys. Raises: Gone when one of them is not there, or not for this user."""
        if not keys:
            return []
        query, most = {"SessionID": session, **more}, MOST_FILE_BYTES
        found = _checked(rest.read("GET", f"Ticket/{','.join(keys)}", query=query, most_bytes=most), rest).get("Ticket")
        return [item for item in (found if isinstance(found, list) else [found]) if isinstance(item, dict)]

    # -- the way back -------------------------------------------------------------------------------------------

    def news(self, mark: str) -> News:
        with self.open_wire() as wire:
            rest, session = self._session(wire)
            # The mark is its own moment and goes back as it came, in whatever zone; "TicketLastChangeTimeNewerDate".
            since = {"TicketLastChangeTimeNewerDate": f"{moment(mark):%Y-%m-%d %H:%M:%S}"} if mark else {}
            keys = self._search(rest, session, "Changed", most_of(mark), **since)
            found = [item for begin in range(0, len(keys), PAGE)
                     for item in self._tickets(rest, session, keys[begin : begin + PAGE])]  # fmt: skip
        own = [self._own(item) for item in found if text_in(item, "CustomerUserID") == self.user]
        changed = [ticket for ticket in own if not mark or ticket.updated_at >= moment(mark)]
        newest = max((ticket.updated_at for ticket in changed), default=None)
        changed.sort(key=lambda ticket: ticket.updated_at, reverse=True)
        return News(newest.isoformat() if newest else mark, tuple(changed), len(keys) >= most_of(mark))

    def conversation(self, key: str) -> Conversation:
        with self.open_wire() as wire:
            rest, session = self._session(wire)
            item = self._ticket(rest, session, key, AllArticles="1", Attachments="1", GetAttachmentContents="0")
        return Conversation(self._own(item), tuple(_reply(entry, key) for entry in _articles(item)))

    def _ticket(self, rest: Rest, session: str, key: str, **more: str) -> dict[str, Any]:
        found = self._tickets(rest, session, [key], **more)
        if not found:
            raise Gone("{host} does not know it, or no longer ({status})", host=self.url, status="404")
        return found[0]

    def _own(self, item: Mapping[str, Any]) -> OwnTicket:
        key, number = text_in(item, "TicketID"), text_in(item, "TicketNumber")
        state = STATES.get(text_in(item, "StateType"), "open")
        return OwnTicket(
            number, key, self._page(number), text_in(item, "Title"), state, text_in(item, "State"),
            self.our_priority(text_in(item, "Priority"), PRIORITIES), moment(text_in(item, "Created")),
            moment(text_in(item, "Changed")),
            may=() if state == "closed" else ("reply",), elsewhere=text_in(item, "Queue") != self.queue,
        )  # fmt: skip

    def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        """The interface hands out files only with their whole ticket."""
        key, article, number = file.key.split("/")
        with self.open_wire() as wire:
            rest, session = self._session(wire)
            item = self._ticket(rest, session, key, AllArticles="1", Attachments="1")
        for entry in _articles(item):
            for held in _files(entry):
                if (text_in(entry, "ArticleID"), text_in(held, "FileID")) == (article, number):
                    try:
                        content = base64.b64decode(text_in(held, "Content"))
                    except binascii.Error as error:
                        raise Temporary("the answer of {host} got lost", host=rest.url) from error
                    with target.open("xb") as out:
                        out.write(content)
                    progress(len(content), len(content))
                    return
        raise Gone("{host} does not know it, or no longer ({status})", host=self.url, status="404")

    def reply(self, ticket: Ticket, journal: Journal, progress: Progress) -> str:
        key = ticket.reply_to
        with self.open_wire() as wire:
            cargo = Cargo(ticket.attachments, progress)
            rest, session = self._session(wire)

            def send() -> str:
                solved = self._own(self._ticket(rest, session, key)).state == "solved"
                article = _article(ticket, subject_of(ticket, SUBJECT_CHARACTERS))
                content = {"SessionID": session, "Article": article, **_attachments(cargo)}
                if solved:
                    content["Ticket"] = {"State": "open"}
                try:
                    made = rest.create(f"Ticket/{key}", method="PATCH", content=content)
                except TooLarge as error:
                    raise cargo.too_large(error, self.title) from error
                return text_in(_checked(made, rest), "ArticleID") or "sent"

            def find() -> str | None:
                entries = _articles(self._ticket(rest, session, key, AllArticles="1"))
                told = ((text_in(entry, "ArticleID"), text_in(entry, "Body")) for entry in entries)
                return next((number for number, text in told if mark(ticket.report_id) in text), None)

            done = journal.once("reply", send, find)
            cargo.arrived()
        return done

    def _page(self, number: str) -> str:
        base = http_address(self.url).partition("/nph-genericinterface.pl")[0]
        return f"{base}/customer.pl?Action=CustomerTicketZoom;TicketNumber={number}"


def _checked(found: dict[str, Any], rest: Rest) -> dict[str, Any]:
    """Raises: UploaderError for the error that a successful answer may hold."""
    error = found.get("Error")
    if not isinstance(error, dict):
        return found
    code, why = text_in(error, "ErrorCode"), " ".join(tidy(text_in(error, "ErrorMessage")).split())[:200]
    if code.endswith(".AuthFail"):
        raise AuthFailed("{host} does not accept the password or token", host=rest.url)
    if code == "TicketGet.AccessDenied":
        raise Gone("{host} does not know it, or no longer ({status})", host=rest.url, status=code)
    raise Refused("{host} refused it: {why}", host=rest.url, why=why or json.dumps(code))


def _article(ticket: Ticket, subject: str) -> dict[str, object]:
    return {"CommunicationChannel": "Email", "SenderType": "customer", "IsVisibleForCustomer": 1,
            "Subject": subject or mark(ticket.report_id), "Body": render(ticket, "plain"),
            "ContentType": "text/plain; charset=utf8"}  # fmt: skip


def _attachments(cargo: Cargo) -> dict[str, Any]:
    """Nothing at all where there are none: an empty list is refused."""
    files = [{"Content": cargo.base64(file), "ContentType": file.media_type or "application/octet-stream",
              "Filename": cargo.name(file)} for file in cargo.files]  # fmt: skip
    return {"Attachment": files} if files else {}


def _articles(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = item.get("Article") or []
    return [entry for entry in (found if isinstance(found, list) else [found]) if isinstance(entry, dict)]


def _files(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = entry.get("Attachment") or []
    return [held for held in (found if isinstance(found, list) else [found]) if isinstance(held, dict)]


def _reply(entry: Mapping[str, Any], key: str) -> Reply:
    number, sender = text_in(entry, "ArticleID"), text_in(entry, "SenderType")
    files = tuple(
        RemoteFile(f"{key}/{number}/{text_in(held, 'FileID')}", text_in(held, "Filename"),
                   size_in(held, "FilesizeRaw"), text_in(held, "ContentType"))
        for held in _files(entry)
    )  # fmt: skip
    when = text_in(entry, "CreateTime") or text_in(entry, "Created")
    text = tidy(text_in(entry, "Body"))
    author = text_in(entry, "From")
    return Reply(number, author, sender == "customer", moment(when), text, files, sender == "system")
