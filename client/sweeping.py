"""When links and uploads whose time is over are looked for: by the resident program, else when it is due."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from client.folder import Damaged, Shelf
from client.places import Places
from client.shared import Shared, keys_of

FIRST_S, EVERY_S = 60.0, 6 * 3600.0
"""After the start of the resident program, and from then on."""


class Sweeping:
    """Any thread. ``recall`` and ``remember`` keep when somebody last looked (see ``Session``)."""

    def __init__(
        self,
        shelf: Shelf,
        shared: Shared,
        places: Places,
        recall: Callable[[str, Any], Any],
        remember: Callable[[str, Any], None],
    ) -> None:
        self._shelf, self._shared, self._places = shelf, shared, places
        self._recall, self._remember = recall, remember
        self._closing, self._soon = False, threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._keep_sweeping, name="sweeper", daemon=True).start()

    def close(self) -> None:
        self._closing = True
        self._soon.set()

    def wake(self) -> None:
        """Something was given up: the resident program looks now."""
        self._soon.set()

    def sweep(self) -> None:
        """Ends links and uploads whose time is over. May take long; run it in the background."""
        self._remember("swept_at", time.time())
        with suppress(OSError):
            known: set[str] = set()
            for folder in self._shelf.list("outbox"):
                with suppress(Damaged):
                    known |= keys_of(folder.read_log().steps)
            self._shared.sweep(self._places.share_names(), known)

    def sweep_if_due(self) -> None:
        """The same, when nobody has looked for some hours: for those who never start the resident program."""
        if not 0 <= time.time() - float(self._recall("swept_at", 0)) < EVERY_S:
            self.sweep()

    def _keep_sweeping(self) -> None:
        self._soon.wait(FIRST_S)
        while not self._closing:
            self._soon.clear()
            self.sweep()
            self._soon.wait(EVERY_S)
