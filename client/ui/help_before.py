"""Before the ticket: articles that may solve it, and one's own open tickets about the same, while the subject is typed.

It never gets in the way: it asks in the background, once the typing has paused, and an answer that comes too late for
other words is dropped.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from client.articles import Suggested
from client.draft import Draft
from client.session import Session
from client.terms import ticket_number
from client.tickets import Mine
from client.ui import look
from client.ui.alive import while_alive
from client.ui.article_window import ArticleWindow
from client.ui.bridge import Bridge
from client.ui.buttons import FlushLink, QuietButton
from client.ui.pieces import Label
from client.ui.placing import bring_up
from client.ui.report_fields import ReportFields
from client.ui.report_words import desk_word
from client.words import say
from uploader.errors import Temporary
from uploader.inbox import Article

PAUSE_MS = 500
LEAST_SIGNS = 6
MOST_ARTICLES, MOST_TICKETS = 3, 2
MOST_SIGNS = 58
"""Of a title."""

AGAIN_MS = 20_000
"""After which a knowledge base that could not be reached is asked again."""

Found = tuple[Suggested, tuple[Mine, ...]]


class HelpBefore(QWidget):
    """``solved`` when an article was all that was needed; ``became_reply`` when the draft now answers a ticket, or none
    again."""

    solved = Signal()
    became_reply = Signal()
    changed = Signal()

    def __init__(
        self, session: Session, bridge: Bridge, draft: Draft, fields: ReportFields, phrases: look.Phrases
    ) -> None:
        super().__init__()
        self._session, self._bridge, self._draft, self._fields = session, bridge, draft, fields
        self._asked = ""
        self.article: ArticleWindow | None = None
        self._title, self._own, self._away = Label("faint", "small"), Label("faint", "small"), Label("faint", "small")
        self.solve = QuietButton("check")
        self._before: dict[str, object] = {}
        self.back = FlushLink("undo-2")
        self._rows = QVBoxLayout()
        self._mine = QVBoxLayout()
        self._build()
        phrases.tell(self._title.setText, lambda: say("This may help"))
        phrases.tell(self._own.setText, lambda: say("You have already reported. To answer there instead:"))
        phrases.tell(self._away.setText, lambda: say("The help articles cannot be reached now"))
        phrases.tell(self.solve.setText, lambda: say("That solved it"))
        phrases.tell(self.back.setText, lambda: say("Make a new report of it"))
        self.solve.clicked.connect(self._solved)
        self.back.clicked.connect(self._report_anew)
        self._timer = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._timer.timeout.connect(self._ask)
        self._later = QTimer(self, singleShot=True, interval=AGAIN_MS)
        self._later.timeout.connect(self._ask_again)
        if session.settings.articles.suggest and draft.report.reply_to is None:
            fields.subject.textChanged.connect(lambda _: self._timer.start())
            self._timer.start()  # for words of a draft that is opened again
        self.hide()

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(look.XS)
        for layout in (self._rows, self._mine):
            layout.setSpacing(0)
            layout.setContentsMargins(0, 0, 0, 0)
        self._head = QWidget()
        head = QHBoxLayout(self._head)
        head.setContentsMargins(0, 0, 0, 0)
        head.addWidget(self._title, 1)
        head.addWidget(self.solve)
        stays = self.solve.sizePolicy()  # its place is kept, so that nothing moves under the pointer when it comes
        stays.setRetainSizeWhenHidden(True)
        self.solve.setSizePolicy(stays)
        column.addWidget(self._head)
        column.addLayout(self._rows)
        column.addWidget(self._away)
        column.addWidget(self._own)
        column.addLayout(self._mine)
        column.addWidget(self.back, 0, Qt.AlignmentFlag.AlignLeft)
        self.solve.hide()
        self.back.hide()

    def _ask(self) -> None:
        words = self._fields.subject.text().strip()
        if words == self._asked or self._draft.report.reply_to is not None:
            return
        self._asked = words
        if len(words) < LEAST_SIGNS:
            self._show(words, (Suggested(), ()))
            return

        def work() -> Found:
            return self._session.articles.find(words, self._draft.report.desk), self._session.tickets.similar(
                words, MOST_TICKETS
            )

        self._bridge.background(work, while_alive(self, partial(self._show, words)), lambda _: None)

    def _ask_again(self) -> None:
        """Only what is in sight; whoever closed the form or went on with other words is not bothered."""
        if self._away.isVisible():
            self._asked = ""
            self._ask()

    def _show(self, words: str, found: Found) -> None:
        if words != self._asked or self._draft.report.reply_to is not None:
            return
        articles, tickets = found[0].articles, found[1]
        away = isinstance(found[0].fault, Temporary)  # what it refuses, it will refuse tomorrow
        _refill(self._rows, [self._row("file-text", title, a.excerpt, partial(self._open, a))
                             for a, title in self._titled(articles[:MOST_ARTICLES])])  # fmt: skip
        there = say("Answer there instead")
        _refill(self._mine, [self._row("inbox", f"{ticket_number(m.ticket)}  {m.ticket.subject}".strip(), there,
                                       partial(self._answer_there, m)) for m in tickets])  # fmt: skip
        self._head.setVisible(bool(articles))
        self._own.setVisible(bool(tickets))
        self._away.setVisible(away)
        self.setVisible(bool(articles or tickets or away))
        if away:
            self._later.start()
        self.changed.emit()

    def _titled(self, articles: tuple[Article, ...]) -> list[tuple[Article, str]]:
        """Where two have the same title, each says whose it is."""
        titles = [article.title.casefold() for article in articles]

        def title(article: Article) -> str:
            if titles.count(article.title.casefold()) < 2:
                return article.title
            desk = desk_word(self._session.places.desk_name(self._draft.report.desk))
            where = say("folder of articles") if article.url.startswith("file:") else desk
            return f"{article.title[: MOST_SIGNS - len(where) - 3]} · {where}"

        return [(article, title(article)) for article in articles]

    @staticmethod
    def _row(icon: str, title: str, tip: str, act: object) -> FlushLink:
        row = FlushLink(icon)
        row.setText(title if len(title) <= MOST_SIGNS else title[: MOST_SIGNS - 1] + "…")
        row.setToolTip(tip)
        row.setAccessibleName(title)
        row.setAccessibleDescription(tip)
        row.clicked.connect(act)
        return row

    def _solved(self) -> None:
        self.close_article()
        self._session.answers.count_spared()
        self.solved.emit()

    def _answer_there(self, mine: Mine) -> None:
        """What was written becomes an answer to the ticket that is already open."""
        values, report = self._fields.values(), self._draft.report
        self._before = {**values, "desk": report.desk, "reply_to": None}
        text = "\n\n".join(part for part in (values["summary"].strip(), values["description"].strip()) if part)
        self._session.answers.turn(self._draft, mine, text)
        self._fields.become_reply(self._draft.report)
        for part in (self._head, self._own, self._away, self.back):
            part.setVisible(part is self.back)
        for rows in (self._rows, self._mine):
            _refill(rows, [])
        self.became_reply.emit()

    def _report_anew(self) -> None:
        """It was another problem after all: what was written is as it was before."""
        self._draft.set(**self._before)
        self._fields.become_report(self._draft.report)
        self.back.hide()
        self._asked = ""
        self._ask()
        self.became_reply.emit()

    def _open(self, article: Article) -> None:
        """A page in the browser; a file of this machine in a window of ours, which loads nothing."""
        self.close_article()
        if article.text:
            self.article = ArticleWindow(article)
            self.article.solved.connect(self._solved)
            bring_up(self.article)
        elif article.url.startswith(("https://", "http://")):
            QDesktopServices.openUrl(QUrl(article.url))
        self.solve.show()

    def close_article(self) -> None:
        """It goes with the form that it helps with."""
        if self.article is not None:
            self.article.close()
            self.article.deleteLater()
            self.article = None


def _refill(layout: QVBoxLayout, rows: list[FlushLink]) -> None:
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.setParent(None)
            widget.deleteLater()
    for row in rows:
        line = QHBoxLayout()
        line.addWidget(row)
        line.addStretch()
        holder = QWidget()
        line.setContentsMargins(0, 0, 0, 0)
        holder.setLayout(line)
        layout.addWidget(holder)
