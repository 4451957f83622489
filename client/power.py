"""Whether this computer should be spared: nothing is asked of desks by itself while its battery runs low."""

from __future__ import annotations

LOW_PERCENT = 20
"""Below it, and not plugged in. Source: where Windows 11 turned its battery saver on by itself until 24H2."""


def is_low() -> bool:
    """True on a battery that runs low; False where there is none, or nobody tells."""
    import psutil

    try:
        battery = psutil.sensors_battery()
    except (AttributeError, OSError, RuntimeError, NotImplementedError):
        return False
    return battery is not None and not battery.power_plugged and battery.percent < LOW_PERCENT
