"""What strangers write, in any amount: reading it takes time in proportion to its size, and raises nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.servers.github import GitHubServer
from tests.servers.gitlab import GitLabServer
from tests.uploader.desks.test_gitlab import PROJECT
from tests.uploader.remote_suite import fresh
from uploader.body import apart, read
from uploader.desks.github import GitHub
from uploader.desks.gitlab import GitLab
from uploader.html_form import read_forms
from uploader.inbox import Inbox
from uploader.journal import MemoryJournal
from uploader.mail import read_head, without_quote
from uploader.plain_text import plain_text
from uploader.setting import Secret
from uploader.ticket import quiet

OPENERS = ("<", "[", "[[a", "[](http://x", "[](https://x/user-attachments/files/", "![](/uploads/" + "a" * 32 + "/x",
           "\\", "<notextile>", "<http://", '<a href="', "<a '", "<!--", "<![", "<?x", "&#9", "&#", "<label for=a>x",
           "<p class=error>x</b>", "<option>", "</a>", "<script>", "> x\n", "\n", "=?utf-8?q?", "(", "@<",
           "Testigo 20261129-101500-0123456789\n")  # fmt: skip
NOW = datetime(2026, 11, 29, tzinfo=UTC)


def head(text: str) -> object:
    line = text.encode()
    names = (b"Subject", b"References", b"From", b"Message-ID", b"Content-Type")
    return read_head(b"".join(name + b": " + line + b"\r\n" for name in names) + b"\r\n", 1, NOW, sent=False)


READERS: dict[str, Callable[[str], object]] = {
    "HTML": plain_text,
    "textile": partial(read, markup="textile"),
    "markdown": partial(read, markup="markdown"),
    "Jira": partial(read, markup="jira"),
    "our facts": apart,
    "a quote": without_quote,
    "a head": head,
    "a form": lambda text: read_forms("<form method=post>" + text, "https://x.org/"),
    "a list": lambda text: read_forms("<form method=post><select name=a>" + text, "https://x.org/"),
}


def work_of(read: Callable[[str], object], text: str) -> float:
    """Of a few tries the quickest: others work on this computer too."""
    times = []
    for _ in range(2):
        begun = time.thread_time()
        read(text)
        times.append(time.thread_time() - begun)
    return min(times)


def assert_in_proportion(read: Callable[[str], object], most: int = 60_000) -> None:
    for opener in OPENERS:
        half = work_of(read, opener * (most // 2 // len(opener)))
        whole = work_of(read, opener * (most // len(opener)))
        assert whole <= 3 * half + 0.02, f"{opener!r}: {half:.3f} s, twice of it {whole:.3f} s"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", READERS)
def test_twice_as_much_takes_no_more_than_twice_the_work(name: str) -> None:
    assert_in_proportion(READERS[name])
    for opener in OPENERS[::9]:
        READERS[name](opener * (5_000_000 // len(opener)))


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("server", "make"),
    [
        (GitHubServer, lambda url: GitHub(url=url, token=Secret("ghp-1"), repository="mesa/soporte")),
        (GitLabServer, lambda url: GitLab(url=url, token=Secret("glpat-1"), project=PROJECT)),
    ],
    ids=["GitHub", "GitLab"],
)
def test_a_hostile_comment_of_twice_the_size_takes_no_more_than_twice_the_work(
    server: Callable[[], Any], make: Callable[[str], Any], tmp_path: Path
) -> None:
    started = server()
    try:
        desk: Inbox = make(started.url)
        ref = make(started.url).submit(fresh(tmp_path, attachments=()), MemoryJournal(), quiet)

        def look(text: str) -> None:
            started.issues[int(ref.key)].__dict__[NOTES[server]].clear()
            started.agent_replies(int(ref.key), text, [])
            assert len(desk.conversation(ref.key).replies) == 2

        assert_in_proportion(look)
        for opener in OPENERS[:2]:
            look(opener * (5_000_000 // len(opener)))
    finally:
        started.stop()


NOTES = {GitHubServer: "comments", GitLabServer: "notes"}
