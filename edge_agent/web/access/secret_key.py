"""The secret key that entries of the audit log and forms are signed with: a file of its own."""

from __future__ import annotations

import hmac
import os
import secrets
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from edge_agent.config.secret_files import SCHEME, SecretFileError, read_secret
from edge_agent.errors import SettingsError
from edge_agent.spool.sqlite_files import make_folder

CHARACTERS_MIN, CHARACTERS_MAX = 32, 4096
HOW_TO_MAKE = "openssl rand -hex 32"


class SecretKey:
    """A key, and what is signed with it; each purpose has a key of its own."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def mac(self, purpose: str, message: str) -> str:
        """HMAC-SHA256 in hex."""
        key = hmac.new(self._secret, purpose.encode(), sha256).digest()
        return hmac.new(key, message.encode(), sha256).hexdigest()

    def is_mac(self, purpose: str, message: str, mac: str) -> bool:
        """True if it was made with this key; takes the same time whatever was given."""
        return hmac.compare_digest(self.mac(purpose, message).encode(), mac.encode())


def key_file_beside(database: Path) -> Path:
    """File of the key where none is named."""
    return database.with_name(f"{database.name}.audit-key")


def read_key(path: Path, field: str = "web.audit_key_file", *, make: bool = False) -> SecretKey:
    """The key in a file.

    Args:
        path: of the file; ``credentials:NAME`` as in ``broker.tls``.
        field: names the setting in errors.
        make: make one where there is none.

    Raises:
        SettingsError: it cannot be had, or is too short.
    """
    if make and not str(path).startswith(SCHEME) and not path.exists():
        _write_new(path, field)
    try:
        secret = read_secret(field, path).strip()
    except SecretFileError as error:
        raise SettingsError(str(error)) from None
    if not (CHARACTERS_MIN <= len(secret) <= CHARACTERS_MAX and secret.isprintable()):
        raise SettingsError(
            f"{field}: {path}: holds no key: one line of at least {CHARACTERS_MIN} characters that "
            f"nobody can guess is expected; make it with {HOW_TO_MAKE}"
        )
    return SecretKey(secret)


def _write_new(path: Path, field: str) -> None:
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        make_folder(path.parent)
        try:
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(32) + "\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # of two that start at once, the first one's stays
                os.link(new, path)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        raise SettingsError(
            f"{field}: {path}: the key cannot be written: {error.strerror}: let the web's user "
            "write there, or name a file that holds one"
        ) from None
