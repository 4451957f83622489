"""Collectors that work alike everywhere, through psutil and the standard library."""

from __future__ import annotations

import getpass
import os
import platform
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import psutil

from client.diagnostics.collector import QUICK, STANDARD, Collector, Context, Facts, pairs, size, table
from client.words import reason, say

_LOG_LINES = 150
_MOST_PROCESSES = 250
_PARTS = ("PySide6-Essentials", "mss", "numpy", "opencv-python-headless", "av", "psutil", "google-re2", "keyring")


def moment(timestamp_s: float) -> str:
    """Local time with its offset, to the second."""
    return datetime.fromtimestamp(timestamp_s, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def uptime_s() -> float:
    return max(0.0, time.time() - float(psutil.boot_time()))


def cpu(context: Context, model: str = "") -> Facts:
    usage = psutil.cpu_percent(interval=0.3)
    cores, threads = psutil.cpu_count(logical=False), psutil.cpu_count()
    load: tuple[float, ...] = ()
    with suppress(OSError, AttributeError):
        load = psutil.getloadavg()
    clock = None
    with suppress(OSError, NotImplementedError, AttributeError, RuntimeError, ValueError):
        clock = psutil.cpu_freq()
    text = pairs(
        (
            ("Model", model or platform.processor() or "unknown"),
            ("Architecture", platform.machine()),
            ("Cores", f"{cores or '?'} ({threads} threads)"),
            ("Clock", _mhz(clock.current, clock.max) if clock else ""),
            ("In use now", f"{usage:.0f} %"),
            ("Load 1, 5, 15 min", "  ".join(f"{value:.2f}" for value in load)),
            *_power(),
        )
    )
    return Facts(text, {"usage_pct": usage, "threads": threads, "load": load})


def _mhz(now: float, most: float) -> str:
    return (f"{now:.0f} MHz" if now else "") + (f" (most {most:.0f})" if now and most else "")


def _power() -> list[tuple[str, str]]:
    entries = []
    with suppress(OSError, AttributeError, RuntimeError, ValueError, TypeError):
        battery = psutil.sensors_battery()
        if battery:
            entries.append(
                ("Battery", f"{battery.percent:.0f} %, " + ("plugged in" if battery.power_plugged else "in use"))
            )
    with suppress(OSError, AttributeError, RuntimeError, ValueError):
        hottest = max((part.current for parts in psutil.sensors_temperatures().values() for part in parts), default=0)
        if hottest > 0:
            entries.append(("Hottest sensor", f"{hottest:.0f} °C"))
    return entries


def memory(context: Context) -> Facts:
    ram, swap = psutil.virtual_memory(), psutil.swap_memory()
    text = pairs(
        (
            ("Memory", size(ram.total)),
            ("Available", f"{size(ram.available)} ({ram.available / max(ram.total, 1):.0%})"),
            ("Swap", f"{size(swap.used)} of {size(swap.total)} ({swap.percent:.0f} %)" if swap.total else "none"),
        )
    )
    values: dict[str, object] = {
        "total_bytes": ram.total,
        "available_bytes": ram.available,
        "swap_total_bytes": swap.total,
        "swap_pct": swap.percent,
    }
    return Facts(text, values)


def displays(context: Context) -> Facts:
    """The monitors as the capture sees them; the order is the capture's."""
    if not context.monitors:
        return Facts("", status="absent", reason=say("there is no screen to capture"))
    rows = [
        (
            monitor.name or monitor.id,
            f"{monitor.width_px} × {monitor.height_px}",
            f"{monitor.x_px:+d} {monitor.y_px:+d}",
            f"{monitor.scale:.0%}",
            "primary" if monitor.primary else "",
        )
        for monitor in context.monitors
    ]
    text = table(("Screen", "Pixels", "Position", "Scale", ""), rows)
    return Facts(text, {"scales": [monitor.scale for monitor in context.monitors]})


def desk(context: Context) -> Facts:
    """Whether the help desk answers, and how fast."""
    if context.check_desk is None:
        return Facts("", status="absent", reason=say("no help desk is set up"))
    start = time.monotonic()
    try:
        context.check_desk()
    except Exception as error:  # noqa: BLE001  # whatever it is, it is what we wanted to know
        ms = int((time.monotonic() - start) * 1000)
        why = reason(error) or type(error).__name__
        text = pairs((("Help desk", context.desk_name), ("Reached", f"no, after {ms} ms"), ("Error", why)))
        return Facts(text, {"reached": False, "error": why, "name": context.desk_name})
    ms = int((time.monotonic() - start) * 1000)
    text = pairs((("Help desk", context.desk_name), ("Reached", f"yes, in {ms} ms")))
    return Facts(text, {"reached": True, "ms": ms, "name": context.desk_name})


@dataclass(frozen=True, slots=True)
class _Process:
    name: str
    owner: str
    cpu_pct: float
    memory_bytes: int
    started_s: float


def processes(context: Context) -> Facts:
    """Names, owners by class, use of processor and memory. No command lines: they hold secrets."""
    own = ""
    with suppress(OSError, KeyError):
        own = getpass.getuser().lower()
    before: dict[psutil.Process, float] = {}
    for process in psutil.process_iter(["name", "username", "memory_info", "cpu_times", "create_time"]):
        times = process.info["cpu_times"]
        before[process] = times.user + times.system if times else 0.0
    start = time.monotonic()
    context.cancelled.wait(0.4)
    found = []
    for process, used_s in before.items():
        with suppress(psutil.Error):
            times = process.cpu_times()
            share = max(0.0, times.user + times.system - used_s) / (time.monotonic() - start) * 100
            found.append(_seen(process.info, own, share))
    return _processes_text(found)


def _seen(told: dict[str, object], own: str, share_pct: float) -> _Process:
    user = str(told["username"] or "").lower().rpartition("\\")[2]
    system = (
        not user or user in ("root", "system", "local service", "network service") or user.startswith(("_", "systemd"))
    )
    memory_used = getattr(told["memory_info"], "rss", 0)
    started = told["create_time"]
    return _Process(
        str(told["name"] or "?"),
        "own" if user == own else "system" if system else "other",
        share_pct,
        int(memory_used),
        float(started) if isinstance(started, int | float) else 0.0,
    )


def _processes_text(found: list[_Process]) -> Facts:
    groups: dict[tuple[str, str], list[_Process]] = {}
    for process in found:
        if process.memory_bytes:
            groups.setdefault((process.name, process.owner), []).append(process)
    rows = [
        (
            name[:40],
            len(group),
            owner,
            f"{sum(p.cpu_pct for p in group):.0f}",
            size(sum(p.memory_bytes for p in group)),
            moment(min(p.started_s for p in group))[:16],
        )
        for (name, owner), group in sorted(groups.items(), key=lambda entry: -sum(p.memory_bytes for p in entry[1]))
    ]
    kernel = sum(1 for process in found if not process.memory_bytes)
    owners = Counter(process.owner for process in found)
    head = f"{len(found)} processes: " + ", ".join(f"{n} {owner}" for owner, n in owners.most_common())
    head += f"; {kernel} without memory of their own (kernel) are not listed" if kernel else ""
    body = table(
        ("Program", "n", "Owner", "CPU %", "Memory", "First started"), rows[:_MOST_PROCESSES], frozenset({1, 3, 4})
    )
    largest = max(found, key=lambda p: p.memory_bytes, default=None)
    busiest = max(found, key=lambda p: p.cpu_pct, default=None)
    values: dict[str, object] = {
        "count": len(found),
        "largest": (largest.name, largest.memory_bytes) if largest else ("", 0),
        "busiest": (busiest.name, busiest.cpu_pct) if busiest else ("", 0.0),
    }
    return Facts(f"{head}\n\n{body}", values)


def own(context: Context) -> Facts:
    """Testigo itself: versions, state, the end of its log. The log never held secrets, and is redacted all the same."""
    this = psutil.Process()
    free = ""
    with suppress(OSError):
        free = size(psutil.disk_usage(str(context.data_folder)).free)
    entries: list[tuple[str, object]] = [
        ("Testigo", context.version),
        ("Python", platform.python_version() + (" (bundled)" if is_bundled() else "")),
        ("Running since", moment(this.create_time())),
        ("Memory", size(this.memory_info().rss)),
        ("Threads", threading.active_count()),
        ("Free for reports", free),
        *((name, value) for name, value in context.own_state.items()),
    ]
    parts = [f"{name}=={_version_of(name)}" for name in _PARTS if _version_of(name)]
    text = pairs(entries) + "\n\nParts: " + " ".join(parts)
    lines = tail(context.log_file, _LOG_LINES)
    if lines:
        text += f"\n\nLast {len(lines)} lines of the log:\n" + "\n".join(lines)
    else:
        text += "\n\nLog: empty or missing"
    return Facts(text, {"log_errors": sum(1 for line in lines if " ERROR " in line)})


def is_bundled() -> bool:
    """Whether this is the packaged program rather than a checkout."""
    import sys

    return bool(getattr(sys, "frozen", False))


def _version_of(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def tail(path: Path, lines: int, most_bytes: int = 200_000) -> list[str]:
    """The last lines of a text file; none when it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - most_bytes))
            return list(deque(file.read().decode("utf-8", "replace").splitlines(), lines))
    except OSError:
        return []


def crash_lines(context: Context) -> tuple[list[str], bool]:
    """The end of our own crash file, and whether it was written within a day."""
    path = context.log_file.with_name("crash.log")
    lines = tail(path, 40)
    fresh = False
    with suppress(OSError):
        fresh = bool(lines) and time.time() - path.stat().st_mtime < 86_400
    return lines, fresh


def crashes_text(found: list[tuple[float, str, str]], missing: list[str], own_lines: list[str], fresh: bool) -> Facts:
    """What crashed, as (time, program, how), and what could not be asked, as text and values."""
    rows = [(moment(at_s)[:16], program, how) for at_s, program, how in sorted(found, reverse=True)[:50]]
    text = table(("When", "Program", "How"), rows) if rows else "No crashes are recorded for the last 7 days"
    if missing:
        text += "\nNot asked: " + "; ".join(missing)
    if own_lines:
        text += "\n\nTestigo's own last crash:\n" + "\n".join(own_lines)
    recent = [program for at_s, program, _ in found if time.time() - at_s < 86_400] + (["Testigo"] if fresh else [])
    return Facts(text, {"recent": recent}, "partial" if missing else "ok", "; ".join(missing))


def environment_proxies() -> list[tuple[str, str]]:
    """Proxy settings of the environment, without credentials; the redaction would see them too, but why carry them."""
    entries = []
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        value = os.environ.get(name) or os.environ.get(name.upper()) or ""
        if value:
            entries.append((name, without_credentials(value) if name != "no_proxy" else value))
    return entries


def without_credentials(address: str) -> str:
    scheme, mark, rest = address.rpartition("://")
    return scheme + mark + rest.rpartition("@")[2]


# One declaration for all systems: id → title, why, profiles, seconds.
_DECLARED: dict[str, tuple[str, str, frozenset[str], float]] = {
    "os": ("System", "Which system this is and since when it runs.", QUICK, 2.0),
    "cpu": ("Processor and power", "A busy or hot processor makes everything slow.", QUICK, 2.0),
    "memory": ("Memory", "A full memory makes everything slow and closes programs.", QUICK, 2.0),
    "displays": ("Screens", "Size and scale of your screens explain misplaced or blurred windows.", QUICK, 1.0),
    "gpu": ("Graphics", "Card and driver explain flicker, black windows and slow drawing.", STANDARD, 6.0),
    "disks": ("Disks", "A full disk stops programs from saving.", QUICK, 2.5),
    "network": ("Network", "Connections, routes and proxy explain what cannot be reached.", QUICK, 2.5),
    "desk": ("Connection to the help desk", "Shows whether your reports can get through from here.", QUICK, 2.5),
    "processes": (
        "Programs running",
        "Which programs run and which use most; names only, never what they were started with.",
        STANDARD,
        5.0,
    ),
    "services": ("Failed services", "Parts of the system that did not start.", STANDARD, 7.0),
    "journal": ("Warnings of the system", "What the system complained about in the last 24 hours.", STANDARD, 10.0),
    "crashes": ("Crashes", "Which programs crashed lately; names and times, never their memory.", STANDARD, 5.0),
    "language": (
        "Language and keyboard",
        "Language, keyboard and time zone explain wrong signs and dates.",
        QUICK,
        2.0,
    ),
    "clock": ("Clock", "A wrong clock breaks sign-ins and secure connections.", STANDARD, 4.0),
    "testigo": ("Testigo itself", "Version, state and latest log lines of this program.", QUICK, 2.5),
}


def declare(id_: str, collect: Callable[[Context], Facts], most_bytes: int = 16_000) -> Collector:
    """The collector of this name, as one system does it."""
    title, why, profiles, limit_s = _DECLARED[id_]
    return Collector(id_, title, why, profiles, limit_s, collect, most_bytes)
