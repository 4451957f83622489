"""The secrets of a definition: found by their names and their looks, taken out, and put back.

A whole text counts as secret (``Headers.Authorization``, ``RequestURL`` when a token is part of its path): cutting one
into pieces would leave pieces behind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from uploader.errors import AuthFailed
from uploader.sxcu.definition import Definition, replace_texts, templates

MARK = "•••"
"""Stands where a secret was taken out."""

_NAMES = frozenset({
    "key", "token", "secret", "auth", "authorization", "authentication", "password", "passwd", "passphrase", "pass",
    "pwd", "pw", "cookie", "session", "sessionid", "sid", "signature", "sig", "credential", "credentials", "bearer",
    "jwt", "userhash", "hash", "uuid", "api", "clientid",
})  # fmt: skip
_ENDINGS = ("key", "token", "secret", "password", "auth", "apikey")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_CALL = re.compile(
    r"\{(?:filename|input|response|responseurl)\}|\{(?:random|select|inputbox|prompt)(?::[^{}]*)?\}", re.I
)
_TOKEN = re.compile(r"(?=[^/]*\d)(?=[^/]*[A-Za-z])[A-Za-z0-9_\-+=~]{24,}(?:\.[A-Za-z0-9_\-+=~]+)*")
_SCHEME = re.compile(r"\s*(bearer|basic|token|bot|digest)\s+\S", re.IGNORECASE)
_IN_QUERY = re.compile(r"[?&]([\w.\-]+)=([^&{}\s]+)")
_IN_JSON = re.compile(r"[\"']([\w.\-]+)[\"']\s*:\s*[\"']([^\"']+)[\"']")
_HARMLESS = re.compile(r"(true|false|yes|no|on|off|none|null|-?\d{1,4})?", re.IGNORECASE)


def find_secrets(definition: Definition) -> tuple[str, ...]:
    """The places of what looks like a secret, never what it is."""
    found = [place for place, text in templates(definition) if _is_secret(place, text)]
    if any(_by_name(name, value) for name, value in _IN_JSON.findall(definition.data)):
        found.append("Data")
    return tuple(found)


def split_secrets(definition: Definition) -> tuple[Definition, dict[str, str]]:
    """The definition without its secrets, and the secrets by their places."""
    texts = dict(templates(definition)) | {"Data": definition.data}
    kept = {place: texts[place] for place in find_secrets(definition)}
    return replace_texts(definition, {place: _emptied(place, text) for place, text in kept.items()}), kept


def with_secrets(definition: Definition, text: str) -> Definition:
    """The definition with the secrets that ``split_secrets`` took out, from their JSON.

    Raises: AuthFailed when one is missing.
    """
    try:
        kept = json.loads(text or "{}")
    except ValueError:
        kept = {}
    if not isinstance(kept, Mapping):
        kept = {}
    whole = replace_texts(definition, {str(place): str(secret) for place, secret in kept.items()})
    if MARK in whole.data or any(MARK in words for _, words in templates(whole)):
        raise AuthFailed("the secrets of this uploader are not in the keychain; import its file again")
    return whole


def _emptied(place: str, text: str) -> str:
    if place != "RequestURL":
        return MARK
    try:
        return f"{urlsplit(text).scheme or 'https'}://{urlsplit(text).hostname or ''}/{MARK}"
    except ValueError:
        return MARK


def _is_secret(place: str, text: str) -> bool:
    kind, _, name = place.partition(".")
    if not name:
        user = "@" in text.partition("://")[2].partition("/")[0]
        in_path = kind == "RequestURL" and any(
            _TOKEN.fullmatch(part) for part in text.partition("://")[2].split("/")[1:]
        )
        return user or in_path or any(_by_name(key, value) for key, value in _IN_QUERY.findall(text))
    plain = _CALL.sub("", text).strip()
    return _by_name(name, plain) or bool(_SCHEME.match(plain) or _TOKEN.fullmatch(plain))


def _by_name(name: str, value: str) -> bool:
    if _HARMLESS.fullmatch(value.strip()):
        return False
    words = {word.lower() for word in _WORD.findall(name)}
    flat = re.sub(r"[^a-z]", "", name.lower())
    return bool(words & _NAMES) or flat in _NAMES or flat.endswith(_ENDINGS)
