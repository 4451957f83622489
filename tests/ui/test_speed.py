from __future__ import annotations

from client.ui.speed import Speed, left_words

MB = 1_000_000


def fed(*bytes_per_second: int, total: int = 100 * MB) -> tuple[Speed, float]:
    speed, done, now = Speed(), 0, 100.0
    speed.note("film.mp4", 0, now)
    for rate in bytes_per_second:
        for _ in range(4):
            now, done = now + 0.25, done + rate // 4
            speed.note("film.mp4", done, now)
    return speed, now


def test_nothing_is_guessed_in_the_first_moments() -> None:
    speed, now = fed(4 * MB)
    assert speed.words(100 * MB, now) == ""


def test_a_steady_flow_is_told_with_what_is_left() -> None:
    speed, now = fed(*[4 * MB] * 10)
    assert speed.words(100 * MB, now) == "4\u00a0MB/s · 15 s left".replace("4\u00a0", "4.0\u00a0")


def test_one_fast_moment_does_not_change_the_picture() -> None:
    calm, now = fed(*[MB] * 20)
    wild, _ = fed(*[MB] * 20, 10 * MB)
    assert calm.words(100 * MB, now) == "1.0\u00a0MB/s · 80 s left".replace("80 s", "1 min")
    assert "MB/s" in wild.words(100 * MB, now + 1)
    assert float(wild.words(100 * MB, now + 1).split("\u00a0")[0]) < 3


def test_silence_is_called_waiting() -> None:
    speed, now = fed(*[MB] * 10)
    assert speed.words(100 * MB, now + 20) == "waiting for the network"


def test_another_file_begins_anew() -> None:
    speed, now = fed(*[MB] * 10)
    speed.note("other.mp4", 0, now)
    assert speed.words(100 * MB, now) == ""


def test_time_left_is_rounded_as_people_do() -> None:
    assert [left_words(s) for s in (1, 12, 59, 61, 200, 5000, 7300, 200_000)] == [
        "5 s left", "10 s left", "60 s left", "1 min left", "3 min left", "83 min left", "2 h left",
        "more than a day left",
    ]  # fmt: skip
