"""``kill -9`` at random moments of writing, queueing and delivering: nothing is lost, nothing is sent twice."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from client.paths import open_paths
from client.session import Session

ROOT = Path(__file__).resolve().parents[2]

WORK = """
import sys, pathlib
from client.paths import open_paths
from client.session import Session
session, round_, source = Session(open_paths()), sys.argv[1], pathlib.Path(sys.argv[2])
print("ready", flush=True)
for number in range(1000):
    draft = session.new_draft(summary=f"{round_}-{number}")
    print("made", draft.report.summary, flush=True)
    draft.add_file(source)
    print("attached", draft.report.summary, flush=True)
    report_id = session.submit(draft)
    print("submitted", draft.report.summary, flush=True)
    session.send_now(report_id)
    print("sent", draft.report.summary, flush=True)
"""


def run_and_kill(round_: int, source: Path, after_s: float) -> list[tuple[str, str]]:
    """What the killed process had said it had done: (what, summary)."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORK, str(round_), str(source)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    threading.Event().wait(after_s)
    process.kill()
    said = [tuple(line.split()) for line in process.stdout.read().splitlines()]
    process.stdout.close()
    process.wait()
    return [(line[0], line[1]) for line in said if len(line) == 2]


def test_killed_at_random_moments_every_report_arrives_once_with_its_file(tmp_path: Path) -> None:
    dice = random.Random()
    seed = dice.getrandbits(32)
    dice.seed(seed)
    source = tmp_path / "source.bin"
    source.write_bytes(random.Random(1).randbytes(3_000_000))
    said: list[tuple[str, str]] = []
    for round_ in range(15):
        said += run_and_kill(round_, source, dice.uniform(0.005, 0.3))
    session = Session(open_paths())
    drafts = session.drafts()
    assert session.set_aside == [], f"seed {seed}"
    waiting = {d.summary for d in session.deliveries() if d.state != "sent"}
    sent = [d for d in session.deliveries(sent=10_000) if d.state == "sent"]
    there = sorted([d.report.summary for d in drafts] + [d.summary for d in session.deliveries(sent=10_000)])
    assert len(there) == len(set(there))
    assert {summary for what, summary in said if what == "made"} <= set(there), f"seed {seed}"
    for draft in drafts:
        for attachment in draft.report.attachments:
            assert hashlib.sha256(attachment.path.read_bytes()).hexdigest() == attachment.sha256
        if ("attached", draft.report.summary) in said:
            assert len(draft.report.attachments) == 1
    for delivery in session.deliveries():
        if delivery.state != "sent":
            assert session.send_now(delivery.report_id).state == "sent"
    tickets = [json.loads(p.read_text()) for p in session.paths.default_desk.glob("T-*/ticket.json")]
    subjects = sorted(t["subject"] for t in tickets)
    assert subjects == sorted(waiting | {d.summary for d in sent}), f"seed {seed}"
    for ticket in session.paths.default_desk.glob("T-*"):
        assert (ticket / "source.bin").read_bytes() == source.read_bytes()


def test_a_draft_handed_to_a_full_disk_stays_where_it_was(tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        session = Session(open_paths(data=place))
        draft = session.new_draft(summary="whole")
        (place / "filler").write_bytes(b"\1" * 1_900_000)
        for _ in range(3):  # what is left of the disk goes, block by block
            try:
                with (place / "filler").open("ab") as file:
                    file.write(b"\1" * 40_000)
            except OSError:
                break
        with pytest.raises(OSError, match="No space"):
            draft.set(description="x" * 200_000)
        assert session.drafts()[0].report.summary == "whole"
        (place / "filler").unlink()
        draft.set(description="there is room again")
        assert session.send_now(session.submit(draft)).state == "sent"
    finally:
        subprocess.run(["umount", str(place)], check=True)
