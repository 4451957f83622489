"""GitHub: issues of one repository, by a token of the user's own. A public repository must be allowed on purpose.

Its interface takes no files: all of them go as links. Issues know no idempotency key: one whose answer got lost is
found among the user's newest by our mark, in a list and never in the search, which lags. Source: GitHub's
documentation, "REST API endpoints for issues", "… issue comments", "Rate limits for the REST API", "Best practices for
using the REST API" (2022-11-28), and what ``docs/desks/github.md`` marks as unsure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from uploader.body import mark, read, render
from uploader.cargo import Cargo
from uploader.errors import (
    FileRefused,
    Gone,
    Intercepted,
    InvalidField,
    OutcomeUnknown,
    Refused,
    Temporary,
    UploaderError,
)
from uploader.inbox import Conversation, Inbox, InboxAbilities, News, OwnTicket, RemoteFile, Reply, most_of
from uploader.journal import Journal
from uploader.remote import MOST_OWN, RemoteDesk, http_address, subject_of
from uploader.rest import MOST_TALK, Rest, moment, paged, said, text_in
from uploader.seen import Seen
from uploader.setting import Secret, setting
from uploader.ticket import Attachment, Choice, DeskAbilities, Limits, Progress, Ticket, TicketRef
from uploader.wire import MOST_WAIT_S, NO_DATA, Wire, sort_out, wanted_wait_s
from uploader.wire import Reply as Answer

SUBJECT_CHARACTERS = 256
"""Known from practice: longer titles are refused with 422."""
PAGE = 100
WAIT_S = 60.0
"""Source: "Rate limits": "Otherwise, wait for at least one minute before retrying"."""
_FILE = re.compile(
    r"!?\[((?:\\.|[^\[\]\\]){0,400})\]"
    r"\((https?://[^/\s\[\]]{1,255}/user-attachments/(?:files|assets)/[^)\s\[\]]{1,500})\)"
)
"""A file that somebody put into a text in the browser. All is bounded: a hostile text takes no longer than others."""


@dataclass(frozen=True, kw_only=True)
class GitHub(RemoteDesk, Inbox):
    title: ClassVar[str] = "GitHub"
    abilities: ClassVar[DeskAbilities] = DeskAbilities(order="before", markup="markdown", entry=("token",))
    inbox: ClassVar[InboxAbilities] = InboxAbilities(solves=True, reopens=True, sends_files=False)

    url: str = setting("Address of GitHub", help="https://github.com, or that of your own.", kind="url",
                       default="https://github.com", rare=True)  # fmt: skip
    token: Secret = setting(
        "Your access token", help="In GitHub: a fine-grained token for the repository, with the right to write issues.",
        kind="secret", default=Secret(""),
    )  # fmt: skip
    repository: str = setting("Repository", help="owner/name")
    labels: str = setting(
        "Labels of every issue", help="Separated by commas. Example: support, reported", default="", rare=True
    )
    public: bool = setting(
        "Allow a public repository", help="Everybody can read the reports there.", kind="flag", default=False, rare=True
    )

    @classmethod
    def recognise(cls, seen: Seen) -> Mapping[str, str] | None:
        answer = seen.get()
        if answer is None or "x-github-request-id" not in answer.headers:
            return None
        path = urlsplit(seen.url).path.strip("/").split("/")
        return {"url": seen.root, "repository": "/".join(path[:2])} if len(path) > 1 else {"url": seen.root}

    @property
    def limits(self) -> Limits:
        """No file at all."""
        return Limits(file_bytes=0, total_bytes=0)

    def choices(self, field: str) -> tuple[Choice, ...]:
        if field != "repository":
            return ()
        with self.open_wire() as wire:
            found = self._rest(wire).list("GET", "user/repos", query={"sort": "pushed", "per_page": str(PAGE)})
        return tuple(Choice(text_in(item, "full_name"), text_in(item, "full_name"))
                     for item in found if isinstance(item, dict) and item.get("has_issues"))  # fmt: skip

    def check(self) -> None:
        with self.open_wire() as wire:
            rest = self._rest(wire)
            self._me(rest)
            self._repository(rest)

    def _me(self, rest: Rest) -> str:
        return text_in(rest.read("GET", "user"), "login")

    def _repository(self, rest: Rest) -> None:
        """Raises: InvalidField when it is not there; Refused when it takes no issues, or everybody would read them."""
        try:
            found = rest.read("GET", self._path)
        except Gone as error:
            raise InvalidField("repository", "there is no repository “{value}”, or you may not see it",
                               value=self.repository) from error  # fmt: skip
        if found.get("has_issues") is False:
            raise Refused("there are no issues in “{project}”; they are switched off", project=self.repository)
        if found.get("private") is not True and not self.public:
            raise Refused("“{value}” is public: everybody would read the reports; allow it in the settings, or choose "
                          "another", value=self.repository)  # fmt: skip

    def submit(self, ticket: Ticket, journal: Journal, progress: Progress) -> TicketRef:
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)
            self._demand_links(ticket.attachments)
            create, find = partial(self._create, rest, ticket), partial(self._find, rest, ticket.report_id)
            number, url = journal.once("create", create, find).split(" ", 1)
            cargo.arrived()
        return TicketRef(f"#{number}", url, number)

    def _demand_links(self, files: tuple[Attachment, ...]) -> None:
        for file in files:
            raise FileRefused(file.name, "{service} does not take “{name}”; it goes as a link", service=self.title,
                              name=file.name)  # fmt: skip

    def _create(self, rest: Rest, ticket: Ticket) -> str:
        self._repository(rest)
        named = (*self.labels.split(","), self.kind_of(ticket, {}), self.priority_of(ticket, {}))
        asked: dict[str, object] = {
            "title": subject_of(ticket, SUBJECT_CHARACTERS) or mark(ticket.report_id),
            "body": _text(ticket),
        }
        if labels := [label.strip() for label in named if label.strip()]:
            asked["labels"] = labels
        return self._named(rest.create(f"{self._path}/issues", content=asked))

    def _named(self, issue: Mapping[str, Any]) -> str:
        number = text_in(issue, "number")
        if not number.isdecimal():
            raise OutcomeUnknown("{host} did not say which ticket it made", host=self.url)
        return f"{number} {text_in(issue, 'html_url')}"

    def _find(self, rest: Rest, report_id: str) -> str | None:
        query = {"creator": self._me(rest), "state": "all", "sort": "created", "direction": "desc",
                 "per_page": str(PAGE)}  # fmt: skip
        path = f"{self._path}/issues"
        for issue in paged(lambda page: rest.list("GET", path, query={**query, "page": str(page)}), PAGE, MOST_OWN):
            if mark(report_id) in text_in(issue, "body"):
                return self._named(issue)
        return None

    # -- the way back -------------------------------------------------------------------------------------------

    def news(self, mark: str) -> News:
        """``mark`` is the newest change, and the tag of the list: the same list again costs nothing of the limit."""
        since, _, tag = mark.partition(" ")
        new_tag = tag
        with self.open_wire() as wire:
            rest, tickets = self._rest(wire), list[OwnTicket]()
            query = {"creator": self._me(rest), "state": "all", "sort": "updated", "direction": "desc",
                     "per_page": str(PAGE)}  # fmt: skip
            for page in range(1, most_of(since) // PAGE + 1):
                head = {"If-None-Match": tag} if tag and page == 1 else {}
                answer = rest.call("GET", f"{self._path}/issues", query={**query, "page": str(page)}, headers=head,
                                   ok=(200, 304))  # fmt: skip
                if answer.status == 304:
                    return News(mark)
                listed = answer.json()
                if not isinstance(listed, list):
                    raise Intercepted(NO_DATA, host=answer.host)
                if page == 1:
                    new_tag = answer.headers.get("etag", "")
                found = [_own(item, "") for item in listed if isinstance(item, dict) and "pull_request" not in item]
                changed = [ticket for ticket in found if not since or ticket.updated_at >= moment(since)]
                tickets += changed
                if len(listed) < PAGE or len(changed) < len(found):
                    break
        newest = max((ticket.updated_at for ticket in tickets), default=None)
        return News(
            f"{newest:%Y-%m-%dT%H:%M:%SZ} {new_tag}" if newest else f"{since} {new_tag}",
            tuple(tickets),
            len(tickets) >= most_of(since),
        )

    def conversation(self, key: str) -> Conversation:
        with self.open_wire() as wire:
            rest = self._rest(wire)
            issue, me = rest.read("GET", f"{self._path}/issues/{key}"), self._me(rest)
            comments = self._comments(rest, key)
        first = _reply({**issue, "id": f"issue-{key}"}, me)
        return Conversation(_own(issue, me), (first, *(_reply(comment, me) for comment in comments)))

    def _comments(self, rest: Rest, key: str) -> list[dict[str, Any]]:
        def read(page: int) -> list[Any]:
            query = {"per_page": str(PAGE), "page": str(page)}
            return rest.list("GET", f"{self._path}/issues/{key}/comments", query=query)

        return list(paged(read, PAGE, MOST_TALK))

    def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        """Its address stands in somebody's text; only at GitHub itself it is shown who asks."""
        here = urlsplit(file.key)[:2] == urlsplit(http_address(self.url))[:2]
        login = {"Authorization": f"Bearer {self.token.reveal()}"} if here else {}
        with self.open_wire() as wire:
            self._save(wire, file, file.key, target, progress, login, follow=5)

    def reply(self, ticket: Ticket, journal: Journal, progress: Progress) -> str:
        key = ticket.reply_to
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)
            self._demand_links(ticket.attachments)

            def send() -> str:
                made = rest.create(f"{self._path}/issues/{key}/comments", content={"body": _text(ticket)})
                return text_in(made, "id") or "sent"

            def find() -> str | None:
                told = ((text_in(entry, "id"), text_in(entry, "body")) for entry in self._comments(rest, key))
                return next((number for number, text in told if mark(ticket.report_id) in text), None)

            done = journal.once("reply", send, find)
            cargo.arrived()
        return done

    def solve(self, key: str) -> None:
        self._move(key, {"state": "closed", "state_reason": "completed"})

    def reopen(self, key: str) -> None:
        self._move(key, {"state": "open"})

    def _move(self, key: str, content: Mapping[str, str]) -> None:
        with self.open_wire() as wire:
            self._rest(wire).change("PATCH", f"{self._path}/issues/{key}", content=content)

    @property
    def _path(self) -> str:
        """Raises: InvalidField."""
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", self.repository):
            raise InvalidField("repository", "there is no repository “{value}”, or you may not see it",
                               value=self.repository)  # fmt: skip
        return f"repos/{self.repository}"

    def _rest(self, wire: Wire) -> Rest:
        base = http_address(self.url)
        where = "https://api.github.com" if urlsplit(base).hostname == "github.com" else f"{base}/api/v3"
        login = {"Authorization": f"Bearer {self.token.reveal()}", "Accept": "application/vnd.github+json",
                 "X-GitHub-Api-Version": "2022-11-28"}  # fmt: skip
        return Rest(wire, where, login, _wrong)


def _wrong(answer: Answer) -> UploaderError:
    """Too many requests are refused with 403 as well as with 429. Source: "Rate limits for the REST API"."""
    words, heads = said(answer, "message"), answer.headers
    limited = "retry-after" in heads or heads.get("x-ratelimit-remaining") == "0" or "rate limit" in words
    if answer.status == 429 or (answer.status == 403 and limited):
        return Temporary("{host} is busy or out of order ({status})", retry_after_s=_wait_s(answer), host=answer.host,
                         status=str(answer.status))  # fmt: skip
    if answer.status in (403, 422) and words:
        return Refused("{host} refused it: {why}", host=answer.host, why=_words(answer) or words)
    return sort_out(answer)


def _wait_s(answer: Answer) -> float:
    """By the service's own clock: that of this computer may be wrong."""
    if (wanted := wanted_wait_s(answer)) is not None:
        return wanted
    heads = answer.headers
    if heads.get("x-ratelimit-remaining") == "0" and heads.get("x-ratelimit-reset", "").isdecimal():
        try:
            now = parsedate_to_datetime(heads.get("date", "")).timestamp()
        except (ValueError, TypeError):
            return WAIT_S
        return min(max(int(heads["x-ratelimit-reset"][:12]) - now, 1.0), MOST_WAIT_S)
    return WAIT_S


def _words(answer: Answer) -> str:
    """What is wrong with which field: ``{"errors": [{"field": "title", "code": "missing_field"}]}``."""
    try:
        errors = [each for each in json.loads(answer.body)["errors"] if isinstance(each, dict)]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    told = (f"{text_in(each, 'field')} {text_in(each, 'message') or text_in(each, 'code')}".strip() for each in errors)
    return "; ".join(told)[:200]


def _text(ticket: Ticket) -> str:
    """Nobody is called and nothing is linked by what users write; a backslash alone does not prevent that here."""
    return re.sub(
        r"<https?://[^>\s]*>|\\?([@#])(?=\w)",
        lambda found: f"{found[1]}<!-- -->" if found[1] else found[0],
        render(ticket, "markdown"),
    )


def _own(issue: Mapping[str, Any], me: str) -> OwnTicket:
    """Who closed it is told of a single issue alone; only that user may open it again."""
    number, closed = text_in(issue, "number"), text_in(issue, "state") == "closed"
    may = ["reply"]
    if not closed:
        may.append("solve")
    elif me and text_in(issue, "closed_by", "login") == me:
        may.append("reopen")
    return OwnTicket(
        f"#{number}", number, text_in(issue, "html_url"), text_in(issue, "title"), "solved" if closed else "open",
        text_in(issue, "state_reason") or text_in(issue, "state"), "", moment(text_in(issue, "created_at")),
        moment(text_in(issue, "updated_at")), may=() if issue.get("locked") is True else tuple(may),
    )  # fmt: skip


def _reply(entry: Mapping[str, Any], me: str) -> Reply:
    body, author = text_in(entry, "body"), text_in(entry, "user", "login")
    files = tuple(RemoteFile(found[2], re.sub(r"\\(.)", r"\1", found[1]) or unquote(found[2].rpartition("/")[2]))
                  for found in _FILE.finditer(body))  # fmt: skip
    return Reply(text_in(entry, "id"), author, author == me, moment(text_in(entry, "created_at")),
                 read(_FILE.sub("", body), "markdown"), files, text_in(entry, "user", "type") == "Bot")  # fmt: skip
