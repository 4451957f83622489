"""Azure Blob on azurite, Microsoft's own stand-in, which checks signatures, MD5 and lists of blocks."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from tests.servers.asking import ask
from tests.servers.azurite import AzuriteServer
from tests.servers.fault_proxy import Answer, Fault, FaultProxy
from tests.uploader.desk_suite import FallibleJournal, Killed, attachment
from tests.uploader.upload_suite import LARGE, PIECE, UploadSuite, killed_midway, small_and_quick
from uploader.errors import InvalidField, Refused, UploaderError
from uploader.journal import MemoryJournal
from uploader.setting import Secret
from uploader.shares.azure import Azure
from uploader.source import BytesSource, Window
from uploader.ticket import Share, Wishes, quiet
from uploader.transfer import UploadShare
from uploader.ways import Upload

__all__ = ["small_and_quick"]
MONTH = timedelta(days=30)


def container_sas(server: AzuriteServer, container: str, rights: str, ends: datetime) -> str:
    """What IT copies from the portal, signed here with code of the test's own."""
    import hashlib
    import hmac
    from urllib.parse import urlencode

    end = ends.strftime("%Y-%m-%dT%H:%M:%SZ")
    fields = [rights, "", end, f"/blob/{server.account}/{container}", "", "", "", "2021-12-02", "c"] + [""] * 7
    signature = hmac.new(base64.b64decode(server.key), "\n".join(fields).encode(), hashlib.sha256).digest()
    return "?" + urlencode({"sv": "2021-12-02", "sr": "c", "sp": rights, "se": end,
                            "sig": base64.b64encode(signature).decode()})  # fmt: skip


class AzureSuite(UploadSuite):
    server: AzuriteServer
    container: ClassVar[str] = "shares"

    @pytest.fixture
    def server_url(self, azurite: AzuriteServer) -> str:
        self.server = azurite
        azurite.make_container(self.container)
        for name in self.blobs():
            azurite.ask("DELETE", f"/{self.container}/{name}")
        return azurite.url

    def blobs(self, include: str = "") -> list[str]:
        query = {"restype": "container", "comp": "list"} | ({"include": include} if include else {})
        status, listed = self.server.ask("GET", f"/{self.container}", query)
        assert status == 200
        return [part.partition("<")[0] for part in listed.decode().split("<Name>")[1:]]

    def count(self, share: Share) -> int:
        return len(self.blobs())

    def names(self, share: Share) -> set[str]:
        return set(self.blobs())


class TestWithTheKey(AzureSuite):
    def at(self, url: str) -> Azure:
        return Azure(account=self.server.account, container=self.container, key=Secret(self.server.key), url=url)

    def test_it_goes_on_after_the_service_was_restarted(self, share: UploadShare, tmp_path: Path) -> None:
        journal, file = killed_midway(share, tmp_path, 2 * PIECE)
        self.server.restart()
        assert self.read(share.put(file, journal, quiet).url) == LARGE

    def test_the_link_ends_by_itself_and_allows_nothing_but_reading_this_one_file(
        self, share: UploadShare, tmp_path: Path
    ) -> None:
        other = share.put(attachment(tmp_path, "other.mp4", b"other"), MemoryJournal(), quiet)
        link = share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet, Wishes(expires_days=2))
        assert link.ended_by == "service"
        assert link.expires_at is not None
        assert timedelta(days=2) <= link.expires_at - datetime.now(UTC) <= timedelta(days=2, seconds=2)
        bare, _, token = link.url.partition("?")
        assert f"se={link.expires_at:%Y-%m-%dT%H%%3A%M%%3A%SZ}" in token
        assert ask("GET", bare).status in (403, 404)
        assert ask("GET", f"{other.url.partition('?')[0]}?{token}").status == 403
        assert ask("GET", f"{bare}?{token.replace('se=2', 'se=3')}").status == 403
        assert ask("PUT", link.url, b"x", {"x-ms-blob-type": "BlockBlob"}).status == 403
        assert ask("DELETE", link.url).status == 403

    def test_a_link_without_end_says_so(self, share: UploadShare, tmp_path: Path) -> None:
        link = share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet, Wishes(expires_days=0))
        assert (link.expires_at, link.ended_by) == (None, "")
        assert self.read(link.url) == b"content"

    def test_browsers_save_the_file_under_its_name(self, share: UploadShare, tmp_path: Path) -> None:
        link = share.put(attachment(tmp_path, "año.mp4", b"content"), MemoryJournal(), quiet)
        assert "filename*=UTF-8''a%C3%B1o.mp4" in ask("GET", link.url).headers["Content-Disposition"]

    def test_a_piece_that_arrives_damaged_is_sent_again(self, proxy: FaultProxy, tmp_path: Path) -> None:
        proxy.next(Fault(corrupt_request_at=1000), lambda method, path: "comp=block&" in path)
        link = self.at(proxy.url).put(attachment(tmp_path, "video.mp4", LARGE), MemoryJournal(), quiet)
        assert self.read(link.url) == LARGE
        assert sum("comp=block&" in request.path for request in proxy.requests) == 4

    def test_committed_before_a_kill_nothing_is_sent_again(self, proxy: FaultProxy, tmp_path: Path) -> None:
        share, file = self.at(proxy.url), attachment(tmp_path, "video.mp4", LARGE)
        for die_at in range(1, 20):
            journal = FallibleJournal({}, die_at, after=False)
            with pytest.raises(Killed):
                share.put(file, journal, quiet)
            if self.count(share) == 1:
                break
        before = len(proxy.requests)
        link = share.put(file, FallibleJournal(journal.kept, 0, after=False), quiet)
        assert self.read(link.url) == LARGE
        assert not [request for request in proxy.requests[before:] if "comp=block&" in request.path]

    def test_blocks_that_the_service_has_forgotten_are_sent_anew(self, proxy: FaultProxy, tmp_path: Path) -> None:
        share = self.at(proxy.url)
        journal, file = killed_midway(share, tmp_path, 2 * PIECE)
        gone = Answer(404, {"x-ms-error-code": "BlobNotFound", "x-ms-request-id": "1"})
        proxy.next(Fault(answer=gone), lambda method, path: method == "GET" and "comp=blocklist" in path)
        link = share.put(file, journal, quiet)
        assert self.read(link.url) == LARGE
        assert link.resumed_from_bytes == 0

    def test_given_up_the_blocks_are_thrown_away(self, share: Azure) -> None:
        """Here, and not in the suite: what is still on its way then, the service forgets only in a week."""
        upload = Upload("0" * 32, "video.mp4", PIECE + 1, "video/mp4", PIECE)
        name = f"testigo/{upload.key}/{upload.name}"
        with share.open_wire() as wire:
            way = share.way(wire)
            way.send(upload, "", 1, Window(BytesSource(bytes(PIECE)), 0, PIECE, lambda size_bytes: None))
            assert name in self.blobs("uncommittedblobs")
            for _ in range(2):
                way.abort(upload, "")
                assert name not in self.blobs("uncommittedblobs")

    def test_blocks_that_are_missing_at_the_end_are_sent_anew(self, proxy: FaultProxy, tmp_path: Path) -> None:
        share, file = self.at(proxy.url), attachment(tmp_path, "video.mp4", LARGE)
        gone = Answer(400, {"x-ms-error-code": "InvalidBlockList", "x-ms-request-id": "1"})
        proxy.next(Fault(answer=gone), lambda method, path: "comp=blocklist" in path and method == "PUT")
        link = share.put(file, MemoryJournal(), quiet)
        assert self.read(link.url) == LARGE
        assert sum("comp=block&" in request.path for request in proxy.requests) == 6

    def test_a_wrong_clock_is_set_by_the_services(self, proxy: FaultProxy, tmp_path: Path) -> None:
        refused = Answer(403, {"Date": "Sun, 22 Nov 2037 10:00:00 GMT", "x-ms-error-code": "AuthenticationFailed"})
        proxy.next(Fault(answer=refused))
        self.at(proxy.url).put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        assert "se=2037-11-22T11" in proxy.requests[1].path

    @pytest.mark.parametrize(("change", "error"), [
        ({"key": Secret(base64.b64encode(b"wrong").decode())}, Refused),
        ({"key": Secret("no base64!")}, InvalidField),
        ({"container": "not-there"}, Refused), ({"account": "nobody"}, UploaderError),
    ])  # fmt: skip
    def test_checking_names_what_is_wrong(
        self, server_url: str, change: dict[str, object], error: type[UploaderError]
    ) -> None:
        values = {"account": self.server.account, "container": self.container, "key": Secret(self.server.key),
                  "url": server_url}  # fmt: skip
        with pytest.raises(error):
            Azure(**{**values, **change}).check()  # type: ignore[arg-type]

    def test_a_container_that_anyone_can_read_is_refused(self, server_url: str, tmp_path: Path) -> None:
        self.server.ask("PUT", "/open", {"restype": "container"}, headers={"x-ms-blob-public-access": "container"})
        share = Azure(account=self.server.account, container="open", key=Secret(self.server.key), url=server_url)
        with pytest.raises(Refused, match="anyone can read"):
            share.check()
        with pytest.raises(Refused, match="anyone can read"):
            share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)

    def test_nothing_but_uploads_of_ours_is_deleted(self, share: UploadShare) -> None:
        for receipt in ("testigo/", "testigo/../other/file", "other/" + "0" * 32 + "/file", ""):
            with pytest.raises(Refused):
                share.revoke(receipt)


class TestWithSignatures(AzureSuite):
    """No account key on the desktop: one signature for sending, another, of reading alone, in the links."""

    def at(self, url: str) -> Azure:
        ends = datetime.now(UTC) + MONTH
        return Azure(
            account=self.server.account, container=self.container, url=url,
            sas=Secret(container_sas(self.server, self.container, "rcwd", ends)),
            link_sas=Secret(container_sas(self.server, self.container, "r", ends)),
        )  # fmt: skip

    def test_two_links_have_nothing_in_common_to_guess_from(self, share: Share, tmp_path: Path) -> None:
        file = attachment(tmp_path, "video.mp4", b"content")
        one, other = (share.put(file, MemoryJournal(), quiet).url.partition("?")[0] for _ in range(2))
        assert sum(a != b for a, b in zip(one, other)) > 20

    def test_the_link_ends_with_the_signature_or_by_us(self, share: UploadShare, tmp_path: Path) -> None:
        file = attachment(tmp_path, "video.mp4", b"content")
        late = share.put(file, MemoryJournal(), quiet, Wishes(expires_days=90))
        assert late.ended_by == "service"
        assert late.expires_at is not None
        assert late.expires_at < datetime.now(UTC) + MONTH
        assert share.put(file, MemoryJournal(), quiet, Wishes(expires_days=5)).ended_by == "us"

    def test_no_right_to_write_gets_into_a_link(self, server_url: str, tmp_path: Path) -> None:
        ends = datetime.now(UTC) + MONTH
        wide = Secret(container_sas(self.server, self.container, "rcwd", ends))
        share = Azure(account=self.server.account, container=self.container, url=server_url, sas=wide, link_sas=wide)
        for act in (share.check, lambda: share.put(attachment(tmp_path, "a.mp4", b"content"), MemoryJournal(), quiet)):
            with pytest.raises(InvalidField) as refused:
                act()
            assert refused.value.name == "link_sas"

    @pytest.mark.parametrize(("rights", "days", "said"), [("rw", 1, "rights"), ("rcwd", -1, "expired")])
    def test_checking_names_what_is_wrong_with_a_signature(
        self, server_url: str, rights: str, days: int, said: str
    ) -> None:
        good = self.at(server_url)
        sas = container_sas(self.server, self.container, rights, datetime.now(UTC) + timedelta(days=days))
        share = Azure(account=good.account, container=good.container, url=good.url, sas=Secret(sas),
                      link_sas=good.link_sas)  # fmt: skip
        with pytest.raises(InvalidField, match=said):
            share.check()
        with pytest.raises(InvalidField, match="no signature"):
            Azure(account="a", container="b", sas=Secret("abc")).check()


def test_the_public_cloud_is_the_default() -> None:
    share = Azure(account="firma", container="reports", prefix="")
    assert share.address("a b/ñ.mp4") == "https://firma.blob.core.windows.net/reports/a%20b/%C3%B1.mp4"
