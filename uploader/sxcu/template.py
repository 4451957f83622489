"""The words with ``{functions}`` in them: read into parts, and evaluated.

``{name}`` or ``{name:p1|p2}``; parameters may hold calls; ``\\`` takes the next character as it is. Two quirks are
kept because files rely on them: a ``}`` or ``|`` outside a call ends the words, and an open call closes at the end.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol
from urllib.parse import quote

from uploader.sxcu.fault import SxcuFault

DEEPEST = 64
_NAME = re.compile(r"[a-z_]{1,20}")
MOST_CHARACTERS = 1024 * 1024
"""Of what a template evaluates to."""


@dataclass(frozen=True, slots=True)
class Call:
    """One function with its parameters; ``name`` is lower case."""

    name: str
    parameters: tuple[Template, ...] = ()


Template = tuple["str | Call", ...]


@lru_cache(maxsize=256)
def parse(text: str) -> Template:
    """Raises: SxcuFault naming a function that there is not, or one with too few or too many parameters."""
    template, _ = _parse(text, 0, 0)
    return template


def _parse(text: str, at: int, depth: int) -> tuple[Template, int]:
    """What stands from ``at`` to the next free ``}`` or ``|``, and where that is."""
    if depth > DEEPEST:
        raise SxcuFault("functions stand too deep within each other")
    parts: list[str | Call] = []
    plain: list[str] = []
    while at < len(text) and text[at] not in "}|":
        if text[at] == "{":
            if plain:
                parts.append("".join(plain))
                plain = []
            call, at = _call(text, at + 1, depth)
            parts.append(call)
            continue
        if text[at] == "\\":
            at += 1
        plain.append(text[at : at + 1])
        at += 1
    if plain:
        parts.append("".join(plain))
    return tuple(parts), at


def _call(text: str, at: int, depth: int) -> tuple[Call, int]:
    """The call whose name begins at ``at``, and what follows its end."""
    start = at
    while at < len(text) and text[at] not in ":}|":
        at += 1
    name, parameters = text[start:at].lower(), []
    if text[at : at + 1] == ":":
        while True:
            parameter, at = _parse(text, at + 1, depth + 1)
            parameters.append(parameter)
            if text[at : at + 1] != "|":
                break
    known = FUNCTIONS.get(name)
    if known is None:
        if not _NAME.fullmatch(name):  # half a password, perhaps
            raise SxcuFault("a brace opens no function; put a backslash before one that is meant as such")
        raise SxcuFault("there is no function “{name}”", name=name)
    if not known.least <= len(parameters) <= known.most:
        raise SxcuFault("the function “{name}” does not have the right number of parameters", name=name)
    return Call(name, tuple(parameters)), at + 1


def escape(text: str) -> str:
    """Words that ``parse`` takes for nothing but words."""
    return "".join("\\" + c if c in "{}|\\" else c for c in text)


def calls(template: Template) -> Iterator[Call]:
    """All calls, also those within parameters."""
    for part in template:
        if isinstance(part, Call):
            yield part
            for parameter in part.parameters:
                yield from calls(parameter)


class Answer(Protocol):
    """What came back, as functions ask for it. Each raises SxcuFault with the reason."""

    text: str
    url: str

    def header(self, name: str) -> str: ...
    def json(self, text: str, path: str) -> str: ...
    def xml(self, text: str, path: str) -> str: ...
    def regex(self, text: str, pattern: str, group: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Scene:
    """What functions can know. ``pick`` draws one of n; ``encoded``: file name and input become parts of an address."""

    filename: str
    pick: Callable[[int], int]
    input: str = ""
    answer: Answer | None = None
    encoded: bool = False

    def evaluate(self, text: str) -> str:
        """Raises: SxcuFault."""
        return self._words(parse(text))

    def _words(self, template: Template) -> str:
        said = "".join(part if isinstance(part, str) else self._result(part) for part in template)
        if len(said) > MOST_CHARACTERS:
            raise SxcuFault("what the uploader puts together is too long")
        return said

    def _result(self, call: Call) -> str:
        return FUNCTIONS[call.name].evaluate(self, [self._words(parameter) for parameter in call.parameters])

    def answered(self) -> Answer:
        if self.answer is None:
            raise SxcuFault("the uploader asks for the answer before there is one")
        return self.answer

    def own(self, text: str) -> str:
        return quote(text, safe="") if self.encoded else text


@dataclass(frozen=True, slots=True)
class Function:
    """``least`` and ``most`` parameters."""

    least: int
    most: int
    evaluate: Callable[[Scene, list[str]], str]


def _of_answer(scene: Scene, parameters: list[str]) -> str:
    """The text to look in: the first of two parameters, else the answer."""
    return parameters[0] if len(parameters) > 1 else scene.answered().text


def _json(scene: Scene, given: list[str]) -> str:
    return scene.answered().json(_of_answer(scene, given), given[-1])


def _xml(scene: Scene, given: list[str]) -> str:
    return scene.answered().xml(_of_answer(scene, given), given[-1])


def _regex(scene: Scene, given: list[str]) -> str:
    text = given.pop(0) if len(given) == 3 else scene.answered().text
    return scene.answered().regex(text, given[0], given[1] if len(given) > 1 else "")


def _random(scene: Scene, given: list[str]) -> str:
    among = [one for one in given if one] or [""]
    return among[scene.pick(len(among))]


def _inputbox(scene: Scene, given: list[str]) -> str:
    return given[1] if len(given) > 1 else ""


FUNCTIONS: dict[str, Function] = {
    "json": Function(1, 2, _json),
    "xml": Function(1, 2, _xml),
    "regex": Function(1, 3, _regex),
    "response": Function(0, 0, lambda scene, given: scene.answered().text),
    "responseurl": Function(0, 0, lambda scene, given: scene.answered().url),
    "header": Function(1, 1, lambda scene, given: scene.answered().header(given[0])),
    "filename": Function(0, 0, lambda scene, given: scene.own(scene.filename)),
    "input": Function(0, 0, lambda scene, given: scene.own(scene.input)),
    "base64": Function(1, 1, lambda scene, given: base64.b64encode(given[0].encode()).decode()),
    "random": Function(2, MOST_CHARACTERS, _random),
    # Nobody can be asked in the background: the first choice and the words offered are taken.
    "select": Function(1, MOST_CHARACTERS, lambda scene, given: given[0]),
    "inputbox": Function(0, 2, _inputbox),
    "prompt": Function(0, 2, _inputbox),
    "outputbox": Function(1, 2, lambda scene, given: ""),
}
"""Name → how many parameters it takes and what it gives."""

OF_ANSWER = frozenset({"json", "xml", "regex", "response", "responseurl", "header"})
"""Functions that look at the answer, and so have no place in a request."""
