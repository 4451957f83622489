from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.annotation import Arrow, Box, Crop, Ellipse, Hide, Line, Mark, Pen, Step, Text, read_marks, write_marks
from client.ui.geometry import (
    Rect,
    bounds,
    handles,
    inked,
    mark_at,
    moved,
    resized,
    snapped_line,
    snapped_square,
)
from client.ui.view import View
from tests.client.marks import drawn_marks, hides

PLACES = st.floats(-500, 500)
MARKS = st.one_of(drawn_marks(200), hides(200))


@given(MARKS, PLACES, PLACES)
def test_a_mark_moved_there_and_back_is_where_it_was(mark: Mark, dx: float, dy: float) -> None:
    there = bounds(moved(mark, dx, dy))
    assert there.x == pytest.approx(bounds(mark).x + dx, abs=1e-6)
    back = bounds(moved(moved(mark, dx, dy), -dx, -dy))
    assert back == pytest.approx(bounds(mark), abs=1e-6)


@given(MARKS, st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_no_move_takes_a_mark_where_it_could_not_be_stored(mark: Mark, dx: float, dy: float) -> None:
    assert read_marks(write_marks((moved(mark, dx, dy),)))


@given(MARKS, st.data(), PLACES, PLACES, st.booleans())
def test_a_resized_mark_can_be_stored_whatever_the_drag(
    mark: Mark, data: st.DataObject, x: float, y: float, keep: bool
) -> None:
    for name in handles(mark):
        if data.draw(st.booleans()):
            assert read_marks(write_marks((resized(mark, name, (x, y), keep=keep),)))


@pytest.mark.parametrize(
    "mark", [Box(10, 10, 40, 30), Ellipse(10, 10, 40, 30), Hide(10, 10, 40, 30), Crop(10, 10, 40, 30)]
)
def test_a_dragged_corner_follows_the_pointer_and_its_opposite_stays(mark: Mark) -> None:
    assert bounds(resized(mark, "se", (90, 70))) == Rect(10, 10, 80, 60)
    assert bounds(resized(mark, "nw", (0, 5))) == Rect(0, 5, 50, 35)
    assert bounds(resized(mark, "e", (5, 999))) == Rect(5, 10, 5, 30)
    assert bounds(resized(mark, "se", (90, 11), keep=True)) == Rect(10, 10, 80, 60)


def test_the_ends_of_an_arrow_move_alone_and_snap_to_45_degrees() -> None:
    arrow = Arrow((0, 0), (100, 0))
    assert resized(arrow, "start", (5, 6)) == Arrow((5, 6), (100, 0))
    snapped = resized(arrow, "end", (70, 60), keep=True)
    assert isinstance(snapped, Arrow)
    assert snapped.end[0] == pytest.approx(snapped.end[1])
    assert math.hypot(*snapped.end) == pytest.approx(math.hypot(70, 60))


def test_a_stroke_is_stretched_with_its_rectangle() -> None:
    assert resized(Pen(((0, 0), (10, 10))), "se", (20, 40)) == Pen(((0, 0), (20, 40)))
    assert resized(Pen(((0, 0), (10, 0))), "e", (30, 5)) == Pen(((0, 0), (30, 0)))


def test_snapping_makes_squares_in_every_direction() -> None:
    assert snapped_square((0, 0), (10, -30)) == (30, -30)
    assert snapped_square((0, 0), (-40, 5)) == (-40, 40)
    assert snapped_line((0, 0), (0, 0)) == (0, 0)


def test_the_topmost_ink_is_hit_first_then_the_smallest_enclosing_shape() -> None:
    marks = (Box(0, 0, 200, 200), Box(50, 50, 60, 60), Line((0, 100), (200, 100)), Step(100, 100))
    assert mark_at(marks, (100, 100), 4) == 3
    assert mark_at(marks, (150, 101), 4) == 2
    assert mark_at(marks, (50, 60), 4) == 1
    assert mark_at(marks, (80, 80), 4) == 1
    assert mark_at(marks, (20, 20), 4) == 0
    assert mark_at(marks, (300, 300), 4) is None


def test_a_crop_is_never_hit_and_an_ellipse_only_on_its_line() -> None:
    assert mark_at((Crop(0, 0, 10, 10),), (5, 5), 4) is None
    ellipse = (Ellipse(0, 0, 100, 100), Text(45, 45, "a", size_px=10))
    assert mark_at(ellipse, (50, 1), 4) == 0
    assert mark_at(ellipse, (47, 50), 4) == 1


@given(MARKS)
def test_what_is_inked_holds_the_bounds(mark: Mark) -> None:
    shape, ink = bounds(mark), inked(mark, 1)
    assert ink.x < shape.x
    assert ink.right > shape.right


# --- the view

VIEWS = st.builds(
    View,
    shown=st.builds(Rect, st.integers(0, 50), st.integers(0, 50), st.integers(1, 4000), st.integers(1, 4000)),
    ratio=st.sampled_from((1.0, 1.25, 1.5, 1.75, 2.0)),
    zoom=st.floats(0.05, 16),
    x=st.integers(-500, 500),
    y=st.integers(-500, 500),
)


@given(VIEWS, PLACES, PLACES)
def test_a_point_of_the_image_comes_back_from_the_widget(view: View, x: float, y: float) -> None:
    place = view.to_widget(Rect(x, y, 0, 0))
    assert view.to_image(place.x, place.y) == pytest.approx((x, y), abs=1e-6)


@given(VIEWS, st.floats(0.01, 40), st.floats(0, 900), st.floats(0, 700))
def test_zooming_keeps_what_is_under_the_pointer(view: View, zoom: float, x: float, y: float) -> None:
    assert view.zoomed(zoom, x, y).to_image(x, y) == pytest.approx(view.to_image(x, y), abs=1e-6)


@given(VIEWS, st.integers(100, 3000), st.integers(100, 3000))
def test_a_picture_is_never_scaled_up_to_fit_and_always_fits(view: View, width: int, height: int) -> None:
    fitted = view.fitted(width, height, 24)
    assert fitted.zoom <= 1
    place = fitted.to_widget(fitted.shown)
    assert place.x >= 23
    assert place.right <= width - 22


@given(VIEWS, st.integers(300, 3000), st.integers(300, 3000))
def test_the_picture_stays_in_reach_and_on_whole_pixels_of_the_screen(view: View, width: int, height: int) -> None:
    settled = view.settled(width, height, 24)
    place = settled.to_widget(settled.shown)
    assert place.x <= width - 24
    assert place.right >= 23
    assert settled.x * view.ratio == pytest.approx(round(settled.x * view.ratio))
