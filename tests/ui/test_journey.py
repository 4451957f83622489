from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QWidget

from capture import png
from capture.canned import CannedDesktop
from capture.image import Screenshot
from client.session import Session
from client.ui.bridge import Bridge
from client.ui.editor import Editor
from client.ui.journey import Journey
from tests.ui.every_window import running_session, until
from tests.ui.pictures import noise


class Witness(CannedDesktop):
    """Notes which of these windows would be in a picture at the moment it is taken."""

    def __init__(self, folder: Path, windows: list[QWidget], seen: list[bool]) -> None:
        super().__init__(folder)
        self._windows_to_watch, self._seen = windows, seen

    def screenshots(self) -> tuple[Screenshot, ...]:
        self._seen += [window.isVisible() for window in self._windows_to_watch]
        return super().screenshots()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    png.write(tmp_path / "screen.png", noise(320, 200))
    return tmp_path


def home_of(app: QApplication) -> QWidget:
    home = QWidget()
    home.show()
    return home


def open_editors(app: QApplication) -> list[Editor]:
    return [window for window in app.topLevelWidgets() if isinstance(window, Editor) and window.isVisible()]


def journey_of(session: Session, bridge: Bridge, desktop: Witness) -> Journey:
    return Journey(session, bridge, desktop, lambda *_: None)


def test_a_window_that_asks_for_a_picture_is_not_in_it_and_comes_back(app: QApplication, folder: Path) -> None:
    home, seen = home_of(app), list[bool]()
    with running_session() as (session, bridge):
        journey = journey_of(session, bridge, Witness(folder, [home], seen))
        journey.step_aside(home, lambda: journey.start_capture("screen"))
        until(lambda: open_editors(app))
        assert seen
        assert not any(seen)
        assert home.isVisible()
        journey.close()


def test_a_picture_that_cannot_be_taken_brings_the_window_back(app: QApplication, folder: Path) -> None:
    home = home_of(app)
    with running_session() as (session, bridge):
        journey = Journey(session, bridge, None, lambda *_: None)
        journey.step_aside(home, lambda: journey.start_capture("region"))
        assert not home.isVisible()
        until(home.isVisible)
