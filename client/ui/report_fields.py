"""What a person writes and chooses in a report: subject, description, kind and priority."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from client.report import KINDS, PRIORITIES, Report
from client.terms import criterion, kind_word, priority_word
from client.ui import look
from client.ui.buttons import Segmented
from client.ui.growing_text import GrowingText
from client.ui.pieces import Label
from client.words import say

MOST_SIGNS = 300
"""Of a subject: longer ones are cut by most desks."""


class ReportFields(QWidget):
    """``typed`` at every sign, ``chosen`` when a kind or priority was chosen."""

    typed = Signal()
    chosen = Signal()

    def __init__(self, report: Report, phrases: look.Phrases) -> None:
        super().__init__()
        self.subject, self.description = QLineEdit(), GrowingText(3, 10)
        self.kind, self.priority = Segmented(KINDS), Segmented(PRIORITIES)
        self._kind_label, self._priority_label = Label("faint", "small"), Label("faint", "small")
        self._criteria = Label("quiet", wrap=True)
        self._build()
        self.subject.setText(report.summary)
        self.subject.home(False)  # a long one is read from its beginning
        self.description.setPlainText(report.description)
        self.kind.choose(report.kind)
        self.priority.choose(report.priority)
        self._speak(phrases)
        if report.reply_to is not None:
            self.become_reply(report)
        self.subject.textChanged.connect(lambda _: self.typed.emit())
        self.description.textChanged.connect(self.typed)
        self.kind.chosen.connect(lambda _: self.chosen.emit())
        self.priority.chosen.connect(lambda _: self.chosen.emit())
        self.priority.chosen.connect(lambda key: self._criteria.setText(criterion(key)))
        for field in (self.subject, self.description):
            field.setAcceptDrops(False)  # a file dropped on a field is meant as an attachment, not as its name

    def add_below_subject(self, part: QWidget) -> None:
        self._column.insertWidget(1, part)

    def become_reply(self, report: Report) -> None:
        """An answer to a ticket has neither subject, kind nor priority of its own."""
        self.subject.setText(report.summary)
        self.subject.home(False)
        self.subject.setReadOnly(True)
        self.description.setPlainText(report.description)
        self._begin_answer()
        self._show_choices(shown=False)

    def become_report(self, report: Report) -> None:
        """A ticket of its own again."""
        self.subject.setReadOnly(False)
        self.subject.setText(report.summary)
        self.description.setPlainText(report.description)
        self.description.setPlaceholderText(self._description_hint())
        self._show_choices(shown=True)
        self.subject.setFocus()

    def _show_choices(self, *, shown: bool) -> None:
        for part in (self.kind, self.priority, self._kind_label, self._priority_label, self._criteria):
            part.setVisible(shown)

    def _begin_answer(self) -> None:
        """Behind what is written already."""
        self.description.setPlaceholderText(self._description_hint())
        self.description.moveCursor(QTextCursor.MoveOperation.End)
        self.description.setFocus()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.subject.isReadOnly() and not event.spontaneous():  # a window that opens begins with its first field
            self._begin_answer()

    def values(self) -> dict[str, Any]:
        """As ``Draft.set`` takes them."""
        return {
            "summary": self.subject.text(),
            "description": self.description.toPlainText(),
            "kind": self.kind.choice(),
            "priority": self.priority.choice(),
        }

    def _description_hint(self) -> str:
        return say("Your answer") if self.subject.isReadOnly() else say("What did you do, what did you expect")

    def _build(self) -> None:
        self.subject.setFont(look.font("large"))
        self.subject.setMaxLength(MOST_SIGNS)
        column = self._column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(look.M)
        column.addWidget(self.subject)
        column.addWidget(self.description)
        for label, choice in ((self._kind_label, self.kind), (self._priority_label, self.priority)):
            box = QVBoxLayout()
            box.setSpacing(look.XS)
            row = QHBoxLayout()
            row.setSpacing(look.M)
            row.addWidget(choice, 0 if choice is self.priority else 1)
            if choice is self.priority:
                row.addWidget(self._criteria, 1)
            box.addWidget(label)
            box.addLayout(row)
            column.addLayout(box)

    def _speak(self, phrases: look.Phrases) -> None:
        tell, name = phrases.tell, phrases.name
        tell(self.subject.setPlaceholderText, lambda: say("What happens, in one line"))
        name(self.subject, lambda: say("Subject"))
        tell(self.description.setPlaceholderText, self._description_hint)
        name(self.description, lambda: say("Description"))
        for label, choice, word in (
            (self._kind_label, self.kind, lambda: say("Kind")),
            (self._priority_label, self.priority, lambda: say("Priority")),
        ):
            tell(label.setText, word)
            tell(choice.setAccessibleName, word)
        for kind in KINDS:
            tell(self.kind.set_words(kind), partial(kind_word, kind))
        for priority in PRIORITIES:
            tell(self.priority.set_words(priority), partial(priority_word, priority))
        tell(self._criteria.setText, lambda: criterion(self.priority.choice()))
