"""PNG pictures, written fast: one filter (none), the fastest deflate that is installed, a density chunk, nothing else.

A picture that leaves must hold its pixels and nothing more: there is no text, no time, no thumbnail, and no byte
after the end. Colours are RGB of 8 bit; transparency is not written.
"""

from __future__ import annotations

import os
import secrets
import struct
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from capture.errors import CaptureError
from capture.image import Monitor, Screenshot

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LEVEL = 2
"""ISA-L's level 2 without filters is the best trade on pictures of screens: 4 times faster than libpng's
fastest, 5 to 17 % larger (tests/bench/bench_capture.py)."""

_Packed = tuple[list[bytes], int, int]
"""Deflated pieces, the Adler-32 of what they hold, and its length in bytes."""

_STRIPE_ROWS = 64
_MAX_BANDS = 4
_SMALL_BYTES = 1 << 20
_MAX_PIXELS = 1 << 28
"""A picture of 16384 × 16384. More is not a screen but an attack on the memory."""


def encode(shot: Screenshot, level: int = LEVEL) -> bytes:
    """The picture as a PNG file. ``level`` 0 (fastest) to 3 (smallest). The pointer layer is not drawn.

    Any thread; most of the work lets other threads run.
    """
    return b"".join(_parts(shot, level))


def write(path: Path, shot: Screenshot, level: int = LEVEL) -> None:
    """Puts the PNG at ``path``, whole or not at all; what was there is replaced.

    Raises: OSError (no space, no permission); nothing is left behind then.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    # 0o666: the umask decides who may read it, as for any file that a program saves.
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(_parts(shot, level))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def read(path: Path) -> Screenshot:
    """The picture in a file (PNG, or what OpenCV reads besides), opaque: transparency is laid on white.

    Its monitor is the picture itself; its scale is that of the density chunk, 1 without one.

    Raises: OSError; CaptureError when it is not a picture.
    """
    content = path.read_bytes()
    if content.startswith(SIGNATURE):
        width, height = struct.unpack(">II", content[16:24].ljust(8, b"\0"))
        if width * height > _MAX_PIXELS:
            raise CaptureError("this picture is too large", "use a picture of at most 268 megapixels")
    pixels = _decode(content)
    if pixels is None:
        raise CaptureError("this file is not a picture that can be read", "use a PNG picture")
    height, width = pixels.shape[:2]
    scale = _scale(content)
    monitor = Monitor(path.stem, path.stem, 0, 0, width, height, scale, primary=True)
    return Screenshot(pixels, scale, monitor, datetime.fromtimestamp(path.stat().st_mtime).astimezone())


def _decode(content: bytes) -> NDArray[np.uint8] | None:
    import cv2
    import numpy as np

    raw = np.frombuffer(content, np.uint8)
    try:
        pixels = cv2.imdecode(raw, cv2.IMREAD_UNCHANGED) if raw.size else None
        if pixels is None:
            return None
        if pixels.ndim == 3 and pixels.shape[2] == 4 and pixels.dtype == np.uint8:
            alpha = pixels[..., 3:4]
            if (alpha != 255).any():
                wide = pixels[..., :3].astype(np.uint16) * alpha + 255 * (255 - alpha.astype(np.uint16))
                pixels = np.dstack([((wide + 127) // 255).astype(np.uint8), np.full_like(alpha, 255)])
            return np.ascontiguousarray(pixels)
        colours = cv2.imdecode(raw, cv2.IMREAD_COLOR)  # grey, palette and 16 bit become 3 × 8 bit
        return None if colours is None else np.asarray(cv2.cvtColor(colours, cv2.COLOR_BGR2BGRA), np.uint8)
    except cv2.error:
        return None


def _scale(content: bytes) -> float:
    """96 dpi is 1; only what a monitor can have is believed, so a picture marked 72 or 300 dpi is not absurd."""
    at = len(SIGNATURE)
    while content.startswith(SIGNATURE) and at + 12 <= len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        if kind == b"pHYs" and length == 9 and at + 17 <= len(content):
            across, _, unit = struct.unpack(">IIB", content[at + 8 : at + 17])
            scale = round(across * 0.0254 / 96, 2)
            return float(scale) if unit == 1 and 1 <= scale <= 8 else 1.0
        if kind in (b"IDAT", b"IEND"):
            break
        at += 12 + length
    return 1.0


def _parts(shot: Screenshot, level: int) -> Iterator[bytes]:
    """The file piece by piece, so that a 4K picture is never held twice."""
    dots_per_m = round(96 * shot.scale / 0.0254)
    yield SIGNATURE
    yield _chunk(b"IHDR", struct.pack(">IIBBBBB", shot.width, shot.height, 8, 2, 0, 0, 0))
    yield _chunk(b"pHYs", struct.pack(">IIB", dots_per_m, dots_per_m, 1))
    yield _chunk(b"IDAT", b"\x78\x01")
    checksum = 1
    for packed, adler, length in _pack(shot.pixels, level):
        for piece in packed:
            yield _chunk(b"IDAT", piece)
        checksum = _joined(checksum, adler, length)
    yield _chunk(b"IDAT", struct.pack(">I", checksum))
    yield _chunk(b"IEND", b"")


def _pack(pixels: NDArray[np.uint8], level: int) -> Iterator[_Packed]:
    """Bands of rows, deflated side by side on threads of their own; each ends on a byte, so they can be strung."""
    height = len(pixels)
    bands = min(os.cpu_count() or 1, _MAX_BANDS) if pixels.size > _SMALL_BYTES else 1
    if bands == 1:
        yield _band(pixels, level, True)
        return
    from concurrent.futures import ThreadPoolExecutor

    rows = -(-height // bands)
    tops = range(0, height, rows)
    with ThreadPoolExecutor(bands, thread_name_prefix="png") as pool:
        yield from pool.map(lambda top: _band(pixels[top : top + rows], level, top == tops[-1]), tops)


def _band(pixels: NDArray[np.uint8], level: int, last: bool) -> _Packed:
    deflate, adler32 = _deflate(level)
    packed, adler, length = [], 1, 0
    for stripe in _rgb_stripes(pixels):
        adler = adler32(stripe, adler)
        length += stripe.size
        piece = deflate.compress(stripe)
        if piece:
            packed.append(piece)
    packed.append(deflate.flush(zlib.Z_FINISH if last else zlib.Z_FULL_FLUSH))
    return packed, adler, length


def _joined(first: int, second: int, second_length: int) -> int:
    """The Adler-32 of two pieces in a row, from that of each. Source: RFC 1950, section 8.2."""
    modulus = 65521
    low, high = first & 0xFFFF, first >> 16
    low_2, high_2 = second & 0xFFFF, second >> 16
    high = (high + high_2 + second_length * (low - 1)) % modulus
    return high << 16 | (low + low_2 - 1) % modulus


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content), kind) + content + struct.pack(">I", _crc()(content, zlib.crc32(kind)))


def _crc() -> Callable[[bytes, int], int]:
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib.crc32
    found: Callable[[bytes, int], int] = isal_zlib.crc32
    return found


def _deflate(level: int) -> tuple[Any, Any]:
    """The fastest compressor at hand, and its checksum: ISA-L, else zlib-ng, else zlib, which any Python has."""
    raw = -15
    try:
        from isal import isal_zlib
    except ImportError:
        pass
    else:
        return isal_zlib.compressobj(level, isal_zlib.DEFLATED, raw), isal_zlib.adler32
    try:
        from zlib_ng import zlib_ng  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return zlib.compressobj((1, 1, 1, 6)[level], zlib.DEFLATED, raw), zlib.adler32
    return zlib_ng.compressobj((1, 1, 2, 6)[level], zlib.DEFLATED, raw), zlib_ng.adler32


def _rgb_stripes(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Rows as PNG wants them: a filter byte of 0, then R G B of every pixel; one buffer, used again and again.

    OpenCV would swap the channels 4 times faster than numpy, but its import costs more time than a picture
    saves, and 30 MB for good.
    """
    import numpy as np

    height, width = pixels.shape[:2]
    buffer = np.zeros((min(_STRIPE_ROWS, height), width * 3 + 1), np.uint8)
    colours = np.lib.stride_tricks.as_strided(buffer[:, 1:], (len(buffer), width, 3), (buffer.strides[0], 3, 1))
    for top in range(0, height, len(buffer)):
        rows = pixels[top : top + len(buffer)]
        count = len(rows)
        for to, channel in enumerate((2, 1, 0)):
            colours[:count, :, to] = rows[:, :, channel]
        yield buffer[:count]
