"""The recorder through its front, on pictures that are known and on a real X server."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from queue import Queue

import av
import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture import CaptureError, Monitor, Recording, Region, png
from capture.canned import CannedDesktop
from capture.linux_x11 import X11Desktop
from capture.video import Recorder, RecordingCut, RecordingState, orphans, salvage
from capture.video.camera import fitted
from tests.conftest import ROOT, start_x_server, stop

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128), (255, 200, 0)]


def canned(folder: Path, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> Monitor:
    """A monitor whose frames go through ``pictures``, for this process and the recorder's."""
    import cv2

    folder.mkdir()
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    files = [f"{number}.png" for number in range(len(pictures))]
    (folder / "desktop.json").write_text(json.dumps({"monitors": [{"name": "m", "files": files}]}))
    monkeypatch.setenv("TESTIGO_DESKTOP", f"canned:{folder}")
    return CannedDesktop(folder).monitors()[0]


def noise(count: int = 4, height: int = 480, width: int = 640) -> list[np.ndarray]:
    return [np.random.default_rng(n).integers(0, 256, (height, width, 3), np.uint8) for n in range(count)]


def times_and_pictures(path: Path) -> tuple[list[float], list[np.ndarray]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return [float(frame.time) for frame in frames], [frame.to_ndarray(format="rgb24") for frame in frames]


class States:
    """What a recorder told; lets a test wait for a moment of the recording."""

    def __init__(self) -> None:
        self.all: list[RecordingState] = []
        self._told = threading.Condition()

    def __call__(self, state: RecordingState) -> None:
        with self._told:
            self.all.append(state)
            self._told.notify_all()

    def until(self, fits: Callable[[RecordingState], bool]) -> RecordingState:
        with self._told:
            assert self._told.wait_for(lambda: bool(self.all) and fits(self.all[-1]), 20)
            return self.all[-1]


def child_of(process: int) -> psutil.Process:
    (child,) = [p for p in psutil.Process(process).children() if "capture.video.child" in " ".join(p.cmdline())]
    return child


def test_colours_are_exact_and_tagged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bars = np.zeros((720, 1280, 3), np.uint8)
    for n, (red, green, blue) in enumerate(COLOURS):
        bars[:, n * 180 : (n + 1) * 180] = (blue, green, red)
    recorder = Recorder(tmp_path / "a.mp4", canned(tmp_path / "m", [bars], monkeypatch), max_seconds=0.5)
    recorder.start()
    done = recorder.wait(20)
    assert done is not None
    assert (done.codec, done.width, done.height, done.path) == ("h264", 1280, 720, tmp_path / "a.mp4")
    _, pictures = times_and_pictures(done.path)
    for n, colour in enumerate(COLOURS):
        inside = pictures[-1][20:-20, n * 180 + 20 : (n + 1) * 180 - 20].astype(int)
        assert np.abs(inside - colour).max() <= 4, colour
    with av.open(str(done.path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc) == (6, 1, 1)
        assert context.pix_fmt == "yuv420p"


def test_a_still_screen_is_as_long_as_asked_and_costs_few_frames(x_server: str, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DISPLAY", x_server)
    desktop = X11Desktop(x_server)
    ended: Queue[Recording | CaptureError] = Queue()
    states = States()
    recorder = Recorder(tmp_path / "a.mp4", desktop.monitors()[0], max_seconds=5, on_state=states, on_end=ended.put)
    recorder.start()
    done = recorder.wait(30)
    assert done is not None
    assert ended.get(timeout=5) == done
    with av.open(str(done.path)) as container:
        assert abs(container.duration / 1e6 - 5) <= 0.2
    assert abs(done.seconds - 5) <= 0.2
    assert done.frames <= 10
    assert done.size_bytes == done.path.stat().st_size
    assert len(states.all) <= 4 * 5 + 1
    assert [state.seconds for state in states.all] == sorted(state.seconds for state in states.all)
    assert recorder.stop() == recorder.stop() == done
    desktop.close()


def test_the_index_lies_in_front_and_nothing_is_left_beside(tmp_path: Path, monkeypatch) -> None:
    recorder = Recorder(tmp_path / "a.mp4", canned(tmp_path / "m", noise(), monkeypatch), max_seconds=0.6)
    recorder.start()
    recorder.wait(20)
    content = (tmp_path / "a.mp4").read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")
    assert sorted(file.name for file in tmp_path.iterdir() if file.is_file()) == ["a.mp4"]


def test_every_changed_picture_is_in_the_video(tmp_path: Path, monkeypatch) -> None:
    steps = [np.full((128, 160, 3), 20 * n, np.uint8) for n in range(12)]
    recorder = Recorder(tmp_path / "a.mp4", canned(tmp_path / "m", steps, monkeypatch), fps=15, max_seconds=2)
    recorder.start()
    recorder.wait(20)
    times, pictures = times_and_pictures(tmp_path / "a.mp4")
    seen = [round(float(picture.mean()) / 20) for picture in pictures]
    assert set(seen) == set(range(12))
    assert len(times) >= 2 * 15 * 0.8  # two thirds of the slots could be late on a busy machine
    assert times == sorted(times)


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


def test_a_pause_takes_no_time_of_the_recording(tmp_path: Path, monkeypatch) -> None:
    states = States()
    recorder = Recorder(tmp_path / "a.mp4", canned(tmp_path / "m", noise(), monkeypatch), on_state=states)
    recorder.start()
    states.until(lambda state: state.seconds >= 0.9)
    recorder.pause()
    paused = states.until(lambda state: state.paused)
    threading.Event().wait(1.5)
    assert states.all[-1] == paused
    recorder.resume()
    states.until(lambda state: not state.paused and state.seconds >= paused.seconds + 0.4)
    done = recorder.stop()
    assert done.seconds == pytest.approx(states.all[-1].seconds, abs=0.5)
    times, _ = times_and_pictures(done.path)
    assert max(later - sooner for sooner, later in pairwise(times)) < 1.2


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


def wait_for(there: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(400):
        if there():
            return
        waiting.wait(0.05)
    pytest.fail("it did not happen")


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


def test_a_size_limit_ends_it_in_time(tmp_path: Path, monkeypatch) -> None:
    monitor = canned(tmp_path / "m", noise(), monkeypatch)
    recorder = Recorder(tmp_path / "a.mp4", monitor, max_bytes=3_000_000)
    recorder.start()
    done = recorder.wait(30)
    assert done is not None
    assert 1_000_000 < done.size_bytes <= 3_000_000


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


def test_the_pointer_is_in_the_video_unless_it_shall_not(x_server: str, painter, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("DISPLAY", x_server)
    painter.show(painter.window(0, 0, 1920, 1080, 0xFFFFFF, bare=True))
    painter.move_pointer(300, 200)
    desktop = X11Desktop(x_server)
    darkest = []
    for cursor in (True, False):
        path = tmp_path / f"{cursor}.mp4"
        recorder = Recorder(path, desktop.monitors()[0], Region(200, 100, 200, 200), cursor=cursor, max_seconds=0.3)
        recorder.start()
        recorder.wait(20)
        darkest.append(times_and_pictures(path)[1][-1][90:130, 90:130].min())
    assert darkest[0] < 100
    assert darkest[1] > 240
    desktop.close()


def test_a_moving_pointer_is_recorded_on_a_still_screen(x_server: str, painter, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("DISPLAY", x_server)
    painter.show(painter.window(0, 0, 1920, 1080, 0xFFFFFF, bare=True))
    painter.move_pointer(250, 300)
    desktop = X11Desktop(x_server)
    states = States()
    recorder = Recorder(tmp_path / "a.mp4", desktop.monitors()[0], Region(200, 200, 400, 200), on_state=states)
    recorder.start()
    states.until(lambda state: state.frames >= 1)
    painter.move_pointer(500, 300)
    states.until(lambda state: state.seconds >= 1.4)
    recorder.stop()
    _, pictures = times_and_pictures(tmp_path / "a.mp4")
    assert pictures[0][90:130, 40:80].min() < 100
    assert pictures[-1][90:130, 40:80].min() > 240
    assert pictures[-1][90:130, 290:330].min() < 100
    desktop.close()


PAGE = b"""<video id=v muted autoplay src=v.mp4></video><script>
v.onended = v.onerror = () => {
  let c = document.createElement('canvas'); c.width = v.videoWidth; c.height = v.videoHeight;
  let x = c.getContext('2d'); if (v.videoWidth) x.drawImage(v, 0, 0);
  let at = n => v.videoWidth ? [...x.getImageData(n * 180 + 90, 300, 1, 1).data].slice(0, 3) : null;
  fetch('/result', {method: 'POST', body: JSON.stringify(
    {error: v.error && v.error.message, seconds: v.duration, colours: [0, 1, 2, 3, 4, 5, 6].map(at)})});
}
</script>"""


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_a_browser_plays_it_in_the_right_colours(tmp_path: Path, monkeypatch) -> None:
    bars = np.zeros((720, 1280, 3), np.uint8)
    for n, (red, green, blue) in enumerate(COLOURS):
        bars[:, n * 180 : (n + 1) * 180] = (blue, green, red)
    recorder = Recorder(tmp_path / "v.mp4", canned(tmp_path / "m", [bars], monkeypatch), max_seconds=1)
    recorder.start()
    recorder.wait(20)
    told: Queue[dict] = Queue()

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            video = self.path == "/v.mp4"
            content = (tmp_path / "v.mp4").read_bytes() if video else PAGE
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4" if video else "text/html")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            told.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever).start()
        command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        place = [f"--user-data-dir={tmp_path / 'profile'}", f"http://127.0.0.1:{server.server_port}/"]
        browser = subprocess.Popen([*command, *place], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            result = told.get(timeout=60)
        finally:
            browser.kill()
            browser.wait()
            server.shutdown()
    assert result["error"] is None
    assert result["seconds"] == pytest.approx(1, abs=0.05)
    assert np.abs(np.array(result["colours"]) - COLOURS).max() <= 4


@given(
    st.integers(64, 3000), st.integers(64, 3000), st.builds(
        Region, st.integers(-100, 3100), st.integers(-100, 3100), st.integers(0, 3000), st.integers(0, 3000)
    ),
)  # fmt: skip
def test_any_region_becomes_one_that_can_be_encoded(width: int, height: int, region: Region) -> None:
    part = fitted(region, Monitor("m", "m", 0, 0, width, height))
    assert part.width % 2 == part.height % 2 == 0
    assert part.width >= 64
    assert part.height >= 64
    assert part.clipped(width, height) == part
    inside = region.clipped(width, height)
    assert part.width >= inside.width - 1
    assert part.x <= inside.x


def test_a_recording_that_is_no_mp4_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mp4"):
        Recorder(tmp_path / "a.avi", Monitor("m", "m", 0, 0, 100, 100))


def test_a_folder_that_is_not_there_is_told(tmp_path: Path, monkeypatch) -> None:
    recorder = Recorder(tmp_path / "none" / "a.mp4", canned(tmp_path / "m", noise(1), monkeypatch))
    recorder.start()
    with pytest.raises(CaptureError, match="No such file"):
        recorder.wait(20)


def test_the_recorder_runs_whatever_the_current_folder_holds(tmp_path: Path, monkeypatch) -> None:
    monitor = canned(tmp_path / "m", noise(1), monkeypatch)
    hostile = tmp_path / "downloads"
    hostile.mkdir()
    (hostile / "numpy.py").write_text("raise SystemExit('taken over')")
    monkeypatch.chdir(hostile)
    recorder = Recorder(tmp_path / "a.mp4", monitor, max_seconds=0.2)
    recorder.start()
    assert recorder.wait(20) is not None


def test_importing_the_front_loads_no_codec() -> None:
    heavy = "[m for m in ('av', 'cv2', 'numpy', 'mss') if m in sys.modules]"
    code = f"import sys, capture.video, capture.png, capture.linux_x11, capture.canned; print({heavy})"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert answer.stdout.strip() == "[]", answer.stderr


def test_a_written_picture_of_the_first_frame_is_what_was_recorded(tmp_path: Path, monkeypatch) -> None:
    smooth = np.dstack([np.tile(np.arange(256, dtype=np.uint8), (200, 1))] * 3)
    monitor = canned(tmp_path / "m", [smooth], monkeypatch)
    recorder = Recorder(tmp_path / "a.mp4", monitor, max_seconds=0.2)
    recorder.start()
    recorder.wait(20)
    first = times_and_pictures(tmp_path / "a.mp4")[1][0]
    original = png.read(tmp_path / "m" / "0.png").pixels[..., 2::-1]
    assert np.abs(first.astype(int) - original).mean() < 2


def test_what_has_not_begun_cannot_be_stopped(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="not begun"):
        Recorder(tmp_path / "a.mp4", Monitor("m", "m", 0, 0, 100, 100)).stop()
