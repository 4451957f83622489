"""``sxcu``: what a ShareX custom uploader does, in words, and how it becomes a share of ours."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from client.cli import outcome
from client.cli.outcome import FORBIDDEN, USAGE, Failure, Result, usage
from client.paths import Paths
from client.words import detail, reason, say

if TYPE_CHECKING:
    from client.session import Session
    from uploader.sxcu.definition import Definition, Notice
    from uploader.sxcu.describe import Description


def add_sxcu(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("check", "import"))
    parser.add_argument("file", type=Path, metavar="FILE", help=say("a .sxcu file"))
    parser.add_argument("--name", default="", metavar="N", help=say("how the share shall be called"))
    parser.add_argument("--replace", action="store_true", help=say("in place of the share that has this name"))
    parser.add_argument("--allow-http", action="store_true", help=say("also without encryption"))
    parser.add_argument("--allow-private", action="store_true", help=say("also in private networks"))


def sxcu(arguments: argparse.Namespace, paths: Paths) -> Result:
    from client.session import Session

    private = Session(paths).settings.sharing.allow_private  # whoever sets this sets it for all uploaders
    arguments.private = arguments.allow_private if private == "share" else private == "always"
    definition, about = _read(arguments)
    document = _document(about)
    if arguments.what == "import":
        document |= _import(arguments, paths, definition, about)
        if not arguments.json:
            outcome.say_aloud(say("“{name}” is a share now; “testigo share check {name}” tries it.",
                                  name=document["share"]))  # fmt: skip
    elif not arguments.json:
        print("\n".join(_lines(about, private)))
    return document, outcome.DONE


def _read(arguments: argparse.Namespace) -> tuple[Definition, Description]:
    from uploader.sxcu.definition import MOST_BYTES, read_definition
    from uploader.sxcu.describe import describe
    from uploader.sxcu.fault import SxcuFault

    if not arguments.file.is_file():
        raise Failure("not_found", say("“{name}” is not a file that can be read", name=arguments.file), USAGE)
    with arguments.file.open("rb") as lines:
        raw = lines.read(MOST_BYTES + 1)
    try:
        definition = read_definition(raw)
    except SxcuFault as fault:
        raise Failure("sxcu", reason(fault), FORBIDDEN) from fault
    return definition, describe(definition, allow_http=arguments.allow_http, allow_private=arguments.private)


def _said(notice: Notice) -> str:
    from uploader.sxcu.notices import SENTENCES

    values = dict(notice.values)
    if notice.code == "field":
        values["why"] = detail(values["why"], values)
    return detail(SENTENCES[notice.code], values)


def _listed(notices: Iterable[Notice]) -> list[dict[str, str]]:
    return [{"code": notice.code, "text": _said(notice)} for notice in notices]


def _document(about: Description) -> dict[str, object]:
    return {
        "name": about.name, "host": about.host, "hosts": list(about.hosts), "method": about.method, "body": about.body,
        "destinations": list(about.destinations), "sends": list(about.sends), "secrets": list(about.secrets),
        "warnings": _listed(about.warnings), "accepted": about.accepted,
        "reason": "; ".join(_said(notice) for notice in about.refusals), "reasons": _listed(about.refusals),
    }  # fmt: skip


def _lines(about: Description, private: str) -> Iterable[str]:
    """``private``: as ``sharing.allow_private`` has it."""
    body = {
        "MultipartFormData": say("as a form"),
        "Binary": say("as it is"),
        "FormURLEncoded": say("as the fields of a form"),
    }.get(about.body, about.body)
    sent = {"file": say("the file"), "filename": say("its name"), "input": say("a text"),
            "user": say("the name of the user"), "computer": say("the name of the computer")}  # fmt: skip
    yield about.name or "–"
    hosts = ", ".join(about.hosts[:5]) + (" …" if len(about.hosts) > 5 else "")
    if about.sends:
        yield say("It sends to {host} ({method}), {body}: {what}.", host=hosts or "–", method=about.method, body=body,
                  what=", ".join(sent[what] for what in about.sends))  # fmt: skip
    else:
        yield say("It asks {host} ({method}) for something and sends no file.", host=hosts or "–", method=about.method)
    if about.secrets:
        yield say("It holds secrets: {places}.", places=", ".join(about.secrets))
    refused = {notice.code for notice in about.refusals}
    yield from (f"! {_said(notice)}" for notice in about.warnings if notice.code not in refused)
    yield from (f"✗ {_said(notice)}" for notice in about.refusals)
    if flags := _allowing(refused, private):
        yield say("If it is your own server: {flags}.", flags=", ".join(flags))
    yield say("Testigo can share files with it.") if about.accepted else say("Testigo cannot share files with it.")


def _allowing(refused: set[str], private: str) -> list[str]:
    """The flags with which it would be accepted; none when something else stands in the way too."""
    flags = {"plain_http": "--allow-http", "private_address": "--allow-private"}
    if not refused <= set(flags) or ("private_address" in refused and private != "share"):
        return []
    return [flags[code] for code in sorted(refused, reverse=True)]


def _import(
    arguments: argparse.Namespace, paths: Paths, definition: Definition, about: Description
) -> dict[str, object]:
    from client.session import Session
    from client.settings import SettingsFault, write_text
    from uploader.setting import Secret
    from uploader.sxcu.credentials import split_secrets
    from uploader.sxcu.definition import write_definition

    if about.refusals:
        raise Failure("sxcu", "; ".join(_said(notice) for notice in about.refusals), FORBIDDEN)
    session = Session(paths)
    if session.settings.fault:
        raise SettingsFault(session.settings.fault)
    name = _share_name(arguments, session, about)
    bare, kept = split_secrets(definition)
    if kept:
        session.places.login(name, Secret(json.dumps(kept, ensure_ascii=False)))
    else:
        session.places.logout(name)
    place = paths.config / "sxcu" / f"{name}.sxcu"
    place.parent.mkdir(exist_ok=True)
    write_text(place, write_definition(bare))
    fields = {"kind": "sxcu", "file": str(place), "allow_http": arguments.allow_http or None,
              "allow_private": arguments.allow_private or None}  # fmt: skip
    session.change({f"shares.{name}.{field}": value for field, value in fields.items()})
    return {"share": name, "file": str(place)}


def _share_name(arguments: argparse.Namespace, session: Session, about: Description) -> str:
    """The name asked for, else one out of the uploader's. Raises: Failure when it is taken."""
    wanted = arguments.name or re.sub(r"[^a-z0-9]+", "-", about.name.lower()).strip("-")[:40].strip("-") or "sxcu"
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", wanted):
        raise usage(say("a name has letters, digits, - and _"))
    if source := session.settings.lock(f"shares.{wanted}"):
        raise Failure(
            "locked", say("“{key}” is set by your organisation: {source}", key=wanted, source=source), FORBIDDEN
        )
    known = session.settings.shares.get(wanted)
    if known is not None and (not arguments.replace or known.get("kind") != "sxcu"):
        words = say("there is a share “{name}” already; choose another --name, or add --replace", name=wanted)
        raise Failure("sxcu", words, FORBIDDEN)
    return str(wanted)
