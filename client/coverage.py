"""Warranty and protection plans: a manifest of the organisation's, matched against this device. Nothing is sent.

The manifest is TOML (``[[cover]]`` tables) or CSV (the same names as columns)::

    [[cover]]
    plan = "Protection plan Plus"      # what it is called
    product = "ThinkPad*"              # patterns with * and ?, compared without case; empty or missing: any
    serial = "PF2*"
    asset = ""
    host = "lap-*"
    from = 2026-01-01
    until = 2028-12-31
    covers = "Screen, battery, keyboard"
    excludes = "Liquids"
    claim = "Call 01 8000 123 with the asset tag"
    channel = "+57 1 8000 123"
"""

from __future__ import annotations

import csv
import platform
import tomllib
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from uploader.setting import setting

MOST_BYTES = 5_000_000
UNNAMED = "a column without a name"
DMI = Path("/sys/class/dmi/id")
"""Where Linux tells model and tags; the serial number is for root alone."""
PATTERNS = ("product", "serial", "asset", "host")
TEXTS = ("plan", "covers", "excludes", "claim", "channel")
_BLANKS = ("", "none", "default string", "to be filled by o.e.m.", "not specified", "not available", "0", "system")


@dataclass(frozen=True, slots=True)
class Coverage:
    """The section ``[coverage]`` of settings or policy."""

    file: str = setting(
        "File with warranties and plans",
        help="TOML or CSV: plan, from, until, covers, excludes, claim, and whose it is: serial, asset, product or "
        "host. Example of a CSV: plan,until,serial",
        default="",
    )
    serial: str = setting("Serial number of this device", help="Empty: as the system tells it.", default="", rare=True)
    asset: str = setting("Asset tag of this device", help="Empty: as the system tells it.", default="", rare=True)


@dataclass(frozen=True, slots=True)
class Device:
    """What this device is called; empty where the system does not tell."""

    product: str = ""
    serial: str = ""
    asset: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True)
class Cover:
    """One warranty or plan of the manifest."""

    plan: str
    product: str = ""
    serial: str = ""
    asset: str = ""
    host: str = ""
    begins: date | None = None
    ends: date | None = None
    covers: str = ""
    excludes: str = ""
    claim: str = ""
    channel: str = ""

    def fits(self, device: Device) -> bool:
        """Whether every pattern that is given fits; an entry without any is for nobody."""
        asked = [(getattr(self, name), getattr(device, name)) for name in PATTERNS if getattr(self, name)]
        return bool(asked) and all(value and _fits(value.casefold(), p.casefold()) for p, value in asked)

    def holds(self, on: date) -> bool:
        return (self.begins is None or self.begins <= on) and (self.ends is None or on <= self.ends)


def _fits(value: str, pattern: str) -> bool:
    return fnmatchcase(value, pattern.replace("[", "[[]"))  # * and ? alone mean something


class CoverageFault(Exception):
    """The manifest cannot be read. ``str()`` names the file, the entry and why, in English."""


def covers_of(manifest: Path, device: Device) -> tuple[Cover, ...]:
    """The entries for this device, those that end last first. Raises: CoverageFault."""
    found = [cover for cover in _read(manifest) if cover.fits(device)]
    return tuple(sorted(found, key=lambda cover: cover.ends or date.max, reverse=True))


def this_device(settings: Coverage) -> Device:
    """What the settings say, else the system."""
    return Device(
        _tag("product_name"),
        settings.serial.strip() or _tag("product_serial"),
        settings.asset.strip() or _tag("chassis_asset_tag"),
        platform.node(),
    )


def _tag(name: str) -> str:
    try:
        text = (DMI / name).read_text("utf-8", "replace").strip()
    except OSError:
        return ""
    return "" if text.casefold() in _BLANKS else text


def _read(manifest: Path) -> list[Cover]:
    try:
        if manifest.stat().st_size > MOST_BYTES:
            raise CoverageFault(f"{manifest}: the file is larger than {MOST_BYTES // 1_000_000} MB")
        text = manifest.read_text("utf-8-sig")
        if manifest.suffix.lower() == ".csv":
            lines = text.splitlines()
            between = ";" if lines and ";" in lines[0] else ","  # as Excel writes it where the comma is in numbers
            rows: list[dict[str, Any]] = [
                dict(row) for row in csv.DictReader(lines, restkey=UNNAMED, delimiter=between)
            ]
        else:
            rows = tomllib.loads(text).get("cover", [])
    except (OSError, ValueError, csv.Error) as error:
        raise CoverageFault(f"{manifest}: {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise CoverageFault(f"{manifest}: it wants [[cover]] tables")
    return [_cover(manifest, number, row) for number, row in enumerate(rows, 1)]


def _cover(manifest: Path, number: int, row: dict[str, Any]) -> Cover:
    def fault(why: str) -> CoverageFault:
        return CoverageFault(f"{manifest}, entry {number}: {why}")

    known = {*PATTERNS, *TEXTS, "from", "until"}
    if unknown := {str(name) for name in row} - known:
        raise fault(f"“{sorted(unknown)[0]}” is not known; it knows {', '.join(sorted(known))}")
    texts = {name: str(row.get(name) or "").strip() for name in (*PATTERNS, *TEXTS)}
    if not texts["plan"]:
        raise fault("“plan” is missing")
    days = dict[str, date | None]()
    for name, field in (("from", "begins"), ("until", "ends")):
        value = row.get(name) or None
        try:
            days[field] = date.fromisoformat(value.strip()) if isinstance(value, str) else value
        except ValueError as error:
            raise fault(f"“{value}” is no date such as 2026-12-31") from error
        if value is not None and type(days[field]) is not date:
            raise fault(f"“{name}” is no date such as 2026-12-31")
    return Cover(begins=days["begins"], ends=days["ends"], **texts)
