"""A ticket as a row of My tickets, and the figures below them."""

from __future__ import annotations

from client.figures import Figures
from client.support import Due
from client.terms import ticket_number
from client.tickets import Mine
from client.ui.conversation import state_words
from client.ui.outbox_window import joined
from client.ui.report_words import desk_word
from client.ui.rows import Row
from client.words import moment, number, say, span


def key_of(desk: str, key: str) -> str:
    """Of the row of this ticket."""
    return f"{desk}\n{key}"


def holds(mine: Mine, wanted: str) -> bool:
    """Whether number or subject holds all of these words."""
    text = f"{mine.ticket.id} {mine.ticket.subject}".casefold()
    return all(word in text for word in wanted.casefold().split())


def row_of(mine: Mine, due: Due, *, several: bool) -> Row:
    """``several``: there is more than one desk."""
    ticket = mine.ticket
    state, _ = state_words(mine)
    where = desk_word(mine.desk) if several else ""
    detail = joined(state, ticket_number(ticket), due.words if due.late else moment(ticket.updated_at), where)
    mark = say("New") if mine.unread else say("Late") if due.late else ""
    return Row(key_of(mine.desk, ticket.key), ticket.subject, detail, mark, "accent" if mine.unread else "warn")


def figure_words(found: Figures | None) -> str:
    """How soon this desk answers and solves, and how it was liked: as far as it is known."""
    if found is None:
        return ""
    parts = (
        found.first_answer_h is not None and say("answer after {time}", time=span(found.first_answer_h)),
        found.solution_h is not None and say("solved after {time}", time=span(found.solution_h)),
        found.satisfaction is not None and f"{number(found.satisfaction)} ★",
    )
    return joined(*(part for part in parts if part))
