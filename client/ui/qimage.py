"""``Screenshot`` and ``QImage`` over the same memory: the only crossing of pixels, and nothing is copied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QImage

from capture.image import Screenshot

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def to_qimage(shot: Screenshot, *, ratio: float = 1.0) -> QImage:
    """The screenshot as a QImage of the same memory, RGB32, also when it is a crop.

    The object given keeps the pixels alive; a copy that Qt makes of it does not. Keep it, or the screenshot,
    as long as anything draws from it; do not paint on it. ``ratio`` becomes its device pixel ratio.
    """
    image = over_pixels(shot.pixels)
    image.setDevicePixelRatio(ratio)
    return image


def over_pixels(pixels: NDArray[np.uint8]) -> QImage:
    """A QImage over uint8[h, w, 4] BGRA. Painting on it paints into the array."""
    from numpy.lib.stride_tricks import as_strided

    height, width = pixels.shape[:2]
    stride = pixels.strides[0]
    if pixels.strides[1:] != (4, 1) or stride < width * 4:
        pixels = pixels.copy()
        stride = pixels.strides[0]
    # Qt wants one block of memory; of a crop, that is all from its first byte to its last.
    block = as_strided(pixels, shape=((height - 1) * stride + width * 4,), strides=(1,))
    image = QImage(block.data, width, height, stride, QImage.Format.Format_RGB32)
    image.__dict__["pixels"] = block
    return image


def from_qimage(image: QImage) -> NDArray[np.uint8]:
    """The pixels of any QImage as uint8[h, w, 4] BGRA, opaque: an array of their own."""
    import numpy as np

    plain = image.convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(plain.constBits(), np.uint8).reshape(plain.height(), plain.bytesPerLine())
    pixels = rows[:, : plain.width() * 4].reshape(plain.height(), plain.width(), 4).copy()
    pixels[..., 3] = 255
    return pixels


def pasted(image: QImage) -> Screenshot:
    """A picture from the clipboard as a screenshot of no monitor."""
    from datetime import UTC, datetime

    from capture import Monitor, Screenshot

    pixels = from_qimage(image)
    height, width = pixels.shape[:2]
    return Screenshot(pixels, 1.0, Monitor("clipboard", "clipboard", 0, 0, width, height), datetime.now(UTC))
