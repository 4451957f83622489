"""A keychain of a test's own: one JSON file, named by ``TESTIGO_TEST_KEYCHAIN``."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError


class FileKeychain(KeyringBackend):
    priority = 1.0  # type: ignore[assignment]

    @property
    def file(self) -> Path:
        return Path(os.environ["TESTIGO_TEST_KEYCHAIN"])

    def kept(self) -> dict[str, str]:
        return dict(json.loads(self.file.read_text("utf-8"))) if self.file.exists() else {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept().get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.file.write_text(json.dumps(self.kept() | {username: password}), "utf-8")

    def delete_password(self, service: str, username: str) -> None:
        kept = self.kept()
        if kept.pop(username, None) is None:
            raise PasswordDeleteError(username)
        self.file.write_text(json.dumps(kept), "utf-8")


class FullKeychain(FileKeychain):
    """One that takes no more than so many."""

    name = "Wallet"
    room = 0

    def set_password(self, service: str, username: str, password: str) -> None:
        if username in self.kept() or len(self.kept()) < self.room:
            super().set_password(service, username, password)


class ShutKeychain(FileKeychain):
    """One that somebody may lock, and that may break in a way of its own."""

    name = "Wallet"
    failing: Exception | None = KeyringLocked("Failed to unlock the collection!")

    def get_password(self, service: str, username: str) -> str | None:
        if self.failing is not None:
            raise self.failing
        return super().get_password(service, username)
