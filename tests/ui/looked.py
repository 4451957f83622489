"""Pictures of every window that belongs to shared links, to be looked at by people: ``python -m tests.ui.looked``.

They go to ``build/looked/``: each window in two languages, three looks and two sizes of text, usual and smallest. What
the screen's scale changes is drawn by a second process. Nothing is compared: tests hold what can be told in words.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
from PySide6.QtGui import QFont
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QInputDialog, QScrollArea, QWidget

from client import policy, words
from client.report import Delivery, DeliveryProgress, Trouble
from client.session import Session
from client.ui import look
from client.ui.bridge import Bridge
from client.ui.outbox_window import OutboxWindow
from client.ui.settings_window import PAGES, SettingsWindow
from tests.ui.every_window import NOW, SUBJECT, WINDOWS, hold_deliveries, running_session, until
from uploader.catalog import SHARES
from uploader.ticket import TicketRef

TO = Path("build/looked")
FILM = "pantalla completa 2026-11-28 10.42.mp4"


def form(kind: str) -> Callable[[Session, Bridge], QWidget]:
    """The share's form at its full length, also of what few need."""

    def make(session: Session, bridge: Bridge) -> QWidget:
        session.change({"shares.archivos.kind": kind, "report.share": "archivos"})
        window = SettingsWindow(session, bridge)
        window.list.setCurrentRow(PAGES.index("report"))
        window.show()
        for button in window.findChildren(QWidget):
            if getattr(button, "text", lambda: "")() == words.say("More settings"):
                button.click()  # type: ignore[attr-defined]
        QTest.qWait(5)
        page = window.findChild(QScrollArea).widget()
        window.resize(window.width(), max(page.sizeHint().height(), page.heightForWidth(page.width())) + 40)
        return window

    return make


def locked(session: Session, bridge: Bridge) -> QWidget:
    file = policy.FOLDER / "managed" / "50-enlaces.toml"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    file.write_text("[shares.nube]\nkind='webdav'\nurl='https://dav.example.org'\nuser='ana'\n[report]\nshare='nube'\n")
    file.chmod(0o644)
    session.reload()
    return form_of(session, bridge, "report")


def form_of(session: Session, bridge: Bridge, page: str) -> QWidget:
    window = SettingsWindow(session, bridge)
    window.list.setCurrentRow(PAGES.index(page))
    return window


def sending(session: Session, bridge: Bridge) -> QWidget:
    file = policy.FOLDER / "managed" / "60.toml"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    file.write_text("[sharing]\nseal='required'\n")
    file.chmod(0o644)
    session.reload()
    return form_of(session, bridge, "sending")


def outbox(chosen: int) -> Callable[[Session, Bridge], QWidget]:
    """A large file running, paused, failed, without a link, waiting for a word, not reached; a report that arrived."""

    def make(session: Session, bridge: Bridge) -> QWidget:
        troubles = {
            "b": Trouble("cancelled", "stopped"),
            "c": Trouble("share_refused", "x", FILM),
            "d": Trouble("paste_link", "x", FILM, "", {"page": "https://wetransfer.com"}),
            "e": Trouble("metered", "x"),
        }
        waits = Delivery("f", SUBJECT, "queued", NOW, attempts=2, not_before=NOW + timedelta(minutes=5),
                         last_error=Trouble("share_unreachable", "x", FILM))  # fmt: skip
        sent = Delivery("g", SUBJECT, "sent", NOW, ticket=TicketRef("T-000093", "file:///x"), sent_at=NOW)
        stuck = [Delivery(key, SUBJECT, "needs_you", NOW, last_error=why) for key, why in troubles.items()]
        hold_deliveries(session, Delivery("a", SUBJECT, "sending", NOW), *stuck, waits, sent)
        window = OutboxWindow(session, bridge)
        for done in (27_000_000, 31_000_000):
            bridge.tell(DeliveryProgress("a", FILM, done, 1_400_000_000))
            QTest.qWait(60)
        window.show()
        until(lambda: window.list.count() == 7)
        window.list.setCurrentRow(chosen)
        return window

    return make


def paste(session: Session, bridge: Bridge) -> QWidget:
    window = outbox(0)(session, bridge)
    assert isinstance(window, OutboxWindow)
    window._paste("d", FILM)
    dialog = window.findChild(QInputDialog)
    dialog.setProperty("owner", window)
    return dialog


SHOWN: dict[str, Callable[[Session, Bridge], QWidget]] = {
    **{f"form-{kind}": form(kind) for kind in SHARES},
    "locked": locked,
    "sending": sending,
    **{f"outbox-{n}": outbox(n) for n in range(6)},
    "paste": paste,
    "links": WINDOWS["links"],
    "links-none": WINDOWS["links-none"],
}


def looks(app: QApplication) -> Iterator[str]:
    plain = QFont(app.font())
    for theme in ("light", "dark", "contrast"):
        for language in ("es", "en"):
            for percent in (int(p) for p in os.environ.get("LOOKED_PERCENT", "100,200").split(",")):
                font = QFont(plain)
                font.setPixelSize(13 * percent // 100)
                app.setFont(font)
                words.speak(language)
                look.apply(app, "light" if theme == "contrast" else theme, high_contrast=theme == "contrast")  # type: ignore[arg-type]
                yield f"{theme}-{language}-{percent}"


def draw(app: QApplication, wanted: tuple[str, ...], mark: str) -> None:
    for about in looks(app):
        for name, make in SHOWN.items():
            if wanted and not name.startswith(wanted):
                continue
            with tempfile.TemporaryDirectory() as home:
                os.environ |= {"TESTIGO_CONFIG_DIR": f"{home}/c", "TESTIGO_DATA_DIR": f"{home}/d"}
                policy.FOLDER, policy.OWNERS = Path(home) / "policies", frozenset({os.getuid()})
                with running_session() as (session, bridge):
                    window = make(session, bridge)
                    window.show()
                    QTest.qWait(30)
                    window.grab().save(str(TO / f"{name}-{about}{mark}.png"))
                    if not name.startswith("form") and name != "paste":
                        window.resize(window.minimumSize().expandedTo(window.minimumSizeHint()))
                        QTest.qWait(30)
                        window.grab().save(str(TO / f"{name}-{about}-small{mark}.png"))
                    for each in app.topLevelWidgets():
                        each.close()
                        each.deleteLater()
                    app.processEvents()


def main(wanted: tuple[str, ...]) -> None:
    TO.mkdir(parents=True, exist_ok=True)
    scale = os.environ.get("QT_SCALE_FACTOR", "")
    os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
    app = QApplication(["testigo"])
    look.apply(app, "light", high_contrast=False)
    draw(app, wanted, "@2x" if scale else "")
    if not scale:
        subprocess.run([sys.executable, "-m", "tests.ui.looked", *wanted], env={**os.environ, "QT_SCALE_FACTOR": "2"}, check=True)  # noqa: E501  # fmt: skip


if __name__ == "__main__":
    main(tuple(sys.argv[1:]))
