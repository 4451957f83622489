"""The fixed words of reports and tickets: ours first, the desk's only where it says more, no bare numbers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from client import words
from client.terms import more_words, ticket_priority, ticket_word
from uploader.inbox import OwnTicket, State

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def spanish(english: None) -> Iterator[None]:
    words.speak("es")
    yield
    words.speak("en")


def ticket(state: State, title: str, priority: str = "") -> OwnTicket:
    return OwnTicket("1", "1", "", "x", state, title, priority, NOW, NOW)


@pytest.mark.parametrize(
    ("state", "title"),
    [("open", "new"), ("open", "open"), ("waiting", "stalled"), ("solved", "resolved"), ("solved", "closed"),
     ("open", "New"), ("waiting", "Waiting on Customer"), ("solved", "closed successful"), ("open", "9"),
     ("waiting", "En espera"), ("closed", "Closed")],
)  # fmt: skip
def test_a_desks_name_that_says_no_more_than_ours_is_not_shown(state: State, title: str) -> None:
    assert more_words(ticket(state, title)) == ""
    assert ticket_word(state)


@pytest.mark.parametrize(
    ("state", "title", "shown"),
    [("closed", "rejected", "Rechazado"), ("solved", "not_planned", "No está previsto"),
     ("open", "In Progress", "En curso"), ("open", "Espera repuestos", "Espera repuestos"),
     ("closed", "Duplicate", "Duplicado"), ("open", "hold", "En pausa")],
)  # fmt: skip
def test_a_name_that_says_more_is_shown_in_spanish_where_desks_are_delivered_with_it(
    state: State, title: str, shown: str
) -> None:
    assert more_words(ticket(state, title)) == shown


@pytest.mark.parametrize(
    ("priority", "shown"),
    [("high", "Alta"), ("medium", "Media"), ("low", "Baja"), ("Urgent", "Urgente"), ("normal", "Normal"),
     ("Ya mismo", "Ya mismo"), ("75", ""), ("", "")],
)  # fmt: skip
def test_a_priority_is_a_word_and_never_a_bare_number(priority: str, shown: str) -> None:
    assert ticket_priority(ticket("open", "", priority)) == shown
