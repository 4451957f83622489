"""Exactly what will leave, section by section: take out, cut lines, hide words. What is shown is what is sent."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QColor,
    QFont,
    QFontDatabase,
    QKeyEvent,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextDocument,
)
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QListWidgetItem, QPlainTextEdit, QVBoxLayout, QWidget

from client.redaction import PSEUDONYM
from client.report import Section
from client.ui import look
from client.ui.buttons import LinkButton, PlainButton, PrimaryButton, QuietButton
from client.ui.pieces import Divider, Label, OneLine
from client.ui.rows import Row, RowList
from client.words import say, say_n, size

HIDDEN = "[hidden]"
"""What stands in the text instead of words the user hid."""


class Consent(QWidget):
    """One window, one question: shall this leave? ``accepted`` carries the sections as they were shown."""

    accepted = Signal(tuple)
    declined = Signal()

    def __init__(self, sections: tuple[Section, ...], whys: dict[str, str], send_words: bool) -> None:
        super().__init__(None)
        self._sections, self._whys = list(sections), whys
        self._kept = [bool(section.text) for section in sections]
        self._done = False
        self._phrases = look.Phrases(self)
        self._phrases.tell(self.setWindowTitle, lambda: say("This is what will be sent"))
        self.list = RowList(soft=True)
        self._title, self._why = Label(strong=True), Label("quiet", wrap=True)
        self.text = QPlainTextEdit()
        self._tint = _Tint(self.text.document())
        self._hide = LinkButton("eye-off")
        self._total = OneLine("faint")
        self._no, self._copy = QuietButton(), PlainButton("download")
        self.primary = PrimaryButton("send" if send_words else "check")
        self._build()
        self._speak(send_words)
        self._wire()
        self._show_rows()
        self.list.setCurrentRow(0)
        self.resize(look.sized(860), look.sized(600))
        self.setMinimumSize(look.sized(560), look.sized(380))

    def sections(self) -> tuple[Section, ...]:
        """Byte for byte what will leave."""
        return tuple(
            section
            if kept or not section.text
            else dataclasses.replace(section, text="", status="skipped", note=say("taken out by the user"), hidden=0)
            for section, kept in zip(self._sections, self._kept, strict=True)
        )

    def hide_everywhere(self, word: str) -> int:
        """Puts ``[hidden]`` in place of these words in every section; how often they stood there."""
        count = 0
        for number, section in enumerate(self._sections):
            times = section.text.count(word) if word.strip() else 0
            if times:
                count += times
                changed = section.text.replace(word, HIDDEN)
                self._sections[number] = dataclasses.replace(section, text=changed, hidden=section.hidden + times)
        self._show_rows()
        self._show_text()
        return count

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
        else:
            super().keyPressEvent(event)

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """In the text: Delete cuts the selected lines, Ctrl+H hides the selected words everywhere."""
        if watched is self.text and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
                self.cut_lines()
                return True
            if event.key() == Qt.Key.Key_H and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self._hide_selected()
                return True
            if event.key() == Qt.Key.Key_Tab:
                self.focusNextChild()
                return True
        return super().eventFilter(watched, event)  # type: ignore[arg-type]

    def cut_lines(self) -> None:
        """Takes the lines that the selection (or the caret) touches out of the section."""
        number, cursor = self.list.currentRow(), self.text.textCursor()
        document = self.text.document()
        first = document.findBlock(cursor.selectionStart()).blockNumber()
        last = document.findBlock(max(cursor.selectionEnd() - 1, cursor.selectionStart())).blockNumber()
        lines = self._sections[number].text.split("\n")
        del lines[first : last + 1]
        self._sections[number] = dataclasses.replace(self._sections[number], text="\n".join(lines))
        self._show_rows()
        self._show_text()

    # -- within -----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.text.setReadOnly(True)
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        mono = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        mono.setPixelSize(look.sized(12))
        mono.setStyleHint(QFont.StyleHint.Monospace)
        self.text.setFont(mono)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self.text.setProperty("sheet", True)
        self.text.installEventFilter(self)
        head = QVBoxLayout()
        head.setContentsMargins(look.L, look.M, look.L, look.M)
        head.setSpacing(look.XS)
        head.addWidget(self._title)
        head.addWidget(self._why)
        hint = QHBoxLayout()
        hint.setContentsMargins(look.L, look.XS, look.S, look.XS)
        self._hint = OneLine("faint", "small")
        hint.addWidget(self._hint, 1)
        hint.addWidget(self._hide)
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addLayout(head)
        for part in (Divider(), self.text, Divider()):
            right.addWidget(part)
        right.addLayout(hint)
        self.list.setFixedWidth(look.sized(300))
        body = QHBoxLayout()
        body.setSpacing(0)
        body.addWidget(self.list)
        body.addLayout(right, 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(look.L, look.M, look.L, look.M)
        foot.setSpacing(look.S)
        foot.addWidget(self._total, 1)
        for button in (self._no, self._copy, self.primary):
            foot.addWidget(button)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(body, 1)
        whole.addWidget(Divider())
        whole.addLayout(foot)

    def _speak(self, send_words: bool) -> None:
        tell = self._phrases.tell
        tell(self.list.setAccessibleName, lambda: say("Sections"))
        tell(self.text.setAccessibleName, lambda: say("What this section says"))
        tell(self._hint.setText, lambda: say("Select words to hide them everywhere · Delete takes out lines"))
        tell(self._hide.setText, lambda: say("Hide everywhere"))
        tell(self._no.setText, lambda: say("Cancel"))
        tell(self._copy.setText, lambda: say("Save a copy"))
        tell(self.primary.setText, lambda: say("Send report") if send_words else say("Done"))
        tell(self._total.setText, self._total_words)

    def _wire(self) -> None:
        self.list.currentRowChanged.connect(self._show_text)
        self.list.itemChanged.connect(self._ticked)
        self.text.selectionChanged.connect(lambda: self._hide.setEnabled(self.text.textCursor().hasSelection()))
        self._hide.setEnabled(False)
        self._hide.clicked.connect(self._hide_selected)
        self._no.clicked.connect(self.close)
        self._copy.clicked.connect(self._save_copy)
        self.primary.clicked.connect(self._accept)

    def _show_rows(self) -> None:
        self.list.blockSignals(True)
        self.list.show_rows(
            [
                Row(section.id, section.title, self._detail(section), ticked=kept)
                for section, kept in zip(self._sections, self._kept, strict=True)
            ]
        )
        self.list.blockSignals(False)
        self._total.setText(self._total_words())

    def _detail(self, section: Section) -> str:
        parts = [size(len(section.text.encode())) if section.text else section.note or say("nothing")]
        if section.hidden:
            parts.append(say_n("{n} thing hidden", "{n} things hidden", section.hidden))
        return " · ".join(parts)

    def _total_words(self) -> str:
        leaving = [s for s in self.sections() if s.text]
        total = size(sum(len(s.text.encode()) for s in leaving))
        return say_n("{n} section, {total}", "{n} sections, {total}", len(leaving), total=total)

    def _show_text(self) -> None:
        number = self.list.currentRow()
        if not 0 <= number < len(self._sections):
            return
        section = self._sections[number]
        self._title.setText(section.title)
        self._why.setText(self._whys.get(section.id, ""))
        self._why.setVisible(bool(self._why.text()))
        shown = section.text if self._kept[number] else ""
        if self.text.toPlainText() != shown:
            self.text.setPlainText(shown)
        self.text.setPlaceholderText(say("This section is not sent.") if not shown else "")

    def _ticked(self, item: QListWidgetItem) -> None:
        number = self.list.row(item)
        kept = item.checkState() == Qt.CheckState.Checked and bool(self._sections[number].text)
        if kept != self._kept[number]:
            self._kept[number] = kept
            self._total.setText(self._total_words())
        self._show_text()

    def _hide_selected(self) -> None:
        word = self.text.textCursor().selectedText().replace("\u2029", "\n")
        if word:
            self.hide_everywhere(word)

    def _save_copy(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, say("Save a copy"), say("diagnostics") + ".txt", "*.txt")
        if not name:
            return
        text = "".join(f"== {s.title} ==\n{s.text.rstrip()}\n\n" for s in self.sections() if s.text)
        try:
            Path(name).write_text(text, "utf-8")
        except OSError as error:
            self._total.setText(say("Not saved: {why}", why=error.strerror))

    def _accept(self) -> None:
        self._done = True
        self.accepted.emit(self.sections())
        self.close()


class _Tint(QSyntaxHighlighter):
    """Pseudonyms and hidden words stand on a soft ground, so that the eye finds what was replaced."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)

    def highlightBlock(self, text: str) -> None:
        look_ = QTextCharFormat()
        look_.setForeground(QColor(look.tokens().accent))
        look_.setBackground(QColor(look.tokens().soft))
        for found in PSEUDONYM.finditer(text):
            self.setFormat(found.start(), len(found[0]), look_)
        start = text.find(HIDDEN)
        while start >= 0:
            self.setFormat(start, len(HIDDEN), look_)
            start = text.find(HIDDEN, start + 1)
