"""The only crossing between Qt's thread and all others: work goes over, a value or an error comes back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from PySide6.QtCore import QObject, QRunnable, Qt, QThread, QThreadPool, Signal, SignalInstance, Slot

from client.report import Event
from client.session import Session

T = TypeVar("T")

log = logging.getLogger(__name__)


class Bridge(QObject):
    """Lives on Qt's thread. ``happened`` brings the core's events over; ``called`` any function to run here."""

    happened = Signal(object)
    called = Signal(object)

    def __init__(self, session: Session | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._several, self._single = QThreadPool(self), QThreadPool(self)
        self._several.setMaxThreadCount(4)
        self._single.setMaxThreadCount(1)
        self.called.connect(_call, Qt.ConnectionType.QueuedConnection)
        self._guard, self._closed = threading.Lock(), False
        self._stop = session.listen(self.tell) if session else lambda: None

    def tell(self, event: Event) -> None:
        """From any thread: the event reaches the windows on theirs."""
        self._send(self.happened, event)

    def later(self, call: Callable[[], object]) -> None:
        """From any thread: runs ``call`` on Qt's thread, soon."""
        self._send(self.called, call)

    def _send(self, signal: SignalInstance, what: object) -> None:
        """Once it is closed, no other thread touches Qt any more, which may be coming down."""
        if QThread.currentThread() is self.thread():
            signal.emit(what)
            return
        with self._guard:
            if not self._closed:
                signal.emit(what)

    def background(
        self,
        work: Callable[[], T],
        on_done: Callable[[T], object] | None = None,
        on_error: Callable[[Exception], object] | None = None,
        *,
        in_order: bool = False,
    ) -> None:
        """Runs ``work`` elsewhere, then ``on_done`` or ``on_error`` here. ``in_order``: after all earlier such work.

        An error nobody takes is logged. ``work`` must not touch a widget.
        """
        pool = self._single if in_order else self._several
        pool.start(_Work(work, on_done, on_error, self.later))

    def close(self) -> bool:
        """Waits for what is at work, so that no change of a draft is cut off; False when some of it does not end."""
        self._stop()
        written = self._single.waitForDone(10_000)
        ended = self._several.waitForDone(2_000) and written
        with self._guard:
            self._closed = True
        return ended


class _Work(QRunnable):
    def __init__(
        self,
        work: Callable[[], Any],
        on_done: Callable[[Any], object] | None,
        on_error: Callable[[Exception], object] | None,
        later: Callable[[Callable[[], object]], None],
    ) -> None:
        super().__init__()
        self._work, self._on_done, self._on_error, self._later = work, on_done, on_error, later

    def run(self) -> None:
        try:
            result = self._work()
        except Exception as error:  # every error crosses; nothing dies silently
            if self._on_error is None:
                log.exception("background work failed")
                return
            take, what = self._on_error, error
            self._later(lambda: take(what))
            return
        if self._on_done is not None:
            done = self._on_done
            self._later(lambda: done(result))


@Slot(object)
def _call(call: Callable[[], object]) -> None:
    call()
