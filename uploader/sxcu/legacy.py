"""The older words: ``$json:data.link$`` (up to ShareX 13.7.1), and lists of regular expressions told by number."""

from __future__ import annotations

import re
from collections.abc import Sequence

from uploader.sxcu.fault import SxcuFault
from uploader.sxcu.template import FUNCTIONS, escape

LAST_OLD = (13, 7, 1)
"""The last version that writes ``$…$``. Source: ShareX change log, 14.0.0."""
LAST_OLDEST = (12, 3, 1)
"""The last version whose files have RequestType, ResponseType and RegexList alone; ShareX reads them no more."""

_NAMES = "|".join(sorted(FUNCTIONS, key=len, reverse=True))
_NEW = re.compile(rf"(?<!\\)\{{(?:{_NAMES})[:}}|]", re.IGNORECASE)
_NEW_RESPONSE = re.compile(r"(?<!\\)\{response\}")
_NEW_REGEX = re.compile(r"(?<!\\)\{regex:((?:[^{}|\\]|\\.)*)(?:\|(\w+))?\}", re.DOTALL)
_OLD = re.compile(
    rf"\$(?:(?P<name>{_NAMES})(?::(?P<given>(?:[^$\\]|\\.)*))?|(?P<number>\d+)(?:[,|](?P<group>\w+))?)\$",
    re.IGNORECASE | re.DOTALL,
)


def modernise(text: str, version: tuple[int, ...] | None, regexes: Sequence[str] = ()) -> tuple[str, bool]:
    """The same words with ``{functions}``, and whether they had to be changed.

    Versions in files lie, so the words themselves decide; where they do not, the version does.
    Raises: SxcuFault when a regular expression is meant that the list does not hold.
    """
    new, old = _NEW.search(text), _has_old(text)
    current = version is not None and version > LAST_OLD
    if new and (current or not old):
        return text, False
    if old or (not current and version is not None):
        changed = _migrated(text, regexes)
        return changed, old
    return (text if current else escape(text)), False


def of_response_url(text: str) -> str:
    """The words with the address of the answer in place of its content."""
    text = _NEW_RESPONSE.sub("{responseurl}", text)
    return _NEW_REGEX.sub(lambda found: "{regex:{responseurl}|" + found[1] + "|" + (found[2] or "0") + "}", text)


def _has_old(text: str) -> bool:
    return _OLD.search(text) is not None


def _migrated(text: str, regexes: Sequence[str]) -> str:
    parts, at = [], 0
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text):
            parts.append(escape(text[at + 1]))
            at += 2
        elif found := _OLD.match(text, at):
            parts.append(_call(found, regexes))
            at = found.end()
        else:
            parts.append(escape(text[at]))
            at += 1
    return "".join(parts)


def _call(found: re.Match[str], regexes: Sequence[str]) -> str:
    name, given = (found["name"] or "regex").lower(), found["given"]
    if found["number"]:
        return _by_number(found["number"], found["group"] or "", regexes)
    if given is None:
        return "{" + name + "}"
    if name == "regex":
        number, _, group = given.replace(",", "|", 1).partition("|")
        return _by_number(number.strip(), group.strip(), regexes)
    plain = re.sub(r"\\(.)", lambda one: "\0" + one[1], given, flags=re.DOTALL)
    words = re.sub(r"\0(.)|([{}\\])", lambda one: escape(one[1] or one[2]), plain, flags=re.DOTALL)
    return "{" + name + ":" + words + "}"


def _by_number(number: str, group: str, regexes: Sequence[str]) -> str:
    if not (number.isdecimal() and 1 <= int(number[:6]) <= len(regexes)):
        raise SxcuFault("regular expression “{number}” is not in the uploader's list", number=number[:20])
    pattern = escape(regexes[int(number[:6]) - 1])
    return "{regex:" + pattern + ("|" + escape(group) if group else "") + "}"
