"""The parts of the macOS room that need no Mac, on values as its functions tell them."""

from __future__ import annotations

import plistlib
from typing import Any

import pytest

from capture.keys import parse
from capture.macos import RawDisplay, monitors_of, windows_of
from capture.macos_keys import key_code

RETINA = RawDisplay(1, 0, 0, 1512, 982, 3024, 1964, True)
OUTER = RawDisplay(5, 1512, -200, 1920, 1080, 1920, 1080, False)


def told(**changes: Any) -> dict[str, Any]:
    fields = {
        "kCGWindowNumber": 412,
        "kCGWindowName": "Informe ñandú",
        "kCGWindowOwnerName": "Pages",
        "kCGWindowLayer": 0,
        "kCGWindowAlpha": 1.0,
        "kCGWindowIsOnscreen": True,
        "kCGWindowBounds": {"X": 100.0, "Y": 50.0, "Width": 600.0, "Height": 400.0},
    }
    return plistlib.loads(plistlib.dumps(fields | changes, fmt=plistlib.FMT_BINARY))


def test_a_retina_display_is_told_in_its_true_pixels() -> None:
    retina, outer = monitors_of([OUTER, RETINA])
    assert (retina.width_px, retina.height_px, retina.scale, retina.primary) == (3024, 1964, 2.0, True)
    assert (outer.x_px, outer.y_px, outer.width_px, outer.scale) == (1512, -200, 1920, 1.0)


def test_mirrored_displays_are_one() -> None:
    assert len(monitors_of([RETINA, RawDisplay(9, 0, 0, 1512, 982, 3024, 1964, False)])) == 1


def test_windows_are_told_in_pixels_of_the_display_they_lie_on() -> None:
    monitors = monitors_of([RETINA, OUTER])
    other = told(kCGWindowNumber=7, kCGWindowBounds={"X": 1600.0, "Y": 0.0, "Width": 300.0, "Height": 200.0})
    here, there = windows_of([told(), other], monitors)
    assert (here.title, here.program, here.id) == ("Informe ñandú", "Pages", 412)
    assert (here.x, here.y, here.width, here.height) == (200, 100, 1200, 800)
    assert (there.x, there.y, there.width, there.height) == (1600, 0, 300, 200)


@pytest.mark.parametrize(
    "changes",
    [
        {"kCGWindowLayer": 25},
        {"kCGWindowAlpha": 0.0},
        {"kCGWindowIsOnscreen": False},
        {"kCGWindowBounds": {"X": 0.0, "Y": 0.0, "Width": 1.0, "Height": 1.0}},
    ],
    ids=str,
)
def test_menus_and_invisible_windows_are_left_out(changes: dict[str, Any]) -> None:
    assert windows_of([told(**changes)], monitors_of([RETINA])) == ()


def test_without_the_permission_windows_have_no_title_and_are_told_all_the_same() -> None:
    nameless = told()
    del nameless["kCGWindowName"]
    assert [window.title for window in windows_of([nameless], monitors_of([RETINA]))] == [""]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ctrl+Shift+R", (0x300, 15)),
        ("Cmd+Shift+5", (0x300, 23)),
        ("Meta+Alt+A", (0x1800, 0)),
        ("Print", (0, 105)),
        ("F1", (0, 122)),
        ("Ctrl+M", (0x100, 46)),
        ("Ctrl+B", (0x100, 11)),
        ("0", (0, 29)),
        ("Alt+/", (0x800, 44)),
    ],
)
def test_keys_become_the_key_codes_of_a_mac(text: str, expected: tuple[int, int]) -> None:
    assert key_code(parse(text)) == expected


def test_a_key_that_no_mac_has_is_none() -> None:
    assert key_code(parse("Ñ")) is None
    assert key_code(parse("F24")) is None
