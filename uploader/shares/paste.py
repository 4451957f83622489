"""A place that only people can use: WeTransfer, a company's portal, whatever has no door for programs.

WeTransfer's own is no longer maintained, so a person uploads the file in the browser and pastes the link; this keeps
it, so that it goes into the ticket as any other. Nothing is opened, fetched or checked here: what a stranger's page
answers to a program says little about what a reader will see.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

import msgspec

from uploader.errors import InvalidField, PasteLink, Refused
from uploader.setting import setting
from uploader.ticket import AS_SET, Attachment, Link, Progress, Share, ShareAbilities, Wishes

if TYPE_CHECKING:
    from uploader.journal import Journal

MOST_CHARACTERS = 2048
"""Longer addresses are cut by browsers, mail and help desks on the way."""


@dataclass(frozen=True, kw_only=True)
class Paste(Share):
    title: ClassVar[str] = "Paste a link"
    abilities: ClassVar[ShareAbilities] = ShareAbilities()

    url: str = setting(
        "Page where you upload",
        help="It opens in the browser; you upload there and paste the link here.",
        kind="url",
        default="https://wetransfer.com",
    )

    @property
    def link_days(self) -> None:
        """The page knows."""

    def check(self) -> None:
        """Raises: InvalidField when the page is no web address."""
        _look_at(self.url, "url")

    def put(self, file: Attachment, journal: Journal, progress: Progress, wishes: Wishes = AS_SET) -> Link:
        """The link that ``paste`` has noted. Raises: PasteLink as long as there is none."""
        if wishes.sealed:
            raise Refused("what a person uploads by hand cannot be sealed; choose another share")
        self.check()
        known = journal.result(_step(file))
        if known is None:
            raise PasteLink(self.url, "upload “{name}” at {page} and paste the link", name=file.name, page=self.url)
        progress(file.size_bytes, file.size_bytes)
        return msgspec.json.decode(known, type=Link)

    def paste(self, file: Attachment, journal: Journal, text: str) -> Link:
        """Notes what the person has pasted for this file, in the place of what was pasted before.

        Raises: InvalidField.
        """
        link = replace(accept(text), sha256=file.sha256)
        journal.forget(_step(file))
        journal.once(_step(file), lambda: msgspec.json.encode(link).decode())
        return link

    def abandon(self, file: Attachment, journal: Journal) -> None:
        """Forgets the link; the file stays where the person has put it."""
        journal.forget(_step(file))


def accept(text: str) -> Link:
    """A pasted link, as it goes into the ticket; whoever has it reads the file. Raises: InvalidField."""
    url = text.strip()
    _look_at(url, "link")
    return Link(url, end_known=False)


def _look_at(url: str, name: str) -> None:
    """Raises: InvalidField."""
    if len(url) > MOST_CHARACTERS:
        raise InvalidField(name, "the link has more than {most} characters; copy it again", most=str(MOST_CHARACTERS))
    if any(character.isspace() or not character.isprintable() for character in url):
        raise InvalidField(name, "the link holds a space or a line break; copy it again")
    try:
        parts = urlsplit(url)
        named = parts.port is None or bool(parts.hostname)
    except ValueError:
        named = False
    if not named or parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidField(name, "this is no link that readers can open; it begins with https://")
    if parts.username is not None or parts.password is not None:
        raise InvalidField(name, "the link holds a password that every reader would see; make one without")


def _step(file: Attachment) -> str:
    return f"paste/{file.sha256}/{file.name}"
