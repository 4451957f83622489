"""The settings: list left, a form made from the declarations right; each change holds at once."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from client.session import Session
from client.settings import OPTIONS, SettingsFault
from client.terms import spoken_rules, stored_rules
from client.ui import look
from client.ui.bridge import Bridge
from client.ui.buttons import LinkButton, PlainButton
from client.ui.icons import icon
from client.ui.pieces import Caution, Label
from client.ui.place_fields import PlaceField
from client.ui.rows import Row, RowList
from client.ui.setting_fields import SettingField
from client.words import say, sentence
from uploader.errors import UploaderError

PAGES = ("general", "hotkeys", "capture", "recording", "report", "sending", "sla")
PLACES = ("desk", "share")
RULES = "report.rules"
ALSO = {"sharing": "sending", "articles": "report", "contact": "sla", "coverage": "sla", "network": "sending"}
"""Sections that have no page of their own, and where they stand."""


class SettingsWindow(QWidget):
    """``changed`` after every change that is written, also by another program."""

    changed = Signal()
    connect_wanted = Signal()

    def __init__(self, session: Session, bridge: Bridge) -> None:
        super().__init__(None)
        self._session, self._bridge = session, bridge
        self._phrases = look.Phrases(self)
        self.search, self.list = QLineEdit(), RowList(soft=True)
        self.fields: list[SettingField] = []
        self.places: list[PlaceField] = []
        self._begun = dict[str, str]()
        self._section, self._shown = PAGES[0], session.settings
        self._scroll = QScrollArea()
        self.fault, self.open_file = Caution(), LinkButton()
        self._build()
        tell = self._phrases.tell
        tell(self.setWindowTitle, lambda: say("Settings"))
        tell(self.search.setPlaceholderText, lambda: say("Search"))
        tell(self.search.setAccessibleName, lambda: say("Search the settings"))
        tell(self.list.setAccessibleName, lambda: say("Pages"))
        tell(self.open_file.setText, lambda: say("Open the file"))
        tell(lambda _: self._show_pages(), lambda: "")
        self.search.textChanged.connect(self._searched)
        self.list.currentRowChanged.connect(self._choose_page)
        self.open_file.clicked.connect(self._open)
        self.list.setCurrentRow(0)
        self._show_page()
        self.resize(look.sized(760), look.sized(540))
        self.setMinimumSize(look.sized(560), look.sized(360))

    # -- within -----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.search.addAction(icon("search"), QLineEdit.ActionPosition.LeadingPosition)
        self.search.setClearButtonEnabled(False)
        side = QWidget()
        side.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        side.setProperty("side", True)
        side.setFixedWidth(look.sized(200))
        left = QVBoxLayout(side)
        left.setContentsMargins(look.XS, look.M, look.XS, look.M)  # the list's own sides make it up
        left.setSpacing(look.S)
        top = QVBoxLayout()
        top.setContentsMargins(look.S, 0, look.S, 0)
        top.addWidget(self.search)
        left.addLayout(top)
        left.addWidget(self.list, 1)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.viewport().setAutoFillBackground(False)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.fault.add(self.open_file)
        head = QVBoxLayout()
        head.setContentsMargins(look.XL, look.L, look.XL, 0)
        head.addWidget(self.fault)
        sheet = QWidget()
        sheet.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        sheet.setProperty("raised", True)
        right = QVBoxLayout(sheet)
        right.setContentsMargins(0, 0, 0, 0)
        right.addLayout(head)
        right.addWidget(self._scroll, 1)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(side)
        whole.addWidget(sheet, 1)

    def _show_pages(self) -> None:
        self.list.blockSignals(True)
        self.list.show_rows([Row(key, page_word(key)) for key in PAGES])
        self.list.blockSignals(False)
        self._show_fault()

    def _choose_page(self, number: int) -> None:
        """A page chosen while something is searched ends the search."""
        if number >= 0:
            self._section = PAGES[number]
            self.search.clear()
            self._show_page()

    def _searched(self, words: str) -> None:
        """What is found comes from all pages, so none of them is the chosen one."""
        self.list.blockSignals(True)
        self.list.setCurrentRow(-1 if words.strip() else PAGES.index(self._section))
        self.list.blockSignals(False)
        self._show_page()

    def _show_fault(self) -> None:
        fault = self._session.settings.fault
        words = say("A setting in the file is wrong. Until it is corrected, the last good settings hold.")
        self.fault.tell(f"{words}\n{fault}" if fault else "")

    def _show_page(self) -> None:
        """The chosen page; while something is searched, whatever matches from all pages."""
        self._shown = self._session.settings
        words, section = self.search.text().strip(), self._section
        page = QWidget()
        phrases = look.Phrases(page)
        form = QVBoxLayout(page)
        form.setContentsMargins(look.XL, look.L, look.XL, look.XL)
        form.setSpacing(look.L)
        title = Label(size="title", strong=True)
        phrases.tell(title.setText, lambda: say("Search") if words else page_word(section))
        form.addWidget(title)
        self.fields, self.places = [], []
        if section == "report" and not words:
            self._add_places(form, phrases, PLACES)
        self._add_fields(form, phrases, words, section)
        if words and not self.fields and not self.places:
            nothing = Label("quiet", wrap=True)
            phrases.tell(nothing.setText, lambda: say("No setting has these words."))
            form.addWidget(nothing)
        form.addStretch()
        self._scroll.setWidget(page)
        page.setAutoFillBackground(False)

    def _add_fields(self, form: QVBoxLayout, phrases: look.Phrases, words: str, section: str) -> None:
        values = {value.key: value for value in self._session.settings.values}
        for key, option in OPTIONS.items():
            now, is_place = values[key], key.removeprefix("report.") in PLACES
            page = ALSO.get(key.partition(".")[0], key.partition(".")[0])
            if option.policy_only or (not words and page != section) or (is_place and not words):
                continue
            value = spoken_rules(str(now.value)) if key == RULES else now.value
            field = SettingField(key, option, value, now.origin, phrases, locked=now.locked)
            if words and not field.matches(words, page_word(page)):
                field.deleteLater()
                continue
            if is_place:  # as on its own page: chosen from a list, not written
                field.deleteLater()
                self._add_places(form, phrases, (key.removeprefix("report."),))
                continue
            field.changed.connect(self._change)
            self.fields.append(field)
            form.addWidget(field)

    def _add_places(self, form: QVBoxLayout, phrases: look.Phrases, which: tuple[str, ...]) -> None:
        if "desk" in which and not self._session.settings.lock("report.desk"):
            connect, row = PlainButton(), QHBoxLayout()
            phrases.tell(connect.setText, lambda: say("Connect a help desk…"))
            connect.clicked.connect(self.connect_wanted)
            row.addWidget(connect)
            row.addStretch()
            form.addLayout(row)
        for what in which:
            place = PlaceField(what, self._session, self._bridge, phrases, self._begun.get(what, ""))  # type: ignore[arg-type]
            place.changed.connect(self._changed)
            place.rebuilt.connect(self._rebuild, Qt.ConnectionType.QueuedConnection)
            self.places.append(place)
            form.addWidget(place)

    def _rebuild(self) -> None:
        """The page anew; the keyboard stays where it was, or comes to the first place, whose button led to it."""
        focus, at, key = self.focusWidget(), -1, ""
        if focus is not None and self._scroll.isAncestorOf(focus):
            at = 0
        for number, place in enumerate(self.places):
            if focus is not None and place.isAncestorOf(focus):
                at, key = number, next((field.key for field in place.fields if field.control is focus), "")
        self._begun |= {place.what: place.begun for place in self.places}
        self._show_page()
        if 0 <= at < len(self.places):
            new = self.places[at]
            control = next((field.control for field in new.fields if key and field.key == key), new.choice)
            control.setFocus(Qt.FocusReason.TabFocusReason)

    def _change(self, key: str, value: object) -> None:
        try:
            if key == RULES:
                value = stored_rules(str(value))
                self._session.places.check_rules(value)
            self._session.support.check(key, str(value))
            self._session.change({key: value})
        except (SettingsFault, UploaderError, OSError) as error:
            for field in self.fields:
                if field.key == key:
                    field.refuse(sentence(error))
            self._show_fault()
        else:
            self._changed()

    def _changed(self) -> None:
        self._shown = self._session.settings
        self._show_fault()
        self.changed.emit()

    def _open(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._session.paths.settings_file)))

    # -- events -----------------------------------------------------------------------------------------------

    def changeEvent(self, event: QEvent) -> None:
        """Whoever comes back from the editor finds the file as it is now."""
        super().changeEvent(event)
        if event.type() != QEvent.Type.ActivationChange or not self.isActiveWindow():
            return
        if self._session.reload() != self._shown:
            self._rebuild()
            self._changed()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.search.clear() if self.search.text() else self.close()
        elif event.matches(QKeySequence.StandardKey.Find):
            self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        elif event.key() == Qt.Key.Key_Down and self.search.hasFocus():
            self.list.setFocus(Qt.FocusReason.TabFocusReason)
        else:
            super().keyPressEvent(event)


def page_word(page: str) -> str:
    return {
        "general": say("General"),
        "hotkeys": say("Keys"),
        "capture": say("Capture"),
        "recording": say("Recording"),
        "report": say("Reports"),
        "sending": say("Transfers"),
        "sla": say("Service"),
    }[page]
