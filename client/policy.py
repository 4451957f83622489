"""What whoever looks after this computer dictates or recommends: the only place that knows where that stands.

Linux    ``/etc/testigo/policies/{managed,recommended}/*.toml`` or ``.json``, by name; the last one wins
macOS    ``/Library/Managed Preferences/testigo.plist``; what is only recommended under its key ``Recommended``
Windows  ``HKLM\\Software\\Policies\\Testigo``; what is only recommended under its key ``Recommended``

All have the shape of ``settings.toml``. The user's own folders, flags and environment name none of these, so nobody
steps around them. What others than root may write is refused, and so is what is broken; what the keys mean, and what
holds instead of something refused, is said in ``client.rules``.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from client.toml_text import TomlFault, at, read_toml
from client.words import say

Level = Literal["mandatory", "recommended"]
FOLDER = Path("/etc/testigo/policies")
PLIST = Path("/Library/Managed Preferences/testigo.plist")
REGISTRY_KEY = r"Software\Policies\Testigo"
RECOMMENDED = "Recommended"
OWNERS = frozenset({0})
"""Who may own a policy: root."""
FORMATS = (".toml", ".json")
MOST_BYTES = 1_000_000
Key = tuple[Mapping[str, object], tuple[str, ...]]
"""The values of a registry key, and the names of the keys below it."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What one source says. ``fault``: why all of it is refused, in the user's language; ``content`` is empty then."""

    source: str
    level: Level
    content: Mapping[str, Any]
    fault: str = ""


class _Refused(Exception):
    """``str()`` says why a source is not taken."""


def read() -> tuple[Layer, ...]:
    """All that is said on this computer; of two that say the same thing, the later one wins."""
    if sys.platform == "win32":
        return from_registry(_machine_key)
    if sys.platform == "darwin":
        return from_plist(PLIST)
    return from_folder(FOLDER)


def from_folder(folder: Path) -> tuple[Layer, ...]:
    """The files of both levels, as Linux has them."""
    levels: tuple[tuple[Level, str], ...] = (("recommended", "recommended"), ("mandatory", "managed"))
    found: list[Layer] = []
    for level, name in levels:
        place = folder / name
        try:
            names = sorted(file for file in os.listdir(place) if file.endswith(FORMATS))  # noqa: PTH208  # glob hides errors
            for above in (folder.parent, folder, place):
                _trust(above.stat())
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, _Refused) as error:
            found.append(Layer(str(place), level, {}, _why(error)))
            continue
        found += [_file(place / file, level, partial(_parse, file)) for file in names]
    return tuple(found)


def from_plist(file: Path) -> tuple[Layer, ...]:
    """What a device management has put there, as macOS has it."""
    import plistlib

    if not file.exists():
        return ()
    return _both(_file(file, "mandatory", plistlib.loads))


def from_registry(open_key: Callable[[str], Key]) -> tuple[Layer, ...]:
    """What a group policy has put there, as Windows has it. ``open_key`` may raise OSError."""
    source = rf"HKLM\{REGISTRY_KEY}"
    try:
        return _both(Layer(source, "mandatory", _tree(open_key, REGISTRY_KEY)))
    except FileNotFoundError:
        return ()
    except OSError as error:
        return (Layer(source, "mandatory", {}, _why(error)),)


def check(file: Path) -> Layer:
    """A file as an administrator has written it, wherever it lies and whoever may write it. Raises: OSError."""
    try:
        return Layer(str(file), "mandatory", _parse(file.name, file.read_bytes()))
    except (TomlFault, ValueError, _Refused) as error:
        return Layer(str(file), "mandatory", {}, _why(error))


# -- within -----------------------------------------------------------------------------------------------------


def _both(layer: Layer) -> tuple[Layer, ...]:
    """One source that holds both levels, taken apart."""
    content = dict(layer.content)
    recommended = content.pop(RECOMMENDED, {})
    lower = Layer(
        f"{layer.source} · {RECOMMENDED}", "recommended", recommended if isinstance(recommended, dict) else {}
    )
    return (lower, Layer(layer.source, "mandatory", content, layer.fault))


def _file(file: Path, level: Level, parse: Callable[[bytes], Any]) -> Layer:
    try:
        with file.open("rb") as opened:
            _trust(os.fstat(opened.fileno()))
            raw = opened.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise _Refused(say("the file is too large"))
        content = _table(parse(raw))
    except Exception as error:  # noqa: BLE001  # whatever a parser stumbles over, a lock must not open by it
        return Layer(str(file), level, {}, _why(error))
    return Layer(str(file), level, content)


def _parse(name: str, raw: bytes) -> dict[str, Any]:
    text = raw.decode()
    return read_toml(text) if name.endswith(".toml") else _table(json.loads(text))


def _table(content: object) -> dict[str, Any]:
    """Raises: _Refused."""
    if not isinstance(content, dict):
        raise _Refused(say("the file holds no settings"))
    return content


def _trust(about: os.stat_result) -> None:
    """Raises: _Refused when others than root could have written it."""
    if about.st_uid not in OWNERS or about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _Refused(say("others than root may write it, so it is not trusted"))


def _why(error: Exception) -> str:
    if isinstance(error, TomlFault | _Refused):
        return str(error)
    if isinstance(error, json.JSONDecodeError):
        return at(error.lineno, say("this is not JSON"))
    return (
        say("the file is not UTF-8 text") if isinstance(error, UnicodeDecodeError) else say("the file cannot be read")
    )


def _tree(open_key: Callable[[str], Key], path: str) -> dict[str, Any]:
    values, below = open_key(path)
    return {**values, **{name: _tree(open_key, rf"{path}\{name}") for name in below}}


def _machine_key(path: str) -> Key:
    """A key of this machine's registry. Raises: OSError."""
    if sys.platform != "win32":
        raise FileNotFoundError(path)
    import winreg

    access = winreg.KEY_READ | winreg.KEY_WOW64_64KEY
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path, 0, access) as key:
        count, values, _ = winreg.QueryInfoKey(key)
        read = (winreg.EnumValue(key, number) for number in range(values))
        return {name: value for name, value, _ in read}, tuple(winreg.EnumKey(key, number) for number in range(count))
