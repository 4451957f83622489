"""Pictures for tests of drawing."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from capture.image import Monitor, Screenshot


def noise(width: int, height: int, *, seed: int = 1, scale: float = 1.0, name: str = "A") -> Screenshot:
    """A picture in which no two places look alike, its fourth byte as senseless as a screen's."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 4), np.uint8)
    return picture(pixels, scale=scale, name=name)


def plain(width: int, height: int, bgr: tuple[int, int, int] = (255, 255, 255)) -> Screenshot:
    pixels = np.empty((height, width, 4), np.uint8)
    pixels[:] = (*bgr, 255)
    return picture(pixels)


def picture(pixels: np.ndarray, *, scale: float = 1.0, name: str = "A") -> Screenshot:
    height, width = pixels.shape[:2]
    monitor = Monitor(name, name, 0, 0, width, height, scale, True)
    return Screenshot(pixels, scale, monitor, datetime(2026, 11, 21, 10, 42, tzinfo=UTC))
