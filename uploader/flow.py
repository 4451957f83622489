"""One sending as its threads share it: bytes on their way, the pace, the wish to stop, and patience with trouble."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from uploader.errors import AuthFailed, NoSpace, Temporary

R = TypeVar("R")

MOST_TRIES = 6
"""In a row without a byte acknowledged; then the outbox takes over with its longer waits."""
LONGEST_WAIT_S = 30.0
FIRST_WAIT_S = 0.5
LOOK_S = 0.05
"""How often the caller's progress is told, and asked whether to stop."""
BURST_S = 0.25
LINGER_S = 5.0
"""How long a sending that ends early waits for its threads."""


class Stopped(Exception):
    """Another thread of the same sending has ended it."""


class Pace:
    """The speed that all sendings of this process keep together."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._due_s = 0.0

    def due_s(self, size_bytes: int, bytes_per_s: int) -> float:
        """When, on the monotonic clock, so many bytes may go."""
        with self._guard:
            self._due_s = max(self._due_s, time.monotonic() - BURST_S) + size_bytes / bytes_per_s
            return self._due_s


PACE = Pace()


class Renewable(Protocol):
    def renew(self) -> bool: ...


class Flow:
    """Counts, paces and stops. ``bytes_per_s`` may change while it runs; 0 is no limit."""

    def __init__(self, done_bytes: int, bytes_per_s: Callable[[], int]) -> None:
        self._guard = threading.Condition()
        self._bytes_per_s = bytes_per_s
        self._on_way: dict[int, int] = {}
        self._due_s = 0.0
        self._moved_s = time.monotonic()
        self.done_bytes = done_bytes
        self.stopped = False

    @property
    def seen_bytes(self) -> int:
        """Acknowledged and on their way."""
        with self._guard:
            return self.done_bytes + sum(self._on_way.values())

    @property
    def still_s(self) -> float:
        """Since when nothing has moved; waiting for the pace is no standstill."""
        with self._guard:
            return time.monotonic() - max(self._moved_s, self._due_s)

    def stop(self) -> None:
        with self._guard:
            self.stopped = True
            self._guard.notify_all()

    def wait(self, seconds: float) -> None:
        """Raises: Stopped."""
        with self._guard:
            if self._guard.wait_for(lambda: self.stopped, seconds):
                raise Stopped

    @contextmanager
    def counted(self) -> Iterator[Callable[[int], None]]:
        """What to call with every block before it goes; if the piece fails they count no more."""
        who = threading.get_ident()
        with self._guard:
            self._on_way[who] = 0

        def passing(size_bytes: int) -> None:
            self._keep_pace(size_bytes)
            with self._guard:
                if self.stopped:
                    raise Stopped
                self._on_way[who] += size_bytes
                self._moved_s = time.monotonic()

        try:
            yield passing
        finally:
            with self._guard:
                self._on_way.pop(who)

    def acknowledge(self, size_bytes: int) -> None:
        with self._guard:
            self.done_bytes += size_bytes
            self._moved_s = time.monotonic()

    def _keep_pace(self, size_bytes: int) -> None:
        rate = self._bytes_per_s()
        if rate <= 0:
            return
        self._due_s = PACE.due_s(size_bytes, rate)
        wait_s = self._due_s - time.monotonic()
        if wait_s > 0:
            self.wait(wait_s)


def persist(flow: Flow, way: Renewable, act: Callable[[], R], most_tries: int = MOST_TRIES) -> R:
    """The result of ``act``, tried again while the trouble may pass: full jitter, or the wait the service wants.

    A refused login is renewed once. Raises: what ``act`` raises once patience is over; Stopped.
    """
    tries, renewed, before = 0, False, flow.done_bytes
    while True:
        try:
            return act()
        except AuthFailed:
            if renewed or not way.renew():
                raise
            renewed = True
        except NoSpace:
            raise
        except Temporary as error:
            if flow.done_bytes > before:
                tries, before = 0, flow.done_bytes
            tries += 1
            wait_s = error.retry_after_s
            if wait_s is None:
                wait_s = random.uniform(0, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**tries))  # noqa: S311  # no secret
            if tries >= most_tries or wait_s > LONGEST_WAIT_S:
                raise
            flow.wait(wait_s)


def work_off(
    jobs: Iterable[Callable[[], None]], width: int, flow: Flow, tell: Callable[[], None],
    cut: Callable[[], None] = lambda: None, beside: Iterable[Callable[[], None]] = (),
) -> None:  # fmt: skip
    """Runs all jobs on ``width`` threads while this one calls ``tell``, which may raise to end it all.

    Each of ``beside`` has a thread of its own, which does nothing else: ``width`` jobs at once are never exceeded.

    The first failure ends the others and is raised. ``cut`` frees threads that hang in a connection; none of them is
    at work any more afterwards, so that the next try does not meet them (but for what hangs in a dead mount).
    """
    shared, failures = deque(jobs), list[BaseException]()
    changed = threading.Condition()
    queues = [shared] * min(width, len(shared)) + [deque([job]) for job in beside]
    running = len(queues)

    def work(waiting: deque[Callable[[], None]]) -> None:
        nonlocal running
        try:
            while waiting and not flow.stopped:
                waiting.popleft()()
        except IndexError:
            pass
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001  # carried to the caller's thread
            failures.append(error)
            flow.stop()
        finally:
            with changed:
                running -= 1
                changed.notify_all()

    for number, queue in enumerate(queues, 1):
        threading.Thread(target=work, args=(queue,), name=f"send-{number}", daemon=True).start()
    try:
        while running and not failures:
            with changed:
                changed.wait_for(lambda: failures or not running, LOOK_S)
            tell()
    finally:
        if running:
            flow.stop()
            cut()
            with changed:
                changed.wait_for(lambda: not running, LINGER_S)
    if failures:
        raise failures[0]
    if flow.stopped:
        raise Stopped
