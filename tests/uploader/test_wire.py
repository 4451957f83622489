"""The wire against a server that does what a test says: redirects, lies, silence, and addresses that are forbidden."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.servers.certificate import self_signed
from tests.servers.fault_proxy import Answer, Fault, FaultProxy
from uploader.errors import (
    AuthFailed,
    Barred,
    Gone,
    Intercepted,
    NoSpace,
    OutcomeUnknown,
    Refused,
    Temporary,
    TooLarge,
    Unreachable,
    UploaderError,
)
from uploader.proxy import place_of, proxy_for, use_pac
from uploader.wire import Wire


class Site:
    """Answers by path; ``seen`` has what came: method, path, headers in lower case, body."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                site.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                reply = site.answers.get(self.path, Answer(404))
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply.body)

            do_GET = do_PUT = do_POST = do_HEAD = answer

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def sites() -> Iterator[Callable[[], Site]]:
    made: list[Site] = []

    def make() -> Site:
        made.append(Site())
        return made[-1]

    yield make
    for site in made:
        site.server.shutdown()
        site.server.server_close()


@pytest.fixture
def site(sites: Callable[[], Site]) -> Site:
    return sites()


@pytest.fixture
def wire() -> Iterator[Wire]:
    with Wire() as wire:
        yield wire


@pytest.mark.parametrize(("status", "error"), [
    (401, AuthFailed), (403, Refused), (404, Gone), (410, Gone), (413, TooLarge), (400, Refused), (507, NoSpace),
    (408, Temporary), (423, Temporary), (425, Temporary), (429, Temporary), (500, Temporary), (502, Temporary),
    (503, Temporary), (504, Temporary), (501, Refused), (302, Refused), (407, Barred),
])  # fmt: skip
def test_every_status_says_what_to_do_now(site: Site, wire: Wire, status: int, error: type[UploaderError]) -> None:
    site.answers["/x"] = Answer(status)
    with pytest.raises(UploaderError) as raised:
        wire.call("GET", f"{site.url}/x")
    assert type(raised.value) is error


@pytest.mark.parametrize(("value", "wait"), [
    ("7", 7), ("999999999999", 86400), ("Sun, 22 Nov 2026 10:00:30 GMT", 30), ("soon", None), ("", None),
    ("Sun, 22 Nov 2020 10:00:00 GMT", None), ("0", None),
])  # fmt: skip
def test_the_wait_that_a_service_asks_for_is_understood(value: str, wait: float | None, site: Site) -> None:
    from uploader.wire import Reply, wanted_wait_s

    headers = {"retry-after": value, "date": "Sun, 22 Nov 2026 10:00:00 GMT"}
    assert wanted_wait_s(Reply(429, headers, b"", "http://x")) == wait


def test_a_redirect_to_another_host_gets_no_credentials(sites: Callable[[], Site], wire: Wire) -> None:
    first, second = sites(), sites()
    first.answers["/x"] = Answer(302, {"Location": f"{second.url}/y"})
    second.answers["/y"] = Answer(200, body=b"there")
    headers = {"Authorization": "Bearer secret", "Cookie": "a=b", "X-Api-Key": "k", "Accept": "text/plain"}
    assert wire.call("GET", f"{first.url}/x", headers=headers, follow=2).body == b"there"
    came = second.seen[0][2]
    assert not {"authorization", "cookie", "x-api-key"} & set(came)
    assert came["accept"] == "text/plain"


def test_redirects_are_not_followed_for_ever(site: Site, wire: Wire) -> None:
    site.answers["/x"] = Answer(302, {"Location": "/x"})
    with pytest.raises(Refused):
        wire.call("GET", f"{site.url}/x", follow=4)
    assert len(site.seen) == 5


@pytest.mark.parametrize("target", ["file:///etc/passwd", "javascript:alert(1)", "ftp://127.0.0.1/x", "//", "http://"])
def test_a_redirect_leads_nowhere_but_to_the_web(site: Site, wire: Wire, target: str) -> None:
    site.answers["/x"] = Answer(302, {"Location": target})
    with pytest.raises(UploaderError):
        wire.call("GET", f"{site.url}/x", follow=2)


def test_a_post_that_is_redirected_does_not_send_its_body_again(site: Site, wire: Wire) -> None:
    site.answers["/x"] = Answer(303, {"Location": "/y"})
    site.answers["/y"] = Answer(200)
    wire.call("POST", f"{site.url}/x", body=b"content", follow=1)
    assert [(method, body) for method, _, _, body in site.seen] == [("POST", b"content"), ("GET", b"")]


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost"])
def test_private_addresses_are_refused_where_they_are_forbidden_also_by_name(site: Site, address: str) -> None:
    with Wire(private=False) as wire, pytest.raises(Refused, match="private network"):
        wire.call("GET", site.url.replace("127.0.0.1", address) + "/x")
    assert not site.seen


@pytest.mark.parametrize("bad", ["a\r\nX-Evil: 1", "a\nb", "a\0b"])
def test_no_value_breaks_out_of_its_header(site: Site, wire: Wire, bad: str) -> None:
    with pytest.raises(Refused):
        wire.call("GET", f"{site.url}/x", headers={"X-Name": bad})
    with pytest.raises(Refused):
        wire.call("GET", f"{site.url}/{bad}")
    assert not site.seen


def test_an_answer_without_end_is_not_read_to_the_end(site: Site, wire: Wire) -> None:
    site.answers["/x"] = Answer(200, body=bytes(2 * 1024 * 1024))
    with pytest.raises(Refused, match="more than it should"):
        wire.call("GET", f"{site.url}/x")


def test_a_login_page_is_no_data(site: Site, wire: Wire) -> None:
    site.answers["/x"] = Answer(200, {"Content-Type": "text/html"}, b"<html>log in")
    with pytest.raises(Intercepted, match="sign in"):
        wire.call("GET", f"{site.url}/x").json()


def test_nobody_there_is_unreachable(wire: Wire) -> None:
    with pytest.raises(Unreachable):
        wire.call("GET", "http://127.0.0.1:1/x")
    with pytest.raises(Unreachable):
        wire.call("GET", "http://no-such-host.invalid/x")


@pytest.mark.parametrize("by_proxy", [False, True])
def test_a_lost_answer_is_unknown_and_a_cut_request_is_not(
    site: Site, wire: Wire, fault_proxy: Callable[[str], FaultProxy], monkeypatch: pytest.MonkeyPatch, by_proxy: bool
) -> None:
    proxy = fault_proxy(site.url)
    url = "http://files.example.org/x" if by_proxy else f"{proxy.url}/x"
    monkeypatch.setenv("http_proxy", proxy.url)
    site.answers["/x"] = site.answers[url] = Answer(200, body=bytes(100))
    for fault in (Fault(drop_reply=True), Fault(cut_reply_after_bytes=5)):
        proxy.next(fault)
        with pytest.raises(OutcomeUnknown):
            wire.call("POST", url, body=b"content")
    assert len(site.seen) == 2
    proxy.next(Fault(cut_request_after_bytes=1000))
    with pytest.raises(UploaderError) as raised:
        wire.call("PUT", url, body=bytes(30_000_000))
    assert not isinstance(raised.value, OutcomeUnknown)


def test_too_long_an_answer_to_what_changes_something_says_nothing_of_what_was_done(site: Site, wire: Wire) -> None:
    site.answers["/x"] = Answer(200, body=bytes(2 * 1024 * 1024))
    with pytest.raises(OutcomeUnknown, match="more than it should"):
        wire.call("POST", f"{site.url}/x", body=b"content")
    site.answers["/x"] = Answer(503, body=bytes(2 * 1024 * 1024))
    with pytest.raises(Temporary, match="503"):
        wire.call("POST", f"{site.url}/x", body=b"content")


def test_of_several_proxies_the_next_one_is_asked_and_the_silent_one_passed_over(
    site: Site, wire: Wire, tmp_path: Path, fault_proxy: Callable[[str], FaultProxy]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        silent = gone.getsockname()[1]
    by = fault_proxy(site.url)
    places = f"PROXY 127.0.0.1:{silent}; PROXY {by.url.removeprefix('http://')}; DIRECT"
    (tmp_path / "proxy.pac").write_text(f'function FindProxyForURL(url, host) {{ return "{places}"; }}', "utf-8")
    site.answers["http://files.example.org/x"] = Answer(200, body=b"by the second")
    use_pac(str(tmp_path / "proxy.pac"))
    try:
        assert wire.call("POST", "http://files.example.org/x", body=b"content").body == b"by the second"
        assert proxy_for("http://files.example.org/x") == by.url
        assert len(site.seen) == 1
    finally:
        use_pac("")


@pytest.mark.parametrize("login", ["ana:Geh/eim#1?", "ana:p@ss:w/", "ana:a%2Fb"])
def test_a_password_of_a_proxy_is_never_told_however_it_is_written(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, login: str
) -> None:
    monkeypatch.setenv("http_proxy", f"http://{login}@127.0.0.1:1")
    with pytest.raises(Barred) as raised:
        wire.call("GET", "http://files.example.org/x")
    assert "ana" not in f"{raised.value} {raised.value.values}"
    assert place_of(proxy_for("http://files.example.org/x")) == "127.0.0.1:1"


def test_silence_is_a_stall(site: Site, fault_proxy: Callable[[str], FaultProxy]) -> None:
    proxy = fault_proxy(site.url)
    proxy.next(Fault(stall_after_bytes=0))
    with Wire(stall_s=0.3) as wire, pytest.raises(Temporary):
        wire.call("GET", f"{proxy.url}/x")
    proxy.next(Fault(stall_after_bytes=1000))
    with Wire(stall_s=0.3) as wire, pytest.raises(Temporary):
        wire.call("PUT", f"{proxy.url}/x", body=bytes(30_000_000))


def test_a_cut_wire_ends_what_waits_and_refuses_what_follows(
    site: Site, fault_proxy: Callable[[str], FaultProxy]
) -> None:
    proxy = fault_proxy(site.url)
    proxy.next(Fault(stall_after_bytes=0))
    wire, ended = Wire(), threading.Event()

    def wait() -> None:
        with pytest.raises(Temporary):
            wire.call("GET", f"{proxy.url}/x")
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    while not proxy.connections:
        threading.Event().wait(0.01)
    wire.cut()
    assert ended.wait(30)
    with pytest.raises(Temporary):
        wire.call("GET", f"{site.url}/x")


def test_an_answer_that_ends_early_is_not_taken_for_whole(
    site: Site, wire: Wire, fault_proxy: Callable[[str], FaultProxy]
) -> None:
    site.answers["/x"] = Answer(200, body=bytes(10_000))
    proxy = fault_proxy(site.url)
    proxy.next(Fault(cut_reply_after_bytes=5_000))
    with pytest.raises(OutcomeUnknown):
        wire.call("GET", f"{proxy.url}/x")


def test_the_systems_proxy_is_used_but_never_for_this_computer(
    site: Site, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.answers["http://files.example.org/x"] = Answer(200, body=b"by the proxy")
    monkeypatch.setenv("http_proxy", site.url.replace("//", "//user:pass%20word@"))
    monkeypatch.setenv("no_proxy", "internal.example.org")
    assert wire.call("GET", "http://files.example.org/x").body == b"by the proxy"
    assert site.seen[0][2]["proxy-authorization"].startswith("Basic ")
    site.answers["/x"] = Answer(200, body=b"direct")
    assert wire.call("GET", f"{site.url}/x").body == b"direct"


def test_no_error_names_more_of_an_address_than_its_host(site: Site, wire: Wire) -> None:
    for status in (400, 401, 403, 404, 500):
        site.answers["/secret?token=abc"] = Answer(status)
        with pytest.raises(UploaderError) as raised:
            wire.call("GET", f"{site.url}/secret?token=abc")
        assert "secret" not in str(raised.value)
        assert "abc" not in str(raised.value)


def test_a_redirect_from_a_line_that_is_sealed_to_one_that_is_not_is_not_followed(
    sites: Callable[[], Site], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, open_one, sealed = self_signed(tmp_path), sites(), sites()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place)
    sealed.server.socket = context.wrap_socket(sealed.server.socket, server_side=True)
    trusted = ssl.create_default_context(cafile=str(place))
    monkeypatch.setattr("uploader.connections.trust", lambda: trusted)
    address = sealed.url.replace("http://", "https://")
    with Wire() as wire:
        sealed.answers |= {"/x": Answer(302, {"Location": "/y"}), "/y": Answer(200)}
        assert wire.call("GET", f"{address}/x", follow=1).status == 200
        sealed.answers["/x"] = Answer(302, {"Location": f"{open_one.url}/y"})
        with pytest.raises(Refused, match="not safe"):
            wire.call("GET", f"{address}/x", follow=1)
    assert open_one.seen == []
