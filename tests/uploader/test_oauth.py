"""Signing in by browser, against a strict provider."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.servers.asking import ask
from tests.servers.fault_proxy import LOGIN_PAGE, Answer, Fault, FaultProxy
from tests.servers.oauth import Browser, OAuthServer, Provider
from uploader.errors import AuthFailed, OutcomeUnknown, Refused, Temporary
from uploader.oauth import Account, Client, Login, sign_in
from uploader.setting import Secret
from uploader.wire import Wire

SCOPE = "https://example.org/auth/files.write profile"


@pytest.fixture
def server() -> Iterator[OAuthServer]:
    server = OAuthServer(Provider(SCOPE))
    yield server
    server.stop()


def client_of(url: str) -> Client:
    return Client("Example", f"{url}/authorize", f"{url}/token", "client-1", SCOPE, extra={"access_type": "offline"})


@pytest.fixture
def client(server: OAuthServer) -> Client:
    return client_of(server.url)


def test_the_user_agrees_and_the_token_is_one_that_the_provider_knows(server: OAuthServer, client: Client) -> None:
    browser = Browser()
    token = sign_in(client, browser.open)
    assert server.provider.refresh == {token}
    assert "close this window" in browser.pages[0]
    assert token not in browser.pages[0]


@pytest.mark.parametrize(("languages", "words"), [
    ("es-AR,es;q=0.9,en;q=0.8", "Puedes cerrar esta ventana"), ("de,en;q=0.5,es;q=0.2", "You can close"),
    ("de", "You can close"), ("", "You can close"),
])  # fmt: skip
def test_the_last_page_speaks_the_browsers_language(client: Client, languages: str, words: str) -> None:
    browser = Browser(languages)
    sign_in(client, browser.open)
    assert words in browser.pages[0]


def test_a_user_who_declines_is_told_so(server: OAuthServer, client: Client) -> None:
    server.provider.declines = True
    browser = Browser()
    with pytest.raises(Refused, match="access_denied"):
        sign_in(client, browser.open)
    assert "not signed in" in browser.pages[0]


def test_a_right_that_the_user_unticked_is_named(server: OAuthServer, client: Client) -> None:
    server.provider.grants = "profile"
    with pytest.raises(Refused, match=r"files\.write"):
        sign_in(client, Browser().open)


def test_access_for_once_is_not_enough(client: Client) -> None:
    with pytest.raises(Refused, match="offline access"):
        sign_in(replace(client, extra={}), Browser().open)


def test_an_app_that_the_provider_does_not_know_is_named_as_the_cause(server: OAuthServer, client: Client) -> None:
    server.provider.client_secret = "another"
    with pytest.raises(Refused, match="client ID and secret"):
        sign_in(client, Browser().open)
    with pytest.raises(Refused, match="client ID"):
        sign_in(replace(client, id=""), Browser().open)


def test_nobody_signs_in_for_ever(client: Client) -> None:
    with pytest.raises(Refused, match="in time"):
        sign_in(client, lambda url: None, patience_s=0.05)


def visit(target: str, then: Callable[[], None]) -> None:
    """Goes to the door itself, as a page or program that guesses would, and afterwards does what the user does."""
    assert ask("GET", target).status == 404
    then()


@pytest.mark.parametrize("answer", [
    "/?code=stolen&state=wrong", "/?code=stolen", "/favicon.ico", "/", "/x?code=stolen&state={state}",
    "/?state={state}", "/?error=access_denied",
])  # fmt: skip
def test_an_answer_that_does_not_know_the_state_counts_for_nothing(client: Client, answer: str) -> None:
    browser = Browser()

    def guess(url: str) -> None:
        asked = parse_qs(urlsplit(url).query)
        visit(asked["redirect_uri"][0] + answer.format(state=asked["state"][0]), lambda: browser.open(url))

    assert sign_in(client, guess)


def test_a_connection_that_says_nothing_keeps_nobody_waiting(client: Client) -> None:
    lines: list[socket.socket] = []

    def open_two(url: str) -> None:
        port = urlsplit(parse_qs(urlsplit(url).query)["redirect_uri"][0]).port
        lines.append(socket.create_connection(("127.0.0.1", port or 0)))
        Browser().open(url)

    assert sign_in(client, open_two)
    lines[0].close()


def test_the_door_is_on_loopback_and_closed_afterwards(client: Client) -> None:
    doors: list[str] = []

    def note(url: str) -> None:
        doors.append(parse_qs(urlsplit(url).query)["redirect_uri"][0])
        Browser().open(url)

    sign_in(client, note)
    sign_in(client, note)
    assert all(urlsplit(door).hostname == "127.0.0.1" for door in doors)
    for door in doors:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", urlsplit(door).port or 0))


def test_a_port_that_is_taken_is_named(client: Client) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Refused, match=str(port)):
            sign_in(replace(client, port=port), Browser().open)


def test_state_and_challenge_are_never_the_same(server: OAuthServer, client: Client) -> None:
    for _ in range(2):
        sign_in(client, Browser().open)
    one, other = (asked.query for asked in server.asked if asked.path == "/authorize")
    assert one["state"] != other["state"]
    assert one["code_challenge"] != other["code_challenge"]


def test_no_token_and_no_code_is_logged(
    server: OAuthServer, client: Client, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        token = sign_in(client, Browser().open)
    code = next(asked.form["code"] for asked in server.asked if asked.path == "/token")
    said = "".join(record.getMessage() for record in caplog.records) + "".join(capfd.readouterr())
    assert token not in said
    assert code not in said


@pytest.fixture
def wire() -> Iterator[Wire]:
    with Wire() as wire:
        yield wire


def test_access_is_renewed_when_it_is_due_and_not_before(server: OAuthServer, client: Client, wire: Wire) -> None:
    login = Login(client, Secret(server.provider.sign_in()))
    assert login.token(wire) == login.token(wire)
    assert server.provider.refreshed == 1
    login.forget()
    assert login.token(wire) in server.provider.access
    assert server.provider.refreshed == 2
    server.provider.lasts_s = 30
    login.forget()
    assert login.token(wire) != login.token(wire)


def test_a_rotated_refresh_token_is_kept_at_once_and_used_from_then_on(
    server: OAuthServer, client: Client, wire: Wire
) -> None:
    kept: list[Secret] = []
    server.provider.rotates = True
    login = Login(client, Secret(server.provider.sign_in(), kept.append))
    for number in range(1, 4):
        login.forget()
        login.token(wire)
        assert len(kept) == number
        assert server.provider.refresh == {kept[-1].reveal()}


def test_several_threads_renew_once(server: OAuthServer, client: Client, wire: Wire) -> None:
    server.provider.rotates = True
    login = Login(client, Secret(server.provider.sign_in()))
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(login.token(wire))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def test_a_sign_in_that_was_revoked_says_what_to_do(server: OAuthServer, client: Client, wire: Wire) -> None:
    login = Login(client, Secret(server.provider.sign_in()))
    login.token(wire)
    server.provider.revoke_all()
    login.forget()
    with pytest.raises(AuthFailed, match="sign in again") as failed:
        login.token(wire)
    assert "Example" in str(failed.value)
    with pytest.raises(AuthFailed, match="nobody has signed in"):
        Login(client, Secret("")).token(wire)


@pytest.mark.parametrize(("fault", "error"), [
    (Fault(answer=LOGIN_PAGE), Temporary), (Fault(answer=Answer(503)), Temporary),
    (Fault(answer=Answer(200, {}, b'["access_token"]')), Temporary), (Fault(drop_reply=True), OutcomeUnknown),
    (Fault(answer=Answer(400, {}, b'{"error": "invalid_scope"}')), Refused), (Fault(answer=Answer(400)), Refused),
])  # fmt: skip
def test_a_bad_line_does_not_end_a_sign_in(
    server: OAuthServer, fault_proxy: Callable[[str], FaultProxy], wire: Wire, fault: Fault, error: type[Exception]
) -> None:
    proxy = fault_proxy(server.url)
    login = Login(client_of(proxy.url), Secret(server.provider.sign_in()))
    proxy.next(fault)
    with pytest.raises(error) as raised:
        login.token(wire)
    assert not isinstance(raised.value, AuthFailed)
    assert login.token(wire)


def test_a_call_carries_the_token_in_its_header_alone(server: OAuthServer, client: Client, wire: Wire) -> None:
    account = Account(wire, Login(client, Secret(server.provider.sign_in())))
    account.ask("POST", client.token_url.replace("/token", "/files"), content={"a": "ñ"})
    asked = server.asked[-1]
    assert server.provider.admits(asked)
    assert asked.headers["authorization"].partition(" ")[2] not in asked.path + str(asked.query) + str(asked.body)
