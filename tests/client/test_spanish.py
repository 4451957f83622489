"""With the language es, nobody reads an English sentence: not in diagnostics, settings faults or usage errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from client import words
from client.cli import run
from client.diagnostics import PROFILES, Absent, Collected, Collector, Context, Diagnosis, Facts, catalog, collect
from client.diagnostics.collection import findings_text, run_all
from client.diagnostics.disks import Disk
from client.diagnostics.findings import RULES, find
from client.settings import OPTIONS, SettingsFault, from_text, load, parse
from uploader.catalog import DESKS, SHARES, desk_kind, share_kind
from uploader.errors import Unreachable
from uploader.setting import settings_of

ENGLISH = frozenset(
    re.findall(
        r"\w+",
        """
        about after all also an and are argument arguments at be been before but by cannot choice choose collected
        could disk does expected file following folder for found free from gave given hidden if in installed is
        invalid it its last line lie like may memory missing must not nothing of one only option out over pending
        quick read reason reboot required restart screen section set setting standard stood such system taken than
        that the there these they this times to too unknown unrecognized usage used user value was were what when
        where which who why will with within you your
        """,
    )
)
"""Frequent words, and those of our own sentences, that no Spanish sentence of ours has. ``a``, ``no``, ``error`` and
``actual`` are words of both."""


def english_in(text: str) -> set[str]:
    return set(re.findall(r"[a-záéíóúñü]+", text.lower())) & ENGLISH


@pytest.fixture(autouse=True)
def spanish(english: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LANG", "es_PE.UTF-8")
    words.speak("es")
    yield
    words.speak("en")


def context_in(folder: Path, check_desk: Callable[[], None] | None = None) -> Context:
    return Context("1.2.3", folder, folder / "testigo.log", (), "mesa", check_desk)


def unreachable() -> None:
    raise Unreachable("the folder {folder} is not there; connect the drive or create the folder", folder="/x")


def troubles() -> dict[str, dict[str, object]]:
    """Values in which every rule finds something."""
    disk = Disk("/", "ext4", 10**11, 10**9, 99.0, 95.0, True)
    return {
        "desk": {"reached": False, "error": "x"},
        "disks": {"disks": (disk,), "silent": ("/mnt/x",)},
        "memory": {"total_bytes": 100, "available_bytes": 1, "swap_total_bytes": 100, "swap_pct": 99.0},
        "processes": {"largest": ("x", 10**9)},
        "journal": {"disk_errors": 2, "disk_sample": "x", "gpu_errors": 1, "gpu_sample": "x"},
        "crashes": {"recent": ("x",)},
        "services": {"failed": ("x",)},
        "clock": {"synchronised": False},
        "network": {"proxy_environment": True, "proxy_system": False, "default_routes": 0},
        "gpu": {"software": True, "renderer": "x"},
        "displays": {"scales": (1.0, 2.0)},
        "os": {"reboot_pending": True, "uptime_s": 40 * 86_400},
    }


def test_the_word_list_knows_english_when_it_sees_it() -> None:
    assert english_in("gave nothing within 3 s")
    assert english_in("there is no setting “x”")
    assert not english_in("la carpeta /x no existe; no dio nada en 3 s")


def test_every_finding_is_spanish_with_its_evidence_and_advice() -> None:
    values = troubles()
    found = [finding for rule in RULES for finding in rule(values)]
    assert {finding.id for rule in RULES for finding in rule(values)} >= {"disk_full", "swap_used", "uptime", "clock"}
    for finding in found:
        text = f"{finding.title}. {finding.evidence}. {finding.advice}".replace("NTPSynchronized", "")
        assert not english_in(text), text


@pytest.mark.parametrize("profile", PROFILES)
def test_the_frame_of_the_findings_is_spanish(profile: str) -> None:
    statuses = ("partial", "timeout", "denied", "absent", "error", "skipped")
    collected = tuple(Collected(f"c{n}", "", "", status, 1, "x") for n, status in enumerate(statuses))  # type: ignore[arg-type]
    bare = Diagnosis(profile, collected, (), {}, datetime.now(UTC), "1.2.3")
    for diagnosis in (bare, replace(bare, findings=find(troubles()))):
        text = findings_text(diagnosis).replace("NTPSynchronized", "")
        assert not english_in(text), text


def test_every_collector_says_in_spanish_why_it_is_not_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no program is there to be asked
    monkeypatch.setenv("DISPLAY", ":99")
    diagnosis = collect("standard", context_in(tmp_path))
    reasons = {one.id: one.reason for one in diagnosis.collected if one.status != "ok"}
    assert {"displays", "desk", "network"} <= set(reasons)
    for id_, reason in reasons.items():
        assert reason, id_
        assert not english_in(reason), reason
    for one in diagnosis.collected:
        if one.status not in ("ok", "partial"):
            assert not english_in(one.text), one.text


def test_titles_whys_and_notes_are_spanish(tmp_path: Path) -> None:
    for one in catalog("standard"):
        assert not english_in(f"{words.detail(one.title, {})} {words.detail(one.why, {})}"), one.id
    diagnosis = collect("quick", context_in(tmp_path), only=("memory", "displays"))
    for section in diagnosis.sections():
        assert not english_in(f"{section.title} {section.note}"), section


def test_what_becomes_of_a_broken_collector_is_told_in_spanish(tmp_path: Path) -> None:
    def denied(_: Context) -> Facts:
        raise PermissionError

    def slow(_: Context) -> Facts:
        raise TimeoutError

    def hangs(mine: Context) -> Facts:
        mine.cancelled.wait(60)
        return Facts("")

    def absent(_: Context) -> Facts:
        raise Absent(words.say("no help desk is set up"))

    works = {"denied": denied, "slow": slow, "hangs": hangs, "absent": absent, "long": lambda _: Facts("x " * 9000)}
    collectors = [Collector(id_, "", "", frozenset(), 0.3, work, 1000) for id_, work in works.items()]
    for one in run_all("quick", collectors, context_in(tmp_path), None, None, 5).collected:
        assert one.reason
        assert not english_in(one.reason), one.reason
        if one.status != "partial":
            assert not english_in(one.text), one.text


def test_the_desks_own_error_stands_in_its_section_in_spanish(tmp_path: Path) -> None:
    diagnosis = collect("quick", context_in(tmp_path, unreachable), only=("desk",))
    (finding,) = diagnosis.findings
    assert finding.evidence == "la carpeta /x no está; conecta la unidad o crea la carpeta"
    assert "la carpeta /x no está" in diagnosis.collected[0].text


@pytest.mark.parametrize(
    "text",
    [
        "[recording]\nfps = 999\n",
        "[recording]\nfps = true\n",
        "[recording]\ncursor = 3\n",
        "[general]\ntheme = 'pink'\n",
        "[general]\nname = 3\n",
        "[general]\nnosuch = 3\n",
        "[nosuch]\nx = 3\n",
        "loose = 3\n",
        "[desks.a]\npath = '/x'\n",
        "[general\n",
        "[general]\nname = Ana\n",
        "[general]\nname 'Ana'\n",
        "[general]\nname = 'Ana\n",
        "[general]\nname = 'Ana' 3\n",
        "[general]\nname = 'a'\nname = 'b'\n",
        "[general]\nname = [1",
        "= 3",
    ],
)
def test_a_fault_of_the_settings_is_told_in_spanish(text: str) -> None:
    with pytest.raises(SettingsFault) as caught:
        parse(text)
    # The names of the settings are what stands in the file, whatever the language.
    told = re.sub(r"\b(?:\w+\.\w+|true|false|auto|light|dark|general, .*)\b|«\w+»", "", str(caught.value))
    assert told
    assert not english_in(told), told


def test_a_fault_of_the_environment_or_of_bytes_is_told_in_spanish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsFault, match="no existe el ajuste"):
        from_text("no.such", "x")
    monkeypatch.setenv("TESTIGO_RECORDING_FPS", "many")
    assert load(tmp_path / "none.toml", tmp_path / "good.toml").fault == "entorno: recording.fps debe ser un número"
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    assert "no es texto UTF-8" in load(tmp_path / "bytes.toml", tmp_path / "good.toml").fault


OUR_WORDS = {"high": "alta", "medium": "media", "low": "baja", "incident": "incidente", "petition": "petición",
             "complaint": "queja", "claim": "reclamo", "suggestion": "sugerencia", "mon-fri": "lunes a viernes",
             "description": "descripción", "subject": "asunto"}  # fmt: skip


def helps() -> dict[str, tuple[str, str]]:
    """Every setting of every desk, share and section: its help in English and in Spanish."""
    kinds = {f"desks.{kind}": desk_kind(kind) for kind in DESKS} | {f"shares.{k}": share_kind(k) for k in SHARES}
    found = {f"{owner}.{s.name}": s.help for owner, adapter in kinds.items() for s in settings_of(adapter)}
    found |= {key: setting.help for key, setting in OPTIONS.items()}
    return {key: (text, words.say(text)) for key, text in found.items() if text}


def test_a_setting_with_a_syntax_of_its_own_explains_itself_in_spanish_with_an_example() -> None:
    found = helps()
    assert {"desks.rt.priorities", "shares.tus.link_url", "sla.solution", "contact.phone_hours"} <= set(found)
    for key, (english, spanish) in found.items():
        if re.search(r"\w=\S|regular expression|Example", english):
            assert re.search(r"[Ee]jemplo", spanish), key
        for word, meaning in OUR_WORDS.items():
            if re.search(rf"\b{word}\b", spanish) and key != "coverage.file":  # there it is a plan's own word
                assert meaning in spanish, f"{key}: what does “{word}” mean?"


def test_no_help_sends_the_reader_to_another_one_and_nobody_is_called_usted() -> None:
    for key, (english, spanish) in helps().items():
        assert not re.search(r"[Aa]s above|[Cc]omo arriba|[Cc]omo el horario", f"{english} {spanish}"), key
    for text in words.catalog("es").values():
        for each in text if isinstance(text, list) else [text]:
            assert not re.search(r"\b([Uu]sted|[Dd]éjela|[Pp]ermítalo)\b", each), each


USAGES = [
    ("nonsense",),
    ("--lang",),
    ("capture", "screen", "--delay"),
    ("capture", "screen", "--nosuch"),
    ("capture", "nowhere"),
    ("report", "--kind", "joke", "--summary", "x"),
    ("report",),
    ("annotate",),
    ("share",),
]


@pytest.mark.parametrize("arguments", USAGES)
def test_a_usage_error_is_one_spanish_line_for_programs(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*arguments, "--json"]) == 2
    out, err = capsys.readouterr()
    error = json.loads(out)["error"]
    assert not err
    assert "\n" not in error["detail"]
    assert "uso:" not in error["detail"]
    # What may be chosen is listed as it is typed; names in capitals stand in the lines of usage.
    told = re.sub(
        r"'[^']*'|\(elige entre .*|--?\w+|\b[A-Z]+(?:\|\w+)*\b",
        "",
        f"{error['title']} {error['advice']} {error['detail']}",
    )
    assert not english_in(told), told


def test_a_person_is_shown_how_the_command_looks(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["capture", "screen", "--nosuch"]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("uso: testigo")
    assert "argumentos desconocidos: --nosuch" in err


def test_the_frame_of_the_help_is_spanish(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    assert "opciones:" in out
    assert "muestra esta ayuda y termina" in out
    assert not english_in(re.sub(r"\{[^}]*\}|^    \w+|--\S+", "", out, flags=re.MULTILINE)), out


def test_a_broken_file_is_warned_of_in_the_language_the_settings_choose(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LANG", "C.UTF-8")
    assert run(["settings", "set", "general.language", "es"]) == 0
    (home / "config" / "settings.toml").write_text("[recording]\nfps = 999\n")
    capsys.readouterr()
    assert run(["settings", "get", "recording.fps"]) == 0
    assert "debe estar entre 1 y 60" in capsys.readouterr().err
