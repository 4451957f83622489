"""AWS Signature Version 4 in the query string, as S3 and all its compatibles take it.

The payload stays unsigned: what is sent is checked by a checksum of its own. Source: Amazon S3 API reference,
"Authenticating Requests: Using Query Parameters", 2026.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote, urlsplit

LONGEST_S = 604_800
"""Seven days: the longest that a signed address holds (same source)."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """``token`` is only there with temporary credentials (STS)."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)


def sign(
    method: str, url: str, query: Mapping[str, str], headers: Mapping[str, str], *, who: Credentials, region: str,
    at: datetime, valid_s: int, service: str = "s3",
) -> str:  # fmt: skip
    """``url`` with ``query`` and its signature. ``url`` has no query yet, and its path is percent-encoded already.

    ``headers`` are signed too and must be sent so; the host always is.
    """
    parts = urlsplit(url)
    day, moment = f"{at:%Y%m%d}", f"{at:%Y%m%dT%H%M%SZ}"
    scope = f"{day}/{region}/{service}/aws4_request"
    signed = {name.lower(): value.strip() for name, value in headers.items()} | {"host": parts.netloc}
    names = ";".join(sorted(signed))
    asked = dict(query) | {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{who.access_key}/{scope}",
        "X-Amz-Date": moment,
        "X-Amz-Expires": str(valid_s),
        "X-Amz-SignedHeaders": names,
    }
    if who.token:
        asked["X-Amz-Security-Token"] = who.token
    canonical = "&".join(
        sorted(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in asked.items())
    )
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    request = "\n".join((method, parts.path or "/", canonical, lines, names, "UNSIGNED-PAYLOAD"))
    digest = hashlib.sha256(request.encode()).hexdigest()
    key = f"AWS4{who.secret_key}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}".encode(), "sha256").hex()
    return f"{parts.scheme}://{parts.netloc}{parts.path or '/'}?{canonical}&X-Amz-Signature={signature}"
