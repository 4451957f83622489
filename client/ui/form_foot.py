"""The foot of the report form: where it goes and when an answer is due, in one line, and what can be done.

While no help desk is connected, it offers to: nobody but the user reads the folder on this computer.
"""

from __future__ import annotations

from contextlib import suppress

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from client.report import Report
from client.session import Session
from client.ui import look
from client.ui.buttons import FlushLink, PrimaryButton, QuietButton
from client.ui.pieces import OneLine, flush_row
from client.ui.report_words import desk_word
from client.words import say
from uploader.errors import UploaderError


class FormFoot(QWidget):
    def __init__(self, session: Session, phrases: look.Phrases) -> None:
        super().__init__()
        self._session = session
        self._target, self.connect_desk = OneLine("faint"), FlushLink()
        self.keep, self.send = QuietButton(), PrimaryButton("send")
        row = QHBoxLayout()
        row.setSpacing(look.S)
        row.addLayout(flush_row(self.connect_desk))
        row.addStretch()
        row.addWidget(self.keep)
        row.addWidget(self.send)
        column = QVBoxLayout(self)
        column.setContentsMargins(look.XL, look.S, look.XL, look.M)
        column.setSpacing(look.S)
        column.addWidget(self._target)
        column.addLayout(row)
        phrases.tell(self.connect_desk.setText, lambda: say("Connect a help desk…"))
        phrases.tell(self.keep.setText, lambda: say("Save draft"))
        phrases.tell(self.send.setText, lambda: say("Send"))
        phrases.tell(self.send.setToolTip, lambda: look.key_name("Ctrl+Return"))

    def tell(self, stage: str, report: Report, kind: str, priority: str) -> None:
        """``stage`` as the form has it; kind and priority as they are chosen there."""
        self.send.setEnabled(stage == "writing")
        settings = self._session.settings
        offers = not settings.desks and not settings.lock("report.desk") and report.reply_to is None
        self.connect_desk.setVisible(stage == "writing" and offers)
        if stage == "waiting":
            self._target.setText(say("Goes as soon as all is collected…"))
        elif stage == "sending":
            self._target.setText(say("Sending…"))
        else:
            name = _desk_of(self._session, report.desk, kind, priority)
            answers = report.reply_to is not None  # the first answer was promised for the ticket
            promised = "" if answers else self._session.support.promise_words(kind, priority)
            to = say("To {desk}", desk=desk_word(name))
            self._target.setText(f"{to} · {promised}" if promised else to)


ADDRESS = ("url", "server", "to", "path")
"""Settings of desks that say where they are, the plainest first."""


def goes_words(session: Session, report: Report) -> str:
    """Where a report goes, by name and address, and which files go with it."""
    name = _desk_of(session, report.desk, report.kind, report.priority)
    held = session.settings.desks.get(name, {})
    address = next((str(held[key]) for key in ADDRESS if held.get(key)), "")
    to = say("To {desk}", desk=desk_word(name)) + (f" ({address})" if address else "")
    if not report.attachments:
        return to
    return f"{to} · " + say("With it: {files}", files=", ".join(file.name for file in report.attachments))


def _desk_of(session: Session, desk: str, kind: str, priority: str) -> str:
    with suppress(UploaderError):
        desk = desk or session.places.ruled_desk(kind, priority)
    return desk or session.settings.report.desk or session.places.desk_names()[0]
