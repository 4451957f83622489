"""Notices when the settings file changes on disk, by whatever hand. The system tells; nothing is polled."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal

CALM_MS = 150
"""An editor writes in several steps; what counts is the file after the last one."""


class SettingsWatch(QObject):
    """``changed``: the file's content is another than when it was last looked at."""

    changed = Signal()

    def __init__(self, file: Path, parent: QObject) -> None:
        super().__init__(parent)
        self._file, self._known = file, _content(file)
        self._watcher = QFileSystemWatcher([str(file.parent)], self)
        self._calm = QTimer(self, singleShot=True, interval=CALM_MS)
        self._calm.timeout.connect(self._look)
        self._watcher.directoryChanged.connect(lambda _: self._calm.start())
        self._watcher.fileChanged.connect(lambda _: self._calm.start())
        self._follow()

    def _look(self) -> None:
        self._follow()
        content = _content(self._file)
        if content != self._known:
            self._known = content
            self.changed.emit()

    def _follow(self) -> None:
        """A file that is replaced is another one to the system: it has to be watched anew."""
        if not self._watcher.files() and self._file.exists():
            self._watcher.addPath(str(self._file))


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None
