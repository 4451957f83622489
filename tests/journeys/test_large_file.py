"""Three gigabytes on a bad day: a killed process, a restarted server, a cut line, then another network."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from client.paths import open_paths
from client.session import Session
from tests.servers.fixtures import OpenProxy
from tests.servers.network import Network
from tests.servers.process import wait_until
from tests.servers.rgw import Rgw

ROOT = Path(__file__).resolve().parents[2]
GB = 1_000_000_000
PIECE = 20 * 1024 * 1024
IN_FLIGHT = 4 * PIECE


def make_film(path: Path) -> str:
    """3 GB with something in every piece, quick to make; its SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for number in range(3 * GB // PIECE + 1):
            mark = hashlib.sha256(str(number).encode()).digest() * 1024
            piece = mark + bytes(min(PIECE, 3 * GB - number * PIECE) - len(mark))
            file.write(piece)
            digest.update(piece)
    return digest.hexdigest()


def start(network: Network, *arguments: str) -> subprocess.Popen[bytes]:
    command = network.inside(sys.executable, "-m", "client", *arguments, "--json")
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


@pytest.mark.timeout(600)
def test_three_gigabytes_arrive_once_through_kill_restart_cut_and_change_of_network(
    rgw: Rgw, network: Network, fault_proxy: OpenProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, line = rgw.make_bucket("large-file"), fault_proxy(rgw.url, network.server)
    session = Session(open_paths())
    monkeypatch.setenv("TESTIGO_SECRET_FILES", rgw.secret_key)
    session.change(
        {"shares.files.kind": "s3", "shares.files.url": line.url, "shares.files.bucket": bucket,
         "shares.files.access_key": rgw.access_key, "report.share": "files"}
    )  # fmt: skip
    digest = make_film(tmp_path / "film.mp4")

    def sent() -> int:
        return sum(request.body_bytes for request in line.requests)

    def until(size_bytes: int, sending: subprocess.Popen[bytes]) -> None:
        wait_until(lambda: sent() > size_bytes or sending.poll() is not None, 240, f"{size_bytes} bytes")
        if sending.poll() is not None:
            pytest.fail(f"it ended early: {sending.communicate()[0].decode()}")

    sending = start(
        network, "report", "--summary", "Corte de red 🐦", "--attach", str(tmp_path / "film.mp4"), "--wait=600"
    )
    until(GB // 2, sending)
    sending.send_signal(signal.SIGKILL)
    sending.communicate()
    (waiting,) = session.deliveries(sent=0)
    rgw.restart()

    sending = start(network, "outbox", "send", waiting.report_id)
    until(GB, sending)
    line.down()
    line.cut()
    threading.Event().wait(1.5)
    line.up()
    until(2 * GB, sending)
    before = network.address
    network.leave()
    threading.Event().wait(1.5)
    network.join()
    said = sending.communicate(timeout=300)[0].decode()
    assert sending.returncode == 0, said
    assert session.delivery(waiting.report_id).state == "sent"
    assert line.clients == {before, network.address}
    assert sent() <= 3 * GB + 3 * IN_FLIGHT + 10 * PIECE // 20
    (ticket,) = session.paths.default_desk.glob("T-*/ticket.json")
    (link,) = json.loads(ticket.read_text("utf-8"))["attachments"]
    assert link["via"] == "link"
    assert link["sha256"] == digest
    read = hashlib.sha256()
    here = link["url"].replace(line.url, rgw.url)  # the tests themselves reach nothing but loopback
    asked = urllib.request.Request(here, headers={"Host": line.url.removeprefix("http://")})
    with urllib.request.urlopen(asked, timeout=60) as reply:
        while block := reply.read(1024 * 1024):
            read.update(block)
    assert read.hexdigest() == digest
    _, objects = rgw.ask("GET", f"/{bucket}", {"list-type": "2"})
    _, unfinished = rgw.ask("GET", f"/{bucket}", {"uploads": ""})
    assert (objects.count(b"<Key>"), unfinished.count(b"<UploadId>")) == (1, 0)
    revoking = start(network, "share", "revoke", link["url"])
    revoking.communicate(timeout=60)
    assert revoking.returncode == 0
