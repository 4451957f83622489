"""Which version runs."""

from __future__ import annotations

import tomllib
from pathlib import Path


def program_version() -> str:
    """The version: of the checkout it runs from, else of the installed package."""
    project = Path(__file__).parents[1] / "pyproject.toml"
    if project.is_file():
        return str(tomllib.loads(project.read_text("utf-8"))["project"]["version"])
    from importlib.metadata import version

    return version("testigo")
