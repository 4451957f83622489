"""A keychain that is locked, broken or absent: what needs it says so and waits, what needs none goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring

from client.cli import run as command
from client.paths import open_paths
from client.polling import Polling
from client.secrets import KeychainAbsent, KeychainShut
from client.session import Session
from client.words import explain, reason
from tests.client.keychain import ShutKeychain
from tests.servers.rt import RtServer

Told = pytest.CaptureFixture[str]


@pytest.fixture
def chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Chooses the keychain."""
    monkeypatch.setenv("TESTIGO_TEST_KEYCHAIN", str(tmp_path / "keychain.json"))
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


@pytest.fixture
def locked(chosen: Any) -> ShutKeychain:
    chosen(found := ShutKeychain())
    return found


@pytest.fixture
def session(rt: RtServer, tmp_path: Path) -> Session:
    paths = open_paths(None, None)
    settings = f'[general]\nmail = "ana@example.test"\n[desks.helpdesk]\nkind = "rt"\nurl = "{rt.url}"\nuser = "ana"\n'
    settings += '[shares.cloud]\nkind = "s3"\nbucket = "b"\nurl = "http://127.0.0.1:9"\naccess_key = "a"\n'
    paths.settings_file.write_text(settings, "utf-8")
    (tmp_path / "keychain.json").write_text(json.dumps({"helpdesk": rt.tokens["ana"]}), "utf-8")
    return Session(paths)


def ask(told: Told, *words: str) -> tuple[int, Any]:
    told.readouterr()
    code = command([*words, "--json"])
    return code, json.loads(told.readouterr().out)


def test_a_report_waits_for_a_locked_keychain_and_goes_once_it_is_open(session: Session, locked: ShutKeychain) -> None:
    report_id = session.submit(session.new_draft(summary="No imprime"))
    waits = session.send_now(report_id)
    assert waits.state == "queued", "it is tried again by itself"
    assert waits.not_before is not None
    assert waits.last_error is not None
    assert "the keychain “Wallet” is locked; unlock it" in waits.last_error.detail
    assert "keychain" in explain(waits.last_error.code)[1]
    locked.failing = None
    assert session.send_now(report_id).state == "sent"


def test_what_was_seen_is_shown_while_the_keychain_is_locked(
    session: Session, locked: ShutKeychain, capsys: Told
) -> None:
    locked.failing = None
    ticket = session.send_now(session.submit(session.new_draft(summary="No imprime"))).ticket
    assert ticket is not None
    session.tickets.look("helpdesk")
    locked.failing = RuntimeError("the bus is gone")
    code, said = ask(capsys, "tickets", "show", ticket.id)
    assert (code, said["offline"], said["ticket"]["subject"]) == (0, True, "No imprime")
    code, said = ask(capsys, "tickets", "solve", ticket.id)
    assert (code, said["error"]["code"]) == (6, "keychain")
    assert said["error"]["detail"] == "the keychain “Wallet” cannot be read: the bus is gone"
    assert said["error"]["advice"].startswith("Nothing was done.")
    polling = Polling(session.tickets, session.places.desk_names)
    assert polling._look("helpdesk") == (None, 0.0), "it asks again soon"
    assert "Wallet" in reason(polling.faults["helpdesk"])


@pytest.mark.parametrize("keychain", [ShutKeychain, NoKeyring])
def test_checking_says_what_the_keychain_lacks(
    session: Session, chosen: Any, keychain: type[KeyringBackend], capsys: Told
) -> None:
    chosen(keychain())
    says = "the keychain “Wallet” is locked" if keychain is ShutKeychain else "no keychain is open here"
    for place in ("desk", "share"):
        with pytest.raises(KeychainShut, match=says):
            session.places.check(place)
    assert says in json.dumps(ask(capsys, "desk", "check", "helpdesk")[1], ensure_ascii=False)
    code, said = ask(capsys, "doctor")
    assert code == 0
    found = {check["id"]: check for check in said["checks"]}
    assert says in found["desk"]["detail"]
    assert found["keychain"]["status"] != "ok"
    if keychain is ShutKeychain:
        assert says in found["keychain"]["detail"]


def test_without_a_keychain_a_report_says_so_and_what_needs_none_goes_on(
    session: Session, chosen: Any, rt: RtServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen(NoKeyring())
    waits = session.send_now(session.submit(session.new_draft(summary="No imprime")))
    assert waits.last_error is not None
    assert waits.last_error.detail.startswith("no keychain is open here")
    assert session.send_now(session.submit(session.new_draft(summary="Carpeta", desk="folder"))).state == "sent"
    monkeypatch.setenv("TESTIGO_SECRET_HELPDESK", rt.tokens["ana"])
    session.places.check("desk")
    monkeypatch.delenv("TESTIGO_SECRET_HELPDESK")
    with pytest.raises(KeychainAbsent):
        session.tickets.look("helpdesk")
