from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from client.annotation import Arrow, Box, Crop, Ellipse, Hide, Highlight, History, Line, Mark, Pen, Step, Text
from client.ui.canvas import Canvas
from client.ui.qimage import from_qimage
from client.ui.text_box import TextBox
from client.ui.tools import TOOLS, Tool
from tests.ui.pictures import noise, plain

LEFT, SHIFT, ALT = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier
Open = Callable[..., Canvas]


@pytest.fixture
def canvas(app: QApplication) -> Canvas:
    return opened(History())


def opened(history: History, width: int = 400, height: int = 300) -> Canvas:
    """A canvas that shows a white picture as it is; the image's pixel 0, 0 is at 100, 100."""
    canvas = Canvas(plain(width, height), history)
    canvas.resize(width + 200, height + 200)
    canvas.show()
    canvas.activateWindow()
    canvas.setFocus()
    assert QTest.qWaitForWindowActive(canvas)
    assert (canvas.view.zoom, canvas.view.x, canvas.view.y) == (1, 100, 100)
    return canvas


def at(x: int, y: int) -> QPoint:
    return QPoint(100 + x, 100 + y)


def drag(canvas: Canvas, *points: tuple[int, int], held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.mousePress(canvas, LEFT, held, at(*points[0]))
    for x, y in points[1:]:
        move(canvas, x, y, held)
    QTest.mouseRelease(canvas, LEFT, held, at(*points[-1]))


def move(canvas: Canvas, x: int, y: int, held: Qt.KeyboardModifier) -> None:
    from PySide6.QtCore import QEvent, QPointF
    from PySide6.QtGui import QMouseEvent

    place = QPointF(at(x, y))
    event = QMouseEvent(QEvent.Type.MouseMove, place, canvas.mapToGlobal(place), LEFT, LEFT, held)
    QApplication.sendEvent(canvas, event)


def marks(canvas: Canvas) -> tuple[Mark, ...]:
    return canvas.sketch.history.marks


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        ("line", Line((10, 20), (110, 80))),
        ("arrow", Arrow((10, 20), (110, 80))),
        ("box", Box(10, 20, 100, 60)),
        ("ellipse", Ellipse(10, 20, 100, 60)),
        ("highlight", Highlight(10, 20, 100, 60)),
        ("hide", Hide(10, 20, 100, 60)),
        ("crop", Crop(10, 20, 100, 60)),
        ("pen", Pen(((10, 20), (60, 50), (110, 80)))),
        ("step", Step(110, 80)),
    ],
)
def test_a_drag_with_a_tool_makes_its_mark_in_one_edit(canvas: Canvas, tool: Tool, expected: Mark) -> None:
    canvas.choose_tool(tool)
    drag(canvas, (10, 20), (60, 50), (110, 80))
    assert marks(canvas) == (expected,)
    assert len(canvas.sketch.history.past) == 1


def test_shift_draws_squares_and_straight_lines(canvas: Canvas) -> None:
    canvas.choose_tool("box")
    drag(canvas, (0, 0), (50, 10), held=SHIFT)
    canvas.choose_tool("line")
    drag(canvas, (0, 0), (50, 3), held=SHIFT)
    box, line = marks(canvas)
    assert box == Box(0, 0, 50, 50)
    assert isinstance(line, Line)
    assert line.end[1] == pytest.approx(0)


def test_a_click_with_a_drawing_tool_leaves_no_speck_but_selects(canvas: Canvas) -> None:
    canvas.choose_tool("box")
    drag(canvas, (10, 10), (60, 60))
    canvas.sketch.select(None)
    QTest.mouseClick(canvas, LEFT, Qt.KeyboardModifier.NoModifier, at(10, 30))
    assert (len(marks(canvas)), canvas.sketch.selected) == (1, 0)
    QTest.mouseClick(canvas, LEFT, Qt.KeyboardModifier.NoModifier, at(200, 200))
    assert (len(marks(canvas)), canvas.sketch.selected) == (1, None)


def test_a_mark_is_moved_and_resized_by_pointer(app: QApplication) -> None:
    canvas = opened(History((Box(50, 50, 100, 80),)))
    drag(canvas, (50, 70), (60, 75), (80, 90))
    assert marks(canvas) == (Box(80, 70, 100, 80),)
    drag(canvas, (180, 150), (200, 160))
    assert marks(canvas) == (Box(80, 70, 120, 90),)
    canvas.sketch.step_back()
    canvas.sketch.step_back()
    assert marks(canvas) == (Box(50, 50, 100, 80),)


def test_escape_drops_the_mark_in_progress(canvas: Canvas) -> None:
    canvas.choose_tool("box")
    QTest.mousePress(canvas, LEFT, Qt.KeyboardModifier.NoModifier, at(10, 10))
    move(canvas, 60, 60, Qt.KeyboardModifier.NoModifier)
    assert canvas.sketch.marks()
    assert canvas.sketch.cancel()
    QTest.mouseRelease(canvas, LEFT, Qt.KeyboardModifier.NoModifier, at(60, 60))
    assert marks(canvas) == ()
    assert canvas.sketch.tool == "box"


def test_a_box_is_drawn_by_keyboard_alone(canvas: Canvas) -> None:
    canvas.choose_tool("box")
    QTest.keyClick(canvas, Qt.Key.Key_Return)
    (first,) = marks(canvas)
    assert isinstance(first, Box)
    assert (first.x + first.width / 2, first.y + first.height / 2) == (200, 150)
    QTest.keyClick(canvas, Qt.Key.Key_Right)
    QTest.keyClick(canvas, Qt.Key.Key_Down, SHIFT)
    QTest.keyClick(canvas, Qt.Key.Key_Right, ALT)
    QTest.keyClick(canvas, Qt.Key.Key_Up, SHIFT | ALT)
    assert marks(canvas) == (Box(first.x + 1, first.y + 10, first.width + 1, first.height - 10),)
    assert len(canvas.sketch.history.past) == 2, "many nudges are one edit to undo"


@pytest.mark.parametrize("tool", [tool for tool in TOOLS if tool not in ("select", "text")])
def test_every_tool_makes_a_mark_by_keyboard(canvas: Canvas, tool: Tool) -> None:
    canvas.choose_tool(tool)
    QTest.keyClick(canvas, Qt.Key.Key_Return)
    assert len(marks(canvas)) == 1
    assert canvas.sketch.selected == 0


def text_box(canvas: Canvas) -> TextBox:
    return next(box for box in canvas.findChildren(TextBox) if box.isVisible())


def test_words_are_typed_on_the_picture(canvas: Canvas) -> None:
    canvas.choose_tool("text")
    QTest.mouseClick(canvas, LEFT, Qt.KeyboardModifier.NoModifier, at(40, 50))
    box = text_box(canvas)
    QTest.keyClicks(box, "aqui")
    QTest.keyClick(box, Qt.Key.Key_Return, SHIFT)
    QTest.keyClicks(box, "falla")
    QTest.keyClick(box, Qt.Key.Key_Return)
    (text,) = marks(canvas)
    assert isinstance(text, Text)
    assert (text.text, text.x) == ("aqui\nfalla", 40)
    QTest.keyClick(canvas, Qt.Key.Key_Return)
    QTest.keyClicks(text_box(canvas), "x")
    QTest.keyClick(text_box(canvas), Qt.Key.Key_Escape)
    assert [mark.text for mark in marks(canvas)] == ["x"]
    QTest.keyClick(canvas, Qt.Key.Key_Return)
    QTest.keyClick(text_box(canvas), Qt.Key.Key_Delete)
    QTest.keyClick(text_box(canvas), Qt.Key.Key_Escape)
    assert [mark.text for mark in marks(canvas)] == ["x"]


def test_words_emptied_are_a_mark_deleted_and_no_words_are_no_mark(canvas: Canvas) -> None:
    canvas.choose_tool("text")
    QTest.keyClick(canvas, Qt.Key.Key_Return)
    QTest.keyClick(text_box(canvas), Qt.Key.Key_Return)
    assert marks(canvas) == ()
    canvas.sketch.add(Text(10, 10, "a"))
    canvas.edit_text(Text(10, 10, "a"), 0)
    QTest.keyClick(text_box(canvas), Qt.Key.Key_Backspace)
    canvas.end_text()
    assert marks(canvas) == ()


def test_what_a_crop_leaves_is_what_is_shown_and_the_tool_shows_all_again(canvas: Canvas) -> None:
    canvas.choose_tool("crop")
    drag(canvas, (50, 60), (150, 160))
    drag(canvas, (150, 160), (250, 260))
    QTest.keyClick(canvas, Qt.Key.Key_Return)
    assert marks(canvas) == (Crop(50, 60, 200, 200),)
    assert canvas.sketch.tool == "select"
    assert canvas.view.shown == (50, 60, 200, 200)
    canvas.choose_tool("crop")
    assert canvas.view.shown == (0, 0, 400, 300)
    drag(canvas, (300, 200), (320, 220))
    assert marks(canvas) == (Crop(300, 200, 20, 20),), "a picture has one crop"


def test_order_duplicates_and_deletes_by_key_keep_the_selection_right(app: QApplication) -> None:
    a, b, c = Step(10, 10), Step(40, 40), Box(100, 100, 20, 20)
    canvas = opened(History((a, b, c)))
    canvas.sketch.select(0)
    canvas.sketch.lift(1)
    assert (marks(canvas), canvas.sketch.selected) == ((b, a, c), 1)
    canvas.sketch.lift(-5)
    assert (marks(canvas), canvas.sketch.selected) == ((a, b, c), 0)
    canvas.sketch.select(2)
    canvas.sketch.duplicate()
    assert (marks(canvas)[3], canvas.sketch.selected) == (Box(116, 116, 20, 20), 3)
    canvas.sketch.delete()
    assert (marks(canvas), canvas.sketch.selected) == ((a, b, c), None)
    QTest.keyClick(canvas, Qt.Key.Key_PageDown)
    assert canvas.sketch.selected == 0
    QTest.keyClick(canvas, Qt.Key.Key_PageUp)
    assert canvas.sketch.selected == 2


def test_colour_and_weight_are_of_the_selected_mark_and_of_the_next(app: QApplication) -> None:
    canvas = opened(History((Box(10, 10, 50, 50),)))
    canvas.sketch.select(0)
    canvas.sketch.recolor("#1FA463")
    canvas.sketch.reweigh(2)
    assert marks(canvas) == (Box(10, 10, 50, 50, "#1FA463", 8),)
    canvas.choose_tool("arrow")
    drag(canvas, (200, 200), (250, 250))
    assert marks(canvas)[1] == Arrow((200, 200), (250, 250), "#1FA463", 8)


def test_the_picture_itself_is_shown_pixel_for_pixel(app: QApplication) -> None:
    shot = noise(300, 200)
    canvas = Canvas(shot, History())
    canvas.resize(500, 400)
    canvas.show()
    shown = from_qimage(canvas.grab().toImage())[100:300, 100:400]
    assert np.array_equal(shown[..., :3], shot.pixels[..., :3])


def test_what_is_painted_part_by_part_is_what_is_painted_at_once(app: QApplication) -> None:
    canvas = opened(History())
    canvas.shot.pixels[:] = noise(400, 300).pixels
    edits: list[tuple[Tool, tuple[tuple[int, int], ...]]] = [
        ("box", ((10, 10), (90, 70))),
        ("step", ((50, 120), (60, 130))),
        ("step", ((150, 120), (160, 130))),
        ("highlight", ((30, 30), (200, 100))),
        ("hide", ((220, 40), (260, 90))),
        ("arrow", ((300, 200), (200, 150))),
        ("pen", ((5, 200), (40, 220), (80, 190), (120, 240), (160, 200))),
    ]
    canvas.repaint()
    for tool, points in edits:
        canvas.choose_tool(tool)
        drag(canvas, *points)
        QApplication.processEvents()
    canvas.sketch.select(1)
    canvas.sketch.delete()
    canvas.refresh()
    QApplication.processEvents()
    piecemeal = canvas.screen().grabWindow(canvas.winId()).toImage()
    if piecemeal.isNull():
        pytest.skip("this platform cannot show what was painted")
    canvas.repaint()
    at_once = canvas.screen().grabWindow(canvas.winId()).toImage()
    assert np.array_equal(from_qimage(piecemeal), from_qimage(at_once))


def test_a_stroke_of_thousands_of_points_stays_drawable(canvas: Canvas) -> None:
    canvas.choose_tool("pen")
    drag(canvas, *((i % 390, i // 390 * 20 + i % 7) for i in range(4_000)))
    (stroke,) = marks(canvas)
    assert isinstance(stroke, Pen)
    assert len(stroke.points) == 4_000
