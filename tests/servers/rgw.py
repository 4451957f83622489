"""Ceph's S3 gateway on one monitor and one disk in memory: the strictest of the S3 servers.

``restart`` is of the gateway alone and keeps everything. What was deleted is freed some seconds later; more than
``DISK_BYTES`` in all does not fit: then writes hang.
"""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.servers.process import START_S, Process, find_program, free_port
from tests.servers.s3 import S3Server

ACCESS_KEY, SECRET_KEY = "TESTACCESSKEY0000000", "test/secret+key"
DISK_BYTES = 8 << 30
ATTEMPTS = 5
"""Now and then one of Ceph's programs speaks before it has learnt the cluster's id, is told "wrong fsid" and ends."""

# The monitor proposes at once and asks no keys: ready in seconds instead of half a minute.
CONFIGURATION = """
[global]
fsid = {fsid}
mon host = v1:127.0.0.1:{mon_port}
auth cluster required = none
auth service required = none
auth client required = none
ms bind msgr2 = false
public addr = 127.0.0.1
cluster addr = 127.0.0.1
run dir = {folder}
admin socket =
pid file =
crash dir = {folder}
log file = {folder}/$name.log
mon cluster log file = {folder}/cluster.log
keyring = {folder}/keyring
mon data = {folder}/mon
osd data = {folder}/osd
paxos propose interval = 0.05
paxos min wait = 0.01
mon data avail crit = 1
mon data avail warn = 1
mon allow pool size one = true
mon max pg per osd = 1000
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = {disk_bytes}
osd scrub during recovery = false
rgw gc obj min wait = 1
rgw gc processor period = 5
rgw gc processor max time = 5
rgw dynamic resharding = false
rgw dns name = localhost
rgw frontends = beast endpoint=127.0.0.1:{port}
"""


@dataclass(frozen=True, slots=True)
class Rgw(S3Server):
    """The gateway and what lies under it. ``bucket.localhost`` in the Host header names a bucket too."""

    cluster: tuple[Process, ...] = ()

    def restart(self, *, kill: bool = True) -> None:
        """Of the gateway, which holds nothing itself; an orderly end takes it up to ten seconds."""
        self.process.restart(kill=kill)

    def stop(self) -> None:
        for part in (self.process, *reversed(self.cluster)):
            part.stop(kill=True)  # nothing in it is worth an orderly end


def start_rgw(folder: Path) -> Rgw:
    """Raises: NotInstalled."""
    programs = {name: find_program(name) for name in ("ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "monmaptool")}
    mon_port, port, fsid, disk = free_port(), free_port(), uuid.uuid4(), str(uuid.uuid4())
    configuration = folder / "ceph.conf"
    configuration.write_text(
        CONFIGURATION.format(folder=folder, mon_port=mon_port, port=port, fsid=fsid, disk_bytes=DISK_BYTES), "utf-8"
    )

    def run(name: str, *words: str | Path) -> str:
        command = [find_program(name), *map(str, words)]
        for _ in range(ATTEMPTS):
            ran = subprocess.run(command, capture_output=True, text=True, timeout=START_S, cwd=folder)
            if ran.returncode == 0:
                return ran.stdout
        raise RuntimeError(f"{name} {words}: {ran.stderr[-2000:]}")

    def launch(name: str, *words: str, on_port: int = 0, answers: Callable[[], bool] | None = None) -> Process:
        command = [programs[name], "-c", configuration, "-f", *words]
        return Process(command, folder, on_port, answers=answers, attempts=ATTEMPTS)

    (folder / "mon").mkdir()
    (folder / "osd").mkdir()
    (folder / "keyring").touch()
    run("monmaptool", "--create", "--fsid", str(fsid), "--addv", "a", f"[v1:127.0.0.1:{mon_port}]", folder / "monmap")
    run("ceph-mon", "-c", configuration, "--mkfs", "-i", "a", "--monmap", folder / "monmap")
    cluster: list[Process] = []
    try:
        cluster.append(launch("ceph-mon", "-i", "a", on_port=mon_port))
        run("ceph", "-c", configuration, "osd", "new", disk)
        run("ceph-osd", "-c", configuration, "-i", "0", "--mkfs", "--osd-uuid", disk)
        up = partial(run, "ceph", "-c", configuration, "osd", "stat")
        cluster.append(launch("ceph-osd", "-i", "0", answers=lambda: "1 up" in up()))
        run(
            "radosgw-admin", "-c", configuration, "-n", "client.rgw", "user", "create", "--uid=test",
            "--display-name=test", f"--access-key={ACCESS_KEY}", f"--secret-key={SECRET_KEY}",
        )  # fmt: skip
        gateway = launch("radosgw", "-n", "client.rgw", on_port=port)
    except BaseException:
        for part in cluster:
            part.stop(kill=True)
        raise
    return Rgw(f"http://127.0.0.1:{port}", ACCESS_KEY, SECRET_KEY, gateway, cluster=tuple(cluster))
