"""Dropbox, on a strict server of ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers.dropbox import DropboxServer
from tests.servers.fault_proxy import Answer, Fault, FaultProxy
from tests.uploader.desk_suite import attachment
from tests.uploader.signed_in_suite import SignedInSuite
from tests.uploader.upload_suite import LARGE, small_and_quick
from uploader.errors import NoSpace, Refused, Temporary, UploaderError
from uploader.journal import MemoryJournal
from uploader.setting import Secret
from uploader.shares.dropbox import Dropbox
from uploader.ticket import Share, Wishes, quiet
from uploader.transfer import UploadShare

__all__ = ["small_and_quick"]


class TestDropbox(SignedInSuite):
    kind = DropboxServer
    server: DropboxServer

    def at(self, url: str, **changes: object) -> Dropbox:
        values = {"refresh_token": Secret(self.token)} | changes
        return Dropbox(app_key="client-1", api=url, content=url, authorize_url=f"{url}/authorize", port=0,
                       **values)  # type: ignore[arg-type]  # fmt: skip

    def spoil(self) -> None:
        (session,) = self.server.sessions.values()
        session[:] = LARGE[:100] + b"?" + LARGE[101:]

    def names(self, share: Share) -> set[str]:
        return set(self.server.files)

    def test_the_link_ends_when_it_shall(self, share: UploadShare, tmp_path: Path) -> None:
        file = attachment(tmp_path, "video.mp4", b"content")
        link = share.put(file, MemoryJournal(), quiet, Wishes(expires_days=3))
        assert link.ended_by == "service"
        assert link.expires_at is not None
        assert abs(link.expires_at - datetime.now(UTC) - timedelta(days=3)) < timedelta(minutes=5)
        (made,) = self.server.links.values()
        made.settings["expires"] = "2020-01-01T00:00:00Z"
        with pytest.raises(FileNotFoundError):
            self.read(link.url)

    def test_where_the_plan_knows_no_end_we_end_the_link(self, share: UploadShare, tmp_path: Path) -> None:
        self.server.paid = False
        link = share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet, Wishes(expires_days=3))
        assert self.read(link.url) == b"content"
        assert link.ended_by == "us"
        assert link.expires_at is not None

    def test_with_a_password_nobody_reads_it_without(self, share: UploadShare, tmp_path: Path) -> None:
        link = share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet, Wishes(password=True))
        (made,) = self.server.links.values()
        assert made.settings["link_password"] == link.password
        assert link.password not in link.url
        assert self.read(link.url) != b"content"

    @pytest.mark.parametrize("wishes", [Wishes(password=True), Wishes()])
    def test_what_the_plan_cannot_keep_private_is_not_made_public(
        self, server_url: str, tmp_path: Path, wishes: Wishes
    ) -> None:
        self.server.paid = False
        share = self.at(server_url, readers="anyone" if wishes.password else "team")
        with pytest.raises(Refused, match="paid plans"):
            share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet, wishes)
        assert not self.server.links

    def test_a_link_for_the_team_wants_a_login(self, server_url: str, tmp_path: Path) -> None:
        link = self.at(server_url, readers="team").put(
            attachment(tmp_path, "x.mp4", b"content"), MemoryJournal(), quiet
        )
        assert self.read(link.url) != b"content"

    def test_a_link_that_hides_nothing_is_refused(self, share: UploadShare, tmp_path: Path) -> None:
        self.server.open_to_all = True
        for wishes in (Wishes(), Wishes(password=True)):
            with pytest.raises(Refused, match="to anyone"):
                share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet, wishes)

    def test_a_link_that_was_made_and_not_heard_of_is_found_and_gets_this_calls_password(
        self, proxy: FaultProxy, tmp_path: Path
    ) -> None:
        proxy.next(Fault(drop_reply=True), lambda method, path: path.endswith("create_shared_link_with_settings"))
        share, file = self.at(proxy.url), attachment(tmp_path, "video.mp4", b"content")
        link = share.put(file, MemoryJournal(), quiet, Wishes(password=True))
        (made,) = self.server.links.values()
        assert made.settings["link_password"] == link.password

    @pytest.mark.parametrize(("status", "summary", "error", "words"), [
        (409, "path/insufficient_space/..", NoSpace, "no space"), (409, "email_not_verified/..", Refused, "mail"),
        (409, "path/no_write_permission/..", Refused, "Testigo"), (401, "missing_scope/..", Refused, "sharing.write"),
        (409, "too_many_write_operations/..", Temporary, "busy"), (500, "", Temporary, "busy"),
        (409, "access_denied/..", Refused, "administrator"), (409, "other/..", Refused, "other"),
    ])  # fmt: skip
    def test_what_dropbox_refuses_is_understood(
        self, share: UploadShare, tmp_path: Path, status: int, summary: str, error: type[UploaderError], words: str
    ) -> None:
        self.server.refusals = [(status, summary)] * 9
        with pytest.raises(error, match=words):
            share.revoke(f"id:x /Testigo/{'a' * 32}")

    def test_too_many_calls_are_a_matter_of_patience(self, proxy: FaultProxy, tmp_path: Path) -> None:
        busy = Answer(429, {"Retry-After": "0"}, b'{"error": {"reason": {".tag": "too_many_requests"}}}')
        proxy.next(Fault(answer=busy), lambda method, path: path.endswith(("append_v2", "finish")), times=2)
        link = self.at(proxy.url).put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        assert self.read(link.url) == b"content"

    def test_only_the_folder_of_an_upload_is_ever_deleted(self, share: UploadShare, tmp_path: Path) -> None:
        share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        for receipt in ("", "id:x", "id:x /Testigo", "id:x /"):
            with pytest.raises(Refused):
                share.revoke(receipt)
        assert self.count(share) == 1

    def test_without_a_folder_files_lie_at_the_top(self, server_url: str, tmp_path: Path) -> None:
        share = self.at(server_url, folder="")
        share.check()
        share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        (path,) = self.server.files
        assert path.count("/") == 2
