from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from client.delivery import Delivered, ShareRefused, ShareUnreachable
from client.draft import Draft
from client.folder import Log, Shelf
from client.lock import Busy, ProcessLock
from client.outbox import OFTEN_S, SOON_S, Outbox, next_try_s
from client.report import DeliveryChanged, Event, Report, ReportDamaged
from client.words import explain
from tests.servers.process import wait_until
from uploader.errors import Cancelled, OutcomeUnknown, Refused, Temporary, Unreachable, UploaderError
from uploader.journal import Journal
from uploader.remote import once_unseen, send_again
from uploader.ticket import Attachment, TicketRef

Act = Callable[[Report, Journal], None]
QUEUED = 200
"""A thousand are sent by ``tests/bench/bench_outage.py``."""
AT_ONCE, PAUSE_S = 40, 0.1


class Bench:
    """An outbox whose desk does what a test says."""

    def __init__(self, root: Path) -> None:
        self.shelf = Shelf(root)
        self.events: list[Event] = []
        self.heard = threading.Condition()
        self.act: Act = lambda report, journal: None
        self.outbox = Outbox(self.shelf, self.deliver, self.hear)

    def deliver(self, report: Report, journal: Journal, progress: Callable[[str, int, int], None]) -> Delivered:
        progress("", 0, 1)
        self.act(report, journal)
        progress("", 1, 1)
        return Delivered(TicketRef("T-1", "file:///t"), ())

    def hear(self, event: Event) -> None:
        with self.heard:
            self.events.append(event)
            self.heard.notify_all()

    def put(self, summary: str = "x", **values: Any) -> str:
        return self.shelf.move(self.shelf.create(summary=summary, **values), "outbox").id

    def wait_for(self, report_id: str, *states: str, seconds: float = 20) -> None:
        def there() -> bool:
            return any(
                isinstance(e, DeliveryChanged) and e.delivery.report_id == report_id and e.delivery.state in states
                for e in self.events
            )

        with self.heard:
            assert self.heard.wait_for(there, seconds), f"{report_id} never became {states}"

    def log(self, report_id: str) -> Log:
        folder = self.shelf.find(report_id)
        assert folder is not None
        return folder.read_log()


class BusyDesk:
    """Takes so many reports, then refuses until a moment that it names, as services with a rate limit do."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.up = bench, False
        self.arrived: list[str] = []
        self.refused: list[float] = []
        self.too_early: list[float] = []
        self._free_at, self._left = 0.0, AT_ONCE
        bench.act = self.take

    def take(self, report: Report, journal: Journal) -> None:
        if not self.up:
            raise Temporary("down")
        now = time.monotonic()
        if now < self._free_at:
            self.too_early.append(self._free_at - now)
        if not self._left:
            self.refused.append(now)
            self._free_at, self._left = now + PAUSE_S, AT_ONCE
            raise Temporary("slow down", retry_after_s=PAUSE_S)
        self._left -= 1
        self.arrived.append(report.summary)

    def come_back_to(self, queued: int) -> None:
        """Is away while so many reports are written, then there again, until all have arrived."""
        ids = [self.bench.put(f"{number:04}") for number in range(queued)]
        self.bench.outbox.start()
        self.bench.wait_for(ids[0], "queued")
        assert self.arrived == []
        self.up = True
        self.bench.outbox.send_unreached()
        self.bench.outbox.send_all()
        self.bench.wait_for(ids[-1], "sent", seconds=300)
        self.bench.outbox.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.outbox.close()


def fail(error: UploaderError) -> Act:
    def act(report: Report, journal: Journal) -> None:
        raise error

    return act


def test_what_lies_there_at_the_start_is_sent(bench: Bench) -> None:
    ids = [bench.put(str(n)) for n in range(5)]
    bench.outbox.start()
    for report_id in ids:
        bench.wait_for(report_id, "sent")
    assert [f.id for f in bench.shelf.list("sent")] == sorted(ids)
    assert not list(bench.shelf.list("outbox"))


def test_a_large_file_on_its_way_does_not_hold_up_the_next_report(bench: Bench) -> None:
    go = threading.Event()
    slow = bench.put("slow", attachments=(Attachment("film.mp4", Path("film.mp4"), 41_000_000, "video/mp4", "ab"),))

    def act(report: Report, journal: Journal) -> None:
        if report.id == slow:
            assert go.wait(20)

    bench.act = act
    bench.outbox.start()
    bench.wait_for(slow, "sending")
    quick = bench.put("quick")
    bench.outbox.poke()
    bench.wait_for(quick, "sent")
    go.set()
    bench.wait_for(slow, "sent")


@pytest.mark.parametrize("failures", range(1, 5))
def test_a_failure_is_followed_by_the_next_try_of_the_plan(bench: Bench, failures: int) -> None:
    bench.act = fail(Temporary("down"))
    report_id = bench.put()
    for _ in range(failures):
        delivery = bench.outbox.run_once(report_id)
    assert delivery.state == "queued"
    assert delivery.attempts == failures
    assert delivery.not_before is not None
    wait_s = (delivery.not_before - datetime.now(UTC)).total_seconds()
    assert next_try_s(failures, lambda: 0.0) - 1 < wait_s < next_try_s(failures, lambda: 1.0)


def test_the_second_wait_is_anywhere_in_ten_minutes_and_from_there_it_is_every_ten_minutes() -> None:
    assert next_try_s(1, lambda: 0.5) == SOON_S
    assert next_try_s(2, lambda: 0.0) < OFTEN_S / 20
    assert next_try_s(2, lambda: 1.0) == OFTEN_S
    assert next_try_s(3, lambda: 0.5) == OFTEN_S
    assert next_try_s(100, lambda: 0.5) == OFTEN_S


def test_a_desk_that_is_away_is_asked_for_one_report_and_not_for_each(bench: Bench) -> None:
    tried: list[str] = []

    def away(report: Report, journal: Journal) -> None:
        tried.append(report.summary)
        raise Temporary("down", retry_after_s=3600)

    bench.act = away
    for number in range(20):
        bench.put(f"{number:02}")
    bench.outbox.start()
    threading.Event().wait(1)
    assert tried == ["00"]
    bench.outbox.close()


def test_a_share_that_is_away_keeps_back_its_own_report_and_no_other_of_that_desk(bench: Bench) -> None:
    def act(report: Report, journal: Journal) -> None:
        if report.summary == "with a film":
            raise ShareUnreachable("film.mp4", "the share is away")

    bench.act = act
    film = bench.put("with a film")
    bench.outbox.start()
    bench.wait_for(film, "queued")
    words = bench.put("words alone")
    bench.outbox.poke()
    bench.wait_for(words, "sent", seconds=60)


def test_what_was_queued_arrives_after_an_outage_in_its_order_once_and_at_the_desks_pace(bench: Bench) -> None:
    desk = BusyDesk(bench)
    desk.come_back_to(QUEUED)
    assert desk.arrived == [f"{number:04}" for number in range(QUEUED)]
    assert len(desk.refused) == (QUEUED - 1) // AT_ONCE
    assert desk.too_early == [], "asked again before the time that the desk named"
    assert not list(bench.shelf.list("outbox"))


def tried_by_another_run(bench: Bench, error: UploaderError) -> tuple[list[str], list[str]]:
    """Five reports, of which another process tried the first in vain; and a list of what arrives from here on."""
    arrived, other = list[str](), Bench(bench.shelf.root)
    bench.act = lambda report, journal: arrived.append(report.summary)
    other.act = fail(error)
    ids = [bench.put(f"{number}") for number in range(5)]
    other.outbox.run_once(ids[0])
    return ids, arrived


def test_when_the_network_is_back_what_was_never_tried_does_not_overtake(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.outbox.random.uniform", lambda least, most: 0.5)
    bench.outbox.start()
    ids, arrived = tried_by_another_run(bench, Unreachable("away"))
    bench.outbox.send_unreached()
    for report_id in ids:
        bench.wait_for(report_id, "sent")
    assert arrived == ["0", "1", "2", "3", "4"]


def test_after_a_restart_what_was_never_tried_neither_overtakes_nor_asks_before_the_time_that_the_desk_named(
    bench: Bench,
) -> None:
    ids, arrived = tried_by_another_run(bench, Temporary("slow down", retry_after_s=1))
    bench.outbox.start()
    for report_id in ids:
        bench.wait_for(report_id, "sent")
    assert arrived == ["0", "1", "2", "3", "4"]


def test_a_person_who_says_now_is_not_kept_waiting_by_our_plan_but_by_the_desks_own_word(bench: Bench) -> None:
    tried, error = list[str](), [Temporary("down")]

    def act(report: Report, journal: Journal) -> None:
        tried.append(report.summary)
        if error:
            raise error.pop()

    bench.act = act
    first, second = bench.put("0"), bench.put("1")
    bench.outbox.start()
    bench.wait_for(first, "queued")
    error.append(Temporary("slow down", retry_after_s=3600))
    bench.outbox.make_due(second)
    for _ in range(500):
        if (waits_until := bench.log(second).not_before) is not None:
            break
        threading.Event().wait(0.02)
    assert waits_until is not None
    bench.outbox.send_all()
    threading.Event().wait(0.3)
    assert tried == ["0", "1"], "the desk has named an hour"


def test_the_services_own_wish_wins_over_the_plan(bench: Bench) -> None:
    bench.act = fail(Temporary("busy", retry_after_s=1234))
    delivery = bench.outbox.run_once(bench.put())
    assert delivery.not_before is not None
    assert 1200 < (delivery.not_before - datetime.now(UTC)).total_seconds() < 1235


def test_a_refusal_waits_for_the_person_and_says_which_file(bench: Bench) -> None:
    bench.act = fail(ShareRefused("video.mp4", "quota exceeded"))
    report_id = bench.put()
    bench.outbox.start()
    bench.wait_for(report_id, "needs_you")
    error = bench.log(report_id).last_error
    assert error is not None
    assert (error.code, error.attachment) == ("share_refused", "video.mp4")
    bench.act = lambda report, journal: None
    bench.outbox.make_due(report_id)
    bench.wait_for(report_id, "sent")


def asked_whether_it_arrived(bench: Bench) -> tuple[str, list[str]]:
    """A report whose answer got lost, and how often it was sent."""
    did, lost = list[str](), [True]

    def create() -> str:
        did.append("sent")
        if lost and lost.pop():
            raise OutcomeUnknown("the answer got lost")
        return "7"

    bench.act = lambda report, journal: once_unseen(journal, "create", "desk", create)
    report_id = bench.put()
    bench.outbox.run_once(report_id)
    bench.outbox.run_once(report_id)
    waiting = bench.log(report_id)
    assert (waiting.needs_you, waiting.last_error and waiting.last_error.code, did) == (True, "maybe_sent", ["sent"])
    return report_id, did


def test_what_may_have_arrived_goes_again_only_by_the_persons_word(bench: Bench) -> None:
    report_id, did = asked_whether_it_arrived(bench)
    assert explain("maybe_sent")[0] == "It may have arrived"
    for _ in range(3):  # no try by itself is an answer, whoever died in between
        bench.outbox.run_once(report_id)
    bench.outbox.start()
    bench.outbox.send_all()
    bench.outbox.make_due(report_id)
    asked = lambda: bench.log(report_id).attempts >= 6 and bench.log(report_id).needs_you  # noqa: E731
    wait_until(asked, 60, "the question")
    assert bench.outbox.wait_until_free(report_id, 60)
    waiting = bench.log(report_id)
    assert (waiting.last_error and waiting.last_error.code, did) == ("maybe_sent", ["sent"])
    with bench.outbox.held(report_id) as state:
        assert state.last_error is not None
        folder = bench.shelf.find(report_id)
        assert folder is not None
        send_again(folder.journal(state), state.last_error.values)
    bench.outbox.make_due(report_id)
    bench.wait_for(report_id, "sent")
    assert did == ["sent", "sent"]


def test_a_temporary_failure_is_tried_again_by_itself(bench: Bench) -> None:
    tries: list[int] = []

    def act(report: Report, journal: Journal) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise Temporary("down", retry_after_s=0.01)

    bench.act = act
    report_id = bench.put()
    bench.outbox.start()
    bench.wait_for(report_id, "sent")
    assert len(tries) == 3


def test_stopping_keeps_the_report_until_it_is_sent_again(bench: Bench) -> None:
    begun = threading.Event()

    def act(report: Report, journal: Journal) -> None:
        begun.set()
        raise Cancelled("stopped")

    bench.act = act
    report_id = bench.put()
    bench.outbox.start()
    bench.wait_for(report_id, "needs_you")
    assert bench.shelf.find(report_id, "outbox")


@pytest.mark.expects_errors
def test_a_bug_in_an_adapter_stops_neither_the_worker_nor_the_others(bench: Bench) -> None:
    bad = bench.put("bad")

    def act(report: Report, journal: Journal) -> None:
        if report.id == bad:
            raise ZeroDivisionError

    bench.act = act
    bench.outbox.start()
    bench.wait_for(bad, "queued")
    good = [bench.put(str(n)) for n in range(3)]
    bench.outbox.poke()
    for report_id in good:
        bench.wait_for(report_id, "sent")
    assert bench.shelf.find(bad, "outbox")


def test_a_damaged_report_is_moved_aside_and_the_rest_is_sent(bench: Bench) -> None:
    bad, good = bench.put(), bench.put()
    (bench.shelf.root / "outbox" / bad / "journal.json").write_text("{")
    bench.outbox.start()
    bench.wait_for(good, "sent")
    bench.outbox.close()
    assert (bench.shelf.root / "damaged" / bad).is_dir()
    assert ReportDamaged(str(bench.shelf.root / "damaged" / bad)) in bench.events


def test_killed_between_the_answer_and_the_move_it_is_not_sent_again(bench: Bench) -> None:
    report_id = bench.put()
    folder = bench.shelf.find(report_id)
    assert folder is not None
    folder.write_log(Log(attempts=1, ticket=TicketRef("T-9", "file:///t")))
    bench.act = fail(Refused("must not be asked"))
    delivery = bench.outbox.run_once(report_id)
    assert (delivery.state, delivery.ticket) == ("sent", TicketRef("T-9", "file:///t"))


def test_two_processes_never_send_together(bench: Bench, tmp_path: Path) -> None:
    other = ProcessLock(tmp_path / "outbox" / ".lock")
    report_id = bench.put()
    with other.held(0):
        with pytest.raises(Busy):
            bench.outbox.run_once(report_id, wait_s=0.05)
        assert bench.shelf.find(report_id, "outbox")
    assert bench.outbox.run_once(report_id).state == "sent"


def test_a_clock_set_back_makes_nobody_wait_longer() -> None:
    now = datetime.now(UTC)
    planned = Log(tried_at=now, not_before=now + timedelta(hours=6))
    assert planned.seconds_left(now + timedelta(hours=5)) == 3600
    assert planned.seconds_left(now - timedelta(days=400)) == 0
    assert Log().seconds_left(now) == 0


def test_a_full_disk_at_any_write_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk refuses one write after the other; when there is room again, exactly one ticket was made."""
    import client.folder as folder_module

    real, left = folder_module.write_bytes, [0]

    def write(path: Path, content: bytes) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(28, "No space left on device", str(path))
        real(path, content)

    monkeypatch.setattr(folder_module, "write_bytes", write)
    for fail_at in range(1, 12):
        bench, made = Bench(tmp_path / str(fail_at)), []
        bench.act = lambda report, journal, made=made: (
            journal.once(  # type: ignore[misc]
                "create", lambda: made.append(1) or "T-1", lambda: "T-1" if made else None
            )
            and None
        )
        left[0] = 0
        report_id = bench.put()
        left[0] = fail_at
        try:
            state = bench.outbox.run_once(report_id).state
        except OSError:
            state = "queued"
        if state != "sent":
            left[0] = 0
            assert bench.outbox.run_once(report_id).state == "sent"
        assert made == [1]


def test_many_deliveries_in_random_trouble_all_arrive_once(bench: Bench) -> None:
    dice, made, guard = random.Random(7), [], threading.Lock()

    def act(report: Report, journal: Journal) -> None:
        with guard:
            roll = dice.random()
        if roll < 0.3:
            raise Temporary("down", retry_after_s=0)

        def create() -> str:
            with guard:
                made.append(report.id)
            return "T"

        journal.once("create", create, lambda: "T" if report.id in made else None)
        if roll < 0.6:
            raise Temporary("answer lost", retry_after_s=0)

    bench.act = act
    ids = [bench.put(str(n)) for n in range(20)]
    bench.outbox.start()
    for report_id in ids:
        bench.wait_for(report_id, "sent")
    assert sorted(made) == sorted(ids)


def test_a_draft_handed_over_keeps_its_content(bench: Bench) -> None:
    draft = Draft(bench.shelf.create(summary="Ñ"))
    draft.add_content("a.txt", b"x")
    report_id = bench.shelf.move(draft.folder, "outbox").id
    seen: list[Report] = []
    bench.act = lambda report, journal: seen.append(report)
    bench.outbox.run_once(report_id)
    assert seen[0].summary == "Ñ"
    assert seen[0].attachments[0].name == "a.txt"
