"""The command line: parses, calls the session, prints. ``testigo`` alone starts the tray."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from importlib import import_module
from pathlib import Path

from client import words
from client.cli import outcome
from client.cli.parser import Parser, WrongUsage
from client.paths import Paths, open_paths
from client.words import say

VERBS = {
    "tray": "client.cli.desktop",
    "capture": "client.cli.desktop",
    "screens": "client.cli.desktop",
    "annotate": "client.cli.desktop",
    "record": "client.cli.video",
    "diagnose": "client.cli.reports",
    "report": "client.cli.reports",
    "outbox": "client.cli.outbox",
    "history": "client.cli.outbox",
    "share": "client.cli.share",
    "tickets": "client.cli.tickets",
    "articles": "client.cli.tickets",
    "desk": "client.cli.places",
    "sxcu": "client.cli.sxcu",
    "settings": "client.cli.places",
    "policy": "client.cli.policy",
    "doctor": "client.cli.doctor",
    "logs": "client.cli.places",
    "version": "client.cli.places",
}
"""Verb → the module with ``add_<verb>(parser)`` and ``<verb>(arguments, paths)``; loaded when it is called."""


def run(argv: list[str]) -> int:
    """One verb from start to exit code. Never raises."""
    as_json = "--json" in argv
    words.speak("auto")
    try:
        language, config, data, rest = _before_verb(argv)
        if language:
            words.speak(language)
            if language in words.LANGUAGES:  # the windows speak it too
                os.environ["TESTIGO_GENERAL_LANGUAGE"] = language
        paths = open_paths(config, data)
        _start_log(paths)
        if not language:
            _speak_as_set(paths)
        arguments = _parse(rest)
        verb = import_module(VERBS[arguments.verb])
        document, exit_code = getattr(verb, arguments.verb)(arguments, paths)
        if as_json and document is not None:
            outcome.print_json(document)
        return int(exit_code)
    except SystemExit as leaving:  # argparse's --help
        return int(leaving.code or 0)
    except BrokenPipeError:
        return outcome.DONE
    except BaseException as error:  # the last resort says where the details are
        failure = outcome.classify(error)
        if failure is None:
            logging.getLogger(__name__).exception("testigo %s failed", " ".join(argv[:1]))
            failure = outcome.Failure("failed", f"{type(error).__name__}: {error} · {_log_place()}", outcome.UNEXPECTED)
        if isinstance(failure, WrongUsage) and not as_json:
            outcome.say_aloud(failure.shape)
        return outcome.print_failure(failure, as_json)


def _before_verb(argv: list[str]) -> tuple[str, Path | None, Path | None, list[str]]:
    parser = Parser(prog="testigo", add_help=False)
    parser.add_argument("--lang", default="", choices=("", *words.LANGUAGES, words.PSEUDO))
    parser.add_argument("--config-dir", type=Path)
    parser.add_argument("--data-dir", type=Path)
    first = next((i for i, part in enumerate(argv) if part in VERBS), len(argv))
    known, rest = parser.parse_known_args(argv[:first])
    return known.lang, known.config_dir, known.data_dir, [*rest, *argv[first:]]


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = Parser(prog="testigo", description=say("From “it does not work” to a ticket that can be solved."))
    parser.add_argument("--lang", choices=tuple(words.LANGUAGES), help=say("language of this call"))
    parser.add_argument("--config-dir", metavar="D", help=say("folder of the settings"))
    parser.add_argument("--data-dir", metavar="D", help=say("folder of drafts, outbox and logs"))
    verbs = parser.add_subparsers(dest="verb", metavar=say("VERB"))
    wanted = argv[0] if argv and argv[0] in VERBS else ""
    for name, module in VERBS.items():
        sub = verbs.add_parser(name, help=_summary(name))
        sub.add_argument("--json", action="store_true", help=say("one JSON document on standard output"))
        if name == wanted:
            getattr(import_module(module), f"add_{name}")(sub)
    arguments = parser.parse_args(argv or ["tray"])
    if not arguments.verb:
        parser.error(say("say what to do: a VERB"))
    return arguments


def _summary(verb: str) -> str:
    return {
        "tray": say("start the resident program (the default)"),
        "capture": say("take a picture of the screen"),
        "screens": say("list what can be captured"),
        "annotate": say("draw marks on a picture"),
        "record": say("record the screen"),
        "diagnose": say("collect diagnostics into a file; nothing is sent"),
        "report": say("write a report and send it"),
        "outbox": say("what is on its way"),
        "history": say("search what was sent"),
        "share": say("share a large file by a link"),
        "tickets": say("your tickets: what the help desk answers, and answering it"),
        "articles": say("help that may solve it without a ticket"),
        "desk": say("help desks: list, check, sign in"),
        "sxcu": say("ShareX custom uploaders: explain, import"),
        "settings": say("show and change settings"),
        "policy": say("what your organisation has set"),
        "doctor": say("check what works here"),
        "logs": say("where the log is"),
        "version": say("version of the program"),
    }[verb]


def _speak_as_set(paths: Paths) -> None:
    from client.settings import load

    chosen = load(paths.settings_file, paths.data / "settings.good.toml")
    words.speak(chosen.general.language)
    if chosen.fault:
        # Read again, now that the language is known in which the fault is said.
        chosen = load(paths.settings_file, paths.data / "settings.good.toml")
        outcome.say_aloud(say("Warning: {fault}. The last good settings are in use.", fault=chosen.fault))


def _start_log(paths: Paths) -> None:
    """Rotating, private, warnings and up; five files of 2 MB at most."""
    root = logging.getLogger()
    for old in [h for h in root.handlers if isinstance(h, _LogFile)]:
        root.removeHandler(old)
        old.close()
    root.addHandler(_LogFile(paths.log_file))
    root.setLevel(logging.WARNING)
    logging.raiseExceptions = False


class _LogFile(logging.Handler):
    """Opens the file for the first record: most calls write none, and start faster."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._file: logging.Handler | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self._file is None:
                self._file = self._opened()
        except OSError:  # no folder, no right, a full disk: what is told of goes on all the same
            self.handleError(record)
        else:
            self._file.handle(record)

    def _opened(self) -> logging.Handler:
        from logging.handlers import RotatingFileHandler

        file = RotatingFileHandler(self.path, maxBytes=2_000_000, backupCount=4, encoding="utf-8")
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"))
        return file

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        super().close()


def _log_place() -> str:
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _LogFile):
            return str(handler.path)
    return sys.argv[0]
