"""Other ways to reach the help desk: a card that the organisation sets, shown where the desk itself is not enough."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from client.sla import Promises, SlaFault, calendar
from client.words import day, say
from uploader.setting import setting


@dataclass(frozen=True, slots=True)
class Contact:
    """The section ``[contact]`` of settings or policy. Empty fields are not shown."""

    phone: str = setting("Telephone", help="+57 601 234 5678", default="")
    phone_hours: str = setting(
        "Hours of the telephone", help="mon-fri 08:00-18:00; sat 09:00-12:00. Empty: not said.", default="", rare=True
    )
    time_zone: str = setting(
        "Time zone of the telephone", help="America/Bogota. Empty: as here.", default="", rare=True
    )
    whatsapp: str = setting("WhatsApp", help="The number with its country, as +57 300 123 4567.", default="")
    chat: str = setting("Address of the chat", kind="url", default="")
    mail: str = setting("E-mail", default="")
    link: str = setting("Web page", kind="url", default="")


@dataclass(frozen=True, slots=True)
class Way:
    """One way. ``kind`` is phone, whatsapp, chat, mail or link; ``url`` opens it. ``open``: None: nobody said when."""

    kind: str
    text: str
    url: str
    open: bool | None = None
    changes_at: datetime | None = None
    """When it closes, or opens, in its own time; None: nobody said."""
    zone: str = ""
    """Of that time; empty: as here."""


def ways(card: Contact, at: datetime) -> tuple[Way, ...]:
    """What the card offers at this moment, in its own order; addresses that are none are left out."""
    found = []
    if card.phone.strip():
        number = re.split(r"[^\W\d_]", card.phone, maxsplit=1)[0]  # an extension is dialled by hand
        digits = "".join(c for c in number if c.isdigit() or c == "+")
        found.append(Way("phone", card.phone.strip(), f"tel:{digits}", *_hours(card, at)))
    if card.whatsapp.strip():
        found.append(Way("whatsapp", card.whatsapp.strip(), ""))
    for kind in ("chat", "link"):
        address = str(getattr(card, kind)).strip()
        if address.startswith(("https://", "http://")):
            found.append(Way(kind, address.partition("://")[2].rstrip("/"), address))
    if "@" in card.mail:
        found.append(Way("mail", card.mail.strip(), f"mailto:{card.mail.strip()}"))
    return tuple(found)


def _hours(card: Contact, at: datetime) -> tuple[bool | None, datetime | None, str]:
    if not card.phone_hours.strip():
        return None, None, ""
    try:
        hours = calendar(Promises(hours=card.phone_hours, time_zone=card.time_zone))
    except SlaFault:
        return None, None, ""
    return hours.is_open(at), hours.next_change(at), card.time_zone.strip()


def hours_words(way: Way, now: datetime) -> str:
    """Whether it is open, until when or from when, and by whose clock; empty where nobody said."""
    if way.open is None or way.changes_at is None:
        return say("closed now") if way.open is False else ""
    today, clock = now.astimezone(way.changes_at.tzinfo).date(), f"{way.changes_at:%H:%M}"
    if way.changes_at.date() == today:
        when = clock
    elif way.changes_at.date() == today + timedelta(days=1):
        when = say("tomorrow {clock}", clock=clock)
    else:
        when = f"{day(way.changes_at.replace(tzinfo=None))} {clock}"
    words = say("open until {when}", when=when) if way.open else say("closed now, opens {when}", when=when)
    return f"{words} · {way.zone}" if way.zone else words
