"""Azure Blob Storage: a container, reached with the account's key or with signatures (SAS) that IT has made.

Every block's name holds its MD5, which the service compares, so the list of blocks proves the whole file. The link is
a signed address for this one blob that the service ends.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from urllib.parse import parse_qs, quote, urlencode, urlsplit
from xml.sax.saxutils import escape

from uploader.clock import ServerClock
from uploader.errors import AuthFailed, Gone, InvalidField, Refused, Temporary, TooLarge, UploaderError
from uploader.names import disposition
from uploader.setting import Secret, setting
from uploader.source import Window
from uploader.ticket import Link, ShareAbilities
from uploader.transfer import UploadShare
from uploader.trial import try_out
from uploader.ways import Part, Parts, PieceRule, Upload, is_key
from uploader.wire import NO_DATA, Body, Reply, Wire, sort_out
from uploader.xml_reply import all_of, plain, text_of, tree_of

VERSION = "2021-12-02"
"""Of the protocol; decides how a signature is made. Source: "Create a service SAS", Microsoft, 2025."""
CALL = timedelta(hours=1)
"""How long a signature for our own calls holds: a slow block must not outlive it."""
FOREVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""A signature must end some day."""
MOST_BLOCKS = 50_000
MOST_BLOCK_BYTES = 4000 * 1024**2
"""Source of both: "Scalability and performance targets for Blob Storage", Microsoft, 2025."""
MOST_COMMIT_S = 600.0
LIST_BYTES = 16 * 1024**2
"""Room for the names of all blocks."""


@dataclass(frozen=True, kw_only=True)
class Azure(UploadShare):
    title: ClassVar[str] = "Azure Blob"
    abilities: ClassVar[ShareAbilities] = ShareAbilities(
        resumes=True, ends_links="service", revokes=True, largest_bytes=MOST_BLOCKS * MOST_BLOCK_BYTES,
        checks="MD5 per block and the list of blocks", serves_pages=True,
    )  # fmt: skip

    account: str = setting("Storage account")
    container: str = setting("Container")
    key: Secret = setting(
        "Account key",
        help="Opens everything in the account. Leave it empty and take signatures (SAS) where you can.",
        kind="secret",
        default=Secret(""),
    )
    sas: Secret = setting(
        "Signature for sending (SAS)",
        help="Of the container, with the rights read, create, write and delete.",
        kind="secret",
        default=Secret(""),
    )
    link_sas: Secret = setting(
        "Signature for readers (SAS)",
        help="Of the container, with the right read alone: it is part of every link.",
        kind="secret",
        default=Secret(""),
    )
    url: str = setting(
        "Server",
        help="Empty: Azure's public cloud. Else https://ACCOUNT.blob.example.org",
        kind="url",
        default="",
        rare=True,
    )
    prefix: str = setting("Folder in the container", default="testigo/", rare=True)

    def way(self, wire: Wire) -> AzureWay:
        return AzureWay(self, wire)

    def check(self) -> None:
        """Looks at the signatures' rights, then stores, reads and deletes a small file. Raises: UploaderError."""
        if not self.key:
            self._check_sas("sas", self.sas, "rcwd", exactly=False)
            self._check_sas("link_sas", self.link_sas, "r", exactly=True)
        try_out(self)
        with self.open_wire() as wire:
            shown = wire.call("GET", f"{self.address('')}?restype=container&comp=list", ok=range(200, 600))
            if shown.status == 200 and _is_azure(shown):
                raise self._open()

    def _check_sas(self, name: str, secret: Secret, wanted: str, *, exactly: bool) -> None:
        parts = _parts_of(secret)
        if "sig" not in parts:
            raise InvalidField(name, "the setting “{field}” holds no signature (SAS); it contains sig=…", field=name)
        if (ends := _end_of(secret)) is not None and ends <= datetime.now(UTC):
            raise InvalidField(name, "the signature in “{field}” has expired; ask for a new one", field=name)
        rights = parts.get("sp", wanted)  # without sp a policy in the container decides
        if set(wanted) - set(rights):
            raise InvalidField(
                name, "the signature in “{field}” must have the rights {wanted}", field=name, wanted=wanted
            )
        if exactly and set(rights) - set(wanted):
            raise InvalidField(
                name, "the signature in “{field}” goes into links; it may have no other right than {wanted}",
                field=name, wanted=wanted,
            )  # fmt: skip

    def link(self, wire: Wire, upload: Upload, stored: str, days: float, password: str) -> Link:
        ends = datetime.now(UTC) + timedelta(days=days) if days else None
        if self.key:
            # whole seconds are signed, and the reader's must be the ticket's
            ends = ends.replace(microsecond=0) + timedelta(seconds=1) if ends else None
            url = f"{self.address(stored)}?{self.sign(stored, 'r', ends or FOREVER)}"
            return Link(url, ends, "service" if ends else "", stored)
        self._check_sas("link_sas", self.link_sas, "r", exactly=True)
        url = f"{self.address(stored)}?{self.link_sas.reveal().strip().lstrip('?')}"
        limit = _end_of(self.link_sas)
        if limit is not None and (ends is None or limit <= ends):
            return Link(url, limit, "service", stored)
        return Link(url, ends, "us" if ends else "", stored)

    def look(self, wire: Wire, upload: Upload, link: Link) -> None:
        super().look(wire, upload, link)
        bare = wire.call("GET", link.url.partition("?")[0], ok=range(200, 600), most_bytes=0)
        if bare.status in (200, 206) and _is_azure(bare):
            raise self._open()

    def _open(self) -> Refused:
        return Refused(
            "anyone can read the container “{container}” without the link; make it private", container=self.container
        )

    def erase(self, wire: Wire, receipt: str) -> None:
        key, _, name = receipt.removeprefix(self.prefix).partition("/")
        if not is_key(key) or not receipt.startswith(self.prefix):
            raise Refused("{service} cannot take a link back; ask whoever looks after it", service=self.title)
        way = self.way(wire)
        way.delete(receipt)
        if name != "open.html":  # the page that opens a sealed file lies beside it
            way.delete(f"{self.prefix}{key}/open.html")

    def address(self, blob: str) -> str:
        """Where a blob lies, percent-encoded, without a query; of the container with an empty name."""
        server = self.url.rstrip("/") or f"https://{self.account}.blob.core.windows.net"
        return f"{server}/{self.container}" + (f"/{quote(blob, safe='/-_.~')}" if blob else "")

    def blob(self, upload: Upload) -> str:
        return f"{self.prefix}{upload.key}/{upload.name}"

    def sign(self, blob: str, rights: str, ends: datetime) -> str:
        """A query that allows ``rights`` on this blob until ``ends``. Source: as ``VERSION``."""
        end, resource = f"{ends:%Y-%m-%dT%H:%M:%SZ}", f"/blob/{self.account}/{self.container}/{blob}"
        protocol = urlsplit(self.address("")).scheme
        protocol = "https" if protocol == "https" else "https,http"
        # rights, start, end, resource, policy, address, protocol, version, kind, snapshot, scope, five headers
        text = "\n".join((rights, "", end, resource, "", "", protocol, VERSION, "b", "", "", "", "", "", "", ""))
        try:
            key = base64.b64decode(self.key.reveal().strip(), validate=True)
        except binascii.Error as error:
            raise InvalidField("key", "the account key is damaged; copy it again from the portal") from error
        signature = base64.b64encode(hmac.digest(key, text.encode(), "sha256")).decode()
        return urlencode({"sv": VERSION, "spr": protocol, "se": end, "sr": "b", "sp": rights, "sig": signature})


@dataclass
class AzureWay(Parts):
    """Blocks and their list. There is no session: blocks lie under the blob's name, for a week."""

    share: Azure
    wire: Wire
    clock: ServerClock = field(default_factory=ServerClock)

    pieces: ClassVar[PieceRule] = PieceRule(MOST_BLOCKS, MOST_BLOCK_BYTES)

    def have(self, upload: Upload, session: str) -> Mapping[int, Part]:
        """Of a list that was committed already its blocks: an earlier run may have been ended just then."""
        try:
            listed = self._blocks(upload, "all")
        except Gone:
            return {}
        own = {name: size for name, size in listed if name.startswith(_head(upload))}
        return {_number(name): Part(size, name) for name, size in own.items()}

    def send(self, upload: Upload, session: str, number: int, body: Window) -> str:
        if body.size_bytes == 0:
            return ""  # an empty block is refused, an empty list is not
        digest = hashlib.md5(usedforsecurity=False)
        body.digests(digest.update)
        name = f"{_head(upload)}{number:05d}-{digest.hexdigest()[:26]}"
        query = {"comp": "block", "blockid": base64.b64encode(name.encode()).decode()}
        headers = {"Content-MD5": base64.b64encode(digest.digest()).decode()}
        self.ask("PUT", self.share.blob(upload), query, headers, body, wanted=201)
        return name

    def finish(self, upload: Upload, session: str, receipts: Mapping[int, str]) -> str:
        blob, names = self.share.blob(upload), [receipts[n] for n in sorted(receipts) if receipts[n]]
        try:
            self._commit(upload, names)
        except _ThereAlready:
            pass  # an earlier commit's answer got lost
        try:
            found = [name for name, _ in self._blocks(upload, "committed")]
        except Gone as error:
            raise Temporary("{host} does not show the file yet", host=self._host) from error
        if found != names:
            self.delete(blob)
            raise Gone("{host} put something else together than was sent; it is sent anew", host=self._host)
        return blob

    def abort(self, upload: Upload, session: str) -> None:
        """Blocks cannot be deleted; a commit of none of them throws them away, and leaves an empty blob to delete.

        A block that is on its way meanwhile may come after that: the service forgets it in a week.
        """
        with suppress(_ThereAlready):
            self._commit(upload, [])
        self.delete(self.share.blob(upload))

    def delete(self, blob: str) -> None:
        """Harmless when it is gone."""
        with suppress(Gone):
            self.ask("DELETE", blob, {}, wanted=202)

    def ask(
        self, method: str, blob: str, query: Mapping[str, str], headers: Mapping[str, str] | None = None,
        body: bytes | Body = b"", *, wanted: int, answer_s: float | None = None,
    ) -> Reply:  # fmt: skip
        """One signed call. Raises: UploaderError by the service's own code."""
        for again in (True, False):
            own = self.share.key
            token = self.share.sign(blob, "rcwd", self.clock.now() + CALL) if own else self.share.sas.reveal()
            url = f"{self.share.address(blob)}?{urlencode(query)}&{token.strip().lstrip('?')}"
            reply = self.wire.call(method, url, headers={"x-ms-version": VERSION, **(headers or {})}, body=body,
                                   ok=range(200, 600), most_bytes=LIST_BYTES, answer_s=answer_s)  # fmt: skip
            if reply.status == wanted and _is_azure(reply):
                return reply
            if reply.status == 403 and own and again and self.clock.heed(reply):
                continue
            raise _sort(reply, self.share.container)
        raise AssertionError("unreachable")

    def _commit(self, upload: Upload, names: list[str]) -> None:
        """Raises: _ThereAlready when there is a blob; Gone when blocks are missing; else as ``ask``."""
        latest = "".join(f"<Latest>{escape(base64.b64encode(name.encode()).decode())}</Latest>" for name in names)
        xml = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{latest}</BlockList>'.encode()
        headers = {
            "If-None-Match": "*",
            "Content-Type": "application/xml",
            "x-ms-blob-content-type": upload.media_type,
        }
        if not upload.media_type.startswith("text/html"):
            headers["x-ms-blob-content-disposition"] = disposition(upload.name)
        blob = self.share.blob(upload)
        self.ask("PUT", blob, {"comp": "blocklist"}, headers, xml, wanted=201, answer_s=MOST_COMMIT_S)

    def _blocks(self, upload: Upload, kind: str) -> list[tuple[str, int]]:
        """Name and size in bytes of each, in the service's order. Raises: Gone when nothing has this name."""
        query = {"comp": "blocklist", "blocklisttype": kind}
        reply = self.ask("GET", self.share.blob(upload), query, wanted=200)
        tree = tree_of(reply)
        if tree is None or plain(tree.tag) != "BlockList":
            raise Temporary(NO_DATA, host=reply.host)
        return [
            (base64.b64decode(block.findtext("Name", "")).decode("ascii", "replace"), int(block.findtext("Size", "0")))
            for block in all_of(reply, "Block")
        ]

    @property
    def _host(self) -> str:
        return urlsplit(self.share.address("")).hostname or ""


class _ThereAlready(Refused):
    """A blob of this name is there: nothing was overwritten."""


def _head(upload: Upload) -> str:
    """What the names of this upload's blocks begin with. All names have 64 bytes, the most there may be."""
    return upload.key


def _number(name: str) -> int:
    return int(name[32:37])


def _parts_of(secret: Secret) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(secret.reveal().strip().lstrip("?")).items()}


def _end_of(secret: Secret) -> datetime | None:
    """When a signature ends; None when it does not say."""
    try:
        ends = datetime.fromisoformat(_parts_of(secret)["se"])
    except (KeyError, ValueError):
        return None
    return ends if ends.tzinfo else ends.replace(tzinfo=UTC)


def _is_azure(reply: Reply) -> bool:
    """Whether the storage itself speaks, and not a page of somebody in between."""
    return "x-ms-request-id" in reply.headers


def _sort(reply: Reply, container: str) -> UploaderError:
    host, code = reply.host, reply.headers.get("x-ms-error-code", "") or text_of(reply, "Code")
    if reply.status < 300:
        return Temporary(NO_DATA, host=host)
    if code == "BlobAlreadyExists":
        return _ThereAlready("{host} refused it ({status})", host=host, status=code)
    if code in ("BlobNotFound", "InvalidBlockList", "InvalidBlockId", "InvalidBlobOrBlock"):
        return Gone("{host} does not know it, or no longer ({status})", host=host, status=code)
    if code == "ContainerNotFound":
        return Refused("there is no container “{container}” at {host}; correct it in the settings",
                       container=container, host=host)  # fmt: skip
    if code in ("AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation"):
        return AuthFailed("{host} does not accept the password or token", host=host)
    if reply.status == 403 and code:
        return Refused("{host} does not allow it ({status}); the account may lack a right", host=host, status=code)
    if code in ("Md5Mismatch", "InvalidMd5", "InvalidOperation"):  # the last one is azurite's word for it
        return Temporary("a piece arrived damaged at {host}; it is sent again", host=host)
    if code in ("RequestBodyTooLarge", "BlockCountExceedsLimit", "BlockListTooLong"):
        return TooLarge("{host} does not take a file of this size", host=host)
    if code in ("AccountBeingCreated", "ContainerBeingDeleted", "ContainerDisabled", "OperationTimedOut"):
        return Temporary("{host} is busy or out of order ({status})", host=host, status=code)
    return sort_out(reply)
