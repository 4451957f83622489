"""What the user or the organisation chose: typed, layered, with the origin of every value.

Layers, high to low: machine policy that locks, flags, environment (``TESTIGO_REPORT_DESK``), ``settings.toml``, machine
policy that recommends, defaults. A desk or share is one value: the highest layer that names it has all of it.
A broken ``settings.toml`` never stops the program: the last good one is used and the fault is named with its line.
A policy that is refused stops nothing either: the other layers hold, and what it may have locked is as strict as it can
be, so that no lock opens because it broke.
State is not a setting (it lives with the outbox), and secrets never stand here (they are in the keychain).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from client import policy
from client.contact import Contact
from client.coverage import Coverage
from client.rules import PLACES, Rule, fault_in, holding, judge, ruled
from client.sla import Promises
from client.toml_text import TomlFault, at, line_of, read_toml
from client.words import LANGUAGES, say
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
    rules: str = setting(
        "Other help desks for some reports",
        help="A kind (incident, petition, complaint, claim, suggestion), a priority (high, medium, low) or both, then "
        "= and the name of a help desk. Example: suggestion=ideas; incident/high=oncall. Empty: all to the same one.",
        default="", rare=True,
    )  # fmt: skip
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


@dataclass(frozen=True, slots=True)
class SharedLinks:
    seal: str = setting(
        "Seal large files", help="Sealed files are encrypted here; the service cannot read them.",
        default="share", choices=("share", "required"), strict="required",
    )  # fmt: skip
    allow_private: str = setting(
        "Imported uploaders in private networks", help="Whether a .sxcu file may send to servers of your own network.",
        default="share", choices=("share", "never", "always"), strict="never",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Security:
    plain_secrets: bool = setting(
        "Passwords in a plain file", help="Only where no keychain is open.", kind="flag", default=False,
        policy_only=True, strict=False,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Knowledge:
    folder: str = setting(
        "Folder of help articles",
        help="Markdown files. They are suggested while a subject is typed, beside those of the help desk.",
        kind="folder",
        default="",
    )
    suggest: bool = setting("Suggest articles before sending", kind="flag", default=True)


@dataclass(frozen=True, slots=True)
class Network:
    pac: str = setting(
        "Proxy script (PAC)", help="Its address or file. Empty: the system's own proxy settings.", default="", rare=True
    )


SECTIONS: dict[str, type] = {
    "general": General,
    "hotkeys": Hotkeys,
    "capture": Capture,
    "recording": Recording,
    "report": Reporting,
    "sending": Sending,
    "sharing": SharedLinks,
    "security": Security,
    "articles": Knowledge,
    "sla": Promises,
    "contact": Contact,
    "coverage": Coverage,
    "network": Network,
}
OPTIONS: dict[str, Setting] = {
    f"{section}.{part.name}": part for section, owner in SECTIONS.items() for part in settings_of(owner)
}
"""Every setting of our own by its key (``report.desk``). Adapters declare theirs under desks and shares."""


@dataclass(frozen=True, slots=True)
class Value:
    """One setting as it holds now. ``origin`` is default, environment, flag, or where the file or policy stands."""

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
    sharing: SharedLinks = field(default_factory=SharedLinks)
    security: Security = field(default_factory=Security)
    articles: Knowledge = field(default_factory=Knowledge)
    sla: Promises = field(default_factory=Promises)
    contact: Contact = field(default_factory=Contact)
    coverage: Coverage = field(default_factory=Coverage)
    network: Network = field(default_factory=Network)
    desks: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    shares: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    values: tuple[Value, ...] = ()
    fault: str = ""
    rules: tuple[Rule, ...] = ()

    def lock(self, key: str) -> str:
        """Where the policy stands that locks this key, also ``desks.NAME.FIELD``; empty: none does."""
        rule = holding(self.rules).get(ruled(key))
        return rule.source if rule and rule.level == "mandatory" else ""

    def given(self, key: str) -> str:
        """Where the policy stands that this desk or share (``desks.NAME``) comes from; empty: it is the user's own."""
        rule, (table, _, name) = holding(self.rules).get(key), key.partition(".")
        return rule.source if rule and getattr(self, table).get(name) is rule.value else ""


class SettingsFault(Exception):
    """A setting cannot be so. ``str()`` names the file's line or the key, and why, in the user's language."""


class Locked(SettingsFault):
    """A setting is not the user's to change. ``str()`` is one sentence in the user's language."""


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
    rules, values = judge(policy.read(), OPTIONS), []
    held = holding(rules)
    for key, option in OPTIONS.items():
        lowest = Value(key, option.default, "default")
        if rule := held.get(key):
            lowest = Value(key, rule.value, rule.source, locked=rule.level == "mandatory")
        try:
            mine = None if lowest.locked or option.policy_only else _chosen(key, chosen, origin, flags or {})
            values.append(mine or lowest)
        except SettingsFault as error:
            fault = fault or say("environment: {why}", why=error)
            values.append(lowest)
    parts: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for value in values:
        section, _, name = value.key.partition(".")
        parts[section][name] = value.value
    return Settings(
        **{section: owner(**parts[section]) for section, owner in SECTIONS.items()},
        desks=_places("desks", chosen.get("desks", {}), held),
        shares=_places("shares", chosen.get("shares", {}), held),
        values=tuple(values),
        fault=fault,
        rules=rules,
    )


def _chosen(
    key: str, file: Mapping[str, Mapping[str, object]], origin: str, flags: Mapping[str, object]
) -> Value | None:
    """What the user says about a setting, if anything. Raises: SettingsFault when the environment says nonsense."""
    section, _, name = key.partition(".")
    if key in flags:
        return Value(key, flags[key], "flag")
    from_environment = os.environ.get(f"TESTIGO_{section}_{name}".upper())
    if from_environment is not None:
        return Value(key, from_text(key, from_environment), "environment")
    return Value(key, file[section][name], origin) if name in file.get(section, {}) else None


def _places(table: str, mine: Mapping[str, Any], held: Mapping[str, Rule]) -> dict[str, Any]:
    """The desks or shares of all layers; each comes whole from the highest that names it."""
    found = dict(mine)
    for rule in held.values():
        of, _, name = rule.key.partition(".")
        if of == table and (rule.level == "mandatory" or name not in mine):
            found[name] = rule.value
    return found


def parse(text: str) -> dict[str, dict[str, Any]]:
    """The checked content of a ``settings.toml``.

    Raises: SettingsFault naming the line and what is wrong with it.
    """
    try:
        found = read_toml(text)
    except TomlFault as error:
        raise SettingsFault(str(error)) from error
    for section, content in found.items():
        if not isinstance(content, dict):
            why = say("“{name}” belongs into a section", name=section)
            raise SettingsFault(at(line_of(text, "", section), why))
        if section in PLACES:
            for name, values in content.items():
                if not isinstance(values, dict) or not isinstance(values.get("kind"), str):
                    why = say("{key} needs a “kind”", key=f"{section}.{name}")
                    raise SettingsFault(at(line_of(text, section, name), why))
            continue
        if section not in SECTIONS:
            known = ", ".join([*SECTIONS, *PLACES])
            why = say("there is no section “{name}”; there are {known}", name=section, known=known)
            raise SettingsFault(at(line_of(text, "", section), why))
        for name, value in content.items():
            option = OPTIONS.get(f"{section}.{name}")
            fault = fault_in(option, value) if option else say("is not a setting")
            if option and option.policy_only:
                fault = say("can only be set by your organisation")
            if fault:
                raise SettingsFault(at(line_of(text, section, name), f"{section}.{name} {fault}"))
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
    if fault := fault_in(option, value):
        raise SettingsFault(f"{key} {fault}")
    return value


def save(path: Path, changes: Mapping[str, object]) -> None:
    """Writes these settings into the file, keeping its comments and order; None removes one.

    Keys may also be ``desks.NAME.FIELD``. Raises: Locked when policy has one of them; SettingsFault when the file is
    broken (it is left as it is) or would become so; OSError.
    """
    import tomlkit

    held = holding(judge(policy.read(), OPTIONS))
    for key in changes:
        rule = held.get(ruled(key))
        if rule and rule.level == "mandatory":
            raise Locked(say("“{key}” is set by your organisation: {source}", key=key, source=rule.source))
        if key in OPTIONS and OPTIONS[key].policy_only:
            raise Locked(say("“{key}” can only be set by your organisation", key=key))
    text = path.read_text("utf-8") if path.exists() else ""
    parse(text)
    document = tomlkit.parse(text)
    for key, value in changes.items():
        *tables, name = key.split(".")
        place: Any = document
        for depth, table in enumerate(tables):
            if table not in place:
                if value is None:
                    break
                place[table] = tomlkit.table(is_super_table=table in PLACES)
                if depth == 1 and (rule := held.get(ruled(key))):  # a place is one value: the rest of it comes along
                    place[table].update(rule.value)
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
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _unreadable(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return say("the file is not UTF-8 text")
    return say("the file cannot be read") if isinstance(error, OSError) else str(error)
