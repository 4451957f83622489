"""Takes frames at their times, leaves out those that look the same, and has the others encoded.

Two threads: one looks at the screen and never waits for the encoder; one encodes. Time stands still in a pause.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from capture.desktop import Desktop
from capture.errors import CaptureError
from capture.image import Cursor, Monitor, Recording, Region, draw_cursor
from capture.video.encoder import Encoder, publish

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

HEARTBEAT_S = 0.9
STATE_EVERY_S = 0.5
SMALLEST_PX = 64
_FREE_AT_START_BYTES, _FREE_AT_LEAST_BYTES = 32_000_000, 12_000_000
_WAITING_FRAMES = 4
_INDEX_BYTES = 20_000


@dataclass(frozen=True, slots=True)
class RecordingState:
    """How it stands: ``seconds`` without pauses, ``dropped`` frames that came too late to be encoded."""

    seconds: float
    frames: int
    dropped: int
    size_bytes: int
    paused: bool


@dataclass(frozen=True, slots=True)
class Order:
    """What to record. ``part`` is written, ``path`` is what it becomes."""

    path: Path
    part: Path
    monitor: Monitor
    region: Region | None = None
    fps: int = 15
    max_seconds: float | None = None
    max_bytes: int | None = None
    cursor: bool = True


class RecordingCut(CaptureError):
    """The recording ended before it should. ``recording`` is what was saved, None when it lies in the part."""

    def __init__(self, text: str, hint: str, recording: Recording | None, **values: str) -> None:
        super().__init__(text, hint, **values)
        self.recording = recording


def fitted(region: Region | None, monitor: Monitor) -> Region:
    """The region as it can be encoded: inside the monitor, sides even and at least 64 pixels.

    Raises: CaptureError when the monitor is smaller than that.
    """
    if min(monitor.width_px, monitor.height_px) < SMALLEST_PX:
        raise CaptureError("this monitor is too small to be recorded")
    region = region or Region(0, 0, monitor.width_px, monitor.height_px)
    part = region.clipped(monitor.width_px, monitor.height_px)
    spans = []
    for start, length, whole in ((part.x, part.width, monitor.width_px), (part.y, part.height, monitor.height_px)):
        room = whole - whole % 2
        even = min(max(length + length % 2, SMALLEST_PX), room)
        spans.append((min(start, whole - even), even))
    (x, width), (y, height) = spans
    return Region(x, y, width, height)


class _Clock:
    """Seconds of the recording; stands still in a pause. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._start = time.monotonic()
        self._paused_at: float | None = None

    def now(self) -> float:
        with self._lock:
            return (time.monotonic() if self._paused_at is None else self._paused_at) - self._start

    def pause(self) -> None:
        with self._lock:
            self._paused_at = time.monotonic() if self._paused_at is None else self._paused_at

    def resume(self) -> None:
        with self._lock:
            if self._paused_at is not None:
                self._start += time.monotonic() - self._paused_at
                self._paused_at = None

    @property
    def paused(self) -> bool:
        return self._paused_at is not None


class Camera:
    """One recording. ``run`` does the work on the calling thread; the other calls may come from any."""

    def __init__(self, desktop: Desktop, order: Order, on_state: Callable[[RecordingState], None]) -> None:
        self._desktop, self._order, self._on_state = desktop, order, on_state
        self._region = fitted(order.region, order.monitor)
        self._signal = threading.Condition()
        self._clock = _Clock()
        self._stopping = False
        self._waiting: deque[tuple[Picture, int, bool]] = deque()
        self._spare: list[Picture] = []
        self._problem: BaseException | None = None
        self._disk_full = False
        self._dropped = 0
        self._last: tuple[Picture, Cursor | None] | None = None
        self._encoded_at = -HEARTBEAT_S
        self._largest_bytes = 0

    def pause(self) -> None:
        self._clock.pause()
        self._wake()

    def resume(self) -> None:
        self._clock.resume()
        self._wake()

    def stop(self) -> None:
        self._stopping = True
        self._wake()

    def _wake(self) -> None:
        with self._signal:
            self._signal.notify_all()

    def run(self) -> Recording:
        """Records until stopped or a limit is reached. Raises: RecordingCut, CaptureError, OSError."""
        order = self._order
        if shutil.disk_usage(order.part.parent).free < _FREE_AT_START_BYTES:
            raise CaptureError("there is too little room on the disk for a recording", "free some space and try again")
        self._clock = _Clock()
        self._changed = self._desktop.changes()
        self._desktop.frame(order.monitor, self._region)  # a monitor that is not there is told before a file is made
        self._encoder = Encoder(order.part, self._region.width, self._region.height, order.fps)
        worker = threading.Thread(target=self._encode, name="encoder")
        worker.start()
        try:
            self._clock = _Clock()
            self._watch()
        finally:
            with self._signal:
                self._stopping = True
                self._signal.notify_all()
            worker.join()
        return self._finish()

    def _watch(self) -> None:
        """Looks at the screen at each frame's time. A time that has passed is skipped, so it never drifts."""
        slot, told_s, checked_s = 0, -STATE_EVERY_S, 0.0
        period = 1 / self._order.fps
        limit = self._order.max_seconds
        was_paused = False
        while not self._stopping and self._problem is None:
            now = self._clock.now()
            if self._clock.paused != was_paused or now - told_s >= STATE_EVERY_S:
                was_paused, told_s = self._clock.paused, now
                self._on_state(self.state())
            if was_paused:
                self._sleep(None)
                continue
            if limit is not None and now >= limit:
                break
            if now >= slot * period:
                if not self._look(now):
                    break
                slot = max(slot + 1, int(self._clock.now() / period))
            if now - checked_s >= 1:
                checked_s = now
                if self._is_full():
                    break
            wake = slot * period if limit is None else min(slot * period, limit)
            self._sleep(max(wake - self._clock.now(), 0))

    def _sleep(self, seconds: float | None) -> None:
        paused = self._clock.paused
        with self._signal:
            self._signal.wait_for(
                lambda: self._stopping or self._problem is not None or self._clock.paused != paused, seconds
            )

    def _look(self, now: float) -> bool:
        """Takes a frame if one is due; False when the monitor is gone, which ends the recording."""
        due = now - self._encoded_at >= HEARTBEAT_S
        try:
            hinted = self._changed is None or self._changed()
            if not hinted and not due and self._last is not None:
                return True
            shot = self._desktop.frame(self._order.monitor, self._region)
        except CaptureError:
            return False
        import numpy as np

        pixels = np.ascontiguousarray(shot.pixels)
        if pixels.shape[:2] != (self._region.height, self._region.width):
            return False
        cursor = shot.cursor if self._order.cursor else None
        same = self._last is not None and _same(self._last, (pixels, cursor))
        if not same and not hinted:
            self._changed = None  # something draws past the X server: from now on every frame is compared
        if same and not due:
            return True
        self._last = pixels, cursor
        self._enqueue(self._converted(pixels, cursor), round(now * 1000), same)
        self._encoded_at = now
        return True

    def _converted(self, pixels: Picture, cursor: Cursor | None) -> Picture:
        import cv2
        import numpy as np

        height, width = pixels.shape[:2]
        with self._signal:
            buffer = self._spare.pop() if self._spare else np.empty((height * 3 // 2, width), np.uint8)
        covered = None
        if cursor is not None:
            pixels = pixels if pixels.flags.writeable else pixels.copy()
            covered = draw_cursor(pixels, cursor)
        cv2.cvtColor(pixels, cv2.COLOR_BGRA2YUV_I420, dst=buffer)
        if covered is not None and cursor is not None:  # the next frame is compared with what the screen shows
            top, left = max(cursor.y, 0), max(cursor.x, 0)
            pixels[top : top + covered.shape[0], left : left + covered.shape[1]] = covered
        return buffer

    def _enqueue(self, picture: Picture, at_ms: int, still: bool) -> None:
        with self._signal:
            if len(self._waiting) >= _WAITING_FRAMES:
                self._spare.append(self._waiting.popleft()[0])
                self._dropped += 1
            self._waiting.append((picture, at_ms, still))
            self._signal.notify_all()

    def _encode(self) -> None:
        while True:
            with self._signal:
                self._signal.wait_for(lambda: self._waiting or self._stopping)
                if not self._waiting:
                    return
                picture, at_ms, still = self._waiting.popleft()
            before = self._encoder.size_bytes
            try:
                self._encoder.add(picture, at_ms, still=still)
            except BaseException as problem:  # noqa: BLE001 - told by the thread that watches
                self._problem = problem
                self._wake()
                return
            self._largest_bytes = max(self._largest_bytes, self._encoder.size_bytes - before)
            with self._signal:
                self._spare.append(picture)
            limit = self._order.max_bytes
            if limit and self._encoder.size_bytes + 2 * self._largest_bytes + _INDEX_BYTES >= limit:
                self.stop()

    def _is_full(self) -> bool:
        if shutil.disk_usage(self._order.part.parent).free < _FREE_AT_LEAST_BYTES:
            self._disk_full = True
        return self._disk_full

    def _finish(self) -> Recording:
        """Closes the file. The last picture is repeated at the end, or the recording would be too short."""
        end_ms = round(self._clock.now() * 1000)
        if self._order.max_seconds is not None:
            end_ms = min(end_ms, round(self._order.max_seconds * 1000))
        try:
            if self._problem is not None:
                raise self._problem
            if self._last is not None:
                picture, cursor = self._last
                self._encoder.add(self._converted(picture, cursor), end_ms - 1, still=True)
            self._encoder.close()
        except OSError as problem:
            raise RecordingCut(
                "the recording could not be written on: {why}",
                "free some space; what was recorded until then is in {file}",
                None,
                why=problem.strerror or str(problem),
                file=str(self._order.part),
            ) from problem
        recording = publish(self._order.part, self._order.path, self._dropped)
        if self._disk_full:
            raise RecordingCut(
                "the disk is full", "what was recorded until then is in {file}", recording, file=str(recording.path)
            )
        return recording

    def state(self) -> RecordingState:
        return RecordingState(
            round(self._clock.now(), 3),
            self._encoder.frames,
            self._dropped,
            self._encoder.size_bytes,
            self._clock.paused,
        )


def _same(one: tuple[Picture, Cursor | None], other: tuple[Picture, Cursor | None]) -> bool:
    """Whether both look the same; ends at the first band of rows that differs."""
    import numpy as np

    (first, pointer), (second, pointer_2) = one, other
    if (pointer is None) != (pointer_2 is None):
        return False
    if pointer is not None and pointer_2 is not None:
        if (pointer.x, pointer.y) != (pointer_2.x, pointer_2.y):
            return False
        if pointer.pixels is not pointer_2.pixels and not np.array_equal(pointer.pixels, pointer_2.pixels):
            return False
    # The width is even, so two pixels can be compared at once.
    wide, wide_2 = (pixels.reshape(len(pixels), -1).view(np.uint64) for pixels in (first, second))
    return all(np.array_equal(wide[top : top + 64], wide_2[top : top + 64]) for top in range(0, len(wide), 64))


def written(value: Recording | Order) -> dict[str, Any]:
    """The value as JSON can hold it."""
    return {key: str(part) if isinstance(part, Path) else part for key, part in asdict(value).items()}


def order_of(fields: dict[str, Any]) -> Order:
    known = {key: fields[key] for key in Order.__dataclass_fields__ if key in fields}
    known |= {"path": Path(fields["path"]), "part": Path(fields["part"]), "monitor": Monitor(**fields["monitor"])}
    return Order(**known | {"region": Region(**fields["region"]) if fields.get("region") else None})


def recording_of(fields: dict[str, Any]) -> Recording:
    return Recording(**fields | {"path": Path(fields["path"])})
