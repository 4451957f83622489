"""Known pictures to record, and what came out of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from capture import Monitor
from capture.canned import CannedDesktop
from capture.video import RecordingState

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128), (255, 200, 0)]


def canned(folder: Path, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> Monitor:
    """A monitor whose frames go through ``pictures``, for this process and the recorder's."""
    import cv2

    folder.mkdir()
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    files = [f"{number}.png" for number in range(len(pictures))]
    (folder / "desktop.json").write_text(json.dumps({"monitors": [{"name": "m", "files": files}]}))
    monkeypatch.setenv("TESTIGO_DESKTOP", f"canned:{folder}")
    return CannedDesktop(folder).monitors()[0]


def noise(count: int = 4, height: int = 480, width: int = 640) -> list[np.ndarray]:
    return [np.random.default_rng(n).integers(0, 256, (height, width, 3), np.uint8) for n in range(count)]


def times_and_pictures(path: Path) -> tuple[list[float], list[np.ndarray]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return [float(frame.time) for frame in frames], [frame.to_ndarray(format="rgb24") for frame in frames]


class States:
    """What a recorder told; lets a test wait for a moment of the recording."""

    def __init__(self) -> None:
        self.all: list[RecordingState] = []
        self._told = threading.Condition()

    def __call__(self, state: RecordingState) -> None:
        with self._told:
            self.all.append(state)
            self._told.notify_all()

    def until(self, fits: Callable[[RecordingState], bool]) -> RecordingState:
        with self._told:
            assert self._told.wait_for(lambda: bool(self.all) and fits(self.all[-1]), 20)
            return self.all[-1]


def child_of(process: int) -> psutil.Process:
    (child,) = [p for p in psutil.Process(process).children() if "capture.video.child" in " ".join(p.cmdline())]
    return child


def wait_for(there: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(400):
        if there():
            return
        waiting.wait(0.05)
    pytest.fail("it did not happen")
