"""What machine policy says of each setting, and what became of it. It knows no source: ``client.policy`` reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from client.policy import Layer, Level
from client.words import say
from uploader.setting import Setting

PLACES = ("desks", "shares")
"""Sections whose entries have names of one's own."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What machine policy says about ``key`` (``report.desk``, ``desks.NAME``), and what became of it.

    ``status``: ok, strict (holds because a source was refused), superseded, unknown, invalid, not_allowed; refused is a
    whole source, without a key. ``why`` says more in the user's language.
    """

    key: str
    value: Any
    level: Level
    source: str
    status: str = "ok"
    why: str = ""


def ruled(key: str) -> str:
    """The key under which policy speaks of ``key``: a desk or share as a whole."""
    return ".".join(key.split(".")[:2])


def holding(rules: Iterable[Rule]) -> dict[str, Rule]:
    """The rules that hold, by their key."""
    return {rule.key: rule for rule in rules if rule.status in ("ok", "strict")}


def judge(layers: Iterable[Layer], options: Mapping[str, Setting]) -> tuple[Rule, ...]:
    """What each policy says of ``options`` and of places, and whether it holds."""
    rules: list[Rule] = []
    for layer in layers:
        if layer.fault:
            rules.append(Rule("", None, layer.level, layer.source, "refused", layer.fault))
        for section, content in layer.content.items():
            for name, value in content.items() if isinstance(content, dict) else [("", content)]:
                rules.append(_judged(Rule(f"{section}.{name}".rstrip("."), value, layer.level, layer.source), options))
    broken = [rule for rule in rules if rule.level == "mandatory" and rule.status in ("refused", "invalid")]
    for key, option in options.items():
        for rule in broken if option.strict is not None else ():
            if rule.key in ("", key):
                why = say("holds because a policy cannot be read")
                rules.append(Rule(key, option.strict, "mandatory", rule.source, "strict", why))
                break
    last = holding(rules)
    return tuple(
        replace(rule, status="superseded", why=say("{source} says otherwise", source=last[rule.key].source))
        if rule.key in last and rule.status in ("ok", "strict") and last[rule.key] is not rule
        else rule
        for rule in rules
    )


def _judged(rule: Rule, options: Mapping[str, Setting]) -> Rule:
    table, _, name = rule.key.partition(".")
    if table in PLACES and name:
        if not re.fullmatch(r"[\w-]+", name) or not isinstance(rule.value, dict):
            return replace(rule, status="invalid", why=say("a name has letters, digits, - and _"))
        if not isinstance(rule.value.get("kind"), str):
            return replace(rule, status="invalid", why=say("{key} needs a “kind”", key=rule.key))
        return rule
    option = options.get(rule.key)
    if option is None:
        return replace(rule, status="unknown", why=say("is not a setting"))
    value = option.meant(rule.value)
    if why := fault_in(option, value):
        return replace(rule, status="invalid", why=why)
    if option.policy_only and rule.level == "recommended":
        return replace(rule, status="not_allowed", why=say("can only be locked, not recommended"))
    return replace(rule, value=value)


def fault_in(option: Setting, value: object) -> str:
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
