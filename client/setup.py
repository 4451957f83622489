"""Connecting a desk without documentation: an address is typed, the desk is recognised, tried, and kept."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from client.places import Places, enters_by_browser, from_user, secret_name
from client.settings import Settings
from client.words import detail, say, sentence, standing_alone
from uploader.catalog import DESKS, desk_kind
from uploader.errors import Cancelled, UploaderError
from uploader.probe import Step, walk
from uploader.seen import MOST_S, PATIENCE_S, Seen
from uploader.setting import Secret, Setting, build, settings_of
from uploader.ticket import Choice
from uploader.wire import Wire


@dataclass(frozen=True, slots=True)
class Recognised:
    """What lives at an address. ``kind`` empty: nobody we know; ``trouble`` then says why, if something failed."""

    kind: str
    values: Mapping[str, str]
    title: str
    trouble: str = ""


class Search:
    """Which desk answers at an address, asking each kind in turn; nothing but public pages is read."""

    def __init__(self, typed: str) -> None:
        self._typed, self._wire = typed, Wire(stall_s=PATIENCE_S)
        self._is_stopped = False

    def run(self) -> Recognised:
        """Blocks. Raises: Cancelled when it was stopped meanwhile."""
        clock = threading.Timer(MOST_S, self._wire.cut)  # also ends what comes drop by drop
        clock.daemon = True
        clock.start()
        try:
            with self._wire as wire:
                return self._ask_each_kind(Seen(wire, self._typed))
        finally:
            clock.cancel()

    def _ask_each_kind(self, seen: Seen) -> Recognised:
        for kind in DESKS:
            found = desk_kind(kind)
            values = found.recognise(seen)
            if self._is_stopped:
                raise Cancelled("the search was stopped")
            if values is not None:
                return Recognised(kind, values, found.title)
            if seen.late or seen.stopped():
                break
        trouble = ""
        if seen.trouble:
            trouble = sentence(seen.trouble)
        elif seen.late or seen.stopped():
            trouble = say("{host} answers too slowly to be recognised", host=seen.host)
        if trouble and seen.tried:
            trouble = f"{trouble.rstrip('.')}. " + say("Tried: {addresses}", addresses=", ".join(seen.tried))
        return Recognised("", {}, "", trouble)

    def stop(self) -> None:
        """From any thread: what is being asked is cut off, and nothing more is asked."""
        self._is_stopped = True
        self._wire.cut()


class Setup:
    """Any thread; what asks a service blocks."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def recognise(self, typed: str) -> Recognised:
        """Which desk answers at this address."""
        return self.search(typed).run()

    def search(self, typed: str) -> Search:
        """The same, to be run in the background and stopped."""
        return Search(typed)

    def declared(self, kind: str) -> tuple[Setting, ...]:
        return settings_of(desk_kind(kind))

    def try_out(self, kind: str, values: Mapping[str, object], mail: str = "") -> tuple[Step, ...]:
        """Each step of the way to the desk, up to the first that fails. ``values`` hold secrets as ``Secret``;
        ``mail`` is the user's own address, as far as it is known."""
        try:
            desk = build(desk_kind(kind), from_user(desk_kind(kind), values, mail))
        except UploaderError as error:
            return (Step("settings", False, error.text, tuple(error.values.items()), getattr(error, "name", "")),)
        return tuple(walk(desk.doors, desk.check))

    def choices(self, kind: str, values: Mapping[str, object], field: str) -> tuple[Choice, ...]:
        """The remote list for one field, with what is filled in so far. Raises: UploaderError."""
        filled = {part.name: values.get(part.name, "") for part in self.declared(kind) if part.required}
        return build(desk_kind(kind), {**filled, **values}).choices(field)

    def signs_in(self, kind: str, values: Mapping[str, object]) -> bool:
        """Whether the desk gives its secrets in a browser, in the mode that is chosen."""
        return bool(kind) and enters_by_browser(desk_kind(kind), values)

    def sign_in(self, kind: str, values: Mapping[str, object], show: Callable[[str], None]) -> Mapping[str, str]:
        """Secrets by the name of their setting; blocks until the user is done. Raises: UploaderError."""
        filled = {part.name: values.get(part.name, "") for part in self.declared(kind) if part.required}
        return build(desk_kind(kind), {**filled, **values}).sign_in(show)

    def name_for(self, kind: str, values: Mapping[str, object], settings: Settings) -> str:
        """A name that people read: what the service is called, with its host where there is one of it already."""
        title = _plain(detail(desk_kind(kind).title, {})) or kind
        where = str(values.get("url", "") or values.get("address", ""))
        host = _plain(re.sub(r"^https?://|[:/].*$", "", where).rpartition("@")[2])
        tries = [title, *([f"{title} ({host})"] if host else [])]
        tries += [f"{tries[-1]} {number}" for number in range(2, len(settings.desks) + 3)]
        return next(name for name in tries if name not in (*settings.desks, "folder"))

    def changes(self, name: str, kind: str, values: Mapping[str, object], *, chosen: bool) -> dict[str, object]:
        """What the settings shall hold; secrets are kept in the keychain here. Raises: NoKeychain."""
        declared = self.declared(kind)
        written: dict[str, object] = {f"desks.{name}.kind": kind}
        for part in declared:
            value = values.get(part.name)
            if part.kind == "secret":
                if isinstance(value, Secret) and value:
                    first = secret_name(name, declared, part.name) == name
                    self._places.login(name, value, part.name, first=first)
            elif value not in (None, "", part.default):
                written[f"desks.{name}.{part.name}"] = value
        return written | ({"report.desk": name} if chosen else {})


def _plain(text: str) -> str:
    """Without the signs that part the keys of settings."""
    return re.sub(r"[^\w -]+", "-", text).strip("- ")


def step_fault(step: Step) -> str:
    """What is wrong there, as a sentence for the field that it is about."""
    return standing_alone(detail(step.text, dict(step.values))) if step.text else ""


def step_words(step: Step) -> str:
    """The step's name and what it says, for a person."""
    names = {
        "proxy": say("Proxy"),
        "dns": say("Name"),
        "connection": say("Connection"),
        "certificate": say("Certificate"),
        "login": say("Login"),
        "right": say("Right"),
        "settings": say("Settings"),
        "service": say("Help desk"),
    }
    said = detail(step.text, dict(step.values)) if step.text else say("good")
    return f"{names[step.name]}: {said}"
