"""The files of a ticket: what arrives is what was attached, or nothing does."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.servers.cloud import Asked, Cloud, Told
from uploader.cargo import Cargo
from uploader.errors import FileChanged
from uploader.form import Form, Part
from uploader.ticket import Attachment, quiet
from uploader.wire import Wire


class Taker(Cloud):
    def __init__(self) -> None:
        super().__init__()
        self.whole: list[bytes] = []

    def answer(self, asked: Asked) -> Told:
        self.whole.append(asked.body)
        return Told()


@pytest.mark.parametrize("place", [0, 199_999])
def test_a_file_that_changes_after_it_was_compared_never_arrives_whole(tmp_path: Path, place: int) -> None:
    path, content = tmp_path / "a.bin", bytes(200_000)
    path.write_bytes(content)
    file = Attachment("a.bin", path, len(content), "application/octet-stream", hashlib.sha256(content).hexdigest())
    cargo, server = Cargo([file], quiet), Taker()
    try:
        with Wire() as wire:
            wire.call("PUT", f"{server.url}/a", body=cargo.body(file))
            path.write_bytes(content[:place] + b"x" + content[place + 1 :])
            form = Form((), [Part("file", "a.bin", "", cargo.body(file))], file.sha256)
            for body in (cargo.body(file), form):
                with pytest.raises(FileChanged, match="has changed"):
                    wire.call("PUT", f"{server.url}/a", body=body)
    finally:
        server.stop()
    assert server.whole == [content]
    with pytest.raises(FileChanged):
        cargo.base64(file)


def test_what_is_missing_is_told_by_name_and_size_and_then_by_size_alone(tmp_path: Path) -> None:
    files = []
    for name, content in (("a.txt", b"a"), ("ñ.txt", b"22"), ("b.txt", b"333")):
        (tmp_path / name).write_bytes(content)
        files.append(Attachment(name, tmp_path / name, len(content), "", hashlib.sha256(content).hexdigest()))
    cargo = Cargo(files, quiet)
    assert cargo.missing([("a.txt", 7), ("n.txt", 2), ("b.txt", 3)]) == files[:1]
    assert cargo.missing([("b.txt", 3)]) == files[:2]
