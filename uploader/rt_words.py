"""What Request Tracker hands out, its oddities undone: its lists, its texts and files."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from uploader.cargo import Cargo
from uploader.errors import Temporary
from uploader.rest import MOST_TALK, Rest, objects_in, text_in
from uploader.ticket import Attachment

PAGE = 100
"""Entries of a list at a time."""
NOT_KEPT = ("AttachmentTruncate", "AttachmentDrop", "AttachmentError")


def pages(rest: Rest, path: str, wanted: Mapping[str, str]) -> list[dict[str, Any]]:
    """All entries of a list that RT hands out a hundred at a time.

    What this user may not see (internal comments, sent mails) is left out of its page, so a short or an empty
    page may have others behind it, and RT tells the end to nobody but its administrators. Source: AddRecord and
    CurrentUserCanSeeAll of RT 5.0.3. Two empty ones in a row are held for the end.
    """
    found, page, empty, items = list[dict[str, Any]](), 0, 0, list[dict[str, Any]]()
    while empty < 2 and len(found) < MOST_TALK:
        page, before = page + 1, items
        items = objects_in(rest.read("GET", path, query={**wanted, "page": str(page)}), "items")
        if items and items == before:  # who answers does not turn pages
            break
        empty = 0 if items else empty + 1
        found += items
    return found


def kept_type(file: Attachment) -> str:
    """RT turns texts of other encodings into UTF-8: what is none goes as bytes, which it leaves alone."""
    if not file.media_type.startswith("text/"):
        return file.media_type
    try:
        file.path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return "application/octet-stream"
    return file.media_type


def spoiled(rest: Rest, key: str, cargo: Cargo) -> Attachment | None:
    """A file that came with the newest message and was dropped or cut: RT is set up to do so with large ones, answers
    201 all the same, and goes on telling their whole length. It notes it in the ticket's history alone. Source:
    _EncodeLOB of RT::Record and Create of RT::Attachment, RT 5.0.3."""
    newest = {"fields": "Type,Data,OldValue", "orderby": "id", "order": "DESC", "per_page": str(PAGE)}
    noted = [item for item in objects_in(rest.read("GET", f"ticket/{key}/history", query=newest), "items")
             if text_in(item, "Type") in NOT_KEPT]  # fmt: skip
    told = {(text_in(item, "Data"), text_in(item, "OldValue")) for item in noted}
    return next((file for file in cargo.files
                 if {(cargo.name(file), str(file.size_bytes)), (cargo.name(file), "")} & told), None)  # fmt: skip


def content_of(rest: Rest, number: str) -> bytes:
    """A file's bytes, or a text's in UTF-8: RT packs both into base64."""
    found = rest.read("GET", f"attachment/{number}", most_bytes=64 * 1024 * 1024)
    try:
        return base64.b64decode(text_in(found, "Content"))
    except binascii.Error as error:
        raise Temporary("{host} answered with something else than data", host=rest.url) from error
