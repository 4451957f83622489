"""The broker's client against the reference broker, whose storage is Ceph; a bad line before either of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.sax.saxutils import unescape

import pytest

from tests.conftest import ROOT
from tests.servers.broker import BrokerServer
from tests.servers.fault_proxy import Answer, Fault, FaultProxy
from tests.servers.openapi import judge
from tests.servers.process import NotInstalled
from tests.servers.s3 import S3Server
from tests.uploader.desk_suite import attachment
from tests.uploader.upload_suite import LARGE, PIECE, UploadSuite, killed_midway, small_and_quick
from uploader.errors import AuthFailed, Refused, TooLarge, UploaderError
from uploader.journal import MemoryJournal
from uploader.setting import Secret
from uploader.shares.broker import Broker
from uploader.ticket import Share, Wishes, quiet
from uploader.transfer import UploadShare

__all__ = ["small_and_quick"]
BUCKET = "brokered"
PROTOCOL = ROOT / "docs/shares/broker.openapi.yaml"


class BrokerSuite(UploadSuite):
    server: BrokerServer
    least_piece = PIECE

    @pytest.fixture
    def broker(self, rgw: S3Server) -> Iterator[BrokerServer]:
        rgw.make_bucket(BUCKET)
        _, listed = rgw.ask("GET", f"/{BUCKET}", {"list-type": "2"})
        for key in listed.decode().split("<Key>")[1:]:
            rgw.ask("DELETE", f"/{BUCKET}/{key.partition('<')[0]}")
        self.server = BrokerServer(rgw, BUCKET)
        yield self.server
        for upload_id, upload in list(self.server.uploads.items()):
            self.server._delete(upload_id, upload)
        self.server.stop()

    def count(self, share: Share) -> int:
        status, listed = self.server.storage.ask("GET", f"/{BUCKET}", {"list-type": "2"})
        assert status == 200
        return listed.count(b"<Key>")

    def names(self, share: Share) -> set[str]:
        _, listed = self.server.storage.ask("GET", f"/{BUCKET}", {"list-type": "2"})
        return {unescape(key.partition("</Key>")[0]) for key in listed.decode().split("<Key>")[1:]}

    def leftovers(self, share: UploadShare) -> int:
        status, listed = self.server.storage.ask("GET", f"/{BUCKET}", {"uploads": ""})
        assert status == 200
        return listed.count(b"<UploadId>")


class TestBadLineToTheStorage(BrokerSuite):
    @pytest.fixture
    def server_url(self, broker: BrokerServer) -> str:
        return broker.storage.url

    def at(self, url: str) -> Broker:
        self.server.shown = replace(self.server.storage, url=url)
        return Broker(url=f"{self.server.url}/v1", token=Secret("token-of-ana"))

    def test_the_storage_never_sees_the_token(self, proxy: FaultProxy, tmp_path: Path) -> None:
        share = self.at(proxy.url)
        share.put(attachment(tmp_path, "video.mp4", LARGE), MemoryJournal(), quiet)
        assert proxy.requests
        assert not [request for request in proxy.requests if "token-of-ana" in request.path]

    def test_a_piece_that_arrives_damaged_is_sent_again(self, proxy: FaultProxy, tmp_path: Path) -> None:
        proxy.next(Fault(corrupt_request_at=1000), lambda method, path: "partNumber=2" in path)
        link = self.at(proxy.url).put(attachment(tmp_path, "video.mp4", LARGE), MemoryJournal(), quiet)
        assert self.read(link.url) == LARGE
        assert sum("partNumber=2" in request.path for request in proxy.requests) == 2

    def test_addresses_whose_time_is_over_are_asked_for_again(self, proxy: FaultProxy, tmp_path: Path) -> None:
        late = Answer(403, {}, b"<Error><Code>AccessDenied</Code></Error>")
        proxy.next(Fault(answer=late), lambda method, path: "partNumber=3" in path)
        link = self.at(proxy.url).put(attachment(tmp_path, "video.mp4", LARGE), MemoryJournal(), quiet)
        assert self.read(link.url) == LARGE
        asked = [content["numbers"] for _, path, content, *_ in self.server.traffic if path.endswith("/urls")]
        assert sum(3 in numbers for numbers in asked) >= 2

    def test_a_storage_that_takes_no_new_address_either_is_named(self, proxy: FaultProxy, tmp_path: Path) -> None:
        refused = Answer(403, {}, b"<Error><Code>AccessDenied</Code></Error>")
        proxy.next(Fault(answer=refused), lambda method, path: method == "PUT", times=9)
        with pytest.raises(Refused, match="may lack a right"):
            self.at(proxy.url).put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)

    def test_an_upload_that_the_storage_has_lost_is_begun_anew(self, share: UploadShare, tmp_path: Path) -> None:
        journal, file = killed_midway(share, tmp_path)
        for upload in self.server.uploads.values():
            path = f"/{BUCKET}/{upload.key}"
            self.server.storage.ask("DELETE", path, {"uploadId": upload.storage_id})
        link = share.put(file, journal, quiet)
        assert self.read(link.url) == LARGE
        assert len(self.server.uploads) == 1


class TestBadLineToTheBroker(BrokerSuite):
    @pytest.fixture
    def server_url(self, broker: BrokerServer) -> str:
        return broker.url

    def at(self, url: str) -> Broker:
        return Broker(url=f"{url}/v1/", token=Secret("token-of-ana"))

    def test_an_upload_that_the_broker_has_forgotten_is_begun_anew(self, share: UploadShare, tmp_path: Path) -> None:
        journal, file = killed_midway(share, tmp_path)
        for upload_id, upload in list(self.server.uploads.items()):
            self.server._delete(upload_id, upload)
        link = share.put(file, journal, quiet)
        assert self.read(link.url) == LARGE
        assert link.resumed_from_bytes == 0

    def test_what_goes_over_the_line_keeps_to_the_openapi_file(self, share: UploadShare, tmp_path: Path) -> None:
        share.check()
        journal, file = killed_midway(share, tmp_path)
        share.revoke(share.put(file, journal, quiet).receipt)
        share.revoke("gone")
        with pytest.raises(Refused):
            share.put(attachment(tmp_path, "tool.bat", b"content"), MemoryJournal(), quiet)
        with pytest.raises(AuthFailed):
            Broker(url=f"{self.server.url}/v1", token=Secret("nobody")).check()
        names = ("method", "path", "content", "status", "told")
        calls = [dict(zip(names, (method, path.removeprefix("/v1"), *rest)))
                 for method, path, *rest in self.server.traffic]  # fmt: skip
        assert {call["status"] for call in calls} >= {200, 201, 204, 401, 404, 422}
        try:
            assert judge(PROTOCOL, calls, valid=True) == ""
        except NotInstalled as missing:
            pytest.skip(f"{missing} is not installed: make servers installs it")

    def test_a_link_ends_when_the_broker_says(self, share: UploadShare, tmp_path: Path) -> None:
        link = share.put(attachment(tmp_path, "video.mp4", b"x"), MemoryJournal(), quiet, Wishes(expires_days=90))
        assert link.ended_by == "service"
        assert f"X-Amz-Expires={7 * 86400}" in link.url

    def test_nobody_ends_the_upload_of_another(self, share: UploadShare, tmp_path: Path) -> None:
        link = share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        Broker(url=f"{self.server.url}/v1", token=Secret("token-of-eva")).revoke(link.receipt)
        assert self.read(link.url) == b"content"

    def test_the_brokers_own_reason_is_shown(self, share: UploadShare, tmp_path: Path) -> None:
        with pytest.raises(Refused, match="programs are not taken"):
            share.put(attachment(tmp_path, "tool.bat", b"content"), MemoryJournal(), quiet)
        self.server.most_bytes = 3
        with pytest.raises(TooLarge):
            share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)

    @pytest.mark.parametrize(("path", "token", "error", "said"), [
        ("/v1", "nobody", AuthFailed, "password or token"), ("/elsewhere", "token-of-ana", Refused, "no broker"),
    ])  # fmt: skip
    def test_checking_names_what_is_wrong(
        self, server_url: str, path: str, token: str, error: type[UploaderError], said: str
    ) -> None:
        with pytest.raises(error, match=said):
            Broker(url=server_url + path, token=Secret(token)).check()

    def test_a_storage_that_anyone_can_read_is_refused(self, share: Broker, proxy: FaultProxy, tmp_path: Path) -> None:
        opened = Answer(200, {"Content-Type": "application/json"}, f'{{"url": "{proxy.url}/file?token=1"}}'.encode())
        proxy.next(Fault(answer=opened), lambda method, path: path.endswith("/link"))
        whole = Answer(206, {"Content-Range": "bytes 0-0/7"}, b"c")
        proxy.next(Fault(answer=whole), lambda method, path: path.startswith("/file"), times=2)
        with pytest.raises(Refused, match="anyone can open"):
            self.at(proxy.url).put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)

    def test_a_broker_that_speaks_https_sends_no_file_over_http(self) -> None:
        from uploader.shares.broker import BrokerWay, _Place
        from uploader.wire import Wire

        share = Broker(url="https://broker.example.org", token=Secret("t"))
        way = BrokerWay(share, Wire())
        assert way._is_safe(_Place(1, "https://storage.example.org/x"))
        assert not way._is_safe(_Place(1, "http://storage.example.org/x"))
