"""Secrets known by the place they stand in: command lines, markup, addresses, sentences. One pattern for each.

A pattern's group 1 is what is hidden, whatever stands around it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from client.redaction.hit import PLACEHOLDER, Hit, compiled


def _anything(value: bytes) -> bool:
    return bool(value)


def _long(value: bytes) -> bool:
    return len(value) >= 16


def _has_digit(value: bytes) -> bool:
    return any(48 <= c <= 57 for c in value)


def _mixed(value: bytes) -> bool:
    return _has_digit(value) and any(chr(c).isalpha() for c in value) and value[:1] not in b"/[("


def _no_digest(value: bytes) -> bool:
    return not value.isdigit() and b"sha256" not in value


@dataclass(frozen=True, slots=True)
class Place:
    """A form in which group 1 is secret if it is ``worth`` it; tried when the text holds ``word`` (lower case)."""

    word: bytes
    kind: str
    pattern: str
    worth: Callable[[bytes], bool] = _anything


_PLACES: tuple[Place, ...] = (
    Place(b"://", "token", r"://([A-Za-z0-9_.~%-]*\d[A-Za-z0-9_.~%-]*)@", _long),
    Place(b"\\\\", "password", r"\\\\[^\s\\:@]+:([^\s\\@]+)@"),
    Place(
        b"net",
        "password",
        r"(?i)\bnet\s+use[ \t]+[^\n]*?(?:\\\\[^\s]+|[a-z]:)[ \t]+([^\s/*\\][^\s]*)[ \t]*(?:/|[\r\n]|\z)",
    ),
    Place(b"login", "password", r"(?i)\blogin\s+[^\s]+\s+(?:account\s+[^\s]+\s+)?password\s+(\"[^\"\n]+\"|[^\s\"]+)"),
    Place(b":", "password", r"(?m)^[^:\s#]+:(?:\d{4,5}|\*):[^:\s]+:[^:\s]+:([^\s]+)$"),
    Place(b"@", "password", r"(?:^|[\s\"'])[a-zA-Z0-9_.-]+:([^\s:@/\"']{4,})@[a-zA-Z0-9_-]+[:/]", _no_digest),
    Place(b"securestring", "password", r"(?i)convertto-securestring\s+(?:-string\s+)?[\"']([^\"'\n]+)[\"']"),
    Place(
        b"setx", "password", r"(?i)\bsetx\s+\"?[a-z0-9_-]*(?:pass|pwd|secret|token|key)[a-z0-9_-]*\"?\s+\"?([^\s\"]+)"
    ),
    Place(b"openssl", "password", r"(?i)\bopenssl\b[^\n|;&]*?\s-k[ \t]+[\"']?([^\s\"']+)"),
    Place(b"-pass", "password", r"(?i)-pass(?:in|out)?[ \t]+pass:([^\s]+)"),
    Place(b"jdbc:oracle", "password", r"(?i)jdbc:oracle:[a-z]+:[^/\s]+/([^@\s]+)@"),
    Place(b"community", "password", r"(?i)snmp-server community ([^\s]+)"),
    Place(b"net", "password", r"(?i)\bnet\s+use\s[^\n]*?/user:[^\s]+[ \t]+([^\s/]+)"),
    Place(b"/", "password", r"(?i)\s/(?:p|pw|pass|password|rp):([^\s]+)"),
    Place(b"-u", "password", r"\s-u\s*[\"']?[^\s:\"'-][^\s:\"']*:([^\s\"']+)"),
    Place(
        b" -",
        "password",
        r"(?i)\b(?:sshpass|plink|pscp|psftp|psexec|mysql[a-z]*|mariadb[a-z-]*|redis-cli|ldap[a-z]+|mongo[a-z]*"
        r"|(?:docker|podman)[ \t]+login)(?:\.exe)?\b[^\n|;&]*?\s-(?:p|pw|a|w)[ =]?[\"']?([^\s\"'-][^\s\"']*)",
    ),
    Place(
        b"=",
        "token",
        r"(?i)[?&#;](?:code|sig|signature|key|ticket|x-(?:amz|goog|ms|oss)-[a-z-]*(?:signature|token|credential)"
        r"|saml(?:request|response)|state|nonce|sid|se|auth)=([^&#\s\"'<>]{6,})",
    ),
    Place(
        b"<key>",
        "password",
        r"(?i)<key>[^<]*(?:password|passwd|secret|token|api ?key)[^<]*</key>\s*<(?:string|data)>([^<]+)",
    ),
    Place(
        b"value",
        "password",
        r"(?i)(?:key|name)\s?=\s?[\"'][^\"'\n]*(?:password|passwd|secret|token|api_?key|connectionstring)[^\"'\n]*[\"']"
        r"\s+value\s?=\s?\"([^\"\n]+)\"",
    ),
    Place(
        b"s",
        "password",
        r"(?i)\b(?:password|passphrase|contraseña|clave|token|secret|pin)\s+(?:is|es|was|era)[: ]+"
        r"[\"'«“]?([^\s\"'»”]{4,})",
        _has_digit,
    ),
    Place(
        b"a",
        "password",
        r"(?i)\b(?:password|passphrase|contraseña|clave)(?:[ \t]+[^\s:=]{1,15}){0,3}[ \t]*"
        r"(?:[ \t](?:is|es|was|era)|:|=)[ \t]+[\"'«“]?([^\s\"'»”]{6,})",
        _mixed,
    ),
    Place(b"a", "password", r"(?i)\b(?:password|passphrase|contraseña)[ \t]+[\"'«“]?([^\s\"'»”]{8,})", _mixed),
)


def _find_place(place: Place, text: bytes) -> list[Hit]:
    if place.word not in text.lower():
        return []
    shown = f"[{place.kind}]".encode()
    return [
        Hit(match.start(1), match.end(1), place.kind, shown)
        for match in compiled(place.pattern).finditer(text)
        if not PLACEHOLDER.match(text, match.start(1)) and place.worth(text[match.start(1) : match.end(1)])
    ]


LAYERS: tuple[Callable[[bytes], list[Hit]], ...] = tuple(partial(_find_place, place) for place in _PLACES)
