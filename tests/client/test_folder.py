from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.folder import Damaged, ReportFolder, Shelf, write_bytes
from client.session import Session


@given(st.binary(max_size=400))
def test_a_damaged_report_is_told_and_never_read_as_something_else(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    shelf = Shelf(tmp_path_factory.mktemp("data"))
    folder = shelf.create()
    (folder.path / "report.json").write_bytes(content)
    with pytest.raises(Damaged, match=r"report\.json"):
        folder.read()


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "", "a/b"])
def test_a_stored_name_never_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    folder = Shelf(tmp_path).create()
    stored: dict[str, Any] = json.loads((folder.path / "report.json").read_bytes())
    stored["attachments"] = [{"name": name, "path": None, "size_bytes": 1, "media_type": "x", "sha256": "00"}]
    (folder.path / "report.json").write_text(json.dumps(stored))
    with pytest.raises(Damaged):
        folder.read()


def test_a_damaged_draft_is_moved_aside_untouched_and_the_rest_is_unharmed(session: Session) -> None:
    good, bad = session.new_draft(summary="good"), session.new_draft(summary="bad")
    (bad.folder.path / "report.json").write_text('{"id": "cut')
    assert [d.report.summary for d in session.drafts()] == ["good"]
    (aside,) = session.set_aside
    assert (aside / "report.json").read_text() == '{"id": "cut'
    assert good.folder.path.is_dir()
    assert [d.report.summary for d in session.drafts()] == ["good"]


def test_what_a_crash_left_half_made_is_swept_when_it_is_old(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    (tmp_path / "drafts" / ".half").mkdir()
    kept = shelf.create()
    shelf.sweep()
    assert (tmp_path / "drafts" / ".half").exists()
    shelf.sweep(older_than_s=-1)
    assert [f.id for f in shelf.list("drafts")] == [kept.id]
    assert not (tmp_path / "drafts" / ".half").exists()


def test_writing_replaces_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "f"
    write_bytes(file, b"old")

    def die(self: Path, target: Path) -> None:
        raise OSError(5, "dies")

    monkeypatch.setattr(Path, "replace", die)
    with pytest.raises(OSError, match="dies"):
        write_bytes(file, b"new")
    assert file.read_bytes() == b"old"


def test_names_from_outside_find_no_folder(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    for name in ("", ".", "..", "../drafts", ".lock", "a/b"):
        assert shelf.find(name) is None
    made = shelf.create()
    assert isinstance(shelf.find(made.id), ReportFolder)
