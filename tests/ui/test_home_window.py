from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QCloseEvent, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from client.ui.home_window import HomeWindow


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def window(app: QApplication, heard: list[str]) -> HomeWindow:
    actions = []
    for name, words, keys in (("report", "Report", "Ctrl+Shift+R"), ("settings", "Settings", ""), ("quit", "Quit", "")):
        action = QAction(words)
        action.setObjectName(name)
        action.setShortcut(QKeySequence(keys))
        action.triggered.connect(lambda _=False, name=name: heard.append(name))
        actions.append(action)
    window = HomeWindow(tuple(actions))
    window.show()
    window.activateWindow()
    assert QTest.qWaitForWindowActive(window)
    return window


def test_entries_are_the_menus_actions_with_their_keys(window: HomeWindow, heard: list[str]) -> None:
    assert [entry.accessibleName() for entry in window.entries.values()] == ["Report, Ctrl+Shift+R", "Settings"]
    for entry in window.entries.values():
        QTest.mouseClick(entry, Qt.MouseButton.LeftButton)
    window.entries["report"].setFocus()
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Down)
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    assert heard == ["report", "settings", "settings"]


def test_a_capture_is_asked_for_and_not_begun_while_the_window_would_be_in_it(app: QApplication) -> None:
    begun: list[str] = []
    asked: list[QAction] = []
    region, quit_ = QAction("Region"), QAction("Quit")
    region.setObjectName("region")
    quit_.setObjectName("quit")
    region.triggered.connect(lambda: begun.append("region"))
    window = HomeWindow((region, quit_))
    window.capture_wanted.connect(asked.append)
    window.entries["region"].click()
    assert (asked, begun) == ([region], [])


def test_an_entry_follows_its_action(app: QApplication, heard: list[str]) -> None:
    quit_, record = QAction("Quit"), QAction("Record")
    quit_.setObjectName("quit")
    record.setObjectName("record")
    window = HomeWindow((record, quit_))
    record.setText("Stop recording")
    assert window.entries["record"].text() == "Stop recording"


def close_as_the_user(window: HomeWindow) -> bool:
    """What the window manager's button does; whether the window let it happen."""
    event = type("Wish", (QCloseEvent,), {"spontaneous": lambda _: True})()
    window.closeEvent(event)
    return event.isAccepted()


def test_closing_asks_whether_to_go_on_or_to_quit(window: HomeWindow, heard: list[str]) -> None:
    assert not close_as_the_user(window)
    assert QApplication.focusWidget() is window.stay
    QTest.mouseClick(window.leave, Qt.MouseButton.LeftButton)
    assert heard == ["quit"]
    QTest.keyClick(window.stay, Qt.Key.Key_Return)
    assert not window.isVisible()
    assert heard == ["quit"]


def test_escape_asks_and_a_second_one_keeps_everything_as_it_is(window: HomeWindow) -> None:
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert window.stay.isVisible()
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert not window.stay.isVisible()
    assert window.isVisible()


def test_the_window_does_not_keep_the_program_from_ending(window: HomeWindow) -> None:
    assert window.close()
