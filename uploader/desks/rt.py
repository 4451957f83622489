"""Request Tracker 5, by its REST 2.0 interface and the user's own token.

RT knows neither an idempotency key nor a field for an id of ours, and full-text search is off by default: what was
created is found again among the newest tickets of the token's user, by our mark in their text. Source: "RT::REST2" of
RT 5.0.3, and what a server of 5.0.3 did.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from uploader.body import mark, render
from uploader.cargo import Cargo
from uploader.errors import AuthFailed, FileRefused, InvalidField, OutcomeUnknown, Refused, TooLarge, UploaderError
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
from uploader.remote import RemoteDesk, demand_mail, http_address, late_links, number_in, once_kept, subject_of, telling
from uploader.rest import Rest, moment, objects_in, said, size_in, text_in, time_in
from uploader.rt_words import PAGE, content_of, kept_type, pages, spoiled
from uploader.seen import Seen
from uploader.setting import Secret, setting
from uploader.ticket import Choice, DeskAbilities, Limits, Progress, SharedFile, Ticket, TicketRef
from uploader.wire import Reply as Answer
from uploader.wire import Wire, sort_out

PRIORITIES = {"high": "100", "medium": "50", "low": "0"}
"""RT stores numbers; a word such as "High" is stored as a word. Source: RT_Config, %PriorityAsString."""
STATES: dict[str, State] = {"new": "open", "open": "open", "stalled": "waiting", "resolved": "solved",
                            "rejected": "closed", "deleted": "closed"}  # fmt: skip
SUBJECT_CHARACTERS = 200
"""Source: RT's schema, Tickets.Subject varchar(200)."""
OWN = "Creator = '__CurrentUser__'"
BEHIND = timedelta(hours=13)
PARTS = {"fields": "Filename,ContentLength,ContentType,TransactionId"}
TEXT_PARTS = ("text/plain", "text/html")


@dataclass(frozen=True, kw_only=True)
class RequestTracker(RemoteDesk, Inbox, Library):
    title: ClassVar[str] = "Request Tracker"
    abilities: ClassVar[DeskAbilities] = DeskAbilities(order="inside", markup="plain", entry=("token",))
    inbox: ClassVar[InboxAbilities] = InboxAbilities(solves=True, reopens=True, begins=True)

    url: str = setting("Address of Request Tracker", help="https://rt.example.org", kind="url")
    token: Secret = setting(
        "Your token", help="In Request Tracker: Logged in as → Settings → Auth tokens.", kind="secret",
        default=Secret(""),
    )  # fmt: skip
    queue: str = setting("Queue", default="General")
    user: str = setting(
        "Your name in Request Tracker", help="Only if it does not know your e-mail address.", default="", rare=True
    )
    largest_mb: float = setting(
        "Largest file, in MB", help="Larger ones go as a link. 0: Request Tracker takes any.", kind="number",
        default=0.0, least=0, most=25, rare=True,
    )  # fmt: skip

    @classmethod
    def recognise(cls, seen: Seen) -> Mapping[str, str] | None:
        seen = seen.cut("/Ticket/", "/SelfService", "/NoAuth/", "/Search/", "/index.html", "/m/", "/Articles/",
                        "/User/", "/Prefs/", "/Dashboards/", "/Admin/", "/Asset/", "/REST/")  # fmt: skip
        answer = seen.get("REST/2.0/rt")
        known = answer is not None and answer.status == 401 and said(answer, "message") == "Unauthorized"
        return {"url": seen.url} if known else None

    @property
    def limits(self) -> Limits:
        return Limits(file_bytes=int(self.largest_mb * 1_000_000)) if self.largest_mb else Limits()

    def choices(self, field: str) -> tuple[Choice, ...]:
        if field != "queue":
            return ()
        with self.open_wire() as wire:
            found = self._rest(wire).read("GET", "queues/all", query={"fields": "Name,Description", "per_page": "100"})
        return tuple(Choice(text_in(queue, "Name"), text_in(queue, "Name")) for queue in objects_in(found, "items"))

    def check(self) -> None:
        self.demand_numbers(priorities=self.priorities)
        with self.open_wire() as wire:
            rest = self._rest(wire)
            rest.read("GET", "rt")
            self._in_queue(rest)

    def asks(self) -> tuple[str, ...]:
        return () if self.user or self._user_number() else ("mail",)

    def submit(self, ticket: Ticket, journal: Journal, progress: Progress) -> TicketRef:
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)
            late = late_links(ticket, journal)
            newest = journal.once("newest", partial(self._newest, rest))
            find = partial(self._find, rest, ticket.report_id, newest)
            number = once_kept(journal, "create", partial(self._create, rest, ticket, cargo), find)
            self._make_whole(rest, number, ticket, cargo, late, journal)
            cargo.arrived()
        return TicketRef(number, self._page(number))

    def _create(self, rest: Rest, ticket: Ticket, cargo: Cargo) -> str:
        asked: dict[str, object] = {
            "Queue": self.queue,
            "Subject": subject_of(ticket, SUBJECT_CHARACTERS),
            "Requestor": self._requestor(ticket),
            "Priority": number_in(self.priority_of(ticket, PRIORITIES), "priorities", "0"),
            "Content": self._words(ticket, cargo),
            "ContentType": "text/plain",
        }
        if values := self._custom_fields(rest, ticket):
            asked["CustomFields"] = values
        found = self._send(rest, "ticket", asked, cargo, ticket.report_id)
        number = text_in(found, "id")
        if not number.isdecimal():
            raise OutcomeUnknown("{host} did not say which ticket it made", host=rest.url)
        return number

    def _requestor(self, ticket: Ticket) -> str:
        """The token's own user: anybody else's ticket could not be read, nor found again before it is sent twice.

        A token tells whose it is: ``1-27-…`` is user 27. Source: RT::AuthToken of RT 5.0.3.
        """
        return self.user or self._user_number() or demand_mail(ticket)

    def _user_number(self) -> str:
        own = re.fullmatch(r"\d+-(\d+)-\w+", self.token.reveal())
        return own[1] if own else ""

    def _me(self, rest: Rest) -> str:
        """The name of the token's user, as messages tell it; empty where it is not told."""
        try:
            return text_in(rest.read("GET", f"user/{number}"), "Name") if (number := self._user_number()) else ""
        except AuthFailed:
            raise
        except Refused:
            return ""

    @staticmethod
    def _words(ticket: Ticket, cargo: Cargo) -> str:
        """RT takes no file without bytes: such a one is named in the text."""
        empty = "".join(f"\n{cargo.name(file)}: 0 B" for file in cargo.files if not file.size_bytes)
        return render(ticket, "plain") + ("\n" + empty if empty else "")

    def _custom_fields(self, rest: Rest, ticket: Ticket) -> dict[str, str]:
        """Those that the queue knows; RT refuses the whole ticket for one that it does not. The text has them all."""
        wanted = self.field_values(ticket)
        if not wanted:
            return {}
        found = self._in_queue(rest, query={"fields": "TicketCustomFields"})
        known = {text_in(item, "name") for item in objects_in(found, "TicketCustomFields")}
        return {name: value for name, value in wanted.items() if name in known}

    def _send(self, rest: Rest, path: str, asked: Mapping[str, object], cargo: Cargo, seed: str) -> dict[str, Any]:
        files = [Part("Attachments", cargo.name(f), kept_type(f), cargo.body(f)) for f in cargo.files if f.size_bytes]
        head = Part("JSON", "", "application/json", json.dumps(asked, ensure_ascii=False).encode())
        form = Form((), (head, *files), seed + path)
        try:
            answer = rest.call("POST", path, body=form, headers={"Content-Type": form.content_type})
        except TooLarge as error:
            raise cargo.too_large(error, self.title) from error
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise OutcomeUnknown("{host} answered with something else than data", host=answer.host) from error
        return found if isinstance(found, dict) else {"said": found}

    def _in_queue(self, rest: Rest, **more: Any) -> dict[str, Any]:
        """RT takes an address apart after un-escaping it: a queue with a slash in its name is asked for by number.

        Raises: InvalidField when it is not there.
        """
        name, named = self.queue, [{"field": "Name", "value": self.queue}]
        try:
            if "/" in name:
                name = next(
                    (text_in(item, "id") for item in objects_in(rest.read("POST", "queues", content=named), "items")),
                    name,
                )
            return rest.read("GET", f"queue/{quote(name, safe='')}", **more)
        except AuthFailed:
            raise
        except Refused as error:
            raise _no_queue(self.queue) from error

    @staticmethod
    def _newest(rest: Rest) -> str:
        """The user's newest ticket before this one is made; ``0`` for none."""
        query = {"query": OWN, "orderby": "id", "order": "DESC", "per_page": "1"}
        return next(
            (text_in(item, "id") for item in objects_in(rest.read("GET", "tickets", query=query), "items")), "0"
        )

    def _find(self, rest: Rest, report_id: str, newest: str) -> str | None:
        """Among what came after it."""
        query = {"query": f"{OWN} AND id > {newest}", "orderby": "id", "per_page": str(PAGE)}
        for item in pages(rest, "tickets", query):
            number = text_in(item, "id")
            first = rest.read("GET", f"ticket/{number}/attachments", query=PARTS | {"per_page": "100"})
            if self._text_with(rest, objects_in(first, "items"), mark(report_id)):
                return number
        return None

    @staticmethod
    def _text_with(rest: Rest, parts: Sequence[Mapping[str, Any]], words: str) -> str | None:
        """The message whose text holds these words."""
        for part in reversed(parts):
            is_text = text_in(part, "ContentType") in TEXT_PARTS and not text_in(part, "Filename")
            if is_text and words in content_of(rest, text_in(part, "id")).decode("utf-8", "replace"):
                return text_in(part, "TransactionId") or text_in(part, "TransactionId", "id")
        return None

    def _parts(self, rest: Rest, number: str) -> list[dict[str, Any]]:
        return pages(rest, f"ticket/{number}/attachments", PARTS | {"per_page": str(PAGE)})

    def _make_whole(
        self, rest: Rest, key: str, ticket: Ticket, cargo: Cargo, late: Sequence[SharedFile], journal: Journal
    ) -> None:
        """Raises: FileRefused for a file that came and was not kept; as a link it is told in a message of its own."""
        bad = spoiled(rest, key, cargo) if cargo.files and journal.result("whole") is None else None
        if bad is not None:
            raise FileRefused(bad.name, "{service} does not take “{name}”; it goes as a link", service=self.title,
                              name=bad.name)  # fmt: skip
        journal.once("whole", lambda: "yes")
        for link in late:
            words = render(telling(ticket, link, key), "plain")
            send = partial(self._say, rest, key, words, Cargo((), lambda done, total: None), ticket.report_id)
            journal.once(f"told/{link.link.url}", send, partial(self._said, rest, key, link.link.url))

    def _say(self, rest: Rest, key: str, words: str, cargo: Cargo, seed: str) -> str:
        asked = {"Content": words, "ContentType": "text/plain"}
        self._send(rest, f"ticket/{key}/correspond", asked, cargo, seed)
        return "sent"

    def _said(self, rest: Rest, key: str, words: str) -> str | None:
        return self._text_with(rest, self._parts(rest, key), words)

    # -- the way back -------------------------------------------------------------------------------------------

    def news(self, mark: str) -> News:
        """RT reads a time in its queries in the zone of the token's user (else its own), whatever zone it names, and
        one with ``T`` and ``Z`` as that day's midnight: asked for is half a day more (no zone is further behind), and
        what is older is left out here. Source: RT::Date::ParseByTimeParseDate of RT 5.0.3, and what that server did.
        """
        since = f" AND LastUpdated >= '{moment(mark) - BEHIND:%Y-%m-%d %H:%M:%S}'" if mark else ""
        mine = f"(Creator = '__CurrentUser__' OR Requestor.id = '__CurrentUser__'){since}"
        fields = {"fields": "Subject,Status,Priority,Created,LastUpdated,Due,Queue", "fields[Queue]": "Name"}
        query = fields | {"query": mine, "orderby": "LastUpdated", "order": "DESC", "per_page": str(PAGE)}
        with self.open_wire() as wire:
            rest, tickets = self._rest(wire), list[OwnTicket]()
            for page in range(1, most_of(mark) // PAGE + 1):
                items = objects_in(rest.read("GET", "tickets", query={**query, "page": str(page)}), "items")
                found = [self._own(item) for item in items]
                tickets += [ticket for ticket in found if not mark or ticket.updated_at >= moment(mark)]
                if len(items) < PAGE or len(tickets) < PAGE * page:
                    break
        newest = max((ticket.updated_at for ticket in tickets), default=None)
        return News(f"{newest:%Y-%m-%dT%H:%M:%SZ}" if newest else mark, tuple(tickets), len(tickets) >= most_of(mark))

    def conversation(self, key: str) -> Conversation:
        with self.open_wire() as wire:
            rest = self._rest(wire)
            found = rest.read("GET", f"ticket/{key}")
            ways = {
                text_in(way, "to") for way in objects_in(found, "_hyperlinks") if text_in(way, "ref") == "lifecycle"
            }
            own = self._own(found, ways)
            history = {"fields": "Type,Created,Creator", "per_page": str(PAGE)}
            events = pages(rest, f"ticket/{key}/history", history)
            parts = self._parts(rest, key)
            me = self._me(rest) or text_in(found, "Creator", "id")
            replies = [self._reply(rest, event, parts, me) for event in events
                       if text_in(event, "Type") in ("Create", "Correspond")]  # fmt: skip
        return Conversation(own, tuple(replies))

    def _own(self, found: Mapping[str, Any], ways: set[str] | None = None) -> OwnTicket:
        number, status = text_in(found, "id"), text_in(found, "Status")
        state = STATES.get(status, "open")
        may = ["reply"]
        if ways is None or "resolved" in ways:
            may += ["solve"] if state in ("open", "waiting") else []
        if ways is None or "open" in ways:
            may += ["reopen"] if state == "solved" else []
        there = {text_in(found, "Queue", "id"), text_in(found, "Queue", "Name").casefold()}
        return OwnTicket(
            number, number, self._page(number), text_in(found, "Subject"), state, status,
            self.our_priority(text_in(found, "Priority"), PRIORITIES),
            moment(text_in(found, "Created")), moment(text_in(found, "LastUpdated")),
            due_at=time_in(text_in(found, "Due")), may=tuple(may),
            elsewhere=any(there) and self.queue.casefold() not in there,
        )  # fmt: skip

    def _reply(self, rest: Rest, event: Mapping[str, Any], parts: list[dict[str, Any]], me: str) -> Reply:
        key, author = text_in(event, "id"), text_in(event, "Creator", "id")
        own = [p for p in parts if (text_in(p, "TransactionId") or text_in(p, "TransactionId", "id")) == key]
        if not own:  # behind too many that this user may not see
            own = objects_in(
                rest.read("GET", f"transaction/{key}/attachments", query=PARTS | {"per_page": "100"}), "items"
            )
        texts = [p for p in own if text_in(p, "ContentType") in TEXT_PARTS and not text_in(p, "Filename")]
        plain = next((p for p in texts if text_in(p, "ContentType") == "text/plain"), None)
        chosen, text = plain or next(iter(texts), None), ""
        if chosen is not None:
            text = content_of(rest, text_in(chosen, "id")).decode("utf-8", "replace")
            text = tidy(text) if chosen is plain else plain_text(text)
        files = tuple(
            RemoteFile(text_in(p, "id"), text_in(p, "Filename"), size_in(p, "ContentLength"),
                       text_in(p, "ContentType"))
            for p in own if text_in(p, "Filename")
        )  # fmt: skip
        return Reply(key, author, author == me, moment(text_in(event, "Created")), text, files)

    def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        with self.open_wire() as wire:
            content = content_of(self._rest(wire), file.key)
        target.write_bytes(content)
        progress(len(content), len(content))

    def reply(self, ticket: Ticket, journal: Journal, progress: Progress) -> str:
        key = ticket.reply_to
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)
            late = late_links(ticket, journal)

            send = partial(self._say, rest, key, self._words(ticket, cargo), cargo, ticket.report_id)
            done = once_kept(journal, "reply", send, partial(self._said, rest, key, mark(ticket.report_id)))
            self._make_whole(rest, key, ticket, cargo, late, journal)
            cargo.arrived()
        return done

    def solve(self, key: str) -> None:
        self._set_status(key, "resolved")

    def reopen(self, key: str) -> None:
        self._set_status(key, "open")

    def _set_status(self, key: str, status: str) -> None:
        with self.open_wire() as wire:
            self._rest(wire).change("PUT", f"ticket/{key}", content={"Status": status})

    def articles(self, query: str, language: str) -> tuple[Article, ...]:
        wanted = [{"field": "Name", "operator": "LIKE", "value": word, "entry_aggregator": "OR"}
                  for word in query.split()[:6] if len(word) > 3]  # fmt: skip
        if not wanted:
            return ()
        with self.open_wire() as wire:
            found = self._rest(wire).read("POST", "articles", content=wanted, query={"fields": "Name,Summary"})
        items = objects_in(found, "items")[:5]
        return tuple(
            Article(tidy(text_in(item, "Name")), f"{self._base}/Articles/Article/Display.html?id={text_in(item, 'id')}",
                    tidy(text_in(item, "Summary")), text_in(item, "id"))
            for item in items
        )  # fmt: skip

    @property
    def _base(self) -> str:
        return http_address(self.url)

    def _page(self, number: str) -> str:
        return f"{self._base}/Ticket/Display.html?id={number}"

    def _rest(self, wire: Wire) -> Rest:
        if not self.token:
            raise AuthFailed("your key or token for this help desk is missing; fill it in in the settings")
        login = {"Authorization": f"token {self.token.reveal()}"}
        return Rest(wire, f"{self._base}/REST/2.0", login, self._wrong)

    def _wrong(self, answer: Answer) -> UploaderError:
        words = said(answer, "message")
        if "create tickets in the queue" in words or (answer.status in (400, 422) and "queue" in words.lower()):
            return _no_queue(self.queue)
        if answer.status in (400, 409, 412, 422) and words:
            return Refused("{host} refused it: {why}", host=answer.host, why=words)
        return sort_out(answer)


def _no_queue(queue: str) -> UploaderError:
    """RT answers alike for a queue that is not there and one that this user may not write to."""
    return InvalidField("queue", "there is no queue “{queue}”, or you may not create tickets in it", queue=queue)
