"""The OpenID provider ``oidc-provider`` of npm, and a person in front of its pages."""

from __future__ import annotations

import html
import re
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from pathlib import Path

from tests.servers.process import PLACE, Process, find_node, free_port


@dataclass(frozen=True, slots=True)
class OidcProvider:
    url: str
    process: Process

    def stop(self) -> None:
        self.process.stop()


def start_oidc(folder: Path) -> OidcProvider:
    """Raises: NotInstalled."""
    node, _ = find_node("oidc-provider")
    port = free_port()
    script = Path(__file__).with_suffix(".mjs").read_text("utf-8")
    command = [node, "--input-type=module", "--eval", script, "--", str(port)]
    return OidcProvider(f"http://127.0.0.1:{port}", Process(command, folder, port, working_folder=PLACE / "node"))


@dataclass
class Person:
    """Follows the provider's pages: types a name, and agrees or turns away. ``seen`` are the pages' addresses."""

    agrees: bool = True
    seen: list[str] = field(default_factory=list)

    def open(self, url: str) -> None:
        import threading

        threading.Thread(target=self._go, args=(url,), daemon=True).start()

    def _go(self, url: str) -> None:
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        page = self._ask(opener, url, None)
        for _ in range(4):
            form = re.search(r'<form[^>]*action="([^"]+)"', page)
            if form is None:
                return
            if not self.agrees:
                leave = re.search(r'href="([^"]*abort)"', page)
                assert leave, page[:500]
                page = self._ask(opener, urllib.parse.urljoin(self.seen[-1], html.unescape(leave[1])), None)
                continue
            fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
            fields |= {"login": "ana", "password": "x"} if 'name="login"' in page else {}
            target = urllib.parse.urljoin(self.seen[-1], html.unescape(form[1]))
            page = self._ask(opener, target, urllib.parse.urlencode(fields).encode())

    def _ask(self, opener: urllib.request.OpenerDirector, url: str, body: bytes | None) -> str:
        with opener.open(url, body, timeout=20) as reply:
            self.seen.append(reply.url)
            return str(reply.read().decode("utf-8", "replace"))
