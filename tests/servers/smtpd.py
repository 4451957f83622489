"""A provider's mail server: takes mail in on three ports (bare, STARTTLS, TLS) and hands it to Dovecot by LMTP.

Runs in the servers' own Python: ``smtpd.py CONFIGURATION.json``. What it does with a mail hangs on its recipient, as
the names in ``Provider.handle_RCPT`` say. It answers as ``ana``'s provider: password or XOAUTH2, SIZE 26214400.
"""

from __future__ import annotations

import json
import smtplib
import ssl
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller  # type: ignore[import-not-found]
from aiosmtpd.smtp import MISSING, AuthResult, LoginPassword  # type: ignore[import-not-found]

SIZE_BYTES = 26_214_400
PASSWORD = "secret-1234"


class Provider:
    def __init__(self, lmtp_port: int, token_url: str) -> None:
        self._lmtp_port, self._token_url = lmtp_port, token_url
        self._greylisted: set[str] = set()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        name = address.partition("@")[0].partition("+")[0]
        if name == "nobody":
            return "550 5.1.1 <nobody@desk.test>: Recipient address rejected: User unknown"
        if name == "full":
            return "552 5.2.2 Mailbox full"
        if name == "greylist" and envelope.mail_from not in self._greylisted:
            self._greylisted.add(envelope.mail_from)
            return "450 4.2.0 Greylisted, see http://postgrey.example.org/"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        name = envelope.rcpt_tos[0].partition("@")[0].partition("+")[0]
        if name == "small" and len(envelope.content) > 100_000:
            return "552 5.3.4 Message size exceeds fixed limit"
        if name == "spam":
            return "554 5.7.1 Message rejected as spam"
        with smtplib.LMTP("127.0.0.1", self._lmtp_port) as line:
            line.sendmail(envelope.mail_from, envelope.rcpt_tos, envelope.content)
        return "250 2.0.0 Ok: queued as 4C1234"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        good = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
        return AuthResult(success=good, handled=good)

    async def auth_XOAUTH2(self, server: Any, arguments: list[str]) -> Any:
        """Source: Google, "OAuth 2.0 Mechanism": user=…^Aauth=Bearer …^A^A; a wrong token gets a challenge first."""
        import base64

        words = base64.b64decode(arguments[1]).decode()
        user, token = words[5:].partition("\x01")[0], words.partition("auth=Bearer ")[2].rstrip("\x01")
        try:
            with urllib.request.urlopen(self._token_url + token, timeout=10) as reply:
                good = user == json.load(reply)["email"]
        except OSError:
            good = False
        if not good:
            failed = await server.challenge_auth('{"status":"400","schemes":"Bearer"}')
            return AuthResult(success=False, handled=False) if failed is not MISSING else MISSING
        return AuthResult(success=True, auth_data=user)


def run() -> None:
    told = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    provider = Provider(told["lmtp"], told["tokens"])
    trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trusted.load_cert_chain(told["certificate"])
    common = {"hostname": "127.0.0.1", "data_size_limit": SIZE_BYTES, "authenticator": provider.authenticate,
              "auth_required": True, "auth_exclude_mechanism": ["LOGIN"]}  # fmt: skip
    controllers = [
        Controller(provider, port=told["bare"], auth_require_tls=False, **common),
        Controller(provider, port=told["starttls"], tls_context=trusted, require_starttls=True, **common),
        Controller(provider, port=told["tls"], ssl_context=trusted, auth_require_tls=False, **common),
    ]
    for controller in controllers:
        controller.start()
    threading.Event().wait()


if __name__ == "__main__":
    run()
