"""One user of Testigo on a stage: starts the tray, uses the command line, sees the windows, reads the own folders."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from client.paths import open_paths
from client.ui.instance import ask
from tests.journeys.stage import PATIENCE_S, ROOT, Stage, wait_for

OVERLAY = "WIDTH=1920\nHEIGHT=1080"


class User:
    """Uses the folders that the environment names. ``leave`` ends every tray that was started."""

    def __init__(self, stage: Stage, environment: dict[str, str]) -> None:
        self.stage = stage
        self.paths = open_paths()
        self.environment = {**stage.environment, **environment, "DBUS_SESSION_BUS_ADDRESS": "disabled:"}
        self.environment.pop("QT_QPA_PLATFORM", None)
        self._trays: list[subprocess.Popen[str]] = []

    # -- programs ---------------------------------------------------------------------------------------------

    def launch(self, *words: str) -> subprocess.Popen[str]:
        """``testigo …`` in the background; with no words: the tray."""
        running = subprocess.Popen(
            [sys.executable, "-m", "client", *(words or ("tray",))],
            env=self.environment, cwd=ROOT, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._trays.append(running)
        return running

    def start(self) -> subprocess.Popen[str]:
        """The tray, once it answers and has done what it does after its start."""
        running = self.launch()
        wait_for(self.answers, "the tray")
        return running

    def answers(self) -> bool:
        return ask(self.paths, "tray", "ping", {}, wait_s=5) is not None

    def testigo(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "client", *words]
        return subprocess.run(
            command, env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S
        )

    def asked(self, *words: str) -> dict[str, Any]:
        """The JSON that ``testigo … --json`` printed."""
        answer: dict[str, Any] = json.loads(self.testigo(*words, "--json").stdout)
        return answer

    def leave(self) -> None:
        for running in self._trays:
            running.kill()
            running.communicate()

    # -- windows ----------------------------------------------------------------------------------------------

    def told(self, title: str) -> None:
        """Waits for a notification with this title."""
        wait_for(lambda: self._windows("--onlyvisible", "--name", f"^{re.escape(title)}"), f"the words “{title}”")

    def sees(self, title: str) -> bool:
        return bool(self._windows("--onlyvisible", "--name", title))

    def overlay(self) -> bool:
        """Whether the frozen screen is shown."""
        shapes = [
            self.stage.run("xdotool", "getwindowgeometry", "--shell", number)
            for number in self._windows("--onlyvisible", "--class", "testigo")
        ]
        return any(OVERLAY in shape for shape in shapes)

    def freeze(self, *keys: str) -> None:
        """Presses the keys, and waits for the overlay."""
        self.stage.key(*keys)
        wait_for(self.overlay, "the overlay")

    def active(self) -> str:
        """The title of the window that has the keyboard."""
        found = subprocess.run(
            ["xdotool", "getactivewindow", "getwindowname"], env=self.environment, capture_output=True, text=True
        )
        return found.stdout.strip()

    def icon(self) -> tuple[int, int, int, int] | None:
        """Where the tray host shows the icon: x, y, width, height."""
        inside = False
        for line in self.stage.run("xwininfo", "-root", "-tree").splitlines():
            inside = inside or '"panel"' in line
            found = re.search(r'\("testigo" "testigo"\)\s+(\d+)x(\d+)\+\S+\s+\+(-?\d+)\+(-?\d+)', line)
            if inside and found and int(found[1]) <= 64:
                return int(found[3]), int(found[4]), int(found[1]), int(found[2])
        return None

    def _windows(self, *how: str) -> list[str]:
        asked = ["xdotool", "search", *how]
        return subprocess.run(asked, env=self.environment, capture_output=True, text=True).stdout.split()

    # -- what lies on disk ------------------------------------------------------------------------------------

    def drafts(self) -> list[dict[str, Any]]:
        return [json.loads(file.read_text("utf-8")) for file in sorted(self.paths.data.glob("drafts/2*/report.json"))]

    def marks(self) -> list[Any]:
        """The marks of all pictures of all drafts."""
        from client.annotation import History

        found = sorted(self.paths.data.glob("drafts/2*/pictures/*/marks.json"))
        return [mark for file in found for mark in History.from_json(file.read_bytes()).marks]

    def tickets(self) -> list[dict[str, Any]]:
        found = sorted(self.paths.default_desk.glob("T-*/ticket.json"))
        return [json.loads(file.read_text("utf-8")) for file in found]

    def settings(self, text: str) -> None:
        """Writes the settings as an editor does: another file, renamed."""
        other = self.paths.settings_file.with_name("settings.new")
        other.write_text(text, "utf-8")
        other.replace(self.paths.settings_file)


def frames_of(film: Path) -> int:
    """How many pictures a player gets out of this film."""
    import av

    with av.open(str(film)) as source:
        return sum(1 for _ in source.decode(video=0))
