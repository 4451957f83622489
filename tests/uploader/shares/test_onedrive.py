"""OneDrive and SharePoint, on a strict server of ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers.asking import ask
from tests.servers.fault_proxy import Fault, FaultProxy
from tests.servers.graph import DRIVE, GraphServer
from tests.uploader.desk_suite import attachment
from tests.uploader.signed_in_suite import SignedInSuite
from tests.uploader.upload_suite import LARGE, small_and_quick
from uploader.errors import NoSpace, Refused, Temporary, UploaderError
from uploader.journal import MemoryJournal
from uploader.setting import Secret
from uploader.shares.onedrive import OneDrive
from uploader.ticket import Share, Wishes, quiet
from uploader.transfer import UploadShare

__all__ = ["small_and_quick"]


class TestOneDrive(SignedInSuite):
    kind = GraphServer
    server: GraphServer

    def at(self, url: str, **changes: object) -> OneDrive:
        values = {"client_id": "client-1", "refresh_token": Secret(self.token)} | changes
        return OneDrive(api=url, login_url=url, **values)  # type: ignore[arg-type]

    def read(self, url: str) -> bytes:
        """What a reader does: the page, and its button."""
        reply = ask("GET", f"{url.removesuffix('?download=1')}?download=1")
        if reply.status != 200:
            raise FileNotFoundError(reply.status)
        return reply.body

    def leftovers(self, share: UploadShare) -> int:
        return len(self.server.sessions) + sum(item.parent not in ("", "root") for item in self.server.items.values())

    def spoil(self) -> None:
        ((known, session),) = self.server.sessions.items()
        self.server.store(session.parent, session.name, LARGE[:100] + b"?" + LARGE[101:])
        del self.server.sessions[known]

    def names(self, share: Share) -> set[str]:
        return {f"{item.id}/{item.name}" for item in self.server.files}

    def test_checking_and_revoking_leave_no_folder_of_an_upload(self, share: UploadShare, tmp_path: Path) -> None:
        share.check()
        link = share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        assert self.leftovers(share) == 2
        share.revoke(link.receipt)
        assert [item.name for item in self.server.items.values()] == ["root", "Testigo"]

    def test_a_rotated_sign_in_is_kept(self, server_url: str, tmp_path: Path) -> None:
        self.server.provider.rotates = True
        kept: list[Secret] = []
        share = self.at(server_url, refresh_token=Secret(self.token, kept.append))
        for name in ("one", "two"):
            share.put(attachment(tmp_path, name, b"content"), MemoryJournal(), quiet)
            self.server.provider.access.clear()
        assert len(kept) == 2
        assert self.server.provider.refresh == {kept[-1].reveal()}

    @pytest.mark.parametrize("place", [
        {"site": "https://example.sharepoint.com/sites/Help"}, {"site": "example.sharepoint.com"}, {"drive": DRIVE},
        {"folder": ""}, {"folder": "new"}, {"folder": "/Help desk/100% #1/ñ"},
    ])  # fmt: skip
    def test_files_lie_where_the_settings_say(self, server_url: str, tmp_path: Path, place: dict[str, str]) -> None:
        share = self.at(server_url, **place)
        file = attachment(tmp_path, "50% #2 ñ.mp4", LARGE)
        assert self.read(share.put(file, MemoryJournal(), quiet).url) == LARGE

    @pytest.mark.parametrize(("change", "error", "words"), [
        ({"client_id": "other"}, Refused, "client ID"),
        ({"site": "example.sharepoint.com/sites/No"}, Refused, "site"), ({"drive": "b!no"}, Refused, "drive b!no"),
    ])  # fmt: skip
    def test_checking_names_what_is_wrong(
        self, server_url: str, change: dict[str, object], error: type[UploaderError], words: str
    ) -> None:
        with pytest.raises(error, match=words):
            self.at(server_url, **change).check()
        assert not self.server.files

    def test_a_tenant_that_lets_no_stranger_in_is_found_by_the_check(self, share: UploadShare, server_url: str) -> None:
        self.server.closed = True
        with pytest.raises(Refused, match="administrator"):
            share.check()
        self.at(server_url, readers="organization").check()
        assert not self.server.files

    def test_the_link_ends_when_it_shall(self, share: UploadShare, tmp_path: Path) -> None:
        file = attachment(tmp_path, "video.mp4", b"content")
        link = share.put(file, MemoryJournal(), quiet, Wishes(expires_days=3))
        assert link.ended_by == "service"
        assert link.expires_at is not None
        assert abs(link.expires_at - datetime.now(UTC) - timedelta(days=3)) < timedelta(minutes=5)
        assert share.put(file, MemoryJournal(), quiet, Wishes(expires_days=0)).expires_at is None

    def test_a_tenant_that_wants_an_earlier_end_is_believed(self, share: UploadShare, tmp_path: Path) -> None:
        self.server.most_days = 1
        file = attachment(tmp_path, "video.mp4", b"content")
        for days in (0, 30):
            link = share.put(file, MemoryJournal(), quiet, Wishes(expires_days=days))
            assert link.ended_by == "service"
            assert link.expires_at is not None
            assert link.expires_at - datetime.now(UTC) < timedelta(days=1.1)

    def test_where_links_know_no_end_we_end_them(self, share: UploadShare, tmp_path: Path) -> None:
        self.server.ends_links = False
        link = share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet, Wishes(expires_days=3))
        assert link.ended_by == "us"
        assert link.expires_at is not None
        assert self.read(link.url) == b"content"

    def test_a_link_of_an_earlier_call_with_another_end_is_replaced(self, share: OneDrive, tmp_path: Path) -> None:
        file = attachment(tmp_path, "video.mp4", b"content")
        old = share.put(file, MemoryJournal(), quiet, Wishes(expires_days=30))
        (item,) = self.server.files
        with share.open_wire() as wire:
            from uploader.ways import Upload

            upload = Upload("a" * 32, "video.mp4", 7, "video/mp4", 20)
            new = share.link(wire, upload, old.receipt, 1, "")
            same = share.link(wire, upload, old.receipt, 1, "")
        assert new.url != old.url
        assert same == new
        assert new.expires_at is not None
        assert new.expires_at - datetime.now(UTC) < timedelta(days=1.1)
        assert len(item.permissions) == 1

    def test_personal_accounts_have_passwords_and_others_do_not(self, share: UploadShare, tmp_path: Path) -> None:
        file = attachment(tmp_path, "video.mp4", b"content")
        with pytest.raises(Refused, match="personal accounts only"):
            share.put(file, MemoryJournal(), quiet, Wishes(password=True))
        self.server.kind = "personal"
        link = share.put(file, MemoryJournal(), quiet, Wishes(password=True))
        assert link.password
        assert self.read(link.url) != b"content"

    def test_a_lost_answer_leaves_no_link_with_a_password_that_nobody_knows(
        self, proxy: FaultProxy, tmp_path: Path
    ) -> None:
        self.server.kind = "personal"
        proxy.next(Fault(drop_reply=True), lambda method, path: path.endswith("/createLink"))
        share, file = self.at(proxy.url), attachment(tmp_path, "video.mp4", b"content")
        link = share.put(file, MemoryJournal(), quiet, Wishes(password=True))
        (item,) = self.server.files
        (made,) = item.permissions.values()
        assert made["password"] == link.password

    def test_a_link_for_the_organization_wants_a_login(self, server_url: str, tmp_path: Path) -> None:
        share = self.at(server_url, readers="organization")
        link = share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        assert self.read(link.url) != b"content"

    def test_a_file_that_shows_late_is_waited_for_and_not_sent_again(self, proxy: FaultProxy, tmp_path: Path) -> None:
        self.server.hidden = 2
        share = self.at(proxy.url)
        share.put(attachment(tmp_path, "video.mp4", LARGE), MemoryJournal(), quiet)
        assert self.server.hidden == 0
        assert sum(request.body_bytes for request in proxy.requests) < 1.1 * len(LARGE)

    def test_an_office_file_that_sharepoint_writes_into_is_taken_as_it_is(
        self, share: UploadShare, tmp_path: Path
    ) -> None:
        link = share.put(attachment(tmp_path, "report.docx", b"content"), MemoryJournal(), quiet)
        assert self.read(link.url).startswith(b"content")
        assert self.count(share) == 1

    @pytest.mark.parametrize("name", ["~$lock.docx", "a_vti_b.txt", ".lock", "desktop.ini"])
    def test_a_name_that_sharepoint_keeps_for_itself_is_changed(
        self, share: UploadShare, tmp_path: Path, name: str
    ) -> None:
        share.put(attachment(tmp_path, name, b"content"), MemoryJournal(), quiet)
        (item,) = self.server.files
        assert item.name != name

    @pytest.mark.parametrize(("status", "code", "error", "words"), [
        (507, "quotaLimitReached", NoSpace, "no space"), (403, "accessDenied", Refused, "accessDenied"),
        (429, "activityLimitReached", Temporary, "busy"), (423, "resourceLocked", Temporary, "busy"),
        (503, "serviceNotAvailable", Temporary, "busy"), (500, "", Temporary, "busy"),
        (400, "invalidRequest", Refused, "invalidRequest"), (507, "", NoSpace, "no space"),
    ])  # fmt: skip
    def test_what_microsoft_refuses_is_understood(
        self, share: UploadShare, status: int, code: str, error: type[UploaderError], words: str
    ) -> None:
        self.server.refusals = [(status, code)] * 9
        with pytest.raises(error, match=words):
            share.revoke("b!drive-1 item folder")

    def test_what_is_no_receipt_of_ours_deletes_nothing(self, share: UploadShare, tmp_path: Path) -> None:
        share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        for receipt in ("", "root", f"{DRIVE} root", f"{DRIVE}/root"):
            with pytest.raises(Refused):
                share.revoke(receipt)
        assert self.count(share) == 1
