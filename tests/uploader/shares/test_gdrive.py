"""Google Drive, on a strict server of ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers.asking import ask
from tests.servers.fault_proxy import Fault, FaultProxy
from tests.servers.gdrive import DriveServer
from tests.uploader.desk_suite import attachment
from tests.uploader.signed_in_suite import SignedInSuite
from tests.uploader.upload_suite import LARGE, small_and_quick
from uploader.errors import AuthFailed, NoSpace, Refused, Temporary, UploaderError
from uploader.journal import MemoryJournal
from uploader.seal import unseal_to
from uploader.seal_page import read_sealed_link
from uploader.setting import Secret, build
from uploader.shares.gdrive import GoogleDrive
from uploader.ticket import Share, Wishes, quiet
from uploader.transfer import UploadShare
from uploader.wire import Wire

__all__ = ["small_and_quick"]


class TestGoogleDrive(SignedInSuite):
    kind = DriveServer
    server: DriveServer

    def at(self, url: str, **changes: object) -> GoogleDrive:
        values = {"refresh_token": Secret(self.token), "client_secret": Secret("not-secret")} | changes
        return GoogleDrive(client_id="client-1", api=url, authorize_url=f"{url}/authorize", token_url=f"{url}/token",
                           **values)  # type: ignore[arg-type]  # fmt: skip

    def read(self, url: str) -> bytes:
        """What a reader does: the page, and its button."""
        if "/uc?" in url:
            return ask("GET", url).body
        page = ask("GET", url)
        if page.status != 200:
            raise FileNotFoundError(page.status)
        base, _, rest = url.partition("/file/d/")
        return ask("GET", f"{base}/uc?export=download&id={rest.partition('/')[0]}").body

    def leftovers(self, share: UploadShare) -> int:
        return sum(not session.done for session in self.server.sessions.values())

    def spoil(self) -> None:
        (session,) = self.server.sessions.values()
        session.content[:] = LARGE[:100] + b"?" + LARGE[101:]
        self.server.complete(session)

    def names(self, share: Share) -> set[str]:
        return {f"{known}/{file.about['name']}" for known, file in self.server.files.items()}

    def test_the_settings_alone_make_a_share_that_asks_to_sign_in(self, tmp_path: Path) -> None:
        with pytest.raises(AuthFailed, match="nobody has signed in"):
            build(GoogleDrive, {"client_id": "x"}).put(attachment(tmp_path, "x", b"x"), MemoryJournal(), quiet)

    def test_a_session_that_is_over_because_the_file_is_there_is_not_repeated(
        self, proxy: FaultProxy, tmp_path: Path
    ) -> None:
        self.server.forgets = True
        pieces = iter(range(100))
        proxy.next(Fault(drop_reply=True), lambda method, path: method == "PUT" and next(pieces) == 2)
        share, file = self.at(proxy.url), attachment(tmp_path, "video.mp4", LARGE)
        link = share.put(file, MemoryJournal(), quiet)
        assert self.read(link.url) == LARGE
        assert self.count(share) == 1
        assert sum(request.body_bytes for request in proxy.requests) < 1.1 * len(LARGE)

    def test_what_the_server_keeps_of_a_piece_is_not_sent_again(self, share: UploadShare, tmp_path: Path) -> None:
        self.server.takes_most = 3 * 1024 * 1024
        link = share.put(attachment(tmp_path, "video.mp4", LARGE), MemoryJournal(), quiet)
        assert self.read(link.url) == LARGE

    def test_a_server_that_keeps_nothing_is_not_asked_for_ever(self, share: UploadShare, tmp_path: Path) -> None:
        self.server.takes_most = 0
        with pytest.raises(Temporary, match="did not keep"):
            share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)

    def test_the_link_ends_by_us_and_says_when(self, share: UploadShare, tmp_path: Path) -> None:
        file = attachment(tmp_path, "video.mp4", b"content")
        link = share.put(file, MemoryJournal(), quiet, Wishes(expires_days=3))
        assert link.ended_by == "us"
        assert link.expires_at is not None
        assert abs(link.expires_at - datetime.now(UTC) - timedelta(days=3)) < timedelta(minutes=5)
        assert share.put(file, MemoryJournal(), quiet, Wishes(expires_days=0)).expires_at is None

    @pytest.mark.parametrize("change", [{"readers": "domain", "domain": "example.org"}, {"readers": "nobody"}])
    def test_a_link_that_not_everybody_may_open_is_one(
        self, server_url: str, tmp_path: Path, change: dict[str, str]
    ) -> None:
        share = self.at(server_url, **change)
        share.check()
        link = share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        assert b"Google Drive" not in ask("GET", link.url).body
        (file,) = self.server.files.values()
        assert {p["type"] for p in file.permissions.values()} == {change["readers"]} - {"nobody"}
        share.revoke(link.receipt)
        assert not self.server.files

    def test_the_link_of_a_sealed_file_is_enough_for_a_program_to_open_it(
        self, share: UploadShare, tmp_path: Path
    ) -> None:
        file = attachment(tmp_path, "video.mp4", LARGE)
        link = share.put(file, MemoryJournal(), quiet, Wishes(sealed=True))
        url, key = read_sealed_link(link.url)
        with Wire() as wire, wire.stream(url or "", follow=5) as (_, blocks):
            assert unseal_to(blocks, key or b"", tmp_path).read_bytes() == LARGE

    @pytest.mark.parametrize(("reason", "status", "error", "words"), [
        ("storageQuotaExceeded", 403, NoSpace, "no space"), ("accessNotConfigured", 403, Refused, "switch on"),
        ("insufficientFilePermissions", 403, Refused, "lack a right"), ("backendError", 500, Temporary, "busy"),
        ("publishOutNotPermitted", 403, Refused, "administrator"),
    ])  # fmt: skip
    def test_what_google_refuses_is_understood(
        self, share: UploadShare, reason: str, status: int, error: type[UploaderError], words: str
    ) -> None:
        self.server.refusals = [(status, reason)] * 9
        with pytest.raises(error, match=words):
            share.check()

    def test_too_many_calls_are_a_matter_of_patience(self, share: UploadShare, tmp_path: Path) -> None:
        self.server.refusals = [(403, "userRateLimitExceeded"), (403, "rateLimitExceeded")]
        link = share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        assert self.read(link.url) == b"content"

    @pytest.mark.parametrize(("change", "error", "words"), [
        ({"client_secret": Secret("")}, Refused, "client ID"), ({"folder": "elsewhere"}, Refused, "made itself"),
        ({"readers": "domain"}, Refused, "domain"),
    ])  # fmt: skip
    def test_checking_names_what_is_wrong(
        self, server_url: str, change: dict[str, object], error: type[UploaderError], words: str
    ) -> None:
        with pytest.raises(error, match=words):
            self.at(server_url, **change).check()
        assert not self.server.files

    def test_an_organisation_that_lets_nobody_in_is_found_by_the_check(self, share: UploadShare) -> None:
        self.server.closed = True
        with pytest.raises(Refused, match="administrator"):
            share.check()
        assert not self.server.files
