"""The demonstration, as ``make demo`` runs it on a machine without a display, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.stage import ROOT

LONGEST_S = 150
PLAY = """
import sys
from pathlib import Path
from tests.journeys import demo
demo.ROOT = Path(sys.argv[1])
sys.exit(demo.main())
"""


def test_the_whole_journey_ends_with_a_complete_ticket(tmp_path: Path) -> None:
    """Chromium needs its own home and no test's platform; everything else is the demonstration's own affair."""
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "TESTIGO_CONFIG_DIR", "TESTIGO_DATA_DIR")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    played = subprocess.run(
        [sys.executable, "-c", PLAY, str(tmp_path)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LONGEST_S,
    )  # fmt: skip
    if played.returncode:
        pytest.fail(f"{played.stdout}\n{played.stderr}\npictures in {tmp_path / 'build' / 'demo'}", pytrace=False)
    assert "checked: words, files and hashes, link, pixels, film, the hidden number" in played.stdout
