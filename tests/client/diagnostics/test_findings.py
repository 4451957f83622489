"""What stands out: thresholds, order, and no finding without a value."""

from __future__ import annotations

import pytest

from client.diagnostics.disks import Disk
from client.diagnostics.findings import MOST_SHOWN, find

GB = 10**9


def disk(used_pct: float, total_gb: float = 500, inodes_pct: float = 10, system: bool = True) -> dict[str, object]:
    total = int(total_gb * GB)
    free = int(total * (100 - used_pct) / 100)
    return {"disks": {"disks": [Disk("/", "ext4", total, free, used_pct, inodes_pct, system)]}}


HEALTHY: dict[str, dict[str, object]] = {
    "os": {"uptime_s": 86_400.0, "reboot_pending": False, "sandbox": ""},
    "memory": {"total_bytes": 16 * GB, "available_bytes": 8 * GB, "swap_total_bytes": GB, "swap_pct": 3.0},
    "displays": {"scales": [1.0, 1.0]},
    "disks": {"disks": [Disk("/", "ext4", 500 * GB, 300 * GB, 40)], "silent": []},
    "network": {"default_routes": 1, "proxy_environment": True, "proxy_system": True, "name_servers": 1},
    "desk": {"reached": True, "ms": 40},
    "gpu": {"drivers": ["i915"], "renderer": "Mesa Intel", "software": False},
    "services": {"failed": []},
    "journal": {"disk_errors": 0, "gpu_errors": 0},
    "crashes": {"recent": []},
    "clock": {"synchronised": True},
    "processes": {"largest": ("firefox", 2 * GB)},
}


def test_a_healthy_machine_has_none() -> None:
    assert find(HEALTHY) == ()


def test_missing_values_are_no_finding() -> None:
    assert find({}) == ()
    assert find({name: {} for name in HEALTHY}) == ()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (disk(91), [("disk_full", "warn")]),
        (disk(96), [("disk_full", "fail")]),
        (disk(89), []),
        (disk(99, system=False), []),
        ({"disks": {"disks": [Disk("/", "ext4", 100 * GB, 4 * GB, 80, 1, True)]}}, [("disk_full", "warn")]),
        ({"disks": {"disks": [Disk("/", "ext4", 100 * GB, GB // 2, 80, 1, True)]}}, [("disk_full", "fail")]),
        (disk(50, total_gb=8), []),
        (disk(10, inodes_pct=93), [("disk_files", "warn")]),
        ({"disks": {"disks": [], "silent": ["/mnt/nas"]}}, [("disk_silent", "warn")]),
        ({"memory": {"total_bytes": 100, "available_bytes": 9}}, [("memory_low", "warn")]),
        ({"memory": {"total_bytes": 100, "available_bytes": 4}}, [("memory_low", "fail")]),
        ({"memory": {"swap_total_bytes": 100, "swap_pct": 81.0}}, [("swap_used", "warn")]),
        ({"memory": {"swap_total_bytes": 0, "swap_pct": 100.0}}, []),
        ({"clock": {"synchronised": False}}, [("clock", "warn")]),
        ({"clock": {"synchronised": None}}, []),
        ({"services": {"failed": ["cups.service"]}}, [("services_failed", "warn")]),
        ({"journal": {"disk_errors": 3, "disk_sample": "sda1"}}, [("disk_errors", "fail")]),
        ({"journal": {"gpu_errors": 1, "gpu_sample": "Xid 79"}}, [("gpu_errors", "warn")]),
        ({"crashes": {"recent": ["gedit"]}}, [("crashes", "warn")]),
        ({"crashes": {"recent": ["gedit", "gedit", "totem"]}}, [("crashes", "fail")]),
        ({"desk": {"reached": False, "error": "timed out"}}, [("desk_unreachable", "fail")]),
        ({"network": {"proxy_environment": True, "proxy_system": False}}, [("proxy_environment", "warn")]),
        ({"network": {"proxy_environment": True, "proxy_system": None}}, []),
        ({"network": {"default_routes": 0}}, [("no_route", "warn")]),
        ({"gpu": {"software": True, "renderer": "llvmpipe"}}, [("software_rendering", "warn")]),
        ({"displays": {"scales": [1.0, 2.0]}}, [("mixed_scale", "info")]),
        ({"os": {"uptime_s": 31 * 86_400.0}}, [("uptime", "info")]),
        ({"os": {"reboot_pending": True}}, [("reboot_pending", "warn")]),
    ],
)
def test_each_trouble_is_found_at_its_threshold(values: dict[str, dict[str, object]], expected: list[object]) -> None:
    found = find({**HEALTHY, **values})
    assert [(finding.id, finding.severity) for finding in found] == expected
    for finding in found:
        assert finding.title
        assert finding.evidence
        assert finding.advice.endswith(".")


def test_failures_come_first_and_seven_are_enough() -> None:
    found = find(
        {
            "displays": {"scales": [1.0, 2.0]},
            "os": {"uptime_s": 99 * 86_400.0, "reboot_pending": True},
            "memory": {"total_bytes": 100, "available_bytes": 1, "swap_total_bytes": 100, "swap_pct": 99.0},
            "clock": {"synchronised": False},
            "services": {"failed": ["a", "b"]},
            "journal": {"disk_errors": 1, "gpu_errors": 1},
            "desk": {"reached": False, "error": "x"},
        }
    )
    assert len(found) == MOST_SHOWN
    severities = [finding.severity for finding in found]
    assert severities == sorted(severities, key=("fail", "warn", "info").index)
    assert {"desk_unreachable", "memory_low", "disk_errors"} == {f.id for f in found if f.severity == "fail"}
