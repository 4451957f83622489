"""JSONPath in Newtonsoft's dialect: names, quoted names, indexes, slices, unions, ``*``, ``..``, filters.

What a path may ask of an answer is bounded: it came from a stranger's file, and the answer from a stranger's server.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from uploader.sxcu.fault import SxcuFault
from uploader.sxcu.lenient import as_text
from uploader.sxcu.regexes import matches

Step = Callable[[Any], Iterator[Any]]
"""From one value to those that the step leads to."""
Question = Callable[[Any], Any]
"""What a part of a filter gives for one value: a list of values, or whether it holds."""

MOST_VALUES = 200_000
"""Looked at for one path."""
MOST_CHARACTERS = 4096
DEEPEST = 32

_NAME = re.compile(r"[^.\[\s]+")
_FILTER_NAME = re.compile(r"[^.\[\]()\s=!<>&|,]+")
_INDEXES = re.compile(r"\s*(-?\d{1,9}(?:\s*,\s*-?\d{1,9})*)\s*\]")
_SLICE = re.compile(r"\s*(-?\d{1,9})?\s*:\s*(-?\d{1,9})?\s*(?::\s*(-?\d{1,9})?\s*)?\]")
_STAR = re.compile(r"\s*\*\s*\]")
_QUOTED = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*""", re.DOTALL)
_OPERATOR = re.compile(r"\s*(===|!==|==|!=|<>|<=|>=|=~|<|>)\s*")
_NUMBER = re.compile(r"-?\d{1,300}(?:\.\d+)?(?:[eE][-+]?\d{1,3})?(?![\w.])")
_WORD = re.compile(r"(true|false|null)\b", re.IGNORECASE)
_PATTERN = re.compile(r"/((?:[^/\\]|\\.)*)/([imsx]*)")


def select(root: Any, path: str) -> str:
    """The one value at ``path`` as text; empty when there is none. Raises: SxcuFault."""
    path = path.strip()
    if len(path) > MOST_CHARACTERS:
        raise _unreadable()
    reader = _Reader(re.sub(r"^\$\.{3,}", "$..", path if path.startswith("$") else "$." + path), root)
    steps = reader.steps(1)
    if not reader.at_end():
        raise _unreadable()
    found = list(islice(_walk(steps, root), 2))
    if len(found) > 1:
        raise SxcuFault("the uploader's path fits several places of the answer")
    text = as_text(found[0]) if found else ""
    if text is None:
        raise SxcuFault("the uploader's path leads to a list or an object of the answer, not to a text")
    return text


def check_path(path: str) -> None:
    """Raises: SxcuFault when ``path`` is no JSONPath."""
    select({}, path) if path.strip() not in ("", "$", "$.") else None


def _walk(steps: list[Step], value: Any) -> Iterator[Any]:
    if not steps:
        yield value
        return
    for found in steps[0](value):
        yield from _walk(steps[1:], found)


def _unreadable() -> SxcuFault:
    return SxcuFault("the uploader's path into the answer is no JSONPath")


class _Reader:
    """Reads a path into steps. ``root`` is what ``$`` means within filters."""

    def __init__(self, path: str, root: Any) -> None:
        self._path, self._root, self._at, self._left, self._depth = path, root, 0, MOST_VALUES, 0

    def at_end(self) -> bool:
        return not self._path[self._at :].strip()

    def steps(self, at: int, name: re.Pattern[str] = _NAME) -> list[Step]:
        """The steps that begin at ``at``."""
        self._at, steps = at, list[Step]()
        while self._at < len(self._path):
            deep = self._path.startswith("..", self._at)
            dotted = self._path.startswith(".", self._at)
            if self._path == "$." and not steps:
                self._at += 1
                break
            self._at += deep + dotted
            if self._path.startswith("[", self._at):
                self._at += 1
                step = self._brackets()
            elif dotted and (found := name.match(self._path, self._at)):
                self._at = found.end()
                step = self._all if found[0] == "*" else self._named((found[0],))
            elif dotted:
                raise _unreadable()
            else:
                break
            steps.append(self._deep(step) if deep else step)
        if len(steps) > DEEPEST:
            raise _unreadable()
        return steps

    # -- steps ------------------------------------------------------------------------------------------------

    def _brackets(self) -> Step:
        path = self._path
        if found := _STAR.match(path, self._at):
            self._at = found.end()
            return self._all
        if found := _INDEXES.match(path, self._at):
            self._at = found.end()
            return self._indexed([int(number) for number in found[1].split(",")])
        if found := _SLICE.match(path, self._at):
            self._at = found.end()
            first, last, stride = (int(part) if part else None for part in found.groups())
            if stride == 0:
                raise _unreadable()
            return self._sliced(slice(first, last, stride))
        names = []
        while found := _QUOTED.match(path, self._at):
            names.append(_unquoted(found))
            self._at = found.end() + 1
            if path[found.end() : found.end() + 1] == "]":
                return self._named(tuple(names))
            if path[found.end() : found.end() + 1] != ",":
                break
        if not names and (found := re.compile(r"\s*\?\s*").match(path, self._at)):
            self._at = found.end()
            question = self._either()
            self._take("]")
            return self._filtered(question)
        raise _unreadable()

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise SxcuFault("the uploader's path asks too much of the answer")

    def _children(self, value: Any) -> Iterator[Any]:
        for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            self._count()
            yield child

    def _all(self, value: Any) -> Iterator[Any]:
        return self._children(value)

    def _named(self, names: tuple[str, ...]) -> Step:
        def step(value: Any) -> Iterator[Any]:
            self._count()
            if isinstance(value, dict):
                yield from (value[name] for name in names if name in value)

        return step

    def _indexed(self, numbers: list[int]) -> Step:
        def step(value: Any) -> Iterator[Any]:
            self._count()
            if isinstance(value, list):
                yield from (value[number] for number in numbers if 0 <= number < len(value))

        return step

    def _sliced(self, part: slice) -> Step:
        def step(value: Any) -> Iterator[Any]:
            if isinstance(value, list):
                yield from self._children(value[part])

        return step

    def _filtered(self, question: Question) -> Step:
        def step(value: Any) -> Iterator[Any]:
            yield from (child for child in self._children(value) if _holds(question(child)))

        return step

    def _deep(self, step: Step) -> Step:
        def descend(value: Any) -> Iterator[Any]:
            waiting = [value]
            while waiting:
                one = waiting.pop()
                yield from step(one)
                waiting += reversed(list(self._children(one)))

        return descend

    # -- filters ----------------------------------------------------------------------------------------------

    def _either(self) -> Question:
        one = self._both()
        while self._take("||", must=False):
            one = _joined(any, one, self._both())
        return one

    def _both(self) -> Question:
        one = self._comparison()
        while self._take("&&", must=False):
            one = _joined(all, one, self._comparison())
        return one

    def _comparison(self) -> Question:
        if self._take("(", must=False):
            self._depth += 1
            if self._depth > DEEPEST:
                raise _unreadable()
            question = self._either()
            self._take(")")
            return question
        left = self._operand()
        operator = _OPERATOR.match(self._path, self._at)
        if not operator:
            return left
        self._at = operator.end()
        right = self._operand()
        return lambda value: any(
            _compare(a, operator[1], b) for a in _several(left(value)) for b in _several(right(value))
        )

    def _operand(self) -> Question:
        self._take("", must=False)
        path = self._path
        if path[self._at : self._at + 1] in ("@", "$"):
            of_root = path[self._at] == "$"
            steps = self.steps(self._at + 1, _FILTER_NAME)
            return lambda value: list(_walk(steps, self._root if of_root else value))
        if found := _QUOTED.match(path, self._at):
            constant: Any = _unquoted(found)
        elif found := _NUMBER.match(path, self._at):
            constant = float(found[0])
        elif found := _WORD.match(path, self._at):
            constant = {"true": True, "false": False, "null": None}[found[1].lower()]
        elif found := _PATTERN.match(path, self._at):
            constant = (f"(?{found[2]})" if found[2] else "") + found[1]
        else:
            raise _unreadable()
        self._at = found.end()
        return lambda value: [constant]

    def _take(self, sign: str, *, must: bool = True) -> bool:
        """Goes over white space and ``sign``."""
        while self._path[self._at : self._at + 1].isspace():
            self._at += 1
        if self._path.startswith(sign, self._at):
            self._at += len(sign)
            return True
        if must:
            raise _unreadable()
        return False


def _unquoted(found: re.Match[str]) -> str:
    return re.sub(r"\\(.)", r"\1", found[1] if found[1] is not None else found[2], flags=re.DOTALL)


def _several(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [found]


def _holds(found: Any) -> bool:
    """A path alone asks whether there is something."""
    return bool(found)


def _joined(how: Callable[[Iterator[bool]], bool], one: Question, other: Question) -> Question:
    return lambda value: how(_holds(question(value)) for question in (one, other))


def _compare(left: Any, operator: str, right: Any) -> bool:
    """As Newtonsoft does: ``==`` also between a number and the same number as text, ``===`` not."""
    if operator == "=~":
        return isinstance(left, str) and isinstance(right, str) and matches(right, left)
    if isinstance(left, dict | list) or isinstance(right, dict | list):
        return operator in ("!=", "<>", "!==") if left != right else operator in ("==", "===")
    strict = len(operator) == 3
    if not strict and isinstance(left, str) != isinstance(right, str) and None not in (left, right):
        left, right = as_text(left), as_text(right)
    alike = isinstance(left, bool) == isinstance(right, bool) and left == right
    if operator in ("==", "==="):
        return alike
    if operator in ("!=", "<>", "!=="):
        return not alike
    if not (isinstance(left, str) and isinstance(right, str)) and not (
        isinstance(left, int | float) and isinstance(right, int | float)
    ):
        return False
    return bool({"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator])  # type: ignore[operator]
