"""Words typed right on the picture."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetricsF, QKeyEvent, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QWidget

from client.annotation import Text
from client.ui import look
from client.ui.paint import LINE_HEIGHT, halo_color, mark_font

_FRAME = 4
_WINDOW_KEYS = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_S, Qt.Key.Key_W)
"""With Ctrl: report, save, close. Each takes the words first."""


class TextBox(QPlainTextEdit):
    """Enter, Esc or a click elsewhere takes the words, Shift+Enter begins a line. Esc never empties a mark.

    While it is open every key is its own, but for those that act on the whole window (``_WINDOW_KEYS``).
    """

    taken = Signal(str)
    left = Signal()

    def __init__(self, mark: Text, place: QPointF, factor: float, parent: QWidget) -> None:
        super().__init__(parent)
        self._over = False
        self._line = mark.size_px * factor * LINE_HEIGHT
        self.setFont(mark_font(mark.size_px * factor))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(0)
        ground = "rgba(16,17,20,0.55)" if halo_color(mark.color).red() < 128 else "rgba(255,255,255,0.8)"
        self.setStyleSheet(
            f"QPlainTextEdit {{ background: {ground}; color: {mark.color}; border: 0; padding: {_FRAME}px; }}"
        )
        self.setPlainText(mark.text)
        self.selectAll()
        self.textChanged.connect(self._fit)
        self.move(round(place.x()) - _FRAME, round(place.y()) - _FRAME)
        self._fit()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and not _is_windows(event):
            event.accept()  # else a shortcut of the window would take it: words are no tools
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if event.key() == Qt.Key.Key_Escape:
            self._end(take=bool(self.toPlainText().strip()))
        elif is_enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._end(take=True)
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() not in (Qt.FocusReason.PopupFocusReason, Qt.FocusReason.ActiveWindowFocusReason):
            self._end(take=True)

    def take(self) -> None:
        """Takes the words as they are."""
        self._end(take=True)

    def _end(self, *, take: bool) -> None:
        if self._over:
            return
        self._over = True
        self.hide()
        if take:
            self.taken.emit(self.toPlainText())
        else:
            self.left.emit()

    def _fit(self) -> None:
        metrics = QFontMetricsF(self.font())
        lines = self.toPlainText().split("\n")
        width = max(metrics.horizontalAdvance(line) for line in lines) + metrics.averageCharWidth() * 2
        height = len(lines) * max(self._line, metrics.lineSpacing())
        self.resize(round(width) + 2 * _FRAME, round(height) + 2 * _FRAME)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self.viewport())
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Text), 1, Qt.PenStyle.DashLine))
        painter.setPen(QPen(look.color("accent"), 1))
        painter.drawRect(QRectF(self.viewport().rect()).adjusted(0.5, 0.5, -0.5, -0.5))
        painter.end()


def _is_windows(event: QKeyEvent) -> bool:
    held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    return held == Qt.KeyboardModifier.ControlModifier and event.key() in _WINDOW_KEYS
