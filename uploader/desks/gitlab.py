"""GitLab: issues of one project, by a token of the user's own. They are confidential unless the settings say otherwise.

Files go first, each for an address that the issue's text then names. Issues know no idempotency key: one whose answer
got lost is found among the user's newest by our mark. Source: GitLab's documentation, "Issues API", "Notes API",
"Markdown uploads API", "REST API", "Personal access tokens" (17 and 18, 2024 to 2026).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from uploader.body import mark, read, render
from uploader.cargo import Cargo
from uploader.errors import FileRefused, Gone, InvalidField, OutcomeUnknown, Refused, TooLarge, UploaderError
from uploader.form import Form, Part
from uploader.inbox import Conversation, Inbox, InboxAbilities, News, OwnTicket, RemoteFile, Reply, most_of
from uploader.journal import Journal
from uploader.plain_text import tidy
from uploader.remote import MOST_OWN, RemoteDesk, http_address, subject_of
from uploader.rest import MOST_TALK, Rest, moment, paged, said, text_in, time_in
from uploader.seen import Seen
from uploader.setting import Secret, setting
from uploader.ticket import Attachment, Choice, DeskAbilities, Limits, Progress, Ticket, TicketRef
from uploader.wire import Reply as Answer
from uploader.wire import Wire, sort_out

SUBJECT_CHARACTERS = 255
"""Source: GitLab, app/models/concerns/issuable.rb, TITLE_LENGTH_MAX."""
LARGEST_BYTES = 100 * 1024 * 1024
"""Source: "Account and limit settings", Max attachment size: 100 MB unless set otherwise; users cannot ask for it."""
PAGE = 100
_PLACE = r"/uploads/[0-9a-f]{32}/(?!\.{1,2}(?:\)|\Z))[\w.+ -]{1,255}"
"""Of a file, with a name of GitLab's making. Source: CarrierWave, SanitizedFile: letters, digits and ``.-+`` are kept,
all else becomes ``_``. Whatever else stands there might lead to other calls, with the user's token."""
_FILE = re.compile(rf"!?\[((?:\\.|[^\[\]\\]){{0,400}})\]\(({_PLACE})\)(\{{[^}}\n]{{0,200}}\}})?")
"""A file in a text, as GitLab writes it. All is bounded: a hostile text takes no longer than others."""


@dataclass(frozen=True, kw_only=True)
class GitLab(RemoteDesk, Inbox):
    title: ClassVar[str] = "GitLab"
    abilities: ClassVar[DeskAbilities] = DeskAbilities(order="before", markup="markdown", entry=("token",))
    inbox: ClassVar[InboxAbilities] = InboxAbilities(solves=True, reopens=True)

    url: str = setting(
        "Address of GitLab", help="https://gitlab.com, or that of your own.", kind="url", default="https://gitlab.com"
    )
    token: Secret = setting(
        "Your access token", help="In GitLab: Preferences → Access tokens, with the scope “api”.", kind="secret",
        default=Secret(""),
    )  # fmt: skip
    project: str = setting("Project", help="Its path, as in its address (group/project), or its number.")
    labels: str = setting(
        "Labels of every issue", help="Separated by commas. Example: support, reported", default="", rare=True
    )
    confidential: bool = setting(
        "Confidential", help="Only the project's members and you see the report.", kind="flag", default=True
    )

    @classmethod
    def recognise(cls, seen: Seen) -> Mapping[str, str] | None:
        answer = seen.get("/api/v4/version")
        if answer is None or "x-gitlab-meta" not in answer.headers:
            return None
        path = urlsplit(seen.cut("/-", "/issues", "/merge_requests", "/users").url).path.strip("/")
        return {"url": seen.root, "project": path} if "/" in path else {"url": seen.root}

    @property
    def limits(self) -> Limits:
        return Limits(file_bytes=LARGEST_BYTES)

    def choices(self, field: str) -> tuple[Choice, ...]:
        if field != "project":
            return ()
        query = {"membership": "true", "simple": "true", "order_by": "last_activity_at", "per_page": str(PAGE)}
        with self.open_wire() as wire:
            found = self._rest(wire).list("GET", "projects", query=query)
        return tuple(Choice(text_in(item, "path_with_namespace"), text_in(item, "name_with_namespace"))
                     for item in found if isinstance(item, dict))  # fmt: skip

    def check(self) -> None:
        """Raises: UploaderError; Refused when the token may not write; InvalidField when there is no such project."""
        with self.open_wire() as wire:
            rest = self._rest(wire)
            rest.read("GET", "user")
            told = rest.call("GET", "personal_access_tokens/self", ok=range(200, 500))
            scopes = told.json().get("scopes") if told.status == 200 else None
            if isinstance(scopes, list) and "api" not in scopes:
                raise Refused("the token may only read; make one with the scope “{scope}”", scope="api")
            try:
                project = rest.read("GET", self._path)
            except Gone as error:
                raise _no_project(self.project) from error
            if project.get("issues_access_level") == "disabled":
                raise Refused("there are no issues in “{project}”; they are switched off", project=self.project)

    def submit(self, ticket: Ticket, journal: Journal, progress: Progress) -> TicketRef:
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)
            files = self._upload(rest, cargo, journal, "")
            create, find = partial(self._create, rest, ticket, files), partial(self._find, rest, ticket.report_id)
            number, url = journal.once("create", create, find).split(" ", 1)
            cargo.arrived()
        return TicketRef(f"#{number}", url, number)

    def _upload(self, rest: Rest, cargo: Cargo, journal: Journal, step: str) -> str:
        """The files as the text shall name them, one a line."""
        found = []
        for file in cargo.files:
            url = journal.once(step + cargo.step(file), partial(self._send, rest, cargo, file))
            picture = "!" if file.media_type.startswith(("image/", "video/", "audio/")) else ""
            found.append(f"{picture}[{_escaped(cargo.name(file))}]({url})")
        return "\n\n".join(found)

    def _send(self, rest: Rest, cargo: Cargo, file: Attachment) -> str:
        form = Form((), [Part("file", cargo.name(file), file.media_type, cargo.body(file))], file.sha256)
        try:
            told = rest.read("POST", f"{self._path}/uploads", body=form, headers={"Content-Type": form.content_type})
        except (Refused, TooLarge) as error:
            if isinstance(error, TooLarge) or "why" in error.values:
                raise FileRefused(file.name, "{service} does not take “{name}”; it goes as a link",
                                  service=self.title, name=file.name) from error  # fmt: skip
            if isinstance(error, Gone):
                raise _no_project(self.project) from error
            raise
        return text_in(told, "url")

    def _create(self, rest: Rest, ticket: Ticket, files: str) -> str:
        named = (*self.labels.split(","), self.kind_of(ticket, {}), self.priority_of(ticket, {}))
        labels = [label.strip() for label in named if label.strip()]
        asked: dict[str, object] = {
            "title": subject_of(ticket, SUBJECT_CHARACTERS) or mark(ticket.report_id),
            "description": self._text(ticket, files),
            "confidential": self.confidential,
        }
        if labels:
            asked["labels"] = labels
        try:
            found = rest.create(f"{self._path}/issues", content=asked)
        except Gone as error:
            raise _no_project(self.project) from error
        return self._named(found)

    def _named(self, issue: Mapping[str, Any]) -> str:
        number = text_in(issue, "iid")
        if not number.isdecimal():
            raise OutcomeUnknown("{host} did not say which ticket it made", host=self.url)
        return f"{number} {text_in(issue, 'web_url')}"

    def _text(self, ticket: Ticket, files: str) -> str:
        text = render(ticket, "markdown")
        return f"{text}\n\n{files}" if files else text

    def _find(self, rest: Rest, report_id: str) -> str | None:
        for issue in self._own_issues(rest, MOST_OWN, order_by="created_at"):
            if mark(report_id) in text_in(issue, "description"):
                return self._named(issue)
        return None

    def _own_issues(self, rest: Rest, most: int, **more: str) -> Iterator[dict[str, Any]]:
        query = {"scope": "created_by_me", "state": "all", "sort": "desc", "per_page": str(PAGE), **more}
        path = f"{self._path}/issues"
        return paged(lambda page: rest.list("GET", path, query={**query, "page": str(page)}), PAGE, most)

    # -- the way back -------------------------------------------------------------------------------------------

    def news(self, mark: str) -> News:
        since = {"updated_after": mark} if mark else {}
        with self.open_wire() as wire:
            issues = list(self._own_issues(self._rest(wire), most_of(mark), order_by="updated_at", **since))
        newest = max((text_in(issue, "updated_at") for issue in issues), default=mark)
        return News(newest, tuple(_own(issue) for issue in issues), len(issues) >= most_of(mark))

    def conversation(self, key: str) -> Conversation:
        with self.open_wire() as wire:
            rest = self._rest(wire)
            issue = rest.read("GET", f"{self._path}/issues/{key}")
            notes = self._notes(rest, key)
        me = text_in(issue, "author", "id")
        first = _reply({**issue, "id": f"issue-{key}", "body": text_in(issue, "description")}, me)
        return Conversation(_own(issue), (first, *(_reply(note, me) for note in notes)))

    def _notes(self, rest: Rest, key: str) -> list[dict[str, Any]]:
        """What people wrote, oldest first; not what GitLab notes by itself."""

        def read(page: int) -> list[Any]:
            query = {"sort": "asc", "order_by": "created_at", "per_page": str(PAGE), "page": str(page)}
            return rest.list("GET", f"{self._path}/issues/{key}/notes", query=query)

        return [note for note in paged(read, PAGE, MOST_TALK) if not note.get("system")]

    def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        """By the interface, which knows the token; GitLab has it since 17.4."""
        if not re.fullmatch(_PLACE, file.key):
            raise Refused("{host} leads on to an address that is not safe; it was not followed", host=self.url)
        secret, name = file.key.removeprefix("/uploads/").split("/", 1)
        with self.open_wire() as wire:
            rest = self._rest(wire)
            address = f"{rest.url}/{self._path}/uploads/{secret}/{quote(name)}"
            self._save(wire, file, address, target, progress, rest.login)

    def reply(self, ticket: Ticket, journal: Journal, progress: Progress) -> str:
        path = f"{self._path}/issues/{ticket.reply_to}/notes"
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)
            files = self._upload(rest, cargo, journal, "reply/")

            def send() -> str:
                return text_in(rest.create(path, content={"body": self._text(ticket, files)}), "id") or "sent"

            def find() -> str | None:
                told = ((text_in(n, "id"), text_in(n, "body")) for n in self._notes(rest, ticket.reply_to))
                return next((number for number, text in told if mark(ticket.report_id) in text), None)

            done = journal.once("reply", send, find)
            cargo.arrived()
        return done

    def solve(self, key: str) -> None:
        self._move(key, "close")

    def reopen(self, key: str) -> None:
        self._move(key, "reopen")

    def _move(self, key: str, event: str) -> None:
        with self.open_wire() as wire:
            self._rest(wire).change("PUT", f"{self._path}/issues/{key}", content={"state_event": event})

    @property
    def _path(self) -> str:
        return f"projects/{quote(self.project.strip('/'), safe='')}"

    def _rest(self, wire: Wire) -> Rest:
        return Rest(wire, f"{http_address(self.url)}/api/v4", {"PRIVATE-TOKEN": self.token.reveal()}, _wrong)


def _wrong(answer: Answer) -> UploaderError:
    if answer.status == 403 and said(answer, "error") == "insufficient_scope":
        return Refused("the token may only read; make one with the scope “{scope}”", scope="api")
    if answer.status in (400, 422):
        return Refused("{host} refused it: {why}", host=answer.host, why=_words(answer) or str(answer.status))
    return sort_out(answer)


def _words(answer: Answer) -> str:
    """``{"message": {"title": ["can't be blank"]}}``, or plain words. Source: "REST API", Data validation."""
    try:
        found = json.loads(answer.body)["message"]
        pairs = [f"{name}: {', '.join(map(str, words))}" for name, words in found.items()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return said(answer, "message", "error")
    return tidy("; ".join(pairs))[:200]


def _no_project(project: str) -> UploaderError:
    return InvalidField("project", "there is no project “{project}”, or you may not see it", project=project)


def _escaped(name: str) -> str:
    return re.sub(r"([\\`*_\[\]<>!|~$&@#])", r"\\\1", name)


def _own(issue: Mapping[str, Any]) -> OwnTicket:
    number, closed = text_in(issue, "iid"), text_in(issue, "state") == "closed"
    return OwnTicket(
        f"#{number}", number, text_in(issue, "web_url"), text_in(issue, "title"), "solved" if closed else "open",
        text_in(issue, "state"), "", moment(text_in(issue, "created_at")), moment(text_in(issue, "updated_at")),
        due_at=time_in(text_in(issue, "due_date")), may=("reply", "reopen" if closed else "solve"),
    )  # fmt: skip


def _reply(note: Mapping[str, Any], me: str) -> Reply:
    body = text_in(note, "body")
    files = tuple(RemoteFile(found[2], re.sub(r"\\(.)", r"\1", found[1])) for found in _FILE.finditer(body))
    return Reply(text_in(note, "id"), text_in(note, "author", "name"), text_in(note, "author", "id") == me,
                 moment(text_in(note, "created_at")), read(_FILE.sub("", body), "markdown"), files)  # fmt: skip
