"""WebDAV on real servers: nginx, which takes little, and wsgidav."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.servers.asking import ask
from tests.servers.fault_proxy import Answer, Fault, FaultProxy
from tests.servers.listing import shown
from tests.servers.webdav import WebdavServer
from tests.uploader.desk_suite import attachment
from tests.uploader.upload_suite import LARGE, UploadSuite, small_and_quick
from uploader.errors import AuthFailed, NoSpace, Refused, Temporary, TooLarge, UploaderError
from uploader.journal import MemoryJournal
from uploader.setting import Secret
from uploader.shares.webdav import WebDav
from uploader.ticket import Share, quiet
from uploader.transfer import UploadShare

__all__ = ["small_and_quick"]


class DavSuite(UploadSuite):
    server: WebdavServer
    resumes = False

    def use(self, server: WebdavServer) -> str:
        self.server = server
        for path in sorted(server.files.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        (server.files / "all reports/2026").mkdir(parents=True)
        return server.url

    def at(self, url: str) -> UploadShare:
        return WebDav(url=f"{url}/all reports/2026", user=self.server.user, password=Secret(self.server.password),
                      link_url=f"{url.removesuffix('/dav')}/get/all%20reports/2026")  # fmt: skip

    def count(self, share: Share) -> int:
        return sum(p.is_file() and p.suffix != ".part" for p in self.server.files.rglob("*"))

    def names(self, share: Share) -> set[str]:
        return {str(p) for p in self.server.files.rglob("*") if p.is_file()}

    def leftovers(self, share: UploadShare) -> int:
        return sum(p.suffix == ".part" for p in self.server.files.rglob("*"))

    @pytest.mark.parametrize(("change", "error"), [
        ({"password": Secret("wrong")}, AuthFailed), ({"user": "nobody"}, AuthFailed), ({"url": "/nowhere"}, Refused),
        ({"link_url": "/nowhere"}, Refused),
    ])  # fmt: skip
    def test_checking_names_what_is_wrong(
        self, share: WebDav, server_url: str, change: dict[str, object], error: type[UploaderError]
    ) -> None:
        origin = server_url.removesuffix("/dav")
        values = {"url": share.url, "user": share.user, "password": share.password, "link_url": share.link_url} | {
            name: f"{origin}{value}" if isinstance(value, str) and value.startswith("/") else value
            for name, value in change.items()
        }
        with pytest.raises(error):
            WebDav(**values).check()  # type: ignore[arg-type]
        assert self.count(share) == 0

    def test_the_folders_above_are_made_too(self, share: WebDav, tmp_path: Path) -> None:
        (self.server.files / "all reports/2026").rmdir()
        (self.server.files / "all reports").rmdir()
        link = share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        assert self.read(link.url) == b"content"

    def test_without_a_public_address_the_link_wants_a_login(self, share: WebDav, tmp_path: Path) -> None:
        private = WebDav(url=share.url, user=share.user, password=share.password)
        private.check()
        link = private.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        assert link.url.startswith(share.url.replace(" ", "%20"))
        assert ask("GET", link.url).status == 401
        login = {"Authorization": f"Basic {base64.b64encode(f'{share.user}:{self.server.password}'.encode()).decode()}"}
        assert ask("GET", link.url, headers=login).body == b"content"

    def test_a_folder_that_anyone_can_list_is_refused(self, share: WebDav) -> None:
        with shown(self.server.files, lists=True) as url:
            listed = WebDav(url=share.url, user=share.user, password=share.password,
                            link_url=f"{url}/all reports/2026")  # fmt: skip
            with pytest.raises(Refused, match="anyone can list"):
                listed.check()
        assert self.count(share) == 0

    def test_nobody_can_open_half_a_file(self, proxy: FaultProxy, tmp_path: Path) -> None:
        names: list[str] = []

        def look(done: int, total: int) -> None:
            names.extend(p.name for p in self.server.files.rglob("*") if p.is_file() and done < total)

        self.at(proxy.url).put(attachment(tmp_path, "video.mp4", LARGE), MemoryJournal(), look)
        assert "video.mp4" not in names[:-1]

    def test_a_file_whose_answer_got_lost_is_not_sent_again(self, proxy: FaultProxy, tmp_path: Path) -> None:
        proxy.next(Fault(drop_reply=True), lambda method, path: method == "PUT")
        link = self.at(proxy.url).put(attachment(tmp_path, "video.mp4", LARGE), MemoryJournal(), quiet)
        assert self.read(link.url) == LARGE
        assert sum(request.method == "PUT" for request in proxy.requests) == 1

    def test_a_server_behind_another_one_is_named_by_path_alone(self, proxy: FaultProxy, tmp_path: Path) -> None:
        proxy.next(Fault(answer=Answer(502)), lambda method, path: method == "MOVE")
        link = self.at(proxy.url).put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        assert self.read(link.url) == b"content"
        assert proxy.waiting == 0

    def test_only_the_folder_of_an_upload_is_ever_deleted(self, share: WebDav, tmp_path: Path) -> None:
        share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        for receipt in ("", ".", "..", "../" + "a" * 29, "a" * 31 + "/"):
            with pytest.raises(Refused):
                share.revoke(receipt)
        assert self.count(share) == 1

    @pytest.mark.parametrize(("status", "error"), [(507, NoSpace), (413, TooLarge), (423, Temporary), (403, Refused)])
    def test_what_the_server_says_while_storing_is_understood(
        self, proxy: FaultProxy, tmp_path: Path, status: int, error: type[UploaderError]
    ) -> None:
        proxy.next(Fault(answer=Answer(status)), lambda method, path: method == "PUT", times=None)
        with pytest.raises(error):
            self.at(proxy.url).put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)


class TestNginx(DavSuite):
    @pytest.fixture
    def server_url(self, nginx_dav: WebdavServer) -> str:
        return self.use(nginx_dav)


class TestWsgidav(DavSuite):
    @pytest.fixture
    def server_url(self, wsgidav: WebdavServer) -> str:
        return self.use(wsgidav)
