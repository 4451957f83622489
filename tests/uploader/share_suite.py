"""What every share must do. A share's own test subclasses ``ShareSuite`` and says how to open a link."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.uploader.desk_suite import FallibleJournal, Killed, attachment
from uploader.errors import Cancelled, FileChanged
from uploader.journal import MemoryJournal
from uploader.ticket import Share, quiet

CONTENT = bytes(range(256)) * 12_000


class ShareSuite:
    """Subclasses give ``share`` (a fixture), ``read(url)`` and ``count(share)``: how many files it holds."""

    def read(self, url: str) -> bytes:
        raise NotImplementedError

    def count(self, share: Share) -> int:
        raise NotImplementedError

    @pytest.mark.parametrize("name", ["video.mp4", "grabación 🐦 (1).mp4", "100% #1?.bin"])
    def test_the_link_leads_to_the_very_bytes(self, share: Share, tmp_path: Path, name: str) -> None:
        seen: list[int] = []
        link = share.put(attachment(tmp_path, name, CONTENT), MemoryJournal(), lambda done, total: seen.append(done))
        assert self.read(link.url) == CONTENT
        assert seen[-1] == len(CONTENT)

    def test_two_links_have_nothing_in_common_to_guess_from(self, share: Share, tmp_path: Path) -> None:
        file = attachment(tmp_path, "video.mp4", CONTENT)
        one, other = (share.put(file, MemoryJournal(), quiet).url for _ in range(2))
        assert one != other
        differing = sum(a != b for a, b in zip(one, other))
        assert differing > 12

    @pytest.mark.parametrize("after", [False, True])
    def test_killed_at_every_journal_write_and_resumed_the_file_is_there_once(
        self, share: Share, tmp_path: Path, after: bool
    ) -> None:
        for die_at in range(1, 20):
            before = self.count(share)
            file = attachment(tmp_path, f"video-{die_at}.mp4", CONTENT)
            journal = FallibleJournal({}, die_at, after=after)
            try:
                link = share.put(file, journal, quiet)
                survived = True
            except Killed:
                survived = False
                link = share.put(file, FallibleJournal(journal.kept, 0, after=after), quiet)
            assert self.read(link.url) == CONTENT
            assert self.count(share) == before + 1
            if survived:
                return
        pytest.fail("the share never ends")

    def test_the_user_can_stop_it(self, share: Share, tmp_path: Path) -> None:
        def stop(done: int, total: int) -> None:
            raise Cancelled("stopped")

        journal = MemoryJournal()
        file = attachment(tmp_path, "video.mp4", CONTENT)
        with pytest.raises(Cancelled):
            share.put(file, journal, stop)
        assert self.read(share.put(file, journal, quiet).url) == CONTENT

    def test_a_file_that_changed_is_refused(self, share: Share, tmp_path: Path) -> None:
        file = attachment(tmp_path, "video.mp4", CONTENT)
        file.path.write_bytes(CONTENT[:-1] + b"x")
        with pytest.raises(FileChanged):
            share.put(file, MemoryJournal(), quiet)
        assert self.count(share) == 0

    def test_checking_leaves_nothing_behind(self, share: Share) -> None:
        share.check()
        assert self.count(share) == 0
