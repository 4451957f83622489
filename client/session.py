"""Opens and closes the parts, and holds the verbs that window and command line may use. It decides nothing."""

from __future__ import annotations

import logging
import threading
import tomllib
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from client import history, secrets, settings, words
from client.delivery import Delivered, FileProgress, deliver, split
from client.draft import Draft, file_problems, hash_file, open_drafts
from client.folder import Damaged, ReportFolder, Shelf, write_bytes
from client.outbox import Outbox, read_delivery
from client.paths import Paths
from client.report import Delivery, DeliveryChanged, Event, Problem, Report, Sent, Way
from client.settings import Settings
from uploader.catalog import DESKS, SHARES, desk_kind, share_kind
from uploader.errors import InvalidField, UploaderError
from uploader.journal import Journal, MemoryJournal
from uploader.setting import Secret, Setting, build, settings_of
from uploader.ticket import LINK_ABOVE_BYTES, Attachment, Desk, Link, Progress, Share

if TYPE_CHECKING:
    from capture import Monitor, Region, Screenshot
    from client.diagnostics import Collected, Diagnosis

DEFAULT = "folder"
"""The name of the desk and of the share that work with nothing configured."""

log = logging.getLogger(__name__)


def program_version() -> str:
    """The version: of the checkout it runs from, else of the installed package."""
    project = Path(__file__).parents[1] / "pyproject.toml"
    if project.is_file():
        return str(tomllib.loads(project.read_text("utf-8"))["project"]["version"])
    from importlib.metadata import version

    return version("testigo")


class NotReady(Exception):
    """The report cannot be sent as it is. ``problems`` say why."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(", ".join(problem.code for problem in problems))
        self.problems = problems


class Session:
    """One user's Testigo. Listeners are called on the thread where the event happens; the rest from any thread."""

    def __init__(self, paths: Paths, flags: Mapping[str, object] | None = None) -> None:
        self.paths = paths
        self._flags = dict(flags or {})
        self.settings = self._load()
        self.shelf = Shelf(paths.data)
        self.set_aside: list[Path] = []
        self._listeners: list[Callable[[Event], None]] = []
        self._state_guard = threading.Lock()
        self.outbox = Outbox(self.shelf, self._deliver, self._tell)

    # -- life -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Starts the workers that send. Only the resident program does; the command line sends in its own thread."""
        self.shelf.sweep()
        self.outbox.start()

    def close(self) -> None:
        self.outbox.close()

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Calls ``listener`` with every event, until the function it gives is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # -- settings and state -----------------------------------------------------------------------------------

    def reload(self) -> Settings:
        self.settings = self._load()
        return self.settings

    def change(self, changes: Mapping[str, object]) -> Settings:
        """Writes settings (``{"general.language": "es"}``; None: the default again). Raises: SettingsFault; OSError."""
        settings.save(self.paths.settings_file, changes)
        return self.reload()

    def recall(self, name: str, default: Any = None) -> Any:
        """A small fact that is not a setting (``overlay_hints``); ``default`` when it was never noted."""
        try:
            return msgspec.json.decode(self._state_file.read_bytes()).get(name, default)
        except (OSError, ValueError, AttributeError):
            return default

    def remember(self, name: str, value: Any) -> None:
        with self._state_guard:
            try:
                known = dict(msgspec.json.decode(self._state_file.read_bytes()))
            except (OSError, ValueError, TypeError):
                known = {}
            if known.get(name) != value:
                write_bytes(self._state_file, msgspec.json.encode(known | {name: value}))

    def remember_region(self, shot: Screenshot, region: Region) -> None:
        """What ``capture last`` takes again."""
        rect = [region.x, region.y, region.width, region.height]
        self.remember("last_region", {"screen": shot.monitor.name, "rect": rect})

    # -- drafts -----------------------------------------------------------------------------------------------

    def new_draft(self, **values: Any) -> Draft:
        """An empty report, on disk already. Raises: OSError."""
        values.setdefault("language", words.language() if words.language() in words.LANGUAGES else "en")
        return Draft(self.shelf.create(**values))

    def drafts(self) -> tuple[Draft, ...]:
        """All unfinished reports, oldest first. Damaged ones are moved aside and told in ``set_aside``."""
        return open_drafts(list(self.shelf.list("drafts")), self._aside)

    def discard(self, draft: Draft) -> None:
        self.shelf.delete(draft.folder)

    def ways(self, draft: Draft) -> dict[str, str]:
        """How each attachment would go now: name → "ticket" or "link". Without a working desk: by 25 MB."""
        return dict(self._ways(draft.report))

    def planned(self, report_id: str) -> tuple[Sent, ...]:
        """How the attachments of a report that waits will go. Raises: KeyError; Damaged."""
        report = self.report(report_id)
        ways = self._ways(report)
        wanted = [a for a in report.attachments if a.name not in report.leave_out]
        return tuple(Sent(a.name, a.size_bytes, a.sha256, ways[a.name]) for a in wanted)

    def _ways(self, report: Report) -> dict[str, Way]:
        try:
            limits = self.desk(report.desk).limits
            inside, _ = split(report.attachments, limits)
        except UploaderError:
            inside = tuple(a for a in report.attachments if a.size_bytes <= LINK_ABOVE_BYTES)
        names = {a.name for a in inside}
        return {a.name: "ticket" if a.name in names else "link" for a in report.attachments}

    def problems(self, draft: Draft) -> tuple[Problem, ...]:
        """What to mend or know before sending; blocking ones first."""
        report, found = draft.report, []
        if not report.summary.strip():
            found.append(Problem("summary_missing", blocking=True))
        for attachment in report.attachments:
            found += file_problems(attachment)
        try:
            self.desk(report.desk)
        except UploaderError as error:
            found.append(Problem("desk_unready", blocking=True, detail=words.reason(error)))
        large = [name for name, way in self.ways(draft).items() if way == "link"]
        try:
            self.share(report.share)
            found += [Problem("goes_by_link", blocking=False, attachment=name) for name in large]
        except UploaderError as error:
            found += [Problem("no_share", blocking=True, attachment=name, detail=words.reason(error)) for name in large]
        return tuple(sorted(found, key=lambda problem: not problem.blocking))

    def submit(self, draft: Draft) -> str:
        """Hands the report to the outbox by one rename; from here every window may die. Raises: NotReady; OSError."""
        blocking = tuple(p for p in self.problems(draft) if p.blocking)
        if blocking:
            raise NotReady(blocking)
        folder = self.shelf.move(draft.folder, "outbox")
        self._tell(DeliveryChanged(read_delivery(folder)))
        self.outbox.poke()
        return draft.id

    # -- deliveries -------------------------------------------------------------------------------------------

    def deliveries(self, *, sent: int = 200) -> tuple[Delivery, ...]:
        """What waits, oldest first, then the newest ``sent`` that arrived."""
        found = []
        arrived = list(self.shelf.list("sent"))[::-1][:sent]
        for folder in [*self.shelf.list("outbox"), *arrived]:
            try:
                found.append(read_delivery(folder, busy=self.outbox.is_busy(folder.id)))
            except Damaged as fault:
                self._aside(folder, fault)
        return tuple(found)

    def delivery(self, report_id: str) -> Delivery:
        """Raises: KeyError."""
        return self.outbox.delivery(report_id)

    def report(self, report_id: str) -> Report:
        """What a delivery carries. Raises: KeyError; Damaged."""
        folder = self.shelf.find(report_id)
        if folder is None:
            raise KeyError(report_id)
        return folder.read()

    def send_now(self, report_id: str, wait_s: float = 60) -> Delivery:
        """Delivers in this thread. Raises: Busy; KeyError."""
        return self.outbox.run_once(report_id, wait_s)

    def retry(self, report_id: str) -> None:
        self.outbox.make_due(report_id)

    def send_all(self) -> None:
        self.outbox.send_all()

    def outbox_changed(self) -> None:
        """Another process has put a report into the outbox."""
        self.outbox.poke()

    def waiting_for_somebody(self) -> frozenset[str]:
        """The reports that wait for a person to act."""
        return frozenset(d.report_id for d in self.deliveries(sent=0) if d.state == "needs_you")

    def cancel(self, report_id: str) -> None:
        self.outbox.cancel(report_id)

    def leave_out(self, report_id: str, name: str) -> None:
        """Goes on without this attachment, which stays in the report's folder. Raises: KeyError."""
        report = self.report(report_id)
        self._amend(report_id, leave_out=(*report.leave_out, name))

    def choose_share(self, report_id: str, share: str) -> None:
        """Goes on with another share for the large files. Raises: KeyError."""
        self._amend(report_id, share=share)

    def take_back(self, report_id: str) -> Draft:
        """A report that waits becomes a draft again. Raises: KeyError when it is not in the outbox or being sent."""
        folder = self.shelf.find(report_id, "outbox")
        if folder is None or self.outbox.is_busy(report_id):
            raise KeyError(report_id)
        return Draft(self.shelf.move(folder, "drafts"))

    def discard_delivery(self, report_id: str) -> None:
        """Deletes a report that waits. Raises: KeyError when it is not in the outbox or being sent."""
        folder = self.shelf.find(report_id, "outbox")
        if folder is None or self.outbox.is_busy(report_id):
            raise KeyError(report_id)
        delivery = read_delivery(folder)
        self.shelf.delete(folder)
        self._tell(DeliveryChanged(delivery, gone=True))

    def history(self, query: str = "", since: datetime | None = None) -> tuple[history.Item, ...]:
        return history.search(self.paths.data / "history.sqlite", self.shelf, query, since)

    # -- desks and shares -------------------------------------------------------------------------------------

    def desk_names(self) -> tuple[str, ...]:
        return tuple(self.settings.desks) or (DEFAULT,)

    def share_names(self) -> tuple[str, ...]:
        return tuple(self.settings.shares) or (DEFAULT,)

    def desk(self, name: str = "") -> Desk:
        """The desk of this name, else the chosen one. Raises: InvalidField."""
        name, values = self._configured(name or self.settings.report.desk, self.settings.desks, "desk")
        kind = desk_kind(str(values.pop("kind")))
        return build(kind, self._with_secrets(name, settings_of(kind), values))

    def share(self, name: str = "") -> Share:
        """The share of this name, else the chosen one. Raises: InvalidField."""
        name, values = self._configured(name or self.settings.report.share, self.settings.shares, "share")
        kind = share_kind(str(values.pop("kind")))
        return build(kind, self._with_secrets(name, settings_of(kind), values))

    def declared(self, what: str) -> dict[str, tuple[Setting, ...]]:
        """What each kind of "desk" or "share" wants to know: kind → settings, in the catalog's order."""
        listed, load = (DESKS, desk_kind) if what == "desk" else (SHARES, share_kind)
        return {kind: settings_of(load(kind)) for kind in listed}

    def check_desk(self, name: str = "") -> None:
        """Returns when address and credentials work; may take long. Raises: UploaderError."""
        self.desk(name).check()

    def check_share(self, name: str = "") -> None:
        self.share(name).check()

    def put(self, path: Path, share: str, progress: Progress) -> tuple[Attachment, Link]:
        """Shares one file without a report. Raises: UploaderError; OSError."""
        from client.draft import clean_name

        file = Attachment(clean_name(path.name), path, path.stat().st_size, "", hash_file(path))
        return file, self.share(share).put(file, MemoryJournal(), progress)

    def login(self, name: str, secret: Secret) -> None:
        """Raises: NoKeychain."""
        secrets.keep(name, secret)

    def logout(self, name: str) -> bool:
        return secrets.forget(name)

    # -- diagnostics ------------------------------------------------------------------------------------------

    def diagnose(
        self,
        profile: str,
        *,
        only: tuple[str, ...] = (),
        monitors: tuple[Monitor, ...] = (),
        on_done: Callable[[Collected], None] | None = None,
        cancelled: threading.Event | None = None,
    ) -> Diagnosis:
        """Collects and redacts; nothing is sent. Blocks for as long as the profile allows; run it in the background."""
        from client import diagnostics

        desk_name = self.settings.report.desk or DEFAULT
        waiting = sum(1 for _ in self.shelf.list("outbox"))
        context = diagnostics.Context(
            version=program_version(),
            data_folder=self.paths.data,
            log_file=self.paths.log_file,
            monitors=monitors,
            desk_name=desk_name,
            check_desk=lambda: self.desk().check(),
            own_state={
                "reports waiting": waiting,
                "drafts": sum(1 for _ in self.shelf.list("drafts")),
                "language": words.language(),
                "settings fault": self.settings.fault or "none",
            },
            cancelled=cancelled or threading.Event(),
        )
        return diagnostics.collect(profile, context, only=only, on_done=on_done)

    def explanations(self) -> dict[str, str]:
        """What each diagnostic is for, in one sentence: collector id → words."""
        from client import diagnostics

        return {collector.id: words.detail(collector.why, {}) for collector in diagnostics.catalog("standard")}

    # -- within -----------------------------------------------------------------------------------------------

    @property
    def _state_file(self) -> Path:
        return self.paths.data / "state.json"

    def _load(self) -> Settings:
        return settings.load(self.paths.settings_file, self.paths.data / "settings.good.toml", self._flags)

    def _deliver(self, report: Report, journal: Journal, progress: FileProgress) -> Delivered:
        desk, who = self.desk(report.desk), self.settings.general
        return deliver(report, who, desk, lambda: self.share(report.share), journal, progress)

    def _tell(self, event: Event) -> None:
        for listener in tuple(self._listeners):
            listener(event)

    def _aside(self, folder: ReportFolder, fault: Damaged) -> None:
        place = self.shelf.set_aside(folder)
        self.set_aside.append(place)
        log.warning("a damaged report was moved to %s: %s", place, fault)

    def _amend(self, report_id: str, **values: Any) -> None:
        folder = self.shelf.find(report_id, "outbox")
        if folder is None or self.outbox.is_busy(report_id):
            raise KeyError(report_id)
        Draft(folder).set(**values)
        self.outbox.make_due(report_id)

    def _configured(
        self, name: str, known: Mapping[str, Mapping[str, object]], what: str
    ) -> tuple[str, dict[str, object]]:
        if not name and len(known) == 1:
            name = next(iter(known))
        if name in known:
            return name, dict(known[name])
        if name in ("", DEFAULT):
            return DEFAULT, {"kind": "folder", "path": str(self._default_folder(what))}
        known_names = ", ".join(known or [DEFAULT])
        raise InvalidField(what, "the settings name no “{wanted}”; there is {known}", wanted=name, known=known_names)

    def _default_folder(self, what: str) -> Path:
        """The embedded desk's folder, made once. If it disappears later, somebody moved it: it is not made anew."""
        folder = self.paths.default_desk
        if not folder.exists() and not self.recall("default_desk_made"):
            (folder / "shared").mkdir(parents=True, exist_ok=True)
        if folder.exists() and not self.recall("default_desk_made"):
            self.remember("default_desk_made", True)
        if what == "share" and folder.exists():
            (folder / "shared").mkdir(exist_ok=True)
        return folder if what == "desk" else folder / "shared"

    def _with_secrets(self, name: str, declared: tuple[Setting, ...], values: dict[str, object]) -> dict[str, object]:
        for part in declared:
            if part.kind == "secret" and part.name not in values:
                found = secrets.find(name)
                if found is not None:
                    values[part.name] = found
        return values
