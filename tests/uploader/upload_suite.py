"""What every share that sends through the engine must survive, with a bad line in front of its server."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import traceback
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import ClassVar

import pytest

from tests.servers.asking import ask
from tests.servers.fault_proxy import LOGIN_PAGE, Answer, Fault, FaultProxy, Request
from tests.uploader.desk_suite import FallibleJournal, Killed, attachment
from tests.uploader.share_suite import ShareSuite
from uploader.errors import Cancelled, UploaderError
from uploader.journal import Journal, MemoryJournal
from uploader.setting import Secret
from uploader.ticket import Attachment, Link, Share, Wishes, quiet
from uploader.transfer import UploadShare

MIB = 1024 * 1024
PIECE = 5 * MIB
"""The smallest that S3 takes, so that small files have several pieces."""
BLOCKS = [hashlib.sha256(bytes([n])).digest() * 2048 for n in range(16)]
LARGE = b"".join(BLOCKS[n * 7 % 16] + BLOCKS[n % 16] for n in range(106)) + b"end"
"""About 13 MiB: two whole pieces and a smaller one."""
SMALL_PIECE = 4 * 320 * 1024
"""A multiple of what Microsoft and Google want, where nothing demands more."""

FAULTS = {
    "the reply is lost": Fault(drop_reply=True),
    "the request is cut": Fault(cut_request_after_bytes=70_000),
    "503": Fault(answer=Answer(503, {"Retry-After": "0"})),
    "429": Fault(answer=Answer(429, {"Retry-After": "0"})),
    "a login page": Fault(answer=LOGIN_PAGE),
    "less comes than is promised": Fault(lie_about_length_bytes=7),
    "less is promised than comes": Fault(lie_about_length_bytes=-1),
}
DANGEROUS = [
    "../../etc/passwd", "..\\..\\evil.dll", "a\r\nX-Evil: 1.txt", "\u202egpj.exe", "CON", "nul.txt", "…" * 300, ".",
    "a\0b",
]  # fmt: skip
KNOWN = {"127.0.0.1", "response-content-disposition"}
"""Long words of links that are no secrets."""
SLOW_LINES = {"each request is late": Fault(delay_s=0.1), "the line is slow": Fault(bytes_per_s=8 * MIB)}
"""No failure, only a matter of time."""


def kind_of(request: Request) -> object:
    """The same for requests that differ in numbers and values alone."""
    path, _, query = request.path.partition("?")
    names = tuple(sorted(part.partition("=")[0] for part in query.split("&")))
    return request.method, re.sub(r"\d+", "", path), names, request.status


def danger_in(name: str) -> str:
    """What may harm whoever stores a file under this name; empty when nothing may."""
    if not name or name.strip(" .") != name or len(name.encode()) > 255:
        return "no name, or too long a one"
    if found := [c for c in name if c in '<>:"/\\|?*' or unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")]:
        return f"characters {found}"
    return name if re.match(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", name, re.IGNORECASE) else ""


@pytest.fixture(autouse=True)
def small_and_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pieces and short waits; what is tested is what happens, not how long it takes."""
    monkeypatch.setattr("uploader.ways.PIECE_BYTES", PIECE)
    monkeypatch.setattr("uploader.flow.FIRST_WAIT_S", 0.01)


def killed_midway(share: UploadShare, folder: Path, after_bytes: int = PIECE + MIB) -> tuple[Journal, Attachment]:
    """A large file of which so much had gone out when the process died, and the journal to go on with."""
    journal, file = FallibleJournal({}, 0, after=True), attachment(folder, "video.mp4", LARGE)

    def die(done: int, total: int) -> None:
        if done > after_bytes:
            raise Killed

    with pytest.raises(Killed):
        share.put(file, journal, die, Wishes(bytes_per_s=lambda: 16 * MIB))
    return FallibleJournal(journal.kept, 0, after=True), file


class UploadSuite(ShareSuite):
    """Subclasses give ``server_url`` (a fixture), ``at(url)``: the share reached under that address, and
    ``count(share)`` as ``ShareSuite`` wants it."""

    resumes: ClassVar[bool] = True
    in_flight: ClassVar[int] = 4
    """How many pieces may have to be sent again."""
    least_piece: ClassVar[int] = SMALL_PIECE
    """The smallest piece but the last that the server takes."""
    keeps_cut_pieces: ClassVar[bool] = False
    """The server takes half a piece for a whole one: found at the end, and all goes again."""
    open_sessions: ClassVar[bool] = True
    """``leftovers`` can be counted."""

    def at(self, url: str) -> UploadShare:
        raise NotImplementedError

    def read(self, url: str) -> bytes:
        reply = ask("GET", url)
        if reply.status != 200:
            raise FileNotFoundError(reply.status)
        return reply.body

    def names(self, share: Share) -> set[str]:
        """Where the server has put files; the last part of each is the name that it knows."""
        raise NotImplementedError

    def issued(self) -> Iterable[str]:
        """What the server gave out that nobody else may know."""
        return ()

    def secrets(self, share: UploadShare, journals: Iterable[FallibleJournal]) -> set[str]:
        """Settings, tokens, sessions, places, links and keys that were really used: of each what is long enough."""
        set_ = [value.reveal() for field in fields(share) if isinstance(value := getattr(share, field.name), Secret)]
        used = [*set_, *self.issued()]
        for journal in journals:
            for step, text in journal.kept.items():
                known = json.loads(text or "") if step.endswith(("/plan", "/link")) else {"": text}
                used += [known["upload"]["key"], known["seal_key"]] if step.endswith("/plan") else []
                used += [known[name] for name in ("url", "receipt", "password", "key")] if "url" in known else []
                used += [text or ""] if step.endswith(("/session", "/stored")) else []
        words = {word for text in used for word in re.split(r"""[\s/?&=:;,#"'{}]+""", text)}
        return {word for word in words | set(set_) if len(word) >= 12} - KNOWN

    def leftovers(self, share: UploadShare) -> int:
        """How many unfinished uploads the server holds."""
        return 0

    @pytest.fixture
    def share(self, server_url: str) -> UploadShare:
        return self.at(server_url)

    @pytest.fixture
    def proxy(self, server_url: str, fault_proxy: Callable[[str], FaultProxy]) -> FaultProxy:
        return fault_proxy(server_url)

    @pytest.fixture
    def small_pieces(self, monkeypatch: pytest.MonkeyPatch) -> bytes:
        """A file of one whole piece, as small as may be, and a smaller one."""
        monkeypatch.setattr("uploader.ways.PIECE_BYTES", self.least_piece)
        return LARGE[: self.least_piece + 300_000]

    @pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
    def test_whatever_happens_to_any_one_request_the_file_is_there_once_and_whole(
        self, proxy: FaultProxy, tmp_path: Path, fault: Fault, small_pieces: bytes
    ) -> None:
        """Any one of each kind: what goes through the same code with the same outcome need not fail twice."""
        share = self.at(proxy.url)
        before = self.count(share)
        file = attachment(tmp_path, "grabación.mp4", small_pieces)
        share.put(file, MemoryJournal(), quiet)
        kinds: dict[object, int] = {}
        for number, request in enumerate(proxy.requests):
            if request.body_bytes >= (fault.cut_request_after_bytes or 0):
                kinds.setdefault((kind_of(request), request.body_bytes >= self.least_piece), number)
        done = 1
        for number in kinds.values():
            for _ in range(3):  # what is asked for together depends on which piece was quicker
                journal, counted = MemoryJournal(), iter(range(1000))
                proxy.next(fault, lambda method, path, nth=number, c=counted: next(c) == nth)
                link = self.put_with_patience(self.at(proxy.url), file, journal)  # one that has not signed in yet
                done += 1
                if proxy.waiting == 0:
                    break
                proxy.heal()
            else:
                pytest.fail(f"there was no request {number}")
            assert self.read(link.url) == small_pieces, f"request {number}"
            assert self.count(share) == before + done, f"request {number}"

    @pytest.mark.parametrize("fault", SLOW_LINES.values(), ids=SLOW_LINES.keys())
    def test_a_line_that_is_only_slow_or_late_is_waited_for_and_nothing_goes_twice(
        self, proxy: FaultProxy, tmp_path: Path, fault: Fault, small_pieces: bytes
    ) -> None:
        proxy.next(fault, times=None)
        share = self.at(proxy.url)
        link = share.put(attachment(tmp_path, "video.mp4", small_pieces), MemoryJournal(), quiet)
        assert self.read(link.url) == small_pieces
        assert sum(request.body_bytes for request in proxy.requests) < 1.05 * len(small_pieces)
        assert self.count(share) == 1

    def put_with_patience(self, share: UploadShare, file: Attachment, journal: MemoryJournal) -> Link:
        """What the outbox does: a second try later."""
        try:
            return share.put(file, journal, quiet)
        except UploaderError as error:
            assert not isinstance(error, Cancelled)
            return share.put(file, journal, quiet)

    def test_after_a_kill_only_what_was_in_flight_is_sent_again(self, proxy: FaultProxy, tmp_path: Path) -> None:
        share = self.at(proxy.url)
        assert share.abilities.resumes is self.resumes
        several = self.in_flight > 1
        content = LARGE * 3 if several else LARGE  # so much that with four pieces on their way others have arrived
        file = attachment(tmp_path, "video.mp4", content)
        for limit in (6 * PIECE + PIECE // 2,) if several else (PIECE + PIECE // 2, 2 * PIECE + PIECE // 4):
            journal = FallibleJournal({}, 0, after=True)

            def die(done: int, total: int, limit: int = limit) -> None:
                if done > limit:
                    raise Killed

            with pytest.raises(Killed):
                share.put(file, journal, die)
            started = len(proxy.requests)
            link = share.put(file, FallibleJournal(journal.kept, 0, after=True), quiet)
            assert self.read(link.url) == content
            if self.keeps_cut_pieces:
                continue
            if not self.resumes:
                assert link.resumed_from_bytes == 0
                continue
            again = sum(request.body_bytes for request in proxy.requests[started:])
            told = [(r.method, r.status, r.body_bytes) for r in proxy.requests[started:]]
            assert again <= len(content) - limit + self.in_flight * PIECE, told
            all_was_there = any(step.endswith("/stored") for step in journal.kept)  # quicker than progress is told
            if not all_was_there:
                assert link.resumed_from_bytes > 0

    def test_a_file_that_became_another_one_is_sent_anew(self, share: UploadShare, tmp_path: Path) -> None:
        before = self.count(share)
        journal = FallibleJournal({}, 0, after=True)
        old = attachment(tmp_path, "video.mp4", LARGE)
        file = Attachment(old.name, old.path, old.size_bytes, old.media_type, "")

        def die(done: int, total: int) -> None:
            if done > PIECE:
                raise Killed

        with pytest.raises(Killed):
            share.put(file, journal, die)
        new = LARGE[::-1]
        old.path.unlink()
        old.path.write_bytes(new)
        link = share.put(file, FallibleJournal(journal.kept, 0, after=True), quiet)
        assert self.read(link.url) == new
        assert link.sha256 == hashlib.sha256(new).hexdigest()
        if self.resumes:  # one request that was out before the kill may still arrive, and nobody can know
            assert self.count(share) == before + 1

    def test_given_up_nothing_of_it_stays_outside(self, share: UploadShare, tmp_path: Path) -> None:
        before, open_before = self.count(share), self.leftovers(share)
        for limit in (PIECE, len(LARGE)):
            journal = MemoryJournal()
            file = attachment(tmp_path, "video.mp4", LARGE)

            def stop(done: int, total: int, limit: int = limit) -> None:
                if done >= limit:
                    raise Cancelled("stopped")

            with pytest.raises(Cancelled):
                share.put(file, journal, stop)
            share.abandon(file, journal)
            assert self.count(share) == before
            assert self.leftovers(share) == open_before

    def test_a_link_that_was_taken_back_leads_nowhere(self, share: UploadShare, tmp_path: Path) -> None:
        before = self.count(share)
        link = share.put(attachment(tmp_path, "video.mp4", b"short"), MemoryJournal(), quiet)
        share.revoke(link.receipt)
        share.revoke(link.receipt)
        assert self.count(share) == before
        try:
            found = self.read(link.url)
        except Exception:  # whatever the reader's library says
            found = b""
        assert found != b"short"

    def test_an_empty_file_arrives_too(self, share: UploadShare, tmp_path: Path) -> None:
        link = share.put(attachment(tmp_path, "empty.txt", b""), MemoryJournal(), quiet)
        assert self.read(link.url) == b""

    def test_no_name_is_dangerous(self, share: UploadShare, tmp_path: Path) -> None:
        before, depths = self.names(share), set[int]()
        for number, name in enumerate(["video.mp4", *DANGEROUS], 1):
            link = share.put(attachment(tmp_path, name, b"content"), MemoryJournal(), quiet)
            assert self.read(link.url) == b"content"
            found = self.names(share)
            assert self.count(share) == len(found) == number
            (path,) = found - before
            before = found
            depths.add(path.count("/"))
            assert not danger_in(path.rpartition("/")[2]), f"{name!r} became {path!r}"
        assert len(depths) == 1

    def test_sealed_the_service_sees_neither_content_nor_name(self, share: UploadShare, tmp_path: Path) -> None:
        from uploader.seal import unseal_to
        from uploader.seal_page import read_sealed_link

        file = attachment(tmp_path, "confidencial.mp4", LARGE)
        link = share.put(file, MemoryJournal(), quiet, Wishes(sealed=True))
        assert link.sealed
        assert link.key or share.abilities.serves_pages
        assert "confidencial" not in link.url
        url, key = read_sealed_link(link.url)
        assert url
        assert key
        sealed = self.read(url)
        assert BLOCKS[0][:64] not in sealed
        assert b"confidencial" not in sealed
        (tmp_path / "sealed").write_bytes(sealed)
        (tmp_path / "out").mkdir()
        with (tmp_path / "sealed").open("rb") as stream:
            opened = unseal_to(stream, key, tmp_path / "out")
        assert opened.read_bytes() == LARGE
        assert opened.name == "confidencial.mp4"

    def test_a_sealed_file_has_its_page_beside_it_and_both_end_together(
        self, share: UploadShare, tmp_path: Path
    ) -> None:
        link = share.put(attachment(tmp_path, "a.mp4", b"content"), MemoryJournal(), quiet, Wishes(sealed=True))
        assert bool(link.page) is share.abilities.serves_pages
        if not link.page:  # who gets it opens it with the program, and there is nothing beside it
            assert self.count(share) == 1
            share.revoke(link.receipt)
            assert self.count(share) == 0
            return
        page = ask("GET", link.url.partition("#")[0])
        assert page.headers["Content-Type"].startswith("text/html")
        assert page.headers["Content-Disposition"] is None
        assert self.count(share) == 2
        share.revoke(link.receipt)
        assert self.count(share) == 0

    def test_no_secret_is_logged(self, share: UploadShare, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        journal = FallibleJournal({}, 0, after=True)
        with caplog.at_level(logging.DEBUG):
            share.put(attachment(tmp_path, "video.mp4", b"short"), journal, quiet, Wishes(sealed=True))
        assert self.secrets(share, [journal])
        assert not [secret for secret in self.secrets(share, [journal]) if secret in caplog.text]

    @pytest.mark.parametrize("fault", [FAULTS["the reply is lost"], Fault(answer=Answer(403))], ids=["lost", "refused"])
    def test_no_secret_is_in_an_error_or_its_log(
        self, proxy: FaultProxy, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
        fault: Fault,
    ) -> None:  # fmt: skip
        """From any one request on everything fails. What an error was raised from is looked into as well."""
        monkeypatch.setattr("uploader.flow.FIRST_WAIT_S", 0.0005)
        share, file, said = self.at(proxy.url), attachment(tmp_path, "video.mp4", b"short"), list[str]()
        journals = [FallibleJournal({}, 0, after=True)]
        with caplog.at_level(logging.DEBUG):
            share.put(file, journals[0], quiet, Wishes(sealed=True))
            kinds: dict[object, int] = {}
            for number, request in enumerate(proxy.requests):
                kinds.setdefault(kind_of(request), number)
            for number in kinds.values():
                journals.append(FallibleJournal({}, 0, after=True))
                proxy.next(fault, skip=number, times=None)
                try:
                    self.at(proxy.url).put(file, journals[-1], quiet, Wishes(sealed=True))
                except UploaderError as error:
                    said += traceback.format_exception(error)
                proxy.heal()
        secrets, heard = self.secrets(share, journals), "".join(said) + caplog.text
        assert said
        assert not [secret for secret in secrets if secret in heard]
