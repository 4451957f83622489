"""What is on its way: drafts, waiting, needing somebody, sent; and what can be done about each."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from PySide6.QtCore import Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication, QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QInputDialog, QStackedLayout, QVBoxLayout

from client.draft import Draft
from client.folder import Damaged
from client.lock import Busy
from client.report import STANDINGS, Delivery, DeliveryChanged, DeliveryProgress, Event, Report
from client.session import Session
from client.terms import delivery_word, ticket_number
from client.ui import look
from client.ui.action_bar import Action, ActionBar, ActionWindow
from client.ui.alive import while_alive
from client.ui.bridge import Bridge
from client.ui.buttons import LinkButton
from client.ui.hand_over import words_about
from client.ui.pieces import Divider, EmptyState, OneLine, Tone
from client.ui.question import ask_once
from client.ui.report_words import cut_at_word, desk_word, joined, trouble_words
from client.ui.rows import Row, RowList
from client.ui.speed import Speed
from client.ui.support_row import SupportRow
from client.words import day, detail, explain, moment, say, say_n, size

SHOWN_SENT = 1000
REPAINT_MS = 20_000
"""A time that is told as still to come is no more than this behind."""
TOLD_BY_DESK = ("refused", "invalid_field", "too_large", "field_wanted", "file_refused")
"""Codes whose own sentence says more than ours does."""


class OutboxWindow(ActionWindow):
    draft_wanted = Signal(str)
    links_wanted = Signal()

    def __init__(self, session: Session, bridge: Bridge) -> None:
        super().__init__()
        self._session, self._bridge = session, bridge
        self._drafts: dict[str, Draft] = {}
        self._deliveries: dict[str, Delivery] = {}
        self._progress: dict[str, DeliveryProgress] = {}
        self._speeds: dict[str, Speed] = {}
        self._reading, self._news = 0, set[str]()
        self._phrases = look.Phrases(self)
        self.list = RowList()
        self.empty = EmptyState("send")
        self._foot, self.links = OneLine("faint", "small"), LinkButton()
        self._bar = ActionBar(self.list, self._actions, self._phrases, self.links)
        self._build()
        tell = self._phrases.tell
        tell(self.setWindowTitle, lambda: say("On their way"))
        tell(self.list.setAccessibleName, lambda: say("Reports"))
        tell(self.empty.title.setText, lambda: say("Nothing is on its way"))
        tell(self.empty.detail.setText, lambda: say("Reports that you send appear here until the help desk has them."))
        tell(self.links.setText, lambda: say("Open links"))
        self.links.clicked.connect(self.links_wanted)
        self.list.currentRowChanged.connect(self._show_actions)
        bridge.happened.connect(self._on_event)
        self._paint_soon = QTimer(self, singleShot=True, interval=100)
        self._paint_soon.timeout.connect(self._show_rows)
        self._paint_late = QTimer(self, interval=REPAINT_MS)
        self._paint_late.timeout.connect(self._paint_soon.start)
        tell(lambda _: self._show_rows(), lambda: "")
        self.resize(look.sized(620), look.sized(480))
        self.setMinimumSize(look.sized(380), look.sized(260))

    def refresh(self) -> None:
        """Reads everything anew, in the background."""
        work = lambda: (self._session.drafts(), self._session.deliveries(sent=SHOWN_SENT))  # noqa: E731
        self._reading += 1
        read = while_alive(self, lambda found: self._read(*found))
        self._bridge.background(work, read, while_alive(self, self._not_read))

    # -- within -----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.support = SupportRow(self._session, self._bridge, self._phrases, self._hand_over_words, cover=False)
        self.support.setContentsMargins(look.L, 0, look.L, look.S)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.list)
        self._stack.addWidget(self.empty)
        foot = QHBoxLayout()
        foot.setContentsMargins(look.L, look.S, look.L, look.S)
        foot.addWidget(self._foot)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(self._stack, 1)
        whole.addWidget(Divider())
        whole.addWidget(self._bar)
        whole.addLayout(foot)
        whole.addWidget(self.support)

    def show_all(self, drafts: tuple[Draft, ...], deliveries: tuple[Delivery, ...]) -> None:
        """Shows these instead of what was there."""
        self._drafts = {draft.id: draft for draft in drafts}
        self._deliveries = {delivery.report_id: delivery for delivery in deliveries}
        self._show_rows()

    def _read(self, drafts: tuple[Draft, ...], deliveries: tuple[Delivery, ...]) -> None:
        """What events told while the disk was read is newer than what was read."""
        kept = tuple(delivery for key, delivery in self._deliveries.items() if key in self._news)
        still = tuple(delivery for delivery in deliveries if delivery.report_id not in self._news)
        written = tuple(draft for draft in drafts if draft.id not in self._news)
        self._end_reading()
        self.show_all(written, (*still, *kept))

    def _end_reading(self) -> None:
        self._reading -= 1
        if not self._reading:
            self._news.clear()

    def _not_read(self, error: Exception) -> None:
        self._end_reading()
        self._foot.setText(trouble_words(error))

    def _on_event(self, event: Event) -> None:
        if isinstance(event, DeliveryProgress):
            self._progress[event.report_id] = event
            speed = self._speeds.setdefault(event.report_id, Speed())
            speed.note(event.file, event.done_bytes, time.monotonic())
        elif isinstance(event, DeliveryChanged):
            delivery = event.delivery
            if self._reading:
                self._news.add(delivery.report_id)
            self._drafts.pop(delivery.report_id, None)
            if event.gone:
                self._deliveries.pop(delivery.report_id, None)
            else:
                self._deliveries[delivery.report_id] = delivery
            if delivery.state != "sending":
                self._progress.pop(delivery.report_id, None)
                self._speeds.pop(delivery.report_id, None)
        if self.isVisible() and not self._paint_soon.isActive():
            self._paint_soon.start()

    def _show_rows(self) -> None:
        waiting = self._deliveries.values()
        found = [(d.standing, d.created_at, self._row(d)) for d in waiting]
        found += [("draft", d.report.created_at, self._draft_row(d)) for d in self._drafts.values()]
        found.sort(key=lambda each: (STANDINGS.index(each[0]), -each[1].timestamp()))
        rows = [row for _, _, row in found]
        self.list.show_rows(rows)
        self._stack.setCurrentWidget(self.list if rows else self.empty)
        self.support.allow(any(d.last_error is not None and d.state != "sent" for d in waiting))
        self._show_actions()

    def _draft_row(self, draft: Draft) -> Row:
        report = draft.report
        title = report.summary.strip() or say("Report without a subject")
        detail = joined(_answer_word(report), moment(report.created_at), files_word(len(report.attachments)))
        return Row(report.id, title, detail, say("Draft"), "quiet")

    def _row(self, delivery: Delivery) -> Row:
        progress = self._progress.get(delivery.report_id) if delivery.state == "sending" else None
        words, tone = state_words(delivery.standing)
        share = progress.done_bytes / progress.total_bytes if progress and progress.total_bytes else None
        told = joined(_answer_word(delivery), self._detail(delivery, progress))
        return Row(delivery.report_id, delivery.summary, told, words, tone, share)

    def _detail(self, delivery: Delivery, progress: DeliveryProgress | None) -> str:
        if progress is not None and progress.total_bytes:
            done, total = size(progress.done_bytes), size(progress.total_bytes)
            if done[-2:] == total[-2:]:
                done = done.partition("\u00a0")[0]  # 27 of 41 MB
            file = progress.file or say("ticket")
            told = say(
                "{file} · {done} of {total}", file=shortened(file, max(12, self.width() // 20)), done=done, total=total
            )
            speed = self._speeds.get(progress.report_id)
            return joined(told, speed.words(progress.total_bytes, time.monotonic()) if speed else "")
        if delivery.state == "sent" and delivery.ticket is not None:
            when = moment(delivery.sent_at or delivery.created_at)
            number = say("its number comes by mail") if delivery.ticket.unconfirmed else ticket_number(delivery.ticket)
            return joined(
                when, files_word(len(delivery.attachments)), number, self._where(delivery), _links_end(delivery)
            )
        if delivery.last_error is None:
            return joined(moment(delivery.created_at), self._where(delivery))
        error = delivery.last_error
        title, _ = explain(error.code)
        if delivery.not_before is not None:
            later = delivery.not_before > datetime.now(UTC)
            when = moment(delivery.not_before) if later else say("when its turn comes")
            return say("{why}. Next try {when}.", why=title, when=when)
        if error.attachment:
            return f"{title}: {error.attachment}"
        said = detail(error.text, error.values) if error.text and error.code in TOLD_BY_DESK else ""
        return f"{title}: {said}" if said else title

    def _where(self, delivery: Delivery) -> str:
        """Which desk it goes to, where there are several."""
        places = self._session.places
        return desk_word(places.desk_name(delivery.desk)) if len(places.desk_names()) > 1 else ""

    def _next_words(self, key: str) -> str:
        """What will happen next with this entry."""
        delivery, progress = self._deliveries.get(key), self._progress.get(key)
        if delivery is not None and delivery.state == "sending" and progress is not None and progress.file:
            return say(
                "Next: the link is checked and put into the ticket. You may close this window and go on working."
            )
        if delivery is not None and delivery.is_paused:
            with suppress(KeyError, Damaged):
                if self._session.resumes(key):
                    return say("What has arrived stays there; “Continue” sends only the rest.")
                return say("This share cannot go on in the middle; “Continue” sends the file from its beginning.")
        if delivery is not None and delivery.state == "needs_you" and delivery.last_error is not None:
            return explain(delivery.last_error.code)[1]
        return say("Nothing gets lost: every report stays here until the desk confirms it.")

    def _hand_over_words(self) -> str:
        """About the chosen one; none chosen: the first that waits for its desk."""
        key = self.list.current_key()
        if key in self._drafts:
            return self._drafts[key].report.summary
        stuck = (d for d in self._deliveries.values() if d.last_error is not None and d.state != "sent")
        about = self._deliveries.get(key) or next(stuck, None)
        return words_about(about.summary, about.ticket or about.reply_to) if about else ""

    def _actions(self, key: str) -> list[Action]:
        """What can be done about this entry, the most likely first."""
        if key in self._drafts:
            return [
                (say("Continue"), "Return", partial(self.draft_wanted.emit, key)),
                (say("Discard"), "Delete", partial(self._discard_draft, key)),
            ]
        delivery = self._deliveries.get(key)
        if delivery is None:
            return []
        if delivery.state == "sent":
            has_page = delivery.ticket is not None and bool(delivery.ticket.url)
            return [(say("Open the ticket"), "Return", partial(self._open_ticket, delivery))] if has_page else []
        if delivery.state == "sending":
            return [
                (say("Pause"), "Space", partial(self._try, self._session.pause, key)),
                (say("Discard"), "Delete", partial(self._discard, key)),
            ]
        error = delivery.last_error
        again = say("Continue") if delivery.is_paused else say("Send now")
        found: list[Action] = [(again, "Return", partial(self._try, self._session.retry, key))]
        if delivery.asks:  # neither answer has a key: a hasty Enter would make a second ticket
            found = [
                (say("Send again"), "", partial(self._try, self._session.waiting.send_again, key)),
                (say("It arrived"), "", partial(self._try, self._session.waiting.it_arrived, key)),
            ]
        if error is not None and error.code == "paste_link":
            page = error.values.get("page", "")
            found[:0] = [
                (say("Open the page"), "Space", partial(QDesktopServices.openUrl, QUrl(page))),
                (say("Paste the link…"), "Return", partial(self._paste, key, error.attachment)),
            ]
        if error is not None and error.code == "field_wanted" and (field := error.values.get("field", "")):
            found[0] = (say("Fill in “{field}”…", field=field), "Return", partial(self._fill_in, key, field))
        if error is not None and error.attachment:
            without = partial(self._try, self._session.waiting.leave_out, key, error.attachment)
            found.append((say("Send without “{name}”", name=shortened(error.attachment)), "", without))
            for share in self._session.places.share_names() if error.code in ("share_refused", "file_unwanted") else ():
                other = partial(self._try, self._session.waiting.choose_share, key, share)
                found.append((say("Share by “{name}”", name=desk_word(share)), "", other))
        if not delivery.asks:  # the desk may have it as it is
            found.append((say("Change"), "F2", partial(self._take_back, key)))
        found.append((say("Discard"), "Delete", partial(self._discard, key)))
        return found

    def _show_actions(self) -> None:
        self._foot.setText(self._next_words(self.list.current_key()))
        self._bar.refresh()

    def _try(self, verb: Callable[..., object], *arguments: str) -> None:
        self._bridge.background(partial(verb, *arguments), None, while_alive(self, self._not_now))

    def _not_now(self, error: Exception) -> None:
        """Somebody else was quicker: the list shows how it stands now."""
        if not isinstance(error, KeyError | Busy):
            self._foot.setText(trouble_words(error))
        self.refresh()

    def _fill_in(self, key: str, field: str) -> None:
        """Asks for what the desk wants to know."""
        delivery = self._deliveries[key]
        desk = desk_word(self._session.places.desk_name(delivery.desk))
        about = say("“{desk}” wants to know “{field}” for “{subject}”:", desk=desk, field=field,
                    subject=shortened(delivery.summary, 40))  # fmt: skip
        use = partial(self._try, self._session.waiting.fill_in, key, field)
        self._ask_for_text(say("Fill in “{field}”…", field=field), about, "", use)

    def _paste(self, key: str, name: str) -> None:
        """Asks for the link that the person made by hand."""
        clipboard = QGuiApplication.clipboard().text().strip()
        link = clipboard if clipboard.startswith("https://") else ""
        use = partial(self._try, self._session.waiting.paste_link, key, name)
        self._ask_for_text(say("Paste the link…"), say("The link to “{name}”:", name=name), link, use)

    def _ask_for_text(self, title: str, about: str, text: str, use: Callable[[str], None]) -> None:
        box = QInputDialog(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle(title.removesuffix("…"))
        box.setLabelText(about)
        box.setTextValue(text)
        box.setOkButtonText(say("Use it"))
        box.setCancelButtonText(say("Cancel"))
        box.textValueSelected.connect(use)
        box.open()
        if layout := box.layout():
            layout.setContentsMargins(look.XL, look.L, look.XL, look.L)
            layout.setSpacing(look.M)
        box.resize(look.sized(440), box.sizeHint().height())

    def _take_back(self, key: str) -> None:
        def back(draft: Draft) -> None:
            self._deliveries.pop(key, None)
            self._drafts[draft.id] = draft
            self._show_rows()
            self.draft_wanted.emit(draft.id)

        work = partial(self._session.waiting.take_back, key)
        self._bridge.background(work, while_alive(self, back), while_alive(self, self._not_now))

    def _discard_draft(self, key: str) -> None:
        def gone(_: object) -> None:
            self._drafts.pop(key, None)
            self._show_rows()

        work = partial(self._session.discard, self._drafts[key])
        self._ask(lambda: self._bridge.background(work, while_alive(self, gone), while_alive(self, self._not_now)))

    def _discard(self, key: str) -> None:
        self._ask(partial(self._try, self._session.waiting.discard, key))

    def _ask(self, then: Callable[[], object]) -> None:
        more = say("Its words and files are deleted from this computer.")
        ask_once(self, say("Discard"), say("Discard this report for good?"), more, then)

    @staticmethod
    def _open_ticket(delivery: Delivery) -> None:
        if delivery.ticket is not None:
            QDesktopServices.openUrl(QUrl(delivery.ticket.url))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._paint_late.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._paint_late.stop()


def _answer_word(report: Report | Delivery) -> str:
    """Where it is no ticket of its own; by its words it is told from others to the same ticket."""
    if report.reply_to is None:
        return ""
    return f"{say('Answer')}: {cut_at_word(report.opening, 36)}" if report.opening else say("Answer")


def files_word(n: int) -> str:
    """How many files, in words; empty for none."""
    return say_n("{n} file", "{n} files", n) if n else ""


def _links_end(delivery: Delivery) -> str:
    """Until when the links of a ticket work, the first to end; empty: for ever, or there are none."""
    ends = [sent.expires_at for sent in delivery.attachments if sent.expires_at is not None]
    if not ends:
        return ""
    if min(ends) <= datetime.now(UTC):
        return say("the link has ended")
    return say("the link works until {day}", day=day(min(ends)))


def shortened(name: str, most: int = 24) -> str:
    """A name with its middle left out."""
    return name if len(name) <= most else f"{name[: most - 9]}…{name[-8:]}"


def state_words(state: str) -> tuple[str, Tone]:
    """A delivery's state in a word, and its tone."""
    tones: dict[str, Tone] = {"sending": "accent", "needs_you": "warn", "sent": "ok"}
    return delivery_word(state), tones.get(state, "quiet")
