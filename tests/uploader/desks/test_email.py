"""E-mail, by a real provider's parts: aiosmtpd takes mail in, Dovecot keeps it and shows it."""

from __future__ import annotations

import dataclasses
import email
import email.policy
import ssl
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.servers.fault_proxy import Fault, TcpProxy
from tests.servers.mail import PASSWORD, MailServer, Microsoft
from tests.servers.oauth import Browser
from tests.uploader.desk_suite import attachment, make_ticket
from tests.uploader.line_suite import LineDeskSuite, LineInboxSuite
from tests.uploader.remote_suite import TalkSuite, fresh
from uploader.desks.email import MailDesk
from uploader.errors import (
    AuthFailed,
    FileRefused,
    Gone,
    InvalidField,
    MaybeSent,
    NoSpace,
    OutcomeUnknown,
    Refused,
    Temporary,
    TooLarge,
    Untrusted,
)
from uploader.journal import MemoryJournal
from uploader.probe import walk
from uploader.remote import it_arrived, send_again
from uploader.setting import Secret
from uploader.ticket import Desk, TicketRef, quiet


@pytest.fixture(autouse=True)
def provider(mail: MailServer, request: pytest.FixtureRequest) -> MailServer:
    mail.empty()
    if request.instance is not None:
        request.instance.mail = mail
    return mail


def desk_at(ports: dict[str, int], **changes: Any) -> MailDesk:
    values: dict[str, Any] = {
        "address": "soporte@desk.test", "server": f"127.0.0.1:{ports['bare']}", "security": "none",
        "imap": f"127.0.0.1:{ports['imap']}", "imap_security": "none", "sender": "ana@desk.test",
        "password": Secret(PASSWORD), "stall_s": 30.0,
    }  # fmt: skip
    return MailDesk(**(values | changes))


def read(content: bytes) -> EmailMessage:
    found = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def answer(key: str, subject: str, html: str = "", files: list[tuple[str, bytes]] | None = None, **heads: str) -> bytes:
    """What an agent's program, or a robot, sends."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Berta Agente <berta@desk.test>", "ana@desk.test", subject
    mail["Message-ID"] = email.utils.make_msgid(domain="desk.test")
    if key:
        mail["In-Reply-To"] = mail["References"] = key
    for name, value in heads.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(html, subtype="html")
    for name, content in files or []:
        mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return mail.as_bytes(policy=email.policy.SMTP)


QUEUED = "250 2.0.0 Ok: queued as 4C1234\r\n"
"""The last word of the server (tests/servers/smtpd.py)."""


class TestMail(LineDeskSuite, TalkSuite, LineInboxSuite):
    asks = True
    submits_on = "bare"
    slack_bytes = 24  # Dovecot tells how long each answer took
    mail: MailServer

    @pytest.fixture
    def ports(self) -> dict[str, int]:
        return {name: self.mail.ports[name] for name in ("bare", "imap")}

    def reach(self, ports: dict[str, int]) -> MailDesk:
        return desk_at(ports)

    def impatient(self, desk: Desk) -> Desk:
        assert isinstance(desk, MailDesk)
        return dataclasses.replace(desk, stall_s=0.3)

    def every(self, desk: Desk) -> list[dict[str, Any]]:
        found = list[dict[str, Any]]()
        for content in self.mail.box("soporte"):
            mail = read(content)
            if "In-Reply-To" in mail:
                continue
            plain = mail.get_body(("plain",))
            assert plain is not None
            files = [(part.get_filename(), part.get_payload(decode=True)) for part in mail.iter_attachments()]
            found.append({
                "id": str(mail["Message-ID"]), "report_id": str(mail["X-Testigo-Report"]), "files": files,
                "subject": str(mail["Subject"]), "text": plain.get_content(),
            })  # fmt: skip
        return found

    def agent_replies(self, key: str, html: str, files: list[tuple[str, bytes]]) -> None:
        self.mail.deliver("ana@desk.test", answer(key, "Re: [#77] Ñandú 🐦 no carga", html, files))

    def agent_solves(self, key: str) -> None:
        self.mail.deliver("ana@desk.test", answer(key, "[#77] Resuelto: Ñandú 🐦 no carga", "<p>Listo</p>"))

    def count_replies(self, key: str) -> int:
        heads = [email.message_from_bytes(content.partition(b"\r\n\r\n")[0]) for content in self.mail.box("soporte")]
        return sum(key in str(head["References"] or "") for head in heads)  # unread bodies: this is asked a lot

    def arrivals(self, key: str) -> int:
        return [read(content)["Message-ID"] for content in self.mail.box("soporte")].count(key)

    def lost_250(
        self, lines: dict[str, TcpProxy], folder: Path, begun: int = 1
    ) -> tuple[MemoryJournal, Any, TicketRef]:  # fmt: skip
        """The server has the mail, and its last answer got lost, all but the bytes that had ``begun`` to come."""
        line = lines["bare"]
        self.through(lines).submit(fresh(folder), MemoryJournal(), quiet)
        ticket, journal = fresh(folder), MemoryJournal()
        line.next(Fault(cut_reply_after_bytes=line.received_bytes - len(QUEUED) + begun))
        with pytest.raises(OutcomeUnknown):
            self.through(lines).submit(ticket, journal, quiet)
        (found,) = [each for each in self.every(self.through(lines)) if each["report_id"] == ticket.report_id]
        return journal, ticket, TicketRef(ticket.report_id, "", found["id"], unconfirmed=True)

    @pytest.mark.parametrize("begun", [0, 1, 2])
    def test_after_a_lost_answer_the_desks_own_word_says_that_it_arrived(
        self, lines: dict[str, TcpProxy], tmp_path: Path, begun: int
    ) -> None:
        journal, ticket, ref = self.lost_250(lines, tmp_path, begun)
        robot = answer(ref.key, "[#91] Recibido", "<p>Gracias</p>", Auto_Submitted="auto-replied")
        self.mail.deliver("ana@desk.test", robot, sender="")
        assert self.through(lines).submit(ticket, journal, quiet) == ref
        assert self.arrivals(ref.key) == 1

    def test_after_a_lost_answer_the_providers_own_copy_says_that_it_arrived(
        self, lines: dict[str, TcpProxy], tmp_path: Path
    ) -> None:
        journal, ticket, ref = self.lost_250(lines, tmp_path)
        sent = next(content for content in self.mail.box("soporte") if ref.key.encode() in content)
        place = self.mail.folder / "mail/ana/.Sent/cur/from-the-provider:2,S"
        place.write_bytes(sent)
        place.chmod(0o644)  # Dovecot reads it as nobody, whatever the umask of this run
        assert self.through(lines).submit(ticket, journal, quiet) == ref
        assert self.arrivals(ref.key) == 1
        place.unlink()

    def test_where_nothing_tells_whether_it_arrived_the_person_is_asked_and_says_that_it_did(
        self, lines: dict[str, TcpProxy], tmp_path: Path
    ) -> None:
        journal, ticket, ref = self.lost_250(lines, tmp_path)
        with pytest.raises(MaybeSent) as question:
            self.through(lines).submit(ticket, journal, quiet)
        it_arrived(journal, question.value.values)
        assert self.through(lines).submit(ticket, journal, quiet) == ref
        assert self.arrivals(ref.key) == 1
        talk = self.through(lines).conversation(ref.key)
        assert ticket.description in talk.replies[0].text, "a copy lies among the sent mails all the same"

    def test_by_the_persons_word_it_goes_again_under_the_same_id(
        self, lines: dict[str, TcpProxy], tmp_path: Path
    ) -> None:
        journal, ticket, ref = self.lost_250(lines, tmp_path)
        with pytest.raises(MaybeSent) as question:
            self.through(lines).submit(ticket, journal, quiet)
        assert self.arrivals(ref.key) == 1
        send_again(journal, question.value.values)
        assert self.through(lines).submit(ticket, journal, quiet) == ref
        both = [content for content in self.mail.box("soporte") if ref.key.encode() in content]
        bodies = {content.partition(b"Message-ID:")[2] for content in both}
        assert (len(both), len(bodies)) == (2, 1)

    def test_that_it_came_back_undelivered_is_an_answer_for_the_person(self, desk: MailDesk, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        report = 'multipart/report; report-type=delivery-status; boundary="x"'
        words = b"--x\r\nContent-Type: text/plain\r\n\r\n<soporte@desk.test>: user unknown\r\n--x--\r\n"
        heads = "From: MAILER-DAEMON@desk.test\r\nSubject: Undelivered\r\nAuto-Submitted: auto-replied\r\n"
        heads += f"References: {ref.key}\r\nMessage-ID: <dsn-1@desk.test>\r\nContent-Type: {report}\r\n\r\n"
        self.mail.deliver("ana@desk.test", heads.encode() + words, sender="")
        last = desk.conversation(ref.key).replies[-1]
        assert (last.mine, last.automatic) == (False, False)
        assert "user unknown" in last.text

    @pytest.mark.parametrize(("priority", "head"), [("high", "high"), ("medium", None), ("low", None)])
    def test_what_is_urgent_says_so_in_every_mail_program(
        self, desk: MailDesk, tmp_path: Path, priority: str, head: str | None
    ) -> None:
        desk.submit(fresh(tmp_path, priority=priority), MemoryJournal(), quiet)
        (content,) = self.mail.box("soporte")
        assert read(content)["Importance"] == head

    def test_a_copy_lies_among_the_sent_mails_once(self, desk: MailDesk, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        copies = [p.read_bytes() for p in (self.mail.folder / "mail/ana/.Sent").glob("*/*")]
        assert [ref.key.encode() in content for content in copies].count(True) == 1

    def test_an_acknowledgement_brings_the_number_and_is_no_answer(self, desk: MailDesk, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        robot = answer(ref.key, "Re: [rt.example.org #4711] Ñandú", "<p>Recibido</p>", Auto_Submitted="auto-replied",
                       Reply_To="x@evil.example")  # fmt: skip
        self.mail.deliver("ana@desk.test", robot, sender="")
        (mine,) = [ticket for ticket in desk.news("").tickets if ticket.key == ref.key]
        assert (mine.id, mine.state) == ("4711", "open")
        talk = desk.conversation(ref.key)
        assert [reply.automatic for reply in talk.replies] == [False, True]
        desk.reply(fresh(tmp_path, reply_to=ref.key, attachments=(), links=()), MemoryJournal(), quiet)
        last = read(list(self.mail.box("soporte"))[-1])
        assert last["To"] == "soporte@desk.test"
        assert last["In-Reply-To"] == ref.key  # not the robot's
        assert "[rt.example.org #4711]" in last["Subject"]
        assert last["Auto-Submitted"] is None

    @pytest.mark.parametrize(
        ("heads", "to"),
        [
            ({}, "soporte@desk.test"),  # the agent's own address would hide it from the desk
            ({"Reply_To": "berta@desk.test"}, "soporte@desk.test"),
            ({"Reply_To": "Mesa <mesa-77@desk.test>"}, "mesa-77@desk.test"),
            ({"Reply_To": "soporte+77@desk.test"}, "soporte+77@desk.test"),
            ({"Reply_To": "x@evil.example"}, "soporte@desk.test"),
        ],
    )
    def test_a_reply_goes_to_the_desk_whoever_answered(
        self, desk: MailDesk, tmp_path: Path, heads: dict[str, str], to: str
    ) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        self.mail.deliver("ana@desk.test", answer(ref.key, "Re: [#77] x", "<p>¿Sigue?</p>", **heads))
        ticket = fresh(tmp_path, reply_to=ref.key, attachments=(), links=())
        desk.reply(ticket, MemoryJournal(), quiet)
        assert self._to(ticket.report_id) == to

    def test_a_reply_goes_to_the_department_that_has_the_ticket(self, desk: MailDesk, tmp_path: Path) -> None:
        routed = dataclasses.replace(desk, departments="claim=reclamos@desk.test")
        ref = routed.submit(fresh(tmp_path), MemoryJournal(), quiet)
        self.mail.deliver("ana@desk.test", answer(ref.key, "Re: [#77] x", "<p>¿Sigue?</p>"))
        ticket = fresh(tmp_path, reply_to=ref.key, attachments=(), links=())
        routed.reply(ticket, MemoryJournal(), quiet)
        assert self._to(ticket.report_id) == "reclamos@desk.test"

    def _to(self, report_id: str) -> str:
        """By the copy among the sent mails."""
        copies = [read(p.read_bytes()) for p in (self.mail.folder / "mail/ana/.Sent").glob("*/*")]
        (found,) = [mail for mail in copies if mail["X-Testigo-Report"] == report_id]
        return str(found["To"])

    def test_an_answer_that_names_only_the_number_belongs_to_it(self, desk: MailDesk, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        self.mail.deliver("ana@desk.test", answer(ref.key, "[#8123] Recibido", Auto_Submitted="auto-replied"))
        self.mail.deliver("ana@desk.test", answer("", "[#8123] Una pregunta", "<p>¿Sigue?</p>"))
        assert "¿Sigue?" in desk.conversation(ref.key).replies[-1].text

    def test_of_a_long_conversation_the_newest_are_shown_and_the_users_own_subject_solves_nothing(
        self, desk: MailDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("uploader.mail_threads.MOST_LETTERS", 2)
        ref = desk.submit(fresh(tmp_path, subject="No quedó resuelto"), MemoryJournal(), quiet)
        for words in ("uno", "dos"):
            self.mail.deliver("ana@desk.test", answer(ref.key, "Re: [#77] No quedó resuelto", f"<p>{words}</p>"))
        (ticket,) = [ticket for ticket in desk.news("").tickets if ticket.key == ref.key]
        assert ticket.state == "open"
        assert [reply.text for reply in desk.conversation(ref.key).replies] == ["uno", "dos"]

    def test_the_answer_to_an_answer_belongs_to_the_same_ticket(self, desk: MailDesk, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        own = desk.reply(fresh(tmp_path, reply_to=ref.key), MemoryJournal(), quiet)
        mark = desk.news("").mark
        self.mail.deliver("ana@desk.test", answer(own, "Re: x", "<p>Ahora sí</p>"))
        assert [ticket.key for ticket in desk.news(mark).tickets] == [ref.key]
        assert [reply.mine for reply in desk.conversation(ref.key).replies] == [True, True, False]

    def test_news_come_by_themselves_while_it_waits(self, desk: MailDesk, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        timer = threading.Timer(1, lambda: self.agent_replies(ref.key, "<p>hola</p>", []))
        timer.start()
        assert desk.wait(30, lambda: False)
        timer.join()
        assert not desk.wait(0.5, lambda: False)
        assert not desk.wait(30, lambda: True)

    def test_somebody_elses_mailbox_is_looked_through_anew(self, desk: MailDesk, tmp_path: Path) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert ref.key in [ticket.key for ticket in desk.news("99.99999.98.99999").tickets]

    @pytest.mark.parametrize(
        "hostile",
        [
            b"Subject: =?utf-8?b?////?= =?no?q?x?=\r\nContent-Type: text/plain; charset=no-such\r\n\r\nhola \xff\xfe",
            b"Subject: x\r\nContent-Type: text/html; charset=\"utf-16\"\r\n\r\n<p>hola</p>",
            b"Subject: x\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n" * 60 + b"\r\nhola",
            b"Subject: x\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: application/x;"
            b" name*0*=utf-8''..%2f; name*1*=..%2fx%00.exe\r\nContent-Transfer-Encoding: base64\r\n\r\n=\xff==\r\n",
            b"Subject: " + b"x" * 9000 + b"\r\nFrom: <<>,,\"\r\nContent-Type: ; ;\r\n\r\nhola",
            b"Subject: x\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nhola",
            b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!aG9sYQ",
            b"Subject: x\r\nContent-Type: text/html\r\n\r\n" + b"<div><b>hola</b>" * 320_000,
        ],
        ids=["charset", "wrong charset", "nested", "names", "heads", "mail in mail", "base64", "5 MB"],
    )  # fmt: skip
    def test_hostile_mail_harms_nothing(self, desk: MailDesk, tmp_path: Path, hostile: bytes) -> None:
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        self.mail.deliver("ana@desk.test", f"In-Reply-To: {ref.key}\r\n".encode() + hostile)
        assert ref.key in [ticket.key for ticket in desk.news("").tickets]
        last = desk.conversation(ref.key).replies[-1]
        assert "<" not in last.text
        assert len(last.text) < 300_000
        for number, file in enumerate(last.files):
            desk.fetch(file, tmp_path / f"file-{number}", quiet)
        assert not {path.name for path in tmp_path.glob("**/*.exe")}


@pytest.mark.parametrize(
    ("departments", "to"),
    [
        ("high=+alta", "soporte+alta@desk.test"),
        ("claim=reclamos@desk.test; high=+alta", "reclamos@desk.test"),
        ("claim=reclamos@desk.test; claim/high=jefe@desk.test", "jefe@desk.test"),
        ("low=+baja", "soporte@desk.test"),
    ],
)
def test_kind_and_priority_choose_the_department(mail: MailServer, tmp_path: Path, departments: str, to: str) -> None:
    ref = desk_at(mail.ports, departments=departments).submit(fresh(tmp_path), MemoryJournal(), quiet)
    box = to.partition("@")[0].partition("+")[0]
    (found,) = [content for content in mail.box(box) if ref.key.encode() in content]
    assert read(found)["Delivered-To"] == to


def test_the_limit_is_the_servers_less_what_the_encoding_costs(mail: MailServer, tmp_path: Path) -> None:
    desk = desk_at(mail.ports)
    most = desk.limits.total_bytes
    assert most is not None and 18_900_000 < most < 19_160_000
    fits = attachment(tmp_path, "fits.bin", bytes(most))
    ref = desk.submit(fresh(tmp_path, attachments=(fits,)), MemoryJournal(), quiet)
    (found,) = [content for content in mail.box("soporte") if ref.key.encode() in content[:1000]]
    (part,) = read(found).iter_attachments()
    assert part.get_payload(decode=True) == bytes(most)


def test_what_is_too_large_goes_as_a_link_and_is_never_sent(mail: MailServer, tmp_path: Path) -> None:
    files = (attachment(tmp_path, "small.bin", b"x"), attachment(tmp_path, "large.bin", bytes(20_000_000)))
    with pytest.raises(FileRefused) as caught:
        desk_at(mail.ports).submit(fresh(tmp_path, attachments=files), MemoryJournal(), quiet)
    assert caught.value.attachment == "large.bin"


def test_the_desks_own_server_takes_less(mail: MailServer, tmp_path: Path) -> None:
    small, files = desk_at(mail.ports, address="small@desk.test"), (attachment(tmp_path, "a.bin", bytes(200_000)),)
    journal = MemoryJournal()
    with pytest.raises(FileRefused, match=r"a\.bin"):
        small.submit(fresh(tmp_path, attachments=files), journal, quiet)
    with pytest.raises(TooLarge):
        small.submit(fresh(tmp_path, description="x" * 200_000, attachments=()), MemoryJournal(), quiet)
    assert desk_at(mail.ports, largest_mb=1.0).limits.total_bytes < 600_000  # type: ignore[operator]


@pytest.mark.parametrize(
    ("to", "error"),
    [("nobody", InvalidField), ("full", NoSpace), ("spam", Refused)],
)
def test_a_refusal_is_told_in_the_servers_words(
    mail: MailServer, tmp_path: Path, to: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        desk_at(mail.ports, address=f"{to}@desk.test").submit(fresh(tmp_path), MemoryJournal(), quiet)


def test_a_greylisted_mail_goes_later(mail: MailServer, tmp_path: Path) -> None:
    desk, ticket, journal = desk_at(mail.ports, address="greylist@desk.test"), fresh(tmp_path), MemoryJournal()
    with pytest.raises(Temporary, match="450"):
        desk.submit(ticket, journal, quiet)
    ref = desk.submit(ticket, journal, quiet)
    assert [ref.key.encode() in content for content in mail.box("greylist")] == [True]


def names(desk: MailDesk) -> list[str]:
    """The steps of the way, those that fail with a "no"."""
    return [step.name if step.ok else f"no {step.name}" for step in walk(desk.doors, desk.check)]


@pytest.mark.parametrize(("security", "out", "back"), [("STARTTLS", "starttls", "imap"), ("TLS", "tls", "imaps")])
class TestEncrypted:
    def at(self, mail: MailServer, security: str, out: str, back: str, **changes: Any) -> MailDesk:
        return desk_at(mail.ports, security=security, imap_security=security, **{
            "server": f"127.0.0.1:{mail.ports[out]}", "imap": f"127.0.0.1:{mail.ports[back]}"} | changes)  # fmt: skip

    def test_a_certificate_that_the_system_trusts(
        self, mail: MailServer, security: str, out: str, back: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            "uploader.connections.trust", lambda: ssl.create_default_context(cafile=str(mail.certificate))
        )
        desk = self.at(mail, security, out, back)
        desk.check()
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert desk.conversation(ref.key).replies[0].mine

    def test_the_way_is_walked_step_by_step_to_both_servers(
        self, mail: MailServer, security: str, out: str, back: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trust = ssl.create_default_context(cafile=str(mail.certificate))
        monkeypatch.setattr("uploader.connections.trust", lambda: trust)
        desk = self.at(mail, security, out, back)
        assert names(desk) == ["dns", "connection", "certificate"] * 2 + ["login"]
        assert names(dataclasses.replace(desk, password=Secret("wrong"))) == [
            *["dns", "connection", "certificate"] * 2, "no login"]  # fmt: skip
        closed = dataclasses.replace(desk, imap="127.0.0.1:1")
        assert names(closed) == ["dns", "connection", "certificate", "dns", "no connection"]
        assert names(dataclasses.replace(desk, server="mail.mesa.invalid:25")) == ["no dns"]
        assert names(dataclasses.replace(desk, server="no server")) == ["no settings"]

    def test_the_step_of_a_certificate_that_is_not_trusted_fails_and_names_its_maker(
        self, mail: MailServer, security: str, out: str, back: str
    ) -> None:
        desk = self.at(mail, security, out, back)
        steps = list(walk(desk.doors, desk.check))
        assert [step.name for step in steps] == ["dns", "connection", "certificate"]
        assert not steps[-1].ok
        assert "?" not in dict(steps[-1].values).values()
        assert dict(steps[-1].values).get("issuer") or "does not say who" in steps[-1].text

    def test_one_that_it_does_not_trust_gets_no_password(
        self, mail: MailServer, security: str, out: str, back: str, tmp_path: Path
    ) -> None:
        with pytest.raises(Untrusted):
            self.at(mail, security, out, back).check()
        with pytest.raises(Untrusted):
            desk_at(mail.ports, imap=f"127.0.0.1:{mail.ports[back]}", imap_security=security).news("")

    def test_a_token_from_the_browser_lets_in(
        self, mail: MailServer, security: str, out: str, back: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            "uploader.connections.trust", lambda: ssl.create_default_context(cafile=str(mail.certificate))
        )
        urls = (f"{mail.tokens.url}/authorize", f"{mail.tokens.url}/token")
        values = {"password": Secret(""), "mode": "google", "client_id": "client-1", "login_urls": urls}
        given = self.at(mail, security, out, back, **values).sign_in(Browser().open)
        desk = self.at(mail, security, out, back, **values, refresh_token=Secret(given["refresh_token"]))
        desk.check()
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert desk.conversation(ref.key).replies[0].mine
        mail.tokens.provider.access.clear()
        desk.check()  # with a new token


class TestByMicrosoft:
    """Outlook and Microsoft 365: the sign-in of the browser opens both ways of the mail, and password there is none."""

    @pytest.fixture
    def microsoft(self, mail: MailServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Microsoft]:
        trust = ssl.create_default_context(cafile=str(mail.certificate))
        monkeypatch.setattr("uploader.connections.trust", lambda: trust)
        found = mail.tokens.microsoft
        found.provider.refreshed = 0
        yield found
        found.provider.declines = False
        found.provider.revoke_all()

    def at(self, mail: MailServer, refresh: Secret | None = None) -> MailDesk:
        place = f"{mail.tokens.microsoft.url}/organizations/oauth2/v2.0"
        return desk_at(
            mail.ports, server=f"127.0.0.1:{mail.ports['starttls']}", security="STARTTLS", imap_security="TLS",
            imap=f"127.0.0.1:{mail.ports['imaps']}", password=Secret(""), mode="microsoft", client_id="client-1",
            login_urls=(f"{place}/authorize", f"{place}/token"), refresh_token=refresh or Secret(""),
        )  # fmt: skip

    def test_a_report_goes_out_and_its_answer_is_read(
        self, mail: MailServer, microsoft: Microsoft, tmp_path: Path
    ) -> None:
        given = self.at(mail).sign_in(Browser().open)
        desk = self.at(mail, Secret(given["refresh_token"]))
        desk.check()
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        mail.deliver("ana@desk.test", answer(ref.key, "Re: x", "<p>¿Sigue?</p>"))
        assert "¿Sigue?" in desk.conversation(ref.key).replies[-1].text
        assert microsoft.provider.refreshed == 1, "one token is enough for both ways"

    def test_each_sign_in_that_comes_is_kept_because_the_old_one_ends(
        self, mail: MailServer, microsoft: Microsoft
    ) -> None:
        kept = list[str]()
        desk = self.at(mail, Secret(microsoft.provider.sign_in(), lambda new: kept.append(new.reveal())))
        desk.check()
        microsoft.provider.access.clear()
        desk.check()
        assert microsoft.provider.refresh == {kept[-1]}
        self.at(mail, Secret(kept[-1])).check()

    def test_a_token_that_ends_in_mid_air_is_renewed_and_the_report_is_there_once(
        self, mail: MailServer, microsoft: Microsoft, tmp_path: Path
    ) -> None:
        desk = self.at(mail, Secret(microsoft.provider.sign_in()))
        desk.check()
        microsoft.provider.access.clear()
        ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
        assert [ref.key.encode() in content for content in mail.box("soporte")] == [True]
        assert microsoft.provider.refreshed == 2

    def test_a_sign_in_that_was_taken_back_is_told_and_after_a_new_one_the_same_report_goes_once(
        self, mail: MailServer, microsoft: Microsoft, tmp_path: Path
    ) -> None:
        desk, ticket, journal = self.at(mail, Secret(microsoft.provider.sign_in())), fresh(tmp_path), MemoryJournal()
        desk.check()
        microsoft.provider.revoke_all()
        with pytest.raises(AuthFailed, match="sign in again"):
            desk.submit(ticket, journal, quiet)
        assert list(mail.box("soporte")) == []
        ref = self.at(mail, Secret(microsoft.provider.sign_in())).submit(ticket, journal, quiet)
        assert [ref.key.encode() in content for content in mail.box("soporte")] == [True]

    def test_a_token_of_somebody_else_lets_nobody_in_and_is_asked_for_again_once(
        self, mail: MailServer, microsoft: Microsoft
    ) -> None:
        desk = dataclasses.replace(self.at(mail, Secret(microsoft.provider.sign_in())), user="berta@desk.test")
        with pytest.raises(AuthFailed):
            desk.check()
        assert microsoft.provider.refreshed == 2

    def test_a_user_who_declines_is_told_so(self, mail: MailServer, microsoft: Microsoft) -> None:
        microsoft.provider.declines = True
        with pytest.raises(Refused, match="access_denied"):
            self.at(mail).sign_in(Browser().open)

    def test_nobody_has_signed_in_yet(self, mail: MailServer, microsoft: Microsoft) -> None:
        with pytest.raises(AuthFailed, match="signed in"):
            self.at(mail).check()

    def test_the_login_page_is_the_tenants_own(self, mail: MailServer) -> None:
        client = dataclasses.replace(desk_at(mail.ports, mode="microsoft", tenant="contoso.com")).client()
        assert client.authorize_url == "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/authorize"


def test_a_server_that_offers_no_encryption_gets_no_password(mail: MailServer) -> None:
    desk = desk_at(mail.ports, security="STARTTLS")
    with pytest.raises(Refused, match="offers no encryption"):
        desk.check()
    assert names(desk) == ["dns", "connection", "no certificate"]


def test_mail_in_the_clear_goes_to_this_machine_alone(mail: MailServer) -> None:
    with pytest.raises(InvalidField, match="encryption"):
        desk_at(mail.ports, server="mail.example.org").check()


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"server": "not a server"}, "server"),
        ({"sender": "ana@desk.test\r\nBcc: x@y"}, "sender"),
        ({"address": "soporte"}, "address"),
        ({"departments": "high=a b@c"}, "departments"),
        ({"departments": "high"}, "departments"),
        ({"numbers": "("}, "numbers"),
    ],
)
def test_a_wrong_setting_is_named(mail: MailServer, tmp_path: Path, changes: dict[str, str], name: str) -> None:
    with pytest.raises(InvalidField) as caught:
        desk = desk_at(mail.ports, **changes)
        desk.submit(make_ticket(tmp_path), MemoryJournal(), quiet)
        desk.check()
    assert caught.value.name == name


def test_without_incoming_mail_it_is_sent_and_nothing_is_read(mail: MailServer, tmp_path: Path) -> None:
    desk = desk_at(mail.ports, imap="")
    ref = desk.submit(fresh(tmp_path), MemoryJournal(), quiet)
    assert ref.unconfirmed
    assert desk.news("x").mark == "x"
    with pytest.raises(InvalidField, match="incoming"):
        desk.conversation(ref.key)


def test_a_conversation_that_is_not_there_is_told(mail: MailServer) -> None:
    with pytest.raises(Gone):
        desk_at(mail.ports).conversation("<20260101-000000-0000000000.testigo@desk.test>")


def test_no_port_of_a_provider_gives_a_secret_away(mail: MailServer) -> None:
    desk = dataclasses.replace(desk_at(mail.ports), password=Secret("wrong"))
    with pytest.raises(AuthFailed) as caught:
        desk.check()
    assert "wrong" not in str(caught.value)


def test_mail_is_not_read_without_a_password_and_nobody_is_asked_in_vain(mail: MailServer) -> None:
    with pytest.raises(AuthFailed):
        desk_at(mail.ports, password=Secret("")).news("")
