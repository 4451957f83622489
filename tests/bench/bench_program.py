"""The program as a whole: start, idle, hand-over, a full outbox; beside flameshot's daemon in the same run.

``python -m tests.bench.bench_program``. Start: from the process to the icon inside the tray host (warm). Idle: resident
memory, processor ticks and voluntary context switches of all threads in ten seconds. Hand-over: the whole process of
``testigo capture screen -o FILE`` while the tray runs. Outbox: 10,000 sent and 1,000 waiting reports.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from time import perf_counter

from tests.bench.bench_recording import scene
from tests.conftest import ROOT, start_x_server, stop

STARTS, CALLS, IDLE_S = 5, 9, 10
SENT, WAITING = 10_000, 1_000


def main() -> dict[str, float]:
    """Prints the table and gives what was measured, by name."""
    display, running = start_x_server()
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="t-") as folder, ExitStack() as stack:
        stack.callback(stop, running)
        stack.enter_context(scene(display, moving=False))
        home = Path(folder)
        environment = own_environment(home, display)
        host = subprocess.Popen(["trayer"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(end, host)
        Event().wait(1)
        found["start to icon ms"] = statistics.median(start_once(environment) for _ in range(STARTS))
        found |= measure_running(environment, home)
        found |= measure_flameshot(environment)
    found |= measure_outbox()
    for name, value in found.items():
        print(f"{name:36}{value:>10.1f}")
    return found


def own_environment(home: Path, display: str) -> dict[str, str]:
    (home / "run").mkdir(mode=0o700)
    found = {**os.environ, "DISPLAY": display, "HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run")}
    found |= {"TESTIGO_CONFIG_DIR": str(home / "config"), "TESTIGO_DATA_DIR": str(home / "data")}
    for name in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY"):
        found.pop(name, None)
    return found


def start(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    quiet = subprocess.DEVNULL
    return subprocess.Popen([sys.executable, "-m", "client"], cwd=ROOT, env=environment, stdout=quiet, stderr=quiet)


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(15)


def docked(environment: dict[str, str], name: str) -> bool:
    """Whether the tray host shows an icon of this program."""
    tree = subprocess.run(["xwininfo", "-root", "-tree"], env=environment, capture_output=True, text=True).stdout
    inside = tree.partition('"panel"')[2].partition("\n     0x")[0]
    return f'"{name}"' in inside.lower()


def start_once(environment: dict[str, str]) -> float:
    """Milliseconds from the start of the process until its icon is in the tray host."""
    began = perf_counter()
    process = start(environment)
    while not docked(environment, "testigo"):
        if perf_counter() - began > 15:
            raise TimeoutError("no icon in the tray host")
    took_ms = (perf_counter() - began) * 1000
    Event().wait(0.5)
    end(process)
    return took_ms


def measure_running(environment: dict[str, str], home: Path) -> dict[str, float]:
    process = start(environment)
    try:
        while not docked(environment, "testigo"):
            Event().wait(0.05)
        Event().wait(15)  # what is done after the start is done, and the tray host has settled
        found = {f"idle {name}": value for name, value in idle(process.pid).items()}
        file = home / "a.png"
        command = [sys.executable, "-m", "client", "capture", "screen", "-o", str(file)]
        times = []
        for _ in range(CALLS):
            began = perf_counter()
            subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
            times.append((perf_counter() - began) * 1000)
        found["hand-over ms"], found["hand-over, best ms"] = statistics.median(times), min(times)
        began = perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        found["of which python itself ms"] = (perf_counter() - began) * 1000
        Event().wait(2)
        found |= {f"idle after captures {name}": value for name, value in idle(process.pid).items()}
    finally:
        end(process)
    return found


def measure_flameshot(environment: dict[str, str]) -> dict[str, float]:
    """The same of flameshot's daemon; nothing when it is not installed."""
    if shutil.which("flameshot") is None:
        return {}
    quiet = subprocess.DEVNULL
    began = perf_counter()
    process = subprocess.Popen(["dbus-run-session", "--", "flameshot"], env=environment, stdout=quiet, stderr=quiet)
    found: dict[str, float] = {}
    try:
        while not docked(environment, "flameshot"):
            if perf_counter() - began > 15:
                return {}
        found["flameshot start to icon ms"] = (perf_counter() - began) * 1000
        Event().wait(5)
        daemon = next(pid for pid in children_of(process.pid) if "flameshot" in words_of(pid)[0])
        found |= {f"flameshot idle {name}": value for name, value in idle(daemon).items()}
    finally:
        for pid in [*children_of(process.pid), process.pid]:
            subprocess.run(["kill", str(pid)], capture_output=True)
        process.wait(10)
    return found


def children_of(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
    return [int(child) for child in found] + [grand for child in found for grand in children_of(int(child))]


def words_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


def idle(pid: int) -> dict[str, float]:
    """Memory, and what happens in ten seconds in which nobody does anything."""
    before = counters(pid)
    Event().wait(IDLE_S)
    after = counters(pid)
    status = Path(f"/proc/{pid}/status").read_text()
    smaps = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {
        "RSS MB": kb_in(status, "VmRSS") / 1000,
        "PSS MB": kb_in(smaps, "Pss") / 1000,
        "wake-ups in 10 s": after[0] - before[0],
        "CPU ticks in 10 s": after[1] - before[1],
    }


def counters(pid: int) -> tuple[int, int]:
    """Voluntary context switches and CPU ticks of all threads."""
    switches = sum(
        kb_in((task / "status").read_text(), "voluntary_ctxt_switches") for task in Path(f"/proc/{pid}/task").iterdir()
    )
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return switches, int(fields[11]) + int(fields[12])


def kb_in(text: str, name: str) -> int:
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name}:"))


def fill(data: Path) -> None:
    """10,000 sent and 1,000 waiting reports, made as the program makes them, without its fsyncs."""
    from client import folder
    from client.folder import ReportFolder, Shelf
    from client.report import Report, Trouble
    from uploader.ticket import TicketRef

    folder.os.fsync = lambda _: None  # type: ignore[attr-defined]
    shelf, now = Shelf(data), datetime.now(UTC)
    words = ("printer", "invoice", "login", "blank page", "slow", "network", "ñandú", "error 502")
    for number in range(SENT + WAITING):
        is_sent = number < SENT
        at = now - timedelta(minutes=SENT + WAITING - number)
        report = Report(
            f"{at:%Y%m%d-%H%M%S}-{number:010x}",
            at,
            f"{words[number % 8]} on floor {number % 97}",
            "two lines of words\n" * 2,
        )
        made = ReportFolder(data / ("sent" if is_sent else "outbox") / report.id)
        made.files.mkdir(parents=True)
        made.write(report)
        state = folder.Log(attempts=1, tried_at=now)
        if is_sent:
            state.ticket, state.sent_at = TicketRef(f"T-{number:06d}", "file:///t"), at
        else:
            state.not_before = now + timedelta(hours=1)
            state.last_error = Trouble("unreachable", "the folder is not there")
        made.write_log(state)
    assert len(list(shelf.list("sent"))) == SENT


OUTBOX = """
import os, sys
from time import perf_counter
from pathlib import Path
begin = perf_counter()
from client.paths import open_paths
from client.session import Session
session = Session(open_paths())
session.start()
waiting = session.deliveries(sent=200)
print("outbox start ms", (perf_counter() - begin) * 1000)
begin = perf_counter()
session.history("printer")
print("first search, index made ms", (perf_counter() - begin) * 1000)
times = []
for query in ("printer", "floor 42", "ñan", "502", "", "T-000777"):
    begin = perf_counter()
    found = session.history(query)
    times.append((perf_counter() - begin) * 1000)
    assert found, query
print("search, slowest of 6 ms", max(times))
begin = perf_counter()
before = os.times()
session.outbox_changed()
session.close()
print("outbox close ms", (perf_counter() - begin) * 1000)
print("processor time of a poke ms", sum(a - b for a, b in zip(os.times()[:2], before[:2])) * 1000)
"""


def measure_outbox() -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="t-") as folder:
        environment = own_environment(Path(folder), "")
        (Path(folder) / "data").mkdir()
        filler = (
            "from tests.bench.bench_program import fill; from pathlib import Path; import sys; fill(Path(sys.argv[1]))"
        )
        subprocess.run(
            [sys.executable, "-c", filler, str(Path(folder) / "data")], cwd=ROOT, env=environment, check=True
        )
        told = subprocess.run(
            [sys.executable, "-c", OUTBOX], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
        ).stdout
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in told.splitlines()}


if __name__ == "__main__":
    main()
