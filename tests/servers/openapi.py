"""Whether an OpenAPI file is valid, and whether what went over the wire keeps to it.

Run by the Python of ``make servers``, which has the libraries: the file's path as argument, the traffic as JSON on
standard input (method, path, what was asked, status, what was told). Prints what is wrong, and ends with 1.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any


def find_faults(document: dict[str, Any], traffic: list[tuple[str, str, Any, int, Any]]) -> list[str]:
    from jsonschema import Draft202012Validator

    found = []
    for method, path, asked, status, told in traffic:
        where = f"{method} {path} {status}"
        call = _call_of(document, method, path)
        answer = call and call["responses"].get(str(status))
        if answer is None:
            found.append(f"{where}: is not in the file")
            continue
        answer = _resolve(document, answer)
        for content, part in ((asked, call.get("requestBody")), (told, answer)):
            schema = part and part.get("content", {}).get("application/json", {}).get("schema")
            if (content is None) != (schema is None) and status < 400:
                found.append(f"{where}: a body is there without a schema, or the other way round")
            elif schema and content is not None:
                validator = Draft202012Validator({**schema, "components": document["components"]})
                found += [f"{where}: {fault.message}" for fault in validator.iter_errors(content)]
    return found


def _call_of(document: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    for template, calls in document["paths"].items():
        if re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path):
            return calls.get(method.lower(), {})
    return {}


def _resolve(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """What a part refers to, or the part itself."""
    if "$ref" not in part:
        return part
    found = document
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


if __name__ == "__main__":
    import yaml
    from openapi_spec_validator import validate

    read = yaml.safe_load(Path(sys.argv[1]).read_text("utf-8"))
    validate(read)
    faults = find_faults(read, json.load(sys.stdin))
    print("\n".join(sorted(set(faults))))
    sys.exit(bool(faults))
