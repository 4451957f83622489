"""Where the way to a service is cut: name, connection, certificate, login, right. For ``check`` and for setting up."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from uploader.errors import AuthFailed, Gone, InvalidField, Unreachable, Untrusted, UploaderError
from uploader.proxy import proxy_for

CONNECT_S = 10.0


@dataclass(frozen=True, slots=True)
class Step:
    """One part of the way. ``name``: proxy, dns, connection, certificate, login, right, settings, service.

    ``text`` and ``values`` say more, as an error does; ``text`` is empty where there is nothing to say. ``field`` is
    the setting that is wrong, as far as it is known.
    """

    name: str
    ok: bool
    text: str = ""
    values: tuple[tuple[str, str], ...] = ()
    field: str = ""


def walk(url: str, check: Callable[[], None]) -> Iterator[Step]:
    """The steps to a service at ``url`` (empty: it has none), ended by the first that fails. Blocks."""
    if url:
        broken = False
        for step in _to_the_door(url):
            yield step
            broken = broken or not step.ok
        if broken:
            return
    try:
        check()
    except UploaderError as error:
        yield Step(_named(error), False, error.text, tuple(error.values.items()), getattr(error, "name", ""))
        return
    yield Step("login", True)


def _to_the_door(url: str) -> Iterator[Step]:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if proxy := proxy_for(url):
        there = urlsplit(proxy)
        yield Step("proxy", True, "by the proxy {host}", (("host", f"{there.hostname}:{there.port or 80}"),))
        return  # names and certificates are the proxy's business until a request goes through
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        yield Step("dns", False, "{host} is not known here; check the address and the network", (("host", host),))
        return
    yield Step("dns", True, "{host} is {address}", (("host", host), ("address", str(found[0][4][0]))))
    try:
        with socket.create_connection((host, port), CONNECT_S):
            pass
    except OSError:
        yield Step("connection", False, "{host} does not answer", (("host", f"{host}:{port}"),))
        return
    yield Step("connection", True)
    if parts.scheme == "https":
        yield _certificate(host, port)


def _certificate(host: str, port: int) -> Step:
    import truststore

    try:
        _handshake(host, port, truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    except ssl.SSLError:
        said = (("host", host), ("issuer", issuer_of(host, port) or "?"))
        return Step("certificate", False, "the certificate of {host} was made by “{issuer}”, whom this computer does "
                    "not trust: perhaps a proxy that looks into connections", said)  # fmt: skip
    except OSError:
        return Step("certificate", False, "{host} does not answer", (("host", f"{host}:{port}"),))
    return Step("certificate", True)


def issuer_of(host: str, port: int) -> str:
    """Who made the certificate that is shown at this address, trusted or not; empty when it cannot be told."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # only looked at, nothing is sent
    with suppress(OSError, ValueError, ssl.SSLError):
        shown = x509.load_der_x509_certificate(_handshake(host, port, context))
        for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
            for name in shown.issuer.get_attributes_for_oid(kind):
                return "".join(c for c in str(name.value) if c.isprintable())[:80]
    return ""


def _handshake(host: str, port: int, context: ssl.SSLContext) -> bytes:
    with (
        socket.create_connection((host, port), CONNECT_S) as line,
        context.wrap_socket(line, server_hostname=host) as s,
    ):
        return s.getpeercert(binary_form=True) or b""


def _named(error: UploaderError) -> str:
    if isinstance(error, AuthFailed):
        return "login"
    if isinstance(error, Untrusted):
        return "certificate"
    if isinstance(error, Unreachable):
        return "connection"
    if isinstance(error, InvalidField):
        return "settings"
    if isinstance(error, Gone):
        return "settings"
    return "right" if "403" in error.values.get("status", "") else "service"
