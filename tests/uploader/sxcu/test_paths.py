"""JSONPath, XPath and regular expressions out of strangers' files."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uploader.sxcu import jsonpath, regexes, xpath
from uploader.sxcu.fault import SxcuFault

ANSWER: dict[str, Any] = {
    "url": "https://x/0",
    "files": [{"url": "https://x/1", "n": 1, "ok": True}, {"url": "https://x/2", "n": "2", "sizes": [10, 20]}],
    "odd key": {"a.b": "dotted", "it's": "quoted"},
    "deep": {"er": {"only": 1.0}},
    "none": None,
}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("url", "https://x/0"), ("$.url", "https://x/0"), ("files[0].url", "https://x/1"),
        ("files.[1].url", "https://x/2"), ("$['files'][0]['url']", "https://x/1"), (".only", "1"), ("$..only", "1"),
        ("['odd key']['a.b']", "dotted"), ("['odd key']['it\\'s']", "quoted"), ("deep.*.only", "1"),
        ("files[-1:].url", "https://x/2"), ("files[1:].sizes[:1]", "10"), ("files[::-2].n", "2"),
        ("files[0,7].url", "https://x/1"), ("['url','nope']", "https://x/0"), ("files[0].ok", "True"),
        ("none", ""), ("nope.at.all", ""), ("files[9].url", ""), ("files[-1].url", ""),
        ("files[?(@.n == 1)].url", "https://x/1"), ("files[?(@.n == 2)].url", "https://x/2"),
        ("files[?(@.n === 2)].url", ""), ("files[?(@.sizes)].url", "https://x/2"),
        ("files[?(@.url =~ /X.2$/i)].url", "https://x/2"), ("files[?(@.n<2 && @.ok==true)].url", "https://x/1"),
        ("files[?(@.n > 5 || (@.url != 'https://x/1'))].url", "https://x/2"), ("files[?@.url==$.url].n", ""),
        ("files[?(@.sizes[1] >= 20)].n", "2"), (" url ", "https://x/0"),
    ],
)  # fmt: skip
def test_a_path_leads_where_newtonsofts_would(path: str, text: str) -> None:
    assert jsonpath.select(ANSWER, path) == text


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("files", "list or an object"), ("$", "list or an object"), ("..url", "several places"),
        ("files[*].url", "several places"), ("a.", "no JSONPath"), ("files[0]url", "no JSONPath"), ("[", "no JSONPath"),
        ("files[?(@.n ==)].url", "no JSONPath"), ("files['a", "no JSONPath"), ("a b", "no JSONPath"),
        ("files[::0]", "no JSONPath"), ("x" * 5000, "no JSONPath"), ("[?" + "(" * 200, "no JSONPath"),
        ("files[?(@.url =~ /(/)].url", "regular expression"),
    ],
)  # fmt: skip
def test_a_path_that_cannot_be_followed_says_why(path: str, why: str) -> None:
    with pytest.raises(SxcuFault, match=why):
        jsonpath.select(ANSWER, path)


def test_a_path_that_asks_for_everything_again_and_again_ends() -> None:
    wide = {"a": [{"a": [{"a": list(range(30))} for _ in range(30)]} for _ in range(30)]}
    with pytest.raises(SxcuFault, match="too much"):
        jsonpath.select(wide, "$..*..*..*..nothing")


def test_an_answer_that_is_nested_deep_is_read() -> None:
    deep: Any = "end"
    for _ in range(900):
        deep = {"a": deep, "b": 1}
    assert jsonpath.select(deep, "a" + ".a" * 9 + ".b") == "1"


XML = (
    '<?xml version="1.0" encoding="utf-16"?><rsp stat="ok"><l n="a">one</l><l>two<b>!</b></l>'
    '<o:p xmlns:o="urn:o">q</o:p></rsp>'
)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/rsp/l", "one"), ("/rsp/l[2]", "two!"), ("//l/@n", "a"), ("//l[2]/text()", "two"), ("string(//b)", "!"),
        ("count(//l)", "2"), ("concat(/rsp/@stat, '-', //b)", "ok-!"), ("boolean(//zzz)", "false"),
        ("//*[local-name()='p']", "q"), ("/rsp/none", ""), ("//l[contains(., 'wo')]/b", "!"), ("/", "onetwo!q"),
    ],
)  # fmt: skip
def test_an_xpath_gives_the_text_of_the_first_place(path: str, text: str) -> None:
    assert xpath.select(XML, path) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", "document type"),
        ("<!DOCTYPE lolz [<!ENTITY a 'b'><!ENTITY c '&a;&a;'>]><a>&c;</a>", "document type"),
        ("<!DOCTYPE html><html/>", "document type"),
        ("<a>&nbsp;</a>", "not the XML"), ("", "not the XML"), ("{}", "not the XML"), ("<a><b></a>", "not the XML"),
        ("<a>" * 300 + "</a>" * 300, "nested too deep"),
    ],
)  # fmt: skip
def test_dangerous_or_broken_xml_is_refused(text: str, why: str) -> None:
    with pytest.raises(SxcuFault, match=why):
        xpath.select(text, "/a")


@pytest.mark.parametrize(
    "path", ["", "((", "//[", "$variable", "document('file:///etc/passwd')", "nofunction()", "a:b"]
)
def test_an_xpath_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(SxcuFault, match="XPath cannot be read"):
        xpath.check_path(path)


def test_an_xpath_that_takes_too_long_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xpath, "MOST_S", 0.2)
    with pytest.raises(SxcuFault, match="too long"):
        xpath.select("<r>" + "<a><b>x</b></a>" * 2000 + "</r>", "//*[//*[//*[.='y']]]")


@pytest.mark.parametrize(
    ("text", "pattern", "group", "found"),
    [
        ('id: 41\nname: "x.png"', 'name: "(.+)"', "1", "x.png"), ("id: 41", r"id: (?<id>\d+)", "id", "41"),
        ("id: 41", r"id: (?'id'\d+)", "id", "41"), ("id: 41", r"\d+", "", "41"), ("id: 41", "zzz", "", ""),
        ("ab", "(?<x>a)(b)", "1", "b"), ("ab", "(?<x>a)(b)", "2", "a"), ("ab", "(a)|(b)", "2", ""),
        ("hello", "[a-z-[aeiou]]+", "", "h"), ("x=1;y=22", "(?<=y=).*", "", "22"), ("A\nb", "(?i)^a$", "0", ""),
        ("a\nb", "(?m)^b$", "0", "b"), ("ñandú", r"\w+", "", "ñandú"),
    ],
)  # fmt: skip
def test_a_regular_expression_means_what_it_means_in_net(text: str, pattern: str, group: str, found: str) -> None:
    assert regexes.find(text, pattern, group) == found


@pytest.mark.parametrize(
    ("pattern", "group", "why"),
    [
        ("(", "", "cannot be read"), ("a{2,1}", "", "cannot be read"), ("a", "1", "no group"), ("(a)", "x", "no group"),
        ("((a{1000}){1000}){1000}", "", "too large"), ("a{99999999999999}", "", "too large"),
        ("a" * 5000, "", "too large"),
    ],
)  # fmt: skip
def test_a_regular_expression_that_cannot_be_is_refused(pattern: str, group: str, why: str) -> None:
    with pytest.raises(SxcuFault, match=why):
        regexes.check_pattern(pattern, group)


def test_a_regular_expression_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regexes, "MOST_S", 0.1)
    with pytest.raises(SxcuFault, match="too long"):
        regexes.find("a" * 5000 + "b", "(a|a)+(a|aa)+$", "")


WORDS = st.text(max_size=20) | st.text("$.[]*?()@'=~/<>&|:,0a", max_size=30)


@given(WORDS)
def test_no_jsonpath_crashes_it(path: str) -> None:
    try:
        assert isinstance(jsonpath.select(ANSWER, path), str)
    except SxcuFault as fault:
        assert str(fault)


@given(st.text("/[]()@*.|'=:a1 $", max_size=16))
def test_no_xpath_crashes_it(path: str) -> None:
    try:
        assert isinstance(xpath.select(XML, path), str)
    except SxcuFault as fault:
        assert str(fault)


@given(st.text("(?<>'a)[]{}1,^$*+|\\-P=!:", max_size=16), st.text(max_size=3))
def test_no_regular_expression_crashes_it(pattern: str, group: str) -> None:
    try:
        assert isinstance(regexes.find("aaa1(a)", pattern, group), str)
    except SxcuFault as fault:
        assert str(fault)
