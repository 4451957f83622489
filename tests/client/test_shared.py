"""Links and unfinished uploads: remembered, gone on with, ended in time, also after a month without the program."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from client.lock import Busy, ProcessLock
from client.report import DeliveryChanged, DeliveryProgress, Event
from client.session import Session
from client.shared import Shared
from uploader.errors import Cancelled, InvalidField, Unreachable
from uploader.setting import build
from uploader.shares.folder import FolderShare
from uploader.ticket import LINK_ABOVE_BYTES, Share, Wishes, quiet

MIB = 1024 * 1024


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "share").mkdir()
    return tmp_path / "share"


@pytest.fixture
def shared(tmp_path: Path, place: Path) -> Shared:
    return Shared(tmp_path / "shared", lambda name: build(FolderShare, {"path": str(place)}))


@pytest.fixture
def film(tmp_path: Path) -> Path:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"".join(bytes([n]) * MIB for n in range(50)))
    return film


def opened(url: str) -> Path:
    return Path(unquote(urlsplit(url).path))


def stop_at(limit: int) -> object:
    def progress(done: int, total: int) -> None:
        if done >= limit:
            raise Cancelled("stopped")

    return progress


def test_a_broken_run_is_gone_on_with_by_the_next_one(shared: Shared, film: Path) -> None:
    with pytest.raises(Cancelled):
        shared.put(film, "film.mp4", "x", stop_at(30 * MIB))  # type: ignore[arg-type]
    link = shared.put(film, "film.mp4", "x", quiet)
    assert link.resumed_from_bytes >= 20 * MIB
    assert link.sha256 == hashlib.sha256(film.read_bytes()).hexdigest()
    assert opened(link.url).read_bytes() == film.read_bytes()


def test_a_second_program_does_not_send_the_same_file(shared: Shared, film: Path, tmp_path: Path, place: Path) -> None:
    other = Shared(tmp_path / "shared", lambda name: build(FolderShare, {"path": str(place)}))
    seen: list[type[BaseException]] = []

    def meanwhile(done: int, total: int) -> None:
        if not seen:
            with pytest.raises(Busy) as refused:
                other.put(film, "film.mp4", "x", quiet)
            seen.append(refused.type)

    shared.put(film, "film.mp4", "x", meanwhile)
    assert seen == [Busy]
    assert sum(1 for _ in place.iterdir()) == 1


def test_given_up_nothing_is_left_here_or_there(shared: Shared, film: Path, place: Path, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        shared.put(film, "film.mp4", "x", stop_at(30 * MIB))  # type: ignore[arg-type]
    assert list(place.iterdir())
    assert shared.abandon(film, "film.mp4", "x")
    assert not list(place.iterdir())
    assert not shared.abandon(film, "film.mp4", "x")
    assert not [path for path in (tmp_path / "shared/uploads").iterdir() if path.is_dir()]


def test_a_link_is_found_by_its_address_and_revoked_with_its_file(shared: Shared, film: Path, place: Path) -> None:
    link = shared.put(film, "film.mp4", "x", quiet)
    assert [entry.name for entry in shared.links()] == ["film.mp4"]
    assert shared.revoke(link.url + "#k=key-of-a-sealed-file").name == "film.mp4"
    assert not list(place.iterdir())
    assert not shared.links()
    with pytest.raises(KeyError):
        shared.revoke(link.url)


def test_a_link_whose_address_is_lost_is_revoked_by_its_id(shared: Shared, film: Path, place: Path) -> None:
    shared.put(film, "film.mp4", "x", quiet)
    (entry,) = shared.links()
    shared.revoke(entry.id)
    assert not list(place.iterdir())


def test_what_was_forgotten_for_a_week_is_removed_there_too(shared: Shared, film: Path, place: Path) -> None:
    with pytest.raises(Cancelled):
        shared.put(film, "film.mp4", "x", stop_at(30 * MIB))  # type: ignore[arg-type]
    shared.sweep(now=datetime.now(UTC) + timedelta(days=6))
    assert list(place.iterdir())
    shared.sweep(now=datetime.now(UTC) + timedelta(days=8))
    assert not list(place.iterdir())


def test_a_file_changed_in_place_is_sent_anew_although_its_time_was_set_back(shared: Shared, film: Path) -> None:
    with pytest.raises(Cancelled):
        shared.put(film, "film.mp4", "x", stop_at(30 * MIB))  # type: ignore[arg-type]
    about = film.stat()
    with film.open("r+b") as file:
        file.write(b"other")
    os.utime(film, ns=(about.st_atime_ns, about.st_mtime_ns))
    link = shared.put(film, "film.mp4", "x", quiet)
    assert opened(link.url).read_bytes() == film.read_bytes()


def test_what_began_in_clear_does_not_go_on_so_when_it_shall_be_sealed(shared: Shared, film: Path, place: Path) -> None:
    with pytest.raises(Cancelled):
        shared.put(film, "film.mp4", "x", stop_at(30 * MIB))  # type: ignore[arg-type]
    link = shared.put(film, "film.mp4", "x", quiet, Wishes(sealed=True))
    assert link.sealed
    assert [path.suffix for path in place.rglob("*") if path.is_file()] == [".sealed"]


def test_a_month_later_a_link_that_we_must_end_is_ended_at_the_first_sweep(
    shared: Shared, film: Path, place: Path
) -> None:
    link = shared.put(film, "film.mp4", "x", quiet, Wishes(expires_days=7))
    assert link.ended_by == "us"
    shared.sweep(now=datetime.now(UTC) + timedelta(days=6))
    assert opened(link.url).exists()
    shared.sweep(now=datetime.now(UTC) + timedelta(days=37))
    assert not opened(link.url).exists()
    assert not shared.links()


def test_while_the_share_cannot_be_reached_what_must_end_is_not_forgotten(
    shared: Shared, film: Path, place: Path
) -> None:
    link = shared.put(film, "film.mp4", "x", quiet, Wishes(expires_days=7))
    later = datetime.now(UTC) + timedelta(days=8)
    away = place.rename(place.with_name("away"))
    shared.sweep(now=later)
    assert len(shared.links()) == 1
    away.rename(place)
    shared.sweep(now=later)
    assert not opened(link.url).exists()


def test_a_damaged_record_stops_nothing(shared: Shared, film: Path, tmp_path: Path) -> None:
    (tmp_path / "shared/links/ab.json").write_text("{")
    link = shared.put(film, "film.mp4", "x", quiet, Wishes(expires_days=1))
    shared.sweep(now=datetime.now(UTC) + timedelta(days=2))
    assert not opened(link.url).exists()


# -- of reports -------------------------------------------------------------------------------------------------


def large_report(session: Session, tmp_path: Path) -> str:
    (tmp_path / "large.mp4").write_bytes(bytes(LINK_ABOVE_BYTES + 20 * MIB))
    draft = session.new_draft(summary="Slow")
    draft.add_file(tmp_path / "large.mp4")
    return session.submit(draft)


def shared_files(session: Session) -> list[Path]:
    return [path for path in (session.paths.default_desk / "shared").rglob("*") if path.is_file()]


def test_paused_it_stays_and_continued_it_arrives_once(session: Session, tmp_path: Path) -> None:
    report_id = large_report(session, tmp_path)
    paused = threading.Event()

    def pause(event: Event) -> None:
        if isinstance(event, DeliveryProgress) and event.done_bytes > MIB and not paused.is_set():
            paused.set()
            session.pause(report_id)

    session.listen(pause)
    stopped = session.send_now(report_id)
    assert stopped.state == "needs_you"
    assert stopped.last_error is not None
    assert stopped.last_error.code == "cancelled"
    done = session.send_now(report_id)
    assert done.state == "sent"
    assert len(shared_files(session)) == 1


def test_a_discarded_report_leaves_no_file_outside(session: Session, tmp_path: Path) -> None:
    away = {"desks.away.kind": "folder", "desks.away.path": str(tmp_path / "away"), "report.desk": "away"}
    session.change(away)
    report_id = large_report(session, tmp_path)
    assert session.send_now(report_id).state == "queued"
    assert shared_files(session)
    session.waiting.discard(report_id)
    session.sweeping.sweep()
    assert not shared_files(session)
    assert not list((session.paths.data / "shared/given-up").iterdir())
    assert not session.shared.links()


def test_over_a_network_that_costs_a_large_file_waits_for_the_user(session: Session, tmp_path: Path) -> None:
    session.network_changed(online=True, metered=True)
    report_id = large_report(session, tmp_path)
    heard = threading.Condition()
    states: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, DeliveryChanged):
            with heard:
                states.append(event.delivery.state)
                heard.notify_all()

    session.listen(hear)
    session.start()
    try:
        with heard:
            assert heard.wait_for(lambda: "needs_you" in states, 20)
        error = session.delivery(report_id).last_error
        assert error is not None
        assert error.code == "metered"
        assert not shared_files(session)
        session.retry(report_id)
        with heard:
            assert heard.wait_for(lambda: "sent" in states, 20)
    finally:
        session.close()


def test_back_online_what_was_not_reached_is_tried_within_half_a_minute(session: Session, tmp_path: Path) -> None:
    report_id = large_report(session, tmp_path)
    shared = session.paths.default_desk / "shared"
    session.places.share()
    away = session.paths.default_desk.rename(session.paths.default_desk.with_name("away"))
    first = session.send_now(report_id)
    assert first.state == "queued"
    assert first.not_before is not None
    away.rename(session.paths.default_desk)
    session.network_changed(online=False, metered=False)
    session.network_changed(online=True, metered=False)
    soon = session.delivery(report_id).not_before
    assert soon is not None
    assert (soon - datetime.now(UTC)).total_seconds() < 31
    assert session.send_now(report_id).state == "sent"
    assert shared.is_dir()


def test_with_another_share_the_file_goes_there_and_the_first_one_keeps_nothing(
    session: Session, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    session.change({"shares.other.kind": "folder", "shares.other.path": str(other), "shares.hand.kind": "paste"})
    report_id = large_report(session, tmp_path)

    def pause(event: Event) -> None:
        if isinstance(event, DeliveryProgress) and event.done_bytes > 25 * MIB:
            session.pause(report_id)

    stop_listening = session.listen(pause)
    assert session.send_now(report_id).state == "needs_you"
    stop_listening()
    session.waiting.choose_share(report_id, "hand")
    session.send_now(report_id)
    session.waiting.paste_link(report_id, "large.mp4", "https://we.tl/t-abc123")
    session.waiting.choose_share(report_id, "other")
    sent = session.send_now(report_id)
    assert [file.url.startswith(other.as_uri()) for file in sent.attachments] == [True]
    session.sweeping.sweep()
    assert not shared_files(session)


def test_a_link_that_ended_while_the_desk_was_away_is_made_anew(session: Session, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    session.change({"desks.late.kind": "folder", "desks.late.path": str(tmp_path / "late"), "report.desk": "late",
                    "shares.x.kind": "folder", "shares.x.path": str(place), "shares.x.expires_days": 0.00001,
                    "report.share": "x"})  # fmt: skip
    report_id = large_report(session, tmp_path)
    assert session.send_now(report_id).state == "queued"
    threading.Event().wait(1)
    session.sweeping.sweep()
    assert not list(place.iterdir())
    (tmp_path / "late").mkdir()
    sent = session.send_now(report_id)
    assert sent.state == "sent"
    assert opened(sent.attachments[0].url).stat().st_size == sent.attachments[0].size_bytes


def test_nobody_changes_a_report_that_another_process_is_sending(session: Session, tmp_path: Path) -> None:
    report_id = large_report(session, tmp_path)
    with ProcessLock(session.shelf.root / "outbox/.lock").held(0):
        for act in (
            lambda: session.waiting.leave_out(report_id, "large.mp4"), lambda: session.waiting.take_back(report_id),
            lambda: session.waiting.discard(report_id), lambda: session.waiting.choose_share(report_id, "x"),
            lambda: session.pause(report_id),
        ):  # fmt: skip
            with pytest.raises(Busy):
                act()
        session.retry(report_id)
    assert session.report(report_id).leave_out == ()
    assert session.send_now(report_id).state == "sent"


def test_links_of_reports_are_remembered_with_their_report(session: Session, tmp_path: Path) -> None:
    report_id = large_report(session, tmp_path)
    assert session.send_now(report_id).state == "sent"
    assert [(entry.report_id, entry.name) for entry in session.shared.links()] == [(report_id, "large.mp4")]


def test_a_share_that_is_gone_from_the_settings_stops_no_sweep(tmp_path: Path, film: Path, place: Path) -> None:
    known = {"x": True}

    def open_share(name: str) -> Share:
        if not known.get(name):
            raise Unreachable("gone")
        return build(FolderShare, {"path": str(place)})

    shared = Shared(tmp_path / "shared", open_share)
    shared.put(film, "film.mp4", "x", quiet, Wishes(expires_days=1))
    known.clear()
    shared.sweep(["x", "y"], now=datetime.now(UTC) + timedelta(days=2))
    assert len(shared.links()) == 1
    assert json.loads(next((tmp_path / "shared/links").iterdir()).read_text())["share"] == "x"


def test_a_link_made_by_hand_goes_into_the_ticket(session: Session, tmp_path: Path) -> None:
    session.change({"shares.hand.kind": "paste", "report.share": "hand"})
    report_id = large_report(session, tmp_path)
    waiting = session.send_now(report_id)
    assert waiting.state == "needs_you"
    assert waiting.last_error is not None
    assert (waiting.last_error.code, waiting.last_error.attachment) == ("paste_link", "large.mp4")
    with pytest.raises(InvalidField):
        session.waiting.paste_link(report_id, "large.mp4", "javascript:alert(1)")
    session.waiting.paste_link(report_id, "large.mp4", " https://we.tl/t-abc123 \n")
    sent = session.send_now(report_id)
    assert sent.state == "sent"
    assert [file.url for file in sent.attachments] == ["https://we.tl/t-abc123"]
