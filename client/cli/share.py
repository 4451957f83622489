"""``share``: a large file by a link, what became of it, and its end."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from client.cli import outcome
from client.cli.outcome import USAGE, Failure, Result, progress_bar, rfc3339, say_aloud, usage
from client.cli.places import ask_secret, credentials, list_places, ok
from client.lock import Busy
from client.paths import Paths
from client.session import Session
from client.words import explain_share, moment, say, size
from uploader.errors import UploaderError
from uploader.ticket import Link, Wishes

BLOCK_BYTES = 1024 * 1024
VERBS = ("list", "check", "login", "logout", "revoke", "open", "links", "abandon")


def add_share(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE|" + "|".join(VERBS), help=say("a file to share, or a verb"))
    parser.add_argument("name", nargs="?", default="", metavar="NAME|URL|FILE")
    parser.add_argument("--share", default="", metavar="NAME", help=say("which share of the settings"))
    parser.add_argument("--expires", default="", metavar="7d", help=say("when the link ends: 12h, 7d, 4w or never"))
    parser.add_argument("--password", action="store_true", help=say("the link asks for a password, which is printed"))
    parser.add_argument("--encrypt", action="store_true", help=say("seal the file: only the link's reader can open it"))
    parser.add_argument("-o", "--output", default=".", metavar="FOLDER", help=say("where “share open” puts the file"))


def share(arguments: argparse.Namespace, paths: Paths) -> Result:
    try:
        return _share(arguments, paths)
    except (UploaderError, KeyboardInterrupt, Busy) as error:
        failure = outcome.classify(error, saved=arguments.file not in VERBS)  # a file goes on where it was
        if failure is None or failure.code in ("invalid_field", "sxcu"):
            raise
        title, advice = explain_share("open" if arguments.file == "open" else failure.code)
        raise Failure(failure.code, failure.detail, failure.exit_code, advice, title) from error


def _share(arguments: argparse.Namespace, paths: Paths) -> Result:
    session = Session(paths)
    verb = arguments.file
    if verb not in VERBS:
        return _put(arguments, session, Path(verb))
    arguments.what = verb
    if verb == "list":
        known, chosen = session.settings.shares, session.settings.report.share
        return list_places(arguments, "shares", session.places.share_names(), known, chosen)
    if verb == "links":
        return _links(arguments, session)
    if verb in ("revoke", "open", "abandon") and not arguments.name:
        raise usage(say("say which one: testigo share {verb} …", verb=verb))
    if arguments.name == "-":  # others see arguments, and a link may hold its key
        arguments.name = sys.stdin.readline().strip()
    if verb == "revoke":
        return _revoke(arguments, session)
    if verb == "open":
        return _open(arguments)
    if verb == "abandon":
        gone = session.abandon(Path(arguments.name), arguments.share)
        return ok(arguments, say("What was sent of it is removed.") if gone else say("Nothing of it was on its way."))
    return credentials(arguments, session, session.places.share(arguments.name), "share")


def _put(arguments: argparse.Namespace, session: Session, path: Path) -> Result:
    if not path.is_file():
        raise Failure("not_found", say("“{name}” is not a file that can be read", name=path), USAGE)
    wishes = Wishes(_days(arguments.expires), arguments.password, True if arguments.encrypt else None)
    link = session.put(path, arguments.share, progress_bar(path.name), wishes)
    if arguments.json:
        outcome.print_json(_document(link, path.stat().st_size))
    else:
        print(link.url, flush=True)
        _tell_apart(link, wishes)
    session.sweeping.sweep_if_due()  # may take long: the link is out
    return None, outcome.DONE


def _document(link: Link, size_bytes: int) -> dict[str, object]:
    document: dict[str, object] = {
        "url": link.url, "expires_at": rfc3339(link.expires_at), "sha256": link.sha256, "size_bytes": size_bytes,
        "resumed_from_bytes": link.resumed_from_bytes, "encrypted": link.sealed,
    }  # fmt: skip
    apart = {"password": link.password, "key": link.key}
    return document | {name: value for name, value in apart.items() if value}


def _tell_apart(link: Link, wishes: Wishes) -> None:
    """What the reader needs besides the link, and when it ends."""
    if link.password:
        say_aloud(say("Password: {password}", password=link.password))
    if link.key:
        say_aloud(say("Key: {key}", key=link.key))
    if link.expires_at and wishes.expires_days is not None:
        wished = datetime.now(UTC) + timedelta(days=wishes.expires_days)
        if not wishes.expires_days or wished - link.expires_at > timedelta(hours=25):
            say_aloud(say("This share allows no longer link."))
    if link.expires_at is None:
        say_aloud(say("The link does not expire. “testigo share revoke” ends it."))
    elif link.ended_by == "us":
        say_aloud(say("The link ends {when}, when Testigo runs next after that.", when=moment(link.expires_at)))
    else:
        say_aloud(say("The link ends {when}.", when=moment(link.expires_at)))


def _days(text: str) -> float | None:
    if not text:
        return None
    if text == "never":
        return 0
    units = {"h": "hours", "d": "days", "w": "weeks"}
    try:
        days = timedelta(**{units[text[-1]]: float(text[:-1])}) / timedelta(days=1)
    except (KeyError, ValueError, OverflowError) as error:
        raise usage(say("--expires takes 12h, 7d, 4w or never")) from error
    if not 0 < days <= 3650:
        raise usage(say("--expires takes 12h, 7d, 4w or never"))
    return days


def _links(arguments: argparse.Namespace, session: Session) -> Result:
    links = session.shared.links()
    if not arguments.json:
        for link in links:
            ends = moment(link.expires_at) if link.expires_at else say("does not expire")
            about = f"{moment(link.made_at):<16} {size(link.size_bytes):>8}  {link.share:<14} {ends:<16} {link.name}"
            print(f"{link.id}  {about}")
        if not links:
            say_aloud(say("No link is open."))
    listed = [
        {"id": link.id, "share": link.share, "name": link.name, "size_bytes": link.size_bytes,
         "made_at": rfc3339(link.made_at),
         "expires_at": rfc3339(link.expires_at), "ended_by": link.ended_by, "report_id": link.report_id,
         "url": link.url}
        for link in links
    ]  # fmt: skip
    return {"links": listed}, outcome.DONE


def _revoke(arguments: argparse.Namespace, session: Session) -> Result:
    try:
        entry = session.shared.revoke(arguments.name)
    except KeyError as error:
        words = say("this computer made no such link; “testigo share links” lists what it made")
        raise Failure("not_found", words, USAGE) from error
    return ok(arguments, say("The link to “{name}” is ended and its file deleted.", name=entry.name))


def _open(arguments: argparse.Namespace) -> Result:
    """Fetches and opens a sealed file; a key that travels apart is asked for, never an argument."""
    from uploader.seal import unseal_to
    from uploader.seal_page import read_key, read_sealed_link
    from uploader.wire import Wire

    if Path(arguments.name).is_file():
        found: tuple[str | None, bytes | None] = (Path(arguments.name).absolute().as_uri(), None)
    else:
        found = read_sealed_link(arguments.name)
    url, key = found
    if url is None:
        raise usage(say("the link does not say where the sealed file lies; open it in a browser"))
    if key is None:
        key = read_key(os.environ.get("TESTIGO_SEALED_KEY") or ask_secret(say("Key")))
    folder = Path(arguments.output)
    folder.mkdir(parents=True, exist_ok=True)
    bar = progress_bar(say("sealed file"))
    if url.startswith("file:"):
        with Path(url2pathname(urlsplit(url).path)).open("rb") as file:
            path = unseal_to(iter(lambda: file.read(BLOCK_BYTES), b""), key, folder, bar)
    else:
        with Wire() as wire, wire.stream(url, follow=5) as (_, blocks):
            path = unseal_to(blocks, key, folder, bar)
    if not arguments.json:
        print(path)
    return {"path": str(path), "size_bytes": path.stat().st_size}, outcome.DONE
