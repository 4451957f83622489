"""The desks and shares that the settings name, built with their secrets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from client import secrets
from client.paths import Paths
from client.settings import OPTIONS, Settings
from uploader.catalog import DESKS, SHARES, desk_kind, share_kind
from uploader.errors import AuthFailed, InvalidField, Refused, UploaderError
from uploader.remote import escaped, pairs
from uploader.setting import Secret, Setting, build, settings_of
from uploader.ticket import Desk, Limits, Share, ShareAbilities

A = TypeVar("A")
DEFAULT = "folder"
"""The name of the desk and of the share that work with nothing configured."""
KEPT = "secrets_kept"
"""The names of secrets that were kept, so that a window can tell without asking the keychain."""
RULES = OPTIONS["report.rules"].title
SENDER = "sender"
"""The setting of a desk that wants to know whose mail it sends: the user's own, if nothing else is said."""
SIGN_IN_MODES = ("account", "google", "microsoft")
"""Of a desk that can be entered in several ways: those by browser."""
HOLD_S, ASK_AGAIN_S = 300.0, 15.0


class Places:
    """Where reports and large files go. ``recall`` and ``remember`` keep small facts (see ``Session``)."""

    def __init__(
        self,
        paths: Paths,
        settings: Callable[[], Settings],
        recall: Callable[[str], Any],
        remember: Callable[[str, Any], None],
    ) -> None:
        self._paths, self._settings, self._recall, self._remember = paths, settings, recall, remember
        self._without: dict[str, secrets.KeychainShut] = {}
        """Places whose secrets are missing because the keychain does not give them; many can do without."""
        self._limits: dict[tuple[str, str], tuple[float, Limits | UploaderError]] = {}
        """What desks take, by their names and settings, and until when that holds."""

    def desk_names(self) -> tuple[str, ...]:
        return tuple(self._settings().desks) or (DEFAULT,)

    def kind_of(self, desk: str) -> str:
        """What kind of desk has this name; empty: the settings have none (any more)."""
        return str(self._settings().desks.get(desk, {}).get("kind", DEFAULT if desk == DEFAULT else ""))

    def is_embedded(self, desk: str) -> bool:
        """Whether it is the folder on this computer that works with nothing configured."""
        return desk == DEFAULT and desk not in self._settings().desks

    def share_names(self) -> tuple[str, ...]:
        return tuple(self._settings().shares) or (DEFAULT,)

    def desk(self, name: str = "") -> Desk:
        """The desk of this name, else the chosen one.

        Raises: InvalidField, also when policy wants another one; KeychainShut.
        """
        name, values = self._configured(self.allowed("desk", name), self._settings().desks, "desk")
        kind = desk_kind(str(values.pop("kind")))
        return self._built(name, kind, settings_of(kind), from_user(kind, values, self._settings().general.mail))

    def limits(self, name: str = "") -> Limits:
        """What this desk takes, else the chosen one. Some ask their server: its answer holds for some minutes, and that
        it gave none for some seconds, so that a form may ask at every change. Raises: UploaderError."""
        name = self.desk_name(name)
        key = (name, repr(self._settings().desks.get(name)))
        known = self._limits.get(key)
        if known is not None and time.monotonic() < known[0]:
            if isinstance(known[1], UploaderError):
                raise known[1]
            return known[1]
        try:
            found = self.desk(name).limits
        except UploaderError as error:
            self._limits[key] = (time.monotonic() + ASK_AGAIN_S, error)
            raise
        self._limits[key] = (time.monotonic() + HOLD_S, found)
        return found

    def share(self, name: str = "") -> Share:
        """The share of this name, else the chosen one. Raises: InvalidField; KeychainShut."""
        name, values = self._configured(self.share_name(name), self._settings().shares, "share")
        kind = share_kind(str(values.pop("kind")))
        declared, private = settings_of(kind), self._settings().sharing.allow_private
        if private != "share" and any(part.name == "allow_private" for part in declared):
            values["allow_private"] = private == "always"
        return self._built(name, kind, declared, values)

    def allowed(self, what: str, name: str = "") -> str:
        """The name of the "desk" or "share" that something may be sent to: whoever locks it means every report.

        Raises: InvalidField when policy wants another one.
        """
        wanted = self._name(what)
        if name not in ("", wanted) and self._settings().lock(f"report.{what}"):
            raise InvalidField(what, "your organisation allows only “{wanted}”", wanted=wanted)
        return name or wanted

    def reachable(self, desk: str, share: str) -> str:
        """The share for a report's large files. Raises: InvalidField, also when nobody at the desk could open it."""
        name, settings = self.allowed("share", share), self._settings()
        at = settings.desks.get(self.desk_name(desk), {}).get("kind", DEFAULT)
        if name == DEFAULT and DEFAULT not in settings.shares and at != DEFAULT:
            raise InvalidField("share", "the help desk cannot open a folder on this computer; choose another share")
        return name

    def ruled_desk(self, kind: str, priority: str) -> str:
        """The desk that the rules of the settings want for such a report; empty: the chosen one.

        The closest rule counts: kind/priority, then kind, then priority. Raises: InvalidField.
        """
        rules = pairs(self._settings().report.rules, "rules", RULES)
        found = next((rules[key] for key in (f"{kind}/{priority}", kind, priority) if key in rules), "")
        if found:
            self.check_rules(f"{kind}={found}")
        return found

    def is_ruled(self, desk: str) -> bool:
        """Whether a rule names this desk."""
        with suppress(InvalidField):  # rules that cannot be read
            return desk in pairs(self._settings().report.rules, "rules", RULES).values()
        return False

    def check_rules(self, rules: str, desks: Iterable[str] = ()) -> None:
        """Rules send reports to desks that the settings name, or ``desks``. Raises: InvalidField."""
        known = (*self._settings().desks, DEFAULT, *desks)
        for desk in pairs(rules, "rules", RULES).values():
            if desk not in known:
                names = ", ".join(dict.fromkeys(known))
                raise InvalidField(
                    "rules", "the settings name no “{wanted}”; there is {known}", wanted=desk, known=names
                )

    def with_field(self, desk: str, name: str, value: str) -> dict[str, object]:
        """What the settings shall hold so that every ticket of this desk fills in this field of the desk's."""
        known = str(self._settings().desks.get(desk, {}).get("fields", "")).strip().rstrip(";")
        added = f"{escaped(name)}={escaped(value)}"
        return {f"desks.{desk}.fields": f"{known}; {added}" if known else added}

    def desk_name(self, name: str = "") -> str:
        """The name under which this desk, else the chosen one, will be found again."""
        known = tuple(self._settings().desks)
        name = name or self._settings().report.desk
        return name or (known[0] if len(known) == 1 else DEFAULT)

    def share_name(self, name: str = "") -> str:
        """The name under which this share, else the chosen one, will be found again."""
        return name or self._name("share")

    def _name(self, what: str) -> str:
        """Which "desk" or "share" is the chosen one."""
        settings = self._settings()
        chosen, known = settings.report.desk, tuple(settings.desks)
        if what == "share":
            chosen, known = settings.report.share, tuple(settings.shares)
        return chosen or (known[0] if len(known) == 1 else DEFAULT)

    def declared(self, what: str) -> dict[str, tuple[Setting, ...]]:
        """What each kind of "desk" or "share" wants to know: kind → settings, in the catalog's order."""
        listed, load = (DESKS, desk_kind) if what == "desk" else (SHARES, share_kind)
        return {kind: settings_of(load(kind)) for kind in listed}

    def part(self, what: str, kind: str, field: str) -> Setting | None:
        """One setting that a kind of "desk" or "share" declares; None: there is no such kind or setting."""
        with suppress(InvalidField):
            declared = settings_of(desk_kind(kind) if what == "desk" else share_kind(kind))
            return next((part for part in declared if part.name == field), None)
        return None

    def titles(self, what: str) -> dict[str, str]:
        """What each kind of "desk" or "share" calls itself, as an English key."""
        listed, load = (DESKS, desk_kind) if what == "desk" else (SHARES, share_kind)
        return {kind: load(kind).title for kind in listed}

    def check(self, what: str, name: str = "") -> None:
        """Returns when address and credentials of a "desk" or "share" work; may take long. Raises: UploaderError."""
        place = (self.desk if what == "desk" else self.share)(name)
        with self.keychain_told(self.desk_name(name) if what == "desk" else self.share_name(name)):
            place.check()
            who = self._settings().general
            if isinstance(place, Desk) and (key := unknown_of(place, who.mail, who.name)):
                title = OPTIONS[f"general.{key}"].title
                raise InvalidField(f"general.{key}", "“{setting}” is missing", setting=title)

    @contextmanager
    def keychain_told(self, name: str, share: str = "") -> Iterator[None]:
        """Where a place refuses somebody whose secret the keychain did not give: says that. ``share`` is the one that
        is used on the way there. Raises: KeychainShut."""
        try:
            yield
        except AuthFailed as error:
            raise self._without.get(name, error) from error
        except Refused as error:
            shut = self._without.get(share) if isinstance(error.__cause__, AuthFailed) else None
            raise shut or error from error.__cause__

    def login(self, name: str, secret: Secret, field: str = "", *, first: bool = True) -> None:
        """Keeps a secret of a desk or share. ``first`` is its main one. Raises: NoKeychain."""
        self._keep(name if first else f"{name}.{field}", secret)

    def sign_in(self, what: str, name: str, show: Callable[[str], None]) -> None:
        """Signs in to a "desk" or "share" in a browser, which ``show`` opens, and keeps what it gives. Blocks.

        Raises: UploaderError; NoKeychain.
        """
        place = self.desk(name) if what == "desk" else self.share(name)
        declared = settings_of(type(place))
        for field, value in place.sign_in(show).items():
            self._keep(secret_name(name, declared, field), Secret(value))

    def signs_in(self, what: str, name: str) -> bool:
        """Whether a browser lets people in to this "desk" or "share"; nothing is asked of the service."""
        if what == "share":
            return self.abilities(name).signs_in
        values = self._settings().desks.get(self.desk_name(name), {})
        try:
            kind = desk_kind(str(values.get("kind", DEFAULT)))
        except InvalidField:
            return False
        return enters_by_browser(kind, values)

    def abilities(self, share: str = "") -> ShareAbilities:
        """What this share, else the chosen one, can do; nothing is asked of the keychain or the service."""
        kind = self._settings().shares.get(self.share_name(share), {}).get("kind", DEFAULT)
        try:
            return share_kind(str(kind)).abilities
        except InvalidField:
            return ShareAbilities()

    def logout(self, name: str, fields: tuple[str, ...] = ()) -> bool:
        """Forgets all secrets of a desk or share; False when there was none."""
        return self._forget((name, *(f"{name}.{field}" for field in fields)))

    def rename(self, old: str, new: str, write: Callable[[], object]) -> None:
        """Writes a desk or share under another name by ``write``, and takes its secrets along: they are kept twice
        until that is done, so that none is lost on the way.

        Raises: NoKeychain; KeychainShut; what ``write`` raises. Then nothing has changed.
        """
        tables = (self._settings().desks, self._settings().shares)
        keeps = sum(old in table for table in tables) > 1  # a desk and a share of one name have the same password
        known = {name for name in self._recall(KEPT) or () if name == old or name.startswith(f"{old}.")}
        moved = list[tuple[str, str]]()
        try:
            for name in sorted(known | self._secret_names(old)):
                try:
                    found = secrets.kept(name, self._plain())
                except secrets.KeychainAbsent:
                    if name in known:
                        raise
                    continue
                if found is not None:
                    moved.append((name, new + name.removeprefix(old)))
                    self._keep(moved[-1][1], found)
            write()
        except BaseException:
            self._forget(now for _, now in moved)
            raise
        if not keeps:
            self._forget(before for before, _ in moved)

    def _secret_names(self, place: str) -> set[str]:
        """Under which names the keychain may hold something of this desk or share."""
        found = set[str]()
        for what, known in (("desk", self._settings().desks), ("share", self._settings().shares)):
            declared = self.declared(what).get(str(known.get(place, {}).get("kind", "")), ())
            found |= {secret_name(place, declared, part.name) for part in declared if part.kind == "secret"}
        return found

    def _forget(self, names: Iterable[str]) -> bool:
        """Whether any was there."""
        gone = tuple(names)
        self._remember(KEPT, [one for one in self._recall(KEPT) or () if one not in gone])
        return True in [secrets.forget(one, self._plain()) for one in gone]

    def keeps_secrets(self) -> bool:
        """Whether anything here would keep a password; no keychain is asked for one."""
        return bool(secrets.keychain()) or self._plain() is not None

    def _plain(self) -> Path | None:
        """The file for secrets that no keychain takes, where policy allows one."""
        return self._paths.data / "secrets.json" if self._settings().security.plain_secrets else None

    def _configured(
        self, name: str, known: Mapping[str, Mapping[str, object]], what: str
    ) -> tuple[str, dict[str, object]]:
        if name in known:
            return name, dict(known[name])
        if self._settings().fault and not known:  # whoever reads it would not know that a help desk was meant
            raise InvalidField(what, "the settings cannot be read, so nobody knows where this shall go: {why}",
                               why=self._settings().fault)  # fmt: skip
        if name == DEFAULT:
            return DEFAULT, {"kind": "folder", "path": str(self._default_folder(what))}
        known_names = ", ".join(known or [DEFAULT])
        raise InvalidField(what, "the settings name no “{wanted}”; there is {known}", wanted=name, known=known_names)

    def _default_folder(self, what: str) -> Path:
        """The embedded desk's folder, made once. If it disappears later, somebody moved it: it is not made anew."""
        folder = self._paths.default_desk
        if not folder.exists() and not self._recall("default_desk_made"):
            (folder / "shared").mkdir(parents=True, exist_ok=True)
        if folder.exists() and not self._recall("default_desk_made"):
            self._remember("default_desk_made", True)
        if what == "share" and folder.exists():
            (folder / "shared").mkdir(exist_ok=True)
        return folder if what == "desk" else folder / "shared"

    def _built(self, place: str, kind: type[A], declared: tuple[Setting, ...], values: dict[str, object]) -> A:
        """The place with its secrets. Raises: InvalidField; KeychainShut."""
        shut, held, renewal = None, False, self._paths.data / ".renewal.lock"
        for part in declared:
            if part.name in values:
                if part.kind == "secret" and isinstance(values[part.name], str) and self._plain() is None:
                    raise InvalidField(
                        part.name, "a password stands in the settings file; take it out of there and keep it in the "
                        "keychain: testigo desk login {place}", place=place,
                    )  # fmt: skip
                values[part.name] = part.meant(values[part.name])
            elif part.kind == "secret":
                name = secret_name(place, declared, part.name)
                try:
                    found = secrets.find(name, self._plain())
                except secrets.KeychainShut as error:
                    shut = shut or error
                    if part.required:
                        raise
                    continue
                if found is not None:
                    held, values[part.name] = (
                        True,
                        Secret(
                            found.reveal(),
                            partial(self._keep, name),
                            partial(secrets.locked, name, self._plain(), renewal),
                        ),
                    )
        self._without.pop(place, None)
        if shut is not None and not held:  # with one from the environment or the plain file it is well enough
            if not isinstance(shut, secrets.KeychainAbsent) and not issubclass(kind, Share):
                raise shut  # a desk would take it for a stranger's
            self._without[place] = shut
        return build(kind, values)

    def _keep(self, name: str, secret: Secret) -> None:
        secrets.keep(name, secret, self._plain())
        self._remember(KEPT, sorted({*(self._recall(KEPT) or ()), name}))

    def was_kept(self, place: str, fields: tuple[Setting, ...], field: str) -> bool:
        """Whether this secret of a place was given to the keychain; the keychain is not asked."""
        return secret_name(place, fields, field) in (self._recall(KEPT) or ())


def from_user(kind: type[Desk], values: Mapping[str, object], mail: str) -> dict[str, object]:
    """The desk's values, and ``mail`` where it wants to know whose mail it sends and was told nothing else."""
    wants = any(part.name == SENDER for part in settings_of(kind)) and not values.get(SENDER)
    return {**values, SENDER: mail} if wants and mail else dict(values)


def unknown_of(desk: Desk, mail: str, name: str) -> str:
    """Which of ``mail`` and ``name``, the user's own, every ticket there needs and nobody has told; empty: none.

    Raises: UploaderError.
    """
    known, wanted = {"mail": mail, "name": name}, desk.asks()
    if not getattr(desk, SENDER, mail or SENDER):  # see ``from_user``
        wanted = ("mail", *wanted)
    return next((key for key in wanted if not known[key]), "")


def enters_by_browser(kind: type[Desk], values: Mapping[str, object]) -> bool:
    """Whether a desk of this kind, with these settings, is one that people sign in to in a browser."""
    usual = next((part.default for part in settings_of(kind) if part.name == "mode"), SIGN_IN_MODES[0])
    return kind.abilities.signs_in and str(values.get("mode") or usual).lower() in SIGN_IN_MODES


def secret_name(place: str, fields: tuple[Setting, ...], field: str) -> str:
    """Under which name the keychain holds a secret: the first of a place under the place's own name."""
    wanted = [part.name for part in fields if part.kind == "secret"]
    return place if wanted and wanted[0] == field else f"{place}.{field}"
