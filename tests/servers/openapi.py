"""Whether what went over the wire keeps to an OpenAPI description: our broker's own, or a vendor's.

``judge`` has it done by the Python of ``make servers``, which has the libraries. Called there with the description's
path as argument and the calls as JSON on standard input, this prints what is wrong, and ends with 1. Understood are
OpenAPI 3 and Swagger 2. What is no JSON (an upload) is only known by its media type.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
METHODS = ("get", "post", "put", "patch", "delete", "head", "options")


def judge(description: Path, calls: Iterable[dict[str, Any]], *, valid: bool = False) -> str:
    """What is wrong with the calls, a line each. ``valid``: the description itself is checked too.

    Raises: NotInstalled.
    """
    from tests.servers.process import find_program

    python = Path(find_program("openapi-spec-validator")).with_name("python")
    asked = [python, "-m", "tests.servers.openapi", description.resolve(), *(["valid"] if valid else [])]
    ran = subprocess.run(asked, input=json.dumps(list(calls)), capture_output=True, text=True, cwd=ROOT)
    return (ran.stdout + ran.stderr).strip() if ran.returncode else ""


def call_of(asked: Any, below: str = "") -> dict[str, Any]:
    """One request of a loopback server, as ``judge`` wants it; ``below`` is what its paths begin with and the
    description's do not."""
    kind = asked.headers.get("content-type", "").partition(";")[0]
    content = json.loads(asked.body) if kind == "application/json" else None
    return {"method": asked.method, "path": asked.raw.removeprefix(below), "query": asked.query, "kind": kind,
            "content": content}  # fmt: skip


class Description:
    def __init__(self, document: dict[str, Any]) -> None:
        from jsonschema import Draft202012Validator
        from jsonschema.validators import extend

        plain_type = Draft202012Validator.VALIDATORS["type"]

        def nullable_type(validator: Any, types: Any, instance: Any, schema: Any) -> Iterator[Any]:
            if not (instance is None and schema.get("nullable")):  # OpenAPI 3.0
                yield from plain_type(validator, types, instance, schema)

        self._validator = extend(Draft202012Validator, {"type": nullable_type})
        self._document = document
        self._shared = {name: document[name] for name in ("components", "definitions") if name in document}
        named = [(template, re.compile(re.sub(r"{[^/{}]+}", "([^/]+)", re.sub(r"[.$+*()]", r"\\\g<0>", template))))
                 for template in document["paths"]]  # fmt: skip
        self._paths = sorted(named, key=lambda pair: pair[0].count("{"))  # a fixed name before any name

    def faults(self, call: dict[str, Any]) -> Iterator[str]:
        found = self._operation(call["method"].lower(), call["path"])
        if found is None:
            yield "is not in the description"
            return
        operation, parameters, values = found
        yield from self._faults_of_values("path", parameters, values)
        if "query" in call:
            yield from self._faults_of_values("query", parameters, call["query"])
        yield from self._faults_of_body(operation, parameters, call)
        if "status" in call:
            yield from self._faults_of_answer(operation, call)

    def _operation(self, method: str, path: str) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, str]] | None:
        for template, pattern in self._paths:
            known = pattern.fullmatch(path)
            calls = self._document["paths"][template] if known else {}
            if known and method in calls:
                parameters = [*calls.get("parameters", ()), *calls[method].get("parameters", ())]
                values = dict(zip(re.findall(r"{([^/{}]+)}", template), known.groups()))
                return calls[method], [self._resolved(one) for one in parameters], values
        return None

    def _faults_of_values(self, place: str, parameters: list[dict[str, Any]], values: dict[str, str]) -> Iterator[str]:
        known = {one["name"]: one for one in parameters if one["in"] == place}
        yield from (f"{place} {name}: is not in the description" for name in values.keys() - known.keys())
        for name, one in known.items():
            if name not in values:
                if one.get("required"):
                    yield f"{place} {name}: is required"
                continue
            # Swagger 2 describes the value in the parameter itself
            schema = one.get("schema") or {key: part for key, part in one.items() if key not in ("required", "in")}
            if not any(self._validator({**schema, **self._shared}).is_valid(value) for value in meanings(values[name])):
                yield f"{place} {name}: {values[name]!r} is not what is described"

    def _faults_of_body(
        self, operation: dict[str, Any], parameters: list[dict[str, Any]], call: dict[str, Any]
    ) -> Iterator[str]:
        kinds, required = self._bodies(operation, parameters)
        kind = call.get("kind", "application/json" if call.get("content") is not None else "")
        if not kind:
            if required and call.get("status", 200) < 400:
                yield "body: is required"
        elif kind not in kinds:
            if call.get("status", 200) < 400:
                yield f"body: {kind} is not in the description"
        elif call.get("content") is not None:
            yield from self._faults_of_content("body", kinds[kind], call["content"])
            if isinstance(call["content"], dict) and (names := self._names(kinds[kind])):
                yield from (f"body {name}: is not in the description" for name in call["content"].keys() - names)

    def _bodies(self, operation: dict[str, Any], parameters: list[dict[str, Any]]) -> tuple[dict[str, Any], bool]:
        """Media types with their schemas, and whether one of them must come."""
        if "requestBody" in operation:
            body = self._resolved(operation["requestBody"])
            return {k: part.get("schema", {}) for k, part in body["content"].items()}, body.get("required", False)
        bodies = [one for one in parameters if one["in"] == "body"]
        if bodies:
            return {"application/json": bodies[0]["schema"]}, bodies[0].get("required", False)
        return (
            ({"multipart/form-data": {}}, True) if any(one["in"] == "formData" for one in parameters) else ({}, False)
        )

    def _names(self, schema: dict[str, Any]) -> set[str]:
        """Of all that an object may hold; empty: anything."""
        schema = self._resolved(schema)
        if schema.get("additionalProperties"):
            return set()
        parts = [self._names(part) for key in ("allOf", "oneOf", "anyOf") for part in schema.get(key, ())]
        return set(schema.get("properties", ())).union(*parts)

    def _faults_of_answer(self, operation: dict[str, Any], call: dict[str, Any]) -> Iterator[str]:
        if str(call["status"]) not in operation["responses"]:
            yield "this status is not in the description"
            return
        content = self._resolved(operation["responses"][str(call["status"])]).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        if (call["told"] is None) != (schema is None) and call["status"] < 400:
            yield "a body is there without a schema, or the other way round"
        elif schema and call["told"] is not None:
            yield from self._faults_of_content("answer", schema, call["told"])

    def _faults_of_content(self, where: str, schema: dict[str, Any], content: Any) -> Iterator[str]:
        for fault in self._validator({**schema, **self._shared}).iter_errors(content):
            yield f"{where} {'/'.join(map(str, fault.absolute_path))}: {fault.message[:300]}"

    def _resolved(self, part: dict[str, Any]) -> dict[str, Any]:
        """What a part refers to, or the part itself."""
        if "$ref" not in part:
            return part
        found = self._document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        return self._resolved(found)


def meanings(text: str) -> Iterator[Any]:
    """What a text in an address may stand for."""
    yield text
    if re.fullmatch(r"-?\d+", text):
        yield int(text)
    if text in ("true", "false"):
        yield text == "true"
    yield text.split(",")


def main(path: Path, *words: str) -> int:
    import yaml

    text = path.read_text("utf-8")
    document = json.loads(text) if path.suffix == ".json" else yaml.load(text, yaml.CSafeLoader)
    if "valid" in words:
        from openapi_spec_validator import validate

        validate(document)
    description, faults = Description(document), set()
    for call in json.load(sys.stdin):
        faults |= {f"{call['method']} {call['path']} {call.get('status', '')}: {f}" for f in description.faults(call)}
    print("\n".join(sorted(faults)))
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
