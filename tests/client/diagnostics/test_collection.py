"""No collector can hang, flood or break the others, and nothing leaves unredacted."""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from client import words
from client.diagnostics import Absent, Collected, Collector, Context, Facts, bundle, catalog, collect
from client.diagnostics.collection import run_all
from client.redaction import Identity, Redactor

ALL = frozenset({"quick", "standard"})
REDACTOR = Redactor(Identity(users=("abenitez",)))


def one(id_: str, work: Callable[[Context], Facts], limit_s: float = 5.0, most_bytes: int = 32_000) -> Collector:
    return Collector(id_, "System", "why", ALL, limit_s, work, most_bytes)


def run(context: Context, *collectors: Collector, limit_s: float = 10.0) -> dict[str, Collected]:
    diagnosis = run_all("quick", collectors, context, REDACTOR, None, limit_s)
    assert [c.id for c in diagnosis.collected] == [c.id for c in collectors]
    return {c.id: c for c in diagnosis.collected}


def well(context: Context) -> Facts:
    return Facts("all is well")


def test_one_that_hangs_holds_up_nobody_and_is_told_to_stop(context: Context) -> None:
    told = threading.Event()

    def hang(mine: Context) -> Facts:
        mine.cancelled.wait(60)
        told.set()
        return Facts("too late")

    found = run(context, *(one(f"hang{n}", hang, 0.2) for n in range(6)), one("well", well))
    assert [found[f"hang{n}"].status for n in range(6)] == ["timeout"] * 6
    assert "too late" not in "".join(c.text for c in found.values())
    assert found["well"].status == "ok"
    assert told.wait(30)


def test_those_that_had_no_turn_within_the_time_for_all_say_so(context: Context) -> None:
    def hang(mine: Context) -> Facts:
        mine.cancelled.wait(60)
        return Facts("")

    found = run(context, *(one(f"c{n}", hang, 30) for n in range(7)), limit_s=0.3)
    assert {c.status for c in found.values()} == {"timeout"}
    assert found["c6"].reason == "the time for all of them was over"


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (Absent("lspci is not installed"), "absent", "lspci is not installed"),
        (PermissionError(13, "Permission denied", "/var/crash"), "denied", "/var/crash may not be read by this user"),
        (TimeoutError("df gave no answer within 1 s"), "timeout", "df gave no answer within 1 s"),
        (ValueError("bad token=abcdefgh1234 here\nand more"), "error", "ValueError: bad token=[token] here"),
        (OSError(5, "Input/output error"), "error", "OSError: [Errno 5] Input/output error"),
    ],
)
def test_what_goes_wrong_is_named_and_never_reads_as_fine(
    context: Context, error: Exception, status: str, reason: str
) -> None:
    def fail(_: Context) -> Facts:
        raise error

    found = run(context, one("bad", fail), one("well", well))
    assert (found["bad"].status, found["bad"].reason) == (status, reason)
    assert found["bad"].text == f"not collected ({status}): {reason}"
    assert found["well"].text == "all is well"


def test_a_flood_is_cut_before_anything_else_is_done_with_it(context: Context) -> None:
    found = run(context, one("flood", lambda _: Facts("0123456 abenitez\n" * 6_000_000), most_bytes=20_000))
    flood = found["flood"]
    assert flood.status == "partial"
    assert len(flood.text.encode()) <= 20_000
    assert "cut here" in flood.text
    assert "abenitez" not in flood.text


def test_a_secret_at_the_cut_does_not_leave_in_halves(context: Context) -> None:
    token = "ghp_" + "aB3dE5gH7jK9mN1pQ4sT6vX8zC2fR0wYaB3d"
    for shift in range(0, 60, 7):
        text = "x" * (1000 - 100 - shift) + f" {token} " + "y" * 3000
        shown = run(context, one("long", lambda _, text=text: Facts(text), most_bytes=1000))["long"].text
        assert "ghp_" not in shown


def test_signs_that_act_on_a_terminal_are_shown_not_obeyed(context: Context) -> None:
    shown = run(context, one("c", lambda _: Facts("a\x1b[2Jb\u202ec\td\r\ne")))["c"].text
    assert shown == "a\ufffd[2Jb\ufffdc\td\ne"


def test_text_and_reason_are_redacted_and_counted_but_values_stay(context: Context) -> None:
    facts = Facts("user abenitez password=hunter22", {"path": "/x"}, "partial", "asked abenitez")
    diagnosis = run_all("quick", [one("c", lambda _: facts)], context, REDACTOR, None, 5)
    collected = diagnosis.collected[0]
    assert collected.text == "user user-1 password=[password]"
    assert collected.reason == "asked user-1"
    assert collected.hidden == 2
    assert collected.values == {"path": "/x"}
    assert diagnosis.redactions == {"password": 1, "user": 1}


@pytest.mark.filterwarnings("ignore")
def test_a_text_that_cannot_be_redacted_does_not_leave(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    redactor = Redactor(Identity())
    monkeypatch.setattr(Redactor, "redact", lambda self, text: 1 / 0)
    diagnosis = run_all("quick", [one("c", lambda _: Facts("secret words"))], context, redactor, None, 5)
    assert diagnosis.collected[0].status == "error"
    assert "secret words" not in diagnosis.collected[0].text


def test_cancelling_skips_the_rest(context: Context) -> None:
    def cancel(mine: Context) -> Facts:
        context.cancelled.set()
        mine.cancelled.wait(30)
        return Facts("late")

    found = run(context, one("cancel", cancel, 30), *(one(f"c{n}", cancel, 30) for n in range(5)))
    assert {c.status for c in found.values()} == {"skipped"}


def test_each_is_told_of_as_it_ends_on_the_callers_thread(context: Context) -> None:
    seen: list[tuple[str, threading.Thread]] = []
    collectors = [one("a", well), one("b", well)]
    run_all("quick", collectors, context, REDACTOR, lambda c: seen.append((c.id, threading.current_thread())), 5)
    assert sorted(id_ for id_, _ in seen) == ["a", "b"]
    assert {thread for _, thread in seen} == {threading.current_thread()}


def test_sections_speak_the_users_language(context: Context) -> None:
    def fail(_: Context) -> Facts:
        raise Absent("nothing")

    diagnosis = run_all("quick", [one("os", well), one("x", fail)], context, REDACTOR, None, 5)
    words.speak("es")
    try:
        first, second = diagnosis.sections()
    finally:
        words.speak("en")
    assert (first.title, first.note, first.text) == ("Sistema", "11\u00a0B", "all is well")
    assert (second.status, second.note) == ("absent", "no disponible aquí")


def test_the_catalog_is_declared_in_full() -> None:
    spanish = words.catalog("es")
    collectors = catalog("standard")
    assert len({c.id for c in collectors}) == len(collectors) >= 12
    for collector in collectors:
        assert collector.title in spanish
        assert collector.why in spanish
        assert collector.why.endswith(".")
        assert 0 < collector.limit_s <= 10
    assert {c.id for c in catalog("quick")} < {c.id for c in collectors}
    assert max(c.limit_s for c in catalog("quick")) < 3
    assert sum(c.most_bytes for c in catalog("quick")) <= 200_000
    assert sum(c.most_bytes for c in collectors) < 2_000_000


def test_unknown_names_are_refused(context: Context) -> None:
    with pytest.raises(ValueError, match="colour"):
        collect("standard", context, only=("os", "colour"))
    with pytest.raises(ValueError, match="huge"):
        catalog("huge")


def test_only_the_named_collectors_run(context: Context) -> None:
    diagnosis = collect("quick", context, only=("displays", "clock"), redactor=REDACTOR)
    assert [c.id for c in diagnosis.collected] == ["displays", "clock"]
    assert "HDMI-1" in diagnosis.collected[0].text
    assert [f.id for f in diagnosis.findings if f.id == "mixed_scale"] == ["mixed_scale"]


def test_every_collector_of_this_machine_gives_something(context: Context) -> None:
    context = replace(context, monitors=context.monitors[:1])
    (context.log_file).write_text("2026-11-21 INFO started\n")
    context.log_file.with_name("crash.log").write_text("Fatal Python error: Segmentation fault\n")
    diagnosis = collect("standard", context)
    by_id = {c.id: c for c in diagnosis.collected}
    assert [c.id for c in diagnosis.collected] == [c.id for c in catalog("standard")]
    assert not [f"{c.id}: {c.reason}" for c in diagnosis.collected if c.status in ("error", "timeout")]
    for id_ in ("os", "cpu", "memory", "displays", "disks", "network", "desk", "processes", "language", "testigo"):
        assert by_id[id_].status in ("ok", "partial"), by_id[id_].reason
        assert len(by_id[id_].text) > 20
    assert all(c.text for c in diagnosis.collected)
    assert "Segmentation fault" in by_id["crashes"].text
    assert "crashes" in [f.id for f in diagnosis.findings]
    assert "INFO started" in by_id["testigo"].text
    assert sum(len(c.text.encode()) for c in diagnosis.collected) < 2_000_000
    first, *others = diagnosis.sections()
    assert first.id == "findings"
    assert all(finding.title in first.text for finding in diagnosis.findings)
    assert [s.id for s in others] == [c.id for c in diagnosis.collected]


def test_secrets_in_the_log_are_in_no_byte_of_the_bundle(context: Context, tmp_path: Path) -> None:
    planted = ["hunter22zz", "ghp_" + "aB3dE5gH7jK9mN1pQ4sT6vX8zC2fR0wYaB3d", "10.77.66.55", "luz@lumbreras.example"]
    context.log_file.write_text(
        f"login password={planted[0]}\npush with {planted[1]}\nfrom {planted[2]} by {planted[3]}\n"
        "-----BEGIN PRIV" + "ATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n"
    )
    diagnosis = collect("quick", context, only=("testigo",))
    path = tmp_path / "bundle.zip"
    bundle.write(path, diagnosis)
    with zipfile.ZipFile(path) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert "[password]" in everything
    assert not [secret for secret in (*planted, "MIIEvQ") if secret in everything]
    assert diagnosis.collected[0].hidden >= 5


def test_the_desks_error_is_told_and_found(context: Context) -> None:
    def refuse() -> None:
        raise ConnectionError("password=hunter22 refused by 10.1.2.3")

    diagnosis = collect("quick", replace(context, check_desk=refuse), only=("desk",), redactor=REDACTOR)
    assert "hunter22" not in diagnosis.collected[0].text
    assert "Reached:   no" in diagnosis.collected[0].text
    finding = diagnosis.findings[0]
    assert (finding.id, finding.severity) == ("desk_unreachable", "fail")
    assert "10.1.2.3" not in finding.evidence
    assert "hunter22" not in finding.evidence


def test_without_a_desk_it_is_absent_and_no_finding(context: Context) -> None:
    diagnosis = collect("quick", replace(context, check_desk=None), only=("desk",), redactor=REDACTOR)
    assert diagnosis.collected[0].status == "absent"
    assert diagnosis.findings == ()
