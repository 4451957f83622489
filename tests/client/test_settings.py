from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.settings import OPTIONS, SettingsFault, from_text, load, parse, save
from uploader.catalog import DESKS, SHARES, desk_kind, share_kind
from uploader.setting import settings_of


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "settings.toml", tmp_path / "good.toml"


def origins(settings: object) -> dict[str, str]:
    return {value.key: value.origin for value in settings.values}  # type: ignore[attr-defined]


def test_with_no_file_the_defaults_hold(files: tuple[Path, Path]) -> None:
    settings = load(*files)
    assert settings.recording.fps == 15
    assert set(origins(settings).values()) == {"default"}
    assert not settings.fault


def test_flags_win_over_environment_over_file_over_defaults(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    files[0].write_text('[report]\ndesk = "a"\nshare = "s"\n[recording]\nfps = 30\n')
    monkeypatch.setenv("TESTIGO_REPORT_DESK", "b")
    monkeypatch.setenv("TESTIGO_RECORDING_FPS", "20")
    settings = load(*files, {"report.desk": "c"})
    assert (settings.report.desk, settings.recording.fps, settings.report.share) == ("c", 20, "s")
    assert origins(settings)["report.desk"] == "flag"
    assert origins(settings)["recording.fps"] == "environment"
    assert origins(settings)["report.share"] == str(files[0])


@pytest.mark.parametrize(
    ("text", "line", "about"),
    [
        ("[general]\nlanguage = 'fr'\n", 2, "must be one of"),
        ("[general]\nname = 'x'\n\n[recording]\nfps = 'many'\n", 5, "must be a number"),
        ("[recording]\nfps = 900\n", 2, "between 1"),
        ("[general]\ncolour = 1\n", 2, "is not a setting"),
        ("[capture]\ncursor = 3\n", 2, "true or false"),
        ("\n[generl]\n", 2, "no section"),
        ("[desks.a]\nkind = 'folder'\n[desks.b]\npath = '/x'\n", 3, "kind"),
        ("[general\n", 1, ""),
        ("a = = 1", 1, ""),
    ],
)
def test_a_broken_file_names_the_line_and_the_last_good_settings_hold(
    files: tuple[Path, Path], text: str, line: int, about: str
) -> None:
    files[0].write_text("[recording]\nfps = 24\n")
    load(*files)
    files[0].write_text(text)
    settings = load(*files)
    assert f"line {line}" in settings.fault
    assert about in settings.fault
    assert settings.recording.fps == 24


def test_bytes_that_are_no_text_are_told_and_stop_nothing(files: tuple[Path, Path]) -> None:
    files[0].write_bytes(b"\xff\xfe[general]")
    settings = load(*files)
    assert settings.fault
    assert settings.recording.fps == 15


@given(st.binary(max_size=200))
def test_no_file_whatever_stops_the_program(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "settings.toml").write_bytes(content)
    assert load(folder / "settings.toml", folder / "good.toml").recording.fps >= 1


def test_saving_keeps_comments_and_refuses_what_is_not_allowed(files: tuple[Path, Path]) -> None:
    files[0].write_text("# mine\n[general]\nname = 'Ana' # short\n")
    save(files[0], {"general.mail": "ana@example.org", "desks.it.kind": "folder", "desks.it.path": "/srv"})
    text = files[0].read_text()
    assert "# mine" in text
    assert "# short" in text
    settings = load(*files)
    assert settings.general.mail == "ana@example.org"
    assert settings.desks["it"]["path"] == "/srv"
    with pytest.raises(SettingsFault, match="between"):
        save(files[0], {"recording.fps": 999})
    assert files[0].read_text() == text
    save(files[0], {"general.mail": None})
    assert load(*files).general.mail == ""


def test_a_broken_file_is_not_overwritten_by_saving(files: tuple[Path, Path]) -> None:
    files[0].write_text("[general\nname = 'precious'")
    with pytest.raises(SettingsFault):
        save(files[0], {"general.name": "x"})
    assert "precious" in files[0].read_text()


def test_every_default_is_allowed_by_its_own_rule() -> None:
    assert not [key for key, option in OPTIONS.items() if option.fault(option.default)]


@pytest.mark.parametrize("key", [key for key, option in OPTIONS.items() if not option.policy_only])
def test_a_value_survives_the_words_of_the_command_line(key: str, files: tuple[Path, Path]) -> None:
    option = OPTIONS[key]
    other = {"flag": not option.default, "number": option.most}.get(option.kind)
    value = option.choices[-1] if option.choices else other if other is not None else "Ctrl+F9"
    save(files[0], {key: from_text(key, str(value))})
    section, _, name = key.partition(".")
    assert getattr(getattr(load(*files), section), name) == value


def test_unknown_settings_and_wrong_words_are_refused() -> None:
    with pytest.raises(SettingsFault, match="no setting"):
        from_text("general.colour", "red")
    with pytest.raises(SettingsFault, match="number"):
        from_text("recording.fps", "many")
    assert parse("") == {}


def test_every_setting_and_every_kind_of_value_is_explained_in_the_docs() -> None:
    text = (Path(__file__).parents[2] / "docs/settings.md").read_text("utf-8")
    assert [key for key in OPTIONS if f"`{key}`" not in text] == []
    kinds = {option.kind for option in OPTIONS.values()}
    for listed, load_kind in ((DESKS, desk_kind), (SHARES, share_kind)):
        kinds |= {part.kind for name in listed for part in settings_of(load_kind(name))}
    assert [kind for kind in kinds if f"\n| `{kind}` |" not in text] == []
    for option in OPTIONS.values():
        if option.kind == "choice" and not option.name.startswith(("seal", "allow_private")):
            assert [choice for choice in option.choices if f"`{choice}`" not in text] == [], option.name
