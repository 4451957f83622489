"""My tickets: the list on the left, the conversation on the right; readable offline, asked anew when it is opened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from PySide6.QtCore import QPoint, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QKeyEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSplitter, QStackedLayout, QVBoxLayout, QWidget

from client.answers import OnItsWay, answers
from client.draft import Draft
from client.figures import Figures
from client.report import Delivery, DeliveryChanged, Event, TicketNews, TicketsChanged
from client.session import Session
from client.support import NOT_DUE, Due
from client.terms import WayBack
from client.tickets import Mine
from client.ui import look
from client.ui.action_bar import ListWindow
from client.ui.alive import while_alive
from client.ui.bridge import Bridge
from client.ui.conversation import Conversation
from client.ui.desk_standing import DeskStanding
from client.ui.fetching import READ_MS, fetch_and_open
from client.ui.hand_over import words_about
from client.ui.pieces import EmptyState, Label, Menu
from client.ui.report_words import joined, trouble_words
from client.ui.rows import Row, RowList
from client.ui.support_row import SupportRow
from client.ui.ticket_rows import figure_words, holds, key_of, row_of
from client.words import say, say_n
from uploader.errors import Gone
from uploader.inbox import RemoteFile, Reply

BY_SHORTCUT = Qt.FocusReason.ShortcutFocusReason
REPAINT_MS = 30_000
"""What is told as left is no more than this behind."""


class TicketsWindow(ListWindow):
    form_wanted = Signal(object)
    report_wanted = Signal()
    draft_wanted = Signal(str)
    outbox_wanted = Signal()
    connect_wanted = Signal()

    def __init__(self, session: Session, bridge: Bridge) -> None:
        super().__init__(None)
        self._session, self._bridge = session, bridge
        self._tickets: dict[str, Mine] = {}
        self._phrases = look.Phrases(self)
        self.search, self.list = QLineEdit(), RowList()
        self.empty, self.none_chosen = EmptyState("inbox"), EmptyState("inbox")
        self.talk = Conversation(self._phrases)
        self._foot = Label("faint", "small", wrap=True)
        self._build()
        tell = self._phrases.tell
        tell(self.setWindowTitle, lambda: say("My tickets"))
        tell(self.list.setAccessibleName, lambda: say("Tickets"))
        tell(self.search.setPlaceholderText, lambda: say("Search"))
        self._phrases.name(self.search, lambda: say("Search"))
        tell(self.empty.title.setText, lambda: say("No tickets yet"))
        tell(self.empty.detail.setText, lambda: say("What you report appears here, with the answers of the help desk."))
        tell(self.empty.action.setText, lambda: say("Report a problem"))
        tell(self.none_chosen.title.setText, lambda: say("No ticket is chosen"))
        tell(self.none_chosen.detail.setText, lambda: say("Choose one on the left to read and to answer."))
        self.empty.action.show()
        self.empty.action.clicked.connect(self.report_wanted)
        self._wire()
        tell(lambda _: self._show_rows(), lambda: "")
        self.resize(look.sized(860), look.sized(560))
        self.setMinimumSize(look.sized(640), look.sized(360))

    def refresh(self) -> None:
        """Reads what is known, in the background; the desks are asked besides."""
        known = self._session.tickets
        work = lambda: (known.list(), self._session.answers.figures(), known.are_cut_off())  # noqa: E731
        self._bridge.background(work, while_alive(self, lambda found: self._read(*found)), self._failed)

    def choose(self, desk: str, key: str) -> None:
        """Shows this ticket as soon as it is in the list."""
        self._wanted = key_of(desk, key)
        self.refresh()

    # -- within -----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self._wanted = ""
        self._asked = set[tuple[str, str, datetime]]()
        self._figures: Figures | None = None
        self._cut_off = False
        self._ways = dict[str, WayBack]()
        self._desks = DeskStanding(self._session, self._bridge, self)
        left = QWidget()
        left.setMinimumWidth(look.sized(210))
        column = QVBoxLayout(left)
        column.setContentsMargins(0, look.M, 0, 0)
        column.setSpacing(look.S)
        field = QHBoxLayout()
        field.setContentsMargins(look.M, 0, look.M, 0)
        field.addWidget(self.search)
        column.addLayout(field)
        column.addWidget(self.list, 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(look.L, 0, look.S, look.S)
        foot.addWidget(self._foot, 1)
        column.addLayout(foot)
        self.support = SupportRow(
            self._session, self._bridge, self._phrases, self._hand_over_words, cover=False, columns=1
        )
        self.support.setContentsMargins(look.L, 0, look.S, look.S)
        column.addWidget(self.support)
        right = QWidget()
        self._right = QStackedLayout(right)
        self._right.addWidget(self.none_chosen)
        self._right.addWidget(self.talk)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(left)
        split.addWidget(right)
        split.setStretchFactor(1, 1)
        split.setChildrenCollapsible(False)
        split.setSizes([look.sized(310), look.sized(550)])
        self._whole = QStackedLayout(self)
        self._whole.addWidget(split)
        self._whole.addWidget(self.empty)

    def _wire(self) -> None:
        self.list.currentRowChanged.connect(lambda _: self._show_chosen())
        self._search_soon = QTimer(self, singleShot=True, interval=150)
        self._search_soon.timeout.connect(self._show_rows)
        self._refresh_soon = QTimer(self, singleShot=True, interval=100)
        self._refresh_soon.timeout.connect(self.refresh)
        self.search.textChanged.connect(lambda _: self._search_soon.start())
        self._clock = QTimer(self, interval=REPAINT_MS)
        self._clock.timeout.connect(lambda: self._show_rows() if self.isVisible() else None)
        self._clock.start()
        self.talk.replied.connect(self._reply)
        self.talk.reply_with_files.connect(self._reply_with_files)
        self.talk.file_wanted.connect(self._fetch)
        self.talk.solved.connect(lambda: self._act(self._session.tickets.solve))
        self.talk.reopened.connect(lambda: self._act(self._session.tickets.reopen))
        self.talk.rated.connect(self._rate)
        self.talk.closed_question.connect(lambda: self._act(self._session.tickets.do_not_ask))
        self.talk.page_wanted.connect(self._open_page)
        self.talk.outbox_wanted.connect(self.outbox_wanted)
        self.talk.draft_wanted.connect(self.draft_wanted)
        self.talk.connect_wanted.connect(self.connect_wanted)
        self._desks.changed.connect(self._stand)
        self._bridge.happened.connect(self._on_event)
        QShortcut(QKeySequence.StandardKey.Find, self, self._to_search)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(lambda at: self._pop_menu(self.list.viewport().mapToGlobal(at)))

    def _to_search(self) -> None:
        self.search.setFocus(BY_SHORTCUT)
        self.search.selectAll()

    def _pop_menu(self, at: QPoint) -> None:
        """What can be done about the chosen ticket; the same as in its conversation."""
        mine = self._chosen()
        if mine is None:
            return
        menu, may = Menu(self), mine.ticket.may
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for words, there, act in (
            (say("Reply"), self.talk.can_answer, lambda: self.talk.text.setFocus(BY_SHORTCUT)),
            (say("Open in the browser"), bool(mine.ticket.url), self._open_page),
            (say("It is solved"), "solve" in may, self.talk.solved.emit),
            (say("It is not solved"), "reopen" in may, self.talk.reopened.emit),
        ):
            if there:
                menu.addAction(words).triggered.connect(lambda _=False, act=act: act())
        if menu.actions():
            menu.setActiveAction(menu.actions()[0])
            menu.popup(at)

    def _read(self, tickets: tuple[Mine, ...], figures: Figures, cut_off: bool) -> None:
        self._figures, self._cut_off = figures, cut_off
        self._tickets = {key_of(mine.desk, mine.ticket.key): mine for mine in tickets}
        self._show_rows()
        if self._wanted in self._tickets:
            keys = [row.key for row in self._rows()]
            if self._wanted in keys:
                self.list.setCurrentRow(keys.index(self._wanted))
            self._wanted = ""
        ways = partial(self._session.tickets.ways_back, tickets)  # builds the desks: the list is there before
        self._bridge.background(ways, while_alive(self, self._take_ways))

    def _take_ways(self, ways: dict[str, WayBack]) -> None:
        if ways != self._ways:
            self._ways = ways
            self._show_rows()

    def _rows(self) -> list[Row]:
        wanted, several = self.search.text(), len({mine.desk for mine in self._tickets.values()}) > 1
        return [
            row_of(mine, self._due(mine), self._way(mine), several=several)
            for mine in self._tickets.values() if holds(mine, wanted)
        ]  # fmt: skip

    def _show_rows(self) -> None:
        rows = self._rows()
        self.list.show_rows(rows)
        self._whole.setCurrentIndex(0 if self._tickets or self._figures is None else 1)  # None: nothing was read yet
        self._show_foot()
        self._show_chosen()

    def _show_foot(self) -> None:
        open_ones = sum(mine.ticket.state in ("open", "waiting") for mine in self._tickets.values())
        older = say("older ones at the help desk only") if self._cut_off else ""
        words = joined(say_n("{n} open ticket", "{n} open tickets", open_ones), older, figure_words(self._figures))
        if self._desks.asking:
            words = say("Asking the help desk…")
        self._foot.setText("" if self._figures is None else words)  # not read yet is not none

    def _chosen(self) -> Mine | None:
        return self._tickets.get(self.list.current_key())

    def _show_chosen(self) -> None:
        mine = self._chosen()
        self._right.setCurrentIndex(1 if mine else 0)
        if mine is None or not self.isVisible():
            return
        key = (mine.desk, mine.ticket.key)
        if not self.talk.shows(mine):  # what the list knows already, until the words are read
            self.talk.show_ticket(mine, (), "", "", way=self._way(mine))
            self._stand(mine.desk)
            self.talk.rating.hide()

        def known() -> tuple[tuple[Reply, ...], str | None, tuple[OnItsWay, ...]]:
            replies = self._session.tickets.replies(mine)
            rating = self._session.tickets.rating_of(mine.desk)
            return replies, rating, self._session.answers.on_their_way(mine, replies)

        def show(found: tuple[tuple[Reply, ...], str | None, tuple[OnItsWay, ...]]) -> None:
            now = self._chosen()
            if now is not None and (now.desk, now.ticket.key) == key:
                replies, rating, going = found
                self.talk.show_ticket(now, replies, self._due(now).whole, rating or "", going, self._way(now))

        self._bridge.background(known, while_alive(self, show), self._failed)
        asked = (*key, mine.ticket.updated_at)
        if (mine.unread or not mine.replies) and asked not in self._asked:
            self._asked.add(asked)  # once: a conversation that is empty stays so
            self._open(mine)

    def _way(self, mine: Mine) -> WayBack:
        embedded = self._session.places.is_embedded(mine.desk)
        return self._ways.get(mine.desk, "own" if embedded else "here")

    def _due(self, mine: Mine) -> Due:
        """Of what nobody tells anything about here, nobody can say that it is late."""
        return self._session.support.due(mine) if self._way(mine) == "here" else NOT_DUE

    def _open(self, mine: Mine) -> None:
        """Asks the desk for the conversation, and marks it as read."""

        def ask() -> None:
            self._session.tickets.mark_read(mine)
            if self._session.tickets.reads_back(mine.desk):
                self._session.tickets.open(mine)

        def done(_: object) -> None:
            self._desks.reached(mine.desk)
            self.refresh()

        def failed(error: Exception) -> None:
            self._stand(mine.desk)
            self._failed(error) if isinstance(error, Gone) else self._desks.reached(mine.desk, error)

        if not mine.replies and self._way(mine) == "here" and not self._desks.words(mine.desk):
            self.talk.stand(say("Asking the help desk…"))
        self._bridge.background(ask, while_alive(self, done), while_alive(self, failed))

    def _look(self) -> None:
        """Shows what is on disk at once, asks the desks now, and shows what they said."""
        self.refresh()
        for name in self._session.places.desk_names():  # none of them waits for another
            self._desks.begin(name)
            over = partial(self._looked, name)
            self._bridge.background(partial(self._ask, name), while_alive(self, over), while_alive(self, over))
        if (mine := self._chosen()) is not None:
            self._open(mine)

    def _ask(self, desk: str) -> None:
        if self._session.tickets.reads_back(desk):
            self._session.tickets.look(desk)

    def _looked(self, desk: str, error: Exception | None) -> None:
        self._desks.end(desk, error)
        self.refresh()

    def _stand(self, desk: str) -> None:
        """What is so of a desk stands at each of its tickets while it is so."""
        self._show_foot()
        if (mine := self._chosen()) is not None and mine.desk == desk:
            self.talk.stand(self._desks.words(desk))

    def _act(self, verb: Callable[[Mine], object]) -> None:
        mine = self._chosen()
        if mine is not None:
            self._bridge.background(partial(verb, mine), while_alive(self, lambda _: self.refresh()), self._failed)

    def _rate(self, score: int, comment: str) -> None:
        self._act(lambda mine: self._session.tickets.rate(mine, score, comment))

    def _reply(self, text: str) -> None:
        mine = self._chosen()
        if mine is None:
            return
        self.talk.tell(say("Sending…"))
        send = lambda: self._session.submit(self._session.answers.new(mine, text))  # noqa: E731
        self._bridge.background(send, None, while_alive(self, partial(self._not_sent, text)), in_order=True)

    def _not_sent(self, text: str, error: Exception) -> None:
        self.talk.text.setPlainText(text)
        self._failed(error)

    def _reply_with_files(self, text: str) -> None:
        """Goes on with the answer that was begun; then what stands in the field stays there."""
        mine = self._chosen()
        if mine is None:
            return

        def begin() -> tuple[Draft, bool]:
            begun = self._session.answers.draft_of(mine)
            return begun or self._session.answers.new(mine, text), begun is None

        def made(found: tuple[Draft, bool]) -> None:
            draft, is_new = found
            if is_new:
                self.talk.take_text()
            else:
                self.talk.tell(say("The answer that you began is open again."), READ_MS)
            self.form_wanted.emit(draft)

        self._bridge.background(begin, while_alive(self, made), self._failed, in_order=True)

    def _fetch(self, file: RemoteFile) -> None:
        if (mine := self._chosen()) is not None:
            fetch_and_open(self._session, self._bridge, self.talk, mine, file, self._failed)

    def _hand_over_words(self) -> str:
        mine = self._chosen()
        return words_about(mine.ticket.subject, mine.ticket) if mine else ""

    def _open_page(self) -> None:
        mine = self._chosen()
        if mine is not None and mine.ticket.url.startswith(("https://", "http://", "file://")):
            QDesktopServices.openUrl(QUrl(mine.ticket.url))

    def _failed(self, error: Exception) -> None:
        self.talk.tell(say("{why}. Shown is what was last seen.", why=trouble_words(error).rstrip(".")), READ_MS)

    def _on_event(self, event: Event) -> None:
        mine = self._chosen()
        if isinstance(event, DeliveryChanged):
            if mine is not None and answers(event.delivery, mine):
                self._tell_answer(mine, event.delivery)
            else:
                mine = None
            if event.delivery.state != "sent":
                return
            self._wanted = self.list.current_key()
        elif not isinstance(event, TicketNews | TicketsChanged):
            return
        elif mine is None or isinstance(event, TicketsChanged) or event.ticket.key != mine.ticket.key:
            mine = None
        self._refresh_soon.start()
        if mine is not None and self.isVisible():
            self._open(mine)

    def _tell_answer(self, mine: Mine, answer: Delivery) -> None:
        """How the answer stands is said at its words; below them no “Sending…” stays behind."""
        if answer.state != "sending":
            self.talk.tell("")
            self._show_chosen()

    def showEvent(self, event: QShowEvent) -> None:
        self.list.setFocus()
        self._asked.clear()
        super().showEvent(event)
        self._desks.read()
        self._session.polling.nudge()

    def pop_at_row(self) -> None:
        chosen = self.list.visualItemRect(self.list.currentItem())
        self._pop_menu(self.list.viewport().mapToGlobal(chosen.center()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_F5:
            self._look()
        else:
            super().keyPressEvent(event)
