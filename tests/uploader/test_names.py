from __future__ import annotations

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from uploader.names import MOST_BYTES, ascii_name, clean_name, disposition


@given(st.text(max_size=400))
@example("../../etc/passwd")
@example("CON.txt")
@example("a\u202egpj.exe")
@example("x" * 300 + ".tar.gz")
@example("\ud800")
@example("‥")
@example("ＣＯＮ.txt")
def test_a_clean_name_is_harmless_and_stays_as_it_is(name: str) -> None:
    clean = clean_name(name)
    assert clean == clean_name(clean)
    assert clean
    assert len(clean.encode()) <= MOST_BYTES
    assert not set(clean) & set('<>:"/\\|?*\r\n\t\0')
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs") for c in clean)
    assert clean.strip(" .") == clean
    assert clean.partition(".")[0].upper() not in {"CON", "PRN", "AUX", "NUL", "COM1", "LPT9"}
    plain = ascii_name(name)
    assert plain.isascii()
    assert plain == clean_name(plain)
    header = disposition(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2


def test_letters_of_every_script_stay() -> None:
    for name in ("grabación ñandú.mp4", "スクリーン.png", "снимок 🐦.jpg", "لقطة.png"):
        assert clean_name(name) == name


def test_the_suffix_of_a_long_name_stays() -> None:
    assert clean_name("ñ" * 400 + ".mp4").endswith("ñ.mp4")
