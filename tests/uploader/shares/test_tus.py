"""tus on the project's own server; what that server never says comes from the fault proxy or a strict one of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.asking import ask
from tests.servers.fault_proxy import Answer, Fault, FaultProxy
from tests.servers.strict_tus import LOGIN, StrictTus
from tests.servers.tus import TusServer
from tests.uploader.desk_suite import attachment
from tests.uploader.upload_suite import LARGE, UploadSuite, killed_midway, small_and_quick
from uploader.errors import AuthFailed, InvalidField, Refused, Temporary, TooLarge, UploaderError
from uploader.journal import MemoryJournal
from uploader.setting import Secret
from uploader.shares.tus import Tus
from uploader.ticket import Share, quiet
from uploader.transfer import UploadShare
from uploader.ways import Upload
from uploader.wire import Wire

__all__ = ["small_and_quick"]


class TestTus(UploadSuite):
    server: TusServer
    in_flight = 1

    @pytest.fixture
    def server_url(self, tusd: TusServer) -> str:
        self.server = tusd
        for path in tusd.files.iterdir():
            path.unlink()
        return tusd.url

    def at(self, url: str) -> UploadShare:
        return Tus(url=url)

    def whole(self) -> dict[bool, int]:
        """How many uploads are whole, and how many are not."""
        counts = {True: 0, False: 0}
        for about in self.server.files.glob("*.json"):
            file = about.with_suffix("")
            counts[file.exists() and file.stat().st_size == json.loads(about.read_text("utf-8"))["size"]] += 1
        return counts

    def count(self, share: Share) -> int:
        return self.whole()[True]

    def names(self, share: Share) -> set[str]:
        metadata = {p.stem: json.loads(p.read_text("utf-8"))["metadata"] for p in self.server.files.glob("*.json")}
        return {f"{known}/{told['filename']}" for known, told in metadata.items()}

    def leftovers(self, share: UploadShare) -> int:
        return self.whole()[False]

    def test_it_goes_on_after_the_server_was_restarted(self, share: UploadShare, tmp_path: Path) -> None:
        journal, file = killed_midway(share, tmp_path)
        self.server.restart()
        link = share.put(file, journal, quiet)
        assert self.read(link.url) == LARGE
        assert link.resumed_from_bytes > 0

    @pytest.mark.parametrize("status", [404, 410, 403])
    def test_an_upload_that_expired_is_begun_anew(self, proxy: FaultProxy, tmp_path: Path, status: int) -> None:
        share = self.at(proxy.url)
        journal, file = killed_midway(share, tmp_path)
        proxy.next(Fault(answer=Answer(status)), lambda method, path: method == "HEAD")
        link = share.put(file, journal, quiet)
        assert self.read(link.url) == LARGE
        assert link.resumed_from_bytes == 0

    def test_a_locked_upload_is_waited_for_and_kept(self, proxy: FaultProxy, tmp_path: Path) -> None:
        share = self.at(proxy.url)
        journal, file = killed_midway(share, tmp_path)
        proxy.next(Fault(answer=Answer(423, {"Retry-After": "0"})), lambda method, path: method == "HEAD", times=2)
        link = share.put(file, journal, quiet)
        assert self.read(link.url) == LARGE
        assert link.resumed_from_bytes > 0

    def test_where_the_server_disagrees_about_the_offset_it_is_asked(self, proxy: FaultProxy, tmp_path: Path) -> None:
        proxy.next(Fault(answer=Answer(409)), lambda method, path: method == "PATCH", skip=1)
        link = self.at(proxy.url).put(attachment(tmp_path, "video.mp4", LARGE), MemoryJournal(), quiet)
        assert self.read(link.url) == LARGE
        assert sum(request.method == "PATCH" for request in proxy.requests) == 4

    def test_a_checksum_goes_along_only_where_the_server_offers_to_compare(
        self, proxy: FaultProxy, tmp_path: Path
    ) -> None:
        offers = {"Tus-Extension": "creation,checksum", "Tus-Checksum-Algorithm": "md5,sha1"}
        journal, file = MemoryJournal(), attachment(tmp_path, "video.mp4", LARGE)
        proxy.next(Fault(answer=Answer(204, offers)), lambda method, path: method == "OPTIONS")
        proxy.next(Fault(answer=Answer(460)), lambda method, path: method == "PATCH")
        link = self.at(proxy.url).put(file, journal, quiet)
        assert self.read(link.url) == LARGE
        assert proxy.waiting == 0

    @pytest.mark.parametrize(
        ("status", "error"), [(412, Refused), (413, TooLarge), (401, AuthFailed), (503, Temporary)]
    )
    def test_checking_names_what_is_wrong(self, proxy: FaultProxy, status: int, error: type[UploaderError]) -> None:
        proxy.next(Fault(answer=Answer(status)), lambda method, path: method == "POST")
        with pytest.raises(error):
            self.at(proxy.url).check()

    @pytest.mark.parametrize("location", ["http://127.0.0.1:9/files/abc", "//example.org/files/abc", "ftp:/abc"])
    def test_nothing_is_sent_to_a_host_that_nobody_allowed(
        self, proxy: FaultProxy, tmp_path: Path, location: str
    ) -> None:
        proxy.next(Fault(answer=Answer(201, {"Location": location})), lambda method, path: method == "POST")
        with pytest.raises(Refused, match="sends the upload on"):
            self.at(proxy.url).put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)

    def test_another_host_may_be_allowed(self, proxy: FaultProxy, server_url: str, tmp_path: Path) -> None:
        host = server_url.split("/")[2]
        created = ask("POST", server_url, b"", {"Tus-Resumable": "1.0.0", "Upload-Length": "7"})
        location = created.headers["Location"]
        proxy.next(Fault(answer=Answer(201, {"Location": location})), lambda method, path: method == "POST")
        share = Tus(url=proxy.url, upload_host=host)
        link = share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        assert link.url == location
        assert self.read(link.url) == b"content"

    def test_behind_a_server_that_speaks_https_for_it_the_address_is_corrected(self) -> None:
        share = Tus(url="https://tus.example.org/files")
        assert share.own("http://tus.example.org/files/abc") == "https://tus.example.org/files/abc"
        assert share.own("abc?x=1") == "https://tus.example.org/abc?x=1"
        with pytest.raises(Refused):
            share.own("http://other.example.org/files/abc")

    def test_a_template_makes_the_link(self, proxy: FaultProxy, server_url: str, tmp_path: Path) -> None:
        share = Tus(url=proxy.url, link_url=server_url + "/{id}")
        share.check()
        link = share.put(attachment(tmp_path, "año.mp4", b"content"), MemoryJournal(), quiet)
        assert link.url.startswith(server_url)
        assert self.read(link.url) == b"content"
        named = Tus(url=proxy.url, link_url="https://files.example.org/{id}/{name}")
        upload = Upload("", "año 1.mp4", 7, "video/mp4", 7)
        with Wire() as wire:
            made = named.link(wire, upload, f"{proxy.url}/abc?token=1", 0, "").url
        assert made == "https://files.example.org/abc/a%C3%B1o%201.mp4"
        with pytest.raises(InvalidField):
            Tus(url=proxy.url, link_url="https://files.example.org/").check()

    def test_readers_who_cannot_open_uploads_are_found_out(self, proxy: FaultProxy, tmp_path: Path) -> None:
        proxy.next(Fault(answer=Answer(401)), lambda method, path: method == "GET")
        with pytest.raises(Refused, match="readers cannot open"):
            self.at(proxy.url).check()
        assert self.whole() == {True: 0, False: 0}
        proxy.next(Fault(answer=Answer(401)), lambda method, path: method == "HEAD", skip=1)
        with pytest.raises(Refused, match="readers cannot open"):
            self.at(proxy.url).put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)

    def test_headers_are_written_name_and_value(self) -> None:
        share = Tus(url="https://x.example.org", headers=Secret("Authorization: Bearer a:b | X-Tenant: 5"))
        assert share.parsed_headers() == {"Authorization": "Bearer a:b", "X-Tenant": "5"}
        with pytest.raises(InvalidField):
            Tus(url="https://x.example.org", headers=Secret("Bearer abc")).check()


class TestStrictTus:
    """What only some servers offer or demand."""

    @pytest.fixture
    def server(self) -> Iterator[StrictTus]:
        server = StrictTus()
        yield server
        server.stop()

    def at(self, server: StrictTus) -> Tus:
        return Tus(url=server.url + "/files", headers=Secret(f"Authorization: {LOGIN}"))

    @pytest.mark.parametrize("checks", [True, False])
    def test_pieces_carry_their_checksum_where_it_is_compared(
        self, server: StrictTus, tmp_path: Path, checks: bool
    ) -> None:
        server.checks, server.damages = checks, int(checks)
        link = self.at(server).put(attachment(tmp_path, "año 🐦.mp4", LARGE), MemoryJournal(), quiet)
        assert ask("GET", link.url).body == LARGE
        assert sum(asked.method == "PATCH" for asked in server.asked) == 3 + checks

    def test_without_the_login_it_is_refused(self, server: StrictTus) -> None:
        self.at(server).check()
        assert not server.held
        with pytest.raises(AuthFailed):
            Tus(url=server.url + "/files").check()

    def test_a_server_that_deletes_nothing_says_so(self, server: StrictTus, tmp_path: Path) -> None:
        server.terminates = False
        share = self.at(server)
        share.check()
        link = share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        with pytest.raises(Refused, match="cannot take a link back"):
            share.revoke(link.receipt)
