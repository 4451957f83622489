"""Exactly what will leave, section by section: take out, cut lines, hide words. What is shown is what is sent."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QCloseEvent,
    QColor,
    QContextMenuEvent,
    QFont,
    QFontDatabase,
    QKeyEvent,
    QKeySequence,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextDocument,
)
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QListWidgetItem, QPlainTextEdit, QVBoxLayout, QWidget

from client.redaction import PSEUDONYM
from client.report import Section
from client.ui import look
from client.ui.buttons import LinkButton, PlainButton, PrimaryButton, QuietButton
from client.ui.files import at_home
from client.ui.icons import icon
from client.ui.pieces import Divider, Label, Menu, OneLine
from client.ui.reviewed import Reviewed, tally, text_of, whole_words
from client.ui.rows import Row, RowList
from client.words import say, say_n, size


class Consent(QWidget):
    """One window, one question: shall this leave? ``accepted`` carries the sections as they were shown."""

    accepted = Signal(tuple)
    declined = Signal()

    def __init__(self, sections: tuple[Section, ...], whys: dict[str, str], send_words: bool, goes: str = "") -> None:
        """``goes``: where it goes and what else goes with it, in words."""
        super().__init__(None)
        self._reviewed, self._whys, self._send_words = Reviewed(sections), whys, send_words
        self._done = False
        self._told = ""
        self._phrases = look.Phrases(self)
        self.list = RowList(soft=True)
        self._title, self._why = Label(strong=True), Label("quiet", wrap=True)
        self.text = _Sheet(self)
        self._tint = _Tint(self.text.document())
        self._hint, self.hide_button = OneLine("faint", "small"), LinkButton("eye-off")
        self.total = OneLine("faint")
        self.goes = Label("quiet", wrap=True)
        self.goes.setText(goes)
        self.cancel, self._copy = QuietButton(), PlainButton("download")
        self.primary = PrimaryButton("send" if send_words else "check")
        self._build()
        self._wire()
        self._speak()
        self.list.setCurrentRow(0)
        self.list.setFocus()
        self.resize(look.sized(860), look.sized(600))
        self.setMinimumSize(look.sized(620), look.sized(380))

    def sections(self) -> tuple[Section, ...]:
        """Byte for byte what will leave."""
        return self._reviewed.sections()

    def hide_everywhere(self, word: str) -> int:
        """Puts ``[hidden]`` in place of these words in every section; how often they stood there."""
        count = self._reviewed.hide(word)
        if count:
            self._tell(say_n("Hidden in {n} place", "Hidden in {n} places", count))
        return count

    def hide_selected(self) -> None:
        """Hides the selected words everywhere; pseudonyms that the selection cuts are taken whole."""
        cursor, shown = self.text.textCursor(), self.text.toPlainText()
        if cursor.hasSelection():
            self.hide_everywhere(whole_words(shown, cursor.selectionStart(), cursor.selectionEnd()))

    def cut_lines(self) -> None:
        """Takes the lines that the selection (or the caret) touches out of the section."""
        number, cursor, document = self.list.currentRow(), self.text.textCursor(), self.text.document()
        first = document.findBlock(cursor.selectionStart()).blockNumber()
        last = document.findBlock(max(cursor.selectionEnd() - 1, cursor.selectionStart())).blockNumber()
        if self._reviewed.cut(number, first, last):
            self._tell(say_n("{n} line taken out", "{n} lines taken out", last - first + 1))
            cursor = self.text.textCursor()
            cursor.setPosition(document.findBlockByNumber(min(first, document.blockCount() - 1)).position())
            self.text.setTextCursor(cursor)

    def undo(self) -> None:
        """Takes back the last change."""
        if self._reviewed.undo():
            self._tell(say("Taken back"))

    # -- within -----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        head = QVBoxLayout()
        head.setContentsMargins(look.L, look.M, look.L, look.M)
        head.setSpacing(look.XS)
        head.addWidget(self._title)
        head.addWidget(self._why)
        hint = QHBoxLayout()
        hint.setContentsMargins(look.L, look.XS, look.S, look.XS)
        hint.addWidget(self._hint, 1)
        hint.addWidget(self.hide_button)
        sheet = QWidget()
        sheet.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        sheet.setProperty("raised", True)
        right = QVBoxLayout(sheet)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addLayout(head)
        for part in (Divider(), self.text, Divider()):
            right.addWidget(part)
        right.addLayout(hint)
        self.list.setFixedWidth(look.sized(270))
        self.list.setProperty("side", True)
        body = QHBoxLayout()
        body.setSpacing(0)
        body.addWidget(self.list)
        body.addWidget(sheet, 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(look.L, look.M, look.L, look.M)
        foot.setSpacing(look.S)
        foot.addWidget(self.total, 1)
        for button in (self.cancel, self._copy, self.primary):
            foot.addWidget(button)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        if self.goes.text():
            where = QHBoxLayout()
            where.setContentsMargins(look.L, look.M, look.L, look.M)
            where.addWidget(self.goes)
            whole.addLayout(where)
            whole.addWidget(Divider())
        whole.addLayout(body, 1)
        whole.addWidget(Divider())
        whole.addLayout(foot)

    def _speak(self) -> None:
        tell = self._phrases.tell
        tell(self.setWindowTitle, lambda: say("This is what will be sent") if self._send_words else say("Diagnostics"))
        tell(self.list.setAccessibleName, lambda: say("Sections"))
        tell(self.text.setAccessibleName, lambda: say("What this section says"))
        tell(self._hint.setText, lambda: say("Select words to hide them everywhere · Delete takes out lines"))
        tell(self.hide_button.setText, lambda: say("Hide everywhere"))
        tell(self.hide_button.setToolTip, lambda: look.key_name("Ctrl+H"))
        tell(self.cancel.setText, lambda: say("Cancel"))
        tell(self._copy.setText, lambda: say("Save a copy"))
        tell(self.primary.setText, lambda: say("Send report") if self._send_words else say("Done"))
        tell(lambda _: self._show(), lambda: "")

    def _wire(self) -> None:
        self.list.currentRowChanged.connect(self._show_text)
        self.list.itemChanged.connect(self._ticked)
        self.text.selectionChanged.connect(lambda: self.hide_button.setEnabled(self.text.textCursor().hasSelection()))
        self.hide_button.setEnabled(False)
        self.hide_button.clicked.connect(self.hide_selected)
        self.cancel.clicked.connect(self.close)
        self._copy.clicked.connect(self._choose_copy)
        self.primary.clicked.connect(self._accept)

    def _tell(self, words: str) -> None:
        """What just happened, beside the total; and all rows anew."""
        self._told = words
        self._show()

    def _show(self) -> None:
        rows = [
            Row(one.id, one.title, self._detail(one), ticked=kept, muted=one.status not in ("ok", "partial"))
            for one, kept in self._reviewed.shown()
        ]
        self.list.blockSignals(True)
        self.list.show_rows(rows)
        self.list.blockSignals(False)
        self.total.setText(self._total_words())
        self._show_text()

    @staticmethod
    def _detail(section: Section) -> str:
        length = size(len(section.text.encode()))
        if not section.text:
            parts = [say("nothing")]
        elif section.status == "partial":
            parts = [say("{size}, incomplete", size=length)]
        else:
            parts = [length if section.status == "ok" else section.note or length]
        if section.hidden:
            parts.append(say_n("{n} thing hidden", "{n} things hidden", section.hidden))
        return " · ".join(parts)

    def _total_words(self) -> str:
        words = tally(self.sections())
        if self._told and self._reviewed.can_undo:
            return f"{words} · {self._told} ({look.key_name('Ctrl+Z')})"
        return f"{words} · {self._told}" if self._told else words

    def _show_text(self) -> None:
        number = self.list.currentRow()
        if not 0 <= number < len(self._reviewed.shown()):
            return
        section, kept = self._reviewed.shown()[number]
        self._title.setText(section.title)
        self._why.setText(self._whys.get(section.id, ""))
        self._why.setVisible(bool(self._why.text()))
        shown = section.text if kept else ""
        if self.text.toPlainText() != shown:
            place = self.text.verticalScrollBar().value()
            self.text.setPlainText(shown)
            self.text.verticalScrollBar().setValue(place)
        self.text.setPlaceholderText("" if shown else say("This section is not sent."))

    def _ticked(self, item: QListWidgetItem) -> None:
        self._reviewed.keep(self.list.row(item), item.checkState() == Qt.CheckState.Checked)
        self._tell("")

    def _choose_copy(self) -> None:
        dialog = QFileDialog(self, say("Save a copy"), at_home())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter("*.txt")
        dialog.setDefaultSuffix("txt")
        dialog.selectFile(say("diagnostics") + ".txt")
        dialog.fileSelected.connect(lambda name: self.save_copy(Path(name)))
        dialog.open()

    def save_copy(self, path: Path) -> None:
        """Writes what would leave as one text file."""
        try:
            path.write_bytes(text_of(self.sections()).encode())
        except OSError as error:
            self._tell(say("Not saved: {why}", why=error.strerror))
        else:
            self._tell(say("Saved as {name}", name=path.name))

    def _accept(self) -> None:
        if not self._done:
            self._done = True
            self.accepted.emit(self.sections())
            self.close()

    # -- events -----------------------------------------------------------------------------------------------

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self._done:
            self._done = True
            self.declined.emit()
        super().closeEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._accept()
        elif event.matches(QKeySequence.StandardKey.Undo):
            self.undo()
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._tint.rehighlight()


class _Sheet(QPlainTextEdit):
    """The text of one section: to read and select by mouse and keys; Delete cuts lines, Ctrl+H hides words."""

    def __init__(self, owner: Consent) -> None:
        super().__init__()
        self._owner = owner
        self.setUndoRedoEnabled(False)
        by_mouse, by_keys = (
            Qt.TextInteractionFlag.TextSelectableByMouse,
            Qt.TextInteractionFlag.TextSelectableByKeyboard,
        )
        self.setTextInteractionFlags(by_mouse | by_keys)
        mono = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        mono.setPixelSize(look.sized(12))
        mono.setStyleHint(QFont.StyleHint.Monospace)
        self.setFont(mono)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setProperty("sheet", True)
        self.document().setDocumentMargin(0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._owner.cut_lines()
        elif event.key() == Qt.Key.Key_H and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._owner.hide_selected()
        elif event.matches(QKeySequence.StandardKey.Undo) or event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.ignore()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu, there = Menu(self), self.textCursor().hasSelection()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for words, picture, keys, act in (
            (say("Hide everywhere"), "eye-off", "Ctrl+H", self._owner.hide_selected),
            (say("Take out these lines"), "minus", "Del", self._owner.cut_lines),
            (say("Copy"), "copy", "Ctrl+C", self.copy),
        ):
            action = QAction(icon(picture), words, menu)
            action.setShortcut(QKeySequence(keys))
            action.setEnabled(there or keys == "Del")
            action.triggered.connect(act)
            menu.addAction(action)
        menu.popup(event.globalPos())


class _Tint(QSyntaxHighlighter):
    """Pseudonyms and hidden words stand on a soft ground, so that the eye finds what was replaced."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)

    def highlightBlock(self, text: str) -> None:
        tinted = QTextCharFormat()
        tinted.setForeground(QColor(look.tokens().accent))
        tinted.setBackground(QColor(look.tokens().soft))
        for found in PSEUDONYM.finditer(text):
            self.setFormat(_units(text[: found.start()]), _units(found[0]), tinted)


def _units(text: str) -> int:
    """The length Qt counts: in UTF-16."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
