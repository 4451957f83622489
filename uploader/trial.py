"""What ``check`` of a share does when it wants to be sure: a small file goes all the way, is read, and is deleted."""

from __future__ import annotations

import secrets
from contextlib import suppress

from uploader.errors import Refused, UploaderError
from uploader.source import BytesSource, Window
from uploader.transfer import UploadShare
from uploader.ways import PIECE_BYTES, Parts, Stream, Upload, Whole
from uploader.wire import Wire

CONTENT = b"check"
MOST_LIST_BYTES = 16 * 1024 * 1024


def try_out(share: UploadShare) -> None:
    """Stores five bytes as any file, opens their link as its reader would, and deletes them. Raises: UploaderError."""
    probe = Upload(secrets.token_hex(16), "check.txt", len(CONTENT), "text/plain", PIECE_BYTES)
    body = Window(BytesSource(CONTENT), 0, len(CONTENT), lambda size_bytes: None)
    with share.open_wire() as wire, share.open_wire() as stranger:
        way, stored = share.way(wire), ""
        session = way.begin(probe)

        def clean() -> None:
            if stored:
                share.erase(wire, share.receipt(probe, stored))
            else:
                way.abort(probe, session)

        try:
            stored = way.finish(probe, session, _send(way, probe, session, body))
            share.look(stranger, probe, share.link(wire, probe, stored, 1, ""))
        except BaseException:
            with suppress(UploaderError):  # the first trouble is the one to tell
                clean()
            raise
        clean()


def _send(way: Parts | Stream | Whole, probe: Upload, session: str, body: Window) -> dict[int, str]:
    if isinstance(way, Parts):
        return {1: way.send(probe, session, 1, body)}
    if isinstance(way, Whole):
        return {1: way.send(probe, body)}
    way.send(probe, session, body)
    return {}


def refuse_listing(wire: Wire, folder_url: str, upload: Upload) -> None:
    """Raises: Refused when whoever knows the folder's address can see what lies in it, such as this upload."""
    shown = wire.call("GET", folder_url.rstrip("/") + "/", ok=range(200, 600), follow=5, most_bytes=MOST_LIST_BYTES)
    if upload.key in shown.text():
        raise Refused("anyone can list the folder {folder}; switch its listing off", folder=folder_url)
