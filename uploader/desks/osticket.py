"""osTicket: tickets are created and nothing else; replies come by e-mail.

Its keys are bound to the address that calls: usually that of the company's relay, which adds the key; then none is
needed here. Files travel inside the call. There is no way to ask whether a lost request arrived: the person decides.
Source: osTicket's repository, setup/doc/api/tickets.md and include/api.tickets.php (1.18).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from uploader.body import mark, render
from uploader.cargo import Cargo
from uploader.errors import Intercepted, InvalidField, OutcomeUnknown, Refused, TooLarge, UploaderError
from uploader.journal import Journal
from uploader.plain_text import tidy
from uploader.remote import RemoteDesk, demand_mail, http_address, name_of, number_in, once_unseen, subject_of
from uploader.rest import Rest
from uploader.seen import Seen
from uploader.setting import Secret, setting
from uploader.ticket import DeskAbilities, Limits, Progress, Ticket, TicketRef
from uploader.wire import NO_DATA, Wire, sort_out
from uploader.wire import Reply as Answer

PRIORITIES = {"high": "3", "medium": "2", "low": "1"}
"""Those of a new installation: 1 low, 2 normal, 3 high, 4 emergency. Known from practice."""
SUBJECT_CHARACTERS = 250


@dataclass(frozen=True, kw_only=True)
class OsTicket(RemoteDesk):
    title: ClassVar[str] = "osTicket"
    abilities: ClassVar[DeskAbilities] = DeskAbilities(order="inside", markup="html", entry=("relay",))

    url: str = setting("Address of osTicket", help="That of your relay, or of osTicket itself.", kind="url")
    key: Secret = setting(
        "API key", help="Empty with a relay. osTicket binds a key to one address: that of this network.", kind="secret",
        default=Secret(""), rare=True,
    )  # fmt: skip
    topic: str = setting("Help topic", help="Its number. Empty: the usual one.", default="", rare=True)
    inside: bool = setting(
        "Files in the ticket", help="Off: all files go as links. osTicket drops what it does not take.", kind="flag",
        default=True,
    )  # fmt: skip
    largest_mb: float = setting(
        "Largest file, in MB", help="Of all files of a report together; more goes as a link.", kind="number",
        default=5.0, least=0.1, most=25,
    )  # fmt: skip

    @classmethod
    def recognise(cls, seen: Seen) -> Mapping[str, str] | None:
        seen = seen.cut("/open.php", "/view.php", "/tickets.php", "/login.php", "/index.php", "/account.php",
                        "/profile.php", "/pwreset.php", "/kb", "/scp")  # fmt: skip
        return {"url": seen.url} if 'id="poweredBy"' in seen.text() and "osticket" in seen.text().lower() else None

    @property
    def limits(self) -> Limits:
        most = int(self.largest_mb * 1_000_000) if self.inside else 0
        return Limits(file_bytes=most, total_bytes=most)

    def check(self) -> None:
        """An empty ticket is refused for what it lacks when the key holds, and for the key when it does not."""
        self.demand_numbers(priorities=self.priorities, kinds=self.kinds, topic=self.topic)
        with self.open_wire() as wire:
            answer = self._rest(wire).call("POST", "tickets.json", content={}, ok=(400,), harmless=True)
        if "html" in answer.headers.get("content-type", "") and "<html" in answer.text().lower():
            raise InvalidField("url", "{host} is no {service}", host=self.url, service=self.title)

    def asks(self) -> tuple[str, ...]:
        return ("mail",)

    def submit(self, ticket: Ticket, journal: Journal, progress: Progress) -> TicketRef:
        with self.open_wire() as wire:
            rest, cargo = self._rest(wire), Cargo(ticket.attachments, progress)
            create = partial(self._create, rest, ticket, cargo)
            number = once_unseen(journal, "create", self.title, create)
            cargo.arrived()
        page = f"{http_address(self.url)}/view.php"
        return TicketRef(number or ticket.report_id, page, unconfirmed=not number)

    def _create(self, rest: Rest, ticket: Ticket, cargo: Cargo) -> str:
        mail, html = demand_mail(ticket), render(ticket, "html")
        own = {k: v for k, v in self.field_values(ticket).items() if re.fullmatch("[a-z][a-z0-9_]*", k)}
        asked: dict[str, object] = {
            **own,
            "source": "API",
            "alert": True,
            "autorespond": True,
            "name": name_of(ticket.requester) or mail,
            "email": mail,
            "subject": subject_of(ticket, SUBJECT_CHARACTERS) or mark(ticket.report_id),
            "message": "data:text/html;charset=utf-8;base64," + base64.b64encode(html.encode()).decode(),
            "priorityId": number_in(self.priority_of(ticket, PRIORITIES), "priorities", "2"),
            "attachments": [
                {cargo.name(f): f"data:{f.media_type or 'application/octet-stream'};base64,{cargo.base64(f)}"}
                for f in cargo.files
            ],
        }
        if kind := self.kind_of(ticket, {}):
            asked["topicId"] = number_in(kind, "kinds")
        elif self.topic:
            asked["topicId"] = number_in(self.topic, "topic")
        try:
            answer = rest.call("POST", "tickets.json", content=asked)
        except TooLarge as error:
            raise cargo.too_large(error, self.title) from error
        number = answer.text().strip().strip('"')
        if answer.status != 201 or not re.fullmatch(r"[\w#-]{1,40}", number):
            raise OutcomeUnknown(NO_DATA, host=answer.host)
        return number

    def _rest(self, wire: Wire) -> Rest:
        login = {"X-API-Key": self.key.reveal()} if self.key else {}
        return Rest(wire, f"{http_address(self.url)}/api", login, _wrong)


def _wrong(answer: Answer) -> UploaderError:
    """Refusals are plain words in the language of the installation."""
    if answer.status < 300:  # it never answers the empty ticket of ``check`` so
        return Intercepted(NO_DATA, host=answer.host)
    words = " ".join(tidy(answer.text()).split())[:200]
    if answer.status in (400, 403) and words and "<" not in words:
        return Refused("{host} refused it: {why}", host=answer.host, why=words)
    return sort_out(answer)
