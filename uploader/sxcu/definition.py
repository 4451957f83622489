"""A ``.sxcu`` file as a value, whatever its version, spelling and encoding; all its words in today's syntax."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from uploader.sxcu.fault import SxcuFault
from uploader.sxcu.legacy import LAST_OLDEST, modernise, of_response_url
from uploader.sxcu.lenient import NotJson, as_text, mend, read_lenient
from uploader.sxcu.template import escape

MOST_BYTES = 1024 * 1024
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
BODIES = ("None", "MultipartFormData", "FormURLEncoded", "JSON", "XML", "Binary")
DESTINATIONS = ("ImageUploader", "TextUploader", "FileUploader", "URLShortener", "URLSharingService")

Pairs = tuple[tuple[str, str], ...]

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_CALL = re.compile(r"\\.|[{}?]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something worth knowing about a definition. ``code`` is a stable word; ``values`` are for people."""

    code: str
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Definition:
    """What a file asks for. Words with ``{functions}`` are templates; keys are plain."""

    version: str = ""
    name: str = ""
    destinations: tuple[str, ...] = ()
    method: str = "POST"
    request_url: str = ""
    parameters: Pairs = ()
    headers: Pairs = ()
    body: str = "None"
    arguments: Pairs = ()
    file_form_name: str = ""
    data: str = ""
    url: str = ""
    thumbnail_url: str = ""
    deletion_url: str = ""
    error_message: str = ""
    notices: tuple[Notice, ...] = ()
    """What had to be read otherwise than it stands there."""
    faults: tuple[Notice, ...] = ()
    """Why it cannot be used as it is."""


_WORDS = {"RequestURL": "request_url", "URL": "url", "ThumbnailURL": "thumbnail_url",
          "DeletionURL": "deletion_url", "ErrorMessage": "error_message"}  # fmt: skip
_PAIRS = {"Parameters": "parameters", "Headers": "headers", "Arguments": "arguments"}
FIELDS = {
    "Version": "version", "Name": "name", "RequestMethod": "method", "Body": "body",
    "FileFormName": "file_form_name", "Data": "data", **_WORDS, **_PAIRS,
}  # fmt: skip
"""Name in the file → field of ``Definition``."""


def read_definition(raw: bytes) -> Definition:
    """The definition in a file's bytes. Raises: SxcuFault when it is none."""
    if len(raw) > MOST_BYTES:
        raise SxcuFault("the file is too large for an uploader")
    try:
        found = read_lenient(_decoded(raw))
    except NotJson as error:
        line = str(error.line)
        if error.cut:
            raise SxcuFault("the file ends too early, in line {line}: a bracket or a quotation mark is missing",
                            line=line) from error  # fmt: skip
        raise SxcuFault("the file cannot be read at line {line}: it is no JSON there", line=line) from error
    if not isinstance(found, dict):
        raise SxcuFault("the file holds no uploader")
    return _Reader(found).definition()


def _decoded(raw: bytes) -> str:
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(encoding, "replace")
    return raw.decode("utf-8", "replace")


class _Reader:
    """Reads one JSON object into a definition; spelling of names does not matter, as for ShareX."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        self._found = {mend(name).lower(): value for name, value in found.items()}
        self._notices: list[Notice] = []
        self._faults: list[Notice] = []

    def definition(self) -> Definition:
        if "requesturl" not in self._found:
            raise SxcuFault("the file holds no uploader: it names no RequestURL")
        written = self._text("Version")
        version = _numbers(written)
        regexes = self._regexes()
        oldest = version is None or version <= LAST_OLDEST
        old_style = oldest and ("requesttype" in self._found or "responsetype" in self._found or bool(regexes))
        if oldest:
            self._note("old_version", version=written)
        modern = partial(self._modern, version=version, regexes=regexes)
        words: dict[str, Any] = {field: modern(name, self._text(name)) for name, field in _WORDS.items()}
        pairs: dict[str, Any] = {
            field: tuple((key, modern(f"{name}.{key}", text)) for key, text in self._pairs(name))
            for name, field in _PAIRS.items()
        }
        words["request_url"], moved = _split_query(words["request_url"])
        pairs["parameters"] = tuple((dict(moved) | dict(pairs["parameters"])).items())
        method, body = self._method(), self._body()
        if method == "GET" and body == "None" and old_style:
            pairs["parameters"] = tuple((dict(pairs["parameters"]) | dict(pairs.pop("arguments"))).items())
        if old_style and self._text("ResponseType").lower() == "redirectionurl":
            self._look_at_redirection(words)
        return Definition(
            version=written, name=self._text("Name"), destinations=self._destinations(), method=method, body=body,
            file_form_name=self._text("FileFormName"), data=self._modern_data(self._text("Data")),
            notices=tuple(self._notices), faults=tuple(self._faults), **words, **pairs,
        )  # fmt: skip

    def _text(self, name: str) -> str:
        value = self._found.get(name.lower())
        text = as_text(value)
        if text is None:
            raise SxcuFault("“{field}” must be a text", field=name)
        return text

    def _pairs(self, name: str) -> Pairs:
        value = self._found.get(name.lower())
        if value is None:
            return ()
        if isinstance(value, list) and not value:
            return ()
        if not isinstance(value, dict):
            raise SxcuFault("“{field}” must be a list of names and values in braces", field=name)
        pairs = []
        for key, given in value.items():
            text = as_text(given)
            if text is None:
                raise SxcuFault("“{field}” must be a text", field=f"{name}.{mend(key)[:60]}")
            pairs.append((mend(key), text))
        return tuple(pairs)

    def _regexes(self) -> tuple[str, ...]:
        value = self._found.get("regexlist") or []
        return tuple(as_text(one) or "" for one in value) if isinstance(value, list) else ()

    def _look_at_redirection(self, words: dict[str, str]) -> None:
        """Such files mean the address that the server led to wherever they say response."""
        words["url"] = words["url"] or "{response}"
        for field in ("url", "thumbnail_url", "deletion_url"):
            words[field] = of_response_url(words[field])

    def _modern(self, field: str, text: str, *, version: tuple[int, ...] | None, regexes: tuple[str, ...]) -> str:
        try:
            changed, old = modernise(text, version, regexes)
        except SxcuFault as fault:
            where = self._faults if field in ("RequestURL", "URL") or "." in field else self._notices
            where.append(Notice("field", (("field", field), ("why", fault.text), *fault.values.items())))
            return escape(text)
        if old:
            self._note("old_syntax")
        return changed

    def _modern_data(self, text: str) -> str:
        return re.sub(r"\$(input|filename)\$", r"{\1}", text)

    def _method(self) -> str:
        given = self._text("RequestMethod") or self._text("RequestType") or "POST"
        given = METHODS[int(given)] if given in ("0", "1", "2", "3", "4") else given.strip().upper()
        if given not in METHODS:
            self._faults.append(Notice("method", (("method", given[:20]),)))
        return given

    def _body(self) -> str:
        """Of older files the name of the form field tells; ShareX itself takes a missing body for none."""
        given = self._text("Body") or self._text("RequestFormat")
        if not given:
            if not self._text("FileFormName"):
                return "None"
            self._note("body_guessed")
            return "MultipartFormData"
        known = {body.lower(): body for body in BODIES} | {str(n): body for n, body in enumerate(BODIES)}
        if given.strip().lower() not in known:
            self._faults.append(Notice("body", (("body", given[:40]),)))
            return given[:40]
        return known[given.strip().lower()]

    def _destinations(self) -> tuple[str, ...]:
        known = {name.lower(): name for name in DESTINATIONS}
        given = self._text("DestinationType")
        if given.isdecimal():
            return tuple(name for n, name in enumerate(DESTINATIONS) if int(given[:9]) >> n & 1)
        found = []
        for part in filter(None, (part.strip() for part in given.split(","))):
            if part.lower() in known:
                found.append(known[part.lower()])
            elif part.lower() != "none":
                self._note("destination", destination=part[:40])
        return tuple(found)

    def _note(self, code: str, **values: str) -> None:
        notice = Notice(code, tuple(values.items()))
        if notice not in self._notices:
            self._notices.append(notice)


def _numbers(version: str) -> tuple[int, ...] | None:
    found = re.match(r"\s*(\d{1,6})(?:\.(\d{1,6}))?(?:\.(\d{1,6}))?", version)
    return tuple(int(part or 0) for part in found.groups()) if found else None


def _split_query(template: str) -> tuple[str, Pairs]:
    """The address without its query, and the query's names and values; a ``?`` within a function stays."""
    from urllib.parse import unquote_plus

    depth = 0
    for found in _CALL.finditer(template):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if found[0] == "?" and depth <= 0:
            query = template[found.end() :].partition("#")[0]
            parts = [part.partition("=") for part in query.split("&") if part]
            return template[: found.start()], tuple((unquote_plus(key), unquote_plus(value)) for key, _, value in parts)
    return template, ()


def write_definition(definition: Definition) -> str:
    """The definition as a file of today's version that ShareX reads too."""
    held: dict[str, Any] = {"Version": "14.0.0", "DestinationType": ", ".join(definition.destinations) or "None"}
    for name, field in FIELDS.items():
        value = getattr(definition, field)
        if (value or name == "RequestURL") and name != "Version":
            held[name] = dict(value) if isinstance(value, tuple) else value
    return json.dumps(held, ensure_ascii=False, indent=2) + "\n"


def templates(definition: Definition) -> Iterator[tuple[str, str]]:
    """The place (``Headers.Authorization``) and the words of every template that is not empty."""
    for name, field in _WORDS.items():
        if text := getattr(definition, field):
            yield name, text
    for name, field in _PAIRS.items():
        for key, text in getattr(definition, field):
            if text:
                yield f"{name}.{key}", text


def replace_texts(definition: Definition, texts: Mapping[str, str]) -> Definition:
    """The definition with other words at these places."""
    words: dict[str, Any] = {
        field: texts.get(name, getattr(definition, field)) for name, field in {**_WORDS, "Data": "data"}.items()
    }
    pairs: dict[str, Any] = {
        field: tuple((key, texts.get(f"{name}.{key}", text)) for key, text in getattr(definition, field))
        for name, field in _PAIRS.items()
    }
    return replace(definition, **words, **pairs)
