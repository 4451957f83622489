"""A share that waits for a person: what it asks for, what it takes, and that it is asked once."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.uploader.desk_suite import FallibleJournal, Killed, attachment
from uploader.errors import InvalidField, PasteLink
from uploader.journal import MemoryJournal
from uploader.setting import build
from uploader.shares.paste import Paste, accept
from uploader.ticket import quiet

LINK = "https://we.tl/t-AbC123dEf?x=%20#part"


def test_it_names_the_page_until_a_link_was_pasted(tmp_path: Path) -> None:
    share, file, journal = (
        build(Paste, {"url": "https://portal.example.org/up"}),
        attachment(tmp_path, "v.mp4", b"x"),
        MemoryJournal(),
    )
    for _ in range(2):
        with pytest.raises(PasteLink) as asked:
            share.put(file, journal, quiet)
        assert asked.value.url == "https://portal.example.org/up"
        assert asked.value.code == "paste_link"
        assert "v.mp4" in str(asked.value)
    share.paste(file, journal, f"  {LINK}\n")
    link = share.put(file, journal, quiet)
    assert (link.url, link.sha256, link.expires_at, link.ended_by) == (LINK, file.sha256, None, "")


def test_each_file_has_its_own_link_and_a_later_one_counts(tmp_path: Path) -> None:
    share, journal = Paste(), MemoryJournal()
    one, two = (attachment(tmp_path, name, name.encode()) for name in ("one.mp4", "two.mp4"))
    share.paste(one, journal, "https://we.tl/wrong")
    share.paste(one, journal, LINK)
    assert share.put(one, journal, quiet).url == LINK
    with pytest.raises(PasteLink):
        share.put(two, journal, quiet)
    share.abandon(one, journal)
    with pytest.raises(PasteLink):
        share.put(one, journal, quiet)


def test_a_pasted_link_outlives_a_kill(tmp_path: Path) -> None:
    share, file, journal = Paste(), attachment(tmp_path, "v.mp4", b"x"), FallibleJournal({}, 1, after=True)
    with pytest.raises(Killed):
        share.paste(file, journal, LINK)
    assert share.put(file, FallibleJournal(journal.kept, 0, after=True), quiet).url == LINK


def test_nothing_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", None)
    share, file, journal = Paste(), attachment(tmp_path, "v.mp4", b"x"), MemoryJournal()
    share.check()
    share.paste(file, journal, LINK)
    share.put(file, journal, quiet)


@pytest.mark.parametrize("text", [
    "http://files.example.org/a", "https://[2001:db8::1]:8443/a", "HTTPS://example.org", "https://ñandú.example/ñ",
    "https://example.org/" + "x" * 2028,
])  # fmt: skip
def test_a_link_is_taken_as_it_is(text: str) -> None:
    assert accept(text).url == text


@pytest.mark.parametrize("text", [
    "", "we.tl/t-abc", "ftp://example.org/a", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd",
    "https://", "https:///path", "https://example.org/a b", "https://example.org/a\r\nX-Evil: 1",
    "https://example.org/\u202egpj", "https://example.org/\x00", "https://user:secret@example.org/a",
    "https://example.org:port/a", "https://[half", "https://example.org/" + "x" * 2029,
])  # fmt: skip
def test_what_is_no_harmless_link_is_refused(text: str) -> None:
    with pytest.raises(InvalidField) as refused:
        accept(text)
    assert "secret" not in str(refused.value)


def test_a_page_that_is_no_web_address_is_named() -> None:
    with pytest.raises(InvalidField) as refused:
        Paste(url="wetransfer.com").check()
    assert refused.value.name == "url"
