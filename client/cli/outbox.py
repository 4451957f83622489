"""``outbox``, ``history``: what is on its way, and what was sent."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from client.cli import outcome
from client.cli.outcome import SAVED, Failure, Result, put, rfc3339, say_aloud, usage
from client.cli.reports import EXIT_OF, answers_of, field_of, show_progress, trouble
from client.lock import Busy
from client.paths import Paths
from client.report import STANDINGS, Delivery
from client.session import Session
from client.terms import delivery_word, number_word
from client.ui.instance import ask
from client.words import moment, say, say_n, size


def add_outbox(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        nargs="?",
        default="list",
        choices=("list", "show", "send", "retry", "arrived", "pause", "paste", "discard"),
    )
    parser.add_argument("id", nargs="?", default="", metavar="ID")
    parser.add_argument(
        "--field", action="append", default=[], metavar="K=V", help=say("what the help desk wants to know")
    )


def outbox(arguments: argparse.Namespace, paths: Paths) -> Result:
    session = Session(paths)
    what, report_id = arguments.what, arguments.id
    if what not in ("list", "send") and not report_id:
        raise usage(say("say which report: its ID stands in “testigo outbox”"))
    waiting = [d for d in session.deliveries(sent=0) if not report_id or d.report_id == report_id]
    for place in session.set_aside:
        say_aloud(say("A damaged report was moved to {place}. The others are fine.", place=place))
    if report_id and not waiting and what != "show":
        raise Failure("not_found", say("no report {id} is waiting", id=report_id), outcome.USAGE)
    if what == "show":
        return _listed(arguments, [_any(session, report_id)]), outcome.DONE
    for field in arguments.field:
        session.waiting.fill_in(report_id, *field_of(field))
    if what == "arrived":
        session.waiting.it_arrived(report_id)
    elif what == "retry" and waiting[0].asks:
        session.waiting.send_again(report_id)
    elif what == "paste":
        _paste(session, waiting[0])
    if what in ("send", "retry", "arrived", "paste"):
        return _send(arguments, session, waiting)
    if what == "pause":
        if ask(paths, "tray", "pause", {"id": report_id}, wait_s=5) is None:
            session.pause(report_id)
        return _listed(arguments, [session.delivery(report_id)]), outcome.DONE
    if what == "discard":
        _discard(session, report_id)
    waiting.sort(key=lambda d: STANDINGS.index(d.standing))
    return _listed(arguments, waiting) | {"damaged": [str(place) for place in session.set_aside]}, outcome.DONE


def _any(session: Session, report_id: str) -> Delivery:
    """One that waits or was sent. Raises: Failure."""
    try:
        return session.delivery(report_id)
    except KeyError as error:
        raise Failure("not_found", say("there is no report {id}", id=report_id), outcome.USAGE) from error


def _discard(session: Session, report_id: str) -> None:
    """Raises: Failure."""
    try:
        session.waiting.discard(report_id)
        session.sweeping.sweep()
    except (KeyError, Busy) as error:
        raise Failure("busy", say("it is being sent right now"), SAVED) from error


def _paste(session: Session, delivery: Delivery) -> None:
    """Reads the link that somebody made by hand; a link is no argument: others see those. Raises: Failure."""
    error = delivery.last_error
    if error is None or error.code != "paste_link":
        raise Failure("not_found", say("this report waits for no link"), outcome.USAGE)
    say_aloud(say("The link to “{name}”:", name=error.attachment))
    session.waiting.paste_link(delivery.report_id, error.attachment, sys.stdin.readline().strip())


def _send(arguments: argparse.Namespace, session: Session, waiting: list[Delivery]) -> Result:
    """Delivers all of them, due or not, one after the other; the worst outcome is the exit code."""
    session.listen(show_progress)
    done, worst = [], outcome.DONE
    for delivery in waiting:
        try:
            now = session.send_now(delivery.report_id)
        except Busy:
            now = session.delivery(delivery.report_id)
        done.append(now)
        worst = max(worst, EXIT_OF[now.state])
    session.sweeping.sweep_if_due()
    return _listed(arguments, done), worst


def _listed(arguments: argparse.Namespace, deliveries: list[Delivery]) -> dict[str, Any]:
    if not arguments.json:
        for d in deliveries:
            ticket = number_word(d.ticket.id) or d.ticket.id if d.ticket else ""
            heavy, about = size(d.size_bytes) if d.size_bytes else "", d.summary
            about = f"{say('Answer')} · {about}" if d.reply_to else about
            put(f"{d.report_id}  {delivery_word(d.standing):<15}  {heavy:>8}  {ticket:<9} {about}")
            error = trouble(d)
            if error:
                put(f"    {error['title']}: {error['detail']}")
            if d.asks:
                put(f"    {answers_of(d.report_id)}")
        if not deliveries:
            say_aloud(say("Nothing is waiting."))
    return {"deliveries": [delivery_json(d) for d in deliveries]}


def delivery_json(d: Delivery) -> dict[str, Any]:
    return {
        "report_id": d.report_id,
        "summary": d.summary,
        "state": d.state,
        "attempts": d.attempts,
        "not_before": rfc3339(d.not_before),
        "last_error": trouble(d),
        "size_bytes": d.size_bytes,
        "ticket": d.ticket and {"id": d.ticket.id, "url": d.ticket.url},
    }


def add_history(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("query", nargs="?", default="")
    parser.add_argument("--since", default="", metavar="D", help=say("7d, 24h, or a date like 2026-11-01"))


def history(arguments: argparse.Namespace, paths: Paths) -> Result:
    items = Session(paths).history(arguments.query, _since(arguments.since))
    if not arguments.json:
        for item in items:
            state, when = delivery_word(item.state), moment(item.created_at)
            put(f"{number_word(item.ticket_id) or item.report_id:<10}  {state:<15} {when:<14}  {item.summary}")
        say_aloud(say_n("{n} report", "{n} reports", len(items)))
    listed = [
        {"report_id": i.report_id, "state": i.state, "created_at": rfc3339(i.created_at), "summary": i.summary,
         "kind": i.kind, "priority": i.priority, "attachments": list(i.attachments),
         "ticket": {"id": i.ticket_id, "url": i.ticket_url} if i.ticket_id else None}
        for i in items
    ]  # fmt: skip
    return {"items": listed}, outcome.DONE


def _since(text: str) -> datetime | None:
    if not text:
        return None
    units = {"h": "hours", "d": "days", "w": "weeks"}
    try:
        if text[-1] in units:
            return datetime.now(UTC) - timedelta(**{units[text[-1]]: float(text[:-1])})
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise usage(say("--since takes 7d, 24h, or a date like 2026-11-01")) from error
