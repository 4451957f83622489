"""The house rules that no other tool measures: sizes, lazy imports, words, what may not stand in the tree."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("client", "capture", "uploader")
FILE_LINES, FUNCTION_LINES = 400, 60
HEAVY = {"cv2", "numpy", "av", "requests", "keyring", "cryptography", "re2", "onnxruntime"}


def sources() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@cache
def trees() -> list[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text("utf-8"))) for path in sources()]


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    long = {
        str(p.relative_to(ROOT)): n for p in sources() if (n := len(p.read_text("utf-8").splitlines())) > FILE_LINES
    }
    assert not long


def test_no_function_is_longer_than_sixty_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.name} {node.end_lineno - node.lineno + 1}"
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.end_lineno and node.end_lineno - node.lineno >= FUNCTION_LINES
    ]
    assert not long


def test_every_file_says_what_it_is_for() -> None:
    assert not [str(path) for path, tree in trees() if not ast.get_docstring(tree)]


def test_nothing_is_called_manager_helper_or_util() -> None:
    tired = re.compile(r"manager|helper|util|handler|service(?!now|management)", re.IGNORECASE)  # two are products
    found = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and tired.search(node.name)
    ]
    assert not found
    assert not [path.name for path in sources() if tired.search(path.stem)]


@pytest.mark.parametrize("module", ["client.cli", "client.ui.tray"])
def test_starting_loads_nothing_heavy(module: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {module}"], cwd=ROOT, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr[-500:]
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in ran.stderr.splitlines() if "|" in line}
    assert not loaded & HEAVY
    if module == "client.cli":
        assert "PySide6" not in loaded


def test_opencv_is_the_headless_one() -> None:
    import cv2

    assert not (Path(cv2.__file__).parent / "qt").exists()


@cache
def texts_said() -> dict[str, list[str]]:
    """Every literal given to ``say``/``say_n``, every field that declares words, and every error's sentence."""
    found: dict[str, list[str]] = {}

    def add(key: str, path: Path, node: ast.AST) -> None:
        found.setdefault(key, []).append(f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}")

    for path, tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            words = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            if name == "say":
                assert words, f"{path}:{node.lineno}: say() takes a literal"
                add(words[0], path, node)
            elif name == "say_n":
                assert len(words) >= 2, f"{path}:{node.lineno}: say_n() takes two literals"
                add(f"{words[0]}|{words[1]}", path, node)
            elif name == "setting":
                for word in (words[0], *(k.value.value for k in node.keywords if k.arg == "help")):  # type: ignore[attr-defined]
                    add(word, path, node)
            elif name in ERRORS and words:
                add(words[-1], path, node)
            elif name == "Step" and path.name == "probe.py" and len(words) > 1:
                add(words[1], path, node)
            elif name in SCREEN_ERRORS:
                for word in words:
                    add(word, path, node)
    return found


ERRORS = {"Temporary", "Unreachable", "NoSpace", "OutcomeUnknown", "Refused", "AuthFailed", "InvalidField", "TooLarge",
          "MaybeSent", "FileChanged", "ShareRefused", "SxcuFault", "Gone", "Metered", "PasteLink", "Cancelled",
          "NoKeychain", "Barred", "Untrusted", "FileRefused", "FieldWanted"}  # fmt: skip


SCREEN_ERRORS = {"CaptureError", "NoDisplay", "NoSuchKey", "RecordingCut"}
"""Both their sentences are shown: why, and what to do now."""


@cache
def spanish() -> dict[str, str | list[str]]:
    return json.loads((ROOT / "resources/translations/es.json").read_text("utf-8"))


def test_every_text_has_its_spanish() -> None:
    missing = {key: places for key, places in texts_said().items() if key not in spanish()}
    assert not missing


def test_spanish_fills_the_same_gaps() -> None:
    def gaps(text: str) -> set[str]:
        return set(re.findall(r"{(\w+)", text))

    for key, translation in spanish().items():
        if isinstance(translation, list):
            assert len(translation) == 2, key
            assert all(gaps(part) <= gaps(key) for part in translation), key
        else:
            assert gaps(translation) == gaps(key), key


def test_no_translation_is_left_over() -> None:
    # Collectors and findings declare their words as data; they are looked up by what the declarations hold.
    from client import diagnostics

    declared = {text for c in diagnostics.catalog("standard") for text in (c.title, c.why)}
    source = "\n".join(path.read_text("utf-8") for path in sources())
    unused = [
        key
        for key in spanish()
        if key not in texts_said() and key not in declared and json.dumps(key, ensure_ascii=False)[1:-1] not in source
    ]
    assert not unused


def test_lock_files_hold_hashes_and_no_addresses() -> None:
    for lock in (path for path in tracked() if path.match("requirements*.lock")):
        text = lock.read_text("utf-8")
        assert "://" not in text
        pinned = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
        assert pinned
        assert not [pin.splitlines()[0] for pin in pinned if "==" not in pin or "--hash=sha256:" not in pin]


def test_the_lock_of_npm_holds_hashes_and_no_addresses() -> None:
    for lock in (path for path in tracked() if path.name == "package-lock.json"):
        assert "://" not in lock.read_text("utf-8"), "drop funding, deprecated and the like: hashes only"
        packages = json.loads(lock.read_text("utf-8"))["packages"]
        assert len(packages) > 1
        assert not [name for name, held in packages.items() if name and "sha512-" not in held.get("integrity", "")]
        assert not [name for name, held in packages.items() if "resolved" in held]


def test_the_tree_names_no_machine() -> None:
    private = re.compile(r"/(?:root|work)/")
    found = []
    for path in tracked():
        if path.suffix in (".png", ".ttf", ".svg") or path == Path(__file__):
            continue
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {hit[0]}" for hit in private.finditer(text)]
    assert not found


def test_both_word_lists_of_requirements_agree() -> None:
    """What the program runs with is what it is tested with."""

    def pins(name: str) -> set[str]:
        return set(re.findall(r"^([a-z0-9.-]+==\S+)", (ROOT / name).read_text("utf-8"), re.MULTILINE))

    assert pins("requirements.lock") <= pins("requirements-dev.lock")
