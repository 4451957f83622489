"""``policy``: what the organisation has set, where it stands and what became of it; and a look at a file beforehand."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from client import policy as sources
from client.cli import outcome
from client.cli.outcome import FORBIDDEN, USAGE, Failure, Result, usage
from client.paths import Paths
from client.rules import PLACES, Rule, fault_in, judge
from client.session import Session
from client.settings import OPTIONS
from client.words import reason, say
from uploader.errors import InvalidField

WRONG = ("refused", "invalid", "unknown", "not_allowed")


def add_policy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", default="show", choices=("show", "check", "templates"))
    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help=say("a policy to look at, before it is used")
    )
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help=say("the folder where the templates go"))


def policy(arguments: argparse.Namespace, paths: Paths) -> Result:
    session = Session(paths)
    if arguments.what == "show":
        return _told(arguments, session, session.settings.rules), outcome.DONE
    if arguments.what == "templates":
        return _templates(arguments), outcome.DONE
    if arguments.file is None:
        raise usage(say("say which file: testigo policy check FILE"))
    if not arguments.file.is_file():
        raise Failure("not_found", say("“{name}” is not a file that can be read", name=arguments.file), USAGE)
    rules = judge((sources.check(arguments.file),), OPTIONS)
    desks = [rule.key.removeprefix("desks.") for rule in rules if rule.key.startswith("desks.")]
    rules = tuple(
        each
        for rule in rules
        if rule.status != "strict"
        for each in (*_in_place(rule, session), *_in_rules(rule, session, desks), rule)
    )
    wrong = any(rule.status in WRONG for rule in rules)
    return _told(arguments, session, rules), FORBIDDEN if wrong else outcome.DONE


def _templates(arguments: argparse.Namespace) -> dict[str, Any]:
    from client.settings import write_text
    from client.templates import templates

    folder = arguments.output
    if folder is None or folder.is_file():
        raise usage(say("say in which folder: testigo policy templates -o DIR"))
    written = []
    for name, text in templates().items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        write_text(place, text)
        written.append(str(place))
    if not arguments.json:
        print("\n".join(written))
    return {"files": written}


def _in_place(rule: Rule, session: Session) -> Iterator[Rule]:
    """What the desk's or share's own kind says against a rule."""
    table, _, _ = rule.key.partition(".")
    if table not in PLACES or rule.status != "ok":
        return
    kinds = session.places.declared(table.removesuffix("s"))
    kind, values = rule.value["kind"], rule.value
    if kind not in kinds:
        why = say("must be one of {choices}", choices=", ".join(kinds))
        yield replace(rule, key=f"{rule.key}.kind", value=kind, status="invalid", why=why)
        return
    known = {part.name: part for part in kinds[kind]}
    for name, value in values.items():
        part = known.get(name)
        if part is None and name != "kind":
            yield replace(rule, key=f"{rule.key}.{name}", value=value, status="unknown", why=say("is not a setting"))
        elif part is not None and (why := fault_in(part, part.meant(value))):
            yield replace(rule, key=f"{rule.key}.{name}", value=value, status="invalid", why=why)
    for name in (part.name for part in known.values() if part.required and part.kind != "secret"):
        if name not in values:
            yield replace(rule, key=f"{rule.key}.{name}", value=None, status="invalid", why=say("is missing"))


def _in_rules(rule: Rule, session: Session, desks: list[str]) -> Iterator[Rule]:
    """A rule to a desk that neither this policy nor the settings here name; hours and promises that cannot be read."""
    if rule.status != "ok":
        return
    try:
        if rule.key == "report.rules":
            session.places.check_rules(str(rule.value), desks)
        session.support.check(rule.key, str(rule.value))
    except InvalidField as error:
        yield replace(rule, status="unknown" if rule.key == "report.rules" else "invalid", why=reason(error))


def _told(arguments: argparse.Namespace, session: Session, rules: tuple[Rule, ...]) -> dict[str, Any]:
    secrets = {
        part.name
        for table in PLACES
        for parts in session.places.declared(table.removesuffix("s")).values()
        for part in parts
        if part.kind == "secret"
    }
    rows = [
        {"key": rule.key, "value": _masked(rule, secrets), "level": rule.level, "source": rule.source,
         "status": rule.status, "detail": rule.why}
        for rule in rules
    ]  # fmt: skip
    if not arguments.json:
        for row in rows:
            words = f"{row['status']} {row['detail']}".rstrip()
            print(f"{row['key'] or '–':<28} {row['value']!s:<20} {row['level']:<12} {row['source']}  {words}")
        if not rows:
            outcome.say_aloud(say("Your organisation has set nothing here."))
    return {"policies": rows}


def _masked(rule: Rule, secrets: set[str]) -> object:
    if isinstance(rule.value, dict):
        return {name: "•••" if name in secrets else value for name, value in rule.value.items()}
    return "•••" if rule.key.rpartition(".")[2] in secrets and rule.key.startswith(PLACES) else rule.value
