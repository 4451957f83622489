"""The buttons and choices every window is built of. They draw themselves from the tokens of the moment."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetrics,
    QKeyEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QFrame,
    QPushButton,
    QRadioButton,
    QSizePolicy,
    QWidget,
)

from client.ui import look
from client.ui.icons import draw_icon

BY_KEYBOARD = (
    Qt.FocusReason.TabFocusReason,
    Qt.FocusReason.BacktabFocusReason,
    Qt.FocusReason.ShortcutFocusReason,
)
COMING_BACK = (Qt.FocusReason.PopupFocusReason, Qt.FocusReason.ActiveWindowFocusReason)
"""From a menu or another window: as it was left."""


def _held(event: QKeyEvent) -> bool:
    """Whether Ctrl, Alt or the like is held; the number pad's own mark is none of them."""
    return bool(event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier)


class _Button(QPushButton):
    """A button that paints itself; its focus ring shows only to those who came by keyboard."""

    padding_px = look.M
    height_px = look.CONTROL_HEIGHT

    def __init__(self, icon: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon = icon
        self._ringed = False
        self.setAutoDefault(False)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set_icon_name(self, name: str) -> None:
        """Another icon; empty for none."""
        self._icon = name
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self.font())
        text = metrics.horizontalAdvance(self.text()) + 2 if self.text() else 0
        picture = look.sized(look.ICON) if self._icon else 0
        gap = look.S if text and picture else 0
        height = max(look.sized(self.height_px), metrics.height() + 2 * look.XS)
        return QSize(max(text + picture + gap + 2 * look.sized(self.padding_px), height), height)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter presses the button that has the focus; Qt would leave it to the window's primary one."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not _held(event):
            self.click()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        if event.reason() not in COMING_BACK:
            self._ringed = event.reason() in BY_KEYBOARD
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._ringed = self._ringed and event.reason() in COMING_BACK
        super().focusOutEvent(event)

    def _draw_content(self, painter: QPainter, ink: QColor) -> None:
        metrics = QFontMetrics(self.font())
        text = metrics.horizontalAdvance(self.text()) if self.text() else 0
        side = look.sized(look.ICON) if self._icon else 0
        gap = look.S if text and side else 0
        left = (self.width() - text - side - gap) / 2
        if side:
            draw_icon(painter, self._icon, QRectF(round(left), (self.height() - side) / 2, side, side), ink)
        painter.setPen(ink)
        place = QRectF(left + side + gap, 0, text + 2, self.height())
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(place, int(flags) | Qt.TextFlag.TextShowMnemonic.value, self.text())

    def _draw_ground(self, painter: QPainter, ground: QColor | None, edge: QColor | None = None) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(edge, 1) if edge else Qt.PenStyle.NoPen)
        painter.setBrush(ground or Qt.BrushStyle.NoBrush)
        inset = 0.5 if edge else 0.0
        box = QRectF(self.rect()).adjusted(inset, inset, -inset, -inset)
        painter.drawRoundedRect(box, look.CORNER, look.CORNER)

    def _draw_ring(self, painter: QPainter, ink: QColor, inset_px: float = 1.0) -> None:
        if self._ringed and self.hasFocus():
            draw_ring(painter, QRectF(self.rect()), ink, inset_px)


def draw_ring(painter: QPainter, box: QRectF, ink: QColor, inset_px: float = 1.0) -> None:
    """The mark of keyboard focus, 2 px wide, inside ``box``."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(ink, 2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    corner = look.CORNER - inset_px / 2
    painter.drawRoundedRect(box.adjusted(inset_px, inset_px, -inset_px, -inset_px), corner, corner)


class PrimaryButton(_Button):
    """The one filled button of a window. Enter presses it when the window makes it the default."""

    padding_px = look.L

    def __init__(self, icon: str = "", parent: QWidget | None = None) -> None:
        super().__init__(icon, parent)
        self.setFont(look.font(strong=True))

    def paintEvent(self, _event: QPaintEvent) -> None:
        now, painter = look.tokens(), QPainter(self)
        ground, ink = now.accent, now.on_accent
        if not self.isEnabled():
            ground, ink = (now.ground, now.disabled) if now.native else (now.line, now.quiet)
        elif self.isDown():
            ground = look.mix(now.accent, now.text, 0.78)
        elif self.underMouse():
            ground = look.mix(now.accent, now.text, 0.88)
        self._draw_ground(painter, QColor(ground))
        self._draw_ring(painter, QColor(ink), 3)
        self._draw_content(painter, QColor(ink))
        painter.end()


class QuietButton(_Button):
    """Every other button: words and an icon, a ground only under the pointer."""

    def paintEvent(self, _event: QPaintEvent) -> None:
        now, painter = look.tokens(), QPainter(self)
        if self.isEnabled() and (self.underMouse() or self.isDown()):
            self._draw_ground(painter, look.color("text", 0.12 if self.isDown() else 0.06))
        self._draw_content(painter, QColor(now.quiet if self.isEnabled() else now.disabled))
        self._draw_ring(painter, QColor(now.accent))
        painter.end()


class PlainButton(_Button):
    """A button with an edge, for an action inside a form ("Check")."""

    padding_px = look.L

    def __init__(self, icon: str = "", parent: QWidget | None = None) -> None:
        super().__init__(icon, parent)
        self.setFont(look.font(strong=True))

    def paintEvent(self, _event: QPaintEvent) -> None:
        now, painter = look.tokens(), QPainter(self)
        lit = self.isEnabled() and (self.underMouse() or self.isDown())
        self._draw_ground(painter, QColor(now.sunken if lit else now.raised), QColor(now.line))
        self._draw_content(painter, QColor(now.text if self.isEnabled() else now.disabled))
        self._draw_ring(painter, QColor(now.accent))
        painter.end()


class LinkButton(_Button):
    """An action that reads as a word in the accent's colour."""

    padding_px = look.S
    height_px = look.TOOL_HEIGHT

    def paintEvent(self, _event: QPaintEvent) -> None:
        now, painter = look.tokens(), QPainter(self)
        font = self.font()
        font.setUnderline(self.underMouse() and self.isEnabled())
        painter.setFont(font)
        self._draw_content(painter, QColor(now.accent if self.isEnabled() else now.disabled))
        self._draw_ring(painter, QColor(now.accent))
        painter.end()


class FlushLink(LinkButton):
    """A link whose words begin where those above and below it do."""

    padding_px = 3


class ToolButton(_Button):
    """An icon alone, in a tool bar. Checkable ones show a soft ground while they are on."""

    padding_px = 7
    height_px = look.CONTROL_HEIGHT

    def __init__(self, icon: str, parent: QWidget | None = None) -> None:
        super().__init__(icon, parent)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def paintEvent(self, _event: QPaintEvent) -> None:
        now, painter = look.tokens(), QPainter(self)
        ink = now.quiet if self.isEnabled() else now.disabled
        if self.isChecked():
            self._draw_ground(painter, QColor(now.soft), QColor(now.accent) if now.native else None)
            ink = now.accent
        elif self.isEnabled() and self.underMouse():
            self._draw_ground(painter, look.color("text", 0.06))
        self._draw_content(painter, QColor(ink))
        self._draw_ring(painter, QColor(now.accent))
        painter.end()


class _Segment(QRadioButton):
    """One choice of a ``Segmented``: a radio button to keyboards and screen readers."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFont(look.font())
        self.ringed = False
        self.toggled.connect(lambda on: self.setFont(look.font(strong=on)))

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(look.font(strong=True))
        height = max(look.sized(look.CONTROL_HEIGHT), metrics.height() + 2 * look.XS)
        return QSize(metrics.horizontalAdvance(self.text()) + 2 * look.sized(look.M), height)

    def hitButton(self, at: QPoint) -> bool:
        return self.rect().contains(at)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self.ringed = event.reason() in BY_KEYBOARD or self.ringed
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.ringed = False
        super().focusOutEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows choose the neighbour; Qt alone would only move the focus there."""
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1}.get(
            Qt.Key(event.key())
        )
        owner = self.parentWidget()
        if step is None or not isinstance(owner, Segmented):
            super().keyPressEvent(event)
            return
        segments = list(owner.segments.values())
        place = segments.index(self) + step
        if 0 <= place < len(segments):
            segments[place].setChecked(True)
            segments[place].setFocus(Qt.FocusReason.TabFocusReason)

    def paintEvent(self, _event: QPaintEvent) -> None:
        now, painter = look.tokens(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box, shape = QRectF(self.rect()), QPainterPath()
        shape.addRoundedRect(QRectF(self._all().translated(-self.pos())), look.CORNER - 1, look.CORNER - 1)
        painter.setClipPath(shape)
        if self.isChecked():
            painter.fillRect(box, QColor(now.accent if now.native else now.soft))
        elif self.underMouse() and self.isEnabled():
            painter.fillRect(box, look.color("text", 0.05))
        ink = now.accent if self.isChecked() else now.quiet
        ink = now.on_accent if self.isChecked() and now.native else ink
        painter.setPen(QColor(ink if self.isEnabled() else now.disabled))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())
        if self.hasFocus() and self.ringed:
            draw_ring(painter, box, QColor(now.accent), 2)
        painter.end()

    def _all(self) -> QRect:
        """Where all segments of this choice lie, so that the outer corners stay round."""
        segmented = self.parentWidget()
        return segmented.used() if isinstance(segmented, Segmented) else self.geometry()


class Segmented(QFrame):
    """A choice of a few, side by side; breaks into rows where it is too wide.

    ``segments`` gives key → button, so that a window can tell each its words. Arrow keys choose.
    """

    chosen = Signal(str)

    def __init__(self, keys: tuple[str, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.segments: dict[str, QAbstractButton] = {}
        self._group = QButtonGroup(self)
        for key in keys:
            segment = _Segment(self)
            self.segments[key] = segment
            self._group.addButton(segment)
            segment.toggled.connect(lambda on, key=key: self._toggled(key, on))
            # Tab enters a choice once, where it stands; Qt would stop at every segment.
            segment.setFocusPolicy(Qt.FocusPolicy.ClickFocus if len(self.segments) > 1 else Qt.FocusPolicy.StrongFocus)
        # The layouts ask for the height: who took it in ``resizeEvent`` made a scroll area ask again, without an end.
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def _toggled(self, key: str, on: bool) -> None:
        if not on:
            return
        for other, segment in self.segments.items():
            segment.setFocusPolicy(Qt.FocusPolicy.StrongFocus if other == key else Qt.FocusPolicy.ClickFocus)
        self.chosen.emit(key)

    def choose(self, key: str) -> None:
        """Makes this the choice; says so by ``chosen`` if it was another."""
        self.segments[key].setChecked(True)

    def choice(self) -> str:
        """The key that is chosen; empty when none is yet."""
        return next((key for key, segment in self.segments.items() if segment.isChecked()), "")

    def set_words(self, key: str) -> Callable[[str], None]:
        """A setter for the words of one segment, for ``Phrases.tell``."""
        segment = self.segments[key]

        def set_text(text: str) -> None:
            segment.setText(text)
            self._arrange(self.width())
            self.updateGeometry()

        return set_text

    def used(self) -> QRect:
        """Where its segments lie."""
        used = QRect()
        for segment in self.segments.values():
            used = used.united(segment.geometry())
        return used

    def sizeHint(self) -> QSize:
        hints = [segment.sizeHint() for segment in self.segments.values()]
        return QSize(sum(hint.width() for hint in hints) + 2, max(hint.height() for hint in hints) + 2)

    def minimumSizeHint(self) -> QSize:
        hints = [segment.sizeHint() for segment in self.segments.values()]
        return QSize(max(hint.width() for hint in hints) + 2, hints[0].height() + 2)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._rows(width)[-1].bottom() + 2

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._arrange(event.size().width())

    def _rows(self, width: int) -> list[QRect]:
        """The places of the segments in rows of at most ``width``."""
        x, y, places = 1, 1, list[QRect]()
        for segment in self.segments.values():
            hint = segment.sizeHint()
            if x > 1 and x + hint.width() + 1 > width:
                x, y = 1, y + hint.height()
            places.append(QRect(x, y, hint.width(), hint.height()))
            x += hint.width()
        return places

    def _arrange(self, width: int) -> None:
        for segment, place in zip(self.segments.values(), self._rows(width)):
            segment.setGeometry(place)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        now, painter = look.tokens(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(now.line), 1))
        painter.setBrush(QColor(now.raised))
        used = QRectF(self.used())
        painter.drawRoundedRect(used.adjusted(-0.5, -0.5, 0.5, 0.5), look.CORNER, look.CORNER)
        for segment, follower in pairwise(self.segments.values()):
            if follower.y() != segment.y():
                continue
            right = QPointF(segment.geometry().right() + 1, segment.geometry().top())
            painter.drawLine(right, right + QPointF(0, segment.height()))
        painter.end()
