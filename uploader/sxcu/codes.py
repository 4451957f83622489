"""ShareX's name codes: ``%y`` is the year, ``%ra{8}`` eight random letters and digits.

Windows and pictures are not known when a file is shared, so their codes (``%t %pn %width %height``) give nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

_DIGITS, _HEX = "0123456789", "0123456789abcdef"
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CLEAR = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_FACES = "😀😎🐦🌵🚀🎈🍀🐢🌈🎲🦊🍉"
MOST_COUNT = 1000
"""Of what one code is asked for."""
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Moment:
    """What codes can know. ``pick`` draws one of n."""

    at: datetime
    pick: Callable[[int], int]


def expand(text: str, moment: Moment) -> str:
    """``text`` with all codes filled in; what is no code stays."""
    return _CODE.sub(lambda found: _result(found, moment), text) if "%" in text else text


def codes_in(text: str) -> set[str]:
    """The codes that stand in ``text``, without the ``%``."""
    return {found[1] for found in _CODE.finditer(text)}


def _result(found: re.Match[str], moment: Moment) -> str:
    count = min(int((found[2] or "0")[:6]), MOST_COUNT)
    given = _CODES[found[1]](moment, count)
    return given.zfill(count) if found[1] in _COUNTERS else given


def _drawn(letters: str) -> Callable[[Moment, int], str]:
    return lambda moment, count: "".join(letters[moment.pick(len(letters))] for _ in range(count or 1))


def _guid(moment: Moment, count: int) -> str:
    digits = "".join(_HEX[moment.pick(16)] for _ in range(32))
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _user(moment: Moment, count: int) -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def _computer(moment: Moment, count: int) -> str:
    import platform

    return platform.node()


def _counter(moment: Moment, count: int) -> str:
    """ShareX counts uploads; seconds since 1970 grow as well, and no two uploads of one person share one."""
    return str(int(moment.at.timestamp()))


def _nothing(moment: Moment, count: int) -> str:
    return ""


_CODES: dict[str, Callable[[Moment, int], str]] = {
    "y": lambda moment, n: f"{moment.at:%Y}",
    "yy": lambda moment, n: f"{moment.at:%y}",
    "mo": lambda moment, n: f"{moment.at:%m}",
    "mon": lambda moment, n: _MONTHS[moment.at.month - 1],
    "mon2": lambda moment, n: _MONTHS[moment.at.month - 1],
    "w": lambda moment, n: _DAYS[moment.at.weekday()],
    "w2": lambda moment, n: _DAYS[moment.at.weekday()],
    "wy": lambda moment, n: str(moment.at.isocalendar().week),
    "d": lambda moment, n: f"{moment.at:%d}",
    "h": lambda moment, n: f"{moment.at:%H}",
    "mi": lambda moment, n: f"{moment.at:%M}",
    "s": lambda moment, n: f"{moment.at:%S}",
    "ms": lambda moment, n: f"{moment.at.microsecond // 1000:03}",
    "pm": lambda moment, n: "AM" if moment.at.hour < 12 else "PM",
    "unix": _counter,
    "i": _counter, "ia": _counter, "iAa": _counter, "ib": _counter, "iB": _counter, "ix": _counter, "iX": _counter,
    "rn": _drawn(_DIGITS), "ra": _drawn(_LETTERS), "rna": _drawn(_CLEAR),
    "rx": _drawn(_HEX), "rX": _drawn(_HEX.upper()), "remoji": _drawn(_FACES), "rf": _nothing,
    "guid": _guid, "GUID": lambda moment, n: _guid(moment, n).upper(),
    "un": _user, "uln": _user, "cn": _computer,
    "t": _nothing, "pn": _nothing, "width": _nothing, "height": _nothing,
    "n": lambda moment, n: "\n",
}  # fmt: skip
_COUNTERS = {"i", "ia", "iAa", "ib", "iB", "ix", "iX"}
PERSONAL = frozenset({"un", "uln", "cn"})
"""They tell who and where the user is."""
_CODE = re.compile("%(" + "|".join(sorted(_CODES, key=len, reverse=True)) + r")(?:\\?\{(\d+)\\?\})?")
