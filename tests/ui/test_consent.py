from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPlainTextEdit

from client.redaction import PSEUDONYM
from client.report import Section
from client.ui.consent import Consent
from client.ui.pieces import OneLine
from client.ui.report_form import ReportForm
from client.ui.reviewed import Reviewed, whole_words
from client.ui.rows import ROW
from tests.ui.every_window import running_session

CONTROL = Qt.KeyboardModifier.ControlModifier
NETWORK = Section("network", "Network", "lucia at host-1\nproxy host-12 for lucia\nend", hidden=2)
LOG = Section("log", "Log", "lucia logged in\nhost-1 answered")
ABSENT = Section("x", "Sensors", "not collected (absent): none here", "absent", "not available here")


@pytest.fixture
def consent(app: QApplication) -> Consent:
    return opened(NETWORK, LOG, ABSENT)


def opened(*sections: Section) -> Consent:
    window = Consent(sections, {"network": "How it connects."}, send_words=True)
    window.show()
    window.activateWindow()
    assert QTest.qWaitForWindowActive(window)
    return window


def accepted(consent: Consent) -> tuple[Section, ...]:
    heard: list[tuple[Section, ...]] = []
    consent.accepted.connect(heard.append)
    QTest.keyClick(consent, Qt.Key.Key_Return)
    (sections,) = heard
    return sections


def select(consent: Consent, words: str) -> None:
    cursor = consent.text.document().find(words)
    assert not cursor.isNull()
    consent.text.setTextCursor(cursor)


def test_untouched_sections_leave_as_they_came(consent: Consent) -> None:
    assert accepted(consent) == (NETWORK, LOG, ABSENT)


NASTY = st.lists(
    st.one_of(
        st.characters(exclude_categories=()),
        st.sampled_from(["\r\n", *"\r\n\v\f\x1c\x85\u2028\u2029\xa0\0\ufdd0\ufdd1\ud800\t", "host-1", "😀"]),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(parts=NASTY)
def test_what_is_shown_is_byte_for_byte_what_leaves(parts: list[str]) -> None:
    (section,) = Reviewed((Section("a", "A", "".join(parts)),)).sections()
    view = QPlainTextEdit()
    view.setPlainText(section.text)
    assert view.toPlainText().encode() == section.text.encode()
    assert view.blockCount() == section.text.count("\n") + 1


def test_after_every_change_the_view_shows_what_leaves(consent: Consent) -> None:
    consent.hide_everywhere("lucia")
    select(consent, "proxy")
    QTest.keyClick(consent.text, Qt.Key.Key_Delete)
    shown = consent.text.toPlainText()
    network, log, _ = accepted(consent)
    assert network.text == shown == "[hidden] at host-1\nend"
    assert log.text == "[hidden] logged in\nhost-1 answered"
    assert (network.hidden, log.hidden) == (4, 1)


def test_unticking_takes_the_text_out_and_says_so(consent: Consent) -> None:
    consent.list.setFocus()
    QTest.keyClick(consent.list, Qt.Key.Key_Space)
    assert consent.text.toPlainText() == ""
    network, *others = accepted(consent)
    assert (network.title, network.text, network.status, network.hidden) == ("Network", "", "skipped", 0)
    assert others == [LOG, ABSENT]


def test_a_click_on_the_tick_turns_it_and_one_on_the_words_only_chooses(consent: Consent) -> None:
    place = consent.list.visualItemRect(consent.list.item(1))
    QTest.mouseClick(consent.list.viewport(), Qt.MouseButton.LeftButton, pos=place.center())
    assert consent.text.toPlainText() == LOG.text
    QTest.mouseClick(consent.list.viewport(), Qt.MouseButton.LeftButton, pos=place.topLeft() + QPoint(22, 20))
    assert [section.status for section in accepted(consent)] == ["ok", "skipped", "absent"]


def test_selected_words_are_hidden_everywhere_by_key_and_button(consent: Consent) -> None:
    assert not consent.hide_button.isEnabled()
    select(consent, "lucia")
    QTest.keyClick(consent.text, Qt.Key.Key_H, CONTROL)
    assert all("lucia" not in section.text for section in consent.sections())
    select(consent, "proxy")
    QTest.mouseClick(consent.hide_button, Qt.MouseButton.LeftButton)
    assert "proxy" not in consent.sections()[0].text


def test_pseudonyms_are_hidden_whole_or_not_at_all(consent: Consent) -> None:
    assert consent.hide_everywhere("host-1") == 2
    assert consent.sections()[0].text == "lucia at [hidden]\nproxy host-12 for lucia\nend"
    assert consent.hide_everywhere("host") == 0
    assert consent.hide_everywhere("hidden") == 0


def test_a_selection_that_cuts_a_pseudonym_takes_it_whole(consent: Consent) -> None:
    cursor = QTextCursor(consent.text.document())
    start = consent.text.toPlainText().index("ost-1")
    cursor.setPosition(start)
    cursor.setPosition(start + 2, QTextCursor.MoveMode.KeepAnchor)
    consent.text.setTextCursor(cursor)
    QTest.keyClick(consent.text, Qt.Key.Key_H, CONTROL)
    assert consent.sections()[1].text == "lucia logged in\n[hidden] answered"


def test_selections_are_counted_as_qt_counts_them() -> None:
    assert whole_words("😀 host-1 ok", 4, 6) == "host-1"
    assert whole_words("😀 host-1 ok", 10, 12) == "ok"


WORDS = st.text("host-12 []idenab", min_size=1, max_size=6).filter(str.strip)
PARTS = st.lists(st.sampled_from(["host-1", "a", " ", "-12 ", "[hidden]"]), min_size=1)


@settings(max_examples=100, deadline=None)
@given(WORDS, PARTS)
def test_hiding_words_breaks_no_pseudonym(word: str, parts: list[str]) -> None:
    assume(not PSEUDONYM.search(word))
    text = "".join(parts)
    reviewed = Reviewed((Section("a", "A", text),))
    reviewed.hide(word)
    (section,) = reviewed.sections()
    before, after = (Counter(found[0] for found in PSEUDONYM.finditer(each)) for each in (text, section.text))
    assert before <= after


def test_every_change_can_be_taken_back(consent: Consent) -> None:
    consent.hide_everywhere("lucia")
    select(consent, "end")
    QTest.keyClick(consent.text, Qt.Key.Key_Delete)
    consent.list.setFocus()
    QTest.keyClick(consent.list, Qt.Key.Key_Space)
    for _ in range(3):
        QTest.keyClick(consent.text, Qt.Key.Key_Z, CONTROL)
    assert accepted(consent) == (NETWORK, LOG, ABSENT)


def test_a_section_whose_last_line_is_cut_reads_as_taken_out(app: QApplication) -> None:
    consent = opened(LOG)
    consent.text.selectAll()
    QTest.keyClick(consent.text, Qt.Key.Key_Delete)
    (section,) = accepted(consent)
    assert (section.text, section.status) == ("", "skipped")


def test_enter_on_cancel_declines(consent: Consent) -> None:
    heard: list[object] = []
    consent.accepted.connect(heard.append)
    consent.declined.connect(lambda: heard.append("declined"))
    consent.cancel.setFocus()
    QTest.keyClick(consent.cancel, Qt.Key.Key_Return)
    assert heard == ["declined"]
    assert not consent.isVisible()


def test_the_saved_copy_is_what_would_leave(consent: Consent, tmp_path: Path) -> None:
    consent.hide_everywhere("lucia")
    QTest.keyClick(consent.list, Qt.Key.Key_Down)
    QTest.keyClick(consent.list, Qt.Key.Key_Space)
    consent.save_copy(tmp_path / "copy.txt")
    text = (tmp_path / "copy.txt").read_text("utf-8")
    network, *_ = consent.sections()
    assert network.text in text
    assert "answered" not in text
    assert "lucia" not in text


def test_a_copy_that_cannot_be_written_is_told(consent: Consent, tmp_path: Path) -> None:
    consent.save_copy(tmp_path / "missing" / "copy.txt")
    assert "No such file" in consent.total.text()


def test_sections_that_were_not_collected_say_so_calmly(consent: Consent) -> None:
    rows = [consent.list.item(number).data(ROW) for number in range(3)]
    assert [(row.detail, row.muted) for row in rows] == [
        ("43\u00a0B · 2 things hidden", False),
        ("31\u00a0B", False),
        ("not available here", True),
    ]


def test_the_form_and_the_review_count_alike_what_was_collected(app: QApplication) -> None:
    sections = (
        Section("a", "A", "one"),
        Section("b", "B", "two", "partial"),
        Section("c", "C", "not collected", "denied", "no permission"),
        Section("d", "D", "", "absent"),
    )
    with running_session() as (session, bridge):
        session.change({"report.diagnostics": "none"})
        form = ReportForm(session, bridge, session.new_draft(summary="x", sections=sections), tuple)
        told = [label.text() for label in form.diagnostics.findChildren(OneLine)]
        total = Consent(sections, {}, send_words=True).total.text()
        assert total.startswith("2 sections, ")
        assert total in told
        form.close()
