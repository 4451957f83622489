"""What can go wrong with the screen: each says why, and what to do now.

``str(error)`` and ``error.advice`` are plain English. The sentences are also kept apart from what fills them
(``text`` and ``hint`` with ``values``: ``"there is no PNG picture in {folder}"``, ``{"folder": "/x"}``), so that
whoever shows them can translate.
"""

from __future__ import annotations

from collections.abc import Mapping


class CaptureError(Exception):
    """The desktop could not do it. ``str()`` says why in plain English; ``advice`` what to do now."""

    def __init__(self, text: str, hint: str = "", **values: str) -> None:
        super().__init__(text.format(**values) if values else text)
        self.text, self.hint, self.values = text, hint, values
        self.advice = hint.format(**values) if values else hint


class NoDisplay(CaptureError):
    """There is no screen to capture: no session, or no permission for it."""


class NoSuchKey(CaptureError, ValueError):
    """These words name no key."""


class KeyTaken(CaptureError):
    """Another program holds these keys. ``keys`` are as they were asked for: ``{"region": "Print"}``."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        super().__init__("another program already uses {keys}", keys=", ".join(keys.values()))
        self.keys = dict(keys)
