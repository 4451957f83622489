"""Collectors of Windows: psutil and the registry only. Nothing localised is parsed, no PowerShell is started."""

from __future__ import annotations

import importlib
import os
import platform
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from client.diagnostics import common
from client.diagnostics.collector import Collector, Context, Facts, pairs, size, span, table
from client.diagnostics.disks import disks
from client.diagnostics.network import interfaces
from client.words import say

_VERSION = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
_CPU = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
_INTERNET = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"
_DISPLAY_CLASS = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
_TIME_ZONE = r"SYSTEM\CurrentControlSet\Control\TimeZoneInformation"
_TIME_SERVICE = r"SYSTEM\CurrentControlSet\Services\W32Time\Parameters"
_SESSION = r"SYSTEM\CurrentControlSet\Control\Session Manager"
_REBOOT_KEYS = (
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending",
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired",
)
# The first build of Windows 11; its ProductName still says Windows 10. Source: Windows release information.
_WINDOWS_11_BUILD = 22000


def registry(path: str, *, user: bool = False) -> dict[str, Any] | None:
    """All values of a key of the machine or of this user; None when there is no such key or it may not be read."""
    winreg: Any = importlib.import_module("winreg")
    hive = winreg.HKEY_CURRENT_USER if user else winreg.HKEY_LOCAL_MACHINE
    try:
        with winreg.OpenKey(hive, path, 0, winreg.KEY_READ | winreg.KEY_WOW64_64KEY) as key:
            count = winreg.QueryInfoKey(key)[1]
            return {name: value for name, value, _ in (winreg.EnumValue(key, place) for place in range(count))}
    except OSError:
        return None


def os_facts(context: Context) -> Facts:
    session = registry(_SESSION) or {}
    reboot = any(registry(path) is not None for path in _REBOOT_KEYS)
    reboot = reboot or bool(session.get("PendingFileRenameOperations"))
    up_s = common.uptime_s()
    entries = [
        *describe_version(registry(_VERSION) or {}),
        ("Architecture", platform.machine()),
        ("Started", common.moment(psutil.boot_time())),
        ("Up for", f"{span(up_s)} (fast start counts on through a shutdown)"),
        ("Restart pending", "yes" if reboot else "no"),
    ]
    return Facts(pairs(entries), {"uptime_s": up_s, "reboot_pending": reboot})


def describe_version(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name, edition and build out of the values of ``CurrentVersion``."""
    build = str(values.get("CurrentBuildNumber") or values.get("CurrentBuild") or "0")
    name = str(values.get("ProductName", "Windows"))
    if build.isdigit() and int(build) >= _WINDOWS_11_BUILD:
        name = name.replace("Windows 10", "Windows 11")
    return [
        ("System", name),
        ("Version", str(values.get("DisplayVersion") or values.get("ReleaseId") or "")),
        ("Build", f"{build}.{values.get('UBR', 0)}"),
        ("Edition", str(values.get("EditionID", ""))),
    ]


def cpu(context: Context) -> Facts:
    values = registry(_CPU) or {}
    return common.cpu(context, " ".join(str(values.get("ProcessorNameString", "")).split()))


def gpu(context: Context) -> Facts:
    adapters = []
    for place in range(8):
        values = registry(rf"{_DISPLAY_CLASS}\{place:04}")
        if values:
            adapters.append(values)
    return describe_adapters(adapters)


def describe_adapters(adapters: Iterable[Mapping[str, Any]]) -> Facts:
    """Cards with driver version and date. ``AdapterRAM`` ends at 4 GB and is not used."""
    rows = []
    for values in adapters:
        memory = values.get("HardwareInformation.qwMemorySize")
        rows.append(
            (
                values.get("DriverDesc", "?"),
                f"driver=={values.get('DriverVersion', '?')}",
                values.get("DriverDate", ""),
                size(memory) if isinstance(memory, int) and memory > 0 else "",
            )
        )
    names = [str(row[0]) for row in rows]
    text = table(("Card", "Driver", "Date", "Memory"), rows) if rows else "No graphics card is registered"
    why = "" if rows else say("no graphics card is registered")
    software = bool(names) and all("Basic Display" in name or "Basic Render" in name for name in names)
    return Facts(text, {"drivers": names, "software": software}, "ok" if rows else "partial", why)


def local_disks(context: Context) -> Facts:
    return disks(context, os.environ.get("SYSTEMDRIVE", "C:") + "\\")


def network(context: Context) -> Facts:
    shown, tunnels = interfaces()
    proxy = describe_proxy(registry(_INTERNET, user=True) or {})
    environment = common.environment_proxies()
    text = f"{shown}\n\n" + pairs(
        (
            ("VPN", " ".join(tunnels) or "none seen by name"),
            ("Proxy of the system", proxy or "none"),
            *((f"Proxy, {name}", value) for name, value in environment),
            ("Proxy of environment", "" if environment else "none"),
        )
    )
    values: dict[str, object] = {
        "proxy_environment": any(name != "no_proxy" for name, _ in environment),
        "proxy_system": bool(proxy),
    }
    return Facts(text, values)


def describe_proxy(values: Mapping[str, Any]) -> str:
    """The user's proxy out of ``Internet Settings``, without credentials; empty when there is none."""
    parts = []
    if values.get("AutoConfigURL"):
        parts.append(f"automatic {common.without_credentials(str(values['AutoConfigURL']))}")
    if values.get("ProxyEnable") and values.get("ProxyServer"):
        servers = str(values["ProxyServer"]).split(";")
        parts.append(" ".join(common.without_credentials(server) for server in servers))
    return ", ".join(parts)


def services(context: Context) -> Facts:
    """Services that should start by themselves and do not run. Some stop by design, so this is no finding."""
    iterate = getattr(psutil, "win_service_iter", None)
    rows = []
    for service in iterate() if iterate else ():
        with suppress(psutil.Error, OSError):
            told = service.as_dict()
            if told.get("start_type") == "automatic" and told.get("status") != "running":
                rows.append((told.get("name", "?"), told.get("status", "?"), told.get("display_name", "")))
    text = table(("Service", "State", "Name"), rows) if rows else "All automatic services run"
    return Facts(text + "\n\nSome of these stop by design when their work is done", {})


def crashes(context: Context) -> Facts:
    """Programs named in the error reports of Windows and in the crash dumps; none is opened."""
    found: list[tuple[float, str, str]] = []
    missing = []
    folders = (
        Path(os.environ.get("PROGRAMDATA", "")) / "Microsoft/Windows/WER/ReportArchive",
        Path(os.environ.get("LOCALAPPDATA", "")) / "Microsoft/Windows/WER/ReportArchive",
        Path(os.environ.get("LOCALAPPDATA", "")) / "CrashDumps",
    )
    for folder in folders:
        try:
            entries = [(path.name, path.stat().st_mtime) for path in folder.iterdir()]
        except FileNotFoundError:
            continue
        except OSError:
            missing.append(say("{what} may not be read by this user", what=folder.name))
            continue
        found += parse_reports(entries)
    lines, fresh = common.crash_lines(context)
    recent_files = [entry for entry in found if time.time() - entry[0] < 7 * 86_400]
    return common.crashes_text(recent_files, missing, lines, fresh)


def parse_reports(entries: Iterable[tuple[str, float]]) -> list[tuple[float, str, str]]:
    """(time, program, kind) out of names like ``AppCrash_winword.exe_1f3a…`` and ``notepad.exe.1234.dmp``."""
    kinds = {"AppCrash": "crash", "AppHang": "hang", "Critical": "crash"}
    found = []
    for name, at_s in entries:
        kind, _, rest = name.partition("_")
        if kind in kinds and rest:
            found.append((at_s, rest.partition(".exe")[0].partition("_")[0] + ".exe", kinds[kind]))
        elif name.lower().endswith(".dmp"):
            found.append((at_s, name.rsplit(".", 2)[0], "dump"))
    return found


def language(context: Context) -> Facts:
    international = registry(r"Control Panel\International", user=True) or {}
    layouts = registry(r"Keyboard Layout\Preload", user=True) or {}
    zone = registry(_TIME_ZONE) or {}
    text = pairs(
        (
            ("Region", international.get("LocaleName", "")),
            ("Short date", international.get("sShortDate", "")),
            ("Decimal sign", international.get("sDecimal", "")),
            ("Keyboards", " ".join(str(layouts[name]) for name in sorted(layouts))),
            ("Time zone", f"{zone.get('TimeZoneKeyName', '')} {time.strftime('%z')}".strip()),
        )
    )
    return Facts(text, {"lang": international.get("LocaleName", "")})


def clock(context: Context) -> Facts:
    return describe_time_service(registry(_TIME_SERVICE) or {})


def describe_time_service(values: Mapping[str, Any]) -> Facts:
    """How the clock is meant to be kept; whether it is right only the desk's answer can tell."""
    kind = str(values.get("Type", ""))
    words = {"NoSync": "not at all", "NTP": "by the network", "NT5DS": "by the domain", "AllSync": "by any source"}
    text = pairs((("Time here", common.moment(time.time())), ("Kept right", words.get(kind, "unknown"))))
    return Facts(text, {"synchronised": False if kind == "NoSync" else None})


COLLECTORS: tuple[Collector, ...] = (
    common.declare("os", os_facts),
    common.declare("cpu", cpu),
    common.declare("memory", common.memory),
    common.declare("displays", common.displays),
    common.declare("gpu", gpu),
    common.declare("disks", local_disks),
    common.declare("network", network),
    common.declare("desk", common.desk),
    common.declare("processes", common.processes, 48_000),
    common.declare("services", services),
    common.declare("crashes", crashes, 32_000),
    common.declare("language", language),
    common.declare("clock", clock),
    common.declare("testigo", common.own, 64_000),
)
