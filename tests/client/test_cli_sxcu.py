"""``testigo sxcu`` as scripts use it: explained, imported, and then a share like any other."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.client.test_cli import answer, call
from tests.uploader.sxcu.host import open_host

TOKEN = "s3cr3t-t0ken-of-lucia"
FILE: dict[str, Any] = {
    "Version": "13.0.0", "Name": "Soporte Ñ", "DestinationType": "FileUploader", "RequestMethod": "POST",
    "RequestURL": "https://up.example.org/u?expires=1w", "Body": "MultipartFormData", "FileFormName": "file",
    "Headers": {"Authorization": f"Bearer {TOKEN}"}, "Arguments": {"who": "%un"}, "URL": "$json:data.link$",
    "DeletionURL": "$json:delete$",
}  # fmt: skip


@pytest.fixture
def keychain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "tests.client.keychain.FileKeychain")
    monkeypatch.setenv("TESTIGO_TEST_KEYCHAIN", str(tmp_path / "keychain.json"))
    return tmp_path / "keychain.json"


def write(folder: Path, **changes: Any) -> str:
    path = folder / "given.sxcu"
    path.write_text(json.dumps(FILE | changes), "utf-8-sig")
    return str(path)


def test_check_says_what_a_file_does_and_never_its_secrets(tmp_path: Path) -> None:
    code, found = answer("sxcu", "check", write(tmp_path))
    assert code == 0
    assert (found["name"], found["host"], found["method"], found["body"]) == (
        "Soporte Ñ", "up.example.org", "POST", "MultipartFormData",
    )  # fmt: skip
    assert (found["accepted"], found["reason"], found["secrets"]) == (True, "", ["Headers.Authorization"])
    assert {warning["code"] for warning in found["warnings"]} == {"old_syntax", "sends_user", "deletion_by_get"}
    code, out, err = call("sxcu", "check", write(tmp_path))
    assert code == 0
    assert "up.example.org (POST)" in out
    assert TOKEN not in out + err + json.dumps(found)


def test_check_explains_in_spanish_too(tmp_path: Path) -> None:
    code, out, _ = call(
        "--lang", "es", "sxcu", "check", write(tmp_path, Version="15.0.0", DestinationType="URLShortener", URL="{nope}")
    )
    assert code == 0
    assert "está hecho para URLShortener, no para archivos" in out
    assert "URL: no hay una función «nope»" in out


@pytest.mark.parametrize(
    ("url", "advised"),
    [
        ("http://8.8.8.8/u", ": --allow-http."),
        ("https://192.168.1.7/u", ": --allow-private."),
        ("http://192.168.1.7/u", ": --allow-private, --allow-http."),
        ("http://169.254.169.254/u", ""),
        ("https://metadata.google.internal/u", ""),
    ],
)
def test_check_advises_only_flags_with_which_it_would_be_imported(tmp_path: Path, url: str, advised: str) -> None:
    out = call("sxcu", "check", write(tmp_path, RequestURL=url))[1]
    assert ("--allow" in out) == bool(advised), out
    assert advised in out


def test_check_advises_no_flag_that_the_settings_forbid(tmp_path: Path) -> None:
    assert call("settings", "set", "sharing.allow_private", "never")[0] == 0
    assert "--allow" not in call("sxcu", "check", write(tmp_path, RequestURL="https://192.168.1.7/u"))[1]


def test_an_uploader_without_a_body_is_explained_in_words(tmp_path: Path) -> None:
    out = call("sxcu", "check", write(tmp_path, RequestMethod="GET", Body="None", Arguments={}))[1]
    assert "It asks up.example.org (GET) for something and sends no file." in out
    assert "None:" not in out
    assert ": ." not in out


@pytest.mark.parametrize(
    ("content", "words"),
    [("{", "ends too early"), ("[]", "holds no uploader"), ("<html>", "line 1"), ("", "ends too early")],
)
def test_a_file_that_cannot_be_read_is_told_with_the_reason(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "broken.sxcu"
    path.write_text(content)
    code, said = answer("sxcu", "check", str(path))
    assert (code, said["error"]["code"]) == (3, "sxcu")
    assert words in said["error"]["detail"]


def test_an_imported_file_is_a_share_whose_secrets_lie_in_the_keychain(
    tmp_path: Path, home: Path, keychain: Path
) -> None:
    with open_host() as host:
        given = write(tmp_path, RequestURL=f"{host.url}/u")
        code, said = answer("sxcu", "import", given)
        assert (code, said["error"]["code"]) == (3, "sxcu")
        assert "without encryption" in said["error"]["detail"]
        code, said = answer("sxcu", "import", given, "--allow-http", "--allow-private")
        assert (code, said["share"]) == (0, "soporte")
        settings = (home / "config" / "settings.toml").read_text()
        stored = Path(said["file"])
        assert TOKEN not in settings + stored.read_text("utf-8")
        assert stored.stat().st_mode & 0o077 == 0
        assert TOKEN in keychain.read_text()
        (tmp_path / "video.mp4").write_bytes(b"moving pictures")
        assert answer("share", "check", "soporte")[0] == 0
        code, shared = answer("share", str(tmp_path / "video.mp4"), "--share", "soporte")
        assert code == 0
        with urllib.request.urlopen(shared["url"], timeout=30) as reply:
            assert reply.read() == b"moving pictures"
        sent = next(asked for asked in host.asked if asked.method == "POST")
        assert sent.headers["authorization"] == f"Bearer {TOKEN}"


def test_a_share_that_is_there_is_replaced_only_when_asked(tmp_path: Path, home: Path, keychain: Path) -> None:
    given = write(tmp_path)
    assert answer("sxcu", "import", given, "--name", "it")[0] == 0
    code, said = answer("sxcu", "import", given, "--name", "it")
    assert (code, said["error"]["code"]) == (3, "sxcu")
    assert "--replace" in said["error"]["detail"]
    harmless = write(tmp_path, Headers={})
    assert answer("sxcu", "import", harmless, "--name", "it", "--replace")[0] == 0
    assert TOKEN not in keychain.read_text()
    (home / "config" / "settings.toml").write_text('[shares.it]\nkind = "folder"\npath = "/x"\n')
    assert answer("sxcu", "import", given, "--name", "it", "--replace")[0] == 3


def test_without_a_keychain_nothing_is_stored(tmp_path: Path, home: Path) -> None:
    code, said = answer("sxcu", "import", write(tmp_path))
    assert (code, said["error"]["code"]) == (6, "no_keychain")
    assert not (home / "config" / "settings.toml").exists()
    assert not (home / "config" / "sxcu").exists()
    assert answer("sxcu", "import", write(tmp_path, Headers={}))[0] == 0


@pytest.mark.parametrize("name", ["a b", "../x", "a.b", "ñ", "x" * 41])
def test_a_name_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    code, said = answer("sxcu", "import", write(tmp_path), "--name", name)
    assert (code, said["error"]["code"]) == (2, "usage")
