"""Machine policy: what it locks stays locked, where it comes from is told, and no lock opens because it broke."""

from __future__ import annotations

import json
import os
import plistlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from client import policy
from client.cli import run
from client.paths import open_paths
from client.rules import judge
from client.secrets import KeychainShut, NoKeychain
from client.session import NotReady, Session
from client.settings import OPTIONS, Locked
from uploader.errors import InvalidField, Refused, UploaderError
from uploader.setting import Secret
from uploader.ticket import LINK_ABOVE_BYTES, Wishes, quiet


@pytest.fixture
def session() -> Iterator[Session]:
    """Read anew at ``reload``; workers are not started."""
    made = Session(open_paths())
    yield made
    made.close()


def managed(text: str, name: str = "50-all.toml", level: str = "managed") -> Path:
    file = policy.FOLDER / level / name
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    file.write_text(text, "utf-8")
    file.chmod(0o644)
    return file


def recommended(text: str) -> Path:
    return managed(text, level="recommended")


def now(session: Session, key: str) -> tuple[object, str, bool]:
    (value,) = (value for value in session.reload().values if value.key == key)
    return value.value, value.origin, value.locked


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = run([*arguments, "--json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, found


def statuses(session: Session) -> list[tuple[str, str]]:
    return [(rule.key, rule.status) for rule in session.reload().rules]


def file_at(url: str) -> bytes:
    return Path(unquote(urlsplit(url).path)).read_bytes()


# -- layers -------------------------------------------------------------------------------------------------------


def test_each_layer_wins_over_the_next_and_says_where_it_is_from(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = open_paths()
    own, weak = Session(paths), recommended("[recording]\nfps = 10\n")
    assert now(own, "recording.fps") == (10, str(weak), False)
    own.change({"recording.fps": 20})
    assert now(own, "recording.fps") == (20, str(paths.settings_file), False)
    monkeypatch.setenv("TESTIGO_RECORDING_FPS", "30")
    assert now(own, "recording.fps") == (30, "environment", False)
    flagged = Session(paths, {"recording.fps": 40})
    assert now(flagged, "recording.fps") == (40, "flag", False)
    lock = managed("[recording]\nfps = 50\n")
    assert now(flagged, "recording.fps") == (50, str(lock), True)
    assert flagged.settings.recording.fps == 50
    lock.unlink()
    assert now(flagged, "recording.fps") == (40, "flag", False)


def test_of_two_policies_the_last_by_name_wins_and_the_other_is_shown_as_superseded(session: Session) -> None:
    managed("[general]\ntheme = 'dark'\n", "10-house.toml")
    recommended("[general]\ntheme = 'auto'\n")
    last = managed("[general]\ntheme = 'light'\n", "20-floor.toml")
    assert now(session, "general.theme") == ("light", str(last), True)
    assert statuses(session) == [("general.theme", "superseded")] * 2 + [("general.theme", "ok")]


def test_a_policy_may_be_json_too(session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = managed('{"general": {"theme": "dark"}, "sharing": {"seal": "share"}}', "10-links.json")
    assert now(session, "general.theme") == ("dark", str(file), True)
    for broken in ('{"general":\n', "[1]", "\xff"):
        file.write_text(broken, "latin-1")
        assert session.reload().sharing.seal == "required"
        code, found = answer(capsys, "policy", "check", str(file))
        assert (code, [row["status"] for row in found["policies"]]) == (3, ["refused"])


def test_a_locked_setting_is_refused_where_it_is_written(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    file = managed("[general]\ntheme = 'dark'\n")
    with pytest.raises(Locked, match="set by your organisation"):
        session.change({"general.name": "Ana", "general.theme": "light"})
    assert not session.paths.settings_file.exists()
    for words in (["set", "general.theme", "light"], ["unset", "general.theme"]):
        code, found = answer(capsys, "settings", *words)
        assert (code, found["error"]["code"]) == (3, "locked")
        assert found["error"]["detail"] == f"“general.theme” is set by your organisation: {file}"
    code, found = answer(capsys, "settings", "show", "general.theme")
    shown = {"key": "general.theme", "value": "dark", "origin": str(file), "locked": True}
    assert (code, found["settings"]) == (0, [shown])


def test_folders_of_ones_own_loosen_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    managed("[general]\ntheme = 'dark'\n")
    own = ["--config-dir", str(tmp_path / "c"), "--data-dir", str(tmp_path / "d")]
    code, found = answer(capsys, *own, "settings", "set", "general.theme", "light")
    assert (code, found["error"]["code"]) == (3, "locked")
    code, found = answer(capsys, *own, "settings", "get", "general.theme")
    assert found["settings"][0]["value"] == "dark"


def test_what_only_policy_may_set_is_the_users_by_no_way(
    session: Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(capsys, "settings", "set", "security.plain_secrets", "true")[0] == 3
    monkeypatch.setenv("TESTIGO_SECURITY_PLAIN_SECRETS", "true")
    recommended("[security]\nplain_secrets = true\n")
    session.paths.settings_file.write_text("[security]\nplain_secrets = true\n")
    assert now(session, "security.plain_secrets") == (False, "default", False)
    assert "line 2" in session.settings.fault
    assert statuses(session) == [("security.plain_secrets", "not_allowed")]
    flagged = Session(session.paths, {"security.plain_secrets": True})
    assert not flagged.settings.security.plain_secrets


# -- broken and untrusted -----------------------------------------------------------------------------------------


def spoil_words(file: Path) -> None:
    file.write_text("[sharing\nseal = ")


def spoil_bytes(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")


def spoil_mode(file: Path) -> None:
    file.chmod(0o666)


def spoil_folder(file: Path) -> None:
    file.parent.chmod(0o777)


def spoil_folder_above(file: Path) -> None:
    policy.FOLDER.chmod(0o775)


def spoil_value(file: Path) -> None:
    file.write_text("[sharing]\nseal = 3\nallow_private = true\n[security]\nplain_secrets = 'maybe'\n")


@pytest.mark.parametrize("spoil", [spoil_words, spoil_bytes, spoil_mode, spoil_folder, spoil_folder_above, spoil_value])
def test_a_lock_that_broke_stays_shut(session: Session, spoil: Any, capsys: pytest.CaptureFixture[str]) -> None:
    session.change({"general.theme": "dark"})
    file = managed("[sharing]\nseal = 'share'\nallow_private = 'always'\n[security]\nplain_secrets = true\n")
    assert session.reload().sharing.seal != "required"
    spoil(file)
    settings = session.reload()
    assert (settings.sharing.seal, settings.sharing.allow_private) == ("required", "never")
    assert not settings.security.plain_secrets
    assert settings.general.theme == "dark", "the user's own layer holds"
    with pytest.raises(Locked):
        session.change({"sharing.seal": "share"})
    code, found = answer(capsys, "policy", "show")
    faults = [row for row in found["policies"] if row["status"] in ("refused", "invalid")]
    assert code == 0
    assert faults and all(row["detail"] and row["source"].startswith(str(policy.FOLDER)) for row in faults)
    assert {row["key"] for row in found["policies"] if row["status"] == "strict"} == {
        "sharing.seal", "sharing.allow_private", "security.plain_secrets"
    }  # fmt: skip
    _, found = answer(capsys, "doctor")
    (check,) = (check for check in found["checks"] if check["id"] == "policy")
    assert check["status"] in ("fail", "warn")
    assert check["detail"].startswith(str(policy.FOLDER))
    assert check["advice"]


def test_a_policy_that_somebody_else_owns_is_refused(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    managed("[general]\ntheme = 'dark'\n")
    monkeypatch.setattr(policy, "OWNERS", {os.getuid() + 1})
    assert session.reload().general.theme == "auto"
    assert ("", "refused") in statuses(session)


def test_one_broken_policy_takes_no_other_with_it(session: Session) -> None:
    managed("[general]\ntheme = 'dark'\n", "10-good.toml")
    managed("[general\n", "20-bad.toml")
    assert session.reload().general.theme == "dark"
    recommended("[general\n")
    assert session.reload().general.theme == "dark"


def test_a_broken_recommendation_makes_nothing_strict(session: Session) -> None:
    recommended("[general\n")
    assert session.reload().sharing.seal == "share"
    assert statuses(session) == [("", "refused")]


def test_unknown_keys_are_shown_and_hurt_nothing(session: Session) -> None:
    managed("colour = 1\n[general]\ntheme = 'dark'\nshade = 2\n[generl]\nx = 1\n[desks.a]\nurl = 'x'\n[desks.'b c']\n")
    assert statuses(session) == [
        ("colour", "unknown"), ("general.theme", "ok"), ("general.shade", "unknown"), ("generl.x", "unknown"),
        ("desks.a", "invalid"), ("desks.b c", "invalid"),
    ]  # fmt: skip
    assert session.settings.desks == {}


# -- desks and shares ---------------------------------------------------------------------------------------------


def test_a_locked_desk_is_whole_and_cannot_be_changed_added_to_or_removed(session: Session, tmp_path: Path) -> None:
    session.change({"desks.help.kind": "folder", "desks.help.path": "/mine"})
    file = managed(f"[desks.help]\nkind = 'folder'\npath = '{tmp_path}'\n[report]\ndesk = 'help'\n")
    assert session.reload().desks == {"help": {"kind": "folder", "path": str(tmp_path)}}
    assert session.settings.given("desks.help") == session.settings.lock("desks.help.path") == str(file)
    for changes in ({"desks.help.path": "/x"}, {"desks.help.more": 1}, {"desks.help": None}, {"report.desk": "x"}):
        with pytest.raises(Locked):
            session.change(changes)
    session.change({"desks.mine.kind": "folder", "desks.mine.path": str(tmp_path / "other")})
    with pytest.raises(InvalidField, match="allows only “help”"):
        session.places.desk("mine")
    session.places.desk("help").check()


def test_a_recommended_share_becomes_the_users_own_when_it_is_changed(session: Session) -> None:
    file = recommended("[shares.files]\nkind = 'folder'\npath = '/srv/files'\nurl = 'https://files.example.org'\n")
    assert session.reload().shares["files"]["path"] == "/srv/files"
    assert session.settings.given("shares.files") == str(file)
    session.change({"shares.files.path": "/srv/mine"})
    mine = {"kind": "folder", "path": "/srv/mine", "url": "https://files.example.org"}
    assert session.settings.shares["files"] == mine
    assert session.settings.given("shares.files") == ""


def test_a_locked_share_is_the_only_one_that_takes_files(
    session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("firm", "mine"):
        (tmp_path / name).mkdir()
    (tmp_path / "film.mp4").write_bytes(b"film")
    session.change({"shares.mine.kind": "folder", "shares.mine.path": str(tmp_path / "mine")})
    mine = session.put(tmp_path / "film.mp4", "mine", quiet)
    managed(f"[report]\nshare = 'firm'\n[shares.firm]\nkind = 'folder'\npath = '{tmp_path / 'firm'}'\n")
    code, found = answer(capsys, "share", str(tmp_path / "film.mp4"), "--share", "mine")
    assert (code, found["error"]["detail"]) == (3, "your organisation allows only “firm”")
    draft = session.new_draft(summary="x", share="mine")
    draft.add_file(big(tmp_path))
    session.reload()
    with pytest.raises(NotReady, match="no_share"):
        session.submit(draft)
    assert session.put(tmp_path / "film.mp4", "", quiet).url.startswith((tmp_path / "firm").as_uri())
    session.shared.revoke(mine.url)  # what was shared before can still be ended
    assert list((tmp_path / "mine").iterdir()) == []


def big(folder: Path) -> Path:
    file = folder / "big.bin"
    with file.open("wb") as lines:
        lines.truncate(LINK_ABOVE_BYTES + 1)
    return file


# -- what policy demands of shared links --------------------------------------------------------------------------


def test_where_sealing_is_required_every_upload_is_sealed_also_one_that_waited(
    session: Session, tmp_path: Path
) -> None:
    (tmp_path / "film.mp4").write_bytes(b"film")
    plain = session.put(tmp_path / "film.mp4", "", quiet)
    assert not plain.sealed and file_at(plain.url) == b"film"
    draft = session.new_draft(summary="x")
    draft.add_file(big(tmp_path))
    report_id = session.submit(draft)
    managed("[sharing]\nseal = 'required'\n")  # nobody restarts the program for it
    assert session.settings.sharing.seal != "required"
    delivery = session.send_now(report_id)
    (sent,) = (sent for sent in delivery.attachments if sent.name == "big.bin")
    assert delivery.state == "sent"
    assert "#k=" in sent.url and ".sealed" in sent.url
    for wishes in (Wishes(), Wishes(sealed=False), Wishes(sealed=True)):
        link = session.put(tmp_path / "film.mp4", "", quiet, wishes)
        assert link.sealed
        assert b"film" not in file_at(link.url)


def test_where_sealing_is_required_no_link_made_by_hand_is_taken(session: Session, tmp_path: Path) -> None:
    session.change({"shares.hand.kind": "paste"})
    managed("[sharing]\nseal = 'required'\n")
    with pytest.raises(Refused, match="cannot be sealed"):
        session.put(big(tmp_path), "hand", quiet)


def test_the_user_may_require_sealing_too_and_a_recommendation_can_be_undone(session: Session) -> None:
    recommended("[sharing]\nseal = 'required'\n")
    assert session.reload().sharing.seal == "required"
    session.change({"sharing.seal": "share"})
    assert session.settings.sharing.seal == "share"


def uploader(session: Session, **fields: object) -> None:
    file = session.paths.config / "own.sxcu"
    file.write_text(
        json.dumps({"Name": "own", "RequestMethod": "POST", "RequestURL": "http://127.0.0.1:1/u",
                    "Body": "MultipartFormData", "FileFormName": "f", "DestinationType": "FileUploader"})
    )  # fmt: skip
    given = {"kind": "sxcu", "file": str(file), "allow_http": True, **fields}
    session.change({f"shares.own.{name}": value for name, value in given.items()})


@pytest.mark.parametrize(
    ("says", "own", "reaches"),
    [("share", False, False), ("share", True, True), ("never", True, False), ("always", False, True)],
)
def test_policy_decides_whether_imported_uploaders_reach_private_networks(
    session: Session, says: str, own: bool, reaches: bool
) -> None:
    uploader(session, allow_private=own)
    managed(f"[sharing]\nallow_private = '{says}'\n")
    session.reload()
    with pytest.raises(UploaderError) as refused:
        session.places.share("own").check()
    assert ("private network" in str(refused.value)) is not reaches
    assert (refused.value.code == "unreachable") is reaches, "nobody listens there, but it was tried"


@pytest.mark.parametrize(("says", "flags", "code"), [("never", ["--allow-private"], 3), ("always", [], 0)])
def test_an_uploader_is_imported_as_policy_allows(
    session: Session, says: str, flags: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    uploader(session)
    managed(f"[sharing]\nallow_private = '{says}'\n")
    file = str(session.paths.config / "own.sxcu")
    ended, _ = answer(capsys, "sxcu", "import", file, "--name", "new", "--allow-http", *flags)
    assert ended == code
    assert ("new" in session.reload().shares) is (code == 0)


# -- secrets ------------------------------------------------------------------------------------------------------


def test_without_a_keychain_nothing_is_stored_and_what_to_do_is_said(session: Session) -> None:
    with pytest.raises(NoKeychain, match=r"no keychain is open .* TESTIGO_SECRET_FILES"):
        session.places.login("files", Secret("hush"))
    assert not [file for file in session.paths.data.rglob("*") if file.is_file() and b"hush" in file.read_bytes()]


def test_a_keychain_that_refuses_is_named(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    from keyring.errors import KeyringLocked

    from tests.client.keychain import FileKeychain

    class Shut(FileKeychain):
        name = "Wallet"

        def set_password(self, service: str, username: str, password: str) -> None:
            raise KeyringLocked

    monkeypatch.setattr(keyring.core, "_keyring_backend", Shut())
    with pytest.raises(NoKeychain, match="the keychain “Wallet” did not take the password"):
        session.places.login("files", Secret("hush"))


def test_a_plain_file_is_read_where_policy_says_so_although_the_keychain_is_shut(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keyring
    from keyring.backends.fail import Keyring

    from tests.client.keychain import ShutKeychain

    session.change({"shares.cloud.kind": "s3", "shares.cloud.bucket": "b", "shares.cloud.access_key": "a",
                    "shares.cloud.url": "https://s3.example.org"})  # fmt: skip
    lock = managed("[security]\nplain_secrets = true\n")
    session.reload()
    session.places.login("cloud", Secret("hush"))
    for shut in (ShutKeychain(), Keyring()):
        monkeypatch.setattr(keyring.core, "_keyring_backend", shut)
        lock.write_text("[security]\nplain_secrets = true\n")
        session.reload()
        assert session.places.share("cloud").secret_key.reveal() == "hush"  # type: ignore[attr-defined]
        lock.unlink()
        session.reload()
        with pytest.raises(KeychainShut):
            session.places.share("cloud")


def test_a_plain_file_takes_secrets_only_where_policy_says_so(session: Session) -> None:
    session.change(
        {"shares.cloud.kind": "webdav", "shares.cloud.url": "https://dav.example.org", "shares.cloud.user": "a"}
    )
    lock = managed("[security]\nplain_secrets = true\n")
    session.reload()
    session.places.login("cloud", Secret("hush"))
    file = session.paths.data / "secrets.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert session.places.share("cloud").password.reveal() == "hush"  # type: ignore[attr-defined]
    lock.unlink()
    session.reload()
    with pytest.raises(NoKeychain):
        session.places.login("cloud", Secret("more"))
    assert not session.places.share("cloud").password  # type: ignore[attr-defined]
    managed("[security]\nplain_secrets = true\n")
    session.reload()
    assert session.places.logout("cloud")
    assert b"hush" not in file.read_bytes()


# -- looking at a policy ------------------------------------------------------------------------------------------


def test_a_good_policy_passes_the_check_wherever_it_lies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "new.toml"
    file.write_text(
        "[sharing]\nseal = 'required'\n[shares.cloud]\nkind = 's3'\nbucket = 'b'\nregion = 'eu-west-1'\n"
        "access_key = 'a'\nsecret_key = 'topsecret'\n"
    )
    file.chmod(0o666)
    code, found = answer(capsys, "policy", "check", str(file))
    assert code == 0, found
    assert {row["status"] for row in found["policies"]} == {"ok"}
    assert "topsecret" not in json.dumps(found)


@pytest.mark.parametrize(
    ("text", "key", "status"),
    [
        ("[sharing]\nseal = 'yes'\n", "sharing.seal", "invalid"),
        ("[sharing]\nsael = 'required'\n", "sharing.sael", "unknown"),
        ("[shares.a]\nkind = 'ftp'\n", "shares.a.kind", "invalid"),
        ("[shares.a]\nkind = 'folder'\npaht = '/x'\npath = '/x'\n", "shares.a.paht", "unknown"),
        ("[shares.a]\nkind = 'folder'\n", "shares.a.path", "invalid"),
        ("[shares.a]\nkind = 'folder'\npath = 3\n", "shares.a.path", "invalid"),
        ("[sharing\n", "", "refused"),
    ],
)
def test_the_check_names_each_fault(
    tmp_path: Path, text: str, key: str, status: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "new.toml"
    file.write_text(text)
    code, found = answer(capsys, "policy", "check", str(file))
    assert code == 3
    assert (key, status) in [(row["key"], row["status"]) for row in found["policies"]]
    assert run(["policy", "check", str(file)]) == 3
    assert status in capsys.readouterr().out


def test_the_check_wants_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, "policy", "check")[0] == 2
    assert answer(capsys, "policy", "check", str(tmp_path / "none.toml"))[0] == 2


def test_where_nothing_is_set_the_list_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, "policy", "show") == (0, {"policies": []})
    assert run(["policy"]) == 0
    assert "nothing" in capsys.readouterr().err


# -- other systems: as they have recorded it ----------------------------------------------------------------------

REGISTRY: dict[str, policy.Key] = {
    r"Software\Policies\Testigo": ({}, ("sharing", "security", "recording", "shares", "Recommended")),
    r"Software\Policies\Testigo\sharing": ({"seal": "required"}, ()),
    r"Software\Policies\Testigo\security": ({"plain_secrets": 1}, ()),
    r"Software\Policies\Testigo\recording": ({"fps": 20}, ()),
    r"Software\Policies\Testigo\shares": ({}, ("files",)),
    r"Software\Policies\Testigo\shares\files": ({"kind": "folder", "path": r"\\nas\files", "expires_days": "7.5"}, ()),
    r"Software\Policies\Testigo\Recommended": ({}, ("general",)),
    r"Software\Policies\Testigo\Recommended\general": ({"theme": "dark"}, ()),
}


def test_a_registry_says_the_same_as_files() -> None:
    layers = policy.from_registry(lambda path: REGISTRY[path])
    rules = {rule.key: rule for rule in judge(layers, OPTIONS)}
    assert {rule.status for rule in rules.values()} == {"ok"}
    assert rules["security.plain_secrets"].value is True
    assert (rules["sharing.seal"].value, rules["recording.fps"].value) == ("required", 20)
    assert (rules["general.theme"].level, rules["sharing.seal"].level) == ("recommended", "mandatory")
    assert rules["shares.files"].value["path"] == r"\\nas\files"


def test_a_registry_without_our_key_sets_nothing_and_one_that_cannot_be_read_locks() -> None:
    def missing(path: str) -> policy.Key:
        raise FileNotFoundError(path)

    def denied(path: str) -> policy.Key:
        raise PermissionError(path)

    assert policy.from_registry(missing) == ()
    assert "strict" in {rule.status for rule in judge(policy.from_registry(denied), OPTIONS)}


def test_managed_preferences_say_the_same_as_files(tmp_path: Path) -> None:
    file = tmp_path / "testigo.plist"
    assert policy.from_plist(file) == ()
    file.write_bytes(plistlib.dumps({"sharing": {"seal": "required"}, "Recommended": {"general": {"theme": "dark"}}}))
    file.chmod(0o644)
    held = {(rule.key, rule.level, rule.status) for rule in judge(policy.from_plist(file), OPTIONS)}
    assert held == {("sharing.seal", "mandatory", "ok"), ("general.theme", "recommended", "ok")}
    file.write_bytes(b"bplist00 nonsense")
    assert {layer.level for layer in policy.from_plist(file) if layer.fault} == {"mandatory"}
