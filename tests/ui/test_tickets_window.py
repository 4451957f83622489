"""My tickets, the window, over a desk that holds more than is shown."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication

from client.ui.tickets_window import TicketsWindow
from tests.client.story_desk import StoryDesk, tickets_of
from tests.ui.every_window import running_session, until
from uploader.inbox import MOST_TICKETS


def test_the_window_says_that_there_are_older_ones(app: QApplication) -> None:
    with running_session() as (session, bridge):
        desk = StoryDesk()
        for number in range(MOST_TICKETS + 1):
            desk.write(f"T{number}", number)
        tickets_of(desk, session.paths.data).look("folder")
        window = TicketsWindow(session, bridge)
        window.show()
        until(lambda: window.list.count() == MOST_TICKETS)
        assert "older ones at the help desk only" in window._foot.text()
        window.close()
