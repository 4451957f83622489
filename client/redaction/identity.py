"""Who and where: names of the person and the machine, taken from the system itself and found in any text.

They come from the system, not from what is collected: switching a collector off must not switch this off.
"""

from __future__ import annotations

import getpass
import importlib
import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from client.redaction.hit import PSEUDONYM, PSEUDONYM_BYTES, Hit, compiled, words_of

# Accounts and machines that say nothing about anyone, and words that would take half of any text with them.
_COMMON = words_of(
    """
    root user users usr usuario test tests tester testing testigo admin administrator administrador administrateur
    guest invitado public default shared system daemon nobody localhost localdomain local lan home host hostname
    internal intranet corp workgroup domain example ubuntu debian fedora arch centos redhat suse opensuse mint linux
    windows macos mac macbook darwin unix server servidor client cliente desktop laptop computer computadora equipo
    machine box virtual docker container vagrant ec2 cloud node worker runner build dev demo live main master app apps
    web www mail file files disk name mode word text note log logs error info warning key token password hidden phone
    card account service com net org gov edu new old the and for del los las con por van der den von san santa office
    work data temp tmp bin etc var opt srv lib proc sys run mnt media boot python java node git ssh http https
    will mark rose grace hope faith joy may june april august art bill frank grant jack dean pat sue drew rob chase ray
    max guy rich wall park long short small young white black brown green gray field hill wood stone bush rivers banks
    sol mar paz luz flor alba cruz campo campos rey reyes leon rosa blanca blanco soto vega rios montes calle
    nieves dolores angel jesus santos bueno bravo franco hermoso castillo iglesias
    """
)
_LEAST_LETTERS = 3
_HOMES = (
    r"(?i)\\+(?:Users|Documents and Settings)\\+([^\\/:*?\"<>|\r\n\[\]]{1,64})\\",
    r"(?i)(?:/home/|/users/|/export/home/|\\users\\+)([^/\\\s:;,|\"'<>*?()\[\]]+)",
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Words that point to this person, machine and organisation. Anything too short or too common is ignored."""

    users: tuple[str, ...] = ()
    full_names: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    homes: tuple[str, ...] = ()


def own_identity() -> Identity:
    """What this system says of its user and itself. Asks no network."""
    users = [os.environ.get(name, "") for name in ("USER", "LOGNAME", "USERNAME", "SUDO_USER")]
    try:
        users.append(getpass.getuser())
    except (OSError, KeyError, ImportError):
        pass
    homes = [os.environ.get(name, "") for name in ("HOME", "USERPROFILE")]
    account_names, account_homes, full_names = _account()
    hosts = [socket.gethostname(), os.environ.get("COMPUTERNAME", ""), os.environ.get("HOSTNAME", ""), *_host_file()]
    domains = [host.partition(".")[2] for host in hosts]
    domains += [os.environ.get("USERDNSDOMAIN", ""), os.environ.get("USERDOMAIN", ""), *_search_domains()]
    return Identity(
        users=_worthy(users + account_names),
        full_names=_worthy(full_names),
        hosts=_worthy([host.partition(".")[0] for host in hosts]),
        domains=_worthy(domains),
        homes=tuple(dict.fromkeys(home for home in homes + account_homes if len(home) > _LEAST_LETTERS)),
    )


def _account() -> tuple[list[str], list[str], list[str]]:
    """Name, home and full name from the account list, where the system has one (not on Windows)."""
    system: Any = os
    try:
        entry = importlib.import_module("pwd").getpwuid(system.getuid())
    except (ImportError, KeyError, AttributeError):
        return [], [], _windows_full_name()
    return [entry.pw_name], [entry.pw_dir], [entry.pw_gecos.partition(",")[0]]


def _windows_full_name() -> list[str]:
    import ctypes

    libraries = getattr(ctypes, "windll", None)
    if libraries is None:
        return []
    size = ctypes.c_ulong(256)
    name = ctypes.create_unicode_buffer(size.value)
    # 3 is NameDisplay. Source: EXTENDED_NAME_FORMAT, secext.h.
    return [name.value] if libraries.secur32.GetUserNameExW(3, name, ctypes.byref(size)) else []


def _host_file() -> list[str]:
    try:
        return [Path("/etc/hostname").read_text("utf-8", "replace").strip()]
    except OSError:
        return []


def _search_domains() -> list[str]:
    try:
        lines = Path("/etc/resolv.conf").read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [word for line in lines if line.startswith(("search", "domain")) for word in line.split()[1:]]


def _worthy(words: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip(". \t\n\0") for word in words if is_telling(word.strip(". \t\n\0"))))


def is_telling(word: str) -> bool:
    """Whether a word may be hidden wherever it stands: long enough, and not a common one."""
    return sum(c.isalnum() for c in word) >= _LEAST_LETTERS and not word.isdigit() and word.lower() not in _COMMON


class Names:
    """Finds the words of an identity, and the words a user chose to hide."""

    def __init__(self, identity: Identity) -> None:
        self._words: dict[str, tuple[str, str]] = {}
        self._hidden: dict[str, tuple[str, str]] = {}
        for home in identity.homes:
            self._add_home(home.rstrip("/\\"))
        for user in identity.users:
            self._add(user, "user", user)
        for name in identity.full_names:
            for part in (name, *re.split(r"[\s.\\/@_-]+", name)):
                self._add(part, "name", name)
        for host in identity.hosts:
            self._add(host, "host", host)
        for domain in identity.domains:
            self._add(domain, "domain", domain)
        self._own = _Words(self._words)
        self._chosen = _Words({})

    def _add(self, word: str, kind: str, value: str) -> None:
        if is_telling(word):
            self._words.setdefault(word.lower(), (kind, value.lower()))

    def _add_home(self, home: str) -> None:
        if is_telling(re.split(r"[/\\]", home)[-1]):
            for form in (home, home.replace("\\", "\\\\"), home.replace("\\", "/")):
                self._words.setdefault(form.lower(), ("home", ""))

    def known(self) -> tuple[tuple[str, str], ...]:
        """(kind, value) of all words in their order, so that this user is ``user-1`` in every text."""
        return tuple(dict.fromkeys(entry for entry in self._words.values() if entry[0] != "home"))

    def hide(self, word: str) -> None:
        """From now on this text is hidden wherever it stands, even within words."""
        word = word.strip()
        if len(word) >= 2 and word.lower() not in self._hidden:
            self._hidden[word.lower()] = ("hidden", "")
            self._chosen = _Words(self._hidden)

    def find_own(self, text: bytes) -> list[Hit]:
        """The words of the identity at word borders, in any case."""
        return [hit for hit in _find(self._own, text) if _stands_alone(text, hit)]

    def find_hidden(self, text: bytes) -> list[Hit]:
        return list(_find(self._chosen, text))


def find_homes(text: bytes) -> list[Hit]:
    """Names of other people in the paths of their homes."""
    found = []
    for pattern in _HOMES:
        for match in compiled(pattern).finditer(text):
            value = match.group(1).decode("utf-8", "replace").lower()
            if value not in _COMMON and not PSEUDONYM.search(value):
                found.append(Hit(match.start(1), match.end(1), "user", value=value))
    return sorted(found, key=lambda hit: hit.start)


class _Words:
    """An RE2 expression with one group per word, longest first, and what each group means."""

    def __init__(self, meanings: Mapping[str, tuple[str, str]]) -> None:
        ordered = sorted(meanings, key=lambda word: -len(word))
        self.meanings = [meanings[word] for word in ordered]
        self.pattern = "(?i)" + "|".join(f"({_literal(word)})" for word in ordered)
        self.broken = [any(not c.isalnum() for c in word) for word in ordered]


def _literal(word: str) -> str:
    return "".join(c if c.isalnum() or c == "_" or ord(c) > 127 else f"\\x{ord(c):02x}" for c in word)


def _find(words: _Words, text: bytes) -> Iterator[Hit]:
    """Hits that do not lie across the border of a pseudonym."""
    if not words.meanings:
        return
    expression = compiled(words.pattern)
    at: int | None = 0
    while at is not None:
        again = None
        for match in expression.finditer(text, at):
            place = match.lastindex - 1
            start, end = match.span()
            kind, value = words.meanings[place]
            hit = Hit(start, end, kind, b"" if value else f"[{kind}]".encode(), value)
            held = _cuts_pseudonym(text, start, end)
            if not held:
                yield hit
            if words.broken[place] and (held or not _stands_alone(text, hit)):
                # A word of several parts that is rejected may hide the beginning of another.
                again = start + 1
                break
        at = again


def _stands_alone(text: bytes, hit: Hit) -> bool:
    """No letter or digit goes on where the word begins and ends."""
    before = text[max(0, hit.start - 4) : hit.start].decode("utf-8", "ignore")[-1:]
    after = text[hit.end : hit.end + 4].decode("utf-8", "ignore")[:1]
    first = text[hit.start : hit.start + 4].decode("utf-8", "ignore")[:1]
    return not (before.isalnum() and first.isalnum()) and not after.isalnum()


def _cuts_pseudonym(text: bytes, start: int, end: int) -> bool:
    from_ = max(0, start - 24)
    around = text[from_ : end + 24]
    if b"-" not in around and b"[" not in around:
        return False
    for held in PSEUDONYM_BYTES.finditer(around):
        first, last = held.start() + from_, held.end() + from_
        if first < end and last > start and (first < start or last > end):
            return True
    return False
