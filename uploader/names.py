"""File names as servers, browsers and other systems can take them, whatever the user called the file."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

MOST_BYTES = 150
"""Of a name in UTF-8. File systems take 255; key, folder and ``.part`` need room too."""

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\.|$)", re.IGNORECASE)
_FORBIDDEN = '<>:"/\\|?*'


def clean_name(name: str) -> str:
    """One harmless file name: no path, no control or direction marks, no name that a system reserves, not too long.

    Never empty, and the same when it is cleaned again. Letters of every script stay.
    """
    name = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())
    name = "".join(c for c in name if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
    name = "".join("_" if c in _FORBIDDEN else " " if c.isspace() else c for c in name).strip(" .")
    if _RESERVED.match(name):
        name = "_" + name
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix) > 12:
        stem, dot, suffix = name, "", ""
    room = MOST_BYTES - len((dot + suffix).encode())
    stem = stem.encode()[:room].decode(errors="ignore").rstrip(" .")
    return (stem or "file") + dot + suffix


def ascii_name(name: str) -> str:
    """The same name for what only knows ASCII: accents fall off, the rest becomes ``_``.

    Cleaned once more, for ``‥`` becomes two dots and wide letters may spell a name that a system reserves.
    """
    plain = unicodedata.normalize("NFKD", clean_name(name))
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return clean_name(re.sub(r"[^A-Za-z0-9._ ()-]", "_", plain))


def disposition(name: str) -> str:
    """``Content-Disposition`` that makes a browser save the file under its name, never show it. Source: RFC 6266."""
    return f"attachment; filename=\"{ascii_name(name)}\"; filename*=UTF-8''{quote(clean_name(name), safe='')}"
