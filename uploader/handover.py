"""Going on elsewhere: an address that opens WhatsApp with a few words. What happens there nobody tells us."""

from __future__ import annotations

from urllib.parse import quote

from uploader.errors import InvalidField

MOST_CHARACTERS = 600
"""The address lands in the browser's history: a number and a link, no more."""


def whatsapp_url(number: str, text: str) -> str:
    """``https://wa.me/573001234567?text=…``. Raises: InvalidField when it is no international number.

    Source: WhatsApp, "How to use click to chat": the full number in international format, digits only, no zeroes,
    brackets or dashes before it.
    """
    digits = "".join(c for c in number if c.isdecimal() and c.isascii()).lstrip("0")
    if not 8 <= len(digits) <= 15:
        raise InvalidField("whatsapp", "“{number}” is no telephone number with its country", number=number)
    return f"https://wa.me/{digits}?text={quote(text[:MOST_CHARACTERS], safe='')}"
