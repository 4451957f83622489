"""``share login`` of a service with a browser: what is asked, what is kept, and that it works afterwards."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest

from client.cli import places
from client.session import Session
from tests.client.keychain import FileKeychain
from tests.servers.gdrive import DriveServer
from tests.servers.oauth import Browser
from tests.servers.zendesk import ZendeskServer
from uploader.desks.zendesk import Zendesk
from uploader.errors import UploaderError
from uploader.setting import Secret
from uploader.shares.gdrive import GoogleDrive


class Terminal:
    def isatty(self) -> bool:
        return True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[DriveServer]:
    server = DriveServer()
    places_of = {"api": "", "authorize_url": "/authorize", "token_url": "/token"}
    for name, path in places_of.items():
        monkeypatch.setitem(GoogleDrive.__init__.__kwdefaults__, name, server.url + path)
    yield server
    server.stop()


@pytest.fixture
def keychain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileKeychain]:
    monkeypatch.setenv("TESTIGO_TEST_KEYCHAIN", str(tmp_path / "keychain.json"))
    before, keychain = keyring.get_keyring(), FileKeychain()
    keyring.set_keyring(keychain)
    yield keychain
    keyring.set_keyring(before)


def test_the_apps_secret_is_asked_for_once_and_the_browser_gives_the_rest(
    session: Session, server: DriveServer, keychain: FileKeychain, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda prompt: asked.append(prompt) or "not-secret")
    monkeypatch.setattr(places, "_show", Browser().open)
    session.change({"shares.drive.kind": "gdrive", "shares.drive.client_id": "client-1", "report.share": "drive"})
    for _ in range(2):
        arguments = argparse.Namespace(what="login", name="drive", json=True)
        places.credentials(arguments, session, session.places.share("drive"), "share")
    assert asked == ["Client secret: "]
    assert keychain.kept().keys() == {"drive", "drive.refresh_token"}
    session.places.check("share", "drive")
    assert server.provider.refreshed


def test_a_desk_with_a_browser_lets_people_in_the_same_way(
    session: Session, keychain: FileKeychain, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ZendeskServer()
    monkeypatch.setitem(Zendesk.__init__.__kwdefaults__, "port", 0)
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(places, "_show", Browser().open)
    session.change({"desks.mesa.kind": "zendesk", "desks.mesa.url": server.url, "desks.mesa.client_id": "client-1"})
    assert session.places.signs_in("desk", "mesa")
    arguments = argparse.Namespace(what="login", name="mesa", json=True)
    places.credentials(arguments, session, session.places.desk("mesa"), "desk")
    assert keychain.kept().keys() == {"mesa"}
    session.places.check("desk", "mesa")
    session.change({"desks.mesa.mode": "relay"})
    assert not session.places.signs_in("desk", "mesa")
    server.stop()


def test_sign_ins_that_rotate_are_renewed_by_one_after_the_other(
    session: Session, keychain: FileKeychain, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ZendeskServer()
    server.provider.rotates = True
    session.change({"desks.mesa.kind": "zendesk", "desks.mesa.url": server.url, "desks.mesa.client_id": "client-1"})
    session.places.login("mesa", Secret(server.provider.sign_in()))
    failed, meet = list[Exception](), threading.Barrier(3, timeout=60)

    def look() -> None:
        for _ in range(4):
            meet.wait()
            try:
                session.tickets.look("mesa")
            except UploaderError as error:
                failed.append(error)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server.stop()
    assert failed == []
    assert server.provider.refreshed >= 12
