"""Connections that are no HTTP: straight, or through a tunnel that the proxy on the way lays (CONNECT).

Source: RFC 9110 (2022), 9.3.6, CONNECT; 15.5.8, 407.
"""

from __future__ import annotations

import contextlib
import logging
import re
import select
import socket
import ssl
import threading
import time
from urllib.parse import urlsplit

from uploader import connections
from uploader.errors import Barred, NameUnknown, Untrusted, UploaderError
from uploader.proxy import Way, authorization, demand_http, pass_over, place_of, way_to

CONNECT_S = 15.0
MOST_BYTES = 8 * 1024
"""Of what a proxy answers before the tunnel begins."""
BLOCK_BYTES = 64 * 1024

_AGREED = re.compile(rb"HTTP/1\.\d 2\d\d\b")

log = logging.getLogger(__name__)


def reach(scheme: str, host: str, port: int, connect_s: float = CONNECT_S) -> tuple[socket.socket, str]:
    """A bare connection, and the proxy that it goes by (empty: none). ``scheme``: smtp, imap, xmpp, sftp, https.

    Raises: OSError of a straight one; Barred; Untrusted.
    """
    way = way_by(scheme, host, port)
    if not way.proxy:
        return socket.create_connection((host, port), connect_s), ""
    try:
        return through(way.proxy, host, port, connect_s), way.proxy
    except UploaderError as barred:
        if pass_over(_url(scheme, host, port), way.proxy):
            return reach(scheme, host, port, connect_s)
        if way.only:
            raise
        log.info("%s; trying without it", barred)
        try:
            return socket.create_connection((host, port), connect_s), ""
        except OSError as error:
            raise barred from error


def way_by(scheme: str, host: str, port: int) -> Way:
    return way_to(_url(scheme, host, port))


def _url(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://{_place(host, port)}/"


def through(proxy: str, host: str, port: int, patience_s: float = CONNECT_S) -> socket.socket:
    """The near end of a tunnel. Raises: Barred; Untrusted when it is a proxy of TLS that nobody vouches for."""
    demand_http(proxy)
    parts, name = urlsplit(proxy), place_of(proxy)
    try:
        there = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        line = socket.create_connection(there, patience_s)
    except (OSError, ValueError) as error:
        raise Barred("the proxy {proxy} does not answer", proxy=name) from error
    try:
        if parts.scheme == "https":
            line = connections.trust().wrap_socket(line, server_hostname=there[0])
        ask(line, proxy, host, port, patience_s)
    except BaseException as error:
        line.close()
        if isinstance(error, ssl.SSLCertVerificationError):
            raise Untrusted("the certificate of {host} is not trusted; another computer may be answering in its name",
                            host=there[0]) from error  # fmt: skip
        if isinstance(error, OSError):
            raise Barred("the proxy {proxy} does not answer", proxy=name) from error
        raise
    line.settimeout(patience_s)
    return _unwrapped(line) if isinstance(line, ssl.SSLSocket) else line


def ask(line: socket.socket, proxy: str, host: str, port: int, patience_s: float) -> None:
    """Asks for a tunnel over a line to the proxy, and reads its answer and no byte more. Raises: OSError; Barred."""
    place, told = _place(host, port), authorization(proxy)
    asked = f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n" + f"Proxy-Authorization: {told}\r\n" * bool(told)
    end = time.monotonic() + patience_s
    line.sendall(f"{asked}\r\n".encode())
    head = b""
    while not head.endswith((b"\n\r\n", b"\n\n")):
        line.settimeout(max(end - time.monotonic(), 0.001))
        came = line.recv(1)  # what follows is the server's
        head += came
        if not came or len(head) > MOST_BYTES or (came == b"\n" and not _AGREED.match(head)):
            break  # what a refusal says is for browsers
    else:
        if not _is_page(head):
            return
    if re.match(rb"HTTP/1\.\d 407\b", head):
        raise Barred("the proxy on the way to {host} does not let us through", host=host)
    raise Barred(
        "the proxy {proxy} does not let us through to {host}; ask your IT to allow it, or to let {host} go without it",
        proxy=place_of(proxy), host=place,
    )  # fmt: skip


def _is_page(head: bytes) -> bool:
    """A page instead of a tunnel is what a network sends that wants people to sign in."""
    html, long = rb"(?im)^content-type:[ \t]*text/html", rb"(?im)^content-length:[ \t]*0*[1-9]"
    agreed = re.match(rb"(?i)HTTP/1\.\d 200 connection established", head)
    return bool(re.search(html, head) and (re.search(long, head) or not agreed))


def _place(host: str, port: int) -> str:
    """As addresses write it. Raises: NameUnknown when it is no host's name."""
    with contextlib.suppress(UnicodeError):
        name = host if host.isascii() else host.encode("idna").decode()
        if re.fullmatch(r"[\w.:%-]{1,255}", name, re.ASCII):
            return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
    raise NameUnknown("{host} cannot be found; check the address and the network", host=host[:80])


def _unwrapped(far: ssl.SSLSocket) -> socket.socket:
    """A bare socket to what comes out of TLS: the server's own TLS does not go over another one."""
    near, end = socket.socketpair()
    far.settimeout(0)
    threading.Thread(target=_carry, args=(far, end), name="tunnel", daemon=True).start()
    near.settimeout(CONNECT_S)
    return near


def _carry(far: ssl.SSLSocket, end: socket.socket) -> None:
    """One thread for both ways: no two may use the same TLS."""
    with far, end, contextlib.suppress(OSError):
        while True:
            ready = select.select([end, far], [], [], 0 if far.pending() else None)[0]
            if end in ready:
                view = memoryview(end.recv(BLOCK_BYTES))
                if not view:
                    return
                while view:
                    try:
                        view = view[far.send(view) :]
                    except ssl.SSLWantWriteError:
                        select.select([], [far], [])
                    except ssl.SSLWantReadError:
                        select.select([far], [], [])
            with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                if far in ready or far.pending():
                    came = far.recv(BLOCK_BYTES)
                    if not came:
                        return
                    end.sendall(came)
