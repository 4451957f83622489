"""The command line as scripts use it: a process, its exit code, one JSON document."""

from __future__ import annotations

import hashlib
import io
import json
import os
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.fault_proxy import Fault, FaultProxy
from tests.servers.process import wait_until
from tests.servers.web_form import WebForm

ROOT = Path(__file__).resolve().parents[2]


def call(*arguments: str, display: str = "", stdin: str | None = None, **environment: str) -> tuple[int, str, str]:
    given = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    for name in ("DISPLAY", "QT_QPA_PLATFORM"):
        given.pop(name, None)
    if display:
        given["DISPLAY"] = display
    ran = subprocess.run(
        [sys.executable, "-m", "client", *arguments], capture_output=True, text=True, env=given, input=stdin or ""
    )
    return ran.returncode, ran.stdout, ran.stderr


def answer(*arguments: str, **given: str) -> tuple[int, dict[str, Any]]:
    """Exit code and the one JSON document on standard output."""
    code, out, err = call(*arguments, "--json", **given)
    assert out.count("\n") == 1, (out, err)
    return code, json.loads(out)


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    data = Path(os.environ["TESTIGO_DATA_DIR"])
    (data / "logs" / "testigo.log").mkdir(parents=True)
    (data / "tickets.sqlite").write_bytes(b"no database" * 500)  # set aside, which is logged
    code, found = answer("tickets", "list", "--offline")
    assert (code, found["tickets"]) == (0, [])
    assert (data / "damaged-tickets.sqlite").exists()


def test_no_longer_is_waited_than_was_said_and_the_report_stays_queued() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes every connection, and never says a word
        answer("settings", "set", "desks.mesa.kind", "rt")
        answer("settings", "set", "desks.mesa.url", f"http://127.0.0.1:{silent.getsockname()[1]}")
        code, found = answer("report", "--summary", "x", "--desk", "mesa", "--wait=0.3", TESTIGO_SECRET_MESA="t")
    assert (code, found["state"]) == (5, "queued")


def test_screens_tells_what_can_be_captured(x_server: str) -> None:
    code, found = answer("screens", display=x_server)
    assert code == 0
    assert found["backend"] == "x11"
    assert found["screens"][0] | {"width": 1920, "height": 1080, "x": 0, "y": 0} == found["screens"][0]
    assert {"id", "name", "scale", "primary"} <= set(found["screens"][0])


def test_capture_all_gives_the_pixels_another_tool_sees(x_server: str, tmp_path: Path) -> None:
    import cv2

    environment = {**os.environ, "DISPLAY": x_server}
    subprocess.run(["xsetroot", "-mod", "7", "3", "-fg", "#E5322D", "-bg", "#2F5DDE"], env=environment, check=True)
    code, found = answer("capture", "all", "-o", f"{tmp_path}/shots/", display=x_server)
    assert code == 0
    (file,) = found["files"]
    assert (file["width"], file["height"]) == (1920, 1080)
    assert file["sha256"] == hashlib.sha256(Path(file["path"]).read_bytes()).hexdigest()
    subprocess.run(["maim", "-u", str(tmp_path / "maim.png")], env=environment, check=True)
    ours, theirs = cv2.imread(file["path"]), cv2.imread(str(tmp_path / "maim.png"))
    assert ours is not None
    assert (ours == theirs).all()


def test_a_rectangle_is_in_physical_pixels_and_can_go_to_standard_output(x_server: str, tmp_path: Path) -> None:
    code, found = answer(
        "capture", "region", "--rect", "10,20,300,200", "-o", str(tmp_path / "a.png"), display=x_server
    )
    assert (code, found["files"][0]["width"], found["files"][0]["height"]) == (0, 300, 200)
    ran = subprocess.run(
        [sys.executable, "-m", "client", "capture", "region", "--rect", "10,20,300,200", "-o", "-"],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "DISPLAY": x_server},
    )
    assert ran.stdout == (tmp_path / "a.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("capture", "screen"), 2, "usage"),
        (("capture", "screen", "-o", "x.gif"), 2, "usage"),
        (("capture", "screen", "-o", "x"), 2, "usage"),
        (("capture", "region", "--rect", "1,2,3", "-o", "x.png"), 2, "usage"),
        (("capture", "screen", "-o", "/nowhere/x.png"), 2, "usage"),
        (("capture", "screen", "-o", "."), 2, "usage"),
        (("capture", "all", "-o", "x.png"), 2, "usage"),
        (("capture", "region", "--rect", "0,0,5000,20", "-o", "x.png"), 2, "usage"),
        (("settings", "set", "report.desk", "nobody"), 3, "settings_invalid"),
        (("settings", "set", "hotkeys.region", "Foo+Bar"), 3, "settings_invalid"),
        (("capture", "screen", "--screen", "9", "-o", "x.png"), 6, "not_possible"),
        (("capture", "window", "--window", "no such title", "-o", "x.png"), 6, "not_possible"),
        (("capture", "last", "-o", "x.png"), 2, "not_found"),
        (("record", "screen", "-o", "x.avi"), 2, "usage"),
        (("record", "stop"), 2, "not_found"),
        (("nonsense",), 2, "usage"),
        (("report", "--kind", "joke", "--summary", "x"), 2, "usage"),
        (("report", "--summary", "  "), 2, "usage"),
        (("report", "--summary", "x", "--attach", "/nowhere"), 2, "cannot_attach"),
        (("report", "--summary", "x", "--desk", "nobody"), 3, "invalid_field"),
        (("settings", "set", "recording.fps", "many"), 3, "settings_invalid"),
        (("settings", "get", "no.such"), 3, "settings_invalid"),
        (("outbox", "show", "nothing"), 2, "not_found"),
        (("share", "/nowhere/x"), 2, "not_found"),
    ],
)
def test_a_wrong_call_gives_its_code_and_says_what_to_do(
    arguments: tuple[str, ...], code: int, word: str, x_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    exit_code, said = answer(*arguments, display=x_server)
    assert (exit_code, said["error"]["code"]) == (code, word)
    assert said["error"]["title"]
    assert said["error"]["advice"]
    assert not list(tmp_path.glob("x*"))


@pytest.mark.parametrize(
    "verb", [("tray",), ("capture", "screen", "-o", "x.png"), ("screens",), ("record", "screen", "-o", "x.mp4")]
)
def test_without_a_display_it_says_so_and_exits_with_six(verb: tuple[str, ...]) -> None:
    code, said = answer(*verb)
    assert (code, said["error"]["code"]) == (6, "no_display")
    assert "DISPLAY" in said["error"]["advice"]


def test_what_needs_no_display_works_without_one(tmp_path: Path) -> None:
    assert answer("version")[0] == 0
    assert answer("settings")[0] == 0
    assert answer("outbox")[1] == {"deliveries": [], "damaged": []}
    assert answer("history")[1] == {"items": []}
    assert answer("desk", "check")[1]["ok"] is True
    code, found = answer("doctor")
    assert code == 0
    states = {check["id"]: check["status"] for check in found["checks"]}
    assert states["capture"] == "fail"
    assert states["desk"] == "ok"
    code, found = answer("report", "--summary", "x", "--diagnose", "quick", "--wait")
    assert (code, found["state"]) == (0, "sent")


def test_a_whole_report_arrives_with_the_large_file_behind_a_link(x_server: str, tmp_path: Path) -> None:
    big = tmp_path / "big30MB.bin"
    big.write_bytes(os.urandom(30_000_000))
    code, sent = answer(
        "report", "--summary", "Ñandú 🐦 no carga", "--kind", "claim", "--priority", "high", "--capture", "all",
        "--diagnose", "quick", "--attach", str(big), "--wait", display=x_server,
    )  # fmt: skip
    assert (code, sent["state"], sent["error"]) == (0, "sent", None)
    ways = {a["name"]: a for a in sent["attachments"]}
    assert ways["big30MB.bin"]["via"] == "link"
    assert ways["capture-1.png"]["via"] == "ticket"
    from urllib.parse import unquote, urlsplit

    shared = Path(unquote(urlsplit(ways["big30MB.bin"]["url"]).path))
    assert hashlib.sha256(shared.read_bytes()).hexdigest() == hashlib.sha256(big.read_bytes()).hexdigest()
    ticket = Path(unquote(urlsplit(sent["ticket"]["url"]).path)).parent
    stored = json.loads((ticket / "ticket.json").read_text())
    assert (stored["subject"], stored["kind"], stored["priority"]) == ("Ñandú 🐦 no carga", "claim", "high")
    assert len(stored["sections"]) >= 8
    for file in stored["attachments"]:
        if file["path"]:
            assert hashlib.sha256((ticket / file["path"]).read_bytes()).hexdigest() == file["sha256"]


def test_with_the_desk_missing_it_is_queued_and_sent_once_when_it_is_back(tmp_path: Path, home: Path) -> None:
    desk = tmp_path / "desk"
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.toml").write_text(f'[desks.it]\nkind = "folder"\npath = "{desk}"\n')
    (tmp_path / "big.bin").write_bytes(bytes(25_000_001))
    (tmp_path / "small.txt").write_text("x")
    files = ("--attach", str(tmp_path / "big.bin"), "--attach", str(tmp_path / "small.txt"))
    code, queued = answer("report", "--summary", "Sin mesa", *files, "--wait")
    assert (code, queued["state"], queued["error"]["code"]) == (5, "queued", "unreachable")
    assert [(a["name"], a["via"]) for a in queued["attachments"]] == [("big.bin", "link"), ("small.txt", "ticket")]
    code, listed = answer("outbox")
    assert [d["state"] for d in listed["deliveries"]] == ["queued"]
    assert listed["deliveries"][0]["not_before"].endswith("Z")
    desk.mkdir()
    code, sent = answer("outbox", "send")
    assert (code, [d["state"] for d in sent["deliveries"]]) == (0, ["sent"])
    assert answer("outbox", "send")[1] == {"deliveries": []}
    assert len(list(desk.glob("T-*"))) == 1


def test_the_outbox_lists_what_needs_the_person_first() -> None:
    for summary in ("Espera", "Detenido"):
        assert call("report", "--summary", summary)[0] == 0
    report_id = answer("outbox")[1]["deliveries"][1]["report_id"]
    assert answer("outbox", "pause", report_id)[0] == 0
    assert [d["summary"] for d in answer("outbox")[1]["deliveries"]] == ["Detenido", "Espera"]


def test_a_person_reads_in_spanish_how_reports_stand() -> None:
    assert call("report", "--summary", "Con mesa", "--wait")[0] == 0
    assert call("report", "--summary", "Sin mesa")[0] == 0
    code, out, _ = call("--lang", "es", "outbox")
    assert code == 0
    assert "  En espera  " in out
    assert "queued" not in out
    out = call("--lang", "es", "history")[1]
    assert "  Enviado  " in out
    assert "  En espera  " in out


def test_details_in_a_file_that_is_not_there_say_what_to_do(tmp_path: Path) -> None:
    code, found = answer("--lang", "es", "report", "--summary", "x", "--details", f"@{tmp_path}/nope.txt")
    assert (code, found["error"]["code"]) == (2, "usage")
    assert f"«{tmp_path}/nope.txt»" in found["error"]["detail"]
    assert "@" in found["error"]["advice"]
    code, found = answer("report", "--summary", "x", "--details", f"@{tmp_path}")
    assert (code, found["error"]["code"]) == (2, "usage")
    assert answer("outbox")[1] == {"deliveries": [], "damaged": []}


def test_a_draft_stays_a_draft_and_details_come_from_standard_input(tmp_path: Path) -> None:
    code, draft = answer("report", "--summary", "x", "--details", "-", "--draft", stdin="línea\n")
    assert (code, draft["state"], draft["ticket"]) == (0, "draft", None)
    assert answer("outbox")[1] == {"deliveries": [], "damaged": []}


def test_diagnose_writes_a_bundle_and_tells_each_collector(x_server: str, tmp_path: Path) -> None:
    code, found = answer("diagnose", "--profile", "standard", "-o", str(tmp_path / "b.zip"), display=x_server)
    assert code == 0
    assert found["sha256"] == hashlib.sha256((tmp_path / "b.zip").read_bytes()).hexdigest()
    states = {"ok", "partial", "timeout", "denied", "absent", "error", "skipped"}
    assert {c["status"] for c in found["collectors"]} <= states
    assert {"os", "cpu", "memory", "displays", "disks", "network"} <= {c["id"] for c in found["collectors"]}
    with zipfile.ZipFile(io.BytesIO((tmp_path / "b.zip").read_bytes())) as bundle:
        assert "manifest.json" in bundle.namelist()


def test_record_makes_a_film_of_the_asked_length(x_server: str, tmp_path: Path) -> None:
    code, film = answer("record", "screen", "--seconds", "2", "-o", str(tmp_path / "a.mp4"), display=x_server)
    assert code == 0
    assert abs(film["seconds"] - 2) <= 0.2
    assert film["codec"] == "h264"
    assert film["sha256"] == hashlib.sha256((tmp_path / "a.mp4").read_bytes()).hexdigest()


def test_annotate_destroys_what_is_hidden(x_server: str, tmp_path: Path) -> None:
    import cv2

    answer("capture", "screen", "-o", str(tmp_path / "a.png"), display=x_server)
    marks = {"marks": [{"type": "hide", "x": 10, "y": 10, "width": 50, "height": 30}]}
    (tmp_path / "m.json").write_text(json.dumps(marks))
    code, made = answer("annotate", str(tmp_path / "a.png"), "--marks", str(tmp_path / "m.json"), "-o", str(tmp_path / "b.png"))  # noqa: E501  # fmt: skip
    assert (code, made["hidden"]) == (0, 1)
    picture = cv2.imread(str(tmp_path / "b.png"))
    assert picture is not None
    hidden = picture[10:40, 10:60]
    assert (hidden == hidden[0, 0]).all()
    (tmp_path / "m.json").write_text('{"marks": [{"type": "laser"}]}')
    code, said = answer("annotate", str(tmp_path / "a.png"), "--marks", str(tmp_path / "m.json"), "-o", "c.png")
    assert (code, said["error"]["code"]) == (2, "usage")


def test_settings_tell_their_origin_and_a_broken_file_is_named_but_stops_nothing(home: Path) -> None:
    assert answer("settings", "set", "recording.fps", "24")[0] == 0
    (value,) = answer("settings", "get", "recording.fps")[1]["settings"]
    assert value | {"key": "recording.fps", "value": 24, "locked": False} == value
    assert value["origin"].endswith("settings.toml")
    with (home / "config" / "settings.toml").open("a") as file:
        file.write("\n[recording\n")
    code, out, err = call("settings", "get", "recording.fps", "--json")
    assert code == 0
    assert json.loads(out)["settings"][0]["value"] == 24
    assert "line" in err
    code, said = answer("settings", "set", "recording.fps", "30")
    assert (code, said["error"]["code"]) == (3, "settings_invalid")
    assert (home / "config" / "settings.toml").read_text().endswith("[recording\n")


def test_a_secret_is_never_an_argument_and_without_a_keychain_it_is_not_stored(home: Path) -> None:
    code, said = answer("desk", "login", "folder", stdin="hunter2")
    assert (code, said["error"]["code"]) == (2, "usage")
    assert "hunter2" not in json.dumps(said)


def test_spanish_is_spoken_when_asked() -> None:
    _, out, _ = call("--lang", "es", "report", "--summary", "x", "--attach", "/nada", "--json")
    assert json.loads(out)["error"]["title"] == "El archivo no se adjuntó"


def test_a_damaged_report_is_moved_aside_and_said(home: Path) -> None:
    code, queued = answer("report", "--summary", "x")
    assert (code, queued["state"]) == (0, "queued")
    (home / "data" / "outbox" / queued["report_id"] / "journal.json").write_text("{")
    code, out, err = call("outbox", "--json")
    assert json.loads(out)["deliveries"] == []
    assert json.loads(out)["damaged"] == [str(home / "data" / "damaged" / queued["report_id"])]
    assert "damaged" in err


def test_a_running_recording_is_stopped_and_described_from_elsewhere(x_server: str, tmp_path: Path) -> None:
    given = {**os.environ, "PYTHONPATH": str(ROOT), "DISPLAY": x_server}
    command = [sys.executable, "-m", "client", "record", "screen", "-o", str(tmp_path / "a.mp4")]
    recording = subprocess.Popen(command, env=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: any(part.stat().st_size for part in tmp_path.glob("*.part.mp4")), 60, "the first frames")
    code, stopped = answer("record", "stop", display=x_server)
    assert code == 0
    assert recording.wait(20) == 0
    assert stopped["sha256"] == hashlib.sha256((tmp_path / "a.mp4").read_bytes()).hexdigest()
    assert {"path", "seconds", "frames", "dropped", "size_bytes", "codec", "width", "height"} <= set(stopped)


def test_share_gives_a_link_to_the_very_bytes(tmp_path: Path) -> None:
    (tmp_path / "f.bin").write_bytes(b"content")
    code, shared = answer("share", str(tmp_path / "f.bin"))
    assert code == 0
    assert shared["sha256"] == hashlib.sha256(b"content").hexdigest()
    assert Path(shared["url"].removeprefix("file://")).read_bytes() == b"content"


@pytest.fixture
def web_form() -> Iterator[WebForm]:
    form = WebForm()
    yield form
    form.stop()


def test_a_report_that_may_have_arrived_goes_again_only_when_that_is_said_of_it(
    tmp_path: Path, home: Path, web_form: WebForm, fault_proxy: Callable[[str], FaultProxy]
) -> None:
    proxy = fault_proxy(f"{web_form.url}/soporte/nuevo")
    (home / "config").mkdir(parents=True)
    desk = f'[desks.it]\nkind = "webform"\nurl = "{proxy.url}"\n'
    (home / "config" / "settings.toml").write_text(f'[general]\nmail = "ana@example.org"\n{desk}')
    queued = list[str]()
    for summary in ("Llegó", "No se sabe"):
        proxy.next(Fault(drop_reply=True), lambda method, path: method == "POST")
        code, found = answer("report", "--summary", summary, "--wait")
        assert (code, found["state"], found["error"]["code"]) == (5, "queued", "outcome_unknown")
        queued.append(found["report_id"])
    for _ in range(2):
        code, found = answer("outbox", "send")
        assert code == 4
        assert [(d["state"], d["last_error"]["code"]) for d in found["deliveries"]] == [("needs_you", "maybe_sent")] * 2
    assert len(web_form.tickets) == 2, "“send” says nothing of one report"
    code, found = answer("outbox", "retry", queued[1], "--field", "Activo=7")
    assert (code, found["error"]["code"]) == (4, "maybe_sent"), "what may be there is not changed here"
    assert f"testigo outbox arrived {queued[0]}" in call("outbox")[1]
    code, found = answer("outbox", "arrived", queued[0])
    assert (code, [d["state"] for d in found["deliveries"]], len(web_form.tickets)) == (0, ["sent"], 2)
    assert answer("outbox", "arrived", queued[0])[0] == 2
    code, found = answer("outbox", "retry", queued[1])
    assert (code, [d["state"] for d in found["deliveries"]], len(web_form.tickets)) == (0, ["sent"], 3)
    waits = answer("report", "--summary", "Espera", "--desk", "it")[1]["report_id"]
    code, found = answer("outbox", "arrived", waits)
    assert (code, found["error"]["code"]) == (4, "refused")
    assert "waits for something else" in found["error"]["detail"]


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("desks.it.token", "geheim-1-2-3", "testigo desk login it"),
        ("desks.it.kind", "nope", "rt"),
        ("desks.new.url", "https://x.example.org", "desks.new.kind"),
        ("desks.it.url", "ftp://x.example.org", "https://"),
        ("desks.it.colour", "red", "queue"),
    ],
)
def test_a_desk_is_not_set_to_what_it_cannot_be_and_no_password_goes_into_the_file(
    home: Path, key: str, value: str, told: str
) -> None:
    (home / "config").mkdir(parents=True)
    file = home / "config" / "settings.toml"
    file.write_text('[desks.it]\nkind = "rt"\nurl = "https://rt.example.org"\n')
    before = file.read_text()
    code, found = answer("settings", "set", key, value)
    assert (code, found["error"]["code"]) == (3, "settings_invalid")
    assert told in found["error"]["detail"]
    assert file.read_text() == before
    assert "geheim" not in str(found)


def test_a_password_that_stands_in_the_settings_file_all_the_same_is_not_used(home: Path) -> None:
    (home / "config").mkdir(parents=True)
    desk = '[desks.it]\nkind = "rt"\nurl = "https://127.0.0.1:1"\ntoken = "geheim-1-2-3"\n'
    (home / "config" / "settings.toml").write_text(desk)
    code, found = answer("desk", "check", "it")
    assert code == 3
    assert "testigo desk login it" in str(found)
    assert "geheim" not in str(found)
    assert "geheim" not in call("settings", "show")[1]
