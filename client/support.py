"""What the organisation promises and offers, in words: when an answer is due, what is covered, who else to ask.

It reads settings and, at most once in a while, the manifest of warranties. A mistake in them is logged once, and shows
nothing: a report is written all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from client.contact import Way, ways
from client.coverage import Cover, CoverageFault, covers_of, this_device
from client.report import KINDS, PRIORITIES
from client.settings import Settings
from client.sla import Promise, SlaFault, calendar, check, promise
from client.tickets import OVER, Mine
from client.words import day, lasting, moment, say, say_n
from uploader.errors import InvalidField

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """The next step of a ticket: ``at`` None and no ``words`` where nothing is promised."""

    at: datetime | None = None
    words: str = ""
    late: bool = False

    @property
    def whole(self) -> str:
        """The words with the moment."""
        return f"{self.words} ({moment(self.at)})" if self.at is not None else ""


NOT_DUE = Due()
EXAMPLES = {
    "sla.answer": "high=4h; low=3d", "sla.solution": "high=1d; *=5d", "sla.hours": "mon-fri 08:00-12:00 14:00-18:00",
    "sla.time_zone": "America/Bogota", "sla.holidays": "2026-12-25, 2027-01-01",
    "contact.phone_hours": "mon-fri 08:00-18:00; sat 09:00-12:00", "contact.time_zone": "America/Bogota",
}  # fmt: skip
_PROMISED_FOR = {*KINDS, *PRIORITIES, "*", *(f"{kind}/{priority}" for kind in KINDS for priority in PRIORITIES)}


class Support:
    """Any thread; ``covers`` reads files."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings
        self._told: set[str] = set()

    @staticmethod
    def check(key: str, value: str) -> None:
        """Whether a setting of hours or promises can be read; others can. Raises: InvalidField."""
        if key in EXAMPLES:
            try:
                check(key.rpartition(".")[2].removeprefix("phone_"), value, _PROMISED_FOR)
            except SlaFault as fault:
                raise InvalidField(key, "“{value}” cannot be read; an example: {example}", value=value[:60],
                                   example=EXAMPLES[key]) from fault  # fmt: skip

    def check_all(self) -> None:
        """Raises: InvalidField; its field is the first setting that cannot be read."""
        for key in EXAMPLES:
            section, _, name = key.partition(".")
            self.check(key, getattr(getattr(self._settings(), section), name))

    def promised(self, kind: str, priority: str, at: datetime | None = None) -> Promise | None:
        """What the desk promises for a report that is sent now; None: nothing."""
        level = self._settings().sla
        if not level.promises:
            return None
        try:
            return promise(level, kind, priority, at or datetime.now(UTC))
        except SlaFault as fault:
            self._tell(f"sla: {fault}")
            return None

    def promise_words(self, kind: str, priority: str) -> str:
        """“Answer within 4 business hours”; empty when nothing is promised."""
        found = self.promised(kind, priority)
        if found is None or found.answer is None:
            return ""
        return say("Answer within {time}", time=self._duration(found.answer))

    def due(self, mine: Mine) -> Due:
        """When the next step of a ticket is due: the desk's own date, else what is promised for such a report."""
        ticket, answered = mine.ticket, mine.first_answer_at is not None
        if ticket.state in OVER:
            return NOT_DUE
        answer, solution = None if answered else ticket.first_answer_due_at, ticket.due_at
        if answer is None and solution is None:
            kind, priority = mine.kind, mine.priority or _ours(ticket.priority)
            found = self.promised(kind, priority, ticket.created_at) if kind or priority else None
            if found is not None:
                answer, solution = None if answered else found.answer_at, found.solution_at
        at = answer or solution
        if at is None:
            return NOT_DUE
        left = at - datetime.now(UTC)
        late, time = left < timedelta(), lasting(abs(left))
        if answer is not None:
            words = say("answer overdue by {time}", time=time) if late else say("answer in {time}", time=time)
        else:
            words = say("solution overdue by {time}", time=time) if late else say("solution in {time}", time=time)
        return Due(at, words, late)

    def covers(self) -> tuple[Cover, ...]:
        """What holds for this device today, or did once; the longest first."""
        section = self._settings().coverage
        if not section.file.strip():
            return ()
        try:
            return covers_of(Path(section.file.strip()).expanduser(), this_device(section))
        except CoverageFault as fault:
            self._tell(f"coverage: {fault}")
            return ()

    def cover_words(self) -> str:
        """One line on the best of them; empty when there is none."""
        found, today = self.covers(), datetime.now().astimezone().date()
        holding = next((cover for cover in found if cover.holds(today)), None)
        if holding is not None:
            if holding.ends is None:
                return say("Covered by {plan}", plan=holding.plan)
            return say("Covered by {plan} until {date}", plan=holding.plan, date=_day(holding.ends))
        over = next((cover for cover in found if cover.ends is not None and cover.ends < today), None)
        if over is None or over.ends is None:
            return ""
        return say("{plan} ended on {date}", plan=over.plan, date=_day(over.ends))

    def cover_details(self) -> str:
        """What the plan that holds covers and does not, and how to claim; empty when nothing holds."""
        today = datetime.now().astimezone().date()
        holding = next((cover for cover in self.covers() if cover.holds(today)), None)
        if holding is None:
            return ""
        parts = (
            holding.covers and say("Covers: {what}", what=holding.covers),
            holding.excludes and say("Not covered: {what}", what=holding.excludes),
            holding.claim and say("To claim: {what}", what=holding.claim),
            holding.channel,
        )
        return " · ".join(part for part in parts if part)

    def fields(self) -> dict[str, str]:
        """What of this a ticket carries: shown in the form before."""
        words = self.cover_words()
        return {say("Coverage"): words} if words else {}

    def ways(self) -> tuple[Way, ...]:
        """Other ways to reach the desk."""
        return ways(self._settings().contact, datetime.now(UTC))

    def _duration(self, wanted: timedelta) -> str:
        always = not self._settings().sla.hours.strip()
        day = timedelta(days=1) if always else calendar(self._settings().sla).day
        if wanted >= day and wanted % day == timedelta():
            n = wanted // day
            return say_n("{n} day", "{n} days", n) if always else say_n("{n} business day", "{n} business days", n)
        hours, minutes = divmod(round(wanted.total_seconds() / 60), 60)
        if minutes:
            total = 60 * hours + minutes
            return say_n("{n} minute", "{n} minutes", total)
        if always:
            return say_n("{n} hour", "{n} hours", hours)
        return say_n("{n} business hour", "{n} business hours", hours)

    def _tell(self, words: str) -> None:
        if words not in self._told:
            self._told.add(words)
            log.warning("%s", words)


def _day(wanted: date) -> str:
    return day(datetime(wanted.year, wanted.month, wanted.day).astimezone())


def _ours(priority: str) -> str:
    """A desk's own word for a priority, if it is one of ours; else empty."""
    return priority if priority in ("high", "medium", "low") else ""
