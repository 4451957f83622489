"""A desktop made of PNG files, for tests and demonstrations."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from capture.errors import CaptureError, NoDisplay
from capture.image import Abilities, Monitor, Region, Screenshot, Window
from capture.keys import parse


@dataclass(frozen=True, slots=True, eq=False)
class _Canvas:
    """One monitor and its pictures; frames go through them in turn, screenshots show the first."""

    monitor: Monitor
    pictures: tuple[Screenshot, ...]


class CannedDesktop:
    """``FOLDER/*.png``: each is a monitor, side by side in the order of their names, the first one primary.

    ``desktop.json`` may say more: ``{"monitors": [{"name", "files": ["a.png", …], "x", "y", "scale", "primary"}],
    "windows": [{"title", "program", "x", "y", "width", "height"}]}``, windows topmost first. A monitor with several
    files changes its picture at each frame.

    Raises: NoDisplay when there is no picture; CaptureError for one that cannot be read.
    """

    name = "canned"
    abilities = Abilities(window=True, cursor=False, hotkeys=True, silent=True, record=True)

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._lock = threading.Lock()
        self._listening: list[tuple[Mapping[str, str], Callable[[str], None]]] = []
        described = self._describe()
        self._canvases = self._load(described["monitors"])
        self._windows = tuple(Window(number, **fields) for number, fields in enumerate(described.get("windows", []), 1))
        self._counts: dict[str, Iterator[int]] = {canvas.monitor.id: count() for canvas in self._canvases}

    def _describe(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.folder / "desktop.json").read_text("utf-8"))
        except FileNotFoundError:
            found = {}
        if "monitors" not in found:
            found["monitors"] = [
                {"name": file.stem, "files": [file.name]} for file in sorted(self.folder.glob("*.png"))
            ]
        if not found["monitors"]:
            raise NoDisplay(
                "there is no PNG picture in {folder}", "put one picture per monitor there", folder=str(self.folder)
            )
        return found

    def _load(self, described: list[dict[str, Any]]) -> tuple[_Canvas, ...]:
        from capture.png import read

        canvases: list[_Canvas] = []
        right = 0
        for fields in described:
            pictures = [read(self.folder / file) for file in fields["files"]]
            first = pictures[0]
            monitor = Monitor(
                fields["name"],
                fields["name"],
                fields.get("x", right),
                fields.get("y", 0),
                first.width,
                first.height,
                float(fields.get("scale", first.scale)),
                fields.get("primary", not canvases),
            )
            right = max(right, monitor.x_px + monitor.width_px)
            shots = tuple(replace(shot, monitor=monitor, scale=monitor.scale) for shot in pictures)
            canvases.append(_Canvas(monitor, shots))
        return tuple(sorted(canvases, key=lambda canvas: not canvas.monitor.primary))

    def monitors(self) -> tuple[Monitor, ...]:
        return tuple(canvas.monitor for canvas in self._canvases)

    def screenshots(self) -> tuple[Screenshot, ...]:
        now = datetime.now().astimezone()
        return tuple(replace(canvas.pictures[0], taken_at=now) for canvas in self._canvases)

    def frame(self, monitor: Monitor, region: Region | None = None) -> Screenshot:
        canvas = next((canvas for canvas in self._canvases if canvas.monitor == monitor), None)
        if canvas is None:
            raise CaptureError("the monitor is no longer there, or has changed its size")
        with self._lock:
            number = next(self._counts[monitor.id])
        shot = replace(canvas.pictures[number % len(canvas.pictures)], taken_at=datetime.now().astimezone())
        return shot.crop(region) if region else shot

    def changes(self) -> Callable[[], bool] | None:
        return None

    def windows(self) -> tuple[Window, ...]:
        return self._windows

    def active_window(self) -> Window | None:
        return next(iter(self._windows), None)

    def listen(
        self, keys: Mapping[str, str], on_press: Callable[[str], None]
    ) -> tuple[Callable[[], None], Mapping[str, str]]:
        for text in keys.values():
            parse(text)
        held = (dict(keys), on_press)
        self._listening.append(held)

        def stop() -> None:
            if held in self._listening:
                self._listening.remove(held)

        return stop, {}

    def press(self, name: str) -> bool:
        """Presses a key by its name (``Ctrl+Shift+R``): the listeners hear it on a thread of its own.

        Gives whether anybody listens to it. Waits until the listeners have returned.
        """
        pressed = parse(name)
        calls = [
            (on_press, action)
            for keys, on_press in list(self._listening)
            for action, text in keys.items()
            if parse(text) == pressed
        ]
        for on_press, action in calls:
            thread = threading.Thread(target=on_press, args=(action,), name="hotkeys")
            thread.start()
            thread.join()
        return bool(calls)

    def close(self) -> None:
        self._listening.clear()
