from __future__ import annotations

from collections.abc import Iterator

import pytest

from capture.linux_x11 import X11Desktop
from tests.capture.painting import Painter


@pytest.fixture
def painter(x_server: str) -> Iterator[Painter]:
    painter = Painter(x_server)
    yield painter
    painter.close()


@pytest.fixture
def desktop(x_server: str) -> Iterator[X11Desktop]:
    desktop = X11Desktop(x_server)
    yield desktop
    desktop.close()
