"""One question before something is gone for good, or goes to somebody else."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QMessageBox, QWidget

from client.ui import look
from client.words import say


def ask_once(
    parent: QWidget,
    title: str,
    text: str,
    more: str,
    then: Callable[[], object],
    no: str = "",
    *,
    harmless: bool = False,
) -> None:
    """Calls ``then`` if the user agrees to ``title`` (a verb). Returns at once; Escape does not (``no``), and Enter
    only where it is ``harmless``."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle(title)
    box.setText(text)
    box.setInformativeText(more)
    role = QMessageBox.ButtonRole.AcceptRole if harmless else QMessageBox.ButtonRole.DestructiveRole
    yes = box.addButton(title, role)
    leave = box.addButton(no or say("Keep"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(yes if harmless else leave)
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
