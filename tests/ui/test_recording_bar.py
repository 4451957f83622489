from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel

from capture.image import Monitor, Region
from client import words
from client.ui import look
from client.ui.recording_bar import RecordingBar, RegionBorder, bar_place

ROOM = QRect(0, 0, 1920, 1080)
SIZE = QSize(300, 36)


def monitor() -> Monitor:
    screen = QApplication.primaryScreen()
    place = screen.geometry()
    return Monitor("a", screen.name(), place.x(), place.y(), place.width(), place.height())


@pytest.fixture
def bar(app: QApplication) -> RecordingBar:
    bar = RecordingBar(monitor(), Region(100, 100, 300, 200), limit_bytes=25_000_000)
    bar.show()
    return bar


def shown(bar: RecordingBar) -> list[str]:
    return [label.text() for label in bar.findChildren(QLabel)]


def button(bar: RecordingBar, name: str) -> QAbstractButton:
    return next(each for each in bar.findChildren(QAbstractButton) if each.accessibleName() == name)


def test_time_and_size_are_shown_in_the_language_of_the_moment(bar: RecordingBar) -> None:
    bar.show_state(42.9, 6_100_000, False)
    assert shown(bar) == ["00:42", "6.1 of 25 MB"]
    words.speak("es")
    look.retranslate()
    assert shown(bar) == ["00:42", "6,1 de 25 MB"]
    bar.show_state(3_725, 24_000_000, True)
    assert shown(bar) == ["1:02:05", "En pausa"]


def test_the_buttons_ask_and_the_state_decides_what_they_ask(bar: RecordingBar) -> None:
    heard: list[str] = []
    bar.stop_wanted.connect(lambda: heard.append("stop"))
    bar.pause_wanted.connect(lambda: heard.append("pause"))
    bar.resume_wanted.connect(lambda: heard.append("resume"))
    QTest.mouseClick(button(bar, "Pause"), Qt.MouseButton.LeftButton)
    bar.show_state(1, 1, True)
    QTest.mouseClick(button(bar, "Resume"), Qt.MouseButton.LeftButton)
    QTest.mouseClick(button(bar, "Stop"), Qt.MouseButton.LeftButton)
    QTest.keyClick(bar, Qt.Key.Key_Space)
    QTest.keyClick(bar, Qt.Key.Key_Escape)
    assert heard == ["pause", "resume", "stop", "resume", "stop"]


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        (QRect(300, 200, 800, 500), QPoint(549, 711)),
        (QRect(300, 600, 800, 480), QPoint(549, 552)),
        (QRect(200, 0, 900, 1080), QPoint(1111, 521)),
        (QRect(700, 0, 1220, 1080), QPoint(388, 521)),
        (QRect(0, 0, 100, 100), QPoint(12, 111)),
    ],
    ids=["below", "above", "right", "left", "at the edge"],
)
def test_the_bar_stays_out_of_what_is_recorded(recorded: QRect, expected: QPoint) -> None:
    place = bar_place(SIZE, recorded, ROOM)
    assert place == expected
    assert not QRect(place, SIZE).intersects(recorded)


def test_with_the_whole_screen_recorded_the_bar_is_at_its_foot() -> None:
    assert QRect(bar_place(SIZE, ROOM, ROOM), SIZE).bottom() < ROOM.bottom()


def test_the_border_lies_outside_of_the_recorded_pixels_and_lets_clicks_through(app: QApplication) -> None:
    border = RegionBorder(monitor(), Region(100, 120, 300, 200))
    inside = QRect(100, 120, 300, 200)
    assert border.geometry() == inside.adjusted(-2, -2, 2, 2)
    assert not border.mask().intersects(inside.translated(-border.pos()))
    assert border.windowFlags() & Qt.WindowType.WindowTransparentForInput


def test_long_recordings_do_not_push_the_buttons_out(bar: RecordingBar) -> None:
    bar.show_state(36_000, 24_900_000, False)
    stop = button(bar, "Stop")
    assert bar.rect().contains(stop.geometry())
    assert stop.width() >= 24
