"""The open editors, each with the picture of a draft behind it: every change of the marks is on disk soon after."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

from capture import CaptureError, Screenshot
from client.annotation import History
from client.draft import Draft
from client.session import Session
from client.ui.bridge import Bridge
from client.ui.placing import bring_up

SAVE_MS = 300
"""A change of the marks is on its way to the disk this long after it, at the latest."""


class Editing:
    """One open editor. ``draft`` is None until its picture is on disk for the first time."""

    def __init__(self, shot: Screenshot, history: History, window: QWidget, draft: Draft | None, name: str) -> None:
        self.shot, self.history, self.window, self.draft, self.name = shot, history, window, draft, name
        self.unsaved: History | None = None
        self.timer = QTimer(window, singleShot=True, interval=SAVE_MS)
        self.reporting = False


class Editors(QObject):
    """Lives on Qt's thread; the writing is done in order on a worker.

    ``saved(draft)``: its picture has changed on disk. ``left(draft, reporting)``: an editor is gone and all it held
    is on disk. ``failed(error)``: it could not be written; the editor still has it.
    """

    saved = Signal(object)
    left = Signal(object, bool)
    failed = Signal(object)

    def __init__(self, session: Session, bridge: Bridge, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._bridge = session, bridge
        self._open: list[Editing] = []

    @property
    def windows(self) -> tuple[QWidget, ...]:
        return tuple(editing.window for editing in self._open)

    def begin(self, shot: Screenshot, draft: Draft | None) -> None:
        """Opens a fresh picture, which becomes part of ``draft``, or of a new one, at once."""
        from client.ui.paint import pointer_mark

        pointer = pointer_mark(shot) if self._session.settings.capture.cursor else None
        history = History((pointer,)) if pointer else History()
        editing = self._show(shot, history, None, "")
        self._keep(editing, draft)
        if history.marks:
            self._changed(editing, history)

    def edit_again(self, draft: Draft, name: str) -> None:
        """Opens a picture of a draft with the marks it has; to the front when it is open already."""
        for editing in self._open:
            if editing.draft is not None and editing.draft.id == draft.id and editing.name == name:
                bring_up(editing.window)
                return
        picture = draft.picture(name)
        if picture is None:
            return
        from capture import png

        try:
            shot = png.read(picture.base)
            history = History.from_json(picture.marks) if picture.marks else History()
        except (OSError, ValueError, CaptureError) as error:
            self.failed.emit(error)
            return
        self._show(shot, history, draft, name)

    def save(self) -> None:
        """Asks for everything that is not on disk yet to be written."""
        for editing in self._open:
            self._save(editing)

    def close(self) -> None:
        for editing in list(self._open):
            editing.window.close()

    # -- within -----------------------------------------------------------------------------------------------

    def _show(self, shot: Screenshot, history: History, draft: Draft | None, name: str) -> Editing:
        from client.ui.editor import Editor

        window = Editor(shot, history, shot.window_title or name)
        editing = Editing(shot, history, window, draft, name)
        self._open.append(editing)
        editing.timer.timeout.connect(partial(self._save, editing))
        window.changed.connect(partial(self._changed, editing))
        window.report_wanted.connect(partial(self._report, editing))
        window.closed.connect(partial(self._closed, editing))
        bring_up(window)
        return editing

    def _keep(self, editing: Editing, draft: Draft | None) -> None:
        """Makes the picture part of a draft."""
        marks = editing.history.to_json()

        def write() -> None:
            into = draft or self._session.new_draft()
            editing.name = into.add_picture(editing.shot, marks).name
            editing.draft = into

        self._bridge.background(write, lambda _: self.saved.emit(editing.draft), self.failed.emit, in_order=True)

    def _changed(self, editing: Editing, history: History) -> None:
        editing.history = editing.unsaved = history
        if not editing.timer.isActive():  # one that starts anew with each change would never end
            editing.timer.start()

    def _save(self, editing: Editing) -> None:
        """Writes marks and the flattened picture, after everything that was asked for earlier."""
        history, editing.unsaved = editing.unsaved, None
        editing.timer.stop()
        if history is None:
            return

        def write() -> None:
            from client.ui.paint import flatten

            if editing.draft is not None:
                editing.draft.set_marks(editing.name, history.to_json(), flatten(editing.shot, history.marks))

        self._bridge.background(write, lambda _: self.saved.emit(editing.draft), self.failed.emit, in_order=True)

    def _report(self, editing: Editing) -> None:
        """The editor closes only when its picture is safe; a full disk must not take it."""
        if editing.reporting:
            return
        editing.reporting = True

        def close(_: object) -> None:
            editing.reporting = editing.draft is not None
            if editing.draft is not None:
                editing.window.close()
            else:
                self._keep(editing, None)
                self._changed(editing, editing.history)

        self._bridge.background(lambda: None, close, in_order=True)

    def _closed(self, editing: Editing) -> None:
        if editing not in self._open:
            return
        self._open.remove(editing)
        self._save(editing)
        editing.window.deleteLater()

        def tell(_: object) -> None:
            if editing.draft is not None:
                self.left.emit(editing.draft, editing.reporting)

        self._bridge.background(lambda: None, tell, in_order=True)
