"""Business hours: what is due when, over nights, weekends, holidays and changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.sla import Promises, SlaFault, calendar, promise

BOGOTA = ZoneInfo("America/Bogota")
OFFICE = Promises(
    answer="high=4h; medium=8h; low=3d; incident/high=1h; suggestion=5d", solution="high=2d",
    hours="mon-fri 08:00-12:00 14:00-18:00; sat 09:00-12:00", time_zone="America/Bogota", holidays="2026-12-25",
)  # fmt: skip


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BOGOTA)


@pytest.mark.parametrize(
    ("kind", "priority", "begin", "due"),
    [
        ("claim", "high", "2026-11-27T16:30", "2026-11-28T11:30"),  # Friday: 1.5 h, then 2.5 h of Saturday
        ("incident", "high", "2026-11-28T11:30", "2026-11-30T08:30"),  # the closest entry counts
        ("claim", "medium", "2026-12-24T17:00", "2026-12-28T12:00"),  # Christmas is closed, Saturday has three hours
        ("claim", "low", "2026-11-30T07:00", "2026-12-02T18:00"),  # three days of eight hours
        ("suggestion", "high", "2026-11-30T08:00", "2026-12-04T18:00"),
    ],
)
def test_an_answer_is_due_after_so_many_open_hours(kind: str, priority: str, begin: str, due: str) -> None:
    found = promise(OFFICE, kind, priority, at(begin))
    assert found.answer_at == at(due)


def test_a_solution_may_be_promised_for_some_and_not_for_others() -> None:
    assert promise(OFFICE, "claim", "high", at("2026-11-30T08:00")).solution_at == at("2026-12-01T18:00")
    assert promise(OFFICE, "claim", "low", at("2026-11-30T08:00")).solution is None


def test_nothing_said_is_nothing_promised_and_always_open() -> None:
    assert not Promises().promises
    always = Promises(answer="*=90m")
    begin = datetime(2026, 11, 28, 23, 50, tzinfo=UTC)
    assert promise(always, "claim", "low", begin).answer_at == begin + timedelta(minutes=90)


def test_the_day_on_which_the_clock_is_changed_counts_as_it_is_lived() -> None:
    madrid = Promises(answer="*=24h", hours="mon-sun 00:00-24:00", time_zone="Europe/Madrid")
    begin = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)  # midnight in Madrid; the night has 25 hours
    assert promise(madrid, "claim", "low", begin).answer_at == begin + timedelta(hours=24)


@given(st.integers(1_767_225_600, 1_830_000_000), st.integers(1, 60 * 24 * 7))
@settings(max_examples=200, deadline=None)
def test_what_has_passed_until_it_is_due_is_what_was_promised(began_s: int, minutes: int) -> None:
    open_hours, begun = calendar(OFFICE), datetime.fromtimestamp(began_s, UTC)
    wanted = timedelta(minutes=minutes)
    due = open_hours.due(begun, wanted)
    assert open_hours.passed(begun, due) == wanted
    assert due >= begun + wanted


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"hours": "mon-fry 08:00-12:00"}, "mon-fry"),
        ({"hours": "mon 12:00-08:00"}, "12:00-08:00"),
        ({"time_zone": "Moon/Base"}, "Moon/Base"),
        ({"holidays": "25.12.2026"}, "25.12.2026"),
        ({"answer": "high=soon"}, "soon"),
        ({"answer": "high"}, "high"),
        ({"hours": "mon"}, "never open"),
    ],
)
def test_a_text_that_cannot_be_read_is_named(changes: dict[str, str], named: str) -> None:
    level = Promises(**({"answer": "high=4h"} | changes))
    with pytest.raises(SlaFault, match=named):
        promise(level, "claim", "high", at("2026-11-30T08:00"))


@pytest.mark.parametrize(
    "hours",
    ["mon 14:00-18:00 08:00-12:00", "mon 08:00-12:00; mon 14:00-18:00", "mon 08:00-11:00 10:00-12:00 14:00-18:00"],
)
def test_hours_in_any_order_named_twice_or_over_each_other_count_once(hours: str) -> None:
    level = Promises(answer="*=5h", hours=hours, time_zone="America/Bogota")
    assert promise(level, "claim", "low", at("2026-11-30T08:00")).answer_at == at("2026-11-30T15:00")
