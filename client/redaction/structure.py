"""Secrets known by the name that stands before them: JSON, env, INI, XML, flags, headers, addresses.

When in doubt about where a value ends it takes more rather than less; a key named like a secret with a value that
plainly is none (``max_tokens=4096``, ``PWD=/home``) is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

from client.redaction import places
from client.redaction.hit import PLACEHOLDER, Hit, compiled, words_of

_STRONG = words_of(
    "password passwd passphrase passcode pwd secret token apikey credential contrasena bearer dsn connectionstring "
    "accesskey secretkey privatekey accountkey authkey userpass psk"
)
_STRONG_PAIRS = words_of(
    "api-key access-key private-key secret-key auth-key account-key shared-key encryption-key signing-key master-key "
    "recovery-key storage-key ssh-key session-key host-key license-key product-key client-key app-key service-key "
    "wpa-key wep-key function-key subscription-key deploy-key pre-shared connection-string"
)
_STRONG_ENDS = tuple(
    words_of(
        "password passwd passphrase secret token apikey accesskey secretkey privatekey accountkey authkey sessionkey "
        "encryptionkey connectionstring contrasena userpwd dbpwd userpass dbpass"
    )
)
_WEAK = words_of(
    "pass auth session sessionid sid sig signature sas otp pin csrf xsrf nonce refresh key clave cookie psk code "
    "credentials jwt sso ticket secretid samlresponse samlrequest state"
)
_BENIGN_LAST = words_of(
    "type expires expire expiry expired expiration age length len count policy file path url uri endpoint name id ttl "
    "lifetime required enabled disabled min max status state method prompt version size limit timeout store storage "
    "manager provider service changed change set authentication auth format algorithm field label used usage cache "
    "dir folder issuer hint reset retries attempts quality strength rules support supported error encryption stdin"
)
_BENIGN_VALUE = re.compile(
    rb"(?i)(?:true|false|null|none|nil|undefined|yes|no|on|off|ok|empty|unset|required|optional|ask|never|default|invalid"
    rb"|missing|expired|not set|\*+|x+|\.+|<[a-z _-]+>|\$\{?[a-z_]+\}?|%[a-z_]+%|-)?\Z"
)

_KEY = (
    r"(?i)([a-z0-9_.-]*(?:pass|pwd|secret|token|key|auth|cred|session|sid|sig|cookie|otp|pin|bearer|csrf|xsrf|refresh"
    r"|nonce|clave|contrase|connection[_ .-]?string|sas|dsn|psk|jwt|code|ticket|saml|pre-shared)[a-zñ0-9_.-]*)"
    r"(\\*[\"'])?\s{0,4}(?:=>|:=|=|:|,\s?\\*[\"']?value\\*[\"']?\s?[:=]|[\"']?\s+value\s?=|\s+reg_[a-z_]+\s"
    r"|(?:\s[a-z:]{1,20}=[\"'][^\"'<>]{0,40}[\"']){0,2}>)"
)
_KEY_WORDS = ("pass", "pwd", "secret", "token", "key", "auth", "cred", "session", "sid", "sig", "cookie", "otp", "pin",
              "bearer", "csrf", "xsrf", "refresh", "nonce", "clave", "contrase", "string", "sas", "dsn", "psk", "jwt",
              "code", "ticket", "saml", "shared")  # fmt: skip
_FLAG = (
    r"(?i)(?:^|[\s\"',\[])(?:--?|/)([a-z0-9_-]*(?:pass|pwd|secret|token|key|cred)[a-z0-9_-]*)"
    r"(?:[\"']?[ \t]*,[ \t]*[\"']|[ \t]+)(?:[\"']([^\"'\n]+)[\"']|([^\s\"'-][^\s\"']*))"
)
_ADDRESS = re.compile(rb"""://[^\s/:"'<>\[]*:""")
_TO_SIGN = re.compile(rb"""[^\s"'<>@]{0,512}@""")
_PORT = re.compile(rb"\d{1,5}/")
_LONGEST_PASSWORD = 512
_HOST = re.compile(rb"(?:[\w-]+(?:\.[\w-]+)+|localhost|\[[0-9a-f:]+\])(?::\d+)?(?:[/?#,;]|\Z)")
_HEADER = r"(?i)((?:proxy-)?authorization|(?:set-)?cookie2?)(\\*[\"'])?\s{0,4}[:=]"
_QUOTED = re.compile(rb"""[ \t]*((\\*)(["']))""")
_COULD_BE = re.compile(rb"""[ \t\\"']{0,8}(?:[0-9]{4,8}\b|(?=[^\s"']{0,64}[0-9])[^\s"'/~][^\s"']{7})""")
_HEADED = re.compile(rb"(?:[\w-]+ )?\[(?:token|cookie)\]")
_LINE_START = re.compile(rb"""(?:[\s\-#;*>|$]|//|export |set |setx |env |\$env:)*["']?\Z""", re.IGNORECASE)
_ONE_TOKEN = re.compile(rb"""(?:Bearer|Basic|Token|Negotiate|NTLM|ApiKey)[ ]+[^\s,;"']+""", re.IGNORECASE)
_NEXT_LINE = re.compile(rb"([|>][+-]?)?[ \t]*\r?\n")
_SPACES = re.compile(rb"[ \t]*")
_UNQUOTED = re.compile(rb"\S+")
_IN_JSON = re.compile(rb"[^,}\]\s]+")
_IN_QUERY = re.compile(rb"""[^&#\s"'<>]+""")
_IN_LIST = re.compile(rb"""[^;\r\n"']+""")
_IN_MARKUP = re.compile(rb"[^<\r\n]+")
_REST_OF_LINE = re.compile(rb"[^\r\n]+")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def find_headers(text: bytes) -> list[Hit]:
    """The whole value of Authorization and Cookie headers."""
    found = []
    for match in compiled(_HEADER).finditer(text):
        start, end = _value(text, match.end(), match.start(1), quoted_key=match.start(2) >= 0, whole_line=True)
        kind = "cookie" if text[match.start(1) : match.end(1)].lower().find(b"cookie") >= 0 else "token"
        if end > start and not _HEADED.match(text, start) and not _BENIGN_VALUE.match(text[start:end]):
            found.append(Hit(start, end, kind, f"[{kind}]".encode()))
    return found


def find_keyed(text: bytes) -> list[Hit]:
    """Values of keys that are named like a secret."""
    lower = text.lower()
    if not any(word.encode() in lower for word in _KEY_WORDS):
        return []
    found = []
    done = 0
    for match in compiled(_KEY).finditer(text):
        key_start, key_end = match.span(1)
        if key_start < done:
            continue
        at = match.end()
        strength = _strength(text[key_start:key_end])
        if strength == "weak" and text[key_end - 4 : key_end].lower() == b"pass":
            # "PASS: 12" is the line of a test; pass=…, "pass": …, db_pass: … are passwords.
            strength = (
                "strong" if text[at - 1 : at] == b"=" or match.start(2) >= 0 or key_end - key_start > 4 else "weak"
            )
        if not strength or (strength == "weak" and not _COULD_BE.match(text, at)):
            continue
        key = text[key_start:key_end].decode("utf-8", "replace")
        start, end = _value(text, at, key_start, quoted_key=match.start(2) >= 0)
        value = text[start:end]
        if end <= start or PLACEHOLDER.match(text, start) or not _worth(key, value, strength):
            continue
        kind = _kind(key)
        found.append(Hit(start, end, kind, f"[{kind}]".encode()))
        done = end
    return found


def find_addresses(text: bytes) -> list[Hit]:
    """Passwords in ``scheme://user:password@host``, whatever signs they hold."""
    if b"@" not in text:
        return []
    found = []
    done = 0
    for match in _ADDRESS.finditer(text):
        start = match.end()
        first = _TO_SIGN.match(text, start)
        if start < done or not first or PLACEHOLDER.match(text, start) or _PORT.match(text, start):
            continue
        end = first.end() - 1
        while not _HOST.match(text, end + 1):
            more = _TO_SIGN.match(text, end + 1)
            if not more or more.end() - start > _LONGEST_PASSWORD or b"://" in more.group():
                break
            end = more.end() - 1
        if end > start and b"://" not in text[start:end]:
            found.append(Hit(start, end, "password", b"[password]"))
            done = end
    return found


def find_flags(text: bytes) -> list[Hit]:
    """Values of flags that are named like a secret."""
    found = []
    for match in compiled(_FLAG).finditer(text):
        key = text[match.start(1) : match.end(1)]
        start, end = match.span(2) if match.start(2) >= 0 else match.span(3)
        value = text[start:end]
        strength = "strong" if key.lower().endswith(b"pass") else _strength(key)
        if strength and not PLACEHOLDER.match(value) and _worth(key.decode(), value, strength):
            kind = _kind(key.decode())
            found.append(Hit(start, end, kind, f"[{kind}]".encode()))
    return found


def _value(text: bytes, at: int, key_at: int, *, quoted_key: bool, whole_line: bool = False) -> tuple[int, int]:
    """Where the value that follows a key lies; quotes are not part of it."""
    before = text[max(0, key_at - 32) : key_at]
    opener = before[-1:]
    quoted = _QUOTED.match(text, at)
    if quoted:
        return _inside_quotes(text, quoted.end(1), quoted.group(1))
    at = _spaces_end(text, at)
    block = _NEXT_LINE.match(text, at)
    if block:
        return _indented(text, block, before.rpartition(b"\n")[2])
    if text[at : at + 1] in (b"{", b"["):
        return _inside_brackets(text, at) if quoted_key and not PLACEHOLDER.match(text, at) else (at, at)
    if text[at : at + 2] == b"//":
        return at, at
    if text[at - 1 : at] == b">" and text[at - 2 : at - 1] != b"=":
        return _span(_IN_MARKUP, text, at) if opener in (b"<", b":") else (at, at)
    if opener in (b'"', b"'") and not quoted_key:
        end = text.find(opener, at, at + 4096)
        return (at, end) if end >= 0 else _span(_REST_OF_LINE, text, at)
    if whole_line:
        return _span(_ONE_TOKEN if _ONE_TOKEN.match(text, at) else _REST_OF_LINE, text, at)
    if quoted_key:
        return _span(_IN_JSON, text, at)
    if opener in (b"?", b"&"):
        return _span(_IN_QUERY, text, at)
    if opener == b";":
        return _span(_IN_LIST, text, at)
    line = before.rpartition(b"\n")
    if (line[1] or key_at <= 32) and _LINE_START.match(line[2]):
        return _trimmed(text, *_span(_REST_OF_LINE, text, at))
    return _trimmed(text, *_span(_UNQUOTED, text, at))


def _indented(text: bytes, block: re.Match[bytes], before: bytes) -> tuple[int, int]:
    """The lines below a YAML key that are its value: all of a ``|`` block, or one line that is no key itself."""
    own = len(before) - len(before.lstrip(b" "))
    inner = re.compile(rb"(?: {%d,}[^\r\n]*(?:\r?\n|\Z))+" % (own + 1)).match(text, block.end())
    if not inner or before.strip(b" -\"'"):
        return block.end(), block.end()
    if block.group(1):
        start, end = inner.span()
    else:
        start, end = _span(_REST_OF_LINE, text, inner.start())
        if re.search(rb"[:=](?:\s|$)", text[start:end]):
            return start, start
    start = _spaces_end(text, start)
    return start, start + len(text[start:end].rstrip())


def _inside_quotes(text: bytes, at: int, opener: bytes) -> tuple[int, int]:
    """Up to the closing quote, escaped as often as the opening one; without one, to the end of the line."""
    if len(opener) == 1:
        quote = re.escape(opener)
        plain = rb"[^\\\n" + quote + rb"]*"
        inside = re.compile(plain + rb"(?:\\." + plain + rb")*(?=" + quote + rb")").match(text, at)
        if inside:
            return at, inside.end()
    else:
        closing = re.compile(rb"(?<!\\)" + re.escape(opener)).search(text, at, at + 8192)
        if closing and text.find(b"\n", at, closing.start()) < 0:
            return at, closing.start()
    return _span(_REST_OF_LINE, text, at)


def _inside_brackets(text: bytes, at: int) -> tuple[int, int]:
    """What lies between this bracket and its partner, at most 64 KiB on."""
    depth = 0
    for match in re.compile(rb"""[\[{]|[\]}]|"[^"\\]*(?:\\.[^"\\]*)*\"""").finditer(text, at, at + 65536):
        mark = match.group()
        if mark in (b"[", b"{"):
            depth += 1
        elif mark in (b"]", b"}"):
            depth -= 1
            if depth == 0:
                inner_start, inner_end = at + 1, match.start()
                return (inner_start, inner_end) if text[inner_start:inner_end].strip() else (at, at)
    return _span(_REST_OF_LINE, text, at)


def _span(pattern: re.Pattern[bytes], text: bytes, at: int) -> tuple[int, int]:
    match = pattern.match(text, at)
    return match.span() if match else (at, at)


def _spaces_end(text: bytes, at: int) -> int:
    match = _SPACES.match(text, at)
    return match.end() if match else at


def _trimmed(text: bytes, start: int, end: int) -> tuple[int, int]:
    return start, start + len(text[start:end].rstrip(b" \t,;)}]>'\""))


@lru_cache(maxsize=1024)
def _strength(raw: bytes) -> str:
    """``strong``, ``weak`` or nothing, by the words the key is made of."""
    key = raw.decode("utf-8", "replace").replace("ñ", "n").replace("Ñ", "N")
    words = [word.lower() for word in _WORDS.findall(key)]
    while words and (words[-1].isdigit() or words[-1] in ("value", "plain", "text")):
        words.pop()
    if not words:
        return ""
    singular = [word.removesuffix("s") if word not in ("pass", "sas") else word for word in words]
    named = any(word in _STRONG or word.endswith(_STRONG_ENDS) for word in singular) or any(
        "-".join(pair) in _STRONG_PAIRS for pair in pairwise(singular)
    )
    if named:
        return "" if words[-1] in _BENIGN_LAST else "strong"
    return "weak" if words[-1] in _WEAK or "".join(words) in _WEAK else ""


def _kind(key: str) -> str:
    lower = key.lower()
    if "cookie" in lower:
        return "cookie"
    if any(word in lower for word in ("pass", "pwd", "clave", "contrase", "pin", "dsn", "string")):
        return "password"
    return "key" if "key" in lower else "token"


def _worth(key: str, value: bytes, strength: str) -> bool:
    """Not every value of a key that sounds secret is one."""
    if _BENIGN_VALUE.match(value):
        return False
    words = key.lower()
    if strength == "strong":
        if words in ("pwd", "oldpwd") and (value[:1] in (b"/", b"~", b"[") or value[1:2] == b":"):
            return False
        return not (words.endswith("s") and not words.endswith("pass") and value.partition(b" ")[0].isdigit())
    if words.endswith(("pin", "otp", "clave")) and value.isdigit():
        return 4 <= len(value) <= 8
    letters = any(chr(c).isalpha() for c in value)
    digits = any(48 <= c <= 57 for c in value)
    if value[:1] in (b"/", b"\\", b"~") or value[1:3] == b":\\" or b" " in value or value[:4] == b"http":
        return False
    least = 16 if words.endswith(("key", "code", "state", "ticket", "auth")) else 8
    return len(value) >= least and letters and digits


LAYERS: tuple[Callable[[bytes], list[Hit]], ...] = (
    find_headers,
    find_addresses,
    *places.LAYERS,
    find_keyed,
    find_flags,
)
