"""How a verb ends: exit codes, one JSON document, and words for people."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from client.words import explain, explain_ticket, hint, reason, say, size

DONE, UNEXPECTED, USAGE, FORBIDDEN, REFUSED, SAVED, IMPOSSIBLE, CANCELLED = 0, 1, 2, 3, 4, 5, 6, 130
"""Exit codes, as the command line promises them."""

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")

Result = tuple[dict[str, Any] | None, int]
"""What a verb gives: its JSON document (None: it wrote to standard output itself) and its exit code."""


class Failure(Exception):
    """A verb ends here. ``code`` is the stable word; title and advice come from it, ``detail`` says what exactly."""

    def __init__(self, code: str, detail: str, exit_code: int, advice: str = "", title: str = "") -> None:
        super().__init__(detail)
        self.code, self.detail, self.exit_code, self.advice, self.title = code, detail, exit_code, advice, title


def usage(detail: str) -> Failure:
    return Failure("usage", detail, USAGE)


def classify(error: BaseException, *, saved: bool = False) -> Failure | None:
    """What an exception of the core means for the caller; None for what nobody expected.

    ``saved``: what could not be done now is kept; else somebody must ask for it again.
    """
    if isinstance(error, Failure):
        return error
    # Only a failure needs to know all these: a call that goes well starts faster without them.
    from capture.errors import CaptureError, NoDisplay
    from client.draft import CannotAttach
    from client.lock import Busy
    from client.secrets import KeychainShut, NoKeychain
    from client.settings import Locked, SettingsFault
    from uploader.errors import Cancelled, InvalidField, Temporary, UploaderError

    if isinstance(error, KeyboardInterrupt | Cancelled):
        return Failure("cancelled", "", CANCELLED)
    if isinstance(error, UploaderError):
        away = SAVED if saved and isinstance(error, Temporary) else REFUSED
        wrong = FORBIDDEN if isinstance(error, InvalidField) else away
        exit_code = IMPOSSIBLE if isinstance(error, KeychainShut) else wrong
        key = f" ({error.name})" if isinstance(error, InvalidField) and "setting" in error.values else ""
        return Failure(error.code, reason(error) + key, exit_code)
    if isinstance(error, NoDisplay):
        return Failure("no_display", reason(error), IMPOSSIBLE, hint(error))
    if isinstance(error, CaptureError):
        return Failure("not_possible", reason(error), IMPOSSIBLE, hint(error))
    if isinstance(error, SettingsFault):
        return Failure("locked" if isinstance(error, Locked) else "settings_invalid", str(error), FORBIDDEN)
    if isinstance(error, CannotAttach):
        full = error.disk_full
        return Failure("disk_full" if full else "cannot_attach", str(error), UNEXPECTED if full else USAGE)
    if isinstance(error, NoKeychain):
        return Failure("no_keychain", reason(error), IMPOSSIBLE)
    if isinstance(error, Busy):
        return Failure("busy", "", SAVED)
    if isinstance(error, TimeoutError):
        return Failure("failed", say("the running program does not answer"), UNEXPECTED)
    if isinstance(error, OSError) and error.errno == 28:
        return Failure("disk_full", f"{error.filename or ''}: {error.strerror}".strip(": "), UNEXPECTED)
    if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError | NotADirectoryError):
        return Failure("not_found", f"{error.filename}: {error.strerror}", USAGE)
    return None


@contextmanager
def nothing_waits() -> Iterator[None]:
    """What a desk says is told as what it is where nothing is sent. Raises: Failure; InvalidField."""
    from uploader.errors import UploaderError

    try:
        yield
    except UploaderError as error:
        failure = classify(error)
        if failure is None or failure.code == "invalid_field":
            raise
        title, advice = explain_ticket(failure.code)
        raise Failure(failure.code, failure.detail, failure.exit_code, advice, title) from error


def print_failure(failure: Failure, as_json: bool) -> int:
    title, advice = explain(failure.code)
    title, advice = failure.title or title, failure.advice or advice
    if as_json:
        error = {"code": failure.code, "title": title, "advice": advice, "detail": failure.detail}
        print_json({"error": error})
    else:
        say_aloud(f"{title}. {advice}" if not failure.detail else f"{title}: {failure.detail}\n{advice}")
    return failure.exit_code


def print_json(document: dict[str, Any]) -> None:
    json.dump(document, sys.stdout, ensure_ascii=False, default=_plain)
    sys.stdout.write("\n")
    sys.stdout.flush()


def put(text: str) -> None:
    """What others wrote, on a terminal: its control signs and those that turn the reading round do nothing there."""
    print(_CONTROLS.sub("\ufffd", text), flush=True)


def say_aloud(text: str) -> None:
    """Words for people go to standard error."""
    print(text, file=sys.stderr, flush=True)


def rfc3339(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None


def progress_bar(what: str) -> Callable[[int, int], None]:
    """A bar on a terminal, a line per tenth elsewhere; always on standard error."""
    last = [-1]

    def show(done_bytes: int, total_bytes: int) -> None:
        tenth = 10 * done_bytes // max(total_bytes, 1)
        if sys.stderr.isatty():
            bar = "█" * (tenth * 2) + "░" * (20 - tenth * 2)
            end = "\n" if done_bytes >= total_bytes else ""
            print(f"\r{bar} {what} {size(done_bytes)} / {size(total_bytes)} ", end=end, file=sys.stderr, flush=True)
        elif tenth != last[0] and total_bytes > 5_000_000:
            say_aloud(f"{what}: {size(done_bytes)} / {size(total_bytes)}")
        last[0] = tenth

    return show


def _plain(value: object) -> object:
    return rfc3339(value) if isinstance(value, datetime) else str(value)
