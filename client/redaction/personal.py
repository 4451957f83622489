"""Personal data known by its form: addresses of people, machines and accounts. Checksums before guesses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from itertools import pairwise

from client.redaction.hit import Hit, compiled, words_of

# Negated ASCII sets keep the automaton small where \pL would make it thirty thousand steps long.
_MAIL = (
    r"[^\x00-\x20@<>()\[\]{}\"',:;=|/\\&?#*`]+@(?:[^\x00-\x2c./:-@\[-^`{-\x7f]+\.)+"
    r"(?:xn--[a-z0-9-]{2,30}|[^\x00-@\[-`{-\x7f]{2,24})"
)
_NO_MAIL_ENDS = words_of(
    "service socket mount timer target slice scope device path automount swap png jpg jpeg gif svg webp so py js ts"
)
_CARD = r"\b\d(?:[ -]?\d){12,18}\b"
# Prefixes and lengths. Source: ISO/IEC 7812 ranges as listed in "Payment card number", Wikipedia, 2026-11.
_CARDS = re.compile(
    r"(?:4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[689]\d)\d{11}|6(?:011|5\d\d|4[4-9]\d)\d{12,15}|35(?:2[89]|[3-8]\d)\d{12,15}|62\d{14,17}"
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{9,15})"
)
_IBAN = r"(?i)\b[a-z]{2}\d{2}(?:[ -]?[a-z0-9]{4}){2,7}(?:[ -]?[a-z0-9]{1,3})?\b"
# Source: SWIFT IBAN registry, release 97.
_IBAN_LENGTHS = {
    country: int(entry[:2])
    for entry in words_of(
        "15:NO 16:BE 18:DK,FI,FO,GL,NL,SD 19:MK,SI 20:AT,BA,EE,KZ,LT,LU,MN,XK 21:CH,CR,HR,LI,LV "
        "22:BG,BH,DE,GB,GE,IE,ME,RS,VA 23:AE,GI,IL,IQ,OM,SO,TL 24:AD,CZ,ES,MD,PK,RO,SA,SE,SK,TN,VG "
        "25:LY,PT,ST 26:IS,TR 27:BI,DJ,FR,GR,IT,MC,MR,SM 28:AL,AZ,BY,CY,DO,GT,HN,HU,LB,NI,PL,SV "
        "29:BR,EG,PS,QA,UA 30:JO,KW,MU,YE 31:MT,SC 32:LC 33:RU"
    )
    for country in entry[3:].split(",")
}
_MAC = (
    r"(?i)\b[0-9a-f]{2}(?:(?::[0-9a-f]{2}){5}|(?:-[0-9a-f]{2}){5})\b|\b[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}\b"
    r"|\b(?:en|wl|ww|et)x[0-9a-f]{12}\b"
)
_IP4 = r"\d{1,3}(?:\.\d{1,3}){3}"
_VERSION_BEFORE = re.compile(
    rb"(?i)(?:version|versi\xc3\xb3n|ver|release|build|driver|firmware|revision|rev|bios)\S{0,2}\s{0,3}[=:\"'(]{0,3}\s{0,8}\Z"
)
_IP6 = (
    r"(?i)(?:[0-9a-f]{1,4}:){6,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{1,4})"
    r"|(?:(?:[0-9a-f]{1,4}:){1,7}|:):(?:[0-9a-f]{1,4}:){0,6}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{1,4})?"
)
_PHONE = r"\+[1-9]\d{0,3}(?:[ .-]\d)?(?:[ ./-]?\(?\d{2,}\)?){1,6}"
_PHONE_NAMED = (
    r"(?i)\b(?:tel|tel[eé]fono|phone|telephone|m[oó]vil|mobile|cel|celular|fax|whatsapp|sms)\b[.:= \t\"']{1,6}"
    r"(\(?\d(?:[ ./()-]{0,2}\d){6,14})"
)
_RUN = r"[A-Za-z0-9+/=_~-]{32,}"
_NOT_SECRET = re.compile(rb"(?:[0-9A-Fa-f]+|[0-9]+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\Z")
_DIGEST_BEFORE = re.compile(rb"(?i)(?:sha\d{1,3}|md5|blake\w*|digest|checksum|integrity)\W{0,3}\Z")


def find_mails(text: bytes) -> list[Hit]:
    if b"@" not in text:
        return []
    found = []
    for match in compiled(_MAIL).finditer(text):
        value = match.group().decode("utf-8", "replace").lower()
        if value.rpartition(".")[2] not in _NO_MAIL_ENDS:
            found.append(Hit(match.start(), match.end(), "mail", value=value))
    return found


def find_accounts(text: bytes) -> list[Hit]:
    """Card numbers that pass Luhn and have a known prefix, and IBANs that pass mod 97."""
    found = []
    for match in compiled(_IBAN).finditer(text):
        end = _iban_end(text, match.start(), match.end())
        if end:
            found.append(Hit(match.start(), end, "iban", b"[iban]"))
    for match in compiled(_CARD).finditer(text):
        if (
            text[max(0, match.start() - 1) : match.start()] in (b".", b"+")
            or text[match.end() : match.end() + 1] == b"."
        ):
            continue
        digits = re.sub(rb"[ -]", b"", match.group()).decode()
        if _CARDS.fullmatch(digits) and _luhn(digits):
            found.append(Hit(match.start(), match.end(), "card", b"[card]"))
    return sorted(found, key=lambda hit: hit.start)


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def _iban_end(text: bytes, start: int, end: int) -> int:
    """Where the IBAN that begins at ``start`` ends; 0 when there is none. Words may follow it within the match."""
    wanted = _IBAN_LENGTHS.get(text[start : start + 2].decode("ascii", "replace").upper(), 0)
    compact = ""
    for at in range(start, end):
        character = chr(text[at])
        if character not in " -":
            compact += character.upper()
        if len(compact) == wanted:
            border = not chr((text[at + 1 : at + 2] or b" ")[0]).isalnum()
            number = int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4]))
            return at + 1 if border and number % 97 == 1 else 0
    return 0


def find_macs(text: bytes) -> list[Hit]:
    found = []
    for match in compiled(_MAC).finditer(text):
        value = match.group()
        mark = value[2:3] if value[2:3] in (b":", b"-") else b"."
        before, after = text[max(0, match.start() - 1) : match.start()], text[match.end() : match.end() + 2]
        if before == mark or (after[:1] == mark and after[1:].isalnum()):
            continue
        hexes = re.sub(rb"[:.-]|^...(?=.{12}$)", b"", value).lower()
        if hexes in (b"0" * 12, b"f" * 12) or (value[2:3] != b":" and hexes.isdigit()):
            continue
        found.append(Hit(match.start(), match.end(), "mac", value=hexes.decode()))
    return found


def find_ip6(text: bytes) -> list[Hit]:
    """IPv6 addresses but ``::``, ``::1`` and multicast."""
    found = []
    for match in compiled(_IP6).finditer(text):
        value = match.group().decode()
        around = text[max(0, match.start() - 1) : match.start()] + b" " + text[match.end() : match.end() + 1]
        if re.search(rb"[\w:]", around) or not any(c.isdigit() for c in value):
            continue
        try:
            address = ipaddress.IPv6Address(value)
        except ValueError:
            continue
        if not (address.is_loopback or address.is_unspecified or address.is_multicast):
            found.append(Hit(match.start(), match.start() + len(value), "ip6", value=address.exploded))
    return found


def find_ip4(text: bytes) -> list[Hit]:
    """IPv4 addresses but this machine's own loop, nobody, netmasks and multicast; versions are left alone."""
    found = []
    for match in compiled(_IP4).finditer(text):
        start, end = match.span()
        octets = match.group().split(b".")
        if any(int(octet) > 255 or (len(octet) > 1 and octet[:1] == b"0") for octet in octets):
            continue
        first = int(octets[0])
        if first in (0, 127) or first >= 224:
            continue
        private = first == 10 or octets[:2] == [b"192", b"168"] or (first == 172 and 16 <= int(octets[1]) <= 31)
        before, after = text[max(0, start - 40) : start], text[end : end + 2]
        if (
            after[:1].isalnum()
            or (after[:1] == b"." and after[1:].isdigit())
            or re.search(rb"(?:\d\.?|[A-Za-z]|==)\Z", before)
        ):
            continue
        if not private and (before[-1:] in (b"-", b"+", b"~") or after[:1] in (b"-", b"+", b"~")):
            continue
        if not (private and int(octets[3])) and _VERSION_BEFORE.search(before):
            continue
        found.append(Hit(start, end, "ip", value=match.group().decode()))
    return found


def find_phones(text: bytes) -> list[Hit]:
    found = []
    if b"+" in text:
        for match in compiled(_PHONE).finditer(text):
            before, after = text[max(0, match.start() - 1) : match.start()], text[match.end() : match.end() + 1]
            digits = sum(48 <= c <= 57 for c in match.group())
            if 8 <= digits <= 15 and not re.search(rb"[\w.)\]+-]", before) and not re.match(rb"\w", after):
                found.append(Hit(match.start(), match.end(), "phone", b"[phone]"))
    named = compiled(_PHONE_NAMED).finditer(text)
    found += [Hit(match.start(1), match.end(1), "phone", b"[phone]") for match in named]
    return sorted(found, key=lambda hit: hit.start)


def find_random(text: bytes) -> list[Hit]:
    """Long runs that look drawn by lot. Digests, UUIDs, paths and long names are not."""
    found = []
    for match in compiled(_RUN).finditer(text):
        value = match.group()
        if _looks_random(value) and not _DIGEST_BEFORE.search(text[max(0, match.start() - 16) : match.start()]):
            found.append(Hit(match.start(), match.end(), "secret", b"[secret]"))
    return found


def _looks_random(value: bytes) -> bool:
    """Lower case, capitals and digits mixed, and changing often: 62 % of the time in random base 62, 20 % in names."""
    if _NOT_SECRET.match(value):
        return False
    if value.count(b"/") > len(value) / 12 and value.count(b"+") == 0:
        return False
    classes = [1 if 48 <= c <= 57 else 2 if 65 <= c <= 90 else 3 for c in value if chr(c).isalnum()]
    if len(classes) < 28 or any(classes.count(kind) < 2 for kind in (1, 2, 3)):
        return False
    changes = sum(1 for one, other in pairwise(classes) if one != other)
    return changes / len(classes) >= 0.36 and len(set(value)) >= 14


LAYERS: tuple[Callable[[bytes], list[Hit]], ...] = (find_accounts, find_macs, find_ip6, find_ip4, find_phones)
"""What runs after the words of the own identity: a host called ``pc-10.1.2.3`` must still be whole for them."""
