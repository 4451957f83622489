"""What shares have in common whose account a person opens in the browser: the sign-in, its login, its renewal."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from uploader.oauth import Account, Client, Login, sign_in
from uploader.setting import Secret, setting
from uploader.transfer import UploadShare
from uploader.trial import try_out
from uploader.ways import Stream


@dataclass(frozen=True, kw_only=True)
class SignedInShare(UploadShare):
    """``client`` says how the service signs people in."""

    refresh_token: Secret = setting("Sign-in", help="Comes from the browser: “testigo share login”.", kind="secret",
                                    default=Secret(""), rare=True)  # fmt: skip

    @abstractmethod
    def client(self) -> Client: ...

    @cached_property
    def login(self) -> Login:
        return Login(self.client(), self.refresh_token)

    def sign_in(self, show: Callable[[str], None]) -> Mapping[str, str]:
        return {"refresh_token": sign_in(self.client(), show)}

    def check(self) -> None:
        """Sends, links and deletes five bytes. Raises: UploaderError."""
        try_out(self)


class SignedInStream(Stream):
    account: Account

    def renew(self) -> bool:
        self.account.login.forget()
        return True
