"""A custom uploader as a share, against a loopback host that answers in every way, and through a bad line."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote

import pytest

from tests.servers.fault_proxy import Fault, FaultProxy
from tests.uploader.desk_suite import attachment
from tests.uploader.sxcu.host import Asked, Host, Told, as_json, open_host
from tests.uploader.upload_suite import FAULTS, LARGE, UploadSuite, small_and_quick
from uploader.errors import (
    AuthFailed,
    Cancelled,
    FileChanged,
    InvalidField,
    Refused,
    Temporary,
    TooLarge,
    UploaderError,
)
from uploader.journal import MemoryJournal
from uploader.setting import Secret
from uploader.shares.sxcu import Sxcu
from uploader.sxcu.fault import SxcuFault
from uploader.ticket import Attachment, Link, Share, Wishes, quiet
from uploader.transfer import UploadShare

__all__ = ["small_and_quick"]

KEY = "{random:" + "|".join("0123456789abcdef") + "}"
FORM: dict[str, Any] = {
    "Version": "15.0.0", "Name": "Loopback", "DestinationType": "FileUploader", "RequestMethod": "POST",
    "Body": "MultipartFormData", "FileFormName": "file", "URL": "{json:data.link}", "DeletionURL": "{json:delete}",
}  # fmt: skip


def read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as reply:
        return bytes(reply.read())


@pytest.fixture
def host() -> Iterator[Host]:
    with open_host() as found:
        yield found


def make(folder: Path, definition: dict[str, Any], **settings: Any) -> Sxcu:
    file = folder / "uploader.sxcu"
    file.write_text(json.dumps(definition), "utf-8")
    return Sxcu(file=file, **({"allow_http": True, "allow_private": True} | settings))


def put(share: Sxcu, folder: Path, name: str = "video.mp4", content: bytes = b"moving pictures") -> Link:
    return share.put(attachment(folder, name, content, "video/mp4"), MemoryJournal(), quiet)


class TestAsItIs(UploadSuite):
    """PUT under a random name: a repeated request replaces itself."""

    resumes: ClassVar[bool] = False

    @pytest.fixture
    def server_url(self, tmp_path: Path, host: Host) -> str:
        self.folder, self.host = tmp_path, host
        return host.url

    def at(self, url: str) -> UploadShare:
        place = f"{url}/{KEY * 32}/{{filename}}"
        return make(self.folder, {**FORM, "RequestMethod": "PUT", "Body": "Binary", "RequestURL": place})

    def read(self, url: str) -> bytes:
        return read(url)

    def count(self, share: Share) -> int:
        return len(self.host.files)

    def names(self, share: Share) -> set[str]:
        return {unquote(path) for path in self.host.files}

    def test_given_up_nothing_of_it_stays_outside(self, share: UploadShare, tmp_path: Path) -> None:
        """Once all is sent only the answer tells how to take it back; so it is stopped before."""
        file = attachment(tmp_path, "video.mp4", bytes(6_000_000))

        def stop(done: int, total: int) -> None:
            raise Cancelled("stopped")

        journal = MemoryJournal()
        with pytest.raises(Cancelled):
            share.put(file, journal, stop, Wishes(bytes_per_s=lambda: 1_000_000))
        share.abandon(file, journal)
        assert self.count(share) == 0
        share.put(file, journal, quiet)
        share.abandon(file, journal)
        assert self.count(share) == 0


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_form_arrives_whole_through_a_bad_line(
    tmp_path: Path, host: Host, fault_proxy: Callable[[str], FaultProxy], fault: Fault
) -> None:
    """A form makes a new file each time, and no earlier one can be asked for: the link is one, and it is whole."""
    proxy = fault_proxy(host.url)
    proxy.next(fault)
    share = make(tmp_path, {**FORM, "RequestURL": proxy.url + "/up"})
    file, journal = attachment(tmp_path, "grabación.mp4", LARGE), MemoryJournal()
    try:
        link = share.put(file, journal, quiet)
    except UploaderError:  # what the outbox does later, or after an answer that cannot be read a person
        link = share.put(file, journal, quiet)
    assert read(link.url) == LARGE
    assert share.put(file, journal, quiet).url == link.url
    asked = len(host.asked)
    share.put(file, journal, quiet)
    assert len(host.asked) == asked


def test_a_form_holds_the_arguments_first_and_the_file_last(tmp_path: Path, host: Host) -> None:
    asked = {
        **FORM, "RequestURL": f"{host.url}/up?kind=a%20b&flag", "Parameters": {"n": "{filename}"},
        "Headers": {"X-Who": "ñandú", "Content-Type": "multipart/form-data", "Host": "evil.example"},
        "Arguments": {"title": "{filename}", 'odd"\r\nname': "a|b"},
    }  # fmt: skip
    put(make(tmp_path, asked), tmp_path, 'in "quotes" & ünï.mp4')
    (seen, *_) = host.asked
    assert seen.query == [("kind", "a b"), ("flag", ""), ("n", "in _quotes_ & ünï.mp4")]
    assert seen.headers["x-who"].encode("latin-1").decode() == "ñandú"
    assert seen.headers["host"] == host.url.partition("//")[2]
    title, odd, file = seen.parts
    assert (title.name, title.content.decode()) == ("title", "in _quotes_ & ünï.mp4")
    assert "odd%22%0D%0Aname" in odd.disposition
    assert odd.content == b"a"
    assert (file.name, file.content, file.media_type) == ("file", b"moving pictures", "video/mp4")


@pytest.mark.parametrize(
    ("template", "body", "headers"),
    [
        ("", b"\xef\xbb\xbf  URL/x \n", {}),
        ("{json:files[0].url}", b'{"files": [{"url": "URL/x"}]}', {}),
        ("{json:[0].url}", b'[{"url": "URL/x",}] // lenient', {}),
        ("$json:.url$", b'{"deep": {"url": "URL/x"}}', {}),
        ("{xml:/rsp/link}", b"<?xml version='1.0'?><rsp><link>URL/x</link></rsp>", {}),
        ("{xml://a/@href}", b"<p><a href='URL/x'/></p>", {}),
        ("{regex:href=\"(?<u>[^\"]+)\"|u}", b'<a href="URL/x">', {}),
        ("{header:Location}", b"", {"Location": "URL/x"}),
        ("{header:x-link}", b"", {"X-Link": "URL/x"}),
        ("{json:base}{regex:{json:rest}|\\\\w+|0}", b'{"base": "URL/", "rest": "-x-"}', {}),
        ("URL/{response}", b"x", {}),
        ("{response}", b"\"URL\\/x\"".strip(b'"'), {}),
    ],
)  # fmt: skip
def test_the_link_is_found_wherever_the_answer_holds_it(
    tmp_path: Path, template: str, body: bytes, headers: dict[str, str]
) -> None:
    with open_host() as host:

        def answer(asked: Asked, url: str) -> Told:
            path = url.rpartition("/")[0]
            return Told(
                201, body.replace(b"URL", path.encode()), {k: v.replace("URL", path) for k, v in headers.items()}
            )

        host.answer = answer
        share = make(tmp_path, {**FORM, "RequestURL": host.url, "URL": template.replace("URL", host.url + "/f")})
        assert put(share, tmp_path).url == f"{host.url}/f/x"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (Told(200, b'{"data": {"link": "javascript:alert(1)"}}'), "no web address"),
        (Told(200, b'{"data": {"link": "data:text/html,x"}}'), "no web address"),
        (Told(200, b'{"data": {"link": "file:///etc/passwd"}}'), "no web address"),
        (Told(200, b'{"data": {"link": "https://user:word@example.org/x"}}'), "no web address"),
        (Told(200, b'{"data": {"link": "https://a.org/x\\nhttps://b.org/"}}'), "no web address"),
        (Told(200, b'{"data": {"link": ""}}'), "no web address"),
        (Told(200, b'{"data": {"link": ["https://a.org/"]}}'), "list or an object"),
        (Told(200, b"oops"), "not the JSON"),
        (Told(200, b"x" * 5_000_000), "more than it should"),
        (Told(404), "does not know the uploader's address"),
        (Told(400, b'{"error": "wrong\\u0007 key sesame-opens-it \\u202e"}'), "refused it \\(400\\): wrong key •••$"),
    ],
)
def test_an_answer_that_is_not_what_it_should_be_is_refused_with_the_reason(
    tmp_path: Path, host: Host, told: Told, words: str
) -> None:
    host.answer = lambda asked, url: told
    definition = {**FORM, "RequestURL": host.url, "ErrorMessage": "{json:error}", "Arguments": {"key": "•••"}}
    share = make(tmp_path, definition, secrets=Secret('{"Arguments.key": "sesame-opens-it"}'))
    with pytest.raises(UploaderError, match=words):
        put(share, tmp_path)


@pytest.mark.parametrize(("status", "error"), [(401, AuthFailed), (413, TooLarge)])
def test_a_status_means_what_it_means_everywhere(
    tmp_path: Path, host: Host, status: int, error: type[UploaderError]
) -> None:
    host.answer = lambda asked, url: Told(status)
    with pytest.raises(error):
        put(make(tmp_path, {**FORM, "RequestURL": host.url}), tmp_path)


def test_a_login_page_is_tried_again_later(tmp_path: Path, host: Host) -> None:
    host.answer = lambda asked, url: Told(200, b"<!doctype html><h1>Log in", {"Content-Type": "text/html"})
    with pytest.raises(Temporary, match="sign in"):
        put(make(tmp_path, {**FORM, "RequestURL": host.url}), tmp_path)
    assert len(host.asked) == 1


def test_a_host_that_did_not_keep_the_file_is_noticed(tmp_path: Path, host: Host) -> None:
    definition = {**FORM, "RequestMethod": "PUT", "Body": "Binary", "RequestURL": f"{host.url}/{{filename}}",
                  "URL": f"{host.url}/f/{{filename}}", "DeletionURL": ""}  # fmt: skip
    link = put(make(tmp_path, definition), tmp_path)
    assert read(link.url) == b"moving pictures"
    lost = {**definition, "URL": f"{host.url}/f/elsewhere"}
    with pytest.raises(Temporary, match="did not keep"):
        put(make(tmp_path, lost), tmp_path)


def test_a_link_to_less_than_the_file_is_noticed(tmp_path: Path, host: Host) -> None:
    def cut(asked: Asked, url: str) -> Told:
        host.files[url.removeprefix(host.url)] = b"moving"
        return as_json(asked, url)

    host.answer = cut
    with pytest.raises(Temporary, match="something else"):
        put(make(tmp_path, {**FORM, "RequestURL": host.url}), tmp_path)


def test_nothing_is_said_of_a_page_that_shows_the_file(tmp_path: Path, host: Host) -> None:
    def page(asked: Asked, url: str) -> Told:
        path = url.removeprefix(host.url)
        host.files[path], host.types[path] = b"<html>player", "text/html; charset=utf-8"
        return as_json(asked, url)

    host.answer = page
    assert put(make(tmp_path, {**FORM, "RequestURL": host.url}), tmp_path).url.startswith(host.url)


def test_redirects_are_followed_with_what_may_follow(tmp_path: Path, host: Host) -> None:
    with open_host() as other:
        seen: list[str] = []

        def answer(asked: Asked, url: str) -> Told:
            seen.append(f"{asked.method} {asked.path}")
            if asked.path == "/old":
                return Told(308, b"", {"Location": "/new"})
            if asked.path == "/new":
                return Told(302, b"", {"Location": f"{other.url}/view?id=7"})
            return Told(500)

        host.answer = answer
        other.answer = lambda asked, url: Told(200, b"<html>", {"Content-Type": "text/html"})
        definition = {**FORM, "RequestURL": f"{host.url}/old", "URL": "{responseurl}", "DeletionURL": "",
                      "Headers": {"X-Upload-Token": "t0k3n"}}  # fmt: skip
        assert put(make(tmp_path, definition), tmp_path).url == f"{other.url}/view?id=7"
        assert seen == ["POST /old", "POST /new"]
        assert other.asked[0].method == "GET"
        assert "x-upload-token" not in other.asked[0].headers
        assert host.asked[1].headers["x-upload-token"] == "t0k3n"


@pytest.mark.parametrize("status", [307, 308])
def test_the_file_goes_to_no_other_host(tmp_path: Path, host: Host, status: int) -> None:
    with open_host() as other:
        host.answer = lambda asked, url: Told(status, b"", {"Location": other.url})
        with pytest.raises(Refused, match="another host"):
            put(make(tmp_path, {**FORM, "RequestURL": host.url}), tmp_path)
        assert other.asked == []


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest/meta-data/", "http://[::ffff:169.254.169.254]/", "http://2852039166/"]
)
def test_no_redirect_leads_to_the_credentials_of_a_machine(tmp_path: Path, host: Host, target: str) -> None:
    host.answer = lambda asked, url: Told(302, b"", {"Location": target})
    with pytest.raises(SxcuFault, match="credentials of a machine"):
        put(make(tmp_path, {**FORM, "RequestURL": host.url}), tmp_path)


def test_redirects_in_a_circle_end(tmp_path: Path, host: Host) -> None:
    host.answer = lambda asked, url: Told(302, b"", {"Location": "/again"})
    with pytest.raises(Refused, match="without end"):
        put(make(tmp_path, {**FORM, "RequestURL": host.url}), tmp_path)


@pytest.mark.parametrize(
    ("url", "settings", "words"),
    [
        ("http://127.0.0.1:1/", {"allow_http": False}, "without encryption"),
        ("http://127.0.0.1:1/", {"allow_private": False}, "private network"),
        ("http://localhost:1/", {"allow_private": False}, "private network"),
        ("http://0x7f.1:1/", {"allow_private": False}, "private network"),
        ("http://169.254.169.254/", {}, "credentials of a machine"),
    ],
)
def test_what_the_settings_do_not_allow_is_not_reached(
    tmp_path: Path, url: str, settings: dict[str, bool], words: str
) -> None:
    share = make(tmp_path, {**FORM, "RequestURL": url}, **settings)
    for act in (share.check, lambda: put(share, tmp_path)):
        with pytest.raises(SxcuFault, match=words):
            act()


def test_a_name_that_hides_a_private_address_is_refused_at_the_connection(tmp_path: Path, host: Host) -> None:
    """``0`` is this computer too, as seen by the system; whatever the words hide, the connection tells."""
    share = make(tmp_path, {**FORM, "RequestURL": host.url}, allow_private=False)
    with share.open_wire() as wire, pytest.raises(Refused, match="private network"):
        wire.call("GET", host.url)
    assert host.asked == []


def test_a_companys_own_proxy_may_be_private(tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", host.url)
    public = "http://up.example.org"
    host.answer = lambda asked, url: Told(200, json.dumps({"data": {"link": f"{public}/view"}}).encode())
    share = make(tmp_path, {**FORM, "RequestURL": f"{public}/u"}, allow_private=False)
    assert put(share, tmp_path).url == f"{public}/view"
    assert host.asked[0].headers["host"] == "up.example.org"


def test_the_deletion_address_is_a_receipt_and_opened_on_revoking_only(tmp_path: Path, host: Host) -> None:
    share = make(tmp_path, {**FORM, "RequestURL": host.url})
    link = put(share, tmp_path)
    assert link.receipt.startswith(f"{host.url}/delete/")
    assert not [asked for asked in host.asked if asked.path.startswith("/delete/")]
    assert link.receipt not in repr(link)
    share.revoke(link.receipt)
    assert host.files == {}


@pytest.mark.parametrize("address", ["javascript:alert(1)", "https://elsewhere.example/delete/1", "x"])
def test_a_deletion_address_elsewhere_is_not_kept(tmp_path: Path, host: Host, address: str) -> None:
    share = make(tmp_path, {**FORM, "RequestURL": host.url, "DeletionURL": address})
    link = put(share, tmp_path)
    assert link.receipt == ""
    with pytest.raises(Refused, match="cannot take a link back"):
        share.revoke(link.receipt)


def test_secrets_come_from_the_keychain_into_the_places_they_were_taken_from(tmp_path: Path, host: Host) -> None:
    definition = {**FORM, "RequestURL": host.url, "Headers": {"Authorization": "•••"}}
    with pytest.raises(AuthFailed, match="import its file again"):
        make(tmp_path, definition).check()
    share = make(tmp_path, definition, secrets=Secret('{"Headers.Authorization": "Basic {base64:lucía:word:with}"}'))
    put(share, tmp_path)
    assert host.asked[0].headers["authorization"] == "Basic bHVjw61hOndvcmQ6d2l0aA=="


def test_a_name_and_password_in_the_address_become_a_header(tmp_path: Path, host: Host) -> None:
    put(make(tmp_path, {**FORM, "RequestURL": host.url.replace("//", "//lucia:s%40fe@")}), tmp_path)
    assert host.asked[0].headers["authorization"] == "Basic bHVjaWE6c0BmZQ=="


def test_a_large_file_is_not_held_in_memory(tmp_path: Path, host: Host) -> None:
    size = 60_000_000
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(size)
    host.answer = lambda asked, url: Told(413)
    share = make(tmp_path, {**FORM, "RequestURL": host.url})
    # The host of the test holds it all in this process; what is measured is a body read on its own.
    from uploader.form import Form, Part
    from uploader.source import PlainSource, Window

    whole = Window(PlainSource(Attachment("large", path, size, "", "")), 0, size, lambda n: None)
    tracemalloc.start()
    form = Form((), (Part("file", "large.bin", "video/mp4", whole),), "seed")
    assert sum(len(block) for block in form.blocks()) == form.size_bytes
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 2_000_000
    with pytest.raises(TooLarge):
        share.put(Attachment("large.bin", path, size, "video/mp4", ""), MemoryJournal(), quiet)


def test_without_a_hash_it_is_taken_on_the_way(tmp_path: Path, host: Host) -> None:
    file = attachment(tmp_path, "a.bin", b"content")
    bare = Attachment(file.name, file.path, file.size_bytes, file.media_type, "")
    share = make(tmp_path, {**FORM, "RequestURL": host.url})
    assert share.put(bare, MemoryJournal(), quiet).sha256 == hashlib.sha256(b"content").hexdigest()


def test_a_file_that_changed_is_taken_back(tmp_path: Path, host: Host) -> None:
    file = attachment(tmp_path, "a.bin", b"content")
    file.path.write_bytes(b"CONTENT")
    with pytest.raises(FileChanged):
        make(tmp_path, {**FORM, "RequestURL": host.url}).put(file, MemoryJournal(), quiet)
    assert host.files == {}


def test_a_file_of_the_uploader_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidField, match="import it again"):
        Sxcu(file=tmp_path / "gone.sxcu").check()


def test_one_that_is_not_for_files_is_refused_with_the_reason(tmp_path: Path) -> None:
    shortener = {**FORM, "RequestURL": "https://sho.example/", "DestinationType": "URLShortener"}
    with pytest.raises(SxcuFault, match="URLShortener, not for files"):
        make(tmp_path, shortener).check()
