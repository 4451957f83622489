"""The file that goes with a ticket: complete, repeatable, private, and never with a secret."""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from client.diagnostics import Collected, Diagnosis, Finding, bundle


def diagnosis(*collected: Collected) -> Diagnosis:
    return Diagnosis(
        "quick",
        collected
        or (
            Collected("os", "System", "why", "ok", 12, "System: Debian", hidden=1, values={"secret": "stays here"}),
            Collected("clock", "Clock", "why", "absent", 3, "not collected (absent): no systemd", "no systemd"),
        ),
        (Finding("disk_full", "fail", "The system disk is 97 % full", "/: 97 % used", "Empty the trash."),),
        {"password": 3, "token": 1, "ip": 2},
        datetime(2026, 11, 21, 10, 42, tzinfo=UTC),
        "1.2.3",
    )


def test_it_holds_findings_first_then_every_section_and_a_manifest(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    bundle.write(path, diagnosis())
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["findings.txt", "01-os.txt", "02-clock.txt", "manifest.json"]
        texts = {name: archive.read(name) for name in archive.namelist()}
    assert "[fail] The system disk is 97 % full" in texts["findings.txt"].decode()
    assert "Clock (clock): absent, no systemd" in texts["findings.txt"].decode()
    assert "System: Debian" in texts["01-os.txt"].decode()
    manifest = json.loads(texts["manifest.json"])
    assert manifest["taken_at"] == "2026-11-21T10:42:00Z"
    assert (manifest["version"], manifest["profile"]) == ("1.2.3", "quick")
    assert manifest["collectors"][1] == {
        "id": "clock", "status": "absent", "ms": 3, "bytes": 34, "reason": "no systemd",
    }  # fmt: skip
    assert manifest["redactions"] == {"password": 3, "token": 1, "ip": 2}
    assert manifest["files"] == {
        name: hashlib.sha256(text).hexdigest() for name, text in texts.items() if name != "manifest.json"
    }
    assert b"stays here" not in b"".join(texts.values())


def test_the_same_diagnosis_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = tmp_path / "one.zip", tmp_path / "two.zip"
    bundle.write(one, diagnosis())
    bundle.write(two, diagnosis())
    assert one.read_bytes() == two.read_bytes()


def test_it_is_private_and_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(b"old")
    path.chmod(0o644)
    bundle.write(path, diagnosis())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert zipfile.is_zipfile(path)
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["bundle.zip"]


@pytest.mark.parametrize(
    "changed",
    [
        {"text": "log: password=hunter22 tried"},
        {"text": "AKIA" + "QYLPMN5HHHFPZAM2"},
        {"reason": "Authorization: Bearer abcdefgh12345678", "status": "partial"},
    ],
)
def test_a_secret_that_slipped_through_keeps_it_from_being_written(tmp_path: Path, changed: dict[str, str]) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(b"old")
    leaky = replace(diagnosis().collected[0], **changed)
    with pytest.raises(bundle.Unsafe) as refused:
        bundle.write(path, diagnosis(leaky))
    assert "hunter22" not in str(refused.value)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["bundle.zip"]


def test_the_description_has_the_keys_scripts_rely_on(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    bundle.write(path, diagnosis())
    told = bundle.describe(path, diagnosis())
    assert set(told) == {"path", "sha256", "size_bytes", "collectors", "findings", "redactions"}
    assert told["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert told["size_bytes"] == path.stat().st_size
    assert set(told["collectors"][0]) == {"id", "status", "ms", "bytes", "reason"}
    assert set(told["findings"][0]) == {"id", "severity", "title", "evidence", "advice"}
    json.dumps(told)


def test_nothing_found_does_not_read_as_all_is_well() -> None:
    text = bundle.findings_text(replace(diagnosis(), findings=()))
    assert "Nothing stood out in what could be collected" in text
    assert "Not complete" in text
