"""One discreet question when a ticket is solved: stars, or good and bad, as the desk wants it; and a comment."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from client.ui import look
from client.ui.buttons import LinkButton, QuietButton, draw_ring
from client.ui.pieces import Label, Panel
from client.words import say, say_n

STARS = 5
OUTLINE = [(0.5, 0.06), (0.64, 0.36), (0.96, 0.40), (0.72, 0.62), (0.79, 0.94), (0.5, 0.78), (0.21, 0.94), (0.28, 0.62),
           (0.04, 0.40), (0.36, 0.36)]  # fmt: skip


class Rating(QWidget):
    """``given(score, comment)`` with 1 to 5; ``put_off`` when the user does not want to be asked."""

    given = Signal(int, str)
    put_off = Signal()

    def __init__(self, phrases: look.Phrases) -> None:
        super().__init__()
        self._score, self._how = 0, ""
        self._question, self._thanks = Label(strong=True, wrap=True), Label("quiet", wrap=True)
        self.stars = tuple(_Star() for _ in range(STARS))
        self.good, self.bad = QuietButton(), QuietButton()
        self.comment, self.send, self._later = QLineEdit(), QuietButton("send"), LinkButton()
        self._build()
        tell = phrases.tell
        tell(self._question.setText, lambda: say("How was the help?"))
        tell(self._thanks.setText, lambda: say("Thank you. Your rating is kept."))
        tell(self.good.setText, lambda: say("Good"))
        tell(self.bad.setText, lambda: say("Not good"))
        tell(self.send.setText, self._send_word)
        tell(self._later.setText, lambda: say("Not now"))
        tell(self.comment.setPlaceholderText, lambda: say("A comment, if you like"))
        phrases.name(self.comment, lambda: say("A comment, if you like"))
        for number, star in enumerate(self.stars, 1):
            phrases.name(star, partial(say_n, "{n} star", "{n} stars", number))
            star.clicked.connect(partial(self._choose, number))
        self.good.clicked.connect(partial(self._choose, 5))
        self.bad.clicked.connect(partial(self._choose, 1))
        self.send.clicked.connect(lambda: self.given.emit(self._score, self.comment.text().strip()))
        self.comment.returnPressed.connect(self.send.click)
        self._later.clicked.connect(self._put_off)
        self.hide()

    def ask(self, how: str, *, given: int | None = None) -> None:
        """``how`` as ``InboxAbilities`` says it. ``given``: it was rated already, and is only shown."""
        stars, done = how != "thumbs", given is not None
        self._how = how
        self.send.setText(self._send_word())
        self.send.set_icon_name("send" if how else "check")
        self._score = given or 0
        for star in self.stars:
            star.setVisible(stars)
            star.setEnabled(not done)
        self.good.setVisible(not stars and not done)
        self.bad.setVisible(not stars and not done)
        self._later.setVisible(not done)
        self._thanks.setVisible(done)
        self._question.setVisible(not done)
        self._choose(given or 0)
        if done:
            self.comment.hide()
            self.send.hide()
        self.show()

    def _send_word(self) -> str:
        """Where the desk keeps none, nothing is sent."""
        return say("Send") if self._how else say("Save")

    def _choose(self, score: int) -> None:
        self._score = score
        for number, star in enumerate(self.stars, 1):
            star.full = number <= score
            star.update()
        self.comment.setVisible(score > 0)
        self.send.setVisible(score > 0)
        if score and self.isVisible():
            self.comment.setFocus()

    def _put_off(self) -> None:
        self.hide()
        self.put_off.emit()

    def _build(self) -> None:
        panel = Panel()
        whole = QVBoxLayout(self)
        whole.setContentsMargins(look.L, look.S, look.L, look.M)
        whole.addWidget(panel)
        column = QVBoxLayout(panel)
        column.setContentsMargins(look.M, look.S, look.M, look.S)
        column.setSpacing(look.S)
        row = QHBoxLayout()
        row.setSpacing(look.S)
        row.addWidget(self._question)
        row.addWidget(self._thanks, 1)
        for button in (*self.stars, self.good, self.bad):
            row.addWidget(button)
        row.addStretch()
        row.addWidget(self._later)
        more = QHBoxLayout()
        more.setSpacing(look.S)
        more.addWidget(self.comment, 1)
        more.addWidget(self.send)
        column.addLayout(row)
        column.addLayout(more)


class _Star(QAbstractButton):
    def __init__(self) -> None:
        super().__init__()
        self.full = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:
        side = look.sized(look.XL)
        return QSize(side, side)

    def paintEvent(self, _event: QPaintEvent) -> None:
        now, painter = look.tokens(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(2, 2, -2, -2)
        outline = QPolygonF([QPointF(box.x() + x * box.width(), box.y() + y * box.height()) for x, y in OUTLINE])
        lit = self.full or (self.underMouse() and self.isEnabled())
        painter.setPen(QPen(QColor(now.accent if lit else now.edge), 1.5))
        painter.setBrush(QColor(now.accent) if self.full else Qt.BrushStyle.NoBrush)
        painter.drawPolygon(outline)
        if self.hasFocus():
            draw_ring(painter, QRectF(self.rect()).adjusted(1, 1, -1, -1), QColor(now.accent))
        painter.end()
