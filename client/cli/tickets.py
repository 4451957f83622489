"""``tickets`` and ``articles``: what the desk answers, and answering it."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from client.cli import outcome
from client.cli.outcome import Failure, Result, put, rfc3339, say_aloud, usage
from client.paths import Paths
from client.session import Session
from client.support import NOT_DUE
from client.terms import cut_words, more_words, number_word, standing_word, ticket_priority, way_words
from client.tickets import OVER, Mine
from client.words import explain_ticket, moment, reason, say
from uploader.body import apart
from uploader.errors import Temporary, UploaderError
from uploader.plain_text import CUT

VERBS = ("list", "show", "reply", "rate", "solve", "reopen", "fetch", "stats")


def add_tickets(parser: argparse.ArgumentParser) -> None:
    unread = say("“replies” of list and show is null while nobody here has opened the conversation")
    parser.add_argument("what", nargs="?", default="list", choices=VERBS, help=unread)
    parser.add_argument("id", nargs="?", default="", metavar="ID", help=say("the ticket's number"))
    parser.add_argument("--desk", default="", metavar="NAME", help=say("which help desk of the settings"))
    parser.add_argument("--text", default="", metavar="T", help=say("the reply: text, @FILE, or - for standard input"))
    parser.add_argument("--attach", action="append", default=[], metavar="FILE")
    parser.add_argument("--score", type=int, choices=range(1, 6), metavar="1-5")
    parser.add_argument("--comment", default="", metavar="T")
    parser.add_argument("--offline", action="store_true", help=say("do not ask the desk: as last seen"))
    parser.add_argument("-o", "--output", default=".", metavar="FOLDER", help=say("where “tickets fetch” puts files"))


def tickets(arguments: argparse.Namespace, paths: Paths) -> Result:
    """No report is on its way here: a desk that is away has nothing of it, and nothing follows by itself."""
    with outcome.nothing_waits():
        return _tickets(arguments, paths)


def _tickets(arguments: argparse.Namespace, paths: Paths) -> Result:
    session = Session(paths)
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
            raise usage(say("{id} is not solved yet", id=_named(mine.ticket.id)))
        told = session.tickets.rate(mine, arguments.score, arguments.comment)
        detail = say("The help desk has it.") if told else say("It is kept here; this help desk takes no ratings.")
        return _done(arguments, detail)
    (session.tickets.solve if arguments.what == "solve" else session.tickets.reopen)(mine)
    return _done(arguments, say("Done."))


def _look(session: Session, arguments: argparse.Namespace) -> tuple[str, ...]:
    """Asks every desk that tells something back; those that could not be asked, which are told. One that was named and
    refuses ends the verb. Raises: UploaderError."""
    names = (arguments.desk,) if arguments.desk else session.places.desk_names()
    if arguments.offline:
        return names
    away = list[str]()
    for name in names:
        try:
            if session.tickets.reads_back(name):
                session.tickets.look(name)
        except UploaderError as error:
            if arguments.desk and not isinstance(error, Temporary):
                raise
            away.append(name)
            _tell_away(session, name, error)
    return tuple(away)


def _tell_away(session: Session, desk: str, error: UploaderError) -> None:
    last, why = session.tickets.looked_at(desk), reason(error).rstrip(".")
    if last is None:
        say_aloud(
            say("{desk} has not answered yet: {why}. What follows is what this computer holds.", desk=desk, why=why)
        )
    else:
        when = moment(last)
        say_aloud(say("{desk} is out of reach since {when}: {why}. What follows is as last seen.",
                      desk=desk, when=when, why=why))  # fmt: skip


def _since(session: Session, away: tuple[str, ...]) -> dict[str, Any]:
    """How old what follows is: since the last time that the desk which is away for longest could be asked."""
    seen = [when for name in away if (when := session.tickets.looked_at(name))]
    return {"offline": bool(away), "stale_since": rfc3339(min(seen)) if seen else None}


def _found(session: Session, arguments: argparse.Namespace) -> Mine:
    """The one ticket that is meant. Raises: Failure, also when several desks have one of this number."""
    found, away = session.tickets.all_of(arguments.id, arguments.desk), tuple[str, ...]()
    if not found:
        away = _look(session, arguments)
        found = session.tickets.all_of(arguments.id, arguments.desk)
    if len(found) > 1:
        desks = ", ".join(sorted(mine.desk for mine in found))
        words = say("several help desks have a ticket {id}: {desks}", id=_named(arguments.id), desks=desks)
        raise Failure("usage", words, outcome.USAGE, say("Nothing was done. Say which one is meant: --desk NAME."))
    if found:
        return found[0]
    if away and not arguments.offline:
        title, advice = explain_ticket("unreachable")
        words = say("{id} is not known here yet", id=_named(arguments.id))
        raise Failure("unreachable", words, outcome.REFUSED, advice, title)
    raise Failure("not_found", say("none of your tickets is {id}", id=_named(arguments.id)), outcome.USAGE)


def _list(arguments: argparse.Namespace, session: Session) -> Result:
    away = _look(session, arguments)
    found = [mine for mine in session.tickets.list() if arguments.desk in ("", mine.desk)]
    cut_off = session.tickets.are_cut_off(arguments.desk)
    if not arguments.json:
        _print_rows(found, session)
        if not found:
            say_aloud(say("No tickets yet."))
        if cut_off:
            say_aloud(say("Older tickets are at the help desk only."))
    return {
        "tickets": [_document(mine, session) for mine in found],
        "more": cut_off,
        **_since(session, away),
    }, outcome.DONE


def _print_rows(found: list[Mine], session: Session) -> None:
    """One line per ticket, as wide as its longest number; with the desk's name where there are several."""
    desks = {mine.desk for mine in found}
    at_desk = max((len(name) for name in desks), default=0) + 2 if len(desks) > 1 else 0
    number = max(10, *(len(_named(mine.ticket.id)) for mine in found), 0) + 2
    ways = session.tickets.ways_back(found)
    for mine in found:
        ticket, unread = mine.ticket, "●" if mine.unread else " "
        where = f"{mine.desk:<{at_desk}}" if at_desk else ""
        way = ways[mine.desk]
        stands = f"{standing_word(ticket.state, way):<20}{moment(ticket.updated_at):<14}"
        due = session.support.due(mine).words if way == "here" else ""
        put(f"{unread} {where}{_named(ticket.id):<{number}}{stands}{ticket.subject}" + (f" · {due}" if due else ""))
    for way in dict.fromkeys(way for mine in found if (way := ways[mine.desk]) == "own"):
        say_aloud(f"{standing_word('open', way)}: {way_words(way)}")


def _named(id_: str) -> str:
    """As people read it, though a desk has told no number."""
    return number_word(id_) or id_


def _document(mine: Mine, session: Session) -> dict[str, Any]:
    ticket, way = mine.ticket, session.tickets.way_back(mine.desk)
    due = session.support.due(mine) if way == "here" else NOT_DUE
    return {
        "id": ticket.id, "url": ticket.url, "subject": ticket.subject, "state": ticket.state,
        "state_title": ticket.state_title, "priority": ticket.priority, "created_at": rfc3339(ticket.created_at),
        "updated_at": rfc3339(ticket.updated_at), "due_at": rfc3339(due.at), "due": due.words,
        "late": due.late, "replies": mine.answers, "way_back": way,
        "unread": mine.unread, "desk": mine.desk, "score": mine.score,
        "comment": mine.comment, "may": list(ticket.may),
    }  # fmt: skip


def _show(arguments: argparse.Namespace, session: Session, mine: Mine) -> Result:
    away = (mine.desk,) if arguments.offline else ()
    try:
        if not away and session.tickets.reads_back(mine.desk):
            session.tickets.open(mine)
            mine = session.tickets.known(mine.desk, mine.ticket.key) or mine
    except Temporary as error:
        away = (mine.desk,)
        _tell_away(session, mine.desk, error)
    replies = session.tickets.replies(mine)
    session.tickets.mark_read(mine)
    if not arguments.json:
        ticket = mine.ticket
        way = session.tickets.way_back(mine.desk)
        due = session.support.due(mine).whole if way == "here" else ""
        stands = (standing_word(ticket.state, way), more_words(ticket), ticket_priority(ticket), due)
        put(f"{_named(ticket.id)}  {ticket.subject}\n{' · '.join(filter(None, stands))}\n{ticket.url}\n")
        if way != "here" and not replies:
            say_aloud(way_words(way))
        for each in replies:
            files = "".join(f"\n  📎 {file.name}" for file in each.files)
            cut = f"\n({cut_words()})" if each.text.endswith(CUT) else ""
            said = apart(each.text.removesuffix(CUT))[0] + cut
            put(f"— {each.author or say('You')}, {moment(each.written_at)}\n{said}{files}\n")
        if mine.score is not None:
            rated = say("Your rating: {score} of 5", score=mine.score)
            put(f"{rated} · {mine.comment}" if mine.comment else rated)
    written = [
        {"id": r.key, "author": r.author, "mine": r.mine, "written_at": rfc3339(r.written_at), "text": r.text,
         "files": [{"id": f.key, "name": f.name, "size_bytes": f.size_bytes} for f in r.files]}
        for r in replies
    ]  # fmt: skip
    return {"ticket": _document(mine, session), "conversation": written, **_since(session, away)}, outcome.DONE


def _fetch(arguments: argparse.Namespace, session: Session, mine: Mine) -> Result:
    """All files of the agents' replies."""
    files = [file for reply in session.tickets.open(mine) if not reply.mine for file in reply.files]
    found = list[Path]()
    for file in files:  # each is told at once: the desk may go away half way
        found.append(session.tickets.fetch(mine, file, Path(arguments.output)))
        if not arguments.json:
            print(found[-1], flush=True)
    return {"files": [{"path": str(path), "size_bytes": path.stat().st_size} for path in found]}, outcome.DONE


def _reply(arguments: argparse.Namespace, session: Session, mine: Mine) -> Result:
    from client.cli.reports import EXIT_OF, read_text, result, told

    if "reply" not in mine.ticket.may:
        title, advice = explain_ticket("refused")
        raise Failure("refused", say("this help desk takes no replies from here"), outcome.REFUSED, advice, title)
    text = read_text(arguments.text)
    if not text.strip() and not arguments.attach:
        raise usage(say("say what to answer: --text, or --attach a file"))
    for path in map(Path, arguments.attach):
        if not path.is_file():
            raise Failure("cannot_attach", say("“{name}” is not a file that can be read", name=path), outcome.USAGE)
    draft = session.answers.new(mine, text)
    for path in arguments.attach:
        draft.add_file(Path(path))
    delivery = session.send_now(session.submit(draft))
    return told(arguments, result(session, delivery)), EXIT_OF[delivery.state]


def _stats(arguments: argparse.Namespace, session: Session) -> Result:
    _look(session, arguments)
    found = session.answers.figures(arguments.desk)
    if not arguments.json:
        rows = {
            say("Tickets"): found.tickets, say("Open tickets"): found.open, say("Solved tickets"): found.solved,
            say("First answer after, in hours"): found.first_answer_h, say("Solved after, in hours"): found.solution_h,
            say("Satisfaction (1 to 5)"): found.satisfaction,
            say("Solved at first contact"): found.solved_at_first_contact,
            say("Solved by an article"): found.spared,
        }  # fmt: skip
        for name, value in rows.items():
            put(f"{name:<34}{'–' if value is None else value}")
        for each in found.ratings:
            if each.comment:
                put(f"{_named(each.id)}  {say('Your rating: {score} of 5', score=each.score)} · {each.comment}")
    ratings = [{**msgspec.to_builtins(each), "solved_at": rfc3339(each.solved_at)} for each in found.ratings]
    return {**msgspec.to_builtins(found), "ratings": ratings}, outcome.DONE


def _done(arguments: argparse.Namespace, words: str) -> Result:
    if not arguments.json:
        say_aloud(words)
    return {"ok": True, "detail": words}, outcome.DONE


def add_articles(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("query", nargs="+", metavar="QUERY", help=say("words of the question"))
    parser.add_argument("--desk", default="", metavar="NAME", help=say("which help desk of the settings"))


def articles(arguments: argparse.Namespace, paths: Paths) -> Result:
    session = Session(paths)
    if arguments.desk:
        with suppress(Temporary):
            session.places.desk(arguments.desk)  # or there is no such desk
    suggested = session.articles.find(" ".join(arguments.query), arguments.desk)
    found, fault = suggested.articles, suggested.fault
    if fault is not None:
        if not found:
            with outcome.nothing_waits():
                raise fault
        say_aloud(say("The help articles cannot be reached now: {why}", why=reason(fault)))
    if not arguments.json:
        for article in found:
            put(f"{article.title}\n  {article.url}\n  {article.excerpt}")
        if not found:
            print(say("Nothing found."), file=sys.stderr)
    listed = [{"title": a.title, "url": a.url, "excerpt": a.excerpt} for a in found]
    return {"articles": listed, "offline": fault is not None}, outcome.DONE
