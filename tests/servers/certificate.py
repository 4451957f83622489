"""A certificate that signs itself: who is told to trust it trusts the server, everybody else must refuse it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path


def self_signed(folder: Path, *names: str) -> Path:
    """Key and certificate in one file, for 127.0.0.1 and ``names``."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - timedelta(hours=1),
                                now + timedelta(hours=5))
        .add_extension(x509.SubjectAlternativeName(
            [x509.IPAddress(ip_address("127.0.0.1")), *(x509.DNSName(name) for name in names)]), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    place = folder / "certificate.pem"
    place.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(pem))
    return place
