"""``desk``, ``settings``, ``logs``, ``version``: where things go and how they are set."""

from __future__ import annotations

import argparse
import getpass
import platform
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from client.cli import outcome
from client.cli.outcome import FORBIDDEN, Failure, Result, usage
from client.paths import Paths
from client.places import DEFAULT
from client.session import Session
from client.settings import OPTIONS, from_text
from client.setup import step_words
from client.version import program_version
from client.words import detail, reason, say
from uploader.errors import UploaderError
from uploader.probe import walk
from uploader.setting import Secret, Setting, settings_of
from uploader.ticket import Desk, Share


def add_desk(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("list", "find", "check", "login", "logout"))
    parser.add_argument("name", nargs="?", default="", help=say("a name from the settings; for find: an address"))


def desk(arguments: argparse.Namespace, paths: Paths) -> Result:
    session = Session(paths)
    if arguments.what == "list":
        known, chosen = session.settings.desks, session.settings.report.desk
        return list_places(arguments, "desks", session.places.desk_names(), known, chosen)
    if arguments.what == "find":
        return _find(arguments, session)
    if arguments.what == "check":
        return _walk(arguments, session)
    with outcome.nothing_waits():
        return credentials(arguments, session, session.places.desk(arguments.name), "desk")


def _find(arguments: argparse.Namespace, session: Session) -> Result:
    """Which desk lives at an address."""
    if not arguments.name:
        raise usage(say("say where: testigo desk find ADDRESS"))
    found = session.setup.recognise(arguments.name)
    if not found.kind:
        why = found.trouble or say("no help desk that we know answers there")
        raise Failure("not_found", why, outcome.REFUSED)
    if not arguments.json:
        print(f"{found.kind}  {detail(found.title, {})}")
        for name, value in found.values.items():
            print(f"  {name} = {value}")
    return {"ok": True, "detail": detail(found.title, {}), "kind": found.kind, "settings": dict(found.values)}, 0


def _walk(arguments: argparse.Namespace, session: Session) -> Result:
    """Each step of the way to a desk; the first that fails decides, and what failed behind it says how to end."""
    desk, faults = session.places.desk(arguments.name), list[UploaderError]()

    def check() -> None:
        try:
            session.places.check("desk", arguments.name)
        except UploaderError as error:
            faults.append(error)
            raise

    steps = tuple(walk(desk.doors, check))
    if not arguments.json:
        for step in steps:
            print(f"{'✓' if step.ok else '✗'} {step_words(step)}")
    failed = next((step for step in steps if not step.ok), None)
    words = step_words(failed) if failed else say("It works.")
    listed = [{"id": step.name, "ok": step.ok, "detail": step_words(step)} for step in steps]
    code = outcome.DONE if failed is None else outcome.REFUSED
    if faults and (failure := outcome.classify(faults[0])) is not None:
        code = failure.exit_code
    return {"ok": failed is None, "detail": words, "steps": listed}, code


def list_places(arguments: argparse.Namespace, key: str, names: tuple[str, ...], known: Any, chosen: str) -> Result:
    """What the settings name, the chosen one marked."""
    kinds = {name: str(known.get(name, {}).get("kind", DEFAULT)) for name in names}
    found = [{"name": name, "kind": kinds[name], "chosen": name == chosen or len(names) == 1} for name in names]
    if not arguments.json:
        for place in found:
            print(f"{place['name']:<20} {place['kind']}{'  *' if place['chosen'] else ''}")
    return {"ok": True, "detail": "", key: found}, outcome.DONE


def credentials(arguments: argparse.Namespace, session: Session, adapter: Desk | Share, what: str) -> Result:
    """``check``, ``login`` and ``logout`` of a desk or share. No secret is ever an argument."""
    if arguments.what == "check":
        session.places.check(what, arguments.name)
        return ok(arguments, say("It works."))
    if not arguments.name:
        raise usage(say("say whose password it is: a name from the settings"))
    wanted = [part for part in settings_of(type(adapter)) if part.kind == "secret"]
    if arguments.what == "logout":
        removed = session.places.logout(arguments.name, tuple(part.name for part in wanted))
        return ok(arguments, say("The password was removed.") if removed else say("There was no password."))
    if not wanted:
        raise usage(say("“{name}” needs no password", name=arguments.name))
    if session.places.signs_in(what, arguments.name) and sys.stdin.isatty():
        for part in wanted:
            if part.name == "refresh_token" or getattr(adapter, part.name):
                continue
            if typed := _typed(part):  # what the browser does not give: a secret of the app
                session.places.login(arguments.name, Secret(typed), part.name, first=part is wanted[0])
        session.places.sign_in(what, arguments.name, _show)
        return ok(arguments, say("You are signed in."))
    given = {part.name: _typed(part) for part in wanted}
    if not any(given.values()):
        raise usage(say("nothing was typed"))
    for part in wanted:
        if given.get(part.name):
            session.places.login(arguments.name, Secret(given[part.name]), part.name, first=part is wanted[0])
    return ok(arguments, say("The password is in your keychain."))


def _typed(part: Setting) -> str:
    """One secret from the terminal, or a line of standard input. Raises: Failure."""
    text = ask_secret(detail(part.title, {}))
    if not text and part.required:
        raise usage(say("nothing was typed"))
    return text


def ask_secret(title: str) -> str:
    """Typed unseen, or a line of standard input."""
    return getpass.getpass(f"{title}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")


def _show(url: str) -> None:
    """Opens an address for signing in; the address also stands on the terminal, for another browser."""
    import subprocess

    from client.paths import open_with_system

    outcome.say_aloud(say("Sign in here: {url}", url=url))
    with suppress(OSError):
        subprocess.Popen(open_with_system(url), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)  # fmt: skip


def ok(arguments: argparse.Namespace, words: str) -> Result:
    if not arguments.json:
        outcome.say_aloud(words)
    return {"ok": True, "detail": words}, outcome.DONE


def add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", default="show", choices=("show", "get", "set", "unset", "schema", "edit"))
    parser.add_argument("key", nargs="?", default="")
    parser.add_argument("value", nargs="?")


def settings(arguments: argparse.Namespace, paths: Paths) -> Result:
    session = Session(paths)
    what, key = arguments.what, arguments.key
    if what == "schema":
        return {"settings": [_schema(name) for name in OPTIONS]}, _print_schema(arguments)
    if what == "edit":
        from client.paths import open_with_system

        outcome.say_aloud(str(paths.settings_file))
        import subprocess

        paths.settings_file.touch(mode=0o600)
        subprocess.Popen(open_with_system(str(paths.settings_file)), stdin=subprocess.DEVNULL)
        return {"path": str(paths.settings_file)}, outcome.DONE
    if what in ("get", "set", "unset") and not key:
        raise usage(say("say which setting; “testigo settings” lists them"))
    if key and key not in OPTIONS and not key.startswith(("desks.", "shares.")):
        raise Failure("settings_invalid", say("there is no setting “{name}”", name=key), FORBIDDEN)
    if what == "set":
        if arguments.value is None:
            raise usage(say("say the value: testigo settings set KEY VALUE"))
        value = from_text(key, arguments.value) if key in OPTIONS else arguments.value
        _check_value(session, key, str(value))
        session.change({key: value})
    elif what == "unset":
        session.change({key: None})
    document = {"settings": [v for v in _values(session) if not key or v["key"] == key]}
    if not arguments.json:
        for value in document["settings"]:
            if what == "get":
                print(value["value"])
            else:
                locked = f" · {say('locked')}" if value["locked"] else ""
                print(f"{value['key']:<24} {value['value']!s:<20} {value['origin']}{locked}")
    return document, outcome.DONE


def _check_value(session: Session, key: str, value: str) -> None:
    """What only the whole can tell: a desk that is not there, keys that no keyboard has. Raises: Failure."""
    if key.startswith("hotkeys.") and value:
        from capture.keys import parse

        try:
            parse(value)
        except ValueError as error:
            raise Failure("settings_invalid", reason(error), FORBIDDEN) from error
    if key == "report.rules":
        session.places.check_rules(value)
    session.support.check(key, value)
    if key.startswith(("desks.", "shares.")) and (fault := _fault_of_place(session, key, value)):
        raise Failure("settings_invalid", fault, FORBIDDEN)
    places = {"report.desk": session.places.desk_names(), "report.share": session.places.share_names()}
    if value and key in places and value not in places[key]:
        known = ", ".join(places[key])
        words = say("the settings name no “{wanted}”; there is {known}", wanted=value, known=known)
        raise Failure("settings_invalid", words, FORBIDDEN)


def _fault_of_place(session: Session, key: str, value: str) -> str:
    """What is wrong with one value of a desk or share; empty: nothing that can be told from here."""
    table, _, rest = key.partition(".")
    name, _, field = rest.partition(".")
    declared = session.places.declared(table[:-1])
    known = getattr(session.settings, table).get(name, {})
    kind = value if field == "kind" else str(known.get("kind", ""))
    if kind not in declared:
        return say("“{key}” is one of {known}", key=f"{table}.{name}.kind", known=", ".join(declared))
    part = next((each for each in declared[kind] if each.name == field), None)
    if field == "kind":
        return ""
    if part is None:
        names = ", ".join(each.name for each in declared[kind])
        return say("“{field}” is not a setting of this service; it knows {known}", field=field, known=names)
    if part.kind == "secret":
        return say("a password belongs into the keychain: testigo desk login {name}", name=name)
    if part.kind == "url" and "://" in value and not value.startswith(("https://", "http://")):
        return say("“{host}” is no web address; it begins with https://", host=value[:40])
    fault = part.fault(part.meant(value))
    return say("the setting “{field}” is wrong: {why}", field=field, why=detail(fault, {})) if fault else ""


def _values(session: Session) -> list[dict[str, Any]]:
    settings = session.settings
    listed = [{"key": v.key, "value": v.value, "origin": v.origin, "locked": v.locked} for v in settings.values]
    for table, places in (("desks", settings.desks), ("shares", settings.shares)):
        for name, fields in places.items():
            listed += [
                {"key": f"{table}.{name}.{field}", "value": _shown(session, table, fields, field),
                 "locked": bool(settings.lock(f"{table}.{name}")),
                 "origin": settings.given(f"{table}.{name}") or str(session.paths.settings_file)}
                for field in fields
            ]  # fmt: skip
    return listed


def _shown(session: Session, table: str, fields: Mapping[str, object], field: str) -> object:
    """A value of a desk or share; a password that stands there all the same is nobody's to read."""
    part = session.places.part(table[:-1], str(fields.get("kind", "")), field)
    return "•••" if part is not None and part.kind == "secret" else fields[field]


def _schema(key: str) -> dict[str, Any]:
    option = OPTIONS[key]
    return {"key": key, "title": option.title, "help": option.help, "kind": option.kind, "default": option.default,
            "choices": list(option.choices), "least": option.least, "most": option.most,
            "policy_only": option.policy_only}  # fmt: skip


def _print_schema(arguments: argparse.Namespace) -> int:
    if not arguments.json:
        for key, option in OPTIONS.items():
            print(f"{key:<24} {option.kind:<8} {option.default!s:<14} {option.title}")
    return outcome.DONE


def add_logs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("path",))


def logs(arguments: argparse.Namespace, paths: Paths) -> Result:
    if not arguments.json:
        print(paths.log_file)
    return {"path": str(paths.log_file)}, outcome.DONE


def add_version(parser: argparse.ArgumentParser) -> None:
    pass


def version(arguments: argparse.Namespace, paths: Paths) -> Result:
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as version_of

    try:
        qt = version_of("PySide6-Essentials")
    except PackageNotFoundError:
        qt = ""
    document = {
        "version": program_version(),
        "build": "source" if (Path(__file__).parents[2] / "pyproject.toml").exists() else "wheel",
        "python": platform.python_version(),
        "qt": qt,
        "install_scope": "user" if str(Path(sys.prefix)).startswith(str(Path.home())) else "machine",
    }
    if not arguments.json:
        print(f"testigo {document['version']} · Python {document['python']} · Qt {qt}")
    return document, outcome.DONE
