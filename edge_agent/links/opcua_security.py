"""Certificates, keys and passwords of an OPC UA source, read at every connect.

The application URI that we name is the one in our certificate, so that both always agree. Whoever
has no ``server_cert_file`` is told the fingerprint of what the server shows, and when it changes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from asyncua import ua
from asyncua.crypto import security_policies
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from edge_agent.config.gateway_sources import OpcUaSource
from edge_agent.config.secret_files import SecretFileError, read_secret, resolved
from edge_agent.errors import CredentialsError, LinkError

APPLICATION_URI = "urn:pur-mold-twin:gateway"
"""Our name where there is no certificate."""
MAKE_ONE = "`pur-mold-twin gateway certificate` makes one that fits"
RSA_BITS = (2048, 4096)
"""Allowed by all three policies."""
CERTIFICATE_BYTES_MAX = 100_000
_POLICIES: dict[str, type[security_policies.SecurityPolicy]] = {
    "Basic256Sha256": security_policies.SecurityPolicyBasic256Sha256,
    "Aes128_Sha256_RsaOaep": security_policies.SecurityPolicyAes128Sha256RsaOaep,
    "Aes256_Sha256_RsaPss": security_policies.SecurityPolicyAes256Sha256RsaPss,
}


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """Our certificate with its key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey
    application_uri: str


def password_of(name: str, settings: OpcUaSource) -> str | None:
    """Password of the user, from its file or ``TWIN_GATEWAY_PASSWORD_{SOURCE}``.

    Raises:
        CredentialsError: the file cannot be read.
    """
    if settings.password_file is not None:
        field = f"sources.{name}.password_file"
        try:
            return read_secret(field, settings.password_file).strip()
        except SecretFileError as error:
            raise CredentialsError(str(error)) from None
    if settings.password is not None:
        return settings.password.get_secret_value()
    return os.environ.get(f"TWIN_GATEWAY_PASSWORD_{name.upper()}")


def own_certificate(name: str, settings: OpcUaSource, now: datetime) -> OwnCertificate | None:
    """Our certificate and key, checked before a server refuses them without a word.

    Args:
        name: that of the source.
        now: time for which the certificate must be valid.

    Raises:
        CredentialsError: naming field, file, what is wrong and the way out.
    """
    if settings.cert_file is None or settings.key_file is None:
        return None
    field, path = f"sources.{name}.cert_file", settings.cert_file
    certificate = _certificate(field, path)
    key = _key(f"sources.{name}.key_file", settings.key_file)
    public = certificate.public_key()
    if not isinstance(key, rsa.RSAPrivateKey) or not isinstance(public, rsa.RSAPublicKey):
        raise CredentialsError(f"{field}: {path}: OPC UA wants an RSA key here: {MAKE_ONE}")
    if public.public_numbers() != key.public_key().public_numbers():
        raise CredentialsError(
            f"sources.{name}.key_file: {settings.key_file}: is not the key of cert_file {path}: "
            "copy both from the same issue"
        )
    if not RSA_BITS[0] <= public.key_size <= RSA_BITS[1]:
        raise CredentialsError(
            f"{field}: {path}: its key has {public.key_size} bits, not {RSA_BITS[0]} to "
            f"{RSA_BITS[1]}: {MAKE_ONE}"
        )
    _check_time(field, path, certificate, now)
    uris = _application_uris(certificate)
    if not uris:
        raise CredentialsError(
            f"{field}: {path}: names no application URI (subjectAltName, URI), without which an "
            f"OPC UA server refuses it: {MAKE_ONE}"
        )
    return OwnCertificate(certificate, key, uris[0])


def pinned_certificate(name: str, settings: OpcUaSource) -> x509.Certificate | None:
    """The certificate that the server must show, if it is given.

    Raises:
        CredentialsError: the file cannot be used.
    """
    if settings.server_cert_file is None:
        return None
    return _certificate(f"sources.{name}.server_cert_file", settings.server_cert_file)


def choose_endpoint(
    name: str, settings: OpcUaSource, endpoints: Sequence[ua.EndpointDescription]
) -> ua.EndpointDescription:
    """The endpoint with the wanted policy and mode.

    Raises:
        LinkError: the server offers none; the message says which ones it does.
    """
    offered = []
    mode = mode_of(settings)
    for endpoint in endpoints:
        policy = str(endpoint.SecurityPolicyUri or "").rpartition("#")[2]
        if policy == settings.security_policy and endpoint.SecurityMode == mode:
            return endpoint
        words = policy if policy == "None" else f"{policy} {endpoint.SecurityMode.name}"
        if words not in offered:
            offered.append(words)
    wanted: str = settings.security_policy
    if wanted != "None":
        wanted += f" with security_mode {settings.security_mode}"
    raise LinkError(
        f"sources.{name}: {settings.url}: the server does not offer security_policy {wanted}; it "
        f"offers: {', '.join(offered) or 'nothing'}",
        hint="set security_policy and security_mode to one that it offers, or turn it on there",
    )


def mode_of(settings: OpcUaSource) -> ua.MessageSecurityMode:
    """Mode of the messages."""
    if settings.security_policy == "None":
        return ua.MessageSecurityMode.None_
    return ua.MessageSecurityMode[settings.security_mode]


def policy_for(
    settings: OpcUaSource, own: OwnCertificate | None, server: x509.Certificate | None
) -> security_policies.SecurityPolicy:
    """Security of a channel to the server with this certificate."""
    if settings.security_policy == "None" or own is None:
        return security_policies.SecurityPolicyNone()
    kind = _POLICIES[settings.security_policy]
    return kind(server, own.certificate, own.key, mode_of(settings))


def server_certificate(endpoint: ua.EndpointDescription) -> x509.Certificate | None:
    """The certificate that an endpoint shows: the first one of a chain."""
    der = endpoint.ServerCertificate
    if not der:
        return None
    try:
        return x509.load_der_x509_certificate(der[: int.from_bytes(der[2:4], "big") + 4])
    except ValueError:
        return None


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of a certificate, as it is compared by eye."""
    return certificate.fingerprint(hashes.SHA256()).hex(":")


def _certificate(field: str, path: Path) -> x509.Certificate:
    data = _read(field, path)
    try:
        if b"-----BEGIN" in data:
            return x509.load_pem_x509_certificate(data)
        return x509.load_der_x509_certificate(data)
    except ValueError:
        raise CredentialsError(
            f"{field}: {path}: is no certificate in PEM or DER: copy it anew"
        ) from None


def _key(field: str, path: Path) -> object:
    data = _read(field, path)
    try:
        if b"-----BEGIN" in data:
            return serialization.load_pem_private_key(data, password=None)
        return serialization.load_der_private_key(data, password=None)
    except TypeError:
        raise CredentialsError(
            f"{field}: {path}: has a password: store it without (openssl pkey -in OLD -out NEW) "
            "and let only the gateway's user read it"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise CredentialsError(
            f"{field}: {path}: is no private key in PEM or DER: copy it anew"
        ) from None


def _read(field: str, path: Path) -> bytes:
    try:
        place = resolved(field, path)
        with place.open("rb") as file:
            return file.read(CERTIFICATE_BYTES_MAX)
    except SecretFileError as error:
        raise CredentialsError(str(error)) from None
    except OSError as error:
        raise CredentialsError(
            f"{field}: {path}: {error.strerror}: the gateway's user (id {os.geteuid()}) must find "
            "a file it may read"
        ) from None


def _check_time(field: str, path: Path, certificate: x509.Certificate, now: datetime) -> None:
    after, before = certificate.not_valid_after_utc, certificate.not_valid_before_utc
    if now > after:
        raise CredentialsError(f"{field}: {path}: expired on {after:%Y-%m-%d}: {MAKE_ONE}")
    if now < before:
        raise CredentialsError(
            f"{field}: {path}: is valid from {before:%Y-%m-%d %H:%M} UTC on, and it is "
            f"{now.astimezone(UTC):%Y-%m-%d %H:%M} here: correct this machine's clock"
        )


def _application_uris(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.UniformResourceIdentifier)
