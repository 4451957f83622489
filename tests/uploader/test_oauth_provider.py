"""Signing in at a provider that is not of our making."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.servers.fixtures import lend
from tests.servers.oidc import OidcProvider, Person, start_oidc
from uploader.errors import AuthFailed, Refused, UploaderError
from uploader.oauth import Client, Login, sign_in
from uploader.setting import Secret
from uploader.wire import Wire


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    yield from lend(start_oidc, tmp_path_factory)


def client(provider: OidcProvider, **changes: str) -> Client:
    values = {"service": "The provider", "authorize_url": f"{provider.url}/auth", "token_url": f"{provider.url}/token",
              "id": "client-1", "scope": "openid offline_access"} | changes  # fmt: skip
    return Client(**values, extra={"prompt": "consent"})  # type: ignore[arg-type]


def test_a_person_who_agrees_is_signed_in_and_the_token_is_turned_over_at_each_use(provider: OidcProvider) -> None:
    person = Person()
    first = sign_in(client(provider), person.open, patience_s=60)
    kept: list[str] = []
    login = Login(client(provider), Secret(first, lambda new: kept.append(new.reveal())))
    with Wire() as wire:
        token = login.token(wire)
        assert login.token(wire) != ""
        login.forget()
        threading.Event().wait(1)
        assert login.token(wire) != token
        assert len(kept) >= 1
        assert first not in kept
        with pytest.raises(AuthFailed):  # an old one that is used again ends the whole sign-in
            Login(client(provider), Secret(first)).token(wire)
    assert any("code_challenge" in url or "interaction" in url for url in person.seen)


def test_a_person_who_turns_away_is_told_so(provider: OidcProvider) -> None:
    with pytest.raises(Refused, match="did not let you in"):
        sign_in(client(provider), Person(agrees=False).open, patience_s=60)


def test_a_client_that_the_provider_does_not_know_is_refused(provider: OidcProvider) -> None:
    def open_quietly(url: str) -> None:
        import contextlib
        import urllib.request

        with contextlib.suppress(OSError):
            urllib.request.urlopen(url, timeout=10).read()

    with pytest.raises(UploaderError):
        sign_in(client(provider, id="nobody"), open_quietly, patience_s=2)
