"""All measurements, one after the other: one table against the goals, kept in ``build/bench.json``.

``make bench`` or ``python -m tests.bench [NAME]…`` (capture, overlay, recording, …). Each runs in a
process of its own. Whatever is compared with and is not installed is named, and the rest is measured all the same.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime

from tests.conftest import ROOT

BENCHES = ("capture", "overlay", "program", "recording", "diagnostics", "seal", "upload", "line", "desks", "outage")
NEEDED = {"Xvfb": "xvfb", "xdotool": "xdotool", "trayer": "trayer", "xwininfo": "x11-utils"}
COMPARED = {"flameshot": "flameshot", "maim": "maim", "scrot": "scrot", "ffmpeg": "ffmpeg"}
GOALS: tuple[tuple[str, str, float], ...] = (
    ("overlay", "1920x1080 ours", 20),
    ("overlay", "3840x2160 ours", 60),
    ("capture", "1920x1080 resident ms", 15),
    ("capture", "3840x2160 resident ms", 50),
    ("program", "hand-over ms", 120),
    ("program", "start to icon ms", 250),
    ("program", "idle RSS MB", 70),
    ("program", "idle wake-ups in 10 s", 0),
    ("program", "outbox start ms", 1000),
    ("program", "search, slowest of 6 ms", 50),
    ("recording", "moving ours 30 fps", 0.65),
    ("recording", "still ours 30 fps", 0.15),
    ("diagnostics", "quick s", 3),
    ("diagnostics", "standard s", 15),
    ("diagnostics", "redaction CPU-s per MB", 0.6),
    ("upload", "S3 200 MB ours to curl", 1.0),
    ("upload", "S3 2 GB ours to curl", 1.0),
    ("upload", "tus 200 MB ours to curl", 1.2),
    ("upload", "memory above idle at 5 GB, MB", 30),
    ("upload", "CPU-s per GB", 1.2),
    ("upload", "CPU-s per GB, sealed", 1.6),
    ("upload", "sent again beyond the parts in flight, MB", 0),
    ("upload", "restart to first byte, s", 2),
    ("upload", "cancel, s", 1),
    ("desks", "Request Tracker ours to curl", 1.3),
    ("desks", "Redmine ours to curl", 1.3),
    ("outage", "worst peak to mean", 2),
)
"""Bench, what, at most. Source: the goals of the project; recording as a ratio to ffmpeg x11grab veryfast."""
RATIOS: tuple[tuple[str, str, str, str], ...] = (
    ("overlay", "hot key to overlay, 1080p", "1920x1080 ours", "1920x1080 flameshot"),
    ("overlay", "hot key to overlay, 4K", "3840x2160 ours", "3840x2160 flameshot"),
    ("program", "start to icon", "start to icon ms", "flameshot start to icon ms"),
    ("program", "idle RSS", "idle RSS MB", "flameshot idle RSS MB"),
    ("program", "idle PSS", "idle PSS MB", "flameshot idle PSS MB"),
)
RUN = "import json, sys; from tests.bench import bench_{0} as b; json.dump(b.main(), open(sys.argv[1], 'w'))"


def main(wanted: list[str]) -> int:
    for words, programs in (("needed", NEEDED), ("compared with", COMPARED)):
        missing = [package for program, package in programs.items() if shutil.which(program) is None]
        if missing:
            print(f"{words}, but not installed: {', '.join(missing)}  (apt-get install {' '.join(missing)})")
        if missing and programs is NEEDED:
            return 1
    found: dict[str, dict[str, float]] = {}
    for name in wanted or BENCHES:
        print(f"\n== {name}", flush=True)
        found[name] = run(name)
    told = {
        "at": datetime.now(UTC).isoformat(),
        "machine": f"{os.cpu_count()} × {platform.machine()}",
        "python": platform.python_version(),
        "measured": found,
        "goals": compare(found),
    }
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "bench.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0


def run(name: str) -> dict[str, float]:
    """What the bench gives; nothing when it fails, which is told and does not stop the others."""
    file = ROOT / "build" / f"bench-{name}.json"
    file.parent.mkdir(exist_ok=True)
    file.unlink(missing_ok=True)
    command = [sys.executable, "-c", RUN.format(name), str(file)]
    if name == "overlay" and shutil.which("dbus-run-session"):  # flameshot's command speaks to its daemon by D-Bus
        command = ["dbus-run-session", "--", *command]
    ended = subprocess.run(command, cwd=ROOT)
    if ended.returncode or not file.exists():
        print(f"{name} could not be measured")
        return {}
    measured: dict[str, float] = json.loads(file.read_text("utf-8"))
    file.unlink()
    return measured


def compare(found: dict[str, dict[str, float]]) -> list[dict[str, object]]:
    """Prints the table of goals and ratios, and gives its rows."""
    rows: list[dict[str, object]] = []
    print(f"\n{'':14}{'what':34}{'measured':>10}{'goal':>8}{'ratio':>8}")
    for bench, what, goal in GOALS:
        if what in found.get(bench, {}):
            value = found[bench][what]
            ratio = value / goal if goal else value
            mark = "" if value <= goal else "  over"
            print(f"{bench:14}{what:34}{value:>10.2f}{goal:>8g}{ratio:>8.2f}{mark}")
            rows.append({"bench": bench, "what": what, "measured": value, "goal": goal, "reached": value <= goal})
    pairs = [(b, what, found[b].get(ours), found[b].get(theirs)) for b, what, ours, theirs in RATIOS if b in found]
    for name, value in found.get("capture", {}).items():
        if " to " in name:
            pairs.append(("capture", name, value, 1.0))
    for bench, what, ours, theirs in pairs:
        if ours is not None and theirs:
            print(f"{bench:14}{what + ', ours to theirs':42}{'':10}{ours / theirs:>8.2f}")
            rows.append({"bench": bench, "what": what, "ratio": ours / theirs})
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
