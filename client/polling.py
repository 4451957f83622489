"""When a desk is asked for news: soon after something happened, rarely when nothing does, never at the same moment as
everybody else.

A desk with ten thousand clients is asked by each of them at a time of its own: the first look after a start or an
outage is spread over ``SPREAD_S``, and every wait has jitter.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Callable

from client.power import is_low
from client.report import DeskAsked, Event
from client.tickets import Looked, Tickets
from uploader.errors import Refused, Temporary, UploaderError

SOON_S, LONGEST_S = 60.0, 1800.0
"""After news or a reply of one's own; and when nothing has happened for long."""
SPREAD_S = 120.0
"""Over which the first looks of many clients are spread."""
LEAVE_S = 1.0
"""How long closing waits for them."""
GOING_ON_S = 2.0
"""Between two looks while there are conversations left to read; who nudges meanwhile is heard."""
GROWTH = 1.6
JITTER = 0.25

log = logging.getLogger(__name__)


def next_wait_s(before_s: float, looked: Looked | None, draw: Callable[[], float] = random.random) -> float:
    """How long to wait after a look: short after news, longer each time without; ``draw`` gives 0 to 1."""
    plain = SOON_S if looked is not None and (looked.fresh or looked.changed) else min(before_s * GROWTH, LONGEST_S)
    return plain * (1 - JITTER + 2 * JITTER * draw())


class Polling:
    """One thread per desk that can be read back. ``nudge`` looks at once, or as soon as a desk that named a time may
    be asked again. While ``resting`` (the battery runs low) nobody is asked by itself."""

    def __init__(
        self,
        tickets: Tickets,
        desks: Callable[[], tuple[str, ...]],
        resting: Callable[[], bool] = is_low,
        tell: Callable[[Event], None] = lambda event: None,
    ) -> None:
        self._tickets, self._desks, self._resting, self._tell = tickets, desks, resting, tell
        self._wake = threading.Condition()
        self._nudged: set[str] = set()
        self._free_at_s: dict[str, float] = {}
        self._closing = False
        self._threads: dict[str, threading.Thread] = {}
        self.faults: dict[str, UploaderError] = {}
        """Why a desk could not be asked the last time; empty: it could."""
        self.asking: set[str] = set()
        """The desks that are being asked at this moment."""

    def start(self) -> None:
        """Begins, and begins again for desks that were added since. Harmless to repeat."""
        for name in self._desks():
            if name not in self._threads:
                thread = threading.Thread(target=self._keep_asking, args=(name,), name=f"news-{name}", daemon=True)
                self._threads[name] = thread
                thread.start()

    def nudge(self, desk: str = "") -> None:
        """Looks now: a window was opened, or something was sent. Empty: at all desks."""
        with self._wake:
            self._nudged |= {desk} if desk else set(self._threads)
            self._wake.notify_all()

    def close(self) -> None:
        """Asks nobody any more. Whoever is in the middle of an answer gets a moment to end."""
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        end = time.monotonic() + LEAVE_S
        for thread in self._threads.values():
            thread.join(max(0.0, end - time.monotonic()))

    def _keep_asking(self, name: str) -> None:
        wait_s = random.uniform(0, SPREAD_S)  # noqa: S311  # no secret
        pause_s = SOON_S
        while self._waited(name, wait_s):
            looked, wanted_s = self._look(name)
            pause_s = next_wait_s(pause_s, looked)
            wait_s = max(GOING_ON_S if looked is not None and looked.left else pause_s, wanted_s)

    def _look(self, name: str) -> tuple[Looked | None, float]:
        """What was found, and how long the desk wants to be left alone."""
        before = self.faults.get(name)
        try:
            return self._ask(name)
        finally:
            if name in self.asking or self.faults.get(name) is not before:
                self.asking.discard(name)
                self._tell(DeskAsked(name, fault=self.faults.get(name)))

    def _ask(self, name: str) -> tuple[Looked | None, float]:
        try:
            if not self._tickets.reads_back(name):
                return None, LONGEST_S
            self.asking.add(name)
            self._tell(DeskAsked(name, begun=True))
            looked = self._tickets.look(name)
        except Refused as error:  # a person must act; asking again and again would lock the account
            self.faults[name] = error
            return None, LONGEST_S
        except UploaderError as error:
            self.faults[name] = error
            wanted_s = (error.retry_after_s or 0.0) if isinstance(error, Temporary) else 0.0
            self._free_at_s[name] = time.monotonic() + wanted_s
            return None, wanted_s
        except Exception:  # the thread must outlive whatever one answer does to it
            log.exception("asking %s for news failed unexpectedly", name)
            return None, LONGEST_S
        self.faults.pop(name, None)
        return looked, 0.0

    def _waited(self, name: str, wait_s: float) -> bool:
        """False when it is over. Where the desk tells of news by itself, it may end the waiting."""
        end = time.monotonic() + wait_s
        if wait_s > 0 and not self._resting():
            try:
                if self._tickets.wait(name, wait_s, lambda: self._closing or self._nudge_in_s(name) <= 0):
                    return not self._closing
            except (UploaderError, OSError):
                pass  # the next look tells
            except Exception:  # the thread must outlive whatever one answer does to it
                log.exception("waiting for news of %s failed unexpectedly", name)
        with self._wake:
            while not self._closing and (nudge_s := self._nudge_in_s(name)) > 0:
                left = end - time.monotonic()
                if left <= 0:
                    if not self._resting():
                        break
                    left = LONGEST_S
                self._wake.wait(min(left, nudge_s))
            self._nudged.discard(name)
            return not self._closing

    def _nudge_in_s(self, name: str) -> float:
        """How long a nudge still waits for what the desk has asked; without one, for ever."""
        return self._free_at_s.get(name, 0.0) - time.monotonic() if name in self._nudged else math.inf
