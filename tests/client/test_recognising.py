"""Who answers at an address that somebody typed, where it is not the help desk."""

from __future__ import annotations

from pathlib import Path

from client.setup import Search
from tests.servers.tls_proxy import ISSUER, LookingProxy


def test_who_looks_into_the_connection_is_named_at_the_first_step(tmp_path: Path) -> None:
    looking = LookingProxy(tmp_path, "http://127.0.0.1:9")
    with looking.instead() as port:
        found = Search(f"https://127.0.0.1:{port}/helpdesk").run()
    looking.stop()
    assert (found.kind, found.no_way) == ("", True)
    assert ISSUER in found.trouble
    assert "Do not go on" in found.trouble
