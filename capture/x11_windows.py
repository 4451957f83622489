"""The windows of an X11 desktop, as its window manager tells them (EWMH 1.5)."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from capture.image import Window
from capture.x11_wire import BAD_WINDOW, Wire, XError

_EVERY_DESKTOP = 0xFFFFFFFF
_VIEWABLE = 2
_PROPERTIES = (
    "_NET_WM_WINDOW_TYPE",
    "_NET_WM_STATE",
    "_NET_WM_DESKTOP",
    "_NET_WM_NAME",
    "WM_NAME",
    "WM_CLASS",
    "_NET_FRAME_EXTENTS",
    "_GTK_FRAME_EXTENTS",
)


def visible_windows(wire: Wire) -> tuple[Window, ...]:
    """The windows a person sees and would call so, topmost first: no desktop, no panel, nothing minimised."""
    for name in ("_NET_CLIENT_LIST_STACKING", "_NET_CLIENT_LIST"):
        ids = _numbers(wire.property(wire.root, name))
        if ids:
            break
    else:  # no window manager of the kind: the root's children, which are listed bottom first too
        reply = wire.ask(15, struct.pack("<I", wire.root))
        ids = _numbers(reply[32 : 32 + 4 * struct.unpack_from("<H", reply, 16)[0]])
    return tuple(reversed(_describe(wire, ids)))


def active_window(wire: Wire) -> Window | None:
    """The window with the keyboard, if it is one that ``visible_windows`` would tell."""
    ids = _numbers(wire.property(wire.root, "_NET_ACTIVE_WINDOW"))
    return next(iter(_describe(wire, [id_ for id_ in ids[:1] if id_])), None)


def _describe(wire: Wire, ids: Iterable[int]) -> list[Window]:
    """All questions are sent before the first answer is awaited: 20 windows cost one round trip, not 240."""
    desktop = (_numbers(wire.property(wire.root, "_NET_CURRENT_DESKTOP")) or (_EVERY_DESKTOP,))[0]
    asked = []
    for id_ in ids:
        window = struct.pack("<I", id_)
        attributes = wire.begin(3, window)
        geometry = wire.begin(14, window)
        place = wire.begin(40, struct.pack("<IIhh", id_, wire.root, 0, 0))
        asked.append((id_, attributes, geometry, place, [wire.begin_property(id_, name) for name in _PROPERTIES]))
    found = []
    for id_, attributes, geometry, place, properties in asked:
        values = dict(zip(_PROPERTIES, map(wire.finish_property, properties), strict=True))
        replies = []
        for request in (attributes, geometry, place):
            try:
                replies.append(wire.finish(request))
            except XError as error:  # closed while we asked
                if error.code not in (BAD_WINDOW, 9):
                    raise
        if len(replies) == 3 and _is_seen(wire, replies[0], values, desktop):
            found.append(_window(id_, replies[1], replies[2], values))
    return found


def _is_seen(wire: Wire, attributes: bytes, values: dict[str, bytes], desktop: int) -> bool:
    input_only = struct.unpack_from("<H", attributes, 12)[0] == 2
    viewable, override_redirect = attributes[26] == _VIEWABLE, bool(attributes[27])
    kinds = set(_numbers(values["_NET_WM_WINDOW_TYPE"]))
    furniture = {wire.atom("_NET_WM_WINDOW_TYPE_DESKTOP"), wire.atom("_NET_WM_WINDOW_TYPE_DOCK")}
    hidden = wire.atom("_NET_WM_STATE_HIDDEN") in _numbers(values["_NET_WM_STATE"])
    on = (_numbers(values["_NET_WM_DESKTOP"]) or (_EVERY_DESKTOP,))[0]
    here = _EVERY_DESKTOP in (on, desktop) or on == desktop
    return viewable and here and not (input_only or override_redirect or hidden or kinds & furniture)


def _window(id_: int, geometry: bytes, place: bytes, values: dict[str, bytes]) -> Window:
    width, height = struct.unpack_from("<HH", geometry, 16)
    x, y = struct.unpack_from("<hh", place, 12)
    # The frame lies around the window; a shadow that GTK draws itself lies inside it and is no part of it.
    sides = [0, 0, 0, 0]
    for name, sign in (("_NET_FRAME_EXTENTS", 1), ("_GTK_FRAME_EXTENTS", -1)):
        extents = _numbers(values[name])
        if len(extents) == 4:
            sides = [side + sign * extent for side, extent in zip(sides, extents, strict=True)]
    left, right, top, bottom = sides
    names = values["WM_CLASS"].split(b"\0")
    return Window(
        id_,
        _text(values["_NET_WM_NAME"] or values["WM_NAME"]),
        _text(names[1] if len(names) > 1 else names[0]),
        x - left,
        y - top,
        width + left + right,
        height + top + bottom,
    )


def _numbers(value: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(value) // 4}I", value[: len(value) // 4 * 4])


def _text(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    return text.rstrip("\0")
