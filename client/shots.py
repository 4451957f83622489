"""A wish for pictures → screenshots → PNG files: what command line and tray have in common. No overlay, no Qt."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from client.words import say

if TYPE_CHECKING:
    from capture import Desktop, Screenshot

Mode = Literal["region", "window", "screen", "all", "last"]


@dataclass(frozen=True, slots=True)
class Wish:
    """``rect`` is in physical pixels of the screen it is on; ``screen`` a number from 1, or a name; empty: primary.

    ``window`` is a part of the title; empty: the active one.
    """

    mode: Mode
    rect: tuple[int, int, int, int] | None = None
    screen: str = ""
    window: str = ""
    cursor: bool = False

    def to_json(self) -> dict[str, Any]:
        return {"mode": self.mode, "rect": self.rect, "screen": self.screen, "window": self.window,
                "cursor": self.cursor}  # fmt: skip

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Wish:
        rect = stored.get("rect")
        return cls(
            stored["mode"], tuple(int(n) for n in rect) if rect else None,  # type: ignore[arg-type]
            str(stored.get("screen", "")), str(stored.get("window", "")), bool(stored.get("cursor")),
        )  # fmt: skip


def take(desktop: Desktop, wish: Wish) -> tuple[Screenshot, ...]:
    """The pictures of this moment. ``region`` and ``last`` need a ``rect``. Raises: CaptureError; ValueError."""
    window = None
    if wish.mode == "window":
        window = find_window(desktop, wish.window)
    shots = desktop.screenshots()
    if wish.mode == "all":
        taken = shots
    elif window is not None:
        taken = (crop_window(shots, window),)
    else:
        shot = choose_screen(shots, wish.screen)
        if wish.mode in ("region", "last"):
            if wish.rect is None:
                raise ValueError("no region")
            from capture import Region

            x, y, width, height = wish.rect
            if x + width > shot.width or y + height > shot.height:
                whole = f"{shot.width} × {shot.height}"
                raise ValueError(say("the region reaches beyond the screen, which is {size}", size=whole))
            shot = shot.crop(Region(*wish.rect))
        taken = (shot,)
    return tuple(shot.with_cursor() if wish.cursor else replace(shot, cursor=None) for shot in taken)


def choose_screen(shots: tuple[Screenshot, ...], screen: str) -> Screenshot:
    """By name, or by number from 1 in the order of ``screens``. Raises: CaptureError naming what there is."""
    if not screen:
        return shots[0]
    for shot in shots:
        if screen in (shot.monitor.name, shot.monitor.id):
            return shot
    if screen.isdigit() and 1 <= int(screen) <= len(shots):
        return shots[int(screen) - 1]
    from capture import CaptureError

    names = ", ".join(f"{n} ({shot.monitor.name})" for n, shot in enumerate(shots, 1))
    raise CaptureError("there is no screen “{screen}”; there is {names}", "testigo screens", screen=screen, names=names)


def find_window(desktop: Desktop, title: str) -> Any:
    """The active window, or the topmost whose title has these words. Raises: CaptureError."""
    from capture import CaptureError

    if not desktop.abilities.window:
        raise CaptureError("this desktop does not say where its windows are", "capture a region instead")
    if not title:
        window = desktop.active_window()
        if window is None:
            raise CaptureError("no window is active", "click the window first, or name it with --window")
        return window
    for window in desktop.windows():
        if title.casefold() in window.title.casefold():
            return window
    raise CaptureError(
        "no window's title has “{title}” in it", "look at its title bar; case does not matter", title=title
    )


def crop_window(shots: tuple[Screenshot, ...], window: Any) -> Screenshot:
    """The window's part of the monitor that shows most of it. Raises: CaptureError when none shows it."""
    from capture import CaptureError, Region

    def on(shot: Screenshot) -> Region:
        at = Region(window.x - shot.monitor.x_px, window.y - shot.monitor.y_px, window.width, window.height)
        return at.clipped(shot.width, shot.height)

    shot = max(shots, key=lambda s: on(s).width * on(s).height)
    part = on(shot)
    if not part.width or not part.height:
        raise CaptureError(
            "the window “{title}” is on no screen", "bring it to the front and try again", title=window.title
        )
    return replace(shot.crop(part), window_title=window.title)


def targets(count: int, output: Path, *, many: bool) -> tuple[Path, ...]:
    """The files that ``-o`` means: for ``many`` a folder or a name with ``{n}``, else one file.

    Raises: ValueError naming what is wrong with it.
    """
    if many and "{n}" in output.name:
        names = [output.with_name(output.name.replace("{n}", str(n))) for n in range(1, count + 1)]
    elif many and (output.is_dir() or not output.suffix):
        output.mkdir(parents=True, exist_ok=True)
        names = [output / f"screen-{n}.png" for n in range(1, count + 1)]
    elif many:
        raise ValueError(say("several pictures need a folder, or a name with {n}", n="{n}"))
    else:
        names = [output]
    for name in names:
        if name.suffix.lower() != ".png":
            raise ValueError(say("“{name}”: pictures are saved as .png", name=name.name))
        if not name.parent.is_dir():
            raise ValueError(say("there is no folder {folder}", folder=name.parent))
        if name.is_dir():
            raise ValueError(say("“{name}” is a folder", name=name))
    return tuple(names)


def write(shots: tuple[Screenshot, ...], files: tuple[Path, ...]) -> list[dict[str, Any]]:
    """Writes the pictures and describes each as the command line prints it. Raises: OSError."""
    from capture import png

    described = []
    for shot, file in zip(shots, files, strict=True):
        png.write(file, shot)
        described.append(describe(shot, file))
    return described


def describe(shot: Screenshot, file: Path) -> dict[str, Any]:
    return {
        "path": str(file.absolute()),
        "width": shot.width,
        "height": shot.height,
        "scale": shot.scale,
        "screen": shot.monitor.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "window_title": shot.window_title or None,
    }
