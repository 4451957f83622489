"""What the machine tells: declared collectors, run a few at a time, each with a limit, redacted before anyone sees it.

Nothing is sent from here, and nothing personal is asked for: no serial numbers, network names, window titles,
command lines or values of the environment.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection

from client.diagnostics.collection import Collected, Diagnosis, run_all
from client.diagnostics.collector import Absent, Collector, Context, Facts, Status
from client.diagnostics.findings import Finding
from client.redaction import Redactor

__all__ = [
    "PROFILES",
    "Absent",
    "Collected",
    "Collector",
    "Context",
    "Diagnosis",
    "Facts",
    "Finding",
    "Status",
    "catalog",
    "collect",
]

PROFILES = ("quick", "standard")
_TOTAL_LIMITS_S = {"quick": 3.0, "standard": 15.0}


def catalog(profile: str = "standard") -> tuple[Collector, ...]:
    """The collectors of this system that belong to a profile, in the order they are shown.

    Raises: ValueError when there is no such profile.
    """
    if profile not in PROFILES:
        raise ValueError(f"no such profile: {profile}")
    if sys.platform == "win32":
        from client.diagnostics.windows import COLLECTORS
    elif sys.platform == "darwin":
        from client.diagnostics.macos import COLLECTORS
    else:
        from client.diagnostics.linux import COLLECTORS
    return tuple(one for one in COLLECTORS if profile in one.profiles)


def collect(
    profile: str,
    context: Context,
    *,
    only: Collection[str] = (),
    redactor: Redactor | None = None,
    on_done: Callable[[Collected], None] | None = None,
    total_limit_s: float | None = None,
) -> Diagnosis:
    """Runs the collectors of a profile, or those named in ``only``, and gives all of them, whatever became of each.

    Takes no longer than ``total_limit_s`` (3 s quick, 15 s standard). ``on_done`` is called on the caller's thread
    as each one ends. Without a ``redactor``, one is made for this user and machine.

    Raises: ValueError when ``profile`` or a name in ``only`` is unknown.
    """
    chosen = catalog(profile)
    unknown = set(only) - {one.id for one in catalog("standard")}
    if unknown:
        raise ValueError("no such collector: " + ", ".join(sorted(unknown)))
    if only:
        chosen = tuple(one for one in catalog("standard") if one.id in only)
    if total_limit_s is None:
        within = "quick" if all("quick" in one.profiles for one in chosen) and profile == "quick" else "standard"
        total_limit_s = _TOTAL_LIMITS_S[within]
    return run_all(profile, chosen, context, redactor, on_done, total_limit_s)
