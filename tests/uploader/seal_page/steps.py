"""What the tests of the page that opens sealed files say to it and hear from it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import ROOT
from tests.uploader.browser import Page, Shelf
from tests.uploader.test_seal import whole
from uploader.seal import Sealed, sealed_link

WORDS: dict[str, dict[str, str]] = json.loads((ROOT / "resources/seal/words.json").read_text("utf-8"))
SAY = WORDS["en"]
NO_PICKER = "delete window.showSaveFilePicker;"
NO_PLACE = NO_PICKER + "Object.defineProperty(navigator, 'storage', {value: {}});"
PICKER = """window.showSaveFilePicker = async ({suggestedName}) => {
  if (!navigator.userActivation.isActive) throw new DOMException("no click", "SecurityError");
  window.suggested = suggestedName;
  return window.picked = await (await navigator.storage.getDirectory()).getFileHandle("picked", {create: true});
};"""
"""Chromium's own dialog needs a person; this one gives a real file all the same."""
HURRY = """const later = window.setTimeout.bind(window);
  window.setTimeout = (act, ms) => later(act, ms / 50);"""
"""A minute of silence is a second, and so are half a minute's tries."""
KEPT = """(async () => { const sizes = async (folder) => { const found = [];
  for await (const place of folder.values()) {
    if (place.kind === "directory") found.push(...await sizes(place));
    else await place.getFile().then((file) => found.push(file.size), () => {});  // swept just now
  }
  return found; }; return sizes(await navigator.storage.getDirectory()); })()"""
"""The sizes of what lies in the page's private place."""


def put(shelf: Shelf, sealed: Sealed, content: bytes | Sealed | None = None, key: bytes | None = None) -> str:
    shelf.files["x.sealed"] = whole(sealed) if content is None else content
    return sealed_link(f"{shelf.url}/open.html", key or sealed.key, f"{shelf.url}/x.sealed")


def say(page: Page, word: str, language: str = "en", **gaps: str) -> None:
    """Waits until the page says so."""
    text = WORDS[language][word].format(**gaps)
    page.wait(f"document.getElementById('told')?.textContent === {json.dumps(text)}")


def same(path: Path, sealed: Sealed) -> bool:
    return path.read_bytes() == sealed.file.path.read_bytes()
