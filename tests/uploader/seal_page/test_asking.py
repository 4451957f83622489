"""The page that opens sealed files: what it asks for, in which language, and that it asks nobody else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.uploader.browser import Browser, Shelf, serve
from tests.uploader.seal_page.steps import NO_PICKER, WORDS, put, same, say
from tests.uploader.test_seal import whole
from uploader.seal import Sealed, key_text, new_key, page, sealed_link


def test_from_disk_it_asks_for_the_file(browser: Browser, sealed: Sealed, tmp_path: Path) -> None:
    (tmp_path / "open.html").write_bytes(page())
    (tmp_path / "3f.sealed").write_bytes(whole(sealed))
    link = sealed_link((tmp_path / "open.html").as_uri(), sealed.key, (tmp_path / "3f.sealed").as_uri())
    shown = browser.open(link, before=NO_PICKER)
    say(shown, "askNamed", name="3f.sealed")
    assert "#" not in shown.run("location.href")
    assert not shown.run("document.getElementById('typing').offsetParent")
    shown.choose("#file", tmp_path / "3f.sealed")
    say(shown, "ready")
    shown.click("#save")
    assert same(browser.downloaded(), sealed)
    shown.close()


def test_without_a_fragment_it_asks_for_file_and_key_and_tells_a_slip(
    browser: Browser, shelf: Shelf, sealed: Sealed, tmp_path: Path
) -> None:
    (tmp_path / "3f.sealed").write_bytes(whole(sealed))
    shown = browser.open(f"{shelf.url}/open.html", before=NO_PICKER)
    say(shown, "askBoth")
    shown.drop(tmp_path / "3f.sealed")
    say(shown, "askKey")
    text = key_text(sealed.key)
    shown.type("#key", ("7" if text[0] != "7" else "8") + text[1:])
    shown.click("#unlock")
    say(shown, "slip")
    shown.run("document.getElementById('key').value = ''")
    shown.type("#key", text.lower().replace("-", " "))
    shown.click("#unlock")
    say(shown, "ready")
    shown.click("#save")
    assert same(browser.downloaded(), sealed)
    shown.close()


def test_the_key_may_travel_apart_from_the_link(browser: Browser, shelf: Shelf, sealed: Sealed) -> None:
    put(shelf, sealed)
    shown = browser.open(sealed_link(f"{shelf.url}/open.html", None, "x.sealed"), before=NO_PICKER)
    say(shown, "askKey")
    shown.type("#key", key_text(new_key()))
    shown.click("#unlock")
    say(shown, "wrongKey")
    shown.type("#key", key_text(sealed.key))
    shown.click("#unlock")
    say(shown, "ready")
    shown.close()


def test_another_server_that_lets_nobody_in_means_choosing_the_file(
    browser: Browser, shelf: Shelf, sealed: Sealed, tmp_path: Path
) -> None:
    for other in serve(Shelf({"x.sealed": whole(sealed)})):
        link = sealed_link(f"{shelf.url}/open.html", sealed.key, f"{other.url}/x.sealed")
        shown = browser.open(link, before=NO_PICKER)
        say(shown, "unreachable")
        (tmp_path / "d.sealed").write_bytes(whole(sealed))
        shown.choose("#file", tmp_path / "d.sealed")
        say(shown, "ready")
        shown.close()


def test_where_the_browser_does_not_decrypt_the_page_says_what_to_do(browser: Browser, shelf: Shelf) -> None:
    shown = browser.open(f"{shelf.url.replace('127.0.0.1', 'files.test')}/open.html#k=x")
    say(shown, "insecure")
    assert "#" not in shown.run("location.href")
    shown.close()


@pytest.mark.parametrize("language", ["es-MX,es;q=0.9,en;q=0.8", "en-GB", "fr,es;q=0.5", "ja"])
def test_it_speaks_the_language_of_the_browser(browser: Browser, shelf: Shelf, sealed: Sealed, language: str) -> None:
    own = "es" if "es" in language else "en"
    shown = browser.open(put(shelf, sealed), language=language)
    say(shown, "ready", own)
    assert shown.run("document.documentElement.lang") == own
    assert shown.run("document.getElementById('save').textContent") == WORDS[own]["save"]
    assert shown.run("document.getElementById('about').textContent").startswith("2,1" if own == "es" else "2.1")
    shown.close()


def test_everything_on_it_has_a_name_for_who_cannot_see(browser: Browser, shelf: Shelf) -> None:
    shown = browser.open(f"{shelf.url}/open.html")
    say(shown, "askBoth")
    nodes: list[dict[str, Any]] = shown.call("Accessibility.getFullAXTree")["nodes"]
    controls = {
        node["role"]["value"]: node["name"]["value"]
        for node in nodes
        if not node.get("ignored") and node["role"]["value"] in ("button", "textbox", "heading", "region", "status")
    }
    assert {"button", "textbox", "heading", "region"} <= controls.keys()
    assert all(name for role, name in controls.items() if role != "status")
    shown.close()


def test_the_page_loads_and_sends_nothing_by_itself(browser: Browser, shelf: Shelf) -> None:
    text = page().decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
    assert "unsafe" not in policy
    assert policy.startswith("default-src &#x27;none&#x27;;")
    assert not re.findall(r"(?:src|href)=\"(?!data:)", text)
    shown = browser.open(f"{shelf.url}/open.html")
    say(shown, "askBoth")
    assert len(shelf.asked) == 1
    assert not shown.complaints()
    shown.close()


def test_both_languages_say_the_same_things() -> None:
    script = "".join(
        (ROOT / "resources/seal" / name).read_text("utf-8") for name in ("open.js", "unseal.js", "open.html")
    )
    assert WORDS["en"].keys() == WORDS["es"].keys()
    for word, text in WORDS["en"].items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", WORDS["es"][word]))
        assert f'"{word}"' in script, word
