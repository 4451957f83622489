"""An address that is typed to find a desk: with a scheme and without, with nobody there, with somebody silent."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from client.setup import Search
from tests.servers.certificate import self_signed
from tests.servers.cloud import Asked, Cloud, Told
from uploader.seen import Seen
from uploader.wire import Wire

FORM = b"<form method=post action=/x><input name=asunto><textarea name=detalle></textarea></form>"


class Page(Cloud):
    """A page with a form, and nothing else that we know."""

    def answer(self, asked: Asked) -> Told:
        return Told(200 if asked.path in ("/", "/ayuda") else 404, FORM if asked.path in ("/", "/ayuda") else b"")


@pytest.fixture
def page() -> Iterator[Page]:
    page = Page()
    yield page
    page.stop()


class Silent:
    """Takes connections and says nothing, or, with a certificate, says who it is."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.line = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.line.getsockname()[1]}"
        self.begun, self._certificate, self._open = list[bytes](), certificate, list[socket.socket]()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                came, _ = self.line.accept()
                self._open.append(came)
                self.begun.append(came.recv(1, socket.MSG_PEEK))
                if self._certificate:
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                    context.load_cert_chain(self._certificate)
                    with suppress(OSError), context.wrap_socket(came, server_side=True):
                        pass

    def close(self) -> None:
        for line in (self.line, *self._open):
            line.close()


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("uploader.seen.PATIENCE_S", "client.setup.PATIENCE_S"):
        monkeypatch.setattr(place, 0.5)


def test_a_server_without_encryption_is_found_by_its_port_alone_and_asked_once_by_https(page: Page) -> None:
    begun = time.monotonic()
    found = Search(page.url.removeprefix("http://")).run()
    assert (found.kind, found.values["url"]) == ("webform", page.url)
    assert time.monotonic() - begun < 10
    for asked in page.asked:
        assert not {"authorization", "cookie"} & asked.headers.keys()


def test_with_https_typed_nothing_is_asked_in_the_clear(page: Page) -> None:
    found = Search(page.url.replace("http:", "https:")).run()
    assert found.kind == ""
    assert page.asked == []
    assert f"Tried: {page.url.replace('http:', 'https:')}" in found.trouble


def test_somebody_who_is_silent_is_given_up_after_one_try_each_way() -> None:
    with closing(Silent()) as server:
        begun = time.monotonic()
        found = Search(server.address).run()
        assert time.monotonic() - begun < 5
        assert found.kind == ""
        assert f"Tried: https://{server.address}, http://{server.address}" in found.trouble
        assert server.begun == [b"\x16", b"G"]  # a handshake, then a request


def test_whom_this_computer_does_not_trust_is_asked_nothing_in_the_clear(tmp_path: Path) -> None:
    with closing(Silent(self_signed(tmp_path))) as server:
        found = Search(server.address).run()
        assert "not trust" in found.trouble
        assert set(server.begun) <= {b"\x16", b""}  # handshakes, and a look whether somebody answers


def test_nobody_there_is_told_with_what_was_tried() -> None:
    with socket.create_server(("127.0.0.1", 0)) as line:
        address = f"127.0.0.1:{line.getsockname()[1]}"
    found = Search(address).run()
    assert "does not answer" in found.trouble
    assert f"http://{address}" in found.trouble


def test_a_name_that_nobody_knows_is_no_address() -> None:
    found = Search("mesa.no-existe.invalid").run()
    assert found.no_way
    assert found.trouble == "mesa.no-existe.invalid cannot be found; check the address and the network."


def test_the_whole_search_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("client.setup.MOST_S", 1.5)

    class Slow(Page):
        def answer(self, asked: Asked) -> Told:
            threading.Event().wait(0.3)
            return Told(404)

    server = Slow()
    begun = time.monotonic()
    found = Search(server.url).run()
    assert time.monotonic() - begun < 4
    assert "too slowly" in found.trouble
    server.stop()


@pytest.mark.parametrize("typed", ["http://127.0.0.1:{port}/ayuda?paso=1#arriba", "127.0.0.1:{port}/ayuda?paso=1"])
def test_a_page_with_a_query_stays_what_it_is_for_a_form(page: Page, typed: str) -> None:
    found = Search(typed.replace("{port}", page.url.rpartition(":")[2])).run()
    assert found.values == {"url": f"{page.url}/ayuda?paso=1"}


@pytest.mark.parametrize(
    ("typed", "base"),
    [
        ("/rt/Ticket/Display.html?id=7", "/rt"),
        ("/Ticket/Display.html?id=7#txn-9", ""),
        ("/tickets-of-ana/Ticket/", "/tickets-of-ana"),
        ("/mesa", "/mesa"),
    ],
)
def test_what_stands_before_a_page_that_a_kind_of_desk_has_is_its_address(page: Page, typed: str, base: str) -> None:
    with Wire() as wire:
        assert Seen(wire, page.url + typed).cut("/Ticket/", "/tickets").url == page.url + base
