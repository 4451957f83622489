"""Disks and how full they are. What may hang on a dead server is asked in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import psutil

from client.diagnostics.collector import Absent, Context, Facts, size, table
from client.diagnostics.command import TooSlow, ask
from client.words import say_n

_NOISE = frozenset(
    {"squashfs", "tmpfs", "devtmpfs", "overlay", "aufs", "ramfs", "iso9660", "udf", "efivarfs", "nsfs", "autofs"}
)
_FAR = ("nfs", "cifs", "smb", "fuse", "9p", "afs", "ceph", "gluster", "davfs", "sshfs", "webdav", "ncpfs")
_MOST = 40


@dataclass(frozen=True, slots=True)
class Disk:
    mount: str
    kind: str
    total_bytes: int
    free_bytes: int
    used_pct: float
    inodes_pct: float = 0.0
    system: bool = False


def disks(context: Context, system: str = "/") -> Facts:
    mounts = _mounts(psutil.disk_partitions(all=False), system)
    near = [(mount, kind) for mount, kind in mounts if not is_far(kind)]
    far = [(mount, kind) for mount, kind in mounts if is_far(kind)]
    found = [disk for disk in (_local(mount, kind, system) for mount, kind in near) if disk]
    silent = []
    with ThreadPoolExecutor(4) as pool:
        for (mount, kind), disk in zip(far, pool.map(lambda entry: _by_df(entry[0], entry[1], context), far)):
            if disk:
                found.append(disk)
            else:
                silent.append((mount, kind))
    rows: list[tuple[object, ...]] = [
        (
            disk.mount,
            disk.kind,
            size(disk.total_bytes),
            size(disk.free_bytes),
            f"{disk.used_pct:.0f} %",
            f"{disk.inodes_pct:.0f} %" if disk.inodes_pct else "",
            "system" if disk.system else "",
        )
        for disk in found
    ]
    rows += [(mount, kind, "?", "?", "?", "", "gave no answer") for mount, kind in silent]
    text = table(("Disk", "Kind", "Size", "Free", "Used", "Inodes", ""), rows, frozenset({2, 3, 4, 5}))
    reason = ""
    if silent:
        reason = say_n("{n} network folder does not answer", "{n} network folders do not answer", len(silent))
    values: dict[str, object] = {"disks": found, "silent": [mount for mount, _ in silent]}
    return Facts(text, values, "partial" if silent else "ok", reason)


def is_far(kind: str) -> bool:
    """Whether a file system is behind a network or a program, which may be gone."""
    return kind.lower().startswith(_FAR)


def _mounts(partitions: Iterable[object], system: str) -> list[tuple[str, str]]:
    """(mount, file system), each device once, the system's disk first; without what is always full."""
    devices: dict[str, tuple[str, str]] = {}
    for partition in partitions:
        device, mount, kind = (str(getattr(partition, name)) for name in ("device", "mountpoint", "fstype"))
        options = str(getattr(partition, "opts", ""))
        if kind.lower() in _NOISE or mount.startswith(
            ("/snap/", "/var/lib/docker", "/var/lib/containers", "/boot/efi")
        ):
            continue
        if mount.startswith("/System/Volumes/") and mount != system:
            continue
        if "cdrom" in options or "remote" in options.split(",") or not kind:
            continue
        known = devices.get(device)
        if known is None or len(mount) < len(known[0]):
            devices[device] = (mount, kind)
    mounts = sorted(devices.values(), key=lambda entry: (entry[0] != system, entry[0]))
    if all(mount != system for mount, _ in mounts):
        mounts.insert(0, (system, "system"))
    return mounts[:_MOST]


def _local(mount: str, kind: str, system: str) -> Disk | None:
    with suppress(OSError):
        usage = psutil.disk_usage(mount)
        inodes_pct = 0.0
        statvfs = getattr(os, "statvfs", None)
        if statvfs:
            told = statvfs(mount)
            inodes_pct = (1 - told.f_favail / told.f_files) * 100 if told.f_files else 0.0
        return Disk(mount, kind, usage.total, usage.free, usage.percent, inodes_pct, mount == system)
    return None


def _by_df(mount: str, kind: str, context: Context) -> Disk | None:
    """None when the disk does not answer: the process that asked is killed, no thread of ours hangs."""
    with suppress(Absent, TooSlow, ValueError, IndexError):
        return parse_df(ask(("df", "-Pk", mount), context, limit_s=1.2).text, mount, kind)
    return None


def parse_df(text: str, mount: str, kind: str) -> Disk:
    """The one line of ``df -Pk``.

    Raises: ValueError, IndexError when there is none.
    """
    columns = text.strip().splitlines()[1].removesuffix(mount).split()
    total, used, free = (int(part) * 1024 for part in columns[-4:-1])
    return Disk(mount, kind, total, free, used / max(used + free, 1) * 100)
