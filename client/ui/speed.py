"""How fast a file goes and how long it will still take, from what was told of it."""

from __future__ import annotations

from client.words import say, size

SETTLED_S = 2.0
"""Before so much time has passed nothing is said: a guess that jumps is worse than none."""
MEMORY_S = 8.0
"""How long the past counts: hotel networks come in waves."""
SILENT_S = 5.0
"""After so long without a byte it is said that it waits."""


class Speed:
    """Fed with times of a monotonic clock, in seconds. A new file begins anew."""

    def __init__(self) -> None:
        self._file, self._begun_s, self._last_s, self._moved_s = "", 0.0, 0.0, 0.0
        self._done_bytes, self._bytes_per_s = 0, 0.0

    def note(self, file: str, done_bytes: int, at_s: float) -> None:
        if file != self._file or done_bytes < self._done_bytes:
            self._file, self._begun_s, self._last_s, self._moved_s = file, at_s, at_s, at_s
            self._done_bytes, self._bytes_per_s = done_bytes, 0.0
            return
        passed_s = at_s - self._last_s
        if passed_s < 0.2:
            return
        if done_bytes > self._done_bytes:
            self._moved_s = at_s
        now = (done_bytes - self._done_bytes) / passed_s
        weight = min(1.0, passed_s / min(MEMORY_S, max(at_s - self._begun_s, passed_s)))
        self._bytes_per_s += weight * (now - self._bytes_per_s)
        self._done_bytes, self._last_s = done_bytes, at_s

    def words(self, total_bytes: int, at_s: float) -> str:
        """``3.2 MB/s · 40 s left``; empty while it is too early to say."""
        if at_s - self._moved_s > SILENT_S and self._done_bytes < total_bytes:
            return say("waiting for the network")
        if at_s - self._begun_s < SETTLED_S or self._bytes_per_s < 1:
            return ""
        left_s = (total_bytes - self._done_bytes) / self._bytes_per_s
        return f"{size(int(self._bytes_per_s))}/s · {left_words(left_s)}"


def left_words(seconds: float) -> str:
    """Rounded as a person would: seconds in fives, then minutes, then hours."""
    if seconds < 60:
        return say("{n} s left", n=max(5, 5 * round(seconds / 5)))
    if seconds < 5400:
        return say("{n} min left", n=round(seconds / 60))
    if seconds < 36 * 3600:
        return say("{n} h left", n=round(seconds / 3600))
    return say("more than a day left")
