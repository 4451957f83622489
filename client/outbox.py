"""The queue of reports on their way: two workers, one lock, and a plan for every failure.

Where a report's folder lies is its state; "sending" is only ever in memory. Two workers, so that a large video
cannot hold up a ticket. One lock of the operating system, so that window and command line never send together.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

from client.delivery import Delivered, ShareRefused, ShareUnreachable
from client.folder import Damaged, Log, ReportFolder, Shelf
from client.lock import Busy, ProcessLock
from client.report import Delivery, DeliveryChanged, DeliveryProgress, Event, Report, ReportDamaged, State, Trouble
from uploader.errors import Cancelled, FileChanged, Refused, Temporary, Unreachable, UploaderError
from uploader.journal import Journal
from uploader.ticket import LINK_ABOVE_BYTES

SOON_S, OFTEN_S = 10.0, 600.0
"""After the first failure; then at a moment of its own within ten minutes, and from there every ten minutes."""
HELD_S = 60.0
"""How long a report is left alone that failed in a way nobody planned for."""
MOMENT_S = 0.02
SPREAD_S = 30.0
"""Over which those who were cut off together come back."""
UNREACHED = ("unreachable", "untrusted", "intercepted", "share_unreachable")


def next_try_s(attempts: int, draw: Callable[[], float] = random.random) -> float:
    """How long to wait after so many failures; ``draw`` gives 0 to 1.

    The second wait takes every client to a moment of its own, and the same period keeps them apart: however long a
    desk was away, those who come back are spread evenly (``tests/bench/bench_outage.py`` counts them).
    """
    if attempts <= 1:
        return SOON_S * (0.5 + draw())
    if attempts == 2:
        return OFTEN_S * (0.02 + 0.98 * draw())
    return OFTEN_S * (0.9 + 0.2 * draw())


Deliver = Callable[[Report, Journal, Callable[[str, int, int], None]], Delivered]

log = logging.getLogger(__name__)


class Outbox:
    """Sends what lies in ``shelf``'s outbox with ``deliver``. Listeners are called on worker threads."""

    def __init__(self, shelf: Shelf, deliver: Deliver, notify: Callable[[Event], None]) -> None:
        self._shelf, self._deliver, self._notify = shelf, deliver, notify
        self._lock = ProcessLock(shelf.root / "outbox" / ".lock")
        self._wake = threading.Condition()
        self._busy: set[str] = set()
        self._cancelled: set[str] = set()
        self._held_until: dict[str, float] = {}
        self._desk_until: dict[str, float] = {}
        self._at_desk: dict[str, tuple[str, bool]] = {}
        self._named: set[str] = set()  # of these desks, those that asked for it themselves
        self._desks: dict[str, str] = {}  # where each report that waits goes to, as far as it was read
        self._closing = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Starts the two workers; they sleep without waking up while nothing is due."""
        self._hold_as_before()
        self._threads = [threading.Thread(target=self._work, name=f"outbox-{n}", daemon=True) for n in (1, 2)]
        for thread in self._threads:
            thread.start()

    def _hold_as_before(self) -> None:
        """What was never tried must not overtake what an earlier run has tried, nor ask before a desk's own time."""
        for folder in self._shelf.list("outbox"):
            with suppress(Damaged, OSError):
                state = folder.read_log()
                if state.last_error and state.last_error.code != ShareUnreachable.code and not state.needs_you:
                    desk, left_s = folder.read().desk, state.seconds_left(datetime.now(UTC))
                    self._hold_desk(desk, max(left_s, self._desk_until.get(desk, 0.0) - time.monotonic()))

    def close(self) -> None:
        """Stops the workers; what is being sent is cancelled and goes on at the next start."""
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        for thread in self._threads:
            thread.join(10)

    def poke(self) -> None:
        """Something in the outbox has changed: look now."""
        with self._wake:
            self._wake.notify_all()

    def send_all(self) -> None:
        """Everything that waits is due now, but for what a desk has asked to wait for."""
        self._make_all_due(self._shelf.ids("outbox"), None, free=True)

    def make_due(self, report_id: str) -> None:
        """This report is tried at once, also when a person was needed. What is being sent is left alone."""
        self._make_all_due([report_id], None, free=True)

    def _make_all_due(self, ids: Iterable[str], at: datetime | None, *, free: bool) -> None:
        """Wakes the workers once. ``free``: a person's word wins over our plan, not over a desk that named a time."""
        for report_id in sorted(ids):
            try:
                with self._kept(report_id) as (folder, state):
                    state.not_before, state.needs_you, state.tried_at = at, False, datetime.now(UTC)
                    folder.write_log(state)
            except (Busy, KeyError, Damaged):
                continue
            self._tell(folder)
        if free:
            self._desk_until = {desk: at_s for desk, at_s in self._desk_until.items() if desk in self._named}
        self.poke()

    def send_unreached(self) -> None:
        """What waits because somebody could not be reached is due now, or within half a minute: a whole company may
        have come back at this moment."""
        wait_s, found = random.uniform(0, SPREAD_S), list[str]()  # noqa: S311  # no secret
        until = datetime.now(UTC) + timedelta(seconds=wait_s)
        for folder in self._shelf.list("outbox"):
            with suppress(Damaged):
                error = folder.read_log().last_error
                if error is not None and error.code in UNREACHED:
                    found.append(folder.id)
                    if error.code != ShareUnreachable.code:
                        self._hold_desk(folder.read().desk, wait_s)  # what was never tried must not overtake it
        self._make_all_due(found, until, free=False)

    def _hold_desk(self, desk: str, wait_s: float) -> None:
        """Leaves it alone so long, and a moment longer: what waits by itself for this time stands first in the line."""
        self._desk_until[desk] = time.monotonic() + wait_s + MOMENT_S

    def pause(self, report_id: str) -> None:
        """Stops the delivery that runs, or keeps one that waits from running; the report stays in the outbox.

        Raises: Busy when another process is sending.
        """
        with self._wake:
            if report_id in self._busy:
                self._cancelled.add(report_id)
                return
        folder = self._shelf.find(report_id, "outbox")
        if folder is not None:
            with self.held(report_id) as state:
                if state.asks:  # it runs no more, and the question must stay
                    return
                state.needs_you, state.not_before, state.last_error = True, None, Trouble("cancelled", "stopped")
                folder.write_log(state)
            self._tell(folder)

    @contextmanager
    def held(self, report_id: str) -> Iterator[Log]:
        """The log of a report that waits; meanwhile nobody sends it, neither here nor another process.

        Raises: KeyError when it does not wait (any more); Busy.
        """
        try:
            with self._kept(report_id) as (_, state):
                yield state
        finally:
            self.poke()

    @contextmanager
    def _kept(self, report_id: str) -> Iterator[tuple[ReportFolder, Log]]:
        """The same, and nobody is woken afterwards."""
        with self._wake:
            if report_id in self._busy:
                raise Busy
            self._busy.add(report_id)
        try:
            with self._lock.held(0):
                folder = self._shelf.find(report_id, "outbox")
                if folder is None:
                    raise KeyError(report_id)
                yield folder, folder.read_log()
        finally:
            with self._wake:
                self._busy.discard(report_id)
                self._desks.pop(report_id, None)

    def wait_until_free(self, report_id: str, wait_s: float) -> bool:
        """Whether nobody here sends it any more."""
        with self._wake:
            return self._wake.wait_for(lambda: report_id not in self._busy, wait_s)

    def is_busy(self, report_id: str) -> bool:
        return report_id in self._busy

    def run_once(self, report_id: str, wait_s: float = 60) -> Delivery:
        """Delivers one report in this thread, due or not, and says what became of it.

        Raises: Busy when another process is sending and does not finish within ``wait_s``; KeyError.
        """
        with self._wake:
            if not self._wake.wait_for(lambda: report_id not in self._busy, wait_s):
                raise Busy
            self._busy.add(report_id)
        try:
            with self._lock.held(wait_s):
                folder = self._shelf.find(report_id, "outbox")
                if folder is not None:
                    self._try(folder)
        finally:
            self._release(report_id)
        return self.delivery(report_id)

    def delivery(self, report_id: str) -> Delivery:
        """Raises: KeyError when there is none; Damaged."""
        folder = self._shelf.find(report_id, "outbox", "sent")
        if folder is None:
            raise KeyError(report_id)
        return read_delivery(folder, busy=report_id in self._busy)

    def _work(self) -> None:
        while True:
            with self._wake:
                folder, due_s = self._next()
                while folder is None:
                    if self._closing:
                        return
                    self._wake.wait(due_s)
                    folder, due_s = self._next()
                self._busy.add(folder.id)
                with suppress(Damaged):
                    report = folder.read()
                    large = any(a.size_bytes > LINK_ABOVE_BYTES for a in report.attachments)
                    self._at_desk[folder.id] = (report.desk, large)
            try:
                with self._lock.held(0):
                    self._try(folder)
            except Busy:
                with self._wake:
                    self._wake.wait(1)
            finally:
                self._release(folder.id)

    def _release(self, report_id: str) -> None:
        """The report is free again, and only now are its listeners told how it stands: they may act at once."""
        with self._wake:
            self._busy.discard(report_id)
            self._at_desk.pop(report_id, None)
            self._desks.pop(report_id, None)
            self._cancelled.discard(report_id)
            self._wake.notify_all()
        folder = self._shelf.find(report_id, "outbox", "sent")
        if folder is not None and not self._closing:
            with suppress(Damaged):
                self._tell(folder)

    def _next(self) -> tuple[ReportFolder | None, float | None]:
        """The first report that is due and free, or the seconds until one may be; None: until poked."""
        if self._closing:
            return None, None
        now, soonest = datetime.now(UTC), None
        for folder in self._shelf.list("outbox"):
            if folder.id in self._busy:
                continue
            wait_s = self._desk_wait_s(folder) if self._desk_until or self._at_desk else 0
            if wait_s <= 0:  # else nothing is read: a thousand may wait for the same desk
                try:
                    state = folder.read_log()
                except Damaged:
                    self._set_aside(folder)
                    continue
                if state.needs_you:
                    continue
                wait_s = max(state.seconds_left(now), self._held_until.get(folder.id, 0) - time.monotonic())
                if wait_s <= 0:
                    return folder, 0
            soonest = wait_s if soonest is None else min(soonest, wait_s)
        return None, soonest

    def _desk_wait_s(self, folder: ReportFolder) -> float:
        """How long a report's desk is to be left alone: it asked for that, or is busy with an older report of ours.

        A large file that is on its way to a share holds nobody up.
        """
        if folder.id not in self._desks:
            try:
                self._desks[folder.id] = folder.read().desk
            except Damaged:
                return 0
        desk = self._desks[folder.id]
        if any(other == desk and not large for other, large in self._at_desk.values()):
            return HELD_S  # woken before, when that one is done
        return self._desk_until.get(desk, 0) - time.monotonic()

    def _try(self, folder: ReportFolder) -> None:
        """Whatever one report does, those behind it have their turn."""
        try:
            self._send(folder)
        except Exception:
            log.exception("delivery of %s failed unexpectedly", folder.id)
            self._hold_back(folder)

    def _send(self, folder: ReportFolder) -> None:
        if not folder.path.is_dir():  # another process delivered it between our look and our lock
            return
        try:
            report, state = folder.read(), folder.read_log()
        except Damaged:
            self._set_aside(folder)
            return
        if state.ticket is None:
            self._tell(folder)
            state.attempts, state.tried_at = state.attempts + 1, datetime.now(UTC)
            folder.write_log(state)
            try:
                done = self._deliver(report, folder.journal(state), self._progress(report.id))
            except UploaderError as error:
                self._failed(folder, state, error)
                if isinstance(error, Temporary) and not isinstance(error, ShareUnreachable):
                    (self._named.discard if error.retry_after_s is None else self._named.add)(report.desk)
                    self._hold_desk(report.desk, state.seconds_left(datetime.now(UTC)))  # for all that wait for it
                return
            except OSError as error:
                self._failed(folder, state, _unwritable(error))
                return
            self._desk_until.pop(report.desk, None)
            state.ticket, state.sent, state.last_error = done.ticket, done.sent, None
            state.sent_at, state.not_before, state.needs_you = datetime.now(UTC), None, False
            folder.write_log(state)
        self._shelf.move(folder, "sent")

    def _failed(self, folder: ReportFolder, state: Log, error: UploaderError) -> None:
        attachment = error.attachment if isinstance(error, ShareRefused | ShareUnreachable) else ""
        trouble = Trouble(error.code, str(error), attachment, error.text, error.values)
        state.unsure = not isinstance(error, Refused) and (state.unsure or not isinstance(error, Unreachable))
        if isinstance(error, Cancelled):
            if self._closing:  # not the user's wish: it goes on at the next start
                state.not_before = None
            else:
                state.needs_you, state.last_error = True, trouble
            folder.write_log(state)
        elif isinstance(error, Refused | FileChanged):
            state.needs_you, state.last_error, state.not_before = True, trouble, None
            folder.write_log(state)
        else:
            after_s = error.retry_after_s if isinstance(error, Temporary) else None
            if after_s is not None and after_s <= SOON_S:
                state.attempts = 1  # it came further: the next waits begin short again
            self._postpone(folder, state, trouble, after_s)

    def _postpone(self, folder: ReportFolder, state: Log, trouble: Trouble, after_s: float | None = None) -> None:
        wait_s = next_try_s(state.attempts) if after_s is None else after_s
        state.last_error, state.tried_at = trouble, datetime.now(UTC)
        state.not_before = state.tried_at + timedelta(seconds=wait_s)
        folder.write_log(state)

    def _hold_back(self, folder: ReportFolder) -> None:
        """Postpones what went wrong in a way nobody planned for; in memory when even the disk refuses."""
        self._held_until[folder.id] = time.monotonic() + HELD_S
        trouble = Trouble("failed", "an unexpected failure; the log has the details")
        try:
            self._postpone(folder, folder.read_log(), trouble)
        except (OSError, Damaged):
            log.warning("%s is held back for %s s", folder.id, HELD_S)

    def _progress(self, report_id: str) -> Callable[[str, int, int], None]:
        def progress(file: str, done_bytes: int, total_bytes: int) -> None:
            if self._closing or report_id in self._cancelled:
                raise Cancelled("stopped")
            self._notify(DeliveryProgress(report_id, file, done_bytes, total_bytes))

        return progress

    def _tell(self, folder: ReportFolder) -> None:
        self._notify(DeliveryChanged(read_delivery(folder, busy=folder.id in self._busy)))

    def _set_aside(self, folder: ReportFolder) -> None:
        place = self._shelf.set_aside(folder)
        log.warning("a damaged report was moved aside: %s", place)
        self._notify(ReportDamaged(str(place)))


def _unwritable(error: OSError) -> Temporary:
    name, why = str(error.filename or "a file"), error.strerror or str(error)
    return Temporary("{file} could not be read or written: {why}", file=name, why=why)


def read_delivery(folder: ReportFolder, *, busy: bool = False) -> Delivery:
    """How a report stands, from its folder alone. Raises: Damaged."""
    report, state = folder.read(), folder.read_log()
    where: State = "queued"
    if folder.path.parent.name == "sent" or state.ticket is not None:
        where = "sent"
    elif state.needs_you:
        where = "needs_you"
    elif busy:
        where = "sending"
    return Delivery(
        report.id, report.summary, where, report.created_at, state.attempts, state.not_before, state.last_error,
        state.ticket, report.size_bytes, state.sent, state.sent_at, report.desk, report.reply_to, report.opening,
    )  # fmt: skip
