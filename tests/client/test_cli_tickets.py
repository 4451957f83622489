"""``testigo tickets``: numbers that several desks share, desks that are away, and the words of both."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keyring
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.backends.fail import Keyring as NoKeyring

from client.cli import run as command
from client.paths import open_paths
from client.session import Session
from tests.servers.rt import RtServer
from tests.servers.zendesk import ZendeskServer
from uploader.desks.rt import RequestTracker
from uploader.desks.salesforce import Salesforce
from uploader.desks.zendesk import Zendesk
from uploader.inbox import OwnTicket, RemoteFile, Reply
from uploader.remote import escaped, pairs
from uploader.setting import Secret
from uploader.ticket import TicketRef

Told = pytest.CaptureFixture[str]


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """Two desks that both begin to count at one."""
    paths = open_paths(None, None)
    lines = ['[general]\nname = "Ana"\n[report]\ndesk = "almacen"\n']
    for name in ("almacen", "oficina-central"):
        (tmp_path / name / "shared").mkdir(parents=True)
        lines.append(f'[desks.{name}]\nkind = "folder"\npath = "{tmp_path / name}"\n')
    paths.settings_file.write_text("".join(lines), "utf-8")
    return Session(paths)


def sent(session: Session, desk: str, summary: str) -> TicketRef:
    delivery = session.send_now(session.submit(session.new_draft(summary=summary, desk=desk)))
    assert delivery.ticket is not None, delivery.last_error
    return delivery.ticket


def ask(told: Told, *words: str) -> tuple[int, Any, str]:
    told.readouterr()
    code = command(["tickets", *words, "--json"])
    out, err = told.readouterr()
    return code, json.loads(out), err


@pytest.mark.parametrize("verb", [("solve",), ("show",), ("reopen",), ("fetch",), ("reply", "--text", "x"),
                                  ("rate", "--score", "5")])  # fmt: skip
def test_a_number_that_two_desks_share_is_nobodys_until_the_desk_is_named(
    session: Session, capsys: Told, verb: tuple[str, ...]
) -> None:
    ref, other = sent(session, "almacen", "Grúa"), sent(session, "oficina-central", "Cafetera")
    assert ref.id == other.id
    code, said, _ = ask(capsys, verb[0], ref.id, *verb[1:])
    assert code == 2
    assert "almacen, oficina-central" in said["error"]["detail"]
    assert "--desk" in said["error"]["advice"]
    assert {mine.ticket.state for mine in session.tickets.list()} == {"open"}
    assert not session.deliveries(sent=0)
    code, said, _ = ask(capsys, "show", ref.id, "--desk", "oficina-central")
    assert (code, said["ticket"]["subject"]) == (0, "Cafetera")


def test_a_list_of_several_desks_names_each_and_keeps_its_columns_apart(session: Session, capsys: Told) -> None:
    ref = sent(session, "almacen", "Grúa")
    capsys.readouterr()
    assert command(["tickets", "list"]) == 0
    assert "almacen" not in capsys.readouterr().out
    sent(session, "oficina-central", "Cafetera")
    capsys.readouterr()
    assert command(["tickets", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} == {"almacen", "oficina-central"}
    assert len({line.index(ref.id) for line in lines}) == 1
    assert all(f"{ref.id}  " in line for line in lines)
    sent(session, "almacen", "Impresora")
    counted = [ask(capsys, "stats", *words)[1]["tickets"] for words in ((), ("--desk", "almacen"))]
    assert counted == [3, 2]


@pytest.fixture
def read_back(session: Session, rt: RtServer, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A third desk, which tells what became of a ticket."""
    monkeypatch.setenv("TESTIGO_SECRET_MESA", rt.tokens["ana"])
    settings = {"desks.mesa.kind": "rt", "desks.mesa.url": rt.url, "desks.mesa.user": "ana"}
    session.change(settings)
    return session


def test_a_desk_that_is_away_is_shown_as_it_was_last_seen(read_back: Session, capsys: Told) -> None:
    ref = sent(read_back, "mesa", "Grúa")
    code, fresh, _ = ask(capsys, "list", "--desk", "mesa")
    assert (code, fresh["offline"], fresh["stale_since"]) == (0, False, None)
    read_back.change({"desks.mesa.url": "http://127.0.0.1:9"})
    for words in (("list", "--desk", "mesa"), ("list",), ("show", ref.id), ("list", "--offline")):
        code, said, err = ask(capsys, *words)
        assert (code, said["offline"]) == (0, True), words
        assert said["stale_since"]
        assert "Grúa" in json.dumps(said, ensure_ascii=False)
        assert ("mesa is out of reach since today" in err) is ("--offline" not in words)
        assert "saved" not in err
    assert ask(capsys, "list", "--desk", "nowhere")[0] == 3


@pytest.mark.parametrize("verb", ["solve", "fetch", "reopen"])
def test_what_a_desk_that_is_away_was_to_do_is_said_to_be_undone(read_back: Session, capsys: Told, verb: str) -> None:
    ref = sent(read_back, "mesa", "Grúa")
    read_back.change({"desks.mesa.url": "http://127.0.0.1:9"})
    for wanted in (ref.id, "999999"):  # nobody could look whether there is such a one
        code, said, _ = ask(capsys, verb, wanted)
        assert (code, said["error"]["code"]) == (4, "unreachable")
        assert said["error"]["advice"].startswith("Nothing was done.")


def test_a_desk_that_refuses_does_not_speak_of_a_report(session: Session, capsys: Told) -> None:
    session.change({"desks.web.kind": "webform", "desks.web.url": "http://127.0.0.1:9/form"})
    ref = sent(session, "almacen", "Grúa")
    mine = session.tickets.find(ref.id)
    session.tickets._keep("web", mine.ticket)  # as a report sent by a web form leaves it
    capsys.readouterr()
    assert command(["--lang", "es", "tickets", "solve", ref.id, "--desk", "web", "--json"]) == 4
    error = json.loads(capsys.readouterr().out)["error"]
    assert "reporte" not in f"{error['title']} {error['advice']}"
    assert error["advice"].startswith("No se hizo nada.")


def test_a_rating_is_shown_with_its_comment(read_back: Session, rt: RtServer, capsys: Told) -> None:
    ref = sent(read_back, "mesa", "Grúa")
    rt.ask("PUT", f"ticket/{ref.id}", {"Status": "resolved"})
    ask(capsys, "show", ref.id)
    assert ask(capsys, "rate", ref.id, "--score", "4", "--comment", "Muy rápido")[0] == 0
    for found in (ask(capsys, "show", ref.id)[1]["ticket"], *ask(capsys, "list", "--desk", "mesa")[1]["tickets"]):
        if found["id"] == ref.id:
            assert (found["score"], found["comment"]) == (4, "Muy rápido")
    capsys.readouterr()
    assert command(["tickets", "show", ref.id]) == 0
    assert "Your rating: 4 of 5 · Muy rápido" in capsys.readouterr().out
    (rated,) = ask(capsys, "stats")[1]["ratings"]
    assert rated.pop("solved_at").endswith("Z")
    assert rated == {"desk": "mesa", "id": ref.id, "score": 4, "comment": "Muy rápido"}
    assert command(["tickets", "stats"]) == 0
    assert f"{ref.id}  Your rating: 4 of 5 · Muy rápido" in capsys.readouterr().out
    assert ask(capsys, "rate", ref.id, "--score", "3")[0] == 0
    found = ask(capsys, "show", ref.id)[1]["ticket"]
    assert (found["score"], found["comment"]) == (3, "Muy rápido")


def test_an_answer_with_a_file_that_is_not_there_leaves_nothing_behind(read_back: Session, capsys: Told) -> None:
    ref = sent(read_back, "mesa", "Grúa")
    code, said, _ = ask(capsys, "reply", ref.id, "--text", "hola", "--attach", "/no/such")
    assert (code, said["error"]["code"]) == (2, "cannot_attach")
    assert "/no/such" in said["error"]["detail"]
    assert read_back.drafts() == ()


def test_replies_are_those_of_people_after_the_first_message(read_back: Session, rt: RtServer, capsys: Told) -> None:
    ref = sent(read_back, "mesa", "Grúa")
    (listed,) = [t for t in ask(capsys, "list", "--offline")[1]["tickets"] if t["id"] == ref.id]
    assert listed["replies"] is None, "nobody here has read it"
    for plain in (["tickets", "list", "--offline"], ["tickets", "show", ref.id, "--offline"]):
        capsys.readouterr()
        assert command(plain) == 0
        out = capsys.readouterr().out
        assert "Grúa" in out
        assert "None" not in out
        assert "null" not in out
    assert ask(capsys, "show", ref.id)[1]["ticket"]["replies"] == 0
    for text in ("¿Cuál?", "¿Desde cuándo?"):
        rt.ask("POST", f"ticket/{ref.id}/correspond", {"Content": text, "ContentType": "text/plain"})
    assert ask(capsys, "reply", ref.id, "--text", "La del puerto")[0] == 0
    assert ask(capsys, "show", ref.id)[1]["ticket"]["replies"] == 3


def test_open_tickets_are_no_command_in_spanish(session: Session, capsys: Told) -> None:
    capsys.readouterr()
    assert command(["--lang", "es", "tickets", "stats"]) == 0
    out = capsys.readouterr().out
    assert "Tickets abiertos" in out
    assert "Abrir" not in out


def test_articles_that_cannot_be_reached_are_told(read_back: Session, tmp_path: Path, capsys: Told) -> None:
    def articles(*words: str) -> tuple[int, Any, str]:
        capsys.readouterr()
        code = command(["articles", *words, "--json"])
        out, err = capsys.readouterr()
        return code, json.loads(out), err

    code, said, err = articles("la impresora falla", "--desk", "mesa")
    assert (code, said["offline"], err) == (0, False, "")
    assert said["articles"][0].keys() == {"title", "url", "excerpt"}
    read_back.change({"desks.mesa.url": "http://127.0.0.1:9"})
    code, said, _ = articles("la impresora falla", "--desk", "mesa")
    assert (code, said["error"]["code"]) == (4, "unreachable")
    assert "saved" not in json.dumps(said)
    (tmp_path / "help").mkdir()
    (tmp_path / "help" / "a.md").write_text("# La impresora\n\nReinicia.", "utf-8")
    read_back.change({"articles.folder": str(tmp_path / "help")})
    code, said, err = articles("la impresora falla", "--desk", "mesa")
    assert (code, said["offline"], [a["title"] for a in said["articles"]]) == (0, True, ["La impresora"])
    assert err.startswith("The help articles cannot be reached now: ")
    read_back.change({"articles.folder": "", "desks.mesa.url": "http://127.0.0.1:9/%"})
    assert articles("xyzzy", "--desk", "almacen")[:2] == (0, {"articles": [], "offline": False})


def test_a_desk_that_takes_no_replies_says_that_nothing_was_done(session: Session, capsys: Told) -> None:
    ref = sent(session, "almacen", "Grúa")
    code, said, _ = ask(capsys, "reply", ref.id, "--text", "hola")
    assert (code, said["error"]["code"]) == (4, "refused")
    assert said["error"]["advice"].startswith("Nothing was done.")


def test_checking_a_desk_ends_as_what_failed_behind_the_way(
    read_back: Session, rt: RtServer, capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check() -> tuple[int, str]:
        capsys.readouterr()
        code = command(["desk", "check", "mesa", "--json"])
        said = json.loads(capsys.readouterr().out)
        assert said["ok"] is (code == 0)
        return code, said["steps"][-1]["id"]

    assert check() == (0, "login")
    monkeypatch.setenv("TESTIGO_SECRET_MESA", "1-27-0000")
    assert check() == (4, "login")
    monkeypatch.setenv("TESTIGO_SECRET_MESA", rt.tokens["ana"])
    read_back.change({"desks.mesa.queue": "Nada"})
    assert check() == (3, "settings")
    monkeypatch.delenv("TESTIGO_SECRET_MESA")
    before = keyring.get_keyring()
    keyring.set_keyring(NoKeyring())
    try:
        assert check()[0] == 6
    finally:
        keyring.set_keyring(before)
    read_back.change({"desks.mesa.url": "http://127.0.0.1:9"})
    assert check() == (4, "connection"), "a check is not made again by itself"


def test_desks_that_are_not_there_are_told_wherever_they_are_named(session: Session, capsys: Told) -> None:
    def code(*words: str) -> int:
        return command([*words, "--json"])

    assert code("articles", "grúa", "--desk", "nope") == 3
    assert code("articles", "grúa", "--desk", "almacen") == 0
    assert code("settings", "set", "report.rules", "claim=nope") == 3
    assert code("settings", "set", "report.rules", "claim=oficina-central; low=folder") == 0
    policy = session.paths.config / "rules.toml"
    policy.write_text('[report]\nrules = "claim=nope"\n', "utf-8")
    capsys.readouterr()
    assert code("policy", "check", str(policy)) == 3
    assert "nope" in capsys.readouterr().out
    policy.write_text('[report]\nrules = "claim=nope"\n[desks.nope]\nkind = "folder"\npath = "/x"\n', "utf-8")
    assert code("policy", "check", str(policy)) == 0
    session.change({"report.rules": "claim=nope"})
    assert code("report", "--summary", "x", "--kind", "claim") == 3
    assert code("report", "--summary", "x", "--kind", "incident") == 0


def test_not_now_is_asked_once_more_after_a_day_and_then_never(session: Session) -> None:
    ref = sent(session, "almacen", "Grúa")
    mine = session.tickets.find(ref.id)
    session.tickets._keep("almacen", replace(mine.ticket, state="solved"))
    assert session.tickets.to_rate() is not None
    session.tickets.do_not_ask(mine, time.time())
    assert session.tickets.find(ref.id, "almacen").asked
    assert session.tickets.to_rate() is None
    other = sent(session, "oficina-central", "Cafetera")
    mine = session.tickets.find(other.id, "oficina-central")
    session.tickets._keep("oficina-central", replace(mine.ticket, state="solved"))
    session.tickets.do_not_ask(mine, time.time() - 90_000)
    assert session.tickets.to_rate() is not None, "a day has gone by"
    session.tickets.do_not_ask(mine, time.time() - 90_000)
    assert session.tickets.find(other.id, "oficina-central").asked
    assert session.tickets.to_rate() is None


def test_a_desk_that_needs_the_mail_address_of_the_user_says_so_before_a_report_fails(
    session: Session, capsys: Told
) -> None:
    def check() -> tuple[int, str]:
        capsys.readouterr()
        code = command(["desk", "check", "web", "--json"])
        return code, json.loads(capsys.readouterr().out)["detail"]

    server = ZendeskServer()
    try:
        session.change({"desks.web.kind": "zendesk", "desks.web.url": server.url, "desks.web.mode": "anonymous"})
        code, why = check()
        assert (code, "“Your e-mail” is missing" in why) == (3, True), why
        session.change({"general.mail": "ana@example.test"})
        assert check()[0] == 0
    finally:
        server.stop()


def test_who_needs_the_mail_address_of_the_user_tells() -> None:
    url, own, other = "https://desk.example.org", Secret("1-27-abc"), Secret("abc")
    assert [Zendesk(url=url, mode=mode).asks() for mode in ("anonymous", "relay")] == [("mail",)] * 2
    assert [Salesforce(url=url, mode=mode).asks() for mode in ("web", "account")] == [("mail",), ()]
    assert [RequestTracker(url=url, token=token).asks() for token in (own, other)] == [(), ("mail",)]
    assert RequestTracker(url=url, token=other, user="ana").asks() == ()


def test_what_others_wrote_cannot_play_with_the_terminal(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(UTC)
    evil = "Hola\x1b]0;pwned\x07\x1b[2J\u202egnp.exe\r\x9b31m"
    session.tickets._keep("almacen", OwnTicket("9", "9", "", evil, "open", "", "", now, now), (
        Reply("1", evil, False, now, f"uno\n{evil}", (RemoteFile("f", evil),)),
    ))  # fmt: skip
    for words in (["tickets", "list", "--offline"], ["tickets", "show", "9", "--offline"]):
        assert command(words) == 0
        said = capsys.readouterr().out
        assert "Hola" in said
        assert not set(said) & set("\x1b\x07\u202e\r\x9b")


@given(st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=20), max_size=3))
def test_a_field_of_a_desk_is_remembered_whatever_its_name_and_value_hold(fields: dict[str, str]) -> None:
    plain = {" ".join(name.split()): " ".join(value.split()) for name, value in fields.items()}
    wanted = {
        name: value for name, value in plain.items() if name and not name.endswith("\\") and not value.endswith("\\")
    }
    text = "; ".join(f"{escaped(name)}={escaped(value)}" for name, value in wanted.items())
    assert pairs(text, "fields") == wanted
