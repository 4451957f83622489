"""Run as a process of its own on simulated screens: drags on overlays, and compares the crops byte for byte.

Arguments: a JSON list of native screens, ``[name, x, y, width, height, ratio]``. Prints a JSON object.
"""

from __future__ import annotations

import json
import math
import random
import sys
from datetime import UTC, datetime

import numpy as np
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QMouseEvent
from PySide6.QtWidgets import QApplication

from capture.image import Monitor, Region, Screenshot
from client.ui import look
from client.ui.overlay import Overlay
from client.ui.qimage import from_qimage
from client.ui.selector import Selector

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton


def frames(screens: list[list]) -> tuple[Screenshot, ...]:
    found = []
    for seed, (name, x, y, width, height, ratio) in enumerate(screens):
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 4), np.uint8)
        monitor = Monitor(name, name, x, y, width, height, ratio, seed == 0)
        found.append(Screenshot(pixels, ratio, monitor, datetime.now(UTC)))
    return tuple(found)


def send(overlay: Overlay, kind: QEvent.Type, point: QPointF, button: Qt.MouseButton, held: Qt.MouseButton) -> None:
    event = QMouseEvent(kind, point, overlay.mapToGlobal(point), button, held, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(overlay, event)


def drag(overlay: Overlay, start: QPointF, end: QPointF) -> None:
    send(overlay, QEvent.Type.MouseButtonPress, start, LEFT, LEFT)
    send(overlay, QEvent.Type.MouseMove, end, NONE, LEFT)
    send(overlay, QEvent.Type.MouseButtonRelease, end, LEFT, NONE)


def main() -> None:
    screens = json.loads(sys.argv[1])
    app = QApplication(["drags"])
    look.apply(app, "light")
    shots = frames(screens)
    chosen: list[tuple[Screenshot, Region]] = []
    dice = random.Random(7)
    faults: list[str] = []
    checked = shown = 0
    for shot in shots:
        ratio = next(s.devicePixelRatio() for s in QGuiApplication.screens() if s.name() == shot.monitor.name)
        if ratio != shot.scale:
            faults.append(f"Qt says {ratio} for {shot.monitor.name}, not {shot.scale}")
        for turn in range(4):
            selector = Selector(uses=9)
            selector.select(shots, (), chosen.append)
            overlay = next(o for o in selector._overlays if o.of_screen.name() == shot.monitor.name)
            corner = turn == 0
            points = [
                QPointF(0, 0)
                if corner
                else QPointF(dice.uniform(0, overlay.width() / 2), dice.uniform(0, overlay.height() / 2)),
                QPointF(overlay.width() + 5, overlay.height() + 5)
                if corner
                else QPointF(
                    dice.uniform(overlay.width() / 2, overlay.width() - 1),
                    dice.uniform(overlay.height() / 2, overlay.height() - 1),
                ),
            ]
            if corner:
                shown += looks_like(overlay, shot, faults)
            drag(overlay, *points)
            app.processEvents()
            app.processEvents()
            (left, top), (right, bottom) = (
                (
                    min(math.floor(p.x() * ratio + 1e-6), shot.width - 1),
                    min(math.floor(p.y() * ratio + 1e-6), shot.height - 1),
                )
                for p in points
            )
            got, region = chosen[-1]
            expected = shot.pixels[top : bottom + 1, left : right + 1]
            if got.monitor != shot.monitor or not np.array_equal(got.crop(region).pixels, expected):
                faults.append(f"{shot.monitor.name} {ratio}: {region} for {(left, top, right, bottom)}")
            checked += 1
    print(json.dumps({"faults": faults, "checked": checked, "shown": shown}))


def looks_like(overlay: Overlay, shot: Screenshot, faults: list[str]) -> int:
    """What is on the screen is the frame, pixel for pixel, away from the magnifier."""
    overlay.aim.mode, seen = "adjust", None  # without the magnifier
    seen = from_qimage(overlay.grab().toImage())
    overlay.aim.mode = "hover"
    height, width = min(seen.shape[0], shot.height), min(seen.shape[1], shot.width)
    if shot.height - height > 1 or shot.width - width > 1:
        faults.append(f"{shot.monitor.name}: shown {width} x {height} of {shot.width} x {shot.height}")
    if not np.array_equal(seen[:height, :width, :3], shot.pixels[:height, :width, :3]):
        faults.append(f"{shot.monitor.name}: the frame is not shown as it is")
    return 1


main()
