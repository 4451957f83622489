"""``kill -9`` at random moments of a person's journey: what is older than a second is there, no ticket comes twice."""

from __future__ import annotations

import hashlib
import random
import subprocess
import threading
import time
from dataclasses import dataclass, field

from client.session import Session
from client.ui.instance import ask
from tests.journeys.stage import Stage, Trouble, wait_for
from tests.journeys.user import User

ROUNDS = 8
LONGEST_S = 4.0
OLD_S = 1.0
SUBJECT = "the printer on floor three prints blank pages since monday"


@dataclass
class Story:
    """What the person had done, and when it was done: (moment, what, how much)."""

    done: list[tuple[float, str, int]] = field(default_factory=list)

    def note(self, what: str, amount: int = 1) -> None:
        self.done.append((time.monotonic(), what, amount))

    def old(self, what: str, killed_at: float) -> int:
        """How much of it had been done a second before the kill."""
        return max((n for at, name, n in self.done if name == what and at < killed_at - OLD_S), default=0)


def play(user: User, story: Story, over: threading.Event) -> None:
    """Region, three arrows, form, words, review, send; ends at the first thing that does not answer any more."""
    stage: Stage = user.stage
    try:
        ask(user.paths, "tray", "capture", {
            "wish": {"mode": "region", "rect": [200, 200, 900, 600]}, "output": "", "edit": True, "copy": False,
        }, wait_s=10)  # fmt: skip
        x, y, width, height = stage.window("^Capture", 5)
        wait_for(lambda: user.active().startswith("Capture"), "the editor", 3)
        story.note("picture")
        stage.key("a")
        for number in range(3):
            top = y + height // 3 + 40 * number
            stage.drag((x + width // 3, top), (x + width // 2, top + 20))
            story.note("marks", number + 1)
        stage.key("ctrl+Return")
        stage.window("^Report a problem", 5)
        wait_for(lambda: user.active().startswith("Report"), "the form", 3)
        for end in range(6, len(SUBJECT) + 6, 6):
            stage.type(SUBJECT[end - 6 : end])
            story.note("letters", min(end, len(SUBJECT)))
        stage.key("ctrl+Return")
        stage.window("^This is what", 5)
        stage.key("Return")
        wait_for(lambda: not user.drafts(), "the hand-over", 3)
        story.note("handed over")
    except (Trouble, subprocess.CalledProcessError, OSError, TimeoutError, IndexError):
        if not over.is_set():
            story.note("stuck")


def one_round(user: User, after_s: float) -> tuple[Story, float]:
    """Plays until the kill; what had been done, and when the kill came."""
    story, over = Story(), threading.Event()
    running = user.start()
    person = threading.Thread(target=play, args=(user, story, over))
    person.start()
    over.wait(after_s)
    killed_at = time.monotonic()
    running.kill()
    over.set()
    running.communicate()
    person.join(15)
    assert not person.is_alive()
    return story, killed_at


def test_killed_at_random_moments_nothing_older_than_a_second_is_lost(user: User) -> None:
    seed = random.Random().getrandbits(32)
    dice = random.Random(seed)
    handed_over = 0
    user.settings('[report]\ndiagnostics = "quick"\n')
    for round_ in range(ROUNDS):
        after_s = (round_ + dice.random()) * LONGEST_S / ROUNDS
        story, killed_at = one_round(user, after_s)
        where = f"seed {seed}, round {round_}, killed after {after_s:.2f} s: {[(w, n) for _, w, n in story.done]}"
        assert not story.old("stuck", killed_at), where
        session = Session(user.paths)
        waiting = [d.report_id for d in session.deliveries()]
        assert session.set_aside == [], where
        handed_over += story.old("handed over", killed_at)
        assert len(waiting) >= handed_over, where
        drafts = session.drafts()
        for draft in drafts:
            draft.mend()
            for attachment in draft.report.attachments:
                assert hashlib.sha256(attachment.path.read_bytes()).hexdigest() == attachment.sha256, where
        newly_sent = len(waiting) > handed_over - story.old("handed over", killed_at)
        if story.old("picture", killed_at) and not newly_sent:
            assert [len(draft.report.attachments) for draft in drafts] == [1], where
            assert len(user.marks()) >= story.old("marks", killed_at), where
            assert len(drafts[0].report.summary) >= story.old("letters", killed_at), where
            assert SUBJECT.startswith(drafts[0].report.summary), where
        handed_over = len(waiting)
        for draft in drafts:
            session.discard(draft)
    user.start()
    wait_for(lambda: not user.asked("outbox")["deliveries"], "an empty outbox", 20)
    reports = [ticket["report_id"] for ticket in user.tickets()]
    assert len(reports) == len(set(reports)) == handed_over, f"seed {seed}"
