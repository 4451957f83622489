"""How Jira Service Management says things: pages of a list, a field's value, a comment, a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from uploader.body import read
from uploader.inbox import RemoteFile, Reply
from uploader.plain_text import plain_text
from uploader.rest import Rest, moment, size_in, text_in

PAGE = 50
"""Source: OpenAPI description, "Default: 50"."""
FREELY = {"X-ExperimentalApi": "opt-in"}


def api(path: str) -> str:
    return f"rest/servicedeskapi/{path}"


def pages_of(
    rest: Rest, path: str, query: Mapping[str, str] | None = None, most: int = 1000
) -> Iterator[dict[str, Any]]:
    """What a list holds, ``most`` at most, asked for page by page."""
    start = 0
    while start < most:
        limit = {"start": str(start), "limit": str(min(PAGE, most - start))}
        told = rest.read("GET", api(path), query={**(query or {}), **limit}, headers=FREELY)
        values = told.get("values") or []
        yield from (item for item in values if isinstance(item, dict))
        start += len(values)
        if not values or told.get("isLastPage", True):
            return


def value_in(field: Mapping[str, Any], given: str) -> object:
    """As Jira wants it. Source: the REST API's introduction, "Field input formats"."""
    known = [item for item in field.get("validValues") or [] if isinstance(item, dict)]
    number = next((text_in(item, "value") for item in known if given in (item.get("label"), item.get("value"))), "")
    kind = text_in(field, "jiraSchema", "type")
    one: object = {"id": number} if number else given
    if kind == "number":
        one = float(given.replace(",", ".")) if given.replace(",", "").replace(".", "").isdecimal() else given
    return [one] if kind == "array" else one


def field_in(item: Mapping[str, Any], name: str) -> str:
    values = item.get("requestFieldValues") or []
    return next((text_in(each, "value") for each in values if text_in(each, "fieldId") == name), "")


def file_in(item: Mapping[str, Any]) -> RemoteFile:
    return RemoteFile(text_in(item, "_links", "content"), text_in(item, "filename"), size_in(item, "size"),
                      text_in(item, "mimeType"))  # fmt: skip


def reply_in(entry: Mapping[str, Any], me: str) -> Reply:
    html, told = text_in(entry, "renderedBody", "html"), entry.get("attachments") or {}
    text = plain_text(html) if html else read(text_in(entry, "body"), "jira")
    return Reply(text_in(entry, "id"), text_in(entry, "author", "displayName"),
                 text_in(entry, "author", "accountId") == me, moment(text_in(entry, "created", "iso8601")), text,
                 tuple(file_in(each) for each in told.get("values", []) if isinstance(each, dict)))  # fmt: skip
