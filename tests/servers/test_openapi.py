"""The referee of descriptions bites."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.servers.openapi import judge
from tests.servers.process import NotInstalled

ISSUE = {
    "type": "object",
    "required": ["title"],
    "properties": {"title": {"type": "string"}, "due": {"type": "string", "nullable": True}},
}
OK = {"200": {"description": "ok"}}
NUMBER = {"name": "number", "in": "path", "required": True, "schema": {"type": "integer"}}
OPEN = {
    "openapi": "3.0.3",
    "info": {"title": "Desk", "version": "1"},
    "components": {"schemas": {"issue": ISSUE}, "parameters": {"number": NUMBER}},
    "paths": {
        "/issues": {
            "get": {
                "parameters": [
                    {"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 1}},
                    {
                        "name": "by",
                        "in": "query",
                        "required": True,
                        "schema": {"type": "string", "enum": ["me", "all"]},
                    },
                ],
                "responses": OK,
            },
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/issue"}}},
                },
                "responses": OK,
            },
        },
        "/issues/{number}": {"get": {"parameters": [{"$ref": "#/components/parameters/number"}], "responses": OK}},
        "/issues/newest": {"put": {"responses": OK}},
    },
}
SWAGGER = {
    "swagger": "2.0",
    "definitions": {"issue": ISSUE},
    "paths": {
        "/issues": {
            "get": {"parameters": [{"name": "page", "in": "query", "type": "integer"}], "responses": OK},
            "post": {
                "parameters": [
                    {"name": "x", "in": "body", "required": True, "schema": {"$ref": "#/definitions/issue"}}
                ],
                "responses": OK,
            },
        },
    },
}


def call(method: str, path: str, content: Any = None, **query: str) -> dict[str, Any]:
    kind = "application/json" if content is not None else ""
    return {"method": method, "path": path, "query": query, "kind": kind, "content": content}


def faults(folder: Path, description: dict[str, Any], *calls: dict[str, Any]) -> list[str]:
    (folder / "described.json").write_text(json.dumps(description), "utf-8")
    try:
        return judge(folder / "described.json", calls).splitlines()
    except NotInstalled as missing:
        pytest.skip(f"{missing} is not installed: make servers installs it")


def test_what_is_described_passes(tmp_path: Path) -> None:
    good = [call("GET", "/issues", by="me", page="2"), call("POST", "/issues", {"title": "a", "due": None}),
            call("GET", "/issues/7"), call("PUT", "/issues/newest")]  # fmt: skip
    assert faults(tmp_path, OPEN, *good) == []
    assert faults(tmp_path, SWAGGER, call("GET", "/issues", page="2"), call("POST", "/issues", {"title": "a"})) == []


def test_what_is_not_described_is_told(tmp_path: Path) -> None:
    upload = {"method": "POST", "path": "/issues", "query": {}, "kind": "multipart/form-data", "content": None}
    bad = [call("GET", "/tickets"), call("DELETE", "/issues/7"), call("GET", "/issues", by="you", page="x"),
           call("GET", "/issues", owner="me"), call("POST", "/issues", {"title": 5, "colour": "red"}),
           call("POST", "/issues", {}), call("POST", "/issues"), call("GET", "/issues/seven"), upload]  # fmt: skip
    told = faults(tmp_path, OPEN, *bad)
    for words in (
        "GET /tickets : is not in the description",
        "DELETE /issues/7 : is not in the description",
        "query by: 'you' is not what is described",
        "query page: 'x' is not what is described",
        "query owner: is not in the description",
        "query by: is required",
        "body title: 5 is not of type 'string'",
        "body colour: is not in the description",
        "body : 'title' is a required property",
        "body: is required",
        "path number: 'seven' is not what is described",
        "body: multipart/form-data is not in the description",
    ):
        assert len([line for line in told if line.endswith(words)]) == 1, words
    assert len(told) == 12
    old = faults(tmp_path, SWAGGER, call("GET", "/issues", page="x", by="me"), call("POST", "/issues", {"colour": 1}))
    assert len(old) == 4
