from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture import Cursor, Monitor, Region, Screenshot

regions = st.builds(Region, st.integers(-50, 150), st.integers(-50, 150), st.integers(-10, 200), st.integers(-10, 200))
PIXELS = np.random.default_rng(3).integers(0, 256, (80, 100, 4), np.uint8)
SHOT = Screenshot(PIXELS, 1.5, Monitor("m", "m", 0, 0, 100, 80, 1.5), datetime(2026, 1, 1, tzinfo=UTC))


@given(regions)
def test_a_clipped_region_holds_exactly_the_points_that_lie_in_both(region: Region) -> None:
    inside = region.clipped(100, 80)
    assert 0 <= inside.x <= inside.x + inside.width <= 100
    assert 0 <= inside.y <= inside.y + inside.height <= 80
    across = [x for x in range(100) if region.x <= x < region.x + region.width]
    assert list(range(inside.x, inside.x + inside.width)) == across
    down = [y for y in range(80) if region.y <= y < region.y + region.height]
    assert list(range(inside.y, inside.y + inside.height)) == down


@given(regions)
def test_a_crop_is_the_same_pixels_and_no_copy(region: Region) -> None:
    part = region.clipped(100, 80)
    if not part.width or not part.height:
        with pytest.raises(ValueError, match="outside"):
            SHOT.crop(region)
        return
    cropped = SHOT.crop(region)
    assert (cropped.pixels == PIXELS[part.y : part.y + part.height, part.x : part.x + part.width]).all()
    assert np.shares_memory(cropped.pixels, PIXELS)
    assert (cropped.width, cropped.height, cropped.scale) == (part.width, part.height, 1.5)


def test_a_crop_of_a_crop_is_the_crop_of_the_sum() -> None:
    twice = SHOT.crop(Region(10, 20, 60, 50)).crop(Region(5, 6, 20, 20))
    assert (twice.pixels == SHOT.crop(Region(15, 26, 20, 20)).pixels).all()


@given(regions, st.integers(-30, 110), st.integers(-30, 90))
def test_a_drawn_pointer_looks_the_same_whether_drawn_before_or_after_the_crop(region: Region, x: int, y: int) -> None:
    part = region.clipped(100, 80)
    if not part.width or not part.height:
        return
    layer = np.random.default_rng(1).integers(0, 256, (24, 16, 4), np.uint8)
    shot = Screenshot(PIXELS, 1.0, SHOT.monitor, SHOT.taken_at, Cursor(layer, x, y))
    assert (shot.with_cursor().crop(region).pixels == shot.crop(region).with_cursor().pixels).all()
    assert shot.with_cursor().cursor is None


def test_an_opaque_pointer_covers_and_a_clear_one_does_not() -> None:
    layer = np.zeros((2, 2, 4), np.uint8)
    layer[0] = (1, 2, 3, 255)
    shot = Screenshot(PIXELS, 1.0, SHOT.monitor, SHOT.taken_at, Cursor(layer, 4, 5))
    drawn = shot.with_cursor().pixels
    assert (drawn[5, 4:6, :3] == (1, 2, 3)).all()
    assert (drawn[6, 4:6] == PIXELS[6, 4:6]).all()
    assert (shot.pixels == PIXELS).all()


@given(st.lists(regions, max_size=4))
def test_hiding_changes_what_is_inside_and_nothing_else(hidden: list[Region]) -> None:
    result = SHOT.hide(tuple(hidden))
    mask = np.zeros((80, 100), bool)
    for region in hidden:
        part = region.clipped(100, 80)
        mask[part.y : part.y + part.height, part.x : part.x + part.width] = True
    assert (result.pixels[~mask] == PIXELS[~mask]).all()
    assert (result.pixels[mask] == (0x14, 0x11, 0x10, 255)).all()
