"""What the command line hands over to the running program, and what it is answered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from capture import CaptureError, Region, Screenshot
from client import shots
from client.session import Session
from client.shots import Wish
from client.ui.bridge import Bridge
from client.ui.instance import Answer
from client.ui.journey import Journey
from client.words import hint, reason, say

Reply = Callable[[Answer], None]


class Calls:
    """``handle`` is called on the instance's threads; whatever touches windows goes over the bridge."""

    def __init__(
        self,
        session: Session,
        bridge: Bridge,
        journey: Journey,
        show: Callable[[], None],
        taken: Callable[[], dict[str, str]],
    ) -> None:
        self._session, self._bridge, self._journey, self._show = session, bridge, journey, show
        self._taken = taken

    def handle(self, verb: str, arguments: dict[str, Any], reply: Reply) -> None:
        if verb == "ping":
            # On Qt's thread: who is answered may rely on the keys being watched and the icon being there.
            self._bridge.later(lambda: reply({"keys_taken": self._taken()}))
        elif verb == "show":
            self._bridge.later(self._show)
            reply({})
        elif verb == "poke":
            self._session.outbox_changed()
            reply({})
        elif verb == "pause":
            self._session.pause(str(arguments["id"]))
            reply({})
        elif verb == "capture":
            self._capture(arguments, reply)
        elif verb in ("record-stop", "record-pause", "record-resume"):
            self._bridge.later(lambda: self._record(verb.removeprefix("record-"), reply))
        else:
            reply(failure("usage", say("there is no verb {verb}", verb=verb), 2))

    def _capture(self, asked: dict[str, Any], reply: Reply) -> None:
        wish = Wish.from_json(asked["wish"])
        desktop = self._journey.desktop
        if desktop is None:
            reply(failure("no_display", say("the running program has no screen"), 6))
            return
        if wish.mode == "last" and wish.rect is None:
            last = self._session.recall("last_region")
            if not last:
                reply(failure("not_found", say("no region was captured yet"), 2))
                return
            wish = Wish("last", tuple(last["rect"]), last["screen"], "", wish.cursor)
        if wish.mode == "region" and wish.rect is None:
            self._bridge.later(lambda: self._journey.select(lambda choice: self._selected(choice, wish, asked, reply)))
            return
        try:
            taken = shots.take(desktop, wish)
        except CaptureError as error:
            reply(failure("not_possible", reason(error), 6, hint(error)))
            return
        except ValueError as error:
            reply(failure("usage", str(error), 2))
            return
        self._finish(taken, asked, reply)

    def _selected(
        self, choice: tuple[Screenshot, Region] | None, wish: Wish, asked: dict[str, Any], reply: Reply
    ) -> None:
        if choice is None:
            reply(failure("cancelled", "", 130))
            return
        shot = choice[0].crop(choice[1])
        taken = (shot.with_cursor() if wish.cursor else shot,)
        self._bridge.background(lambda: self._finish(taken, asked, reply))

    def _finish(self, taken: tuple[Screenshot, ...], asked: dict[str, Any], reply: Reply) -> None:
        """Writes, copies, edits as asked; on a thread of its own."""
        try:
            files = []
            if asked["output"]:
                many = asked["wish"]["mode"] == "all"
                files = shots.write(taken, shots.targets(len(taken), Path(asked["output"]), many=many))
        except ValueError as error:
            reply(failure("usage", str(error), 2))
            return
        except OSError as error:
            full = error.errno == 28
            reply(
                failure("disk_full" if full else "not_found", f"{error.filename}: {error.strerror}", 1 if full else 2)
            )
            return
        if asked["copy"]:
            self._bridge.later(lambda: self._journey.copy(taken[0]))
        if asked["edit"]:
            self._bridge.later(lambda: self._journey.edit_new(taken[0]))
        reply({"files": files})

    def _record(self, verb: str, reply: Reply) -> None:
        if not self._journey.is_recording:
            reply(failure("not_found", say("no recording is running"), 2))
        elif verb == "stop":
            self._journey.stop_recording(lambda path: reply({"path": str(path)} if path else _no_film()))
        else:
            self._journey.pause_recording(paused=verb == "pause")
            reply({})


def _no_film() -> Answer:
    return failure("failed", say("the recording ended early, and nothing of it could be saved"), 1)


def failure(code: str, detail: str, exit_code: int, advice: str = "") -> Answer:
    """An error as the command line passes it on."""
    return {"error": {"code": code, "detail": detail, "advice": advice}, "exit": exit_code}
