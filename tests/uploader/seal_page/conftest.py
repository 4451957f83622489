"""A browser for all tests of the page that opens sealed files, and a server as plain as a share is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.uploader.browser import Browser, Shelf, serve
from tests.uploader.desk_suite import attachment
from tests.uploader.test_seal import MIB, content_of
from uploader.seal import Sealed, new_key, page


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    yield from serve(Shelf({"open.html": page()}))


@pytest.fixture(scope="package")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture(autouse=True)
def nothing_downloaded_yet(browser: Browser) -> None:
    browser.events.clear()
    for file in browser.downloads.iterdir():
        file.unlink()


@pytest.fixture
def sealed(tmp_path: Path) -> Sealed:
    return Sealed(attachment(tmp_path, "grabación 🐦.mp4", content_of(2 * MIB + 77), "video/mp4"), new_key())
