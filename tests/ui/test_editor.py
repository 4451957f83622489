from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QFont, QFontMetrics, QGuiApplication, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QPushButton, QWidget

from capture import png
from capture.image import Cursor
from client import words
from client.annotation import Box, Crop, Hide, History, Mark, Pointer, Step, Text
from client.ui import look, tools
from client.ui.buttons import PrimaryButton, ToolButton
from client.ui.canvas import Canvas
from client.ui.context_bar import ContextBar
from client.ui.editor import Editor
from tests.ui.pictures import noise, plain

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def editor(app: QApplication) -> Editor:
    return opened()


def opened(*marks: Mark) -> Editor:
    editor = Editor(noise(640, 400), History(marks), "Café Andino")
    editor.show()
    editor.activateWindow()
    assert QTest.qWaitForWindowActive(editor)
    return editor


def canvas(editor: Editor) -> Canvas:
    return editor.findChild(Canvas)


def press(editor: Editor, key: Qt.Key, held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(QApplication.focusWidget() or editor, key, held)


def test_a_mark_is_made_moved_undone_and_redone_by_keyboard_alone(editor: Editor) -> None:
    heard: list[History] = []
    editor.changed.connect(heard.append)
    press(editor, Qt.Key.Key_R)
    press(editor, Qt.Key.Key_Return)
    press(editor, Qt.Key.Key_Right)
    press(editor, Qt.Key.Key_Z, CONTROL)
    press(editor, Qt.Key.Key_Z, CONTROL)
    press(editor, Qt.Key.Key_Z, CONTROL | SHIFT)
    assert [len(history.marks) for history in heard] == [1, 1, 1, 0, 1]
    assert editor.history == heard[-1]
    press(editor, Qt.Key.Key_PageDown)
    press(editor, Qt.Key.Key_Delete)
    assert editor.history.marks == ()


def test_letters_and_digits_choose_tools(editor: Editor) -> None:
    for tool, keys in tools.KEYS.items():
        for key in keys:
            press(editor, Qt.Key.Key_V)
            QTest.keyClicks(QApplication.focusWidget(), key)
            checked = [button for button in editor.findChildren(ToolButton) if button.isChecked()]
            assert [button.accessibleName() for button in checked] == [tools.NAMES[tool]()]


def test_escape_leaves_step_by_step_but_never_the_window(app: QApplication) -> None:
    editor = opened(Box(10, 10, 50, 50))
    press(editor, Qt.Key.Key_R)
    press(editor, Qt.Key.Key_PageDown)
    for _ in range(4):
        press(editor, Qt.Key.Key_Escape)
    assert editor.isVisible()
    assert editor.history.marks == (Box(10, 10, 50, 50),)


def drag(editor: Editor, start: QPoint, end: QPoint) -> None:
    view = canvas(editor)
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=start)
    held = Qt.MouseButton.LeftButton
    for place in (QPoint((start.x() + end.x()) // 2, (start.y() + end.y()) // 2), end):
        there = view.mapToGlobal(QPointF(place))
        QApplication.sendEvent(
            view,
            QMouseEvent(QEvent.Type.MouseMove, QPointF(place), there, held, held, Qt.KeyboardModifier.NoModifier),
        )
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=end)


def begin_words(editor: Editor, typed: str) -> None:
    press(editor, Qt.Key.Key_T)
    QTest.mouseClick(canvas(editor), Qt.MouseButton.LeftButton, pos=QPoint(60, 60))
    QTest.keyClicks(QApplication.focusWidget(), typed)


def hides_what_is_dragged_over(editor: Editor) -> bool:
    """Whether a drag, with whatever tool is chosen, destroys what lies under it."""
    before = editor.picture().pixels
    drag(editor, QPoint(300, 200), QPoint(400, 300))
    gone = [mark for mark in editor.history.marks if isinstance(mark, Hide)]
    if len(gone) != 1:
        return False
    hidden = gone[0]
    rows = slice(round(hidden.y), round(hidden.y + hidden.height))
    columns = slice(round(hidden.x), round(hidden.x + hidden.width))
    after = editor.picture().pixels[rows, columns, :3]
    return bool((after == after[0, 0]).all() and not (before[rows, columns, :3] == after).all())


def words_on(editor: Editor) -> list[str]:
    return [mark.text for mark in editor.history.marks if isinstance(mark, Text)]


def test_after_escape_from_the_words_the_keys_choose_tools_and_hiding_hides(editor: Editor) -> None:
    begin_words(editor, "hay 2 veces h")
    press(editor, Qt.Key.Key_Escape)
    assert words_on(editor) == ["hay 2 veces h"]
    press(editor, Qt.Key.Key_H)
    assert hides_what_is_dragged_over(editor)
    assert words_on(editor) == ["hay 2 veces h"]


def test_another_tool_chosen_while_typing_keeps_the_words_and_works(editor: Editor) -> None:
    begin_words(editor, "aqui")
    QTest.mouseClick(named(editor, tools.NAMES["hide"]()), Qt.MouseButton.LeftButton)
    assert words_on(editor) == ["aqui"]
    assert hides_what_is_dragged_over(editor)
    assert words_on(editor) == ["aqui"]


def test_while_words_are_typed_their_keys_change_nothing_else(app: QApplication) -> None:
    editor = opened(Box(10, 10, 50, 50))
    begin_words(editor, "vr")
    for key, held in (
        (Qt.Key.Key_Z, CONTROL),
        (Qt.Key.Key_D, CONTROL),
        (Qt.Key.Key_Plus, CONTROL),
        (Qt.Key.Key_Delete, Qt.KeyboardModifier.NoModifier),
        (Qt.Key.Key_Backspace, Qt.KeyboardModifier.NoModifier),
    ):
        press(editor, key, held)
    QTest.keyClicks(QApplication.focusWidget(), "h1")
    assert canvas(editor).view.zoom == 1
    assert canvas(editor).sketch.tool == "text"
    press(editor, Qt.Key.Key_Escape)
    assert editor.history.marks[0] == Box(10, 10, 50, 50)
    assert [text.endswith("h1") for text in words_on(editor)] == [True]


def test_closing_takes_the_words_being_typed_and_says_so(editor: Editor) -> None:
    heard: list[object] = []
    editor.changed.connect(heard.append)
    editor.closed.connect(lambda: heard.append("closed"))
    press(editor, Qt.Key.Key_T)
    press(editor, Qt.Key.Key_Return)
    QTest.keyClicks(QApplication.focusWidget(), "aqui")
    editor.close()
    assert [type(each).__name__ for each in heard] == ["History", "str"]
    assert editor.history.marks[0].text == "aqui"


def test_the_primary_button_and_its_key_ask_for_a_report(editor: Editor) -> None:
    heard: list[int] = []
    editor.report_wanted.connect(lambda: heard.append(1))
    QTest.mouseClick(editor.findChild(PrimaryButton), Qt.MouseButton.LeftButton)
    press(editor, Qt.Key.Key_Return, CONTROL)
    assert heard == [1, 1]


def test_the_clipboard_gets_the_flattened_picture(app: QApplication) -> None:
    editor = opened(Hide(0, 0, 100, 100), Crop(0, 0, 320, 200))
    assert editor.copy()
    held = QGuiApplication.clipboard().mimeData()
    copied = held.imageData()
    assert (copied.width(), copied.height()) == (320, 200)
    assert copied.pixelColor(50, 50).name() == "#101114"
    assert bytes(held.data("image/png").data()) == png.encode(editor.picture())
    assert status(editor) == "Copied"


def status(editor: Editor) -> str:
    return next(label.text() for label in editor.findChildren(QLabel) if label.parent() is editor)


def test_nothing_is_called_copied_that_the_clipboard_did_not_take(
    editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Deaf:
        def setMimeData(self, _parcel: QMimeData) -> None: ...
        def mimeData(self) -> None: ...
        def ownsClipboard(self) -> bool:
            return False

    monkeypatch.setattr(QGuiApplication, "clipboard", staticmethod(Deaf))
    assert not editor.copy()
    assert "did not" in status(editor)


def test_the_saved_file_is_the_picture_as_it_leaves(app: QApplication, tmp_path: Path) -> None:
    editor = opened(Hide(10, 10, 30, 30), Step(100, 100))
    assert editor.save_as(tmp_path / "captura")
    assert status(editor) == "Saved as captura.png"
    saved = png.read(tmp_path / "captura.png")
    assert np.array_equal(saved.pixels, editor.picture().pixels)


def test_a_file_that_cannot_be_written_is_said_with_its_reason(editor: Editor, tmp_path: Path) -> None:
    assert not editor.save_as(tmp_path / "missing" / "a.png")
    assert "No such file" in status(editor)


def test_the_pointer_of_a_fresh_screenshot_can_be_deleted(app: QApplication) -> None:
    arrow = np.full((8, 6, 4), 255, np.uint8)
    arrow[..., :3] = (0, 0, 200)
    shot = replace(plain(200, 100), cursor=Cursor(arrow, 50, 40))
    editor = Editor(shot)
    (mark,) = editor.history.marks
    assert isinstance(mark, Pointer)
    assert np.array_equal(editor.picture().pixels, shot.with_cursor().pixels)
    sketch = canvas(editor).sketch
    sketch.select(0)
    sketch.delete()
    assert (editor.picture().pixels[..., :3] == 255).all()


def bar(editor: Editor) -> ContextBar:
    return editor.findChild(ContextBar)


def test_the_context_bar_shows_only_while_there_is_something_to_say(app: QApplication) -> None:
    editor = opened(Box(10, 10, 100, 100))
    assert not bar(editor).isVisible()
    editor.choose_tool("arrow")
    assert bar(editor).isVisible()
    editor.choose_tool("select")
    assert not bar(editor).isVisible()
    press(editor, Qt.Key.Key_PageDown)
    assert bar(editor).isVisible()
    assert bar(editor).parentWidget().rect().contains(bar(editor).geometry())


def named(editor: Editor, name: str) -> QAbstractButton:
    return next(b for b in editor.findChildren(QAbstractButton) if b.accessibleName() == name and b.isVisible())


def test_colours_weights_and_order_are_changed_in_the_context_bar(app: QApplication) -> None:
    editor = opened(Box(10, 10, 100, 100), Step(300, 300))
    canvas(editor).sketch.select(0)
    canvas(editor).refresh()
    for name in ("Green", "Thick", "Bring forward", "Duplicate"):
        QTest.mouseClick(named(editor, name), Qt.MouseButton.LeftButton)
    first, second, third = editor.history.marks
    assert (first, second) == (Step(300, 300), Box(10, 10, 100, 100, "#1FA463", 8))
    assert isinstance(third, Box)
    assert named(editor, "Green").isChecked()
    assert not named(editor, "Red").isChecked()


def test_hiding_says_how_many_places_are_hidden(app: QApplication) -> None:
    editor = opened(Hide(1, 1, 5, 5), Hide(9, 9, 5, 5))
    editor.choose_tool("hide")
    assert "2 places hidden for good" in [label.text() for label in bar(editor).findChildren(QLabel)]


def controls(editor: Editor) -> list[QWidget]:
    return [
        w for w in editor.findChildren(QWidget) if isinstance(w, QAbstractButton | Canvas) and w.isVisibleTo(editor)
    ]


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_control_has_a_name_and_a_way_by_keyboard(app: QApplication, language: str) -> None:
    words.speak(language)
    editor = opened(Box(10, 10, 100, 100))
    canvas(editor).sketch.select(0)
    canvas(editor).refresh()
    for control in controls(editor):
        assert control.accessibleName(), control
        in_group = isinstance(control, QAbstractButton) and control.group() is not None
        assert in_group or control.focusPolicy() & Qt.FocusPolicy.TabFocus, control.accessibleName()


def test_the_language_changes_while_the_window_is_open(editor: Editor) -> None:
    words.speak("es")
    look.retranslate()
    assert editor.windowTitle() == "Captura · Café Andino"
    assert "Reportar un problema" in [button.text() for button in editor.findChildren(QPushButton)]
    assert named(editor, "Ocultar").toolTip().startswith("Ocultar")


def test_no_word_is_cut_at_twice_the_text_size_in_spanish(app: QApplication) -> None:
    font = QFont(app.font())
    font.setPixelSize(26)
    app.setFont(font)
    words.speak("es")
    editor = opened(Hide(10, 10, 100, 100))
    editor.resize(editor.minimumSizeHint())
    editor.choose_tool("hide")
    QApplication.processEvents()
    for control in controls(editor):
        if isinstance(control, QPushButton):
            needed = QFontMetrics(control.font()).horizontalAdvance(control.text())
            assert control.width() >= needed, control.text()
            assert editor.rect().contains(control.mapTo(editor, control.rect().center()))


def test_a_large_picture_is_dragged_about_by_wheel_and_middle_button(editor: Editor) -> None:
    view = canvas(editor)
    view.zoom_to(4.0)
    before = view.seen_part()
    QTest.mousePress(view, Qt.MouseButton.MiddleButton, pos=QPoint(200, 200))
    QTest.mouseMove(view, QPoint(160, 180))
    move = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(160, 180),
        view.mapToGlobal(QPointF(160, 180)),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.MiddleButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(view, move)
    QTest.mouseRelease(view, Qt.MouseButton.MiddleButton, pos=QPoint(160, 180))
    after = view.seen_part()
    assert (after.x - before.x, after.y - before.y) == pytest.approx((10, 5), abs=0.5)
    assert editor.history.marks == ()


def test_zoom_keys_never_scale_up_by_themselves(editor: Editor) -> None:
    view = canvas(editor)
    assert view.view.zoom == 1
    editor.resize(editor.minimumSizeHint())
    QApplication.processEvents()
    press(editor, Qt.Key.Key_1, CONTROL)
    assert view.view.zoom == 1
    press(editor, Qt.Key.Key_Plus, CONTROL)
    assert view.view.zoom == 1.5
    press(editor, Qt.Key.Key_0, CONTROL)
    assert view.view.zoom <= 1
