"""How an adapter describes its settings in place, and a secret that does not print itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from uploader.errors import InvalidField

A = TypeVar("A")


class Secret:
    """A password or token. Printing it gives dots; only the wire and adapters call ``reveal``.

    ``keep`` stores what a service gives in its place (a rotated refresh token); ``lock`` gives what is stored now, and
    nobody else in any process stores another one meanwhile.
    """

    __slots__ = ("_keep", "_lock", "_value")

    def __init__(
        self, value: str, keep: Callable[[Secret], None] | None = None,
        lock: Callable[[], AbstractContextManager[str]] | None = None,
    ) -> None:  # fmt: skip
        self._value, self._keep, self._lock = value, keep, lock

    @contextmanager
    def locked(self) -> Iterator[Secret]:
        """The secret as it is stored now, to be replaced within."""
        if self._lock is None:
            yield self
        else:
            with self._lock() as value:
                yield Secret(value or self._value, self._keep, self._lock)

    def replace(self, value: str) -> Secret:
        """The secret that holds from now on, kept where the old one came from."""
        new = Secret(value, self._keep, self._lock)
        if self._keep is not None and value != self._value:
            self._keep(new)
        return new

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(•••)"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._value)


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One declared field as a form shows it. ``kind`` is text, folder, url, number, flag, choice, keys or secret.

    ``choices`` are the allowed values of a choice; ``least`` and ``most`` bound a number. ``rare``: few need it, so a
    form keeps it out of the way; ``guessed``: so does one for what was found out by itself. ``policy_only``: the user
    cannot set it. ``strict`` holds while a machine policy that may speak of it cannot be read; None: what would hold
    without it.
    """

    name: str
    title: str
    help: str
    kind: str
    default: Any
    required: bool
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    rare: bool = False
    guessed: bool = False
    policy_only: bool = False
    strict: Any = None

    def meant(self, value: object) -> object:
        """``value`` from a source that knows no booleans, fractions or spelling of choices, where it is clear."""
        if self.kind == "flag" and isinstance(value, int | str):
            return {"1": True, "true": True, "0": False, "false": False}.get(str(value).lower(), value)
        if self.kind == "number" and isinstance(value, str):
            try:
                return float(value)
            except ValueError:
                return value
        if self.choices and isinstance(value, str) and value not in self.choices:
            return next((choice for choice in self.choices if choice.lower() == value.lower()), value)
        return value

    def fault(self, value: object) -> str:
        """What is wrong with ``value`` in one English clause; empty when nothing is."""
        if self.kind == "flag":
            return "" if isinstance(value, bool) else "must be true or false"
        if self.kind == "number":
            if isinstance(value, bool) or not isinstance(value, int | float):
                return "must be a number"
            if (self.least is not None and value < self.least) or (self.most is not None and value > self.most):
                return f"must lie between {self.least} and {self.most}"
            return ""
        if not isinstance(value, str):
            return "must be text"
        if self.choices and value not in self.choices:
            return "must be one of " + ", ".join(self.choices)
        return ""


def setting(
    title: str,
    *,
    help: str = "",
    kind: str = "text",
    default: Any = dataclasses.MISSING,
    choices: tuple[str, ...] = (),
    least: float | None = None,
    most: float | None = None,
    rare: bool = False,
    guessed: bool = False,
    policy_only: bool = False,
    strict: Any = None,
) -> Any:
    """A dataclass field that carries its own description; the form, flags, docs and policy read it."""
    about = {"title": title, "help": help, "kind": "choice" if choices else kind}
    return dataclasses.field(
        **({} if default is dataclasses.MISSING else {"default": default}),
        metadata=about | {"choices": choices, "least": least, "most": most, "rare": rare, "guessed": guessed,
                          "policy_only": policy_only, "strict": strict},
    )  # fmt: skip


def settings_of(owner: type) -> tuple[Setting, ...]:
    """The declared settings of an adapter or a section, in order: its own first, then what all of its kind have."""
    found = []
    own = list(vars(owner).get("__annotations__", {}))
    order = {name: place for place, name in enumerate(own)}
    for part in sorted(dataclasses.fields(owner), key=lambda part: order.get(part.name, len(own))):
        if "title" in part.metadata:
            required = part.default is dataclasses.MISSING
            default = None if required else part.default
            found.append(Setting(part.name, default=default, required=required, **part.metadata))
    return tuple(found)


def build(adapter: type[A], values: Mapping[str, object]) -> A:
    """An adapter from settings as they stand in a file; secrets come as ``Secret``.

    Raises: InvalidField naming the first setting that is missing, unknown or of the wrong type.
    """
    known = {part.name: part for part in settings_of(adapter)}
    hints = get_type_hints(adapter)
    for name in values:
        if name not in known:
            raise InvalidField(
                name, "“{field}” is not a setting of this service; it knows {known}", field=name, known=", ".join(known)
            )
    arguments: dict[str, object] = {}
    for name, part in known.items():
        if name not in values:
            if part.required:
                raise InvalidField(name, "“{setting}” is missing", setting=part.title)
            continue
        value = part.meant(values[name]) if part.choices else values[name]
        if part.kind == "secret":
            arguments[name] = value if isinstance(value, Secret) else Secret(str(value))
            continue
        if fault := part.fault(value):
            raise InvalidField(name, "“{setting}” is wrong: {why}", setting=part.title, why=fault)
        arguments[name] = Path(str(value)).expanduser() if hints[name] is Path else value
    return adapter(**arguments)
