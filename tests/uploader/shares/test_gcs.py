"""Google Cloud Storage on a strict server of ours, which checks each signature with code of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from tests.servers.asking import ask
from tests.servers.fault_proxy import Answer, Fault, FaultProxy
from tests.servers.gcs import ACCESS_KEY, EMAIL, SECRET_KEY, GcsServer
from tests.uploader.desk_suite import attachment
from tests.uploader.upload_suite import LARGE, UploadSuite, killed_midway, small_and_quick
from uploader.errors import AuthFailed, InvalidField, Refused, Temporary, UploaderError
from uploader.journal import MemoryJournal
from uploader.setting import Secret, build
from uploader.shares.gcs import GoogleCloud
from uploader.ticket import Share, Wishes, quiet
from uploader.transfer import UploadShare

__all__ = ["small_and_quick"]


@cache
def key_pair() -> tuple[str, bytes]:
    """Private and public key of a service account, in PEM."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    key = generate_private_key(65537, 2048)
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()).decode()
    return private, key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)


def key_file() -> Secret:
    return Secret(json.dumps({"type": "service_account", "client_email": EMAIL, "private_key": key_pair()[0]}))


class GcsSuite(UploadSuite):
    server: GcsServer
    in_flight = 1

    @pytest.fixture
    def server_url(self) -> Iterator[str]:
        self.server = GcsServer(key_pair()[1])
        yield self.server.url
        self.server.stop()

    def count(self, share: Share) -> int:
        return len(self.server.files)

    def names(self, share: Share) -> set[str]:
        return set(self.server.files)

    def leftovers(self, share: UploadShare) -> int:
        return sum(not session.done for session in self.server.sessions.values())


class TestWithAKeyFile(GcsSuite):
    def at(self, url: str) -> GoogleCloud:
        return GoogleCloud(bucket="shares", key_file=key_file(), server=url)


class TestWithAnHmacKey(GcsSuite):
    def at(self, url: str) -> GoogleCloud:
        return GoogleCloud(bucket="shares", access_key=ACCESS_KEY, secret_key=Secret(SECRET_KEY), server=url)

    def test_a_session_that_died_is_begun_anew(self, share: UploadShare, tmp_path: Path) -> None:
        journal, file = killed_midway(share, tmp_path)
        self.server.sessions.clear()
        link = share.put(file, journal, quiet)
        assert self.read(link.url) == LARGE
        assert link.resumed_from_bytes == 0

    def test_what_the_server_did_not_keep_is_sent_again(self, share: UploadShare, tmp_path: Path) -> None:
        self.server.takes_most = 3 * 256 * 1024
        link = share.put(attachment(tmp_path, "video.mp4", LARGE), MemoryJournal(), quiet)
        assert self.read(link.url) == LARGE

    def test_damaged_at_the_service_it_is_sent_anew(self, share: UploadShare, tmp_path: Path) -> None:
        self.server.damages = True
        link = share.put(attachment(tmp_path, "video.mp4", LARGE), MemoryJournal(), quiet)
        assert self.read(link.url) == LARGE
        assert self.count(share) == 1

    def test_resumed_the_hash_still_covers_the_whole_file(self, share: UploadShare, tmp_path: Path) -> None:
        journal, file = killed_midway(share, tmp_path)
        for session in self.server.sessions.values():
            session.content[0] ^= 1
        link = share.put(file, journal, quiet)
        assert self.read(link.url) == LARGE
        assert self.count(share) == 1

    def test_the_link_reads_this_one_file_until_its_end(self, share: UploadShare, tmp_path: Path) -> None:
        one = share.put(attachment(tmp_path, "one.mp4", b"one"), MemoryJournal(), quiet, Wishes(expires_days=2))
        two = share.put(attachment(tmp_path, "año.mp4", b"two"), MemoryJournal(), quiet, Wishes(expires_days=90))
        assert one.ended_by == two.ended_by == "service"
        assert one.expires_at and two.expires_at
        assert abs(one.expires_at - datetime.now(UTC) - timedelta(days=2)) < timedelta(minutes=1)
        assert abs(two.expires_at - datetime.now(UTC) - timedelta(days=7)) < timedelta(minutes=1)
        assert ask("GET", one.url.partition("?")[0]).status == 403
        assert ask("GET", f"{one.url.partition('?')[0]}?{two.url.partition('?')[2]}").status == 403
        assert ask("DELETE", one.url).status == 403
        assert ask("GET", one.url.replace("Expires=172800", "Expires=604800")).status == 403
        assert "filename*=UTF-8''a%C3%B1o.mp4" in ask("GET", two.url).headers["content-disposition"]

    def test_a_bucket_that_anyone_can_read_is_refused(self, share: UploadShare, tmp_path: Path) -> None:
        self.server.public = True
        with pytest.raises(Refused, match="anyone can read"):
            share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        with pytest.raises(Refused, match="anyone can"):
            share.check()

    @pytest.mark.parametrize(("change", "error"), [
        ({"secret_key": Secret("wrong")}, AuthFailed), ({"access_key": "GOOG0NOBODY"}, AuthFailed),
        ({"bucket": "not-there"}, Refused), ({"access_key": ""}, InvalidField),
        ({"key_file": Secret("{}")}, InvalidField), ({"key_file": Secret("no json")}, InvalidField),
        ({"key_file": Secret('{"client_email": "a", "private_key": "b"}')}, InvalidField),
    ])  # fmt: skip
    def test_checking_names_what_is_wrong(
        self, server_url: str, change: dict[str, object], error: type[UploaderError]
    ) -> None:
        values = {"bucket": "shares", "access_key": ACCESS_KEY, "secret_key": Secret(SECRET_KEY), "server": server_url}
        with pytest.raises(error):
            GoogleCloud(**{**values, **change}).check()  # type: ignore[arg-type]

    @pytest.mark.parametrize("location", ["http://127.0.0.1:9/x?upload_id=1", "https://example.org/x?upload_id=1", ""])
    def test_nothing_is_sent_to_another_host(self, proxy: FaultProxy, tmp_path: Path, location: str) -> None:
        proxy.next(Fault(answer=Answer(201, {"Location": location})), times=3)
        with pytest.raises(Temporary):
            self.at(proxy.url).put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        assert len(proxy.requests) == 3

    def test_a_wrong_clock_is_set_by_the_services(self, proxy: FaultProxy, tmp_path: Path) -> None:
        skewed = Answer(403, {"Date": "Sun, 22 Nov 2037 10:00:00 GMT"}, b"<Error><Code>AccessDenied</Code></Error>")
        proxy.next(Fault(answer=skewed))
        share = self.at(proxy.url)
        share.put(attachment(tmp_path, "video.mp4", b"content"), MemoryJournal(), quiet)
        assert "X-Goog-Date=20371122T1000" in proxy.requests[1].path

    def test_nothing_but_uploads_of_ours_is_deleted(self, share: UploadShare) -> None:
        for receipt in ("testigo/", "testigo/../other/file", "other/" + "0" * 32 + "/file", ""):
            with pytest.raises(Refused):
                share.revoke(receipt)


def test_the_settings_alone_reach_google() -> None:
    share = build(GoogleCloud, {"bucket": "shares", "access_key": ACCESS_KEY, "secret_key": Secret(SECRET_KEY)})
    signed = share.sign("GET", "a b", {}, datetime(2026, 11, 22, tzinfo=UTC), 60)
    assert signed.startswith("https://storage.googleapis.com/shares/a%20b?X-Goog-Algorithm=GOOG4-HMAC-SHA256&")
