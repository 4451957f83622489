"""JSON as people write it by hand and Newtonsoft's reader takes it: comments, single quotes, unquoted names, commas
too many, hexadecimal numbers, any white space, several lines in one text. What follows the value is not looked at.
"""

from __future__ import annotations

import json
import re
from typing import Any

DEEPEST = 64
"""Brackets within brackets. Source: Newtonsoft.Json 13, JsonSerializerSettings.MaxDepth."""

_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "\\": "\\", '"': '"', "'": "'", "/": "/"}
_BARE = re.compile(r"[\w$]+")
_NUMBER = re.compile(r"[-+.\w]+")
_WORDS = {
    "true": True, "false": False, "null": None, "undefined": None,
    "NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf"),
}  # fmt: skip


class NotJson(ValueError):
    """The text cannot be read. ``cut``: it ends too early. Never quotes the text: it may hold secrets."""

    def __init__(self, line: int, *, cut: bool) -> None:
        super().__init__(f"line {line}")
        self.line, self.cut = line, cut


def read_lenient(text: str) -> Any:
    """The value: dict, list, str, int, float, bool or None; of a name that comes twice the last. Raises: NotJson."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _Reader(text).value(0)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def value(self, depth: int) -> Any:
        self._skip()
        first = self._peek()
        if depth > DEEPEST:
            raise self._fault()
        if first == "{":
            return self._object(depth)
        if first == "[":
            return self._list(depth)
        if first in "\"'":
            return self._string()
        found = _NUMBER.match(self._text, self._at)
        if not found:
            raise self._fault()
        value = self._word(found[0])
        self._at = found.end()
        return value

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self._at += 1
        while True:
            self._skip()
            first = self._peek()
            if first == "}":
                self._at += 1
                return found
            if first in "\"'":
                name = self._string()
            elif bare := _BARE.match(self._text, self._at):
                name = bare[0]
                self._at = bare.end()
            else:
                raise self._fault()
            self._skip()
            if self._peek() != ":":
                raise self._fault()
            self._at += 1
            found[name] = self.value(depth + 1)
            self._comma("}")

    def _list(self, depth: int) -> list[Any]:
        found: list[Any] = []
        self._at += 1
        while True:
            self._skip()
            if self._peek() == "]":
                self._at += 1
                return found
            if self._peek() == ",":  # an element left out
                self._at += 1
                found.append(None)
                continue
            found.append(self.value(depth + 1))
            self._comma("]")

    def _comma(self, end: str) -> None:
        self._skip()
        if self._peek() == ",":
            self._at += 1
        elif self._peek() != end:
            raise self._fault()

    def _string(self) -> str:
        quote, parts = self._text[self._at], []
        plain = re.compile(rf"[^{quote}\\]*")
        self._at += 1
        while True:
            run = plain.match(self._text, self._at)
            assert run is not None, "it matches nothing at least"
            parts.append(run[0])
            self._at = run.end()
            if self._peek() == quote:
                self._at += 1
                return "".join(parts)
            self._at += 1
            escaped = self._peek()
            if escaped == "u":
                digits = self._text[self._at + 1 : self._at + 5]
                if not re.fullmatch(r"[0-9a-fA-F]{4}", digits):
                    raise self._fault()
                parts.append(chr(int(digits, 16)))
                self._at += 5
            elif escaped in _ESCAPES:
                parts.append(_ESCAPES[escaped])
                self._at += 1
            else:
                raise self._fault()

    def _word(self, word: str) -> Any:
        if word in _WORDS:
            return _WORDS[word]
        try:
            if re.fullmatch(r"0[xX][0-9a-fA-F]+", word):
                return int(word, 16)
            if re.fullmatch(r"0[0-7]+", word):
                return int(word, 8)
            if re.fullmatch(r"[-+]?[0-9]{1,1000}", word):
                return int(word)
            if re.fullmatch(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?", word):
                return float(word)
        except ValueError:
            pass
        raise self._fault()

    def _skip(self) -> None:
        """White space of any kind, and comments."""
        while self._at < len(self._text):
            if self._text[self._at].isspace() or self._text[self._at] == "\ufeff":
                self._at += 1
            elif self._text.startswith("//", self._at):
                end = re.compile(r"[\r\n]|\Z").search(self._text, self._at)
                self._at = end.end() if end else len(self._text)
            elif self._text.startswith("/*", self._at):
                closed = self._text.find("*/", self._at + 2)
                self._at = closed + 2 if closed >= 0 else len(self._text)
            else:
                return

    def _peek(self) -> str:
        if self._at >= len(self._text):
            raise self._fault(cut=True)
        return self._text[self._at]

    def _fault(self, *, cut: bool = False) -> NotJson:
        return NotJson(self._text.count("\n", 0, self._at) + 1, cut=cut)


def mend(text: str) -> str:
    """The text with halves of characters joined, or replaced where the other half is missing."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def as_text(value: Any) -> str | None:
    """A plain value as .NET writes it; None for an object or a list."""
    if value is None:
        return ""
    if isinstance(value, str):
        return mend(value)
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, int) and abs(value) >= 10**1000:
        return None
    return str(value) if isinstance(value, int | float) else None
