"""Small facts that are no settings: what was captured last, which hints were shown, when somebody last looked."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import msgspec

from client.folder import write_bytes


class State:
    """Kept in one small file; a damaged one counts as empty. Any thread."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._guard = threading.Lock()

    def recall(self, name: str, default: Any = None) -> Any:
        """A fact (``overlay_hints``); ``default`` when it was never noted."""
        return self._read().get(name, default)

    def remember(self, name: str, value: Any) -> None:
        """Raises: OSError."""
        with self._guard:
            known = self._read()
            if known.get(name) != value:
                write_bytes(self._file, msgspec.json.encode(known | {name: value}))

    def _read(self) -> dict[str, Any]:
        try:
            return dict(msgspec.json.decode(self._file.read_bytes()))
        except (OSError, ValueError, TypeError):
            return {}
