"""The recorder through its front, on pictures that are known and on a real X server."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from queue import Queue

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture import CaptureError, Monitor, Recording, Region, png
from capture.linux_x11 import X11Desktop
from capture.video import Recorder
from capture.video.camera import fitted
from tests.capture.video.recording import COLOURS, States, canned, noise, times_and_pictures
from tests.conftest import ROOT


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
    assert ended.get(timeout=30) == done
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


def test_a_size_limit_ends_it_in_time(tmp_path: Path, monkeypatch) -> None:
    monitor = canned(tmp_path / "m", noise(), monkeypatch)
    recorder = Recorder(tmp_path / "a.mp4", monitor, max_bytes=3_000_000)
    recorder.start()
    done = recorder.wait(30)
    assert done is not None
    assert 1_000_000 < done.size_bytes <= 3_000_000


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
