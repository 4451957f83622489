from __future__ import annotations

import json
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from capture import CaptureError, NoDisplay, Region, Window, open_desktop
from capture.canned import CannedDesktop


def picture(path: Path, value: int, width: int = 40, height: int = 30) -> None:
    cv2.imwrite(str(path), np.full((height, width, 3), value, np.uint8))


def test_pictures_side_by_side_are_monitors_the_first_is_primary(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 10)
    picture(tmp_path / "b.png", 20, width=60)
    first, second = CannedDesktop(tmp_path).screenshots()
    assert (first.monitor.name, first.monitor.primary, first.monitor.x_px) == ("a", True, 0)
    assert (second.monitor.name, second.monitor.primary, second.monitor.x_px, second.width) == ("b", False, 40, 60)
    assert (second.pixels[..., :3] == 20).all()


def test_the_description_gives_places_scales_windows_and_frames(tmp_path: Path) -> None:
    for n in range(3):
        picture(tmp_path / f"{n}.png", n * 50)
    described = {
        "monitors": [
            {"name": "left", "files": ["0.png"], "x": -40, "scale": 1.5},
            {"name": "main", "files": ["1.png", "2.png"], "x": 0, "primary": True},
        ],
        "windows": [{"title": "Mail", "program": "mail", "x": 1, "y": 2, "width": 3, "height": 4}],
    }
    described["monitors"][0]["primary"] = False
    (tmp_path / "desktop.json").write_text(json.dumps(described))
    desktop = CannedDesktop(tmp_path)
    main, left = desktop.monitors()
    assert (main.name, left.name, left.x_px, left.scale) == ("main", "left", -40, 1.5)
    assert desktop.windows() == (Window(1, "Mail", "mail", 1, 2, 3, 4),)
    assert desktop.active_window() == desktop.windows()[0]
    seen = [int(desktop.frame(main).pixels[0, 0, 0]) for _ in range(4)]
    assert seen == [50, 100, 50, 100]
    assert desktop.frame(left, Region(5, 5, 10, 8)).pixels.shape == (8, 10, 4)
    assert desktop.screenshots()[0].pixels[0, 0, 0] == 50


def test_a_pressed_key_is_heard_on_another_thread_until_listening_stops(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 0)
    desktop = CannedDesktop(tmp_path)
    heard: list[tuple[str, bool]] = []
    stop, taken = desktop.listen(
        {"region": "Ctrl+Shift+R"},
        lambda action: heard.append((action, threading.current_thread() is threading.main_thread())),
    )
    assert taken == {}
    assert desktop.press("shift+ctrl+r")
    assert not desktop.press("F9")
    stop()
    stop()
    assert not desktop.press("Ctrl+Shift+R")
    assert heard == [("region", False)]


def test_the_environment_chooses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "a.png", 0)
    monkeypatch.setenv("TESTIGO_DESKTOP", f"canned:{tmp_path}")
    assert open_desktop().name == "canned"


def test_an_empty_folder_is_no_display(tmp_path: Path) -> None:
    with pytest.raises(NoDisplay, match="no PNG"):
        CannedDesktop(tmp_path)


def test_a_monitor_of_another_desktop_has_no_frame(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 0)
    desktop = CannedDesktop(tmp_path)
    (monitor,) = desktop.monitors()
    picture(tmp_path / "a.png", 0, width=99)
    with pytest.raises(CaptureError, match="no longer there"):
        CannedDesktop(tmp_path).frame(monitor)
