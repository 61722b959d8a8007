"""A certificate authority of one's own, and the certificates of the broker and its clients.

EC keys on P-256. Needs `cryptography`, the extra `broker`; nothing here touches the disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFE = timedelta(days=3650)
LIFE = timedelta(days=825)
BACKDATED = timedelta(days=1)
"""A new certificate is valid for a machine whose clock is behind."""


class CertificateError(ValueError):
    """A certificate or key that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> bytes:
        """The certificate as a PEM file holds it."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key as a PEM file holds it, without a password."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def new_authority(name: str, now: datetime) -> Issued:
    """A certificate authority that signs itself and may sign clients, not other authorities."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    public = key.public_key()
    builder = (
        _begun(subject, subject, public, now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    return Issued(builder.sign(key, hashes.SHA256()), key)


def new_server(authority: Issued, host_names: Iterable[str], now: datetime) -> Issued:
    """The broker's certificate for these host names and IP addresses, with a new key.

    Raises:
        CertificateError: a host name is none.
    """
    names = [general_name(name) for name in host_names]
    extensions = [x509.SubjectAlternativeName(names)]
    return _leaf(authority, "broker", ExtendedKeyUsageOID.SERVER_AUTH, extensions, now)


def new_client(authority: Issued, name: str, now: datetime) -> Issued:
    """The certificate of a client, with a new key; its user name at the broker is `name`."""
    return _leaf(authority, name, ExtendedKeyUsageOID.CLIENT_AUTH, [], now)


def host_names_of(certificate: x509.Certificate) -> list[str]:
    """The host names and IP addresses a server certificate is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in names]


def is_from(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """True if `authority` has signed `certificate`."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def parse_certificate(pem: bytes) -> x509.Certificate:
    """A certificate from its PEM text. Raises CertificateError when it is none."""
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise CertificateError(f"not a certificate: {error}") from None


def parse_issued(certificate_pem: bytes, key_pem: bytes) -> Issued:
    """A certificate and its key from their PEM texts.

    Raises:
        CertificateError: one cannot be read, or they do not belong together.
    """
    certificate = parse_certificate(certificate_pem)
    try:
        key = serialization.load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateError(f"not a key, or one with a password: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateError("the key is not an EC key")
    if key.public_key() != certificate.public_key():
        raise CertificateError("the key is not that of the certificate")
    return Issued(certificate, key)


def _leaf(
    authority: Issued,
    name: str,
    purpose: x509.ObjectIdentifier,
    extensions: list[x509.SubjectAlternativeName],
    now: datetime,
) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = authority.certificate.subject
    life = min(LIFE, authority.certificate.not_valid_after_utc - now)
    builder = (
        _begun(subject, issuer, key.public_key(), now, life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return Issued(builder.sign(authority.key, hashes.SHA256()), key)


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + life)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def general_name(name: str) -> x509.GeneralName:
    """A host name or IP address as a certificate holds it.

    Raises:
        CertificateError: it is neither.
    """
    if "%" not in name:  # no IPv6 address with the name of an interface
        try:
            return x509.IPAddress(ip_address(name))
        except ValueError:
            pass
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        raise CertificateError(
            f"{name!r} is neither a host name nor an IP address: give it without protocol and port"
        )
    return x509.DNSName(name)
