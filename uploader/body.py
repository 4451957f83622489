"""What stands in a ticket for an agent to read, as the desk takes it: plain, HTML, Markdown, Textile or Jira markup.

Whatever the user wrote arrives as the characters that were typed: nothing in it is markup.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from uploader.plain_text import plain_text, tidy
from uploader.ticket import Markup, SharedFile, Ticket

LONG_SUBJECT = 120
"""Some desks cut longer ones: then all of it stands in the text as well."""

_SPANISH = {
    "Kind": "Tipo",
    "Priority": "Prioridad",
    "From": "De",
    "Files as links": "Archivos como enlace",
    "until {date}": "hasta el {date}",
    "does not expire": "no vence",
    "sealed": "sellado",
    "key": "clave",
    "password": "contraseña",
    "Report": "Reporte",
    "incident": "incidente",
    "petition": "petición",
    "complaint": "queja",
    "claim": "reclamo",
    "suggestion": "sugerencia",
    "high": "alta",
    "medium": "media",
    "low": "baja",
}


def word(text: str, language: str) -> str:
    """One of our own words in the ticket's language."""
    return _SPANISH.get(text, text) if language == "es" else text


def mark(report_id: str) -> str:
    """What a ticket or reply carries so that it is found again before it is sent twice."""
    return f"Testigo {report_id}"


_MARK = re.compile(r"^Testigo \d{8}-\d{6}-\w+(?: \(\d+/\d+\))?$", re.MULTILINE)
_BULLET = r"^(?:[*•-] )?"
_FIRST_FACT = re.compile(
    _BULLET
    + r"(?:Kind|Tipo):? (?:incident|petition|complaint|claim|suggestion|incidente|petición|queja|reclamo|sugerencia)$",
    re.MULTILINE,
)
_LINKS = re.compile(r"^(?:Files as links|Archivos como enlace):?$", re.MULTILINE)
_NAMED_EMPTY = re.compile(r"(?:\n+[^\n]+: 0 B)+$")


def apart(text: str) -> tuple[str, str]:
    """A message as it is read back: what its writer said, and what it carries for us (facts, links, our mark).

    The second is empty where our mark is not. Words below the mark are somebody's and stay with the first.
    """
    end = _MARK.search(text)
    if end is None:
        return text, ""
    before = text[: end.start()]
    facts, links = list(_FIRST_FACT.finditer(before)), list(_LINKS.finditer(before))
    begin = (facts or links or [end])[-1].start()
    empty = _NAMED_EMPTY.match(text, end.end())
    over = empty.end() if empty else end.end()
    said = "\n\n".join(part for part in (before[:begin].strip(), text[over:].strip()) if part)
    return said, text[begin:over].strip()


@dataclass(frozen=True, slots=True)
class Facts:
    """A small table: names and values. ``title`` may be empty; a value may be a web address."""

    title: str
    rows: tuple[tuple[str, str], ...]


def blocks(ticket: Ticket) -> tuple[str | Facts, ...]:
    """The text, the facts, the files that stayed outside, and our mark: in this order. No block is empty."""
    language = ticket.language
    found: list[str | Facts] = [ticket.description.strip()] if ticket.description.strip() else []
    if len(ticket.subject) > LONG_SUBJECT and not ticket.reply_to:
        found.insert(0, ticket.subject)
    if not ticket.reply_to:
        rows = [
            (word("Kind", language), word(ticket.kind, language)),
            (word("Priority", language), word(ticket.priority, language)),
            (word("From", language), ticket.requester),
            *ticket.fields.items(),
        ]
        found.append(Facts("", tuple((name, value) for name, value in rows if value)))
    if ticket.links:
        rows = [row for file in ticket.links for row in _linked(file, language)]
        found.append(Facts(word("Files as links", language), tuple(rows)))
    found.append(mark(ticket.report_id))
    return tuple(found)


def render(ticket: Ticket, markup: Markup) -> str:
    """The whole body."""
    return _RENDER[markup](blocks(ticket))


def read(text: str, markup: Markup) -> str:
    """A text in a desk's markup for a person to read as plain text: our own escapes undone, the rest as it stands."""
    if markup == "html":
        return plain_text(text)
    if markup == "textile":
        *literal, rest = text.split("</notextile>")
        text = "".join(part.replace("<notextile>", "", 1) for part in literal) + rest
    if markup == "markdown":  # it may hold HTML: escapes become references, which are no tags
        text = re.sub(r"\\([!-/:-@\[-`{-~])", lambda found: f"&#{ord(found[1])};", text)
        text = re.sub(r"<(https?://[^\s<>]+)>", lambda found: escape(found[1]), text)
        return plain_text(text.replace("\n", "<br>"))
    if markup == "jira":
        text = re.sub(r"\\([*_?^~{}\[\]|!+#\\-])", r"\1", text)
    return tidy(text)


def _linked(file: SharedFile, language: str) -> list[tuple[str, str]]:
    ends, told = file.link.expires_at, [_size(file.size_bytes)]
    if ends:
        told.append(word("until {date}", language).format(date=f"{ends.astimezone():%Y-%m-%d}"))
    elif file.link.end_known:
        told.append(word("does not expire", language))
    rows = [(file.name, file.link.url), ("", ", ".join(told))]
    if file.sha256:
        rows.append(("SHA-256", file.sha256))
    if file.link.key:
        rows.append((f"{word('key', language)} ({word('sealed', language)})", file.link.key))
    if file.link.password:
        rows.append((word("password", language), file.link.password))
    return rows


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 1e6 else f"{max(1, round(size_bytes / 1e3))} kB"


def _plain(parts: tuple[str | Facts, ...]) -> str:
    def table(facts: Facts) -> str:
        head = [facts.title + ":"] if facts.title else []
        return "\n".join([*head, *(f"{name}: {value}" if name else value for name, value in facts.rows)])

    return "\n\n".join(part if isinstance(part, str) else table(part) for part in parts)


def _html(parts: tuple[str | Facts, ...]) -> str:
    def value(text: str) -> str:
        safe = escape(text)
        return f'<a href="{safe}">{safe}</a>' if _is_address(text) else safe

    def one(part: str | Facts) -> str:
        if isinstance(part, str):
            return "<p>" + escape(part).replace("\n", "<br>") + "</p>"
        head = f"<p><strong>{escape(part.title)}</strong></p>" if part.title else ""
        rows = "".join(f"<tr><td>{escape(name)}</td><td>{value(text)}</td></tr>" for name, text in part.rows)
        return f"{head}<table>{rows}</table>"

    return "".join(one(part) for part in parts)


def _markdown(parts: tuple[str | Facts, ...]) -> str:
    """Source of what must be escaped: CommonMark 0.31, 2.4 (2024); a line's first slash is an order at GitLab."""

    def text(words: str) -> str:
        safe = re.sub(r"([\\`*_{}\[\]<>()!|~$&@])", r"\\\1", words)
        safe = re.sub(r"^(\s*)([-+#=/])", r"\1\\\2", safe, flags=re.MULTILINE)
        safe = re.sub(r"^(\s*\d+)([.])", r"\1\\\2", safe, flags=re.MULTILINE)
        return safe.replace("\t", "    ").replace("\n", "  \n")

    return _listed(parts, text, lambda url: f"<{url}>", "**", "- ")


def _textile(parts: tuple[str | Facts, ...]) -> str:
    """``<notextile>`` takes everything literally, and Redmine escapes what stands in it. Tried on Redmine 5.0.4."""

    def text(words: str) -> str:
        lines = words.replace("</notextile", "</\u200bnotextile").split("\n")
        return "\n".join(f"<notextile>{line}</notextile>" if line.strip() else "" for line in lines)

    return _listed(parts, text, lambda url: f'"{url}":{url}', "*", "* ")


def _jira(parts: tuple[str | Facts, ...]) -> str:
    """Source: Atlassian, "Text formatting notation help": a backslash escapes a special character."""

    def text(words: str) -> str:
        safe = re.sub(r"([\\*_?^~{}\[\]|!])", r"\\\1", words)
        return re.sub(r"(^|\s)([-+#])", r"\1\\\2", safe)

    return _listed(parts, text, lambda url: f"[{url}]", "*", "* ")


def _listed(
    parts: tuple[str | Facts, ...], text: Callable[[str], str], link: Callable[[str], str], strong: str, bullet: str
) -> str:
    def row(name: str, value: str) -> str:
        shown = link(value) if _is_address(value) else text(value)
        return f"{bullet}{text(name)}: {shown}" if name else f"{bullet}{shown}"

    def one(part: str | Facts) -> str:
        if isinstance(part, str):
            return text(part)
        head = f"{strong}{text(part.title)}{strong}\n\n" if part.title else ""
        return head + "\n".join(row(name, value) for name, value in part.rows)

    return "\n\n".join(one(part) for part in parts)


def _is_address(text: str) -> bool:
    return re.fullmatch(r"(https?|file)://[^\s<>\"\[\]|]+", text) is not None


_RENDER: dict[Markup, Callable[[tuple[str | Facts, ...]], str]] = {
    "plain": _plain,
    "html": _html,
    "markdown": _markdown,
    "textile": _textile,
    "jira": _jira,
}
