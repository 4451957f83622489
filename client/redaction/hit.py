"""What every layer of the redaction shares: a hit, the form of pseudonyms, compiled RE2 patterns.

Layers work on UTF-8 bytes: RE2 does, and so no offsets have to be translated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

PSEUDONYM = re.compile(
    r"\[(?:password|token|key|cookie|secret|card|iban|phone|home|hidden)\]"
    r"|\b(?:user|name|host|domain|mail|mac)-[1-9]\d{0,6}\b"
    r"|\bip-[0-9a-f]{2,8}\.\d{1,3}\b"
    r"|\bip6-[0-9a-f]{2,8}\.\d{1,6}\b"
)
"""Everything that a ``Redactor`` puts in the place of something: for tinting a text in a review."""

PSEUDONYM_BYTES = re.compile(PSEUDONYM.pattern.encode())

PLACEHOLDER = re.compile(rb"\[(?:password|token|key|cookie|secret|hidden)\]")
"""What stands where a secret was. A value that begins so was seen to already."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Bytes ``start`` to ``end`` must not stay. ``shown`` replaces them; without it, a pseudonym of ``value``."""

    start: int
    end: int
    kind: str
    shown: bytes = b""
    value: str = ""


def words_of(text: str) -> frozenset[str]:
    """The words of a list that reads better as a paragraph."""
    return frozenset(text.split())


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Any:
    """The RE2 expression, which takes linear time on any text."""
    import re2

    return re2.compile(pattern)


def replaced(text: bytes, hits: list[tuple[int, int, bytes]]) -> bytes:
    """The text with every (start, end, replacement), in order, done. The later of two that overlap is dropped."""
    parts: list[bytes] = []
    at = 0
    for start, end, shown in hits:
        if start < at:
            continue
        parts += (text[at:start], shown)
        at = end
    parts.append(text[at:])
    return b"".join(parts)
