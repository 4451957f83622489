"""What a stranger wrote as text, and what a user wrote in the markups of desks: nothing comes alive or is lost."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uploader.body import apart, mark, read, render
from uploader.mail import Leaf
from uploader.plain_text import CUT, MOST_CHARACTERS, plain_text, tidy
from uploader.shares.paste import accept
from uploader.ticket import Link, Markup, SharedFile, Ticket

HOSTILE = {
    "open tags": "<div " * 1_000_000,
    "nested": "<b>" * 1_000_000 + "x",
    "an endless comment": "<!--" + "-" * 5_000_000,
    "half entities": "&#x" * 1_700_000,
    "attributes": "<a href='" + "x" * 5_000_000,
    "scripts": "<script>alert(1)</script>" * 200_000,
    "angles": "<" * 5_000_000,
    "spaces": " \t" * 2_500_000 + "<p>x",
}


def ticket(text: str, **changes: object) -> Ticket:
    link = SharedFile("film *1*.mp4", 41_000_000, "video/mp4", "ab" * 32, Link("https://files.example.org/x?a=1&b=2"))
    values = {"report_id": "20261129-101500-0123456789", "subject": "x", "description": text, "kind": "claim",
              "priority": "high", "requester": "Ana <ana@example.org>",
              "created_at": datetime(2026, 11, 29, tzinfo=UTC),
              "links": (link,), "fields": {"Centro": "a_b*c"}}  # fmt: skip
    return Ticket(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("html", HOSTILE.values(), ids=HOSTILE.keys())
def test_five_megabytes_of_hostile_html_are_read_and_cut(html: str) -> None:
    found = plain_text(html)
    assert len(found) <= MOST_CHARACTERS + 2
    assert "alert(1)" not in found


def test_a_text_that_was_cut_says_so_wherever_it_was_cut() -> None:
    assert plain_text("<p>fila</p>" * 200_000).endswith(CUT), "of the text"
    assert plain_text("<p>fila</p>" + "<b></b>" * 300_000).endswith(CUT), "of the HTML alone"
    assert tidy("x" * (MOST_CHARACTERS + 1)).endswith(CUT)
    assert not plain_text("<p>fila</p>").endswith(CUT)


@given(st.text(alphabet=st.sampled_from("<>/!-&;#xa\"'= \n\u202escriptp"), max_size=200))
@settings(max_examples=2000, deadline=None)
def test_whatever_is_written_nothing_hidden_is_left(html: str) -> None:
    found = plain_text(html)
    assert not re.search("[\x00-\x08\u202a-\u202e]", found)
    assert tidy(found) == found


def test_what_people_see_is_what_stands_there() -> None:
    html = (
        "<head><title>no</title></head><p>Hola&nbsp;<b>Ana</b>,</p><ul><li>uno</li><li>dos</li></ul>"
        '<a href="https://x.org/a">aquí</a> <a href="javascript:alert(1)">no</a><style>p{}</style>'
    )
    assert plain_text(html) == "Hola Ana,\n\n• uno\n• dos\naquí (https://x.org/a) no"


@pytest.mark.parametrize("markup", ["plain", "markdown", "textile", "jira"])
@given(text=st.text(alphabet=st.sampled_from("abñ *_~`#[](){}|!<>&\\-+=.1\n🐦"), min_size=1, max_size=80))
@settings(max_examples=300, deadline=None)
def test_what_was_typed_is_read_back_as_it_was_typed(markup: Markup, text: str) -> None:
    body = render(ticket(text), markup)
    assert mark("20261129-101500-0123456789") in body
    said = "".join(text.split())
    assert said in "".join(read(body, markup).split())


@pytest.mark.parametrize("markup", ["plain", "html", "markdown", "textile", "jira"])
@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("own", ["No carga.\n\nTipo: de papel\nKind: claim", ""])
def test_what_the_desk_carries_for_us_is_told_apart_from_the_users_words(
    markup: Markup, language: str, own: str
) -> None:
    said, carried = apart(tidy(read(render(ticket(own, language=language), markup), markup)))
    assert said == own
    assert "ab" * 32 in carried
    assert carried.endswith(mark("20261129-101500-0123456789"))
    reply = ticket("Sigue igual", reply_to="7", links=(), fields={}, language=language)
    assert apart(tidy(read(render(reply, markup), markup))) == ("Sigue igual", mark(reply.report_id))


def test_a_ticket_says_until_when_a_link_works_and_nothing_where_nobody_knows() -> None:
    ends = datetime(2026, 12, 6, 12, tzinfo=UTC)

    def told(link: Link) -> str:
        file = SharedFile("film.mp4", 41_000_000, "video/mp4", "", link)
        return render(ticket("x", links=(file,), language="es"), "plain")

    assert "41.0 MB, hasta el 2026-12-06\n" in told(Link("https://files.example.org/x", ends, "us"))
    assert "41.0 MB, no vence\n" in told(Link("https://files.example.org/x"))
    assert "41.0 MB\n" in told(accept("https://files.example.org/x"))


def test_words_below_our_mark_and_those_without_it_are_somebodys() -> None:
    assert apart("Hola\n\nTestigo 20261129-101500-0123456789\n\nPD: urge")[0] == "Hola\n\nPD: urge"
    assert apart("Kind: claim\nHola") == ("Kind: claim\nHola", "")
    empty = "Hola\n\nTestigo 20261129-101500-0123456789\n\nvacío.txt: 0 B"
    assert apart(empty) == ("Hola", empty[6:])


@given(text=st.text(alphabet=st.sampled_from("ab<>&\"'/ script=onerror\n"), max_size=80))
@settings(max_examples=500, deadline=None)
def test_html_holds_no_tag_of_the_users(text: str) -> None:
    seen: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            seen.append(tag)

    Reader().feed(render(ticket(text, requester=text, fields={text or "x": text}), "html"))
    assert set(seen) <= {"p", "br", "strong", "table", "tr", "td", "a"}


@pytest.mark.parametrize("size_bytes", [1, 2, 3, 57, 58, 1000, 1_000_000])
def test_the_size_of_a_file_in_a_mail_is_told_without_its_encoding(size_bytes: int) -> None:
    encoded = base64.encodebytes(bytes(size_bytes)).replace(b"\n", b"\r\n")
    for end in (encoded, encoded.removesuffix(b"\r\n")):
        found = Leaf("1", "application/octet-stream", "", "base64", len(end), is_file=True).raw_bytes
        assert abs(found - size_bytes) <= 3
