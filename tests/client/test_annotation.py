from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.image import Region
from client.annotation import (
    Arrow,
    Box,
    Crop,
    Hide,
    History,
    Pen,
    Step,
    Text,
    crop_region,
    hidden_regions,
    read_marks,
    step_number,
    write_marks,
)
from tests.client.marks import any_marks

HISTORIES = st.lists(any_marks(), max_size=6)


def history_of(states: list[tuple]) -> History:
    history = History()
    for marks in states:
        history = history.done(marks)
    return history


@given(HISTORIES)
def test_undo_goes_back_through_every_state_and_redo_forth_again(states: list[tuple]) -> None:
    history, seen = History(), [()]
    for marks in states:
        history = history.done(marks)
        if marks != seen[-1]:
            seen.append(marks)
    backwards = [history.marks]
    while history.can_undo:
        history = history.undo()
        backwards.append(history.marks)
    assert backwards == seen[::-1]
    forwards = [history.marks]
    while history.can_redo:
        history = history.redo()
        forwards.append(history.marks)
    assert forwards == seen


@given(HISTORIES, any_marks())
def test_an_edit_after_undo_drops_what_was_undone(states: list[tuple], marks: tuple) -> None:
    history = history_of(states).undo()
    edited = history.done(marks)
    assert edited.marks == marks
    assert not edited.can_redo or edited is history
    assert edited is history or edited.undo().marks == history.marks


def test_undo_at_the_beginning_and_redo_at_the_end_change_nothing() -> None:
    history = History().done((Step(1, 1),))
    assert History().undo() == History()
    assert history.redo() is history


@given(HISTORIES, st.integers(0, 4))
def test_a_history_comes_back_from_json_with_its_undo(states: list[tuple], undone: int) -> None:
    history = history_of(states)
    for _ in range(undone):
        history = history.undo()
    assert History.from_json(history.to_json()) == history


def test_a_history_that_does_not_fit_its_marks_is_refused() -> None:
    document = json.loads(History().done((Step(1, 1),)).done((Step(1, 1), Step(2, 2))).to_json())
    document["marks"] = []
    with pytest.raises(ValueError, match="does not fit"):
        History.from_json(json.dumps(document).encode())


def test_moving_one_of_many_marks_keeps_the_history_small() -> None:
    marks = tuple(Pen(tuple((float(i), float(n)) for i in range(100))) for n in range(50))
    history = History(marks)
    for n in range(100):
        history = history.done((*history.marks[:25], Step(n, n), *history.marks[26:]))
    assert len(history.to_json()) < 2 * len(write_marks(marks))


@given(any_marks())
def test_marks_come_back_from_json(marks: tuple) -> None:
    assert read_marks(write_marks(marks)) == marks


def test_a_bare_list_and_whole_numbers_are_read_too() -> None:
    marks = read_marks(b'\xef\xbb\xbf [{"type": "arrow", "start": [1, 2], "end": [3, 4], "color": "#00ff00"}]')
    assert marks == (Arrow((1, 2), (3, 4), "#00ff00"),)
    assert read_marks(b'{"marks": []}') == ()


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b'[{"type":"box","x":1,"y":1,"width":1}]', r"height.*\$\[0\]"),
        (b'{"marks":[{"type":"box","x":"1","y":1,"width":1,"height":1}]}', r"\$\.marks\[0\]\.x"),
        (b'{"marks":[{"type":"box","x":NaN,"y":1,"width":1,"height":1}]}', "malformed"),
        (b'{"marks":[{"type":"box","x":1e308,"y":1,"width":1,"height":1}]}', r"\$\.marks\[0\]\.x"),
        (b'{"marks":[{"type":"box","x":1,"y":1,"width":-4,"height":1}]}', r"\$\.marks\[0\]\.width"),
        (b'{"marks":[{"type":"hide","x":1,"y":1,"width":0,"height":1}]}', r"\$\.marks\[0\]\.width"),
        (b'{"marks":[{"type":"step","x":1,"y":1,"color":"red"}]}', r"\$\.marks\[0\]\.color"),
        (b'{"marks":[{"type":"line","start":[1],"end":[1,2]}]}', r"\$\.marks\[0\]\.start"),
        (b'{"marks":[{"type":"pen","points":[]}]}', r"\$\.marks\[0\]\.points"),
        (b'{"marks":[{"type":"blur","x":1,"y":1}]}', r"blur.*\$\.marks\[0\]\.type"),
        (b'{"marks":[{"type":"step","x":1,"y":1,"note":""}]}', r"note.*\$\.marks\[0\]"),
        (b'{"mark":[]}', "mark"),
        (b"", "truncated"),
        (b"\xff\xfe", "."),
        (b"[" * 100_000, "."),
    ],
)
def test_a_fault_in_the_json_is_named_with_its_place(content: bytes, place: str) -> None:
    with pytest.raises(ValueError, match=place):
        read_marks(content)


def test_a_stroke_of_a_million_points_and_a_million_marks_are_refused() -> None:
    points = b",".join([b"[1,1]"] * 1_000_000)
    with pytest.raises(ValueError, match="points"):
        read_marks(b'[{"type":"pen","points":[' + points + b"]}]")
    with pytest.raises(ValueError, match="5000 marks"):
        read_marks(b"[" + b",".join([b'{"type":"step","x":1,"y":1}'] * 6_000) + b"]")
    with pytest.raises(ValueError, match="32 MB"):
        read_marks(b"[" + b" " * 33_000_000 + b"]")


def test_a_step_bears_its_place_among_the_steps_so_deleting_one_renumbers() -> None:
    marks = (Step(1, 1), Text(0, 0, "a"), Step(2, 2), Step(3, 3))
    assert [step_number(marks, index) for index in (0, 2, 3)] == [1, 2, 3]
    assert step_number(marks[1:], 2) == 2


def test_hiding_destroys_every_pixel_it_touches() -> None:
    assert hidden_regions((Hide(1.9, 2.0, 0.2, 3.5), Box(0, 0, 9, 9))) == (Region(1, 2, 2, 4),)


def test_the_last_crop_counts() -> None:
    assert crop_region((Crop(0, 0, 50, 50), Step(1, 1), Crop(1.2, 2.6, 10.5, 0.2))) == Region(1, 3, 11, 1)
    assert crop_region((Step(1, 1),)) is None
