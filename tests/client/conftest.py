from __future__ import annotations

from collections.abc import Iterator

import pytest

from client import words
from client.paths import open_paths
from client.session import Session


@pytest.fixture
def session() -> Iterator[Session]:
    """A session on the test's own home; workers are not started."""
    made = Session(open_paths())
    yield made
    made.close()


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Also after a test that ran the command with ``--lang``, which tells its language to the whole process."""
    monkeypatch.setenv("TESTIGO_GENERAL_LANGUAGE", "")
    monkeypatch.delenv("TESTIGO_GENERAL_LANGUAGE")
    words.speak("en")
    yield
    words.speak("en")
