"""Any marks a person or a program could make, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from client.annotation import Arrow, Box, Crop, Ellipse, Hide, Highlight, Line, Mark, Pen, Step, Text


def drawn_marks(side_px: int) -> st.SearchStrategy[Mark]:
    """Marks that draw something, on and around a picture of this size."""
    place = st.floats(-0.5 * side_px, 1.5 * side_px)
    length = st.floats(0, side_px)
    stroke = st.floats(0.5, 60)
    point = st.tuples(place, place)
    color = st.sampled_from(("#E5322D", "#FFFFFF", "#101114", "#00FF00", "#FFE34D"))
    framed = {"x": place, "y": place, "width": length, "height": length, "color": color}
    words = st.text(st.characters(max_codepoint=0x24F), max_size=8)
    return st.one_of(
        st.builds(Pen, points=st.lists(point, min_size=1, max_size=6).map(tuple), color=color, width_px=stroke),
        st.builds(Line, start=point, end=point, color=color, width_px=stroke),
        st.builds(Arrow, start=point, end=point, color=color, width_px=stroke),
        st.builds(Box, **framed, width_px=stroke),
        st.builds(Ellipse, **framed, width_px=stroke),
        st.builds(Text, x=place, y=place, text=words, color=color, size_px=st.floats(1, 80)),
        st.builds(Step, x=place, y=place, color=color, size_px=st.floats(1, 80)),
        st.builds(Highlight, **framed),
    )


def hides(side_px: int) -> st.SearchStrategy[Hide]:
    place = st.floats(-0.2 * side_px, side_px)
    extent = st.floats(0.125, side_px)
    return st.builds(Hide, x=place, y=place, width=extent, height=extent)


def any_marks(side_px: int = 64) -> st.SearchStrategy[tuple[Mark, ...]]:
    extent = st.floats(1, side_px)
    crop = st.builds(Crop, x=st.floats(0, side_px / 2), y=st.floats(0, side_px / 2), width=extent, height=extent)
    return st.lists(st.one_of(drawn_marks(side_px), hides(side_px), crop), max_size=8).map(tuple)
