"""Connections, routes, name servers and proxy of this machine. Asks no one outside; no names of wireless networks."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from pathlib import Path

import psutil

from client.diagnostics.collector import Absent, Context, Facts, pairs, table
from client.diagnostics.command import TooSlow, ask
from client.diagnostics.common import environment_proxies
from client.words import say

_VPN = ("tun", "tap", "wg", "ppp", "ipsec", "gpd", "cscotun", "tailscale", "zt", "nordlynx")


def interfaces() -> tuple[str, list[str]]:
    """A table of the connections, and the names of those that are up and look like a VPN."""
    states, rows, tunnels = psutil.net_if_stats(), [], []
    for name, addresses in sorted(psutil.net_if_addrs().items()):
        state = states.get(name)
        up = bool(state and state.isup)
        shown = [a.address.partition("%")[0] for a in addresses if a.family in (socket.AF_INET, socket.AF_INET6)]
        if name.startswith(_VPN) and up:
            tunnels.append(name)
        speed = f"{state.speed} Mb/s" if state and state.speed else ""
        rows.append((name, "up" if up else "down", speed, state.mtu if state else "", " ".join(shown)))
    return table(("Interface", "State", "Speed", "MTU", "Addresses"), rows), tunnels


def network(context: Context) -> Facts:
    shown, tunnels = interfaces()
    routes, missing = _routes(context)
    defaults = [route for route in routes if route[0] == "default"]
    system_proxy, why = _system_proxy(context)
    missing += [why] if why else []
    proxies = environment_proxies()
    text = "\n\n".join(
        (
            shown,
            table(("Route", "Through", "By"), routes[:60]) if routes else "No routes",
            pairs(
                (
                    ("Name servers", " ".join(name_servers()) or "none"),
                    ("VPN", " ".join(tunnels) or "none seen"),
                    ("Proxy of the system", system_proxy or ("unknown" if why else "none")),
                    *((f"Proxy, {name}", value) for name, value in proxies),
                    ("Proxy of environment", "" if proxies else "none"),
                )
            ),
        )
    )
    values: dict[str, object] = {
        "default_routes": len(defaults),
        "proxy_environment": bool([name for name, _ in proxies if name != "no_proxy"]),
        "proxy_system": None if why else bool(system_proxy),
        "name_servers": len(name_servers()),
    }
    return Facts(text, values, "partial" if missing else "ok", "; ".join(missing))


def _routes(context: Context) -> tuple[list[tuple[str, str, str]], list[str]]:
    try:
        return parse_routes(ask(("ip", "-j", "route", "show"), context, limit_s=1.5).text), []
    except (Absent, TooSlow, ValueError):
        return parse_proc_routes(_lines("/proc/net/route")), []


def parse_routes(text: str) -> list[tuple[str, str, str]]:
    """(destination, gateway, interface) out of ``ip -j route``.

    Raises: ValueError when it is not that.
    """
    return [(str(r["dst"]), str(r.get("gateway", "direct")), str(r.get("dev", ""))) for r in json.loads(text or "[]")]


def parse_proc_routes(lines: list[str]) -> list[tuple[str, str, str]]:
    """The same out of /proc/net/route, whose addresses are little-endian hexadecimal."""
    found = []
    for line in lines[1:]:
        fields = line.split()
        if len(fields) >= 8:
            destination, gateway, mask = (socket.inet_ntoa(bytes.fromhex(fields[i])[::-1]) for i in (1, 2, 7))
            prefix = sum(bin(int(octet)).count("1") for octet in mask.split("."))
            name = "default" if destination == "0.0.0.0" and not prefix else f"{destination}/{prefix}"  # noqa: S104
            found.append((name, gateway if gateway != "0.0.0.0" else "direct", fields[0]))  # noqa: S104
    return found


def _lines(path: str) -> list[str]:
    with suppress(OSError):
        return Path(path).read_text("utf-8", "replace").splitlines()
    return []


def name_servers() -> list[str]:
    """As the resolver uses them; behind systemd's stub, those it asks."""
    found: list[str] = []
    for path in ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"):
        found = [line.split()[1] for line in _lines(path) if line.startswith("nameserver") and len(line.split()) > 1]
        if found and found != ["127.0.0.53"]:
            break
    return found


def _system_proxy(context: Context) -> tuple[str, str]:
    """The desktop's proxy (empty: none), and why it is not known."""
    desktop = os.environ.get("XDG_CURRENT_DESKTOP", "").lower()
    if "kde" in desktop:
        return parse_kde_proxy(_lines(str(Path.home() / ".config/kioslaverc"))), ""
    try:
        answer = ask(("gsettings", "list-recursively", "org.gnome.system.proxy"), context, limit_s=1.5)
    except (Absent, TooSlow) as why:
        return "", str(why)
    return (
        ("", say("{program} knows no proxy", program="gsettings"))
        if answer.code
        else (parse_gnome_proxy(answer.text), "")
    )


def parse_gnome_proxy(text: str) -> str:
    """Mode and servers out of ``gsettings list-recursively``; names of users and passwords are not read."""
    told: dict[str, str] = {}
    for line in text.splitlines():
        schema, _, rest = line.partition(" ")
        key, _, value = rest.partition(" ")
        told[f"{schema.removeprefix('org.gnome.system.proxy').strip('.')}.{key}".strip(".")] = value.strip("'")
    mode = told.get("mode", "none")
    if mode == "none":
        return ""
    if mode == "auto":
        return f"automatic {told.get('autoconfig-url', '')}".strip()
    servers = [
        f"{kind} {told[kind + '.host']}:{told.get(kind + '.port', '')}"
        for kind in ("http", "https", "socks")
        if told.get(f"{kind}.host")
    ]
    return ", ".join(servers)


def parse_kde_proxy(lines: list[str]) -> str:
    told = dict(line.split("=", 1) for line in lines if "=" in line)
    kinds = {"1": "manual", "2": "automatic", "3": "found by itself", "4": "from the environment"}
    return kinds.get(told.get("ProxyType", "0"), "")
