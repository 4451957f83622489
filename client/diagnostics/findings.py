"""What the collected values seem to mean: one sentence each, worst first, with what to do about it.

Pure functions of values: nothing is asked of the machine here. A value that is missing is no finding, and no all-clear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from client.diagnostics.collector import size, span
from client.words import number, say, say_n

Severity = Literal["fail", "warn", "info"]
_ORDER: tuple[Severity, ...] = ("fail", "warn", "info")
MOST_SHOWN = 7

# Thresholds. Source: diagnostics facts, section 6 (starter set, November 2026).
_DISK_WARN_PCT, _DISK_FAIL_PCT = 90, 95
_DISK_WARN_BYTES, _DISK_FAIL_BYTES = 5e9, 1e9
_INODES_WARN_PCT = 90
_MEMORY_WARN, _MEMORY_FAIL = 0.10, 0.05
_SWAP_WARN_PCT = 80
_UPTIME_WARN_S = 30 * 86_400
_MANY_CRASHES = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """All but ``id`` and ``severity`` is in the user's language; names and numbers come from the collected text."""

    id: str
    severity: Severity
    title: str
    evidence: str
    advice: str


Values = Mapping[str, Mapping[str, Any]]


def find(values: Values) -> tuple[Finding, ...]:
    """At most seven findings of all collectors' ``values`` (by collector id), fail first."""
    found = [finding for rule in RULES for finding in rule(values)]
    return tuple(sorted(found, key=lambda finding: _ORDER.index(finding.severity))[:MOST_SHOWN])


def _desk(values: Values) -> Iterator[Finding]:
    told = values.get("desk", {})
    if told.get("reached") is False:
        yield Finding(
            "desk_unreachable",
            "fail",
            say("The help desk cannot be reached from here"),
            str(told.get("error", "")),
            say("Check the connection and the address of the help desk. Your report is kept until it can be sent."),
        )


def _disks(values: Values) -> Iterator[Finding]:
    for disk in values.get("disks", {}).get("disks", ()):
        evidence = say(
            "{disk}: {percent} % used, {free} of {total} free",
            disk=disk.mount,
            percent=number(disk.used_pct),
            free=size(disk.free_bytes),
            total=size(disk.total_bytes),
        )
        if disk.system and disk.total_bytes:
            # A small disk with a few gigabytes free, as appliances have, is not full because of the absolute bound.
            few = disk.total_bytes > 4 * _DISK_WARN_BYTES
            bad = disk.used_pct >= _DISK_FAIL_PCT or (few and disk.free_bytes < _DISK_FAIL_BYTES)
            if bad or disk.used_pct >= _DISK_WARN_PCT or (few and disk.free_bytes < _DISK_WARN_BYTES):
                yield Finding(
                    "disk_full",
                    "fail" if bad else "warn",
                    say("The system disk is {percent} % full", percent=number(disk.used_pct)),
                    evidence,
                    say("Empty the trash and remove what you no longer need; programs fail when they cannot save."),
                )
        if disk.inodes_pct >= _INODES_WARN_PCT:
            yield Finding(
                "disk_files",
                "warn",
                say("A disk has almost no room for more files"),
                say("{disk}: {percent} % of its files used", disk=disk.mount, percent=number(disk.inodes_pct)),
                say("Many small files fill it, often caches or mail; the help desk can find them."),
            )
    silent = values.get("disks", {}).get("silent", ())
    if silent:
        yield Finding(
            "disk_silent",
            "warn",
            say_n("{n} network folder does not answer", "{n} network folders do not answer", len(silent)),
            ", ".join(silent),
            say("Programs that use it may hang. Check the connection to its server."),
        )


def _memory(values: Values) -> Iterator[Finding]:
    told = values.get("memory", {})
    total, available = told.get("total_bytes", 0), told.get("available_bytes", 0)
    if total and available / total < _MEMORY_WARN:
        name, used = values.get("processes", {}).get("largest", ("", 0))
        evidence = say("{free} of {total} available", free=size(available), total=size(total))
        yield Finding(
            "memory_low",
            "fail" if available / total < _MEMORY_FAIL else "warn",
            say("Memory is almost used up"),
            "; ".join((evidence, *([say("{program} uses {size}", program=name, size=size(used))] if name else []))),
            say("Close programs you do not need."),
        )
    if told.get("swap_total_bytes") and told.get("swap_pct", 0) > _SWAP_WARN_PCT:
        yield Finding(
            "swap_used",
            "warn",
            say("The memory on disk is almost used up too"),
            say(
                "{percent} % of {total} swap used",
                percent=number(told["swap_pct"]),
                total=size(told["swap_total_bytes"]),
            ),
            say("Close programs you do not need, or restart the computer."),
        )


def _times(n: int, last: str) -> str:
    return say_n("{n} time in 24 h, last: {last}", "{n} times in 24 h, last: {last}", n, last=last)


def _logs(values: Values) -> Iterator[Finding]:
    told = values.get("journal", {})
    if told.get("disk_errors"):
        yield Finding(
            "disk_errors",
            "fail",
            say("A disk reports errors"),
            _times(told["disk_errors"], told.get("disk_sample", "")),
            say("Save your work elsewhere now; the disk may be failing."),
        )
    if told.get("gpu_errors"):
        yield Finding(
            "gpu_errors",
            "warn",
            say("The graphics card reports errors"),
            _times(told["gpu_errors"], told.get("gpu_sample", "")),
            say("An update of the graphics driver often helps."),
        )


def _crashes(values: Values) -> Iterator[Finding]:
    recent = list(values.get("crashes", {}).get("recent", ()))
    if recent:
        names = sorted(set(recent), key=lambda name: -recent.count(name))
        yield Finding(
            "crashes",
            "fail" if len(recent) >= _MANY_CRASHES else "warn",
            say_n("{n} crash in the last 24 hours", "{n} crashes in the last 24 hours", len(recent)),
            ", ".join(f"{name} × {recent.count(name)}" for name in names[:6]),
            say("Name the program in your report and what you did before."),
        )


def _services(values: Values) -> Iterator[Finding]:
    failed = list(values.get("services", {}).get("failed", ()))
    if failed:
        yield Finding(
            "services_failed",
            "warn",
            say_n("{n} part of the system did not start", "{n} parts of the system did not start", len(failed)),
            ", ".join(failed[:6]),
            say("A restart sometimes helps; the help desk can see which they are."),
        )


def _clock(values: Values) -> Iterator[Finding]:
    if values.get("clock", {}).get("synchronised") is False:
        yield Finding(
            "clock",
            "warn",
            say("The clock is not set by the network"),
            "NTPSynchronized=no",
            say("Switch on automatic date and time in the system settings."),
        )


def _proxy(values: Values) -> Iterator[Finding]:
    told = values.get("network", {})
    if told.get("proxy_environment") and told.get("proxy_system") is False:
        yield Finding(
            "proxy_environment",
            "warn",
            say("Only some programs use the proxy"),
            say("proxy variables are set in the environment; the system's settings have none"),
            say("If something cannot connect, enter the proxy in the system settings too, or remove it."),
        )


def _network(values: Values) -> Iterator[Finding]:
    told = values.get("network", {})
    if told.get("default_routes") == 0:
        yield Finding(
            "no_route",
            "warn",
            say("There is no way out to the network"),
            say("no default route"),
            say("Check the cable or the wireless connection."),
        )


def _graphics(values: Values) -> Iterator[Finding]:
    told = values.get("gpu", {})
    if told.get("software"):
        yield Finding(
            "software_rendering",
            "warn",
            say("The screen is drawn without the graphics card"),
            str(told.get("renderer") or ", ".join(told.get("drivers", ()))),
            say("Windows and video are slow so; the graphics driver may be missing."),
        )


def _screens(values: Values) -> Iterator[Finding]:
    scales = set(values.get("displays", {}).get("scales", ()))
    if len(scales) > 1:
        yield Finding(
            "mixed_scale",
            "info",
            say("Your screens have different scales"),
            ", ".join(f"{scale:.0%}" for scale in sorted(scales)),
            say("Some programs look blurred or too small when moved between them."),
        )


def _restart(values: Values) -> Iterator[Finding]:
    told = values.get("os", {})
    if told.get("reboot_pending"):
        yield Finding(
            "reboot_pending",
            "warn",
            say("An update waits for a restart"),
            say("restart pending"),
            say("Restart when it suits you; until then old and new parts are mixed."),
        )
    if told.get("uptime_s", 0) > _UPTIME_WARN_S:
        days = int(told["uptime_s"] // 86_400)
        yield Finding(
            "uptime",
            "info",
            say_n("Not restarted for {n} day", "Not restarted for {n} days", days),
            say("up for {span}", span=span(told["uptime_s"])),
            say("A restart clears up many small troubles."),
        )


RULES: tuple[Callable[[Values], Iterator[Finding]], ...] = (
    _desk, _disks, _memory, _logs, _crashes, _services, _clock, _proxy, _network, _graphics, _screens, _restart,
)  # fmt: skip
