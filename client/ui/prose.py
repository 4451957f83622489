"""Words of others to read: they can be selected, their web addresses opened, and no line leaves its place."""

from __future__ import annotations

import re
from html import escape

from PySide6.QtCore import QSize, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QFocusEvent, QResizeEvent, QTextOption, QWheelEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser

from client.ui import look
from client.ui.pieces import Tone

ADDRESS = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")


class Prose(QTextBrowser):
    """As high as its words at the width that it gets; a sum or an address longer than a line is broken anywhere."""

    def __init__(self, text: str, tone: Tone = "text", size: look.Size = "body") -> None:
        super().__init__()
        self.setProperty("prose", True)
        self.setProperty("tone", tone)
        self.setFont(look.font(size))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.viewport().setAutoFillBackground(False)  # also where the system's own style paints: no field, but words
        self.setOpenLinks(False)
        self.setUndoRedoEnabled(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.LinksAccessibleByMouse
            | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )  # fmt: skip
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.document().setDocumentMargin(0)
        self.document().setDefaultFont(self.font())
        self.setHtml(_linked(text))
        if not ADDRESS.search(text):  # by keys there is nothing to do in it
            self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setAccessibleName(text)
        self.anchorClicked.connect(_open)

    def heightForWidth(self, width: int) -> int:
        twin = self.document().clone()
        twin.setDefaultTextOption(self.document().defaultTextOption())
        twin.setTextWidth(max(1, width))
        return round(twin.size().height() + 0.5)

    def sizeHint(self) -> QSize:
        width = look.sized(320)
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        return QSize(look.sized(80), self.fontMetrics().lineSpacing())

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Who comes by keys stands on a link at once; else the first key would seem to do nothing."""
        super().focusInEvent(event)
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            self.focusNextPrevChild(event.reason() == Qt.FocusReason.TabFocusReason)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.updateGeometry()

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # the conversation scrolls, not one message of it


def _linked(text: str) -> str:
    """Web addresses in it can be opened, and nothing else is markup."""
    at, parts = 0, list[str]()
    for found in ADDRESS.finditer(text):
        parts.append(escape(text[at : found.start()]))
        parts.append(f'<a href="{escape(found[0])}" style="color: {look.tokens().accent}">{escape(found[0])}</a>')
        at = found.end()
    parts.append(escape(text[at:]))
    return "".join(parts).replace("\n", "<br>")


def _open(url: QUrl) -> None:
    QDesktopServices.openUrl(url)
