"""The fixed words of reports and tickets as a person reads them: kinds, priorities, how a delivery or a ticket stands.

One rule for every desk: our own word, in the user's language; the desk's own name of a state only where it says more,
translated when it is one that desks are delivered with. A bare number is no word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from client.words import LANGUAGES, catalog, say
from uploader.inbox import OwnTicket, State
from uploader.remote import KINDS, PRIORITIES
from uploader.ticket import TicketRef

NO_MORE: dict[State, str] = {
    "open": "new · open · opened · reopened · active · assigned · to do · nuevo · nueva · abierto · abierta · reabierto"
    " · reabierta · asignado · asignada · neu · offen",
    "waiting": "waiting · pending · stalled · waiting on customer · waiting for customer · pending reminder"
    " · pending auto · feedback · awaiting user info · waiting for you · pendiente · en espera · esperando al cliente",
    "solved": "solved · resolved · closed · done · completed · complete · fixed · closed successful · resuelto"
    " · resuelta · solucionado · solucionada · cerrado · cerrada · hecho · gelöst · geschlossen",
    "closed": "closed · closed complete · cerrado · cerrada · geschlossen",
}
"""Names of states that say no more than ours do."""
WayBack = Literal["here", "own", "folder", "elsewhere", "gone"]
"""How a desk's answers come: here; "own": never, it is the folder on this computer; "folder": it is another one, that
an agent reads; "elsewhere": by mail or another way; "gone": the settings do not know it any more."""
OUR_MARK = re.compile(r"\d{8}-\d{6}-[0-9a-f]+")
"""The id of a report, as ``client.folder`` makes it."""


def kind_word(kind: str) -> str:
    return {
        "incident": say("Incident"),
        "petition": say("Request"),
        "complaint": say("Complaint"),
        "claim": say("Claim"),
        "suggestion": say("Suggestion"),
    }[kind]


def priority_word(priority: str) -> str:
    return {"high": say("High"), "medium": say("Medium"), "low": say("Low")}[priority]


def spoken_rules(rules: str) -> str:
    """``incident/high=oncall`` in the user's language."""
    known = {kind: kind_word(kind).lower() for kind in KINDS} | {p: priority_word(p).lower() for p in PRIORITIES}
    return _with_keys(rules, known)


def stored_rules(typed: str) -> str:
    """The same back, from any of our languages; what is no word of ours stays as it is."""
    known = {
        str(catalog(language).get(word.capitalize(), word)).casefold(): word
        for language in LANGUAGES
        for word in (*KINDS, *PRIORITIES)
    }
    return _with_keys(typed, known)


def _with_keys(rules: str, known: Mapping[str, str]) -> str:
    found = []
    for rule in rules.split(";"):
        key, equals, desk = rule.partition("=")
        words = [known.get(word.strip().casefold(), word.strip()) for word in key.split("/")]
        found.append("/".join(words) + equals + desk.strip())
    return "; ".join(filter(None, found))


def criterion(priority: str) -> str:
    """When this priority is the right one; empty for none."""
    return {
        "high": say("Work or security stops"),
        "medium": say("It hinders work, but work goes on"),
        "low": say("It can wait"),
    }.get(priority, "")


def delivery_word(state: str) -> str:
    """How a delivery stands."""
    return {
        "sending": say("Sending"),
        "queued": say("Waiting"),
        "needs_you": say("Needs you"),
        "paused": say("Paused"),
        "sent": say("Sent"),
        "draft": say("Draft"),
    }.get(state, state)


def ticket_word(state: State) -> str:
    """How a ticket stands, in our words."""
    return {
        "open": say("With the help desk"),
        "waiting": say("Waits for you"),
        "solved": say("Solved"),
        "closed": say("Closed"),
    }[state]


def standing_word(state: State, way: WayBack) -> str:
    """The same for a ticket of a desk whose answers come this ``way``: of many nobody here knows more than that it went
    out."""
    if state == "open" and way == "own":
        return say("On this computer")
    return say("Sent") if state == "open" and way in ("folder", "elsewhere") else ticket_word(state)


def way_words(way: WayBack) -> str:
    """Where a ticket lies of which nothing comes back here, and who answers."""
    return {
        "here": "",
        "own": say("It lies in a folder on this computer; nobody has received it."),
        "folder": say("It lies in the help desk's folder, where an agent reads it. Nothing comes back here."),
        "elsewhere": say("The help desk has it. It tells nothing back here: its answer comes by mail or another way."),
        "gone": say("Its help desk is no longer in the settings; nothing comes back here."),
    }[way]


def cut_words() -> str:
    """Below a message that is too long to be shown here."""
    return say("It is cut off here. The rest is at the help desk, or in your mail program.")


def more_words(ticket: OwnTicket) -> str:
    """What the desk's own name of the state says beyond ``ticket_word``; empty: nothing."""
    name = " ".join(ticket.state_title.replace("_", " ").split())
    if name.isdecimal() or name.casefold() in NO_MORE[ticket.state].split(" · "):
        return ""
    known = {
        "in progress": say("In progress"),
        "work in progress": say("In progress"),
        "hold": say("On hold"),
        "on hold": say("On hold"),
        "pending": say("On hold"),
        "pending reminder": say("On hold"),
        "pending close": say("About to be closed"),
        "waiting on third party": say("Waits for somebody else"),
        "escalated": say("Escalated"),
        "rejected": say("Rejected"),
        "cancelled": say("Cancelled"),
        "canceled": say("Cancelled"),
        "duplicate": say("Duplicate"),
        "merged": say("Merged into another"),
        "removed": say("Deleted"),
        "deleted": say("Deleted"),
        "not planned": say("Not planned"),
        "closed unsuccessful": say("Closed without a solution"),
    }
    return known.get(name.casefold(), name)


def ticket_number(ticket: OwnTicket | TicketRef) -> str:
    """The desk's number as it is told to people; empty where it has told none."""
    return number_word(ticket.id)


def number_word(id_: str) -> str:
    """The same of the id alone: digits are marked as a number; our own mark of a report, in its place, is none."""
    return "" if OUR_MARK.fullmatch(id_) else f"#{id_}" if id_.isdecimal() else id_


def ticket_priority(ticket: OwnTicket) -> str:
    """A ticket's priority; empty where the desk tells none."""
    name = ticket.priority
    if name in ("high", "medium", "low"):
        return priority_word(name)
    known = {
        "critical": say("Critical"),
        "urgent": say("Urgent"),
        "immediate": say("Immediate"),
        "very high": say("Very high"),
        "high": say("High"),
        "medium": say("Medium"),
        "normal": say("Normal"),
        "moderate": say("Medium"),
        "low": say("Low"),
        "very low": say("Very low"),
        "alta": say("High"),
        "media": say("Medium"),
        "baja": say("Low"),
        "urgente": say("Urgent"),
        "inmediata": say("Immediate"),
    }
    return known.get(name.casefold(), "" if name.isdecimal() else name)
