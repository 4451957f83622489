"""What is wrong with a custom uploader or with the answer it got."""

from __future__ import annotations

from typing import ClassVar

from uploader.errors import Refused


class SxcuFault(Refused):
    """A person must act: the file, or the service behind it, is not what it should be."""

    code: ClassVar[str] = "sxcu"
