"""A folder on a server that speaks SFTP: OpenSSH, a NAS, a hosting account.

The server must show the host key that is in the settings, or nothing is said to it. SFTP knows no links: a web server
that shows the same folder makes them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from uploader.dialling import sorted_out
from uploader.errors import AuthFailed, Gone, InvalidField, Refused, Temporary, UploaderError
from uploader.setting import Secret, setting
from uploader.source import Window
from uploader.ticket import Link, ShareAbilities
from uploader.transfer import UploadShare
from uploader.trial import refuse_listing, try_out
from uploader.tunnel import reach
from uploader.ways import Stream, Upload, is_key
from uploader.wire import CONNECT_S, STALL_S, Wire

if TYPE_CHECKING:
    from paramiko import PKey, SFTPClient, Transport

WRITE_BYTES = 32 * 1024
"""What every server takes as one write. Source: draft-ietf-secsh-filexfer-02, 3 (2001): packets of 34,000 bytes."""
UNSURE_BYTES = 4 * 1024 * 1024
"""Servers other than OpenSSH's may carry out writes side by side: after a break there may be holes in the last ones."""
ORDERLY = "OpenSSH"
FAST_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")


@dataclass(frozen=True, kw_only=True)
class Sftp(UploadShare):
    title: ClassVar[str] = "SFTP"
    abilities: ClassVar[ShareAbilities] = ShareAbilities(resumes=True, ends_links="us", revokes=True, checks="size")

    host: str = setting("Server", help="files.example.org")
    host_key: str = setting(
        "Host key",
        help="Its fingerprint (SHA256:…) or its line in known_hosts. Checking the share shows what the server has.",
        default="",
    )
    user: str = setting("User")
    password: Secret = setting("Password", kind="secret", default=Secret(""))
    key_file: str = setting("File of the private key", help="Empty: the password is used.", default="",
                            rare=True)  # fmt: skip
    passphrase: Secret = setting("Passphrase of the key", kind="secret", default=Secret(""), rare=True)
    folder: str = setting(
        "Folder", help="From the start folder of the account, or with / from the top.", default="testigo"
    )
    link_url: str = setting(
        "Address where readers find the folder",
        help="Of a web server that shows it and does not list it. Empty: an sftp:// address; readers need an account.",
        kind="url",
        default="",
    )
    port: float = setting("Port", kind="number", default=22, least=1, most=65535, rare=True)

    def way(self, wire: Wire) -> SftpWay:
        return SftpWay(self, wire)

    def check(self) -> None:
        try_out(self)

    def link(self, wire: Wire, upload: Upload, stored: str, days: float, password: str) -> Link:
        ends = datetime.now(UTC) + timedelta(days=days) if days else None
        if self.link_url:
            place = self.link_url.rstrip("/")
        else:
            port = f":{int(self.port)}" if int(self.port) != 22 else ""
            host = f"[{self.host}]" if ":" in self.host else self.host
            place = f"sftp://{host}{port}{quote(self.way(wire).full_folder())}"
        return Link(f"{place}/{stored}/{quote(upload.name, safe='-_.~')}", ends, "us" if ends else "", stored)

    def look(self, wire: Wire, upload: Upload, link: Link) -> None:
        """Without a web server the readers log in, and the file's size was compared when it was finished."""
        if self.link_url:
            super().look(wire, upload, link)
            refuse_listing(wire, self.link_url, upload)

    def erase(self, wire: Wire, receipt: str) -> None:
        if not is_key(receipt):
            raise Refused("{service} cannot take a link back; ask whoever looks after it", service=self.title)
        self.way(wire).remove(receipt)

    def pinned(self) -> tuple[frozenset[str], tuple[str, ...]]:
        """Fingerprints of the host keys that are taken, and their kinds as far as known. Raises: InvalidField."""
        prints, kinds = set(), []
        words = self.host_key.replace(",", " ").split()
        for word, following in zip(words, [*words[1:], ""]):
            if word.startswith("SHA256:"):
                prints.add(word.rstrip("="))
            elif word.startswith(("ssh-", "ecdsa-")):
                with suppress(binascii.Error):
                    prints.add(_fingerprint(base64.b64decode(following, validate=True)))
                    kinds += ["rsa-sha2-512", "rsa-sha2-256"] if word == "ssh-rsa" else [word]
        if words and not prints:
            raise InvalidField("host_key", "a host key is written “SHA256:…” or as in known_hosts; correct it")
        return frozenset(prints), tuple(kinds)


@dataclass
class SftpWay(Stream):
    """Writes to ``KEY/NAME.part``, which takes its name when it is whole. One connection, opened when it is needed."""

    share: Sftp
    wire: Wire
    _client: SFTPClient | None = field(default=None, init=False, repr=False)
    _in_order: bool = field(default=False, init=False)

    def begin(self, upload: Upload) -> str:
        with self._connected() as client:
            _make_folder(client, self._place(upload.key))
            client.open(self._part(upload), "wb").close()
        return upload.key

    def offset(self, upload: Upload, session: str) -> int:
        with self._connected() as client:
            if _size_bytes(client, self._whole(upload)) == upload.size_bytes:
                return upload.size_bytes
            size = client.stat(self._part(upload)).st_size or 0
        return min(size if self._in_order else max(0, size - UNSURE_BYTES), upload.size_bytes)

    def send(self, upload: Upload, session: str, body: Window) -> int:
        with self._connected() as client, client.open(self._part(upload), "r+b", 0) as file:
            file.seek(body.offset)
            file.set_pipelined(True)
            left = body.size_bytes
            for block in body.blocks():
                left -= len(block)
                held = 0 if left else min(len(block), WRITE_BYTES)
                file.write(block[: len(block) - held])
                if held:  # writing without a pipeline waits for all that was written before, and for what became of it
                    file.set_pipelined(False)
                    file.write(block[len(block) - held :])
        return body.offset + body.size_bytes

    def finish(self, upload: Upload, session: str, receipts: Mapping[int, str]) -> str:
        with self._connected() as client:
            if _size_bytes(client, self._whole(upload)) != upload.size_bytes:
                if client.stat(self._part(upload)).st_size != upload.size_bytes:
                    raise Temporary("{host} has not stored all of the file; it is sent again", host=self.share.host)
                client.rename(self._part(upload), self._whole(upload))
                if _size_bytes(client, self._whole(upload)) != upload.size_bytes:
                    raise Temporary("{host} does not show the file yet", host=self.share.host)
        return upload.key

    def abort(self, upload: Upload, session: str) -> None:
        self.remove(upload.key)

    def remove(self, key: str) -> None:
        """The folder of an upload with all in it; harmless when it is gone."""
        place = self._place(key)
        with suppress(Gone), self._connected() as client:
            for name in client.listdir(place):
                client.remove(f"{place}/{name}")
            client.rmdir(place)

    def full_folder(self) -> str:
        """Where the folder lies, from the top."""
        with self._connected() as client:
            return "/" + (client.normalize(self.share.folder or ".") or "").strip("/")

    def _place(self, key: str) -> str:
        folder = self.share.folder
        return f"{folder.rstrip('/')}/{key}" if folder else key

    def _whole(self, upload: Upload) -> str:
        return f"{self._place(upload.key)}/{upload.name}"

    def _part(self, upload: Upload) -> str:
        return self._whole(upload) + ".part"

    @contextmanager
    def _connected(self) -> Iterator[SFTPClient]:
        """The connection, opened anew after trouble. Raises: UploaderError."""
        from paramiko import SSHException

        host = self.share.host
        try:
            if self._client is None:
                self._client, self._in_order = _connect(self.share, self.wire)
            yield self._client
        except FileNotFoundError as error:
            raise Gone("{host} does not know it, or no longer ({status})", host=host, status="SFTP 2") from error
        except PermissionError as error:
            raise Refused(
                "{host} does not allow it ({status}); the account may lack a right", host=host, status="SFTP 3"
            ) from error
        except (OSError, EOFError, SSHException) as error:
            alive = self._client is not None and self._client.get_channel().get_transport().is_active()
            self._close()
            if alive and not isinstance(error, TimeoutError | ConnectionError | EOFError):  # a plain “Failure”
                raise Temporary("{host} is busy or out of order ({status})", host=host, status="SFTP 4") from error
            raise Temporary("the connection to {host} broke off", host=host) from error
        except UploaderError:
            raise
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):
                client.get_channel().get_transport().close()


def _connect(share: Sftp, wire: Wire) -> tuple[SFTPClient, bool]:
    """A session with the server that is meant, and whether it carries out writes in their order."""
    import paramiko

    logging.getLogger("paramiko").setLevel(
        logging.CRITICAL
    )  # what goes wrong is told by exceptions, and without secrets
    prints, kinds = share.pinned()
    with sorted_out(share.host):
        line, proxy = reach("sftp", share.host, int(share.port))
    wire.adopt(line, direct=not proxy)
    with suppress(OSError):  # a tunnel in TLS ends in a socket of another kind
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = paramiko.Transport(line)
    try:
        options = transport.get_security_options()
        options.ciphers = (*FAST_CIPHERS, *(c for c in options.ciphers if "ctr" in c))
        if kinds:
            options.key_types = kinds
        transport.start_client(timeout=CONNECT_S)
        _prove(transport.get_remote_server_key(), prints, share.host)
        _log_in(transport, share)
        client = paramiko.SFTPClient.from_transport(transport)
        assert client is not None
        client.get_channel().settimeout(STALL_S)
    except BaseException:
        transport.close()
        raise
    return client, ORDERLY in transport.remote_version


def _prove(key: PKey, pinned: frozenset[str], host: str) -> None:
    """Raises: Refused unless it is a key of the settings."""
    found = _fingerprint(key.asbytes())
    if not pinned:
        raise Refused(
            "{host} shows the host key {fingerprint}; if its administrator says so too, put it into the settings",
            host=host, fingerprint=found,
        )  # fmt: skip
    if found not in pinned:
        raise Refused(
            "{host} shows another host key than the settings name: {fingerprint}; it may be another computer",
            host=host, fingerprint=found,
        )  # fmt: skip


def _log_in(transport: Transport, share: Sftp) -> None:
    import paramiko

    wanted: list[str] = ["password"]
    try:
        if share.key_file:
            wanted = transport.auth_publickey(share.user, _private_key(share))
        if "password" in wanted and share.password:
            transport.auth_password(share.user, share.password.reveal())
    except paramiko.AuthenticationException as error:
        raise AuthFailed("{host} does not accept the password or token", host=share.host) from error
    if not transport.is_authenticated():
        raise AuthFailed("{host} does not accept the password or token", host=share.host)


def _private_key(share: Sftp) -> PKey:

    import paramiko

    passphrase = share.passphrase.reveal().encode() or None
    try:
        return paramiko.PKey.from_path(Path(share.key_file).expanduser(), passphrase)
    except OSError as error:
        raise InvalidField("key_file", "the private key {path} cannot be read", path=share.key_file) from error
    except (paramiko.SSHException, paramiko.pkey.UnknownKeyType, ValueError, TypeError) as error:
        raise AuthFailed("the private key {path} does not open with this passphrase", path=share.key_file) from error


def _fingerprint(key: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def _size_bytes(client: SFTPClient, path: str) -> int | None:
    try:
        size: int | None = client.stat(path).st_size
        return size
    except FileNotFoundError:
        return None


def _make_folder(client: SFTPClient, path: str) -> None:
    try:
        client.stat(path)
    except FileNotFoundError:
        above = path.rstrip("/").rpartition("/")[0]
        if above:
            _make_folder(client, above)
        client.mkdir(path)
