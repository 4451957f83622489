"""Whether this computer should be spared: nothing is asked of desks by itself while it saves its battery."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

LOW_PERCENT = 20
"""Below it, and not plugged in. Source: where Windows 11 turned its battery saver on by itself until 24H2."""
PROFILE = Path("/sys/firmware/acpi/platform_profile")
"""What the desktop's choice "power saver" sets. Source: Linux, ABI/testing/sysfs-platform_profile: "low-power"."""
PMSET = Path("/usr/bin/pmset")


def is_low(profile: Path = PROFILE) -> bool:
    """True on a battery that runs low, and where the person wants power to be saved; False where nobody tells."""
    import psutil

    if is_saving(profile):
        return True
    try:
        battery = psutil.sensors_battery()
    except (AttributeError, OSError, RuntimeError, NotImplementedError):
        return False
    return battery is not None and not battery.power_plugged and battery.percent < LOW_PERCENT


def is_saving(profile: Path = PROFILE) -> bool:
    """Whether the system's own battery saver is on."""
    try:
        if profile.exists():
            return profile.read_text("ascii").strip() == "low-power"
        return _saver_of_macos() if PMSET.exists() else _saver_of_windows()
    except (OSError, ValueError, subprocess.SubprocessError):
        return False


def _saver_of_windows() -> bool:
    """Source: Microsoft, SYSTEM_POWER_STATUS: SystemStatusFlag, the fourth byte, 1: "Battery saver is on"."""
    windows, status = getattr(ctypes, "windll", None), (ctypes.c_ubyte * 12)()
    return windows is not None and bool(windows.kernel32.GetSystemPowerStatus(status)) and status[3] == 1


def _saver_of_macos() -> bool:
    """Source: pmset(1): "lowpowermode"."""
    told = subprocess.run([str(PMSET), "-g"], capture_output=True, text=True, timeout=5, check=True).stdout
    return any(line.split()[:2] == ["lowpowermode", "1"] for line in told.splitlines())
