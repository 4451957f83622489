"""The sections under review, and what was done to them; each change can be taken back. No Qt here."""

from __future__ import annotations

import dataclasses
import re
from itertools import accumulate

from client.redaction import PSEUDONYM
from client.report import Section
from client.words import say, say_n, size

HIDDEN = "[hidden]"
"""What stands in the text instead of words the user hid."""

_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029\ufdd0\ufdd1]")
"""What a text view shows as a new line, or swallows."""

State = tuple[tuple[Section, bool], ...]


class Reviewed:
    """Sections and whether each is kept. What it shows of a kept one is byte for byte what leaves."""

    def __init__(self, sections: tuple[Section, ...]) -> None:
        self._now: State = tuple((_showable(section), bool(section.text)) for section in sections)
        self._past: list[State] = []

    def shown(self) -> State:
        return self._now

    def sections(self) -> tuple[Section, ...]:
        """As they leave: what was taken out keeps its title, has no text, and says so."""
        return tuple(section if kept else _taken_out(section) for section, kept in self._now)

    @property
    def can_undo(self) -> bool:
        return bool(self._past)

    def undo(self) -> bool:
        if not self._past:
            return False
        self._now = self._past.pop()
        return True

    def keep(self, number: int, wanted: bool) -> None:
        """Keeps this section or takes it out; one without a text cannot be kept."""
        section, kept = self._now[number]
        wanted = wanted and bool(section.text)
        if wanted != kept:
            self._change(number, section, kept=wanted)

    def cut(self, number: int, first: int, last: int) -> bool:
        """Takes these lines, counted from 0, out of a kept section."""
        section, kept = self._now[number]
        if not kept:
            return False
        lines = section.text.split("\n")
        del lines[first : last + 1]
        text = "\n".join(lines)
        text = text if text.strip() else ""
        self._change(number, dataclasses.replace(section, text=text), kept=bool(text))
        return True

    def hide(self, word: str) -> int:
        """Puts ``[hidden]`` in place of ``word`` in every section; how often. Pseudonyms are hidden whole or not."""
        count, changed = 0, []
        for section, kept in self._now:
            text, times = _without(section.text, word)
            count += times
            changed.append((dataclasses.replace(section, text=text, hidden=section.hidden + times), kept))
        if count:
            self._past.append(self._now)
            self._now = tuple(changed)
        return count

    def _change(self, number: int, section: Section, *, kept: bool) -> None:
        self._past.append(self._now)
        self._now = (*self._now[:number], (section, kept), *self._now[number + 1 :])


def tally(sections: tuple[Section, ...]) -> str:
    """How many of these were collected, and the size of all that leaves. Why one was not collected is no section."""
    count = sum(bool(section.text) and section.status in ("ok", "partial") for section in sections)
    total = size(sum(len(section.text.encode()) for section in sections))
    return say_n("{n} section, {total}", "{n} sections, {total}", count, total=total)


def text_of(sections: tuple[Section, ...]) -> str:
    """What leaves, as one text for a person."""
    return "\n\n".join(f"== {section.title} ==\n{section.text}" for section in sections if section.text)


def whole_words(text: str, start: int, end: int) -> str:
    """The selection (in UTF-16 units, as Qt counts), grown so that it cuts no pseudonym."""
    units = [0, *accumulate(2 if ord(sign) > 0xFFFF else 1 for sign in text)]
    first, last = units.index(start), units.index(end)
    for found in PSEUDONYM.finditer(text):
        if found.start() < last and first < found.end():
            first, last = min(first, found.start()), max(last, found.end())
    return text[first:last]


def _without(text: str, word: str) -> tuple[str, int]:
    if not word.strip() or word not in text:
        return text, 0
    names = [found.span() for found in PSEUDONYM.finditer(text)]
    parts, at, count = [], 0, 0
    for found in re.finditer(re.escape(word), text):
        start, end = found.span()
        cuts = any(a < end and start < b and not (start <= a and b <= end) for a, b in names)
        if not cuts and word != HIDDEN:
            parts += [text[at:start], HIDDEN]
            at, count = end, count + 1
    return "".join([*parts, text[at:]]), count


def _showable(section: Section) -> Section:
    """Signs that a text view would show as others are made those others, so that both agree."""
    text = _BREAKS.sub("\n", section.text).replace("\xa0", " ").replace("\0", "\ufffd")
    text = text.encode("utf-8", "replace").decode("utf-8")
    return section if text == section.text else dataclasses.replace(section, text=text)


def _taken_out(section: Section) -> Section:
    if not section.text and section.status not in ("ok", "partial"):
        return section
    note = say("taken out by the user")
    return dataclasses.replace(section, text="", status="skipped", note=note, hidden=0)
