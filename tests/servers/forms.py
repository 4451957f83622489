"""A ``multipart/form-data`` body as a server reads it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.servers.cloud import Asked


@dataclass(frozen=True)
class FormPart:
    name: str
    filename: str
    kind: str
    content: bytes


def parts_of(asked: Asked) -> list[FormPart]:
    """Byte-exact, in their order. RFC 7578 (2015)."""
    kind, _, boundary = asked.headers["content-type"].partition("boundary=")
    assert kind.startswith("multipart/form-data;") and boundary
    mark = b"--" + boundary.strip('"').encode()
    pieces = (b"\r\n" + asked.body).split(b"\r\n" + mark)
    assert pieces[0] == b"" and pieces[-1].strip() == b"--", "it has a beginning and an end"
    return [_part(piece.removeprefix(b"\r\n")) for piece in pieces[1:-1]]


def _part(piece: bytes) -> FormPart:
    head, _, content = piece.partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    told = {name.lower(): value for name, value in fields.items()}
    words = dict(word.strip().split("=", 1) for word in told["content-disposition"].split(";") if "=" in word)
    values = {name: value.strip('"').replace("%22", '"') for name, value in words.items()}
    return FormPart(values["name"], values.get("filename", ""), told.get("content-type", ""), content)
