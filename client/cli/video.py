"""``record``: a video of the screen, and the words that steer one that runs."""

from __future__ import annotations

import argparse
import hashlib
import signal
import threading
from pathlib import Path
from typing import Any

from capture import CaptureError, Monitor, Recording, Region, open_desktop
from client import shots
from client.cli import outcome
from client.cli.desktop import _rect
from client.cli.outcome import IMPOSSIBLE, Failure, Result, usage
from client.paths import Paths
from client.ui.instance import AlreadyRunning, Answer, Instance, ask
from client.words import say, size

STEER = ("stop", "pause", "resume")


def add_record(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", default="screen", choices=("screen", "region", "window", *STEER))
    parser.add_argument("--rect", metavar="X,Y,W,H", help=say("in physical pixels of the screen"))
    parser.add_argument("--screen", default="", metavar="N|NAME", help=say("number from 1, or name; see “screens”"))
    parser.add_argument("--window", default="", metavar="TITLE", help=say("a part of the window's title"))
    parser.add_argument("--fps", type=int, metavar="N", help=say("pictures per second"))
    parser.add_argument("--seconds", type=float, metavar="S", help=say("stop by itself"))
    parser.add_argument("--max-bytes", type=int, metavar="N", help=say("stop at this size"))
    parser.add_argument("--audio", default="none", choices=("none",), help=say("without sound for now"))
    parser.add_argument("-o", "--output", metavar="FILE.mp4")


def record(arguments: argparse.Namespace, paths: Paths) -> Result:
    if arguments.what in STEER:
        return _steer(arguments.what, paths)
    if not arguments.output:
        raise usage(say("say where the video goes: -o FILE.mp4"))
    output = Path(arguments.output)
    if output.suffix.lower() != ".mp4":
        raise usage(say("“{name}”: videos are saved as .mp4", name=output.name))
    if not output.parent.is_dir():
        raise usage(say("there is no folder {folder}", folder=output.parent))
    for name, value in (("--seconds", arguments.seconds), ("--max-bytes", arguments.max_bytes)):
        if value is not None and value <= 0:
            raise usage(say("{option} must be above 0", option=name))
    if arguments.fps is not None and not 1 <= arguments.fps <= 60:
        raise usage(say("--fps lies between 1 and 60"))
    monitor, region = _target(arguments, paths)
    done = _record(arguments, paths, output, monitor, region)
    document = describe(done)
    if not arguments.json:
        outcome.say_aloud(f"{document['path']}  {done.seconds:.1f} s  {size(done.size_bytes)}")
    return document, outcome.DONE


def _target(arguments: argparse.Namespace, paths: Paths) -> tuple[Monitor, Region | None]:
    """Which monitor, and which part of it."""
    desktop = open_desktop()
    try:
        if not desktop.abilities.record:
            raise CaptureError("this desktop cannot be recorded")
        if arguments.what == "window" or arguments.window:
            window = shots.find_window(desktop, arguments.window)
            monitors = desktop.monitors()
            monitor = max(monitors, key=lambda m: _overlap(m, window))
            at = Region(window.x - monitor.x_px, window.y - monitor.y_px, window.width, window.height)
            return monitor, at.clipped(monitor.width_px, monitor.height_px)
        rect = _rect(arguments.rect)
        if arguments.what == "region" and rect is None:
            from client.ui.once import select_region

            chosen = select_region(paths, desktop)
            if chosen is None:
                raise Failure("cancelled", "", outcome.CANCELLED)
            return chosen[0].monitor, chosen[1]
        monitor = _choose(desktop.monitors(), arguments.screen)
        region = Region(*rect) if rect else None
        if region and not region.clipped(monitor.width_px, monitor.height_px).width:
            raise usage(say("the region lies outside the screen"))
        return monitor, region
    finally:
        desktop.close()


def _record(
    arguments: argparse.Namespace, paths: Paths, output: Path, monitor: Monitor, region: Region | None
) -> Recording:
    """Records until told to stop: by time, size, Ctrl-C, a signal, or ``record stop``."""
    from capture.video import Recorder

    over = threading.Event()
    recorder = Recorder(
        output, monitor, region, fps=arguments.fps or 15, max_seconds=arguments.seconds,
        max_bytes=arguments.max_bytes, on_end=lambda _: over.set(),
    )  # fmt: skip

    def steer(verb: str, given: dict[str, Any], reply: Any) -> None:
        if verb == "pause":
            recorder.pause()
        elif verb == "resume":
            recorder.resume()
        elif verb == "stop":
            told.clear()
            over.set()
            ended.wait(30)
        reply({"path": str(output.absolute())})
        told.set()

    ended, told = threading.Event(), threading.Event()
    told.set()
    try:
        steering = Instance(paths, "recorder", steer)
    except AlreadyRunning as error:
        advice = "testigo record stop"
        raise Failure("not_possible", say("a recording is already running"), IMPOSSIBLE, advice) from error
    before = {number: signal.signal(number, lambda *_: over.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        recorder.start()
        if not arguments.json:
            outcome.say_aloud(say("Recording. Ctrl-C stops and saves."))
        while not over.wait(0.25):  # a signal handler runs only between waits
            pass
        return recorder.stop()
    finally:
        ended.set()
        told.wait(5)  # whoever asked for the end hears of it before this process is gone
        for number, handler in before.items():
            signal.signal(number, handler)
        steering.close()


def _steer(verb: str, paths: Paths) -> Result:
    for place in ("recorder", "tray"):
        answer: Answer | None = ask(paths, place, f"record-{verb}" if place == "tray" else verb, {}, wait_s=60)
        if answer is not None and "error" not in answer:
            if verb == "stop" and "sha256" not in answer:
                from capture.video.probe import probe

                answer = describe(probe(Path(answer["path"])))
            return answer, outcome.DONE
    raise Failure("not_found", say("no recording is running"), outcome.USAGE)


def describe(done: Recording) -> dict[str, Any]:
    digest = hashlib.sha256()
    with done.path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return {
        "path": str(done.path.absolute()),
        "seconds": round(done.seconds, 3),
        "frames": done.frames,
        "dropped": done.dropped,
        "size_bytes": done.size_bytes,
        "codec": done.codec,
        "width": done.width,
        "height": done.height,
        "sha256": digest.hexdigest(),
    }


def _choose(monitors: tuple[Monitor, ...], screen: str) -> Monitor:
    if not screen:
        return monitors[0]
    for number, monitor in enumerate(monitors, 1):
        if screen in (monitor.name, monitor.id, str(number)):
            return monitor
    names = ", ".join(f"{n} ({m.name})" for n, m in enumerate(monitors, 1))
    raise CaptureError("there is no screen “{screen}”; there is {names}", "testigo screens", screen=screen, names=names)


def _overlap(monitor: Monitor, window: Any) -> int:
    at = Region(window.x - monitor.x_px, window.y - monitor.y_px, window.width, window.height)
    part = at.clipped(monitor.width_px, monitor.height_px)
    return part.width * part.height
