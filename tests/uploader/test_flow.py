"""Patience, pace and stopping, without a server."""

from __future__ import annotations

import threading
import time

import pytest

from uploader.errors import AuthFailed, Cancelled, NoSpace, Refused, Temporary, UploaderError
from uploader.flow import MOST_TRIES, Flow, Stopped, persist, work_off


class Way:
    def __init__(self, *, renews: bool = False) -> None:
        self.renewed, self._renews = 0, renews

    def renew(self) -> bool:
        self.renewed += 1
        return self._renews


class Act:
    """Fails with each of ``errors``, then gives "done"."""

    def __init__(self, *errors: UploaderError) -> None:
        self.errors, self.tries = list(errors), 0

    def __call__(self) -> str:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uploader.flow.FIRST_WAIT_S", 0.001)


def free() -> Flow:
    return Flow(0, lambda: 0)


def test_trouble_that_passes_is_waited_for() -> None:
    act = Act(*(Temporary("busy") for _ in range(MOST_TRIES - 1)))
    assert persist(free(), Way(), act) == "done"


def test_trouble_that_does_not_pass_is_told_after_a_while() -> None:
    act = Act(*(Temporary("busy") for _ in range(100)))
    with pytest.raises(Temporary):
        persist(free(), Way(), act)
    assert act.tries == MOST_TRIES


def test_while_it_goes_forward_patience_has_no_end() -> None:
    flow, tries = free(), 0

    def act() -> str:
        nonlocal tries
        tries += 1
        flow.acknowledge(1)
        if tries < 40:
            raise Temporary("cut")
        return "done"

    assert persist(flow, Way(), act) == "done"


@pytest.mark.parametrize(
    "error", [Refused("no"), NoSpace("full"), Cancelled("stopped"), Temporary("x", retry_after_s=3600)]
)
def test_what_no_wait_mends_is_told_at_once(error: UploaderError) -> None:
    act = Act(error)
    with pytest.raises(type(error)):
        persist(free(), Way(), act)
    assert act.tries == 1


def test_a_refused_login_is_renewed_once_and_only_once() -> None:
    way, act = Way(renews=True), Act(AuthFailed("expired"))
    assert persist(free(), way, act) == "done"
    assert way.renewed == 1
    with pytest.raises(AuthFailed):
        persist(free(), way, Act(AuthFailed("expired"), AuthFailed("still")))
    with pytest.raises(AuthFailed):
        persist(free(), Way(), Act(AuthFailed("expired")))


def test_the_services_wish_to_wait_is_heeded() -> None:
    began_s = time.monotonic()
    persist(free(), Way(), Act(Temporary("busy", retry_after_s=0.2)))
    assert time.monotonic() - began_s >= 0.2


def test_the_pace_is_kept_over_all_threads_and_may_change() -> None:
    rate = [400_000]
    flow = Flow(0, lambda: rate[0])
    began_s = time.monotonic()

    def send() -> None:
        with flow.counted() as passing:
            for _ in range(10):
                passing(10_000)

    work_off([send, send, send], 3, flow, lambda: None)
    assert time.monotonic() - began_s >= 300_000 / 400_000 - 0.3
    rate[0] = 0
    send()


def test_a_wish_to_stop_ends_waiting_threads() -> None:
    flow, ended = free(), threading.Event()

    def wait() -> None:
        try:
            flow.wait(60)
        except Stopped:
            ended.set()
            raise

    def tell() -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        work_off([wait], 1, flow, tell)
    assert ended.wait(30)


def test_the_first_failure_ends_the_others_and_is_the_one_that_is_told() -> None:
    flow = free()

    def wait() -> None:
        flow.wait(60)

    def fail() -> None:
        raise Refused("no")

    with pytest.raises(Refused):
        work_off([wait, fail, wait], 3, flow, lambda: None)


def test_bytes_of_a_failed_piece_count_no_more() -> None:
    flow = free()
    with pytest.raises(Refused), flow.counted() as passing:
        passing(1000)
        assert flow.seen_bytes == 1000
        raise Refused("no")
    assert flow.seen_bytes == 0


def test_what_runs_beside_never_takes_a_job_when_it_is_done() -> None:
    """The hash of a file is quicker than its pieces; one more of them on its way is one more to send again."""
    flow, hashed, guard, at_once, most = free(), threading.Event(), threading.Lock(), 0, 0

    def send() -> None:
        nonlocal at_once, most
        assert hashed.wait(20)
        with guard:
            at_once += 1
            most = max(most, at_once)
        threading.Event().wait(0.02)
        with guard:
            at_once -= 1

    work_off([send] * 9, 3, flow, lambda: None, beside=[hashed.set])
    assert most == 3
