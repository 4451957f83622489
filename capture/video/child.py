"""The recorder's own process: ``python -m capture.video.child``. A crash of the codec ends this one and no other.

JSON lines. First in: ``{"do": "record", …}`` or ``{"do": "salvage", "part", "path"}``; then ``{"do": "pause"}``,
``resume``, ``stop``; the end of the input means stop too, so a dead parent leaves a finished file.
Out: ``{"state": …}`` at most four times a second, and last ``{"done": …}`` or ``{"failed": …}``.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from capture.desktop import open_desktop
from capture.errors import CaptureError
from capture.image import Recording
from capture.video.camera import Camera, RecordingCut, order_of, written
from capture.video.encoder import publish

_LINE_BYTES = 65536


def main() -> int:
    faulthandler.enable()
    # What a library prints must not come between our lines.
    out = os.dup(1)
    os.dup2(2, 1)

    def tell(message: dict[str, Any]) -> None:
        with suppress(OSError):  # nobody listens any more: the file is finished all the same
            os.write(out, json.dumps(message).encode() + b"\n")

    try:
        lines = _lines()
        first = next(lines, None)
        if first is None:
            return 2
        tell({"done": written(salvage(first) if first["do"] == "salvage" else record(first, lines, tell))})
    except RecordingCut as cut:
        saved = cut.recording and written(cut.recording)
        tell({"failed": _described(cut) | {"recording": saved}})
        return 1
    except CaptureError as problem:
        tell({"failed": _described(problem)})
        return 1
    except OSError as problem:
        why = problem.strerror or str(problem)
        tell({"failed": _described(CaptureError("the recording could not be written: {why}", why=why))})
        return 1
    return 0


def _described(problem: CaptureError) -> dict[str, Any]:
    return {"text": problem.text, "hint": problem.hint, "values": problem.values, "recording": None}


def record(first: dict[str, Any], lines: Iterator[dict[str, Any]], tell: Callable[[dict[str, Any]], None]) -> Recording:
    import cv2

    cv2.setNumThreads(1)  # one conversion takes less than a millisecond: waking others costs more
    camera = Camera(open_desktop(), order_of(first), lambda state: tell({"state": asdict(state)}))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: camera.stop())
    threading.Thread(target=_obey, args=(camera, lines), name="commands", daemon=True).start()
    return camera.run()


def salvage(first: dict[str, Any]) -> Recording:
    return publish(Path(first["part"]), Path(first["path"]))


def _obey(camera: Camera, lines: Iterator[dict[str, Any]]) -> None:
    for line in lines:
        if line["do"] == "pause":
            camera.pause()
        elif line["do"] == "resume":
            camera.resume()
        else:
            break
    camera.stop()


def _lines() -> Iterator[dict[str, Any]]:
    """The parent's lines, read without ``sys.stdin``, whose lock would hang the end of the process."""
    rest = b""
    while more := os.read(0, _LINE_BYTES):
        *whole, rest = (rest + more).split(b"\n")
        yield from (json.loads(line) for line in whole if line.strip())


if __name__ == "__main__":
    raise SystemExit(main())
