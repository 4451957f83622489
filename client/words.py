"""The words people read: translation, plurals, sizes, dates. The language can change at any moment.

A text in the code is English and is its own key: ``say("Send")``. Other languages lie in
``resources/translations/<language>.json``: ``{"Send": "Enviar", "{n} file|{n} files": ["{n} archivo", …]}``.
"""

from __future__ import annotations

import json
import locale
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache

LANGUAGES = {"en": "English", "es": "Español"}
PSEUDO = "pseudo"
"""A language for tests: a text that went through here is ``⟦Šéñd ···⟧``, longer, and easy to tell from others."""

_ACCENTED = str.maketrans("aceinosuyACEINOSU", "áçéíñöšüÿÁÇÉÍÑÖŠÜ")
_language = "en"


def system_language() -> str:
    """``es`` or ``en``, from the environment as gettext reads it, else from the system."""
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return "es" if value.lower().startswith("es") else "en"
    return "es" if (locale.getlocale()[0] or "").lower().startswith(("es", "spanish")) else "en"


def speak(language: str) -> None:
    """From now on every text is in this language; ``auto`` is the system's."""
    global _language  # noqa: PLW0603  # one process speaks one language
    language = system_language() if language == "auto" else language
    if language not in LANGUAGES and language != PSEUDO:
        raise ValueError(f"no such language: {language}")
    _language = language


def language() -> str:
    return _language


@lru_cache
def catalog(language: str) -> Mapping[str, str | list[str]]:
    """All translations into ``language``; English needs none."""
    if language in ("en", PSEUDO):
        return {}
    from importlib import resources

    text = resources.files("resources").joinpath("translations", f"{language}.json").read_text("utf-8")
    found: dict[str, str | list[str]] = json.loads(text)
    return found


def say(text: str, **values: object) -> str:
    """The text in the current language, with ``{name}`` filled in."""
    found = catalog(_language).get(text, text)
    return _fill(found if isinstance(found, str) else found[0], values)


def say_n(one: str, many: str, n: int, **values: object) -> str:
    """Like ``say``, with the plural for ``n``, which fills ``{n}``."""
    found = catalog(_language).get(f"{one}|{many}", [one, many])
    return _fill(found[0 if n == 1 else 1], {"n": number(n), **values})


def _fill(text: str, values: Mapping[str, object]) -> str:
    if _language == PSEUDO:
        parts = text.replace("}", "{").split("{")
        parts[::2] = [part.translate(_ACCENTED) for part in parts[::2]]
        text = "".join(f"{{{part}}}" if i % 2 else part for i, part in enumerate(parts))
        text = f"⟦{text}{'·' * (len(text) // 3)}⟧"
    return text.format(**values) if values else text


def number(value: float, decimals: int = 0) -> str:
    """``1,284.5`` in English; ``1 284,5`` in Spanish, with a narrow space, from 10 000 on (RAE)."""
    text = f"{value:,.{decimals}f}"
    if _language != "es":
        return text
    whole, _, rest = text.partition(".")
    whole = whole.replace(",", "\u202f" if len(whole) > 5 else "")
    return whole + ("," + rest if rest else "")


def size(size_bytes: int) -> str:
    """``184 kB``, ``41 MB``, ``3.2 GB``: powers of 1000, at most one decimal."""
    value, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{number(value, 1 if unit != 'B' and value < 9.95 else 0)}\u00a0{unit}"


def span(hours: float) -> str:
    """``25 min`` below one hour, else ``3 h``."""
    return f"{number(hours)}\u00a0h" if hours >= 1 else f"{max(1, round(hours * 60))}\u00a0min"


def lasting(time: timedelta) -> str:
    """``20 min``, ``1 h 50 min``, ``30 h``, ``3 days``: never more than it is."""
    minutes = max(1, int(time.total_seconds() // 60))
    hours, rest = divmod(minutes, 60)
    if hours >= 48:
        return say_n("{n} day", "{n} days", hours // 24)
    shown = (f"{hours}\u00a0h" if hours else "", f"{rest}\u00a0min" if hours < 10 and rest else "")
    return "\u00a0".join(filter(None, shown))


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS_ES = ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic")


def moment(at: datetime, now: datetime | None = None) -> str:
    """``today 10:42``, ``yesterday 17:40``, ``28 Nov``, ``28 Nov 2025``, in local time."""
    at = at.astimezone()
    now = (now or datetime.now().astimezone()).astimezone()
    days = (now.date() - at.date()).days
    clock = f"{at:%H:%M}"
    if days == 0:
        return say("today {clock}", clock=clock)
    if days == 1:
        return say("yesterday {clock}", clock=clock)
    return day(at, now)


def day(at: datetime, now: datetime | None = None) -> str:
    """``28 Nov``, with the year when it is another one."""
    at = at.astimezone()
    month = (_MONTHS_ES if _language == "es" else _MONTHS)[at.month - 1]
    year = (now or datetime.now().astimezone()).year
    return f"{at.day} {month}" + (f" {at.year}" if at.year != year else "")


def until(at: datetime, now: datetime | None = None) -> str:
    """``until 28 Dec``; on the last day with the hour."""
    at, now = at.astimezone(), (now or datetime.now().astimezone()).astimezone()
    if at.date() <= now.date():
        return say("until {clock}", clock=f"{at:%H:%M}") if at > now else say("Ends soon")
    return say("until {day}", day=day(at, now))


def explain(code: str) -> tuple[str, str]:
    """Title and advice for an error's code: what happened, and what to do now. What is safe comes with both."""
    unexpected = (say("Something unexpected happened"), say("Nothing is lost. The log has the details."))
    return _of_reports().get(code) or _of_files().get(code) or _of_the_program().get(code) or unexpected


def _of_reports() -> dict[str, tuple[str, str]]:
    else_answers = (
        say("Somebody else answers for the help desk"),
        say("Your report is saved. Log in to the network if it asks for it; else tell whoever looks after it."),
    )
    return {
        "unreachable": (
            say("The help desk does not answer"),
            say("Your report is saved. It will be sent by itself when the connection is back."),
        ),
        "untrusted": else_answers,
        "intercepted": else_answers,
        "temporary": (
            say("The help desk could not take it now"),
            say("Your report is saved. It will be sent by itself later."),
        ),
        "no_space": (
            say("The help desk's folder is full"),
            say("Your report is saved and will be tried again. Tell whoever looks after the folder."),
        ),
        "outcome_unknown": (
            say("The help desk's answer got lost"),
            say("Your report is saved. Before it is sent again, we check that it did not arrive."),
        ),
        "refused": (say("The help desk refused the report"), say("Your report is saved. Change it and send it again.")),
        "maybe_sent": (
            say("It may have arrived"),
            say("Look whether the help desk has it (it may have confirmed by e-mail), and say so here."),
        ),
        "auth_failed": (
            say("The help desk does not know you"),
            say("Your report is saved. Sign in again in the settings, then try again."),
        ),
        "invalid_field": (say("Something in the settings or the report is missing"), say("Correct it and try again.")),
        "field_wanted": (
            say("The help desk wants to know more"),
            say("Fill it in; it is remembered for the next time."),
        ),
        "file_refused": (
            say("The help desk does not take a file"),
            say("Your report is saved. Choose a share for large files, or leave the file out."),
        ),
        "too_large": (say("A file is too large"), say("Choose a share for large files, or leave the file out.")),
    }


def _of_files() -> dict[str, tuple[str, str]]:
    return {
        "share_unreachable": (
            say("The place for large files does not answer"),
            say("Your report is saved. It will be sent by itself when the connection is back."),
        ),
        "file_unwanted": (
            say("The help desk does not take this kind of file, and it could not go as a link"),
            say("Your report is saved. Choose another share, or send it without this file."),
        ),
        "share_refused": (
            say("The large file could not be shared"),
            say("Your report is saved. Choose another share, or send it without this file."),
        ),
        "paste_link": (
            say("A large file waits for a link"),
            say("Upload it in the browser, then paste the link here; the report goes on by itself."),
        ),
        "sxcu": (say("This uploader cannot be used"), say("Ask whoever gave it to you for another one.")),
        "file_changed": (
            say("A file has changed or is gone"),
            say("Your report is saved. Leave the file out, or attach it again."),
        ),
        "cancelled": (say("Paused"), say("Your report is saved. It goes on where it was whenever you like.")),
        "metered": (
            say("A large file waits for your word"),
            say("This network may cost by the byte. Send it now, or it waits until you do."),
        ),
        "gone": (say("It is no longer there"), say("Nothing of yours is lost. Try again.")),
    }


def _of_the_program() -> dict[str, tuple[str, str]]:
    return {
        "busy": (say("Another Testigo is sending right now"), say("Your report is saved and follows by itself.")),
        "disk_full": (say("The disk is full"), say("Free some space and try again.")),
        "no_display": (
            say("There is no screen to capture"),
            say("Log in to the desktop and start Testigo there; over a remote shell, set DISPLAY."),
        ),
        "not_possible": (say("This desktop cannot do that"), say("“testigo doctor” says what works here.")),
        "not_running": (say("Testigo is not running"), say("Start “testigo” first; it stays in the tray.")),
        "not_found": (say("There is no such thing"), say("Look at the list and try again.")),
        "cannot_attach": (say("The file was not attached"), say("Check its name and that you may read it.")),
        "settings_invalid": (
            say("A setting is wrong"),
            say("Correct the line; until then the last good settings hold."),
        ),
        "locked": (say("This is not yours to change"), say("Ask whoever looks after this computer.")),
        "keychain": (
            say("The password cannot be read"),
            say("Unlock or start your keychain. What waits is then sent by itself."),
        ),
        "no_keychain": (say("The password was not stored"), say("Open your keychain, or use the environment.")),
        "usage": (say("That command is not complete"), say("Add --help to see what it takes.")),
    }


def explain_share(code: str) -> tuple[str, str]:
    """The same for a file that is shared without a report."""
    go_on = say("Run the same command again: what has arrived is not sent again.")
    sign_in = say("Sign in with “testigo share login”, then try again.")
    log_in = say(
        "Log in to the network if it asks for it (hotel, airport); else tell whoever looks after your network."
    )
    choose = say("Correct what it says, or choose another share with --share.")
    return {
        "unreachable": (say("The share does not answer"), go_on),
        "temporary": (say("The share could not take the file now"), go_on),
        "outcome_unknown": (say("The share's answer got lost"), go_on),
        "no_space": (say("The share is full"), choose),
        "keychain": (
            say("The password cannot be read"),
            say("Nothing was done. Unlock or start your keychain, then try again."),
        ),
        "auth_failed": (say("The share does not know you"), sign_in),
        "refused": (say("The share refused the file"), choose),
        "too_large": (say("The file is too large for this share"), choose),
        "gone": (say("It is no longer there"), say("Nothing of yours is lost. Try again.")),
        "file_changed": (say("The file has changed or is gone"), say("Share it again when it is complete.")),
        "busy": (
            say("Another Testigo is sharing this file right now"),
            say("Wait until it is done, or stop it there."),
        ),
        "untrusted": (say("Somebody else answers for the share"), log_in),
        "intercepted": (say("Somebody else answers for the share"), log_in),
        "open": (say("The sealed file was not opened"), say("Ask whoever sent it for the link and its key again.")),
        "cancelled": (
            say("Stopped"),
            say("Run the same command again to go on; “testigo share abandon” removes what was sent."),
        ),
    }.get(code) or explain(code)


def explain_ticket(code: str) -> tuple[str, str]:
    """The same where a ticket is read or changed at once and nothing waits to be sent."""
    again = say("Nothing was done. Try again when the connection is back.")
    log_in = say("Nothing was done. Log in to the network if it asks for it; else tell whoever looks after it.")
    return {
        "unreachable": (say("The help desk does not answer"), again),
        "untrusted": (say("Somebody else answers for the help desk"), log_in),
        "intercepted": (say("Somebody else answers for the help desk"), log_in),
        "temporary": (say("The help desk could not take it now"), say("Nothing was done. Try again later.")),
        "outcome_unknown": (
            say("The help desk's answer got lost"),
            say("It may have been done. Look at the ticket; doing it again does no harm."),
        ),
        "refused": (say("The help desk does not do that"), say("Nothing was done. Open the ticket in the browser.")),
        "auth_failed": (
            say("The help desk does not know you"),
            say("Nothing was done. Sign in with “testigo desk login”, then try again."),
        ),
        "keychain": (
            say("The password cannot be read"),
            say("Nothing was done. Unlock or start your keychain, then try again."),
        ),
        "gone": (say("It is no longer there"), say("Nothing was done. Look at the list and try again.")),
    }.get(code) or explain(code)


def detail(text: str, values: Mapping[str, str]) -> str:
    """The sentence of an error in the current language; so are the names in it that are ours."""
    found = catalog(_language).get(text, text)
    ours = {key: detail(value, {}) for key, value in values.items() if key in ("setting", "service", "why")}
    return _fill(found if isinstance(found, str) else found[0], {**values, **ours})


def reason(error: BaseException) -> str:
    """What went wrong, in the current language where the error keeps its sentence apart from its values."""
    text = getattr(error, "text", "")
    return detail(text, getattr(error, "values", {})) if text else str(error)


def sentence(error: BaseException) -> str:
    """The same as a sentence that stands alone."""
    return standing_alone(reason(error))


def standing_alone(said: str) -> str:
    """With a capital and a full stop; a name it may begin with stays as it is written."""
    said = said.strip().rstrip(".")
    return f"{said[:1].upper()}{said[1:]}." if said.split(" ")[0].isalpha() else f"{said}."


def hint(error: BaseException) -> str:
    """What to do about it now, in the current language; empty when the error does not say."""
    text = getattr(error, "hint", "")
    return detail(text, getattr(error, "values", {})) if text else ""


def link_ends(days: float | None) -> str:
    """Until when a link that is made now works, in a sentence; empty where nobody knows."""
    if days is None:
        return ""
    if not days:
        return say("The link does not expire.")
    return say("The link works until {day}.", day=day(datetime.now().astimezone() + timedelta(days=days)))


def explain_problem(code: str, name: str, why: str) -> str:
    """One sentence for something to mend or know before sending. ``name`` is the attachment's."""
    return {
        "summary_missing": say("Say in one line what happens."),
        "file_missing": say("“{name}” is no longer there. Remove it or attach it again.", name=name),
        "file_changed": say("“{name}” has changed since you attached it. Attach it again.", name=name),
        "empty_file": say("“{name}” is empty.", name=name),
        "no_share": say(
            "“{name}” is too large for the ticket, or of a kind that it does not take. "
            "Remove it, or set up a place for large files in the settings.",
            name=name,
        ),
        "goes_by_link": say("“{name}” is large and goes as a link. {ends}", name=name, ends=why).rstrip(),
        "desk_unready": say("The help desk is not set up correctly: {why}", why=why),
    }[code]
