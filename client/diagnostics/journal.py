"""What the system complained about, and what crashed: the journal, core dumps, crash reports, our own crash file."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from client.diagnostics import common
from client.diagnostics.collector import Absent, Context, Facts, table
from client.diagnostics.command import TooSlow, ask
from client.words import say

_FIELDS = "PRIORITY,SYSLOG_IDENTIFIER,_COMM,MESSAGE,__REALTIME_TIMESTAMP"
_MOST_ENTRIES = 2000
_LATEST = 60
_PRIORITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_DISK = re.compile(
    r"I/O error|blk_update_request|Buffer I/O|EXT4-fs error|XFS .*(?:corrupt|error)|BTRFS (?:error|critical)"
    r"|ata\d+.*(?:failed command|exception)|nvme.*(?:timeout|I/O Error|reset)|Remounting filesystem read-only"
    r"|SMART.*(?:FAIL|prefail)"
)
_GPU = re.compile(r"NVRM: Xid|GPU HANG|amdgpu.*(?:ring .* timeout|GPU reset)|\[drm.*\*ERROR\*|i915.*(?:reset|hang)")
_NUMBERS = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    at_s: float
    priority: int
    who: str
    message: str


def journal(context: Context) -> Facts:
    """Warnings and worse of the last 24 hours: first grouped by what they say, then the latest as they are."""
    words = ("journalctl", "-o", "json", "--no-pager", "--output-fields=" + _FIELDS)
    answer = ask((*words, "-p", "warning", "--since", "-24h", "-n", str(_MOST_ENTRIES)), context, limit_s=8)
    entries = parse_journal(answer.text)
    if not entries:
        if not ask((*words, "-n", "1"), context, limit_s=2).text.strip():
            raise Absent(say("the journal gave nothing: none is kept, or this user may not read it"))
        return Facts("No warnings in the last 24 hours", {"disk_errors": 0, "gpu_errors": 0})
    others = "not seeing messages from other users" in answer.errors
    disk = [entry for entry in entries if _DISK.search(entry.message)]
    graphics = [entry for entry in entries if _GPU.search(entry.message)]
    text = journal_text(entries)
    if others:
        text = "Only this user's own messages; the system's need the group systemd-journal or adm\n\n" + text
    values: dict[str, object] = {
        "disk_errors": len(disk),
        "disk_sample": disk[-1].message[:200] if disk else "",
        "gpu_errors": len(graphics),
        "gpu_sample": graphics[-1].message[:200] if graphics else "",
        "entries": len(entries),
    }
    return Facts(text, values, "partial" if others else "ok", say("only this user's own messages") if others else "")


def parse_journal(text: str) -> list[Entry]:
    """Entries out of ``journalctl -o json``: one object a line, texts perhaps as bytes. Broken lines are left out."""
    entries = []
    for line in text.splitlines():
        with suppress(ValueError, TypeError, KeyError):
            told = json.loads(line)
            who = _text(told.get("SYSLOG_IDENTIFIER") or told.get("_COMM") or "?")
            at_s = int(told["__REALTIME_TIMESTAMP"]) / 1e6
            entries.append(Entry(at_s, int(_text(told.get("PRIORITY", 6))), who, _text(told.get("MESSAGE", ""))))
    return entries


def _text(value: object) -> str:
    if isinstance(value, list):
        if all(isinstance(part, int) for part in value):
            return bytes(value).decode("utf-8", "replace")
        return " ".join(_text(part) for part in value)
    return "" if value is None else str(value)


def journal_text(entries: list[Entry]) -> str:
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.who, _NUMBERS.sub("#", entry.message)[:160]), []).append(entry)
    ordered = sorted(groups.values(), key=lambda group: (min(e.priority for e in group), -len(group)))
    rows = [
        (
            len(group),
            _level(group),
            _clock(group[0].at_s),
            _clock(group[-1].at_s),
            group[-1].who[:24],
            _one_line(group[-1].message),
        )
        for group in ordered[:200]
    ]
    latest = "\n".join(
        f"{_clock(e.at_s)} {_PRIORITIES[min(7, e.priority)]} {e.who}: {_one_line(e.message, 400)}"
        for e in entries[-_LATEST:]
    )
    more = f" (the newest {_MOST_ENTRIES})" if len(entries) >= _MOST_ENTRIES else ""
    return (
        f"{len(entries)} messages{more}, {len(groups)} different\n\n"
        + table(("Times", "Level", "First", "Last", "From", "Message"), rows, frozenset({0}))
        + f"\n\nThe latest {min(_LATEST, len(entries))}:\n{latest}"
    )


def _level(group: list[Entry]) -> str:
    worst = min(entry.priority for entry in group)
    return _PRIORITIES[min(7, worst)]


def _one_line(message: str, most: int = 220) -> str:
    flat = " ".join(message.split())
    return flat if len(flat) <= most else flat[:most].rsplit(" ", 1)[0] + " …"


def _clock(at_s: float) -> str:
    return common.moment(at_s)[5:16]


def crashes(context: Context) -> Facts:
    """Programs that crashed in the last week, and the end of our own crash file."""
    missing: list[str] = []
    found: list[tuple[float, str, str]] = []
    try:
        answer = ask(("coredumpctl", "--json=short", "--no-pager", "--since=-7d", "list"), context, limit_s=3)
        found += parse_coredumps(answer.text)
    except (Absent, TooSlow) as why:
        missing.append(str(why))
    except ValueError:
        missing.append(say("{program} gave an answer nobody understands", program="coredumpctl"))
    try:
        found += crash_files(Path("/var/crash").iterdir())
    except FileNotFoundError:
        pass
    except PermissionError:
        missing.append(say("{what} may not be read by this user", what="/var/crash"))
    lines, fresh = common.crash_lines(context)
    return common.crashes_text(found, missing, lines, fresh)


def parse_coredumps(text: str) -> list[tuple[float, str, str]]:
    """(time, program, signal) out of ``coredumpctl --json=short``.

    Raises: ValueError when it is something else; an empty answer is an empty list.
    """
    found = []
    for told in json.loads(text) if text.strip() else []:
        at = told.get("time")
        at_s = float(at) / 1e6 if isinstance(at, int | float) else 0.0
        found.append((at_s, Path(str(told.get("exe", "?"))).name, f"signal {told.get('sig', '?')}"))
    return found


def crash_files(paths: Iterable[Path]) -> list[tuple[float, str, str]]:
    """Crash reports by their file names (``_usr_bin_gedit.1000.crash``); none is opened."""
    found = []
    for path in paths:
        if path.suffix == ".crash":
            with suppress(OSError):
                program = path.name.removesuffix(".crash").rpartition(".")[0] or path.stem
                at_s = path.stat().st_mtime
                if time.time() - at_s < 7 * 86_400:
                    found.append((at_s, program.rpartition("_")[2], "crash report"))
    return found
