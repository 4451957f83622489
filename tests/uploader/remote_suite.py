"""What every desk must survive that is reached over a network, with a bad line in front of its server."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.servers.fault_proxy import LOGIN_PAGE, LOGIN_REDIRECT, Answer, Fault, FaultProxy, Request
from tests.servers.line import Proxy
from tests.uploader.desk_suite import (
    DeskSuite,
    FallibleJournal,
    Killed,
    attachment,
    contents,
    make_ticket,
    with_patience,
)
from uploader.body import apart
from uploader.errors import (
    AuthFailed,
    FileRefused,
    Intercepted,
    MaybeSent,
    OutcomeUnknown,
    Refused,
    Temporary,
    Unreachable,
    UploaderError,
)
from uploader.inbox import Inbox
from uploader.journal import Journal, MemoryJournal
from uploader.remote import it_arrived, send_again
from uploader.setting import Secret, settings_of
from uploader.ticket import Desk, Link, SharedFile, Ticket, TicketRef, quiet

HTML_200 = Answer(200, {"Content-Type": "text/html"}, b"<!doctype html><title>Wartung</title><h1>Gleich zur\xc3\xbcck")
FAULTS = {
    "the reply is lost": Fault(drop_reply=True),
    "the request is cut": Fault(cut_request_after_bytes=40),
    "the reply is cut": Fault(cut_reply_after_bytes=5),
    "503": Fault(answer=Answer(503, {"Retry-After": "0"}, b"busy")),
    "500 after it was done": Fault(instead=Answer(500, {}, b"oops")),
    "a login page after it was done": Fault(instead=LOGIN_PAGE),
    "429": Fault(answer=Answer(429, {"Retry-After": "0", "Content-Type": "text/plain"}, b"slow down")),
    "HTML instead of data": Fault(answer=HTML_200),
    "a captive portal": Fault(answer=LOGIN_PAGE),
    "a redirect to a login page": Fault(answer=LOGIN_REDIRECT),
    "slow": Fault(bytes_per_s=200_000, delay_s=0.05),
}


def trials(asked: Sequence[Request], faults: Mapping[str, Fault]) -> Iterator[tuple[str, Fault, int]]:
    """Every fault at every request of ``asked`` to which it does something: a request without a body cannot be cut in
    it. With its name and the number of the request."""
    for name, fault in faults.items():
        could = [n for n, request in enumerate(asked) if fault.can_strike(request.body_bytes, request.reply_bytes)]
        assert could, f"“{name}” does nothing to any request"
        for number in could:
            yield f"{name}, request {number + 1} of {len(asked)}", fault, number


@contextmanager
def striking(proxy: Proxy, fault: Fault, number: int = 0, where: str = "") -> Iterator[None]:
    """``fault`` at the request of this number (or the next connection) of what is done meanwhile, which must see it."""
    before = proxy.struck
    proxy.next(fault, skip=number)
    yield
    assert proxy.waiting == 0, f"{where}: there was no such request"
    assert proxy.struck > before, f"{where}: nothing went wrong"


def the_person_decides(through: Desk, proxy: FaultProxy, folder: Path, held: Callable[[], int], **changes: Any) -> None:
    """A lost answer that nobody can be asked about: nothing goes again by itself; the person's two answers are taken.

    ``held``: how many reports the service has.
    """
    begun = held()
    for said, count in (("it arrived", begun + 1), ("again", begun + 3)):
        ticket, journal = fresh(folder, **changes), MemoryJournal()
        proxy.next(Fault(drop_reply=True), lambda method, path: method == "POST")
        with pytest.raises(OutcomeUnknown):
            through.submit(ticket, journal, quiet)
        for _ in range(3):
            with pytest.raises(MaybeSent, match="got lost") as question:  # what the outbox tries by itself
                through.submit(ticket, journal, quiet)
        assert held() == (begun + 1 if said == "it arrived" else begun + 2)
        (it_arrived if said == "it arrived" else send_again)(journal, question.value.values)
        answer = through.submit(ticket, journal, quiet)
        assert held() == count
        assert said == "again" or (answer.unconfirmed and answer.id == ticket.report_id)
        assert through.submit(ticket, journal, quiet) == answer


class FarDeskSuite(DeskSuite):
    """What holds whatever is spoken on the way. Subclasses give ``desk`` by way of ``begin``, and ``every(desk)``: all
    tickets that the service holds, as ``DeskSuite.tickets`` wants them."""

    def every(self, desk: Desk) -> list[dict[str, Any]]:
        raise NotImplementedError

    def tickets(self, desk: Desk) -> list[dict[str, Any]]:
        return [ticket for ticket in self.every(desk) if ticket["id"] not in self._before]

    def begin(self, desk: Desk) -> Desk:
        """What the service holds now is none of this test's."""
        self._before = {ticket["id"] for ticket in self.every(desk)}
        return desk

    def test_a_wrong_password_is_named_as_such(self, desk: Desk, tmp_path: Path) -> None:
        secret = [part.name for part in settings_of(type(desk)) if part.kind == "secret"]
        if not secret:  # it lets everybody in
            desk.check()
            return
        with pytest.raises(AuthFailed):
            self.refused(desk).submit(make_ticket(tmp_path), MemoryJournal(), quiet)
        with pytest.raises(AuthFailed):
            self.refused(desk).check()
        assert self.tickets(desk) == []

    def refused(self, desk: Desk) -> Desk:
        """The same desk with a secret that does not hold."""
        import dataclasses

        wrong = {part.name: Secret("wrong-secret-000") for part in settings_of(type(desk)) if part.kind == "secret"}
        return dataclasses.replace(desk, **wrong)  # type: ignore[type-var]

    def test_no_secret_is_logged_or_told(self, desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.DEBUG):
            desk.submit(make_ticket(tmp_path), MemoryJournal(), quiet)
            try:
                self.refused(desk).check()
            except UploaderError as error:
                said = f"{error} {error.values}"
            else:
                said = ""
        said += " ".join(record.getMessage() for record in caplog.records)
        for part in settings_of(type(desk)):
            if part.kind == "secret" and (secret := getattr(desk, part.name)):
                assert secret.reveal() not in said
                assert "wrong-secret-000" not in said


class RemoteDeskSuite(FarDeskSuite):
    """Subclasses give ``server_url`` (a fixture), and ``at(url)``: the desk reached under that address."""

    faults: ClassVar[dict[str, Fault]] = FAULTS
    own_faults: ClassVar[dict[str, Fault]] = {}
    """A failure that this service alone has: 200 with an error inside, for example."""
    signed_out: ClassVar[Answer] = Answer(401, {"Content-Type": "application/json"}, b"{}")
    """What the service says to a token that has been revoked."""
    hotels: ClassVar[tuple[Answer, ...]] = (LOGIN_PAGE, LOGIN_REDIRECT)
    checked_in_a_hotel: ClassVar[type[UploaderError]] = Intercepted
    """What ``check`` says where a network answers that wants people to sign in."""
    needless: ClassVar[int] = 0
    """How many of the last requests of a delivery come when all is done: a session that is ended, for example."""

    def at(self, url: str) -> Desk:
        raise NotImplementedError

    @pytest.fixture
    def desk(self, server_url: str) -> Desk:
        return self.begin(self.at(server_url))

    @pytest.fixture
    def proxy(self, server_url: str, fault_proxy: Callable[[str], FaultProxy]) -> FaultProxy:
        return fault_proxy(server_url)

    @pytest.mark.timeout(600)
    def test_whatever_happens_to_any_one_request_there_is_one_ticket_with_every_file(
        self, desk: Desk, proxy: FaultProxy, tmp_path: Path, subtests: Any
    ) -> None:
        self.at(proxy.url).submit(fresh(tmp_path), MemoryJournal(), quiet)
        asked, sent = proxy.requests, list[tuple[str, Ticket, TicketRef]]()
        for where, fault, number in trials(asked, {**self.faults, **self.own_faults}):
            ticket, journal = fresh(tmp_path), MemoryJournal()
            with striking(proxy, fault, number, where):
                sent.append((where, ticket, self.persist(self.at(proxy.url), ticket, journal)))
        held = self.tickets(desk)
        assert len(held) == len(sent) + 1
        for where, ticket, answer in sent:
            with subtests.test(where):
                (found,) = [each for each in held if each["report_id"] == ticket.report_id]
                assert self.leads_to(answer, found)
                assert sorted(content for _, content in found["files"]) == contents(ticket)

    @pytest.mark.timeout(300)
    def test_a_login_that_ends_at_any_request_is_told_and_once_it_is_renewed_there_is_one_ticket(
        self, desk: Desk, proxy: FaultProxy, tmp_path: Path, subtests: Any
    ) -> None:
        self.at(proxy.url).submit(fresh(tmp_path), MemoryJournal(), quiet)
        sent = list[Ticket]()
        for number in range(len(proxy.requests) - self.needless):
            ticket, journal = fresh(tmp_path), FallibleJournal({}, 0, after=True)
            proxy.next(Fault(answer=self.signed_out), times=None, skip=number)
            with subtests.test(f"from request {number + 1} on"), pytest.raises(AuthFailed):
                self.at(proxy.url).submit(ticket, journal, quiet)
            proxy.heal()
            self.at(proxy.url).submit(ticket, FallibleJournal(journal.kept, 0, after=True), quiet)
            sent.append(ticket)
        held = self.tickets(desk)
        assert len(held) == len(sent) + 1
        for ticket in sent:
            (found,) = [each for each in held if each["report_id"] == ticket.report_id]
            assert sorted(content for _, content in found["files"]) == contents(ticket)

    def test_a_network_that_wants_people_to_sign_in_is_told_as_such_and_then_there_is_one_ticket(
        self, desk: Desk, proxy: FaultProxy, tmp_path: Path
    ) -> None:
        for page in self.hotels:
            self._in_a_hotel(self.at(proxy.url), proxy, fresh(tmp_path), page)
        assert len(self.tickets(desk)) == len(self.hotels)

    def _in_a_hotel(self, through: Desk, proxy: FaultProxy, ticket: Ticket, page: Answer) -> None:
        journal = MemoryJournal()
        proxy.next(Fault(answer=page), times=None)
        with pytest.raises(self.checked_in_a_hotel):
            through.check()
        for told in ("sign in", "sign in|got lost" if self.asks else "sign in"):
            with pytest.raises((Intercepted, OutcomeUnknown, MaybeSent), match=told):  # who creates first cannot know
                through.submit(ticket, journal, quiet)
        proxy.heal()
        assert self.persist(through, ticket, journal).id

    def test_a_wish_to_wait_an_hour_is_passed_on_and_not_slept_through(self, proxy: FaultProxy, tmp_path: Path) -> None:
        busy = Fault(answer=Answer(429, {"Retry-After": "3600"}))
        proxy.next(busy, lambda method, path: True, times=None)
        with pytest.raises(Temporary) as caught:
            self.at(proxy.url).submit(make_ticket(tmp_path), MemoryJournal(), quiet)
        assert caught.value.retry_after_s == 3600

    def test_nobody_there_is_told_and_nothing_is_lost(self, desk: Desk, proxy: FaultProxy, tmp_path: Path) -> None:
        through, ticket, journal = self.at(proxy.url), fresh(tmp_path), MemoryJournal()
        proxy.next(Fault(answer=Answer(503)), lambda method, path: True, times=None)
        with pytest.raises(Temporary):
            through.submit(ticket, journal, quiet)
        with pytest.raises(Temporary):
            through.check()
        proxy.heal()
        self.persist(through, ticket, journal)
        assert len(self.tickets(desk)) == 1
        proxy.down()
        with pytest.raises(Unreachable):
            through.submit(fresh(tmp_path), MemoryJournal(), quiet)
        with pytest.raises(Unreachable):
            through.check()


def fresh(folder: Path, **changes: Any) -> Ticket:
    """A ticket of its own, as every report is."""
    return make_ticket(folder, report_id=f"20261121-101500-{secrets.token_hex(5)}", **changes)


class InOnePieceSuite:
    """Where text and files go in one request. Beside a ``RemoteDeskSuite``."""

    def test_of_what_is_too_large_together_the_largest_goes_as_a_link_once(
        self, desk: Desk, proxy: FaultProxy, tmp_path: Path
    ) -> None:
        ticket, journal, through = fresh(tmp_path), MemoryJournal(), self.at(proxy.url)  # type: ignore[attr-defined]
        large, small = ticket.attachments
        proxy.next(Fault(answer=Answer(413)), lambda method, path: method == "POST")
        with pytest.raises(FileRefused) as caught:
            through.submit(ticket, journal, quiet)
        assert caught.value.attachment == large.name
        link = SharedFile(large.name, large.size_bytes, "", large.sha256, Link("https://files.example.org/L"))
        for _ in range(2):
            through.submit(replace(ticket, attachments=(small,), links=(*ticket.links, link)), journal, quiet)
        (held,) = self.tickets(desk)  # type: ignore[attr-defined]
        assert held["text"].count(link.link.url) == 1
        assert len(held["files"]) == 1


def goes_as_a_link_once(through: Desk, ticket: Ticket, journal: Journal) -> None:
    """The desk refuses a file once the ticket is there: with a link in its place it is told in the ticket."""
    with pytest.raises(FileRefused) as caught:
        through.submit(ticket, journal, quiet)
    large = next(file for file in ticket.attachments if file.name == caught.value.attachment)
    link = SharedFile(large.name, large.size_bytes, "", large.sha256, Link("https://files.example.org/L"))
    others = tuple(file for file in ticket.attachments if file is not large)
    for _ in range(2):
        ref = through.submit(replace(ticket, attachments=others, links=(*ticket.links, link)), journal, quiet)
    assert isinstance(through, Inbox)
    told = [reply.text for reply in through.conversation(ref.key or ref.id).replies]
    assert sum(link.link.url in text for text in told) == 1


class AfterwardsSuite:
    """Where files, or a look at them, follow when the ticket is made. Beside an ``InboxSuite``."""

    follows: ClassVar[str]
    """What stands in the address of the first such request."""

    def test_a_link_that_ended_before_all_had_arrived_is_told_anew_once(
        self, desk: Desk, proxy: FaultProxy, tmp_path: Path
    ) -> None:
        self.link_ends(desk, proxy, tmp_path, made=True)

    def link_ends(self, desk: Desk, proxy: FaultProxy, tmp_path: Path, *, made: bool) -> None:
        """``made``: the ticket was, before the link's end."""
        ticket, journal, through = fresh(tmp_path), MemoryJournal(), self.at(proxy.url)  # type: ignore[attr-defined]
        proxy.next(Fault(answer=Answer(503)), lambda method, path: self.follows in path or not made)
        with pytest.raises(Temporary):
            through.submit(ticket, journal, quiet)
        assert len(self.tickets(desk)) == made  # type: ignore[attr-defined]
        new = replace(ticket, links=(replace(ticket.links[0], link=Link("https://files.example.org/new")),))
        for _ in range(2):
            ref = through.submit(new, journal, quiet)
        assert isinstance(desk, Inbox)
        words = "\n".join(reply.text for reply in desk.conversation(ref.key or ref.id).replies)
        assert [words.count(each.links[0].link.url) for each in (ticket, new)] == [made, 1]


class ByAddressSuite:
    """Where one's own tickets are looked for by one's mail address. Beside a ``RemoteDeskSuite``."""

    def test_a_lost_one_is_found_though_the_address_was_put_right_since(
        self, desk: Desk, proxy: FaultProxy, tmp_path: Path
    ) -> None:
        through, journal = self.at(proxy.url, mail=""), MemoryJournal()  # type: ignore[attr-defined]
        proxy.next(Fault(drop_reply=True), lambda method, path: method == "POST")
        with pytest.raises(OutcomeUnknown):
            through.submit(fresh(tmp_path, requester="Lucía <lucia@exmaple.org>"), journal, quiet)
        asked = fresh(tmp_path, requester="Lucía <lucia@example.org>")
        (held,) = self.every(desk)  # type: ignore[attr-defined]
        through.submit(replace(asked, report_id=str(held["report_id"])), journal, quiet)
        assert len(self.every(desk)) == 1  # type: ignore[attr-defined]


class TalkSuite:
    """What every way back must do, whatever is spoken on the way. Subclasses give what an agent can do."""

    dying: ClassVar[tuple[bool, ...]] = (False, True)
    """As in ``DeskSuite``, which comes first."""

    priorities_told: ClassVar[tuple[str, ...]] = ("high", "")
    """Ours, or none; the desk's own word only where nobody but its administrator knows what it means."""

    def agent_replies(self, key: str, html: str, files: list[tuple[str, bytes]]) -> None:
        raise NotImplementedError

    def agent_solves(self, key: str) -> None:
        raise NotImplementedError

    told_names: ClassVar[dict[str, str]] = {}
    """Names of an agent's files that the service itself spoils."""
    reopens_solved: ClassVar[bool] = True
    """False: users reopen what they have closed themselves, not what an agent has."""
    best_rating: ClassVar[object] = 5
    """How the service writes five stars."""

    def ratings(self, key: str) -> list[tuple[object, str]]:
        """What the service holds as ratings of a ticket: each with its comment. For those that take some."""
        raise NotImplementedError

    def count_replies(self, key: str) -> int:
        """How many messages the service holds for a ticket, the first one not counted."""
        raise NotImplementedError

    def sent(self, desk: Desk, folder: Path, **changes: Any) -> TicketRef:
        return desk.submit(fresh(folder, **changes), MemoryJournal(), quiet)

    def answer(self, folder: Path, key: str, words: str) -> Ticket:
        files = (attachment(folder, "otra.png", b"\x89PNG other", "image/png"),)
        return fresh(folder, description=words, links=(), reply_to=key, attachments=files)

    def persist_reply(self, desk: Inbox, answer: Ticket, journal: Journal, count: int) -> None:
        """``count``: how many replies there are when it has arrived."""
        suite: Any = self  # a ``DeskSuite`` too

        def arrived() -> bool:
            return self.count_replies(answer.reply_to) >= count

        with_patience(lambda: desk.reply(answer, journal, quiet), journal, arrived if suite.asks else None)

    def test_a_reply_that_is_killed_at_any_journal_write_and_resumed_is_there_once(
        self, desk: Desk, tmp_path: Path
    ) -> None:
        assert isinstance(desk, Inbox)
        key = (ref := self.sent(desk, tmp_path, attachments=())).key or ref.id
        sent, before = list[str](), self.count_replies(key)
        for after in self.dying:
            begun = len(sent)
            for die_at in range(1, 40):
                sent.append(f"Sigue igual, intento número {len(sent):02}.")
                answer, journal = self.answer(tmp_path, key, sent[-1]), FallibleJournal({}, die_at, after=after)
                try:
                    desk.reply(answer, journal, quiet)
                    break
                except Killed:
                    resumed = FallibleJournal(journal.kept, 0, after=after)
                    self.persist_reply(desk, answer, resumed, before + len(sent))
            assert len(sent) > begun + 2, "a reply writes no journal"
        assert self.count_replies(key) == before + len(sent)
        talk = desk.conversation(key)
        for words in sent:
            assert sum(words in reply.text for reply in talk.replies) == 1, words
        names = [file.name for reply in talk.replies for file in reply.files]
        assert names == ["otra.png"] * len(sent)

    def test_an_agents_answer_is_news_once(self, desk: Desk, tmp_path: Path) -> None:
        assert isinstance(desk, Inbox)
        ref = self.sent(desk, tmp_path)
        key, first = ref.key or ref.id, desk.news("")
        (mine,) = [ticket for ticket in first.tickets if ticket.key == key]
        assert mine.subject == "Ñandú 🐦 no carga"
        assert mine.state == "open"
        assert mine.priority in self.priorities_told
        assert mine.updated_at.tzinfo is not None
        before = desk.conversation(key)
        self.agent_replies(key, "<p>Hola <b>Ana</b>, ¿qué versión?</p>", [])
        again = desk.news(first.mark)
        assert key in [ticket.key for ticket in again.tickets]
        after = desk.conversation(key)
        (new,) = [reply for reply in after.replies if reply.key not in {old.key for old in before.replies}]
        assert "Hola" in new.text
        assert "Ana" in new.text
        assert "¿qué versión?" in new.text
        assert not new.mine
        assert desk.news(again.mark).mark == again.mark

    def test_what_the_user_wrote_stands_at_the_beginning(self, desk: Desk, tmp_path: Path) -> None:
        assert isinstance(desk, Inbox)
        ref = self.sent(desk, tmp_path)
        talk = desk.conversation(ref.key or ref.id)
        assert talk.ticket.key == (ref.key or ref.id)
        said, carried = apart(talk.replies[0].text)
        assert said.endswith("Línea uno\nLínea <dos> & tres")
        assert "Testigo " not in said
        assert "ab" * 32 in carried
        assert "Centro" in carried
        assert talk.replies[0].mine

    @pytest.mark.parametrize("name", ["../../x.txt", "captura ñ.png"])
    def test_a_file_of_an_agent_comes_byte_for_byte(self, desk: Desk, tmp_path: Path, name: str) -> None:
        assert isinstance(desk, Inbox)
        ref, content = self.sent(desk, tmp_path), bytes(range(256)) * 100
        self.agent_replies(ref.key or ref.id, "<p>mira</p>", [(name, content)])
        (file,) = desk.conversation(ref.key or ref.id).replies[-1].files
        # Some services take a path away or write it otherwise; what is left is cleaned where it touches a disk.
        assert file.name == self.told_names.get(name, name) if "/" not in name else file.name.endswith("x.txt"), (
            file.name
        )
        desk.fetch(file, tmp_path / "fetched", quiet)
        assert (tmp_path / "fetched").read_bytes() == content

    def test_hostile_html_is_text(self, desk: Desk, tmp_path: Path) -> None:
        assert isinstance(desk, Inbox)
        ref = self.sent(desk, tmp_path)
        self.agent_replies(
            ref.key or ref.id, "<script>alert(1)</script><img src=x onerror=alert(2)><p>hola</p><!--" + "x" * 9000, []
        )
        text = desk.conversation(ref.key or ref.id).replies[-1].text
        assert "alert(1)" not in text
        assert "<" not in text
        assert "hola" in text

    def test_solved_by_the_agent_it_says_so(self, desk: Desk, tmp_path: Path) -> None:
        assert isinstance(desk, Inbox)
        ref = self.sent(desk, tmp_path)
        self.agent_solves(ref.key or ref.id)
        (mine,) = [ticket for ticket in desk.news("").tickets if ticket.key == (ref.key or ref.id)]
        assert mine.state in ("solved", "closed")

    def test_what_the_desk_lets_users_do_can_be_done(self, desk: Desk, tmp_path: Path) -> None:
        assert isinstance(desk, Inbox)
        ref = self.sent(desk, tmp_path)
        key = ref.key or ref.id
        if desk.inbox.solves:
            desk.solve(key)
            desk.solve(key)
            assert desk.conversation(key).ticket.state in ("solved", "closed")
        else:
            with pytest.raises(Refused):
                desk.solve(key)
        self.agent_solves(key)
        reopens = desk.inbox.reopens and self.reopens_solved
        assert ("reopen" in desk.conversation(key).ticket.may) is reopens
        if reopens:
            desk.reopen(key)
            assert desk.conversation(key).ticket.state == "open"
        if desk.inbox.rating:
            self.agent_solves(key)
            assert self.ratings(key) == []
            desk.rate(key, 5, "muy bien")
            desk.rate(key, 5, "muy bien")
            assert self.ratings(key) == [(self.best_rating, "muy bien")]


class InboxSuite(TalkSuite):
    """Subclasses of a ``RemoteDeskSuite`` also inherit this one."""

    @pytest.mark.timeout(600)
    def test_a_reply_arrives_once_whatever_happens_to_any_one_request(
        self, desk: Desk, proxy: FaultProxy, tmp_path: Path, subtests: Any
    ) -> None:
        ref = self.sent(desk, tmp_path)
        key = ref.key or ref.id
        begin = before = self.count_replies(key)

        def send(words: str) -> None:
            through = self.at(proxy.url)  # type: ignore[attr-defined]
            self.persist_reply(through, self.answer(tmp_path, key, words), MemoryJournal(), before + 1)

        send("Sigue igual")
        before += 1
        for where, fault, number in trials(proxy.requests, self.faults):  # type: ignore[attr-defined]
            with striking(proxy, fault, number, where):
                send(f"Sigue igual ({where})")
            before += 1
            with subtests.test(where):
                assert self.count_replies(key) == before
        talk = desk.conversation(key)  # type: ignore[attr-defined]
        assert "Sigue igual" in talk.replies[-1].text
        assert [file.name for file in talk.replies[-1].files] == ["otra.png"]
        arrived = [file for reply in talk.replies for file in reply.files if file.name == "otra.png"]
        assert len(arrived) == before - begin, "equal names in different replies are different files"
