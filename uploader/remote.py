"""What the desks that are reached over a network have in common: settings that map our words to theirs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from uploader.errors import FileRefused, InvalidField, MaybeSent, OutcomeUnknown, Refused, UploaderError
from uploader.journal import Journal
from uploader.setting import setting, settings_of
from uploader.ticket import Desk, SharedFile, Ticket
from uploader.wire import Wire

Found = TypeVar("Found")

PRIORITIES = ("high", "medium", "low")
KINDS = ("incident", "petition", "complaint", "claim", "suggestion")
ARRIVED, AGAIN = "arrived", "again"
"""The two answers of a person who is asked whether a report arrived."""
MOST_OWN = 1000
"""Of one's own newest tickets, those that are looked through for one whose answer got lost: so many may have waited
with it and have gone since."""
MOST_NEWER = 2000
"""Tickets that are looked through for one whose answer got lost: what a busy desk is told in days."""


@dataclass(frozen=True, kw_only=True)
class RemoteDesk(Desk):
    fields: str = setting(
        "Fields of every ticket",
        help="What the desk wants to be filled in, by the name of its field. Example: Site=Lima; Floor=3",
        default="",
        rare=True,
    )
    priorities: str = setting(
        "Priorities of the desk",
        help="Only if they differ from the usual ones: ours, =, the desk's own words or numbers. Example: high=Urgent; "
        "medium=Normal; low=Minor, or high=3; medium=2; low=1",
        default="",
        rare=True,
    )
    kinds: str = setting(
        "Kinds of the desk",
        help="Only if it tells them apart: ours (incident, petition, complaint, claim, suggestion), =, the desk's own "
        "words or numbers. Example: incident=Fault; petition=Request, or incident=1; petition=2",
        default="",
        rare=True,
    )

    def open_wire(self) -> Wire:
        return Wire()

    def field_values(self, ticket: Ticket) -> dict[str, str]:
        """What the desk's own fields shall hold: the fixed ones, and those of this ticket."""
        return pairs(self.fields, "fields") | dict(ticket.fields)

    def priority_of(self, ticket: Ticket, usual: Mapping[str, str]) -> str:
        """The desk's word or number for the ticket's priority."""
        return (dict(usual) | pairs(self.priorities, "priorities")).get(ticket.priority, "")

    def our_priority(self, theirs: str, usual: Mapping[str, str]) -> str:
        """Ours for the desk's word or number; the desk's own where we write no such one."""
        known = {word.casefold(): ours for ours, word in (dict(usual) | pairs(self.priorities, "priorities")).items()}
        return known.get(theirs.casefold(), theirs)

    def demand_numbers(self, **texts: str) -> None:
        """For ``check``: what ``priorities``, ``kinds`` and other settings name are numbers; the empty ones are not
        set. Raises: InvalidField."""
        for name, text in texts.items():
            for value in pairs(text, name).values() if name in ("priorities", "kinds") else (text,):
                if value:
                    number_in(value, name)

    def kind_of(self, ticket: Ticket, usual: Mapping[str, str]) -> str:
        """The desk's word or number for the ticket's kind; empty: it has none."""
        return (dict(usual) | pairs(self.kinds, "kinds")).get(ticket.kind, "")

    @staticmethod
    def teller(
        ticket: Ticket, journal: Journal
    ) -> Callable[[str, Callable[[Ticket], str], Callable[[str], str | None]], None]:
        """Asked before the ticket is made, in every run: what later tells of the links that its text does not have.
        It wants the ticket's key, what says a message there, and what finds one that holds some words."""
        late = late_links(ticket, journal)

        def tell(key: str, say: Callable[[Ticket], str], said: Callable[[str], str | None]) -> None:
            for file in late:
                journal.once(
                    f"told/{file.link.url}", partial(say, telling(ticket, file, key)), partial(said, file.link.url)
                )

        return tell


def pairs(text: str, name: str, title: str = "") -> dict[str, str]:
    """``"a=1; b=2"`` as a mapping; a backslash before ``;`` or ``=`` makes it a sign as any other (``escaped``).

    Raises: InvalidField naming the setting, by its ``title`` where it is not ours.
    """
    found = {}
    for pair in filter(None, (each.strip() for each in re.split(r"(?<!\\)[;\n]", text))):
        parts = (*re.split(r"(?<!\\)(=)", pair, maxsplit=1), "", "")
        key, equals, value = (re.sub(r"\\([;=])", r"\1", part) for part in parts[:3])
        if not equals or not key.strip():
            titles = {part.name: part.title for part in settings_of(RemoteDesk)}
            raise InvalidField(
                name, "“{setting}” wants pairs like name=value; name=value", setting=title or titles.get(name, name)
            )
        found[key.strip()] = value.strip()
    return found


def escaped(text: str) -> str:
    """A name or value as ``pairs`` reads it, in one line."""
    found = re.sub(r"([;=])", r"\\\1", " ".join(text.split()))
    return f"{found} " if found.endswith("\\") else found


def number_in(text: str, name: str, usual: str = "") -> int:
    """The number of a setting whose values the desk knows by number; ``usual`` where it is empty.

    Raises: InvalidField naming the setting.
    """
    value = (text or usual).strip()
    if not re.fullmatch("[0-9]{1,18}", value):
        raise InvalidField(name, "the desk knows no words there but numbers; “{value}” in “{field}” is none",
                           value=value[:80], field=name)  # fmt: skip
    return int(value)


def subject_of(ticket: Ticket, most: int) -> str:
    """One line, ``most`` characters at most; a desk that wants a subject always gets one."""
    line = " ".join("".join(c if c.isprintable() else " " for c in ticket.subject).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def mail_of(requester: str) -> str:
    """The address in ``Lucía <lucia@example.org>`` or ``lucia@example.org``; empty when there is none."""
    inner = requester.rpartition("<")[2].rstrip("> ").strip()
    return inner if "@" in inner and " " not in inner else ""


def name_of(requester: str) -> str:
    """The name in ``Lucía <lucia@example.org>``; empty when there is none."""
    name = requester.partition("<")[0].strip()
    return "" if "@" in name else name


def demand_mail(ticket: Ticket) -> str:
    """The user's mail address. Raises: InvalidField telling where to give it."""
    mail = mail_of(ticket.requester)
    if not mail:
        raise InvalidField("mail", "the help desk wants to know your e-mail; fill it in in the settings")
    return mail


def http_address(text: str) -> str:
    """``desk.example.org/`` → ``https://desk.example.org``. Raises: Refused when it is no web address."""
    text = text.strip().rstrip("/")
    found = text if "://" in text else f"https://{text}"
    if not found.startswith(("https://", "http://")) or not found.partition("://")[2]:
        raise Refused("“{host}” is no web address; it begins with https://", host=text[:40])
    return found


def once_unseen(
    journal: Journal, step: str, service: str, do: Callable[[], str], look: Callable[[], str | None] = lambda: None
) -> str:
    """``journal.once`` where nobody may know whether a lost request arrived: ``look`` may tell, else the person does.

    What the service surely did not do is simply tried again. Empty: it arrived, says the person.
    """

    def act() -> str:
        try:
            return do()
        except OutcomeUnknown:
            raise
        except UploaderError as error:
            if not error.values.get("status", "").startswith("5"):
                journal.forget(step)
            raise

    def recover() -> str | None:
        found = look()
        return ask_the_person(journal, step, service) if found is None else found

    return journal.once(step, act, recover)


def ask_the_person(journal: Journal, step: str, service: str) -> str | None:
    """Whether ``step`` happened, which the service does not say. Empty: it did (``it_arrived`` was called). None: it
    shall be done again (``send_again`` was).

    Raises: MaybeSent until one of them was.
    """
    if (told := journal.result(f"{step}/answer")) is None:
        raise MaybeSent(
            "the answer of {service} got lost, and nothing there tells whether it arrived", service=service, step=step
        )
    journal.forget(f"{step}/answer")
    return "" if told == ARRIVED else None


def it_arrived(journal: Journal, asked: Mapping[str, str]) -> None:
    """A person's answer; ``asked``: the values of the MaybeSent. What is left to do is done by the next try."""
    journal.note(f"{asked['step']}/answer", ARRIVED)


def send_again(journal: Journal, asked: Mapping[str, str]) -> None:
    """The other answer. A new try alone is none: it asks again."""
    journal.note(f"{asked['step']}/answer", AGAIN)


def newer_than(
    newest: str, rows: Iterable[tuple[int, Found]], journal: Journal, step: str, service: str
) -> Iterator[Found]:
    """Those of ``rows`` (numbered, the newest first) that came after ``newest``, which was there before ours was made:
    one that got lost is among them. Of more than ``MOST_NEWER`` the person is asked; if it arrived, all are looked at.

    Raises: MaybeSent.
    """
    for count, (number, row) in enumerate(rows):
        if number <= int(newest):
            return
        if count == MOST_NEWER and ask_the_person(journal, step, service) is None:
            return
        yield row


def late_links(ticket: Ticket, journal: Journal) -> tuple[SharedFile, ...]:
    """What goes as a link since the ticket was made, and so is not in its text: for desks whose files come after it. Of
    a file whose link has ended meanwhile it is the new one.

    To be asked before the ticket is made, in every run.
    """
    urls = json.dumps([file.link.url for file in ticket.links])
    if journal.result("links") != urls and not any(journal.has_begun(step) for step in ("create", "reply")):
        journal.note("links", urls)  # whatever an earlier run noted, nothing was made with it
    told = json.loads(journal.once("links", lambda: urls))
    # What an older version has begun knows them by their names.
    old = {*told, *(file.name for file in ticket.links if journal.result(f"told/{file.name}"))}
    return tuple(file for file in ticket.links if file.link.url not in told and file.name not in old)


def once_kept(journal: Journal, step: str, do: Callable[[], str], find: Callable[[], str | None]) -> str:
    """``journal.once`` where the desk may refuse a file: nothing was made then, and the next text has all links."""
    try:
        return journal.once(step, do, find)
    except FileRefused:
        journal.forget("links")
        raise


def telling(ticket: Ticket, file: SharedFile, key: str) -> Ticket:
    """A reply that tells of one such file."""
    return replace(ticket, reply_to=key, description="", links=(file,), attachments=())
