"""Run as a process of its own on a real X server; one window, told what to do by its argument and by ``xdotool``.

Prints ``ready`` when it can be used, then its answer as JSON.
"""

from __future__ import annotations

import hashlib
import json
import sys

from PySide6.QtCore import QPoint, QTimer
from PySide6.QtWidgets import QApplication, QMenu

from capture import Region, Screenshot, open_desktop
from client.annotation import Hide, History
from client.ui import look
from client.ui.editor import Editor
from client.ui.selector import Selector
from tests.ui.pictures import noise


def answer(**values: object) -> None:
    print(json.dumps(values), flush=True)
    QApplication.exit()


def select(*, over_menu: bool) -> None:
    """An overlay on the frozen screen; perhaps while a menu of ours is open and holds keyboard and pointer."""
    desktop = open_desktop()
    shots = desktop.screenshots()
    selector = Selector()

    def done(choice: tuple[Screenshot, Region] | None) -> None:
        if choice is None:
            answer(left=True)
            return
        region = choice[1]
        exact = bool((choice[0].crop(region).pixels[..., :3] == shots[0].crop(region).pixels[..., :3]).all())
        answer(rect=[region.x, region.y, region.width, region.height], exact=exact)

    if over_menu:
        menu = QMenu()
        menu.addAction("one")
        menu.popup(QPoint(300, 300))
        keep.append(menu)
    keep.append(selector)
    QTimer.singleShot(300 if over_menu else 0, lambda: selector.select(shots, (), done))
    QTimer.singleShot(700, lambda: print("ready", flush=True))


def edit() -> None:
    """An editor that tells the digest of what it put on the clipboard, and stays to serve it."""
    from capture import png

    editor = Editor(noise(400, 300), History((Hide(10, 10, 50, 50),)))
    editor.show()
    keep.append(editor)

    def copy() -> None:
        copied = editor.copy()
        content = png.encode(editor.picture())
        print(json.dumps({"copied": copied, "sha256": hashlib.sha256(content).hexdigest()}), flush=True)

    QTimer.singleShot(500, copy)


keep: list[object] = []
app = QApplication(["testigo"])
look.apply(app, "light")
QTimer.singleShot(20_000, app.quit)
if sys.argv[1] == "edit":
    edit()
else:
    select(over_menu=sys.argv[1] == "select over menu")
app.exec()
