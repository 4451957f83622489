from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from capture.image import Monitor, Region, Screenshot, Window
from client.ui.aim import Aim, Choice
from client.ui.overlay import Overlay
from client.ui.selector import Selector
from tests.ui.pictures import noise

ROOT = Path(__file__).resolve().parents[2]
LEFT, SHIFT, CONTROL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier

# --- exactness: native screens, as X11 and Windows lay them out

SIZES = {1.0: (1000, 700), 1.25: (1250, 875), 1.5: (1503, 903), 1.75: (1366, 768), 2.0: (1600, 900)}


def row(*ratios: float) -> list[list[object]]:
    """Screens side by side, to the right of the first."""
    found, x = [], 0
    for number, ratio in enumerate(ratios):
        width, height = SIZES[ratio]
        found.append([f"S{number}", x, 0, width, height, ratio])
        x += width
    return found


def left_of(first: float, second: float) -> list[list[object]]:
    one, other = row(first)[0], [*row(second)[0]]
    return [one, ["S1", -int(str(other[3])), 100, *other[3:]]]


def above(first: float, second: float) -> list[list[object]]:
    one, other = row(first)[0], [*row(second)[0]]
    return [one, ["S1", 37, -int(str(other[4])), *other[3:]]]


def corner(first: float, second: float, third: float) -> list[list[object]]:
    screens = row(first, second)
    width, height = SIZES[third]
    return [*screens, ["S2", 0, SIZES[first][1], width, height, third]]


LAYOUTS = {
    "right": (row(1.0, 1.25), row(1.5, 2.0), row(1.75, 1.0)),
    "left": (left_of(1.25, 1.0), left_of(1.0, 1.75), left_of(2.0, 1.5)),
    "above": (above(1.0, 2.0), above(1.5, 1.25), above(1.75, 1.75)),
    "L": (corner(1.0, 1.25, 1.5), corner(2.0, 1.75, 1.0), corner(1.5, 1.5, 2.0)),
}


@pytest.mark.parametrize(
    "screens",
    [screens for layouts in LAYOUTS.values() for screens in layouts],
    ids=[f"{name}-{'-'.join(str(s[5]) for s in screens)}" for name, layouts in LAYOUTS.items() for screens in layouts],
)
def test_a_drag_crops_exactly_the_pixels_of_the_frame(screens: list[list[object]], tmp_path: Path) -> None:
    settings = [
        {"name": n, "x": x, "y": y, "width": w, "height": h, "logicalDpi": 96, "logicalBaseDpi": 96, "dpr": 1}
        for n, x, y, w, h, _ in screens
    ]
    (tmp_path / "screens.json").write_text(json.dumps({"screens": settings}))
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": f"offscreen:configfile={tmp_path / 'screens.json'}",
        "QT_SCREEN_SCALE_FACTORS": ";".join(f"{screen[0]}={screen[5]}" for screen in screens),
        "QT_SCALE_FACTOR_ROUNDING_POLICY": "PassThrough",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.ui.drags_on_screens", json.dumps(screens)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(done.stdout)
    assert answer["faults"] == []
    assert (answer["checked"], answer["shown"]) == (4 * len(screens), len(screens))


# --- choosing, in pixels


def shot_at(x: int, y: int, width: int = 300, height: int = 200, name: str = "A") -> Screenshot:
    shot = noise(width, height, name=name)
    return replace(shot, monitor=Monitor(name, name, x, y, width, height))


def window(x: int, y: int, width: int, height: int, title: str = "w") -> Window:
    return Window(hash((x, y, width, height)), title, "p", x, y, width, height)


@given(st.integers(-50, 400), st.integers(-50, 300), st.integers(-50, 400), st.integers(-50, 300))
def test_a_drag_takes_both_its_corner_pixels_and_never_leaves_its_screen(x: int, y: int, to_x: int, to_y: int) -> None:
    aim = Aim((shot_at(0, 0),), ())
    aim.press(x, y, 8)
    aim.move(to_x, to_y)
    choice = aim.release(to_x, to_y, 0, keep=False)
    assert choice is not None
    x, to_x = (min(max(v, 0), 299) for v in (x, to_x))
    y, to_y = (min(max(v, 0), 199) for v in (y, to_y))
    assert choice.region == Region(min(x, to_x), min(y, to_y), abs(x - to_x) + 1, abs(y - to_y) + 1)


def test_a_click_takes_the_topmost_window_under_it_with_its_title() -> None:
    aim = Aim(
        (shot_at(0, 0), shot_at(300, 0, name="B")), (window(320, 20, 100, 50, "top"), window(310, 10, 600, 150, "low"))
    )
    aim.press(330, 30, 8)
    choice = aim.release(331, 30, 4, keep=False)
    assert choice is not None
    assert (choice.shot.monitor.name, choice.shot.window_title, choice.region) == ("B", "top", Region(20, 20, 100, 50))
    aim.press(315, 15, 8)
    choice = aim.release(315, 15, 4, keep=False)
    assert choice is not None
    assert (choice.shot.window_title, choice.region) == ("low", Region(10, 10, 290, 150)), "clipped to the screen"


def test_a_click_on_no_window_takes_the_screen() -> None:
    aim = Aim((shot_at(0, 0), shot_at(300, 0, name="B")), ())
    aim.press(400, 50, 8)
    choice = aim.release(400, 50, 4, keep=False)
    assert choice == Choice(aim.shots[1], Region(0, 0, 300, 200))


def adjusting(keep: bool = True) -> Aim:
    aim = Aim((shot_at(0, 0), shot_at(300, 0, name="B")), ())
    aim.press(50, 50, 8)
    aim.move(149, 99)
    assert aim.release(149, 99, 4, keep=keep) is None
    return aim


def test_with_shift_the_selection_stays_to_be_pulled_at_its_edges_and_moved() -> None:
    aim = adjusting()
    assert aim.selection == Region(50, 50, 100, 50)
    for start, end, expected in (
        ((150, 100), (170, 110), Region(50, 50, 120, 60)),
        ((50, 80), (40, 80), Region(40, 50, 130, 60)),
        ((100, 80), (110, 85), Region(50, 55, 130, 60)),
        ((100, 80), (900, 85), Region(170, 60, 130, 60)),
    ):
        aim.press(*start, 8)
        aim.move(*end)
        assert aim.release(*end, 4, keep=False) is None
        assert aim.selection == expected
    assert aim.confirm().region == expected


def test_a_press_outside_of_the_selection_starts_another() -> None:
    aim = adjusting()
    aim.press(250, 180, 8)
    aim.move(260, 190)
    choice = aim.release(260, 190, 4, keep=False)
    assert choice is not None
    assert choice.region == Region(250, 180, 11, 11)


def test_arrows_move_the_last_corner_and_keys_used_in_a_drag_keep_it_open() -> None:
    aim = adjusting()
    aim.step(1, 10)
    assert aim.selection == Region(50, 50, 101, 60)
    aim.shift(-10, 1)
    assert aim.selection == Region(40, 51, 101, 60)
    aim.step(-500, -500)
    assert aim.selection == Region(40, 51, 1, 1)
    other = Aim((shot_at(0, 0),), ())
    other.press(10, 10, 8)
    other.move(40, 40)
    other.step(1, 0)
    assert other.release(41, 40, 4, keep=False) is None


def test_a_selection_is_made_by_keyboard_alone() -> None:
    aim = Aim((shot_at(0, 0),), ())
    aim.move(100, 100)
    aim.mark()
    aim.step(10, 0)
    aim.step(0, 5)
    assert aim.selection == Region(100, 100, 11, 6)
    aim.mark()
    aim.step(1, 1)
    assert aim.confirm().region == Region(100, 100, 12, 7)


def test_windows_are_chosen_one_after_the_other_by_keyboard() -> None:
    one, other = window(10, 10, 50, 50, "one"), window(350, 20, 60, 70, "other")
    aim = Aim((shot_at(0, 0), shot_at(300, 0, name="B")), (one, other, window(-900, 0, 10, 10)))
    aim.next_window(1)
    aim.next_window(1)
    choice = aim.confirm()
    assert (choice.shot.monitor.name, choice.shot.window_title, choice.region) == ("B", "other", Region(50, 20, 60, 70))
    aim.step(1, 0)
    assert aim.confirm().shot.window_title == "", "no longer just the window"


# --- the overlays


class Asked:
    """A selector on Qt's screens, and what it answered."""

    def __init__(self, windows: tuple[Window, ...] = ()) -> None:
        screen = QApplication.primaryScreen()
        size = screen.geometry()
        self.shot = noise(size.width(), size.height(), name=screen.name())
        self.answers: list[tuple[Screenshot, Region] | None] = []
        self.selector = Selector()
        self.selector.select((self.shot,), windows, self.answers.append)

    @property
    def overlay(self) -> Overlay:
        return next(window for window in QApplication.topLevelWidgets() if isinstance(window, Overlay) and window.aim)

    def settle(self) -> None:
        for _ in range(3):
            QApplication.processEvents()
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def test_the_first_press_counts_before_anything_was_painted(app: QApplication) -> None:
    asked = Asked()
    overlay = asked.overlay
    QTest.mousePress(overlay, LEFT, Qt.KeyboardModifier.NoModifier, QPoint(10, 20))
    QTest.mouseRelease(overlay, LEFT, Qt.KeyboardModifier.NoModifier, QPoint(109, 69))
    assert not asked.selector.is_active
    asked.settle()
    ((shot, region),) = asked.answers
    assert np.array_equal(shot.crop(region).pixels, asked.shot.pixels[20:70, 10:110])


def test_a_pointer_that_follows_the_keys_late_takes_no_step_back() -> None:
    asked = Asked()
    asked.settle()
    overlay = asked.overlay
    at = overlay.aim
    assert at is not None
    at.move(100, 100)
    places = []
    for key in (Qt.Key.Key_Space, Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Right):
        QTest.keyClick(overlay, key)
        places.append(QPointF(round(at.x / overlay.ratio), round(at.y / overlay.ratio)))
    for place in places[1:]:  # a busy desktop tells of them when all keys have been pressed
        on_screen = QPointF(overlay.mapToGlobal(place.toPoint()))
        moved = QMouseEvent(QEvent.Type.MouseMove, place, on_screen, Qt.MouseButton.NoButton, Qt.MouseButton.NoButton,
                            Qt.KeyboardModifier.NoModifier)  # fmt: skip
        QCoreApplication.sendEvent(overlay, moved)
        assert at.selection == Region(100, 100, 3, 2)
    QTest.mouseMove(overlay, QPoint(50, 60))
    assert at.selection != Region(100, 100, 3, 2)
    asked.selector.cancel()


@pytest.mark.parametrize("leave", ["escape", "right click", "close"])
def test_it_can_be_left_without_a_choice(app: QApplication, leave: str) -> None:
    asked = Asked()
    if leave == "escape":
        QTest.keyClick(asked.overlay, Qt.Key.Key_Escape)
    elif leave == "right click":
        QTest.mouseClick(asked.overlay, Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier, QPoint(5, 5))
    else:
        asked.overlay.close()
    asked.settle()
    assert (asked.answers, asked.selector.is_active, asked.selector.uses) == ([None], False, 0)


def test_enter_takes_the_screen_and_keys_a_region(app: QApplication) -> None:
    asked = Asked((window(0, 0, 100, 100),))
    QTest.keyClick(asked.overlay, Qt.Key.Key_Return)
    asked.settle()
    assert asked.answers[0] is not None
    assert asked.answers[0][1] == Region(0, 0, asked.shot.width, asked.shot.height)
    asked = Asked()
    for key, held in (
        (Qt.Key.Key_Space, Qt.KeyboardModifier.NoModifier),
        (Qt.Key.Key_Right, SHIFT),
        (Qt.Key.Key_Down, Qt.KeyboardModifier.NoModifier),
        (Qt.Key.Key_Space, Qt.KeyboardModifier.NoModifier),
        (Qt.Key.Key_Left, CONTROL),
        (Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier),
    ):
        QTest.keyClick(asked.overlay, key, held)
    asked.settle()
    assert asked.answers[0] is not None
    assert (asked.answers[0][1].width, asked.answers[0][1].height) == (11, 2)


def test_the_hint_goes_after_the_third_use_and_uses_are_told(app: QApplication) -> None:
    asked = Asked()
    told: list[int] = []
    asked.selector.used.connect(told.append)
    hints = []
    for turn in range(4):
        if turn:
            asked.selector.select((asked.shot,), (), asked.answers.append)
        hints.append(asked.overlay.with_hint)
        QTest.keyClick(asked.overlay, Qt.Key.Key_Return)
        asked.settle()
    assert (hints, told) == ([True, True, True, False], [1, 2, 3, 4])


def test_the_frame_is_dropped_when_the_overlay_goes(app: QApplication) -> None:
    asked = Asked()
    asked.overlay.grab()
    pixels = weakref.ref(asked.shot.pixels)
    QTest.keyClick(asked.overlay, Qt.Key.Key_Escape)
    asked.settle()
    del asked.shot
    gc.collect()
    assert pixels() is None


def test_nothing_is_dimmed_before_the_drag_and_outside_during_it(app: QApplication) -> None:
    asked = Asked()
    asked.shot.pixels[:] = 200
    overlay = asked.overlay
    before = overlay.grab().toImage().pixelColor(overlay.width() - 3, 3)
    QTest.mousePress(overlay, LEFT, Qt.KeyboardModifier.NoModifier, QPoint(100, 100))
    asked.selector._aim.move(300, 300)
    during = overlay.grab().toImage()
    assert before.name() == "#c8c8c8"
    assert during.pixelColor(overlay.width() - 3, 3).red() == pytest.approx(200 * 0.55, abs=2)
    assert during.pixelColor(150, 150).name() == "#c8c8c8"
    asked.selector.cancel()
