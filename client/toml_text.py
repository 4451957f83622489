"""TOML as people write it: read, and what is wrong with it told by line in the user's language."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from client.words import language, say


class TomlFault(Exception):
    """``str()`` names the line and what is wrong with it, in the user's language."""


def read_toml(text: str) -> dict[str, Any]:
    """Raises: TomlFault."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TomlFault(_with_line(str(error))) from error


def at(line: int, why: str) -> str:
    return say("line {line}: {why}", line=line, why=why)


def line_of(text: str, section: str, name: str) -> int:
    """The line on which ``name`` stands (as a key or a table), 1 when it cannot be told."""
    inside = not section
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line)
        if header:
            title = header[1].replace('"', "").replace(" ", "")
            if title in (f"{section}.{name}".lstrip(".").replace(" ", ""), name if not section else ""):
                return number
            inside = title == section if section else False
        elif inside and re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*[=.]", line):
            return number
    return 1


def _with_line(message: str) -> str:
    """tomllib says ``… (at line 3, column 5)``; people look for the line first."""
    found = re.search(r"^(.*) \(at (?:line (\d+), column (\d+)|end of document)\)$", message, re.DOTALL)
    if not found:
        return _toml_fault(message)
    if not found[2]:
        return say("at the end of the file: {why}", why=_toml_fault(found[1]))
    return say("line {line}, column {column}: {why}", line=found[2], column=found[3], why=_toml_fault(found[1]))


def _toml_fault(message: str) -> str:
    """tomllib's words in the user's language; what it says rarely is told by its place alone."""
    if language() == "en":
        return message
    if message.startswith(("Cannot overwrite", "Cannot declare", "Cannot redefine", "Duplicate")):
        return say("this stands there twice")
    if message.startswith("Unclosed array"):
        return say("a list is not closed")
    if message.startswith(("Unterminated string", "Expected '\"", 'Expected "')):
        return say("a text is not closed with its quotation mark")
    return {
        "Invalid value": say("this is not a value; text needs quotation marks"),
        "Expected '=' after a key in a key/value pair": say("a “=” is missing after the name"),
        "Expected ']' at the end of a table declaration": say("a “]” is missing"),
        "Expected newline or end of document after a statement": say("there is more on the line than one setting"),
    }.get(message, say("this is not TOML"))
