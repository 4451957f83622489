"""Web addresses out of strangers' files: what is risky about one, told before anything is sent there."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import SplitResult, quote, urlsplit

from uploader.sxcu.fault import SxcuFault

METADATA = frozenset({"169.254.169.254", "169.254.170.2", "fd00:ec2::254", "100.100.100.200", "168.63.129.16"})
"""Where clouds tell a machine its own credentials. Source: AWS, Alibaba and Azure documentation, 2025."""
_METADATA_NAMES = ("metadata.google.internal", "metadata.goog", "instance-data")
_PRIVATE_ENDINGS = (".local", ".internal", ".lan", ".home", ".localdomain", ".localhost", ".intranet", ".corp")


def split(url: str) -> SplitResult:
    """Raises: SxcuFault when ``url`` is no web address."""
    try:
        parts = urlsplit(url)
        if parts.scheme.lower() in ("http", "https") and _is_host(parts.hostname or "") and parts.port != 0:
            return parts
    except ValueError:
        pass
    raise SxcuFault("what the uploader makes is no web address: it begins with https:// and names a host")


def normal(url: str) -> str:
    """The address in plain ASCII, as it goes over the wire. Raises: SxcuFault."""
    url = "".join(c for c in url.strip() if c not in "\t\r\n")
    if "://" not in url:
        url = "https://" + url.removeprefix("//")
    parts = split(url)
    host = _ascii(parts.hostname or "")
    place = f"[{host}]" if ":" in host else host
    place += f":{parts.port}" if parts.port else ""
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?[]") if parts.query else ""
    return f"{parts.scheme.lower()}://{place}{path}{query}"


def host_of(url: str) -> str:
    """Raises: SxcuFault."""
    return _ascii(split(url).hostname or "")


def risks(url: str) -> tuple[str, ...]:
    """Of "plain_http", "metadata_address", "private_address", "credentials_in_url". Raises: SxcuFault."""
    parts, found = split(url), []
    host = _ascii(parts.hostname or "")
    if parts.scheme.lower() == "http":
        found.append("plain_http")
    if parts.username or parts.password:
        found.append("credentials_in_url")
    number = _number(host)
    if str(number) in METADATA or host in _METADATA_NAMES:
        found.append("metadata_address")
    elif (number is not None and not number.is_global) or (
        number is None and ("." not in host or host.endswith(_PRIVATE_ENDINGS))
    ):
        found.append("private_address")
    return tuple(found)


def _number(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The number behind ``127.1``, ``0x7f000001``, ``2130706433`` and ``::ffff:127.0.0.1`` as well."""
    address: ipaddress.IPv4Address | ipaddress.IPv6Address | None
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            address = ipaddress.IPv4Address(socket.inet_aton(host)) if host[:1].isdigit() else None
        except (OSError, ValueError):
            return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _ascii(host: str) -> str:
    try:
        return host.encode("idna").decode().lower().rstrip(".") if not host.isascii() else host.lower().rstrip(".")
    except UnicodeError as error:
        raise SxcuFault("the name of the host in the uploader cannot be") from error


def _is_host(host: str) -> bool:
    if ":" in host:
        return True
    return bool(host) and len(host) < 254 and all(c.isalnum() or c in "-._" for c in host) and ".." not in host
