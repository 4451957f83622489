"""Connections that speak no HTTP: the system's trust, no password in the clear, troubles sorted."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from uploader import connections
from uploader.errors import InvalidField, NameUnknown, Refused, Temporary, Unreachable, Untrusted, UploaderError
from uploader.tunnel import reach

SECURITY = ("TLS", "STARTTLS", "none")


def split_address(address: str, port: int, setting: str) -> tuple[str, int]:
    """``mail.example.org`` or ``mail.example.org:587`` as host and port. Raises: InvalidField."""
    host, colon, number = address.strip().rpartition(":")
    if not colon:
        host, number = number, str(port)
    if not host or not number.isdecimal() or not 0 < int(number) < 65536 or any(c.isspace() or c == "/" for c in host):
        raise InvalidField(setting, "“{value}” is no server; it looks like mail.example.org:587", value=address[:60])
    return host, int(number)


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine, as it is written."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def demand_safety(host: str, security: str) -> None:
    """Mail goes in the clear to this machine alone. Raises: InvalidField."""
    if security == "none" and not is_loopback(host):
        raise InvalidField("security", "without encryption everybody on the way reads along; choose TLS or STARTTLS")


def dial(scheme: str, host: str, port: int, stall_s: float) -> socket.socket:
    """A bare connection, by the proxy where one is to be used (``tunnel.reach``); no byte for ``stall_s`` is a stall.

    Raises: Unreachable; Barred.
    """
    with sorted_out(host):
        line, _ = reach(scheme, host, port)
    line.settimeout(stall_s)
    return line


def encrypt(line: socket.socket, host: str) -> ssl.SSLSocket:
    """The same connection under TLS, with what the system trusts. Raises: Untrusted; Temporary."""
    with sorted_out(host):
        return connections.trust().wrap_socket(line, server_hostname=host)


def no_encryption(host: str) -> UploaderError:
    """Somebody in between may have taken the offer away: nothing secret was sent."""
    return Refused("{host} offers no encryption; nothing was sent. Check address, port and network", host=host)


@contextmanager
def sorted_out(host: str) -> Iterator[None]:
    """What goes wrong with a connection, as what to do about it."""
    try:
        yield
    except UploaderError:
        raise
    except ssl.SSLCertVerificationError as error:
        raise Untrusted(
            "the certificate of {host} is not trusted; another computer may be answering in its name", host=host
        ) from error
    except socket.gaierror as error:
        raise NameUnknown("{host} cannot be found; check the address and the network", host=host) from error
    except (ConnectionRefusedError, ConnectionAbortedError) as error:
        raise Unreachable("{host} does not answer", host=host) from error
    except ssl.SSLError as error:
        raise Temporary("{host} could not agree with us on an encryption; check the port", host=host) from error
    except TimeoutError as error:
        raise Unreachable("{host} does not answer", host=host) from error
    except OSError as error:
        unreached = "unreach" in str(error).lower()
        if unreached:
            raise Unreachable("{host} does not answer", host=host) from error
        raise Temporary("the connection to {host} broke off", host=host) from error
