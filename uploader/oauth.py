"""Signing in at a service by browser, and calling it in the user's name: OAuth 2.0 with a code and PKCE.

For programs that are installed: the code comes back to a port on loopback (RFC 8252, 2017), and is worth nothing
without a secret that never leaves this process (RFC 7636, 2015). The refresh token goes to the keychain; access tokens
stay in memory.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from uploader.errors import AuthFailed, Intercepted, Refused
from uploader.setting import Secret
from uploader.wire import NO_DATA, Body, Reply, Wire, sort_out

PATIENCE_S = 300.0
"""How long the user may take in the browser."""
EARLY_S = 60.0
"""So long before its end an access token is not used any more."""
SHORTEST_S = 300.0
"""How long a token holds whose service does not say. Source: RFC 6749, 4.2.2 (2012): "recommended", not required."""
ANSWER_S = 10.0
"""For one request of the browser."""


@dataclass(frozen=True, slots=True)
class Client:
    """This program as a service knows it. ``secret`` is none: every copy of the program has it.

    ``host`` is the name of this machine in the address that the service sends the browser back to, ``port`` 0 any
    free one. ``extra`` is what the service wants to hear at the sign-in besides the standard's words.
    """

    service: str
    authorize_url: str
    token_url: str
    id: str
    scope: str
    secret: Secret = field(default_factory=lambda: Secret(""))
    host: str = "127.0.0.1"
    port: int = 0
    extra: Mapping[str, str] = field(default_factory=dict)


def sign_in(client: Client, open_url: Callable[[str], None], *, patience_s: float = PATIENCE_S) -> str:
    """The refresh token, once the user has agreed in the browser; blocks until then. Raises: UploaderError."""
    if not client.id:
        raise Refused("{service} wants to know which app asks; fill in the client ID first", service=client.service)
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    with _listen(client, state) as (redirect, answers):
        asked = {
            "response_type": "code", "client_id": client.id, "redirect_uri": redirect, "scope": client.scope,
            "state": state, "code_challenge": challenge, "code_challenge_method": "S256", **client.extra,
        }  # fmt: skip
        open_url(f"{client.authorize_url}?{urlencode(asked)}")
        try:
            answer = answers.get(timeout=patience_s)
        except queue.Empty:
            raise Refused("nobody has signed in at {service} in time; try again", service=client.service) from None
    if "code" not in answer:
        why = "".join(c for c in answer.get("error", "") if c.isalnum() or c == "_")[:40]
        raise Refused("{service} did not let you in ({why}); try again", service=client.service, why=why)
    form = {"grant_type": "authorization_code", "code": answer["code"], "redirect_uri": redirect,
            "code_verifier": verifier}  # fmt: skip
    with Wire() as wire:
        given = _ask_for_token(wire, client, form)
    _demand_rights(client, str(given.get("scope", "")))
    if not (token := str(given.get("refresh_token") or "")):
        raise Refused("{service} lets this app in only once; its registration must allow offline access",
                      service=client.service)  # fmt: skip
    return token


class Login:
    """The user's access, renewed when it is due. Used by several threads; the tokens live in memory only."""

    def __init__(self, client: Client, refresh: Secret) -> None:
        self._client, self._refresh = client, refresh
        self._guard = threading.Lock()
        self._token, self._ends_s = "", 0.0

    def token(self, wire: Wire) -> str:
        """The access token that holds now. Raises: AuthFailed when the user must sign in again; UploaderError."""
        with self._guard:
            if self._token and time.monotonic() < self._ends_s:
                return self._token
            if not self._refresh:
                raise AuthFailed("nobody has signed in at {service} yet", service=self._client.service)
            with self._refresh.locked() as kept:  # one that rotates is used up by whoever renews first
                form = {"grant_type": "refresh_token", "refresh_token": kept.reveal()}
                given = _ask_for_token(wire, self._client, form)
                new = str(given.get("refresh_token") or "")
                self._refresh = kept.replace(new) if new else kept
            with suppress(TypeError, ValueError):
                lasts_s = max(float(given.get("expires_in") or SHORTEST_S) - EARLY_S, 0.0)
                self._ends_s = time.monotonic() + lasts_s
            self._token = str(given["access_token"])
            return self._token

    @property
    def holds(self) -> bool:
        """Whether there is an access token, so that asking for another one makes sense."""
        return time.monotonic() < self._ends_s

    def forget(self) -> None:
        """The service has refused the access token: the next call gets a new one."""
        with self._guard:
            self._ends_s = 0.0


@dataclass(frozen=True, slots=True)
class Account:
    """Calls in the name of the user who signed in."""

    wire: Wire
    login: Login

    def ask(
        self, method: str, url: str, *, content: object = None, headers: Mapping[str, str] | None = None,
        body: bytes | Body = b"", answer_s: float | None = None,
    ) -> Reply:  # fmt: skip
        """The answer, whatever its status. ``content`` goes as JSON. Raises: as ``Wire.call``."""
        sent = {"Authorization": f"Bearer {self.login.token(self.wire)}", **(headers or {})}
        if content is not None:
            sent["Content-Type"], body = "application/json", json.dumps(content).encode()
        return self.wire.call(method, url, headers=sent, body=body, ok=range(200, 600), answer_s=answer_s)


def read_object(reply: Reply) -> dict[str, Any]:
    """The JSON object that was answered. Raises: Temporary when it is something else."""
    found = reply.json()
    if not isinstance(found, dict):
        raise Intercepted(NO_DATA, host=reply.host)
    return found


def error_in(reply: Reply) -> Any:
    """What stands under ``error`` in an answer, however broken the answer is; an empty object if nothing does."""
    with suppress(ValueError, RecursionError):
        found = json.loads(reply.body)
        if isinstance(found, dict):
            return found.get("error", {})
    return {}


def _ask_for_token(wire: Wire, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
    """Source: RFC 6749, 5.1 and 5.2 (2012)."""
    sent = {**form, "client_id": client.id}
    if client.secret:
        sent["client_secret"] = client.secret.reveal()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    reply = wire.call("POST", client.token_url, headers=headers, body=urlencode(sent).encode(), ok=range(200, 600))
    if reply.status == 200:
        given = read_object(reply)
        if not given.get("access_token"):
            raise Intercepted(NO_DATA, host=reply.host)
        return given
    code = error_in(reply)
    if code in ("invalid_grant", "interaction_required"):
        raise AuthFailed("{service} has ended the sign-in; sign in again", service=client.service)
    if code in ("invalid_client", "unauthorized_client"):
        raise Refused(
            "{service} does not know this app; correct client ID and secret in the settings", service=client.service
        )
    raise sort_out(reply)


def _demand_rights(client: Client, granted: str) -> None:
    """A user may untick rights in the browser. Services spell them with and without an address before them."""
    have = {word.rpartition("/")[2].lower() for word in granted.split()}
    want = {word.rpartition("/")[2].lower() for word in client.scope.split()} - {"offline_access"}
    if granted and not want <= have:
        missing = ", ".join(sorted(want - have))
        raise Refused("the sign-in left out a right that is needed ({missing}); try again and agree to all",
                      missing=missing)  # fmt: skip


@contextmanager
def _listen(client: Client, state: str) -> Iterator[tuple[str, queue.Queue[dict[str, str]]]]:
    """The address for the browser to come back to, and where its answer arrives: one that knows ``state``."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    answers: queue.Queue[dict[str, str]] = queue.Queue()

    class Door(BaseHTTPRequestHandler):
        timeout = ANSWER_S

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            answer = {name: values[0] for name, values in parse_qs(parts.query).items()}
            ours = hmac.compare_digest(answer.get("state", "").encode(), state.encode())
            if not ours or parts.path != "/" or not answer.keys() & {"code", "error"}:
                self.send_error(404)
                return
            page = _page("code" in answer, self.headers.get("Accept-Language", ""))
            self.send_response(200)
            for name, value in {**_PAGE_HEADERS, "Content-Length": str(len(page))}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(page)
                self.wfile.flush()
            answers.put(answer)

        def handle(self) -> None:
            with suppress(OSError):  # browsers open connections that they do not use
                super().handle()

        def log_message(self, *_: Any) -> None:
            """The address holds the code."""

    try:
        door = ThreadingHTTPServer(("127.0.0.1", client.port), Door)
    except OSError as error:
        raise Refused("another program uses port {port}, which the sign-in needs; close it and try again",
                      port=str(client.port)) from error  # fmt: skip
    door.daemon_threads = True
    threading.Thread(target=door.serve_forever, kwargs={"poll_interval": 0.1}, name="sign-in", daemon=True).start()
    try:
        yield f"http://{client.host}:{door.server_port}", answers
    finally:
        door.shutdown()
        door.server_close()


_PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "Connection": "close",
}  # fmt: skip
_PAGE = """<!doctype html><html lang="{language}"><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width"><title>Testigo</title>
<body style="font: 1.1rem/1.5 system-ui, sans-serif; max-width: 30rem; margin: 20vh auto; padding: 0 1rem">
<h1 style="font-size: 1.4rem">{title}</h1><p>{text}</p>"""


def _page(agreed: bool, languages: str) -> bytes:
    """What the user sees last, in the first of the browser's languages that is ours."""
    wanted = [word.strip()[:2].lower() for word in languages.split(",")]
    language = next((word for word in wanted if word in ("en", "es")), "en")
    if language == "es":
        title = "Listo" if agreed else "No se inició la sesión"
        text = "Puedes cerrar esta ventana y volver a Testigo."
    else:
        title = "Done" if agreed else "You are not signed in"
        text = "You can close this window and go back to Testigo."
    return _PAGE.format(language=language, title=title, text=text).encode()
