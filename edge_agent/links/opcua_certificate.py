"""A certificate for an OPC UA client, signed by itself: what PLCs are given to trust."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge_agent.errors import SettingsError
from edge_agent.links.opcua_security import fingerprint

LIFE = timedelta(days=3650)
"""A PLC trusts this one certificate: a new one means somebody at each PLC."""
BACKDATED = timedelta(days=1)
"""It is valid for a PLC whose clock is behind."""
KEY_BITS = 2048


@dataclass(frozen=True, slots=True)
class MadeCertificate:
    """Files of a new certificate."""

    cert_file: Path
    """PEM, for ``cert_file``."""
    der_file: Path
    """The same in DER, for the server: most want to import this form."""
    key_file: Path
    application_uri: str
    fingerprint: str
    """SHA-256."""
    valid_until: datetime


def make_certificate(
    folder: Path, name: str, host: str, now: datetime, life: timedelta = LIFE
) -> MadeCertificate:
    """Write ``{name}.pem``, ``{name}.der`` and ``{name}.key``, which only its owner may read.

    Args:
        folder: is made if it is not there.
        name: of the gateway.
        host: name of this machine in the plant.
        now: beginning of its validity.
        life: length of its validity.

    Raises:
        SettingsError: a file is there already, or cannot be written.
    """
    key = rsa.generate_private_key(public_exponent=65_537, key_size=KEY_BITS)
    uri = f"urn:{host}:pur-mold-twin:{name}"
    certificate = _certificate(key, name, host, uri, now, life)
    made = MadeCertificate(
        folder / f"{name}.pem",
        folder / f"{name}.der",
        folder / f"{name}.key",
        uri,
        fingerprint(certificate),
        certificate.not_valid_after_utc,
    )
    files = {
        made.key_file: key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        made.cert_file: certificate.public_bytes(serialization.Encoding.PEM),
        made.der_file: certificate.public_bytes(serialization.Encoding.DER),
    }
    for path in files:
        if path.exists():
            raise SettingsError(
                f"{path}: is there already, and servers may trust it",
                hint="give another folder or name, or move the old files away",
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            mode = 0o600 if path == made.key_file else 0o644
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
    except OSError as error:
        raise SettingsError(
            f"{error.filename or folder}: cannot be written: {error.strerror}"
        ) from None
    return made


def _certificate(
    key: rsa.RSAPrivateKey, name: str, host: str, uri: str, now: datetime, life: timedelta
) -> x509.Certificate:
    public = key.public_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name}@{host}"[:64])])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=True,
        data_encipherment=True,
        key_agreement=False,
        key_cert_sign=True,  # OPC UA wants it of a certificate that signs itself
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    names = [x509.UniformResourceIdentifier(uri), x509.DNSName(host)]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    )
    return builder.sign(key, hashes.SHA256())
