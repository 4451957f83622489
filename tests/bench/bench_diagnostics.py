"""Measures redaction (CPU seconds per MB, ordinary and hostile texts) and the collection of each profile.

``python tests/bench/bench_diagnostics.py`` prints a table; it asserts nothing.
"""

from __future__ import annotations

import random
import string
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from client.redaction import Identity, Redactor

MB = 1_000_000
IDENTITY = Identity(("jborges",), ("Jorge Luis Borges",), ("tlon-pc7",), ("uqbar.example.org",), ("/home/jborges",))


def log_text(size: int) -> str:
    """A journal as it is: times, units, addresses now and then, a secret every few hundred lines."""
    chance = random.Random(7)
    number = chance.randrange
    messages: list[Callable[[], str]] = [
        lambda: f"systemd[1]: Started Session {number(999)} of User jborges.",
        lambda: f"sshd[{number(9999)}]: Accepted publickey for jborges from 10.1.{number(9)}.{number(255)}",
        lambda: f"NetworkManager[812]: <info> [17{number(10**8)}.1234] dhcp4 (eth0): address=192.168.1.{number(255)}",
        lambda: (
            "kernel: [12345.678901] usb 1-1.4: New USB device found, idVendor=046d, idProduct=c52b, bcdDevice=12.11"
        ),
        lambda: f'app: {{"level": "warning", "request_id": "{chance.getrandbits(128):032x}", "n": {number(9999)}}}',
        lambda: "gnome-shell[2211]: Window manager warning: Overwriting existing binding of keysym 31 with keysym 31.",
        lambda: f"postfix/smtp: to=<person{number(99)}@uqbar.example.org>, relay=none, delay=0.03, status=deferred",
        lambda: f"worker: retry with Authorization: Bearer {''.join(chance.choices(string.ascii_letters, k=40))}7",
    ]
    weights = [20, 10, 15, 20, 15, 15, 4, 1]
    lines: list[str] = []
    total = 0
    while total < size:
        message = chance.choices(messages, weights)[0]()
        line = f"2026-11-21T10:{number(60):02}:{number(60):02}+0000 tlon-pc7 {message}"
        lines.append(line)
        total += len(line) + 1
    return "\n".join(lines)[:size]


def hostile_texts() -> dict[str, str]:
    chance = random.Random(3)
    return {
        "one line of a": "a" * MB,
        "one line of digits": "1" * MB,
        "one line of key=": "key=" * (MB // 4),
        "one line of password=": "password=" * (MB // 9),
        "passwords, spaced": "password=x " * (MB // 11),
        "password: ''": "password: '' " * (MB // 13),
        "tokens without sep": "token " * (MB // 6),
        "a@": "a@" * (MB // 2),
        "a.a.": "a." * (MB // 2),
        "a@a.": "a@a." * (MB // 4),
        "://a:b": "://a:b" * (MB // 6),
        "://a:b@": "://a:b@" * (MB // 7),
        "1.1.1.": "1." * (MB // 2),
        "1:1:1:": "1:" * (MB // 2),
        "base64": "".join(chance.choices(string.ascii_letters + string.digits + "+/", k=MB)),
        "hex": "".join(chance.choices("0123456789abcdef", k=MB)),
        "BEGIN": "-----BEGIN PRIVATE KEY-----" * (MB // 27),
        "PEM, tail lines": ("A" * 64 + "\n") * (MB // 65) + "PRIVATE KEY",
        "net use": "net use x " * (MB // 10),
        "mysql": "mysql " * (MB // 6),
        "quotes": "\"'" * (MB // 2),
        "backslashes": "password=" + "\\" * MB,
        "key and backslashes": 'token=\\"' * (MB // 8),
        "brackets": '"tokens": [' * (MB // 11),
        "/home/": "/home/" * (MB // 6),
        "cards": "4111 1111 1111 1112 " * (MB // 20),
        "ibans": "ES91 " * (MB // 5),
        "+1 +1": "+12 " * (MB // 4),
        "eyJ": "eyJ" * (MB // 3),
        "names": "jborges@ " * (MB // 9),
        "emoji": "😀 ñandú " * (MB // 14),
        "spaces": "token" + " " * MB,
        "http hosts": "http://h:80/x " * (MB // 14),
        "unc": "\\\\a:b" * (MB // 5),
        "basic": "basic " * (MB // 6),
        "wide keys": '<password a="b" ' * (MB // 16),
        "is": "password is " * (MB // 12),
    }


def measure(name: str, work: Callable[[], object], size: int) -> float:
    """Prints one line and gives the CPU seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    mark = "  <<<" if cpu > 1 else ""
    print(f"{name:28} {cpu:7.3f} CPU-s {wall:7.3f} s {size / MB:6.2f} MB {cpu / size * MB:7.3f} CPU-s/MB{mark}")
    return cpu


def recall(rounds: int = 2000) -> None:
    """How many random keys the last layer sees, and how many names and digests it takes for keys."""
    chance = random.Random(11)
    redactor = Redactor(Identity())
    for name, alphabet, length in (
        ("base62 of 32", string.ascii_letters + string.digits, 32),
        ("base64 of 40", string.ascii_letters + string.digits + "+/", 40),
        ("base64url of 43", string.ascii_letters + string.digits + "-_", 43),
        ("base62 of 64", string.ascii_letters + string.digits, 64),
    ):
        seen = sum(
            "[secret]" in redactor.redact("x " + "".join(chance.choices(alphabet, k=length)) + " y").text
            for _ in range(rounds)
        )
        print(f"{name:28} {seen / rounds:7.1%} of bare keys hidden")


def main() -> dict[str, float]:
    """Prints the table and gives what has a goal."""
    measure("import re2, compile", lambda: Redactor(IDENTITY).redact("password=x a@b.cc 1.2.3.4 " * 9), 200)
    text = log_text(MB)
    redactor = Redactor(IDENTITY)
    found = {"redaction CPU-s per MB": measure("journal, 1 MB", lambda: redactor.redact(text), len(text))}
    redacted = redactor.redact(text).text
    measure("the same, redacted already", lambda: redactor.redact(redacted), len(redacted))
    single = text.replace("\n", " ")
    measure("the same in one line", lambda: redactor.redact(single), len(single))
    found["worst hostile CPU-s per MB"] = max(
        measure(name, lambda hostile=hostile: redactor.redact(hostile), len(hostile)) / len(hostile) * MB
        for name, hostile in hostile_texts().items()
    )
    recall()
    return found | collect_profiles()


def collect_profiles() -> dict[str, float]:
    from client.diagnostics import Context, collect

    seconds: dict[str, float] = {}
    folder = Path.cwd()
    context = Context("0", folder, folder / "none.log", (), "", None, {}, threading.Event())
    for profile in ("quick", "standard"):
        start, cpu = time.perf_counter(), time.process_time()
        found = collect(profile, context)
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        seconds[f"{profile} s"] = wall
        size = sum(len(one.text.encode()) for one in found.collected)
        print(f"{profile:28} {wall:7.2f} s {cpu:7.2f} CPU-s {size / 1000:8.1f} kB")
        for one in sorted(found.collected, key=lambda one: -one.ms):
            print(f"    {one.id:24} {one.status:8} {one.ms:6} ms {len(one.text):8} B  {one.reason}")
    return seconds


if __name__ == "__main__":
    main()
