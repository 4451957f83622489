"""Where things lie, per system. Makes the folders, private to the user (umask 077)."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

LONGEST_FOLDER = 103 - len("/recorder-0123456789ab.sock")
"""Bytes. A socket's path has 103 on macOS (sys/un.h: 104 with its end) and 107 on Linux (unix(7))."""


@dataclass(frozen=True, slots=True)
class Paths:
    """The user's folders: ``config`` holds what they chose, ``data`` what they made, ``logs`` what happened."""

    config: Path
    data: Path
    logs: Path
    runtime: Path

    @property
    def settings_file(self) -> Path:
        return self.config / "settings.toml"

    @property
    def default_desk(self) -> Path:
        return self.data / "desk"

    @property
    def recordings(self) -> Path:
        return self.data / "recordings"

    @property
    def log_file(self) -> Path:
        return self.logs / "testigo.log"

    @property
    def crash_file(self) -> Path:
        return self.logs / "crash.log"

    def address(self, name: str) -> str:
        """A local socket (on Windows: pipe) of this data folder: ``tray`` or ``recorder``."""
        mark = hashlib.sha256(str(self.data.absolute()).encode()).hexdigest()[:12]
        if sys.platform == "win32":
            return rf"\\.\pipe\testigo-{name}-{mark}"
        return str(self.runtime / f"{name}-{mark}.sock")


def open_paths(config: Path | None = None, data: Path | None = None) -> Paths:
    """The folders of this user, made if they are missing.

    ``config`` and ``data`` (from flags) win over ``TESTIGO_CONFIG_DIR`` and ``TESTIGO_DATA_DIR``, which win over
    the system's own places. With a data folder of one's own, the logs lie inside it.

    Raises: OSError when a folder cannot be made.
    """
    os.umask(0o077)
    config = config or _from_environment("TESTIGO_CONFIG_DIR")
    data = data or _from_environment("TESTIGO_DATA_DIR")
    own_data = data is not None
    if config is None or data is None:
        import platformdirs

        config = config or Path(platformdirs.user_config_dir("testigo", appauthor=False))
        data = data or Path(platformdirs.user_data_dir("testigo", appauthor=False))
    logs = data / "logs" if own_data else _log_folder()
    runtime = _runtime_folder(data)
    for folder in (config, data, logs, runtime):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Paths(config.absolute(), data.absolute(), logs.absolute(), runtime.absolute())


def _from_environment(name: str) -> Path | None:
    return Path(os.environ[name]) if os.environ.get(name) else None


def _log_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_log_dir("testigo", appauthor=False))


def _runtime_folder(data: Path) -> Path:
    """A folder only this user can enter."""
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    own = Path(base) / "testigo" if base and Path(base).is_dir() and os.access(base, os.W_OK) else data / "run"
    if sys.platform == "win32" or len(os.fsencode(own.absolute())) <= LONGEST_FOLDER:
        return own
    short = Path(tempfile.gettempdir()) / f"testigo-{os.getuid()}"
    short.mkdir(mode=0o700, exist_ok=True)
    seen = short.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid() or seen.st_mode & 0o077:
        raise PermissionError(f"{short} belongs to somebody else or is open to others: move it away")
    return short


def open_with_system(target: str) -> list[str]:
    """The command that shows a file, folder or address with the system's own program."""
    if sys.platform == "win32":
        return ["explorer", target]
    return ["open" if sys.platform == "darwin" else "xdg-open", target]
