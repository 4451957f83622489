"""HTML of a stranger as plain text: no tag survives, nothing is loaded, and it takes time in proportion to its size."""

from __future__ import annotations

import re
from html.parser import HTMLParser

MOST_CHARACTERS = 200_000
"""What is longer is cut: nobody reads it in a small window, and the desk has all of it."""

_BREAKS = frozenset({"p", "div", "br", "tr", "li", "ul", "ol", "table", "blockquote", "pre", "hr", "section", "article",
                     "header", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "dt", "dd"})  # fmt: skip
_UNSEEN = frozenset({"script", "style", "head", "title", "template", "noscript", "iframe", "object", "svg"})


def plain_text(html: str) -> str:
    """What a reader would see. The address of a link stands behind its words when they differ."""
    reader = _Reader()
    html = re.sub(r"<!--.*?(-->|\Z)", "", html[: 8 * MOST_CHARACTERS], flags=re.DOTALL)
    reader.feed(re.sub(r"<[^<>]*\Z", "", html))  # a tag that is cut off is no text
    reader.close()
    return tidy("".join(reader.pieces))


def tidy(text: str) -> str:
    """Plain text as it may be shown: no control or direction marks, no rows of empty lines, not too long."""
    text = re.sub(r"[^\S\n]+", " ", _UNSHOWN.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    text = "\n".join(line.strip() for line in text.split("\n"))
    text = re.sub(r"\n{3,}", "\n\n", text).strip()
    return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS] + "\n…"


_UNSHOWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._unseen = 0
        self._link, self._link_began = "", 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        if tag in _BREAKS:
            self.pieces.append("\n• " if tag == "li" else "\n")
        if tag == "a":
            address = dict(attrs).get("href") or ""
            self._link = address if re.match(r"(https?|mailto):", address) else ""
            self._link_began = len(self.pieces)

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        if tag in ("td", "th"):
            self.pieces.append("  ")
        elif tag in _BREAKS and tag != "li":
            self.pieces.append("\n")
        if tag == "a" and self._link:
            words = "".join(self.pieces[self._link_began :]).strip()
            if words != self._link and self._link not in (f"mailto:{words}", f"http://{words}", f"https://{words}"):
                self.pieces.append(f" ({self._link})")
            self._link = ""

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.pieces.append(re.sub(r"\s+", " ", data))
