"""What a person decides about a report that waits in the outbox; afterwards it is due, or gone from there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

from client.draft import Draft
from client.folder import Log, ReportFolder, Shelf
from client.outbox import Outbox, read_delivery
from client.places import Places
from client.report import DeliveryChanged, Event, Report
from client.settings import SettingsFault
from client.shared import Shared
from client.sweeping import Sweeping
from uploader.errors import MaybeSent, Refused
from uploader.journal import Journal
from uploader.remote import it_arrived, send_again
from uploader.ticket import Attachment


class Waiting:
    """Each verb raises KeyError when the report does not wait (any more), and Busy when it is being sent; those that
    change a report, MaybeSent while somebody is asked whether it arrived: the desk may have it as it is."""

    def __init__(
        self,
        shelf: Shelf,
        outbox: Outbox,
        places: Places,
        shared: Shared,
        sweeping: Sweeping,
        change: Callable[[Mapping[str, object]], object],
        tell: Callable[[Event], None],
    ) -> None:
        self._shelf, self._outbox, self._places, self._shared = shelf, outbox, places, shared
        self._sweeping, self._change, self._tell = sweeping, change, tell

    def leave_out(self, report_id: str, name: str) -> None:
        """Goes on without this attachment, which stays in the report's folder."""
        with self._amended(report_id) as (draft, state):
            report = draft.report
            self.give_up(report, state, [file for file in report.attachments if file.name == name])
            draft.set(leave_out=(*report.leave_out, name))

    def choose_share(self, report_id: str, share: str) -> None:
        """Goes on with another share for the large files; what the old one has of them goes."""
        with self._amended(report_id) as (draft, state):
            self.give_up(draft.report, state, draft.report.attachments)
            draft.set(share=share)

    def fill_in(self, report_id: str, name: str, value: str) -> None:
        """Goes on with a field that the desk wants, and remembers it for the next reports."""
        with self._amended(report_id) as (draft, _):
            draft.set(fields={**draft.report.fields, name: value})
            desk = self._places.desk_name(draft.report.desk)
        with suppress(SettingsFault, OSError):  # a desk that policy locks: this report has it all the same
            self._change(self._places.with_field(desk, name, value))

    def paste_link(self, report_id: str, name: str, text: str) -> None:
        """Goes on with a link to this attachment that a person made by hand. Raises: InvalidField."""
        with self._amended(report_id) as (draft, state):
            file = next(attachment for attachment in draft.report.attachments if attachment.name == name)
            self._shared.paste(draft.report.share, file, draft.folder.journal(state), text)

    def it_arrived(self, report_id: str) -> None:
        """The answer to a lost answer: somebody saw it at the desk. It is not sent again; what follows it still is.

        Raises: Refused when nobody has asked.
        """
        self._answer(report_id, it_arrived)

    def send_again(self, report_id: str) -> None:
        """The other answer. Raises: Refused when nobody has asked."""
        self._answer(report_id, send_again)

    def _answer(self, report_id: str, answer: Callable[[Journal, Mapping[str, str]], None]) -> None:
        with self._amended(report_id, answering=True) as (draft, state):
            if not (state.asks and state.last_error):
                raise Refused("nobody asks whether this report arrived; it waits for something else")
            answer(draft.folder.journal(state), state.last_error.values)

    def take_back(self, report_id: str) -> Draft:
        """A report that waits becomes a draft again; what the desk has of it, or may have, cannot be changed any more.

        Raises: MaybeSent; Refused.
        """
        with self._outbox.held(report_id) as state:
            _leave_what_may_be_there(state)
            if state.may_be_there:
                raise Refused("the help desk may have it already; it goes on by itself. Then add to it with an answer")
            return Draft(self._shelf.move(ReportFolder(self._shelf.root / "outbox" / report_id), "drafts"))

    def discard(self, report_id: str) -> None:
        """Deletes a report; one that is being sent here is stopped first. What of it lies outside goes with a sweep."""
        self._outbox.pause(report_id)
        self._outbox.wait_until_free(report_id, 10)
        with self._outbox.held(report_id) as state:
            folder = ReportFolder(self._shelf.root / "outbox" / report_id)
            delivery, report = read_delivery(folder), folder.read()
            self.give_up(report, state, report.attachments)
            self._shelf.delete(folder)
        self._tell(DeliveryChanged(delivery, gone=True))

    def give_up(self, report: Report, state: Log, files: Iterable[Attachment]) -> None:
        """What the report's share has of these files shall be removed there, and is forgotten here."""
        self._shared.give_up(self._places.share_name(report.share), files := tuple(files), state.steps)
        mine = {step for step in state.steps for file in files if f"/{file.sha256}/{file.name}" in step}
        if mine and (folder := self._shelf.find(report.id)) is not None:
            state.steps = {step: result for step, result in state.steps.items() if step not in mine}
            folder.write_log(state)
        self._sweeping.wake()

    @contextmanager
    def _amended(self, report_id: str, *, answering: bool = False) -> Iterator[tuple[Draft, Log]]:
        """A report that waits, to be changed; it is due afterwards."""
        with self._outbox.held(report_id) as state:
            if not answering:
                _leave_what_may_be_there(state)
            yield Draft(ReportFolder(self._shelf.root / "outbox" / report_id)), state
        self._outbox.make_due(report_id)


def _leave_what_may_be_there(state: Log) -> None:
    """Raises: MaybeSent. Changed and then found to have arrived, a report would say here what nobody wrote there."""
    if state.asks:
        raise MaybeSent("say first whether the report arrived; until then it stays as it is")
