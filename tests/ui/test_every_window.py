"""What holds for every window: names, words, live language, room for the words, a way by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QFont, QFontMetrics
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QPlainTextEdit,
    QScrollArea,
    QWidget,
)

from client import words
from client.ui import look
from client.ui.attachment_tile import Tile
from client.ui.pieces import OneLine
from client.ui.rows import ROW, RowList
from client.ui.tray import retitle
from tests.ui.every_window import SECTIONS, SUBJECT, WHY, WINDOWS, opened, running_session, until
from tests.ui.every_window import report_form as make_form

OWN = [
    r"⟦httpš://\S+⟧",
    "T-93 · Resuelta · Alta|Marta López",
    SUBJECT,
    r"(?:⟦çáptüré-1···⟧|capture-1)\.png",
    r"“archivo\.txt” was not attached: it is no longer there\.",  # said when it happened
    WHY,
    r"registro\.txt",
    r"a-very-long-name\S+\.mp4|nube",
    r"archivo\.txt",
    r"T-000093",
    r"Testigo",
    r"English|Español",
    r"/\S+",
    r"\b(?:kB|MB|px|B|s)\b",
    r"\b(?:Ctrl|Shift|Alt|Print|Return|Del|Delete|Meta|Space|Esc)\b",
    *(re.escape(section.title) for section in SECTIONS),
    *(re.escape(section.text) for section in SECTIONS if section.text),
    r"line \d.*",
]
"""What is not ours to translate: the user's words, names, units, keys, and what a parser says of a broken file."""


def shown(window: QWidget) -> list[QWidget]:
    return [window, *(w for w in window.findChildren(QWidget) if w.isVisibleTo(window))]


def texts(widget: QWidget) -> Iterator[str]:
    yield from (widget.accessibleName(), widget.accessibleDescription(), widget.toolTip())
    if widget.isWindow():
        yield widget.windowTitle()
    if isinstance(widget, QLabel | QAbstractButton):
        yield widget.text()
    if isinstance(widget, QLineEdit | QPlainTextEdit):
        yield widget.placeholderText()
    if isinstance(widget, QComboBox):
        yield from (widget.itemText(number) for number in range(widget.count()))
    if isinstance(widget, QListWidget):
        for number in range(widget.count()):
            row = widget.item(number).data(ROW)
            yield from (row.title, row.detail, row.state)


def unsaid(window: QWidget) -> list[tuple[str, str]]:
    """Texts with letters that did not go through ``say``."""
    found = []
    for widget in shown(window):
        for text in texts(widget):
            rest = text
            for own in OWN:
                rest = re.sub(own, "", rest)
            rest = re.sub("⟦[^⟦⟧]*(?:⟦[^⟦⟧]*⟧[^⟦⟧]*)*⟧", "", rest)
            if re.search(r"[^\W\d_]{2}", rest):
                found.append((type(widget).__name__, text))
    return found


@pytest.mark.parametrize("name", [name for name in WINDOWS if name != "overlay"])
def test_every_control_has_an_accessible_name(app: QApplication, name: str) -> None:
    with opened(name) as window:
        nameless = [
            widget
            for widget in shown(window)
            if widget.focusPolicy() != Qt.FocusPolicy.NoFocus
            and not isinstance(widget, QScrollArea)
            and not widget.accessibleName()
            and not getattr(widget, "text", lambda: "")()
        ]
        assert not nameless
        assert window.windowTitle() or window.accessibleName()


@pytest.mark.parametrize("name", WINDOWS)
def test_every_text_can_be_translated(app: QApplication, name: str) -> None:
    words.speak(words.PSEUDO)
    with opened(name) as window:
        assert not unsaid(window)


# A notice is gone in a few seconds; it keeps the language it was said in.
@pytest.mark.parametrize("name", [name for name in WINDOWS if name != "notice"])
def test_the_language_changes_while_the_window_is_open(app: QApplication, name: str) -> None:
    with opened(name) as window:
        words.speak(words.PSEUDO)
        if name == "home":
            actions = {action.objectName(): action for action in window.findChildren(QAction)}
            retitle(actions, recording=True, delay_s=3)
        look.retranslate()
        assert not unsaid(window)


def cut(window: QWidget) -> list[tuple[str, str, str]]:
    """Words that have less room than they need."""
    found = []
    for widget in shown(window):
        kind = type(widget).__name__
        if isinstance(widget, OneLine):
            if widget.height() < QFontMetrics(widget.font()).height():
                found.append((kind, widget.text(), "height"))
        elif isinstance(widget, QLabel):
            if widget.wordWrap() and widget.height() < widget.heightForWidth(widget.width()):
                found.append((kind, widget.text(), f"{widget.height()} of {widget.heightForWidth(widget.width())}"))
            if not widget.wordWrap() and widget.width() < widget.sizeHint().width():
                found.append((kind, widget.text(), f"{widget.width()} of {widget.sizeHint().width()}"))
        elif isinstance(widget, QAbstractButton | QComboBox) and not isinstance(widget.parent(), QLineEdit):
            needed = widget.sizeHint()
            if isinstance(widget, QComboBox):
                needed = QFontMetrics(widget.font()).boundingRect(widget.currentText()).size()
            if widget.width() < needed.width() or widget.height() < min(needed.height(), 24):
                found.append((kind, widget.accessibleName(), f"{widget.size()} of {needed}"))
        if isinstance(widget, QAbstractButton | QLabel) and not inside_scroll(widget, window):
            place = widget.mapTo(window, widget.rect().topLeft())
            if not window.rect().adjusted(-1, -1, 1, 1).contains(widget.rect().translated(place)):
                found.append((kind, widget.accessibleName() or str(widget), f"outside: {place} {widget.size()}"))
    return found


def inside_scroll(widget: QWidget, window: QWidget) -> bool:
    parent = widget.parentWidget()
    while parent is not None and parent is not window:
        if isinstance(parent, QAbstractScrollArea | Tile):
            return True
        parent = parent.parentWidget()
    return False


# The overlay has no fixed size: it is the screen.
@pytest.mark.parametrize("larger", [1, 2])
@pytest.mark.parametrize("language", ["es", words.PSEUDO])
@pytest.mark.parametrize("name", [name for name in WINDOWS if name != "overlay"])
def test_no_word_is_cut(app: QApplication, name: str, language: str, larger: int) -> None:
    font = QFont(app.font())
    font.setPixelSize(13 * larger)
    app.setFont(font)
    words.speak(language)
    with opened(name) as window:
        assert not cut(window)
        window.resize(window.minimumSize().expandedTo(window.minimumSizeHint()))
        QTest.qWait(1)
        assert not cut(window)


@pytest.mark.parametrize("name", ["consent", "outbox", "history", "links"])
def test_lists_have_room_for_both_lines_at_twice_the_size(app: QApplication, name: str) -> None:
    font = QFont(app.font())
    font.setPixelSize(26)
    app.setFont(font)
    needed = QFontMetrics(look.font()).height() + QFontMetrics(look.font("small")).height()
    with opened(name) as window:
        (rows,) = window.findChildren(RowList)
        heights = [
            rows.visualItemRect(rows.item(n)).height() for n in range(rows.count()) if rows.item(n).data(ROW).detail
        ]
        assert heights
        assert min(heights) >= needed


def test_a_report_is_written_and_sent_by_keyboard_alone(app: QApplication) -> None:
    with running_session() as (session, bridge):
        form = make_form(session, bridge)
        form.fields.subject.clear()
        form.activateWindow()
        assert QTest.qWaitForWindowActive(form)
        gone: list[str] = []
        form.sent.connect(gone.append)

        def key(code: Qt.Key, held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
            QTest.keyClick(app.focusWidget() or form, code, held)

        form.fields.subject.setFocus()
        QTest.keyClicks(app.focusWidget(), "Printer")
        key(Qt.Key.Key_Return)
        QTest.keyClicks(app.focusWidget(), "All blank")
        key(Qt.Key.Key_Tab)
        key(Qt.Key.Key_Right)
        key(Qt.Key.Key_Tab)
        key(Qt.Key.Key_Left)
        key(Qt.Key.Key_Tab)
        assert app.focusWidget().accessibleName().startswith("registro.txt")
        key(Qt.Key.Key_Delete)
        assert app.focusWidget().accessibleName().startswith("capture-1.png")
        key(Qt.Key.Key_Tab)
        assert app.focusWidget().accessibleName() == "Add"
        key(Qt.Key.Key_Tab)
        assert app.focusWidget() is form.diagnostics.tick
        key(Qt.Key.Key_Space)
        key(Qt.Key.Key_Tab)
        assert app.focusWidget() is form.connect_desk
        key(Qt.Key.Key_Tab)
        assert app.focusWidget() is form.keep
        key(Qt.Key.Key_Tab)
        key(Qt.Key.Key_Return)
        until(lambda: gone)
        (report,) = (session.report(report_id) for report_id in gone)
        assert (report.summary, report.description) == ("Printer", "All blank")
        assert (report.kind, report.priority) == ("petition", "high")
        assert [a.name for a in report.attachments] == ["capture-1.png"]
        assert report.sections == ()
