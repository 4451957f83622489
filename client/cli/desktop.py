"""``tray``, ``capture``, ``screens``, ``annotate``: the verbs of the screen."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from pathlib import Path
from typing import Any

from client import shots
from client.cli import outcome
from client.cli.outcome import IMPOSSIBLE, USAGE, Failure, Result, usage
from client.paths import Paths
from client.ui.instance import ask
from client.words import say

PING_S = 3
"""A running program that does not answer for so long hangs."""


def add_tray(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help=say("say nothing when it already runs"))


def tray(arguments: argparse.Namespace, paths: Paths) -> Result:
    if ask(paths, "tray", "show", {}, wait_s=5) is not None:
        if not arguments.quiet:
            outcome.say_aloud(say("Testigo is already running; it was brought to the front."))
        return {}, outcome.DONE
    _need_screen()
    # Qt's bindings slow down every import after their own (a quarter of the start), so the core goes first.
    import client.session  # noqa: F401
    from client.ui.tray import run

    return {}, run(paths)


def _need_screen() -> None:
    """Qt ends the whole process when there is no screen, so we ask before it does. Raises: NoDisplay."""
    if not (os.environ.get("WAYLAND_DISPLAY") or os.environ.get("QT_QPA_PLATFORM")):
        from capture import open_desktop

        open_desktop().close()


def add_capture(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("mode", nargs="?", default="region", choices=("region", "window", "screen", "all", "last"))
    parser.add_argument("--rect", metavar="X,Y,W,H", help=say("in physical pixels of the screen"))
    parser.add_argument("--screen", default="", metavar="N|NAME", help=say("number from 1, or name; see “screens”"))
    parser.add_argument("--window", default="", metavar="TITLE", help=say("a part of the window's title"))
    parser.add_argument("--delay", type=float, default=0, metavar="S", help=say("wait this many seconds first"))
    parser.add_argument("--cursor", action="store_true", help=say("with the mouse pointer"))
    parser.add_argument("--edit", action="store_true", help=say("open it in the editor"))
    parser.add_argument("--copy", action="store_true", help=say("copy it to the clipboard"))
    parser.add_argument("--no-handover", action="store_true", help=say("do not use the running program"))
    parser.add_argument("-o", "--output", metavar="FILE", help=say("where to save it; - is standard output"))


def capture(arguments: argparse.Namespace, paths: Paths) -> Result:
    if not (arguments.output or arguments.edit or arguments.copy):
        raise usage(say("say where the picture goes: -o FILE, --edit or --copy"))
    if arguments.output not in (None, "-") and arguments.mode != "all":
        _check_targets(Path(arguments.output), many=False)
    if arguments.delay > 0:
        threading.Event().wait(min(arguments.delay, 3600))
    wish = shots.Wish(
        "window" if arguments.window and arguments.mode == "region" else arguments.mode,
        _rect(arguments.rect),
        arguments.screen,
        arguments.window,
        arguments.cursor,
    )
    if arguments.output == "-" and (wish.mode == "all" or sys.stdout.isatty()):
        raise usage(say("standard output takes one picture, and not on a terminal"))
    answer = None if arguments.no_handover else _hand_over(arguments, paths, wish)
    if answer is not None:
        if "error" in answer:
            error = answer["error"]
            raise Failure(error["code"], error["detail"], int(answer["exit"]), error.get("advice", ""))
        return _printed(arguments, answer)
    if arguments.edit or arguments.copy:
        raise Failure("not_running", say("editing and copying need the running program"), IMPOSSIBLE)
    return _printed(arguments, {"files": _here(arguments, paths, wish)})


def _here(arguments: argparse.Namespace, paths: Paths, wish: shots.Wish) -> list[dict[str, Any]]:
    """Takes the picture in this process."""
    from capture import open_desktop

    desktop = open_desktop()
    try:
        if wish.mode == "last" and wish.rect is None:
            wish = last_region(paths, wish)
        if wish.mode == "region" and wish.rect is None:
            from client.ui.once import select_region

            chosen = select_region(paths, desktop)
            if chosen is None:
                raise Failure("cancelled", "", outcome.CANCELLED)
            shot = chosen[0].crop(chosen[1])
            taken: tuple[Any, ...] = (shot.with_cursor() if wish.cursor else shot,)
        else:
            taken = shots.take(desktop, wish)
    except ValueError as error:
        raise usage(str(error)) from error
    finally:
        desktop.close()
    if arguments.output == "-":
        from capture import png

        sys.stdout.buffer.write(png.encode(taken[0]))
        return []
    return shots.write(taken, _check_targets(Path(arguments.output), many=wish.mode == "all", count=len(taken)))


def _hand_over(arguments: argparse.Namespace, paths: Paths, wish: shots.Wish) -> dict[str, Any] | None:
    """Lets the running program take it: it is faster, and only it can show an overlay at once."""
    if arguments.output == "-":
        return None
    try:  # a drag may take any time, so first: does it answer at all?
        if ask(paths, "tray", "ping", {}, wait_s=PING_S) is None:
            return None
    except TimeoutError:
        outcome.say_aloud(say("The running Testigo does not answer; the picture is taken without it."))
        return None
    asked = {
        "wish": wish.to_json(),
        "output": str(Path(arguments.output).absolute()) if arguments.output else "",
        "edit": arguments.edit,
        "copy": arguments.copy,
    }
    return ask(paths, "tray", "capture", asked)


def _printed(arguments: argparse.Namespace, document: dict[str, Any]) -> Result:
    if not arguments.json:
        for file in document["files"]:
            outcome.say_aloud(f"{file['path']}  {file['width']} × {file['height']}")
    return (document if arguments.output != "-" else None), outcome.DONE


def last_region(paths: Paths, wish: shots.Wish) -> shots.Wish:
    """The wish with the region that was captured last. Raises: Failure when there was none."""
    from client.session import Session

    last = Session(paths).recall("last_region")
    if not last:
        raise Failure("not_found", say("no region was captured yet"), USAGE)
    return shots.Wish("last", tuple(last["rect"]), last["screen"], "", wish.cursor)


def _rect(text: str | None) -> tuple[int, int, int, int] | None:
    if not text:
        return None
    try:
        x, y, width, height = (int(part) for part in text.split(","))
    except ValueError as error:
        raise usage(say("--rect takes four whole numbers: X,Y,W,H")) from error
    if width <= 0 or height <= 0 or x < 0 or y < 0:
        raise usage(say("--rect needs a width and height above 0, inside the screen"))
    return x, y, width, height


def _check_targets(output: Path, *, many: bool, count: int = 1) -> tuple[Path, ...]:
    try:
        return shots.targets(count, output, many=many)
    except ValueError as error:
        raise usage(str(error)) from error


def add_screens(parser: argparse.ArgumentParser) -> None:
    pass


def screens(arguments: argparse.Namespace, paths: Paths) -> Result:
    import dataclasses

    from capture import open_desktop

    desktop = open_desktop()
    try:
        found = [
            {"id": m.id, "name": m.name, "x": m.x_px, "y": m.y_px, "width": m.width_px, "height": m.height_px,
             "scale": m.scale, "primary": m.primary}
            for m in desktop.monitors()
        ]  # fmt: skip
        document = {"backend": desktop.name, "abilities": dataclasses.asdict(desktop.abilities), "screens": found}
    finally:
        desktop.close()
    if not arguments.json:
        for number, screen in enumerate(found, 1):
            about = f"{screen['width']} × {screen['height']} · {screen['scale']:g}×"
            print(f"{number}  {screen['name']}  {about}{'  *' if screen['primary'] else ''}")
    return document, outcome.DONE


def add_annotate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", type=Path)
    parser.add_argument("--marks", type=Path, required=True, metavar="MARKS.json")
    parser.add_argument("-o", "--output", required=True, metavar="FILE")


def annotate(arguments: argparse.Namespace, paths: Paths) -> Result:
    import hashlib

    from capture import png
    from client.annotation import Hide, read_marks

    if arguments.output != "-":
        _check_targets(Path(arguments.output), many=False)
    try:
        marks = read_marks(arguments.marks.read_bytes())
    except ValueError as error:
        raise usage(f"{arguments.marks}: {error}") from error
    try:
        shot = png.read(arguments.image)
    except ValueError as error:
        raise usage(f"{arguments.image}: {error}") from error
    from client.ui import paint

    paint.ensure_gui()
    content = png.encode(paint.flatten(shot, marks))
    if arguments.output == "-":
        sys.stdout.buffer.write(content)
        return None, outcome.DONE
    from client.folder import write_bytes

    output = Path(arguments.output)
    write_bytes(output, content)
    hidden = sum(isinstance(mark, Hide) for mark in marks)
    digest = hashlib.sha256(content).hexdigest()
    return {"path": str(output.absolute()), "sha256": digest, "hidden": hidden}, outcome.DONE
