"""``tickets`` and ``articles``: what the desk answers, and answering it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec

from client.cli import outcome
from client.cli.outcome import Failure, Result, rfc3339, say_aloud, usage
from client.paths import Paths
from client.session import Session
from client.terms import more_words, ticket_priority, ticket_word
from client.tickets import OVER, Mine
from client.words import moment, reason, say
from uploader.body import apart
from uploader.errors import UploaderError

VERBS = ("list", "show", "reply", "rate", "solve", "reopen", "fetch", "stats")


def add_tickets(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", default="list", choices=VERBS)
    parser.add_argument("id", nargs="?", default="", metavar="ID", help=say("the ticket's number"))
    parser.add_argument("--desk", default="", metavar="NAME", help=say("which help desk of the settings"))
    parser.add_argument("--text", default="", metavar="T", help=say("the reply: text, @FILE, or - for standard input"))
    parser.add_argument("--attach", action="append", default=[], metavar="FILE")
    parser.add_argument("--score", type=int, choices=range(1, 6), metavar="1-5")
    parser.add_argument("--comment", default="", metavar="T")
    parser.add_argument("--offline", action="store_true", help=say("do not ask the desk: as last seen"))
    parser.add_argument("-o", "--output", default=".", metavar="FOLDER", help=say("where “tickets fetch” puts files"))


def tickets(arguments: argparse.Namespace, paths: Paths) -> Result:
    session = Session(paths)
    if arguments.what in ("list", "stats") and not arguments.offline:
        _look(session, arguments.desk)
    if arguments.what == "list":
        return _list(arguments, session)
    if arguments.what == "stats":
        return _stats(arguments, session)
    if not arguments.id:
        raise usage(say("say which ticket: testigo tickets {verb} ID", verb=arguments.what))
    mine = _found(session, arguments)
    if arguments.what == "show":
        return _show(arguments, session, mine)
    if arguments.what == "fetch":
        return _fetch(arguments, session, mine)
    if arguments.what == "reply":
        return _reply(arguments, session, mine)
    if arguments.what == "rate":
        if arguments.score is None:
            raise usage(say("say how good it was: --score 1 to 5"))
        if mine.ticket.state not in OVER:
            raise usage(say("{id} is not solved yet", id=mine.ticket.id))
        told = session.tickets.rate(mine, arguments.score, arguments.comment)
        detail = say("The help desk has it.") if told else say("It is kept here; this help desk takes no ratings.")
        return _done(arguments, detail)
    (session.tickets.solve if arguments.what == "solve" else session.tickets.reopen)(mine)
    return _done(arguments, say("Done."))


def _look(session: Session, desk: str) -> None:
    """Asks every desk that tells something back; one that cannot be reached is told, and the others still are."""
    for name in (desk,) if desk else session.places.desk_names():
        try:
            if session.tickets.reads_back(name):
                session.tickets.look(name)
        except UploaderError as error:
            if desk:
                raise
            say_aloud(say("{desk}: {why} What follows is as last seen.", desk=name, why=reason(error) + "."))


def _found(session: Session, arguments: argparse.Namespace) -> Mine:
    try:
        return session.tickets.find(arguments.id, arguments.desk)
    except KeyError:
        _look(session, arguments.desk)
    try:
        return session.tickets.find(arguments.id, arguments.desk)
    except KeyError:
        raise Failure("not_found", say("none of your tickets is {id}", id=arguments.id), outcome.USAGE) from None


def _list(arguments: argparse.Namespace, session: Session) -> Result:
    found = [mine for mine in session.tickets.list() if arguments.desk in ("", mine.desk)]
    cut_off = session.tickets.are_cut_off(arguments.desk)
    if not arguments.json:
        for mine in found:
            unread = "●" if mine.unread else " "
            state = ticket_word(mine.ticket.state)
            due = session.support.due(mine).words
            print(f"{unread} {mine.ticket.id:<12}{state:<20}{moment(mine.ticket.updated_at):<14}{mine.ticket.subject}"
                  + (f" · {due}" if due else ""))  # fmt: skip
        if not found:
            say_aloud(say("No tickets yet."))
        if cut_off:
            say_aloud(say("Older tickets are at the help desk only."))
    return {"tickets": [_document(mine, session) for mine in found], "more": cut_off}, outcome.DONE


def _document(mine: Mine, session: Session) -> dict[str, Any]:
    ticket, due = mine.ticket, session.support.due(mine)
    return {
        "id": ticket.id, "url": ticket.url, "subject": ticket.subject, "state": ticket.state,
        "state_title": ticket.state_title, "priority": ticket.priority, "created_at": rfc3339(ticket.created_at),
        "updated_at": rfc3339(ticket.updated_at), "due_at": rfc3339(due.at), "due": due.words,
        "late": due.late, "replies": mine.replies,
        "unread": mine.unread, "desk": mine.desk, "score": mine.score, "may": list(ticket.may),
    }  # fmt: skip


def _show(arguments: argparse.Namespace, session: Session, mine: Mine) -> Result:
    if not arguments.offline and session.tickets.reads_back(mine.desk):
        session.tickets.open(mine)
        mine = session.tickets.find(mine.ticket.key, mine.desk)
    replies = session.tickets.replies(mine)
    session.tickets.mark_read(mine)
    if not arguments.json:
        ticket = mine.ticket
        due = session.support.due(mine).words
        stands = (ticket_word(ticket.state), more_words(ticket), ticket_priority(ticket), due)
        print(f"{ticket.id}  {ticket.subject}\n{' · '.join(filter(None, stands))}\n{ticket.url}\n")
        for each in replies:
            files = "".join(f"\n  📎 {file.name}" for file in each.files)
            print(f"— {each.author or say('You')}, {moment(each.written_at)}\n{apart(each.text)[0]}{files}\n")
    written = [
        {"id": r.key, "author": r.author, "mine": r.mine, "written_at": rfc3339(r.written_at), "text": r.text,
         "files": [{"id": f.key, "name": f.name, "size_bytes": f.size_bytes} for f in r.files]}
        for r in replies
    ]  # fmt: skip
    return {"ticket": _document(mine, session), "conversation": written}, outcome.DONE


def _fetch(arguments: argparse.Namespace, session: Session, mine: Mine) -> Result:
    """All files of the agents' replies."""
    files = [file for reply in session.tickets.open(mine) if not reply.mine for file in reply.files]
    found = [session.tickets.fetch(mine, file, Path(arguments.output)) for file in files]
    if not arguments.json:
        print("\n".join(map(str, found)))
    return {"files": [{"path": str(path), "size_bytes": path.stat().st_size} for path in found]}, outcome.DONE


def _reply(arguments: argparse.Namespace, session: Session, mine: Mine) -> Result:
    from client.cli.reports import EXIT_OF, read_text, result, told

    if "reply" not in mine.ticket.may:
        raise Failure("refused", say("this help desk takes no replies from here"), outcome.REFUSED)
    text = read_text(arguments.text)
    if not text.strip() and not arguments.attach:
        raise usage(say("say what to answer: --text, or --attach a file"))
    draft = session.answers.new(mine, text)
    for path in arguments.attach:
        draft.add_file(Path(path))
    delivery = session.send_now(session.submit(draft))
    return told(arguments, result(session, delivery)), EXIT_OF[delivery.state]


def _stats(arguments: argparse.Namespace, session: Session) -> Result:
    found = session.answers.figures()
    if not arguments.json:
        rows = {
            say("Tickets"): found.tickets, say("Open"): found.open, say("Solved tickets"): found.solved,
            say("First answer after, in hours"): found.first_answer_h, say("Solved after, in hours"): found.solution_h,
            say("Satisfaction (1 to 5)"): found.satisfaction,
            say("Solved at first contact"): found.solved_at_first_contact,
            say("Solved by an article"): found.spared,
        }  # fmt: skip
        for name, value in rows.items():
            print(f"{name:<34}{'–' if value is None else value}")
    return msgspec.to_builtins(found), outcome.DONE


def _done(arguments: argparse.Namespace, words: str) -> Result:
    if not arguments.json:
        say_aloud(words)
    return {"ok": True, "detail": words}, outcome.DONE


def add_articles(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("query", nargs="+", metavar="QUERY", help=say("words of the question"))
    parser.add_argument("--desk", default="", metavar="NAME", help=say("which help desk of the settings"))


def articles(arguments: argparse.Namespace, paths: Paths) -> Result:
    session = Session(paths)
    found = session.articles.find(" ".join(arguments.query), arguments.desk)
    if not arguments.json:
        for article in found:
            print(f"{article.title}\n  {article.url}\n  {article.excerpt}")
        if not found:
            print(say("Nothing found."), file=sys.stderr)
    listed = [{"title": a.title, "url": a.url, "excerpt": a.excerpt} for a in found]
    return {"articles": listed}, outcome.DONE
