"""Where the way to a service is cut: name, connection, certificate, login, right. For ``check`` and for setting up."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BufferedRWPair
from urllib.parse import urlsplit

from uploader import connections
from uploader.errors import AuthFailed, Barred, Gone, InvalidField, Unreachable, Untrusted, UploaderError
from uploader.proxy import place_of
from uploader.tunnel import reach, way_by

CONNECT_S = 10.0
MOST_LINES, MOST_LINE_BYTES = 100, 1000
"""Of one answer of a mail server."""
TALKS = {
    "smtp": tuple((asked, rb"\d{3}( |\r?\n)", rb"2") for asked in (b"", b"EHLO [127.0.0.1]\r\n", b"STARTTLS\r\n")),
    "imap": ((b"", rb"\* ", rb"\* OK"), (b"T1 STARTTLS\r\n", rb"T1 ", rb"T1 OK")),
}
"""How TLS is asked for: what is sent, the last line of its answer, and when that says yes."""


@dataclass(frozen=True, slots=True)
class Step:
    """One part of the way. ``name``: proxy, dns, connection, certificate, login, right, settings, service.

    ``text`` and ``values`` say more, as an error does; ``text`` is empty where there is nothing to say. ``field`` is
    the setting that is wrong, as far as it is known. ``door`` is what kind of door it leads to: https, smtp, imap.
    """

    name: str
    ok: bool
    text: str = ""
    values: tuple[tuple[str, str], ...] = ()
    field: str = ""
    door: str = ""


def walk(doors: Sequence[str], check: Callable[[], None]) -> Iterator[Step]:
    """The steps to a service, ended by the first that fails. Blocks.

    ``doors`` are its addresses: of the web, or a mail server's as ``Desk.doors`` writes them.
    """
    passed = list[Step]()
    for door in doors:
        kind = urlsplit(door).scheme.partition("+")[0]
        for step in _to_the_door(door):
            passed.append(replace(step, door=kind))
            if not step.ok:
                yield from passed
                return
    try:
        check()
    except UploaderError as error:
        name = _named(error)
        yield from (step for step in passed if step.name != name)  # it was not as good as it looked
        yield Step(name, False, error.text, tuple(error.values.items()), getattr(error, "name", ""))
        return
    yield from passed
    yield Step("login", True)


def _to_the_door(url: str) -> Iterator[Step]:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    secured = parts.scheme == "https" or parts.scheme.endswith(("+tls", "+starttls"))
    if by_proxy := _by_proxy(parts.scheme.partition("+")[0], host, port):
        yield by_proxy
        if secured and by_proxy.ok:
            yield _certificate(parts.scheme, host, port)
        return
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        yield Step("dns", False, "{host} cannot be found; check the address and the network", (("host", host),))
        return
    yield Step("dns", True, "{host} is {address}", (("host", host), ("address", str(found[0][4][0]))))
    try:
        with socket.create_connection((host, port), CONNECT_S):
            pass
    except OSError:
        yield Step("connection", False, "{host} does not answer", (("host", f"{host}:{port}"),))
        return
    yield Step("connection", True)
    if secured:
        yield _certificate(parts.scheme, host, port)


def _by_proxy(scheme: str, host: str, port: int) -> Step | None:
    """The step to the proxy; None: the way does not lead by one."""
    proxy = ""
    with suppress(Unreachable):  # a name that is none
        proxy = way_by(scheme, host, port).proxy
    if proxy and scheme != "http":  # which is asked for page by page
        try:
            line, proxy = reach(scheme, host, port, CONNECT_S)
            line.close()
        except UploaderError as error:
            return Step(_named(error), False, error.text, tuple(error.values.items()))
    return Step("proxy", True, "by the proxy {host}", (("host", place_of(proxy)),)) if proxy else None


def _certificate(scheme: str, host: str, port: int) -> Step:
    try:
        made_by = _issuer(_handshake(scheme, host, port, connections.trust()))
    except ssl.SSLError:
        issuer = issuer_of(host, port, scheme)
        if not issuer:
            return Step("certificate", False, "the certificate of {host} is not trusted, and it does not say who made "
                        "it; another computer may be answering in its name", (("host", host),))  # fmt: skip
        said = (("host", host), ("issuer", issuer))
        return Step("certificate", False, "the certificate of {host} was made by “{issuer}”, whom this computer does "
                    "not trust: perhaps a proxy that looks into connections", said)  # fmt: skip
    except NotOffered:
        return Step("certificate", False, "{host} offers no encryption; nothing was sent. Check address, port and "
                    "network", (("host", host),))  # fmt: skip
    except (OSError, UploaderError):
        return Step("certificate", False, "{host} does not answer", (("host", f"{host}:{port}"),))
    if scheme == "https" or not made_by:
        return Step("certificate", True)
    return Step("certificate", True, "{host} shows one that “{issuer}” made", (("host", host), ("issuer", made_by)))


def issuer_of(host: str, port: int, scheme: str = "https") -> str:
    """Who made the certificate that is shown at this address, trusted or not; empty when it cannot be told."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # only looked at, nothing is sent
    with suppress(OSError, ValueError, NotOffered, UploaderError):
        return _issuer(_handshake(scheme, host, port, context))
    return ""


def _issuer(shown: bytes) -> str:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    with suppress(ValueError):
        issuer = x509.load_der_x509_certificate(shown).issuer
        for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
            for name in issuer.get_attributes_for_oid(kind):
                return "".join(c for c in str(name.value) if c.isprintable())[:80]
    return ""


class NotOffered(Exception):
    """A mail server without STARTTLS."""


def _handshake(scheme: str, host: str, port: int, context: ssl.SSLContext) -> bytes:
    """The certificate that is shown. Raises: OSError; NotOffered."""
    kind, _, offered = scheme.partition("+")
    line, _ = reach(kind, host, port, CONNECT_S)
    with line:
        if offered == "starttls":
            with line.makefile("rwb") as talk:
                _ask_for_tls(talk, kind)
        with context.wrap_socket(line, server_hostname=host) as safe:
            return safe.getpeercert(binary_form=True) or b""


def _ask_for_tls(talk: BufferedRWPair, kind: str) -> None:
    """Source: RFC 3207 (2002); RFC 3501 (2003), 6.2.1. Raises: NotOffered; OSError."""
    for asked, ends, agrees in TALKS[kind]:
        talk.write(asked)
        talk.flush()
        line = talk.readline(MOST_LINE_BYTES)
        for _ in range(MOST_LINES):
            if re.match(ends, line):
                break
            line = talk.readline(MOST_LINE_BYTES)
        if not re.match(agrees, line):
            raise NotOffered


def _named(error: UploaderError) -> str:
    if isinstance(error, AuthFailed):
        return "login"
    if isinstance(error, Untrusted):
        return "certificate"
    if isinstance(error, Barred):
        return "proxy"
    if isinstance(error, Unreachable):
        return "connection"
    if isinstance(error, InvalidField):
        return "settings"
    if isinstance(error, Gone):
        return "settings"
    return "right" if "403" in error.values.get("status", "") else "service"
