"""What every share must do whose account a person opens in the browser, on a strict server of ours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.servers.oauth import Browser, OAuthServer
from tests.uploader.desk_suite import attachment
from tests.uploader.upload_suite import LARGE, UploadSuite, killed_midway
from uploader.errors import AuthFailed
from uploader.journal import MemoryJournal
from uploader.setting import Secret
from uploader.ticket import Share, quiet
from uploader.transfer import UploadShare


class SignedInSuite(UploadSuite):
    """Subclasses give ``kind``, ``at`` and ``spoil()``: the unfinished file becomes whole and wrong at the service."""

    kind: ClassVar[type[OAuthServer]]
    server: Any
    in_flight = 1

    @pytest.fixture
    def server_url(self) -> Iterator[str]:
        self.server = self.kind()
        self.token = self.server.provider.sign_in()
        yield self.server.url
        self.server.stop()

    def at(self, url: str, **changes: object) -> UploadShare:
        raise NotImplementedError

    def spoil(self) -> None:
        raise NotImplementedError

    def count(self, share: Share) -> int:
        return len(self.server.files)

    def issued(self) -> Iterable[str]:
        return self.server.provider.access | self.server.provider.refresh

    def test_signing_in_gives_what_the_uploads_need(self, server_url: str, tmp_path: Path) -> None:
        given = self.at(server_url, refresh_token=Secret("")).sign_in(Browser().open)
        share = self.at(server_url, refresh_token=Secret(given["refresh_token"]))
        assert self.read(share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet).url)

    def test_an_upload_outlives_its_access_token_but_not_its_sign_in(self, share: UploadShare, tmp_path: Path) -> None:
        share.put(attachment(tmp_path, "one.mp4", b"one"), MemoryJournal(), quiet)
        self.server.provider.access.clear()
        link = share.put(attachment(tmp_path, "two.mp4", b"two"), MemoryJournal(), quiet)
        assert self.read(link.url) == b"two"
        self.server.provider.revoke_all()
        with pytest.raises(AuthFailed, match="sign in again"):
            share.put(attachment(tmp_path, "three.mp4", b"three"), MemoryJournal(), quiet)

    @pytest.mark.parametrize(("token", "words"), [("old", "sign in again"), ("", "nobody has signed in")])
    def test_a_sign_in_that_does_not_hold_is_named(self, server_url: str, token: str, words: str) -> None:
        with pytest.raises(AuthFailed, match=words):
            self.at(server_url, refresh_token=Secret(token)).check()
        assert not self.server.files

    def test_a_session_that_died_is_begun_anew(self, share: UploadShare, tmp_path: Path) -> None:
        journal, file = killed_midway(share, tmp_path)
        self.server.sessions.clear()
        link = share.put(file, journal, quiet)
        assert self.read(link.url) == LARGE
        assert self.count(share) == 1

    def test_a_file_that_is_whole_and_damaged_when_the_next_run_asks_is_sent_anew(
        self, share: UploadShare, tmp_path: Path
    ) -> None:
        journal, file = killed_midway(share, tmp_path)
        self.spoil()
        link = share.put(file, journal, quiet)
        assert self.read(link.url) == LARGE
        assert self.count(share) == 1

    @pytest.mark.parametrize("killed", [False, True])
    def test_a_file_that_arrived_damaged_is_sent_anew(self, share: UploadShare, tmp_path: Path, killed: bool) -> None:
        journal, file = MemoryJournal(), attachment(tmp_path, "video.mp4", LARGE)
        if killed:
            journal, file = killed_midway(share, tmp_path)
        self.server.damages = True
        link = share.put(file, journal, quiet)
        assert not self.server.damages
        assert self.read(link.url) == LARGE
        assert self.count(share) == 1
