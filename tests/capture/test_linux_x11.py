from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from capture import CaptureError, NoDisplay, Region, open_desktop, png
from capture.linux_x11 import X11Desktop, scale_of, straight
from tests.capture.painting import Painter
from tests.conftest import start_x_server, stop
from tests.servers.process import wait_until


def colour_of(pixels: np.ndarray) -> set[tuple[int, ...]]:
    numbers = np.unique(np.ascontiguousarray(pixels).view(np.uint32) & 0xFFFFFF)
    return {(int(n) & 255, int(n) >> 8 & 255, int(n) >> 16) for n in numbers}


@pytest.fixture
def own_server() -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    display, running = start_x_server("640x480", window_manager=False)
    yield display, running
    stop(running)


def test_every_pixel_is_where_and_what_was_painted(desktop: X11Desktop, painter: Painter) -> None:
    window = painter.window(300, 200, 400, 100, 0x102030, bare=True)
    painter.show(window)
    painter.fill(window, 10, 20, 30, 40, 0xFF8001)
    pixels = desktop.screenshots()[0].pixels
    assert colour_of(pixels[200:220, 300:700]) == {(0x30, 0x20, 0x10)}
    assert colour_of(pixels[220:260, 310:340]) == {(0x01, 0x80, 0xFF)}
    assert colour_of(pixels[220:260, 340:700]) == {(0x30, 0x20, 0x10)}


def test_the_picture_is_the_frame_buffer_that_another_program_reads(
    desktop: X11Desktop, painter: Painter, x_server: str
) -> None:
    window = painter.window(0, 0, 1920, 1080, 0, bare=True)
    painter.show(window)
    painter.move_pointer(1919, 1079)
    for i in range(300):
        painter.fill(window, (i * 97) % 1900, (i * 53) % 1060, 5 + i % 200, 3 + i % 90, (i * 2654435761) & 0xFFFFFF)
    size = ["-f", "x11grab", "-draw_mouse", "0", "-video_size", "1920x1080", "-i", x_server]
    raw = ["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "bgr24", "-"]
    seen = subprocess.run(["ffmpeg", "-v", "error", *size, *raw], capture_output=True, check=True, timeout=30).stdout
    other = np.frombuffer(seen, np.uint8).reshape(1080, 1920, 3)
    assert len(np.unique(other[..., 0])) > 50
    assert (desktop.screenshots()[0].pixels[..., :3] == other).all()


def test_a_written_screenshot_is_what_maim_sees(desktop: X11Desktop, painter: Painter, x_server: str) -> None:
    window = painter.window(50, 60, 800, 600, 0x336699, bare=True)
    painter.show(window)
    painter.fill(window, 100, 100, 10, 10, 0xABCDEF)
    painter.move_pointer(1919, 1079)
    place = Path(os.environ["HOME"])
    environment = {**os.environ, "DISPLAY": x_server}
    subprocess.run(["maim", "-u", str(place / "maim.png")], env=environment, check=True, timeout=30)
    png.write(place / "ours.png", desktop.screenshots()[0])
    assert (png.read(place / "ours.png").pixels == png.read(place / "maim.png").pixels).all()


def test_a_region_is_the_crop_of_the_whole(desktop: X11Desktop, painter: Painter) -> None:
    painter.show(painter.window(500, 500, 200, 200, 0xAA5500, bare=True))
    monitor = desktop.monitors()[0]
    region = Region(450, 480, 123, 77)
    assert (desktop.frame(monitor, region).pixels == desktop.frame(monitor).crop(region).pixels).all()
    beyond = desktop.frame(monitor, Region(1900, 1000, 500, 500))
    assert (beyond.width, beyond.height) == (20, 80)


def test_the_pointer_is_a_layer_and_not_in_the_pixels(desktop: X11Desktop, painter: Painter) -> None:
    painter.show(painter.window(0, 0, 1920, 1080, 0x00FF00, bare=True))
    painter.move_pointer(700, 400)
    shot = desktop.screenshots()[0]
    assert colour_of(shot.pixels) == {(0, 0xFF, 0)}
    assert shot.cursor is not None
    height, width = shot.cursor.pixels.shape[:2]
    assert 0 <= 700 - shot.cursor.x < width
    assert 0 <= 400 - shot.cursor.y < height
    drawn = shot.with_cursor().pixels
    changed = np.argwhere((drawn != shot.pixels).any(axis=2))
    assert len(changed)
    assert (abs(changed - (400, 700)) < 64).all()


def test_a_half_transparent_pointer_edge_is_not_darkened() -> None:
    half_white = bytes((100, 100, 100, 100))
    assert straight(half_white + bytes(4), 2, 1).tolist() == [[[255, 255, 255, 100], [0, 0, 0, 0]]]


def test_windows_are_told_topmost_first_with_title_program_and_frame(desktop: X11Desktop, painter: Painter) -> None:
    below = painter.window(100, 120, 300, 200, 0x111111, title="Informe – ñandú 🦜")
    painter.show(below)
    above = painter.window(600, 300, 250, 150, 0x222222, title="Above")
    painter.show(above)
    expected = [("Above", "Painter"), ("Informe – ñandú 🦜", "Painter")]
    told = lambda: [(window.title, window.program) for window in desktop.windows()]  # noqa: E731
    wait_until(lambda: told() == expected, 30, "topmost first")
    found = desktop.windows()
    wait_until(lambda: desktop.active_window() == found[0], 30, "the topmost is active")
    # The frame that openbox draws lies around the 300 × 200 that we painted.
    window = found[1]
    assert window.width >= 300
    assert window.height > 200
    pixels = desktop.screenshots()[0].pixels
    inner = np.argwhere((pixels[..., :3] == 0x11).all(axis=2))
    assert (inner.min(axis=0) >= (window.y, window.x)).all()
    assert (inner.max(axis=0) < (window.y + window.height, window.x + window.width)).all()


def test_panels_minimised_windows_and_other_desktops_are_no_windows(
    desktop: X11Desktop, painter: Painter, x_server: str
) -> None:
    panel = painter.window(0, 0, 1920, 30, 0x333333, title="Panel")
    kind = painter.wire.atom("_NET_WM_WINDOW_TYPE_DOCK")
    painter.write(panel, "_NET_WM_WINDOW_TYPE", "ATOM", 32, kind.to_bytes(4, "little"))
    painter.show(panel)
    away, small = (painter.window(100, 100, 200, 200, 0x444444, title=title) for title in ("Elsewhere", "Minimised"))
    painter.write(away, "_NET_WM_DESKTOP", "CARDINAL", 32, (2).to_bytes(4, "little"))
    painter.wire.tell(8, away.to_bytes(4, "little"))
    painter.show(small)
    shown = painter.window(300, 300, 200, 200, 0x555555, title="Shown")
    painter.show(shown)
    both = {"Minimised", "Shown"}
    wait_until(lambda: {window.title for window in desktop.windows()} == both, 30, "both are managed, and nothing else")
    environment = {**os.environ, "DISPLAY": x_server}
    subprocess.run(["xdotool", "windowminimize", "--sync", str(small)], env=environment, check=True, timeout=60)
    wait_until(lambda: [window.title for window in desktop.windows()] == ["Shown"], 30, "one is minimised")


def test_without_a_window_manager_windows_are_still_told(own_server: tuple[str, object]) -> None:
    painter = Painter(own_server[0])
    desktop = X11Desktop(own_server[0])
    painter.show(painter.window(10, 20, 100, 80, 0x777777, title="Alone"))
    window = desktop.windows()[0]
    assert (window.title, window.x, window.y, window.width, window.height) == ("Alone", 10, 20, 100, 80)
    assert desktop.active_window() is None
    desktop.close()
    painter.close()


def test_monitors_that_come_and_go_are_seen_at_once(own_server: tuple[str, object]) -> None:
    display = own_server[0]
    environment = {**os.environ, "DISPLAY": display}
    desktop = X11Desktop(display)
    (whole,) = desktop.monitors()
    assert (whole.width_px, whole.height_px, whole.primary) == (640, 480, True)
    desktop.frame(whole)
    for name, place in (("left", "300/80x480/120+0+0"), ("right", "340/90x400/100+300+80")):
        subprocess.run(["xrandr", "--setmonitor", name, place, "none"], env=environment, check=True, timeout=10)
    subprocess.run(["xrandr", "--delmonitor", "screen"], env=environment, check=False, timeout=10)
    found = {monitor.name: monitor for monitor in desktop.monitors()}
    right = found["right"]
    assert (right.x_px, right.y_px, right.width_px, right.height_px) == (300, 80, 340, 400)
    assert sum(monitor.primary for monitor in found.values()) == 1
    assert desktop.monitors()[0].primary
    shot = next(shot for shot in desktop.screenshots() if shot.monitor == right)
    assert (shot.width, shot.height) == (340, 400)
    subprocess.run(["xrandr", "--delmonitor", "right"], env=environment, check=True, timeout=10)
    with pytest.raises(CaptureError, match="no longer there"):
        desktop.frame(right)
    desktop.close()


def test_each_monitor_shows_its_own_part_of_the_screen(own_server: tuple[str, object]) -> None:
    display = own_server[0]
    subprocess.run(
        ["xrandr", "--setmonitor", "part", "200/50x100/25+40+60", "none"],
        env={**os.environ, "DISPLAY": display},
        check=True,
        timeout=10,
    )
    painter, desktop = Painter(display), X11Desktop(display)
    painter.show(painter.window(40, 60, 200, 100, 0x00AA00, bare=True))
    painter.move_pointer(600, 470)
    shots = {shot.monitor.name: shot for shot in desktop.screenshots()}
    assert colour_of(shots["part"].pixels) == {(0, 0xAA, 0)}
    assert shots["part"].cursor is None
    desktop.close()
    painter.close()


@pytest.mark.parametrize(
    ("resources", "scale"),
    [
        ("", 1.0),
        ("Xft.dpi:\t144\nXft.hinting:\t1\n", 1.5),
        ("*color: red\nXft.dpi: 192\n", 2.0),
        ("Xft.dpi:\t120.5", 1.2552),
        ("Xft.dpi:\t0\n", 1.0),
        ("Xft.dpi:\tlarge\n", 1.0),
        ("Xft.dpi:\t1.2.3\n", 1.0),
    ],
)
def test_the_scale_is_the_one_the_desktop_tells_all_programs(resources: str, scale: float) -> None:
    assert scale_of(resources) == scale


def test_a_change_is_noticed_once_and_a_still_screen_is_still(desktop: X11Desktop, painter: Painter) -> None:
    window = painter.window(100, 100, 100, 100, 0, bare=True)
    painter.show(window)
    changed = desktop.changes()
    assert changed is not None
    assert changed()
    changed()
    assert not changed()
    assert not changed()
    painter.fill(window, 5, 5, 1, 1, 0xFFFFFF)
    assert changed()
    assert not changed()


def test_a_moving_pointer_is_a_change(desktop: X11Desktop, painter: Painter) -> None:
    painter.move_pointer(100, 100)
    changed = desktop.changes()
    assert changed is not None
    changed()
    changed()
    painter.move_pointer(101, 100)
    assert changed()


def test_several_threads_capture_at_the_same_time(desktop: X11Desktop, painter: Painter) -> None:
    painter.show(painter.window(0, 0, 1920, 1080, 0x123456, bare=True))
    monitor = desktop.monitors()[0]
    wrong: list[object] = []

    def look() -> None:
        for i in range(6):
            region = Region(i * 10, i * 20, 300 + i, 200)
            found = colour_of(desktop.frame(monitor, region).pixels)
            if found != {(0x56, 0x34, 0x12)} or len(desktop.monitors()) != 1:
                wrong.append(found)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_no_display_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(NoDisplay, match="DISPLAY") as caught:
        open_desktop()
    assert caught.value.advice
    monkeypatch.setenv("DISPLAY", ":31999")
    with pytest.raises(NoDisplay, match=":31999") as caught:
        open_desktop()
    assert caught.value.advice


def test_the_end_of_the_server_is_an_error_of_the_call_and_not_of_the_process(
    own_server: tuple[str, list[subprocess.Popen[bytes]]],
) -> None:
    display, running = own_server
    desktop = X11Desktop(display)
    monitor = desktop.monitors()[0]
    changed = desktop.changes()
    desktop.listen({"region": "F7"}, lambda action: None)
    desktop.frame(monitor)
    stop(running)
    for call in (desktop.monitors, desktop.screenshots, desktop.windows, lambda: desktop.frame(monitor), changed):
        with pytest.raises(NoDisplay):
            call()
    desktop.close()


COUNT_NONE = """
import gc, sys
from capture.image import Region
from capture.linux_x11 import X11Desktop
desktop = X11Desktop()
monitor = desktop.monitors()[0]
def run():
    for _ in range(100):
        desktop.frame(monitor, Region(0, 0, 64, 64))
        desktop.windows()
    gc.collect()
run()
before = sys.getrefcount(None)
run()
print(sys.getrefcount(None) - before)
"""


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal since Python 3.12")
def test_capturing_leaves_the_reference_count_of_none_alone(x_server: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", COUNT_NONE], env={**os.environ, "DISPLAY": x_server}, capture_output=True, text=True
    )
    assert abs(int(answer.stdout)) < 50, answer.stderr
