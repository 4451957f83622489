from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from client.ui.history_window import HistoryWindow
from client.ui.rows import ROW
from tests.ui.every_window import running_session, until


@pytest.fixture
def window(app: QApplication) -> Iterator[HistoryWindow]:
    with running_session() as (session, bridge):
        for summary in ("Printer on floor 3", "Blue screen"):
            session.send_now(session.submit(session.new_draft(summary=summary)))
        window = HistoryWindow(session, bridge)
        window.show()
        window.activateWindow()
        assert QTest.qWaitForWindowActive(window)
        until(lambda: window.list.count() == 2)
        yield window


def titles(window: HistoryWindow) -> list[str]:
    return [window.list.item(number).data(ROW).title for number in range(window.list.count())]


def test_the_search_finds_by_the_beginning_of_words(window: HistoryWindow) -> None:
    QTest.keyClicks(QApplication.focusWidget(), "flo")
    until(lambda: titles(window) == ["Printer on floor 3"])
    window.search.setText("")
    until(lambda: len(titles(window)) == 2)


def test_enter_opens_the_ticket_of_the_chosen_report(window: HistoryWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    addresses: list[QUrl] = []
    heard: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", addresses.append)
    window.opened.connect(heard.append)
    QTest.keyClicks(QApplication.focusWidget(), "blue")
    until(lambda: titles(window) == ["Blue screen"])
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    assert len(addresses) == 1
    QTest.keyClick(window.search, Qt.Key.Key_Down)
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    assert [url.toString() for url in addresses] == heard
    assert len(heard) == 2


def test_nothing_found_says_what_to_try(window: HistoryWindow) -> None:
    QTest.keyClicks(window.search, "zebra")
    until(window.empty.isVisible)
    assert window.empty.title.text() == "Nothing found"
    QTest.keyClick(window.search, Qt.Key.Key_Return)


def test_escape_closes(window: HistoryWindow) -> None:
    QTest.keyClick(window.search, Qt.Key.Key_Escape)
    assert not window.isVisible()
