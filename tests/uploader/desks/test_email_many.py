"""A mailbox with hundreds of conversations with the desk, among the mails of years."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.servers.mail import MailServer
from tests.uploader.desk_suite import FallibleJournal, Killed
from tests.uploader.desks.test_email import answer, desk_at
from tests.uploader.remote_suite import fresh
from uploader.inbox import MOST_TICKETS
from uploader.journal import MemoryJournal
from uploader.mail import message_id
from uploader.ticket import quiet

MANY = MOST_TICKETS + 70


class Mailbox:
    """Ana's, filled behind the server's back: a mail a minute, all of them read."""

    def __init__(self, mail: MailServer) -> None:
        self._home, self._count = mail.folder / "mail" / "ana", 0

    def put(self, folder: str, content: bytes) -> None:
        self._count += 1
        at = self._home / folder / "cur"
        assert at.is_dir()
        come_s = int(time.time()) + 60 * self._count
        place = at / f"{come_s}.M{self._count}.host:2,S"
        place.write_bytes(content)
        os.utime(place, (come_s, come_s))
        shutil.chown(place, "nobody", "nogroup")

    def write(self, number: int) -> str:
        key = message_id(f"20261121-101500-{number:010x}", "ana@desk.test")
        head = f"From: ana@desk.test\r\nTo: soporte@desk.test\r\nSubject: Caso {number}\r\n"
        self.put(".Sent", f"{head}Message-ID: {key}\r\n\r\nNo va\r\n".encode())
        return key


@pytest.fixture
def box(mail: MailServer, tmp_path: Path) -> Mailbox:
    mail.empty()
    desk_at(mail.ports).submit(fresh(tmp_path, attachments=()), MemoryJournal(), quiet)
    mail.deliver("ana@desk.test", b"Subject: Hola\r\n\r\nNada\r\n")  # there is an inbox
    return Mailbox(mail)


def test_of_many_the_newest_come_and_all_that_is_answered_in_a_holiday(mail: MailServer, box: Mailbox) -> None:
    keys = [box.write(number) for number in range(MANY)]
    desk = desk_at(mail.ports)
    first = desk.news("")
    assert first.more
    assert [ticket.subject for ticket in first.tickets][:2] == [f"Caso {MANY - 1}", f"Caso {MANY - 2}"]
    assert len(first.tickets) == MOST_TICKETS
    for key in keys:
        box.put("", answer(key, "Re: Caso", "<p>¿Sigue?</p>"))
    later = desk.news(first.mark)
    assert {ticket.key for ticket in later.tickets} == set(keys)
    assert not later.more
    box.put("", answer(keys[0], "Re: Caso", "<p>¿Y ahora?</p>"))
    assert [ticket.key for ticket in desk.news(later.mark).tickets] == [keys[0]]


def test_a_mail_that_was_sent_is_found_among_all_that_came_since(
    mail: MailServer, box: Mailbox, tmp_path: Path
) -> None:
    desk, before = desk_at(mail.ports), len(list(mail.box("soporte")))
    for die_at in range(1, 9):
        ticket, journal = fresh(tmp_path), FallibleJournal({}, die_at, after=False)
        with pytest.raises(Killed):
            desk.submit(ticket, journal, quiet)
        if len(list(mail.box("soporte"))) > before:
            break
    for number in range(MANY):
        box.write(number)
        box.put("", f"Subject: Otro {number}\r\n\r\nNada\r\n".encode())
    box.put("", answer(message_id(ticket.report_id, "ana@desk.test"), "Re: Caso", "<p>Ya llegó</p>"))
    desk.submit(ticket, FallibleJournal(journal.kept, 0, after=False), quiet)
    assert len(list(mail.box("soporte"))) == before + 1
