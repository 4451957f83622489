"""The settings: list left, a form made from the declarations right; each change holds at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from client.session import Session
from client.settings import OPTIONS, SettingsFault
from client.ui import look
from client.ui.bridge import Bridge
from client.ui.buttons import LinkButton, PlainButton
from client.ui.pieces import Choice, Label, OneLine, Panel
from client.ui.rows import Row, RowList
from client.ui.setting_fields import SettingField
from client.words import detail, reason, say

PAGES = ("general", "hotkeys", "capture", "recording", "report")


class SettingsWindow(QWidget):
    changed = Signal()

    def __init__(self, session: Session, bridge: Bridge) -> None:
        super().__init__(None)
        self._session, self._bridge = session, bridge
        self._phrases = look.Phrases(self)
        self.search, self.list = QLineEdit(), RowList(soft=True)
        self.fields: list[SettingField] = []
        self._page = QWidget()
        self._scroll = QScrollArea()
        self._fault, self._fault_words = Panel(warn=True), Label(wrap=True)
        self._build()
        tell = self._phrases.tell
        tell(self.setWindowTitle, lambda: say("Settings"))
        tell(self.search.setPlaceholderText, lambda: say("Search"))
        tell(self.search.setAccessibleName, lambda: say("Search the settings"))
        tell(self.list.setAccessibleName, lambda: say("Pages"))
        tell(lambda _: self._show_pages(), lambda: "")
        self.search.textChanged.connect(lambda _: self._show_page())
        self.list.currentRowChanged.connect(lambda _: self._show_page())
        self.list.setCurrentRow(0)
        self._show_page()
        self.resize(look.sized(760), look.sized(540))
        self.setMinimumSize(look.sized(520), look.sized(360))

    # -- within -----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        left = QVBoxLayout()
        left.setContentsMargins(look.M, look.M, look.S, look.M)
        left.setSpacing(look.S)
        left.addWidget(self.search)
        left.addWidget(self.list, 1)
        side = QWidget()
        side.setLayout(left)
        side.setFixedWidth(look.sized(220))
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        row = QHBoxLayout(self._fault)
        row.setContentsMargins(look.M, look.S, look.S, look.S)
        row.addWidget(self._fault_words, 1)
        self._open_file = LinkButton()
        self._phrases.tell(self._open_file.setText, lambda: say("Open the file"))
        self._open_file.clicked.connect(self._open)
        row.addWidget(self._open_file)
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.addWidget(self._scroll, 1)
        top = QVBoxLayout()
        top.setContentsMargins(look.XL, look.M, look.XL, 0)
        top.addWidget(self._fault)
        right.insertLayout(0, top)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(side)
        whole.addLayout(right, 1)

    def _show_pages(self) -> None:
        self.list.blockSignals(True)
        self.list.show_rows([Row(key, page_word(key)) for key in PAGES])
        self.list.blockSignals(False)
        self._show_fault()

    def _show_fault(self) -> None:
        fault = self._session.settings.fault
        self._fault_words.setText(say("{fault}. The last good settings hold.", fault=fault) if fault else "")
        self._fault.setVisible(bool(fault))

    def _show_page(self) -> None:
        """The chosen page; while something is searched, whatever matches from all pages."""
        words = self.search.text().strip()
        section = self.list.current_key() or PAGES[0]
        page, phrases = QWidget(), None
        phrases = look.Phrases(page)
        form = QVBoxLayout(page)
        form.setContentsMargins(look.XL, look.XL, look.XL, look.XL)
        form.setSpacing(look.L)
        title = Label(size="title", strong=True)
        phrases.tell(title.setText, lambda: say("Search") if words else page_word(section))
        form.addWidget(title)
        values = {value.key: value for value in self._session.settings.values}
        self.fields = []
        for key, option in OPTIONS.items():
            if key in ("report.desk", "report.share") and not words:
                continue
            field = SettingField(key, option, values[key].value, values[key].origin, phrases)
            field.changed.connect(self._change)
            if field.matches(words) if words else key.startswith(section + "."):
                self.fields.append(field)
                form.addWidget(field)
            else:
                field.deleteLater()
        if section == "report" and not words:
            form.insertWidget(1, self._place("desk", phrases))
            form.insertWidget(2, self._place("share", phrases))
        if words and not self.fields:
            nothing = Label("quiet")
            phrases.tell(nothing.setText, lambda: say("No setting has these words."))
            form.addWidget(nothing)
        form.addStretch()
        self._scroll.setWidget(page)

    def _place(self, what: str, phrases: look.Phrases) -> QWidget:
        """Which desk or share is used, and whether it works."""
        widget = QWidget()
        column = QVBoxLayout(widget)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(look.XS)
        label, choice, check, result = Label(), Choice(), PlainButton(), OneLine("quiet")
        names = self._session.desk_names() if what == "desk" else self._session.share_names()
        chosen = self._session.settings.report.desk if what == "desk" else self._session.settings.report.share
        title = OPTIONS[f"report.{what}"].title
        phrases.tell(label.setText, lambda: detail(title, {}))
        phrases.tell(choice.setAccessibleName, lambda: detail(title, {}))
        for name in names:
            choice.addItem(say("The folder on this computer") if name == "folder" else name, name)
        choice.setCurrentIndex(max(choice.findData(chosen), 0))
        choice.setMinimumWidth(look.sized(220))
        choice.activated.connect(lambda _: self._change(f"report.{what}", choice.currentData()))
        phrases.tell(check.setText, lambda: say("Check"))
        phrases.tell(check.setAccessibleName, lambda: say("Check: {what}", what=detail(title, {})))
        verb = self._session.check_desk if what == "desk" else self._session.check_share
        check.clicked.connect(lambda: self._check(partial(verb, choice.currentData()), result))
        row = QHBoxLayout()
        row.setSpacing(look.S)
        row.addWidget(choice)
        row.addWidget(check)
        row.addStretch()
        column.addWidget(label)
        column.addLayout(row)
        column.addWidget(result)
        return widget

    def _check(self, verb: Callable[[], None], result: OneLine) -> None:
        result.set_tone("quiet")
        result.setText(say("Checking…"))

        def works(_: object) -> None:
            result.set_tone("ok")
            result.setText(say("It works."))

        def fails(error: Exception) -> None:
            result.set_tone("bad")
            result.setText(reason(error))

        self._bridge.background(verb, works, fails)

    def _change(self, key: str, value: object) -> None:
        try:
            self._session.change({key: value})
        except (SettingsFault, OSError) as error:
            for field in self.fields:
                if field.key == key:
                    field.refuse(str(error))
            self._show_fault()
            return
        self._show_fault()
        self.changed.emit()

    def _open(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._session.paths.settings_file)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)


def page_word(page: str) -> str:
    return {
        "general": say("General"),
        "hotkeys": say("Keys"),
        "capture": say("Capture"),
        "recording": say("Recording"),
        "report": say("Reports"),
    }[page]
