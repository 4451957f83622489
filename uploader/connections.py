"""The connections under the wire: the system's proxy, the system's trust, and a look at every address before use."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from uploader.errors import (
    Barred,
    NameUnknown,
    OutcomeUnknown,
    Refused,
    Temporary,
    Unreachable,
    Untrusted,
    UploaderError,
)
from uploader.proxy import authorization, demand_http

if TYPE_CHECKING:
    from ssl import SSLContext

    from urllib3 import PoolManager

BLOCK_BYTES = 256 * 1024
"""What is written to a connection at once. A block that does not go within the wire's stall time is a stall: 4 kB/s is
enough."""


class Forbidden(OSError):
    """The address of a connection that policy does not allow."""


def open_pools(proxy: str, admit: Callable[[socket.socket], None], stall_s: float) -> PoolManager:
    """Pools of connections. ``admit`` is called with each before a byte is sent, and may raise. Raises: Barred."""
    import logging

    import urllib3
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            line = super()._new_conn()
            admit(line)
            return line

        def request(self, *arguments: Any, **named: Any) -> None:
            if self.sock is not None:  # connected long ago: from here on only a stall counts
                self.timeout = stall_s
            super().request(*arguments, **named)

    class Safe(Plain, HTTPSConnection):
        pass

    # What it logs below an error are addresses, and ours are secrets.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    options: dict[str, Any] = {"maxsize": 8, "blocksize": BLOCK_BYTES, "ssl_context": trust()}
    if proxy:
        demand_http(proxy)
        headers = {"Proxy-Authorization": told} if (told := authorization(proxy)) else None
        manager: PoolManager = urllib3.ProxyManager(proxy, proxy_headers=headers, **options)
    else:
        manager = urllib3.PoolManager(**options)
    plain = type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": Plain})
    safe = type("SafePool", (HTTPSConnectionPool,), {"ConnectionCls": Safe})
    manager.pool_classes_by_scheme = {"http": plain, "https": safe}
    return manager


@cache
def trust() -> SSLContext:
    """What the operating system trusts, the company's own authorities included."""
    import ssl

    import truststore

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def joined(base: str, link: str) -> str:
    """Where a link of ``base`` leads; empty when it is no address at all."""
    try:
        found = urljoin(base, link)
        return found if urlsplit(found).port != 0 else ""
    except ValueError:
        return ""


def why_lost(error: Exception, host: str, *, all_out: bool, some: bool) -> UploaderError:
    """Why there is no answer. Once the whole request is out (``all_out``, ``some``: it has a body) it may have been
    carried out, whatever the error says: behind a proxy a lost answer looks like the proxy's."""
    from urllib3 import exceptions as known

    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        reason = getattr(cause, "reason", None)
        cause = reason if isinstance(reason, BaseException) else cause.__cause__ or cause.__context__
    if all_out and some:
        return OutcomeUnknown("the answer of {host} got lost", host=host)
    for cause in causes:
        if isinstance(cause, Forbidden):
            return Refused("{host} lies in a private network, which this service may not reach", host=host)
        if isinstance(cause, known.LocationParseError):
            return Refused("“{host}” is no web address; it begins with https://", host=host)
        if isinstance(cause, known.SSLError) or "CERTIFICATE_VERIFY" in str(cause):
            return Untrusted(
                "the certificate of {host} is not trusted; another computer may be answering in its name", host=host
            )
    for cause in causes:
        if isinstance(cause, known.ProxyError):
            return Barred("the proxy on the way to {host} does not let us through", host=host)
        if isinstance(cause, known.NameResolutionError):
            return NameUnknown("{host} cannot be found; check the address and the network", host=host)
        if isinstance(cause, known.NewConnectionError | known.ConnectTimeoutError):
            return Unreachable("{host} does not answer", host=host)
    if all_out:
        return OutcomeUnknown("the answer of {host} got lost", host=host)
    return Temporary("the connection to {host} broke off", host=host)
