"""Address of a database: checked before anybody connects, and shown without its password."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

SCHEMES = ("postgresql", "postgres")
FORM = "write postgresql://user:password@host:5432/database"
_ESCAPES = "in a password write @ as %40, / as %2F, # as %23, ? as %3F and % as %25"


def check_address(url: str) -> str:
    """The address, if a connection can be tried with it.

    Raises:
        ValueError: why not; the message holds nothing of the address that may be secret.
    """
    scheme, separator, _ = url.partition("://")
    if not separator:
        raise ValueError(f"is no address of a database: {FORM}")
    if scheme not in SCHEMES:
        known = scheme if scheme.replace("+", "").isalnum() and len(scheme) < 30 else "that"
        raise ValueError(f"{known}:// is not a way to a database here: {FORM}")
    if any(not char.isprintable() or char.isspace() for char in url):
        raise ValueError(f"holds a blank or a control character: {FORM}; a blank is %20")
    try:
        parts = urlsplit(url)
        port = parts.port
        query = parse_qs(parts.query, keep_blank_values=True)
    except ValueError:
        raise ValueError(
            f"its host or port cannot be read: {FORM}, the port from 1 to 65535; {_ESCAPES}"
        ) from None
    if port == 0:
        raise ValueError("port 0: the port is from 1 to 65535")
    if parts.fragment:
        raise ValueError(f"holds a #: {_ESCAPES}")
    if not parts.hostname and not query.get("host", [""])[0]:
        raise ValueError(f"names no host: {FORM}; of a socket, postgresql:///database?host=/folder")
    if parts.hostname and not is_host(parts.hostname):
        raise ValueError(f"its host is no name of a machine: {FORM}")
    return url


def is_host(name: str) -> bool:
    """May this be the name or the number of a machine? Others end in odd errors of libraries."""
    labels = name.removesuffix(".").split(".")
    plain = all(char.isprintable() and char not in " /?#@[]" for char in name)
    return plain and len(name) <= 253 and all(0 < len(label) < 64 for label in labels)


def without_password(url: str) -> str:
    """An address that may be logged: scheme, user, host, port and database."""
    try:
        parts = urlsplit(url)
        user = f"{parts.username}@" if parts.username else ""
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return "the address of the database"
    return f"{parts.scheme}://{user}{host}{port}{parts.path}"
