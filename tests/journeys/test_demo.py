"""The demonstration, as ``make demo`` runs it on a machine without a display."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.journeys.stage import ROOT

LONGEST_S = 150


def test_the_whole_journey_ends_with_a_complete_ticket() -> None:
    """Chromium needs its own home and no test's platform; everything else is the demonstration's own affair."""
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "TESTIGO_CONFIG_DIR", "TESTIGO_DATA_DIR")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    played = subprocess.run(
        [sys.executable, "-m", "tests.journeys.demo"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LONGEST_S,
    )  # fmt: skip
    if played.returncode:
        pytest.fail(f"{played.stdout}\n{played.stderr}", pytrace=False)
    assert "checked: words, files and hashes, link, pixels, film, the hidden number" in played.stdout
