"""A help desk that is reached by chat (XMPP): the report is a message, each file another one with its address.

Files go by HTTP to the server that both trust. The desk is one conversation for all reports; what belongs to which is
told by the thread that our messages carry, and where an agent's program drops it, by what was said last. Source: the
standards that ``uploader/xmpp.py`` names, and what Prosody 0.12 did.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from threading import Event
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from uploader.body import render
from uploader.cargo import Cargo
from uploader.dialling import split_address
from uploader.errors import FileRefused, Gone, InvalidField, Refused, TooLarge
from uploader.inbox import Conversation, Inbox, InboxAbilities, News, OwnTicket, RemoteFile, Reply, most_of
from uploader.journal import Journal
from uploader.names import clean_name
from uploader.plain_text import tidy
from uploader.remote import RemoteDesk, ask_the_person, once_unseen, subject_of
from uploader.seen import Seen
from uploader.setting import Secret, setting
from uploader.ticket import Attachment, DeskAbilities, Limits, Progress, Ticket, TicketRef
from uploader.wire import STALL_S
from uploader.xmpp import Chat, Line

PAGE, MOST_PAGES = 100, 20
"""Of the archive: two thousand messages with one desk are looked through."""
MOST_LINES = 1000
"""Said since, among which one whose answer got lost is looked for."""
SOLVED = r"^\W*(resuelt|solucionad|cerrad|resolved|solved|closed)"
LOOK_EVERY_S = 2.0
OURS = "testigo-"


@dataclass(frozen=True, kw_only=True)
class XmppDesk(RemoteDesk, Inbox):
    title: ClassVar[str] = "XMPP chat"
    abilities: ClassVar[DeskAbilities] = DeskAbilities(order="before", markup="plain", entry=("token",))
    inbox: ClassVar[InboxAbilities] = InboxAbilities(waits=True)

    desk: str = setting("Chat address of the help desk", help="soporte@example.org")
    jid: str = setting("Your chat address", help="ana@example.org")
    password: Secret = setting("Password", kind="secret", default=Secret(""))
    server: str = setting(
        "Chat server", help="Only if its name is not that of your address: chat.example.org:5222", default="", rare=True
    )
    security: str = setting("Encryption", choices=("STARTTLS", "TLS"), default="STARTTLS", rare=True)
    solved: str = setting(
        "How messages tell that it is solved",
        help="A regular expression that answers are searched for. Example: solved|closed",
        default=SOLVED,
        rare=True,
    )
    stall_s: float = field(default=STALL_S)

    @classmethod
    def recognise(cls, seen: Seen) -> Mapping[str, str] | None:
        return None  # an address looks like one of mail

    @property
    def doors(self) -> tuple[str, ...]:
        """Which server it is without being told is asked of DNS, and of that only ``check`` can tell."""
        with suppress(InvalidField):
            return ("xmpp://{}:{}".format(*self._place),) if self.server else ()
        return ()

    @cached_property
    def limits(self) -> Limits:
        """Of the server that takes the files; where none does, all of them go as links."""
        with self._chat() as chat:
            found = chat.upload_service()
        return Limits(file_bytes=0 if found is None else found[1])

    def check(self) -> None:
        """A server without an archive lets reports out; that their answers are read elsewhere is told by ``news``."""
        self._over("")
        with self._chat() as chat:
            self._newest(chat)

    def submit(self, ticket: Ticket, journal: Journal, progress: Progress) -> TicketRef:
        cargo = Cargo(ticket.attachments, progress)
        text = f"{subject_of(ticket, 250)}\n\n{render(ticket, 'plain')}"
        with self._chat() as chat:
            self._deliver(chat, ticket.report_id, ticket.report_id, text, cargo, journal, "create")
        cargo.arrived()
        return TicketRef(ticket.report_id, "", unconfirmed=True)

    def _deliver(
        self, chat: Chat, thread: str, report_id: str, text: str, cargo: Cargo, journal: Journal, step: str
    ) -> str:  # fmt: skip
        """Files first, then the words, then where each file is: each message once."""
        urls = self._upload(chat, cargo, journal)
        first = self._say(chat, journal, step, text, f"{OURS}{report_id}", thread)
        for number, (file, url) in enumerate(zip(cargo.files, urls), 1):
            self._say(chat, journal, f"told/{cargo.step(file)}", url, f"{OURS}{report_id}-{number}", thread, url)
        return first

    def _upload(self, chat: Chat, cargo: Cargo, journal: Journal) -> list[str]:
        if not cargo.files:
            return []
        service = chat.upload_service()

        def send(file: Attachment) -> str:
            if service is None or (service[1] is not None and file.size_bytes > service[1]):
                raise self._refused(file)
            kind = file.media_type or "application/octet-stream"
            try:
                slot = chat.slot(service[0], cargo.name(file), file.size_bytes, kind)
                with self.open_wire() as wire:
                    wire.call("PUT", slot.put, headers={"Content-Type": kind, **slot.headers}, body=cargo.body(file))
            except TooLarge as error:
                raise self._refused(file) from error
            except Refused as error:
                if "why" in error.values:  # the service's word on this file: its size, its type, its name
                    raise self._refused(file) from error
                raise
            return slot.get

        return [journal.once(cargo.step(file), partial(send, file)) for file in cargo.files]

    def _refused(self, file: Attachment) -> FileRefused:
        return FileRefused(file.name, "{service} does not take “{name}”; it goes as a link", service=self.title,
                           name=file.name)  # fmt: skip

    def _say(
        self, chat: Chat, journal: Journal, step: str, text: str, id_: str, thread: str, url: str = ""
    ) -> str:  # fmt: skip
        def send() -> str:
            chat.send(self.desk, text, id_, thread, url)
            return id_

        newest = self._newest(chat) if journal.result(step) is None else None
        if newest is None:
            return once_unseen(journal, step, self.title, send) or id_
        begin = journal.once("newest", lambda: newest)
        return journal.once(step, send, lambda: self._find(chat, journal, step, id_, begin))

    def _find(self, chat: Chat, journal: Journal, step: str, id_: str, begin: str) -> str | None:
        """In the archive, back to what was its newest before anything of this was sent. Raises: MaybeSent."""
        lines, seen = chat.archive(self.desk, most=PAGE), 0
        while lines:
            for line in reversed(lines):
                if line.key == begin:
                    return None
                if line.id == id_:
                    return id_
            seen += len(lines)
            if seen >= MOST_LINES:
                return None if ask_the_person(journal, step, self.title) is None else id_
            lines = chat.archive(self.desk, before=lines[0].key, most=PAGE)
        return None

    def _newest(self, chat: Chat) -> str | None:
        """The archive's key of the last message; empty: there is none yet. None: the server keeps no archive."""
        try:
            return next((line.key for line in chat.archive(self.desk, most=1)), "")
        except Refused:
            return None

    # -- the way back -------------------------------------------------------------------------------------------

    @contextmanager
    def _with_archive(self) -> Iterator[Chat]:
        """Raises: Refused in words, where the server keeps none."""
        with self._chat() as chat:
            if self._newest(chat) is None:
                raise Refused("{host} keeps no archive of what is said; answers are read in your chat program",
                              host=chat.host)  # fmt: skip
            yield chat

    def news(self, mark: str) -> News:
        """``mark`` is the archive's key of the last message that was seen."""
        with self._with_archive() as chat:
            newest = chat.archive(self.desk, most=1)
            if not newest or newest[-1].key == mark:
                return News(mark)
            lines = self._lines(chat, lambda lines: False)
        talks, fresh, first = _sorted_out(lines), list[OwnTicket](), mark == ""
        keys = [line.key for line in lines]
        later = set(keys[keys.index(mark) + 1 :]) if mark in keys else set(keys)
        for key, said in talks.items():
            if first or any(line.key in later for line in said):
                fresh.append(self._own(key, said))
        fresh.sort(key=lambda ticket: ticket.updated_at, reverse=True)
        return News(newest[-1].key, tuple(fresh[: most_of(mark)]), len(fresh) > most_of(mark))

    def conversation(self, key: str) -> Conversation:
        with self._with_archive() as chat:
            lines = self._lines(chat, lambda lines: any(line.id == OURS + key for line in lines))
        said = _sorted_out(lines).get(key)
        if not said:
            raise Gone("{host} does not know it, or no longer ({status})", host=self.desk, status=key)
        return Conversation(self._own(key, said), tuple(_reply(line, files) for line, files in _bundled(said)))

    def _lines(self, chat: Chat, enough: Callable[[list[Line]], bool]) -> list[Line]:
        """The archive from its end, page by page, oldest first."""
        lines = chat.archive(self.desk, most=PAGE)
        for _ in range(MOST_PAGES):
            if not lines or enough(lines):
                break
            older = chat.archive(self.desk, before=lines[0].key, most=PAGE)
            if not older:
                break
            lines = older + lines
        return lines

    def _own(self, key: str, said: list[Line]) -> OwnTicket:
        state = title = ""
        for line in said:
            told = None if line.mine else self._over(line.text)
            state, title = ("solved", told) if told else ("", "") if line.mine or state == "" else (state, title)
        subject = tidy(said[0].text.partition("\n")[0])
        return OwnTicket(
            key, key, "", subject, "solved" if state else "open", title, "", said[0].at,
            said[-1].at.replace(microsecond=min(len(said), 999_999)),
        )  # fmt: skip

    def _over(self, text: str) -> str:
        """The word that says so; empty: nothing does. Raises: InvalidField."""
        try:
            found = re.search(self.solved, text[:500], re.IGNORECASE) if self.solved else None
        except re.error as error:
            raise InvalidField("solved", "“{value}” is no regular expression", value=self.solved) from error
        return found[0].strip() if found else ""

    def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        with self.open_wire() as wire:
            self._save(wire, file, file.key, target, progress)

    def reply(self, ticket: Ticket, journal: Journal, progress: Progress) -> str:
        cargo = Cargo(ticket.attachments, progress)
        with self._chat() as chat:
            text = render(ticket, "plain")
            done = self._deliver(chat, ticket.reply_to, ticket.report_id, text, cargo, journal, "reply")
        cargo.arrived()
        return done

    def wait(self, seconds: float, stopped: Callable[[], bool]) -> bool:
        """Looks into the archive now and then over one connection: being present would take the user's messages."""
        pause, waited = Event(), 0.0
        with self._with_archive() as chat:
            last = [line.key for line in chat.archive(self.desk, most=1)]
            while waited < seconds and not stopped():
                pause.wait(LOOK_EVERY_S)
                waited += LOOK_EVERY_S
                if [line.key for line in chat.archive(self.desk, most=1)] != last:
                    return True
        return False

    @property
    def _place(self) -> tuple[str, int]:
        return split_address(self.server, 5222, "server") if self.server else ("", 5222)

    def _chat(self) -> Chat:
        for name in ("desk", "jid"):
            value = getattr(self, name)
            if not re.fullmatch(r"[^\s@/<>&'\":]{1,300}@[\w.-]{1,300}", value):
                raise InvalidField(name, "“{value}” is no chat address", value=value[:80])
        host, port = self._place
        return Chat(self.jid, self.password.reveal(), host, port, direct=self.security == "TLS", stall_s=self.stall_s)


def _sorted_out(lines: list[Line]) -> dict[str, list[Line]]:
    """Reports by their id, each with what belongs to it: by thread, else to what was talked of last."""
    found, last = dict[str, list[Line]](), ""
    for line in lines:
        if line.mine and line.id.startswith(OURS) and line.thread and line.id == OURS + line.thread:
            found[line.thread] = [line]
            last = line.thread
            continue
        last = line.thread if line.thread in found else last
        if last and (line.text or line.url):
            found[last].append(line)
    return found


def _bundled(lines: list[Line]) -> list[tuple[Line, tuple[RemoteFile, ...]]]:
    """A message and the files that its author sent right after it are one."""
    found = list[tuple[Line, tuple[RemoteFile, ...]]]()
    for line in lines:
        url = line.url or (line.text.strip() if re.fullmatch(r"https?://\S+", line.text.strip()) else "")
        if not url.startswith(("https://", "http://")):
            found.append((line, ()))
            continue
        file = RemoteFile(url, clean_name(unquote(urlsplit(url).path.rpartition("/")[2])))
        if found and found[-1][0].author == line.author:
            found[-1] = (found[-1][0], (*found[-1][1], file))
        else:
            found.append((line, (file,)))
    return found


def _reply(line: Line, files: tuple[RemoteFile, ...]) -> Reply:
    only_file = len(files) == 1 and line.text.strip() == files[0].key
    return Reply(line.key, line.author, line.mine, line.at, "" if only_file else tidy(line.text), files)
