"""What a finished recording is, read from the file alone."""

from __future__ import annotations

from pathlib import Path

from capture.errors import CaptureError
from capture.image import Recording


def probe(path: Path) -> Recording:
    """Its length, frames and size; ``dropped`` is not in the file and 0. Raises: CaptureError; OSError."""
    import av

    size_bytes = path.stat().st_size
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            seconds = float(container.duration or 0) / av.time_base
            codec = stream.codec_context
            return Recording(path, seconds, stream.frames, 0, size_bytes, codec.name, codec.width, codec.height)
    except (av.FFmpegError, IndexError) as error:
        raise CaptureError("this recording cannot be shown: {why}", why=str(error)) from error
