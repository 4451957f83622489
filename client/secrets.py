"""Passwords and tokens in the system's keychain, and nowhere else.

Only where a machine policy says so (``security.plain_secrets``) a file takes what no keychain takes: ``plain`` is its
place, readable by its owner alone. Without policy ``plain`` is None, and such a file is neither written nor read.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from client.lock import Busy, ProcessLock
from uploader.errors import Temporary
from uploader.setting import Secret

SERVICE = "testigo"
RENEW_S = 60.0
"""How long another one may take to renew a sign-in."""
_writing = threading.Lock()


class NoKeychain(Exception):
    """This system offers no keychain that is open to us. ``str()`` says which, and what to do instead."""

    def __init__(self, text: str, **values: str) -> None:
        super().__init__(text.format(**values))
        self.text, self.values = text, values


class KeychainShut(Temporary):
    """The keychain is locked or does not answer, so nobody knows what it holds. What needs it is tried again."""

    code = "keychain"


class KeychainAbsent(KeychainShut):
    """There is no keychain. Only what cannot do without a secret minds."""


def find(name: str, plain: Path | None = None) -> Secret | None:
    """The secret of a desk or share: from ``TESTIGO_SECRET_<NAME>`` (automation), else from the keychain.

    Raises: KeychainShut; KeychainAbsent.
    """
    given = os.environ.get(environment_name(name))
    return Secret(given) if given else kept(name, plain)


def kept(name: str, plain: Path | None = None) -> Secret | None:
    """The same, whatever the environment says. Raises: KeychainShut; KeychainAbsent."""
    found, shut = _ask(name)
    found = found or _in_file(plain).get(name)
    if not found and shut is not None and not (plain and isinstance(shut, KeychainAbsent)):
        raise shut
    return Secret(found) if found else None


@contextmanager
def locked(name: str, plain: Path | None, lock: Path) -> Iterator[str]:
    """What is kept now; meanwhile nobody else who asks here replaces it, in no thread or process, unless one hangs."""
    with ExitStack() as held:
        with suppress(Busy, OSError):
            held.enter_context(ProcessLock(lock).held(RENEW_S))
        found = find(name, plain)
        yield found.reveal() if found else ""


def trouble() -> KeychainShut | None:
    """Why the keychain cannot be read now; None when it can."""
    return _ask("doctor")[1]


def _ask(name: str) -> tuple[str | None, KeychainShut | None]:
    """What the keychain holds, and why it says nothing."""
    import keyring
    from keyring.errors import KeyringLocked

    variable = environment_name(name)
    if not (which := keychain()):
        return None, KeychainAbsent(
            "no keychain is open here; start one (GNOME Keyring, KWallet), or set {variable} in the environment",
            variable=variable,
        )
    try:
        return keyring.get_password(SERVICE, name), None
    except KeyringLocked:
        return None, KeychainShut(
            "the keychain “{which}” is locked; unlock it, or set {variable} in the environment",
            which=which, variable=variable,
        )  # fmt: skip
    except Exception as error:  # noqa: BLE001  # behind it are many systems, each with failures of its own
        return None, KeychainShut(
            "the keychain “{which}” cannot be read: {why}", which=which, why=str(error) or type(error).__name__
        )


def keep(name: str, secret: Secret, plain: Path | None = None) -> None:
    """Stores the secret, and reads it back to be sure. Raises: NoKeychain; OSError."""
    import keyring
    from keyring.errors import KeyringError

    kept = None
    with suppress(KeyringError, RuntimeError):
        keyring.set_password(SERVICE, name, secret.reveal())
        kept = keyring.get_password(SERVICE, name)
    if kept == secret.reveal():
        _write_file(plain, name, None)
    elif plain is not None:
        _write_file(plain, name, secret.reveal())
    else:
        raise unkept(name)


def unkept(name: str) -> NoKeychain:
    """That this secret was not stored, with what people can do about it, and last what their IT can."""
    if which := keychain():
        return NoKeychain(
            "nothing was saved: the keychain “{which}” did not take the password; unlock it and try again, or ask "
            "whoever looks after this computer (they can also set {variable})",
            which=which, variable=environment_name(name),
        )  # fmt: skip
    return NoKeychain(
        "nothing was saved: no keychain is open on this computer to keep the password; open one (GNOME Keyring or "
        "KWallet; logging in to the desktop anew often does it) and start Testigo again, or ask whoever looks after "
        "this computer (they can also set {variable})",
        variable=environment_name(name),
    )


def forget(name: str, plain: Path | None = None) -> bool:
    """Removes the secret; False when there was none."""
    import keyring
    from keyring.errors import KeyringError

    was_in_file = _write_file(plain, name, None)
    try:
        keyring.delete_password(SERVICE, name)
    except (KeyringError, RuntimeError):
        return was_in_file
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


def _in_file(plain: Path | None) -> dict[str, str]:
    with suppress(OSError, ValueError):
        found = json.loads(plain.read_text("utf-8")) if plain else {}
        return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
    return {}


def _write_file(plain: Path | None, name: str, value: str | None) -> bool:
    """Puts or (None) removes one secret; whether that changed anything. A reader sees the old or the new file."""
    if plain is None:
        return False
    with _writing:
        found = _in_file(plain)
        if found.get(name) == value:
            return False
        changed = {key: kept for key, kept in {**found, name: value}.items() if kept is not None}
        temporary = plain.with_name(f".{plain.name}.{os.getpid()}")
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(changed, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(plain)
    return True
