"""One recording as the user sees it: the recorder, its bar, the border around the region."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from capture import CaptureError, Recording, Region, Screenshot
from client.session import Session
from client.ui.bridge import Bridge

if TYPE_CHECKING:
    from capture.video import Recorder, RecordingState


class Rolling(QObject):
    """Lives on Qt's thread; the recorder's callbacks come over the bridge."""

    changed = Signal()
    failed = Signal(object, bool)
    """The error, and whether what was recorded until then was saved."""

    def __init__(self, session: Session, bridge: Bridge, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._bridge = session, bridge
        self._recorder: Recorder | None = None
        self._windows: list[QObject] = []
        self._on_file: Callable[[Path], None] = lambda _: None
        self._then: list[Callable[[Path | None], None]] = []
        self._stopping = False

    @property
    def is_recording(self) -> bool:
        return self._recorder is not None

    def start(self, shot: Screenshot, region: Region, on_file: Callable[[Path], None]) -> None:
        """``on_file`` gets what was recorded, also when it ended early.

        Raises: CaptureError; OSError when the folder for recordings cannot be made.
        """
        from capture.video import Recorder
        from client.ui.recording_bar import RecordingBar, RegionBorder

        folder = self._session.paths.recordings
        folder.mkdir(exist_ok=True, mode=0o700)
        whole = region.width == shot.width and region.height == shot.height
        chosen = self._session.settings.recording
        self._recorder = Recorder(
            folder / f"{datetime.now().astimezone():%Y%m%d-%H%M%S}.mp4",
            shot.monitor,
            None if whole else region,
            fps=int(chosen.fps),
            max_seconds=chosen.minutes * 60,
            cursor=chosen.cursor,
            on_state=lambda state: self._bridge.later(lambda: self._show(state)),
            on_end=lambda end: self._bridge.later(lambda: self._ended(end)),
        )
        self._on_file, self._then, self._stopping = on_file, [], False
        try:
            self._recorder.start()
        except CaptureError:
            self._recorder = None
            raise
        bar = RecordingBar(shot.monitor, None if whole else region)
        bar.stop_wanted.connect(self._stop_pressed)
        bar.pause_wanted.connect(lambda: self.pause(paused=True))
        bar.resume_wanted.connect(lambda: self.pause(paused=False))
        self._windows = [bar]
        if not whole:
            self._windows.append(RegionBorder(shot.monitor, region))
        for window in self._windows:
            window.show()  # type: ignore[attr-defined]
        self.changed.emit()

    def pause(self, *, paused: bool) -> None:
        if self._recorder is not None:
            (self._recorder.pause if paused else self._recorder.resume)()

    def stop(self, then: Callable[[Path | None], None] | None = None) -> None:
        """Finishes cleanly; ``then`` is called with the file as well, or with None when there is none."""
        if self._recorder is None:
            return
        if then is not None:
            self._then.append(then)
        if not self._stopping:
            self._stopping = True
            self._bridge.background(self._recorder.stop, on_error=lambda _: None)

    def _stop_pressed(self) -> None:
        self.stop()

    def rescue(self) -> tuple[Path, ...]:
        """The recordings that a killed run left, made whole. On a worker thread."""
        folder = self._session.paths.recordings
        if not folder.is_dir() or not any(folder.iterdir()):
            return ()
        from capture.video import orphans, salvage

        saved = [path for path in folder.glob("*.mp4") if not path.name.endswith(".part.mp4")]
        for part in orphans(folder):
            try:
                saved.append(salvage(part).path)
            except CaptureError:  # damaged beyond use: the file stays where it is
                continue
        return tuple(saved)

    def _show(self, state: RecordingState) -> None:
        if self._recorder is not None and self._windows:
            self._windows[0].show_state(state.seconds, state.size_bytes, state.paused)  # type: ignore[attr-defined]

    def _ended(self, end: Recording | CaptureError) -> None:
        if self._recorder is None:
            return
        self._recorder = None
        for window in self._windows:
            window.close()  # type: ignore[attr-defined]
            window.deleteLater()
        self._windows = []
        self.changed.emit()
        saved = end if isinstance(end, Recording) else getattr(end, "recording", None)
        if isinstance(end, CaptureError):
            self.failed.emit(end, saved is not None)
        if saved is not None:
            self._on_file(saved.path)
        then, self._then = self._then, []
        for call in then:
            call(saved.path if saved else None)
