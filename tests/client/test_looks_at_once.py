"""Several look at a desk at the same time, and it answers each of them when it likes: nothing of it gets lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from client.report import Event, TicketNews
from client.tickets import Tickets
from tests.client.story_desk import StoryDesk, tickets_of
from uploader.inbox import Conversation, News, Reply

T = TypeVar("T")
PATIENCE_S = 60


@dataclass
class Call:
    """One question on its way: the desk reads what it holds, and later the answer arrives."""

    read: threading.Event = field(default_factory=threading.Event)
    was_read: threading.Event = field(default_factory=threading.Event)
    arrives: threading.Event = field(default_factory=threading.Event)

    def goes_on(self) -> None:
        if not self.read.is_set():
            self.read.set()
            assert self.was_read.wait(PATIENCE_S)
        else:
            self.arrives.set()


class SlowDesk(StoryDesk):
    """Answers when ``calls`` are let go on; at once when nobody ``holds`` it. Its mark is like a mailbox's: what was
    told once is never told again."""

    def __init__(self) -> None:
        super().__init__()
        self.holds = False
        self.calls: list[Call] = []
        self.changed = threading.Condition()

    def news(self, mark: str) -> News:
        def ask() -> News:
            found = super(SlowDesk, self).news(mark)
            return replace(found, tickets=tuple(t for t in found.tickets if t.updated_at.isoformat() > mark))

        return self._slowly(ask)

    def conversation(self, key: str) -> Conversation:
        return self._slowly(lambda: super(SlowDesk, self).conversation(key))

    def _slowly(self, ask: Callable[[], T]) -> T:
        if not self.holds:
            return ask()
        call = Call()
        with self.changed:
            self.calls.append(call)
            self.changed.notify_all()
        assert call.read.wait(PATIENCE_S)
        found = ask()
        call.was_read.set()
        assert call.arrives.wait(PATIENCE_S)
        return found


Looks = list[Future[tuple[Reply, ...]]]
MOVES = st.lists(st.sampled_from(["look", "open", "answer", "solve", 0, 0, 1, 1, 1, 2, 3]), max_size=40)
"""What happens one after the other; a number lets the desk go on with that one of its callers."""


@example(["open", 0, "solve", "look", 1, 1, 1, 1, 0])  # what was asked for earlier arrives last
@given(MOVES)
@settings(max_examples=40, deadline=None)
def test_every_answer_is_told_once_and_the_last_state_stays(
    tmp_path_factory: pytest.TempPathFactory, moves: list[str | int]
) -> None:
    folder: Path = tmp_path_factory.mktemp("looks")
    told: list[Event] = []
    desk = SlowDesk()
    desk.write("T", 0)
    one, other = tickets_of(desk, folder, told), tickets_of(desk, folder, told)
    one.look("d")
    one.open(one.find("T"))
    desk.holds, hour = True, 1.0
    with ThreadPoolExecutor(4) as threads:
        at_work: Looks = []
        for move in moves:
            if move in ("answer", "solve"):
                hour += 1
                desk.answer("T", hour, state="solved" if move == "solve" else "open")
            elif isinstance(move, int):
                go_on(desk, at_work, move)
            elif len(running(at_work)) < 4:
                asker = (one, other)[len(at_work) % 2]
                at_work.append(threads.submit(begin, asker, move))
                settle(desk, at_work)
        while running(at_work):
            go_on(desk, at_work, 0)
        shown = {reply.key for done in at_work for reply in done.result()}
    desk.holds = False
    one.look("d")
    one.look("d")
    known = one.find("T")
    assert known.ticket == desk.talks["T"].ticket
    assert one.replies(known) == desk.talks["T"].replies
    news = [reply.key for event in told if isinstance(event, TicketNews) for reply in event.replies]
    assert len(news) == len(set(news)), "an answer was told twice"
    assert {reply.key for reply in desk.talks["T"].replies if not reply.mine} <= {*news, *shown}


def begin(asker: Tickets, move: str | int) -> tuple[Reply, ...]:
    """What was shown to the person."""
    if move == "open":
        return asker.open(asker.find("T"))
    asker.look("d")
    return ()


def running(at_work: Looks) -> Looks:
    return [each for each in at_work if not each.done()]


def go_on(desk: SlowDesk, at_work: Looks, which: int) -> None:
    with desk.changed:
        calls = list(desk.calls)
    if calls:
        call = calls[which % len(calls)]
        call.goes_on()
        if call.arrives.is_set():
            with desk.changed:
                desk.calls.remove(call)
        settle(desk, at_work)


def settle(desk: SlowDesk, at_work: Looks) -> None:
    """Until everybody at work waits for the desk, or is done."""
    pause = threading.Event()
    for _ in range(60_000):
        if len(desk.calls) == len(running(at_work)):
            return
        pause.wait(0.001)
    raise AssertionError("somebody neither asks nor ends")
