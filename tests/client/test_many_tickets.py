"""Ten thousand tickets: the list stays quick and small, nothing that is open is lost sight of, and it is told."""

from __future__ import annotations

import sqlite3
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from client.report import Event, TicketNews, TicketsChanged
from client.tickets import LISTED, LOOKED_AFTER, Tickets
from tests.client.story_desk import StoryDesk, tickets_of
from tests.servers.zendesk import USER, Request, ZendeskServer
from uploader.desks.zendesk import Zendesk
from uploader.errors import AuthFailed, OutcomeUnknown, Refused, Temporary, TooLarge, UploaderError
from uploader.inbox import MOST_CHANGED, MOST_TICKETS, Conversation, InboxAbilities
from uploader.setting import Secret

MANY = 10_000


class TestAtTheDesk:
    @pytest.fixture
    def desk(self) -> Iterator[Zendesk]:
        self.server = ZendeskServer()
        begin = datetime(2020, 1, 1, tzinfo=UTC)
        said = {"id": 1, "author_id": USER, "html_body": "<p>x</p>", "body": "x", "public": True, "files": [],
                "created_at": f"{begin:%Y-%m-%dT%H:%M:%SZ}"}  # fmt: skip
        for number in range(1, MANY + 1):
            at = begin + timedelta(hours=number)
            self.server.requests[number] = Request(
                number, f"Caso {number}", USER, {"priority": "normal"}, [said], created=at, updated=at
            )
        yield Zendesk(url=self.server.url, client_id="client-1", port=0,
                      refresh_token=Secret(self.server.provider.sign_in()))  # fmt: skip
        self.server.stop()

    def test_a_first_look_brings_the_newest_and_says_that_there_are_more(self, desk: Zendesk) -> None:
        first = desk.news("")
        assert [ticket.id for ticket in first.tickets] == [str(MANY - n) for n in range(MOST_TICKETS)]
        assert first.more
        assert not desk.news(first.mark).more

    def test_an_answer_to_the_oldest_is_found_and_so_is_all_that_changed_in_a_holiday(self, desk: Zendesk) -> None:
        first = desk.news("")
        self.server.agent_replies(1, "<p>¿Sigue?</p>", [])
        later = desk.news(first.mark)
        assert "1" in [ticket.key for ticket in later.tickets]
        changed = 3 * MOST_TICKETS
        for number in range(2, 2 + changed):
            self.server.agent_replies(number, "<p>¿Sigue?</p>", [])
        found = {ticket.key for ticket in desk.news(later.mark).tickets}
        assert {str(number) for number in range(2, 2 + changed)} <= found


def test_what_is_known_is_listed_quickly_and_in_little_memory(tmp_path: Path) -> None:
    tickets = filled(tmp_path)
    tracemalloc.start()
    begun_s = time.perf_counter()
    listed = tickets.list()
    took_s, (_, peak_bytes) = time.perf_counter() - begun_s, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(listed) <= LISTED + 100
    assert peak_bytes < 8_000_000
    assert took_s < 2  # a tenth of it on a quiet machine, less without the tracing
    assert tickets.list("asunto t3,")[-1].ticket.key == "T3"
    assert tickets.find("T0").ticket.key == "T0"


def test_an_open_ticket_is_in_the_list_however_old_it_is(tmp_path: Path) -> None:
    tickets = filled(tmp_path)
    keys = {mine.ticket.key for mine in tickets.list()}
    assert {f"T{number}" for number in range(0, MANY, 100)} <= keys
    assert f"T{MANY - 1}" in keys


def test_a_ticket_is_found_by_its_number_as_it_is_shown_and_none_is_empty_where_the_desk_tells_its_beginning(
    tmp_path: Path,
) -> None:
    desk = StoryDesk()
    tickets = tickets_of(desk, tmp_path)
    desk.write("7", 1)
    tickets.look("d")
    mine = tickets.find("#7")
    assert mine == tickets.find("7")
    assert [found.ticket.id for found in tickets.list("#7")] == ["7"]
    assert len(tickets.open(mine)) == 1
    desk.inbox = InboxAbilities(begins=True)  # type: ignore[misc]
    desk.talks["7"] = replace(desk.talks["7"], replies=())
    with pytest.raises(Temporary, match="told nothing"):
        tickets.open(mine)
    assert len(tickets.replies(mine)) == 1, "what was read stays"


def filled(folder: Path) -> Tickets:
    """Ten thousand, of which every hundredth is open."""
    desk = StoryDesk()
    tickets = tickets_of(desk, folder)
    for number in range(MANY):
        desk.write(f"T{number}", number, state="closed" if number % 100 else "open", subject=f"Asunto T{number}, caso")
    looked = list(desk.talks.values())
    with tickets._open() as database:  # one look a thousand times would say the same, an hour later
        import msgspec

        database.executemany(
            "INSERT INTO ticket(desk, key, data, replies, solved_at, updated_at) VALUES('d', ?, ?, ?, ?, ?)",
            [(talk.ticket.key, msgspec.json.encode(talk.ticket), msgspec.json.encode(talk.replies),
              talk.ticket.updated_at.isoformat() if talk.ticket.state == "closed" else None,
              talk.ticket.updated_at.isoformat()) for talk in looked],
        )  # fmt: skip
    return tickets


def test_where_the_desk_lists_by_creation_an_answer_to_an_old_open_ticket_is_found_all_the_same(
    tmp_path: Path,
) -> None:
    told: list[Event] = []
    desk = StoryDesk(by_creation=True)
    tickets = tickets_of(desk, tmp_path, told)
    for number in range(3 * LOOKED_AFTER):  # written while the desk had few
        desk.write(f"old{number}", number)
    tickets.look("d")
    assert not tickets.are_cut_off()
    for number in range(MOST_TICKETS + 50):
        desk.write(f"new{number}", 1000 + number, state="closed")
    desk.answer("old7", 5000)
    for _ in range(3):
        before = len(desk.asked)
        tickets.look("d")
        assert len(desk.asked) - before <= LOOKED_AFTER + MOST_TICKETS
    (news,) = [event for event in told if isinstance(event, TicketNews) and event.ticket.key == "old7"]
    assert len(news.replies) == 1
    assert tickets.find("old7").unread == 1
    assert tickets.are_cut_off("d")
    assert not tickets.are_cut_off("another")


def test_what_a_desk_does_not_show_any_more_stays_open_here(tmp_path: Path) -> None:
    desk = StoryDesk(by_creation=True)
    tickets = tickets_of(desk, tmp_path)
    desk.write("old", 0)
    tickets.look("d")
    for number in range(MOST_TICKETS + 50):
        desk.write(f"new{number}", 1000 + number)
    del desk.talks["old"]
    tickets.look("d")
    assert tickets.find("old").ticket.state == "open"
    assert "old" in [mine.ticket.key for mine in tickets.list()]


def test_more_than_a_look_brings_is_never_cut_between_two_looks(tmp_path: Path) -> None:
    desk = StoryDesk()
    tickets = tickets_of(desk, tmp_path)
    desk.write("T", 0)
    tickets.look("d")
    desk.answer("T", 5000)
    for number in range(MOST_TICKETS):
        desk.write(f"new{number}", 6000 + number)
    assert len(desk.talks) < MOST_CHANGED
    tickets.look("d")
    assert tickets.unread() == 1
    assert not tickets.are_cut_off()


def test_the_command_line_says_that_there_are_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    from client.cli import run as command
    from client.paths import open_paths

    paths = open_paths(None, None)
    desk = StoryDesk()
    tickets = tickets_of(desk, paths.data)
    for number in range(MOST_TICKETS + 1):
        desk.write(f"T{number}", number)
    tickets.look("d")
    assert command(["tickets", "list", "--offline", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (len(found["tickets"]), found["more"]) == (MOST_TICKETS, True)
    assert command(["tickets", "list", "--offline"]) == 0
    assert "Older tickets are at the help desk only." in capsys.readouterr().err


def test_two_hundred_that_came_while_it_ran_are_listed_before_any_of_them_is_read(tmp_path: Path) -> None:
    told: list[Event] = []
    desk = StoryDesk()
    tickets = tickets_of(desk, tmp_path, told)
    desk.write("first", 0)
    tickets.look("d")
    for number in range(200):
        desk.write(f"T{number}", 10 + number)
    desk.answer("first", 5000)
    looked = tickets.look("d", reading_s=0)
    assert (len(tickets.list()), desk.asked, looked.left) == (201, [], 201)
    assert told == [TicketsChanged("d"), TicketsChanged("d")]

    again = tickets_of(desk, tmp_path, told)  # the program was ended meanwhile
    assert again.look("d").left == 0
    assert desk.asked[0] == "first"
    assert [event.ticket.key for event in told if isinstance(event, TicketNews)] == ["first"]
    assert again.unread() == 1
    before = len(desk.asked)
    assert again.look("d").fresh == ()
    assert tickets.look("d").fresh == ()
    assert again.unread() == 1
    assert len(desk.asked) - before <= 402  # each once more: the second of its last change was not over


def test_an_answer_that_two_read_at_the_same_time_is_told_and_counted_once(tmp_path: Path) -> None:
    told: list[Event] = []
    desk = StoryDesk()
    tickets, other = tickets_of(desk, tmp_path, told), tickets_of(desk, tmp_path, told)
    desk.write("T", 0)
    tickets.look("d")
    desk.answer("T", 5)
    read, meet = desk.conversation, threading.Barrier(2, timeout=10)

    def together(key: str) -> Conversation:
        meet.wait()
        return read(key)

    desk.conversation = together  # type: ignore[method-assign]
    threads = [threading.Thread(target=one.look, args=("d",)) for one in (tickets, other)]
    tickets.look("d", reading_s=0)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tickets.unread() == 1
    assert len([event for event in told if isinstance(event, TicketNews)]) == 1
    assert tickets.find("T").unread == 1


def test_a_machines_answer_is_shown_and_is_no_news(tmp_path: Path) -> None:
    desk, told = StoryDesk(), list[Event]()
    tickets = tickets_of(desk, tmp_path, told)
    tickets.look("it")
    desk.write("a", 0)
    tickets.look("it")
    desk.answer("a", 1, automatic=True)
    assert tickets.look("it").fresh == ()
    (mine,) = tickets.list()
    assert (mine.unread, len(tickets.replies(mine))) == (0, 2)
    assert not [event for event in told if isinstance(event, TicketNews)]
    desk.answer("a", 2)
    tickets.look("it")
    (news,) = (event for event in told if isinstance(event, TicketNews))
    assert [reply.automatic for reply in news.replies] == [False]


@pytest.mark.parametrize(
    "error", [Refused("not for you"), TooLarge("too much"), Temporary("busy"), OutcomeUnknown("lost")]
)
def test_a_ticket_that_cannot_be_read_keeps_nobody_elses_answer_back(tmp_path: Path, error: UploaderError) -> None:
    desk, told = StoryDesk(), list[Event]()
    tickets = tickets_of(desk, tmp_path, told)
    for key in ("bad", "good"):
        desk.write(key, 0)
    tickets.look("it")
    desk.answer("good", 1)
    desk.answer("bad", 2)
    read, failing = desk.conversation, True

    def refuse(key: str) -> Conversation:
        if key == "bad" and failing:
            raise error
        return read(key)

    desk.conversation = refuse  # type: ignore[method-assign]
    assert tickets.look("it").left == 0  # it is not asked for again every two seconds
    assert [event.ticket.key for event in told if isinstance(event, TicketNews)] == ["good"]
    failing = False
    tickets.look("it")
    later = [event.ticket.key for event in told if isinstance(event, TicketNews)]
    assert later == (["good"] if isinstance(error, Refused) else ["good", "bad"])


def test_a_token_that_is_revoked_while_tickets_are_read_is_told_and_nothing_is_forgotten(tmp_path: Path) -> None:
    desk, told = StoryDesk(), list[Event]()
    tickets = tickets_of(desk, tmp_path, told)
    desk.write("A", 0)
    tickets.look("it")
    desk.answer("A", 1)
    read = desk.conversation

    def revoked(key: str) -> Conversation:
        raise AuthFailed("the token was revoked")

    desk.conversation = revoked  # type: ignore[method-assign]
    with pytest.raises(AuthFailed):
        tickets.look("it")
    desk.conversation = read  # type: ignore[method-assign]
    tickets.look("it")
    assert [event.ticket.key for event in told if isinstance(event, TicketNews)] == ["A"]


@pytest.mark.parametrize("after", [0, 1])
def test_a_damaged_file_is_kept_beside_and_the_desk_is_asked_again(tmp_path: Path, after: int) -> None:
    desk = StoryDesk()
    tickets = tickets_of(desk, tmp_path)
    desk.write("T", 0)
    tickets.look("it")
    file = tmp_path / "tickets.sqlite"
    file.with_name("tickets.sqlite-wal").unlink(missing_ok=True)
    file.write_bytes(b"no database at all" * 500 if after == 0 else file.read_bytes()[:100] + bytes(20_000))
    again = tickets_of(desk, tmp_path)
    with suppress(sqlite3.DatabaseError):
        again.list()
    again.look("it")
    assert [mine.ticket.key for mine in again.list()] == ["T"]
    assert (tmp_path / "damaged-tickets.sqlite").exists()
