"""Sums over what is sent: whatever the pieces, their order of trouble and the end of a process in between."""

from __future__ import annotations

import base64
import hashlib
import os
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.servers.graph import quick_xor
from uploader.sent import ContentHash, QuickXor, SentSum
from uploader.source import BytesSource, Window

CONTENT = os.urandom(9 * 1024 * 1024 + 77)


@pytest.mark.parametrize(("content", "sum_"), [
    ("", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="), ("Sg==", "SgAAAAAAAAAAAAAAAQAAAAAAAAA="),
    ("tbQ=", "taAFAAAAAAAAAAAAAgAAAAAAAAA="), ("0pZP", "0rDEEwAAAAAAAAAAAwAAAAAAAAA="),
])  # fmt: skip
def test_microsofts_sum_is_the_one_that_is_published(content: str, sum_: str) -> None:
    found = QuickXor()
    found.update(base64.b64decode(content))
    assert found.base64() == sum_


@pytest.mark.parametrize("size", [1, 159, 160, 161, 20_000])
def test_microsofts_sum_is_what_its_description_makes_byte_by_byte(size: int) -> None:
    content, expected = CONTENT[:size], 0
    for index, byte in enumerate(content):
        turn = index * 11 % 160
        expected ^= (byte << turn) % 2**160 | byte << turn >> 160
    expected ^= size << 96
    assert quick_xor(content) == base64.b64encode(expected.to_bytes(20, "little")).decode()
    found = QuickXor()
    found.update(content)
    assert found.base64() == quick_xor(content)


def test_dropboxs_sum_is_the_sum_of_the_sums_of_4_mib() -> None:
    blocks = [CONTENT[at : at + 4 * 1024 * 1024] for at in range(0, len(CONTENT), 4 * 1024 * 1024)]
    expected = hashlib.sha256(b"".join(hashlib.sha256(block).digest() for block in blocks)).hexdigest()
    found = ContentHash()
    found.update(CONTENT)
    assert found.hexdigest() == expected
    assert found.copy().hexdigest() == expected
    assert ContentHash().hexdigest() == hashlib.sha256().hexdigest()


KINDS: list[tuple[Callable[[], Any], Callable[[Any], str]]] = [
    (hashlib.sha256, lambda s: str(s.hexdigest())), (ContentHash, ContentHash.hexdigest), (QuickXor, QuickXor.base64),
]  # fmt: skip


@pytest.mark.parametrize(("new", "read"), KINDS)
def test_pieces_that_are_sent_twice_in_part_or_not_at_all_do_not_spoil_the_sum(
    new: Callable[[], Any], read: Callable[[Any], str]
) -> None:
    """The service keeps what it likes of each piece, or loses what it had; some connections break on the way."""
    chance = random.Random(7)
    for _ in range(8):
        sums, at = SentSum(new), chance.choice([0, 5_000_000])
        while at < len(CONTENT):
            length = min(chance.choice([1_000_000, 3_000_001]), len(CONTENT) - at)
            body = sums.body(Window(BytesSource(CONTENT), at, length, lambda _: None))
            blocks = body.blocks()
            if chance.random() < 0.3:
                next(blocks)  # the line breaks
                continue
            for _ in blocks:
                pass
            reached = at + length if chance.random() < 0.6 else at + chance.randrange(length)
            at = sums.take(body, max(0, reached - (2_000_000 if chance.random() < 0.1 else 0)))
        whole = sums.whole(len(CONTENT))
        expected = new()
        expected.update(CONTENT)
        assert whole is not None
        assert read(whole) == read(expected)


def test_of_what_was_not_sent_to_its_end_there_is_no_sum() -> None:
    sums = SentSum(hashlib.sha256)
    assert sums.whole(len(CONTENT)) is None
    body = sums.body(Window(BytesSource(CONTENT), 0, 1000, lambda _: None))
    sums.take(body, 1000)  # nothing was read of it
    assert sums.whole(1000) is None


def test_what_an_earlier_run_sent_is_read_and_not_counted_as_sent() -> None:
    counted: list[int] = []
    sums = SentSum(hashlib.sha256)
    body = sums.body(Window(BytesSource(CONTENT), 5_000_000, 100, counted.append))
    assert sum(counted) == 0
    assert counted  # a sign of life
    assert sum(len(block) for block in body.blocks()) == sum(counted) == 100
