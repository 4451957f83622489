"""A stage for each file of journeys, and a user for each test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.stage import Stage
from tests.journeys.user import User


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A real X server of its own with window manager and tray host."""
    missing = [name for name in ("Xvfb", "openbox", "trayer", "xdotool", "maim") if shutil.which(name) is None]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"{', '.join(missing)}: make setup installs it on Debian")
    with Stage(tmp_path_factory.mktemp("stage")) as opened:
        yield opened


@pytest.fixture
def user(stage: Stage, home: Path) -> Iterator[User]:
    found = User(stage, own_environment())
    yield found
    found.leave()


def own_environment() -> dict[str, str]:
    """What the test's environment says of the user, without the display."""
    names = ("HOME", "LANG", "XDG_RUNTIME_DIR", "PYTHON_KEYRING_BACKEND", "TESTIGO_CONFIG_DIR", "TESTIGO_DATA_DIR")
    return {name: os.environ[name] for name in names}
