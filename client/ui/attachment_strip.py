"""The attachments of a report side by side, and the tile that adds, which stays in sight however many there are."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, QTimer, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from client.report import Problem
from client.ui import look
from client.ui.alive import while_alive
from client.ui.attachment_tile import HEIGHT_PX, SHOWN_MEDIA, WIDTH_PX, AddTile, Tile, read_thumbnail
from client.ui.bridge import Bridge
from client.ui.icons import icon
from client.ui.pieces import Menu, OneLine
from client.words import say, say_n
from uploader.ticket import Attachment

ADD = ("file", "region", "window", "screen", "recording")
BAR_PX = 8
"""Room for a thin scroll bar, kept also while there is none, so that nothing jumps."""


class AttachmentStrip(QWidget):
    """Emits what the user wants; the form does it. Tab enters the tiles once, arrows go between them."""

    opened = Signal(str)
    removed = Signal(str)
    wanted = Signal(str)
    """One of ``ADD``."""

    def __init__(self, bridge: Bridge, phrases: look.Phrases) -> None:
        super().__init__()
        self._bridge, self._phrases = bridge, phrases
        self._tiles: dict[str, Tile] = {}
        self._thumbnails: dict[str, QImage] = {}
        self._inner = QWidget()
        self._row = QHBoxLayout(self._inner)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(look.M)
        self._scroll = QScrollArea()
        self._scroll.setWidget(self._inner)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.viewport().setAutoFillBackground(False)
        self._inner.setAutoFillBackground(False)
        self._scroll.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.horizontalScrollBar().setProperty("thin", True)
        self.add = AddTile(phrases)
        self.add.pressed.connect(self._offer)
        self._ends = OneLine("faint", "small")
        row = QHBoxLayout()
        row.setSpacing(look.M)
        row.addWidget(self._scroll, 1)
        row.addWidget(self.add, 0, Qt.AlignmentFlag.AlignTop)
        row.addStretch()
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(row)
        whole.addWidget(self._ends)
        self._fit()

    def show_attachments(
        self,
        attachments: tuple[Attachment, ...],
        ways: dict[str, str],
        own: frozenset[str],
        problems: tuple[Problem, ...],
        copying: int,
    ) -> None:
        """``ways``: name → ticket or link. ``own`` are pictures that open in the editor. ``problems`` tell how long a
        link works, and what cannot go. ``copying``: how many files are on their way into the report."""
        ends = next((p.detail for p in problems if p.code == "goes_by_link"), "")
        stuck = {p.attachment: "none" for p in problems if p.code == "no_share" and p.blocking}
        adding = say_n("Adding {n} file…", "Adding {n} files…", copying) if copying else ""
        told = " ".join(part for part in (adding, ends) if part)
        self._ends.setText(told)
        self._ends.setVisible(bool(told))
        names = [a.name for a in attachments]
        before = list(self._tiles)
        for name in [name for name in before if name not in names]:
            self._drop(name)
        for place, attachment in enumerate(attachments):
            tile = self._tiles.get(attachment.name) or self._make(attachment.name)
            way = stuck.get(attachment.name) or ways.get(attachment.name, "ticket")
            self._row.insertWidget(place, tile, 0, Qt.AlignmentFlag.AlignTop)
            tile.show_file(attachment, way, editable=attachment.name in own)
            self._load(attachment, tile)
        self._tiles = {name: self._tiles[name] for name in names}
        self._fit()
        if before and len(names) > len(before):
            newest = self._tiles[names[-1]]
            QTimer.singleShot(0, while_alive(newest, lambda: self._scroll.ensureWidgetVisible(newest, 0, 0)))

    def focus_on(self, name: str) -> None:
        """Puts the focus on this attachment."""
        if name in self._tiles:
            self._tiles[name].setFocus(Qt.FocusReason.TabFocusReason)
        else:
            self.add.setFocus(Qt.FocusReason.TabFocusReason)

    # -- within -----------------------------------------------------------------------------------------------

    def _make(self, name: str) -> Tile:
        tile = Tile(self._phrases)
        tile.pressed.connect(partial(self.opened.emit, name))
        tile.removed.connect(partial(self.removed.emit, name))
        tile.stepped.connect(partial(self._step, name))
        tile.focused.connect(partial(self._entered, name))
        self._tiles[name] = tile
        return tile

    def _drop(self, name: str) -> None:
        """Its neighbour takes the focus, so that Delete can go on."""
        names, tile = list(self._tiles), self._tiles[name]
        place = names.index(name)
        if tile.hasFocus():
            rest = names[place + 1 : place + 2] or names[max(place - 1, 0) : place]
            self.focus_on(rest[0] if rest else "")
        del self._tiles[name]
        self._row.removeWidget(tile)
        tile.hide()
        tile.deleteLater()

    def _step(self, name: str, by: int) -> None:
        names = list(self._tiles)
        place = names.index(name) + by
        if 0 <= place < len(names):
            self.focus_on(names[place])
        elif place == len(names):
            self.focus_on("")

    def _entered(self, name: str) -> None:
        for other, tile in self._tiles.items():
            tile.setFocusPolicy(Qt.FocusPolicy.StrongFocus if other == name else Qt.FocusPolicy.ClickFocus)
        self._scroll.ensureWidgetVisible(self._tiles[name], look.L, 0)

    def _load(self, attachment: Attachment, tile: Tile) -> None:
        if attachment.media_type not in SHOWN_MEDIA:
            return
        if attachment.sha256 in self._thumbnails:
            tile.set_picture(self._thumbnails[attachment.sha256])
            return

        def keep(image: QImage) -> None:
            self._thumbnails[attachment.sha256] = image
            tile.set_picture(image)

        work = partial(
            read_thumbnail, attachment.path, self.devicePixelRatioF(), look.sized(WIDTH_PX), look.sized(HEIGHT_PX)
        )
        self._bridge.background(work, while_alive(tile, keep), lambda _: None)

    def _offer(self) -> None:
        menu = Menu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        offers = {
            "file": (say("File…"), "paperclip"),
            "region": (say("Region"), "scan"),
            "window": (say("Window"), "app-window"),
            "screen": (say("Screen"), "monitor"),
            "recording": (say("Recording"), "video"),
        }
        for key, (text, picture) in offers.items():
            menu.addAction(icon(picture), text).triggered.connect(partial(self.wanted.emit, key))
            if key == "file":
                menu.addSeparator()
        menu.setActiveAction(menu.actions()[0])
        menu.popup(self.add.mapToGlobal(self.add.rect().bottomLeft()))

    def _fit(self) -> None:
        """As wide as its tiles while there is room; one tile is the way in by Tab, and the adding one comes last."""
        tiles = list(self._tiles.values())
        self._scroll.setVisible(bool(tiles))
        width = sum(tile.width() + look.M for tile in tiles) - look.M
        self._scroll.setMaximumWidth(max(width, 0))
        told = 0 if self._ends.isHidden() else self._ends.sizeHint().height()
        self.setFixedHeight(told + (tiles[0].sizeHint().height() + BAR_PX if tiles else self.add.height()))
        before: QWidget = self.add
        for tile in tiles:
            QWidget.setTabOrder(before, tile)
            before = tile
        if tiles:
            QWidget.setTabOrder(before, self.add)
        current = next((tile for tile in tiles if tile.hasFocus()), tiles[0] if tiles else None)
        for tile in tiles:
            tile.setFocusPolicy(Qt.FocusPolicy.StrongFocus if tile is current else Qt.FocusPolicy.ClickFocus)


def paths_in(offered: QMimeData) -> list[Path]:
    """The files of a drop or the clipboard."""
    return [Path(url.toLocalFile()) for url in offered.urls() if url.isLocalFile()]


def picture_in(offered: QMimeData) -> QImage | None:
    """The picture of a drop or the clipboard; None when there is none, or words that are meant instead."""
    if not offered.hasImage() or offered.hasText():
        return None
    image = QImage(offered.imageData())
    return None if image.isNull() else image
