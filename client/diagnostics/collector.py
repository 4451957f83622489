"""The nouns of the collection: what a collector is, what it may know, what it gives; and how its text is laid out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from capture.image import Monitor

Status = Literal["ok", "partial", "timeout", "denied", "absent", "error", "skipped"]

QUICK = frozenset({"quick", "standard"})
STANDARD = frozenset({"standard"})


class Absent(Exception):
    """What was asked for is not on this machine. ``str()`` names it in one clause of the user's language."""


@dataclass(frozen=True, slots=True)
class Context:
    """What collectors are told. ``check_desk`` asks the desk whether it can be reached, and raises when not.

    ``cancelled`` is set when nobody waits any more; commands end then.
    """

    version: str
    data_folder: Path
    log_file: Path
    monitors: tuple[Monitor, ...] = ()
    desk_name: str = ""
    check_desk: Callable[[], None] | None = None
    own_state: Mapping[str, object] = field(default_factory=dict)
    cancelled: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Facts:
    """What one collector found. ``text`` is for people; ``values`` for the findings only, and never leaves.

    ``reason`` says in the user's language why there is nothing, or not all.
    """

    text: str
    values: dict[str, object] = field(default_factory=dict)
    status: Status = "ok"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Collector:
    """One kind of diagnostic. ``title`` and ``why`` are English and translated when shown.

    ``why`` tells the user in one plain sentence what it is good for. ``most_bytes`` is where its text is cut.
    """

    id: str
    title: str
    why: str
    profiles: frozenset[str]
    limit_s: float
    collect: Callable[[Context], Facts]
    most_bytes: int = 16_000


def pairs(entries: Iterable[tuple[str, object]]) -> str:
    """``key:   value`` lines with the values below each other; empty values are left out."""
    kept = [(key, str(value)) for key, value in entries if value not in (None, "", ())]
    width = min(24, max((len(key) for key, _ in kept), default=0) + 1)
    return "\n".join(f"{key + ':':{width}} {value}" for key, value in kept)


def table(header: Sequence[str], rows: Sequence[Sequence[object]], right: frozenset[int] = frozenset()) -> str:
    """Columns below each other; those in ``right`` end at the same place."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = []
    for row in cells:
        parts = [f"{cell:>{w}}" if i in right else f"{cell:<{w}}" for i, (cell, w) in enumerate(zip(row, widths))]
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def size(size_bytes: float) -> str:
    """``3.2 GB``: fixed English form, powers of 1000; agents read these, whatever the user's language."""
    value, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.1f} {unit}" if value < 9.95 and unit != "B" else f"{value:.0f} {unit}"


def span(seconds: float) -> str:
    """``3 d 4 h``, ``4 h 12 min``, ``12 min``."""
    minutes = int(seconds // 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
