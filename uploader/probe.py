"""Where the way to a service is cut: name, connection, certificate, login, right. For ``check`` and for setting up."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from uploader import connections
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


def walk(doors: Sequence[str], check: Callable[[], None]) -> Iterator[Step]:
    """The steps to a service, ended by the first that fails. Blocks.

    ``doors`` are its addresses: of the web, or a mail server's as ``Desk.doors`` writes them.
    """
    passed = list[Step]()
    for door in doors:
        for step in _to_the_door(door):
            passed.append(step)
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
    is_web = parts.scheme in ("http", "https")
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if is_web and (proxy := proxy_for(url)):
        there = urlsplit(proxy)
        yield Step("proxy", True, "by the proxy {host}", (("host", f"{there.hostname}:{there.port or 80}"),))
        return  # names and certificates are the proxy's business until a request goes through
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        yield Step("dns", False, "{host} is not known here; check the address and the network", (("host", host),))
        return
    yield Step("dns", True, "{host} is {address}", (("host", host), ("address", str(found[0][4][0]))))
    place = (("host", f"{host}:{port}"),)
    try:
        with socket.create_connection((host, port), CONNECT_S):
            pass
    except OSError:
        yield Step("connection", False, "{host} does not answer", place)
        return
    yield Step("connection", True) if is_web else Step("connection", True, "{host} answers", place)
    if parts.scheme == "https" or parts.scheme.endswith(("+tls", "+starttls")):
        yield _certificate(parts.scheme, host, port)


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
    except OSError:
        return Step("certificate", False, "{host} does not answer", (("host", f"{host}:{port}"),))
    if scheme == "https" or not made_by:
        return Step("certificate", True)
    return Step("certificate", True, "{host} shows one that “{issuer}” made", (("host", host), ("issuer", made_by)))


def issuer_of(host: str, port: int, scheme: str = "https") -> str:
    """Who made the certificate that is shown at this address, trusted or not; empty when it cannot be told."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # only looked at, nothing is sent
    with suppress(OSError, ValueError, NotOffered):
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
    if scheme == "smtp+starttls":
        import smtplib

        try:
            with smtplib.SMTP(host, port, "[127.0.0.1]", CONNECT_S) as out:
                out.starttls(context=context)
                return _shown(out.sock)
        except smtplib.SMTPNotSupportedError as error:
            raise NotOffered from error
    if scheme == "imap+starttls":
        import imaplib

        try:
            box = imaplib.IMAP4(host, port, CONNECT_S)
            try:
                box.starttls(context)
                return _shown(box.sock)
            finally:
                box.shutdown()
        except imaplib.IMAP4.error as error:
            raise NotOffered from error
    with (
        socket.create_connection((host, port), CONNECT_S) as line,
        context.wrap_socket(line, server_hostname=host) as safe,
    ):
        return _shown(safe)


def _shown(line: socket.socket | None) -> bytes:
    return (line.getpeercert(binary_form=True) if isinstance(line, ssl.SSLSocket) else None) or b""


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
