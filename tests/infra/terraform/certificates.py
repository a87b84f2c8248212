"""A certificate authority for tests, in the place of that of Amazon's databases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


@dataclass(frozen=True)
class Authority:
    """Its key, and its certificate as PEM."""

    key: EllipticCurvePrivateKey
    certificate: bytes

    @classmethod
    def new(cls) -> Authority:
        """Return one that nobody knows."""
        key = generate_private_key(SECP256R1())
        builder = _builder("tests", "tests", key).add_extension(
            x509.BasicConstraints(True, None), critical=True
        )
        return cls(key, builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def vouch(self, host: str) -> tuple[bytes, bytes]:
        """Return a certificate for a host, and its key, as PEM."""
        key = generate_private_key(SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        builder = _builder("tests", "database", key).add_extension(names, critical=False)
        signed = builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)
        return signed, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _builder(issuer: str, subject: str, key: EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .issuer_name(_named(issuer))
        .subject_name(_named(subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
