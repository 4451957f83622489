"""Answering one's tickets: drafts that are replies, what a ticket was spared, and one's own figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from client.draft import Draft
from client.figures import Figures, figures
from client.report import Delivery
from client.tickets import Mine, Tickets
from uploader.ticket import TicketRef


class Answers:
    """Any thread. ``new_draft``, ``recall`` and ``remember`` are the session's."""

    def __init__(
        self,
        tickets: Tickets,
        new_draft: Callable[..., Draft],
        recall: Callable[[str, Any], Any],
        remember: Callable[[str, Any], None],
    ) -> None:
        self._tickets, self._new_draft = tickets, new_draft
        self._recall, self._remember = recall, remember

    def new(self, mine: Mine, text: str = "") -> Draft:
        """A draft that answers a ticket; it is sent as any other. Raises: OSError."""
        return self._new_draft(**_values(mine, text))

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

    def figures(self) -> Figures:
        """One's own figures over all tickets that are known."""
        return figures(map(self._counted, self._tickets.list(limit=100_000)), self.spared)

    def _counted(self, mine: Mine) -> tuple[Mine, int | None]:
        talk = self._tickets.replies(mine)
        return mine, sum(not reply.mine and not reply.automatic for reply in talk) if talk else None


def is_answer(delivery: Delivery) -> bool:
    """Whether what was sent answers a ticket: its summary begins as ``_values`` makes it."""
    return delivery.ticket is not None and delivery.summary.startswith(f"{delivery.ticket.id}: ")


def _values(mine: Mine, text: str) -> dict[str, Any]:
    ticket = mine.ticket
    ref = TicketRef(ticket.id, ticket.url, ticket.key)
    return {"summary": f"{ticket.id}: {ticket.subject}", "description": text, "desk": mine.desk, "reply_to": ref}
