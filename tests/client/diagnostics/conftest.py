"""A context of one's own, and programs that answer as real ones did."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from capture import Monitor
from client.diagnostics import Context


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(
        version="1.2.3",
        data_folder=tmp_path,
        log_file=tmp_path / "testigo.log",
        monitors=(
            Monitor("1", "DP-1", 0, 0, 1920, 1080, 1.0, True),
            Monitor("2", "HDMI-1", 1920, 0, 3840, 2160, 2.0),
        ),
        desk_name="folder",
        check_desk=lambda: None,
        own_state={"drafts": 2},
    )


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Puts a shell script of this name in front of the path: ``program("lspci", "echo hello")``."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def make(name: str, script: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return make
