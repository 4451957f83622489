"""Secrets and personal data out of any text, with readable pseudonyms in their place.

``Redactor(own_identity()).redact(text)`` goes through these layers, again and again until nothing changes:
keys of many lines; what stands after a name that says secret; tokens known by their form; e-mail addresses; the names
of this person and machine; accounts, addresses, phones; long random runs; the words the user chose.
"""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from dataclasses import dataclass, field

from client.redaction import personal, structure, tokens
from client.redaction.hit import PSEUDONYM, Hit, replaced
from client.redaction.identity import Identity, Names, find_homes, own_identity
from client.redaction.pseudonyms import Pseudonyms

__all__ = ["PSEUDONYM", "Identity", "Redacted", "Redactor", "find_secrets", "own_identity"]

_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Redacted:
    """The text as it may leave, and how many things of each kind were hidden in it. Never the things."""

    text: str
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def hidden(self) -> int:
        return sum(self.counts.values())


class Redactor:
    """Hides in any number of texts what must not leave; the same value gets the same pseudonym in all of them.

    ``key`` makes the letters of subnets repeatable; without it they are drawn by lot. Any thread may call.
    """

    def __init__(self, identity: Identity, key: bytes | None = None) -> None:
        self._names = Names(identity)
        self._pseudonyms = Pseudonyms(key or secrets.token_bytes(32))
        self._lock = threading.Lock()
        for kind, value in self._names.known():
            self._pseudonyms.name(kind, value)

    def redact(self, text: str) -> Redacted:
        """The text without secrets and personal data. What is redacted already stays as it is."""
        counts: Counter[str] = Counter()
        raw = text.encode("utf-8", "replace")
        with self._lock:
            for _ in range(_ROUNDS):
                before = raw
                raw = self._round(raw, counts)
                if raw == before:
                    break
        return Redacted(raw.decode("utf-8", "replace"), dict(sorted(counts.items())))

    def hide_word(self, word: str) -> None:
        """From now on this text is hidden wherever it stands. Texts redacted before must be redacted again."""
        with self._lock:
            self._names.hide(word)

    def _round(self, text: bytes, counts: Counter[str]) -> bytes:
        text = _without_secrets(text, counts)
        text = self._replace(text, personal.find_mails(text), counts)
        text = self._replace(text, self._names.find_own(text), counts)
        text = self._replace(text, find_homes(text), counts)
        for find in personal.LAYERS:
            text = self._replace(text, find(text), counts)
        text = self._replace(text, personal.find_random(text), counts)
        return self._replace(text, self._names.find_hidden(text), counts)

    def _replace(self, text: bytes, hits: list[Hit], counts: Counter[str]) -> bytes:
        done = []
        for hit in hits:
            counts[hit.kind] += 1
            done.append((hit.start, hit.end, hit.shown or self._pseudonyms.name(hit.kind, hit.value).encode()))
        return replaced(text, done) if done else text


def find_secrets(text: str) -> dict[str, int]:
    """How many secrets of each kind, personal data aside, are still in a text. After ``redact`` there are none."""
    counts: Counter[str] = Counter()
    _without_secrets(text.encode("utf-8", "replace"), counts)
    return dict(sorted(counts.items()))


def _without_secrets(text: bytes, counts: Counter[str]) -> bytes:
    """Each layer reads what the one before it left."""
    for find in (*tokens.LAYERS, *structure.LAYERS, tokens.find_tokens):
        hits = find(text)
        if hits:
            counts.update(hit.kind for hit in hits)
            text = replaced(text, [(hit.start, hit.end, hit.shown) for hit in hits])
    return text
