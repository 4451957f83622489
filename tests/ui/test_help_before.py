"""While the subject is typed: articles, own open tickets, and what becomes of the draft."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox, QPushButton

from client.session import Session
from client.ui.bridge import Bridge
from client.ui.help_before import PAUSE_MS
from client.ui.report_form import ReportForm
from tests.servers.fault_proxy import Answer, Fault, FaultProxy
from tests.servers.rt import RtServer
from tests.ui.every_window import running_session, until
from uploader.inbox import Article, OwnTicket

NOW = datetime.now(UTC)


@pytest.fixture
def world(app: QApplication, tmp_path: Path) -> Iterator[tuple[Session, Bridge]]:
    (tmp_path / "vpn.md").write_text("# La VPN se corta\n\nReinicia el cliente. ![](http://x.org/a.png)\n", "utf-8")
    with running_session() as (session, bridge):
        session.change({"articles.folder": str(tmp_path), "report.diagnostics": "none"})
        yield session, bridge


def form_on(world: tuple[Session, Bridge], subject: str) -> ReportForm:
    session, bridge = world
    form = ReportForm(session, bridge, session.new_draft(), tuple)
    form.show()
    QTest.keyClicks(form.fields.subject, subject)
    return form


def rows(form: ReportForm) -> list[QPushButton]:
    return [button for button in form.help.findChildren(QPushButton) if button.isVisible()]


def test_an_article_that_solved_it_closes_the_draft_and_counts(world: tuple[Session, Bridge]) -> None:
    session, _ = world
    form = form_on(world, "la vpn se corta")
    until(lambda: any("VPN" in row.text() for row in rows(form)))
    row = rows(form)[0]
    row.click()
    until(form.help.solve.isVisible)
    article = form.help.article
    assert article is not None
    assert "Reinicia" in article.text.toPlainText()
    QTest.keyClick(article.text, Qt.Key.Key_Escape)
    assert not article.isVisible()
    row.click()
    assert form.help.article is not None
    form.help.article.solve.click()
    assert form.help.article is None
    assert session.answers.spared == 1
    assert session.drafts() == ()
    assert not form.isVisible()


def test_nothing_is_suggested_for_words_that_say_too_little_or_when_it_is_off(world: tuple[Session, Bridge]) -> None:
    session, _ = world
    form = form_on(world, "vp")
    QTest.qWait(800)
    assert not form.help.isVisible()
    session.change({"articles.suggest": False})
    other = form_on(world, "la vpn se corta")
    QTest.qWait(800)
    assert not other.help.isVisible()


def test_opening_an_article_moves_nothing_and_it_goes_with_the_form(world: tuple[Session, Bridge]) -> None:
    form = form_on(world, "la vpn se corta")
    until(lambda: any("VPN" in row.text() for row in rows(form)))
    row = rows(form)[0]
    before = row.mapToGlobal(row.rect().topLeft()), form.size(), form.strip.pos()
    row.click()
    QTest.qWait(100)
    assert (row.mapToGlobal(row.rect().topLeft()), form.size(), form.strip.pos()) == before
    article = form.help.article
    assert article is not None
    assert article.isVisible()
    form.close()
    assert form.help.article is None


def test_two_articles_of_the_same_title_say_whose_they_are(world: tuple[Session, Bridge]) -> None:
    form = form_on(world, "la vpn")
    same = (Article("VPN", "file:///a.md", "a"), Article("VPN", "https://x.org/1", "b"), Article("Otro", "", "c"))
    assert [title for _, title in form.help._titled(same)] == [
        "VPN · folder of articles", "VPN · the folder on this computer", "Otro",
    ]  # fmt: skip


def test_an_open_ticket_about_the_same_takes_what_was_written_as_an_answer(world: tuple[Session, Bridge]) -> None:
    session, _ = world
    session.change({"sla.answer": "*=4h"})
    known = OwnTicket("T-93", "93", "", "La impresora del pasillo no imprime", "open", "", "high", NOW, NOW)
    session.tickets._keep("folder", known, ())
    form = form_on(world, "otra vez la impresora no imprime")
    form.fields.description.setPlainText("Desde las ocho.")
    until(lambda: any("T-93" in row.text() for row in rows(form)))
    next(row for row in rows(form) if "T-93" in row.text()).click()
    report = form.draft.report
    assert report.reply_to is not None
    assert report.reply_to.key == "93"
    assert form.fields.subject.cursorPosition() == 0, "a long subject is read from its beginning"
    assert report.description == "otra vez la impresora no imprime\n\nDesde las ocho."
    assert not form.fields.kind.isVisible()
    assert form.fields.subject.isReadOnly()
    assert form.windowTitle() == "Answer to ticket T-93"
    assert "Answer within" not in form._foot._target.text()
    assert form.fields.description.hasFocus()
    assert form.fields.description.textCursor().atEnd()
    QTest.qWait(PAUSE_MS + 300)
    assert rows(form) == [form.help.back], "the ticket that is answered is not offered again"
    form.help.back.click()
    report = form.draft.report
    assert (report.reply_to, report.summary, report.description) == (
        None, "otra vez la impresora no imprime", "Desde las ocho.",
    )  # fmt: skip
    assert not form.fields.subject.isReadOnly()
    assert form.fields.kind.isVisible()
    assert form.windowTitle() == "Report a problem"
    until(lambda: any("T-93" in row.text() for row in rows(form)))


def test_an_answer_begins_in_its_text_behind_what_is_written(world: tuple[Session, Bridge]) -> None:
    session, bridge = world
    known = OwnTicket("T-93", "93", "", "La impresora no imprime", "open", "", "high", NOW, NOW)
    session.tickets._keep("folder", known, ())
    draft = session.answers.new(session.tickets.find("T-93"), "Sigue así")
    form = ReportForm(session, bridge, draft, tuple)
    form.show()
    form.activateWindow()
    assert QTest.qWaitForWindowActive(form)
    until(form.fields.description.hasFocus)
    QTest.keyClicks(QApplication.focusWidget(), ".")
    assert form.fields.description.toPlainText() == "Sigue así."


def test_a_draft_that_is_opened_again_is_helped_too(world: tuple[Session, Bridge]) -> None:
    session, bridge = world
    form = ReportForm(session, bridge, session.new_draft(summary="la vpn se corta"), tuple)
    form.show()
    until(lambda: any("VPN" in row.text() for row in rows(form)))


def test_an_article_is_shown_as_it_was_written_and_its_links_are_opened_outside(
    world: tuple[Session, Bridge], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("client.ui.article_window.QDesktopServices.openUrl", lambda url: opened.append(url.toString()))
    text = "Corre `ipconfig /all | findstr my_host_name`.\n\n1. Uno\n2. Dos\n\nVer la [guía](https://x.example/g_1_2)."
    (tmp_path / "red.md").write_text(f"# Unidad de red\n\n{text}\n", "utf-8")
    form = form_on(world, "unidad de red lenta")
    until(lambda: any("Unidad" in row.text() for row in rows(form)))
    next(row for row in rows(form) if "Unidad" in row.text()).click()
    article = form.help.article
    assert article is not None
    assert "ipconfig /all | findstr my_host_name" in article.text.toPlainText()
    assert article.text.toPlainText().splitlines()[-1] == "Ver la guía."
    article.text.anchorClicked.emit(QUrl("https://x.example/g_1_2"))
    article.text.anchorClicked.emit(QUrl("file:///etc/passwd"))
    assert opened == ["https://x.example/g_1_2"]
    assert "Unidad" in article.text.toPlainText()
    assert 'href="https://x.example/g_1_2"' in article.text.toHtml()


def test_whatsapp_is_opened_only_after_the_words_were_shown(
    world: tuple[Session, Bridge], monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _ = world
    opened: list[str] = []
    monkeypatch.setattr("client.ui.hand_over.QDesktopServices.openUrl", lambda url: opened.append(url.toString()))
    session.change({"contact.whatsapp": "+57 300 123 4567"})
    form = form_on(world, "La pantalla parpadea")
    until(form.support.fold.isVisible)
    height = form.support.height()
    assert height < 2 * form.support.fold.height()
    form.support.fold.click()
    ways = lambda: [b for b in form.support._card.findChildren(QPushButton) if b.isVisible()]  # noqa: E731
    until(ways)
    (way,) = ways()
    assert way.text() == "WhatsApp +57 300 123 4567"
    way.click()
    (box,) = form.findChildren(QMessageBox)
    assert "La pantalla parpadea" in box.informativeText()
    assert opened == []
    assert [b.width() >= b.sizeHint().width() for b in box.buttons()] == [True, True]
    assert "Cancel" in [b.text() for b in box.buttons()]
    assert box.defaultButton().text() == "Hand over"
    next(button for button in box.buttons() if button.text() == "Hand over").click()
    until(lambda: opened)
    assert opened[0].startswith("https://wa.me/573001234567?text=La")


@pytest.fixture
def mesa(
    world: tuple[Session, Bridge],
    rt: RtServer,
    fault_proxy: Callable[[str], FaultProxy],
    monkeypatch: pytest.MonkeyPatch,
) -> FaultProxy:
    """The line to a desk with articles of its own, the chosen one."""
    proxy = fault_proxy(rt.url)
    monkeypatch.setenv("TESTIGO_SECRET_MESA", rt.tokens["ana"])
    world[0].change({"desks.mesa.kind": "rt", "desks.mesa.url": proxy.url, "report.desk": "mesa"})
    return proxy


def test_articles_that_cannot_be_reached_are_told_in_a_quiet_line_that_goes_by_itself(
    world: tuple[Session, Bridge], mesa: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.ui.help_before.AGAIN_MS", 300)
    world[0].change({"articles.folder": ""})
    mesa.next(Fault(answer=Answer(503)), times=None)
    form = form_on(world, "la impresora falla")
    line = form.help._away
    until(line.isVisible)
    assert line.text() == "The help articles cannot be reached now"
    assert rows(form) == []
    assert form.fields.subject.isEnabled()
    mesa.heal()
    until(lambda: [row for row in rows(form) if "impresora" in row.text()])
    assert not line.isVisible()


def test_a_desk_that_has_no_articles_for_this_user_is_no_trouble_to_tell(
    world: tuple[Session, Bridge], mesa: FaultProxy
) -> None:
    mesa.next(Fault(answer=Answer(403)), times=None)
    form = form_on(world, "la vpn se corta")
    until(lambda: any("VPN" in row.text() for row in rows(form)))
    assert not form.help._away.isVisible()
