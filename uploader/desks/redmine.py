"""Redmine 5, by its REST interface and the user's own key.

Files go first, each for a token. Redmine refuses the issue for a token that was cleared away, so those of an earlier
run are looked at before; what the issue holds is looked at afterwards. Source: Redmine's wiki, "Rest api", "Rest
Issues", "Attachments" (5.0), and what a server of 5.0.4 did.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, cast

from uploader import errors
from uploader.body import mark, read, render
from uploader.cargo import Cargo
from uploader.errors import AuthFailed, FieldWanted, FileRefused, InvalidField, OutcomeUnknown, Refused, TooLarge
from uploader.inbox import Conversation, Inbox, InboxAbilities, News, OwnTicket, RemoteFile, Reply, most_of
from uploader.journal import Journal
from uploader.remote import MOST_OWN, RemoteDesk, http_address, pairs, subject_of
from uploader.rest import Rest, moment, objects_in, paged, said, size_in, text_in, time_in
from uploader.seen import Seen
from uploader.setting import Secret, setting
from uploader.ticket import Attachment, Choice, DeskAbilities, Limits, Markup, Progress, Ticket, TicketRef
from uploader.wire import NO_DATA, Wire, sort_out
from uploader.wire import Reply as Answer

SUBJECT_CHARACTERS = 255
"""Source: Redmine, app/models/issue.rb, validates_length_of :subject."""
PAGE = 100
MARKUPS: dict[str, Markup] = {"Textile": "textile", "Markdown": "markdown", "none": "plain"}
_OWN_MARKUP = re.compile(
    r"(https?://\S+)|\{(?=\{)|\[(?=\[)|(?<![\w.+-])@(?=\w)|"
    r"\b(?:attachment|document|version|forum|news|message|project|user|commit|source|export):(?=\S)"
)
OCTETS = {"Content-Type": "application/octet-stream"}
"""An upload of any other type is refused with 406."""


@dataclass(frozen=True, kw_only=True)
class Redmine(RemoteDesk, Inbox):
    title: ClassVar[str] = "Redmine"
    abilities: ClassVar[DeskAbilities] = DeskAbilities(order="before", markup="textile", entry=("token",))
    inbox: ClassVar[InboxAbilities] = InboxAbilities(solves=True, reopens=True)

    url: str = setting("Address of Redmine", help="https://redmine.example.org", kind="url")
    key: Secret = setting(
        "Your API key", help="In Redmine: My account → API access key.", kind="secret", default=Secret("")
    )
    project: str = setting("Project", help="Its identifier, as in its address.")
    tracker: str = setting("Tracker", help="Empty: the project's first one.", default="", rare=True)
    markup: str = setting("Text formatting", choices=tuple(MARKUPS), default="Textile", rare=True)
    largest_mb: float = setting(
        "Largest file, in MB", help="Larger ones go as a link. Redmine takes 5 unless it was set up otherwise.",
        kind="number", default=5.0, least=0.1, most=25,
    )  # fmt: skip

    @classmethod
    def recognise(cls, seen: Seen) -> Mapping[str, str] | None:
        """The project stands in its address, unless that is of an issue."""
        found = re.search(r"/projects/([a-z0-9_-]+)", seen.url)
        seen = seen.cut("/issues", "/projects", "/login", "/my", "/account", "/users", "/activity", "/news", "/search",
                        "/attachments", "/time_entries", "/admin")  # fmt: skip
        if '<meta name="description" content="Redmine"' not in seen.text():
            return None
        return {"url": seen.url} | ({"project": found[1]} if found else {})

    @property
    def limits(self) -> Limits:
        return Limits(file_bytes=int(self.largest_mb * 1_000_000))

    def choices(self, field: str) -> tuple[Choice, ...]:
        with self.open_wire() as wire:
            rest = self._rest(wire)
            if field == "project":
                found = objects_in(rest.read("GET", "projects.json", query={"limit": "100"}), "projects")
                return tuple(Choice(text_in(item, "identifier"), text_in(item, "name")) for item in found)
            if field == "tracker":
                return tuple(Choice(name, name) for name in self._names(rest, "trackers.json", "trackers"))
        return ()

    def check(self) -> None:
        with self.open_wire() as wire:
            rest = self._rest(wire)
            rest.read("GET", "users/current.json")
            self._project(rest)
            kinds, ranks = pairs(self.kinds, "kinds").values(), pairs(self.priorities, "priorities").values()
            if self.tracker or kinds:
                names = self._names(rest, "trackers.json", "trackers")
                for value, field in (*((kind, "kinds") for kind in kinds), (self.tracker, "tracker")):
                    if value:
                        self._known(value, names, field)
            if ranks:
                names = {text_in(item, "name"): item["id"] for item in self._ranks(rest)}
                for value in filter(None, ranks):
                    self._known(value, names, "priorities")

    def submit(self, ticket: Ticket, journal: Journal, progress: Progress) -> TicketRef:
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)
            uploads = [] if journal.result("create") else self._upload(rest, cargo, journal, "")
            tell = self.teller(ticket, journal)
            number = journal.once(
                "create", partial(self._create, rest, ticket, uploads), partial(self._find, rest, ticket.report_id)
            )
            journal.once("whole", partial(self._make_whole, rest, number, cargo))
            tell(number, partial(self._say, rest, number, []), partial(self._said, rest, number))
            cargo.arrived()
        return TicketRef(number, f"{self._base}/issues/{number}")

    def _upload(self, rest: Rest, cargo: Cargo, journal: Journal | None, step: str) -> list[dict[str, str]]:
        """Each file for a token; with a journal those of an earlier run count."""
        found = []
        for file in cargo.files:

            def send(file: Attachment = file) -> str:
                query = {"filename": cargo.name(file)}
                try:
                    told = rest.read("POST", "uploads.json", query=query, body=cargo.body(file), headers=OCTETS)
                except (TooLarge, Refused) as error:
                    if isinstance(error, TooLarge) or "errors" in error.values:
                        raise FileRefused(file.name, "{service} does not take “{name}”; it goes as a link",
                                          service=self.title, name=file.name) from error  # fmt: skip
                    raise
                return text_in(told, "upload", "token")

            if journal and (known := journal.result(step + cargo.step(file))):  # it may have been cleared away since
                page = f"attachments/{known.partition('.')[0]}.json"
                if rest.call("GET", page, ok=(200, 403, 404)).status == 404:
                    journal.forget(step + cargo.step(file))
            token = journal.once(step + cargo.step(file), send) if journal else send()
            found.append({"token": token, "filename": cargo.name(file), "content_type": file.media_type})
        return found

    def _create(self, rest: Rest, ticket: Ticket, uploads: list[dict[str, str]]) -> str:
        fields = self._custom_fields(rest, self.field_values(ticket))
        asked: dict[str, object] = {
            "project_id": self.project,
            "subject": subject_of(ticket, SUBJECT_CHARACTERS),
            "description": self._render(ticket),
            "uploads": uploads,
            "custom_fields": [{"id": number, "value": value} for number, value in fields],
        }
        if priority := self._priority(rest, ticket):
            asked["priority_id"] = priority
        if tracker := self._tracker(rest, ticket):
            asked["tracker_id"] = tracker
        try:
            found = rest.create("issues.json", content={"issue": asked})
        except Refused as error:
            words = error.values.get("errors", "")
            for item in objects_in(self._project(rest), "issue_custom_fields"):
                if (name := text_in(item, "name")) and name in words:
                    raise FieldWanted(name, "the help desk wants “{field}” to be filled in", field=name) from error
            raise
        number = text_in(found, "issue", "id")
        if not number.isdecimal():
            raise OutcomeUnknown("{host} did not say which ticket it made", host=self.url)
        return number

    def _priority(self, rest: Rest, ticket: Ticket) -> int | None:
        """By name where the settings map one; else the list's default for medium, its neighbours for the others."""
        ranks = self._ranks(rest)
        if wanted := self.priority_of(ticket, {}):
            return self._known(wanted, {text_in(item, "name"): item["id"] for item in ranks}, "priorities")
        return int(_usual(ranks)[ticket.priority]["id"]) if ranks else None

    def _ranks(self, rest: Rest) -> list[dict[str, Any]]:
        listed = objects_in(rest.read("GET", "enumerations/issue_priorities.json"), "issue_priorities")
        return [item for item in listed if item.get("active", True)]

    def _our_names(self, rest: Rest) -> dict[str, str]:
        """The names that stand for our priorities when nothing else is set; none where the list is not shown."""
        with suppress(Refused):
            ranks = self._ranks(rest)
            return {ours: text_in(item, "name") for ours, item in _usual(ranks).items()} if ranks else {}
        return {}

    def _tracker(self, rest: Rest, ticket: Ticket) -> int | None:
        wanted = (kind := self.kind_of(ticket, {})) or self.tracker
        if not wanted:
            return None
        return self._known(wanted, self._names(rest, "trackers.json", "trackers"), "kinds" if kind else "tracker")

    def _known(self, wanted: str, names: Mapping[str, int], field: str) -> int:
        """Its number, by its name or as it is. Raises: InvalidField when the setting names what is not there."""
        number = next((number for name, number in names.items() if wanted in (name, str(number))), None)
        if number is None:
            raise InvalidField(field, "there is no “{value}” at {host}", value=wanted, host=self.url)
        return number

    def _names(self, rest: Rest, path: str, key: str) -> dict[str, int]:
        found = objects_in(rest.read("GET", path), key)
        return {text_in(item, "name"): item["id"] for item in found if isinstance(item.get("id"), int)}

    def _custom_fields(self, rest: Rest, wanted: Mapping[str, str]) -> list[tuple[int, str]]:
        """Names become numbers: those of the project, and those that the newest issue shows for all projects."""
        if not wanted:
            return []
        newest = {"project_id": self.project, "status_id": "*", "limit": "1", "sort": "id:desc"}
        shown = objects_in(self._project(rest), "issue_custom_fields")
        for issue in objects_in(rest.read("GET", "issues.json", query=newest), "issues"):
            shown = [*shown, *objects_in(issue, "custom_fields")]
        known = {text_in(item, "name"): item["id"] for item in shown if isinstance(item.get("id"), int)}
        known |= {name: int(name) for name in wanted if name.isdecimal()}
        return [(known[name], value) for name, value in wanted.items() if name in known]

    def _project(self, rest: Rest) -> dict[str, Any]:
        answer = rest.call("GET", f"projects/{self.project}.json", query={"include": "issue_custom_fields"},
                           ok=(200, 403, 404))  # fmt: skip
        if answer.status != 200:
            raise _no_project(self.project)
        found = answer.json()
        if not isinstance(found, dict) or not isinstance(found.get("project"), dict):
            raise errors.Intercepted(NO_DATA, host=answer.host)
        return cast(dict[str, Any], found["project"])

    def _find(self, rest: Rest, report_id: str) -> str | None:
        for issue in self._own_issues(rest, MOST_OWN, sort="id:desc"):
            if mark(report_id) in text_in(issue, "description"):
                return text_in(issue, "id")
        return None

    @staticmethod
    def _own_issues(rest: Rest, most: int, **more: str) -> Iterator[dict[str, Any]]:
        query = {"author_id": "me", "status_id": "*", "limit": str(PAGE), **more}

        def read(page: int) -> list[Any]:
            asked = {**query, "offset": str(PAGE * (page - 1))}
            return objects_in(rest.read("GET", "issues.json", query=asked), "issues")

        return paged(read, PAGE, most)

    def _make_whole(self, rest: Rest, number: str, cargo: Cargo) -> str:
        """Attaches what the issue does not hold: tokens that a clean-up has taken away."""
        issue = rest.read("GET", f"issues/{number}.json", query={"include": "attachments"}, inside="issue")
        held = objects_in(issue, "attachments")
        missing = cargo.missing((text_in(item, "filename"), item.get("filesize", 0)) for item in held)
        if missing:
            uploads = self._upload(rest, cargo.only(missing), None, "")
            rest.change("PUT", f"issues/{number}.json", content={"issue": {"uploads": uploads}})
        return "yes"

    def _render(self, ticket: Ticket) -> str:
        """Redmine runs macros and replaces links of its own in any formatting, literal or not: a mark without width
        stops that. Tried on Redmine 5.0.4; its source: ApplicationHelper, MACROS_RE and LINKS_RE."""
        text = render(ticket, self._markup)
        return _OWN_MARKUP.sub(lambda found: found[0] if found[1] else f"{found[0]}\u200b", text)

    @property
    def _markup(self) -> Markup:
        return MARKUPS[self.markup]

    # -- the way back -------------------------------------------------------------------------------------------

    def news(self, mark: str) -> News:
        since = {"updated_on": f">={mark}"} if mark else {}
        with self.open_wire() as wire:
            rest = self._rest(wire)
            is_here = self._is_here(rest)
            items = list(self._own_issues(rest, most_of(mark), sort="updated_on:desc", **since))
            names = self._our_names(rest) if items else {}
        tickets = [replace(self._own(item, names), elsewhere=not is_here(item)) for item in items]
        newest = max((ticket.updated_at for ticket in tickets), default=None)
        return News(f"{newest:%Y-%m-%dT%H:%M:%SZ}" if newest else mark, tuple(tickets), len(tickets) >= most_of(mark))

    def _is_here(self, rest: Rest) -> Callable[[Mapping[str, Any]], bool]:
        """Whether an issue lies in this desk's project, and has one of its trackers where it is set to some."""
        number = ""
        with suppress(InvalidField):
            number = text_in(self._project(rest), "id")
        trackers = {self.tracker, *pairs(self.kinds, "kinds").values()} if self.tracker else set[str]()

        def is_here(issue: Mapping[str, Any]) -> bool:
            in_project = not number or text_in(issue, "project", "id") == number
            return in_project and (not trackers or text_in(issue, "tracker", "name") in trackers)

        return is_here

    def conversation(self, key: str) -> Conversation:
        with self.open_wire() as wire:
            rest = self._rest(wire)
            query = {"include": "attachments,journals,allowed_statuses"}
            issue = rest.read("GET", f"issues/{key}.json", query=query, inside="issue")
            names = self._our_names(rest)
        files = {text_in(item, "id"): _file(item) for item in objects_in(issue, "attachments")}
        me, replies, later = text_in(issue, "author", "id"), list[Reply](), set[str]()
        for entry in objects_in(issue, "journals"):
            added = [text_in(d, "name") for d in objects_in(entry, "details") if text_in(d, "property") == "attachment"]
            later |= set(added)
            if text_in(entry, "notes").strip() or added:
                replies.append(_reply(entry, "user", read(text_in(entry, "notes"), self._markup), me,
                                      tuple(files[name] for name in added if name in files)))  # fmt: skip
        first = tuple(file for name, file in files.items() if name not in later)
        text = read(text_in(issue, "description"), self._markup)
        opening = _reply({**issue, "id": f"issue-{key}"}, "author", text, me, first)
        return Conversation(self._own(issue, names), (opening, *replies))

    def _own(self, issue: Mapping[str, Any], names: Mapping[str, str]) -> OwnTicket:
        number, closed = text_in(issue, "id"), text_in(issue, "status", "is_closed") == "True"
        ways = objects_in(issue, "allowed_statuses") if "allowed_statuses" in issue else None
        may = ["reply"]
        if ways is None or any(way.get("is_closed", False) is not closed for way in ways):
            may.append("reopen" if closed else "solve")
        return OwnTicket(
            number, number, f"{self._base}/issues/{number}", text_in(issue, "subject"),
            "solved" if closed else "open", text_in(issue, "status", "name"),
            self.our_priority(text_in(issue, "priority", "name"), names),
            moment(text_in(issue, "created_on")), moment(text_in(issue, "updated_on")),
            due_at=time_in(text_in(issue, "due_date")), may=tuple(may),
        )  # fmt: skip

    def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        with self.open_wire() as wire:
            rest = self._rest(wire)
            self._save(wire, file, f"{self._base}/attachments/download/{file.key}", target, progress, rest.login)

    def reply(self, ticket: Ticket, journal: Journal, progress: Progress) -> str:
        key = ticket.reply_to
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)
            uploads = self._upload(rest, cargo, journal, "reply/")
            done = journal.once("reply", partial(self._say, rest, key, uploads, ticket),
                                partial(self._said, rest, key, mark(ticket.report_id)))  # fmt: skip
            cargo.arrived()
        return done

    def _say(self, rest: Rest, key: str, uploads: list[dict[str, str]], ticket: Ticket) -> str:
        content = {"issue": {"notes": self._render(ticket), "uploads": uploads}}
        rest.change("PUT", f"issues/{key}.json", content=content)
        return "sent"

    @staticmethod
    def _said(rest: Rest, key: str, words: str) -> str | None:
        found = rest.read("GET", f"issues/{key}.json", query={"include": "journals"}, inside="issue")
        told = ((text_in(e, "id"), text_in(e, "notes").replace("\u200b", "")) for e in objects_in(found, "journals"))
        return next((number for number, text in told if words in text), None)

    def solve(self, key: str) -> None:
        self._move(key, closed=True)

    def reopen(self, key: str) -> None:
        self._move(key, closed=False)

    def _move(self, key: str, *, closed: bool) -> None:
        """Into the first state of that sort that the user's role may choose."""
        with self.open_wire() as wire:
            rest = self._rest(wire)
            issue = rest.read("GET", f"issues/{key}.json", query={"include": "allowed_statuses"}, inside="issue")
            if text_in(issue, "status", "is_closed") == str(closed):
                return
            ways = [way for way in objects_in(issue, "allowed_statuses") if way.get("is_closed", False) is closed]
            if not ways:
                if closed:
                    raise Refused("{service} lets only the agents close a ticket", service=self.title)
                raise Refused("{service} lets only the agents open a ticket again; reply instead", service=self.title)
            rest.change("PUT", f"issues/{key}.json", content={"issue": {"status_id": ways[0]["id"]}})

    @property
    def _base(self) -> str:
        return http_address(self.url)

    def _rest(self, wire: Wire) -> Rest:
        if not self.key:
            raise AuthFailed("your key or token for this help desk is missing; fill it in in the settings")
        return Rest(wire, self._base, {"X-Redmine-API-Key": self.key.reveal()}, self._wrong)

    def _wrong(self, answer: Answer) -> errors.UploaderError:
        """Redmine's words are in the user's language: what is told apart is told by names and numbers alone."""
        words = said(answer, "errors")
        if answer.status == 422:
            return Refused("{host} refused it: {errors}", host=answer.host, errors=words)
        return sort_out(answer)


def _no_project(project: str) -> errors.UploaderError:
    return InvalidField("project", "there is no project “{project}”, or you may not see it", project=project)


def _file(item: Mapping[str, Any]) -> RemoteFile:
    return RemoteFile(text_in(item, "id"), text_in(item, "filename"), size_in(item, "filesize"),
                      text_in(item, "content_type"))  # fmt: skip


def _usual(ranks: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The list's default is our medium, its neighbours are the others; at an end of it the same once more."""
    middle = next((place for place, item in enumerate(ranks) if item.get("is_default")), len(ranks) // 2)
    places = {"high": min(middle + 1, len(ranks) - 1), "low": max(middle - 1, 0), "medium": middle}
    return {ours: ranks[place] for ours, place in places.items()}


def _reply(entry: Mapping[str, Any], who: str, text: str, me: str, files: tuple[RemoteFile, ...]) -> Reply:
    return Reply(text_in(entry, "id"), text_in(entry, who, "name"), text_in(entry, who, "id") == me,
                 moment(text_in(entry, "created_on")), text, files)  # fmt: skip
