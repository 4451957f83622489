"""The open links: what is shown of them, copied, and ended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication

from client import words
from client.session import Session
from client.ui.bridge import Bridge
from client.ui.links_window import LinksWindow
from client.ui.outbox_window import OutboxWindow
from client.ui.rows import ROW, Row
from tests.ui.every_window import running_session, until
from tests.ui.test_outbox_window import answer
from uploader.ticket import Link, Wishes, quiet


@pytest.fixture
def world(app: QApplication) -> Iterator[tuple[Session, Bridge]]:
    with running_session() as both:
        yield both


@pytest.fixture
def shared(world: tuple[Session, Bridge], tmp_path: Path) -> list[Link]:
    """Two links: one for a week, and the newer one for ever."""
    session, links = world[0], []
    for name, days in (("film.mp4", 7), ("registro.txt", 0)):
        (tmp_path / name).write_bytes(name.encode())
        links.append(session.put(tmp_path / name, "", quiet, Wishes(expires_days=days)))
    return links


def opened(world: tuple[Session, Bridge]) -> LinksWindow:
    window = LinksWindow(*world)
    window.show()
    window.activateWindow()
    assert QTest.qWaitForWindowActive(window)
    window.list.setFocus()
    return window


def rows(window: LinksWindow) -> list[Row]:
    return [window.list.item(number).data(ROW) for number in range(window.list.count())]


def buttons(window: LinksWindow) -> list[str]:
    return [b.accessibleName() for b in window.findChildren(QAbstractButton) if b.isVisibleTo(window)]


def there(link: Link) -> bool:
    return Path(unquote(urlsplit(link.url).path)).exists()


def test_each_link_says_its_size_where_it_is_and_when_it_ends(
    world: tuple[Session, Bridge], shared: list[Link]
) -> None:
    window = opened(world)
    until(lambda: len(rows(window)) == 2)
    newest, oldest = rows(window)
    assert (newest.title, newest.state) == ("registro.txt", "Does not expire")
    assert oldest.title == "film.mp4"
    assert oldest.state == f"Until {words.day(datetime.now(UTC) + timedelta(days=7))}"
    assert newest.detail.startswith("12\u00a0B · the folder on this computer · made today")
    assert "2 links" in window.foot.text()


def test_a_link_is_copied_by_button_and_by_key(
    app: QApplication, world: tuple[Session, Bridge], shared: list[Link]
) -> None:
    window = opened(world)
    until(lambda: len(rows(window)) == 2)
    assert buttons(window) == ["Copy link", "Open", "End it now"]
    QTest.keyClick(window.list, Qt.Key.Key_Return)
    assert app.clipboard().text() == shared[1].url
    QTest.keyClick(window.list, Qt.Key.Key_Down)
    QTest.keyClick(window.list, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert app.clipboard().text() == shared[0].url
    assert "film.mp4" in window.foot.text()


def test_ending_a_link_asks_once_and_keeps_on_enter(
    app: QApplication, world: tuple[Session, Bridge], shared: list[Link]
) -> None:
    window = opened(world)
    until(lambda: len(rows(window)) == 2)
    QTest.keyClick(window.list, Qt.Key.Key_Delete)
    until(app.activeModalWidget)
    QTest.keyClick(app.activeModalWidget(), Qt.Key.Key_Return)
    assert there(shared[1])
    QTest.keyClick(window.list, Qt.Key.Key_Delete)
    answer(app, "End it now")
    until(lambda: len(rows(window)) == 1)
    assert not there(shared[1]) and there(shared[0])
    assert "ended" in window.foot.text()
    QTest.keyClick(window.list, Qt.Key.Key_Delete)
    answer(app, "End it now")
    until(lambda: not rows(window))
    assert window.empty.isVisible()
    assert world[0].shared.links() == ()


def test_a_share_that_cannot_be_reached_is_told_and_the_link_stays(
    app: QApplication, world: tuple[Session, Bridge], shared: list[Link]
) -> None:
    desk = world[0].paths.default_desk
    window = opened(world)
    until(lambda: len(rows(window)) == 2)
    desk.rename(desk.with_name("away"))
    QTest.keyClick(window.list, Qt.Key.Key_Delete)
    answer(app, "End it now")
    until(lambda: "folder" in window.foot.text())
    assert len(rows(window)) == 2
    assert buttons(window)[-1] == "End it now"


def test_a_link_that_another_program_has_ended_is_gone_without_a_word(
    app: QApplication, world: tuple[Session, Bridge], shared: list[Link]
) -> None:
    window = opened(world)
    until(lambda: len(rows(window)) == 2)
    world[0].shared.revoke(shared[1].url)
    QTest.keyClick(window.list, Qt.Key.Key_Delete)
    answer(app, "End it now")
    until(lambda: len(rows(window)) == 1)


def test_the_outbox_leads_to_the_open_links(world: tuple[Session, Bridge]) -> None:
    window, heard = OutboxWindow(*world), []
    window.links_wanted.connect(lambda: heard.append(True))
    window.show()
    QTest.mouseClick(window.links, Qt.MouseButton.LeftButton)
    assert heard == [True]


def test_the_last_day_tells_the_hour() -> None:
    now = datetime.now().astimezone().replace(hour=10, minute=0)
    assert words.until(now.replace(hour=18, minute=5), now) == "until 18:05"
    assert words.until(now.replace(hour=9), now) == "Ends soon"
