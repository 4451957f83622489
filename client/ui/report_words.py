"""The words of the report that more than one window says."""

from __future__ import annotations

import errno

from client.report import Problem, Report, TicketNews
from client.terms import ticket_number
from client.words import explain, explain_problem, say, say_n, sentence

MOST_TOLD = 4
TITLE_SIGNS = 60
"""Of a subject in the title of a notification."""
BODY_SIGNS = 140


def desk_word(name: str) -> str:
    return say("the folder on this computer") if name == "folder" else name


def form_title(report: Report) -> str:
    """What the form is for."""
    if report.reply_to is None:
        return say("Report a problem")
    number = ticket_number(report.reply_to)
    return say("Answer to ticket {id}", id=number) if number else say("Your answer")


def news_words(news: TicketNews) -> tuple[str, str]:
    """Title and words of a notification: the subject leads, for a number alone tells nobody what it is about."""
    subject = news.ticket.subject
    subject = cut_at_word(subject, TITLE_SIGNS)
    number, last = ticket_number(news.ticket), news.replies[-1] if news.replies else None
    if last is None:
        title = say("“{subject}”: it is solved", subject=subject)
        return title, joined(number, say("Click to read it, or to say that it is not."))
    title = say("“{subject}”: there is an answer", subject=subject)
    said = cut_at_word(" ".join(last.text.split()), BODY_SIGNS)
    if not said and last.files:
        said = say_n("{n} file came with it. Click to see it.", "{n} files came with it. Click to see them.",
                     len(last.files))  # fmt: skip
    return title, joined(number, said or say("Click to read it."))


def joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def cut_at_word(text: str, most: int) -> str:
    """So much of it, in whole words where there are any; then an ellipsis."""
    if len(text) <= most:
        return text
    whole = text[: most - 1]
    return (whole.rsplit(" ", 1)[0] if " " in whole[most // 2 :] else whole).rstrip(" ,;:.") + "…"


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
