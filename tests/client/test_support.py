"""What the organisation promises and offers, in words, and what of it a ticket carries."""

from __future__ import annotations

import json
import re
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from client import words
from client.cli import run
from client.contact import Contact, hours_words, ways
from client.paths import open_paths
from client.session import Session
from client.support import NOT_DUE
from client.tickets import Mine
from uploader.errors import InvalidField
from uploader.handover import whatsapp_url
from uploader.inbox import OwnTicket

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


def session_with(text: str) -> Session:
    paths = open_paths(None, None)
    paths.settings_file.write_text(text, "utf-8")
    return Session(paths)


@pytest.mark.parametrize(
    ("answer", "hours", "priority", "said"),
    [
        ("high=4h", "mon-fri 08:00-16:00", "high", "Answer within 4 business hours"),
        ("high=8h", "mon-fri 08:00-16:00", "high", "Answer within 1 business day"),
        ("*=90m", "", "low", "Answer within 90 minutes"),
        ("low=2d", "", "low", "Answer within 2 days"),
        ("high=4h", "", "low", ""),
        ("high=soon", "", "high", ""),
        ("", "", "high", ""),
    ],
)
def test_the_promise_is_said_as_people_say_it(answer: str, hours: str, priority: str, said: str) -> None:
    session = session_with(f'[sla]\nanswer = "{answer}"\nhours = "{hours}"\n')
    assert session.support.promise_words("incident", priority) == said


def test_the_promise_is_said_in_spanish_too() -> None:
    session = session_with('[sla]\nanswer = "high=4h"\nhours = "mon-fri 08:00-16:00"\n')
    words.speak("es")
    try:
        assert session.support.promise_words("incident", "high") == "Respuesta en 4 horas hábiles"
    finally:
        words.speak("en")


def ticket(**changes: object) -> OwnTicket:
    values = {"id": "7", "key": "7", "url": "", "subject": "x", "state": "open", "state_title": "", "priority": "high",
              "created_at": NOW - timedelta(hours=5), "updated_at": NOW}  # fmt: skip
    return OwnTicket(**(values | changes))  # type: ignore[arg-type]


def test_what_the_desk_says_of_its_due_date_wins_and_what_is_over_is_late() -> None:
    support = session_with('[sla]\nanswer = "*=4h"\nsolution = "*=8h"\n').support
    late = support.due(Mine("d", ticket()))  # 4 h were promised 5 h ago
    assert late.late
    assert re.fullmatch(r"answer overdue by 1\sh(\s\d+\smin)?", late.words)
    answered = support.due(Mine("d", ticket(), first_answer_at=NOW))  # the solution is due in 3 h
    assert not answered.late
    assert re.fullmatch(r"solution in 2\sh\s\d+\smin", answered.words), "never more than is left"
    soon = NOW + timedelta(hours=1)
    assert support.due(Mine("d", ticket(due_at=soon))).words.startswith("solution in")
    assert support.due(Mine("d", ticket(due_at=soon + HOUR, first_answer_due_at=soon))).words.startswith("answer in")
    assert support.due(Mine("d", ticket(state="solved", due_at=NOW - HOUR))) == NOT_DUE
    alone, answer = session_with("").support, ticket(first_answer_due_at=NOW - HOUR)
    assert alone.due(Mine("d", answer)).late
    assert alone.due(Mine("d", answer, first_answer_at=NOW)) == NOT_DUE, "the answer is there"


def test_what_was_written_here_is_promised_for_its_kind_and_of_others_only_what_is_known() -> None:
    """Found: a petition stood as late because every ticket was taken for an incident."""
    support = session_with('[sla]\nanswer = "incident=1h; petition=8h; high=2h; *=9d"\n').support
    petition = Mine("d", ticket(priority=""), kind="petition", priority="low")
    assert support.due(petition).at == ticket().created_at + 8 * HOUR
    assert support.due(Mine("d", ticket(priority="high"))).at == ticket().created_at + 2 * HOUR
    assert support.due(Mine("d", ticket(priority="Standard"))) == NOT_DUE


def test_a_plan_that_holds_is_told_and_travels_in_the_ticket(tmp_path: Path) -> None:
    manifest = tmp_path / "covers.toml"
    manifest.write_text(f'[[cover]]\nplan = "Plus"\nhost = "{socket.gethostname()}"\nuntil = 2099-01-01\n', "utf-8")
    session = session_with(f'[coverage]\nfile = "{manifest}"\n')
    assert session.support.cover_words() == "Covered by Plus until 1 Jan 2099"
    draft = session.new_draft(summary="x")
    session.send_now(session.submit(draft))
    (stored,) = session.paths.default_desk.glob("T-*/ticket.json")
    assert json.loads(stored.read_text("utf-8"))["fields"]["Coverage"] == "Covered by Plus until 1 Jan 2099"


def test_a_plan_that_has_not_begun_is_not_said_to_have_ended(tmp_path: Path) -> None:
    manifest = tmp_path / "covers.csv"
    manifest.write_text("plan;host;from;until\nPlus;*;2098-01-01;2099-01-01\n", "utf-8")
    assert session_with(f'[coverage]\nfile = "{manifest}"\n').support.cover_words() == ""
    manifest = tmp_path / "now.csv"
    manifest.write_text("plan;host;from;until\nPlus;*;2020-01-01;2099-01-01\n", "utf-8")
    covered = session_with(f'[coverage]\nfile = "{manifest}"\n').support.cover_words()
    assert covered == "Covered by Plus until 1 Jan 2099"


def test_a_line_that_never_closes_does_not_close_at_midnight() -> None:
    always = Contact(phone="01 8000 123 ext. 45", phone_hours="mon-sun 00:00-24:00", time_zone="America/Bogota")
    (way,) = ways(always, NOW)
    assert (way.open, way.changes_at) == (True, None)
    assert way.url == "tel:018000123"
    assert "00:00" not in hours_words(way, NOW)
    night = Contact(phone="1", phone_hours="mon 22:00-24:00; tue 00:00-06:00", time_zone="America/Bogota")
    (way,) = ways(night, datetime(2026, 12, 1, 4, 0, tzinfo=UTC))  # Monday, 23:00 in Bogotá
    assert way.changes_at is not None and way.changes_at.hour == 6


@pytest.mark.parametrize(
    ("key", "wrong", "right"),
    [
        ("sla.answer", "alta=4h", "high=4h; claim/low=2d; *=5d"),
        ("sla.hours", "lun-vie 08:00-12:00", "mon-fri 08:00-12:00"),
        ("sla.time_zone", "Bogota", "America/Bogota"),
        ("sla.holidays", "25/12/2026", "2026-12-25"),
        ("contact.phone_hours", "zzz 08:00", "sat 09:00-12:00"),
    ],
)
def test_hours_and_promises_that_cannot_be_read_are_refused_and_told(
    key: str, wrong: str, right: str, capsys: pytest.CaptureFixture[str]
) -> None:
    session = session_with("")
    assert run(["settings", "set", key, wrong]) == 3
    assert wrong in capsys.readouterr().err
    assert run(["settings", "set", key, right]) == 0
    session.support.check_all()
    session.change({key: wrong})  # as an older program, or an editor, left it
    run(["doctor", "--json"])
    checks = {check["id"]: check for check in json.loads(capsys.readouterr().out.splitlines()[-1])["checks"]}
    assert checks["settings"]["status"] == "fail"
    assert wrong in checks["settings"]["detail"]


def test_a_manifest_that_is_broken_keeps_nobody_from_reporting(tmp_path: Path) -> None:
    (tmp_path / "covers.toml").write_text("[[cover", "utf-8")
    session = session_with(f'[coverage]\nfile = "{tmp_path}/covers.toml"\n')
    assert session.support.cover_words() == ""
    assert session.send_now(session.submit(session.new_draft(summary="x"))).state == "sent"


def test_the_card_offers_what_it_has_and_says_when_the_telephone_is_closed() -> None:
    card = Contact(phone="+57 601 234 5678", phone_hours="mon 08:00-09:00", time_zone="America/Bogota",
                   whatsapp="+57 300 123 4567", chat="javascript:alert(1)", mail="help@example.org")  # fmt: skip
    found_at = datetime(2026, 11, 30, 13, 30, tzinfo=UTC)  # Monday, 8:30 in Bogotá
    found = ways(card, found_at)
    assert [(way.kind, way.open) for way in found] == [("phone", True), ("whatsapp", None), ("mail", None)]
    assert found[0].url == "tel:+576012345678"
    tuesday, sunday = (datetime(2026, month, on, 13, 30, tzinfo=UTC) for month, on in ((12, 1), (11, 29)))
    assert ways(card, tuesday)[0].open is False
    told = [hours_words(ways(card, at)[0], at) for at in (found_at, tuesday, sunday)]
    assert told == [
        "open until 09:00 · America/Bogota", "closed now, opens 7 Dec 08:00 · America/Bogota",
        "closed now, opens tomorrow 08:00 · America/Bogota",
    ]  # fmt: skip
    assert ways(Contact(), NOW) == ()


def test_whatsapp_gets_digits_and_every_sign_of_the_words() -> None:
    assert whatsapp_url("+57 (300) 123-4567", "T-1 #2 & más\n¿sí?") == (
        "https://wa.me/573001234567?text=T-1%20%232%20%26%20m%C3%A1s%0A%C2%BFs%C3%AD%3F"
    )
    with pytest.raises(InvalidField):
        whatsapp_url("300", "x")
