"""SFTP on OpenSSH's own server, with a line in front of it that cuts, stalls and lies."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.servers.asking import ask
from tests.servers.fault_proxy import Fault, TcpProxy
from tests.servers.listing import shown
from tests.servers.sshd import SftpServer
from tests.uploader.desk_suite import attachment
from tests.uploader.upload_suite import LARGE, PIECE, SLOW_LINES, UploadSuite, killed_midway, small_and_quick
from uploader.errors import AuthFailed, Cancelled, InvalidField, Refused, Unreachable, UploaderError
from uploader.journal import MemoryJournal
from uploader.setting import Secret
from uploader.shares.sftp import Sftp
from uploader.ticket import Share, quiet
from uploader.transfer import UploadShare

__all__ = ["small_and_quick"]

CUTS_BYTES = (0, 10, 1000, 3000, 5000, 100_000, PIECE, PIECE + 70_000, len(LARGE) - 10_000)


class TestSftp(UploadSuite):
    server: SftpServer
    in_flight = 1

    @pytest.fixture
    def server_url(self, sshd: SftpServer) -> str:
        self.server = sshd
        for path in sorted(sshd.files.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        return str(sshd.port)

    def at(self, url: str) -> UploadShare:
        return Sftp(host=self.server.host, port=int(url), user=self.server.user, key_file=str(self.server.user_key),
                    host_key=self.server.known_hosts.read_text("ascii"), folder="shared/reports")  # fmt: skip

    def read(self, url: str) -> bytes:
        assert url.startswith("sftp://127.0.0.1:")
        return Path(unquote(urlsplit(url).path)).read_bytes()

    def count(self, share: Share) -> int:
        return sum(p.is_file() and p.suffix != ".part" for p in self.server.files.rglob("*"))

    def names(self, share: Share) -> set[str]:
        return {str(p) for p in self.server.files.rglob("*") if p.is_file()}

    def leftovers(self, share: UploadShare) -> int:
        return sum(p.suffix == ".part" for p in self.server.files.rglob("*"))

    @pytest.fixture
    def line(self, server_url: str, tcp_proxy: Callable[[int], TcpProxy]) -> TcpProxy:
        return tcp_proxy(self.server.port)

    # These go by HTTP; those below say the same of a line.
    test_whatever_happens_to_any_one_request_the_file_is_there_once_and_whole = None  # type: ignore[assignment]
    test_after_a_kill_only_what_was_in_flight_is_sent_again = None  # type: ignore[assignment]
    test_no_secret_is_in_an_error_or_its_log = None  # type: ignore[assignment]

    @pytest.mark.parametrize("where", ["request", "reply"])
    @pytest.mark.parametrize("cut_bytes", CUTS_BYTES)
    def test_wherever_the_line_breaks_the_file_is_there_once_and_whole(
        self, line: TcpProxy, tmp_path: Path, cut_bytes: int, where: str
    ) -> None:
        share = self.at(str(line.port))
        line.next(Fault(**{f"cut_{where}_after_bytes": cut_bytes}))  # type: ignore[arg-type]
        link = self.put_with_patience(share, attachment(tmp_path, "video.mp4", LARGE), MemoryJournal())
        assert self.read(link.url) == LARGE
        assert self.count(share) == 1
        assert self.leftovers(share) == 0

    @pytest.mark.parametrize("fault", SLOW_LINES.values(), ids=SLOW_LINES.keys())
    def test_a_line_that_is_only_slow_or_late_is_waited_for_and_nothing_goes_twice(  # type: ignore[override]
        self, line: TcpProxy, tmp_path: Path, fault: Fault, small_pieces: bytes
    ) -> None:
        line.next(fault, times=None)
        link = self.at(str(line.port)).put(attachment(tmp_path, "video.mp4", small_pieces), MemoryJournal(), quiet)
        assert self.read(link.url) == small_pieces
        assert line.sent_bytes < 1.05 * len(small_pieces)

    def test_a_damaged_byte_is_noticed(self, line: TcpProxy, tmp_path: Path) -> None:
        line.next(Fault(corrupt_request_at=PIECE))
        link = self.at(str(line.port)).put(attachment(tmp_path, "video.mp4", LARGE), MemoryJournal(), quiet)
        assert self.read(link.url) == LARGE
        assert line.connections > 1

    def test_after_a_kill_the_rest_alone_is_sent(self, line: TcpProxy, tmp_path: Path) -> None:
        share = self.at(str(line.port))
        journal, file = killed_midway(share, tmp_path, 2 * PIECE)
        before = line.sent_bytes
        link = share.put(file, journal, quiet)
        assert self.read(link.url) == LARGE
        assert link.resumed_from_bytes > 0
        assert line.sent_bytes - before < len(LARGE) - PIECE

    def test_another_make_of_server_gets_the_last_pieces_again(
        self, server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("uploader.shares.sftp.ORDERLY", "NoSuchMake")
        share = self.at(server_url)
        journal, file = killed_midway(share, tmp_path, 2 * PIECE)
        (part,) = self.server.files.rglob("*.part")
        stored = part.read_bytes()
        part.write_bytes(stored[: len(stored) - 3_000_000] + bytes(3_000_000))  # a hole, as it may be left behind
        link = share.put(file, journal, quiet)
        assert self.read(link.url) == LARGE

    def test_a_line_that_hangs_is_left_at_once_when_the_user_stops(self, line: TcpProxy, tmp_path: Path) -> None:
        line.next(Fault(stall_after_bytes=PIECE))
        asked = threading.Event()

        def stop(done: int, total: int) -> None:
            if asked.is_set():
                raise Cancelled("stopped")

        timer = threading.Timer(0.5, asked.set)
        timer.start()
        share, file, journal = self.at(str(line.port)), attachment(tmp_path, "video.mp4", LARGE), MemoryJournal()
        with pytest.raises(Cancelled):
            share.put(file, journal, stop)
        timer.join()
        share.abandon(file, journal)
        assert self.leftovers(share) == 0

    def test_a_server_that_shows_no_key_of_the_settings_gets_nothing(self, server_url: str, tmp_path: Path) -> None:
        at = {"host": "127.0.0.1", "port": int(server_url), "user": self.server.user}
        login = {"key_file": str(self.server.user_key), "folder": "shared"}
        with pytest.raises(Refused, match="shows the host key SHA256:") as told:
            Sftp(**at, **login).check()  # type: ignore[arg-type]
        fingerprint = told.value.values["fingerprint"]
        Sftp(**at, **login, host_key=fingerprint).check()  # type: ignore[arg-type]
        old = Sftp(**at, **login, host_key=self.server.known_hosts.read_text("ascii"))  # type: ignore[arg-type]
        old.check()
        self.server.change_host_key()
        for share in (old, Sftp(**at, **login, host_key=fingerprint)):  # type: ignore[arg-type]
            with pytest.raises(Refused, match="another host key"):
                share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        with pytest.raises(InvalidField):
            Sftp(**at, **login, host_key="AA:BB:CC").check()  # type: ignore[arg-type]

    def test_checking_names_what_is_wrong(self, server_url: str, tmp_path: Path) -> None:
        host_key = self.server.known_hosts.read_text("ascii")
        good = {"host": "127.0.0.1", "port": int(server_url), "user": self.server.user, "folder": "x",
                "key_file": str(self.server.user_key), "host_key": host_key}  # fmt: skip
        (tmp_path / "no key").write_text("nothing", "utf-8")
        wrong: list[tuple[dict[str, object], type[UploaderError]]] = [
            ({"user": "nobody"}, AuthFailed),
            ({"key_file": ""}, AuthFailed),
            ({"key_file": "", "password": Secret("wrong")}, AuthFailed),
            ({"key_file": str(tmp_path / "missing")}, InvalidField),
            ({"key_file": str(tmp_path / "no key")}, AuthFailed),
            ({"port": 9}, Unreachable),
            ({"link_url": f"http://127.0.0.1:{server_url}"}, UploaderError),
        ]
        for change, error in wrong:
            with pytest.raises(error):
                Sftp(**(good | change)).check()  # type: ignore[arg-type]
        assert not list(self.server.files.rglob("check.txt*"))

    def test_a_web_server_makes_the_links_unless_it_lists_them(self, server_url: str, tmp_path: Path) -> None:
        host_key = self.server.known_hosts.read_text("ascii")
        with shown(self.server.files, lists=False) as closed, shown(self.server.files, lists=True) as open_:
            for url in (closed, open_):
                share = Sftp(host="127.0.0.1", port=int(server_url), user=self.server.user, host_key=host_key,
                             key_file=str(self.server.user_key), link_url=f"{url}/testigo")  # fmt: skip
                if url == open_:
                    with pytest.raises(Refused, match="anyone can list"):
                        share.check()
                    continue
                share.check()
                link = share.put(attachment(tmp_path, "año 1.mp4", LARGE), MemoryJournal(), quiet)
                assert ask("GET", link.url).body == LARGE
                share.revoke(link.receipt)
                assert ask("GET", link.url).status == 404

    def test_a_key_with_a_passphrase_opens(self, server_url: str, tmp_path: Path) -> None:
        locked = tmp_path / "locked"
        locked.write_bytes(self.server.user_key.read_bytes())
        locked.chmod(0o600)
        subprocess.run(["ssh-keygen", "-q", "-p", "-N", "correct horse", "-f", locked], check=True)
        good = {"host": "127.0.0.1", "port": int(server_url), "user": self.server.user, "key_file": str(locked),
                "host_key": self.server.known_hosts.read_text("ascii")}  # fmt: skip
        Sftp(**good, passphrase=Secret("correct horse")).check()  # type: ignore[arg-type]
        for phrase in ("", "wrong"):
            with pytest.raises(AuthFailed, match="passphrase"):
                Sftp(**good, passphrase=Secret(phrase)).check()  # type: ignore[arg-type]

    def test_only_the_folder_of_an_upload_is_ever_deleted(self, share: Sftp, tmp_path: Path) -> None:
        share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        for receipt in ("", ".", "..", "a" * 31 + "/"):
            with pytest.raises(Refused):
                share.revoke(receipt)
        assert self.count(share) == 1

    def test_it_goes_on_after_the_server_was_restarted(self, share: UploadShare, tmp_path: Path) -> None:
        journal, file = killed_midway(share, tmp_path)
        self.server.restart()
        assert self.read(share.put(file, journal, quiet).url) == LARGE
