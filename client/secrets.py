"""Passwords and tokens in the system's keychain, and nowhere else."""

from __future__ import annotations

import os
import re

from uploader.setting import Secret

SERVICE = "testigo"


class NoKeychain(Exception):
    """This system offers no keychain that is open to us. ``str()`` says what to do instead."""


def find(name: str) -> Secret | None:
    """The secret of a desk or share: from ``TESTIGO_SECRET_<NAME>`` (automation), else from the keychain."""
    given = os.environ.get(environment_name(name))
    if given:
        return Secret(given)
    import keyring
    from keyring.errors import KeyringError

    try:
        kept = keyring.get_password(SERVICE, name)
    except KeyringError:
        return None
    return Secret(kept) if kept else None


def keep(name: str, secret: Secret) -> None:
    """Stores the secret, and reads it back to be sure. Raises: NoKeychain."""
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.set_password(SERVICE, name, secret.reveal())
        kept = keyring.get_password(SERVICE, name)
    except (KeyringError, RuntimeError) as error:
        raise NoKeychain(_advice(name)) from error
    if kept != secret.reveal():
        raise NoKeychain(_advice(name))


def forget(name: str) -> bool:
    """Removes the secret; False when there was none."""
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.delete_password(SERVICE, name)
    except (KeyringError, RuntimeError):
        return False
    return True


def keychain() -> str:
    """The name of the keychain that would be used; empty when none is open."""
    import keyring
    from keyring.backends import fail, null

    backend = keyring.get_keyring()
    if isinstance(backend, fail.Keyring | null.Keyring):
        return ""
    return str(getattr(backend, "name", backend))


def environment_name(name: str) -> str:
    """``help-desk`` → ``TESTIGO_SECRET_HELP_DESK``."""
    return "TESTIGO_SECRET_" + re.sub(r"[^A-Z0-9]", "_", name.upper())


def _advice(name: str) -> str:
    return (
        "no keychain is open on this system, so nothing was stored; "
        f"start one (GNOME Keyring, KWallet), or set {environment_name(name)} in the environment"
    )
