"""The report: two lines of words, what goes with them, and where it goes. Every change is on disk."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QEvent, QMimeData, QObject, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDesktopServices,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QShowEvent,
)
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from capture import Monitor
from client.draft import Draft
from client.report import Problem, Section
from client.session import NotReady, Session
from client.ui import look
from client.ui.alive import while_alive
from client.ui.attachment_strip import AttachmentStrip, paths_in, picture_in
from client.ui.bridge import Bridge
from client.ui.diagnostics_row import DiagnosticsRow
from client.ui.files import choose_files
from client.ui.form_foot import FormFoot, goes_words
from client.ui.help_before import HelpBefore
from client.ui.pieces import Caution, Divider
from client.ui.placing import bring_up, grow, place
from client.ui.report_fields import ReportFields
from client.ui.report_words import form_title, told, trouble_words
from client.ui.support_row import SupportRow
from client.ui.tab_order import order_tabs

SAVE_MS = 250
ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)

Stage = Literal["writing", "waiting", "sending", "sent"]
"""Waiting: Send was pressed, and copies or diagnostics are not complete yet."""


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
        self._stage: Stage = "writing"
        self._copying = 0
        self._troubles: list[str] = []
        self._asked = False
        self._consent: QWidget | None = None
        self._phrases = look.Phrases(self)
        self.fields = ReportFields(draft.report, self._phrases)
        self.help = HelpBefore(session, bridge, draft, self.fields, self._phrases)
        self.support = SupportRow(session, bridge, self._phrases, self.fields.subject.text)
        self.strip = AttachmentStrip(bridge, self._phrases)
        self.diagnostics = DiagnosticsRow(session, bridge, draft, monitors, self._phrases)
        self.warning = Caution()
        self._foot = FormFoot(session, self._phrases)
        self.keep, self.send, self.connect_desk = self._foot.keep, self._foot.send, self._foot.connect_desk
        self._timer = QTimer(self, singleShot=True, interval=SAVE_MS)
        self._build()
        self._wanted = self.fields.values()
        self._speak()
        self._wire()
        self.refresh()
        self.resize(look.sized(520), look.sized(400))
        self.setMinimumSize(look.sized(420), look.sized(320))
        self.setAcceptDrops(True)

    def refresh(self) -> None:
        """The draft's attachments may have changed: shows them as they are now, and what is in the way."""
        report = self.draft.report
        own = frozenset(a.name for a in report.attachments if self.draft.picture(a.name))
        ways, problems = self._session.ways(self.draft), self._session.problems(self.draft)
        self.strip.show_attachments(report.attachments, ways, own, problems, self._copying)
        self._show_problems()

    def attach(self, paths: list[Path]) -> None:
        """Copies files into the draft in the background; each shows as soon as it is whole."""
        self._add_all([partial(self.draft.add_file, path) for path in paths])

    def submit(self) -> None:
        """Sends, or shows what is missing; what has not been reviewed is shown first."""
        if self._stage != "writing":
            return
        self._asked = True
        self._troubles.clear()
        if not self._save_now():
            return
        self._show_problems()
        blocking = [p for p in self._problems() if p.blocking]
        if blocking:
            self._lead_to(blocking[0])
        elif self._copying or not self.diagnostics.is_ready:
            self._set_stage("waiting")
        elif self.diagnostics.needs_review:
            self._review(send=True)
        else:
            self._hand_over()

    # -- within -----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self._inner = QWidget()
        form = self._column = QVBoxLayout(self._inner)
        form.setContentsMargins(look.XL, look.XL, look.XL, look.L)
        form.setSpacing(look.M)
        self.fields.add_below_subject(self.help)
        form.addWidget(self.fields)
        form.addSpacing(look.XS)
        form.addWidget(self.strip)
        form.addWidget(self.diagnostics)
        form.addWidget(self.warning)
        form.addWidget(self.support)
        form.addStretch()
        self._scroll = QScrollArea()
        self._scroll.setWidget(self._inner)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self._scroll, 1)
        whole.addWidget(Divider())
        whole.addWidget(self._foot)

    def _speak(self) -> None:
        tell = self._phrases.tell
        tell(self.setWindowTitle, lambda: form_title(self.draft.report))
        tell(lambda _: self._tell_target(), lambda: "")
        tell(lambda _: self.refresh() if self.isVisible() else None, lambda: "")

    def _wire(self) -> None:
        self.fields.typed.connect(lambda *_: self._timer.isActive() or self._timer.start())  # restarted, it never ends
        self.fields.chosen.connect(self._save)
        self.fields.chosen.connect(self._tell_target)
        self.help.solved.connect(self._solved_by_article)
        self.help.became_reply.connect(self._speak)
        self.help.changed.connect(self._grow)
        self.support.changed.connect(self._grow)
        self._timer.timeout.connect(self._save)
        self.strip.opened.connect(self._open)
        self.strip.removed.connect(self._remove)
        self.strip.wanted.connect(self._add)
        self.diagnostics.review_wanted.connect(partial(self._review, send=False))
        self.diagnostics.ready.connect(self._go_on)
        self.keep.clicked.connect(self.close)
        self.send.clicked.connect(self.submit)
        for field in (self.fields.subject, self.fields.description):
            field.installEventFilter(self)

    # -- on disk ----------------------------------------------------------------------------------------------

    def _save(self, *_: object) -> None:
        """In the background, behind copies that may take long; it writes what is wanted when its turn comes."""
        self._wanted = self.fields.values()
        shown, failed = while_alive(self, lambda _: self._show_problems()), while_alive(self, self._refused)
        self._bridge.background(lambda: self.draft.set(**self._wanted), shown, failed, in_order=True)

    def _save_now(self) -> bool:
        self._timer.stop()
        self._wanted = self.fields.values()
        try:
            self.draft.set(**self._wanted)
        except OSError as error:
            self._refused(error)
            return False
        return True

    # -- attachments ------------------------------------------------------------------------------------------

    def _add_all(self, works: list[Callable[[], object]]) -> None:
        done, failed = while_alive(self, self._attached), while_alive(self, self._not_attached)
        for work in works:
            self._troubles.clear()
            self._copying += 1
            self._bridge.background(work, done, failed, in_order=True)
        self.refresh()

    def _attached(self, _: object) -> None:
        self._copying -= 1
        self.refresh()
        self._grow()
        self._go_on()

    def _not_attached(self, error: Exception) -> None:
        """What was to be sent is not complete: the user decides anew."""
        self._copying -= 1
        self._set_stage("writing")
        self._refused(error)

    def _add(self, what: str) -> None:
        if what == "file":
            choose_files(self, self.attach)
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

    def _take(self, offered: QMimeData) -> bool:
        """Attaches the files or the picture of a drop or the clipboard; False when it holds neither."""
        paths, picture = paths_in(offered), picture_in(offered)
        if picture is not None and not paths:
            from client.ui.qimage import pasted

            self._add_all([lambda: self.draft.add_picture(pasted(picture))])
        self.attach(paths)
        return bool(paths) or picture is not None

    # -- what is in the way -----------------------------------------------------------------------------------

    def _problems(self) -> tuple[Problem, ...]:
        """Without what a tile says already; an empty subject is only told once the user wanted to send."""
        silent = {"goes_by_link"} if self._asked else {"goes_by_link", "summary_missing"}
        return tuple(problem for problem in self._session.problems(self.draft) if problem.code not in silent)

    def _show_problems(self) -> None:
        if self.warning.tell(told(self._troubles, self._problems())):
            QTimer.singleShot(0, while_alive(self, self._grow))

    def _refused(self, error: Exception) -> None:
        self._troubles.append(trouble_words(error))
        self.refresh()

    def _lead_to(self, problem: Problem) -> None:
        if problem.code == "summary_missing":
            self.fields.subject.setFocus(Qt.FocusReason.TabFocusReason)
        elif problem.attachment:
            self.strip.focus_on(problem.attachment)

    def _solved_by_article(self) -> None:
        """No ticket is needed: the draft goes."""
        self._session.discard(self.draft)
        self._stage = "sent"
        self.close()

    # -- sending ----------------------------------------------------------------------------------------------

    def _set_stage(self, stage: Stage) -> None:
        self._stage = stage
        self._inner.setEnabled(stage != "sending")
        self._tell_target()

    def _tell_target(self) -> None:
        chosen = self.fields.values()
        self._foot.tell(self._stage, self.draft.report, chosen["kind"], chosen["priority"])

    def _go_on(self) -> None:
        """Something became complete: if Send waited for it, it goes on."""
        if self._stage == "waiting" and not self._copying and self.diagnostics.is_ready:
            self._set_stage("writing")
            self.submit()

    def _review(self, *, send: bool) -> None:
        from client.ui.consent import Consent

        sections, goes = self.diagnostics.sections(), goes_words(self._session, self.draft.report)
        consent = Consent(sections, self._session.explanations(), send, goes)
        consent.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        consent.setWindowModality(Qt.WindowModality.ApplicationModal)

        def accepted(sections: tuple[Section, ...]) -> None:
            self.diagnostics.reviewed(sections)
            if send:
                self._hand_over()

        consent.accepted.connect(accepted)
        consent.destroyed.connect(lambda: setattr(self, "_consent", None))
        self._consent = consent
        consent.setParent(self, Qt.WindowType.Dialog)
        place(consent, self.screen().availableGeometry(), self.geometry().center())
        bring_up(consent)

    def _hand_over(self) -> None:
        """What was reviewed is written and sent in one go: if the first fails, the second does not happen."""
        self._set_stage("sending")
        sections = self.diagnostics.leaving()

        def hand() -> str:
            self.draft.set_sections(sections)
            return self._session.submit(self.draft)

        done, failed = while_alive(self, self._handed_over), while_alive(self, self._not_handed_over)
        self._bridge.background(hand, done, failed, in_order=True)

    def _handed_over(self, report_id: str) -> None:
        self._set_stage("sent")
        self.sent.emit(report_id)
        self.close()

    def _not_handed_over(self, error: Exception) -> None:
        self._set_stage("writing")
        if not isinstance(error, NotReady):
            self._troubles.append(trouble_words(error))
        self._show_problems()
        self.send.setFocus()

    # -- events -----------------------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """In a field: pasting attaches pictures and files, leaving saves, Enter goes on, Ctrl+Enter sends."""
        if event.type() == QEvent.Type.FocusOut and self._timer.isActive():
            self._timer.stop()
            self._save()
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.matches(QKeySequence.StandardKey.Paste) and self._take(QGuiApplication.clipboard().mimeData()):
                return True
            if _sends(event):
                self.submit()
                return True
            if watched is self.fields.subject and event.key() in ENTER:
                self.fields.description.setFocus(Qt.FocusReason.TabFocusReason)
                return True
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if _sends(event):
            self.submit()
        elif event.key() == Qt.Key.Key_Escape and self._stage != "sending":
            self.close()
        elif event.matches(QKeySequence.StandardKey.Paste):
            self._take(QGuiApplication.clipboard().mimeData())
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if paths_in(event.mimeData()) or event.mimeData().hasImage():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        if self._take(event.mimeData()):
            event.acceptProposedAction()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._grow()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._stage == "sending" and event.spontaneous():
            event.ignore()  # a moment only; were it to fail, nobody would be told
            return
        if self._stage in ("writing", "waiting"):
            self._save_now()
            if self.draft.is_empty and not self._copying:
                self._session.discard(self.draft)
        self.diagnostics.stop()
        self.help.close_article()
        if self._consent is not None:
            self._consent.close()
        self.closed.emit()
        super().closeEvent(event)

    def _grow(self) -> None:
        """As high as what it holds, where the screen allows; never smaller than the user made it."""
        order_tabs(self)
        if not self.isVisible() or self.isMaximized():
            return
        (column := self._column).activate()
        # Beside a scroll bar words may take a line more, and then that bar would stay.
        width = self.width() - self._scroll.verticalScrollBar().sizeHint().width()
        height = column.totalHeightForWidth(width) if column.hasHeightForWidth() else column.sizeHint().height()
        grow(self, height + 1 + self._foot.sizeHint().height())
        if self.warning.isVisible():
            QTimer.singleShot(0, while_alive(self, lambda: self._scroll.ensureWidgetVisible(self.warning)))


def _sends(event: QKeyEvent) -> bool:
    return event.key() in ENTER and bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
