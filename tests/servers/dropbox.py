"""A strict Dropbox on loopback: API v2 as far as uploading and sharing need it, and what a reader of a link gets."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from tests.servers.cloud import Asked, Told, of_file
from tests.servers.oauth import OAuthServer, Provider

SCOPE = "files.content.write files.metadata.read sharing.read sharing.write"
MOST_PIECE_BYTES = 150_000_000


@dataclass
class Stored:
    id: str
    path: str
    content: bytes


@dataclass
class SharedLink:
    file: Stored
    url: str
    key: str
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def about(self) -> dict[str, Any]:
        seen = "team_only" if self.settings.get("audience") == "team" else "public"
        seen = "password" if self.settings.get("require_password") else seen
        about = {".tag": "file", "url": self.url, "id": self.file.id,
                 "link_permissions": {"resolved_visibility": {".tag": seen}, "can_revoke": True}}  # fmt: skip
        if "expires" in self.settings:
            about["expires"] = self.settings["expires"]
        return about


class DropboxServer(OAuthServer):
    """``files`` (by path), ``sessions`` and ``links`` are its truth; the other attributes a test may turn."""

    # "This must be the exact URI registered in the App Console; even "localhost" must be listed"
    token_path = "/oauth2/token"

    def __init__(self) -> None:
        self.files: dict[str, Stored] = {}
        self.sessions: dict[str, bytearray] = {}
        self.links: dict[str, SharedLink] = {}
        self.paid = True
        self.open_to_all = False
        """Whoever knows the path of a link gets the file."""
        super().__init__(Provider(SCOPE, offline=("token_access_type", "offline")))

    def serve(self, asked: Asked) -> Told:
        if asked.path.startswith("/scl/fi/"):
            return self._show(asked)
        # "Dropbox API v2 […] uses HTTP POST requests with JSON arguments and JSON responses."
        assert asked.method == "POST" and asked.path.startswith("/2/"), asked.path
        if not self.provider.admits(asked):
            return Told(401, {"error_summary": "expired_access_token/.", "error": {".tag": "expired_access_token"}})
        if self.refusals:
            status, summary = self.refusals.pop(0)
            return Told(status, {"error_summary": summary, "error": {".tag": summary.partition("/")[0],
                                                                     "required_scope": "sharing.write"}})  # fmt: skip
        route = asked.path.removeprefix("/2/")
        if route.startswith("files/upload_session/"):
            # "These endpoints accept file content in the request body, so their arguments are instead passed as JSON in
            # the Dropbox-API-Arg request header"; "JSON encoding": escape 0x7f and all non-ASCII characters.
            assert asked.headers["content-type"] == "application/octet-stream"
            assert asked.headers["dropbox-api-arg"].isascii()
            # "A single request should not upload more than 150 MB."
            assert asked.length <= MOST_PIECE_BYTES
            return self._fill(route.rpartition("/")[2], json.loads(asked.headers["dropbox-api-arg"]), asked.body)
        return getattr(self, "_" + route.replace("/", "_"))(asked.json(), asked)  # type: ignore[no-any-return]

    def _fill(self, step: str, wanted: dict[str, Any], body: bytes) -> Told:
        if step == "start":
            self.sessions[known := secrets.token_urlsafe(24)] = bytearray(body)
            return Told(200, {"session_id": known})
        cursor = wanted["cursor"]
        session = self.sessions.get(cursor["session_id"])
        outer = "lookup_failed/" if step == "finish" else ""
        # "Upload sessions are valid for 7 days"; after that, and after finish: not_found.
        if session is None:
            return _wrong(f"{outer}not_found/..")
        # "incorrect_offset: […] See the value of correct_offset"
        if cursor["offset"] != len(session):
            return _wrong(f"{outer}incorrect_offset/..", correct_offset=len(session))
        session += body
        if step == "append_v2":
            return Told(200, None)
        commit = wanted["commit"]
        assert commit["path"].startswith("/") and not commit["autorename"]
        file = Stored("id:" + secrets.token_urlsafe(16), commit["path"], self.damaged(bytes(session)))
        self.files[commit["path"]] = file
        del self.sessions[cursor["session_id"]]
        return Told(200, _about(file))

    def _files_get_metadata(self, wanted: dict[str, Any], asked: Asked) -> Told:
        file = self.files.get(wanted["path"])
        return Told(200, _about(file)) if file else _wrong("path/not_found/..")

    def _files_delete_v2(self, wanted: dict[str, Any], asked: Asked) -> Told:
        gone = [path for path in self.files if path == wanted["path"] or path.startswith(wanted["path"] + "/")]
        for path in gone:
            file = self.files.pop(path)
            self.links = {key: link for key, link in self.links.items() if link.file is not file}
        return Told(200, {"metadata": {".tag": "folder"}}) if gone else _wrong("path_lookup/not_found/..")

    def _sharing_create_shared_link_with_settings(self, wanted: dict[str, Any], asked: Asked) -> Told:
        file = next((file for file in self.files.values() if file.id == wanted["path"]), None)
        if file is None:
            return _wrong("path/not_found/..")
        if wrong := self._unfit(wanted["settings"]):
            return wrong
        # "shared_link_already_exists: The shared link already exists. […] use list_shared_links"
        if any(link.file is file for link in self.links.values()):
            return _wrong("shared_link_already_exists/..")
        known, key = secrets.token_urlsafe(12), secrets.token_urlsafe(16)
        url = f"{asked.base}/scl/fi/{known}/{quote(file.path.rpartition('/')[2])}?rlkey={key}&dl=0"
        self.links[known] = SharedLink(file, url, key, wanted["settings"])
        return Told(200, self.links[known].about)

    def _sharing_modify_shared_link_settings(self, wanted: dict[str, Any], asked: Asked) -> Told:
        link = next((link for link in self.links.values() if link.url == wanted["url"]), None)
        if link is None:
            return _wrong("shared_link_not_found/..")
        if wrong := self._unfit(wanted["settings"]):
            return wrong
        link.settings |= wanted["settings"]
        return Told(200, link.about)

    def _sharing_list_shared_links(self, wanted: dict[str, Any], asked: Asked) -> Told:
        if not any(file.id == wanted["path"] for file in self.files.values()):
            return _wrong("path/not_found/..")
        found = [link.about for link in self.links.values() if link.file.id == wanted["path"]]
        return Told(200, {"links": found, "has_more": False})

    def _sharing_revoke_shared_link(self, wanted: dict[str, Any], asked: Asked) -> Told:
        known = next((key for key, link in self.links.items() if link.url == wanted["url"]), None)
        if known is None:
            return _wrong("shared_link_not_found/..")
        del self.links[known]
        return Told(200, None)

    def _unfit(self, settings: dict[str, Any]) -> Told | None:
        # "basic users can only set public as the requested_visibility and cannot set expires"
        rich = {"expires", "require_password", "link_password"} & settings.keys() or settings.get("audience") == "team"
        if rich and not self.paid:
            return _wrong("settings_error/not_authorized/..")
        # "invalid_settings: […] password but the link_password is missing, expires is set to the past, etc."
        past = "expires" in settings and datetime.fromisoformat(settings["expires"]) <= datetime.now(UTC)
        if past or ("link_password" in settings) != settings.get("require_password", False):
            return _wrong("settings_error/invalid_settings/..")
        return None

    def _show(self, asked: Asked) -> Told:
        """A page, or with ``dl=1`` the file; a link that wants a password or a login shows a page that asks for it."""
        page = Told(200, b"<!doctype html><title>Dropbox</title>", {"Content-Type": "text/html"})
        link = self.links.get(asked.path.split("/")[3])
        if link is None or (asked.query.get("rlkey") != link.key and not self.open_to_all):
            return Told(404)
        if "expires" in link.settings and datetime.fromisoformat(link.settings["expires"]) <= datetime.now(UTC):
            return Told(404)
        closed = link.settings.get("require_password") or link.settings.get("audience") == "team"
        if asked.query.get("dl") != "1" or (closed and not self.open_to_all):
            return page
        return of_file(asked, link.file.content)


def _about(file: Stored) -> dict[str, Any]:
    whole = hashlib.sha256()
    for at in range(0, len(file.content), 4 * 1024 * 1024):
        whole.update(hashlib.sha256(file.content[at : at + 4 * 1024 * 1024]).digest())
    return {".tag": "file", "id": file.id, "path_display": file.path, "size": len(file.content),
            "content_hash": whole.hexdigest()}  # fmt: skip


def _wrong(summary: str, **more: object) -> Told:
    outer, _, inner = summary.partition("/")
    error: dict[str, Any] = {".tag": outer, **more}
    if outer == "lookup_failed":
        error = {".tag": outer, "lookup_failed": {".tag": inner.partition("/")[0], **more}}
    return Told(409, {"error_summary": summary, "error": error})
