"""A company's proxy: it opens every connection, looks into it under a certificate of its own, and counts.

``authority`` is the file with the certificate of its own authority; whoever does not trust it is refused by TLS.
Requests for ``https://desk.example.test`` are answered by the plain server behind it.
"""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ISSUER = "Zentrale Sicherheit GmbH"


class LookingProxy:
    """``connects`` are the hosts that were asked for. ``stop`` ends it."""

    def __init__(self, folder: Path, target_url: str) -> None:
        self.connects: list[str] = []
        self._target = urlsplit(target_url)
        self._authority_key = ec.generate_private_key(ec.SECP256R1())
        self._authority = self._sign(ISSUER, self._authority_key, None)
        self._folder = folder
        self.authority = folder / "authority.pem"
        self.authority.write_bytes(self._authority.public_bytes(serialization.Encoding.PEM))
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self._door.close()

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with line, socket.create_connection((self._target.hostname or "", self._target.port or 80)) as server:
            try:
                self._carry(line, server)
            except (OSError, ValueError):
                pass

    def _carry(self, line: socket.socket, server: socket.socket) -> None:
        head = _head(line)
        method, place, _ = head.split(b"\r\n")[0].decode().split(" ")
        self.connects.append(place)
        assert method == "CONNECT", "only https is asked for here"
        line.sendall(b"HTTP/1.1 200 Established\r\n\r\n")
        with self._context(place.partition(":")[0]).wrap_socket(line, server_side=True) as client:
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)
            back.join(10)

    def _context(self, host: str) -> ssl.SSLContext:
        place = self._folder / f"{host}.pem"
        if not place.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            made = self._sign(host, key, self._authority)
            pem = serialization.Encoding.PEM
            form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            place.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, form, plain))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(place)
        return context

    def _sign(self, name: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Certificate | None) -> x509.Certificate:
        own = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name[:60])])
        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(own)
            .issuer_name(issuer.subject if issuer else own)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        )
        if issuer is not None:
            made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        return made.sign(self._authority_key, hashes.SHA256())


def _head(line: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        came = line.recv(1)
        if not came:
            raise OSError("hung up")
        head += came
    return head


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while came := source.recv(65536):
            sink.sendall(came)
    except OSError:
        pass
    finally:
        try:
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass
