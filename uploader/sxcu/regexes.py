"""Regular expressions as .NET means them, with an end: a bound for what one unfolds to, a second for the search."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from uploader.sxcu.fault import SxcuFault

if TYPE_CHECKING:
    from regex import Pattern

MOST_S = 1.0
MOST_CHARACTERS = 4096
MOST_REPEATS = 20_000
"""All counted repeats of a pattern multiplied: ``((a{1000}){1000}){1000}`` would take all memory to compile."""

_COUNTED = re.compile(r"\{(\d*)(?:,(\d*))?\}")


def find(text: str, pattern: str, group: str) -> str:
    """What ``group`` (a number, a name, or empty for all) holds of the first match; empty without one.

    Raises: SxcuFault when the pattern or the group cannot be, or it takes too long.
    """
    compiled = _compile(pattern)
    number = _number(compiled, group)
    found = _search(compiled, text)
    return (found[number] or "") if found else ""


def matches(pattern: str, text: str) -> bool:
    """Raises: SxcuFault."""
    return _search(_compile(pattern), text) is not None


def check_pattern(pattern: str, group: str) -> None:
    """Raises: SxcuFault when the pattern is none, or has no such group."""
    _number(_compile(pattern), group)


def _search(compiled: Pattern[str], text: str) -> Any:
    try:
        return compiled.search(text, timeout=MOST_S)
    except TimeoutError as error:
        raise SxcuFault("the uploader's regular expression takes too long on this answer") from error


@lru_cache(maxsize=64)
def _compile(pattern: str) -> Pattern[str]:
    import regex

    repeats = 1
    for least, most in _COUNTED.findall(pattern):
        repeats *= max(int(least[:9] or 0), int(most[:9] or 0), 1)
    if len(pattern) > MOST_CHARACTERS or repeats > MOST_REPEATS:
        raise SxcuFault("the uploader's regular expression is too large")
    try:
        return regex.compile(_translated(pattern))
    except (regex.error, ValueError, OverflowError, RecursionError, KeyError, IndexError, TypeError) as error:
        raise SxcuFault("the uploader's regular expression cannot be read") from error


def _translated(pattern: str) -> str:
    """What .NET writes differently: ``(?'name'…)`` and ``[a-z-[aeiou]]``."""
    pattern = re.sub(r"\(\?'(\w+)'", r"(?<\1>", pattern)
    if re.search(r"-\[[^\]]*\]\]", pattern):
        return "(?V1)" + re.sub(r"-(\[[^\]]*\]\])", r"--\1", pattern)
    return pattern


def _number(compiled: Pattern[str], group: str) -> int:
    """The group's number in our counting; .NET counts those without a name first."""
    if not group:
        return 0
    named = compiled.groupindex
    if group in named:
        return int(named[group])
    order: list[int] = [n for n in range(1, compiled.groups + 1) if n not in named.values()] + sorted(named.values())
    if group.isdecimal() and int(group[:9]) <= len(order):
        return ([0, *order])[int(group[:9])]
    raise SxcuFault("the uploader's regular expression has no group “{group}”", group=group[:40])
