"""What stands in the place of a conversation where nothing comes back here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QVBoxLayout, QWidget

from client.terms import WayBack, way_words
from client.tickets import Mine
from client.ui import look
from client.ui.buttons import FlushLink
from client.ui.pieces import Label
from client.words import say


class NoWayBack(QWidget):
    """Where a ticket lies of which nothing comes back here, and what can be done about that."""

    def __init__(self, mine: Mine, way: WayBack, connect: Callable[[], object]) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(look.XS)
        words = Label("quiet", wrap=True)
        words.setText(way_words(way))
        column.addWidget(words)
        page = QUrl(mine.ticket.url)
        if page.isLocalFile():
            folder = FlushLink("external-link")
            folder.setText(say("Open its folder"))
            place = QUrl.fromLocalFile(str(Path(page.toLocalFile()).parent))
            folder.clicked.connect(lambda: QDesktopServices.openUrl(place))
            column.addWidget(folder, 0, Qt.AlignmentFlag.AlignLeft)
        if way == "own":
            more, link = Label("quiet", wrap=True), FlushLink()
            more.setText(say("Connect a help desk, and what you report from then on goes there."))
            link.setText(say("Connect a help desk…"))
            link.clicked.connect(connect)
            column.addWidget(more)
            column.addWidget(link, 0, Qt.AlignmentFlag.AlignLeft)
