"""When the computer should be spared, and the desks: nothing is asked by itself then."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from client import polling
from client.paths import open_paths
from client.polling import Polling
from client.power import is_low, is_saving
from client.session import Session
from tests.servers.fault_proxy import Answer, Fault, FaultProxy
from tests.servers.process import wait_until
from tests.servers.web_form import WebForm


@pytest.mark.parametrize(("told", "saves"), [("low-power\n", True), ("balanced\n", False), ("\xff", False)])
def test_the_systems_own_battery_saver_is_heeded(tmp_path: Path, told: str, saves: bool) -> None:
    profile = tmp_path / "platform_profile"
    profile.write_text(told, "latin-1")
    assert is_saving(profile) is saves
    if saves:
        assert is_low(profile)


@pytest.fixture
def asked(fault_proxy: Callable[[str], FaultProxy], monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """Every call that a desk gets, from a client that asks as often as it may."""
    monkeypatch.setattr(polling, "SPREAD_S", 0.0)
    monkeypatch.setattr(polling, "SOON_S", 0.02)
    monkeypatch.setattr(polling, "GROWTH", 1.0)
    monkeypatch.setenv("TESTIGO_SECRET_IT", "1-14-abc")
    form = WebForm()
    yield fault_proxy(form.url)
    form.stop()


def looking(asked: FaultProxy, resting: Callable[[], bool]) -> tuple[Session, Polling]:
    session = Session(open_paths())
    for name, value in {"kind": "rt", "url": asked.url}.items():
        session.change({f"desks.it.{name}": value})
    return session, Polling(session.tickets, session.places.desk_names, resting)


def test_nobody_is_asked_while_the_battery_is_saved_unless_somebody_wants_to_see(asked: FaultProxy) -> None:
    rests = threading.Event()
    rests.set()
    asked.next(Fault(answer=Answer(503, {"Retry-After": "0"})), times=None)
    session, poll = looking(asked, rests.is_set)
    poll.start()
    assert not threading.Event().wait(0.5)
    assert asked.struck == 0
    poll.nudge()
    wait_until(lambda: asked.struck > 0, 10, "the look that was wanted")
    poll.close()
    session.close()


@pytest.mark.parametrize(("wish", "times"), [("3600", 1), ("0", 3)])
def test_a_desk_that_wants_to_be_left_alone_is_whoever_would_like_to_see(
    asked: FaultProxy, wish: str, times: int
) -> None:
    asked.next(Fault(answer=Answer(429, {"Retry-After": wish})), times=None)
    session, poll = looking(asked, lambda: False)
    poll.start()
    wait_until(lambda: asked.struck >= times, 10, "a look")
    if times == 1:
        poll.nudge()
        assert not threading.Event().wait(0.5)
        assert asked.struck == 1
    poll.close()
    session.close()
