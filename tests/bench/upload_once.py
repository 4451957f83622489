"""One upload in a process of its own, measured from within. ``python -m tests.bench.upload_once JSON`` prints JSON.

``wall`` begins after the imports: the resident program has them. ``peak_mb`` is what the process grew by above idle.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from client.shared import Shared
from uploader.catalog import share_kind
from uploader.journal import MemoryJournal
from uploader.setting import build
from uploader.ticket import Attachment, Wishes, quiet


def main(asked: dict[str, object]) -> dict[str, float]:
    share = build(share_kind(str(asked["kind"])), asked["settings"])  # type: ignore[arg-type]
    path = Path(str(asked["path"]))
    if asked.get("warm"):
        small = Path(str(asked["warm"]))
        share.put(Attachment("warm", small, small.stat().st_size, "", ""), MemoryJournal(), quiet)
    idle_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    first: list[float] = []
    began_s, began_cpu_s = time.perf_counter(), time.process_time()

    def progress(done: int, total: int) -> None:
        if done and not first:
            first.append(time.perf_counter() - began_s)

    wishes = Wishes(sealed=bool(asked.get("sealed")))
    if asked.get("root"):  # with a journal on disk, so that another process can go on
        shared = Shared(Path(str(asked["root"])), lambda name: share)
        link = shared.put(path, path.name, "bench", progress, wishes)
    else:
        link = share.put(Attachment(path.name, path, path.stat().st_size, "", ""), MemoryJournal(), progress, wishes)
    wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    share.revoke(link.receipt)
    return {
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - idle_mb,
        "first_byte_s": first[0] if first else wall_s,
        "resumed_bytes": link.resumed_from_bytes,
    }


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
