"""A strict provider of OAuth 2.0 for programs that are installed, and a browser whose user agrees to everything."""

from __future__ import annotations

import base64
import hashlib
import secrets
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from tests.servers.cloud import Asked, Cloud, Told


@dataclass
class Provider:
    """Each rule with the sentence it comes from. The attributes are what a test may turn."""

    scope: str
    client_id: str = "client-1"
    client_secret: str = ""
    hosts: tuple[str, ...] = ("127.0.0.1",)
    offline: tuple[str, str] = ("access_type", "offline")
    """What must be asked for to get a refresh token; an empty name: the scope ``offline_access``."""
    rotates: bool = False
    declines: bool = False
    grants: str = ""
    """The rights that the user leaves ticked; empty: all."""
    lasts_s: int = 3600
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    refresh: set[str] = field(default_factory=set)
    access: set[str] = field(default_factory=set)
    refreshed: int = 0

    def sign_in(self) -> str:
        """A refresh token, as if the user had been here."""
        self.refresh.add(token := secrets.token_urlsafe(24))
        return token

    def revoke_all(self) -> None:
        self.refresh.clear()
        self.access.clear()

    def admits(self, asked: Asked) -> bool:
        """RFC 6750, 2.1: "Clients SHOULD make authenticated requests with a bearer token using the "Authorization"
        request header field"."""
        kind, _, token = asked.headers.get("authorization", "").partition(" ")
        return kind == "Bearer" and token in self.access

    def authorize(self, asked: Asked) -> Told:
        query = asked.query
        redirect = urlsplit(query["redirect_uri"])
        # RFC 8252, 8.3: "Loopback redirect URIs use the http scheme"; 7.3: any port.
        assert redirect.scheme == "http" and redirect.hostname in self.hosts and redirect.port
        assert redirect.path in ("", "/") and not redirect.query and not redirect.fragment
        # RFC 6749, 4.1.1: "response_type REQUIRED. Value MUST be set to "code"."
        assert query["response_type"] == "code" and query["client_id"] == self.client_id
        assert set(query["scope"].split()) == set(self.scope.split())
        # RFC 8252, 6: "Public native app clients MUST implement PKCE"; 7636, 4.2: "S256"; 4.1: 43 characters and more.
        assert query["code_challenge_method"] == "S256" and len(query["code_challenge"]) == 43
        # RFC 8252, 8.9: "It is RECOMMENDED that apps include a high-entropy secure random number in the "state""
        assert len(query["state"]) >= 22
        back = {"state": query["state"]}
        if self.declines:
            return self._send_back(query["redirect_uri"], {**back, "error": "access_denied"})
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return self._send_back(query["redirect_uri"], {**back, "code": code})

    def token(self, asked: Asked) -> Told:
        form = asked.form
        if form.get("client_id") != self.client_id or form.get("client_secret", "") != self.client_secret:
            return Told(401, {"error": "invalid_client"})
        if form["grant_type"] == "authorization_code":
            # RFC 6749, 4.1.2: "The client MUST NOT use the authorization code more than once."
            wanted = self.codes.pop(form["code"], None)
            if wanted is None or wanted["redirect_uri"] != form["redirect_uri"]:
                return Told(400, {"error": "invalid_grant"})
            # RFC 7636, 4.6: "If the values are not equal, an error response indicating "invalid_grant" […] MUST be
            # returned."
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != wanted["code_challenge"]:
                return Told(400, {"error": "invalid_grant"})
            name, value = self.offline
            asks = wanted.get(name) == value if name else value in wanted["scope"].split()
            return Told(200, {**self._access(), **({"refresh_token": self.sign_in()} if asks else {})})
        assert form["grant_type"] == "refresh_token"
        if form["refresh_token"] not in self.refresh:
            return Told(400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."})
        self.refreshed += 1
        given = self._access()
        if self.rotates:
            # RFC 6749, 6: "The authorization server MAY revoke the old refresh token after issuing a new refresh token"
            self.refresh.discard(form["refresh_token"])
            given["refresh_token"] = self.sign_in()
        return Told(200, given)

    def _access(self) -> dict[str, object]:
        self.access.add(token := secrets.token_urlsafe(24))
        scope = self.grants or self.scope
        return {"access_token": token, "token_type": "Bearer", "expires_in": self.lasts_s, "scope": scope}

    @staticmethod
    def _send_back(redirect: str, answer: dict[str, str]) -> Told:
        return Told(302, b"", {"Location": f"{redirect}?{urlencode(answer)}"})


class OAuthServer(Cloud):
    """A provider, and a service behind its login: by itself one that lets in or does not."""

    authorize_path, token_path = "/authorize", "/token"

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.refusals: list[tuple[int, str]] = []
        """Status and code of the next calls."""
        self.damages = False
        """The next file that is put together is not what came."""
        super().__init__()

    def answer(self, asked: Asked) -> Told:
        if asked.path.endswith(self.authorize_path):
            return self.provider.authorize(asked)
        if asked.path.endswith(self.token_path):
            return self.provider.token(asked)
        return self.serve(asked)

    def serve(self, asked: Asked) -> Told:
        return Told(200 if self.provider.admits(asked) else 401)

    def damaged(self, content: bytes) -> bytes:
        """What is kept of it."""
        if not (self.damages and content):
            return content
        self.damages = False
        return content[:-1] + b"?"


class Browser:
    """Opens what it is shown and follows where it leads; ``pages`` is what its user saw last."""

    def __init__(self, languages: str = "en") -> None:
        self.languages = languages
        self.pages: list[str] = []
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def open(self, url: str) -> None:
        request = urllib.request.Request(url, headers={"Accept-Language": self.languages})
        try:
            with self._opener.open(request, timeout=20) as page:
                self.pages.append(page.read().decode())
        except urllib.error.HTTPError as refused:
            with refused:
                self.pages.append(str(refused.code))
