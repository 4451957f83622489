"""The pages of a folder desk. Every value is escaped, and a strict policy lets nothing else run or load."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from html import escape
from importlib import resources
from typing import Any
from urllib.parse import quote

Row = dict[str, Any]

PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp")
"""Shown in the page. SVG is not among them: it is a document, not a picture."""
VIDEOS = ("video/mp4", "video/webm")

_OWN_WORDS = ("incident", "petition", "complaint", "claim", "suggestion", "high", "medium", "low")
_SPANISH = {
    "Help desk": "Mesa de ayuda",
    "Tickets": "Tickets",
    "Search": "Buscar",
    "Ticket": "Ticket",
    "Subject": "Asunto",
    "Kind": "Tipo",
    "Priority": "Prioridad",
    "From": "De",
    "Created": "Creado",
    "Files": "Archivos",
    "No ticket matches.": "Ningún ticket coincide.",
    "No tickets yet. They appear here as people send them.": (
        "Todavía no hay tickets. Aparecerán aquí cuando alguien los envíe."
    ),
    "Diagnostics": "Diagnóstico",
    "Findings": "Hallazgos",
    "as a link": "como enlace",
    "until": "vence el",
    "sealed": "sellado",
    "key": "clave",
    "password": "contraseña",
    "not collected": "no recogido",
    "cannot be read": "no se puede leer",
    "incident": "Incidente",
    "petition": "Petición",
    "complaint": "Queja",
    "claim": "Reclamo",
    "suggestion": "Sugerencia",
    "high": "Alta",
    "medium": "Media",
    "low": "Baja",
}


def ticket_page(ticket: dict[str, Any], language: str) -> str:
    """``ticket.html`` from the content of ``ticket.json``: files beside it, diagnostics folded, no scripts."""

    def word(text: str) -> str:
        return _word(text, language)

    files = "".join(_file(file, word) for file in ticket["attachments"])
    findings = [s for s in ticket["sections"] if s["id"] == "findings" and s["text"]]
    folded = [s for s in ticket["sections"] if s["id"] != "findings"]
    side = ""
    if findings:
        text = escape(findings[0]["text"])
        side += f'<h2>{word("Findings")}</h2><div class="panel"><pre class="findings">{text}</pre></div>'
    if folded:
        panels = "".join(_section(s, word) for s in folded)
        side += f'<h2>{word("Diagnostics")}</h2><div class="panel">{panels}</div>'
    fields = "".join(f'<p class="faint">{escape(k)}: {escape(v)}</p>' for k, v in ticket["fields"].items())
    meta = [
        f'<span class="{_class(ticket["priority"])}">{escape(word(ticket["priority"]))}</span>',
        escape(word(ticket["kind"])),
        escape(ticket["requester"]),
        f'<time datetime="{escape(ticket["created_at"])}">{_time(ticket["created_at"])}</time>',
    ]
    body = (
        f'<p class="crumb"><a href="../index.html">{word("Help desk")}</a> / {escape(ticket["id"])}</p>'
        f"<h1>{escape(ticket['subject'])}</h1>"
        f'<p class="meta">{" · ".join(part for part in meta if part)}</p>'
        f'<div class="columns"><div><p class="description">{escape(ticket["description"])}</p>{fields}{files}</div>'
        f"<div>{side}</div></div>"
    )
    return _page(f"{ticket['id']} · {ticket['subject']}", body, language)


def index_page(rows: list[Row], language: str) -> str:
    """``index.html``: a plain table that a script makes searchable and sortable; without scripts it still reads."""

    def word(text: str) -> str:
        return _word(text, language)

    heads = ("Ticket", "Subject", "Kind", "Priority", "From", "Created", "Files")
    head = "".join(f'<th scope="col"><button>{word(title)}</button></th>' for title in heads)
    body = (
        f'<div class="top"><div><p class="crumb">{word("Help desk")}</p><h1>{word("Tickets")}</h1></div>'
        f'<input id="search" type="search" hidden aria-label="{word("Search")}" placeholder="{word("Search")}"></div>'
        f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>'
        + "".join(_row(row, word) for row in rows)
        + f'</tbody></table><p id="nothing" class="empty" hidden>{word("No ticket matches.")}</p>'
        + ("" if rows else f'<p class="empty">{word("No tickets yet. They appear here as people send them.")}</p>')
        + "</div>"
    )
    return _page(word("Tickets"), body, language, script=_resource("index.js"))


def index_row(folder: str, ticket: dict[str, Any]) -> Row:
    """What the index keeps of a ticket."""
    return {
        "folder": folder,
        "id": str(ticket["id"]),
        "subject": str(ticket["subject"]),
        "kind": str(ticket["kind"]),
        "priority": str(ticket["priority"]),
        "requester": str(ticket["requester"]),
        "created_at": str(ticket["created_at"]),
        "files": len(ticket["attachments"]),
        "description": str(ticket["description"])[:500],
    }


def unreadable_row(folder: str) -> Row:
    """A ticket whose files somebody damaged still has its line."""
    number = "-".join(folder.split("-")[:2])
    return {"folder": folder, "id": number, "subject": "cannot be read", "kind": "", "priority": "", "requester": "",
            "created_at": "", "files": 0, "description": ""}  # fmt: skip


def _row(row: Row, word: Any) -> str:
    ranks = {"high": 3, "medium": 2, "low": 1}
    cells = [
        (row["id"].removeprefix("T-"), "", escape(row["id"])),
        (row["subject"].lower(), "subject",
         f'<a href="{quote(row["folder"])}/ticket.html">{escape(row["subject"]) or "—"}</a>'),
        (row["kind"], "", escape(word(row["kind"]))),
        (str(ranks.get(row["priority"], 0)), _class(row["priority"]), escape(word(row["priority"]))),
        (row["requester"].lower(), "", escape(row["requester"])),
        (row["created_at"], "", _time(row["created_at"])),
        (str(row["files"]), "", str(row["files"])),
    ]  # fmt: skip
    inner = "".join(f'<td class="{style}" data-key="{escape(str(key))}">{text}</td>' for key, style, text in cells)
    return f'<tr data-text="{escape(row["description"])}">{inner}</tr>'


def _file(file: dict[str, Any], word: Any) -> str:
    name, address = escape(file["name"]), escape(file["url"] or quote(file["path"] or ""))
    digest = escape(file["sha256"])
    about = f'{_size(file["size_bytes"])} · <span title="SHA-256 {digest}">SHA-256 {digest[:8]}…{digest[-4:]}</span>'
    if file["url"]:
        until = f" · {word('until')} {_time(file['expires_at'])}" if file["expires_at"] else ""
        until += f" · {word('sealed')}" if file.get("sealed") else ""
        until += "".join(f" · {word(w)} <code>{escape(file[w])}</code>" for w in ("key", "password") if file.get(w))
        if not file["url"].startswith(("https://", "http://", "file:")):
            return f'<div class="file">{name}<div class="faint">{escape(file["url"])} · {about}</div></div>'
        return (
            f'<div class="file"><a href="{address}" rel="noreferrer noopener">{name}</a>'
            f'<div class="faint">{word("as a link")}{until} · {about}</div></div>'
        )
    if file["media_type"] in PICTURES:
        return (
            f'<figure><a href="{address}"><img src="{address}" alt="{name}"></a>'
            f"<figcaption>{name} · {about}</figcaption></figure>"
        )
    if file["media_type"] in VIDEOS:
        return (
            f'<figure><video src="{address}" controls preload="metadata"></video>'
            f'<figcaption><a href="{address}">{name}</a> · {about}</figcaption></figure>'
        )
    return f'<div class="file"><a href="{address}" download>{name}</a><div class="faint">{about}</div></div>'


def _section(section: dict[str, Any], word: Any) -> str:
    note = section["note"] if section["text"] else section["note"] or word("not collected")
    return (
        f'<details><summary>{escape(section["title"])}<span class="note">{escape(note)}</span></summary>'
        f"<pre>{escape(section['text'])}</pre></details>"
    )


def _page(title: str, body: str, language: str, script: str = "") -> str:
    style = _resource("page.css")
    policy = (
        "default-src 'none'; img-src 'self' file:; media-src 'self' file:; base-uri 'none'; form-action 'none'; "
        f"style-src '{_fingerprint(style)}'; script-src {_quoted(script)}"
    )
    return (
        f'<!doctype html>\n<html lang="{escape(language)}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="referrer" content="no-referrer">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>{body}</main>"
        + (f"<script>{script}</script>" if script else "")
        + "</body></html>\n"
    )


@cache
def _resource(name: str) -> str:
    return resources.files("resources").joinpath("desk", name).read_text("utf-8")


def _fingerprint(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _quoted(script: str) -> str:
    return f"'{_fingerprint(script)}'" if script else "'none'"


def _word(text: str, language: str) -> str:
    if language == "es":
        return _SPANISH.get(text, text)
    return text.capitalize() if text in _OWN_WORDS else text


def _class(priority: str) -> str:
    return priority if priority in ("high", "medium", "low") else ""


def _time(moment: str) -> str:
    """``2026-11-21T10:42:00Z`` → ``2026-11-21 10:42 UTC``: the reader's zone is not known."""
    return escape(moment[:16].replace("T", " ") + " UTC") if moment else ""


def _size(size_bytes: int) -> str:
    value, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.{1 if unit != 'B' and value < 9.95 else 0}f} {unit}"
