"""One control per kind of setting, each with its label, help and origin below; made from the declaration alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLineEdit, QSpinBox, QVBoxLayout, QWidget

from client.ui import look
from client.ui.buttons import LinkButton
from client.ui.pieces import Choice, Label, Tick
from client.words import LANGUAGES, detail, say
from uploader.setting import Setting


class SettingField(QWidget):
    """Emits ``changed(key, value)`` for each change the user finished; ``refuse`` shows why one was not taken."""

    changed = Signal(str, object)

    def __init__(self, key: str, setting: Setting, value: object, origin: str, phrases: look.Phrases) -> None:
        super().__init__()
        self.key, self.setting = key, setting
        self.label, self._note = Label(), Label("faint", "small", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(look.XS)
        self.control, self._show = self._make(value)
        phrases.tell(self.control.setAccessibleName, lambda: detail(setting.title, {}))
        if isinstance(self.control, Tick):
            phrases.tell(self.control.setText, lambda: detail(setting.title, {}))
        else:
            phrases.tell(self.label.setText, lambda: detail(setting.title, {}))
            self.label.setBuddy(self.control)
            column.addWidget(self.label)
        column.addWidget(self.control, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._note)
        self._origin = origin
        phrases.tell(self._note.setText, self._words)
        self._note.setVisible(bool(self._words()))

    def matches(self, words: str) -> bool:
        """Whether the words of a search are in its title, help or key."""
        spoken = f"{detail(self.setting.title, {})} {detail(self.setting.help, {})} {self.key}".casefold()
        return all(word in spoken for word in words.casefold().split())

    def refuse(self, why: str) -> None:
        self._note.set_tone("bad" if why else "faint")
        self._note.setText(why or self._words())
        self._note.setVisible(bool(self._note.text()))

    def _words(self) -> str:
        parts = [detail(self.setting.help, {})] if self.setting.help else []
        if self._origin == "environment":
            parts.append(say("Set by the environment for this run."))
        elif self._origin == "flag":
            parts.append(say("Set by the command line for this run."))
        return " ".join(parts)

    def _say(self, value: object) -> None:
        self.refuse("")
        self.changed.emit(self.key, value)

    def _make(self, value: object) -> tuple[QWidget, Callable[[object], None]]:
        kind = self.setting.kind
        if kind == "flag":
            tick = Tick()
            tick.setChecked(bool(value))
            tick.toggled.connect(self._say)
            return tick, lambda new: tick.setChecked(bool(new))
        if kind == "choice":
            return self._make_choice(value)
        if kind == "number":
            whole = isinstance(self.setting.default, int)
            box: QSpinBox | QDoubleSpinBox = QSpinBox() if whole else QDoubleSpinBox()
            box.setRange(self.setting.least or 0, self.setting.most or 10**6)  # type: ignore[arg-type]
            if isinstance(box, QDoubleSpinBox):
                box.setDecimals(1)
            box.setValue(value)  # type: ignore[arg-type]
            box.setFixedWidth(look.sized(110))
            box.setKeyboardTracking(False)
            box.valueChanged.connect(self._say)
            return box, partial(_set_number, box)
        if kind == "keys":
            keys = KeyField(str(value))
            keys.taken.connect(self._say)
            return keys, lambda new: keys.show_keys(str(new))
        line = QLineEdit(str(value))
        line.setMinimumWidth(look.sized(300))
        if kind == "secret":
            line.setEchoMode(QLineEdit.EchoMode.Password)
        line.editingFinished.connect(lambda: self._say(line.text()) if line.isModified() else None)
        return line, lambda new: line.setText(str(new))

    def _make_choice(self, value: object) -> tuple[QWidget, Callable[[object], None]]:
        box = Choice()
        for choice in self.setting.choices:
            box.addItem(choice_word(choice), choice)
        box.setCurrentIndex(max(box.findData(value), 0))
        box.setMinimumWidth(look.sized(200))
        box.activated.connect(lambda _: self._say(box.currentData()))
        return box, lambda new: box.setCurrentIndex(max(box.findData(new), 0))


class KeyField(QWidget):
    """Shows keys and records the next combination pressed; Escape leaves, Backspace means none."""

    taken = Signal(str)

    def __init__(self, keys: str) -> None:
        super().__init__()
        self._line, self._clear = QLineEdit(), LinkButton()
        self._line.setReadOnly(True)
        self._line.setFixedWidth(look.sized(200))
        self._line.installEventFilter(self)
        self.setFocusProxy(self._line)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._line)
        row.addWidget(self._clear)
        self._clear.setText(say("None"))
        self._clear.setAccessibleName(say("No keys"))
        self._clear.clicked.connect(lambda: self._take(""))
        self.show_keys(keys)

    def setAccessibleName(self, name: str) -> None:
        super().setAccessibleName(name)
        self._line.setAccessibleName(name)

    def show_keys(self, keys: str) -> None:
        self._keys = keys
        self._line.setText(look.key_name(keys))
        self._line.setPlaceholderText(say("Press the keys"))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
            return super().eventFilter(watched, event)
        key, bare = event.key(), not event.modifiers()
        if key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab) or (key == Qt.Key.Key_Escape and bare):
            return False
        if key in (Qt.Key.Key_Control, Qt.Key.Key_Shift, Qt.Key.Key_Alt, Qt.Key.Key_Meta, Qt.Key.Key_AltGr):
            return True
        if key in (Qt.Key.Key_Backspace, Qt.Key.Key_Delete) and bare:
            self._take("")
        elif bare and Qt.Key.Key_Space <= key <= Qt.Key.Key_ydiaeresis:
            return True  # a letter alone would be taken from every program
        else:
            self._take(QKeySequence(event.keyCombination()).toString(QKeySequence.SequenceFormat.PortableText))
        return True

    def _take(self, keys: str) -> None:
        self.show_keys(keys)
        self.taken.emit(keys)


def _set_number(box: QSpinBox | QDoubleSpinBox, value: object) -> None:
    box.setValue(value)  # type: ignore[arg-type]


def choice_word(choice: str) -> str:
    known = {
        "auto": say("As the system"),
        "light": say("Light"),
        "dark": say("Dark"),
        "none": say("None"),
        "quick": say("Quick"),
        "standard": say("Standard"),
        "folder": say("Folder"),
    }
    return known.get(choice) or LANGUAGES.get(choice, choice)
