"""django-helpdesk 2.6 by its interface, which lets in its staff alone: with a token of one's own, or through a relay.

Who is no staff reports by its web form (see ``webform``). The first file travels with the ticket, each other one in a
follow-up, without a title: that would become the ticket's. A follow-up whose file is of a type that is not allowed is
made all the same, without the file, and answered with 500: so types are looked at before. Source: django-helpdesk
2.6.1, views/api.py, serializers.py, validators.py; and what a server of 2.6.1 did.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from uploader.body import mark, render
from uploader.cargo import Cargo
from uploader.errors import (
    FieldWanted,
    FileRefused,
    Gone,
    InvalidField,
    OutcomeUnknown,
    Refused,
    Temporary,
    UploaderError,
)
from uploader.form import Form, Part
from uploader.inbox import MOST_TICKETS, Conversation, Inbox, InboxAbilities, News, OwnTicket, RemoteFile, Reply, State
from uploader.journal import Journal
from uploader.plain_text import tidy
from uploader.remote import (
    RemoteDesk,
    demand_mail,
    http_address,
    late_links,
    newer_than,
    once_kept,
    subject_of,
    telling,
)
from uploader.rest import Rest, moment, said, size_in, text_in
from uploader.seen import Seen
from uploader.setting import Secret, setting
from uploader.ticket import Attachment, DeskAbilities, Progress, SharedFile, Ticket, TicketRef
from uploader.wire import Reply as Answer
from uploader.wire import Wire, sort_out

PRIORITIES = {"high": "2", "medium": "3", "low": "4"}
RANKS = {"1": "Critical", "5": "Very low"}
"""1 critical to 5 very low. Source: models.py, Ticket.PRIORITY_CHOICES."""
STATES: dict[int, tuple[State, str]] = {1: ("open", "Open"), 2: ("open", "Reopened"), 3: ("solved", "Resolved"),
                                        4: ("closed", "Closed"), 5: ("closed", "Duplicate")}  # fmt: skip
SUBJECT_CHARACTERS = 200
"""Source: models.py, Ticket.title."""
TYPES = ".txt .asc .pdf .doc .docx .odt .jpg .png .eml"
"""Source: settings.py, HELPDESK_VALID_EXTENSIONS; a name without an ending is taken too."""
PUBLIC_FORM = "/tickets/submit"
"""Source: urls.py, "submit"."""
PAGE = 50
MOST_SEEN = 1000
"""Tickets, mostly of others, among which one's own are looked for: the list is not asked for anybody's, nor for what
changed, and costs the server every ticket that it holds. Source: views/api.py, TicketViewSet."""


@dataclass(frozen=True, kw_only=True)
class DjangoHelpdesk(RemoteDesk, Inbox):
    title: ClassVar[str] = "django-helpdesk"
    abilities: ClassVar[DeskAbilities] = DeskAbilities(order="inside", markup="markdown", entry=("token", "relay"))
    inbox: ClassVar[InboxAbilities] = InboxAbilities(solves=True, reopens=True)

    url: str = setting("Address of django-helpdesk", help="https://help.example.org, or your relay.", kind="url")
    token: Secret = setting(
        "Your token", help="A member of the staff has one. Empty: a relay adds it.", kind="secret", default=Secret("")
    )
    queue: str = setting("Queue", help="Its number.", default="1")
    mail: str = setting("Your mail address", help="Empty: the one in the settings of your name.", default="", rare=True)
    types: str = setting(
        "Allowed file types",
        help="Their endings, with spaces between: .txt .pdf .png. Others go as links.",
        default=TYPES,
        rare=True,
    )

    @classmethod
    def recognise(cls, seen: Seen) -> Mapping[str, str] | None:
        if seen.is_page(PUBLIC_FORM):  # who was given that one is no staff
            return None
        seen = seen.cut("/tickets", "/view", "/kb", "/login", "/dashboard", "/reports", "/my-tickets", "/rss", "/api",
                        "/settings")  # fmt: skip
        answer = seen.get("api/user_tickets/")
        known = answer is not None and answer.status in (401, 403) and "github.com/django-helpdesk" in seen.text()
        return {"url": seen.url} if known else None

    def check(self) -> None:
        with self.open_wire() as wire:
            rest = self._rest(wire)
            rest.read("GET", "tickets/", query={"page_size": "1"})
            answer = rest.call("POST", "tickets/", content={"queue": self.queue}, ok=(400,))  # too little for a ticket
            if "queue" in answer.json():
                raise _no_queue(self.queue)

    def asks(self) -> tuple[str, ...]:
        return () if self.mail else ("mail",)

    def submit(self, ticket: Ticket, journal: Journal, progress: Progress) -> TicketRef:
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)
            self._demand_types(cargo)
            late = late_links(ticket, journal)
            newest = journal.once("newest", lambda: next((text_in(item, "id") for item in self._newest(rest)), "0"))
            find = partial(self._find, rest, ticket.report_id, newest, journal)
            number = once_kept(journal, "create", partial(self._create, rest, ticket, cargo), find)
            self._make_whole(rest, number, ticket, cargo, late, journal)
            cargo.arrived()
        return TicketRef(number, f"{self._base}/tickets/{number}/")

    def _demand_types(self, cargo: Cargo) -> None:
        """Raises: FileRefused for the first that the server would not keep."""
        allowed = {part.strip().lower() for part in re.split(r"[\s,;]+", self.types) if part.strip()}
        for file in cargo.files:
            ending = Path(cargo.name(file)).suffix.lower()
            if not file.size_bytes or (ending not in ("", ".") and ending not in allowed):
                raise _not_taken(file)

    def _create(self, rest: Rest, ticket: Ticket, cargo: Cargo) -> str:
        asked = {
            "queue": self.queue, "title": subject_of(ticket, SUBJECT_CHARACTERS), "description": _written(ticket),
            "priority": self.priority_of(ticket, PRIORITIES), "submitter_email": self.mail or demand_mail(ticket),
        }  # fmt: skip
        asked |= {f"custom_{name}": value for name, value in self.field_values(ticket).items()}
        files = [Part("attachment", cargo.name(file), file.media_type, cargo.body(file)) for file in cargo.files[:1]]
        try:
            found = self._post(rest, "tickets/", asked, files, ticket.report_id)
        except Refused as error:
            if cargo.files and "attachment" in error.values.get("fields", "").split():
                raise _not_taken(cargo.files[0]) from error
            raise
        number = text_in(found, "id")
        if not number.isdecimal():
            raise OutcomeUnknown("{host} did not say which ticket it made", host=rest.url)
        return number

    def _post(
        self, rest: Rest, path: str, asked: Mapping[str, str], files: list[Part], seed: str
    ) -> dict[str, Any]:  # fmt: skip
        form = Form(asked.items(), files, seed + path)
        return rest.create(path, body=form, headers={"Content-Type": form.content_type})

    def _find(self, rest: Rest, report_id: str, newest: str, journal: Journal) -> str | None:
        listed = ((size_in(item, "id") or 0, item) for item in self._newest(rest))
        for item in newer_than(newest, listed, journal, "create", self.title):
            if mark(report_id) in _read(text_in(item, "description")):
                return text_in(item, "id")
        return None

    def _newest(self, rest: Rest) -> Iterator[dict[str, Any]]:
        """Everybody's, page by page as they are wanted. The list begins with the oldest, so it is read from its end;
        what comes meanwhile is not in it."""
        total = size_in(rest.read("GET", "tickets/", query={"page_size": "1"}), "count") or 0
        for page in range(-(-total // PAGE), 0, -1):
            items = rest.read("GET", "tickets/", query={"page_size": str(PAGE), "page": str(page)}).get("results", [])
            yield from (item for item in reversed(items) if isinstance(item, dict))

    def _make_whole(
        self, rest: Rest, key: str, ticket: Ticket, cargo: Cargo, late: tuple[SharedFile, ...], journal: Journal
    ) -> None:
        """Attaches what is not there yet, and tells of what goes as a link since. Raises: FileRefused."""
        for file in cargo.files:
            journal.once(
                cargo.step(file), partial(self._attach, rest, key, ticket, cargo, file),
                partial(self._attached, rest, key, ticket, cargo, file),
            )  # fmt: skip
        for link in late:
            self._tell(rest, key, ticket, link, journal)

    def _attach(self, rest: Rest, number: str, ticket: Ticket, cargo: Cargo, file: Attachment) -> str:
        if there := self._attached(rest, number, ticket, cargo, file):  # the first came with the ticket
            return there
        words = f"{cargo.name(file)}\n\n{mark(ticket.report_id)}"
        asked = {"ticket": number, "public": "true", "comment": _literal(words)}
        part = Part("attachments", cargo.name(file), file.media_type, cargo.body(file))
        try:
            return text_in(self._post(rest, "followups/", asked, [part], ticket.report_id), "id") or "sent"
        except Temporary as error:
            if error.values.get("status") == "500" and self._is_empty(rest, number, words):
                raise _not_taken(file) from error
            raise
        except Refused as error:
            raise (_not_taken(file) if error.values.get("fields") == "attachments" else error) from error

    def _attached(self, rest: Rest, number: str, ticket: Ticket, cargo: Cargo, file: Attachment) -> str | None:
        """Of a reply only what came with it: the ticket may hold a file of that name already."""
        own = mark(ticket.report_id) if ticket.reply_to else ""
        for entry in (each for each in self._entries(rest, number) if own in _read(text_in(each, "comment"))):
            for held in entry.get("followupattachment_set", []):
                if (text_in(held, "filename"), size_in(held, "size")) == (cargo.name(file), file.size_bytes):
                    return text_in(held, "id")
        return None

    def _is_empty(self, rest: Rest, number: str, comment: str) -> bool:
        """Whether a follow-up was made whose file was not kept."""
        entries = self._entries(rest, number)
        return any(text_in(e, "comment").split() == comment.split() and not e.get("followupattachment_set")
                   for e in entries)  # fmt: skip

    def _entries(self, rest: Rest, number: str) -> list[dict[str, Any]]:
        """The follow-ups that everybody may read, oldest first."""
        found = rest.read("GET", f"tickets/{number}/").get("followup_set", [])
        return [item for item in found if isinstance(item, dict) and item.get("public") is True]

    def _tell(self, rest: Rest, number: str, ticket: Ticket, file: SharedFile, journal: Journal) -> None:
        def send() -> str:
            text = _literal(_written(telling(ticket, file, number)))
            asked = {"ticket": number, "public": "true", "comment": text}
            return text_in(self._post(rest, "followups/", asked, [], ticket.report_id + file.name), "id") or "sent"

        def find() -> str | None:
            told = self._entries(rest, number)[1:]
            return next((text_in(e, "id") for e in told if file.link.url in text_in(e, "comment")), None)

        journal.once(f"told/{file.link.url}", send, find)

    # -- the way back -------------------------------------------------------------------------------------------

    def news(self, mark: str) -> News:
        with self.open_wire() as wire:
            own, seen = list[OwnTicket](), 0
            for seen, item in enumerate(self._newest(self._rest(wire)), 1):
                own += [self._own(item)] if self._is_mine(item) else []
                if len(own) >= MOST_TICKETS or seen >= MOST_SEEN:  # the newest ones, not the last changed
                    break
        fresh = sorted((one for one in own if one.updated_at.isoformat() >= mark), key=lambda one: one.updated_at)
        more = len(own) >= MOST_TICKETS or seen >= MOST_SEEN
        return News(fresh[-1].updated_at.isoformat() if fresh else mark, tuple(reversed(fresh)), more)

    def _is_mine(self, item: Mapping[str, Any]) -> bool:
        """Reported from here; the interface shows its staff everybody's."""
        written = "Testigo " in _read(text_in(item, "description"))
        return written and self.mail.lower() in ("", text_in(item, "submitter_email").lower())

    def conversation(self, key: str) -> Conversation:
        with self.open_wire() as wire:
            rest = self._rest(wire)
            found = rest.read("GET", f"tickets/{key}/")
            entries = [e for e in found.get("followup_set", []) if isinstance(e, dict) and e.get("public") is True]
        replies = [self._reply(entry, first=place == 0) for place, entry in enumerate(entries)]
        return Conversation(self._own(found), tuple(reply for reply in replies if reply.text or reply.files))

    def _own(self, item: Mapping[str, Any]) -> OwnTicket:
        number, status = text_in(item, "id"), _status_in(item)
        rank = text_in(item, "priority")
        state, title = STATES.get(status, ("open", str(status)))
        times = [moment(text_in(e, "date")) for e in item.get("followup_set", []) if e.get("public") is True]
        may = ["reply", *(["solve"] if state == "open" else ["reopen"])]
        return OwnTicket(
            number, number, f"{self._base}/tickets/{number}/", text_in(item, "title"), state, title,
            RANKS.get(rank, self.our_priority(rank, PRIORITIES)), min(times, default=moment("")), max(times,
            default=moment("")), may=tuple(may), elsewhere=text_in(item, "queue") != self.queue.strip(),
        )  # fmt: skip

    def _reply(self, entry: Mapping[str, Any], *, first: bool) -> Reply:
        text = _read(text_in(entry, "comment"))
        files = tuple(
            RemoteFile(
                text_in(held, "file"), text_in(held, "filename"), size_in(held, "size"), text_in(held, "mime_type")
            )
            for held in entry.get("followupattachment_set", [])
        )
        mine = first or re.search(r"^Testigo \d{8}-\d{6}-", text, re.MULTILINE) is not None
        return Reply(
            text_in(entry, "id"), "" if mine else self.title, mine, moment(text_in(entry, "date")), text, files
        )

    def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        here, there = urlsplit(self._base), urlsplit(file.key)
        if here.netloc != there.netloc:
            raise Gone("{host} does not know it, or no longer ({status})", host=there.netloc, status=file.name)
        with self.open_wire() as wire:
            self._save(wire, file, file.key, target, progress)

    def reply(self, ticket: Ticket, journal: Journal, progress: Progress) -> str:
        key = ticket.reply_to
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)
            self._demand_types(cargo)
            late = late_links(ticket, journal)

            def send() -> str:
                files = [
                    Part("attachments", cargo.name(file), file.media_type, cargo.body(file)) for file in cargo.files
                ]
                asked = {"ticket": key, "public": "true", "comment": _literal(_written(ticket))}
                if self._status(rest, key) in (3, 4):
                    asked["new_status"] = "2"
                try:
                    return text_in(self._post(rest, "followups/", asked, files, ticket.report_id), "id") or "sent"
                except Refused as error:
                    if files and error.values.get("fields") == "attachments":  # nothing was made
                        raise _not_taken(cargo.files[0]) from error
                    raise

            def find() -> str | None:
                told = self._entries(rest, key)
                return next((text_in(e, "id") for e in told if mark(ticket.report_id) in text_in(e, "comment")), None)

            done = once_kept(journal, "reply", send, find)  # found again, it may have lost its files on an error there
            self._make_whole(rest, key, ticket, cargo, late, journal)
            cargo.arrived()
        return done

    def solve(self, key: str) -> None:
        self._move(key, 3, (3, 4))

    def reopen(self, key: str) -> None:
        self._move(key, 2, (1, 2))

    def _move(self, key: str, status: int, done: tuple[int, ...]) -> None:
        with self.open_wire() as wire:
            rest = self._rest(wire)
            if self._status(rest, key) not in done:
                rest.change("PATCH", f"tickets/{key}/", content={"status": status})

    def _status(self, rest: Rest, key: str) -> int:
        return _status_in(rest.read("GET", f"tickets/{key}/"))

    @property
    def _base(self) -> str:
        return http_address(self.url)

    def _rest(self, wire: Wire) -> Rest:
        login = {"Authorization": f"Token {self.token.reveal()}"} if self.token else {}
        return Rest(wire, f"{self._base}/api", login, self._wrong)

    def _wrong(self, answer: Answer) -> UploaderError:
        """A refusal names the fields in its own words, which are in the server's language."""
        if answer.status != 400:
            return sort_out(answer)
        try:
            found = answer.json()
        except Temporary:
            return sort_out(answer)
        names = list(found) if isinstance(found, dict) else []
        if "queue" in names:
            return _no_queue(self.queue)
        for name in names:
            if name.startswith("custom_"):
                return FieldWanted(name[7:], "the help desk wants “{field}” to be filled in", field=name[7:])
        return Refused("{host} refused it: {why}", host=answer.host, why=said(answer, *names) or "400",
                       fields=" ".join(names))  # fmt: skip


def _no_queue(queue: str) -> UploaderError:
    return InvalidField("queue", "there is no queue “{queue}”, or you may not create tickets in it", queue=queue)


def _not_taken(file: Attachment) -> FileRefused:
    return FileRefused(file.name, "{service} does not take “{name}”; it goes as a link",
                       service=DjangoHelpdesk.title, name=file.name)  # fmt: skip


def _written(ticket: Ticket) -> str:
    """In the Markdown that django-helpdesk reads: Python-Markdown escapes fewer characters than others."""
    return re.sub(r"\\([<|~$&@=/])", r"\1", render(ticket, "markdown"))


def _read(text: str) -> str:
    """The way back; HTML in it was shown as it stands. Source: Python-Markdown 3.11, ESCAPED_CHARS; models.py."""
    return tidy(re.sub(r"\\([\\`*_{}\[\]()>#+.!-])", r"\1", text))


def _literal(text: str) -> str:
    """A follow-up's text is taken for a template: every brace is said to be a brace. Source: update_ticket.py."""
    return re.sub(r"[{}]", lambda found: f'{{{{ "{found[0]}" }}}}', text)


def _status_in(item: Mapping[str, Any]) -> int:
    return size_in(item, "status") or 1
