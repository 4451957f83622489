"""Which proxy the way to an address leads through: the organisation's PAC file, else what the system says.

The file is JavaScript of the organisation's; it runs in an interpreter without files or network, and what it answers
is kept for a while. A file that cannot be had or run is logged once, and the system's own proxy is used.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener, getproxies, proxy_bypass

if TYPE_CHECKING:
    from pypac.parser import PACFile

KEEP_S = 600.0
"""How long the file, and what it said of a host, holds."""
MOST_BYTES = 1024 * 1024
FETCH_S = 10.0

log = logging.getLogger(__name__)


class _Pac:
    """The file that is in force. Any thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._source, self._file, self._read_s = "", None, 0.0
        self._answers: dict[str, tuple[float, str]] = {}

    def use(self, source: str) -> None:
        """``source``: an address (http, https, file) or a path; empty: none."""
        with self._guard:
            if source != self._source:
                self._source, self._file, self._read_s = source, None, 0.0
                self._answers.clear()

    def ask(self, url: str, host: str) -> str | None:
        """What the file says of this host: "", or a proxy's address; None when there is no file that works."""
        with self._guard:
            if not self._source:
                return None
            known = self._answers.get(host)
            if known is not None and time.monotonic() - known[0] < KEEP_S:
                return known[1]
            file = self._loaded()
            if file is None:
                return None
            try:
                found = _first(str(file.find_proxy_for_url(_plain(url), host)))
            except Exception as error:  # noqa: BLE001  # whatever a stranger's script does
                log.warning("the proxy script failed: %s", type(error).__name__)
                return None
            self._answers[host] = (time.monotonic(), found)
            return found

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
    parts = urlsplit(url)
    host = parts.hostname or ""
    said = _PAC.ask(url, host)
    if said is not None:
        return said
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return ""
    proxies = getproxies()
    if host == "localhost" or not proxies or proxy_bypass(host):
        return ""
    found = proxies.get(parts.scheme) or proxies.get("all") or ""
    return found if "://" in found or not found else f"http://{found}"


def _first(answer: str) -> str:
    """The first way of ``PROXY a:1; DIRECT`` that we can go. Source: the Proxy Auto-Configuration format (MDN)."""
    for way in answer.split(";"):
        kind, _, place = way.strip().partition(" ")
        if kind.upper() == "DIRECT":
            return ""
        if kind.upper() in ("PROXY", "HTTP", "HTTPS") and place.strip():
            return f"{'https' if kind.upper() == 'HTTPS' else 'http'}://{place.strip()}"
    return ""


def _plain(url: str) -> str:
    """What the script may know: the host, never a path that is a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/"


def _fetch(source: str) -> str:
    address = source if "://" in source else f"file://{source}"
    opener = build_opener(ProxyHandler({}))
    with opener.open(Request(address), timeout=FETCH_S) as reply:  # noqa: S310  # the organisation's own setting
        return str(reply.read(MOST_BYTES).decode("utf-8", "replace"))
