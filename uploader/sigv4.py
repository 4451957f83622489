"""Signature Version 4 in the query string: Amazon's, which S3 and all its compatibles take, and Google's.

The payload stays unsigned: what is sent is checked by a checksum of its own. Source: Amazon S3 API reference,
"Authenticating Requests: Using Query Parameters", 2026; Google Cloud Storage, "Canonical requests" and "Signatures",
2026.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

LONGEST_S = 604_800
"""Seven days: the longest that a signed address holds (same sources)."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """The words in which the two differ."""

    mark: str
    parameters: str
    """What the names of the query's parameters begin with."""
    service: str

    @property
    def ending(self) -> str:
        return f"{self.mark.lower()}_request"


AMAZON = Dialect("AWS4", "X-Amz-", "s3")
GOOGLE = Dialect("GOOG4", "X-Goog-", "storage")


@dataclass(frozen=True, slots=True)
class Credentials:
    """``token`` is only there with temporary credentials (STS); ``private_key`` (PEM, RSA) only with Google's service
    accounts, in the place of ``secret_key``."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)


def sign(
    method: str, url: str, query: Mapping[str, str], headers: Mapping[str, str], *, who: Credentials, region: str,
    at: datetime, valid_s: int, dialect: Dialect = AMAZON,
) -> str:  # fmt: skip
    """``url`` with ``query`` and its signature. ``url`` has no query yet, and its path is percent-encoded already.

    ``headers`` are signed too and must be sent so; the host always is.
    """
    parts, names = urlsplit(url), dialect.parameters
    moment, scope = f"{at:%Y%m%dT%H%M%SZ}", f"{at:%Y%m%d}/{region}/{dialect.service}/{dialect.ending}"
    algorithm = f"{dialect.mark}-{'RSA' if who.private_key else 'HMAC'}-SHA256"
    signed = {name.lower(): value.strip() for name, value in headers.items()} | {"host": parts.netloc}
    listed = ";".join(sorted(signed))
    asked = dict(query) | {
        f"{names}Algorithm": algorithm,
        f"{names}Credential": f"{who.access_key}/{scope}",
        f"{names}Date": moment,
        f"{names}Expires": str(valid_s),
        f"{names}SignedHeaders": listed,
    }
    if who.token:
        asked[f"{names}Security-Token"] = who.token
    canonical = "&".join(
        sorted(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in asked.items())
    )
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    request = "\n".join((method, parts.path or "/", canonical, lines, listed, "UNSIGNED-PAYLOAD"))
    text = f"{algorithm}\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}".encode()
    signature = _rsa(who.private_key, text) if who.private_key else _hmac(dialect.mark + who.secret_key, scope, text)
    return f"{parts.scheme}://{parts.netloc}{parts.path or '/'}?{canonical}&{names}Signature={signature.hex()}"


def _hmac(secret: str, scope: str, text: bytes) -> bytes:
    key = secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text, "sha256")


def _rsa(private_key: str, text: bytes) -> bytes:
    """Raises: ValueError when it is no RSA key."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    return _key(private_key).sign(text, PKCS1v15(), SHA256())


@lru_cache(1)
def _key(pem: str) -> RSAPrivateKey:
    """Kept, because reading one proves its primes, which takes 0.1 s."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(pem.encode(), None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("no RSA key")
    return key
