"""What a definition does, as data for people: where it sends, what it sends along, what to know before using it.

Nothing here holds a secret; places of secrets are named, never their values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from uploader.sxcu import address
from uploader.sxcu.codes import PERSONAL, Moment, codes_in, expand
from uploader.sxcu.credentials import MARK, find_secrets
from uploader.sxcu.definition import Definition, Notice, templates
from uploader.sxcu.fault import SxcuFault
from uploader.sxcu.template import OF_ANSWER, Call, Scene, Template, calls, parse

_FILE_TARGETS = frozenset({"ImageUploader", "FileUploader", "TextUploader"})
_REQUEST = ("RequestURL", "Parameters", "Headers", "Arguments")
_UNUSED = ("ThumbnailURL", "ErrorMessage", "DeletionURL")
"""A fault there costs a convenience, not the upload."""
_PLACEHOLDER = re.compile(
    r"\byour\b|\byour[_-]|_here\b|\binsert\b|<[^<>]*\b(?:key|token|domain|url|secret)\b[^<>]*>|\[[^\[\]]*(?:key|token)\b",
    re.IGNORECASE,
)
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class Description:
    """``sends`` are of "file", "filename", "input", "user", "computer". ``accepted``: it can share files here.

    ``hosts`` are all the hosts it may choose from, ``secrets`` the places of what looks secret. ``refusals`` say why it
    is not accepted, ``warnings`` what to know.
    """

    name: str
    hosts: tuple[str, ...]
    method: str
    body: str
    destinations: tuple[str, ...]
    sends: tuple[str, ...]
    secrets: tuple[str, ...]
    warnings: tuple[Notice, ...]
    refusals: tuple[Notice, ...]

    @property
    def accepted(self) -> bool:
        return not self.refusals

    @property
    def host(self) -> str:
        return self.hosts[0] if self.hosts else ""


def describe(definition: Definition, *, allow_http: bool = False, allow_private: bool = False) -> Description:
    """Never raises: what is wrong is told."""
    finder = _Finder(definition)
    finder.read_purpose()
    finder.read_address(allow_http, allow_private)
    finder.read_words()
    finder.read_result()
    return Description(
        name=_shown(definition.name.strip()) or (finder.hosts[0] if finder.hosts else ""), hosts=finder.hosts,
        method=_shown(definition.method), body=_shown(definition.body), destinations=definition.destinations,
        sends=tuple(sorted(finder.sends)), secrets=tuple(_shown(place) for place in find_secrets(definition)),
        warnings=_harmless(finder.warnings), refusals=_harmless(finder.refusals),
    )  # fmt: skip


def _shown(text: str) -> str:
    """A stranger's words as a terminal can bear them."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)[:120]


def _harmless(notices: list[Notice]) -> tuple[Notice, ...]:
    """``why`` is a sentence of ours, with gaps."""
    shown = [
        Notice(one.code, tuple((name, value if name == "why" else _shown(value)) for name, value in one.values))
        for one in notices
    ]
    return tuple(dict.fromkeys(shown))


class _Finder:
    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self.warnings, self.refusals = list(definition.notices), list(definition.faults)
        self.hosts: tuple[str, ...] = ()
        self.sends: set[str] = set()
        self._templates: dict[str, Template] = {}

    def read_address(self, allow_http: bool, allow_private: bool) -> None:
        found: dict[str, None] = {}
        for url in self._variants(self._definition.request_url, "RequestURL"):
            try:
                raw = url.strip() if "://" in url else "https://" + url.strip()
                for risk in address.risks(raw):
                    self._weigh(risk, address.host_of(raw), allow_http, allow_private)
                found[address.host_of(address.normal(raw))] = None
            except SxcuFault:
                self._refuse("no_address")
        self.hosts = tuple(found)
        if len(found) > 1:
            self._warn("hosts_drawn", count=str(len(found)))

    def _weigh(self, risk: str, host: str, allow_http: bool, allow_private: bool) -> None:
        allowed = {"plain_http": allow_http, "private_address": allow_private, "metadata_address": False}
        if not allowed.get(risk, True):
            self._refuse(risk, host=host)
        self._warn(risk, host=host)

    def read_purpose(self) -> None:
        definition = self._definition
        if definition.destinations and not _FILE_TARGETS & set(definition.destinations):
            self._refuse("not_for_files", destinations=", ".join(definition.destinations))
        elif definition.destinations and "FileUploader" not in definition.destinations:
            self._warn("not_all_files", destinations=", ".join(definition.destinations))
        if definition.body == "MultipartFormData" and not definition.file_form_name:
            self._refuse("no_file_field")
        elif definition.body == "None":
            self._refuse("no_body")
        elif definition.body in ("FormURLEncoded", "JSON", "XML"):
            self._refuse("body_without_file", body=definition.body)
        else:
            self.sends.add("file")
        if definition.method in ("GET", "DELETE"):
            self._refuse("method_without_file", method=definition.method)

    def read_words(self) -> None:
        """Every template: can it be read, what does it take from the user."""
        self._take_from_data()
        at = Moment(datetime(2026, 1, 1, tzinfo=UTC), lambda n: 0)
        for place, text in templates(self._definition):
            kind, _, name = place.partition(".")
            if kind == "Headers" and not _HEADER.fullmatch(name):
                self._refuse("header_name", name=name[:40])
            if _PLACEHOLDER.search(text) and kind != "ErrorMessage":
                self._warn("placeholder", field=place)
            if kind in ("Parameters", "Headers", "Arguments"):
                codes = codes_in(text)
                self.sends |= {{"cn": "computer"}.get(code, "user") for code in codes & PERSONAL}
                text = expand(text, at)  # noqa: PLW2901  # the same words, as they are parsed
            self._read_template(place, kind, text)
        for what in ("user", "computer"):
            if what in self.sends:
                self._warn(f"sends_{what}")

    def _read_template(self, place: str, kind: str, text: str) -> None:
        tell = self._warn if kind in _UNUSED else self._refuse
        try:
            self._templates[place] = parse(text)
            for call in calls(self._templates[place]):
                self._read_call(place, kind, call)
        except SxcuFault as fault:
            tell("field", field=place, why=fault.text, **fault.values)

    def _read_call(self, place: str, kind: str, call: Call) -> None:
        if call.name in OF_ANSWER and kind in _REQUEST:
            raise SxcuFault("the uploader asks for the answer before there is one")
        if call.name in ("filename", "input") and kind in _REQUEST:
            self.sends.add(call.name)
        if call.name == "input" and kind == "RequestURL":
            self._warn("input_empty", field=place)
        if call.name in ("inputbox", "prompt") and kind not in _UNUSED:
            if len(call.parameters) < 2:
                self._refuse("asks", field=place)
            self._warn("asks_with_answer", field=place)
        elif call.name == "select" and kind not in _UNUSED:
            self._warn("asks_with_answer", field=place)
        _check_constants(call)

    def _take_from_data(self) -> None:
        self.sends |= {name for name in ("filename", "input") if "{" + name + "}" in self._definition.data}

    def read_result(self) -> None:
        definition = self._definition
        start = self._templates.get("URL", ())[:1]
        if start and isinstance(start[0], str) and not re.match(r"https?:|//|[\w.-]+\.\w", start[0].lstrip(), re.I):
            self._refuse("result_no_address")
        for place, text in (("URL", definition.url), ("DeletionURL", definition.deletion_url)):
            host = _fixed_host(text)
            if host and self.hosts and host not in self.hosts:
                self._warn("other_host" if place == "URL" else "deletion_other_host", host=host)
            if host and place == "URL" and text.lower().startswith("http:"):
                self._warn("result_plain_http", host=host)
        if definition.deletion_url:
            self._warn("deletion_by_get")

    def _variants(self, text: str, place: str) -> Iterator[str]:
        """What the template may become, each choice of its functions taken once."""
        try:
            most = max((len(call.parameters) for call in calls(parse(text))), default=1)
            seen = dict.fromkeys(
                Scene("file.bin", lambda n, nth=nth: nth % n, encoded=True).evaluate(text)  # type: ignore[misc]
                for nth in range(min(most, 1000) or 1)
            )
        except SxcuFault as fault:
            self._refuse("field", field=place, why=fault.text, **fault.values)
            return
        yield from seen

    def _warn(self, code: str, **values: str) -> None:
        self.warnings.append(Notice(code, tuple(values.items())))

    def _refuse(self, code: str, **values: str) -> None:
        self.refusals.append(Notice(code, tuple(values.items())))


def _check_constants(call: Call) -> None:
    """Raises: SxcuFault when a path or pattern that is plain words cannot be."""
    plain = ["".join(str(part) for part in parameter) if all(isinstance(part, str) for part in parameter) else None
             for parameter in call.parameters]  # fmt: skip
    if call.name == "json" and plain[-1] is not None:
        from uploader.sxcu.jsonpath import check_path

        check_path(plain[-1])
    elif call.name == "xml" and plain[-1] is not None:
        from uploader.sxcu.xpath import check_path as check_xpath

        check_xpath(plain[-1])
    elif call.name == "regex":
        from uploader.sxcu.regexes import check_pattern

        pattern, group = plain[1:] if len(plain) == 3 else [*plain, ""][:2]
        if pattern is not None and group is not None:
            check_pattern(pattern, group)


def _fixed_host(text: str) -> str:
    """The host that a template begins with; empty when a function has a part in it."""
    found = re.match(r"\s*https?://([^/{}?#\s]+)[/?#]", text, re.IGNORECASE)
    if not found or MARK in found[1]:
        return ""
    try:
        return address.host_of(f"https://{found[1]}/")
    except SxcuFault:
        return ""
