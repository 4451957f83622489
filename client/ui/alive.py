"""Answers of background work may come after the window that asked for them is gone."""

from __future__ import annotations

from collections.abc import Callable

import shiboken6
from PySide6.QtCore import QObject


def while_alive(owner: QObject, call: Callable[..., object]) -> Callable[..., None]:
    """``call``, but nothing once ``owner`` is deleted."""

    def guarded(*arguments: object) -> None:
        if shiboken6.isValid(owner):
            call(*arguments)

    return guarded
