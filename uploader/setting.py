"""How an adapter describes its settings in place, and a secret that does not print itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from uploader.errors import InvalidField

A = TypeVar("A")


class Secret:
    """A password or token. Printing it gives dots; only the wire and adapters call ``reveal``."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(•••)"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._value)


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One field of an adapter as a form shows it. ``kind`` is text, folder, url, number, flag or secret."""

    name: str
    title: str
    help: str
    kind: str
    default: Any
    required: bool


def setting(title: str, *, help: str = "", kind: str = "text", default: Any = dataclasses.MISSING) -> Any:
    """A dataclass field that carries its own description; the form, flags, docs and policy read it."""
    return dataclasses.field(
        **({} if default is dataclasses.MISSING else {"default": default}),
        metadata={"title": title, "help": help, "kind": kind},
    )


def settings_of(adapter: type) -> tuple[Setting, ...]:
    """The declared settings of an adapter, in order."""
    found = []
    for part in dataclasses.fields(adapter):
        if "title" in part.metadata:
            required = part.default is dataclasses.MISSING
            found.append(
                Setting(
                    part.name,
                    part.metadata["title"],
                    part.metadata["help"],
                    part.metadata["kind"],
                    None if required else part.default,
                    required,
                )
            )
    return tuple(found)


def build(adapter: type[A], values: Mapping[str, object]) -> A:
    """An adapter from settings as they stand in a file.

    Raises: InvalidField naming the first setting that is missing, unknown or of the wrong type.
    """
    known = {part.name: part for part in settings_of(adapter)}
    hints = get_type_hints(adapter)
    for name in values:
        if name not in known:
            raise InvalidField(name, f"“{name}” is not a setting of this service; it knows {', '.join(known)}")
    arguments: dict[str, object] = {}
    for name, part in known.items():
        if name not in values:
            if part.required:
                raise InvalidField(name, f"“{name}” is missing: {part.title}")
            continue
        value, wanted = values[name], hints[name]
        if wanted is Path and isinstance(value, str):
            value = Path(value).expanduser()
        elif wanted is Secret and isinstance(value, str):
            value = Secret(value)
        if isinstance(wanted, type) and (not isinstance(value, wanted) or isinstance(value, bool) != (wanted is bool)):
            raise InvalidField(name, f"“{name}” must be {part.kind}, not {value!r}")
        arguments[name] = value
    return adapter(**arguments)
