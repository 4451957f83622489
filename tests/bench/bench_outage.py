"""A hundred thousand clients come back after an outage of their desk: the busiest minute against the mean one.

A simulation with the program's own plan of retries (``client.outbox.next_try_s``): each client has one report, written
at a random moment of the outage, or all of them at its beginning. And one client with a thousand reports, for real.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from client.outbox import next_try_s
from tests.client.test_outbox import Bench, BusyDesk

CLIENTS = 100_000
QUEUED = 1000
MOST = 0.95
"""The mean is taken over the time until so many have come back."""


def main() -> dict[str, float]:
    found = {}
    for words, outage_s in (("5 min", 300), ("20 min", 1200), ("1 h", 3600), ("4 h", 14400), ("24 h", 86400)):
        for when, together in (("one after the other", False), ("all at once", True)):
            found[f"{words}, {when}: peak to mean"] = peak_to_mean(outage_s, together=together)
    found["worst peak to mean"] = max(found.values())
    found[f"{QUEUED} queued reports of one client arrive, s"] = arrive_s(QUEUED)
    for what, value in found.items():
        print(f"{what:52}{value:>8.2f}")
    return found


def arrive_s(queued: int) -> float:
    """The real queue on a real disk, and a desk that lets it wait again and again; in order, none twice."""
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name))
        desk = BusyDesk(bench)
        began_s = time.perf_counter()
        desk.come_back_to(queued)
        assert desk.arrived == [f"{number:04}" for number in range(queued)]
        assert desk.refused and not desk.too_early
        return time.perf_counter() - began_s


def peak_to_mean(outage_s: float, *, together: bool, clients: int = CLIENTS) -> float:
    draw = random.Random(1).random
    back_s = sorted(comes_back_s(outage_s, 0 if together else draw() * outage_s, draw) for _ in range(clients))
    counted = int(MOST * clients)
    minutes = max(back_s[counted - 1] / 60, 1)
    return max(Counter(int(at // 60) for at in back_s).values()) / (counted / minutes)


def comes_back_s(outage_s: float, begun_s: float, draw: object) -> float:
    """When after the end of the outage the first try succeeds."""
    at, attempts = begun_s, 0
    while at < outage_s:
        attempts += 1
        at += next_try_s(attempts, draw)  # type: ignore[arg-type]
    return at - outage_s


if __name__ == "__main__":
    main()
