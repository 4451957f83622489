"""The small still pieces every window is built of: words, lines, panels, ticks, empty places."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QStyledItemDelegate,
    QVBoxLayout,
    QWidget,
)

from client.ui import look
from client.ui.buttons import FlushLink, LinkButton, draw_ring
from client.ui.icons import draw_icon

MOVING = (
    Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown,
)  # fmt: skip
Tone = Literal["text", "quiet", "faint", "accent", "ok", "warn", "bad"]


class Label(QLabel):
    """Words in one of the four sizes and in a tone that follows the theme."""

    def __init__(
        self,
        tone: Tone = "text",
        size: look.Size = "body",
        *,
        strong: bool = False,
        wrap: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setFont(look.font(size, strong=strong))
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(wrap)
        self.set_tone(tone)

    def set_tone(self, tone: Tone) -> None:
        self.setProperty("tone", tone)
        self.style().polish(self)
        self.update()


class OneLine(Label):
    """Words that never wrap: what does not fit is an ellipsis, and whole in the tool tip."""

    def __init__(self, tone: Tone = "text", size: look.Size = "body", *, strong: bool = False) -> None:
        super().__init__(tone, size, strong=strong)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        fits = QFontMetrics(self.font()).horizontalAdvance(self.text()) <= event.size().width()
        self.setToolTip("" if fits else self.text())
        super().resizeEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        text = QFontMetrics(self.font()).elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.setPen(look.color(self.property("tone") if self.isEnabled() else "disabled"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        painter.end()


class StateLabel(Label):
    """A dot and a word, both in the tone of the state; of several lines the first has the dot."""

    _dot_px = 6

    def __init__(self, tone: Tone = "quiet", *, parent: QWidget | None = None) -> None:
        super().__init__(tone, parent=parent)
        self.setContentsMargins(look.sized(self._dot_px) + look.S, 0, 0, 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter, side = QPainter(self), look.sized(self._dot_px)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.color(self.property("tone")))
        line = self.fontMetrics().height()
        painter.drawEllipse(QRectF(0, (min(line, self.height()) - side) / 2 if self.wordWrap() else
                                   (self.height() - side) / 2, side, side))  # fmt: skip
        painter.end()


class Divider(QFrame):
    """One line across, or down when ``upright``."""

    def __init__(self, *, upright: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        if upright:
            self.setFixedSize(1, look.sized(20))
        else:
            self.setFixedHeight(1)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), look.color("line"))
        painter.end()


class Panel(QFrame):
    """A raised ground with round corners and a thin edge; ``warn`` tints it for something to look at."""

    def __init__(self, *, warn: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._warn = warn

    def paintEvent(self, _event: QPaintEvent) -> None:
        now, painter = look.tokens(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._warn and not now.native:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(look.mix(now.warn, now.ground, 0.12)))
        else:
            painter.setPen(QPen(QColor(now.line), 1))
            painter.setBrush(QColor(now.raised))
        corner = look.PANEL_CORNER
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), corner, corner)
        painter.end()


class Caution(Panel):
    """Something to look at, in place: a shield and a few wrapped lines. Hidden while there is nothing to tell."""

    def __init__(self) -> None:
        super().__init__(warn=True)
        self._words = Label(wrap=True)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(look.M, look.S, look.M, look.S)
        self._row.setSpacing(look.M)
        self._row.addWidget(_Picture("triangle-alert", self, "warn", look.ICON), 0, Qt.AlignmentFlag.AlignTop)
        self._row.addWidget(self._words, 1)
        self.hide()

    def add(self, widget: QWidget) -> None:
        """An action beside the words."""
        self._row.addWidget(widget)

    def tell(self, words: str) -> bool:
        """Shows these words, or nothing when they are empty; whether that is another picture than before."""
        if words == self._words.text() and self.isHidden() != bool(words):
            return False
        self._words.setText(words)
        self.setAccessibleName(words)
        self.setVisible(bool(words))
        return True

    @property
    def words(self) -> str:
        return self._words.text()


class Tick(QCheckBox):
    """A check box with our corners and check."""

    _side_px = 16

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self.font())
        height = max(look.sized(look.L + look.S), metrics.height() + look.XS)
        return QSize(look.sized(self._side_px) + look.S + metrics.horizontalAdvance(self.text()) + 2, height)

    def paintEvent(self, _event: QPaintEvent) -> None:
        now, painter, side = look.tokens(), QPainter(self), look.sized(self._side_px)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(0.5, (self.height() - side) / 2, side - 1, side - 1)
        filled = self.checkState() != Qt.CheckState.Unchecked
        ground = (now.accent if self.isEnabled() else now.disabled) if filled else now.raised
        painter.setPen(QPen(QColor(ground if filled else now.edge), 1))
        painter.setBrush(QColor(ground))
        painter.drawRoundedRect(box, 4, 4)
        if filled:
            name = "check" if self.checkState() == Qt.CheckState.Checked else "minus"
            draw_icon(painter, name, box.adjusted(1, 1, -1, -1), QColor(now.on_accent))
        painter.setPen(QColor(now.text if self.isEnabled() else now.disabled))
        words = self.rect().adjusted(side + look.S, 0, 0, 0)
        flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        painter.drawText(words, flags | Qt.TextFlag.TextShowMnemonic.value, self.text())
        if self.hasFocus():
            ink = QColor(now.text if filled else now.accent)  # on a filled box the accent would not be seen
            draw_ring(painter, box.adjusted(-1, -1, 1, 1), ink)
        painter.end()


class Choice(QComboBox):
    """A drop-down list with our arrow. Keys that move open it first: nothing is chosen on the way to an entry.

    A letter chooses at once, but with ``letters_open`` it opens the list there.
    """

    letters_open = False

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setItemDelegate(QStyledItemDelegate(self))  # Qt's own leaves the rows as narrow as their letters

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, plain = event.key(), not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        writes = self.letters_open and plain and event.text().strip() and event.text().isprintable()
        if (key in MOVING and plain) or writes:
            self.showPopup()
            if writes:
                QApplication.sendEvent(self.view(), event)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if look.tokens().native:
            return
        painter, side = QPainter(self), look.sized(14)
        box = QRectF(self.width() - side - look.S, (self.height() - side) / 2, side, side)
        draw_icon(painter, "chevron-down", box, look.color("quiet" if self.isEnabled() else "disabled"))
        painter.end()


class _Picture(QWidget):
    """An icon that is only to be seen."""

    def __init__(self, name: str, parent: QWidget, tone: Tone = "faint", side_px: int = look.XXL) -> None:
        super().__init__(parent)
        self._name, self._tone = name, tone
        side = look.sized(side_px)
        self.setFixedSize(side, side)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        draw_icon(painter, self._name, QRectF(self.rect()), look.color(self._tone))
        painter.end()


class EmptyState(QWidget):
    """What a list says while it is empty: what will appear here, and the one thing to do.

    Tell its words to ``title`` and ``detail``; ``action`` is hidden until you show it.
    """

    def __init__(self, icon: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = Label(size="large", strong=True, parent=self)
        self.detail = Label("quiet", wrap=True, parent=self)
        self.action = LinkButton(parent=self)
        column = QVBoxLayout(self)
        column.setContentsMargins(look.XL, look.XL, look.XL, look.XL)
        column.setSpacing(look.S)
        column.addStretch()
        center = Qt.AlignmentFlag.AlignHCenter
        column.addWidget(_Picture(icon, self), alignment=center)
        for label in (self.title, self.detail):
            label.setAlignment(center)
            column.addWidget(label)
        column.addWidget(self.action, alignment=center)
        column.addStretch()
        self.action.hide()


class Menu(QMenu):
    """A menu whose keys stand clear of its words."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.aboutToShow.connect(self._widen)

    def _widen(self) -> None:
        """Qt leaves the width of an icon too little between the longest words and the keys."""
        self.setMinimumWidth(0)
        if any(not action.shortcut().isEmpty() for action in self.actions()):
            self.setMinimumWidth(self.sizeHint().width() + look.sized(look.XL))

    def sizeHint(self) -> QSize:
        """Qt places the menu by this alone: without what was added it would stand beyond the edge of the screen."""
        return super().sizeHint().expandedTo(QSize(self.minimumWidth(), 0))


def flush_px() -> int:
    """How far the words of a ``FlushLink`` stand in from its edge: the mark of focus is around them."""
    return look.sized(FlushLink.padding_px) + 1


def flush_row(link: FlushLink) -> QHBoxLayout:
    """A row in which the words of a link begin exactly where those above and below it do."""
    row = QHBoxLayout()
    row.setSpacing(0)
    row.addSpacing(-flush_px())  # margins below 0 would be taken for none
    row.addWidget(link)
    row.addStretch()
    return row
