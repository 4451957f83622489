"""Recording against ``ffmpeg x11grab`` with x264 veryfast crf 23, on the same screen in the same run.

``python -m tests.bench.bench_recording [SECONDS]``. CPU is user and system time of the recording process, start-up
included. The screen moves (scrolling text, a gradient with balls) or stands still. Ratios below 1 are ours to enjoy.
"""

from __future__ import annotations

import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from tests.conftest import ROOT, start_x_server, stop

FPS, ROUNDS = 30, 2
WORDS = ("printer", "login", "outlook", "network", "timeout", "vpn", "disk", "error", "server", "0x80070005")


def paint_scene(moving: bool) -> None:
    """A full screen of text on the left and drawing on the right; runs until it is killed."""
    from PySide6.QtCore import QPointF, QRectF, Qt, QTimer
    from PySide6.QtGui import QColor, QFont, QLinearGradient, QPainter, QPaintEvent
    from PySide6.QtWidgets import QApplication, QWidget

    class Scene(QWidget):
        tick = 0

        def paintEvent(self, event: QPaintEvent) -> None:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.scale(self.width() / 1920, self.height() / 1080)
            painter.fillRect(0, 0, 1920, 1080, QColor("#f6f7f9"))
            painter.setFont(QFont("monospace", 11))
            for row in range(54):
                line = row + self.tick * 25 // FPS
                text = " ".join(WORDS[(line * 7 + n * n) % len(WORDS)] for n in range(9))
                painter.drawText(12, 20 * row + 16, f"{line:06d} {text}")
            gradient = QLinearGradient(1000, 0, 1920, 1080)
            gradient.setColorAt(0, QColor("#1c5d99"))
            gradient.setColorAt(1, QColor("#f9b233"))
            painter.fillRect(1000, 0, 920, 540, gradient)
            painter.setPen(Qt.PenStyle.NoPen)
            for n in range(12):
                x = 1460 + 400 * math.sin(self.tick / 20 + n)
                y = 270 + 220 * math.cos(self.tick / 27 + 2 * n)
                painter.setBrush(QColor.fromHsv(n * 30, 200, 240))
                painter.drawEllipse(QPointF(x, y), 30, 30)
            painter.setPen(QColor("#222222"))
            painter.setFont(QFont("sans-serif", 14))
            body = "\n\n".join(" ".join(WORDS[(n + m) % len(WORDS)] for m in range(60)) for n in range(12))
            painter.drawText(QRectF(1010, 560 - self.tick % 400, 880, 2000), Qt.TextFlag.TextWordWrap, body)
            painter.end()

    os.environ["QT_QPA_PLATFORM"] = "xcb"  # the tests' conftest asked for a platform without a screen
    application = QApplication([])
    scene = Scene()
    scene.setWindowFlags(Qt.WindowType.FramelessWindowHint | Qt.WindowType.BypassWindowManagerHint)
    scene.setGeometry(application.primaryScreen().geometry())
    scene.show()

    def advance() -> None:
        Scene.tick += 1
        scene.update()

    timer = QTimer(interval=1000 // FPS)
    timer.timeout.connect(advance)
    if moving:
        timer.start()
    application.exec()


@contextmanager
def scene(display: str, moving: bool) -> Iterator[None]:
    environment = {**os.environ, "DISPLAY": display}
    command = [sys.executable, "-m", "tests.bench.bench_recording", "--scene", str(int(moving))]
    painting = subprocess.Popen(command, cwd=ROOT, env=environment)
    Event().wait(2)
    try:
        yield
    finally:
        painting.kill()
        painting.wait()


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def record_with_ffmpeg(display: str, path: Path, seconds: float) -> tuple[float, int]:
    before = cpu_of_children()
    source = ["-f", "x11grab", "-framerate", str(FPS), "-video_size", "1920x1080", "-i", display]
    encode = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p", "-t", str(seconds)]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *source, *encode, str(path)], check=True)
    return cpu_of_children() - before, path.stat().st_size


def record_with_ours(display: str, path: Path, seconds: float, fps: int = FPS) -> tuple[float, int, int, int]:
    os.environ["DISPLAY"] = display
    from capture import open_desktop
    from capture.video import Recorder

    desktop = open_desktop()
    recorder = Recorder(path, desktop.monitors()[0], fps=fps, max_seconds=seconds)
    desktop.close()
    before = cpu_of_children()
    recorder.start()
    done = recorder.wait()
    assert done is not None
    return cpu_of_children() - before, done.size_bytes, done.frames, done.dropped


def main(seconds: float = 10) -> dict[str, float]:
    """Prints the table and gives the ratios of CPU time, ours to ffmpeg's."""
    display, running = start_x_server("1920x1080")
    ratios: dict[str, float] = {}
    print(f"{'scene':8}{'recorder':24}{'CPU s':>8}{'MB':>8}{'frames':>8}{'dropped':>9}")
    try:
        with tempfile.TemporaryDirectory() as folder:
            for name in ("moving", "still"):
                with scene(display, name == "moving"):
                    theirs, ours, slow = [], [], []
                    for n in range(ROUNDS):
                        theirs.append(record_with_ffmpeg(display, Path(folder) / "f.mp4", seconds))
                        ours.append(record_with_ours(display, Path(folder) / f"{name}{n}.mp4", seconds))
                        slow.append(record_with_ours(display, Path(folder) / f"{name}{n}s.mp4", seconds, 15))
                for label, rows in (("ffmpeg veryfast 30 fps", theirs), ("ours 30 fps", ours), ("ours 15 fps", slow)):
                    cpu = statistics.median(row[0] for row in rows)
                    rest = "".join(f"{value:>8}" for value in rows[-1][2:])
                    print(f"{name:8}{label:24}{cpu:>8.2f}{rows[-1][1] / 1e6:>8.2f}{rest}")
                    ratios[f"{name} {label}"] = cpu / statistics.median(row[0] for row in theirs)
    finally:
        stop(running)
    for label, ratio in ratios.items():
        print(f"{label:34}{ratio:.2f}")
    return ratios


if __name__ == "__main__":
    if sys.argv[1:2] == ["--scene"]:
        paint_scene(sys.argv[2] == "1")
    else:
        main(*map(float, sys.argv[1:2]))
