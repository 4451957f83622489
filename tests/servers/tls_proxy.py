"""Companies' proxies: one that lays tunnels to places that it alone knows, and one that also opens every connection and
looks into it under a certificate of its own.

``authority`` is the file with the certificate of its own authority; whoever does not trust it is refused by TLS.
"""

from __future__ import annotations

import base64
import datetime
import select
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ISSUER = "Zentrale Sicherheit GmbH"


class TunnelProxy:
    """Lays tunnels to the ``places`` that it alone knows ("mail.desk.test:587": a port here). ``stop`` ends it.

    ``connects`` are the places that were asked for, ``tunnels`` those that were laid. ``login`` ("user:password") is
    wanted when it is set; ``answer`` is said to all instead.
    ``certificate`` makes it a proxy of TLS.
    """

    def __init__(self, places: Mapping[str, int], *, login: str = "", certificate: Path | None = None) -> None:
        self.connects, self.tunnels = list[str](), list[str]()
        self.answer: Iterable[bytes] | None = None
        self._places, self._login, self._tls = places, login, None
        if certificate is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate)
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self.url = f"{'http' if certificate is None else 'https'}://{login}{'@' * bool(login)}127.0.0.1:{self.port}"
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
        with suppress(OSError, ValueError):
            if self._tls is not None:
                line = self._tls.wrap_socket(line, server_side=True)
            with line:
                self._judge(line)

    def _judge(self, line: socket.socket) -> None:
        head = _head(line)
        method, place, _ = head.split(b"\r\n")[0].decode().split(" ")
        assert method == "CONNECT", "only tunnels are asked for here"
        self.connects.append(place)
        told = f"Proxy-Authorization: Basic {base64.b64encode(unquote(self._login).encode()).decode()}\r\n"
        if self.answer is not None:
            for part in self.answer:
                line.sendall(part)
        elif self._login and told.encode() not in head:
            line.sendall(b'HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n')
        elif (port := self._port_of(place)) is None:
            line.sendall(b"HTTP/1.1 503 No such place\r\nContent-Length: 0\r\n\r\n")
        else:
            with socket.create_connection(("127.0.0.1", port)) as server:
                self._lay(place, line, server)

    def _port_of(self, place: str) -> int | None:
        return self._places.get(place)

    def _lay(self, place: str, line: socket.socket, server: socket.socket) -> None:
        """What the server has to say at once goes in one packet with the answer."""
        self.tunnels.append(place)
        first = b""
        if select.select([server], [], [], 0.05)[0]:
            first = server.recv(65536)
        line.sendall(b"HTTP/1.1 200 Established\r\nContent-Length: 0\r\n\r\n" + first)
        _exchange(line, server)


class LookingProxy(TunnelProxy):
    """Every place is the plain server behind it."""

    def __init__(self, folder: Path, target_url: str) -> None:
        self._target = urlsplit(target_url)
        self._authority_key = ec.generate_private_key(ec.SECP256R1())
        self._authority = self._sign(ISSUER, self._authority_key, None)
        self._folder = folder
        self.authority = folder / "authority.pem"
        self.authority.write_bytes(self._authority.public_bytes(serialization.Encoding.PEM))
        super().__init__({})

    def _port_of(self, place: str) -> int | None:
        return self._target.port or 80

    def _lay(self, place: str, line: socket.socket, server: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 Established\r\n\r\n")
        with self._context(place.partition(":")[0]).wrap_socket(line, server_side=True) as client:
            _exchange(client, server)

    @contextmanager
    def instead(self) -> Iterator[int]:
        """The port of this machine at which it answers in a desk's place, with its own certificate and no word."""
        context = self._context("127.0.0.1")
        with socket.create_server(("127.0.0.1", 0)) as door:

            def serve() -> None:
                with suppress(OSError):
                    while True:
                        line, _ = door.accept()
                        try:
                            context.wrap_socket(line, server_side=True).close()
                        except OSError:
                            line.close()

            threading.Thread(target=serve, daemon=True).start()
            yield door.getsockname()[1]
            door.shutdown(socket.SHUT_RDWR)

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


def _exchange(line: socket.socket, server: socket.socket) -> None:
    back = threading.Thread(target=_pump, args=(server, line), daemon=True)
    back.start()
    _pump(line, server)
    back.join(10)


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
