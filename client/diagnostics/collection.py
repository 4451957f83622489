"""Runs collectors side by side so that none can hold up, flood or break the rest."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from client.diagnostics.collector import Absent, Collector, Context, Facts, Status
from client.diagnostics.findings import Finding, find
from client.redaction import Redactor, own_identity
from client.report import Section
from client.words import number, say, size
from client.words import say as spoken  # for words that are declared elsewhere

log = logging.getLogger(__name__)

FINDINGS = "findings"
"""The id of the section that holds what stood out; desks show it on top."""

_SIDE_BY_SIDE = 4
# Control signs would act on a terminal, and direction marks would make a line read as something else.
_UNSEEN = dict.fromkeys(
    (*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\ufffd"
)
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Collected:
    """What became of one collector. ``text`` and ``reason`` are redacted; ``values`` never leave this process."""

    id: str
    title: str
    why: str
    status: Status
    ms: int
    text: str
    reason: str = ""
    hidden: int = 0
    values: dict[str, object] = field(default_factory=dict)
    redactions: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All that was collected at one moment, and what it seems to mean. ``redactions``: kind → how many."""

    profile: str
    collected: tuple[Collected, ...]
    findings: tuple[Finding, ...]
    redactions: dict[str, int]
    taken_at: datetime
    version: str = ""

    def sections(self) -> tuple[Section, ...]:
        """The report's sections, titles and notes in the user's language; what stood out comes first."""
        collected = tuple(
            Section(one.id, spoken(one.title), one.text, one.status, note(one), one.hidden) for one in self.collected
        )
        if not self.findings:
            return collected
        text = findings_text(self)
        return Section(FINDINGS, say("Findings"), text, note=size(len(text.encode()))), *collected


def note(one: Collected) -> str:
    """Size, or why there is none, in a few words of the user's language."""
    length = size(len(one.text.encode()))
    match one.status:
        case "ok":
            return length
        case "partial":
            return say("{size}, incomplete", size=length)
        case "timeout":
            return say("took too long")
        case "denied":
            return say("no permission")
        case "absent":
            return say("not available here")
        case "skipped":
            return say("not collected")
        case _:
            return say("could not be collected")


def findings_text(diagnosis: Diagnosis) -> str:
    """What an agent reads first: findings, what is missing, what was hidden."""
    taken = say(
        "Taken {at}, profile {profile}, Testigo {version}",
        at=rfc3339(diagnosis.taken_at),
        profile=_profile(diagnosis.profile),
        version=diagnosis.version,
    )
    lines = [taken, ""]
    if not diagnosis.findings:
        lines += [say("Nothing stood out in what could be collected."), ""]
    for finding in diagnosis.findings:
        lines += [
            f"[{_severity(finding.severity)}] {finding.title}",
            f"       {finding.evidence}",
            f"       {finding.advice}",
            "",
        ]
    missing = [one for one in diagnosis.collected if one.status != "ok"]
    if missing:
        lines.append(say("Not complete:"))
        for one in missing:
            why = one.reason or say("no reason")
            lines.append(f"  {spoken(one.title)} ({one.id}): {_outcome(one.status)}, {why}")
        lines.append("")
    hidden = ", ".join(f"{kind} {n}" for kind, n in diagnosis.redactions.items())
    lines.append(say("Hidden before anyone saw it: {what}", what=hidden or say("nothing")))
    return "\n".join(lines) + "\n"


def _profile(profile: str) -> str:
    return {"quick": say("quick"), "standard": say("standard")}.get(profile, profile)


def _severity(severity: str) -> str:
    return {"fail": say("fail"), "warn": say("warn"), "info": say("info")}[severity]


def _outcome(status: Status) -> str:
    return {
        "ok": say("ok"),
        "partial": say("partial"),
        "timeout": say("timeout"),
        "denied": say("denied"),
        "absent": say("absent"),
        "error": say("error"),
        "skipped": say("skipped"),
    }[status]


def rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def run_all(
    profile: str,
    collectors: Sequence[Collector],
    context: Context,
    redactor: Redactor | None,
    on_done: Callable[[Collected], None] | None,
    limit_s: float,
) -> Diagnosis:
    """See ``client.diagnostics.collect``."""
    redactor = redactor or Redactor(own_identity())
    taken_at = datetime.now(UTC)
    done: dict[str, Collected] = {}
    for one in _results(collectors, context, redactor, limit_s):
        done[one.id] = one
        if on_done:
            on_done(one)
    collected = tuple(done[one.id] for one in collectors)
    counts: Counter[str] = Counter()
    for one in collected:
        counts.update(one.redactions)
    findings = tuple(_clean(finding, redactor) for finding in find({one.id: one.values for one in collected}))
    return Diagnosis(profile, collected, findings, dict(sorted(counts.items())), taken_at, context.version)


def _results(
    collectors: Sequence[Collector], context: Context, redactor: Redactor, limit_s: float
) -> Iterator[Collected]:
    """Each as it ends. One that does not end in time is left behind on its thread, told that nobody waits."""
    waiting = deque(collectors)
    running: dict[str, tuple[Collector, float, threading.Event]] = {}
    answers: queue.SimpleQueue[Collected] = queue.SimpleQueue()
    end = time.monotonic() + limit_s
    while waiting or running:
        while waiting and len(running) < _SIDE_BY_SIDE:
            one, stop = waiting.popleft(), threading.Event()
            running[one.id] = (one, time.monotonic(), stop)
            _start(one, replace(context, cancelled=stop), redactor, answers)
        try:
            answer = answers.get(timeout=_LOOK_S)
        except queue.Empty:
            pass
        else:
            if running.pop(answer.id, None):
                yield answer
        now, cancelled = time.monotonic(), context.cancelled.is_set()
        for one, started, stop in tuple(running.values()):
            if cancelled or now > min(started + one.limit_s, end):
                stop.set()
                del running[one.id]
                reason = say("gave nothing within {seconds} s", seconds=number(now - started, 1))
                yield (
                    _nothing(one, "skipped", say("cancelled"))
                    if cancelled
                    else _nothing(one, "timeout", reason, now - started)
                )
        while waiting and (cancelled or now > end):
            one = waiting.popleft()
            over = say("the time for all of them was over")
            yield _nothing(one, "skipped", say("cancelled")) if cancelled else _nothing(one, "timeout", over)


def _start(one: Collector, context: Context, redactor: Redactor, answers: queue.SimpleQueue[Collected]) -> None:
    def work() -> None:
        answers.put(_collect(one, context, redactor))

    threading.Thread(target=work, name=f"collect-{one.id}", daemon=True).start()


def _nothing(one: Collector, status: Status, reason: str, seconds: float = 0.0) -> Collected:
    return Collected(one.id, one.title, one.why, status, int(seconds * 1000), _not_collected(status, reason), reason)


def _not_collected(status: Status, why: str) -> str:
    return say("not collected ({status}): {why}", status=_outcome(status), why=why)


def _collect(one: Collector, context: Context, redactor: Redactor) -> Collected:
    """Runs one and redacts what it gives, on the current thread. Never raises."""
    start = time.monotonic()
    facts = _facts(one, context)
    text, cut = _shortened(facts.text, one.most_bytes)
    text = text.replace("\r\n", "\n").translate(_UNSEEN)
    status, reason = facts.status, facts.reason
    if cut and status == "ok":
        status, reason = "partial", say("cut at {size}", size=size(one.most_bytes))
    try:
        redacted, plain_reason = redactor.redact(text), redactor.redact(reason).text
    except Exception:  # whatever it was: a text that could not be redacted must not leave
        log.warning("redaction of %s failed", one.id, exc_info=True)
        return _nothing(one, "error", say("it could not be redacted"), time.monotonic() - start)
    shown = redacted.text
    if status not in ("ok", "partial"):
        shown = "\n".join(part for part in (_not_collected(status, plain_reason), shown) if part)
    ms = int((time.monotonic() - start) * 1000)
    return Collected(
        one.id, one.title, one.why, status, ms, shown, plain_reason, redacted.hidden, facts.values, redacted.counts
    )


def _facts(one: Collector, context: Context) -> Facts:
    import psutil

    try:
        return one.collect(context)
    except Absent as missing:
        return Facts("", status="absent", reason=str(missing))
    except TimeoutError as slow:
        return Facts("", status="timeout", reason=str(slow) or say("no answer in time"))
    except (PermissionError, psutil.AccessDenied) as denied:
        what = getattr(denied, "filename", "") or say("the system")
        return Facts("", status="denied", reason=say("{what} may not be read by this user", what=what))
    except Exception as error:  # one broken collector must not take the others with it
        log.warning("collector %s failed", one.id, exc_info=True)
        first = next(iter(str(error).splitlines()), "")
        return Facts("", status="error", reason=f"{type(error).__name__}: {first[:200]}".rstrip(": "))


def _shortened(text: str, most_bytes: int) -> tuple[str, bool]:
    """At most so many bytes, cut between words: half a token would be harder to recognise than a whole one."""
    raw = text[:most_bytes].encode("utf-8", "replace")
    if len(raw) <= most_bytes and len(text) <= most_bytes:
        return text, False
    short = raw[: most_bytes - 100]
    border = max(short.rfind(b"\n"), short.rfind(b" ") if b"\n" not in short[-4000:] else -1, 0)
    return f"{short[:border].decode('utf-8', 'ignore')}\n... cut here: {size(len(text))} in all", True


def _clean(finding: Finding, redactor: Redactor) -> Finding:
    return replace(finding, evidence=redactor.redact(finding.evidence).text)
