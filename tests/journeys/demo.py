"""The whole journey on real input: a shop's checkout fails, and a complete ticket reaches the help desk.

``make demo`` runs it on the current display, or without one on its own. Everything is done by keys and mouse, as
a person does; pictures of every window are left in ``build/demo/``. It ends with 0 only if what arrived was checked.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from client.paths import open_paths
from client.ui.instance import ask
from tests.journeys import checks
from tests.journeys.stage import ROOT, Stage, Trouble, box_of, wait_for

PINK, GREEN = (0xEB, 0xEC, 0xFE), (0x38, 0x3C, 0x14)
"""The shop's error box and its pay button, in BGR."""
SUBJECT = "No puedo pagar el pedido 48217"
DETAILS = "Al presionar Pagar aparece el error E-502. Me pasa con dos tarjetas distintas."
BIG_BYTES = 30_000_000
RECORDED_S = 6


class Journey:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.home = stage.folder / "home"
        shutil.rmtree(self.home, ignore_errors=True)
        stage.environment |= {
            "TESTIGO_CONFIG_DIR": str(self.home / "config"),
            "TESTIGO_DATA_DIR": str(self.home / "data"),
            "TESTIGO_GENERAL_LANGUAGE": "es",
            "TESTIGO_GENERAL_NAME": "Lucía Fernández",
            "TESTIGO_GENERAL_MAIL": "lucia@ejemplo.mx",
            "LANG": "C.UTF-8",
        }
        self.times: list[tuple[str, float]] = []
        self.card = (0, 0, 0, 0)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        except (Trouble, subprocess.CalledProcessError) as error:
            self.stage.look(f"trouble-{name}")
            raise Trouble(f"{name}: {error}") from error
        self.times.append((name, time.monotonic() - began))
        print(f"  {name:<34} {self.times[-1][1]:6.2f} s", flush=True)

    # -- the story --------------------------------------------------------------------------------------------

    def play(self) -> Path:
        """All steps; gives the folder of the ticket."""
        stage = self.stage
        with self.step("the shop opens"):
            stage.browse(stage.open_shop(), "shop")
            stage.window("Café Andino")
            button = wait_for(self._pay_button, "the shop's pay button")
            stage.still()
        with self.step("Testigo starts in the tray"):
            stage.start(sys.executable, "-m", "client", "tray")
            wait_for(self._ping, "Testigo")
        with self.step("the checkout fails"):
            stage.click(*button)
            error = wait_for(lambda: stage.find_color(PINK, 5000), "the shop's error")
            stage.run("xdotool", "mousemove", "1700", "900")
            stage.still()
        self.error = error
        self.seen = stage.look("1-shop")
        button = wait_for(self._pay_button, "the pay button below the error")
        self._capture(error)
        self._mark()
        self._write()
        self._record(button)
        self._attach()
        self._send()
        ticket = self._wait_for_ticket()
        self._visit(ticket)
        self._other_windows()
        return ticket

    def _capture(self, error: tuple[int, int, int, int]) -> None:
        stage = self.stage
        x, y, width, height = error
        with self.step("hot key to overlay"):
            stage.key("Print")
            wait_for(self._overlay_shown, "the overlay")
        with self.step("a region around the error"):
            start, end = (x - 30, y - 90), (x + width + 30, y + height + 250)
            threading.Thread(target=lambda: (time_passes(0.35), stage.look("2-overlay"))).start()
            stage.run("xdotool", "mousemove", str(start[0]), str(start[1]), "mousedown", "1", "sleep", "0.05",
                      "mousemove", str(end[0] - 40), str(end[1] - 40), "sleep", "0.9",
                      "mousemove", str(end[0]), str(end[1]), "sleep", "0.1", "mouseup", "1")  # fmt: skip
            self.editor = stage.window("^Captura")
            stage.still()

    def _mark(self) -> None:
        """An arrow to the error, and the card number hidden: found where the picture lies in the editor."""
        stage = self.stage
        with self.step("an arrow, and the card hidden"):
            left, top, width, height = self.editor
            view = stage.look()[top : top + height, left : left + width]
            pink = box_of(view, PINK, 3000)
            if pink is None:
                raise Trouble("the editor does not show the error")
            factor = pink[2] / self.error[2]
            px, py = left + pink[0], top + pink[1]
            stage.key("a")
            stage.drag(
                (px + int(pink[2] * 0.86), py - int(52 * factor)), (px + int(pink[2] * 0.62), py + int(24 * factor))
            )
            column = (self.error[2] - 22) // 2 + 22
            card = (column + 6, self.error[3] + 28 + 27 + 8, 230, 36)  # inside the card's field, from the error box
            x, y, w, h = (int(n * factor) for n in card)
            stage.key("h")
            stage.drag((px + x, py + y), (px + x + w, py + y + h))
            self.card = (self.error[0] + card[0], self.error[1] + card[1], card[2], card[3])
            stage.run("xdotool", "mousemove", "1700", "1000")
            stage.still()
            stage.look("3-editor")

    def _write(self) -> None:
        stage = self.stage
        with self.step("the form opens"):
            stage.key("ctrl+Return")
            self.form = stage.window("^Reportar un problema")
            stage.still()
        with self.step("two lines are written"):
            stage.type(SUBJECT)
            stage.key("Tab")
            stage.type(DETAILS)
            stage.key("Tab", "Tab")  # kind, then priority
            stage.key("Left")
            stage.still()
            stage.look("4-report")

    def _record(self, button: tuple[int, int]) -> None:
        """Only the button: the card's number is on the page, and a film shows what it shows."""
        stage = self.stage
        with self.step(f"a recording of {RECORDED_S} s"):
            stage.key("ctrl+shift+g")
            wait_for(self._overlay_shown, "the overlay")
            x, y = button
            stage.drag((x - 130, y - 45), (x + 150, y + 55))
            began = time.monotonic()
            time_passes(1.5)
            stage.click(x, y)
            stage.look("5-recording")
            time_passes(2.0)
            stage.click(x, y)
            stage.run("xdotool", "mousemove", str(x + 60), str(y + 30))
            time_passes(max(0.0, RECORDED_S + 0.3 - (time.monotonic() - began)))
            stage.key("ctrl+shift+g")
            wait_for(lambda: self._attachments() >= 2, "the recording in the report")

    def _attach(self) -> None:
        """A file copied in a file manager is pasted into the report."""
        stage = self.stage
        with self.step("a file of 30 MB is pasted"):
            self.big = stage.folder / "registro del servidor.bin"
            self.big.write_bytes(os.urandom(BIG_BYTES))
            copied = subprocess.Popen(
                ["xclip", "-selection", "clipboard", "-t", "text/uri-list", "-loops", "2"],
                env=stage.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            copied.communicate(self.big.as_uri().encode() + b"\r\n")
            x, y, width, _ = stage.window("^Reportar un problema")
            stage.click(x + width // 2, y + 45)
            stage.key("ctrl+v")
            wait_for(lambda: self._attachments() >= 3, "the file in the report")
            stage.still()
            stage.look("6-report-complete")

    def _send(self) -> None:
        stage = self.stage
        with self.step("the diagnostics are reviewed"):
            stage.key("ctrl+Return")
            stage.window("^Esto es lo que se enviar")
            stage.still()
            for _ in range(4):
                stage.key("Down")
            stage.still()
            stage.look("7-review")
        with self.step("send"):
            stage.key("Return")

    def _wait_for_ticket(self) -> Path:
        desk = self.home / "data" / "desk"
        with self.step("the ticket is in the desk"):
            ticket = wait_for(lambda: next(iter(sorted(desk.glob("T-*"))), None), "the ticket")
            wait_for((desk / "index.html").exists, "the index")
        time_passes(0.6)
        self.stage.look("8-sent")
        return ticket

    def _visit(self, ticket: Path) -> None:
        stage = self.stage
        with self.step("an agent opens the desk"):
            index = stage.browse((ticket.parent / "index.html").as_uri(), "desk", (1500, 900))
            stage.window("Tickets")
            stage.still()
            stage.look("9-desk")
            index.terminate()
            stage.browse((ticket / "ticket.html").as_uri(), "ticket", (1500, 1000))
            stage.window("T-000001")
            stage.still()
            stage.look("10-ticket")

    def _other_windows(self) -> None:
        """The rest of the face, from the tray's menu."""
        stage = self.stage
        with self.step("menu, outbox, history, settings"):
            for ups, title, name in ((4, "^Env", "12-outbox"), (3, "^Historial", "13-history"), (2, "^Ajustes", "14-settings")):  # noqa: E501  # fmt: skip
                self._open_menu("11-menu" if ups == 4 else "")
                stage.key(*["Up"] * ups, "Return")
                stage.window(title)
                stage.still()
                stage.look(name)
                stage.key("Escape")

    def _open_menu(self, picture: str) -> None:
        x, y, width, height = self._tray()
        self.stage.click(x + width // 2, y + height // 2, 3)
        time_passes(0.4)
        if picture:
            self.stage.look(picture)

    # -- eyes -------------------------------------------------------------------------------------------------

    def _tray(self) -> tuple[int, int, int, int]:
        """Where the icon is: the small window of Testigo inside the tray host's."""
        inside = False
        for line in self.stage.run("xwininfo", "-root", "-tree").splitlines():
            inside = ('"trayer"' in line or inside) and not line.strip().startswith("Root")
            found = re.search(r'\("testigo" "testigo"\)\s+(\d+)x(\d+)\+\S+\s+\+(-?\d+)\+(-?\d+)', line)
            if inside and found:
                width, height, x, y = (int(n) for n in found.groups())
                if 16 <= width <= 64 and 16 <= height <= 64:
                    return x, y, width, height
        raise Trouble("the icon is not in the tray")

    def _pay_button(self) -> tuple[int, int] | None:
        """The middle of the dark green box below the header."""
        picture = self.stage.look()
        below = picture[250:]
        box = box_of(below, GREEN, 3000)
        return (box[0] + box[2] // 2, 250 + box[1] + box[3] // 2) if box and box[2] < 500 else None

    def _ping(self) -> bool:
        paths = open_paths(self.home / "config", self.home / "data")
        return ask(paths, "tray", "ping", {}, wait_s=10) is not None

    def _overlay_shown(self) -> bool:
        tree = self.stage.run("xwininfo", "-root", "-tree")
        return any('("testigo"' in line and "1920x1080" in line for line in tree.splitlines()) and self._is_mapped()

    def _is_mapped(self) -> bool:
        asked = ["xdotool", "search", "--onlyvisible", "--class", "testigo"]
        ids = subprocess.run(asked, env=self.stage.environment, capture_output=True, text=True).stdout.split()
        for number in ids:
            shown = self.stage.run("xdotool", "getwindowgeometry", "--shell", number)
            if "WIDTH=1920" in shown and "HEIGHT=1080" in shown:
                return True
        return False

    def _attachments(self) -> int:
        """What the draft on disk holds: a person sees it in the strip."""
        for file in (self.home / "data" / "drafts").glob("*/report.json"):
            return len(json.loads(file.read_text("utf-8"))["attachments"])
        return 0


def time_passes(seconds: float) -> None:
    threading.Event().wait(seconds)


def main() -> int:
    folder = ROOT / "build" / "demo"
    for old in folder.glob("*.png"):
        old.unlink()
    display = os.environ.get("DISPLAY", "")
    print(f"The journey, on {'display ' + display if display else 'a display of its own'}:", flush=True)
    with Stage(folder, display) as stage:
        journey = Journey(stage)
        try:
            ticket = journey.play()
            link = checks.check_everything(journey, ticket)
        except (Trouble, AssertionError) as error:
            print(f"\nFAILED: {error}", file=sys.stderr)
            return 1
    print(f"\nticket   {ticket / 'ticket.html'}\nlink     {link}\npictures {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
