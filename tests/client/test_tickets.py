"""My tickets, over a real desk."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from client.answers import answers
from client.cli import run as command
from client.draft import Draft
from client.paths import open_paths
from client.polling import LONGEST_S, SOON_S, next_wait_s
from client.report import DeskAsked, Event, TicketNews
from client.session import NotReady, Session
from client.tickets import Looked, Mine
from tests.servers.process import wait_until
from tests.servers.redmine import RedmineServer
from tests.servers.rt import RtServer
from uploader.errors import InvalidField, UploaderError
from uploader.inbox import OwnTicket
from uploader.ticket import TicketRef


@pytest.fixture
def session(rt: RtServer, monkeypatch: pytest.MonkeyPatch) -> Session:
    paths = open_paths(None, None)
    settings = f'[general]\nmail = "ana@example.test"\n[desks.helpdesk]\nkind = "rt"\nurl = "{rt.url}"\nuser = "ana"\n'
    paths.settings_file.write_text(settings, "utf-8")
    monkeypatch.setenv("TESTIGO_SECRET_HELPDESK", rt.tokens["ana"])
    return Session(paths)


def sent(session: Session, **values: Any) -> TicketRef:
    draft = session.new_draft(summary="No imprime", description="La cola se queda parada", **values)
    delivery = session.send_now(session.submit(draft))
    assert delivery.state == "sent", delivery.last_error
    assert delivery.ticket is not None
    return delivery.ticket


def test_a_report_is_in_the_list_at_once_and_an_answer_is_told_once(session: Session, rt: RtServer) -> None:
    told: list[Event] = []
    session.listen(told.append)
    ref = sent(session)
    assert session.tickets.find(ref.id).ticket.subject == "No imprime"
    session.tickets.look("helpdesk")
    told.clear()
    rt.ask("POST", f"ticket/{ref.id}/correspond", {"Content": "¿Qué impresora?", "ContentType": "text/plain"})
    looked = session.tickets.look("helpdesk")
    (news,) = [event for event in told if isinstance(event, TicketNews)]
    assert [reply.text for reply in news.replies] == ["¿Qué impresora?"]
    assert [mine.ticket.id for mine in looked.fresh] == [ref.id]
    session.tickets.look("helpdesk")
    assert len([event for event in told if isinstance(event, TicketNews)]) == 1
    mine = session.tickets.find(ref.id)
    assert mine.unread == 1
    assert mine.first_answer_at is not None
    session.tickets.mark_read(mine)
    assert session.tickets.find(ref.id).unread == 0


def test_a_reply_goes_the_way_of_every_report_and_is_read_offline(
    session: Session, rt: RtServer, tmp_path: Path
) -> None:
    ref = sent(session)
    (tmp_path / "otra.txt").write_text("más datos", "utf-8")
    draft = session.answers.new(session.tickets.find(ref.id), "Es la del segundo piso")
    draft.add_file(tmp_path / "otra.txt")
    assert session.send_now(session.submit(draft)).state == "sent"
    session.tickets.open(session.tickets.find(ref.id))
    offline = Session(session.paths).tickets
    written = offline.replies(offline.find(ref.id))
    assert "Es la del segundo piso" in written[-1].text
    assert [file.name for file in written[-1].files] == ["otra.txt"]
    assert all(reply.mine for reply in written)


def test_solved_by_the_agent_the_user_is_asked_once(session: Session, rt: RtServer) -> None:
    ref = sent(session)
    session.tickets.look("helpdesk")
    rt.ask("PUT", f"ticket/{ref.id}", {"Status": "resolved"})
    session.tickets.look("helpdesk")
    mine = session.tickets.to_rate()
    assert mine is not None
    assert mine.ticket.id == ref.id
    assert session.tickets.rate(mine, 5, "rápido") is False  # Request Tracker keeps none: it is kept here
    assert session.tickets.find(ref.id).score == 5
    asked_again = session.tickets.to_rate()
    assert asked_again is None or asked_again.ticket.id != ref.id


def test_a_desk_that_is_away_leaves_what_was_seen(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = sent(session)
    session.change({"desks.helpdesk.url": "http://127.0.0.1:9"})
    with pytest.raises(UploaderError):
        session.tickets.look("helpdesk")
    assert session.tickets.find(ref.id).ticket.subject == "No imprime"


def test_the_command_line_lists_shows_replies_and_counts(
    session: Session, rt: RtServer, capsys: pytest.CaptureFixture[str]
) -> None:
    ref = sent(session, kind="petition")
    rt.ask("POST", f"ticket/{ref.id}/correspond", {"Content": "hola", "ContentType": "text/plain"})

    def run(*words: str) -> Any:
        capsys.readouterr()
        assert command([*words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    session.change({"sla.answer": "petition=4h", "sla.solution": "petition=8h"})
    (listed,) = [ticket for ticket in run("tickets", "list")["tickets"] if ticket["id"] == ref.id]
    assert listed["due_at"]
    assert listed["due"].startswith("solution in")
    assert {"id", "url", "subject", "state", "priority", "updated_at", "due_at", "replies"} <= set(listed)
    assert [reply["mine"] for reply in run("tickets", "show", ref.id)["conversation"]] == [True, False]
    assert run("tickets", "reply", ref.id, "--text", "gracias")["state"] == "sent"
    assert [reply["text"] for reply in run("tickets", "show", ref.id)["conversation"]][1] == "hola"
    assert run("tickets", "solve", ref.id)["ok"]
    assert run("tickets", "rate", ref.id, "--score", "4")["ok"]
    stats = run("tickets", "stats")
    assert stats["satisfaction"] is not None
    assert stats["solved"] >= 1
    assert command(["tickets", "show", "999999", "--json"]) == 2


def test_a_person_reads_states_and_priorities_in_spanish(
    session: Session, rt: RtServer, capsys: pytest.CaptureFixture[str]
) -> None:
    ref = sent(session, priority="high")
    assert session.tickets.open(session.tickets.find(ref.id))
    assert session.tickets.find(ref.id).ticket.priority == "high", "Request Tracker holds the number 100"
    capsys.readouterr()
    assert command(["--lang", "es", "tickets", "show", ref.id]) == 0
    shown = capsys.readouterr().out
    assert "En la mesa de ayuda · Alta\n" in shown
    assert "La cola se queda parada" in shown
    assert "Testigo 2" not in shown
    rt.ask("PUT", f"ticket/{ref.id}", {"Status": "rejected"})
    assert command(["--lang", "es", "tickets", "show", ref.id]) == 0
    assert "Cerrado · Rechazado · Alta\n" in capsys.readouterr().out
    assert command(["--lang", "es", "tickets", "list"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if f"#{ref.id}" in line.split()]
    assert "Cerrado" in line


def test_articles_of_a_folder_are_found_without_accents_and_by_beginnings(
    session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    help_folder = tmp_path / "ayuda"
    help_folder.mkdir()
    (help_folder / "vpn.md").write_text("# La conexión VPN se corta\n\nReinicia el **cliente**.\n", "utf-8")
    (help_folder / "otro.md").write_text("# Correo\n\nNada de eso.\n", "utf-8")
    session.change({"articles.folder": str(help_folder)})
    (found,) = [a for a in session.articles.find("conexion vpn").articles if "VPN" in a.title]
    assert found.excerpt == "Reinicia el cliente."
    assert session.articles.find("xy").articles == ()
    (help_folder / "vpn.md").unlink()
    assert not [a for a in session.articles.find("conexion vpn").articles if "VPN" in a.title]
    (help_folder / "printer.md").write_text(
        "# The printer prints nothing\n\nUse `my_host_name`, **not** _x_.\n", "utf-8"
    )
    (help_folder / "projector.md").write_text("# The projector does not start\n\nAgain and again.\n", "utf-8")
    (found,) = session.articles.find("The printers do not print again").articles
    assert (found.title, found.excerpt) == ("The printer prints nothing", "Use my_host_name, not x.")
    assert session.articles.find("this does not work again").articles == ()
    assert command(["articles", "correo", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["articles"][0]["title"] == "Correo"


def test_asking_slows_down_while_nothing_happens_and_hurries_after_news() -> None:
    waits, wait_s = [], SOON_S
    for _ in range(12):
        wait_s = next_wait_s(wait_s, Looked(), lambda: 0.5)
        waits.append(wait_s)
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_S
    assert next_wait_s(LONGEST_S, Looked(changed=True), lambda: 0.5) == SOON_S
    assert next_wait_s(SOON_S, None, lambda: 0.0) < next_wait_s(SOON_S, None, lambda: 0.999)


def test_a_field_that_the_desk_wants_is_asked_for_and_remembered(
    redmine: RedmineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = open_paths(None, None)
    desk = f'[desks.rm]\nkind = "redmine"\nurl = "{redmine.url}"\nproject = "estricto"\n'
    paths.settings_file.write_text(f'[general]\nmail = "ana@example.test"\n{desk}', "utf-8")
    monkeypatch.setenv("TESTIGO_SECRET_RM", redmine.keys["ana"])
    session = Session(paths)
    delivery = session.send_now(session.submit(session.new_draft(summary="No imprime")))
    assert delivery.state == "needs_you"
    assert delivery.last_error is not None
    assert delivery.last_error.code == "field_wanted"
    session.waiting.fill_in(delivery.report_id, "Activo", "PC-42")
    assert session.send_now(delivery.report_id).state == "sent"
    assert session.send_now(session.submit(session.new_draft(summary="Tampoco hoy"))).state == "sent"


def test_two_desks_on_one_server_list_their_own_tickets_and_keep_what_agents_move(
    redmine: RedmineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = open_paths(None, None)
    desk = '[desks.{name}]\nkind = "redmine"\nurl = "{url}"\nproject = "{name}"\nfields = "Activo=PC-7"\n'
    words = "".join(desk.format(name=name, url=redmine.url) for name in ("soporte", "estricto"))
    paths.settings_file.write_text('[report]\ndesk = "soporte"\n' + words, "utf-8")
    for name in ("SOPORTE", "ESTRICTO"):
        monkeypatch.setenv(f"TESTIGO_SECRET_{name}", redmine.keys["ana"])
    session = Session(paths)
    ref = sent(session)
    for name in ("soporte", "estricto"):
        session.tickets.look(name)
    assert [mine.desk for mine in session.tickets.all_of(ref.id)] == ["soporte"]
    there = redmine.ask("GET", "projects/estricto.json?include=issue_custom_fields")["project"]
    needed = [{"id": field["id"], "value": "PC-7"} for field in there["issue_custom_fields"]]
    moved = {"project_id": there["id"], "custom_fields": needed, "notes": "Lo ve otro equipo"}
    redmine.ask("PUT", f"issues/{ref.id}.json", {"issue": moved})
    looked = session.tickets.look("soporte")
    assert [mine.ticket.id for mine in looked.fresh] == [ref.id]
    session.close()


def test_rules_send_some_reports_to_another_desk(session: Session) -> None:
    session.change({"report.rules": "suggestion=folder; claim/high=folder"})
    cases = (("suggestion", "low", "folder"), ("claim", "high", "folder"), ("claim", "low", "helpdesk"))
    for kind, priority, desk in cases:
        draft = session.new_draft(summary="x", kind=kind, priority=priority)
        report_id = session.submit(draft)
        assert session.report(report_id).desk == desk
    session.change({"report.rules": "low=helpdesk; claim=folder; high=folder; claim/high=helpdesk"})
    assert session.places.ruled_desk("claim", "low") == "folder", "a kind is closer than a priority"
    assert session.places.ruled_desk("claim", "high") == "helpdesk", "both together are the closest"
    session.change({"report.rules": "claim=nowhere"})
    with pytest.raises(InvalidField):
        session.places.ruled_desk("claim", "low")
    with pytest.raises(NotReady):
        session.submit(session.new_draft(summary="x", kind="claim"))


def test_the_resident_program_is_told_soon_once_it_has_a_reason_to_look(session: Session, rt: RtServer) -> None:
    told = threading.Event()
    session.listen(lambda event: told.set() if isinstance(event, TicketNews) else None)
    ref = sent(session)
    session.tickets.look("helpdesk")
    session.polling.start()
    rt.ask("POST", f"ticket/{ref.id}/correspond", {"Content": "¿Sigue?", "ContentType": "text/plain"})
    session.polling.nudge()
    assert told.wait(60)
    session.polling.close()


def test_what_was_sent_to_one_desk_is_no_reason_to_ask_another(
    session: Session, rt: RtServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.polling.SPREAD_S", 0.0)
    monkeypatch.setenv("TESTIGO_SECRET_OTHER", rt.tokens["ana"])
    session.change({"desks.other.kind": "rt", "desks.other.url": rt.url, "desks.other.user": "ana"})
    asked = list[str]()
    session.listen(lambda event: asked.append(event.desk) if isinstance(event, DeskAsked) and event.begun else None)
    session.polling.start()
    wait_until(lambda: set(asked) == {"helpdesk", "other"} and not session.polling.asking, 60, "the first looks")
    for looks in (2, 3):
        sent(session, desk="helpdesk")
        wait_until(lambda looks=looks: asked.count("helpdesk") >= looks, 60, "a look at where it went")  # type: ignore[misc]
    session.polling.close()
    assert asked.count("other") == 1


@pytest.mark.parametrize("ahead", [timedelta(days=1), timedelta(days=-1)])
def test_a_clock_that_is_off_by_a_day_hides_no_answer(session: Session, rt: RtServer, ahead: timedelta) -> None:
    draft = session.new_draft(summary="No imprime")
    draft.folder.write(replace(draft.folder.read(), created_at=datetime.now(UTC) + ahead))
    delivery = session.send_now(session.submit(Draft(draft.folder)))
    assert delivery.ticket is not None
    rt.ask("POST", f"ticket/{delivery.ticket.id}/correspond", {"Content": "¿Sigue?", "ContentType": "text/plain"})
    session.tickets.look("helpdesk")
    assert session.tickets.find(delivery.ticket.id).unread == 1


def test_an_answer_where_the_desk_has_told_no_number_is_called_by_its_subject_alone() -> None:
    session, now = Session(open_paths()), datetime.now(UTC)
    told = OwnTicket("20261130-101500-ab12cd34", "<m@example.org>", "", "La VPN se corta", "open", "", "", now, now)
    asked = [Mine("correo", ticket, 0, 0) for ticket in (told, replace(told, id="HD-7", key="7"))]
    reports = [session.answers.new(mine, "Sigue igual").report for mine in asked]
    assert [report.summary for report in reports] == ["La VPN se corta", "HD-7: La VPN se corta"]
    assert [[answers(report, mine) for mine in asked] for report in reports] == [[True, False], [False, True]]
