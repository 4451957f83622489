"""One overlay in a process of its own: for the command line, when the resident program does not run."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication

from capture import Desktop, Region, Screenshot
from client.paths import Paths
from client.session import Session
from client.ui import look
from client.ui.selector import Selector


def select_region(paths: Paths, desktop: Desktop) -> tuple[Screenshot, Region] | None:
    """Lets the user drag a region on the frozen screens; None when they cancel. Remembers it as the last one."""
    app = QApplication.instance() or QApplication(["testigo"])
    assert isinstance(app, QApplication)
    session = Session(paths)
    look.apply(app, session.settings.general.theme)  # type: ignore[arg-type]
    shots, windows = desktop.screenshots(), desktop.windows()
    chosen: list[tuple[Screenshot, Region] | None] = []

    def done(choice: tuple[Screenshot, Region] | None) -> None:
        chosen.append(choice)
        app.quit()

    selector = Selector()
    selector.select(shots, windows, done)
    app.exec()
    choice = chosen[0] if chosen else None
    if choice is not None:
        session.remember_region(*choice)
    return choice
