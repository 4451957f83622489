from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QApplication

from client import words
from client.ui.placing import FRAME, bring_up, grow, place
from tests.ui.every_window import WINDOWS, running_session

FRAMED = [name for name in WINDOWS if name not in ("notice", "recording-bar", "overlay", "home")]
"""The windows with a frame whose size is not fixed by what they hold."""


@pytest.mark.parametrize("larger", [1, 2])
@pytest.mark.parametrize("name", FRAMED)
def test_no_window_is_larger_than_a_small_screen(app: QApplication, name: str, larger: int) -> None:
    font = QFont(app.font())
    font.setPixelSize(13 * larger)
    app.setFont(font)
    words.speak("es")
    room = QRect(100, 50, 800, 500)
    with running_session() as (session, bridge):
        window = WINDOWS[name](session, bridge)
        window.hide()
        place(window, room)
        assert room.contains(QRect(window.pos(), window.size().grownBy(FRAME)))
        assert window.minimumWidth() <= room.width()
        window.close()


def test_a_window_opened_over_another_at_the_edge_stays_on_the_screen(app: QApplication) -> None:
    room = QRect(0, 0, 1600, 1000)
    with running_session() as (session, bridge):
        window = WINDOWS["consent"](session, bridge)
        place(window, room, QPoint(1590, 990))
        assert room.contains(QRect(window.pos(), window.size().grownBy(FRAME)))
        window.close()


def test_a_window_that_grows_is_lifted_from_the_lower_edge(app: QApplication) -> None:
    room = app.primaryScreen().availableGeometry()
    with running_session() as (session, bridge):
        window = WINDOWS["history"](session, bridge)
        bring_up(window)
        window.move(window.x(), room.bottom() - window.height())
        grow(window, 10_000)
        assert window.height() > 480
        assert room.contains(window.frameGeometry())
        window.close()
