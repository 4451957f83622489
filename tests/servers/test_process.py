from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.servers.asking import ask
from tests.servers.process import NotInstalled, Process, find_program, free_port, wait_until


def start(folder: Path) -> Process:
    """Python's own little server; ``folder/x`` is what it serves."""
    port = free_port()
    (folder / "x").write_text("x")
    return Process([sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)], folder, port)


def test_it_answers_until_it_is_stopped_and_again_on_the_same_port(tmp_path: Path) -> None:
    server = start(tmp_path)
    url = f"http://127.0.0.1:{server.port}/x"
    try:
        server.restart()
        assert ask("GET", url).body == b"x"
    finally:
        server.stop()
    with pytest.raises(OSError, match="refused"):
        ask("GET", url)
    server.stop()
    assert "GET /x" in server.log.read_text()


def test_a_server_restarted_from_a_thread_lives_longer_than_the_thread(tmp_path: Path) -> None:
    server = start(tmp_path)
    try:
        thread = threading.Thread(target=server.restart)
        thread.start()
        thread.join()
        assert ask("GET", f"http://127.0.0.1:{server.port}/x").body == b"x"
    finally:
        server.stop()


def test_a_server_that_cannot_start_shows_its_log(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ended by itself") as caught:
        Process([sys.executable, "-m", "nowhere"], tmp_path, free_port())
    assert "No module named nowhere" in caught.value.__notes__[0]


def test_a_server_that_starts_at_the_second_attempt_has_started(tmp_path: Path) -> None:
    port = free_port()
    program = (
        "import http.server, pathlib, sys; seen = pathlib.Path('seen'); first = not seen.exists(); seen.touch(); "
        "first and sys.exit(1); "
        f"http.server.test(http.server.SimpleHTTPRequestHandler, port={port}, bind='127.0.0.1')"
    )
    server = Process([sys.executable, "-c", program], tmp_path, port, attempts=2)
    try:
        assert ask("GET", f"http://127.0.0.1:{port}/seen").status == 200
    finally:
        server.stop()


def test_a_missing_program_is_told_apart() -> None:
    with pytest.raises(NotInstalled, match="no-such-server"):
        find_program("no-such-server")


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="only Linux ends children with their parent")
def test_a_killed_test_run_leaves_no_server(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys, threading; from tests.servers.test_process import start; "
        "print(start(pathlib.Path(sys.argv[1])).port, flush=True); threading.Event().wait()"
    )
    run = subprocess.Popen([sys.executable, "-c", program, tmp_path], cwd=ROOT, stdout=subprocess.PIPE)
    assert run.stdout is not None
    with run.stdout:
        url = f"http://127.0.0.1:{int(run.stdout.readline())}/x"
    assert ask("GET", url).body == b"x"
    os.kill(run.pid, signal.SIGKILL)
    run.wait()

    def gone() -> bool:
        try:
            ask("GET", url)
        except OSError:
            return True
        return False

    wait_until(gone, 10, "the end of the server")
