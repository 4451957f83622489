"""Choosing files: the dialog begins where people keep theirs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QStandardPaths, Qt
from PySide6.QtWidgets import QFileDialog, QWidget

from client.words import say


def choose_files(window: QWidget, then: Callable[[list[Path]], object]) -> None:
    """Returns at once; ``then`` is called if some are chosen."""
    dialog = QFileDialog(window, say("Attach files"), at_home(QStandardPaths.StandardLocation.PicturesLocation))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
    dialog.filesSelected.connect(lambda names: then([Path(name) for name in names]))
    dialog.open()


def at_home(kind: QStandardPaths.StandardLocation = QStandardPaths.StandardLocation.DocumentsLocation) -> str:
    """The user's folder of this kind, where there is one; else the home folder."""
    place = QStandardPaths.writableLocation(kind)
    return place if place and Path(place).is_dir() else str(Path.home())
