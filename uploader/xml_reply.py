"""Answers in XML as storage services give them, read whatever their namespaces; one with a document type is none."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import suppress

from uploader.wire import Reply


def tree_of(reply: Reply) -> ET.Element | None:
    """The answer's XML; none when it is none, or wants entities of its own."""
    content = reply.body.removeprefix(b"\xef\xbb\xbf").strip()
    if not content.startswith(b"<") or b"<!" in content[:1024]:
        return None
    with suppress(ET.ParseError):
        return ET.fromstring(content)  # noqa: S314  # no document type gets here
    return None


def plain(tag: str) -> str:
    return tag.rpartition("}")[2]


def all_of(reply: Reply, name: str) -> Iterator[ET.Element]:
    tree = tree_of(reply)
    return (found for found in (tree.iter() if tree is not None else ()) if plain(found.tag) == name)


def text_of(reply: Reply, name: str) -> str:
    """Of the first element with this name; empty when there is none."""
    return next(((found.text or "").strip() for found in all_of(reply, name)), "")
