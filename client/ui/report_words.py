"""The words of the report that more than one window says."""

from __future__ import annotations

import errno

from client.report import Problem, Report, TicketNews
from client.terms import OUR_MARK, ticket_number
from client.words import explain, explain_problem, say, say_n, sentence

MOST_TOLD = 4
TITLE_SIGNS = 60
"""Of a subject in the title of a notification."""


def desk_word(name: str) -> str:
    return say("the folder on this computer") if name == "folder" else name


def form_title(report: Report) -> str:
    """What the form is for."""
    ref = report.reply_to
    return (
        say("Report a problem")
        if ref is None
        else say("Answer to ticket {id}", id=ref.id)
        if not OUR_MARK.fullmatch(ref.id)
        else say("Your answer")
    )


def news_words(news: TicketNews) -> tuple[str, str]:
    """Title and words of a notification: the subject leads, for a number alone tells nobody what it is about."""
    subject = news.ticket.subject
    subject = subject if len(subject) <= TITLE_SIGNS else subject[: TITLE_SIGNS - 1] + "…"
    said = " ".join(news.replies[-1].text.split())[:140] if news.replies else ""
    answered = say("“{subject}”: there is an answer", subject=subject)
    title = answered if news.replies else say("“{subject}”: it is solved", subject=subject)
    return title, " · ".join(part for part in (ticket_number(news.ticket), said) if part)


def trouble_words(error: Exception) -> str:
    """Why something of the report was not done, for a person."""
    if isinstance(error, OSError):
        if error.errno == errno.ENOSPC:
            return " ".join(f"{part.rstrip('.')}." for part in explain("disk_full"))
        return say("It could not be saved: {why}.", why=error.strerror or error)
    return sentence(error)


def told(troubles: list[str], problems: tuple[Problem, ...]) -> str:
    """A few lines about what is in the way; the rest is counted."""
    lines = [*troubles, *(explain_problem(p.code, p.attachment, p.detail) for p in problems)]
    if len(lines) > MOST_TOLD:
        more = len(lines) - MOST_TOLD + 1
        lines[MOST_TOLD - 1 :] = [say_n("And {n} more.", "And {n} more.", more)]
    return "\n".join(lines)
