"""One ticket as a conversation: what was written, the files that came, and what the user may do now."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from client.answers import OnItsWay
from client.terms import WayBack, cut_words, delivery_word, more_words, standing_word, ticket_number, ticket_priority
from client.tickets import OVER, Mine, file_name
from client.ui import look
from client.ui.alive import while_alive
from client.ui.buttons import FlushLink, PrimaryButton, QuietButton
from client.ui.growing_text import GrowingText
from client.ui.no_way_back import NoWayBack
from client.ui.outbox_window import shortened
from client.ui.pieces import Divider, Label, OneLine, Panel, StateLabel, Tone, flush_row
from client.ui.prose import Prose
from client.ui.rating import Rating
from client.words import explain, moment, say, size
from uploader.body import apart
from uploader.inbox import RemoteFile, Reply
from uploader.plain_text import CUT

RING = 2
"""How wide the mark of focus around the conversation is; the words stand in line with those above."""
ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


def state_words(mine: Mine, way: WayBack = "here") -> tuple[str, Tone]:
    """How a ticket stands, in our words, and their tone."""
    tones: dict[str, Tone] = {"open": "quiet", "waiting": "warn", "solved": "ok", "closed": "faint"}
    return standing_word(mine.ticket.state, way), tones[mine.ticket.state]


class Conversation(QWidget):
    """Shows one ticket at a time. What is pressed is told by signals; it asks nobody itself."""

    replied = Signal(str)
    reply_with_files = Signal(str)
    file_wanted = Signal(object)
    solved = Signal()
    reopened = Signal()
    rated = Signal(int, str)
    closed_question = Signal()
    page_wanted = Signal()
    outbox_wanted = Signal()
    draft_wanted = Signal(str)
    connect_wanted = Signal()

    def __init__(self, phrases: look.Phrases) -> None:
        super().__init__()
        self._mine: Mine | None = None
        self._to_end = QTimer(self, singleShot=True, interval=500)
        self._standing = ""
        self._passing = QTimer(self, singleShot=True)
        self._passing.timeout.connect(lambda: self.tell(""))
        self._unfolded = set[str]()
        self._shown: tuple[Mine, tuple[Reply, ...], str, str] | None = None
        self._going: tuple[OnItsWay, ...] = ()
        self._way: WayBack = "here"
        self.subject, self.state = Label(size="large", strong=True, wrap=True), StateLabel()
        self._about, self.note = OneLine("faint", "small"), Label("faint", "small", wrap=True)
        self._page, self._solve, self._reopen = FlushLink("external-link"), QuietButton("check"), QuietButton("undo-2")
        self.text, self.send = GrowingText(2, 8), PrimaryButton()
        self.attach = QuietButton("paperclip")
        self.rating = Rating(phrases)
        self._messages = QVBoxLayout()
        self._scroll = _Scroll()
        self._foot = QWidget()
        self._build()
        tell = phrases.tell
        tell(self.send.setText, lambda: say("Reply"))
        tell(self.attach.setText, lambda: say("Attach…"))
        tell(self._page.setText, lambda: say("Open in the browser"))
        tell(self._solve.setText, lambda: say("It is solved"))
        tell(self._reopen.setText, lambda: say("It is not solved"))
        tell(self.text.setPlaceholderText, lambda: say("Your answer"))
        phrases.name(self.text, lambda: say("Your answer"))
        tell(lambda _: self._show_again(), lambda: "")
        tell(self._scroll.setAccessibleName, lambda: say("Conversation"))
        self.send.clicked.connect(self._reply)
        self.attach.clicked.connect(lambda: self.reply_with_files.emit(self.text.toPlainText().strip()))
        self._page.clicked.connect(self.page_wanted)
        self._solve.clicked.connect(self.solved)
        self._reopen.clicked.connect(self.reopened)
        self.rating.given.connect(self.rated)
        self.rating.put_off.connect(self.closed_question)
        self.text.textChanged.connect(self._show_buttons)

    def show_ticket(
        self, mine: Mine, replies: tuple[Reply, ...], due: str, rating: str, going: tuple[OnItsWay, ...] = (),
        way: WayBack = "here",
    ) -> None:  # fmt: skip
        """``due``: when an answer is due, in words. ``rating``: as ``InboxAbilities`` says it. ``going``: one's own
        answers that the desk does not have yet. ``way``: how its desk's answers come."""
        other, bar = not self.shows(mine), self._scroll.verticalScrollBar()
        same = (
            not other and self._shown is not None and (self._shown[1], self._going, self._way) == (replies, going, way)
        )
        if other or bar.value() >= bar.maximum() - look.S:
            self._to_end.start()  # who reads the end goes on to: a rating that comes must not hide the last words
        self._mine, self._shown, self._going, self._way = mine, (mine, replies, due, rating), going, way
        self.subject.setText(mine.ticket.subject)
        words, tone = state_words(mine, way)
        self.state.setText(words)
        self.state.set_tone(tone)
        parts = (ticket_number(mine.ticket), more_words(mine.ticket), ticket_priority(mine.ticket), due)
        self._about.setText(" · ".join(part for part in parts if part))
        self._page.setVisible(bool(mine.ticket.url))
        may = mine.ticket.may
        self._foot.setVisible(self.can_answer)
        self._solve.setVisible("solve" in may)
        self._reopen.setVisible("reopen" in may)
        asks = mine.ticket.state in OVER and (mine.score is not None or not mine.asked)
        self.rating.ask(rating, given=mine.score) if asks else self.rating.hide()
        if other:
            self._unfolded.clear()
            self.stand("")
            self.tell("")
        if not same:  # what is marked with the mouse, or has the keyboard, stays so
            self._show_messages(replies, going)
        self._show_buttons()

    def tell(self, words: str, passing_ms: int = 0) -> None:
        """A line below it all, until the next one or for so long; then what ``stand`` said shows again."""
        self.note.setText(words or self._standing)
        self._passing.start(passing_ms) if words and passing_ms else self._passing.stop()

    def stand(self, words: str) -> None:
        """What is so until this is called anew; empty: nothing."""
        if self.note.text() in ("", self._standing):
            self.note.setText(words)
        self._standing = words

    def shows(self, mine: Mine) -> bool:
        """Whether it is this ticket that stands here."""
        now = self._mine
        return now is not None and (now.desk, now.ticket.key) == (mine.desk, mine.ticket.key)

    @property
    def can_answer(self) -> bool:
        ticket = self._mine.ticket if self._mine is not None else None
        return ticket is not None and "reply" in ticket.may and ticket.state != "closed"

    def _show_again(self) -> None:
        """In the language of this moment."""
        if self._shown is not None:
            shown, self._shown = self._shown, None
            self.show_ticket(*shown, self._going, self._way)

    def take_text(self) -> str:
        """What was written, and the field is empty again."""
        text = self.text.toPlainText().strip()
        self.text.clear()
        return text

    # -- within -----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        head = QVBoxLayout()
        head.setContentsMargins(look.L, look.M, look.L, look.M)
        head.setSpacing(look.XS)
        first = QHBoxLayout()
        first.setSpacing(look.M)
        first.addWidget(self.subject, 1)
        first.addWidget(self.state, 0, Qt.AlignmentFlag.AlignTop)
        second = QHBoxLayout()
        second.addWidget(self._about, 1)
        second.addWidget(self._page)
        head.addLayout(first)
        head.addLayout(second)
        inner = self._inner = _Inner()
        column = QVBoxLayout(inner)
        column.setContentsMargins(look.L - RING, look.M - RING, look.L - RING, look.M - RING)
        self._messages.setSpacing(look.M)
        column.addLayout(self._messages)
        column.addStretch()
        self._scroll.setWidget(inner)
        self._scroll.setWidgetResizable(True)
        self._scroll.setMinimumHeight(look.sized(120))
        self._scroll.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._scroll.setProperty("ring", True)
        self._scroll.verticalScrollBar().rangeChanged.connect(self._grown)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        foot = QVBoxLayout(self._foot)
        foot.setContentsMargins(look.L, look.M, look.L, look.S)
        foot.setSpacing(look.S)
        foot.addWidget(self.text)
        row = QHBoxLayout()
        row.setSpacing(look.S)
        row.addWidget(self.attach)
        row.addStretch()
        for button in (self._reopen, self._solve, self.send):
            row.addWidget(button)
        foot.addLayout(row)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(head)
        whole.addWidget(Divider())
        whole.addWidget(self._scroll, 1)
        whole.addWidget(self.rating)
        whole.addWidget(Divider())
        whole.addWidget(self._foot)
        note = QHBoxLayout()
        note.setContentsMargins(look.L, 0, look.L, look.S)
        note.addWidget(self.note)
        whole.addLayout(note)

    def _show_messages(self, replies: tuple[Reply, ...], going: tuple[OnItsWay, ...]) -> None:
        while (item := self._messages.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.setParent(None)
                widget.deleteLater()
        for reply in replies:
            self._messages.addWidget(_Message(reply, self.file_wanted.emit, self._unfolded))
        for answer in going:
            self._messages.addWidget(_Going(answer, self._go_to))
        if self._way != "here" and not replies and self._mine is not None:
            self._messages.addWidget(NoWayBack(self._mine, self._way, self.connect_wanted.emit))
        before: QWidget = self._scroll
        for part in self._inner.findChildren(QWidget):  # by keys they come where the eye meets them, not at the end
            if part.focusPolicy() & Qt.FocusPolicy.TabFocus and part.parent() is not None:
                QWidget.setTabOrder(before, part)
                before = part
        QTimer.singleShot(0, while_alive(self, self._inner.fit))

    def _go_to(self, answer: OnItsWay) -> None:
        if answer.state == "draft":
            self.draft_wanted.emit(answer.report_id)
        else:
            self.outbox_wanted.emit()

    def _grown(self, _least: int, most: int) -> None:
        """A conversation that was just opened is read from its end; the layout knows late how long it is."""
        if self._to_end.isActive():
            self._scroll.verticalScrollBar().setValue(most)

    def _show_buttons(self) -> None:
        self.send.setEnabled(bool(self.text.toPlainText().strip()))

    def _reply(self) -> None:
        self.text.setFocus()  # the button goes out with the empty field
        if text := self.take_text():
            bar = self._scroll.verticalScrollBar()
            bar.setValue(bar.maximum())  # where it will stand
            self.replied.emit(text)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in ENTER and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._reply()
        else:
            super().keyPressEvent(event)


class _Scroll(QScrollArea):
    """Who reads the end goes on to when a field below takes of the room."""

    def resizeEvent(self, event: QResizeEvent) -> None:
        bar = self.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - look.S
        super().resizeEvent(event)
        if at_end:
            bar.setValue(bar.maximum())


class _Inner(QWidget):
    """What scrolls: as high as its words need at the width that it gets, never pressed together."""

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()

    def fit(self) -> None:
        layout = self.layout()
        if layout is not None:
            self.setMinimumHeight(max(layout.totalHeightForWidth(self.width()), 0))


class Folded(QWidget):
    """What only matters to whoever looks for it: a line to press, and the words under it."""

    def __init__(self, key: str, text: str, unfolded: set[str]) -> None:
        """``unfolded`` remembers which are open while the conversation is shown anew."""
        super().__init__()
        self._key, self._unfolded = key, unfolded
        self.button, self.words = FlushLink("chevron-right"), Prose(text, "quiet", "small")
        self.button.setText(say("What was sent with it"))
        self.button.setCheckable(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(look.XS)
        column.addLayout(flush_row(self.button))
        column.addWidget(self.words)
        self.words.hide()
        self.button.toggled.connect(self._fold)
        self.button.setChecked(key in unfolded)

    def _fold(self, open_: bool) -> None:  # Qt's signal
        (self._unfolded.add if open_ else self._unfolded.discard)(self._key)
        self.button.set_icon_name("chevron-down" if open_ else "chevron-right")
        self.words.setVisible(open_)


class _Message(QWidget):
    """Who, when, the words, and the files. The user's own are indented, the desk's stand on a panel."""

    def __init__(self, reply: Reply, fetch: Callable[[RemoteFile], object], unfolded: set[str]) -> None:
        super().__init__()
        box: QWidget = QWidget() if reply.mine else Panel()
        whole = QHBoxLayout(self)
        whole.setContentsMargins(look.XXL if reply.mine else 0, 0, 0 if reply.mine else look.XXL, 0)
        whole.addWidget(box)
        column = QVBoxLayout(box)
        column.setContentsMargins(look.M, look.S, look.M, look.S)
        column.setSpacing(look.XS)
        who = OneLine("faint", "small")
        author = say("You") if reply.mine else reply.author
        author = say("{name} (automatic answer)", name=author) if reply.automatic else author
        who.setText(f"{author} · {moment(reply.written_at)}")
        column.addWidget(who)
        said, carried = apart(reply.text.removesuffix(CUT))
        if said:
            column.addWidget(Prose(said))
        if reply.text.endswith(CUT):
            more = Label("quiet", "small", wrap=True)
            more.setText(cut_words())
            column.addWidget(more)
        for file in reply.files:
            button = FlushLink("paperclip")
            whole_name = file_name(file)
            name = shortened(whole_name, 28)
            button.setText(f"{name}  {size(file.size_bytes)}" if file.size_bytes else name)
            button.setToolTip(whole_name)
            button.clicked.connect(partial(fetch, file))
            column.addLayout(flush_row(button))
        if "\n" in carried:  # our mark alone tells a reader nothing
            column.addWidget(Folded(reply.key, carried, unfolded))


class _Going(QWidget):
    """One's own answer that the desk does not have yet: how it stands, and the way to it."""

    def __init__(self, answer: OnItsWay, go_to: Callable[[OnItsWay], object]) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(look.XXL + look.M, look.S, look.M, look.S)
        column.setSpacing(look.XS)
        who, state = OneLine("faint", "small"), StateLabel()
        who.setText(f"{say('You')} · {moment(answer.written_at)}")
        why = explain(answer.trouble.code)[0] if answer.trouble is not None and answer.state != "sending" else ""
        word = say("Waiting to be sent") if answer.state == "queued" else delivery_word(answer.state)
        state.setText(f"{word}: {why}" if why else word)
        state.setWordWrap(True)
        tones: dict[str, Tone] = {"sending": "accent", "sent": "ok", "draft": "quiet"}
        state.set_tone(tones.get(answer.state, "warn"))
        column.addWidget(who)
        column.addWidget(Prose(answer.text))
        for name in answer.files:
            file = OneLine("quiet", "small")
            file.setText(name)
            column.addWidget(file)
        column.addWidget(state)
        if answer.state != "sent":
            way = FlushLink()
            way.setText(say("Continue") if answer.state == "draft" else say("Show in “On their way”"))
            way.clicked.connect(partial(go_to, answer))
            column.addLayout(flush_row(way))
