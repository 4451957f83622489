"""Which proxy the way to an address leads through: the organisation's PAC file, else what the environment or the system
says. Mail, chat and SFTP ask as ``smtp://host:587/``, ``imap``, ``xmpp``, ``sftp``.

The file is JavaScript of the organisation's; it runs in an interpreter without files or network, and what it answers
is kept for a while. A file that cannot be had or run is logged once, and the system's own proxy is used.
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit
from urllib.request import ProxyHandler, Request, build_opener, getproxies, proxy_bypass

from uploader.errors import Barred

if TYPE_CHECKING:
    from pypac.parser import PACFile

KEEP_S = 600.0
"""How long the file, and what it said of an address, holds."""
SILENT_S = 300.0
"""How long a proxy that did not answer is passed over for the next one."""
MOST_BYTES = 1024 * 1024
FETCH_S = 10.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Way:
    """``proxy`` is its address with its credentials; empty: none. ``only``: no other way was named. What is no HTTP may
    go straight where the proxy that the system has for the web does not let it through, as mail programs do.
    """

    proxy: str = field(default="", repr=False)
    only: bool = False

    @property
    def place(self) -> str:
        """The proxy as it may be told."""
        return place_of(self.proxy)


class _Pac:
    """The file that is in force. Any thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._source, self._file, self._read_s = "", None, 0.0
        self._answers: dict[str, tuple[float, tuple[Way, ...]]] = {}
        self._silent: dict[str, float] = {}

    def use(self, source: str) -> None:
        """``source``: an address (http, https, file) or a path; empty: none."""
        with self._guard:
            if source != self._source:
                self._source, self._file, self._read_s = source, None, 0.0
                self._answers.clear()

    def ask(self, url: str, host: str) -> Way | None:
        """What the file says of this address; None when there is no file that works."""
        asked = _plain(url)
        with self._guard:
            if not self._source:
                return None
            known = self._answers.get(asked)
            if known is not None and time.monotonic() - known[0] < KEEP_S:
                return self._best(known[1])
            file = self._loaded()
            if file is None:
                return None
            try:
                found = _ways(str(file.find_proxy_for_url(asked, host)))
            except Exception as error:  # noqa: BLE001  # whatever a stranger's script does
                log.warning("the proxy script failed: %s", type(error).__name__)
                return None
            self._answers[asked] = (time.monotonic(), found)
            return self._best(found)

    def _best(self, ways: tuple[Way, ...]) -> Way:
        """The first that is not known to be silent, else the first."""
        since = time.monotonic() - SILENT_S
        return next((way for way in ways if self._silent.get(way.proxy, since) <= since), ways[0])

    def pass_over(self, url: str, proxy: str) -> bool:
        with self._guard:
            _, ways = self._answers.get(_plain(url), (0.0, ()))
            if proxy and len(ways) > 1:
                self._silent[proxy] = time.monotonic()
            return bool(ways) and self._best(ways).proxy != proxy

    def _loaded(self) -> PACFile | None:
        if self._read_s and time.monotonic() - self._read_s < KEEP_S:
            return self._file
        self._read_s = time.monotonic()
        try:
            from pypac.parser import PACFile

            self._file = PACFile(_fetch(self._source))
        except Exception as error:  # noqa: BLE001  # no network, no such file, no JavaScript
            log.warning("the proxy script cannot be used: %s", type(error).__name__)
            self._file = None
        return self._file


_PAC = _Pac()


def use_pac(source: str) -> None:
    """From now on the way to every address is looked up in this PAC file first; empty: in none."""
    _PAC.use(source.strip())


def proxy_for(url: str) -> str:
    """The proxy for this address, with its credentials; empty: none."""
    return way_to(url).proxy


def pass_over(url: str, proxy: str) -> bool:
    """This proxy does not let us through: for a while the next one is gone by that the script names. Is there one?"""
    return _PAC.pass_over(url, proxy)


def way_to(url: str) -> Way:
    """As curl does: ``<scheme>_proxy``, then ``all_proxy``; what is no HTTP goes by that of ``https`` at last.

    One that we cannot speak to is passed over for one that we can: desktops set ``all_proxy`` to SOCKS beside others.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    said = _PAC.ask(url, host)
    if said is not None:
        return said
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return Way()
    proxies = getproxies()
    if host == "localhost" or not proxies or proxy_bypass(host):
        return Way()
    ways = [Way(_written_out(proxies.get(name, "")), only=True) for name in (parts.scheme, "all")]
    if parts.scheme != "http":
        ways.append(Way(_written_out(proxies.get("https", ""))))
    named = [way for way in ways if way.proxy]
    return next((way for way in named if _speaks_http(way.proxy)), named[0] if named else Way())


def _written_out(proxy: str) -> str:
    """As an address, also where signs stand in the password that should have been encoded."""
    if not proxy:
        return ""
    scheme, _, rest = proxy.rpartition("://") if "://" in proxy.partition("@")[0] else ("http", "", proxy)
    login, at, place = rest.rpartition("@")
    return f"{scheme}://{quote(login, safe='%:')}{at}{place}"


def _speaks_http(proxy: str) -> bool:
    return urlsplit(proxy).scheme in ("http", "https")


def place_of(proxy: str) -> str:
    """Host and port of a proxy, without its credentials."""
    parts = urlsplit(proxy)
    with contextlib.suppress(ValueError):
        return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    return "…"


def authorization(proxy: str) -> str:
    """What lets us in at it, out of its address, where name and password are percent-encoded; empty: nothing."""
    parts = urlsplit(proxy)
    if not parts.username:
        return ""
    told = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(told.encode()).decode()}"


def demand_http(proxy: str) -> None:
    """Raises: Barred when it is no proxy that we can speak to."""
    scheme = urlsplit(proxy).scheme
    if not _speaks_http(proxy):
        raise Barred(
            "the proxy {proxy} speaks {protocol}, which this program does not; ask your IT for one that speaks HTTP",
            proxy=place_of(proxy), protocol="SOCKS" if "socks" in scheme else scheme[:20],
        )  # fmt: skip


def _ways(answer: str) -> tuple[Way, ...]:
    """Those of ``PROXY a:1; PROXY b:1; DIRECT`` that we can go, in their order; else SOCKS, which is refused in words.

    Source: the Proxy Auto-Configuration format (MDN).
    """
    ways, socks = list[Way](), list[Way]()
    for way in answer.split(";"):
        kind, _, place = way.strip().partition(" ")
        kind, place = kind.upper(), place.strip()
        if kind == "DIRECT":
            ways.append(Way())
        elif kind in ("PROXY", "HTTP", "HTTPS") and place:
            ways.append(Way(f"{'https' if kind == 'HTTPS' else 'http'}://{place}", only=True))
        elif kind.startswith("SOCKS") and place:
            socks.append(Way(f"socks://{place}", only=True))
    return tuple(ways or socks or [Way()])


def _plain(url: str) -> str:
    """What the script may know: the host, never a path that is a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/"


def _fetch(source: str) -> str:
    address = source if "://" in source else f"file://{source}"
    opener = build_opener(ProxyHandler({}))
    with opener.open(Request(address), timeout=FETCH_S) as reply:  # noqa: S310  # the organisation's own setting
        return str(reply.read(MOST_BYTES).decode("utf-8", "replace"))
