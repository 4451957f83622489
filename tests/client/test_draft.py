from __future__ import annotations

import hashlib
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture import Monitor, Screenshot
from client.draft import CannotAttach, Draft, clean_name
from client.folder import Shelf
from uploader.errors import Cancelled


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "data")


@pytest.fixture
def draft(shelf: Shelf) -> Draft:
    return Draft(shelf.create())


def again(draft: Draft) -> Draft:
    """The same draft as a new process would find it."""
    return Draft(draft.folder)


def test_every_change_is_on_disk_at_once(draft: Draft) -> None:
    draft.set(summary="Ñandú 🐦", priority="high", kind="claim")
    assert again(draft).report == draft.report
    assert again(draft).report.summary == "Ñandú 🐦"


def test_a_file_is_copied_hashed_and_independent_of_the_original(draft: Draft, tmp_path: Path) -> None:
    source = tmp_path / "a.log"
    source.write_bytes(b"first")
    made = draft.add_file(source)
    source.write_bytes(b"changed later")
    assert made.path.read_bytes() == b"first"
    assert made.sha256 == hashlib.sha256(b"first").hexdigest()
    assert again(draft).report.attachments == (made,)


def test_two_files_of_one_name_both_stay(draft: Draft, tmp_path: Path) -> None:
    for folder in ("one", "two", "three"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "log.txt").write_text(folder)
        draft.add_file(tmp_path / folder / "log.txt")
    assert [a.name for a in draft.report.attachments] == ["log.txt", "log (2).txt", "log (3).txt"]
    assert [a.path.read_text() for a in draft.report.attachments] == ["one", "two", "three"]


@pytest.mark.parametrize(
    "name",
    ["🐦 ñ.txt", "line\nbreak\r.txt", "..", "tab\there", "x" * 251 + ".bin", "é" * 126 + ".b", "CON", "a<b>:c?.txt"],
)
def test_strange_names_are_attached_under_a_clean_one(draft: Draft, tmp_path: Path, name: str) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    made = draft.add_file(source, name=name)
    assert made.path.parent == draft.folder.files
    assert len(made.name.encode()) <= 200
    assert again(draft).report.attachments == (made,)


@given(st.text(max_size=300))
def test_a_clean_name_is_safe_everywhere_and_stays_clean(name: str) -> None:
    clean = clean_name(name)
    assert clean
    assert clean == Path(clean).name
    assert clean not in (".", "..")
    assert len(clean.encode()) <= 200
    assert not set(clean) & set('<>:"/\\|?*\r\n\t\0\u202e')
    assert clean_name(clean) == clean


def test_an_empty_file_and_a_sparse_five_gigabyte_file_are_attached(draft: Draft, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert draft.add_file(tmp_path / "empty").size_bytes == 0
    sparse = tmp_path / "sparse.img"
    with sparse.open("wb") as file:
        file.truncate(5_000_000_000)
    made = draft.add_file(sparse)
    assert made.size_bytes == 5_000_000_000
    assert made.path.stat().st_blocks * 512 < 50_000_000


def test_a_file_that_grows_meanwhile_is_taken_as_it_was(draft: Draft, tmp_path: Path) -> None:
    source = tmp_path / "grows.log"
    source.write_bytes(b"a" * 9_000_000)

    def grow(done: int, total: int) -> None:
        with source.open("ab") as file:
            file.write(b"b" * 1000)

    made = draft.add_file(source, progress=grow)
    assert made.size_bytes == 9_000_000
    assert made.sha256 == hashlib.sha256(b"a" * 9_000_000).hexdigest()


def test_what_cannot_be_attached_is_named_and_leaves_nothing(draft: Draft, tmp_path: Path) -> None:
    with pytest.raises(CannotAttach, match="no longer there"):
        draft.add_file(tmp_path / "gone")
    with pytest.raises(CannotAttach, match="not a file"):
        draft.add_file(tmp_path)
    with pytest.raises(CannotAttach, match="not a file"):
        draft.add_file(Path("/dev/zero"))
    assert draft.report.attachments == ()
    assert not list(draft.folder.files.iterdir())


def test_stopping_a_copy_leaves_nothing(draft: Draft, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 9_000_000)

    def stop(done: int, total: int) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        draft.add_file(tmp_path / "big", progress=stop)
    assert sorted(p.name for p in draft.folder.path.iterdir()) == ["files", "report.json"]


def test_a_full_disk_is_one_clear_error_and_the_draft_is_as_it_was(tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        draft = Draft(Shelf(place).create(summary="kept"))
        (tmp_path / "big").write_bytes(os.urandom(2_000_000))
        with pytest.raises(CannotAttach, match="disk is full"):
            draft.add_file(tmp_path / "big")
        with pytest.raises(CannotAttach, match="disk is full"):
            draft.add_content("big.bin", os.urandom(2_000_000))
        assert again(draft).report == draft.report
        assert draft.report.summary == "kept"
        assert not list(draft.folder.files.iterdir())
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_removing_takes_the_file_off_the_disk(draft: Draft, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    made = draft.add_file(tmp_path / "a")
    draft.remove(made.name)
    assert not made.path.exists()
    assert again(draft).report.attachments == ()


def test_moving_a_recording_in_leaves_no_second_copy(draft: Draft, tmp_path: Path) -> None:
    source = tmp_path / "r.mp4"
    source.write_bytes(b"video")
    made = draft.add_file(source, name="grabación.mp4", move=True)
    assert not source.exists()
    assert (made.name, made.media_type) == ("grabación.mp4", "video/mp4")


def grey() -> Screenshot:
    import numpy as np

    monitor = Monitor("1", "one", 0, 0, 64, 64, 1.0, primary=True)
    return Screenshot(np.full((64, 64, 4), 90, np.uint8), 1.0, monitor, datetime.now(UTC))


def test_a_moved_file_is_gone_from_its_old_place_only_when_the_report_has_it(draft: Draft, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"frames")
    there: list[bool] = []
    made = draft.add_file(film, name="recording.mp4", move=True, progress=lambda *_: there.append(film.exists()))
    assert there == [True]
    assert not film.exists()
    assert again(draft).report.attachments == (made,)
    assert made.path.read_bytes() == b"frames"


def test_a_picture_drawn_anew_just_before_a_crash_is_measured_at_the_next_start(draft: Draft) -> None:
    made = draft.add_picture(grey())
    os.utime(draft.folder.path / "report.json", ns=(1, 1))
    made.path.write_bytes(b"drawn anew")
    found = again(draft)
    found.mend()
    assert found.report.attachments[0].sha256 == hashlib.sha256(b"drawn anew").hexdigest()
    assert again(draft).report == found.report


def test_a_draft_is_empty_until_something_lies_in_it(draft: Draft) -> None:
    assert draft.is_empty
    (draft.folder.files / "orphan.png").write_bytes(b"left by a crash")
    assert not draft.is_empty
