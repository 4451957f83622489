"""S3 on real servers: Ceph's gateway (the strictest), rclone (forgets uploads when it restarts), moto (all calls)."""

from __future__ import annotations

import dataclasses
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar
from xml.sax.saxutils import unescape

import pytest

from tests.servers.fault_proxy import Answer, Fault, FaultProxy
from tests.servers.s3 import S3Server
from tests.uploader.browser import Browser
from tests.uploader.desk_suite import FallibleJournal, Killed, attachment
from tests.uploader.upload_suite import LARGE, PIECE, UploadSuite, killed_midway, small_and_quick
from uploader.errors import AuthFailed, Refused, UploaderError
from uploader.journal import MemoryJournal
from uploader.setting import Secret
from uploader.shares.s3 import S3
from uploader.ticket import Share, Wishes, quiet
from uploader.transfer import UploadShare

__all__ = ["small_and_quick"]


def read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as reply:
        return bytes(reply.read())


class S3Suite(UploadSuite):
    server: S3Server
    least_piece = PIECE
    bucket: ClassVar[str] = "shares"

    def at(self, url: str) -> UploadShare:
        server = self.server
        return S3(
            bucket=self.bucket, access_key=server.access_key, secret_key=Secret(server.secret_key), url=url,
            region=server.region,
        )  # fmt: skip

    def read(self, url: str) -> bytes:
        return read(url)

    def count(self, share: Share) -> int:
        status, listed = self.server.ask("GET", f"/{self.bucket}", {"list-type": "2", "prefix": "testigo/"})
        assert status == 200
        return listed.count(b"<Key>")

    def names(self, share: Share) -> set[str]:
        _, listed = self.server.ask("GET", f"/{self.bucket}", {"list-type": "2", "prefix": "testigo/"})
        return {unescape(key.partition("</Key>")[0]) for key in listed.decode().split("<Key>")[1:]}

    def leftovers(self, share: Share) -> int:
        status, listed = self.server.ask("GET", f"/{self.bucket}", {"uploads": ""})
        assert status == 200
        return listed.count(b"<UploadId>")

    def use(self, server: S3Server) -> str:
        self.server = server
        server.make_bucket(self.bucket)
        _, listed = server.ask("GET", f"/{self.bucket}", {"list-type": "2"})
        for key in listed.decode().split("<Key>")[1:]:
            server.ask("DELETE", f"/{self.bucket}/{key.partition('<')[0]}")
        if not isinstance(self, TestRclone):
            self.at(server.url).sweep(frozenset(), datetime.now(UTC) + timedelta(days=1))
        return server.url


class TestCeph(S3Suite):
    @pytest.fixture
    def server_url(self, rgw: S3Server) -> str:
        return self.use(rgw)

    def test_it_goes_on_after_the_gateway_was_restarted(self, share: UploadShare, tmp_path: Path) -> None:
        journal, file = killed_midway(share, tmp_path)
        self.server.restart()
        link = share.put(file, journal, quiet)
        assert self.read(link.url) == LARGE

    def test_without_the_signature_or_after_its_end_the_link_is_refused(
        self, share: UploadShare, tmp_path: Path
    ) -> None:
        file = attachment(tmp_path, "video.mp4", b"content")
        link = share.put(file, MemoryJournal(), quiet, Wishes(expires_days=5 / 86400))
        assert link.expires_at is not None
        assert read(link.url) == b"content"
        forged = link.url.replace("X-Amz-Signature=", "X-Amz-Signature=0")
        for url in (link.url.partition("?")[0], forged, link.url):
            if url == link.url:
                threading.Event().wait(max(0, (link.expires_at - datetime.now(UTC)).total_seconds()) + 1)
            with pytest.raises(urllib.error.HTTPError) as refused:
                read(url)
            assert refused.value.code == 403
            refused.value.close()

    def test_a_piece_that_arrives_damaged_is_sent_again(self, proxy: FaultProxy, tmp_path: Path) -> None:
        proxy.next(Fault(corrupt_request_at=1000), lambda method, path: "partNumber=2" in path)
        link = self.at(proxy.url).put(attachment(tmp_path, "video.mp4", LARGE), MemoryJournal(), quiet)
        assert self.read(link.url) == LARGE
        assert sum("partNumber=2" in request.path for request in proxy.requests) == 2

    def test_old_uploads_that_nobody_knows_are_aborted_and_others_kept(
        self, share: UploadShare, tmp_path: Path
    ) -> None:
        journal = FallibleJournal({}, 0, after=True)
        file = attachment(tmp_path, "video.mp4", LARGE)

        def die(done: int, total: int) -> None:
            raise Killed

        with pytest.raises(Killed):
            share.put(file, journal, die)
        key = next(steps for name, steps in journal.kept.items() if name.endswith("/plan"))
        assert key is not None
        ours = frozenset({key.partition('"key":"')[2][:32]})
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        assert share.sweep(frozenset(), datetime.now(UTC) - timedelta(days=7)) == 0
        assert share.sweep(ours, tomorrow) == 0
        assert share.sweep(frozenset(), tomorrow) == 1
        assert self.leftovers(share) == 0
        link = share.put(file, FallibleJournal(journal.kept, 0, after=True), quiet)
        assert self.read(link.url) == LARGE

    @pytest.mark.parametrize(("change", "error"), [
        ({"secret_key": Secret("wrong")}, AuthFailed), ({"access_key": "nobody"}, AuthFailed),
        ({"bucket": "not-there"}, Refused),
    ])  # fmt: skip
    def test_checking_names_what_is_wrong(
        self, server_url: str, change: dict[str, object], error: type[UploaderError]
    ) -> None:
        values = {"bucket": self.bucket, "access_key": self.server.access_key,
                  "secret_key": Secret(self.server.secret_key), "url": server_url}  # fmt: skip
        with pytest.raises(error):
            S3(**{**values, **change}).check()  # type: ignore[arg-type]

    @pytest.mark.parametrize("apart", [False, True])
    def test_an_agent_opens_a_sealed_link_in_a_browser(self, server_url: str, tmp_path: Path, apart: bool) -> None:
        share = dataclasses.replace(self.at(server_url), seal="apart" if apart else "link")
        file = attachment(tmp_path, "grabación 🐦.mp4", LARGE, "video/mp4")
        link = share.put(file, MemoryJournal(), quiet)
        assert link.page
        assert bool(link.key) == apart == ("#k=" not in link.url)
        browser = Browser(tmp_path)
        try:
            page = browser.open(link.url, before="delete window.showSaveFilePicker;")
            if apart:
                page.wait("document.querySelector('#ask')?.hidden === false")
                page.type("#key", link.key)
                page.click("#unlock")
            page.wait("document.querySelector('#save')?.hidden === false")
            page.click("#save")
            saved = browser.downloaded()
        finally:
            browser.close()
        assert saved.read_bytes() == LARGE
        assert saved.name == "grabación 🐦.mp4"


class TestRclone(S3Suite):
    keeps_cut_pieces: ClassVar[bool] = True

    @pytest.fixture
    def server_url(self, rclone_s3: S3Server) -> str:
        return self.use(rclone_s3)

    def leftovers(self, share: Share) -> int:
        return 0  # it cannot list them

    def test_a_server_that_forgot_the_upload_gets_it_anew(self, share: UploadShare, tmp_path: Path) -> None:
        journal, file = killed_midway(share, tmp_path)
        self.server.restart()
        link = share.put(file, journal, quiet)
        assert self.read(link.url) == LARGE


class TestMoto(S3Suite):
    """It lets everybody in, so here the bucket is one with a public address."""

    @pytest.fixture
    def server_url(self, moto: S3Server) -> str:
        return self.use(moto)

    def at(self, url: str) -> UploadShare:
        return S3(bucket=self.bucket, access_key=self.server.access_key, secret_key=Secret(self.server.secret_key),
                  url=url, public_url=f"{url}/{self.bucket}")  # fmt: skip

    def test_checking_leaves_nothing_behind(self, share: Share) -> None:
        with pytest.raises(Refused, match="anyone can list"):
            share.check()
        assert self.leftovers(share) == 0  # type: ignore[arg-type]

    def test_a_bucket_that_anyone_can_read_is_refused(self, share: UploadShare, tmp_path: Path) -> None:
        private = S3(bucket=self.bucket, access_key=self.server.access_key, url=self.server.url,
                     secret_key=Secret(self.server.secret_key))  # fmt: skip
        with pytest.raises(Refused, match="anyone can read"):
            private.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)

    def test_a_public_link_is_to_be_ended_by_us(self, share: UploadShare, tmp_path: Path) -> None:
        link = share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        assert link.ended_by == "us"
        assert "Signature" not in link.url

    def test_a_wrong_clock_is_set_by_the_servers(self, proxy: FaultProxy, tmp_path: Path) -> None:
        skewed = b"<Error><Code>RequestTimeTooSkewed</Code></Error>"
        date = {"Date": "Sun, 22 Nov 2037 10:00:00 GMT"}
        proxy.next(Fault(answer=Answer(403, date, skewed)))
        self.at(proxy.url).put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        assert "X-Amz-Date=20371122T" in proxy.requests[1].path
