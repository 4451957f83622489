"""Shares whose secret is optional, where the keychain gives none: what needs it says why, what needs none works."""

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
from client.secrets import KeychainShut
from client.session import Session
from tests.client.keychain import FileKeychain, ShutKeychain
from tests.servers.sshd import SftpServer
from tests.servers.webdav import WebdavServer

SAYS = {ShutKeychain: "the keychain “Wallet” is locked", NoKeyring: "no keychain is open here"}


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setenv("TESTIGO_TEST_KEYCHAIN", str(tmp_path / "keychain.json"))
    before = keyring.get_keyring()
    paths = open_paths(None, None)
    (tmp_path / "desk").mkdir()
    desk = f'[general]\nname = "Ana"\n[desks.mesa]\nkind = "folder"\npath = "{tmp_path / "desk"}"\n'
    paths.settings_file.write_text(desk, "utf-8")
    yield Session(paths)
    keyring.set_keyring(before)


def share_json(told: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    told.readouterr()
    code = command(["share", *words, "--json"])
    return code, json.loads(told.readouterr().out)


@pytest.mark.parametrize("keychain", [ShutKeychain, NoKeyring])
def test_a_share_that_refuses_says_that_the_keychain_gives_no_secret(
    session: Session,
    keychain: type[KeyringBackend],
    wsgidav: WebdavServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    session.change({"shares.dav.kind": "webdav", "shares.dav.url": wsgidav.url, "shares.dav.user": wsgidav.user,
                    "shares.dav.link_url": wsgidav.link_url})  # fmt: skip
    (tmp_path / "keychain.json").write_text(json.dumps({"dav": wsgidav.password}), "utf-8")
    keyring.set_keyring(FileKeychain())
    film = tmp_path / "film.mp4"
    film.write_bytes(bytes(25_000_001))
    _, shared = share_json(capsys, str(film))
    keyring.set_keyring(keychain())
    says = SAYS[keychain]
    with pytest.raises(KeychainShut, match=says):
        session.places.check("share", "dav")
    for words in ((str(film),), ("revoke", shared["url"]), ("check", "dav")):
        code, said = share_json(capsys, *words)
        assert code == 6, words
        assert says in json.dumps(said, ensure_ascii=False), words
    draft = session.new_draft(summary="No carga", desk="mesa")
    draft.add_file(film)
    report_id = session.submit(draft)
    waits = session.send_now(report_id)
    assert waits.state == "queued", "it is tried again by itself"
    assert waits.last_error is not None
    assert waits.last_error.detail.startswith(says)
    keyring.set_keyring(FileKeychain())
    assert session.send_now(report_id).state == "sent"
    session.shared.revoke(shared["url"])


@pytest.mark.parametrize("keychain", [ShutKeychain, NoKeyring])
def test_a_share_that_never_had_a_secret_needs_no_keychain(
    session: Session,
    keychain: type[KeyringBackend],
    sshd: SftpServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    values = {"kind": "sftp", "host": sshd.host, "port": sshd.port, "user": sshd.user, "folder": tmp_path.name,
              "key_file": str(sshd.user_key), "host_key": sshd.known_hosts.read_text("ascii").strip()}  # fmt: skip
    session.change({f"shares.box.{name}": value for name, value in values.items()})
    keyring.set_keyring(keychain())
    note = tmp_path / "nota.txt"
    note.write_bytes(b"hola")
    code, said = share_json(capsys, str(note))
    assert code == 0, said
    (held,) = (sshd.files / tmp_path.name).rglob("nota.txt")
    assert held.read_bytes() == b"hola"
