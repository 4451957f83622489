"""Templates of machine policy: what an administrator fills in is what the program's own readers take, key by key."""

from __future__ import annotations

import json
import plistlib
import re
import xml.etree.ElementTree as Xml
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from client import policy, words
from client.cli import run
from client.rules import Rule, judge
from client.settings import OPTIONS
from client.templates import templates
from client.toml_text import read_toml

SPACE = "{http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions}"
LOCKED = {(key, "mandatory") for key in OPTIONS}
ADVISED = {(key, "recommended") for key, option in OPTIONS.items() if not option.policy_only}


@pytest.fixture(params=["en", "es"], autouse=True)
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    words.speak(request.param)
    yield request.param
    words.speak("en")


def tag(name: str) -> str:
    return SPACE + name


def admx() -> Xml.Element:
    return Xml.fromstring(templates()["windows/Testigo.admx"])  # our own


def enabled(root: Xml.Element) -> dict[str, dict[str, object]]:
    """The registry after somebody has enabled every policy and filled in something."""
    keys: dict[str, dict[str, object]] = {}
    for each in root.iter(tag("policy")):
        values = keys.setdefault(each.attrib["key"], {})
        if name := each.get("valueName"):
            one = each.find(f"{tag('enabledValue')}/{tag('decimal')}")
            assert one is not None
            values[name] = int(one.attrib["value"])
        for element in each.find(tag("elements")) or ():
            name = element.get("valueName", "")
            if element.tag == tag("enum"):
                values[name] = [text.text for text in element.iter(tag("string"))][-1]
            elif element.tag == tag("decimal"):
                values[name] = int(element.attrib["minValue"])
            elif element.tag == tag("list"):
                assert element.get("explicitValue") == "true"
                keys[element.attrib["key"]] = {"kind": "folder", "path": r"\\nas\files"}
            else:
                assert element.tag == tag("text")
                values[name] = "high=4h"
    return keys


def opened(keys: dict[str, dict[str, object]], path: str) -> policy.Key:
    below = {key[len(path) + 1 :].partition("\\")[0] for key in keys if key.startswith(path + "\\")}
    if path not in keys and not below:
        raise FileNotFoundError(path)
    return keys.get(path, {}), tuple(sorted(below))


def taken(rules: tuple[Rule, ...]) -> set[tuple[str, str]]:
    assert {rule.status for rule in rules} <= {"ok", "superseded"}, [rule for rule in rules if rule.why]
    return {(rule.key, rule.level) for rule in rules}


def test_what_group_policy_writes_is_what_the_program_reads() -> None:
    keys = enabled(admx())
    found = taken(judge(policy.from_registry(lambda path: opened(keys, path)), OPTIONS))
    places = {(place, level) for place in ("desks.helpdesk", "shares.files") for level in ("mandatory", "recommended")}
    assert found == LOCKED | ADVISED | places


@pytest.mark.parametrize("culture", ["en-US", "es-ES"])
def test_every_word_and_field_of_the_admx_is_in_the_adml(culture: str) -> None:
    text = templates()["windows/Testigo.admx"]
    adml = Xml.fromstring(templates()[f"windows/{culture}/Testigo.adml"])
    strings = {string.attrib["id"]: string.text or "" for string in adml.iter(tag("string"))}
    assert set(re.findall(r"\$\(string\.(\w+)\)", text)) == set(strings)
    assert all(strings.values())
    shown = {holder.attrib["id"]: holder for holder in adml.iter(tag("presentation"))}
    assert set(re.findall(r"\$\(presentation\.(\w+)\)", text)) == set(shown)
    for each in admx().iter(tag("policy")):
        elements = [element.attrib["id"] for element in each.find(tag("elements")) or ()]
        if elements:
            assert [field.attrib["refId"] for field in shown[each.attrib["name"]]] == elements
    assert strings["sharing_seal"] == ("Sellar los archivos grandes" if culture == "es-ES" else "Seal large files")
    categories = {one.attrib["name"] for one in admx().iter(tag("category"))}
    assert {one.attrib["ref"] for one in admx().iter(tag("parentCategory"))} <= categories


def test_the_files_for_linux_set_nothing_until_a_key_is_uncommented(tmp_path: Path) -> None:
    for level, wanted in (("managed", LOCKED), ("recommended", ADVISED)):
        text = templates()[f"linux/{level}/testigo.toml"]
        assert not any(read_toml(text).values())
        whole = read_toml(re.sub(r"^#(?=\S)", "", text, flags=re.MULTILINE))
        layer = policy.Layer("x", "mandatory" if level == "managed" else "recommended", whole)
        found = taken(judge([layer], OPTIONS))
        assert {pair for pair in found if not pair[0].startswith(("desks", "shares"))} == wanted
        assert {"desks.helpdesk", "shares.files"} <= {key for key, _ in found}


def test_the_profile_for_macos_sets_nothing_until_a_key_is_uncommented() -> None:
    def settings(text: str) -> dict[str, Any]:
        (payload,) = plistlib.loads(text.encode())["PayloadContent"]
        found: dict[str, Any] = payload["PayloadContent"]["testigo"]["Forced"][0]["mcx_preference_settings"]
        return found

    text = templates()["macos/testigo.mobileconfig"]
    assert not any(settings(text).values())
    whole = settings(re.sub(r"<!--(<key>.*)-->", r"\1", text))
    assert taken(judge([policy.Layer("x", "mandatory", whole)], OPTIONS)) == LOCKED
    assert templates()["macos/testigo.mobileconfig"] == text, "a newer one takes the place of an older one"


def test_the_manifest_for_macos_names_every_key_of_both_levels() -> None:
    told = plistlib.loads(templates()["macos/testigo.plist"].encode())

    def names(keys: list[dict[str, Any]], level: str) -> set[tuple[str, str]]:
        return {(f"{section['pfm_name']}.{key['pfm_name']}", level) for section in keys
                for key in section.get("pfm_subkeys", ()) if section["pfm_name"] != "Recommended"}  # fmt: skip

    (recommended,) = [key for key in told["pfm_subkeys"] if key["pfm_name"] == "Recommended"]
    assert names(told["pfm_subkeys"], "mandatory") == LOCKED
    assert names(recommended["pfm_subkeys"], "recommended") == ADVISED


def test_the_command_writes_them_all_and_wants_a_folder(
    tmp_path: Path, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "templates"
    assert run(["--lang", language, "policy", "templates", "-o", str(folder), "--json"]) == 0
    written = json.loads(capsys.readouterr().out)["files"]
    assert sorted(written) == sorted(str(folder / name) for name in templates())
    checked = str(folder / "linux" / "managed" / "testigo.toml")
    assert run(["policy", "check", checked, "--json"]) == 0
    assert run(["policy", "templates", "--json"]) == 2
