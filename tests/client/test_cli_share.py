"""``share`` as scripts use it: links that end, resumed runs, sealed files, and what is left outside."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from client.paths import open_paths
from client.session import Session
from tests.client.test_cli import ROOT, answer, call
from tests.servers.fault_proxy import FaultProxy
from tests.servers.process import wait_until
from tests.servers.s3 import S3Server

MIB = 1024 * 1024
HEEDS_INTERRUPTS = """
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("client", run_name="__main__")
"""
"""A test run in the background of a script ignores Ctrl-C, and so would what it starts."""


@pytest.fixture
def film(tmp_path: Path) -> Path:
    film = tmp_path / "grabación 🐦.mp4"
    film.write_bytes(b"".join(hashlib.sha256(bytes([n])).digest() * (MIB // 32) for n in range(90)))
    return film


@pytest.fixture
def s3(rclone_s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """``s3(url)``: from now on the share is this bucket, reached under that address."""

    def use(url: str) -> None:
        monkeypatch.setenv("TESTIGO_SECRET_FILES", rclone_s3.secret_key)
        Session(open_paths()).change(
            {"shares.files.kind": "s3", "shares.files.url": url, "report.share": "files",
             "shares.files.bucket": rclone_s3.make_bucket("cli-share"), "shares.files.access_key": rclone_s3.access_key}
        )  # fmt: skip

    return use


def opened(url: str) -> Path:
    return Path(unquote(urlsplit(url).path))


def until(at: str) -> timedelta:
    return datetime.fromisoformat(at) - datetime.now(UTC)


def test_a_link_ends_when_it_was_asked_to_and_says_so(film: Path) -> None:
    code, shared = answer("share", str(film), "--expires", "3d")
    assert code == 0
    assert timedelta(days=2, hours=23) < until(shared["expires_at"]) <= timedelta(days=3)
    assert shared["sha256"] == hashlib.sha256(film.read_bytes()).hexdigest()
    assert opened(shared["url"]).read_bytes() == film.read_bytes()
    _, found = answer("share", "links")
    assert [(link["name"], link["ended_by"]) for link in found["links"]] == [(film.name, "us")]
    code, _, said = call("--lang", "en", "share", str(film), "--expires", "never")
    assert code == 0
    assert "does not expire" in said


@pytest.mark.parametrize("value", ["soon", "0d", "-1d", "7", "99999w"])
def test_an_end_that_is_no_time_is_refused(film: Path, value: str) -> None:
    code, told = answer("share", str(film), f"--expires={value}")
    assert (code, told["error"]["code"]) == (2, "usage")


def test_a_revoked_link_leads_nowhere_and_is_forgotten(film: Path) -> None:
    _, shared = answer("share", str(film))
    code, told = answer("share", "revoke", shared["url"])
    assert (code, told["ok"]) == (0, True)
    assert not opened(shared["url"]).exists()
    code, told = answer("share", "revoke", shared["url"])
    assert (code, told["error"]["code"]) == (2, "not_found")


def test_a_password_that_the_service_does_not_know_is_refused(film: Path) -> None:
    code, told = answer("share", str(film), "--password")
    assert (code, told["error"]["code"]) == (4, "refused")
    assert "password" in told["error"]["detail"]
    assert "report" not in told["error"]["advice"]


def test_a_sealed_file_is_opened_by_its_link_alone(film: Path, tmp_path: Path, s3: Any, rclone_s3: S3Server) -> None:
    s3(rclone_s3.url)
    code, shared = answer("share", str(film), "--encrypt")
    assert (code, shared["encrypted"]) == (0, True)
    code, told = answer("share", "open", shared["url"], "-o", str(tmp_path / "out"))
    assert code == 0
    assert Path(told["path"]).read_bytes() == film.read_bytes()
    assert Path(told["path"]).name == film.name
    wrong = shared["url"].replace("#k=", "#k=A").replace("#k=AA", "#k=AB")
    code, told = answer("share", "open", wrong, "-o", str(tmp_path / "wrong"))
    assert code == 4
    assert not list((tmp_path / "wrong").glob("*"))


def test_a_sealed_file_in_a_folder_is_opened_too(film: Path, tmp_path: Path) -> None:
    _, shared = answer("share", str(film), "--encrypt")
    code, told = answer("share", "open", shared["url"], "-o", str(tmp_path / "out"))
    assert code == 0
    assert Path(told["path"]).read_bytes() == film.read_bytes()


def test_a_key_that_travels_apart_is_asked_for(film: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    Session(open_paths()).change(
        {"shares.x.kind": "folder", "shares.x.path": str(place), "shares.x.seal": "apart", "report.share": "x"}
    )
    _, shared = answer("share", str(film))
    assert "#k=" not in shared["url"]
    code, told = answer("share", "open", shared["url"], "-o", str(tmp_path / "out"), stdin=shared["key"] + "\n")
    assert code == 0
    assert Path(told["path"]).read_bytes() == film.read_bytes()
    other = answer("share", str(film))[1]["key"]  # well formed, and another file's
    code, told = answer("share", "open", shared["url"], "-o", str(tmp_path / "wrong"), stdin=other + "\n")
    assert (code, told["error"]["code"]) == (4, "refused")
    assert "key" in told["error"]["detail"]
    assert other not in json.dumps(told)
    assert not list((tmp_path / "wrong").iterdir())
    slip = ("1" if shared["key"][0] == "0" else "0") + shared["key"][1:]
    assert answer("share", "open", shared["url"], "-o", str(tmp_path / "out"), stdin=slip + "\n")[0] == 4


def test_a_report_carries_the_page_that_opens_a_sealed_file(film: Path, tmp_path: Path) -> None:
    session = Session(open_paths())
    place = tmp_path / "place"
    place.mkdir()
    session.change(
        {"shares.x.kind": "folder", "shares.x.path": str(place), "shares.x.seal": "apart", "report.share": "x"}
    )
    code, sent = answer("report", "--summary", "Sealed", "--attach", str(film), "--wait")
    assert code == 0
    (ticket,) = session.paths.default_desk.glob("T-*/ticket.json")
    by_name = {file["name"]: file for file in json.loads(ticket.read_text("utf-8"))["attachments"]}
    assert b"<script" in (ticket.parent / by_name["open-sealed-files.html"]["path"]).read_bytes()
    assert by_name[film.name]["sealed"]
    key = by_name[film.name]["key"]
    assert key in (ticket.parent / "ticket.html").read_text("utf-8")
    assert [file["name"] for file in sent["attachments"]][:1] == [film.name]


def test_what_is_kept_is_readable_by_its_owner_alone(film: Path) -> None:
    answer("share", str(film), "--expires", "3d")
    kept = list((open_paths().data / "shared").rglob("*"))
    assert kept
    assert not [path for path in kept if path.stat().st_mode & 0o077]


def test_killed_in_the_middle_the_next_run_sends_only_the_rest(
    film: Path, s3: Any, rclone_s3: S3Server, fault_proxy: Callable[[str], FaultProxy]
) -> None:
    line = fault_proxy(rclone_s3.url)
    s3(line.url)
    command = [sys.executable, "-m", "client", "share", str(film)]
    line.next(fault_after(1), lambda method, path: "partNumber=5" in path)
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: sum(request.status == 200 for request in line.requests) >= 5, 30, "four parts")
    running.send_signal(signal.SIGKILL)
    running.wait()
    line.heal()
    code, shared = answer("share", str(film))
    assert code == 0
    assert shared["resumed_from_bytes"] >= 60 * MIB


def fault_after(size_bytes: int) -> Any:
    from tests.servers.faults import Fault

    return Fault(stall_after_bytes=size_bytes)


def test_stopped_by_the_user_it_can_be_given_up(
    film: Path, s3: Any, rclone_s3: S3Server, fault_proxy: Callable[[str], FaultProxy]
) -> None:
    line = fault_proxy(rclone_s3.url)
    s3(line.url)
    line.next(fault_after(1), lambda method, path: "partNumber=5" in path)
    running = subprocess.Popen(
        [sys.executable, "-c", HEEDS_INTERRUPTS, "share", str(film)],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, "LANG": "C.UTF-8"},
    )  # fmt: skip
    wait_until(lambda: sum(request.status == 200 for request in line.requests) >= 5, 30, "four parts")
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=10)
    assert running.returncode == 130
    assert "Run the same command again" in said.decode()
    line.heal()
    threading.Event().wait(0.1)
    code, told = answer("share", "abandon", str(film))
    assert (code, told["ok"]) == (0, True)
    assert any(request.method == "DELETE" and request.status == 204 for request in line.requests)


def test_a_share_that_does_not_answer_leaves_the_file_resumable(film: Path, s3: Any) -> None:
    s3("http://127.0.0.1:1")
    code, told = answer("share", str(film))
    assert (code, told["error"]["code"]) == (5, "unreachable")
    assert "Run the same command again" in told["error"]["advice"]
    code, told = answer("share", "check")
    assert (code, told["error"]["code"]) == (4, "unreachable"), "a check is not made again by itself"
