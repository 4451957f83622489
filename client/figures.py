"""One's own figures, from the tickets as they are known: how soon the desk answers and solves, and how it was liked."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from datetime import datetime

import msgspec

from client.tickets import OVER, Mine


class Rated(msgspec.Struct, frozen=True):
    """How one ticket was liked, 1 to 5, and why: ``comment`` is the user's, or empty."""

    desk: str
    id: str
    score: int
    comment: str
    solved_at: datetime | None


class Figures(msgspec.Struct, frozen=True):
    """Medians in hours; None where nothing is known yet. ``satisfaction`` is the mean of 1 to 5."""

    tickets: int
    open: int
    solved: int
    first_answer_h: float | None
    solution_h: float | None
    satisfaction: float | None
    rated: int
    solved_at_first_contact: int
    """Solved tickets in which the agents wrote once at most."""
    spared: int
    """Tickets that were never written, because an article helped."""
    ratings: tuple[Rated, ...] = ()
    """Each one that was given, the last solved first."""


def figures(tickets: Iterable[tuple[Mine, int | None]], spared: int) -> Figures:
    """``tickets``: each with how many messages people at the desk have written in it; None: nobody here has read it."""
    listed = list(tickets)
    over = [(mine, answers) for mine, answers in listed if mine.ticket.state in OVER]
    first = [(m.first_answer_at - m.ticket.created_at).total_seconds() / 3600 for m, _ in listed if m.first_answer_at]
    first = [hours for hours in first if hours >= 0]  # the desk's clock and ours may differ
    ends = [(m.solved_at - m.ticket.created_at).total_seconds() / 3600 for m, _ in over if m.solved_at]
    ends = [hours for hours in ends if hours >= 0]
    rated = [Rated(m.desk, m.ticket.id, m.score, m.comment, m.solved_at) for m, _ in listed if m.score is not None]
    rated.sort(key=lambda each: each.solved_at.timestamp() if each.solved_at else 0.0, reverse=True)
    scores = [each.score for each in rated]
    return Figures(
        len(listed), len(listed) - len(over), len(over), _rounded(first, statistics.median),
        _rounded(ends, statistics.median), _rounded(scores, statistics.mean), len(scores),
        sum(1 for _, answers in over if answers is not None and answers <= 1), spared,
        tuple(rated),
    )  # fmt: skip


def _rounded(values: list[float] | list[int], fold: object) -> float | None:
    return round(float(fold(values)), 2) if values else None  # type: ignore[operator]
