"""A strict osTicket on loopback: tickets come in, and that is all.

Each rule with its sentence: [V] setup/doc/api/tickets.md and include/api.tickets.php of osTicket 1.18, [K] known from
practice.
"""

from __future__ import annotations

import base64
import re
from typing import Any

from tests.servers.cloud import Asked, Cloud, Told

SUPPORTED = {"alert", "autorespond", "source", "topicId", "attachments", "message", "ip", "priorityId", "name", "email",
             "subject", "phone", "centro"}  # fmt: skip
PLAIN = {"Content-Type": "text/plain; charset=UTF-8"}


class OsTicketServer(Cloud):
    def __init__(self) -> None:
        self.tickets: list[dict[str, Any]] = []
        self.key = "K1"
        """Empty: a relay stands before it, which adds the key."""
        self.most_bytes = 8_000_000
        self.made = 201
        super().__init__()

    def answer(self, asked: Asked) -> Told:
        if asked.method == "GET":
            page = b'<html><a id="poweredBy" href="https://osticket.com">Helpdesk</a></html>'  # [K]
            return Told(200, page, {"Content-Type": "text/html"})
        assert (asked.method, asked.path) == ("POST", "/api/tickets.json")
        if self.key and asked.headers.get("x-api-key") != self.key:
            return Told(401, b"API key not authorized", PLAIN)  # [V] exerr(401, "API key not authorized")
        if asked.length > self.most_bytes:
            return Told(413, b"", PLAIN)
        given = asked.json()
        if set(given) - SUPPORTED:
            return Told(400, b"Unexpected or invalid data received", PLAIN)  # [V] "Unsupported field sent"
        # [V] email, name, subject, message: "required"
        if not all(given.get(name) for name in ("email", "name", "subject", "message")):
            return Told(400, "No se puede crear: errores de validación".encode(), PLAIN)
        assert isinstance(given["priorityId"], int)  # [V] "Data type mismatch (text send for numeric field)"
        text = decoded(given["message"])
        files = []
        for item in given["attachments"]:
            ((name, data),) = item.items()  # [V] {"image.png": "data:image/png;base64,R0lGODdhMAA..."}
            files.append((name, decoded(data)))
        number = f"{400000 + len(self.tickets)}"
        self.tickets.append({**given, "number": number, "text": text.decode(), "files": files})
        return Told(
            self.made, number.encode(), PLAIN
        )  # [V] "the content of the response will be the external ticket id"


def decoded(url: str) -> bytes:
    """[V] RFC 2397, "Incorrectly encoded base64 data" is refused."""
    found = re.fullmatch(r"data:[\w.+-]+/[\w.+-]+(;charset=[\w-]+)?;base64,(.*)", url, re.DOTALL)
    assert found, url[:60]
    return base64.b64decode(found[2], validate=True)
