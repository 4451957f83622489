"""The format of sealed files: made in ranges, opened whole or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.uploader.desk_suite import attachment
from uploader.errors import Cancelled, FileChanged, Refused
from uploader.seal import (
    Sealed,
    key_text,
    new_key,
    read_key,
    read_sealed_link,
    sealed_link,
    unseal,
    unseal_to,
)
from uploader.ticket import Attachment

MIB = 1 << 20
RECORD = MIB + 16
BEFORE = 40 + 4096 + 16
SIZES = (0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB, 3 * MIB + 77)


def content_of(size: int) -> bytes:
    return hashlib.shake_128(size.to_bytes(8, "big")).digest(size)


def whole(sealed: Sealed) -> bytes:
    return span(sealed, 0, sealed.size_bytes)


def span(sealed: Sealed, offset: int, length: int) -> bytes:
    buffer = bytearray(length)
    reader = sealed.open()
    reader.read_into(memoryview(buffer), offset)
    reader.close()
    return bytes(buffer)


def pieces(content: bytes, size: int = 100_000) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


@pytest.fixture
def sealed(tmp_path: Path) -> Sealed:
    return Sealed(attachment(tmp_path, "grabación 🐦.mp4", content_of(3 * MIB + 77), "video/mp4"), new_key())


@pytest.fixture
def safe(tmp_path: Path) -> Path:
    (tmp_path / "opened").mkdir()
    return tmp_path / "opened"


@pytest.mark.parametrize("size", SIZES)
def test_what_was_sealed_comes_out_again(tmp_path: Path, size: int) -> None:
    file = attachment(tmp_path, "video.mp4", content_of(size), "video/mp4")
    sealed = Sealed(file, new_key())
    text = whole(sealed)
    contents, records = unseal(pieces(text), sealed.key)
    assert (contents.name, contents.size_bytes, contents.media_type, contents.sha256) == (
        "video.mp4", size, "video/mp4", file.sha256
    )  # fmt: skip
    assert b"".join(records) == content_of(size)
    assert len(text) == sealed.size_bytes == BEFORE + size + 16 * max(1, -(-size // MIB))


def test_the_format_is_what_its_page_says(tmp_path: Path) -> None:
    """Made once more from the description alone: what is out there must stay readable."""
    import hmac

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    content, key = content_of(MIB + 5), bytes(range(32))
    text = whole(Sealed(attachment(tmp_path, "a.bin", content), key))
    header = text[:40]
    assert header[:8] == b"TESTIGO\x01"
    made = hmac.digest(key, header[:24], "sha512")
    assert header[24:40] == made[39:55]
    aes, prefix = AESGCM(made[:32]), made[32:39]
    told = aes.decrypt(prefix + bytes(5), text[40:BEFORE], header)
    assert header[8:24] == hmac.digest(key, b"salt" + told, "sha256")[:16]
    assert len(told) == 4096
    assert json.loads(told) == {"name": "a.bin", "size_bytes": MIB + 5, "media_type": "application/octet-stream",
                                "sha256": hashlib.sha256(content).hexdigest()}  # fmt: skip
    first = aes.decrypt(prefix + bytes([0, 0, 0, 1, 0]), text[BEFORE : BEFORE + RECORD], header)
    last = aes.decrypt(prefix + bytes([0, 0, 0, 2, 1]), text[BEFORE + RECORD :], header)
    assert first + last == content


def test_the_same_key_and_file_give_the_same_bytes_for_ever(tmp_path: Path) -> None:
    """An upload that began before an update of the program goes on after it."""
    file = attachment(tmp_path, "vídeo.mp4", content_of(MIB + 1), "video/mp4")
    digest = hashlib.sha256(whole(Sealed(file, bytes(32)))).hexdigest()
    assert digest == "edc75597012d051c8e55e16c16983b6024585adefca3fed4acadb8e88a68e390"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sealed, bytes]:
    sealed = Sealed(attachment(tmp_path_factory.mktemp("made"), "a.bin", content_of(2 * MIB + 9)), new_key())
    return sealed, whole(sealed)


@given(place=st.integers(0, BEFORE + 2 * MIB + 9 + 48), length=st.integers(0, 3 * MIB))
def test_any_range_is_made_again_alone(made: tuple[Sealed, bytes], place: int, length: int) -> None:
    sealed, text = made
    wanted = text[place : place + length]
    assert span(sealed, place, len(wanted)) == wanted


def test_one_reader_jumps_about(made: tuple[Sealed, bytes]) -> None:
    sealed, text = made
    reader = sealed.open()
    for place in (BEFORE + RECORD + 5, 3, BEFORE + RECORD - 5, BEFORE - 7, len(text) - 20, 0):
        buffer = bytearray(20)
        reader.read_into(memoryview(buffer), place)
        assert buffer == text[place : place + 20]
    reader.close()


def test_four_threads_read_at_once(made: tuple[Sealed, bytes]) -> None:
    sealed, text = made
    found: dict[int, bytes] = {}
    step = -(-len(text) // 4)

    def read(number: int) -> None:
        found[number] = span(sealed, number * step, min(step, len(text) - number * step))

    threads = [Thread(target=read, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert b"".join(found[number] for number in range(4)) == text


def test_three_gigabytes_are_measured_without_reading_and_their_end_is_made_alone(tmp_path: Path) -> None:
    path, size = tmp_path / "large", 3_000_000_001
    with path.open("wb") as file:
        file.truncate(size)
    sealed = Sealed(Attachment("large.mp4", path, size, "video/mp4", "0" * 64), new_key())
    assert sealed.size_bytes == BEFORE + size + 16 * 2862
    assert len(set(span(sealed, sealed.size_bytes - 5000, 5000))) > 200


def test_the_length_says_nothing_about_the_name(tmp_path: Path) -> None:
    names = ("a", "x" * 300 + ".mp4", "🐦" * 150, "\x01" * 500)
    sizes = {Sealed(attachment(tmp_path, name, b"same"), new_key()).size_bytes for name in names}
    assert len(sizes) == 1
    for name in names:
        sealed = Sealed(attachment(tmp_path, name, b"same"), new_key())
        assert name.startswith(unseal([whole(sealed)], sealed.key)[0].name)


def test_another_file_under_the_same_key_shares_no_key_stream(tmp_path: Path) -> None:
    """The caller draws a new key; should it not, equal plain text must still not show."""
    one = attachment(tmp_path, "a", bytes(MIB))
    other = attachment(tmp_path, "b", bytes(MIB - 1) + b"x")
    key = new_key()
    first, second = (whole(Sealed(file, key))[BEFORE:] for file in (one, other))
    assert sum(a == b for a, b in zip(first[:10_000], second)) < 200


def test_nothing_of_the_file_can_be_read_without_the_key(sealed: Sealed) -> None:
    text = whole(sealed)
    assert "grabación".encode() not in text
    assert b"video/mp4" not in text
    assert bytes.fromhex(sealed.file.sha256) not in text
    assert sealed.key not in text
    assert sealed.key.hex() not in repr(sealed) and repr(sealed.key) not in repr(sealed)


def refused(text: bytes, key: bytes, folder: Path, words: str) -> None:
    """It is refused with these words, nothing false came out before, and the folder stays empty."""
    with pytest.raises(Refused, match=words):
        unseal_to(pieces(text), key, folder)
    assert not list(folder.iterdir())


def test_a_wrong_key_is_told_from_a_damaged_file(sealed: Sealed, safe: Path) -> None:
    refused(whole(sealed), new_key(), safe, "key does not fit")


@pytest.mark.parametrize("at", [8, 30, 40, 2000, BEFORE - 1, BEFORE, BEFORE + RECORD - 1, BEFORE + RECORD, -1, -50])
def test_one_changed_bit_is_refused_wherever_it_is(sealed: Sealed, safe: Path, at: int) -> None:
    text = bytearray(whole(sealed))
    text[at] ^= 1
    refused(bytes(text), sealed.key, safe, "damaged|key does not fit")


@pytest.mark.parametrize("kept", [10, 39, 40, 100, BEFORE - 1, BEFORE, BEFORE + 5, BEFORE + RECORD, BEFORE + RECORD + 1,
                                  BEFORE + 3 * RECORD, -1])  # fmt: skip
def test_a_cut_file_is_refused(sealed: Sealed, safe: Path, kept: int) -> None:
    refused(whole(sealed)[:kept], sealed.key, safe, "not complete")


def test_a_longer_file_is_refused(sealed: Sealed, safe: Path) -> None:
    text = whole(sealed)
    refused(text + b"x", sealed.key, safe, "longer")
    refused(text + text[-93:], sealed.key, safe, "longer")


Forgery = Callable[[bytes], bytes]
FORGERIES: dict[str, Forgery] = {
    "two records change places": lambda t: (
        t[:BEFORE] + t[BEFORE + RECORD : BEFORE + 2 * RECORD] + t[BEFORE : BEFORE + RECORD] + t[BEFORE + 2 * RECORD :]
    ),
    "a record twice": lambda t: t[: BEFORE + RECORD] + t[BEFORE : BEFORE + RECORD] + t[BEFORE + 2 * RECORD :],
    "a record left out": lambda t: t[: BEFORE + RECORD] + t[BEFORE + 2 * RECORD :],
    "the last left out": lambda t: t[: BEFORE + 3 * RECORD],
    "the last alone": lambda t: t[:BEFORE] + t[BEFORE + 3 * RECORD :],
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
def test_records_cannot_be_moved(sealed: Sealed, safe: Path, forgery: Forgery) -> None:
    refused(forgery(whole(sealed)), sealed.key, safe, "damaged|not complete")


def test_records_of_another_file_of_the_same_key_do_not_fit(tmp_path: Path, safe: Path) -> None:
    key = new_key()
    one, other = (whole(Sealed(attachment(tmp_path, name, name.encode() * MIB), key)) for name in "ab")
    refused(one[:BEFORE] + other[BEFORE:], key, safe, "damaged")


@pytest.mark.parametrize("text", [b"", b"<!doctype html><html>Sign in</html>" * 500, b"PK\x03\x04" + bytes(9000)])
def test_what_is_not_sealed_is_said_to_be_so(safe: Path, text: bytes) -> None:
    refused(text, new_key(), safe, "not a sealed file")


def test_a_later_version_asks_for_an_update(sealed: Sealed, safe: Path) -> None:
    refused(whole(sealed).replace(b"TESTIGO\x01", b"TESTIGO\x02"), sealed.key, safe, "newer Testigo")


def test_a_file_that_changed_while_it_was_sent_never_comes_out_whole(sealed: Sealed, safe: Path) -> None:
    told = dataclasses.replace(sealed, file=dataclasses.replace(sealed.file, sha256="0" * 64))
    refused(whole(told), sealed.key, safe, "changed while")


def test_nothing_comes_out_before_it_is_proven(sealed: Sealed) -> None:
    text = bytearray(whole(sealed))
    text[BEFORE + RECORD + 10] ^= 1
    _, records = unseal(pieces(bytes(text)), sealed.key)
    came = []
    with pytest.raises(Refused):
        came.extend(records)
    assert came == [] or b"".join(came) == content_of(3 * MIB + 77)[:MIB]


@pytest.mark.parametrize("piece", [1000, MIB + 16, 10 * MIB])
def test_pieces_of_any_size_are_read(sealed: Sealed, piece: int) -> None:
    _, records = unseal(pieces(whole(sealed), piece), sealed.key)
    assert hashlib.sha256(b"".join(records)).hexdigest() == sealed.file.sha256


@pytest.mark.parametrize("lie", [{"size_bytes": -1}, {"size_bytes": 1 << 60}, {"size_bytes": True}, {"size_bytes": "9"},
                                 {"name": 7}, {"sha256": None}, {"media_type": []}])  # fmt: skip
def test_a_sender_that_lies_about_the_file_is_refused(sealed: Sealed, safe: Path, lie: dict[str, object]) -> None:
    """Sealed with the right key by a hostile program."""
    import hmac

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    text = whole(sealed)
    keys = hmac.digest(sealed.key, text[:24], "sha512")
    told = {"name": "a", "size_bytes": 5, "media_type": "", "sha256": "", **lie}
    record = AESGCM(keys[:32]).encrypt(keys[32:39] + bytes(5), json.dumps(told).encode().ljust(4096), text[:40])
    refused(text[:40] + record + text[BEFORE:], sealed.key, safe, "damaged")


def test_a_file_that_changed_its_size_or_went_is_not_sent(sealed: Sealed) -> None:
    reader = sealed.open()
    sealed.file.path.write_bytes(content_of(MIB + 5))
    with pytest.raises(FileChanged, match="has changed"):
        reader.read_into(memoryview(bytearray(MIB)), BEFORE + RECORD)
    reader.close()
    with pytest.raises(FileChanged, match="has changed"):
        sealed.open()
    sealed.file.path.unlink()
    with pytest.raises(FileChanged, match="cannot be read"):
        sealed.open()


HOSTILE = ("../../etc/cron.d/x", "..\\..\\x.exe", "/etc/passwd", "a\x00b\r\nc.txt", "informe\u202efdp.exe", "CON",
           "nul.txt", "...", "", "x" * 400 + ".mp4", ".bashrc", "C:\\Windows\\x.dll")  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_the_name_inside_cannot_lead_anywhere_else(tmp_path: Path, safe: Path, name: str) -> None:
    sealed = Sealed(attachment(tmp_path, name, b"content"), new_key())
    path = unseal_to([whole(sealed)], sealed.key, safe)
    assert path.parent == safe
    assert path.read_bytes() == b"content"
    assert [found.name for found in safe.iterdir()] == [path.name]
    assert not path.name.startswith(".")
    assert "\u202e" not in path.name and path.name.isprintable()
    assert path.stem.upper() not in ("CON", "NUL")


def test_it_is_readable_by_its_owner_alone_and_replaces_nothing(sealed: Sealed, safe: Path) -> None:
    (safe / "grabación 🐦.mp4").write_bytes(b"older")
    before = os.umask(0)
    try:
        path = unseal_to(pieces(whole(sealed)), sealed.key, safe)
        again = unseal_to(pieces(whole(sealed)), sealed.key, safe)
    finally:
        os.umask(before)
    assert (safe / "grabación 🐦.mp4").read_bytes() == b"older"
    assert [path.name, again.name] == ["grabación 🐦 (2).mp4", "grabación 🐦 (3).mp4"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_stopping_leaves_nothing(sealed: Sealed, safe: Path) -> None:
    def stop(done: int, total: int) -> None:
        assert total == sealed.file.size_bytes
        if done > MIB:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        unseal_to(pieces(whole(sealed)), sealed.key, safe, stop)
    assert not list(safe.iterdir())


def test_a_link_is_read_back() -> None:
    key = new_key()
    address = "https://s3.example.org/b/key.sealed?X-Amz-Signature=a%2Bb&x=1#part"
    link = sealed_link("https://s3.example.org/b/open.html?sig=1", key, address)
    assert link.startswith("https://s3.example.org/b/open.html?sig=1#k=")
    assert read_sealed_link(f" {link}\n") == (address, key)
    assert read_sealed_link(sealed_link("https://x.org/p", None, address)) == (address, None)
    assert read_sealed_link(sealed_link("https://x.org/p", key, None)) == (None, key)
    assert (
        read_sealed_link(sealed_link("https://x.org/a/open.html", key, "v 1+2.sealed"))[0]
        == "https://x.org/a/v 1+2.sealed"
    )


@pytest.mark.parametrize("link", ["https://x.org/open.html", "https://x.org/open.html#top", "", "#k=", "no link"])
def test_a_link_without_its_fragment_is_told(link: str) -> None:
    with pytest.raises(Refused, match="copy the whole link"):
        read_sealed_link(link)


def test_a_link_whose_end_got_lost_is_told() -> None:
    with pytest.raises(Refused, match="slip"):
        read_sealed_link(sealed_link("https://x.org/open.html", new_key(), None)[:-1])


@given(st.binary(min_size=32, max_size=32))
def test_a_typed_key_is_read_in_any_form(key: bytes) -> None:
    text = key_text(key)
    assert len(text) == 69
    for form in (
        text,
        text.lower(),
        text.replace("-", ""),
        text.replace("-", " "),
        text.replace("0", "o").replace("1", "l"),
    ):
        assert read_key(form) == key


@given(st.binary(min_size=32, max_size=32), st.integers(0, 68), st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_a_slip_in_a_typed_key_is_told(key: bytes, place: int, letter: str) -> None:
    text = key_text(key)
    if text[place] in ("-", letter):
        return
    with pytest.raises(Refused, match="slip"):
        read_key(text[:place] + letter + text[place + 1 :])
    with pytest.raises(Refused, match="slip"):
        read_key(text[:place] + text[place + 1 :])


@pytest.mark.parametrize("text", ["", "x", "ñ" * 56, "U" * 56, "=" * 43, "é" * 43, "-" * 43 + "x", "٣" * 56])
def test_what_cannot_be_a_key_is_told(text: str) -> None:
    with pytest.raises(Refused, match="slip"):
        read_key(text)
