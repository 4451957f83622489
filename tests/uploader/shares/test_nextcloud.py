"""Nextcloud and ownCloud 10 on a strict server of ours: none of them is packaged for a test machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers.asking import ask
from tests.servers.fault_proxy import Answer, Fault, FaultProxy
from tests.servers.nextcloud import LOGIN, PASSWORD, NextcloudServer
from tests.uploader.desk_suite import FallibleJournal, Killed, attachment
from tests.uploader.upload_suite import LARGE, PIECE, UploadSuite, killed_midway, small_and_quick
from uploader.errors import AuthFailed, NoSpace, Refused, Temporary, UploaderError
from uploader.journal import MemoryJournal
from uploader.setting import Secret
from uploader.shares.nextcloud import Nextcloud
from uploader.source import PlainSource, Window
from uploader.ticket import Share, Wishes, quiet
from uploader.transfer import UploadShare
from uploader.ways import Parts, Upload
from uploader.wire import Wire

__all__ = ["small_and_quick"]


@pytest.fixture
def nextcloud() -> Iterator[NextcloudServer]:
    server = NextcloudServer()
    server.folders.add("Shared things")
    yield server
    server.stop()


@pytest.fixture
def assembled_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uploader.shares.nextcloud.ASSEMBLING_S", 0.01)
    monkeypatch.setattr("uploader.shares.nextcloud.LOOK_S", 0.01)


def share_at(url: str) -> Nextcloud:
    return Nextcloud(url=url + "/", user=LOGIN, password=Secret(PASSWORD), folder="/Shared things/")


@pytest.mark.usefixtures("assembled_soon")
class TestNextcloud(UploadSuite):
    server: NextcloudServer
    least_piece = PIECE

    @pytest.fixture
    def server_url(self, nextcloud: NextcloudServer) -> str:
        self.server = nextcloud
        return nextcloud.url

    def at(self, url: str) -> Nextcloud:
        return share_at(url)

    def count(self, share: Share) -> int:
        return len(self.server.files)

    def names(self, share: Share) -> set[str]:
        return set(self.server.files)

    def leftovers(self, share: UploadShare) -> int:
        return len(self.server.uploads)

    def test_each_file_has_one_link_whatever_got_lost(self, proxy: FaultProxy, tmp_path: Path) -> None:
        proxy.next(Fault(drop_reply=True), lambda method, path: method == "POST", times=2)
        self.at(proxy.url).put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        assert len(self.server.shares) == 1

    @pytest.mark.parametrize("slow", ["slow_moves", "hidden_moves"])
    def test_a_file_that_takes_minutes_to_be_put_together_is_waited_for(
        self, share: UploadShare, tmp_path: Path, slow: str
    ) -> None:
        setattr(self.server, slow, 3)
        link = share.put(attachment(tmp_path, "video.mp4", LARGE), MemoryJournal(), quiet)
        assert self.read(link.url) == LARGE
        assert sum(asked.method == "PUT" for asked in self.server.asked) == 3

    def test_put_together_while_nobody_looked_it_is_not_sent_again(self, share: UploadShare, tmp_path: Path) -> None:
        self.server.hidden_moves = 1
        journal, file = FallibleJournal({}, 4, after=False), attachment(tmp_path, "video.mp4", LARGE)
        with pytest.raises(Killed):
            share.put(file, journal, quiet)
        assert not self.server.uploads
        link = share.put(file, FallibleJournal(journal.kept, 0, after=True), quiet)
        assert self.read(link.url) == LARGE
        assert sum(asked.method == "PUT" for asked in self.server.asked) == 3

    @pytest.mark.parametrize("how", ["folder", "metadata"])
    def test_an_upload_that_died_after_a_day_is_begun_anew(self, proxy: FaultProxy, tmp_path: Path, how: str) -> None:
        share = self.at(proxy.url)
        journal, file = killed_midway(share, tmp_path)
        if how == "folder":
            self.server.uploads.clear()
        else:
            proxy.next(Fault(answer=Answer(412)), lambda method, path: method in ("PUT", "MOVE"))
        link = share.put(file, journal, quiet)
        assert self.read(link.url) == LARGE
        assert not self.server.uploads

    def test_what_is_damaged_on_the_way_is_sent_again(self, share: UploadShare, tmp_path: Path) -> None:
        self.server.damages = 1
        link = share.put(attachment(tmp_path, "video.mp4", LARGE), MemoryJournal(), quiet)
        assert self.read(link.url) == LARGE

    def test_a_damaged_piece_is_not_taken_for_whole_after_a_kill(self, share: UploadShare, tmp_path: Path) -> None:
        self.server.damages = 1
        file = attachment(tmp_path, "video.mp4", LARGE)
        upload = Upload("ab" * 16, "video.mp4", len(LARGE), "video/mp4", PIECE)
        with Wire() as wire:
            way = share.way(wire)
            assert isinstance(way, Parts)
            session = way.begin(upload)
            with pytest.raises(Temporary, match="damaged"):
                way.send(upload, session, 1, Window(PlainSource(file), 0, PIECE, lambda size_bytes: None))
            assert not way.have(upload, session)

    def test_the_link_ends_by_the_server_and_not_too_early(self, share: UploadShare, tmp_path: Path) -> None:
        file = attachment(tmp_path, "video.mp4", b"content")
        for days in (0.01, 7, 30):
            link = share.put(file, MemoryJournal(), quiet, Wishes(expires_days=days))
            assert link.expires_at is not None
            over = link.expires_at - datetime.now(UTC) - timedelta(days=days)
            assert timedelta(0) <= over + timedelta(hours=1) <= timedelta(hours=27)
            assert link.ended_by == "service"
        link = share.put(file, MemoryJournal(), quiet, Wishes(expires_days=0))
        assert (link.expires_at, link.ended_by) == (None, "")

    def test_where_links_must_end_sooner_it_says_so(self, share: UploadShare, tmp_path: Path) -> None:
        self.server.most_days = 7
        file = attachment(tmp_path, "video.mp4", b"content")
        for days in (30, 0):
            link = share.put(file, MemoryJournal(), quiet, Wishes(expires_days=days))
            assert link.expires_at is not None
            assert link.expires_at < datetime.now(UTC) + timedelta(days=8)

    def test_with_a_password_only_who_has_it_can_read(self, share: UploadShare, tmp_path: Path) -> None:
        link = share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet, Wishes(password=True))
        (made,) = self.server.shares.values()
        assert len(link.password) >= 16
        assert made.password == link.password
        assert link.password not in link.url
        with pytest.raises(FileNotFoundError):
            assert self.read(link.url + "/download") != b"content"
            raise FileNotFoundError

    def test_where_passwords_are_demanded_there_is_one(self, share: UploadShare, tmp_path: Path) -> None:
        self.server.wants_password = True
        link = share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        assert link.password

    def test_a_link_that_allows_changes_is_no_link(self, share: UploadShare, tmp_path: Path) -> None:
        self.server.permissions = 31
        with pytest.raises(Refused, match="more than reading"):
            share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        assert not self.server.shares

    def test_taken_back_a_link_is_gone_even_if_the_folder_has_changed(
        self, share: UploadShare, server_url: str, tmp_path: Path
    ) -> None:
        link = share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        Nextcloud(url=server_url, user=LOGIN, password=Secret(PASSWORD), folder="Elsewhere").revoke(link.receipt)
        assert not self.server.shares
        assert not self.server.files
        for receipt in ("", "7", "7 Shared things", "Shared things/" + "a" * 31):
            with pytest.raises(Refused):
                share.revoke(receipt)
        assert "Shared things" in self.server.folders

    @pytest.mark.parametrize(("change", "error"), [
        ({"password": "wrong"}, AuthFailed), ({"links_enabled": False}, Refused),
    ])  # fmt: skip
    def test_checking_names_what_is_wrong(
        self, share: UploadShare, change: dict[str, object], error: type[UploaderError]
    ) -> None:
        for name, value in change.items():
            setattr(self.server, name, value)
        with pytest.raises(error):
            share.check()
        assert not self.server.uploads

    @pytest.mark.parametrize(("status", "error"), [(507, NoSpace), (403, Refused), (503, Temporary)])
    def test_what_the_server_says_while_storing_is_understood(
        self, proxy: FaultProxy, tmp_path: Path, status: int, error: type[UploaderError]
    ) -> None:
        proxy.next(Fault(answer=Answer(status)), lambda method, path: method == "PUT", times=None)
        with pytest.raises(error):
            self.at(proxy.url).put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)

    def test_signing_in_by_browser_gets_a_password_of_its_own(self, server_url: str, tmp_path: Path) -> None:
        share = Nextcloud(url=server_url, folder="Shared things")
        shown: list[str] = []

        def show(page: str) -> None:
            shown.append(page)
            threading.Timer(0.05, self.server.agree, [page]).start()

        given = share.sign_in(show)
        assert len(shown) == 1
        assert shown[0].startswith(server_url)
        signed_in = Nextcloud(url=server_url, folder="Shared things", password=Secret(given["password"]))
        signed_in.check()
        link = signed_in.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        assert self.read(link.url) == b"content"

    def test_a_sign_in_that_nobody_answers_ends(self, server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("uploader.shares.nextcloud.SIGN_IN_S", 0.05)
        with pytest.raises(Refused, match="nobody signed in"):
            Nextcloud(url=server_url).sign_in(lambda page: None)


class TestOwncloud:
    """Version 10: the same calls, but it says what it has computed of the whole, and nothing of the pieces."""

    @pytest.fixture
    def owncloud(self, nextcloud: NextcloudServer) -> NextcloudServer:
        nextcloud.owncloud = True
        return nextcloud

    def test_what_it_puts_together_wrongly_is_sent_anew(self, owncloud: NextcloudServer, tmp_path: Path) -> None:
        owncloud.damages = 1
        link = share_at(owncloud.url).put(attachment(tmp_path, "video.mp4", LARGE), MemoryJournal(), quiet)
        assert ask("GET", link.url).body == LARGE

    def test_it_has_no_sign_in_by_browser(self, owncloud: NextcloudServer) -> None:
        with pytest.raises(Refused, match="type the password"):
            share_at(owncloud.url).sign_in(lambda page: None)
