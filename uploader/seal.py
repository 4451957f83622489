"""A file encrypted on this computer, so that whoever stores it cannot read it. Knows no service and no network.

The sealed file, byte by byte (all numbers big-endian):

    ====== ==== ===================================================================================
    offset size
    ====== ==== ===================================================================================
    0      8    ``TESTIGO`` and the version of the format, 1
    8      16   salt = HMAC-SHA-256(key, "salt" ‖ contents)[:16]
    24     16   mark: tells a wrong key from a damaged file
    40     4112 record 0: the contents, JSON padded with spaces to 4096 bytes
    4152   …    records 1 … n of 1 MiB (the last one shorter) of the file; an empty file has one empty record
    ====== ==== ===================================================================================

``HMAC-SHA-512(key, header[:24])`` gives the AES key (32 bytes), the nonces' prefix (7) and the mark (16). A record is
AES-256-GCM with the tag (16) at its end, nonce = prefix ‖ its number (4) ‖ 1 if it is the last of the file, else 0, and
the 40 bytes before record 0 as additional data: the STREAM construction, so no record can be moved, left out or added.
Source: Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance",
2015.

Everything follows from key and file, so a resumed upload makes any range again. The same key and nonce must never meet
other bytes: a file that changed gets a new key from the caller; should its size, name or SHA-256 have been taken anew
and the key not, the salt still makes it another AES key. What a reader without the key learns is the size.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from uploader.connections import BLOCK_BYTES
from uploader.errors import FileChanged, Refused
from uploader.folder_access import sorted_faults
from uploader.names import clean_name
from uploader.seal_page import KEY_BYTES, key_text, page, read_key, read_sealed_link, sealed_link
from uploader.ticket import Attachment, Progress, quiet

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["Contents", "Sealed", "key_text", "new_key", "page", "read_key", "read_sealed_link", "sealed_link", "unseal",
           "unseal_to"]  # fmt: skip

RECORD_BYTES = 1 << 20
_MAGIC = b"TESTIGO\x01"
_HEADER_BYTES = 40
_CONTENTS_BYTES = 4096
_TAG_BYTES = 16
_ROOM_BYTES = RECORD_BYTES + _TAG_BYTES
_FILE_AT = _HEADER_BYTES + _CONTENTS_BYTES + _TAG_BYTES
_MOST_RECORDS = (1 << 32) - 1


def new_key() -> bytes:
    """A random key for one file, ``KEY_BYTES`` long."""
    return secrets.token_bytes(KEY_BYTES)


@dataclass(frozen=True)
class Sealed:
    """A file as it looks sealed; nothing is written to disk. Any thread may open it, any number of times."""

    file: Attachment
    key: bytes = field(repr=False)

    @property
    def size_bytes(self) -> int:
        """Of the sealed file; nothing is read."""
        return _FILE_AT + self.file.size_bytes + _count(self.file.size_bytes) * _TAG_BYTES

    def open(self) -> SealedReader:
        """One open file, for one thread. Raises: FileChanged when the file is gone or has another size."""
        return SealedReader(self.file, self._lock, self._front)

    @cached_property
    def _front(self) -> bytes:
        """All that stands before the file's own records."""
        sealed = bytearray(_CONTENTS_BYTES + _TAG_BYTES)
        self._lock.seal(0, False, _pack(self.file), memoryview(sealed))
        return self._lock.header + sealed

    @cached_property
    def _lock(self) -> _Lock:
        return _Lock(self.key, hmac.digest(self.key, b"salt" + _pack(self.file), "sha256")[:16])


class SealedReader:
    """Any range of a sealed file: the records it touches are made again from the plain file, and kept for the next."""

    def __init__(self, file: Attachment, lock: _Lock, front: bytes) -> None:
        self._file, self._lock, self._front = file, lock, front
        self._plain, self._sealed = memoryview(bytearray(RECORD_BYTES)), memoryview(bytearray(_ROOM_BYTES))
        self._number = -1
        with self._faults():
            self._source = file.path.open("rb", buffering=0)
        if os.fstat(self._source.fileno()).st_size != file.size_bytes:
            self._source.close()
            raise self._changed()

    def read_into(self, buffer: memoryview, offset: int) -> None:
        """Fills the whole buffer, which must not reach beyond the end. Raises: FileChanged."""
        at = 0
        while at < len(buffer):
            part = self.block(offset + at, len(buffer) - at)
            buffer[at : at + len(part)] = part
            at += len(part)

    def block(self, offset: int, most_bytes: int) -> memoryview:
        """At least one byte from ``offset`` on and at most so many. Raises: FileChanged."""
        if offset < _FILE_AT:
            return memoryview(self._front)[offset : offset + most_bytes]
        number, start = divmod(offset - _FILE_AT, _ROOM_BYTES)
        rest = self._record(number)[start:]
        if len(rest) > BLOCK_BYTES + _TAG_BYTES:  # the tag goes with what is before it, not alone
            rest = rest[:BLOCK_BYTES]
        return rest[:most_bytes]

    def close(self) -> None:
        self._source.close()

    def _record(self, number: int) -> memoryview:
        size_bytes, place = self._file.size_bytes, number * RECORD_BYTES
        wanted = min(RECORD_BYTES, size_bytes - place)
        if number != self._number:
            self._number, have = -1, 0
            with self._faults():
                self._source.seek(place)
                while have < wanted:
                    read = self._source.readinto(self._plain[have:wanted])
                    if not read:
                        raise self._changed()
                    have += read
            self._lock.seal(number + 1, number + 1 == _count(size_bytes), self._plain[:wanted], self._sealed)
            self._number = number
        return self._sealed[: wanted + _TAG_BYTES]

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FileChanged("“{name}” cannot be read any more; attach it again", name=self._file.name) from error

    def _changed(self) -> FileChanged:
        return FileChanged("“{name}” has changed since it was attached", name=self._file.name)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a sealed file says about the file in it; ``name`` is the sender's word, not yet fit for a disk."""

    name: str
    size_bytes: int
    media_type: str
    sha256: str


def unseal(blocks: Iterable[bytes], key: bytes) -> tuple[Contents, Iterator[bytes]]:
    """What is in a sealed file, and its bytes as they prove genuine; the last of them only when the SHA-256 is right.

    ``blocks`` are the whole sealed file in pieces of any size. Whoever writes the bytes down keeps them only when the
    iterator has ended.

    Raises: Refused, at once or while iterating: wrong key, damaged, cut, longer or not a sealed file.
    """
    source = _Source(blocks)
    header = bytes(source.take(_HEADER_BYTES))
    if header[:7] != _MAGIC[:7]:
        raise Refused("this is not a sealed file; check the download, or copy the link again")
    if header[7:8] != _MAGIC[7:]:
        raise Refused("this file was sealed by a newer Testigo; update this one")
    if len(header) < _HEADER_BYTES:
        raise _cut()
    lock = _Lock(key, header[8:24])
    if not hmac.compare_digest(lock.header, header):
        raise Refused("the key does not fit this file; copy the whole link or key again")
    contents = _unpack(lock.open(0, False, source.take_all(_CONTENTS_BYTES + _TAG_BYTES)))
    return contents, _genuine(contents, lock, source)


def unseal_to(blocks: Iterable[bytes], key: bytes, folder: Path, progress: Progress = quiet) -> Path:
    """The file out of a sealed one, under a harmless name that was free, readable by its owner alone.

    Raises: Refused, as ``unseal``; UploaderError about the folder; whatever ``progress`` raises. Then nothing is left.
    """
    contents, records = unseal(blocks, key)
    done = 0
    with sorted_faults(folder):
        handle, name = tempfile.mkstemp(".part", ".", folder)  # 0600, whatever the umask
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                for record in records:
                    file.write(record)
                    done += len(record)
                    progress(done, contents.size_bytes)
                file.flush()
                os.fsync(file.fileno())
            return _settle(part, folder / clean_name(contents.name))
        except BaseException:
            part.unlink(missing_ok=True)
            raise


class _Lock:
    """The key at work on one file."""

    def __init__(self, key: bytes, salt: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        made = hmac.digest(key, _MAGIC + salt, "sha512")
        self._aes: AESGCM = AESGCM(made[:32])
        self._prefix = made[32:39]
        self.header = _MAGIC + salt + made[39:55]

    def _nonce(self, number: int, last: bool) -> bytes:
        return self._prefix + number.to_bytes(4, "big") + bytes([last])

    def seal(self, number: int, last: bool, plain: bytes | memoryview, sealed: memoryview) -> None:
        """Writes the record to the beginning of ``sealed``."""
        self._aes.encrypt_into(self._nonce(number, last), plain, self.header, sealed[: len(plain) + _TAG_BYTES])

    def open(self, number: int, last: bool, sealed: memoryview) -> bytes:
        """Raises: Refused."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._aes.decrypt(self._nonce(number, last), sealed, self.header)
        except InvalidTag as error:
            raise _damaged() from error


class _Source:
    """Pieces of any size, taken in the sizes that are wanted."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks, self._rest = iter(blocks), memoryview(b"")

    def take(self, wanted_bytes: int) -> memoryview:
        """Exactly so many bytes; fewer at the end."""
        pieces, have = [self._rest], len(self._rest)
        while have < wanted_bytes and (block := next(self._blocks, None)) is not None:
            pieces.append(memoryview(block))
            have += len(block)
        whole = pieces[0] if len(pieces) == 1 else memoryview(b"".join(pieces))
        self._rest = whole[wanted_bytes:]
        return whole[:wanted_bytes]

    def take_all(self, wanted_bytes: int) -> memoryview:
        """Raises: Refused when there are fewer."""
        taken = self.take(wanted_bytes)
        if len(taken) < wanted_bytes:
            raise _cut()
        return taken


def _genuine(contents: Contents, lock: _Lock, source: _Source) -> Iterator[bytes]:
    count, left, digest = _count(contents.size_bytes), contents.size_bytes, hashlib.sha256()
    for number in range(1, count + 1):
        wanted = min(RECORD_BYTES, left) + _TAG_BYTES
        plain = lock.open(number, number == count, source.take_all(wanted))
        digest.update(plain)
        left -= len(plain)
        if number == count:
            if len(source.take(1)):
                raise Refused("the sealed file is longer than it was when it was sent; ask for it again")
            if digest.hexdigest() != contents.sha256:
                raise Refused("the file was changed while it was being sent; ask for it again")
        yield plain


def _count(size_bytes: int) -> int:
    """How many records a file of this size has."""
    return max(1, -(-size_bytes // RECORD_BYTES))


def _pack(file: Attachment) -> bytes:
    """Always of the same length. The name as it came: cleaning is the reader's, and its rules may change."""
    name = file.name.encode("utf-8", "replace")[:400].decode("utf-8", "ignore")
    contents = {"name": name, "size_bytes": file.size_bytes, "media_type": file.media_type[:200], "sha256": file.sha256}
    return json.dumps(contents, ensure_ascii=False).encode("utf-8", "replace").ljust(_CONTENTS_BYTES)


def _unpack(packed: bytes) -> Contents:
    try:
        told = json.loads(packed)
        contents = Contents(told["name"], told["size_bytes"], told["media_type"], told["sha256"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _damaged() from error
    texts = (contents.name, contents.media_type, contents.sha256)
    if not all(type(text) is str for text in texts) or type(contents.size_bytes) is not int:
        raise _damaged()
    if not 0 <= contents.size_bytes <= _MOST_RECORDS * RECORD_BYTES:
        raise _damaged()
    return contents


def _settle(part: Path, target: Path) -> Path:
    """Gives the part its name, or the next one that is free; never replaces a file."""
    for number in itertools.count(1):
        place = target if number == 1 else target.with_stem(f"{target.stem} ({number})")
        try:
            os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            continue
        try:
            return part.replace(place)
        except OSError:
            place.unlink()
            raise
    raise AssertionError


def _cut() -> Refused:
    return Refused("the sealed file is not complete; download it again, or ask for it again")


def _damaged() -> Refused:
    return Refused("the sealed file is damaged; download it again, or ask for it again")
