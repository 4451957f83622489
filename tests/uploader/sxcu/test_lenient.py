from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uploader.sxcu.lenient import NotJson, as_text, mend, read_lenient


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{'a': 'it''s'.x}".replace("''s'.x", "\\'s'"), {"a": "it's"}),
        ("// first\n{ a: 1, /* two */ $b_2: [1, 2,], }", {"a": 1, "$b_2": [1, 2]}),
        ('{\u2003"a"\u00a0:\n"two\nlines"}', {"a": "two\nlines"}),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ("[,]", [None]),
        ("[0x1F, 017, -1, 1.5, .5, +3]", [31, 15, -1, 1.5, 0.5, 3]),
        ("[true, null, undefined, 'tab\\tu\\u00f1']", [True, None, None, "tab\tuñ"]),
        ('{"a": 1} and what follows', {"a": 1}),
        ("'\\ud83d\\udc26'", "\ud83d\udc26"),
        ('{"a": {"b": [] // end\n}}', {"a": {"b": []}}),
    ],
)
def test_what_newtonsoft_takes_is_read(text: str, value: object) -> None:
    assert read_lenient(text) == value


def test_numbers_that_are_none_are_read_too() -> None:
    assert math.isnan(read_lenient("[NaN]")[0])
    assert read_lenient("[Infinity, -Infinity]") == [math.inf, -math.inf]


@pytest.mark.parametrize(
    ("text", "line", "cut"),
    [
        ("", 1, True), ("{", 1, True), ('{\n"a": "b', 2, True), ('{"a": 1\n', 2, True), ("[1", 1, True),
        ('{\n"a"\n"b"}', 3, False), ("{a b}", 1, False), ("{1: }", 1, False), ('"\\x"', 1, False),
        ("=", 1, False), ("{a: nonsense}", 1, False), ("[" * 100 + "]" * 100 + "x,", 1, False), ('"\\u12"', 1, False),
    ],
)  # fmt: skip
def test_what_it_does_not_take_is_told_by_its_line_alone(text: str, line: int, cut: bool) -> None:
    if text.startswith("[[[["):
        text = text.replace("[[", "[ /**/ [")
        text = text.replace("]]", "],]")
    with pytest.raises(NotJson) as caught:
        read_lenient(text)
    assert (caught.value.line, caught.value.cut) == (line, cut)
    assert str(caught.value) == f"line {line}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "True"),
        (False, "False"),
        (1.0, "1"),
        (1.5, "1.5"),
        (7, "7"),
        ("ñ", "ñ"),
        ([], None),
        ({}, None),
    ],
)
def test_plain_values_are_written_as_net_does(value: object, text: str | None) -> None:
    assert as_text(value) == text


def test_halves_of_characters_are_joined_or_replaced() -> None:
    assert mend("\ud83d\udc26 \ud83d") == "🐦 \ufffd"


@given(st.text(max_size=60) | st.text("{}[]:,'\"/*\\u0a ", max_size=60))
def test_no_text_crashes_it(text: str) -> None:
    try:
        read_lenient(text)
    except NotJson as error:
        assert error.line >= 1
