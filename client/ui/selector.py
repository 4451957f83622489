"""Choosing a region on frozen screens: the overlays of all screens, and the keys and pointer that rule them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib import import_module

import shiboken6
from PySide6.QtCore import QEvent, QObject, QPointF, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QCursor, QGuiApplication, QKeyEvent, QMouseEvent, QScreen
from PySide6.QtWidgets import QApplication

from capture.image import Monitor, Region, Screenshot, Window
from client.ui.aim import Aim, Choice
from client.ui.overlay import Overlay

Done = Callable[[tuple[Screenshot, Region] | None], object]

HINTED_USES = 3
GRAB_AGAIN_MS = 40
TRIM_MS = 500
_SLIP = 4
_REACH = 8
_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
_SHAPES = {
    "all": Qt.CursorShape.SizeAllCursor,
    "n": Qt.CursorShape.SizeVerCursor,
    "s": Qt.CursorShape.SizeVerCursor,
    "e": Qt.CursorShape.SizeHorCursor,
    "w": Qt.CursorShape.SizeHorCursor,
    "nw": Qt.CursorShape.SizeFDiagCursor,
    "se": Qt.CursorShape.SizeFDiagCursor,
    "ne": Qt.CursorShape.SizeBDiagCursor,
    "sw": Qt.CursorShape.SizeBDiagCursor,
}


class Selector(QObject):
    """Make it once: its windows wait hidden. ``used`` tells how often it was used, so that someone remembers.

    ``uses`` is that number from earlier runs; the hint shows for the first three.
    """

    used = Signal(int)

    def __init__(self, parent: QObject | None = None, *, uses: int = 0) -> None:
        super().__init__(parent)
        self.uses = uses
        self._overlays: list[Overlay] = []
        self._aim: Aim | None = None
        self._done: Done | None = None
        self._by_key: list[QPointF] = []
        self._grabber: Overlay | None = None
        self._grab_again = QTimer(self, interval=GRAB_AGAIN_MS)
        self._grab_again.timeout.connect(self._grab)
        app = QGuiApplication.instance()
        assert isinstance(app, QGuiApplication)
        app.screenAdded.connect(self._screens_changed)
        app.screenRemoved.connect(self._screens_changed)
        self._prepare()
        # Now, not between the first key and its overlay. The package first: Python lets two threads meet half-loaded
        # modules when one asks for a part of a package that the other is just loading.
        import_module("numpy")
        import_module("numpy.lib.stride_tricks")

    @property
    def is_active(self) -> bool:
        return self._aim is not None

    def select(self, shots: tuple[Screenshot, ...], windows: tuple[Window, ...], on_done: Done) -> None:
        """Shows the frozen screens at once; ``on_done`` gets a screenshot and the region in it, or None.

        A clicked window's title is on the screenshot given. Does nothing while it is active already.
        """
        if self.is_active:
            return
        self._prepare()
        screens = [overlay.of_screen for overlay in self._overlays]
        places = match_screens(tuple(shot.monitor for shot in shots), screens)
        if not places:
            QTimer.singleShot(0, lambda: on_done(None))
            return
        while (menu := QApplication.activePopupWidget()) is not None:
            menu.close()  # a menu of ours would swallow the first click and the first key
        kept = tuple(shots[place] for place in places)
        self._aim, self._done = Aim(kept, windows), on_done
        aim = self._aim
        pairs = list(enumerate(places.values()))
        for index, screen in pairs:
            overlay = self._overlays[screen]
            overlay.show_frame(aim, index, with_hint=self.uses < HINTED_USES)
            overlay.installEventFilter(self)
        self._point_at_mouse([self._overlays[screen] for _, screen in pairs])
        self._grabber = next(o for o in self._overlays if o.aim is not None and o.index == aim.screen)
        self._grabber.activateWindow()
        self._grabber.setFocus()
        self._grab()
        self._refresh()

    def cancel(self) -> None:
        """Leaves without a choice."""
        self._finish(None)

    # --- events

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if self._aim is None or not isinstance(watched, Overlay):
            return False
        if isinstance(event, QMouseEvent):
            self._mouse(watched, event)
        elif isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            self._key(event)
        elif event.type() == QEvent.Type.Close:
            self.cancel()
        else:
            return False
        return True

    def _mouse(self, overlay: Overlay, event: QMouseEvent) -> None:
        assert self._aim is not None
        px, py = overlay.to_pixels(event.position())
        ratio = overlay.ratio
        kind = event.type()
        if kind == QEvent.Type.MouseMove:
            at = event.globalPosition()
            if at in self._by_key:  # only the pointer following the keys, late perhaps; its points are coarser
                del self._by_key[: self._by_key.index(at)]
                return
            self._by_key.clear()
            self._aim.move(px, py)
            edges = self._aim.edges_at(px, py, _REACH * ratio)
            overlay.setCursor(_SHAPES.get(edges, Qt.CursorShape.CrossCursor))
        elif event.button() == Qt.MouseButton.RightButton:
            if kind == QEvent.Type.MouseButtonRelease:
                self.cancel()
            return
        elif event.button() == Qt.MouseButton.LeftButton and kind == QEvent.Type.MouseButtonRelease:
            keep = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            choice = self._aim.release(px, py, _SLIP * ratio, keep=keep)
            if choice is not None:
                self._finish(choice)
                return
        elif event.button() == Qt.MouseButton.LeftButton:
            self._aim.press(px, py, _REACH * ratio)
        self._refresh()

    def _key(self, event: QKeyEvent) -> None:
        assert self._aim is not None
        key, held = Qt.Key(event.key()), event.modifiers()
        if key == Qt.Key.Key_Escape:
            self.cancel()
            return
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            chosen = self._aim.selection is not None
            self._finish(self._aim.confirm() if chosen else self._aim.whole_screen())
            return
        if key in _ARROWS:
            far = 10 if held & Qt.KeyboardModifier.ShiftModifier else 1
            dx, dy = (step * far for step in _ARROWS[key])
            if held & Qt.KeyboardModifier.ControlModifier:
                self._aim.shift(dx, dy)
            else:
                self._aim.step(dx, dy)
            self._follow_keys()
        elif key == Qt.Key.Key_Space:
            self._aim.mark()
        elif key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            self._aim.next_window(1 if key == Qt.Key.Key_Tab else -1)
        self._refresh()

    def _follow_keys(self) -> None:
        """Puts the pointer near the pixel that the keys chose."""
        assert self._aim is not None
        if self._aim.mode == "adjust":
            return
        overlay = next(o for o in self._overlays if o.aim is self._aim and o.index == self._aim.screen)
        place = QPointF(self._aim.x / overlay.ratio, self._aim.y / overlay.ratio)
        at = overlay.mapToGlobal(place).toPoint()
        self._by_key = [*self._by_key[-63:], QPointF(at)]
        QCursor.setPos(overlay.of_screen, at)

    # --- showing and leaving

    def _point_at_mouse(self, shown: list[Overlay]) -> None:
        assert self._aim is not None
        at = QCursor.pos()
        overlay = next((o for o in shown if o.of_screen.geometry().contains(at)), shown[0])
        self._aim.move(*overlay.to_pixels(QPointF(overlay.mapFromGlobal(at))))

    def _refresh(self) -> None:
        for overlay in self._overlays:
            overlay.refresh()

    def _grab(self) -> None:
        """Takes keyboard and pointer; where an open menu still holds them, again until it lets go."""
        grabber = self._grabber
        if grabber is None or QGuiApplication.platformName() != "xcb":
            self._grab_again.stop()
            return
        grabber.grabKeyboard()
        grabber.grabMouse(Qt.CursorShape.CrossCursor)
        handle = grabber.windowHandle()
        if handle.setKeyboardGrabEnabled(True) and handle.setMouseGrabEnabled(True):
            self._grab_again.stop()
        elif not self._grab_again.isActive():
            self._grab_again.start()

    def _finish(self, choice: Choice | None) -> None:
        done, self._done, self._aim = self._done, None, None
        self._grab_again.stop()
        if self._grabber is not None:
            self._grabber.releaseKeyboard()
            self._grabber.releaseMouse()
            self._grabber = None
        if choice is not None:
            self.uses += 1
            self.used.emit(self.uses)
        self._drop()
        QTimer.singleShot(0, self._prepare)
        QTimer.singleShot(TRIM_MS, give_memory_back)
        if done is not None:
            QTimer.singleShot(0, lambda: done((choice.shot, choice.region) if choice is not None else None))

    def _drop(self) -> None:
        """Frames, images and backing stores are large: windows that showed them go."""
        for overlay in self._overlays:
            overlay.removeEventFilter(self)
            overlay.hide()
            overlay.aim = None
            overlay.deleteLater()
        self._overlays = []

    def _prepare(self) -> None:
        """One hidden window per screen; anew when Qt has other screens than the ones they were made for."""
        screens = QGuiApplication.screens()
        if any(not shiboken6.isValid(o.of_screen) or o.of_screen not in screens for o in self._overlays):
            self._drop()
        if not self._overlays:
            self._overlays = [Overlay(screen) for screen in screens]

    def _screens_changed(self) -> None:
        if self.is_active:
            self.cancel()
        else:
            self._drop()
            QTimer.singleShot(0, self._prepare)


def give_memory_back() -> None:
    """Returns freed frames to the system: glibc keeps blocks below 32 MiB, such as a 4K frame, for itself."""
    with suppress(TypeError, OSError, AttributeError):  # another C library, which needs no reminding
        ctypes.CDLL(None).malloc_trim(0)


def match_screens(monitors: tuple[Monitor, ...], screens: Iterable[QScreen]) -> dict[int, int]:
    """For each monitor that a screen of Qt's shows, which: by name, else by native place and size, else in order."""
    left = dict(enumerate(screens))
    found: dict[int, int] = {}
    rules: tuple[Callable[[Monitor, QScreen], bool], ...] = (
        lambda monitor, screen: monitor.name == screen.name(),
        _is_same_place,
        lambda monitor, screen: True,
    )
    for fits in rules:
        for place, monitor in enumerate(monitors):
            if place not in found:
                number = next((n for n, screen in left.items() if fits(monitor, screen)), None)
                if number is not None:
                    found[place] = number
                    del left[number]
    return dict(sorted(found.items()))


def _is_same_place(monitor: Monitor, screen: QScreen) -> bool:
    """On X11 and Windows a screen begins at its native place, and is its native size divided by its ratio."""
    place: QRect = screen.geometry()
    ratio = screen.devicePixelRatio()
    return (
        (place.x(), place.y()) == (monitor.x_px, monitor.y_px)
        and abs(place.width() * ratio - monitor.width_px) <= ratio + 1
        and abs(place.height() * ratio - monitor.height_px) <= ratio + 1
    )
