"""GLPI 9.5 to 11, by its first REST interface and the user's own token, within a session that is ended each time.

The ticket is made first and its files follow, one document a request. There is no idempotency: what was created is
found again among the user's newest tickets by our mark. Source: "GLPI REST API: Documentation" (apirest.md, 9.5 to
10), and what ``docs/desks/glpi.md`` marks as unsure.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from html import unescape
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from uploader.body import mark, render
from uploader.cargo import Cargo
from uploader.errors import (
    AuthFailed,
    FileRefused,
    Gone,
    InvalidField,
    OutcomeUnknown,
    Refused,
    Temporary,
    TooLarge,
    UploaderError,
)
from uploader.form import Form, Part
from uploader.inbox import (
    MOST_CHANGED,
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
from uploader.remote import RemoteDesk, http_address, late_links, newer_than, number_in, subject_of, telling
from uploader.rest import MOST_TALK, Rest, moment, paged, text_in, time_in
from uploader.seen import Seen
from uploader.setting import Secret, setting
from uploader.ticket import Attachment, DeskAbilities, Limits, Progress, SharedFile, Ticket, TicketRef
from uploader.wire import Reply as Answer
from uploader.wire import sort_out

URGENCIES = {"high": "4", "medium": "3", "low": "2"}
"""Of 1 to 5. The priority is computed from urgency and impact, and never sent."""
KINDS = {"petition": "2", "suggestion": "2"}
"""1 is an incident, 2 a request."""
STATES: dict[str, State] = {"4": "waiting", "5": "solved", "6": "closed"}
"""1 new, 2 and 3 being worked on, 4 pending."""
SUBJECT_CHARACTERS = 250
PAGE = 100
"""Tickets of a list at a time."""
NO_LOGIN = {"ERROR_GLPI_LOGIN_USER_TOKEN", "ERROR_GLPI_LOGIN", "ERROR_LOGIN_PARAMETERS_MISSING",
            "ERROR_LOGIN_WITH_CREDENTIALS_DISABLED"}  # fmt: skip
NO_APP = {"ERROR_APP_TOKEN_PARAMETERS_MISSING", "ERROR_WRONG_APP_TOKEN_PARAMETER", "ERROR_NOT_ALLOWED_IP"}


@dataclass(frozen=True, kw_only=True)
class Glpi(RemoteDesk, Inbox):
    title: ClassVar[str] = "GLPI"
    abilities: ClassVar[DeskAbilities] = DeskAbilities(order="after", markup="html", entry=("token",))
    inbox: ClassVar[InboxAbilities] = InboxAbilities()

    url: str = setting("Address of GLPI", help="What stands before /apirest.php.", kind="url")
    token: Secret = setting(
        "Your remote access key", help="In GLPI: My settings → Remote access keys → API token.", kind="secret",
        default=Secret(""),
    )  # fmt: skip
    app_token: str = setting(
        "Application token", help="Only if GLPI wants one; the same for all.", default="", rare=True
    )
    category: str = setting("Category", help="Its number. Empty: none.", default="", rare=True)
    largest_mb: float = setting(
        "Largest file, in MB", help="Larger ones go as a link. PHP takes 2 unless it was set up otherwise.",
        kind="number", default=2.0, least=0.1, most=25,
    )  # fmt: skip

    @classmethod
    def recognise(cls, seen: Seen) -> Mapping[str, str] | None:
        """A session without a login is refused with one of its own codes."""
        seen = seen.cut("/front/", "/index.php", "/apirest.php", "/Helpdesk", "/ServiceCatalog", "/Form/", "/plugins/",
                        "/marketplace/")  # fmt: skip
        found = seen.json("apirest.php/initSession")
        known = isinstance(found, list) and found and str(found[0]).startswith("ERROR_")
        return {"url": seen.url} if known else None

    @property
    def limits(self) -> Limits:
        return Limits(file_bytes=int(self.largest_mb * 1_000_000))

    def check(self) -> None:
        self.demand_numbers(priorities=self.priorities, kinds=self.kinds, category=self.category)
        with self._session() as rest:
            self._me(rest)
            self._rows(rest, "Ticket", {"range": "0-0"})

    def submit(self, ticket: Ticket, journal: Journal, progress: Progress) -> TicketRef:
        late, cargo = late_links(ticket, journal), Cargo(ticket.attachments, progress)
        with self._session() as rest:
            newest = journal.once("newest", partial(self._newest, rest))
            find = partial(self._find, rest, ticket.report_id, newest, journal)
            key = journal.once("create", partial(self._create, rest, ticket), find)
            self._attach(rest, key, "Ticket", key, cargo, journal, "")
            self._tell(rest, key, ticket, late, journal)
            cargo.arrived()
        return TicketRef(key, self._page(key))

    def _create(self, rest: Rest, ticket: Ticket) -> str:
        given = self.field_values(ticket)
        asked: dict[str, object] = {
            **{name: value for name, value in given.items() if re.fullmatch("[a-z_]+", name)},
            "name": subject_of(ticket, SUBJECT_CHARACTERS) or mark(ticket.report_id),
            "content": render(ticket, "html"),
            "type": number_in(self.kind_of(ticket, KINDS), "kinds", "1"),
            "urgency": number_in(self.priority_of(ticket, URGENCIES), "priorities", "3"),
        }
        if self.category:
            asked["itilcategories_id"] = number_in(self.category, "category")
        return self._added(rest.create("Ticket", content={"input": asked}))

    def _added(self, found: Mapping[str, Any]) -> str:
        key = text_in(found, "id")
        if not key.isdecimal():
            raise OutcomeUnknown("{host} did not say which ticket it made", host=self.url)
        return key

    def _newest(self, rest: Rest) -> str:
        """The newest ticket before this one is made, whoever's; ``0`` for none."""
        rows = self._rows(rest, "Ticket", {"sort": "id", "order": "DESC", "range": "0-0"})
        return text_in(rows[0], "id") if rows else "0"

    def _find(self, rest: Rest, report_id: str, newest: str, journal: Journal) -> str | None:
        listed = ((int(row["id"]), row) for row in self._walk(rest, "id"))
        for row in newer_than(newest, listed, journal, "create", self.title):
            if mark(report_id) in text_in(row, "content"):
                return text_in(row, "id")
        return None

    def _walk(self, rest: Rest, order: str, **more: str) -> Iterator[dict[str, Any]]:
        """The tickets of a long list, read page by page as they are wanted. What comes in between makes some of them
        come twice."""
        for begin in count(0, PAGE):
            query = {"sort": order, "order": "DESC", "range": f"{begin}-{begin + PAGE - 1}", **more}
            rows = self._rows(rest, "Ticket", query)
            yield from rows
            if len(rows) < PAGE:
                return

    def _attach(self, rest: Rest, key: str, kind: str, item: str, cargo: Cargo, journal: Journal, step: str) -> None:
        """The files of a ticket, or of one of its followups: ``kind`` and ``item`` say of which."""

        def attach(file: Attachment) -> str:
            name = cargo.name(file)
            asked = {"name": name, "_filename": [name], "tickets_id": int(key), "itemtype": kind, "items_id": int(item)}
            manifest = Part("uploadManifest", "", "application/json", json.dumps({"input": asked}).encode())
            form = Form(
                (), [manifest, Part("filename[0]", name, file.media_type, cargo.body(file))], file.sha256 + item
            )
            try:
                told = rest.create("Document", body=form, headers={"Content-Type": form.content_type})
            except (Refused, TooLarge) as error:
                if error.code == "auth_failed":
                    raise
                raise self._file_refused(file) from error
            uploads = (told.get("upload_result") or {}).get("filename") or [{}]
            if isinstance(uploads[0], dict) and uploads[0].get("error"):
                raise self._file_refused(file)
            return self._added(told)

        def find(file: Attachment) -> str | None:
            known = hashlib.sha1(file.path.read_bytes(), usedforsecurity=False).hexdigest()
            documents = self._documents(rest, kind, item)
            return next((text_in(d, "id") for d in documents if text_in(d, "sha1sum") == known
                         and text_in(d, "filename") == cargo.name(file)), None)  # fmt: skip

        for file in cargo.files:
            journal.once(step + cargo.step(file), partial(attach, file), partial(find, file))

    def _file_refused(self, file: Attachment) -> FileRefused:
        return FileRefused(file.name, "{service} does not take “{name}”; it goes as a link", service=self.title,
                           name=file.name)  # fmt: skip

    def _documents(self, rest: Rest, kind: str, item: str) -> list[dict[str, Any]]:
        links = self._rows(rest, f"{kind}/{item}/Document_Item", {"range": "0-499"})
        return [rest.read("GET", f"Document/{text_in(link, 'documents_id')}") for link in links]

    def _tell(self, rest: Rest, key: str, ticket: Ticket, late: tuple[SharedFile, ...], journal: Journal) -> None:
        """Of each file that goes as a link since the ticket was made, in a followup of its own."""
        for file in late:
            text = render(telling(ticket, file, key), "html")
            journal.once(f"told/{file.link.url}", partial(self._follow_up, rest, key, text),
                         partial(self._find_followup, rest, key, file.link.url))  # fmt: skip

    def _follow_up(self, rest: Rest, key: str, html: str) -> str:
        asked = {"itemtype": "Ticket", "items_id": int(key), "content": html, "add_reopen": 1}
        return self._added(rest.create("ITILFollowup", content={"input": asked}))

    def _find_followup(self, rest: Rest, key: str, words: str) -> str | None:
        told = ((text_in(row, "id"), _plain(text_in(row, "content"))) for row in self._followups(rest, key))
        return next((number for number, text in told if words in text), None)

    def _followups(self, rest: Rest, key: str) -> list[dict[str, Any]]:
        def read(page: int) -> list[dict[str, Any]]:
            query = {"range": f"{500 * (page - 1)}-{500 * page - 1}", "expand_dropdowns": "false"}
            return self._rows(rest, f"Ticket/{key}/ITILFollowup", query)

        rows = paged(read, 500, MOST_TALK)
        return sorted((row for row in rows if str(row.get("is_private", 0)) == "0"), key=lambda row: int(row["id"]))

    def _me(self, rest: Rest) -> str:
        return text_in(rest.read("GET", "getFullSession"), "session", "glpiID")

    def _rows(self, rest: Rest, path: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """A list, whole or in part; nothing there is an empty one."""
        try:
            found = rest.list("GET", path, query=query, ok=(200, 206))
        except _NothingThere:
            return []
        return [row for row in found if isinstance(row, dict)]

    # -- the way back -------------------------------------------------------------------------------------------

    def news(self, mark: str) -> News:
        """Some profiles are shown everybody's: the list is asked for one's own, and is looked through all the same."""
        own, looked_at, most = dict[str, OwnTicket](), 0, most_of(mark)
        with self._session() as rest:
            me = self._me(rest)
            for row in self._walk(rest, "date_mod", **{"searchText[users_id_recipient]": f"^{me}$"}):
                ticket = self._own(row)
                is_seen = bool(mark) and ticket.updated_at < moment(mark)
                if is_seen or len(own) == most or looked_at == MOST_CHANGED:
                    break
                looked_at += 1
                if text_in(row, "users_id_recipient") == me:
                    own[ticket.key] = ticket
        newest = max((ticket.updated_at for ticket in own.values()), default=None)
        more = len(own) >= most or looked_at >= MOST_CHANGED
        return News(newest.isoformat() if newest else mark, tuple(own.values()), more)

    def conversation(self, key: str) -> Conversation:
        with self._session() as rest:
            me, row = self._me(rest), rest.read("GET", f"Ticket/{key}")
            talk = [_reply({**row, "users_id": row.get("users_id_recipient")}, f"ticket-{key}", me)]
            talk[0] = replace(talk[0], files=self._files(rest, "Ticket", key))
            for entry in self._followups(rest, key):
                number = text_in(entry, "id")
                files = self._files(rest, "ITILFollowup", number)
                talk.append(replace(_reply(entry, number, me), files=files))
        return Conversation(self._own(row), tuple(talk))

    def _files(self, rest: Rest, kind: str, item: str) -> tuple[RemoteFile, ...]:
        return tuple(RemoteFile(text_in(d, "id"), text_in(d, "filename"), None, text_in(d, "mime"))
                     for d in self._documents(rest, kind, item))  # fmt: skip

    def _own(self, row: Mapping[str, Any]) -> OwnTicket:
        key, status = text_in(row, "id"), text_in(row, "status")
        state = STATES.get(status, "open")
        return OwnTicket(
            key, key, self._page(key), tidy(unescape(text_in(row, "name"))), state, "", "",
            moment(text_in(row, "date_creation") or text_in(row, "date")), moment(text_in(row, "date_mod")),
            time_in(text_in(row, "time_to_own")), time_in(text_in(row, "time_to_resolve")),
            may=() if state == "closed" else ("reply",),
        )  # fmt: skip

    def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        with self._session() as rest:
            head = {**rest.login, "Accept": "application/octet-stream"}
            self._save(rest.wire, file, f"{rest.url}/Document/{file.key}", target, progress, head)

    def reply(self, ticket: Ticket, journal: Journal, progress: Progress) -> str:
        key, late, cargo = ticket.reply_to, late_links(ticket, journal), Cargo(ticket.attachments, progress)
        with self._session() as rest:
            done = journal.once("reply", partial(self._follow_up, rest, key, render(ticket, "html")),
                                partial(self._find_followup, rest, key, mark(ticket.report_id)))  # fmt: skip
            self._attach(rest, key, "ITILFollowup", done, cargo, journal, "reply/")
            self._tell(rest, key, ticket, late, journal)
            cargo.arrived()
        return done

    def _page(self, key: str) -> str:
        return f"{http_address(self.url)}/front/ticket.form.php?id={key}"

    @contextmanager
    def _session(self) -> Iterator[Rest]:
        """GLPI as its user; the session ends with the work, whatever came of it."""
        with self.open_wire() as wire:
            base = f"{http_address(self.url)}/apirest.php"
            app = {"App-Token": self.app_token} if self.app_token else {}
            asking = Rest(wire, base, {**app, "Authorization": f"user_token {self.token.reveal()}"}, _wrong)
            session = text_in(asking.read("GET", "initSession"), "session_token")
            rest = Rest(wire, base, {**app, "Session-Token": session}, _wrong)
            try:
                yield rest
            finally:
                with suppress(UploaderError):
                    rest.call("GET", "killSession")


class _NothingThere(Refused):
    """A range of a list that has fewer items."""


def _wrong(answer: Answer) -> UploaderError:
    """Refusals are ``["ERROR_CODE", "words in the user's language"]``. Source: apirest.md, "Errors"."""
    try:
        code, *words = (str(each) for each in json.loads(answer.body))
    except (ValueError, TypeError, RecursionError):
        return sort_out(answer)
    if code in NO_LOGIN:
        return AuthFailed("{host} does not accept the password or token", host=answer.host)
    if code in NO_APP:
        return InvalidField("app_token", "{host} wants another application token, or does not let this network in",
                            host=answer.host)  # fmt: skip
    if code in ("ERROR_SESSION_TOKEN_INVALID", "ERROR_SESSION_TOKEN_MISSING"):
        return Temporary("{host} is busy or out of order ({status})", host=answer.host, status=str(answer.status))
    if code == "ERROR_RANGE_EXCEED_TOTAL":
        return _NothingThere("{host} does not know it, or no longer ({status})", host=answer.host, status=code)
    if code == "ERROR_ITEM_NOT_FOUND":
        return Gone("{host} does not know it, or no longer ({status})", host=answer.host, status=str(answer.status))
    if answer.status < 500 and code.startswith("ERROR_") and answer.status != 429:
        why = " ".join(tidy(" ".join(words) or code).split())[:200]
        return Refused("{host} refused it: {why}", host=answer.host, why=why)
    return sort_out(answer)


def _plain(html: str) -> str:
    """Texts of GLPI before 11 come with their tags escaped."""
    return plain_text(html if "<" in html else unescape(html))


def _reply(row: Mapping[str, Any], key: str, me: str) -> Reply:
    author = text_in(row, "users_id")
    written = moment(text_in(row, "date_creation") or text_in(row, "date"))
    return Reply(key, "" if author == me else author, author == me, written, _plain(text_in(row, "content")))
