"""By keys one comes to the parts of a window in the order in which the eye meets them, also to those made later."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLayout, QScrollArea, QWidget


def order_tabs(window: QWidget) -> None:
    """As its layouts put them, one after the other."""
    before: QWidget | None = None
    for part in _parts(window):
        if part.focusPolicy() != Qt.FocusPolicy.NoFocus:  # of several that take turns, any may be the one by then
            if before is not None:
                QWidget.setTabOrder(before, part)
            before = part


def _parts(widget: QWidget) -> Iterator[QWidget]:
    yield widget
    if isinstance(widget, QScrollArea) and (inner := widget.widget()) is not None:
        yield from _parts(inner)
    elif (layout := widget.layout()) is not None:
        yield from _laid(layout)
    else:
        for child in widget.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly):
            yield from _parts(child)


def _laid(layout: QLayout) -> Iterator[QWidget]:
    for number in range(layout.count()):
        item = layout.itemAt(number)
        if item is None:
            continue
        if (widget := item.widget()) is not None:
            yield from _parts(widget)
        elif (inner := item.layout()) is not None:
            yield from _laid(inner)
