"""From the key to the overlay on the screen, seen by an independent watcher, beside ``flameshot gui`` with its daemon.

``python -m tests.bench.bench_overlay [ROUNDS]``. The watcher grabs a few pixels beside the pointer over and over in
a process of its own; the time runs from just before the key is pressed (``xdotool``), or ``flameshot gui`` is called,
to the first pixel that differs. Both are warm: ours waits in the tray, flameshot's daemon runs.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from tests.conftest import ROOT, start_x_server, stop

SIZES = ("1920x1080", "3840x2160")
SETTLE_S = 0.7
KEY = "ctrl+shift+F9"
PATCH = {"left": 630, "top": 510, "width": 100, "height": 100}
POINTER = (600, 480)


def paint_desktop() -> None:
    """A window over the whole screen, with text and colours, that stands still."""
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent
    from PySide6.QtWidgets import QApplication, QWidget

    class Page(QWidget):
        def paintEvent(self, _event: QPaintEvent) -> None:
            painter = QPainter(self)
            gradient = QLinearGradient(0, 0, self.width(), self.height())
            for place, name in ((0, "#ffffff"), (0.5, "#dfe8f4"), (1, "#c9b8a0")):
                gradient.setColorAt(place, QColor(name))
            painter.fillRect(self.rect(), gradient)
            painter.setPen(QColor("#222222"))
            for row in range(0, self.height(), 18):
                painter.drawText(20, row, f"{row:05d}  the printer on floor 3 prints blank pages since the update " * 4)
            painter.end()

    os.environ["QT_QPA_PLATFORM"] = "xcb"
    app = QApplication(["desktop"])
    page = Page()
    page.setWindowFlags(Qt.WindowType.FramelessWindowHint | Qt.WindowType.WindowStaysOnBottomHint)
    page.setGeometry(app.primaryScreen().geometry())
    page.show()
    app.exec()


def watch(command: list[str], leave: list[str], rounds: int) -> list[float]:
    """Milliseconds from the command to the first changed pixel; ``leave`` takes the overlay away again."""
    import mss

    found = []
    with mss.MSS() as eye:
        for _ in range(rounds):
            Event().wait(SETTLE_S)
            before = eye.grab(PATCH).bgra
            started = time.perf_counter()
            running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while eye.grab(PATCH).bgra == before:
                if time.perf_counter() - started > 10:
                    running.kill()  # a flameshot that waits unseen would keep all later ones from starting
                    raise TimeoutError(f"nothing changed on the screen after {command}")
            found.append((time.perf_counter() - started) * 1000)
            Event().wait(SETTLE_S)
            subprocess.run(leave, check=True)
            running.wait(10)
    return found


def warm(command: list[str], leave: list[str]) -> None:
    """Twice unseen: a fresh Xvfb loses the very first key, and both programs load on demand."""
    for _ in range(2):
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        Event().wait(1.5)
        subprocess.run(leave, check=True)
        running.wait(10)


@contextmanager
def process(command: list[str], environment: dict[str, str], settle_s: float) -> Iterator[None]:
    running = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    Event().wait(settle_s)
    try:
        yield
    finally:
        running.kill()
        running.wait(10)


def measure(size: str, rounds: int) -> dict[str, list[float]]:
    display, running = start_x_server(size)
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "config").mkdir()
        (Path(home) / "config" / "settings.toml").write_text('[hotkeys]\nregion = "Ctrl+Shift+F9"\n')
        environment = {
            **os.environ,
            "DISPLAY": display,
            "QT_QPA_PLATFORM": "xcb",
            "HOME": home,
            "TESTIGO_CONFIG_DIR": str(Path(home) / "config"),
            "TESTIGO_DATA_DIR": str(Path(home) / "data"),
            "XDG_RUNTIME_DIR": home,
        }
        os.environ.update(environment)  # the tests' conftest asked for a platform without a screen
        press = ["xdotool", "key", "--delay", "0", KEY]
        leave = ["xdotool", "key", "Escape"]
        try:
            desktop = [sys.executable, "-m", "tests.bench.bench_overlay", "--desktop"]
            with process(desktop, environment, 2):
                subprocess.run(["xdotool", "mousemove", *map(str, POINTER)], check=True)
                with process(["trayer"], environment, 1), process([sys.executable, "-m", "client"], environment, 6):
                    warm(press, leave)
                    ours = watch(press, leave, rounds)
                with process(["flameshot"], environment, 3):
                    warm(["flameshot", "gui"], leave)
                    theirs = watch(["flameshot", "gui"], leave, rounds)
        finally:
            stop(running)
    return {"ours": ours, "flameshot": theirs}


def main(rounds: int = 9) -> dict[str, float]:
    """Prints the table and gives the medians in ms."""
    medians: dict[str, float] = {}
    print(f"{'screen':12}{'program':12}{'median ms':>10}{'min':>8}{'max':>8}")
    for size in SIZES:
        for name, times in measure(size, rounds).items():
            medians[f"{size} {name}"] = statistics.median(times)
            print(f"{size:12}{name:12}{statistics.median(times):>10.0f}{min(times):>8.0f}{max(times):>8.0f}")
    return medians


if __name__ == "__main__":
    if sys.argv[1:2] == ["--desktop"]:
        paint_desktop()
    elif "DBUS_SESSION_BUS_ADDRESS" not in os.environ:  # flameshot's command speaks to its daemon by D-Bus
        os.execvp("dbus-run-session", ["dbus-run-session", "--", sys.executable, "-m", __spec__.name, *sys.argv[1:]])
    else:
        main(*(int(word) for word in sys.argv[1:2]))
