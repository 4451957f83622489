"""Measures uploads beside curl and three libraries on the same server in the same run: wall, CPU, memory, and what a
kill costs. Needs ``make servers``; a missing peer is left out.

"Alone" rows are the floor of that moment: what the sums themselves cost on this machine, with one reading of the file.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.conftest import ROOT
from tests.servers.fault_proxy import FaultProxy
from tests.servers.process import find_program, wait_until
from tests.servers.rgw import Rgw, start_rgw
from tests.servers.tus import start_tus

MB, GB = 1_000_000, 1_000_000_000
RUNS = 3
KILLS = 20
PIECE = 20 * 1024 * 1024
BUCKET = "bench"
BOTO = """
import boto3, sys
from botocore.config import Config
c = boto3.client("s3", endpoint_url=sys.argv[1], aws_access_key_id=sys.argv[2], aws_secret_access_key=sys.argv[3],
                 region_name="us-east-1", config=Config(request_checksum_calculation="when_required"))
c.upload_file(sys.argv[4], "bench", "boto3")
"""
TUSPY = """
import sys
from tusclient import client
u = client.TusClient(sys.argv[1]).uploader(sys.argv[2], chunk_size=20 * 1024 * 1024, metadata={"filename": "x"})
u.upload()
"""


def main() -> dict[str, float]:
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for place in ("rgw", "tus"):
            (folder / place).mkdir()
        rgw = start_rgw(folder / "rgw")
        tus = start_tus(folder / "tus")
        try:
            rgw.make_bucket(BUCKET)
            for size, words in ((200 * MB, "200 MB"), (2 * GB, "2 GB")):
                path = make_file(folder / "file.bin", size)
                found |= beside_s3(rgw, path, words, RUNS if size < GB else 1)
            found |= of_our_own(rgw, folder)
            found |= beside_tus(tus.url, make_file(folder / "file.bin", 200 * MB))
            found |= killed(rgw, make_file(folder / "file.bin", 400 * MB), folder)
            found |= cancelled(rgw, folder / "file.bin")
        finally:
            rgw.stop()
            tus.stop()
    for what, value in found.items():
        print(f"{what:44}{value:>10.2f}")
    return found


def make_file(path: Path, size_bytes: int) -> Path:
    block = random.Random(1).randbytes(1 << 20)
    with path.open("wb") as file:
        for number in range(size_bytes // len(block) + 1):
            part = block[number % 1000 :] + block[: number % 1000]
            file.write(part[: size_bytes - file.tell()])
    return path


def asked(rgw: Rgw, path: Path, url: str = "", **more: object) -> dict[str, object]:
    settings = {"url": url or rgw.url, "bucket": BUCKET, "access_key": rgw.access_key, "secret_key": rgw.secret_key}
    return {"kind": "s3", "settings": settings, "path": str(path), "warm": __file__, **more}


def launch(wanted: dict[str, object]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.bench.upload_once", json.dumps(wanted)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)})


def ours(wanted: dict[str, object]) -> dict[str, float]:
    running = launch(wanted)
    told: dict[str, float] = json.loads(running.communicate()[0])
    return told


def timed(command: list[str], **environment: str) -> float:
    return spent(command, **environment)[0]


def spent(command: list[str], **environment: str) -> tuple[float, float]:
    """Wall and CPU seconds of a program."""
    began_s, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environment})
    wall_s, after = time.perf_counter() - began_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def alone(path: Path, kind: str) -> float:
    """CPU seconds per GB of one sum over a file and of reading it once."""
    digest, block = hashlib.new(kind, usedforsecurity=False), memoryview(bytearray(1 << 20))
    began_s = time.process_time()
    with path.open("rb", buffering=0) as file:
        while got := file.readinto(block):
            digest.update(block[:got])
    return (time.process_time() - began_s) / path.stat().st_size * GB


def unchecked(rgw: Rgw, path: Path) -> tuple[float, float]:
    """Wall and CPU of the same parts, four at a time, by curl and without any sum; what it takes to cut them is not in.

    What a client that checks nothing can reach.
    """
    key = f"/{BUCKET}/unchecked"
    told = rgw.ask("POST", key, {"uploads": ""})[1].decode()
    upload = told.partition("<UploadId>")[2].partition("<")[0]
    folder = path.with_name("parts")
    folder.mkdir()
    subprocess.run(["split", "-b", str(PIECE), str(path), f"{folder}/"], check=True)
    parts = sorted(folder.iterdir())
    command = ["curl", "-sf", "-Z", "--parallel-max", "4"]
    for number, part in enumerate(parts, 1):
        address = rgw.presign("PUT", key, {"partNumber": str(number), "uploadId": upload})
        command += ["-o", os.devnull, "-T", str(part), address]
    try:
        return spent(command)
    finally:
        rgw.ask("DELETE", key, {"uploadId": upload})
        shutil.rmtree(folder)


def beside_s3(rgw: Rgw, path: Path, words: str, runs: int) -> dict[str, float]:
    python = find_program("python")
    rclone = {
        "RCLONE_CONFIG_R_TYPE": "s3", "RCLONE_CONFIG_R_PROVIDER": "Ceph", "RCLONE_CONFIG_R_ENDPOINT": rgw.url,
        "RCLONE_CONFIG_R_ACCESS_KEY_ID": rgw.access_key, "RCLONE_CONFIG_R_SECRET_ACCESS_KEY": rgw.secret_key,
    }  # fmt: skip
    cpu: dict[str, list[float]] = {"curl": [], "ours": [], "unchecked": [], "sha256": [], "md5": []}

    def curl() -> float:
        wall_s, cpu_s = spent(["curl", "-sfT", str(path), rgw.presign("PUT", f"/{BUCKET}/curl")])
        cpu["curl"].append(cpu_s / path.stat().st_size * GB)
        return wall_s

    def mine() -> float:
        told = ours(asked(rgw, path))
        cpu["ours"].append(told["cpu_s"] / path.stat().st_size * GB)
        return told["wall_s"]

    def bare() -> float:
        wall_s, cpu_s = unchecked(rgw, path)
        cpu["unchecked"].append(cpu_s / path.stat().st_size * GB)
        return wall_s

    clients: dict[str, Callable[[], float]] = {
        "curl": curl,
        "ours": mine,
        "unchecked": bare,
        "boto3": lambda: timed([python, "-c", BOTO, rgw.url, rgw.access_key, rgw.secret_key, str(path)]),
        "rclone": lambda: timed(
            [find_program("rclone"), "copyto", "--config", os.devnull, str(path), f"R:{BUCKET}/rclone"], **rclone
        ),
    }
    taken: dict[str, list[float]] = {name: [] for name in clients}
    for _ in range(runs):
        for name, run in clients.items():
            taken[name].append(run())
            for key in ("curl", "boto3", "rclone"):
                rgw.ask("DELETE", f"/{BUCKET}/{key}")
        for kind in ("sha256", "md5"):
            cpu[kind].append(alone(path, kind))
    base = statistics.median(taken.pop("curl"))
    found = {f"S3 {words} load": os.getloadavg()[0], f"S3 {words} curl s": base}
    found |= {f"S3 {words} CPU-s per GB, {name}": statistics.median(each) for name, each in cpu.items()}
    return found | {f"S3 {words} {name} to curl": statistics.median(each) / base for name, each in taken.items()}


def of_our_own(rgw: Rgw, folder: Path) -> dict[str, float]:
    sparse = folder / "sparse.bin"
    with sparse.open("wb") as file:
        file.truncate(5 * GB)
    large = ours(asked(rgw, sparse))
    sparse.unlink()
    path = folder / "file.bin"  # 2 GB now
    sealed = ours(asked(rgw, path, sealed=True))
    return {
        "memory above idle at 5 GB, MB": large["peak_mb"],
        "CPU-s per GB, MD5 per part": large["cpu_s"] / 5,
        "CPU-s per GB, sealed, MD5 per part": sealed["cpu_s"] / 2,
        "CPU-s per GB, SHA-256 and MD5 alone": alone(path, "sha256") + alone(path, "md5"),
    }


def beside_tus(url: str, path: Path) -> dict[str, float]:
    curl, curl_cpu, mine, theirs, cpu, sealed, sums = [], [], [], [], [], [], []
    for _ in range(RUNS):
        head = ["curl", "-sf", "-o", os.devnull, "-X", "POST", "-H", "Tus-Resumable: 1.0.0", "-H", "Expect:"]
        creation = [
            "-H",
            "Content-Type: application/offset+octet-stream",
            "-H",
            f"Upload-Length: {path.stat().st_size}",
        ]
        wall_s, cpu_s = spent([*head, *creation, "--data-binary", f"@{path}", url])
        curl.append(wall_s)
        curl_cpu.append(cpu_s)
        sums.append(alone(path, "sha256"))
        wanted: dict[str, object] = {"kind": "tus", "settings": {"url": url}, "path": str(path), "warm": __file__}
        told = ours(wanted)
        mine.append(told["wall_s"])
        cpu.append(told["cpu_s"])
        sealed.append(ours({**wanted, "sealed": True})["cpu_s"])
        theirs.append(timed([find_program("python"), "-c", TUSPY, url, str(path)]))
    base = statistics.median(curl)
    return {
        "tus 200 MB curl s": base,
        "tus 200 MB ours to curl": statistics.median(mine) / base,
        "tus 200 MB tuspy to curl": statistics.median(theirs) / base,
        "CPU-s per GB": statistics.median(cpu) * 5,
        "CPU-s per GB, sealed": statistics.median(sealed) * 5,
        "CPU-s per GB, curl": statistics.median(curl_cpu) * 5,
        "CPU-s per GB, SHA-256 alone": statistics.median(sums),
        "tus load": os.getloadavg()[0],
    }


def killed(rgw: Rgw, path: Path, folder: Path) -> dict[str, float]:
    """Each time in a new process after ``kill -9``: bytes sent in all, beyond the file and the parts in flight."""
    excess, firsts = [], []
    for number in range(KILLS):
        line = FaultProxy(rgw.url)
        place = random.Random(number).randrange(PIECE, path.stat().st_size)
        wanted = asked(rgw, path, line.url, root=str(folder / f"kill-{number}"), warm="")
        running = launch(wanted)
        wait_until(lambda line=line, place=place: sum(r.body_bytes for r in line.requests) > place, 60, "the bytes")
        running.send_signal(signal.SIGKILL)
        running.communicate()
        told = ours(wanted)
        sent = sum(request.body_bytes for request in line.requests)
        excess.append(max(0, sent - path.stat().st_size - 4 * PIECE - MB))
        firsts.append(told["first_byte_s"])
        line.close()
    return {"sent again beyond the parts in flight, MB": max(excess) / MB, "restart to first byte, s": max(firsts)}


def cancelled(rgw: Rgw, path: Path) -> dict[str, float]:
    """From the wish to stop until ``put`` has ended, with a server that does not answer any more."""
    from tests.servers.faults import Fault
    from uploader.errors import Cancelled
    from uploader.journal import MemoryJournal
    from uploader.setting import Secret
    from uploader.shares.s3 import S3
    from uploader.ticket import Attachment

    line = FaultProxy(rgw.url)
    line.next(Fault(stall_after_bytes=5 * MB), lambda method, path: "partNumber" in path, times=None)
    share = S3(bucket=BUCKET, access_key=rgw.access_key, secret_key=Secret(rgw.secret_key), url=line.url)
    stop = threading.Event()
    asked_s: list[float] = []

    def progress(done: int, total: int) -> None:
        if stop.is_set():
            asked_s.append(time.perf_counter())
            raise Cancelled("stopped")

    threading.Timer(2, stop.set).start()
    try:
        share.put(Attachment("x", path, path.stat().st_size, "", ""), MemoryJournal(), progress)
    except Cancelled:
        pass
    ended_s = time.perf_counter() - asked_s[0]
    line.close()
    return {"cancel, s": ended_s}
