"""Files of every version, spelling and encoding; their words; what is said about them; their secrets."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from uploader.errors import AuthFailed
from uploader.sxcu.address import normal, risks
from uploader.sxcu.codes import Moment, expand
from uploader.sxcu.credentials import MARK, find_secrets, split_secrets, with_secrets
from uploader.sxcu.definition import Definition, read_definition, write_definition
from uploader.sxcu.describe import Description, describe
from uploader.sxcu.fault import SxcuFault
from uploader.sxcu.notices import SENTENCES, fault_of
from uploader.sxcu.request import Chance, make_request, read_error, read_result
from uploader.sxcu.template import Scene
from uploader.wire import Reply

ROOT = Path(__file__).resolve().parents[3]
GOOD: dict[str, Any] = {
    "Version": "15.0.0", "DestinationType": "FileUploader", "RequestURL": "https://up.example.org/u",
    "Body": "MultipartFormData", "FileFormName": "file",
}  # fmt: skip


def read(**changes: Any) -> Definition:
    return read_definition(json.dumps(GOOD | changes).encode())


def about(**changes: Any) -> Description:
    return describe(read(**changes))


def warned(found: Description) -> set[str]:
    return {notice.code for notice in found.warnings}


def refused(found: Description) -> set[str]:
    return {notice.code for notice in found.refusals}


# -- files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_every_encoding_with_a_mark_is_read(encoding: str) -> None:
    assert read_definition(json.dumps(GOOD | {"Name": "Ñandú"}, ensure_ascii=False).encode(encoding)).name == "Ñandú"


def test_spelling_of_names_and_numbers_in_place_of_words_do_not_matter() -> None:
    raw = b"{requesturl: 'https://a.example/', REQUESTMETHOD: 2, body: 5, destinationtype: 5, version: 14.1, // mine\n}"
    found = read_definition(raw)
    assert (found.method, found.body) == ("PUT", "Binary")
    assert found.destinations == ("ImageUploader", "FileUploader")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "ends too early"), (b"{\n\"RequestURL\": \"https://x\"", "in line 2"), (b"[]", "holds no uploader"),
        (b"{}", "names no RequestURL"), (b'{"Version": "14.0.0", "URL": "x"}', "names no RequestURL"),
        (b"<html>", "line 1"), (b'{"RequestURL": {}}', "must be a text"),
        (b'{"RequestURL": "x", "Headers": "y"}', "Headers"),
        (b'{"RequestURL": "x", "Headers": {"a": []}}', "Headers.a"), (b" " * 2_000_000, "too large"),
        (b"\x00\x01\x02", "line 1"), (b"\xff\xfe{\x00", "ends too early"),
    ],
)  # fmt: skip
def test_what_is_no_uploader_is_refused_with_the_reason(raw: bytes, why: str) -> None:
    with pytest.raises(SxcuFault, match=why):
        read_definition(raw)


def test_the_oldest_dialect_is_read_with_a_warning() -> None:
    found = read_definition(json.dumps({
        "Name": "Old", "RequestType": "POST", "RequestURL": "https://old.example/up.php?a=1", "FileFormName": "f",
        "Arguments": {"key": "$filename$ {1}"}, "ResponseType": "Text", "RegexList": ["id=(?<id>\\d{2})", "b|c"],
        "URL": "https://old.example/$1,id$/$regex:2$", "ThumbnailURL": "$2$", "DeletionURL": "$regex:1|1$",
    }).encode())  # fmt: skip
    assert found.body == "MultipartFormData"
    assert found.parameters == (("a", "1"),)
    reply = Reply(200, {}, b"x id=42 c", "https://old.example/up.php")
    assert read_result(found, reply, "n", Chance("")).url == "https://old.example/42/c"
    described = describe(found)
    assert described.accepted
    assert {"old_version", "old_syntax", "body_guessed"} <= warned(described)


def test_an_old_file_that_looks_at_the_redirection_does_so() -> None:
    old = {
        "RequestURL": "https://a.example/",
        "RequestType": "POST",
        "FileFormName": "f",
        "ResponseType": "RedirectionURL",
    }
    reply = Reply(200, {}, b"page", "https://a.example/view/7?x")
    for words in ({}, {"URL": "$response$"}, {"URL": "$regex:1$", "RegexList": [".+"]}):
        found = read_definition(json.dumps(old | words).encode())
        assert read_result(found, reply, "n", Chance("")).url == "https://a.example/view/7?x"


def test_an_old_get_sends_its_arguments_in_the_address() -> None:
    found = read_definition(
        b'{"RequestType": "GET", "RequestURL": "https://a.example/", "Arguments": {"url": "$input$"}}'
    )
    assert found.parameters == (("url", "{input}"),)
    assert refused(describe(found)) == {"no_body", "method_without_file"}


@pytest.mark.parametrize(
    ("version", "words", "modern"),
    [
        ("13.7.1", "$json:a.b$", "{json:a.b}"), ("14.0.0", "{json:a.b}", "{json:a.b}"),
        ("1.0.0", "{json:a.b}", "{json:a.b}"), (None, "{json:a.b}", "{json:a.b}"),
        ("15.0.0", "$json:a.b$", "{json:a.b}"),
        ("13.1.0", '{"a": "$input$"}', '\\{"a": "{input}"\\}'), ("13.1.0", "costs $5 {x}", "costs $5 \\{x\\}"),
        ("13.1.0", "a\\$b|c", "a$b\\|c"), ("13.1.0", "$random:a|b$", "{random:a|b}"), ("13.1.0", "$ID", "$ID"),
        (None, '{"a": 1}', '\\{"a": 1\\}'), ("14.0.0", "{regex:\\\\d+$)}", "{regex:\\\\d+$)}"),
        ("13.1.0", "$prompt:Title {x}|a\\|b$", "{prompt:Title \\{x\\}|a\\|b}"), ("13.1.0", "%ra{3}", "%ra\\{3\\}"),
        ("15.0.0", "$cash and $more", "$cash and $more"), ("13.1.0", "$JSON:a$", "{json:a}"),
    ],
)  # fmt: skip
def test_words_decide_what_they_mean_where_versions_lie(version: str | None, words: str, modern: str) -> None:
    assert dict(read(Version=version, Arguments={"a": words}).arguments)["a"] == modern


def test_what_was_read_can_be_written_and_read_again() -> None:
    found = read(Headers={"A": "x"}, Parameters={"p": "{filename}"}, URL="$json:a$", Version="13.0.0", Name="N")
    again = read_definition(write_definition(found).encode())
    for name in ("headers", "parameters", "url", "method", "body", "request_url", "name", "file_form_name"):
        assert getattr(again, name) == getattr(found, name)


# -- words --------------------------------------------------------------------------------------------------------


def say(text: str, **known: Any) -> str:
    return Scene("a b.png", lambda n: 1 % n, **known).evaluate(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plain: words", "plain: words"), ("{filename}", "a b.png"), ("{FileName}!", "a b.png!"),
        ("\\{x\\}\\\\", "{x}\\"),
        ("a}b", "a"), ("a|b", "a"), ("{base64:user:pass}", "dXNlcjpwYXNz"), ("{base64:{filename}", "YSBiLnBuZw=="),
        ("{random:a|b|c}", "b"), ("{random:|x|y}", "y"), ("{select:one|two}", "one"),
        ("{inputbox:Title|hello}", "hello"),
        ("{base64:{base64:x}}", "ZUE9PQ=="), ("{prompt}", ""), ("{outputbox:t|x}", ""), ("\\d", "d"), ("{input}", ""),
    ],
)  # fmt: skip
def test_words_become_what_sharex_makes_of_them(text: str, said: str) -> None:
    assert say(text) == said


@pytest.mark.parametrize("text", ["{nope}", "{}", "{json}", "{random:a}", "{filename:x}", "{" * 300, "{base64:" * 300])
def test_words_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(SxcuFault):
        say(text)


def test_words_do_not_grow_without_end() -> None:
    with pytest.raises(SxcuFault, match="too long"):
        say("{base64:" * 60 + "x" * 100)


def test_codes_are_filled_in() -> None:
    moment = Moment(datetime(2026, 3, 4, 15, 6, 7, 89_000, UTC), lambda n: n - 1)
    text = "%y-%yy-%mo-%mon-%d %h:%mi:%s.%ms %pm %w %wy %rn%rn{2} %ra{3} %rx %unix %t%pn 100% %zz"
    expected = "2026-26-03-March-04 15:06:07.089 PM Wednesday 10 999 zzz f 1772636767  100% %zz"
    assert expand(text, moment) == expected
    assert len(expand("%guid", moment)) == 36
    assert len(expand("%ra{999999}", moment)) == 1000
    assert expand("%rn\\{2\\}", moment) == "99"


def test_chance_comes_out_the_same_for_one_seed_and_differs_between_places() -> None:
    found = read(
        RequestURL="https://x.example/{random:" + "|".join(map(str, range(1000))) + "}",
        Arguments={"a": "%ra{30}", "b": "%ra{30}"},
    )
    at = datetime(2026, 1, 1, tzinfo=UTC)
    one, same, other = (make_request(found, "f", Chance(seed), at) for seed in ("s", "s", "t"))
    assert one == same
    assert one.url != other.url
    assert one.arguments[0][1] != one.arguments[1][1]


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("up.example/x y", "https://up.example/x%20y"),
        ("https://ñandú.example/é", "https://xn--and-6ma2c.example/%C3%A9"),
        ("https://u.example/{filename}", "https://u.example/a%2Fb%20%3F.png"), ("//u.example", "https://u.example/"),
        ("https://u.example?k=v%20w&flag&e=", "https://u.example/?k=v%20w&flag&e"),
    ],
)  # fmt: skip
def test_the_address_is_made_whole(url: str, sent: str) -> None:
    assert make_request(read(RequestURL=url), "a/b ?.png", Chance(""), datetime.now(UTC)).url == sent


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a%n", "{base64:x}\u0000"])
def test_a_header_cannot_bring_another(value: str) -> None:
    with pytest.raises(SxcuFault, match="line break"):
        make_request(read(Headers={"X": value + "end"}), "f", Chance(""), datetime.now(UTC))


# -- what is said -------------------------------------------------------------------------------------------------


def test_a_good_one_is_accepted_and_told() -> None:
    found = about(Arguments={"title": "{filename}", "who": "%un on %cn"}, Headers={"Authorization": "Bearer abc"})
    assert found.accepted
    assert (found.host, found.method, found.name) == ("up.example.org", "POST", "up.example.org")
    assert found.sends == ("computer", "file", "filename", "user")
    assert found.secrets == ("Headers.Authorization",)
    assert warned(found) == {"sends_user", "sends_computer"}
    assert "abc" not in repr(found)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"DestinationType": "URLShortener"}, "not_for_files"), ({"FileFormName": ""}, "no_file_field"),
        ({"Body": "JSON"}, "body_without_file"), ({"Body": "Carrier pigeon"}, "body"),
        ({"RequestMethod": "GET"}, "method_without_file"),
        ({"RequestMethod": "BREW"}, "method"), ({"RequestURL": "Webhook URL"}, "no_address"),
        ({"RequestURL": ""}, "no_address"),
        ({"RequestURL": "https://<YOUR DOMAIN>/u"}, "no_address"), ({"RequestURL": "ftp://x.org/"}, "no_address"),
        ({"RequestURL": "http://x.org/"}, "plain_http"), ({"RequestURL": "https://192.168.1.5/"}, "private_address"),
        ({"RequestURL": "https://nas/"}, "private_address"),
        ({"RequestURL": "https://[fd00:ec2::254]/"}, "metadata_address"),
        ({"RequestURL": "https://{random:a.org|127.0.0.1}/"}, "private_address"),
        ({"URL": "![]({json:u})"}, "result_no_address"),
        ({"URL": "{nope:u}"}, "field"), ({"URL": "{json:[}"}, "field"), ({"URL": "{xml:((}"}, "field"),
        ({"URL": "{regex:(}"}, "field"),
        ({"Arguments": {"a": "{response}"}}, "field"), ({"Headers": {"a b": "c"}}, "header_name"),
        ({"Arguments": {"a": "{prompt:T}"}}, "asks"),
        ({"URL": "https://x.org/$regex:1$", "Version": "13.0.0"}, "field"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_with_the_reason(changes: dict[str, Any], code: str) -> None:
    found = about(**changes)
    assert refused(found) == {code}
    assert not found.accepted


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"DestinationType": "ImageUploader"}, "not_all_files"),
        ({"DestinationType": "FileUploader, Lynx"}, "destination"),
        ({"RequestURL": "https://me:word@x.org/"}, "credentials_in_url"),
        ({"RequestURL": "https://{random:a|b}.org/"}, "hosts_drawn"),
        ({"Arguments": {"key": "YOUR_KEY_HERE"}}, "placeholder"),
        ({"URL": "https://elsewhere.org/{response}"}, "other_host"),
        ({"URL": "http://up.example.org/{response}"}, "result_plain_http"),
        ({"DeletionURL": "{json:d}"}, "deletion_by_get"),
        ({"DeletionURL": "https://elsewhere.org/{json:d}"}, "deletion_other_host"),
        ({"Arguments": {"a": "{select:x|y}"}}, "asks_with_answer"),
        ({"Arguments": {"a": "{inputbox:T|x}"}}, "asks_with_answer"), ({"ThumbnailURL": "{nope}"}, "field"),
        ({"Version": "1.0"}, "old_version"),
    ],
)  # fmt: skip
def test_what_should_be_known_is_told(changes: dict[str, Any], code: str) -> None:
    found = about(**changes)
    assert code in warned(found)
    assert found.accepted


def test_a_strangers_words_do_not_reach_the_terminal_as_they_are() -> None:
    found = about(Name="\x1b]0;evil\x07\u202egpj", Headers={"\x1b[2J": "x"}, DestinationType="\x9b31m")
    for text in (found.name, *(value for one in (*found.warnings, *found.refusals) for _, value in one.values)):
        assert text.isprintable()


def test_half_a_password_is_not_told() -> None:
    for value in ("u86iaGe{8O4dSYzMb9>B", "abc{tr0ub4dor", "{hunter2}"):
        found = about(Arguments={"secret": value})
        assert refused(found) == {"field"}
        assert not any(part in str(found) for part in ("O4dSY", "o4dsy", "tr0ub", "hunter2"))


def test_what_is_insisted_on_is_accepted_and_still_told() -> None:
    found = describe(read(RequestURL="http://10.0.0.5:8080/u"), allow_http=True, allow_private=True)
    assert found.accepted
    assert {"plain_http", "private_address"} <= warned(found)
    assert not describe(read(RequestURL="http://169.254.169.254/"), allow_http=True, allow_private=True).accepted


def test_every_notice_has_its_words_in_both_languages() -> None:
    spanish = json.loads((ROOT / "resources/translations/es.json").read_text("utf-8"))
    assert not [text for text in SENTENCES.values() if text not in spanish]


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://x.org/", ()), ("https://127.1/", ("private_address",)), ("https://2130706433/", ("private_address",)),
        ("https://[::1]/", ("private_address",)), ("https://[::ffff:10.0.0.1]/", ("private_address",)),
        ("https://100.64.0.1/", ("private_address",)), ("https://localhost/", ("private_address",)),
        ("https://printer.local/", ("private_address",)), ("https://169.254.169.254./", ("metadata_address",)),
        ("https://metadata.google.internal/", ("metadata_address",)), ("http://8.8.8.8/", ("plain_http",)),
    ],
)  # fmt: skip
def test_risky_addresses_are_known_in_every_spelling(url: str, found: tuple[str, ...]) -> None:
    assert risks(url) == found


@pytest.mark.parametrize(
    "url",
    ["", "javascript:alert(1)", "https://", "https://a b/", "https://x:0/", "https://[::1", "https://" + "a" * 300],
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(SxcuFault):
        normal(url if "://" in url else "x://" + url)


# -- secrets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"Headers": {"Authorization": "Basic {base64:a:b}"}}, "Headers.Authorization"),
        ({"Headers": {"X-Api-Key": "abc"}}, "Headers.X-Api-Key"),
        ({"Headers": {"x-who": "Bearer abc"}}, "Headers.x-who"),
        ({"Arguments": {"upload_password": "abc"}}, "Arguments.upload_password"),
        ({"Arguments": {"userKey": "abc"}}, "Arguments.userKey"),
        ({"RequestURL": "https://x.org/?token=abc"}, "Parameters.token"),
        ({"Arguments": {"z": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"}}, "Arguments.z"),
        ({"RequestURL": "https://me:abc@x.org/"}, "RequestURL"),
        ({"RequestURL": "https://x.org/webhooks/123456/aZ09aZ09aZ09aZ09aZ09aZ09aZ09"}, "RequestURL"),
        ({"DeletionURL": "https://x.org/{json:id}?key=abc"}, "DeletionURL"), ({"Data": '{"api_key": "abc"}'}, "Data"),
    ],
)  # fmt: skip
def test_secrets_are_found_taken_out_and_put_back(changes: dict[str, Any], place: str) -> None:
    found = read(**changes)
    assert find_secrets(found) == (place,)
    bare, kept = split_secrets(found)
    stored = write_definition(bare)
    assert set(kept) == {place}
    for secret in ("abc", "9f86d08", "aZ09"):
        assert secret not in stored
    assert MARK in stored
    again = with_secrets(read_definition(stored.encode()), json.dumps(kept))
    for name in ("headers", "arguments", "parameters", "request_url", "deletion_url", "data"):
        assert getattr(again, name) == getattr(found, name)
    with pytest.raises(AuthFailed):
        with_secrets(read_definition(stored.encode()), "")


@pytest.mark.parametrize(
    "changes",
    [
        {"Arguments": {"name": "{filename}", "keyword": "x", "format": "json", "userHash": "false", "author": "me"}},
        {"Headers": {"Accept": "application/json", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101"}},
        {"Parameters": {"key": "", "expires": "1w"}, "URL": "https://x.org/{json:data.key}"},
    ],
)
def test_what_is_no_secret_stays(changes: dict[str, Any]) -> None:
    assert find_secrets(read(**changes)) == ()


# -- anything -----------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    ["{", "}", "|", ":", "\\", "$", "{json:", "{xml:", "{regex:", "$json:", "$1,1$", "random", "base64", "filename",
    "..", "[0]", "(",
     "%ra{3}", "%cn", "https://", "h.org", "/", "?", "=", "&", "@", "key", "é", "🐦", "\ud800", "\0", "\n", MARK]
)  # fmt: skip
WORDS = st.lists(PIECES | st.text(max_size=3), max_size=8).map("".join)
PAIRS = st.dictionaries(WORDS, WORDS | st.none() | st.integers(), max_size=2)
FILES = st.fixed_dictionaries(
    {"RequestURL": st.just("https://x.org/u") | WORDS},
    optional={
        "Version": st.sampled_from(["15.0.0", "13.1.0", "1.0", "", "x"]), "RequestMethod": WORDS | st.integers(0, 9),
        "Body": st.sampled_from(["MultipartFormData", "Binary", "JSON", "?", 1, None]), "FileFormName": WORDS,
        "Parameters": PAIRS, "Headers": PAIRS, "Arguments": PAIRS, "Data": WORDS, "URL": WORDS, "DeletionURL": WORDS,
        "ErrorMessage": WORDS, "RegexList": st.lists(WORDS, max_size=2), "DestinationType": WORDS | st.integers(),
        "ResponseType": st.sampled_from(["Text", "RedirectionURL"]), "RequestType": WORDS,
    },
)  # fmt: skip
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3))  # fmt: skip
REPLIES = st.builds(
    Reply, st.sampled_from([200, 400]), st.just({"location": "https://x.org/3"}),
    st.sampled_from([b'{"url": "https://x.org/1", "a": [{"a": 1}]}', b"<a><b>https://x.org/2</b></a>", b""])
    | st.binary(max_size=30),
    st.just("https://x.org/u"),
)  # fmt: skip


def use(raw: bytes, reply: Reply) -> None:
    """All that is ever done with a file; nothing but a SxcuFault may come of it."""
    try:
        found = read_definition(raw)
    except SxcuFault as fault:
        assert str(fault)
        return
    described = describe(found)
    for notice in (*described.warnings, *described.refusals):
        assert str(fault_of(notice))
    bare, kept = split_secrets(found)
    assert not set(find_secrets(bare)) & {"RequestURL"} or "RequestURL" in kept
    read_definition(write_definition(bare).encode())
    try:
        make_request(found, 'a "b".txt', Chance("k"), datetime.now(UTC))
        url = read_result(found, reply, "a", Chance("k")).url
        assert url.startswith(("https://", "http://"))
        assert url.isprintable()
    except SxcuFault as fault:
        assert str(fault)
    assert "\n" not in read_error(found, reply, "a", Chance("k"))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(FILES.map(lambda file: json.dumps(file).encode()), REPLIES)
def test_no_definition_crashes_it(raw: bytes, reply: Reply) -> None:
    use(raw, reply)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.binary(max_size=80) | JSON.map(lambda value: json.dumps(value).encode()), REPLIES)
def test_no_bytes_crash_it(raw: bytes, reply: Reply) -> None:
    use(raw, reply)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    FILES.map(lambda file: json.dumps(GOOD | file, indent=1).encode()),
    st.integers(0, 400),
    st.integers(0, 9),
    st.binary(max_size=4),
)
def test_no_damage_crashes_it(raw: bytes, at: int, length: int, put: bytes) -> None:
    use(raw[:at] + put + raw[at + length :], Reply(200, {}, b"https://x.org/1", "https://x.org/u"))
