"""Kills, torn files, full disks, screens that go away: what is left must play."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from queue import Queue

import pytest

from capture import CaptureError
from capture.linux_x11 import X11Desktop
from capture.video import Recorder, RecordingCut, orphans, salvage
from tests.capture.video.recording import States, canned, child_of, noise, times_and_pictures, wait_for
from tests.conftest import ROOT, start_x_server, stop


def test_a_killed_recorder_keeps_all_but_the_last_second(tmp_path: Path, monkeypatch) -> None:
    states, ended = States(), Queue()
    recorder = Recorder(
        tmp_path / "a.mp4", canned(tmp_path / "m", noise(), monkeypatch), on_state=states, on_end=ended.put
    )
    recorder.start()
    last = states.until(lambda state: state.seconds >= 2.4)
    child_of(os.getpid()).kill()
    cut = ended.get(timeout=20)
    assert isinstance(cut, RecordingCut)
    assert cut.recording is not None
    assert str(cut.recording.path) in cut.advice
    assert cut.recording.seconds >= last.seconds - 1
    times, _ = times_and_pictures(cut.recording.path)
    assert times[-1] >= last.seconds - 1
    with pytest.raises(RecordingCut, match="unexpectedly"):
        recorder.stop()


def test_a_still_recording_killed_keeps_all_but_about_the_last_second(tmp_path: Path, monkeypatch) -> None:
    states, ended = States(), Queue()
    monitor = canned(tmp_path / "m", noise(1), monkeypatch)
    recorder = Recorder(tmp_path / "a.mp4", monitor, on_state=states, on_end=ended.put)
    recorder.start()
    last = states.until(lambda state: state.seconds >= 2.9)
    child_of(os.getpid()).kill()
    cut = ended.get(timeout=20)
    assert isinstance(cut, RecordingCut)
    assert cut.recording is not None
    assert cut.recording.seconds >= last.seconds - 1.05


PARENT = """
import sys, threading
from pathlib import Path
from capture.canned import CannedDesktop
from capture.video import Recorder
folder, path = Path(sys.argv[1]), Path(sys.argv[2])
Recorder(path, CannedDesktop(folder).monitors()[0], on_state=lambda state: print(state.seconds, flush=True)).start()
threading.Event().wait()
"""


def start_parent(folder: Path, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PARENT, str(folder), str(path)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert parent.stdout is not None
    for line in parent.stdout:
        if float(line) >= 1.4:
            break
    return parent


def test_a_killed_program_leaves_a_finished_recording(tmp_path: Path, monkeypatch) -> None:
    canned(tmp_path / "m", noise(), monkeypatch)
    parent = start_parent(tmp_path / "m", tmp_path / "a.mp4")
    parent.kill()
    parent.communicate()
    wait_for((tmp_path / "a.mp4").exists)
    times, _ = times_and_pictures(tmp_path / "a.mp4")
    assert times[-1] >= 1.4
    assert orphans(tmp_path) == ()


def test_when_program_and_recorder_die_the_part_is_found_and_saved(tmp_path: Path, monkeypatch) -> None:
    canned(tmp_path / "m", noise(), monkeypatch)
    parent = start_parent(tmp_path / "m", tmp_path / "a.mp4")
    recording = child_of(parent.pid)
    assert orphans(tmp_path) == ()
    with pytest.raises(CaptureError, match="still being made"):
        salvage(tmp_path / "a.part.mp4")
    recording.kill()
    parent.kill()
    parent.communicate()
    wait_for(lambda: not recording.is_running())
    assert orphans(tmp_path) == (tmp_path / "a.part.mp4",)
    done = salvage(tmp_path / "a.part.mp4")
    assert done.path == tmp_path / "a.mp4"
    assert done.seconds >= 0.4
    assert orphans(tmp_path) == ()


def test_salvage_replaces_no_other_recording_and_keeps_what_is_beyond_use(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"another")
    for content in (b"\0" * 5000, os.urandom(5000)):
        (tmp_path / "a.part.mp4").write_bytes(content)
        with pytest.raises(CaptureError, match="damaged") as caught:
            salvage(tmp_path / "a.part.mp4")
        assert str(tmp_path / "a.part.mp4") in caught.value.advice
        assert (tmp_path / "a.part.mp4").read_bytes() == content
    assert (tmp_path / "a.mp4").read_bytes() == b"another"
    with pytest.raises(ValueError, match="no unfinished recording"):
        salvage(tmp_path / "a.mp4")


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.9])
def test_a_part_torn_anywhere_is_saved_up_to_there(tmp_path: Path, monkeypatch, cut: float) -> None:
    states, ended = States(), Queue()
    monitor = canned(tmp_path / "m", noise(4, 128, 128), monkeypatch)
    recorder = Recorder(tmp_path / "a.mp4", monitor, on_state=states, on_end=ended.put)
    recorder.start()
    states.until(lambda state: state.seconds >= 1.9)
    part = (tmp_path / "a.part.mp4").read_bytes()
    recorder.stop()
    (tmp_path / "b.part.mp4").write_bytes(part[: int(len(part) * cut)])
    done = salvage(tmp_path / "b.part.mp4")
    assert 0 < done.seconds < 2.5
    times, _ = times_and_pictures(done.path)
    assert len(times) >= done.frames - 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_recording_cleanly(tmp_path: Path, monkeypatch, number: int) -> None:
    states = States()
    recorder = Recorder(tmp_path / "a.mp4", canned(tmp_path / "m", noise(1), monkeypatch), on_state=states)
    recorder.start()
    states.until(lambda state: state.frames >= 1)
    child_of(os.getpid()).send_signal(number)
    done = recorder.wait(20)
    assert done is not None
    assert done.frames >= 1


def test_a_full_disk_is_told_and_what_was_written_plays(tmp_path: Path, monkeypatch) -> None:
    monitor = canned(tmp_path / "m", noise(), monkeypatch)
    recorder = Recorder(tmp_path / "a.mp4", monitor)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, before[1]))  # the child inherits it
    try:
        recorder.start()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with pytest.raises(RecordingCut, match="could not be written") as caught:
        recorder.wait(20)
    assert "a.part.mp4" in caught.value.advice
    assert orphans(tmp_path) == (tmp_path / "a.part.mp4",)
    done = salvage(tmp_path / "a.part.mp4")
    assert len(times_and_pictures(done.path)[0]) > 1


def test_a_monitor_that_is_unplugged_ends_the_recording_cleanly(tmp_path: Path, monkeypatch) -> None:
    display, running = start_x_server("640x480", window_manager=False)
    try:
        monkeypatch.setenv("DISPLAY", display)
        subprocess.run(["xrandr", "--setmonitor", "extra", "320/80x240/60+0+0", "none"], check=True, timeout=10)
        desktop = X11Desktop(display)
        monitor = next(monitor for monitor in desktop.monitors() if monitor.name == "extra")
        states = States()
        recorder = Recorder(tmp_path / "a.mp4", monitor, on_state=states)
        recorder.start()
        states.until(lambda state: state.frames >= 1)
        subprocess.run(["xrandr", "--delmonitor", "extra"], check=True, timeout=10)
        done = recorder.wait(20)
        assert done is not None
        assert (done.width, done.height) == (320, 240)
        desktop.close()
        gone = Recorder(tmp_path / "b.mp4", monitor)
        gone.start()
        with pytest.raises(CaptureError, match="no longer there"):
            gone.wait(20)
        assert not list(tmp_path.glob("b*"))
    finally:
        stop(running)


def test_the_end_of_the_screen_leaves_a_finished_recording(tmp_path: Path, monkeypatch) -> None:
    display, running = start_x_server("640x480", window_manager=False)
    monkeypatch.setenv("DISPLAY", display)
    desktop = X11Desktop(display)
    states = States()
    recorder = Recorder(tmp_path / "a.mp4", desktop.monitors()[0], on_state=states)
    desktop.close()
    recorder.start()
    states.until(lambda state: state.frames >= 2)
    stop(running)
    done = recorder.wait(20)
    assert done is not None
    assert len(times_and_pictures(done.path)[0]) >= 2
