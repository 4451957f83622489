"""From a report to a ticket on Request Tracker and Redmine, beside the same calls by curl on the same server."""

from __future__ import annotations

import json
import secrets
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.servers.redmine import RedmineServer, start_redmine
from tests.servers.rt import RtServer, start_rt
from tests.uploader.desk_suite import attachment, make_ticket
from uploader.desks.redmine import Redmine
from uploader.desks.rt import RequestTracker
from uploader.journal import MemoryJournal
from uploader.setting import Secret
from uploader.ticket import Desk, quiet

RUNS = 15
FILE_BYTES = 2_000_000


def main() -> dict[str, float]:
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for place in ("rt", "redmine"):
            (folder / place).mkdir()
        rt, redmine = start_rt(folder / "rt"), start_redmine(folder / "redmine")
        try:
            file = attachment(folder, "captura.png", secrets.token_bytes(FILE_BYTES), "image/png")
            of_rt = RequestTracker(url=rt.url, token=Secret(rt.tokens["ana"]), user="ana")
            of_redmine = Redmine(url=redmine.url, key=Secret(redmine.keys["ana"]), project="soporte", largest_mb=25)
            pairs: dict[str, tuple[Desk, Callable[[], None]]] = {
                "Request Tracker": (of_rt, lambda: by_curl_to_rt(rt, file.path)),
                "Redmine": (of_redmine, lambda: by_curl_to_redmine(redmine, file.path)),
            }
            for words, (desk, curl) in pairs.items():
                mine, theirs = list[float](), list[float]()
                for _ in range(RUNS):
                    ticket = make_ticket(folder, report_id=secrets.token_hex(8), attachments=(file,), fields={})
                    mine.append(timed(lambda d=desk, t=ticket: d.submit(t, MemoryJournal(), quiet)))
                    theirs.append(timed(curl))
                found[f"{words} curl s"] = statistics.median(theirs)
                found[f"{words} ours to curl"] = statistics.median(mine) / statistics.median(theirs)
        finally:
            rt.stop()
            redmine.stop()
    for what, value in found.items():
        print(f"{what:44}{value:>10.2f}")
    return found


def timed(act: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    act()
    return time.perf_counter() - began_s


def curl(*words: str) -> dict[str, object]:
    done = subprocess.run(["curl", "-sf", *words], check=True, capture_output=True)
    return dict(json.loads(done.stdout or b"{}"))


def by_curl_to_rt(rt: RtServer, path: Path) -> None:
    login = f"Authorization: token {rt.tokens['ana']}"
    asked = json.dumps({"Queue": "General", "Subject": "x", "Requestor": "ana", "Content": "x", "Priority": 100})
    made = curl("-H", login, "-F", f"JSON={asked};type=application/json", "-F", f"Attachments=@{path};type=image/png",
                f"{rt.url}/REST/2.0/ticket")  # fmt: skip
    curl("-H", login, f"{rt.url}/REST/2.0/ticket/{made['id']}/attachments?fields=Filename,ContentLength&per_page=100")


def by_curl_to_redmine(redmine: RedmineServer, path: Path) -> None:
    login, octets = f"X-Redmine-API-Key: {redmine.keys['ana']}", "Content-Type: application/octet-stream"
    sent = curl("-H", login, "-H", octets, "--data-binary", f"@{path}", f"{redmine.url}/uploads.json?filename=x.png")
    curl("-H", login, f"{redmine.url}/enumerations/issue_priorities.json")
    token = dict(sent["upload"])["token"]  # type: ignore[call-overload]
    issue = {"project_id": "soporte", "subject": "x", "description": "x", "priority_id": 3,
             "uploads": [{"token": token, "filename": "x.png", "content_type": "image/png"}]}  # fmt: skip
    made = curl("-H", login, "-H", "Content-Type: application/json", "-d", json.dumps({"issue": issue}),
                f"{redmine.url}/issues.json")  # fmt: skip
    number = dict(made["issue"])["id"]  # type: ignore[call-overload]
    curl("-H", login, f"{redmine.url}/issues/{number}.json?include=attachments")


if __name__ == "__main__":
    main()
