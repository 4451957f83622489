"""The report: two lines of words, what goes with them, and where it goes. Every change is on disk."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QMimeData, QObject, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDesktopServices,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QImage,
    QKeyEvent,
    QKeySequence,
)
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from capture import Monitor
from client.draft import Draft
from client.report import KINDS, PRIORITIES, Section
from client.session import NotReady, Session
from client.ui import look
from client.ui.attachment_strip import AttachmentStrip
from client.ui.bridge import Bridge
from client.ui.buttons import PrimaryButton, QuietButton, Segmented
from client.ui.diagnostics_row import DiagnosticsRow
from client.ui.growing_text import GrowingText
from client.ui.pieces import Divider, Label, OneLine, Panel
from client.words import explain_problem, say

SAVE_MS = 250


class ReportForm(QWidget):
    """One draft. The tray opens captures and recordings for it; it sends by the session alone."""

    capture_wanted = Signal(str)
    record_wanted = Signal()
    edit_wanted = Signal(str)
    sent = Signal(str)
    closed = Signal()

    def __init__(
        self, session: Session, bridge: Bridge, draft: Draft, monitors: Callable[[], tuple[Monitor, ...]]
    ) -> None:
        super().__init__(None)
        self.draft = draft
        self._session, self._bridge = session, bridge
        self._sent = False
        self._sending = False
        self._consent: QWidget | None = None
        self._trouble = ""
        self._phrases = look.Phrases(self)
        self.subject, self.description = QLineEdit(), GrowingText(3, 10)
        self.kind, self.priority = Segmented(KINDS), Segmented(PRIORITIES)
        self.strip = AttachmentStrip(bridge, self._phrases)
        self.diagnostics = DiagnosticsRow(session, bridge, draft, monitors, self._phrases)
        self.warning, self._warning_words = Panel(warn=True), Label(wrap=True)
        self._criteria, self._target = Label("quiet", wrap=True), OneLine("faint")
        self.keep, self.send = QuietButton(), PrimaryButton("send")
        self._timer = QTimer(self, singleShot=True, interval=SAVE_MS)
        self._build()
        self._speak()
        self._fill()
        self._wire()
        self.refresh()
        self.resize(look.sized(520), min(look.sized(700), self._most_height()))
        self.setMinimumSize(look.sized(420), look.sized(360))
        self.setAcceptDrops(True)

    def refresh(self) -> None:
        """The draft's attachments may have changed: shows them as they are now, and what is in the way."""
        report = self.draft.report
        own = frozenset(a.name for a in report.attachments if self.draft.picture(a.name))
        self.strip.show_attachments(report.attachments, self._session.ways(self.draft), own)
        self._show_problems(blocking=False)

    def attach(self, paths: list[Path]) -> None:
        """Copies files into the draft in the background; each shows as soon as it is whole."""
        for path in paths:
            self._bridge.background(partial(self.draft.add_file, path), self._attached, self._refused, in_order=True)

    def submit(self) -> None:
        """Sends, or shows what is missing; what has not been reviewed is shown first."""
        if self._sending:
            return
        self._save_now()
        self._show_problems(blocking=True)
        blocking = [p for p in self._session.problems(self.draft) if p.blocking]
        if blocking:
            self.subject.setFocus() if blocking[0].code == "summary_missing" else self.strip.setFocus()
            return
        if not self.diagnostics.is_ready:
            self._sending = True
            self.send.setEnabled(False)
            self.diagnostics.ready.connect(self._go_on, Qt.ConnectionType.SingleShotConnection)
            return
        if self.diagnostics.needs_review:
            self._review(send=True)
            return
        self._hand_over()

    # -- within -----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.subject.setFont(look.font("large"))
        self.subject.setMaxLength(300)
        inner = QWidget()
        form = QVBoxLayout(inner)
        form.setContentsMargins(look.XL, look.XL, look.XL, look.L)
        form.setSpacing(look.M)
        form.addWidget(self.subject)
        form.addWidget(self.description)
        self._kind_label, self._priority_label = Label("faint", "small"), Label("faint", "small")
        for label, choice in ((self._kind_label, self.kind), (self._priority_label, self.priority)):
            box = QVBoxLayout()
            box.setSpacing(look.XS)
            box.addWidget(label)
            row = QHBoxLayout()
            row.setSpacing(look.M)
            row.addWidget(choice)
            if choice is self.priority:
                row.addWidget(self._criteria, 1)
            else:
                row.addStretch()
            box.addLayout(row)
            form.addLayout(box)
        form.addSpacing(look.XS)
        form.addWidget(self.strip)
        form.addWidget(self.diagnostics)
        shield = QHBoxLayout(self.warning)
        shield.setContentsMargins(look.M, look.S, look.M, look.S)
        shield.addWidget(self._warning_words)
        form.addWidget(self.warning)
        form.addStretch()
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        foot = QHBoxLayout()
        foot.setContentsMargins(look.XL, look.M, look.XL, look.M)
        foot.setSpacing(look.S)
        foot.addWidget(self._target, 1)
        foot.addWidget(self.keep)
        foot.addWidget(self.send)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(scroll, 1)
        whole.addWidget(Divider())
        whole.addLayout(foot)

    def _speak(self) -> None:
        tell, name = self._phrases.tell, self._phrases.name
        tell(self.setWindowTitle, lambda: say("Report a problem"))
        tell(self.subject.setPlaceholderText, lambda: say("What happens, in one line"))
        name(self.subject, lambda: say("Subject"))
        tell(self.description.setPlaceholderText, lambda: say("What did you do, what did you expect"))
        name(self.description, lambda: say("Description"))
        tell(self._kind_label.setText, lambda: say("Kind"))
        tell(self._priority_label.setText, lambda: say("Priority"))
        tell(self.kind.setAccessibleName, lambda: say("Kind"))
        tell(self.priority.setAccessibleName, lambda: say("Priority"))
        for kind in KINDS:
            tell(self.kind.set_words(kind), partial(kind_word, kind))
        for priority in PRIORITIES:
            tell(self.priority.set_words(priority), partial(priority_word, priority))
        tell(self._criteria.setText, self._criterion)
        tell(self._target.setText, self._target_words)
        tell(self.keep.setText, lambda: say("Save draft"))
        tell(self.send.setText, lambda: say("Send"))
        tell(self.send.setToolTip, lambda: look.key_name("Ctrl+Return"))
        tell(lambda _: self.refresh() if self.isVisible() else None, lambda: "")

    def _fill(self) -> None:
        report = self.draft.report
        self.subject.setText(report.summary)
        self.description.setPlainText(report.description)
        self.kind.choose(report.kind)
        self.priority.choose(report.priority)
        self._criteria.setText(self._criterion())

    def _wire(self) -> None:
        self.subject.textChanged.connect(self._timer.start)
        self.description.textChanged.connect(self._timer.start)
        self.kind.chosen.connect(self._save)
        self.priority.chosen.connect(self._save)
        self.priority.chosen.connect(lambda _: self._criteria.setText(self._criterion()))
        self._timer.timeout.connect(self._save)
        self.subject.returnPressed.connect(self.description.setFocus)
        self.strip.opened.connect(self._open)
        self.strip.removed.connect(self._remove)
        self.strip.wanted.connect(self._add)
        self.diagnostics.review_wanted.connect(partial(self._review, send=False))
        self.keep.clicked.connect(self.close)
        self.send.clicked.connect(self.submit)
        for field in (self.subject, self.description):
            field.installEventFilter(self)

    def _criterion(self) -> str:
        return {
            "high": say("Work or security stops"),
            "medium": say("It hinders"),
            "low": say("It can wait"),
        }.get(self.priority.choice(), "")

    def _target_words(self) -> str:
        name = self.draft.report.desk or self._session.settings.report.desk or self._session.desk_names()[0]
        return say("To {desk}", desk=say("the folder on this computer") if name == "folder" else name)

    def _values(self) -> dict[str, Any]:
        return {
            "summary": self.subject.text(),
            "description": self.description.toPlainText(),
            "kind": self.kind.choice(),
            "priority": self.priority.choice(),
        }

    def _save(self, *_: object) -> None:
        self._bridge.background(partial(self.draft.set, **self._values()), None, self._refused, in_order=True)
        if self.warning.isVisible():
            QTimer.singleShot(50, partial(self._show_problems, blocking=False))

    def _save_now(self) -> None:
        self._timer.stop()
        try:
            self.draft.set(**self._values())
        except OSError as error:
            self._refused(error)

    def _show_problems(self, *, blocking: bool) -> None:
        """The warning panel; an empty subject is only told once the user wanted to send."""
        lines = [self._trouble] if self._trouble else []
        for problem in self._session.problems(self.draft):
            if problem.code == "goes_by_link" or (problem.code == "summary_missing" and not blocking):
                continue
            lines.append(explain_problem(problem.code, problem.attachment, problem.detail))
        self._warning_words.setText("\n".join(lines))
        self.warning.setVisible(bool(lines))

    def _attached(self, _: object) -> None:
        self._trouble = ""
        self.refresh()

    def _refused(self, error: Exception) -> None:
        self._trouble = str(error)
        self.refresh()

    def _add(self, what: str) -> None:
        if what == "file":
            dialog = QFileDialog(self, say("Attach files"))
            dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
            dialog.filesSelected.connect(lambda names: self.attach([Path(name) for name in names]))
            dialog.open()
        elif what == "recording":
            self.record_wanted.emit()
        else:
            self.capture_wanted.emit(what)

    def _open(self, name: str) -> None:
        if self.draft.picture(name):
            self.edit_wanted.emit(name)
            return
        for attachment in self.draft.report.attachments:
            if attachment.name == name:
                QDesktopServices.openUrl(QUrl.fromLocalFile(str(attachment.path)))

    def _remove(self, name: str) -> None:
        self.draft.remove(name)
        self.refresh()

    def _go_on(self) -> None:
        self._sending = False
        self.send.setEnabled(True)
        self.submit()

    def _review(self, *, send: bool) -> None:
        from client.ui.consent import Consent

        consent = Consent(self.diagnostics.sections(), self._session.explanations(), send)
        consent.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        consent.setWindowModality(Qt.WindowModality.ApplicationModal)

        def accepted(sections: tuple[Section, ...]) -> None:
            self.diagnostics.reviewed(sections)
            if send:
                QTimer.singleShot(0, self._hand_over)

        consent.accepted.connect(accepted)
        self._consent = consent
        place = consent.rect()
        place.moveCenter(self.geometry().center())
        consent.move(place.topLeft())
        consent.show()
        consent.activateWindow()

    def _hand_over(self) -> None:
        self._sending = True
        self.send.setEnabled(False)
        self.diagnostics.settle()
        self._bridge.background(
            partial(self._session.submit, self.draft), self._handed_over, self._not_handed_over, in_order=True
        )

    def _handed_over(self, report_id: str) -> None:
        self._sent = True
        self.sent.emit(report_id)
        self.close()

    def _not_handed_over(self, error: Exception) -> None:
        self._sending = False
        self.send.setEnabled(True)
        self._trouble = "" if isinstance(error, NotReady) else str(error)
        self._show_problems(blocking=True)

    # -- events -----------------------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Pasting a picture or files into a field attaches them."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.matches(QKeySequence.StandardKey.Paste) and self._take(QGuiApplication.clipboard().mimeData()):
                return True
            if event.key() == Qt.Key.Key_Tab and watched is self.description and not event.modifiers():
                self.description.nextInFocusChain()
                self.focusNextChild()
                return True
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        with_control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and with_control:
            self.submit()
        elif event.key() == Qt.Key.Key_Escape:
            self.close()
        elif event.matches(QKeySequence.StandardKey.Paste):
            self._take(QGuiApplication.clipboard().mimeData())
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls() or event.mimeData().hasImage():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        if self._take(event.mimeData()):
            event.acceptProposedAction()

    def _take(self, offered: QMimeData) -> bool:
        paths = [Path(url.toLocalFile()) for url in offered.urls() if url.isLocalFile()]
        if paths:
            self.attach(paths)
            return True
        if offered.hasImage() and not offered.hasText():
            image = QImage(offered.imageData())
            if not image.isNull():
                from client.ui.qimage import pasted

                self._bridge.background(
                    partial(self.draft.add_picture, pasted(image)), self._attached, self._refused, in_order=True
                )
                return True
        return False

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self._sent and not self._sending:
            self._save_now()
            report = self.draft.report
            if not (report.summary.strip() or report.description.strip() or report.attachments):
                self._session.discard(self.draft)
        self.diagnostics.stop()
        self.closed.emit()
        super().closeEvent(event)

    def _most_height(self) -> int:
        screen = QGuiApplication.primaryScreen()
        return screen.availableGeometry().height() - look.XXL if screen else 700


def kind_word(kind: str) -> str:
    return {
        "incident": say("Incident"),
        "petition": say("Petition"),
        "complaint": say("Complaint"),
        "claim": say("Claim"),
        "suggestion": say("Suggestion"),
    }[kind]


def priority_word(priority: str) -> str:
    return {"high": say("High"), "medium": say("Medium"), "low": say("Low")}[priority]
