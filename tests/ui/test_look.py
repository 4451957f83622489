from __future__ import annotations

import gc
from itertools import pairwise
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QIcon, QImage, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QDialogButtonBox,
    QInputDialog,
    QLabel,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from client import words
from client.ui import icons, look
from client.ui.buttons import LinkButton, PrimaryButton, QuietButton, Segmented, ToolButton
from client.ui.look import DARK, LIGHT, Phrases, Tokens
from client.ui.pieces import Choice, EmptyState, Label, Menu, OneLine, StateLabel, Tick
from client.ui.question import ask_once
from client.words import say, say_n

ROOT = Path(__file__).resolve().parents[2]
SOURCES = "".join(path.read_text("utf-8") for path in (ROOT / "client").rglob("*.py"))
THEMES = pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])


@THEMES
@pytest.mark.parametrize("ground", ["ground", "raised", "sunken"])
@pytest.mark.parametrize("text", ["text", "quiet", "faint", "accent", "ok", "warn", "bad"])
def test_all_words_can_be_read_on_all_grounds(tokens: Tokens, ground: str, text: str) -> None:
    assert look.contrast(getattr(tokens, text), getattr(tokens, ground)) >= 4.5


@THEMES
def test_buttons_edges_and_chosen_segments_can_be_told_from_their_ground(tokens: Tokens) -> None:
    assert look.contrast(tokens.on_accent, tokens.accent) >= 4.5
    assert look.contrast(tokens.accent, tokens.soft) >= 4.5
    for ground in (tokens.ground, tokens.raised):
        assert look.contrast(tokens.edge, ground) >= 3
        assert look.contrast(tokens.accent, ground) >= 3


def test_an_open_list_is_below_its_box_and_shows_its_entries_whole(app: QApplication) -> None:
    box = Choice()
    box.addItems(["TLS", "STARTTLS", "None"])
    box.setCurrentIndex(1)
    box.show()
    QTest.keyClick(box, Qt.Key.Key_Down)
    view = box.view()
    assert view.isVisible()
    assert view.verticalScrollBar().maximum() == 0
    assert view.viewport().height() == sum(view.sizeHintForRow(row) for row in range(3))
    assert view.height() == view.window().height(), "nothing of ours or of Qt's stands around it"
    assert view.mapToGlobal(view.rect().topLeft()).y() >= box.mapToGlobal(box.rect().bottomLeft()).y()
    box.hidePopup()
    box.close()


@pytest.mark.parametrize(
    ("keys", "spanish"),
    [("Ctrl+Shift+R", "Ctrl+Mayús+R"), ("Alt+Print", "Alt+Impr Pant"), ("Del", "Supr"), ("Left", "Izquierda")],
)
def test_keys_are_called_as_keyboards_call_them(app: QApplication, keys: str, spanish: str) -> None:
    assert look.key_name(keys) == keys
    words.speak("es")
    look.retranslate()
    assert look.key_name(keys) == spanish


def test_in_every_question_the_primary_button_is_the_last_one(app: QApplication) -> None:
    look.apply(app, "light")
    window = QWidget()
    window.show()
    ask_once(window, "Hand over", "Go on?", "More.", lambda: None, "Cancel", harmless=True)
    ask_once(window, "Discard", "Discard it?", "More.", lambda: None, "Keep")
    asked = QInputDialog(window)
    asked.open()
    for box in (*window.findChildren(QMessageBox), asked):
        first, last = sorted(box.findChildren(QPushButton), key=lambda button: button.x())
        assert last.isDefault(), first.text()
    window.close()


def test_a_button_that_opened_a_menu_by_keys_has_its_ring_again_afterwards(app: QApplication) -> None:
    window, menu = QWidget(), Menu()
    button = LinkButton(parent=window)
    button.resize(80, 32)
    menu.addAction("Copy")
    window.show()
    QTest.qWaitForWindowActive(window, 30_000)
    button.clearFocus()  # the only widget has it by itself
    button.setFocus(Qt.FocusReason.TabFocusReason)
    ringed = button.grab().toImage()
    menu.popup(window.mapToGlobal(window.rect().bottomLeft()))
    QTest.keyClick(menu, Qt.Key.Key_Escape)
    assert button.hasFocus()
    assert button.grab().toImage() == ringed
    button.clearFocus()
    button.setFocus(Qt.FocusReason.MouseFocusReason)
    assert button.grab().toImage() != ringed
    window.close()


def test_a_menu_is_placed_by_the_width_that_it_has(app: QApplication) -> None:
    menu = Menu()
    menu.addAction("Report a problem").setShortcut("Ctrl+Shift+R")
    edge = app.primaryScreen().availableGeometry().topRight()
    menu.popup(edge)
    assert menu.geometry().right() <= edge.x()
    menu.close()


def test_any_accent_of_a_system_is_made_readable() -> None:
    for name in ("#FFEB3B", "#000000", "#FFFFFF", "#7F7F7F", "#00FF00"):
        for plain in (LIGHT, DARK):
            tokens = look.with_accent(plain, look.QColor(name))
            assert look.contrast(tokens.accent, plain.sunken) >= 4.5
            assert look.contrast(tokens.on_accent, tokens.accent) >= 4.5


def test_the_theme_changes_live(app: QApplication) -> None:
    look.apply(app, "dark", high_contrast=False)
    assert look.tokens() is DARK
    assert app.palette().color(QPalette.ColorRole.Window).name() == DARK.ground.lower()
    look.apply(app, "light", high_contrast=False)
    assert app.palette().color(QPalette.ColorRole.Window).name() == LIGHT.ground.lower()


def test_under_high_contrast_the_colours_are_the_systems(app: QApplication) -> None:
    look.apply(app, "light", high_contrast=True)
    assert app.styleSheet() == ""
    assert look.tokens().native
    assert look.tokens().text == app.palette().color(QPalette.ColorRole.WindowText).name()


def ink(icon: QIcon, mode: QIcon.Mode = QIcon.Mode.Normal, state: QIcon.State = QIcon.State.Off) -> str:
    """The colour of the icon's darkest-alpha pixel."""
    image = icon.pixmap(QSize(36, 36), 1.0, mode, state).toImage()
    colors = [image.pixelColor(x, y) for x in range(36) for y in range(36)]
    return max(colors, key=lambda color: color.alpha()).name()


def test_an_icon_takes_the_colour_of_the_moment_it_is_painted(app: QApplication) -> None:
    icon = icons.icon("eye-off")
    light = ink(icon)
    look.apply(app, "dark", high_contrast=False)
    assert (light, ink(icon)) == (LIGHT.quiet.lower(), DARK.quiet.lower())
    assert ink(icon, QIcon.Mode.Disabled) == DARK.disabled.lower()
    assert ink(icon, state=QIcon.State.On) == DARK.accent.lower()


def test_icons_survive_copies_and_collection(app: QApplication) -> None:
    button = QPushButton()
    for _ in range(50):
        button.setIcon(QIcon(icons.icon("copy")))
        gc.collect()
    assert not button.icon().pixmap(18).isNull()


def test_an_unknown_icon_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        icons.icon("no-such-icon")


ICONS = sorted(path.stem for path in (ROOT / "resources/icons").glob("*.svg"))


@pytest.mark.parametrize("name", ICONS)
def test_every_icon_in_the_tree_draws_something_and_is_used(app: QApplication, name: str) -> None:
    image = icons.icon_pixmap(name, 24, look.QColor("black")).toImage()
    assert any(image.pixelColor(x, y).alpha() > 100 for x in range(24) for y in range(24))
    assert name.startswith("tray-") or f'"{name}"' in SOURCES


def test_the_tray_icons_differ_and_read_on_light_and_dark_panels(app: QApplication) -> None:
    for panel in ("#FFFFFF", "#1B1C1F"):
        assert look.contrast(icons.TRAY_BLUE, panel) >= 3
    pictures = [
        icons.tray_icon(state).pixmap(16, 16).toImage() for state in ("idle", "recording", "sending", "needs_you")
    ]
    for one, other in pairwise(pictures):
        assert sum(one.pixel(x, y) != other.pixel(x, y) for x in range(16) for y in range(16)) > 20


def test_numbers_are_as_wide_as_each_other(app: QApplication) -> None:
    metrics = QFontMetrics(look.font())
    assert metrics.horizontalAdvance("11111") == metrics.horizontalAdvance("00000")


def test_inter_stands_in_for_dejavu(app: QApplication) -> None:
    assert look.bundled_family() == "Inter"
    assert not QFontMetrics(look.font()).height() < 13
    assert "DejaVu" not in look.font().family()


# --- language


def test_all_texts_of_a_window_follow_the_language(app: QApplication) -> None:
    window = QWidget()
    phrases, inner, files = Phrases(window), QLabel(window), QLabel(window)
    phrases.tell(window.setWindowTitle, lambda: say("Copy"))
    phrases.tell(inner.setText, lambda: say("Save"))
    phrases.tell(files.setText, lambda: say_n("{n} place hidden for good", "{n} places hidden for good", 2))
    assert (window.windowTitle(), inner.text()) == ("Copy", "Save")
    words.speak("es")
    look.retranslate()
    assert (window.windowTitle(), inner.text(), files.text()) == ("Copiar", "Guardar", "2 zonas ocultas para siempre")


def test_telling_again_replaces_and_forgetting_stops(app: QApplication) -> None:
    window = QWidget()
    phrases = Phrases(window)
    phrases.tell(window.setWindowTitle, lambda: say("Copy"))
    phrases.tell(window.setWindowTitle, lambda: say("Save"))
    phrases.tell(window.setToolTip, lambda: say("Undo"))
    phrases.forget(window.setToolTip)
    words.speak("es")
    look.retranslate()
    assert (window.windowTitle(), window.toolTip()) == ("Guardar", "Undo")


def test_a_change_of_language_survives_widgets_that_are_gone(app: QApplication) -> None:
    window = QWidget()
    phrases, label = Phrases(window), QLabel(window)
    phrases.tell(label.setText, lambda: say("Copy"))
    shiboken6.delete(label)
    phrases.tell(window.setWindowTitle, lambda: say("Save"))
    words.speak("es")
    look.retranslate()
    assert window.windowTitle() == "Guardar"


# --- pieces


def test_the_words_of_every_button_fit_also_at_twice_the_text_size(app: QApplication) -> None:
    for pixels in (13, 26):
        font = QFont(app.font())
        font.setPixelSize(pixels)
        app.setFont(font)
        for kind in (PrimaryButton, QuietButton, LinkButton):
            button = kind()
            button.setText("Reportar un problema")
            metrics = QFontMetrics(button.font())
            assert button.sizeHint().width() > metrics.horizontalAdvance(button.text())
            assert button.sizeHint().height() >= metrics.height()
        assert ToolButton("copy").sizeHint().height() >= 32 * pixels / 13


def segmented() -> Segmented:
    choice = Segmented(("high", "medium", "low"))
    for key, text in {"high": "Alta", "medium": "Media", "low": "Baja"}.items():
        choice.set_words(key)(text)
    return choice


def test_a_segment_is_chosen_by_click_and_by_arrow(app: QApplication) -> None:
    choice, heard = segmented(), []
    choice.chosen.connect(heard.append)
    choice.show()
    QTest.mouseClick(choice.segments["medium"], Qt.MouseButton.LeftButton)
    assert (choice.choice(), heard) == ("medium", ["medium"])
    choice.activateWindow()
    assert QTest.qWaitForWindowActive(choice)
    choice.segments["medium"].setFocus()
    QTest.keyClick(choice.segments["medium"], Qt.Key.Key_Right)
    assert (choice.choice(), heard) == ("low", ["medium", "low"])
    assert choice.segments["low"].text() == "Baja"


def test_segments_break_into_rows_where_there_is_no_room(app: QApplication) -> None:
    choice = segmented()
    choice.show()
    choice.resize(choice.sizeHint())
    one_row = choice.height()
    narrow = choice.segments["high"].width() * 2
    choice.resize(narrow, choice.heightForWidth(narrow))
    assert choice.height() > one_row
    for segment in choice.segments.values():
        assert choice.rect().contains(segment.geometry())


def test_a_line_that_does_not_fit_is_whole_in_its_tool_tip(app: QApplication) -> None:
    line = OneLine()
    line.setText("No puedo pagar el pedido 48217 desde ayer")
    line.show()
    line.resize(80, 20)
    assert line.toolTip() == line.text()
    line.resize(800, 20)
    assert line.toolTip() == ""


def test_every_piece_paints_in_both_themes(app: QApplication) -> None:
    window = QWidget()
    column = QVBoxLayout(window)
    state, tick, empty = StateLabel("warn"), Tick("Seal"), EmptyState("inbox")
    state.setText("Needs you")
    tick.setChecked(True)
    empty.title.setText("Nothing yet")
    for piece in (state, tick, empty, segmented(), Label("faint", "small")):
        column.addWidget(piece)
    window.resize(400, 400)
    pictures: list[QImage] = []
    for theme in ("light", "dark"):
        look.apply(app, theme, high_contrast=False)
        pictures.append(window.grab().toImage())
    middle = [picture.pixelColor(2, 2).name() for picture in pictures]
    assert middle == [LIGHT.ground.lower(), DARK.ground.lower()]


def test_qt_speaks_the_language_too(app: QApplication) -> None:
    words.speak("es")
    look.retranslate()
    box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
    assert box.buttons()[0].text().replace("&", "") == "Cancelar"
    words.speak("en")
    look.retranslate()
    box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
    assert box.buttons()[0].text().replace("&", "") == "Cancel"
