"""Lists of one line of title and one faint line of detail, with a state, a tick or a bar; quick at any length."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import (
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from client.ui import look
from client.ui.icons import draw_icon
from client.ui.pieces import Tone

Index = QModelIndex | QPersistentModelIndex

ROW = int(Qt.ItemDataRole.UserRole) + 1
TICK_PX = 16


@dataclass(frozen=True, slots=True)
class Row:
    """What one entry shows. ``progress`` is 0 to 1; ``key`` is for whoever made it."""

    key: str
    title: str
    detail: str = ""
    state: str = ""
    tone: Tone = "quiet"
    progress: float | None = None
    ticked: bool | None = None


class RowList(QListWidget):
    """A list of ``Row``; fills itself without losing the selection or the place."""

    def __init__(self, *, soft: bool = False, parent: QWidget | None = None) -> None:
        """``soft``: rounded selection without lines between, as beside a form."""
        super().__init__(parent)
        self.setItemDelegate(_Painter(self, soft=soft))
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        if soft:
            self.viewport().setAutoFillBackground(False)
            self.setProperty("soft", True)

    def show_rows(self, rows: list[Row]) -> None:
        """Replaces the entries; the selected key stays selected."""
        chosen = self.current_key()
        while self.count() > len(rows):
            self.takeItem(self.count() - 1)
        while self.count() < len(rows):
            self.addItem(QListWidgetItem())
        for number, row in enumerate(rows):
            self._fill(self.item(number), row)
        keys = [row.key for row in rows]
        if chosen in keys:
            self.setCurrentRow(keys.index(chosen))
        elif rows and self.currentRow() < 0:
            self.setCurrentRow(0)

    def show_row(self, row: Row) -> bool:
        """Replaces the entry of this key; False when there is none."""
        for number in range(self.count()):
            item = self.item(number)
            if item.data(ROW).key == row.key:
                self._fill(item, row)
                return True
        return False

    def current_key(self) -> str:
        item = self.currentItem()
        return str(item.data(ROW).key) if item else ""

    @staticmethod
    def _fill(item: QListWidgetItem, row: Row) -> None:
        if item.data(ROW) == row:
            return
        item.setData(ROW, row)
        spoken = ", ".join(part for part in (row.title, row.state, row.detail) if part)
        item.setData(Qt.ItemDataRole.AccessibleTextRole, spoken)
        item.setToolTip(row.title if len(row.title) > 60 else "")
        if row.ticked is not None:
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if row.ticked else Qt.CheckState.Unchecked)


class _Painter(QStyledItemDelegate):
    def __init__(self, owner: QWidget, *, soft: bool) -> None:
        super().__init__(owner)
        self._soft = soft

    def sizeHint(self, _option: QStyleOptionViewItem, index: Index) -> QSize:
        row: Row | None = index.data(ROW)
        lines = QFontMetrics(look.font()).height()
        if row is None or row.detail:
            lines += QFontMetrics(look.font("small")).height()
        return QSize(200, lines + (2 * look.M if not self._soft else 2 * look.S) + look.XS)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row: Row | None = index.data(ROW)
        if row is None:
            return
        now, rect = look.tokens(), QRect(option.rect)
        state = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._ground(
            painter, rect, bool(state & QStyle.StateFlag.State_Selected), bool(state & QStyle.StateFlag.State_MouseOver)
        )
        inner = rect.adjusted(look.M if self._soft else look.L, 0, -look.L, 0)
        if row.ticked is not None:
            inner = self._tick(
                painter, inner, on=Qt.CheckState(index.data(Qt.ItemDataRole.CheckStateRole)) == Qt.CheckState.Checked
            )
        if row.state:
            inner = self._state(painter, inner, row)
        if option.widget is not None and option.widget.hasFocus() and state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(QColor(now.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(rect).adjusted(2, 2, -2, -2), look.CORNER, look.CORNER)
        self._words(painter, inner, row)
        painter.restore()

    def _ground(self, painter: QPainter, rect: QRect, chosen: bool, under: bool) -> None:
        now = look.tokens()
        painter.setPen(Qt.PenStyle.NoPen)
        if chosen or under:
            painter.setBrush(QColor(now.soft) if chosen else look.color("text", 0.04))
            box = QRectF(rect).adjusted(look.XS, 1, -look.XS, -1)
            painter.drawRoundedRect(box, look.CORNER, look.CORNER)
        if not self._soft:
            painter.fillRect(QRect(rect.left(), rect.bottom(), rect.width(), 1), QColor(now.line))

    @staticmethod
    def _tick(painter: QPainter, inner: QRect, *, on: bool) -> QRect:
        now, side = look.tokens(), look.sized(TICK_PX)
        box = QRectF(inner.left(), inner.center().y() - side / 2, side, side)
        painter.setPen(QPen(QColor(now.accent if on else now.edge), 1))
        painter.setBrush(QColor(now.accent if on else now.raised))
        painter.drawRoundedRect(box, 4, 4)
        if on:
            draw_icon(painter, "check", box.adjusted(1, 1, -1, -1), QColor(now.on_accent))
        return inner.adjusted(side + look.M, 0, 0, 0)

    @staticmethod
    def _state(painter: QPainter, inner: QRect, row: Row) -> QRect:
        painter.setFont(look.font())
        width = QFontMetrics(look.font()).horizontalAdvance(row.state) + 2
        place = QRect(inner.right() - width, inner.top(), width, inner.height())
        painter.setPen(look.color(row.tone))
        painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), row.state)
        dot = look.sized(6)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.color(row.tone))
        painter.drawEllipse(QRectF(place.left() - dot - look.S, inner.center().y() - dot / 2, dot, dot))
        return inner.adjusted(0, 0, -(width + dot + look.S + look.L), 0)

    @staticmethod
    def _words(painter: QPainter, inner: QRect, row: Row) -> None:
        title, detail = QFontMetrics(look.font()), QFontMetrics(look.font("small"))
        height = (
            title.height() + (detail.height() + 2 if row.detail else 0) + (look.S if row.progress is not None else 0)
        )
        top = inner.center().y() - height // 2
        painter.setFont(look.font())
        painter.setPen(look.color("text"))
        flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        elide = Qt.TextElideMode.ElideRight
        place = QRect(inner.left(), top, inner.width(), title.height())
        painter.drawText(place, flags, title.elidedText(row.title, elide, inner.width()))
        if row.detail:
            painter.setFont(look.font("small"))
            painter.setPen(look.color("faint"))
            place = QRect(inner.left(), place.bottom() + 2, inner.width(), detail.height())
            painter.drawText(place, flags, detail.elidedText(row.detail, elide, inner.width()))
        if row.progress is not None:
            bar = QRectF(inner.left(), place.bottom() + 4, inner.width(), 3)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.color("line"))
            painter.drawRoundedRect(bar, 1.5, 1.5)
            painter.setBrush(look.color("accent"))
            bar.setWidth(bar.width() * min(max(row.progress, 0.0), 1.0))
            painter.drawRoundedRect(bar, 1.5, 1.5)
