"""Screen to PNG on disk: the resident program against maim, scrot and flameshot, same screen, same run.

``python -m tests.bench.bench_capture``. Wall milliseconds, median and best. The others pay their start each time,
for that is how they are used; "one shot" is ours when it is not resident either. Ratios are medians, ours to theirs.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from tests.bench.bench_recording import scene
from tests.conftest import ROOT, start_x_server, stop

ONE_SHOT = """
import sys
from pathlib import Path
from capture import open_desktop, png
png.write(Path(sys.argv[1]), open_desktop().screenshots()[0])
"""


def timed(work: Callable[[], object], rounds: int, file: Path | None = None) -> list[float]:
    times = []
    for _ in range(rounds):
        if file is not None:  # flameshot would choose another name
            file.unlink(missing_ok=True)
        begin = perf_counter()
        work()
        times.append((perf_counter() - begin) * 1000)
    return times


def run(*command: str) -> Callable[[], object]:
    environment = {key: value for key, value in os.environ.items() if key != "QT_QPA_PLATFORM"}
    quiet = subprocess.DEVNULL
    return lambda: subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=quiet, stderr=quiet)


def measure(size: str, folder: Path) -> dict[str, tuple[list[float], int]]:
    """Milliseconds and file size of every tool on a screen of this size."""
    display, running = start_x_server(size)
    os.environ["DISPLAY"] = display
    from capture import open_desktop, png

    desktop = open_desktop()
    found: dict[str, tuple[list[float], int]] = {}
    file = folder / "a.png"

    def resident() -> None:
        png.write(file, desktop.screenshots()[0])

    try:
        with scene(display, moving=False):
            monitor = desktop.monitors()[0]
            shot = desktop.screenshots()[0]
            found["grab"] = timed(lambda: desktop.frame(monitor), 30), 0
            found["encode"] = timed(lambda: png.encode(shot), 15), len(png.encode(shot))
            tools = {
                "ours, resident": (resident, 20),
                "ours, one shot": (run(sys.executable, "-c", ONE_SHOT, str(file)), 5),
                "maim": (run("maim", "-u", str(file)), 5),
                "scrot": (run("scrot", "-o", str(file)), 5),
                "flameshot full": (run("flameshot", "full", "-p", str(file)), 5),
            }
            for name, (work, rounds) in tools.items():
                if name.startswith("ours") or shutil.which(name.split()[0]):
                    times = timed(work, rounds, file)
                    found[name] = times, file.stat().st_size
    finally:
        desktop.close()
        stop(running)
    return found


def main() -> dict[str, float]:
    ratios: dict[str, float] = {}
    print(f"{'screen':12}{'what':18}{'median ms':>11}{'best ms':>9}{'kB':>8}")
    for size in ("1920x1080", "3840x2160"):
        with tempfile.TemporaryDirectory() as folder:
            found = measure(size, Path(folder))
        ours = statistics.median(found["ours, resident"][0])
        for name, (times, size_bytes) in found.items():
            median = statistics.median(times)
            print(f"{size:12}{name:18}{median:>11.1f}{min(times):>9.1f}{size_bytes / 1000:>8.0f}")
            if name in ("maim", "scrot", "flameshot full"):
                ratios[f"{size} to {name}"] = ours / median
        ratios[f"{size} resident ms"] = ours
    for name, ratio in ratios.items():
        print(f"{name:32}{ratio:.3f}")
    return ratios


if __name__ == "__main__":
    main()
