"""The service level: when an answer and a solution are due, counted in business hours of the help desk.

Pure values. Hours such as ``mon-fri 08:00-12:00 14:00-18:00; sat 09:00-12:00``; promises such as
``high=4h; medium=8h; low=3d; incident/high=1h``: m is minutes, h hours, d days of the desk, all while it is open.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from uploader.setting import setting

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST_DAYS = 3660
"""A promise that is not kept within ten years is a mistake in the settings."""

Span = tuple[time, time]


@dataclass(frozen=True, slots=True)
class Promises:
    """The section ``[sla]`` of settings or policy. All empty: nothing is promised."""

    answer: str = setting(
        "First answer within",
        help="Priority, kind or kind/priority, then = and open minutes (m), hours (h) or days (d); * is all others. "
        "Example: incident/high=1h; high=4h; low=3d",
        default="",
    )  # fmt: skip
    solution: str = setting(
        "Solved within",
        help="Priority, kind or kind/priority, then = and open minutes (m), hours (h) or days (d); * is all others. "
        "Example: high=1d; medium=3d; *=5d",
        default="",
    )
    hours: str = setting(
        "Hours of the help desk", help="mon-fri 08:00-12:00 14:00-18:00; sat 09:00-12:00. Empty: always.", default=""
    )
    time_zone: str = setting("Time zone of the help desk", help="America/Bogota. Empty: as here.", default="")
    holidays: str = setting(
        "Holidays", help="Days without service, with commas between: 2026-12-25, 2027-01-01", default=""
    )

    @property
    def promises(self) -> bool:
        return bool(self.answer.strip() or self.solution.strip())


class SlaFault(Exception):
    """A text of the section cannot be read. ``str()`` names the piece, in English."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """When the desk is open. ``week``: seven tuples of spans in the desk's own time, Monday first."""

    week: tuple[tuple[Span, ...], ...]
    zone: tzinfo | None
    holidays: frozenset[date]

    def due(self, begin: datetime, wanted: timedelta) -> datetime:
        """The moment at which so much open time has passed since ``begin``, in UTC. Raises: SlaFault."""
        left = wanted
        for opens, closes in self._open_from(begin):
            if closes - opens >= left:
                return opens + left
            left -= closes - opens
        raise SlaFault("the help desk is never open")

    def passed(self, begin: datetime, end: datetime) -> timedelta:
        """How much open time lies between the two."""
        found = timedelta()
        for opens, closes in self._open_from(begin):
            if opens >= end:
                break
            found += min(closes, end) - opens
        return found

    def is_open(self, at: datetime) -> bool:
        return next(self._open_from(at), (None, None))[0] == at.astimezone(UTC)

    def next_change(self, at: datetime) -> datetime | None:
        """When it closes if it is open, else when it opens, in its own time; None: never, or not within a week."""
        spans = self._open_from(at)
        change, closes = next(spans, (None, None))
        if change is None or closes is None:
            return None
        if change == at.astimezone(UTC):
            change = closes
            while (span := next(spans, None)) is not None and span[0] == change:  # over midnight
                change = span[1]
                if change - at > timedelta(days=7):
                    return None
        return change.astimezone(self.zone)

    @property
    def day(self) -> timedelta:
        """How long an ordinary day of the desk is: what "d" means."""
        lengths = [sum((_length(span) for span in spans), timedelta()) for spans in self.week if spans]
        return max(lengths, default=timedelta(days=1))

    def _open_from(self, begin: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The spans in which it is open, from ``begin`` on, in UTC; a span never crosses midnight."""
        first = begin.astimezone(self.zone).date()
        for number in range(LONGEST_DAYS):
            day = first + timedelta(days=number)
            if day in self.holidays:
                continue
            for opens_at, closes_at in self.week[day.weekday()]:
                opens, closes = self._moment(day, opens_at), self._moment(day, closes_at)
                opens = max(opens, begin.astimezone(UTC))
                if opens < closes:
                    yield opens, closes

    def _moment(self, day: date, at: time) -> datetime:
        """24:00 is written as 23:59:59.999999, and is the next midnight."""
        if at == time.max:
            day, at = day + timedelta(days=1), time.min
        plain = datetime.combine(day, at)
        return (plain.replace(tzinfo=self.zone) if self.zone else plain.astimezone()).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Promise:
    """What is promised for one report: open time until the first answer and the solution; None: nothing."""

    answer: timedelta | None
    solution: timedelta | None
    answer_at: datetime | None
    solution_at: datetime | None


def calendar(level: Promises) -> Calendar:
    """Raises: SlaFault."""
    holidays = set()
    for word in re.split(r"[,;\s]+", level.holidays.strip()):
        if word:
            try:
                holidays.add(date.fromisoformat(word))
            except ValueError as error:
                raise SlaFault(f"“{word}” is no date such as 2026-12-25") from error
    zone: tzinfo | None = None
    if name := level.time_zone.strip():
        try:
            zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise SlaFault(f"there is no time zone “{name}”") from error
    return Calendar(_week(level.hours), zone, frozenset(holidays))


def promise(level: Promises, kind: str, priority: str, begin: datetime) -> Promise:
    """What the desk promises for such a report that arrives at ``begin``. Raises: SlaFault."""
    opened = calendar(level)
    answer = _wanted(level.answer, kind, priority, opened.day)
    solution = _wanted(level.solution, kind, priority, opened.day)
    return Promise(
        answer, solution, None if answer is None else opened.due(begin, answer),
        None if solution is None else opened.due(begin, solution),
    )  # fmt: skip


def check(name: str, text: str, known: Collection[str]) -> None:
    """Reads one field of the section. ``known``: what may be promised for. Raises: SlaFault."""
    level = Promises(**{name: text})
    opened = calendar(level)
    for key in (*_entries(level.answer, opened.day), *_entries(level.solution, opened.day)):
        if key not in known:
            raise SlaFault(f"“{key}” is neither a kind nor a priority")


def _wanted(text: str, kind: str, priority: str, day: timedelta) -> timedelta | None:
    """The closest entry counts: kind/priority, then kind, then priority, then *."""
    found = _entries(text, day)
    return next((found[key] for key in (f"{kind}/{priority}", kind, priority, "*") if key in found), None)


def _entries(text: str, day: timedelta) -> dict[str, timedelta]:
    found = {}
    for pair in filter(None, (each.strip() for each in text.split(";"))):
        key, equals, value = pair.partition("=")
        if not equals:
            raise SlaFault(f"“{pair}” is no promise such as high=4h")
        found[key.strip().lower()] = _duration(value.strip(), day)
    return found


def _duration(text: str, day: timedelta) -> timedelta:
    parts = re.fullmatch(r"(?:(\d+)\s*d)?\s*(?:(\d+)\s*h)?\s*(?:(\d+)\s*m(?:in)?)?", text.lower())
    if not text or parts is None:
        raise SlaFault(f"“{text}” is no duration such as 30m, 4h or 2d")
    days, hours, minutes = (int(part or 0) for part in parts.groups())
    return days * day + timedelta(hours=hours, minutes=minutes)


def _week(text: str) -> tuple[tuple[Span, ...], ...]:
    if not text.strip():
        return (((time.min, time.max),),) * 7
    week: list[tuple[Span, ...]] = [()] * 7
    for entry in filter(None, (each.strip().lower() for each in text.split(";"))):
        days, _, spans = entry.partition(" ")
        for day in _days(days):
            week[day] = _joined([*week[day], *map(_span, spans.split())])
    return tuple(week)


def _joined(spans: list[Span]) -> tuple[Span, ...]:
    """In their order, and none counted twice."""
    found = list[Span]()
    for opens, closes in sorted(spans):
        if found and opens <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], closes))
        else:
            found.append((opens, closes))
    return tuple(found)


def _days(text: str) -> list[int]:
    found = list[int]()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise SlaFault(f"“{part}” is no day such as mon or mon-fri")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found += [(begin + n) % 7 for n in range((end - begin) % 7 + 1)]
    return found


def _span(text: str) -> Span:
    parts = re.fullmatch(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})", text)
    try:
        if parts is None:
            raise ValueError
        a, b, c, d = (int(part) for part in parts.groups())
        opens, closes = time(a, b), time.max if (c, d) == (24, 0) else time(c, d)
        if opens >= closes:
            raise ValueError
    except ValueError as error:
        raise SlaFault(f"“{text}” is no span of hours such as 08:00-12:00") from error
    return opens, closes


def _length(span: Span) -> timedelta:
    def since_midnight(at: time) -> timedelta:
        if at == time.max:
            return timedelta(days=1)
        return timedelta(hours=at.hour, minutes=at.minute)

    return since_midnight(span[1]) - since_midnight(span[0])
