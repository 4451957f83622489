"""A text field that grows with its words, between a least and a most number of lines."""

from __future__ import annotations

import math

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QPlainTextEdit, QSizePolicy

AROUND_PX = 10
"""Border and padding above and below, as in the style sheet."""


class GrowingText(QPlainTextEdit):
    def __init__(self, least_lines: int, most_lines: int) -> None:
        super().__init__()
        self._least, self._most = least_lines, most_lines
        self.setTabChangesFocus(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self._fit()

    def sizeHint(self) -> QSize:
        return QSize(300, self._height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _height(self) -> int:
        """Room for whole lines: while there are more than fit, the lower margin would show a slice of the next."""
        lines, margin = math.ceil(self.document().size().height()), self.document().documentMargin()
        shown = min(max(lines, self._least), self._most)
        around = AROUND_PX + margin + (margin if lines <= self._most else 0)
        return round(shown * self.fontMetrics().lineSpacing() + around)

    def _fit(self, *_: object) -> None:
        height = self._height()
        if height != self.height():
            self.setFixedHeight(height)
