"""``doctor``: what works on this desktop, and what to do about the rest."""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

from capture import CaptureError, Desktop, open_desktop
from client import secrets
from client.cli import outcome
from client.cli.outcome import Result
from client.paths import Paths
from client.rules import Rule, holding
from client.session import Session
from client.settings import Hotkeys
from client.ui.instance import ask
from client.words import explain, hint, reason, say, say_n, size
from uploader.errors import InvalidField, UploaderError

LEAST_FREE_BYTES = 1_000_000_000

Check = tuple[str, str, str]
"""Status (ok, warn, fail), detail, advice."""


def add_doctor(parser: argparse.ArgumentParser) -> None:
    pass


def doctor(arguments: argparse.Namespace, paths: Paths) -> Result:
    session = Session(paths)
    running = _running(paths)
    checks: list[dict[str, Any]] = []

    def add(name: str, check: Callable[[], Check]) -> None:
        try:
            status, about, advice = check()
        except CaptureError as error:
            status, about, advice = "fail", reason(error), hint(error)
        except UploaderError as error:
            status, about, advice = "fail", reason(error), explain(error.code)[1]
        except Exception as error:  # noqa: BLE001  # one broken check must not hide the others
            status, about, advice = "fail", f"{type(error).__name__}: {error}", explain("failed")[1]
        checks.append({"id": name, "status": status, "detail": about, "advice": advice})

    desktop: Desktop | None = None
    try:
        desktop = open_desktop()
    except CaptureError as error:
        missing = ("fail", reason(error), hint(error))
        for name in ("capture", "hotkeys"):
            add(name, lambda: missing)
    if desktop is not None:
        opened = desktop
        add("capture", lambda: _capture(opened))
        add("hotkeys", lambda: _hotkeys(opened, session.settings.hotkeys, running))
        opened.close()
    add("record", _record)
    add("tray", lambda: _tray(running is not None))
    add("desk", lambda: _reach(partial(session.places.check, "desk")))
    add("share", lambda: _reach(partial(session.places.check, "share")))
    add("settings", lambda: _settings(session))
    add("policy", lambda: _policy(session.settings.rules))
    add("keychain", _keychain)
    add("disk", lambda: _disk(paths))
    if not arguments.json:
        for check in checks:
            mark = {"ok": "✓", "warn": "!", "fail": "✗"}[check["status"]]
            print(f"{mark} {check['id']:<10} {check['detail']}")
            if check["advice"] and check["status"] != "ok":
                print(f"             → {check['advice']}")
    return {"checks": checks}, outcome.DONE


def _running(paths: Paths) -> dict[str, Any] | None:
    """What the running program says of itself; None when it does not run."""
    try:
        return ask(paths, "tray", "ping", {}, wait_s=3)
    except TimeoutError:
        return {}


def _capture(desktop: Desktop) -> Check:
    shots = desktop.screenshots()
    first = shots[0].pixels[..., :3]
    if (first == first[0, 0]).all():
        return "warn", say("the screen has one colour all over"), say("If you see more on it, a permission is missing.")
    sizes = ", ".join(f"{shot.width} × {shot.height}" for shot in shots)
    return "ok", f"{desktop.name}: {sizes}", ""


def _hotkeys(desktop: Desktop, keys: Hotkeys, running: dict[str, Any] | None) -> Check:
    wanted = {name: key for name in ("region", "window", "record", "report") if (key := getattr(keys, name))}
    if not desktop.abilities.hotkeys:
        return "warn", say("this desktop gives programs no keys"), say("Bind “testigo capture” in its settings.")
    if running is None:
        stop, taken = desktop.listen(wanted, lambda _: None)
        stop()
    else:  # its own keys would look taken to this process
        taken = running.get("keys_taken", {})
    if taken:
        names = ", ".join(taken.values())
        advice = say("Choose others: testigo settings set hotkeys.{name} KEYS", name=next(iter(taken)))
        return "warn", say("another program already uses {keys}", keys=names), advice
    return "ok", ", ".join(wanted.values()), ""


def _record() -> Check:
    missing = [name for name in ("av", "cv2", "numpy") if find_spec(name) is None]
    if missing:
        return "fail", say("{names} is not installed", names=", ".join(missing)), say("Install Testigo again.")
    return "ok", "H.264, MP4", ""


def _tray(running: bool) -> Check:
    if running:
        return "ok", say("Testigo is running"), ""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) and os.name == "posix":
        return "warn", say("there is no desktop here"), ""
    return "ok", say("Testigo is not running; “testigo” starts it"), ""


def _reach(check: Callable[[], None]) -> Check:
    check()
    return "ok", say("It works."), ""


def _settings(session: Session) -> Check:
    if session.settings.fault:
        return "fail", session.settings.fault, explain("settings_invalid")[1]
    try:
        session.support.check_all()
    except InvalidField as error:
        return "fail", f"{error.name}: {reason(error)}", explain("settings_invalid")[1]
    return "ok", str(session.paths.settings_file), ""


def _policy(rules: tuple[Rule, ...]) -> Check:
    faults = [rule for rule in rules if rule.status in ("refused", "invalid", "unknown", "not_allowed")]
    if not faults:
        return "ok", say_n("{n} setting comes from your organisation", "{n} settings come from your organisation",
                           len(holding(rules))), ""  # fmt: skip
    first = faults[0]
    refused = any(rule.status == "refused" for rule in faults)
    words = f"{first.source}: {first.key} {first.why}".replace(":  ", ": ")
    return "fail" if refused else "warn", words, say("“testigo policy show” says more; tell whoever looks after it.")


def _keychain() -> Check:
    name = secrets.keychain()
    if not name:
        return "warn", say("no keychain is open"), say("Desks with a password need one; a folder does not.")
    if (shut := secrets.trouble()) is not None:
        return "fail", reason(shut), explain(shut.code)[1]
    return "ok", name, ""


def _disk(paths: Paths) -> Check:
    free = shutil.disk_usage(paths.data).free
    if free < LEAST_FREE_BYTES:
        return "warn", say("{free} free", free=size(free)), explain("disk_full")[1]
    return "ok", say("{free} free", free=size(free)), ""
