"""From a key to a report: captures, editors, forms and their drafts, on Qt's thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import shiboken6
from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from capture import CaptureError, Desktop, Monitor, Region, Screenshot
from client import shots
from client.draft import Draft
from client.session import Session
from client.ui.bridge import Bridge
from client.ui.editors import Editors
from client.ui.placing import bring_up
from client.ui.rolling import Rolling
from client.ui.windows import Windows
from client.words import hint, say, say_n, sentence

if TYPE_CHECKING:
    from client.ui.report_form import ReportForm
    from client.ui.selector import Selector

Tell = Callable[..., None]
SETTLE_MS = 250
"""For a window of ours to leave the screen before a picture is taken."""


class Journey(QObject):
    recording_changed = Signal()
    settings_changed = Signal()

    def __init__(self, session: Session, bridge: Bridge, desktop: Desktop | None, tell: Tell) -> None:
        super().__init__(bridge)
        self._session, self._bridge, self.desktop, self._tell = session, bridge, desktop, tell
        self._selector: Selector | None = None
        self._forms: dict[str, ReportForm] = {}
        self._aside: list[QWidget] = []
        self._last_form = ""
        self._film: Path | None = None
        self.windows = Windows(session, bridge, self)
        self.windows.draft_wanted.connect(self.open_draft)
        self.windows.form_wanted.connect(self.new_report)
        self.windows.settings_changed.connect(self.settings_changed)
        self._editors = Editors(session, bridge, self)
        self._editors.saved.connect(self._refresh)
        self._editors.left.connect(self._editor_left)
        self._editors.failed.connect(self._failed)
        self._rolling = Rolling(session, bridge, self)
        self._rolling.changed.connect(self.recording_changed)
        self._rolling.changed.connect(lambda: None if self.is_recording else self._come_back())
        self._rolling.failed.connect(self._recording_failed)
        QTimer.singleShot(600, self._prepare_overlay)

    # -- capture ----------------------------------------------------------------------------------------------

    def step_aside(self, window: QWidget, then: Callable[[], object]) -> None:
        """Hides a window, and the forms, before ``then`` takes a picture; they come back once it is taken or given up.

        What is recorded does not show them either: they come back when the recording is over.
        """
        if self.is_recording:
            then()
            return
        for shown in (window, *self._forms.values()):
            if shown.isVisible() and shown not in self._aside:
                self._aside.append(shown)
                shown.hide()
        QTimer.singleShot(SETTLE_MS, self, then)

    def _come_back(self) -> None:
        """Behind what opens now: they do not take the keyboard."""
        aside, self._aside = self._aside, []
        for window in aside:
            if shiboken6.isValid(window) and not window.isVisible():
                window.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
                window.show()
                window.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating, False)

    def start_capture(self, mode: str, into: str = "") -> None:
        """Takes the pictures first, before any window of ours shows; then lets choose, then opens the editor."""
        if self.desktop is None or self._is_selecting():
            self._come_back()
            return
        if mode == "region":
            self.select(partial(self._chosen, into))
            return
        wish = shots.Wish(mode)  # type: ignore[arg-type]
        if mode == "last":
            last = self._session.recall("last_region")
            if not last:
                self.start_capture("region", into)
                return
            wish = shots.Wish("last", tuple(last["rect"]), last["screen"])
        try:
            taken = shots.take(self.desktop, wish)
        except (CaptureError, ValueError) as error:
            self._tell(say("No picture was taken"), sentence(error))
            self._come_back()
            return
        self._come_back()
        self._captured(taken[0], into)

    def _chosen(self, into: str, choice: tuple[Screenshot, Region] | None) -> None:
        self._come_back()
        if choice is not None:
            self._captured(choice[0].crop(choice[1]), into)

    def start_delayed(self) -> None:
        delay_ms = int(self._session.settings.capture.delay_s * 1000)
        QTimer.singleShot(delay_ms, partial(self.start_capture, "region"))

    def select(self, on_done: Callable[[tuple[Screenshot, Region] | None], object]) -> None:
        """Freezes the screens and lets the user drag a region; ``on_done(None)`` when they cancel."""
        if self.desktop is None or self._is_selecting():
            on_done(None)
            return
        try:
            frozen = self.desktop.screenshots()
        except CaptureError as error:
            self._tell(say("No picture was taken"), sentence(error))
            on_done(None)
            return
        windows = self.desktop.windows()

        def done(choice: tuple[Screenshot, Region] | None) -> None:
            if choice is not None:
                self._bridge.background(partial(self._session.remember_region, *choice))
            on_done(choice)

        self._overlay().select(frozen, windows, done)

    def edit_new(self, shot: Screenshot) -> None:
        """Opens the editor with a fresh picture, which becomes a draft at once."""
        self._captured(shot, "")

    def copy(self, shot: Screenshot) -> None:
        from client.ui.qimage import to_qimage

        clipboard = QGuiApplication.clipboard()
        clipboard.setImage(to_qimage(shot).copy())
        if clipboard.ownsClipboard():
            self._tell(say("Copied"), f"{shot.width} × {shot.height} px")
        else:
            self._tell(say("The picture was not copied"), say("Another program holds the clipboard. Try again."))

    # -- editor -----------------------------------------------------------------------------------------------

    def _captured(self, shot: Screenshot, into: str) -> None:
        self._editors.begin(shot, self._form_draft(into or self._open_form_id()))

    def _editor_left(self, draft: Draft, reporting: bool) -> None:
        if reporting or draft.id in self._forms:
            self.new_report(draft)

    # -- report -----------------------------------------------------------------------------------------------

    def new_report(self, draft: Draft | None = None) -> None:
        """Opens the form of this draft, or of a new one."""
        if draft is None:
            self._bridge.background(self._session.new_draft, self.new_report, self._failed, in_order=True)
            return
        form = self._forms.get(draft.id)
        if form is None:
            from client.ui.report_form import ReportForm

            form = ReportForm(self._session, self._bridge, draft, self._monitors)
            form.capture_wanted.connect(partial(self._capture_for, draft.id))
            form.connect_desk.clicked.connect(partial(self._connect_for, form))
            form.record_wanted.connect(partial(self._record_for, draft.id))
            form.edit_wanted.connect(partial(self._editors.edit_again, draft))
            form.closed.connect(partial(self._form_closed, draft.id))
            self._forms[draft.id] = form
        self._last_form = draft.id
        form.refresh()
        bring_up(form)

    def open_draft(self, report_id: str) -> None:
        for draft in self._session.drafts():
            if draft.id == report_id:
                self.new_report(draft)

    def _connect_for(self, form: ReportForm) -> None:
        form.fields.subject.setFocus()  # what was pressed goes once a desk is connected
        self.windows.connect_desk()

    def _capture_for(self, form: str, mode: str) -> None:
        self._forms[form].hide()
        QTimer.singleShot(SETTLE_MS, partial(self._capture_into, form, mode))

    def _capture_into(self, form: str, mode: str) -> None:
        if mode != "region":
            self.start_capture(mode, form)
            return

        def chosen(choice: tuple[Screenshot, Region] | None) -> None:
            if choice is None:
                self._show_form(form)
            else:
                self._captured(choice[0].crop(choice[1]), form)

        self.select(chosen)

    def _record_for(self, form: str) -> None:
        self._forms[form].hide()
        QTimer.singleShot(SETTLE_MS, partial(self.toggle_recording, form))

    def _form_closed(self, report_id: str) -> None:
        form = self._forms.pop(report_id, None)
        if form is not None:
            form.deleteLater()

    def _form_draft(self, report_id: str) -> Draft | None:
        form = self._forms.get(report_id)
        return form.draft if form is not None else None

    def _open_form_id(self) -> str:
        """The form a new capture belongs to: the one last used, if it is still open."""
        return self._last_form if self._last_form in self._forms else ""

    def _show_form(self, report_id: str) -> None:
        if report_id in self._forms:
            bring_up(self._forms[report_id])

    def _refresh(self, draft: Draft) -> None:
        form = self._forms.get(draft.id)
        if form is not None:
            form.refresh()

    def _monitors(self) -> tuple[Monitor, ...]:
        try:
            return self.desktop.monitors() if self.desktop else ()
        except CaptureError:
            return ()

    # -- recording --------------------------------------------------------------------------------------------

    @property
    def is_recording(self) -> bool:
        return self._rolling.is_recording

    def toggle_recording(self, form: str = "") -> None:
        """Lets choose what to record, and starts; when one runs already, stops it."""
        if self.is_recording:
            self.stop_recording()
            return
        form = form or self._open_form_id()

        def chosen(choice: tuple[Screenshot, Region] | None) -> None:
            if choice is None:
                self._come_back()
                self._show_form(form)
                return
            try:
                self._rolling.start(*choice, partial(self._recorded, form))
            except (CaptureError, OSError) as error:
                self._come_back()
                self._tell(say("The recording did not start"), sentence(error))
                self._show_form(form)

        self.select(chosen)

    def _recording_failed(self, error: CaptureError, saved: bool) -> None:
        why = sentence(error).rstrip(".")
        body = say("{why}. What was recorded is safe.", why=why) if saved else f"{why}. {hint(error)}"
        self._tell(say("The recording ended early"), body)
        self._show_form(self._last_form)

    def stop_recording(self, then: Callable[[Path | None], None] | None = None) -> None:
        """Finishes cleanly; ``then`` gets the film where it lies in its report, or None when nothing was saved."""

        def ended(path: Path | None) -> None:
            if then is not None:  # after it was attached
                self._bridge.background(lambda: None, lambda _: then(path and self._film), in_order=True)

        self._rolling.stop(ended)

    def pause_recording(self, *, paused: bool) -> None:
        self._rolling.pause(paused=paused)

    def _recorded(self, form: str, path: Path) -> None:
        def attach() -> Draft:
            draft = self._form_draft(form) or self._session.new_draft()
            self._film = draft.add_file(path, name=say("recording") + ".mp4", move=True).path
            return draft

        self._bridge.background(attach, self.new_report, self._failed, in_order=True)

    def raise_windows(self) -> bool:
        """Brings what is open to the front; False when nothing is."""
        windows = [*self._forms.values(), *self._editors.windows]
        for window in windows:
            bring_up(window)
        return bool(windows)

    def offer_unfinished(self) -> None:
        """Rescues recordings of a run that was killed, and offers unfinished reports back."""
        self._bridge.background(self._rolling.rescue, self._rescued)
        drafts = []
        for draft in self._session.drafts():
            if draft.is_empty:
                self._session.discard(draft)
            else:
                draft.mend()
                drafts.append(draft)
        if self._session.set_aside:
            place = self._session.set_aside[-1]
            self._tell(say("A draft was damaged"), say("It was moved to {place}. The others are fine.", place=place))
        if drafts:
            title = say_n("{n} unfinished report", "{n} unfinished reports", len(drafts))
            self._tell(title, say("Click to continue."), self.windows.outbox)
        crash = self._session.paths.crash_file.with_name("crash-last.log")
        if crash.exists():
            self._tell(
                say("Testigo closed unexpectedly"), say("Click to report it."), partial(self._report_crash, crash)
            )

    def _rescued(self, files: tuple[Path, ...]) -> None:
        for file in files:
            self._tell(say("A recording was rescued"), say("It is in a new report."))
            self._recorded("", file)

    def _report_crash(self, crash: Path) -> None:
        def attach() -> Draft:
            draft = self._session.new_draft(summary=say("Testigo closed unexpectedly"))
            draft.add_file(crash, move=True)
            return draft

        self._bridge.background(attach, self.new_report, self._failed, in_order=True)

    def finish(self, then: Callable[[], None]) -> None:
        """Saves what is open, stops a recording cleanly, then calls ``then``."""
        self._editors.save()
        if self.is_recording:
            self._rolling.stop(lambda _: self._bridge.background(lambda: None, lambda _: then(), in_order=True))
        else:
            self._bridge.background(lambda: None, lambda _: then(), in_order=True)

    def close(self) -> None:
        for window in [*self._forms.values(), *self.windows.open, *self._editors.windows]:
            window.close()

    # -- within -----------------------------------------------------------------------------------------------

    def _prepare_overlay(self) -> None:
        if self.desktop is not None:
            self._overlay()

    def _overlay(self) -> Selector:
        from client.ui.selector import Selector

        if self._selector is None:
            self._selector = Selector(self, uses=int(self._session.recall("overlay_uses", 0)))
            self._selector.used.connect(self._overlay_used)
        return self._selector

    def _overlay_used(self, times: int) -> None:
        self._bridge.background(partial(self._session.remember, "overlay_uses", times))

    def _is_selecting(self) -> bool:
        return self._selector is not None and self._selector.is_active

    def _failed(self, error: Exception) -> None:
        self._tell(say("Something could not be saved"), sentence(error))
