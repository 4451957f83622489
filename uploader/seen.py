"""What an address shows to somebody who knows nothing of it: how a desk is recognised without being configured."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urljoin, urlsplit

from uploader.errors import UploaderError
from uploader.wire import Reply, Wire

PATIENCE_S = 10.0
MOST_BYTES = 512 * 1024


class Seen:
    """The pages under one address, each asked for once, without credentials. ``url`` ends without a slash.

    ``mail`` is set instead when a mail address was typed. ``trouble`` is what kept the address from answering at all.
    """

    def __init__(self, wire: Wire, typed: str) -> None:
        typed = typed.strip()
        self.mail = typed if "@" in typed and "://" not in typed and "/" not in typed else ""
        address = "" if self.mail else typed if "://" in typed else f"https://{typed}"
        self.url = address.rstrip("/")
        self.host = (urlsplit(address).hostname or "") if address else self.mail.rpartition("@")[2].lower()
        self.trouble: UploaderError | None = None
        self._wire, self._pages = wire, dict[tuple[str, str], Reply | None]()

    def stopped(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self._wire.is_cut

    @property
    def root(self) -> str:
        """The address without its path."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def get(self, path: str = "") -> Reply | None:
        """What stands at ``path`` below the address, whatever its status; None when nothing answers.

        ``path`` beginning with "/" is looked for under the host itself.
        """
        return self._ask("GET", path)

    def post(self, path: str) -> Reply | None:
        """What an empty request to create something is answered: a refusal that names the service."""
        return self._ask("POST", path)

    def _ask(self, method: str, path: str) -> Reply | None:
        if not self.url:
            return None
        if (method, path) not in self._pages:
            address = urljoin(self.root, path) if path.startswith("/") else f"{self.url}/{path}".rstrip("/")
            self._pages[method, path] = None
            try:
                follow = 5 if method == "GET" else 0
                self._pages[method, path] = self._wire.call(
                    method, address, ok=range(200, 600), follow=follow, most_bytes=MOST_BYTES, answer_s=PATIENCE_S
                )
            except UploaderError as error:
                self.trouble = self.trouble or error
        return self._pages[method, path]

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
