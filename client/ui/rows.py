"""Lists of one line of title and one faint line of detail, with a state, a tick or a bar; quick at any length."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetrics,
    QHelpEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPen,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
)

from client.ui import look
from client.ui.buttons import BY_KEYBOARD
from client.ui.icons import draw_icon
from client.ui.pieces import Tone

Index = QModelIndex | QPersistentModelIndex

ROW = int(Qt.ItemDataRole.UserRole) + 1
TICK_PX = 16
_LEFT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)


@dataclass(frozen=True, slots=True)
class Row:
    """What one entry shows. ``progress`` is 0 to 1; ``key`` is for whoever made it; ``muted`` steps back, a detail that
    ``warns`` stands out."""

    key: str
    title: str
    detail: str = ""
    state: str = ""
    tone: Tone = "quiet"
    progress: float | None = None
    ticked: bool | None = None
    muted: bool = False
    warns: bool = False


class RowList(QListWidget):
    """A list of ``Row``; fills itself without losing the selection or the place."""

    def __init__(self, *, soft: bool = False) -> None:
        """``soft``: rounded selection without lines between, as beside a form."""
        super().__init__()
        self.ringed = False
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

    def current_key(self) -> str:
        item = self.currentItem()
        return str(item.data(ROW).key) if item else ""

    def focusInEvent(self, event: QFocusEvent) -> None:
        self.ringed = event.reason() in BY_KEYBOARD
        super().focusInEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self.ringed = True
        if event.matches(QKeySequence.StandardKey.Copy):  # Qt would copy what it takes for the entry's words: none
            event.ignore()
            return
        item = self.currentItem()
        if event.key() == Qt.Key.Key_Space and (item is None or item.data(ROW).ticked is None):
            event.ignore()  # Qt would choose the chosen one anew; the window may have a use for it
            return
        super().keyPressEvent(event)

    @staticmethod
    def _fill(item: QListWidgetItem, row: Row) -> None:
        if item.data(ROW) == row:
            return
        item.setData(ROW, row)
        spoken = ", ".join(part for part in (row.title, row.state, row.detail) if part)
        item.setData(Qt.ItemDataRole.AccessibleTextRole, spoken)
        if row.ticked is not None:
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if row.ticked else Qt.CheckState.Unchecked)


class _Painter(QStyledItemDelegate):
    def __init__(self, owner: RowList, *, soft: bool) -> None:
        super().__init__(owner)
        self._owner, self._soft = owner, soft

    def sizeHint(self, _option: QStyleOptionViewItem, index: Index) -> QSize:
        row: Row | None = index.data(ROW)
        lines = QFontMetrics(look.font()).height()
        if row is None or row.detail:
            lines += QFontMetrics(look.font("small")).height()
        return QSize(200, lines + (2 * look.M if not self._soft else 2 * look.S) + look.XS)

    def editorEvent(self, event: QEvent, model: QAbstractItemModel, option: QStyleOptionViewItem, index: Index) -> bool:
        """Space, or a click on the tick as it is painted, turns it over."""
        row: Row | None = index.data(ROW)
        if row is None or row.ticked is None:
            return False
        if isinstance(event, QKeyEvent):
            wanted = event.type() == QEvent.Type.KeyPress and event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Select)
        elif isinstance(event, QMouseEvent) and event.type() == QEvent.Type.MouseButtonRelease:
            edge = option.rect.left() + look.M + look.sized(TICK_PX) + look.M
            wanted = event.button() == Qt.MouseButton.LeftButton and event.position().x() < edge
        else:
            return False
        if wanted:
            turned = Qt.CheckState.Unchecked if _is_ticked(index) else Qt.CheckState.Checked
            model.setData(index, turned, Qt.ItemDataRole.CheckStateRole)
        return wanted

    def helpEvent(self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: Index) -> bool:
        """The whole words of a line that had to be cut."""
        row: Row | None = index.data(ROW)
        if row is None or event.type() != QEvent.Type.ToolTip:
            return super().helpEvent(event, view, option, index)
        inner = self._inner(option.rect, row)
        lines = ((row.title, look.font()), (row.detail, look.font("small")))
        cut = [text for text, font in lines if QFontMetrics(font).horizontalAdvance(text) > inner.width()]
        QToolTip.showText(event.globalPos(), "\n".join(cut), view)
        return True

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row: Row | None = index.data(ROW)
        if row is None:
            return
        now, rect = look.tokens(), QRect(option.rect)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._ground(painter, rect, chosen=chosen, under=bool(option.state & QStyle.StateFlag.State_MouseOver))
        if row.ticked is not None:
            self._tick(painter, rect, on=_is_ticked(index))
        if row.state:
            self._state(painter, rect, row)
        if self._owner.ringed and self._owner.hasFocus() and option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(QColor(now.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(rect).adjusted(5, 2, -5, -3), look.CORNER, look.CORNER)
        off = row.muted or (row.ticked is not None and not _is_ticked(index))
        self._words(painter, self._inner(rect, row), row, chosen=chosen, off=off)
        painter.restore()

    def _inner(self, rect: QRect, row: Row) -> QRect:
        """Where the words stand: right of the tick, left of the state."""
        inner = rect.adjusted(look.L, 0, -look.L, 0)
        if row.ticked is not None:
            inner.adjust(look.sized(TICK_PX) + look.M - look.XS, 0, 0, 0)
        if row.state:
            inner.adjust(0, 0, -(_state_width(row) + look.L), 0)
        return inner

    def _ground(self, painter: QPainter, rect: QRect, *, chosen: bool, under: bool) -> None:
        now = look.tokens()
        painter.setPen(Qt.PenStyle.NoPen)
        if chosen or under:
            painter.setBrush(QColor(now.soft) if chosen else look.color("text", 0.04))
            if chosen and now.native:
                painter.setPen(QPen(QColor(now.accent), 2))
            painter.drawRoundedRect(QRectF(rect).adjusted(look.XS, 1, -look.XS, -2), look.CORNER, look.CORNER)
        if not self._soft:
            painter.fillRect(QRect(rect.left(), rect.bottom(), rect.width(), 1), QColor(now.line))

    @staticmethod
    def _tick(painter: QPainter, rect: QRect, *, on: bool) -> None:
        now, side = look.tokens(), look.sized(TICK_PX)
        box = QRectF(rect.left() + look.M + 0.5, rect.center().y() - side / 2, side - 1, side - 1)
        painter.setPen(QPen(QColor(now.accent if on else now.edge), 1))
        painter.setBrush(QColor(now.accent if on else now.raised))
        painter.drawRoundedRect(box, 4, 4)
        if on:
            draw_icon(painter, "check", box.adjusted(1, 1, -1, -1), QColor(now.on_accent))

    @staticmethod
    def _state(painter: QPainter, rect: QRect, row: Row) -> None:
        dot = look.sized(6)
        left = rect.right() - look.L - _state_width(row)
        painter.setFont(look.font())
        painter.setPen(look.color(row.tone))
        painter.drawText(QRect(left + dot + look.S, rect.top(), rect.width(), rect.height()), _LEFT, row.state)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.color(row.tone))
        painter.drawEllipse(QRectF(left, rect.center().y() - dot / 2 + 1, dot, dot))

    def _words(self, painter: QPainter, inner: QRect, row: Row, *, chosen: bool, off: bool) -> None:
        lit = chosen and self._soft and row.ticked is None and not look.tokens().native
        font = look.font(strong=lit)
        title, detail = QFontMetrics(font), QFontMetrics(look.font("small"))
        height = title.height() + (detail.height() + 2 if row.detail else 0) + (7 if row.progress is not None else 0)
        top, elide = inner.center().y() - height // 2, Qt.TextElideMode.ElideRight
        painter.setFont(font)
        painter.setPen(look.color("accent" if lit else "faint" if off else "text"))
        place = QRect(inner.left(), top, inner.width(), title.height())
        painter.drawText(place, _LEFT, title.elidedText(row.title, elide, inner.width()))
        if row.detail:
            painter.setFont(look.font("small"))
            tone: Tone = "warn" if row.warns else "quiet" if chosen else "faint"
            painter.setPen(look.color(tone))  # faint is too faint on the chosen one's ground
            place = QRect(inner.left(), place.bottom() + 2, inner.width(), detail.height())
            painter.drawText(place, _LEFT, detail.elidedText(row.detail, elide, inner.width()))
        if row.progress is not None:
            bar = QRectF(inner.left(), place.bottom() + 5, inner.width(), 3)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.color("line"))
            painter.drawRoundedRect(bar, 1.5, 1.5)
            painter.setBrush(look.color("accent"))
            bar.setWidth(bar.width() * min(max(row.progress, 0.0), 1.0))
            painter.drawRoundedRect(bar, 1.5, 1.5)


def _is_ticked(index: Index) -> bool:
    return Qt.CheckState(index.data(Qt.ItemDataRole.CheckStateRole)) == Qt.CheckState.Checked


def _state_width(row: Row) -> int:
    return QFontMetrics(look.font()).horizontalAdvance(row.state) + look.sized(6) + look.S + 2
