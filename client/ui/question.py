"""One question before something is gone for good."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QMessageBox, QWidget

from client.ui import look
from client.words import say


def ask_once(parent: QWidget, title: str, text: str, more: str, then: Callable[[], object], no: str = "") -> None:
    """Calls ``then`` if the user agrees to ``title`` (a verb). Returns at once; Enter and Escape do not (``no``)."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle(title)
    box.setText(text)
    box.setInformativeText(more)
    yes = box.addButton(title, QMessageBox.ButtonRole.DestructiveRole)
    leave = box.addButton(no or say("Keep"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(leave)
    box.setEscapeButton(leave)
    for button in (yes, leave):  # else Qt makes all as narrow as the words above let them be
        button.ensurePolished()
        button.setMinimumWidth(button.sizeHint().width())
    if (words := box.findChild(QLabel, "qt_msgbox_label")) is not None:
        words.setMinimumWidth(look.sized(340))
    if (layout := box.layout()) is not None:
        layout.setContentsMargins(look.XS, look.XL, look.XL, look.L)  # Qt leaves a column for an icon
    yes.clicked.connect(then)
    box.open()
