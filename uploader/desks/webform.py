"""A desk that has a web form and nothing else: its page is read, filled in and sent as a browser would.

Nobody can be asked whether a form arrived. So a lost answer becomes a question to the user, and is never sent again by
itself. Source: WHATWG HTML, "Forms" (2025); and what the public form of django-helpdesk 2.6 did.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar
from urllib.parse import urlencode, urlsplit

from uploader.body import render
from uploader.cargo import Cargo
from uploader.connections import joined
from uploader.errors import (
    FieldWanted,
    FileRefused,
    Intercepted,
    InvalidField,
    OutcomeUnknown,
    Refused,
    Temporary,
    TooLarge,
    UploaderError,
)
from uploader.form import Form, Part
from uploader.html_form import PageForm, read_forms
from uploader.journal import Journal
from uploader.option_words import kinds_in, priorities_in
from uploader.plain_text import plain_text
from uploader.remote import RemoteDesk, http_address, mail_of, name_of, once_unseen, pairs, subject_of
from uploader.seen import Seen
from uploader.setting import setting
from uploader.ticket import Attachment, DeskAbilities, Limits, Progress, Ticket, TicketRef
from uploader.wire import NO_DATA, TOO_MUCH, Reply, Wire, sort_out

ROLES = ("subject", "description", "mail", "name", "priority", "kind", "file")
SUBJECT_CHARACTERS = 200
MOST_PAGES = 4
"""Followed after sending, until one says that it arrived."""
PAGE_BYTES = 4 * 1024 * 1024
OF_FILES = re.compile(
    r"\b(file|attachment|extension|upload|archivo|adjunto|fichero|extensi[óo]n|datei|anhang|fichier)", re.I
)
"""What a complaint is about that names no field."""
NUMBERS = (
    r"(?:ticket|caso|radicado|n[úu]mero|number|case|folio)[^\w#]{0,3}"
    r"(?:(?:nro|no|n[º°]|#)\.?\s*)?[:=#]?\s*#?([\w-]*\d[\w-]*)"
)
"""How addresses and pages tell a number where the settings do not say: ``ticket=soporte-12``, ``Radicado: 2026-55``."""

TROUBLE = re.compile(
    r"\b(errors?|fail(ed|ure)?|expired|denied|forbidden|invalid|sorry|not (been )?(saved|sent|submitted)|caducad[oa]|"
    r"expir(ó|ado|ada|ou)|fall(ó|ido)|lo sentimos|no se (pudo|ha podido)|fehler|fehlgeschlagen|abgelaufen|erreurs?|"
    r"échoué|expirée?|désolée?|erro|erros|falhou|desculpe|errore|errori|scadut[oa]|fallit[oa]|spiacenti)\b",
    re.IGNORECASE,
)
"""Words of a page that a form leads on to, and of its address, that may mean that nothing was made."""


@dataclass(frozen=True, kw_only=True)
class WebFormDesk(RemoteDesk):
    title: ClassVar[str] = "Web form"
    abilities: ClassVar[DeskAbilities] = DeskAbilities(order="inside", markup="plain", entry=("anonymous",))

    url: str = setting("Address of the form", help="https://help.example.org/new", kind="url")
    names: str = setting(
        "What goes where",
        help="Only if a report lands in the wrong places: subject, description, mail, name, priority, kind or file, "
        "then = and the name of the form's field. Example: subject=title; description=body; file=attachment. Empty: it "
        "is guessed.",
        default="",
        rare=True,
    )
    success: str = setting(
        "How it says that it arrived",
        help="A regular expression for the address or words of the page that follows; what stands in its brackets is "
        "the number. Example: Ticket (\\d+) was created. Empty: it is guessed.",
        default="",
        rare=True,
    )
    largest_mb: float = setting(
        "Largest file, in MB", help="Larger ones go as a link. 0: the form takes any.", kind="number", default=0.0,
        least=0, most=25, rare=True,
    )  # fmt: skip

    @classmethod
    def recognise(cls, seen: Seen) -> Mapping[str, str] | None:
        page = seen.page()
        forms = read_forms(page.text(), seen.page_url) if page is not None else []
        known = any("description" in form.guess() and len(form.guess()) > 1 for form in forms)
        return {"url": seen.page_url} if known else None

    @property
    def limits(self) -> Limits:
        return Limits(file_bytes=int(self.largest_mb * 1_000_000)) if self.largest_mb else Limits()

    def check(self) -> None:
        self._pattern()
        with self.open_wire() as wire:
            try:
                _Visit(self, wire).form()
            except Temporary as error:
                if error.text != NO_DATA:
                    raise
                raise InvalidField(
                    "url", "there is no form for a report at {host}; check the address, and what goes where",
                    host=urlsplit(self._base).hostname or "",
                ) from error  # fmt: skip

    def asks(self) -> tuple[str, ...]:
        with self.open_wire() as wire:
            form, names = _Visit(self, wire).form()
        own = pairs(self.fields, "fields")
        parts = {role: form.find(names[role]) for role in ("mail", "name") if role in names}
        empty = [(role, part) for role, part in parts.items() if part and part.required and not part.value]
        return tuple(role for role, part in empty if not {part.name, part.words} & own.keys())

    def submit(self, ticket: Ticket, journal: Journal, progress: Progress) -> TicketRef:
        with self.open_wire() as wire:
            cargo, visit = Cargo(ticket.attachments, progress), _Visit(self, wire)
            if journal.result("create") is None:
                visit.form()  # what fails here has sent nothing
            told = once_unseen(journal, "create", self.title, partial(self._send, visit, ticket, cargo))
            cargo.arrived()
        number, _, url = told.partition(" ")
        return TicketRef(number or ticket.report_id, url, unconfirmed=not number)

    def _send(self, visit: _Visit, ticket: Ticket, cargo: Cargo) -> str:
        form, names = visit.form()
        self._demand_files(form, names, cargo)
        given = self._fill(form, names, ticket)
        files = [Part(names["file"], cargo.name(file), file.media_type, cargo.body(file)) for file in cargo.files]
        try:
            answer = visit.send(form, given, files, ticket.report_id)
        except TooLarge as error:
            raise cargo.too_large(error, self.title) from error
        return self._arrived(visit, answer, names, cargo)

    def _demand_files(self, form: PageForm, names: Mapping[str, str], cargo: Cargo) -> None:
        """One field takes one file, and perhaps only some types: the others go as links. Raises: FileRefused."""
        slot = form.find(names.get("file", ""))
        wanted = [part.strip().lower() for part in (slot.accepts.split(",") if slot else []) if part.strip()]
        for file in cargo.files:
            if slot is None or (wanted and not _accepted(file, wanted)):
                raise self._refused(file)
        if slot is not None and not slot.multiple and len(cargo.files) > 1:
            raise self._refused(cargo.files[-1])

    def _refused(self, file: Attachment) -> FileRefused:
        return FileRefused(file.name, "{service} does not take “{name}”; it goes as a link", service=self.title,
                           name=file.name)  # fmt: skip

    def _fill(self, form: PageForm, names: Mapping[str, str], ticket: Ticket) -> list[tuple[str, str]]:
        """Every field of the form, as a browser would send it. Raises: FieldWanted for one that nobody filled in."""
        own = self.field_values(ticket)
        ours = {
            "subject": subject_of(ticket, SUBJECT_CHARACTERS), "description": render(ticket, "plain"),
            "mail": mail_of(ticket.requester), "name": name_of(ticket.requester),
            "priority": self.priority_of(ticket, priorities_in(_options(form, names, "priority"))),
            "kind": self.kind_of(ticket, kinds_in(_options(form, names, "kind"))),
        }  # fmt: skip
        values = {names[role]: value for role, value in ours.items() if role in names and value}
        found = list[tuple[str, str]]()
        for each in form.fields:
            if each.kind == "file":
                continue
            value = values.get(each.name, each.value)
            for name in {each.name, each.words} & own.keys():
                value = next((value for value, words in each.options if words == own[name]), own[name])
            if each.name == names.get("description") and each.longest and len(value) > each.longest:
                value = _shortened(ticket, each.longest)
            elif each.longest and len(value) > each.longest:
                value = value[: each.longest - 1] + "…"
            if each.required and not value.strip():
                raise FieldWanted(each.words or each.name, "the help desk wants “{field}” to be filled in",
                                  field=each.words or each.name)  # fmt: skip
            if value or each.kind not in ("checkbox", "radio"):
                found.append((each.name, value.replace("\r\n", "\n").replace("\n", "\r\n")))
        return found

    def _arrived(self, visit: _Visit, answer: Reply, names: Mapping[str, str], cargo: Cargo) -> str:
        """The number and the address that the service answers with, either may be empty.

        Raises: Refused when it shows the form again; OutcomeUnknown when it is anybody's guess.
        """
        pattern, seen = self._pattern(), [answer.url] if answer.status < 300 else []
        moved = False
        for _ in range(MOST_PAGES):
            target = joined(answer.url, answer.headers.get("location", "")) if 300 <= answer.status < 400 else ""
            if not target:
                break
            seen.append(target)
            if pattern is None and urlsplit(target).netloc != urlsplit(self._base).netloc:
                raise OutcomeUnknown(NO_DATA, host=answer.host)  # somebody's login
            moved = True
            if found := _number(pattern, target):
                return f"{found} {target}"
            try:
                _demand_no_less_safe(answer, target)
                answer = visit.read(target)
            except UploaderError as error:  # that page may have thanked, or told what is wrong
                raise OutcomeUnknown("the answer of {host} got lost", host=answer.host) from error
        page = answer.text()
        if pattern is not None and (hit := pattern.search(f"{chr(10).join(seen)}\n{page}"[:PAGE_BYTES])):
            return f"{_group(hit)} {answer.url if moved else ''}"
        forms = read_forms(page, answer.url)
        if (again := self._find_form(forms)) is not None:
            self._complain(again[0], names, cargo, visit.form()[0])
        elif pattern is None and moved and not any(each.kind == "password" for form in forms for each in form.fields):
            number = _number(None, page)  # a page of its own, and nobody's login
            if not TROUBLE.search(seen[-1]) and (number or not TROUBLE.search(plain_text(page))):
                return f"{number} {seen[-1]}"
        raise OutcomeUnknown(NO_DATA, host=answer.host)

    def _complain(self, form: PageForm, names: Mapping[str, str], cargo: Cargo, before: PageForm) -> None:
        """It shows the form again. With what is wrong beside it nothing was made; without that nobody knows: many show
        an empty one below their thanks. What stood there ``before`` anything was sent complains of something else."""
        standing = {each.name for each in before.fields if each.invalid}
        wrong = [each for each in form.fields if each.invalid and each.name not in standing]
        told = [" ".join(words.split()) for words in form.complaints if words not in before.complaints]
        if not wrong and not told:
            return
        why = "; ".join(dict.fromkeys(told))[:200]
        ours = {cargo.name(file) for file in cargo.files} | {file.path.suffix or file.name for file in cargo.files}
        of_files = any(words in why for words in ours) or OF_FILES.search(why)
        if cargo.files and (any(each.name == names.get("file") for each in wrong) or (not wrong and of_files)):
            raise self._refused(cargo.files[0])
        filled = {names.get(role) for role in ROLES}
        for each in wrong:
            if each.name not in filled:
                raise FieldWanted(each.words or each.name, "the help desk wants “{field}” to be filled in",
                                  field=each.words or each.name)  # fmt: skip
        raise Refused("{host} refused it: {why}", host=urlsplit(self._base).hostname or "", why=why or "?")

    def _find_form(self, forms: list[PageForm]) -> tuple[PageForm, dict[str, str]] | None:
        """The form of the page that takes a description, and which of its fields are which."""
        told = pairs(self.names, "names", "What goes where")
        for form in forms:
            names = form.guess() | told
            if form.find(names.get("description", "")) is not None:
                return form, {role: name for role, name in names.items() if form.find(name) is not None}
        return None

    def _pattern(self) -> re.Pattern[str] | None:
        try:
            return re.compile(self.success, re.IGNORECASE) if self.success else None
        except re.error as error:
            raise InvalidField("success", "“{value}” is no regular expression", value=self.success) from error

    @property
    def _base(self) -> str:
        return http_address(self.url)


class _Visit:
    """One visit of a page, with the cookies of this visit alone."""

    def __init__(self, desk: WebFormDesk, wire: Wire) -> None:
        self._desk, self._wire, self._url = desk, wire, http_address(desk.url)
        self._cookies = dict[str, str]()
        self._form: tuple[PageForm, dict[str, str]] | None = None

    def form(self) -> tuple[PageForm, dict[str, str]]:
        """Read once. Raises: Intercepted when there is none that can be filled in; UploaderError."""
        self._form = self._form or self._look_for_it()
        return self._form

    def _look_for_it(self) -> tuple[PageForm, dict[str, str]]:
        answer = self.read(self._url)
        if answer.status != 200:
            raise sort_out(answer)
        found = self._desk._find_form(read_forms(answer.text(), answer.url))
        if found is None:  # somebody else's page now, or the wrong one for good: who checks it sees which
            raise Intercepted(NO_DATA, host=answer.host)
        if found[0].wants_person:
            raise Refused("{host} wants to see a person (a captcha); fill in its form in the browser", host=answer.host)
        _demand_no_less_safe(answer, found[0].action)
        self._url = answer.url
        return found

    def read(self, url: str) -> Reply:
        for _ in range(MOST_PAGES):
            answer = self._call("GET", url, b"", {})
            if not (300 <= answer.status < 400 and answer.headers.get("location")):
                break
            url = joined(url, answer.headers["location"])
            _demand_no_less_safe(answer, url)
        return answer

    def send(self, form: PageForm, given: list[tuple[str, str]], files: list[Part], seed: str) -> Reply:
        if form.multipart:
            body = Form(given, files, seed)
            return self._call("POST", form.action, body, {"Content-Type": body.content_type})
        return self._call("POST", form.action, urlencode(given).encode(),
                          {"Content-Type": "application/x-www-form-urlencoded"})  # fmt: skip

    def _call(self, method: str, url: str, body: bytes | Form, headers: dict[str, str]) -> Reply:
        here, there = urlsplit(self._url), urlsplit(url)
        sent = {"Accept": "text/html", **headers}
        if (here.scheme, here.netloc) == (there.scheme, there.netloc) and self._cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        if method == "POST":
            # What forms are protected by looks at both. Source: Django 5.2, "How to use Django's CSRF protection".
            sent |= {"Referer": self._url, "Origin": f"{here.scheme}://{here.netloc}"}
        try:
            answer = self._wire.call(method, url, headers=sent, body=body, ok=range(200, 600), most_bytes=PAGE_BYTES)
        except Refused as error:
            if method == "POST" and error.text == TOO_MUCH:  # it was taken, and whatever it says is not read
                raise OutcomeUnknown(TOO_MUCH, host=error.values["host"]) from error
            raise
        for line in answer.headers.get("set-cookie", "").split("\n"):
            if found := re.match(r"\s*([\w!#$%&'*+.^`|~-]{1,200})=([^;\x00-\x1f]{0,4000})", line):
                self._cookies[found[1]] = found[2]
        if answer.status == 413:
            raise TooLarge("{host} does not take a file of this size", host=answer.host)
        if answer.status >= 400:
            raise sort_out(answer)
        return answer


def _demand_no_less_safe(answer: Reply, target: str) -> None:
    """Raises: Refused for what leads from a page that came sealed to one in the clear, or to no address."""
    if urlsplit(target).scheme != "https" and (urlsplit(answer.url).scheme == "https" or not target):
        raise Refused("{host} leads on to an address that is not safe; it was not followed", host=answer.host)


def _options(form: PageForm, names: Mapping[str, str], role: str) -> list[tuple[str, str]]:
    field = form.find(names.get(role, ""))
    return field.options if field else []


def _accepted(file: Attachment, wanted: list[str]) -> bool:
    """Source: WHATWG HTML, the attribute ``accept``."""
    main = file.media_type.partition("/")[0]
    kinds = (file.media_type, f"{main}/*", "*/*")
    return any(file.name.lower().endswith(each) if each.startswith(".") else each in kinds for each in wanted)


def _shortened(ticket: Ticket, longest: int) -> str:
    """The text cut, so that links and our mark still stand below it."""
    over = len(render(ticket, "plain")) - longest
    return render(replace(ticket, description=ticket.description[: max(0, len(ticket.description) - over - 1)] + "…"),
                  "plain")[:longest]  # fmt: skip


def _number(pattern: re.Pattern[str] | None, text: str) -> str:
    hit = (pattern or re.compile(NUMBERS, re.IGNORECASE)).search(text)
    return _group(hit) if hit else ""


def _group(hit: re.Match[str]) -> str:
    return re.sub(r"\s+", "", next((group for group in hit.groups() if group), ""))[:60]
