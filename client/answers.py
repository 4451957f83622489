"""Answering one's tickets: drafts that are replies, what a ticket was spared, and one's own figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from client.draft import Draft
from client.figures import Figures, figures
from client.folder import Damaged
from client.report import Delivery, Report, State, Trouble
from client.terms import ticket_number
from client.tickets import Mine, Tickets
from uploader.body import apart
from uploader.inbox import Reply
from uploader.ticket import TicketRef

JUST_SENT = 30
"""Of what was sent last, so many are looked at for an answer that the desk has not shown yet."""
SHOWN_SENT = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class OnItsWay:
    """An answer of one's own that the conversation of the desk does not hold yet: a draft, or what was handed over."""

    report_id: str
    written_at: datetime
    text: str
    files: tuple[str, ...]
    state: State
    trouble: Trouble | None = None


class Answers:
    """Any thread. What is called besides the tickets is the session's."""

    def __init__(
        self,
        tickets: Tickets,
        new_draft: Callable[..., Draft],
        recall: Callable[[str, Any], Any],
        remember: Callable[[str, Any], None],
        drafts: Callable[[], Iterable[Draft]],
        deliveries: Callable[[int], Iterable[Delivery]],
        report: Callable[[str], Report],
    ) -> None:
        self._tickets, self._new_draft = tickets, new_draft
        self._drafts, self._deliveries, self._report = drafts, deliveries, report
        self._recall, self._remember = recall, remember

    def new(self, mine: Mine, text: str = "") -> Draft:
        """A draft that answers a ticket; it is sent as any other. Raises: OSError."""
        return self._new_draft(**_values(mine, text))

    def on_their_way(self, mine: Mine, seen: tuple[Reply, ...]) -> tuple[OnItsWay, ...]:
        """One's own answers to this ticket that are not among ``seen``, oldest first; drafts are the last."""
        own = [reply.text for reply in seen if reply.mine]
        there = {_plain(apart(text)[0]) for text in own}
        found = list[OnItsWay]()
        for delivery in self._deliveries(JUST_SENT):
            if not answers(delivery, mine):
                continue
            with suppress(KeyError, Damaged):
                report = self._report(delivery.report_id)
                shown = _plain(report.description) in there or any(report.id in text for text in own)
                if delivery.state != "sent" or (_is_fresh(delivery) and not shown):
                    found.append(_on_its_way(report, delivery.state, delivery.last_error))
        found.sort(key=lambda answer: answer.written_at)
        drafts = [draft.report for draft in self._drafts() if answers(draft.report, mine)]
        return (*found, *(_on_its_way(report, "draft") for report in drafts))

    def draft_of(self, mine: Mine) -> Draft | None:
        """The answer to this ticket that was begun and not sent; the newest."""
        found = [draft for draft in self._drafts() if answers(draft.report, mine)]
        return found[-1] if found else None

    def turn(self, draft: Draft, mine: Mine, text: str) -> None:
        """What was written for a new ticket becomes an answer to an open one. Raises: OSError."""
        draft.set(**_values(mine, text))

    def count_spared(self) -> None:
        """An article was all that was needed."""
        self._remember("solved_by_article", self.spared + 1)

    @property
    def spared(self) -> int:
        """How many tickets were never written because an article helped."""
        return int(self._recall("solved_by_article", 0))

    def figures(self, desk: str = "") -> Figures:
        """One's own figures over all tickets that are known, or those of one desk."""
        known = (mine for mine in self._tickets.list(limit=100_000) if desk in ("", mine.desk))
        return figures(map(self._counted, known), self.spared)

    def _counted(self, mine: Mine) -> tuple[Mine, int | None]:
        talk = self._tickets.replies(mine)
        return mine, sum(not reply.mine and not reply.automatic for reply in talk) if talk else None


def answers(report: Report | Delivery, mine: Mine) -> bool:
    """Whether it is an answer to this ticket, sent or not."""
    ref = report.reply_to
    return ref is not None and (report.desk, ref.id) == (mine.desk, mine.ticket.id)


def _is_fresh(delivery: Delivery) -> bool:
    return delivery.sent_at is not None and datetime.now(UTC) - delivery.sent_at < SHOWN_SENT


def _on_its_way(report: Report, state: State, trouble: Trouble | None = None) -> OnItsWay:
    names = tuple(file.name for file in report.attachments)
    return OnItsWay(report.id, report.created_at, report.description, names, state, trouble)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _values(mine: Mine, text: str) -> dict[str, Any]:
    ticket = mine.ticket
    ref = TicketRef(ticket.id, ticket.url, ticket.key)
    number = ticket_number(ticket)
    summary = f"{number}: {ticket.subject}" if number else ticket.subject
    return {"summary": summary, "description": text, "desk": mine.desk, "reply_to": ref}
