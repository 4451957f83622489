"""Programs that hang, flood, fork or speak other encodings."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from client.diagnostics import Absent, Context
from client.diagnostics.command import TooSlow, ask, decode

Program = Callable[[str, str], Path]


def ended(pid: int) -> bool:
    """Whether a process is gone, or dead and only waiting to be reaped; looks for at most 5 s."""
    for _ in range(250):
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        threading.Event().wait(0.02)
    return False


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_an_answer_has_code_text_and_errors(context: Context, program: Program) -> None:
    program("speak", 'echo "$LC_ALL ñ"; echo oops >&2; exit 3')
    answer = ask(("speak",), context)
    assert (answer.code, answer.text, answer.errors, answer.cut) == (3, "C.UTF-8 ñ\n", "oops\n", False)


def test_a_missing_program_is_absent_by_name(context: Context) -> None:
    with pytest.raises(Absent, match="no-such-program is not installed"):
        ask(("no-such-program",), context)


def test_one_that_hangs_is_killed_with_its_children(context: Context, program: Program, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    program("hang", f"sleep 300 & echo $! > {pids}; echo $$ >> {pids}; wait")
    with pytest.raises(TooSlow, match="hang gave no answer"):
        ask(("hang",), context, limit_s=0.5)
    assert all(ended(int(pid)) for pid in pids.read_text().split())


def test_a_grandchild_that_holds_the_output_delays_nobody(context: Context, program: Program, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    program("leave", f"(sleep 300 & echo $! > {pids}); echo done")
    assert ask(("leave",), context, limit_s=30).text == "done\n"
    assert ended(int(pids.read_text()))


def test_a_grandchild_in_a_session_of_its_own_is_killed_too(context: Context, program: Program, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    program("hide", f"setsid sh -c 'echo $$ > {pids}; exec sleep 300'")
    with pytest.raises(TooSlow):
        ask(("hide",), context, limit_s=0.8)
    assert ended(int(pids.read_text()))


def test_a_flood_is_stopped_at_the_limit(context: Context, program: Program) -> None:
    program("flood", "yes 'a line of nothing much'")
    answer = ask(("flood",), context, limit_s=20, most_bytes=100_000)
    assert answer.cut
    assert len(answer.text) == 100_000


def test_nobody_waiting_ends_it(context: Context, program: Program) -> None:
    program("hang", "exec sleep 300")
    cancelled = threading.Event()
    threading.Timer(0.2, cancelled.set).start()
    with pytest.raises(TooSlow):
        ask(("hang",), replace(context, cancelled=cancelled), limit_s=100)


def test_it_reads_no_input_and_gets_no_library_path(
    context: Context, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/ours")
    monkeypatch.setenv("DYLD_INSERT_LIBRARIES", "/ours")
    program("tell", 'cat; echo "[$LD_LIBRARY_PATH$DYLD_INSERT_LIBRARIES]"')
    assert ask(("tell",), context, limit_s=20).text == "[]\n"
    monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", "/theirs")
    assert ask(("tell",), context, limit_s=20).text == "[/theirs]\n"


def test_nothing_stays_open(context: Context, program: Program) -> None:
    program("speak", "echo hi")
    ask(("speak",), context)
    before = open_files()
    for _ in range(5):
        ask(("speak",), context)
    assert open_files() == before


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("señal".encode("utf-16"), "señal"),
        ("señal".encode("utf-8-sig"), "señal"),
        ("señal".encode(), "señal"),
        ("señ".encode()[:-1], "se\ufffd"),
    ],
)
def test_texts_are_read_in_their_encoding(raw: bytes, text: str) -> None:
    assert decode(raw) == text
