"""One question before something is gone for good."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from client.words import say


def ask_once(parent: QWidget, title: str, text: str, more: str, then: Callable[[], object]) -> None:
    """Calls ``then`` if the user agrees to ``title`` (a verb). Returns at once; Enter and Escape keep."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle(title)
    box.setText(text)
    box.setInformativeText(more)
    yes = box.addButton(title, QMessageBox.ButtonRole.DestructiveRole)
    no = box.addButton(say("Keep"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(no)
    box.setEscapeButton(no)
    yes.clicked.connect(then)
    box.open()
