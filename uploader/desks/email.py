"""A help desk that is reached by mail: sent by SMTP, its answers read by IMAP.

The Message-ID is made from the report's id: it is what a lost answer is looked up by, what every answer refers to, and
what most desks know a mail by that comes twice. Source: RFC 5321, RFC 1870, RFC 5322, RFC 3834, and what Dovecot 2.3
and aiosmtpd 1.4 did.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar, TypeVar
from urllib.parse import quote

from uploader.cargo import Cargo
from uploader.dialling import SECURITY, split_address
from uploader.errors import AuthFailed, Gone, InvalidField, TooLarge, UploaderError
from uploader.imap import Mailbox
from uploader.inbox import Conversation, Inbox, InboxAbilities, News, OwnTicket, RemoteFile, Reply, most_of
from uploader.journal import Journal
from uploader.mail import ENCODED, ROOM_BYTES, Envelope, Letter, decoded, message_id, plain_address, write
from uploader.mail_servers import guess
from uploader.mail_threads import Threads
from uploader.oauth import Client, Login, sign_in
from uploader.remote import RemoteDesk, mail_of, once_unseen, pairs, subject_of
from uploader.seen import Seen
from uploader.setting import Secret, setting
from uploader.smtp import Submission
from uploader.ticket import DeskAbilities, Limits, Progress, Ticket, TicketRef
from uploader.wire import STALL_S, Wire

USUAL_BYTES = 25_000_000
"""Encoded; where the server does not say. Source: Google, "Gmail: size limits", and most providers, 2026."""
BLOCKED = frozenset({".ade", ".adp", ".apk", ".bat", ".chm", ".cmd", ".com", ".cpl", ".dll", ".exe", ".hta", ".ins",
                     ".isp", ".jar", ".js", ".jse", ".lib", ".lnk", ".mde", ".msc", ".msi", ".msp", ".mst", ".pif",
                     ".scr", ".sct", ".shb", ".sys", ".vb", ".vbe", ".vbs", ".wsc", ".wsf", ".wsh"})  # fmt: skip
"""Source: Google, "File types blocked in Gmail", 2026; Outlook blocks the same and some more."""
NUMBERS = r"\[(?:[^\[\]#]{0,40}\s)?#\s?(\d+)\]|\[?[Tt]icket\s?#\s?(\d+)\]?|\b((?:INC|REQ|CS)\d{5,})\b"
"""``[#123]``, ``[rt.example.org #123]``, ``[Ticket#2026…]``, ``INC0010001``."""
SOLVED = r"resuelt|solucionad|cerrad|resolved|solved|closed"
GOOGLE = ("https://accounts.google.com/o/oauth2/v2/auth", "https://oauth2.googleapis.com/token",
          "https://mail.google.com/")  # fmt: skip
"""Source: Google, "OAuth 2.0 Mechanism", Gmail, 2026: SMTP and IMAP want this scope."""
MICROSOFT = "https://outlook.office.com/SMTP.Send https://outlook.office.com/IMAP.AccessAsUser.All offline_access"
"""Source: Microsoft, "Authenticate an IMAP, POP or SMTP connection using OAuth", 2026."""
PIECE_BYTES = 1024 * 1024
L = TypeVar("L", Submission, Mailbox)
TOKENS = ("google", "microsoft")


@dataclass(frozen=True, kw_only=True)
class MailDesk(RemoteDesk, Inbox):
    title: ClassVar[str] = "E-mail"
    abilities: ClassVar[DeskAbilities] = DeskAbilities(order="inside", markup="plain", entry=("mail",), signs_in=True)
    inbox: ClassVar[InboxAbilities] = InboxAbilities(waits=True, tells_if="imap")

    address: str = setting("Address of the help desk", help="soporte@example.org")
    departments: str = setting(
        "Addresses of departments",
        help="Where reports of a kind or priority go: an address, or +word, which is added to the name of the usual "
        "one. Example: claim=claims@example.org; high=+urgent; claim/high=boss@example.org",
        default="",
        rare=True,
    )
    sender: str = setting("Your mail address", help="Empty: the one in the settings of your name.", default="")
    mode: str = setting(
        "Sign-in", help="Google and Microsoft let programs in by the browser.", choices=("password", *TOKENS),
        default="password",
    )  # fmt: skip
    password: Secret = setting("Password", kind="secret", default=Secret(""))
    server: str = setting("Outgoing mail server", help="smtp.example.org:587", guessed=True)
    imap: str = setting(
        "Incoming mail server", help="imap.example.org:993. Empty: answers are read in your mail program.",
        default="", guessed=True)  # fmt: skip
    security: str = setting("Encryption", choices=SECURITY, default="STARTTLS", rare=True)
    imap_security: str = setting("Encryption of the incoming mail", choices=SECURITY, default="TLS", rare=True)
    user: str = setting("User name", help="Empty: your mail address.", default="", rare=True)
    client_id: str = setting(
        "Client ID", help="Of the app that your company has registered at the service.", default="", rare=True
    )
    client_secret: Secret = setting(
        "Client secret", help="Of the same app; Google wants one.", kind="secret", default=Secret(""), rare=True
    )
    tenant: str = setting("Tenant", help="Of Microsoft: your company's domain.", default="organizations", rare=True)
    refresh_token: Secret = setting("Sign-in", help="Comes from the browser.", kind="secret", default=Secret(""),
                                    rare=True)  # fmt: skip
    numbers: str = setting(
        "How subjects tell the ticket number",
        help="A regular expression; what stands in its brackets is the number. Example: Case (\\d+)",
        default=NUMBERS,
        rare=True,
    )
    solved: str = setting(
        "How subjects tell that it is solved",
        help="A regular expression that answers are searched for. Example: solved|closed",
        default=SOLVED,
        rare=True,
    )
    keep_copy: bool = setting("Keep a copy in the folder of sent mail", kind="flag", default=True, rare=True)
    largest_mb: float = setting(
        "Largest mail, in MB", help="0: as the server says. The help desk's own server may take less.", kind="number",
        default=0.0, least=0, most=50, rare=True,
    )  # fmt: skip
    stall_s: float = field(default=STALL_S)
    login_urls: tuple[str, str] | None = field(default=None)

    @classmethod
    def recognise(cls, seen: Seen) -> Mapping[str, str] | None:
        return {"address": seen.mail, **guess(seen.host, seen.stopped)} if seen.mail else None

    @property
    def doors(self) -> tuple[str, ...]:
        def door(scheme: str, security: str, host: str, port: int) -> str:
            return f"{scheme}{'' if security == 'none' else '+' + security.lower()}://{host}:{port}"

        with suppress(InvalidField):  # which ``check`` tells
            out = door("smtp", self.security, *self._outward)
            return (out, door("imap", self.imap_security, *self._back)) if self.imap else (out,)
        return ()

    @cached_property
    def limits(self) -> Limits:
        most = USUAL_BYTES
        with self._out() as out:
            most = out.size_bytes or most
        if self.largest_mb:
            most = min(most, int(self.largest_mb * 1_000_000))
        raw = max(0, int((most - ROOM_BYTES) * ENCODED))
        return Limits(raw, raw, BLOCKED)

    def sign_in(self, show: Callable[[str], None]) -> Mapping[str, str]:
        if self.mode not in TOKENS:
            return super().sign_in(show)
        return {"refresh_token": sign_in(self.client(), show)}

    def client(self) -> Client:
        if self.mode == "google":
            authorize, token, scope = GOOGLE
            extra = {"access_type": "offline", "prompt": "consent"}
            authorize, token = self.login_urls or (authorize, token)
            return Client("Google", authorize, token, self.client_id, scope, self.client_secret, extra=extra)
        place = f"https://login.microsoftonline.com/{quote(self.tenant, safe='')}/oauth2/v2.0"
        authorize, token = self.login_urls or (f"{place}/authorize", f"{place}/token")
        return Client("Microsoft", authorize, token, self.client_id, MICROSOFT, host="localhost")

    @cached_property
    def _login(self) -> Login:
        return Login(self.client(), self.refresh_token)

    def check(self) -> None:
        self._patterns()
        with self._out() as out:
            if self.sender:
                out.offer(self.sender, self.address, 1000)
                out.take_back()
        if self.imap:
            with self._box() as box:
                box.select("INBOX")

    def submit(self, ticket: Ticket, journal: Journal, progress: Progress) -> TicketRef:
        cargo, sender = Cargo(ticket.attachments, progress), self._sender(ticket)
        id_ = message_id(ticket.report_id, sender)
        envelope = Envelope(id_, sender, self._address_for(ticket), subject_of(ticket, 250))
        send, find = partial(self._send, ticket, cargo, envelope, progress), partial(self._find, id_)
        once_unseen(journal, "send", self.title, send, find)
        journal.once("copy", partial(self._keep, ticket, cargo, envelope))
        cargo.arrived()
        return TicketRef(ticket.report_id, "", id_, unconfirmed=True)

    def _send(self, ticket: Ticket, cargo: Cargo, envelope: Envelope, progress: Progress) -> str:
        content = write(ticket, cargo.only(cargo.files), envelope)
        total = sum(file.size_bytes for file in cargo.files)
        with self._out() as out:
            try:
                most = min(out.size_bytes or len(content), int(self.largest_mb * 1_000_000) or len(content))
                if len(content) > most:
                    raise TooLarge("{host} does not take a mail of this size", limit_bytes=most, host=out.host)
                out.offer(envelope.sender, envelope.to, len(content))
                out.send(content, lambda done, all_of_it: progress(total * done // all_of_it, total))
            except TooLarge as error:
                raise cargo.too_large(error, out.host) from error
        return envelope.id

    def _find(self, id_: str) -> str | None:
        """Whether it was sent, by its copy or by what came back."""
        if not self.imap:
            return None
        with self._box() as box:
            threads = self._threads(box)
            return id_ if threads.holds(id_) else None

    def _keep(self, ticket: Ticket, cargo: Cargo, envelope: Envelope) -> str:
        """A copy among the sent mails, unless the provider has put one there. The ticket does not depend on it."""
        if not self.imap or not self.keep_copy:
            return "no"
        with suppress(UploaderError), self._box() as box:
            threads = self._threads(box)
            if not threads.holds(envelope.id, sent_only=True):
                threads.keep(write(ticket, cargo.only(cargo.files), envelope))
            return "yes"
        return "no"

    # -- the way back -------------------------------------------------------------------------------------------

    def news(self, mark: str) -> News:
        if not self.imap:
            return News(mark)
        with self._box() as box:
            threads = self._threads(box)
            found, now = threads.changed(mark, self.address)
            tickets = [self._own(letters) for letters in found]
        tickets.sort(key=lambda ticket: ticket.updated_at, reverse=True)
        return News(now, tuple(tickets), len(tickets) >= most_of(mark))

    def conversation(self, key: str) -> Conversation:
        self._demand_imap()
        with self._box() as box:
            threads = self._threads(box)
            letters = threads.letters(key, self.address)
            if not letters:
                raise Gone("{host} does not know it, or no longer ({status})", host=self.imap, status=key)
            replies = [
                Reply(letter.id or f"{letter.uid}", letter.author, letter.own, letter.at, text, files, letter.automatic)
                for letter, text, files in threads.read(letters)
            ]
        return Conversation(self._own(letters), tuple(replies))

    def _own(self, letters: list[Letter]) -> OwnTicket:
        """A mailbox knows neither numbers nor states: both are what the desk's subjects say."""
        numbers, over = self._patterns()
        first, theirs = letters[0], [letter for letter in letters if not letter.own]
        own_subject = next((letter.subject for letter in letters if letter.own), "") or _bare(first.subject, numbers)
        number = next((n for letter in reversed(theirs) if (n := _number(letter.subject, numbers))), "")
        state, title = "open", ""
        for letter in letters:
            rest = _bare(letter.subject, numbers).replace(own_subject, " ")
            told = over.search(rest) if over and not letter.own else None
            if told:
                state, title = "solved", told[0]
            elif letter.own or not letter.automatic:
                state, title = "open", ""
        key = next(letter.thread for letter in letters if letter.thread)
        updated = letters[-1].at.replace(microsecond=min(len(letters), 999_999))
        return OwnTicket(
            number or key[1:].partition(".testigo@")[0], key, "", own_subject,
            "solved" if state == "solved" else "open", title, "", first.at, updated,
        )  # fmt: skip

    def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        with self._box() as box:
            encoding, blocks = self._threads(box).blocks(file.key, PIECE_BYTES)
            content, done = bytearray(), 0
            for block in blocks:
                content += block
                done += len(block)
                progress(done, max(done, file.size_bytes or 0))
        try:
            target.write_bytes(decoded(bytes(content), encoding))
        except binascii.Error as error:
            raise Gone("{host} does not know it, or no longer ({status})", host=self.imap, status=file.name) from error

    def reply(self, ticket: Ticket, journal: Journal, progress: Progress) -> str:
        self._demand_imap()
        key, cargo, sender = ticket.reply_to, Cargo(ticket.attachments, progress), self._sender(ticket)
        id_ = message_id(ticket.report_id, sender, key)

        def envelope() -> Envelope:
            with self._box() as box:
                letters = self._threads(box).letters(key, self.address)
            human = [letter for letter in letters if not letter.own and not letter.automatic]
            told = next((each.subject for each in reversed(letters) if _number(each.subject, self._patterns()[0])), "")
            first = next((letter for letter in letters if letter.own), None)
            subject = told or (letters[0].subject if letters else ticket.subject)
            subject = subject if re.match(r"(re|rv|aw)\s*:", subject, re.IGNORECASE) else f"Re: {subject}"
            answers = (key, *((human[-1].id,) if human and human[-1].id else ()))
            return Envelope(id_, sender, self._answer_to(human[-1] if human else None, first), subject, answers)

        send, find = lambda: self._send(ticket, cargo, envelope(), progress), partial(self._find, id_)
        once_unseen(journal, "reply", self.title, send, find)
        journal.once("copy", lambda: self._keep(ticket, cargo, envelope()))
        cargo.arrived()
        return id_

    def wait(self, seconds: float, stopped: Callable[[], bool]) -> bool:
        if not self.imap:
            return False
        with self._box() as box:
            if "IDLE" not in box.abilities():
                return False
            box.select("INBOX")
            return box.wait(seconds, stopped)

    def _answer_to(self, theirs: Letter | None, first: Letter | None) -> str:
        """The desk's own address, or the one it wants its answers at; an agent's own would hide them from the desk."""
        ways = [way for way in pairs(self.departments, "departments").values() if not way.startswith("+")]
        known, place = {plain_address(each) for each in (self.address, *ways)}, self.address.lower().partition("@")[2]
        if theirs and theirs.answer_to not in ("", theirs.address):
            there = plain_address(theirs.answer_to).partition("@")[2]
            if there == place or there.endswith(f".{place}"):
                return theirs.answer_to
        offered = (*((theirs.answer_to, theirs.address) if theirs else ()), first.to if first else "")
        return next((each for each in offered if plain_address(each) in known), self.address)

    # -- addresses and logins -----------------------------------------------------------------------------------

    def _address_for(self, ticket: Ticket) -> str:
        ways = pairs(self.departments, "departments", "Addresses of departments")
        wanted = (f"{ticket.kind}/{ticket.priority}", ticket.kind, ticket.priority)
        found = next((ways[name] for name in wanted if ways.get(name)), self.address)
        if found.startswith("+"):
            name, _, place = self.address.partition("@")
            found = f"{name}{found}@{place}"
        return _demand_address(found, "departments" if found != self.address else "address")

    def _sender(self, ticket: Ticket) -> str:
        return _demand_address(self.sender or mail_of(ticket.requester), "sender")

    def _demand_imap(self) -> None:
        if not self.imap:
            raise InvalidField("imap", "to read answers here, fill in the incoming mail server in the settings")

    def _patterns(self) -> tuple[re.Pattern[str], re.Pattern[str] | None]:
        for name in ("numbers", "solved"):
            try:
                re.compile(getattr(self, name))
            except re.error as error:
                raise InvalidField(name, "“{value}” is no regular expression", value=getattr(self, name)) from error
        return re.compile(self.numbers or r"(?!)"), re.compile(self.solved, re.IGNORECASE) if self.solved else None

    @property
    def _name(self) -> str:
        return self.user or self.sender

    def _out(self) -> Submission:
        return self._entered(partial(Submission, *self._outward, self.security, self.stall_s))

    def _box(self) -> Mailbox:
        return self._entered(partial(Mailbox, *self._back, self.imap_security, self.stall_s))

    @property
    def _outward(self) -> tuple[str, int]:
        return split_address(self.server, 465 if self.security == "TLS" else 587, "server")

    @property
    def _back(self) -> tuple[str, int]:
        return split_address(self.imap, 993 if self.imap_security == "TLS" else 143, "imap")

    def _entered(self, dial: Callable[[], L]) -> L:
        """A connection that is signed in; a token that is refused is renewed once."""
        for again in (self.mode in TOKENS, False):
            line = dial()
            try:
                self._enter(line)
            except AuthFailed:
                line.close()
                if not (again and self._login.holds):
                    raise
                self._login.forget()
            except BaseException:
                line.close()
                raise
            else:
                return line
        raise AssertionError("unreachable")

    def _enter(self, line: Submission | Mailbox) -> None:
        if self.mode not in TOKENS:
            if self.password or isinstance(line, Mailbox):  # here and there mail is handed in without one, never read
                line.login(self._name, self.password.reveal())
            return
        with Wire() as wire:
            token = self._login.token(wire)
        line.login_by_token(f"user={self._name}\x01auth=Bearer {token}\x01\x01")

    def _threads(self, box: Mailbox) -> Threads:
        return Threads(box, self._patterns()[0])


def _number(subject: str, numbers: re.Pattern[str]) -> str:
    found = numbers.search(subject[:500])
    return next((group for group in found.groups() if group), found[0]) if found else ""


def _bare(subject: str, numbers: re.Pattern[str]) -> str:
    return re.sub(r"^(\s*(re|rv|fw|fwd|aw|wg)\s*:)+", "", numbers.sub("", subject), flags=re.IGNORECASE).strip()


def _demand_address(address: str, name: str) -> str:
    if not re.fullmatch(r"[!-;=?A-~]{1,64}@[A-Za-z0-9.-]{1,200}|[!-;=?A-~]{1,64}@\[[0-9.:a-fA-F]+\]", address):
        raise InvalidField(name, "“{value}” is no mail address", value=address[:80])
    return address
