"""Measures an upload over a long and lossy line beside one stream of curl: 200 ms there and back, 1 % of packets lost.

The line is two tunnel devices and a loop that delays and drops, with the server in a network namespace of its own.
Needs root and ``make servers``.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import json
import os
import random
import selectors
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.bench_upload import MB, launch, make_file, timed
from tests.servers.process import Process, find_program
from tests.servers.rclone import ACCESS_KEY, SECRET_KEY
from tests.servers.s3 import S3Server

DELAY_S, LOSS = 0.1, 0.01
"""One way; of each direction."""
SPACE, HERE, THERE, PORT = "testigo-line", "10.77.7.1", "10.77.7.2", 9000
TUNSETIFF, IFF_TUN_NO_PI = 0x400454CA, 0x1001
"""Source: linux/if_tun.h."""
CURL_BYTES, OUR_BYTES = 12 * MB, 45 * MB
"""Rates are compared: one stream gets so little that a large file would take all day."""


def main() -> dict[str, float]:
    if os.geteuid():
        print("a line of its own needs root")
        return {}
    with tempfile.TemporaryDirectory() as name, line():
        folder = Path(name)
        (folder / "files/bench").mkdir(parents=True)
        command = [
            "ip", "netns", "exec", SPACE, find_program("rclone"), "serve", "s3", folder / "files", "--addr",
            f"{THERE}:{PORT}", "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--config", os.devnull,
        ]  # fmt: skip
        server = Process(command, folder, PORT, answers=answers)
        try:
            found = compare(S3Server(f"http://{THERE}:{PORT}", ACCESS_KEY, SECRET_KEY, server), folder)
        finally:
            server.stop()
    for what, value in found.items():
        print(f"{what:44}{value:>10.2f}")
    return found


def answers() -> bool:
    asked = subprocess.run(["curl", "-s", "-m", "3", f"http://{THERE}:{PORT}/"], capture_output=True)
    return asked.returncode == 0


def compare(server: S3Server, folder: Path) -> dict[str, float]:
    small = make_file(folder / "small.bin", CURL_BYTES)
    curl = CURL_BYTES / timed(["curl", "-sfT", str(small), server.presign("PUT", "/bench/curl")])
    large = make_file(folder / "large.bin", OUR_BYTES)
    settings = {"url": server.url, "bucket": "bench", "access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
    running = launch({"kind": "s3", "settings": settings, "path": str(large)})
    ours = OUR_BYTES / json.loads(running.communicate()[0])["wall_s"]
    return {"curl, one stream, kB/s": curl / 1000, "ours, kB/s": ours / 1000, "ours to curl": ours / curl}


@contextlib.contextmanager
def line() -> Iterator[None]:
    """Two devices whose packets pass a loop that delays and loses some."""
    here, there = open_tunnel("testigo-a"), open_tunnel("testigo-b")
    inside = ["ip", "netns", "exec", SPACE, "ip"]
    subprocess.run(["ip", "netns", "del", SPACE], capture_output=True)
    for command in (
        ["ip", "netns", "add", SPACE], ["ip", "link", "set", "testigo-b", "netns", SPACE],
        ["ip", "addr", "add", f"{HERE}/24", "dev", "testigo-a"], ["ip", "link", "set", "testigo-a", "up"],
        [*inside, "addr", "add", f"{THERE}/24", "dev", "testigo-b"], [*inside, "link", "set", "testigo-b", "up"],
        [*inside, "link", "set", "lo", "up"],
    ):  # fmt: skip
        subprocess.run(command, check=True)
    stop = threading.Event()
    passing = threading.Thread(target=carry, args=(here, there, stop), daemon=True)
    passing.start()
    try:
        yield
    finally:
        stop.set()
        passing.join(5)
        subprocess.run(["ip", "netns", "del", SPACE], check=True)
        os.close(here)
        os.close(there)


def open_tunnel(name: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN_NO_PI))
    return device


def carry(here: int, there: int, stop: threading.Event) -> None:
    chance, waiting, number = random.Random(1), list[tuple[float, int, int, bytes]](), 0
    ends = selectors.DefaultSelector()
    ends.register(here, selectors.EVENT_READ, there)
    ends.register(there, selectors.EVENT_READ, here)
    while not stop.is_set():
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, target, packet = heapq.heappop(waiting)
            with contextlib.suppress(OSError):
                os.write(target, packet)
        for key, _ in ends.select(max(0, min(0.1, waiting[0][0] - now if waiting else 0.1))):
            with contextlib.suppress(BlockingIOError):
                packet = os.read(key.fd, 65536)
                if chance.random() >= LOSS:
                    number += 1
                    heapq.heappush(waiting, (time.monotonic() + DELAY_S, number, key.data, packet))
