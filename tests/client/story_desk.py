"""A desk that is only a story: what stands in it is written by the test, hour by hour."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from client.places import Places
from client.report import Event
from client.tickets import Tickets
from uploader.errors import Gone
from uploader.inbox import Conversation, Inbox, InboxAbilities, News, OwnTicket, Reply, State, most_of
from uploader.journal import Journal
from uploader.ticket import Progress, Ticket

BEGIN = datetime(2026, 3, 2, 8, tzinfo=UTC)


class StoryDesk(Inbox):
    title = "Story"
    inbox = InboxAbilities(rating="stars", solves=True)

    def __init__(self, *, by_creation: bool = False) -> None:
        self.talks: dict[str, Conversation] = {}
        self.asked: list[str] = []
        """The conversations that were asked for."""
        self.by_creation = by_creation
        """It lists the newest tickets, not the last changed: an old one's answer is not among them."""

    def write(self, key: str, hours: float, **changes: Any) -> None:
        at = BEGIN + timedelta(hours=hours)
        ticket = OwnTicket(key, key, "", f"Asunto {key}", "open", "", "", at, at)
        self.talks[key] = Conversation(replace(ticket, **changes), (Reply(f"{key}-0", "Ana", True, at, "No va"),))

    def answer(
        self, key: str, hours: float, *, mine: bool = False, automatic: bool = False, state: State | None = None
    ) -> None:
        talk, at = self.talks[key], BEGIN + timedelta(hours=hours)
        reply = Reply(f"{key}-{len(talk.replies)}", "Ana" if mine else "Berta", mine, at, "…", automatic=automatic)
        ticket = replace(talk.ticket, updated_at=at, state=state or talk.ticket.state)
        self.talks[key] = Conversation(ticket, (*talk.replies, reply))

    def turn(self, key: str, hours: float, state: State) -> None:
        talk = self.talks[key]
        at = BEGIN + timedelta(hours=hours)
        self.talks[key] = replace(talk, ticket=replace(talk.ticket, updated_at=at, state=state))

    def news(self, mark: str) -> News:
        listed = [talk.ticket for talk in self.talks.values()]
        by = (lambda t: t.created_at) if self.by_creation else (lambda t: t.updated_at)
        listed.sort(key=by, reverse=True)
        most = most_of("" if self.by_creation else mark)
        cut = listed[:most]
        found = tuple(ticket for ticket in cut if not mark or ticket.updated_at.isoformat() >= mark)
        newest = max((ticket.updated_at.isoformat() for ticket in cut), default="0")
        return News(max(newest, mark), found, len(listed) > most and (self.by_creation or len(found) == most))

    def conversation(self, key: str) -> Conversation:
        self.asked.append(key)
        if key not in self.talks:
            raise Gone("not there")
        return self.talks[key]

    def reply(self, ticket: Ticket, journal: Journal, progress: Progress) -> str:
        raise NotImplementedError

    def rate(self, key: str, score: int, comment: str) -> None:
        pass


class _Places:
    def __init__(self, desk: StoryDesk) -> None:
        self._desk = desk

    def desk(self, name: str = "") -> StoryDesk:
        return self._desk

    def keychain_told(self, name: str) -> nullcontext[None]:
        return nullcontext()


def tickets_of(desk: StoryDesk, folder: Path, told: list[Event] | None = None) -> Tickets:
    """What a client knows of that desk; its first look was at an empty one, so that everything is news."""
    return Tickets(folder / "tickets.sqlite", cast(Places, _Places(desk)), (told if told is not None else []).append)
