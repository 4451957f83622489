"""What can go wrong with the screen: each says why, and what to do now."""

from __future__ import annotations

from collections.abc import Mapping


class CaptureError(Exception):
    """The desktop could not do it. ``str()`` says why in plain English; ``advice`` what to do now."""

    def __init__(self, why: str, advice: str = "") -> None:
        super().__init__(why)
        self.advice = advice


class NoDisplay(CaptureError):
    """There is no screen to capture: no session, or no permission for it."""


class KeyTaken(CaptureError):
    """Another program holds these keys. ``keys`` are as they were asked for: ``{"region": "Print"}``."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        super().__init__("another program already uses " + ", ".join(keys.values()))
        self.keys = dict(keys)
