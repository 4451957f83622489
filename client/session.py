"""Opens and closes the parts, and holds the verbs that window and command line may use. It decides nothing."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from client import history, settings, words
from client.answers import Answers
from client.articles import Articles
from client.delivery import Delivered, FileProgress, Sharing, deliver, split
from client.draft import Draft, file_problems, open_drafts
from client.folder import Damaged, ReportFolder, Shelf
from client.outbox import Outbox, read_delivery
from client.paths import Paths
from client.places import DEFAULT, Places
from client.polling import Polling
from client.report import Delivery, DeliveryChanged, Event, Problem, Report, Sent, Way
from client.settings import Settings
from client.setup import Setup
from client.shared import Shared, opener
from client.state import State
from client.support import Support
from client.sweeping import Sweeping
from client.tickets import Tickets
from client.version import program_version
from client.waiting import Waiting
from uploader.errors import Temporary, UploaderError
from uploader.journal import Journal
from uploader.names import clean_name
from uploader.proxy import use_pac
from uploader.ticket import AS_SET, LINK_ABOVE_BYTES, Attachment, Link, Progress, Wishes

if TYPE_CHECKING:
    from capture import Monitor, Region, Screenshot
    from client.diagnostics import Collected, Diagnosis

log = logging.getLogger(__name__)


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
        state = State(paths.data / "state.json")
        self.recall, self.remember = state.recall, state.remember
        self.places = Places(paths, lambda: self.settings, self.recall, self.remember)
        self.shared = Shared(paths.data / "shared", self.places.share, self.places.keychain_told)
        self.outbox = Outbox(self.shelf, self._deliver, self._tell)
        self._online, self._metered, self._allowed = True, False, set[str]()
        self.sweeping = Sweeping(self.shelf, self.shared, self.places, self.recall, self.remember)
        self.waiting = Waiting(
            self.shelf, self.outbox, self.places, self.shared, self.sweeping, self.change, self._tell
        )  # fmt: skip
        self.tickets = Tickets(paths.data / "tickets.sqlite", self.places, self._tell)
        self.setup = Setup(self.places)
        self.support = Support(lambda: self.settings)
        self.articles = Articles(paths.data / "articles.sqlite", self.places, lambda: self.settings.articles.folder)
        self.answers = Answers(
            self.tickets, self.new_draft, self.recall, self.remember, self.drafts,
            lambda sent: self.deliveries(sent=sent), self.report,
        )  # fmt: skip
        self.polling = Polling(self.tickets, self.places.desk_names, tell=self._tell)

    # -- life -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Starts the workers that send: only in the resident program; the command line sends in its own thread."""
        self.shelf.sweep()
        self.outbox.start()
        self.sweeping.start()
        self.polling.start()

    def close(self) -> None:
        self.polling.close()
        self.sweeping.close()
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
        chosen = {"desk": self.places.desk_name(), "share": self.places.share_name()}
        settings.save(self.paths.settings_file, changes)
        for what, name in chosen.items():
            if changes.get(f"report.{what}") not in (None, name):
                self.remember(f"former_{what}", name)
        return self.reload()

    def former(self, what: str) -> str:
        """The "desk" or "share" that was chosen before the one that is; empty: none that is still there."""
        known = self.settings.desks if what == "desk" else self.settings.shares
        name = str(self.recall(f"former_{what}", ""))
        return name if name in (*known, DEFAULT) else ""

    def remember_region(self, shot: Screenshot, region: Region) -> None:
        """What ``capture last`` takes again."""
        place = [region.x, region.y, region.width, region.height]
        self.remember("last_region", {"screen": shot.monitor.name, "rect": place})

    # -- drafts -----------------------------------------------------------------------------------------------

    def new_draft(self, **values: Any) -> Draft:
        """An empty report, on disk already. Raises: OSError."""
        values.setdefault("language", words.language() if words.language() in words.LANGUAGES else "en")
        return Draft(self.shelf.create(**values))

    def drafts(self) -> tuple[Draft, ...]:
        """All unfinished reports, oldest first. Damaged ones are moved aside and told in ``set_aside``."""
        return open_drafts(list(self.shelf.list("drafts")), self._aside)

    def discard(self, draft: Draft) -> None:
        """Deletes a draft, and what of it lies outside if it was on its way once."""
        with suppress(Damaged):
            self.waiting.give_up(draft.report, draft.folder.read_log(), draft.report.attachments)
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
        if not report.attachments:
            return {}
        try:
            inside, _ = split(report.attachments, self.places.limits(report.desk))
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
            self.places.desk(report.desk or self.places.ruled_desk(report.kind, report.priority))
        except UploaderError as error:
            found.append(Problem("desk_unready", not isinstance(error, Temporary), detail=words.reason(error)))
        large = [name for name, way in self.ways(draft).items() if way == "link"]
        try:
            ends = words.link_ends(self.places.share(self.places.reachable(report.desk, report.share)).link_days)
            found += [Problem("goes_by_link", blocking=False, attachment=name, detail=ends) for name in large]
        except UploaderError as error:
            blocks, why = not isinstance(error, Temporary), words.reason(error)  # a locked keychain can be waited for
            found += [Problem("no_share", blocks, attachment=name, detail=why) for name in large]
        return tuple(sorted(found, key=lambda problem: not problem.blocking))

    def submit(self, draft: Draft) -> str:
        """Hands the report to the outbox by one rename; from here every window may die. Raises: NotReady; OSError."""
        blocking = tuple(p for p in self.problems(draft) if p.blocking)
        if blocking:
            raise NotReady(blocking)
        if not draft.report.desk:  # pinned: another default must not take over what waits, nor what may have arrived
            ruled = self.places.ruled_desk(draft.report.kind, draft.report.priority)
            draft.set(desk=ruled or self.places.desk_name())
        if draft.report.reply_to is None and (fields := self.support.fields()):
            draft.set(fields={**fields, **draft.report.fields})
        if any(way == "link" for way in self.ways(draft).values()):  # another default must not take over half way
            draft.set(share=self.places.share_name(draft.report.share))
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
        self._allowed.add(report_id)
        return self.outbox.run_once(report_id, wait_s)

    def retry(self, report_id: str) -> None:
        """Goes on now, also over a network that costs: who asks for it knows."""
        self._allowed.add(report_id)
        self.outbox.make_due(report_id)

    def send_all(self) -> None:
        self.outbox.send_all()

    def outbox_changed(self) -> None:
        """Another process has put a report into the outbox."""
        self.outbox.poke()

    def resumes(self, report_id: str) -> bool:
        """Whether the large files of a report go on where they were. Raises: KeyError; Damaged."""
        return self.places.abilities(self.report(report_id).share).resumes

    def waiting_for_somebody(self) -> frozenset[str]:
        """The reports that wait for a person to act."""
        return frozenset(d.report_id for d in self.deliveries(sent=0) if d.state == "needs_you")

    def pause(self, report_id: str) -> None:
        """Stops what is being sent and keeps it, here and there; ``retry`` goes on where it was."""
        self.outbox.pause(report_id)

    def leans_on(self, what: str, name: str) -> bool:
        """Whether reports, tickets, links or rules know this "desk" or "share" by its name."""
        reports = [draft.report for draft in self.drafts()]
        reports += [self.report(waiting.report_id) for waiting in self.deliveries(sent=0)]
        if what == "share":
            return any(report.share == name for report in reports) or any(e.share == name for e in self.shared.links())
        return self.places.is_ruled(name) or self.tickets.knows(name) or any(report.desk == name for report in reports)

    def history(self, query: str = "", since: datetime | None = None) -> tuple[history.Item, ...]:
        return history.search(self.paths.data / "history.sqlite", self.shelf, query, since)

    # -- large files ------------------------------------------------------------------------------------------

    def put(self, path: Path, share: str, progress: Progress, wishes: Wishes = AS_SET) -> Link:
        """Shares one file without a report; a broken run is gone on with. Raises: Busy; UploaderError; OSError."""
        self.reload()  # a policy may have come meanwhile
        name = self.places.allowed("share", share)
        return self.shared.put(path, clean_name(path.name), name, progress, self._ruled(wishes))

    def abandon(self, path: Path, share: str) -> bool:
        """Gives up what ``put`` has not finished, here and there. Raises: Busy; UploaderError."""
        return self.shared.abandon(path, clean_name(path.name), self.places.share_name(share))

    def network_changed(self, *, online: bool, metered: bool) -> None:
        """What the system says of the network. Back online, what waits for it is tried soon."""
        if online and not self._online:
            self.outbox.send_unreached()
        self._metered, self._online = metered, online

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

        waiting = sum(1 for _ in self.shelf.list("outbox"))
        context = diagnostics.Context(
            version=program_version(),
            data_folder=self.paths.data,
            log_file=self.paths.log_file,
            monitors=monitors,
            desk_name=self.settings.report.desk or DEFAULT,
            check_desk=lambda: self.places.check("desk"),
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

    def _load(self) -> Settings:
        found = settings.load(self.paths.settings_file, self.paths.data / "settings.good.toml", self._flags)
        use_pac(found.network.pac)
        return found

    def _deliver(self, report: Report, journal: Journal, progress: FileProgress) -> Delivered:
        self.reload()  # a policy may have come while it waited
        desk, who, name = self.places.desk(report.desk), self.settings.general, self.places.share_name(report.share)

        def note(file: Attachment, link: Link) -> None:
            self.shared.note(name, file, link, report.id)

        opened = lambda: self.places.share(self.places.reachable(report.desk, name))  # noqa: E731
        how = Sharing(opened, note, self._ruled(AS_SET), self._may_send, lambda: opener(self.paths.data))
        with self.places.keychain_told(self.places.desk_name(report.desk), name):
            done = deliver(report, who, desk, how, journal, progress, self.shelf.root / "outbox" / report.id)
        try:
            self.tickets.note_sent(self.places.desk_name(report.desk), report, done.ticket)
        except (sqlite3.Error, OSError) as error:  # it is sent all the same, and the desk tells of it
            log.warning("a sent ticket could not be noted: %s", error)
        self.polling.nudge(self.places.desk_name(report.desk))
        return done

    def _ruled(self, wishes: Wishes) -> Wishes:
        """What is wished of an upload, within what the settings demand of every upload."""
        sealed = True if self.settings.sharing.seal == "required" else wishes.sealed
        return replace(wishes, sealed=sealed, bytes_per_s=lambda: int(self.settings.sending.limit_kb_per_s * 1000))

    def _may_send(self, report_id: str) -> bool:
        """Not by itself over a network that costs by the byte."""
        asks = self._metered and self.settings.sending.metered == "ask"
        return not asks or report_id in self._allowed

    def _tell(self, event: Event) -> None:
        for listener in tuple(self._listeners):
            listener(event)

    def _aside(self, folder: ReportFolder, fault: Damaged) -> None:
        place = self.shelf.set_aside(folder)
        self.set_aside.append(place)
        log.warning("a damaged report was moved to %s: %s", place, fault)
