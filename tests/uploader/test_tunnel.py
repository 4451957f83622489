"""Mail, chat and SFTP through a company's proxy, to names that it alone knows."""

from __future__ import annotations

import secrets
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.servers.mail import PASSWORD, MailServer
from tests.servers.prosody import ChatServer
from tests.servers.sshd import SftpServer
from tests.servers.tls_proxy import ISSUER, LookingProxy, TunnelProxy
from tests.uploader.desk_suite import attachment
from tests.uploader.remote_suite import fresh
from uploader import tunnel
from uploader.connections import trust
from uploader.desks.email import MailDesk
from uploader.desks.xmpp import XmppDesk
from uploader.dialling import dial
from uploader.errors import Barred, Untrusted
from uploader.journal import MemoryJournal
from uploader.mail_servers import guess
from uploader.probe import walk
from uploader.proxy import pass_over, proxy_for, use_pac, way_to
from uploader.setting import Secret
from uploader.shares.sftp import Sftp
from uploader.ticket import Desk, quiet
from uploader.wire import Wire
from uploader.xmpp import Chat

MAIL = "mail.desk.test"
MAIL_PLACES = [f"{MAIL}:587", f"{MAIL}:993"]
CHAT = "chat.desk.test:5222"
Open = Callable[..., TunnelProxy]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """``opened(places, by=…)``: a proxy, named by a ``script`` or by a variable of the environment."""
    made = list[TunnelProxy]()

    def make(places: dict[str, int], by: str = "all_proxy", folder: Path | None = None, **more: Any) -> TunnelProxy:
        made.append(TunnelProxy(places, **more))
        if by == "script":
            assert folder is not None
            (folder / "proxy.pac").write_text(
                'function FindProxyForURL(url, host) { return shExpMatch(host, "*desk.test") && !/^https?:/.test(url)'
                f' ? "PROXY 127.0.0.1:{made[-1].port}" : "DIRECT"; }}', "utf-8",
            )  # fmt: skip
            use_pac(str(folder / "proxy.pac"))
        else:
            monkeypatch.setenv(by, made[-1].url)
        return made[-1]

    yield make
    use_pac("")
    for proxy in made:
        proxy.stop()


def trusting(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trusted = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr("uploader.connections.trust", lambda: trusted)


def mail_places(mail: MailServer) -> dict[str, int]:
    return {MAIL_PLACES[0]: mail.ports["starttls"], MAIL_PLACES[1]: mail.ports["imaps"]}


def mail_desk(**changes: Any) -> MailDesk:
    values: dict[str, Any] = {"address": "soporte@desk.test", "server": MAIL, "imap": MAIL, "sender": "ana@desk.test",
                              "password": Secret(PASSWORD), "stall_s": 30.0}  # fmt: skip
    return MailDesk(**(values | changes))


def steps(desk: Desk) -> list[str]:
    return [step.name if step.ok else f"no {step.name}" for step in walk(desk.doors, desk.check)]


@pytest.mark.parametrize("by", ["script", "all_proxy", "https_proxy"])
def test_mail_goes_out_and_its_answer_comes_back(
    mail: MailServer, opened: Open, by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail.empty()
    trusting(mail.certificate, monkeypatch)
    proxy, desk = opened(mail_places(mail), by, tmp_path), mail_desk()
    ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
    assert [ref.key.encode() in content for content in mail.box("soporte")] == [True]
    assert steps(desk) == [*["proxy", "certificate"] * 2, "login"]
    waiting = threading.Event()

    def answer() -> None:
        assert waiting.wait(60)
        mail.deliver("ana@desk.test", f"In-Reply-To: {ref.key}\r\nFrom: b@desk.test\r\n\r\nListo\r\n".encode())

    agent = threading.Thread(target=answer)
    agent.start()
    assert desk.wait(60, lambda: bool(waiting.set()))
    agent.join()
    assert [reply.mine for reply in desk.conversation(ref.key).replies] == [True, False]
    assert set(proxy.tunnels) == set(MAIL_PLACES)
    assert proxy.connects == proxy.tunnels


@pytest.mark.parametrize("by", ["script", "xmpp_proxy"])
def test_a_chat_line_and_a_file_arrive(
    prosody: ChatServer, opened: Open, by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting(prosody.certificate, monkeypatch)
    prosody.register(name := f"mesa{secrets.token_hex(4)}")
    proxy = opened({CHAT: prosody.ports["c2s"]}, by, tmp_path)
    desk = XmppDesk(desk=f"{name}@desk.test", jid="ana@desk.test", password=Secret(PASSWORD), server="chat.desk.test",
                    stall_s=30.0)  # fmt: skip
    ticket = fresh(tmp_path)
    desk.submit(ticket, MemoryJournal(), quiet)
    assert steps(desk) == ["proxy", "login"]
    assert proxy.connects == proxy.tunnels == [CHAT] * 3
    with Chat(f"{name}@desk.test", PASSWORD, "127.0.0.1", prosody.ports["c2s"], direct=False, stall_s=30) as agent:
        said = agent.archive("ana@desk.test")
    assert len([line for line in said if line.url]) == len(ticket.attachments)
    assert said[0].id == f"testigo-{ticket.report_id}"


@pytest.mark.parametrize("sealed", [False, True])
def test_the_server_that_dns_names_for_a_chat_address_is_asked_for_by_name(
    prosody: ChatServer, opened: Open, monkeypatch: pytest.MonkeyPatch, sealed: bool
) -> None:
    async def resolve(domain: str, port: int, **_: object) -> list[tuple[str, str, str, int]]:
        assert domain == "desk.test"
        return [("xmpp-client", "chat.desk.test", address, 5222) for address in ("2001:db8::1", "203.0.113.1")]

    monkeypatch.setattr("slixmpp.xmlstream.xmlstream.resolve", resolve)  # there is no DNS to ask here
    trusting(prosody.certificate, monkeypatch)
    proxy = opened({CHAT: prosody.ports["c2s"]}, certificate=prosody.certificate if sealed else None)
    XmppDesk(desk="mesa@desk.test", jid="ana@desk.test", password=Secret(PASSWORD), stall_s=30.0).check()
    assert proxy.connects == proxy.tunnels == [CHAT]


def test_chat_that_begins_with_tls_shows_the_name_of_its_domain(
    prosody: ChatServer, opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = opened({"chat.desk.test:5223": prosody.ports["tls"]})
    desk = XmppDesk(desk="mesa@desk.test", jid="ana@desk.test", password=Secret(PASSWORD), security="TLS",
                    server="chat.desk.test:5223", stall_s=30.0)  # fmt: skip
    with pytest.raises(Untrusted):
        desk.check()
    trusting(prosody.certificate, monkeypatch)
    desk.check()
    assert len(proxy.tunnels) == 2


def test_a_file_goes_to_an_sftp_server(sshd: SftpServer, opened: Open, tmp_path: Path) -> None:
    proxy = opened({"files.desk.test:22": sshd.port}, "script", tmp_path)
    share = Sftp(host="files.desk.test", user=sshd.user, key_file=str(sshd.user_key), folder="shared/reports",
                 host_key=sshd.known_hosts.read_text("ascii").replace("127.0.0.1", "files.desk.test"))  # fmt: skip
    link = share.put(attachment(tmp_path, "video.mp4", bytes(300_000)), MemoryJournal(), quiet)
    assert link.url.startswith("sftp://files.desk.test")
    assert set(proxy.tunnels) == {"files.desk.test:22"}


def test_a_proxy_of_tls_carries_the_tls_of_mail(
    mail: MailServer, opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail.empty()
    proxy = opened(mail_places(mail), certificate=mail.certificate, login="ana:p%40ss")
    desk = mail_desk()
    assert steps(desk) == ["no certificate"]
    assert not proxy.connects
    trusting(mail.certificate, monkeypatch)
    ref = desk.submit(fresh(tmp_path, attachments=(attachment(tmp_path, "a.bin", bytes(2_000_000)),)),
                      MemoryJournal(), quiet)  # fmt: skip
    assert desk.conversation(ref.key).replies[0].mine
    assert set(proxy.tunnels) == set(MAIL_PLACES)


def test_one_that_looks_into_mail_is_named_and_gets_no_password(
    mail: MailServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = LookingProxy(tmp_path, f"http://127.0.0.1:{mail.ports['bare']}")
    monkeypatch.setenv("smtp_proxy", proxy.url)
    desk = mail_desk(security="TLS", imap="")
    trust.cache_clear()
    found = list(walk(desk.doors, desk.check))
    assert [(step.name, step.ok) for step in found] == [("proxy", True), ("certificate", False)]
    assert dict(found[-1].values) == {"host": MAIL, "issuer": ISSUER}
    monkeypatch.setenv("SSL_CERT_FILE", str(proxy.authority))
    trust.cache_clear()
    assert steps(desk) == ["proxy", "certificate", "login"]
    trust.cache_clear()
    proxy.stop()


ANSWERS: dict[str, tuple[list[bytes], str]] = {
    "403": ([b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nForbidden"], "ask your IT"),
    "405": ([b"HTTP/1.0 405\r\n"], "ask your IT"),
    "407": ([b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"], "does not let us through"),
    "302": ([b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n"], "ask your IT"),
    "a page": ([b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n<html>Sign in</html>"],
               "ask your IT"),
    "a page in pieces": ([b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"],
                         "ask your IT"),
    "garbage": ([b"220 mail.example ESMTP\r\n"], "ask your IT"),
    "nothing": ([], "ask your IT"),
    "without end": ([b"HTTP/1.1 200 OK\r\n", *[b"X: " + b"y" * 997 + b"\r\n"] * 50_000], "ask your IT"),
    "a line without end": ([b"HTTP/1.1 200 ", *[b"y" * 1000] * 50_000], "ask your IT"),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "words"), ANSWERS.values(), ids=ANSWERS.keys())
def test_what_a_proxy_refuses_is_its_step(
    opened: Open, answer: list[bytes], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    proxy = opened({}, login="ana:hidden-word")
    proxy.answer = answer
    with caplog.at_level(0), pytest.raises(Barred, match=words) as raised:
        dial("smtp", MAIL, 587, 30)
    assert steps(mail_desk()) == ["no proxy"]
    assert "hidden-word" not in f"{raised.value!r} {raised.value.values} {caplog.text}"
    assert "hidden-word" not in repr(way_to(f"smtp://{MAIL}:587"))


def test_chat_tells_what_the_proxy_refused(opened: Open) -> None:
    opened({})
    desk = XmppDesk(desk="mesa@desk.test", jid="ana@desk.test", server="chat.desk.test", stall_s=30.0)
    assert steps(desk) == ["no proxy"]
    with pytest.raises(Barred, match=r"to chat\.desk\.test:5222; ask your IT"):
        desk.check()


def test_a_proxy_that_does_not_answer_is_told(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent_url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Barred, match="does not answer"):
            tunnel.through(silent_url, MAIL, 587, 0.2)
    monkeypatch.setenv("all_proxy", silent_url)  # nobody listens any more
    with pytest.raises(Barred, match="does not answer"):
        dial("imap", MAIL, 993, 30)
    assert steps(mail_desk()) == ["no proxy"]


def test_where_only_the_webs_proxy_is_known_and_it_refuses_the_straight_way_is_tried(
    opened: Open, tmp_path: Path
) -> None:
    proxy = opened({}, "https_proxy")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        dial("smtp", "127.1", port, 30).close()  # this computer, by a name that no rule for loopback knows
        server.accept()[0].close()
    assert proxy.connects == [f"127.1:{port}"]
    with pytest.raises(Barred):  # and where that way leads nowhere either, the proxy is what to talk about
        dial("smtp", "127.1", port, 30)


def test_where_a_proxy_is_named_for_all_there_is_no_other_way(opened: Open) -> None:
    opened({}, "all_proxy")
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(Barred):
        dial("smtp", "127.1", server.getsockname()[1], 30)


@pytest.mark.parametrize("url", ["https://desk.example.test", "http://desk.example.test"])
def test_the_step_of_a_web_desk_is_the_same(opened: Open, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened({}, "https_proxy")
    with socket.create_server(("127.0.0.1", 0)) as gone:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{gone.getsockname()[1]}")

    def check() -> None:
        with Wire() as wire:
            wire.call("GET", url)

    found = [(step.name, step.ok) for step in walk((url,), check)]
    assert found == [("proxy", False)]


@pytest.mark.parametrize(
    ("environment", "url", "proxy", "only"),
    [
        ({"smtp_proxy": "m:1", "all_proxy": "a:1", "https_proxy": "w:1"}, "smtp://x:587/", "http://m:1", True),
        ({"all_proxy": "a:1", "https_proxy": "w:1"}, "imap://x:993/", "http://a:1", True),
        ({"https_proxy": "w:1"}, "xmpp://x:5222/", "http://w:1", False),
        ({"all_proxy": "socks://s:1/", "https_proxy": "w:1"}, "smtp://x:587/", "http://w:1", False),
        ({"all_proxy": "socks5://s:1"}, "smtp://x:587/", "socks5://s:1", True),
        ({"all_proxy": "a:1", "https_proxy": "w:1"}, "https://x/", "http://w:1", True),
        ({"https_proxy": "w:1", "no_proxy": "x"}, "smtp://x:587/", "", False),
        ({"https_proxy": "w:1"}, "smtp://127.0.0.1:587/", "", False),
        ({"https_proxy": "w:1"}, "http://x/", "", False),
        ({"http_proxy": "w:1"}, "smtp://x:587/", "", False),
    ],
)
def test_the_environment_is_read_as_curl_does(
    environment: dict[str, str], url: str, proxy: str, only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (way_to(url).proxy, way_to(url).only) == (proxy, only)


def test_a_script_may_tell_mail_from_the_web_on_one_host_and_name_ways_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "proxy.pac").write_text(
        'function FindProxyForURL(url, host) { if (url.indexOf("smtp:") == 0) return "SOCKS s:1; PROXY m:1; DIRECT";'
        ' if (url == "imap://mail.desk.test:993/") return "HTTPS i:1"; if (url.indexOf(":143") > 0) return "DIRECT";'
        ' return "SOCKS5 s:1080"; }',
        "utf-8",
    )
    use_pac(str(tmp_path / "proxy.pac"))
    asked = ("smtp://mail.desk.test:587/", "imap://mail.desk.test:993/", "imap://mail.desk.test:143/")
    ways = [way_to(url) for url in asked]
    assert [(way.proxy, way.only) for way in ways] == [("http://m:1", True), ("https://i:1", True), ("", False)]
    assert pass_over(asked[0], "http://m:1")  # and DIRECT is the next one
    assert way_to(asked[0]).proxy == ""
    assert not pass_over(asked[1], "https://i:1")
    assert way_to(asked[1]).proxy == "https://i:1"
    with Wire() as wire, pytest.raises(Barred, match="s:1080 speaks SOCKS"):
        wire.call("GET", "https://mail.desk.test/")
    with pytest.raises(Barred, match="s:1080 speaks SOCKS"):
        dial("xmpp", MAIL, 5222, 30)
    use_pac("")
    assert proxy_for("https://mail.desk.test/") == ""


def test_the_wizard_finds_mail_servers_that_only_the_proxy_knows(
    opened: Open, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = opened(mail_places(mail))
    monkeypatch.setattr("uploader.mail_servers.TRY_S", 30)
    assert guess("desk.test") == {"server": MAIL_PLACES[0], "imap": MAIL_PLACES[1]}
    assert proxy.connects == ["smtp.desk.test:587", MAIL_PLACES[0], "imap.desk.test:993", MAIL_PLACES[1]]


@settings(deadline=None, max_examples=60)
@given(
    status=st.sampled_from([200, 204, 299, 100, 301, 403, 404, 407, 500, 999]),
    heads=st.lists(st.from_regex(rb"[A-Za-z-]{1,20}: [ -~]{0,40}", fullmatch=True), max_size=5),
    end=st.sampled_from([b"\r\n", b"\n"]),
    greeting=st.binary(max_size=50),
    cuts=st.lists(st.integers(0, 300), max_size=6),
)
def test_however_an_answer_is_cut_no_byte_of_what_follows_is_lost(
    status: int, heads: list[bytes], end: bytes, greeting: bytes, cuts: list[int]
) -> None:
    whole = end.join([b"HTTP/1.1 %d Told" % status, *heads, b"", b""]) + greeting
    ours, theirs = socket.socketpair()
    with ours, theirs:

        def answer() -> None:
            places = [0, *sorted(cuts), len(whole)]
            for begin, stop in pairwise(places):
                theirs.sendall(whole[begin:stop])
            theirs.shutdown(socket.SHUT_WR)

        sending = threading.Thread(target=answer)
        sending.start()
        try:
            tunnel.ask(ours, "http://p:1", "h", 25, 30)
            assert 200 <= status < 300
            sending.join()
            ours.settimeout(30)
            assert b"".join(iter(lambda: ours.recv(1000), b"")) == greeting
        except Barred:
            assert not 200 <= status < 300
        sending.join()


def test_a_password_with_signs_reaches_the_proxy_as_it_is(opened: Open, mail: MailServer) -> None:
    proxy = opened(mail_places(mail), login="an%C3%A1:p%40ss%3A%2F")
    dial("smtp", MAIL, 587, 30).close()
    assert proxy.tunnels == MAIL_PLACES[:1]


def test_no_name_smuggles_a_line_to_the_proxy(opened: Open) -> None:
    proxy = opened({})
    for host in ("a\r\nX: y", "a b", "a/b", ""):
        with pytest.raises(Exception, match="cannot be found"):
            dial("smtp", host, 25, 30)
    assert proxy.connects == []


def test_names_of_other_alphabets_are_asked_for_as_dns_writes_them(opened: Open, mail: MailServer) -> None:
    proxy = opened({"xn--and-6ma2c.test:587": mail.ports["starttls"], "[2001:db8::1]:587": mail.ports["starttls"]})
    dial("smtp", "ñandú.test", 587, 30).close()
    dial("smtp", "2001:db8::1", 587, 30).close()
    assert len(proxy.tunnels) == 2
