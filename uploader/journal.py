"""The memory of one delivery: which steps are done, so that none is done twice."""

from __future__ import annotations

from collections.abc import Callable

Steps = dict[str, str | None]
"""Step → its result, or None when it was begun and its result is not known."""


class Journal:
    """Remembers the results of steps; ``write`` puts all of them on disk, fsynced, before it returns.

    One delivery runs on one thread at a time, so a journal is not locked.
    """

    def __init__(self, steps: Steps, write: Callable[[Steps], None]) -> None:
        self._steps = dict(steps)
        self._write = write

    def once(self, step: str, do: Callable[[], str], recover: Callable[[], str | None] | None = None) -> str:
        """The result of ``step``: the remembered one, or that of ``do``, which is then remembered on disk.

        With ``recover`` the step is one that must not happen twice: its beginning is noted first, and when
        an earlier run began it but left no result, ``recover`` is asked whether it happened (its result) or
        not (None). A step without ``recover`` must be harmless to repeat.
        """
        done = self._steps.get(step)
        if done is not None:
            return done
        if recover is not None:
            if step in self._steps:
                found = recover()
                if found is not None:
                    return self.note(step, found)
            else:
                self._steps[step] = None
                self._write(self._steps)
        return self.note(step, do())

    def result(self, step: str) -> str | None:
        """What ``step`` gave in this or an earlier run; None when it is not done."""
        return self._steps.get(step)

    def has_begun(self, step: str) -> bool:
        """Whether an earlier run has begun ``step`` that must not happen twice, or has done it."""
        return step in self._steps

    def forget(self, *steps: str) -> None:
        """The steps shall be done anew (an expired upload session): one write."""
        kept = {step: result for step, result in self._steps.items() if step not in steps}
        if kept != self._steps:
            self._steps = kept
            self._write(self._steps)

    def note(self, step: str, result: str) -> str:
        """From now on this is what ``step`` gave: one write."""
        self._steps[step] = result
        self._write(self._steps)
        return result


class MemoryJournal(Journal):
    """A journal that dies with the process: for one-off uploads and tests."""

    def __init__(self) -> None:
        super().__init__({}, lambda steps: None)
