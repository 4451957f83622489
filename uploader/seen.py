"""What an address shows to somebody who knows nothing of it: how a desk is recognised without being configured."""

from __future__ import annotations

import re
import ssl
import time
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from uploader.dialling import is_loopback
from uploader.errors import UploaderError
from uploader.wire import Reply, Wire

PATIENCE_S = 8.0
MOST_S = 30.0
"""Of a whole search: nothing is asked afterwards."""
MOST_BYTES = 512 * 1024


@dataclass
class _Host:
    """What is known of the host, whichever of its pages is meant."""

    wire: Wire
    until_s: float
    pages: dict[tuple[str, str], Reply | None] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)
    trouble: UploaderError | None = None


class Seen:
    """The pages under one address, each asked for once, without credentials.

    ``url`` is the address that was typed, without query and slash at its end; where no scheme was typed and nobody
    answers by https on this machine or at the port that was named, it is http. ``mail`` is set instead when a mail
    address was typed. ``trouble`` is what kept the host from answering at all: then nothing more is asked of it.
    """

    def __init__(self, wire: Wire, typed: str, most_s: float = MOST_S) -> None:
        typed = typed.strip()
        self.mail = typed if "@" in typed and "://" not in typed and "/" not in typed else ""
        address = "" if self.mail else typed if "://" in typed else f"https://{typed}"
        self.page_url = address.partition("#")[0].rstrip("/")
        self.url = self.page_url.partition("?")[0].rstrip("/")
        self.host = (urlsplit(address).hostname or "") if address else self.mail.rpartition("@")[2].lower()
        has_port = bool(re.search(r":\d+$", urlsplit(address).netloc))
        self._may_be_bare = "://" not in typed and (has_port or is_loopback(self.host))
        self._of = _Host(wire, time.monotonic() + most_s)

    @property
    def trouble(self) -> UploaderError | None:
        return self._of.trouble

    @property
    def tried(self) -> tuple[str, ...]:
        """Where somebody was asked for, as scheme, host and port."""
        return tuple(self._of.tried)

    def stopped(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self._of.wire.is_cut

    @property
    def late(self) -> bool:
        """Whether the time for the whole search is over."""
        return time.monotonic() >= self._of.until_s

    @property
    def root(self) -> str:
        """The address without its path."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def cut(self, *pages: str) -> Seen:
        """The same host seen from above the first of these ``pages``, each a path as this kind of desk has them.

        People paste what stands in their browser: a ticket, a list, the login.
        """
        self._reached()
        words = "|".join(re.escape(page.rstrip("/")) for page in pages)
        begin = re.search(rf"(?:{words})(?![A-Za-z_-])", path := urlsplit(self.url).path)
        found = copy(self)
        found.url = self.root + (path[: begin.start()] if begin else path)
        return found

    def is_page(self, page: str) -> bool:
        """Whether the very address that was typed ends with this path."""
        return urlsplit(self.page_url).path.rstrip("/").endswith(page)

    def get(self, path: str = "") -> Reply | None:
        """What stands at ``path`` below the address, whatever its status; None when nothing answers.

        ``path`` beginning with "/" is looked for under the host itself.
        """
        return self._ask("GET", path)

    def post(self, path: str) -> Reply | None:
        """What an empty request to create something is answered: a refusal that names the service."""
        return self._ask("POST", path)

    def _ask(self, method: str, path: str) -> Reply | None:
        if not self._reached():
            return None
        address = urljoin(self.root, path) if path.startswith("/") else f"{self.url}/{path}".rstrip("/")
        return self._call(method, address, 5 if method == "GET" else 0)

    def page(self) -> Reply | None:
        """What stands at the very address, with its query."""
        return self._call("GET", self.page_url, 5) if self._reached() else None

    def _reached(self) -> bool:
        """Whether somebody answers there. What does not once is not asked again: each try may last some seconds."""
        if not self.url or self.trouble:
            return False
        if not self._of.tried:
            self._of.trouble = self._knock()
            if self.trouble and self._may_be_bare and not _is_impostor(self.trouble):
                self.url, self.page_url = (each.replace("https://", "http://", 1) for each in (self.url, self.page_url))
                self._of.trouble = self._knock()
        return self.trouble is None

    def _knock(self) -> UploaderError | None:
        self._of.tried.append(self.root)
        try:
            self._of.wire.call("GET", self.url, ok=range(200, 600), most_bytes=0, answer_s=PATIENCE_S)
        except UploaderError as error:
            return error
        return None

    def _call(self, method: str, address: str, follow: int) -> Reply | None:
        known, left = self._of.pages, self._of.until_s - time.monotonic()
        if (method, address) not in known and left > 0:
            known[method, address] = None
            with suppress(UploaderError):
                known[method, address] = self._of.wire.call(
                    method, address, ok=range(200, 600), follow=follow, most_bytes=MOST_BYTES,
                    answer_s=min(PATIENCE_S, left),
                )  # fmt: skip
        return known.get((method, address))

    def text(self, path: str = "") -> str:
        """The page's words; empty when there is none."""
        reply = self.get(path)
        return reply.text() if reply is not None else ""

    def json(self, path: str) -> object:
        """What stands there as JSON; None when it is none."""
        reply = self.get(path)
        with suppress(UploaderError):
            return None if reply is None else reply.json()
        return None


def _is_impostor(error: BaseException | None) -> bool:
    """Whether somebody answered by https whom this computer does not trust: he is asked nothing in the clear."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None
