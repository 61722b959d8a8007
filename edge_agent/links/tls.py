"""Certificates, key and password of the link, read at every connect.

They are files (or, for the password, ``TWIN_BROKER__PASSWORD``), so that they can be exchanged
while the agent runs: ``new_credentials`` ends when they have been.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

from edge_agent.config.secret_files import SecretFileError, read_secret, resolved
from edge_agent.config.settings import BrokerSettings, TlsSettings
from edge_agent.errors import CredentialsError
from edge_agent.logs import get_logger

WATCH_S = 5.0
"""How often the files are looked at."""

Fingerprint = tuple[tuple[int, int, int] | None, ...]


def tls_context(tls: TlsSettings) -> ssl.SSLContext | None:
    """The TLS of a connection, None without: TLS 1.2 or newer, the broker's name checked.

    Raises:
        CredentialsError: naming field, file and the way out.
    """
    if not tls.enabled:
        return None
    try:
        authority = None if tls.ca_file is None else _read("tls.ca_file", tls.ca_file)
        context = ssl.create_default_context(cadata=authority)
    except ssl.SSLError as error:
        raise CredentialsError(
            f"broker.tls.ca_file: {tls.ca_file}: holds no certificate in PEM ({error.reason}): "
            "give the authority of the broker, ca.crt"
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.cert_file is not None and tls.key_file is not None:
        _load_own(context, tls.cert_file, tls.key_file)
    return context


def password_of(settings: BrokerSettings) -> str | None:
    """The password, from its file or the environment.

    Raises:
        CredentialsError: the file cannot be read.
    """
    if settings.password_file is not None:
        return _read("password_file", settings.password_file).strip()
    return None if settings.password is None else settings.password.get_secret_value()


def fingerprint(settings: BrokerSettings) -> Fingerprint:
    """Fingerprint of the link's files; it changes when one is exchanged."""
    tls = settings.tls
    files = (tls.ca_file, tls.cert_file, tls.key_file, settings.password_file)
    return tuple(_stamp(file) for file in files if file is not None)


async def new_credentials(settings: BrokerSettings, used: Fingerprint) -> None:
    """Wait until the files are others than those ``used``, and fit together.

    Half an exchange, a certificate whose key is still to come, is waited out and logged once.
    """
    complained: Fingerprint | None = None
    while True:
        await asyncio.sleep(WATCH_S)
        found = fingerprint(settings)
        if found == used:
            continue
        try:
            tls_context(settings.tls)
            password_of(settings)
        except CredentialsError as error:
            if found != complained:
                get_logger().warning("credentials_unusable", error=str(error))
            complained = found
        else:
            return


def why_no_tls(settings: BrokerSettings, error: OSError) -> str:
    """Words on a connection that failed below MQTT."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"; checked by broker.host and broker.tls.ca_file {settings.tls.ca_file}"
    if isinstance(error, ssl.SSLError):
        return f"; is {settings.port} the port where the broker speaks TLS?"
    return ""


def connect_hint(
    settings: BrokerSettings, error: BaseException, below: BaseException | None
) -> str:
    """Hint after a connection that could not be opened.

    Args:
        error: what the MQTT library raised.
        below: what it was raised over: an error of the network or of TLS.
    """
    if isinstance(below, socket.gaierror):
        return f"correct broker.host: this machine finds no address for {settings.host!r}"
    if isinstance(below, ConnectionRefusedError):
        return "start the broker there, or correct broker.host and broker.port"
    if isinstance(below, ssl.SSLCertVerificationError):
        return (
            "broker.tls.ca_file must be the authority that issued the broker's certificate, and "
            "the certificate must name broker.host and be valid today"
        )
    if isinstance(below, ssl.SSLError):
        return "correct broker.port: TLS is usually 8883; or set broker.tls.enabled to false"
    if isinstance(below, OSError) and not isinstance(below, TimeoutError):
        return "look at the network: routes and firewalls between this machine and broker.host"
    code = getattr(error, "rc", None)
    value = getattr(code, "value", code)
    known = _BY_REASON.get(value) if isinstance(value, int) else None
    return known or _login_hint(settings, code)


def _login_hint(settings: BrokerSettings, code: object) -> str:
    if code is None:
        return (
            "is broker.port the right one for this kind of connection? The broker's log says more"
        )
    if settings.username is not None:
        return (
            "correct broker.username and its password (broker.password_file); see the broker's log"
        )
    if settings.tls.cert_file is not None:
        return (
            "the broker does not know the user of broker.tls.cert_file: its name must stand in the "
            "access rules (`pur-mold-twin broker init`)"
        )
    return (
        "the broker wants to know who we are: set broker.username and broker.password_file, or a "
        "certificate under broker.tls"
    )


_BY_REASON = {
    0x01: "set broker.protocol to a version that the broker speaks",
    0x84: "set broker.protocol to a version that the broker speaks",
    0x85: "the broker refuses the client id: its rules for client ids must let it in",
    0x88: "the broker is not ready, or shuts down: its log says more",
    0x89: "the broker has too much to do: its log says more",
    0x8A: "the broker has banned this client: its rules say why",
    0x97: "the broker's quota is used up: its log says more",
    0x9F: "the broker limits how often clients connect: raise its limit",
}
"""Refusals of a connection that have nothing to do with who we are, by MQTT reason code."""


def why_no_answer(settings: BrokerSettings) -> str:
    """Likely reasons of a broker that hangs up, or is silent, instead of answering a CONNECT.

    Under TLS 1.3 a client learns nothing else when its certificate is missing or not accepted.
    """
    tls = settings.tls
    if not tls.enabled:
        return "if it expects TLS, set broker.tls.enabled"
    if tls.cert_file is None:
        return (
            "if it asks for a client certificate, set broker.tls.cert_file and broker.tls.key_file"
        )
    return (
        f"it may not accept broker.tls.cert_file {tls.cert_file}: is it from the broker's "
        "authority, and still valid? The broker's log says more"
    )


def _load_own(context: ssl.SSLContext, cert_file: Path, key_file: Path) -> None:
    _read("tls.cert_file", cert_file)
    _read("tls.key_file", key_file)
    try:
        context.load_cert_chain(
            _resolved("tls.cert_file", cert_file),
            _resolved("tls.key_file", key_file),
            password=_no_password,
        )
    except _HasPassword:
        raise CredentialsError(
            f"broker.tls.key_file: {key_file}: has a password: store it without "
            "(openssl pkey -in OLD -out NEW) and let only the agent's user read it"
        ) from None
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise CredentialsError(
                f"broker.tls.key_file: {key_file}: is not the key of broker.tls.cert_file "
                f"{cert_file}: copy both from the same issue"
            ) from None
        raise CredentialsError(
            f"broker.tls.cert_file, broker.tls.key_file: {cert_file}, {key_file}: not a "
            f"certificate and a key in PEM ({error.reason}): copy both anew"
        ) from None


class _HasPassword(Exception):
    """OpenSSL asked for the password of a key, and would ask at the terminal."""


def _no_password() -> str:
    raise _HasPassword


def _read(field: str, path: Path) -> str:
    try:
        return read_secret(f"broker.{field}", path)
    except SecretFileError as error:
        raise CredentialsError(str(error)) from None


def _resolved(field: str, path: Path) -> Path:
    try:
        return resolved(f"broker.{field}", path)
    except SecretFileError as error:
        raise CredentialsError(str(error)) from None


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = _resolved("", path).stat()
    except (OSError, CredentialsError):
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
