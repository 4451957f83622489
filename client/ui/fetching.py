"""A file that came with a reply: brought here, and opened where that can do no harm."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from client.session import Session
from client.tickets import Mine, file_name
from client.ui.alive import while_alive
from client.ui.bridge import Bridge
from client.ui.conversation import Conversation
from client.words import say
from uploader.inbox import RemoteFile

OPENED = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".txt", ".log", ".md", ".csv", ".pdf", ".mp4", ".webm")
"""What may be opened at a click: a program, a page or a document with macros is only saved, and its folder shown."""
READ_MS = 15_000
"""How long a sentence of two lines stands."""


def fetch_and_open(
    session: Session, bridge: Bridge, talk: Conversation, mine: Mine, file: RemoteFile,
    failed: Callable[[Exception], object],
) -> None:  # fmt: skip
    folder = session.paths.data / "received" / mine.desk / "".join(c for c in mine.ticket.id if c.isalnum())
    talk.tell(say("Fetching “{name}”…", name=file_name(file)))

    def came(path: Path) -> None:
        safe = path.suffix.lower() in OPENED
        said = say("“{name}” is here.", name=path.name) if safe else say(
            "“{name}” is saved, not opened: such files can do harm. Its folder is open.", name=path.name
        )  # fmt: skip
        talk.tell(said, READ_MS)
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(path if safe else path.parent)))

    bridge.background(partial(session.tickets.fetch, mine, file, folder), while_alive(talk, came), failed)
