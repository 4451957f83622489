"""A desktop for a person's journey: an X server, window manager, tray host and browser, driven by keys and mouse."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
SIZE = (1920, 1080)
BARE_OPENBOX = (
    '<?xml version="1.0"?><openbox_config xmlns="http://openbox.org/3.4/rc">'
    "<placement><policy>Smart</policy><center>yes</center></placement>"
    "<theme><name>Clearlooks</name></theme><keyboard></keyboard></openbox_config>"
)
"""Debian's openbox takes the Print key for another program; ours leaves all keys free."""
PATIENCE_S = 60.0
"""How long is waited for what comes at once on a machine with nothing else to do."""


class Trouble(Exception):
    """The journey did not go as it should. ``str()`` says which step and what was seen."""


class Stage:
    """``with Stage(folder) as stage``: everything started here ends with it. ``display`` empty: one of its own."""

    def __init__(self, folder: Path, display: str = "") -> None:
        self.folder, self.display = folder, display
        self._running: list[subprocess.Popen[bytes]] = []
        self._server: http.server.ThreadingHTTPServer | None = None

    def __enter__(self) -> Stage:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.display:
            self._start_desktop()
        self.environment = {**os.environ, "DISPLAY": self.display, "PYTHONPATH": str(ROOT)}
        self.environment.pop("WAYLAND_DISPLAY", None)
        self.environment.pop("QT_QPA_PLATFORM", None)
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._running):
            process.terminate()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def start(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{Path(command[0]).name}-{len(self._running)}.log").open("wb")
        with log:
            process = subprocess.Popen(
                command, env={**self.environment, **environment}, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        self._running.append(process)
        return process

    def run(self, *command: str) -> str:
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True).stdout

    # -- hands ------------------------------------------------------------------------------------------------

    def key(self, *keys: str) -> None:
        self.run("xdotool", "key", "--delay", "60", *keys)

    def type(self, text: str) -> None:
        self.run("xdotool", "type", "--delay", "15", text)

    def click(self, x: int, y: int, button: int = 1) -> None:
        self.run("xdotool", "mousemove", str(x), str(y), "click", str(button))

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Slowly enough that it is a drag and no jump."""
        steps = [
            (start[0] + (end[0] - start[0]) * n // 8, start[1] + (end[1] - start[1]) * n // 8) for n in range(1, 9)
        ]
        words = ["xdotool", "mousemove", str(start[0]), str(start[1]), "sleep", "0.05", "mousedown", "1"]
        for x, y in steps:
            words += ["mousemove", str(x), str(y), "sleep", "0.02"]
        self.run(*words, "sleep", "0.05", "mouseup", "1")

    # -- eyes -------------------------------------------------------------------------------------------------

    def look(self, name: str = "") -> Any:
        """The screen as an array of BGR pixels, seen by another program than ours; kept as ``name``.png."""
        import cv2
        import numpy as np

        raw = subprocess.run(
            ["maim", "-u", "--format", "png", "--quality", "1"], env=self.environment, capture_output=True, check=True
        ).stdout
        picture = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)
        if name:
            cv2.imwrite(str(self.folder / f"{name}.png"), picture)
        return picture

    def find_color(self, bgr: tuple[int, int, int], least: int = 200) -> tuple[int, int, int, int] | None:
        """The box (x, y, width, height) around everything of this colour; None when there is little of it."""
        return box_of(self.look(), bgr, least)

    def window(self, title: str, patience_s: float = PATIENCE_S) -> tuple[int, int, int, int]:
        """Waits for a visible window with this in its title; its x, y, width, height."""

        def found() -> tuple[int, int, int, int] | None:
            asked = ["xdotool", "search", "--onlyvisible", "--name", title]
            ids = subprocess.run(asked, env=self.environment, capture_output=True, text=True).stdout.split()
            for number in reversed(ids):
                shell = subprocess.run(
                    ["xdotool", "getwindowgeometry", "--shell", number],
                    env=self.environment,
                    capture_output=True,
                    text=True,
                ).stdout
                known = dict(line.split("=") for line in shell.splitlines() if "=" in line)
                if int(known.get("WIDTH", 0)) > 100:
                    return int(known["X"]), int(known["Y"]), int(known["WIDTH"]), int(known["HEIGHT"])
            return None

        return wait_for(found, f"the window “{title}”", patience_s)

    def still(self, patience_s: float = PATIENCE_S) -> None:
        """Waits until the screen does not change any more."""
        before = self.look()

        def same() -> bool:
            nonlocal before
            now = self.look()
            quiet = bool((now == before).all())
            before = now
            return quiet

        wait_for(same, "a still screen", patience_s)

    # -- surroundings -----------------------------------------------------------------------------------------

    def open_shop(self) -> str:
        """Serves the shop whose checkout really fails; its address."""
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Shop)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def browse(self, address: str, name: str, size: tuple[int, int] = SIZE) -> subprocess.Popen[bytes]:
        """A real Chromium of its own that shows one page and nothing else, and asks nobody outside."""
        profile = self.folder / f"profile-{name}"
        shutil.rmtree(profile, ignore_errors=True)
        (profile / "Default").mkdir(parents=True)
        (profile / "Default" / "Preferences").write_text(json.dumps({"translate": {"enabled": False}}))
        quiet = ("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
                 "--disable-quic", "--disable-gpu", "--no-default-browser-check", "--disable-dev-shm-usage",
                 "--password-store=basic")  # fmt: skip
        box = (f"--window-size={size[0]},{size[1]}", "--window-position=0,0", "--force-device-scale-factor=1")
        sandbox = ("--no-sandbox", "--test-type") if os.getuid() == 0 else ()
        return self.start(
            "chromium", f"--user-data-dir={profile}", *quiet, *box, *sandbox, f"--app={address}", LANGUAGE="es"
        )

    def _start_desktop(self) -> None:
        read, write = os.pipe()
        self.environment = dict(os.environ)
        server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24", "-nolisten", "tcp"],
            pass_fds=(write,),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._running.append(server)
        os.close(write)
        with os.fdopen(read) as answer:
            self.display = f":{answer.readline().strip()}"
        self.environment["DISPLAY"] = self.display
        rules = self.folder / "openbox.xml"
        rules.write_text(BARE_OPENBOX)
        self.start("openbox", "--config-file", str(rules))
        wait_for(lambda: "window id" in self.run("xprop", "-root", "_NET_SUPPORTING_WM_CHECK"), "the window manager")
        self.run("xsetroot", "-solid", "#3b5a6b")
        self.start(
            "trayer", "--edge", "bottom", "--align", "right", "--widthtype", "request", "--height", "28",
            "--SetDockType", "true", "--expand", "true", "--transparent", "false", "--tint", "0x2b2d31",
        )  # fmt: skip


class _Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        page = {"/": "demo/index.html", "/Inter-Regular.ttf": "fonts/Inter-Regular.ttf",
                "/Inter-SemiBold.ttf": "fonts/Inter-SemiBold.ttf"}.get(self.path)  # fmt: skip
        if page is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        content = resources.files("resources").joinpath(*page.split("/")).read_bytes()
        self._answer(HTTPStatus.OK, "font/ttf" if page.endswith("ttf") else "text/html; charset=utf-8", content)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        threading.Event().wait(0.4)  # the bank thinks
        self._answer(HTTPStatus.BAD_GATEWAY, "application/json", json.dumps({"code": "E-502"}).encode())

    def _answer(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def box_of(picture: Any, bgr: tuple[int, int, int], least: int = 200) -> tuple[int, int, int, int] | None:
    import numpy as np

    ys, xs = np.nonzero((picture == np.array(bgr, np.uint8)).all(axis=2))
    if len(xs) < least:
        return None
    return int(xs.min()), int(ys.min()), int(xs.max() - xs.min()) + 1, int(ys.max() - ys.min()) + 1


def wait_for(ask: Callable[[], T | None], what: str, patience_s: float = PATIENCE_S) -> T:
    """Asks until the answer is true. Raises: Trouble when it never is."""
    pause, end = threading.Event(), time.monotonic() + patience_s
    while time.monotonic() < end:
        answer = ask()
        if answer:
            return answer
        pause.wait(0.05)
    raise Trouble(f"waited {patience_s} s for {what}")
