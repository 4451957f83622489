"""Keys and tokens of well-known services, known by their form alone.

A rule names the form, words that must be in the text before it is tried, and one sample of either kind, which a test
holds it to. The samples are invented; they are written in pieces so that no scanner takes them for real ones.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from client.redaction.hit import PLACEHOLDER, Hit, compiled


@dataclass(frozen=True, slots=True)
class Rule:
    """One form of a secret. With a group, only the group is hidden. ``words``: one of them is in every match."""

    id: str
    pattern: str
    words: tuple[str, ...]
    sample: str
    other: str
    kind: str = "token"
    any_case: bool = False


_B64 = "Qm9yZ2VzTGFiZXJpbnRvMTk0MQ"
_MIX = "aB3dE5gH7jK9mN1pQ4sT6vX8zC2fR0wY"
_HEX = "9f2c4be01d7a8356e4c0b19d72f5a836"

BLOCKS: tuple[Rule, ...] = (
    Rule(
        "private-key",
        r"(?s)-----? ?BEGIN [A-Za-z0-9 ]*(?:PRIVATE KEY(?: BLOCK)?|Static key V1) ?-----?"
        r".*?(?:-----? ?END [A-Za-z0-9 ]*(?:PRIVATE KEY(?: BLOCK)?|Static key V1) ?-----?|\z)",
        ("PRIVATE KEY", "Static key V1"),
        "-----BEGIN RSA PRIV" + "ATE KEY-----\nMIIEow==\n-----END RSA PRIV" + "ATE KEY-----",
        "-----BEGIN CERTIFICATE-----\nMIIEow==\n-----END CERTIFICATE-----",
        "key",
    ),
    Rule(
        "putty-key",
        r"(?s)PuTTY-User-Key-File-\d+:.*?(?:Private-MAC:[^\n]*|\z)",
        ("PuTTY-User-Key-File-",),
        "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\nAAAA\nPrivate-MAC: 00ff",
        "PuTTY release 0.80",
        "key",
    ),
    Rule(
        "private-key-tail",
        r"(?:[A-Za-z0-9+/=]{40,76}\r?\n)+[A-Za-z0-9+/=]*\r?\n?-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----",
        ("PRIVATE KEY",),
        (_MIX + _MIX + "\n") * 2 + "-----END PRIV" + "ATE KEY-----",
        "AAAA\n" * 20 + "-----END CERTIFICATE-----",
        "key",
    ),
)
"""Secrets of many lines; they go first. One without an end reaches to the end of the text."""


def _prefixed(id_: str, prefix: str, rest: str, tail: str, kind: str = "token") -> Rule:
    """A rule for ``prefix`` (plain) + ``rest`` (pattern); ``tail`` completes the sample, cut short it is none."""
    literal = "".join("\\" + c if c in ".+*?()[]{}|\\^$" else c for c in prefix)
    return Rule(id_, rf"\b({literal}{rest})", (prefix,), prefix + tail, prefix + tail[:3], kind)


TOKENS: tuple[Rule, ...] = (
    Rule(
        "aws-access-key",
        r"\b((?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AIPA|ANPA|ANVA|AROA|APKA)[A-Z0-9]{16})\b",
        ("AKIA", "ASIA", "ABIA", "ACCA", "AGPA", "AIDA", "AIPA", "ANPA", "ANVA", "AROA", "APKA"),
        "AKIA" + "QYLPMN5HHHFPZAM2",
        "AKIAQYLPMN5",
        "key",
    ),
    Rule(
        "github",
        r"\b(gh[opsur]_[A-Za-z0-9_]{30,255})",
        ("gho_", "ghp_", "ghs_", "ghu_", "ghr_"),
        "ghp_" + _MIX + "aB3d",
        "ghp_help",
    ),
    _prefixed("github-fine", "github_pat_", r"[A-Za-z0-9_]{30,255}", _MIX + "_" + _MIX),
    Rule(
        "gitlab",
        r"\b(gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|ffct|oas)-[A-Za-z0-9_.=-]{18,})",
        ("gl",),
        "glpat-" + _MIX[:20],
        "glpat-short",
    ),
    Rule(
        "slack",
        r"\b(xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,})",
        ("xox",),
        "xoxb-" + "1234567890-" + _MIX[:24],
        "xoxb-1",
    ),
    _prefixed("slack-app", "xapp-", r"[A-Za-z0-9-]{20,}", "1-A0123-" + _MIX),
    Rule(
        "slack-hook",
        r"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_+-]{20,})",
        ("hooks.slack",),
        "https://hooks.slack.com/serv" + "ices/T01234567/B01234567/" + _MIX[:24],
        "https://hooks.slack.com/services/",
    ),
    Rule(
        "stripe",
        r"\b((?:sk|rk|pk)_(?:live|test|prod)_[A-Za-z0-9]{10,})",
        ("_live_", "_test_", "_prod_"),
        "sk_" + "live_" + _MIX[:24],
        "sk_test_1",
        "key",
    ),
    _prefixed("stripe-hook", "whsec_", r"[A-Za-z0-9+/=]{20,}", _MIX),
    _prefixed("google-key", "AIza", r"[0-9A-Za-z_-]{35}", "Sy" + _MIX + "a", "key"),
    _prefixed("google-access", "ya29.", r"[0-9A-Za-z_.-]{20,}", "a0" + _MIX),
    _prefixed("google-secret", "GOCSPX-", r"[0-9A-Za-z_-]{20,}", _MIX[:28]),
    _prefixed("google-refresh", "1//0", r"[0-9A-Za-z_-]{30,}", _MIX + _MIX),
    Rule(
        "azure-key",
        r"(?i)\b(?:AccountKey|SharedAccessKey|SharedAccessSignature)\s*=\s*([A-Za-z0-9+/=%&._ -]{16,})",
        ("accountkey", "sharedaccess"),
        "Account" + "Key=" + _MIX + _MIX + "==;EndpointSuffix=core",
        "AccountKey=none",
        "key",
        any_case=True,
    ),
    Rule(
        "azure-secret",
        r"\b([A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34})",
        ("Q~",),
        "abc8" + "Q~" + _MIX[:31] + "ab",
        "abc8Q~x",
    ),
    Rule("sk-key", r"\b(sk-[A-Za-z0-9_-]{20,})", ("sk-",), "sk-" + "proj-" + _MIX, "sk-SK.UTF-8", "key"),
    _prefixed("npm", "npm_", r"[A-Za-z0-9]{30,}", _MIX + "aB3d"),
    _prefixed("pypi", "pypi-", r"[A-Za-z0-9_-]{40,}", "AgEIcHlwaS5vcmc" + _MIX + _MIX),
    _prefixed("sendgrid", "SG.", r"[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}", _MIX[:22] + "." + _MIX + "aB3dE5gH7jK"),
    Rule("twilio", r"\b((?:AC|SK)[0-9a-f]{32})\b", ("AC", "SK"), "SK" + _HEX, "AC0123"),
    Rule("telegram", r"\b([0-9]{8,10}:[A-Za-z0-9_-]{35})\b", (":A",), "123456789:AA" + _MIX + "a", "12345678:AB"),
    Rule(
        "jwt",
        r"\b(eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{2,}(?:\.[A-Za-z0-9_-]*)*)",
        ("eyJ",),
        "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxIn0." + _MIX,
        "eyJhbGci",
    ),
    _prefixed("age", "AGE-SECRET-KEY-1", r"[0-9A-Z]{50,}", _MIX.upper() + _MIX.upper()[:26], "key"),
    _prefixed("dropbox", "sl.", r"[A-Za-z0-9_-]{60,}", _MIX * 3),
    _prefixed("digitalocean", "dop_v1_", r"[a-f0-9]{40,}", _HEX * 2),
    _prefixed("huggingface", "hf_", r"[A-Za-z0-9]{30,}", _MIX + "ab"),
    _prefixed("atlassian", "ATATT3", r"[A-Za-z0-9_=-]{40,}", _MIX + _MIX),
    _prefixed("bitbucket", "ATBB", r"[A-Za-z0-9]{24,}", _MIX),
    Rule("shopify", r"\b(shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32})", ("shp",), "shp" + "at_" + _HEX, "shpat_1"),
    _prefixed("mailgun", "key-", r"[0-9a-f]{32}", _HEX, "key"),
    Rule("mailchimp", r"\b([0-9a-f]{32}-us\d{1,2})\b", ("-us",), _HEX + "-us14", "en-us1", "key"),
    _prefixed("grafana", "glsa_", r"[A-Za-z0-9_]{30,}", _MIX + "_1a2b3c4d"),
    _prefixed("grafana-cloud", "glc_", r"[A-Za-z0-9+/=]{32,}", _MIX + _MIX),
    Rule("vault", r"\b(hv[sbr]\.[A-Za-z0-9_-]{20,})", ("hvs.", "hvb.", "hvr."), "hv" + "s." + _MIX, "hvs.x"),
    _prefixed("databricks", "dapi", r"[0-9a-f]{32}", _HEX),
    _prefixed("docker", "dckr_pat_", r"[A-Za-z0-9_-]{20,}", _MIX),
    _prefixed("newrelic", "NRAK-", r"[A-Z0-9]{20,}", _MIX.upper()),
    _prefixed("postman", "PMAK-", r"[A-Za-z0-9-]{20,}", _MIX),
    _prefixed("rubygems", "rubygems_", r"[a-f0-9]{40,}", _HEX * 2),
    _prefixed("groq", "gsk_", r"[A-Za-z0-9]{30,}", _MIX),
    _prefixed("xai", "xai-", r"[A-Za-z0-9]{40,}", _MIX * 2),
    _prefixed("linear", "lin_api_", r"[A-Za-z0-9]{30,}", _MIX + "abcd"),
    _prefixed("notion", "ntn_", r"[A-Za-z0-9]{30,}", _MIX + "abcd"),
    Rule("sentry", r"\b(sntry[su]_[A-Za-z0-9+/=_-]{30,})", ("sntry",), "sntrys_" + _MIX, "sntrys_x"),
    Rule(
        "discord-hook",
        r"discord(?:app)?\.com/api/webhooks/\d+/([A-Za-z0-9_-]{30,})",
        ("/api/webhooks/",),
        "https://discord.com/api/web" + "hooks/123456789/" + _MIX + _MIX,
        "https://discord.com/api/webhooks/1/",
    ),
    Rule(
        "discord",
        r"\b([MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,})",
        (".",),
        "M" + _MIX[:25] + ".Gabc1_." + _MIX,
        "Notes.about.it",
    ),
    Rule(
        "teams-hook",
        r"\.webhook\.office(?:365)?\.com/webhookb2/([A-Za-z0-9@/-]{30,})",
        (".webhook.office",),
        "https://x.webhook.office.com/web" + "hookb2/" + _HEX + "@" + _HEX + "/IncomingWebhook/x",
        "https://x.webhook.office.com/webhookb2/x",
    ),
    Rule(
        "password-hash",
        r"(\$(?:1|2[abxy]?|5|6|7|y|gy|apr1|argon2[a-z]*|pbkdf2[a-z0-9-]*|scrypt|sha1)\$[A-Za-z0-9./$=,+]{16,})",
        ("$",),
        "$6$" + "saltsalt$" + _MIX + _MIX,
        "cost $5$ more",
        "password",
    ),
    Rule(
        "bearer",
        r"(?i)\b(?:bearer|token|negotiate|ntlm)\s+([A-Za-z0-9][A-Za-z0-9._~+/-]{15,}={0,2})",
        ("bearer", "token", "negotiate", "ntlm"),
        "Bearer " + _MIX,
        "bearer authentication",
        any_case=True,
    ),
    Rule(
        "basic",
        r"(?i)\bbasic\s+([A-Za-z0-9+/]{6,}={0,2})",
        ("basic",),
        "Basic " + base64.b64encode(b"user:open sesame").decode(),
        "basic authentication",
        any_case=True,
    ),
)


def find_tokens(text: bytes) -> list[Hit]:
    """All tokens, in the order of the text."""
    found: list[Hit] = []
    lower: bytes | None = None
    for rule in TOKENS:
        if rule.any_case and lower is None:
            lower = text.lower()
        within = lower if rule.any_case and lower is not None else text
        if any(word.encode() in within for word in rule.words):
            found += _hits(rule, text)
    return sorted(found, key=lambda hit: (hit.start, -hit.end))


def _hits(rule: Rule, text: bytes) -> list[Hit]:
    if not rule.any_case and not any(word.encode() in text for word in rule.words):
        return []
    expression = compiled(rule.pattern)
    group = min(expression.groups, 1)
    shown = f"[{rule.kind}]".encode()
    found = []
    for match in expression.finditer(text):
        start, end = match.span(group)
        value = text[start:end]
        if _plausible(rule.id, value) and not PLACEHOLDER.match(value):
            found.append(Hit(start, end, rule.kind, shown))
    return found


def _plausible(id_: str, value: bytes) -> bool:
    """Not merely a word that happens to fit."""
    if id_ == "bearer":
        return len(value) >= 40 or any(48 <= c <= 57 for c in value)
    if id_ == "basic":
        try:
            return b":" in base64.b64decode(value, validate=True)
        except binascii.Error:
            return False
    if id_ == "sk-key":
        return any(48 <= c <= 57 for c in value) or len(value) > 40
    return True


LAYERS: tuple[Callable[[bytes], list[Hit]], ...] = tuple(partial(_hits, rule) for rule in BLOCKS)
