"""Roundup 2.6, its template "classic" on a SQLite file, served by cheroot as its documentation has it.

``ana`` and ``mariana`` report, ``mesa`` answers. It compares host and origin that a client tells with its own
address: the way here tells them as a reverse proxy would, whichever port the request came by.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.process import PLACE, NotInstalled, Process, free_port, seeded
from uploader.form import Form, Part

WEB = "http://127.0.0.1:1/"
SETTINGS = {
    "tracker": {"web": WEB},
    "mail": {"domain": "example.org", "host": "127.0.0.1", "debug": "mail.txt"},
    # Their costs are for attackers: one round instead of 250,000, and no lock after four wrong passwords
    "main": {"password_pbkdf2_default_rounds": "1000"},
    "web": {"api_failed_login_limit": "0"},
}
PASSWORDS = {"mariana": "clave-mariana-1", "ana": "clave-ana-1", "mesa": "clave-mesa-1"}
SERVE = """
import sys
from cheroot.wsgi import Server
from roundup.cgi.wsgi_handler import RequestDispatcher
tracker = RequestDispatcher(sys.argv[1])
def through(environ, start_response):
    if environ.get("HTTP_ORIGIN") == "http://" + environ["HTTP_HOST"]:
        environ["HTTP_ORIGIN"] = sys.argv[3].rstrip("/")
    environ["HTTP_HOST"] = sys.argv[3].split("/")[2]
    return tracker(environ, start_response)
Server(("127.0.0.1", int(sys.argv[2])), through, numthreads=4).start()
"""


@dataclass(frozen=True, slots=True)
class RoundupServer:
    url: str
    folder: Path
    process: Process

    def ask(self, method: str, path: str, content: object = None, **head: str) -> Any:
        """One call of the agent's: what it says."""
        body = None if content is None else json.dumps(content).encode()
        return json.loads(self._call(method, path, body, {"Content-Type": "application/json", **head}))["data"]

    def held(self, kind: str, number: str) -> bytes:
        """What it keeps of a message or file, as it lies on its disk."""
        return (self.folder / f"tracker/db/files/{kind}/{int(number) // 1000}/{kind}{number}").read_bytes()

    def keep(self, name: str, content: bytes) -> str:
        """The number of a file of the agent's."""
        kind = "application/octet-stream"
        form = Form([("name", name), ("type", kind)], [Part("content", "file", kind, content)], name)
        made = self._call("POST", "file", b"".join(form.blocks()), {"Content-Type": form.content_type})
        return str(json.loads(made)["data"]["id"])

    def _call(self, method: str, path: str, body: bytes | None, head: dict[str, str]) -> bytes:
        given = base64.b64encode(f"mesa:{PASSWORDS['mesa']}".encode()).decode()
        asked = urllib.request.Request(f"{self.url}/rest/data/{path}", body, method=method, headers={
            "Authorization": f"Basic {given}", "X-Requested-With": "rest", "Origin": self.url,
            "Accept": "application/json", **head,
        })  # fmt: skip
        with urllib.request.urlopen(asked, timeout=30) as reply:
            return bytes(reply.read())

    def change(self, number: str, content: dict[str, Any]) -> None:
        etag = self.ask("GET", f"issue/{number}")["@etag"]
        self.ask("PATCH", f"issue/{number}", content, **{"If-Match": etag})

    def stop(self) -> None:
        self.process.stop()


def start_roundup(folder: Path) -> RoundupServer:
    """Raises: NotInstalled."""
    if not next(PLACE.glob("venv/lib/python*/site-packages/roundup"), None):
        raise NotInstalled("roundup")
    seed = seeded("roundup", _make_seed, json.dumps(SETTINGS), json.dumps(PASSWORDS))
    shutil.copytree(seed / "tracker", folder / "tracker")
    port = free_port()
    command = [PLACE / "venv/bin/python", "-c", SERVE, folder / "tracker", str(port), WEB]
    return RoundupServer(f"http://127.0.0.1:{port}", folder, Process(command, folder, port))


def _make_seed(folder: Path) -> None:
    admin = [PLACE / "venv/bin/python", PLACE / "venv/bin/roundup-admin", "-i", folder / "tracker"]
    users = [["create", "user", f"username={name}", f"address={name}@example.org", f"password={password}", "roles=User"]
             for name, password in PASSWORDS.items()]  # fmt: skip
    for step in (["install", "classic", "sqlite"], ["initialise", "clave-admin-1"], *users):
        made = subprocess.run([*admin, *step], cwd=folder, text=True, input="y\n", capture_output=True)
        if step[0] == "install":  # it ends unhappy: the settings that it has no default for are written now
            _configure(folder / "tracker/config.ini")
        else:
            assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]


def _configure(file: Path) -> None:
    lines, section = [], ""
    for line in file.read_text("utf-8").splitlines():
        name = line.lstrip("#").partition(" =")[0]
        section = line.strip("[]") if line.startswith("[") else section
        mine = SETTINGS.get(section, {}).get(name) if " =" in line else None
        lines.append(line if mine is None else f"{name} = {mine}")
    file.write_text("\n".join(lines) + "\n", "utf-8")
