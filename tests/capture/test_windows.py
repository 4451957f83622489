"""The parts of the Windows room that need no Windows, on values as its functions tell them."""

from __future__ import annotations

import queue
from queue import Queue
from typing import Any

import numpy as np
import pytest

from capture.keys import parse
from capture.windows import RawMonitor, RawWindow, layer_of, monitors_of, windows_of
from capture.windows_keys import KeyListener, virtual_key

LAPTOP_AND_4K = [
    RawMonitor("\\\\.\\DISPLAY2", -3840, -200, 0, 1960, False, 192),
    RawMonitor("\\\\.\\DISPLAY1", 0, 0, 1920, 1080, True, 120),
    RawMonitor("\\\\.\\DISPLAY3", 1920, 0, 3360, 900, False, 96),
]


def window(**changes: Any) -> RawWindow:
    fields: dict[str, Any] = {
        "id": 65552,
        "title": "Informe – Word",
        "class_name": "OpusApp",
        "program_path": "C:\\Program Files\\Microsoft Office\\root\\Office16\\WINWORD.EXE",
        "visible": True,
        "minimised": False,
        "cloaked": False,
        "tool": False,
        "left": -8,
        "top": 0,
        "right": 1200,
        "bottom": 800,
    }
    return RawWindow(**fields | changes)


def test_monitors_keep_their_physical_place_size_and_own_scale() -> None:
    first, left, right = monitors_of(LAPTOP_AND_4K)
    assert (first.id, first.name, first.primary, first.scale) == ("\\\\.\\DISPLAY1", "DISPLAY1", True, 1.25)
    assert (left.x_px, left.y_px, left.width_px, left.height_px, left.scale) == (-3840, -200, 3840, 2160, 2.0)
    assert (right.x_px, right.width_px, right.scale, right.primary) == (1920, 1440, 1.0, False)


def test_a_window_is_told_with_the_frame_that_is_seen_and_the_program_of_its_file() -> None:
    (found,) = windows_of([window()])
    assert (found.title, found.program) == ("Informe – Word", "WINWORD")
    assert (found.x, found.y, found.width, found.height) == (-8, 0, 1208, 800)


@pytest.mark.parametrize(
    "changes",
    [
        {"visible": False},
        {"minimised": True},
        {"cloaked": True},
        {"tool": True},
        {"title": ""},
        {"class_name": "Progman"},
        {"class_name": "Shell_TrayWnd"},
        {"right": -8},
    ],
    ids=str,
)
def test_what_nobody_would_call_a_window_is_left_out(changes: dict[str, Any]) -> None:
    shown = window(id=2, title="Shown")
    assert [found.title for found in windows_of([window(**changes), shown])] == ["Shown"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Print", (0, 0x2C)),
        ("Alt+Print", (1, 0x2C)),
        ("Ctrl+Shift+R", (2 | 4, ord("R"))),
        ("Meta+F9", (8, 0x78)),
        ("F24", (0, 0x87)),
        ("Ctrl+7", (2, ord("7"))),
    ],
)
def test_keys_become_virtual_keys(text: str, expected: tuple[int, int]) -> None:
    assert virtual_key(parse(text)) == expected


def test_the_keyboard_layout_decides_where_a_sign_lies() -> None:
    assert virtual_key(parse("Ctrl+Ñ"), {"ñ": 0xC0}.__getitem__) == (2, 0xC0)
    assert virtual_key(parse("Ctrl+;"), lambda sign: 0x01BC) == (2, 0xBC)
    assert virtual_key(parse("Ctrl+Ж"), lambda sign: -1) is None


def test_a_pointer_drawn_on_black_and_white_gets_its_transparency_back() -> None:
    layer = np.array([[[10, 200, 30, 255], [0, 0, 0, 0], [255, 255, 255, 128]]], np.uint8)
    alpha = layer[..., 3:].astype(int)
    on_black, on_white = ((layer * alpha + ground * (255 - alpha) + 127) // 255 for ground in (0, 255))
    found = layer_of(on_black.astype(np.uint8), on_white.astype(np.uint8)).astype(int)
    assert np.abs(found[..., 3] - layer[..., 3]).max() <= 1
    seen = layer[..., 3] > 0
    assert np.abs(found[seen][:, :3] - layer[seen][:, :3].astype(int)).max() <= 2


def test_the_text_pointer_that_inverts_what_is_under_it_can_be_seen() -> None:
    on_black, on_white = np.full((1, 1, 4), 255, np.uint8), np.zeros((1, 1, 4), np.uint8)
    assert layer_of(on_black, on_white).tolist() == [[[0, 0, 0, 255]]]


class Keyboard:
    """What ``user32`` and ``kernel32`` do for global keys, with one key that another program holds."""

    def __init__(self, taken: int) -> None:
        self.taken, self.held, self.messages = taken, {}, queue.Queue()

    def VkKeyScanW(self, sign: str) -> int:
        return -1

    def RegisterHotKey(self, window: None, number: int, bits: int, key: int) -> int:
        assert bits & 0x4000
        if key == self.taken:
            return 0
        self.held[number] = key
        return 1

    def UnregisterHotKey(self, window: None, number: int) -> None:
        del self.held[number]

    def PeekMessageW(self, *_: object) -> int:
        return 0

    def GetCurrentThreadId(self) -> int:
        return 77

    def PostThreadMessageW(self, thread: int, message: int, first: int, second: int) -> None:
        assert thread == 77
        self.messages.put((message, first))

    def GetMessageW(self, at: Any, *_: object) -> int:
        found = at._obj
        found.message, found.wParam = self.messages.get()
        return int(found.message != 0x12)


def test_windows_keys_are_held_heard_named_when_taken_and_let_go() -> None:
    keyboard, heard = Keyboard(taken=0x2C), Queue()
    wanted = {"screen": parse("Print"), "region": parse("Ctrl+Shift+R")}
    listener = KeyListener(keyboard, keyboard, wanted, heard.put)
    assert listener.taken == ["screen"]
    assert list(keyboard.held.values()) == [ord("R")]
    keyboard.messages.put((0x0312, 99))
    keyboard.messages.put((0x0312, next(iter(keyboard.held))))
    assert heard.get(timeout=30) == "region"
    listener.stop()
    assert keyboard.held == {}
    assert heard.empty()
