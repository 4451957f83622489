from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.keys import MODIFIERS, NAMED_KEYS, Key, parse

keys = st.builds(
    Key,
    st.sampled_from([*sorted(NAMED_KEYS), *"ABCXYZ0159+-/.,;Ñ", *(f"F{n}" for n in range(1, 25))]),
    st.frozensets(st.sampled_from(MODIFIERS)),
)


@given(keys)
def test_a_written_key_is_read_back_the_same(key: Key) -> None:
    assert parse(str(key)) == key


@given(keys, st.randoms())
def test_case_blanks_and_the_order_of_modifiers_do_not_matter(key: Key, random: object) -> None:
    words = [*key.modifiers]
    random.shuffle(words)  # type: ignore[attr-defined]
    assert parse(" + ".join([*words, key.name])) == key
    assert parse(str(key).lower()) == key


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Print", "Print"),
        ("alt+printscreen", "Alt+Print"),
        ("Shift+Ctrl+r", "Ctrl+Shift+R"),
        ("Win+F9", "Meta+F9"),
        ("Super+s", "Meta+S"),
        ("Ctrl++", "Ctrl++"),
        ("+", "+"),
        ("Control+Page Up", "Ctrl+PgUp"),
    ],
)
def test_other_spellings_mean_the_same_key(text: str, expected: str) -> None:
    assert str(parse(text)) == expected


@pytest.mark.parametrize("text", ["", "Ctrl+", "Ctrl", "Ctrl+Foo", "F25", "F0", "A+B", "Hyper+A", "F²"])
def test_what_is_no_key_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="key"):
        parse(text)
