"""The page that opens sealed files, with files that are not what was sent and lines that break: one sentence each."""

from __future__ import annotations

import dataclasses

import pytest

from tests.uploader.browser import Browser, Shelf
from tests.uploader.seal_page.steps import HURRY, KEPT, NO_PICKER, PICKER, put, same, say
from tests.uploader.test_seal import BEFORE, MIB, RECORD, whole
from uploader.seal import Sealed, new_key


def spoil(text: bytes, at: int) -> bytes:
    spoiled = bytearray(text)
    spoiled[at] ^= 1
    return bytes(spoiled)


def refuses(browser: Browser, link: str, word: str, before: str = NO_PICKER, *, late: bool = False) -> None:
    """One clear sentence, and nothing is left: neither a download nor a file of the page's own."""
    shown = browser.open(link, before=before)
    if late:
        shown.click("#save")
    say(shown, word)
    shown.wait(f"{KEPT}.then((found) => found.length === 0)")
    assert not list(browser.downloads.iterdir())
    shown.close()


def test_a_wrong_key_is_refused(browser: Browser, shelf: Shelf, sealed: Sealed) -> None:
    refuses(browser, put(shelf, sealed, key=new_key()), "wrongKey")


@pytest.mark.parametrize("before", [NO_PICKER, PICKER], ids=["private place", "picker"])
@pytest.mark.parametrize("at", [BEFORE, BEFORE + RECORD + 9, -1])
def test_a_damaged_file_is_refused(browser: Browser, shelf: Shelf, sealed: Sealed, at: int, before: str) -> None:
    refuses(browser, put(shelf, sealed, spoil(whole(sealed), at)), "damaged", before, late=True)


def test_a_damaged_beginning_is_refused_at_once(browser: Browser, shelf: Shelf, sealed: Sealed) -> None:
    refuses(browser, put(shelf, sealed, spoil(whole(sealed), 100)), "damaged")


def test_an_older_file_of_that_name_outlives_a_refusal(browser: Browser, shelf: Shelf, sealed: Sealed) -> None:
    older = """const write = async () => {
      const place = await (await navigator.storage.getDirectory()).getFileHandle("picked", {create: true});
      const file = await place.createWritable(); await file.write("older"); await file.close(); };
      window.older = write();"""
    link = put(shelf, sealed, spoil(whole(sealed), -1))
    shown = browser.open(link, before=PICKER + older)
    shown.click("#save")
    say(shown, "damaged")
    assert shown.run("picked.getFile().then((f) => f.text())") == "older"
    shown.close()


@pytest.mark.parametrize("kept", [20, 2000, BEFORE + 5, BEFORE + RECORD, BEFORE + 2 * RECORD, -1])
def test_a_cut_file_is_refused_before_anything_is_saved(
    browser: Browser, shelf: Shelf, sealed: Sealed, kept: int
) -> None:
    refuses(browser, put(shelf, sealed, whole(sealed)[:kept]), "cut")


@pytest.mark.parametrize("kept", [BEFORE, BEFORE + RECORD, BEFORE + 2 * RECORD, -1])
def test_a_cut_file_of_unknown_length_is_refused_too(browser: Browser, shelf: Shelf, sealed: Sealed, kept: int) -> None:
    shelf.length = False
    refuses(browser, put(shelf, sealed, whole(sealed)[:kept]), "cut", late=True)


def test_a_longer_file_is_refused(browser: Browser, shelf: Shelf, sealed: Sealed) -> None:
    refuses(browser, put(shelf, sealed, whole(sealed) + b"x"), "long")
    shelf.length = False
    refuses(browser, put(shelf, sealed, whole(sealed) + b"x"), "long", late=True)


def test_records_that_changed_places_are_refused(browser: Browser, shelf: Shelf, sealed: Sealed) -> None:
    text = whole(sealed)
    first, second = text[BEFORE : BEFORE + RECORD], text[BEFORE + RECORD : BEFORE + 2 * RECORD]
    refuses(
        browser, put(shelf, sealed, text[:BEFORE] + second + first + text[BEFORE + 2 * RECORD :]), "damaged", late=True
    )


def test_a_file_that_changed_while_it_was_sent_is_refused(browser: Browser, shelf: Shelf, sealed: Sealed) -> None:
    told = dataclasses.replace(sealed, file=dataclasses.replace(sealed.file, sha256="0" * 64))
    refuses(browser, put(shelf, told), "changed", late=True)


def test_what_is_not_sealed_or_gone_is_told(browser: Browser, shelf: Shelf, sealed: Sealed) -> None:
    refuses(browser, put(shelf, sealed, b"<!doctype html>Sign in" * 1000), "notSealed")
    refuses(browser, put(shelf, sealed, b"TESTIGO\x02" + whole(sealed)[8:]), "newer")
    link = put(shelf, sealed)
    shelf.files.pop("x.sealed")
    refuses(browser, link, "gone")


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
def test_a_lost_connection_is_taken_up_again(browser: Browser, shelf: Shelf, sealed: Sealed, ranges: bool) -> None:
    shelf.ranges = ranges
    shelf.lost_after_bytes = [BEFORE + 700_000, 600_000, BEFORE + 2 * MIB]
    shown = browser.open(put(shelf, sealed), before=NO_PICKER + HURRY)
    shown.click("#save")
    assert same(browser.downloaded(), sealed)
    spans = [span for path, span in shelf.asked if "x.sealed" in path]
    assert len(spans) > 2
    assert any(spans)
    shown.close()


def test_a_connection_that_falls_silent_is_given_up_and_taken_up_again(
    browser: Browser, shelf: Shelf, sealed: Sealed
) -> None:
    shelf.hangs, shelf.lost_after_bytes = True, [BEFORE + 700_000]
    shown = browser.open(put(shelf, sealed), before=NO_PICKER + HURRY)
    shown.click("#save")
    assert same(browser.downloaded(), sealed)
    shown.close()


def test_after_a_few_tries_a_lost_connection_is_told(browser: Browser, shelf: Shelf, sealed: Sealed) -> None:
    shelf.hangs, shelf.lost_after_bytes = True, [BEFORE + 700_000] + [0] * 20
    link = put(shelf, sealed)
    refuses(browser, link, "lost", NO_PICKER + HURRY, late=True)
    assert 3 < len(shelf.asked) < 10
