from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.delivery import Sharing, deliver, split
from client.folder import ReportFolder
from client.report import Section, Trouble
from client.session import NotReady, Session
from client.settings import General
from client.shared import opener
from tests.servers.web_form import WebForm
from uploader.errors import FieldWanted, MaybeSent, OutcomeUnknown, Refused, Temporary, Unreachable, UploaderError
from uploader.journal import Journal, MemoryJournal
from uploader.ticket import AS_SET, LINK_ABOVE_BYTES, Attachment, Limits, Link, Progress, Share, Wishes


def file(name: str, size_bytes: int) -> Attachment:
    return Attachment(name, Path(name), size_bytes, "", "")


def test_strictly_over_25_million_bytes_goes_as_a_link() -> None:
    at, over = file("at", LINK_ABOVE_BYTES), file("over", LINK_ABOVE_BYTES + 1)
    assert split((at, over), Limits()) == ((at,), (over,))


def test_the_desks_own_lower_limit_counts_and_a_higher_one_does_not() -> None:
    small, large = file("s", 10), file("l", 11)
    assert split((small, large), Limits(file_bytes=10)) == ((small,), (large,))
    huge = file("h", LINK_ABOVE_BYTES + 1)
    assert split((huge,), Limits(file_bytes=10**12)) == ((), (huge,))


def test_a_blocked_suffix_goes_as_a_link() -> None:
    program = file("Setup.EXE", 10)
    assert split((program,), Limits(blocked_suffixes=frozenset({".exe"}))) == ((), (program,))


@given(st.lists(st.integers(0, 100), max_size=12), st.integers(0, 300), st.integers(0, 100))
def test_the_rest_fits_and_the_largest_go_first(sizes: list[int], total: int, limit: int) -> None:
    files = tuple(file(str(n), size) for n, size in enumerate(sizes))
    inside, large = split(files, Limits(file_bytes=limit, total_bytes=total))
    assert sorted([*inside, *large], key=lambda a: int(a.name)) == list(files)
    assert sum(a.size_bytes for a in inside) <= total
    assert all(a.size_bytes <= limit for a in inside)
    moved = [a for a in large if a.size_bytes <= limit]
    if moved and inside:
        assert min(a.size_bytes for a in moved) >= max(a.size_bytes for a in inside)


def test_from_draft_to_desk_and_share(session: Session, tmp_path: Path) -> None:
    session.change({"general.name": "Lucía", "general.mail": "lucia@example.org"})
    draft = session.new_draft(summary="Ñandú 🐦 no carga", kind="claim", priority="high", language="es")
    (tmp_path / "big.bin").write_bytes(b"\1" * (LINK_ABOVE_BYTES + 1))
    (tmp_path / "small.txt").write_text("x")
    draft.add_file(tmp_path / "big.bin")
    draft.add_file(tmp_path / "small.txt")
    draft.set_sections((Section("os", "Sistema", "Debian"), Section("gpu", "GPU", "", "skipped")))
    assert session.ways(draft) == {"big.bin": "link", "small.txt": "ticket"}
    delivery = session.send_now(session.submit(draft))
    assert delivery.state == "sent"
    assert [(s.name, s.via) for s in delivery.attachments] == [("big.bin", "link"), ("small.txt", "ticket")]
    page = (next(session.paths.default_desk.glob("T-000001*")) / "ticket.html").read_text()
    assert "Lucía" in page
    assert "Reclamo" in page
    assert delivery.attachments[0].url in page
    assert [item.summary for item in session.history("nandu carg")] == ["Ñandú 🐦 no carga"]


def test_the_editable_picture_never_leaves(session: Session) -> None:
    draft = session.new_draft(summary="x")
    private = draft.folder.pictures / "capture-1.png"
    private.mkdir(parents=True)
    (private / "base.png").write_bytes(b"SECRET-BASE")
    (private / "marks.json").write_bytes(b"SECRET-MARKS")
    draft.add_content("capture-1.png", b"flattened")
    session.send_now(session.submit(draft))
    left = [p.read_bytes() for p in session.paths.default_desk.rglob("*") if p.is_file()]
    assert b"flattened" in left
    assert not [content for content in left if b"SECRET" in content]


def test_a_report_that_is_not_ready_is_not_sent_and_says_why(session: Session) -> None:
    draft = session.new_draft()
    gone = draft.add_content("a.txt", b"x")
    gone.path.unlink()
    with pytest.raises(NotReady) as caught:
        session.submit(draft)
    assert {p.code for p in caught.value.problems} == {"summary_missing", "file_missing"}
    assert draft.folder.path.is_dir()


def test_a_large_file_without_a_share_is_a_problem_before_sending(session: Session, tmp_path: Path) -> None:
    session.change({"shares.gone.kind": "folder", "report.share": "other"})
    draft = session.new_draft(summary="x")
    (tmp_path / "big.bin").write_bytes(b"\0" * (LINK_ABOVE_BYTES + 1))
    draft.add_file(tmp_path / "big.bin")
    (problem,) = session.problems(draft)
    assert (problem.code, problem.blocking, problem.attachment) == ("no_share", True, "big.bin")


def test_a_share_that_refuses_asks_the_person_who_may_go_on_without_the_file(session: Session, tmp_path: Path) -> None:
    draft = session.new_draft(summary="x")
    (tmp_path / "big.bin").write_bytes(b"\0" * (LINK_ABOVE_BYTES + 1))
    draft.add_file(tmp_path / "big.bin")
    report_id = session.submit(draft)
    session.change({"shares.broken.kind": "nonsense"})
    session.waiting.choose_share(report_id, "broken")
    delivery = session.send_now(report_id)
    assert delivery.state == "needs_you"
    session.waiting.leave_out(report_id, "big.bin")
    delivery = session.send_now(report_id)
    assert delivery.state == "sent"
    assert delivery.attachments == ()


def test_the_embedded_desk_is_made_once_and_not_made_anew_when_somebody_moved_it(session: Session) -> None:
    session.places.check("desk")
    moved = session.paths.default_desk.rename(session.paths.data / "elsewhere")
    delivery = session.send_now(session.submit(session.new_draft(summary="x")))
    assert delivery.state == "queued"
    assert delivery.last_error is not None
    assert delivery.last_error.code == "unreachable"
    moved.rename(session.paths.default_desk)
    assert session.send_now(delivery.report_id).state == "sent"
    assert len(list(session.paths.default_desk.glob("T-*"))) == 1


def test_a_report_that_waits_can_be_taken_back_and_sent_changed(session: Session) -> None:
    report_id = session.submit(session.new_draft(summary="first"))
    draft = session.waiting.take_back(report_id)
    draft.set(summary="second")
    assert session.send_now(session.submit(draft)).summary == "second"


@pytest.mark.parametrize(("error", "stays"), [
    ([OutcomeUnknown("lost")], True), ([OutcomeUnknown("lost"), Unreachable("off")], True), ([Temporary("502")], True),
    ([Unreachable("off"), Unreachable("off")], False),
    ([OutcomeUnknown("lost"), FieldWanted("Asset", "a field")], False),
])  # fmt: skip
def test_what_the_desk_may_have_is_not_changed_here(session: Session, error: list[UploaderError], stays: bool) -> None:
    from uploader.desks.folder import FolderDesk

    report_id = session.submit(session.new_draft(summary="first"))
    for each in error:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(FolderDesk, "_publish", raising(each))
            patch.setattr(FolderDesk, "_published", lambda *_: None)
            session.send_now(report_id)
    if stays:
        with pytest.raises(Refused, match="may have it already"):
            session.waiting.take_back(report_id)
        assert session.send_now(report_id).state == "sent"
    else:
        assert session.waiting.take_back(report_id).report.summary == "first"


def raising(error: Exception) -> Callable[..., str]:
    def act(*_: object) -> str:
        raise error

    return act


def test_what_may_have_arrived_stays_as_it_is_until_somebody_says_whether_it_did(session: Session) -> None:
    report_id = session.submit(session.new_draft(summary="first"))
    with session.outbox.held(report_id) as state:
        state.steps, state.needs_you = {"send": None}, True
        state.last_error = Trouble("maybe_sent", "lost", values={"step": "send", "service": "desk"})
        ReportFolder(session.shelf.root / "outbox" / report_id).write_log(state)
    session.pause(report_id)
    waiting = session.waiting
    for change in (
        lambda: waiting.take_back(report_id), lambda: waiting.fill_in(report_id, "Asset", "7"),
        lambda: waiting.leave_out(report_id, "x.png"), lambda: waiting.choose_share(report_id, "folder"),
    ):  # fmt: skip
        with pytest.raises(MaybeSent, match="say first"):
            change()
    assert session.delivery(report_id).asks, "a pause would have hidden the question, and let the words be changed"


def test_a_lost_or_broken_history_is_built_anew(session: Session) -> None:
    session.send_now(session.submit(session.new_draft(summary="Impresora del piso 3")))
    assert len(session.history("impres")) == 1
    index = session.paths.data / "history.sqlite"
    index.write_bytes(b"this is no database" * 100)
    assert len(session.history("piso 3")) == 1
    index.unlink()
    assert len(session.history()) == 1
    assert session.history("nothing like it") == ()
    assert session.history('"; DROP TABLE report; --') == ()


def test_a_report_that_waits_goes_to_the_desk_it_was_sent_to_whatever_is_chosen_since(
    session: Session, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        session.change({f"desks.{name}.kind": "folder", f"desks.{name}.path": str(tmp_path / name)})
    session.change({"report.desk": "one"})
    away = (tmp_path / "one").rename(tmp_path / "away")
    report_id = session.submit(session.new_draft(summary="x"))
    assert session.send_now(report_id).state == "queued"
    session.change({"report.desk": "two"})
    assert session.send_now(report_id).state == "queued"
    away.rename(tmp_path / "one")
    delivery = session.send_now(report_id)
    assert (delivery.state, delivery.desk) == ("sent", "one")
    assert [len(list((tmp_path / name).glob("T-*"))) for name in ("one", "two")] == [1, 0]


def test_where_the_settings_cannot_be_read_and_never_could_nothing_goes_to_a_folder_instead(session: Session) -> None:
    session.paths.settings_file.parent.mkdir(parents=True, exist_ok=True)
    session.paths.settings_file.write_text('[raport]\ndesk = "rt"\n')
    (session.paths.data / "settings.good.toml").unlink(missing_ok=True)
    session.reload()
    with pytest.raises(NotReady) as caught:
        session.submit(session.new_draft(summary="x"))
    (problem,) = caught.value.problems
    assert problem.code == "desk_unready"
    assert "raport" in problem.detail


def test_a_type_that_the_desk_refuses_and_that_cannot_go_as_a_link_is_told_as_that(
    session: Session, tmp_path: Path
) -> None:
    form = WebForm()
    form.accept = ".png"
    session.change({"desks.it.kind": "webform", "desks.it.url": f"{form.url}/soporte/nuevo", "general.mail": "a@b.c"})
    draft = session.new_draft(summary="x")
    draft.add_content("film.mp4", b"film")
    report_id = session.submit(draft)
    delivery = session.send_now(report_id)
    assert delivery.last_error is not None
    assert (delivery.state, delivery.last_error.code, delivery.last_error.attachment) == (
        "needs_you", "file_unwanted", "film.mp4"
    )  # fmt: skip
    assert form.tickets == []
    session.waiting.leave_out(report_id, "film.mp4")
    assert session.send_now(report_id).state == "sent"
    form.stop()


class SealedPlace(Share):
    """Takes everything sealed, and shows no page."""

    title = "a sealed place"

    def check(self) -> None:
        pass

    def put(self, file: Attachment, journal: Journal, progress: Progress, wishes: Wishes = AS_SET) -> Link:
        return Link("https://files.example.org/film", sealed=True, key="k")


def test_a_sealed_file_goes_also_to_a_desk_that_does_not_take_the_page_which_opens_it(
    session: Session, tmp_path: Path
) -> None:
    form = WebForm()
    form.accept = ".png"
    session.change({"desks.it.kind": "webform", "desks.it.url": f"{form.url}/soporte/nuevo", "general.mail": "a@b.c"})
    draft = session.new_draft(summary="x")
    draft.add_content("film.mp4", b"film")
    report = session.report(session.submit(draft))
    sharing = Sharing(SealedPlace, lambda file, link: None, opener=lambda: opener(tmp_path))
    done = deliver(report, General(mail="a@b.c"), session.places.desk("it"), sharing, MemoryJournal(),
                   lambda name, done_bytes, total_bytes: None, tmp_path)  # fmt: skip
    assert [(sent.name, sent.via) for sent in done.sent] == [("film.mp4", "link")]
    (ticket,) = form.tickets
    assert "https://files.example.org/film" in str(ticket)
    form.stop()


def test_a_form_that_changes_asks_the_desk_for_its_limits_once(session: Session) -> None:
    asked = list[bytes]()

    class Greets(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            asked.append(self.rfile.readline())
            self.wfile.write(b"250-here\r\n250 SIZE 1000000\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Greets) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        for name, value in {"kind": "email", "address": "it@desk.test", "server": f"127.0.0.1:{port}",
                            "security": "none"}.items():  # fmt: skip
            session.change({f"desks.it.{name}": value})
        draft = session.new_draft(summary="x")
        for number in range(5):
            draft.add_content(f"{number}.txt", b"x" * 100_000)
            ways = session.ways(draft)
        inside = list(ways.values()).count("ticket")
        assert (inside > 0, len(asked)) == (True, 1)
        session.change({"desks.it.largest_mb": "0.5"})
        assert list(session.ways(draft).values()).count("ticket") < inside
        assert len(asked) == 2
        server.shutdown()
