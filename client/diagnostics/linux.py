"""Collectors of Linux: /proc, /sys, and a few programs where they are installed."""

from __future__ import annotations

import json
import os
import platform
import time
from contextlib import suppress
from pathlib import Path

import psutil

from client.diagnostics import common
from client.diagnostics.collector import Absent, Collector, Context, Facts, pairs, span, table
from client.diagnostics.command import TooSlow, ask
from client.diagnostics.disks import disks
from client.diagnostics.journal import crashes, journal
from client.diagnostics.network import network
from client.words import say

SYSTEMD = Path("/run/systemd/system")
_SOFTWARE_DRIVERS = frozenset({"simpledrm", "simple-framebuffer", "vesafb", "efifb", "vgem", "bochs-drm", "cirrus"})


def read(path: str) -> str:
    """A small file of /proc or /sys, stripped; empty when it is not there or not for us."""
    try:
        return Path(path).read_text("utf-8", "replace").strip().replace("\0", "")
    except OSError:
        return ""


def os_facts(context: Context) -> Facts:
    release: dict[str, str] = {}
    with suppress(OSError):
        release = platform.freedesktop_os_release()
    reboot = Path("/run/reboot-required").exists() or Path("/var/run/reboot-required").exists()
    sandbox = _sandbox()
    model = " ".join(filter(None, (read(f"/sys/class/dmi/id/{part}") for part in ("sys_vendor", "product_name"))))
    up_s = common.uptime_s()
    text = pairs(
        (
            ("System", release.get("PRETTY_NAME") or platform.system()),
            ("Kernel", f"{platform.release()} {platform.machine()}"),
            ("Built", platform.version()),
            ("Model", model),
            ("Desktop", os.environ.get("XDG_CURRENT_DESKTOP", "")),
            ("Session", os.environ.get("XDG_SESSION_TYPE") or _session_by_display()),
            ("Window manager", os.environ.get("DESKTOP_SESSION", "")),
            ("Sandbox", f"{sandbox}: the rest of the machine may be hidden from Testigo" if sandbox else ""),
            ("Started", common.moment(psutil.boot_time())),
            ("Up for", span(up_s)),
            ("Restart pending", "yes, after an update" if reboot else "no"),
        )
    )
    return Facts(text, {"uptime_s": up_s, "reboot_pending": reboot, "sandbox": sandbox})


def _session_by_display() -> str:
    return "wayland" if os.environ.get("WAYLAND_DISPLAY") else "x11" if os.environ.get("DISPLAY") else "none"


def _sandbox() -> str:
    if os.environ.get("FLATPAK_ID") or Path("/.flatpak-info").exists():
        return "Flatpak"
    if os.environ.get("SNAP"):
        return "Snap"
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return "container"
    return ""


def cpu(context: Context) -> Facts:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in read("/proc/cpuinfo").splitlines()
            if line.startswith("model name")
        ),
        "",
    )
    return common.cpu(context, model)


def memory(context: Context) -> Facts:
    facts = common.memory(context)
    pressure = read("/proc/pressure/memory").splitlines()
    stalled = next(
        (line.split("avg60=")[1].split()[0] for line in pressure if line.startswith("full ") and "avg60=" in line), ""
    )
    text = facts.text + (f"\nStalled for it:  {stalled} % of the last minute" if float(stalled or 0) else "")
    return Facts(text, facts.values)


def gpu(context: Context) -> Facts:
    """Cards and their drivers; what draws the screen where ``glxinfo`` can tell."""
    cards = _cards(Path("/sys/class/drm"))
    told, missing = [], []
    for words in (("lspci", "-mm"), ("glxinfo", "-B")):
        try:
            told.append(ask(words, context, limit_s=2.5).text)
        except (Absent, TooSlow) as why:
            told.append("")
            missing.append(str(why))
    renderer = parse_glxinfo(told[1])
    parts = (
        table(("Card", "Driver", "Vendor:device"), cards) if cards else "No graphics card is visible to the system",
        "\n".join(parse_lspci(told[0])),
        pairs((("Drawn by", renderer or "unknown"), ("Not asked", "; ".join(missing)))),
    )
    drivers = [driver for _, driver, _ in cards]
    software = any(word in renderer.lower() for word in ("llvmpipe", "softpipe", "swrast", "software"))
    software = software or (bool(drivers) and set(drivers) <= _SOFTWARE_DRIVERS)
    values: dict[str, object] = {"drivers": drivers, "renderer": renderer, "software": software}
    text = "\n\n".join(part for part in parts if part)
    return Facts(text, values, "ok" if cards else "partial", "" if cards else "; ".join(missing))


def _cards(folder: Path) -> list[tuple[str, str, str]]:
    """(card, driver, vendor:device) of each graphics card."""
    found = []
    for card in sorted(folder.glob("card[0-9]")) if folder.is_dir() else ():
        driver = card / "device/driver"
        name = Path(os.path.realpath(driver)).name if driver.exists() else "?"
        found.append(
            (card.name, name, f"{read(str(card / 'device/vendor'))}:{read(str(card / 'device/device'))}".strip(":"))
        )
    return found


def parse_lspci(text: str) -> list[str]:
    """Lines of graphics cards out of ``lspci -mm``."""
    found = []
    for line in text.splitlines():
        fields = [part for part in line.split('"') if part.strip()]
        if len(fields) >= 4 and any(word in fields[1] for word in ("VGA", "3D", "Display")):
            found.append(f"{fields[1]}: {fields[2]} {fields[3]}")
    return found


def parse_glxinfo(text: str) -> str:
    lines = dict(line.strip().split(": ", 1) for line in text.splitlines() if ": " in line)
    return " ".join(filter(None, (lines.get("OpenGL renderer string", ""), lines.get("OpenGL version string", ""))))


def services(context: Context) -> Facts:
    """Units of the system and of this user that failed."""
    if not SYSTEMD.is_dir():
        raise Absent(say("{program} does not run here", program="systemd"))
    rows: list[tuple[str, str, str]] = []
    missing = []
    for scope in ("system", "user"):
        try:
            answer = ask(("systemctl", f"--{scope}", "--failed", "-o", "json", "--no-pager"), context, limit_s=3)
            rows += [(scope, *unit) for unit in parse_units(answer.text)]
        except TooSlow as why:
            missing.append(f"{scope}: {why}")
        except ValueError:
            missing.append(f"{scope}: " + say("{program} gave an answer nobody understands", program="systemctl"))
    text = table(("Scope", "Unit", "What"), rows) if rows else "No failed services"
    if missing:
        text += "\nNot asked: " + "; ".join(missing)
    names = [unit for _, unit, _ in rows]
    return Facts(text, {"failed": names}, "partial" if missing else "ok", "; ".join(missing))


def parse_units(text: str) -> list[tuple[str, str]]:
    """(unit, description) out of ``systemctl -o json``.

    Raises: ValueError when it is no such list.
    """
    found = json.loads(text)
    return [(str(unit["unit"]), str(unit.get("description", ""))) for unit in found]


def language(context: Context) -> Facts:
    names = (
        "LANG",
        "LANGUAGE",
        "LC_ALL",
        "LC_MESSAGES",
        "LC_TIME",
        "LC_NUMERIC",
        "LC_CTYPE",
        "GTK_IM_MODULE",
        "QT_IM_MODULE",
        "XMODIFIERS",
    )
    keyboard = [line for line in read("/etc/default/keyboard").splitlines() if line.startswith("XKB")]
    missing = ""
    try:
        if os.environ.get("DISPLAY"):
            keyboard = ask(("setxkbmap", "-query"), context, limit_s=1).text.splitlines() or keyboard
    except (Absent, TooSlow) as why:
        missing = str(why)
    zone = read("/etc/timezone") or os.path.realpath("/etc/localtime").partition("zoneinfo/")[2]
    text = pairs(
        (
            *((name, os.environ.get(name, "")) for name in names),
            ("Time zone", f"{zone} {time.strftime('%Z %z')}".strip()),
            ("Keyboard", ", ".join(" ".join(line.replace('"', "").replace("=", " ").split()) for line in keyboard)),
        )
    )
    return Facts(text, {"lang": os.environ.get("LANG", "")}, "partial" if missing else "ok", missing)


def clock(context: Context) -> Facts:
    """Whether the clock is kept right by the network."""
    answer = ask(("timedatectl", "show"), context, limit_s=3)
    told = parse_show(answer.text)
    if not told:
        if not SYSTEMD.is_dir():
            raise Absent(say("{program} does not run here", program="systemd"))
        told_why = next(iter(answer.errors.strip().splitlines()), "?")
        raise Absent(say("{program} gave no answer: {why}", program="timedatectl", why=told_why))
    synchronised = {"yes": True, "no": False}.get(told.get("NTPSynchronized", ""))
    text = pairs(
        (
            ("Time here", common.moment(time.time())),
            ("Time zone", told.get("Timezone", "")),
            ("Set by network", told.get("NTP", "")),
            ("Right", {True: "synchronised", False: "not synchronised", None: "unknown"}[synchronised]),
            ("Hardware clock", "local time" if told.get("LocalRTC") == "yes" else "UTC"),
        )
    )
    return Facts(text, {"synchronised": synchronised, "ntp": told.get("NTP") == "yes"})


def parse_show(text: str) -> dict[str, str]:
    """``key=value`` lines."""
    return {key: value for key, mark, value in (line.partition("=") for line in text.splitlines()) if mark}


COLLECTORS: tuple[Collector, ...] = (
    common.declare("os", os_facts),
    common.declare("cpu", cpu),
    common.declare("memory", memory),
    common.declare("displays", common.displays),
    common.declare("gpu", gpu),
    common.declare("disks", disks),
    common.declare("network", network),
    common.declare("desk", common.desk),
    common.declare("processes", common.processes, 48_000),
    common.declare("services", services),
    common.declare("journal", journal, 400_000),
    common.declare("crashes", crashes, 32_000),
    common.declare("language", language),
    common.declare("clock", clock),
    common.declare("testigo", common.own, 64_000),
)
