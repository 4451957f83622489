"""``report``, ``diagnose``: from words and files to a ticket."""

from __future__ import annotations

import argparse
import sys
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from client.cli import outcome
from client.cli.outcome import SAVED, Failure, Result, progress_bar, rfc3339, say_aloud, usage
from client.draft import CannotAttach, Draft
from client.lock import Busy
from client.paths import Paths
from client.report import KINDS, PRIORITIES, Delivery, DeliveryProgress, Event, Problem, Sent
from client.session import NotReady, Session
from client.terms import number_word
from client.ui.instance import ask
from client.words import detail, explain, explain_problem, say, size

EXIT_OF = {"sent": outcome.DONE, "queued": SAVED, "sending": SAVED, "needs_you": outcome.REFUSED}


def add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--summary", required=True, metavar="S", help=say("the problem in one line"))
    parser.add_argument("--details", default="", metavar="TEXT|@FILE|-", help=say("more words, from a file, or from standard input"))  # noqa: E501  # fmt: skip
    parser.add_argument("--kind", default="incident", choices=KINDS)
    parser.add_argument("--priority", default="medium", choices=PRIORITIES)
    parser.add_argument("--attach", action="append", default=[], type=Path, metavar="FILE")
    parser.add_argument("--capture", choices=("all", "screen"), help=say("add pictures of the screen"))
    parser.add_argument("--diagnose", choices=("quick", "standard"), metavar="PROFILE", help=say("add diagnostics: quick or standard"))  # noqa: E501  # fmt: skip
    parser.add_argument("--desk", default="", metavar="NAME")
    parser.add_argument("--share", default="", metavar="NAME")
    parser.add_argument("--field", action="append", default=[], metavar="K=V")
    parser.add_argument("--wait", nargs="?", type=float, const=300.0, metavar="S", help=say("deliver now, waiting so long at most"))  # noqa: E501  # fmt: skip
    parser.add_argument("--draft", action="store_true", help=say("only save it; send it later from the window"))


def report(arguments: argparse.Namespace, paths: Paths) -> Result:
    session = Session(paths)
    if not arguments.summary.strip():
        raise usage(say("--summary must not be empty"))
    for name, known in ((arguments.desk, session.places.desk_names()), (arguments.share, session.places.share_names())):
        if name and name not in known:
            raise Failure("invalid_field", say("the settings name no “{wanted}”; there is {known}", wanted=name, known=", ".join(known)), outcome.FORBIDDEN)  # noqa: E501  # fmt: skip
    fields = dict(field_of(text) for text in arguments.field)
    details = read_text(arguments.details)
    missing = [path for path in arguments.attach if not path.is_file()]
    if missing:
        raise Failure("cannot_attach", say("“{name}” is not a file that can be read", name=missing[0]), outcome.USAGE)
    shots = _pictures(arguments.capture)
    draft = session.new_draft(
        summary=arguments.summary, description=details, kind=arguments.kind, priority=arguments.priority,
        desk=arguments.desk, share=arguments.share, fields=fields,
    )  # fmt: skip
    try:
        for shot in shots:
            draft.add_picture(shot)
        for path in arguments.attach:
            draft.add_file(path, progress=progress_bar(path.name))
        if arguments.diagnose:
            draft.set_sections(session.diagnose(arguments.diagnose, monitors=_monitors()).sections())
    except CannotAttach as error:
        refusal = outcome.classify(error)
        assert refusal is not None
        raise Failure(refusal.code, refusal.detail, refusal.exit_code, _kept(draft)) from error
    except BaseException:
        say_aloud(_kept(draft))
        raise
    if arguments.draft:
        return told(arguments, _draft_result(session, draft)), outcome.DONE
    try:
        report_id = session.submit(draft)
    except NotReady as error:
        problem = error.problems[0]
        raise Failure(
            _code_of(problem),
            explain_problem(problem.code, problem.attachment, problem.detail),
            outcome.FORBIDDEN if problem.code == "desk_unready" else outcome.REFUSED,
            _kept(draft),
        ) from error
    return _deliver(arguments, paths, session, report_id)


def _deliver(arguments: argparse.Namespace, paths: Paths, session: Session, report_id: str) -> Result:
    """Now with ``--wait``; else the running program is told, and sends it by itself."""
    if arguments.wait is None:
        ask(paths, "tray", "poke", {}, wait_s=2)
        return told(arguments, result(session, session.delivery(report_id))), outcome.DONE
    session.listen(show_progress)
    sent, wait_s = Future[Delivery](), max(arguments.wait, 0)

    def deliver() -> None:
        try:
            sent.set_result(session.send_now(report_id, wait_s))
        except BaseException as error:  # noqa: BLE001  # told where it is waited for
            sent.set_exception(error)

    # What takes longer goes on where it was, as after any other end of the program.
    threading.Thread(target=deliver, name="deliver", daemon=True).start()
    try:
        delivery = sent.result(wait_s)
    except (Busy, TimeoutError):
        delivery = session.delivery(report_id)
    return told(arguments, result(session, delivery)), EXIT_OF[delivery.state]


def result(session: Session, delivery: Delivery) -> dict[str, Any]:
    """The JSON of a report on its way: how its attachments went, or will go."""
    attachments = delivery.attachments if delivery.state == "sent" else session.planned(delivery.report_id)
    return {
        "report_id": delivery.report_id,
        "state": "queued" if delivery.state == "sending" else delivery.state,
        "ticket": delivery.ticket and {"id": delivery.ticket.id, "url": delivery.ticket.url},
        "attachments": [attachment_json(sent) for sent in attachments],
        "error": trouble(delivery),
    }


def attachment_json(sent: Sent) -> dict[str, Any]:
    return {
        "name": sent.name,
        "size_bytes": sent.size_bytes,
        "sha256": sent.sha256,
        "via": sent.via,
        "url": sent.url or None,
        "expires_at": rfc3339(sent.expires_at),
    }


def trouble(delivery: Delivery) -> dict[str, str] | None:
    error = delivery.last_error
    if error is None:
        return None
    title, advice = explain(error.code)
    words = detail(error.text, error.values) if error.text else error.detail
    return {"code": error.code, "title": title, "advice": advice, "detail": words}


def _draft_result(session: Session, draft: Draft) -> dict[str, Any]:
    planned = [attachment_json(sent) for sent in session.planned(draft.id)]
    return {"report_id": draft.id, "state": "draft", "ticket": None, "attachments": planned, "error": None}


def told(arguments: argparse.Namespace, document: dict[str, Any]) -> dict[str, Any]:
    if not arguments.json:
        state, ticket, error = document["state"], document["ticket"], document["error"]
        if state == "sent":
            print(f"{number_word(ticket['id']) or ticket['id']}  {ticket['url']}")
        elif state == "draft":
            print(document["report_id"])
        elif error is None:
            say_aloud(say("Your report is saved. It goes out by itself while Testigo runs."))
        else:
            say_aloud(f"{error['title']}: {error['detail']}\n{error['advice']}")
            if error["code"] == "maybe_sent":
                say_aloud(answers_of(document["report_id"]))
    return document


def answers_of(report_id: str) -> str:
    """How the command line is told whether a report arrived."""
    return say("It arrived: testigo outbox arrived {id} · send it again: testigo outbox retry {id}", id=report_id)


def _code_of(problem: Problem) -> str:
    codes = {"file_missing": "file_changed", "file_changed": "file_changed", "no_share": "share_refused"}
    return codes.get(problem.code, "invalid_field")


def _kept(draft: Draft) -> str:
    return say("Nothing is lost: the draft is kept as {id}.", id=draft.id)


def field_of(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise usage(say("--field takes NAME=VALUE"))
    return key, value


def read_text(text: str) -> str:
    """The words themselves, those of ``@FILE``, or of standard input for ``-``."""
    try:
        if text == "-":
            return sys.stdin.read()
        return Path(text[1:]).read_text("utf-8") if text.startswith("@") else text
    except UnicodeDecodeError as error:
        raise usage(say("the details must be UTF-8 text")) from error
    except OSError as error:
        name = text[1:]
        there = Path(name).exists()
        detail_ = say("“{name}” cannot be read", name=name) if there else say("there is no file “{name}”", name=name)
        advice = say("Write the path of a text file behind the @, or the words themselves; “-” reads what is piped in.")
        raise Failure("usage", detail_, outcome.USAGE, advice) from error


def _pictures(what: str | None) -> tuple[Any, ...]:
    if what is None:
        return ()
    from capture import open_desktop
    from client import shots

    desktop = open_desktop()
    try:
        return shots.take(desktop, shots.Wish("all" if what == "all" else "screen"))
    finally:
        desktop.close()


def _monitors() -> tuple[Any, ...]:
    from capture import CaptureError, open_desktop

    try:
        desktop = open_desktop()
    except CaptureError:
        return ()
    try:
        return desktop.monitors()
    finally:
        desktop.close()


def show_progress(event: Event) -> None:
    if isinstance(event, DeliveryProgress) and event.total_bytes:
        bar = _BARS.setdefault((event.report_id, event.file), progress_bar(event.file or say("ticket")))
        bar(event.done_bytes, event.total_bytes)


_BARS: dict[tuple[str, str], Any] = {}


def add_diagnose(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", choices=("list",), help=say("list the collectors"))
    parser.add_argument("--profile", default="quick", choices=("quick", "standard"))
    parser.add_argument("--only", default="", metavar="A,B", help=say("only these collectors"))
    parser.add_argument("-o", "--output", metavar="BUNDLE.zip")


def diagnose(arguments: argparse.Namespace, paths: Paths) -> Result:
    from client import diagnostics
    from client.diagnostics import bundle

    if arguments.what == "list":
        listed = [
            {"id": c.id, "title": say_key(c.title), "why": say_key(c.why), "profiles": sorted(c.profiles)}
            for c in diagnostics.catalog("standard")
        ]
        if not arguments.json:
            for collector in listed:
                print(f"{collector['id']:<14}{collector['title']}: {collector['why']}")
        return {"collectors": listed}, outcome.DONE
    if not arguments.output:
        raise usage(say("say where the bundle goes: -o BUNDLE.zip"))
    output = Path(arguments.output)
    if arguments.output != "-" and output.suffix.lower() != ".zip":
        raise usage(say("“{name}”: bundles are saved as .zip", name=output.name))
    only = tuple(part.strip() for part in arguments.only.split(",") if part.strip())
    unknown = set(only) - {c.id for c in diagnostics.catalog("standard")}
    if unknown:
        raise usage(say("there is no collector “{name}”; see “testigo diagnose list”", name=sorted(unknown)[0]))
    session = Session(paths)
    told = None if arguments.json else lambda done: say_aloud(f"{done.status:<8} {say_key(done.title)}  {done.ms} ms")
    diagnosis = session.diagnose(arguments.profile, only=only, monitors=_monitors(), on_done=told)
    if arguments.output == "-":
        part = paths.data / "bundle.zip"
        bundle.write(part, diagnosis)
        sys.stdout.buffer.write(part.read_bytes())
        part.unlink()
        return None, outcome.DONE
    bundle.write(output, diagnosis)
    document = bundle.describe(output, diagnosis)
    if not arguments.json:
        print(f"{document['path']}  {size(document['size_bytes'])}")
    return document, outcome.DONE


def say_key(text: str) -> str:
    """A text that a declaration holds as an English key."""
    return detail(text, {})
