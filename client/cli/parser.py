"""argparse in the user's language, with failures instead of an exit in the middle of the program."""

from __future__ import annotations

import argparse
from typing import NoReturn

from client.cli.outcome import USAGE, Failure
from client.words import say, say_n


class WrongUsage(Failure):
    """The words of the command line do not fit. ``shape`` is how they should look: lines for people, not for JSON."""

    def __init__(self, detail: str, shape: str) -> None:
        super().__init__("usage", " ".join(detail.split()), USAGE)
        self.shape = shape


class Parser(argparse.ArgumentParser):
    """A parser that raises WrongUsage, which no ``except Exception`` of argparse swallows, and never exits for it."""

    def error(self, message: str) -> NoReturn:
        raise WrongUsage(message, self.format_usage().strip())


def _said(text: str) -> str:
    """argparse's own sentence in the current language, its %-places kept; as it is when it is not known."""
    return {
        "usage: ": say("usage: "),
        "options": say("options"),
        "positional arguments": say("positional arguments"),
        "show this help message and exit": say("show this help message and exit"),
        "expected one argument": say("expected one argument"),
        "expected at most one argument": say("expected at most one argument"),
        "expected at least one argument": say("expected at least one argument"),
        "argument %(argument_name)s: %(message)s": say(
            "argument {name}: {why}", name="%(argument_name)s", why="%(message)s"
        ),
        "unrecognized arguments: %s": say("unrecognized arguments: {names}", names="%s"),
        "not allowed with argument %s": say("not allowed with argument {name}", name="%s"),
        "ignored explicit argument %r": say("ignored explicit argument {value}", value="%r"),
        "the following arguments are required: %s": say("the following arguments are required: {names}", names="%s"),
        "one of the arguments %s is required": say("one of the arguments {names} is required", names="%s"),
        "ambiguous option: %(option)s could match %(matches)s": say(
            "ambiguous option: {option} could match {matches}", option="%(option)s", matches="%(matches)s"
        ),
        "invalid %(type)s value: %(value)r": say("invalid {kind} value: {value}", kind="%(type)s", value="%(value)r"),
        "invalid choice: %(value)r (choose from %(choices)s)": say(
            "invalid choice: {value} (choose from {choices})", value="%(value)r", choices="%(choices)s"
        ),
    }.get(text, text)


def _said_n(one: str, many: str, n: int) -> str:
    if one == "expected %s argument":
        return say_n("expected {count} argument", "expected {count} arguments", n, count="%s")
    return one if n == 1 else many


# argparse asks gettext by these two names of its module; there is no other door to its words.
for _name, _words in (("_", _said), ("ngettext", _said_n)):
    setattr(argparse, _name, _words)
