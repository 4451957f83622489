"""A form on a web page as values: where it goes, what it asks, and what it complained of. No script runs."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

from uploader.connections import joined
from uploader.plain_text import tidy

MOST_FIELDS = 500
MOST_CHARACTERS = 5_000_000
MOST_WORDS = 500
"""Of one label or option."""
_TAG = re.compile(r"""</?[a-zA-Z][^<>"']{0,4000}(?:(?:"[^"]{0,20000}"|'[^']{0,20000}')[^<>"']{0,4000}){0,100}>""")
_NUMBER = re.compile(r"&#[xX]?[0-9a-fA-F]{9,};?")
"""Of no character. Python refuses to read those of thousands of digits."""
_COMPLAINT = re.compile(r"\b(errorlist|error|errors|invalid-feedback|text-danger|has-error|field-error|alert-danger)\b")
_PERSON = re.compile(r"g-recaptcha|h-captcha|cf-turnstile|frc-captcha|captcha", re.IGNORECASE)
_VOID = {"input", "br", "img", "hr", "meta", "link", "source", "wbr", "area", "base", "col", "embed", "track"}
_GUESSES = {
    "mail": r"e-?mail|correo",
    "name": r"^(?!.*(user|file|last)).*(name|nombre|\bnom\b|\bnome\b)",
    "subject": r"title|titulo|título|subject|asunto|summary|resumen|betreff|\bobjet\b|\bsujet\b|oggetto|assunto",
    "priority": r"priori|urgen|dringlich",
    "kind": r"^(kind|type|tipo|typ\b|category|categor|kategorie|catégor|motivo)",
}


@dataclass
class Field:
    """One control, or all radio buttons of one name. ``words`` is what its label or legend says; ``options`` are those
    of a list or of the buttons; ``told_by`` names the labels of a control, or those of each button in turn."""

    name: str
    kind: str
    value: str = ""
    required: bool = False
    multiple: bool = False
    accepts: str = ""
    longest: int | None = None
    invalid: bool = False
    words: str = ""
    options: list[tuple[str, str]] = field(default_factory=list)
    told_by: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class PageForm:
    """One form of a page. ``complaints`` are the words that stand out as errors; ``wants_person``: a captcha."""

    action: str
    multipart: bool
    fields: list[Field] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    wants_person: bool = False

    def find(self, name: str) -> Field | None:
        return next((each for each in self.fields if each.name == name), None)

    def guess(self) -> dict[str, str]:
        """Which of our words go into which of its fields, by kind, name and label."""
        found = dict[str, str]()
        for each in self.fields:
            about = f"{each.name} {each.words}".lower()
            if each.kind == "textarea":
                found.setdefault("description", each.name)
            elif each.kind == "file":
                found.setdefault("file", each.name)
            elif each.kind == "email":
                found.setdefault("mail", each.name)
            elif each.kind in ("text", "select", "search", "radio"):
                role = next((role for role, words in _GUESSES.items() if re.search(words, about)), "")
                if role and (each.kind != "radio" or role in ("priority", "kind")) and each.name not in found.values():
                    found.setdefault(role, each.name)
        return found


def read_forms(page: str, url: str) -> list[PageForm]:
    """The forms of a page that send something, in order."""
    reader = _Reader(url)
    reader.feed(_whole_tags(page))
    reader.close()
    for form in reader.forms:
        for each in form.fields:
            told = [reader.labels.get(id_) or reader.labels.get(around, "") for id_, around in each.told_by]
            if each.kind == "radio":
                each.options = [(value, words or value) for (value, _), words in zip(each.options, told)]
            else:
                each.words = told[0] or each.words
        form.wants_person = form.wants_person or bool(_PERSON.search(page) and "captcha" in page.lower())
        form.complaints = [words for words in map(tidy, reader.complaints) if words]
    return reader.forms


def _whole_tags(page: str) -> str:
    """The page with nothing in it but whole tags, short enough, and text: Python's own parser takes quadratic time on
    those that never end. Comments and declarations hold no form."""
    pieces, done = list[str](), 0
    page = _NUMBER.sub("\ufffd", page[:MOST_CHARACTERS])
    while (begin := page.find("<", done)) >= 0:
        pieces.append(page[done:begin])
        if page.startswith("<!--", begin):
            end = page.find("-->", begin + 4)
            done = end + 3 if end >= 0 else len(page)
        elif page.startswith(("<!", "<?"), begin):
            end = page.find(">", begin)
            done = end + 1 if end >= 0 else len(page)
        elif tag := _TAG.match(page, begin):
            pieces.append(tag[0])
            done = tag.end()
        else:
            pieces.append("&lt;")
            done = begin + 1
    pieces.append(page[done:])
    return "".join(pieces)


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.forms, self.labels, self.complaints = list[PageForm](), dict[str, str](), list[str]()
        self._url, self._form = url, PageForm("", False)
        self._inside = False
        self._select: Field | None = None
        self._text: Field | None = None
        self._option = (True, False)  # whether the last one has a value of its own, and is the chosen one
        self._label = self._around = self._legend = ""  # ids: of what is told now, and of the label that lies around
        self._in_legend = False
        self._open, self._count = list[tuple[str, bool]](), Counter[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag == "base" and has.get("href"):
            self._url = joined(self._url, has["href"]) or self._url
        complains = bool(_COMPLAINT.search(has.get("class", ""))) and tag not in (
            "input",
            "select",
            "textarea",
            "label",
        )
        if tag not in _VOID:
            inside = bool(self._open and self._open[-1][1])
            self._open.append((tag, complains or inside))
            self._count[tag] += 1
            if complains and not inside:
                self.complaints.append("")
        if tag == "form":
            self._begin(has)
        elif tag == "label":
            self._around = f"\0{self.getpos()}"  # no id of a page
            self._label = has.get("for", "") or self._around
        elif tag in ("fieldset", "legend"):
            self._legend, self._in_legend = "", tag == "legend"
        elif tag == "option" and self._select is not None:
            self._end_option()
            self._select.options.append((has.get("value", ""), ""))
            self._option = ("value" in has, "selected" in has)
        elif tag in ("input", "select", "textarea") and len(self._form.fields) < MOST_FIELDS:
            self._add(tag, has)

    def _begin(self, has: dict[str, str]) -> None:
        action = joined(self._url, has.get("action", "").strip()) or self._url
        self._form = PageForm(action, has.get("enctype", "").lower() == "multipart/form-data")
        self._inside = has.get("method", "get").lower() == "post"
        if self._inside:
            self.forms.append(self._form)

    def _add(self, tag: str, has: dict[str, str]) -> None:
        kind = has.get("type", "text").lower() if tag == "input" else tag
        longest = has.get("maxlength", "")
        made = Field(
            has.get("name", ""), kind, has.get("value", ""), "required" in has, "multiple" in has,
            has.get("accept", ""), int(longest) if re.fullmatch("[0-9]{1,9}", longest) else None,
            has.get("aria-invalid") == "true" or "is-invalid" in has.get("class", ""),
            told_by=[(has.get("id", ""), self._around)],
        )  # fmt: skip
        made.words = has.get("aria-label", "") or has.get("placeholder", "")
        if kind in ("checkbox", "radio"):
            made.value = has.get("value", "on") if "checked" in has else ""
        if kind == "radio":
            made.words, made.options = tidy(self._legend), [(has.get("value", "on"), "")]
        if not made.name or kind in ("submit", "button", "reset", "image") or "disabled" in has:
            return
        known = self._form.find(made.name) if kind == "radio" else None
        if known is not None:
            known.value, known.required = made.value or known.value, made.required or known.required
            if len(known.options) < MOST_FIELDS:
                known.options += made.options
                known.told_by += made.told_by
            return
        self._form.fields.append(made)
        if tag == "select":
            made.value, self._select = "", made
        if tag == "textarea":
            made.value, self._text = "", made

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._inside:
            self._form, self._inside = PageForm("", False), False
        elif tag == "select" and self._select is not None:
            self._end_option()
            plain = self._select.kind == "select" and not self._select.multiple
            if plain and not self._select.value and self._select.options:
                self._select.value = self._select.options[0][0]
            self._select = None
        elif tag == "textarea":
            self._text = None
        elif tag == "label":
            self._label = self._around = ""
        elif tag == "fieldset":
            self._legend = ""
        elif tag == "legend":
            self._in_legend = False
        name = "" if self._count[tag] else tag
        while name != tag:
            name, _ = self._open.pop()
            self._count[name] -= 1

    def _end_option(self) -> None:
        """One without a value is sent as its words. Source: WHATWG HTML, the attribute ``value`` of ``option``."""
        if self._select is not None and self._select.options:
            value, words = self._select.options[-1]
            value = value if self._option[0] else " ".join(words.split())
            self._select.options[-1] = (value, words)
            if self._option[1]:
                self._select.value = value
            self._option = (True, False)

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.value += data
        elif self._select is not None:
            if self._select.options:
                value, words = self._select.options[-1]
                self._select.options[-1] = (value, (words + data)[:MOST_WORDS].strip())
        elif self._in_legend:
            self._legend = (self._legend + data)[:MOST_WORDS]
        elif self._label:
            self.labels[self._label] = tidy((self.labels.get(self._label, "") + " " + data)[:MOST_WORDS])
        if self._open and self._open[-1][1] and self.complaints and len(self.complaints[-1]) < 300:
            self.complaints[-1] += " " + data
