"""A mail address that is typed to connect a desk: what is proposed for it can be built and signed in to."""

from __future__ import annotations

import pytest

from client.setup import Search
from uploader.desks.email import MailDesk
from uploader.seen import Seen
from uploader.setting import build
from uploader.wire import Wire


def proposed(address: str) -> dict[str, object]:
    with Wire() as wire:
        found = MailDesk.recognise(Seen(wire, address))
    assert found is not None
    return dict(found)


@pytest.mark.parametrize(
    ("address", "mode", "login"),
    [
        ("soporte@gmail.com", "google", "https://accounts.google.com/"),
        ("soporte@outlook.com", "microsoft", "https://login.microsoftonline.com/consumers/"),
        ("Soporte@Hotmail.com", "microsoft", "https://login.microsoftonline.com/consumers/"),
        ("soporte@office365.com", "microsoft", "https://login.microsoftonline.com/organizations/"),
        ("soporte@contoso.onmicrosoft.com", "microsoft", "https://login.microsoftonline.com/organizations/"),
    ],
)
def test_what_is_proposed_for_a_large_provider_is_a_desk_that_signs_in_by_browser(
    address: str, mode: str, login: str
) -> None:
    desk = build(MailDesk, proposed(address))
    assert (desk.address, desk.mode) == (address, mode)
    assert desk.client().authorize_url.startswith(login)


def test_for_a_server_of_ones_own_that_nobody_finds_only_the_servers_name_is_missing() -> None:
    found = proposed("soporte@mesa.invalid")  # a name that never exists. Source: RFC 2606
    assert found == {"address": "soporte@mesa.invalid"}
    desk = build(MailDesk, found | {"server": "correo.mesa.invalid:587"})
    assert desk.mode == "password"


@pytest.mark.parametrize(("written", "read"), [("Google", "google"), ("Microsoft", "microsoft")])
def test_the_spelling_of_older_settings_is_still_read(written: str, read: str) -> None:
    assert build(MailDesk, proposed("soporte@gmail.com") | {"mode": written}).mode == read


def test_what_a_search_proposes_can_be_tried_at_once() -> None:
    found = Search("soporte@gmail.com").run()
    desk = build(MailDesk, found.values)
    assert found.kind == "email"
    assert desk.server == "smtp.gmail.com:587"
