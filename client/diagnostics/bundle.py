"""One file with all that was collected, for tickets and for people: plain text in a zip, findings first.

The same diagnosis always gives the same bytes. What is written is read again and refused if a secret is in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from client.diagnostics.collection import Diagnosis, findings_text, rfc3339
from client.redaction import find_secrets
from client.words import say
from client.words import say as spoken  # for words that are declared elsewhere

SCHEMA = 1
_EPOCH = (1980, 1, 1, 0, 0, 0)
_PRIVATE = 0o600


class Unsafe(Exception):
    """A secret is still in the bundle, so it was not written. ``str()`` names the entry and the kind only."""


def write(path: Path, diagnosis: Diagnosis) -> None:
    """Writes the bundle, private to the user, atomically.

    Raises: Unsafe when it would hold a secret; OSError when it cannot be written. Nothing is left behind then.
    """
    entries = _entries(diagnosis)
    part = path.with_name(f".{path.name}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)
        with os.fdopen(descriptor, "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
                for name, text in entries.items():
                    entry = zipfile.ZipInfo(name, _EPOCH)
                    entry.compress_type = zipfile.ZIP_DEFLATED
                    entry.external_attr = _PRIVATE << 16
                    archive.writestr(entry, text.encode())
            file.flush()
            os.fsync(file.fileno())
        _refuse_secrets(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _refuse_secrets(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            text = archive.read(name).decode()
            if name == "manifest.json":
                # Its counts and hashes stand beside words like "password", and are ours.
                text = json.dumps({k: v for k, v in json.loads(text).items() if k not in ("redactions", "files")})
            kinds = find_secrets(f"{name}\n{text}")
            if kinds:
                raise Unsafe(
                    say("{name} still holds something that looks like a {kind}", name=name, kind=next(iter(kinds)))
                )


def describe(path: Path, diagnosis: Diagnosis) -> dict[str, Any]:
    """What ``testigo diagnose --json`` says of a written bundle."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "path": str(path),
        "sha256": digest,
        "size_bytes": path.stat().st_size,
        "collectors": _collectors(diagnosis),
        "findings": [asdict(finding) for finding in diagnosis.findings],
        "redactions": diagnosis.redactions,
    }


def _collectors(diagnosis: Diagnosis) -> list[dict[str, Any]]:
    return [
        {
            "id": one.id,
            "status": one.status,
            "ms": one.ms,
            "bytes": len(one.text.encode()),
            "reason": one.reason,
        }
        for one in diagnosis.collected
    ]


def _entries(diagnosis: Diagnosis) -> dict[str, str]:
    """Name → text, in the order in which an agent reads them."""
    entries = {"findings.txt": findings_text(diagnosis)}
    for place, one in enumerate(diagnosis.collected, 1):
        text = one.text or say("not collected")
        title = spoken(one.title)
        entries[f"{place:02}-{one.id}.txt"] = f"{title}\n{'=' * len(title)}\n\n{text.rstrip()}\n"
    hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in entries.items()}
    manifest = {
        "schema": SCHEMA,
        "version": diagnosis.version,
        "profile": diagnosis.profile,
        "taken_at": rfc3339(diagnosis.taken_at),
        "collectors": _collectors(diagnosis),
        "findings": [asdict(finding) for finding in diagnosis.findings],
        "redactions": diagnosis.redactions,
        "files": hashes,
    }
    return {**entries, "manifest.json": json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"}
