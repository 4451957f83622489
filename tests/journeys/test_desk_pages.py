"""The folder desk's pages in a real browser, opened from disk and driven by keys: search, sort, tickets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.stage import Stage
from tests.uploader.desk_suite import attachment, make_ticket
from uploader.desks.folder import FolderDesk
from uploader.journal import MemoryJournal
from uploader.ticket import quiet

SUBJECTS = ("beta: la impresora", "alpha: el correo", "gamma: la red")
HEADS = 7


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("stage")) as made:
        yield made


@pytest.fixture
def index(tmp_path: Path) -> Path:
    folder = tmp_path / "desk"
    folder.mkdir()
    for number, subject in enumerate(SUBJECTS):
        files = (attachment(tmp_path, "captura.png", b"no picture", "image/png"),)
        ticket = make_ticket(tmp_path, report_id=f"r{number}", subject=subject, attachments=files)
        FolderDesk(path=folder).submit(ticket, MemoryJournal(), quiet)
    return folder / "index.html"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([], "T-000003"),  # newest first
        (["Tab", "Tab", "Return", "shift+Tab", "shift+Tab"], "T-000002"),  # by subject: alpha
        (["Tab", "Return", "shift+Tab"], "T-000001"),  # by number, the oldest first
        (["b", "e", "t"], "T-000001"),  # searched
        (["c", "o", "r", "r", "e", "o"], "T-000002"),
    ],
)
def test_the_first_ticket_is_the_one_looked_for(stage: Stage, index: Path, keys: list[str], expected: str) -> None:
    browser = stage.browse(index.as_uri(), f"desk-{len(keys)}", (1400, 800))
    try:
        stage.window("Tickets")
        stage.still()
        if keys:
            stage.key(*keys)
        stage.key(*["Tab"] * (HEADS + 1), "Return")
        stage.window(expected)
        stage.key("alt+Left")
        stage.window("Tickets")
    finally:
        browser.terminate()
        browser.wait()
