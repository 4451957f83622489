"""Connecting a desk without documentation: an address is typed, the desk is recognised, tried, and kept."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from client.places import Places, enters_by_browser, from_user, secret_name, unknown_of
from client.settings import OPTIONS, Settings
from client.words import detail, say, sentence, standing_alone
from uploader.catalog import DESKS, desk_kind
from uploader.errors import Cancelled, NameUnknown, Untrusted, UploaderError
from uploader.probe import Step, walk
from uploader.remote import RemoteDesk
from uploader.seen import MOST_S, PATIENCE_S, Seen
from uploader.setting import Secret, Setting, build, settings_of
from uploader.ticket import Choice
from uploader.wire import Wire


@dataclass(frozen=True, slots=True)
class Recognised:
    """What lives at an address. ``kind`` empty: nobody we know; ``trouble`` then says why, if something failed, and
    ``no_way`` that there is no such address, or somebody there who is not to be trusted."""

    kind: str
    values: Mapping[str, str]
    title: str
    trouble: str = ""
    no_way: bool = False


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
        if isinstance(seen.trouble, NameUnknown):
            return Recognised("", {}, "", sentence(seen.trouble), no_way=True)
        if isinstance(seen.trouble, Untrusted):
            step = next((step for step in walk((seen.root,), lambda: None) if not step.ok), None)
            if step is not None and dict(step.values).get("issuer"):
                return Recognised("", {}, "", f"{step_words(step)}. {next_words(step)}", no_way=True)
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

    def keeps_secrets(self) -> bool:
        """Whether this computer would keep a password."""
        return self._places.keeps_secrets()

    def try_out(self, kind: str, values: Mapping[str, object], mail: str = "", name: str = "") -> tuple[Step, ...]:
        """Each step of the way to the desk, up to the first that fails. ``values`` hold secrets as ``Secret``;
        ``mail`` and ``name`` are the user's own, as far as they are known."""
        try:
            desk = build(desk_kind(kind), from_user(desk_kind(kind), values, mail))
        except UploaderError as error:
            return (Step("settings", False, error.text, tuple(error.values.items()), getattr(error, "name", "")),)
        secret = next((part for part in self.declared(kind) if part.kind == "secret" and not part.rare), None)
        if secret is not None and desk.abilities.entry == ("token",) and not values.get(secret.name):
            return (_missing(secret.title, secret.name),)
        steps = tuple(walk(desk.doors, desk.check))
        if steps[-1].ok:
            with suppress(UploaderError):  # it has just said that it works
                if key := unknown_of(desk, mail, name):
                    return (*steps[:-1], _missing(OPTIONS[f"general.{key}"].title, f"general.{key}"))
        return steps

    def lists(self, kind: str, values: Mapping[str, object]) -> Mapping[str, tuple[Choice, ...]]:
        """What the desk lets choose from, by field, as far as it tells with what is filled in so far."""
        found = dict[str, tuple[Choice, ...]]()
        with suppress(UploaderError):
            filled = {part.name: values.get(part.name, "") for part in self.declared(kind) if part.required}
            desk, common = build(desk_kind(kind), {**filled, **values}), {part.name for part in settings_of(RemoteDesk)}
            for part in self.declared(kind):
                if part.kind == "text" and part.name not in common and (entries := desk.choices(part.name)):
                    found[part.name] = entries
        return found

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

    def changes(
        self, name: str, kind: str, values: Mapping[str, object], settings: Settings, *, chosen: bool
    ) -> dict[str, object]:
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
        if not chosen and not settings.report.desk:
            return written | {"report.desk": self._places.desk_name()}  # a second one does not move it elsewhere
        return written | ({"report.desk": name} if chosen else {})


def _missing(title: str, field: str) -> Step:
    return Step("settings", False, "“{setting}” is missing", (("setting", title),), field)


def _plain(text: str) -> str:
    """Without the signs that part the keys of settings."""
    return re.sub(r"[^\w -]+", "-", text).strip("- ")


def step_fault(step: Step) -> str:
    """What is wrong there, as a sentence for the field that it is about."""
    return standing_alone(detail(step.text, dict(step.values))) if step.text else ""


def step_words(step: Step) -> str:
    """What that step found, for a person."""
    good = {
        "proxy": say("The way leads through a proxy"),
        "dns": say("Address found"),
        "connection": say("It answers"),
        "certificate": say("The connection is safe"),
        "login": say("The help desk is ready"),
    }
    bad = {
        "proxy": say("The proxy does not let through"),
        "dns": say("Address not found"),
        "connection": say("No answer"),
        "certificate": say("The connection is not safe"),
        "login": say("Not let in"),
        "right": say("Not allowed"),
        "settings": say("Something is missing or wrong"),
        "service": say("The help desk cannot be used now"),
    }
    name = (good if step.ok else bad)[step.name]
    door = {"smtp": say("Outgoing mail"), "imap": say("Incoming mail")}.get(step.door)
    if door:
        name = f"{door}: {name[:1].lower()}{name[1:]}"
    values = dict(step.values)
    if not step.text or (step.ok and values.get("host") == values.get("address")):
        return name
    return f"{name} ({detail(step.text, values)})" if door else f"{name}: {detail(step.text, values)}"


def next_words(step: Step) -> str:
    """What to do about the step that failed."""
    if step.field or step.name in ("dns", "login", "settings"):
        return say("Correct this and check again.")
    return {
        "certificate": say("Do not go on: ask whoever looks after your network what stands between."),
        "proxy": say("Ask whoever looks after your network."),
        "connection": say("Check the address. If it is right, try again later: the help desk may be down."),
        "right": say("Ask whoever looks after the help desk to let you send reports."),
    }.get(step.name, say("Try again later, or ask whoever looks after the help desk."))
