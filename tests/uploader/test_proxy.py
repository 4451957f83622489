"""The way through a company's proxy, with a certificate of its own and a PAC file."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.servers.certificate import self_signed
from tests.servers.rt import RtServer
from tests.servers.tls_proxy import ISSUER, LookingProxy
from tests.uploader.remote_suite import fresh
from uploader.connections import trust
from uploader.desks.rt import RequestTracker
from uploader.errors import Intercepted, Untrusted
from uploader.journal import MemoryJournal
from uploader.probe import walk
from uploader.proxy import proxy_for, use_pac
from uploader.setting import Secret
from uploader.ticket import quiet
from uploader.wire import NO_DATA

HOST = "desk.example.test"


@pytest.fixture
def proxy(rt: RtServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LookingProxy]:
    proxy = LookingProxy(tmp_path, rt.url)
    script = tmp_path / "proxy.pac"
    script.write_text(
        f'function FindProxyForURL(url, host) {{ if (dnsDomainIs(host, ".example.test")) return "PROXY 127.0.0.1:'
        f'{proxy.port}; DIRECT"; if (shExpMatch(host, "*.intern")) return "SOCKS x:1; PROXY p.intern:8080";'
        ' if (url.indexOf("secret") >= 0) return "PROXY leaked:1"; return "DIRECT"; }',
        "utf-8",
    )
    use_pac(str(script))
    yield proxy
    use_pac("")
    proxy.stop()
    trust.cache_clear()


def desk(rt: RtServer) -> RequestTracker:
    return RequestTracker(url=f"https://{HOST}", token=Secret(rt.tokens["ana"]), user="ana")


def test_a_ticket_goes_through_the_proxy_whose_authority_this_computer_trusts(
    rt: RtServer, proxy: LookingProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(proxy.authority))
    trust.cache_clear()
    through = desk(rt)
    ref = through.submit(fresh(tmp_path), MemoryJournal(), quiet)
    assert rt.ask("GET", f"ticket/{ref.id}")["Subject"] == "Ñandú 🐦 no carga"
    assert through.conversation(ref.id).replies
    assert proxy.connects
    assert set(proxy.connects) == {f"{HOST}:443"}
    assert [step.name for step in walk((through.url,), through.check)] == ["proxy", "certificate", "login"]


def test_one_that_it_does_not_trust_is_named_and_gets_nothing(
    rt: RtServer, proxy: LookingProxy, tmp_path: Path
) -> None:
    trust.cache_clear()
    with pytest.raises(Untrusted):
        desk(rt).submit(fresh(tmp_path), MemoryJournal(), quiet)
    last = list(walk((f"https://{HOST}",), desk(rt).check))[-1]
    assert (last.name, last.ok, dict(last.values)["issuer"]) == ("certificate", False, ISSUER)


def test_who_looks_into_a_connection_is_told(rt: RtServer, tmp_path: Path) -> None:
    """Without a proxy in the settings: the machine itself answers for the desk."""
    proxy = LookingProxy(tmp_path, rt.url)
    with proxy.instead() as port:
        steps = list(walk((f"https://127.0.0.1:{port}",), lambda: None))
    assert [step.name for step in steps] == ["dns", "connection", "certificate"]
    assert dict(steps[-1].values)["issuer"] == ISSUER
    proxy.stop()


def test_a_network_that_wants_people_to_sign_in_is_one_step_that_fails() -> None:
    def check() -> None:
        raise Intercepted(NO_DATA, host=HOST)

    with socket.create_server(("127.0.0.1", 0)) as door:
        steps = list(walk((f"http://127.0.0.1:{door.getsockname()[1]}",), check))
    assert [(step.name, step.ok) for step in steps] == [("dns", True), ("connection", False)]
    assert "sign in" in steps[-1].text


def test_nobody_knows_who_made_a_certificate_that_does_not_say_it(tmp_path: Path) -> None:
    place = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place)
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            for _ in range(3):
                line, _ = door.accept()
                with suppress(OSError), context.wrap_socket(line, server_side=True):
                    pass

        threading.Thread(target=serve, daemon=True).start()
        steps = list(walk((f"https://127.0.0.1:{door.getsockname()[1]}",), lambda: None))
    assert (steps[-1].name, steps[-1].ok) == ("certificate", False)
    assert "does not say who made it" in steps[-1].text


def test_the_script_decides_by_host_and_never_sees_the_path(proxy: LookingProxy) -> None:
    assert proxy_for(f"https://{HOST}/x") == proxy.url
    assert proxy_for("https://files.intern/x") == "http://p.intern:8080"
    assert proxy_for("https://user:pass@elsewhere.org/secret?token=secret") == ""


@pytest.mark.parametrize("script", ["function FindProxyForURL(", "while(true){}" * 0 + "x.y.z()", ""])
def test_a_broken_script_is_told_once_and_the_system_decides(
    script: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://from.system:3128")
    (tmp_path / "broken.pac").write_text(script, "utf-8")
    use_pac(str(tmp_path / "broken.pac"))
    with caplog.at_level(logging.WARNING):
        assert proxy_for("https://desk.example.org/") == "http://from.system:3128"
        assert proxy_for("https://other.example.org/") == "http://from.system:3128"
    use_pac("")
    assert len([r for r in caplog.records if "proxy script" in r.getMessage()]) == 1
