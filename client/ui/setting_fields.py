"""One control per kind of setting, each with its label, help and origin below; made from the declaration alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QValidator
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from client.ui import look
from client.ui.buttons import LinkButton, PlainButton
from client.ui.files import at_home
from client.ui.pieces import Choice, Label, Tick
from client.words import LANGUAGES, detail, number, say
from uploader.setting import Setting


class SettingField(QWidget):
    """Emits ``changed(key, value)`` for each change the user finished; ``refuse`` shows why one was not taken."""

    changed = Signal(str, object)

    def __init__(
        self,
        key: str,
        setting: Setting,
        value: object,
        origin: str,
        phrases: look.Phrases,
        *,
        locked: bool = False,
        titles: Mapping[str, str] | None = None,
    ) -> None:
        """``titles``: how choices are called that are not ours to name."""
        super().__init__()
        self._titles = titles or {}
        self.key, self.setting = key, setting
        self._origin, self._locked, self._phrases = origin, locked, phrases
        self.label, self._note = Label(), Label("faint", "small", wrap=True)
        self.control = self._make(value)
        # Whoever scrolls the page by wheel must not change what the pointer happens to be above.
        self.control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.control.installEventFilter(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(look.XS)
        phrases.tell(self.control.setAccessibleName, lambda: detail(setting.title, {}))
        if isinstance(self.control, Tick):
            phrases.tell(self.control.setText, lambda: detail(setting.title, {}))
        else:
            phrases.tell(self.label.setText, lambda: detail(setting.title, {}))
            self.label.setBuddy(self.control)
            column.addWidget(self.label)
        grows = self.control.sizePolicy().horizontalPolicy() == QSizePolicy.Policy.Expanding
        column.addWidget(self.control, 0, Qt.AlignmentFlag(0) if grows else Qt.AlignmentFlag.AlignLeft)
        if isinstance(self.control, Tick):
            self._note.setIndent(look.sized(look.L) + look.S)  # below the words, not below the box
        column.addWidget(self._note)
        self.control.setEnabled(not locked and origin not in OVERRIDES)
        phrases.tell(self._note.setText, self._words)
        self._note.setVisible(bool(self._words()))

    def matches(self, words: str, page: str) -> bool:
        """Whether the words of a search are in its title, help or key, or in the name of its page."""
        spoken = f"{page} {detail(self.setting.title, {})} {detail(self.setting.help, {})} {self.key}".casefold()
        return all(word in spoken for word in words.casefold().split())

    def refuse(self, why: str) -> None:
        """Tells below the control why a value was not taken; empty: it was."""
        self._note.set_tone("bad" if why else "faint")
        self._note.setText(why or self._words())
        self._note.setVisible(bool(self._note.text()))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel and not self.control.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)

    def _words(self) -> str:
        parts = [detail(self.setting.help, {})] if self.setting.help else []
        if self._locked:
            parts.append(say("Set by your organisation: {origin}", origin=self._origin))
        elif self._origin == "environment":
            parts.append(say("Set by the environment for this run."))
        elif self._origin == "flag":
            parts.append(say("Set by the command line for this run."))
        return ("\n" if self._locked else " ").join(parts)

    def _choice_word(self, choice: str) -> str:
        return detail(self._titles[choice], {}) if choice in self._titles else choice_word(choice)

    def _say(self, value: object) -> None:
        self.refuse("")
        self.changed.emit(self.key, value)

    def _make(self, value: object) -> QWidget:
        kind = self.setting.kind
        if kind == "flag":
            tick = Tick()
            tick.setChecked(bool(value))
            tick.toggled.connect(self._say)
            return tick
        if kind == "choice":
            box = Choice()
            fill_choice(
                box, {choice: partial(self._choice_word, choice) for choice in self.setting.choices}, self._phrases
            )
            box.setCurrentIndex(box.findData(value))
            box.activated.connect(lambda _: self._say(box.currentData()))
            return box
        if kind == "number":
            field = NumberField(self.setting, float(str(value)))
            field.valueChanged.connect(lambda new: self._say(field.whole(new)))
            return field
        if kind == "keys":
            keys = KeyField(str(value), self._phrases)
            keys.taken.connect(self._say)
            return keys
        if kind == "folder":
            folder = FolderField(str(value), self._phrases)
            folder.taken.connect(self._say)
            return folder
        line = QLineEdit(str(value))
        line.setMinimumWidth(look.sized(200))
        line.setMaximumWidth(look.sized(360))
        line.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        if kind == "secret":
            line.setEchoMode(QLineEdit.EchoMode.Password)
        line.editingFinished.connect(lambda: self._finished(line))
        return line

    def _finished(self, line: QLineEdit) -> None:
        if line.isModified():
            line.setModified(False)
            self._say(line.text())


OVERRIDES = ("environment", "flag")
"""Origins that win over the file: a change there would show no effect."""


class NumberField(QDoubleSpinBox):
    """A number as it is written in the current language, without decimals it does not need."""

    def __init__(self, setting: Setting, value: float) -> None:
        super().__init__()
        self._is_whole = isinstance(setting.default, int)
        self.setDecimals(0 if self._is_whole else 1)
        self.setRange(setting.least or 0, setting.most or 10**6)
        self.setValue(value)
        self.setKeyboardTracking(False)
        self.setFixedWidth(look.sized(110))
        self.lineEdit().setTextMargins(
            0 if look.tokens().native else look.S, 0, 0, 0
        )  # the sheet's padding does not reach the inner line

    def whole(self, value: float) -> int | float:
        """As the setting is declared: an int or a float."""
        return int(value) if self._is_whole else value

    def textFromValue(self, value: float) -> str:
        return number(value, 0 if value == int(value) else 1)

    def valueFromText(self, text: str) -> float:
        try:
            return float(text.replace("\u202f", "").replace(",", "."))
        except ValueError:
            return self.value()

    def validate(self, text: str, at: int) -> tuple[QValidator.State, str, int]:
        """Digits with a point or a comma, whatever the system's language."""
        state = QValidator.State
        if not all(sign.isdigit() or sign in ".,\u202f" for sign in text):
            return state.Invalid, text, at
        return state.Acceptable if text else state.Intermediate, text, at


class FolderField(QWidget):
    """A folder to write or to choose."""

    taken = Signal(str)

    def __init__(self, folder: str, phrases: look.Phrases) -> None:
        super().__init__()
        self._line, self._choose = QLineEdit(folder), PlainButton()
        self._line.setMinimumWidth(look.sized(160))
        self.setFocusProxy(self._line)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(look.S)
        row.addWidget(self._line, 1)
        row.addWidget(self._choose)
        phrases.tell(self._choose.setText, lambda: say("Choose…"))
        self._line.editingFinished.connect(self._finished)
        self._choose.clicked.connect(self._ask)

    def setAccessibleName(self, name: str) -> None:
        super().setAccessibleName(name)
        self._line.setAccessibleName(name)
        self._choose.setAccessibleName(f"{self._choose.text()} {name}")

    def _finished(self) -> None:
        if self._line.isModified():
            self._line.setModified(False)
            self.taken.emit(self._line.text())

    def _ask(self) -> None:
        dialog = QFileDialog(self, say("Choose a folder"), self._line.text() or at_home())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self._chosen)
        dialog.open()

    def _chosen(self, folder: str) -> None:
        self._line.setText(str(Path(folder)))
        self.taken.emit(self._line.text())


class KeyField(QWidget):
    """Shows keys and records the next combination pressed; Escape leaves, Backspace means none."""

    taken = Signal(str)

    def __init__(self, keys: str, phrases: look.Phrases) -> None:
        super().__init__()
        self._line, self._clear = QLineEdit(), LinkButton()
        self._line.setReadOnly(True)
        self._line.setProperty("keys", True)
        self._line.setFixedWidth(look.sized(200))
        self._line.installEventFilter(self)
        self.setFocusProxy(self._line)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._line)
        row.addWidget(self._clear)
        phrases.tell(self._clear.setText, lambda: say("No keys"))
        phrases.tell(self._line.setPlaceholderText, lambda: say("Press the keys"))
        self._clear.clicked.connect(lambda: self._take(""))
        self._line.setText(look.key_name(keys))

    def setAccessibleName(self, name: str) -> None:
        super().setAccessibleName(name)
        self._line.setAccessibleName(name)
        self._clear.setAccessibleName(say("No keys: {what}", what=name))

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
        elif _would_be_missed(event):
            return True
        else:
            self._take(QKeySequence(event.keyCombination()).toString(QKeySequence.SequenceFormat.PortableText))
        return True

    def _take(self, keys: str) -> None:
        self._line.setText(look.key_name(keys))
        self.taken.emit(keys)


def _would_be_missed(event: QKeyEvent) -> bool:
    """A sign without Ctrl, Alt or Meta: taken from every program, nobody could write it any more."""
    held = event.modifiers() & ~(Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier)
    plain = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down)
    return not held and (Qt.Key.Key_Space <= event.key() <= Qt.Key.Key_ydiaeresis or event.key() in plain)


def fill_choice(box: QComboBox, words: Mapping[str, Callable[[], str]], phrases: look.Phrases) -> None:
    """The entries of a drop-down list, key by key, said again when the language changes."""
    for key, word in words.items():
        box.addItem(word(), key)
    box.setMinimumContentsLength(16)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)

    def say_again(_: str) -> None:
        for place, word in enumerate(words.values()):
            box.setItemText(place, word())

    phrases.tell(say_again, lambda: "")


def choice_word(choice: str) -> str:
    known = {
        "auto": say("As the system"),
        "light": say("Light"),
        "dark": say("Dark"),
        "none": say("None"),
        "quick": say("Quick"),
        "standard": say("Standard"),
        "detect": say("Automatic"),
        "path": say("In the path"),
        "virtual": say("In the host's name"),
        "anyone": say("Anyone with the link"),
        "domain": say("My organisation's domain"),
        "organization": say("My organisation"),
        "team": say("My team"),
        "nobody": say("Nobody yet"),
        "ask": say("Ask first"),
        "send": say("Send"),
        "no": say("No"),
        "share": say("As the share is set"),
        "required": say("Always"),
        "always": say("Always"),
        "never": say("Never"),
        "link": say("Key in the link"),
        "apart": say("Key apart"),
        "folder": say("Folder"),
        "password": say("With a password"),
        "google": say("With Google, in the browser"),
        "microsoft": say("With Microsoft, in the browser"),
        "account": say("With your account, in the browser"),
        "anonymous": say("With your e-mail alone"),
        "relay": say("By your company's own server"),
        "web": say("By the web form"),
    }
    return known.get(choice) or LANGUAGES.get(choice, choice)
