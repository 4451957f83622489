"""XPath 1.0 over an answer, with an end. A document type or an entity is refused before it can do anything."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from typing import Any
from xml.parsers import expat

from uploader.sxcu.fault import SxcuFault

MOST_S = 5.0
MOST_CHARACTERS = 4096
DEEPEST = 200
"""Elements within elements."""


def select(text: str, path: str) -> str:
    """The text of the first place that ``path`` leads to; empty when there is none. Raises: SxcuFault."""
    return _evaluate(read(text), path)


def check_path(path: str) -> None:
    """Raises: SxcuFault when ``path`` is no XPath."""
    _evaluate(ET.Element("answer"), path)


def read(text: str) -> ET.Element:
    """Raises: SxcuFault when it is no XML, or XML with a document type."""
    builder, depth = ET.TreeBuilder(), 0
    parser = expat.ParserCreate("utf-8", "}")

    def refuse(*_: Any) -> None:
        raise SxcuFault("the answer is XML with a document type, which is not safe to read")

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise SxcuFault("the answer is XML that is nested too deep")
        builder.start(_named(name), {_named(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_named(name))

    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(text.lstrip("\ufeff \t\r\n").encode("utf-8", "replace"), True)
        return builder.close()
    except (expat.ExpatError, AssertionError, ValueError) as error:
        raise SxcuFault("the answer is not the XML that the uploader expects") from error


def _named(name: str) -> str:
    return "{" + name if "}" in name else name


def _evaluate(root: ET.Element, path: str) -> str:
    from elementpath import ElementPathError, XPath1Parser, XPathContext

    until_s = time.monotonic() + MOST_S

    class Bounded(XPathContext):
        """Every walk along an axis looks at the clock."""

    def watched(walk: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        def steps(self: Bounded, *arguments: Any, **named: Any) -> Iterator[Any]:
            for item in walk(self, *arguments, **named):
                if time.monotonic() > until_s:
                    raise SxcuFault("the uploader's XPath takes too long on this answer")
                yield item

        return steps

    for name in dir(XPathContext):
        if name.startswith("iter_"):
            setattr(Bounded, name, watched(getattr(XPathContext, name)))
    if len(path) > MOST_CHARACTERS:
        raise SxcuFault("the uploader's XPath cannot be read")
    try:
        token = XPath1Parser().parse(path)
        found: Any = token.get_results(Bounded(ET.ElementTree(root)))
    except (
        ElementPathError,
        ValueError,
        TypeError,
        KeyError,
        ArithmeticError,
        RecursionError,
        AttributeError,
    ) as error:
        raise SxcuFault("the uploader's XPath cannot be read") from error
    if isinstance(found, list):
        found = found[0] if found else ""
    if isinstance(found, ET.ElementTree):
        found = found.getroot()
    if isinstance(found, ET.Element):
        return "".join(found.itertext())
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, float) and found.is_integer():
        return str(int(found))
    return str(found)
