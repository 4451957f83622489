"""What only a real X server shows: grabs, the clipboard, keys that go to the right window."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import ROOT


@contextmanager
def window(display: str, what: str) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.ui.windows_on_x", what]
    running = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def xdotool(display: str, *words: str) -> None:
    subprocess.run(["xdotool", *words], env={**os.environ, "DISPLAY": display}, check=True, timeout=20)


def line(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.readline().strip()


@pytest.fixture
def display(x_server: str) -> str:
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed")
    return x_server


@pytest.mark.parametrize("what", ["select", "select over menu"])
def test_a_region_is_dragged_with_a_real_pointer(display: str, what: str) -> None:
    with window(display, what) as running:
        assert line(running) == "ready"
        xdotool(display, "mousemove", "200", "150", "mousedown", "1", "mousemove", "400", "300")
        xdotool(display, "mousemove", "499", "349", "mouseup", "1")
        assert json.loads(line(running)) == {"rect": [200, 150, 300, 200], "exact": True}


@pytest.mark.parametrize("what", ["select", "select over menu"])
def test_real_keys_reach_the_overlay_at_once(display: str, what: str) -> None:
    with window(display, what) as running:
        assert line(running) == "ready"
        xdotool(display, "mousemove", "200", "150")
        xdotool(display, "key", "space", "shift+Right", "shift+Down", "Down", "space", "ctrl+Left", "Return")
        assert json.loads(line(running)) == {"rect": [199, 150, 11, 12], "exact": True}


def test_escape_leaves_the_overlay(display: str) -> None:
    with window(display, "select") as running:
        assert line(running) == "ready"
        xdotool(display, "key", "Escape")
        assert json.loads(line(running)) == {"left": True}


@pytest.mark.skipif(shutil.which("xclip") is None, reason="xclip is not installed")
def test_another_program_can_paste_what_was_copied(display: str) -> None:
    with window(display, "edit") as running:
        told = json.loads(line(running))
        assert told["copied"]
        pasted = subprocess.run(
            ["xclip", "-selection", "clipboard", "-o", "-t", "image/png"],
            env={**os.environ, "DISPLAY": display},
            capture_output=True,
            check=True,
            timeout=20,
        ).stdout
        assert hashlib.sha256(pasted).hexdigest() == told["sha256"]
