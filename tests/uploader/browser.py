"""A real Chromium without a window, driven over the pipe of its DevTools protocol, and a plain server for it."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psutil
import pytest

from uploader.seal import Sealed
from uploader.source import Window

QUIET = ("--headless=new", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync",
         "--disable-component-update", "--disable-dev-shm-usage", "--password-store=basic", "--disable-extensions",
         "--host-resolver-rules=MAP files.test 127.0.0.1", "--remote-debugging-pipe", "about:blank")  # fmt: skip
ON_3_AND_4 = (
    "import os, sys; r, w = map(os.dup, map(int, sys.argv[1:3])); os.dup2(r, 3); os.dup2(w, 4); "
    "os.set_inheritable(3, True); os.set_inheritable(4, True); os.execvp(sys.argv[3], sys.argv[3:])"
)


class Browser:
    def __init__(self, folder: Path) -> None:
        if shutil.which("chromium") is None:
            pytest.skip("chromium is not installed: make setup installs it on Debian")
        self.downloads = folder / "downloads"
        self.downloads.mkdir()
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        sandbox = ("--no-sandbox",) if os.getuid() == 0 else ()
        self._process = subprocess.Popen(
            [sys.executable, "-SE", "-c", ON_3_AND_4, str(theirs_in), str(theirs_out), "chromium",
             f"--user-data-dir={folder / 'profile'}", *sandbox, *QUIET],
            pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self._number, self._read, self.events = 0, b"", list[dict[str, Any]]()
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads), eventsEnabled=True)

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        self._number += 1
        asked = {"id": self._number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        os.write(self._out, json.dumps(asked).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self._number:
                assert "error" not in told, (method, told["error"])
                return told["result"]
            self.events.append(told)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._in], [], [], 60)
            piece = os.read(self._in, 1 << 20) if ready else b""
            assert piece, "the browser does not answer"
            self._read += piece
        told, _, self._read = self._read.partition(b"\0")
        return json.loads(told)

    def open(self, url: str, *, language: str = "en", before: str = "", dark: bool = False) -> Page:
        """A new page; ``before`` runs in it ahead of its own scripts."""
        target = self.call("Target.createTarget", url="about:blank", newWindow=True, width=1000, height=760)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, target, session)
        for domain in ("Page", "Runtime", "Log"):
            page.call(f"{domain}.enable")
        page.call("Emulation.setUserAgentOverride", userAgent="Mozilla/5.0 Chrome/156.0", acceptLanguage=language)
        scheme = "dark" if dark else "light"
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        if before:
            page.call("Page.addScriptToEvaluateOnNewDocument", source=before)
        page.call("Page.navigate", url=url)
        page.wait("document.readyState === 'complete'")
        return page

    def downloaded(self, limit_s: float = 60) -> Path:
        """The next finished download. Raises: AssertionError when there is none in time."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            self.call("Browser.getVersion")
            for told in self.events:
                if told["method"] == "Browser.downloadProgress" and told["params"]["state"] == "completed":
                    self.events.remove(told)
                    return Path(told["params"]["filePath"])
            Event().wait(0.05)
        raise AssertionError("no download came to its end")

    def memory_bytes(self) -> dict[str, int]:
        """Resident memory: of the largest renderer, and of all processes, what they share counted once."""
        found = {"renderer": 0, "all": 0}
        for process in [psutil.Process(self._process.pid), *psutil.Process(self._process.pid).children(recursive=True)]:
            with suppress(psutil.Error):
                used = process.memory_full_info()
                found["all"] += used.pss
                if "--type=renderer" in process.cmdline():
                    found["renderer"] = max(found["renderer"], used.rss)
        return found

    def close(self) -> None:
        with suppress(AssertionError, OSError):
            self.call("Browser.close")
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        os.close(self._out)


class Page:
    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self.browser, self._target, self._session = browser, target, session

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        return self.browser.call(method, self._session, **params)

    def run(self, script: str) -> Any:
        told = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def wait(self, script: str, limit_s: float = 20) -> Any:
        """The script's value as soon as it is true."""
        end = time.monotonic() + limit_s
        while not (value := self._settled(script)):
            assert time.monotonic() < end, f"never: {script}; it says: {self.run('document.body.innerText')}"
            Event().wait(0.03)
        return value

    def _settled(self, script: str) -> Any:
        """None while the page is being exchanged for another."""
        try:
            return self.run(script)
        except AssertionError as error:
            if "context" not in str(error) and "navigated" not in str(error):
                raise
            return None

    def click(self, selector: str) -> None:
        """As a hand would: with the browser's leave to save files."""
        self.wait(f"document.querySelector({selector!r}).offsetParent !== null")
        middle = "(b => [b.x + b.width / 2, b.y + b.height / 2])"
        box = self.run(f"{middle}(document.querySelector({selector!r}).getBoundingClientRect())")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def type(self, selector: str, text: str) -> None:
        self.run(f"document.querySelector({selector!r}).focus()")
        self.call("Input.insertText", text=text)

    def choose(self, selector: str, path: Path) -> None:
        node = self.call("Runtime.evaluate", expression=f"document.querySelector({selector!r})")["result"]["objectId"]
        self.call("DOM.setFileInputFiles", files=[str(path)], objectId=node)

    def drop(self, path: Path) -> None:
        dragged = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.call("Input.dispatchDragEvent", type=kind, x=400, y=300, data=dragged)

    def complaints(self) -> list[str]:
        """What the browser's console holds against the page: errors, and whatever its policy forbade."""
        entries = [e["params"] for e in self.browser.events if e.get("sessionId") == self._session]
        logged = [e["entry"]["text"] for e in entries if e.get("entry", {}).get("level") == "error"]
        return logged + [str(e["exceptionDetails"]) for e in entries if "exceptionDetails" in e]

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def close(self) -> None:
        self.browser.call("Target.closeTarget", targetId=self._target)


@dataclass
class Shelf:
    """What a server holds, how it misbehaves, and what it was asked."""

    files: dict[str, bytes | Sealed] = field(default_factory=dict)
    lost_after_bytes: list[int] = field(default_factory=list)
    hangs: bool = False
    ranges: bool = True
    length: bool = True
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""
    ended: Event = field(default_factory=Event)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        name, span = request.path.split("?")[0].strip("/"), request.headers.get("Range", "")
        self.asked.append((request.path + str(request.headers), span))
        if name not in self.files:
            request.send_error(404)
            return
        held = self.files[name]
        size = held.size_bytes if isinstance(held, Sealed) else len(held)
        start = int(span.removeprefix("bytes=").partition("-")[0]) if span and self.ranges else 0
        if start >= size:
            request.send_error(416)
            return
        request.send_response(206 if span and self.ranges else 200)
        request.send_header("Content-Type", "text/html" if name == "open.html" else "application/octet-stream")
        if self.length:
            request.send_header("Content-Length", str(size - start))
        if span and self.ranges:
            request.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        request.end_headers()
        left = self.lost_after_bytes.pop(0) if self.lost_after_bytes and name != "open.html" else size
        blocks = (
            Window(held, start, size - start, lambda n: None).blocks() if isinstance(held, Sealed) else [held[start:]]
        )
        try:
            for block in blocks:
                request.wfile.write(block[:left])
                left -= len(block)
                if left <= 0:
                    if self.hangs and name != "open.html":
                        self.hangs = False
                        self.ended.wait(10)
                    break
        except OSError:  # the reader went away
            pass


def serve(shelf: Shelf) -> Iterator[Shelf]:
    class Request(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shelf.answer(self)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Request) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        shelf.url = f"http://127.0.0.1:{server.server_port}"
        yield shelf
        shelf.ended.set()
        server.shutdown()
