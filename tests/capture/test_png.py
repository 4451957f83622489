from __future__ import annotations

import os
import stat
import struct
import sys
import threading
import zlib
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture import CaptureError, Monitor, Screenshot, png


def shot_of(pixels: np.ndarray, scale: float = 1.0) -> Screenshot:
    height, width = pixels.shape[:2]
    return Screenshot(pixels, scale, Monitor("m", "m", 0, 0, width, height, scale), datetime.now(UTC))


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 4), np.uint8)


def chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at < len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        body = content[at + 8 : at + 8 + length]
        assert struct.unpack(">I", content[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        found.append((kind, body))
        at += 12 + length
    assert at == len(content)
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200), st.integers(1, 90), st.integers(0, 3), st.integers(0, 9))
def test_another_decoder_reads_every_pixel_that_was_written(height: int, width: int, level: int, seed: int) -> None:
    pixels = noise(height, width, seed)
    decoded = cv2.imdecode(np.frombuffer(png.encode(shot_of(pixels), level), np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded.shape == (height, width, 3)
    assert (decoded == pixels[..., :3]).all()


@pytest.mark.parametrize("height", [599, 601, 1080])
def test_a_large_picture_deflated_in_bands_is_one_valid_stream(height: int) -> None:
    pixels = noise(height, 1920)
    pixels[100:400] = 7
    content = png.encode(shot_of(pixels))
    packed = b"".join(body for kind, body in chunks(content) if kind == b"IDAT")
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1920 * 3 + 1)
    assert not rows[:, 0].any()
    assert (rows[:, 1:].reshape(height, 1920, 3) == pixels[..., 2::-1]).all()


def test_a_view_with_strides_is_written_as_it_looks(tmp_path: Path) -> None:
    pixels = noise(120, 160)
    part = pixels[10:50, 20:90]
    png.write(tmp_path / "a.png", shot_of(part))
    assert (png.read(tmp_path / "a.png").pixels[..., :3] == part[..., :3]).all()


@pytest.mark.parametrize("missing", [(), ("isal",), ("isal", "zlib_ng")])
def test_every_compressor_gives_a_valid_file(missing: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in missing:
        monkeypatch.setitem(sys.modules, module, None)
    pixels = noise(700, 500)
    decoded = cv2.imdecode(np.frombuffer(png.encode(shot_of(pixels)), np.uint8), cv2.IMREAD_UNCHANGED)
    assert (decoded == pixels[..., :3]).all()


def test_a_file_holds_its_pixels_its_density_and_nothing_else() -> None:
    content = png.encode(shot_of(noise(50, 50), 1.5))
    kinds = [kind for kind, _ in chunks(content)]
    assert set(kinds) == {b"IHDR", b"pHYs", b"IDAT", b"IEND"}
    assert kinds[-1] == b"IEND"
    assert dict(chunks(content))[b"pHYs"] == struct.pack(">IIB", 5669, 5669, 1)


@pytest.mark.parametrize("scale", [1.0, 1.25, 1.5, 1.75, 2.0, 3.0])
def test_the_scale_survives_the_file(tmp_path: Path, scale: float) -> None:
    png.write(tmp_path / "a.png", shot_of(noise(20, 30), scale))
    found = png.read(tmp_path / "a.png")
    assert found.scale == found.monitor.scale == scale
    assert (found.width, found.height) == (30, 20)


def test_hidden_pixels_are_nowhere_in_the_file() -> None:
    secret = noise(64, 64, 5)
    pixels = np.zeros((64, 400, 4), np.uint8)
    pixels[:, 100:164] = secret
    from capture import Region

    hidden = shot_of(pixels).hide((Region(100, 0, 64, 64),))
    packed = b"".join(body for kind, body in chunks(png.encode(hidden)) if kind == b"IDAT")
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(64, -1)[:, 1:].reshape(64, 400, 3)
    assert (rows[:, 100:164] == (0x10, 0x11, 0x14)).all()
    assert (pixels[:, 100:164] == secret).all()


def test_a_new_file_obeys_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        png.write(tmp_path / "a.png", shot_of(noise(4, 4)))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o640


def test_a_smaller_picture_leaves_no_tail_of_the_larger_one_it_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    png.write(path, shot_of(noise(300, 300)))
    png.write(path, shot_of(noise(10, 10)))
    assert path.read_bytes() == png.encode(shot_of(noise(10, 10)))
    assert list(tmp_path.glob(".*")) == []


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        png.write(path, shot_of(noise(10, 10)))
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["a.png"]
    assert path.read_bytes() == b"old"


def test_several_threads_write_the_same_picture_at_once(tmp_path: Path) -> None:
    shot = shot_of(noise(300, 300))
    threads = [threading.Thread(target=png.write, args=(tmp_path / f"{i % 2}.png", shot)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(file.name for file in tmp_path.glob("*.png")) == ["0.png", "1.png"]
    assert (tmp_path / "0.png").read_bytes() == png.encode(shot)


@pytest.mark.parametrize("content", [b"", b"no picture", png.SIGNATURE, png.SIGNATURE + b"\0" * 40])
def test_what_is_no_picture_is_refused_with_advice(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(CaptureError) as caught:
        png.read(tmp_path / "a.png")
    assert caught.value.advice


def test_a_picture_that_claims_an_absurd_size_is_refused_unread(tmp_path: Path) -> None:
    head = b"IHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    (tmp_path / "a.png").write_bytes(png.SIGNATURE + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head)))
    with pytest.raises(CaptureError, match="too large"):
        png.read(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (np.full((4, 4), 90, np.uint8), (90, 90, 90)),
        (np.full((4, 4, 3), 40_000, np.uint16), (156, 156, 156)),
        (np.full((4, 4, 4), (0, 0, 255, 128), np.uint8), (127, 127, 255)),
    ],
    ids=["grey", "16 bit", "half transparent red on white"],
)
def test_other_kinds_of_png_become_opaque_8_bit_colours(
    tmp_path: Path, pixels: np.ndarray, expected: tuple[int, ...]
) -> None:
    assert cv2.imwrite(str(tmp_path / "a.png"), pixels)
    found = png.read(tmp_path / "a.png").pixels
    assert found.shape == (4, 4, 4)
    assert np.abs(found[..., :3].astype(int) - expected).max() <= 1
    assert (found[..., 3] == 255).all()
