"""Connecting the company's help desk: type its address, fill in what it wants to know, see each step work, done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import Literal

from PySide6.QtCore import Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QCloseEvent, QDesktopServices, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from client.secrets import NoKeychain, unkept
from client.session import Session
from client.settings import SettingsFault
from client.setup import Recognised, Search, next_words, step_words
from client.ui import look
from client.ui.alive import while_alive
from client.ui.bridge import Bridge
from client.ui.buttons import FlushLink, PlainButton, PrimaryButton, QuietButton
from client.ui.desk_fields import MINE, DeskFields, emptied
from client.ui.pieces import Choice, Divider, Label, StateLabel, Tick
from client.ui.placing import grow
from client.ui.question import ask_once
from client.ui.setting_fields import SettingField, fill_choice
from client.words import detail, say, sentence
from uploader.probe import Step
from uploader.setting import Secret

ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


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
        self.found, self.other, self.kind = Label(wrap=True), FlushLink(), Choice()
        self._panel, self._steps = DeskFields(session, bridge, self._phrases), QVBoxLayout()
        self.more, self.sign_in, self.unkept = self._panel.more, self._panel.sign_in, self._panel.unkept
        self.note, self.usual = Label("quiet", wrap=True), Tick()
        self.usual.setChecked(not session.settings.desks)
        self.cancel, self.go = QuietButton(), PrimaryButton()
        self.kind.letters_open = True
        self._build()
        self._speak()
        self.look_up.clicked.connect(self._find_or_stop)
        self.address.returnPressed.connect(self._recognise)
        self.address.textEdited.connect(lambda _: self._typed_anew())
        self.other.clicked.connect(self._choose_anew)
        self.kind.activated.connect(lambda _: self._choose(str(self.kind.currentData())))
        self.sign_in.clicked.connect(self._sign_in)
        self._panel.changed.connect(self._take)
        self._panel.moved.connect(self._show_state)
        self.cancel.clicked.connect(self._leave)
        self.go.clicked.connect(self._go_on)
        self._show_state()
        self.resize(look.sized(520), look.sized(300))
        self.setMinimumSize(look.sized(420), look.sized(260))

    @property
    def fields(self) -> list[SettingField]:
        return self._panel.all

    # -- within -----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self._inner = QWidget()
        column = self._column = QVBoxLayout(self._inner)
        column.setContentsMargins(look.XL, look.XL, look.XL, look.L)
        column.setSpacing(look.M)
        self._intro, self._address_label = Label("quiet", wrap=True), Label()
        self._address_label.setBuddy(self.address)
        row, typed, known = QHBoxLayout(), QVBoxLayout(), QHBoxLayout()
        for each in (row, known):
            each.setSpacing(look.S)
        row.addWidget(self.address, 1)
        row.addWidget(self.look_up)
        typed.setSpacing(look.XS)
        typed.addWidget(self._address_label)
        typed.addLayout(row)
        column.addWidget(self._intro)
        column.addLayout(typed)
        known.addWidget(self.found, 1)
        known.addWidget(self.other)
        column.addLayout(known)
        column.addWidget(self.kind, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._panel)
        self._steps.setSpacing(look.XS)
        column.addLayout(self._steps)
        column.addWidget(self.note)
        column.addWidget(self.usual)
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
        scroll.verticalScrollBar().rangeChanged.connect(lambda *_: self._look())
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
        tell(self.other.setText, lambda: say("It is something else…"))
        tell(self.kind.setAccessibleName, lambda: say("Kind of service"))
        tell(self.usual.setText, lambda: say("Send new reports here"))
        tell(self.cancel.setText, lambda: say("Cancel"))
        titles = self._session.places.titles("desk")
        words = {"": lambda: say("Choose the kind of help desk…")}
        words |= {kind: partial(detail, title, {}) for kind, title in titles.items() if kind != "folder"}
        fill_choice(self.kind, words, self._phrases)
        tell(lambda _: self._show_steps(self._walked) if self._walked else self._show_state(), lambda: "")

    def _show_state(self) -> None:
        secrets = [value for value in self._values.values() if isinstance(value, Secret)]
        if self._works and secrets and not self._panel.keeps and not self._is_vain:
            self._refuse(unkept(self._name()))
            return
        known = bool(self._kind)
        self._panel.setVisible(known)
        self.go.setText(say("Use this help desk") if self._works else say("Check"))
        self.go.setEnabled(known and not (self._works and self._is_vain))
        self.sign_in.setVisible(known and self._signs_in())
        self.other.setVisible(known and not self._chooses)
        self.kind.setVisible(self._chooses)
        self.usual.setVisible(self._works and not self._session.settings.lock("report.desk"))
        QTimer.singleShot(0, while_alive(self, self._grow))

    _chooses = _has_typed = _is_vain = False
    """Whether the kind is the user's to choose, there is something to lose, and nothing can be kept."""
    _search: Search | None = None
    _looked_at: tuple[QWidget, ...] = ()

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
        self._kind, self._chooses, self._looked_at = "", False, ()
        self.found.set_tone("text")
        self.found.setText("")
        emptied(self._steps)
        self._tell("")
        self._show_state()

    def _show_found(self, found: Recognised) -> None:
        if found.kind:
            self.found.setText(say("Recognised: {title}.", title=detail(found.title, {})))
            self._fill(found.kind, found.values)
            return
        if found.no_way:
            self.found.set_tone("bad")
            self.found.setText(found.trouble)
            self.address.setFocus()
            self.address.selectAll()
            self._show_state()
            return
        why = f"{found.trouble.rstrip('.')}. " if found.trouble else ""
        self.found.set_tone("bad" if why else "text")
        self.found.setText(why + say("It was not recognised. If you know what it is, choose it."))
        self._kind, self._chooses = "", True
        self.kind.setCurrentIndex(0)
        self._show_state()

    def _choose_anew(self) -> None:
        """What was recognised is not what is meant."""
        self._chooses = True
        self.kind.setCurrentIndex(self.kind.findData(self._kind))
        self.found.setText(say("Choose what it is."))
        self._show_state()
        self.kind.setFocus(Qt.FocusReason.TabFocusReason)

    def _choose(self, kind: str) -> None:
        self.found.set_tone("text")  # it is dealt with
        typed = self.address.text().strip()
        given = {"address": typed} if "@" in typed else {"url": typed if "://" in typed else f"https://{typed}"}
        known = {declared.name for declared in self._session.setup.declared(kind)} if kind else set[str]()
        self._fill(kind, {name: value for name, value in given.items() if name in known and typed})

    def _fill(self, kind: str, values: Mapping[str, str]) -> None:
        self._kind, self._values, self._works, self._walked = kind, dict(values), False, ()
        self._has_typed, self._looked_at = False, ()
        emptied(self._steps)
        self._tell("")
        if kind:
            self._panel.fill(kind, values)
            self._put_in_order()
            self._show_state()
            self._panel.begin()
        else:
            self._show_state()

    def _put_in_order(self) -> None:
        """The Tab key goes as the eye does, and to the buttons last."""
        head, foot = (self.address, self.look_up, self.other, self.kind), (self.usual, self.cancel, self.go)
        steps = (*head, *self._panel.steps_by_key(), *foot)
        for before, after in pairwise(steps):
            QWidget.setTabOrder(before, after)

    def _take(self, key: str, value: object) -> None:
        field = next(field for field in self.fields if field.key == key)
        self._values[key] = Secret(str(value)) if field.setting.kind == "secret" else value
        self._works, self._has_typed, self._looked_at = False, True, ()
        self._show_state()
        if key == "mode" and self._signs_in():
            self._panel.show_rare()  # the app that is signed in by
        if field.setting.kind == "secret":  # now it may tell what there is
            self._panel.offer_lists(self._kind, self._wanted())

    def _wanted(self) -> dict[str, object]:
        return {key: value for key, value in self._values.items() if "." not in key and value not in ("", None)}

    def _go_on(self) -> None:
        self._panel.settle()
        if self._works:
            self._keep()
            return
        self._tell(say("Checking…"))
        self.go.setEnabled(False)
        known = self._session.settings.general
        name, mail = (
            str(self._values.get(key) or own) for key, own in zip(MINE, (known.name, known.mail), strict=True)
        )
        work = partial(self._session.setup.try_out, self._kind, self._wanted(), mail, name)
        self._bridge.background(work, while_alive(self, self._show_steps), while_alive(self, self._failed))

    def _show_steps(self, steps: tuple[Step, ...]) -> None:
        self._walked = steps
        emptied(self._steps)
        for step in steps:
            line = StateLabel("ok" if step.ok else "bad")
            line.setWordWrap(True)
            line.setText(step_words(step))
            self._steps.addWidget(line)
        self._works, self._is_vain = all(step.ok for step in steps), False
        self._tell(say("It works.") if self._works else next_words(steps[-1]))
        self._panel.offer_lists(self._kind, self._wanted())
        self._show_state()
        led = None if self._works else self._panel.lead_to(steps[-1])
        self._put_in_order()
        if self._works:
            self.go.setFocus()
        self._looked_at = (self.note, *([led] if led else []))  # just above the note the step that failed
        self._look()

    def _look(self) -> None:
        """Also whenever the page gets its height, which it does bit by bit."""
        for widget in self._looked_at:
            self._scroll.ensureWidgetVisible(widget)

    def _sign_in(self) -> None:
        self._tell(say("Go on in the browser…"))

        def show(url: str) -> None:
            self._bridge.later(lambda: QDesktopServices.openUrl(QUrl(url)))

        def done(given: Mapping[str, str]) -> None:
            self._values |= {name: Secret(value) for name, value in given.items()}
            self._tell(say("You are signed in."))
            self._panel.offer_lists(self._kind, self._wanted())

        work = partial(self._session.setup.sign_in, self._kind, self._wanted(), show)
        self._bridge.background(work, while_alive(self, done), while_alive(self, self._failed))

    def _keep(self) -> None:
        mine = {key: value for key, value in self._values.items() if key in MINE and value}
        try:
            name = self._name()
            changes = self._session.setup.changes(
                name, self._kind, self._wanted(), self._session.settings, chosen=self._is_usual()
            )
            self._session.change({**changes, **mine})
        except NoKeychain as error:
            self._refuse(error)
            return
        except (SettingsFault, OSError) as error:
            self._failed(error)
            return
        self._session.polling.start()
        self.connected.emit(name)
        self.close()

    def _name(self) -> str:
        return self._session.setup.name_for(self._kind, self._values, self._session.settings)

    def _is_usual(self) -> bool:
        return self.usual.isChecked() and not self._session.settings.lock("report.desk")

    def _leave(self) -> None:
        """Closes; what was typed is not lost by one key."""
        if not (self._has_typed or self._panel.being_typed):
            self.close()
            return
        ask_once(
            self, say("Discard"), say("Discard what you have typed?"), say("The help desk is not connected yet."),
            self.close, say("Go on"),
        )  # fmt: skip

    def _failed(self, error: Exception) -> None:
        self._tell(sentence(error), "bad")
        self._show_state()

    def _refuse(self, error: NoKeychain) -> None:
        """It works and cannot be kept. Where no keychain is, trying again is in vain."""
        self._is_vain = not self._session.setup.keeps_secrets()
        self._failed(error)

    def _tell(self, words: str, tone: Literal["quiet", "bad"] = "quiet") -> None:
        self.note.set_tone(tone)
        self.note.setText(words)

    def _grow(self) -> None:
        self._column.activate()
        column = self._column
        height = column.totalHeightForWidth(self.width()) if column.hasHeightForWidth() else column.sizeHint().height()
        grow(self, height + 1 + self._foot.sizeHint().height())

    def closeEvent(self, event: QCloseEvent) -> None:
        if event.spontaneous() and (self._has_typed or self._panel.being_typed):  # by the window's own button
            event.ignore()
            self._leave()
            return
        if self._search is not None:
            self._typed_anew()
        super().closeEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._leave()
        elif event.key() in ENTER and not self.address.hasFocus():
            self.go.click()
        else:
            super().keyPressEvent(event)
