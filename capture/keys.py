"""Key names as people and Qt write them (``Ctrl+Shift+R``, ``Print``, ``Meta+F9``), read once for all systems."""

from __future__ import annotations

import re
from dataclasses import dataclass

from capture.errors import NoSuchKey

MODIFIERS = ("Ctrl", "Alt", "Shift", "Meta")
"""In the order in which they are written.

``Meta`` is the Windows or Super key. On a Mac, as in Qt, ``Ctrl`` is Command and ``Meta`` is Control.
"""

_MODIFIER_WORDS = {
    "ctrl": "Ctrl",
    "control": "Ctrl",
    "strg": "Ctrl",
    "alt": "Alt",
    "option": "Alt",
    "shift": "Shift",
    "mayús": "Shift",
    "meta": "Meta",
    "super": "Meta",
    "win": "Meta",
    "windows": "Meta",
    "cmd": "Ctrl",
    "command": "Ctrl",
}
_KEY_WORDS = {
    "print": "Print",
    "prtsc": "Print",
    "prtscn": "Print",
    "printscreen": "Print",
    "print screen": "Print",
    "impr pant": "Print",
    "sysreq": "Print",
    "esc": "Esc",
    "escape": "Esc",
    "tab": "Tab",
    "space": "Space",
    "backspace": "Backspace",
    "return": "Return",
    "enter": "Enter",
    "ins": "Ins",
    "insert": "Ins",
    "del": "Del",
    "delete": "Del",
    "home": "Home",
    "end": "End",
    "pgup": "PgUp",
    "page up": "PgUp",
    "pgdown": "PgDown",
    "page down": "PgDown",
    "left": "Left",
    "right": "Right",
    "up": "Up",
    "down": "Down",
    "pause": "Pause",
    "scrolllock": "ScrollLock",
    "scroll lock": "ScrollLock",
    "menu": "Menu",
}
NAMED_KEYS = frozenset(_KEY_WORDS.values())


@dataclass(frozen=True, slots=True)
class Key:
    """One key with its modifiers.

    ``name`` is ``A``…``Z``, ``0``…``9``, a sign, ``F1``…``F24`` or one of ``NAMED_KEYS``.
    """

    name: str
    modifiers: frozenset[str]

    def __str__(self) -> str:
        return "+".join([*(word for word in MODIFIERS if word in self.modifiers), self.name])


def parse(text: str) -> Key:
    """The key that ``text`` names; letter case and the order of modifiers do not matter.

    Raises: NoSuchKey (a ValueError) for an unknown name, no key, or two keys.
    """
    body = re.sub(r"\s*\+\s*", "+", text.strip())
    # "Ctrl++" is the plus sign with Ctrl; "Ctrl+" is unfinished.
    plus = body == "+" or body.endswith("++")
    head, _, last = (body[:-1], "+", "+") if plus else body.rpartition("+")
    modifiers = set()
    for word in filter(None, (word.strip() for word in head.split("+"))):
        if word.lower() not in _MODIFIER_WORDS:
            raise NoSuchKey("{word} is not a modifier key", word=word)
        modifiers.add(_MODIFIER_WORDS[word.lower()])
    return Key(_key_name(last.strip(), text), frozenset(modifiers))


def _key_name(word: str, text: str) -> str:
    lower = word.lower()
    if lower in _KEY_WORDS:
        return _KEY_WORDS[lower]
    if lower[:1] == "f" and lower[1:].isascii() and lower[1:].isdigit() and 1 <= int(lower[1:]) <= 24:
        return f"F{int(lower[1:])}"
    if len(word) == 1 and word.isprintable() and not word.isspace():
        upper = word.upper()
        return upper if len(upper) == 1 else word
    raise NoSuchKey("{word} is not the name of a key", word=text)
