"""Readable names in the place of personal ones: the same value always gets the same one within one redactor."""

from __future__ import annotations

import hashlib
import hmac


class Pseudonyms:
    """Gives the names. Addresses keep their subnet: ``10.1.7.12`` and ``10.1.7.1`` are ``ip-a7.12`` and ``ip-a7.1``.

    The subnet's letters come from the key, so that nobody finds the address by trying all; the rest are numbers in
    the order of appearance. Not for several threads at once.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._given: dict[tuple[str, str], str] = {}
        self._last: dict[str, int] = {}
        self._taken: set[str] = set()

    def name(self, kind: str, value: str) -> str:
        """``user-1``, ``mail-2``, ``ip-a7.12`` …"""
        known = self._given.get((kind, value))
        if known is None:
            known = self._given[kind, value] = self._make(kind, value)
        return known

    def _make(self, kind: str, value: str) -> str:
        if kind == "ip":
            subnet, _, host = value.rpartition(".")
            return f"ip-{self._subnet('ip', subnet)}.{host}"
        if kind == "ip6":
            subnet = self._subnet("ip6", value[:19])
            return f"ip6-{subnet}.{self._next('ip6' + subnet)}"
        return f"{kind}-{self._next(kind)}"

    def _next(self, kind: str) -> int:
        self._last[kind] = self._last.get(kind, 0) + 1
        return self._last[kind]

    def _subnet(self, kind: str, subnet: str) -> str:
        """As few hexadecimal digits as tell this subnet from the others so far, at least two."""
        known = self._given.get((kind + "-net", subnet))
        if known is None:
            digest = hmac.new(self._key, f"{kind} {subnet}".encode(), hashlib.sha256).hexdigest()
            known = next(digest[:n] for n in range(2, 65) if kind + digest[:n] not in self._taken)
            self._taken.add(kind + known)
            self._given[kind + "-net", subnet] = known
        return known
