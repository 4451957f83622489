"""A sum over all that a service took, computed while it is sent; and two sums that services compute in their own way.

Only what an earlier run has sent is read again: a sum cannot be kept over the end of a process.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, Self, TypeVar

from uploader.source import Window


class Sum(Protocol):
    def update(self, block: bytes | memoryview, /) -> object: ...
    def copy(self) -> Self: ...


S = TypeVar("S", bound=Sum)


class SentSum(Generic[S]):
    """The sum of one stream that is sent piece by piece, some of them twice. Used by one thread at a time."""

    def __init__(self, new: Callable[[], S]) -> None:
        self._new = new
        self._sum, self._at_bytes = new(), 0

    def body(self, window: Window) -> SummedBody[S]:
        """The piece as a request's body, with the sum of all before it caught up."""
        if window.offset < self._at_bytes:
            self._sum, self._at_bytes = self._new(), 0
        if window.offset > self._at_bytes:
            for block in window.before(self._at_bytes).blocks():
                self._sum.update(block)
        self._at_bytes = window.offset
        return SummedBody(window, self._sum)

    def take(self, body: SummedBody[S], reached_bytes: int) -> int:
        """Notes how far the service is after it took ``body``; the same number."""
        if reached_bytes == body.window.offset + body.size_bytes == body.window.offset + body.summed_bytes:
            self._sum, self._at_bytes = body.sum, reached_bytes
        return reached_bytes

    def whole(self, size_bytes: int) -> S | None:
        """The sum of everything; None when this run has not sent the end, so that nothing was summed."""
        return self._sum if self._at_bytes == size_bytes else None


class SummedBody(Generic[S]):
    """A piece that is summed while it goes."""

    def __init__(self, window: Window, before: S) -> None:
        self.window, self.size_bytes = window, window.size_bytes
        self._before = before
        self.sum, self.summed_bytes = before, 0

    def blocks(self) -> Iterator[memoryview]:
        self.sum, self.summed_bytes = self._before.copy(), 0
        for block in self.window.blocks():
            self.sum.update(block)
            self.summed_bytes += len(block)
            yield block


class ContentHash:
    """Dropbox's sum: SHA-256 over the SHA-256 of every 4 MiB. Source: Dropbox, "Content hash", 2026."""

    BLOCK_BYTES = 4 * 1024 * 1024

    def __init__(self) -> None:
        self._all, self._block, self._filled_bytes = hashlib.sha256(), hashlib.sha256(), 0

    def update(self, block: bytes | memoryview) -> None:
        view = memoryview(block)
        while view:
            part = view[: self.BLOCK_BYTES - self._filled_bytes]
            self._block.update(part)
            self._filled_bytes += len(part)
            view = view[len(part) :]
            if self._filled_bytes == self.BLOCK_BYTES:
                self._all.update(self._block.digest())
                self._block, self._filled_bytes = hashlib.sha256(), 0

    def copy(self) -> ContentHash:
        other = ContentHash()
        other._all, other._block = self._all.copy(), self._block.copy()
        other._filled_bytes = self._filled_bytes
        return other

    def hexdigest(self) -> str:
        whole = self._all.copy()
        if self._filled_bytes:
            whole.update(self._block.digest())
        return whole.hexdigest()


class QuickXor:
    """Microsoft's sum: every byte is turned 11 bits further than the one before and xored into 160 bits.

    After 160 bytes the turn is where it began, so bytes that lie 160 apart may be xored first: here as long integers,
    kept apart by where their block began. Source: Microsoft, "QuickXorHash algorithm", 2017.
    """

    TURN_BITS, WIDTH_BITS, PERIOD_BYTES = 11, 160, 160

    def __init__(self) -> None:
        self._by_phase: dict[int, int] = {}
        self._size_bytes = 0

    def update(self, block: bytes | memoryview) -> None:
        phase = self._size_bytes % self.PERIOD_BYTES
        self._by_phase[phase] = self._by_phase.get(phase, 0) ^ int.from_bytes(bytes(block), "little")
        self._size_bytes += len(block)

    def copy(self) -> QuickXor:
        other = QuickXor()
        other._by_phase, other._size_bytes = dict(self._by_phase), self._size_bytes
        return other

    def base64(self) -> str:
        """As the service writes it."""
        found, mask = 0, (1 << self.WIDTH_BITS) - 1
        for phase, value in self._by_phase.items():
            for index, byte in enumerate(_fold(value, self.PERIOD_BYTES)):
                turn = (phase + index) * self.TURN_BITS % self.WIDTH_BITS
                found ^= (byte << turn & mask) | (byte << turn >> self.WIDTH_BITS)
        found ^= self._size_bytes << (self.WIDTH_BITS - 64)
        return base64.b64encode(found.to_bytes(self.WIDTH_BITS // 8, "little")).decode()


def _fold(value: int, width_bytes: int) -> bytes:
    """All rows of ``width_bytes`` xored together."""
    rows = max(1, -(-value.bit_length() // (8 * width_bytes)))
    while rows > 1:
        half = (rows + 1) // 2
        value = (value >> (8 * width_bytes * half)) ^ (value & ((1 << (8 * width_bytes * half)) - 1))
        rows = half
    return value.to_bytes(width_bytes, "little")
