from __future__ import annotations

import gc
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtGui import QImage, QPainter

from capture.image import Cursor, Screenshot
from client.annotation import (
    Arrow,
    Box,
    Crop,
    Ellipse,
    Hide,
    Highlight,
    Line,
    Mark,
    Pen,
    Pointer,
    Step,
    Text,
    hidden_regions,
)
from client.ui.geometry import inked
from client.ui.paint import ensure_gui, flatten, measure, paint, pointer_mark
from client.ui.qimage import from_qimage, to_qimage
from tests.client.marks import drawn_marks, hides
from tests.ui.pictures import noise, picture, plain

SIDE = 48
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def gui() -> None:
    ensure_gui()


@settings(max_examples=150, deadline=None)
@given(
    st.lists(drawn_marks(SIDE), max_size=4),
    st.lists(hides(SIDE), min_size=1, max_size=2),
    st.lists(drawn_marks(SIDE), max_size=3),
)
def test_two_pictures_that_differ_only_where_hidden_leave_as_the_same_picture(
    under: list[Mark], hidden: list[Hide], over: list[Mark]
) -> None:
    ensure_gui()
    marks = (*under, *hidden, *over)
    one, other = noise(SIDE, SIDE, seed=1), noise(SIDE, SIDE, seed=2).pixels.copy()
    secret = np.zeros((SIDE, SIDE), bool)
    for region in hidden_regions(marks):
        part = region.clipped(SIDE, SIDE)
        secret[part.y : part.y + part.height, part.x : part.x + part.width] = True
    other[~secret] = one.pixels[~secret]
    flatten(one, marks)  # Qt sets a fallback font's letters a shade differently the first time
    left, right = flatten(one, marks), flatten(picture(other), marks)
    assert np.array_equal(left.pixels, right.pixels)
    assert (left.pixels[secret] == (0x14, 0x11, 0x10, 255)).all()


@settings(max_examples=150, deadline=None)
@given(drawn_marks(SIDE))
def test_pixels_away_from_a_mark_stay_as_they_were(mark: Mark) -> None:
    ensure_gui()
    shot = noise(SIDE, SIDE)
    flat = flatten(shot, (mark,)).pixels
    around = inked(mark, shot.scale, measure)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    away = (columns + 1 < around.x) | (columns > around.right) | (rows + 1 < around.y) | (rows > around.bottom)
    assert np.array_equal(flat[away][:, :3], shot.pixels[away][:, :3])
    assert (flat[..., 3] == 255).all()


@pytest.mark.parametrize(
    "mark",
    [
        Pen(((5, 5), (20, 30), (40, 10))),
        Line((4, 4), (44, 44)),
        Arrow((4, 24), (44, 24)),
        Box(8, 8, 30, 30),
        Ellipse(8, 8, 30, 30),
        Text(4, 10, "Ñandú"),
        Step(24, 24),
        Highlight(8, 8, 30, 30),
        Hide(8, 8, 30, 30),
    ],
    ids=lambda mark: type(mark).__name__,
)
@pytest.mark.parametrize("ground", [(255, 255, 255), (0, 0, 0), (45, 50, 229)], ids=["white", "black", "red"])
def test_every_mark_can_be_seen_on_any_ground(mark: Mark, ground: tuple[int, int, int]) -> None:
    shot = plain(SIDE, SIDE, ground)
    change = np.abs(flatten(shot, (mark,)).pixels.astype(int) - shot.pixels)[..., :3].max(axis=2)
    multiplied = isinstance(mark, Highlight) and ground == (0, 0, 0)  # black stays black under a marker
    assert multiplied != ((change > 15).sum() > 40)


def test_highlight_keeps_dark_text_readable() -> None:
    shot = plain(SIDE, SIDE)
    shot.pixels[20:24, 20:24] = (0, 0, 0, 255)
    flat = flatten(shot, (Highlight(10, 10, 30, 30),)).pixels
    assert flat[22, 22].tolist() == [0, 0, 0, 255]
    assert flat[12, 12].tolist() == [0x4D, 0xE3, 0xFF, 255]


def test_a_crop_leaves_no_more_than_its_part_and_no_way_back_to_the_rest() -> None:
    shot = noise(SIDE, SIDE)
    flat = flatten(shot, (Crop(0, 0, 40, 40), Crop(10, 12, 20, 8)))
    assert np.array_equal(flat.pixels[..., :3], shot.pixels[12:20, 10:30, :3])
    assert flat.pixels.base is None


def test_a_crop_outside_of_the_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        flatten(noise(SIDE, SIDE), (Crop(500, 500, 10, 10),))


def test_the_screenshot_itself_is_never_painted_on() -> None:
    shot = noise(SIDE, SIDE)
    before = shot.pixels.copy()
    flatten(shot, (Hide(0, 0, 20, 20), Box(3, 3, 20, 20), Crop(0, 0, 10, 10)))
    assert np.array_equal(shot.pixels, before)


def test_screen_and_file_show_the_same() -> None:
    shot = noise(SIDE, SIDE)
    marks = (Arrow((4, 4), (40, 30)), Hide(10, 10, 12.5, 9), Step(30, 30), Text(2, 2, "hola"))
    screen = to_qimage(flatten(shot, ())).copy()
    painter = QPainter(screen)
    paint(marks, painter, shot.scale)
    painter.end()
    assert np.array_equal(from_qimage(screen), flatten(shot, marks).pixels)


def with_pointer() -> Screenshot:
    arrow = np.zeros((6, 5, 4), np.uint8)
    arrow[1:5, 1:4] = (10, 200, 30, 255)
    return replace(plain(SIDE, SIDE), cursor=Cursor(arrow, 7, 9))


def test_the_pointer_becomes_a_mark_that_looks_like_the_pointer() -> None:
    shot = with_pointer()
    mark = pointer_mark(shot)
    assert mark is not None
    assert measure(mark) == (5, 6)
    assert np.array_equal(flatten(shot, (mark,)).pixels, shot.with_cursor().pixels)
    assert np.array_equal(flatten(shot, ()).pixels, shot.pixels), "without the mark there is no pointer"


@pytest.mark.parametrize("png", ["", "!!", "AAAA", "iVBORw0KGgo="])
def test_a_pointer_that_is_no_picture_draws_nothing(png: str) -> None:
    shot = noise(SIDE, SIDE)
    assert np.array_equal(flatten(shot, (Pointer(3, 3, png),)).pixels, flatten(shot, ()).pixels)


def test_steps_are_numbered_by_their_place() -> None:
    shot = plain(SIDE, SIDE)
    two = flatten(shot, (Step(-100, -100), Step(24, 24))).pixels
    assert not np.array_equal(two, flatten(shot, (Step(24, 24),)).pixels)
    assert np.array_equal(two, flatten(shot, (Step(-200, -100), Text(-300, 0, "x"), Step(24, 24))).pixels)


def test_a_crop_of_a_screenshot_is_seen_without_a_copy() -> None:
    shot = noise(SIDE, SIDE)
    part = replace(shot, pixels=shot.pixels[5:30, 7:40])
    image = to_qimage(part)
    assert np.array_equal(from_qimage(image)[..., :3], part.pixels[..., :3])
    shot.pixels[6, 9] = (1, 2, 3, 0)
    assert image.pixelColor(2, 1).getRgb() == (3, 2, 1, 255)


def test_the_image_keeps_its_pixels_alive() -> None:
    image = to_qimage(noise(900, 900))
    expected = noise(900, 900).pixels[899, 899]
    for seed in range(4):
        noise(900, 900, seed=seed + 5)
    blue, green, red = expected[:3].tolist()
    assert image.pixelColor(899, 899).getRgb() == (red, green, blue, 255)


def test_words_beside_an_emoji_are_drawn_once() -> None:
    shot = plain(200, SIDE)
    with_emoji = flatten(shot, (Text(4, 4, "\U0001f642 a", size_px=24),)).pixels
    inked_columns = (with_emoji[..., :2] < 128).any(axis=(0, 2)).nonzero()[0]
    assert inked_columns.max() < 4 + measure(Text(0, 0, "\U0001f642 a", size_px=24))[0] + 2


def test_painting_does_not_use_up_references_to_none() -> None:
    image = QImage(64, 64, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    gc.collect()
    before = sys.getrefcount(None)
    for _ in range(1_000):
        paint((Box(4, 4, 20, 20), Text(1, 1, "a"), Step(30, 30)), painter, 1.0)
    painter.end()
    assert sys.getrefcount(None) > before - 500, "one reference for each of many thousand calls is gone"


def test_marks_are_drawn_without_any_display() -> None:
    code = (
        "from tests.ui.pictures import plain; from client.annotation import Step; from client.ui.paint import flatten;"
        "print(int(flatten(plain(40, 40), (Step(20, 20),)).pixels[20, 12, 2]))"
    )
    environment = {"PATH": "/usr/bin", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("229", "")
