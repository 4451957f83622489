"""Collectors of macOS: psutil, property lists, and ``scutil`` for the proxy. No ``system_profiler``: too slow."""

from __future__ import annotations

import json
import os
import platform
import plistlib
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from client.diagnostics import common
from client.diagnostics.collector import Absent, Collector, Context, Facts, pairs, span
from client.diagnostics.command import TooSlow, ask
from client.diagnostics.disks import disks
from client.diagnostics.network import interfaces
from client.words import say

_SYSTEM_VERSION = Path("/System/Library/CoreServices/SystemVersion.plist")
_DATA_VOLUME = "/System/Volumes/Data"


def property_list(path: Path) -> dict[str, Any]:
    """The dictionary of a property list; empty when there is none."""
    with suppress(OSError, plistlib.InvalidFileException, ValueError):
        with path.open("rb") as file:
            found = plistlib.load(file)
        return found if isinstance(found, dict) else {}
    return {}


def os_facts(context: Context) -> Facts:
    up_s = common.uptime_s()
    entries = [
        *describe_version(property_list(_SYSTEM_VERSION)),
        ("Kernel", f"{platform.system()} {platform.release()} {platform.machine()}"),
        ("Started", common.moment(psutil.boot_time())),
        ("Up for", span(up_s)),
    ]
    return Facts(pairs(entries), {"uptime_s": up_s})


def describe_version(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    name, version = str(values.get("ProductName", "macOS")), str(values.get("ProductVersion", ""))
    return [("System", f"{name} {version}".strip()), ("Build", str(values.get("ProductBuildVersion", "")))]


def cpu(context: Context) -> Facts:
    model = ""
    with suppress(Absent, TooSlow):
        model = ask(("sysctl", "-n", "machdep.cpu.brand_string"), context, limit_s=1).text.strip()
    return common.cpu(context, model)


def local_disks(context: Context) -> Facts:
    """The volumes of one APFS container share its space; the one with the user's files counts."""
    return disks(context, _DATA_VOLUME if os.path.isdir(_DATA_VOLUME) else "/")  # noqa: PTH112  # one plain question


def network(context: Context) -> Facts:
    shown, tunnels = interfaces()
    environment = common.environment_proxies()
    proxy: str | None = None
    missing = ""
    try:
        proxy = parse_proxy(ask(("scutil", "--proxy"), context, limit_s=1.5).text)
    except (Absent, TooSlow) as why:
        missing = str(why)
    text = f"{shown}\n\n" + pairs(
        (
            # There is always a utun0 to utun3; only their addresses would tell more.
            ("Tunnels", " ".join(tunnels) or "none"),
            ("Proxy of the system", "unknown" if proxy is None else proxy or "none"),
            *((f"Proxy, {name}", value) for name, value in environment),
            ("Proxy of environment", "" if environment else "none"),
        )
    )
    values: dict[str, object] = {
        "proxy_environment": any(name != "no_proxy" for name, _ in environment),
        "proxy_system": None if proxy is None else bool(proxy),
    }
    return Facts(text, values, "partial" if missing else "ok", missing)


def parse_proxy(text: str) -> str:
    """Servers out of ``scutil --proxy``, whose lines are ``  HTTPEnable : 1``; empty when there is no proxy."""
    told = {}
    for line in text.splitlines():
        key, mark, value = line.strip().partition(" : ")
        if mark:
            told[key] = value.strip()
    parts = [
        f"{kind.lower()} {told.get(kind + 'Proxy', '')}:{told.get(kind + 'Port', '')}"
        for kind in ("HTTP", "HTTPS", "SOCKS")
        if told.get(f"{kind}Enable") == "1"
    ]
    if told.get("ProxyAutoConfigEnable") == "1":
        parts.append(f"automatic {common.without_credentials(told.get('ProxyAutoConfigURLString', ''))}")
    return ", ".join(parts)


def crashes(context: Context) -> Facts:
    folder = Path.home() / "Library/Logs/DiagnosticReports"
    found: list[tuple[float, str, str]] = []
    missing = []
    try:
        found = parse_reports(sorted(folder.glob("*.ips"))[-200:])
    except OSError:
        missing.append(say("{what} may not be read by this user", what="DiagnosticReports"))
    lines, fresh = common.crash_lines(context)
    recent = [entry for entry in found if time.time() - entry[0] < 7 * 86_400]
    return common.crashes_text(recent, missing, lines, fresh)


def parse_reports(paths: Iterable[Path]) -> list[tuple[float, str, str]]:
    """(time, program, kind) out of the first line of ``.ips`` reports, which is JSON. The rest is not read."""
    # Source: Apple, "Interpreting the JSON format of a crash report", 2024: 309 is a crash, 298 a jetsam event.
    kinds = {"309": "crash", "109": "crash", "298": "out of memory", "210": "kernel panic"}
    found = []
    for path in paths:
        with suppress(OSError, ValueError):
            with path.open("r", encoding="utf-8", errors="replace") as file:
                told = json.loads(file.readline(20_000))
            at = datetime.strptime(str(told["timestamp"]), "%Y-%m-%d %H:%M:%S.%f %z")
            kind = kinds.get(str(told.get("bug_type")), "")
            if kind:
                found.append((at.timestamp(), str(told.get("app_name") or told.get("name") or "system"), kind))
    return found


def language(context: Context) -> Facts:
    preferences = Path.home() / "Library/Preferences"
    text = describe_language(
        property_list(preferences / ".GlobalPreferences.plist"),
        property_list(preferences / "com.apple.HIToolbox.plist"),
    )
    zone = os.path.realpath("/etc/localtime").partition("zoneinfo/")[2]
    return Facts(text + "\n" + pairs((("Time zone", f"{zone} {time.strftime('%z')}".strip()),)), {})


def describe_language(general: Mapping[str, Any], input_: Mapping[str, Any]) -> str:
    sources = [
        str(source.get("KeyboardLayout Name") or source.get("Input Mode") or "")
        for source in input_.get("AppleSelectedInputSources", ())
        if isinstance(source, Mapping)
    ]
    return pairs(
        (
            ("Languages", " ".join(str(one) for one in general.get("AppleLanguages", ()))),
            ("Region", general.get("AppleLocale", "")),
            ("Keyboards", ", ".join(source for source in sources if source)),
        )
    )


COLLECTORS: tuple[Collector, ...] = (
    common.declare("os", os_facts),
    common.declare("cpu", cpu),
    common.declare("memory", common.memory),
    common.declare("displays", common.displays),
    common.declare("disks", local_disks),
    common.declare("network", network),
    common.declare("desk", common.desk),
    common.declare("processes", common.processes, 48_000),
    common.declare("crashes", crashes, 32_000),
    common.declare("language", language),
    common.declare("testigo", common.own, 64_000),
)
