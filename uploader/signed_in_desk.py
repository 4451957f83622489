"""What desks have in common that people enter by a sign-in in the browser: its settings, its login, its renewal."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from uploader.errors import AuthFailed
from uploader.oauth import Client, Login, sign_in
from uploader.remote import RemoteDesk
from uploader.rest import Rest
from uploader.setting import Secret, setting
from uploader.wire import Reply

PORT = 47814
"""Of the sign-in: these services send browsers back to addresses that were registered, port included."""


@dataclass(frozen=True, kw_only=True)
class SignedInDesk(RemoteDesk):
    """``client`` says how the service signs people in."""

    client_id: str = setting(
        "Client ID", help="Of the app that your company has registered at the service.", default=""
    )
    refresh_token: Secret = setting("Sign-in", help="Comes from the browser: “testigo desk login”.", kind="secret",
                                    default=Secret(""), rare=True)  # fmt: skip
    port: int = field(default=PORT)

    @abstractmethod
    def client(self) -> Client: ...

    @cached_property
    def login(self) -> Login:
        return Login(self.client(), self.refresh_token)

    def sign_in(self, show: Callable[[str], None]) -> Mapping[str, str]:
        return {"refresh_token": sign_in(self.client(), show)}


@dataclass(frozen=True, slots=True)
class SignedInRest(Rest):
    """Calls in the name of whoever signed in; an access token that the service has dropped is renewed once."""

    account: Login | None = None

    def call(self, method: str, path: str, **more: Any) -> Reply:
        """Raises: as ``Rest.call``; AuthFailed when the user must sign in again."""
        if self.account is None:
            return Rest.call(self, method, path, **more)
        headers = more.pop("headers", None) or {}
        try:
            return Rest.call(self, method, path, headers={**headers, **self._bearer()}, **more)
        except AuthFailed:
            self.account.forget()
        return Rest.call(self, method, path, headers={**headers, **self._bearer()}, **more)

    def _bearer(self) -> dict[str, str]:
        assert self.account is not None
        return {"Authorization": f"Bearer {self.account.token(self.wire)}"}
