"""Dropbox: upload sessions, the service's own hash, links that end by themselves where the plan has them.

Every file lies in a folder of its own, named by the upload's key: a lost answer is found again by its path.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from uploader.errors import AuthFailed, Gone, NoSpace, Refused, Temporary, UploaderError
from uploader.oauth import Account, Client, error_in, read_object
from uploader.sent import ContentHash, SentSum
from uploader.setting import setting
from uploader.signed_in import SignedInShare, SignedInStream
from uploader.source import Window
from uploader.ticket import Link, ShareAbilities
from uploader.ways import PieceRule, Upload, is_key
from uploader.wire import NO_DATA, Body, Reply, Wire, sort_out

SCOPE = "files.content.write files.metadata.read sharing.read sharing.write"
PORT = 47813
"""Of the sign-in: Dropbox sends browsers back to registered addresses only, port included. Source: Dropbox, "OAuth
guide", 2026."""
LARGEST_BYTES = 2**41 - 2**22
"""Source: Dropbox, HTTP documentation, upload_session/append_v2, 2026."""
MOST_PIECE_BYTES = 150_000_000
"""Source: the same."""
HTTP_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, kw_only=True)
class Dropbox(SignedInShare):
    title: ClassVar[str] = "Dropbox"
    abilities: ClassVar[ShareAbilities] = ShareAbilities(
        resumes=True, ends_links="service", password=True, revokes=True, largest_bytes=LARGEST_BYTES,
        checks="Dropbox's content hash of the whole file", signs_in=True,
    )  # fmt: skip

    app_key: str = setting("App key", help="Of the app that your company has registered at the service.")
    folder: str = setting("Folder", help="Below the app's own folder, or the top of your Dropbox.", default="Testigo")
    readers: str = setting(
        "Who may open the link",
        help="“My team”: only people of your company, after a login.",
        choices=("anyone", "team"),
        default="anyone",
    )
    api: str = field(default="https://api.dropboxapi.com")
    content: str = field(default="https://content.dropboxapi.com")
    authorize_url: str = field(default="https://www.dropbox.com/oauth2/authorize")
    port: int = field(default=PORT)

    def client(self) -> Client:
        return Client(
            self.title, self.authorize_url, f"{self.api}/oauth2/token", self.app_key, SCOPE, port=self.port,
            extra={"token_access_type": "offline"},
        )  # fmt: skip

    def way(self, wire: Wire) -> DropboxWay:
        return DropboxWay(self, Account(wire, self.login))

    def link(self, wire: Wire, upload: Upload, stored: str, days: float, password: str) -> Link:
        """Where the plan knows no expiry the link is made without, and ended by us; never without its password."""
        way, ends = self.way(wire), datetime.now(UTC) + timedelta(days=days) if days else None
        wanted: dict[str, object] = {
            "audience": "team" if self.readers == "team" else "public", "access": "viewer",
        }  # fmt: skip
        if password:
            wanted |= {"require_password": True, "link_password": password}
        try:
            made = way.link_to(stored, wanted | ({"expires": ends.strftime(HTTP_TIME)} if ends else {}))
        except NoSuchSetting as error:
            if password or self.readers == "team" or ends is None:
                raise Refused(
                    "{service} makes links with passwords or for a team on paid plans only; choose other settings",
                    service=self.title,
                ) from error
            made = way.link_to(stored, wanted)
        seen_by = made.get("link_permissions", {}).get("resolved_visibility", {}).get(".tag")
        if self.readers == "team" and seen_by == "public":
            raise Refused(
                "{service} does not allow such links here; choose other readers, or ask its administrator",
                service=self.title,
            )
        told = made.get("expires")
        url = _to_download(str(made["url"]))
        if told:
            return Link(url, datetime.fromisoformat(told), "service", stored, password=password)
        return Link(url, ends, "us" if ends else "", stored, password=password)

    def look(self, wire: Wire, upload: Upload, link: Link) -> None:
        """The whole file for whoever has the link, and nothing without its key, its password or a login."""
        parts = urlsplit(link.url)
        bare = urlunsplit(parts._replace(query="dl=1"))
        closed = bool(link.password) or self.readers == "team"
        if not closed:
            super().look(wire, upload, link)
        for url in {bare, link.url} if closed else {bare} - {link.url}:
            seen = wire.call("GET", url, headers={"Range": "bytes=0-0"}, ok=range(200, 600), follow=5, most_bytes=0)
            if seen.status in (200, 206) and not seen.headers.get("content-type", "").startswith("text/html"):
                raise Refused("{host} gives the file to anyone, with and without the link", host=seen.host)

    def erase(self, wire: Wire, receipt: str) -> None:
        """The links first: a deleted file can be brought back at Dropbox, and they with it."""
        way, (file_id, _, folder) = self.way(wire), receipt.partition(" ")
        with suppress(Gone):
            for link in way.links(file_id):
                with suppress(Gone):
                    way.call("sharing/revoke_shared_link", {"url": link["url"]})
        way.delete(folder)

    def place(self, upload: Upload) -> str:
        """The folder of one upload, from the top."""
        return "/".join(["", *filter(None, self.folder.split("/")), upload.key])


class NoSuchSetting(Refused):
    """The account's plan does not know what was wanted of the link."""


@dataclass
class DropboxWay(SignedInStream):
    """An upload session. What the journal keeps is its id."""

    share: Dropbox
    account: Account
    sums: SentSum[ContentHash] = field(default_factory=lambda: SentSum(ContentHash))

    pieces: ClassVar[PieceRule] = PieceRule(most_count=2**31, most_bytes=MOST_PIECE_BYTES)

    def begin(self, upload: Upload) -> str:
        found = read_object(self._fill("start", {"close": False})).get("session_id")
        if not found:
            raise Temporary(NO_DATA, host=urlsplit(self.share.content).netloc)
        return str(found)

    def offset(self, upload: Upload, session: str) -> int:
        """Nothing tells it but the refusal of a piece at an offset that cannot be right."""
        cursor = {"session_id": session, "offset": upload.size_bytes + 1}
        reply = self._fill("append_v2", {"cursor": cursor, "close": False})
        return self._reached(upload, reply)

    def send(self, upload: Upload, session: str, body: Window) -> int:
        summed = self.sums.body(body)
        if not body.size_bytes:
            return self.sums.take(summed, body.offset)
        cursor = {"session_id": session, "offset": body.offset}
        reply = self._fill("append_v2", {"cursor": cursor, "close": False}, summed)
        if reply.status == 200:
            if reply.body.strip() not in (b"null", b"{}", b""):
                raise Temporary(NO_DATA, host=reply.host)
            return self.sums.take(summed, body.offset + body.size_bytes)
        reached = self._reached(upload, reply)
        if reached == body.offset:
            raise Temporary("{host} did not keep the file; it is sent again", host=reply.host)
        return reached

    def finish(self, upload: Upload, session: str, receipts: Mapping[int, str]) -> str:
        """Compares length and content hash; when no sum could be made, the length alone."""
        folder = self.share.place(upload)
        commit = {"path": f"{folder}/{upload.name}", "mode": "overwrite", "autorename": False, "mute": True}
        cursor = {"session_id": session, "offset": upload.size_bytes}
        reply = self._fill("finish", {"cursor": cursor, "commit": commit})
        if reply.status == 200:
            found = read_object(reply)
        elif _tags(reply) & {"not_found", "closed"} and "lookup_failed" in _tags(reply):
            found = self.find(upload)  # an earlier one was carried out and its answer got lost
        elif "lookup_failed" in _tags(reply):
            raise Gone("{host} does not know it, or no longer ({status})", host=reply.host, status=_code(reply))
        else:
            raise self._sort(reply)
        if not found.get("id"):
            raise Temporary(NO_DATA, host=reply.host)
        ours, theirs = self.sums.whole(upload.size_bytes), found.get("content_hash")
        if found.get("size") != upload.size_bytes or (ours and theirs and theirs != ours.hexdigest()):
            self.delete(folder)
            raise Gone("{host} put something else together than was sent; it is sent anew", host=reply.host)
        return f"{found['id']} {folder}"

    def abort(self, upload: Upload, session: str) -> None:
        """A session ends by itself after a week; what it may have become is deleted."""
        self.delete(self.share.place(upload))

    def find(self, upload: Upload) -> dict[str, Any]:
        """Raises: Gone when the file is not there."""
        return self.call("files/get_metadata", {"path": f"{self.share.place(upload)}/{upload.name}"})

    def link_to(self, stored: str, wanted: Mapping[str, object]) -> dict[str, Any]:
        """One link a file is all there is: one that an earlier, lost call made gets the same settings.

        Raises: NoSuchSetting.
        """
        file_id = stored.partition(" ")[0]
        reply = self._ask("sharing/create_shared_link_with_settings", {"path": file_id, "settings": wanted})
        if "shared_link_already_exists" in _tags(reply):
            url = next((link["url"] for link in self.links(file_id)), "")
            reply = self._ask("sharing/modify_shared_link_settings", {"url": url, "settings": wanted})
        if "settings_error" in _tags(reply):
            raise NoSuchSetting("{host} refused it ({status})", host=reply.host, status=_code(reply))
        made = self._meant(reply)
        if not str(made.get("url", "")).startswith(("https://", "http://")):
            raise Temporary(NO_DATA, host=reply.host)
        return made

    def links(self, file_id: str) -> list[dict[str, Any]]:
        """Raises: Gone when the file is not there."""
        found = self.call("sharing/list_shared_links", {"path": file_id, "direct_only": True}).get("links")
        return [link for link in found or () if isinstance(link, dict) and link.get("url")]

    def delete(self, folder: str) -> None:
        """The folder of one upload and what is in it; harmless when it is gone."""
        if not is_key(folder.rpartition("/")[2]):
            raise Refused("{service} cannot take a link back; ask whoever looks after it", service=self.share.title)
        with suppress(Gone):
            self.call("files/delete_v2", {"path": folder})

    def call(self, route: str, argument: object) -> dict[str, Any]:
        """Raises: UploaderError by Dropbox's own words."""
        return self._meant(self._ask(route, argument))

    def _ask(self, route: str, argument: object) -> Reply:
        return self.account.ask("POST", f"{self.share.api}/2/{route}", content=argument)

    def _meant(self, reply: Reply) -> dict[str, Any]:
        if reply.status != 200:
            raise self._sort(reply)
        return {} if reply.body.strip() == b"null" else read_object(reply)

    def _fill(self, step: str, argument: object, body: bytes | Body = b"") -> Reply:
        """One call of the upload session. A header takes ASCII only. Source: Dropbox, "JSON encoding", 2026."""
        headers = {"Dropbox-API-Arg": json.dumps(argument), "Content-Type": "application/octet-stream"}
        url = f"{self.share.content}/2/files/upload_session/{step}"
        reply = self.account.ask("POST", url, headers=headers, body=body)
        if reply.status not in (200, 409):
            raise self._sort(reply)
        return reply

    def _reached(self, upload: Upload, reply: Reply) -> int:
        """How far the session is, by what it says of a wrong offset."""
        tags, error = _tags(reply), error_in(reply)
        correct = error.get("correct_offset") if isinstance(error, dict) else None
        if "incorrect_offset" in tags and isinstance(correct, int):
            return correct
        if tags & {"not_found", "closed"}:
            self.find(upload)  # the session is used up if the file is there
            return upload.size_bytes
        raise self._sort(reply)

    def _sort(self, reply: Reply) -> UploaderError:
        """What a refusal means; its summary names the case from the outside in: ``path/insufficient_space/..``."""
        tags, service, host = _tags(reply), self.share.title, reply.host
        if reply.status == 200:
            return Temporary(NO_DATA, host=host)
        if "missing_scope" in tags:
            right = str(error_in(reply).get("required_scope", ""))[:40]
            return Refused(
                "the app lacks the right {right}; whoever registered it at {service} can add it, then sign in again",
                right=right, service=service,
            )  # fmt: skip
        if reply.status == 401:
            return AuthFailed("{host} does not accept the password or token", host=host)
        if reply.status != 409:
            return sort_out(reply)
        if tags & {"too_many_write_operations", "too_many_requests", "internal_error"}:
            return Temporary("{host} is busy or out of order ({status})", host=host, status=_code(reply))
        if "insufficient_space" in tags or "insufficient_quota" in tags:
            return NoSpace("there is no space left at {host}", host=host)
        if "email_not_verified" in tags:
            return Refused(
                "{service} wants the account's e-mail address confirmed first; look into its mail", service=service
            )
        if "not_found" in tags or "shared_link_not_found" in tags:
            return Gone("{host} does not know it, or no longer ({status})", host=host, status=_code(reply))
        if tags & {"no_write_permission", "team_folder", "malformed_path", "disallowed_name", "conflict"}:
            return Refused("{service} does not allow anything in the folder {folder}; choose another one",
                           service=service, folder=self.share.folder)  # fmt: skip
        if "access_denied" in tags:
            return Refused(
                "{service} does not allow such links here; choose other readers, or ask its administrator",
                service=service,
            )
        return Refused("{host} refused it ({status})", host=host, status=_code(reply))


def _code(reply: Reply) -> str:
    """The summary of an error, without what is not a word of Dropbox's."""
    summary = ""
    with suppress(ValueError, AttributeError):
        summary = str(json.loads(reply.body).get("error_summary", ""))
    return "".join(c for c in summary if c.isalnum() or c in "_/")[:80].strip("/") or str(reply.status)


def _tags(reply: Reply) -> set[str]:
    return set(_code(reply).split("/"))


def _to_download(url: str) -> str:
    """The link that gives the file and not a page about it. Source: Dropbox, "Force a file to download", 2026."""
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query, keep_blank_values=True)), "dl": "1"}
    return urlunsplit(parts._replace(query=urlencode(query)))
