"""HTML of a stranger as plain text: no tag survives, nothing is loaded, and it takes time in proportion to its size.

Python's own parser takes quadratic time on tags that never end; a reply needs no more than words, breaks and links.
"""

from __future__ import annotations

import re
from html import unescape

MOST_CHARACTERS = 200_000
"""What is longer is cut: nobody reads it in a small window, and the desk has all of it."""
CUT = "\n…"
"""The end of a text that was cut."""

_NUMBER = re.compile(r"&#[xX]?[0-9a-fA-F]{9,};?")
"""Of no character. Python refuses to read those of thousands of digits."""
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_UNSEEN = re.compile(
    r"<(script|style|head|title|template|noscript|iframe|object|svg)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE
)
_TOKEN = re.compile(r"(<[^<>]*>?)")
_NAME = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_HREF = re.compile(r"""\bhref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_BREAKS = frozenset({"p", "div", "br", "tr", "ul", "ol", "table", "blockquote", "pre", "hr", "section", "article",
                     "header", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "dt", "dd"})  # fmt: skip
_UNSHOWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def plain_text(html: str) -> str:
    """What a reader would see. The address of a link stands behind its words when they differ."""
    pieces, link, began = list[str](), "", 0
    most, rest = 8 * MOST_CHARACTERS, ""
    if len(html) > most:
        html, rest = html[:most], CUT
    for part in _TOKEN.split(_UNSEEN.sub("", _COMMENT.sub("", _NUMBER.sub("", html)))):
        tag = _NAME.match(part)
        if not tag:
            if not part.startswith(("<!", "<?")):
                pieces.append(re.sub(r"\s+", " ", unescape(part)))
            continue
        closes, name = bool(tag[1]), tag[2].lower()
        if name == "a":
            if link and (words := "".join(pieces[began:]).strip()) and not _says(words, link):
                pieces.append(f" ({link})")
            href = None if closes else _HREF.search(part)
            address = unescape(next(filter(None, href.groups()), "")) if href else ""
            link, began = address if re.match(r"(https?|mailto):", address) else "", len(pieces)
        elif name == "li" and not closes:
            pieces.append("\n• ")
        elif name in ("td", "th") and closes:
            pieces.append("  ")
        elif name in _BREAKS:
            pieces.append("\n")
    return tidy("".join(pieces) + rest)


def tidy(text: str) -> str:
    """Plain text as it may be shown: no control or direction marks, no rows of empty lines, not too long."""
    text = re.sub(r"[^\S\n]+", " ", _UNSHOWN.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    text = "\n".join(line.strip() for line in text.split("\n"))
    text = re.sub(r"\n{3,}", "\n\n", text).strip()
    return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS] + CUT


def _says(words: str, link: str) -> bool:
    return link in (words, f"mailto:{words}", f"http://{words}", f"https://{words}")
