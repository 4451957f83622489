"""The nouns of a report and the events of its journey. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

from uploader.inbox import OwnTicket, Reply
from uploader.ticket import Attachment, TicketRef

Kind = Literal["incident", "petition", "complaint", "claim", "suggestion"]
KINDS: tuple[Kind, ...] = get_args(Kind)

Priority = Literal["high", "medium", "low"]
PRIORITIES: tuple[Priority, ...] = get_args(Priority)

State = Literal["draft", "queued", "sending", "needs_you", "sent"]
"""``sending`` is only ever told, never on disk: where the folder lies is the state."""


@dataclass(frozen=True, slots=True)
class Section:
    """One diagnostic, redacted, as reviewed. ``text`` is byte for byte what leaves.

    ``status`` is how it was collected: ok partial timeout denied absent error skipped. A section the user
    took out keeps its title, has no text, and its status is ``skipped``: "not collected" must not read as fine.
    ``hidden`` counts the redactions in the text.
    """

    id: str
    title: str
    text: str
    status: str = "ok"
    note: str = ""
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What the user means. ``desk`` and ``share`` are names from the settings; empty: the configured default.

    ``leave_out`` names attachments that the user decided to send the report without.
    """

    id: str
    created_at: datetime
    summary: str = ""
    description: str = ""
    kind: Kind = "incident"
    priority: Priority = "medium"
    attachments: tuple[Attachment, ...] = ()
    sections: tuple[Section, ...] = ()
    fields: dict[str, str] = field(default_factory=dict)
    desk: str = ""
    share: str = ""
    language: str = "en"
    leave_out: tuple[str, ...] = ()
    reply_to: TicketRef | None = None
    """The ticket that this is a reply to; None: it becomes a ticket of its own."""

    @property
    def size_bytes(self) -> int:
        """Of its files and diagnostics."""
        return sum(a.size_bytes for a in self.attachments) + sum(len(s.text.encode()) for s in self.sections)

    @property
    def opening(self) -> str:
        """The first words of an answer, which has no subject of its own; empty for what becomes a ticket."""
        return " ".join(self.description[:200].split()) if self.reply_to is not None else ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error as it is remembered: ``code`` is stable, ``detail`` is one English sentence.

    ``text`` and ``values`` are that sentence before they were put together, for translation.
    """

    code: str
    detail: str
    attachment: str = ""
    text: str = ""
    values: dict[str, str] = field(default_factory=dict)

    @property
    def asks(self) -> bool:
        """Whether the person is asked if it arrived."""
        return self.code == "maybe_sent"


Way = Literal["ticket", "link"]
STANDINGS = ("needs_you", "sending", "draft", "paused", "queued", "sent")
"""How a report stands, in the order of a list: what needs the person comes first."""


@dataclass(frozen=True, slots=True)
class Sent:
    """How one attachment went, or will go."""

    name: str
    size_bytes: int
    sha256: str
    via: Way
    url: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One report on its way, read from its folder and journal."""

    report_id: str
    summary: str
    state: State
    created_at: datetime
    attempts: int = 0
    not_before: datetime | None = None
    last_error: Trouble | None = None
    ticket: TicketRef | None = None
    size_bytes: int = 0
    attachments: tuple[Sent, ...] = ()
    sent_at: datetime | None = None
    desk: str = ""
    """As the report names it; empty: the chosen one."""
    reply_to: TicketRef | None = None
    """The ticket that it answers."""
    opening: str = ""

    @property
    def asks(self) -> bool:
        """Whether the person is asked if it arrived."""
        return self.last_error is not None and self.last_error.asks

    @property
    def is_paused(self) -> bool:
        """Whether the person stopped it, and nothing else keeps it."""
        return self.state == "needs_you" and self.last_error is not None and self.last_error.code == "cancelled"

    @property
    def standing(self) -> str:
        """One of ``STANDINGS``."""
        return "paused" if self.is_paused else self.state


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to mend or to know before sending. ``blocking`` ones keep the report from being sent.

    ``code``: summary_missing, file_missing, file_changed, empty_file, no_share, goes_by_link, desk_unready.
    """

    code: str
    blocking: bool
    attachment: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryChanged:
    """Event: this delivery moved on. ``gone`` when it was discarded."""

    delivery: Delivery
    gone: bool = False


@dataclass(frozen=True, slots=True)
class DeliveryProgress:
    """Event: bytes on their way. ``file`` is empty while the ticket itself is sent."""

    report_id: str
    file: str
    done_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class ReportDamaged:
    """Event: a report could not be read and lies, untouched, in this folder now."""

    place: str


@dataclass(frozen=True, slots=True)
class TicketNews:
    """Event: agents have written in this ticket, or solved it. ``desk`` is the name in the settings."""

    desk: str
    ticket: OwnTicket
    replies: tuple[Reply, ...]
    solved: bool = False


@dataclass(frozen=True, slots=True)
class TicketsChanged:
    """Event: the list of one's own tickets at this desk is another one now."""

    desk: str


@dataclass(frozen=True, slots=True)
class DeskAsked:
    """Event: this desk is asked for news (``begun``), or was. ``fault``: why it could not be."""

    desk: str
    begun: bool = False
    fault: Exception | None = None


Event = DeliveryChanged | DeliveryProgress | ReportDamaged | TicketNews | TicketsChanged | DeskAsked
