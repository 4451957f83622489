"""The look: colours, sizes, type, and the moment they or the language change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from importlib import resources
from string import Template
from typing import Literal

import shiboken6
from PySide6.QtCore import QByteArray, QCoreApplication, QEvent, QObject, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QFontInfo,
    QGuiApplication,
    QKeySequence,
    QPalette,
)
from PySide6.QtWidgets import QApplication, QWidget

from client.ui import qt_words

Theme = Literal["auto", "light", "dark"]
Size = Literal["small", "body", "large", "title"]

XS, S, M, L, XL, XXL = 4, 8, 12, 16, 24, 32
"""Spacing in logical pixels."""
CORNER, PANEL_CORNER = 6, 10
CONTROL_HEIGHT, TOOL_HEIGHT = 32, 28
ICON = 18

_SIZES_PX: dict[Size, int] = {"small": 11, "body": 13, "large": 15, "title": 20}
_POOR_FONTS = ("DejaVu", "Bitstream Vera", "Sans", "Serif")


@dataclass(frozen=True, slots=True)
class Tokens:
    """The colours of one theme as ``#RRGGBB``. Text ones read on every ground (contrast 4.5 and more)."""

    ground: str
    raised: str
    sunken: str
    text: str
    quiet: str
    faint: str
    disabled: str
    line: str
    edge: str
    accent: str
    on_accent: str
    soft: str
    ok: str
    warn: str
    bad: str
    dark: bool = False
    native: bool = False
    """High contrast: the system's colours, no softening of ours."""


LIGHT = Tokens(
    ground="#F7F7F8",
    raised="#FFFFFF",
    sunken="#EEEFF1",
    text="#1A1C20",
    quiet="#5B616B",
    faint="#666C77",
    disabled="#A3A8B1",
    line="#DADDE2",
    edge="#868C97",
    accent="#2F5DDE",
    on_accent="#FFFFFF",
    soft="#EBF1FD",
    ok="#1A7946",
    warn="#8A5800",
    bad="#B3261E",
)
DARK = Tokens(
    ground="#1B1C1F",
    raised="#232529",
    sunken="#151619",
    text="#ECEDEF",
    quiet="#A6ACB6",
    faint="#8D939E",
    disabled="#5C616A",
    line="#34373D",
    edge="#737984",
    accent="#7EA2FF",
    on_accent="#10131A",
    soft="#2A3453",
    ok="#5CC08B",
    warn="#E0A94A",
    bad="#F2867E",
    dark=True,
)

MARK_COLORS = ("#E5322D", "#F5A300", "#1FA463", "#2F6FED", "#1A1C20", "#FFFFFF")
"""Red first: it is the default of every mark."""

_now = LIGHT


def tokens() -> Tokens:
    """The colours of this moment. Ask at every paint; never keep them."""
    return _now


def color(name: str, alpha: float = 1.0) -> QColor:
    """The token of this name: ``color("accent", 0.5)``."""
    found = QColor(getattr(_now, name))
    found.setAlphaF(alpha)
    return found


def apply(app: QApplication, theme: Theme = "auto", *, high_contrast: bool | None = None) -> None:
    """Dresses the application, and again whenever the system's colours change. May be called again to switch.

    ``high_contrast`` None asks the system.
    """
    hints = app.styleHints()
    schemes = {"auto": Qt.ColorScheme.Unknown, "light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
    hints.setColorScheme(schemes[theme])
    if not app.property("dressed"):
        app.setProperty("dressed", True)
        app.setStyle("Fusion")
        app.setFont(_body_font())
    dress = partial(_dress, app, theme, high_contrast)
    follower = app.findChild(_Follower)
    if follower is None:
        follower = _Follower(app)
        hints.colorSchemeChanged.connect(follower.follow)
    follower.dress = dress
    dress()


class _Follower(QObject):
    """Keeps the last wish, so that a change of the system's scheme dresses by it."""

    dress: Callable[[], None]

    def follow(self) -> None:
        self.dress()


def _dress(app: QApplication, theme: Theme, high_contrast: bool | None) -> None:
    global _now  # noqa: PLW0603  # one process has one look
    dark = theme == "dark" or (theme == "auto" and app.styleHints().colorScheme() == Qt.ColorScheme.Dark)
    if _wants_contrast(app) if high_contrast is None else high_contrast:
        app.setPalette(QPalette())
        _now = _native_tokens(QGuiApplication.palette(), dark=dark)
        app.setStyleSheet("")
        return
    _now = with_accent(DARK if dark else LIGHT, _system_accent(app))
    app.setPalette(_palette(_now))
    app.setStyleSheet(_sheet(_now))


def _wants_contrast(app: QApplication) -> bool:
    """Whether the system asks for high contrast; Qt can tell since 6.10."""
    ask = getattr(app.styleHints(), "accessibility", None)
    if ask is None:
        return False
    return "HighContrast" in str(ask().contrastPreference())


def _system_accent(app: QApplication) -> QColor | None:
    """The accent the user chose. Only these two systems always have one; elsewhere Qt would invent it."""
    if app.platformName() not in ("windows", "cocoa"):
        return None
    app.setPalette(QPalette())
    return QGuiApplication.palette().color(QPalette.ColorRole.Accent)


def with_accent(plain: Tokens, accent: QColor | None) -> Tokens:
    """The theme with the system's accent, made to read on our grounds: contrast 4.5 as text."""
    if accent is None:
        return plain
    for _ in range(40):
        if contrast(accent.name(), plain.sunken) >= 4.5:
            break
        accent = QColor(mix(plain.text, accent.name(), 0.06))
    on_accent = max(("#FFFFFF", "#10131A"), key=lambda ink: contrast(ink, accent.name()))
    return replace(plain, accent=accent.name(), on_accent=on_accent, soft=mix(accent.name(), plain.raised, 0.13))


def _native_tokens(palette: QPalette, *, dark: bool) -> Tokens:
    role = QPalette.ColorRole
    text, base = palette.color(role.WindowText).name(), palette.color(role.Base).name()
    window, accent = palette.color(role.Window).name(), palette.color(role.Highlight).name()
    faded = palette.color(QPalette.ColorGroup.Disabled, role.WindowText).name()
    return Tokens(
        ground=window,
        raised=base,
        sunken=window,
        text=text,
        quiet=text,
        faint=text,
        disabled=faded,
        line=text,
        edge=text,
        accent=accent,
        on_accent=palette.color(role.HighlightedText).name(),
        soft=window,
        ok=text,
        warn=text,
        bad=text,
        dark=dark,
        native=True,
    )


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, 1 to 21. Source: WCAG 2.2, relative luminance."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(name: str) -> float:
    tint = QColor(name)
    parts = (tint.redF(), tint.greenF(), tint.blueF())
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def mix(front: str, back: str, share: float) -> str:
    """``share`` of the front colour over the back one."""
    one, other = QColor(front), QColor(back)
    parts = zip(one.getRgb()[:3], other.getRgb()[:3], strict=True)  # type: ignore[index]
    return QColor(*(round(a * share + b * (1 - share)) for a, b in parts)).name()


def _palette(now: Tokens) -> QPalette:
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    found = QPalette(QColor(now.ground))
    colors = {
        role.Window: now.ground,
        role.WindowText: now.text,
        role.Base: now.raised,
        role.AlternateBase: now.ground,
        role.Text: now.text,
        role.Button: now.raised,
        role.ButtonText: now.text,
        role.BrightText: now.on_accent,
        role.PlaceholderText: now.faint,
        role.Highlight: now.accent,
        role.HighlightedText: now.on_accent,
        role.Accent: now.accent,
        role.Link: now.accent,
        role.LinkVisited: now.accent,
        role.ToolTipBase: now.raised,
        role.ToolTipText: now.text,
        role.Light: now.raised,
        role.Midlight: now.sunken,
        role.Mid: now.line,
        role.Dark: now.edge,
        role.Shadow: "#000000",
    }
    for name, value in colors.items():
        found.setColor(name, QColor(value))
    for name in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
        found.setColor(group.Disabled, name, QColor(now.disabled))
    found.setColor(group.Disabled, role.Highlight, QColor(now.line))
    found.setColor(group.Disabled, role.Accent, QColor(now.line))
    return found


def _sheet(now: Tokens) -> str:
    text = resources.files("resources").joinpath("look.qss").read_text("utf-8")
    # Without a compositor, which X11 may lack, what a round corner of a window leaves out is black.
    corner = "0" if QGuiApplication.platformName() == "xcb" else f"{CORNER}px"
    return Template(text).substitute({name: str(value) for name, value in asdict(now).items()}, popup_corner=corner)


# --- type


@lru_cache
def bundled_family() -> str:
    """Inter, loaded from our resources once; empty when that fails. Marks are always set in it."""
    family = ""
    for name in ("Inter-Regular.ttf", "Inter-SemiBold.ttf"):
        content = resources.files("resources").joinpath("fonts", name).read_bytes()
        number = QFontDatabase.addApplicationFontFromData(QByteArray(content))
        families = QFontDatabase.applicationFontFamilies(number) if number >= 0 else []
        family = family or (families[0] if families else "")
    return family


def _body_font() -> QFont:
    """The system's font, unless that is DejaVu; never below 13 px, larger where the user's is."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    known = QFontInfo(font)
    size_px = max(known.pixelSize(), _SIZES_PX["body"])
    if not known.family() or known.family().startswith(_POOR_FONTS):
        font = QFont(bundled_family() or known.family())
    font.setPixelSize(size_px)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def font(size: Size = "body", *, strong: bool = False) -> QFont:
    """The one font in one of its four sizes and two weights, scaled as the user's text is."""
    found = QFont(QApplication.font())
    found.setPixelSize(round(_SIZES_PX[size] * text_scale()))
    found.setWeight(QFont.Weight.DemiBold if strong else QFont.Weight.Normal)
    return found


def text_scale() -> float:
    """1.0 for text of the usual size, 2.0 where the user asked for twice that."""
    return max(QFontInfo(QApplication.font()).pixelSize(), 1) / _SIZES_PX["body"]


def key_name(keys: str) -> str:
    """Keys as this system writes them: ``key_name("Ctrl+Z")`` is ⌘Z on macOS."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)


def sized(length_px: int) -> int:
    """A length that grows with the text, such as the height of a control."""
    return round(length_px * max(1.0, text_scale()))


# --- language


class Phrases(QObject):
    """The texts of one window: said now, and again whenever the language changes.

    Make one per window (its parent), then ``phrases.tell(button.setText, lambda: say("Copy"))``. Telling the
    same setter again replaces what it says.
    """

    def __init__(self, owner: QWidget) -> None:
        super().__init__(owner)
        self._texts: dict[Callable[[str], object], Callable[[], str]] = {}

    def tell(self, setter: Callable[[str], object], text: Callable[[], str]) -> None:
        self._texts[setter] = text
        setter(text())

    def name(self, widget: QWidget, text: Callable[[], str], keys: str = "") -> None:
        """What an icon alone means, to the eye (with its keys) and to a screen reader."""
        self.tell(widget.setAccessibleName, text)
        self.tell(widget.setToolTip, lambda: f"{text()}   {key_name(keys)}" if keys else text())

    def forget(self, setter: Callable[[str], object]) -> None:
        """This setter is told something by other means from now on."""
        self._texts.pop(setter, None)

    def speak(self) -> None:
        """Says all texts again; those of widgets that are gone are dropped."""
        for setter, text in list(self._texts.items()):
            owner = getattr(setter, "__self__", None)
            if isinstance(owner, QObject) and not shiboken6.isValid(owner):
                del self._texts[setter]
            else:
                setter(text())

    def event(self, event: QEvent) -> bool:
        """A widget passes a change of language on to all its children."""
        if event.type() == QEvent.Type.LanguageChange:
            self.speak()
            return True
        return super().event(event)


def retranslate() -> None:
    """Tells every window to say its texts again; to be called after ``words.speak``."""
    qt_words.speak()
    for window in QApplication.topLevelWidgets():
        QCoreApplication.sendEvent(window, QEvent(QEvent.Type.LanguageChange))
