"""Which warranty or plan is for this device, and until when."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.coverage import CoverageFault, Device, covers_of

DEVICE = Device("ThinkPad X1 Carbon", "PF2ABC", "AK-0042", "lap-17")
TOML = """
[[cover]]
plan = "Garantía"
product = "thinkpad*"
serial = "PF2*"
until = 2027-06-30
covers = "Pantalla y batería"

[[cover]]
plan = "Plan Plus"
asset = "AK-00??"
from = 2026-01-01
until = 2029-01-01

[[cover]]
plan = "Otro"
serial = "XX*"

[[cover]]
plan = "Para nadie"
"""


def write(folder: Path, text: str, name: str = "covers.toml") -> Path:
    (folder / name).write_text(text, "utf-8")
    return folder / name


def test_every_pattern_that_is_given_must_fit_and_the_longest_comes_first(tmp_path: Path) -> None:
    found = covers_of(write(tmp_path, TOML), DEVICE)
    assert [cover.plan for cover in found] == ["Plan Plus", "Garantía"]
    assert found[1].covers == "Pantalla y batería"
    assert found[1].holds(date(2027, 6, 30))
    assert not found[1].holds(date(2027, 7, 1))
    assert not found[0].holds(date(2025, 12, 31))


def test_a_device_that_tells_nothing_is_covered_by_nothing(tmp_path: Path) -> None:
    assert covers_of(write(tmp_path, TOML), Device()) == ()


def test_a_table_of_a_spreadsheet_says_the_same(tmp_path: Path) -> None:
    text = "\ufeffplan,product,serial,until,covers\nGarantía,thinkpad*,PF2*,2027-06-30,Pantalla\n"
    (found,) = covers_of(write(tmp_path, text, "covers.csv"), DEVICE)
    assert found.ends == date(2027, 6, 30)
    with pytest.raises(CoverageFault, match="column without a name"):
        covers_of(write(tmp_path, "plan,serial\nGarantía,PF2*,2027-06-30\n", "more.csv"), DEVICE)


def test_a_bracket_is_a_sign_as_any_other(tmp_path: Path) -> None:
    text = "[[cover]]\nplan = 'x'\nproduct = 'x [1]*'\n"
    assert covers_of(write(tmp_path, text), Device("X [1] Carbon"))
    assert not covers_of(write(tmp_path, text), Device("x 1"))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[[cover]]\nserial='x'", "entry 1: “plan” is missing"),
        ("[[cover]]\nplan='x'\nuntil='soon'", "soon"),
        ("[[cover]]\nplan='x'\nuntil=3", "until"),
        ("[[cover]]\nplan='x'\ncolour='red'", "colour"),
        ("cover = 3", "tables"),
        ("[[cover", "covers.toml"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(CoverageFault, match=named):
        covers_of(write(tmp_path, text), DEVICE)


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_no_file_breaks_it(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.toml", "a.csv"):
            place = Path(folder) / name
            place.write_bytes(content)
            try:
                covers_of(place, DEVICE)
            except CoverageFault:
                pass
