"""What a kind of desk wants to know, as the wizard asks it: the usual first, the rest behind a button."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from client.places import SENDER
from client.session import Session
from client.settings import OPTIONS
from client.setup import step_fault
from client.ui import look
from client.ui.alive import while_alive
from client.ui.bridge import Bridge
from client.ui.buttons import FlushLink
from client.ui.pieces import Caution, Panel
from client.ui.setting_fields import SettingField
from client.ui.suggestions import Suggestions
from client.words import say
from uploader.probe import Step
from uploader.setting import Setting
from uploader.ticket import Choice as Entry

MINE = ("general.name", "general.mail")
"""What every desk wants to know of the user; asked once, with the first desk."""


class DeskFields(Panel):
    """``changed(key, value)`` for each field that the user finished; ``moved`` when more or less is shown."""

    changed = Signal(str, object)
    moved = Signal()

    def __init__(self, session: Session, bridge: Bridge, phrases: look.Phrases) -> None:
        super().__init__()
        self._session, self._bridge, self._phrases = session, bridge, phrases
        self.all: list[SettingField] = []
        self.keeps = True
        """Whether a password would be kept here."""
        self.unkept = Caution()
        self._form, self._rare, self._hidden = QVBoxLayout(), QVBoxLayout(), QWidget()
        self.more, self.sign_in = FlushLink(), FlushLink("external-link")
        inner = QVBoxLayout(self)
        inner.setContentsMargins(look.L, look.L, look.L, look.L)
        inner.setSpacing(look.M)
        self._form.setSpacing(look.M)
        inner.addWidget(self.unkept)
        inner.addLayout(self._form)
        self._hidden.setLayout(self._rare)
        self._rare.setContentsMargins(0, 0, 0, 0)
        self._rare.setSpacing(look.M)
        inner.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)
        inner.addWidget(self._hidden)
        inner.addWidget(self.sign_in, 0, Qt.AlignmentFlag.AlignLeft)
        self.more.clicked.connect(self.show_rare)
        phrases.tell(self.sign_in.setText, lambda: say("Sign in…"))
        phrases.tell(self.more.setText, lambda: say("More settings"))
        phrases.tell(lambda _: self._tell_of_keychain(self.keeps), lambda: "")

    def fill(self, kind: str, values: Mapping[str, str]) -> None:
        """The fields of this kind, with what is known already."""
        for layout in (self._form, self._rare):
            emptied(layout)
        self._hidden.hide()
        self.all = []
        mine = self._session.settings.general
        unknown = [key for key, known in zip(MINE, (mine.name, mine.mail), strict=True) if not known]
        for declared in self._session.setup.declared(kind):
            default = "" if declared.default is None or declared.kind == "secret" else declared.default
            rare = declared.rare or (declared.guessed and bool(values.get(declared.name)))
            if declared.name == SENDER:  # asked for once: as the user's own, or with that already in it
                default, rare = mine.mail, not mine.mail
                while rare and unknown:
                    self._add(key := unknown.pop(0), OPTIONS[key], "", self._form)
            self._add(declared.name, declared, values.get(declared.name, default), self._rare if rare else self._form)
        self.more.setVisible(self._rare.count() > 0)
        for key in unknown:
            self._add(key, OPTIONS[key], "", self._form)
        self._warn_of_what_is_not_kept()

    def begin(self) -> None:
        """The keyboard is in the first empty field that cannot do without, a secret among them."""
        shown = [field for field in self._in_order() if not self._is_rare(field)]
        empty = [field for field in shown if isinstance(field.control, QLineEdit) and not field.control.text()]
        wanted = [each for each in empty if each.setting.required or each.setting.kind == "secret" or each.key in MINE]
        for field in (wanted or empty or shown)[:1]:
            field.control.setFocus(Qt.FocusReason.TabFocusReason)

    def steps_by_key(self) -> list[QWidget]:
        """What the Tab key reaches, in the order the eye meets it."""
        rare = [field.control for field in self._in_order() if self._is_rare(field)]
        usual = [field.control for field in self._in_order() if not self._is_rare(field)]
        return [*usual, self.more, *rare, self.sign_in]

    def show_rare(self) -> None:
        had_focus = self.more.hasFocus()
        self._hidden.show()
        self.more.hide()
        for field in [field for field in self._in_order() if had_focus and self._is_rare(field)][:1]:
            field.control.setFocus(Qt.FocusReason.TabFocusReason)
        self.moved.emit()

    def settle(self) -> None:
        """What is still being typed counts; what was wrong is asked anew."""
        for field in self.all:
            if isinstance(field.control, QLineEdit) and field.control.isModified():
                field.control.editingFinished.emit()
            field.refuse("")

    @property
    def being_typed(self) -> bool:
        return any(isinstance(field.control, QLineEdit) and field.control.isModified() for field in self.all)

    def lead_to(self, step: Step) -> QWidget | None:
        """The field that is wrong, as far as the step tells: its own, the secret, or the address. It says why."""
        found = [field for field in self.all if field.key == step.field]
        if not found and step.name in ("login", "right"):
            found = [field for field in self.all if field.setting.kind == "secret" and not field.setting.rare]
        if not found and step.name in ("dns", "connection"):
            names = ("imap",) if step.door == "imap" else ("url", "server", "address")
            found = [field for name in names for field in self.all if field.key == name]
        for field in self.all:  # perhaps nobody stands between, and the other way of encrypting is the right one
            if step.name == "certificate" and field.key == {"smtp": "security", "imap": "imap_security"}.get(step.door):
                self._bring_out(field)
        for field in found[:1]:
            self._bring_out(field)
            field.control.setFocus(Qt.FocusReason.TabFocusReason)
            if isinstance(field.control, QLineEdit):
                field.control.selectAll()
            field.refuse(step_fault(step))
            return field
        return None

    def offer_lists(self, kind: str, values: Mapping[str, object]) -> None:
        """What the desk lets choose from is offered while typing: queues, projects, kinds."""
        work = partial(self._session.setup.lists, kind, values)
        self._bridge.background(work, while_alive(self, self._offer), lambda _: None)

    # -- within -----------------------------------------------------------------------------------------------

    def _offer(self, lists: Mapping[str, tuple[Entry, ...]]) -> None:
        for field in self.all:
            if field.key not in lists or not isinstance(field.control, QLineEdit):
                continue
            if isinstance(known := field.control.completer(), Suggestions):
                known.offer(lists[field.key])
            else:
                offered = Suggestions(field.control, lists[field.key], self._phrases)
                offered.activated.connect(partial(self.changed.emit, field.key))

    def _add(self, key: str, declared: Setting, value: object, place: QVBoxLayout) -> None:
        field = SettingField(key, declared, value, "", self._phrases)
        field.changed.connect(self.changed)
        self.all.append(field)
        place.addWidget(field)

    def _in_order(self) -> list[SettingField]:
        found = []
        for layout in (self._form, self._rare):
            for number in range(layout.count()):
                item = layout.itemAt(number)
                if item is not None and isinstance(field := item.widget(), SettingField):
                    found.append(field)
        return found

    def _bring_out(self, field: SettingField) -> None:
        """This one alone: the other rare ones are well enough."""
        if self._is_rare(field):
            self._rare.removeWidget(field)
            self._form.addWidget(field)
            field.show()

    def _is_rare(self, field: SettingField) -> bool:
        return self._rare.indexOf(field) >= 0

    def _warn_of_what_is_not_kept(self) -> None:
        """Before anything is filled in: a password that no keychain takes would be typed in vain."""
        self._tell_of_keychain(True)
        if any(field.setting.kind == "secret" and not self._is_rare(field) for field in self.all):
            self._bridge.background(
                self._session.setup.keeps_secrets, while_alive(self, self._tell_of_keychain), lambda _: None
            )

    def _tell_of_keychain(self, keeps: bool) -> None:
        self.keeps = keeps
        if self.unkept.tell("" if keeps else unkept_words()):
            self.moved.emit()


def unkept_words() -> str:
    return say(
        "No keychain is open on this computer, so a password or key cannot be kept. Open one (GNOME Keyring or "
        "KWallet; logging in to the desktop anew often does it) and start Testigo again, or ask whoever looks after "
        "this computer."
    )


def emptied(layout: QVBoxLayout) -> None:
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.setParent(None)
            widget.deleteLater()
