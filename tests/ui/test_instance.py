from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

import pytest

from client.paths import Paths, open_paths
from client.ui.instance import AlreadyRunning, Instance, ask

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def paths() -> Paths:
    return open_paths()


@pytest.fixture
def echo(paths: Paths) -> Iterator[Instance]:
    def handle(verb: str, arguments: dict[str, Any], reply: Any) -> None:
        if verb == "fail":
            raise ValueError("on purpose")
        reply({"verb": verb, "arguments": arguments})

    made = Instance(paths, "tray", handle)
    yield made
    made.close()


def test_a_verb_goes_over_and_its_answer_comes_back(paths: Paths, echo: Instance) -> None:
    asked = {"summary": "Ñandú 🐦", "rect": [1, 2, 3, 4]}
    assert ask(paths, "tray", "capture", asked, wait_s=5) == {"verb": "capture", "arguments": asked}


def test_nobody_answers_when_nobody_listens(paths: Paths) -> None:
    assert ask(paths, "tray", "ping", {}, wait_s=1) is None


def test_only_one_has_the_name(paths: Paths, echo: Instance) -> None:
    with pytest.raises(AlreadyRunning):
        Instance(paths, "tray", lambda *_: None)
    other = Instance(paths, "recorder", lambda verb, arguments, reply: reply({}))
    other.close()
    assert ask(paths, "tray", "ping", {}, wait_s=5) is not None


def test_only_the_user_may_enter(paths: Paths, echo: Instance) -> None:
    socket = Path(paths.address("tray"))
    assert stat.S_IMODE(socket.stat().st_mode) & 0o077 == 0
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700


def test_a_killed_instance_leaves_no_lock_behind(paths: Paths) -> None:
    code = (
        "import sys; from client.paths import open_paths; from client.ui.instance import Instance\n"
        "i = Instance(open_paths(), 'tray', lambda *_: None); print('up', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    with pytest.raises(AlreadyRunning):
        Instance(paths, "tray", lambda *_: None)
    process.kill()
    process.communicate()
    again = Instance(paths, "tray", lambda verb, arguments, reply: reply({}))
    assert ask(paths, "tray", "ping", {}, wait_s=5) == {}
    again.close()


@pytest.mark.parametrize("sent", [b"", b"{", b"[]", b'{"verb": 1, "arguments": {}}', b"\xff" * 1000, b"x" * 2_000_000])
def test_nonsense_on_the_socket_harms_nobody(paths: Paths, echo: Instance, sent: bytes) -> None:
    with Client(paths.address("tray")) as connection:
        try:
            connection.send_bytes(sent)
            connection.recv_bytes()
        except (EOFError, OSError):
            pass
    assert ask(paths, "tray", "ping", {}, wait_s=5) is not None


@pytest.mark.expects_errors
def test_a_verb_that_fails_is_answered_with_an_error(paths: Paths, echo: Instance) -> None:
    answer = ask(paths, "tray", "fail", {}, wait_s=5)
    assert answer is not None
    assert (answer["error"]["code"], answer["exit"]) == ("failed", 1)
    assert json.dumps(answer)


def test_a_folder_with_a_very_long_name_is_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    with tempfile.TemporaryDirectory(prefix="t-") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        paths = open_paths(data=tmp_path / ("d" * 120))
        echo = Instance(paths, "tray", lambda verb, given, reply: reply(given))
        try:
            assert ask(paths, "tray", "echo", {"a": 1}, wait_s=5) == {"a": 1}
        finally:
            echo.close()
        paths.runtime.chmod(0o755)
        with pytest.raises(PermissionError, match="open to others"):
            open_paths(data=tmp_path / ("d" * 120))
