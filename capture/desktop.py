"""What a desktop must be able to do, and the only place that chooses one."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Protocol

from capture.errors import CaptureError, KeyTaken, NoDisplay
from capture.image import Abilities, Monitor, Region, Screenshot, Window

__all__ = ["Abilities", "CaptureError", "Desktop", "KeyTaken", "NoDisplay", "open_desktop"]


class Desktop(Protocol):
    """One per platform, chosen once by ``open_desktop``. Every call may come from any thread, one at a time."""

    name: str
    abilities: Abilities

    def monitors(self) -> tuple[Monitor, ...]:
        """All monitors, primary first, as they are plugged in now."""

    def screenshots(self) -> tuple[Screenshot, ...]:
        """One per monitor, primary first, all taken within one moment; the pointer as a layer where known."""

    def windows(self) -> tuple[Window, ...]:
        """The visible top-level windows, topmost first."""

    def active_window(self) -> Window | None: ...

    def frame(self, monitor: Monitor, region: Region | None = None) -> Screenshot:
        """The monitor, or a region of it, as it looks now, pointer layer included; asked many times a second.

        Raises: CaptureError when the monitor is no longer there, or is another size.
        """

    def changes(self) -> Callable[[], bool] | None:
        """A cheap question to ask before each frame: may anything look different than when last asked?

        None where the system cannot tell, so that frames must be compared.
        """

    def listen(
        self, keys: Mapping[str, str], on_press: Callable[[str], None]
    ) -> tuple[Callable[[], None], Mapping[str, str]]:
        """Watches global keys (``{"region": "Ctrl+Shift+R"}``) and calls ``on_press("region")`` on a thread of its own.

        Gives a function that stops watching, and those keys that another program holds already
        (``{"region": "Ctrl+Shift+R"}``), so that they can be named to the user. The others work.
        """

    def close(self) -> None: ...


def open_desktop() -> Desktop:
    """The desktop this process runs on.

    ``TESTIGO_DESKTOP=canned:FOLDER`` gives one made of PNG files, for tests and demonstrations.

    Raises: NoDisplay when there is none, with the reason.
    """
    wanted = os.environ.get("TESTIGO_DESKTOP", "")
    if wanted.startswith("canned:"):
        from capture.canned import CannedDesktop

        return CannedDesktop(wanted.removeprefix("canned:"))
    if sys.platform == "win32":
        from capture.windows import WindowsDesktop

        return WindowsDesktop()
    if sys.platform == "darwin":
        from capture.macos import MacDesktop

        return MacDesktop()
    if os.environ.get("WAYLAND_DISPLAY") and os.environ.get("XDG_SESSION_TYPE") != "x11":
        raise NoDisplay(
            "this is a Wayland session, and Testigo cannot capture those yet",
            "log in with an X11 (Xorg) session",
        )
    from capture.linux_x11 import X11Desktop

    return X11Desktop()
