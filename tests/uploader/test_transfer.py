"""Whether a file is the one of an earlier run, on systems that know when it last changed and on those that do not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.servers.asking import ask
from tests.servers.dropbox import DropboxServer
from tests.uploader.desk_suite import FallibleJournal, Killed
from tests.uploader.upload_suite import LARGE, PIECE, small_and_quick
from uploader.errors import FileChanged
from uploader.journal import MemoryJournal
from uploader.seal import unseal_to
from uploader.seal_page import read_sealed_link
from uploader.setting import Secret
from uploader.shares.dropbox import Dropbox
from uploader.source import Identity, identify
from uploader.ticket import Attachment, Wishes, quiet

__all__ = ["small_and_quick"]
OTHER = LARGE[::-1]


@pytest.fixture
def server() -> Iterator[DropboxServer]:
    server = DropboxServer()
    yield server
    server.stop()


@pytest.fixture
def share(server: DropboxServer) -> Dropbox:
    return Dropbox(app_key="client-1", refresh_token=Secret(server.provider.sign_in()), api=server.url,
                   content=server.url, authorize_url=f"{server.url}/authorize")  # fmt: skip


@pytest.fixture(params=["with a change time", "without one"])
def _system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(path: Path, name: str) -> Identity:
        return replace(identify(path, name), ctime_ns=0)

    if request.param == "without one":
        monkeypatch.setattr("uploader.transfer.identify", without)


@pytest.fixture
def file(tmp_path: Path) -> Attachment:
    """One that nobody has hashed, as the command line shares it."""
    path = tmp_path / "video.mp4"
    path.write_bytes(LARGE)
    return Attachment("video.mp4", path, len(LARGE), "video/mp4", "")


def overwrite(file: Attachment, content: bytes) -> None:
    """As a program does that sets the time back: the same size, place and time."""
    about = file.path.stat()
    file.path.write_bytes(content)
    os.utime(file.path, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert replace(identify(file.path, ""), ctime_ns=0) == Identity(about.st_size, about.st_mtime_ns, about.st_ino)


def die_midway(share: Dropbox, file: Attachment, wishes: Wishes) -> FallibleJournal:
    journal = FallibleJournal({}, 0, after=True)

    def die(done: int, total: int) -> None:
        if done > PIECE * 3 // 2:
            raise Killed

    with pytest.raises(Killed):
        share.put(file, journal, die, wishes)
    return FallibleJournal(journal.kept, 0, after=True)


@pytest.mark.usefixtures("_system")
@pytest.mark.parametrize("sealed", [False, True])
def test_what_became_another_file_between_two_runs_is_sent_anew(
    share: Dropbox, file: Attachment, tmp_path: Path, sealed: bool
) -> None:
    journal = die_midway(share, file, Wishes(sealed=sealed))
    overwrite(file, OTHER)
    link = share.put(file, journal, quiet, Wishes(sealed=sealed))
    assert link.resumed_from_bytes == 0
    assert read(link.url, tmp_path, sealed) == OTHER


@pytest.mark.usefixtures("_system")
@pytest.mark.parametrize("sealed", [False, True])
def test_what_is_the_same_file_is_gone_on_with(share: Dropbox, file: Attachment, tmp_path: Path, sealed: bool) -> None:
    journal = die_midway(share, file, Wishes(sealed=sealed))
    link = share.put(file, journal, quiet, Wishes(sealed=sealed))
    assert link.resumed_from_bytes > 0
    assert read(link.url, tmp_path, sealed) == LARGE


@pytest.mark.usefixtures("_system")
def test_a_link_that_was_made_is_not_the_link_of_another_file(share: Dropbox, file: Attachment, tmp_path: Path) -> None:
    journal = MemoryJournal()
    old = share.put(file, journal, quiet)
    assert share.put(file, journal, quiet) == old
    overwrite(file, OTHER)
    new = share.put(file, journal, quiet)
    assert new.url != old.url
    assert read(new.url, tmp_path, sealed=False) == OTHER


@pytest.mark.usefixtures("_system")
@pytest.mark.parametrize("sealed", [False, True])
def test_what_changes_while_it_is_sent_is_refused_and_its_key_never_used_again(
    share: Dropbox, server: DropboxServer, file: Attachment, tmp_path: Path, sealed: bool
) -> None:
    journal, wishes = FallibleJournal({}, 0, after=True), Wishes(sealed=sealed)
    changed = iter([True])

    def change(done: int, total: int) -> None:
        if done > PIECE and next(changed, False):
            with file.path.open("r+b") as lines:  # never shorter, not even for a moment
                lines.write(OTHER)

    with pytest.raises(FileChanged):
        share.put(file, journal, change, wishes)
    assert not journal.kept
    assert not server.files
    link = share.put(file, journal, quiet, wishes)
    assert read(link.url, tmp_path, sealed) == OTHER


def read(url: str, folder: Path, sealed: bool) -> bytes:
    if not sealed:
        return ask("GET", url).body
    place, key = read_sealed_link(url)
    return unseal_to(iter([ask("GET", place or "").body]), key or b"", folder).read_bytes()
