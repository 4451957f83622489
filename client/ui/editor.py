"""The editor: one picture, one row of tools, one thing to do next. Closing it loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from PySide6.QtCore import QMimeData, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QButtonGroup, QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from capture import png
from capture.image import Screenshot
from client.annotation import History
from client.ui import look, tools
from client.ui.buttons import PrimaryButton, QuietButton, ToolButton
from client.ui.canvas import Canvas
from client.ui.context_bar import ContextBar
from client.ui.icons import app_icon
from client.ui.look import Phrases
from client.ui.paint import flatten, pointer_mark
from client.ui.pieces import Divider, Label, Tone
from client.ui.qimage import to_qimage
from client.ui.tools import Tool
from client.words import number, say

NOTE_MS = 4_000


class Editor(QWidget):
    """A window that marks one screenshot. The screenshot itself never changes.

    ``changed(History)`` follows every finished edit. ``report_wanted``: the primary button. ``closed``: the
    window is gone; whoever listened has had every edit already. Without a ``history`` the pointer of the
    screenshot becomes a mark of its own.
    """

    changed = Signal(object)
    report_wanted = Signal()
    closed = Signal()

    def __init__(self, shot: Screenshot, history: History | None = None, title: str = "") -> None:
        super().__init__()
        pointer = pointer_mark(shot) if history is None else None
        self._given = title
        self._shot = replace(shot, cursor=None)
        self._canvas = Canvas(self._shot, history or History((pointer,) if pointer else ()), self)
        self._sketch = self._canvas.sketch
        self._bar = ContextBar(self._sketch, self._canvas)
        self._phrases = Phrases(self)
        self._note = ""
        self._note_over = QTimer(self, singleShot=True, interval=NOTE_MS)
        self._note_over.timeout.connect(lambda: self._tell_note(""))
        self.setWindowIcon(app_icon())
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._tool_row())
        column.addWidget(Divider(parent=self))
        column.addWidget(self._canvas, 1)
        column.addWidget(Divider(parent=self))
        column.addLayout(self._bottom_row())
        self._canvas.edited.connect(self._edited)
        self._canvas.touched.connect(self._show_state)
        self._bar.edited.connect(self._canvas.refresh)
        self._bar.crop_done.connect(lambda: self.choose_tool("select"))
        self._listen_to_keys()
        self._phrases.tell(self.setWindowTitle, self._title)
        self._phrases.tell(self._canvas.setAccessibleName, lambda: say("Picture"))
        self._phrases.tell(
            self._canvas.setAccessibleDescription,
            lambda: say("Enter adds a mark with the chosen tool, arrows move it, Alt and arrows resize it."),
        )
        self._phrases.tell(lambda _: self._show_state(), lambda: "")
        self.resize(self._first_size())
        self._canvas.setFocus()
        self._show_state()

    # --- the picture

    @property
    def history(self) -> History:
        """The marks as they are now, with the way back."""
        return self._sketch.history

    def picture(self) -> Screenshot:
        """The picture as it leaves: marks drawn, what is hidden destroyed, cropped, opaque."""
        self._canvas.end_text()
        return flatten(self._shot, self._sketch.history.marks)

    def choose_tool(self, tool: Tool) -> None:
        self._canvas.choose_tool(tool)
        self._canvas.setFocus()

    def copy(self) -> bool:
        """Puts the picture on the clipboard; True, and said so, only when the clipboard took it."""
        shot = self.picture()
        image = to_qimage(shot).copy()
        parcel, content = QMimeData(), png.encode(shot)
        parcel.setImageData(image)
        parcel.setData("image/png", content)
        clipboard = QGuiApplication.clipboard()
        clipboard.setMimeData(parcel)
        held = clipboard.mimeData()
        taken = clipboard.ownsClipboard() or (held is not None and held.data("image/png").data() == content)
        if taken:
            self._tell_note(say("Copied"))
        else:
            self._tell_note(say("The clipboard did not take it. Try again."), "bad")
        return taken

    def save_as(self, path: Path) -> bool:
        """Writes the picture as PNG; says where, or why not."""
        path = path if path.suffix.lower() == ".png" else path.with_name(path.name + ".png")
        try:
            png.write(path, self.picture())
        except OSError as error:
            self._tell_note(say("Not saved: {reason}", reason=error.strerror or str(error)), "bad")
            return False
        self._tell_note(say("Saved as {name}", name=path.name))
        return True

    def _ask_where(self) -> None:
        dialog = QFileDialog(self, say("Save picture"), str(Path.home()), "PNG (*.png)")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("png")
        dialog.selectFile(f"{say('capture')}-{datetime.now().astimezone():%Y-%m-%d-%H%M%S}.png")
        dialog.fileSelected.connect(lambda name: self.save_as(Path(name)))
        dialog.open()

    # --- the window

    def _title(self) -> str:
        return say("Capture · {title}", title=self._given) if self._given else say("Capture")

    def _first_size(self) -> QSize:
        """Room for the picture as it is, within nine tenths of the screen."""
        screen = self.screen().availableSize() * 0.9
        ratio = self.devicePixelRatioF()
        width = round(self._shot.width / ratio) + 2 * look.XL
        height = round(self._shot.height / ratio) + 2 * look.XL + look.sized(120)
        least = self.minimumSizeHint()
        return QSize(
            max(min(width, screen.width()), least.width(), look.sized(760)),
            max(min(height, screen.height()), least.height(), look.sized(520)),
        )

    def _tool_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(look.M, look.S, look.M, look.S)
        row.setSpacing(look.XS)
        self._tools: dict[Tool, ToolButton] = {}
        group = QButtonGroup(self)
        for place, tools_together in enumerate(tools.GROUPS):
            if place:
                row.addSpacing(look.XS)
                row.addWidget(Divider(upright=True, parent=self))
                row.addSpacing(look.XS)
            for tool in tools_together:
                button = ToolButton(tools.ICONS[tool], self)
                button.setCheckable(True)
                button.clicked.connect(lambda _=False, tool=tool: self._canvas.choose_tool(tool))
                self._phrases.name(button, tools.NAMES[tool], " ".join(tools.KEYS[tool]))
                group.addButton(button)
                row.addWidget(button)
                self._tools[tool] = button
        row.addStretch()
        self._undo, self._redo = ToolButton("undo-2", self), ToolButton("redo-2", self)
        self._phrases.name(self._undo, lambda: say("Undo"), "Ctrl+Z")
        self._phrases.name(self._redo, lambda: say("Redo"), "Ctrl+Shift+Z")
        self._undo.clicked.connect(lambda: self._do(self._sketch.step_back))
        self._redo.clicked.connect(lambda: self._do(self._sketch.step_forth))
        row.addWidget(self._undo)
        row.addWidget(self._redo)
        return row

    def _bottom_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(look.L, look.M, look.L, look.M)
        row.setSpacing(look.S)
        self._status = Label("faint", parent=self)
        row.addWidget(self._status)
        row.addStretch()
        copy, save = QuietButton("copy", self), QuietButton("download", self)
        report = PrimaryButton("send", self)
        for button, text, keys, act in (
            (copy, lambda: say("Copy"), "Ctrl+C", self.copy),
            (save, lambda: say("Save"), "Ctrl+S", self._ask_where),
            (report, lambda: say("Report a problem"), "Ctrl+Return", self._report),
        ):
            self._phrases.name(button, text, keys)
            self._phrases.tell(button.setText, text)
            button.clicked.connect(lambda _=False, act=act: act())
            row.addWidget(button)
        report.setDefault(True)
        return row

    def _report(self) -> None:
        self._canvas.end_text()
        self.report_wanted.emit()

    def _listen_to_keys(self) -> None:
        sketch, canvas = self._sketch, self._canvas
        keys: dict[str, Callable[[], object]] = {
            "Ctrl+Z": lambda: self._do(sketch.step_back),
            "Ctrl+Shift+Z": lambda: self._do(sketch.step_forth),
            "Ctrl+Y": lambda: self._do(sketch.step_forth),
            "Ctrl+D": lambda: self._do(sketch.duplicate),
            "Del": lambda: self._do(sketch.delete),
            "Backspace": lambda: self._do(sketch.delete),
            "Ctrl+]": lambda: self._do(lambda: sketch.lift(1)),
            "Ctrl+[": lambda: self._do(lambda: sketch.lift(-1)),
            "Esc": lambda: self._do(sketch.cancel),
            "Ctrl+C": self.copy,
            "Ctrl+S": self._ask_where,
            "Ctrl+Return": self._report,
            "Ctrl+Enter": self._report,
            "Ctrl+W": self.close,
            "Ctrl+0": canvas.fit,
            "Ctrl+1": lambda: canvas.zoom_to(1.0),
            "Ctrl++": lambda: canvas.zoom_step(1),
            "Ctrl+=": lambda: canvas.zoom_step(1),
            "Ctrl+-": lambda: canvas.zoom_step(-1),
        }
        for tool, letters in tools.KEYS.items():
            for letter in letters:
                keys[letter] = partial(self.choose_tool, tool)
        for key, act in keys.items():
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.activated.connect(lambda act=act: act())

    # --- what happens

    def _do(self, act: Callable[[], object]) -> None:
        self._canvas.end_text()
        act()
        self._canvas.refresh()

    def _edited(self) -> None:
        self.changed.emit(self._sketch.history)

    def _show_state(self) -> None:
        history = self._sketch.history
        self._undo.setEnabled(history.can_undo)
        self._redo.setEnabled(history.can_redo)
        self._tools[self._sketch.tool].setChecked(True)
        self._bar.show_state()
        if not self._note:
            shown = self._canvas.view.shown
            parts = (
                f"{number(round(self._canvas.view.zoom * 100))} %",
                f"{round(shown.width)} × {round(shown.height)} px",
            )
            self._status.setText("  ·  ".join(parts))

    def _tell_note(self, note: str, tone: Tone = "faint") -> None:
        """Says what just happened, in place of zoom and size, for a moment."""
        self._note = note
        self._status.set_tone(tone if note else "faint")
        if note:
            self._status.setText(note)
            self._note_over.start()
        self._show_state()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._bar.place()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._canvas.end_text()
        super().closeEvent(event)
        self.closed.emit()
