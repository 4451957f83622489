from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from queue import Empty, Queue

import pytest

from capture.linux_x11 import X11Desktop
from capture.x11_wire import Wire
from tests.conftest import start_x_server, stop


def press(display: str, *words: str) -> None:
    subprocess.run(["xdotool", *words], env={**os.environ, "DISPLAY": display}, check=True, timeout=10)


@pytest.fixture
def locks_off(x_server: str) -> Iterator[None]:
    """Both locks as they were before, whatever a test does to them."""
    yield
    shown = subprocess.run(["xset", "-display", x_server, "q"], capture_output=True, text=True).stdout
    for name, key in (("Caps Lock:", "Caps_Lock"), ("Num Lock:", "Num_Lock")):
        if shown.partition(name)[2].split()[:1] == ["on"]:
            press(x_server, "key", key)


def test_keys_are_heard_with_their_modifiers_and_only_with_them(desktop: X11Desktop, x_server: str) -> None:
    heard: Queue[tuple[str, str]] = Queue()
    stop_listening, taken = desktop.listen(
        {"region": "Ctrl+Shift+R", "window": "Alt+F6", "screen": "Pause", "record": "Meta+F9"},
        lambda action: heard.put((action, threading.current_thread().name)),
    )
    assert taken == {}
    for keys, action in (
        ("ctrl+shift+r", "region"),
        ("alt+F6", "window"),
        ("Pause", "screen"),
        ("super+F9", "record"),
    ):
        press(x_server, "key", "r", "key", "ctrl+r", "key", "F9", "key", keys)
        assert heard.get(timeout=30) == (action, "hotkeys")
    stop_listening()
    assert heard.empty()


@pytest.mark.parametrize("locks", [["Num_Lock"], ["Caps_Lock"], ["Num_Lock", "Caps_Lock"]])
def test_a_lock_key_that_is_on_does_not_matter(
    desktop: X11Desktop, x_server: str, locks: list[str], locks_off: None
) -> None:
    heard: Queue[str] = Queue()
    stop_listening, _ = desktop.listen({"region": "Ctrl+Shift+R"}, heard.put)
    for lock in locks:
        press(x_server, "key", lock)
    press(x_server, "key", "ctrl+shift+r")
    assert heard.get(timeout=30) == "region"
    stop_listening()


def test_a_key_of_another_program_is_named_and_the_others_work(desktop: X11Desktop, x_server: str) -> None:
    other = X11Desktop(x_server)
    let_go, none_taken = other.listen({"x": "Ctrl+F11"}, lambda action: None)
    heard: Queue[str] = Queue()
    stop_listening, taken = desktop.listen({"region": "Ctrl+F11", "screen": "Ctrl+F12"}, heard.put)
    assert none_taken == {}
    assert taken == {"region": "Ctrl+F11"}
    press(x_server, "key", "ctrl+F12")
    assert heard.get(timeout=30) == "screen"
    stop_listening()
    let_go()
    stop_listening, taken = desktop.listen({"region": "Ctrl+F11"}, heard.put)
    assert taken == {}
    stop_listening()
    other.close()


def test_after_stopping_the_key_belongs_to_others_again(desktop: X11Desktop, x_server: str) -> None:
    heard: Queue[str] = Queue()
    stop_listening, _ = desktop.listen({"region": "F8"}, heard.put)
    stop_listening()
    stop_listening()
    press(x_server, "key", "F8")
    with pytest.raises(Empty):
        heard.get_nowait()
    other = X11Desktop(x_server)
    let_go, taken = other.listen({"region": "F8"}, heard.put)
    assert taken == {}
    let_go()
    other.close()


@pytest.mark.expects_errors
def test_a_failing_action_does_not_end_the_listening(desktop: X11Desktop, x_server: str) -> None:
    heard: Queue[str] = Queue()

    def fail(action: str) -> None:
        heard.put(action)
        raise RuntimeError("the action failed")

    stop_listening, _ = desktop.listen({"region": "F8"}, fail)
    for _ in range(2):
        press(x_server, "key", "F8")
        assert heard.get(timeout=30) == "region"
    stop_listening()


def test_listening_can_be_stopped_from_the_action_itself(desktop: X11Desktop, x_server: str) -> None:
    done = threading.Event()
    stoppers = []

    def once(action: str) -> None:
        stoppers[0]()
        done.set()

    stoppers.append(desktop.listen({"region": "F8"}, once)[0])
    press(x_server, "key", "F8")
    assert done.wait(30)


def test_a_key_held_down_is_one_press(desktop: X11Desktop, x_server: str) -> None:
    heard: Queue[str] = Queue()
    stop_listening, _ = desktop.listen({"region": "F8", "end": "F7"}, heard.put)
    subprocess.run(["xset", "-display", x_server, "r", "rate", "30", "100"], check=True)
    press(x_server, "keydown", "F8", "sleep", "0.3", "keyup", "F8", "key", "F7")
    found = [heard.get(timeout=30)]
    while found[-1] != "end":
        found.append(heard.get(timeout=30))
    assert found == ["region", "end"]
    stop_listening()


def test_keys_move_with_the_keyboard_layout() -> None:
    display, running = start_x_server("320x240", window_manager=False)
    try:
        desktop = X11Desktop(display)
        heard: Queue[str] = Queue()
        stop_listening, _ = desktop.listen({"region": "F8"}, heard.put)
        # The key that was F7 says F8 from now on, and the one that was F8 says nothing.
        press_code = {"F7": 73, "F8": 74}
        wire = Wire(display)
        import struct

        for name, symbol in (("F7", 0xFFC5), ("F8", 0)):
            wire.tell(100, struct.pack("<BBxxI", press_code[name], 1, symbol), detail=1)
        press(display, "key", "74", "key", "73")
        assert heard.get(timeout=30) == "region"
        stop_listening()
        assert heard.empty()
        wire.close()
        desktop.close()
    finally:
        stop(running)


def test_the_end_of_the_server_ends_the_listening_quietly(capfd: pytest.CaptureFixture[str]) -> None:
    display, running = start_x_server("320x240", window_manager=False)
    desktop = X11Desktop(display)
    desktop.listen({"region": "F8"}, lambda action: None)
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "hotkeys"]
    stop(running)
    thread.join(5)
    assert not thread.is_alive()
    desktop.close()


IDLE = """
import os, threading
from capture.linux_x11 import X11Desktop
desktop = X11Desktop()
desktop.listen({"region": "F8"}, print)
def switches():
    total = 0
    for task in os.listdir("/proc/self/task"):
        for line in open(f"/proc/self/task/{task}/status"):
            if line.startswith("voluntary") and int(task) != os.getpid():
                total += int(line.split()[1])
    return total
threading.Event().wait(0.3)
before = switches()
threading.Event().wait(1)
print(switches() - before)
"""


def test_listening_wakes_nobody_while_no_key_is_pressed(x_server: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", IDLE], env={**os.environ, "DISPLAY": x_server}, capture_output=True, text=True
    )
    assert answer.stdout.strip() == "0", answer.stderr
