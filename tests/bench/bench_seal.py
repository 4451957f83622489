"""Measures sealing: CPU seconds per GB beside what else a sending does with the bytes (reading, SHA-256), and opening.

``python tests/bench/bench_seal.py`` prints a table; it asserts nothing.
"""

from __future__ import annotations

import hashlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from uploader.seal import Sealed, new_key, unseal
from uploader.source import PlainSource, Source, Window
from uploader.ticket import Attachment

SIZE_BYTES = 1_000_000_000
PIECE_BYTES = 20 << 20
RUNS = 5


def blocks(source: Source) -> Iterator[memoryview]:
    """As a sending reads it: piece by piece, each through a window of its own."""
    for offset in range(0, source.size_bytes, PIECE_BYTES):
        yield from Window(source, offset, min(PIECE_BYTES, source.size_bytes - offset), lambda n: None).blocks()


def spend(source: Source, act: Callable[[memoryview], object]) -> float:
    began = time.process_time()
    for block in blocks(source):
        act(block)
    return time.process_time() - began


def unseal_all(sealed: Sealed) -> float:
    """Opening, less what making the sealed bytes costs."""
    began = time.process_time()
    for _ in unseal((bytes(block) for block in blocks(sealed)), sealed.key)[1]:
        pass
    return time.process_time() - began - spend(sealed, bytes)


def openssl_gcm(folder: Path) -> dict[str, float]:
    """What the machine can do at best: AES-256-GCM in memory, blocks of 1 MiB. Source: openssl-speed(1)."""
    if shutil.which("openssl") is None:
        return {}
    command = ["openssl", "speed", "-mr", "-evp", "aes-256-gcm", "-bytes", str(1 << 20), "-seconds", "2"]
    told = subprocess.run(command, capture_output=True, text=True, cwd=folder).stdout
    rates = [line.rpartition(":")[2] for line in told.splitlines() if line.startswith("+F:")]
    return {"openssl aes-256-gcm CPU-s per GB": 1e9 / float(rates[0])} if rates else {}


def main() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "plain"
        piece = hashlib.shake_128(b"testigo").digest(1_000_000)
        digest = hashlib.sha256()
        with path.open("wb") as file:
            for _ in range(SIZE_BYTES // len(piece)):
                file.write(piece)
                digest.update(piece)
        plain = Attachment("plain", path, SIZE_BYTES, "application/octet-stream", digest.hexdigest())
        sealed, rounds = Sealed(plain, new_key()), list[dict[str, float]]()
        for _ in range(RUNS):  # one after the other, so that a busy moment strikes all
            hashed = hashlib.sha256()
            rounds.append({
                "read plain CPU-s per GB": spend(PlainSource(plain), len),
                "read and SHA-256 CPU-s per GB": spend(PlainSource(plain), hashed.update),
                "read and seal CPU-s per GB": spend(sealed, len),
                "unseal CPU-s per GB": unseal_all(sealed),
            })  # fmt: skip
        found = {what: statistics.median(one[what] for one in rounds) for what in rounds[0]}
        found |= openssl_gcm(Path(name))
    found["sealing alone CPU-s per GB"] = found["read and seal CPU-s per GB"] - found["read plain CPU-s per GB"]
    for what, value in found.items():
        print(f"{what:36}{value:8.2f}")
    return found


if __name__ == "__main__":
    main()
