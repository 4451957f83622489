"""Links to large files that are open: what anybody who has the link can read now, until when, and how it is ended."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from client.session import Session
from client.shared import Entry
from client.ui import look
from client.ui.action_bar import Action, ActionBar, ActionWindow
from client.ui.alive import while_alive
from client.ui.bridge import Bridge
from client.ui.pieces import Divider, EmptyState, OneLine
from client.ui.question import ask_once
from client.ui.report_words import desk_word, joined, trouble_words
from client.ui.rows import Row, RowList
from client.words import moment, say, say_n, size, until


class LinksWindow(ActionWindow):
    def __init__(self, session: Session, bridge: Bridge) -> None:
        super().__init__()
        self._session, self._bridge = session, bridge
        self._links: dict[str, Entry] = {}
        self._ending: set[str] = set()
        self._phrases = look.Phrases(self)
        self.list, self.empty = RowList(), EmptyState("link")
        self._bar = ActionBar(self.list, self._actions, self._phrases)
        self.foot = OneLine("faint", "small")
        self._build()
        tell = self._phrases.tell
        tell(self.setWindowTitle, lambda: say("Open links"))
        tell(self.list.setAccessibleName, lambda: say("Open links"))
        tell(self.empty.title.setText, lambda: say("No link is open"))
        tell(self.empty.detail.setText, lambda: say("Large files that you share appear here until their links end."))
        tell(lambda _: self._show_rows(), lambda: "")
        self.list.currentRowChanged.connect(lambda _: self._bar.refresh())
        self.resize(look.sized(620), look.sized(400))
        self.setMinimumSize(look.sized(380), look.sized(260))

    def refresh(self) -> None:
        """Reads them anew, in the background."""
        read = while_alive(self, self._read)
        self._bridge.background(self._session.shared.links, read, while_alive(self, self._failed))

    # -- within -----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self._stack = QStackedLayout()
        self._stack.addWidget(self.list)
        self._stack.addWidget(self.empty)
        self._below = QWidget()
        below = QVBoxLayout(self._below)
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(0)
        foot = QHBoxLayout()
        foot.setContentsMargins(look.L, look.S, look.L, look.S)
        foot.addWidget(self.foot)
        below.addWidget(Divider())
        below.addWidget(self._bar)
        below.addLayout(foot)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(self._stack, 1)
        whole.addWidget(self._below)

    def _read(self, links: tuple[Entry, ...]) -> None:
        self._links = {link.id: link for link in reversed(links)}
        self._show_rows()

    def _show_rows(self) -> None:
        self.list.show_rows([self._row(link) for link in self._links.values()])
        self._stack.setCurrentWidget(self.list if self._links else self.empty)
        self._below.setVisible(bool(self._links))
        count = say_n("{n} link: whoever has it can read the file.", "{n} links: whoever has one can read its file.",
                      len(self._links))  # fmt: skip
        self.foot.setText(count if self._links else "")
        self._bar.refresh()

    def _row(self, link: Entry) -> Row:
        detail = joined(size(link.size_bytes), desk_word(link.share), say("made {when}", when=moment(link.made_at)))
        if link.id in self._ending:
            return Row(link.id, link.name, detail, say("Ending…"), "quiet", muted=True)
        ends = _begun(until(link.expires_at)) if link.expires_at else say("Does not expire")
        return Row(link.id, link.name, detail, ends, "quiet")

    def _actions(self, key: str) -> list[Action]:
        link = self._links.get(key)
        if link is None or key in self._ending:
            return []
        found: list[Action] = []
        if link.url:  # what was shared by an earlier version is known by its record alone
            found.append((say("Copy link"), "Ctrl+C", partial(self._copy, link)))
            found.append((say("Open"), "Space", partial(QDesktopServices.openUrl, QUrl(link.url))))
        return [*found, (say("End it now"), "Delete", partial(self._ask, link))]

    def _copy(self, link: Entry) -> None:
        QGuiApplication.clipboard().setText(link.url)
        self.foot.setText(say("The link to “{name}” is copied.", name=link.name))

    def _ask(self, link: Entry) -> None:
        more = say("The file is deleted there, and nobody can open the link any more.")
        ask_once(self, say("End it now"), say("End the link to “{name}”?", name=link.name), more,
                 partial(self._end, link))  # fmt: skip

    def _end(self, link: Entry) -> None:
        self._ending.add(link.id)
        self._show_rows()

        def ended(_: object) -> None:
            self._ending.discard(link.id)
            self._links.pop(link.id, None)
            self._show_rows()
            self.foot.setText(say("The link to “{name}” is ended and its file deleted.", name=link.name))

        def failed(error: Exception) -> None:
            self._ending.discard(link.id)
            if isinstance(error, KeyError):  # somebody else was quicker
                self.refresh()
                return
            self._show_rows()
            self._failed(error)

        work = partial(self._session.shared.revoke, link.id)
        self._bridge.background(work, while_alive(self, ended), while_alive(self, failed))

    def _failed(self, error: Exception) -> None:
        self.foot.setText(trouble_words(error))


def _begun(words: str) -> str:
    """As a line begins."""
    return words[:1].upper() + words[1:]
