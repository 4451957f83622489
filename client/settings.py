"""What the user or the organisation chose: typed, layered, with the origin of every value.

Layers, high to low: flags, environment (``TESTIGO_REPORT_DESK``), ``settings.toml``, defaults. A broken
``settings.toml`` never stops the program: the last good one is used and the fault is named with its line.
State is not a setting (it lives with the outbox), and secrets never stand here (they are in the keychain).
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from client.words import LANGUAGES, language, say
from uploader.setting import Setting, setting, settings_of


@dataclass(frozen=True, slots=True)
class General:
    language: str = setting("Language", default="auto", choices=("auto", *LANGUAGES))
    theme: str = setting("Appearance", default="auto", choices=("auto", "light", "dark"))
    name: str = setting("Your name", help="So that the help desk knows whom to answer.", default="")
    mail: str = setting("Your e-mail", help="Where the help desk answers.", default="")


@dataclass(frozen=True, slots=True)
class Hotkeys:
    region: str = setting("Capture a region", kind="keys", default="Print")
    window: str = setting("Capture a window", kind="keys", default="Alt+Print")
    record: str = setting("Record", kind="keys", default="Ctrl+Shift+G")
    report: str = setting("Report a problem", kind="keys", default="Ctrl+Shift+R")


@dataclass(frozen=True, slots=True)
class Capture:
    delay_s: float = setting("Delay of a delayed capture, in seconds", kind="number", default=3.0, least=1, most=60)
    cursor: bool = setting("Show the mouse pointer", kind="flag", default=False)


@dataclass(frozen=True, slots=True)
class Recording:
    fps: int = setting("Pictures per second", kind="number", default=15, least=1, most=60)
    minutes: float = setting("Stop by itself after, in minutes", kind="number", default=30.0, least=1, most=600)
    cursor: bool = setting("Show the mouse pointer", kind="flag", default=True)


@dataclass(frozen=True, slots=True)
class Reporting:
    desk: str = setting("Help desk", help="Empty: the folder on this computer.", default="")
    share: str = setting("Share for large files", help="Empty: the folder on this computer.", default="")
    diagnostics: str = setting(
        "Diagnostics",
        help="You always review them first.",
        default="standard",
        choices=("none", "quick", "standard"),
    )


@dataclass(frozen=True, slots=True)
class Sending:
    limit_kb_per_s: float = setting(
        "Send at most, in kB per second", help="0: as fast as it goes.", kind="number", default=0.0, least=0, most=1e6
    )
    metered: str = setting(
        "Large files over a network that costs by the byte", default="ask", choices=("ask", "send"),
        help="“Ask first”: they wait until you decide.",
    )  # fmt: skip


SECTIONS: dict[str, type] = {
    "general": General,
    "hotkeys": Hotkeys,
    "capture": Capture,
    "recording": Recording,
    "report": Reporting,
    "sending": Sending,
}
OPTIONS: dict[str, Setting] = {
    f"{section}.{part.name}": part for section, owner in SECTIONS.items() for part in settings_of(owner)
}
"""Every setting of our own by its key (``report.desk``). Adapters declare theirs under desks and shares."""


@dataclass(frozen=True, slots=True)
class Value:
    """One setting as it holds now. ``origin`` is default, environment, flag or the file's path."""

    key: str
    value: object
    origin: str
    locked: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """All that holds now. ``fault`` says in the user's language what is wrong with the file; empty: nothing."""

    general: General = field(default_factory=General)
    hotkeys: Hotkeys = field(default_factory=Hotkeys)
    capture: Capture = field(default_factory=Capture)
    recording: Recording = field(default_factory=Recording)
    report: Reporting = field(default_factory=Reporting)
    sending: Sending = field(default_factory=Sending)
    desks: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    shares: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    values: tuple[Value, ...] = ()
    fault: str = ""


class SettingsFault(Exception):
    """A setting cannot be so. ``str()`` names the file's line or the key, and why, in the user's language."""


def load(path: Path, last_good: Path, flags: Mapping[str, object] | None = None) -> Settings:
    """The settings that hold. A broken file at ``path`` is told in ``fault`` and replaced by ``last_good``."""
    fault, origin = "", str(path)
    try:
        text = path.read_text("utf-8") if path.exists() else ""
        chosen = parse(text)
        if not last_good.exists() or last_good.read_text("utf-8") != text:
            write_text(last_good, text)
    except (SettingsFault, OSError, UnicodeDecodeError) as error:
        fault = f"{path}: {_unreadable(error)}"
        try:
            chosen = parse(last_good.read_text("utf-8")) if last_good.exists() else {}
            origin = str(last_good)
        except (SettingsFault, OSError, UnicodeDecodeError):
            chosen = {}
    values = []
    for key, option in OPTIONS.items():
        section, _, name = key.partition(".")
        from_environment = os.environ.get(f"TESTIGO_{section}_{name}".upper())
        if flags and key in flags:
            values.append(Value(key, flags[key], "flag"))
        elif from_environment is not None:
            try:
                values.append(Value(key, from_text(key, from_environment), "environment"))
                continue
            except SettingsFault as error:
                fault = fault or say("environment: {why}", why=error)
            values.append(Value(key, option.default, "default"))
        elif name in chosen.get(section, {}):
            values.append(Value(key, chosen[section][name], origin))
        else:
            values.append(Value(key, option.default, "default"))
    parts: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for value in values:
        section, _, name = value.key.partition(".")
        parts[section][name] = value.value
    return Settings(
        **{section: owner(**parts[section]) for section, owner in SECTIONS.items()},
        desks=chosen.get("desks", {}),
        shares=chosen.get("shares", {}),
        values=tuple(values),
        fault=fault,
    )


def parse(text: str) -> dict[str, dict[str, Any]]:
    """The checked content of a ``settings.toml``.

    Raises: SettingsFault naming the line and what is wrong with it.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsFault(_with_line(str(error))) from error
    for section, content in found.items():
        if not isinstance(content, dict):
            why = say("“{name}” belongs into a section", name=section)
            raise SettingsFault(_at(_line(text, "", section), why))
        if section in ("desks", "shares"):
            for name, values in content.items():
                if not isinstance(values, dict) or not isinstance(values.get("kind"), str):
                    why = say("{key} needs a “kind”", key=f"{section}.{name}")
                    raise SettingsFault(_at(_line(text, section, name), why))
            continue
        if section not in SECTIONS:
            known = ", ".join([*SECTIONS, "desks", "shares"])
            why = say("there is no section “{name}”; there are {known}", name=section, known=known)
            raise SettingsFault(_at(_line(text, "", section), why))
        for name, value in content.items():
            option = OPTIONS.get(f"{section}.{name}")
            fault = _fault(option, value) if option else say("is not a setting")
            if fault:
                raise SettingsFault(_at(_line(text, section, name), f"{section}.{name} {fault}"))
    return found


def from_text(key: str, text: str) -> object:
    """The value of setting ``key`` from the words of a command line or the environment.

    Raises: SettingsFault when there is no such setting or the value is not allowed.
    """
    option = OPTIONS.get(key)
    if option is None:
        raise SettingsFault(say("there is no setting “{key}”", key=key))
    value: object = text
    if option.kind == "flag":
        value = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}.get(text.lower(), text)
    elif option.kind == "number":
        try:
            value = float(text) if isinstance(option.default, float) or "." in text else int(text)
        except ValueError:
            value = text
    if fault := _fault(option, value):
        raise SettingsFault(f"{key} {fault}")
    return value


def save(path: Path, changes: Mapping[str, object]) -> None:
    """Writes these settings into the file, keeping its comments and order; None removes one.

    Keys may also be ``desks.NAME.FIELD``. Raises: SettingsFault when the file is broken (it is left as it is)
    or would become so; OSError.
    """
    import tomlkit

    text = path.read_text("utf-8") if path.exists() else ""
    parse(text)
    document = tomlkit.parse(text)
    for key, value in changes.items():
        *tables, name = key.split(".")
        place: Any = document
        for table in tables:
            if table not in place:
                if value is None:
                    break
                place[table] = tomlkit.table(is_super_table=table in ("desks", "shares"))
            place = place[table]
        else:
            if value is None:
                place.pop(name, None)
            else:
                place[name] = value
    text = tomlkit.dumps(document)
    parse(text)
    write_text(path, text)


def write_text(path: Path, text: str) -> None:
    """Replaces a small text file at once: a reader sees the old or the new one, never half."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _at(line: int, why: str) -> str:
    return say("line {line}: {why}", line=line, why=why)


def _unreadable(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return say("the file is not UTF-8 text")
    return say("the file cannot be read") if isinstance(error, OSError) else str(error)


def _fault(option: Setting, value: object) -> str:
    """What is wrong with ``value`` in one clause of the user's language; empty when nothing is."""
    clause = option.fault(value)
    if clause.startswith("must lie between"):
        return say("must lie between {least} and {most}", least=option.least, most=option.most)
    if clause.startswith("must be one of"):
        return say("must be one of {choices}", choices=", ".join(option.choices))
    return {
        "must be true or false": say("must be true or false"),
        "must be a number": say("must be a number"),
        "must be text": say("must be text"),
    }.get(clause, clause)


def _line(text: str, section: str, name: str) -> int:
    """The line on which ``name`` stands (as a key or a table), 1 when it cannot be told."""
    inside = not section
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line)
        if header:
            title = header[1].replace('"', "").replace(" ", "")
            if title in (f"{section}.{name}".lstrip("."), name if not section else ""):
                return number
            inside = title == section if section else False
        elif inside and re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*[=.]", line):
            return number
    return 1


def _with_line(message: str) -> str:
    """tomllib says ``… (at line 3, column 5)``; people look for the line first."""
    found = re.search(r"^(.*) \(at (?:line (\d+), column (\d+)|end of document)\)$", message, re.DOTALL)
    if not found:
        return _toml_fault(message)
    if not found[2]:
        return say("at the end of the file: {why}", why=_toml_fault(found[1]))
    return say("line {line}, column {column}: {why}", line=found[2], column=found[3], why=_toml_fault(found[1]))


def _toml_fault(message: str) -> str:
    """tomllib's words in the user's language; what it says rarely is told by its place alone."""
    if language() == "en":
        return message
    if message.startswith(("Cannot overwrite", "Cannot declare", "Cannot redefine", "Duplicate")):
        return say("this stands there twice")
    if message.startswith("Unclosed array"):
        return say("a list is not closed")
    if message.startswith(("Unterminated string", "Expected '\"", 'Expected "')):
        return say("a text is not closed with its quotation mark")
    return {
        "Invalid value": say("this is not a value; text needs quotation marks"),
        "Expected '=' after a key in a key/value pair": say("a “=” is missing after the name"),
        "Expected ']' at the end of a table declaration": say("a “]” is missing"),
        "Expected newline or end of document after a statement": say("there is more on the line than one setting"),
    }.get(message, say("this is not TOML"))
