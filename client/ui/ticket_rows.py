"""A ticket as a row of My tickets, and the figures below them."""

from __future__ import annotations

from client.figures import Figures
from client.support import Due
from client.terms import WayBack, ticket_number
from client.tickets import Mine
from client.ui.conversation import state_words
from client.ui.report_words import desk_word, joined
from client.ui.rows import Row
from client.words import moment, number, say, span


def key_of(desk: str, key: str) -> str:
    """Of the row of this ticket."""
    return f"{desk}\n{key}"


def holds(mine: Mine, wanted: str) -> bool:
    """Whether number or subject holds all of these words."""
    return mine.holds(wanted.casefold().split())


def row_of(mine: Mine, due: Due, way: WayBack, *, several: bool) -> Row:
    """``several``: there is more than one desk."""
    ticket = mine.ticket
    state, _ = state_words(mine, way)
    where = desk_word(mine.desk) if several else ""
    if due.words:  # says as much as that it is with the help desk
        detail = joined(state if ticket.state == "waiting" else "", due.words, ticket_number(ticket), where)
    else:
        detail = joined(state, ticket_number(ticket), moment(ticket.updated_at), where)
    mark = say("New") if mine.unread else ""
    return Row(key_of(mine.desk, ticket.key), ticket.subject, detail, mark, "accent", warns=due.late)


def figure_words(found: Figures | None) -> str:
    """How soon this desk answers and solves, and how it was liked: as far as it is known."""
    if found is None:
        return ""
    parts = (
        found.first_answer_h is not None and say("answer after {time}", time=span(found.first_answer_h)),
        found.solution_h is not None and say("solved after {time}", time=span(found.solution_h)),
    )
    usual = joined(*(part for part in parts if part))
    liked = f"{number(found.satisfaction)} ★" if found.satisfaction is not None else ""
    return joined(say("So far, usually: {times}", times=usual) if usual else "", liked)
