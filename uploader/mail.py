"""Mails as this program writes and reads them: a ticket as one, and whatever strangers send as plain values.

A mail of ours carries its report's id in its Message-ID, and that of its ticket: ``<report.testigo@…>`` begins one,
``<reply.report.testigo@…>`` belongs to it. So any of our ids in an answer says where that belongs. Source: RFC 5322
(2008), 3.6.4, References; RFC 2183 and 2231, file names; RFC 3834 (2004), Auto-Submitted.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser
from email.utils import format_datetime, formataddr, getaddresses
from typing import Any

from uploader.body import render
from uploader.cargo import Cargo
from uploader.plain_text import tidy
from uploader.remote import name_of, subject_of
from uploader.ticket import Ticket

ENCODED = 57 / 78
"""Raw bytes in a byte of base64 as mails have it: 57 in a line of 76 and its end. Source: RFC 2045, 6.8 (1996)."""
ROOM_BYTES = 200_000
"""What a mail needs besides its files: text twice, heads, borders."""
REPORT_HEADER = "X-Testigo-Report"
HEADERS = ("Message-ID", "In-Reply-To", "References", "Subject", "From", "To", "Reply-To", "Auto-Submitted",
           "X-Autoreply", "X-Auto-Response-Suppress", "Return-Path", "Content-Type", REPORT_HEADER)  # fmt: skip
MOST_PARTS = 200
_OWN_ID = re.compile(r"<((?:[\w-]+\.)?([\w-]+))\.testigo@([^<>\s]{1,200})>")
_BROKEN = (ValueError, LookupError, MessageError, TypeError, AttributeError, RecursionError)


def message_id(report_id: str, sender: str, thread: str = "") -> str:
    """The id of a report's mail; with ``thread``, the id of a ticket's first mail, of a reply to it."""
    root = _OWN_ID.fullmatch(thread)
    place = root[3] if root else sender.rpartition("@")[2].lower()
    return f"<{report_id}{f'.{root[2]}' if root else ''}.testigo@{place}>"


def thread_of(*ids: str) -> str:
    """The id of the ticket's first mail that any of these belong to; empty: to none of ours."""
    for each in ids:
        if found := _OWN_ID.fullmatch(each):
            return f"<{found[2]}.testigo@{found[3]}>"
    return ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a mail needs besides its ticket. ``answers`` are the ids it follows, the last one answered."""

    id: str
    sender: str
    to: str
    subject: str = ""
    answers: tuple[str, ...] = ()


def write(ticket: Ticket, cargo: Cargo, envelope: Envelope) -> bytes:
    """The whole mail, the same bytes on every try. A person sent it, so nothing in it says "automatic".

    Source of X-Auto-Response-Suppress: Microsoft, [MS-OXCMAIL] 2.1.3.2.20: out-of-office notes are not wanted.
    """
    mail = EmailMessage(policy.SMTP)
    mail["Message-ID"] = envelope.id
    mail["Date"] = format_datetime(ticket.created_at.astimezone(UTC))
    mail["From"] = formataddr((_line(name_of(ticket.requester)), envelope.sender))
    mail["To"] = envelope.to
    mail["Subject"] = _line(envelope.subject) or subject_of(ticket, 250)
    if envelope.answers:
        mail["In-Reply-To"] = envelope.answers[-1]
        mail["References"] = " ".join(dict.fromkeys(envelope.answers))
    mail[REPORT_HEADER] = ticket.report_id
    mail["X-Auto-Response-Suppress"] = "OOF"
    if ticket.priority == "high":
        mail["Importance"] = "high"
    mail.set_content(_words(render(ticket, "plain")), cte="quoted-printable")
    mail.add_alternative(_words(render(ticket, "html")), subtype="html", cte="quoted-printable")
    for file in cargo.files:
        main, _, sub = file.media_type.partition("/")
        if not re.fullmatch(r"(application|audio|font|image|text|video)/[\w.+-]+", file.media_type):
            main, sub = "application", "octet-stream"
        content = b"".join(bytes(block) for block in cargo.body(file).blocks())
        mail.add_attachment(content, maintype=main, subtype=sub, filename=cargo.name(file))
    for number, part in enumerate(p for p in mail.walk() if p.is_multipart()):
        seed = hashlib.sha256(f"{number}{envelope.id}".encode()).hexdigest()[:32]
        part.set_boundary(f"=_testigo_{seed}")
    return mail.as_bytes()


def _line(text: str) -> str:
    return " ".join(_words("".join(c if c.isprintable() else " " for c in text)).split())


def _words(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True)
class Letter:
    """The head of a mail as a folder shows it. ``sent``: it lies in Sent. ``at`` is the server's time."""

    uid: int
    sent: bool
    at: datetime
    id: str
    follows: tuple[str, ...]
    subject: str
    author: str
    address: str
    answer_to: str
    automatic: bool
    to: str = ""

    @property
    def own(self) -> bool:
        return self.sent or bool(thread_of(self.id))

    @property
    def thread(self) -> str:
        return thread_of(self.id, *self.follows)


def read_head(content: bytes, uid: int, at: datetime, *, sent: bool) -> Letter:
    """Never raises, whatever a stranger wrote there."""
    head = BytesHeaderParser(policy=policy.compat32).parsebytes(content)
    ids = re.findall(r"<[^<>\s]{1,250}>", _raw(head, "Message-ID"))
    follows = re.findall(r"<[^<>\s]{1,250}>", f"{_raw(head, 'References')} {_raw(head, 'In-Reply-To')}")
    name, address = _person(_raw(head, "From"))
    _, answer_to = _person(_raw(head, "Reply-To"))
    auto = _raw(head, "Auto-Submitted").split(";")[0].strip().lower()
    kind = _raw(head, "Content-Type").lower()
    automatic = auto not in ("", "no") or head.get("X-Autoreply") is not None
    automatic = automatic or _raw(head, "Return-Path").strip() == "<>"
    automatic = automatic and "delivery-status" not in kind  # that it did not arrive is for a person to know
    author = f"{name} <{address}>" if name and address else name or address
    subject = header_text(_raw(head, "Subject"))
    return Letter(uid, sent, at, ids[0] if ids else "", tuple(dict.fromkeys(follows)), subject, author, address,
                  answer_to, automatic, _person(_raw(head, "To"))[1])  # fmt: skip


def plain_address(address: str) -> str:
    """In small letters, without what a plus adds to its name."""
    return re.sub(r"\+[^@]*(?=@)", "", address.lower())


def _raw(head: Message, name: str) -> str:
    value = head.get(name)
    return "" if value is None else str(value)[:20_000]


def header_text(raw: str) -> str:
    """One line for people, out of whatever stands in a header."""
    try:
        raw = str(make_header(decode_header(raw.replace("\r", "").replace("\n", ""))))
    except _BROKEN:
        pass
    return " ".join(tidy(raw.encode("utf-8", "replace").decode()).split())[:500]


def _person(raw: str) -> tuple[str, str]:
    try:
        name, address = (getaddresses([raw]) or [("", "")])[0]
    except _BROKEN:
        return "", ""
    good = re.fullmatch(r"[^\s<>@,;:\"\\]{1,128}@[\w.-]{1,200}", address)
    return header_text(name), address if good else ""


def server_time(text: str) -> datetime:
    """Source: RFC 3501, INTERNALDATE: `` 1-Dec-2026 10:15:00 +0000``."""
    try:
        return datetime.strptime(text.strip(), "%d-%b-%Y %H:%M:%S %z").astimezone(UTC)
    except ValueError:
        return datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One part of a mail that is no container. ``section`` is how IMAP calls it."""

    section: str
    kind: str
    charset: str
    encoding: str
    size_bytes: int
    is_file: bool

    @property
    def raw_bytes(self) -> int:
        """About so much it is without its encoding: of base64 without the ends of its lines, and with half of what may
        be missing in the last four letters."""
        if self.encoding != "base64":
            return self.size_bytes
        return max(0, (self.size_bytes - 2 * -(-self.size_bytes // 78)) * 3 // 4 - 1)


def leaves(structure: Any) -> list[Leaf]:
    """The parts of a mail by its BODYSTRUCTURE, in order; nothing for what is none."""
    found, todo = list[Leaf](), [(structure, "")]
    while todo and len(found) < MOST_PARTS:
        part, section = todo.pop()
        if not isinstance(part, list) or not part:
            continue
        if isinstance(part[0], list):
            inner = [each for each in part if isinstance(each, list)]
            inner = inner[: next((n for n, each in enumerate(part) if not isinstance(each, list)), len(part))]
            numbered = [(each, f"{section}.{n}".lstrip(".")) for n, each in enumerate(inner, 1)]
            todo += reversed(numbered)
        elif leaf := _leaf(part, section or "1"):
            found.append(leaf)
    return found


def _leaf(part: list[Any], section: str) -> Leaf | None:
    if len(part) < 7:
        return None
    main, sub, given = (_lower(part[0]), _lower(part[1]), _pairs(part[2]))
    size = str(part[6] or "0")
    pairs = (each for each in part[7:] if isinstance(each, list) and len(each) == 2)
    disposition = next((each for each in pairs if _lower(each[0]) in ("attachment", "inline")), None)
    named = any(key.partition("*")[0] == "name" for key in given)
    if disposition is not None:
        named = named or any(key.partition("*")[0] == "filename" for key in _pairs(disposition[1]))
    is_text = main == "text" and sub in ("plain", "html")
    attached = disposition is not None and _lower(disposition[0]) == "attachment"
    return Leaf(section, f"{main}/{sub}", given.get("charset", ""), _lower(part[5]),
                int(size) if size.isdecimal() else 0, attached or named or not is_text)  # fmt: skip


def _lower(value: Any) -> str:
    return (value.decode("ascii", "replace") if isinstance(value, bytes) else str(value or "")).lower()


def _pairs(value: Any) -> dict[str, str]:
    if not isinstance(value, list):
        return {}
    texts = [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each or "") for each in value]
    return {key.lower(): held for key, held in zip(texts[::2], texts[1::2])}


def file_name(mime_head: bytes) -> str:
    """What a part's own head calls it, whatever tricks it plays; empty: nothing."""
    try:
        name = BytesHeaderParser(policy=policy.compat32).parsebytes(mime_head).get_filename() or ""
    except _BROKEN:
        return ""
    return header_text(name)


def decoded(content: bytes, encoding: str) -> bytes:
    """A part's bytes; what is no base64 is left out of it."""
    import base64
    import quopri

    if encoding == "base64":
        clean = re.sub(rb"[^A-Za-z0-9+/]", b"", content)
        return base64.b64decode(clean[: len(clean) // 4 * 4 + (len(clean) % 4 if len(clean) % 4 > 1 else 0)] + b"===")
    return quopri.decodestring(content) if encoding == "quoted-printable" else content


def words_of(content: bytes, charset: str) -> str:
    """Text in whatever charset it says, or none that exists."""
    try:
        return content.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        return content.decode("utf-8", "replace")


def without_quote(text: str) -> str:
    """An answer without what it answers: the quoted lines at its end, and the line that announces them."""
    lines = text.rstrip().split("\n")
    end = len(lines)
    while end and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith(">")):
        end -= 1
    if any(line.lstrip().startswith(">") for line in lines[end:]):
        while end and (lines[end - 1].rstrip().endswith(":") or not lines[end - 1].strip()):
            end -= 1
        if kept := "\n".join(lines[:end]).strip():
            return kept
    return text
