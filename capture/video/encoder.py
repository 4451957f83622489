"""H.264 in MP4 that survives a kill: fragments of half a second while it is written, an ordinary file at the end.

Colours are made and tagged BT.601: players take an untagged large picture for BT.709 and show red as orange.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from capture.errors import CaptureError
from capture.image import Recording

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CODEC = "h264"
KEY_FRAME_MS = 4000
_STILL_KEY_FRAME_MS = 20_000
"""A still picture costs a few hundred bytes a second, and a third of a megabyte as a key frame."""

_FRAGMENT_US = 500_000
_OPTIONS = {
    "preset": "superfast",
    "crf": "24",
    # Made for screens. Things move far and by whole pixels (scrolling): so the search is wide (umh, 48), with none
    # between pixels (subme 0). That is a third to a half of the time of x264's veryfast at the same size, and 2 dB
    # better. Look-ahead, macroblock trees and adaptive quantisation are made for film: they cost time, memory, half
    # a second of delay, and smear text. "force-cfr" takes away a delay of one frame, which a kill would lose;
    # frames keep their times. Measured at 1080p on scrolling text and drawings, 15 and 30 frames a second.
    "x264-params": "me=umh:merange=48:subme=0:mbtree=0:bframes=0:aq-mode=0:weightp=0:rc-lookahead=0"
    ":sync-lookahead=0:scenecut=0:force-cfr=1",
}
_CONTAINER = {
    "movflags": "hybrid_fragmented+frag_keyframe+default_base_moof",
    "frag_duration": str(_FRAGMENT_US),
    "flush_packets": "1",
}
_BT601, _BT709, _STUDIO_RANGE = 6, 1, 1
"""Source: ITU-T H.273, tables 2 to 4."""

_PICTURE_I = 1


class Encoder:
    """Frames in, bytes on disk out; used by one thread.

    The file is locked as long as it is written, so that a dead recorder's can be told from a living one's.
    Raises: OSError; CaptureError when a file of that name is there.
    """

    def __init__(self, part: Path, width: int, height: int, fps: int) -> None:
        import av

        self._sink = _Sink(part)
        try:
            self._container: Any = av.open(self._sink, "w", format="mp4", container_options=_CONTAINER)
            self._stream: Any = self._container.add_stream("libx264", rate=fps, options=_OPTIONS)
            context = self._stream.codec_context
            context.width, context.height, context.pix_fmt = width, height, "yuv420p"
            context.time_base = self._stream.time_base = _milliseconds()
            context.colorspace, context.color_range = _BT601, _STUDIO_RANGE
            context.color_primaries = context.color_trc = _BT709
            context.gop_size = 1_000_000  # key frames come by time, not by count: frames are not regular
        except BaseException:
            self._sink.close()
            raise
        self._fps = fps
        self._key_ms = self._last_ms = -1_000_000
        self.frames = 0

    @property
    def size_bytes(self) -> int:
        return self._sink.size_bytes

    def add(self, i420: NDArray[np.uint8], at_ms: int, *, still: bool = False) -> None:
        """Encodes the picture (uint8[h * 3 / 2, w]) shown from ``at_ms`` on; ``still``: the one before, again.

        The buffer may be used again when this returns. Raises: OSError (disk full).
        """
        import av

        at_ms = max(at_ms, self._last_ms + 1)
        frame: Any = av.VideoFrame.from_numpy_buffer(i420, format="yuv420p")
        frame.pts, frame.time_base = at_ms, _milliseconds()
        if at_ms - self._key_ms >= (_STILL_KEY_FRAME_MS if still else KEY_FRAME_MS):
            frame.pict_type = _PICTURE_I
            self._key_ms = at_ms
        self._mux(self._stream.encode(frame))
        self._last_ms = at_ms
        self.frames += 1

    def _mux(self, packets: Any) -> None:
        for packet in packets:
            # Only the last frame's is looked at; the others last until the next one.
            packet.duration = 1
            self._container.mux(packet)

    def close(self) -> None:
        """Makes an ordinary MP4 of it. Raises: OSError (disk full); the fragments remain then."""
        try:
            self._mux(self._stream.encode(None))
            self._container.close()
        finally:
            self._sink.close()


class _Sink:
    """The file as PyAV writes into it; counts bytes, and lets an error of the disk through as it is."""

    def __init__(self, path: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            self._descriptor = os.open(path, flags, 0o666)
        except FileExistsError as problem:
            raise CaptureError(
                "an unfinished recording of that name is there", "recover it first, or choose another name"
            ) from problem
        lock(self._descriptor)
        self.size_bytes = 0

    def write(self, content: bytes) -> int:
        view = memoryview(content)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self.size_bytes = max(self.size_bytes, self.tell())
        return len(content)

    def seek(self, to: int, whence: int = os.SEEK_SET) -> int:
        return os.lseek(self._descriptor, to, whence)

    def tell(self) -> int:
        return os.lseek(self._descriptor, 0, os.SEEK_CUR)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def lock(descriptor: int) -> bool:
    """Locks the file until it is closed or its process is dead; False when another process holds it."""
    try:
        fcntl = import_module("fcntl")
    except ImportError:  # Windows: locks there forbid reading, so it is a byte that no recording reaches
        msvcrt = import_module("msvcrt")
        at = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, 1 << 50, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(descriptor, at, os.SEEK_SET)
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def publish(part: Path, path: Path, dropped: int = 0) -> Recording:
    """Makes ``path`` of a finished or broken-off ``part``, its index at the front so that it plays while it loads.

    Nothing is encoded anew. What was at ``path`` is replaced at once. When there is no room for a second copy,
    the part itself becomes the recording. Raises: CaptureError when there is no picture in it; ``part`` is kept.
    """
    beside = part.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        seconds, frames, width, height = _remux(part, beside)
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        seconds, frames, width, height = _remux(part, None)
        part.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    part.unlink(missing_ok=True)
    return Recording(path, seconds, frames, dropped, path.stat().st_size, CODEC, width, height)


def _remux(part: Path, to: Path | None) -> tuple[float, int, int, int]:
    """Copies the packets to ``to`` (None: only looks). Gives seconds, frames, width, height. Raises: OSError."""
    import av

    source: Any
    target: Any = None
    end = frames = 0
    try:
        with av.open(str(part)) as source:
            stream = source.streams.video[0]
            width, height = stream.codec_context.width, stream.codec_context.height
            if to is not None:
                target = av.open(str(to), "w", format="mp4", options={"movflags": "faststart"})
                copy = target.add_stream_from_template(stream)
            with suppress(av.error.InvalidDataError, av.error.EOFError):  # the torn end of a killed recording
                for packet in source.demux(stream):
                    if packet.is_corrupt:  # only a part of it is there
                        break
                    if packet.dts is None or not packet.size:
                        continue
                    frames += 1
                    end = max(end, packet.pts + (packet.duration or 0))
                    if target is not None:
                        packet.stream = copy
                        target.mux(packet)
            seconds = float(end * stream.time_base)
            if target is not None:
                target.close()
    except (av.error.InvalidDataError, av.error.EOFError, IndexError) as problem:
        raise _unusable(part) from problem
    if not frames:
        raise _unusable(part)
    return seconds, frames, width, height


def _unusable(part: Path) -> CaptureError:
    return CaptureError(
        "this recording is damaged and nothing of it can be shown", "the file is kept: {file}", file=str(part)
    )


def _milliseconds() -> Any:
    from fractions import Fraction

    return Fraction(1, 1000)
