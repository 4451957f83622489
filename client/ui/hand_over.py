"""Going on by WhatsApp: asked first, handed over, never called sent, for what happens there nobody tells us."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from client.terms import ticket_number
from client.ui.question import ask_once
from client.words import say
from uploader.handover import whatsapp_url
from uploader.inbox import OwnTicket
from uploader.ticket import TicketRef


def words_about(subject: str, ticket: OwnTicket | TicketRef | None) -> str:
    """What may be handed over: what it is about, and the number and the address of its ticket; no more."""
    if ticket is None:
        return subject
    number = ticket_number(ticket)
    number = "" if subject.startswith(f"{number}: ") else number  # an answer begins with it
    url = ticket.url if ticket.url.startswith(("https://", "http://")) else ""  # nobody there opens a file of ours
    return " · ".join(filter(None, (subject, f"{number} {url}".strip())))


def ask_and_open(window: QWidget, number: str, text: str) -> None:
    """Shows what will be handed over and to whom; opens WhatsApp with it when the user agrees."""
    whole = number.replace(" ", "\u00a0")  # a number is not parted at the end of a line
    more = say(
        "WhatsApp opens with these words for {number}; you send them there yourself: “{words}”",
        number=whole, words=text,
    )  # fmt: skip
    url = whatsapp_url(number, text)
    go = partial(QDesktopServices.openUrl, QUrl(url))
    ask_once(window, say("Hand over"), say("Go on by WhatsApp?"), more, go, say("Cancel"), harmless=True)
