"""From a report to a ticket: splits by size, shares the large files, composes, submits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import msgspec

from client.folder import write_bytes
from client.report import Report, Sent
from client.settings import General
from uploader.errors import FileChanged, FileRefused, PasteLink, Refused, Temporary, UploaderError
from uploader.inbox import Inbox
from uploader.journal import Journal
from uploader.ticket import (
    AS_SET,
    LINK_ABOVE_BYTES,
    Attachment,
    Desk,
    Limits,
    Link,
    Share,
    SharedFile,
    TextSection,
    Ticket,
    TicketRef,
    Wishes,
)

FileProgress = Callable[[str, int, int], None]
"""``progress(file_name, done_bytes, total_bytes)``; an empty name is the ticket itself. May raise Cancelled."""


class ShareRefused(Refused):
    """One file could not be shared; the person chooses another share or leaves the file out."""

    code = "share_refused"

    def __init__(self, attachment: str, text: str, **values: str) -> None:
        super().__init__(text, **values)
        self.attachment = attachment


class FileUnwanted(ShareRefused):
    """The same for a file that would have gone in the ticket, but the desk does not take it."""

    code = "file_unwanted"


class LinkWanted(ShareRefused):
    """The person uploads this file by hand and pastes the link."""

    code = "paste_link"


class Metered(Refused):
    """A large file would go over a network that costs by the byte; the person decides."""

    code = "metered"


class ShareUnreachable(Temporary):
    """The share cannot take the file now; it is tried again, and nothing is wrong with the help desk."""

    code = "share_unreachable"

    def __init__(self, attachment: str, text: str, *, retry_after_s: float | None = None, **values: str) -> None:
        super().__init__(text, retry_after_s=retry_after_s, **values)
        self.attachment = attachment


def _no_opener() -> Attachment:
    raise AssertionError("a sealed file needs the page that opens it")


@dataclass(frozen=True, slots=True)
class Sharing:
    """How large files leave.

    ``open`` gives the share, when a file needs one. ``note`` hears of every link before the ticket does. ``may_send``:
    whether a report's large files may go over the network as it is. ``opener`` gives the page that opens a sealed
    file, for shares that cannot show pages: it travels in the ticket.
    """

    open: Callable[[], Share]
    note: Callable[[Attachment, Link], None]
    wishes: Wishes = AS_SET
    may_send: Callable[[str], bool] = lambda report_id: True
    opener: Callable[[], Attachment] = _no_opener


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of the report: the desk's answer and the way of every attachment."""

    ticket: TicketRef
    sent: tuple[Sent, ...]


def split(
    attachments: tuple[Attachment, ...], limits: Limits, refused: Collection[str] = ()
) -> tuple[tuple[Attachment, ...], tuple[Attachment, ...]]:
    """Which attachments go into the ticket and which as a link, each in their order.

    Strictly over 25 MB or the desk's own lower limit goes as a link; so do suffixes the desk blocks and what it has
    ``refused`` before; and if the rest exceeds what a ticket holds, the largest go too, until it fits.
    """
    limit = min(LINK_ABOVE_BYTES, limits.file_bytes if limits.file_bytes is not None else LINK_ABOVE_BYTES)
    blocked = tuple(limits.blocked_suffixes)
    inside = [a for a in attachments if a.size_bytes <= limit and not a.name.lower().endswith(blocked)]
    inside = [a for a in inside if a.name not in refused]
    if limits.total_bytes is not None:
        while inside and sum(a.size_bytes for a in inside) > limits.total_bytes:
            inside.remove(max(inside, key=lambda a: a.size_bytes))
    return tuple(inside), tuple(a for a in attachments if a not in inside)


def deliver(
    report: Report, who: General, desk: Desk, sharing: Sharing, journal: Journal, progress: FileProgress, folder: Path
) -> Delivered:
    """Brings the report to the desk exactly once, however often it is called with the same journal.

    The share is only opened when a file needs it. ``folder`` is the report's own: what is made on the way lies there.
    Raises: UploaderError; ``ShareRefused`` names the file that a person must decide about; OSError.
    """
    wanted = tuple(a for a in report.attachments if a.name not in report.leave_out)
    for attachment in wanted:
        _still_there(attachment)
    made = () if desk.abilities.shows_sections else _diagnostics(report, folder)
    while True:
        refused = {a.name for a in (*wanted, *made) if journal.result(_refusal(a)) is not None}
        inside, large = split((*wanted, *made), desk.limits, refused)
        shared = tuple(_share(a, report.id, sharing, journal, progress, a.name in refused) for a in large)
        inside += _opener(inside, shared, desk.limits, sharing, journal)
        ticket = compose(report, who, inside, shared)
        try:
            answer = _send(ticket, report, desk, journal, progress)
            break
        except FileRefused as error:
            found = next((a for a in inside if a.name == error.attachment), None)
            if found is None:
                raise
            journal.once(_refusal(found), lambda: "yes")  # and again, with this file as a link
    ways = {a.name: Sent(a.name, a.size_bytes, a.sha256, "ticket") for a in ticket.attachments}
    ways |= {s.name: Sent(s.name, s.size_bytes, s.sha256, "link", s.link.url, s.link.expires_at) for s in shared}
    return Delivered(answer, tuple(ways[a.name] for a in wanted))


def _opener(
    inside: tuple[Attachment, ...], shared: tuple[SharedFile, ...], limits: Limits, sharing: Sharing, journal: Journal
) -> tuple[Attachment, ...]:
    """The page that opens sealed files whose links show none, if the desk takes it: ``share open`` opens them too."""
    if not any(file.link.sealed and not file.link.page for file in shared):
        return ()
    page = sharing.opener()
    if journal.result(_refusal(page)) is not None:
        return ()
    room = limits.total_bytes is None or sum(a.size_bytes for a in (*inside, page)) <= limits.total_bytes
    return split((page,), limits)[0] if room else ()


def _refusal(file: Attachment) -> str:
    return f"refused/{file.sha256}/{file.name}"


def _send(ticket: Ticket, report: Report, desk: Desk, journal: Journal, progress: FileProgress) -> TicketRef:
    def tell(done_bytes: int, total_bytes: int) -> None:
        progress("", done_bytes, total_bytes)

    if report.reply_to is None:
        return desk.submit(ticket, journal, tell)
    if not isinstance(desk, Inbox):
        raise Refused("{service} takes no replies from here; answer where you read it", service=desk.title)
    desk.reply(ticket, journal, tell)
    return report.reply_to


def compose(report: Report, who: General, inside: tuple[Attachment, ...], shared: tuple[SharedFile, ...]) -> Ticket:
    """What the desk receives. The only place where a report becomes a ticket."""
    requester = f"{who.name} <{who.mail}>" if who.name and who.mail else who.name or who.mail
    sections = tuple(TextSection(s.id, s.title, s.text, s.note or s.status) for s in report.sections)
    return Ticket(
        report.id, report.summary, report.description, report.kind, report.priority, requester, report.created_at,
        inside, shared, sections, report.fields, report.language,
        (report.reply_to.key or report.reply_to.id) if report.reply_to else "",
    )  # fmt: skip


def _diagnostics(report: Report, folder: Path) -> tuple[Attachment, ...]:
    """The diagnostics as reviewed, as one text for desks that cannot show them; written once and then kept."""
    if not report.sections:
        return ()
    place = folder / ("diagnostico.txt" if report.language == "es" else "diagnostics.txt")
    parts = [f"=== {s.title} ({s.status}) ===\n{s.note}\n{s.text}\n" for s in report.sections]
    content = "\n".join(parts).encode("utf-8", "replace")
    if not place.exists() or place.read_bytes() != content:
        write_bytes(place, content)
    return (Attachment(place.name, place, len(content), "text/plain", hashlib.sha256(content).hexdigest()),)


def _share(
    file: Attachment, report_id: str, sharing: Sharing, journal: Journal, progress: FileProgress, is_refused: bool
) -> SharedFile:  # fmt: skip
    """``is_refused``: it goes as a link because the desk does not take it."""
    known = journal.result(f"link/{file.sha256}/{file.name}")
    if known is not None and not msgspec.json.decode(known, type=Link).holds():  # the desk was away for long
        journal.forget(f"link/{file.sha256}/{file.name}")
        known = None
    if known is None:
        if not sharing.may_send(report_id):
            raise Metered("“{name}” is large, and this network may cost by the byte", name=file.name)

        def tell(done_bytes: int, total_bytes: int) -> None:
            progress(file.name, done_bytes, total_bytes)

        try:
            link = sharing.open().put(file, journal, tell, sharing.wishes)
        except FileChanged:
            raise
        except Temporary as error:
            after_s = error.retry_after_s
            raise ShareUnreachable(file.name, error.text, retry_after_s=after_s, **error.values) from error
        except PasteLink as error:
            raise LinkWanted(file.name, error.text, **error.values) from error
        except Refused as error:
            refusal = FileUnwanted if is_refused else ShareRefused
            raise refusal(file.name, error.text, **error.values) from error
        sharing.note(file, link)
        known = journal.once(f"link/{file.sha256}/{file.name}", lambda: msgspec.json.encode(link).decode())
    return SharedFile(file.name, file.size_bytes, file.media_type, file.sha256, msgspec.json.decode(known, type=Link))


def _still_there(attachment: Attachment) -> None:
    try:
        size_bytes = attachment.path.stat().st_size
    except OSError as error:
        raise FileChanged("“{name}” is no longer in the report's folder", name=attachment.name) from error
    if size_bytes != attachment.size_bytes:
        raise FileChanged("“{name}” has changed since it was attached", name=attachment.name)


__all__ = ["Delivered", "FileProgress", "ShareRefused", "Sharing", "UploaderError", "compose", "deliver", "split"]
