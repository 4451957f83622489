"""Which desk or share is used, what it wants to know, and whether it works; made from the adapters' declarations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Literal

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from client.places import DEFAULT
from client.secrets import KeychainShut, NoKeychain
from client.session import Session
from client.settings import OPTIONS, SettingsFault
from client.ui import look
from client.ui.alive import while_alive
from client.ui.bridge import Bridge
from client.ui.buttons import FlushLink, LinkButton, PlainButton
from client.ui.desk_fields import unkept_words
from client.ui.pieces import Choice, Label, Panel
from client.ui.question import ask_once
from client.ui.setting_fields import SettingField, fill_choice
from client.words import detail, say, sentence
from uploader.errors import UploaderError
from uploader.setting import Secret, Setting

ADD = "+"


class PlaceField(QWidget):
    """``changed`` after every change that is written. ``rebuilt``: another place, so another form is needed."""

    changed = Signal()
    rebuilt = Signal()

    def __init__(
        self,
        what: Literal["desk", "share"],
        session: Session,
        bridge: Bridge,
        phrases: look.Phrases,
        begun: str = "",
    ) -> None:
        """``begun``: one that was added and is not chosen before it has what it must have."""
        super().__init__()
        self.what, self._session, self._bridge, self._phrases = what, session, bridge, phrases
        self._known = session.settings.desks if what == "desk" else session.settings.shares
        wanted = session.settings.report.desk if what == "desk" else session.settings.report.share
        self.begun = begun if begun in self._known else ""
        self.name = self.begun or wanted or (next(iter(self._known)) if len(self._known) == 1 else DEFAULT)
        self.choice, self.check, self.result = Choice(), PlainButton(), Label("quiet", wrap=True)
        self.fields: list[SettingField] = []
        self._lock = session.settings.lock(f"{what}s.{self.name}")
        self._build()
        self._wire()

    # -- within -----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        title, tell = OPTIONS[f"report.{self.what}"].title, self._phrases.tell
        label = Label()
        tell(label.setText, lambda: detail(title, {}))
        tell(self.choice.setAccessibleName, lambda: detail(title, {}))
        tell(self.check.setText, lambda: say("Check"))
        tell(self.check.setAccessibleName, lambda: say("Check: {what}", what=detail(title, {})))
        names = [DEFAULT, *(name for name in self._known if name != DEFAULT), ADD]
        fill_choice(self.choice, {name: partial(_place_word, name) for name in names}, self._phrases)
        self.choice.setCurrentIndex(max(self.choice.findData(self.name), 0))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(look.XS)
        row = QHBoxLayout()
        row.setSpacing(look.S)
        row.addWidget(self.choice)
        row.addWidget(self.check)
        row.addStretch()
        column.addWidget(label)
        column.addLayout(row)
        column.addWidget(self.result)
        self.result.hide()
        if self.what == "desk" and self._known:
            usual = Label("faint", "small", wrap=True)
            tell(
                usual.setText,
                lambda: say("The help desk is not connected yet.") if self.begun
                else say("New reports go to the one that is chosen here."),
            )  # fmt: skip
            column.addWidget(usual)
        self._add_lock(column, self._session.settings.lock(f"report.{self.what}"), self.choice)
        if self.name in self._known:
            column.addSpacing(look.XS)
            column.addWidget(self._build_form())

    def _build_form(self) -> Panel:
        values, kinds = self._known[self.name], self._session.places.declared(self.what)
        kind = str(values.get("kind", ""))
        panel = Panel()
        column = QVBoxLayout(panel)
        column.setContentsMargins(look.L, look.L, look.L, look.M)
        column.setSpacing(look.M)
        name = Setting("name", "Name", "", "text", "", required=True)
        column.addWidget(self._field("", name, self.name))
        kind_setting = Setting("kind", "Kind of service", "", "choice", "", required=True, choices=tuple(kinds))
        if len(kinds) > 1 or kind not in kinds:
            column.addWidget(self._field("kind", kind_setting, kind))
        rare = [part for part in kinds.get(kind, ()) if part.rare]
        for declared in kinds.get(kind, ()):
            if not declared.rare:
                column.addWidget(self._declared_field(declared, values))
        if rare:
            self._add_rare(column, rare, values)
        self._add_lock(column, self._lock)
        row = QHBoxLayout()
        if self._session.places.signs_in(self.what, self.name):
            sign_in = PlainButton()
            self._phrases.tell(sign_in.setText, lambda: say("Sign in…"))
            sign_in.clicked.connect(self._sign_in)
            row.addWidget(sign_in)
        row.addStretch()
        if not self._session.settings.given(f"{self.what}s.{self.name}"):
            remove = LinkButton()
            self._phrases.tell(remove.setText, lambda: say("Remove"))
            remove.clicked.connect(self._ask)
            row.addWidget(remove)
        column.addLayout(row)
        return panel

    def _add_lock(self, column: QVBoxLayout, source: str, control: QWidget | None = None) -> None:
        """Who has locked what stands above, in faint words; a place's own form says it once for all of its fields."""
        if source:
            note = Label("faint", "small", wrap=True)
            self._phrases.tell(note.setText, lambda: say("Set by your organisation: {origin}", origin=source))
            column.addWidget(note)
            if control is not None:
                control.setEnabled(False)

    def _add_rare(self, column: QVBoxLayout, rare: list[Setting], values: Mapping[str, object]) -> None:
        """What few need, behind a button; open when something of it is set."""
        more, inner = FlushLink(), QWidget()
        form = QVBoxLayout(inner)
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(look.M)
        for declared in rare:
            form.addWidget(self._declared_field(declared, values))
        self._phrases.tell(more.setText, lambda: say("More settings"))
        more.clicked.connect(inner.show)
        more.clicked.connect(more.hide)
        is_set = any(part.name in values for part in rare)
        inner.setVisible(is_set)
        more.setVisible(not is_set)
        row = QHBoxLayout()
        row.addWidget(more)
        row.addStretch()
        column.addLayout(row)
        column.addWidget(inner)

    def _declared_field(self, declared: Setting, values: Mapping[str, object]) -> SettingField:
        default = "" if declared.default is None or declared.kind == "secret" else declared.default
        field = self._field(declared.name, declared, values.get(declared.name, default))
        kinds = self._session.places.declared(self.what)
        fields = kinds.get(str(values.get("kind", "")), ())
        if declared.kind == "secret" and self._session.places.was_kept(self.name, fields, declared.name):
            line = field.control
            if isinstance(line, QLineEdit):
                self._phrases.tell(line.setPlaceholderText, lambda: say("Kept in the keychain"))
        return field

    def _field(self, name: str, setting: Setting, value: object) -> SettingField:
        titles = self._session.places.titles(self.what) if name == "kind" else None
        field = SettingField(name, setting, value, "", self._phrases, titles=titles)
        field.changed.connect(self._change)
        if self._lock and setting.kind != "secret":  # a password is the user's own
            field.control.setEnabled(False)
        self.fields.append(field)
        return field

    def _wire(self) -> None:
        self.choice.activated.connect(lambda _: self._choose(str(self.choice.currentData())))
        self.check.clicked.connect(self._check)

    def _choose(self, name: str) -> None:
        self.begun = ""
        if name != ADD:
            self._write({f"report.{self.what}": name}, rebuild=True)
            return
        kind = DEFAULT  # the one that works with a path alone; the form lets choose another
        number = 2
        while f"{kind}-{number}" in self._known:
            number += 1
        self.begun = f"{kind}-{number}"
        stays = self._session.places.desk_name() if self.what == "desk" else self._session.places.share_name()
        self._write({f"{self.what}s.{self.begun}.kind": kind, f"report.{self.what}": stays}, rebuild=True)

    def _change(self, name: str, value: object) -> None:
        field = next(field for field in self.fields if field.key == name)
        try:
            if not name:
                self._rename(str(value))
            elif field.setting.kind == "secret":
                first = next(other for other in self.fields if other.setting.kind == "secret") is field
                self._session.places.login(self.name, Secret(str(value)), name, first=first)
            else:
                self._save({f"{self.what}s.{self.name}.{name}": value}, rebuild=name == "kind")
            if self.begun and name and self._is_whole():
                self.begun = ""
                self._save({f"report.{self.what}": self.name}, rebuild=True)
        except NoKeychain as error:
            keeps = self._session.places.keeps_secrets()
            field.refuse(sentence(error) if keeps else unkept_words())
        except (SettingsFault, KeychainShut, OSError) as error:
            field.refuse(sentence(error))

    def _is_whole(self) -> bool:
        """Whether it has all that it must have."""
        places = self._session.places
        try:
            places.desk(self.name) if self.what == "desk" else places.share(self.name)
        except (UploaderError, KeychainShut):
            return False
        return True

    def _rename(self, wanted: str) -> None:
        place, name = f"{self.what}s", re.sub(r"[^\w-]+", "-", wanted).strip("-")
        if not name or name in (*self._known, DEFAULT):
            self.fields[0].refuse(say("Another one has this name already.") if name else say("A name is needed."))
            return
        if self._session.leans_on(self.what, self.name):
            self.fields[0].refuse(say("It is in use under this name; what was sent would not be found again."))
            return
        values = {f"{place}.{name}.{key}": value for key, value in self._known[self.name].items()}
        changes: dict[str, object] = {**values, f"{place}.{self.name}": None}
        if self.begun:
            self.begun = name
        else:
            changes[f"report.{self.what}"] = name
        self._session.places.rename(self.name, name, partial(self._save, changes, rebuild=True))

    def _ask(self) -> None:
        ask_once(
            self,
            say("Remove"),
            say("Remove “{name}” from the settings?", name=self.name),
            say("What was sent there stays there."),
            self._remove,
        )

    def _remove(self) -> None:
        """Where it was the chosen one, the one before it is so again."""
        changes: dict[str, object] = {f"{self.what}s.{self.name}": None}
        others = [name for name in self._known if name != self.name]
        former = self._session.former(self.what)
        if not others or not self.begun:
            changes[f"report.{self.what}"] = former if others and former not in ("", self.name) else None
        self.begun = ""
        self._write(changes, rebuild=True)

    def _write(self, changes: dict[str, object], *, rebuild: bool) -> None:
        try:
            self._save(changes, rebuild=rebuild)
        except (SettingsFault, OSError) as error:
            self._tell(sentence(error), "bad")

    def _save(self, changes: dict[str, object], *, rebuild: bool) -> None:
        self._session.change(changes)
        self._known = self._session.settings.desks if self.what == "desk" else self._session.settings.shares
        self.changed.emit()
        if rebuild:
            self.rebuilt.emit()

    def _check(self) -> None:
        self._tell(say("Checking…"), "quiet")
        works = while_alive(self, lambda _: self._tell(say("It works."), "ok"))
        fails = while_alive(self, lambda error: self._tell(sentence(error), "bad"))
        self._bridge.background(partial(self._session.places.check, self.what, self.name), works, fails)

    def _sign_in(self) -> None:
        """In the browser; the window stays usable meanwhile."""
        self._tell(say("Go on in the browser…"), "quiet")
        done = while_alive(self, lambda _: self._tell(say("You are signed in."), "ok"))
        fails = while_alive(self, lambda error: self._tell(sentence(error), "bad"))

        def show(url: str) -> None:
            self._bridge.later(lambda: QDesktopServices.openUrl(QUrl(url)))

        self._bridge.background(partial(self._session.places.sign_in, self.what, self.name, show), done, fails)

    def _tell(self, words: str, tone: Literal["ok", "bad", "quiet"]) -> None:
        self.result.set_tone(tone)
        self.result.setText(words)
        self.result.show()


def _place_word(name: str) -> str:
    if name == ADD:
        return say("Add another…")
    return say("The folder on this computer") if name == DEFAULT else name
