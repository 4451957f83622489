"""What went wrong outside, sorted by what to do now.

    UploaderError
    ├─ Temporary(retry_after_s)   tries again by itself: network, 429, 5xx
    │   ├─ Unreachable            nobody answers: offline, a share that is not mounted
    │   │   ├─ Barred             a proxy on the way does not let us through
    │   │   ├─ Untrusted          somebody answers whose certificate is not trusted
    │   │   └─ Intercepted        something else answers: the login page of a network
    │   ├─ NoSpace                the other side is full
    │   └─ OutcomeUnknown         it was sent and the answer got lost
    ├─ Refused                    a person must act
    │   ├─ AuthFailed
    │   ├─ MaybeSent              it may have arrived, and nobody can be asked: the user decides, by sending again
    │   ├─ InvalidField(name)
    │   │   └─ FieldWanted        the desk wants one of its own fields: asked, and remembered
    │   ├─ FileRefused(attachment)  the desk does not take this file: it goes as a link
    │   ├─ TooLarge(limit_bytes)
    │   ├─ Gone                   what was asked for is not there, or no longer (an expired upload)
    │   ├─ PasteLink(url)         no program can send it there: a person uploads and pastes the link
    │   └─ FileChanged            not the file that was attached, or gone
    └─ Cancelled                  the user stopped it

``str(error)`` is one English sentence with the detail a person can act upon, and never a secret. Its ``text`` and
``values`` are kept apart (``"the folder {folder} is not there"``, ``{"folder": "/x"}``), so that it can be translated.
``code`` is the stable word that the command line prints and that translations hang on.
"""

from __future__ import annotations

from typing import ClassVar


class UploaderError(Exception):
    code: ClassVar[str] = "failed"

    def __init__(self, text: str, **values: str) -> None:
        super().__init__(text.format(**values) if values else text)
        self.text, self.values = text, values


class Temporary(UploaderError):
    """Will be tried again. ``retry_after_s`` is the service's own wish and wins over our schedule."""

    code = "temporary"

    def __init__(self, text: str, *, retry_after_s: float | None = None, **values: str) -> None:
        super().__init__(text, **values)
        self.retry_after_s = retry_after_s


class Unreachable(Temporary):
    """Nobody answers: offline, a share that is not mounted, a server that is down."""

    code = "unreachable"


class NameUnknown(Unreachable):
    """Nobody here knows a host of this name: it is mistyped, or there is no network."""


class Barred(Unreachable):
    """A proxy on the way does not let us through, or does not answer."""


class Untrusted(Unreachable):
    """Somebody answers whose certificate is not trusted: a login page of the network, or an attacker."""

    code = "untrusted"


class Intercepted(Unreachable):
    """Something else answers in the service's place: a network that wants people to sign in, or a proxy in between."""

    code = "intercepted"


class NoSpace(Temporary):
    """The other side is full."""

    code = "no_space"


class OutcomeUnknown(Temporary):
    code = "outcome_unknown"


class Refused(UploaderError):
    code = "refused"


class AuthFailed(Refused):
    code = "auth_failed"


class MaybeSent(Refused):
    """It may have arrived, and the service cannot be asked. Every try says so until the user has
    answered: ``uploader.remote.it_arrived`` or ``send_again``."""

    code = "maybe_sent"


class InvalidField(Refused):
    code = "invalid_field"

    def __init__(self, name: str, text: str, **values: str) -> None:
        super().__init__(text, **values)
        self.name = name


class FieldWanted(InvalidField):
    """The desk wants one of its own fields to be filled in; ``name`` as the desk calls it. Asked, and remembered."""

    code = "field_wanted"


class FileRefused(Refused):
    """The desk does not take this file (its type, its size): it goes as a link instead."""

    code = "file_refused"

    def __init__(self, attachment: str, text: str, **values: str) -> None:
        super().__init__(text, **values)
        self.attachment = attachment


class TooLarge(Refused):
    code = "too_large"

    def __init__(self, text: str, *, limit_bytes: int | None = None, **values: str) -> None:
        super().__init__(text, **values)
        self.limit_bytes = limit_bytes


class Gone(Refused):
    """What was asked for is not there, or no longer: an upload session that expired, a link that was revoked."""

    code = "gone"


class FileChanged(Refused):
    """The file is not the one whose hash was taken when it was attached, or is gone."""

    code = "file_changed"


class PasteLink(Refused):
    """No program can send it there: a person uploads it at ``url`` and pastes the link."""

    code = "paste_link"

    def __init__(self, url: str, text: str, **values: str) -> None:
        super().__init__(text, **values)
        self.url = url


class Cancelled(UploaderError):
    code = "cancelled"
