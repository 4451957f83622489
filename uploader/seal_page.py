"""How a sealed file is handed over: the page that opens it in a browser, the link to it, and the key to be typed.

A link to a sealed file is the page's address with a fragment: ``#k=<key, base64url>&u=<address of the sealed file,
percent-encoded>``. A browser sends no fragment to any server. Without ``k`` the page asks for the key, without ``u``
for the downloaded file. The page is one file that loads nothing; its policy lets nothing but its own script run.

As text a key is Crockford's base32 of its 32 bytes and the first 3 of their SHA-256, so that a slip is told.
Source: Douglas Crockford, "Base 32" (2019): no I, L, O, U; small letters and O, I, L are read as they look.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from functools import cache
from html import escape
from importlib import resources
from urllib.parse import parse_qs, quote, urldefrag, urljoin

from uploader.errors import Refused

KEY_BYTES = 32
_CHECK_BYTES = 3
_RFC4648 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TEXT_LENGTH = (KEY_BYTES + _CHECK_BYTES) * 8 // 5


def sealed_link(page_url: str, key: bytes | None, sealed_url: str | None) -> str:
    """The link an agent opens. Without the key it travels apart; without the address the file is chosen by hand.

    ``sealed_url`` may be relative to the page. With the key in it the link opens the file: never log it.
    """
    parts = {"k": _base64(key) if key else "", "u": quote(sealed_url or "", safe="")}
    fragment = "&".join(f"{name}={value}" for name, value in parts.items() if value)
    return f"{urldefrag(page_url).url}#{fragment}" if fragment else urldefrag(page_url).url


def read_sealed_link(link: str) -> tuple[str | None, bytes | None]:
    """The absolute address of the sealed file and its key, as far as the link names them.

    Raises: Refused when the link holds neither, or a key that cannot be one.
    """
    page_url, fragment = urldefrag(link.strip())
    parts = {name: values[-1] for name, values in parse_qs(fragment.replace("+", "%2B")).items()}
    key = read_key(parts["k"]) if "k" in parts else None
    address = urljoin(page_url, parts["u"]) if "u" in parts else None
    if key is None and address is None:
        raise Refused("this is not the link of a sealed file; copy the whole link from the ticket")
    return address, key


def key_text(key: bytes) -> str:
    """The key for a field of the ticket: 14 groups of 4 letters and digits, with what tells a slip."""
    checked = base64.b32encode(key + hashlib.sha256(key).digest()[:_CHECK_BYTES]).decode()
    text = checked.translate(str.maketrans(_RFC4648, _CROCKFORD))
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def read_key(text: str) -> bytes:
    """The key from ``key_text``, typed in any case and grouping, or from a link. Raises: Refused."""
    plain = "".join(text.split())
    if len(plain) == 43:
        try:
            key = base64.b64decode(plain + "=", altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise _slip() from error
        if _base64(key) != plain:  # the last character has bits to spare
            raise _slip()
        return key
    plain = plain.replace("-", "").upper().translate(str.maketrans("OIL", "011"))
    if len(plain) != _TEXT_LENGTH or not set(plain) <= set(_CROCKFORD):
        raise _slip()
    whole = base64.b32decode(plain.translate(str.maketrans(_CROCKFORD, _RFC4648)))
    key, check = whole[:KEY_BYTES], whole[KEY_BYTES:]
    if hashlib.sha256(key).digest()[:_CHECK_BYTES] != check:
        raise _slip()
    return key


@cache
def page() -> bytes:
    """The whole page, to be stored as ``text/html`` beside sealed files; one serves any number of them."""
    style, icon = _resource("seal/open.css"), _resource("icons/testigo.svg")
    parts = (f"const WORDS = {_resource('seal/words.json')};", _resource("seal/unseal.js"), _resource("seal/open.js"))
    script = "\n".join(('"use strict";', "(() => {", *parts, "})();"))
    policy = (
        f"default-src 'none'; style-src '{_fingerprint(style)}'; script-src '{_fingerprint(script)}'; "
        "connect-src 'self' https:; img-src data:; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    whole = _resource("seal/open.html")
    for mark, text in {
        "{policy}": escape(policy),
        "{icon}": "data:image/svg+xml," + quote(" ".join(icon.split())),
        "{style}": style,
        "{script}": script,
    }.items():
        whole = whole.replace(mark, text)
    return whole.encode()


def _resource(name: str) -> str:
    return resources.files("resources").joinpath(*name.split("/")).read_text("utf-8")


def _fingerprint(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _base64(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).rstrip(b"=").decode()


def _slip() -> Refused:
    return Refused("the key has a slip in it; compare it with the ticket, or copy it")
