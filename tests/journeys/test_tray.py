"""The resident program on a real X server: what a person, a script, a crash and bad luck do to it."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from client.ui.instance import ask
from tests.journeys.conftest import own_environment
from tests.journeys.stage import PATIENCE_S, ROOT, Stage, wait_for
from tests.journeys.user import User, frames_of

HOLD_A_KEY = """
import sys, threading
from capture import open_desktop
stop, taken = open_desktop().listen({"x": sys.argv[1]}, print)
print("held", not taken, flush=True)
threading.Event().wait()
"""


def edit(user: User) -> tuple[int, int, int, int]:
    """Opens the editor with a part of the screen; where its window is."""
    user.testigo("capture", "region", "--rect", "100,100,800,600", "--edit")
    found = user.stage.window("^Capture")
    wait_for(lambda: user.active().startswith("Capture"), "the editor at the front")
    wait_for(lambda: user.drafts() and user.drafts()[0]["attachments"], "the picture in a draft")
    return found


def draw_arrow(user: User, editor: tuple[int, int, int, int], number: int = 0) -> None:
    x, y, width, height = editor
    user.stage.key("a")
    top = y + height // 3 + 30 * number
    user.stage.drag((x + width // 3, top), (x + width // 2, top + 20))


# -- one icon, one instance -------------------------------------------------------------------------------------


def test_the_icon_docks_in_the_tray_host(user: User) -> None:
    user.start()
    x, y, width, height = wait_for(user.icon, "the icon in the tray")
    assert width >= 16 and height >= 16
    panel = user.stage.look()[y : y + height, x : x + width]
    assert panel.std() > 5  # something is drawn there


def test_a_second_start_hands_over_and_brings_the_first_to_the_front(user: User) -> None:
    first = user.start()
    second = user.testigo("tray")
    assert second.returncode == 0
    user.stage.window("^Report a problem")
    user.stage.run("xdotool", "search", "--name", "^Report a problem", "windowminimize", "%@")
    wait_for(lambda: not user.sees("^Report a problem"), "the minimised form")
    assert user.testigo("tray").returncode == 0
    wait_for(lambda: user.active().startswith("Report a problem"), "the form at the front")
    assert first.poll() is None
    assert len(user.drafts()) == 1


def test_of_two_started_at_once_one_stays(user: User) -> None:
    both = [user.launch(), user.launch()]
    wait_for(lambda: any(one.poll() is not None for one in both), "one that hands over")
    assert sorted(str(one.poll()) for one in both) == ["0", "None"]
    wait_for(user.answers, "the other")


def test_without_a_tray_host_a_window_opens(x_server: str, tmp_path: Path) -> None:
    with Stage(tmp_path / "bare", x_server) as bare:
        user = User(bare, own_environment())
        try:
            running = user.start()
            _, _, width, height = bare.window("^Testigo$")
            assert (width, height) < (700, 900)
            running.terminate()
            assert running.wait(PATIENCE_S) == 0
        finally:
            user.leave()


# -- the command line hands over --------------------------------------------------------------------------------


def test_the_tray_takes_the_pictures_that_the_command_line_wants(user: User, tmp_path: Path) -> None:
    user.start()
    screen = user.asked("capture", "screen", "-o", str(tmp_path / "screen.png"))["files"][0]
    assert (screen["width"], screen["height"]) == (1920, 1080)
    assert hashlib.sha256((tmp_path / "screen.png").read_bytes()).hexdigest() == screen["sha256"]
    wrong = user.testigo("capture", "screen", "--screen", "7", "-o", str(tmp_path / "none.png"))
    assert (wrong.returncode, "7" in wrong.stderr) == (6, True)
    nowhere = user.testigo("capture", "screen", "-o", str(tmp_path / "no" / "such" / "a.png"))
    assert nowhere.returncode == 2
    assert user.testigo("capture", "last", "-o", str(tmp_path / "last.png")).returncode == 2


def test_a_region_dragged_for_the_command_line_becomes_the_last_one(user: User, tmp_path: Path) -> None:
    user.start()
    caller = user.launch("capture", "region", "-o", str(tmp_path / "a.png"), "--json")
    wait_for(user.overlay, "the overlay")
    user.stage.drag((300, 300), (500, 420))
    assert caller.wait(PATIENCE_S) == 0
    region = user.asked("capture", "last", "-o", str(tmp_path / "b.png"))["files"][0]
    assert abs(region["width"] - 200) <= 2 and abs(region["height"] - 120) <= 2
    assert (tmp_path / "a.png").stat().st_size > 50


def test_escape_cancels_what_the_command_line_wanted(user: User, tmp_path: Path) -> None:
    user.start()
    caller = user.launch("capture", "region", "-o", str(tmp_path / "a.png"))
    wait_for(user.overlay, "the overlay")
    user.stage.key("Escape")
    assert caller.wait(PATIENCE_S) == 130
    assert not (tmp_path / "a.png").exists()
    assert not user.overlay()


def test_a_picture_goes_to_the_clipboard_and_to_the_editor(user: User) -> None:
    user.start()
    assert user.testigo("capture", "screen", "--copy", "--edit").returncode == 0
    user.stage.window("^Capture")
    copied = subprocess.run(
        ["xclip", "-selection", "clipboard", "-o", "-t", "image/png"],
        env=user.environment, capture_output=True, timeout=10,
    )  # fmt: skip
    assert copied.stdout.startswith(b"\x89PNG")


# -- keys -------------------------------------------------------------------------------------------------------


def test_a_key_that_another_program_holds_is_named_and_the_others_work(user: User) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD_A_KEY, "Ctrl+Shift+R"],
        env=user.environment, cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert other.stdout is not None
        assert other.stdout.readline().split() == ["held", "True"]
        user.start()
        user.told("Another program already uses Ctrl+Shift+R")
        doctor = {check["id"]: check for check in user.asked("doctor")["checks"]}
        assert doctor["hotkeys"]["status"] == "warn"
        assert "Ctrl+Shift+R" in doctor["hotkeys"]["detail"]
        user.freeze("Print")
        user.stage.key("Escape")
    finally:
        other.kill()
        other.communicate()


def test_words_that_name_no_key_leave_the_other_keys_working(user: User) -> None:
    user.settings('[hotkeys]\nwindow = "Hyper+Nonsense"\n')
    user.start()
    user.told("The keys do not work")
    user.freeze("Print")


# -- recording --------------------------------------------------------------------------------------------------


def start_recording(user: User) -> None:
    user.freeze("ctrl+shift+g")
    user.stage.drag((200, 200), (600, 500))
    wait_for(lambda: list(user.paths.recordings.glob("*.part.mp4")), "the recording on disk")


def move_pointer(user: User, seconds: float) -> None:
    for step in range(int(seconds * 10)):
        user.stage.run("xdotool", "mousemove", str(250 + 9 * step), "350")
        threading.Event().wait(0.1)


def test_a_recording_stopped_from_outside_is_whole_and_lies_in_a_report(user: User) -> None:
    user.start()
    start_recording(user)
    move_pointer(user, 1)
    stopped = user.asked("record", "stop")
    user.stage.window("^Report a problem")
    film = Path(stopped["path"])
    assert film.parent.parent.parent == user.paths.data / "drafts"
    assert frames_of(film) >= 5
    assert [a["sha256"] for a in user.drafts()[0]["attachments"]] == [hashlib.sha256(film.read_bytes()).hexdigest()]
    assert user.testigo("record", "stop").returncode == 2


def test_the_key_that_starts_a_recording_stops_it_too(user: User) -> None:
    user.start()
    start_recording(user)
    move_pointer(user, 1)
    user.stage.key("ctrl+shift+g")
    user.stage.window("^Report a problem")
    wait_for(lambda: user.drafts()[0]["attachments"], "the film in the report")
    assert not list(user.paths.recordings.iterdir())


def test_a_recording_that_was_killed_is_rescued_into_a_new_report(user: User) -> None:
    running = user.start()
    start_recording(user)
    move_pointer(user, 2)
    running.kill()
    running.wait()
    user.start()
    user.told("A recording was rescued")
    user.stage.window("^Report a problem")
    (film,) = user.paths.data.glob("drafts/*/files/*.mp4")
    assert frames_of(film) >= 10


# -- ends -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_it_ends_cleanly_with_everything_on_disk(user: User, number: signal.Signals) -> None:
    running = user.start()
    user.testigo("tray")
    user.stage.window("^Report a problem")
    wait_for(lambda: user.active().startswith("Report"), "the form at the front")
    user.stage.type("the printer burns")
    editor = edit(user)
    draw_arrow(user, editor)
    os.kill(running.pid, number)
    _, words = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 0
    assert words == ""
    (draft,) = user.drafts()
    assert draft["summary"] == "the printer burns"
    assert len(user.marks()) == 1
    (attachment,) = draft["attachments"]
    (file,) = user.paths.data.glob("drafts/*/files/*.png")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == attachment["sha256"]


def test_told_to_end_while_it_records_it_keeps_the_film(user: User) -> None:
    running = user.start()
    start_recording(user)
    move_pointer(user, 1)
    running.terminate()
    assert running.wait(PATIENCE_S) == 0
    (film,) = user.paths.data.glob("drafts/*/files/*.mp4")
    assert frames_of(film) >= 5


def test_killed_while_editing_the_marks_are_there_and_the_draft_is_offered(user: User) -> None:
    running = user.start()
    editor = edit(user)
    for number in range(3):
        draw_arrow(user, editor, number)
    threading.Event().wait(1)
    running.kill()
    running.wait()
    assert len(user.marks()) == 3
    user.start()
    user.told("1 unfinished report")


def test_words_typed_without_a_pause_are_on_disk_while_the_typing_goes_on(user: User) -> None:
    user.start()
    user.testigo("tray")
    user.stage.window("^Report a problem")
    wait_for(lambda: user.active().startswith("Report"), "the form at the front")
    text = "a long sentence without any pause between its many letters, as some people type them"
    typing = subprocess.Popen(["xdotool", "type", "--delay", "40", text], env=user.environment)
    wait_for(lambda: len(user.drafts()[0]["summary"]) > 10, "the first words on disk")
    assert typing.poll() is None
    typing.wait(PATIENCE_S)


# -- reports on their way ---------------------------------------------------------------------------------------


def test_a_report_of_the_command_line_is_sent_by_the_running_tray(user: User) -> None:
    user.start()
    queued = user.testigo("report", "--summary", "Ñandú 🐦", "--json")
    assert queued.returncode == 0
    wait_for(user.tickets, "the ticket")
    assert [ticket["subject"] for ticket in user.tickets()] == ["Ñandú 🐦"]
    user.told("Sent as T-000001")


def test_a_desk_that_was_away_gets_the_report_when_it_is_back(user: User, tmp_path: Path) -> None:
    desk = tmp_path / "mounted"
    user.settings(f'[desks.team]\nkind = "folder"\npath = "{desk}"\n')
    user.start()
    user.asked("report", "--summary", "offline")
    user.told("The help desk does not answer")
    (waiting,) = user.asked("outbox")["deliveries"]
    assert (waiting["state"], waiting["attempts"]) == ("queued", 1)
    desk.mkdir()
    wait_for(lambda: list(desk.glob("T-*")), "the ticket")  # it is tried again after ten seconds
    user.told("Sent as T-000001")
    assert len(list(desk.glob("T-*"))) == 1


def test_a_report_sent_by_the_command_line_meanwhile_is_sent_once(user: User, tmp_path: Path) -> None:
    desk = tmp_path / "mounted"
    user.settings(f'[desks.team]\nkind = "folder"\npath = "{desk}"\n')
    user.start()
    report_id = user.asked("report", "--summary", "offline")["report_id"]
    user.told("The help desk does not answer")
    desk.mkdir()
    (sent,) = user.asked("outbox", "retry", report_id)["deliveries"]
    assert sent["state"] == "sent"
    ask(user.paths, "tray", "poke", {}, wait_s=5)
    assert user.asked("outbox")["deliveries"] == []
    assert len(list(desk.glob("T-*"))) == 1


# -- settings and damage ----------------------------------------------------------------------------------------


def test_broken_settings_are_told_at_the_start_and_while_it_runs(user: User) -> None:
    user.settings("[general]\nlanguage = 7\n")
    user.start()
    user.told("A setting is wrong")
    user.settings('[general]\nlanguage = "es"\n')
    assert user.testigo("tray").returncode == 0
    user.stage.window("^Reportar un problema")
    user.settings("[general\n")
    user.told("Un ajuste está mal")


def test_the_language_changes_with_the_file_in_open_windows_too(user: User) -> None:
    user.start()
    assert user.testigo("tray").returncode == 0
    user.stage.window("^Report a problem")
    assert user.testigo("settings", "set", "general.language", "es").returncode == 0
    user.stage.window("^Reportar un problema")


def test_a_damaged_draft_is_moved_aside_and_told_and_the_others_are_offered(user: User) -> None:
    damaged = user.asked("report", "--summary", "one", "--draft")["report_id"]
    user.asked("report", "--summary", "two", "--draft")
    (user.paths.data / "drafts" / damaged / "report.json").write_bytes(b'{"id": "cut of')
    user.start()
    user.told("A draft was damaged")
    user.told("1 unfinished report")
    assert (user.paths.data / "damaged" / damaged / "report.json").read_bytes() == b'{"id": "cut of'
    assert [draft["summary"] for draft in user.drafts()] == ["two"]
