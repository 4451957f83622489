"""Connecting the company's help desk: type its address, fill in what it wants to know, see each step work, done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtCore import Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QCloseEvent, QDesktopServices, QKeyEvent
from PySide6.QtWidgets import QCompleter, QFrame, QHBoxLayout, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from client.places import SENDER
from client.secrets import NoKeychain
from client.session import Session
from client.settings import OPTIONS, SettingsFault
from client.setup import Recognised, Search, step_fault, step_words
from client.ui import look
from client.ui.alive import while_alive
from client.ui.bridge import Bridge
from client.ui.buttons import FlushLink, PlainButton, PrimaryButton, QuietButton
from client.ui.pieces import Choice, Divider, Label, Panel, StateLabel
from client.ui.placing import grow
from client.ui.setting_fields import SettingField, fill_choice
from client.words import detail, say, sentence
from uploader.probe import Step
from uploader.setting import Secret
from uploader.ticket import Choice as Entry

ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
MINE = ("general.name", "general.mail")
"""What every desk wants to know of the user; asked once, with the first desk."""


class DeskWizard(QWidget):
    """``connected(name)`` when a desk was kept."""

    connected = Signal(str)

    def __init__(self, session: Session, bridge: Bridge) -> None:
        super().__init__(None)
        self._session, self._bridge = session, bridge
        self._phrases = look.Phrases(self)
        self._kind, self._values = "", dict[str, object]()
        self._works, self._walked = False, tuple[Step, ...]()
        self.address, self.look_up = QLineEdit(), PlainButton()
        self.found, self.kind = Label(wrap=True), Choice()
        self.fields: list[SettingField] = []
        self._form, self._rare, self._steps = QVBoxLayout(), QVBoxLayout(), QVBoxLayout()
        self.more = FlushLink()
        self.note = Label("quiet", wrap=True)
        self.sign_in, self.cancel, self.go = FlushLink("external-link"), QuietButton(), PrimaryButton()
        self._build()
        self._speak()
        self.look_up.clicked.connect(self._find_or_stop)
        self.address.returnPressed.connect(self._recognise)
        self.address.textEdited.connect(lambda _: self._typed_anew())
        self.kind.activated.connect(lambda _: self._choose(str(self.kind.currentData())))
        self.sign_in.clicked.connect(self._sign_in)
        self.more.clicked.connect(self._show_rare)
        self.cancel.clicked.connect(self.close)
        self.go.clicked.connect(self._go_on)
        self._show_state()
        self.resize(look.sized(520), look.sized(300))
        self.setMinimumSize(look.sized(420), look.sized(260))

    # -- within -----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self._inner = QWidget()
        column = self._column = QVBoxLayout(self._inner)
        column.setContentsMargins(look.XL, look.XL, look.XL, look.L)
        column.setSpacing(look.M)
        self._intro, self._address_label = Label("quiet", wrap=True), Label()
        self._address_label.setBuddy(self.address)
        row, typed = QHBoxLayout(), QVBoxLayout()
        row.setSpacing(look.S)
        row.addWidget(self.address, 1)
        row.addWidget(self.look_up)
        typed.setSpacing(look.XS)
        typed.addWidget(self._address_label)
        typed.addLayout(row)
        column.addWidget(self._intro)
        column.addLayout(typed)
        column.addWidget(self.found)
        column.addWidget(self.kind, 0, Qt.AlignmentFlag.AlignLeft)
        self._panel = Panel()
        inner = QVBoxLayout(self._panel)
        inner.setContentsMargins(look.L, look.L, look.L, look.L)
        inner.setSpacing(look.M)
        self._form.setSpacing(look.M)
        inner.addLayout(self._form)
        self._hidden = QWidget()
        self._hidden.setLayout(self._rare)
        self._rare.setContentsMargins(0, 0, 0, 0)
        self._rare.setSpacing(look.M)
        inner.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)
        inner.addWidget(self._hidden)
        inner.addWidget(self.sign_in, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._panel)
        self._steps.setSpacing(look.XS)
        column.addLayout(self._steps)
        column.addWidget(self.note)
        column.addStretch()
        self._build_foot()
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self._scroll, 1)
        whole.addWidget(Divider())
        whole.addWidget(self._foot)

    def _build_foot(self) -> None:
        scroll = self._scroll = QScrollArea()
        scroll.setWidget(self._inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._foot = QWidget()
        foot = QHBoxLayout(self._foot)
        foot.setContentsMargins(look.XL, look.M, look.XL, look.M)
        foot.addStretch()
        foot.addWidget(self.cancel)
        foot.addWidget(self.go)

    def _speak(self) -> None:
        tell, name = self._phrases.tell, self._phrases.name
        tell(self.setWindowTitle, lambda: say("Connect a help desk"))
        tell(self._intro.setText, lambda: say("Where does your company take reports? An address of its web page, or "
                                              "the e-mail of the help desk."))  # fmt: skip
        tell(self._address_label.setText, lambda: say("Address"))
        name(self.address, lambda: say("Address"))
        tell(self.look_up.setText, lambda: say("Stop") if self._search else say("Find"))
        tell(self.kind.setAccessibleName, lambda: say("Kind of service"))
        tell(self.sign_in.setText, lambda: say("Sign in…"))
        tell(self.cancel.setText, lambda: say("Cancel"))
        tell(self.more.setText, lambda: say("More settings"))
        titles = self._session.places.titles("desk")
        words = {"": lambda: say("Choose the kind of help desk…")}
        words |= {kind: partial(detail, title, {}) for kind, title in titles.items() if kind != "folder"}
        fill_choice(self.kind, words, self._phrases)
        tell(lambda _: self._show_steps(self._walked) if self._walked else self._show_state(), lambda: "")

    def _show_state(self) -> None:
        known = bool(self._kind)
        self._panel.setVisible(known)
        self.go.setText(say("Use this help desk") if self._works else say("Check"))
        self.go.setEnabled(known)
        self.sign_in.setVisible(known and self._signs_in())
        self.kind.setVisible(bool(self.found.text()) and not self._recognised)
        QTimer.singleShot(0, while_alive(self, self._grow))

    _recognised = False
    _search: Search | None = None

    def _signs_in(self) -> bool:
        return self._session.setup.signs_in(self._kind, self._values)

    def _recognise(self) -> None:
        typed = self.address.text().strip()
        if not typed:
            self.address.setFocus()
            return
        self._typed_anew()
        self.found.setText(say("Looking…"))
        search = self._search = self._session.setup.search(typed)
        self.look_up.setText(say("Stop"))

        def ended(then: Callable[[], object]) -> None:
            if search is self._search:  # else it was stopped
                self._stop()
                then()

        self._bridge.background(
            search.run,
            while_alive(self, lambda found: ended(partial(self._show_found, found))),
            while_alive(self, lambda error: ended(partial(self._failed, error))),
        )

    def _find_or_stop(self) -> None:
        if self._search is None:
            self._recognise()
        else:
            self._typed_anew()
            self.address.setFocus()

    def _stop(self) -> None:
        """Nothing more is asked for the address that was typed before."""
        if self._search is not None:
            self._search.stop()
            self._search = None
            self.look_up.setText(say("Find"))

    def _typed_anew(self) -> None:
        """Another address: what was found for the old one is gone."""
        self._stop()
        self._kind, self._recognised = "", False
        self.found.setText("")
        _empty(self._steps)
        self.note.setText("")
        self._show_state()

    def _show_found(self, found: Recognised) -> None:
        self._recognised = bool(found.kind)
        if found.kind:
            self.found.setText(say("Recognised: {title}.", title=detail(found.title, {})))
            self._fill(found.kind, found.values)
            return
        why = f"{found.trouble.rstrip('.')}. " if found.trouble else ""
        self.found.setText(why + say("It was not recognised. If you know what it is, choose it."))
        self._kind = ""
        self.kind.setCurrentIndex(0)
        self._show_state()

    def _choose(self, kind: str) -> None:
        if kind:
            typed = self.address.text().strip()
            given = {"address": typed} if "@" in typed else {"url": typed if "://" in typed else f"https://{typed}"}
            known = {declared.name for declared in self._session.setup.declared(kind)}
            self._fill(kind, {name: value for name, value in given.items() if name in known and typed})

    def _fill(self, kind: str, values: Mapping[str, str]) -> None:
        self._kind, self._values, self._works, self._walked = kind, dict(values), False, ()
        for layout in (self._form, self._rare, self._steps):
            _empty(layout)
        self._hidden.hide()
        self.note.setText("")
        self.fields = []
        mine = self._session.settings.general
        for declared in self._session.setup.declared(kind):
            default = "" if declared.default is None or declared.kind == "secret" else declared.default
            rare = declared.rare
            if declared.name == SENDER:  # asked for once: as the user's own, or with that already in it
                default, rare = mine.mail, not mine.mail
            self._add(declared.name, declared, values.get(declared.name, default), self._rare if rare else self._form)
        self.more.setVisible(self._rare.count() > 0)
        for key, known in zip(MINE, (mine.name, mine.mail), strict=True):
            if not known:
                self._add(key, OPTIONS[key], "", self._form)
        empty = [f for f in self.fields if not f.setting.rare and f.key not in values]
        empty.sort(key=lambda f: (not f.setting.required, f.setting.kind != "secret"))  # what cannot be left out first
        for field in (empty or self.fields)[:1]:
            field.control.setFocus(Qt.FocusReason.TabFocusReason)
        self._show_state()

    def _show_rare(self) -> None:
        self._hidden.show()
        self.more.hide()
        self._show_state()

    def _add(self, key: str, declared: object, value: object, place: QVBoxLayout) -> None:
        field = SettingField(key, declared, value, "", self._phrases)  # type: ignore[arg-type]
        field.changed.connect(self._take)
        self.fields.append(field)
        place.addWidget(field)

    def _take(self, key: str, value: object) -> None:
        field = next(field for field in self.fields if field.key == key)
        self._values[key] = Secret(str(value)) if field.setting.kind == "secret" else value
        self._works = False
        self._show_state()
        if key == "mode" and self._signs_in():
            self._show_rare()  # the app that is signed in by

    def _wanted(self) -> dict[str, object]:
        return {key: value for key, value in self._values.items() if "." not in key and value not in ("", None)}

    def _go_on(self) -> None:
        for field in self.fields:  # what is still being typed counts
            if isinstance(field.control, QLineEdit) and field.control.hasFocus():
                field.control.editingFinished.emit()
            field.refuse("")
        if self._works:
            self._keep()
            return
        self.note.setText(say("Checking…"))
        self.go.setEnabled(False)
        mail = str(self._values.get("general.mail") or self._session.settings.general.mail)
        work = partial(self._session.setup.try_out, self._kind, self._wanted(), mail)
        self._bridge.background(work, while_alive(self, self._show_steps), while_alive(self, self._failed))

    def _show_steps(self, steps: tuple[Step, ...]) -> None:
        self._walked = steps
        _empty(self._steps)
        for step in steps:
            line = StateLabel("ok" if step.ok else "bad")
            line.setWordWrap(True)
            line.setText(step_words(step))
            self._steps.addWidget(line)
        self._works = all(step.ok for step in steps)
        self.note.setText(say("It works.") if self._works else say("Correct this and check again."))
        self._offer_lists()
        self._show_state()
        led = None if self._works else self._lead_to(steps[-1])
        if self._works:
            self.go.setFocus()
        QTimer.singleShot(50, while_alive(self, lambda: self._scroll.ensureWidgetVisible(led or self.note)))

    def _lead_to(self, step: Step) -> QWidget | None:
        """The field that is wrong, as far as the step tells: its own, the secret, or the address. It says why."""
        secrets = [field for field in self.fields if field.setting.kind == "secret" and not field.setting.rare]
        places = [field for name in ("url", "server", "address") for field in self.fields if field.key == name]
        named = [field for field in self.fields if field.key == step.field]
        for field in (named or (secrets if step.name in ("login", "right") else places))[:1]:
            if field.setting.rare:
                self._show_rare()
            field.control.setFocus(Qt.FocusReason.TabFocusReason)
            if isinstance(field.control, QLineEdit):
                field.control.selectAll()
            field.refuse(step_fault(step))
            return field
        return None

    def _offer_lists(self) -> None:
        """What the desk lets choose from is offered while typing: queues, projects, kinds."""
        wanted, kind = self._wanted(), self._kind
        for field in self.fields:
            if isinstance(field.control, QLineEdit) and field.setting.kind == "text" and "." not in field.key:
                work = partial(self._session.setup.choices, kind, wanted, field.key)
                self._bridge.background(work, while_alive(self, partial(_offer, field.control)), lambda _: None)

    def _sign_in(self) -> None:
        self.note.setText(say("Go on in the browser…"))

        def show(url: str) -> None:
            self._bridge.later(lambda: QDesktopServices.openUrl(QUrl(url)))

        def done(given: Mapping[str, str]) -> None:
            self._values |= {name: Secret(value) for name, value in given.items()}
            self.note.setText(say("You are signed in."))

        work = partial(self._session.setup.sign_in, self._kind, self._wanted(), show)
        self._bridge.background(work, while_alive(self, done), while_alive(self, self._failed))

    def _keep(self) -> None:
        mine = {key: value for key, value in self._values.items() if key in MINE and value}
        try:
            name = self._session.setup.name_for(self._kind, self._values, self._session.settings)
            changes = self._session.setup.changes(name, self._kind, self._wanted(), chosen=True)
            self._session.change({**changes, **mine})
        except (NoKeychain, SettingsFault, OSError) as error:
            self._failed(error)
            return
        self._session.polling.start()
        self.connected.emit(name)
        self.close()

    def _failed(self, error: Exception) -> None:
        self.note.setText(sentence(error))
        self._show_state()

    def _grow(self) -> None:
        self._column.activate()
        column = self._column
        height = column.totalHeightForWidth(self.width()) if column.hasHeightForWidth() else column.sizeHint().height()
        grow(self, height + 1 + self._foot.sizeHint().height())

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._search is not None:
            self._typed_anew()
        super().closeEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        elif event.key() in ENTER and not self.address.hasFocus():
            self.go.click()
        else:
            super().keyPressEvent(event)


def _offer(field: QLineEdit, entries: tuple[Entry, ...]) -> None:
    if entries:
        completer = QCompleter([entry.value for entry in entries], field)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        field.setCompleter(completer)
        field.setToolTip("\n".join(f"{entry.value}  {entry.title}".strip() for entry in entries[:20]))


def _empty(layout: QVBoxLayout) -> None:
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.setParent(None)
            widget.deleteLater()
