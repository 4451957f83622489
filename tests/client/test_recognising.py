"""Who answers at an address that somebody typed, where it is not the help desk."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path

from client.setup import Search
from tests.servers.tls_proxy import ISSUER, LookingProxy


def test_who_looks_into_the_connection_is_named_at_the_first_step(tmp_path: Path) -> None:
    looking = LookingProxy(tmp_path, "http://127.0.0.1:9")
    context = looking._context("127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    line, _ = door.accept()
                    try:
                        context.wrap_socket(line, server_side=True).close()
                    except OSError:
                        line.close()

        threading.Thread(target=serve, daemon=True).start()
        found = Search(f"https://127.0.0.1:{door.getsockname()[1]}/helpdesk").run()
        door.shutdown(socket.SHUT_RDWR)
    looking.stop()
    assert (found.kind, found.no_way) == ("", True)
    assert ISSUER in found.trouble
    assert "Do not go on" in found.trouble
